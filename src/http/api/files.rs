//! Files: their state, deleting and undoing, and the uploads that are still open.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

use super::flags::open;
use super::views::{FileView, Page};
use super::{may, optional, page_size};
use crate::actor::Action;
use crate::candidate::CandidateStatus;
use crate::component::{Component, Section};
use crate::database::audit::{self, By, Entry};
use crate::database::files::{self, PlaceRef};
use crate::database::files_read::{self, FileRow};
use crate::database::flags::{self, FlagPlace};
use crate::database::{Tx, removal};
use crate::database::{holds, samples};
use crate::evidence::FileState;
use crate::http::body::{Query, Segments};
use crate::http::error::ApiError;
use crate::http::identity::Caller;
use crate::http::layers::RequestId;
use crate::ids::FileId;
use crate::sample::{Sample, SampleState};
use crate::service::Service;
use crate::upload::UploadError;

#[utoipa::path(get, path = "/api/v1/files/{file}", params(("file" = String, Path)),
    responses((status = 200, body = FileView)))]
pub async fn one(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Segments(file): Segments<FileId>,
) -> Result<Json<FileView>, ApiError> {
    let row = find(&service, &caller, file).await?;
    Ok(Json(FileView::of(row, service.clock.now())))
}

pub(super) async fn find(service: &Service, caller: &Caller, file: FileId) -> Result<FileRow, ApiError> {
    files_read::file(&service.db, caller.person(), file).await?.ok_or(ApiError::NotFound)
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// `open`.
    state: Option<String>,
    sample: Option<String>,
    cursor: Option<String>,
    limit: Option<u32>,
}

#[utoipa::path(get, path = "/api/v1/uploads", params(Asked), responses((status = 200, body = Page<FileView>)))]
pub async fn uploads(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Json<Page<FileView>>, ApiError> {
    if asked.state.as_deref().is_some_and(|state| state != "open") {
        return Err(ApiError::invalid("state", "open is the only one"));
    }
    let limit = page_size(asked.limit)?;
    let sample = optional("sample", asked.sample.as_deref())?;
    let after = optional("cursor", asked.cursor.as_deref())?;
    let mut rows = files_read::open_uploads(&service.db, caller.person(), sample, after, limit + 1).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next_cursor = rows.last().filter(|_| more).map(|row| row.id.to_string());
    let now = service.clock.now();
    let items = rows.into_iter().map(|row| FileView::of(row, now)).collect();
    Ok(Json(Page { items, next_cursor }))
}

#[utoipa::path(delete, path = "/api/v1/files/{file}", params(("file" = String, Path)),
    responses((status = 204), (status = 409)))]
pub async fn delete(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Segments(file): Segments<FileId>,
) -> Result<StatusCode, ApiError> {
    remove(&service, &caller, &request, file).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(post, path = "/api/v1/files/{file}/restore", params(("file" = String, Path)),
    responses((status = 204), (status = 409)))]
pub async fn restore(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Segments(file): Segments<FileId>,
) -> Result<StatusCode, ApiError> {
    bring_back(&service, &caller, &request, file).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Cancels an open upload or a file that waits for its check, or deletes an accepted file, which [`bring_back`] undoes.
/// A refused one stays refused, and no page lists it any more.
/// Doing it again is no error.
pub async fn remove(
    service: &Service,
    caller: &Caller,
    request: &RequestId,
    file: FileId,
) -> Result<(), ApiError> {
    let row = find(service, caller, file).await?;
    may(service, caller, Action::ChangeWork, row.sample).await?;
    if row.state.is_open() {
        match service.uploads.terminate(&caller.actor, file, &request.to_string()).await {
            // Its last byte was faster.
            Err(UploadError::Finished) => {}
            ended => return Ok(ended?),
        }
    }
    let mut held = hold(service, caller, &row).await?;
    let waits = match held.state {
        FileState::Deleted | FileState::Cancelled => return Ok(()),
        state if state.is_refused() => {
            if row.deleted_at.is_none() {
                removal::set(&mut held.tx, file, state, Some(service.clock.now())).await?;
                record(&mut held.tx, service, caller, request, &row, "file.dismissed").await?;
            }
            return Ok(held.tx.commit().await?);
        }
        FileState::Accepted => false,
        FileState::Received | FileState::Checking => true,
        state => return Err(ApiError::WrongState { state: state.to_string() }),
    };
    if holds::stands(&mut held.tx, row.sample).await? {
        return Err(ApiError::Held);
    }
    let now = service.clock.now();
    if waits {
        removal::withdraw(&mut held.tx, row.sample, file, now).await?;
        record(&mut held.tx, service, caller, request, &row, "file.cancelled").await?;
    } else {
        removal::set(&mut held.tx, file, FileState::Deleted, Some(now)).await?;
        record(&mut held.tx, service, caller, request, &row, "file.deleted").await?;
    }
    held.tx.commit().await?;
    service.uploads.ended().notify_one();
    Ok(())
}

/// Undoes a delete, if the section has room; its Missing, if set meanwhile, is cleared.
pub async fn bring_back(
    service: &Service,
    caller: &Caller,
    request: &RequestId,
    file: FileId,
) -> Result<(), ApiError> {
    let row = find(service, caller, file).await?;
    may(service, caller, Action::ChangeWork, row.sample).await?;
    let mut held = hold(service, caller, &row).await?;
    match held.state {
        FileState::Accepted => return Ok(()),
        FileState::Deleted => {}
        state => return Err(ApiError::WrongState { state: state.to_string() }),
    }
    if !held.entered {
        return Err(ApiError::Absent);
    }
    let place =
        PlaceRef { sample: row.sample, candidate: &row.candidate_id, kind: &row.kind, section: &row.section };
    let others = files::holders(&mut held.tx, place).await?;
    if others.len() >= held.max as usize {
        let files = others.iter().map(|other| other.file).collect();
        return Err(ApiError::SectionFull { limit: held.max, files });
    }
    removal::set(&mut held.tx, file, FileState::Accepted, None).await?;
    record(&mut held.tx, service, caller, request, &row, "file.restored").await?;
    let place = FlagPlace { sample: row.sample, candidate: &row.candidate_id, section: &row.section };
    if row.kind == "evidence"
        && let Some(gone) = flags::overtaken(&mut held.tx, place, held.needed).await?
    {
        record(&mut held.tx, service, caller, request, &row, gone.cleared()).await?;
    }
    Ok(held.tx.commit().await?)
}

/// What a transaction holds before it changes a file.
struct Held {
    tx: Tx,
    state: FileState,
    /// The most files of its place.
    max: u32,
    /// The least that make it provided.
    needed: u32,
    /// Whether the candidate, if there is one, takes part.
    entered: bool,
}

/// Locks sample, place and file, in this order, once it is settled that the work can be changed.
async fn hold(service: &Service, caller: &Caller, row: &FileRow) -> Result<Held, ApiError> {
    let mut tx = service.db.begin().await?;
    let locked = samples::lock_shared(&mut tx, caller.person(), row.sample).await?;
    let (sample, component, _) = locked.ok_or(ApiError::NotFound)?;
    let entered = source_open(&mut tx, &sample, &component, row, service.clock.now()).await?;
    let rules = slot(&component, row).ok_or(ApiError::NotFound)?;
    let (max, needed) = (rules.max, rules.needed());
    samples::lock_place(&mut tx, row.sample, &row.candidate_id, &row.section).await?;
    let state = removal::lock(&mut tx, row.id).await?.ok_or(ApiError::NotFound)?;
    Ok(Held { tx, state, max, needed, entered })
}

/// Whether the place a file is in can be changed now. Returns whether its candidate, if there is one, takes part.
pub(super) async fn source_open(
    tx: &mut Tx,
    sample: &Sample,
    component: &Component,
    row: &FileRow,
    now: Timestamp,
) -> Result<bool, ApiError> {
    if let Some(number) = &row.candidate {
        let number = number.parse().map_err(|_| ApiError::NotFound)?;
        let entry = samples::candidate(tx, sample, &number).await?.ok_or(ApiError::NotFound)?;
        open(sample, component, &entry, now)?;
        return Ok(entry.status == CandidateStatus::Entered);
    }
    if sample.state == SampleState::Submitted {
        return Err(ApiError::Submitted);
    }
    if sample.state == SampleState::Returned && !samples::wholly_returned(tx, sample.id).await? {
        return Err(ApiError::Locked);
    }
    if now >= sample.dates.closed_at() {
        return Err(ApiError::Closed);
    }
    Ok(true)
}

fn slot<'a>(component: &'a Component, row: &FileRow) -> Option<&'a Section> {
    match row.kind.as_str() {
        "evidence" => component.section(&row.section.parse().ok()?),
        "document" => component.document(&row.section.parse().ok()?),
        _ => component.supporting.as_ref(),
    }
}

async fn record(
    tx: &mut Tx,
    service: &Service,
    caller: &Caller,
    request: &RequestId,
    row: &FileRow,
    action: &'static str,
) -> Result<(), ApiError> {
    let request = request.to_string();
    let entry = Entry {
        sample: Some(row.sample),
        candidate: &row.candidate_id,
        section: &row.section,
        file: Some(row.id),
        request: &request,
        ..Entry::new(By::Person(caller.person()), action)
    };
    Ok(audit::record(tx, service.clock.now(), entry).await?)
}
