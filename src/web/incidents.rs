//! Infected originals, for whoever answers incidents: the list, and one of them taken out after a warning. Who took it
//! out, and why, is on the audit trail before the first byte leaves (`http::content` tells of the bytes).
//!
//! To everybody else, board staff among them, these pages are not there: they read of a finding on the file itself.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::page::{Frame, Problem, page};
use super::visitor::{Times, Visitor};
use super::words;
use crate::actor::Role;
use crate::database::audit::{self, By, Entry};
use crate::database::incidents::{self, IncidentRow};
use crate::http::api::incidents::listed;
use crate::http::body::{Form, Query, Segments};
use crate::http::error::ApiError;
use crate::http::layers::RequestId;
use crate::ids::FileId;
use crate::service::Service;

/// Incidents on one page.
const ROWS: u32 = 100;
/// Characters of a reason.
const LONGEST: usize = 2000;

#[derive(Debug, Template)]
#[template(path = "screens/incidents.html", config = "src/web/askama.toml")]
pub struct Incidents {
    pub frame: Frame,
    pub rows: Vec<IncidentView>,
    pub more: Option<String>,
}

#[derive(Debug, Template)]
#[template(path = "screens/incident.html", config = "src/web/askama.toml")]
pub struct Incident {
    pub frame: Frame,
    pub one: IncidentView,
    pub problem: Option<Problem>,
    pub reason: String,
    pub accepted: bool,
}

#[derive(Debug)]
pub struct IncidentView {
    pub href: String,
    pub name: String,
    pub centre: String,
    pub component: String,
    /// `Candidate 1005`, or that it is a document of the sample.
    pub candidate: String,
    pub section: String,
    pub finding: String,
    pub scanner: String,
    pub found: String,
    pub found_by: &'static str,
    pub size: String,
    pub sha256: String,
    pub kept: String,
    /// Whether the bytes may be taken out now.
    pub there: bool,
}

/// Where the list goes on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    after: Option<FileId>,
}

/// The warning, answered.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Answered {
    accepted: String,
    reason: String,
}

/// `GET /incidents`
pub async fn list(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    request: RequestId,
    Query(asked): Query<Asked>,
) -> Result<Response, ApiError> {
    if !visitor.actor.has(Role::Incident) {
        return Err(ApiError::NotFound);
    }
    let (rows, next) = listed(&service, &visitor.actor.person, asked.after, ROWS, &request).await?;
    let times = times(service.clock.now());
    let view = Incidents {
        frame: visitor.frame("Infected originals", &[]),
        rows: rows.iter().map(|row| IncidentView::of(row, &times)).collect(),
        more: next.map(|file| format!("/incidents?after={file}")),
    };
    Ok(page(StatusCode::OK, &view))
}

/// A responder's list is of several organisations.
fn times(now: Timestamp) -> Times {
    Times::new("Europe/London", now)
}

/// `GET /incidents/{file}`: what was found, and what to know before it is taken out.
pub async fn show(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments(file): Segments<FileId>,
) -> Result<Response, ApiError> {
    let row = one(&service, &visitor, file).await?;
    Ok(warning(&service, &visitor, &row, None, Answered::default()))
}

async fn one(service: &Service, visitor: &Visitor, file: FileId) -> Result<IncidentRow, ApiError> {
    let found = incidents::one(&service.db, &visitor.actor.person, service.clock.now(), file).await?;
    found.filter(|found| visitor.actor.answers_incidents(&found.sample)).ok_or(ApiError::NotFound)
}

fn warning(
    service: &Service,
    visitor: &Visitor,
    row: &IncidentRow,
    problem: Option<Problem>,
    answered: Answered,
) -> Response {
    let mut frame = visitor.frame("Take it out", &[("Infected originals", "/incidents")]);
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    if problem.is_some() {
        frame.goal = Some("problem".into());
    }
    let one = IncidentView::of(row, &times(service.clock.now()));
    let accepted = !answered.accepted.is_empty();
    page(status, &Incident { frame, one, problem, reason: answered.reason, accepted })
}

/// `POST /incidents/{file}`: the warning was read and a reason given; on to the bytes.
pub async fn confirm(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    request: RequestId,
    Segments(file): Segments<FileId>,
    Form(answered): Form<Answered>,
) -> Result<Response, ApiError> {
    let row = one(&service, &visitor, file).await?;
    let problem = |text: &str, field| Some(Problem { text: text.into(), field: Some(field) });
    let reason = answered.reason.trim();
    let problem = if row.object.is_none() {
        Some(Problem { text: "The original is not kept any more".into(), field: None })
    } else if answered.accepted.is_empty() {
        problem("Tick the box to go on", "accepted")
    } else if reason.is_empty() || reason.chars().count() > LONGEST {
        problem("Say why, in at most 2000 characters", "reason")
    } else {
        None
    };
    if problem.is_some() {
        return Ok(warning(&service, &visitor, &row, problem, answered));
    }
    let request = request.to_string();
    let entry = Entry {
        sample: Some(row.sample.id),
        candidate: &row.candidate_id,
        section: &row.section,
        file: Some(file),
        detail: json!({ "signature": row.signature, "sha256": row.sha256, "reason": reason }),
        request: &request,
        ..Entry::new(By::Person(&visitor.actor.person), "incident.download_confirmed")
    };
    let mut tx = service.db.begin().await?;
    audit::record(&mut tx, service.clock.now(), entry).await?;
    tx.commit().await?;
    Ok(Redirect::to(&format!("/api/v1/incidents/{file}/content")).into_response())
}

impl IncidentView {
    fn of(row: &IncidentRow, times: &Times) -> Self {
        let kept = match (row.removed_at, &row.object) {
            (Some(at), _) => format!("Removed {}", times.minute(at)),
            (None, Some(_)) if row.expires_at <= times.now() => "Kept by a hold".into(),
            (None, Some(_)) => format!("Kept until {}", times.minute(row.expires_at)),
            (None, None) => "On its way to where it is kept".into(),
        };
        Self {
            href: format!("/incidents/{}", row.file),
            name: row.original_name.clone(),
            centre: row.sample.centre.to_string(),
            component: row.sample.component.to_string(),
            candidate: match &row.candidate {
                Some(number) => format!("Candidate {number}"),
                None => "Document of the sample".into(),
            },
            section: row.section.clone(),
            finding: row.signature.clone(),
            scanner: format!("{}, {}", row.engine, row.signatures),
            found: times.minute(row.found_at),
            found_by: match &*row.found_by {
                "rescan" => "by a later scan, when it was accepted already",
                _ => "by the first check, before it was accepted",
            },
            size: words::exact(row.size),
            sha256: row.sha256.to_string(),
            kept,
            there: row.object.is_some(),
        }
    }
}
