//! Marking a candidate's section as Missing, and taking it back.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::may;
use crate::actor::Action;
use crate::candidate::{CandidateNumber, CandidateStatus};
use crate::component::Component;
use crate::database::audit::{self, By, Entry};
use crate::database::files::{self, PlaceRef};
use crate::database::flags::{self, Missing, MissingReason};
use crate::database::samples;
use crate::database::{DatabaseError, Tx};
use crate::evidence::SectionCode;
use crate::http::body::{Json, Segments};
use crate::http::error::ApiError;
use crate::http::identity::Caller;
use crate::http::layers::RequestId;
use crate::ids::SampleId;
use crate::sample::{Sample, SampleState};
use crate::service::Service;

/// Longest note and reference, bytes.
const NOTE_LIMIT: usize = 2000;
const REFERENCE_LIMIT: usize = 100;

/// Why a section is Missing.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Why {
    pub reason: MissingReason,
    #[serde(default)]
    pub note: String,
    /// A special-consideration reference.
    #[serde(default)]
    pub reference: Option<String>,
}

/// A section of a candidate, as the address names it.
#[derive(Clone, Debug)]
pub struct Target {
    pub sample: SampleId,
    pub number: CandidateNumber,
    pub section: SectionCode,
}

type Path = (SampleId, CandidateNumber, SectionCode);

#[utoipa::path(put, path = "/api/v1/samples/{sample}/candidates/{number}/sections/{section}/missing",
    params(("sample" = String, Path), ("number" = String, Path), ("section" = String, Path)),
    request_body = Why, responses((status = 204), (status = 409)))]
pub async fn put(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Segments((sample, number, section)): Segments<Path>,
    Json(why): Json<Why>,
) -> Result<StatusCode, ApiError> {
    set(&service, &caller, &request, &Target { sample, number, section }, why).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(delete, path = "/api/v1/samples/{sample}/candidates/{number}/sections/{section}/missing",
    params(("sample" = String, Path), ("number" = String, Path), ("section" = String, Path)),
    responses((status = 204)))]
pub async fn delete(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Segments((sample, number, section)): Segments<Path>,
) -> Result<StatusCode, ApiError> {
    clear(&service, &caller, &request, &Target { sample, number, section }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Marks a required section without accepted or running files as Missing; again with another reason replaces it.
pub async fn set(
    service: &Service,
    caller: &Caller,
    request: &RequestId,
    target: &Target,
    why: Why,
) -> Result<(), ApiError> {
    check(&why)?;
    let now = service.clock.now();
    let (mut tx, held) = hold(service, caller, target).await?;
    let required = held.component.section(&target.section).is_some_and(|section| section.required);
    if !required {
        return Err(ApiError::MissingNotAllowed { files: vec![] });
    }
    if held.candidate.status != CandidateStatus::Entered {
        return Err(ApiError::Absent);
    }
    let id = held.candidate.id.to_string();
    let section = target.section.as_str();
    let place = PlaceRef { sample: target.sample, candidate: &id, kind: "evidence", section };
    let files: Vec<_> = files::holders(&mut tx, place).await?.iter().map(|holder| holder.file).collect();
    if !files.is_empty() {
        return Err(ApiError::MissingNotAllowed { files });
    }
    let detail = json!({ "reason": why.reason, "reference": why.reference });
    let by = caller.person().to_string();
    let missing = Missing { reason: why.reason, note: why.note, reference: why.reference, by, at: now };
    flags::set_missing(&mut tx, target.sample, held.candidate.id, section, &missing).await?;
    record(&mut tx, now, caller, request, target, (&id, "section.missing_set", detail)).await?;
    Ok(tx.commit().await?)
}

/// Takes the flag back; without one, nothing happens.
pub async fn clear(
    service: &Service,
    caller: &Caller,
    request: &RequestId,
    target: &Target,
) -> Result<(), ApiError> {
    let (mut tx, held) = hold(service, caller, target).await?;
    let (id, section) = (held.candidate.id.to_string(), target.section.as_str());
    if flags::clear_missing(&mut tx, target.sample, held.candidate.id, section).await? {
        let what = (id.as_str(), "section.missing_cleared", json!({}));
        record(&mut tx, service.clock.now(), caller, request, target, what).await?;
    }
    Ok(tx.commit().await?)
}

fn check(why: &Why) -> Result<(), ApiError> {
    if why.note.len() > NOTE_LIMIT {
        return Err(ApiError::invalid("note", format!("at most {NOTE_LIMIT} bytes")));
    }
    if why.reference.as_ref().is_some_and(|reference| reference.len() > REFERENCE_LIMIT) {
        return Err(ApiError::invalid("reference", format!("at most {REFERENCE_LIMIT} bytes")));
    }
    if why.reason == MissingReason::Other && why.note.trim().is_empty() {
        return Err(ApiError::invalid("note", "say in the note why it is missing"));
    }
    Ok(())
}

/// What a transaction holds before it changes a section's flag.
struct Held {
    component: Component,
    candidate: samples::Entry,
}

/// Locks sample and place, in this order, once it is settled that this person may and the sample is open.
async fn hold(service: &Service, caller: &Caller, target: &Target) -> Result<(Tx, Held), ApiError> {
    may(service, caller, Action::FlagMissing, target.sample).await?;
    let mut tx = service.db.begin().await?;
    let locked = samples::lock_shared(&mut tx, caller.person(), target.sample).await?;
    let (sample, component, _) = locked.ok_or(ApiError::NotFound)?;
    component.section(&target.section).ok_or(ApiError::NotFound)?;
    let candidate = samples::candidate(&mut tx, &sample, &target.number).await?.ok_or(ApiError::NotFound)?;
    open(&sample, &component, &candidate, service.clock.now())?;
    let id = candidate.id.to_string();
    samples::lock_place(&mut tx, target.sample, &id, target.section.as_str()).await?;
    Ok((tx, Held { component, candidate }))
}

/// Whether a candidate's work can be changed now.
pub(super) fn open(
    sample: &Sample,
    component: &Component,
    candidate: &samples::Entry,
    now: jiff::Timestamp,
) -> Result<(), ApiError> {
    match sample.state {
        SampleState::Submitted => return Err(ApiError::Submitted),
        SampleState::Returned if !candidate.returned => return Err(ApiError::Locked),
        SampleState::Open | SampleState::Returned => {}
    }
    if now >= candidate.dates.closed_at() {
        return Err(ApiError::Closed);
    }
    if !candidate.in_sample && !component.early_upload {
        return Err(ApiError::NotInSample);
    }
    Ok(())
}

async fn record(
    tx: &mut Tx,
    now: jiff::Timestamp,
    caller: &Caller,
    request: &RequestId,
    target: &Target,
    (candidate, action, detail): (&str, &'static str, serde_json::Value),
) -> Result<(), DatabaseError> {
    let request = request.to_string();
    let entry = Entry {
        sample: Some(target.sample),
        candidate,
        section: target.section.as_str(),
        detail,
        request: &request,
        ..Entry::new(By::Person(caller.person()), action)
    };
    audit::record(tx, now, entry).await
}
