//! Who reads which bytes, against real rows.

use super::*;
use crate::archive::Selection;

pub(crate) const SAMPLE: &str = "0190aaaabbbb7ccc8dddeeeeffff0001";
const CANDIDATE: &str = "0190aaaabbbb7ccc8dddeeeeffff0002";
const SUBMISSION: &str = "0190aaaabbbb7ccc8dddeeeeffff0003";
/// Submitted; accepted after the submission; submitted and quarantined since; a submitted document.
pub(crate) const ESSAY: &str = "0190aaaabbbb7ccc8dddeeeeffff0011";
const LATER: &str = "0190aaaabbbb7ccc8dddeeeeffff0012";
const BAD: &str = "0190aaaabbbb7ccc8dddeeeeffff0013";
const REGISTER: &str = "0190aaaabbbb7ccc8dddeeeeffff0014";

pub(crate) struct World {
    pub(crate) db: Database,
    pub(crate) _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/t.db?mode=rwc", folder.path().display());
        let db = Database::connect(&url, 2).await.unwrap();
        db.migrate().await.unwrap();
        Self::of(db, folder).await
    }

    /// Fills a fresh database; keeps the folder it lies in.
    pub(crate) async fn of(db: Database, folder: tempfile::TempDir) -> Self {
        let world = Self { db, _folder: folder };
        for sql in [
            "INSERT INTO organisations VALUES ('ocr', 'OCR', 'Europe/London', 'red')",
            "INSERT INTO series VALUES ('june', 'ocr', 'June 2026'), ('november', 'ocr', 'November 2026')",
            "INSERT INTO assessments VALUES ('media', 'ocr', 'june', 'iMedia')",
            "INSERT INTO components VALUES ('R085', 'ocr', 'R085', \
             '{\"id\": \"R085\", \"title\": \"R085\", \"sample_mode\": \"all\", \"sections\": []}')",
            "INSERT INTO centres (number, name) VALUES ('98765', 'Hill'), ('12345', 'Dale')",
            "INSERT INTO people (id, name) VALUES ('teacher', 'T'), ('foreign', 'F'), ('mod', 'M'), \
             ('idle', 'I'), ('other', 'O')",
            "INSERT INTO roles (person_id, role, centre_number) VALUES ('teacher', 'teacher', '98765'), \
             ('foreign', 'officer', '12345'), ('mod', 'moderator', ''), ('idle', 'moderator', ''), \
             ('other', 'moderator', '')",
            "INSERT INTO allocations VALUES ('mod', 'R085', 'june', '98765'), ('other', 'R085', 'november', '98765')",
        ] {
            world.run(sql).await;
        }
        world
            .run(&format!(
                "INSERT INTO samples (id, organisation_id, assessment_id, component_id, series_id, occasion, \
                 centre_number, state, revision, due_at, cut_off_at) VALUES ('{SAMPLE}', 'ocr', 'media', 'R085', \
                 'june', '1', '98765', 'submitted', 1, 0, 0)"
            ))
            .await;
        world
            .run(&format!(
                "INSERT INTO candidates (id, sample_id, number, name, search, status, in_sample) \
                 VALUES ('{CANDIDATE}', '{SAMPLE}', '1005', 'A', 'a', 'entered', 1)"
            ))
            .await;
        world
            .run(&format!(
                "INSERT INTO submissions VALUES ('{SUBMISSION}', '{SAMPLE}', 1, 'R-1', 0, 'teacher', 0, '{{}}', 'x')"
            ))
            .await;
        world.file(ESSAY, CANDIDATE, "evidence", "URS", "accepted", "essay.pdf").await;
        world.file(LATER, CANDIDATE, "evidence", "URS", "accepted", "later.pdf").await;
        world.file(BAD, CANDIDATE, "evidence", "URS", "quarantined", "bad.pdf").await;
        world.file(REGISTER, "", "document", "register", "accepted", "register.pdf").await;
        for file in [ESSAY, BAD, REGISTER] {
            world.run(&format!("INSERT INTO submission_files VALUES ('{SUBMISSION}', '{file}')")).await;
        }
        world
    }

    pub(crate) async fn run(&self, sql: &str) {
        let mut tx = self.db.begin().await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).execute(tx.on()).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn file(&self, id: &str, candidate: &str, kind: &str, section: &str, state: &str, name: &str) {
        let second = &id[30..];
        let place = if candidate.is_empty() { "Documents".to_owned() } else { format!("1005_{section}") };
        let unique = format!("R085_98765_{place}_14_01_2021_12_14_{second}.pdf");
        let sha256 = "ab".repeat(32);
        self.run(&format!(
            "INSERT INTO files (id, sample_id, candidate_id, kind, section, state, original_name, path, size, sha256, \
             crc32, unique_name, created_by, created_at, received_at, evidence_key, evidence_version) VALUES ('{id}', \
             '{SAMPLE}', '{candidate}', '{kind}', '{section}', '{state}', '{name}', 'Week 1', 7, '{sha256}', \
             4294967295, '{unique}', 'teacher', 0, 5000000, 'evidence/{SAMPLE}/{id}/{unique}', \
             '{{\"etag\":\"e\",\"version_id\":null,\"size\":7}}')"
        ))
        .await;
    }

    async fn reads(&self, person: &str, file: &str) -> bool {
        let (person, file) = (person.parse().unwrap(), file.parse().unwrap());
        let found = readable(&self.db, &person, file).await.unwrap();
        assert_eq!(found.is_some(), may_leave(&self.db, &person, file).await.unwrap());
        found.is_some()
    }

    async fn submission(&self, person: &str, revision: Option<u32>) -> Option<Submission> {
        submission(&self.db, &person.parse().unwrap(), SAMPLE.parse().unwrap(), revision).await.unwrap()
    }
}

#[tokio::test]
async fn staff_read_accepted_files_of_their_centre_and_moderators_submitted_ones_of_theirs() {
    let world = World::new().await;
    for (person, essay, later, register) in [
        ("teacher", true, true, true),
        ("mod", true, false, true),
        ("foreign", false, false, false),
        ("idle", false, false, false),
        ("other", false, false, false),
        ("nobody", false, false, false),
    ] {
        assert_eq!(world.reads(person, ESSAY).await, essay, "{person}");
        assert_eq!(world.reads(person, LATER).await, later, "{person}");
        assert_eq!(world.reads(person, REGISTER).await, register, "{person}");
        assert!(!world.reads(person, BAD).await, "{person}");
        assert_eq!(world.submission(person, None).await.is_some(), essay, "{person}");
    }
}

#[tokio::test]
async fn what_is_taken_away_stops_the_next_reading() {
    for (person, sql) in [
        ("mod", "DELETE FROM allocations"),
        ("mod", "DELETE FROM roles WHERE role = 'moderator'"),
        ("mod", "UPDATE people SET disabled = 1"),
        ("mod", "UPDATE roles SET component_id = 'R099'"),
        ("teacher", "UPDATE people SET disabled = 1"),
        ("teacher", "UPDATE roles SET centre_number = '12345'"),
        ("teacher", "UPDATE files SET state = 'quarantined'"),
    ] {
        let world = World::new().await;
        assert!(world.reads(person, ESSAY).await);
        world.run(sql).await;
        assert!(!world.reads(person, ESSAY).await, "{sql}");
    }
}

#[tokio::test]
async fn a_submission_has_its_files_in_order_and_notes_for_what_is_withheld() {
    let world = World::new().await;
    assert!(world.submission("mod", Some(2)).await.is_none());
    let found = world.submission("mod", Some(1)).await.unwrap();
    assert_eq!((found.revision, found.sample.centre.as_str()), (1, "98765"));
    let contents = contents(&world.db, found).await.unwrap();
    let layout = contents.layout(&Selection::default()).unwrap();
    let paths: Vec<_> = layout.members().iter().map(|member| member.path()).collect();
    assert_eq!(
        paths,
        [
            "98765/Documents/Week 1/register.pdf",
            "98765/1005/URS/Week 1/bad.pdf - withheld.txt",
            "98765/1005/URS/Week 1/essay.pdf",
            "manifest.csv",
            "manifest.json",
            "SHA256SUMS",
        ]
    );
}
