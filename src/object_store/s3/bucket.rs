//! One bucket and our corner of it: whole objects. Multipart uploads are in [`super::multipart`].
//!
//! Every call has a deadline for one attempt and for all; where a body goes along, both grow with its length.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Builder, Config, Credentials, Region, RequestChecksumCalculation, StalledStreamProtectionConfig,
};
use aws_sdk_s3::types::{ChecksumMode, ChecksumType, ServerSideEncryption};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::stream::{self, StreamExt};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};

use super::body::Body;
use super::error::Failed;
use super::settings::{Encryption, S3Config};
use crate::object_store::{ByteStream, ObjectVersion, StoreError};

/// Attempts at a call, the first included.
const ATTEMPTS: u32 = 3;
/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// The slowest a server-side copy may go, bytes a second.
const SLOWEST_COPY: u64 = 16 << 20;
/// Longest silence within an answer's body.
const SILENCE: Duration = Duration::from_secs(30);
/// Keys a listing answers at a time, at most.
const PAGE: usize = 1000;

/// What a copy source keeps as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// How long a call may take.
#[derive(Clone, Debug)]
pub(super) struct Patience {
    /// Longest attempt at a call without a body.
    pub(super) attempt: Duration,
    /// The slowest a body may go, bytes a second.
    pub(super) slowest: u64,
    /// Pause before the second attempt, at most.
    pub(super) backoff: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { attempt: Duration::from_secs(30), slowest: 512 << 10, backoff: Duration::from_secs(1) }
    }
}

impl Patience {
    /// Deadlines, with `more` for what goes along.
    fn timeouts(&self, more: Duration) -> TimeoutConfig {
        let attempt = self.attempt + more;
        TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(attempt)
            .operation_timeout(attempt * (ATTEMPTS + 1))
            .build()
    }

    /// Deadlines of a call with a body of `len` bytes.
    pub(super) fn body(&self, len: u64) -> Builder {
        Config::builder().timeout_config(self.timeouts(Duration::from_secs(len / self.slowest)))
    }

    /// Deadlines of a copy of `len` bytes within the store.
    pub(super) fn copy(&self, len: u64) -> Builder {
        Config::builder().timeout_config(self.timeouts(Duration::from_secs(len / SLOWEST_COPY)))
    }
}

/// An object as HEAD tells of it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) version: ObjectVersion,
    /// What promotion noted of where it came from.
    pub(super) origin: Option<String>,
    /// CRC-32 of all its bytes; `None` where the store tells none, or one of the parts' checksums.
    pub(super) crc32: Option<u32>,
}

/// The user metadata that holds [`Found::origin`].
pub(super) const ORIGIN: &str = "strongroom-origin";

/// See the module.
#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) client: Client,
    pub(super) name: String,
    prefix: String,
    encryption: Encryption,
    pub(super) patience: Patience,
}

impl Bucket {
    pub(super) fn new(config: &S3Config, secret_key: &SecretString, patience: Patience) -> Self {
        let credentials =
            Credentials::new(&config.access_key, secret_key.expose_secret(), None, None, "strongroom");
        let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS);
        let retries = retries.with_initial_backoff(patience.backoff);
        let mut settings = Config::builder()
            .behavior_version_latest()
            .region(Region::new(config.region.clone()))
            .credentials_provider(credentials)
            .force_path_style(config.path_style)
            .retry_config(retries)
            .timeout_config(patience.timeouts(Duration::ZERO))
            // Ours are the checksums on bodies, and the deadlines on streams.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(endpoint) = &config.endpoint {
            settings = settings.endpoint_url(endpoint);
        }
        let prefix = config.prefix.as_deref().unwrap_or_default().trim_matches('/');
        Self {
            client: Client::from_conf(settings.build()),
            name: config.bucket.clone(),
            prefix: if prefix.is_empty() { String::new() } else { format!("{prefix}/") },
            encryption: config.encryption.clone(),
            patience,
        }
    }

    /// The key of a path of ours.
    pub(super) fn key(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// The name of a copy's source.
    pub(super) fn source(&self, path: &str) -> String {
        utf8_percent_encode(&format!("{}/{}", self.name, self.key(path)), PLAIN).to_string()
    }

    /// The path of a key in our corner.
    pub(super) fn path(&self, key: &str) -> Option<String> {
        key.strip_prefix(&self.prefix).map(str::to_owned)
    }

    /// What every write says of encryption at rest.
    pub(super) fn encryption(&self) -> (Option<ServerSideEncryption>, Option<String>) {
        match &self.encryption {
            Encryption::None => (None, None),
            Encryption::S3 => (Some(ServerSideEncryption::Aes256), None),
            Encryption::Kms { key } => (Some(ServerSideEncryption::AwsKms), Some(key.clone())),
        }
    }

    pub(super) async fn put(self: &Arc<Self>, path: &str, body: &Body) -> Result<ObjectVersion, StoreError> {
        let (encryption, kms_key) = self.encryption();
        let sent = self.client.put_object().bucket(&self.name).key(self.key(path));
        let sent = sent.body(body.to_sdk(self)).content_length(signed(body.len()));
        let sent = sent.checksum_crc32(body.checksum());
        let sent = sent.set_server_side_encryption(encryption).set_ssekms_key_id(kms_key);
        let answer = sent.customize().config_override(self.patience.body(body.len())).send().await;
        let answer = answer.map_err(|e| Failed::from(e).at("PutObject", path))?;
        Ok(ObjectVersion {
            etag: answer.e_tag().unwrap_or_default().to_owned(),
            version_id: answer.version_id().map(str::to_owned),
            size: body.len(),
        })
    }

    pub(super) async fn head(&self, path: &str) -> Result<Option<Found>, StoreError> {
        let asked = self.client.head_object().bucket(&self.name).key(self.key(path));
        match asked.checksum_mode(ChecksumMode::Enabled).send().await {
            Ok(found) => Ok(Some(Found {
                origin: found.metadata().and_then(|all| all.get(ORIGIN)).cloned(),
                crc32: match found.checksum_type() {
                    Some(ChecksumType::Composite) => None,
                    _ => found.checksum_crc32().and_then(read_crc32),
                },
                version: ObjectVersion {
                    etag: found.e_tag().unwrap_or_default().to_owned(),
                    version_id: found.version_id().map(str::to_owned),
                    size: unsigned(found.content_length()),
                },
            })),
            Err(error) => match Failed::from(error) {
                missing if missing.is_missing_object() => Ok(None),
                failed => Err(failed.at("HeadObject", path)),
            },
        }
    }

    pub(super) async fn delete(&self, path: &str) -> Result<(), StoreError> {
        match self.client.delete_object().bucket(&self.name).key(self.key(path)).send().await {
            Ok(_) => Ok(()),
            Err(error) => match Failed::from(error) {
                missing if missing.is_missing_object() => Ok(()),
                failed => Err(failed.at("DeleteObject", path)),
            },
        }
    }

    pub(super) async fn read(
        &self,
        path: &str,
        version: &ObjectVersion,
        range: Range<u64>,
    ) -> Result<ByteStream, StoreError> {
        let end = range.end.min(version.size);
        if range.start >= end {
            // No range says "nothing": ask only whether the version is still there.
            let found =
                self.head(path).await?.ok_or_else(|| StoreError::NotFound { path: path.to_owned() })?;
            let same = found.version.etag == version.etag;
            let changed = || StoreError::Changed { path: path.to_owned() };
            return if same { Ok(stream::empty().boxed()) } else { Err(changed()) };
        }
        // Whole objects are asked for without a range: the SDK then compares the stored checksum.
        let whole = range.start == 0 && end == version.size;
        let asked = (!whole).then(|| format!("bytes={}-{}", range.start, end - 1));
        self.get(path, Some(version.etag.clone()), asked, Some(end - range.start)).await
    }

    pub(super) async fn read_whole(&self, path: &str) -> Result<ByteStream, StoreError> {
        self.get(path, None, None, None).await
    }

    async fn get(
        &self,
        path: &str,
        etag: Option<String>,
        range: Option<String>,
        len: Option<u64>,
    ) -> Result<ByteStream, StoreError> {
        let asked = self.client.get_object().bucket(&self.name).key(self.key(path));
        let answer = asked.set_if_match(etag).set_range(range).send().await;
        let answer = answer.map_err(|e| Failed::from(e).at("GetObject", path))?;
        let len = len.unwrap_or_else(|| unsigned(answer.content_length()));
        let path: Arc<str> = path.into();
        Ok(stream::try_unfold((answer.body, len), move |(mut body, left)| {
            let path = path.clone();
            async move {
                let late =
                    |source| StoreError::Unavailable { call: "GetObject", path: path.to_string(), source };
                let next = tokio::time::timeout(SILENCE, body.next()).await.map_err(|e| late(Box::new(e)))?;
                match next.transpose().map_err(|e| late(Box::new(e)))? {
                    Some(piece) if piece.len() as u64 <= left => {
                        let left = left - piece.len() as u64;
                        Ok(Some((piece, (body, left))))
                    }
                    None if left == 0 => Ok(None),
                    _ => Err(late("the answer's length is wrong".into())),
                }
            }
        })
        .boxed())
    }

    pub(super) async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        let mut all: Vec<String> = Vec::new();
        let mut after = after.map(|path| self.key(path));
        while all.len() < limit {
            let most = PAGE.min(limit - all.len());
            let asked = self.client.list_objects_v2().bucket(&self.name).prefix(self.key(prefix));
            let asked = asked.max_keys(i32::try_from(most).unwrap_or(i32::MAX)).set_start_after(after.take());
            let page = asked.send().await.map_err(|e| Failed::from(e).at("ListObjectsV2", prefix))?;
            all.extend(page.contents().iter().filter_map(|object| self.path(object.key()?)));
            after = page.contents().last().and_then(|object| object.key()).map(str::to_owned);
            if !page.is_truncated().unwrap_or(false) || after.is_none() {
                break;
            }
        }
        Ok(all)
    }

    pub(super) async fn probe(&self) -> Result<(), StoreError> {
        let answer = self.client.head_bucket().bucket(&self.name).send().await;
        match answer.map_err(Failed::from) {
            Ok(_) => Ok(()),
            Err(failed) if failed.status == Some(404) => Err(failed.refused("HeadBucket", &self.name)),
            Err(failed) => Err(failed.at("HeadBucket", &self.name)),
        }
    }
}

/// A CRC-32 as S3 writes it.
pub(super) fn write_crc32(crc32: u32) -> String {
    STANDARD.encode(crc32.to_be_bytes())
}

/// `None` for one of parts, which their number follows.
fn read_crc32(text: &str) -> Option<u32> {
    let bytes = STANDARD.decode(text).ok()?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

/// S3 counts in signed numbers.
pub(super) fn signed(len: u64) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(len: Option<i64>) -> u64 {
    len.and_then(|len| u64::try_from(len).ok()).unwrap_or(0)
}
