//! A scanner that fails in every way, against the running service: whatever it does, nothing that it did not pass can be
//! read, people are told what a file waits for, and every file has its verdict once the fault has ended.

use std::io::{Cursor, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use rustix::process::Signal;
use serde_json::Value;
use strongroom::check::scan::{ClamdAddress, ScannerConfig};
use strongroom::running::{Given, Role, Running};
use tokio::time::{Instant, sleep};

use crate::identity::{cookie, with_cookie};
use crate::support::clamd::{Clamd, FakeClamd, Script, can_mount, eicar, hours_ago, nobody, scanner};
use crate::support::{Actor, CENTRE, Strongroom, send};

/// The longest anything may take to be noticed, or to be over.
const PATIENCE: Duration = Duration::from_secs(30);

/// A service over one scanner, and who looks at it.
struct Scene {
    strongroom: Strongroom,
    sample: String,
    officer: Actor,
    moderator: Actor,
    uploads: AtomicUsize,
}

impl Scene {
    async fn over(clamd: Vec<ClamdAddress>) -> Self {
        Self::with(scanner(clamd), 4).await
    }

    async fn with(scanner: ScannerConfig, checks: usize) -> Self {
        let strongroom = Strongroom::scanned(|config| {
            config.scanner = scanner;
            config.worker.checks = checks;
        });
        let strongroom = strongroom.await;
        let sample = strongroom.sample(CENTRE).await;
        let (officer, moderator) =
            (strongroom.as_("officer.98765").await, strongroom.as_("moderator.1").await);
        Self { strongroom, sample, officer, moderator, uploads: AtomicUsize::new(0) }
    }

    /// Uploads evidence; its id.
    async fn upload(&self, name: &str, bytes: &[u8]) -> String {
        let before = self.uploads.fetch_add(1, Ordering::Relaxed);
        let candidate = (1001 + before / 8).to_string();
        self.officer.upload(&self.sample, &candidate, "Evidence", name, bytes).await
    }

    async fn file(&self, file: &str) -> Value {
        self.officer.get(&format!("/api/v1/files/{file}")).await.json()
    }

    /// Nobody gets a byte of it.
    async fn is_unreadable(&self, file: &str) {
        for actor in [&self.officer, &self.moderator] {
            let content = actor.get(&format!("/api/v1/files/{file}/content")).await;
            assert_eq!(content.status, 404, "{}", content.text);
        }
    }

    /// Waits until the file says that it waits for one of these; nobody can read it.
    async fn waits_for(&self, file: &str, reasons: &[&str]) {
        let begun = Instant::now();
        loop {
            let known = self.file(file).await;
            assert!(["received", "checking"].contains(&known["state"].as_str().unwrap()), "{known}");
            self.is_unreadable(file).await;
            if known["waits_for"].as_str().is_some_and(|reason| reasons.contains(&reason)) {
                assert!(known["message"].as_str().unwrap().contains("goes on by itself"), "{known}");
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{known}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn becomes(&self, file: &str, state: &str) -> Value {
        // What the scanner broke off at is tried again after a minute at most.
        let known = self.officer.wait_long_for(file, state, Duration::from_secs(90)).await;
        assert_eq!(known["waits_for"], Value::Null);
        let content = self.officer.get(&format!("/api/v1/files/{file}/content")).await;
        assert_eq!(content.status, if state == "accepted" { 200 } else { 404 });
        known
    }

    /// Whether the scanner is ready, and what is said of it.
    async fn scanner(&self) -> (bool, String) {
        let answer = self.strongroom.stranger().get("/health/ready").await;
        let parts = answer.json()["parts"].clone();
        let part = parts.as_array().unwrap().iter().find(|part| part["name"] == "scanner").unwrap().clone();
        let ready = part["ready"].as_bool().unwrap();
        assert_eq!(answer.status.as_u16(), if ready { 200 } else { 503 });
        (ready, part["detail"].as_str().unwrap().to_owned())
    }

    /// Waits until readiness says so; how long that took.
    async fn says(&self, ready: bool, word: &str) -> Duration {
        let begun = Instant::now();
        loop {
            let (is, detail) = self.scanner().await;
            if is == ready && detail.contains(word) {
                return begun.elapsed();
            }
            assert!(begun.elapsed() < PATIENCE, "not {word:?}: {detail}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// What a counter says, of all clamds together: those of every test of this process.
    async fn metric(&self, name: &str) -> f64 {
        let text = self.strongroom.stranger().get("/metrics").await.text;
        let mut values = text.lines().filter(|line| line.starts_with(name)).peekable();
        assert!(values.peek().is_some(), "{name} is not told");
        values.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }

    /// Every file has its verdict: nothing lies in quarantine or in the spool, and nothing more is asked of the scanner.
    async fn end(self) {
        let store = &self.strongroom.service().store;
        let begun = Instant::now();
        loop {
            let left = store.list("quarantine/", None, 100).await.unwrap();
            let spooled = std::fs::read_dir(self.strongroom.service().config.data.join("spool"));
            let spooled = spooled.map_or(0, Iterator::count);
            if left.is_empty() && spooled == 0 {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "left behind: {left:?}, and {spooled} in the spool");
            sleep(Duration::from_millis(50)).await;
        }
        self.strongroom.stop().await;
    }
}

/// A zip that takes clamd most of a second: `megabytes` of zeros, below what a small zip may inflate to.
fn slow(number: usize, megabytes: usize) -> Vec<u8> {
    let options = zip::write::SimpleFileOptions::default();
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("zeros.bin", options).unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..megabytes {
        zip.write_all(&zeros).unwrap();
    }
    zip.start_file("number.txt", options).unwrap();
    zip.write_all(number.to_string().as_bytes()).unwrap();
    zip.finish().unwrap().into_inner()
}

#[tokio::test]
async fn without_a_clamd_files_wait_and_are_checked_when_it_comes() {
    let mut clamd = Clamd::new();
    let scene = Scene::over(vec![clamd.address()]).await;
    for (round, detail) in ["No such file", "refused"].into_iter().enumerate() {
        // The second time its socket is still there, and nobody listens.
        let essay = scene.upload("essay.txt", format!("an essay {round}").as_bytes()).await;
        let virus = scene.upload("virus.txt", &[eicar(), vec![b' '; round]].concat()).await;
        scene.waits_for(&essay, &["scanner_not_trusted"]).await;
        scene.waits_for(&virus, &["scanner_not_trusted"]).await;
        scene.says(false, detail).await;
        let cookie = cookie(&scene.strongroom, "officer.98765").await;
        let page = format!("/samples/{}/files/{essay}", scene.sample);
        let page = with_cookie(&scene.strongroom, Method::GET, &page, &cookie).header("accept", "text/html");
        let page = send(page).await.text;
        assert!(page.contains("The virus check cannot be relied on at the moment"), "{page}");
        // Long enough for the next try not to be due by itself.
        sleep(Duration::from_secs(2)).await;
        let begun = Instant::now();
        clamd.begin().await;
        scene.becomes(&essay, "accepted").await;
        scene.becomes(&virus, "infected").await;
        println!("S1 ({detail}): files had their verdicts {:?} after clamd began", begun.elapsed());
        scene.says(true, "").await;
        clamd.end(Signal::KILL).await;
    }
    scene.end().await;
}

#[tokio::test]
async fn a_clamd_that_ends_during_a_scan_costs_a_try() {
    let mut clamd = Clamd::new();
    clamd.begin().await;
    let scene = Scene::over(vec![clamd.address()]).await;
    scene.says(true, "").await;
    for (round, signal) in [Signal::KILL, Signal::TERM].into_iter().enumerate() {
        let file = scene.upload("work.zip", &slow(round, 90)).await;
        clamd.scans().await;
        let begun = Instant::now();
        clamd.end(signal).await;
        let ended = begun.elapsed();
        scene.says(false, "").await;
        println!("{signal:?}: clamd ended after {ended:?}, readiness said so at {:?}", begun.elapsed());
        scene.waits_for(&file, &["scanner", "scanner_not_trusted"]).await;
        let begun = Instant::now();
        clamd.begin().await;
        scene.becomes(&file, "accepted").await;
        println!("{signal:?}: accepted {:?} after clamd began anew", begun.elapsed());
    }
    scene.end().await;
}

#[tokio::test]
async fn a_late_answer_is_nobodys() {
    let mut clamd = Clamd::new();
    clamd.begin().await;
    let mut config = scanner(vec![clamd.address()]);
    config.limits.reply_seconds = 4;
    let scene = Scene::with(config, 1).await;
    scene.says(true, "").await;
    let file = scene.upload("work.zip", &slow(0, 90)).await;
    clamd.scans().await;
    clamd.signal(Signal::STOP);
    let noticed = scene.says(false, "answer").await;
    scene.waits_for(&file, &["scanner"]).await;
    clamd.signal(Signal::CONT);
    let begun = Instant::now();
    scene.becomes(&file, "accepted").await;
    println!("S4: noticed after {noticed:?}, accepted {:?} after it went on", begun.elapsed());
    scene.end().await;
}

#[tokio::test]
async fn no_answer_but_the_right_one_is_a_verdict() {
    let clamd = FakeClamd::unix();
    let scene = Scene::over(vec![clamd.address()]).await;
    scene.says(true, "").await;
    let says = |bytes: &[u8]| Script::Says(bytes.to_vec());
    let scripts = [
        says(b""),
        says(b"fd[9]: OK"),
        says(b"fd[9]: O"),
        says(b"\xff\xfe garbage \0"),
        says(b"stream: OK\0"),
        says(b"fd[9]: OK\0fd[9]: OK\0"),
        says(b"2: fd[9]: OK\0"),
        says(b"fd[9]: NOT OK\0"),
        Script::Resets(b"fd[9]: ".to_vec()),
        Script::Resets(Vec::new()),
    ];
    for (round, script) in scripts.into_iter().enumerate() {
        clamd.script(script);
        let file = scene.upload("essay.txt", format!("work {round}").as_bytes()).await;
        scene.waits_for(&file, &["scanner", "scanner_not_trusted"]).await;
        clamd.script(Script::Honest);
        scene.becomes(&file, "accepted").await;
    }
    for (said, state) in [
        ("(null) FOUND", "infected"),
        ("Test.OK.Name FOUND", "infected"),
        ("Heuristics.Limits.Exceeded.MaxScanTime FOUND", "unscannable"),
        ("Heuristics.Encrypted.Zip FOUND", "rejected"),
    ] {
        clamd.script(says(format!("fd[9]: {said}\0").as_bytes()));
        let file = scene.upload("essay.txt", format!("work {said}").as_bytes()).await;
        scene.becomes(&file, state).await;
        assert_eq!(clamd.asked(), 1);
    }
    clamd.script(Script::Honest);
    scene.end().await;
}

#[tokio::test]
async fn one_that_never_answers_or_answers_slowly_is_not_waited_for() {
    let clamd = FakeClamd::unix();
    let mut config = scanner(vec![clamd.address()]);
    (config.limits.reply_seconds, config.limits.probe_seconds) = (1, 1);
    let scene = Scene::with(config, 1).await;
    scene.says(true, "").await;
    clamd.script(Script::Silent);
    let file = scene.upload("essay.txt", b"work").await;
    let file_2 = scene.upload("essay.txt", b"work without an answer").await;
    scene.waits_for(&file_2, &["scanner"]).await;
    clamd.script(Script::Honest);
    scene.becomes(&file_2, "accepted").await;
    scene.becomes(&file, "accepted").await;

    clamd.pause_before_pong(Duration::from_secs(5));
    let noticed = scene.says(false, "answer").await;
    let file = scene.upload("essay.txt", b"work while it is slow").await;
    scene.waits_for(&file, &["scanner_not_trusted"]).await;
    clamd.pause_before_pong(Duration::ZERO);
    scene.becomes(&file, "accepted").await;
    println!("a slow PING was noticed after {noticed:?}");
    scene.end().await;
}

/// A service that looks at its scanner by itself when it begins, and not again in the time of a test.
async fn scene_without_rounds(clamd: &Clamd) -> Scene {
    let mut config = scanner(vec![clamd.address()]);
    config.limits.probe_every_seconds = 3600;
    let scene = Scene::with(config, 4).await;
    scene.says(true, "").await;
    scene
}

#[tokio::test]
async fn a_clamd_that_is_denied_its_folders_passes_nothing() {
    let mut clamd = Clamd::new();
    clamd.drop_root();
    // A proof that is broken off keeps its thread to its end.
    clamd.set("MaxThreads", "6");
    clamd.begin().await;
    let scene = scene_without_rounds(&clamd).await;
    // Without its temporary folder it says OK to everything, and between two rounds nobody asks.
    clamd.deny("tmp", true);
    let virus = scene.upload("virus.txt", &eicar()).await;
    let essay = scene.upload("essay.txt", b"an essay").await;
    scene.waits_for(&virus, &["scanner_not_trusted"]).await;
    scene.waits_for(&essay, &["scanner_not_trusted"]).await;
    scene.says(false, "temporary folder").await;
    clamd.deny("tmp", false);
    let begun = Instant::now();
    scene.becomes(&virus, "infected").await;
    scene.becomes(&essay, "accepted").await;
    println!("S1: files had their verdicts {:?} after the folder was clamd's again", begun.elapsed());
    // Without its signatures it does not begin.
    clamd.deny("db", true);
    clamd.begin_in_vain().await;
    let virus = scene.upload("virus.txt", &[eicar(), b" ".to_vec()].concat()).await;
    scene.waits_for(&virus, &["scanner_not_trusted"]).await;
    scene.says(false, "cannot be reached").await;
    clamd.deny("db", false);
    clamd.begin().await;
    scene.becomes(&virus, "infected").await;
    scene.end().await;
}

#[tokio::test]
async fn a_full_file_system_is_not_of_the_file_and_passes_nothing() {
    if !can_mount().await {
        println!(
            "S6: nothing can be mounted here; a limit on the size of its files stands for a full file system"
        );
        return full_by_a_limit().await;
    }
    let mut clamd = Clamd::new();
    clamd.disk = Some("size=4m,nr_inodes=32");
    clamd.set("MaxThreads", "6");
    clamd.begin().await;
    let scene = scene_without_rounds(&clamd).await;
    let large = scene.upload("work.zip", &slow(0, 20)).await;
    scene.waits_for(&large, &["scanner", "scanner_not_trusted"]).await;
    scene.says(true, "").await;
    let essay = scene.upload("essay.txt", b"what needs no room").await;
    scene.becomes(&essay, "accepted").await;
    let full = |error: std::io::Error| assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    let fill = clamd.temporary().join("fill");

    // Not one byte more.
    std::fs::write(&fill, vec![0; 8 << 20]).map_or_else(full, |()| panic!("it has room"));
    let packed = scene.upload("work.zip", &slow(1, 1)).await;
    scene.waits_for(&packed, &["scanner", "scanner_not_trusted"]).await;
    scene.says(false, "cannot unpack").await;
    std::fs::remove_file(&fill).unwrap();
    scene.becomes(&packed, "accepted").await;

    // Not one inode more: it says OK to everything.
    std::fs::create_dir(&fill).unwrap();
    let mut made = 0;
    while let Ok(_file) = std::fs::File::create(fill.join(made.to_string())) {
        made += 1;
    }
    assert!(made > 0);
    let virus = scene.upload("virus.txt", &eicar()).await;
    scene.waits_for(&virus, &["scanner_not_trusted"]).await;
    scene.says(false, "temporary folder").await;
    std::fs::remove_dir_all(&fill).unwrap();
    scene.becomes(&virus, "infected").await;

    clamd.disk = None;
    clamd.begin().await;
    scene.becomes(&large, "accepted").await;
    scene.end().await;
}

#[tokio::test]
async fn a_full_temporary_folder_is_not_of_the_file() {
    full_by_a_limit().await;
}

/// Without room for a file of more than some size, and for any.
async fn full_by_a_limit() {
    let mut clamd = Clamd::new();
    clamd.room = Some(100);
    clamd.begin().await;
    let scene = Scene::over(vec![clamd.address()]).await;
    scene.says(true, "").await;
    let file = scene.upload("work.zip", &slow(0, 20)).await;
    scene.waits_for(&file, &["scanner", "scanner_not_trusted"]).await;
    let essay = scene.upload("essay.txt", b"what needs no room").await;
    scene.becomes(&essay, "accepted").await;
    // No room at all: its canary says so.
    clamd.room = Some(0);
    clamd.begin().await;
    scene.says(false, "cannot unpack").await;
    scene.waits_for(&file, &["scanner", "scanner_not_trusted"]).await;
    clamd.room = None;
    clamd.begin().await;
    scene.becomes(&file, "accepted").await;
    scene.end().await;
}

#[tokio::test]
async fn old_signatures_hold_files_and_new_ones_are_told() {
    let mut clamd = Clamd::new();
    std::fs::remove_file(clamd.database().join("test.ndb")).unwrap();
    clamd.write_daily(1, hours_ago(24 * 30));
    clamd.begin().await;
    let scene = Scene::over(vec![clamd.address()]).await;
    let mut news = scene.strongroom.service().scanner.news();
    scene.says(false, "hours old").await;
    let file = scene.upload("work.zip", &slow(0, 90)).await;
    scene.waits_for(&file, &["scanner_not_trusted"]).await;

    clamd.write_daily(2, hours_ago(30));
    assert_eq!(clamd.ask("RELOAD").await.unwrap(), "RELOADING\0");
    let begun = Instant::now();
    scene.says(true, "should be renewed").await;
    println!("S7: new signatures were seen {:?} after RELOAD", begun.elapsed());
    // They are exchanged once more while it scans.
    clamd.scans().await;
    clamd.write_daily(3, hours_ago(1));
    clamd.ask("RELOAD").await.unwrap();
    scene.becomes(&file, "accepted").await;
    let newest =
        news.wait_for(|news| news.newest.as_ref().is_some_and(|newest| newest.signatures.starts_with("3/")));
    tokio::time::timeout(PATIENCE, newest).await.unwrap().unwrap();

    // What it cannot load it does not: it goes on with what it has, and keeps telling that date.
    for spoil in ["malformed", "empty"] {
        match spoil {
            "malformed" => clamd.replace("daily.cud", b"ClamAV-VDB:garbage"),
            _ => std::fs::remove_file(clamd.database().join("daily.cud")).unwrap(),
        }
        clamd.ask("RELOAD").await.unwrap();
        sleep(Duration::from_secs(1)).await;
        assert!(clamd.ask("VERSION").await.unwrap().starts_with("ClamAV 1.4.6/3/"), "{spoil}");
        let virus = scene.upload("virus.txt", &[eicar(), spoil.into()].concat()).await;
        scene.becomes(&virus, "infected").await;
    }
    let age = scene.metric("strongroom_signature_age_seconds").await;
    assert!((3_600.0..4_000.0).contains(&age), "{age}");
    scene.end().await;
}

#[tokio::test]
async fn a_clamd_that_is_badly_set_up_is_not_trusted() {
    let mut clamd = Clamd::new();
    let scene = Scene::over(vec![clamd.address()]).await;
    for (round, (name, bad, complaint)) in [
        ("AlertExceedsMax", "no", "AlertExceedsMax yes"),
        ("MaxFileSize", "25M", "MaxFileSize 0"),
        ("MaxScanTime", "50", "MaxScanTime 900000"),
        ("ScanArchive", "no", "ScanArchive yes"),
        ("signatures", "", "EICAR"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut spoilt = Clamd::in_place_of(&clamd);
        if name == "signatures" {
            spoilt.replace("test.ndb", b"Test.Other:0:*:4e4f5448494e47204f462054484154\n");
        } else {
            spoilt.set(name, bad);
        }
        clamd.end(Signal::KILL).await;
        spoilt.begin().await;
        let noticed = scene.says(false, complaint).await;
        let file = scene.upload("essay.txt", format!("essay {round}").as_bytes()).await;
        scene.waits_for(&file, &["scanner_not_trusted"]).await;
        spoilt.end(Signal::KILL).await;
        clamd.begin().await;
        scene.becomes(&file, "accepted").await;
        println!("S8: {name} {bad} was noticed after {noticed:?}");
    }
    assert!(scene.metric("strongroom_canary_failures_total").await >= 5.0);
    scene.end().await;
}

#[tokio::test]
async fn a_full_queue_is_busy_and_not_away() {
    let mut clamd = Clamd::new();
    clamd.begin().await;
    let mut config = scanner(vec![clamd.address()]);
    config.limits.queue_seconds = 1;
    let scene = Scene::with(config, 50).await;
    scene.says(true, "").await;
    let mut files = Vec::new();
    for number in 0..50 {
        files.push(scene.upload("work.zip", &slow(number, 15)).await);
    }
    let mut busy = 0;
    for file in &files {
        while scene.file(file).await["state"] != "accepted" {
            assert!(scene.scanner().await.0, "it is busy, not away");
            let all = futures_util::future::join_all(files.iter().map(|file| scene.file(file))).await;
            busy = busy.max(all.iter().filter(|known| known["waits_for"] == "scanner_busy").count());
            let away = |known: &Value| known["waits_for"].as_str().is_some_and(|what| what != "scanner_busy");
            assert!(!all.iter().any(away), "{all:?}");
            sleep(Duration::from_millis(100)).await;
        }
    }
    assert!(busy > 0, "none had to wait");
    println!("S9: up to {busy} of 50 waited for their turn");
    for name in ["strongroom_scan_queue", "strongroom_scans_running", "strongroom_clamd_trusted"] {
        assert!(scene.metric(name).await >= 0.0, "{name}");
    }
    assert!(scene.metric("strongroom_scan_seconds_count{outcome=\"clean\"}").await >= 50.0);
    scene.end().await;
}

#[tokio::test]
async fn a_stream_that_breaks_is_no_verdict() {
    let clamd = FakeClamd::tcp().await;
    let scene = Scene::over(vec![clamd.address()]).await;
    scene.says(true, "").await;
    let large = |word: &str| {
        let mut bytes = format!("work {word} ").into_bytes();
        bytes.resize(6 << 20, b' ');
        bytes
    };
    for said in [b"".as_slice(), b"stream: O", b"Error writing to temporary file ERROR\0"] {
        clamd.script(Script::Resets(said.to_vec()));
        let file = scene.upload("essay.txt", &large(&format!("{said:?}"))).await;
        scene.waits_for(&file, &["scanner", "scanner_not_trusted"]).await;
        clamd.script(Script::Honest);
        scene.becomes(&file, "accepted").await;
    }
    clamd.script(Script::Says(b"INSTREAM size limit exceeded. ERROR\0".to_vec()));
    let file = scene.upload("essay.txt", &large("too long")).await;
    scene.becomes(&file, "unscannable").await;
    scene.end().await;
}

#[tokio::test]
async fn archives_of_very_many_files_never_reach_the_scanner() {
    let mut clamd = Clamd::new();
    clamd.begin().await;
    let scene = Scene::over(vec![clamd.address()]).await;
    scene.says(true, "").await;
    let many = |number: usize| {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for entry in 0..40_000 {
            zip.start_file(format!("{number}-{entry}"), zip::write::SimpleFileOptions::default()).unwrap();
        }
        zip.finish().unwrap().into_inner()
    };
    let begun = Instant::now();
    let (one, two) = (scene.upload("work.zip", &many(1)).await, scene.upload("work.zip", &many(2)).await);
    let essay = scene.upload("essay.txt", b"an essay beside them").await;
    scene.becomes(&essay, "accepted").await;
    for file in [one, two] {
        let known = scene.becomes(&file, "rejected").await;
        assert_eq!(known["reason"], "archive_unsafe");
    }
    println!("S11: two zips of 40,000 files and an essay had their verdicts after {:?}", begun.elapsed());
    scene.end().await;
}

#[tokio::test]
async fn while_one_of_several_can_be_trusted_nothing_waits() {
    let (mut one, mut two) = (Clamd::new(), Clamd::new());
    one.begin().await;
    two.begin().await;
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::over(vec![nobody(folder.path()), one.address(), two.address()]).await;
    scene.says(true, "2 of 3 can be trusted. clamd 1 (unix): the scanner cannot be reached").await;
    let file = scene.upload("work.zip", &slow(0, 90)).await;
    // Of two that have nothing to do, the first is asked.
    one.scans().await;
    let begun = Instant::now();
    one.end(Signal::KILL).await;
    // It is never put off, so it is not seen to wait.
    loop {
        let known = scene.officer.get(&format!("/api/v1/files/{file}")).await.json();
        assert_eq!(known["waits_for"], Value::Null);
        if known["state"] == "accepted" {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{known}");
        sleep(Duration::from_millis(20)).await;
    }
    println!("a scan that was cut short had its verdict from another after {:?}", begun.elapsed());
    scene.says(true, "1 of 3").await;
    two.end(Signal::KILL).await;
    scene.says(false, "0 of 3").await;
    let file = scene.upload("essay.txt", b"an essay").await;
    scene.waits_for(&file, &["scanner_not_trusted"]).await;
    one.begin().await;
    scene.becomes(&file, "accepted").await;
    assert!(
        !scene.scanner().await.1.contains(&folder.path().display().to_string()),
        "addresses are not told"
    );
    scene.end().await;
}

#[tokio::test]
async fn a_node_that_checks_nothing_is_ready_and_asks_for_no_proof() {
    let clamd = FakeClamd::unix();
    let scene = Scene::over(vec![clamd.address()]).await;
    let (ready, detail) = scene.scanner().await;
    assert!(ready && !detail.contains("no files are checked here"), "{detail}");
    let mut config = scene.strongroom.service().config.clone();
    config.data = config.data.join("second");
    let web = Running::start(config, Role::Web, Given::default()).await.unwrap();
    let readiness = web.service.scanner.readiness().await;
    assert!(readiness.ready && readiness.detail.contains("no files are checked here"), "{readiness:?}");
    web.stop().await;
    scene.end().await;
}
