//! Submissions over HTTP: the check, submitting, receipts and manifests, sending back.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json as Answered, Router};
use futures_util::stream;
use http::{StatusCode, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{Json, Segments};
use super::error::ApiError;
use super::identity::Caller;
use super::layers::RequestId;
use crate::evidence::Sha256Digest;
use crate::ids::SampleId;
use crate::sample::SampleState;
use crate::service::Service;
use crate::submission::{
    Answer, Finding, NotDeclared, ReadError, Receipt, Return, ReturnError, Returned, SubmitError,
};

/// The routes of submissions.
pub fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/api/v1/samples/{sample}/check", get(check))
        .route("/api/v1/samples/{sample}/submissions", post(submit))
        .route("/api/v1/samples/{sample}/submissions/{revision}", get(receipt))
        .route("/api/v1/samples/{sample}/submissions/{revision}/manifest.json", get(manifest_json))
        .route("/api/v1/samples/{sample}/submissions/{revision}/manifest.csv", get(manifest_csv))
        .route("/api/v1/samples/{sample}/submissions/{revision}/receipt.pdf", get(receipt_pdf))
        .route("/api/v1/samples/{sample}/returns", post(give_back))
}

/// What stands between a sample and its submission.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Checked {
    #[schema(value_type = String)]
    sample: SampleId,
    #[schema(value_type = String)]
    state: SampleState,
    /// Submissions made so far.
    revision: u32,
    #[schema(value_type = String)]
    due_at: Timestamp,
    #[schema(value_type = String)]
    cut_off_at: Timestamp,
    /// Whether a submission made now is late; null when it would be refused.
    late: Option<bool>,
    blocking: Vec<Finding>,
    doubtful: Vec<Finding>,
    declarations: Vec<ToDeclare>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ToDeclare {
    id: String,
    version: u32,
    title: String,
    text: String,
    #[schema(value_type = String)]
    text_sha256: Sha256Digest,
    ticked: bool,
}

#[utoipa::path(get, path = "/api/v1/samples/{sample}/check", params(("sample" = String, Path)),
    responses((status = 200, body = Checked)))]
pub(super) async fn check(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Segments(sample): Segments<SampleId>,
) -> Result<Answered<Checked>, ApiError> {
    let (found, standing) = service.submissions.check(&caller.actor, sample).await?;
    let declarations = service.submissions.declarations().iter().map(|declaration| ToDeclare {
        id: declaration.id.clone(),
        version: declaration.version,
        title: declaration.title.clone(),
        text: declaration.text.clone(),
        text_sha256: declaration.text_sha256(),
        ticked: standing
            .ticked
            .iter()
            .any(|tick| tick.id == declaration.id && tick.version == declaration.version),
    });
    let dates = standing.dates();
    Ok(Answered(Checked {
        sample,
        state: standing.sample.state,
        revision: standing.sample.revision,
        due_at: dates.due_at,
        cut_off_at: dates.cut_off_at,
        late: standing.late(service.clock.now()),
        blocking: found.blocking,
        doubtful: found.doubtful,
        declarations: declarations.collect(),
    }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Submission {
    declarations: Vec<Answer>,
}

/// 201 with the receipt; 200 with the same receipt when the sample was submitted before.
#[utoipa::path(post, path = "/api/v1/samples/{sample}/submissions", params(("sample" = String, Path)),
    request_body = Submission,
    responses((status = 201, body = Receipt), (status = 200, body = Receipt), (status = 409), (status = 422)))]
pub(super) async fn submit(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Segments(sample): Segments<SampleId>,
    Json(body): Json<Submission>,
) -> Result<Response, ApiError> {
    let request = request.to_string();
    let done = service.submissions.submit(&caller.actor, sample, &body.declarations, &request).await?;
    let status = if done.new { StatusCode::CREATED } else { StatusCode::OK };
    let location = format!("/api/v1/samples/{sample}/submissions/{}", done.receipt.revision);
    Ok((status, [(header::LOCATION, location)], Answered(done.receipt)).into_response())
}

#[utoipa::path(get, path = "/api/v1/samples/{sample}/submissions/{revision}",
    params(("sample" = String, Path), ("revision" = u32, Path)), responses((status = 200, body = Receipt)))]
pub(super) async fn receipt(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Segments((sample, revision)): Segments<(SampleId, u32)>,
) -> Result<Answered<Receipt>, ApiError> {
    Ok(Answered(service.submissions.receipt(&caller.actor, sample, revision).await?))
}

/// The stored text, byte for byte: its SHA-256 is the receipt's `manifest_sha256`.
#[utoipa::path(get, path = "/api/v1/samples/{sample}/submissions/{revision}/manifest.json",
    params(("sample" = String, Path), ("revision" = u32, Path)),
    responses((status = 200, description = "The manifest", content_type = "application/json", body = Object)))]
pub(super) async fn manifest_json(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Segments((sample, revision)): Segments<(SampleId, u32)>,
) -> Result<Response, ApiError> {
    let request = request.to_string();
    let (text, digest) =
        service.submissions.download(&caller.actor, sample, revision, "json", &request).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::ETAG, format!("\"{digest}\"")),
        (header::CONTENT_DISPOSITION, attachment(sample, revision, "json")),
    ];
    Ok((headers, text).into_response())
}

#[utoipa::path(get, path = "/api/v1/samples/{sample}/submissions/{revision}/manifest.csv",
    params(("sample" = String, Path), ("revision" = u32, Path)),
    responses((status = 200, description = "The manifest's files", content_type = "text/csv", body = String)))]
pub(super) async fn manifest_csv(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Segments((sample, revision)): Segments<(SampleId, u32)>,
) -> Result<Response, ApiError> {
    let request = request.to_string();
    let (text, _) = service.submissions.download(&caller.actor, sample, revision, "csv", &request).await?;
    let manifest: crate::submission::Manifest = serde_json::from_str(&text).map_err(ApiError::internal)?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, attachment(sample, revision, "csv")),
    ];
    Ok((headers, Body::from_stream(stream::iter(manifest.table()))).into_response())
}

/// The receipt on paper: PDF/A-2a, the same bytes each time.
#[utoipa::path(get, path = "/api/v1/samples/{sample}/submissions/{revision}/receipt.pdf",
    params(("sample" = String, Path), ("revision" = u32, Path)),
    responses((status = 200, description = "The receipt", content_type = "application/pdf", body = Vec<u8>)))]
pub(super) async fn receipt_pdf(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Segments((sample, revision)): Segments<(SampleId, u32)>,
) -> Result<Response, ApiError> {
    let (number, paper) =
        crate::web::receipt_paper(&service, &caller.actor, sample, revision, &request).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/pdf".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"receipt-{number}.pdf\"")),
    ];
    Ok((headers, paper).into_response())
}

fn attachment(sample: SampleId, revision: u32, extension: &str) -> String {
    format!("attachment; filename=\"manifest-{sample}-{revision}.{extension}\"")
}

#[utoipa::path(post, path = "/api/v1/samples/{sample}/returns", params(("sample" = String, Path)),
    request_body = Return, responses((status = 201, body = Returned), (status = 409)))]
pub(super) async fn give_back(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Segments(sample): Segments<SampleId>,
    Json(wanted): Json<Return>,
) -> Result<(StatusCode, Answered<Returned>), ApiError> {
    let request = request.to_string();
    let returned = service.submissions.give_back(&caller.actor, sample, &wanted, &request).await?;
    Ok((StatusCode::CREATED, Answered(returned)))
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Denied(denied) => denied.into(),
            ReadError::Database(error) => error.into(),
            broken @ ReadError::Broken(..) => Self::internal(broken),
        }
    }
}

impl From<SubmitError> for ApiError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Denied(denied) => denied.into(),
            SubmitError::Blocked(check) => Self::Blocked { findings: check.blocking },
            SubmitError::NotDeclared(why) => Self::NotDeclared {
                detail: match why {
                    NotDeclared::Unticked(id) => format!("Tick the declaration {id}."),
                    NotDeclared::Changed { id, version } => {
                        format!(
                            "The declaration {id} is at version {version} now. Read it again, then tick it."
                        )
                    }
                    NotDeclared::Unknown(id) => format!("There is no declaration {id:?}."),
                },
            },
            SubmitError::Database(error) => error.into(),
            fault @ (SubmitError::Incomplete(_) | SubmitError::Manifest(_) | SubmitError::NoReceipt) => {
                Self::internal(fault)
            }
        }
    }
}

impl From<ReturnError> for ApiError {
    fn from(error: ReturnError) -> Self {
        match error {
            ReturnError::Denied(denied) => denied.into(),
            ReturnError::NotSubmitted => Self::NotSubmitted,
            ReturnError::NotInSample(number) => {
                Self::invalid("candidates", format!("Candidate {number} is not in the sample."))
            }
            ReturnError::Nobody => {
                Self::invalid("candidates", "Name a candidate, or leave the field out to return all.")
            }
            ReturnError::Reason => Self::invalid("reason", "Say why, in at most 2000 characters."),
            ReturnError::DateNotAhead => Self::invalid("due_at", "Give a time that is still ahead."),
            ReturnError::Database(error) => error.into(),
        }
    }
}
