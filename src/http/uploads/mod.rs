//! Uploads over HTTP: two dialects at the same addresses, each nothing but a translation of headers and status codes.
//!
//! [`tus`] is tus 1.0.0; [`rufh`] is what HTTP itself is to have (the IETF's resumable uploads). A request says by its
//! headers which it speaks ([`spoken`]). One on an upload that says nothing (a bare HEAD is all the newest drafts ask
//! for) is answered in the dialect the upload was begun in.
//!
//! Who asks, and whether they may, is settled before the first byte of a body is polled, so a refused upload costs
//! its sender nothing.

mod concatenation;
#[cfg(test)]
mod fuzz;
mod metadata;
mod rufh;
mod shared;
mod tus;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::{HeaderMap, Method, StatusCode};
use tokio::time::timeout;

use super::error::{ApiError, Failure};
use super::identity::Caller;
use super::layers::RequestId;
use crate::evidence::DOCUMENTS;
use crate::service::Service;
use metadata::Address;
pub(super) use metadata::guard;

/// The longest a HEAD may take: a database that stands still does not say that it does.
const ANSWER: Duration = Duration::from_secs(20);

/// The routes of uploads.
pub fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/files", any(collection))
        .route("/files/", any(collection))
        .route("/files/to/{sample}/Documents", any(to_documents))
        .route("/files/to/{sample}/Documents/{document}", any(to_document))
        .route("/files/to/{sample}/{candidate}/{section}", any(to_section))
        .route("/files/{file}", any(upload))
}

/// What a request speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Tus,
    Rufh(&'static rufh::Version),
}

/// What a request says it speaks; `None` when it says nothing.
fn spoken(headers: &HeaderMap) -> Result<Option<Dialect>, ApiError> {
    if headers.contains_key(tus::RESUMABLE) {
        return Ok(Some(Dialect::Tus));
    }
    Ok(rufh::spoken(headers)?.map(Dialect::Rufh))
}

/// The method meant: `X-HTTP-Method-Override` on a POST (tus, core).
fn method(request: &Request) -> Method {
    let meant = request.headers().get("x-http-method-override").filter(|_| request.method() == Method::POST);
    meant
        .and_then(|value| Method::from_bytes(value.as_bytes()).ok())
        .unwrap_or_else(|| request.method().clone())
}

/// What decides where bytes go and what they must be.
const DECIDING: [&str; 13] = [
    "content-disposition",
    "content-length",
    "content-type",
    "tus-resumable",
    "upload-checksum",
    "upload-complete",
    "upload-concat",
    "upload-defer-length",
    "upload-draft-interop-version",
    "upload-length",
    "upload-metadata",
    "upload-offset",
    "x-http-method-override",
];

/// Refuses what says two things: a proxy on the way may have read the one, and we would read the other.
fn unambiguous(headers: &HeaderMap) -> Result<(), ApiError> {
    let twice = |name: &&&str| {
        let mut values = headers.get_all(**name).iter();
        let first = values.next();
        values.any(|value| Some(value) != first)
    };
    match DECIDING.iter().find(twice) {
        Some(name) => Err(ApiError::invalid(*name, "stands twice, with two values")),
        None => Ok(()),
    }
}

/// Around everything else: a HEAD on an upload that meets passing trouble is answered 423 and nothing else, also where
/// the trouble comes before the upload is reached. tus-js-client begins again from zero on any other failure.
pub(super) async fn patient(request: Request, next: Next) -> Response {
    let asks = method(&request) == Method::HEAD && request.uri().path().starts_with("/files/");
    if !asks {
        return next.run(request).await;
    }
    // Nothing it does is lost when it is dropped: every step may be repeated.
    let cause = match timeout(ANSWER, next.run(request)).await {
        Ok(mut response) if response.status() == StatusCode::SERVICE_UNAVAILABLE => {
            response.extensions_mut().remove::<Failure>().and_then(|failure| failure.cause)
        }
        Ok(response) => return response,
        Err(late) => Some(late.to_string()),
    };
    let mut busy = tus::answer(Err(ApiError::Busy { retry_after: shared::AGAIN }));
    if let Some(failure) = busy.extensions_mut().get_mut::<Failure>() {
        failure.cause = cause;
    }
    busy
}

/// What is spoken here.
fn options() -> Response {
    let mut response = StatusCode::OK.into_response();
    tus::options(response.headers_mut());
    rufh::options(response.headers_mut());
    response
}

async fn collection(
    State(service): State<Arc<Service>>,
    caller: Option<Caller>,
    id: RequestId,
    request: Request,
) -> Response {
    begin(&service, caller, id, Address::default(), request).await
}

async fn to_section(
    State(service): State<Arc<Service>>,
    caller: Option<Caller>,
    id: RequestId,
    Path((sample, candidate, section)): Path<(String, String, String)>,
    request: Request,
) -> Response {
    let address =
        Address { sample: Some(sample), candidate: Some(candidate), section: Some(section), document: None };
    begin(&service, caller, id, address, request).await
}

async fn to_documents(
    State(service): State<Arc<Service>>,
    caller: Option<Caller>,
    id: RequestId,
    Path(sample): Path<String>,
    request: Request,
) -> Response {
    let address = Address { sample: Some(sample), section: Some(DOCUMENTS.to_owned()), ..Address::default() };
    begin(&service, caller, id, address, request).await
}

async fn to_document(
    State(service): State<Arc<Service>>,
    caller: Option<Caller>,
    id: RequestId,
    Path((sample, document)): Path<(String, String)>,
    request: Request,
) -> Response {
    let section = Some(DOCUMENTS.to_owned());
    let address = Address { sample: Some(sample), candidate: None, section, document: Some(document) };
    begin(&service, caller, id, address, request).await
}

/// A request where uploads begin.
async fn begin(
    service: &Service,
    caller: Option<Caller>,
    id: RequestId,
    address: Address,
    request: Request,
) -> Response {
    if let Err(error) = unambiguous(request.headers()) {
        return tus::answer(Err(error));
    }
    match method(&request) {
        Method::OPTIONS => options(),
        Method::POST => match spoken(request.headers()) {
            Ok(Some(Dialect::Rufh(version))) => {
                rufh::create(service, caller, id, version, address, request).await
            }
            // tus asks for its version itself.
            Ok(_) => tus::create(service, caller, id, address, request).await,
            Err(error) => error.into_response(),
        },
        _ => tus::answer(Err(ApiError::MethodNotAllowed { allow: "OPTIONS, POST" })),
    }
}

/// A request on an upload.
async fn upload(
    State(service): State<Arc<Service>>,
    caller: Option<Caller>,
    id: RequestId,
    Path(file): Path<String>,
    request: Request,
) -> Response {
    if let Err(error) = unambiguous(request.headers()) {
        return tus::answer(Err(error));
    }
    let method = method(&request);
    if method == Method::OPTIONS {
        return options();
    }
    let Some(caller) = caller else { return tus::answer(Err(ApiError::SignedOut)) };
    match dialect(&service, &caller, &file, request.headers()).await {
        Ok(Dialect::Tus) => tus::upload(&service, &caller, id, &file, method, request).await,
        Ok(Dialect::Rufh(version)) => {
            rufh::upload(&service, &caller, id, version, &file, method, request).await
        }
        Err(error) => tus::answer(Err(error)),
    }
}

/// What a request on an upload speaks, or else what the upload was begun in.
async fn dialect(
    service: &Service,
    caller: &Caller,
    file: &str,
    headers: &HeaderMap,
) -> Result<Dialect, ApiError> {
    if let Some(dialect) = spoken(headers)? {
        return Ok(dialect);
    }
    let begun = service.uploads.dialect(&caller.actor, shared::id(file)?).await?;
    // An upload that is not there is so in any dialect; this one asks for no header of its own.
    Ok(if begun.as_deref() == Some(tus::NAME) { Dialect::Tus } else { Dialect::Rufh(&rufh::PLAIN) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_request_is_told_by_its_headers() {
        let interop = |headers: &HeaderMap| match spoken(headers) {
            Ok(Some(Dialect::Rufh(version))) => Some(version.interop),
            _ => None,
        };
        assert_eq!(spoken(&headers(&[])).unwrap(), None);
        let both = headers(&[("tus-resumable", "1.0.0"), ("upload-complete", "?1")]);
        assert_eq!(spoken(&both).unwrap(), Some(Dialect::Tus));
        assert_eq!(interop(&headers(&[("upload-complete", "?1")])), Some(None));
        for number in [6, 8, 9] {
            let said = headers(&[("upload-draft-interop-version", &number.to_string())]);
            assert_eq!(interop(&said), Some(Some(number)));
        }
        for strange in ["3", "5", "7", "10", "six", ""] {
            let said = headers(&[("upload-draft-interop-version", strange), ("upload-complete", "?0")]);
            assert!(spoken(&said).is_err(), "{strange}");
        }
    }
}
