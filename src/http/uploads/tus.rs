//! tus 1.0.0 (<https://tus.io/protocols/resumable-upload>).
//!
//! Core, creation, creation-with-upload, creation-defer-length, checksum, checksum-trailer, termination (of what is
//! whole too: it is withdrawn or deleted as by the API), expiration, concatenation (of finished partials only:
//! [`super::concatenation`]). The specification's section names stand beside what they ask for. Clients rely on a few
//! things it leaves open: 409 carries `Upload-Offset`; HEAD answers passing trouble with 423 and nothing else;
//! `Location` is absolute; the creation address works with and without its slash.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use super::concatenation::{self, CONCAT, Concat};
use super::metadata::{self, Address};
use super::shared::{self, LENGTH, OFFSET, date, text};
use crate::evidence::LARGEST;
use crate::http::error::ApiError;
use crate::http::identity::Caller;
use crate::http::layers::RequestId;
use crate::ids::FileId;
use crate::service::Service;
use crate::upload::checksum::{Algorithm, Checksum, Proof};
use crate::upload::{Append, Appended, Claimed, Lease, UploadError};

/// What uploads begun here are known by.
pub(super) const NAME: &str = "tus";
pub(super) const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");

const VERSION: &str = "1.0.0";
const EXTENSIONS: &str = "creation,creation-with-upload,creation-defer-length,checksum,checksum-trailer,\
                          termination,expiration,concatenation";
const BODY_TYPE: &str = "application/offset+octet-stream";

pub(super) const DEFER: HeaderName = HeaderName::from_static("upload-defer-length");
const EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");

/// Core, *OPTIONS*.
pub(super) fn options(headers: &mut HeaderMap) {
    headers.insert("tus-version", HeaderValue::from_static(VERSION));
    headers.insert("tus-extension", HeaderValue::from_static(EXTENSIONS));
    headers.insert("tus-max-size", LARGEST.into());
    let algorithms = Algorithm::ALL.map(Algorithm::name).join(",");
    if let Ok(algorithms) = algorithms.parse() {
        headers.insert("tus-checksum-algorithm", algorithms);
    }
}

/// Creation, *POST*; creation-with-upload when there is a body.
pub(super) async fn create(
    service: &Service,
    caller: Option<Caller>,
    id: RequestId,
    address: Address,
    request: Request,
) -> Response {
    answer(created(service, caller, id, address, request).await)
}

async fn created(
    service: &Service,
    caller: Option<Caller>,
    id: RequestId,
    address: Address,
    request: Request,
) -> Result<Response, ApiError> {
    let caller = caller.ok_or(ApiError::SignedOut)?;
    check_version(request.headers())?;
    let concat = concatenation::said(request.headers())?;
    if let Some(Concat::Final(concatenation)) = concat {
        let body = has_body_type(request.headers()) || shared::announced(&request).is_some_and(|len| len > 0);
        let headers = request.headers();
        return concatenation::create(service, &caller, id, address, concatenation, headers, body).await;
    }
    let length = declared_length(request.headers())?;
    let with_body = has_body_type(request.headers());
    let announced = shared::announced(&request).unwrap_or(0);
    if !with_body && announced > 0 {
        return Err(ApiError::UnsupportedMediaType);
    }
    if let Some(limit) = length.filter(|length| announced > *length) {
        return Err(ApiError::TooLarge { limit });
    }
    let proof = proof(request.headers())?;
    // A file of no bytes is whole already, and the sweep that its creation wakes takes its last step. (That of a
    // partial is taken before its creation is answered: the file may be asked for next.)
    let held = with_body && length != Some(0);
    let partial = concat.is_some();
    let (created, lease) = if partial {
        let headers = request.headers();
        concatenation::create_partial(service, &caller, id, address, length, headers, held).await?
    } else {
        let addressed = address.sample.is_some();
        let creation = metadata::creation(request.headers(), address, length, NAME)?;
        shared::create(service, &caller, id, &creation, addressed, held).await?
    };
    let location = shared::location(service, request.headers(), created.file)?;
    let mut appended = Appended { offset: 0, whole: None, expires_at: created.expires_at };
    if let Some(lease) = lease {
        match append(service, lease, 0, proof, request).await {
            Ok(now) => appended = now,
            // The upload exists, and what arrived is kept: the client learns its address and asks for the offset.
            Err(UploadError::Cut { committed }) => appended.offset = committed,
            Err(error) => {
                if let UploadError::TooLong { .. } | UploadError::Unproven | UploadError::Mismatch = error {
                    shared::withdraw(service, &caller, id, created.file).await?;
                }
                return Err(error.into());
            }
        }
    }
    let mut response = StatusCode::CREATED.into_response();
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, location);
    if with_body {
        headers.insert(OFFSET, appended.offset.into());
    }
    if appended.whole.is_none() || partial {
        headers.insert(EXPIRES, date(appended.expires_at)?);
    }
    Ok(response)
}

/// A request on an upload.
pub(super) async fn upload(
    service: &Service,
    caller: &Caller,
    id: RequestId,
    file: &str,
    method: Method,
    request: Request,
) -> Response {
    let outcome = async {
        check_version(request.headers())?;
        let file = shared::id(file)?;
        match method {
            Method::HEAD => head(service, caller, file).await,
            Method::PATCH => patch(service, caller, file, request).await,
            Method::DELETE => {
                shared::end(service, caller, &id, file).await?;
                Ok(StatusCode::NO_CONTENT.into_response())
            }
            _ => Err(ApiError::MethodNotAllowed { allow: "OPTIONS, HEAD, PATCH, DELETE" }),
        }
    };
    answer(outcome.await)
}

/// Core, *HEAD*. Takes the upload over, so that the offset it tells is the one the next PATCH meets.
async fn head(service: &Service, caller: &Caller, file: FileId) -> Result<Response, ApiError> {
    let claimed = service.uploads.claim(&caller.actor, file).await;
    let claimed = claimed.map_err(|error| shared::patient(file, error))?;
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
            if let Some(concat) = lease.concat() {
                headers.insert(CONCAT, text(concat)?);
            }
            lease.metadata()
        }
        Claimed::Finished(finished) => {
            headers.insert(OFFSET, finished.length.into());
            headers.insert(LENGTH, finished.length.into());
            if let Some(expires) = finished.expires_at {
                headers.insert(EXPIRES, date(expires)?);
            }
            if let Some(concat) = &finished.concat {
                headers.insert(CONCAT, text(concat)?);
            }
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
    let proof = proof(request.headers())?;
    let (offset, expires) = match service.uploads.claim(&caller.actor, file).await? {
        Claimed::Finished(finished) if finished.is_final() => return Err(ApiError::FinalUpload),
        Claimed::Finished(finished) if finished.length == offset => (offset, finished.expires_at),
        Claimed::Finished(finished) => return Err(ApiError::WrongOffset { committed: finished.length }),
        Claimed::Open(lease) if lease.offset() != offset => {
            return Err(ApiError::WrongOffset { committed: lease.offset() });
        }
        Claimed::Open(mut lease) => {
            if let Some(length) = number(request.headers(), &LENGTH)? {
                service.uploads.set_length(&mut lease, length).await?;
            }
            let partial = lease.concat().is_some();
            let appended = append(service, lease, offset, proof, request).await?;
            (appended.offset, (appended.whole.is_none() || partial).then_some(appended.expires_at))
        }
    };
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert(OFFSET, offset.into());
    if let Some(expires) = expires {
        response.headers_mut().insert(EXPIRES, date(expires)?);
    }
    Ok(response)
}

async fn append(
    service: &Service,
    lease: Box<Lease>,
    offset: u64,
    proof: Proof,
    request: Request,
) -> Result<Appended, UploadError> {
    let told_after = |trailers: &HeaderMap| checksum(trailers.get(CHECKSUM)?).ok();
    shared::append(service, lease, Append { offset, last: false, proof }, request, told_after).await
}

/// Checksum, and checksum-trailer where `Trailer` announces it.
fn proof(headers: &HeaderMap) -> Result<Proof, ApiError> {
    let told = headers.get_all(CHECKSUM).iter().map(checksum).collect::<Result<_, _>>()?;
    Ok(Proof { told, awaited: shared::announces(headers, &CHECKSUM) })
}

/// Checksum, *Upload-Checksum*: `algorithm base64`.
fn checksum(value: &HeaderValue) -> Result<Checksum, ApiError> {
    let bad = |detail: &str| ApiError::invalid("Upload-Checksum", detail);
    let text = value.to_str().map_err(|_| bad("not plain ASCII"))?;
    let (name, sum) = text.split_once(' ').ok_or_else(|| bad("say the algorithm and the sum in base64"))?;
    let algorithm = Algorithm::named(name).ok_or_else(|| bad("not an algorithm that is spoken here"))?;
    let value = STANDARD.decode(sum.trim()).map_err(|_| bad("the sum is not base64"))?;
    Ok(Checksum { algorithm, value })
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
    let number = value.to_str().ok().and_then(shared::count);
    number.map(Some).ok_or_else(|| ApiError::invalid(name.as_str(), "not a count of bytes"))
}

/// Every answer speaks the version; no answer is kept by a cache.
pub(super) fn answer(outcome: Result<Response, ApiError>) -> Response {
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

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_checksum_is_a_name_and_base64() {
        let read = checksum(&"sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=".parse().unwrap()).unwrap();
        assert_eq!((read.algorithm, read.value.len()), (Algorithm::Sha1, 20));
        for bad in ["", "sha1", "SHA1 AAAA", "sha512 AAAA", "sha1 ****", "sha1AAAA", " sha1 AAAA"] {
            assert!(checksum(&bad.parse().unwrap()).is_err(), "{bad:?}");
        }
        let twice = headers(&CHECKSUM, &["sha1 AAAA", "md5 AAAA"]);
        assert_eq!(proof(&twice).unwrap().told.len(), 2);
        let announced = headers(&header::TRAILER, &["upload-checksum"]);
        assert_eq!(proof(&announced).unwrap(), Proof { told: vec![], awaited: true });
    }

    #[test]
    fn a_length_is_said_once() {
        assert_eq!(declared_length(&headers(&LENGTH, &["7", "7"])).unwrap(), Some(7));
        assert_eq!(declared_length(&headers(&DEFER, &["1"])).unwrap(), None);
        for bad in [headers(&LENGTH, &["7", "8"]), headers(&LENGTH, &["-7"]), headers(&DEFER, &["2"])] {
            assert!(declared_length(&bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_header_panics(text in "[ -~]{0,80}") {
            let value: HeaderValue = text.parse().unwrap();
            let _checksum = checksum(&value);
            let _number = number(&HeaderMap::from_iter([(LENGTH, value)]), &LENGTH);
        }

        #[test]
        fn every_sum_reads_back(sum in prop::collection::vec(any::<u8>(), 0..40), of in 0usize..4) {
            let algorithm = Algorithm::ALL[of];
            let value = format!("{} {}", algorithm.name(), STANDARD.encode(&sum)).parse().unwrap();
            prop_assert_eq!(checksum(&value).unwrap(), Checksum { algorithm, value: sum });
        }
    }
}
