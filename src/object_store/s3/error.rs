//! What the store answered, as ours.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::object_store::StoreError;

/// A failed call: the SDK's error with what we branch on.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) status: Option<u16>,
    pub(super) code: Option<String>,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl<E> From<SdkError<E>> for Failed
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    fn from(error: SdkError<E>) -> Self {
        Self {
            status: error.raw_response().map(|response| response.status().as_u16()),
            code: error.code().map(str::to_owned),
            source: Box::new(error),
        }
    }
}

impl Failed {
    pub(super) fn is_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// Without a code (an answer to HEAD has no body) a 404 is a missing object.
    pub(super) fn is_missing_object(&self) -> bool {
        self.status == Some(404) && !self.is_code("NoSuchBucket") && !self.is_code("NoSuchUpload")
    }

    pub(super) fn refused(self, call: &'static str, path: &str) -> StoreError {
        StoreError::Refused { call, path: path.to_owned(), source: self.source }
    }

    pub(super) fn at(self, call: &'static str, path: &str) -> StoreError {
        let path = path.to_owned();
        let code = self.code.as_deref().unwrap_or_default();
        match self.status {
            _ if code == "NoSuchUpload" => StoreError::Lost { path },
            Some(404) if code != "NoSuchBucket" => StoreError::NotFound { path },
            Some(412) => StoreError::Changed { path },
            Some(507) => StoreError::Full { path },
            // The store compared the checksum and found other bytes than were sent: the line, not the request.
            Some(400)
                if matches!(code, "BadDigest" | "InvalidDigest" | "RequestTimeout" | "IncompleteBody") =>
            {
                StoreError::Unavailable { call, path, source: self.source }
            }
            Some(400..=407 | 409..=428 | 430..=499) => {
                StoreError::Refused { call, path, source: self.source }
            }
            _ => StoreError::Unavailable { call, path, source: self.source },
        }
    }
}
