//! Fuzz target of tus' own headers.

use super::super::fuzz::{fine, headers};
use super::*;
use crate::fuzz::run;

#[test]
fn tus_headers() {
    let seeds = [
        "Tus-Resumable: 1.0.0\nUpload-Length: 9223372036854775807\nUpload-Offset: 0\nContent-Type: application/offset+octet-stream",
        "Upload-Defer-Length: 1\nUpload-Checksum: sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=\nTrailer: Upload-Checksum",
        "Upload-Length: 7\nUpload-Length: 7\nUpload-Checksum: crc32c 4waSgw==\nUpload-Checksum: md5 JfnnlDI7RTiF9RgfG2JNCw==",
    ];
    let words: &[&[u8]] = &[
        b"\nUpload-Length: ",
        b"\nUpload-Offset: ",
        b"\nUpload-Checksum: ",
        b"\nTrailer: ",
        b"sha256 ",
        b"md5 ",
        b"crc32c ",
        b"=",
        b"AAAA",
        b",",
        b"9223372036854775808",
        b"18446744073709551616",
        b"-1",
        b"+1",
        b"\xff",
        b"\t",
        b"1.0.1",
    ];
    run("tus_headers", seeds.map(|seed| seed.as_bytes().to_vec()), words, |input| {
        let headers = headers(input);
        let (length, offset) = (fine(declared_length(&headers)), fine(number(&headers, &OFFSET)));
        for count in [length.flatten(), offset.flatten()].into_iter().flatten() {
            assert!(i64::try_from(count).is_ok(), "no database takes {count}");
        }
        let told = offset.flatten().zip(headers.get(OFFSET)).is_none_or(|(count, value)| {
            let digits = value.to_str().unwrap();
            digits.trim_start_matches('0') == count.to_string().trim_start_matches('0')
        });
        assert!(told, "another offset than the header's");
        let proof = fine(proof(&headers));
        for checksum in proof.iter().flat_map(|proof| &proof.told) {
            let value = format!("{} {}", checksum.algorithm.name(), STANDARD.encode(&checksum.value));
            let again = super::checksum(&value.parse().unwrap());
            assert_eq!(again.ok().as_ref(), Some(checksum));
        }
        let version = fine(check_version(&headers));
        assert_eq!(version.is_some(), headers.get(RESUMABLE).is_some_and(|version| version == "1.0.0"));
        let proof = proof.map(|proof| (proof.told.len().min(4), proof.awaited));
        (length.is_some(), offset.is_some(), proof, version, has_body_type(&headers))
    });
}
