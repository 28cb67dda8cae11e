//! The board's pages: whose they are, numbers that equal a recount, more time, and lists to write to centres by.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::roles::{PEOPLE, Person};
use crate::support::{Answer, CENTRE, COMPONENT, OTHER, Strongroom, send};

/// A component with sections that ask for two files, and that takes work by other means.
const GAME: &str = "01_3357_R091_01";
const PROGRESS: &str = "/board/progress/creative-imedia-june-2026";

pub struct Board {
    pub strongroom: Strongroom,
    pub person: Person,
}

impl Board {
    pub async fn start() -> Self {
        let strongroom = Strongroom::start().await;
        let person = Person::new(&strongroom, "board").await;
        Self { strongroom, person }
    }

    pub fn ask(&self, method: &str, path: &str) -> RequestBuilder {
        self.person.request(&self.strongroom, method, path).header("accept", "text/html")
    }

    pub async fn get(&self, path: &str) -> Answer {
        let answer = send(self.ask("GET", path)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer
    }

    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        send(filled(self.ask("POST", path), form)).await
    }
}

/// A request with a form.
pub fn filled<T: AsRef<str>>(request: RequestBuilder, fields: &[(&str, T)]) -> RequestBuilder {
    let coded = |(name, value): &(&str, T)| {
        format!("{name}={}", utf8_percent_encode(value.as_ref(), NON_ALPHANUMERIC))
    };
    let body = fields.iter().map(coded).collect::<Vec<_>>().join("&");
    request.header("content-type", "application/x-www-form-urlencoded").body(body)
}

/// What stands between the first `from` and the next `to` after it.
pub fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("no {from} in {text}"));
    rest.split_once(to).unwrap().0
}

/// The numbers of the cells or figures of a part of a page.
fn numbers(part: &str, what: &str) -> [u64; 5] {
    ["in_sample", "complete", "complete_with_missing", "in_progress", "not_started"].map(|name| {
        let found = between(part, &format!("{what}=\"{name}\">"), "<");
        found.parse().unwrap()
    })
}

/// The same of a sample, as the API counts.
fn counted(sample: &Value) -> [u64; 5] {
    ["candidates", "complete", "complete_with_missing", "in_progress", "not_started"]
        .map(|name| sample["counts"][name].as_u64().unwrap())
}

#[tokio::test]
async fn the_boards_pages_are_the_boards() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let here = format!("{PROGRESS}/{COMPONENT}");
    // For board staff, then for auditors.
    let pages = [
        ("GET", "/board".to_owned(), 200, 200),
        ("GET", here.clone(), 200, 200),
        ("GET", format!("{here}/extend?sample={sample}"), 200, 403),
        ("POST", format!("{here}/extend"), 422, 422),
        ("GET", format!("{here}/outstanding"), 200, 200),
        ("GET", format!("{here}/outstanding.csv"), 200, 200),
        ("GET", format!("{here}/naming"), 200, 200),
        ("POST", format!("{here}/naming"), 200, 200),
        ("GET", "/board/import".to_owned(), 200, 403),
    ];
    for name in PEOPLE {
        let person = Person::new(&strongroom, name).await;
        for (method, path, board, auditor) in &pages {
            let ask = async |path: &str| {
                let request = person.request(&strongroom, method, path).header("accept", "text/html");
                let form = request.header("content-type", "application/x-www-form-urlencoded");
                send(form.body("due=&reason=")).await
            };
            let expected = match name {
                "board" => *board,
                "auditor" => *auditor,
                _ => 404,
            };
            let answer = ask(path).await;
            assert_eq!(answer.status, expected, "{method} {path} by {name}");
            let nowhere = ask(&path.replace("creative-imedia", "no-such")).await;
            if path.contains("creative-imedia") {
                assert_eq!(nowhere.status, 404, "{method} of nothing by {name}");
            }
        }
        let way_in = send(person.request(&strongroom, "GET", "/")).await;
        let leads = way_in.headers.get("location").is_some_and(|to| to == "/board");
        assert_eq!(leads, ["board", "auditor"].contains(&name), "{name}");
    }
    // An auditor gives nobody more time, whatever is sent.
    let auditor = Person::new(&strongroom, "auditor").await;
    let form = [("sample", &*sample), ("due", "2099-01-01T00:00"), ("reason", "x"), ("confirmed", "1")];
    let sent = filled(auditor.request(&strongroom, "POST", &format!("{here}/extend")), &form);
    assert_eq!(send(sent).await.code(), (403, "forbidden".into()));
    // A board whose role is narrowed to a centre sees that centre, and no other.
    strongroom.sql("UPDATE roles SET centre_number = '20461' WHERE person_id = 'board'").await;
    let board = Person::new(&strongroom, "board").await;
    let ask = |path: &str| board.request(&strongroom, "GET", path).header("accept", "text/html");
    let text = send(ask(&here)).await.text;
    assert!(text.contains("centre-20461") && !text.contains("98765"), "{text}");
    assert_eq!(send(ask(&format!("{here}/extend?sample={sample}"))).await.status, 404);
    assert_eq!(
        send(ask(&format!("{PROGRESS}/01_3357_R084_01"))).await.status,
        404,
        "it has the other centre alone"
    );
    strongroom.stop().await;
}

#[tokio::test]
async fn what_the_pages_count_equals_a_recount() {
    let board = Board::start().await;
    let strongroom = &board.strongroom;
    let officer = strongroom.as_("officer.98765").await;
    let other = strongroom.as_("officer.20461").await;
    let put = async |path: String, body: Value| {
        let answer = officer.put(&path, body).await;
        assert_eq!(answer.status, 204, "{path}: {}", answer.text);
    };
    // A candidate of every kind.
    let game = strongroom.sample_of(GAME, CENTRE).await;
    let list = officer.get(&format!("/api/v1/samples/{game}/candidates")).await.json();
    let sampled = list["items"].as_array().unwrap().iter();
    let sampled = sampled.filter(|one| one["in_sample"] == true && one["status"] == "entered");
    let numbers_of: Vec<_> = sampled.map(|one| one["number"].as_str().unwrap().to_owned()).collect();
    let [missing, fewer, posted, running, beside, absent] = &numbers_of[..] else { panic!("{numbers_of:?}") };
    let section =
        |number: &str, code: &str| format!("/api/v1/samples/{game}/candidates/{number}/sections/{code}");
    for code in ["Brief", "Research", "Concept", "Pitch"] {
        put(format!("{}/missing", section(missing, code)), json!({ "reason": "lost" })).await;
        if code != "Research" {
            put(format!("{}/missing", section(fewer, code)), json!({ "reason": "lost" })).await;
        }
    }
    let one = officer.upload(&game, fewer, "Research", "one.txt", b"first source").await;
    officer.wait_for(&one, "accepted").await;
    put(format!("{}/incomplete", section(fewer, "Research")), json!({ "reason": "Burnt." })).await;
    put(format!("{}/other_means", section(posted, "Brief")), json!({ "means": "posted", "reference": "1" }))
        .await;
    assert_eq!(officer.begin(&game, running, "Review", "r.txt", 9).await.status, 201);
    let aside = officer.upload(&game, beside, "Supporting", "aside.txt", b"not evidence").await;
    officer.wait_for(&aside, "accepted").await;
    let absent = format!("/api/v1/samples/{game}/candidates/{absent}/absent");
    put(absent, json!({ "reason": "ill" })).await;
    // A sample in progress, one that is submitted, and one that was sent back.
    let web = strongroom.sample(CENTRE).await;
    for code in ["URS", "Evidence"] {
        let file = officer.upload(&web, "1005", code, "work.txt", code.as_bytes()).await;
        officer.wait_for(&file, "accepted").await;
    }
    let back = strongroom.sample(OTHER).await;
    other.submit(&back).await;
    let again = json!({ "reason": "A file is empty.", "due_at": "2099-01-01T00:00:00Z" });
    let returns = format!("/api/v1/samples/{back}/returns");
    let staff = strongroom.as_("board").await;
    let answer = send(staff.request(reqwest::Method::POST, &returns).json(&again)).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    other.submit(&strongroom.sample_of(GAME, OTHER).await).await;

    let shows = ["", "attention", "not-started", "not-submitted", "quiet", "late", "returned", "submitted"];
    for component in [COMPONENT, GAME, "01_3357_R084_01", "01_3357_R087_01"] {
        let here = format!("{PROGRESS}/{component}");
        let page = board.get(&here).await.text;
        let samples = staff.get(&format!("/api/v1/samples?component={component}&limit=500")).await.json();
        let samples = samples["items"].as_array().unwrap();
        let mut all = [0; 5];
        for sample in samples {
            let row =
                between(&page, &format!("id=\"centre-{}\"", sample["centre"].as_str().unwrap()), "</tr>");
            assert_eq!(numbers(row, "data-cell"), counted(sample), "{component}: {sample}");
            for (sum, one) in all.iter_mut().zip(counted(sample)) {
                *sum += one;
            }
        }
        assert_eq!(page.matches("<tr id=\"centre-").count(), samples.len(), "{component}");
        assert_eq!(numbers(&page, "data-figure"), all, "{component}");
        for show in shows {
            let tab = between(&page, &format!("id=\"show-{show}\""), "</a>");
            let said: usize = between(tab, "<b>", "</b>").parse().unwrap();
            let shown = board.get(&format!("{here}?show={show}")).await.text;
            assert_eq!(shown.matches("<tr id=\"centre-").count(), said, "{component} {show}");
        }
    }
    let of = async |show: &str| board.get(&format!("{PROGRESS}/{COMPONENT}?show={show}")).await.text;
    assert!(of("returned").await.contains("centre-20461") && !of("returned").await.contains("centre-98765"));
    assert!(of("not-submitted").await.contains("centre-98765"));
    assert!(!board.get(&format!("{PROGRESS}/{GAME}?show=not-submitted")).await.text.contains("centre-20461"));
    // Past its date.
    strongroom.sql("UPDATE samples SET due_at = 1, cut_off_at = 2 WHERE centre_number = '98765'").await;
    let late = of("late").await;
    assert!(
        late.contains("centre-98765") && late.contains("Past its date") && !late.contains("centre-20461")
    );
    assert!(of("attention").await.contains("centre-98765"));
    board.strongroom.stop().await;
}

#[tokio::test]
async fn how_files_move_and_where_nothing_does_is_told() {
    let board = Board::start().await;
    let strongroom = &board.strongroom;
    let here = format!("{PROGRESS}/{COMPONENT}");
    let page = board.get(&here).await.text;
    for still in ["No upload running", "Nothing in the checks", "Nothing refused today"] {
        assert!(page.contains(still), "{still}: {page}");
    }
    assert_eq!(page.matches("No activity yet").count(), 2);
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let empty = teacher.upload(&sample, "1005", "Evidence", "essay.pdf", b"no PDF at all").await;
    teacher.wait_for(&empty, "rejected").await;
    assert_eq!(teacher.begin(&sample, "1005", "Evidence", "slow.txt", 9).await.status, 201);
    let page = board.get(&here).await.text;
    assert!(page.contains("1 file refused today (") && page.contains("1 upload running"), "{page}");
    let other = board.get(&format!("{PROGRESS}/{GAME}")).await.text;
    assert!(other.contains("Nothing refused today"), "of another component");
    let quiet = async || board.get(&format!("{here}?show=quiet")).await.text;
    let told = quiet().await;
    assert!(told.contains("centre-20461") && !told.contains("centre-98765"), "{told}");
    // A day later.
    strongroom.sql("UPDATE files SET created_at = 1, received_at = 1").await;
    strongroom.sql("UPDATE uploads SET last_byte_at = 1").await;
    assert!(quiet().await.contains("centre-98765"));
    // A flag is activity too.
    let missing = format!("/api/v1/samples/{sample}/candidates/1003/sections/URS/missing");
    assert_eq!(teacher.put(&missing, json!({ "reason": "lost" })).await.status, 204);
    assert!(!quiet().await.contains("centre-98765"));
    board.strongroom.stop().await;
}

#[tokio::test]
async fn a_list_of_centres_is_searched_and_its_address_says_all() {
    let board = Board::start().await;
    let here = format!("{PROGRESS}/{COMPONENT}");
    for (find, found) in [("LARK", "20461"), ("2046", "20461"), ("ashb", "98765"), ("%25", ""), ("_", "")] {
        let page = board.get(&format!("{here}?find={find}")).await.text;
        for centre in ["20461", "98765"] {
            assert_eq!(page.contains(&format!("centre-{centre}")), centre == found, "{find}");
        }
    }
    let page = board.get(&format!("{here}?from=1&all=true")).await.text;
    assert!(
        page.contains("centre-98765") && !page.contains("centre-20461"),
        "numbers before it are left out"
    );
    assert_eq!(page.matches(" checked>").count(), 1);
    assert_eq!(send(board.ask("GET", &format!("{here}?from=-1"))).await.status, 400);
    board.strongroom.stop().await;
}

#[tokio::test]
async fn more_time_is_given_to_the_chosen_centres_after_a_look() {
    let board = Board::start().await;
    let strongroom = &board.strongroom;
    let (open, sent) = (strongroom.sample(CENTRE).await, strongroom.sample(OTHER).await);
    strongroom.as_("officer.20461").await.submit(&sent).await;
    let here = format!("{PROGRESS}/{COMPONENT}/extend");
    let form = |more: &[(&'static str, &'static str)]| {
        let both = [("sample", open.clone()), ("sample", sent.clone())];
        let more = more.iter().map(|(name, value)| (*name, (*value).to_owned()));
        both.into_iter().chain(more).collect::<Vec<_>>()
    };
    let post = async |form: Vec<(&str, String)>| send(filled(board.ask("POST", &here), &form)).await;
    let asked = board.get(&format!("{here}?sample={open}&sample={sent}")).await.text;
    assert!(asked.contains("98765 Ashbourne School") && asked.contains("20461 Larkfield College"));
    for (due, reason, says) in [
        ("", "Flood", "Give a date and a time"),
        ("2020-01-01T00:00", "Flood", "still ahead"),
        ("2099-01-01T00:00", "  ", "Say why"),
    ] {
        let answer = post(form(&[("due", due), ("reason", reason)])).await;
        assert!(answer.status == 422 && answer.text.contains(says), "{says}: {}", answer.text);
    }
    let fields = [("due", "2099-01-01T00:00"), ("reason", "The school was flooded.")];
    let preview = post(form(&fields)).await.text;
    assert!(preview.contains("Check what will happen") && preview.contains("It is submitted"), "{preview}");
    assert!(strongroom.texts("SELECT reason FROM sample_extensions").await.is_empty(), "only looked at");
    let confirmed = form(&[fields[0], fields[1], ("confirmed", "1")]);
    let done = post(confirmed.clone()).await.text;
    assert!(done.contains("More time given") && done.contains("No change. It is submitted"), "{done}");
    assert_eq!(strongroom.texts("SELECT reason FROM sample_extensions").await, ["The school was flooded."]);
    let told = "SELECT actor || ' ' || chain FROM audit WHERE action = 'sample.extended'";
    assert_eq!(strongroom.texts(told).await, [format!("board {open}")]);
    let known = strongroom.as_("board").await.get(&format!("/api/v1/samples/{open}")).await.json();
    assert_eq!(known["due_at"], "2099-01-01T00:00:00Z");
    let again = post(confirmed).await.text;
    assert!(again.contains("as much time already"), "twice is once: {again}");
    let elsewhere = strongroom.sample_of(GAME, CENTRE).await;
    let stray =
        board.post(&here, &[("sample", &elsewhere), ("due", "2099-01-01T00:00"), ("reason", "x")]).await;
    assert_eq!(stray.status, 404, "a sample of another component");
    let many: Vec<_> = (0..101).map(|at| ("sample", format!("{at:032x}"))).collect();
    assert_eq!(send(filled(board.ask("POST", &here), &many)).await.status, 400);
    board.strongroom.stop().await;
}

#[tokio::test]
async fn a_list_to_write_by_says_what_is_outstanding_and_harms_no_spreadsheet() {
    let board = Board::start().await;
    let strongroom = &board.strongroom;
    strongroom.sql("UPDATE centres SET name = '=1+1,\"x' WHERE number = '20461'").await;
    let here = format!("{PROGRESS}/{COMPONENT}/outstanding");
    let page = board.get(&here).await.text;
    assert!(page.contains("98765 Ashbourne School"), "{page}");
    let addresses = between(&page, "<textarea id=\"addresses\"", "</textarea>");
    assert!(addresses.ends_with("exams@ashbourne.example"), "{addresses}");
    let csv = board.get(&format!("{here}.csv")).await;
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8");
    let rows: Vec<&str> = csv.text.lines().collect();
    assert_eq!(rows.len(), 3, "{}", csv.text);
    assert!(rows[0].starts_with("centre,name,email,component,state,outstanding,in_sample,"));
    assert!(
        rows[1].starts_with("20461,\"'=1+1,\"\"x\",,01_3357_R085_01,Not started,6 of 6 candidates"),
        "{}",
        rows[1]
    );
    assert!(rows[2].starts_with("98765,Ashbourne School,exams@ashbourne.example,"), "{}", rows[2]);
    strongroom.as_("officer.98765").await.submit(&strongroom.sample(CENTRE).await).await;
    let csv = board.get(&format!("{here}.csv?show=not-submitted")).await;
    assert!(csv.text.lines().count() == 2 && !csv.text.contains("98765"), "{}", csv.text);
    board.strongroom.stop().await;
}
