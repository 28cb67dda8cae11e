//! Refusals on evidence, on the audit trail.
//!
//! [`note`] stands around every route. When the answer is 403 or 404 and what was asked for exists but is not this
//! person's (by `http::routes::ROUTES` and [`decide`], or a file out of their sight), a row `access.denied` tells of
//! it. An answer about something of their own, or of nobody's, leaves no row. The caller sees no difference.

use std::sync::Arc;

use axum::RequestExt;
use axum::body::Body;
use axum::extract::{MatchedPath, Path, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::Method;
use serde_json::json;

use super::error::{ApiError, Failure};
use super::identity::Caller;
use super::layers::RequestId;
use super::routes::{Access, ROUTES};
use crate::actor::{Action, Actor, decide};
use crate::database::audit::{self, By, Entry, Outcome};
use crate::database::refusals::{self, Subject};
use crate::ids::{FileId, SampleId};
use crate::service::Service;

/// What a request is about.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct About {
    pub sample: Option<SampleId>,
    pub file: Option<FileId>,
}

/// A request that may turn out to be refused.
#[derive(Debug)]
pub(super) struct Asked {
    pub caller: Caller,
    pub request: RequestId,
    pub access: Access,
    pub method: Method,
    /// As the table of routes writes it.
    pub route: String,
    pub about: About,
}

/// The layer.
pub(super) async fn note(
    State(service): State<Arc<Service>>,
    mut request: Request<Body>,
    next: Next,
) -> Result<Response, ApiError> {
    let asked = asked(&mut request).await;
    let response = next.run(request).await;
    if let (Some(asked), Some(code)) = (asked, refusal(&response)) {
        record(&service, &asked, code).await?;
    }
    Ok(response)
}

fn refusal(response: &Response) -> Option<&'static str> {
    let code = response.extensions().get::<Failure>()?.problem.code;
    [ApiError::Forbidden, ApiError::NotFound].iter().any(|error| error.row().1 == code).then_some(code)
}

async fn asked(request: &mut Request<Body>) -> Option<Asked> {
    let path = request.extensions().get::<MatchedPath>()?.as_str().to_owned();
    let method = request.method().clone();
    let access = access(&method, &path)?;
    let caller = request.extensions().get::<Caller>()?.clone();
    let id = *request.extensions().get::<RequestId>()?;
    // What cannot be read here is an id of nothing.
    let Path(variables) = request.extract_parts::<Path<Vec<(String, String)>>>().await.ok()?;
    let value = |name: &str| variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let about = About {
        sample: value("sample").and_then(|id| id.parse().ok()),
        file: value("file").and_then(|id| id.parse().ok()),
    };
    Some(Asked { caller, request: id, access, method, route: path, about })
}

/// Who the route is for, where that depends on what it names. HEAD is GET, and a method that a header overrides any.
fn access(method: &Method, path: &str) -> Option<Access> {
    let rows = || {
        let named = |access| matches!(access, Access::See | Access::May(_));
        ROUTES.iter().filter(move |route| route.path == path && named(route.access))
    };
    let row = rows().find(|route| route.method == method.as_str()).or_else(|| rows().next())?;
    Some(row.access)
}

/// Writes the row, if it was a refusal: `code` is the answer's.
pub(super) async fn record(service: &Service, asked: &Asked, code: &'static str) -> Result<(), ApiError> {
    let Some(subject) = find(service, asked).await? else { return Ok(()) };
    if !subject.hidden && allowed(&asked.caller.actor, asked.access, &subject) {
        return Ok(());
    }
    let request = asked.request.to_string();
    let entry = Entry {
        outcome: Outcome::Denied,
        sample: Some(subject.sample.id),
        candidate: &subject.candidate,
        section: &subject.section,
        file: asked.about.file,
        detail: json!({ "method": asked.method.as_str(), "route": asked.route, "code": code }),
        request: &request,
        ..Entry::new(By::Person(asked.caller.person()), "access.denied")
    };
    let mut tx = service.db.begin().await?;
    audit::record(&mut tx, service.clock.now(), entry).await?;
    Ok(tx.commit().await?)
}

/// The file that was asked for; without, the sample.
async fn find(service: &Service, asked: &Asked) -> Result<Option<Subject>, ApiError> {
    let About { sample, file } = asked.about;
    Ok(match (file, sample) {
        (Some(file), _) => refusals::file(&service.db, asked.caller.person(), file).await?,
        (None, Some(sample)) => refusals::sample(&service.db, sample).await?,
        (None, None) => None,
    })
}

fn allowed(actor: &Actor, access: Access, subject: &Subject) -> bool {
    let may = |action| decide(actor, action, &subject.sample, &subject.component).is_ok();
    match access {
        Access::May(action) => may(action),
        Access::See => may(Action::ViewWork) || may(Action::ReadSubmission),
        Access::Public | Access::SignedIn => true,
    }
}
