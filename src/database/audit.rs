//! The audit trail: a row for every sign-in, refusal on evidence, change of state, view and download, written in the
//! transaction of what it tells of. No row, no action. Ids only, no names.

use jiff::Timestamp;
use serde_json::Value;

use super::{DatabaseError, Tx};
use crate::actor::PersonId;
use crate::ids::{AuditId, FileId, SampleId};

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By<'a> {
    Person(&'a PersonId),
    /// Strongroom itself: a check, a sweep, an import.
    Service,
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// It was not theirs: nothing happened.
    Denied,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Denied => "denied",
        }
    }
}

/// What happened to what.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    pub by: By<'a>,
    /// `noun.verb`: `file.created`, `file.accepted`, `section.missing_set`, `sample.submitted`, `file.downloaded`, ...
    pub action: &'static str,
    pub outcome: Outcome,
    /// The chain it belongs to; `None` is the system's.
    pub sample: Option<SampleId>,
    /// Candidate id, or `""`.
    pub candidate: &'a str,
    /// Section code, or `""`.
    pub section: &'a str,
    pub file: Option<FileId>,
    /// Further facts, ids and codes only.
    pub detail: Value,
    /// The request that asked, or `""`.
    pub request: &'a str,
}

impl<'a> Entry<'a> {
    /// An entry of something done that names only who and what; fill in the rest with struct update.
    pub fn new(by: By<'a>, action: &'static str) -> Self {
        Self {
            by,
            action,
            outcome: Outcome::Done,
            sample: None,
            candidate: "",
            section: "",
            file: None,
            detail: Value::Null,
            request: "",
        }
    }
}

/// Adds a row. Rows enter unsealed; a sealer gives them their place in the chain.
pub async fn record(tx: &mut Tx, at: Timestamp, entry: Entry<'_>) -> Result<(), DatabaseError> {
    sqlx::query(
        "INSERT INTO audit (id, chain, at, actor, action, outcome, candidate_id, section, file_id, detail, \
         request_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(AuditId::new().to_string())
    .bind(entry.sample.map_or_else(|| "system".to_owned(), |id| id.to_string()))
    .bind(at.as_microsecond())
    .bind(match entry.by {
        By::Person(person) => person.as_str(),
        By::Service => "strongroom",
    })
    .bind(entry.action)
    .bind(entry.outcome.as_str())
    .bind(entry.candidate)
    .bind(entry.section)
    .bind(entry.file.map_or_else(String::new, |id| id.to_string()))
    .bind(entry.detail.to_string())
    .bind(entry.request)
    .execute(tx.on())
    .await?;
    Ok(())
}
