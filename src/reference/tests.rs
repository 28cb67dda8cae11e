use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::*;
use crate::database::{Database, imports, people};
use crate::ids::{FileId, ImportId};
use crate::submission::{Return, ReturnError, Submissions};

fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/demo")
}

/// A copy of the demo, to change.
fn copied(dir: &Path) -> PathBuf {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    for folder in ["components", "demo"] {
        std::fs::create_dir_all(dir.join(folder)).unwrap();
        for entry in std::fs::read_dir(config.join(folder)).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), dir.join(folder).join(entry.file_name())).unwrap();
        }
    }
    dir.join("demo")
}

fn edit(file: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from} in {}", file.display());
    std::fs::write(file, text.replacen(from, to, 1)).unwrap();
}

/// Every line but the first, changed or left out.
fn lines(file: &Path, change: impl Fn(&str) -> Option<String>) {
    let text = std::fs::read_to_string(file).unwrap();
    let (head, rows) = text.split_once('\n').unwrap();
    let rows = rows.lines().filter_map(change).map(|line| line + "\n").collect::<String>();
    std::fs::write(file, format!("{head}\n{rows}")).unwrap();
}

fn texts_of(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

const SIX: &str = "01_3357_R085_01";
const ALL: &str = "01_3357_R087_01";

/// A database, and a copy of the demo to import into it.
struct Board {
    _dir: tempfile::TempDir,
    db: Database,
    clock: Clock,
    folder: PathBuf,
}

impl Board {
    async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/t.db?mode=rwc", dir.path().display());
        Self::over(&url, dir).await
    }

    async fn postgres() -> Self {
        Self::over(&crate::database::tests::on_postgres("reference").await, tempfile::tempdir().unwrap())
            .await
    }

    async fn over(url: &str, dir: tempfile::TempDir) -> Self {
        let db = Database::connect(url, 2).await.unwrap();
        db.migrate().await.unwrap();
        let clock = Clock::fixed("2026-05-01T12:00:00Z".parse().unwrap());
        let folder = copied(dir.path());
        Self { _dir: dir, db, clock, folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    async fn import(&self) -> Report {
        import(&self.db, &self.folder, &self.clock).await.unwrap()
    }

    async fn refused(&self) -> String {
        import(&self.db, &self.folder, &self.clock).await.unwrap_err().to_string()
    }

    async fn texts(&self, sql: &'static str) -> Vec<String> {
        sqlx::query_scalar(sql).fetch_all(self.db.reader()).await.unwrap()
    }

    async fn run(&self, sql: &'static str, values: &[&str]) {
        let mut tx = self.db.begin().await.unwrap();
        let query = values.iter().fold(sqlx::query(sql), |query, value| query.bind(value.to_string()));
        query.execute(tx.on()).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The sampled candidates of a component at 98765.
    async fn sampled(&self, component: &str) -> Vec<String> {
        sqlx::query_scalar(
            "SELECT c.number FROM candidates c JOIN samples s ON s.id = c.sample_id WHERE c.in_sample = 1 \
             AND s.component_id = $1 AND s.centre_number = '98765' ORDER BY c.number",
        )
        .bind(component.to_owned())
        .fetch_all(self.db.reader())
        .await
        .unwrap()
    }

    async fn sample(&self, component: &str) -> String {
        sqlx::query_scalar("SELECT id FROM samples WHERE component_id = $1 AND centre_number = '98765'")
            .bind(component.to_owned())
            .fetch_one(self.db.reader())
            .await
            .unwrap()
    }

    /// Work of a candidate at 98765.
    async fn work(&self, component: &str, number: &str, section: &str, state: &str) {
        self.run(
            "INSERT INTO files (id, sample_id, candidate_id, kind, section, state, original_name, path, created_by, \
             created_at) SELECT $1, c.sample_id, c.id, 'evidence', $2, $3, 'a.pdf', '', 'teacher.98765', 1 \
             FROM candidates c WHERE c.sample_id = $4 AND c.number = $5",
            &[&FileId::new().to_string(), section, state, &self.sample(component).await, number],
        )
        .await;
    }

    /// A document of the sample, or supporting material, at 98765.
    async fn other(&self, component: &str, kind: &str, section: &str, state: &str) {
        self.run(
            "INSERT INTO files (id, sample_id, candidate_id, kind, section, state, original_name, path, created_by, \
             created_at) VALUES ($1, $2, '', $3, $4, $5, 'a.pdf', '', 'teacher.98765', 1)",
            &[&FileId::new().to_string(), &self.sample(component).await, kind, section, state],
        )
        .await;
    }

    /// Changes a candidate's mark or status at 98765.
    fn entry(&self, component: &str, number: &str, mark: Option<&str>, status: &str) {
        let start = format!("june-2026,{component},98765,{number},");
        lines(&self.file("candidates.csv"), |line| {
            if !line.starts_with(&start) {
                return Some(line.to_owned());
            }
            let mut fields: Vec<&str> = line.split(',').collect();
            fields[5] = mark.unwrap_or(fields[5]);
            fields[6] = status;
            Some(fields.join(","))
        });
    }
}

/// Each case on both databases.
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Board::sqlite().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Board::postgres().await).await;
            })*
        }
    };
}

cases! {
    a_look_at_a_list_tells_what_applying_it_does_and_writes_nothing,
    the_demo_imports_and_importing_it_again_changes_nothing,
    changes_are_applied_and_roles_taken_away,
    a_file_settles_the_draw_and_keeps_its_candidate,
    work_that_came_before_the_marks_does_not_keep_the_sample_from_being_drawn,
    all_who_are_entered_join_and_leave_while_the_sample_is_open,
    a_draw_that_stands_and_no_longer_fits_is_told,
    a_list_grows_and_what_it_does_not_name_stays,
    who_was_absent_at_submission_comes_in_by_a_return,
    what_is_another_boards_is_left_alone,
    allocations_and_roles_outside_the_folder_stay,
    a_section_that_holds_files_is_not_taken_away,
}

const DUE: &str = "SELECT CAST(due_at AS TEXT) FROM samples WHERE component_id = '01_3357_R085_01'";

async fn the_demo_imports_and_importing_it_again_changes_nothing(board: Board) {
    let first = import(&board.db, &demo(), &board.clock).await.unwrap();
    assert_eq!((first.of("candidates").added, first.of("samples").added), (600, 9));
    assert!(first.flagged.is_empty());
    let sampled = board.sampled(SIX).await;
    assert_eq!(sampled.len(), 6);
    assert!(sampled.contains(&"1005".to_owned()) && sampled.contains(&"0042".to_owned()), "{sampled:?}");
    let due = board.texts(DUE).await;
    // The end of 15 May in London.
    assert_eq!(due[0], "2026-05-15T23:00:00Z".parse::<Timestamp>().unwrap().as_microsecond().to_string());
    board.clock.set("2026-05-09T12:00:00Z".parse().unwrap());
    let second = import(&board.db, &demo(), &board.clock).await.unwrap();
    assert!(second.is_unchanged(), "{second}");
    assert_eq!(board.sampled(SIX).await, sampled);
    assert_eq!(board.texts(DUE).await, due);
    assert_eq!(
        board.texts("SELECT action FROM audit WHERE chain = 'system'").await,
        ["reference.imported", "reference.imported"]
    );
    assert!(first.to_string().contains("candidates: 600 added, 0 changed, 0 unchanged\n"), "{first}");
}

async fn changes_are_applied_and_roles_taken_away(board: Board) {
    board.import().await;
    edit(
        &board.file("candidates.csv"),
        "98765,1010,Zoë Smith-Jones,27,entered",
        "98765,1010,Zoë Smith,60,entered",
    );
    edit(&board.file("allocations.csv"), "moderator.2,01_3357_R082_01,june-2026,20461\n", "");
    edit(&board.file("reference.toml"), "\"+14 days\"", "2026-06-01");
    edit(&board.file("reference.toml"), "\"+21 days\"", "2026-06-02");
    let report = board.import().await;
    assert_eq!(report.of("candidates").changed, 1);
    assert_eq!((report.of("allocations").removed, report.of("roles").removed), (1, 0));
    assert_eq!((report.of("dates").changed, report.of("samples").changed), (1, 2));
    // The highest mark now, so drawn: nobody has sent a file yet.
    assert!(board.sampled(SIX).await.contains(&"1010".to_owned()));
    edit(&board.file("roles.csv"), "auditor,auditor,ocr,,\n", "");
    assert_eq!(board.import().await.of("roles").removed, 1);
}

async fn a_file_settles_the_draw_and_keeps_its_candidate(board: Board) {
    board.import().await;
    let before = board.sampled(SIX).await;
    board.work(SIX, "1005", "URS", "accepted").await;
    let list = board.file("candidates.csv");
    board.entry(SIX, "1005", None, "absent");
    board.entry(SIX, "1010", Some("60"), "entered");
    edit(
        &list,
        "june-2026,01_3357_R085_01,98765,1001",
        "june-2026,01_3357_R085_01,98765,1099,New,99,entered\njune-2026,01_3357_R085_01,98765,1001",
    );
    let report = board.import().await;
    let flags = report.flagged.join("\n");
    assert_eq!(report.flagged.len(), 2, "{flags}");
    assert!(
        flags.contains("candidate 1005 of 98765, 01_3357_R085_01, is now absent and has 1 file"),
        "{flags}"
    );
    // The highest mark: a fresh draw would have it.
    assert!(flags.contains("1099"), "{flags}");
    assert_eq!(board.sampled(SIX).await, before);
    let status = "SELECT status FROM candidates WHERE number = '1005'";
    assert!(board.texts(status).await.iter().all(|status| status == "entered"));
    // An unknown centre stops everything, this change too.
    edit(&list, "98765,1010,Zoë Smith-Jones,60,entered", "98765,1010,Zoë,60,entered");
    edit(&board.file("centres.csv"), "20461,Larkfield College,\n", "");
    let error = board.refused().await;
    assert!(error.contains("roles.csv:4: centre \"20461\" is not in centres.csv"), "{error}");
    assert!(board.texts("SELECT name FROM candidates WHERE name = 'Zoë'").await.is_empty());
}

async fn work_that_came_before_the_marks_does_not_keep_the_sample_from_being_drawn(board: Board) {
    let list = board.file("candidates.csv");
    let marked = std::fs::read_to_string(&list).unwrap();
    lines(&list, |line| {
        let mut fields: Vec<&str> = line.split(',').collect();
        fields[5] = "";
        Some(fields.join(","))
    });
    board.import().await;
    assert!(board.sampled(SIX).await.is_empty());
    board.work(SIX, "1002", "URS", "cancelled").await;
    board.work(SIX, "1003", "URS", "accepted").await;
    board.other(SIX, "document", "Coversheet", "accepted").await;
    std::fs::write(&list, marked).unwrap();
    let report = board.import().await;
    assert!(report.flagged.is_empty(), "{report}");
    let drawn = board.sampled(SIX).await;
    assert_eq!(drawn.len(), 6);
    // From here on it stands.
    board.entry(SIX, "1012", Some("99"), "entered");
    assert_eq!(board.import().await.flagged.len(), 1);
    assert_eq!(board.sampled(SIX).await, drawn);
}

async fn all_who_are_entered_join_and_leave_while_the_sample_is_open(board: Board) {
    board.import().await;
    board.work(ALL, "1005", "Product", "accepted").await;
    board.entry(ALL, "1011", None, "entered");
    edit(
        &board.file("candidates.csv"),
        "june-2026,01_3357_R087_01,98765,1001",
        "june-2026,01_3357_R087_01,98765,1099,New,,entered\njune-2026,01_3357_R087_01,98765,1001",
    );
    let report = board.import().await;
    assert!(report.flagged.is_empty(), "{report}");
    let sampled = board.sampled(ALL).await;
    assert_eq!(sampled.len(), 13);
    assert!(sampled.contains(&"1011".to_owned()) && sampled.contains(&"1099".to_owned()), "{sampled:?}");
    board.entry(ALL, "1011", None, "withdrawn");
    board.entry(ALL, "1005", None, "withdrawn");
    let report = board.import().await;
    assert_eq!(report.flagged.len(), 1, "{report}");
    assert!(report.flagged[0].contains("1005") && report.flagged[0].contains("delete"), "{report}");
    let sampled = board.sampled(ALL).await;
    assert!(!sampled.contains(&"1011".to_owned()) && sampled.contains(&"1005".to_owned()), "{sampled:?}");
}

async fn a_draw_that_stands_and_no_longer_fits_is_told(board: Board) {
    let list = board.file("candidates.csv");
    let marked = std::fs::read_to_string(&list).unwrap();
    lines(&list, |line| {
        let mut fields: Vec<&str> = line.split(',').collect();
        if !["1005", "1001", "0042"].contains(&fields[3]) {
            fields[5] = "";
        }
        Some(fields.join(","))
    });
    board.import().await;
    let three = texts_of(&["0042", "1001", "1005"]);
    assert_eq!(board.sampled(SIX).await, three);
    board.work(SIX, "1005", "URS", "accepted").await;
    std::fs::write(&list, marked).unwrap();
    let report = board.import().await;
    assert_eq!(board.sampled(SIX).await, three);
    assert_eq!(report.flagged.len(), 1, "{report}");
    assert!(report.flagged[0].contains("the draw of 98765, 01_3357_R085_01, stands"), "{report}");
    board.entry(SIX, "0042", None, "withdrawn");
    let report = board.import().await;
    assert_eq!(board.sampled(SIX).await, three);
    let told = &report.flagged[0];
    // The lowest mark is another's now.
    let (into, out) = told.split_once("and leave out").unwrap();
    assert!(into.contains("1010") && out.contains("0042"), "{told}");
}

async fn a_list_grows_and_what_it_does_not_name_stays(board: Board) {
    edit(
        &board.file("../components/01_3357_R087_01.toml"),
        "sample_mode = \"all\"",
        "sample_mode = \"list\"",
    );
    let list = board.file("candidates.csv");
    let import = async |rows: &[(&str, &str)]| {
        let rows = rows.iter().map(|(number, listed)| {
            format!("june-2026,01_3357_R087_01,98765,{number},N,,entered,{listed}\n")
        });
        let head = "series,component,centre,number,name,mark,status,listed\n";
        std::fs::write(&list, head.to_owned() + &rows.collect::<String>()).unwrap();
        board.import().await
    };
    import(&[("1001", "yes"), ("1002", "no"), ("1003", ""), ("1004", "yes")]).await;
    assert_eq!(board.sampled(ALL).await, ["1001", "1004"]);
    import(&[("1002", "yes"), ("1004", "no")]).await;
    assert_eq!(board.sampled(ALL).await, ["1001", "1002"]);
    board.work(ALL, "1001", "Product", "accepted").await;
    let report = import(&[("1003", "yes"), ("1005", "yes")]).await;
    assert!(report.flagged.is_empty(), "{report}");
    assert_eq!(board.sampled(ALL).await, ["1001", "1002", "1003", "1005"]);
    let report = import(&[("1003", "no")]).await;
    assert_eq!(report.flagged.len(), 1, "{report}");
    assert!(report.flagged[0].contains("leave out 1003"), "{report}");
    assert_eq!(board.sampled(ALL).await.len(), 4);
    // A return helps who is to come in, not who was taken off the list.
    let sample = board.sample(ALL).await;
    board.run("UPDATE samples SET state = 'submitted', revision = 1 WHERE id = $1", &[&sample]).await;
    let report = import(&[("1003", "no"), ("1006", "yes")]).await;
    assert_eq!(report.flagged.len(), 1, "{report}");
    assert!(report.flagged[0].ends_with("; return 1006 by number, then import again"), "{report}");
}

async fn who_was_absent_at_submission_comes_in_by_a_return(board: Board) {
    board.import().await;
    board.work(ALL, "1005", "Product", "accepted").await;
    let sample = board.sample(ALL).await;
    board.run("UPDATE samples SET state = 'submitted', revision = 1 WHERE id = $1", &[&sample]).await;
    board.entry(ALL, "1011", None, "entered");
    board.entry(ALL, "1010", None, "withdrawn");
    let before = board.sampled(ALL).await;
    let report = board.import().await;
    assert_eq!(report.flagged.len(), 2, "{report}");
    assert!(report.flagged.iter().all(|flag| flag.contains("return")), "{report}");
    assert_eq!(board.sampled(ALL).await, before);
    let moderator = people::actor(&board.db, &"moderator.1".parse().unwrap()).await.unwrap().unwrap();
    let submissions = Submissions::new(board.db.clone(), board.clock.clone()).unwrap();
    let named = |number: &str| Return {
        candidates: Some(vec![number.parse().unwrap()]),
        reason: "The entry was wrong.".into(),
        due_at: "2026-06-10T23:00:00Z".parse().unwrap(),
    };
    let id = sample.parse().unwrap();
    let stray = submissions.give_back(&moderator, id, &named("7777"), "r").await;
    assert!(matches!(stray, Err(ReturnError::NotInSample(_))));
    submissions.give_back(&moderator, id, &named("1011"), "r").await.unwrap();
    let report = board.import().await;
    assert_eq!(report.flagged.len(), 1, "{report}");
    assert!(board.sampled(ALL).await.contains(&"1011".to_owned()));
    board.clock.set("2026-05-02T12:00:00Z".parse().unwrap());
    submissions.give_back(&moderator, id, &named("1010"), "r").await.unwrap();
    let report = board.import().await;
    assert!(report.flagged.is_empty(), "{report}");
    assert!(!board.sampled(ALL).await.contains(&"1010".to_owned()));
    let status = "SELECT c.number || ' ' || c.status FROM candidates c JOIN samples s ON s.id = c.sample_id \
         WHERE c.returned = 1 AND s.component_id = '01_3357_R087_01' ORDER BY c.number";
    assert_eq!(board.texts(status).await, ["1010 withdrawn", "1011 entered"]);
    // Six are drawn: one who was not, no return makes part of the sample.
    let id = board.sample(SIX).await;
    board.run("UPDATE samples SET state = 'submitted', revision = 1 WHERE id = $1", &[&id]).await;
    let outside = submissions.give_back(&moderator, id.parse().unwrap(), &named("1011"), "r").await;
    assert!(matches!(outside, Err(ReturnError::NotInSample(_))));
}

async fn what_is_another_boards_is_left_alone(board: Board) {
    board.import().await;
    let aqa = |name: &str, word: &str| {
        let text = std::fs::read_to_string(board.file(name)).unwrap();
        std::fs::write(board.file(name), text.replace(word, &word.replace("ocr", "aqa"))).unwrap();
    };
    aqa("reference.toml", "\"ocr\"");
    aqa("roles.csv", ",ocr,");
    let error = board.refused().await;
    for part in [
        "reference.toml:11: series june-2026 is the organisation ocr's",
        "reference.toml:16: assessment creative-imedia-june-2026 is the organisation ocr's",
        "reference.toml:23: component 01_3357_R085_01 is the organisation ocr's",
    ] {
        assert!(error.contains(part), "{part} in:\n{error}");
    }
    assert_eq!(board.texts("SELECT id FROM organisations").await, ["ocr"]);
    assert_eq!(board.texts("SELECT organisation_id FROM series").await, ["ocr"]);
}

async fn allocations_and_roles_outside_the_folder_stay(board: Board) {
    let given = board.file("allocations.csv");
    edit(
        &given,
        "moderator.1,01_3357_R087_01,june-2026,98765",
        "moderator.1,01_3357_R087_01,june-2026,98765\nmoderator.1,01_3357_R085_01,june-2026,20461",
    );
    board.import().await;
    board
        .run(
            "INSERT INTO organisations (id, name, time_zone, accent) VALUES ('aqa', 'AQA', 'UTC', '#000000')",
            &[],
        )
        .await;
    board
        .run(
            "INSERT INTO roles (person_id, role, organisation_id) VALUES ('moderator.1', 'moderator', 'aqa')",
            &[],
        )
        .await;
    // One centre alone, and one allocation fewer.
    for name in ["centres.csv", "people.csv", "roles.csv", "allocations.csv", "candidates.csv"] {
        lines(&board.file(name), |line| (!line.contains("20461")).then(|| line.to_owned()));
    }
    edit(&given, "moderator.1,01_3357_R087_01,june-2026,98765\n", "");
    let report = board.import().await;
    assert_eq!((report.of("allocations").removed, report.of("roles").removed), (1, 0));
    // The next series.
    for name in ["reference.toml", "allocations.csv", "candidates.csv"] {
        let text = std::fs::read_to_string(board.file(name)).unwrap();
        std::fs::write(board.file(name), text.replace("june-2026", "june-2027")).unwrap();
    }
    let report = board.import().await;
    assert_eq!((report.of("allocations").removed, report.of("allocations").added), (0, 4));
}

async fn a_section_that_holds_files_is_not_taken_away(board: Board) {
    board.import().await;
    board.work(SIX, "1005", "Film", "accepted").await;
    board.other(SIX, "document", "Coversheet", "checking").await;
    board.other(SIX, "supporting", "Supporting", "received").await;
    let definition = board.file("../components/01_3357_R085_01.toml");
    let text = std::fs::read_to_string(&definition).unwrap();
    // A code changed is a code lost.
    edit(&definition, "code = \"Film\"", "code = \"Movie\"");
    edit(&definition, "code = \"Witness\"", "code = \"Seen\"");
    edit(&definition, "code = \"Coversheet\"", "code = \"Cover\"");
    let without = std::fs::read_to_string(&definition).unwrap();
    std::fs::write(&definition, without.split_once("[supporting]").unwrap().0).unwrap();
    let error = board.refused().await;
    for part in
        ["section Film holds 1 file", "document Coversheet holds 1 file", "supporting material holds 1 file"]
    {
        assert!(
            error.contains(&format!("../components/01_3357_R085_01.toml: {part}")),
            "{part} in:\n{error}"
        );
    }
    assert!(!error.contains("Witness"), "{error}");
    board.run("UPDATE files SET state = 'deleted'", &[]).await;
    assert_eq!(board.import().await.of("components").changed, 1);
    // Nothing is lost by putting it back.
    std::fs::write(&definition, text).unwrap();
    assert_eq!(board.import().await.of("components").changed, 1);
}

/// Whatever a list does is told before: every table is as it was after a look, and what is applied is what was told.
async fn a_look_at_a_list_tells_what_applying_it_does_and_writes_nothing(board: Board) {
    board.import().await;
    board.work(SIX, "1005", "Film", "accepted").await;
    let actor = people::actor(&board.db, &"board".parse().unwrap()).await.unwrap().unwrap();
    let head = "series,component,centre,number,name,mark,status\n";
    let entry = |component: &str, rest: &str| format!("{head}june-2026,{component},98765,{rest}\n");
    let definition = std::fs::read_to_string(board.file("../components/01_3357_R085_01.toml")).unwrap();
    let lists = [
        (ListKind::Centres, "number,name,email\n20461,Larkfield,a@b.example\n55555,New,\n".to_owned()),
        (ListKind::Candidates, entry(SIX, "1005,Jordan Adeyemi,57,withdrawn")),
        (ListKind::Candidates, entry(ALL, "7777,New One,,entered")),
        (ListKind::Candidates, format!("{head}june-2026,{SIX},55555,3001,A,9,entered\n")),
        (
            ListKind::Allocations,
            format!("person,component,series,centre\nmoderator.1,{SIX},june-2026,20461\n"),
        ),
        (ListKind::Component, definition.replace("max = 5", "max = 6")),
    ];
    let tables = [
        "SELECT number || name || COALESCE(email, '-') FROM centres ORDER BY number",
        "SELECT sample_id || number || name || COALESCE(CAST(mark AS TEXT), '-') || status || CAST(in_sample AS TEXT) \
         FROM candidates ORDER BY sample_id, number",
        "SELECT id || COALESCE(seed, '-') FROM samples ORDER BY id",
        "SELECT person_id || component_id || centre_number FROM allocations ORDER BY 1",
        "SELECT id || definition FROM components ORDER BY id",
    ];
    let all = async || {
        let mut rows = Vec::new();
        for sql in tables {
            rows.extend(board.texts(sql).await);
        }
        rows
    };
    for (kind, text) in lists {
        let now = board.clock.now();
        let (text, list) = read_list(kind, "list", text.into_bytes()).unwrap();
        let row = imports::ImportRow {
            id: ImportId::new(),
            name: "list".into(),
            kind,
            lines: 1,
            made_at: now,
            expires_at: now.checked_add(jiff::SignedDuration::from_hours(24)).unwrap(),
            applied: None,
        };
        assert!(imports::keep(&board.db, &actor.person, &row, &text, 20, "r").await.unwrap());
        let before = all().await;
        let looked = imports::look(&board.db, &actor, "list", &list).await.unwrap();
        assert_eq!(all().await, before, "{kind}: only looked at");
        let told = looked.report.told.clone().unwrap();
        assert!(!told.is_empty(), "{kind}");
        let again = imports::look(&board.db, &actor, "list", &list).await.unwrap();
        assert_eq!(again.seen, looked.seen, "{kind}");
        let applied =
            async |seen: &str| imports::apply(&board.db, &actor, &row, &list, seen, now, "r").await.unwrap();
        assert!(matches!(applied("other").await, imports::Applied::Otherwise), "{kind}");
        assert_eq!(all().await, before, "{kind}: not what was looked at");
        assert!(matches!(applied(&looked.seen).await, imports::Applied::Done), "{kind}");
        assert_ne!(all().await, before, "{kind}");
        assert!(matches!(applied(&looked.seen).await, imports::Applied::Before), "{kind}");
        let after = imports::look(&board.db, &actor, "list", &list).await.unwrap().report;
        assert_eq!(after.told, Some(Vec::new()), "{kind}: it is here now");
    }
    // Who has work keeps their place, and the next folder finds what the lists did.
    assert_eq!(
        board.texts("SELECT status FROM candidates WHERE number = '1005' AND mark = 57").await,
        ["entered"]
    );
    let folder = board.import().await;
    assert_eq!(folder.of("centres").changed, 1, "{folder}");
}

#[test]
fn components_that_clash_or_are_not_defined_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let folder = copied(dir.path());
    let components = dir.path().join("components");
    std::fs::copy(components.join("01_3357_R082_01.toml"), components.join("z.toml")).unwrap();
    edit(&components.join("z.toml"), "01_3357_R082_01", "01-3357-r082-01");
    edit(&folder.join("reference.toml"), "id = \"01_3357_R091_01\"", "id = \"R999\"");
    let told = load(&folder).unwrap_err().to_string();
    assert!(told.contains("../components/z.toml: 01-3357-r082-01 clashes with the component of"), "{told}");
    assert!(told.contains("reference.toml:33: component R999 has no definition"), "{told}");
    std::fs::remove_file(folder.join("people.csv")).unwrap();
    let told = load(&folder).unwrap_err().to_string();
    assert!(told.contains("people.csv: the file cannot be read"), "{told}");
}
