use std::path::Path;

use super::*;
use crate::actor::{Allocation, Grant, Role};
use crate::database::uploads;
use crate::evidence::PAUSED_AFTER;
use crate::ids::FileId;
use jiff::{SignedDuration, Timestamp};

/// A service over the demo data, and the sample of R085 at 98765 with work for all of its candidates.
struct Desk {
    _dir: tempfile::TempDir,
    db: Database,
    clock: Clock,
    submissions: Submissions,
    sample: SampleId,
}

fn actor(person: &str, role: Role, centre: Option<&str>) -> Actor {
    let allocation = Allocation {
        component: "01_3357_R085_01".parse().unwrap(),
        series: "june-2026".parse().unwrap(),
        centre: "98765".parse().unwrap(),
    };
    Actor {
        person: person.parse().unwrap(),
        name: person.into(),
        grants: vec![Grant {
            role,
            organisation: Some("ocr".parse().unwrap()),
            centre: centre.map(|number| number.parse().unwrap()),
            component: None,
        }],
        allocations: if person == "moderator.1" { vec![allocation] } else { Vec::new() },
    }
}

fn officer() -> Actor {
    actor("officer.98765", Role::Officer, Some("98765"))
}

fn yes(submissions: &Submissions) -> Vec<Answer> {
    let list = submissions.declarations().iter();
    list.map(|d| Answer { id: d.id.clone(), version: d.version, accepted: true }).collect()
}

impl Desk {
    async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/t.db?mode=rwc", dir.path().display());
        Self::over(&url, dir).await
    }

    async fn postgres() -> Self {
        Self::over(&crate::database::tests::on_postgres("submissions").await, tempfile::tempdir().unwrap())
            .await
    }

    async fn over(url: &str, dir: tempfile::TempDir) -> Self {
        let db = Database::connect(url, 4).await.unwrap();
        db.migrate().await.unwrap();
        let clock = Clock::fixed("2026-05-01T12:00:00Z".parse().unwrap());
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/demo");
        crate::reference::import(&db, &demo, &clock).await.unwrap();
        let id: String = sqlx::query_scalar(
            "SELECT id FROM samples WHERE component_id = '01_3357_R085_01' AND centre_number = '98765'",
        )
        .fetch_one(db.reader())
        .await
        .unwrap();
        let submissions = Submissions::new(db.clone(), clock.clone()).unwrap();
        let desk = Self { _dir: dir, db, clock, submissions, sample: id.parse().unwrap() };
        for number in desk.sampled().await {
            desk.file(&number, "URS", "accepted").await;
            desk.file(&number, "Evidence", "accepted").await;
        }
        desk
    }

    async fn sampled(&self) -> Vec<String> {
        sqlx::query_scalar(
            "SELECT number FROM candidates WHERE sample_id = $1 AND in_sample = 1 ORDER BY number",
        )
        .bind(self.sample.to_string())
        .fetch_all(self.db.reader())
        .await
        .unwrap()
    }

    async fn run(&self, sql: &'static str, values: &[&str]) -> u64 {
        let mut tx = self.db.begin().await.unwrap();
        let query = values.iter().fold(sqlx::query(sql), |query, value| query.bind(value.to_string()));
        let changed = query.execute(tx.on()).await.unwrap().rows_affected();
        tx.commit().await.unwrap();
        changed
    }

    async fn file(&self, number: &str, section: &str, state: &'static str) -> FileId {
        let id = FileId::new();
        let sample = self.sample.to_string();
        let name = format!("{number} {section}.pdf");
        let unique = format!("01_3357_R085_01_98765_{number}_{section}_01_05_2026_12_00_00_{id}.pdf");
        self.run(
            "INSERT INTO files (id, sample_id, candidate_id, kind, section, state, original_name, path, created_by, \
             created_at, size, sha256, crc32, unique_name) SELECT $1, c.sample_id, c.id, 'evidence', $2, $3, $4, '', \
             'teacher.98765', 1777600000000000, 10, $5, 255, $6 FROM candidates c \
             WHERE c.sample_id = $7 AND c.number = $8",
            &[&id.to_string(), section, state, &name, &"0a".repeat(32), &unique, &sample, number],
        )
        .await;
        id
    }

    async fn upload(&self, file: FileId, last_byte: Timestamp) {
        let mut tx = self.db.begin().await.unwrap();
        sqlx::query(
            "INSERT INTO uploads (file_id, epoch, max_length, part_size, tail, hash_state, hash_check, metadata, \
             last_byte_at, expires_at, length) VALUES ($1, 4, 100, 10, '[]', '', 0, '', $2, $2, 100)",
        )
        .bind(file.to_string())
        .bind(last_byte.as_microsecond())
        .execute(tx.on())
        .await
        .unwrap();
        tx.commit().await.unwrap();
    }

    async fn submit(&self) -> Result<Submitted, SubmitError> {
        self.submissions.submit(&officer(), self.sample, &yes(&self.submissions), "r").await
    }

    async fn texts(&self, sql: &'static str) -> Vec<String> {
        sqlx::query_scalar(sql).fetch_all(self.db.reader()).await.unwrap()
    }
}

/// Each case on both databases.
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Desk::sqlite().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Desk::postgres().await).await;
            })*
        }
    };
}

cases! {
    submitting_twice_is_one_submission_with_a_manifest_that_proves_itself,
    one_declaration_unticked_is_refused_and_ticks_made_before_count,
    a_checking_file_is_refused_by_name_and_a_section_without_work_blocks_until_it_is_missing,
    what_a_check_found_is_listed_as_the_candidates_are,
    a_moving_upload_blocks_and_a_paused_one_is_cancelled_and_fenced_by_submitting,
    after_the_due_date_it_is_late_and_after_the_grace_refused,
    only_who_may_submit_submits_and_the_rest_do_not_even_see_it,
    a_returned_candidate_alone_opens_and_revision_two_differs_there_alone,
    whoever_is_named_when_all_are_open_the_documents_are_until_the_last_date,
    a_further_return_asks_for_the_declarations_again,
    two_officers_who_submit_at_once_get_one_receipt,
    a_delete_that_crosses_a_submission_is_before_it_or_refused,
    an_upload_that_moves_again_is_not_cancelled_under_its_sender,
}

fn blocked(result: Result<Submitted, SubmitError>) -> Check {
    match result {
        Err(SubmitError::Blocked(check)) => *check,
        other => panic!("{other:?}"),
    }
}

async fn submitting_twice_is_one_submission_with_a_manifest_that_proves_itself(desk: Desk) {
    let first = desk.submit().await.unwrap();
    let second = desk.submit().await.unwrap();
    assert!(first.new && !second.new);
    assert_eq!(first.receipt, second.receipt);
    assert!(first.receipt.receipt.starts_with("SR-2026-"));
    assert_eq!((first.receipt.revision, first.receipt.files, first.receipt.candidates), (1, 12, 6));
    assert_eq!(first.receipt.absent[0].as_str(), "1011");
    let (text, digest) = desk.submissions.manifest_text(&officer(), desk.sample, 1).await.unwrap();
    use sha2::Digest as _;
    assert_eq!(crate::evidence::Sha256Digest(sha2::Sha256::digest(text.as_bytes()).into()), digest);
    assert_eq!(digest, first.receipt.manifest_sha256);
    let manifest = desk.submissions.manifest(&officer(), desk.sample, 1).await.unwrap();
    assert_eq!(manifest.text().unwrap(), text);
    assert_eq!(manifest.files.len(), 12);
    assert_eq!(manifest.files[0].crc32.as_deref(), Some("000000ff"));
    let declared: Vec<_> = manifest.declarations.iter().map(|d| d.id.as_str()).collect();
    assert_eq!(declared, ["authentication", "standardisation", "use_of_work"]);
    assert_eq!(desk.texts("SELECT receipt FROM submissions").await, [first.receipt.receipt]);
    assert_eq!(desk.texts("SELECT state FROM samples WHERE revision = 1").await, ["submitted"]);
    assert_eq!(desk.texts("SELECT outcome FROM audit WHERE action = 'sample.submitted'").await, ["done"]);
    assert_eq!(desk.texts("SELECT file_id FROM submission_files").await.len(), 12);
}

async fn one_declaration_unticked_is_refused_and_ticks_made_before_count(desk: Desk) {
    let mut answers = yes(&desk.submissions);
    answers[1].accepted = false;
    let refused = desk.submissions.submit(&officer(), desk.sample, &answers, "r").await;
    assert!(
        matches!(refused, Err(SubmitError::NotDeclared(NotDeclared::Unticked(id))) if id == "standardisation")
    );
    assert!(desk.texts("SELECT id FROM submissions").await.is_empty());
    for answer in yes(&desk.submissions) {
        desk.submissions.tick(&officer(), desk.sample, &answer, "r").await.unwrap();
    }
    desk.clock.set("2026-05-01T13:00:00Z".parse().unwrap());
    let done = desk.submissions.submit(&officer(), desk.sample, &[], "r").await.unwrap();
    let manifest = desk.submissions.manifest(&officer(), desk.sample, done.receipt.revision).await.unwrap();
    assert!(manifest.declarations.iter().all(|d| d.ticked_at.to_string() == "2026-05-01T12:00:00Z"));
}

async fn a_checking_file_is_refused_by_name_and_a_section_without_work_blocks_until_it_is_missing(
    desk: Desk,
) {
    let checking = desk.file("1005", "Film", "checking").await;
    let found = blocked(desk.submit().await);
    assert_eq!(found.blocking.len(), 1, "{found:?}");
    assert_eq!((found.blocking[0].code, found.blocking[0].file), ("file_running", Some(checking)));
    assert!(found.blocking[0].sentence.starts_with("1005 Film.pdf is being checked."), "{found:?}");
    desk.run("UPDATE files SET state = 'rejected' WHERE id = $1", &[&checking.to_string()]).await;
    desk.run("UPDATE files SET state = 'deleted' WHERE original_name = $1", &["1005 URS.pdf"]).await;
    let found = blocked(desk.submit().await);
    assert_eq!(found.blocking[0].code, "section_unresolved");
    assert_eq!(found.blocking[0].candidate.as_ref().unwrap().as_str(), "1005");
    desk.run(
        "INSERT INTO places (sample_id, candidate_id, section, missing_reason) SELECT sample_id, id, 'URS', 'lost' \
         FROM candidates WHERE sample_id = $1 AND number = '1005'",
        &[&desk.sample.to_string()],
    )
    .await;
    let receipt = desk.submit().await.unwrap().receipt;
    assert_eq!(receipt.missing.len(), 1);
    assert_eq!((receipt.missing[0].candidate.as_str(), receipt.missing[0].reason.as_str()), ("1005", "lost"));
    let manifest = desk.submissions.manifest(&officer(), desk.sample, 1).await.unwrap();
    let name = manifest.name_of(Some(&"1005".parse().unwrap())).to_owned();
    let csv: Vec<Vec<u8>> = manifest.table().map(Result::unwrap).collect();
    assert!(csv.len() > 1, "it comes in pieces");
    let csv = String::from_utf8(csv.concat()).unwrap();
    assert!(csv.starts_with("\u{feff}centre,candidate,name,section,"), "{csv}");
    assert_eq!(csv.matches("\r\n").count(), csv.matches('\n').count(), "{csv}");
    assert!(csv.contains(&format!("98765,1005,{name},URS,,,,,,,,,,,,,Missing: lost\r\n")), "{csv}");
    assert!(
        csv.lines().any(|row| row.starts_with("98765,1011,") && row.ends_with(",,,,,,,,,,,,,,absent")),
        "{csv}"
    );
}

async fn what_a_check_found_is_listed_as_the_candidates_are(desk: Desk) {
    let [low, high] = &desk.sampled().await[..2] else { panic!("nobody is sampled") };
    desk.run("UPDATE candidates SET mark = 100 WHERE number = $1", &[high]).await;
    for number in [low, high] {
        desk.file(number, "Film", "checking").await;
    }
    for name in [format!("{low} URS.pdf"), format!("{high} Evidence.pdf")] {
        desk.run("UPDATE files SET state = 'deleted' WHERE original_name = $1", &[&name]).await;
    }
    let found = blocked(desk.submit().await).blocking;
    let place = |one: &Finding| (one.candidate.clone().unwrap().to_string(), one.section.clone().unwrap());
    let listed = [(high, "Evidence"), (high, "Film"), (low, "URS"), (low, "Film")];
    let listed = listed.map(|(number, section)| (number.clone(), section.to_owned()));
    assert_eq!(found.iter().map(place).collect::<Vec<_>>(), listed);
}

async fn a_moving_upload_blocks_and_a_paused_one_is_cancelled_and_fenced_by_submitting(desk: Desk) {
    let now = desk.clock.now();
    let file = desk.file("1005", "Film", "receiving").await;
    desk.upload(file, now - SignedDuration::from_mins(9)).await;
    assert_eq!(blocked(desk.submit().await).blocking[0].code, "file_running");
    desk.clock.set(now + SignedDuration::from_mins(1));
    let (found, _) = desk.submissions.check(&officer(), desk.sample).await.unwrap();
    assert!(found.may_submit());
    assert_eq!((found.doubtful[0].code, found.doubtful[0].file), ("upload_paused", Some(file)));
    // All of its bytes have come: it only waits to be finished, and is not thrown away.
    desk.run("UPDATE uploads SET offset_bytes = 100 WHERE file_id = $1", &[&file.to_string()]).await;
    assert_eq!(blocked(desk.submit().await).blocking[0].code, "file_running");
    desk.run("UPDATE uploads SET offset_bytes = 99 WHERE file_id = $1", &[&file.to_string()]).await;
    assert_eq!(desk.submit().await.unwrap().receipt.files, 12);
    assert_eq!(
        desk.texts("SELECT original_name FROM files WHERE state = 'cancelled'").await,
        ["1005 Film.pdf"]
    );
    assert_eq!(desk.texts("SELECT CAST(epoch AS TEXT) FROM uploads").await, ["5"]);
    assert_eq!(desk.texts("SELECT action FROM audit WHERE action LIKE 'file.%'").await, ["file.cancelled"]);
}

async fn after_the_due_date_it_is_late_and_after_the_grace_refused(desk: Desk) {
    // Due at the end of 15 May, cut off at the end of 22 May, a day of grace.
    desk.clock.set("2026-05-17T12:00:00Z".parse().unwrap());
    let (found, _) = desk.submissions.check(&officer(), desk.sample).await.unwrap();
    assert_eq!(found.doubtful.iter().map(|f| f.code).collect::<Vec<_>>(), ["late_submission"]);
    desk.clock.set("2026-05-24T12:00:00Z".parse().unwrap());
    assert_eq!(blocked(desk.submit().await).blocking[0].code, "closed");
    desk.run(
        "UPDATE candidates SET due_at = 1800000000000000, cut_off_at = 1800000000000000 WHERE number = $1",
        &["1005"],
    )
    .await;
    assert!(!desk.submit().await.unwrap().receipt.late);
}

async fn only_who_may_submit_submits_and_the_rest_do_not_even_see_it(desk: Desk) {
    let answers = yes(&desk.submissions);
    let denied = async |who: Actor| match desk.submissions.submit(&who, desk.sample, &answers, "r").await {
        Err(SubmitError::Denied(denied)) => denied,
        other => panic!("{other:?}"),
    };
    assert_eq!(denied(actor("teacher.98765", Role::Teacher, Some("98765"))).await, Denied::Forbidden);
    assert_eq!(denied(actor("board", Role::Board, None)).await, Denied::Forbidden);
    assert_eq!(denied(actor("officer.20461", Role::Officer, Some("20461"))).await, Denied::Unknown);
    assert_eq!(denied(actor("moderator.1", Role::Moderator, None)).await, Denied::Unknown);
    // A role taken away stops the next request, whatever the caller still believes.
    desk.run("DELETE FROM roles WHERE person_id = $1", &["officer.98765"]).await;
    assert_eq!(denied(officer()).await, Denied::Unknown);
    let other = actor("moderator.2", Role::Moderator, None);
    assert!(matches!(
        desk.submissions.receipt(&other, desk.sample, 1).await,
        Err(ReadError::Denied(Denied::Unknown))
    ));
}

async fn a_returned_candidate_alone_opens_and_revision_two_differs_there_alone(desk: Desk) {
    desk.submit().await.unwrap();
    let moderator = actor("moderator.1", Role::Moderator, None);
    let wanted = Return {
        candidates: Some(vec!["1005".parse().unwrap()]),
        reason: "The recording sheet is another candidate's.".into(),
        due_at: "2026-06-10T23:00:00Z".parse().unwrap(),
    };
    let not_theirs = desk.submissions.give_back(&officer(), desk.sample, &wanted, "r").await;
    assert!(matches!(not_theirs, Err(ReturnError::Denied(Denied::Forbidden))));
    let stray = Return { candidates: Some(vec!["7777".parse().unwrap()]), ..wanted.clone() };
    let refused = desk.submissions.give_back(&moderator, desk.sample, &stray, "r").await;
    assert!(matches!(refused, Err(ReturnError::NotInSample(number)) if number.as_str() == "7777"));
    let past = Return { due_at: desk.clock.now(), ..wanted.clone() };
    let refused = desk.submissions.give_back(&moderator, desk.sample, &past, "r").await;
    assert!(matches!(refused, Err(ReturnError::DateNotAhead)));
    let returned = desk.submissions.give_back(&moderator, desk.sample, &wanted, "r").await.unwrap();
    assert_eq!(desk.submissions.last_return(&officer(), desk.sample).await.unwrap(), Some(returned));
    assert_eq!(desk.texts("SELECT number FROM candidates WHERE returned = 1").await, ["1005"]);
    desk.run("UPDATE files SET state = 'superseded' WHERE original_name = $1", &["1005 URS.pdf"]).await;
    let new = desk.file("1005", "URS", "accepted").await;
    desk.clock.set("2026-06-09T12:00:00Z".parse().unwrap());
    let unticked = desk.submissions.submit(&officer(), desk.sample, &[], "r").await;
    assert!(matches!(unticked, Err(SubmitError::NotDeclared(_))), "declared again");
    let second = desk.submit().await.unwrap();
    assert_eq!((second.receipt.revision, second.receipt.late, second.new), (2, false, true));
    let one = desk.submissions.manifest(&moderator, desk.sample, 1).await.unwrap();
    let two = desk.submissions.manifest(&moderator, desk.sample, 2).await.unwrap();
    let changed: Vec<_> = two.files.iter().filter(|file| !one.files.contains(file)).collect();
    assert_eq!(changed.iter().map(|file| file.id).collect::<Vec<_>>(), [new]);
    assert_eq!(one.files.len(), two.files.len());
    assert!(desk.texts("SELECT number FROM candidates WHERE returned = 1").await.is_empty());
}

impl Desk {
    async fn give_back(&self, numbers: &[String], due: &str) {
        let wanted = Return {
            candidates: Some(numbers.iter().map(|number| number.parse().unwrap()).collect()),
            reason: "More is asked for.".into(),
            due_at: due.parse().unwrap(),
        };
        let moderator = actor("moderator.1", Role::Moderator, None);
        self.clock.set(self.clock.now() + SignedDuration::from_mins(1));
        self.submissions.give_back(&moderator, self.sample, &wanted, "r").await.unwrap();
    }

    /// The sample's own dates: those of its documents.
    async fn dates(&self) -> [Timestamp; 2] {
        let standing = self.submissions.check(&officer(), self.sample).await.unwrap().1;
        [standing.sample.dates.due_at, standing.sample.dates.cut_off_at]
    }
}

async fn whoever_is_named_when_all_are_open_the_documents_are_until_the_last_date(desk: Desk) {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let before = desk.dates().await;
    let sampled = desk.sampled().await;
    desk.submit().await.unwrap();
    desk.give_back(&sampled[1..], "2026-06-20T23:00:00Z").await;
    assert_eq!(desk.dates().await, before, "one is locked, and so is what belongs to all");
    desk.give_back(&sampled[..1], "2026-06-10T23:00:00Z").await;
    assert_eq!(desk.dates().await, [at("2026-06-20T23:00:00Z"); 2]);
    desk.submit().await.unwrap();
    desk.give_back(&sampled, "2026-07-01T23:00:00Z").await;
    assert_eq!(desk.dates().await, [at("2026-07-01T23:00:00Z"); 2]);
}

async fn a_further_return_asks_for_the_declarations_again(desk: Desk) {
    desk.submit().await.unwrap();
    desk.give_back(&["1005".into()], "2026-06-10T23:00:00Z").await;
    for answer in yes(&desk.submissions) {
        desk.submissions.tick(&officer(), desk.sample, &answer, "r").await.unwrap();
    }
    desk.give_back(&["0042".into()], "2026-06-10T23:00:00Z").await;
    let unticked = desk.submissions.submit(&officer(), desk.sample, &[], "r").await;
    assert!(matches!(unticked, Err(SubmitError::NotDeclared(_))), "{unticked:?}");
    let manifest = desk.submissions.manifest(&officer(), desk.sample, 1).await.unwrap();
    assert_eq!(manifest.declarations.len(), 3);
    assert_eq!(desk.submit().await.unwrap().receipt.revision, 2);
}

async fn two_officers_who_submit_at_once_get_one_receipt(desk: Desk) {
    let (one, two, three) = tokio::join!(desk.submit(), desk.submit(), desk.submit());
    let all = [one.unwrap(), two.unwrap(), three.unwrap()];
    assert_eq!(all.iter().filter(|done| done.new).count(), 1);
    assert!(all.iter().all(|done| done.receipt == all[0].receipt));
    assert_eq!(desk.texts("SELECT receipt FROM submissions").await, [all[0].receipt.receipt.clone()]);
}

impl Desk {
    /// Deletes an accepted file the way every change does: the sample first, shared.
    async fn delete(&self, file: FileId) -> bool {
        use crate::database::samples;
        let mut tx = self.db.begin().await.unwrap();
        let person = "teacher.98765".parse().unwrap();
        let (sample, ..) = samples::lock_shared(&mut tx, &person, self.sample).await.unwrap().unwrap();
        if sample.state == crate::sample::SampleState::Submitted {
            return false;
        }
        tokio::task::yield_now().await;
        sqlx::query("UPDATE files SET state = 'deleted' WHERE id = $1 AND state = 'accepted'")
            .bind(file.to_string())
            .execute(tx.on())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        true
    }
}

async fn a_delete_that_crosses_a_submission_is_before_it_or_refused(desk: Desk) {
    let mut crossed = [0, 0];
    for round in 0..20 {
        let extra = desk.file("1005", "Witness", "accepted").await;
        let (submitted, deleted) = if round % 2 == 0 {
            tokio::join!(desk.submit(), desk.delete(extra))
        } else {
            let (deleted, submitted) = tokio::join!(desk.delete(extra), desk.submit());
            (submitted, deleted)
        };
        let receipt = submitted.unwrap().receipt;
        let manifest = desk.submissions.manifest(&officer(), desk.sample, receipt.revision).await.unwrap();
        let told = manifest.files.iter().any(|file| file.id == extra);
        assert_ne!(told, deleted, "round {round}: in the manifest, or deleted");
        crossed[usize::from(deleted)] += 1;
        desk.run("UPDATE samples SET state = 'open' WHERE id = $1", &[&desk.sample.to_string()]).await;
    }
    assert!(crossed[0] > 0 && crossed[1] > 0, "both orders were met: {crossed:?}");
}

async fn an_upload_that_moves_again_is_not_cancelled_under_its_sender(desk: Desk) {
    let now = desk.clock.now();
    let file = desk.file("1005", "Film", "receiving").await;
    desk.upload(file, now - SignedDuration::from_mins(30)).await;
    // Its sender comes back between the look and the cancelling.
    let mut tx = desk.db.begin().await.unwrap();
    let idle_since = now - PAUSED_AFTER;
    sqlx::query("UPDATE uploads SET last_byte_at = $1 WHERE file_id = $2")
        .bind(now.as_microsecond())
        .bind(file.to_string())
        .execute(tx.on())
        .await
        .unwrap();
    let silent = uploads::End::SilentSince(idle_since);
    assert!(!uploads::end(&mut tx, file, silent, now).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(blocked(desk.submit().await).blocking[0].code, "file_running");
    assert_eq!(desk.texts("SELECT CAST(epoch AS TEXT) FROM uploads").await, ["4"]);
}
