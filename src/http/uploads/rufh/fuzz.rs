//! Fuzz target of RUFH's own headers: structured fields and digests.

use super::super::fuzz::{fine, headers};
use super::*;
use crate::fuzz::run;

#[test]
fn rufh_headers() {
    let sum = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let seeds = [
        format!("Upload-Complete: ?1\nUpload-Length: 15\nUpload-Offset: 10\nRepr-Digest: sha-256=:{sum}:\nContent-Type: text/plain;a=b"),
        format!("Upload-Complete: ?0;a\nUpload-Draft-Interop-Version: 6\nContent-Digest: sha-512=:AAAA:, sha-256=:{sum}:;q=1"),
        "Upload-Draft-Interop-Version: 9\nUpload-Complete: ?1\nTrailer: Content-Digest\nContent-Type: application/partial-upload".to_owned(),
    ];
    let words: &[&[u8]] = &[
        b"\nUpload-Complete: ",
        b"\nUpload-Length: ",
        b"\nUpload-Offset: ",
        b"\nRepr-Digest: ",
        b"\nContent-Digest: ",
        b"sha-256=:",
        b":",
        b";",
        b", ",
        b"?1",
        b"?0",
        b"999999999999999",
        b"1000000000000000",
        b"-1",
        b"\xff",
        b"=",
        sum.as_bytes(),
        b"1.0",
        b"\"",
    ];
    run("rufh_headers", seeds.map(String::into_bytes), words, |input| {
        let headers = headers(input);
        let version = fine(spoken(&headers)).flatten();
        let complete = fine(said_complete(&headers));
        let mut lengths = Vec::new();
        for (offset, last, announced) in
            [(0, true, None), (10, true, Some(5)), (u64::MAX, true, Some(u64::MAX)), (0, false, Some(5))]
        {
            match said_length(&headers, offset, last, announced) {
                Ok(length) => {
                    let said = integer(&headers, &LENGTH);
                    assert!(said.is_none() || length == said, "{said:?} is taken for {length:?}");
                    lengths.push(length.is_some());
                }
                Err(refused) => drop(fine(Err::<(), _>(refused.error))),
            }
        }
        // RFC 9651: an integer has 15 digits at most.
        assert!(integer(&headers, &OFFSET).is_none_or(|offset| offset <= 999_999_999_999_999));
        let digests = [fine(repr_digest(&headers)).flatten().is_some(), fine(proof(&headers)).is_some()];
        if let Some(digest) = fine(repr_digest(&headers)).flatten() {
            let again = HeaderMap::from_iter([(REPR_DIGEST, written(digest).unwrap())]);
            assert_eq!(repr_digest(&again).unwrap(), Some(digest));
            let written = headers
                .get_all(REPR_DIGEST)
                .iter()
                .any(|line| line.to_str().unwrap().contains(&STANDARD.encode(digest.0)));
            assert!(written, "a digest that nobody wrote");
        }
        let kind = declared_type(&headers);
        assert!(kind.as_ref().is_none_or(|kind| kind.len() <= 256 && !kind.chars().any(char::is_control)));
        (version.map(|version| version.interop), complete, lengths, digests, kind.is_some())
    });
}
