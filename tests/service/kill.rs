//! The plug is pulled: at every named step, in the middle of a body, during a check. Whatever was acknowledged is
//! still there, the upload goes on from there, the file is accepted once, bytes unchanged, and nothing is left over.

use std::path::Path;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use rustix::process::Signal;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::support::{Actor, CENTRE, COMPONENT, Installation, Process, send};

/// The most bytes one request brings.
const PATCH: usize = 6 << 20;
/// More than two parts of a multipart upload.
const LARGE: usize = 20 << 20;
/// Less than one part, in two requests.
const MEDIUM: usize = 5 << 20;
/// Less than one part, and one request.
const SMALL: usize = 300 << 10;

#[tokio::test]
async fn before_a_commit() {
    killed_at("upload::before_commit", LARGE).await;
}

#[tokio::test]
async fn after_a_commit() {
    killed_at("upload::after_commit", LARGE).await;
}

#[tokio::test]
async fn before_the_seal() {
    killed_at("upload::before_seal", LARGE).await;
}

#[tokio::test]
async fn after_the_seal() {
    killed_at("upload::after_seal", LARGE).await;
}

#[tokio::test]
async fn after_the_seal_of_a_file_that_lay_in_pieces() {
    killed_at("upload::after_seal", MEDIUM).await;
}

#[tokio::test]
async fn after_the_seal_of_a_small_file() {
    killed_at("upload::after_seal", SMALL).await;
}

#[tokio::test]
async fn when_received() {
    killed_at("upload::received", LARGE).await;
}

#[tokio::test]
async fn when_a_small_file_is_received() {
    killed_at("upload::received", SMALL).await;
}

#[tokio::test]
async fn when_a_check_begins() {
    killed_at("check::claimed", LARGE).await;
}

#[tokio::test]
async fn when_a_check_has_its_verdict() {
    killed_at("check::judged", LARGE).await;
}

#[tokio::test]
async fn before_the_copy_to_evidence() {
    killed_at("promote::before_copy", LARGE).await;
}

#[tokio::test]
async fn after_the_copy_to_evidence() {
    killed_at("promote::copied", LARGE).await;
}

#[tokio::test]
async fn when_accepted() {
    killed_at("promote::accepted", LARGE).await;
}

#[tokio::test]
async fn in_the_middle_of_a_body() {
    let mut scene = Scene::new(LARGE).await;
    let process = scene.begin().await;
    let _body = scene.half_a_body(&process, 9 << 20).await;
    process.signal(Signal::KILL);
    process.killed().await;
    scene.end().await;
}

#[tokio::test]
async fn a_stop_in_the_middle_of_a_body_keeps_every_byte_that_came() {
    let mut scene = Scene::new(LARGE).await;
    let process = scene.begin().await;
    let _body = scene.half_a_body(&process, 5 << 20).await;
    scene.acknowledged += 5 << 20;
    process.stop().await;
    let process = scene.installation.serve(None).await;
    assert_eq!(scene.offset(&process).await, scene.acknowledged);
    process.stop().await;
    scene.end().await;
}

#[tokio::test]
async fn during_a_check() {
    let mut scene = Scene::new(4 * LARGE).await;
    let process = scene.begin().await;
    assert!(scene.send(&process).await);
    let checking = async {
        while scene.installation.count("SELECT count(*) FROM files WHERE state = 'checking'").await == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(30), checking).await.unwrap();
    process.signal(Signal::KILL);
    process.killed().await;
    assert_eq!(scene.installation.count("SELECT count(*) FROM files WHERE state = 'checking'").await, 1);
    scene.end().await;
}

/// Begins an upload in one process, goes on in one that kills itself at `step`, and ends it in a third.
#[tokio::test]
async fn a_data_folder_has_one_process() {
    let installation = Installation::new(Path::new("config/demo")).await;
    let first = installation.serve(None).await;
    let before = installation.processes();
    let refused = installation.fails(&["serve", "--bind", "127.0.0.1:0"]).await;
    assert!(refused.contains("another strongroom runs on the data folder"), "{refused}");
    assert_eq!(installation.processes(), before, "its scanner runs on");
    first.signal(Signal::KILL);
    first.killed().await;
    // At once: the scanner of the killed one gives way to a new one.
    let second = installation.serve(None).await;
    let ready = second.actor(&installation.token("officer.98765").await).get("/health/ready").await;
    assert_eq!(ready.status, StatusCode::OK, "{}", ready.text);
    assert_eq!(installation.processes().len(), before.len(), "{:?}", installation.processes());
    second.stop().await;
    installation.remove().await;
}

async fn killed_at(step: &str, size: usize) {
    let mut scene = Scene::new(size).await;
    let process = scene.begin().await;
    process.stop().await;
    let process = scene.installation.serve(Some(step)).await;
    scene.send(&process).await;
    process.killed().await;
    scene.end().await;
}

/// One file on its way in.
pub struct Scene {
    pub installation: Installation,
    pub bytes: Vec<u8>,
    teacher: String,
    officer: String,
    pub file: String,
    /// The highest offset that was told to the client.
    pub acknowledged: usize,
}

impl Scene {
    async fn new(size: usize) -> Self {
        Self::on(Installation::new(Path::new("config/demo")).await, size).await
    }

    pub async fn on(installation: Installation, size: usize) -> Self {
        let (teacher, officer) =
            (installation.token("teacher.98765").await, installation.token("officer.98765").await);
        Self { installation, bytes: zip(size), teacher, officer, file: String::new(), acknowledged: 0 }
    }

    pub fn teacher(&self, process: &Process) -> Actor {
        process.actor(&self.teacher)
    }

    /// A first process, the upload, and, unless the file is small, a first request.
    pub async fn begin(&mut self) -> Process {
        let process = self.installation.serve(None).await;
        let teacher = self.teacher(&process);
        let list = format!("/api/v1/samples?component={COMPONENT}&centre={CENTRE}");
        let sample = teacher.get(&list).await.json()["items"][0]["id"].as_str().unwrap().to_owned();
        let begun = teacher.begin(&sample, "1005", "Evidence", "site.zip", self.bytes.len() as u64).await;
        assert_eq!(begun.status, StatusCode::CREATED, "{}", begun.text);
        self.file = begun.headers["location"].to_str().unwrap().rsplit('/').next().unwrap().to_owned();
        if self.bytes.len() >= MEDIUM {
            // Ends inside a part.
            assert!(self.patch(&teacher, PATCH / 2).await);
            assert_eq!(self.acknowledged, PATCH / 2);
        }
        process
    }

    /// Sends at most `most` bytes from what is acknowledged; `false`: the line was cut.
    async fn patch(&mut self, teacher: &Actor, most: usize) -> bool {
        let end = self.bytes.len().min(self.acknowledged + most);
        let request = teacher
            .request(Method::PATCH, &format!("/files/{}", self.file))
            .header("tus-resumable", "1.0.0")
            .header("upload-offset", self.acknowledged)
            .header("content-type", "application/offset+octet-stream")
            .body(self.bytes[self.acknowledged..end].to_vec());
        let Ok(response) = request.send().await else { return false };
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        self.acknowledged = response.headers()["upload-offset"].to_str().unwrap().parse().unwrap();
        assert_eq!(self.acknowledged, end);
        true
    }

    /// Sends the rest in several requests; `false`: the line was cut.
    pub async fn send(&mut self, process: &Process) -> bool {
        let teacher = self.teacher(process);
        while self.acknowledged < self.bytes.len() {
            if !self.patch(&teacher, PATCH).await {
                return false;
            }
        }
        true
    }

    /// Sends the first `sent` bytes of a request for the rest, and returns once the process has read them all.
    pub async fn half_a_body(&self, process: &Process, sent: usize) -> TcpStream {
        let address = process.base.strip_prefix("http://").unwrap();
        let mut line = TcpStream::connect(address).await.unwrap();
        let (from, whole) = (self.acknowledged, self.bytes.len() - self.acknowledged);
        let head = format!(
            "PATCH /files/{} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\ntus-resumable: 1.0.0\r\n\
             upload-offset: {from}\r\ncontent-type: application/offset+octet-stream\r\ncontent-length: {whole}\r\n\r\n",
            self.file, self.teacher
        );
        let send = async {
            line.write_all(head.as_bytes()).await.unwrap();
            line.write_all(&self.bytes[from..from + sent]).await.unwrap();
            let (ours, theirs) = (line.local_addr().unwrap().port(), line.peer_addr().unwrap().port());
            while unread(ours, theirs) > 0 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(30), send).await.unwrap();
        line
    }

    /// What HEAD tells.
    pub async fn offset(&self, process: &Process) -> usize {
        let path = format!("/files/{}", self.file);
        let answer =
            send(self.teacher(process).request(Method::HEAD, &path).header("tus-resumable", "1.0.0")).await;
        assert_eq!(answer.status, StatusCode::OK);
        answer.headers["upload-offset"].to_str().unwrap().parse().unwrap()
    }

    /// A last process: the upload goes on where it was, is accepted, comes out as it went in, and leaves nothing.
    pub async fn end(self) {
        let process = self.installation.serve(None).await;
        self.end_on(process).await;
    }

    pub async fn end_on(mut self, process: Process) {
        let offset = self.offset(&process).await;
        assert!(
            (self.acknowledged..=self.bytes.len()).contains(&offset),
            "{offset}, but {} were acknowledged",
            self.acknowledged
        );
        self.acknowledged = offset;
        assert!(self.send(&process).await);
        self.teacher(&process).wait_for(&self.file, "accepted").await;
        let path = format!("/api/v1/files/{}/content", self.file);
        let content = process.actor(&self.officer).request(Method::GET, &path).send().await.unwrap();
        assert_eq!(content.status(), StatusCode::OK);
        let content = content.bytes().await.unwrap();
        assert_eq!(Sha256::digest(&content), Sha256::digest(&self.bytes));
        for once in [
            "SELECT count(*) FROM audit WHERE action = 'file.received'",
            "SELECT count(*) FROM audit WHERE action = 'file.accepted'",
        ] {
            assert_eq!(self.installation.count(once).await, 1, "{once}");
        }
        self.cleared().await;
        process.stop().await;
        self.nothing_over().await;
        assert_eq!(self.installation.processes(), Vec::<String>::new());
        self.installation.remove().await;
    }

    /// Waits until the sweeper has nothing left to do.
    async fn cleared(&self) {
        let swept = async {
            for query in ["SELECT count(*) FROM discards", "SELECT count(*) FROM upload_parts"] {
                while self.installation.count(query).await > 0 {
                    sleep(Duration::from_millis(20)).await;
                }
            }
        };
        timeout(Duration::from_secs(30), swept).await.expect("something is never cleared away");
    }

    async fn nothing_over(&self) {
        let store = self.installation.store().await;
        let objects = store.list("", None, 100).await.unwrap();
        let [evidence] = &objects[..] else { panic!("not one object: {objects:?}") };
        assert!(evidence.starts_with("evidence/") && evidence.contains(&self.file), "{evidence}");
        assert_eq!(store.unfinished(100).await.unwrap(), Vec::<String>::new());
        for key in objects {
            store.delete(&key.parse().unwrap()).await.unwrap();
        }
    }
}

/// Bytes under way between two ports of this machine: sent and not read.
fn unread(from: u16, to: u16) -> u64 {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let hex = |text: &str| u64::from_str_radix(text, 16).unwrap();
    let port = |address: &str| hex(address.rsplit(':').next().unwrap());
    let line = |local: u16, remote: u16| {
        let mut fields = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
        let found = fields.find(|f| (port(f[1]), port(f[2])) == (local.into(), remote.into()));
        found.expect("a connection that stands")[4]
            .split_once(':')
            .map(|(tx, rx)| (hex(tx), hex(rx)))
            .unwrap()
    };
    line(from, to).0 + line(to, from).1
}

/// A zip with one text of about `size` bytes, stored, no two megabytes alike.
fn zip(size: usize) -> Vec<u8> {
    use std::io::Write;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::with_capacity(size + 1024)));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    zip.start_file("notes.txt", stored).unwrap();
    for line in 0..size / 64 {
        writeln!(zip, "{line:031} {:031x}", (line as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15)).unwrap();
    }
    zip.finish().unwrap().into_inner()
}
