//! How far the centres of one component are: how many of each kind, and the centres themselves.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{Asked, SHOWS, address, frame_of, offer_of, rows};
use crate::actor::{Action, decide};
use crate::component::ComponentId;
use crate::database::progress::{CentreLine, Health, Offer, Show, Totals};
use crate::evidence::{PAUSED_AFTER, Reason};
use crate::http::body::{Query, Segments};
use crate::http::error::ApiError;
use crate::organisation::AssessmentId;
use crate::service::Service;
use crate::web::page::{Frame, page};
use crate::web::visitor::{Times, Visitor};
use crate::web::words::{self, Words};

/// Centres on one page.
const CENTRES: usize = 100;
/// How long a file may be in the checks before they are behind.
const BEHIND: SignedDuration = SignedDuration::from_mins(10);
/// Reasons that are named, the most frequent.
const REASONS: usize = 4;

#[derive(Debug, Template)]
#[template(path = "screens/board_progress.html", config = "src/web/askama.toml")]
pub struct Progress {
    pub frame: Frame,
    pub component: String,
    pub title: String,
    pub eyebrow: String,
    pub due: String,
    pub due_in: String,
    /// Candidates whose work is asked for: the word of each kind, how many, and its name in addresses.
    pub figures: Vec<(&'static str, u32, &'static str)>,
    pub centres: u32,
    pub submitted: u32,
    pub tabs: Vec<Tab>,
    pub asked: Asked,
    pub here: String,
    pub rows: Vec<Row>,
    /// `Centres 101 to 200.`; empty where one page holds all.
    pub shown: String,
    pub before: Option<String>,
    pub more: Option<String>,
    /// The address on which all of the page are chosen, or none.
    pub choose: String,
    pub may_extend: bool,
    pub outstanding: String,
    /// How the files move just now, in sentences.
    pub health: Vec<HealthView>,
}

/// One thing about how files move. `behind`: it is not as it should be.
#[derive(Debug)]
pub struct HealthView {
    pub code: &'static str,
    pub text: String,
    pub behind: bool,
}

/// What the list can be narrowed to, and how many are left then.
#[derive(Debug)]
pub struct Tab {
    pub href: String,
    pub text: &'static str,
    pub code: &'static str,
    pub number: u32,
    pub current: bool,
}

/// A centre in the list.
#[derive(Debug)]
pub struct Row {
    pub sample: String,
    pub number: String,
    pub name: String,
    pub words: Words,
    /// When it was submitted, and what else there is to know.
    pub aside: String,
    pub in_sample: u32,
    pub complete: u32,
    pub with_missing: u32,
    pub in_progress: u32,
    pub not_started: u32,
    pub due: String,
    /// Otherwise than the component.
    pub own_due: bool,
    pub chosen: bool,
    pub can_extend: bool,
}

/// `GET /board/progress/{assessment}/{component}`
pub async fn show(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments(of): Segments<(AssessmentId, ComponentId)>,
    Query(asked): Query<Asked>,
) -> Result<Response, ApiError> {
    let offer = offer_of(&service, &visitor, &of).await?;
    let (now, person) = (service.clock.now(), &visitor.actor.person);
    let totals = rows::totals(&service.db, person, &offer, now).await?;
    let mut found = rows::centres(&service.db, person, &offer, &asked.wanted(), now, CENTRES + 1).await?;
    let lately = now.checked_sub(PAUSED_AFTER).unwrap_or(Timestamp::MIN);
    let health = rows::health(&service.db, person, &offer, lately, today(&offer.time_zone, now)).await?;
    let more = found.len() > CENTRES;
    found.truncate(CENTRES);
    let times = Times::new(&offer.time_zone, now);
    let may =
        |line: &CentreLine| decide(&visitor.actor, Action::Extend, &line.sample, &offer.component).is_ok();
    let rows: Vec<Row> = found.iter().map(|line| row(line, &offer, &times, asked.all, may(line))).collect();
    let (here, query) = (address(&offer), asked.query());
    let turned = |from: u32| format!("{here}?{query}&from={from}");
    let page_size = CENTRES as u32;
    let last = asked.from.saturating_add(rows.len() as u32);
    let view = Progress {
        frame: frame_of(&visitor, &offer.component.title, &offer, false),
        component: offer.component.id.to_string(),
        title: offer.component.title.clone(),
        eyebrow: format!("{} · {}", offer.assessment_name, offer.series),
        due: offer.due_at.map(|due| times.deadline(due)).unwrap_or_default(),
        due_in: offer.due_at.map(|due| times.until(due)).unwrap_or_default(),
        figures: figures(&totals),
        health: moving(&health, now),
        centres: totals.centres,
        submitted: totals.submitted,
        tabs: tabs(&totals, &asked, &here),
        shown: match (asked.from, more) {
            (0, false) => String::new(),
            _ if rows.is_empty() => String::new(),
            (from, _) => format!("Centres {} to {last}.", from.saturating_add(1)),
        },
        before: (asked.from > 0).then(|| turned(asked.from.saturating_sub(page_size))),
        more: more.then(|| turned(last)),
        choose: format!("{}&all={}#centres", turned(asked.from), !asked.all),
        may_extend: rows.iter().any(|row| row.can_extend),
        outstanding: format!("{here}/outstanding?{query}"),
        asked,
        here,
        rows,
    };
    Ok(page(StatusCode::OK, &view))
}

/// The midnight that has passed, where the board is.
fn today(zone: &str, now: Timestamp) -> Timestamp {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    now.to_zoned(zone).start_of_day().map_or(now, |midnight| midnight.timestamp())
}

fn moving(health: &Health, now: Timestamp) -> Vec<HealthView> {
    let waits = health.oldest.map_or(SignedDuration::ZERO, |oldest| now.duration_since(oldest));
    let behind = waits > BEHIND;
    let checks = match (health.checking, behind) {
        (0, _) => "Nothing in the checks".to_owned(),
        (files, false) => format!("{} in the checks", words::count(files, "file")),
        (files, true) => {
            let minutes = words::count(u32::try_from(waits.as_mins()).unwrap_or(u32::MAX), "minute");
            let wait = if files == 1 { "waits" } else { "wait" };
            format!("Checks are {minutes} behind, {} {wait}", words::count(files, "file"))
        }
    };
    let all: u32 = health.refused.iter().map(|(_, files)| files).sum();
    let label = |(reason, files): &(Reason, u32)| {
        let label = words::refused(*reason, "").label;
        format!("{} {files}", label.strip_prefix("Refused: ").unwrap_or(&label))
    };
    let most: Vec<String> = health.refused.iter().take(REASONS).map(label).collect();
    let refused = match all {
        0 => "Nothing refused today".to_owned(),
        all => format!("{} refused today ({})", words::count(all, "file"), most.join(", ")),
    };
    let running = match health.running {
        0 => "No upload running".to_owned(),
        files => format!("{} running", words::count(files, "upload")),
    };
    vec![
        HealthView { code: "running", text: running, behind: false },
        HealthView { code: "checks", text: checks, behind },
        HealthView { code: "refused", text: refused, behind: false },
    ]
}

fn figures(totals: &Totals) -> Vec<(&'static str, u32, &'static str)> {
    let work = totals.work;
    vec![
        ("In the sample", work.in_sample, "in_sample"),
        ("Complete", work.complete, "complete"),
        ("Complete with Missing", work.with_missing, "complete_with_missing"),
        ("In progress", work.in_progress, "in_progress"),
        ("Not started", work.not_started(), "not_started"),
    ]
}

fn tabs(totals: &Totals, asked: &Asked, here: &str) -> Vec<Tab> {
    let number = |show: Show| match show {
        Show::All => totals.centres,
        Show::Attention => totals.attention,
        Show::Quiet => totals.quiet,
        Show::NotStarted => totals.not_started,
        Show::NotSubmitted => totals.not_submitted,
        Show::Late => totals.late,
        Show::Returned => totals.returned,
        Show::Submitted => totals.submitted,
    };
    let tab = |&(code, text, show): &(&'static str, &'static str, Show)| Tab {
        href: format!(
            "{here}?{}",
            Asked { show: code.into(), find: asked.find.clone(), ..Asked::default() }.query()
        ),
        text,
        code,
        number: number(show),
        current: show == asked.show(),
    };
    SHOWS.iter().map(tab).collect()
}

fn row(line: &CentreLine, offer: &Offer, times: &Times, all: bool, may: bool) -> Row {
    let CentreLine { sample, work, .. } = line;
    let mut aside: Vec<String> = Vec::new();
    aside.extend(line.submitted_at.map(|at| match sample.revision {
        ..=1 => times.minute(at),
        revision => format!("{}, revision {revision}", times.minute(at)),
    }));
    if line.withdrawn > 0 {
        aside.push(format!("{} withdrawn: virus found later", words::count(line.withdrawn, "file")));
    }
    if sample.state != crate::sample::SampleState::Submitted {
        aside.push(match line.active_at {
            Some(at) => format!("Last activity {}", times.minute(at)),
            None => "No activity yet".into(),
        });
    }
    let can_extend = may && sample.state != crate::sample::SampleState::Submitted;
    Row {
        sample: sample.id.to_string(),
        number: sample.centre.to_string(),
        name: line.centre.clone(),
        words: standing(line),
        aside: aside.join(" · "),
        in_sample: work.in_sample,
        complete: work.complete,
        with_missing: work.with_missing,
        in_progress: work.in_progress,
        not_started: work.not_started(),
        due: times.deadline(line.due_at),
        own_due: offer.due_at.is_some_and(|due| due != line.due_at),
        chosen: all && can_extend,
        can_extend,
    }
}

/// A centre's sample in words.
pub fn standing(line: &CentreLine) -> Words {
    let work = line.work;
    let (asked, started) = (work.in_sample > 0, work.not_started() < work.in_sample);
    words::progress(line.sample.state, line.late, asked, started, work.done() == work.in_sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_files_move_is_said_in_words_and_what_is_behind_stands_out() {
        let now: Timestamp = "2026-06-01T10:00:00Z".parse().unwrap();
        let said = |health: &Health| {
            moving(health, now).into_iter().map(|one| (one.text, one.behind)).collect::<Vec<_>>()
        };
        let still = said(&Health::default());
        let expected = ["No upload running", "Nothing in the checks", "Nothing refused today"];
        assert_eq!(still, expected.map(|text| (text.to_owned(), false)));
        let refused = Reason::ALL.iter().take(6).map(|reason| (*reason, 2)).collect();
        let ago = |minutes| Some(now.checked_sub(SignedDuration::from_mins(minutes)).unwrap());
        let busy = said(&Health { running: 214, checking: 31, oldest: ago(1), refused });
        assert_eq!((&*busy[0].0, &*busy[1].0), ("214 uploads running", "31 files in the checks"));
        assert!(busy[2].0.starts_with("12 files refused today (") && busy[2].0.matches(" 2").count() == 4);
        let late = said(&Health { checking: 1, oldest: ago(14), ..Health::default() });
        assert_eq!(late[1], ("Checks are 14 minutes behind, 1 file waits".to_owned(), true));
    }

    #[test]
    fn today_begins_at_the_boards_midnight() {
        let now: Timestamp = "2026-06-01T22:30:00Z".parse().unwrap();
        assert_eq!(today("Europe/London", now).to_string(), "2026-05-31T23:00:00Z");
        assert_eq!(today("Asia/Tokyo", now).to_string(), "2026-06-01T15:00:00Z");
        assert_eq!(today("nowhere", now).to_string(), "2026-06-01T00:00:00Z");
    }
}
