//! Which part of a body is asked for, and whether it is still the same body (RFC 9110, sections 13 and 14).
//!
//! One range is honoured. Several in one request, other units and what cannot be read get the whole, as the RFC
//! allows. Entity tags here are strong, and a date never matches: there is no `Last-Modified`.

use std::ops::Range;

use http::{HeaderMap, HeaderName, header};

/// What to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// 200, all of it.
    Whole,
    /// 206, these bytes. Never empty, never beyond the end.
    Part(Range<u64>),
    /// 304: the caller has it.
    Unchanged,
    /// 412: it is not what the caller thinks.
    Changed,
    /// 416: the range lies outside.
    Outside,
}

/// `len`: bytes of the whole, not 0. `etag`: as in the header, with its quotes.
pub(super) fn asked(headers: &HeaderMap, len: u64, etag: &str) -> Asked {
    if present(headers, &header::IF_MATCH) && !lists(headers, &header::IF_MATCH, etag, false) {
        return Asked::Changed;
    }
    if lists(headers, &header::IF_NONE_MATCH, etag, true) {
        return Asked::Unchanged;
    }
    let same = headers.get(header::IF_RANGE).is_none_or(|value| value.as_bytes() == etag.as_bytes());
    let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok()).filter(|_| same);
    match range.and_then(|text| single(text, len)) {
        None => Asked::Whole,
        Some(range) if range.is_empty() => Asked::Outside,
        Some(range) => Asked::Part(range),
    }
}

fn present(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.contains_key(name)
}

/// Whether a list of entity tags names ours. Our tags hold no comma. `weakly`: `W/` before a tag does not matter.
fn lists(headers: &HeaderMap, name: &HeaderName, etag: &str, weakly: bool) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag == etag || (weakly && tag.strip_prefix("W/") == Some(etag)))
}

/// `None`: not one range of bytes. Empty: one that lies outside.
fn single(text: &str, len: u64) -> Option<Range<u64>> {
    let (unit, range) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    if first.is_empty() {
        let count = number(last)?;
        return Some(len.saturating_sub(count)..len);
    }
    let first = number(first)?;
    let end = if last.is_empty() { len } else { number(last)?.saturating_add(1) };
    if end <= first && !last.is_empty() {
        return None;
    }
    Some(first.min(len)..end.min(len))
}

/// Digits alone; more than fits is as far as can be.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const ETAG: &str = "\"abc\"";

    fn of(pairs: &[(HeaderName, &str)]) -> Asked {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        asked(&headers, 100, ETAG)
    }

    #[test]
    fn one_range_is_honoured_and_what_is_no_single_range_gets_the_whole() {
        for (range, expected) in [
            ("bytes=0-0", Asked::Part(0..1)),
            ("bytes=10-", Asked::Part(10..100)),
            ("bytes=-7", Asked::Part(93..100)),
            ("bytes=-700", Asked::Part(0..100)),
            ("bytes=50-700", Asked::Part(50..100)),
            ("Bytes= 0-99", Asked::Part(0..100)),
            ("bytes=99999999999999999999999-", Asked::Outside),
            ("bytes=100-", Asked::Outside),
            ("bytes=100-200", Asked::Outside),
            ("bytes=-0", Asked::Outside),
            ("bytes=5-4", Asked::Whole),
            ("bytes=0-1,5-6", Asked::Whole),
            ("bytes=+1-2", Asked::Whole),
            ("bytes=-", Asked::Whole),
            ("lines=0-1", Asked::Whole),
            ("0-1", Asked::Whole),
        ] {
            assert_eq!(of(&[(header::RANGE, range)]), expected, "{range}");
        }
    }

    #[test]
    fn a_part_of_something_else_is_never_sent() {
        let range = (header::RANGE, "bytes=1-2");
        assert_eq!(of(&[range.clone(), (header::IF_RANGE, ETAG)]), Asked::Part(1..3));
        for other in ["\"abd\"", "W/\"abc\"", "Sat, 21 Nov 2026 20:00:00 GMT"] {
            assert_eq!(of(&[range.clone(), (header::IF_RANGE, other)]), Asked::Whole, "{other}");
        }
        assert_eq!(of(&[range.clone(), (header::IF_MATCH, "\"x\", \"abc\"")]), Asked::Part(1..3));
        assert_eq!(of(&[range.clone(), (header::IF_MATCH, "W/\"abc\"")]), Asked::Changed);
        assert_eq!(of(&[range, (header::IF_NONE_MATCH, "W/\"abc\"")]), Asked::Unchanged);
        assert_eq!(of(&[(header::IF_MATCH, "*")]), Asked::Whole);
    }

    proptest! {
        #[test]
        fn no_header_asks_for_bytes_that_are_not_there(range in "(bytes=)?[0-9,-]{0,12}") {
            if let Asked::Part(part) = of(&[(header::RANGE, &range)]) {
                prop_assert!(part.start < part.end && part.end <= 100);
            }
        }
    }
}
