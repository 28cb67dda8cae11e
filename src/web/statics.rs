//! Style and script, inside the binary, under an address that changes with their content. So they are kept by
//! browsers for ever and never stale. The script is two files (`linked`), and one more runs beside the page. All is
//! compressed once, when first asked for.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

use super::{linked, press};
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

/// The script's first module, and the name of all of them in one: what a page needs to be usable.
const MAIN: &str = "script/main.js";
const SCRIPT: &str = "script/strongroom.js";
/// The same of what uploads; it takes from the first what both need.
const UPLOADS_MAIN: &str = "script/uploads.js";
const UPLOADS: &str = "script/uploading.js";
/// The same of what takes fingerprints, beside the page.
const HASHER_MAIN: &str = "script/copy/hasher.js";
const HASHER: &str = "script/hasher.js";

struct Served {
    plain: Vec<u8>,
    pressed: Vec<u8>,
}

/// What is served, by name.
static SERVED: LazyLock<HashMap<String, Served>> = LazyLock::new(|| {
    let read = |name: &str| Files::get(name).and_then(|file| String::from_utf8(file.data.into_owned()).ok());
    let failed =
        |error: &String| tracing::error!(error, "the script cannot be put together: pages do without");
    let parts = linked::linked_in_two(MAIN, UPLOADS_MAIN, "./strongroom.js", &read);
    let [first, second] = parts.inspect_err(failed).unwrap_or_default();
    let hasher = linked::linked(HASHER_MAIN, &read).inspect_err(failed).unwrap_or_default();
    let scripts = [(SCRIPT, first), (UPLOADS, second), (HASHER, hasher)]
        .map(|(name, text)| (name.to_owned(), text.into_bytes()));
    let others = Files::iter().filter(|name| !name.ends_with(".js"));
    let others =
        others.filter_map(|name| Files::get(&name).map(|file| (name.to_string(), file.data.into_owned())));
    let all = others.chain(scripts);
    all.map(|(name, plain)| (name, Served { pressed: press::once(&plain), plain })).collect()
});

/// `/static/{content hash}`.
pub fn prefix() -> &'static str {
    &PREFIX
}

/// `GET /static/{hash}/{*name}`.
pub async fn file(headers: HeaderMap, Segments((hash, name)): Segments<(String, String)>) -> Response {
    let current = prefix().strip_prefix("/static/") == Some(hash.as_str());
    let Some(served) = SERVED.get(&name).filter(|_| current) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let kept = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
    ];
    if press::takes_brotli(&headers) {
        let coding = [(header::CONTENT_ENCODING, HeaderValue::from_static("br"))];
        return (kept, coding, served.pressed.as_slice()).into_response();
    }
    (kept, served.plain.as_slice()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a school's line has to carry before anything else, bytes.
    #[test]
    fn script_and_style_stay_small() {
        let size = |name: &str| SERVED[name].pressed.len();
        assert!((1_000..=12_000).contains(&size(SCRIPT)), "script before usable: {} bytes", size(SCRIPT));
        let all = size(SCRIPT) + size(UPLOADS);
        assert!((2_000..=25_000).contains(&all), "script in all: {all} bytes");
        assert!((500..=3_000).contains(&size(HASHER)), "hasher: {} bytes", size(HASHER));
        assert!(size("style/strongroom.css") <= 12_000, "style: {} bytes", size("style/strongroom.css"));
    }
}
