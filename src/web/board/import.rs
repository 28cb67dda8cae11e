//! Lists brought in on a page: what one of them would add, change or remove, line by line; applied when that was read,
//! if it is still so, and once.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::SignedDuration;
use serde::Deserialize;

use super::oversees;
use crate::actor::Role;
use crate::database::imports::{self, Applied, ImportRow, Looked};
use crate::http::body::{Form, Query, Segments};
use crate::http::error::ApiError;
use crate::http::layers::RequestId;
use crate::http::multipart;
use crate::ids::ImportId;
use crate::reference::{
    Change, Difference, ImportError, LARGEST_LIST, List, ListKind, MOST_LINES, Problems, read_list,
};
use crate::service::Service;
use crate::web::page::{Frame, Problem, page};
use crate::web::visitor::{Times, Visitor};
use crate::web::words::{self, Words};

/// How long a list waits to be applied.
const WAITS: SignedDuration = SignedDuration::from_hours(24);
/// Lists that a person may have waiting at once.
const MOST_LISTS: u64 = 20;
/// Differences on one page.
const ROWS: usize = 100;

#[derive(Debug, Template)]
#[template(path = "screens/board_import.html", config = "src/web/askama.toml")]
pub struct ImportPage {
    pub frame: Frame,
    pub problem: Option<Problem>,
    pub kinds: Vec<KindView>,
    /// What is wrong with the list that was chosen.
    pub wrong: Option<Wrong>,
    pub most_lines: usize,
    pub largest: String,
    pub lists: Vec<ListLine>,
}

/// A kind of list to choose from.
#[derive(Debug)]
pub struct KindView {
    pub code: &'static str,
    pub name: &'static str,
    pub columns: &'static str,
    pub chosen: bool,
}

/// Everything wrong with a list.
#[derive(Debug)]
pub struct Wrong {
    pub name: String,
    pub lines: Vec<WrongLine>,
    /// Problems beyond those.
    pub more: usize,
}

#[derive(Debug)]
pub struct WrongLine {
    /// `Line 12`, or the list as a whole.
    pub place: String,
    pub text: String,
}

/// A list of this person's.
#[derive(Debug)]
pub struct ListLine {
    pub href: String,
    pub name: String,
    pub facts: String,
}

#[derive(Debug, Template)]
#[template(path = "screens/board_differences.html", config = "src/web/askama.toml")]
pub struct DifferencesPage {
    pub frame: Frame,
    pub heading: &'static str,
    pub eyebrow: String,
    /// Something changed between the look and the click.
    pub otherwise: bool,
    pub kept: String,
    /// By what rule the list is read.
    pub rule: &'static str,
    pub wrong: Option<Wrong>,
    pub figures: Vec<(&'static str, u64, &'static str)>,
    pub tabs: Vec<Tab>,
    pub rows: Vec<DifferenceView>,
    pub shown: String,
    pub before: Option<String>,
    pub more: Option<String>,
    /// Changes that are not made, as sentences; and how many beyond those.
    pub to_decide: Vec<String>,
    pub to_decide_more: usize,
    pub left_alone: String,
    /// The digest of what is shown; `None` where there is nothing to apply.
    pub seen: Option<String>,
    pub here: String,
}

#[derive(Debug)]
pub struct Tab {
    pub href: String,
    pub text: &'static str,
    pub code: &'static str,
    pub number: usize,
    pub current: bool,
}

#[derive(Debug)]
pub struct DifferenceView {
    /// `""` where the list does not name it.
    pub line: String,
    pub words: Words,
    pub what: String,
    pub place: String,
    pub fields: Vec<FieldView>,
}

#[derive(Debug)]
pub struct FieldView {
    pub name: String,
    /// `None` where it was not there before.
    pub from: Option<String>,
    pub to: String,
}

#[derive(Debug, Template)]
#[template(path = "screens/board_imported.html", config = "src/web/askama.toml")]
pub struct ImportedPage {
    pub frame: Frame,
    pub eyebrow: String,
    pub facts: String,
    pub figures: Vec<(&'static str, u64, &'static str)>,
    pub to_decide: Vec<String>,
}

/// Which differences are shown.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    show: String,
    from: usize,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Confirmed {
    seen: String,
}

/// Kinds with their names, columns and rules.
const KINDS: [(ListKind, &str, &str, &str); 4] = [
    (
        ListKind::Candidates,
        "Candidates and marks",
        "series, component, centre, number, name, mark, status (entered, absent or withdrawn), and if you like: listed",
        "Who is not in the list stays as they are. To take a candidate out, give the status withdrawn.",
    ),
    (
        ListKind::Centres,
        "Centres",
        "number, name, and if you like: email",
        "Centres that are not in the list stay as they are.",
    ),
    (
        ListKind::Allocations,
        "Allocations of moderators",
        "person, component, series, centre",
        "Whoever is in the list keeps, of the components and centres that it names, what it gives them and nothing else. \
         Whoever is not in it keeps everything.",
    ),
    (
        ListKind::Component,
        "Definition of a component",
        "a TOML file of a component that is there already",
        "The definition holds for all centres from the moment it is applied.",
    ),
];

fn about(kind: ListKind) -> (&'static str, &'static str) {
    KINDS.iter().find(|(one, ..)| *one == kind).map_or(("", ""), |(_, name, _, rule)| (name, rule))
}

/// Whether the person brings lists in: board staff. Auditors know that others do.
fn may(visitor: &Visitor) -> Result<(), ApiError> {
    match (visitor.actor.has(Role::Board), oversees(&visitor.actor)) {
        (true, _) => Ok(()),
        (false, true) => Err(ApiError::Forbidden),
        (false, false) => Err(ApiError::NotFound),
    }
}

/// `GET /board/import`
pub async fn show(State(service): State<Arc<Service>>, visitor: Visitor) -> Result<Response, ApiError> {
    may(&visitor)?;
    chooser(&service, &visitor, None, None, None).await
}

async fn chooser(
    service: &Service,
    visitor: &Visitor,
    kind: Option<ListKind>,
    problem: Option<Problem>,
    wrong: Option<Wrong>,
) -> Result<Response, ApiError> {
    let now = service.clock.now();
    let lists = imports::list(&service.db, &visitor.actor.person, now).await?;
    let times = times(now);
    let mut frame = visitor.frame("Import a list", &[("Progress", "/board")]);
    let failed = problem.is_some() || wrong.is_some();
    if failed {
        frame.goal = Some("problem".into());
    }
    let chosen = kind.unwrap_or(ListKind::Candidates);
    let kinds = KINDS.map(|(kind, name, columns, _)| KindView {
        code: kind.as_str(),
        name,
        columns,
        chosen: kind == chosen,
    });
    let view = ImportPage {
        frame,
        problem,
        kinds: kinds.into(),
        wrong,
        most_lines: MOST_LINES,
        largest: words::bytes(LARGEST_LIST as u64),
        lists: lists.iter().map(|row| line(row, &times)).collect(),
    };
    Ok(page(if failed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, &view))
}

/// A list is no organisation's.
fn times(now: jiff::Timestamp) -> Times {
    Times::new("Europe/London", now)
}

fn line(row: &ImportRow, times: &Times) -> ListLine {
    let (kind, _) = about(row.kind);
    let state = match &row.applied {
        Some((at, _)) => format!("applied {}", times.minute(*at)),
        None => format!("not applied; kept until {}", times.minute(row.expires_at)),
    };
    ListLine { href: address(row.id), name: row.name.clone(), facts: format!("{kind}, {state}") }
}

fn address(import: ImportId) -> String {
    format!("/board/import/{import}")
}

/// `POST /board/import`: reads a list and keeps it, to be looked at.
pub async fn send(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    request: RequestId,
    body: Request,
) -> Result<Response, ApiError> {
    may(&visitor)?;
    let sent = multipart::read(body, LARGEST_LIST).await?;
    let kind: ListKind = sent.field("kind").parse().map_err(|_| {
        ApiError::invalid(
            "kind",
            "Choose what the list holds: candidates, centres, allocations or component.",
        )
    })?;
    let asked = |text: String| Problem { text, field: Some("list") };
    let Some(file) = sent.file else {
        return chooser(&service, &visitor, Some(kind), Some(asked("Choose a file".into())), None).await;
    };
    let Some(bytes) = file.bytes else {
        let largest = words::bytes(LARGEST_LIST as u64);
        let text = format!("{} is larger than {largest}. Bring it in parts, centre by centre", file.name);
        return chooser(&service, &visitor, Some(kind), Some(asked(text)), None).await;
    };
    let (text, list) = match read_list(kind, &file.name, bytes) {
        Ok(read) => read,
        Err(problems) => {
            let wrong = Some(wrong(&file.name, problems));
            return chooser(&service, &visitor, Some(kind), None, wrong).await;
        }
    };
    let now = service.clock.now();
    let row = ImportRow {
        id: ImportId::new(),
        name: file.name,
        kind,
        lines: u32::try_from(list.len()).unwrap_or(u32::MAX),
        made_at: now,
        expires_at: now.checked_add(WAITS).unwrap_or(jiff::Timestamp::MAX),
        applied: None,
    };
    let person = &visitor.actor.person;
    if !imports::keep(&service.db, person, &row, &text, MOST_LISTS, &request.to_string()).await? {
        let text =
            format!("{MOST_LISTS} lists of yours wait to be applied. Apply or discard some of them first");
        return chooser(&service, &visitor, Some(kind), Some(Problem { text, field: None }), None).await;
    }
    Ok(Redirect::to(&address(row.id)).into_response())
}

fn wrong(name: &str, problems: Problems) -> Wrong {
    let line = |problem: crate::reference::Problem| WrongLine {
        place: match problem.line {
            0 => "The list".into(),
            line => format!("Line {line}"),
        },
        text: words::sentence(&problem.text),
    };
    Wrong { name: name.to_owned(), more: problems.more, lines: problems.list.into_iter().map(line).collect() }
}

/// A list of the person's, read again by today's rules.
async fn kept(
    service: &Service,
    visitor: &Visitor,
    import: ImportId,
) -> Result<(ImportRow, Option<Result<List, Problems>>), ApiError> {
    may(visitor)?;
    let found = imports::find(&service.db, &visitor.actor.person, import, service.clock.now()).await?;
    let (row, text) = found.ok_or(ApiError::NotFound)?;
    let waits = row.applied.is_none();
    let list = waits.then(|| read_list(row.kind, &row.name, text.into_bytes()).map(|(_, list)| list));
    Ok((row, list))
}

/// `GET /board/import/{import}`: what the list would do now, or what it did.
pub async fn look(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments(import): Segments<ImportId>,
    Query(asked): Query<Asked>,
) -> Result<Response, ApiError> {
    let (row, list) = kept(&service, &visitor, import).await?;
    match list {
        None => Ok(imported(&visitor, &row, &times(service.clock.now()))),
        Some(list) => differences(&service, &visitor, &row, list, &asked, false).await,
    }
}

/// `POST /board/import/{import}/apply`
pub async fn apply(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    request: RequestId,
    Segments(import): Segments<ImportId>,
    Form(confirmed): Form<Confirmed>,
) -> Result<Response, ApiError> {
    let (row, list) = kept(&service, &visitor, import).await?;
    let Some(list) = list else { return Ok(Redirect::to(&address(row.id)).into_response()) };
    let (now, request) = (service.clock.now(), request.to_string());
    let list = match list {
        Ok(list) => list,
        wrong => return differences(&service, &visitor, &row, wrong, &Asked::default(), true).await,
    };
    let done = imports::apply(&service.db, &visitor.actor, &row, &list, &confirmed.seen, now, &request).await;
    match done {
        Ok(Applied::Done | Applied::Before) => Ok(Redirect::to(&address(row.id)).into_response()),
        Ok(Applied::Otherwise) | Err(ImportError::Invalid(_)) => {
            differences(&service, &visitor, &row, Ok(list), &Asked::default(), true).await
        }
        Err(ImportError::Database(error)) => Err(error.into()),
    }
}

/// `POST /board/import/{import}/discard`
pub async fn discard(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    request: RequestId,
    Segments(import): Segments<ImportId>,
) -> Result<Response, ApiError> {
    may(&visitor)?;
    let (person, now) = (&visitor.actor.person, service.clock.now());
    imports::discard(&service.db, person, import, now, &request.to_string()).await?;
    Ok(Redirect::to("/board/import").into_response())
}

fn imported(visitor: &Visitor, row: &ImportRow, times: &Times) -> Response {
    let (kind, _) = about(row.kind);
    let (at, outcome) = row.applied.clone().unwrap_or((row.made_at, imports::Outcome::default()));
    let view = ImportedPage {
        frame: frame(visitor, "List applied"),
        eyebrow: format!("{kind} · {}", row.name),
        facts: format!("Applied {}. It is on the audit trail, with your name.", times.minute(at)),
        figures: vec![
            ("Added", outcome.added.into(), "added"),
            ("Changed", outcome.changed.into(), "changed"),
            ("Removed", outcome.removed.into(), "removed"),
        ],
        to_decide: outcome.to_decide.iter().map(|text| words::sentence(text)).collect(),
    };
    page(StatusCode::OK, &view)
}

fn frame(visitor: &Visitor, title: &str) -> Frame {
    visitor.frame(title, &[("Progress", "/board"), ("Import a list", "/board/import")])
}

async fn differences(
    service: &Service,
    visitor: &Visitor,
    row: &ImportRow,
    list: Result<List, Problems>,
    asked: &Asked,
    otherwise: bool,
) -> Result<Response, ApiError> {
    let looked = match list {
        Ok(list) => match imports::look(&service.db, &visitor.actor, &row.name, &list).await {
            Ok(looked) => Ok(looked),
            Err(ImportError::Invalid(problems)) => Err(problems),
            Err(ImportError::Database(error)) => return Err(error.into()),
        },
        Err(problems) => Err(problems),
    };
    let times = times(service.clock.now());
    let (kind, rule) = about(row.kind);
    let here = address(row.id);
    let mut view = DifferencesPage {
        frame: frame(visitor, "Check the differences"),
        heading: "Check the differences",
        eyebrow: format!("{kind} · {}", row.name),
        otherwise,
        kept: format!(
            "{} read. Nothing is applied yet; the list is kept until {}.",
            words::count(row.lines, "line"),
            times.minute(row.expires_at)
        ),
        rule,
        wrong: None,
        figures: Vec::new(),
        tabs: Vec::new(),
        rows: Vec::new(),
        shown: String::new(),
        before: None,
        more: None,
        to_decide: Vec::new(),
        to_decide_more: 0,
        left_alone: String::new(),
        seen: None,
        here,
    };
    match looked {
        Ok(looked) => view.fill(row, looked, asked),
        Err(problems) => view.wrong = Some(wrong(&row.name, problems)),
    }
    if otherwise {
        view.frame.goal = Some("otherwise".into());
    }
    Ok(page(if otherwise { StatusCode::CONFLICT } else { StatusCode::OK }, &view))
}

const TABS: [(&str, &str, Option<Change>); 4] = [
    ("", "All", None),
    ("added", "Added", Some(Change::Added)),
    ("changed", "Changed", Some(Change::Changed)),
    ("removed", "Removed", Some(Change::Removed)),
];

impl DifferencesPage {
    fn fill(&mut self, row: &ImportRow, looked: Looked, asked: &Asked) {
        let Looked { report, seen } = looked;
        let told = report.told.as_deref().unwrap_or_default();
        let number = |change: Option<Change>| told.iter().filter(|one| shows(change, one)).count();
        let unchanged = report.of(row_kind(row.kind)).unchanged;
        self.figures =
            TABS[1..].iter().map(|(code, text, change)| (*text, number(*change) as u64, *code)).collect();
        self.figures.push(("As it was", unchanged, "unchanged"));
        let (current, _, wanted) = *TABS.iter().find(|(code, ..)| *code == asked.show).unwrap_or(&TABS[0]);
        let here = &self.here;
        let turned = |from: usize| format!("{here}?show={current}&from={from}#differences");
        let chosen: Vec<&Difference> = told.iter().filter(|one| shows(wanted, one)).collect();
        let from = asked.from.min(chosen.len());
        let end = from.saturating_add(ROWS).min(chosen.len());
        self.rows = chosen[from..end].iter().map(|one| DifferenceView::of(one)).collect();
        self.before = (from > 0).then(|| turned(from.saturating_sub(ROWS)));
        self.more = (end < chosen.len()).then(|| turned(end));
        if self.before.is_some() || self.more.is_some() {
            self.shown = format!("{} to {end} of {}.", from + 1, chosen.len());
        }
        let tab = |&(code, text, change): &(&'static str, &'static str, Option<Change>)| Tab {
            href: format!("{here}?show={code}#differences"),
            text,
            code,
            number: number(change),
            current: code == current,
        };
        self.tabs = TABS.iter().map(tab).filter(|tab| tab.number > 0 || tab.code.is_empty()).collect();
        self.to_decide = report.flagged.iter().take(ROWS).map(|text| words::sentence(text)).collect();
        self.to_decide_more = report.flagged.len().saturating_sub(ROWS);
        if report.left_alone > 0 {
            let number = words::count(u32::try_from(report.left_alone).unwrap_or(u32::MAX), "candidate");
            self.left_alone =
                format!("{number} entered at these centres and not in the list, and left alone.");
        }
        self.seen = (!told.is_empty()).then_some(seen);
        if told.is_empty() {
            self.heading = "Nothing to apply";
        }
    }
}

fn shows(wanted: Option<Change>, one: &Difference) -> bool {
    wanted.is_none_or(|change| change == one.change)
}

/// What a report counts a list's lines as.
fn row_kind(kind: ListKind) -> &'static str {
    match kind {
        ListKind::Component => "components",
        kind => kind.as_str(),
    }
}

impl DifferenceView {
    fn of(one: &Difference) -> Self {
        let said = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
        let fields = one.fields.iter().map(|field| FieldView {
            name: field.name.clone(),
            from: (one.change != Change::Added).then(|| said(&field.from)),
            to: said(&field.to),
        });
        Self {
            line: if one.line == 0 { String::new() } else { one.line.to_string() },
            words: words::difference(one.change),
            what: one.what.clone(),
            place: one.place.clone(),
            fields: fields.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{FieldChange, Report};

    fn told(number: u64, change: Change) -> Difference {
        let fields = vec![FieldChange::new("mark", "", "4<5")];
        Difference {
            line: number,
            change,
            what: format!("Candidate {number}"),
            place: "98765".into(),
            fields,
        }
    }

    /// The page of a list with so many differences of each kind.
    fn filled(added: u64, changed: u64, removed: u64, show: &str, from: usize) -> DifferencesPage {
        let kinds = [(Change::Added, added), (Change::Changed, changed), (Change::Removed, removed)];
        let all = kinds.into_iter().flat_map(|(change, many)| (1..=many).map(move |at| told(at, change)));
        let report = Report { told: Some(all.collect()), left_alone: 1, ..Report::default() };
        let row = ImportRow {
            id: ImportId::new(),
            name: "marks.csv".into(),
            kind: ListKind::Candidates,
            lines: 3,
            made_at: jiff::Timestamp::UNIX_EPOCH,
            expires_at: jiff::Timestamp::UNIX_EPOCH,
            applied: None,
        };
        let mut page = DifferencesPage {
            frame: Frame::titled("Check the differences", &[]),
            heading: "Check the differences",
            eyebrow: String::new(),
            otherwise: false,
            kept: String::new(),
            rule: "",
            wrong: None,
            figures: Vec::new(),
            tabs: Vec::new(),
            rows: Vec::new(),
            shown: String::new(),
            before: None,
            more: None,
            to_decide: Vec::new(),
            to_decide_more: 0,
            left_alone: String::new(),
            seen: None,
            here: "/here".into(),
        };
        page.fill(&row, Looked { report, seen: "digest".into() }, &Asked { show: show.into(), from });
        page
    }

    #[test]
    fn many_differences_are_turned_page_by_page() {
        let page = filled(250, 30, 0, "", 0);
        assert_eq!((page.rows.len(), page.shown.as_str()), (ROWS, "1 to 100 of 280."));
        assert_eq!(page.more.as_deref(), Some("/here?show=&from=100#differences"));
        assert_eq!(page.tabs.iter().map(|tab| tab.code).collect::<Vec<_>>(), ["", "added", "changed"]);
        let last = filled(250, 30, 0, "added", 200);
        assert_eq!(
            (last.rows.len(), last.shown.as_str(), last.more.is_none()),
            (50, "201 to 250 of 250.", true)
        );
        assert_eq!(last.before.as_deref(), Some("/here?show=added&from=100#differences"));
        let beyond = filled(250, 30, 0, "changed", usize::MAX);
        assert!(beyond.rows.is_empty() && beyond.before.is_some());
        assert_eq!(filled(1, 0, 0, "no word of ours", 0).rows.len(), 1);
    }

    #[test]
    fn a_page_of_differences_says_what_was_and_what_is_and_runs_nothing() {
        let html = filled(1, 1, 1, "", 0).render().unwrap();
        assert!(
            html.contains("<span class=\"was\">none</span>") && html.contains("<strong>4&#60;5</strong>")
        );
        assert!(html.contains("1 candidate entered at these centres and not in the list"));
        assert!(html.contains("name=\"seen\" value=\"digest\""));
        let nothing = filled(0, 0, 0, "", 0);
        let html = nothing.render().unwrap();
        assert!(nothing.seen.is_none() && !html.contains("id=\"apply\""), "{html}");
        assert!(html.contains("Everything in the list is here already"));
    }
}
