//! What every request passes and every answer carries: an id, one log line, the security headers, errors in one form.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderName, HeaderValue, Method, header};
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::error::{ApiError, Failure};
use super::origins;
use crate::actor::PersonId;
use crate::config::{Environment, host_of};
use crate::service::Service;

/// One request's id: in the log line, the answer's `X-Request-Id`, problems and audit rows. Ours, never the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(Uuid);

impl RequestId {
    /// A fresh one.
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.simple())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get().copied().ok_or_else(|| ApiError::internal("the request has no id"))
    }
}

const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// What says who asks whom, and may not be read in two ways.
const ONCE: [HeaderName; 3] = [header::HOST, header::AUTHORIZATION, header::ORIGIN];

/// An answer that pages of ours may frame: its policy says which.
#[derive(Clone, Copy, Debug)]
pub(super) struct Framed;

/// Set on every answer that does not say otherwise itself.
const HEADERS: [(HeaderName, &str); 9] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"),
    (header::CACHE_CONTROL, "no-store"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// The outermost layer: id, log line, rendering, headers.
pub async fn outermost(mut request: Request<Body>, next: Next) -> Response {
    let (id, began) = (RequestId::new(), Instant::now());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    request.extensions_mut().insert(id);
    let mut response = next.run(request).await;
    let failure = response.extensions_mut().remove::<Failure>();
    let person = response.extensions_mut().remove::<PersonId>();
    let cause = failure.as_ref().and_then(|failure| failure.cause.clone());
    // A page has told it already, in its own words.
    let told = response.headers().contains_key(header::CONTENT_TYPE);
    if let Some(failure) = failure.filter(|_| !told) {
        render(&mut response, &failure, id);
    }
    let framed = response.extensions_mut().remove::<Framed>().is_some();
    for (name, value) in HEADERS.into_iter().filter(|(name, _)| !framed || *name != header::X_FRAME_OPTIONS) {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert("x-request-id", value);
    }
    let status = response.status();
    let took = began.elapsed();
    metrics::counter!("strongroom_requests_total", "method" => named(&method), "status" => status.as_u16().to_string())
        .increment(1);
    metrics::histogram!("strongroom_request_seconds").record(took.as_secs_f64());
    let who = person.as_ref().map(PersonId::as_str);
    let ms = took.as_millis() as u64;
    if status.is_server_error() {
        tracing::error!(request = %id, %method, path, status = status.as_u16(), ms, who, cause, "request");
    } else {
        tracing::info!(request = %id, %method, path, status = status.as_u16(), ms, who, cause, "request");
    }
    response
}

fn named(method: &Method) -> String {
    if METHODS.contains(method) { method.to_string() } else { "other".to_owned() }
}

pub(super) fn render(response: &mut Response, failure: &Failure, id: RequestId) {
    let mut problem = json!(failure.problem);
    if let Some(fields) = problem.as_object_mut() {
        fields.insert("request_id".into(), json!(id.to_string()));
    }
    *response.body_mut() = Body::from(problem.to_string());
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
}

/// Answers for a handler that panicked; the process lives on.
pub fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    ApiError::internal(format!("panic: {}", text.unwrap_or_default())).into_response()
}

/// Refuses strange methods, hosts that are not ours (a name that some page has pointed at this machine), and who names
/// two of them, or two people.
pub async fn sane(
    State(service): State<Arc<Service>>,
    mut request: Request<Body>,
    next: Next,
) -> Result<Response, ApiError> {
    if !METHODS.contains(request.method()) {
        return Err(ApiError::MethodNotAllowed { allow: "" });
    }
    let twice = ONCE.iter().find(|name| request.headers().get_all(*name).iter().nth(1).is_some());
    if let Some(name) = twice {
        return Err(ApiError::InvalidRequest {
            field: Some(name.to_string()),
            detail: "It stands twice.".into(),
        });
    }
    let host = request
        .uri()
        .authority()
        .map(|authority| authority.as_str())
        .or_else(|| request.headers().get(header::HOST).and_then(|host| host.to_str().ok()));
    if !expected(&service, host) {
        return Err(ApiError::InvalidRequest {
            field: Some("host".into()),
            detail: "This host name is not served here.".into(),
        });
    }
    // HTTP/2 says it in the address; handlers find it in one place.
    if let Some(host) = request.uri().authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok()) {
        request.headers_mut().insert(header::HOST, host);
    }
    Ok(next.run(request).await)
}

fn expected(service: &Service, host: Option<&str>) -> bool {
    let Some(host) = host else { return false };
    if let Some(url) = &service.config.server.public_url
        && host_of(url).is_some_and(|public| public.eq_ignore_ascii_case(host))
    {
        return true;
    }
    // A name and a port: nothing in it may send a client elsewhere once it stands in an address.
    let Some(named) = host.parse::<Authority>().ok().filter(|_| !host.contains('@')) else { return false };
    if origins::is_for_files(service, host) {
        return true;
    }
    let loopback = ["127.0.0.1", "localhost", "[::1]"].contains(&named.host());
    loopback
        || (service.config.environment == Environment::Production
            && service.config.server.public_url.is_none())
}
