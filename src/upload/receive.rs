//! Bytes from a body to durable storage, and the commits between.
//!
//! One loop: take a frame, split it at the store's next border, feed the digest, hand it to the writer. When the
//! writer reports a durable border, or the stream is slow, everything durable is committed in one transaction with the
//! digest's state and the lease's epoch. Nothing is acknowledged that was not committed.
//!
//! What is durable lags behind what was taken. So the digest is kept as it was at each border in between, a few at
//! most, and a step is committed with the one of its own offset.
//!
//! **Proof.** While a request has something to prove, each such step is kept for later instead, and the upload is only
//! marked as alive. When its body is whole and what was said of it holds, the steps are committed as one. On any other
//! end none is: the offset stands, and the pieces they lie in are noted for removal.
//!
//! **Too many bytes.** A body that says its length is refused before its first byte. One that does not is found out
//! by its bytes; so the frame that would make a file whole is held back until the body has ended, and what is not yet
//! committed is dropped when more comes. A file never becomes whole from a body that had more.
//!
//! **Giving way.** A request that is asked to stop first drains what has already arrived (bounded by [`DRAIN`]):
//! yielding at the first pending frame was measured to lose 2.3 MB a cut. Then it flushes, commits, and ends without
//! an answer.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use jiff::Timestamp;
use tokio::time::{Instant, timeout};

use super::checksum::{Checksum, Proof, Proving};
use super::lease::Lease;
use super::{DigestState, RunningDigest, UploadError, Uploads};
use crate::database::uploads;
use crate::evidence::Sha256Digest;
use crate::object_store::{Durable, ObjectKey, StagedWriter, StoreError};

/// The sender's side of the stream broke.
#[derive(Debug, thiserror::Error)]
#[error("the body ended early")]
pub struct BodyError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// A piece of a body.
#[derive(Clone, Debug)]
pub enum Piece {
    Bytes(Bytes),
    /// A checksum of the body, told after its bytes.
    Checksum(Checksum),
}

impl From<Bytes> for Piece {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

/// What a request says of its body.
#[derive(Clone, Debug, Default)]
pub struct Append {
    /// Where in the file it begins, bytes.
    pub offset: u64,
    /// It ends the file, and tells its length where nothing else has.
    pub last: bool,
    pub proof: Proof,
}

/// What a request has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The committed offset.
    pub offset: u64,
    /// Set when all bytes are here, and the file is *received*.
    pub whole: Option<Whole>,
    pub expires_at: Timestamp,
}

/// A file that has all its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    pub sha256: Sha256Digest,
    /// It is the digest its sender told at creation, or none was told.
    pub agrees: bool,
}

impl Whole {
    /// A file's digest beside the one its sender told, if any.
    pub fn new(sha256: Sha256Digest, told: Option<Sha256Digest>) -> Self {
        Self { sha256, agrees: told.is_none_or(|told| told == sha256) }
    }
}

/// How long a request that must stop goes on taking what has already arrived: between frames, and in all.
const DRAIN: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(300));

/// Why the stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The body is whole.
    Body,
    /// The client broke off, fell silent, or only drips.
    Cut,
    /// Someone else wants the upload, or the service stops.
    Asked,
    /// The body has more than the file.
    TooLong,
}

impl Uploads {
    /// Appends a body. Returns when the body is whole and committed; every other end is an error. What arrived before
    /// it is kept, unless the request had something to prove: then nothing is.
    pub async fn append<B>(
        &self,
        mut lease: Box<Lease>,
        request: Append,
        body: B,
    ) -> Result<Appended, UploadError>
    where
        B: Stream<Item = Result<Piece, BodyError>> + Unpin + Send,
    {
        let (file, epoch) = (lease.file(), lease.row.epoch);
        let Some(_place) = lease.place.take().or_else(|| self.inner.place()) else {
            self.inner.release(&lease.row).await?;
            return Err(UploadError::Crowded);
        };
        match self.receive(lease, request, body).await {
            Err(error) => Err(self.unless_overtaken(file, epoch, error).await),
            appended => appended,
        }
    }

    async fn receive<B>(
        &self,
        mut lease: Box<Lease>,
        request: Append,
        body: B,
    ) -> Result<Appended, UploadError>
    where
        B: Stream<Item = Result<Piece, BodyError>> + Unpin + Send,
    {
        let committed = lease.offset();
        if request.offset != committed {
            return Err(UploadError::WrongOffset { committed });
        }
        let inner = self.inner.clone();
        let closes = inner.closes(lease.file()).await?;
        if inner.clock.now() >= closes {
            return Err(UploadError::Gone);
        }
        // Overtaken while it waited: its successor's bytes are not its to cut back.
        if lease.is_overtaken() {
            return Err(UploadError::Evicted);
        }
        let writer = inner.store.resume(lease.file(), lease.row.epoch, &lease.row.staged).await?;
        let mut stream = Receiving {
            lease: &mut lease,
            writer,
            borders: VecDeque::new(),
            held: Bytes::new(),
            closes,
            last_commit: Instant::now(),
            proving: Proving::new(request.proof),
            unproven: None,
        };
        let end = stream.take(body).await?;
        if end != End::TooLong {
            stream.write_held().await?;
        }
        if let Err(refused) = stream.settle_proof(end) {
            stream.forget().await?;
            return Err(refused);
        }
        let ended = end == End::Body && request.last;
        let here = stream.lease.digest.len();
        if ended && stream.lease.length().is_none() {
            self.set_length(stream.lease, here).await?;
        }
        if stream.is_whole() {
            let durable = stream.writer.finish().await?;
            let durable = stream.with_unproven(durable);
            drop(stream);
            return self.settle(*lease, durable).await;
        }
        if stream.writer.pending() > 0 || stream.digest_ahead() {
            let durable = stream.writer.flush().await?;
            stream.commit(durable, true).await?;
        } else {
            inner.release(&stream.lease.row).await?;
        }
        drop(stream);
        let (offset, expires_at) = (lease.offset(), lease.expires_at());
        match end {
            End::Body if ended => Err(UploadError::WrongLength),
            End::Body => Ok(Appended { offset, whole: None, expires_at }),
            End::Cut => Err(UploadError::Cut { committed: offset }),
            End::Asked if inner.shutdown.is_cancelled() => Err(UploadError::Stopping),
            End::Asked | End::TooLong => Err(UploadError::Evicted),
        }
    }

    /// Sets a deferred length.
    pub async fn set_length(&self, lease: &mut Lease, length: u64) -> Result<(), UploadError> {
        if lease.row.length == Some(length) {
            return Ok(());
        }
        if lease.row.length.is_some() || length < lease.offset() {
            return Err(UploadError::WrongLength);
        }
        if length > lease.row.max_length {
            return Err(UploadError::TooLong { limit: lease.row.max_length });
        }
        let mut tx = self.inner.db.begin().await?;
        if !uploads::set_length(&mut tx, lease.row.file, lease.row.epoch, length).await? {
            return Err(UploadError::Evicted);
        }
        tx.commit().await?;
        lease.row.length = Some(length);
        Ok(())
    }
}

/// A request's bytes on their way.
struct Receiving<'a> {
    lease: &'a mut Lease,
    writer: Box<dyn StagedWriter>,
    /// The digest at each border that is written and not yet committed, in order.
    borders: VecDeque<RunningDigest>,
    /// The frame that brings the last byte, until it is known that no other follows.
    held: Bytes,
    closes: Timestamp,
    last_commit: Instant,
    /// What the request must prove; until then nothing of it is committed.
    proving: Option<Proving>,
    /// What is durable and waits for the proof.
    unproven: Option<Durable>,
}

impl Receiving<'_> {
    async fn take<B>(&mut self, mut body: B) -> Result<End, UploadError>
    where
        B: Stream<Item = Result<Piece, BodyError>> + Unpin + Send,
    {
        let inner = self.lease.uploads.inner.clone();
        let stop = self.lease.stop.clone();
        let limit = self.lease.row.length.unwrap_or(self.lease.row.max_length);
        let (idle, flush_after) = (inner.limits.idle, inner.limits.flush);
        // Time spent waiting for the client, and where the file stood when it began to be counted: a slow store is not
        // the client's fault.
        let (mut waited, mut from) = (Duration::ZERO, self.taken());
        loop {
            if waited >= inner.limits.pace_over {
                if self.taken() - from < inner.limits.pace {
                    return Ok(End::Cut);
                }
                (waited, from) = (Duration::ZERO, self.taken());
            }
            let asked = Instant::now();
            let frame = tokio::select! {
                biased;
                // Half a proof proves nothing: what is still on its way would be in vain.
                () = stop.cancelled() => return match self.proving {
                    Some(_) => Ok(End::Asked),
                    None => self.drain(body, limit).await,
                },
                frame = timeout(idle.min(flush_after), body.next()) => frame,
            };
            waited += asked.elapsed();
            match frame {
                Ok(Some(Ok(piece))) => {
                    if !self.push(piece, limit).await? {
                        return Ok(End::TooLong);
                    }
                }
                Ok(Some(Err(_))) => return Ok(End::Cut),
                Ok(None) => return Ok(End::Body),
                Err(_) if self.last_commit.elapsed() >= idle && self.writer.pending() == 0 => {
                    return Ok(End::Cut);
                }
                Err(_) => {}
            }
            if self.last_commit.elapsed() >= flush_after && self.writer.pending() > 0 {
                let durable = self.writer.flush().await?;
                self.commit(durable, false).await?;
            }
        }
    }

    /// Takes what has already arrived.
    async fn drain<B>(&mut self, mut body: B, limit: u64) -> Result<End, UploadError>
    where
        B: Stream<Item = Result<Piece, BodyError>> + Unpin + Send,
    {
        let until = Instant::now() + DRAIN.1;
        while Instant::now() < until {
            match timeout(DRAIN.0, body.next()).await {
                Ok(Some(Ok(piece))) => {
                    if !self.push(piece, limit).await? {
                        return Ok(End::TooLong);
                    }
                }
                _ => break,
            }
        }
        Ok(End::Asked)
    }

    /// Takes a piece; `false` when the file has no room for it.
    async fn push(&mut self, piece: Piece, limit: u64) -> Result<bool, UploadError> {
        let bytes = match piece {
            Piece::Bytes(bytes) => bytes,
            Piece::Checksum(checksum) => {
                if let Some(proving) = &mut self.proving {
                    proving.tell(checksum);
                }
                return Ok(true);
            }
        };
        let room = limit - self.taken();
        match (bytes.len() as u64).cmp(&room) {
            Ordering::Less => self.write(bytes).await?,
            Ordering::Equal if bytes.is_empty() => {}
            Ordering::Equal => self.held = bytes,
            Ordering::Greater => return Ok(false),
        }
        Ok(true)
    }

    async fn write_held(&mut self) -> Result<(), UploadError> {
        let held = std::mem::take(&mut self.held);
        self.write(held).await
    }

    async fn write(&mut self, mut bytes: Bytes) -> Result<(), UploadError> {
        while !bytes.is_empty() {
            let border = usize::try_from(self.writer.until_border()).unwrap_or(usize::MAX);
            let piece = bytes.split_to(border.min(bytes.len()));
            let at_border = piece.len() == border;
            self.lease.digest.update(&piece);
            if let Some(proving) = &mut self.proving {
                proving.update(&piece);
            }
            self.writer.write(piece).await?;
            if at_border && self.proving.is_none() {
                self.borders.push_back(self.lease.digest.clone());
            }
            if let Some(durable) = self.writer.progress().await? {
                self.commit(durable, false).await?;
            }
        }
        Ok(())
    }

    /// Bytes of the file that are here.
    fn taken(&self) -> u64 {
        self.lease.digest.len() + self.held.len() as u64
    }

    fn is_whole(&self) -> bool {
        self.lease.row.length == Some(self.lease.digest.len())
    }

    fn digest_ahead(&self) -> bool {
        self.lease.digest.len() > self.lease.row.staged.offset
    }

    /// Whether the request may count, now that its stream has ended so.
    fn settle_proof(&mut self, end: End) -> Result<(), UploadError> {
        let lease = &self.lease;
        if end == End::TooLong {
            return Err(UploadError::TooLong { limit: lease.length().unwrap_or(lease.max_length()) });
        }
        let Some(proving) = self.proving.take() else { return Ok(()) };
        match end {
            End::Body => proving.verify(),
            End::Cut => Err(UploadError::Cut { committed: lease.offset() }),
            _ if lease.uploads.inner.shutdown.is_cancelled() => Err(UploadError::Stopping),
            _ => Err(UploadError::Evicted),
        }
    }

    /// What is not committed never will be: the pieces it lies in may go, and so may the lease.
    async fn forget(self) -> Result<(), UploadError> {
        let row = &self.lease.row;
        let mut vain = self.writer.unsettled();
        vain.extend(self.unproven.into_iter().flat_map(|step| step.obsolete));
        // What the ledger names came with it or was committed; both stay.
        vain.retain(|key| match key {
            ObjectKey::Tail { epoch, start, .. } => {
                *epoch == row.epoch
                    && !row.staged.tail.iter().any(|kept| (kept.epoch, kept.start) == (*epoch, *start))
            }
            _ => false,
        });
        let inner = &self.lease.uploads.inner;
        let mut tx = inner.db.begin().await?;
        uploads::discard(&mut tx, &vain, inner.clock.now()).await?;
        uploads::release(&mut tx, row.file, row.epoch).await?;
        Ok(tx.commit().await?)
    }

    fn with_unproven(&mut self, durable: Durable) -> Durable {
        match self.unproven.take() {
            Some(earlier) => earlier.then(durable),
            None => durable,
        }
    }

    /// Makes durable bytes count; those of a request that has still to prove itself are gathered. `last`: no more will
    /// come with this request.
    async fn commit(&mut self, durable: Durable, last: bool) -> Result<(), UploadError> {
        let durable = self.with_unproven(durable);
        if self.proving.is_some() {
            self.unproven = Some(durable);
            self.lease.renew().await?;
        } else {
            let row = &self.lease.row;
            let inner = &self.lease.uploads.inner;
            let expires_at = inner.expiry_of(row, self.closes);
            let digest = self.digest_at(durable.offset)?;
            self.lease.commit(&durable, &digest, expires_at, last).await?;
        }
        self.last_commit = Instant::now();
        Ok(())
    }

    /// The digest's state at a border, or at the end of what was taken.
    fn digest_at(&mut self, offset: u64) -> Result<DigestState, StoreError> {
        while self.borders.front().is_some_and(|border| border.len() < offset) {
            self.borders.pop_front();
        }
        let digest = self.borders.front().unwrap_or(&self.lease.digest);
        if digest.len() == offset {
            return Ok(digest.state());
        }
        let source = format!("durable up to {offset}, which is no border").into();
        Err(StoreError::Refused { call: "commit", path: self.lease.file().to_string(), source })
    }
}
