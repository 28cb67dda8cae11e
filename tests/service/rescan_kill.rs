//! Real signatures and the plug: a managed clamd learns something new, and the process is killed at every step of what
//! follows; and a check that ends its process each time.

use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use rustix::process::Signal;
use tokio::time::{Instant, sleep, timeout};

use crate::support::signatures::{reload, write_daily};
use crate::support::{Installation, Now, Process};

/// Steps after a hit, and after a first check that finds something.
pub const STEPS: &[&str] = &[
    "rescan::claimed",
    "rescan::judged",
    "rescan::quarantined",
    "check::refused",
    "incident::copied",
    "incident::moved",
];
const PATIENCE: Duration = Duration::from_secs(60);
/// Known to the first signatures, and to the second alone.
const KNOWN: &str = "STRONGROOM-KNOWN-AT-ONCE";
const LATER: &str = "STRONGROOM-KNOWN-LATER";

fn hours_ago(hours: i64) -> Timestamp {
    Timestamp::now_for_tests().checked_sub(SignedDuration::from_hours(hours)).unwrap()
}

/// An installation whose clamd has signatures of six hours ago.
async fn installation() -> Installation {
    let mut installation = Installation::new(Path::new("config/demo")).await;
    write_daily(installation.data(), 1, hours_ago(6), &[("Test.Known", KNOWN)]);
    installation.set("STRONGROOM__SCANNER__LIMITS__PROBE_EVERY_SECONDS", 1);
    installation.set("STRONGROOM__RESCAN__AFTER", "0s");
    installation
}

/// From the next start, or the next reload on, clamd knows more.
fn learn(installation: &Installation) {
    write_daily(installation.data(), 2, hours_ago(1), &[("Test.Known", KNOWN), ("Test.Later", LATER)]);
}

async fn upload(process: &Process, token: &str, section: &str, name: &str, text: &str) -> String {
    let sample = process.sample(token).await;
    process.actor(token).upload(&sample, "1005", section, name, text.as_bytes()).await
}

/// The same to a process whose check ends it, maybe before it answers.
async fn upload_to_the_end(process: &Process, token: &str, section: &str, name: &str, text: &str) -> String {
    let sample = process.sample(token).await;
    let actor = process.actor(token);
    let begun = actor.begin(&sample, "1005", section, name, text.len() as u64).await;
    assert_eq!(begun.status, 201, "{}", begun.text);
    let location = begun.headers["location"].to_str().unwrap();
    let file = location.rsplit('/').next().unwrap().to_owned();
    let bytes = actor
        .request(Method::PATCH, &format!("/files/{file}"))
        .header("tus-resumable", "1.0.0")
        .header("upload-offset", 0)
        .header("content-type", "application/offset+octet-stream")
        .body(text.to_owned());
    match bytes.send().await {
        Ok(answer) => assert_eq!(answer.status(), 204),
        Err(lost) => assert!(lost.is_request(), "{lost:?}"),
    }
    file
}

async fn counts(installation: &Installation, query: &'static str, wanted: i64) {
    let wait = async {
        while installation.count(query).await != wanted {
            sleep(Duration::from_millis(20)).await;
        }
    };
    if timeout(PATIENCE, wait).await.is_err() {
        panic!("{query}: {}, not {wanted}", installation.count(query).await);
    }
}

/// Waits until a file is in that state, whatever it was before.
async fn becomes(process: &Process, token: &str, file: &str, state: &str) {
    let wait = async {
        let path = format!("/api/v1/files/{file}");
        while process.actor(token).get(&path).await.json()["state"] != state {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("never {state}"));
}

/// Its original lies where it belongs, once, and nothing else does.
async fn put_away(installation: &Installation, file: &str) {
    counts(installation, "SELECT count(*) FROM incidents WHERE moved = 1", 1).await;
    counts(installation, "SELECT count(*) FROM discards", 0).await;
    let objects = installation.store().await.list("", None, 10).await.unwrap();
    let [one] = &objects[..] else { panic!("not one object: {objects:?}") };
    assert!(one.starts_with("incident/") && one.ends_with(file), "{one}");
}

#[tokio::test]
async fn new_signatures_of_a_real_scanner_find_what_was_accepted() {
    let installation = installation().await;
    let token = installation.token("officer.98765").await;
    let process = installation.serve(None).await;
    let refused = upload(&process, &token, "URS", "urs.txt", KNOWN).await;
    process.actor(&token).wait_for(&refused, "infected").await;
    let bad = upload(&process, &token, "Evidence", "essay.txt", &format!("an essay {LATER}")).await;
    process.actor(&token).wait_for(&bad, "accepted").await;
    let good = upload(&process, &token, "Evidence", "other.txt", "another essay").await;
    process.actor(&token).wait_for(&good, "accepted").await;

    learn(&installation);
    reload(installation.data());
    becomes(&process, &token, &bad, "quarantined").await;
    counts(&installation, "SELECT count(*) FROM files WHERE signatures LIKE '2/%' AND signatures_at > 0", 2)
        .await;
    let known = process.actor(&token).get(&format!("/api/v1/files/{bad}")).await.json();
    assert!(known["message"].as_str().unwrap().contains("Test.Later"), "{known}");
    let content = process.actor(&token).request(Method::GET, &format!("/api/v1/files/{good}/content"));
    assert_eq!(content.send().await.unwrap().text().await.unwrap(), "another essay");
    counts(&installation, "SELECT count(*) FROM incidents WHERE moved = 1", 2).await;
    process.stop().await;
    installation.clear().await;
}

#[tokio::test]
async fn scanning_again_keeps_its_rate_and_goes_on_after_the_plug() {
    const FILES: i64 = 6;
    let mut installation = installation().await;
    installation.set("STRONGROOM__RESCAN__FILES_PER_MINUTE", 120);
    let token = installation.token("officer.98765").await;
    let process = installation.serve(None).await;
    for at in 0..FILES {
        let file = upload(&process, &token, "Evidence", &format!("{at}.txt"), &format!("essay {at}")).await;
        process.actor(&token).wait_for(&file, "accepted").await;
    }
    let done = "SELECT count(*) FROM files WHERE signatures LIKE '2/%'";
    learn(&installation);
    reload(installation.data());
    let some = async {
        while installation.count(done).await < 2 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, some).await.unwrap();
    process.signal(Signal::KILL);
    process.killed().await;
    let before = installation.count(done).await;
    assert!(before < FILES, "the rate was not kept: all of them at once");
    let process = installation.serve(None).await;
    counts(&installation, done, FILES).await;
    counts(
        &installation,
        "SELECT count(*) FROM files WHERE check_until IS NULL AND state = 'accepted'",
        FILES,
    )
    .await;
    // Two a second: the first and the last lie so far apart, even without the time that nobody ran.
    let apart = "SELECT (MAX(scanned_at) - MIN(scanned_at)) / 1000 FROM files";
    assert!(installation.count(apart).await >= (FILES - 2) * 500, "{}", installation.count(apart).await);
    process.stop().await;
    installation.clear().await;
}

async fn killed_at(step: &'static str) {
    let installation = installation().await;
    let token = installation.token("officer.98765").await;
    let at_once = step == "check::refused" || step == "incident::copied";
    let text = if at_once { KNOWN } else { LATER };
    if at_once {
        let process = installation.serve(Some(step)).await;
        upload_to_the_end(&process, &token, "Evidence", "essay.txt", text).await;
        process.killed().await;
    } else {
        let process = installation.serve(None).await;
        let file = upload(&process, &token, "Evidence", "essay.txt", text).await;
        process.actor(&token).wait_for(&file, "accepted").await;
        process.stop().await;
        learn(&installation);
        installation.serve_until_killed(step).await;
    }

    let process = installation.serve(None).await;
    let sample = process.sample(&token).await;
    let files = process.actor(&token).get(&format!("/api/v1/samples/{sample}/candidates/1005")).await.json();
    let section = files["sections"].as_array().unwrap().iter().find(|one| one["code"] == "Evidence").unwrap();
    let file = section["files"][0]["id"].as_str().unwrap().to_owned();
    let (state, told) = match at_once {
        true => ("infected", "SELECT count(*) FROM audit WHERE action = 'file.refused'"),
        false => ("quarantined", "SELECT count(*) FROM audit WHERE action = 'file.quarantined'"),
    };
    becomes(&process, &token, &file, state).await;
    put_away(&installation, &file).await;
    assert_eq!(installation.count(told).await, 1);
    let content = process.actor(&token).request(Method::GET, &format!("/api/v1/files/{file}/content"));
    assert_eq!(content.send().await.unwrap().status(), 404);
    let responder = installation.token("incident").await;
    let original = process.actor(&responder).get(&format!("/api/v1/incidents/{file}/content")).await;
    assert_eq!((original.status.as_u16(), &*original.text), (200, text));
    process.stop().await;
    put_away(&installation, &file).await;
    installation.clear().await;
}

#[tokio::test]
async fn when_a_scan_later_on_begins() {
    killed_at("rescan::claimed").await;
}

#[tokio::test]
async fn when_a_scan_later_on_has_its_finding() {
    killed_at("rescan::judged").await;
}

#[tokio::test]
async fn when_a_file_was_withdrawn() {
    killed_at("rescan::quarantined").await;
}

#[tokio::test]
async fn when_an_infected_file_was_refused() {
    killed_at("check::refused").await;
}

#[tokio::test]
async fn when_an_infected_original_was_copied() {
    killed_at("incident::copied").await;
}

#[tokio::test]
async fn when_an_infected_original_was_moved() {
    killed_at("incident::moved").await;
}

#[tokio::test]
async fn a_check_that_ends_its_process_again_and_again_is_given_up_and_takes_no_other_with_it() {
    let mut installation = installation().await;
    installation.set("STRONGROOM__WORKER__CLAIMS", 3);
    let token = installation.token("officer.98765").await;
    let process = installation.serve(Some("check::claimed")).await;
    let fatal =
        upload_to_the_end(&process, &token, "Evidence", "fatal.txt", "what no process survives").await;
    process.killed().await;
    for _ in 1..3 {
        installation.serve_until_killed("check::claimed").await;
    }
    let process = installation.serve(None).await;
    let began = Instant::now();
    let innocent = upload(&process, &token, "URS", "urs.txt", "a recording sheet").await;
    process.actor(&token).wait_for(&innocent, "accepted").await;
    let known = process.actor(&token).wait_for(&fatal, "unscannable").await;
    assert!(began.elapsed() < PATIENCE);
    assert!(known["message"].as_str().unwrap().contains("begun 3 times and never came to an end"), "{known}");
    let told =
        "SELECT count(*) FROM audit WHERE action = 'file.refused' AND detail LIKE '%\"lost_claims\":3%'";
    assert_eq!(installation.count(told).await, 1);
    counts(&installation, "SELECT count(*) FROM discards", 0).await;
    process.stop().await;
    let objects = installation.store().await.list("", None, 10).await.unwrap();
    assert!(objects.len() == 1 && objects[0].contains(&innocent), "{objects:?}");
    installation.clear().await;
}
