//! A clamd that misbehaves, and a real one over TCP.

use std::io::Write;

use jiff::{SignedDuration, Timestamp};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::check::scan::canary::eicar;
use crate::check::scan::version::ClamdVersion;

/// Short limits, so that a test of a deadline is short.
fn limits() -> ScanLimits {
    ScanLimits {
        max_threads: 2,
        queue_seconds: 1,
        connect_seconds: 1,
        send_seconds: 1,
        reply_seconds: 1,
        probe_seconds: 1,
        ..ScanLimits::default()
    }
}

fn holding(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// A trusted client of a socket that answers every connection with these bytes, after this long.
pub(in super::super) struct Fake {
    pub(in super::super) clamd: Arc<Clamd>,
    _server: JoinSet<()>,
    _folder: tempfile::TempDir,
}

pub(in super::super) fn fake(answer: &'static [u8], after: Duration) -> Fake {
    fake_as(1, Arc::default(), answer, after)
}

/// The same as one of several.
pub(in super::super) fn fake_as(
    number: usize,
    news: Arc<News>,
    answer: &'static [u8],
    after: Duration,
) -> Fake {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clamd.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let mut server = JoinSet::new();
    server.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            connections.spawn(async move {
                let mut command = [0; 8];
                if stream.read_exact(&mut command).await.is_err() {
                    return;
                }
                let answer = if command == *b"zFILDES\0" && is_canary(&stream).await {
                    b"fd[7]: Test.Eicar FOUND\0"
                } else {
                    sleep(after).await;
                    answer
                };
                assert!(stream.write_all(answer).await.is_ok() || answer.is_empty());
            });
        }
    });
    let clamd = Clamd::unix(path, limits(), SignaturePolicy::default(), Clock::system());
    let clamd = Arc::new(clamd.at(Place { number, news, scans: true }));
    trust(&clamd);
    Fake { clamd, _server: server, _folder: folder }
}

/// Whether the file that comes next is the test virus in an archive.
async fn is_canary(stream: &UnixStream) -> bool {
    let taken = stream.async_io(Interest::READABLE, || {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        recvmsg(stream, &mut [io::IoSliceMut::new(&mut byte)], &mut control, RecvFlags::empty())?;
        let files = control.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut files) => files.next(),
            _ => None,
        });
        Ok(files.last())
    });
    let Ok(Some(file)) = taken.await else { return false };
    let mut start = [0; 64];
    File::from(file).read_at(&mut start, 0).is_ok() && start.windows(9).any(|name| name == b"eicar.com")
}

fn trust(clamd: &Clamd) {
    let identity = ScannerIdentity { engine: "ClamAV 1".into(), signatures: "1".into() };
    clamd.change(|state| (state.identity, state.proven) = (Some(identity), LARGEST_SCAN));
}

#[tokio::test]
async fn an_answer_that_is_no_verdict_is_an_error_and_ends_trust() {
    let at_once = Duration::ZERO;
    for answer in [
        b"".as_slice(),
        b"fd[7]: OK",
        b"fd[7]: O",
        b"garbage\0",
        b"stream: OK\0",
        b"fd[7]: OK\0fd[8]: OK\0",
        b"COMMAND READ TIMED OUT\n",
    ] {
        let fake = fake(answer, at_once);
        let scanned = fake.clamd.scan(&holding(b"x"), 1).await;
        assert!(
            matches!(scanned, Err(ScanError::Reply(_) | ScanError::Connection(_))),
            "{answer:?}: {scanned:?}"
        );
        assert!(matches!(fake.clamd.scan(&holding(b"x"), 1).await, Err(ScanError::NotReady { .. })));
    }
    let fake = fake(b"fd[7]: OK\0", at_once);
    assert_eq!(fake.clamd.scan(&holding(b"x"), 1).await.unwrap().finding, Finding::Clean);
}

#[tokio::test]
async fn an_error_it_reports_is_of_one_file() {
    let fake = fake(b"fd[7]: Can't read file ERROR\0", Duration::ZERO);
    for _ in 0..2 {
        let scanned = fake.clamd.scan(&holding(b"x"), 1).await;
        let Err(error @ ScanError::Reply(ReplyError::Reported(_))) = scanned else { panic!("{scanned:?}") };
        assert!(error.may_be_of_the_file());
    }
}

#[tokio::test]
async fn a_late_answer_is_not_waited_for() {
    let fake = fake(b"fd[7]: OK\0", Duration::from_secs(30));
    let scanned = fake.clamd.scan(&holding(b"x"), 1).await;
    assert!(matches!(scanned, Err(ScanError::Deadline { step: "answer", .. })), "{scanned:?}");
    assert!(!fake.clamd.probe().await.ready);
}

#[tokio::test]
async fn scans_queue_behind_a_bound() {
    let limits = ScanLimits { reply_seconds: 5, ..limits() };
    let fake = fake(b"fd[7]: OK\0", Duration::from_secs(3));
    let Address::Unix(path) = fake.clamd.address.clone() else { unreachable!() };
    let clamd = Clamd::unix(path, limits, SignaturePolicy::default(), Clock::system());
    trust(&clamd);
    let (one, two) = (holding(b"1"), holding(b"2"));
    let (first, second) = tokio::join!(clamd.scan(&one, 1), clamd.scan(&two, 1));
    assert_eq!(first.unwrap().finding, Finding::Clean);
    assert!(matches!(second, Err(ScanError::Busy { .. })), "{second:?}");
}

#[tokio::test]
async fn nobody_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let clamd =
        Clamd::unix(folder.path().join("none"), limits(), SignaturePolicy::default(), Clock::system());
    assert!(matches!(clamd.scan(&holding(b"x"), 1).await, Err(ScanError::NotReady { .. })));
    let readiness = clamd.probe().await;
    assert!(!readiness.ready && readiness.detail.contains("cannot be reached"), "{readiness:?}");
}

#[test]
fn old_signatures_warn_and_then_hold() {
    let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
    let clamd = Clamd::unix("/none".into(), limits(), SignaturePolicy::default(), Clock::fixed(now));
    let of_age = |hours: i64| {
        let at = now - SignedDuration::from_hours(hours);
        let version = ClamdVersion { engine: "ClamAV 1".into(), daily: Some(("1".into(), at)) };
        let (readiness, identity) = clamd.judge_age(&version);
        assert_eq!(readiness.ready, identity.is_some());
        (readiness.ready, readiness.detail.contains("hours old"))
    };
    assert_eq!(of_age(1), (true, false));
    assert_eq!(of_age(25), (true, true));
    assert_eq!(of_age(73), (false, true));
    let undated = ClamdVersion { engine: "ClamAV 1".into(), daily: None };
    assert!(!clamd.judge_age(&undated).0.ready);
}

#[tokio::test]
async fn the_offset_of_a_descriptor_stays_where_it_is() {
    let fake = fake(b"fd[7]: OK\0", Duration::ZERO);
    let file = holding(b"12345");
    let before = rustix::fs::tell(&file).unwrap();
    fake.clamd.scan(&file, 5).await.unwrap();
    assert_eq!(rustix::fs::tell(&file).unwrap(), before);
}

#[tokio::test]
async fn no_room_to_unpack_is_not_of_the_file() {
    let fake = fake(b"fd[7]: Can't write to file ERROR\0", Duration::ZERO);
    let Err(error) = fake.clamd.scan(&holding(b"x"), 1).await else { panic!("a verdict") };
    assert!(!error.may_be_of_the_file(), "{error:?}");
    assert!(!fake.clamd.is_trusted());
}

/// A real clamd on a unix socket that may be begun anew with other settings.
struct Real {
    folder: tempfile::TempDir,
    child: Option<tokio::process::Child>,
    clients: JoinSet<()>,
}

impl Real {
    async fn with(settings: &str) -> Self {
        let mut real = Self { folder: tempfile::tempdir().unwrap(), child: None, clients: JoinSet::new() };
        real.begin(settings).await;
        real
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("clamd.sock")
    }

    /// A client that keeps an eye on it, as on somebody else's.
    fn client(&mut self) -> Arc<Clamd> {
        self.client_at(Place::default())
    }

    fn client_at(&mut self, place: Place) -> Arc<Clamd> {
        let policy = SignaturePolicy { accept_undated: true, ..SignaturePolicy::default() };
        let limits =
            ScanLimits { probe_every_seconds: 3600, probe_seconds: 10, reply_seconds: 60, ..limits() };
        let clamd = Arc::new(Clamd::unix(self.socket(), limits, policy, Clock::system()).at(place));
        let kept = Arc::clone(&clamd);
        self.clients.spawn(async move { kept.keep_probing(CancellationToken::new()).await });
        clamd
    }

    async fn begin(&mut self, settings: &str) {
        if let Some(mut before) = self.child.take() {
            before.kill().await.unwrap();
        }
        let database =
            crate::check::scan::signatures::choose("/none".as_ref(), &self.folder.path().join("db")).unwrap();
        let user = if rustix::process::getuid().is_root() { "User root\n" } else { "" };
        let config = format!(
            "LocalSocket {}\nFixStaleSocket yes\nForeground yes\n{user}DatabaseDirectory {}\n{settings}\n",
            self.socket().display(),
            database.folder.display()
        );
        let path = self.folder.path().join("clamd.conf");
        std::fs::write(&path, config).unwrap();
        let child = tokio::process::Command::new("/usr/sbin/clamd")
            .arg("--config-file")
            .arg(path)
            .stdout(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn();
        self.child = Some(child.unwrap());
    }
}

const GOOD: &str =
    "MaxFileSize 0\nMaxScanSize 8000M\nMaxScanTime 900000\nMaxRecursion 10\nAlertExceedsMax yes";

/// Until readiness says so; how long that took.
async fn says(clamd: &Clamd, ready: bool, word: &str) -> Duration {
    let begun = Instant::now();
    loop {
        let readiness = clamd.readiness().await;
        if readiness.ready == ready && readiness.detail.contains(word) {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{readiness:?}");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_clamd_begun_anew_with_other_settings_is_noticed_before_it_is_asked() {
    let mut real = Real::with(GOOD).await;
    let clamd = real.client();
    says(&clamd, true, "").await;
    // What is beyond this limit it tells; but it looks at less than it must.
    let small = GOOD.replace("MaxFileSize 0", "MaxFileSize 25M");
    for (settings, complaint) in [
        (small.as_str(), "set `MaxFileSize 0`"),
        (&GOOD.replace("AlertExceedsMax yes", "AlertExceedsMax no"), "AlertExceedsMax"),
        (&format!("{GOOD}\nScanArchive no"), "ScanArchive"),
        (&GOOD.replace("900000", "50"), "MaxScanTime"),
    ] {
        real.begin(settings).await;
        let noticed = says(&clamd, false, complaint).await;
        assert!(matches!(clamd.scan(&holding(b"x"), 1).await, Err(ScanError::NotReady { .. })));
        real.begin(GOOD).await;
        let trusted = says(&clamd, true, "").await;
        println!("{complaint}: noticed after {noticed:?}, trusted again after {trusted:?}");
    }
}

#[tokio::test]
async fn where_nothing_is_scanned_nothing_is_proven() {
    let mut real = Real::with(GOOD).await;
    let watched = real.client_at(Place { scans: false, ..Place::default() });
    let scans = real.client();
    says(&watched, true, "no files are checked here").await;
    let begun = Instant::now();
    while scans.state.borrow().proven < 64 << 20 {
        assert!(begun.elapsed() < Duration::from_secs(30));
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(watched.state.borrow().proven, 4 << 20);
    assert!(watched.is_trusted() && watched.readiness().await.ready);
}

#[tokio::test]
async fn a_larger_file_waits_for_its_proof_and_a_small_one_does_not() {
    let real = Real::with(GOOD).await;
    let policy = SignaturePolicy { accept_undated: true, ..SignaturePolicy::default() };
    let limits = ScanLimits { probe_seconds: 10, reply_seconds: 60, queue_seconds: 60, ..limits() };
    let clamd = Clamd::unix(real.socket(), limits, policy, Clock::system()).of_ours();
    while !clamd.probe().await.ready {
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(clamd.state.borrow().proven, 4 << 20);
    assert_eq!(clamd.scan(&holding(b"essay"), 5).await.unwrap().finding, Finding::Clean);
    let large = holding(b"");
    large.set_len(5 << 20).unwrap();
    let stop = CancellationToken::new();
    let (early, late, ()) = tokio::join!(
        async {
            let early = timeout(Duration::from_millis(50), clamd.scan(&large, 5 << 20)).await.is_ok();
            (early, clamd.state.borrow().proven)
        },
        async {
            sleep(Duration::from_millis(100)).await;
            let late = clamd.scan(&large, 5 << 20).await.unwrap();
            stop.cancel();
            late.finding
        },
        async {
            sleep(Duration::from_millis(100)).await;
            clamd.keep_probing(stop.clone()).await;
        },
    );
    assert_eq!((early, late), ((false, 4 << 20), Finding::Clean));
    assert_eq!(clamd.state.borrow().proven, 64 << 20);
}

/// A real clamd that listens on loopback, with this in its configuration.
async fn over_tcp(more: &str) -> (tokio::process::Child, Clamd, tempfile::TempDir) {
    over_tcp_with(&format!("AlertExceedsMax yes\n{more}")).await
}

async fn over_tcp_with(more: &str) -> (tokio::process::Child, Clamd, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let database =
        crate::check::scan::signatures::choose("/none".as_ref(), &folder.path().join("db")).unwrap();
    let user = if rustix::process::getuid().is_root() { "User root\n" } else { "" };
    let config = format!(
        "TCPSocket {port}\nTCPAddr 127.0.0.1\nForeground yes\n{user}DatabaseDirectory {}\nMaxFileSize 0\n\
         MaxScanSize 8000M\nMaxRecursion 10\n{more}\n",
        database.folder.display()
    );
    let path = folder.path().join("clamd.conf");
    std::fs::write(&path, config).unwrap();
    let child = tokio::process::Command::new("/usr/sbin/clamd")
        .arg("--config-file")
        .arg(path)
        .stdout(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let policy = SignaturePolicy { accept_undated: true, ..SignaturePolicy::default() };
    let clamd = Clamd::tcp(
        format!("127.0.0.1:{port}"),
        ScanLimits { reply_seconds: 30, ..limits() },
        policy,
        Clock::system(),
    );
    for _ in 0..500 {
        if clamd.ping().await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    (child, clamd, folder)
}

#[tokio::test]
async fn files_are_streamed_over_tcp() {
    let (mut child, clamd, _folder) = over_tcp("StreamMaxLength 2047M").await;
    let readiness = clamd.probe().await;
    assert!(readiness.ready && readiness.test_signatures, "{readiness:?}");
    // Larger than a chunk, the virus across the border of two.
    let mut bytes = vec![b' '; CHUNK - 30];
    bytes.extend(eicar());
    bytes.resize(2 * CHUNK + 7, b' ');
    let outcome = clamd.scan(&holding(&bytes), bytes.len() as u64).await.unwrap();
    assert_eq!(outcome.finding, Finding::Infected { signature: "Test.Eicar.UNOFFICIAL".into() });
    assert_eq!(clamd.scan(&holding(b"essay"), 5).await.unwrap().finding, Finding::Clean);
    child.kill().await.unwrap();
}

#[tokio::test]
async fn a_stream_longer_than_clamd_takes_is_beyond_its_limits() {
    let (mut child, clamd, _folder) = over_tcp("StreamMaxLength 5M").await;
    assert!(clamd.probe().await.ready);
    clamd.change(|state| state.proven = LARGEST_SCAN);
    let scanned = clamd.scan(&holding(&vec![b' '; 8 * CHUNK]), 8 * CHUNK as u64).await;
    // The answer may be lost with the connection; never is the file clean.
    let beyond = Finding::BeyondLimits { limit: "StreamMaxLength".into() };
    assert!(
        matches!(&scanned, Ok(outcome) if outcome.finding == beyond)
            || matches!(&scanned, Err(ScanError::Connection(_))),
        "{scanned:?}"
    );
    child.kill().await.unwrap();
}

#[tokio::test]
async fn lax_limits_are_noticed_over_tcp_too() {
    let (mut child, clamd, _folder) = over_tcp_with("AlertExceedsMax no").await;
    let readiness = clamd.probe().await;
    assert!(!readiness.ready && readiness.detail.contains("AlertExceedsMax"), "{readiness:?}");
    child.kill().await.unwrap();
}
