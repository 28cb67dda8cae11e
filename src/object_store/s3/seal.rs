//! The end of an upload: its object made whole, or every trace of it removed.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::SMALLEST_INNER_PART;
use super::bucket::Bucket;
use super::error::Failed;
use crate::ids::FileId;
use crate::object_store::{ObjectKey, ObjectVersion, Staged, StoreError};

/// Objects removed at a time.
const DELETIONS: usize = 8;
/// Keys removed between two looks at what is left.
const SWEEP: usize = 1000;
/// Looks, at most; an upload has fewer tails than that many thousands.
const SWEEPS: usize = 100;

/// Completes the multipart upload by the ledger; for a file of less than a part, looks whether its object is there.
pub(super) async fn seal(
    bucket: &Arc<Bucket>,
    file: FileId,
    staged: &Staged,
    size: u64,
) -> Result<(ObjectKey, ObjectVersion), StoreError> {
    let key = ObjectKey::Quarantine { file, epoch: staged.object_epoch };
    let path = key.path();
    let answer = match &staged.multipart {
        Some(id) => {
            check_ledger(&path, staged, size)?;
            bucket.complete(&path, id, &staged.parts, None).await
        }
        None => Ok(()),
    };
    // Whatever was answered, the object itself settles it: an answer may be lost, and a repeated call finds no
    // upload.
    match (bucket.head(&path).await?, answer) {
        (Some(found), _) if found.version.size == size => {
            tidy(bucket, file, staged).await?;
            Ok((key, found.version))
        }
        (Some(_), _) | (None, Ok(())) => Err(StoreError::Lost { path }),
        (None, Err(failed)) => Err(incomplete(failed, path)),
    }
}

/// Removes what cut writers left that nobody committed: uploads begun, tails spilt. The last part of a multipart
/// upload is committed before it is completed, so no ledger names a tail any more. That of an object put whole is not:
/// until the file is *received* a tail may be all there is of bytes that were acknowledged, and stays.
async fn tidy(bucket: &Arc<Bucket>, file: FileId, staged: &Staged) -> Result<(), StoreError> {
    if staged.multipart.is_none() {
        return Ok(());
    }
    bucket.abort_all(&format!("quarantine/{file}/")).await?;
    remove_all(bucket, &format!("tail/{file}/")).await
}

/// A part that is not the one that was acknowledged cannot be kept; other trouble may pass.
fn incomplete(failed: Failed, path: String) -> StoreError {
    if ["InvalidPart", "InvalidPartOrder", "NoSuchUpload"].iter().any(|code| failed.is_code(code)) {
        return StoreError::Lost { path };
    }
    failed.at("CompleteMultipartUpload", &path)
}

/// Holds the ledger to what every store accepts, so that none accepts what another would not.
fn check_ledger(path: &str, staged: &Staged, size: u64) -> Result<(), StoreError> {
    let numbered = staged.parts.iter().zip(1..).all(|(part, number)| part.number == number);
    let inner = &staged.parts[..staged.parts.len().saturating_sub(1)];
    let on_grid = staged.part_size == 0 || inner.iter().all(|part| part.size == staged.part_size);
    let large = inner.iter().all(|part| part.size >= SMALLEST_INNER_PART);
    let whole = staged.parts.iter().map(|part| part.size).sum::<u64>() == size;
    if numbered && on_grid && large && whole {
        return Ok(());
    }
    Err(StoreError::Refused {
        call: "CompleteMultipartUpload",
        path: path.to_owned(),
        source: "the ledger's parts do not make up the file".into(),
    })
}

/// Removes uploads and objects of the file under every epoch: also what a writer left that never committed.
pub(super) async fn discard(bucket: &Arc<Bucket>, file: FileId, staged: &Staged) -> Result<(), StoreError> {
    if let Some(id) = &staged.multipart {
        let key = ObjectKey::Quarantine { file, epoch: staged.object_epoch };
        bucket.abort(&key.path(), id).await?;
    }
    bucket.abort_all(&format!("quarantine/{file}/")).await?;
    for prefix in [format!("quarantine/{file}/"), format!("tail/{file}/")] {
        remove_all(bucket, &prefix).await?;
    }
    Ok(())
}

async fn remove_all(bucket: &Bucket, prefix: &str) -> Result<(), StoreError> {
    for _ in 0..SWEEPS {
        let paths = bucket.list(prefix, None, SWEEP).await?;
        if paths.is_empty() {
            return Ok(());
        }
        let deletions = stream::iter(paths).map(|path| async move { bucket.delete(&path).await });
        deletions.buffer_unordered(DELETIONS).try_collect::<()>().await?;
    }
    let source = "objects keep appearing".into();
    Err(StoreError::Unavailable { call: "DeleteObject", path: prefix.to_owned(), source })
}
