//! What the service does without being asked: putting files together from their pieces, checking received files,
//! copying those that candidates share, scanning accepted ones again, putting infected originals away, and sweeping.
//!
//! The database is the queue; a ring of the bell only spares the wait for the next look. A pass that fails is logged
//! and tried again; nothing here ends but at shutdown.

mod accept;
mod check;
mod incidents;
mod rescan;
mod share;
mod spool;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::archive::Withdrawals;
use crate::check::scan::Scanner;
use crate::clock::Clock;
use crate::database::checks::Claim;
use crate::database::{Database, DatabaseError, Engine, checks};
use crate::object_store::ObjectStore;
use crate::tasks::Tasks;
use crate::upload::Uploads;
use check::ScanFaults;
use spool::Spool;

pub use rescan::RescanLimits;

/// The channel on which nodes tell each other that a file was withdrawn.
pub const WITHDRAWN: &str = "strongroom_withdrawn";

/// Files put together from their pieces at once.
const JOINS: usize = 4;

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
    /// Claims of a file that never came back, one after the other, before it cannot be checked.
    pub claims: u32,
    /// How long an infected original is kept for whoever answers incidents.
    pub keep_infected: Duration,
}

impl Default for WorkerLimits {
    fn default() -> Self {
        Self {
            checks: 4,
            lease: Duration::from_secs(30),
            poll: Duration::from_secs(1),
            spool_bytes: 30 << 30,
            claims: 10,
            keep_infected: Duration::from_secs(30 * 24 * 3600),
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
    scan_faults: ScanFaults,
    /// Rung when something changed that sweeps care for.
    ended: Arc<Notify>,
    rescans: RescanLimits,
    /// Rung when files were put at the head of the queue of rescans.
    asked_for: Arc<Notify>,
    /// Rung when an infected original is to be put away.
    to_move: Arc<Notify>,
    /// Rung when a file came out of its check, which others may share.
    to_share: Arc<Notify>,
    withdrawals: Withdrawals,
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
        let (scan_faults, ended) = (ScanFaults::default(), uploads.ended());
        Self {
            db,
            store,
            scanner,
            clock,
            limits,
            spool,
            node,
            scan_faults,
            ended,
            rescans: RescanLimits::default(),
            asked_for: Arc::default(),
            to_move: Arc::default(),
            to_share: Arc::default(),
            withdrawals: Withdrawals::default(),
        }
    }

    /// How accepted files are scanned again. `asked_for`: rung when some were put at the head of the queue.
    /// `withdrawals`: where it is said that one was withdrawn.
    #[must_use]
    pub fn rescanning(self, rescans: RescanLimits, asked_for: Arc<Notify>, withdrawals: Withdrawals) -> Self {
        Self { rescans, asked_for, withdrawals, ..self }
    }

    /// Starts the loops on `tasks`; they end with it.
    pub async fn start(self, uploads: &Uploads, tasks: &Tasks) -> Result<(), DatabaseError> {
        // An embedded database has one process: what was claimed before belongs to nobody.
        if self.db.engine() == Engine::Sqlite {
            checks::release_all(&self.db).await?;
        }
        let (poll, bell) = (self.limits.poll, uploads.received());
        let again = (self.clone(), tasks.clone());
        tasks.keep("rescans", move || {
            let (workers, tasks) = again.clone();
            workers.rescan_loop(tasks)
        });
        let incidents = (self.clone(), tasks.clone());
        tasks.keep("incidents", move || {
            let (workers, tasks) = incidents.clone();
            workers.incident_loop(tasks)
        });
        let sharing = (self.clone(), tasks.clone());
        tasks.keep("copies", move || {
            let (workers, tasks) = sharing.clone();
            workers.share_loop(tasks)
        });
        let waking = self.clone();
        let checking = (self, tasks.clone());
        tasks.keep("checks", move || {
            let (workers, tasks) = checking.clone();
            workers.check_loop(bell.clone(), tasks)
        });
        let (returning, bell) = (waking, uploads.received());
        let stopping = tasks.clone();
        tasks.keep("scanner", move || {
            let (workers, bell, tasks) = (returning.clone(), bell.clone(), stopping.clone());
            async move { workers.wake_by_the_scanner(&bell, tasks.stopping()).await }
        });
        let sweeping = (uploads.clone(), tasks.clone());
        tasks.keep("sweeps", move || {
            let (uploads, tasks) = sweeping.clone();
            async move { sweep_loop(&uploads, poll, tasks.stopping()).await }
        });
        let looking = (uploads.clone(), tasks.clone());
        tasks.keep("left behind", move || {
            let (uploads, tasks) = looking.clone();
            async move { left_behind_loop(&uploads, &tasks).await }
        });
        let joining = (uploads.clone(), tasks.clone());
        tasks.keep("joins", move || {
            let (uploads, tasks) = joining.clone();
            async move { join_loop(&uploads, poll, &tasks).await }
        });
        Ok(())
    }

    /// Files that wait for the scanner are checked as soon as it can be trusted again, not when their time comes. One
    /// that it broke off at is not among them.
    async fn wake_by_the_scanner(&self, bell: &Notify, stop: &CancellationToken) {
        let mut news = self.scanner.news();
        loop {
            let was = news.borrow_and_update().trusted;
            let changed = tokio::select! {
                () = stop.cancelled() => return,
                changed = news.changed() => changed,
            };
            if changed.is_err() {
                // It never tells.
                return stop.cancelled().await;
            }
            if was > 0 || news.borrow().trusted == 0 {
                continue;
            }
            match checks::scanner_is_back(&self.db, self.clock.now()).await {
                Ok(files) => {
                    tracing::info!(files, "files that waited for the scanner are checked now");
                    bell.notify_one();
                }
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "files that waited for the scanner wait for their time");
                }
            }
        }
    }

    async fn check_loop(self, bell: Arc<Notify>, tasks: Tasks) {
        let places = Arc::new(Semaphore::new(self.limits.checks));
        let stop = tasks.stopping().clone();
        loop {
            let permit = tokio::select! {
                () = stop.cancelled() => return,
                permit = places.clone().acquire_owned() => permit,
            };
            let Ok(mut permit) = permit else { return };
            let mut claim = self.claim(false).await;
            if matches!(claim, Ok(Claim::Suspect)) {
                // Whichever of them ends the process, it takes no other check with it.
                let all = u32::try_from(self.limits.checks).unwrap_or(u32::MAX).saturating_sub(1);
                let rest = tokio::select! {
                    () = stop.cancelled() => return,
                    rest = places.clone().acquire_many_owned(all) => rest,
                };
                let Ok(rest) = rest else { return };
                permit.merge(rest);
                claim = self.claim(true).await;
            }
            match claim {
                Ok(Claim::Row(row)) => {
                    let (worker, stop) = (self.clone(), stop.clone());
                    tasks.spawn(async move {
                        worker.run(*row, stop).await;
                        drop(permit);
                    });
                    continue;
                }
                Ok(Claim::Suspect | Claim::Nothing) => {}
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "no file could be claimed for its check");
                }
            }
            drop(permit);
            tokio::select! {
                () = stop.cancelled() => return,
                () = bell.notified() => {}
                () = tokio::time::sleep(self.limits.poll) => {}
            }
        }
    }
}

/// Between looks at one page of staged objects and the next.
const LOOK: Duration = Duration::from_secs(60);

async fn left_behind_loop(uploads: &Uploads, tasks: &Tasks) {
    let mut next = None;
    while tasks.pause(LOOK).await {
        match uploads.clear_left_behind(next.take()).await {
            Ok(page) => next = page,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "what was left behind stays for now"
                );
            }
        }
    }
}

async fn sweep_loop(uploads: &Uploads, poll: Duration, stop: &CancellationToken) {
    let bell = uploads.ended();
    loop {
        if let Err(error) = uploads.sweep().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "a sweep failed");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = bell.notified() => {}
            () = tokio::time::sleep(poll * 5) => {}
        }
    }
}

async fn join_loop(uploads: &Uploads, poll: Duration, tasks: &Tasks) {
    let (bell, stop) = (uploads.unjoined(), tasks.stopping());
    let places = Arc::new(Semaphore::new(JOINS));
    loop {
        let permit = tokio::select! {
            () = stop.cancelled() => return,
            permit = places.clone().acquire_owned() => permit,
        };
        let Ok(permit) = permit else { return };
        match uploads.next_unjoined().await {
            Ok(Some(lease)) => {
                let uploads = uploads.clone();
                tasks.spawn(async move {
                    if let Err(error) = uploads.put_together(lease).await {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(error, "the claim of a file to be put together is left to run out");
                    }
                    drop(permit);
                });
                continue;
            }
            Ok(None) => {}
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "no file could be claimed to be put together");
            }
        }
        drop(permit);
        tokio::select! {
            () = stop.cancelled() => return,
            () = bell.notified() => {}
            () = tokio::time::sleep(poll) => {}
        }
    }
}
