//! The forms that say something of a candidate's section in place of (enough) files: that it is Missing, that it comes
//! another way, why there are fewer files than asked for; and the form that says that a candidate is absent.

use std::sync::Arc;

use askama::Template;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::page::{Frame, Problem, page};
use super::visitor::Visitor;
use super::words;
use super::workspace::{line_of, place_href};
use crate::actor::{Action, decide};
use crate::candidate::CandidateNumber;
use crate::component::Section;
use crate::database::flags::FlagKind;
use crate::database::submissions;
use crate::evidence::SectionCode;
use crate::http::api::absent;
use crate::http::api::flags::{self, Otherwise, Shortfall, Target, Why};
use crate::http::body::{Form, Segments};
use crate::http::error::ApiError;
use crate::http::identity::Caller;
use crate::http::layers::RequestId;
use crate::ids::SampleId;
use crate::service::Service;
use crate::submission::Standing;

#[derive(Debug, Default, Template)]
#[template(path = "screens/flag.html", config = "src/web/askama.toml")]
pub struct FlagForm {
    pub frame: Frame,
    pub candidate: String,
    pub heading: String,
    pub lede: &'static str,
    pub question: &'static str,
    pub reasons: &'static [(&'static str, &'static str)],
    pub note_label: &'static str,
    pub note_hint: &'static str,
    /// Characters.
    pub note_limit: usize,
    pub aside: &'static str,
    /// What the one button says; where there are reasons, each is a button, and this is said of them.
    pub button: &'static str,
    /// The end of the button's id.
    pub word: &'static str,
    /// What was filled in before, when the form comes back.
    pub note: String,
    /// Why it cannot be said now; empty when it can.
    pub stopped: String,
    pub problem: Option<Problem>,
    pub back: String,
}

impl FlagForm {
    /// What is wrong with the note.
    fn of_note(&self) -> Option<&str> {
        self.problem.as_ref().filter(|problem| problem.field == Some("note")).map(|problem| &*problem.text)
    }
}

/// What is said, as the end of the page's address names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said(FlagKind);

impl<S: Send + Sync> FromRequestParts<S> for Said {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let path = parts.uri.path();
        match path.strip_suffix("/clear").unwrap_or(path).rsplit('/').next() {
            Some("missing") => Ok(Self(FlagKind::Missing)),
            Some("other") => Ok(Self(FlagKind::OtherMeans)),
            Some("fewer") => Ok(Self(FlagKind::Incomplete)),
            _ => Err(ApiError::NotFound),
        }
    }
}

/// Where the flag is, as the page's address names it.
type Place = (SampleId, CandidateNumber, SectionCode);

/// The form as it was filled in.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Filled {
    reason: String,
    note: String,
}

/// `GET /samples/{sample}/candidates/{number}/sections/{section}/{missing,other,fewer}`
pub async fn show(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    said: Said,
    Segments(place): Segments<Place>,
) -> Result<Response, ApiError> {
    form(&service, &visitor, said, &place, Filled::default(), None).await
}

async fn form(
    service: &Service,
    visitor: &Visitor,
    Said(kind): Said,
    place: &Place,
    filled: Filled,
    problem: Option<Problem>,
) -> Result<Response, ApiError> {
    let (id, number, section) = place;
    let line = line_of(service, &visitor.actor.person, *id).await?;
    let action = match kind {
        FlagKind::Missing | FlagKind::Incomplete => Action::FlagMissing,
        FlagKind::OtherMeans => Action::NoteOtherMeans,
    };
    decide(&visitor.actor, action, &line.sample, &line.component)?;
    let rules = line.component.section(section).ok_or(ApiError::NotFound)?;
    let standing =
        submissions::look(&service.db, &visitor.actor.person, *id).await?.ok_or(ApiError::NotFound)?;
    let candidate = standing.candidates.iter().find(|one| one.number == *number).ok_or(ApiError::NotFound)?;
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let words = words_of(kind, rules);
    let view = FlagForm {
        frame: visitor.frame_of(words.heading.clone(), &line, true),
        candidate: format!("{} {}", candidate.number, candidate.name),
        stopped: stopped(kind, &standing, &candidate.id, rules),
        note: filled.note,
        problem,
        back: back(place),
        ..words
    };
    Ok(page(status, &view))
}

/// The words of a form.
fn words_of(kind: FlagKind, rules: &Section) -> FlagForm {
    let title = &rules.title;
    match kind {
        FlagKind::Missing => FlagForm {
            heading: format!("Mark {title} as Missing"),
            lede: "Use this when there is nothing to upload. It does not stop you submitting; it stands on the receipt \
                   and the moderator sees it. When a file is accepted here later, the flag clears by itself.",
            question: "Why is there nothing?",
            reasons: words::MISSING_REASONS,
            note_label: "Note",
            note_hint: "(what happened, in your words; required for “Something else”)",
            note_limit: 1_000,
            aside: "If the work was lost or damaged, your board’s procedure for lost work applies as well: flagging it \
                    here does not replace it.",
            button: "The reason you choose marks it at once. You can take it back.",
            ..FlagForm::default()
        },
        FlagKind::OtherMeans => FlagForm {
            heading: format!("{title} comes another way"),
            lede: "Use this when the work reaches the moderator without being uploaded here. It stands on the receipt.",
            question: "How does it come?",
            reasons: words::MEANS,
            note_label: "Reference",
            note_hint: "(a tracking number or the date of the visit; required for “Some other way”)",
            note_limit: 100,
            button: "What you choose is noted at once. You can take it back.",
            ..FlagForm::default()
        },
        FlagKind::Incomplete => FlagForm {
            heading: format!("Fewer files than asked for: {title}"),
            lede: "Use this when what is here is all there is. The reason stands on the receipt and the moderator sees \
                   it.",
            note_label: "Why are there fewer?",
            note_hint: "(in your words)",
            note_limit: 1_000,
            button: "Note the reason",
            word: "fewer",
            ..FlagForm::default()
        },
    }
}

/// Why it cannot be said now.
fn stopped(kind: FlagKind, standing: &Standing, candidate: &str, rules: &Section) -> String {
    let code = rules.code.as_str();
    let here = standing
        .files
        .iter()
        .filter(|file| file.kind == "evidence" && file.candidate_id == candidate && file.section == code);
    let running = here.clone().find(|file| file.state.is_running());
    match (kind, running, here.clone().find(|file| file.is_accepted())) {
        (FlagKind::Missing, Some(file), _) => format!("Cancel the upload of {} first.", file.original_name),
        (FlagKind::Missing, None, Some(file)) => {
            format!("There is a file: {}. Delete it first, if it does not belong here.", file.original_name)
        }
        (FlagKind::Incomplete, _, None) => "There is no accepted file yet.".to_owned(),
        _ => String::new(),
    }
}

fn back((id, number, section): &Place) -> String {
    place_href(*id, number.as_str(), section.as_str(), "")
}

/// `POST` of the form.
pub async fn set(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    caller: Caller,
    request: RequestId,
    said: Said,
    Segments(place): Segments<Place>,
    Form(filled): Form<Filled>,
) -> Result<Response, ApiError> {
    let (service, target) = (&*service, target(&place));
    let unchosen = |text: &str, field| Some(Problem { text: text.into(), field: Some(field) });
    let note = filled.note.trim();
    let reference = (!note.is_empty()).then(|| note.to_owned());
    let done = match said.0 {
        FlagKind::Missing => match filled.reason.parse() {
            Ok(reason) => {
                let why = Why { reason, note: filled.note.clone(), reference: None };
                flags::set_missing(service, &caller, &request, &target, why).await
            }
            Err(_) => {
                let problem = unchosen("Choose why there is nothing", "reason-lost");
                return form(service, &visitor, said, &place, filled, problem).await;
            }
        },
        FlagKind::OtherMeans => match filled.reason.parse() {
            Ok(means) => {
                let otherwise = Otherwise { means, reference };
                flags::set_other_means(service, &caller, &request, &target, otherwise).await
            }
            Err(_) => {
                let problem = unchosen("Choose how it comes", "reason-posted");
                return form(service, &visitor, said, &place, filled, problem).await;
            }
        },
        FlagKind::Incomplete if note.is_empty() => {
            let problem = unchosen("Say why there are fewer files", "note");
            return form(service, &visitor, said, &place, filled, problem).await;
        }
        FlagKind::Incomplete => {
            let shortfall = Shortfall { reason: filled.note.clone() };
            flags::set_incomplete(service, &caller, &request, &target, shortfall).await
        }
    };
    match done {
        Ok(()) => Ok(Redirect::to(&back(&place)).into_response()),
        Err(error) => {
            let problem = told(error)?;
            form(service, &visitor, said, &place, filled, Some(problem)).await
        }
    }
}

/// What the person can put right on the form; everything else is a page of its own.
pub fn told(error: ApiError) -> Result<Problem, ApiError> {
    match error {
        ApiError::InvalidRequest { .. }
        | ApiError::MissingNotAllowed { .. }
        | ApiError::IncompleteNotAllowed { .. }
        | ApiError::AbsentNotAllowed { .. } => {
            let told = error.problem();
            // Said of a field it goes on from the field's name.
            let mut letters = told.detail.chars();
            let text = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
            Ok(Problem { text, field: told.field.map(|_| "note") })
        }
        other => Err(other),
    }
}

/// `POST …/clear`
pub async fn clear(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Said(kind): Said,
    Segments(place): Segments<Place>,
) -> Result<Response, ApiError> {
    flags::clear(&service, &caller, &request, &target(&place), kind).await?;
    Ok(Redirect::to(&back(&place)).into_response())
}

fn target((sample, number, section): &Place) -> Target {
    Target { sample: *sample, number: number.clone(), section: section.clone() }
}

/// `GET /samples/{sample}/candidates/{number}/absent`
pub async fn show_absent(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments(path): Segments<absent::Path>,
) -> Result<Response, ApiError> {
    absent_form(&service, &visitor, &path, Filled::default(), None).await
}

async fn absent_form(
    service: &Service,
    visitor: &Visitor,
    (id, number): &absent::Path,
    filled: Filled,
    problem: Option<Problem>,
) -> Result<Response, ApiError> {
    let line = line_of(service, &visitor.actor.person, *id).await?;
    decide(&visitor.actor, Action::FlagMissing, &line.sample, &line.component)?;
    let standing =
        submissions::look(&service.db, &visitor.actor.person, *id).await?.ok_or(ApiError::NotFound)?;
    let candidate = standing.candidates.iter().find(|one| one.number == *number).ok_or(ApiError::NotFound)?;
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let file = standing.files.iter().find(|file| file.candidate_id == candidate.id);
    let view = FlagForm {
        frame: visitor.frame_of("Mark as absent", &line, true),
        candidate: format!("{} {}", candidate.number, candidate.name),
        heading: format!("Mark {} as absent", candidate.name),
        lede: "Use this when the candidate has done no work for this component at all. Nothing is asked for then, and \
               nothing can be uploaded. You can take it back while the sample is open.",
        note_label: "Note",
        note_hint: "(if there is something to say)",
        note_limit: 1_000,
        button: "Mark as absent",
        word: "absent",
        stopped: file
            .map(|file| format!("There is work: {}. Delete or cancel it first.", file.original_name))
            .unwrap_or_default(),
        note: filled.note,
        problem,
        back: candidate_href(*id, number),
        ..FlagForm::default()
    };
    Ok(page(status, &view))
}

fn candidate_href(sample: SampleId, number: &CandidateNumber) -> String {
    format!("/samples/{sample}?open={number}&at=candidate#candidate")
}

/// `POST` of the form.
pub async fn set_absent(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    caller: Caller,
    request: RequestId,
    Segments(path): Segments<absent::Path>,
    Form(filled): Form<Filled>,
) -> Result<Response, ApiError> {
    let note = filled.note.trim();
    let why = absent::Why { reason: (!note.is_empty()).then(|| note.to_owned()), reference: None };
    match absent::set(&service, &caller, &request, &path, why).await {
        Ok(()) => Ok(Redirect::to(&candidate_href(path.0, &path.1)).into_response()),
        Err(error) => {
            let problem = told(error)?;
            absent_form(&service, &visitor, &path, filled, Some(problem)).await
        }
    }
}

/// `POST /samples/{sample}/candidates/{number}/absent/clear`
pub async fn clear_absent(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Segments(path): Segments<absent::Path>,
) -> Result<Response, ApiError> {
    absent::clear(&service, &caller, &request, &path).await?;
    Ok(Redirect::to(&candidate_href(path.0, &path.1)).into_response())
}
