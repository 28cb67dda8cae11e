//! `strongroom upload` as people and schools' systems run it: a process of its own, against a service.

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};
use strongroom::evidence::Sha256Digest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::support::{CENTRE, Strongroom};

/// The longest a run may take.
const PATIENCE: Duration = Duration::from_secs(120);
const CANDIDATES: &[&str] = &["1001 Amelia Ward", "1002 Nair", "1003", "1004 Wójcik", "1005", "1006", "1007"];

/// A line of so many bytes a second each way and connection that counts what goes up.
struct Line {
    base: String,
    up: Arc<AtomicU64>,
    _carriers: JoinSet<()>,
}

impl Line {
    async fn to(service: &Strongroom, bytes_a_second: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (up, address) = (Arc::new(AtomicU64::new(0)), service.address);
        let mut carriers = JoinSet::new();
        let all = Arc::clone(&up);
        carriers.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let up = Arc::clone(&all);
                connections.spawn(async move {
                    let Ok(server) = TcpStream::connect(address).await else { return };
                    let ((from, to), (back_from, back_to)) = (client.into_split(), server.into_split());
                    // One side that ends ends the other.
                    tokio::select! {
                        () = carry(from, back_to, Some((up, bytes_a_second))) => {}
                        () = carry(back_from, to, None) => {}
                    }
                });
            }
        });
        Self { base, up, _carriers: carriers }
    }

    fn sent(&self) -> u64 {
        self.up.load(Ordering::Relaxed)
    }
}

async fn carry(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    toll: Option<(Arc<AtomicU64>, u64)>,
) {
    let mut piece = vec![0; 16 << 10];
    while let Ok(read @ 1..) = from.read(&mut piece).await {
        if let Some((up, rate)) = &toll {
            sleep(Duration::from_secs_f64(read as f64 / *rate as f64)).await;
            up.fetch_add(read as u64, Ordering::Relaxed);
        }
        if to.write_all(&piece[..read]).await.is_err() {
            break;
        }
    }
}

/// A folder with work in it, and a token beside it.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    async fn of(service: &Strongroom, person: &str) -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(desk.token(), service.as_(person).await.token()).unwrap();
        std::fs::create_dir(desk.work()).unwrap();
        desk
    }

    fn token(&self) -> PathBuf {
        self.folder.path().join("token")
    }

    fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.work().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn command(&self, base: &str, sample: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
        command.args(["upload", "--url", base, "--sample", sample, "--naming", "folders", "--token-file"]);
        command.arg(self.token()).args(more).arg(self.work());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    async fn run(&self, base: &str, sample: &str, more: &[&str]) -> Output {
        timeout(PATIENCE, self.command(base, sample, more).output()).await.unwrap().unwrap()
    }
}

/// The JSON lines of a run.
fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let line = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(line).collect()
}

fn of<'a>(lines: &'a [Value], event: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == event).collect()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256Digest(Sha256::digest(bytes).into()).to_string()
}

/// Text that no other file has, of about `size` bytes.
fn work(name: &str, size: usize) -> Vec<u8> {
    let mut text = format!("The work of {name}.\n").into_bytes();
    let mut line = sha256(&text);
    while text.len() < size {
        text.extend_from_slice(format!("{line}\n").as_bytes());
        line = sha256(line.as_bytes());
    }
    text
}

/// Candidate and name of every accepted file of evidence, with its digest.
async fn files(service: &Strongroom, sample: &str) -> Vec<(String, String)> {
    let officer = service.as_("officer.98765").await;
    let mut found = Vec::new();
    for candidate in CANDIDATES {
        let number = &candidate[..4];
        let answer = officer.get(&format!("/api/v1/samples/{sample}/candidates/{number}")).await.json();
        for section in answer["sections"].as_array().unwrap() {
            for file in section["files"].as_array().unwrap() {
                // One that was whole when the command was killed may still be checked.
                let file = officer.wait_for(file["id"].as_str().unwrap(), "accepted").await;
                let name = format!("{number}/{}", file["original_name"].as_str().unwrap());
                found.push((name, file["sha256"].as_str().unwrap().to_owned()));
            }
        }
    }
    found.sort();
    found
}

async fn killed_after(mut child: Child, time: Duration) {
    sleep(time).await;
    assert!(child.try_wait().unwrap().is_none(), "it was done before it could be killed");
    child.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_sent_from_the_command_line_and_killed_three_times_is_whole_and_nothing_is_sent_twice() {
    let service = Strongroom::start().await;
    let sample = service.sample(CENTRE).await;
    let desk = Desk::of(&service, "teacher.98765").await;
    let (mut expected, mut bytes) = (Vec::new(), 0);
    for candidate in CANDIDATES {
        for piece in 0..8 {
            let name = format!("piece {piece}.txt");
            let work = work(&format!("{candidate} {piece}"), 60_000 + 40_000 * piece);
            expected.push((format!("{}/{name}", &candidate[..4]), sha256(&work)));
            bytes += work.len() as u64;
            desk.write(&format!("{candidate}/Evidence/{name}"), &work);
        }
    }
    expected.sort();
    let line = Line::to(&service, 700_000).await;
    for time in [1500, 2300, 1900] {
        let child = desk.command(&line.base, &sample, &["--yes", "--json"]).spawn().unwrap();
        killed_after(child, Duration::from_millis(time)).await;
    }
    assert!(line.sent() < bytes, "all was sent before the last kill");
    let output = desk.run(&line.base, &sample, &["--yes", "--json"]).await;
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert_eq!(files(&service, &sample).await, expected);
    // Each file was begun once, whatever happened, and what was lost are the bytes on their way at each kill: those in
    // the buffers of three connections.
    let begun = service.texts("SELECT CAST(count(*) AS TEXT) FROM files").await;
    assert_eq!(begun, [expected.len().to_string()]);
    let most = bytes + 4 * (1 << 20) + 3 * 3 * (4 << 20) / 8;
    assert!(line.sent() < most, "{} bytes went up for {bytes}", line.sent());
    let again = desk.run(&line.base, &sample, &["--yes", "--json"]).await;
    assert_eq!(again.status.code(), Some(0));
    assert_eq!(of(&lines(&again), "end")[0]["already_here"], expected.len());
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_is_shown_and_nothing_is_stored_before_a_yes() {
    let service = Strongroom::start().await;
    let sample = service.sample(CENTRE).await;
    let desk = Desk::of(&service, "teacher.98765").await;
    desk.write("1001/Evidence/essay.txt", &work("essay", 4_000));
    desk.write("1002/Evidence/run.exe", b"MZ");
    desk.write("scan0001.pdf", &work("scan", 4_000));
    desk.write("1003/Evidence/.DS_Store", b"litter");
    let base = service.url("");
    let shown = desk.run(&base, &sample, &["--dry-run"]).await;
    assert_eq!(shown.status.code(), Some(3), "{}", String::from_utf8_lossy(&shown.stderr));
    let text = String::from_utf8(shown.stdout).unwrap();
    for part in
        ["Ready", "Needs your choice", "scan0001.pdf", "Refused", "run.exe", ".DS_Store", "Not in this plan"]
    {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    // Nobody is at the terminal.
    let asked = desk.run(&base, &sample, &[]).await;
    assert_eq!(asked.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&asked.stderr).contains("--yes"));
    assert_eq!(service.texts("SELECT CAST(count(*) AS TEXT) FROM files").await, ["0"]);
    let sent = desk.run(&base, &sample, &["--yes", "--json"]).await;
    assert_eq!(sent.status.code(), Some(3), "two files were not sent");
    let lines = lines(&sent);
    let file = of(&lines, "file");
    assert_eq!(file.len(), 1, "{lines:?}");
    assert_eq!((&file[0]["outcome"], &file[0]["candidate"]), (&"accepted".into(), &"1001".into()));
    let end = of(&lines, "end");
    assert_eq!((&end[0]["accepted"], &end[0]["left"]), (&1.into(), &2.into()));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_service_refuses_is_said_and_the_others_go_on() {
    let service = Strongroom::start().await;
    let sample = service.sample(CENTRE).await;
    let desk = Desk::of(&service, "teacher.98765").await;
    desk.write("1001/Evidence/essay.txt", &work("essay", 4_000));
    // A picture by its name alone.
    desk.write("1002/Evidence/picture.png", &work("picture", 4_000));
    let sent = desk.run(&service.url(""), &sample, &["--yes", "--json"]).await;
    assert_eq!(sent.status.code(), Some(3));
    let lines = lines(&sent);
    let mut outcomes: Vec<_> =
        of(&lines, "file").iter().map(|file| (&file["outcome"], &file["reason"])).collect();
    outcomes.sort_by_key(|(outcome, _)| outcome.to_string());
    assert_eq!(outcomes, [(&"accepted".into(), &Value::Null), (&"refused".into(), &"type_mismatch".into())]);
    // Nobody's sample, and nobody's service.
    let foreign = service.sample("20461").await;
    let refused = desk.run(&service.url(""), &foreign, &["--yes"]).await;
    assert_eq!(refused.status.code(), Some(1));
    let silent = desk.run("http://127.0.0.1:9", &sample, &["--yes"]).await;
    assert!(String::from_utf8_lossy(&silent.stderr).contains("does not answer"));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_several_goes_up_once_and_is_there_for_each() {
    let service = Strongroom::start().await;
    let sample = service.sample(CENTRE).await;
    let desk = Desk::of(&service, "teacher.98765").await;
    let dance = work("the dance", 1_500_000);
    desk.write("1001+1002 dance/Evidence/dance.txt", &dance);
    let line = Line::to(&service, 20_000_000).await;
    let output = desk.run(&line.base, &sample, &["--yes", "--json"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = lines(&output);
    let told = of(&lines, "file")[0];
    assert_eq!((&told["candidate"], &told["shared_with"]), (&"1001".into(), &serde_json::json!(["1002"])));
    let expected = |number: &str| (format!("{number}/dance.txt"), sha256(&dance));
    assert_eq!(files(&service, &sample).await, [expected("1001"), expected("1002")]);
    let most = dance.len() as u64 * 3 / 2;
    assert!(line.sent() < most, "{} bytes went up for {}", line.sent(), dance.len());
    let again = desk.run(&line.base, &sample, &["--yes"]).await;
    assert_eq!(again.status.code(), Some(0));
    assert!(line.sent() < most, "nothing is sent twice");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_somebody_does_not_get_is_said() {
    let service = Strongroom::start().await;
    let sample = service.sample(CENTRE).await;
    let desk = Desk::of(&service, "teacher.98765").await;
    desk.write("1001+1002 dance/Evidence/dance.txt", &work("the dance", 1_500_000));
    let line = Line::to(&service, 300_000).await;
    let child = desk.command(&line.base, &sample, &["--yes"]).spawn().unwrap();
    let begun = async {
        while service.texts("SELECT number FROM shares").await.is_empty() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, begun).await.unwrap();
    service.sql("UPDATE candidates SET status = 'absent' WHERE number = '1002'").await;
    let output = timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("Not shared with 1002: they are absent or withdrawn."), "{text}");
    assert!(text.contains("1 without their copy of a shared file"), "{text}");
    service.stop().await;
}
