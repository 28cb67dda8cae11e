//! How bytes arrive: resumable, one writer at a time, never a step back.
//!
//! Nothing here knows a protocol. A dialect (`http::uploads`) translates headers into [`Creation`],
//! [`Uploads::claim`] and [`Uploads::append`], and their outcomes into status codes.
//!
//! **The promise.** An offset that was told to a client never goes down, and every byte under it is durable. So bytes
//! count only when the store has acknowledged them *and* one transaction has committed offset, ledger, SHA-256 state
//! and the epoch they were written under ([`receive`]).
//!
//! **The lease.** One row per upload holds an epoch. Whoever wants the upload (HEAD, PATCH, DELETE) asks the holder to
//! stop, waits at most [`lease::HANDOVER`], and raises the epoch whether or not there was an answer. Every commit
//! carries the epoch; the loser's next commit changes no row, so it drops what it has and closes its connection
//! without an answer. No transaction and no connection to the database is held while bytes flow.
//!
//! ```text
//! create → claim ─► append: frame → digest → writer ─► durable → commit(epoch) → … → finish → seal → received
//!              ▲                                                     │ no row: fenced, drop everything
//!              └── evict: ask, wait ≤ 1 s, raise the epoch ◄─────────┘
//! ```
//!
//! **Proof.** A request that must prove its bytes ([`checksum`]) commits nothing until it has: what became durable
//! meanwhile is gathered and counts in one transaction, or not at all.
//!
//! **Memory.** What waits to become durable is gathered by the store's writers from one budget, and only so many bodies
//! are taken at once ([`UploadLimits::streams`]); the next one is refused before its first byte is polled. Who is
//! taken is never dropped for lack of memory: its writer makes durable what it has, or stops polling, and then the
//! client's window closes. So the most that uploads hold is the store's budget, and per body what the protocol has
//! read ahead: 64 KiB in HTTP/1.1, at most the stream's window of 4 MiB in HTTP/2, and that only while the store stands
//! still.
//!
//! **Small files.** A file that needs no multipart upload is made whole and *received* in one transaction; until then
//! its offset has not moved, so a crash costs only its own bytes.
//!
//! **In pieces.** Several uploads at once may bring the pieces of one file (`concatenate`): each is an upload like any
//! other, of no file, until one request makes a file of them.
//!
//! **Of several.** A file that several candidates share is one upload, for the first of them. Who else is to have it is
//! asked and written with it (`sharers`); a worker copies it for each of them once it is accepted.
//!
//! **Afterwards.** An upload that ends unfinished (expired, cancelled) keeps its rows until [`sweep`] has removed its
//! bytes; its file row stays as the tombstone that answers 410. One that is whole, or is being put together, can be
//! withdrawn until its check accepts it: it is then cleared away in the same way.

pub mod checksum;
mod complete;
mod concatenate;
mod create;
mod digest;
mod error;
mod lease;
mod quota;
mod receive;
pub(crate) mod room;
pub(crate) mod sharers;
pub mod sweep;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

pub use concatenate::{Concatenation, MOST_PARTIALS, NewPartial};
pub use create::{Created, Creation, Wanted};
pub use digest::{DamagedState, DigestState, RunningDigest};
pub use error::{CreateError, UploadError};
pub use lease::{Claimed, Finished, Lease};
pub use quota::Quotas;
pub(crate) use quota::Usage;
pub use receive::{Append, Appended, BodyError, Piece, Whole};

use crate::clock::Clock;
use crate::database::Database;
use crate::object_store::ObjectStore;

/// Times of uploads.
#[derive(Clone, Copy, Debug)]
pub struct UploadLimits {
    /// How long a lease lasts unless renewed. Only the sweeper waits for it; a taker does not.
    pub lease: Duration,
    /// How long a request may be silent before it is ended; what arrived is kept.
    pub idle: Duration,
    /// Bytes that come at least in every `pace_over`; a request that brings fewer is ended, and what arrived is kept.
    pub pace: u64,
    pub pace_over: Duration,
    /// How long bytes of a slow stream may stay undurable.
    pub flush: Duration,
    /// How long an upload is kept after its last byte; never less than until its sample closes.
    pub keep: Duration,
    /// How long an upload is kept at most, unless its sample is still open.
    pub keep_at_most: Duration,
    /// Bodies taken at the same time.
    pub streams: usize,
    pub quotas: Quotas,
}

impl Default for UploadLimits {
    fn default() -> Self {
        const DAY: u64 = 24 * 3600;
        Self {
            lease: Duration::from_secs(15),
            idle: Duration::from_secs(30),
            pace: 30 << 10,
            pace_over: Duration::from_secs(60),
            flush: Duration::from_secs(5),
            keep: Duration::from_secs(7 * DAY),
            keep_at_most: Duration::from_secs(30 * DAY),
            streams: 1000,
            quotas: Quotas::default(),
        }
    }
}

/// The upload engine of one node.
#[derive(Clone, Debug)]
pub struct Uploads {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    db: Database,
    store: Arc<dyn ObjectStore>,
    clock: Clock,
    limits: UploadLimits,
    /// This process's name in leases.
    node: String,
    holders: lease::Holders,
    read: quota::Read,
    streams: Arc<Semaphore>,
    shutdown: CancellationToken,
    /// Rung when a file is received, so that checks start at once.
    received: Arc<Notify>,
    /// Rung when an upload ended unfinished, so that its bytes go at once.
    ended: Arc<Notify>,
    /// Rung when a file is to be put together from partials.
    unjoined: Arc<Notify>,
}

impl Uploads {
    pub fn new(
        db: Database,
        store: Arc<dyn ObjectStore>,
        clock: Clock,
        limits: UploadLimits,
        shutdown: CancellationToken,
    ) -> Self {
        let node = format!("{:032x}", rand::random::<u128>());
        let inner = Inner {
            db,
            store,
            clock,
            limits,
            node,
            holders: Default::default(),
            read: Default::default(),
            streams: Arc::new(Semaphore::new(limits.streams.min(Semaphore::MAX_PERMITS))),
            shutdown,
            received: Arc::default(),
            ended: Arc::default(),
            unjoined: Arc::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Rung when a file is received.
    pub fn received(&self) -> Arc<Notify> {
        self.inner.received.clone()
    }

    /// Rung when a file is to be put together.
    pub fn unjoined(&self) -> Arc<Notify> {
        self.inner.unjoined.clone()
    }

    /// Rung when an upload ended unfinished.
    pub fn ended(&self) -> Arc<Notify> {
        self.inner.ended.clone()
    }
}

impl Inner {
    /// A place among those whose bodies are taken, when there is one.
    fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.streams.clone().try_acquire_owned().ok()
    }

    fn lease_micros(&self) -> i64 {
        i64::try_from(self.limits.lease.as_micros()).unwrap_or(i64::MAX)
    }

    /// When an upload created then and last heard of now is given up. `closes`: its sample's end.
    fn expiry(&self, created: Timestamp, now: Timestamp, closes: Timestamp) -> Timestamp {
        let after = |from: Timestamp, wait: Duration| from.checked_add(wait).unwrap_or(Timestamp::MAX);
        after(now, self.limits.keep).min(after(created, self.limits.keep_at_most)).max(closes)
    }
}

#[cfg(test)]
mod tests;
