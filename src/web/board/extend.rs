//! More time for chosen centres: until when and why, then what becomes of each, then the extensions, one by one.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};

use super::{address, frame_of, offer_of};
use crate::actor::{Action, decide};
use crate::component::ComponentId;
use crate::database::progress::Offer;
use crate::database::workspace::{self, Lens, Narrow, SampleLine};
use crate::http::body::{Form, Query, Segments};
use crate::http::error::ApiError;
use crate::http::layers::RequestId;
use crate::ids::SampleId;
use crate::organisation::AssessmentId;
use crate::sample::SampleState;
use crate::service::Service;
use crate::submission::{ExtendError, Extension};
use crate::web::page::{Frame, Problem, page};
use crate::web::visitor::{Times, Visitor};

/// What the date is at first, after the latest of theirs or now.
const AT_FIRST: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Centres at once: those of a page of the list.
const MOST: usize = 100;

#[derive(Debug, Template)]
#[template(path = "screens/board_extend.html", config = "src/web/askama.toml")]
pub struct ExtendPage {
    pub frame: Frame,
    pub problem: Option<Problem>,
    pub stage: Stage,
    pub centres: Vec<CentreView>,
    pub reason: String,
    /// As the browser's field of date and time has it.
    pub due: String,
    /// As a person reads it; empty while it is asked for.
    pub until: String,
    pub zone: String,
    pub back: String,
}

/// How far the form is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Asked,
    Preview,
    Done,
}

/// A centre, and what becomes of it.
#[derive(Debug)]
pub struct CentreView {
    pub sample: String,
    pub name: String,
    pub due: String,
    /// From when on nothing is taken, then.
    pub cut_off: String,
    /// Why it gets no more time.
    pub obstacle: Option<String>,
}

/// The form as it was filled in.
#[derive(Clone, Debug, Default)]
struct Filled {
    samples: Vec<SampleId>,
    reason: String,
    due: String,
    /// What was read is what is to be done.
    confirmed: bool,
    /// What was read is to be put otherwise.
    change: bool,
}

impl Filled {
    /// Of an id that is none of ours nothing is known.
    fn of(fields: Vec<(String, String)>) -> Result<Self, ApiError> {
        let mut filled = Self::default();
        for (name, value) in fields {
            match &*name {
                "sample" => filled.samples.push(value.parse().map_err(|_| ApiError::NotFound)?),
                "reason" => filled.reason = value,
                "due" => filled.due = value,
                "confirmed" => filled.confirmed = true,
                "change" => filled.change = true,
                _ => {}
            }
        }
        filled.samples.sort();
        filled.samples.dedup();
        if filled.samples.len() > MOST {
            return Err(ApiError::invalid("sample", format!("At most {MOST} centres at once.")));
        }
        Ok(filled)
    }
}

/// `GET /board/progress/{assessment}/{component}/extend?sample=…&sample=…`
pub async fn show(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments(of): Segments<(AssessmentId, ComponentId)>,
    Query(fields): Query<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let bench = Bench::new(&service, &visitor, &of, Filled::of(fields)?).await?;
    let latest = bench.lines.iter().map(|line| line.sample.dates.due_at).max();
    let from = latest.unwrap_or(Timestamp::MIN).max(service.clock.now());
    let due = from.checked_add(AT_FIRST).unwrap_or(from);
    let due = bench.times.end_of_day(due.saturating_sub(SignedDuration::from_mins(1)).unwrap_or(due));
    let bench = Bench { filled: Filled { due, ..bench.filled.clone() }, ..bench };
    Ok(bench.page(&visitor, Stage::Asked, None, Vec::new()))
}

/// `POST /board/progress/{assessment}/{component}/extend`: what would become of it, and, when it was read, the
/// extensions. One that was made already is not made again.
pub async fn send(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    request: RequestId,
    Segments(of): Segments<(AssessmentId, ComponentId)>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let bench = Bench::new(&service, &visitor, &of, Filled::of(fields)?).await?;
    if bench.filled.change {
        return Ok(bench.page(&visitor, Stage::Asked, None, Vec::new()));
    }
    let wanted = match bench.wanted() {
        Ok(wanted) => wanted,
        Err(problem) => return Ok(bench.page(&visitor, Stage::Asked, Some(problem), Vec::new())),
    };
    let mut centres: Vec<CentreView> = bench.lines.iter().map(|line| bench.expected(line, &wanted)).collect();
    if !bench.filled.confirmed {
        return Ok(bench.page(&visitor, Stage::Preview, None, centres));
    }
    let request = request.to_string();
    for (line, centre) in bench.lines.iter().zip(&mut centres) {
        let made = service.submissions.extend(&visitor.actor, line.sample.id, &wanted, &request).await;
        centre.obstacle = match made {
            Ok(_) => None,
            Err(error) => Some(obstacle(error)?),
        };
    }
    Ok(bench.page(&visitor, Stage::Done, None, centres))
}

/// Why one centre gets no more time; what is the matter with all of them is an error.
fn obstacle(error: ExtendError) -> Result<String, ApiError> {
    match error {
        ExtendError::Submitted => Ok(SUBMITTED.into()),
        ExtendError::NotLater(_) => Ok(NOT_LATER.into()),
        other => Err(other.into()),
    }
}

const SUBMITTED: &str = "It is submitted: nothing is due. To have work changed, return it.";
const NOT_LATER: &str = "It has as much time already.";

/// The chosen centres of an offer, and the form.
struct Bench {
    offer: Offer,
    lines: Vec<SampleLine>,
    filled: Filled,
    times: Times,
}

impl Bench {
    async fn new(
        service: &Service,
        visitor: &Visitor,
        of: &(AssessmentId, ComponentId),
        filled: Filled,
    ) -> Result<Self, ApiError> {
        let offer = offer_of(service, visitor, of).await?;
        let mut lines = Vec::with_capacity(filled.samples.len());
        for sample in &filled.samples {
            let narrow = Narrow { lens: Lens::Works, sample: Some(*sample), ..Narrow::default() };
            let found = workspace::lines(&service.db, &visitor.actor.person, narrow, 1).await?;
            let line = found.into_iter().next().ok_or(ApiError::NotFound)?;
            if line.sample.assessment != offer.assessment || line.component.id != offer.component.id {
                return Err(ApiError::NotFound);
            }
            decide(&visitor.actor, Action::Extend, &line.sample, &line.component)?;
            lines.push(line);
        }
        lines.sort_by(|a, b| a.sample.centre.cmp(&b.sample.centre));
        let times = Times::new(&offer.time_zone, service.clock.now());
        Ok(Self { offer, lines, filled, times })
    }

    /// What the form asks for, or what is wrong with it.
    fn wanted(&self) -> Result<Extension, Problem> {
        let problem = |text: &str, field| Problem { text: text.into(), field: Some(field) };
        if self.lines.is_empty() {
            return Err(nobody());
        }
        let due_at = self.times.instant(&self.filled.due);
        let due_at = due_at.ok_or_else(|| problem("Give a date and a time, like 2026-06-12T23:59", "due"))?;
        if due_at <= self.times.now() {
            return Err(problem("Give a time that is still ahead", "due"));
        }
        let reason = self.filled.reason.trim();
        if reason.is_empty() || reason.chars().count() > 2000 {
            return Err(problem("Say why, in at most 2000 characters", "reason"));
        }
        Ok(Extension { candidates: None, reason: reason.to_owned(), due_at, cut_off_at: None })
    }

    /// What becomes of a centre, as it stands now.
    fn expected(&self, line: &SampleLine, wanted: &Extension) -> CentreView {
        let dates = line.sample.dates;
        let gap = dates.cut_off_at.duration_since(dates.due_at);
        let cut_off = wanted.due_at.checked_add(gap).unwrap_or(Timestamp::MAX);
        CentreView {
            cut_off: self.times.deadline(cut_off),
            obstacle: match line.sample.state {
                SampleState::Submitted => Some(SUBMITTED.into()),
                _ if wanted.due_at <= dates.due_at => Some(NOT_LATER.into()),
                SampleState::Open | SampleState::Returned => None,
            },
            ..self.view(line)
        }
    }

    fn view(&self, line: &SampleLine) -> CentreView {
        CentreView {
            sample: line.sample.id.to_string(),
            name: format!("{} {}", line.sample.centre, line.centre),
            due: self.times.deadline(line.sample.dates.due_at),
            cut_off: String::new(),
            obstacle: None,
        }
    }

    fn page(
        &self,
        visitor: &Visitor,
        stage: Stage,
        problem: Option<Problem>,
        centres: Vec<CentreView>,
    ) -> Response {
        let title = match stage {
            Stage::Asked => "Give more time",
            Stage::Preview => "Check what will happen",
            Stage::Done => "More time given",
        };
        let asked = stage == Stage::Asked;
        let problem = problem.or_else(|| (asked && self.lines.is_empty()).then(nobody));
        let mut frame = frame_of(visitor, title, &self.offer, true);
        if problem.is_some() {
            frame.goal = Some("problem".into());
        }
        let until = self.times.instant(&self.filled.due).filter(|_| !asked);
        let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        let view = ExtendPage {
            frame,
            problem,
            stage,
            centres: if asked { self.lines.iter().map(|line| self.view(line)).collect() } else { centres },
            reason: self.filled.reason.trim().to_owned(),
            due: self.filled.due.clone(),
            until: until.map(|until| self.times.minute(until)).unwrap_or_default(),
            zone: self.offer.time_zone.clone(),
            back: address(&self.offer),
        };
        page(status, &view)
    }
}

fn nobody() -> Problem {
    Problem { text: "Choose at least one centre in the list".into(), field: None }
}
