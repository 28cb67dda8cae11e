//! The page that sends files by a form, for browsers without script.
//!
//! The bytes go the way of any upload, by the same rules, without being held: one upload per file, begun when its part
//! of the form begins. A form cannot go on where its line broke, so an upload that did not become whole is withdrawn at
//! once and leaves its place free.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use futures_util::StreamExt;
use multer::{Constraints, Field, Multipart, SizeLimit};
use serde::Deserialize;
use tokio::time::timeout;

use super::page::{Frame, Problem, page};
use super::receipt::title_of;
use super::visitor::Visitor;
use super::words;
use super::workspace::{line_of, place_href, rules};
use crate::actor::{Action, Actor, decide};
use crate::component::{Component, Section};
use crate::evidence::{InvalidName, Place, Reason, RelativePath, SUPPORTING};
use crate::http::body::{Query, Segments};
use crate::http::error::ApiError;
use crate::http::identity::Caller;
use crate::http::layers::RequestId;
use crate::http::multipart::boundary;
use crate::ids::{FileId, SampleId};
use crate::service::Service;
use crate::upload::{Append, BodyError, Creation, Piece, Uploads, Wanted};

/// The most that one form brings, bytes. A line that breaks costs all of it.
const LARGEST: u64 = 512 << 20;
/// Files in one form.
const MOST: usize = 50;
/// How long the next part may be silent before its first byte.
const PATIENCE: Duration = Duration::from_secs(30);
/// What uploads are told to speak that speak no dialect: nobody goes on with one.
const DIALECT: &str = "form";

#[derive(Debug, Template)]
#[template(path = "screens/send.html", config = "src/web/askama.toml")]
pub struct SendPage {
    pub frame: Frame,
    /// `Candidate 1005`; empty for a sample document.
    pub place: String,
    pub heading: String,
    pub rules: String,
    pub advice: String,
    pub accept: String,
    pub multiple: bool,
    pub replacing: bool,
    pub limit: String,
    pub problem: Option<Problem>,
    pub sent: Vec<String>,
    /// Name and reason.
    pub refused: Vec<(String, String)>,
    pub back: String,
}

/// Where files go, as the page's address names it.
#[derive(Clone, Debug, Deserialize)]
pub struct Spot {
    sample: SampleId,
    /// Empty for a sample document.
    #[serde(default)]
    number: String,
    /// A section's code, `Supporting`, or a document's code.
    #[serde(alias = "document")]
    section: String,
}

impl Spot {
    fn rules<'c>(&self, component: &'c Component) -> Option<&'c Section> {
        match self.place().ok()? {
            Place::Section { section, .. } => component.section(&section),
            Place::Supporting { .. } => component.supporting.as_ref(),
            Place::Document { document } => component.document(&document),
        }
    }

    fn place(&self) -> Result<Place, ApiError> {
        let code = || self.section.parse().map_err(|_| ApiError::NotFound);
        let candidate = || self.number.parse().map_err(|_| ApiError::NotFound);
        Ok(match (&*self.number, &*self.section) {
            ("", _) => Place::Document { document: code()? },
            (_, SUPPORTING) => Place::Supporting { candidate: candidate()? },
            _ => Place::Section { candidate: candidate()?, section: code()? },
        })
    }

    /// One file for it. Its length is told by its end.
    fn creation(&self, name: &str, replaces: Option<FileId>) -> Result<Creation, ApiError> {
        Ok(Creation {
            sample: self.sample,
            wanted: Wanted::Place(self.place()?),
            name: name.parse().map_err(|invalid: InvalidName| ApiError::Refused {
                reason: Reason::NameNotAllowed,
                detail: invalid.to_string(),
            })?,
            path: RelativePath::default(),
            declared_type: None,
            modified: None,
            length: None,
            sha256: None,
            replaces,
            shared_with: Vec::new(),
            planned: None,
            metadata: String::new(),
            concatenation: None,
            dialect: DIALECT,
        })
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// The accepted file that the one sent takes the place of.
    replaces: Option<FileId>,
}

/// What became of a form.
#[derive(Debug, Default)]
struct Outcome {
    sent: Vec<String>,
    refused: Vec<(String, ApiError)>,
    problem: Option<&'static str>,
}

/// `GET /samples/{sample}/candidates/{number}/sections/{section}/send`, and the same of a document.
pub async fn show(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments(spot): Segments<Spot>,
    Query(asked): Query<Asked>,
) -> Result<Response, ApiError> {
    form(&service, &visitor, &spot, &asked, Outcome::default()).await
}

async fn form(
    service: &Service,
    visitor: &Visitor,
    spot: &Spot,
    asked: &Asked,
    outcome: Outcome,
) -> Result<Response, ApiError> {
    let line = line_of(service, &visitor.actor.person, spot.sample).await?;
    decide(&visitor.actor, Action::ChangeWork, &line.sample, &line.component)?;
    let section = spot.rules(&line.component).ok_or(ApiError::NotFound)?;
    let heading = format!("Send {}", title_of(&line, &spot.section));
    let (rules, advice) = rules(section);
    let failed = outcome.problem.is_some() || !outcome.refused.is_empty();
    let told = |error: ApiError| {
        let told = error.problem();
        format!("{}. {}", told.title, told.detail)
    };
    let view = SendPage {
        frame: visitor.frame_of(heading.clone(), &line, true),
        place: if spot.number.is_empty() { String::new() } else { format!("Candidate {}", spot.number) },
        heading,
        rules,
        advice,
        accept: section.accepts.iter().map(|word| format!(".{word}")).collect::<Vec<_>>().join(","),
        multiple: section.max > 1,
        replacing: asked.replaces.is_some(),
        limit: words::bytes(LARGEST),
        problem: outcome.problem.map(|text| Problem { text: text.into(), field: Some("file") }),
        sent: outcome.sent,
        refused: outcome.refused.into_iter().map(|(name, error)| (name, told(error))).collect(),
        back: place_href(spot.sample, &spot.number, &spot.section, ""),
    };
    Ok(page(if failed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, &view))
}

/// `POST` of the form.
pub async fn send(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    caller: Caller,
    id: RequestId,
    Segments(spot): Segments<Spot>,
    Query(asked): Query<Asked>,
    request: Request,
) -> Result<Response, ApiError> {
    let line = line_of(&service, &visitor.actor.person, spot.sample).await?;
    decide(&visitor.actor, Action::ChangeWork, &line.sample, &line.component)?;
    let boundary = boundary(request.headers()).ok_or(ApiError::UnsupportedMediaType)?;
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if announced.and_then(|length| length.parse::<u64>().ok()).is_some_and(|length| length > LARGEST) {
        return Err(ApiError::TooLarge { limit: LARGEST });
    }
    let whole = Constraints::new().size_limit(SizeLimit::new().whole_stream(LARGEST));
    let parts = Multipart::with_constraints(request.into_body().into_data_stream(), boundary, whole);
    let sender = Sender {
        uploads: service.uploads.clone(),
        actor: caller.actor,
        request: id.to_string(),
        spot: spot.clone(),
        replaces: asked.replaces,
    };
    // Should the line break, what is open is withdrawn all the same.
    let outcome = service.tasks.shelter(async move { sender.take(parts).await }).await?;
    if outcome.problem.is_none() && outcome.refused.is_empty() {
        let there = place_href(spot.sample, &spot.number, &spot.section, "");
        return Ok(Redirect::to(&there).into_response());
    }
    form(&service, &visitor, &spot, &asked, outcome).await
}

/// Who sends a form, and where to.
struct Sender {
    uploads: Uploads,
    actor: Actor,
    request: String,
    spot: Spot,
    replaces: Option<FileId>,
}

impl Sender {
    async fn take(&self, mut parts: Multipart<'static>) -> Result<Outcome, ApiError> {
        let mut outcome = Outcome::default();
        loop {
            let part = timeout(PATIENCE, parts.next_field()).await.map_err(|_| ApiError::BodyTimeout)?;
            let Some(part) = part.map_err(|error| unreadable(&error))? else { break };
            // Browsers write a quotation mark so (HTML, multipart/form-data encoding).
            let name = part.file_name().map(|name| name.replace("%22", "\"")).unwrap_or_default();
            if name.is_empty() {
                continue;
            }
            if outcome.sent.len() + outcome.refused.len() == MOST {
                outcome.problem = Some("Too many files in one go; send the rest apart");
                break;
            }
            match self.one(&name, part).await {
                Ok(()) => outcome.sent.push(name),
                Err(error) => outcome.refused.push((name, error)),
            }
        }
        if outcome.sent.is_empty() && outcome.refused.is_empty() {
            outcome.problem = Some("Choose a file");
        }
        Ok(outcome)
    }

    async fn one(&self, name: &str, part: Field<'static>) -> Result<(), ApiError> {
        let creation = self.spot.creation(name, self.replaces)?;
        let (created, lease) = self.uploads.create_held(&self.actor, &creation, &self.request).await?;
        let pieces = part.map(|bytes| bytes.map(Piece::from).map_err(|error| BodyError(error.into())));
        let all = Append { offset: 0, last: true, ..Append::default() };
        let Err(error) = self.uploads.append(lease, all, pieces).await else { return Ok(()) };
        if let Err(left) = self.uploads.terminate(&self.actor, created.file, &self.request).await {
            tracing::warn!(file = %created.file, error = &left as &dyn std::error::Error, "what a form began stays until it expires");
        }
        Err(error.into())
    }
}

fn unreadable(error: &multer::Error) -> ApiError {
    match error {
        multer::Error::StreamSizeExceeded { .. } => ApiError::TooLarge { limit: LARGEST },
        multer::Error::StreamReadFailed(_) | multer::Error::IncompleteStream => ApiError::BodyTimeout,
        _ => ApiError::invalid("file", "the form cannot be read; choose the files and send them again"),
    }
}
