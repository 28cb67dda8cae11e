//! From the door to a component: organisations, assessments, component cards.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::page::{Frame, Link, Message, OrganisationView, page};
use super::visitor::{Times, Visitor, organisation};
use super::words::{self, Words};
use super::workspace::{takes, tally};
use crate::actor::{Action, Role, decide};
use crate::database::submissions;
use crate::database::workspace::{self, AssessmentLine, Lens, Narrow, SampleLine};
use crate::http::body::{Query, Segments};
use crate::http::error::ApiError;
use crate::ids::SampleId;
use crate::organisation::{AssessmentId, OrganisationId};
use crate::service::Service;

/// Component cards with counts on one page.
const CARDS: usize = 60;

#[derive(Debug, Template)]
#[template(path = "screens/organisations.html", config = "src/web/askama.toml")]
pub struct Organisations {
    pub frame: Frame,
    pub organisations: Vec<OrganisationView>,
}

#[derive(Debug, Template)]
#[template(path = "screens/home.html", config = "src/web/askama.toml")]
pub struct Home {
    pub frame: Frame,
    /// What waits for this person as a moderator.
    pub moderation: Option<String>,
    /// Samples of which later scans withdrew files.
    pub bereft: Vec<Link>,
    pub assessments: Vec<AssessmentCard>,
}

#[derive(Debug)]
pub struct AssessmentCard {
    pub id: String,
    pub name: String,
    pub series: String,
}

#[derive(Debug, Template)]
#[template(path = "screens/components.html", config = "src/web/askama.toml")]
pub struct Components {
    pub frame: Frame,
    pub name: String,
    pub series: String,
    pub cards: Vec<ComponentCard>,
    /// The address of the next cards.
    pub more: Option<String>,
}

/// A component of an assessment at one centre: what is asked for, by when, and how far it is.
#[derive(Debug)]
pub struct ComponentCard {
    pub component: String,
    pub centre: String,
    pub title: String,
    pub href: Option<String>,
    pub words: Words,
    pub due: String,
    pub due_in: String,
    pub candidates: String,
    pub takes: String,
    pub complete: u32,
    pub total: u32,
}

/// Whether the person sees this sample as its centre does.
fn works_on(visitor: &Visitor, line: &SampleLine) -> bool {
    decide(&visitor.actor, Action::ViewWork, &line.sample, &line.component).is_ok()
}

/// `GET /`: to where this person's work is.
pub async fn start(State(service): State<Arc<Service>>, visitor: Visitor) -> Result<Response, ApiError> {
    let organisations = workspace::organisations(&service.db, &visitor.actor.person).await?;
    let organisations: Vec<_> =
        organisations.into_iter().map(|(id, name)| OrganisationView { id, name }).collect();
    let moderates = visitor.actor.has(Role::Moderator) || visitor.actor.has(Role::LeadModerator);
    match organisations.as_slice() {
        [] if moderates => Ok(Redirect::to("/moderation").into_response()),
        [] => Ok(page(StatusCode::OK, &no_permission(&visitor))),
        [one] => Ok(Redirect::to(&format!("/organisations/{}", one.id)).into_response()),
        _ => {
            let frame = visitor.frame("Choose an organisation", &[]);
            Ok(page(StatusCode::OK, &Organisations { frame, organisations }))
        }
    }
}

fn no_permission(visitor: &Visitor) -> Message {
    Message {
        frame: visitor.frame("No work here for you yet", &[]),
        heading: "There is no work here for you yet".into(),
        lines: vec![
            format!("You are signed in as {}, and nothing is assigned to you.", visitor.actor.name),
            "If you teach or run exams at a centre, ask your exams officer to give you a role for your component. If \
             you moderate, samples appear when a centre allocated to you submits."
                .into(),
            "You cannot give yourself a role.".into(),
        ],
        reference: None,
        links: vec![Link::new("/help", "Help")],
    }
}

/// `GET /organisations/{organisation}`
pub async fn home(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments(id): Segments<OrganisationId>,
) -> Result<Response, ApiError> {
    let found = workspace::assessments(&service.db, &visitor.actor.person, &id).await?;
    let name = found.first().ok_or(ApiError::NotFound)?.organisation.clone();
    let mut frame = visitor.frame(name.clone(), &[]);
    frame.organisation = Some(OrganisationView { id: id.to_string(), name });
    let moderates = visitor.actor.has(Role::Moderator) || visitor.actor.has(Role::LeadModerator);
    let moderation = moderates.then(|| "You also moderate.".to_owned());
    let card = |line: AssessmentLine| AssessmentCard { id: line.id, name: line.name, series: line.series };
    let assessments = found.into_iter().map(card).collect();
    let bereft = bereft(&service, &visitor, Lens::Works, Some(&id)).await?;
    Ok(page(StatusCode::OK, &Home { frame, moderation, bereft, assessments }))
}

/// How long a withdrawal is told of on the way in; the sample's own page tells it always.
const NEWS: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Samples named there.
const NAMED: usize = 20;

/// The samples of which later scans withdrew files, as links.
pub async fn bereft(
    service: &Service,
    visitor: &Visitor,
    lens: Lens,
    organisation: Option<&OrganisationId>,
) -> Result<Vec<Link>, ApiError> {
    let since = service.clock.now().checked_sub(NEWS).unwrap_or(Timestamp::MIN);
    let person = &visitor.actor.person;
    let found = workspace::bereft(&service.db, person, lens, organisation, since, NAMED).await?;
    let link = |one: workspace::Bereft| {
        let href = match lens {
            Lens::Moderates => format!("/moderation/{}", one.sample),
            Lens::Any | Lens::Works => format!("/samples/{}", one.sample),
        };
        Link::new(href, format!("{}, centre {}: {}", one.title, one.centre, words::count(one.files, "file")))
    };
    Ok(found.into_iter().map(link).collect())
}

/// Where a list of samples goes on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// The last sample of the page before.
    pub after: Option<SampleId>,
}

/// Cuts `lines`, one longer than a page where there are more, to a page; the address of the next one.
pub fn turn(lines: &mut Vec<SampleLine>, address: &str, page: usize) -> Option<String> {
    let more = lines.len() > page;
    lines.truncate(page);
    lines.last().filter(|_| more).map(|line| format!("{address}?after={}", line.sample.id))
}

/// `GET /assessments/{assessment}`
pub async fn components(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments(id): Segments<AssessmentId>,
    Query(asked): Query<Asked>,
) -> Result<Response, ApiError> {
    let narrow = Narrow { lens: Lens::Works, assessment: Some(&id), after: asked.after, ..Narrow::default() };
    let mut lines = workspace::lines(&service.db, &visitor.actor.person, narrow, CARDS + 1).await?;
    let more = turn(&mut lines, &format!("/assessments/{id}"), CARDS);
    lines.retain(|line| works_on(&visitor, line));
    let first = lines.first().ok_or(ApiError::NotFound)?;
    let mut frame = visitor.frame(first.assessment.clone(), &[]);
    frame.organisation = Some(organisation(first));
    let (name, series) = (first.assessment.clone(), first.series.clone());
    let mut cards = Vec::with_capacity(lines.len());
    for line in lines {
        cards.push(card(&service, &visitor, line).await?);
    }
    Ok(page(StatusCode::OK, &Components { frame, name, series, cards, more }))
}

async fn card(service: &Service, visitor: &Visitor, line: SampleLine) -> Result<ComponentCard, ApiError> {
    let standing = submissions::look(&service.db, &visitor.actor.person, line.sample.id).await?;
    let standing = standing.ok_or(ApiError::NotFound)?;
    let (complete, total) = tally(&standing);
    let entered = standing.candidates.len();
    let times = Times::new(&line.time_zone, service.clock.now());
    let due = line.sample.dates.due_at;
    Ok(ComponentCard {
        component: line.component.id.to_string(),
        centre: format!("{} {}", line.sample.centre, line.centre),
        href: Some(format!("/samples/{}", line.sample.id)),
        words: words::sample(line.sample.state, line.sample.revision),
        due: times.deadline(due),
        due_in: times.until(due),
        candidates: if total == 0 {
            format!("{entered} entered; the sample is not drawn yet")
        } else {
            format!("{total} in the sample, {entered} entered")
        },
        takes: takes(line.component.sections.iter().flat_map(|section| &section.accepts)),
        title: line.component.title,
        complete,
        total,
    })
}

/// `GET /organisations/{organisation}/accent.css`: the one colour of an organisation, as a style sheet.
pub async fn accent(
    State(service): State<Arc<Service>>,
    _: Visitor,
    Segments(id): Segments<OrganisationId>,
) -> Result<Response, ApiError> {
    let accent = workspace::accent(&service.db, &id).await?.ok_or(ApiError::NotFound)?;
    let style = match readable(&accent) {
        Some(colour) => format!("@layer tokens {{ :root {{ --accent: {colour}; }} }}\n"),
        None => "/* The colour is too light for white words on it, or is none: ours stays. */\n".into(),
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=300")),
    ];
    Ok((headers, style).into_response())
}

/// The colour, if it is `#rrggbb` and white on it has a contrast of 4.5:1 (WCAG 2.2, 1.4.3).
fn readable(colour: &str) -> Option<&str> {
    let digits = colour.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    let number = u32::from_str_radix(digits, 16).ok()?;
    let linear = |shift: u32| {
        let part = f64::from((number >> shift) & 0xff) / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    let luminance = 0.2126 * linear(16) + 0.7152 * linear(8) + 0.0722 * linear(0);
    (1.05 / (luminance + 0.05) >= 4.5).then_some(colour)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accent_must_carry_white_words_and_be_nothing_but_a_colour() {
        assert_eq!(readable("#1d4f7c"), Some("#1d4f7c"));
        assert_eq!(readable("#ffd23f"), None);
        assert_eq!(readable("red; } body { display: none"), None);
        assert_eq!(readable("#12é45"), None);
    }
}
