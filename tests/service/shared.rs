//! One file for several candidates: sent once, and then a file of each of them. Who does not get it is told.

use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::identity::{cookie, with_cookie};
use crate::support::{Actor, Answer, CENTRE, Installation, Now as _, Strongroom, encode, send};

/// Of [`a_copy_that_was_cut_short_is_made_once`].
pub const STEPS: &[&str] = &["share::copied"];
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks for an upload that these share; with its bytes, when there are any.
async fn shared(actor: &Actor, path: &str, name: &str, with: &str, length: usize, bytes: &[u8]) -> Answer {
    let metadata = format!("filename {},shared_with {}", encode(name), encode(with));
    let request = actor.request(Method::POST, &format!("/files/to/{path}")).header("tus-resumable", "1.0.0");
    let request = request.header("upload-length", length).header("upload-metadata", metadata);
    send(match bytes {
        [] => request,
        bytes => request.header("content-type", "application/offset+octet-stream").body(bytes.to_vec()),
    })
    .await
}

fn id(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.headers["location"].to_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

/// The bytes of an upload that has none yet.
async fn fill(actor: &Actor, file: &str, bytes: &[u8]) {
    let request = actor.request(Method::PATCH, &format!("/files/{file}")).header("tus-resumable", "1.0.0");
    let request =
        request.header("upload-offset", 0).header("content-type", "application/offset+octet-stream");
    // A process that kills itself may not answer.
    let _answer = request.body(bytes.to_vec()).send().await;
}

/// Until it is settled for each of them; what is told of them then.
async fn settled(actor: &Actor, file: &str) -> Vec<Value> {
    let wait = async {
        loop {
            let known = actor.get(&format!("/api/v1/files/{file}")).await.json();
            let sharers = known["shared_with"].as_array().unwrap().clone();
            assert!(!sharers.is_empty(), "{known}");
            if sharers.iter().all(|share| share["state"] != "waiting") {
                return sharers;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, wait).await.expect("the copies are never made")
}

/// The files of a candidate's section.
async fn files(actor: &Actor, sample: &str, number: &str, section: &str) -> Vec<Value> {
    let candidate = actor.get(&format!("/api/v1/samples/{sample}/candidates/{number}")).await.json();
    let sections = candidate["sections"].as_array().unwrap();
    let found = sections.iter().find(|one| one["code"] == section).unwrap();
    found["files"].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_is_sent_once_is_a_file_of_each_who_shares_it() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let teacher = strongroom.as_("teacher.98765").await;
    let missing = format!("/api/v1/samples/{sample}/candidates/1007/sections/Evidence/missing");
    assert_eq!(teacher.put(&missing, json!({ "reason": "lost" })).await.status, 204);
    let path = format!("{sample}/1005/Evidence");
    let file = id(&shared(&teacher, &path, "dance.txt", "1008+1007", 12, b"a dance of 3").await);
    let first = teacher.wait_for(&file, "accepted").await;
    let sharers = settled(&teacher, &file).await;
    let told: Vec<_> = sharers.iter().map(|one| (one["candidate"].clone(), one["state"].clone())).collect();
    assert_eq!(told, [(json!("1007"), json!("made")), (json!("1008"), json!("made"))]);

    let mut names = vec![first["unique_name"].as_str().unwrap().to_owned()];
    for share in &sharers {
        let copy = share["file"].as_str().unwrap();
        let known = teacher.get(&format!("/api/v1/files/{copy}")).await.json();
        for same in ["sha256", "size", "original_name", "media_type", "section", "received_at", "late"] {
            assert_eq!(known[same], first[same], "{same}");
        }
        assert_eq!((&known["state"], &known["candidate"]), (&json!("accepted"), &share["candidate"]));
        assert_eq!((&known["duplicate_of"], &known["shared_with"]), (&json!(null), &json!([])));
        names.push(known["unique_name"].as_str().unwrap().to_owned());
        let content = teacher.get(&format!("/api/v1/files/{copy}/content")).await;
        assert_eq!((content.status.as_u16(), content.text.as_str()), (200, "a dance of 3"));
        let here = files(&teacher, &sample, share["candidate"].as_str().unwrap(), "Evidence").await;
        assert_eq!(here.len(), 1);
        assert_eq!(here[0]["id"], share["file"]);
    }
    let number = |number: &str| names[0].replace("_1005_", &format!("_{number}_"));
    assert_eq!(names[1..], [number("1007"), number("1008")], "the stamp is that of the last byte");
    let keys = strongroom.texts("SELECT evidence_key FROM files ORDER BY evidence_key").await;
    assert_eq!(keys.len(), 3, "each has an object of its own: {keys:?}");
    let candidate = teacher.get(&format!("/api/v1/samples/{sample}/candidates/1007")).await.json();
    assert_eq!(candidate["sections"][1]["missing"], json!(null), "what came is not missing");

    // The trail tells of it at each of them, and at first who was named.
    let rows =
        "SELECT action FROM audit WHERE action IN ('file.shared', 'section.missing_cleared') ORDER BY action";
    assert_eq!(strongroom.texts(rows).await.len(), 5);
    let created = strongroom.texts("SELECT detail FROM audit WHERE action = 'file.created'").await;
    assert!(created.len() == 1 && created[0].contains("shared_with"), "{created:?}");
    // A verdict grows old with the file it was made of.
    let scans = "SELECT DISTINCT CAST(scanned_at AS TEXT) || verdict || CAST(crc32 AS TEXT) FROM files";
    assert_eq!(strongroom.texts(scans).await.len(), 1);
    assert_eq!(strongroom.texts("SELECT path FROM discards WHERE path LIKE 'evidence/%'").await, [""; 0]);

    // Each is theirs alone: one that goes leaves the others.
    let gone = sharers[0]["file"].as_str().unwrap();
    assert_eq!(teacher.delete(&format!("/api/v1/files/{gone}")).await.status, 204);
    assert_eq!(teacher.get(&format!("/api/v1/files/{file}/content")).await.text, "a dance of 3");
    let cookie = cookie(&strongroom, "teacher.98765").await;
    let page = async |number: &str| {
        let path = format!("/samples/{sample}?open={number}");
        let request = with_cookie(&strongroom, Method::GET, &path, &cookie).header("accept", "text/html");
        send(request).await.text
    };
    assert!(page("1005").await.contains("shared with 1007 and 1008"));
    assert!(page("1008").await.contains("shared, sent for 1005"));
    strongroom.stop().await;
}

#[tokio::test]
async fn who_cannot_have_it_is_told_before_a_byte_is_sent() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let sheet = officer.upload(&sample, "1007", "URS", "sheet.txt", b"a recording sheet").await;
    officer.wait_for(&sheet, "accepted").await;
    strongroom.sql("UPDATE candidates SET cut_off_at = 1 WHERE number = '1009'").await;
    let many = (1001..=1010).chain([42]).map(|number| format!("{number:04}")).collect::<Vec<_>>().join("+");
    for (section, with, status, code, says) in [
        ("URS", "4444", 400, "invalid_request", "4444 is not entered here"),
        ("URS", "1005", 400, "invalid_request", "1005 is named twice"),
        ("URS", "1008+1008", 400, "invalid_request", "1008 is named twice"),
        ("URS", "1008,1006", 400, "invalid_request", "joined by +"),
        ("URS", "1008+1011", 409, "absent", "candidate 1011"),
        ("URS", "1012", 409, "absent", "candidate 1012"),
        ("URS", "1009", 409, "closed", "candidate 1009"),
        ("URS", "1008+1007", 409, "section_full", "candidate 1007"),
        ("URS", &many, 400, "invalid_request", "named twice"),
    ] {
        let refused = shared(&officer, &format!("{sample}/1005/{section}"), "a.txt", with, 1, b"").await;
        assert_eq!(refused.code(), (status, code.into()), "{with}: {}", refused.text);
        let body = refused.json();
        assert_eq!(body["field"], "shared_with");
        assert!(body["detail"].as_str().unwrap().contains(says), "{body}");
    }
    let document = shared(&officer, &format!("{sample}/Documents"), "a.txt", "1007", 1, b"").await;
    assert_eq!(document.code(), (400, "invalid_request".into()), "{}", document.text);
    let metadata =
        format!("filename {},shared_with {},replaces {}", encode("a.txt"), encode("1008"), encode(&sheet));
    let replacement = officer.request(Method::POST, &format!("/files/to/{sample}/1007/URS"));
    let replacement = replacement.header("tus-resumable", "1.0.0").header("upload-length", 1);
    let replacement = send(replacement.header("upload-metadata", metadata)).await;
    assert_eq!(replacement.code(), (400, "invalid_request".into()), "{}", replacement.text);
    assert_eq!(strongroom.texts("SELECT number FROM shares").await, [""; 0]);
    assert_eq!(strongroom.texts("SELECT id FROM files").await, [sheet], "nothing was begun");
    strongroom.stop().await;
}

#[tokio::test]
async fn what_has_changed_meanwhile_is_told_at_the_file_that_was_sent() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let path = format!("{sample}/1005/URS");
    let file = id(&shared(&officer, &path, "sheet.txt", "1006+1007+1008", 5, b"").await);
    let listed = officer.get("/api/v1/uploads?state=open").await.json();
    assert_eq!(listed["items"][0]["shared_with"].as_array().unwrap().len(), 3);
    let other = officer.upload(&sample, "1007", "URS", "own.txt", b"their own sheet").await;
    officer.wait_for(&other, "accepted").await;
    let absent = format!("/api/v1/samples/{sample}/candidates/1008/absent");
    assert_eq!(officer.put(&absent, json!({})).await.status, 204);
    fill(&officer, &file, b"sheet").await;
    officer.wait_for(&file, "accepted").await;
    let sharers = settled(&officer, &file).await;
    let told: Vec<_> = sharers
        .iter()
        .map(|one| (one["state"].as_str().unwrap(), one["code"].as_str(), one["message"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ("made", None, ""),
            (
                "refused",
                Some("section_full"),
                "Not shared with 1007: their section takes 1 file and has it already."
            ),
            ("refused", Some("absent"), "Not shared with 1008: they are absent or withdrawn."),
        ]
    );
    let cookie = cookie(&strongroom, "officer.98765").await;
    for page in [format!("/samples/{sample}?open=1005"), format!("/samples/{sample}/files/{file}")] {
        let request = with_cookie(&strongroom, Method::GET, &page, &cookie).header("accept", "text/html");
        assert!(send(request).await.text.contains("Not shared with 1008: they are absent"), "{page}");
    }
    let known = officer.get(&format!("/api/v1/files/{file}")).await.json();
    assert!(known["message"].as_str().unwrap().starts_with("Not shared with 1007: "), "{known}");
    // Who gets it in another way after all is not told of any more.
    assert_eq!(officer.delete(&format!("/api/v1/files/{other}")).await.status, 204);
    let late = officer.upload(&sample, "1007", "URS", "late.txt", b"sheet").await;
    officer.wait_for(&late, "accepted").await;
    let sharers = settled(&officer, &file).await;
    assert_eq!((&sharers[1]["state"], &sharers[1]["file"]), (&json!("made"), &json!(late)));
    let trail = "SELECT detail FROM audit WHERE action = 'file.not_shared' ORDER BY id";
    assert_eq!(strongroom.texts(trail).await.len(), 2);
    strongroom.stop().await;
}

#[tokio::test]
async fn a_sample_is_not_submitted_before_everyone_has_their_copy() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let list = officer.get(&format!("/api/v1/samples/{sample}/candidates")).await.json();
    let counted: Vec<_> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["in_sample"] == true)
        .map(|one| one["number"].as_str().unwrap().to_owned())
        .collect();
    let (one, other) = (&counted[0], &counted[1]);
    let path = format!("{sample}/{one}/Evidence");
    let file = id(&shared(&officer, &path, "dance.txt", other, 5, b"").await);
    // Whoever makes copies does not come to it.
    strongroom.sql("UPDATE shares SET due_at = 9000000000000000000").await;
    fill(&officer, &file, b"dance").await;
    officer.wait_for(&file, "accepted").await;
    let sentence = format!("dance.txt is still being copied to {other}. Wait for it.");
    let check = officer.get(&format!("/api/v1/samples/{sample}/check")).await.json();
    let blocking = check["blocking"].as_array().unwrap();
    let found = blocking.iter().find(|finding| finding["sentence"] == sentence.as_str());
    let found = found.unwrap_or_else(|| panic!("{check}"));
    assert_eq!((&found["code"], &found["candidate"]), (&json!("file_running"), &json!(other)));
    let body = json!({ "declarations": [] });
    let request = officer.request(Method::POST, &format!("/api/v1/samples/{sample}/submissions"));
    assert_eq!(send(request.json(&body)).await.code(), (409, "blocked".into()));
    strongroom.sql("UPDATE shares SET due_at = 0").await;
    let copy = settled(&officer, &file).await[0]["file"].as_str().unwrap().to_owned();
    officer.submit(&sample).await;
    let manifest = officer.get(&format!("/api/v1/samples/{sample}/submissions/1/manifest.json")).await;
    assert!(manifest.text.contains(&file) && manifest.text.contains(&copy), "{}", manifest.text);
    strongroom.stop().await;
}

#[tokio::test]
async fn a_file_that_is_not_accepted_is_shared_with_nobody() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    strongroom.verdicts.knows(b"MALWARE", jiff::Timestamp::now_for_tests());
    let path = format!("{sample}/1005/Evidence");
    let bad = id(&shared(&officer, &path, "bad.txt", "1007", 7, b"MALWARE").await);
    let cancelled = id(&shared(&officer, &path, "open.txt", "1007+1008", 7, b"").await);
    let gone =
        officer.request(Method::DELETE, &format!("/files/{cancelled}")).header("tus-resumable", "1.0.0");
    assert_eq!(send(gone).await.status, 204);
    for (file, says) in [
        (&bad, "Not shared with 1007: the file was not accepted."),
        (&cancelled, "Not shared with 1007: the upload was cancelled."),
    ] {
        let sharers = settled(&officer, file).await;
        assert!(sharers.iter().all(|one| one["code"] == "not_accepted"), "{sharers:?}");
        assert_eq!(sharers[0]["message"], says);
    }
    assert!(files(&officer, &sample, "1007", "Evidence").await.is_empty());
    strongroom.stop().await;
}

#[tokio::test]
async fn what_is_there_already_stands_for_what_would_be_the_same() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let there = officer.upload(&sample, "1007", "Evidence", "theirs.txt", b"the same words").await;
    officer.wait_for(&there, "accepted").await;
    let path = format!("{sample}/1005/Evidence");
    let file = id(&shared(&officer, &path, "ours.txt", "1007", 14, b"the same words").await);
    officer.wait_for(&file, "accepted").await;
    assert_eq!(settled(&officer, &file).await[0]["file"], json!(there));
    assert_eq!(files(&officer, &sample, "1007", "Evidence").await.len(), 1);
    // Sent again for one more: the first has it, and the other gets it all the same.
    let again = id(&shared(&officer, &path, "ours.txt", "1008", 14, b"the same words").await);
    officer.wait_for(&again, "rejected").await;
    let sharers = settled(&officer, &again).await;
    assert_eq!(sharers[0]["state"], "made", "{sharers:?}");
    assert_eq!(files(&officer, &sample, "1008", "Evidence").await[0]["id"], sharers[0]["file"]);
    strongroom.stop().await;
}

#[tokio::test]
async fn of_many_that_would_fill_a_place_as_many_as_it_takes_are_copied() {
    let strongroom = Strongroom::start().await;
    let sample = strongroom.sample(CENTRE).await;
    let officer = strongroom.as_("officer.98765").await;
    let mut sent = Vec::new();
    for at in 0..12 {
        let path = format!("{sample}/{}/Evidence", if at % 2 == 0 { "1005" } else { "1006" });
        let text = format!("piece {at:02}");
        sent.push((id(&shared(&officer, &path, &format!("{at}.txt"), "1007", 8, b"").await), text));
    }
    let fills = sent.iter().map(|(file, text)| fill(&officer, file, text.as_bytes()));
    futures_util::future::join_all(fills).await;
    let mut full = 0;
    for (file, _) in &sent {
        let share = settled(&officer, file).await.remove(0);
        full += usize::from(share["code"] == "section_full");
    }
    assert_eq!(full, 2);
    let here = files(&officer, &sample, "1007", "Evidence").await;
    assert_eq!(here.len(), 10);
    let names: std::collections::HashSet<_> =
        here.iter().map(|file| file["unique_name"].to_string()).collect();
    assert_eq!(names.len(), 10);
    strongroom.stop().await;
}

/// The process is killed when the bytes are copied and nobody knows of it yet.
#[tokio::test]
async fn a_copy_that_was_cut_short_is_made_once() {
    let installation = Installation::new(Path::new("config/demo")).await;
    let token = installation.token("teacher.98765").await;
    let process = installation.serve(None).await;
    let (teacher, sample) = (process.actor(&token), process.sample(&token).await);
    let path = format!("{sample}/1005/Evidence");
    let file = id(&shared(&teacher, &path, "dance.txt", "1007", 5, b"").await);
    process.stop().await;
    let process = installation.serve(Some(STEPS[0])).await;
    fill(&process.actor(&token), &file, b"dance").await;
    process.killed().await;
    assert_eq!(installation.count("SELECT count(*) FROM files").await, 1, "nobody knows of the copy");
    let process = installation.serve(None).await;
    let teacher = process.actor(&token);
    let copy = settled(&teacher, &file).await[0]["file"].as_str().unwrap().to_owned();
    assert_eq!(teacher.get(&format!("/api/v1/files/{copy}/content")).await.text, "dance");
    let swept = async {
        while installation.count("SELECT count(*) FROM discards").await > 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, swept).await.expect("something is never cleared away");
    process.stop().await;
    let objects = installation.store().await.list("", None, 100).await.unwrap();
    assert_eq!(objects.len(), 2, "the file and its copy: {objects:?}");
    assert!(objects.iter().any(|path| path.contains(&copy)), "{objects:?}");
    installation.clear().await;
}
