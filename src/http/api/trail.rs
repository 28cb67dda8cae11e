//! Reading the audit trail: for board staff and auditors. That it was read is on it as well.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::views::Page;
use super::{may, optional, page_size};
use crate::actor::{Action, Role};
use crate::database::audit::{self, By, Entry};
use crate::database::files_read;
use crate::database::trail::{self, TrailFilter, TrailRow};
use crate::http::body::Query;
use crate::http::error::ApiError;
use crate::http::identity::Caller;
use crate::http::layers::RequestId;
use crate::ids::SampleId;
use crate::service::Service;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    sample: Option<String>,
    file: Option<String>,
    /// A person's id; `strongroom` is the service itself.
    user: Option<String>,
    cursor: Option<String>,
    limit: Option<u32>,
}

/// A row of the trail, as it is stored.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TrailView {
    pub id: String,
    /// The sample's id, or `system`.
    pub chain: String,
    #[schema(value_type = String)]
    pub at: Timestamp,
    pub actor: String,
    /// `file.accepted`, `section.missing_set`, `sample.submitted`, ...
    pub action: String,
    /// `done` or `denied`.
    pub outcome: String,
    /// The candidate's id, or empty.
    pub candidate_id: String,
    pub section: String,
    pub file_id: String,
    /// Further facts.
    #[schema(value_type = Object)]
    pub detail: Value,
    pub request_id: String,
    /// Its place in the chain; `null` until it is sealed.
    pub seq: Option<i64>,
    pub prev_hash: Option<String>,
    pub hash: Option<String>,
}

impl From<TrailRow> for TrailView {
    fn from(row: TrailRow) -> Self {
        Self {
            id: row.id,
            chain: row.chain,
            at: row.at,
            actor: row.actor,
            action: row.action,
            outcome: row.outcome,
            candidate_id: row.candidate,
            section: row.section,
            file_id: row.file,
            detail: row.detail,
            request_id: row.request,
            seq: row.seq,
            prev_hash: row.prev_hash,
            hash: row.hash,
        }
    }
}

/// Oldest first. A sample or file outside the person's reach is unknown; of everything else they see their part.
#[utoipa::path(get, path = "/api/v1/audit", params(Asked), responses((status = 200, body = Page<TrailView>)))]
pub async fn list(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Query(asked): Query<Asked>,
) -> Result<Json<Page<TrailView>>, ApiError> {
    if !caller.actor.has(Role::Board) && !caller.actor.has(Role::Auditor) {
        return Err(ApiError::Forbidden);
    }
    let limit = page_size(asked.limit)?;
    let filter = TrailFilter {
        sample: optional("sample", asked.sample.as_deref())?,
        file: optional("file", asked.file.as_deref())?,
        actor: optional("user", asked.user.as_deref())?,
        after: optional("cursor", asked.cursor.as_deref())?,
    };
    let mut about = filter.sample;
    if let Some(sample) = filter.sample {
        may(&service, &caller, Action::ReadAudit, sample).await?;
    }
    if let Some(file) = filter.file {
        let row = files_read::file(&service.db, caller.person(), file).await?.ok_or(ApiError::NotFound)?;
        may(&service, &caller, Action::ReadAudit, row.sample).await?;
        about = about.or(Some(row.sample));
    }
    let mut rows = trail::rows(&service.db, caller.person(), &filter, limit + 1).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next_cursor = rows.last().filter(|_| more).map(|row| row.id.clone());
    if filter.after.is_none() {
        record(&service, &caller, &request, about, &filter).await?;
    }
    Ok(Json(Page { items: rows.into_iter().map(TrailView::from).collect(), next_cursor }))
}

/// Once a reading, on its first page: a row for each page would make a trail that never ends.
async fn record(
    service: &Service,
    caller: &Caller,
    request: &RequestId,
    about: Option<SampleId>,
    filter: &TrailFilter,
) -> Result<(), ApiError> {
    let request = request.to_string();
    let entry = Entry {
        sample: about,
        file: filter.file,
        detail: json!({ "user": filter.actor }),
        request: &request,
        ..Entry::new(By::Person(caller.person()), "audit.read")
    };
    let mut tx = service.db.begin().await?;
    audit::record(&mut tx, service.clock.now(), entry).await?;
    Ok(tx.commit().await?)
}
