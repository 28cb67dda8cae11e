//! Who writes: one holder per upload, and how it gives way.
//!
//! A holder on this node is asked through [`Holders`], one on another node by a word through the database
//! ([`CHANNEL`]). Either way it makes durable what has arrived and lets go; one that does not answer in time is
//! overridden.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{DigestState, Inner, RunningDigest, UploadError, Uploads, Whole};
use crate::actor::Actor;
use crate::database::DatabaseError;
use crate::database::uploads::{self, End, Progress, UploadRow};
use crate::evidence::FileState;
use crate::ids::FileId;
use crate::object_store::Durable;

/// How long a holder is waited for that was asked to stop. Then its epoch is overridden.
pub(super) const HANDOVER: Duration = Duration::from_secs(1);

/// Where nodes ask each other to let an upload go: `{file} {epoch}`.
const CHANNEL: &str = "strongroom_release";
/// Between looks whether another node has let go: at first, and at most.
const LOOKS: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(50));

/// The uploads this node is writing.
pub(super) type Holders = Mutex<HashMap<FileId, Holder>>;

#[derive(Debug)]
pub(super) struct Holder {
    epoch: i64,
    stop: CancellationToken,
    gone: watch::Receiver<()>,
}

/// The right to write an upload, until someone else takes it. Dropping it gives it up in memory; the row's lease
/// runs out by itself, and nobody waits for that.
#[derive(Debug)]
pub struct Lease {
    pub(super) uploads: Uploads,
    pub(super) row: UploadRow,
    pub(super) digest: RunningDigest,
    /// Cancelled when someone else wants the upload.
    pub(super) stop: CancellationToken,
    /// Taken with the lease, for a body that comes along.
    pub(super) place: Option<OwnedSemaphorePermit>,
    /// Closes when this lease is dropped: what a taker waits for.
    _gone: watch::Sender<()>,
}

impl Lease {
    pub fn file(&self) -> FileId {
        self.row.file
    }

    /// The committed offset.
    pub fn offset(&self) -> u64 {
        self.row.staged.offset
    }

    /// The file's length; `None` while deferred.
    pub fn length(&self) -> Option<u64> {
        self.row.length
    }

    /// The most the file may have.
    pub fn max_length(&self) -> u64 {
        self.row.max_length
    }

    /// `Upload-Metadata` as it came.
    pub fn metadata(&self) -> &str {
        &self.row.metadata
    }

    /// `Upload-Concat` as it came, if it did.
    pub fn concat(&self) -> Option<&str> {
        self.row.concat.as_deref()
    }

    /// The whole file, if its bytes so far are it; `None` of one that is put together.
    pub(super) fn whole(&self) -> Option<Whole> {
        let running = !self.row.is_final();
        running.then(|| Whole::new(self.digest.clone().finish(), self.row.client_sha256))
    }

    pub fn expires_at(&self) -> jiff::Timestamp {
        self.row.expires_at
    }

    /// A later lease is known on this node. One that is only asked to give way still takes what has arrived.
    pub(super) fn is_overtaken(&self) -> bool {
        let holders = self.uploads.inner.holders.lock().unwrap_or_else(PoisonError::into_inner);
        holders.get(&self.row.file).is_some_and(|holder| holder.epoch > self.row.epoch)
    }

    /// Makes durable bytes count, `digest` being theirs. `last`: from here on they may be acknowledged, and the lease
    /// is let go, for others to see at once.
    pub(super) async fn commit(
        &mut self,
        durable: &Durable,
        digest: &DigestState,
        expires_at: jiff::Timestamp,
        last: bool,
    ) -> Result<(), UploadError> {
        fail::fail_point!("upload::before_commit");
        let inner = &self.uploads.inner;
        let progress = Progress {
            file: self.row.file,
            epoch: self.row.epoch,
            durable,
            digest,
            now: inner.clock.now(),
            expires_at,
            ttl_micros: (!last).then(|| inner.lease_micros()),
            first: self.row.state == FileState::Created,
        };
        let mut tx = inner.db.begin().await?;
        if !uploads::advance(&mut tx, &progress).await? {
            return Err(UploadError::Evicted);
        }
        // Nobody is told of a step on the way but by a request that commits after it. Only what lets something be
        // removed, or a multipart upload be completed, must be safe before that goes.
        match last || durable.multipart.is_some() || !durable.obsolete.is_empty() {
            true => tx.commit().await?,
            false => tx.commit_quietly().await?,
        }
        fail::fail_point!("upload::after_commit");
        self.row.staged.advance(durable);
        self.row.state = FileState::Receiving;
        self.row.expires_at = expires_at;
        Ok(())
    }

    /// Tells that bytes come, without any that count.
    pub(super) async fn renew(&self) -> Result<(), UploadError> {
        let inner = &self.uploads.inner;
        let mut tx = inner.db.begin().await?;
        let (now, ttl) = (inner.clock.now(), inner.lease_micros());
        if !uploads::renew(&mut tx, self.row.file, self.row.epoch, now, ttl).await? {
            return Err(UploadError::Evicted);
        }
        tx.commit_quietly().await?;
        fail::fail_point!("upload::unproven");
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Ok(mut holders) = self.uploads.inner.holders.lock()
            && holders.get(&self.row.file).is_some_and(|holder| holder.epoch == self.row.epoch)
        {
            holders.remove(&self.row.file);
        }
    }
}

/// What a request found.
#[derive(Debug)]
pub enum Claimed {
    /// Unfinished: it is ours to go on with.
    Open(Box<Lease>),
    /// All bytes are here; nothing more to write.
    Finished(Finished),
}

/// An upload that is whole.
#[derive(Clone, Debug)]
pub struct Finished {
    pub length: u64,
    pub metadata: String,
    /// `Upload-Concat` as it came, if it did.
    pub concat: Option<String>,
    /// `None` of one that is put together from others: its check reads what it is.
    pub whole: Option<Whole>,
    /// Of a partial, which is not kept for ever.
    pub expires_at: Option<jiff::Timestamp>,
}

impl Finished {
    /// It is put together from others: nobody sends it bytes.
    pub fn is_final(&self) -> bool {
        self.concat.is_some() && self.expires_at.is_none()
    }
}

impl Claimed {
    fn is_partial(&self) -> bool {
        match self {
            Self::Open(lease) => lease.row.is_partial(),
            Self::Finished(finished) => finished.expires_at.is_some(),
        }
    }
}

impl Uploads {
    /// Takes an upload over: HEAD, PATCH and DELETE all do. Whoever writes it now is asked to stop; what it has is
    /// made durable first, if that takes no longer than [`HANDOVER`].
    pub async fn claim(&self, actor: &Actor, file: FileId) -> Result<Claimed, UploadError> {
        let inner = &self.inner;
        let Some(seen) = uploads::find(&inner.db, &actor.person, file).await? else {
            return Err(match uploads::was_theirs(&inner.db, &actor.person, file).await? {
                true => UploadError::Gone,
                false => UploadError::Unknown,
            });
        };
        // What is put together has all its bytes, and nobody who asks disturbs that.
        if !seen.state.is_open() || seen.is_final() {
            return finished(seen);
        }
        match seen.holder {
            Some(node) if node != inner.node => self.ask_other(file, seen.epoch).await?,
            _ => self.evict(file).await,
        }
        let lease = self.take(file).await?;
        // All bytes are here, and the step to *received* was cut short: take it now.
        if lease.row.length == Some(lease.offset()) && lease.row.state.is_open() {
            let (epoch, row) = (lease.row.epoch, lease.row.clone());
            if let Err(error) = self.finish(*lease).await {
                return Err(self.unless_overtaken(file, epoch, error).await);
            }
            return finished(row);
        }
        if lease.row.state.is_open() { Ok(Claimed::Open(lease)) } else { finished(lease.row.clone()) }
    }

    /// The dialect an upload was begun in, as it was named at its creation; `None` when there is no such upload of
    /// theirs, or no more. Nobody is asked to stop.
    pub async fn dialect(&self, actor: &Actor, file: FileId) -> Result<Option<String>, UploadError> {
        Ok(uploads::find(&self.inner.db, &actor.person, file).await?.map(|row| row.dialect))
    }

    /// Raises the epoch and remembers this node as the holder.
    pub(super) async fn take(&self, file: FileId) -> Result<Box<Lease>, UploadError> {
        let inner = &self.inner;
        let mut tx = inner.db.begin().await?;
        let row = uploads::claim(&mut tx, file, &inner.node, inner.lease_micros()).await?;
        let row = row.ok_or(UploadError::Gone)?;
        tx.commit().await?;
        fail::fail_point!("upload::claimed");
        let digest = match row.is_final() {
            true => RunningDigest::default(),
            false => RunningDigest::restore(&row.digest, row.staged.offset).map_err(|_| UploadError::Gone)?,
        };
        Ok(self.hold(row, digest))
    }

    /// Remembers this node as the holder of a lease that the database has given it.
    pub(super) fn hold(&self, row: UploadRow, digest: RunningDigest) -> Box<Lease> {
        let inner = &self.inner;
        let file = row.file;
        let stop = inner.shutdown.child_token();
        let (gone_tx, gone) = watch::channel(());
        if let Ok(mut holders) = inner.holders.lock() {
            let holder = Holder { epoch: row.epoch, stop: stop.clone(), gone };
            match holders.get(&file) {
                // Two took it at once, and the later one was here first.
                Some(later) if later.epoch > row.epoch => stop.cancel(),
                _ => {
                    if let Some(earlier) = holders.insert(file, holder) {
                        earlier.stop.cancel();
                    }
                }
            }
        }
        Box::new(Lease { uploads: self.clone(), row, digest, stop, place: None, _gone: gone_tx })
    }

    /// What an error means: a store that no longer has what an overtaken lease left says nothing of the upload.
    pub(super) async fn unless_overtaken(&self, file: FileId, epoch: i64, error: UploadError) -> UploadError {
        if !matches!(error, UploadError::Store(_)) {
            return error;
        }
        match uploads::epoch(&self.inner.db, file).await {
            Ok(now) if now != Some(epoch) => UploadError::Evicted,
            Ok(_) => error,
            Err(unknown) => unknown.into(),
        }
    }

    /// Asks this node's holder to stop, and waits for it a moment.
    pub(super) async fn evict(&self, file: FileId) {
        let held =
            self.inner.holders.lock().ok().and_then(|holders| {
                holders.get(&file).map(|holder| (holder.stop.clone(), holder.gone.clone()))
            });
        if let Some((stop, mut gone)) = held {
            stop.cancel();
            // Closed when the holder drops its lease; a holder that does not answer is overridden.
            let _overridden =
                tokio::time::timeout(HANDOVER, async { while gone.changed().await.is_ok() {} }).await;
        }
    }

    /// Asks the node that holds the lease to let it go, and waits for it a moment.
    async fn ask_other(&self, file: FileId, epoch: i64) -> Result<(), UploadError> {
        let inner = &self.inner;
        inner.db.tell(CHANNEL, format!("{file} {epoch}")).await?;
        let until = Instant::now() + HANDOVER;
        let mut pause = LOOKS.0;
        while Instant::now() < until && uploads::is_held(&inner.db, file, epoch).await? {
            sleep(pause).await;
            pause = (pause * 2).min(LOOKS.1);
        }
        Ok(())
    }

    /// Lets go what other nodes ask for; returns when there are none, when the service stops, or when the database
    /// broke off.
    pub async fn give_way_to_other_nodes(&self) -> Result<(), DatabaseError> {
        let inner = &self.inner;
        let Some(mut listener) = inner.db.listen(CHANNEL).await? else {
            inner.shutdown.cancelled().await;
            return Ok(());
        };
        loop {
            let word = tokio::select! {
                () = inner.shutdown.cancelled() => return Ok(()),
                word = listener.next() => word?,
            };
            let wanted = word.as_deref().and_then(|word| word.split_once(' '));
            let Some((file, epoch)) = wanted else { continue };
            let (Ok(file), Ok(epoch)) = (file.parse::<FileId>(), epoch.parse::<i64>()) else { continue };
            if !self.ask_holder(file, epoch) {
                // Dropped without a word (a HEAD, a refused PATCH): nobody need wait for it.
                let mut tx = inner.db.begin().await?;
                uploads::release_of(&mut tx, file, epoch, &inner.node).await?;
                tx.commit_quietly().await?;
            }
        }
    }

    /// Asks this node's holder to stop. `false`: there is none.
    fn ask_holder(&self, file: FileId, epoch: i64) -> bool {
        let holders = self.inner.holders.lock().unwrap_or_else(PoisonError::into_inner);
        let holder = holders.get(&file).filter(|holder| holder.epoch <= epoch);
        holder.inspect(|holder| holder.stop.cancel()).is_some()
    }

    /// Cancels an unfinished upload, or a file that is still being put together. Its bytes go; its row answers 410.
    pub async fn terminate(&self, actor: &Actor, file: FileId, request: &str) -> Result<(), UploadError> {
        use crate::database::audit::{self, By, Entry};
        use crate::database::files;

        let lease = match self.claim(actor, file).await? {
            partial if partial.is_partial() => return self.end_partial(actor, file, request).await,
            // Nobody takes it from whoever puts it together, if anybody does: the end fences them.
            Claimed::Finished(finished) if finished.is_final() => None,
            Claimed::Finished(_) => return Err(UploadError::Finished),
            Claimed::Open(lease) => Some(lease),
        };
        let inner = &self.inner;
        let now = inner.clock.now();
        let mut tx = inner.db.begin().await?;
        let Some(at) = files::whereabouts(&mut tx, file).await? else { return Err(UploadError::Gone) };
        if !uploads::end(&mut tx, file, End::Asked, now).await? {
            return Err(UploadError::Finished);
        }
        let entry = Entry {
            sample: Some(at.sample),
            candidate: &at.candidate,
            section: &at.section,
            file: Some(file),
            request,
            ..Entry::new(By::Person(&actor.person), "file.cancelled")
        };
        audit::record(&mut tx, now, entry).await?;
        tx.commit().await?;
        drop(lease);
        inner.ended.notify_one();
        Ok(())
    }
}

impl Inner {
    /// Writes that the lease is free; for others to see at once. What was committed quietly on the way is durable with
    /// it: the client is told of it next.
    pub(super) async fn release(&self, row: &UploadRow) -> Result<(), UploadError> {
        let mut tx = self.db.begin().await?;
        uploads::release(&mut tx, row.file, row.epoch).await?;
        Ok(tx.commit().await?)
    }
}

fn finished(row: UploadRow) -> Result<Claimed, UploadError> {
    let (length, whole) = match row.state {
        FileState::Expired | FileState::Cancelled | FileState::Deleted => return Err(UploadError::Gone),
        _ if row.is_final() => (row.length.unwrap_or_default(), None),
        _ => {
            let length = row.staged.offset;
            let digest = RunningDigest::restore(&row.digest, length).map_err(|_| UploadError::Gone)?;
            (length, Some(Whole::new(digest.finish(), row.client_sha256)))
        }
    };
    let expires_at = row.is_partial().then_some(row.expires_at);
    Ok(Claimed::Finished(Finished { length, metadata: row.metadata, concat: row.concat, whole, expires_at }))
}
