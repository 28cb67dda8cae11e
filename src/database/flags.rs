//! Flags: what people say of a candidate's section in place of (enough) files, and of a candidate who is absent.
//!
//! A section has one flag at most; setting another takes its place.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::error::word;
use super::scope::standing_visible;
use super::{Database, DatabaseError, Tx};
use crate::actor::PersonId;
use crate::candidate::CandidateStatus;
use crate::clock::from_micros;
use crate::evidence::UnknownWord;
use crate::ids::{CandidateId, FileId, SampleId};
use crate::submission::Absent;

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

/// There is nothing to upload, and why.
#[derive(Clone, Debug, Serialize)]
pub struct Missing {
    pub reason: MissingReason,
    pub note: String,
    /// A special-consideration reference.
    pub reference: Option<String>,
    pub by: String,
    pub at: Timestamp,
}

/// How work comes that is not uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Means {
    Posted,
    SeenAtVisit,
    /// Needs a reference.
    Other,
}

impl Means {
    pub const ALL: [Self; 3] = [Self::Posted, Self::SeenAtVisit, Self::Other];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Posted => "posted",
            Self::SeenAtVisit => "seen_at_visit",
            Self::Other => "other",
        }
    }
}

impl std::str::FromStr for Means {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|means| means.as_str() == text).ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

/// Posted, seen at a visit, or sent some other way.
#[derive(Clone, Debug, Serialize)]
pub struct OtherMeans {
    pub means: Means,
    /// What it is found by: a tracking number, a visit's date.
    pub reference: Option<String>,
}

/// A section's flag.
#[derive(Clone, Debug)]
pub enum Flag {
    Missing(Missing),
    OtherMeans(OtherMeans),
    /// Fewer files than asked for: why.
    Incomplete(String),
}

/// Which flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagKind {
    Missing,
    OtherMeans,
    Incomplete,
}

impl Flag {
    pub fn kind(&self) -> FlagKind {
        match self {
            Self::Missing(_) => FlagKind::Missing,
            Self::OtherMeans(_) => FlagKind::OtherMeans,
            Self::Incomplete(_) => FlagKind::Incomplete,
        }
    }
}

impl FlagKind {
    /// The audit trail's word for setting it.
    pub fn set(self) -> &'static str {
        match self {
            Self::Missing => "section.missing_set",
            Self::OtherMeans => "section.other_means_set",
            Self::Incomplete => "section.incomplete_set",
        }
    }

    /// The audit trail's word for its end.
    pub fn cleared(self) -> &'static str {
        match self {
            Self::Missing => "section.missing_cleared",
            Self::OtherMeans => "section.other_means_cleared",
            Self::Incomplete => "section.incomplete_cleared",
        }
    }

    /// The column that is not NULL while it is set.
    fn column(self) -> &'static str {
        match self {
            Self::Missing => "missing_reason",
            Self::OtherMeans => "other_means",
            Self::Incomplete => "incomplete_reason",
        }
    }
}

/// A candidate's section, as the flags know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FlagPlace<'a> {
    pub sample: SampleId,
    /// Candidate id.
    pub candidate: &'a str,
    pub section: &'a str,
}

/// The flags of a candidate's sections: section code and flag.
pub async fn of_candidate(
    db: &Database,
    person: &PersonId,
    sample: SampleId,
    candidate: CandidateId,
) -> Result<Vec<(String, Flag)>, DatabaseError> {
    let sql = format!(
        "SELECT l.section, l.missing_reason, l.missing_note, l.missing_reference, l.missing_by, l.missing_at, \
         l.other_means, l.other_reference, l.incomplete_reason \
         FROM places l JOIN samples s ON s.id = l.sample_id WHERE s.id = $2 AND l.candidate_id = $3 \
         AND (l.missing_reason IS NOT NULL OR l.other_means IS NOT NULL OR l.incomplete_reason IS NOT NULL) \
         AND {} ORDER BY l.section",
        standing_visible!("$1")
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(person.as_str())
        .bind(sample.to_string())
        .bind(candidate.to_string())
        .fetch_all(db.reader())
        .await?;
    let id = candidate.to_string();
    let mut flags = Vec::with_capacity(rows.len());
    for row in &rows {
        if let Some(flag) = flag(row, &id)? {
            flags.push((row.try_get(0)?, flag));
        }
    }
    Ok(flags)
}

fn flag(row: &AnyRow, id: &str) -> Result<Option<Flag>, DatabaseError> {
    let text = |column: usize| row.try_get::<Option<String>, _>(column);
    if let Some(reason) = text(1)? {
        return Ok(Some(Flag::Missing(Missing {
            reason: word(&reason, "places", id, "missing_reason")?,
            note: text(2)?.unwrap_or_default(),
            reference: text(3)?,
            by: text(4)?.unwrap_or_default(),
            at: from_micros(row.try_get::<Option<i64>, _>(5)?.unwrap_or_default()),
        })));
    }
    if let Some(means) = text(6)? {
        let means = word(&means, "places", id, "other_means")?;
        return Ok(Some(Flag::OtherMeans(OtherMeans { means, reference: text(7)? })));
    }
    Ok(text(8)?.map(Flag::Incomplete))
}

/// Sets the flag of a locked place, in place of any other.
pub(crate) async fn set(tx: &mut Tx, place: FlagPlace<'_>, flag: &Flag) -> Result<(), DatabaseError> {
    let (missing, other, incomplete) = match flag {
        Flag::Missing(missing) => (Some(missing), None, None),
        Flag::OtherMeans(other) => (None, Some(other), None),
        Flag::Incomplete(reason) => (None, None, Some(reason)),
    };
    sqlx::query(
        "UPDATE places SET missing_reason = $4, missing_note = $5, missing_reference = $6, missing_by = $7, \
         missing_at = $8, other_means = $9, other_reference = $10, incomplete_reason = $11 \
         WHERE sample_id = $1 AND candidate_id = $2 AND section = $3",
    )
    .bind(place.sample.to_string())
    .bind(place.candidate)
    .bind(place.section)
    .bind(missing.map(|missing| missing.reason.as_str()))
    .bind(missing.map(|missing| missing.note.clone()))
    .bind(missing.and_then(|missing| missing.reference.clone()))
    .bind(missing.map(|missing| missing.by.clone()))
    .bind(missing.map(|missing| missing.at.as_microsecond()))
    .bind(other.map(|other| other.means.as_str()))
    .bind(other.and_then(|other| other.reference.clone()))
    .bind(incomplete.cloned())
    .execute(tx.on())
    .await?;
    Ok(())
}

/// Clears a flag of a locked place. `false`: it was not set.
pub(crate) async fn clear(tx: &mut Tx, place: FlagPlace<'_>, kind: FlagKind) -> Result<bool, DatabaseError> {
    // A place has one flag, so all of its columns go.
    let sql = format!(
        "UPDATE places SET missing_reason = NULL, missing_note = NULL, missing_reference = NULL, missing_by = NULL, \
         missing_at = NULL, other_means = NULL, other_reference = NULL, incomplete_reason = NULL \
         WHERE sample_id = $1 AND candidate_id = $2 AND section = $3 AND {} IS NOT NULL",
        kind.column()
    );
    let done = sqlx::query(AssertSqlSafe(sql))
        .bind(place.sample.to_string())
        .bind(place.candidate)
        .bind(place.section)
        .execute(tx.on())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Clears what a newly accepted file of a locked place makes untrue: Missing, and *incomplete* once there are
/// `needed` files. Returns what went. Other means stay: what was posted was posted.
pub(crate) async fn overtaken(
    tx: &mut Tx,
    place: FlagPlace<'_>,
    needed: u32,
) -> Result<Option<FlagKind>, DatabaseError> {
    if clear(tx, place, FlagKind::Missing).await? {
        return Ok(Some(FlagKind::Missing));
    }
    let accepted: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM files WHERE sample_id = $1 AND candidate_id = $2 AND section = $3 \
         AND kind = 'evidence' AND state = 'accepted'",
    )
    .bind(place.sample.to_string())
    .bind(place.candidate)
    .bind(place.section)
    .fetch_one(tx.on())
    .await?;
    let provided = accepted >= i64::from(needed);
    let gone = provided && clear(tx, place, FlagKind::Incomplete).await?;
    Ok(gone.then_some(FlagKind::Incomplete))
}

/// A candidate's files that are accepted or on their way, oldest first, at most 100.
pub(crate) async fn work_of(
    tx: &mut Tx,
    sample: SampleId,
    candidate: CandidateId,
) -> Result<Vec<FileId>, DatabaseError> {
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT id FROM files WHERE sample_id = $1 AND candidate_id = $2 \
         AND state IN ('created', 'receiving', 'received', 'checking', 'accepted') ORDER BY id LIMIT 100",
    )
    .bind(sample.to_string())
    .bind(candidate.to_string())
    .fetch_all(tx.on())
    .await?;
    ids.into_iter().map(super::files::file_id).collect()
}

/// Makes a candidate of a locked sample absent (`Some`, and who says so) or entered again.
pub(crate) async fn set_absent(
    tx: &mut Tx,
    candidate: CandidateId,
    absent: Option<(&Absent, &PersonId)>,
) -> Result<(), DatabaseError> {
    let status = if absent.is_some() { CandidateStatus::Absent } else { CandidateStatus::Entered };
    sqlx::query(
        "UPDATE candidates SET status = $2, absent_reason = $3, absent_reference = $4, absent_by = $5 \
         WHERE id = $1",
    )
    .bind(candidate.to_string())
    .bind(status.as_str())
    .bind(absent.and_then(|(absent, _)| absent.reason.clone()))
    .bind(absent.and_then(|(absent, _)| absent.reference.clone()))
    .bind(absent.map(|(_, by)| by.as_str()))
    .execute(tx.on())
    .await?;
    Ok(())
}
