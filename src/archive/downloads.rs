//! The downloads in progress: how many there may be, and their end.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Withdrawals;
use super::send::{Asked, Download, Gate, Parcel, Patience, SendError, channel, send};
use crate::actor::PersonId;
use crate::ids::FileId;
use crate::object_store::ObjectStore;
use crate::shares::{Crowded, Share, Shares};

/// How much may leave at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Downloads in progress, all together.
    pub all: usize,
    /// Of one person.
    pub each: usize,
    pub patience: Patience,
}

impl Default for Limits {
    fn default() -> Self {
        Self { all: 256, each: 8, patience: Patience::default() }
    }
}

/// Longest wait for what a download still writes when the service stops.
const CLOSE_DEADLINE: Duration = Duration::from_secs(30);

/// What became of a download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Bytes handed to the connection.
    pub bytes: u64,
    /// Why it stopped early: [`SendError::word`].
    pub broken: Option<&'static str>,
    /// The file whose stored bytes are not those that were judged, or not there.
    pub doubted: Option<FileId>,
}

/// Called once, when a download is over however it ended: the place for its row on the audit trail.
pub type OnFinished = Box<dyn FnOnce(Finished) -> BoxFuture<'static, ()> + Send>;

/// One person's right to one download in progress; given back when dropped.
pub type DownloadPlace = Share<PersonId>;

/// Every download in progress. Owns their tasks.
#[derive(Debug)]
pub struct Downloads {
    store: Arc<dyn ObjectStore>,
    limits: Limits,
    places: Shares<PersonId>,
    withdrawals: Withdrawals,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Downloads {
    pub fn new(store: Arc<dyn ObjectStore>, limits: Limits) -> Self {
        Self {
            store,
            limits,
            places: Shares::new(limits.all, limits.each),
            withdrawals: Withdrawals::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        }
    }

    /// Where it is said that a file was withdrawn.
    pub fn withdrawals(&self) -> Withdrawals {
        self.withdrawals.clone()
    }

    /// Takes a place, or says that there is none; nobody waits in line.
    pub fn place(&self, person: &PersonId) -> Result<DownloadPlace, Crowded> {
        self.places.take(person)
    }

    /// Begins to send `range` of `parcel` into the [`Download`] that is returned.
    pub fn start(
        &self,
        place: DownloadPlace,
        parcel: Parcel,
        range: Range<u64>,
        gate: Gate,
        finished: OnFinished,
    ) -> Download {
        let len = range.end.min(parcel.len()).saturating_sub(range.start);
        let (mut out, download) = channel(len, self.limits.patience);
        let (store, stop) = (self.store.clone(), self.stop.clone());
        let asked = Asked { gate, withdrawals: self.withdrawals.clone() };
        self.tasks.spawn(async move {
            let _place = place;
            let result = tokio::select! {
                // What is done is done, even if the service stops at that moment.
                biased;
                result = send(&parcel, range, &*store, &asked, &mut out) => result,
                () = stop.cancelled() => Err(SendError::Stopping),
            };
            let bytes = out.sent;
            let broken = result.as_ref().err().map(SendError::word);
            let doubted = result.as_ref().err().and_then(SendError::doubted);
            if let Err(why) = result {
                log(&why, bytes);
                out.fail(why);
            }
            drop(out);
            finished(Finished { bytes, broken, doubted }).await;
        });
        download
    }

    /// Ends every download in progress and waits (at most 30 s) until their ends are on the audit trail.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(CLOSE_DEADLINE, self.tasks.wait()).await.is_err() {
            tracing::error!(left = self.tasks.len(), "downloads did not end");
        }
    }
}

/// Once, and only where it is not the receiver's doing.
fn log(why: &SendError, bytes: u64) {
    match why {
        SendError::ReceiverGone | SendError::ReceiverStalled | SendError::Stopping => {
            tracing::debug!(%why, bytes, "a download ended early");
        }
        SendError::Mismatch { .. } => tracing::error!(%why, bytes, "a download was stopped"),
        _ => {
            let cause = std::error::Error::source(why).map(ToString::to_string);
            tracing::warn!(%why, ?cause, bytes, "a download was stopped");
        }
    }
}
