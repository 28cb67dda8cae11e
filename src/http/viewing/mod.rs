//! Files as a browser shows them, on an origin of their own (`http::origins`).
//!
//! A page of ours has [`address`] write that somebody looks at a file, and gets an address for it that is good for a
//! while. Every request to it, one for a range too, is asked what a download is asked: is the session alive, may this
//! person read this file now, is it as it was submitted. The audit trail has one row for a view, not one for each range
//! that a player asks for.
//!
//! What a browser shows by itself and cannot run is shown ([`Shown`]); all else leaves as an attachment. Here is nothing
//! else: no page, no cookie read or set, and the pages' host never answers with a file that is shown.

mod pass;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use jiff::SignedDuration;
use serde_json::{Value, json};

use self::pass::Pass;
use super::attachment::{Asking, Attachment, Right, Trail, inert_type};
use super::error::ApiError;
use super::identity::Caller;
use super::layers::{Framed, RequestId};
use super::origins;
use crate::archive::Parcel;
use crate::database::archive::{Readable, readable};
use crate::evidence::extension_of;
use crate::ids::FileId;
use crate::service::Service;

/// How long an address is good. A film's ranges are asked for as it plays, so it is as long as a long one.
const GOOD_FOR: SignedDuration = SignedDuration::from_hours(3);

/// What a browser shows of a file by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shown {
    Pdf,
    Image,
    Audio,
    Film,
}

/// How a file is shown, and as which media type: by its ending, which a check has held against its content.
pub fn shown(name: &str) -> Option<(Shown, &'static str)> {
    Some(match extension_of(name)?.as_str() {
        "pdf" => (Shown::Pdf, "application/pdf"),
        "jpg" | "jpeg" | "jfif" => (Shown::Image, "image/jpeg"),
        "png" => (Shown::Image, "image/png"),
        "gif" => (Shown::Image, "image/gif"),
        "webp" => (Shown::Image, "image/webp"),
        "mp3" => (Shown::Audio, "audio/mpeg"),
        "m4a" => (Shown::Audio, "audio/mp4"),
        "wav" => (Shown::Audio, "audio/wav"),
        "mp4" => (Shown::Film, "video/mp4"),
        "webm" => (Shown::Film, "video/webm"),
        _ => return None,
    })
}

/// Writes that the caller looks at a file; before anything of it is shown.
pub(crate) async fn looked(
    service: &Service,
    caller: &Caller,
    request: RequestId,
    file: &Readable,
    how: Value,
) -> Result<(), ApiError> {
    let trail = Trail {
        started: "file.viewed",
        finished: "file.viewed",
        sample: file.sample,
        candidate: file.candidate.clone(),
        section: file.section.clone(),
        file: Some(file.object.file()),
        detail: json!({ "revision": file.revision, "how": how }),
    };
    trail.note(service, caller, request).await
}

/// The address at which a browser shows a file to this caller for a while; written on the audit trail as a view. `None`:
/// there is no origin for files here, or the caller is a program, which downloads.
pub(crate) async fn address(
    service: &Service,
    caller: &Caller,
    request: RequestId,
    headers: &HeaderMap,
    file: &Readable,
) -> Result<Option<String>, ApiError> {
    let (Some(origin), Some(session)) = (origins::files(service, headers), &caller.session) else {
        return Ok(None);
    };
    let ends_at = service.clock.now().checked_add(GOOD_FOR).map_err(ApiError::internal)?;
    let id = file.object.file();
    let pass = Pass { session: session.id, file: id, revision: file.revision, ends_at };
    let pass = pass.sign(&service.view_key).ok_or_else(|| ApiError::internal("the key of views is none"))?;
    looked(service, caller, request, file, json!("shown")).await?;
    // The pass stands in the query, which no log holds.
    Ok(Some(format!("{origin}/{id}?pass={pass}")))
}

/// The middleware that keeps the origins apart: a request to the files' host is answered here.
pub async fn apart(State(service): State<Arc<Service>>, request: Request<Body>, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if !host.is_some_and(|host| origins::is_for_files(&service, host)) {
        return next.run(request).await;
    }
    let pages = origins::pages(&service, request.headers()).unwrap_or_default();
    match show(service, request, &pages).await {
        Ok(response) => response,
        Err(error) => refusal(error, &pages),
    }
}

async fn show(service: Arc<Service>, request: Request<Body>, pages: &str) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return Err(ApiError::MethodNotAllowed { allow: "GET, HEAD" });
    }
    let id =
        *parts.extensions.get::<RequestId>().ok_or_else(|| ApiError::internal("the request has no id"))?;
    let file = parts.uri.path().strip_prefix('/').and_then(|path| path.parse::<FileId>().ok());
    let pass = parts.uri.query().and_then(|query| query.strip_prefix("pass="));
    let pass = pass.and_then(|pass| Pass::read(pass, &service.view_key));
    let pass = pass.filter(|pass| Some(pass.file) == file && service.clock.now() < pass.ends_at);
    let pass = pass.ok_or(ApiError::NotFound)?;
    let caller = Caller::of_session(&service, pass.session).await?.ok_or(ApiError::NotFound)?;
    let found = readable(&service.db, caller.person(), pass.file).await?;
    let found = found.filter(|found| found.revision == pass.revision).ok_or(ApiError::NotFound)?;
    let name = found.name.to_string();
    let kind = shown(&name);
    let attachment = Attachment {
        media_type: kind.map_or_else(|| inert_type(&name), |(_, media_type)| media_type.to_owned()),
        name,
        parcel: Parcel::File(found.object),
        right: Right::Evidence,
        trail: None,
        framed_by: kind.map(|_| pages.to_owned()),
    };
    let (method, headers) = (parts.method, parts.headers);
    attachment.answer(Asking { service, caller, request: id, method, headers }).await
}

/// A refusal in plain words: it stands where the file would, or where somebody looks for the pages.
fn refusal(error: ApiError, pages: &str) -> Response {
    let mut response = error.into_response();
    let what = match response.status() {
        StatusCode::NOT_FOUND => {
            "This file cannot be shown, or not any more. Go back to its page and open it again."
        }
        StatusCode::RANGE_NOT_SATISFIABLE => "That part of the file is not there.",
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            "Too many files are being read at the moment. Try again in a little while."
        }
        _ => "This file could not be shown.",
    };
    *response.body_mut() = Body::from(format!("{what}\nStrongroom's pages are at {pages}/\n"));
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if let Ok(policy) = HeaderValue::from_str(&policy(pages)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        response.extensions_mut().insert(Framed);
    }
    response
}

/// What a file that is shown may do: nothing; and who may frame it: our pages.
pub(super) fn policy(pages: &str) -> String {
    format!("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors {pages}")
}
