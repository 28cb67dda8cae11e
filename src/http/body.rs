//! Bodies that are not uploads: small, in time, strictly read.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, RawPathParams};
use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderMap, Request, header};
use http_body_util::BodyExt;
use percent_encoding::percent_decode;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::error::ApiError;

/// The most that is read of a body that is not an upload, bytes.
pub const BODY_LIMIT: usize = 256 << 10;
/// How long such a body may take to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(30);

/// Reads a whole small body: at most `limit` bytes, within 30 s.
pub async fn read_bounded(mut body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let deadline = Instant::now() + BODY_DEADLINE;
    let mut read = BytesMut::new();
    while let Some(frame) =
        tokio::time::timeout_at(deadline, body.frame()).await.map_err(|_| ApiError::BodyTimeout)?
    {
        let frame = frame
            .map_err(|_| ApiError::InvalidRequest { field: None, detail: "The body broke off.".into() })?;
        let Ok(data) = frame.into_data() else { continue };
        if read.len() + data.len() > limit {
            return Err(ApiError::TooLarge { limit: limit as u64 });
        }
        read.extend_from_slice(&data);
    }
    Ok(read.freeze())
}

/// What no text of ours holds: PostgreSQL cannot even store a NUL.
fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && !matches!(byte, b'\n' | b'\r' | b'\t')
}

fn is_plain(value: &serde_json::Value) -> bool {
    use serde_json::Value;
    match value {
        Value::String(text) => !text.bytes().any(is_control),
        Value::Array(items) => items.iter().all(is_plain),
        Value::Object(fields) => {
            fields.iter().all(|(name, value)| !name.bytes().any(is_control) && is_plain(value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

fn control_character() -> ApiError {
    ApiError::InvalidRequest { field: None, detail: "A text holds a control character.".into() }
}

/// The media type of a body, lower case, without parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next()?.trim().to_ascii_lowercase())
}

/// A JSON body; unknown fields are refused where `T` says so, and the field at fault is named.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

/// Reads a JSON body of at most `limit` bytes. Its texts may hold anything; a handler looks at them itself.
pub async fn read_json<T: DeserializeOwned>(request: Request<Body>, limit: usize) -> Result<T, ApiError> {
    if media_type(request.headers()).as_deref() != Some("application/json") {
        return Err(ApiError::UnsupportedMediaType);
    }
    parsed(&read_bounded(request.into_body(), limit).await?)
}

fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        ApiError::InvalidRequest {
            field: (path != ".").then_some(path),
            detail: error.into_inner().to_string(),
        }
    })?;
    reader.end().map_err(|error| ApiError::InvalidRequest { field: None, detail: error.to_string() })?;
    Ok(value)
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = ApiError;
    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, ApiError> {
        if media_type(request.headers()).as_deref() != Some("application/json") {
            return Err(ApiError::UnsupportedMediaType);
        }
        let bytes = read_bounded(request.into_body(), BODY_LIMIT).await?;
        let value = parsed(&bytes)?;
        let text = serde_json::from_slice(&bytes).map_err(ApiError::internal)?;
        if is_plain(&text) { Ok(Self(value)) } else { Err(control_character()) }
    }
}

/// A form's fields.
#[derive(Clone, Copy, Debug)]
pub struct Form<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Form<T> {
    type Rejection = ApiError;
    async fn from_request(request: Request<Body>, state: &S) -> Result<Self, ApiError> {
        if media_type(request.headers()).as_deref() != Some("application/x-www-form-urlencoded") {
            return Err(ApiError::UnsupportedMediaType);
        }
        let (parts, body) = request.into_parts();
        let bytes = read_bounded(body, BODY_LIMIT).await?;
        if percent_decode(&bytes).any(is_control) {
            return Err(control_character());
        }
        let request = Request::from_parts(parts, Body::from(bytes));
        match axum::Form::from_request(request, state).await {
            Ok(axum::Form(value)) => Ok(Self(value)),
            Err(error) => Err(ApiError::InvalidRequest { field: None, detail: error.body_text() }),
        }
    }
}

/// The query, strictly: what cannot be read is refused.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        if percent_decode(parts.uri.query().unwrap_or_default().as_bytes()).any(is_control) {
            return Err(control_character());
        }
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(error) => Err(ApiError::InvalidRequest { field: None, detail: error.body_text() }),
        }
    }
}

/// The variable segments of the path. What cannot be one of ours is unknown: 404.
#[derive(Clone, Copy, Debug)]
pub struct Segments<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Segments<T> {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        RawPathParams::from_request_parts(parts, state).await.map_err(|_| ApiError::NotFound)?;
        if percent_decode(parts.uri.path().as_bytes()).any(is_control) {
            return Err(ApiError::NotFound);
        }
        match Path::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(_) => Err(ApiError::NotFound),
        }
    }
}
