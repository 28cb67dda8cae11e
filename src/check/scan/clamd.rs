//! Asking one clamd.
//!
//! Over a unix socket the descriptor is passed (`FILDES`): no copy of the bytes, and clamd needs no permission on the
//! file. Elsewhere the bytes are streamed (`INSTREAM`). PING and VERSION come from the `clamav-client` crate; scans do
//! not: it has no `FILDES`, and when clamd closes a stream early its reason ("size limit exceeded") is lost with the
//! write error. Here the answer is still read after a failed write.
//!
//! Every step has a deadline, every scan a place in a queue that is shorter than clamd's threads. What an `OK` is
//! worth is proven beside it ([`proof`]).

mod proof;

use std::fs::File;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use clamav_client::tokio as client;
use jiff::tz::TimeZone;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{Mutex, Notify, Semaphore, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::config::{ScanLimits, SignaturePolicy};
use super::line::{Line, Peer};
use super::news::{News, ScannerNews};
use super::reply::{Handover, LONGEST, ReplyError, parse_reply};
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
    /// Its place in the settings, from 1: what readiness and counters call it.
    number: usize,
    /// Files are scanned by it here.
    scans: bool,
    /// We wrote its settings.
    ours: bool,
    zone: TimeZone,
    limits: ScanLimits,
    signatures: SignaturePolicy,
    clock: Clock,
    slots: Semaphore,
    /// Scans it has, and that wait for it.
    in_hand: AtomicUsize,
    state: watch::Sender<State>,
    line: Mutex<Option<Line>>,
    probe_now: Notify,
    prove_now: Notify,
    /// The largest file that waits for a proof, bytes.
    wanted: AtomicU64,
    news: Arc<News>,
}

#[derive(Clone, Debug)]
pub(super) enum Address {
    Unix(PathBuf),
    Tcp(String),
}

/// Where a clamd stands among those of the settings.
#[derive(Debug)]
pub(super) struct Place {
    /// From 1.
    pub(super) number: usize,
    /// Where all of them tell what changed.
    pub(super) news: Arc<News>,
    /// Files are scanned by it here. Otherwise it is only asked how it is.
    pub(super) scans: bool,
}

impl Default for Place {
    fn default() -> Self {
        Self { number: 1, news: Arc::default(), scans: true }
    }
}

/// What is known of it now.
#[derive(Clone, Debug)]
struct State {
    readiness: ScannerReadiness,
    /// Only while it is trusted.
    identity: Option<ScannerIdentity>,
    /// Raised when clamd turns out to be another, or the same begun anew.
    life: u64,
    /// Of this life: bytes that it looks at to their end; 0 before the first proof.
    proven: u64,
    /// Of this life: its signatures find the test virus at the end of something else.
    finds_tails: bool,
    /// Of this life: why it cannot be trusted until it is begun anew or passes the proof.
    flaw: Option<String>,
    /// Of this life: the engine it told.
    engine: Option<String>,
}

impl State {
    fn of_a_new_life(life: u64, why: &str) -> Self {
        Self {
            readiness: not_ready(why),
            identity: None,
            life,
            proven: 0,
            finds_tails: false,
            flaw: None,
            engine: None,
        }
    }
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
        Self {
            address,
            number: 1,
            scans: true,
            ours: false,
            zone,
            limits,
            signatures,
            clock,
            slots,
            in_hand: AtomicUsize::new(0),
            state: watch::Sender::new(State::of_a_new_life(0, "it has not been tried yet")),
            line: Mutex::new(None),
            probe_now: Notify::new(),
            prove_now: Notify::new(),
            wanted: AtomicU64::new(0),
            news: Arc::default(),
        }
    }

    /// The same at that place.
    pub(super) fn at(self, place: Place) -> Self {
        let Place { number, news, scans } = place;
        metrics::gauge!("strongroom_clamd_trusted", "clamd" => number.to_string()).set(0.0);
        Self { number, scans, news, ..self }
    }

    /// The same with settings that we wrote.
    pub(super) fn of_ours(self) -> Self {
        Self { ours: true, ..self }
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

    /// Changes what is known, and tells it on.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut turned = None;
        self.state.send_modify(|state| {
            let before = state.identity.clone();
            change(state);
            if before != state.identity {
                turned = Some((before, state.identity.clone(), state.readiness.detail.clone()));
            }
        });
        let Some((before, now, detail)) = turned else { return };
        match (&before, &now) {
            (None, Some(now)) => {
                tracing::info!(clamd = self.number, engine = now.engine, detail, "scanner ready");
            }
            (Some(_), None) => tracing::warn!(clamd = self.number, detail, "scanner not ready"),
            (Some(before), Some(now)) => tracing::info!(
                clamd = self.number,
                before = before.signatures,
                now = now.signatures,
                "the scanner has other signatures"
            ),
            (None, None) => {}
        }
        let trusted = f64::from(u8::from(now.is_some()));
        metrics::gauge!("strongroom_clamd_trusted", "clamd" => self.number.to_string()).set(trusted);
        self.news.tell(before.as_ref(), now);
    }

    fn begin_life(&self, why: &str) {
        self.change(|state| *state = State::of_a_new_life(state.life + 1, why));
    }

    /// From now on nothing is trusted until the canaries have passed again.
    pub(super) fn distrust(&self, why: &str) {
        self.change(|state| (state.readiness, state.identity) = (not_ready(why), None));
        self.probe_now.notify_one();
    }

    /// Looks at it at once.
    pub(super) fn probe_soon(&self) {
        self.probe_now.notify_one();
    }

    pub(super) fn is_trusted(&self) -> bool {
        self.state.borrow().identity.is_some()
    }

    /// What `Clamds` choose by, the least first: whether it must prove itself for a file of `size`, and how many it has.
    pub(super) fn burden(&self, size: u64) -> (bool, usize) {
        (self.state.borrow().proven < size, self.in_hand.load(Ordering::Relaxed))
    }

    /// `clamd 2 (tcp)`: without its address, which is nobody's business.
    pub(super) fn name(&self) -> String {
        let kind = match (&self.address, self.ours) {
            (_, true) => "managed",
            (Address::Unix(_), _) => "unix",
            (Address::Tcp(_), _) => "tcp",
        };
        format!("clamd {} ({kind})", self.number)
    }

    /// How the last canaries went, and how far it is proven.
    pub(super) fn standing(&self) -> ScannerReadiness {
        let state = self.state.borrow();
        let mut readiness = state.readiness.clone();
        if readiness.ready && !self.scans {
            readiness.detail += "; no files are checked here, so how much of one it looks at is not asked";
        } else if readiness.ready && state.proven < LARGEST_SCAN {
            let proven = state.proven >> 20;
            readiness.detail +=
                &format!("; it has yet to show that it looks at more than {proven} MB of a file");
        }
        readiness
    }

    /// Waits until this clamd may be asked about `size` bytes; the life it was trusted in, and who it is.
    async fn fit_for(&self, size: u64, until: Instant) -> Result<(u64, ScannerIdentity), ScanError> {
        let mut states = self.state.subscribe();
        let fit = states.wait_for(|state| {
            if state.identity.is_some() && state.proven < size {
                self.wanted.fetch_max(size, Ordering::Relaxed);
                self.prove_now.notify_one();
            }
            state.identity.is_none() || state.proven >= size
        });
        let state = match timeout_at(until, fit).await {
            Ok(Ok(state)) => state.clone(),
            Ok(Err(_)) => return Err(ScanError::Interrupted),
            Err(_) => {
                let detail = "it did not show in time that it looks at all of so large a file".to_owned();
                return Err(ScanError::NotReady { detail });
            }
        };
        match state.identity {
            Some(identity) => Ok((state.life, identity)),
            None => Err(ScanError::NotReady { detail: state.readiness.detail }),
        }
    }

    async fn loses_trust(&self) -> ScanError {
        let mut states = self.state.subscribe();
        match states.wait_for(|state| state.identity.is_none()).await {
            Ok(state) => ScanError::NotReady { detail: state.readiness.detail.clone() },
            Err(_) => ScanError::Interrupted,
        }
    }

    async fn scan_in_turn(&self, file: &File, size: u64) -> Result<ScanOutcome, ScanError> {
        let (asked, waited) = (Instant::now(), self.limits.queue());
        let until = asked + waited;
        self.fit_for(size.min(LARGEST_SCAN), until).await?;
        let gauge = |name: &'static str| metrics::gauge!(name, "clamd" => self.number.to_string());
        let slot = {
            let _waits = Counted::one(gauge("strongroom_scan_queue"));
            tokio::select! {
                slot = timeout_at(until, self.slots.acquire()) => slot.map_err(|_| ScanError::Busy { waited })?,
                lost = self.loses_trust() => return Err(lost),
            }
        };
        let _slot = slot.map_err(|_| ScanError::Interrupted)?;
        took("thread", asked.elapsed());
        let _runs = Counted::one(gauge("strongroom_scans_running"));
        let (life, scanner) = self.fit_for(size.min(LARGEST_SCAN), until).await?;
        if size > LARGEST_SCAN {
            let limit = format!("more than {LARGEST_SCAN} bytes");
            return Ok(ScanOutcome { finding: Finding::BeyondLimits { limit }, scanner });
        }
        let started = Instant::now();
        let answer = match self.exchange(file, size, self.limits.reply()).await {
            Ok(Finding::Clean) => self.finds_a_virus().await.map(|()| Finding::Clean),
            answer => answer,
        };
        let outcome = answer.as_ref().map_or("error", Finding::word);
        metrics::histogram!("strongroom_scan_seconds", "outcome" => outcome)
            .record(started.elapsed().as_secs_f64());
        if answer.is_ok() {
            took("scan", started.elapsed());
        }
        match answer {
            Ok(finding) if self.state.borrow().life == life => Ok(ScanOutcome { finding, scanner }),
            // Who answered may not be who was proven.
            Ok(_) => Err(ScanError::NotReady { detail: "clamd was begun anew during the scan".into() }),
            Err(error) => {
                // An error it reports is of this file; whether it is of the scanner too, the next canaries tell.
                if !matches!(error, ScanError::File(_) | ScanError::Reply(ReplyError::Reported(_))) {
                    self.distrust(&sentence(&error));
                }
                Err(error)
            }
        }
    }

    fn handover(&self) -> Handover {
        match self.address {
            Address::Unix(_) => Handover::Descriptor,
            Address::Tcp(_) => Handover::Stream,
        }
    }

    async fn open_line(&self) -> Result<Line, ScanError> {
        let peer: Box<dyn Peer> = match &self.address {
            Address::Unix(path) => Box::new(self.connect(UnixStream::connect(path)).await?),
            Address::Tcp(address) => Box::new(self.connect(TcpStream::connect(address)).await?),
        };
        self.step("take the command", self.limits.send(), Line::open(peer)).await
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
        let _has = InHand::of(&self.in_hand);
        self.scan_in_turn(file, size).await
    }

    async fn readiness(&self) -> ScannerReadiness {
        self.standing()
    }

    fn news(&self) -> watch::Receiver<ScannerNews> {
        self.news.subscribe()
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

/// Counts a scan for as long as it is held.
struct InHand<'a>(&'a AtomicUsize);

impl<'a> InHand<'a> {
    fn of(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The same for who looks at counters.
struct Counted(metrics::Gauge);

impl Counted {
    fn one(gauge: metrics::Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
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
pub(super) mod tests;
