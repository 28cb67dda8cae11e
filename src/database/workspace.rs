//! What the pages list: samples with the names around them, and files with everything a person asks about one.

use std::collections::HashSet;

use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::scope::{allocated, centre_staff, overseers};
use super::{Database, DatabaseError, samples};
use crate::actor::PersonId;
use crate::clock::from_micros;
use crate::component::Component;
use crate::evidence::{FileState, Reason};
use crate::ids::{FileId, SampleId};
use crate::organisation::{AssessmentId, OrganisationId};
use crate::sample::Sample;

/// Most samples on one page of cards.
const CARDS: i64 = 200;
/// Most files listed of one candidate, or of the sample's documents.
const FILES: i64 = 500;

/// The sample (`s`) exists for the person (a placeholder): centre staff, board and auditors; moderators by allocation,
/// once there is a submission.
macro_rules! reaches {
    ($person:literal) => {
        concat!("(", centre_staff!($person), " OR ", overseers!($person), " OR ", allocated!($person), ")")
    };
}

/// A sample and the names around it.
#[derive(Debug)]
pub(crate) struct SampleLine {
    pub sample: Sample,
    pub component: Component,
    pub organisation: String,
    /// The organisation's time zone, as an IANA name.
    pub time_zone: String,
    pub assessment: String,
    pub series: String,
    pub centre: String,
}

/// Which samples to list; `None` does not narrow.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Narrow<'a> {
    pub sample: Option<SampleId>,
    pub organisation: Option<&'a OrganisationId>,
    pub assessment: Option<&'a AssessmentId>,
}

/// The samples that exist for the person, by due date; at most [`CARDS`].
pub(crate) async fn lines(
    db: &Database,
    person: &PersonId,
    narrow: Narrow<'_>,
) -> Result<Vec<SampleLine>, DatabaseError> {
    let sql = format!(
        "SELECT {}, k.definition, o.name AS organisation, o.time_zone, a.name AS assessment, e.name AS series, \
         c.name AS centre FROM samples s JOIN components k ON k.id = s.component_id \
         JOIN organisations o ON o.id = s.organisation_id JOIN assessments a ON a.id = s.assessment_id \
         JOIN series e ON e.id = s.series_id JOIN centres c ON c.number = s.centre_number \
         WHERE {} AND ($2 = '' OR s.id = $2) AND ($3 = '' OR s.organisation_id = $3) \
         AND ($4 = '' OR s.assessment_id = $4) \
         ORDER BY s.due_at, s.component_id, s.centre_number, s.id LIMIT $5",
        samples::COLUMNS,
        reaches!("$1")
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(person.as_str())
        .bind(narrow.sample.map(|id| id.to_string()).unwrap_or_default())
        .bind(narrow.organisation.map_or("", OrganisationId::as_str))
        .bind(narrow.assessment.map_or("", AssessmentId::as_str))
        .bind(CARDS)
        .fetch_all(db.reader())
        .await?;
    rows.iter().map(line).collect()
}

fn line(row: &AnyRow) -> Result<SampleLine, DatabaseError> {
    let sample = samples::read(row)?;
    let component = samples::component(sample.component.as_str(), &row.try_get::<String, _>("definition")?)?;
    Ok(SampleLine {
        sample,
        component,
        organisation: row.try_get("organisation")?,
        time_zone: row.try_get("time_zone")?,
        assessment: row.try_get("assessment")?,
        series: row.try_get("series")?,
        centre: row.try_get("centre")?,
    })
}

/// A file with everything a person asks about it.
#[derive(Debug)]
pub(crate) struct FileRow {
    pub id: FileId,
    pub sample: SampleId,
    /// `""` for a sample document.
    pub number: String,
    pub candidate: String,
    pub kind: String,
    pub section: String,
    pub state: FileState,
    pub reason: Option<Reason>,
    pub detail: String,
    pub original_name: String,
    pub path: String,
    pub unique_name: Option<String>,
    pub size: Option<u64>,
    pub sha256: Option<String>,
    pub media_type: Option<String>,
    pub late: bool,
    pub unscanned: bool,
    pub duplicate: bool,
    pub created_at: Timestamp,
    pub received_at: Option<Timestamp>,
    pub accepted_at: Option<Timestamp>,
    /// Of an upload: bytes that are safe, and when the last one came.
    pub offset: u64,
    pub last_byte_at: Option<Timestamp>,
}

const FILE_COLUMNS: &str = "f.id, f.sample_id, f.kind, f.section, f.state, f.reason, f.detail, \
f.original_name, f.path, f.unique_name, f.size, f.sha256, f.media_type, f.late, f.unscanned, f.duplicate_of, \
f.created_at, f.received_at, f.accepted_at, u.offset_bytes, u.length, u.last_byte_at, n.number, n.name";

const FILE_TABLES: &str = "files f JOIN samples s ON s.id = f.sample_id LEFT JOIN uploads u ON u.file_id = f.id \
LEFT JOIN candidates n ON n.id = f.candidate_id";

/// The files of a candidate, or (`""`) the sample's documents, oldest first, as their centre sees them: what was
/// replaced, deleted or cancelled is left out. At most [`FILES`].
pub(crate) async fn files_of(
    db: &Database,
    person: &PersonId,
    sample: SampleId,
    candidate: &str,
) -> Result<Vec<FileRow>, DatabaseError> {
    let sql = format!(
        "SELECT {FILE_COLUMNS} FROM {FILE_TABLES} WHERE f.sample_id = $2 AND f.candidate_id = $3 AND {} \
         AND f.state NOT IN ('superseded', 'deleted', 'cancelled') ORDER BY f.created_at, f.id LIMIT $4",
        reaches!("$1")
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(person.as_str())
        .bind(sample.to_string())
        .bind(candidate)
        .bind(FILES)
        .fetch_all(db.reader())
        .await?;
    rows.iter().map(file_row).collect()
}

/// One file, whatever its state.
pub(crate) async fn file(
    db: &Database,
    person: &PersonId,
    file: FileId,
) -> Result<Option<FileRow>, DatabaseError> {
    let sql = format!("SELECT {FILE_COLUMNS} FROM {FILE_TABLES} WHERE f.id = $2 AND {}", reaches!("$1"));
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(person.as_str())
        .bind(file.to_string())
        .fetch_optional(db.reader())
        .await?;
    row.as_ref().map(file_row).transpose()
}

/// Ids of the candidates with a file that was refused, or withdrawn later.
pub(crate) async fn with_problems(
    db: &Database,
    person: &PersonId,
    sample: SampleId,
) -> Result<HashSet<String>, DatabaseError> {
    let sql = format!(
        "SELECT DISTINCT f.candidate_id FROM files f JOIN samples s ON s.id = f.sample_id WHERE f.sample_id = $2 \
         AND f.state IN ('rejected', 'infected', 'unscannable', 'quarantined', 'expired') \
         AND (f.reason IS NULL OR f.reason <> 'duplicate') AND {}",
        reaches!("$1")
    );
    let ids: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(person.as_str())
        .bind(sample.to_string())
        .fetch_all(db.reader())
        .await?;
    Ok(ids.into_iter().collect())
}

/// The accent of an organisation, as it was imported.
pub(crate) async fn accent(
    db: &Database,
    organisation: &OrganisationId,
) -> Result<Option<String>, DatabaseError> {
    Ok(sqlx::query_scalar("SELECT accent FROM organisations WHERE id = $1")
        .bind(organisation.as_str())
        .fetch_optional(db.reader())
        .await?)
}

fn file_row(row: &AnyRow) -> Result<FileRow, DatabaseError> {
    let id: String = row.try_get("id")?;
    let broken = |column| DatabaseError::BrokenRow { table: "files", id: id.clone(), column };
    let text = |column: &'static str| row.try_get::<Option<String>, _>(column);
    let bytes =
        |column: &'static str| row.try_get::<Option<i64>, _>(column).map(|n| n.map(i64::unsigned_abs));
    let time = |column: &'static str| row.try_get::<Option<i64>, _>(column).map(|at| at.map(from_micros));
    let flag = |column: &'static str| row.try_get::<i64, _>(column).map(|flag| flag != 0);
    Ok(FileRow {
        id: id.parse().map_err(|_| broken("id"))?,
        sample: row.try_get::<String, _>("sample_id")?.parse().map_err(|_| broken("sample_id"))?,
        number: text("number")?.unwrap_or_default(),
        candidate: text("name")?.unwrap_or_default(),
        kind: row.try_get("kind")?,
        section: row.try_get("section")?,
        state: row.try_get::<String, _>("state")?.parse().map_err(|_| broken("state"))?,
        reason: text("reason")?.map(|word| word.parse().map_err(|_| broken("reason"))).transpose()?,
        detail: text("detail")?.unwrap_or_default(),
        original_name: row.try_get("original_name")?,
        path: row.try_get("path")?,
        unique_name: text("unique_name")?,
        size: bytes("size")?.or(bytes("length")?),
        sha256: text("sha256")?,
        media_type: text("media_type")?,
        late: flag("late")?,
        unscanned: flag("unscanned")?,
        duplicate: text("duplicate_of")?.is_some(),
        created_at: from_micros(row.try_get("created_at")?),
        received_at: time("received_at")?,
        accepted_at: time("accepted_at")?,
        offset: bytes("offset_bytes")?.unwrap_or_default(),
        last_byte_at: time("last_byte_at")?,
    })
}
