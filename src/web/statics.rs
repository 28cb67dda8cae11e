//! Style and script, inside the binary, under an address that changes with their content. So they are kept by
//! browsers for ever and never stale. The script is a few files (`linked`). All is compressed once, when first asked
//! for.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

use super::linked::{self, Part};
use super::press;
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

/// The script's files, each for what its modules are for. What runs in a worker (the engine, the keeper and what takes
/// fingerprints) takes nothing from what is for pages.
const PARTS: [Part<'static>; 5] = [
    Part { name: "./engine.js", of: &["script/upload/engine.js", "script/upload/tabs.js"] },
    Part { name: "./keeper.js", of: &["script/upload/keeper.js"] },
    Part { name: "./hasher.js", of: &["script/copy/hasher.js"] },
    Part { name: STRONGROOM, of: &["script/main.js"] },
    Part { name: "./uploading.js", of: &["script/uploads.js"] },
];
/// What makes a page usable.
const STRONGROOM: &str = "./strongroom.js";

/// What a script that runs beside a page may do; within a page, the page's policy rules.
const WORKER_POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'";

struct Served {
    plain: Vec<u8>,
    pressed: Vec<u8>,
}

/// What is served, by name.
static SERVED: LazyLock<HashMap<String, Served>> = LazyLock::new(|| {
    let read = |name: &str| Files::get(name).and_then(|file| String::from_utf8(file.data.into_owned()).ok());
    let failed =
        |error: &String| tracing::error!(error, "the script cannot be put together: pages do without");
    let parts = linked::linked(&PARTS, &read).inspect_err(failed).unwrap_or_default();
    let scripts = PARTS.iter().zip(parts).map(|(part, text)| (served_as(part.name), text.into_bytes()));
    let others = Files::iter().filter(|name| !name.ends_with(".js"));
    let others =
        others.filter_map(|name| Files::get(&name).map(|file| (name.to_string(), file.data.into_owned())));
    let all = others.chain(scripts);
    all.map(|(name, plain)| (name, Served { pressed: press::once(&plain), plain })).collect()
});

/// `./engine.js` as `script/engine.js`.
fn served_as(name: &str) -> String {
    name.replacen('.', "script", 1)
}

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
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(WORKER_POLICY)),
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
        let size = |name: &str| SERVED[&served_as(name)].pressed.len();
        assert!((1_000..=12_000).contains(&size(STRONGROOM)), "before usable: {} bytes", size(STRONGROOM));
        let all: usize =
            PARTS.iter().filter(|part| part.name != "./hasher.js").map(|part| size(part.name)).sum();
        assert!((2_000..=25_000).contains(&all), "script in all: {all} bytes");
        assert!((500..=3_000).contains(&size("./hasher.js")), "hasher: {} bytes", size("./hasher.js"));
        let style = SERVED["style/strongroom.css"].pressed.len();
        assert!(style <= 12_000, "style: {style} bytes");
    }

    #[test]
    fn workers_take_nothing_that_is_for_pages() {
        let text = |name: &str| str::from_utf8(&SERVED[&served_as(name)].plain).unwrap();
        for (name, from) in [
            ("./engine.js", None),
            ("./hasher.js", None),
            (STRONGROOM, None),
            ("./keeper.js", Some("./engine.js")),
        ] {
            let taken: Vec<_> = text(name).lines().filter(|line| line.starts_with("import ")).collect();
            match from {
                None => assert!(taken.is_empty(), "{name}: {taken:?}"),
                Some(from) => {
                    assert!(matches!(taken[..], [line] if line.contains(from)), "{name}: {taken:?}")
                }
            }
        }
    }
}
