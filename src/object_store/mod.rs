//! Where bytes lie.
//!
//! Two stores behind one trait: [`filesystem`] (the embedded default) and [`s3`] (a board's). What differs between
//! them is how bytes become durable while they arrive; the upload engine sees that only as a [`StagedWriter`],
//! whose every [`Durable`] says exactly what may be acknowledged.
//!
//! A file's bytes move through three keys ([`ObjectKey`]): tails (pieces of an unfinished upload, S3 only), one
//! quarantined object, and, after a verdict of clean, one evidence object. What a scan finds something in goes to a place
//! of its own, for a time. No key is ever written twice with different bytes.
//!
//! What is deliberately absent: no call returns a whole object, no call lists without a bound, nothing here knows
//! who may read.

pub mod config;
#[cfg(test)]
mod conformance;
mod error;
pub mod filesystem;
mod key;
pub mod s3;

use std::fmt::Debug;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};

pub use error::StoreError;
pub use key::{InvalidKey, ObjectKey};

/// Pieces of an object, in order.
pub type ByteStream = BoxStream<'static, Result<Bytes, StoreError>>;

/// One written state of an object: what a verdict, a copy and a read are pinned to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectVersion {
    /// S3: the ETag. Filesystem: `{inode}-{mtime in nanoseconds}-{size}`.
    pub etag: String,
    /// S3 with versioning; Garage returns one and ignores it on GET, so the ETag is what counts.
    pub version_id: Option<String>,
    /// Bytes.
    pub size: u64,
}

/// A part of a multipart upload that the store has acknowledged. Part `number` (from 1) covers
/// `[(number-1)·P, number·P)`, P fixed at the upload's creation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedPart {
    pub number: u32,
    pub etag: String,
    /// The checksum the store confirmed, as its API writes it.
    pub checksum: Option<String>,
    pub size: u64,
}

/// An immutable piece of an unfinished part, written when a stream stopped short of the part's end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TailSegment {
    /// The epoch that wrote it; part of its key.
    pub epoch: i64,
    /// Offset of its first byte in the file.
    pub start: u64,
    pub len: u64,
    /// CRC-32 (ISO-HDLC) of its bytes as they came in; what is read back for the part must still have it.
    pub crc32: u32,
}

/// What the database remembers of an unfinished upload's bytes: the ledger. Nothing else is trusted on resume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Staged {
    /// The quarantine key's epoch: that of the lease under which the object was begun.
    pub object_epoch: i64,
    /// S3: the multipart upload's id, once there is one.
    pub multipart: Option<String>,
    /// S3: parts 1..=n without a gap.
    pub parts: Vec<StagedPart>,
    /// S3: the bytes after the last part, in order without a gap.
    pub tail: Vec<TailSegment>,
    /// Bytes durable, from the file's start.
    pub offset: u64,
    /// P, fixed at creation; 0 of what is put together from whole objects, whose parts are as those allow.
    pub part_size: u64,
}

impl Staged {
    /// Takes over what a committed step says: the ledger after it.
    pub fn advance(&mut self, step: &Durable) {
        self.object_epoch = step.object_epoch;
        self.multipart.clone_from(&step.multipart);
        self.parts.extend_from_slice(&step.new_parts);
        self.tail.clone_from(&step.tail);
        self.offset = step.offset;
    }
}

/// A step of durability: after it, `offset` may be acknowledged, once it is committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Durable {
    /// Every byte below is durable. A border that was written up to, or all that was written.
    pub offset: u64,
    /// The quarantine key's epoch (see [`Staged::object_epoch`]).
    pub object_epoch: i64,
    pub multipart: Option<String>,
    /// Parts acknowledged since the last report.
    pub new_parts: Vec<StagedPart>,
    /// The whole tail as it is now.
    pub tail: Vec<TailSegment>,
    /// Segments this step made needless; to be deleted after it has committed, never before.
    pub obsolete: Vec<ObjectKey>,
    /// The quarantined object, when this step made it whole: nothing is left to seal.
    pub object: Option<ObjectVersion>,
}

impl Durable {
    /// Two steps as one: this one, and the one after it.
    pub fn then(mut self, later: Self) -> Self {
        self.new_parts.extend(later.new_parts);
        self.obsolete.extend(later.obsolete);
        Self { new_parts: self.new_parts, obsolete: self.obsolete, ..later }
    }
}

/// Takes an upload's bytes in order, in bounded memory.
///
/// What lies before a border becomes durable by itself while later bytes are taken; so what is durable lags behind
/// what was written, by a few borders at most. The writer counts nothing as durable that the store has not
/// acknowledged. Dropping it loses only what was not reported durable.
#[async_trait]
pub trait StagedWriter: Send {
    /// How many bytes may be written before the next border (S3: the part's end); at least one. The caller splits its
    /// chunks there, and keeps its running digest as it is at each border until a step past it is reported.
    fn until_border(&self) -> u64;

    /// Takes bytes; waits for the store when it must. Never called with more than [`Self::until_border`].
    async fn write(&mut self, chunk: Bytes) -> Result<(), StoreError>;

    /// What has become durable since the last report without being asked. Waits for nothing.
    async fn progress(&mut self) -> Result<Option<Durable>, StoreError>;

    /// Bytes taken and not yet durable.
    fn pending(&self) -> u64;

    /// Makes everything taken so far durable (filesystem: fdatasync; S3: a tail segment).
    async fn flush(&mut self) -> Result<Durable, StoreError>;

    /// Pieces this writer put that it has not reported, and those it has reported last as its tail: what is in vain if
    /// nothing more of it counts. No I/O.
    fn unsettled(&self) -> Vec<ObjectKey> {
        Vec::new()
    }

    /// Like [`Self::flush`], knowing that the last byte of the file was taken: the last part, or, for a file shorter
    /// than a part, the object itself.
    async fn finish(&mut self) -> Result<Durable, StoreError>;
}

/// A store of objects. Every call has a deadline of the store's own; every call may be repeated.
#[async_trait]
pub trait ObjectStore: Send + Sync + Debug {
    /// The part size P for an upload of `size` bytes (a deferred length: the most it may be).
    fn part_size(&self, size: u64) -> u64;

    /// Opens an upload's bytes at its committed offset; what lies beyond (written, never committed) is dropped.
    async fn resume(
        &self,
        file: crate::ids::FileId,
        epoch: i64,
        staged: &Staged,
    ) -> Result<Box<dyn StagedWriter>, StoreError>;

    /// Makes the quarantined object whole after [`StagedWriter::finish`] was committed. Settles a lost answer by
    /// asking. May be repeated.
    async fn seal(
        &self,
        file: crate::ids::FileId,
        epoch: i64,
        staged: &Staged,
        size: u64,
    ) -> Result<(ObjectKey, ObjectVersion), StoreError>;

    /// Takes the next step of putting whole objects together, in order, as the quarantined object of `file`, from where
    /// `staged` stands: copies some of them, makes that durable and says so. The step is bounded, so that it ends
    /// within the deadlines of its calls. Called at least once, and until all is there; then [`Self::seal`]. What an
    /// earlier step did that was never committed is done again. [`StoreError::Lost`] when what was put together so far
    /// is gone, [`StoreError::NotFound`] when a piece is.
    async fn concatenate(
        &self,
        file: crate::ids::FileId,
        epoch: i64,
        staged: &Staged,
        pieces: &[(ObjectKey, ObjectVersion)],
    ) -> Result<Durable, StoreError>;

    /// Removes every trace of an unfinished upload: multipart upload (aborted until it is gone), tails, object.
    async fn discard(&self, file: crate::ids::FileId, epoch: i64, staged: &Staged) -> Result<(), StoreError>;

    /// Reads `range` of exactly that version; another version is [`StoreError::Changed`].
    async fn read(
        &self,
        key: &ObjectKey,
        version: &ObjectVersion,
        range: Range<u64>,
    ) -> Result<ByteStream, StoreError>;

    /// The object as a local file, where the store is one. Read-only, positioned at 0.
    async fn local(
        &self,
        key: &ObjectKey,
        version: &ObjectVersion,
    ) -> Result<Option<std::fs::File>, StoreError>;

    /// What is there now.
    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectVersion>, StoreError>;

    /// Copies an object (a quarantined one that was judged, or evidence that moves), pinned to its version, to an
    /// evidence or incident key, which is never overwritten with other bytes. `crc32`: of the bytes that were judged; a
    /// copy that the store says has another is removed, and is [`StoreError::Changed`]. The source stays. May be
    /// repeated: an equal target is success.
    async fn promote(
        &self,
        from: &ObjectKey,
        version: &ObjectVersion,
        crc32: u32,
        to: &ObjectKey,
    ) -> Result<ObjectVersion, StoreError>;

    /// Removes an object; one that is not there is success.
    async fn delete(&self, key: &ObjectKey) -> Result<(), StoreError>;

    /// Paths under a prefix (`quarantine/`, `tail/`, `evidence/`, `incident/` or `""`), at most `limit`, after `after` in order:
    /// for sweeps and audits.
    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, StoreError>;

    /// Unfinished multipart uploads (object path), at most `limit`; always empty on the filesystem.
    async fn unfinished(&self, limit: usize) -> Result<Vec<String>, StoreError>;

    /// Bytes free, where the store is a disk.
    async fn free(&self) -> Result<Option<u64>, StoreError>;

    /// Whether the store answers, and bytes free where that is known.
    async fn probe(&self) -> Result<Option<u64>, StoreError>;
}
