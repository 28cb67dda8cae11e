//! What the service does without being asked: checking received files, and sweeping.
//!
//! The database is the queue; a ring of the bell only spares the wait for the next look. A pass that fails is logged
//! and tried again; nothing here ends but at shutdown.

mod accept;
mod check;
mod spool;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::check::scan::Scanner;
use crate::clock::Clock;
use crate::database::{Database, Engine, checks};
use crate::object_store::ObjectStore;
use crate::upload::Uploads;
use spool::Spool;

/// How workers work.
#[derive(Clone, Copy, Debug)]
pub struct WorkerLimits {
    /// Files checked at once.
    pub checks: usize,
    /// How long a claim lasts unless renewed.
    pub lease: Duration,
    /// The wait between looks when no bell rings.
    pub poll: Duration,
    /// Bytes on disk for files that are being checked, where the store is not local.
    pub spool_bytes: u64,
}

impl Default for WorkerLimits {
    fn default() -> Self {
        Self {
            checks: 2,
            lease: Duration::from_secs(30),
            poll: Duration::from_secs(1),
            spool_bytes: 30 << 30,
        }
    }
}

/// What a worker stands on.
#[derive(Clone, Debug)]
pub struct Workers {
    db: Database,
    store: Arc<dyn ObjectStore>,
    scanner: Arc<dyn Scanner>,
    clock: Clock,
    limits: WorkerLimits,
    spool: Spool,
    node: String,
    /// Rung when something changed that sweeps care for.
    ended: Arc<Notify>,
}

impl Workers {
    /// `spool`: a folder for files that are being checked.
    pub fn new(
        db: Database,
        store: Arc<dyn ObjectStore>,
        scanner: Arc<dyn Scanner>,
        clock: Clock,
        limits: WorkerLimits,
        spool: PathBuf,
        uploads: &Uploads,
    ) -> Self {
        let node = format!("{:032x}", rand::random::<u128>());
        let spool = Spool::new(spool, limits.spool_bytes);
        Self { db, store, scanner, clock, limits, spool, node, ended: uploads.ended() }
    }

    /// Starts the loops on `tasks`; they end soon after `shutdown`.
    pub async fn start(
        self,
        uploads: Uploads,
        tasks: &TaskTracker,
        shutdown: CancellationToken,
    ) -> Result<(), crate::database::DatabaseError> {
        // An embedded database has one process: what was claimed before belongs to nobody.
        if self.db.engine() == Engine::Sqlite {
            checks::release_all(&self.db).await?;
        }
        let poll = self.limits.poll;
        let bell = uploads.received();
        tasks.spawn(self.clone().check_loop(bell, tasks.clone(), shutdown.clone()));
        tasks.spawn(sweep_loop(uploads, poll, shutdown));
        Ok(())
    }

    async fn check_loop(self, bell: Arc<Notify>, tasks: TaskTracker, shutdown: CancellationToken) {
        let places = Arc::new(Semaphore::new(self.limits.checks));
        loop {
            let permit = tokio::select! {
                () = shutdown.cancelled() => return,
                permit = places.clone().acquire_owned() => permit,
            };
            let Ok(permit) = permit else { return };
            match self.claim().await {
                Ok(Some(row)) => {
                    let (worker, stop) = (self.clone(), shutdown.clone());
                    tasks.spawn(async move {
                        worker.run(row, stop).await;
                        drop(permit);
                    });
                    continue;
                }
                Ok(None) => {}
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "no file could be claimed for its check");
                }
            }
            drop(permit);
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = bell.notified() => {}
                () = tokio::time::sleep(self.limits.poll) => {}
            }
        }
    }
}

async fn sweep_loop(uploads: Uploads, poll: Duration, shutdown: CancellationToken) {
    let bell = uploads.ended();
    loop {
        if let Err(error) = uploads.sweep().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "a sweep failed");
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = bell.notified() => {}
            () = tokio::time::sleep(poll * 5) => {}
        }
    }
}
