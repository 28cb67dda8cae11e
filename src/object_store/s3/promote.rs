//! From quarantine to evidence, within the store.
//!
//! A copy notes on its object what it is a copy of (path, ETag, size), because the ETag of a copied multipart object
//! is the store's affair. By that note a repeated promotion knows its own work from other bytes.
//!
//! What was copied is compared with what was judged: the store is asked for a CRC-32 of the whole copy, and the promotion
//! ends well only if that is the one the check found. A copy by parts is held to it by the store itself before it is an
//! object; of every copy HEAD tells it. One of other bytes is removed: nothing is accepted before its promotion ends
//! well. Whether a store does so it says by its answers. Garage 2.5 does (measured), and S3 (by its documentation): both
//! read the bytes for it, but where Garage has kept a CRC-32 of the source, which it takes over.
//!
//! Of a store that tells no checksum of the whole, what is relied on is that the source was the judged version when it
//! was copied (`If-Match` on its ETag), that the copy has its size, and that the store copies what it has. A download
//! compares SHA-256 before its last piece in either case.

use std::sync::Arc;

use aws_sdk_s3::types::{ChecksumAlgorithm, MetadataDirective};

use super::bucket::{Bucket, Found, ORIGIN};
use super::error::Failed;
use crate::object_store::{ObjectVersion, StagedPart, StoreError};

/// Where one call no longer copies an object.
#[derive(Debug)]
pub(super) struct CopyLimits {
    /// Largest object copied by one call, bytes. S3: 5 GB.
    pub(super) whole: u64,
    /// Part of a larger one, bytes: 5 TB are 5,000 of them.
    pub(super) part: u64,
}

impl Default for CopyLimits {
    fn default() -> Self {
        Self { whole: 5_000_000_000, part: 1 << 30 }
    }
}

/// What is copied.
#[derive(Debug)]
pub(super) struct Judged<'a> {
    pub(super) from: &'a str,
    pub(super) version: &'a ObjectVersion,
    /// Of its bytes, as their check found.
    pub(super) crc32: u32,
}

impl Judged<'_> {
    /// What is noted on a copy.
    fn origin(&self) -> String {
        format!("{} {} {}", self.from, self.version.etag.trim_matches('"'), self.version.size)
    }

    /// What its copy is not.
    fn changed(&self) -> StoreError {
        StoreError::Changed { path: self.from.to_owned() }
    }
}

/// Copies what was judged to `to`, once.
pub(super) async fn promote(
    bucket: &Arc<Bucket>,
    limits: &CopyLimits,
    judged: &Judged<'_>,
    to: &str,
) -> Result<ObjectVersion, StoreError> {
    let by_parts = judged.version.size > limits.whole;
    if let Some(there) = bucket.head(to).await? {
        let kept = equal(bucket, there, judged, to).await?;
        if by_parts {
            bucket.abort_all(to).await?;
        }
        return Ok(kept);
    }
    let copied = if by_parts {
        copy_parts(bucket, limits.part, judged, to).await
    } else {
        copy_whole(bucket, judged, to).await
    };
    // An answer may be lost, the copy made all the same.
    let kept = match (bucket.head(to).await?, copied) {
        (Some(there), _) => equal(bucket, there, judged, to).await?,
        (None, Err(error)) => return Err(error),
        (None, Ok(())) => return Err(StoreError::Lost { path: to.to_owned() }),
    };
    if by_parts {
        // A begin whose answer was lost was made all the same, and so may an earlier promotion have left one.
        bucket.abort_all(to).await?;
    }
    Ok(kept)
}

/// The version of a copy, if it is one of what was judged. One of other bytes is removed.
async fn equal(
    bucket: &Bucket,
    there: Found,
    judged: &Judged<'_>,
    to: &str,
) -> Result<ObjectVersion, StoreError> {
    if there.version.size != judged.version.size || there.origin != Some(judged.origin()) {
        return Err(StoreError::Occupied { path: to.to_owned() });
    }
    if there.crc32.is_some_and(|crc32| crc32 != judged.crc32) {
        tracing::error!(
            from = judged.from,
            to,
            "a copy does not hold the bytes that were judged, and is removed"
        );
        bucket.delete(to).await?;
        return Err(judged.changed());
    }
    Ok(there.version)
}

async fn copy_whole(bucket: &Bucket, judged: &Judged<'_>, to: &str) -> Result<(), StoreError> {
    let Judged { from, version, .. } = judged;
    let (encryption, kms_key) = bucket.encryption();
    let asked = bucket.client.copy_object().bucket(&bucket.name).key(bucket.key(to));
    let asked = asked.copy_source(bucket.source(from)).copy_source_if_match(&version.etag);
    let asked = asked.metadata_directive(MetadataDirective::Replace).metadata(ORIGIN, judged.origin());
    let asked = asked.checksum_algorithm(ChecksumAlgorithm::Crc32);
    let asked = asked.set_server_side_encryption(encryption).set_ssekms_key_id(kms_key);
    asked
        .customize()
        .config_override(bucket.patience.copy(version.size))
        .send()
        .await
        .map_err(|e| Failed::from(e).at("CopyObject", from))?;
    Ok(())
}

async fn copy_parts(bucket: &Bucket, part: u64, judged: &Judged<'_>, to: &str) -> Result<(), StoreError> {
    let origin = judged.origin();
    let (mut id, compared) = bucket.begin_compared(to, &origin).await?;
    if !compared {
        // It might ask for checksums of parts that it does not tell.
        bucket.abort(to, &id).await?;
        id = bucket.begin(to, Some(origin)).await?;
    }
    let copied = match copy_each_part(bucket, part, judged, (to, &id)).await {
        Ok(parts) => {
            let completed = bucket.complete(to, &id, &parts, compared.then_some(judged.crc32)).await;
            completed.map_err(|e| match e {
                other if other.is_code("BadDigest") || other.is_code("InvalidDigest") => judged.changed(),
                failed => failed.at("CompleteMultipartUpload", to),
            })
        }
        Err(error) => Err(error),
    };
    if copied.is_err() {
        // The next promotion begins anew, and removes what remains if this fails too.
        bucket.abort(to, &id).await?;
    }
    copied
}

async fn copy_each_part(
    bucket: &Bucket,
    part: u64,
    judged: &Judged<'_>,
    (to, id): (&str, &str),
) -> Result<Vec<StagedPart>, StoreError> {
    let (mut parts, size) = (Vec::new(), judged.version.size);
    for (number, start) in (1..).zip((0..size).step_by(usize::try_from(part).unwrap_or(usize::MAX))) {
        let end = size.min(start + part);
        let from = (judged.from, judged.version);
        parts.push(bucket.copy_part(from, start..end, (to, id), number).await?);
    }
    Ok(parts)
}
