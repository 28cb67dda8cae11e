//! What both dialects need: numbers and dates in headers, a creation, a body on its way, and errors in words of ours.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use futures_util::{StreamExt, future};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use http_body_util::BodyStream;
use jiff::Timestamp;

use crate::actor::Action;
use crate::http::api::files;
use crate::http::error::ApiError;
use crate::http::identity::Caller;
use crate::http::layers::RequestId;
use crate::http::refusals::{self, About, Asked};
use crate::http::routes::Access;
use crate::ids::FileId;
use crate::service::Service;
use crate::upload::checksum::Checksum;
use crate::upload::{Append, Appended, BodyError, CreateError, Created, Creation, Lease, Piece, UploadError};

/// How long a client is asked to wait when an upload or the service is busy.
pub(super) const AGAIN: Duration = Duration::from_secs(1);

pub(super) const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
pub(super) const LENGTH: HeaderName = HeaderName::from_static("upload-length");

/// An upload's id. What cannot be one is an unknown upload.
pub(super) fn id(text: &str) -> Result<FileId, ApiError> {
    text.parse().map_err(|_| ApiError::NotFound)
}

/// A count of bytes: digits, and no more than a file could have.
pub(super) fn count(text: &str) -> Option<u64> {
    let digits = (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)?;
    digits.parse().ok().filter(|count| i64::try_from(*count).is_ok())
}

pub(super) fn text(value: &str) -> Result<HeaderValue, ApiError> {
    HeaderValue::from_str(value).map_err(ApiError::internal)
}

/// RFC 9110, 5.6.7.
pub(super) fn date(at: Timestamp) -> Result<HeaderValue, ApiError> {
    text(&at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
}

/// The length of the body, where the request says it.
pub(super) fn announced(request: &Request) -> Option<u64> {
    HttpBody::size_hint(request.body()).exact()
}

/// Whether `Trailer` announces this field after the body (RFC 9110, 6.6.2).
pub(super) fn announces(headers: &HeaderMap, name: &HeaderName) -> bool {
    let fields = headers.get_all(header::TRAILER).iter().filter_map(|value| value.to_str().ok());
    fields.flat_map(|value| value.split(',')).any(|field| field.trim().eq_ignore_ascii_case(name.as_str()))
}

/// The address of an upload, in full.
pub(super) fn location(
    service: &Service,
    headers: &HeaderMap,
    file: FileId,
) -> Result<HeaderValue, ApiError> {
    text(&format!("{}/files/{file}", service.public_url(headers)))
}

/// Makes an upload, and takes its lease when its bytes come along (`held`). `addressed`: the address said what was
/// asked for. Where only metadata did, the layer of refusals does not know it, and what is there and not theirs is put
/// on the audit trail here.
pub(super) async fn create(
    service: &Service,
    caller: &Caller,
    request: RequestId,
    creation: &Creation,
    addressed: bool,
    held: bool,
) -> Result<(Created, Option<Box<Lease>>), ApiError> {
    let (uploads, actor, id) = (&service.uploads, &caller.actor, request.to_string());
    let created = match held {
        true => {
            uploads.create_held(actor, creation, &id).await.map(|(created, lease)| (created, Some(lease)))
        }
        false => uploads.create(actor, creation, &id).await.map(|created| (created, None)),
    };
    match created {
        Err(error @ (CreateError::Unknown { .. } | CreateError::Forbidden)) if !addressed => {
            let error = ApiError::from(error);
            let asked = Asked {
                caller: caller.clone(),
                request,
                access: Access::May(Action::ChangeWork),
                method: Method::POST,
                route: "/files".to_owned(),
                about: About { sample: Some(creation.sample), file: None },
            };
            refusals::record(service, &asked, error.row().1).await?;
            Err(error)
        }
        created => Ok(created?),
    }
}

/// Appends a request's body; one that is known to be too long before its first byte is polled. `told_after`: the
/// checksum its trailers bring.
pub(super) async fn append(
    service: &Service,
    lease: Box<Lease>,
    append: Append,
    request: Request<Body>,
    told_after: fn(&HeaderMap) -> Option<Checksum>,
) -> Result<Appended, UploadError> {
    let limit = lease.length().unwrap_or(lease.max_length());
    let room = limit.saturating_sub(append.offset);
    if append.offset == lease.offset() && announced(&request).is_some_and(|length| length > room) {
        return Err(UploadError::TooLong { limit });
    }
    let pieces = BodyStream::new(request.into_body()).map(move |frame| match frame {
        Ok(frame) => match frame.into_data() {
            Ok(bytes) => Some(Ok(Piece::Bytes(bytes))),
            Err(frame) => frame.trailers_ref().and_then(told_after).map(|sum| Ok(Piece::Checksum(sum))),
        },
        Err(error) => Some(Err(BodyError(error.into()))),
    });
    let (uploads, pieces) = (service.uploads.clone(), pieces.filter_map(future::ready));
    // A request is dropped when its stream is reset, or its line closed after the last byte of the body and before the
    // answer. What it brought is here all the same.
    service.tasks.shelter(async move { uploads.append(lease, append, pieces).await }).await
}

/// Ends an upload, finished or not: a file that is whole is deleted as by the API, by the same rules.
pub(super) async fn end(
    service: &Service,
    caller: &Caller,
    request: &RequestId,
    file: FileId,
) -> Result<(), ApiError> {
    match service.uploads.terminate(&caller.actor, file, &request.to_string()).await {
        Err(UploadError::Finished) => match files::remove(service, caller, request, file).await {
            // A piece that was taken: it is no file of its own.
            Err(ApiError::NotFound) => Err(UploadError::Finished.into()),
            removed => removed,
        },
        ended => Ok(ended?),
    }
}

/// An upload whose address nobody learns may not hold a place.
pub(super) async fn withdraw(
    service: &Service,
    caller: &Caller,
    request: RequestId,
    file: FileId,
) -> Result<(), UploadError> {
    service.uploads.terminate(&caller.actor, file, &request.to_string()).await
}

/// What goes wrong while somebody asks for the offset: passing trouble is 423 and nothing else, for tus-js-client
/// begins again from zero on any other failure.
pub(super) fn patient(file: FileId, error: UploadError) -> UploadError {
    match error {
        UploadError::Store(_) | UploadError::Database(_) | UploadError::Stopping => {
            tracing::warn!(%file, error = &error as &dyn std::error::Error, "HEAD asks the client to wait");
            UploadError::Evicted
        }
        other => other,
    }
}

impl From<CreateError> for ApiError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Unknown { .. } | CreateError::NothingToReplace => Self::NotFound,
            CreateError::Forbidden => Self::Forbidden,
            CreateError::Submitted => Self::Submitted,
            CreateError::NotReturned => Self::Locked,
            CreateError::Closed { .. } => Self::Closed,
            CreateError::Absent => Self::Absent,
            CreateError::NotInSample => Self::NotInSample,
            CreateError::NotShared { why } => Self::invalid("shared_with", why),
            CreateError::Sharer { candidate, error } => {
                Self::Sharer { candidate, error: Box::new(Self::from(*error)) }
            }
            CreateError::SectionFull { max, files } => Self::SectionFull { limit: max, files },
            CreateError::NotAsPlanned => Self::invalid(
                "plan",
                "start the plan first, and send the file with the name and size planned",
            ),
            CreateError::PartialUnfinished => {
                Self::invalid("Upload-Concat", "a partial upload lacks bytes; send them first")
            }
            CreateError::PartialElsewhere => {
                Self::invalid("Upload-Concat", "a partial upload was begun at the address of another place")
            }
            CreateError::PartialTaken => Self::PartialTaken,
            CreateError::PartialGone => Self::Gone,
            CreateError::Refused { reason, detail } => Self::Refused { reason, detail },
            CreateError::TooLarge { limit } => Self::TooLarge { limit },
            CreateError::Quota { what, limit } => Self::Quota { what, limit },
            CreateError::NoRoom => Self::InsufficientStorage,
            CreateError::Crowded => Self::Unavailable { retry_after: AGAIN, source: None },
            CreateError::Store(error) => error.into(),
            CreateError::Database(error) => error.into(),
        }
    }
}

impl From<UploadError> for ApiError {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::Unknown => Self::NotFound,
            UploadError::Gone => Self::Gone,
            UploadError::Finished => Self::WrongState { state: "received".into() },
            UploadError::WrongOffset { committed } => Self::WrongOffset { committed },
            UploadError::TooLong { limit } => Self::TooLarge { limit },
            UploadError::WrongLength => Self::invalid("Upload-Length", "not the length of this upload"),
            UploadError::Unproven => Self::invalid(
                "Trailer",
                "the checksum it announces did not come after the body, or cannot be read",
            ),
            UploadError::Mismatch => Self::ChecksumMismatch,
            UploadError::Evicted | UploadError::Crowded => Self::Busy { retry_after: AGAIN },
            UploadError::Stopping => Self::Unavailable { retry_after: AGAIN, source: None },
            UploadError::Cut { .. } => Self::BodyTimeout,
            UploadError::Store(error) => error.into(),
            UploadError::Database(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailer_is_announced_by_name() {
        let name = HeaderName::from_static("upload-checksum");
        for (trailer, announced) in [
            ("Upload-Checksum", true),
            ("expires, upload-checksum", true),
            ("Upload-Checksums", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::TRAILER, trailer.parse().unwrap())]);
            assert_eq!(announces(&headers, &name), announced, "{trailer}");
        }
    }

    #[test]
    fn a_count_is_digits() {
        assert_eq!(count("0"), Some(0));
        assert_eq!(count("9223372036854775807"), Some(i64::MAX as u64));
        for bad in ["", "-1", "+1", "1 ", "1.0", "0x1", "9223372036854775808", "99999999999999999999"] {
            assert_eq!(count(bad), None, "{bad}");
        }
    }
}
