//! A clamd of our own: configured so that its `OK` means something, started, watched, restarted, stopped.
//!
//! Debian's defaults pass a 26 MB file with a virus at its first byte. This clamd listens on a unix socket alone, has
//! no limit below what it can scan, and reports what it did not see.

mod orphan;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::tz::TimeZone;
use rustix::process::{Pid, Signal, getuid, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::clamd::{Address, Clamd, Place};
use super::config::{ScanLimits, SignaturePolicy};
use super::signatures::{self, Database, SYSTEM_DATABASE};
use super::{ScanError, ScanOutcome, Scanner, ScannerNews, ScannerReadiness};
use crate::clock::Clock;

/// Where the program is looked for: the path, then the folders that only root's path holds.
const PROGRAMS: &[&str] = &["clamd", "/usr/sbin/clamd", "/usr/local/sbin/clamd", "/opt/homebrew/sbin/clamd"];
/// Official signatures take up to a minute to load on a small machine.
const START_LIMIT: Duration = Duration::from_secs(180);
/// clamd finishes the scan at hand after SIGTERM; beyond this it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A clamd that ran this long had started well, so the next pause is short again.
const RAN_WELL: Duration = Duration::from_secs(60);
/// What fits into a socket address, bytes.
const SOCKET_PATH_LIMIT: usize = 100;
/// Lines of clamd's output kept for an error, and bytes of each.
const KEPT_LINES: usize = 8;
const LINE_LIMIT: u64 = 500;

/// Why no clamd came up.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "the virus scanner clamd is not installed; install it (`apt-get install clamav-daemon`) or name another \
         scanner in the settings"
    )]
    NotInstalled,
    #[error("the scanner's folder {folder} cannot be prepared")]
    Folder {
        folder: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("clamd cannot be started")]
    Spawn(#[source] io::Error),
    #[error(
        "clamd ended while starting ({output}); if AppArmor confines it, allow {folder} in \
         /etc/apparmor.d/local/usr.sbin.clamd"
    )]
    Ended { output: String, folder: PathBuf },
    #[error("clamd does not answer within {START_LIMIT:?}")]
    Silent,
}

/// A running clamd. Dropping it kills the process; [`shutdown`](Self::shutdown) stops it in order.
#[derive(Debug)]
pub struct ManagedClamd {
    clamd: Arc<Clamd>,
    process: Arc<Mutex<Option<u32>>>,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// Holds the socket when the data folder's path is too long for one.
    _runtime: Option<RuntimeFolder>,
}

/// A folder that goes with its owner.
#[derive(Debug)]
struct RuntimeFolder(PathBuf);

impl Drop for RuntimeFolder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::debug!(%error, "the scanner's socket folder stays behind");
        }
    }
}

/// What a start needs, again after every crash.
#[derive(Clone, Debug)]
struct Recipe {
    folder: PathBuf,
    config: PathBuf,
}

impl ManagedClamd {
    /// Configures and starts a clamd under `{data}/clamd`, waits until it answers, and runs the canaries once.
    pub async fn start(
        data: &Path,
        limits: ScanLimits,
        signatures: SignaturePolicy,
        clock: Clock,
    ) -> Result<Self, StartError> {
        Self::start_at(Place::default(), data, limits, signatures, clock).await
    }

    /// The same at that place.
    pub(super) async fn start_at(
        place: Place,
        data: &Path,
        limits: ScanLimits,
        signatures: SignaturePolicy,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let folder = std::path::absolute(data).map(|data| data.join("clamd"));
        let folder = folder.map_err(|source| StartError::Folder { folder: data.to_owned(), source })?;
        let fault = |source| StartError::Folder { folder: folder.clone(), source };
        orphan::end(&folder, &folder.join("clamd.conf")).await.map_err(fault)?;
        let (socket, runtime) = socket_place(&folder).map_err(fault)?;
        let database = prepare(&folder, &socket, &limits).map_err(fault)?;
        // Without official signatures there is no date to insist on; readiness says so.
        let accept_undated = signatures.accept_undated || database.test_only;
        let signatures = SignaturePolicy { accept_undated, ..signatures };
        let clamd =
            Clamd::new(Address::Unix(socket), TimeZone::UTC, limits, signatures, clock).at(place).of_ours();

        let recipe = Recipe { config: folder.join("clamd.conf"), folder };
        let running = Running::start(&recipe, &clamd).await?;
        let clamd = Arc::new(clamd);
        clamd.probe().await;

        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let process = Arc::new(Mutex::new(running.child.id()));
        tasks.spawn(watch(recipe, running, Arc::clone(&clamd), Arc::clone(&process), stop.clone()));
        let (prober, until) = (Arc::clone(&clamd), stop.clone());
        tasks.spawn(async move { prober.keep_probing(until).await });
        tasks.close();
        Ok(Self { clamd, process, tasks, stop, _runtime: runtime })
    }

    /// Process id of the clamd that runs now; `None` between a crash and the restart.
    pub fn process_id(&self) -> Option<u32> {
        *self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn clamd(&self) -> Arc<Clamd> {
        Arc::clone(&self.clamd)
    }

    /// Stops clamd: SIGTERM, and after a deadline SIGKILL. Returns when it is gone.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
        self.clamd.distrust("it has been stopped");
    }
}

impl Drop for ManagedClamd {
    fn drop(&mut self) {
        // The watcher holds the child, which dies with it.
        self.stop.cancel();
    }
}

#[async_trait]
impl Scanner for ManagedClamd {
    async fn scan(&self, file: &std::fs::File, size: u64) -> Result<ScanOutcome, ScanError> {
        self.clamd.scan(file, size).await
    }

    async fn readiness(&self) -> ScannerReadiness {
        self.clamd.readiness().await
    }

    fn news(&self) -> watch::Receiver<ScannerNews> {
        self.clamd.news()
    }
}

/// The socket's path: beside the rest, or in a short folder of its own when that would not fit an address.
fn socket_place(folder: &Path) -> io::Result<(PathBuf, Option<RuntimeFolder>)> {
    let socket = folder.join("clamd.sock");
    if socket.as_os_str().len() <= SOCKET_PATH_LIMIT {
        return Ok((socket, None));
    }
    let runtime = std::env::temp_dir().join(format!("strongroom-{}", uuid::Uuid::new_v4().simple()));
    create_private(&runtime)?;
    Ok((runtime.join("clamd.sock"), Some(RuntimeFolder(runtime))))
}

fn create_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Folders, signatures and clamd.conf.
fn prepare(folder: &Path, socket: &Path, limits: &ScanLimits) -> io::Result<Database> {
    create_private(folder)?;
    let scratch = folder.join("tmp");
    // What an earlier clamd left when it was killed. One that is still ending has no command line any more and may yet
    // hold its socket, and the next clamd does not take a socket that somebody answers at.
    match std::fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    match std::fs::remove_dir_all(&scratch) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => create_private(&scratch)?,
    }
    let database = signatures::choose(Path::new(SYSTEM_DATABASE), &folder.join("signatures"))?;
    let config = configuration(socket, &database.folder, &scratch, limits)?;
    std::fs::write(folder.join("clamd.conf"), config)?;
    Ok(database)
}

fn configuration(socket: &Path, database: &Path, scratch: &Path, limits: &ScanLimits) -> io::Result<String> {
    let (socket, database, scratch) = (quoted(socket)?, quoted(database)?, quoted(scratch)?);
    let threads = limits.max_threads.max(2);
    // Without `User`, clamd stays who it is; as root it says so by itself.
    let user = if getuid().is_root() { "User root\n" } else { "" };
    Ok(format!(
        "# Written by Strongroom at every start.\n\
         LocalSocket {socket}\nLocalSocketMode 600\nFixStaleSocket yes\nForeground yes\n{user}\
         DatabaseDirectory {database}\nTemporaryDirectory {scratch}\n\
         MaxThreads {threads}\nMaxQueue {queue}\nReadTimeout 300\nCommandReadTimeout 30\n\
         # As much as clamd can, and a finding when that is not enough.\n\
         MaxFileSize 0\nMaxScanSize 8000M\nMaxScanTime 900000\nMaxRecursion 10\nMaxFiles 10000\n\
         StreamMaxLength 2048M\nAlertExceedsMax yes\nAlertEncrypted yes\nAlertOLE2Macros yes\n\
         # A virus is called by its name, not by the heuristic that met it first.\n\
         HeuristicScanPrecedence no\n\
         ConcurrentDatabaseReload yes\nSelfCheck 900\nExitOnOOM yes\n",
        queue = u32::from(threads) * 4,
    ))
}

/// A path as a value of clamd.conf, which is a list of lines with optional quotes.
fn quoted(path: &Path) -> io::Result<String> {
    match path.to_str() {
        Some(text) if !text.contains(['"', '\n', '\r']) => Ok(format!("\"{text}\"")),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "its path holds a quote, a line break or no UTF-8",
        )),
    }
}

/// One life of the process.
#[derive(Debug)]
struct Running {
    child: Child,
    since: Instant,
    output: Output,
}

/// The last lines it printed.
type Output = Arc<Mutex<VecDeque<String>>>;

impl Running {
    async fn start(recipe: &Recipe, clamd: &Clamd) -> Result<Self, StartError> {
        let mut child = spawn(&recipe.config)?;
        if let Some(id) = child.id() {
            let fault = |source| StartError::Folder { folder: recipe.folder.clone(), source };
            orphan::note(&recipe.folder, id).map_err(fault)?;
        }
        let output = Output::default();
        let readers = TaskTracker::new();
        if let Some(stdout) = child.stdout.take() {
            readers.spawn(keep_lines(stdout, Arc::clone(&output)));
        }
        if let Some(stderr) = child.stderr.take() {
            readers.spawn(keep_lines(stderr, Arc::clone(&output)));
        }
        let mut running = Self { child, since: Instant::now(), output };
        running.wait_until_it_answers(recipe, clamd).await?;
        Ok(running)
    }

    async fn wait_until_it_answers(&mut self, recipe: &Recipe, clamd: &Clamd) -> Result<(), StartError> {
        while self.since.elapsed() < START_LIMIT {
            if self.child.try_wait().map_err(StartError::Spawn)?.is_some() {
                // Its last words may still be in the pipe.
                sleep(Duration::from_millis(50)).await;
                return Err(StartError::Ended { output: self.last_words(), folder: recipe.folder.clone() });
            }
            if clamd.ping().await.is_ok() {
                return Ok(());
            }
            sleep(Duration::from_millis(10)).await;
        }
        stop_process(&mut self.child).await;
        Err(StartError::Silent)
    }

    fn last_words(&self) -> String {
        let lines = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect::<Vec<_>>().join("; ")
    }
}

fn spawn(config: &Path) -> Result<Child, StartError> {
    for program in PROGRAMS {
        let spawned = Command::new(program)
            .arg("--config-file")
            .arg(config)
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        match spawned {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => return other.map_err(StartError::Spawn),
        }
    }
    Err(StartError::NotInstalled)
}

/// Drains a pipe to its end, keeping the last lines. An overlong line comes in pieces.
async fn keep_lines(pipe: impl AsyncRead + Unpin, output: Output) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut pipe).take(LINE_LIMIT).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        tracing::debug!(line = text, "clamd");
        let mut kept = output.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT_LINES {
            kept.pop_front();
        }
        kept.push_back(text);
    }
}

/// Keeps a clamd running until told to stop.
async fn watch(
    recipe: Recipe,
    mut running: Running,
    clamd: Arc<Clamd>,
    process: Arc<Mutex<Option<u32>>>,
    stop: CancellationToken,
) {
    let mut pause = FIRST_PAUSE;
    loop {
        let status = tokio::select! {
            () = stop.cancelled() => return stop_process(&mut running.child).await,
            status = running.child.wait() => status,
        };
        *process.lock().unwrap_or_else(PoisonError::into_inner) = None;
        clamd.distrust("clamd ended and is being restarted");
        tracing::warn!(?status, output = running.last_words(), "clamd ended; restarting it");
        if running.since.elapsed() >= RAN_WELL {
            pause = FIRST_PAUSE;
        }
        running = loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(pause) => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
            // Leaving while it starts drops the child, which kills it.
            let started = tokio::select! {
                () = stop.cancelled() => return,
                started = Running::start(&recipe, &clamd) => started,
            };
            match started {
                Ok(running) => break running,
                Err(error) => tracing::error!(%error, "clamd does not start"),
            }
        };
        *process.lock().unwrap_or_else(PoisonError::into_inner) = running.child.id();
        clamd.probe_soon();
    }
}

async fn stop_process(child: &mut Child) {
    if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
        && let Err(error) = kill_process(pid, Signal::TERM)
    {
        tracing::debug!(%error, "clamd was gone before it was stopped");
    }
    if timeout(STOP_LIMIT, child.wait()).await.is_err()
        && let Err(error) = child.kill().await
    {
        tracing::warn!(%error, "clamd cannot be killed");
    }
}

#[cfg(test)]
mod tests;
