//! The pages as a browser asks for them: what is wrong with an address, what counts as somebody being there, lists.

use reqwest::{Method, RequestBuilder};

use crate::identity::{cookie, with_cookie};
use crate::roles::Person;
use crate::support::{Answer, CENTRE, Strongroom, send};

const PROBE: &str = "SELECT CAST(seen_at AS TEXT) FROM sessions";

fn page(strongroom: &Strongroom, cookie: &str, path: &str) -> RequestBuilder {
    with_cookie(strongroom, Method::GET, path, cookie).header("accept", "text/html")
}

#[tokio::test]
async fn a_wrong_address_is_answered_by_a_page_of_ours() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let cookie = cookie(&strongroom, "officer.98765").await;
    for (path, status) in [
        ("/samples/garbage".to_owned(), 404),
        ("/assessments/%ff".to_owned(), 404),
        (format!("/samples/{sample}/submissions/99999999999999"), 404),
        (format!("/samples/{sample}?open=abc"), 400),
        (format!("/samples/{sample}?utm=1"), 200),
        (format!("/samples/{sample}?from=18446744073709551615"), 200),
    ] {
        let answer: Answer = send(page(&strongroom, &cookie, &path)).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8", "{path}");
        assert!(answer.text.contains("id=\"main\""), "{path}");
        assert!(!answer.text.contains("deserialize"), "{path}: a parser's words are for programs");
    }
    let long = strongroom.stranger().request(Method::POST, "/sign-in");
    let long = long.header("content-type", "application/x-www-form-urlencoded");
    let answer = send(long.body(format!("person={}", "x".repeat(300 << 10)))).await;
    assert_eq!(answer.code(), (413, "too_large".into()), "a form is read as every small body is");
    strongroom.stop().await;
}

#[tokio::test]
async fn a_page_that_looks_by_itself_does_not_keep_its_session_alive() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let cookie = cookie(&strongroom, "officer.98765").await;
    strongroom.sql("UPDATE sessions SET seen_at = seen_at - 600000000").await;
    let before = strongroom.texts(PROBE).await;
    let look = page(&strongroom, &cookie, &format!("/samples/{sample}")).header("x-background", "1");
    assert_eq!(send(look).await.status, 200);
    let listen = with_cookie(&strongroom, Method::GET, &format!("/api/v1/events?samples={sample}"), &cookie)
        .header("accept", "text/event-stream");
    assert_eq!(listen.send().await.unwrap().status(), 200);
    assert_eq!(strongroom.texts(PROBE).await, before, "nobody was there");
    assert_eq!(send(page(&strongroom, &cookie, &format!("/samples/{sample}"))).await.status, 200);
    assert_ne!(strongroom.texts(PROBE).await, before);
    strongroom.stop().await;
}

#[tokio::test]
async fn a_refusal_is_shown_until_it_is_made_up_for() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let cookie = cookie(&strongroom, "officer.98765").await;
    let upload = async |name: &str, bytes: &[u8], state: &str| {
        let file = officer.upload(&sample, "1005", "Evidence", name, bytes).await;
        officer.wait_for(&file, state).await;
    };
    let shown = async |query: &str| {
        send(page(&strongroom, &cookie, &format!("/samples/{sample}?open=1005{query}"))).await.text
    };
    let problem = |text: &str| text.contains("id=\"row-1005\"");
    upload("bad.txt", b"MZ\x90\0\x03\0\0\0\x04\0 no words", "rejected").await;
    upload("good.txt", b"Some words of a candidate.", "accepted").await;
    assert!(shown("").await.contains(">bad.txt<"), "another file does not make up for it");
    assert!(problem(&shown("&filter=problem").await));
    upload("bad.txt", b"What was meant.", "accepted").await;
    assert!(!problem(&shown("&filter=problem").await), "the file of that name is here now");

    // What nothing makes up for can be dismissed; the verdict stays.
    let bytes = b"MZ\x90\0\x03\0\0\0\x04\0 no words";
    let file = officer.upload(&sample, "1005", "Evidence", "worse.txt", bytes).await;
    officer.wait_for(&file, "rejected").await;
    assert!(problem(&shown("&filter=problem").await) && shown("").await.contains(">Dismiss</button>"));
    let path = format!("/api/v1/files/{file}");
    for _ in 0..2 {
        assert_eq!(officer.delete(&path).await.status, 204, "twice is once");
    }
    assert!(!problem(&shown("&filter=problem").await) && !shown("").await.contains(">worse.txt<"));
    assert_eq!(officer.get(&path).await.json()["state"], "rejected");
    assert_eq!(officer.post(&format!("{path}/restore")).await.code(), (409, "wrong_state".into()));
    let rows = strongroom.texts("SELECT action FROM audit WHERE action = 'file.dismissed'").await;
    assert_eq!(rows.len(), 1);
    strongroom.stop().await;
}

#[tokio::test]
async fn several_sections_are_marked_as_missing_at_once() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let person = Person::new(&strongroom, "officer.98765").await;
    let path = format!("/samples/{sample}/missing");
    let shown = async || send(person.request(&strongroom, "GET", &path)).await.text;
    let mark = async |form: &str| {
        let form = format!("csrf=&note=In+the+flood.{form}");
        let request = person.request(&strongroom, "POST", &path);
        send(request.header("content-type", "application/x-www-form-urlencoded").body(form)).await
    };
    let state = async |number: &str| {
        let whole = officer.get(&format!("/api/v1/samples/{sample}/candidates/{number}")).await.json();
        whole["sections"][0]["state"].as_str().unwrap().to_owned()
    };
    let page = shown().await;
    let places: Vec<_> =
        page.split("value=\"").filter_map(|part| part.split_once('"')?.0.split_once('/')).collect();
    // Who stands between the highest mark and the lowest is drawn by lot.
    let ["1005", _, other, .., "0042", _] = places.iter().map(|place| place.0).collect::<Vec<_>>()[..] else {
        panic!("not as the list: {places:?}")
    };
    assert!(
        places.iter().map(|place| place.1).eq(["URS", "Evidence"].repeat(6)),
        "section by section: {places:?}"
    );

    for (form, said) in [
        ("&reason=lost", "Choose at least one section"),
        ("&place=1005/URS", "Choose why there is nothing"),
        ("&place=1005/URS&note=+&reason=other", "Say in the note why it is missing"),
    ] {
        let answer = mark(form).await;
        assert!(answer.status == 422 && answer.text.contains(said), "{said}: {}", answer.text);
        assert_eq!(state("1005").await, "empty");
    }
    assert!(mark("&place=1005/URS").await.text.contains(" checked"), "what was chosen is chosen still");
    assert_eq!(mark("&place=1005/Nothing&reason=lost").await.status, 404);
    let many = "&place=1005/URS".repeat(101);
    assert_eq!(mark(&format!("{many}&reason=lost")).await.status, 400);

    // A file came to one of them after the page was shown; the others stand.
    let file = officer.upload(&sample, "0042", "URS", "urs.txt", b"recording sheet").await;
    officer.wait_for(&file, "accepted").await;
    let answer = mark(&format!("&place=1005/URS&place=0042/URS&place={other}/URS&reason=damaged")).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("2 sections are marked as Missing."), "{}", answer.text);
    assert!(
        answer.text.contains("<strong>0042, Unit recording sheet</strong>: This section cannot be marked")
    );
    assert_eq!((state("1005").await, state(other).await), ("missing".into(), "missing".into()));
    assert_eq!(state("0042").await, "provided");
    assert!(!shown().await.contains("1005/URS"), "it is said of it already");
    let answer = mark(&format!("&place=1005/Evidence&place={other}/Evidence&reason=lost")).await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.headers["location"], format!("/samples/{sample}/check"));
    let rows = strongroom.texts("SELECT action FROM audit WHERE action LIKE 'section.%' ORDER BY id").await;
    assert_eq!(rows, ["section.missing_set"; 4]);
    strongroom.stop().await;
}

#[tokio::test]
async fn a_file_that_was_moved_says_from_where_with_a_way_back() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let person = Person::new(&strongroom, "officer.98765").await;
    let file = officer.upload(&sample, "1005", "URS", "urs.txt", b"recording sheet").await;
    officer.wait_for(&file, "accepted").await;
    let shown = async |open: &str| {
        let path = format!("/samples/{sample}?moved={file}&open={open}");
        send(person.request(&strongroom, "GET", &path)).await.text
    };
    let post = async |form: &str| {
        let request = person.request(&strongroom, "POST", &format!("/samples/{sample}/files/{file}/move"));
        let form = request.header("content-type", "application/x-www-form-urlencoded").body(form.to_owned());
        send(form).await.headers["location"].to_str().unwrap().to_owned()
    };
    assert!(!shown("1005").await.contains("move-back"), "it was never moved");
    let there = post("candidate=0042&section=Evidence").await;
    assert!(there.contains(&format!("?moved={file}&open=0042")), "{there}");
    let told = "Moved <strong>urs.txt</strong> here from 1005 Jordan Adeyemi · Unit recording sheet.";
    assert!(shown("0042").await.contains(told));
    assert!(!shown("1005").await.contains("move-back"), "it is not there");
    post("candidate=1005&section=URS").await;
    assert!(shown("1005").await.contains("here from 0042 Mohammed Al-Rashid · Candidate evidence."));
    post("candidate=1005&section=Evidence").await;
    assert!(shown("1005").await.contains("here from Unit recording sheet."));
    officer.submit(&sample).await;
    assert!(!shown("1005").await.contains("move-back"), "nothing can be changed");
    strongroom.stop().await;
}

#[tokio::test]
async fn a_list_of_samples_goes_on_where_its_page_ended() {
    let strongroom = Strongroom::start().await;
    let cookie = cookie(&strongroom, "board").await;
    let home = send(page(&strongroom, &cookie, "/organisations/ocr")).await.text;
    let (_, rest) = home.split_once("href=\"/assessments/").unwrap();
    let assessment = rest.split('"').next().unwrap();
    let cards = |text: &str| -> Vec<String> {
        let parts = text.split("class=\"cover\" href=\"/samples/").skip(1);
        parts.map(|part| part.split('"').next().unwrap().to_owned()).collect()
    };
    let path = format!("/assessments/{assessment}");
    let all = cards(&send(page(&strongroom, &cookie, &path)).await.text);
    assert!(all.len() > 2, "{all:?}");
    let rest = cards(&send(page(&strongroom, &cookie, &format!("{path}?after={}", all[0]))).await.text);
    assert_eq!(rest, all[1..]);
    strongroom.stop().await;
}

#[tokio::test]
async fn a_page_is_compressed_for_our_own_pages_alone() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample_of("01_3357_R084_01", CENTRE).await;
    let cookie = cookie(&strongroom, "officer.98765").await;
    let ask = async |site: &str| {
        let asked = page(&strongroom, &cookie, &format!("/samples/{sample}"));
        let asked = asked.header("accept-encoding", "gzip, br").header("sec-fetch-site", site);
        let answer = asked.send().await.unwrap();
        let coding =
            answer.headers().get("content-encoding").map(|coding| coding.to_str().unwrap().to_owned());
        (coding, answer.bytes().await.unwrap())
    };
    let (coding, pressed) = ask("same-origin").await;
    assert_eq!(coding.as_deref(), Some("br"));
    assert!(pressed.len() <= 25_000, "500 candidates in {} bytes", pressed.len());
    let mut plain = Vec::new();
    brotli::BrotliDecompress(&mut &*pressed, &mut plain).unwrap();
    let plain = String::from_utf8(plain).unwrap();
    assert_eq!(plain.matches("<tr class=\"row").count(), 500);
    // A link on another site chose what stands in the address.
    let (coding, whole) = ask("cross-site").await;
    assert_eq!(coding, None);
    assert!(whole.len() > 100_000);
    strongroom.stop().await;
}

#[tokio::test]
async fn the_rows_that_are_asked_for_are_those_of_the_whole_page() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let cookie = cookie(&strongroom, "officer.98765").await;
    let read =
        async |query: &str| send(page(&strongroom, &cookie, &format!("/samples/{sample}{query}"))).await.text;
    let row = |text: &str, number: &str| {
        let (_, rest) = text.split_once(&format!("id=\"c-{number}\"")).unwrap();
        rest.split_once("</tr>").unwrap().0.to_owned()
    };
    let whole = read("?open=1005").await;
    let part = read("?open=1005&rows=1007,1005,4444").await;
    assert_eq!(part.matches("<tr class=\"row").count(), 2);
    for number in ["1005", "1007"] {
        assert_eq!(row(&part, number), row(&whole, number));
    }
    assert!(part.contains("id=\"panel-row\"") && part.contains("data-part"));
    assert!(!read("?open=1005&rows=1007").await.contains("id=\"panel-row\""), "not asked for");
    assert!(!read("?closed=true").await.contains("id=\"panel-row\""));
    // What is searched for stands; the others are there, and hidden.
    let found = read("?search=%C5%82ukasz+w").await;
    assert_eq!(found.matches("<tr class=\"row").count(), 13);
    assert_eq!(found.matches(" data-live hidden>").count(), 12);
    assert!(
        found.contains("id=\"candidate-title\" tabindex=\"-1\">Łukasz Wójcik<"),
        "the first found is open"
    );
    strongroom.stop().await;
}

#[tokio::test]
async fn files_that_speak_of_somebody_else_are_asked_about() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let cookie = cookie(&strongroom, "officer.98765").await;
    let ask = async |query: &str| {
        let path = format!("/samples/{sample}/candidates/1005/filing?{query}");
        send(page(&strongroom, &cookie, &path)).await.text
    };
    let goes = |text: &str| text.contains("data-go");
    assert!(goes(&ask("section=Evidence&names=film.mp4/adeyemi+1003.mp4").await));
    let apart = ask("section=Evidence&names=film.mp4/oneill.mp4/end.mp4/1003.mp4").await;
    assert!(!goes(&apart) && apart.contains("data-apart=\"0 2;1 3\""), "each by whom it speaks of: {apart}");
    assert!(!apart.contains("data-candidate"), "{apart}");
    let asked = ask("section=Evidence&names=oneill.mp4/1003.mp4").await;
    assert!(asked.contains("“oneill.mp4” and “1003.mp4” mention 1003"), "{asked}");
    let asked = ask("section=Evidence&names=oneill.mp4").await;
    assert!(!goes(&asked) && asked.contains("“oneill.mp4” mentions 1003"), "{asked}");
    assert!(asked.contains("File under 1005 Jordan Adeyemi: Candidate evidence"), "{asked}");
    assert!(asked.contains("data-candidate=\"1003\""), "{asked}");
    // Dropped on the row: the sections that take it.
    let asked = ask("names=sheet.docx").await;
    assert!(
        !goes(&asked)
            && asked.contains("data-section=\"URS\"")
            && asked.contains("data-section=\"Evidence\"")
    );
    assert!(!asked.contains("data-section=\"Film\""), "a film section takes no document");
    assert!(ask("names=a.exe").await.contains("takes this"));
    // A full section: what is dropped replaces what is there only when somebody says so.
    let file = officer.upload(&sample, "1005", "URS", "urs.txt", b"A sheet of some words.").await;
    officer.wait_for(&file, "accepted").await;
    assert!(goes(&ask("section=URS&names=new.txt").await), "the button said so");
    let asked = ask("section=URS&names=new.txt&dropped=true").await;
    assert!(!goes(&asked) && asked.contains(&format!("data-replaces=\"{file}\"")), "{asked}");
    strongroom.stop().await;
}

#[tokio::test]
async fn who_is_absent_is_in_no_count_and_named_before_submitting() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let cookie = cookie(&strongroom, "officer.98765").await;
    let read = async |path: String| send(page(&strongroom, &cookie, &path)).await.text;
    let list = async |query: &str| read(format!("/samples/{sample}{query}")).await;
    let number = |text: &str, from: &str, to: &str| -> usize {
        let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("no {from} in {text}"));
        rest.split_once(to).unwrap().0.trim().parse().unwrap()
    };
    let in_sample = |text: &str| number(text, "In the sample <b>", "</b>");
    let before = in_sample(&list("").await);
    let absent = format!("/api/v1/samples/{sample}/candidates/1005/absent");
    assert_eq!(officer.put(&absent, serde_json::json!({})).await.status, 204);
    let narrowed = list("?filter=sample&closed=true").await;
    assert_eq!(in_sample(&narrowed), before - 1);
    assert_eq!(narrowed.matches("<tr class=\"row").count(), before - 1, "the number is that of the rows");
    assert!(!narrowed.contains("id=\"c-1005\""));
    assert_eq!(number(&narrowed, "</strong> of ", " complete"), before - 1);
    let home = read("/organisations/ocr".to_owned()).await;
    assert!(home.contains(&format!("<dd>{} in the sample, ", before - 1)), "{home}");

    let check = read(format!("/samples/{sample}/check")).await;
    let named = format!("href=\"/samples/{sample}?open=1005&#38;at=candidate#candidate\"");
    assert!(check.contains("Marked as absent") && check.contains(&named), "{check}");
    for candidate in officer.get(&format!("/api/v1/samples/{sample}/candidates")).await.json()["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["in_sample"] == true && one["status"] == "entered")
    {
        let candidate =
            format!("/api/v1/samples/{sample}/candidates/{}", candidate["number"].as_str().unwrap());
        let sections = officer.get(&candidate).await.json()["sections"].clone();
        for section in sections.as_array().unwrap().iter().filter(|one| one["required"] == true) {
            let missing = format!("{candidate}/sections/{}/missing", section["code"].as_str().unwrap());
            let why = serde_json::json!({ "reason": "other", "note": "The mill burnt down." });
            assert_eq!(officer.put(&missing, why).await.status, 204);
        }
    }
    let check = read(format!("/samples/{sample}/check")).await;
    assert!(check.contains("Nothing stops you.") && check.contains(" absent.</p>"), "{check}");
    assert!(check.contains(": other reason: “The mill burnt down.”</span>"), "{check}");
    let submit = read(format!("/samples/{sample}/submit")).await;
    assert!(submit.contains("<dt>Absent</dt>") && submit.contains(&named), "{submit}");

    officer.submit(&sample).await;
    let receipt = read(format!("/samples/{sample}/submissions/1")).await;
    assert!(receipt.contains("<h2>Missing</h2>"), "nothing was sent another way: {receipt}");
    strongroom.stop().await;
}

#[tokio::test]
async fn what_is_optional_is_not_counted_as_owed() {
    let strongroom = Strongroom::start().await;
    let cookie = cookie(&strongroom, "officer.98765").await;
    for (component, told) in [
        ("01_3357_R085_01", "none required"), // one, optional
        ("01_3357_R084_01", "0 of 1"),        // two, one of them optional
        ("01_3357_R087_01", "0 of 1"),        // one, required
    ] {
        let sample = strongroom.sample_of(component, CENTRE).await;
        let list = send(page(&strongroom, &cookie, &format!("/samples/{sample}?closed=true"))).await.text;
        assert!(list.contains(&format!("Forms and documents: {told}</a>")), "{component}: {list}");
        let home = send(page(&strongroom, &cookie, "/organisations/ocr")).await.text;
        let (_, card) = home.split_once(&format!("<p class=\"eyebrow\">{component}")).unwrap();
        let (_, forms) = card.split_once("<dt>Forms</dt><dd>").unwrap();
        assert!(forms.starts_with(&format!("{told}</dd>")), "{component}");
        let check = send(page(&strongroom, &cookie, &format!("/samples/{sample}/check"))).await.text;
        let where_to = check.contains("is not there yet. Upload it in “Forms and documents”.");
        assert_eq!(where_to, told == "0 of 1", "{component}: {check}");
    }
    strongroom.stop().await;
}

#[tokio::test]
async fn a_note_that_is_required_says_so_beside_itself() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let cookie = cookie(&strongroom, "officer.98765").await;
    let path = format!("/samples/{sample}/candidates/1005/sections/URS/missing");
    let form = send(page(&strongroom, &cookie, &path)).await.text;
    assert!(form.contains("required for “Something else”") && !form.contains("note-wrong"), "{form}");
    let (_, csrf) = form.split_once("name=\"csrf\" value=\"").unwrap();
    let body = format!("csrf={}&reason=other&note=", csrf.split('"').next().unwrap());
    let sent = with_cookie(&strongroom, Method::POST, &path, &cookie)
        .header("accept", "text/html")
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "application/x-www-form-urlencoded");
    let answer = send(sent.body(body)).await;
    assert_eq!(answer.status, 422, "{}", answer.text);
    assert!(
        answer.text.contains("id=\"note-wrong\">Say in the note why it is missing</p>"),
        "{}",
        answer.text
    );
    assert!(answer.text.contains("aria-invalid=\"true\" aria-describedby=\"note-wrong\""), "{}", answer.text);
    strongroom.stop().await;
}

#[tokio::test]
async fn every_filter_and_order_of_the_list_keeps_its_word() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let cookie = cookie(&strongroom, "officer.98765").await;
    let send_in = async |number: &str, name: &str, bytes: &[u8], state: &str| {
        let file = officer.upload(&sample, number, "Evidence", name, bytes).await;
        officer.wait_for(&file, state).await;
    };
    send_in("1005", "essay.txt", b"Some words.", "accepted").await;
    send_in("0042", "bad.txt", b"MZ\x90\0\x03\0\0\0\x04\0 no words", "rejected").await;
    let missing = format!("/api/v1/samples/{sample}/candidates/0042/sections/URS/missing");
    assert_eq!(officer.put(&missing, serde_json::json!({ "reason": "lost" })).await.status, 204);

    let shown = async |query: &str| -> (String, Vec<String>) {
        let text =
            send(page(&strongroom, &cookie, &format!("/samples/{sample}?closed=true{query}"))).await.text;
        let rows = text.split("id=\"row-").skip(1).map(|part| part.split('"').next().unwrap().to_owned());
        let rows = rows.collect();
        (text, rows)
    };
    let (everyone, all) = shown("").await;
    let listed = officer.get(&format!("/api/v1/samples/{sample}/candidates?limit=200")).await.json();
    let entered: Vec<_> = listed["items"].as_array().unwrap().iter().collect();
    assert_eq!(all.len(), entered.len());
    let drawn = entered.iter().filter(|one| one["in_sample"] == true && one["status"] == "entered").count();
    for (filter, expected) in
        [("sample", drawn), ("incomplete", drawn), ("problem", 1), ("missing", 1), ("with_files", 1)]
    {
        let (text, rows) = shown(&format!("&filter={filter}")).await;
        assert_eq!(rows.len(), expected, "{filter}: {rows:?}");
        let told = format!("id=\"filter-{filter}\"");
        let number =
            text.split(&told).nth(1).unwrap().split("<b>").nth(1).unwrap().split('<').next().unwrap();
        assert_eq!(number, expected.to_string(), "{filter}: the number on it");
        assert!(rows.iter().all(|row| all.contains(row)));
    }
    assert_eq!(shown("&filter=with_files").await.1, ["1005"]);
    assert_eq!(shown("&filter=problem").await.1, ["0042"]);
    assert!(!everyone.contains("id=\"filter-changed\""), "nothing changed");

    let (_, by_number) = shown("&sort=number").await;
    let mut sorted = by_number.clone();
    sorted.sort();
    assert_eq!(by_number, sorted);
    assert_ne!(all, sorted, "by mark it is another order");
    let (text, by_name) = shown("&sort=name").await;
    let name = |number: &String| {
        let one = entered.iter().find(|one| one["number"] == number.as_str()).unwrap();
        one["name"].as_str().unwrap().to_lowercase()
    };
    // Those whose letters sort alike in every order there is.
    let plain: Vec<_> = by_name.iter().map(name).filter(|name| name.is_ascii()).collect();
    assert!(plain.len() > 5 && plain.is_sorted(), "{plain:?}: {text}");
    strongroom.stop().await;
}
