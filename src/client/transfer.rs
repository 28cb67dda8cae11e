//! One file on its way: begun or gone on with, sent through whatever the line does, until the service has all of it.
//!
//! The service is the memory. An upload is known again by place, name, folder, size and the digest that was declared
//! when it was begun, on any machine and any day; nothing is kept here. After trouble the service is asked how far it
//! is (HEAD), and only what it does not have is sent.

use std::io::SeekFrom;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::TryStreamExt;
use indicatif::ProgressBar;
use rand::RngExt;
use reqwest::{Method, Response, StatusCode};
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::time::{Instant, sleep};
use tokio_util::io::ReaderStream;

use super::folder::Local;
use super::{CALL, Problem, Remote, RemoteError, encoded};

/// First and longest wait after trouble.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The longest that the service may ask to be left alone.
const LONGEST_REST: Duration = Duration::from_secs(300);
/// No byte was taken for so long: the line is dead.
const IDLE: Duration = Duration::from_secs(30);
/// How long the service may take to answer once it has all.
const ANSWER: Duration = Duration::from_secs(180);
/// Bytes read at once.
const PIECE: usize = 256 << 10;
/// Times an upload that the service ended is begun anew.
const BEGINNINGS: u32 = 3;
/// Open uploads that are looked through.
const MOST_OPEN: usize = 20_000;

/// A slot of a sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub sample: String,
    pub candidate: String,
    /// Further candidates, who get a copy.
    pub shared_with: Vec<String>,
    pub section: String,
}

/// A file and where it goes.
#[derive(Clone, Debug)]
pub(super) struct Errand {
    pub local: Local,
    pub target: Target,
    /// Hexadecimal SHA-256.
    pub sha256: String,
    /// The folder that the upload tells: what of its own is the candidate's.
    pub folder: String,
    /// The plan's file.
    pub planned: String,
    /// The accepted file that it takes the place of.
    pub replaces: Option<String>,
}

/// What became of the sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// The service has all of it: the file's id.
    Whole(String),
    /// It does not take it.
    Refused(Problem),
    /// The file was changed or is gone.
    Changed,
    /// Nothing arrived for too long; what arrived before is kept there.
    GaveUp(String),
}

/// An upload that is open at the service.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Open {
    id: String,
    #[serde(default)]
    candidate: Option<String>,
    section: String,
    original_name: String,
    #[serde(default)]
    path: String,
    size: Option<u64>,
    offset: Option<u64>,
    #[serde(default)]
    metadata: Option<String>,
    #[serde(default)]
    shared_with: Vec<Share>,
}

/// Somebody who shares a file.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Share {
    pub candidate: String,
    pub state: String,
    #[serde(default)]
    pub message: String,
}

impl Open {
    /// Whether it was begun with this very file: one that declared another digest, or none, is somebody else's to go
    /// on with.
    fn is(&self, errand: &Errand) -> bool {
        let Errand { local, target, folder, sha256, .. } = errand;
        self.candidate.as_deref().unwrap_or_default() == target.candidate
            && self.section == target.section
            && (&self.original_name, &self.path, self.size) == (&local.name, folder, Some(local.size))
            && self.declared().as_deref() == Some(sha256)
            && self.is_for_all(&target.shared_with)
    }

    /// One that is not shared with all of them would leave somebody without their copy.
    fn is_for_all(&self, wanted: &[String]) -> bool {
        wanted.iter().all(|number| self.shared_with.iter().any(|share| share.candidate == *number))
    }

    fn declared(&self) -> Option<String> {
        let pairs = self.metadata.as_deref()?.split(',');
        let value = pairs.filter_map(|pair| pair.trim().split_once(' ')).find(|(key, _)| *key == "sha256")?.1;
        String::from_utf8(STANDARD.decode(value).ok()?).ok()
    }
}

/// All of this person's open uploads of a sample.
pub(super) async fn open(remote: &Remote, sample: &str) -> Result<Vec<Open>, RemoteError> {
    remote.all(&format!("/api/v1/uploads?state=open&sample={}", encoded(sample)), MOST_OPEN).await
}

/// How far an upload is, on a bar of its own and on that of all.
#[derive(Debug)]
pub(super) struct Meter {
    pub own: ProgressBar,
    pub all: ProgressBar,
}

impl Meter {
    /// Says where the upload stands; what was thought to be sent may turn out not to be.
    fn set(&self, at: u64) {
        let was = self.own.position();
        self.own.set_position(at);
        match at >= was {
            true => self.all.inc(at - was),
            false => self.all.dec(was - at),
        }
    }
}

/// An answer, as far as sending goes.
enum Step {
    /// So many bytes are kept.
    At(u64),
    /// Not now.
    Later {
        after: Option<Duration>,
        why: String,
    },
    /// There is no such upload any more.
    Gone,
    Refused(Problem),
}

/// An upload that is being sent.
#[derive(Debug)]
pub(super) struct Transfer<'a> {
    remote: &'a Remote,
    errand: &'a Errand,
    meter: Meter,
    /// The file's id, once there is one.
    id: Option<String>,
    offset: u64,
    patience: Duration,
}

impl<'a> Transfer<'a> {
    /// `known`: uploads that were open at the beginning. `patience`: how long it is tried while no byte arrives.
    pub(super) fn new(
        remote: &'a Remote,
        errand: &'a Errand,
        known: &[Open],
        meter: Meter,
        patience: Duration,
    ) -> Self {
        let mut transfer = Self { remote, errand, meter, id: None, offset: 0, patience };
        transfer.adopt(known);
        transfer
    }

    fn adopt(&mut self, known: &[Open]) {
        if let Some(open) = known.iter().find(|open| open.is(self.errand)) {
            self.id = Some(open.id.clone());
            self.offset = open.offset.unwrap_or_default();
            self.meter.set(self.offset);
        }
    }

    /// Sends it, until all of it is there or a person is needed.
    pub(super) async fn run(mut self) -> Sent {
        let size = self.errand.local.size;
        let (mut failures, mut beginnings, mut gained) = (0, 0, Instant::now());
        // What a list said of it may be a while ago.
        let mut look = self.id.is_some();
        loop {
            if !self.errand.local.unchanged() {
                return self.withdraw().await;
            }
            let (had, id) = (self.offset, self.id.clone());
            let step = match &id {
                None => self.create().await,
                Some(id) if look => self.head(id).await,
                Some(id) => self.patch(id).await,
            };
            match step {
                Step::At(offset) => {
                    self.offset = offset;
                    self.meter.set(offset);
                    // Only bytes that stay are progress: who answers and keeps none is not asked without pause.
                    if offset > had || id.is_none() {
                        (failures, gained) = (0, Instant::now());
                    } else if !look && gained.elapsed() >= self.patience {
                        return Sent::GaveUp("the service answers and keeps nothing".into());
                    } else if !look && offset < size {
                        failures += 1;
                        sleep(wait(failures)).await;
                    }
                    look = false;
                    if let Some(id) = id.filter(|_| offset >= size) {
                        return Sent::Whole(id);
                    }
                }
                Step::Later { after, why } => {
                    failures += 1;
                    if gained.elapsed() >= self.patience {
                        return Sent::GaveUp(why);
                    }
                    self.meter.own.set_message(format!("waiting: {why}"));
                    sleep(after.unwrap_or_else(|| wait(failures))).await;
                    self.meter.own.set_message("");
                    match self.id {
                        Some(_) => look = true,
                        // A beginning whose answer was lost is found again, and not made twice.
                        None => {
                            if let Ok(open) = open(self.remote, &self.errand.target.sample).await {
                                self.adopt(&open);
                            }
                            look = self.id.is_some();
                        }
                    }
                }
                Step::Gone => {
                    let id = self.id.take().unwrap_or_default();
                    match file(self.remote, &id).await {
                        Ok(file) if !file.ended_unfinished() => return Sent::Whole(id),
                        // Not to know is not "gone": who begins anew sends twice.
                        Err(error) if error.passes() && gained.elapsed() < self.patience => {
                            (self.id, look, failures) = (Some(id), true, failures + 1);
                            sleep(wait(failures)).await;
                            continue;
                        }
                        _ if beginnings == BEGINNINGS => {
                            return Sent::GaveUp("the service ended the upload again and again".into());
                        }
                        _ => beginnings += 1,
                    }
                    self.offset = 0;
                    self.meter.set(0);
                    look = false;
                }
                Step::Refused(problem) => return Sent::Refused(problem),
            }
        }
    }

    /// What was begun is of a file that is no more.
    async fn withdraw(&self) -> Sent {
        if let Some(id) = &self.id {
            let request = self.tus(Method::DELETE, &format!("/files/{id}"));
            // It expires by itself otherwise.
            drop(self.remote.answer(request).await);
        }
        Sent::Changed
    }

    async fn create(&mut self) -> Step {
        let Errand { local, target, folder, sha256, planned, replaces } = self.errand;
        let (modified, sharers) = (local.modified.to_string(), target.shared_with.join("+"));
        let pairs = [
            ("filename", Some(local.name.as_str())),
            ("sample", Some(target.sample.as_str())),
            ("candidate", Some(target.candidate.as_str())),
            ("section", Some(target.section.as_str())),
            ("shared_with", Some(sharers.as_str())),
            ("path", Some(folder.as_str())),
            ("modified", Some(modified.as_str())),
            ("sha256", Some(sha256.as_str())),
            ("plan", Some(planned.as_str())),
            ("replaces", replaces.as_deref()),
        ];
        let pairs = pairs
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.filter(|value| !value.is_empty())?)));
        let metadata: Vec<_> =
            pairs.map(|(key, value)| format!("{key} {}", STANDARD.encode(value))).collect();
        let request = self
            .tus(Method::POST, "/files")
            .header("upload-length", local.size)
            .header("upload-metadata", metadata.join(","))
            .timeout(CALL);
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => return later(&error),
        };
        let location = answer.headers().get("location").and_then(|value| value.to_str().ok());
        let id = location.and_then(|location| location.rsplit('/').next()).map(str::to_owned);
        match (answer.status().is_success(), id) {
            (true, Some(id)) => {
                self.id = Some(id);
                Step::At(0)
            }
            (true, None) => {
                Step::Later { after: None, why: "something on the way answers in the service's place".into() }
            }
            (false, _) => read(answer).await,
        }
    }

    async fn head(&self, id: &str) -> Step {
        let request = self.tus(Method::HEAD, &format!("/files/{id}")).timeout(CALL);
        match request.send().await {
            Ok(answer) => read(answer).await,
            Err(error) => later(&error),
        }
    }

    /// Sends what is not there yet, in one request.
    async fn patch(&self, id: &str) -> Step {
        let (from, size) = (self.offset, self.errand.local.size);
        let file = async {
            let mut file = File::open(&self.errand.local.source).await?;
            file.seek(SeekFrom::Start(from)).await?;
            Ok::<_, std::io::Error>(file.take(size - from))
        };
        let Ok(file) = file.await else {
            return Step::Later { after: None, why: "the file cannot be read".into() };
        };
        let moved = Arc::new(AtomicU64::new(from));
        let taken = Arc::clone(&moved);
        let body = ReaderStream::with_capacity(file, PIECE).inspect_ok(move |piece| {
            taken.fetch_add(piece.len() as u64, Ordering::Relaxed);
        });
        let request = self
            .tus(Method::PATCH, &format!("/files/{id}"))
            .header("upload-offset", from)
            .header("content-type", "application/offset+octet-stream")
            .header("content-length", size - from)
            .body(reqwest::Body::wrap_stream(body));
        let sending = request.send();
        tokio::pin!(sending);
        let (mut last, mut since) = (from, Instant::now());
        loop {
            tokio::select! {
                answer = &mut sending => return match answer {
                    Ok(answer) => read(answer).await,
                    Err(error) => later(&error),
                },
                () = sleep(Duration::from_millis(250)) => {
                    let now = moved.load(Ordering::Relaxed);
                    self.meter.set(now);
                    if now > last {
                        (last, since) = (now, Instant::now());
                    }
                    let patience = if now >= size { ANSWER } else { IDLE };
                    if since.elapsed() >= patience {
                        return Step::Later { after: None, why: "the line is silent".into() };
                    }
                }
            }
        }
    }

    fn tus(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.remote.request(method, path).header("tus-resumable", "1.0.0")
    }
}

/// A file as the service has it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct FileState {
    pub state: String,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub message: String,
    #[serde(default)]
    pub sha256: Option<String>,
    #[serde(default)]
    pub unique_name: Option<String>,
    #[serde(default)]
    pub shared_with: Vec<Share>,
}

impl FileState {
    /// Its upload ended before all of it had arrived.
    fn ended_unfinished(&self) -> bool {
        matches!(self.state.as_str(), "expired" | "cancelled")
    }

    /// Nothing more comes by itself.
    pub(super) fn is_final(&self) -> bool {
        !matches!(self.state.as_str(), "created" | "receiving" | "paused" | "received" | "checking")
    }

    /// Somebody who shares it has neither got their copy nor been refused it yet.
    pub(super) fn is_shared_still(&self) -> bool {
        self.shared_with.iter().any(|share| share.state == "waiting")
    }
}

/// What became of a file.
pub(super) async fn file(remote: &Remote, id: &str) -> Result<FileState, RemoteError> {
    remote.get(&format!("/api/v1/files/{}", encoded(id))).await
}

/// What an answer means.
async fn read(answer: Response) -> Step {
    let status = answer.status();
    let number = |name: &str| answer.headers().get(name)?.to_str().ok()?.parse::<u64>().ok();
    let (offset, rest) = (number("upload-offset"), number("retry-after"));
    if status.is_success() {
        return match offset {
            Some(offset) => Step::At(offset),
            None => {
                Step::Later { after: None, why: "something on the way answers in the service's place".into() }
            }
        };
    }
    if matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE) && !answer.url().path().ends_with("/files")
    {
        return Step::Gone;
    }
    let behind = status == StatusCode::CONFLICT && offset.is_some();
    let busy =
        [StatusCode::REQUEST_TIMEOUT, StatusCode::LOCKED, StatusCode::TOO_MANY_REQUESTS].contains(&status);
    match behind || busy || status.is_server_error() {
        true => {
            let after = rest.map(|seconds| Duration::from_secs(seconds).min(LONGEST_REST));
            let problem = Problem::of(answer).await;
            let why = if problem.title.is_empty() { status.to_string() } else { problem.said() };
            Step::Later { after, why }
        }
        false => Step::Refused(Problem::of(answer).await),
    }
}

fn later(error: &reqwest::Error) -> Step {
    let why = match () {
        () if error.is_connect() => "no connection",
        () if error.is_timeout() => "no answer in time",
        () => "the connection broke off",
    };
    Step::Later { after: None, why: why.into() }
}

/// Doubling, with chance.
fn wait(failures: u32) -> Duration {
    let full = FIRST_WAIT.saturating_mul(1 << failures.saturating_sub(1).min(8)).min(LONGEST_WAIT);
    full.mul_f64(rand::rng().random_range(0.5..1.0))
}
