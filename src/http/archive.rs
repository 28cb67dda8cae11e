//! `GET /api/v1/samples/{sample}/archive`: a submission as a zip, or chosen candidates or files of it.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Method};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;

use super::attachment::{Asking, Attachment, Right, Trail};
use super::body::{Query, Segments};
use super::error::ApiError;
use super::identity::Caller;
use super::layers::RequestId;
use crate::archive::{Parcel, Selection};
use crate::database::archive::{contents, submission};
use crate::database::rescans;
use crate::ids::{FileId, SampleId, SubmissionId};
use crate::service::Service;

/// Asked of whoever has to wait until files have been scanned again.
const SCANNING: Duration = Duration::from_secs(30);

/// What is asked for; all of the latest revision when empty.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Numbers, by comma.
    candidates: Option<String>,
    /// Ids, by comma.
    files: Option<String>,
    revision: Option<u32>,
}

/// The zip. Its centre's staff and its moderators read it; to everyone else it is not there.
#[utoipa::path(get, path = "/api/v1/samples/{sample}/archive", params(("sample" = String, Path), Wanted),
    responses((status = 200, description = "The zip", content_type = "application/zip", body = Vec<u8>),
        (status = 206, description = "A range of it"), (status = 416)))]
pub(super) async fn zip(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    method: Method,
    headers: HeaderMap,
    Segments(sample): Segments<SampleId>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, ApiError> {
    let selection = Selection {
        candidates: list("candidates", wanted.candidates.as_deref())?,
        files: list("files", wanted.files.as_deref())?,
    };
    if wanted.revision == Some(0) {
        return Err(ApiError::invalid("revision", "Revisions count from 1."));
    }
    let found = submission(&service.db, caller.person(), sample, wanted.revision).await?;
    let found = found.ok_or(ApiError::NotFound)?;
    let (submission, revision) = (found.id, found.revision);
    let name = format!("{}_{}_{revision}.zip", found.sample.component, found.sample.centre);
    let contents = contents(&service.db, found).await?;
    if !contents.entries.iter().any(|entry| selection.takes(entry)) && selection != Selection::default() {
        return Err(ApiError::NotFound);
    }
    if method == Method::GET {
        let chosen = contents.entries.iter().filter(|entry| selection.takes(entry)).map(|entry| entry.file);
        scan_first(&service, submission, chosen.collect()).await?;
    }
    let layout = contents.layout(&selection).map_err(ApiError::internal)?;
    let attachment = Attachment {
        parcel: Parcel::Zip(Arc::new(layout)),
        right: Right::Evidence,
        name,
        media_type: "application/zip".to_owned(),
        framed_by: None,
        trail: Some(Trail {
            started: "sample.download_started",
            finished: "sample.download_finished",
            sample,
            candidate: String::new(),
            section: String::new(),
            file: None,
            detail: json!({
                "submission": submission, "revision": revision,
                "candidates": selection.candidates, "files": selection.files,
            }),
        }),
    };
    attachment.answer(Asking { service, caller, request, method, headers }).await
}

/// Puts the submission's files at the head of the queue of rescans whose verdicts are too old, if the scanner has newer
/// signatures. Where the settings say so, a download of such files waits for it.
async fn scan_first(
    service: &Service,
    submission: SubmissionId,
    chosen: BTreeSet<FileId>,
) -> Result<(), ApiError> {
    let config = &service.config.rescan;
    let scanner = service.scanner.readiness().await;
    // Without a scanner nobody knows whether there is something newer.
    let signatures_at = if scanner.ready { scanner.signatures_at } else { Some(Timestamp::MAX) };
    let Some(signatures_at) = signatures_at else { return Ok(()) };
    let age = SignedDuration::try_from(config.before_download.0).unwrap_or(SignedDuration::MAX);
    let before = service.clock.now().checked_sub(age).unwrap_or(Timestamp::MIN);
    let old = rescans::old_of(&service.db, submission, before, signatures_at).await?;
    if old.iter().any(|(_, first)| !first) {
        rescans::ask_for(&service.db, submission, before).await?;
        service.rescans.notify_one();
    }
    if config.hold_download && old.iter().any(|(file, _)| chosen.contains(file)) {
        return Err(ApiError::Rescanning { retry_after: SCANNING });
    }
    Ok(())
}

fn list<T: FromStr + Ord>(field: &str, text: Option<&str>) -> Result<Option<BTreeSet<T>>, ApiError>
where
    T::Err: std::fmt::Display,
{
    let read =
        |item: &str| item.trim().parse().map_err(|why: T::Err| ApiError::invalid(field, why.to_string()));
    text.map(|text| text.split(',').map(read).collect()).transpose()
}
