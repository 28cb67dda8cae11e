//! Proof that a change was asked for by a page of ours, for requests that carry the session's cookie.
//!
//! Two proofs, both needed: the browser says that the page's origin is ours (`Origin`, or `Sec-Fetch-Site` where
//! that is absent), and the request holds what a foreign page cannot send: the session's token in `X-CSRF-Token` or
//! the form field `csrf` (of a form with a file, the first), or the header `Tus-Resumable`, which no foreign page may set.

use axum::body::Body;
use http::{HeaderMap, Request, header};

use crate::http::body::{BODY_LIMIT, media_type, read_bounded};
use crate::http::error::ApiError;
use crate::http::multipart::first_field;
use crate::http::secret::equal;
use crate::service::Service;

const TOKEN_HEADER: &str = "x-csrf-token";
const FORM: &str = "application/x-www-form-urlencoded";
const FORM_WITH_FILE: &str = "multipart/form-data";

/// Whether the browser says that our own page asked.
pub fn same_origin(service: &Service, headers: &HeaderMap) -> bool {
    if let Some(origin) = headers.get(header::ORIGIN) {
        return origin.to_str().is_ok_and(|origin| is_ours(service, headers, origin));
    }
    headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin")
}

fn is_ours(service: &Service, headers: &HeaderMap, origin: &str) -> bool {
    match &service.config.server.public_url {
        Some(url) => origin == url.trim_end_matches('/'),
        None => {
            let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
            host.is_some_and(|host| origin.strip_prefix("http://") == Some(host))
        }
    }
}

/// Lets the request pass, or refuses it. A form's body is read (it is small) and put back.
pub(super) async fn refuse(
    service: &Service,
    csrf: &str,
    request: Request<Body>,
) -> Result<Request<Body>, ApiError> {
    if !same_origin(service, request.headers()) {
        return Err(ApiError::CrossSite);
    }
    if let Some(sent) = request.headers().get(TOKEN_HEADER) {
        let fits = sent.to_str().is_ok_and(|sent| equal(sent, csrf));
        return if fits { Ok(request) } else { Err(ApiError::CrossSite) };
    }
    if request.headers().contains_key("tus-resumable") {
        return Ok(request);
    }
    match media_type(request.headers()).as_deref() {
        Some(FORM) => {}
        Some(FORM_WITH_FILE) => {
            let (sent, request) = first_field(request, "csrf").await?;
            let fits = sent.is_some_and(|sent| equal(&sent, csrf));
            return if fits { Ok(request) } else { Err(ApiError::CrossSite) };
        }
        _ => return Err(ApiError::CrossSite),
    }
    let (parts, body) = request.into_parts();
    let bytes = read_bounded(body, BODY_LIMIT).await?;
    if !field(&bytes, "csrf").is_some_and(|sent| equal(&sent, csrf)) {
        return Err(ApiError::CrossSite);
    }
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

/// A field of a form; our token needs no escape, so an escaped one is not ours.
fn field(form: &[u8], name: &str) -> Option<String> {
    let text = std::str::from_utf8(form).ok()?;
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, v)| v.into())
}
