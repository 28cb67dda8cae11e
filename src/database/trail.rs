//! The audit trail, read by who oversees: board staff and auditors, each within what their role reaches.

use jiff::Timestamp;
use serde_json::Value;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::scope::overseer;
use super::{Database, DatabaseError};
use crate::actor::PersonId;
use crate::clock::from_micros;
use crate::ids::{AuditId, FileId, SampleId};

/// A row, as the table has it.
#[derive(Clone, Debug)]
pub struct TrailRow {
    pub id: String,
    /// The sample's id, or `system`.
    pub chain: String,
    pub at: Timestamp,
    pub actor: String,
    pub action: String,
    pub outcome: String,
    /// Candidate id, or `""`.
    pub candidate: String,
    pub section: String,
    /// File id, or `""`.
    pub file: String,
    pub detail: Value,
    pub request: String,
    /// Its place in the chain; `None` until it is sealed.
    pub seq: Option<i64>,
    pub prev_hash: Option<String>,
    pub hash: Option<String>,
}

/// What narrows the trail. `after`: the last id of the page before.
#[derive(Clone, Debug, Default)]
pub struct TrailFilter {
    pub sample: Option<SampleId>,
    pub file: Option<FileId>,
    pub actor: Option<PersonId>,
    pub after: Option<AuditId>,
}

/// The actor of the row has a role where the person oversees: whose sign-ins are the person's to see.
const COLLEAGUE: &str = "EXISTS (SELECT 1 FROM roles q JOIN roles r ON r.person_id = $1 JOIN people p ON p.id = r.person_id \
     WHERE q.person_id = a.actor AND p.disabled = 0 AND r.role IN ('board', 'auditor') \
     AND (r.organisation_id = '' OR r.organisation_id = q.organisation_id) \
     AND (r.centre_number = '' OR r.centre_number = q.centre_number) \
     AND (r.component_id = '' OR r.component_id = q.component_id))";

/// The rows within the person's reach, oldest first, at most `limit`.
pub async fn rows(
    db: &Database,
    person: &PersonId,
    filter: &TrailFilter,
    limit: u32,
) -> Result<Vec<TrailRow>, DatabaseError> {
    let given = [
        ("a.chain", filter.sample.map(|id| id.to_string())),
        ("a.file_id", filter.file.map(|id| id.to_string())),
        ("a.actor", filter.actor.as_ref().map(ToString::to_string)),
    ];
    let mut narrowed = String::new();
    let mut values = Vec::new();
    for (column, value) in given {
        if let Some(value) = value {
            values.push(value);
            narrowed.push_str(&format!(" AND {column} = ${}", values.len() + 3));
        }
    }
    let sql = format!(
        "SELECT a.id, a.chain, a.at, a.actor, a.action, a.outcome, a.candidate_id, a.section, a.file_id, a.detail, \
         a.request_id, a.seq, a.prev_hash, a.hash FROM audit a LEFT JOIN samples s ON s.id = a.chain \
         WHERE a.id > $2{narrowed} AND ({} OR (a.chain = 'system' AND {COLLEAGUE})) ORDER BY a.id LIMIT $3",
        overseer!("$1")
    );
    let mut query = sqlx::query(AssertSqlSafe(sql))
        .bind(person.as_str())
        .bind(filter.after.map_or_else(String::new, |id| id.to_string()))
        .bind(i64::from(limit));
    for value in values {
        query = query.bind(value);
    }
    query.fetch_all(db.reader()).await?.iter().map(read).collect()
}

fn read(row: &AnyRow) -> Result<TrailRow, DatabaseError> {
    let id: String = row.try_get("id")?;
    let detail: String = row.try_get("detail")?;
    let broken = |_| DatabaseError::BrokenRow { table: "audit", id: id.clone(), column: "detail" };
    Ok(TrailRow {
        chain: row.try_get("chain")?,
        at: from_micros(row.try_get("at")?),
        actor: row.try_get("actor")?,
        action: row.try_get("action")?,
        outcome: row.try_get("outcome")?,
        candidate: row.try_get("candidate_id")?,
        section: row.try_get("section")?,
        file: row.try_get("file_id")?,
        detail: serde_json::from_str(&detail).map_err(broken)?,
        request: row.try_get("request_id")?,
        seq: row.try_get("seq")?,
        prev_hash: row.try_get("prev_hash")?,
        hash: row.try_get("hash")?,
        id,
    })
}
