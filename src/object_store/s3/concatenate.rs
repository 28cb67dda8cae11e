//! Whole objects put together as one, within the store where it allows that.
//!
//! A multipart upload takes any stretch of another object as a part (UploadPartCopy), but no part below 5 MiB unless it
//! is the last. So a stretch of at least that is copied, and what is smaller flows through here together with as much
//! of what follows as makes a part: read twice, once for its MD5 and once to be sent, so that nothing is held in memory
//! and the store compares what it got. All of it under 5 MiB: one PutObject.
//!
//! A step is one part. Every source is pinned to its ETag.

use std::ops::Range;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use md5::{Digest, Md5};
use tokio::sync::SemaphorePermit;

use super::SMALLEST_INNER_PART;
use super::body::streamed;
use super::bucket::{Bucket, signed};
use super::error::Failed;
use super::memory::Budget;
use super::multipart::part_number;
use crate::ids::FileId;
use crate::object_store::{ByteStream, Durable, ObjectKey, ObjectVersion, Staged, StagedPart, StoreError};

/// The largest part copied by one call, bytes. S3 allows 5 GiB; 64 pieces of 5 TB together are 5,000 of these.
pub(super) const PART: u64 = 1 << 30;
/// What is noted on the object, which tells [`Bucket::begin`] that its parts carry no checksum of ours.
const ORIGIN: &str = "concatenation";

/// A stretch of one piece.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stretch {
    /// Which piece.
    piece: usize,
    range: Range<u64>,
}

impl Stretch {
    fn len(&self) -> u64 {
        self.range.end - self.range.start
    }
}

/// The next part, from `offset` on: one stretch to be copied (at most `most` bytes), or several that flow through here,
/// which are more than one only where they must be. No part but the last is below [`SMALLEST_INNER_PART`].
fn next_part(sizes: &[u64], offset: u64, most: u64) -> Vec<Stretch> {
    let (mut begin, mut part, mut len) = (0, Vec::new(), 0);
    for (piece, &size) in sizes.iter().enumerate() {
        let end = begin + size;
        let from = offset.clamp(begin, end) - begin;
        let rest = size - from;
        begin = end;
        if rest == 0 {
            continue;
        }
        let wanted = match part.is_empty() {
            true => most,
            false => SMALLEST_INNER_PART - len,
        };
        let mut take = rest.min(wanted);
        let over = rest - take;
        if over > 0 && over < SMALLEST_INNER_PART {
            // What would remain is no part by itself: it goes along, or, where that is too much, gets company.
            take = if part.is_empty() { take - SMALLEST_INNER_PART } else { rest };
        }
        part.push(Stretch { piece, range: from..from + take });
        len += take;
        if len >= SMALLEST_INNER_PART {
            break;
        }
    }
    part
}

/// Takes the next step.
pub(super) async fn step(
    (bucket, budget): (&Arc<Bucket>, &Budget),
    most: u64,
    (file, epoch): (FileId, i64),
    staged: &Staged,
    pieces: &[(ObjectKey, ObjectVersion)],
) -> Result<Durable, StoreError> {
    let object_epoch = if staged.multipart.is_some() { staged.object_epoch } else { epoch };
    let path = ObjectKey::Quarantine { file, epoch: object_epoch }.path();
    let sizes: Vec<u64> = pieces.iter().map(|(_, version)| version.size).collect();
    let whole: u64 = sizes.iter().sum();
    let in_parts: u64 = staged.parts.iter().map(|part| part.size).sum();
    if staged.multipart.is_some() && in_parts != staged.offset {
        return Err(StoreError::Lost { path });
    }
    let mut durable = Durable { offset: whole, object_epoch, ..Durable::default() };
    if whole < SMALLEST_INNER_PART {
        let _turn = turn(budget, &path).await?;
        let merged = Merged::new(bucket, pieces, &next_part(&sizes, 0, most)).await?;
        put(bucket, &path, &merged).await?;
        return Ok(durable);
    }
    let id = match &staged.multipart {
        Some(id) => id.clone(),
        None => bucket.begin(&path, Some(ORIGIN.to_owned())).await?,
    };
    let number = u32::try_from(staged.parts.len()).unwrap_or(u32::MAX).saturating_add(1);
    let stretches = next_part(&sizes, staged.offset, most);
    let part = match &stretches[..] {
        [one] if one.len() >= SMALLEST_INNER_PART => {
            let (key, version) = &pieces[one.piece];
            bucket.copy_part((&key.path(), version), one.range.clone(), (&path, &id), number).await?
        }
        several => {
            let _turn = turn(budget, &path).await?;
            let merged = Merged::new(bucket, pieces, several).await?;
            upload(bucket, &merged, (&path, &id), number).await?
        }
    };
    durable.offset = staged.offset + part.size;
    durable.multipart = Some(id);
    durable.new_parts.push(part);
    Ok(durable)
}

/// A turn at letting bytes flow through here; what the store copies by itself needs none.
async fn turn<'a>(budget: &'a Budget, path: &str) -> Result<SemaphorePermit<'a>, StoreError> {
    let none =
        |e| StoreError::Unavailable { call: "concatenate", path: path.to_owned(), source: Box::new(e) };
    budget.assembly().await.map_err(none)
}

/// Stretches that flow through here, with what the store is told of them.
struct Merged {
    bucket: Arc<Bucket>,
    stretches: Arc<[(String, ObjectVersion, Range<u64>)]>,
    len: u64,
    md5: String,
}

impl Merged {
    async fn new(
        bucket: &Arc<Bucket>,
        pieces: &[(ObjectKey, ObjectVersion)],
        stretches: &[Stretch],
    ) -> Result<Self, StoreError> {
        let len = stretches.iter().map(Stretch::len).sum();
        let stretches = stretches.iter().map(|stretch| {
            let (key, version) = &pieces[stretch.piece];
            (key.path(), version.clone(), stretch.range.clone())
        });
        let mut merged =
            Self { bucket: bucket.clone(), stretches: stretches.collect(), len, md5: String::new() };
        let read = read(merged.bucket.clone(), merged.stretches.clone());
        let md5 = read.try_fold(Md5::new(), async |md5, bytes| Ok(md5.chain_update(&bytes)));
        merged.md5 = STANDARD.encode(md5.await?.finalize());
        Ok(merged)
    }

    fn body(&self) -> aws_sdk_s3::primitives::ByteStream {
        let (bucket, stretches) = (self.bucket.clone(), self.stretches.clone());
        streamed(self.len, move || read(bucket.clone(), stretches.clone()))
    }
}

fn read(bucket: Arc<Bucket>, stretches: Arc<[(String, ObjectVersion, Range<u64>)]>) -> ByteStream {
    let stretches = stretches.to_vec();
    stream::iter(stretches)
        .flat_map(move |(path, version, range)| {
            let bucket = bucket.clone();
            stream::once(async move { bucket.read(&path, &version, range).await }).try_flatten().boxed()
        })
        .boxed()
}

async fn upload(
    bucket: &Bucket,
    merged: &Merged,
    (to, id): (&str, &str),
    number: u32,
) -> Result<StagedPart, StoreError> {
    let sent = bucket.client.upload_part().bucket(&bucket.name).key(bucket.key(to)).upload_id(id);
    let sent = sent.part_number(part_number(number)).content_md5(&merged.md5);
    let sent = sent.body(merged.body()).content_length(signed(merged.len));
    let answer = sent.customize().config_override(bucket.patience.body(merged.len)).send().await;
    let answer = answer.map_err(|e| Failed::from(e).at("UploadPart", to))?;
    Ok(StagedPart { number, etag: answer.e_tag.unwrap_or_default(), checksum: None, size: merged.len })
}

async fn put(bucket: &Bucket, to: &str, merged: &Merged) -> Result<(), StoreError> {
    let (encryption, kms_key) = bucket.encryption();
    let sent = bucket.client.put_object().bucket(&bucket.name).key(bucket.key(to));
    let sent = sent.body(merged.body()).content_length(signed(merged.len)).content_md5(&merged.md5);
    let sent = sent.set_server_side_encryption(encryption).set_ssekms_key_id(kms_key);
    let answer = sent.customize().config_override(bucket.patience.body(merged.len)).send().await;
    answer.map_err(|e| Failed::from(e).at("PutObject", to))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MIB: u64 = 1 << 20;

    fn parts(sizes: &[u64], most: u64) -> Vec<Vec<Stretch>> {
        let (mut parts, mut offset) = (Vec::new(), 0);
        while offset < sizes.iter().sum() {
            let part = next_part(sizes, offset, most);
            offset += part.iter().map(Stretch::len).sum::<u64>();
            parts.push(part);
        }
        parts
    }

    #[test]
    fn large_pieces_are_copied_and_small_ones_get_company() {
        let shapes = |sizes: &[u64]| -> Vec<Vec<u64>> {
            let parts = parts(&sizes.iter().map(|size| size * MIB).collect::<Vec<_>>(), 20 * MIB);
            parts.iter().map(|part| part.iter().map(|stretch| stretch.len() / MIB).collect()).collect()
        };
        assert_eq!(shapes(&[20, 20]), [[20], [20]]);
        assert_eq!(shapes(&[22]), [[15], [7]], "no remnant below 5");
        assert_eq!(shapes(&[3, 20, 2]), [vec![3, 2], vec![18], vec![2]]);
        assert_eq!(shapes(&[3, 6]), [vec![3, 6]], "what 2 would leave is no part");
        assert_eq!(shapes(&[1, 1, 1, 9]), [vec![1, 1, 1, 2], vec![7]]);
        assert_eq!(shapes(&[0, 5, 0, 4]), [[5], [4]]);
    }

    proptest! {
        #[test]
        fn every_byte_is_in_one_part_and_every_part_is_taken(
            sizes in prop::collection::vec(prop_oneof![0..3 * MIB, 0..40 * MIB, Just(5 * MIB)], 1..20),
            most in 10 * MIB..64 * MIB,
        ) {
            let parts = parts(&sizes, most);
            let mut at = (0, 0);
            for (index, part) in parts.iter().enumerate() {
                let len: u64 = part.iter().map(Stretch::len).sum();
                prop_assert!(len >= SMALLEST_INNER_PART || index + 1 == parts.len());
                prop_assert!(part.len() == 1 && len <= most || len < 2 * SMALLEST_INNER_PART);
                for stretch in part {
                    while at.1 == sizes[at.0] {
                        at = (at.0 + 1, 0);
                    }
                    prop_assert_eq!((stretch.piece, stretch.range.start), at);
                    at.1 = stretch.range.end;
                }
            }
        }
    }
}
