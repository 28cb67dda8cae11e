//! A real clamd of a test's own, that can be configured badly and ended in every way, and one that is scripted.

use std::fs::Permissions;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest, Sha256};
use strongroom::check::scan::{ClamdAddress, LARGEST_SCAN, ScanLimits, ScannerConfig, SignaturePolicy};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::Now;

const PATIENCE: Duration = Duration::from_secs(30);
const EICAR_SIGNATURE: &str = "Test.Eicar:0:*:58354f2150254041505b345c505a58353428505e2937434329377d2445494341522d5354414e444152442d414e544956495255532d544553542d46494c452124482b482a\n";

/// The test virus, put together here so that no scanner mistakes this program for it.
pub fn eicar() -> Vec<u8> {
    [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$", "EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*"].concat().into_bytes()
}

/// Settings with deadlines that a test can wait for.
pub fn scanner(clamd: Vec<ClamdAddress>) -> ScannerConfig {
    let limits = ScanLimits {
        max_threads: 2,
        queue_seconds: 20,
        connect_seconds: 2,
        send_seconds: 5,
        reply_seconds: 20,
        probe_seconds: 2,
        probe_every_seconds: 1,
        proof_seconds: 60,
    };
    ScannerConfig {
        clamd,
        limits,
        signatures: SignaturePolicy { accept_undated: true, ..SignaturePolicy::default() },
    }
}

/// A clamd with a folder of its own.
pub struct Clamd {
    folder: tempfile::TempDir,
    socket: PathBuf,
    settings: Vec<(&'static str, String)>,
    /// Largest file it may write, in blocks of 512 bytes; for a temporary folder that is full.
    pub room: Option<u32>,
    /// Options of a file system in memory that is its temporary folder, and goes with it; see [`can_mount`].
    pub disk: Option<&'static str>,
    child: Option<Child>,
}

impl Clamd {
    /// With all that is asked of one, and test signatures; not begun yet.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["db", "tmp"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let path = |name: &str| folder.path().join(name).display().to_string();
        let mut settings = vec![("DatabaseDirectory", path("db")), ("TemporaryDirectory", path("tmp"))];
        if rustix::process::getuid().is_root() {
            settings.push(("User", "root".into()));
        }
        for (name, value) in [
            ("FixStaleSocket", "yes"),
            ("Foreground", "yes"),
            ("MaxThreads", "2"),
            ("MaxQueue", "100"),
            ("MaxFileSize", "0"),
            ("MaxScanSize", "8000M"),
            ("MaxScanTime", "900000"),
            ("MaxRecursion", "10"),
            ("MaxFiles", "10000"),
            ("AlertExceedsMax", "yes"),
            ("AlertEncrypted", "yes"),
            ("HeuristicScanPrecedence", "no"),
            // The same bytes cost the same every time.
            ("DisableCache", "yes"),
        ] {
            settings.push((name, value.to_owned()));
        }
        let socket = folder.path().join("clamd.sock");
        let clamd = Self { folder, socket, settings, room: None, disk: None, child: None };
        std::fs::write(clamd.database().join("test.ndb"), EICAR_SIGNATURE).unwrap();
        clamd
    }

    /// From the next start on.
    pub fn set(&mut self, name: &'static str, value: &str) {
        self.settings.retain(|(other, _)| *other != name);
        self.settings.push((name, value.to_owned()));
    }

    /// Another one, which will be found where `other` was.
    pub fn in_place_of(other: &Self) -> Self {
        Self { socket: other.socket.clone(), ..Self::new() }
    }

    pub fn database(&self) -> PathBuf {
        self.folder.path().join("db")
    }

    pub fn address(&self) -> ClamdAddress {
        ClamdAddress::Unix { path: self.socket.clone() }
    }

    /// From the next start on it is nobody where it would be root, so that folders can be denied to it.
    pub fn drop_root(&mut self) {
        if rustix::process::getuid().is_root() {
            self.set("User", "nobody");
        }
        for name in ["", "db", "tmp"] {
            self.deny(name, false);
        }
    }

    /// Denies it one of its folders, or allows it again.
    pub fn deny(&self, name: &str, denied: bool) {
        let mode = match (denied, rustix::process::getuid().is_root()) {
            (false, _) => 0o777,
            (true, true) => 0o700,
            (true, false) => 0,
        };
        std::fs::set_permissions(self.folder.path().join(name), Permissions::from_mode(mode)).unwrap();
    }

    /// Its temporary folder as it sees it.
    pub fn temporary(&self) -> PathBuf {
        let folder = self.folder.path().join("tmp");
        let seen = format!("/proc/{}/root{}", self.id().expect("it runs").as_raw_nonzero(), folder.display());
        PathBuf::from(seen)
    }

    /// Begins it, in place of the one before, and waits until it answers.
    pub async fn begin(&mut self) {
        self.spawn().await;
        let answers = async {
            while !self.ask("PING").await.is_ok_and(|answer| answer == "PONG\0") {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, answers).await.expect("clamd does not answer");
    }

    /// Begins it, in place of the one before, and waits until it has given up.
    pub async fn begin_in_vain(&mut self) {
        self.spawn().await;
        let mut child = self.child.take().unwrap();
        let ended = timeout(PATIENCE, child.wait()).await.expect("clamd goes on").unwrap();
        assert!(!ended.success(), "{ended}");
    }

    async fn spawn(&mut self) {
        self.end(Signal::KILL).await;
        let mut lines = format!("LocalSocket {}\n", self.socket.display());
        lines.extend(self.settings.iter().map(|(name, value)| format!("{name} {value}\n")));
        let path = self.folder.path().join("clamd.conf");
        std::fs::write(&path, lines).unwrap();
        // What is written beyond the room is an error to clamd, and not its end.
        let room = self.room.map(|blocks| format!("trap '' XFSZ; ulimit -f {blocks};")).unwrap_or_default();
        let disk = self.disk.map(|options| format!("mount -t tmpfs -o {options} tmpfs \"$1\" &&"));
        let script =
            format!("{room} {} exec clamd --config-file \"$0\"", disk.as_deref().unwrap_or_default());
        let mut command = if disk.is_some() { alone() } else { Command::new("sh") };
        command
            .args(["-c", &script])
            .arg(path)
            .arg(self.folder.path().join("tmp"))
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("TZ", "UTC");
        // Not to a log of ours either: that is a file, which may have no room.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        self.child = Some(command.spawn().unwrap());
    }

    /// What it says to one command.
    pub async fn ask(&self, command: &str) -> io::Result<String> {
        let mut stream = UnixStream::connect(&self.socket).await?;
        stream.write_all(format!("z{command}\0").as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    /// Waits until it has a file in hand.
    pub async fn scans(&self) {
        let scans = async {
            while !self.ask("STATS").await.is_ok_and(|stats| stats.contains("FILDES")) {
                sleep(Duration::from_millis(3)).await;
            }
        };
        timeout(PATIENCE, scans).await.expect("it is not asked to scan");
    }

    fn id(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.child.as_ref()?.id()?).unwrap())
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.id().expect("it runs"), signal).unwrap();
    }

    /// Ends it, and waits until it has.
    pub async fn end(&mut self, signal: Signal) {
        if self.id().is_some() {
            self.signal(signal);
        }
        if let Some(mut child) = self.child.take() {
            timeout(PATIENCE, child.wait()).await.expect("clamd does not end").unwrap();
        }
    }

    /// Signatures as freshclam brings them, of that age; unsigned, which clamd takes for an update of its own.
    pub fn write_daily(&self, version: u32, at: Timestamp) {
        let time = at.strftime("%d %b %Y %H-%M +0000");
        let header = format!("ClamAV-VDB:{time}:{version}:1:90:X:X:tester:{}", at.as_second());
        let digest = Sha256::digest(EICAR_SIGNATURE)
            .iter()
            .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let info = format!("{header}\ndaily.ndb:{}:{digest}\n", EICAR_SIGNATURE.len());
        let mut bytes = format!("{header:<512}").into_bytes();
        let mut tar = tar::Builder::new(Vec::new());
        for (name, content) in [("COPYING", "none\n"), ("daily.info", &info), ("daily.ndb", EICAR_SIGNATURE)]
        {
            let mut head = tar::Header::new_ustar();
            head.set_size(content.len() as u64);
            head.set_mode(0o644);
            tar.append_data(&mut head, name, content.as_bytes()).unwrap();
        }
        bytes.extend(tar.into_inner().unwrap());
        self.replace("daily.cud", &bytes);
    }

    /// As freshclam does: never a file that is half there.
    pub fn replace(&self, name: &str, bytes: &[u8]) {
        let (new, place) = (self.folder.path().join("new"), self.database().join(name));
        std::fs::write(&new, bytes).unwrap();
        std::fs::rename(new, place).unwrap();
    }
}

/// A shell whose mounts nobody else sees, and end with it.
fn alone() -> Command {
    let mut command = Command::new("unshare");
    if !rustix::process::getuid().is_root() {
        command.arg("--map-root-user");
    }
    command.args(["--mount", "sh"]);
    command
}

/// Whether a file system can be mounted here, for [`Clamd::disk`].
pub async fn can_mount() -> bool {
    let folder = tempfile::tempdir().unwrap();
    let mut command = alone();
    command.args(["-c", "mount -t tmpfs tmpfs \"$0\""]).arg(folder.path()).stderr(Stdio::null());
    command.status().await.is_ok_and(|status| status.success())
}

/// What a scripted clamd does with a file that is no canary.
#[derive(Clone, Debug)]
pub enum Script {
    /// As it should.
    Honest,
    /// Says these bytes and closes.
    Says(Vec<u8>),
    /// Says these bytes and closes with the file still unread, which resets the connection.
    Resets(Vec<u8>),
    /// Never answers.
    Silent,
}

/// A clamd that knows the test virus, and does with other files what it is told.
pub struct FakeClamd {
    state: Arc<Mutex<Told>>,
    address: ClamdAddress,
    _server: JoinSet<()>,
    _folder: tempfile::TempDir,
}

#[derive(Debug)]
struct Told {
    script: Script,
    /// Before each PONG.
    pause: Duration,
    /// Files it was asked about that are no canaries.
    asked: u32,
}

type State = Arc<Mutex<Told>>;

impl FakeClamd {
    fn with(address: ClamdAddress, folder: tempfile::TempDir, state: State, server: JoinSet<()>) -> Self {
        Self { state, address, _server: server, _folder: folder }
    }

    fn told() -> State {
        Arc::new(Mutex::new(Told { script: Script::Honest, pause: Duration::ZERO, asked: 0 }))
    }

    /// On a unix socket.
    pub fn unix() -> Self {
        let (folder, state) = (tempfile::tempdir().unwrap(), Self::told());
        let path = folder.path().join("clamd.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let (mut server, told) = (JoinSet::new(), state.clone());
        server.spawn(async move {
            let mut all = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                all.spawn(serve_unix(stream, told.clone()));
            }
        });
        Self::with(ClamdAddress::Unix { path }, folder, state, server)
    }

    /// On a port.
    pub async fn tcp() -> Self {
        let (folder, state) = (tempfile::tempdir().unwrap(), Self::told());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (mut server, told) = (JoinSet::new(), state.clone());
        server.spawn(async move {
            let mut all = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                all.spawn(serve_tcp(stream, told.clone()));
            }
        });
        Self::with(ClamdAddress::Tcp { address }, folder, state, server)
    }

    pub fn address(&self) -> ClamdAddress {
        self.address.clone()
    }

    pub fn script(&self, script: Script) {
        let mut told = self.state.lock().unwrap();
        (told.script, told.asked) = (script, 0);
    }

    pub fn pause_before_pong(&self, pause: Duration) {
        self.state.lock().unwrap().pause = pause;
    }

    /// How often it was asked since it was told what to do.
    pub fn asked(&self) -> u32 {
        self.state.lock().unwrap().asked
    }
}

/// A connection to a scripted clamd; it is over when anything goes wrong with it.
async fn serve_unix(stream: UnixStream, state: State) {
    let _over = unix(stream, &state).await;
}

async fn serve_tcp(stream: TcpStream, state: State) {
    let _over = tcp(stream, &state).await;
}

async fn unix(mut stream: UnixStream, state: &State) -> io::Result<()> {
    let command = command(&mut stream).await?;
    if command != "FILDES" {
        return converse(&mut stream, &command, state).await;
    }
    if let Script::Resets(bytes) = script(state) {
        // Whether it is a canary it does not know yet: those have a signature.
        return stream.write_all(&bytes).await;
    }
    let file = std::fs::File::from(descriptor(&stream).await?);
    let size = file.metadata()?.len();
    let mut ends = vec![0; 512];
    let read = file.read_at(&mut ends, 0)?;
    ends.truncate(read);
    let mut tail = vec![0; 512];
    let read = file.read_at(&mut tail, size.saturating_sub(512))?;
    ends.extend_from_slice(&tail[..read]);
    answer(&mut stream, "fd[9]", size, &ends, state).await
}

async fn tcp(mut stream: TcpStream, state: &State) -> io::Result<()> {
    let command = command(&mut stream).await?;
    if command != "INSTREAM" {
        return converse(&mut stream, &command, state).await;
    }
    let (mut size, mut ends) = (0_u64, Vec::new());
    loop {
        let length = stream.read_u32().await?;
        if length == 0 {
            break;
        }
        let mut chunk = vec![0; length as usize];
        stream.read_exact(&mut chunk).await?;
        size += u64::from(length);
        ends.extend_from_slice(&chunk[..chunk.len().min(512)]);
        ends.extend_from_slice(&chunk[chunk.len().saturating_sub(512)..]);
        ends.drain(..ends.len().saturating_sub(256 << 10));
        if let (Script::Resets(bytes), true) = (script(state), is_work(&ends)) {
            // The rest of the stream is on its way and is never read.
            count(state);
            return stream.write_all(&bytes).await;
        }
        // It knows what is at the end of so many zeros.
        if size > 128 << 20 {
            return stream.write_all(b"stream: Test.Eicar FOUND\0").await;
        }
    }
    answer(&mut stream, "stream", size, &ends, state).await
}

async fn command(stream: &mut (impl AsyncReadExt + Unpin)) -> io::Result<String> {
    let mut text = Vec::new();
    loop {
        match stream.read_u8().await? {
            0 => return Ok(String::from_utf8_lossy(&text[1..]).into_owned()),
            byte => text.push(byte),
        }
    }
}

/// What is no scan.
async fn converse(
    stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin),
    asked: &str,
    state: &State,
) -> io::Result<()> {
    let pause = || state.lock().unwrap().pause;
    match asked {
        "PING" => {
            sleep(pause()).await;
            stream.write_all(b"PONG\0").await
        }
        "VERSION" => stream.write_all(b"ClamAV 1.4.6\0").await,
        "IDSESSION" => {
            for number in 1.. {
                assert_eq!(command(stream).await?, "PING");
                sleep(pause()).await;
                stream.write_all(format!("{number}: PONG\0").as_bytes()).await?;
            }
            Ok(())
        }
        _ => stream.write_all(b"UNKNOWN COMMAND\0").await,
    }
}

fn script(state: &State) -> Script {
    state.lock().unwrap().script.clone()
}

fn count(state: &State) {
    state.lock().unwrap().asked += 1;
}

/// What tests upload to scripted clamds begins so.
const WORK: &[u8] = b"work ";

fn is_work(ends: &[u8]) -> bool {
    ends.windows(WORK.len()).any(|window| window == WORK)
}

async fn answer(
    stream: &mut (impl AsyncWriteExt + Unpin),
    prefix: &str,
    size: u64,
    ends: &[u8],
    state: &State,
) -> io::Result<()> {
    let virus = ends.windows(68).any(|window| window == eicar());
    // A canary, or a zip that is one: of the virus it is deflated, and that of forty layers holds others.
    let honest = match ends {
        _ if size > LARGEST_SCAN => "Heuristics.Limits.Exceeded.MaxFileSize FOUND",
        _ if virus => "Test.Eicar FOUND",
        _ if ends.starts_with(b"PK") && ends.windows(9).any(|window| window == b"eicar.com") => {
            "Test.Eicar FOUND"
        }
        _ if ends.starts_with(b"PK") => "Heuristics.Limits.Exceeded.MaxRecursion FOUND",
        _ => "OK",
    };
    let honest = format!("{prefix}: {honest}\0").into_bytes();
    let said = match (is_work(ends), script(state)) {
        (true, Script::Says(bytes) | Script::Resets(bytes)) => bytes,
        (true, Script::Silent) => {
            count(state);
            return std::future::pending().await;
        }
        (_, _) => honest,
    };
    if is_work(ends) {
        count(state);
    }
    stream.write_all(&said).await
}

/// The file that was passed along with one byte.
async fn descriptor(stream: &UnixStream) -> io::Result<OwnedFd> {
    stream
        .async_io(Interest::READABLE, || {
            let mut byte = [0];
            let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut data = [io::IoSliceMut::new(&mut byte)];
            recvmsg(stream.as_fd(), &mut data, &mut control, RecvFlags::empty())?;
            for message in control.drain() {
                if let RecvAncillaryMessage::ScmRights(mut files) = message
                    && let Some(file) = files.next()
                {
                    return Ok(file);
                }
            }
            Err(io::ErrorKind::InvalidData.into())
        })
        .await
}

/// A path that nobody listens on.
pub fn nobody(folder: &Path) -> ClamdAddress {
    ClamdAddress::Unix { path: folder.join("nobody.sock") }
}

/// Age in hours before now.
pub fn hours_ago(hours: i64) -> Timestamp {
    Timestamp::now_for_tests() - jiff::SignedDuration::from_hours(hours)
}
