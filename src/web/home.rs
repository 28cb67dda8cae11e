//! From the door to a component: organisations, home with what waits for this person, assessments, component cards.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::board;
use super::page::{Frame, Link, Message, OrganisationView, page};
use super::visitor::{Times, Visitor, organisation};
use super::words::{self, Tone, Words};
use super::workspace::{Work, forms, takes, tally, works};
use crate::actor::{Action, Role, decide};
use crate::completeness::CandidateState;
use crate::database::submissions;
use crate::database::workspace::{self, AssessmentLine, Lens, Narrow, SampleLine};
use crate::http::body::{Query, Segments};
use crate::http::error::ApiError;
use crate::ids::SampleId;
use crate::organisation::{AssessmentId, OrganisationId};
use crate::sample::SampleState;
use crate::service::Service;
use crate::submission::Standing;

/// Component cards with counts on one page.
const CARDS: usize = 60;
/// Most of them at home; who has more goes by assessment.
const AT_HOME: usize = 24;
/// Before the due date, when what is not complete needs somebody.
const SOON: SignedDuration = SignedDuration::from_hours(7 * 24);

#[derive(Debug, Template)]
#[template(path = "screens/organisations.html", config = "src/web/askama.toml")]
pub struct Organisations {
    pub frame: Frame,
    /// With the number of samples that are not submitted, in words.
    pub organisations: Vec<(OrganisationView, String)>,
}

#[derive(Debug, Template)]
#[template(path = "screens/home.html", config = "src/web/askama.toml")]
pub struct Home {
    pub frame: Frame,
    /// What waits for this person as a moderator.
    pub moderation: Option<String>,
    /// Whether the board's screens are this person's too.
    pub oversees: bool,
    /// Whether incidents are this person's to answer too.
    pub incidents: bool,
    /// Samples of which later scans withdrew files.
    pub bereft: Vec<Link>,
    /// What waits for this person, most urgent first.
    pub needs: Vec<Need>,
    pub needs_title: String,
    pub assessments: Vec<AssessmentCard>,
}

/// Something that a person has to see to.
#[derive(Debug)]
pub struct Need {
    pub tone: Tone,
    pub title: String,
    pub text: String,
    pub href: String,
}

#[derive(Debug)]
pub struct AssessmentCard {
    pub id: String,
    pub name: String,
    pub series: String,
    /// Its components; none where there are too many for this page.
    pub cards: Vec<ComponentCard>,
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
    /// Of its heading.
    pub level: u8,
    pub component: String,
    pub centre: String,
    pub title: String,
    pub href: String,
    pub words: Words,
    pub due: String,
    pub due_in: String,
    pub candidates: String,
    pub takes: String,
    /// `1 of 2`, of those required; empty where the component has none at all.
    pub documents: String,
    pub complete: u32,
    pub total: u32,
    /// `9 complete, 4 in progress, 2 not started`.
    pub progress: String,
    pub receipt: Option<String>,
}

/// Whether the person sees this sample as its centre does.
fn works_on(visitor: &Visitor, line: &SampleLine) -> bool {
    decide(&visitor.actor, Action::ViewWork, &line.sample, &line.component).is_ok()
}

/// `GET /`: to where this person's work is.
pub async fn start(State(service): State<Arc<Service>>, visitor: Visitor) -> Result<Response, ApiError> {
    if board::oversees_alone(&visitor.actor) {
        return Ok(Redirect::to("/board").into_response());
    }
    let organisations = workspace::organisations(&service.db, &visitor.actor.person).await?;
    let moderates = visitor.actor.has(Role::Moderator) || visitor.actor.has(Role::LeadModerator);
    match organisations.as_slice() {
        [] if moderates => Ok(Redirect::to("/moderation").into_response()),
        [] if visitor.actor.has(Role::Incident) => Ok(Redirect::to("/incidents").into_response()),
        [] => Ok(page(StatusCode::OK, &no_permission(&visitor))),
        [(id, ..)] => Ok(Redirect::to(&format!("/organisations/{id}")).into_response()),
        _ => {
            let frame = visitor.frame("Choose an organisation", &[]);
            let waits = |open| match open {
                0 => "Everything is submitted".to_owned(),
                open => format!("{} to submit", words::count(open, "sample")),
            };
            let view = |(id, name, open)| (OrganisationView { id, name }, waits(open));
            let organisations = organisations.into_iter().map(view).collect();
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
    let group = |line: AssessmentLine| AssessmentCard {
        id: line.id,
        name: line.name,
        series: line.series,
        cards: Vec::new(),
    };
    let mut assessments: Vec<AssessmentCard> = found.into_iter().map(group).collect();
    let narrow = Narrow { lens: Lens::Works, organisation: Some(&id), ..Narrow::default() };
    let lines = workspace::lines(&service.db, &visitor.actor.person, narrow, AT_HOME + 1).await?;
    let mut needs = Vec::new();
    // Who oversees a board's samples goes by assessment.
    if lines.len() <= AT_HOME {
        for line in lines.into_iter().filter(|line| works_on(&visitor, line)) {
            let assessment = line.sample.assessment.to_string();
            let look = Look::at(&service, &visitor, line).await?;
            needs.extend(look.need(&visitor));
            let here = assessments.iter_mut().find(|one| one.id == assessment);
            if let Some(here) = here {
                here.cards.push(look.card(3));
            }
        }
    }
    needs.sort_by_key(|need| need.tone != Tone::Bad);
    let bereft = bereft(&service, &visitor, Lens::Works, Some(&id)).await?;
    let needs_title = match needs.len() {
        1 => "1 thing needs you".to_owned(),
        number => format!("{number} things need you"),
    };
    Ok(page(
        StatusCode::OK,
        &Home {
            frame,
            moderation,
            oversees: board::oversees(&visitor.actor),
            incidents: visitor.actor.has(Role::Incident),
            bereft,
            needs,
            needs_title,
            assessments,
        },
    ))
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
        cards.push(Look::at(&service, &visitor, line).await?.card(2));
    }
    Ok(page(StatusCode::OK, &Components { frame, name, series, cards, more }))
}

/// A sample as it stands, for its card and for what it needs.
struct Look {
    line: SampleLine,
    standing: Standing,
    works: Vec<Work>,
    /// Until when a returned sample is open.
    back_by: Option<Timestamp>,
    times: Times,
}

impl Look {
    async fn at(service: &Service, visitor: &Visitor, line: SampleLine) -> Result<Self, ApiError> {
        let (person, id) = (&visitor.actor.person, line.sample.id);
        let standing = submissions::look(&service.db, person, id).await?.ok_or(ApiError::NotFound)?;
        let refused = workspace::refused(&service.db, person, id).await?;
        let back_by = match line.sample.state {
            SampleState::Returned => submissions::last_return(&service.db, id).await?.map(|back| back.due_at),
            SampleState::Open | SampleState::Submitted => None,
        };
        let works = works(&standing, &refused);
        let times = Times::new(&line.time_zone, service.clock.now());
        Ok(Self { line, standing, works, back_by, times })
    }

    /// What this person has to see to, if anything.
    fn need(&self, visitor: &Visitor) -> Option<Need> {
        let sample = &self.line.sample;
        let may = |action| decide(&visitor.actor, action, sample, &self.line.component).is_ok();
        if sample.state == SampleState::Submitted || !may(Action::ChangeWork) {
            return None;
        }
        let href = format!("/samples/{}", sample.id);
        let people = |number: usize| words::count(u32::try_from(number).unwrap_or(u32::MAX), "candidate");
        let (complete, total) = tally(&self.works);
        let refused = self.works.iter().filter(|work| work.refused).count();
        let undone = self.works.iter().filter(|work| work.needs_work()).count();
        let due = sample.dates.due_at;
        let left = due.duration_since(self.times.now());
        let (tone, text, href) = match self.back_by {
            Some(by) => (Tone::Note, format!("Returned to you, due {}.", self.times.deadline(by)), href),
            None if refused > 0 => (
                Tone::Bad,
                format!("{} with a file that was refused.", people(refused)),
                format!("{href}?filter=problem"),
            ),
            None if undone > 0 && left.is_negative() => (
                Tone::Bad,
                format!(
                    "{} still without all their work. It was due {} and closes {}.",
                    people(undone),
                    self.times.deadline(due),
                    self.times.deadline(sample.dates.cut_off_at)
                ),
                format!("{href}?filter=incomplete"),
            ),
            None if undone > 0 && left <= SOON => (
                Tone::Note,
                format!("{} still without all their work, due {}.", people(undone), self.times.until(due)),
                format!("{href}?filter=incomplete"),
            ),
            None if total > 0 && complete == total && may(Action::Submit) => (
                Tone::Good,
                "All candidates are complete: check and submit.".to_owned(),
                format!("{href}/check"),
            ),
            None => return None,
        };
        Some(Need { tone, title: self.line.component.title.clone(), text, href })
    }

    /// `level`: of its heading.
    fn card(self, level: u8) -> ComponentCard {
        let documents = match self.line.component.documents.as_slice() {
            [] => String::new(),
            _ => words::forms(&forms(&self.standing)),
        };
        let Self { line, standing, works, times, .. } = self;
        let (complete, total) = tally(&works);
        let of = |state: CandidateState| {
            works.iter().filter(|work| work.counted && work.counter.state == state).count()
        };
        let href = format!("/samples/{}", line.sample.id);
        let due = line.sample.dates.due_at;
        let entered = standing.candidates.len();
        ComponentCard {
            level,
            component: line.component.id.to_string(),
            centre: format!("{} {}", line.sample.centre, line.centre),
            words: words::sample(line.sample.state, line.sample.revision),
            due: times.deadline(due),
            due_in: times.until(due),
            candidates: match total {
                0 => format!("{entered} entered; the sample is not drawn yet"),
                _ => format!("{total} in the sample, {entered} entered"),
            },
            takes: takes(line.component.sections.iter().flat_map(|section| &section.accepts)),
            documents,
            progress: format!(
                "{complete} complete, {} in progress, {} not started",
                of(CandidateState::InProgress),
                of(CandidateState::NotStarted)
            ),
            receipt: (line.sample.revision > 0)
                .then(|| format!("{href}/submissions/{}", line.sample.revision)),
            title: line.component.title,
            complete,
            total,
            href,
        }
    }
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
