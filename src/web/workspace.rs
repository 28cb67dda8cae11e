//! The component workspace: candidates down, sections across, each cell a word and a link; the open candidate's
//! sections stand below their row.
//!
//! The address says all of what is shown, and the server renders any state of it. Asked for some candidates alone
//! (`rows`), it answers with the same page without the others: that is how the script opens a candidate and follows
//! the news, and why there is one template.

mod build;
mod facts;
pub mod filing;
mod mentions;
pub mod missing;
mod place;

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::page::{Frame, Link, page};
use super::visitor::{Times, Visitor};
use super::words::Words;
use crate::actor::{Action, Denied, PersonId, decide};
use crate::candidate::CandidateNumber;
use crate::database::workspace::{self, FileRow};
use crate::database::{moves, submissions};
use crate::http::body::{Query as UrlQuery, Segments};
use crate::http::error::ApiError;
use crate::ids::{FileId, SampleId};
use crate::service::Service;

pub use build::line_of;
pub use facts::{Work, forms, tally, works};
pub use mentions::surname;
pub use place::{Ground, file_view, needs, place_name, rules, takes};

/// The workspace of one sample.
#[derive(Debug, Template)]
#[template(path = "screens/workspace.html", config = "src/web/askama.toml")]
pub struct Workspace {
    pub frame: Frame,
    pub sample: SampleHead,
    /// `Forms and documents: 1 of 2`, where the component has any.
    pub documents: Option<Link>,
    pub query: Query,
    pub filters: Vec<Filter>,
    pub sorts: &'static [(&'static str, &'static str)],
    pub columns: Vec<Column>,
    /// The start of every address of this list: `?filter=problem&`.
    pub base: String,
    pub rows: Vec<Row>,
    /// Candidates that the filter leaves, and those of them that the search finds.
    pub listed: usize,
    pub found: usize,
    /// The page holds all of them, so the browser can search.
    pub whole: bool,
    /// Only some rows, for a page that has the others.
    pub part: bool,
    /// The pages before and after this one.
    pub before: Option<String>,
    pub more: Option<String>,
    pub panel: Option<Panel>,
    /// `2 candidates were added since you began.`
    pub changed: Option<String>,
    /// Files that later scans withdrew: which, when and why.
    pub withdrawn: Vec<String>,
}

/// The sample's forms and documents.
#[derive(Debug, Template)]
#[template(path = "screens/documents.html", config = "src/web/askama.toml")]
pub struct Documents {
    pub frame: Frame,
    pub sample: SampleHead,
    pub places: Vec<PlaceView>,
}

/// The sample in the page's head.
#[derive(Debug)]
pub struct SampleHead {
    pub href: String,
    pub title: String,
    pub component: String,
    pub centre: String,
    pub words: Words,
    pub due: String,
    /// `in 3 days`; empty when it is past.
    pub due_in: String,
    pub cut_off: String,
    /// Candidates complete, with or without Missing.
    pub complete: u32,
    /// Candidates whose work is asked for.
    pub candidates: u32,
    pub can_check: bool,
    pub check_word: &'static str,
    pub receipt: Option<String>,
    /// Empty while the sample is open.
    pub locked_because: String,
}

/// How the list is asked for; the address of the page holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    pub search: String,
    pub filter: String,
    pub sort: String,
}

/// What the list can be narrowed to, and how many that leaves.
#[derive(Debug)]
pub struct Filter {
    pub code: &'static str,
    pub label: &'static str,
    pub number: usize,
    pub href: String,
    pub current: bool,
}

/// How the list can be ordered.
pub const SORTS: &[(&str, &str)] = &[("", "Mark, highest first"), ("number", "Number"), ("name", "Name")];

/// A section, as the head of its column.
#[derive(Debug)]
pub struct Column {
    pub code: String,
    pub title: String,
    pub required: bool,
}

/// A candidate in the list.
#[derive(Debug)]
pub struct Row {
    pub number: String,
    pub name: String,
    pub mark: Option<i64>,
    pub words: Words,
    /// `1 of 2`: required sections provided.
    pub counter: String,
    /// `Added` since the work began, or `Left`.
    pub flag: &'static str,
    /// In the order of the columns.
    pub cells: Vec<Cell>,
    pub open: bool,
    /// The search does not find it.
    pub hidden: bool,
}

/// A section of a candidate.
#[derive(Debug)]
pub struct Cell {
    pub tone: &'static str,
    pub label: String,
    /// Nothing is there, and nothing is asked for.
    pub bare: bool,
}

/// The open candidate.
#[derive(Debug)]
pub struct Panel {
    pub number: String,
    pub name: String,
    pub mark: Option<i64>,
    pub words: Words,
    pub counter: String,
    pub places: Vec<PlaceView>,
    pub supporting: Option<PlaceView>,
    pub previous: Option<Link>,
    pub next: Option<Link>,
    /// Why nothing can be changed; empty when it can.
    pub closed: &'static str,
    /// Where the candidate is marked as absent, and where that is taken back.
    pub absent: Option<String>,
    pub not_absent: Option<String>,
}

/// A section, supporting material or a sample document, with its files.
#[derive(Debug)]
pub struct PlaceView {
    /// The element's id.
    pub dom: String,
    /// Empty for a sample document.
    pub candidate: String,
    pub code: String,
    pub title: String,
    pub rules: String,
    /// Where all types are told, each with its size, when `rules` does not.
    pub all_types: Option<String>,
    /// What to remember, such as zipping the folder.
    pub advice: String,
    /// Accepted types as the browser's file dialog wants them: `.pdf,.docx`.
    pub accept: String,
    pub max_bytes: u64,
    pub multiple: bool,
    pub can_upload: bool,
    /// Why nothing more fits, when that is all that stands in the way.
    pub full_because: String,
    /// The file that a chosen one would take the place of.
    pub replaces: Option<String>,
    /// Where files are sent without script.
    pub send: String,
    pub words: Words,
    pub files: Vec<FileView>,
    pub flag: Option<FlagView>,
    /// What may be said in place of files.
    pub asides: Vec<Aside>,
    /// Why it cannot be marked as Missing now; empty where that is plain.
    pub not_missing: String,
    pub undo: Option<Undo>,
    /// What came here a moment ago from another place.
    pub moved: Option<MovedHere>,
    /// Why a file was not deleted a moment ago.
    pub kept: Option<String>,
    /// What was deleted before.
    pub deleted: Vec<Undo>,
}

/// What was said in place of files.
#[derive(Debug)]
pub struct FlagView {
    pub what: String,
    pub note: String,
    /// Where it is taken back, and the word for that.
    pub clear: Option<(String, &'static str)>,
}

/// A page on which something is said of a section.
#[derive(Debug)]
pub struct Aside {
    /// The end of the link's id.
    pub what: &'static str,
    pub href: String,
    pub text: &'static str,
}

/// A file in a list.
#[derive(Debug)]
pub struct FileView {
    pub id: String,
    pub state: &'static str,
    pub name: String,
    pub unique_name: Option<String>,
    pub words: Words,
    pub show_sentence: bool,
    /// Size, time and flags in one line.
    pub facts: String,
    /// Bytes with us and bytes in all, while it is on its way.
    pub progress: Option<(u64, u64)>,
    pub details: String,
    pub download: Option<String>,
    /// Where it is given another place.
    pub move_to: Option<String>,
    pub delete: Option<String>,
    pub delete_word: &'static str,
}

/// A delete that can be taken back.
#[derive(Debug)]
pub struct Undo {
    pub name: String,
    pub href: String,
}

/// A move that can be taken back.
#[derive(Clone, Debug)]
pub struct MovedHere {
    pub name: String,
    /// `1005 O'NEILL, Sean · Candidate evidence`, or of the same candidate the section alone.
    pub from: String,
    pub href: String,
    /// Where it goes back to.
    pub candidate: String,
    pub section: String,
}

/// The address of a workspace, as a person or a link asks for it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    search: String,
    filter: String,
    sort: String,
    open: Option<CandidateNumber>,
    /// Nobody is open.
    closed: bool,
    /// How many candidates the list leaves out before it begins.
    from: usize,
    /// The file that was deleted a moment ago.
    deleted: Option<FileId>,
    /// The file that was moved a moment ago.
    moved: Option<FileId>,
    /// The file that was to be deleted a moment ago.
    kept: Option<FileId>,
    /// The element that a redirect was meant for.
    at: Option<String>,
    /// Numbers of the candidates whose rows are wanted, for a page that has the others.
    rows: Option<String>,
}

/// The address of a place: a candidate's section, or (without a number) a document. A redirect's fragment is not told
/// to a script, so it is said twice. `more`: the start of the query, such as `deleted=…&`.
pub fn place_href(sample: SampleId, number: &str, section: &str, more: &str) -> String {
    let (page, open) = match number {
        "" => ("/documents", String::new()),
        number => ("", format!("open={number}&")),
    };
    format!("/samples/{sample}{page}?{more}{open}at=section-{section}#section-{section}")
}

/// The sample's page as this person may see it: how it stands, and what of it is theirs to do.
async fn bench(
    service: &Service,
    visitor: &Visitor,
    id: SampleId,
    asked: Asked,
) -> Result<Result<build::Bench, Redirect>, ApiError> {
    let person = &visitor.actor.person;
    let line = line_of(service, person, id).await?;
    match decide(&visitor.actor, Action::ViewWork, &line.sample, &line.component) {
        Ok(()) => {}
        // A moderator who follows a link of a centre's.
        Err(Denied::Forbidden) => return Ok(Err(Redirect::to(&format!("/moderation/{id}")))),
        Err(Denied::Unknown) => return Err(ApiError::NotFound),
    }
    let standing = submissions::look(&service.db, person, id).await?.ok_or(ApiError::NotFound)?;
    let times = Times::new(&line.time_zone, service.clock.now());
    let returned = submissions::last_return(&service.db, id).await?;
    let refused = workspace::refused(&service.db, person, id).await?;
    let deleted = match asked.deleted {
        Some(file) => workspace::file(&service.db, person, file).await?,
        None => None,
    };
    let kept = match asked.kept {
        Some(file) => workspace::file(&service.db, person, file).await?,
        None => None,
    };
    let moved = match asked.moved {
        Some(file) => moved(service, person, file).await?,
        None => None,
    };
    let given = build::Given { line, standing, returned, times, refused, deleted, moved, kept };
    Ok(Ok(build::Bench::new(&visitor.actor, given, asked)))
}

/// A file that was moved, and where it was: candidate id and section.
async fn moved(
    service: &Service,
    person: &PersonId,
    file: FileId,
) -> Result<Option<(FileRow, (String, String))>, ApiError> {
    let Some(row) = workspace::file(&service.db, person, file).await? else { return Ok(None) };
    Ok(moves::came_from(&service.db, file).await?.map(|from| (row, from)))
}

/// The files of a candidate (or the sample's documents), and those that can be brought back.
async fn with_deleted(
    service: &Service,
    person: &PersonId,
    sample: SampleId,
    candidate: &str,
) -> Result<Vec<FileRow>, ApiError> {
    let mut files = workspace::files_of(&service.db, person, sample, candidate).await?;
    files.extend(workspace::deleted_of(&service.db, person, sample, candidate).await?);
    Ok(files)
}

/// `GET /samples/{sample}`
pub async fn show(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments(id): Segments<SampleId>,
    UrlQuery(asked): UrlQuery<Asked>,
) -> Result<Response, ApiError> {
    let goal = asked.at.clone();
    let bench = match bench(&service, &visitor, id, asked).await? {
        Ok(bench) => bench,
        Err(elsewhere) => return Ok(elsewhere.into_response()),
    };
    let person = &visitor.actor.person;
    let withdrawn = workspace::withdrawn(&service.db, person, id).await?;
    let files = match bench.open() {
        Some(candidate) => with_deleted(&service, person, id, &candidate.id).await?,
        None => Vec::new(),
    };
    let mut frame = visitor.frame_of(bench.line.component.title.clone(), &bench.line, false);
    frame.sample = Some(id.to_string());
    frame.goal = goal;
    frame.uploads = !bench.is_part();
    Ok(page(StatusCode::OK, &bench.page(frame, &files, &withdrawn)))
}

/// `GET /samples/{sample}/documents`
pub async fn documents(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments(id): Segments<SampleId>,
    UrlQuery(asked): UrlQuery<Asked>,
) -> Result<Response, ApiError> {
    let goal = asked.at.clone();
    let bench = match bench(&service, &visitor, id, asked).await? {
        Ok(bench) => bench,
        Err(elsewhere) => return Ok(elsewhere.into_response()),
    };
    let files = with_deleted(&service, &visitor.actor.person, id, "").await?;
    let mut frame = visitor.frame_of("Forms and documents", &bench.line, true);
    frame.sample = Some(id.to_string());
    frame.goal = goal;
    Ok(page(StatusCode::OK, &bench.documents(frame, &files)))
}
