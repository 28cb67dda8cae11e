//! Who has not sent everything, to write to them by: a list to copy, and one for a spreadsheet.

use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::try_unfold;

use super::progress::standing;
use super::{Asked, address, frame_of, offer_of, rows};
use crate::actor::PersonId;
use crate::component::ComponentId;
use crate::database::progress::{CentreLine, Offer, Show, Wanted};
use crate::http::body::{Query, Segments};
use crate::http::error::ApiError;
use crate::organisation::AssessmentId;
use crate::sample::SampleState;
use crate::service::Service;
use crate::submission::harmless;
use crate::web::page::{Frame, page};
use crate::web::visitor::{Times, Visitor};
use crate::web::words;

/// Centres that the list to copy holds at once, and that are read at once for a spreadsheet.
const CENTRES: usize = 500;
/// Most pages of a spreadsheet: more centres than there are.
const PAGES: u32 = 200;

#[derive(Debug, Template)]
#[template(path = "screens/board_outstanding.html", config = "src/web/askama.toml")]
pub struct Outstanding {
    pub frame: Frame,
    pub asked: Asked,
    pub here: String,
    pub shows: Vec<(&'static str, &'static str)>,
    pub centres: usize,
    /// A line a centre: number, name, address, what is outstanding, due date.
    pub text: String,
    /// Lines of the text, as far as a page shows them without scrolling.
    pub lines: usize,
    /// The addresses, `; ` between them.
    pub addresses: String,
    pub without: usize,
    pub csv: String,
    pub more: Option<String>,
}

/// `GET /board/progress/{assessment}/{component}/outstanding`
pub async fn show(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments(of): Segments<(AssessmentId, ComponentId)>,
    Query(mut asked): Query<Asked>,
) -> Result<Response, ApiError> {
    let offer = offer_of(&service, &visitor, &of).await?;
    if asked.show() == Show::All {
        asked.show = "not-submitted".into();
    }
    let now = service.clock.now();
    let person = &visitor.actor.person;
    let mut found = rows::centres(&service.db, person, &offer, &asked.wanted(), now, CENTRES + 1).await?;
    let more = found.len() > CENTRES;
    found.truncate(CENTRES);
    let times = Times::new(&offer.time_zone, now);
    let lines: Vec<String> = found.iter().map(|line| sentence(line, &times)).collect();
    let addresses: Vec<&str> = found.iter().filter_map(|line| line.email.as_deref()).collect();
    let (here, query) = (address(&offer), asked.query());
    let view = Outstanding {
        frame: frame_of(&visitor, "List to write to centres by", &offer, true),
        shows: super::SHOWS.iter().skip(1).map(|&(code, text, _)| (code, text)).collect(),
        centres: found.len(),
        text: lines.join("\n"),
        lines: lines.len().clamp(5, 20),
        without: found.len() - addresses.len(),
        addresses: addresses.join("; "),
        csv: format!("{here}/outstanding.csv?{query}"),
        more: more.then(|| {
            format!("{here}/outstanding?{query}&from={}", asked.from.saturating_add(CENTRES as u32))
        }),
        asked,
        here,
    };
    Ok(page(StatusCode::OK, &view))
}

/// `98765 Ashbourne School <exams@…>: 3 of 15 candidates without all their work; due Fri 15 May 2026, 23:59.`
fn sentence(line: &CentreLine, times: &Times) -> String {
    let email = line.email.as_ref().map(|email| format!(" <{email}>")).unwrap_or_default();
    let due = times.deadline(line.due_at);
    format!("{} {}{email}: {}; due {due}.", line.sample.centre, line.centre, owed(line))
}

/// What is outstanding, in words.
fn owed(line: &CentreLine) -> String {
    let work = line.work;
    let undone = work.in_sample.saturating_sub(work.done());
    match line.sample.state {
        SampleState::Submitted => "submitted".into(),
        _ if work.in_sample == 0 => "no candidate is in the sample yet".into(),
        SampleState::Returned => "returned, and not submitted again".into(),
        SampleState::Open if undone == 0 => "everything is here, and not submitted".into(),
        SampleState::Open => {
            format!("{undone} of {} without all their work", words::count(work.in_sample, "candidate"))
        }
    }
}

const HEADINGS: [&str; 13] = [
    "centre",
    "name",
    "email",
    "component",
    "state",
    "outstanding",
    "in_sample",
    "complete",
    "complete_with_missing",
    "in_progress",
    "not_started",
    "due",
    "due_at",
];

/// Where a spreadsheet goes on.
struct Pages {
    service: Arc<Service>,
    person: PersonId,
    offer: Offer,
    wanted: Wanted,
    page: u32,
}

impl Pages {
    /// The next rows; `None` after the last. It begins with the headings.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, std::io::Error> {
        if self.page == PAGES {
            return Ok(None);
        }
        let Self { service, person, offer, wanted, page } = &mut self;
        let now = service.clock.now();
        wanted.from = page.saturating_mul(CENTRES as u32);
        let found = rows::centres(&service.db, person, offer, wanted, now, CENTRES).await;
        let found = found.map_err(std::io::Error::other)?;
        let times = Times::new(&offer.time_zone, now);
        let mut out = ::csv::Writer::from_writer(Vec::new());
        if *page == 0 {
            out.write_record(HEADINGS).map_err(std::io::Error::other)?;
        }
        for line in &found {
            out.write_record(cells(line, offer, &times).map(|cell| harmless(&cell)))
                .map_err(std::io::Error::other)?;
        }
        let written = out.into_inner().map_err(|error| std::io::Error::other(error.into_error()))?;
        *page = if found.len() < CENTRES { PAGES } else { *page + 1 };
        Ok(Some((Bytes::from(written), self)))
    }
}

fn cells(line: &CentreLine, offer: &Offer, times: &Times) -> [String; HEADINGS.len()] {
    let work = line.work;
    [
        line.sample.centre.to_string(),
        line.centre.clone(),
        line.email.clone().unwrap_or_default(),
        offer.component.id.to_string(),
        standing(line).label,
        owed(line),
        work.in_sample.to_string(),
        work.complete.to_string(),
        work.with_missing.to_string(),
        work.in_progress.to_string(),
        work.not_started().to_string(),
        times.deadline(line.due_at),
        line.due_at.to_string(),
    ]
}

/// `GET /board/progress/{assessment}/{component}/outstanding.csv`: a row a centre, page after page.
pub async fn csv(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments(of): Segments<(AssessmentId, ComponentId)>,
    Query(asked): Query<Asked>,
) -> Result<Response, ApiError> {
    let offer = offer_of(&service, &visitor, &of).await?;
    let name = format!("{}_{}.csv", offer.assessment, offer.component.id);
    let wanted = Wanted { from: 0, ..asked.wanted() };
    let begin = Pages { service, person: visitor.actor.person, offer, wanted, page: 0 };
    Response::builder()
        .header(header::CONTENT_TYPE, "text/csv; charset=utf-8")
        .header(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""))
        .header(header::CACHE_CONTROL, "private, no-store")
        .header(HeaderName::from_static("x-robots-tag"), "noindex")
        .body(Body::from_stream(try_unfold(begin, Pages::next)))
        .map_err(ApiError::internal)
}
