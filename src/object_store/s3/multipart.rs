//! One bucket: multipart uploads.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::operation::create_multipart_upload::builders::CreateMultipartUploadFluentBuilder;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart};

use super::body::Body;
use super::bucket::{Bucket, ORIGIN, signed, write_crc32};
use super::error::Failed;
use crate::object_store::{ObjectVersion, StagedPart, StoreError};

/// Times an upload is aborted before it must be gone: a part under way may survive the first.
const ABORTS: u32 = 8;
/// Pages of uploads read for one question, at most.
const PAGES: usize = 10_000;

/// Uploads aborted for one prefix, at most.
const UPLOADS: usize = 1000;

/// An upload that was begun and neither completed nor aborted.
#[derive(Debug)]
pub(super) struct Unfinished {
    pub(super) path: String,
    pub(super) id: String,
}

impl Bucket {
    /// Begins an upload; `origin` is noted on the object it becomes.
    pub(super) async fn begin(&self, path: &str, origin: Option<String>) -> Result<String, StoreError> {
        let asked = self.client.create_multipart_upload();
        let asked = match origin {
            // Copied parts carry no checksum of ours.
            Some(origin) => asked.metadata(ORIGIN, origin),
            None => asked.checksum_algorithm(ChecksumAlgorithm::Crc32),
        };
        Ok(self.begun(path, asked).await?.0)
    }

    /// Begins a copy by parts whose whole the store is to hold to a CRC-32 when it is completed; its id, and whether the
    /// store says that it will.
    pub(super) async fn begin_compared(
        &self,
        path: &str,
        origin: &str,
    ) -> Result<(String, bool), StoreError> {
        let asked = self.client.create_multipart_upload().metadata(ORIGIN, origin);
        let asked = asked.checksum_algorithm(ChecksumAlgorithm::Crc32);
        let (id, checksum) = self.begun(path, asked.checksum_type(ChecksumType::FullObject)).await?;
        Ok((id, checksum == Some(ChecksumType::FullObject)))
    }

    async fn begun(
        &self,
        path: &str,
        asked: CreateMultipartUploadFluentBuilder,
    ) -> Result<(String, Option<ChecksumType>), StoreError> {
        let (encryption, kms_key) = self.encryption();
        let asked = asked.bucket(&self.name).key(self.key(path));
        let asked = asked.set_server_side_encryption(encryption).set_ssekms_key_id(kms_key);
        let begun = asked.send().await.map_err(|e| Failed::from(e).at("CreateMultipartUpload", path))?;
        let nameless = || StoreError::Unavailable {
            call: "CreateMultipartUpload",
            path: path.to_owned(),
            source: "the answer names no upload".into(),
        };
        Ok((begun.upload_id.ok_or_else(nameless)?, begun.checksum_type))
    }

    pub(super) async fn upload_part(
        self: &Arc<Self>,
        path: &str,
        id: &str,
        number: u32,
        body: &Body,
    ) -> Result<StagedPart, StoreError> {
        let checksum = body.checksum();
        let sent = self.client.upload_part().bucket(&self.name).key(self.key(path)).upload_id(id);
        let sent = sent.part_number(part_number(number)).checksum_crc32(&checksum);
        let sent = sent.body(body.to_sdk(self)).content_length(signed(body.len()));
        let answer = sent.customize().config_override(self.patience.body(body.len())).send().await;
        let answer = answer.map_err(|e| Failed::from(e).at("UploadPart", path))?;
        Ok(StagedPart {
            number,
            etag: answer.e_tag.unwrap_or_default(),
            checksum: Some(checksum),
            size: body.len(),
        })
    }

    /// Copies a stretch of an object, pinned to its version, as a part. [`StoreError::Lost`] when the upload is no
    /// more, [`StoreError::NotFound`] when the object is.
    pub(super) async fn copy_part(
        &self,
        (from, version): (&str, &ObjectVersion),
        range: Range<u64>,
        (to, id): (&str, &str),
        number: u32,
    ) -> Result<StagedPart, StoreError> {
        let size = range.end - range.start;
        let asked = self.client.upload_part_copy().bucket(&self.name).key(self.key(to)).upload_id(id);
        let asked = asked.part_number(part_number(number)).copy_source(self.source(from));
        let asked = asked.copy_source_if_match(&version.etag);
        // Of an object of up to 5 MB, S3 knows no ranges.
        let stretch = (size < version.size).then(|| format!("bytes={}-{}", range.start, range.end - 1));
        let asked = asked.set_copy_source_range(stretch);
        let answer = asked.customize().config_override(self.patience.copy(size)).send().await;
        let answer = answer.map_err(|e| {
            let failed = Failed::from(e);
            let path = if failed.is_code("NoSuchUpload") { to } else { from };
            failed.at("UploadPartCopy", path)
        })?;
        let copied = answer.copy_part_result;
        let checksum = copied.as_ref().and_then(|copied| copied.checksum_crc32.clone());
        let etag = copied.and_then(|copied| copied.e_tag).unwrap_or_default();
        Ok(StagedPart { number, etag, checksum, size })
    }

    /// Makes the parts one object. `crc32`: of the whole, where the store is to compare it.
    pub(super) async fn complete(
        &self,
        path: &str,
        id: &str,
        parts: &[StagedPart],
        crc32: Option<u32>,
    ) -> Result<(), Failed> {
        let parts = parts.iter().map(|part| {
            let named = CompletedPart::builder().part_number(part_number(part.number)).e_tag(&part.etag);
            named.set_checksum_crc32(part.checksum.clone()).build()
        });
        let ledger = CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build();
        let asked = self.client.complete_multipart_upload().bucket(&self.name).key(self.key(path));
        let asked = asked.upload_id(id).multipart_upload(ledger);
        let asked = asked.set_checksum_crc32(crc32.map(write_crc32));
        let asked = asked.set_checksum_type(crc32.map(|_| ChecksumType::FullObject));
        // The store may read and hash every part before it answers.
        let patient = self.patience.body(64 << 20);
        asked.customize().config_override(patient).send().await.map_err(Failed::from)?;
        Ok(())
    }

    /// Aborts until the store knows nothing of the upload.
    pub(super) async fn abort(&self, path: &str, id: &str) -> Result<(), StoreError> {
        for turn in 0..ABORTS {
            let asked = self.client.abort_multipart_upload().bucket(&self.name).key(self.key(path));
            match asked.upload_id(id).send().await.map_err(Failed::from) {
                Err(failed) if !failed.is_code("NoSuchUpload") => {
                    return Err(failed.at("AbortMultipartUpload", path));
                }
                _ => {}
            }
            let asked = self.client.list_parts().bucket(&self.name).key(self.key(path));
            match asked.upload_id(id).max_parts(1).send().await.map_err(Failed::from) {
                Err(failed) if failed.is_code("NoSuchUpload") => return Ok(()),
                Err(failed) => return Err(failed.at("ListParts", path)),
                Ok(_) => tokio::time::sleep(Duration::from_millis(50 << turn)).await,
            }
        }
        let source = "parts were still arriving".into();
        Err(StoreError::Unavailable { call: "AbortMultipartUpload", path: path.to_owned(), source })
    }

    /// Aborts every unfinished upload whose path begins with `prefix`.
    pub(super) async fn abort_all(&self, prefix: &str) -> Result<(), StoreError> {
        for left in self.uploads(prefix, UPLOADS).await? {
            self.abort(&left.path, &left.id).await?;
        }
        Ok(())
    }

    /// Unfinished uploads whose path begins with `prefix`, at most `limit`.
    pub(super) async fn uploads(&self, prefix: &str, limit: usize) -> Result<Vec<Unfinished>, StoreError> {
        let (mut all, mut key_after, mut id_after) = (Vec::new(), None, None);
        for _ in 0..PAGES {
            let most = 1000.min(limit - all.len());
            if most == 0 {
                break;
            }
            let asked = self.client.list_multipart_uploads().bucket(&self.name).prefix(self.key(prefix));
            let asked = asked.max_uploads(i32::try_from(most).unwrap_or(i32::MAX));
            let asked = asked.set_key_marker(key_after.take()).set_upload_id_marker(id_after.take());
            let page = asked.send().await.map_err(|e| Failed::from(e).at("ListMultipartUploads", prefix))?;
            all.extend(page.uploads().iter().filter_map(|upload| {
                Some(Unfinished { path: self.path(upload.key()?)?, id: upload.upload_id()?.to_owned() })
            }));
            if !page.is_truncated().unwrap_or(false) || page.next_key_marker().is_none() {
                break;
            }
            key_after = page.next_key_marker().map(str::to_owned);
            id_after = page.next_upload_id_marker().map(str::to_owned);
        }
        Ok(all)
    }
}

pub(super) fn part_number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
