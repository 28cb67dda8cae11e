//! One file's bytes: `GET /api/v1/files/{file}/content` of accepted work, `GET /api/v1/incidents/{file}/content` of an
//! infected original.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Method};
use serde_json::json;

use super::attachment::{Asking, Attachment, Right, Trail, inert_type};
use super::body::Segments;
use super::error::ApiError;
use super::identity::Caller;
use super::layers::RequestId;
use crate::archive::Parcel;
use crate::database::archive::readable;
use crate::database::incidents;
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
        right: Right::Evidence,
        framed_by: None,
        trail: Some(Trail {
            started: "file.download_started",
            finished: "file.download_finished",
            sample: found.sample,
            candidate: found.candidate,
            section: found.section,
            file: Some(file),
            detail: json!({}),
        }),
    };
    attachment.answer(Asking { service, caller, request, method, headers }).await
}

/// An infected original, under a name that no program opens. For whoever answers incidents; to everyone else, board
/// staff among them, it is not there.
#[utoipa::path(get, path = "/api/v1/incidents/{file}/content", params(("file" = String, Path)),
    responses((status = 200, description = "The bytes", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 206, description = "A range of them"), (status = 416)))]
pub(super) async fn infected(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    method: Method,
    headers: HeaderMap,
    Segments(file): Segments<FileId>,
) -> Result<Response, ApiError> {
    let found = incidents::one(&service.db, caller.person(), service.clock.now(), file).await?;
    let found =
        found.filter(|found| caller.actor.answers_incidents(&found.sample)).ok_or(ApiError::NotFound)?;
    let object = found.object.ok_or(ApiError::NotFound)?;
    let attachment = Attachment {
        media_type: "application/octet-stream".to_owned(),
        name: format!("{}.infected", found.original_name),
        parcel: Parcel::File(object),
        right: Right::Incident,
        framed_by: None,
        trail: Some(Trail {
            started: "incident.download_started",
            finished: "incident.download_finished",
            sample: found.sample.id,
            candidate: found.candidate_id,
            section: found.section,
            file: Some(file),
            detail: json!({ "signature": found.signature, "sha256": found.sha256 }),
        }),
    };
    attachment.answer(Asking { service, caller, request, method, headers }).await
}
