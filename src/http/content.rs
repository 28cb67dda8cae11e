//! `GET /api/v1/files/{file}/content`: one file's bytes.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Method};
use serde_json::json;

use super::attachment::{Asking, Attachment, Trail, inert_type};
use super::body::Segments;
use super::error::ApiError;
use super::identity::Caller;
use super::layers::RequestId;
use crate::archive::Parcel;
use crate::database::archive::readable;
use crate::ids::FileId;
use crate::service::Service;

/// A file under the name it came with. Its centre's staff read what is accepted, its moderators what was submitted;
/// to everyone else it is not there.
#[utoipa::path(get, path = "/api/v1/files/{file}/content", params(("file" = String, Path)),
    responses((status = 200, description = "The bytes", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 206, description = "A range of them"), (status = 416)))]
pub(super) async fn file(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    method: Method,
    headers: HeaderMap,
    Segments(file): Segments<FileId>,
) -> Result<Response, ApiError> {
    let found = readable(&service.db, caller.person(), file).await?.ok_or(ApiError::NotFound)?;
    let attachment = Attachment {
        media_type: inert_type(found.name.as_str()),
        name: found.name.to_string(),
        parcel: Parcel::File(found.object),
        trail: Trail {
            started: "file.download_started",
            finished: "file.download_finished",
            sample: found.sample,
            candidate: found.candidate,
            section: found.section,
            file: Some(file),
            detail: json!({}),
        },
    };
    attachment.answer(Asking { service, caller, request, method, headers }).await
}
