//! Samples, their components and candidates: reading them in scope, and locking them.

use jiff::SignedDuration;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::scope::centre_staff;
use super::{DatabaseError, Engine, Tx};
use crate::actor::PersonId;
use crate::candidate::{CandidateNumber, CandidateStatus};
use crate::clock::from_micros;
use crate::component::Component;
use crate::ids::{CandidateId, SampleId};
use crate::sample::{Dates, Sample};

/// The columns [`read`] needs; the alias is `s`.
pub(crate) const COLUMNS: &str = "s.id, s.organisation_id, s.assessment_id, s.component_id, s.series_id, s.occasion, \
     s.centre_number, s.state, s.revision, s.due_at, s.cut_off_at, s.grace_seconds";

/// A sample from its row.
pub(crate) fn read(row: &AnyRow) -> Result<Sample, DatabaseError> {
    let id: String = row.try_get("id")?;
    let text = |column: &'static str| row.try_get::<String, _>(column);
    let broken = |column| DatabaseError::BrokenRow { table: "samples", id: id.clone(), column };
    Ok(Sample {
        id: id.parse().map_err(|_| broken("id"))?,
        organisation: text("organisation_id")?.parse().map_err(|_| broken("organisation_id"))?,
        assessment: text("assessment_id")?.parse().map_err(|_| broken("assessment_id"))?,
        component: text("component_id")?.parse().map_err(|_| broken("component_id"))?,
        series: text("series_id")?.parse().map_err(|_| broken("series_id"))?,
        occasion: text("occasion")?,
        centre: text("centre_number")?.parse().map_err(|_| broken("centre_number"))?,
        state: text("state")?.parse().map_err(|_| broken("state"))?,
        revision: u32::try_from(row.try_get::<i64, _>("revision")?).map_err(|_| broken("revision"))?,
        dates: Dates {
            due_at: from_micros(row.try_get("due_at")?),
            cut_off_at: from_micros(row.try_get("cut_off_at")?),
            grace: SignedDuration::from_secs(row.try_get("grace_seconds")?),
        },
    })
}

/// Locks the sample and returns it with its component and its organisation's time zone, if the person works at its
/// centre. First lock of the order; held with others.
pub(crate) async fn lock_shared(
    tx: &mut Tx,
    person: &PersonId,
    sample: SampleId,
) -> Result<Option<(Sample, Component, String)>, DatabaseError> {
    let suffix = tx.engine().for_share();
    locked(tx, Some(person), sample, suffix).await
}

/// The same for what nobody asks for at this moment: a worker's. No request may come here.
pub(crate) async fn lock_by_worker(
    tx: &mut Tx,
    sample: SampleId,
) -> Result<Option<(Sample, Component, String)>, DatabaseError> {
    let suffix = tx.engine().for_share();
    locked(tx, None, sample, suffix).await
}

/// The same, held against everyone else: for what concerns more than one place.
pub(crate) async fn lock_alone(
    tx: &mut Tx,
    person: &PersonId,
    sample: SampleId,
) -> Result<Option<(Sample, Component, String)>, DatabaseError> {
    let suffix = tx.engine().for_update();
    locked(tx, Some(person), sample, suffix).await
}

async fn locked(
    tx: &mut Tx,
    person: Option<&PersonId>,
    sample: SampleId,
    suffix: &str,
) -> Result<Option<(Sample, Component, String)>, DatabaseError> {
    // Locks the one table alone: the joins are read afterwards.
    let scope = person.map_or("", |_| concat!(" AND ", centre_staff!("$2")));
    let sql = format!("SELECT {COLUMNS} FROM samples s WHERE s.id = $1{scope}{suffix}");
    let query = sqlx::query(AssertSqlSafe(sql)).bind(sample.to_string());
    let query = match person {
        Some(person) => query.bind(person.as_str()),
        None => query,
    };
    let row = query.fetch_optional(tx.on()).await?;
    let Some(sample) = row.as_ref().map(read).transpose()? else { return Ok(None) };
    let row = sqlx::query(
        "SELECT c.definition, o.time_zone FROM components c JOIN organisations o ON o.id = c.organisation_id \
         WHERE c.id = $1",
    )
    .bind(sample.component.as_str())
    .fetch_one(tx.on())
    .await?;
    let component = component(sample.component.as_str(), &row.try_get::<String, _>("definition")?)?;
    let time_zone = row.try_get("time_zone")?;
    Ok(Some((sample, component, time_zone)))
}

/// A component from its definition.
pub(crate) fn component(id: &str, definition: &str) -> Result<Component, DatabaseError> {
    serde_json::from_str(definition).map_err(|_| DatabaseError::BrokenRow {
        table: "components",
        id: id.to_owned(),
        column: "definition",
    })
}

/// A candidate as uploads and flags need it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub id: CandidateId,
    pub status: CandidateStatus,
    pub in_sample: bool,
    /// Open again in a returned sample.
    pub returned: bool,
    /// The sample's dates, or the candidate's own.
    pub dates: Dates,
}

/// A candidate of a sample by number.
pub(crate) async fn candidate(
    tx: &mut Tx,
    sample: &Sample,
    number: &CandidateNumber,
) -> Result<Option<Entry>, DatabaseError> {
    let row = sqlx::query(
        "SELECT id, status, in_sample, returned, due_at, cut_off_at FROM candidates \
         WHERE sample_id = $1 AND number = $2",
    )
    .bind(sample.id.to_string())
    .bind(number.as_str())
    .fetch_optional(tx.on())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let id: String = row.try_get("id")?;
    let broken = |column| DatabaseError::BrokenRow { table: "candidates", id: id.clone(), column };
    let own =
        |column: &'static str| row.try_get::<Option<i64>, _>(column).map(|micros| micros.map(from_micros));
    Ok(Some(Entry {
        id: id.parse().map_err(|_| broken("id"))?,
        status: row.try_get::<String, _>("status")?.parse().map_err(|_| broken("status"))?,
        in_sample: row.try_get::<i64, _>("in_sample")? != 0,
        returned: row.try_get::<i64, _>("returned")? != 0,
        dates: Dates {
            due_at: own("due_at")?.unwrap_or(sample.dates.due_at),
            cut_off_at: own("cut_off_at")?.unwrap_or(sample.dates.cut_off_at),
            grace: sample.dates.grace,
        },
    }))
}

/// Whether all whose work counts are open again in a returned sample: then what belongs to the sample itself is too.
pub(crate) async fn wholly_returned(tx: &mut Tx, sample: SampleId) -> Result<bool, DatabaseError> {
    let locked = sqlx::query(
        "SELECT id FROM candidates WHERE sample_id = $1 AND in_sample = 1 AND status = 'entered' \
         AND returned = 0 LIMIT 1",
    )
    .bind(sample.to_string())
    .fetch_optional(tx.on())
    .await?;
    Ok(locked.is_none())
}

/// Locks a place (made when first needed). Second lock of the order. `candidate`: a candidate's id, or `""`.
pub(crate) async fn lock_place(
    tx: &mut Tx,
    sample: SampleId,
    candidate: &str,
    section: &str,
) -> Result<(), DatabaseError> {
    sqlx::query(
        "INSERT INTO places (sample_id, candidate_id, section) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    )
    .bind(sample.to_string())
    .bind(candidate)
    .bind(section)
    .execute(tx.on())
    .await?;
    // On SQLite a transaction that may write is alone.
    if tx.engine() == Engine::Postgres {
        sqlx::query(
            "SELECT FROM places WHERE sample_id = $1 AND candidate_id = $2 AND section = $3 FOR UPDATE",
        )
        .bind(sample.to_string())
        .bind(candidate)
        .bind(section)
        .execute(tx.on())
        .await?;
    }
    Ok(())
}
