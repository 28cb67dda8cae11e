//! Fuzz targets of what requests say of uploads; each dialect has more of its own.

use axum::response::IntoResponse;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::concatenation::{self, Concat};
use super::metadata::{self, Address};
use super::{spoken, unambiguous};
use crate::fuzz::run;
use crate::http::error::ApiError;
use crate::ids::SampleId;

/// Lines of `name: value` as headers, as far as they can be any.
pub(super) fn headers(input: &[u8]) -> HeaderMap {
    let lines = input.split(|&byte| byte == b'\n').take(100).filter_map(|line| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let value = line[colon + 1..].trim_ascii();
        Some((HeaderName::from_bytes(&line[..colon]).ok()?, HeaderValue::from_bytes(value).ok()?))
    });
    lines.collect()
}

/// Whatever a header says, it is the sender's doing.
pub(super) fn fine<T>(read: Result<T, ApiError>) -> Option<T> {
    read.map_err(|error| {
        let status = error.into_response().status();
        assert!(status.is_client_error(), "{status}");
    })
    .ok()
}

const NAMES: &[&[u8]] = &[
    b"\nUpload-Metadata: ",
    b"\nContent-Disposition: ",
    b"\nUpload-Concat: ",
    b"\nUpload-Length: ",
    b"\nTus-Resumable: 1.0.0",
    b"\nUpload-Complete: ?1",
    b"\nUpload-Draft-Interop-Version: ",
    b"filename ",
    b"sample ",
    b"section ",
    b"candidate ",
    b",",
    b" ",
    b"YQ==",
    b"filename*=UTF-8''",
    b"%E6%9D%8E",
    b"%00",
    b"%0a",
    b"filename=\"",
    b"\\\"",
    b";",
    b"final;",
    b"partial",
    b"/files/",
    b"https://x/",
    b"\xff",
];

#[test]
fn creations() {
    let sample = SampleId::new();
    let encoded = |text: &str| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text);
    let id = encoded(&sample.to_string());
    let (name, path, evidence) =
        (encoded("Ünit plan.pdf"), encoded("Week 1/Ünit plan.pdf"), encoded("Evidence"));
    let seeds = [
        format!(
            "Upload-Metadata: sample {id},candidate MTAwNQ==,section {evidence},filename {name},path {path}"
        ),
        format!(
            "Upload-Metadata: sample {id},section RG9jdW1lbnRz,name {name},type YS9i,is_confidential,replaces {id}"
        ),
        format!(
            "Upload-Metadata: sample {id},section {evidence},candidate MTAwNQ==\nContent-Disposition: inline; filename*=UTF-8''a%20b.pdf"
        ),
        format!(
            "Upload-Metadata: sha256 {},modified MQ==\nContent-Disposition: attachment; filename=\"a\\\"b.pdf\"; size=3",
            encoded(&"0a".repeat(32))
        ),
        format!(
            "Upload-Concat: final;/files/{sample} https://example.org/files/{sample}\nUpload-Metadata: filename {name}"
        ),
        "Upload-Concat: partial\nUpload-Length: 3\nUpload-Draft-Interop-Version: 6".to_owned(),
    ];
    run("creations", seeds.map(String::into_bytes), NAMES, |input| {
        let headers = headers(input);
        let spoken = fine(spoken(&headers));
        let once = fine(unambiguous(&headers));
        let address = Address {
            sample: Some(sample.to_string()),
            section: Some("Evidence".into()),
            ..Address::default()
        };
        let creations = [address, Address::default()]
            .map(|address| fine(metadata::creation(&headers, address, Some(3), "test")));
        for creation in creations.iter().flatten() {
            let name = creation.name.as_str();
            assert!(!name.contains(['/', '\\', '\0', '\r', '\n']), "{name:?}");
            assert!(!creation.path.as_str().contains('\\') && !creation.path.as_str().starts_with('/'));
            let notes = [&creation.declared_type, &creation.modified];
            assert!(
                notes
                    .into_iter()
                    .flatten()
                    .all(|note| note.len() <= 256 && !note.chars().any(char::is_control))
            );
            // What HEAD gives back is what came, and can be.
            assert!(HeaderValue::from_str(&creation.metadata).is_ok());
        }
        let pairs = fine(metadata::raw(&headers).and_then(metadata::pairs));
        if let Some(pairs) = &pairs {
            let printed: Vec<_> =
                pairs.iter().map(|(key, value)| format!("{key} {}", encoded(value))).collect();
            let again = metadata::pairs(&printed.join(","));
            assert!(
                again.is_ok_and(|again| again == *pairs) || printed.join(",").len() > 8 << 10,
                "{printed:?}"
            );
        }
        let concat = fine(concatenation::said(&headers)).flatten();
        if let Some(Concat::Final(concatenation)) = &concat {
            assert!((1..=crate::upload::MOST_PARTIALS).contains(&concatenation.partials.len()));
            // Every id is one that the header spells out.
            assert!(concatenation.partials.iter().all(|id| concatenation.header.contains(&id.to_string())));
        }
        (
            spoken.is_some(),
            once.is_some(),
            creations.map(|c| c.is_some()),
            pairs.map(|p| p.len().min(9)),
            concat.is_some(),
        )
    });
}
