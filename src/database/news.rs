//! What happened to samples, told to who listens: the audit trail, read from where a listener left off.

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Row};

use super::scope::{allocated, centre_staff, overseer};
use super::{Database, DatabaseError};
use crate::actor::PersonId;
use crate::ids::SampleId;

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Happened {
    /// The audit row's id. Time-ordered, across nodes only nearly so.
    pub id: String,
    pub sample: String,
    /// `file.accepted`, `section.missing_set`, ...
    pub action: String,
    /// Candidate number; empty when it is not about one.
    pub candidate: String,
    pub section: String,
    pub file: String,
    /// The file's state now; empty when it is not about one.
    pub state: String,
}

/// What happened to `sample` from `from` on and after the row `after`, oldest first, at most `limit`; nothing while
/// the sample is not the person's to see. A moderator hears of the sample's returns and submissions and of submitted
/// files that cannot be read any more or can be again; who fetched what is for the audit trail alone.
pub async fn since(
    db: &Database,
    person: &PersonId,
    sample: SampleId,
    from: Timestamp,
    after: &str,
    limit: u32,
) -> Result<Vec<Happened>, DatabaseError> {
    let sql = format!(
        "SELECT a.id, a.chain, a.action, COALESCE(c.number, ''), a.section, a.file_id, COALESCE(f.state, '') \
         FROM audit a JOIN samples s ON s.id = a.chain LEFT JOIN candidates c ON c.id = a.candidate_id \
         LEFT JOIN files f ON f.id = a.file_id WHERE a.chain = $2 AND a.at >= $3 AND a.id > $4 \
         AND a.outcome = 'done' AND a.action NOT LIKE '%download%' AND a.action NOT LIKE 'incident.%' \
         AND (({} OR {}) OR ({} AND (a.action IN ('sample.submitted', 'sample.returned') \
         OR (a.action IN ('file.quarantined', 'file.withheld', 'file.released') AND EXISTS \
         (SELECT 1 FROM submission_files sf JOIN submissions b ON b.id = sf.submission_id \
         WHERE sf.file_id = a.file_id AND b.sample_id = s.id))))) ORDER BY a.id LIMIT $5",
        centre_staff!("$1"),
        overseer!("$1"),
        allocated!("$1")
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(person.as_str())
        .bind(sample.to_string())
        .bind(from.as_microsecond())
        .bind(after.to_owned())
        .bind(i64::from(limit))
        .fetch_all(db.reader())
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Happened {
                id: row.try_get(0)?,
                sample: row.try_get(1)?,
                action: row.try_get(2)?,
                candidate: row.try_get(3)?,
                section: row.try_get(4)?,
                file: row.try_get(5)?,
                state: row.try_get(6)?,
            })
        })
        .collect()
}
