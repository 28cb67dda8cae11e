//! A PostgreSQL of one test's own, which may be begun anew and made to stand still.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use sqlx::{AnyConnection, Connection};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// The longest it may take to begin or to end.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Postgres {
    folder: tempfile::TempDir,
    bin: PathBuf,
    port: u16,
    /// It refuses to run as root.
    user: Option<(u32, u32)>,
    child: Child,
}

impl Postgres {
    pub async fn start() -> Self {
        sqlx::any::install_default_drivers();
        let folder = tempfile::tempdir().unwrap();
        let user = rustix::process::geteuid().is_root().then(postgres);
        if let Some((user, group)) = user {
            std::os::unix::fs::chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let bin = newest();
        let cluster = folder.path().join("cluster");
        let mut made = run_as(user, &bin.join("initdb"));
        made.args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D"])
            .arg(&cluster);
        let made = timeout(PATIENCE, made.output()).await.unwrap().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = begin(user, &bin, folder.path(), port);
        let postgres = Self { folder, bin, port, user, child };
        postgres.answers().await;
        postgres
    }

    /// Where databases are made.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    async fn answers(&self) {
        let answer = async {
            while AnyConnection::connect(&self.url()).await.is_err() {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, answer).await.expect("PostgreSQL does not answer");
    }

    fn main(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id().unwrap()).unwrap()).unwrap()
    }

    /// Ends it, breaking every connection, and begins it anew.
    pub async fn restart(&mut self) {
        kill_process(self.main(), Signal::INT).unwrap();
        timeout(PATIENCE, self.child.wait()).await.expect("PostgreSQL does not end").unwrap();
        self.child = begin(self.user, &self.bin, self.folder.path(), self.port);
        self.answers().await;
    }

    /// None of its processes does anything until [`Self::go_on`].
    pub fn stand_still(&self) {
        self.signal(Signal::STOP);
    }

    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    /// To the first process, and then to those it has begun.
    fn signal(&self, signal: Signal) {
        kill_process(self.main(), signal).unwrap();
        let main = self.main().as_raw_nonzero().get();
        for entry in std::fs::read_dir("/proc").unwrap() {
            let path = entry.unwrap().path().join("stat");
            // `1234 (name) S parent ...`; those that end while we look are none.
            let Ok(stat) = std::fs::read_to_string(path) else { continue };
            let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
            if parent == Some(&main.to_string()) {
                let pid: i32 = stat.split(' ').next().unwrap().parse().unwrap();
                let _gone = kill_process(Pid::from_raw(pid).unwrap(), signal);
            }
        }
    }

    pub async fn stop(mut self) {
        kill_process(self.main(), Signal::INT).unwrap();
        timeout(PATIENCE, self.child.wait()).await.expect("PostgreSQL does not end").unwrap();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Of a test that failed.
        if self.child.id().is_some() {
            self.go_on();
            let _gone = kill_process(self.main(), Signal::QUIT);
        }
    }
}

fn begin(user: Option<(u32, u32)>, bin: &Path, folder: &Path, port: u16) -> Child {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
    let mut command = run_as(user, &bin.join("postgres"));
    command.arg("-D").arg(folder.join("cluster"));
    let sockets = format!("unix_socket_directories={}", folder.display());
    for setting in ["listen_addresses=127.0.0.1", &format!("port={port}"), &sockets, "fsync=off"] {
        command.args(["-c", setting]);
    }
    command.stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

fn run_as(user: Option<(u32, u32)>, program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/").stdin(Stdio::null());
    if let Some((user, group)) = user {
        command.uid(user).gid(group);
    }
    command
}

/// The user and group of that name.
fn postgres() -> (u32, u32) {
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = users.lines().find(|line| line.starts_with("postgres:")).expect("a user for PostgreSQL");
    let mut numbers = line.split(':').skip(2).map(|number| number.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

/// The programs of the newest version that is installed.
fn newest() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL; tests/run installs it");
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.map(|entry| entry.unwrap().path()).max_by_key(version).unwrap();
    newest.join("bin")
}
