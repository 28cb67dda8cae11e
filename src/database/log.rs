//! One sync for many commits (SQLite).
//!
//! SQLite with `synchronous=FULL` syncs its write-ahead log inside every commit, while nobody else can write: the disk
//! then sets how many commits there are in a second. Here it runs with `NORMAL`: a commit is written to the log, and the
//! log is always sound, but what was committed last may be lost with the power. So [`Log::sync`] follows before anybody
//! is told: one sync of the log serves everybody whose commit came before it began, while others go on committing.
//!
//! The log is opened anew each time, for SQLite removes and makes it at its own will; one that is gone was synced into
//! the database before it went. After a sync that failed nobody knows what the disk holds: nothing is called durable
//! any more until the process is started again.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use super::DatabaseError;

/// Longest wait for a sync, the one before it included.
const DEADLINE: Duration = Duration::from_secs(60);

/// The write-ahead log of one database file.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    /// Syncs that have begun.
    begun: AtomicU64,
    /// A sync has failed, whether anybody still waited for it or not.
    broken: Arc<AtomicBool>,
    turn: Mutex<Turn>,
}

#[derive(Debug, Default)]
struct Turn {
    /// The last sync that has ended well.
    done: u64,
    /// The log whose name is durable.
    named: Option<u64>,
}

impl Log {
    /// The log beside that database file.
    pub(super) fn of(database: &Path) -> Self {
        let mut path = database.as_os_str().to_owned();
        path.push("-wal");
        Self {
            path: path.into(),
            begun: AtomicU64::default(),
            broken: Arc::default(),
            turn: Mutex::default(),
        }
    }

    /// Makes durable what was committed before the call.
    pub(super) async fn sync(&self) -> Result<(), DatabaseError> {
        // One that has begun already may have missed it; the next one has not.
        let wanted = self.begun.load(Ordering::SeqCst) + 1;
        let broken = |source: io::Error| DatabaseError::NotDurable(source);
        let waited = tokio::time::timeout(DEADLINE, async {
            let mut turn = self.turn.lock().await;
            if self.broken.load(Ordering::SeqCst) {
                return Err(broken(io::Error::other("an earlier sync of the log failed")));
            }
            if turn.done >= wanted {
                return Ok(());
            }
            let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
            let (path, named, failed) = (self.path.clone(), turn.named, self.broken.clone());
            let synced = spawn_blocking(move || {
                sync(&path, named).inspect_err(|error| {
                    failed.store(true, Ordering::SeqCst);
                    tracing::error!(%error, "the database's log cannot be synced: restart once the disk is sound");
                })
            });
            let synced = synced.await.map_err(io::Error::other).flatten();
            (turn.done, turn.named) = (number, synced.map_err(broken)?);
            Ok(())
        });
        waited.await.unwrap_or_else(|elapsed| Err(broken(io::Error::other(elapsed))))
    }
}

/// Syncs the log, and its name when that is new. Returns which log it was.
fn sync(path: &Path, named: Option<u64>) -> io::Result<Option<u64>> {
    let log = match File::open(path) {
        Err(gone) if gone.kind() == io::ErrorKind::NotFound => return Ok(None),
        log => log?,
    };
    log.sync_data()?;
    let inode = log.metadata()?.ino();
    if named != Some(inode) {
        File::open(path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))?
            .sync_all()?;
    }
    Ok(Some(inode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_for_the_same_sync_shares_it() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::of(&folder.path().join("t.db"));
        std::fs::write(&log.path, "frames").unwrap();
        let all = futures_util::future::join_all((0..100).map(|_| log.sync())).await;
        assert!(all.into_iter().all(|synced| synced.is_ok()));
        let syncs = log.begun.load(Ordering::SeqCst);
        assert!((1..=2).contains(&syncs), "{syncs} syncs");
        // One that comes later has one of its own.
        log.sync().await.unwrap();
        assert_eq!(log.begun.load(Ordering::SeqCst), syncs + 1);
    }

    #[tokio::test]
    async fn one_given_up_in_the_middle_serves_nobody() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};

        let folder = tempfile::tempdir().unwrap();
        let log = Log::of(&folder.path().join("t.db"));
        // Nothing opens a pipe that nobody writes to.
        mknodat(CWD, &log.path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let given_up = tokio::time::timeout(Duration::from_millis(50), log.sync()).await;
        assert!(given_up.is_err());
        assert_eq!((log.begun.load(Ordering::SeqCst), log.turn.lock().await.done), (1, 0));
        // A pipe cannot be synced: that is remembered though nobody waits for it any more.
        drop(std::fs::OpenOptions::new().write(true).open(&log.path).unwrap());
        let remembered = async {
            while !log.broken.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), remembered).await.unwrap();
        assert!(matches!(log.sync().await, Err(DatabaseError::NotDurable(_))));
    }

    #[tokio::test]
    async fn a_log_that_is_gone_was_taken_into_the_database() {
        let folder = tempfile::tempdir().unwrap();
        Log::of(&folder.path().join("t.db")).sync().await.unwrap();
    }

    #[tokio::test]
    async fn after_a_sync_that_failed_nothing_is_durable() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::of(&folder.path().join("t.db"));
        // A folder in its place can be opened; a name that leads in a circle cannot.
        std::os::unix::fs::symlink(&log.path, &log.path).unwrap();
        assert!(matches!(log.sync().await, Err(DatabaseError::NotDurable(_))));
        std::fs::remove_file(&log.path).unwrap();
        std::fs::write(&log.path, "frames").unwrap();
        assert!(matches!(log.sync().await, Err(DatabaseError::NotDurable(_))));
    }
}
