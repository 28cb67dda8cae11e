//! Sending work back to its centre: which candidates, why, and until when; first as the centre will read it.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::SignedDuration;

use super::bench::Bench;
use super::{frame_of, moderated};
use crate::actor::{Action, decide};
use crate::candidate::CandidateNumber;
use crate::database::workspace::SampleLine;
use crate::http::body::{Form, Segments};
use crate::http::error::ApiError;
use crate::http::layers::RequestId;
use crate::ids::SampleId;
use crate::service::Service;
use crate::submission::{Manifest, Return, ReturnError};
use crate::web::page::{Frame, Problem, page};
use crate::web::visitor::{Times, Visitor};
use crate::web::words;

/// What the date is at first, from now.
const AT_FIRST: SignedDuration = SignedDuration::from_hours(7 * 24);

#[derive(Debug, Template)]
#[template(path = "screens/give_back.html", config = "src/web/askama.toml")]
pub struct ReturnForm {
    pub frame: Frame,
    pub problem: Option<Problem>,
    pub candidates: Vec<Choice>,
    pub reasons: &'static [&'static str],
    pub reason: String,
    /// As the browser's field of date and time has it.
    pub due: String,
    pub zone: String,
    /// What the centre reads, when it can be sent.
    pub preview: Option<Preview>,
    pub back: String,
}

#[derive(Debug)]
pub struct Choice {
    pub number: String,
    pub title: String,
    pub chosen: bool,
}

/// What becomes of it.
#[derive(Debug)]
pub struct Preview {
    pub centre: String,
    pub who: Vec<String>,
    pub due: String,
    pub reason: String,
}

/// The form as it was filled in.
#[derive(Clone, Debug, Default)]
struct Filled {
    candidates: Vec<String>,
    reason: String,
    due: String,
    /// What was read is what is to be sent.
    confirmed: bool,
    /// What was read is to be put otherwise.
    change: bool,
}

impl Filled {
    fn of(fields: Vec<(String, String)>) -> Self {
        let mut filled = Self::default();
        for (name, value) in fields {
            match &*name {
                "candidate" => filled.candidates.push(value),
                "reason" => filled.reason = value,
                "due" => filled.due = value,
                "confirmed" => filled.confirmed = true,
                "change" => filled.change = true,
                _ => {}
            }
        }
        filled
    }
}

/// `GET /moderation/{sample}/return`
pub async fn show(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments(id): Segments<SampleId>,
) -> Result<Response, ApiError> {
    let (line, manifest) = returnable(&service, &visitor, id).await?;
    let now = service.clock.now();
    let times = Times::new(&line.time_zone, now);
    let due = now.checked_add(AT_FIRST).map(|due| times.end_of_day(due)).unwrap_or_default();
    let filled = Filled { due, ..Filled::default() };
    Ok(form(&visitor, &line, &manifest, &filled, Outcome::Asked))
}

/// `POST /moderation/{sample}/return`: the preview, and, when it was read, the return.
pub async fn send(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    request: RequestId,
    Segments(id): Segments<SampleId>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let (line, manifest) = returnable(&service, &visitor, id).await?;
    let filled = Filled::of(fields);
    if filled.change {
        return Ok(form(&visitor, &line, &manifest, &filled, Outcome::Asked));
    }
    let times = Times::new(&line.time_zone, service.clock.now());
    let wanted = match wanted(&filled, &times) {
        Ok(wanted) => wanted,
        Err(problem) => return Ok(form(&visitor, &line, &manifest, &filled, Outcome::Problem(problem))),
    };
    if !filled.confirmed {
        let due = times.minute(wanted.due_at);
        return Ok(form(&visitor, &line, &manifest, &filled, Outcome::Preview { due }));
    }
    match service.submissions.give_back(&visitor.actor, id, &wanted, &request.to_string()).await {
        Ok(_) => Ok(Redirect::to(&format!("/moderation/{id}")).into_response()),
        Err(error) => match problem_of(&error) {
            Some(problem) => Ok(form(&visitor, &line, &manifest, &filled, Outcome::Problem(problem))),
            None => Err(error.into()),
        },
    }
}

/// The sample and its latest submission, if this person may send it back.
async fn returnable(
    service: &Service,
    visitor: &Visitor,
    id: SampleId,
) -> Result<(SampleLine, Manifest), ApiError> {
    let line = moderated(service, visitor, id).await?;
    decide(&visitor.actor, Action::Return, &line.sample, &line.component)?;
    let manifest = service.submissions.manifest(&visitor.actor, id, line.sample.revision).await?;
    Ok((line, manifest))
}

/// What the form asks for, or what is wrong with it.
fn wanted(filled: &Filled, times: &Times) -> Result<Return, Problem> {
    let problem = |text: &str, field| Problem { text: text.into(), field: Some(field) };
    let numbers = filled.candidates.iter().map(|number| number.parse::<CandidateNumber>());
    let candidates: Vec<_> = numbers
        .collect::<Result<_, _>>()
        .map_err(|_| problem("Choose the candidates from the list", "candidates"))?;
    if candidates.is_empty() {
        return Err(problem("Choose at least one candidate", "candidates"));
    }
    if filled.reason.trim().is_empty() {
        return Err(problem("Say why, in words the centre can act on", "reason"));
    }
    let due_at = times.instant(&filled.due);
    let due_at = due_at.ok_or_else(|| problem("Give a date and a time, like 2026-06-12T23:59", "due"))?;
    if due_at <= times.now() {
        return Err(problem("Give a time that is still ahead", "due"));
    }
    Ok(Return { candidates: Some(candidates), reason: filled.reason.trim().to_owned(), due_at })
}

/// What the person can put right; `None`: something else is the matter.
fn problem_of(error: &ReturnError) -> Option<Problem> {
    let (text, field) = match error {
        ReturnError::NotInSample(number) => {
            (format!("Candidate {number} is not in the sample"), "candidates")
        }
        ReturnError::Nobody => ("Choose at least one candidate".into(), "candidates"),
        ReturnError::Reason => ("Say why, in at most 2000 characters".into(), "reason"),
        ReturnError::DateNotAhead => ("Give a time that is still ahead".into(), "due"),
        ReturnError::Denied(_) | ReturnError::NotSubmitted | ReturnError::Database(_) => return None,
    };
    Some(Problem { text, field: Some(field) })
}

/// How the form comes.
enum Outcome {
    Asked,
    Problem(Problem),
    Preview { due: String },
}

fn form(
    visitor: &Visitor,
    line: &SampleLine,
    manifest: &Manifest,
    filled: &Filled,
    outcome: Outcome,
) -> Response {
    let bench = Bench::of(line, manifest, None);
    let all: Vec<_> = bench
        .groups
        .iter()
        .filter_map(|group| {
            let number = group.candidate?.number.to_string();
            let chosen = filled.candidates.contains(&number);
            Some(Choice { number, title: group.title(), chosen })
        })
        .collect();
    let (problem, due) = match outcome {
        Outcome::Asked => (None, None),
        Outcome::Problem(problem) => (Some(problem), None),
        Outcome::Preview { due } => (None, Some(due)),
    };
    let preview = due.map(|due| Preview {
        centre: format!("{} {}", line.sample.centre, line.centre),
        who: all.iter().filter(|one| one.chosen).map(|one| one.title.clone()).collect(),
        due,
        reason: filled.reason.trim().to_owned(),
    });
    let title =
        if preview.is_some() { "Check what the centre will read" } else { "Return work to the centre" };
    let mut frame = frame_of(visitor, title, line, true);
    if problem.is_some() {
        frame.goal = Some("problem".into());
    }
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let view = ReturnForm {
        frame,
        problem,
        candidates: all,
        reasons: words::RETURN_REASONS,
        reason: filled.reason.clone(),
        due: filled.due.clone(),
        zone: line.time_zone.clone(),
        preview,
        back: format!("/moderation/{}", line.sample.id),
    };
    page(status, &view)
}
