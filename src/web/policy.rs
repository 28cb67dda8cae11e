//! The one policy of every page: what a browser may load, run and talk to.
//!
//! There is no exception in it, because nothing needs one: no inline script or style, no evaluation, no text that
//! becomes HTML in the browser, no other origin.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;

/// The Content Security Policy of our own pages.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
require-trusted-types-for 'script'; trusted-types 'none'";

const HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
];

/// Puts the policy on an answer; a page of a person's work is never kept by a cache.
pub fn apply(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for &(name, value) in HEADERS {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
