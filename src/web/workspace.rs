//! The component workspace: a sample's candidates on one side, the open candidate's sections on the other.

mod build;
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
use crate::actor::{Action, Denied, decide};
use crate::candidate::CandidateNumber;
use crate::database::{submissions, workspace};
use crate::http::body::{Query as UrlQuery, Segments};
use crate::http::error::ApiError;
use crate::ids::{FileId, SampleId};
use crate::service::Service;

pub use build::{line_of, tally};
pub use place::{Ground, file_view, place_name, rules, takes};

/// The workspace of one sample.
#[derive(Debug, Template)]
#[template(path = "screens/workspace.html", config = "src/web/askama.toml")]
pub struct Workspace {
    pub frame: Frame,
    pub sample: SampleHead,
    pub documents: Vec<PlaceView>,
    pub query: Query,
    pub filters: &'static [(&'static str, &'static str)],
    pub sorts: &'static [(&'static str, &'static str)],
    pub rows: Vec<Row>,
    /// The address of the list's next page.
    pub more: Option<String>,
    pub panel: Option<Panel>,
    pub undo: Option<Undo>,
    pub problem: Option<String>,
    /// Files that later scans withdrew: which, when and why.
    pub withdrawn: Vec<String>,
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

impl Query {
    /// Nothing narrows the list.
    pub fn is_plain(&self) -> bool {
        self.search.is_empty() && self.filter.is_empty()
    }
}

/// What the list can be narrowed to.
pub const FILTERS: &[(&str, &str)] = &[
    ("", "Everyone"),
    ("sample", "In the sample"),
    ("incomplete", "Not complete"),
    ("with_files", "With files"),
    ("missing", "With Missing"),
    ("problem", "With a problem"),
];

/// How the list can be ordered.
pub const SORTS: &[(&str, &str)] = &[("mark", "Mark, highest first"), ("number", "Number"), ("name", "Name")];

/// A candidate in the list.
#[derive(Debug)]
pub struct Row {
    pub number: String,
    pub name: String,
    pub mark: Option<i64>,
    pub words: Words,
    pub counter: String,
    pub href: String,
    pub open: bool,
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
    /// What to remember, such as zipping the folder.
    pub advice: String,
    /// Accepted types as the browser's file dialog wants them: `.pdf,.docx`.
    pub accept: String,
    pub max_bytes: u64,
    pub multiple: bool,
    pub can_upload: bool,
    pub closed_because: String,
    pub words: Words,
    pub files: Vec<FileView>,
    pub missing: Option<MissingView>,
    /// Where to mark it as Missing, when that is possible.
    pub offer_missing: Option<String>,
}

#[derive(Debug)]
pub struct MissingView {
    pub reason: String,
    pub note: String,
    /// Where the flag is taken back.
    pub clear: String,
    pub can_clear: bool,
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
    pub delete: Option<String>,
    pub delete_word: &'static str,
}

/// A delete that can be taken back.
#[derive(Debug)]
pub struct Undo {
    pub name: String,
    pub href: String,
}

/// The address of a workspace, as a person or a link asks for it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    search: String,
    filter: String,
    sort: String,
    open: Option<CandidateNumber>,
    /// How many candidates the list leaves out before it begins.
    from: usize,
    /// The file that was deleted a moment ago.
    deleted: Option<FileId>,
    /// The element that a redirect was meant for.
    at: Option<String>,
}

/// `GET /samples/{sample}`
pub async fn show(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments(id): Segments<SampleId>,
    UrlQuery(asked): UrlQuery<Asked>,
) -> Result<Response, ApiError> {
    let person = &visitor.actor.person;
    let line = line_of(&service, person, id).await?;
    match decide(&visitor.actor, Action::ViewWork, &line.sample, &line.component) {
        Ok(()) => {}
        // A moderator who follows a link of a centre's.
        Err(Denied::Forbidden) => return Ok(Redirect::to(&format!("/moderation/{id}")).into_response()),
        Err(Denied::Unknown) => return Err(ApiError::NotFound),
    }
    let standing = submissions::look(&service.db, person, id).await?.ok_or(ApiError::NotFound)?;
    let times = Times::new(&line.time_zone, service.clock.now());
    let returned = submissions::last_return(&service.db, id).await?;
    let refused = workspace::refused(&service.db, person, id).await?;
    let withdrawn = workspace::withdrawn(&service.db, person, id).await?;
    let documents = workspace::files_of(&service.db, person, id, "").await?;
    let undo = match asked.deleted {
        Some(file) => workspace::file(&service.db, person, file).await?,
        None => None,
    };
    let goal = asked.at.clone();
    let bench = build::Bench::new(&visitor.actor, line, standing, returned, times, &refused, asked);
    let files = match bench.open() {
        Some(candidate) => workspace::files_of(&service.db, person, id, &candidate.id).await?,
        None => Vec::new(),
    };
    let mut frame = visitor.frame_of(bench.line.component.title.clone(), &bench.line, false);
    frame.sample = Some(id.to_string());
    frame.goal = goal;
    Ok(page(StatusCode::OK, &bench.page(frame, &documents, &files, undo, &withdrawn)))
}
