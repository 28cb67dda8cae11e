//! The built binary as a process of its own: one that can be killed, measured and started again on what it left.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use strongroom::config::{Config, Overrides};
use strongroom::object_store::{self, ObjectStore};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::backend::Backend;
use super::line::Door;
use super::{Actor, CENTRE, COMPONENT, client};

const BINARY: &str = env!("CARGO_BIN_EXE_strongroom");
/// The longest any process may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// What processes stand on, one after the other: a data folder, a database, a store.
pub struct Installation {
    backend: Backend,
    config: Config,
    /// More settings of its processes.
    settings: Vec<(&'static str, String)>,
}

impl Installation {
    /// With what `dir` brings in.
    pub async fn new(dir: &Path) -> Self {
        Self::on(Backend::new().await, dir).await
    }

    /// The same, whichever backend the other tests have: several nodes need PostgreSQL and a bucket.
    pub async fn of_several_nodes(dir: &Path) -> Self {
        Self::on(Backend::of_a_board().await, dir).await
    }

    /// The same, with its database on that PostgreSQL.
    pub async fn with_database_on(server: &str, dir: &Path) -> Self {
        Self::on(Backend::of_a_board_on(server).await, dir).await
    }

    async fn on(backend: Backend, dir: &Path) -> Self {
        let data = Some(backend.data().to_owned());
        let mut config = Config::load(None, Overrides { data, server: None }).unwrap();
        backend.configure(&mut config);
        let installation = Self { backend, config, settings: Vec::new() };
        installation.run(&["import", dir.to_str().unwrap()]).await;
        installation
    }

    pub fn data(&self) -> &Path {
        self.backend.data()
    }

    /// Gives processes started from now on one more setting: `STRONGROOM__SECTION__FIELD`.
    pub fn set(&mut self, name: &'static str, value: impl ToString) {
        self.settings.push((name, value.to_string()));
    }

    /// The binary with this installation's settings; checks are taken over three seconds after their worker died.
    fn command(&self) -> Command {
        let mut command = Command::new(BINARY);
        command
            .env("STRONGROOM__DATA", self.data())
            .env("STRONGROOM__WORKER__POLL", "50ms")
            .env("STRONGROOM__WORKER__LEASE", "3s")
            .envs(self.backend.environment())
            .envs(self.settings.iter().cloned())
            .stdin(Stdio::null());
        command
    }

    /// Runs a subcommand to its end; what it said.
    async fn run(&self, arguments: &[&str]) -> String {
        let output = timeout(PATIENCE, self.command().args(arguments).output()).await.unwrap().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a subcommand that fails; what it said of it.
    pub async fn fails(&self, arguments: &[&str]) -> String {
        let output = timeout(PATIENCE, self.command().args(arguments).output()).await.unwrap().unwrap();
        assert!(!output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stderr).unwrap()
    }

    pub async fn token(&self, person: &str) -> String {
        let token = self.run(&["token", "create", "--user", person, "--expires-in", "1h"]).await;
        token.trim().to_owned()
    }

    /// Serves; `kill_at`: the step at which the process will kill itself.
    pub async fn serve(&self, kill_at: Option<&str>) -> Process {
        self.serve_in(self.data(), kill_at).await
    }

    /// Serves as one more node, with a data folder of its own.
    pub async fn serve_beside(&self, name: &str) -> Process {
        self.serve_in(&self.data().join(name), None).await
    }

    /// Serves until it reaches a step that it comes to by itself and ends there, maybe before it is ready.
    pub async fn serve_until_killed(&self, step: &str) {
        let (mut process, _ready_or_ended) = self.spawn(self.data(), Some(step)).await;
        let ended = process.ended().await;
        let told = std::fs::read_to_string(&process.log).unwrap_or_default();
        assert_eq!(ended.signal(), Some(9), "{ended}: {told}");
    }

    async fn serve_in(&self, data: &Path, kill_at: Option<&str>) -> Process {
        let (process, ready) = self.spawn(data, kill_at).await;
        if !ready {
            let told = std::fs::read_to_string(&process.log).unwrap_or_default();
            panic!("ended before it was ready: {told}");
        }
        process
    }

    /// A process, and whether it became ready before it ended.
    async fn spawn(&self, data: &Path, kill_at: Option<&str>) -> (Process, bool) {
        std::fs::create_dir_all(data).unwrap();
        let log = data.join("log");
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let mut command = self.command();
        command.args(["serve", "--bind", "127.0.0.1:0", "--data"]).arg(data);
        command.stdout(Stdio::piped()).stderr(file);
        if let Some(step) = kill_at {
            command.env("STRONGROOM_KILL_AT", step);
        }
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap();
        let base = first.as_deref().map_or("", |line| line.strip_prefix("ready ").unwrap()).to_owned();
        (Process { child, base, log }, first.is_some())
    }

    /// What a `SELECT count(*)` on the database says.
    pub async fn count(&self, query: &'static str) -> i64 {
        self.backend.count(&self.config, query).await
    }

    /// The store, opened beside the service.
    pub async fn store(&self) -> Arc<dyn ObjectStore> {
        object_store::config::open(&self.config.store, self.data()).await.unwrap()
    }

    /// Command lines of processes that run on this installation, whoever started them.
    pub fn processes(&self) -> Vec<String> {
        let data = self.data().to_str().unwrap();
        let all = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path().join("cmdline"));
        // Those that end while we look are none.
        let lines = all.filter_map(|path| std::fs::read(path).ok());
        lines
            .map(|line| String::from_utf8_lossy(&line).into_owned())
            .filter(|line| line.contains(data))
            .collect()
    }

    /// Removes everything, what is stored included.
    pub async fn clear(self) {
        let store = self.store().await;
        for key in store.list("", None, 10_000).await.unwrap() {
            store.delete(&key.parse().unwrap()).await.unwrap();
        }
        self.remove().await;
    }

    /// Removes everything but what is in a bucket.
    pub async fn remove(self) {
        self.backend.remove().await;
    }
}

/// A process that serves.
pub struct Process {
    child: Child,
    pub base: String,
    log: std::path::PathBuf,
}

impl Process {
    /// Someone with a token of [`Installation::token`].
    pub fn actor(&self, token: &str) -> Actor {
        Actor { base: self.base.clone(), token: Some(token.to_owned()), client: client() }
    }

    /// The sample of the component and the centre that most tests use.
    pub async fn sample(&self, token: &str) -> String {
        let list = format!("/api/v1/samples?component={COMPONENT}&centre={CENTRE}");
        let found = self.actor(token).get(&list).await.json();
        found["items"][0]["id"].as_str().unwrap().to_owned()
    }

    /// Someone without credentials.
    pub fn stranger(&self) -> Actor {
        Actor { base: self.base.clone(), token: None, client: client() }
    }

    /// Where someone with that token writes requests of their own.
    pub fn door(&self, token: &str) -> Door {
        let address = self.base.strip_prefix("http://").unwrap().to_owned();
        Door { address, token: token.to_owned() }
    }

    /// Its number, while it runs.
    pub fn id(&self) -> Pid {
        let id = self.child.id().expect("a process that runs");
        Pid::from_raw(i32::try_from(id).unwrap()).unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.id(), signal).unwrap();
    }

    /// The most memory it has had so far, bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id().as_raw_nonzero())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
    }

    async fn ended(&mut self) -> ExitStatus {
        let ended = timeout(PATIENCE, self.child.wait()).await;
        ended.expect("the process goes on and on").unwrap()
    }

    /// Waits until it was ended by `kill -9`.
    pub async fn killed(mut self) {
        assert_eq!(self.ended().await.signal(), Some(9));
    }

    /// Ends it in order.
    pub async fn stop(mut self) {
        self.signal(Signal::TERM);
        assert_eq!(self.ended().await.code(), Some(0));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", std::fs::read_to_string(&self.log).unwrap_or_default());
        }
        // Of a test that failed: in order, so that its scanner ends too.
        if self.child.id().is_some() {
            self.signal(Signal::TERM);
        }
    }
}
