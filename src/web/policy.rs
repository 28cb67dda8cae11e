//! The one policy of every page: what a browser may load, run and talk to.
//!
//! There is no exception in it, because nothing needs one: no inline script or style, no evaluation, no text that
//! becomes HTML in the browser; the one policy of Trusted Types gives the addresses of the two scripts that run beside a
//! page (`script/beside.js`), and no other. The one other origin in it is that of people's files (`http::origins`):
//! pictures, players and frames come from there, and nothing else does.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;

use crate::http::origins;
use crate::service::Service;

const HEADERS: &[(&str, &str)] = &[
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
];

/// The Content Security Policy of our own pages. `files`: the origin where files are shown. It is the same on every page,
/// because a browser keeps that of the first while pages are swapped.
fn content_security_policy(files: Option<&str>) -> String {
    let (image, shown) = match files {
        Some(files) => (format!(" {files}"), format!(" media-src {files}; frame-src {files};")),
        None => (String::new(), String::new()),
    };
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'{image};{shown} connect-src 'self'; \
         font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types strongroom"
    )
}

/// Puts the policy on an answer to a request with these headers; a page of a person's work is never kept by a cache.
pub fn apply(mut response: Response, service: &Service, asked: &HeaderMap) -> Response {
    let policy = content_security_policy(origins::files(service, asked).as_deref());
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    }
    for &(name, value) in HEADERS {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
