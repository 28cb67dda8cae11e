//! Missing: the flag on a candidate's section, and why.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, Row};

use super::error::word;
use super::scope::visible;
use super::{Database, DatabaseError, Tx};
use crate::actor::PersonId;
use crate::clock::from_micros;
use crate::evidence::UnknownWord;
use crate::ids::{CandidateId, SampleId};

/// Why there is nothing to upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissingReason {
    Lost,
    Damaged,
    NotProduced,
    Withheld,
    /// Needs a note.
    Other,
}

impl MissingReason {
    pub const ALL: [Self; 5] = [Self::Lost, Self::Damaged, Self::NotProduced, Self::Withheld, Self::Other];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Damaged => "damaged",
            Self::NotProduced => "not_produced",
            Self::Withheld => "withheld",
            Self::Other => "other",
        }
    }
}

impl std::str::FromStr for MissingReason {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.as_str() == text)
            .ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

/// A section's flag.
#[derive(Clone, Debug, Serialize)]
pub struct Missing {
    pub reason: MissingReason,
    pub note: String,
    /// A special-consideration reference.
    pub reference: Option<String>,
    pub by: String,
    pub at: Timestamp,
}

/// The flags of a candidate's sections: section code and flag.
pub async fn of_candidate(
    db: &Database,
    person: &PersonId,
    sample: SampleId,
    candidate: CandidateId,
) -> Result<Vec<(String, Missing)>, DatabaseError> {
    let sql = format!(
        "SELECT l.section, l.missing_reason, l.missing_note, l.missing_reference, l.missing_by, l.missing_at \
         FROM places l JOIN samples s ON s.id = l.sample_id WHERE s.id = $2 AND l.candidate_id = $3 \
         AND l.missing_reason IS NOT NULL AND {} ORDER BY l.section",
        visible!("$1")
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(person.as_str())
        .bind(sample.to_string())
        .bind(candidate.to_string())
        .fetch_all(db.reader())
        .await?;
    rows.iter()
        .map(|row| {
            let id = candidate.to_string();
            let reason: String = row.try_get(1)?;
            let missing = Missing {
                reason: word(&reason, "places", &id, "missing_reason")?,
                note: row.try_get::<Option<String>, _>(2)?.unwrap_or_default(),
                reference: row.try_get(3)?,
                by: row.try_get::<Option<String>, _>(4)?.unwrap_or_default(),
                at: from_micros(row.try_get::<Option<i64>, _>(5)?.unwrap_or_default()),
            };
            Ok((row.try_get(0)?, missing))
        })
        .collect()
}

/// Sets the flag on a locked place.
pub(crate) async fn set_missing(
    tx: &mut Tx,
    sample: SampleId,
    candidate: CandidateId,
    section: &str,
    missing: &Missing,
) -> Result<(), DatabaseError> {
    sqlx::query(
        "UPDATE places SET missing_reason = $4, missing_note = $5, missing_reference = $6, missing_by = $7, \
         missing_at = $8 WHERE sample_id = $1 AND candidate_id = $2 AND section = $3",
    )
    .bind(sample.to_string())
    .bind(candidate.to_string())
    .bind(section.to_owned())
    .bind(missing.reason.as_str())
    .bind(missing.note.as_str())
    .bind(missing.reference.clone())
    .bind(missing.by.as_str())
    .bind(missing.at.as_microsecond())
    .execute(tx.on())
    .await?;
    Ok(())
}

/// Clears the flag of a locked place. `false`: there was none.
pub(crate) async fn clear_missing(
    tx: &mut Tx,
    sample: SampleId,
    candidate: CandidateId,
    section: &str,
) -> Result<bool, DatabaseError> {
    let done = sqlx::query(
        "UPDATE places SET missing_reason = NULL, missing_note = NULL, missing_reference = NULL, \
         missing_by = NULL, missing_at = NULL \
         WHERE sample_id = $1 AND candidate_id = $2 AND section = $3 AND missing_reason IS NOT NULL",
    )
    .bind(sample.to_string())
    .bind(candidate.to_string())
    .bind(section.to_owned())
    .execute(tx.on())
    .await?;
    Ok(done.rows_affected() == 1)
}
