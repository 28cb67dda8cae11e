//! Accepted files, scanned again: a hit and who learns of it, objects that are not what they were, infected originals
//! and who reads them.

use std::time::Duration;

use futures_util::StreamExt;
use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use strongroom::check::scan::Finding;
use strongroom::object_store::ObjectKey;
use tokio::time::{sleep, timeout};

use crate::identity::{cookie, with_cookie};
use crate::support::{Actor, Answer, CENTRE, Now, Strongroom, is_board, send};

/// What later signatures know.
const MARKER: &[u8] = b"KNOWN-ONLY-LATER";
const BAD: &[u8] = b"an essay, and in it KNOWN-ONLY-LATER, which nobody knew";
const GOOD: &[u8] = b"a recording sheet";
const PATIENCE: Duration = Duration::from_secs(60);

fn hours_ago(hours: i64) -> Timestamp {
    Timestamp::now_for_tests().checked_sub(SignedDuration::from_hours(hours)).unwrap()
}

/// A service whose scanner has signatures of three hours ago, and which scans again at any age.
async fn started() -> Strongroom {
    started_with(|_| {}).await
}

async fn started_with(change: impl FnOnce(&mut strongroom::config::Config)) -> Strongroom {
    let strongroom = Strongroom::with(|config| {
        config.rescan.after = "0s".parse().unwrap();
        config.rescan.files_per_minute = 60_000;
        config.worker.poll = "10ms".parse().unwrap();
        change(config);
    })
    .await;
    strongroom.verdicts.knows(b"", hours_ago(3));
    strongroom
}

/// Uploads a file that is accepted; its id.
async fn accepted(teacher: &Actor, sample: &str, section: &str, name: &str, bytes: &[u8]) -> String {
    let file = teacher.upload(sample, "1005", section, name, bytes).await;
    teacher.wait_for(&file, "accepted").await;
    file
}

/// Waits until a file is as it should be.
async fn until(actor: &Actor, file: &str, is: impl Fn(&Value) -> bool) -> Value {
    let wait = async {
        loop {
            let known = actor.get(&format!("/api/v1/files/{file}")).await.json();
            if is(&known) {
                return known;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, wait).await.expect("the file never becomes what it should")
}

async fn quarantined(actor: &Actor, file: &str) -> Value {
    until(actor, file, |known| known["state"] == "quarantined").await
}

/// Waits until a query finds exactly that.
async fn texts_are(strongroom: &Strongroom, query: &'static str, wanted: &[&str]) {
    let wait = async {
        while strongroom.texts(query).await != wanted {
            sleep(Duration::from_millis(20)).await;
        }
    };
    if timeout(PATIENCE, wait).await.is_err() {
        panic!("{query}: {:?}, not {wanted:?}", strongroom.texts(query).await);
    }
}

async fn content(actor: &Actor, file: &str) -> Answer {
    actor.get(&format!("/api/v1/files/{file}/content")).await
}

async fn page(strongroom: &Strongroom, person: &str, path: &str) -> Answer {
    let cookie = cookie(strongroom, person).await;
    send(with_cookie(strongroom, Method::GET, path, &cookie).header("accept", "text/html")).await
}

/// The names and contents of a zip's members.
async fn unzipped(actor: &Actor, path: &str) -> Vec<(String, Vec<u8>)> {
    let answer = actor.request(Method::GET, path).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(answer.bytes().await.unwrap())).unwrap();
    (0..zip.len())
        .map(|at| {
            let mut member = zip.by_index(at).unwrap();
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut member, &mut bytes).unwrap();
            (member.name().unwrap().into_owned(), bytes)
        })
        .collect()
}

#[tokio::test]
async fn a_later_hit_withdraws_the_file_and_everyone_it_concerns_is_told() {
    let strongroom = started().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let officer = strongroom.as_("officer.98765").await;
    let moderator = strongroom.as_("moderator.1").await;
    let board = strongroom.as_("board").await;
    let good = accepted(&teacher, &sample, "URS", "urs.txt", GOOD).await;
    let bad = accepted(&teacher, &sample, "Evidence", "essay.txt", BAD).await;
    officer.submit(&sample).await;
    let receipt = format!("/api/v1/samples/{sample}/submissions/1");
    let documents = async || {
        let mut all = Vec::new();
        for part in ["", "/manifest.json", "/manifest.csv"] {
            all.push(officer.get(&format!("{receipt}{part}")).await.text);
        }
        all
    };
    let before = documents().await;
    let archive = format!("/api/v1/samples/{sample}/archive");
    assert!(unzipped(&moderator, &archive).await.iter().any(|(_, bytes)| bytes == BAD));
    let events = moderator.request(Method::GET, &format!("/api/v1/events?samples={sample}"));
    let mut events = events.send().await.unwrap().bytes_stream();

    strongroom.verdicts.knows(MARKER, hours_ago(1));
    let known = quarantined(&teacher, &bad).await;
    assert!(known["message"].as_str().unwrap().contains("A later virus check found Test.Virus."), "{known}");
    assert!(known["quarantined_at"].is_string() && known["reason"] == "infected", "{known}");

    // Nobody reads it, and the moderator knows why.
    for actor in [&teacher, &officer, &moderator, &board] {
        assert_eq!(content(actor, &bad).await.status, 404);
    }
    assert_eq!(content(&strongroom.stranger(), &bad).await.status, 401);
    for actor in [&moderator, &board, &strongroom.as_("auditor").await] {
        let seen = actor.get(&format!("/api/v1/files/{bad}")).await.json();
        assert_eq!(seen["state"], "quarantined", "{seen}");
    }
    assert_eq!(strongroom.as_("moderator.2").await.get(&format!("/api/v1/files/{bad}")).await.status, 404);
    let told = async {
        let mut text = String::new();
        while !text.contains("file.quarantined") {
            text.push_str(std::str::from_utf8(&events.next().await.unwrap().unwrap()).unwrap());
        }
        text
    };
    let told = timeout(PATIENCE, told).await.unwrap();
    assert!(told.contains(&bad) && !told.contains("incident."), "{told}");

    // The other one is what it was, on a verdict of the newer signatures.
    assert_eq!(content(&moderator, &good).await.text.as_bytes(), GOOD);
    let newer = "SELECT CASE WHEN signatures_at > 0 AND scanned_at > accepted_at THEN state ELSE 'old' END FROM files \
                 ORDER BY state";
    texts_are(&strongroom, newer, &["accepted", "quarantined"]).await;

    // A note stands in its place; the submission is what it was.
    let members = unzipped(&moderator, &archive).await;
    let (_, note) = members.iter().find(|(name, _)| name.ends_with("essay.txt - withheld.txt")).unwrap();
    assert!(String::from_utf8_lossy(note).contains("a later virus scan found something"));
    assert!(members.iter().all(|(_, bytes)| bytes != BAD));
    assert_eq!(documents().await, before);
    let state = officer.get(&format!("/api/v1/samples/{sample}")).await.json();
    assert_eq!((&state["state"], &state["revision"]), (&json!("submitted"), &json!(1)));

    // The pages say it: the sample's, the way in, the moderator's.
    for (person, path) in [
        ("officer.98765", format!("/samples/{sample}")),
        ("officer.98765", "/organisations/ocr".to_owned()),
        ("board", format!("/samples/{sample}")),
        ("board", "/organisations/ocr".to_owned()),
        ("moderator.1", "/moderation".to_owned()),
    ] {
        let told = page(&strongroom, person, &path).await;
        assert!(told.text.contains("Withdrawn after a later virus check"), "{person} {path}: {}", told.text);
    }
    let own = page(&strongroom, "officer.98765", &format!("/samples/{sample}")).await.text;
    assert!(own.contains("essay.txt was withdrawn on") && own.contains("Test.Virus"), "{own}");
    let moderated = page(&strongroom, "moderator.1", &format!("/moderation/{sample}")).await.text;
    assert!(moderated.contains("a later virus scan found something"), "{moderated}");
    for (file, there) in [(&bad, false), (&good, true)] {
        let looked =
            page(&strongroom, "moderator.1", &format!("/moderation/{sample}?file={file}")).await.text;
        assert_eq!(looked.contains(&format!("{file}/content")), there, "{looked}");
    }
    for stranger in ["moderator.2", "officer.20461"] {
        let path = if stranger == "moderator.2" { "/moderation" } else { "/organisations/ocr" };
        let told = page(&strongroom, stranger, path).await;
        assert!(!told.text.contains("Withdrawn after"), "{stranger}");
    }

    // It is on the trail once, and its bytes lie apart.
    texts_are(
        &strongroom,
        "SELECT action FROM audit WHERE action = 'file.quarantined'",
        &["file.quarantined"],
    )
    .await;
    texts_are(&strongroom, "SELECT CAST(moved AS TEXT) FROM incidents", &["1"]).await;
    texts_are(&strongroom, "SELECT path FROM discards", &[]).await;
    let left = strongroom.service().store.list("", None, 10).await.unwrap();
    let of = |file: &str, class: &str| left.iter().any(|path| path.contains(file) && path.starts_with(class));
    assert!(left.len() == 2 && of(&good, "evidence/") && of(&bad, "incident/"), "{left:?}");
    strongroom.stop().await;
}

#[tokio::test]
async fn a_download_under_way_is_cut_when_its_file_is_withdrawn() {
    let strongroom = started().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    // More than all buffers on the way hold together.
    let mut bytes = String::from_utf8_lossy(MARKER).into_owned();
    while bytes.len() < 24 << 20 {
        bytes.push_str(&format!("{:012} what the candidate saw and heard\n", bytes.len()));
    }
    let bad = accepted(&officer, &sample, "Evidence", "essay.txt", bytes.as_bytes()).await;
    officer.submit(&sample).await;
    let moderator = strongroom.as_("moderator.1").await;
    let begin = async |actor: &Actor, path: String| {
        let answer = actor.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let mut body = answer.bytes_stream();
        let first = body.next().await.unwrap().unwrap().len();
        (body, first)
    };
    let file = begin(&officer, format!("/api/v1/files/{bad}/content")).await;
    let archive = begin(&moderator, format!("/api/v1/samples/{sample}/archive")).await;
    strongroom.verdicts.knows(MARKER, hours_ago(1));
    quarantined(&officer, &bad).await;
    for (mut body, mut read) in [file, archive] {
        let cut = loop {
            match timeout(PATIENCE, body.next()).await.unwrap() {
                Some(Ok(piece)) => read += piece.len(),
                Some(Err(_)) => break true,
                None => break false,
            }
        };
        assert!(
            cut && read < bytes.len(),
            "{read} of {} bytes left, and it looks whole: {}",
            bytes.len(),
            !cut
        );
    }
    let ended = "SELECT detail FROM audit WHERE action LIKE '%download_finished'";
    let both = async {
        while strongroom.texts(ended).await.len() < 2 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, both).await.unwrap();
    for row in strongroom.texts(ended).await {
        assert!(row.contains("\"broken\":\"withdrawn\""), "{row}");
    }
    strongroom.stop().await;
}

#[tokio::test]
async fn what_the_scanner_cannot_say_changes_nothing() {
    let strongroom = started().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let bad = accepted(&teacher, &sample, "Evidence", "essay.txt", BAD).await;
    let verdict = "SELECT state || signatures FROM files";
    let before = strongroom.texts(verdict).await;

    // Away, with newer signatures; then it would not look at all of it.
    strongroom.verdicts.away(true);
    strongroom.verdicts.knows(MARKER, hours_ago(2));
    strongroom.sql("UPDATE files SET rescan_rank = 0").await;
    let scans = strongroom.verdicts.scans();
    while strongroom.verdicts.scans() == scans {
        sleep(Duration::from_millis(10)).await;
    }
    texts_are(&strongroom, "SELECT CAST(COUNT(*) AS TEXT) FROM files WHERE check_until IS NULL", &["1"])
        .await;
    assert_eq!(strongroom.texts(verdict).await, before);
    assert_eq!(content(&teacher, &bad).await.text.as_bytes(), BAD);
    strongroom.verdicts.finds(Some(Finding::Encrypted));
    strongroom.verdicts.away(false);
    strongroom.sql("UPDATE files SET check_after = 0").await;
    let undecided = "SELECT action FROM audit WHERE action LIKE 'file.rescan%'";
    let wait = async {
        while strongroom.texts(undecided).await.is_empty() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap();
    assert_eq!(
        strongroom.texts(verdict).await,
        before,
        "the verdict stands, and on the signatures it was made with"
    );
    strongroom.verdicts.finds(None);
    quarantined(&teacher, &bad).await;
    strongroom.stop().await;
}

/// A zip in which deflate hides what is in it from whoever does not unpack it.
fn packed(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut zip, bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[tokio::test]
async fn an_archive_that_was_scanned_by_its_members_is_again() {
    let strongroom = started().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let zip = packed(&[("sheet.txt", GOOD), ("work/essay.txt", BAD)]);
    assert!(!zip.windows(MARKER.len()).any(|window| window == MARKER));
    let work = accepted(&teacher, &sample, "Evidence", "work.zip", &zip).await;
    // This scanner unpacks nothing.
    strongroom.verdicts.knows(MARKER, hours_ago(2));
    let again = "SELECT state FROM files WHERE scanned_at > accepted_at";
    texts_are(&strongroom, again, &["accepted"]).await;
    // As if it were beyond its size.
    let scans = strongroom.verdicts.scans();
    strongroom.sql("UPDATE files SET by_member = 1").await;
    strongroom.verdicts.knows(MARKER, hours_ago(1));
    let known = quarantined(&teacher, &work).await;
    let message = known["message"].as_str().unwrap();
    assert!(message.contains("A later virus check found Test.Virus in work/essay.txt."), "{known}");
    assert_eq!(strongroom.verdicts.scans(), scans + 2);
    assert_eq!(content(&teacher, &work).await.status, 404);
    let spooled = std::fs::read_dir(strongroom.service().config.data.join("spool")).unwrap().count();
    assert_eq!(spooled, 0);
    strongroom.stop().await;
}

#[tokio::test]
async fn files_that_nobody_could_scan_keep_their_label() {
    let strongroom = started().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let film = accepted(&teacher, &sample, "Evidence", "film.txt", BAD).await;
    let other = accepted(&teacher, &sample, "URS", "urs.txt", GOOD).await;
    // Too large for the scanner, and allowed.
    strongroom.sql("UPDATE files SET unscanned = 1 WHERE section = 'Evidence'").await;
    strongroom.verdicts.knows(MARKER, hours_ago(1));
    let scanned = "SELECT section FROM files WHERE scanned_at > accepted_at";
    texts_are(&strongroom, scanned, &["URS"]).await;
    // In doubt, it is compared and not scanned.
    strongroom.sql("UPDATE files SET rescan_rank = 0").await;
    texts_are(
        &strongroom,
        "SELECT section FROM files WHERE scanned_at > accepted_at ORDER BY section",
        &["Evidence", "URS"],
    )
    .await;
    let known = teacher.get(&format!("/api/v1/files/{film}")).await.json();
    assert_eq!((&known["state"], &known["unscanned"]), (&json!("accepted"), &json!(true)));
    assert_eq!(content(&teacher, &other).await.text.as_bytes(), GOOD);
    strongroom.stop().await;
}

#[tokio::test]
async fn the_oldest_verdict_goes_first_and_none_before_its_age() {
    let strongroom = started_with(|config| {
        config.rescan.after = "7d".parse().unwrap();
        config.rescan.files_per_minute = 240;
    })
    .await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    for (at, name) in ["a.txt", "b.txt", "c.txt", "d.txt"].into_iter().enumerate() {
        accepted(&teacher, &sample, "Evidence", name, format!("essay {at}").as_bytes()).await;
    }
    // The scans of eight days ago and more, the last one of yesterday.
    strongroom
        .sql(
            "UPDATE files SET scanned_at = accepted_at - 86400000000 * CASE original_name \
             WHEN 'a.txt' THEN 8 WHEN 'b.txt' THEN 30 WHEN 'c.txt' THEN 9 ELSE 1 END",
        )
        .await;
    let began = std::time::Instant::now();
    strongroom.verdicts.knows(b"", hours_ago(1));
    texts_are(
        &strongroom,
        "SELECT original_name FROM files WHERE scanned_at >= accepted_at ORDER BY scanned_at",
        &["b.txt", "c.txt", "a.txt"],
    )
    .await;
    assert!(began.elapsed() >= Duration::from_millis(500), "four a second, and three were scanned");
    strongroom.sql("UPDATE files SET scanned_at = 0 WHERE original_name = 'd.txt'").await;
    texts_are(&strongroom, "SELECT original_name FROM files WHERE scanned_at = 0", &[]).await;
    strongroom.stop().await;
}

#[tokio::test]
async fn a_download_puts_old_verdicts_first_and_waits_for_them_where_it_should() {
    for hold in [false, true] {
        let strongroom = started_with(|config| {
            config.rescan.after = "9999d".parse().unwrap();
            config.rescan.before_download = "1h".parse().unwrap();
            config.rescan.hold_download = hold;
        })
        .await;
        let sample = strongroom.sample(CENTRE).await;
        let officer = strongroom.as_("officer.98765").await;
        accepted(&officer, &sample, "Evidence", "essay.txt", GOOD).await;
        officer.submit(&sample).await;
        let moderator = strongroom.as_("moderator.1").await;
        let archive = format!("/api/v1/samples/{sample}/archive");
        let zip = async || moderator.request(Method::GET, &archive).send().await.unwrap();
        // A fresh verdict is in nobody's way, and nor is an old one that nothing newer could change.
        strongroom.verdicts.knows(b"", hours_ago(1));
        assert_eq!(zip().await.status(), 200);
        strongroom.sql("UPDATE files SET scanned_at = scanned_at - 7200000000").await;
        strongroom.verdicts.knows(b"", hours_ago(4));
        assert_eq!(zip().await.status(), 200);
        strongroom.verdicts.hold(true);
        strongroom.verdicts.knows(b"", hours_ago(1));
        let answer = zip().await;
        assert_eq!(answer.status(), if hold { 503 } else { 200 });
        if hold {
            assert!(answer.headers().contains_key("retry-after"));
            assert_eq!(answer.json::<Value>().await.unwrap()["code"], "rescanning");
        }
        strongroom.verdicts.hold(false);
        texts_are(&strongroom, "SELECT original_name FROM files WHERE scanned_at < accepted_at", &[]).await;
        assert_eq!(zip().await.status(), 200);
        strongroom.stop().await;
    }
}

/// The key and version of a file's evidence.
async fn object(strongroom: &Strongroom, file: &str) -> (ObjectKey, strongroom::object_store::ObjectVersion) {
    let all = strongroom
        .texts(
            "SELECT id || ' ' || evidence_key || ' ' || evidence_version FROM files \
                                WHERE evidence_key IS NOT NULL",
        )
        .await;
    let row = all.iter().find_map(|row| row.strip_prefix(file)).unwrap().trim_start();
    let (key, version) = row.split_once(' ').unwrap();
    (key.parse().unwrap(), serde_json::from_str(version).unwrap())
}

#[tokio::test]
async fn an_object_that_is_gone_or_another_withholds_its_file_until_it_is_back() {
    let strongroom = started().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let one = accepted(&officer, &sample, "Evidence", "one.txt", b"the first essay").await;
    let two = accepted(&officer, &sample, "URS", "two.txt", b"another essay, longer").await;
    officer.submit(&sample).await;
    let store = strongroom.service().store.clone();
    let (key, version) = object(&strongroom, &one).await;
    let (other, other_version) = object(&strongroom, &two).await;
    let aside = ObjectKey::Incident { sample: sample.parse().unwrap(), file: one.parse().unwrap() };
    let aside_version =
        store.promote(&key, &version, crc32fast::hash(b"the first essay"), &aside).await.unwrap();
    assert_eq!(ready(&strongroom).await["detail"], "nothing is withheld");

    for (swapped, why) in [(false, "object_lost"), (true, "object_changed")] {
        store.delete(&key).await.unwrap();
        if swapped {
            store
                .promote(&other, &other_version, crc32fast::hash(b"another essay, longer"), &key)
                .await
                .unwrap();
        }
        // Whoever reads it gets nothing, and it is looked at.
        assert_eq!(content(&officer, &one).await.status, 500);
        let known = until(&officer, &one, |known| known["withheld_at"].is_string()).await;
        assert_eq!(known["state"], "accepted");
        assert!(known["message"].as_str().unwrap().contains("have been alerted"), "{known}");
        assert_eq!(strongroom.texts("SELECT withheld FROM files WHERE withheld IS NOT NULL").await, [why]);
        assert_eq!(content(&officer, &one).await.status, 404);
        let part = ready(&strongroom).await;
        assert!(part["alert"] == true && part["ready"] == true, "{part}");
        let moderator = strongroom.as_("moderator.1").await;
        let members = unzipped(&moderator, &format!("/api/v1/samples/{sample}/archive")).await;
        assert!(members.iter().any(|(name, _)| name.ends_with("one.txt - withheld.txt")), "{members:?}");
        let told = page(&strongroom, "moderator.1", &format!("/moderation/{sample}")).await.text;
        assert!(told.contains("what the store holds is not what was accepted"), "{told}");

        // It is found again.
        store.delete(&key).await.unwrap();
        store.promote(&aside, &aside_version, crc32fast::hash(b"the first essay"), &key).await.unwrap();
        strongroom.sql("UPDATE files SET check_after = 0").await;
        until(&officer, &one, |known| known["withheld_at"].is_null()).await;
        assert_eq!(content(&officer, &one).await.text, "the first essay");
    }
    let told = strongroom
        .texts(
            "SELECT action FROM audit WHERE file_id <> '' AND action IN ('file.withheld', \
                                 'file.released') ORDER BY id",
        )
        .await;
    assert_eq!(told, ["file.withheld", "file.released", "file.withheld", "file.released"]);
    assert_eq!(ready(&strongroom).await["alert"], false);
    strongroom.stop().await;
}

async fn ready(strongroom: &Strongroom) -> Value {
    let parts = strongroom.stranger().get("/health/ready").await.json()["parts"].clone();
    parts.as_array().unwrap().iter().find(|part| part["name"] == "evidence").unwrap().clone()
}

#[tokio::test]
async fn other_bytes_that_look_alike_from_outside_are_found_by_their_digest() {
    if is_board() {
        // A bucket has no way to write an object and keep its ETag.
        return;
    }
    let strongroom = started().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let one = accepted(&officer, &sample, "Evidence", "one.txt", b"the first essay").await;
    let (key, _) = object(&strongroom, &one).await;
    let path = strongroom.service().config.data.join("objects").join(key.path());
    assert!(path.exists(), "{}", path.display());
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    std::fs::write(&path, b"the worst essay").unwrap();
    std::fs::File::open(&path).unwrap().set_modified(modified).unwrap();
    strongroom.verdicts.knows(b"", hours_ago(1));
    until(&officer, &one, |known| known["withheld_at"].is_string()).await;
    assert_eq!(strongroom.texts("SELECT withheld FROM files").await, ["digest_mismatch"]);
    assert_eq!(content(&officer, &one).await.status, 404);
    // An open sample is not submitted with it.
    let check = officer.get(&format!("/api/v1/samples/{sample}/check")).await.json();
    assert!(
        check["blocking"].as_array().unwrap().iter().any(|found| found["code"] == "file_withheld"),
        "{check}"
    );
    strongroom.stop().await;
}

#[tokio::test]
async fn an_infected_original_is_kept_for_a_time_and_for_nobody_but_its_role() {
    let strongroom = started().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    strongroom.verdicts.knows(MARKER, hours_ago(3));
    let bad = teacher.upload(&sample, "1005", "Evidence", "es\u{e9}say.txt", BAD).await;
    let known = teacher.wait_for(&bad, "infected").await;
    assert!(known["message"].as_str().unwrap().contains("Test.Virus"), "{known}");
    let refused =
        teacher.upload(&sample, "1005", "Evidence", "bad.txt", b"MZ\x90\0\x03\0\0\0\x04\0 no words").await;
    teacher.wait_for(&refused, "rejected").await;
    texts_are(&strongroom, "SELECT file_id FROM incidents WHERE moved = 1", &[&bad]).await;
    texts_are(&strongroom, "SELECT path FROM discards", &[]).await;
    let left = strongroom.service().store.list("", None, 10).await.unwrap();
    assert_eq!(left, [format!("incident/{sample}/{bad}")], "what was refused otherwise is given up");
    let mut next = None;
    loop {
        next = strongroom.service().uploads.clear_left_behind(next).await.unwrap();
        if next.is_none() {
            break;
        }
    }

    let path = format!("/api/v1/incidents/{bad}/content");
    let responder = strongroom.as_("incident").await;
    let listed = responder.get("/api/v1/incidents").await.json()["items"].clone();
    let [one] = &listed.as_array().unwrap()[..] else { panic!("{listed}") };
    assert_eq!((&one["file"], &one["found_by"]), (&json!(bad), &json!("check")));
    assert_eq!((&one["signature"], &one["content"]), (&json!("Test.Virus"), &json!(path)));
    for name in ["teacher.98765", "officer.98765", "moderator.1", "board", "auditor", "officer.20461"] {
        let actor = strongroom.as_(name).await;
        assert_eq!(actor.get(&path).await.status, 404, "{name}");
        assert_eq!(actor.get("/api/v1/incidents").await.status, 403, "{name}");
    }
    assert_eq!(strongroom.stranger().get(&path).await.status, 401);
    let denied =
        "SELECT CAST(COUNT(*) AS TEXT) FROM audit WHERE action = 'access.denied' AND outcome = 'denied'";
    assert_eq!(strongroom.texts(denied).await, ["6"]);
    // The rest of the sample is not the responder's.
    for other in [
        format!("/api/v1/files/{bad}"),
        format!("/api/v1/samples/{sample}"),
        format!("/api/v1/files/{bad}/content"),
    ] {
        assert_eq!(responder.get(&other).await.status, 404, "{other}");
    }

    let answer = responder.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let headers = answer.headers().clone();
    assert_eq!(headers["content-type"], "application/octet-stream");
    let disposition = headers["content-disposition"].to_str().unwrap();
    assert!(
        disposition.starts_with("attachment; ") && disposition.ends_with("say.txt.infected"),
        "{disposition}"
    );
    assert!(headers["content-security-policy"].to_str().unwrap().starts_with("sandbox;"));
    assert_eq!(
        (&headers["cache-control"], &headers["x-content-type-options"]),
        (&"private, no-store".parse().unwrap(), &"nosniff".parse().unwrap())
    );
    let bytes = answer.bytes().await.unwrap();
    assert_eq!(Sha256::digest(&bytes), Sha256::digest(BAD));
    let trail = "SELECT action FROM audit WHERE actor = 'incident' AND outcome = 'done' ORDER BY id";
    texts_are(
        &strongroom,
        trail,
        &["incident.listed", "incident.download_started", "incident.download_finished"],
    )
    .await;

    // No row, no bytes: and no role, no bytes, from the next one on.
    strongroom.sql("DELETE FROM roles WHERE person_id = 'incident'").await;
    assert_eq!(responder.get(&path).await.status, 404);
    strongroom
        .sql("INSERT INTO roles (person_id, role, centre_number) VALUES ('incident', 'incident', '98765')")
        .await;
    assert_eq!(responder.get(&path).await.status, 200);

    // Its time is over; a hold keeps it; without one it goes.
    let board = strongroom.as_("board").await;
    let hold = board.request(Method::POST, &format!("/api/v1/samples/{sample}/holds"));
    let hold = send(hold.json(&json!({ "kind": "malpractice", "reference": "M-1" }))).await;
    assert_eq!(hold.status, 201, "{}", hold.text);
    strongroom.sql("UPDATE incidents SET expires_at = 0").await;
    sleep(Duration::from_millis(300)).await;
    assert_eq!(responder.get(&path).await.status, 200);
    let lifted = format!("/api/v1/samples/{sample}/holds/{}", hold.json()["id"].as_str().unwrap());
    assert_eq!(board.delete(&lifted).await.status, 204);
    assert_eq!(responder.get(&path).await.status, 404, "at once");
    texts_are(
        &strongroom,
        "SELECT action FROM audit WHERE action = 'incident.removed'",
        &["incident.removed"],
    )
    .await;
    texts_are(&strongroom, "SELECT path FROM discards", &[]).await;
    assert_eq!(strongroom.service().store.list("", None, 10).await.unwrap(), Vec::<String>::new());
    let listed = responder.get("/api/v1/incidents").await.json()["items"][0].clone();
    assert!(listed["removed_at"].is_string() && listed["content"].is_null(), "{listed}");
    strongroom.stop().await;
}

#[tokio::test]
async fn the_same_bytes_elsewhere_go_first_after_a_hit() {
    let strongroom = started_with(|config| config.rescan.after = "7d".parse().unwrap()).await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let one = accepted(&teacher, &sample, "Evidence", "one.txt", BAD).await;
    let same = accepted(&teacher, &sample, "URS", "two.txt", BAD).await;
    strongroom.verdicts.knows(MARKER, hours_ago(1));
    // Only the first is old enough.
    strongroom.sql("UPDATE files SET scanned_at = 1 WHERE section = 'Evidence'").await;
    quarantined(&teacher, &one).await;
    quarantined(&teacher, &same).await;
    strongroom.stop().await;
}

#[tokio::test]
async fn a_file_that_waits_says_for_what_and_since_when() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    strongroom.verdicts.away(true);
    let file = officer.upload(&sample, "1005", "Evidence", "essay.txt", GOOD).await;
    let known = until(&officer, &file, |known| known["waits_for"].is_string()).await;
    assert_eq!((&known["state"], &known["waits_for"]), (&json!("checking"), &json!("scanner_not_trusted")));
    assert!(known["message"].as_str().unwrap().contains("goes on by itself"), "{known}");
    let since = known["waits_since"].clone();
    texts_are(
        &strongroom,
        "SELECT CASE WHEN check_attempts > 1 THEN 'again' ELSE 'once' END FROM files",
        &["again"],
    )
    .await;
    let still = until(&officer, &file, |known| known["waits_for"].is_string()).await;
    assert_eq!(still["waits_since"], since, "since the first time");
    let shown = page(&strongroom, "officer.98765", &format!("/samples/{sample}?open=1005")).await.text;
    assert!(shown.contains("waits since") && shown.contains("cannot be relied on at the moment"), "{shown}");
    strongroom.verdicts.away(false);
    let known = officer.wait_for(&file, "accepted").await;
    assert!(known["waits_for"].is_null() && known["waits_since"].is_null(), "{known}");
    strongroom.stop().await;
}

#[tokio::test]
async fn two_workers_on_one_file_write_one_outcome() {
    let strongroom = started().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    strongroom.verdicts.hold(true);
    let file = teacher.upload(&sample, "1005", "Evidence", "essay.txt", GOOD).await;
    let scanning = async |scans: usize| {
        while strongroom.verdicts.scans() < scans {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, scanning(1)).await.unwrap();
    // Its lease runs out in the middle of the scan, and the worker of another node takes it.
    let service = strongroom.service();
    let other = strongroom::worker::Workers::new(
        service.db.clone(),
        service.store.clone(),
        service.scanner.clone(),
        service.clock.clone(),
        service.config.worker.limits(&service.config.incident),
        service.config.data.join("spool"),
        &service.uploads,
    );
    let other = other.rescanning(service.config.rescan.limits(), Default::default(), Default::default());
    strongroom.sql("UPDATE files SET check_until = 1").await;
    let tasks = strongroom::tasks::Tasks::new();
    other.start(&service.uploads, &tasks).await.unwrap();
    timeout(PATIENCE, scanning(2)).await.unwrap();
    strongroom.verdicts.hold(false);
    teacher.wait_for(&file, "accepted").await;
    sleep(Duration::from_millis(300)).await;
    let outcomes = "SELECT action FROM audit WHERE action IN ('file.accepted', 'file.refused')";
    assert_eq!(strongroom.texts(outcomes).await, ["file.accepted"]);
    let epoch = "SELECT CAST(check_epoch AS TEXT) FROM files";
    assert_eq!(strongroom.texts(epoch).await, ["2"]);
    assert_eq!(content(&teacher, &file).await.text.as_bytes(), GOOD);

    // The same of a scan later on: the worker that lost its claim writes nothing.
    strongroom.verdicts.hold(true);
    let scans = strongroom.verdicts.scans();
    strongroom.verdicts.knows(b"recording", hours_ago(1));
    timeout(PATIENCE, scanning(scans + 1)).await.unwrap();
    strongroom.sql("UPDATE files SET check_until = 1").await;
    timeout(PATIENCE, scanning(scans + 2)).await.unwrap();
    strongroom.verdicts.hold(false);
    quarantined(&teacher, &file).await;
    sleep(Duration::from_millis(300)).await;
    let once =
        "SELECT action FROM audit WHERE action IN ('file.quarantined', 'file.withheld', 'file.released')";
    assert_eq!(strongroom.texts(once).await, ["file.quarantined"]);
    tasks.finish(Duration::from_secs(20)).await;
    strongroom.stop().await;
}

#[tokio::test]
async fn an_object_swapped_after_its_scan_is_never_promoted() {
    let strongroom = started().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let longer = b"quite another file, with more bytes";
    let other = accepted(&teacher, &sample, "URS", "urs.txt", longer).await;
    strongroom.verdicts.hold(true);
    let scans = strongroom.verdicts.scans();
    let file = teacher.upload(&sample, "1005", "Evidence", "essay.txt", GOOD).await;
    let scanning = async {
        while strongroom.verdicts.scans() == scans {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, scanning).await.unwrap();
    let store = strongroom.service().store.clone();
    let [staged] = &store.list(&format!("quarantine/{file}/"), None, 10).await.unwrap()[..] else {
        panic!("not staged")
    };
    let key: ObjectKey = staged.parse().unwrap();
    let (from, version) = object(&strongroom, &other).await;
    store.delete(&key).await.unwrap();
    store.promote(&from, &version, crc32fast::hash(longer), &key).await.unwrap();
    // The ninth try of ten was this.
    strongroom.sql("UPDATE files SET check_attempts = 9 WHERE state = 'checking'").await;
    strongroom.verdicts.hold(false);
    let known = teacher.wait_for(&file, "rejected").await;
    assert_eq!(known["reason"], "digest_mismatch", "{known}");
    assert!(known["message"].as_str().unwrap().contains("not the one that was received"), "{known}");
    texts_are(&strongroom, "SELECT path FROM discards", &[]).await;
    let left = store.list("", None, 10).await.unwrap();
    assert!(left.len() == 1 && left[0].contains(&other), "{left:?}");
    strongroom.stop().await;
}
