//! Saying that a candidate is absent, which is of the candidate and not of a section; and taking it back.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::flags::{NOTE_LIMIT, changeable, check_reference};
use super::may;
use crate::actor::Action;
use crate::candidate::{CandidateNumber, CandidateStatus};
use crate::database::audit::{self, By, Entry};
use crate::database::{Tx, flags, samples};
use crate::http::body::{Json, Segments};
use crate::http::error::ApiError;
use crate::http::identity::Caller;
use crate::http::layers::RequestId;
use crate::ids::SampleId;
use crate::service::Service;
use crate::submission::Absent;

/// What is said of an absence; nothing has to be.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Why {
    #[serde(default)]
    pub reason: Option<String>,
    /// The reference of a decision.
    #[serde(default)]
    pub reference: Option<String>,
}

/// A candidate, as the address names them.
pub type Path = (SampleId, CandidateNumber);

/// A candidate without any work, accepted or running, is absent from now on: outside the account, uploads refused.
#[utoipa::path(put, path = "/api/v1/samples/{sample}/candidates/{number}/absent",
    params(("sample" = String, Path), ("number" = String, Path)), request_body = Why,
    responses((status = 204), (status = 409)))]
pub async fn put(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Segments(path): Segments<Path>,
    Json(why): Json<Why>,
) -> Result<StatusCode, ApiError> {
    set(&service, &caller, &request, &path, why).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says that a candidate is absent.
pub async fn set(
    service: &Service,
    caller: &Caller,
    request: &RequestId,
    path: &Path,
    Why { reason, reference }: Why,
) -> Result<(), ApiError> {
    if reason.as_ref().is_some_and(|reason| reason.len() > NOTE_LIMIT) {
        return Err(ApiError::invalid("reason", format!("at most {NOTE_LIMIT} bytes")));
    }
    check_reference(reference.as_deref())?;
    let (mut tx, candidate) = hold(service, caller, path).await?;
    if candidate.status == CandidateStatus::Withdrawn {
        return Err(ApiError::Absent);
    }
    let files = flags::work_of(&mut tx, path.0, candidate.id).await?;
    if !files.is_empty() {
        return Err(ApiError::AbsentNotAllowed { files });
    }
    let detail = json!({ "reference": reference });
    let said = Absent { reason, reference };
    flags::set_absent(&mut tx, candidate.id, Some((&said, caller.person()))).await?;
    let entry = Entry { detail, ..Entry::new(By::Person(caller.person()), "candidate.absent_set") };
    finish(tx, service, request, path.0, &candidate, entry).await
}

/// The candidate takes part again. One who is entered stays so.
#[utoipa::path(delete, path = "/api/v1/samples/{sample}/candidates/{number}/absent",
    params(("sample" = String, Path), ("number" = String, Path)), responses((status = 204), (status = 409)))]
pub async fn delete(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Segments(path): Segments<Path>,
) -> Result<StatusCode, ApiError> {
    clear(&service, &caller, &request, &path).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes an absence back; without one, nothing happens.
pub async fn clear(
    service: &Service,
    caller: &Caller,
    request: &RequestId,
    path: &Path,
) -> Result<(), ApiError> {
    let (mut tx, candidate) = hold(service, caller, path).await?;
    match candidate.status {
        CandidateStatus::Entered => return Ok(()),
        CandidateStatus::Withdrawn => return Err(ApiError::Absent),
        CandidateStatus::Absent => {}
    }
    flags::set_absent(&mut tx, candidate.id, None).await?;
    let entry = Entry::new(By::Person(caller.person()), "candidate.absent_cleared");
    finish(tx, service, request, path.0, &candidate, entry).await
}

/// Locks the sample against everyone (an upload to any of its places must not cross this), once it is settled that
/// this person may and the sample is open.
async fn hold(
    service: &Service,
    caller: &Caller,
    (sample, number): &Path,
) -> Result<(Tx, samples::Entry), ApiError> {
    may(service, caller, Action::FlagMissing, *sample).await?;
    let mut tx = service.db.begin().await?;
    let locked = samples::lock_alone(&mut tx, caller.person(), *sample).await?;
    let (sample, _, _) = locked.ok_or(ApiError::NotFound)?;
    let candidate = samples::candidate(&mut tx, &sample, number).await?.ok_or(ApiError::NotFound)?;
    changeable(&sample, &candidate, service.clock.now())?;
    Ok((tx, candidate))
}

async fn finish(
    mut tx: Tx,
    service: &Service,
    request: &RequestId,
    sample: SampleId,
    candidate: &samples::Entry,
    entry: Entry<'_>,
) -> Result<(), ApiError> {
    let (id, request) = (candidate.id.to_string(), request.to_string());
    let entry = Entry { sample: Some(sample), candidate: &id, request: &request, ..entry };
    audit::record(&mut tx, service.clock.now(), entry).await?;
    Ok(tx.commit().await?)
}
