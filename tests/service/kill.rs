//! The plug is pulled: at every named step, in the middle of a body, during a check. Whatever was acknowledged is
//! still there, the upload goes on from there, the file is accepted once, bytes unchanged, and nothing is left over.

use std::path::Path;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use rustix::process::Signal;
use sha2::{Digest, Sha256};
use tokio::time::{sleep, timeout};

use crate::support::line::{Append, Dialect, Framing, Line};
use crate::support::{Actor, Installation, Process, sources};
use crate::{kill_pieces, rescan_kill, shared};

/// The most bytes one request brings.
const PATCH: usize = 6 << 20;
/// More than two parts of a multipart upload.
const LARGE: usize = 20 << 20;
/// Less than one part, in two requests.
const MEDIUM: usize = 5 << 20;
/// Less than one part, and one request.
const SMALL: usize = 300 << 10;

/// Tests that each pull the plug at a step, and the list of those steps.
macro_rules! at_each_step {
    ($($name:ident: $step:literal, $way:expr;)*) => {
        const STEPS: &[&str] = &[$($step),*];
        $(#[tokio::test]
        async fn $name() {
            killed_at($step, $way).await;
        })*
    };
}

at_each_step! {
    after_a_claim: "upload::claimed", TUS.of(LARGE);
    before_a_commit: "upload::before_commit", TUS.of(LARGE);
    before_a_commit_that_a_checksum_allowed: "upload::before_commit", TUS.proven().of(LARGE);
    after_a_commit: "upload::after_commit", TUS.of(LARGE);
    after_a_commit_that_a_digest_allowed: "upload::after_commit", RUFH.proven().of(LARGE);
    while_a_checksum_is_awaited: "upload::unproven", TUS.proven().of(4 * LARGE).by(3 * LARGE);
    while_a_digest_is_awaited: "upload::unproven", RUFH.proven().of(4 * LARGE).by(3 * LARGE);
    before_the_seal: "upload::before_seal", TUS.of(LARGE);
    after_the_seal: "upload::after_seal", TUS.of(LARGE);
    after_the_seal_of_proven_bytes: "upload::after_seal", RUFH.proven().of(LARGE);
    after_the_seal_of_a_file_that_lay_in_pieces: "upload::after_seal", TUS.of(MEDIUM);
    after_the_seal_of_a_small_file: "upload::after_seal", TUS.of(SMALL);
    when_received: "upload::received", TUS.of(LARGE);
    when_a_small_file_is_received: "upload::received", TUS.of(SMALL);
    when_a_small_proven_file_is_received: "upload::received", TUS.proven().of(SMALL);
    when_a_check_begins: "check::claimed", TUS.of(LARGE);
    when_a_check_has_its_verdict: "check::judged", TUS.of(LARGE);
    before_the_copy_to_evidence: "promote::before_copy", TUS.of(LARGE);
    after_the_copy_to_evidence: "promote::copied", TUS.of(LARGE);
    when_accepted: "promote::accepted", TUS.of(LARGE);
    when_an_object_is_removed: "sweep::removed", TUS.of(LARGE);
}

/// Of [`a_cancelled_upload_is_cleared_away_after_all`].
const CLEARED: &str = "sweep::cleared";

#[test]
fn the_plug_is_pulled_at_every_step_there_is() {
    let mut labels = std::collections::BTreeSet::new();
    for path in sources(Path::new("src")) {
        let text = std::fs::read_to_string(path).unwrap();
        let marked = text.split("fail_point!(\"").skip(1);
        labels.extend(marked.filter_map(|rest| rest.split('"').next()).map(str::to_owned));
    }
    let tried = STEPS.iter().chain(kill_pieces::STEPS).chain(rescan_kill::STEPS);
    let tried = tried.chain(shared::STEPS).chain([&CLEARED]);
    let pulled = tried.map(|step| (*step).to_owned()).collect();
    assert_eq!(labels, pulled, "the steps of the sources, and those of these tests");
}

#[tokio::test]
async fn a_cancelled_upload_is_cleared_away_after_all() {
    let mut scene = Scene::new(TUS.of(LARGE)).await;
    let process = scene.begin().await;
    process.stop().await;
    let process = scene.installation.serve(Some(CLEARED)).await;
    let path = format!("/files/{}", scene.file);
    let request = scene.teacher(&process).request(Method::DELETE, &path).header("tus-resumable", "1.0.0");
    // Its answer may come, or the process be gone before.
    let _answer = request.send().await;
    process.killed().await;
    let process = scene.installation.serve(None).await;
    let cleared = async {
        while scene.installation.count("SELECT count(*) FROM uploads").await > 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(30), cleared).await.expect("the upload is never cleared away");
    let asked = process.door(&scene.teacher).ask(&scene.file, Dialect::Tus).await.unwrap();
    assert_eq!(asked.status, 410);
    process.stop().await;
    let store = scene.installation.store().await;
    assert_eq!(store.list("", None, 100).await.unwrap(), Vec::<String>::new());
    assert_eq!(store.unfinished(100).await.unwrap(), Vec::<String>::new());
    scene.installation.remove().await;
}

#[tokio::test]
async fn in_the_middle_of_a_body() {
    let mut scene = Scene::new(TUS.of(LARGE)).await;
    let process = scene.begin().await;
    let _body = scene.half_a_body(&process, 9 << 20).await;
    process.signal(Signal::KILL);
    process.killed().await;
    scene.end().await;
}

#[tokio::test]
async fn a_stop_in_the_middle_of_a_body_keeps_every_byte_that_came() {
    let mut scene = Scene::new(TUS.of(LARGE)).await;
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
    let mut scene = Scene::new(TUS.of(4 * LARGE)).await;
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

/// Begins an upload in one process, goes on in one that kills itself at `step`, and ends it in a third.
async fn killed_at(step: &str, way: Way) {
    let mut scene = Scene::new(way).await;
    let process = scene.begin().await;
    process.stop().await;
    let process = scene.installation.serve(Some(step)).await;
    scene.send(&process).await;
    process.killed().await;
    scene.end().await;
}

/// How a file comes.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    dialect: Dialect,
    /// Every request proves its bytes.
    proven: bool,
    size: usize,
    /// The most bytes one request brings.
    by: usize,
}

pub const TUS: Way = Way { dialect: Dialect::Tus, proven: false, size: 0, by: PATCH };
const RUFH: Way = Way { dialect: Dialect::Rufh, ..TUS };

impl Way {
    const fn proven(self) -> Self {
        Self { proven: true, ..self }
    }

    pub const fn of(self, size: usize) -> Self {
        Self { size, ..self }
    }

    const fn by(self, by: usize) -> Self {
        Self { by, ..self }
    }
}

/// One file on its way in.
pub struct Scene {
    pub installation: Installation,
    pub bytes: Vec<u8>,
    teacher: String,
    officer: String,
    pub file: String,
    way: Way,
    /// The highest offset that was told to the client.
    pub acknowledged: usize,
}

impl Scene {
    async fn new(way: Way) -> Self {
        Self::on(Installation::new(Path::new("config/demo")).await, way).await
    }

    pub async fn on(installation: Installation, way: Way) -> Self {
        let (teacher, officer) =
            (installation.token("teacher.98765").await, installation.token("officer.98765").await);
        let bytes = zip(way.size);
        Self { installation, bytes, teacher, officer, file: String::new(), way, acknowledged: 0 }
    }

    pub fn teacher(&self, process: &Process) -> Actor {
        process.actor(&self.teacher)
    }

    /// A first process, the upload, and, unless the file is small, a first request.
    pub async fn begin(&mut self) -> Process {
        let process = self.installation.serve(None).await;
        let teacher = self.teacher(&process);
        let sample = process.sample(&self.teacher).await;
        let begun = teacher.begin(&sample, "1005", "Evidence", "site.zip", self.bytes.len() as u64).await;
        assert_eq!(begun.status, StatusCode::CREATED, "{}", begun.text);
        self.file = begun.headers["location"].to_str().unwrap().rsplit('/').next().unwrap().to_owned();
        if self.bytes.len() >= MEDIUM {
            // Ends inside a part.
            assert!(self.patch(&process, PATCH / 2).await);
            assert_eq!(self.acknowledged, PATCH / 2);
        }
        process
    }

    /// The request for at most `most` bytes from what is acknowledged.
    fn request(&self, most: usize, proven: bool) -> Append<'_> {
        let (offset, dialect) = (self.acknowledged, self.way.dialect);
        let body = &self.bytes[offset..self.bytes.len().min(offset + most)];
        Append { file: &self.file, offset, body, dialect, framing: Framing::Length, proven, expects: false }
    }

    /// Sends it; `false`: the line was cut.
    async fn patch(&mut self, process: &Process, most: usize) -> bool {
        let request = self.request(most, self.way.proven);
        let end = request.offset + request.body.len();
        let Ok(reply) = process.door(&self.teacher).append_all(&request).await else { return false };
        assert_eq!((reply.status, reply.offset()), (204, Some(end)), "{reply:?}");
        self.acknowledged = end;
        true
    }

    /// Sends the rest in several requests; `false`: the line was cut.
    pub async fn send(&mut self, process: &Process) -> bool {
        while self.acknowledged < self.bytes.len() {
            if !self.patch(process, self.way.by).await {
                return false;
            }
        }
        true
    }

    /// Sends the first `sent` bytes of a request for the rest, and returns once the process has read them all.
    pub async fn half_a_body(&self, process: &Process, sent: usize) -> Line {
        let request = Append { expects: true, ..self.request(self.bytes.len(), false) };
        let mut line = process.door(&self.teacher).append(&request).await.unwrap();
        line.send(&request.body[..sent]).await.unwrap();
        assert!(line.is_read().await);
        line
    }

    /// What HEAD tells.
    pub async fn offset(&self, process: &Process) -> usize {
        let reply = process.door(&self.teacher).ask(&self.file, self.way.dialect).await.unwrap();
        assert!(reply.is_success(), "{reply:?}");
        reply.offset().unwrap()
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
        if self.way.proven {
            let whole = [self.acknowledged, self.bytes.len().min(self.acknowledged + self.way.by)];
            assert!(whole.contains(&offset), "{offset} is within a request that has not proved itself");
        }
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
        self.installation.clear().await;
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
    }
}

/// A zip with one text of about `size` bytes, stored, no two megabytes alike.
pub fn zip(size: usize) -> Vec<u8> {
    use std::io::Write;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::with_capacity(size + 1024)));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    zip.start_file("notes.txt", stored).unwrap();
    for line in 0..size / 64 {
        writeln!(zip, "{line:031} {:031x}", (line as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15)).unwrap();
    }
    zip.finish().unwrap().into_inner()
}
