//! The tus 1.0.0 dialect of the upload engine: headers and status codes, nothing else.
//!
//! Core, creation, creation-with-upload, creation-defer-length, termination (unfinished uploads only), expiration. The
//! specification's section names stand beside what they ask for. Clients rely on a few things it leaves open: 409
//! carries `Upload-Offset`; HEAD answers passing trouble with 423 and nothing else (tus-js-client begins again from
//! zero on any other failure); `Location` is absolute; the creation address works with and without its slash.
//!
//! Who asks, and whether they may, is settled before the first byte of a body is polled, so a refused upload costs
//! its sender nothing.

mod metadata;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use futures_util::StreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;

use super::error::ApiError;
use super::identity::Caller;
use super::layers::RequestId;
use super::refusals::{self, About, Asked};
use super::routes::Access;
use crate::actor::Action;
use crate::evidence::LARGEST;
use crate::ids::FileId;
use crate::service::Service;
use crate::upload::{Appended, BodyError, Claimed, CreateError, Creation, Lease, UploadError};
use metadata::Address;

const VERSION: &str = "1.0.0";
const EXTENSIONS: &str = "creation,creation-with-upload,creation-defer-length,termination,expiration";
const BODY_TYPE: &str = "application/offset+octet-stream";
/// How long a client is asked to wait when an upload or the service is busy.
const AGAIN: Duration = Duration::from_secs(1);

const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
const DEFER: HeaderName = HeaderName::from_static("upload-defer-length");
const EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const METADATA: HeaderName = HeaderName::from_static("upload-metadata");

/// The routes of uploads.
pub fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/files", any(collection))
        .route("/files/", any(collection))
        .route("/files/to/{sample}/Documents", post(create_document))
        .route("/files/to/{sample}/Documents/{document}", post(create_this_document))
        .route("/files/to/{sample}/{candidate}/{section}", post(create_here))
        .route("/files/{file}", any(upload))
}

/// The method meant: `X-HTTP-Method-Override` on a POST (core, *X-HTTP-Method-Override*).
fn method(request: &Request) -> Method {
    let meant = request.headers().get("x-http-method-override").filter(|_| request.method() == Method::POST);
    meant
        .and_then(|value| Method::from_bytes(value.as_bytes()).ok())
        .unwrap_or_else(|| request.method().clone())
}

async fn collection(
    State(service): State<Arc<Service>>,
    caller: Option<Caller>,
    id: RequestId,
    request: Request,
) -> Response {
    match method(&request) {
        Method::OPTIONS => options(),
        Method::POST => answer(create(&service, caller, id, Address::default(), request).await),
        _ => answer(Err(ApiError::MethodNotAllowed { allow: "OPTIONS, POST" })),
    }
}

async fn create_here(
    State(service): State<Arc<Service>>,
    caller: Option<Caller>,
    id: RequestId,
    Path((sample, candidate, section)): Path<(String, String, String)>,
    request: Request,
) -> Response {
    let address =
        Address { sample: Some(sample), candidate: Some(candidate), section: Some(section), document: None };
    answer(create(&service, caller, id, address, request).await)
}

async fn create_document(
    State(service): State<Arc<Service>>,
    caller: Option<Caller>,
    id: RequestId,
    Path(sample): Path<String>,
    request: Request,
) -> Response {
    let section = Some(crate::evidence::DOCUMENTS.to_owned());
    let address = Address { sample: Some(sample), section, ..Address::default() };
    answer(create(&service, caller, id, address, request).await)
}

async fn create_this_document(
    State(service): State<Arc<Service>>,
    caller: Option<Caller>,
    id: RequestId,
    Path((sample, document)): Path<(String, String)>,
    request: Request,
) -> Response {
    let section = Some(crate::evidence::DOCUMENTS.to_owned());
    let address = Address { sample: Some(sample), candidate: None, section, document: Some(document) };
    answer(create(&service, caller, id, address, request).await)
}

async fn upload(
    State(service): State<Arc<Service>>,
    caller: Option<Caller>,
    id: RequestId,
    Path(file): Path<String>,
    request: Request,
) -> Response {
    let method = method(&request);
    if method == Method::OPTIONS {
        return options();
    }
    let outcome = async {
        let caller = caller.ok_or(ApiError::SignedOut)?;
        check_version(request.headers())?;
        // An id that cannot be one is an unknown upload.
        let file: FileId = file.parse().map_err(|_| ApiError::NotFound)?;
        match method {
            Method::HEAD => head(&service, &caller, file).await,
            Method::PATCH => patch(&service, &caller, file, request).await,
            Method::DELETE => {
                service.uploads.terminate(&caller.actor, file, &id.to_string()).await?;
                Ok(StatusCode::NO_CONTENT.into_response())
            }
            _ => Err(ApiError::MethodNotAllowed { allow: "OPTIONS, HEAD, PATCH, DELETE" }),
        }
    };
    answer(outcome.await)
}

/// Core, *OPTIONS*.
fn options() -> Response {
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    headers.insert("tus-version", HeaderValue::from_static(VERSION));
    headers.insert("tus-extension", HeaderValue::from_static(EXTENSIONS));
    headers.insert("tus-max-size", LARGEST.into());
    response
}

/// Creation, *POST*; creation-with-upload when there is a body.
async fn create(
    service: &Service,
    caller: Option<Caller>,
    id: RequestId,
    address: Address,
    request: Request,
) -> Result<Response, ApiError> {
    let caller = caller.ok_or(ApiError::SignedOut)?;
    check_version(request.headers())?;
    let length = declared_length(request.headers())?;
    let addressed = address.sample.is_some();
    let creation = metadata::creation(request.headers(), address, length)?;
    let with_body = has_body_type(request.headers());
    let announced = number(request.headers(), &header::CONTENT_LENGTH)?.unwrap_or(0);
    if !with_body && announced > 0 {
        return Err(ApiError::UnsupportedMediaType);
    }
    if let Some(limit) = length.filter(|length| announced > *length) {
        return Err(ApiError::TooLarge { limit });
    }
    let created = match service.uploads.create(&caller.actor, &creation, &id.to_string()).await {
        // The address tells the layer of refusals what was asked for; metadata does not.
        Err(error @ (CreateError::Unknown { .. } | CreateError::Forbidden)) if !addressed => {
            return Err(refused(service, &caller, id, &creation, error).await);
        }
        created => created?,
    };
    let location = format!("{}/files/{}", service.public_url(request.headers()), created.file);
    let mut appended = Appended { offset: 0, complete: false, expires_at: created.expires_at };
    // A file of no bytes is whole already, and the sweep that every creation wakes takes its last step.
    if with_body && length != Some(0) {
        let Claimed::Open(lease) = service.uploads.claim(&caller.actor, created.file).await? else {
            return Err(ApiError::NotFound);
        };
        match append(service, lease, 0, request).await {
            Ok(now) => appended = now,
            // The upload exists, and what arrived is kept: the client learns its address and asks for the offset.
            Err(UploadError::Cut { committed }) => appended.offset = committed,
            // Nobody learns the address of this one, so it may not hold a place.
            Err(error) => {
                if let UploadError::TooLong { .. } = error {
                    service.uploads.terminate(&caller.actor, created.file, &id.to_string()).await?;
                }
                return Err(error.into());
            }
        }
    }
    let mut response = StatusCode::CREATED.into_response();
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, text(&location)?);
    if with_body {
        headers.insert(OFFSET, appended.offset.into());
    }
    if !appended.complete {
        headers.insert(EXPIRES, date(appended.expires_at)?);
    }
    Ok(response)
}

/// Has it on the audit trail when the sample is there and not theirs.
async fn refused(
    service: &Service,
    caller: &Caller,
    id: RequestId,
    creation: &Creation,
    error: CreateError,
) -> ApiError {
    let error = ApiError::from(error);
    let asked = Asked {
        caller: caller.clone(),
        request: id,
        access: Access::May(Action::ChangeWork),
        method: Method::POST,
        route: "/files".to_owned(),
        about: About { sample: Some(creation.sample), file: None },
    };
    match refusals::record(service, &asked, error.row().1).await {
        Ok(()) => error,
        Err(fault) => fault,
    }
}

/// Core, *HEAD*. Takes the upload over, so that the offset it tells is the one the next PATCH meets.
async fn head(service: &Service, caller: &Caller, file: FileId) -> Result<Response, ApiError> {
    let claimed = service.uploads.claim(&caller.actor, file).await.map_err(|error| match error {
        UploadError::Store(_) | UploadError::Database(_) | UploadError::Evicted | UploadError::Stopping => {
            tracing::warn!(%file, error = &error as &dyn std::error::Error, "HEAD asks the client to wait");
            ApiError::Busy { retry_after: AGAIN }
        }
        other => other.into(),
    })?;
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    let metadata = match &claimed {
        Claimed::Open(lease) => {
            headers.insert(OFFSET, lease.offset().into());
            match lease.length() {
                Some(length) => headers.insert(LENGTH, length.into()),
                None => headers.insert(DEFER, 1.into()),
            };
            headers.insert(EXPIRES, date(lease.expires_at())?);
            lease.metadata()
        }
        Claimed::Finished(finished) => {
            headers.insert(OFFSET, finished.length.into());
            headers.insert(LENGTH, finished.length.into());
            &finished.metadata
        }
    };
    if !metadata.is_empty() {
        headers.insert(METADATA, text(metadata)?);
    }
    Ok(response)
}

/// Core, *PATCH*.
async fn patch(
    service: &Service,
    caller: &Caller,
    file: FileId,
    request: Request,
) -> Result<Response, ApiError> {
    if !has_body_type(request.headers()) {
        return Err(ApiError::UnsupportedMediaType);
    }
    let offset = number(request.headers(), &OFFSET)?
        .ok_or_else(|| ApiError::invalid("Upload-Offset", "say at which byte the body begins"))?;
    let appended = match service.uploads.claim(&caller.actor, file).await? {
        Claimed::Finished(finished) if finished.length == offset => {
            Appended { offset, complete: true, expires_at: Timestamp::MIN }
        }
        Claimed::Finished(finished) => return Err(ApiError::WrongOffset { committed: finished.length }),
        Claimed::Open(lease) if lease.offset() != offset => {
            return Err(ApiError::WrongOffset { committed: lease.offset() });
        }
        Claimed::Open(mut lease) => {
            if let Some(length) = number(request.headers(), &LENGTH)? {
                service.uploads.set_length(&mut lease, length).await?;
            }
            append(service, lease, offset, request).await?
        }
    };
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert(OFFSET, appended.offset.into());
    if !appended.complete {
        response.headers_mut().insert(EXPIRES, date(appended.expires_at)?);
    }
    Ok(response)
}

async fn append(
    service: &Service,
    lease: Box<Lease>,
    offset: u64,
    request: Request<Body>,
) -> Result<Appended, UploadError> {
    let limit = lease.length().unwrap_or(lease.max_length());
    let announced = number(request.headers(), &header::CONTENT_LENGTH).ok().flatten().unwrap_or(0);
    if offset == lease.offset() && announced > limit.saturating_sub(offset) {
        return Err(UploadError::TooLong { limit });
    }
    let body = request.into_body().into_data_stream();
    let body = body.map(|frame| frame.map_err(|error| BodyError(error.into())));
    service.uploads.append(lease, offset, body).await
}

/// Core, *Tus-Resumable*.
fn check_version(headers: &HeaderMap) -> Result<(), ApiError> {
    let spoken = headers.get(RESUMABLE).is_some_and(|version| version == VERSION);
    if spoken { Ok(()) } else { Err(ApiError::TusVersion) }
}

/// `Upload-Length`, or `Upload-Defer-Length: 1` for `None`.
fn declared_length(headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    match (number(headers, &LENGTH)?, headers.get(DEFER)) {
        (Some(length), None) => Ok(Some(length)),
        (None, Some(one)) if one == "1" => Ok(None),
        _ => Err(ApiError::invalid("Upload-Length", "say the length in bytes, or Upload-Defer-Length: 1")),
    }
}

fn has_body_type(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == BODY_TYPE)
}

/// A header that is a count of bytes.
fn number(headers: &HeaderMap, name: &HeaderName) -> Result<Option<u64>, ApiError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.any(|other| other != value) {
        return Err(ApiError::invalid(name.as_str(), "stands twice, with two values"));
    }
    let digits = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let number = digits.and_then(|text| text.parse().ok()).filter(|number| i64::try_from(*number).is_ok());
    number.map(Some).ok_or_else(|| ApiError::invalid(name.as_str(), "not a count of bytes"))
}

fn text(value: &str) -> Result<HeaderValue, ApiError> {
    HeaderValue::from_str(value).map_err(ApiError::internal)
}

/// RFC 9110, 5.6.7.
fn date(at: Timestamp) -> Result<HeaderValue, ApiError> {
    text(&at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
}

/// Every answer speaks the version; no answer is kept by a cache.
fn answer(outcome: Result<Response, ApiError>) -> Response {
    let offset = match &outcome {
        Err(ApiError::WrongOffset { committed }) => Some(*committed),
        _ => None,
    };
    let refused = matches!(&outcome, Err(ApiError::TusVersion));
    let mut response = outcome.into_response();
    let headers = response.headers_mut();
    headers.insert(RESUMABLE, HeaderValue::from_static(VERSION));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(offset) = offset {
        headers.insert(OFFSET, offset.into());
    }
    if refused {
        headers.insert("tus-version", HeaderValue::from_static(VERSION));
    }
    response
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
            CreateError::SectionFull { max, files } => Self::SectionFull { limit: max, files },
            CreateError::Refused { reason, detail } => Self::Refused { reason, detail },
            CreateError::TooLarge { limit } => Self::TooLarge { limit },
            CreateError::Quota { what, limit } => Self::Quota { what, limit },
            CreateError::NoRoom => Self::InsufficientStorage,
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
            UploadError::Evicted => Self::Busy { retry_after: AGAIN },
            UploadError::Stopping => Self::Unavailable { retry_after: AGAIN, source: None },
            UploadError::Cut { .. } => Self::BodyTimeout,
            UploadError::Store(error) => error.into(),
            UploadError::Database(error) => error.into(),
        }
    }
}
