//! What is asked before files are sent: whose they are, when their names speak of somebody else; into which section,
//! when they were dropped on a candidate's row; whether they take another's place. The answer to the script is this
//! page's main part, with the words in it; where nothing is to be asked, it says only where the files go.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::mentions::{NAMES, Signs, mentioned};
use super::{Asked, PlaceView, bench};
use crate::actor::{Action, decide};
use crate::candidate::CandidateNumber;
use crate::database::workspace;
use crate::http::body::{Query as UrlQuery, Segments};
use crate::http::error::ApiError;
use crate::ids::SampleId;
use crate::service::Service;
use crate::web::page::{Frame, page};
use crate::web::visitor::Visitor;
use crate::web::words;

/// Other candidates that are offered.
const OTHERS: usize = 3;
/// Names that a question says.
const SPOKEN: usize = 3;

#[derive(Debug, Template)]
#[template(path = "screens/filing.html", config = "src/web/askama.toml")]
pub struct Filing {
    pub frame: Frame,
    pub heading: String,
    pub line: String,
    pub choices: Vec<Choice>,
    /// The one choice is made without asking.
    pub go: bool,
    /// Several questions, or files without one beside others: each group is asked about by itself. Places among the
    /// names, `0 2;1`; empty: all are one group.
    pub apart: String,
}

/// A place that the files may go to.
#[derive(Debug)]
pub struct Choice {
    pub label: String,
    /// `1005 O'NEILL, Sean`.
    pub who: String,
    pub place: PlaceView,
}

/// Files that are about to be sent to a candidate.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Chosen {
    /// Their names, with `/` between them.
    names: String,
    /// Empty: they were dropped on the candidate's row.
    section: String,
    /// Dropped, so that nobody has pressed a button that says *Replace*.
    dropped: bool,
}

/// A candidate and the places of theirs that take all of the files.
struct Takes {
    who: String,
    signs: Signs,
    places: Vec<PlaceView>,
}

/// `GET /samples/{sample}/candidates/{number}/filing`
pub async fn show(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments((id, number)): Segments<(SampleId, CandidateNumber)>,
    UrlQuery(chosen): UrlQuery<Chosen>,
) -> Result<Response, ApiError> {
    let Ok(bench) = bench(&service, &visitor, id, Asked::default()).await? else {
        return Err(ApiError::Forbidden);
    };
    decide(&visitor.actor, Action::ChangeWork, &bench.line.sample, &bench.line.component)?;
    let names: Vec<&str> = chosen.names.split('/').filter(|name| !name.is_empty()).take(NAMES).collect();
    let people = bench.people();
    let at = people.iter().position(|one| one.0 == number.as_str()).ok_or(ApiError::NotFound)?;
    let takes = async |at: usize| {
        let (number, name, candidate) = people[at];
        let files = workspace::files_of(&service.db, &visitor.actor.person, id, candidate).await?;
        let fits = |place: &PlaceView| {
            (place.can_upload || place.replaces.is_some())
                && names.iter().all(|name| accepts(place, name))
                && (chosen.section.is_empty() || place.code == chosen.section)
        };
        let places = bench.places(at, &files).into_iter().filter(fits).collect();
        Ok::<_, ApiError>(Takes { who: format!("{number} {name}"), signs: Signs::of(number, name), places })
    };
    let own = takes(at).await?;
    let signs: Vec<Signs> = people.iter().map(|(number, name, _)| Signs::of(number, name)).collect();
    let mut groups: Vec<(Vec<usize>, Vec<usize>)> = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let mut others = mentioned(name, &own.signs, &signs);
        others.sort_unstable();
        others.dedup();
        match groups.iter_mut().find(|(theirs, _)| *theirs == others) {
            Some((_, group)) => group.push(at),
            None => groups.push((others, vec![at])),
        }
    }
    let mut frame = visitor.frame_of("Where do these files go?", &bench.line, true);
    frame.uploads = false;
    if groups.len() > 1 {
        // What nothing is asked about is on its way first.
        groups.sort_by_key(|(others, _)| !others.is_empty());
        let group =
            |(_, group): &(_, Vec<usize>)| group.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
        let apart = groups.iter().map(group).collect::<Vec<_>>().join(";");
        let (heading, line) = ("These files are asked about one by one".to_owned(), String::new());
        let filing = Filing { frame, heading, line, choices: Vec::new(), go: false, apart };
        return Ok(page(StatusCode::OK, &filing));
    }
    let mut others = groups.pop().map(|(others, _)| others).unwrap_or_default();
    others.truncate(OTHERS);
    let named: Vec<String> = others.iter().map(|&at| format!("{} {}", people[at].0, people[at].1)).collect();
    let mut elsewhere = Vec::new();
    for at in others {
        elsewhere.push(takes(at).await?);
    }
    Ok(page(StatusCode::OK, &question(frame, &chosen, own, elsewhere, (&names, &named))))
}

/// A name ends in what the place takes.
fn accepts(place: &PlaceView, name: &str) -> bool {
    let name = name.to_lowercase();
    place.accept.split(',').any(|ending| name.ends_with(ending))
}

/// `named`: the candidates of whom all of the names speak.
fn question(
    frame: Frame,
    chosen: &Chosen,
    own: Takes,
    elsewhere: Vec<Takes>,
    (names, named): (&[&str], &[String]),
) -> Filing {
    let all = |takes: Takes, label: &dyn Fn(&str, &PlaceView) -> String| -> Vec<Choice> {
        let Takes { who, places, .. } = takes;
        places
            .into_iter()
            .map(|place| Choice { label: label(&who, &place), who: who.clone(), place })
            .collect()
    };
    let into = |place: &PlaceView| {
        let what = if place.replaces.is_some() { ", in place of what is there" } else { "" };
        format!("{}{what}", place.title)
    };
    let who = own.who.clone();
    if !named.is_empty() {
        let heading = format!("{} {}", mentioning(names), words::listed(named));
        let label = |who: &str, place: &PlaceView| format!("File under {who}: {}", into(place));
        let mut choices = all(own, &label);
        choices.extend(elsewhere.into_iter().flat_map(|takes| all(takes, &label)));
        let line = format!("It was chosen for {who}. Whose work is it?");
        return Filing { frame, heading, line, choices, go: false, apart: String::new() };
    }
    let choices = all(own, &|_, place| into(place));
    let replaces = choices.first().is_some_and(|choice| choice.place.replaces.is_some());
    let go = choices.len() == 1 && !(chosen.dropped && replaces);
    let (heading, line) = match choices.as_slice() {
        [] => (
            format!("No section of {who} takes this"),
            "Its type is not taken, or the sections that take it are full. Open the candidate to see."
                .to_owned(),
        ),
        [one] if replaces => (
            format!("Replace what is in {}?", one.place.title),
            "What is there stays until the new file is accepted.".to_owned(),
        ),
        _ => (
            format!("Which section of {who}?"),
            words::count(choices.len() as u32, "section") + " can take it.",
        ),
    };
    Filing { frame, heading, line, choices, go, apart: String::new() }
}

/// Names that speak of somebody, as a sentence begins.
fn mentioning(names: &[&str]) -> String {
    let first: Vec<String> = names.iter().take(SPOKEN).map(|name| format!("“{name}”")).collect();
    match names.len() {
        1 => format!("{} mentions", words::listed(&first)),
        count if count <= SPOKEN => format!("{} mention", words::listed(&first)),
        count => format!("{} and {} more mention", first.join(", "), count - SPOKEN),
    }
}
