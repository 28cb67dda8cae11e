//! What people say of a candidate's section in place of (enough) files: Missing, *incomplete*, by other means; and
//! taking it back. One mechanism sets and clears them all.

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
use crate::database::flags::{self, Flag, FlagKind, FlagPlace, Means, Missing, MissingReason, OtherMeans};
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
pub(super) const NOTE_LIMIT: usize = 2000;
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

impl From<Path> for Target {
    fn from((sample, number, section): Path) -> Self {
        Self { sample, number, section }
    }
}

impl Target {
    fn place<'a>(&'a self, candidate: &'a str) -> FlagPlace<'a> {
        FlagPlace { sample: self.sample, candidate, section: self.section.as_str() }
    }
}

/// How a section comes that is not uploaded.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Otherwise {
    pub means: Means,
    /// A tracking number, a visit's date; needed for `other`.
    #[serde(default)]
    pub reference: Option<String>,
}

/// Why a section has fewer files than asked for.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Shortfall {
    pub reason: String,
}

type Path = (SampleId, CandidateNumber, SectionCode);

#[utoipa::path(put, path = "/api/v1/samples/{sample}/candidates/{number}/sections/{section}/missing",
    params(("sample" = String, Path), ("number" = String, Path), ("section" = String, Path)),
    request_body = Why, responses((status = 204), (status = 409)))]
pub async fn put_missing(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Segments(path): Segments<Path>,
    Json(why): Json<Why>,
) -> Result<StatusCode, ApiError> {
    set_missing(&service, &caller, &request, &path.into(), why).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(delete, path = "/api/v1/samples/{sample}/candidates/{number}/sections/{section}/missing",
    params(("sample" = String, Path), ("number" = String, Path), ("section" = String, Path)),
    responses((status = 204)))]
pub async fn delete_missing(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Segments(path): Segments<Path>,
) -> Result<StatusCode, ApiError> {
    clear(&service, &caller, &request, &path.into(), FlagKind::Missing).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(put, path = "/api/v1/samples/{sample}/candidates/{number}/sections/{section}/incomplete",
    params(("sample" = String, Path), ("number" = String, Path), ("section" = String, Path)),
    request_body = Shortfall, responses((status = 204), (status = 409)))]
pub async fn put_incomplete(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Segments(path): Segments<Path>,
    Json(shortfall): Json<Shortfall>,
) -> Result<StatusCode, ApiError> {
    set_incomplete(&service, &caller, &request, &path.into(), shortfall).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(delete, path = "/api/v1/samples/{sample}/candidates/{number}/sections/{section}/incomplete",
    params(("sample" = String, Path), ("number" = String, Path), ("section" = String, Path)),
    responses((status = 204)))]
pub async fn delete_incomplete(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Segments(path): Segments<Path>,
) -> Result<StatusCode, ApiError> {
    clear(&service, &caller, &request, &path.into(), FlagKind::Incomplete).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(put, path = "/api/v1/samples/{sample}/candidates/{number}/sections/{section}/other_means",
    params(("sample" = String, Path), ("number" = String, Path), ("section" = String, Path)),
    request_body = Otherwise, responses((status = 204), (status = 409)))]
pub async fn put_other_means(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Segments(path): Segments<Path>,
    Json(otherwise): Json<Otherwise>,
) -> Result<StatusCode, ApiError> {
    set_other_means(&service, &caller, &request, &path.into(), otherwise).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(delete, path = "/api/v1/samples/{sample}/candidates/{number}/sections/{section}/other_means",
    params(("sample" = String, Path), ("number" = String, Path), ("section" = String, Path)),
    responses((status = 204)))]
pub async fn delete_other_means(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Segments(path): Segments<Path>,
) -> Result<StatusCode, ApiError> {
    clear(&service, &caller, &request, &path.into(), FlagKind::OtherMeans).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Marks a required section without accepted or running files as Missing; again with another reason replaces it.
pub async fn set_missing(
    service: &Service,
    caller: &Caller,
    request: &RequestId,
    target: &Target,
    why: Why,
) -> Result<(), ApiError> {
    if why.note.len() > NOTE_LIMIT {
        return Err(ApiError::invalid("note", format!("at most {NOTE_LIMIT} bytes")));
    }
    check_reference(why.reference.as_deref())?;
    if why.reason == MissingReason::Other && why.note.trim().is_empty() {
        return Err(ApiError::invalid("note", "say in the note why it is missing"));
    }
    let (by, at) = (caller.person().to_string(), service.clock.now());
    let missing = Missing { reason: why.reason, note: why.note, reference: why.reference, by, at };
    set(service, caller, request, target, Flag::Missing(missing)).await
}

/// Notes why a section has fewer files than asked for.
pub async fn set_incomplete(
    service: &Service,
    caller: &Caller,
    request: &RequestId,
    target: &Target,
    shortfall: Shortfall,
) -> Result<(), ApiError> {
    let reason = shortfall.reason.trim();
    if reason.is_empty() || reason.len() > NOTE_LIMIT {
        return Err(ApiError::invalid("reason", format!("say why, in at most {NOTE_LIMIT} bytes")));
    }
    set(service, caller, request, target, Flag::Incomplete(reason.to_owned())).await
}

/// Says how a section comes that is not uploaded.
pub async fn set_other_means(
    service: &Service,
    caller: &Caller,
    request: &RequestId,
    target: &Target,
    Otherwise { means, reference }: Otherwise,
) -> Result<(), ApiError> {
    check_reference(reference.as_deref())?;
    if means == Means::Other && reference.as_ref().is_none_or(|reference| reference.trim().is_empty()) {
        return Err(ApiError::invalid("reference", "say in the reference how it comes"));
    }
    set(service, caller, request, target, Flag::OtherMeans(OtherMeans { means, reference })).await
}

/// Sets a section's flag where its rules allow it, in place of any other.
async fn set(
    service: &Service,
    caller: &Caller,
    request: &RequestId,
    target: &Target,
    flag: Flag,
) -> Result<(), ApiError> {
    let (mut tx, held) = hold(service, caller, target, flag.kind()).await?;
    if held.candidate.status != CandidateStatus::Entered {
        return Err(ApiError::Absent);
    }
    let id = held.candidate.id.to_string();
    allowed(&mut tx, &held, target, &id, flag.kind()).await?;
    let detail = match &flag {
        Flag::Missing(missing) => json!({ "reason": missing.reason, "reference": missing.reference }),
        Flag::OtherMeans(other) => json!({ "means": other.means, "reference": other.reference }),
        Flag::Incomplete(_) => json!({}),
    };
    flags::set(&mut tx, target.place(&id), &flag).await?;
    record(&mut tx, service.clock.now(), caller, request, target, (&id, flag.kind().set(), detail)).await?;
    Ok(tx.commit().await?)
}

/// Takes a flag back; without one, nothing happens.
pub async fn clear(
    service: &Service,
    caller: &Caller,
    request: &RequestId,
    target: &Target,
    kind: FlagKind,
) -> Result<(), ApiError> {
    let (mut tx, held) = hold(service, caller, target, kind).await?;
    let id = held.candidate.id.to_string();
    if flags::clear(&mut tx, target.place(&id), kind).await? {
        let what = (id.as_str(), kind.cleared(), json!({}));
        record(&mut tx, service.clock.now(), caller, request, target, what).await?;
    }
    Ok(tx.commit().await?)
}

/// Whether a flag fits the section and what lies in it.
async fn allowed(
    tx: &mut Tx,
    held: &Held,
    target: &Target,
    candidate: &str,
    kind: FlagKind,
) -> Result<(), ApiError> {
    let section = held.component.section(&target.section).ok_or(ApiError::NotFound)?;
    let place =
        PlaceRef { sample: target.sample, candidate, kind: "evidence", section: target.section.as_str() };
    match kind {
        FlagKind::OtherMeans if held.component.other_means => Ok(()),
        FlagKind::OtherMeans => Err(ApiError::OtherMeansNotAllowed),
        FlagKind::Missing => {
            let holders = files::holders(tx, place).await?;
            let files: Vec<_> = holders.iter().map(|holder| holder.file).collect();
            let free = section.required && files.is_empty();
            if free { Ok(()) } else { Err(ApiError::MissingNotAllowed { files }) }
        }
        FlagKind::Incomplete => {
            let holders = files::holders(tx, place).await?;
            let accepted = holders.iter().filter(|holder| holder.accepted).count();
            let accepted = u32::try_from(accepted).unwrap_or(u32::MAX);
            let needed = section.needed();
            let short = (1..needed).contains(&accepted);
            if short { Ok(()) } else { Err(ApiError::IncompleteNotAllowed { accepted, needed }) }
        }
    }
}

pub(super) fn check_reference(reference: Option<&str>) -> Result<(), ApiError> {
    if reference.is_some_and(|reference| reference.len() > REFERENCE_LIMIT) {
        return Err(ApiError::invalid("reference", format!("at most {REFERENCE_LIMIT} bytes")));
    }
    Ok(())
}

/// What a transaction holds before it changes a section's flag.
struct Held {
    component: Component,
    candidate: samples::Entry,
}

/// Locks sample and place, in this order, once it is settled that this person may and the sample is open.
async fn hold(
    service: &Service,
    caller: &Caller,
    target: &Target,
    kind: FlagKind,
) -> Result<(Tx, Held), ApiError> {
    let action = match kind {
        FlagKind::Missing | FlagKind::Incomplete => Action::FlagMissing,
        FlagKind::OtherMeans => Action::NoteOtherMeans,
    };
    may(service, caller, action, target.sample).await?;
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
    changeable(sample, candidate, now)?;
    if !candidate.in_sample && !component.early_upload {
        return Err(ApiError::NotInSample);
    }
    Ok(())
}

/// Whether the sample is open to changes of this candidate now.
pub(super) fn changeable(
    sample: &Sample,
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
