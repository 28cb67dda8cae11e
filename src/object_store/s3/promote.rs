//! From quarantine to evidence, within the store.
//!
//! A copy notes on its object what it is a copy of (path, ETag, size), because the ETag of a copied multipart object
//! is the store's affair. By that note a repeated promotion knows its own work from other bytes.

use std::sync::Arc;

use aws_sdk_s3::types::MetadataDirective;

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

/// Copies `from` at `version` to `to`, once.
pub(super) async fn promote(
    bucket: &Arc<Bucket>,
    limits: &CopyLimits,
    from: &str,
    version: &ObjectVersion,
    to: &str,
) -> Result<ObjectVersion, StoreError> {
    let origin = format!("{from} {} {}", version.etag.trim_matches('"'), version.size);
    let by_parts = version.size > limits.whole;
    if let Some(there) = bucket.head(to).await? {
        let kept = equal(there, &origin, version.size, to)?;
        if by_parts {
            bucket.abort_all(to).await?;
        }
        return Ok(kept);
    }
    let copied = if by_parts {
        copy_parts(bucket, limits.part, from, version, to, &origin).await
    } else {
        copy_whole(bucket, from, version, to, &origin).await
    };
    // An answer may be lost, the copy made all the same.
    let kept = match (bucket.head(to).await?, copied) {
        (Some(there), _) => equal(there, &origin, version.size, to)?,
        (None, Err(error)) => return Err(error),
        (None, Ok(())) => return Err(StoreError::Lost { path: to.to_owned() }),
    };
    if by_parts {
        // A begin whose answer was lost was made all the same, and so may an earlier promotion have left one.
        bucket.abort_all(to).await?;
    }
    Ok(kept)
}

fn equal(there: Found, origin: &str, size: u64, to: &str) -> Result<ObjectVersion, StoreError> {
    if there.version.size == size && there.origin.as_deref() == Some(origin) {
        return Ok(there.version);
    }
    Err(StoreError::Occupied { path: to.to_owned() })
}

async fn copy_whole(
    bucket: &Bucket,
    from: &str,
    version: &ObjectVersion,
    to: &str,
    origin: &str,
) -> Result<(), StoreError> {
    let (encryption, kms_key) = bucket.encryption();
    let asked = bucket.client.copy_object().bucket(&bucket.name).key(bucket.key(to));
    let asked = asked.copy_source(bucket.source(from)).copy_source_if_match(&version.etag);
    let asked = asked.metadata_directive(MetadataDirective::Replace).metadata(ORIGIN, origin);
    let asked = asked.set_server_side_encryption(encryption).set_ssekms_key_id(kms_key);
    asked
        .customize()
        .config_override(bucket.patience.copy(version.size))
        .send()
        .await
        .map_err(|e| Failed::from(e).at("CopyObject", from))?;
    Ok(())
}

async fn copy_parts(
    bucket: &Bucket,
    part: u64,
    from: &str,
    version: &ObjectVersion,
    to: &str,
    origin: &str,
) -> Result<(), StoreError> {
    let id = bucket.begin(to, Some(origin.to_owned())).await?;
    let copied = match copy_each_part(bucket, part, from, version, (to, &id)).await {
        Ok(parts) => bucket.complete(to, &id, &parts).await.map_err(|e| e.at("CompleteMultipartUpload", to)),
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
    from: &str,
    version: &ObjectVersion,
    (to, id): (&str, &str),
) -> Result<Vec<StagedPart>, StoreError> {
    let mut parts = Vec::new();
    for (number, start) in (1..).zip((0..version.size).step_by(usize::try_from(part).unwrap_or(usize::MAX))) {
        let end = version.size.min(start + part);
        parts.push(bucket.copy_part((from, version), start..end, (to, id), number).await?);
    }
    Ok(parts)
}
