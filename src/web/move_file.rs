//! The page that moves an accepted file to another section or candidate of its sample, without sending it again.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::file::back;
use super::page::{Frame, Problem, page};
use super::receipt::title_of;
use super::visitor::Visitor;
use super::workspace::{line_of, place_href, place_name};
use crate::actor::{Action, decide};
use crate::candidate::CandidateStatus;
use crate::database::workspace::FileRow;
use crate::database::{submissions, workspace};
use crate::evidence::SUPPORTING;
use crate::http::api::moves::{self, Where};
use crate::http::body::{Form, Segments};
use crate::http::error::ApiError;
use crate::http::identity::Caller;
use crate::http::layers::RequestId;
use crate::ids::{FileId, SampleId};
use crate::service::Service;

#[derive(Debug, Template)]
#[template(path = "screens/move.html", config = "src/web/askama.toml")]
pub struct MovePage {
    pub frame: Frame,
    pub name: String,
    /// Where it is now.
    pub place: String,
    /// Number and name.
    pub candidates: Vec<(String, String)>,
    /// Code and title.
    pub sections: Vec<(String, String)>,
    pub candidate: String,
    pub section: String,
    pub problem: Option<Problem>,
    pub back: String,
}

/// Where to, as the form was filled in.
#[derive(Debug, Deserialize)]
pub struct Filled {
    candidate: String,
    #[serde(default)]
    section: String,
}

/// `GET /samples/{sample}/files/{file}/move`
pub async fn show(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments((id, file)): Segments<(SampleId, FileId)>,
) -> Result<Response, ApiError> {
    let row = found(&service, &visitor, id, file).await?;
    let filled = Filled { candidate: row.number.clone(), section: row.section.clone() };
    form(&service, &visitor, &row, filled, None).await
}

/// A file of a candidate; documents stay where they are.
async fn found(
    service: &Service,
    visitor: &Visitor,
    id: SampleId,
    file: FileId,
) -> Result<FileRow, ApiError> {
    let row = workspace::file(&service.db, &visitor.actor.person, file).await?;
    row.filter(|row| row.sample == id && !row.number.is_empty()).ok_or(ApiError::NotFound)
}

async fn form(
    service: &Service,
    visitor: &Visitor,
    row: &FileRow,
    filled: Filled,
    problem: Option<Problem>,
) -> Result<Response, ApiError> {
    let line = line_of(service, &visitor.actor.person, row.sample).await?;
    decide(&visitor.actor, Action::ChangeWork, &line.sample, &line.component)?;
    let standing =
        submissions::look(&service.db, &visitor.actor.person, row.sample).await?.ok_or(ApiError::NotFound)?;
    let ending =
        row.original_name.rsplit_once('.').map(|(_, ending)| ending.to_lowercase()).unwrap_or_default();
    let component = &line.component;
    let sections = component.sections.iter().map(|section| (section.code.as_str(), section));
    let supporting = component.supporting.iter().map(|section| (SUPPORTING, section));
    let takes = sections.chain(supporting).filter(|(_, section)| section.accepts.contains(&ending));
    let asked_for = standing.candidates.iter().filter(|one| one.status == CandidateStatus::Entered);
    let asked_for = asked_for.filter(|one| one.in_sample || component.early_upload);
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let view = MovePage {
        frame: visitor.frame_of(format!("Move {}", row.original_name), &line, true),
        name: row.original_name.clone(),
        place: place_name(row, &title_of(&line, &row.section)),
        candidates: asked_for.map(|one| (one.number.to_string(), one.name.clone())).collect(),
        sections: takes.map(|(code, section)| (code.to_owned(), section.title.clone())).collect(),
        candidate: filled.candidate,
        section: filled.section,
        problem,
        back: back(row),
    };
    Ok(page(status, &view))
}

/// `POST` of the form.
pub async fn submit(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    caller: Caller,
    request: RequestId,
    Segments((id, file)): Segments<(SampleId, FileId)>,
    Form(filled): Form<Filled>,
) -> Result<Response, ApiError> {
    let row = found(&service, &visitor, id, file).await?;
    let Ok(candidate) = filled.candidate.parse() else {
        let problem = Problem { text: "Choose a candidate".into(), field: Some("candidate") };
        return form(&service, &visitor, &row, filled, Some(problem)).await;
    };
    if filled.section.is_empty() {
        let problem = Problem { text: "Choose a section".into(), field: None };
        return form(&service, &visitor, &row, filled, Some(problem)).await;
    }
    let to = Where { candidate, section: filled.section.clone() };
    match moves::relocated(&service, &caller, &request, file, &to).await {
        Ok(()) => {
            let there = place_href(id, to.candidate.as_str(), &to.section, &format!("moved={file}&"));
            Ok(Redirect::to(&there).into_response())
        }
        Err(error) => {
            let told = error.problem();
            if !told.status.is_client_error() || told.status == StatusCode::NOT_FOUND {
                return Err(error);
            }
            let problem = Problem { text: format!("{}. {}", told.title, told.detail), field: None };
            form(&service, &visitor, &row, filled, Some(problem)).await
        }
    }
}
