//! The moderator's screens: the samples allocated; what a centre submitted, looked through; taking it away; sending it
//! back.

mod bench;
mod download;
mod give_back;
mod sample;

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::home;
use super::page::{Frame, Link, page};
use super::visitor::{Times, Visitor, organisation};
use super::words::{self, Words};
use super::workspace::line_of;
use crate::actor::Role;
use crate::database::moderation::{self, Order, Submitted, Wanted};
use crate::database::workspace::{Lens, SampleLine};
use crate::http::body::Query;
use crate::http::error::ApiError;
use crate::ids::SampleId;
use crate::sample::SampleState;
use crate::service::Service;

pub use download::download;
pub use give_back::{send as send_back, show as show_return};
pub use sample::show;

/// Samples on one page of the list.
const CARDS: usize = 60;

#[derive(Debug, Template)]
#[template(path = "screens/moderation.html", config = "src/web/askama.toml")]
pub struct Moderation {
    pub frame: Frame,
    /// Samples of which later scans withdrew files.
    pub bereft: Vec<Link>,
    pub asked: Asked,
    pub shows: &'static [(&'static str, &'static str)],
    pub sorts: &'static [(&'static str, &'static str)],
    pub samples: Vec<SampleCard>,
    /// The address of the next samples.
    pub more: Option<String>,
}

#[derive(Debug)]
pub struct SampleCard {
    pub id: String,
    pub centre: String,
    pub component: String,
    pub title: String,
    pub series: String,
    pub received: String,
    pub due: String,
    /// `42 files, 6.4 GB`.
    pub holds: String,
    pub words: Words,
}

/// How the list is asked for; the address of the page holds it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    pub find: String,
    pub show: String,
    pub sort: String,
    /// How many are left out before the first.
    from: u32,
}

impl Asked {
    /// Nothing narrows the list.
    pub fn is_plain(&self) -> bool {
        self.find.is_empty() && self.show.is_empty()
    }

    fn wanted(&self) -> Wanted {
        Wanted {
            find: self.find.clone(),
            state: match self.show.as_str() {
                "todo" => Some(SampleState::Submitted),
                "returned" => Some(SampleState::Returned),
                _ => None,
            },
            order: match self.sort.as_str() {
                "received" => Order::Received,
                "centre" => Order::Centre,
                _ => Order::Due,
            },
            from: self.from,
        }
    }

    /// The address of the list, beginning further on.
    fn address(&self, from: u32) -> String {
        let coded = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
        };
        let (find, show, sort) = (coded(&self.find), coded(&self.show), coded(&self.sort));
        format!("/moderation?find={find}&show={show}&sort={sort}&from={from}")
    }
}

/// What the list can be narrowed to.
const SHOWS: &[(&str, &str)] = &[("", "All"), ("todo", "To do"), ("returned", "Returned to the centre")];
/// How it can be ordered.
const SORTS: &[(&str, &str)] =
    &[("", "Due date"), ("received", "Received, latest first"), ("centre", "Centre")];

/// `GET /moderation`
pub async fn list(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, ApiError> {
    let wanted = asked.wanted();
    let mut found = moderation::samples(&service.db, &visitor.actor.person, &wanted, CARDS + 1).await?;
    let more = (found.len() > CARDS).then(|| asked.address(asked.from.saturating_add(CARDS as u32)));
    found.truncate(CARDS);
    let mut frame = visitor.frame("Your samples", &[]);
    frame.organisation = found.first().map(|one| organisation(&one.line));
    let bereft = home::bereft(&service, &visitor, Lens::Moderates, None).await?;
    let samples = found.into_iter().map(|one| card(one, &service)).collect();
    let view = Moderation { frame, bereft, asked, shows: SHOWS, sorts: SORTS, samples, more };
    Ok(page(StatusCode::OK, &view))
}

fn card(one: Submitted, service: &Service) -> SampleCard {
    let Submitted { line, submitted_at, late, files, bytes } = one;
    let times = Times::new(&line.time_zone, service.clock.now());
    let files = words::count(u32::try_from(files).unwrap_or(u32::MAX), "file");
    SampleCard {
        id: line.sample.id.to_string(),
        centre: format!("{} {}", line.sample.centre, line.centre),
        component: line.component.id.to_string(),
        title: line.component.title.clone(),
        series: line.series.clone(),
        received: format!("{}{}", times.minute(submitted_at), if late { ", late" } else { "" }),
        due: times.deadline(line.sample.dates.due_at),
        holds: format!("{files}, {}", words::bytes(bytes)),
        words: words::moderated(line.sample.state, line.sample.revision),
    }
}

/// The sample, if this person moderates it.
async fn moderated(service: &Service, visitor: &Visitor, id: SampleId) -> Result<SampleLine, ApiError> {
    let line = line_of(service, &visitor.actor.person, id).await?;
    let roles = visitor.actor.roles_for(&line.sample);
    let moderates = roles.iter().any(|role| matches!(role, Role::Moderator | Role::LeadModerator));
    if line.sample.revision > 0 && moderates { Ok(line) } else { Err(ApiError::NotFound) }
}

/// A page about a sample that somebody moderates. `inside`: beyond the sample's own.
fn frame_of(visitor: &Visitor, title: &str, line: &SampleLine, inside: bool) -> Frame {
    let centre = format!("{} {}", line.sample.centre, line.centre);
    let sample = format!("/moderation/{}", line.sample.id);
    let mut trail = vec![("Your samples", "/moderation")];
    if inside {
        trail.push((&*centre, &*sample));
    }
    let mut frame = visitor.frame(title, &trail);
    frame.organisation = Some(organisation(line));
    frame
}
