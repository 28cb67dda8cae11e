//! The board's screens: how far the centres are, more time for them, lists to write to them by, lists brought in.
//!
//! Board staff and auditors see them, as far as their roles reach; to everybody else they are not there.

mod extend;
mod import;
mod naming;
mod outstanding;
mod progress;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::page::{Frame, OrganisationView, page};
use super::visitor::{Times, Visitor};
use crate::actor::{Actor, Role};
use crate::component::ComponentId;
use crate::database::progress as rows;
use crate::database::progress::{Offer, OfferLine, Show};
use crate::http::error::ApiError;
use crate::organisation::AssessmentId;
use crate::service::Service;

/// The screens of this module.
pub fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/board", get(list))
        .route("/board/import", get(import::show).post(import::send))
        .route("/board/import/{import}", get(import::look))
        .route("/board/import/{import}/apply", post(import::apply))
        .route("/board/import/{import}/discard", post(import::discard))
        .route("/board/progress/{assessment}/{component}", get(progress::show))
        .route("/board/progress/{assessment}/{component}/extend", get(extend::show).post(extend::send))
        .route("/board/progress/{assessment}/{component}/naming", get(naming::show).post(naming::try_names))
        .route("/board/progress/{assessment}/{component}/outstanding", get(outstanding::show))
        .route("/board/progress/{assessment}/{component}/outstanding.csv", get(outstanding::csv))
}

#[derive(Debug, Template)]
#[template(path = "screens/board.html", config = "src/web/askama.toml")]
pub struct Board {
    pub frame: Frame,
    pub assessments: Vec<AssessmentView>,
    /// Whether lists are this person's to bring in.
    pub imports: bool,
}

#[derive(Debug)]
pub struct AssessmentView {
    pub id: String,
    pub name: String,
    pub eyebrow: String,
    pub components: Vec<ComponentLine>,
}

/// A component, and how many of its centres are where.
#[derive(Debug)]
pub struct ComponentLine {
    pub href: String,
    pub id: String,
    pub title: String,
    pub due: String,
    pub due_in: String,
    pub centres: u32,
    pub submitted: u32,
    pub not_submitted: u32,
    pub late: u32,
    pub returned: u32,
}

/// Whether the board's screens are this person's.
pub fn oversees(actor: &Actor) -> bool {
    actor.has(Role::Board) || actor.has(Role::Auditor)
}

/// Whether they are all that is this person's: then the way in leads to them.
pub fn oversees_alone(actor: &Actor) -> bool {
    let others = [Role::Teacher, Role::Officer, Role::Moderator, Role::LeadModerator];
    oversees(actor) && !others.into_iter().any(|role| actor.has(role))
}

/// `GET /board`: the components, by assessment.
async fn list(State(service): State<Arc<Service>>, visitor: Visitor) -> Result<Response, ApiError> {
    if !oversees(&visitor.actor) {
        return Err(ApiError::NotFound);
    }
    let now = service.clock.now();
    let found = rows::offers(&service.db, &visitor.actor.person, now).await?;
    let mut assessments: Vec<AssessmentView> = Vec::new();
    for offer in found {
        let times = Times::new(&offer.time_zone, now);
        if assessments.last().is_none_or(|one| one.id != offer.assessment) {
            assessments.push(AssessmentView {
                id: offer.assessment.clone(),
                name: offer.assessment_name.clone(),
                eyebrow: format!("{} · {}", offer.organisation, offer.series),
                components: Vec::new(),
            });
        }
        if let Some(here) = assessments.last_mut() {
            here.components.push(line(offer, &times));
        }
    }
    let frame = visitor.frame("Progress", &[]);
    Ok(page(StatusCode::OK, &Board { frame, assessments, imports: visitor.actor.has(Role::Board) }))
}

fn line(offer: OfferLine, times: &Times) -> ComponentLine {
    ComponentLine {
        href: format!("/board/progress/{}/{}", offer.assessment, offer.component),
        due: offer.due_at.map(|due| times.deadline(due)).unwrap_or_default(),
        due_in: offer.due_at.map(|due| times.until(due)).unwrap_or_default(),
        not_submitted: offer.centres.saturating_sub(offer.submitted),
        id: offer.component,
        title: offer.title,
        centres: offer.centres,
        submitted: offer.submitted,
        late: offer.late,
        returned: offer.returned,
    }
}

/// The component that an address names, if the person oversees it in this assessment.
async fn offer_of(
    service: &Service,
    visitor: &Visitor,
    (assessment, component): &(AssessmentId, ComponentId),
) -> Result<Offer, ApiError> {
    let found = rows::offer(&service.db, &visitor.actor.person, assessment, component).await?;
    found.ok_or(ApiError::NotFound)
}

fn address(offer: &Offer) -> String {
    format!("/board/progress/{}/{}", offer.assessment, offer.component.id)
}

/// A page about a component. `inside`: beyond its progress.
fn frame_of(visitor: &Visitor, title: &str, offer: &Offer, inside: bool) -> Frame {
    let here = address(offer);
    let mut trail = vec![("Progress", "/board")];
    if inside {
        trail.push((&*offer.component.title, &*here));
    }
    let mut frame = visitor.frame(title, &trail);
    frame.organisation =
        Some(OrganisationView { id: offer.organisation.to_string(), name: offer.organisation_name.clone() });
    frame
}

/// How a list of centres is asked for; the address of its page holds it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    pub find: String,
    pub show: String,
    /// How many are left out before the first.
    from: u32,
    /// Every centre of the page is chosen.
    all: bool,
}

/// What the list can be narrowed to: the word of the address, what a person reads, and what it means.
const SHOWS: &[(&str, &str, Show)] = &[
    ("", "All centres", Show::All),
    ("attention", "Need attention", Show::Attention),
    ("not-started", "Not started", Show::NotStarted),
    ("not-submitted", "Not submitted", Show::NotSubmitted),
    ("quiet", "No activity in 24 hours", Show::Quiet),
    ("late", "Late", Show::Late),
    ("returned", "Returned", Show::Returned),
    ("submitted", "Submitted", Show::Submitted),
];

impl Asked {
    /// A word that is none of ours narrows nothing.
    fn show(&self) -> Show {
        SHOWS.iter().find(|(code, ..)| *code == self.show).map(|(.., show)| *show).unwrap_or_default()
    }

    fn wanted(&self) -> rows::Wanted {
        rows::Wanted { show: self.show(), find: self.find.clone(), from: self.from }
    }

    pub fn all_chosen(&self) -> bool {
        self.all
    }

    /// The query that asks for this list from its beginning.
    fn query(&self) -> String {
        let coded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        format!("show={}&find={}", coded(&self.show), coded(&self.find))
    }
}
