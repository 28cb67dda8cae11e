//! Style and script, inside the binary, under an address that changes with their content. So they are kept by
//! browsers for ever and never stale, and modules import each other by relative paths.

use std::sync::LazyLock;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

use crate::http::body::Segments;

#[derive(RustEmbed)]
#[folder = "src/web"]
#[include = "script/**/*.js"]
#[include = "style/*.css"]
#[include = "style/*.svg"]
struct Files;

static PREFIX: LazyLock<String> = LazyLock::new(|| {
    let mut names: Vec<_> = Files::iter().collect();
    names.sort_unstable();
    let mut hash = Sha256::new();
    for name in names {
        if let Some(file) = Files::get(&name) {
            hash.update(name.as_bytes());
            hash.update(file.metadata.sha256_hash());
        }
    }
    let hash = hash.finalize();
    let short: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("/static/{short}")
});

/// `/static/{content hash}`.
pub fn prefix() -> &'static str {
    &PREFIX
}

/// `GET /static/{hash}/{*name}`.
pub async fn file(Segments((hash, name)): Segments<(String, String)>) -> Response {
    let current = prefix().strip_prefix("/static/") == Some(hash.as_str());
    let Some(file) = Files::get(&name).filter(|_| current) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
    ];
    (headers, file.data).into_response()
}
