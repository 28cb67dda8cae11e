//! Infected originals, for whoever answers incidents. That the list was read is on the trail; the bytes are another
//! route's (`http::content`).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::views::Page;
use super::{optional, page_size};
use crate::actor::{PersonId, Role};
use crate::database::audit::{self, By, Entry};
use crate::database::incidents::{self, IncidentRow};
use crate::http::body::Query;
use crate::http::error::ApiError;
use crate::http::identity::Caller;
use crate::http::layers::RequestId;
use crate::ids::FileId;
use crate::service::Service;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    cursor: Option<String>,
    limit: Option<u32>,
}

/// A file in which a scan found something.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct IncidentView {
    pub file: String,
    pub sample: String,
    pub centre: String,
    pub component: String,
    pub candidate: Option<String>,
    pub section: String,
    pub original_name: String,
    /// Bytes.
    pub size: u64,
    pub sha256: String,
    pub signature: String,
    /// The scanner that found it, and its signatures.
    pub engine: String,
    pub signatures: String,
    /// `check`: before it was accepted; `rescan`: afterwards.
    pub found_by: String,
    #[schema(value_type = String)]
    pub found_at: Timestamp,
    /// When the bytes are given up, unless a hold keeps them.
    #[schema(value_type = String)]
    pub expires_at: Timestamp,
    #[schema(value_type = Option<String>)]
    pub removed_at: Option<Timestamp>,
    /// Where the bytes are read; `null` while they are on their way to where they are kept, and when they are gone.
    pub content: Option<String>,
}

impl From<IncidentRow> for IncidentView {
    fn from(row: IncidentRow) -> Self {
        Self {
            content: row.object.map(|_| format!("/api/v1/incidents/{}/content", row.file)),
            file: row.file.to_string(),
            sample: row.sample.id.to_string(),
            centre: row.sample.centre.to_string(),
            component: row.sample.component.to_string(),
            candidate: row.candidate,
            section: row.section,
            original_name: row.original_name,
            size: row.size,
            sha256: row.sha256.to_string(),
            signature: row.signature,
            engine: row.engine,
            signatures: row.signatures,
            found_by: row.found_by,
            found_at: row.found_at,
            expires_at: row.expires_at,
            removed_at: row.removed_at,
        }
    }
}

/// The incidents within the person's reach, oldest file first; those whose bytes are gone among them.
#[utoipa::path(get, path = "/api/v1/incidents", params(Asked), responses((status = 200, body = Page<IncidentView>)))]
pub async fn list(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Query(asked): Query<Asked>,
) -> Result<Json<Page<IncidentView>>, ApiError> {
    if !caller.actor.has(Role::Incident) {
        return Err(ApiError::Forbidden);
    }
    let limit = page_size(asked.limit)?;
    let after = optional("cursor", asked.cursor.as_deref())?;
    let (rows, next) = listed(&service, caller.person(), after, limit, &request).await?;
    let next_cursor = next.map(|file| file.to_string());
    Ok(Json(Page { items: rows.into_iter().map(IncidentView::from).collect(), next_cursor }))
}

/// One page of the incidents that a person answers, and where the next begins. That they were read is on the trail
/// before anything is told.
pub(crate) async fn listed(
    service: &Service,
    person: &PersonId,
    after: Option<FileId>,
    limit: u32,
    request: &RequestId,
) -> Result<(Vec<IncidentRow>, Option<FileId>), ApiError> {
    let now = service.clock.now();
    let mut rows = incidents::list(&service.db, person, now, after, limit + 1).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let request = request.to_string();
    let entry = Entry {
        detail: json!({ "incidents": rows.len(), "after": after }),
        request: &request,
        ..Entry::new(By::Person(person), "incident.listed")
    };
    let mut tx = service.db.begin().await?;
    audit::record(&mut tx, now, entry).await?;
    tx.commit().await?;
    let next = rows.last().filter(|_| more).map(|row| row.file);
    Ok((rows, next))
}
