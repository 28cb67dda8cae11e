//! An S3 bucket: a board's store, shared by several nodes.
//!
//! A file shorter than a part is one PutObject. A longer one is a multipart upload on a fixed grid, begun when its
//! first part is full; part k is always the bytes `[(k-1)·P, k·P)`. Two parts of an upload may be under way while the
//! next one fills; they count in order. What a stream leaves of an unfinished part is
//! kept as tail segments, small objects under keys that are never used twice, and flows back into the part that is
//! at last full. The ledger in the database, not the bucket, says what counts: parts are completed by the ETag and
//! CRC-32 that their acknowledgement carried.
//!
//! Every byte is copied into blocks of 64 KiB counted against one budget; every body goes out with
//! a CRC-32 taken as the bytes arrived, which the store compares, and unsigned: TLS is what keeps it unseen.
//!
//! No conditional write is relied on: stores are known to ignore `If-None-Match`. Keys differ by file and epoch
//! instead, and the database alone decides who is accepted.

mod body;
mod bucket;
mod concatenate;
mod error;
mod memory;
mod multipart;
mod promote;
mod seal;
mod settings;
#[cfg(test)]
mod tests;
mod writer;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;

use super::{ByteStream, Durable, ObjectKey, ObjectStore, ObjectVersion, Staged, StagedWriter, StoreError};
use crate::ids::FileId;
pub use settings::{Encryption, S3Config};

use bucket::Bucket;
use memory::Budget;
use writer::S3Writer;

const MIB: u64 = 1 << 20;
/// Least part, and the most a file may have of them with room to spare below S3's 10,000.
const LEAST_PART: u64 = 8 * MIB;
const MOST_PARTS: u64 = 9_000;
/// Parts of one upload under way at a time, beside the one that fills.
const IN_FLIGHT: usize = 2;
/// What S3 takes as a part that is not the last; some stores take less and fail elsewhere.
const SMALLEST_INNER_PART: u64 = 5 * MIB;

/// See the module.
#[derive(Debug)]
pub struct S3Store {
    bucket: Arc<Bucket>,
    budget: Arc<Budget>,
    copy: promote::CopyLimits,
    /// The largest part copied by one call when objects are put together, bytes.
    piece: u64,
}

impl S3Store {
    /// A store on that bucket. Asks nothing of it: [`ObjectStore::probe`] does.
    pub fn new(config: &S3Config, secret_key: &SecretString) -> Self {
        Self {
            bucket: Arc::new(Bucket::new(config, secret_key, bucket::Patience::default())),
            budget: Arc::new(Budget::new(u64::from(config.memory_mib) * MIB)),
            copy: promote::CopyLimits::default(),
            piece: concatenate::PART,
        }
    }
}

#[async_trait]
impl ObjectStore for S3Store {
    fn part_size(&self, size: u64) -> u64 {
        LEAST_PART.max(size.div_ceil(MOST_PARTS).next_multiple_of(MIB))
    }

    async fn resume(
        &self,
        file: FileId,
        epoch: i64,
        staged: &Staged,
    ) -> Result<Box<dyn StagedWriter>, StoreError> {
        let writer = S3Writer::new(self.bucket.clone(), self.budget.clone(), file, epoch, staged)?;
        Ok(Box::new(writer))
    }

    async fn seal(
        &self,
        file: FileId,
        _epoch: i64,
        staged: &Staged,
        size: u64,
    ) -> Result<(ObjectKey, ObjectVersion), StoreError> {
        seal::seal(&self.bucket, file, staged, size).await
    }

    async fn concatenate(
        &self,
        file: FileId,
        epoch: i64,
        staged: &Staged,
        pieces: &[(ObjectKey, ObjectVersion)],
    ) -> Result<Durable, StoreError> {
        let means = (&self.bucket, &*self.budget);
        concatenate::step(means, self.piece, (file, epoch), staged, pieces).await
    }

    async fn discard(&self, file: FileId, _epoch: i64, staged: &Staged) -> Result<(), StoreError> {
        seal::discard(&self.bucket, file, staged).await
    }

    async fn read(
        &self,
        key: &ObjectKey,
        version: &ObjectVersion,
        range: Range<u64>,
    ) -> Result<ByteStream, StoreError> {
        self.bucket.read(&key.path(), version, range).await
    }

    async fn local(
        &self,
        _key: &ObjectKey,
        _version: &ObjectVersion,
    ) -> Result<Option<std::fs::File>, StoreError> {
        Ok(None)
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectVersion>, StoreError> {
        Ok(self.bucket.head(&key.path()).await?.map(|found| found.version))
    }

    async fn promote(
        &self,
        from: &ObjectKey,
        version: &ObjectVersion,
        crc32: u32,
        to: &ObjectKey,
    ) -> Result<ObjectVersion, StoreError> {
        let from = from.path();
        let judged = promote::Judged { from: &from, version, crc32 };
        promote::promote(&self.bucket, &self.copy, &judged, &to.path()).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), StoreError> {
        let path = key.path();
        // A copy by parts that was broken off is no object yet; nothing else is left of a check whose file was
        // withdrawn.
        if key.is_settled() {
            self.bucket.abort_all(&path).await?;
        }
        self.bucket.delete(&path).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, StoreError> {
        self.bucket.list(prefix, after, limit).await
    }

    async fn unfinished(&self, limit: usize) -> Result<Vec<String>, StoreError> {
        Ok(self.bucket.uploads("", limit).await?.into_iter().map(|upload| upload.path).collect())
    }

    async fn free(&self) -> Result<Option<u64>, StoreError> {
        Ok(None)
    }

    async fn probe(&self) -> Result<Option<u64>, StoreError> {
        self.bucket.probe().await?;
        Ok(None)
    }
}
