//! The form that marks several sections as Missing: those that are chosen, for one reason, with one note.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::build::Bench;
use super::{Asked, bench};
use crate::actor::{Action, decide};
use crate::candidate::CandidateNumber;
use crate::evidence::SectionCode;
use crate::http::api::flags::{self, Target, Why};
use crate::http::body::{Form, Query as UrlQuery, Segments};
use crate::http::error::ApiError;
use crate::http::identity::Caller;
use crate::http::layers::RequestId;
use crate::ids::SampleId;
use crate::service::Service;
use crate::web::flag::told;
use crate::web::page::{Frame, Problem, page};
use crate::web::receipt::title_of;
use crate::web::visitor::Visitor;
use crate::web::words;

/// Sections on one page, and so at once.
const MOST: usize = 100;

#[derive(Debug, Template)]
#[template(path = "screens/missing.html", config = "src/web/askama.toml")]
pub struct MissingPage {
    pub frame: Frame,
    pub rows: Vec<Row>,
    /// Sections after these, and where they are.
    pub more: usize,
    pub next: String,
    pub reasons: &'static [(&'static str, &'static str)],
    pub note: String,
    pub problem: Option<Problem>,
    /// `3 sections are marked as Missing.`; empty: none is.
    pub marked: String,
    /// Section and reason.
    pub refused: Vec<(String, String)>,
    pub back: String,
}

impl MissingPage {
    /// What is wrong with the note.
    fn of_note(&self) -> Option<&str> {
        self.problem.as_ref().filter(|problem| problem.field == Some("note")).map(|problem| &*problem.text)
    }
}

/// A section that has nothing.
#[derive(Debug)]
pub struct Row {
    /// As the form names it: `1005/URS`.
    pub place: String,
    pub who: String,
    pub section: String,
    pub chosen: bool,
}

/// Which part of a long list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Part {
    from: usize,
}

/// The form as it was filled in.
#[derive(Debug, Default)]
struct Filled {
    places: Vec<(CandidateNumber, SectionCode)>,
    note: String,
    reason: String,
}

impl Filled {
    /// What names no place of ours is unknown.
    fn of(fields: Vec<(String, String)>) -> Result<Self, ApiError> {
        let mut filled = Self::default();
        for (name, value) in fields {
            match &*name {
                "place" => filled.places.push(place(&value).ok_or(ApiError::NotFound)?),
                "note" => filled.note = value,
                "reason" => filled.reason = value,
                _ => {}
            }
        }
        if filled.places.len() > MOST {
            return Err(ApiError::invalid("place", format!("At most {MOST} sections at once.")));
        }
        Ok(filled)
    }
}

fn place(value: &str) -> Option<(CandidateNumber, SectionCode)> {
    let (number, section) = value.split_once('/')?;
    Some((number.parse().ok()?, section.parse().ok()?))
}

/// What came of it.
#[derive(Debug, Default)]
struct Outcome {
    problem: Option<Problem>,
    marked: u32,
    refused: Vec<(CandidateNumber, SectionCode, String)>,
}

/// `GET /samples/{sample}/missing`
pub async fn show(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments(id): Segments<SampleId>,
    UrlQuery(part): UrlQuery<Part>,
) -> Result<Response, ApiError> {
    let bench = allowed(&service, &visitor, id).await?;
    Ok(form(&bench, &visitor, part, Filled::default(), Outcome::default()))
}

async fn allowed(service: &Service, visitor: &Visitor, id: SampleId) -> Result<Bench, ApiError> {
    let Ok(bench) = bench(service, visitor, id, Asked::default()).await? else {
        return Err(ApiError::Forbidden);
    };
    decide(&visitor.actor, Action::FlagMissing, &bench.line.sample, &bench.line.component)?;
    Ok(bench)
}

fn form(bench: &Bench, visitor: &Visitor, part: Part, filled: Filled, outcome: Outcome) -> Response {
    let sample = format!("/samples/{}", bench.line.sample.id);
    let empty = bench.empty();
    let from = part.from.min(empty.len());
    let rows: Vec<Row> = empty[from..]
        .iter()
        .take(MOST)
        .map(|(candidate, section)| Row {
            place: format!("{}/{}", candidate.number, section.code),
            who: format!("{} {}", candidate.number, candidate.name),
            section: section.title.clone(),
            chosen: filled.places.iter().any(|one| one.0 == candidate.number && one.1 == section.code),
        })
        .collect();
    let refused = outcome.refused.into_iter().map(|(number, section, why)| {
        (format!("{number}, {}", title_of(&bench.line, section.as_str())), why)
    });
    let refused: Vec<_> = refused.collect();
    let wrong = outcome.problem.is_some() || !refused.is_empty();
    let status = if wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let view = MissingPage {
        frame: visitor.frame_of("Mark several as Missing", &bench.line, true),
        more: empty.len() - from - rows.len(),
        next: format!("{sample}/missing?from={}", from + rows.len()),
        rows,
        reasons: words::MISSING_REASONS,
        note: filled.note,
        problem: outcome.problem,
        marked: match outcome.marked {
            0 => String::new(),
            1 => "1 section is marked as Missing.".into(),
            many => format!("{many} sections are marked as Missing."),
        },
        refused,
        back: format!("{sample}/check"),
    };
    page(status, &view)
}

/// `POST` of the form. Each is marked by itself: one that cannot be leaves the others marked.
pub async fn set(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    caller: Caller,
    request: RequestId,
    Segments(id): Segments<SampleId>,
    UrlQuery(part): UrlQuery<Part>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    allowed(&service, &visitor, id).await?;
    let mut filled = Filled::of(fields)?;
    let outcome = mark(&service, &caller, &request, id, &filled).await?;
    if outcome.problem.is_none() && outcome.refused.is_empty() {
        return Ok(Redirect::to(&format!("/samples/{id}/check")).into_response());
    }
    if outcome.problem.is_none() {
        filled.places.clear();
    }
    let bench = allowed(&service, &visitor, id).await?;
    Ok(form(&bench, &visitor, part, filled, outcome))
}

async fn mark(
    service: &Service,
    caller: &Caller,
    request: &RequestId,
    sample: SampleId,
    filled: &Filled,
) -> Result<Outcome, ApiError> {
    let problem = |text: &str, field| {
        let problem = Some(Problem { text: text.into(), field: Some(field) });
        Ok(Outcome { problem, ..Outcome::default() })
    };
    if filled.places.is_empty() {
        return problem("Choose at least one section", "sections");
    }
    let Ok(reason) = filled.reason.parse() else {
        return problem("Choose why there is nothing", "reason-lost");
    };
    let mut outcome = Outcome::default();
    for (number, section) in &filled.places {
        let target = Target { sample, number: number.clone(), section: section.clone() };
        let why = Why { reason, note: filled.note.clone(), reference: None };
        match flags::set_missing(service, caller, request, &target, why).await {
            Ok(()) => outcome.marked += 1,
            // The note is that of all, and the first has told of it.
            Err(error @ ApiError::InvalidRequest { .. }) => {
                return Ok(Outcome { problem: Some(told(error)?), ..outcome });
            }
            Err(
                error @ (ApiError::MissingNotAllowed { .. }
                | ApiError::Absent
                | ApiError::Locked
                | ApiError::Closed
                | ApiError::NotInSample),
            ) => {
                let why = error.problem();
                let why = format!("{}. {}", why.title, why.detail);
                outcome.refused.push((number.clone(), section.clone(), why));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(outcome)
}
