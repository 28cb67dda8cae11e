//! Bytes of people's work as an answer: never shown by a browser as a page of ours, resumable, on the audit trail.
//!
//! Before the first byte a row says who reads what; without the row there are no bytes. A second row says how many
//! bytes left and, if they were fewer than asked for, why. (Of what is shown by `http::viewing`, one row says it for all
//! the ranges of a view.)

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::error::ApiError;
use super::identity::Caller;
use super::layers::{Framed, RequestId};
use super::range::{Asked, asked};
use super::viewing;
use crate::archive::{Cause, Finished, Gate, OnFinished, Parcel, SendError};
use crate::database::archive::may_leave;
use crate::database::audit::{self, By, Entry};
use crate::database::{incidents, rescans};
use crate::evidence::{FileKind, Group, extension_of};
use crate::ids::{FileId, SampleId};
use crate::service::Service;
use crate::shares::Crowded;

/// Who asks, and how.
#[derive(Debug)]
pub(super) struct Asking {
    pub service: Arc<Service>,
    pub caller: Caller,
    pub request: RequestId,
    pub method: Method,
    pub headers: HeaderMap,
}

/// What the audit trail calls it.
#[derive(Clone, Debug)]
pub struct Trail {
    pub started: &'static str,
    pub finished: &'static str,
    pub sample: SampleId,
    /// Candidate id, or `""`.
    pub candidate: String,
    pub section: String,
    pub file: Option<FileId>,
    /// Ids and numbers.
    pub detail: Value,
}

/// By which right it leaves: asked before its first byte, and again on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Accepted work, for its centre and its moderators.
    Evidence,
    /// An infected original, for whoever answers incidents.
    Incident,
}

/// What is sent, and what it is called.
#[derive(Debug)]
pub(super) struct Attachment {
    pub parcel: Parcel,
    pub right: Right,
    pub name: String,
    pub media_type: String,
    /// `None`: a row was written before, for all of its ranges.
    pub trail: Option<Trail>,
    /// The origin whose pages show it in a frame or a player. `None`: it is saved, and never shown.
    pub framed_by: Option<String>,
}

const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Set on every byte of people's work, over what every answer carries.
const HEADERS: [(HeaderName, &str); 8] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'; frame-ancestors 'none'"),
    (CORP, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "private, no-store"),
    (HeaderName::from_static("x-robots-tag"), "noindex"),
    (header::ACCEPT_RANGES, "bytes"),
];

/// `attr-char` of RFC 8187, section 3.2.1, stands for itself.
const ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// How long the closing row may take.
const ROW_DEADLINE: Duration = Duration::from_secs(15);
/// Asked of whoever finds all places taken.
const CROWDED: Duration = Duration::from_secs(10);

impl Attachment {
    /// The answer to `asking`.
    pub(super) async fn answer(self, asking: Asking) -> Result<Response, ApiError> {
        let len = self.parcel.len();
        let etag = format!("\"{}\"", self.parcel.etag());
        let (status, range) = match asked(&asking.headers, len, &etag) {
            Asked::Whole => (StatusCode::OK, 0..len),
            Asked::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
            Asked::Unchanged => (StatusCode::NOT_MODIFIED, 0..0),
            Asked::Changed => return Err(ApiError::PreconditionFailed),
            Asked::Outside => return Err(ApiError::RangeNotSatisfiable { size: len }),
        };
        let mut headers = self.headers(&etag)?;
        if status == StatusCode::PARTIAL_CONTENT {
            let text = format!("bytes {}-{}/{len}", range.start, range.end - 1);
            headers.insert(header::CONTENT_RANGE, value(&text)?);
        }
        if status != StatusCode::NOT_MODIFIED {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
        }
        let framed = self.framed_by.is_some();
        let body = if asking.method == Method::HEAD || status == StatusCode::NOT_MODIFIED {
            Body::empty()
        } else {
            self.body(asking, range).await?
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        if framed {
            response.extensions_mut().insert(Framed);
        }
        Ok(response)
    }

    fn headers(&self, etag: &str) -> Result<HeaderMap, ApiError> {
        let mut headers = HeaderMap::new();
        for (name, text) in HEADERS {
            headers.insert(name, HeaderValue::from_static(text));
        }
        headers.insert(header::CONTENT_TYPE, value(&self.media_type)?);
        let disposition = match &self.framed_by {
            None => disposition("attachment", &self.name),
            Some(pages) => {
                // A frame with a sandbox shows no PDF, so it is the origin that keeps it apart.
                headers.insert(header::CONTENT_SECURITY_POLICY, value(&viewing::policy(pages))?);
                headers.insert(CORP, HeaderValue::from_static("cross-origin"));
                disposition("inline", &self.name)
            }
        };
        headers.insert(header::CONTENT_DISPOSITION, value(&disposition)?);
        headers.insert(header::ETAG, value(etag)?);
        if let Parcel::File(object) = &self.parcel {
            let digest = format!("sha-256=:{}:", STANDARD.encode(object.sha256().0));
            headers.insert(HeaderName::from_static("repr-digest"), value(&digest)?);
        }
        Ok(headers)
    }

    /// Begins the download; its first piece is there when this returns.
    async fn body(self, asking: Asking, range: std::ops::Range<u64>) -> Result<Body, ApiError> {
        let Self { parcel, right, trail, .. } = self;
        let Asking { service, caller, request, .. } = asking;
        let place = service.downloads.place(caller.person()).map_err(crowded)?;
        let asked_for = json!({"from": range.start, "to": range.end, "etag": parcel.etag().to_string()});
        if let Some(trail) = &trail {
            trail.write(&service, &caller, request, trail.started, asked_for).await?;
        }
        let gate = gate(service.clone(), caller.clone(), right);
        let note = closing(trail, service.clone(), caller, request);
        let mut download = service.downloads.start(place, parcel, range, gate, note);
        download.begin().await.map_err(refused)?;
        Ok(Body::from_stream(download))
    }
}

impl Trail {
    /// Writes that it began, for what is no download.
    pub(super) async fn note(
        &self,
        service: &Service,
        caller: &Caller,
        request: RequestId,
    ) -> Result<(), ApiError> {
        self.write(service, caller, request, self.started, Value::Null).await
    }

    async fn write(
        &self,
        service: &Service,
        caller: &Caller,
        request: RequestId,
        action: &'static str,
        more: Value,
    ) -> Result<(), ApiError> {
        let mut tx = service.db.begin().await?;
        let request = request.to_string();
        audit::record(&mut tx, service.clock.now(), self.entry(caller, &request, action, more)).await?;
        Ok(tx.commit().await?)
    }

    fn entry<'a>(
        &'a self,
        caller: &'a Caller,
        request: &'a str,
        action: &'static str,
        more: Value,
    ) -> Entry<'a> {
        Entry {
            sample: Some(self.sample),
            candidate: &self.candidate,
            section: &self.section,
            file: self.file,
            detail: json!({"what": self.detail, "bytes": more}),
            request,
            ..Entry::new(By::Person(caller.person()), action)
        }
    }
}

/// Writes the closing row when the download is over, where each has one. A file whose stored bytes were not what they
/// should be is looked at next.
pub fn closing(
    trail: Option<Trail>,
    service: Arc<Service>,
    caller: Caller,
    request: RequestId,
) -> OnFinished {
    Box::new(move |finished| {
        Box::pin(async move {
            let row = close(trail, &service, &caller, request, finished);
            let failed: Cause = match tokio::time::timeout(ROW_DEADLINE, row).await {
                Ok(Ok(())) => return,
                Ok(Err(why)) => why.into(),
                Err(late) => late.into(),
            };
            let bytes = finished.bytes;
            tracing::error!(%request, bytes, why = %failed, "the end of a download is not on the trail");
        })
    })
}

async fn close(
    trail: Option<Trail>,
    service: &Service,
    caller: &Caller,
    request: RequestId,
    Finished { bytes, broken, doubted }: Finished,
) -> Result<(), ApiError> {
    if trail.is_none() && doubted.is_none() {
        return Ok(());
    }
    let mut tx = service.db.begin().await?;
    let request = request.to_string();
    if let Some(trail) = &trail {
        let sent = json!({"sent": bytes, "broken": broken});
        let entry = trail.entry(caller, &request, trail.finished, sent);
        audit::record(&mut tx, service.clock.now(), entry).await?;
    }
    if let Some(file) = doubted {
        rescans::doubt(&mut tx, file).await?;
    }
    tx.commit().await?;
    if doubted.is_some() {
        service.rescans.notify_one();
    }
    Ok(())
}

/// Asks again, for every object, when anything was withdrawn and every minute of a long one: is the session or token
/// alive, and may this person still read this file? Who waits for bytes is there: the session counts as used.
pub fn gate(service: Arc<Service>, caller: Caller, right: Right) -> Gate {
    Arc::new(move |file| {
        let (service, caller) = (service.clone(), caller.clone());
        Box::pin(async move {
            match caller.still(&service).await {
                Ok(caller) => Ok(match right {
                    Right::Evidence => may_leave(&service.db, caller.person(), file).await?,
                    Right::Incident => {
                        let now = service.clock.now();
                        let kept = incidents::one(&service.db, caller.person(), now, file).await?;
                        kept.is_some_and(|kept| kept.object.is_some())
                    }
                }),
                Err(ApiError::SignedOut) => Ok(false),
                Err(other) => Err(Cause::from(other)),
            }
        })
    })
}

/// All places for downloads are taken.
pub fn crowded(crowded: Crowded) -> ApiError {
    match crowded {
        Crowded::Each => ApiError::TooMany { retry_after: CROWDED },
        Crowded::All => ApiError::Unavailable { retry_after: CROWDED, source: Some(crowded.into()) },
    }
}

/// A download that could not begin.
pub fn refused(why: SendError) -> ApiError {
    match why {
        SendError::Withdrawn { .. } => ApiError::NotFound,
        SendError::Store { source, .. } if !source.is_transient() => ApiError::internal(source),
        SendError::Mismatch { .. } => ApiError::internal(why),
        _ => ApiError::Unavailable { retry_after: CROWDED, source: Some(why.into()) },
    }
}

fn value(text: &str) -> Result<HeaderValue, ApiError> {
    HeaderValue::from_str(text).map_err(ApiError::internal)
}

/// `attachment` or `inline` under the file's own name (RFC 6266, with RFC 8187 for what is not ASCII).
fn disposition(kind: &str, name: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%' | ';' | '/') || c == ' ';
    let ascii: String = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    format!("{kind}; filename=\"{ascii}\"; filename*=UTF-8''{}", utf8_percent_encode(name, ATTR_CHAR))
}

/// The media type of an accepted extension, if a browser only ever shows or plays it; else bytes without a meaning.
pub(super) fn inert_type(name: &str) -> String {
    let extension = extension_of(name).unwrap_or_default();
    let shown = FileKind::of(&extension)
        .is_some_and(|kind| matches!(kind.group, Group::Audio | Group::Video | Group::Images));
    let guess = mime_guess::from_ext(&extension).first_raw().unwrap_or_default();
    let media = ["audio/", "video/", "image/"].iter().any(|class| guess.starts_with(class));
    if (shown && media) || matches!(extension.as_str(), "pdf" | "zip") {
        guess.to_owned()
    } else if extension == "txt" {
        "text/plain; charset=utf-8".to_owned()
    } else {
        "application/octet-stream".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_arrives_whole_and_never_ends_the_header() {
        assert_eq!(
            disposition("attachment", "Ünit \"1\"; a\\b%.pdf"),
            "attachment; filename=\"_nit _1__ a_b_.pdf\"; \
             filename*=UTF-8''%C3%9Cnit%20%221%22%3B%20a%5Cb%25.pdf"
        );
        assert!(HeaderValue::from_str(&disposition("inline", "漢字\r\nX: y")).is_ok());
    }

    #[test]
    fn what_a_browser_could_run_has_no_type() {
        for (name, media_type) in [
            ("a.pdf", "application/pdf"),
            ("a.MP4", "video/mp4"),
            ("a.png", "image/png"),
            ("a.txt", "text/plain; charset=utf-8"),
            ("a.html", "application/octet-stream"),
            ("a.svg", "application/octet-stream"),
            ("a.docx", "application/octet-stream"),
            ("a.exe", "application/octet-stream"),
            ("README", "application/octet-stream"),
        ] {
            assert_eq!(inert_type(name), media_type, "{name}");
        }
    }
}
