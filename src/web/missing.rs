//! The form that marks a candidate's section as Missing.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::page::{Frame, Problem, page};
use super::visitor::Visitor;
use super::words;
use super::workspace::line_of;
use crate::actor::{Action, decide};
use crate::candidate::CandidateNumber;
use crate::database::flags::FlagKind;
use crate::database::submissions;
use crate::evidence::SectionCode;
use crate::http::api::flags::{self, Target, Why};
use crate::http::body::{Form, Segments};
use crate::http::error::ApiError;
use crate::http::identity::Caller;
use crate::http::layers::RequestId;
use crate::ids::SampleId;
use crate::service::Service;

#[derive(Debug, Template)]
#[template(path = "screens/missing.html", config = "src/web/askama.toml")]
pub struct MissingForm {
    pub frame: Frame,
    pub candidate: String,
    pub section: String,
    pub reasons: &'static [(&'static str, &'static str)],
    /// What was chosen before, when the form comes back.
    pub reason: String,
    pub note: String,
    pub problem: Option<Problem>,
    pub back: String,
}

/// Where the flag is, as the page's address names it.
type Place = (SampleId, CandidateNumber, SectionCode);

/// `GET /samples/{sample}/candidates/{number}/sections/{section}/missing`
pub async fn show(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments(place): Segments<Place>,
) -> Result<Response, ApiError> {
    form(&service, &visitor, &place, &Filled::default(), None).await
}

/// The form as it was filled in.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Filled {
    reason: String,
    note: String,
}

async fn form(
    service: &Service,
    visitor: &Visitor,
    (id, number, section): &Place,
    filled: &Filled,
    problem: Option<Problem>,
) -> Result<Response, ApiError> {
    let line = line_of(service, &visitor.actor.person, *id).await?;
    decide(&visitor.actor, Action::FlagMissing, &line.sample, &line.component)?;
    let rules = line.component.section(section).ok_or(ApiError::NotFound)?;
    let standing =
        submissions::look(&service.db, &visitor.actor.person, *id).await?.ok_or(ApiError::NotFound)?;
    let candidate = standing.candidates.iter().find(|one| one.number == *number).ok_or(ApiError::NotFound)?;
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let view = MissingForm {
        frame: visitor.frame_of(format!("Mark {} as Missing", rules.title), &line, true),
        candidate: format!("{} {}", candidate.number, candidate.name),
        section: rules.title.clone(),
        reasons: words::MISSING_REASONS,
        reason: filled.reason.clone(),
        note: filled.note.clone(),
        problem,
        back: back(&(*id, number.clone(), section.clone())),
    };
    Ok(page(status, &view))
}

fn back((id, number, section): &Place) -> String {
    format!("/samples/{id}?open={number}&at=section-{section}#section-{section}")
}

/// `POST` of the form.
pub async fn set(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    caller: Caller,
    request: RequestId,
    Segments(place): Segments<Place>,
    Form(filled): Form<Filled>,
) -> Result<Response, ApiError> {
    let Ok(reason) = filled.reason.parse() else {
        let problem = Problem { text: "Choose why there is nothing".into(), field: Some("reason-lost") };
        return form(&service, &visitor, &place, &filled, Some(problem)).await;
    };
    let why = Why { reason, note: filled.note.clone(), reference: None };
    match flags::set_missing(&service, &caller, &request, &target(&place), why).await {
        Ok(()) => Ok(Redirect::to(&back(&place)).into_response()),
        Err(error @ (ApiError::InvalidRequest { .. } | ApiError::MissingNotAllowed { .. })) => {
            let told = error.problem();
            let problem = Problem { text: told.detail, field: told.field.map(|_| "note") };
            form(&service, &visitor, &place, &filled, Some(problem)).await
        }
        Err(other) => Err(other),
    }
}

/// `POST /samples/{sample}/candidates/{number}/sections/{section}/missing/clear`
pub async fn clear(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Segments(place): Segments<Place>,
) -> Result<Response, ApiError> {
    flags::clear(&service, &caller, &request, &target(&place), FlagKind::Missing).await?;
    Ok(Redirect::to(&back(&place)).into_response())
}

fn target((sample, number, section): &Place) -> Target {
    Target { sample: *sample, number: number.clone(), section: section.clone() }
}
