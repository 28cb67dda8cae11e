//! Pages and style are sent compressed.
//!
//! What is compressed betrays by its length how alike its parts are. Where somebody else chooses one of them (a search
//! in a link) and watches the line, the other is guessed bit by bit: a form's token, a candidate's name. So a page is
//! compressed only for a request that our own page made, or the person; a browser says who did
//! (`Sec-Fetch-Site`), and no other site can make it say so. Downloads and the API are never compressed.

use std::io::Write;

use ::brotli::CompressorWriter;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use http_body::Body as _;

use crate::http::body::read_bounded;

/// Below this a page is as well sent as it is, bytes; above the other, its time is better spent.
const WORTH_IT: usize = 1024;
const LARGEST: usize = 4 << 20;
/// Brotli's effort for a page: a few milliseconds for the largest.
const PAGE: u32 = 5;
/// For what is compressed once.
const ONCE: u32 = 11;
/// The window, as a power of two: more than any page.
const WINDOW: u32 = 20;

/// Compresses pages.
pub async fn layer(request: Request<Body>, next: Next) -> Response {
    let wanted = asked_by_us(request.headers()) && takes_brotli(request.headers());
    let response = next.run(request).await;
    let page = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if !wanted || !page || response.headers().contains_key(header::CONTENT_ENCODING) {
        return response;
    }
    // A page was rendered whole; this takes it out again.
    let size = response.body().size_hint().exact().and_then(|size| usize::try_from(size).ok());
    let Some(size) = size.filter(|size| (WORTH_IT..=LARGEST).contains(size)) else { return response };
    let (mut parts, body) = response.into_parts();
    let Ok(plain) = read_bounded(body, size).await else {
        parts.status = StatusCode::INTERNAL_SERVER_ERROR;
        return Response::from_parts(parts, Body::empty());
    };
    let pressed = brotli(&plain, PAGE);
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
    Response::from_parts(parts, Body::from(pressed))
}

/// Our own page asked, or the person by the address bar or a bookmark.
fn asked_by_us(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    matches!(site, Some(b"same-origin" | b"none"))
}

/// Whether the client reads brotli.
pub fn takes_brotli(headers: &HeaderMap) -> bool {
    let all = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(',')).any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let refused = parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        name.eq_ignore_ascii_case("br") && !refused
    })
}

/// What is compressed once and sent often.
pub fn once(plain: &[u8]) -> Vec<u8> {
    brotli(plain, ONCE)
}

fn brotli(plain: &[u8], effort: u32) -> Vec<u8> {
    let mut pressed = Vec::with_capacity(plain.len() / 8);
    let mut writer = CompressorWriter::new(&mut pressed, 64 << 10, effort, WINDOW);
    // Writing to memory does not fail; what is missing would be seen by the browser.
    if let Err(error) = writer.write_all(plain).and_then(|()| writer.flush()) {
        tracing::error!(%error, "a page could not be compressed");
    }
    drop(writer);
    pressed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_what_our_own_page_or_the_person_asks_for_is_compressed() {
        for (site, expected) in
            [("same-origin", true), ("none", true), ("same-site", false), ("cross-site", false)]
        {
            assert_eq!(asked_by_us(&headers(&[("sec-fetch-site", site)])), expected, "{site}");
        }
        assert!(!asked_by_us(&headers(&[])));
    }

    #[test]
    fn a_client_says_what_it_reads() {
        for (said, expected) in [
            ("gzip, deflate, br, zstd", true),
            ("BR", true),
            ("gzip", false),
            ("br;q=0, gzip", false),
            ("br; q=0.5", true),
        ] {
            assert_eq!(takes_brotli(&headers(&[("accept-encoding", said)])), expected, "{said}");
        }
    }

    #[test]
    fn what_was_compressed_reads_as_before() {
        let plain = b"<td>No files</td>".repeat(5_000);
        for effort in [PAGE, ONCE] {
            let mut read = Vec::new();
            let pressed = brotli(&plain, effort);
            ::brotli::BrotliDecompress(&mut pressed.as_slice(), &mut read).unwrap();
            assert_eq!(read, plain);
            assert!(pressed.len() < plain.len() / 50);
        }
    }
}
