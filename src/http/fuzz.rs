//! Fuzz targets of requests: ranges by themselves, and whole requests to a whole service.

use std::cell::Cell;
use std::fs::File;
use std::path::Path;

use async_trait::async_trait;
use axum::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header};
use http_body_util::BodyExt;
use jiff::SignedDuration;
use tower::ServiceExt;

use super::multipart;
use super::range::{Asked, asked};
use super::router::router;
use super::secret::digest_of;
use crate::check::scan::{ScanError, ScanOutcome, Scanner, ScannerReadiness};
use crate::clock::Clock;
use crate::config::{Config, Overrides, ServerOverrides};
use crate::database::sessions::keep_token;
use crate::fuzz::run;
use crate::running::{Given, Role, Running};

#[test]
fn ranges() {
    let seeds = [
        "bytes=0-0",
        "bytes=10-",
        "bytes=-7",
        "Bytes= 0-99",
        "bytes=0-1,5-6",
        "bytes=18446744073709551615-",
        "lines=1-2",
    ];
    let words: &[&[u8]] = &[
        b"bytes=",
        b"-",
        b",",
        b" ",
        b"99",
        b"100",
        b"101",
        b"18446744073709551616",
        b"\n\"abc\"",
        b"\nW/\"abc\"",
        b"\n*",
        b"0",
    ];
    run("ranges", seeds.map(|seed| seed.as_bytes().to_vec()), words, |input| {
        let mut lines = input.split(|&byte| byte == b'\n');
        let names = [header::RANGE, header::IF_RANGE, header::IF_MATCH, header::IF_NONE_MATCH];
        let mut headers = HeaderMap::new();
        for (name, line) in names.into_iter().zip(&mut lines) {
            if let Ok(value) = HeaderValue::from_bytes(line)
                && !line.is_empty()
            {
                headers.insert(name, value);
            }
        }
        let told = asked(&headers, 100, "\"abc\"");
        let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok()).and_then(of_rfc_9110);
        match &told {
            Asked::Part(part) => {
                assert!(part.start < part.end && part.end <= 100, "{part:?}");
                assert_eq!(range, Some(part.clone()), "{:?}", headers.get(header::RANGE));
                assert!(headers.get(header::IF_RANGE).is_none_or(|tag| tag == "\"abc\""));
                let printed = format!("bytes={}-{}", part.start, part.end - 1);
                let headers = HeaderMap::from_iter([(header::RANGE, printed.parse().unwrap())]);
                assert_eq!(asked(&headers, 100, "\"abc\""), told);
            }
            Asked::Whole => {
                let whole =
                    range.is_none() || headers.get(header::IF_RANGE).is_some_and(|tag| tag != "\"abc\"");
                assert!(whole, "{:?}", headers.get(header::RANGE));
            }
            Asked::Changed => assert!(headers.contains_key(header::IF_MATCH)),
            Asked::Unchanged => assert!(headers.contains_key(header::IF_NONE_MATCH)),
            Asked::Outside => assert!(headers.contains_key(header::RANGE)),
        }
        std::mem::discriminant(&told)
    });
}

/// The token that lets a form pass is what the reader of forms finds in the first field, whatever the pieces.
#[test]
fn forms_with_files() {
    let form = "--b\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\ntoken\r\n--b\r\n\
        Content-Disposition: form-data; name=\"list\"; filename=\"c.csv\"\r\n\r\nnumber,name\r\n--b--\r\n";
    let words: &[&[u8]] = &[
        b"--b",
        b"\r\n",
        b"\r\n\r\n",
        b"Content-Disposition: form-data; ",
        b"name=\"csrf\"",
        b"; filename=\"a\"",
        b"content-type: text/plain",
        b"\n",
        b"\xff",
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    run("forms_with_files", [[&[7], form.as_bytes()].concat()], words, |input| {
        let (first, form) = input.split_first()?;
        let pieces: Vec<_> = form
            .chunks(usize::from(*first).max(1))
            .map(|piece| Ok::<_, std::io::Error>(bytes::Bytes::copy_from_slice(piece)))
            .collect();
        let body = Body::from_stream(futures_util::stream::iter(pieces));
        let request = Request::post("/").header(header::CONTENT_TYPE, "multipart/form-data; boundary=b");
        runtime.block_on(async {
            let request = request.body(body).unwrap();
            let (token, request) = multipart::first_field(request, "csrf").await.unwrap();
            let sent = multipart::read(request, 100).await;
            if let (Some(token), Ok(sent)) = (&token, &sent) {
                assert_eq!(sent.fields.first(), Some(&("csrf".to_owned(), token.clone())));
            }
            if let Ok(Some(bytes)) = sent.as_ref().map(|sent| sent.file.as_ref()?.bytes.as_ref()) {
                assert!(bytes.len() <= 100);
            }
            Some((token.is_some(), sent.is_ok_and(|sent| sent.file.is_some())))
        })
    });
}

/// One range of 100 bytes as the RFC has it, clamped; `None` when it is none, or satisfies nothing.
fn of_rfc_9110(value: &str) -> Option<std::ops::Range<u64>> {
    let (unit, spec) = value.split_once('=')?;
    let (first, last) = spec.trim().split_once('-')?;
    let number = |text: &str| -> Option<u128> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(
            text.trim_start_matches('0')
                .chars()
                .take(30)
                .fold(0, |sum, digit| sum * 10 + u128::from(digit.to_digit(10).unwrap())),
        )
    };
    let range = match (first.is_empty(), last.is_empty()) {
        (true, _) => 100 - number(last)?.min(100)..100,
        (false, true) => number(first)?..100,
        (false, false) => {
            let (first, last) = (number(first)?, number(last)?);
            first..if first <= last { (last + 1).min(100) } else { first }
        }
    };
    let fits = unit.trim().eq_ignore_ascii_case("bytes") && range.start < range.end;
    fits.then_some(range.start as u64..range.end as u64)
}

/// Nothing is scanned here.
#[derive(Debug)]
struct Idle;

#[async_trait]
impl Scanner for Idle {
    async fn scan(&self, _: &File, _: u64) -> Result<ScanOutcome, ScanError> {
        panic!("nothing is scanned here")
    }

    async fn readiness(&self) -> ScannerReadiness {
        ScannerReadiness {
            ready: true,
            detail: String::new(),
            engine: None,
            signatures_at: None,
            test_signatures: false,
        }
    }
}

const PEOPLE: [&str; 4] = ["teacher.98765", "officer.98765", "moderator.1", "board"];

/// A service without checks on the demonstration's data.
async fn open(folder: &Path) -> Running {
    let overrides = Overrides {
        data: Some(folder.join("data")),
        server: Some(ServerOverrides { bind: "127.0.0.1:0".parse().unwrap() }),
    };
    let config = Config::load(None, overrides).unwrap();
    let given = Given { clock: Clock::system(), store: None, scanner: Some(std::sync::Arc::new(Idle)) };
    let running = Running::start(config, Role::Web, given).await.unwrap();
    let (db, now) = (&running.service.db, running.service.clock.now());
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/demo");
    crate::reference::import(db, &demo, &running.service.clock).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    for person in PEOPLE {
        keep_token(
            &mut tx,
            digest_of(person),
            &person.parse().unwrap(),
            now,
            now + SignedDuration::from_hours(48),
        )
        .await
        .unwrap();
    }
    tx.commit().await.unwrap();
    running
}

/// A request: its method and address, headers, an empty line, the body.
fn request(input: &[u8]) -> Option<Request<Body>> {
    let text = input.windows(2).position(|window| window == b"\n\n").unwrap_or(input.len());
    let (head, body) = (&input[..text], input.get(text + 2..).unwrap_or_default());
    let mut lines = head.split(|&byte| byte == b'\n');
    let first = std::str::from_utf8(lines.next()?).ok()?;
    let (method, address) = first.split_once(' ')?;
    let mut request = Request::builder().method(method).uri(address).header(header::HOST, "127.0.0.1");
    for line in lines.take(40) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        request = request.header(name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?);
    }
    request.body(Body::from(body.to_vec())).ok()
}

const REQUESTS: &[&str] = &[
    "POST /files\nAuthorization: Bearer teacher.98765\nTus-Resumable: 1.0.0\nUpload-Length: 3\nUpload-Metadata: sample {sample64},candidate MTAwNQ==,section RXZpZGVuY2U=,filename YS5wZGY=",
    "POST /files/to/{sample}/1005/Evidence\nAuthorization: Bearer teacher.98765\nUpload-Complete: ?0\nContent-Disposition: attachment; filename=\"a.pdf\"\nRepr-Digest: sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:\n\nabc",
    "POST /files/to/{sample}/Documents\nAuthorization: Bearer officer.98765\nTus-Resumable: 1.0.0\nUpload-Concat: partial\nUpload-Length: 3",
    "POST /files/\nAuthorization: Bearer teacher.98765\nTus-Resumable: 1.0.0\nUpload-Concat: final;/files/{file} /files/{file}\nUpload-Metadata: filename YS5wZGY=",
    "PATCH /files/{file}\nAuthorization: Bearer teacher.98765\nTus-Resumable: 1.0.0\nUpload-Offset: 0\nContent-Type: application/offset+octet-stream\nUpload-Checksum: sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=\n\nabc",
    "PATCH /files/{file}\nAuthorization: Bearer teacher.98765\nUpload-Complete: ?1\nUpload-Offset: 0\nUpload-Length: 100\nContent-Type: application/partial-upload\nContent-Digest: sha-256=:AAAA:\n\nabc",
    "HEAD /files/{file}\nAuthorization: Bearer teacher.98765\nTus-Resumable: 1.0.0",
    "POST /files/{file}\nAuthorization: Bearer teacher.98765\nX-HTTP-Method-Override: PATCH\nTus-Resumable: 1.0.0\nUpload-Offset: 0",
    "GET /api/v1/samples?component=01_3357_R085_01&centre=98765&limit=2&cursor={sample}\nAuthorization: Bearer teacher.98765",
    "GET /api/v1/samples/{sample}/candidates?cursor=1005&limit=1&search=a%20b\nAuthorization: Bearer officer.98765",
    "GET /api/v1/samples/{sample}/candidates/1005\nAuthorization: Bearer officer.98765\nIf-None-Match: \"x\"",
    "GET /api/v1/uploads?cursor={file}&sample={sample}\nAuthorization: Bearer teacher.98765",
    "GET /api/v1/audit?cursor={file}&sample={sample}&from=2026-01-01T00:00:00Z\nAuthorization: Bearer board",
    "GET /api/v1/files/{file}/content\nAuthorization: Bearer moderator.1\nRange: bytes=0-1\nIf-Range: \"a\"",
    "GET /api/v1/samples/{sample}/archive?candidate=1005&section=Evidence\nAuthorization: Bearer moderator.1\nRange: bytes=-5",
    "PUT /api/v1/samples/{sample}/candidates/1005/sections/Evidence/missing\nAuthorization: Bearer officer.98765\nContent-Type: application/json\nIdempotency-Key: k1\n\n{\"reason\": \"lost\", \"note\": \"x\"}",
    "POST /api/v1/files/{file}/move\nAuthorization: Bearer officer.98765\nContent-Type: application/json\n\n{\"candidate\": \"1005\", \"section\": \"Evidence\"}",
    "POST /api/v1/samples/{sample}/extensions\nAuthorization: Bearer board\nContent-Type: application/json\n\n{\"until\": \"2027-01-01T00:00:00Z\", \"reason\": \"x\"}",
    "POST /api/v1/samples/{sample}/submissions\nAuthorization: Bearer officer.98765\nContent-Type: application/json\n\n{}",
    "GET /samples/{sample}?candidate=1005&show=all\nCookie: __Host-strongroom=x\nAccept: text/html",
    "POST /sign-in\nContent-Type: application/x-www-form-urlencoded\nOrigin: http://127.0.0.1\nSec-Fetch-Site: same-origin\n\nperson=teacher.98765",
    "DELETE /api/v1/files/{file}\nAuthorization: Bearer teacher.98765",
    "GET /static/x/strongroom.css",
];

const PIECES: &[&[u8]] = &[
    b"{sample}",
    b"{file}",
    b"{sample64}",
    b"\nUpload-Metadata: ",
    b"\nUpload-Offset: ",
    b"\nUpload-Length: ",
    b"\nUpload-Complete: ?1",
    b"\nContent-Length: 5",
    b"\nAuthorization: Bearer board",
    b"\nRange: bytes=",
    b"%00",
    b"%2e%2e%2f",
    b"%ff",
    b"?cursor=",
    b"&limit=0",
    b"&",
    b"=",
    b"9223372036854775807",
    b"18446744073709551616",
    b"\nTransfer-Encoding: chunked",
    b"\nHost: localhost",
    b"\n\n",
    b"/",
    b"..",
    b"\nExpect: 100-continue",
    b"null",
    b"[",
    b"{\"",
    b"\\u0000",
    b"-292277022657-01-27T08:29:52Z",
    b"9999-12-31T23:59:59Z",
    b"\nIdempotency-Key: ",
    b"\nIf-Match: *",
    b"\nX-Forwarded-Proto: https",
    b"\xff",
];

/// No request is our fault, and every one has an answer.
#[test]
fn requests() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let running = runtime.block_on(open(folder.path()));
    let router = router(running.service.clone());
    let ask = |request: Request<Body>| {
        runtime.block_on(async {
            let response = router.clone().oneshot(request).await.unwrap();
            let (parts, mut body) = response.into_parts();
            // Streams of events have no end; the rest of an archive is another target's.
            let mut bytes = Vec::new();
            while parts.headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind != "text/event-stream")
                && let Some(frame) = body.frame().await
            {
                let frame = frame.map(|frame| frame.into_data().unwrap_or_default()).unwrap_or_default();
                bytes.extend_from_slice(&frame);
                if frame.is_empty() || bytes.len() > 1 << 20 {
                    break;
                }
            }
            (parts, bytes)
        })
    };
    let list =
        "GET /api/v1/samples?component=01_3357_R085_01&centre=98765\nAuthorization: Bearer officer.98765";
    let (_, answer) = ask(request(list.as_bytes()).unwrap());
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    let sample = answer["items"][0]["id"].as_str().expect("a sample").to_owned();
    let sample64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &sample);
    let named = |input: &[u8], file: &str| {
        let text = input.iter().map(|&byte| char::from(byte)).collect::<String>();
        let text = text.replace("{sample}", &sample).replace("{sample64}", &sample64).replace("{file}", file);
        text.chars().map(|letter| letter as u8).collect::<Vec<u8>>()
    };
    let begin = || {
        let create = "POST /files/to/{sample}/1005/Evidence\nAuthorization: Bearer teacher.98765\nTus-Resumable: 1.0.0\nUpload-Length: 100\nContent-Disposition: inline; filename=a.pdf";
        let (parts, _) = ask(request(&named(create.as_bytes(), "")).unwrap());
        let location = parts.headers.get(header::LOCATION)?.to_str().ok()?;
        Some(location.rsplit('/').next()?.to_owned())
    };
    let end = |file: &str| {
        let delete =
            format!("DELETE /files/{file}\nAuthorization: Bearer teacher.98765\nTus-Resumable: 1.0.0");
        ask(request(delete.as_bytes()).unwrap());
    };
    let (count, file) = (Cell::new(0_u64), Cell::new(begin().expect("an upload begins")));
    let seeds = REQUESTS.iter().map(|text| text.as_bytes().to_vec());
    run("requests", seeds, PIECES, |input| {
        count.set(count.get() + 1);
        let mut upload = file.take();
        if count.get() % 100 == 0 {
            end(&upload);
            upload = begin().unwrap_or(upload);
        }
        let asked = request(&named(input, &upload));
        file.set(upload);
        let (parts, body) = ask(asked?);
        let status = parts.status;
        let text = String::from_utf8_lossy(&body);
        assert!(!status.is_server_error() || status == StatusCode::INSUFFICIENT_STORAGE, "{status}: {text}");
        assert!(!parts.headers.is_empty() && parts.headers.contains_key("x-request-id"));
        if parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/problem+json")
            && !body.is_empty()
        {
            let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(problem["status"].as_u64(), Some(status.as_u16().into()), "{problem}");
            return Some((status.as_u16(), problem["type"].to_string()));
        }
        Some((status.as_u16(), String::new()))
    });
    runtime.block_on(running.stop());
}
