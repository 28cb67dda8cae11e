//! What board staff do to a sample: more time, and holds.

use std::sync::Arc;

use axum::Json as Answered;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::may;
use super::views::Page;
use crate::actor::{Action, decide};
use crate::database::audit::{self, By, Entry};
use crate::database::holds::{self, Hold, HoldKind};
use crate::database::{Tx, submissions};
use crate::http::body::{Json, Segments};
use crate::http::error::ApiError;
use crate::http::identity::Caller;
use crate::http::layers::RequestId;
use crate::ids::{HoldId, SampleId};
use crate::service::Service;
use crate::submission::{ExtendError, Extended, Extension};

/// Longest reference, bytes.
const REFERENCE_LIMIT: usize = 100;

/// Moves due date and cut-off of the sample, or of chosen candidates, further away.
#[utoipa::path(post, path = "/api/v1/samples/{sample}/extensions", params(("sample" = String, Path)),
    request_body = Extension, responses((status = 201, body = Extended), (status = 400), (status = 409)))]
pub async fn extend(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Segments(sample): Segments<SampleId>,
    Json(wanted): Json<Extension>,
) -> Result<(StatusCode, Answered<Extended>), ApiError> {
    let request = request.to_string();
    let extended = service.submissions.extend(&caller.actor, sample, &wanted, &request).await?;
    Ok((StatusCode::CREATED, Answered(extended)))
}

impl From<ExtendError> for ApiError {
    fn from(error: ExtendError) -> Self {
        match error {
            ExtendError::Denied(denied) => denied.into(),
            ExtendError::Submitted => Self::Submitted,
            ExtendError::Unknown(number) => {
                Self::invalid("candidates", format!("Candidate {number} is not in this sample."))
            }
            ExtendError::Nobody => {
                Self::invalid("candidates", "Name a candidate, or leave the field out for the whole sample.")
            }
            ExtendError::Reason => Self::invalid("reason", "Say why, in at most 2000 characters."),
            ExtendError::CutOff => {
                Self::invalid("cut_off_at", "Give a time that is still ahead, and not before due_at.")
            }
            ExtendError::NotLater(None) => Self::invalid("due_at", "There is as much time already."),
            ExtendError::NotLater(Some(number)) => {
                Self::invalid("due_at", format!("Candidate {number} has as much time already."))
            }
            ExtendError::Database(error) => error.into(),
        }
    }
}

/// A hold to be placed.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    kind: HoldKind,
    /// The case it belongs to.
    reference: String,
}

/// From now on nothing of the sample is deleted.
#[utoipa::path(post, path = "/api/v1/samples/{sample}/holds", params(("sample" = String, Path)),
    request_body = NewHold, responses((status = 201, body = Hold), (status = 400)))]
pub async fn hold(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Segments(sample): Segments<SampleId>,
    Json(NewHold { kind, reference }): Json<NewHold>,
) -> Result<(StatusCode, Answered<Hold>), ApiError> {
    let mut tx = alone(&service, &caller, sample).await?;
    let reference = reference.trim().to_owned();
    if reference.is_empty() || reference.len() > REFERENCE_LIMIT {
        return Err(ApiError::invalid(
            "reference",
            format!("name the case, in at most {REFERENCE_LIMIT} bytes"),
        ));
    }
    let (placed_by, placed_at) = (caller.person().to_string(), service.clock.now());
    let id = HoldId::new();
    let hold = Hold { id, kind, reference, placed_by, placed_at, lifted_by: None, lifted_at: None };
    holds::place(&mut tx, sample, &hold).await?;
    let detail = json!({ "hold": id, "kind": kind, "reference": hold.reference });
    record(&mut tx, &service, &caller, &request, sample, ("sample.held", detail)).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Answered(hold)))
}

/// The holds of a sample, those that were lifted among them.
#[utoipa::path(get, path = "/api/v1/samples/{sample}/holds", params(("sample" = String, Path)),
    responses((status = 200, body = Page<Hold>)))]
pub async fn list_holds(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Segments(sample): Segments<SampleId>,
) -> Result<Answered<Page<Hold>>, ApiError> {
    may(&service, &caller, Action::ReadAudit, sample).await?;
    Ok(Answered(Page::whole(holds::of_sample(&service.db, caller.person(), sample).await?)))
}

/// Lifts a hold; it stays on the list. Doing it again is no error.
#[utoipa::path(delete, path = "/api/v1/samples/{sample}/holds/{hold}",
    params(("sample" = String, Path), ("hold" = String, Path)), responses((status = 204)))]
pub async fn lift(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Segments((sample, hold)): Segments<(SampleId, HoldId)>,
) -> Result<StatusCode, ApiError> {
    let mut tx = alone(&service, &caller, sample).await?;
    let lifted = holds::lift(&mut tx, sample, hold, caller.person(), service.clock.now()).await?;
    if lifted.ok_or(ApiError::NotFound)? {
        let what = ("sample.hold_lifted", json!({ "hold": hold }));
        record(&mut tx, &service, &caller, &request, sample, what).await?;
        tx.commit().await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Locks the sample against everyone (a delete must not cross a hold), if this person may hold it.
async fn alone(service: &Service, caller: &Caller, sample: SampleId) -> Result<Tx, ApiError> {
    let found = may(service, caller, Action::Hold, sample).await?;
    let mut tx = service.db.begin().await?;
    let locked = submissions::lock(&mut tx, caller.person(), sample).await?.ok_or(ApiError::NotFound)?;
    decide(&caller.actor, Action::Hold, &locked, &found.component)?;
    Ok(tx)
}

async fn record(
    tx: &mut Tx,
    service: &Service,
    caller: &Caller,
    request: &RequestId,
    sample: SampleId,
    (action, detail): (&'static str, Value),
) -> Result<(), ApiError> {
    let request = request.to_string();
    let entry = Entry {
        sample: Some(sample),
        detail,
        request: &request,
        ..Entry::new(By::Person(caller.person()), action)
    };
    Ok(audit::record(tx, service.clock.now(), entry).await?)
}
