//! One file: its state, names, times and fingerprint; delete and undo.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::page::{Frame, page};
use super::receipt::title_of;
use super::visitor::{Times, Visitor};
use super::words;
use super::workspace::{FileView, Ground, file_view, line_of, place_name};
use crate::actor::{Action, decide};
use crate::database::workspace::{self, FileRow};
use crate::http::api::files;
use crate::http::body::Segments;
use crate::http::error::ApiError;
use crate::http::identity::Caller;
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
}

/// `GET /samples/{sample}/files/{file}`
pub async fn show(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments((id, file)): Segments<(SampleId, FileId)>,
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
        times: &times,
    };
    let mut frame = visitor.frame_of(row.original_name.clone(), &line, true);
    frame.sample = Some(id.to_string());
    let view = FilePage {
        frame,
        place: place_name(&row, &title_of(&line, &row.section)),
        details: details(&row, &times),
        back: back(&row),
        file: file_view(&ground, &row),
    };
    Ok(page(StatusCode::OK, &view))
}

/// The place of a file on its sample's page. A redirect's fragment is not told to a script, so it is said twice.
pub fn back(file: &FileRow) -> String {
    let open = if file.number.is_empty() { String::new() } else { format!("open={}&", file.number) };
    format!("/samples/{}?{open}at=section-{1}#section-{1}", file.sample, file.section)
}

fn details(file: &FileRow, times: &Times) -> Vec<(&'static str, String)> {
    let moment = |at: Option<jiff::Timestamp>| at.map(|at| times.second(at));
    let all = [
        ("The candidate’s name for it", Some(file.original_name.clone())),
        ("Folder", Some(file.path.clone()).filter(|path| !path.is_empty())),
        ("Stored as", file.unique_name.clone()),
        (
            "Size",
            file.size.map(|size| {
                if size < 1024 {
                    words::bytes(size)
                } else {
                    format!("{} ({size} bytes)", words::bytes(size))
                }
            }),
        ),
        ("Type by content", file.media_type.clone()),
        ("Upload began", moment(Some(file.created_at))),
        ("Every byte received", moment(file.received_at)),
        ("Waits to be checked since", moment(file.waits.and_then(|(_, since)| since))),
        ("Accepted", moment(file.accepted_at)),
        ("Virus check", file.unscanned.then(|| "None: it is too large for it".to_owned())),
        ("Withdrawn", moment(file.quarantined_at)),
        ("Cannot be opened since", moment(file.withheld_at)),
        ("Late", file.late.then(|| "Yes: it came after the due date".to_owned())),
        ("Fingerprint (SHA-256)", file.sha256.clone()),
    ];
    all.into_iter().filter_map(|(term, value)| value.map(|value| (term, value))).collect()
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
    files::remove(&service, &caller, &request, file).await?;
    let open = if row.number.is_empty() { String::new() } else { format!("&open={}", row.number) };
    let to = format!("/samples/{id}?deleted={file}{open}&at=section-{0}#section-{0}", row.section);
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
