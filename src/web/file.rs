//! One file: its state, names, times and fingerprint; delete and undo.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::page::{Frame, page};
use super::receipt::title_of;
use super::viewer::{Look, Looker, Step, look};
use super::visitor::{Times, Visitor};
use super::words;
use super::workspace::{FileView, Ground, file_view, line_of, place_href, place_name};
use crate::actor::{Action, decide};
use crate::database::shares::ShareState;
use crate::database::workspace::{self, FileRow, SampleLine};
use crate::evidence::FileState;
use crate::http::api::files;
use crate::http::body::{Query, Segments};
use crate::http::error::ApiError;
use crate::http::identity::{Caller, is_background};
use crate::http::layers::RequestId;
use crate::ids::{FileId, SampleId};
use crate::sample::SampleState;
use crate::service::Service;

#[derive(Debug, Template)]
#[template(path = "screens/file.html", config = "src/web/askama.toml")]
pub struct FilePage {
    pub frame: Frame,
    /// Candidate and section.
    pub place: String,
    pub file: FileView,
    pub details: Vec<(&'static str, String)>,
    pub back: String,
    /// The file itself, once it is accepted, for who may read it.
    pub look: Option<Look>,
    /// This page.
    pub again: String,
}

/// What of a file is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Which entry of a zip.
    member: Option<u64>,
}

/// `GET /samples/{sample}/files/{file}`
pub async fn show(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    caller: Caller,
    request: RequestId,
    headers: HeaderMap,
    Segments((id, file)): Segments<(SampleId, FileId)>,
    Query(asked): Query<Asked>,
) -> Result<Response, ApiError> {
    let line = line_of(&service, &visitor.actor.person, id).await?;
    decide(&visitor.actor, Action::ViewWork, &line.sample, &line.component)?;
    let row = workspace::file(&service.db, &visitor.actor.person, file).await?;
    let row = row.filter(|row| row.sample == id).ok_or(ApiError::NotFound)?;
    let times = Times::new(&line.time_zone, service.clock.now());
    let may = decide(&visitor.actor, Action::ChangeWork, &line.sample, &line.component).is_ok();
    let locked = !may || line.sample.state == SampleState::Submitted;
    let ground = Ground {
        sample: format!("/samples/{id}"),
        candidate: row.number.clone(),
        closed: locked.then_some("Nothing can be changed."),
        other_means: false,
        deleted: None,
        moved: None,
        kept: None,
        times: &times,
    };
    let mut frame = visitor.frame_of(row.original_name.clone(), &line, true);
    frame.sample = Some(id.to_string());
    if asked.member.is_some() {
        frame.goal = Some("shown-title".into());
    }
    let again = format!("/samples/{id}/files/{file}");
    let looker = Looker {
        page: &again,
        member: asked.member,
        service: &service,
        caller: &caller,
        request,
        headers: &headers,
    };
    let view = FilePage {
        look: looked(&looker, &row, &line).await?,
        frame,
        place: place_name(&row, &title_of(&line, &row.section)),
        details: details(&row, &times),
        back: back(&row),
        file: file_view(&ground, &row),
        again,
    };
    Ok(page(StatusCode::OK, &view))
}

/// The file itself. A page that looks for news by itself looks at no file: what it fetched before stays.
async fn looked(looker: &Looker<'_>, row: &FileRow, line: &SampleLine) -> Result<Option<Look>, ApiError> {
    let accepted = row.state == FileState::Accepted && row.withheld_at.is_none();
    let may = decide(&looker.caller.actor, Action::Download, &line.sample, &line.component).is_ok();
    if !accepted || !may || is_background(looker.headers) {
        return Ok(None);
    }
    look(looker, row.id).await.map(Some)
}

/// The place of a file on its sample's page.
pub fn back(file: &FileRow) -> String {
    place_href(file.sample, &file.number, &file.section, "")
}

fn details(file: &FileRow, times: &Times) -> Vec<(&'static str, String)> {
    let moment = |at: Option<jiff::Timestamp>| at.map(|at| times.second(at));
    let all = [
        ("The candidate’s name for it", Some(file.original_name.clone())),
        ("Folder", Some(file.path.clone()).filter(|path| !path.is_empty())),
        ("Stored as", file.unique_name.clone()),
        ("Size", file.size.map(words::exact)),
        ("Type by content", file.media_type.clone()),
        ("Upload began", moment(Some(file.created_at))),
        ("Every byte received", moment(file.received_at)),
        ("Waits to be checked since", moment(file.waits.and_then(|(_, since)| since))),
        ("Accepted", moment(file.accepted_at)),
        ("Virus check", file.unscanned.then(|| "None: it is too large for it".to_owned())),
        ("Withdrawn", moment(file.quarantined_at)),
        ("Cannot be opened since", moment(file.withheld_at)),
        ("Shared with", shared(file, ShareState::Made)),
        ("To be shared with", shared(file, ShareState::Waiting)),
        ("Shared, sent for", file.shared_by.clone()),
        ("Late", file.late.then(|| "Yes: it came after the due date".to_owned())),
        ("Fingerprint (SHA-256)", file.sha256.clone()),
    ];
    all.into_iter().filter_map(|(term, value)| value.map(|value| (term, value))).collect()
}

fn shared(file: &FileRow, state: ShareState) -> Option<String> {
    let some = file.shared_with.iter().filter(|share| share.state == state);
    let numbers: Vec<String> = some.map(|share| share.number.to_string()).collect();
    (!numbers.is_empty()).then(|| words::listed(&numbers))
}

/// `POST /samples/{sample}/files/{file}/delete`: a file on its way is cancelled, an accepted file can be brought back.
pub async fn delete(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Segments((id, file)): Segments<(SampleId, FileId)>,
) -> Result<Response, ApiError> {
    let row = workspace::file(&service.db, caller.person(), file).await?;
    let row = row.filter(|row| row.sample == id).ok_or(ApiError::NotFound)?;
    let done = match files::remove(&service, &caller, &request, file).await {
        Ok(()) => "deleted",
        // Somebody replaced it, or a scan found something in it, while this person looked at it.
        Err(ApiError::WrongState { .. }) => "kept",
        Err(error) => return Err(error),
    };
    let to = place_href(id, &row.number, &row.section, &format!("{done}={file}&"));
    Ok(Redirect::to(&to).into_response())
}

/// `POST /samples/{sample}/files/{file}/restore`
pub async fn restore(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Segments((id, file)): Segments<(SampleId, FileId)>,
) -> Result<Response, ApiError> {
    let row = workspace::file(&service.db, caller.person(), file).await?;
    let row = row.filter(|row| row.sample == id).ok_or(ApiError::NotFound)?;
    files::bring_back(&service, &caller, &request, file).await?;
    Ok(Redirect::to(&back(&row)).into_response())
}
