//! What goes wrong for the caller, in one table: status, stable code, words.
//!
//! An [`ApiError`] becomes `application/problem+json` with the request's id. Causes go to the log once
//! (`http::layers`), never to the caller. Foreign and unknown things are the same [`ApiError::NotFound`].

use std::error::Error;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderName, StatusCode, header};
use serde::Serialize;

use crate::actor::Denied;
use crate::candidate::CandidateNumber;
use crate::database::DatabaseError;
use crate::evidence::{Reason, bytes_in_words};
use crate::ids::FileId;
use crate::object_store::StoreError;
use crate::submission::Finding;

/// A cause for the log.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Every answer that is not what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    // Who asks
    #[error("not signed in")]
    SignedOut,
    #[error("not theirs to do")]
    Forbidden,
    #[error("a change without proof that our own page asked for it")]
    CrossSite,
    #[error("unknown, or foreign")]
    NotFound,
    // How it was asked
    #[error("method not allowed")]
    MethodNotAllowed { allow: &'static str },
    #[error("a request that cannot be read: {detail}")]
    InvalidRequest { field: Option<String>, detail: String },
    #[error("not the media type that is read here")]
    UnsupportedMediaType,
    #[error("larger than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("the body did not arrive whole, or not in time")]
    BodyTimeout,
    #[error("too many requests")]
    TooMany { retry_after: Duration },
    #[error("the key came with another call before")]
    KeyReused,
    #[error("the first call with this key is not done")]
    KeyRunning { retry_after: Duration },
    // What a file may be
    /// Its code is the reason's word.
    #[error("{reason}: {detail}")]
    Refused { reason: Reason, detail: String },
    // How an upload is asked for
    #[error("not the version of tus that is spoken here")]
    TusVersion,
    #[error("the upload stands at {committed}")]
    WrongOffset { committed: u64 },
    #[error("the bytes are not what their checksum says")]
    ChecksumMismatch,
    #[error("the bytes are not what Content-Digest says")]
    ContentDigestMismatch,
    // What stands in the way
    #[error("submitted")]
    Submitted,
    #[error("on hold")]
    Held,
    #[error("a submission holds the file where it is")]
    FileSubmitted,
    #[error("not part of what was returned")]
    Locked,
    #[error("after cut-off")]
    Closed,
    #[error("the candidate is absent or withdrawn")]
    Absent,
    #[error("not in the sample")]
    NotInSample,
    #[error("the section is full")]
    SectionFull { limit: u32, files: Vec<FileId> },
    /// Status, code and title are the error's.
    #[error("for {candidate}, who is to share it: {error}")]
    Sharer { candidate: CandidateNumber, error: Box<ApiError> },
    #[error("more than {limit} files in a plan")]
    TooManyFiles { limit: u64 },
    #[error("the person has {limit} plans")]
    PlansFull { limit: u64 },
    #[error("the centre would have more than {limit} {what}")]
    Quota { what: &'static str, limit: u64 },
    #[error("files are on their way")]
    RunningFiles { files: Vec<FileId> },
    #[error("files are being checked")]
    Checking { files: Vec<FileId> },
    #[error("Missing cannot be set here")]
    MissingNotAllowed { files: Vec<FileId> },
    #[error("{accepted} of {needed} files are no shortfall to note")]
    IncompleteNotAllowed { accepted: u32, needed: u32 },
    #[error("the component takes nothing by other means")]
    OtherMeansNotAllowed,
    #[error("a candidate with files cannot be absent")]
    AbsentNotAllowed { files: Vec<FileId> },
    #[error("{} thing(s) stand in the way of submitting", findings.len())]
    Blocked { findings: Vec<Finding> },
    #[error("not declared: {detail}")]
    NotDeclared { detail: String },
    #[error("not submitted")]
    NotSubmitted,
    #[error("a file in state {state} does not take this step")]
    WrongState { state: String },
    #[error("the upload is put together from others")]
    FinalUpload,
    #[error("a partial upload is part of another file")]
    PartialTaken,
    #[error("the bytes are gone")]
    Gone,
    #[error("the range cannot be satisfied")]
    RangeNotSatisfiable { size: u64 },
    #[error("not what it was")]
    PreconditionFailed,
    // Us
    #[error("someone else holds it")]
    Busy { retry_after: Duration },
    #[error("out of room")]
    InsufficientStorage,
    #[error("temporarily out of reach")]
    Unavailable { retry_after: Duration, source: Option<Cause> },
    #[error("files are being scanned again")]
    Rescanning { retry_after: Duration },
    #[error("a fault of ours")]
    Internal(#[source] Cause),
}

/// What the caller reads; `request_id` is added when it is rendered.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    #[serde(serialize_with = "as_number")]
    pub status: StatusCode,
    pub code: &'static str,
    pub title: &'static str,
    pub detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// What blocks a submission.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blocking: Vec<Finding>,
    /// What a specification besides ours calls it.
    #[serde(flatten)]
    pub known: Option<Known>,
}

/// A problem that HTTP's own resumable uploads have a name for.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Known {
    #[serde(rename = "type")]
    pub kind: &'static str,
    #[serde(rename = "expected-offset", skip_serializing_if = "Option::is_none")]
    pub expected_offset: Option<u64>,
    #[serde(rename = "provided-offset", skip_serializing_if = "Option::is_none")]
    pub provided_offset: Option<u64>,
}

fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

/// A wait the caller is asked to make when no better is known.
pub const RETRY_SOON: Duration = Duration::from_secs(2);

impl ApiError {
    /// A request that cannot be read, and where.
    pub fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::InvalidRequest { field: Some(field.into()), detail: detail.into() }
    }

    /// A fault of ours; the cause is for the log.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::Internal(cause.into())
    }

    /// Status, stable code and title: the table.
    pub fn row(&self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::SignedOut => (S::UNAUTHORIZED, "signed_out", "You are not signed in"),
            Self::Forbidden => (S::FORBIDDEN, "forbidden", "You may not do this"),
            Self::CrossSite => (S::FORBIDDEN, "cross_site", "The request did not come from our page"),
            Self::NotFound => (S::NOT_FOUND, "not_found", "Not found"),
            Self::MethodNotAllowed { .. } => {
                (S::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed")
            }
            Self::InvalidRequest { .. } => (S::BAD_REQUEST, "invalid_request", "The request cannot be read"),
            Self::UnsupportedMediaType => {
                (S::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "Not a media type read here")
            }
            Self::TooLarge { .. } => (S::PAYLOAD_TOO_LARGE, "too_large", "Too large"),
            Self::BodyTimeout => {
                (S::REQUEST_TIMEOUT, "body_timeout", "The body did not arrive whole, or not in time")
            }
            Self::TooMany { .. } => (S::TOO_MANY_REQUESTS, "too_many_requests", "Too many requests"),
            Self::Refused { reason, .. } => {
                (S::UNPROCESSABLE_ENTITY, reason.as_str(), "The file is not accepted here")
            }
            Self::KeyReused => {
                (S::UNPROCESSABLE_ENTITY, "idempotency_key_reused", "The key belongs to another call")
            }
            Self::KeyRunning { .. } => {
                (S::CONFLICT, "idempotency_key_running", "The first call with this key is not done")
            }
            Self::TusVersion => (S::PRECONDITION_FAILED, "tus_version", "Not the version of tus spoken here"),
            Self::WrongOffset { .. } => (S::CONFLICT, "wrong_offset", "The upload stands at another offset"),
            Self::ChecksumMismatch => {
                // Registered by nobody; tus asks for it.
                let status = S::from_u16(460).unwrap_or(S::BAD_REQUEST);
                (status, "checksum_mismatch", "The bytes are not what their checksum says")
            }
            Self::ContentDigestMismatch => {
                (S::BAD_REQUEST, "content_digest_mismatch", "The bytes are not what Content-Digest says")
            }
            Self::Submitted => (S::CONFLICT, "submitted", "The sample is submitted"),
            Self::Held => (S::CONFLICT, "held", "The sample is on hold"),
            Self::FileSubmitted => (S::CONFLICT, "file_submitted", "A submission holds the file where it is"),
            Self::Locked => (S::CONFLICT, "locked", "This was not returned to you"),
            Self::Closed => (S::CONFLICT, "closed", "The cut-off has passed"),
            Self::Absent => (S::CONFLICT, "absent", "The candidate is absent or withdrawn"),
            Self::NotInSample => (S::CONFLICT, "not_in_sample", "The candidate is not in the sample"),
            Self::SectionFull { .. } => (S::CONFLICT, "section_full", "The section is full"),
            Self::Sharer { error, .. } => error.row(),
            Self::TooManyFiles { .. } => {
                (S::PAYLOAD_TOO_LARGE, "too_many_planned", "Too many files in one plan")
            }
            Self::PlansFull { .. } => (S::CONFLICT, "plans_full", "You have as many plans as you may have"),
            // Not 409, which clients of tus try again.
            Self::Quota { .. } => (S::FORBIDDEN, "quota", "The centre has as much as it may have"),
            Self::RunningFiles { .. } => (S::CONFLICT, "running_files", "Files are still on their way"),
            Self::Checking { .. } => (S::CONFLICT, "checking", "Files are still being checked"),
            Self::MissingNotAllowed { .. } => {
                (S::CONFLICT, "missing_not_allowed", "This section cannot be marked Missing")
            }
            Self::IncompleteNotAllowed { .. } => {
                (S::CONFLICT, "incomplete_not_allowed", "This section cannot be noted as incomplete")
            }
            Self::OtherMeansNotAllowed => {
                (S::CONFLICT, "other_means_not_allowed", "The component takes nothing by other means")
            }
            Self::AbsentNotAllowed { .. } => {
                (S::CONFLICT, "absent_not_allowed", "The candidate cannot be absent")
            }
            Self::Blocked { .. } => (S::CONFLICT, "blocked", "The sample cannot be submitted yet"),
            Self::NotDeclared { .. } => {
                (S::UNPROCESSABLE_ENTITY, "not_declared", "Not everything is declared")
            }
            Self::NotSubmitted => (S::CONFLICT, "not_submitted", "The sample is not submitted"),
            Self::WrongState { .. } => (S::CONFLICT, "wrong_state", "The file is not in a state for this"),
            Self::FinalUpload => (S::FORBIDDEN, "final_upload", "The upload is put together from others"),
            Self::PartialTaken => (S::CONFLICT, "partial_taken", "A partial upload is part of another file"),
            Self::Gone => (S::GONE, "gone", "The bytes are no longer kept"),
            Self::RangeNotSatisfiable { .. } => {
                (S::RANGE_NOT_SATISFIABLE, "range_not_satisfiable", "The range is outside the file")
            }
            Self::PreconditionFailed => {
                (S::PRECONDITION_FAILED, "precondition_failed", "It has changed since you read it")
            }
            Self::Busy { .. } => (S::LOCKED, "busy", "It is in use at the moment"),
            Self::InsufficientStorage => (S::INSUFFICIENT_STORAGE, "no_room", "There is no room left"),
            Self::Unavailable { .. } => {
                (S::SERVICE_UNAVAILABLE, "unavailable", "Not available at the moment")
            }
            Self::Rescanning { .. } => {
                (S::SERVICE_UNAVAILABLE, "rescanning", "Files are being checked for viruses again")
            }
            Self::Internal(_) => (S::INTERNAL_SERVER_ERROR, "internal", "Something went wrong on our side"),
        }
    }

    /// What to do next, in words.
    fn detail(&self) -> String {
        match self {
            Self::InvalidRequest { detail, .. }
            | Self::Refused { detail, .. }
            | Self::NotDeclared { detail } => detail.clone(),
            Self::Blocked { findings } => {
                findings.first().map_or_else(String::new, |finding| finding.sentence.clone())
            }
            Self::NotSubmitted => "There is nothing to send back yet.".into(),
            Self::KeyReused => "Send a new key with every new call.".into(),
            Self::KeyRunning { .. } => "Ask again in a moment for its answer.".into(),
            Self::TusVersion => "Send Tus-Resumable: 1.0.0.".into(),
            Self::WrongOffset { committed } => format!("{committed} bytes are here; go on from there."),
            Self::ChecksumMismatch | Self::ContentDigestMismatch => {
                "None of them is kept; send them again.".into()
            }
            Self::SignedOut => "Sign in, or send a token that has not expired.".into(),
            Self::Forbidden => "Your role does not include this.".into(),
            Self::CrossSite => "Reload the page and try again.".into(),
            Self::NotFound => "There is nothing here, or it is not yours to see.".into(),
            Self::MethodNotAllowed { allow: "" } => "Use another method.".into(),
            Self::MethodNotAllowed { allow } => format!("Use {allow}."),
            Self::UnsupportedMediaType => {
                "Send application/json to the API; to an upload application/offset+octet-stream (tus) or \
                 application/partial-upload."
                    .into()
            }
            Self::TooLarge { limit } => format!("At most {} is taken.", bytes_in_words(*limit)),
            Self::BodyTimeout => "Send it again.".into(),
            Self::TooMany { .. } | Self::Busy { .. } | Self::Unavailable { .. } => {
                "Try again in a moment; nothing that was confirmed is lost.".into()
            }
            Self::Rescanning { .. } => {
                "There is newer knowledge of viruses than when they were accepted. Try again in a few minutes.".into()
            }
            Self::Submitted => "Nothing can be changed unless it is returned to you.".into(),
            Self::Held => "Nothing is deleted until the review, appeal or inquiry is over.".into(),
            Self::FileSubmitted => "Delete it here, and send it again where it belongs.".into(),
            Self::Locked => "Only the returned candidates can be changed.".into(),
            Self::Closed => "Ask the awarding organisation for an extension.".into(),
            Self::Absent => "Change the candidate's status first.".into(),
            Self::NotInSample => "Only work of candidates in the sample is taken.".into(),
            Self::SectionFull { limit, .. } => {
                format!("It takes {limit} at most. Delete a file, or wait for one to end.")
            }
            Self::Sharer { candidate, error } => {
                format!("This is so for candidate {candidate}, who is to share it. {}", error.detail())
            }
            Self::TooManyFiles { limit } => {
                format!("A plan has at most {limit} files: take the folders in parts.")
            }
            Self::PlansFull { limit } => format!("At most {limit}: discard one that is no longer needed."),
            Self::Quota { what, limit } => {
                let most =
                    if *what == "bytes" { bytes_in_words(*limit) } else { format!("{limit} {what}") };
                format!(
                    "At most {most}: finish or cancel uploads, delete what is not needed, or ask the awarding \
                     organisation for more."
                )
            }
            Self::RunningFiles { .. } => "Wait for them, or cancel them.".into(),
            Self::Checking { .. } => "Wait until their checks are done.".into(),
            Self::MissingNotAllowed { files } if files.is_empty() => {
                "Only a required section can be Missing.".into()
            }
            Self::MissingNotAllowed { .. } => "It has files: delete or cancel them first.".into(),
            Self::IncompleteNotAllowed { accepted: 0, .. } => {
                "It has no accepted file: upload one, or mark the section Missing.".into()
            }
            Self::IncompleteNotAllowed { accepted, needed } => {
                format!("It asks for {needed} file(s) and has {accepted}.")
            }
            Self::OtherMeansNotAllowed => "Upload the work, or mark the section Missing.".into(),
            Self::AbsentNotAllowed { .. } => "There are files: delete or cancel them first.".into(),
            Self::WrongState { state } => format!("It is {state}."),
            Self::FinalUpload => "It takes no bytes of its own; all of its partial uploads' are here.".into(),
            Self::PartialTaken => "Send the bytes in a partial upload of their own.".into(),
            Self::Gone => "Send the file again.".into(),
            Self::RangeNotSatisfiable { size } => format!("It has {size} bytes."),
            Self::PreconditionFailed => "Read it again, then decide.".into(),
            Self::InsufficientStorage => "Tell the awarding organisation.".into(),
            Self::Internal(_) => "Try again; if it stays, tell support the request id.".into(),
        }
    }

    /// What the caller reads.
    pub fn problem(&self) -> Problem {
        let (status, code, title) = self.row();
        let mut problem = Problem {
            status,
            code,
            title,
            detail: self.detail(),
            field: None,
            limit: None,
            files: Vec::new(),
            state: None,
            blocking: Vec::new(),
            known: None,
        };
        match self {
            Self::InvalidRequest { field, .. } => problem.field.clone_from(field),
            Self::Sharer { error, .. } => {
                let detail = problem.detail;
                problem = error.problem();
                (problem.detail, problem.field) = (detail, Some("shared_with".into()));
            }
            Self::TooLarge { limit }
            | Self::Quota { limit, .. }
            | Self::TooManyFiles { limit }
            | Self::PlansFull { limit } => problem.limit = Some(*limit),
            Self::RangeNotSatisfiable { size } => problem.limit = Some(*size),
            Self::SectionFull { limit, files } => {
                problem.limit = Some(u64::from(*limit));
                problem.files.clone_from(files);
            }
            Self::RunningFiles { files }
            | Self::Checking { files }
            | Self::MissingNotAllowed { files }
            | Self::AbsentNotAllowed { files } => {
                problem.files.clone_from(files);
            }
            Self::Blocked { findings } => problem.blocking.clone_from(findings),
            Self::WrongState { state } => problem.state = Some(state.clone()),
            _ => {}
        }
        problem
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooMany { retry_after }
            | Self::Busy { retry_after }
            | Self::KeyRunning { retry_after }
            | Self::Rescanning { retry_after }
            | Self::Unavailable { retry_after, .. } => Some(*retry_after),
            _ => None,
        }
    }

    fn headers(&self) -> Vec<(HeaderName, String)> {
        let mut headers = Vec::new();
        if let Some(wait) = self.retry_after() {
            headers.push((header::RETRY_AFTER, wait.as_secs().max(1).to_string()));
        }
        match self {
            Self::SignedOut => headers.push((header::WWW_AUTHENTICATE, "Bearer".into())),
            Self::MethodNotAllowed { allow } if !allow.is_empty() => {
                headers.push((header::ALLOW, (*allow).into()));
            }
            Self::RangeNotSatisfiable { size } => {
                headers.push((header::CONTENT_RANGE, format!("bytes */{size}")));
            }
            _ => {}
        }
        headers
    }
}

/// What a failed response carries for the outer layer, which logs the cause and renders the problem.
#[derive(Clone, Debug)]
pub struct Failure {
    pub problem: Problem,
    /// The chain of causes, for the log.
    pub cause: Option<String>,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.row().0.into_response();
        for (name, value) in self.headers() {
            if let Ok(value) = value.parse() {
                response.headers_mut().insert(name, value);
            }
        }
        let cause = self.source().map(chain);
        response.extensions_mut().insert(Failure { problem: self.problem(), cause });
        response
    }
}

/// An error and what caused it, in one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}

impl From<DatabaseError> for ApiError {
    fn from(error: DatabaseError) -> Self {
        if error.is_unavailable() {
            Self::Unavailable { retry_after: RETRY_SOON, source: Some(error.into()) }
        } else {
            Self::Internal(error.into())
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full { .. } => Self::InsufficientStorage,
            StoreError::Lost { .. } => Self::Gone,
            error if error.is_transient() => {
                Self::Unavailable { retry_after: RETRY_SOON, source: Some(error.into()) }
            }
            error => Self::Internal(error.into()),
        }
    }
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unknown => Self::NotFound,
            Denied::Forbidden => Self::Forbidden,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_codes_stands() {
        let soon = RETRY_SOON;
        let files = || vec![];
        let all = [
            ApiError::SignedOut,
            ApiError::Forbidden,
            ApiError::CrossSite,
            ApiError::NotFound,
            ApiError::MethodNotAllowed { allow: "" },
            ApiError::invalid("f", "d"),
            ApiError::UnsupportedMediaType,
            ApiError::TooLarge { limit: 1 },
            ApiError::BodyTimeout,
            ApiError::TooMany { retry_after: soon },
            ApiError::Refused { reason: Reason::LinkOnly, detail: String::new() },
            ApiError::KeyReused,
            ApiError::KeyRunning { retry_after: soon },
            ApiError::TusVersion,
            ApiError::WrongOffset { committed: 1 },
            ApiError::ChecksumMismatch,
            ApiError::ContentDigestMismatch,
            ApiError::Submitted,
            ApiError::Held,
            ApiError::FileSubmitted,
            ApiError::Locked,
            ApiError::Closed,
            ApiError::Absent,
            ApiError::NotInSample,
            ApiError::SectionFull { limit: 1, files: files() },
            ApiError::TooManyFiles { limit: 1 },
            ApiError::PlansFull { limit: 1 },
            ApiError::Quota { what: "files", limit: 1 },
            ApiError::RunningFiles { files: files() },
            ApiError::Checking { files: files() },
            ApiError::MissingNotAllowed { files: files() },
            ApiError::IncompleteNotAllowed { accepted: 1, needed: 1 },
            ApiError::OtherMeansNotAllowed,
            ApiError::AbsentNotAllowed { files: files() },
            ApiError::Blocked { findings: vec![] },
            ApiError::NotDeclared { detail: String::new() },
            ApiError::NotSubmitted,
            ApiError::WrongState { state: "deleted".into() },
            ApiError::Gone,
            ApiError::RangeNotSatisfiable { size: 1 },
            ApiError::PreconditionFailed,
            ApiError::Busy { retry_after: soon },
            ApiError::InsufficientStorage,
            ApiError::Unavailable { retry_after: soon, source: None },
            ApiError::Rescanning { retry_after: soon },
            ApiError::internal("x"),
        ];
        let table: Vec<_> = all.iter().map(|e| format!("{} {}", e.row().0.as_u16(), e.row().1)).collect();
        insta::assert_snapshot!(table.join("\n"), @"
        401 signed_out
        403 forbidden
        403 cross_site
        404 not_found
        405 method_not_allowed
        400 invalid_request
        415 unsupported_media_type
        413 too_large
        408 body_timeout
        429 too_many_requests
        422 link_only
        422 idempotency_key_reused
        409 idempotency_key_running
        412 tus_version
        409 wrong_offset
        460 checksum_mismatch
        400 content_digest_mismatch
        409 submitted
        409 held
        409 file_submitted
        409 locked
        409 closed
        409 absent
        409 not_in_sample
        409 section_full
        413 too_many_planned
        409 plans_full
        403 quota
        409 running_files
        409 checking
        409 missing_not_allowed
        409 incomplete_not_allowed
        409 other_means_not_allowed
        409 absent_not_allowed
        409 blocked
        422 not_declared
        409 not_submitted
        409 wrong_state
        410 gone
        416 range_not_satisfiable
        412 precondition_failed
        423 busy
        507 no_room
        503 unavailable
        503 rescanning
        500 internal
        ");
    }

    #[test]
    fn a_cause_is_for_the_log_and_not_in_the_problem() {
        let error = ApiError::internal("canary: password=1234");
        let text = serde_json::to_string(&error.problem()).unwrap();
        assert!(!text.contains("canary"), "{text}");
        let response = error.into_response();
        let failure = response.extensions().get::<Failure>().unwrap();
        assert_eq!(failure.cause.as_deref(), Some("canary: password=1234"));
    }
}
