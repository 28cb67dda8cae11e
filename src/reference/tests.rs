use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::*;
use crate::database::Database;

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

async fn database(dir: &Path) -> Database {
    let db = Database::connect(&format!("sqlite://{}/t.db?mode=rwc", dir.display()), 2).await.unwrap();
    db.migrate().await.unwrap();
    db
}

fn at(text: &str) -> Clock {
    Clock::fixed(text.parse::<Timestamp>().unwrap())
}

async fn texts(db: &Database, sql: &'static str) -> Vec<String> {
    sqlx::query_scalar(sql).fetch_all(db.reader()).await.unwrap()
}

const SAMPLED: &str = "SELECT c.number FROM candidates c JOIN samples s ON s.id = c.sample_id WHERE c.in_sample = 1 \
     AND s.component_id = '01_3357_R085_01' AND s.centre_number = '98765' ORDER BY c.number";
const DUE: &str = "SELECT CAST(due_at AS TEXT) FROM samples WHERE component_id = '01_3357_R085_01'";

#[tokio::test]
async fn the_demo_imports_and_importing_it_again_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let db = database(dir.path()).await;
    let clock = at("2026-05-01T12:00:00Z");
    let first = import(&db, &demo(), &clock).await.unwrap();
    assert_eq!((first.of("candidates").added, first.of("samples").added), (100, 8));
    assert!(first.flagged.is_empty());
    let sampled = texts(&db, SAMPLED).await;
    assert_eq!(sampled.len(), 6);
    assert!(sampled.contains(&"1005".to_owned()) && sampled.contains(&"0042".to_owned()), "{sampled:?}");
    let due = texts(&db, DUE).await;
    // The end of 15 May in London.
    assert_eq!(due[0], "2026-05-15T23:00:00Z".parse::<Timestamp>().unwrap().as_microsecond().to_string());
    clock.set("2026-05-09T12:00:00Z".parse().unwrap());
    let second = import(&db, &demo(), &clock).await.unwrap();
    assert!(second.is_unchanged(), "{second}");
    assert_eq!(texts(&db, SAMPLED).await, sampled);
    assert_eq!(texts(&db, DUE).await, due);
    assert_eq!(
        texts(&db, "SELECT action FROM audit WHERE chain = 'system'").await,
        ["reference.imported", "reference.imported"]
    );
    assert!(first.to_string().contains("candidates: 100 added, 0 changed, 0 unchanged\n"), "{first}");
}

#[tokio::test]
async fn changes_are_applied_and_roles_taken_away() {
    let dir = tempfile::tempdir().unwrap();
    let db = database(dir.path()).await;
    let clock = at("2026-05-01T12:00:00Z");
    let folder = copied(dir.path());
    import(&db, &folder, &clock).await.unwrap();
    edit(
        &folder.join("candidates.csv"),
        "98765,1010,Zoë Smith-Jones,27,entered",
        "98765,1010,Zoë Smith,60,entered",
    );
    edit(&folder.join("allocations.csv"), "moderator.2,01_3357_R082_01,june-2026,20461\n", "");
    edit(&folder.join("reference.toml"), "\"+14 days\"", "2026-06-01");
    edit(&folder.join("reference.toml"), "\"+21 days\"", "2026-06-02");
    let report = import(&db, &folder, &clock).await.unwrap();
    assert_eq!(report.of("candidates").changed, 1);
    assert_eq!((report.of("allocations").removed, report.of("roles").removed), (1, 0));
    assert_eq!((report.of("dates").changed, report.of("samples").changed), (1, 2));
    // The highest mark now, so drawn: nobody has sent a file yet.
    assert!(texts(&db, SAMPLED).await.contains(&"1010".to_owned()));
}

#[tokio::test]
async fn a_file_settles_the_draw_and_keeps_its_candidate() {
    let dir = tempfile::tempdir().unwrap();
    let db = database(dir.path()).await;
    let clock = at("2026-05-01T12:00:00Z");
    let folder = copied(dir.path());
    import(&db, &folder, &clock).await.unwrap();
    let before = texts(&db, SAMPLED).await;
    let mut tx = db.begin().await.unwrap();
    sqlx::query(
        "INSERT INTO files (id, sample_id, candidate_id, kind, section, state, original_name, path, created_by, \
         created_at) SELECT 'f1', c.sample_id, c.id, 'evidence', 'URS', 'accepted', 'a.pdf', '', 'teacher.98765', 1 \
         FROM candidates c JOIN samples s ON s.id = c.sample_id WHERE c.number = '1005' \
         AND s.component_id = '01_3357_R085_01' AND s.centre_number = '98765'",
    )
    .execute(tx.on())
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let list = folder.join("candidates.csv");
    edit(&list, "98765,1005,Jordan Adeyemi,58,entered", "98765,1005,Jordan Adeyemi,58,absent");
    edit(&list, "98765,1010,Zoë Smith-Jones,27,entered", "98765,1010,Zoë Smith-Jones,60,entered");
    edit(
        &list,
        "june-2026,01_3357_R085_01,98765,1001",
        "june-2026,01_3357_R085_01,98765,1099,New,59,entered\njune-2026,01_3357_R085_01,98765,1001",
    );
    let report = import(&db, &folder, &clock).await.unwrap();
    let flags = report.flagged.join("\n");
    assert_eq!(report.flagged.len(), 2, "{flags}");
    assert!(
        flags.contains("candidate 1005 of 98765, 01_3357_R085_01, is now absent and has 1 file"),
        "{flags}"
    );
    assert!(flags.contains("candidate 1099 of 98765, 01_3357_R085_01, came after the draw"), "{flags}");
    assert_eq!(texts(&db, SAMPLED).await, before);
    let status = "SELECT status FROM candidates WHERE number = '1005'";
    assert!(texts(&db, status).await.iter().all(|status| status == "entered"));
    // An unknown centre stops everything, this change too.
    edit(&list, "98765,1010,Zoë Smith-Jones,60,entered", "98765,1010,Zoë,60,entered");
    edit(&folder.join("centres.csv"), "20461,Larkfield College\n", "");
    let error = import(&db, &folder, &clock).await.unwrap_err().to_string();
    assert!(error.contains("roles.csv:4: centre \"20461\" is not in centres.csv"), "{error}");
    assert!(texts(&db, "SELECT name FROM candidates WHERE name = 'Zoë'").await.is_empty());
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
