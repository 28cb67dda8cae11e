//! Asking clamd.
//!
//! Over a unix socket the descriptor is passed (`FILDES`): no copy of the bytes, and clamd needs no permission on the
//! file. Elsewhere the bytes are streamed (`INSTREAM`). PING and VERSION come from the `clamav-client` crate; scans do
//! not: it has no `FILDES`, and when clamd closes a stream early its reason ("size limit exceeded") is lost with the
//! write error. Here the answer is still read after a failed write.
//!
//! Every step has a deadline, every scan a place in a queue that is shorter than clamd's threads, and no scan counts
//! while the canaries fail.

use std::fs::File;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use clamav_client::tokio as client;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::canary::Canary;
use super::config::{ScanLimits, SignaturePolicy};
use super::reply::{Handover, LONGEST, ReplyError, parse_reply};
use super::version::ClamdVersion;
use super::{Finding, LARGEST_SCAN, ScanError, ScanOutcome, Scanner, ScannerIdentity, ScannerReadiness};
use crate::check::took;
use crate::clock::Clock;

/// Bytes of one INSTREAM chunk: below 64 KiB streaming is three times slower.
const CHUNK: usize = 1 << 20;
/// The command of a streamed scan; chunks follow, each after its length (32 bits, big-endian).
const INSTREAM: &[u8] = b"zINSTREAM\0";
const END_OF_STREAM: &[u8] = &[0; 4];

/// A clamd that is asked over one address.
#[derive(Debug)]
pub struct Clamd {
    address: Address,
    zone: TimeZone,
    limits: ScanLimits,
    signatures: SignaturePolicy,
    clock: Clock,
    slots: Semaphore,
    state: Mutex<State>,
    probe_now: Notify,
}

#[derive(Clone, Debug)]
pub(super) enum Address {
    Unix(PathBuf),
    Tcp(String),
}

/// What the last probe found; `identity` only while it passed.
#[derive(Debug)]
struct State {
    readiness: ScannerReadiness,
    identity: Option<ScannerIdentity>,
}

impl Clamd {
    /// A clamd behind a unix socket of this machine.
    pub fn unix(path: PathBuf, limits: ScanLimits, signatures: SignaturePolicy, clock: Clock) -> Self {
        Self::new(Address::Unix(path), TimeZone::system(), limits, signatures, clock)
    }

    /// A clamd at `host:port`. It is taken to keep the same time zone as this machine.
    pub fn tcp(address: String, limits: ScanLimits, signatures: SignaturePolicy, clock: Clock) -> Self {
        Self::new(Address::Tcp(address), TimeZone::system(), limits, signatures, clock)
    }

    /// `zone` is the one in which clamd tells its signatures' date.
    pub(super) fn new(
        address: Address,
        zone: TimeZone,
        limits: ScanLimits,
        signatures: SignaturePolicy,
        clock: Clock,
    ) -> Self {
        let slots = Semaphore::new(limits.parallel_scans());
        let state = Mutex::new(State { readiness: not_ready("it has not been tried yet"), identity: None });
        Self { address, zone, limits, signatures, clock, slots, state, probe_now: Notify::new() }
    }

    /// Runs the canaries now and keeps the result.
    pub async fn probe(&self) -> ScannerReadiness {
        let (readiness, identity) = match self.ask_canaries().await {
            Ok(version) => self.judge_age(&version),
            Err(error) => (not_ready(&sentence(&error)), None),
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.readiness.ready != readiness.ready {
            if readiness.ready {
                tracing::info!(engine = readiness.engine, detail = readiness.detail, "scanner ready");
            } else {
                tracing::warn!(detail = readiness.detail, "scanner not ready");
            }
        }
        *state = State { readiness: readiness.clone(), identity };
        readiness
    }

    /// Probes for as long as the service runs: every round, and at once after a broken connection.
    pub async fn keep_probing(&self, stop: CancellationToken) {
        loop {
            self.probe().await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.limits.probe_every()) => {}
                // A clamd that is gone must not be asked in a tight loop.
                () = async {
                    self.probe_now.notified().await;
                    tokio::time::sleep(Duration::from_millis(200)).await;
                } => {}
            }
        }
    }

    /// Whether it answers at all.
    pub(super) async fn ping(&self) -> Result<(), ScanError> {
        let answer = self.command("answer PING", Command::Ping).await?;
        if answer == clamav_client::PONG {
            Ok(())
        } else {
            Err(ReplyError::Unknown("not PONG".into()).into())
        }
    }

    async fn ask_canaries(&self) -> Result<ClamdVersion, ScanError> {
        self.ping().await?;
        let answer = self.command("tell its version", Command::Version).await?;
        let version = ClamdVersion::parse(&answer, &self.zone).ok_or_else(|| {
            ReplyError::Unknown(String::from_utf8_lossy(&answer).chars().take(200).collect())
        })?;
        for canary in Canary::all(self.handover()).map_err(ScanError::File)? {
            let finding = self.exchange(&canary.file, canary.size, self.limits.probe()).await?;
            if let Some(complaint) = canary.complaint(&finding) {
                return Err(ScanError::NotReady { detail: complaint.to_owned() });
            }
        }
        Ok(version)
    }

    fn judge_age(&self, version: &ClamdVersion) -> (ScannerReadiness, Option<ScannerIdentity>) {
        let policy = &self.signatures;
        let signatures_at = version.daily.as_ref().map(|(_, at)| *at);
        let (ready, detail) = match signatures_at {
            None if policy.accept_undated => {
                (true, "test signatures only: real malware is not recognised".to_owned())
            }
            None => (false, "its signatures carry no date; let freshclam load the daily database".to_owned()),
            Some(at) => {
                let age = self.clock.now().duration_since(at);
                let hours = age.as_hours();
                let older = |limit: u32| age > SignedDuration::from_hours(i64::from(limit));
                if older(policy.hold_hours) {
                    (false, format!("its signatures are {hours} hours old; look after freshclam"))
                } else if older(policy.warn_hours) {
                    (true, format!("its signatures are {hours} hours old and should be renewed"))
                } else {
                    (true, "all canaries passed".to_owned())
                }
            }
        };
        let readiness = ScannerReadiness {
            ready,
            detail,
            engine: Some(version.engine.clone()),
            signatures_at,
            test_signatures: signatures_at.is_none(),
        };
        (readiness, ready.then(|| version.identity()))
    }

    fn handover(&self) -> Handover {
        match self.address {
            Address::Unix(_) => Handover::Descriptor,
            Address::Tcp(_) => Handover::Stream,
        }
    }

    fn trusted(&self) -> Result<ScannerIdentity, ScanError> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.identity.clone().ok_or_else(|| ScanError::NotReady { detail: state.readiness.detail.clone() })
    }

    /// From now on nothing is trusted until the canaries have passed again.
    pub(super) fn distrust(&self, detail: &str) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) =
            State { readiness: not_ready(detail), identity: None };
        self.probe_now.notify_one();
    }

    async fn command(&self, step: &'static str, command: Command) -> Result<Vec<u8>, ScanError> {
        let limit = self.limits.probe();
        let asking = async {
            match &self.address {
                Address::Unix(path) => command.ask(client::Socket { socket_path: path }).await,
                Address::Tcp(address) => command.ask(client::Tcp { host_address: address }).await,
            }
        };
        timeout(limit, asking)
            .await
            .map_err(|_| ScanError::Deadline { step, limit })?
            .map_err(ScanError::Connect)
    }

    /// Hands one file over and reads the answer. The canaries come this way too.
    async fn exchange(&self, file: &File, size: u64, reply: Duration) -> Result<Finding, ScanError> {
        let answer = match &self.address {
            Address::Unix(path) => {
                let mut stream = self.connect(UnixStream::connect(path)).await?;
                let sent =
                    self.step("take the file", self.limits.send(), send_descriptor(&stream, file)).await;
                self.answer(&mut stream, sent, reply).await?
            }
            Address::Tcp(address) => {
                let mut stream = self.connect(TcpStream::connect(address)).await?;
                let sent = self.stream_file(&mut stream, file, size).await;
                self.answer(&mut stream, sent, reply).await?
            }
        };
        Ok(parse_reply(&answer, self.handover())?)
    }

    /// Reads the answer, even after a failed write: clamd says why it hung up before it does.
    async fn answer(
        &self,
        stream: &mut (impl AsyncRead + Unpin),
        sent: Result<(), ScanError>,
        limit: Duration,
    ) -> Result<Vec<u8>, ScanError> {
        let limit = if sent.is_ok() { limit } else { limit.min(Duration::from_secs(2)) };
        let mut answer = Vec::new();
        let read = timeout(limit, stream.take(LONGEST).read_to_end(&mut answer)).await;
        if answer.last() == Some(&0) {
            return Ok(answer);
        }
        sent?;
        read.map_err(|_| ScanError::Deadline { step: "answer", limit })?.map_err(ScanError::Connection)?;
        Ok(answer)
    }

    async fn stream_file(&self, stream: &mut TcpStream, file: &File, size: u64) -> Result<(), ScanError> {
        let limit = self.limits.send();
        self.step("take the command", limit, stream.write_all(INSTREAM)).await?;
        let file = Arc::new(file.try_clone().map_err(ScanError::File)?);
        let mut buffer = vec![0; CHUNK];
        let mut offset = 0;
        while offset < size {
            let source = Arc::clone(&file);
            let reading =
                tokio::task::spawn_blocking(move || source.read_at(&mut buffer, offset).map(|n| (buffer, n)));
            let (filled, read) =
                reading.await.map_err(|_| ScanError::Interrupted)?.map_err(ScanError::File)?;
            buffer = filled;
            if read == 0 {
                return Err(ScanError::File(io::ErrorKind::UnexpectedEof.into()));
            }
            // At most CHUNK, which fits.
            let length = u32::try_from(read).map_err(|_| ScanError::Interrupted)?;
            self.step("take a chunk", limit, stream.write_all(&length.to_be_bytes())).await?;
            self.step("take a chunk", limit, stream.write_all(&buffer[..read])).await?;
            offset += u64::from(length);
        }
        self.step("take the end", limit, stream.write_all(END_OF_STREAM)).await
    }

    /// What fails here is never the file's doing.
    async fn connect<T>(&self, connecting: impl Future<Output = io::Result<T>>) -> Result<T, ScanError> {
        let connected = timeout(self.limits.connect(), connecting).await;
        connected.map_err(|_| ScanError::Connect(io::ErrorKind::TimedOut.into()))?.map_err(ScanError::Connect)
    }

    async fn step<T>(
        &self,
        step: &'static str,
        limit: Duration,
        future: impl Future<Output = io::Result<T>>,
    ) -> Result<T, ScanError> {
        timeout(limit, future)
            .await
            .map_err(|_| ScanError::Deadline { step, limit })?
            .map_err(ScanError::Connection)
    }
}

#[async_trait]
impl Scanner for Clamd {
    async fn scan(&self, file: &File, size: u64) -> Result<ScanOutcome, ScanError> {
        let (asked, waited) = (Instant::now(), self.limits.queue());
        let slot = timeout(waited, self.slots.acquire()).await.map_err(|_| ScanError::Busy { waited })?;
        let _slot = slot.map_err(|_| ScanError::Interrupted)?;
        took("thread", asked.elapsed());
        let scanner = self.trusted()?;
        if size > LARGEST_SCAN {
            let limit = format!("more than {LARGEST_SCAN} bytes");
            return Ok(ScanOutcome { finding: Finding::BeyondLimits { limit }, scanner });
        }
        let began = Instant::now();
        match self.exchange(file, size, self.limits.reply()).await {
            Ok(finding) => {
                took("scan", began.elapsed());
                Ok(ScanOutcome { finding, scanner })
            }
            Err(error) => {
                // An error it reports is of this file; whether it is of the scanner too, the next canaries tell.
                if !matches!(error, ScanError::File(_) | ScanError::Reply(ReplyError::Reported(_))) {
                    self.distrust(&sentence(&error));
                }
                Err(error)
            }
        }
    }

    async fn readiness(&self) -> ScannerReadiness {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).readiness.clone()
    }
}

#[derive(Clone, Copy)]
enum Command {
    Ping,
    Version,
}

impl Command {
    async fn ask<T: client::TransportProtocol>(self, connection: T) -> io::Result<Vec<u8>> {
        match self {
            Self::Ping => client::ping(connection).await,
            Self::Version => client::get_version(connection).await,
        }
    }
}

/// The command, then one byte that carries the descriptor.
async fn send_descriptor(stream: &UnixStream, file: &File) -> io::Result<()> {
    let mut sent = 0;
    let command = b"zFILDES\0";
    while sent < command.len() {
        stream.writable().await?;
        match stream.try_write(&command[sent..]) {
            Ok(n) => sent += n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    stream
        .async_io(Interest::WRITABLE, || {
            let descriptors = [file.as_fd()];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            sendmsg(stream, &[IoSlice::new(&[0])], &mut control, SendFlags::NOSIGNAL)?;
            Ok(())
        })
        .await
}

fn not_ready(detail: &str) -> ScannerReadiness {
    ScannerReadiness {
        ready: false,
        detail: detail.to_owned(),
        engine: None,
        signatures_at: None,
        test_signatures: false,
    }
}

/// An error with its cause, for the operator.
fn sentence(error: &ScanError) -> String {
    match (error, std::error::Error::source(error)) {
        (ScanError::NotReady { detail }, _) => detail.clone(),
        (error, Some(source)) => format!("{error}: {source}"),
        (error, None) => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
