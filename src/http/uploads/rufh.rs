//! Resumable uploads as HTTP itself is to have them (draft-ietf-httpbis-resumable-upload, "RUFH").
//!
//! Interop versions 6, 8 and 9, and requests that name none, as those of the finished text will be. What differs
//! between them stands in [`VERSIONS`]. The file's name comes in `Content-Disposition`, its place in the address (or
//! both in `Upload-Metadata`, as tus has it). There are no interim answers, so a client that wants to resume begins
//! with an empty request.
//!
//! Digests are RFC 9530's, with SHA-256: `Repr-Digest` at creation is what the whole must be, `Content-Digest` is what
//! one request must prove, and every answer about a whole file tells its `Repr-Digest`, whether it was wanted or not.
//!
//! A file whose length is known is whole with its last byte, whatever `Upload-Complete` says: the answer tells `?1`.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;

use super::metadata::{self, Address};
use super::shared::{self, LENGTH, OFFSET, text};
use crate::evidence::{LARGEST, Reason, Sha256Digest};
use crate::http::body::media_type;
use crate::http::error::{ApiError, Failure, Known};
use crate::http::identity::Caller;
use crate::http::layers::RequestId;
use crate::ids::FileId;
use crate::service::Service;
use crate::upload::checksum::{Algorithm, Checksum, Proof};
use crate::upload::{Append, Appended, Claimed, Lease, RunningDigest, UploadError, Whole};

/// What uploads begun here are known by.
const NAME: &str = "rufh";
const BODY_TYPE: &str = "application/partial-upload";

const INTEROP: HeaderName = HeaderName::from_static("upload-draft-interop-version");
const COMPLETE: HeaderName = HeaderName::from_static("upload-complete");
const LIMIT: HeaderName = HeaderName::from_static("upload-limit");
const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");

const MISMATCHING_OFFSET: &str = "https://iana.org/assignments/http-problem-types#mismatching-upload-offset";
const INCONSISTENT_LENGTH: &str =
    "https://iana.org/assignments/http-problem-types#inconsistent-upload-length";
const COMPLETED: &str = "https://iana.org/assignments/http-problem-types#completed-upload";

/// What the versions of the draft write differently.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Version {
    /// As requests name it; `None` for those that name none.
    pub interop: Option<u8>,
    /// The key of `Upload-Limit` for the seconds an upload is kept.
    lifetime: &'static str,
    /// The status of a request that has appended.
    appended: StatusCode,
    /// The problem of more bytes for an upload that is complete.
    completed: &'static str,
}

const fn version(
    interop: Option<u8>,
    lifetime: &'static str,
    appended: StatusCode,
    completed: &'static str,
) -> Version {
    Version { interop, lifetime, appended, completed }
}

/// The table, of drafts -05, -09 to -11 and -12.
static VERSIONS: [Version; 3] = [
    version(Some(6), "expires", StatusCode::CREATED, COMPLETED),
    version(Some(8), "max-age", StatusCode::NO_CONTENT, COMPLETED),
    version(Some(9), "max-age", StatusCode::NO_CONTENT, INCONSISTENT_LENGTH),
];

/// What is spoken where no version is named.
pub(super) static PLAIN: Version = version(None, "max-age", StatusCode::NO_CONTENT, INCONSISTENT_LENGTH);

/// The version a request names, or shows by `Upload-Complete` alone; `None` when it does not speak this at all.
pub(super) fn spoken(headers: &HeaderMap) -> Result<Option<&'static Version>, ApiError> {
    match headers.get(INTEROP) {
        Some(_) => {
            let number = integer(headers, &INTEROP);
            let named = VERSIONS.iter().find(|version| version.interop.map(u64::from) == number);
            let unknown = || ApiError::invalid(INTEROP.as_str(), "6, 8 and 9 are spoken here");
            named.map(Some).ok_or_else(unknown)
        }
        None => Ok(headers.contains_key(COMPLETE).then_some(&PLAIN)),
    }
}

pub(super) fn options(headers: &mut HeaderMap) {
    headers.insert(LIMIT, limit(LARGEST));
}

fn limit(size: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("max-size={size}")).unwrap_or(HeaderValue::from_static("min-size=0"))
}

/// The limits of an upload that is kept for a while.
fn limits(version: &Version, size: u64, now: Timestamp, expires: Timestamp) -> Result<HeaderValue, ApiError> {
    let left = expires.duration_since(now).as_secs().max(0);
    text(&format!("max-size={size}, {}={left}", version.lifetime))
}

/// A refusal, and what the protocol tells with it.
#[derive(Debug)]
struct Refused {
    error: ApiError,
    /// Where the upload stands.
    offset: Option<u64>,
    /// The bytes are all here, and what they are is refused.
    complete: bool,
    known: Option<Known>,
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self { error, offset: None, complete: false, known: None }
    }
}

impl From<UploadError> for Refused {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::WrongLength => inconsistent(),
            UploadError::Mismatch => ApiError::ContentDigestMismatch.into(),
            error => ApiError::from(error).into(),
        }
    }
}

fn known(error: ApiError, kind: &'static str) -> Refused {
    let known = Known { kind, expected_offset: None, provided_offset: None };
    Refused { known: Some(known), ..error.into() }
}

fn inconsistent() -> Refused {
    known(ApiError::invalid(LENGTH.as_str(), "not the length of this upload"), INCONSISTENT_LENGTH)
}

fn elsewhere(committed: u64, provided: u64) -> Refused {
    let known =
        Known { kind: MISMATCHING_OFFSET, expected_offset: Some(committed), provided_offset: Some(provided) };
    let error = ApiError::WrongOffset { committed };
    Refused { error, offset: Some(committed), complete: false, known: Some(known) }
}

/// Every refusal tells the limits and whose it is; no answer is kept by a cache.
fn answer(outcome: Result<Response, Refused>) -> Response {
    let mut response = match outcome {
        Ok(response) => response,
        Err(Refused { error, offset, complete, known }) => {
            let size = if let ApiError::TooLarge { limit } = &error { *limit } else { LARGEST };
            let mut response = error.into_response();
            if let Some(failure) = response.extensions_mut().get_mut::<Failure>() {
                failure.problem.known = known;
            }
            let headers = response.headers_mut();
            headers.insert(COMPLETE, boolean(complete));
            headers.insert(LIMIT, limit(size));
            if let Some(offset) = offset {
                headers.insert(OFFSET, offset.into());
            }
            response
        }
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Upload Creation.
pub(super) async fn create(
    service: &Service,
    caller: Option<Caller>,
    id: RequestId,
    version: &Version,
    address: Address,
    request: Request,
) -> Response {
    answer(created(service, caller, id, version, address, request).await)
}

async fn created(
    service: &Service,
    caller: Option<Caller>,
    id: RequestId,
    version: &Version,
    address: Address,
    request: Request,
) -> Result<Response, Refused> {
    let caller = caller.ok_or(ApiError::SignedOut)?;
    let headers = request.headers();
    let last = said_complete(headers)?;
    let announced = shared::announced(&request);
    let length = said_length(headers, 0, last, announced)?;
    if announced.is_some_and(|announced| length.is_some_and(|length| announced > length)) {
        return Err(inconsistent());
    }
    let addressed = address.sample.is_some();
    let mut creation = metadata::creation(headers, address, length, NAME)?;
    creation.sha256 = repr_digest(headers)?.or(creation.sha256);
    creation.declared_type = creation.declared_type.or_else(|| declared_type(headers));
    let proof = proof(headers)?;
    let held = length != Some(0) && (last || announced != Some(0));
    let (created, lease) = shared::create(service, &caller, id, &creation, addressed, held).await?;
    let location = shared::location(service, headers, created.file)?;
    let limits = limits(version, created.max_length, service.clock.now(), created.expires_at)?;
    let (mut offset, mut whole) = (0, None);
    if length == Some(0) {
        // Whole already; the sweep that every creation wakes takes its last step.
        whole = Some(Whole::new(RunningDigest::default().finish(), creation.sha256));
    } else if let Some(lease) = lease {
        match append(service, lease, Append { offset, last, proof }, request).await {
            Ok(appended) => (offset, whole) = (appended.offset, appended.whole),
            // The upload exists, and what arrived is kept.
            Err(UploadError::Cut { committed }) => offset = committed,
            Err(error) => {
                if let UploadError::TooLong { .. }
                | UploadError::WrongLength
                | UploadError::Unproven
                | UploadError::Mismatch = error
                {
                    shared::withdraw(service, &caller, id, created.file).await?;
                }
                return Err(error.into());
            }
        }
    }
    let mut response = answered(StatusCode::CREATED, offset, whole)?;
    response.headers_mut().insert(header::LOCATION, location);
    response.headers_mut().insert(LIMIT, limits);
    Ok(response)
}

/// A request on an upload.
pub(super) async fn upload(
    service: &Service,
    caller: &Caller,
    id: RequestId,
    version: &Version,
    file: &str,
    method: Method,
    request: Request,
) -> Response {
    let outcome = async {
        let file = shared::id(file)?;
        match method {
            Method::HEAD | Method::GET => state(service, caller, version, file, request.headers()).await,
            Method::PATCH => patch(service, caller, id, version, file, request).await,
            Method::DELETE => {
                shared::end(service, caller, &id, file).await?;
                Ok(StatusCode::NO_CONTENT.into_response())
            }
            _ => Err(ApiError::MethodNotAllowed { allow: "OPTIONS, GET, HEAD, PATCH, DELETE" }.into()),
        }
    };
    answer(outcome.await)
}

/// Offset Retrieval. Takes the upload over, so that the offset it tells is the one the next PATCH meets.
async fn state(
    service: &Service,
    caller: &Caller,
    version: &Version,
    file: FileId,
    headers: &HeaderMap,
) -> Result<Response, Refused> {
    for name in [OFFSET, COMPLETE] {
        if headers.contains_key(&name) {
            return Err(ApiError::invalid(name.as_str(), "is for the answer to tell").into());
        }
    }
    let claimed = service.uploads.claim(&caller.actor, file).await;
    let claimed = claimed.map_err(|error| shared::patient(file, error))?;
    match claimed {
        Claimed::Open(lease) => {
            let mut response = answered(StatusCode::NO_CONTENT, lease.offset(), None)?;
            let headers = response.headers_mut();
            if let Some(length) = lease.length() {
                headers.insert(LENGTH, length.into());
            }
            let now = service.clock.now();
            headers.insert(LIMIT, limits(version, lease.max_length(), now, lease.expires_at())?);
            Ok(response)
        }
        Claimed::Finished(finished) => {
            let mut response = StatusCode::NO_CONTENT.into_response();
            let headers = response.headers_mut();
            headers.insert(COMPLETE, boolean(true));
            headers.insert(OFFSET, finished.length.into());
            headers.insert(LENGTH, finished.length.into());
            headers.insert(LIMIT, limit(finished.length));
            if let Some(whole) = finished.whole {
                headers.insert(REPR_DIGEST, written(whole.sha256)?);
            }
            Ok(response)
        }
    }
}

/// Upload Append.
async fn patch(
    service: &Service,
    caller: &Caller,
    id: RequestId,
    version: &Version,
    file: FileId,
    request: Request,
) -> Result<Response, Refused> {
    let headers = request.headers();
    if media_type(headers).as_deref() != Some(BODY_TYPE) {
        return Err(ApiError::UnsupportedMediaType.into());
    }
    let offset = integer(headers, &OFFSET)
        .ok_or_else(|| ApiError::invalid(OFFSET.as_str(), "say at which byte the body begins"))?;
    let last = said_complete(headers)?;
    let announced = shared::announced(&request);
    let length = said_length(headers, offset, last, announced)?;
    let proof = proof(headers)?;
    let mut lease = match service.uploads.claim(&caller.actor, file).await? {
        // Its answer was lost: here it is again.
        Claimed::Finished(finished) if finished.length == offset && announced == Some(0) => {
            return answered(version.appended, offset, finished.whole);
        }
        Claimed::Finished(finished) if finished.length == offset => {
            let error = ApiError::invalid(LENGTH.as_str(), "all bytes of the upload are here");
            return Err(Refused { offset: Some(offset), ..known(error, version.completed) });
        }
        Claimed::Finished(finished) => return Err(elsewhere(finished.length, offset)),
        Claimed::Open(lease) if lease.offset() != offset => return Err(elsewhere(lease.offset(), offset)),
        Claimed::Open(lease) => lease,
    };
    if let Some(length) = length {
        let set = service.uploads.set_length(&mut lease, length).await;
        set.map_err(|error| Refused { offset: Some(offset), ..error.into() })?;
    }
    let (max_length, fixed) = (lease.max_length(), lease.length().is_some());
    let appended = match append(service, lease, Append { offset, last, proof }, request).await {
        Ok(appended) => appended,
        // More than it has: from then on the upload is none.
        Err(UploadError::TooLong { .. }) if fixed => {
            service.uploads.terminate(&caller.actor, file, &id.to_string()).await?;
            return Err(inconsistent());
        }
        Err(error @ (UploadError::Mismatch | UploadError::Unproven)) => {
            return Err(Refused { offset: Some(offset), ..error.into() });
        }
        Err(error) => return Err(error.into()),
    };
    let mut response = answered(version.appended, appended.offset, appended.whole)?;
    if appended.whole.is_none() {
        let limits = limits(version, max_length, service.clock.now(), appended.expires_at)?;
        response.headers_mut().insert(LIMIT, limits);
    }
    Ok(response)
}

async fn append(
    service: &Service,
    lease: Box<Lease>,
    append: Append,
    request: Request,
) -> Result<Appended, UploadError> {
    let told_after = |trailers: &HeaderMap| digest(trailers, &CONTENT_DIGEST).ok().flatten();
    shared::append(service, lease, append, request, told_after).await
}

/// What an answer tells of an upload: how far it is, and of a whole one its digest. One that is not what its sender
/// said it would be has failed, and its check will say so to everybody else.
fn answered(status: StatusCode, offset: u64, whole: Option<Whole>) -> Result<Response, Refused> {
    let mut response = status.into_response();
    let headers = response.headers_mut();
    headers.insert(OFFSET, offset.into());
    headers.insert(COMPLETE, boolean(whole.is_some()));
    if let Some(Whole { sha256, agrees }) = whole {
        if !agrees {
            let detail = "The file that came is not the one Repr-Digest told of.".into();
            let error = ApiError::Refused { reason: Reason::DigestMismatch, detail };
            return Err(Refused { error, offset: Some(offset), complete: true, known: None });
        }
        headers.insert(REPR_DIGEST, written(sha256)?);
    }
    Ok(response)
}

/// `Upload-Complete`, which must be there.
fn said_complete(headers: &HeaderMap) -> Result<bool, ApiError> {
    let said = match item(headers, &COMPLETE) {
        Some("?1") => Some(true),
        Some("?0") => Some(false),
        _ => None,
    };
    said.ok_or_else(|| {
        ApiError::invalid(COMPLETE.as_str(), "say ?1 when the file ends with this body, or ?0")
    })
}

fn boolean(value: bool) -> HeaderValue {
    HeaderValue::from_static(if value { "?1" } else { "?0" })
}

/// The length of the whole as a request tells it: in `Upload-Length`, or by its own length when it is the last. Both
/// must be the same.
fn said_length(
    headers: &HeaderMap,
    offset: u64,
    last: bool,
    announced: Option<u64>,
) -> Result<Option<u64>, Refused> {
    let said = integer(headers, &LENGTH);
    let shown = announced.filter(|_| last).and_then(|length| offset.checked_add(length));
    match (said, shown) {
        (Some(said), Some(shown)) if said != shown => Err(inconsistent()),
        (said, shown) => Ok(said.or(shown)),
    }
}

/// The type in words of its own; that of the transfer is not the file's.
fn declared_type(headers: &HeaderMap) -> Option<String> {
    let own = media_type(headers).filter(|kind| kind != BODY_TYPE)?;
    (own.len() <= metadata::LONGEST_NOTE && !own.chars().any(char::is_control)).then_some(own)
}

/// What the request must prove: `Content-Digest`, or one that `Trailer` announces.
fn proof(headers: &HeaderMap) -> Result<Proof, ApiError> {
    let told = digest(headers, &CONTENT_DIGEST)?.into_iter().collect();
    Ok(Proof { told, awaited: shared::announces(headers, &CONTENT_DIGEST) })
}

fn repr_digest(headers: &HeaderMap) -> Result<Option<Sha256Digest>, ApiError> {
    let Some(told) = digest(headers, &REPR_DIGEST)? else { return Ok(None) };
    let digest = told.value.try_into().map(Sha256Digest);
    digest.map(Some).map_err(|_| ApiError::invalid(REPR_DIGEST.as_str(), "a SHA-256 has 32 bytes"))
}

/// The SHA-256 among the digests of a field (RFC 9530, 2 and 3); others are nobody's to check here.
fn digest(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Checksum>, ApiError> {
    let bad = || ApiError::invalid(name.as_str(), "write sha-256=:base64:");
    let mut found = None;
    for line in headers.get_all(name) {
        let line = line.to_str().map_err(|_| bad())?;
        for member in line.split(',').map(str::trim) {
            let (key, value) = member.split_once('=').ok_or_else(bad)?;
            if key == "sha-256" {
                let value = value.split(';').next().unwrap_or_default().trim();
                let value =
                    value.strip_prefix(':').and_then(|rest| rest.strip_suffix(':')).ok_or_else(bad)?;
                let value = STANDARD.decode(value).map_err(|_| bad())?;
                // The last of a key's members is the one that stands (RFC 9651, 4.2.2).
                found = Some(Checksum { algorithm: Algorithm::Sha256, value });
            }
        }
    }
    Ok(found)
}

fn written(sha256: Sha256Digest) -> Result<HeaderValue, ApiError> {
    text(&format!("sha-256=:{}:", STANDARD.encode(sha256.0)))
}

/// The bare item of a structured field (RFC 9651) without its parameters; `None` when it is not there once.
fn item<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok()?.split(';').next().map(str::trim)
}

/// A field that is a count. Any other value is as none, so the text has it.
fn integer(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    item(headers, name).filter(|digits| digits.len() <= 15).and_then(shared::count)
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
    fn an_item_is_read_and_anything_else_ignored() {
        for (value, read) in [
            ("0", Some(0)),
            (" 42 ;why=not", Some(42)),
            ("999999999999999", Some(999_999_999_999_999)),
            ("1000000000000000", None),
            ("-1", None),
            ("1.5", None),
            ("abc", None),
            ("", None),
        ] {
            assert_eq!(integer(&headers(&OFFSET, &[value]), &OFFSET), read, "{value}");
        }
        assert_eq!(integer(&headers(&OFFSET, &["1", "1"]), &OFFSET), None);
        assert!(said_complete(&headers(&COMPLETE, &["?1"])).unwrap());
        assert!(!said_complete(&headers(&COMPLETE, &["?0;a"])).unwrap());
        for bad in ["true", "1", "?2", "\"?1\"", ""] {
            assert!(said_complete(&headers(&COMPLETE, &[bad])).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_length_that_is_told_twice_is_the_same() {
        let length =
            |said: &str, last, announced| said_length(&headers(&LENGTH, &[said]), 10, last, announced);
        assert_eq!(length("15", true, Some(5)).unwrap(), Some(15));
        assert_eq!(length("nothing", true, Some(5)).unwrap(), Some(15));
        assert_eq!(length("nothing", true, None).unwrap(), None);
        assert_eq!(length("nothing", false, Some(5)).unwrap(), None);
        assert_eq!(length("90", false, Some(5)).unwrap(), Some(90));
        let refused = length("90", true, Some(5)).unwrap_err();
        assert_eq!(refused.known.unwrap().kind, INCONSISTENT_LENGTH);
    }

    #[test]
    fn of_several_digests_ours_is_taken() {
        let empty = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        for value in [
            format!("sha-256=:{empty}:"),
            format!("sha-512=:AAAA:, sha-256=:{empty}:;q=1"),
            format!("sha-256=:AAAA:, sha-256=:{empty}:"),
        ] {
            let found = digest(&headers(&CONTENT_DIGEST, &[&value]), &CONTENT_DIGEST).unwrap().unwrap();
            assert_eq!(STANDARD.encode(found.value), empty);
        }
        assert_eq!(digest(&headers(&CONTENT_DIGEST, &["sha-512=:AAAA:"]), &CONTENT_DIGEST).unwrap(), None);
        for bad in ["sha-256", "sha-256=AAAA", "sha-256=:AA", "sha-256=:%%:", ""] {
            assert!(digest(&headers(&CONTENT_DIGEST, &[bad]), &CONTENT_DIGEST).is_err(), "{bad}");
        }
        assert!(repr_digest(&headers(&REPR_DIGEST, &["sha-256=:AAAA:"])).is_err());
    }

    proptest! {
        #[test]
        fn no_header_panics(text in "[ -~]{0,80}") {
            for name in [COMPLETE, OFFSET, INTEROP, CONTENT_DIGEST, REPR_DIGEST] {
                let headers = headers(&name, &[&text]);
                let _complete = said_complete(&headers);
                let _spoken = spoken(&headers);
                let _length = said_length(&headers, 0, true, None);
                let _digest = digest(&headers, &name);
                let _repr = repr_digest(&headers);
            }
        }

        #[test]
        fn every_digest_reads_back(sum in any::<[u8; 32]>()) {
            let value = written(Sha256Digest(sum)).unwrap();
            let headers = HeaderMap::from_iter([(REPR_DIGEST, value)]);
            prop_assert_eq!(repr_digest(&headers).unwrap(), Some(Sha256Digest(sum)));
        }
    }
}
