//! The JSON interface under `/api/v1`: what may be seen of samples, candidates and files, and the small changes.
//!
//! What a handler answers is made by a function beside it that pages may call as well.

pub mod absent;
mod board;
pub mod candidates;
mod events;
pub mod files;
pub mod flags;
pub(crate) mod incidents;
pub mod moves;
mod openapi;
pub mod plans;
pub mod samples;
mod trail;
pub mod views;

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, post, put};

use super::error::ApiError;
use super::identity::Caller;
use crate::actor::{Action, decide};
use crate::database::browse::{self, SampleRow};
use crate::ids::SampleId;
use crate::service::Service;

/// Items of a page when none is asked for, and at most.
const PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 500;

/// The routes of this module.
pub fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/api/openapi.json", get(openapi::document))
        .route("/api/v1/me", get(samples::me))
        .route("/api/v1/organisations", get(samples::organisations))
        .route("/api/v1/assessments", get(samples::assessments))
        .route("/api/v1/assessments/{assessment}/components", get(samples::components))
        .route("/api/v1/samples", get(samples::list))
        .route("/api/v1/samples/{sample}", get(samples::one))
        .route("/api/v1/samples/{sample}/candidates", get(candidates::list))
        .route("/api/v1/samples/{sample}/candidates/{number}", get(candidates::one))
        .route(
            "/api/v1/samples/{sample}/candidates/{number}/sections/{section}/missing",
            put(flags::put_missing).delete(flags::delete_missing),
        )
        .route(
            "/api/v1/samples/{sample}/candidates/{number}/sections/{section}/incomplete",
            put(flags::put_incomplete).delete(flags::delete_incomplete),
        )
        .route(
            "/api/v1/samples/{sample}/candidates/{number}/sections/{section}/other_means",
            put(flags::put_other_means).delete(flags::delete_other_means),
        )
        .route("/api/v1/samples/{sample}/candidates/{number}/absent", put(absent::put).delete(absent::delete))
        .route("/api/v1/samples/{sample}/extensions", post(board::extend))
        .route("/api/v1/samples/{sample}/holds", get(board::list_holds).post(board::hold))
        .route("/api/v1/samples/{sample}/holds/{hold}", delete(board::lift))
        .route("/api/v1/samples/{sample}/bulk_plans", get(plans::list).post(plans::post))
        .route("/api/v1/bulk_plans/{plan}", get(plans::get).patch(plans::patch).delete(plans::delete))
        .route("/api/v1/bulk_plans/{plan}/start", post(plans::start))
        .route("/api/v1/files/{file}", get(files::one).delete(files::delete))
        .route("/api/v1/files/{file}/restore", post(files::restore))
        .route("/api/v1/files/{file}/move", post(moves::post))
        .route("/api/v1/incidents", get(incidents::list))
        .route("/api/v1/audit", get(trail::list))
        .route("/api/v1/events", get(events::stream))
        .route("/api/v1/uploads", get(files::uploads))
}

/// What a person sees of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lens {
    /// The work as it stands: its centre, the board, auditors.
    Work,
    /// What was submitted: moderators.
    Submitted,
}

/// The sample, if it is this caller's to see, and how.
pub async fn look(
    service: &Service,
    caller: &Caller,
    sample: SampleId,
) -> Result<(SampleRow, Lens), ApiError> {
    let row = browse::sample(&service.db, caller.person(), sample).await?.ok_or(ApiError::NotFound)?;
    let lens = lens(caller, &row)?;
    Ok((row, lens))
}

fn lens(caller: &Caller, row: &SampleRow) -> Result<Lens, ApiError> {
    if decide(&caller.actor, Action::ViewWork, &row.sample, &row.component).is_ok() {
        return Ok(Lens::Work);
    }
    decide(&caller.actor, Action::ReadSubmission, &row.sample, &row.component)?;
    Ok(Lens::Submitted)
}

/// The sample, if this caller may do `action` to it.
pub async fn may(
    service: &Service,
    caller: &Caller,
    action: Action,
    sample: SampleId,
) -> Result<SampleRow, ApiError> {
    let row = browse::sample(&service.db, caller.person(), sample).await?.ok_or(ApiError::NotFound)?;
    decide(&caller.actor, action, &row.sample, &row.component)?;
    Ok(row)
}

fn page_size(limit: Option<u32>) -> Result<u32, ApiError> {
    match limit.unwrap_or(PAGE) {
        limit @ 1..=LARGEST_PAGE => Ok(limit),
        _ => Err(ApiError::invalid("limit", format!("1 to {LARGEST_PAGE}"))),
    }
}

/// Reads an optional query value; empty is none.
fn optional<T: std::str::FromStr>(field: &str, text: Option<&str>) -> Result<Option<T>, ApiError>
where
    T::Err: std::fmt::Display,
{
    match text {
        None | Some("") => Ok(None),
        Some(text) => {
            text.parse().map(Some).map_err(|error: T::Err| ApiError::invalid(field, error.to_string()))
        }
    }
}
