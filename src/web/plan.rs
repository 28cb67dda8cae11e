//! A plan of many files: what becomes of each, what a person has to choose, the start; and afterwards what came of it.
//!
//! What is filled in counts: the start keeps it first. Where something of it is wrong, nothing is kept and nothing
//! starts, and the form comes back as it was filled in.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::many::{sections, title};
use super::page::{Frame, Link, page};
use super::visitor::{Times, Visitor};
use super::words::{self, FileFacts, Words};
use super::workspace::line_of;
use crate::bulk::{Planned, Preset, sameness};
use crate::candidate::CandidateNumber;
use crate::component::Component;
use crate::database::plans::PlannedRow;
use crate::http::api::plans::{self, OneChoice, PlanCounts, Seen};
use crate::http::body::{Form, Query as UrlQuery, Segments};
use crate::http::error::ApiError;
use crate::http::identity::Caller;
use crate::http::layers::RequestId;
use crate::ids::{PlanId, PlannedId, SampleId};
use crate::service::Service;

/// Groups of a page, and files that all of them together may have.
const GROUPS: usize = 50;
const FILES: usize = 100;
/// Candidates without a file that are named, and fields that are wrong.
const NAMED: usize = 30;
/// Candidates that a field offers.
const OFFERED: usize = 600;

#[derive(Debug, Template)]
#[template(path = "screens/plan.html", config = "src/web/askama.toml")]
pub struct PlanPage {
    pub frame: Frame,
    pub component: String,
    pub sample: String,
    pub plan: String,
    pub heading: String,
    pub facts: String,
    pub started: bool,
    /// Uploads whose bytes are not all here.
    pub open: usize,
    pub kept_until: String,
    pub filled: Filled,
    pub tabs: Vec<Tab>,
    /// Who has no file in the plan, in a sentence; empty: nobody.
    pub left_out: String,
    pub left_out_names: Vec<String>,
    /// The state that is shown.
    pub show: &'static str,
    pub shown: Vec<Group>,
    /// What stands above what is shown.
    pub about: &'static str,
    pub next: Option<Link>,
    pub previous: Option<Link>,
    /// Where what is chosen goes: the address that the page has.
    pub here: String,
    /// Number and name.
    pub candidates: Vec<(String, String)>,
    pub sections: Vec<(String, String)>,
    /// Files that the start would send.
    pub to_send: u32,
    pub start_word: String,
    pub stays: String,
    pub back: String,
}

/// A state with how many files are in it.
#[derive(Debug)]
pub struct Tab {
    pub state: &'static str,
    pub words: Words,
    pub count: u32,
    pub note: String,
    pub href: String,
    pub shown: bool,
}

/// The files of a candidate; or those that name several, or nobody for certain.
#[derive(Debug)]
pub struct Group {
    pub title: String,
    pub files: Vec<FileLine>,
}

#[derive(Debug)]
pub struct FileLine {
    pub position: u32,
    pub name: String,
    pub path: String,
    /// Size and section.
    pub facts: String,
    pub words: Words,
    /// What a person chose before, or what is beyond doubt.
    pub candidate: String,
    pub section: String,
    /// The file's own page, once it is begun.
    pub href: Option<String>,
    pub state: &'static str,
    /// As the form was filled in.
    pub typed: String,
    pub chosen: String,
    pub out: bool,
    /// What is wrong with its candidate; empty: nothing.
    pub wrong: String,
}

/// A form that comes back: what it says, and what is wrong with that.
#[derive(Debug, Default)]
pub struct Filled {
    fields: Fields,
    /// What is wrong with no field; empty: nothing.
    pub problem: String,
    pub wrong: Vec<Wrong>,
}

/// A field that cannot be read.
#[derive(Debug)]
pub struct Wrong {
    /// The field's id.
    pub field: String,
    /// The file that it is of.
    pub whose: String,
    pub text: String,
}

impl Filled {
    pub fn is_wrong(&self) -> bool {
        !self.wrong.is_empty() || !self.problem.is_empty()
    }

    pub fn value(&self, name: &str) -> &str {
        field(&self.fields, name)
    }

    /// What is wrong with a field; empty: nothing.
    pub fn wrong_with(&self, id: &str) -> &str {
        self.wrong.iter().find(|one| one.field == id).map_or("", |one| one.text.as_str())
    }

    /// The fields that are named above, and how many more there are.
    pub fn named(&self) -> (&[Wrong], usize) {
        let named = self.wrong.len().min(NAMED);
        (&self.wrong[..named], self.wrong.len() - named)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Query {
    show: String,
    page: usize,
}

type Address = (SampleId, PlanId);

/// `GET /samples/{sample}/plans/{plan}`
pub async fn show(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    caller: Caller,
    Segments(address): Segments<Address>,
    UrlQuery(query): UrlQuery<Query>,
) -> Result<Response, ApiError> {
    render(&service, &visitor, &caller, address, &query, Filled::default()).await
}

async fn render(
    service: &Service,
    visitor: &Visitor,
    caller: &Caller,
    (sample, plan): Address,
    query: &Query,
    filled: Filled,
) -> Result<Response, ApiError> {
    let seen = plans::look(service, caller, plan).await?;
    if seen.row.sample != sample {
        return Err(ApiError::NotFound);
    }
    let line = line_of(service, &visitor.actor.person, sample).await?;
    let counts = seen.counts();
    let show = query.state().unwrap_or_else(|| first(&counts));
    let href = format!("/samples/{sample}/plans/{plan}");
    let times = Times::new(&line.time_zone, service.clock.now());
    let (mut shown, more) = groups(&seen, &line.component, sample, show, query.page);
    shown.iter_mut().flat_map(|group| &mut group.files).for_each(|file| file.fill(&filled));
    let turn = |page: usize, text: &str| Link::new(format!("{href}?show={show}&page={page}"), text);
    let to_send = counts.ready + counts.replaces;
    let mut frame = visitor.frame_of("Plan", &line, true);
    frame.sample = Some(sample.to_string());
    let mut status = StatusCode::OK;
    if filled.is_wrong() {
        frame.goal = Some("problem".into());
        status = StatusCode::UNPROCESSABLE_ENTITY;
    }
    let people = seen.people.iter().take(OFFERED);
    let read = if seen.row.naming.preset == Preset::Folders { ", read by folder" } else { "" };
    let view = PlanPage {
        component: line.component.title.clone(),
        sample: sample.to_string(),
        plan: plan.to_string(),
        heading: format!("Plan for {}", words::count(counts.files, "file")),
        facts: format!(
            "{}, {}{read}",
            words::bytes(counts.bytes),
            words::count(counts.candidates, "candidate")
        ),
        started: seen.row.started_at.is_some(),
        open: seen.open(),
        kept_until: times.minute(seen.row.expires_at),
        filled,
        tabs: tabs(&seen, &counts, show, &href),
        left_out: left_out(&seen),
        left_out_names: seen
            .left_out
            .iter()
            .take(NAMED)
            .map(|one| absent(one.number.as_str(), &one.name, one.files))
            .collect(),
        show,
        shown,
        about: words::about_planned(show),
        next: more.then(|| turn(query.page + 1, "Next files")),
        previous: (query.page > 0).then(|| turn(query.page - 1, "Files before")),
        here: format!("{href}?show={show}&page={}", query.page),
        candidates: people.map(|(number, name)| (number.to_string(), name.clone())).collect(),
        sections: sections(&line.component),
        to_send,
        start_word: format!("Start upload of {}", words::count(to_send, "file")),
        stays: stays(&counts),
        back: format!("/samples/{sample}/upload-many"),
        frame,
    };
    Ok(page(status, &view))
}

impl Query {
    /// The state that is asked for.
    fn state(&self) -> Option<&'static str> {
        words::PLAN_STATES.iter().map(|(state, ..)| *state).find(|state| *state == self.show)
    }
}

impl FileLine {
    /// What was filled in for it stands in its fields again.
    fn fill(&mut self, filled: &Filled) {
        let of = |name: &str| filled.value(&format!("{name}.{}", self.position)).to_owned();
        (self.typed, self.chosen, self.out) = (of("candidate"), of("section"), !of("out").is_empty());
        self.wrong = filled.wrong_with(&format!("candidate-{}", self.position)).to_owned();
    }
}

/// What is looked at first: what needs a person.
fn first(counts: &PlanCounts) -> &'static str {
    match counts {
        PlanCounts { begun: 1.., .. } => "begun",
        PlanCounts { unfiled: 1.., .. } => "unfiled",
        PlanCounts { ready: 1.., .. } => "ready",
        PlanCounts { replaces: 1.., .. } => "replaces",
        PlanCounts { refused: 1.., .. } => "refused",
        _ => "already_here",
    }
}

fn tabs(seen: &Seen, counts: &PlanCounts, show: &'static str, href: &str) -> Vec<Tab> {
    let started = seen.row.started_at.is_some();
    let tabs = words::PLAN_STATES.iter().map(|&(state, ..)| {
        let count = match state {
            "ready" => counts.ready,
            "replaces" => counts.replaces,
            "unfiled" => counts.unfiled,
            "refused" => counts.refused,
            "already_here" => counts.already_here,
            "left_out" => counts.left_out,
            _ => counts.begun,
        };
        let note = match state {
            "begun" => failed(seen.failed()),
            _ => String::new(),
        };
        let words = words::planned(state, started);
        Tab { state, words, count, note, href: format!("{href}?show={state}"), shown: state == show }
    });
    tabs.filter(|tab| tab.count > 0 || tab.shown).collect()
}

fn failed(files: usize) -> String {
    match files {
        0 => String::new(),
        1 => "1 was not accepted".into(),
        more => format!("{more} were not accepted"),
    }
}

fn left_out(seen: &Seen) -> String {
    match seen.left_out.len() {
        0 => String::new(),
        1 => "1 candidate of the sample has no file in this plan:".into(),
        more => format!("{more} candidates of the sample have no file in this plan:"),
    }
}

fn absent(number: &str, name: &str, files: u32) -> String {
    match files {
        0 => format!("{number} {name}"),
        some => format!("{number} {name} ({} here already)", words::count(some, "file")),
    }
}

fn stays(counts: &PlanCounts) -> String {
    match counts.unfiled {
        0 => String::new(),
        1 => "1 stays out until you choose.".into(),
        more => format!("{more} stay out until you choose."),
    }
}

/// The files of a state by candidate: a page of them, and whether there are more.
fn groups(
    seen: &Seen,
    component: &Component,
    sample: SampleId,
    show: &str,
    page: usize,
) -> (Vec<Group>, bool) {
    let names: HashMap<&CandidateNumber, &str> =
        seen.people.iter().map(|(number, name)| (number, name.as_str())).collect();
    let mut by: BTreeMap<Vec<CandidateNumber>, Vec<(&PlannedRow, &Planned)>> = BTreeMap::new();
    for (file, planned) in seen.pairs().filter(|(_, planned)| planned.state() == show) {
        let whose = match planned {
            // Nothing about it is settled by its name.
            Planned::LeftOut => Vec::new(),
            planned => planned.candidates().to_vec(),
        };
        by.entry(whose).or_default().push((file, planned));
    }
    // A group with many files goes on, on the next page.
    let pieces: Vec<_> =
        by.iter().flat_map(|(whose, files)| files.chunks(FILES).map(move |some| (whose, some))).collect();
    let (mut at, mut begun, mut pages) = (0, 0, vec![0]);
    let mut files = 0;
    while at < pieces.len() {
        if at > begun && (at - begun == GROUPS || files + pieces[at].1.len() > FILES) {
            pages.push(at);
            (begun, files) = (at, 0);
        }
        files += pieces[at].1.len();
        at += 1;
    }
    let from = pages.get(page).copied().unwrap_or(pieces.len());
    let to = pages.get(page + 1).copied().unwrap_or(pieces.len());
    let shown = pieces[from..to].iter().map(|(whose, files)| Group {
        title: whose_title(whose, &names, show),
        files: files.iter().map(|(file, planned)| file_line(file, planned, component, sample)).collect(),
    });
    (shown.collect(), page + 1 < pages.len())
}

fn whose_title(whose: &[CandidateNumber], names: &HashMap<&CandidateNumber, &str>, show: &str) -> String {
    match whose {
        [] => "Not known whose".into(),
        [one] => format!("{one} {}", names.get(one).copied().unwrap_or_default()),
        several => {
            let numbers: Vec<String> = several.iter().map(ToString::to_string).collect();
            match show {
                "unfiled" | "refused" => format!("Named for {}", words::listed(&numbers)),
                _ => words::shared_by(&numbers),
            }
        }
    }
}

fn file_line(file: &PlannedRow, planned: &Planned, component: &Component, sample: SampleId) -> FileLine {
    let section = planned.target().map(|target| title(component, target));
    let mut facts = vec![words::bytes(file.size)];
    facts.extend(section);
    let words = match (&file.upload, planned) {
        (Some(upload), Planned::Begun { .. }) => {
            let facts = FileFacts {
                reason: upload.reason,
                detail: &upload.detail,
                received: upload.offset,
                size: Some(file.size),
                not_shared: &words::not_shared(&upload.shared_with),
                ..FileFacts::default()
            };
            words::file(upload.state, facts)
        }
        _ => words::planned_file(planned.state(), planned.why().map_or("", |why| why.text.as_str())),
    };
    let only = match planned.candidates() {
        [only] => only.to_string(),
        several => several.iter().map(CandidateNumber::as_str).collect::<Vec<_>>().join(" "),
    };
    FileLine {
        position: file.position,
        name: file.name.clone(),
        path: file.path.clone(),
        facts: facts.join(" · "),
        words,
        candidate: only,
        section: planned.target().map(|target| target.as_str().to_owned()).unwrap_or_default(),
        href: file.upload.as_ref().map(|upload| format!("/samples/{sample}/files/{}", upload.file)),
        state: file.upload.as_ref().map_or("", |upload| upload.state.as_str()),
        typed: String::new(),
        chosen: String::new(),
        out: false,
        wrong: String::new(),
    }
}

/// Every field of a form; a file's are called after its position.
type Fields = Vec<(String, String)>;

/// `POST /samples/{sample}/plans/{plan}`: what was chosen is kept; and what is ready starts, where that was asked for.
pub async fn choose(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    caller: Caller,
    request: RequestId,
    Segments((sample, plan)): Segments<Address>,
    UrlQuery(query): UrlQuery<Query>,
    Form(fields): Form<Fields>,
) -> Result<Response, ApiError> {
    let seen = plans::look(&service, &caller, plan).await?;
    if seen.row.sample != sample {
        return Err(ApiError::NotFound);
    }
    let show = query.state().unwrap_or_default();
    let kept = match choices(&seen, show, &fields) {
        Ok(choices) if choices.is_empty() => Ok(()),
        Ok(choices) => match plans::choose(&service, &caller, plan, choices).await {
            Err(error @ (ApiError::InvalidRequest { .. } | ApiError::WrongState { .. })) => {
                Err((error.problem().detail, Vec::new()))
            }
            other => Ok(other?),
        },
        Err(wrong) => Err((String::new(), wrong)),
    };
    let href = format!("/samples/{sample}/plans/{plan}");
    match kept {
        Err((problem, wrong)) => {
            let filled = Filled { fields, problem, wrong };
            render(&service, &visitor, &caller, (sample, plan), &query, filled).await
        }
        Ok(()) if field(&fields, "do") == "start" => {
            plans::begin(&service, &caller, &request, plan).await?;
            Ok(Redirect::to(&href).into_response())
        }
        // What was settled is not among them any more: what is left is looked at from its beginning.
        Ok(()) => Ok(Redirect::to(&format!("{href}?show={show}")).into_response()),
    }
}

fn field<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
}

/// What the form says: of each file that it shows, or of all in the state that is shown.
fn choices(seen: &Seen, show: &str, fields: &Fields) -> Result<Vec<OneChoice>, Vec<Wrong>> {
    let id = |position: u32| PlannedId { plan: seen.row.id, position };
    let nothing =
        |files: Vec<PlannedId>| OneChoice { files, candidates: Vec::new(), section: None, leave_out: false };
    let what = field(fields, "do");
    if ["skip_all", "insist_all", "back_all"].contains(&what) {
        let all = seen.pairs().filter(|(_, planned)| planned.state() == show);
        if what == "insist_all" {
            // Said of each, as it is: who insists chooses what was read.
            return Ok(all
                .map(|(file, planned)| OneChoice {
                    candidates: planned.candidates().to_vec(),
                    section: planned.target().map(|target| target.as_str().to_owned()),
                    ..nothing(vec![id(file.position)])
                })
                .collect());
        }
        let files: Vec<PlannedId> = all.map(|(file, _)| id(file.position)).collect();
        let leave_out = what == "skip_all";
        return Ok(if files.is_empty() {
            Vec::new()
        } else {
            vec![OneChoice { leave_out, ..nothing(files) }]
        });
    }
    let by: HashMap<&str, &str> = fields.iter().map(|(key, value)| (key.as_str(), value.trim())).collect();
    let of = |name: &str, position: u32| {
        by.get(format!("{name}.{position}").as_str()).copied().unwrap_or_default()
    };
    let (mut choices, mut wrong) = (Vec::new(), Vec::new());
    let mut read = |text: &str, field: String, whose: &str| {
        numbers(seen, text).unwrap_or_else(|text| {
            wrong.push(Wrong { field, whose: whose.to_owned(), text });
            Vec::new()
        })
    };
    let every_candidate = match what {
        "skip_shown" => Vec::new(),
        _ => read(field(fields, "every_candidate"), "every-candidate".into(), "All shown"),
    };
    let every_section = field(fields, "every_section");
    for (_, position) in fields.iter().filter(|(key, _)| key == "file") {
        let Ok(position) = position.parse::<u32>() else { continue };
        if what == "skip_shown" || !of("out", position).is_empty() {
            choices.push(OneChoice { leave_out: true, ..nothing(vec![id(position)]) });
            continue;
        }
        let name = seen.files.get(position as usize).map_or("", |file| file.name.as_str());
        let own = read(of("candidate", position), format!("candidate-{position}"), name);
        let candidates = if own.is_empty() { every_candidate.clone() } else { own };
        let own = of("section", position);
        let section = if own.is_empty() { every_section } else { own };
        let section = (!section.is_empty()).then(|| section.to_owned());
        if !candidates.is_empty() || section.is_some() {
            choices.push(OneChoice { candidates, section, ..nothing(vec![id(position)]) });
        }
    }
    if wrong.is_empty() { Ok(choices) } else { Err(wrong) }
}

/// `1005 O'Neill`, the numbers of several, or a name that only one has; else what is wrong with it.
fn numbers(seen: &Seen, text: &str) -> Result<Vec<CandidateNumber>, String> {
    if let Some((number, _)) = seen.people.iter().find(|(number, name)| text == format!("{number} {name}")) {
        return Ok(vec![number.clone()]);
    }
    let tokens = text.split(|c: char| !c.is_alphanumeric()).filter(|token| !token.is_empty());
    let mut found = Vec::new();
    for digits in tokens.filter(|token| token.bytes().all(|byte| byte.is_ascii_digit())) {
        let same = |number: &CandidateNumber| {
            number.as_str().trim_start_matches('0') == digits.trim_start_matches('0')
        };
        match seen.people.iter().find(|(number, _)| same(number)) {
            Some((number, _)) if found.contains(number) => {}
            Some((number, _)) => found.push(number.clone()),
            None => return Err(format!("Candidate {digits} is not entered here.")),
        }
    }
    if found.is_empty() && !text.is_empty() {
        return called(seen, text).map(|number| vec![number]);
    }
    Ok(found)
}

/// Whose name it is: who is called exactly so, or the only one in whose name its words are.
fn called(seen: &Seen, text: &str) -> Result<CandidateNumber, String> {
    let wanted = words_of(text);
    let having = |exactly: bool| -> Vec<&CandidateNumber> {
        let people = seen.people.iter().filter(|(_, name)| {
            let words = words_of(name);
            !wanted.is_empty() && wanted.is_subset(&words) && (!exactly || words.len() == wanted.len())
        });
        people.map(|(number, _)| number).collect()
    };
    let exactly = having(true);
    let found = if exactly.is_empty() { having(false) } else { exactly };
    match found[..] {
        [one] => Ok(one.clone()),
        [] => {
            let as_here = seen.people.first().map(|(number, _)| format!(", as {number}")).unwrap_or_default();
            Err(format!(
                "No candidate here is called “{text}”. Choose one of the list, or write a number{as_here}."
            ))
        }
        [one, other, ..] => Err(format!(
            "“{text}” can be {one} or {other}{}. Write the number.",
            if found.len() > 2 { ", or another" } else { "" }
        )),
    }
}

/// The words of a name, in no order: families come first or last.
fn words_of(name: &str) -> BTreeSet<String> {
    let name = sameness(name);
    name.split(|c: char| c == ',' || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// `POST /samples/{sample}/plans/{plan}/discard`
pub async fn discard(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Segments((_, plan)): Segments<Address>,
) -> Result<Response, ApiError> {
    let sample = plans::discard(&service, &caller, plan).await?;
    Ok(Redirect::to(&format!("/samples/{sample}/upload-many")).into_response())
}
