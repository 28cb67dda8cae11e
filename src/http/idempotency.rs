//! `Idempotency-Key` on writing calls under `/api/v1`: a call that is sent again is done once, and answered alike.
//!
//! A key belongs to one person for a day, and to the first call it came with: method, address and body. The same call
//! again gets the first answer; another call under the key is refused. While the first runs, the second is asked to
//! come again. The call runs to its end even when its sender is gone, for then the sender comes back for the answer.
//!
//! An answer that says "not now" (a fault of ours, someone else busy, too much at once) or "not yours" is not kept:
//! nothing was done, and who asks again is looked at again. Uploads have offsets instead, and are not touched.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::api::plans::PLAN_LIMIT;
use super::body::{BODY_LIMIT, read_bounded};
use super::error::{ApiError, Failure, RETRY_SOON};
use super::identity::Caller;
use super::layers::{self, RequestId};
use crate::database::idempotency::{self, Call, Claim, Kept};
use crate::evidence::Sha256Digest;
use crate::service::Service;

/// The header.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// On an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longest key, bytes.
const LONGEST: usize = 255;
/// How long a key is known.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(24);
/// A call without an answer after this died with its process.
const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_mins(10);
/// The largest answer that is kept, bytes.
const ANSWER_LIMIT: usize = 8 << 20;
/// The headers of an answer that are kept.
const TOLD: [HeaderName; 3] = [header::CONTENT_TYPE, header::LOCATION, header::ETAG];

/// The layer.
pub(super) async fn once(
    State(service): State<Arc<Service>>,
    request: Request<Body>,
    next: Next,
) -> Result<Response, ApiError> {
    let counts = !request.method().is_safe() && request.uri().path().starts_with("/api/v1/");
    let caller = request.extensions().get::<Caller>().cloned();
    let (true, Some(caller), Some(key)) = (counts, caller, key(request.headers())?) else {
        return Ok(next.run(request).await);
    };
    let (request, fingerprint) = fingerprint(request).await?;
    let attempt = format!("{:032x}", rand::random::<u128>());
    let call = Call { person: caller.person().clone(), key, fingerprint, attempt };
    let now = service.clock.now();
    let before = |length| now.saturating_sub(length).unwrap_or(Timestamp::MIN);
    match idempotency::claim(&service.db, &call, now, before(KEPT_FOR), before(GIVEN_UP_AFTER)).await? {
        Claim::First => run(service, call, request, next).await,
        Claim::Answered(kept) => again(&kept),
        Claim::Running => Err(ApiError::KeyRunning { retry_after: RETRY_SOON }),
        Claim::Reused => Err(ApiError::KeyReused),
    }
}

fn key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut values = headers.get_all(&KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let fits = (1..=LONGEST).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    if !fits || values.next().is_some() {
        let detail = format!("one key of 1 to {LONGEST} letters, digits and signs, without spaces");
        return Err(ApiError::invalid("Idempotency-Key", detail));
    }
    Ok(Some(text.to_owned()))
}

/// What the call is, by method, address and body. The body is read for it, and given back.
async fn fingerprint(request: Request<Body>) -> Result<(Request<Body>, Sha256Digest), ApiError> {
    let (parts, body) = request.into_parts();
    // A plan names thousands of files.
    let limit = if parts.uri.path().ends_with("/bulk_plans") { PLAN_LIMIT } else { BODY_LIMIT };
    let bytes = read_bounded(body, limit).await?;
    let mut digest = Sha256::new();
    // Neither a method nor an address holds a line's end.
    digest.update(format!("{}\n{}\n", parts.method, parts.uri));
    digest.update(&bytes);
    let digest = Sha256Digest(digest.finalize().into());
    Ok((Request::from_parts(parts, Body::from(bytes)), digest))
}

/// Does the call, apart from the connection it came by, and keeps its answer.
async fn run(
    service: Arc<Service>,
    call: Call,
    request: Request<Body>,
    next: Next,
) -> Result<Response, ApiError> {
    let id = request.extensions().get::<RequestId>().copied();
    let (answer, answered) = oneshot::channel();
    let tasks = service.tasks.clone();
    tasks.spawn(async move {
        let response = AssertUnwindSafe(next.run(request)).catch_unwind().await;
        let response = response.unwrap_or_else(layers::panicked);
        let response = keep(&service, &call, response, id).await;
        // Whoever asked may be gone.
        drop(answer.send(response));
    });
    answered.await.map_err(|_| ApiError::Unavailable { retry_after: RETRY_SOON, source: None })
}

/// Whether an answer stands, or only says "not now" or "not yours".
fn stands(status: StatusCode) -> bool {
    let later = [
        StatusCode::UNAUTHORIZED,
        StatusCode::FORBIDDEN,
        StatusCode::NOT_FOUND,
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::LOCKED,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    !status.is_server_error() && !later.contains(&status)
}

async fn keep(service: &Service, call: &Call, mut response: Response, id: Option<RequestId>) -> Response {
    if let (Some(failure), Some(id)) = (response.extensions().get::<Failure>().cloned(), id) {
        layers::render(&mut response, &failure, id);
    }
    let small = response.body().size_hint().upper().is_some_and(|size| size <= ANSWER_LIMIT as u64);
    let done = if stands(response.status()) && small {
        let (parts, body) = response.into_parts();
        let text = match read_bounded(body, ANSWER_LIMIT).await {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => return error.into_response(),
        };
        let told =
            |name: &HeaderName| Some((name.to_string(), parts.headers.get(name)?.to_str().ok()?.to_owned()));
        let headers = TOLD.iter().filter_map(told).collect();
        let kept = Kept { status: parts.status.as_u16(), headers, body: text.clone() };
        response = Response::from_parts(parts, Body::from(text));
        idempotency::settle(&service.db, call, &kept).await
    } else {
        idempotency::forget(&service.db, call).await
    };
    if let Err(error) = done {
        tracing::warn!(error = &error as &dyn std::error::Error, "the answer to a key cannot be kept");
    }
    response
}

/// The first answer again.
fn again(kept: &Kept) -> Result<Response, ApiError> {
    let status = StatusCode::from_u16(kept.status).map_err(ApiError::internal)?;
    let mut response = (status, kept.body.clone()).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    for (name, value) in &kept.headers {
        let name: HeaderName = name.parse().map_err(ApiError::internal)?;
        headers.insert(name, value.parse().map_err(ApiError::internal)?);
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}
