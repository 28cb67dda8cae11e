//! What the pages list: samples with the names around them, and files with everything a person asks about one.

use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::files_read::waits;
use super::scope::{allocated, centre_staff, overseer, visible};
use super::shares::{self, Share};
use super::uploads::bytes_here;
use super::{Database, DatabaseError, samples};
use crate::actor::PersonId;
use crate::archive::Withheld;
use crate::clock::from_micros;
use crate::component::Component;
use crate::evidence::{FileState, Reason, WaitsFor};
use crate::ids::{FileId, SampleId};
use crate::organisation::{AssessmentId, OrganisationId};
use crate::sample::Sample;

/// Most organisations, or assessments of one, that are listed.
const GROUPS: i64 = 1_000;
/// Most files listed of one candidate, or of the sample's documents.
const FILES: i64 = 500;
/// Deleted files of a candidate that are shown.
const DELETED: i64 = 20;
/// Most refused files of a sample that are looked at.
const REFUSED: i64 = 5_000;

/// The person sees the sample (`s`) as its centre does.
macro_rules! works {
    ($person:literal) => {
        concat!("(", centre_staff!($person), " OR ", overseer!($person), ")")
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

/// As whom the person sees a sample.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Lens {
    /// As anybody to whom it exists.
    #[default]
    Any,
    /// As its centre does: centre staff, board and auditors.
    Works,
    /// As its moderator, once there is a submission.
    Moderates,
}

/// Which samples to list; `None` does not narrow. `after`: the last sample of the page before.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Narrow<'a> {
    pub lens: Lens,
    pub sample: Option<SampleId>,
    pub organisation: Option<&'a OrganisationId>,
    pub assessment: Option<&'a AssessmentId>,
    pub after: Option<SampleId>,
}

/// What a [`SampleLine`] has beside [`samples::COLUMNS`], and where both come from.
pub(super) const NAMES: &str = "k.definition, o.name AS organisation, o.time_zone, a.name AS assessment, \
     e.name AS series, c.name AS centre";
pub(super) const LINES: &str = "samples s JOIN components k ON k.id = s.component_id \
     JOIN organisations o ON o.id = s.organisation_id JOIN assessments a ON a.id = s.assessment_id \
     JOIN series e ON e.id = s.series_id JOIN centres c ON c.number = s.centre_number";

/// The samples that exist for the person, by due date; at most `limit`.
pub(crate) async fn lines(
    db: &Database,
    person: &PersonId,
    narrow: Narrow<'_>,
    limit: usize,
) -> Result<Vec<SampleLine>, DatabaseError> {
    let scope = match narrow.lens {
        Lens::Any => visible!("$1"),
        Lens::Works => works!("$1"),
        Lens::Moderates => allocated!("$1"),
    };
    let sql = format!(
        "SELECT {}, {NAMES} FROM {LINES} WHERE {scope} AND ($2 = '' OR s.id = $2) \
         AND ($3 = '' OR s.assessment_id = $3) \
         AND ($6 = '' OR s.organisation_id = $6) \
         AND ($4 = '' OR (s.due_at, s.component_id, s.centre_number, s.id) > \
         (SELECT x.due_at, x.component_id, x.centre_number, x.id FROM samples x WHERE x.id = $4)) \
         ORDER BY s.due_at, s.component_id, s.centre_number, s.id LIMIT $5",
        samples::COLUMNS,
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(person.as_str())
        .bind(narrow.sample.map(|id| id.to_string()).unwrap_or_default())
        .bind(narrow.assessment.map_or("", AssessmentId::as_str))
        .bind(narrow.after.map(|id| id.to_string()).unwrap_or_default())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .bind(narrow.organisation.map_or("", OrganisationId::as_str))
        .fetch_all(db.reader())
        .await?;
    rows.iter().map(line).collect()
}

/// The organisations in which the person works on a sample as its centre does, by name: id, name, and how many of
/// those samples are not submitted.
pub(crate) async fn organisations(
    db: &Database,
    person: &PersonId,
) -> Result<Vec<(String, String, u32)>, DatabaseError> {
    let sql = concat!(
        "SELECT o.id, o.name, COUNT(CASE WHEN s.state <> 'submitted' THEN 1 END) FROM organisations o ",
        "JOIN samples s ON s.organisation_id = o.id WHERE ",
        works!("$1"),
        " GROUP BY o.id, o.name ORDER BY o.name, o.id LIMIT $2"
    );
    let rows = sqlx::query(sql).bind(person.as_str()).bind(GROUPS).fetch_all(db.reader()).await?;
    let number = |row: &AnyRow| row.try_get::<i64, _>(2).map(|all| u32::try_from(all).unwrap_or(u32::MAX));
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, number(row)?))).collect()
}

/// An assessment with a sample that the person works on.
#[derive(Debug)]
pub(crate) struct AssessmentLine {
    pub id: String,
    pub name: String,
    pub series: String,
    pub organisation: String,
}

/// The assessments of an organisation in which the person works on a sample as its centre does, by due date.
pub(crate) async fn assessments(
    db: &Database,
    person: &PersonId,
    organisation: &OrganisationId,
) -> Result<Vec<AssessmentLine>, DatabaseError> {
    let sql = concat!(
        "SELECT a.id, a.name, e.name, o.name FROM samples s JOIN assessments a ON a.id = s.assessment_id ",
        "JOIN series e ON e.id = a.series_id JOIN organisations o ON o.id = s.organisation_id ",
        "WHERE s.organisation_id = $2 AND ",
        works!("$1"),
        " GROUP BY a.id, a.name, e.name, o.name ORDER BY MIN(s.due_at), a.name, a.id LIMIT $3"
    );
    let rows = sqlx::query(sql)
        .bind(person.as_str())
        .bind(organisation.as_str())
        .bind(GROUPS)
        .fetch_all(db.reader())
        .await?;
    let read = |row: &AnyRow| {
        Ok(AssessmentLine {
            id: row.try_get(0)?,
            name: row.try_get(1)?,
            series: row.try_get(2)?,
            organisation: row.try_get(3)?,
        })
    };
    rows.iter().map(read).collect()
}

/// From a row of [`LINES`].
pub(super) fn line(row: &AnyRow) -> Result<SampleLine, DatabaseError> {
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
    /// What its check waits for, and since when.
    pub waits: Option<(WaitsFor, Option<Timestamp>)>,
    /// When a later scan found something in it.
    pub quarantined_at: Option<Timestamp>,
    /// Since when its bytes do not leave, because they are not what was accepted.
    pub withheld_at: Option<Timestamp>,
    /// Of an upload: bytes that are safe, and when the last one came.
    pub offset: u64,
    pub last_byte_at: Option<Timestamp>,
    /// Its place was Missing until it came.
    pub ends_missing: bool,
    /// Who else gets a copy of it, and whose upload it is a copy of (candidate numbers).
    pub shared_with: Vec<Share>,
    pub shared_by: Option<String>,
}

const FILE_COLUMNS: &str = concat!(
    "f.id, f.sample_id, f.kind, f.section, f.state, f.reason, f.detail, \
f.original_name, f.path, f.unique_name, f.size, f.sha256, f.media_type, f.late, f.unscanned, f.duplicate_of, \
f.created_at, f.received_at, f.accepted_at, f.waits_for, f.waits_since, f.quarantined_at, f.withheld_at, ",
    bytes_here!(),
    ", u.length, u.last_byte_at, n.number, n.name, (SELECT COUNT(*) FROM audit a WHERE a.file_id = f.id \
     AND a.action = 'section.missing_cleared') AS ends_missing"
);

const FILE_TABLES: &str = "files f JOIN samples s ON s.id = f.sample_id LEFT JOIN uploads u ON u.file_id = f.id \
LEFT JOIN candidates n ON n.id = f.candidate_id";

/// The files of a candidate, or (`""`) the sample's documents, oldest first, as their centre sees them: what was
/// replaced, deleted, cancelled or dismissed is left out. At most [`FILES`].
pub(crate) async fn files_of(
    db: &Database,
    person: &PersonId,
    sample: SampleId,
    candidate: &str,
) -> Result<Vec<FileRow>, DatabaseError> {
    let rest = "f.state NOT IN ('superseded', 'deleted', 'cancelled') AND f.deleted_at IS NULL \
                ORDER BY f.created_at, f.id";
    let mut files = some_of(db, person, (sample, candidate), rest, FILES).await?;
    // The sample's own documents are shared by nobody.
    if !files.is_empty() && !candidate.is_empty() {
        let mut with = shares::of_candidate(db, sample, candidate).await?;
        let mut by = shares::origins(db, sample, candidate).await?;
        for file in &mut files {
            (file.shared_with, file.shared_by) =
                (with.remove(&file.id).unwrap_or_default(), by.remove(&file.id));
        }
    }
    Ok(files)
}

/// Those that were deleted and can be brought back, the last first. At most [`DELETED`].
pub(crate) async fn deleted_of(
    db: &Database,
    person: &PersonId,
    sample: SampleId,
    candidate: &str,
) -> Result<Vec<FileRow>, DatabaseError> {
    let rest = "f.state = 'deleted' ORDER BY f.deleted_at DESC, f.id";
    some_of(db, person, (sample, candidate), rest, DELETED).await
}

/// `rest`: which of a candidate's files, and in which order.
async fn some_of(
    db: &Database,
    person: &PersonId,
    (sample, candidate): (SampleId, &str),
    rest: &str,
    most: i64,
) -> Result<Vec<FileRow>, DatabaseError> {
    let sql = format!(
        "SELECT {FILE_COLUMNS} FROM {FILE_TABLES} WHERE f.sample_id = $2 AND f.candidate_id = $3 AND {} AND {rest} \
         LIMIT $4",
        visible!("$1")
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(person.as_str())
        .bind(sample.to_string())
        .bind(candidate)
        .bind(most)
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
    let sql = format!("SELECT {FILE_COLUMNS} FROM {FILE_TABLES} WHERE f.id = $2 AND {}", visible!("$1"));
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(person.as_str())
        .bind(file.to_string())
        .fetch_optional(db.reader())
        .await?;
    let Some(mut found) = row.as_ref().map(file_row).transpose()? else { return Ok(None) };
    found.shared_with = shares::of_file(db, file).await?;
    found.shared_by = shares::origin(db, file).await?;
    Ok(Some(found))
}

/// A candidate's file that was refused, was never finished, or was withdrawn later.
#[derive(Debug)]
pub(crate) struct Refused {
    pub candidate_id: String,
    pub kind: String,
    pub section: String,
    pub state: FileState,
    pub original_name: String,
    pub created_at: Timestamp,
}

/// The candidates' refused files that nobody has dismissed; duplicates are none. At most [`REFUSED`], newest first.
pub(crate) async fn refused(
    db: &Database,
    person: &PersonId,
    sample: SampleId,
) -> Result<Vec<Refused>, DatabaseError> {
    let sql = format!(
        "SELECT f.id, f.candidate_id, f.kind, f.section, f.state, f.original_name, f.created_at FROM files f \
         JOIN samples s ON s.id = f.sample_id WHERE f.sample_id = $2 AND f.candidate_id <> '' \
         AND f.state IN ('rejected', 'infected', 'unscannable', 'quarantined', 'expired') \
         AND f.deleted_at IS NULL AND (f.reason IS NULL OR f.reason <> 'duplicate') AND {} ORDER BY f.id DESC LIMIT $3",
        visible!("$1")
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(person.as_str())
        .bind(sample.to_string())
        .bind(REFUSED)
        .fetch_all(db.reader())
        .await?;
    let read = |row: &AnyRow| {
        let id: String = row.try_get("id")?;
        let broken = |column| DatabaseError::BrokenRow { table: "files", id: id.clone(), column };
        Ok(Refused {
            candidate_id: row.try_get("candidate_id")?,
            kind: row.try_get("kind")?,
            section: row.try_get("section")?,
            state: row.try_get::<String, _>("state")?.parse().map_err(|_| broken("state"))?,
            original_name: row.try_get("original_name")?,
            created_at: from_micros(row.try_get("created_at")?),
        })
    };
    rows.iter().map(read).collect()
}

/// A file that a later scan withdrew.
#[derive(Debug)]
pub(crate) struct Withdrawn {
    /// `""` for a sample document.
    pub number: String,
    pub candidate: String,
    pub section: String,
    pub original_name: String,
    /// What was found, in a sentence.
    pub detail: String,
    pub at: Timestamp,
    /// A submission holds it.
    pub submitted: bool,
}

/// The files of a sample that later scans withdrew, latest first, as the sample's centre sees them. At most [`FILES`].
pub(crate) async fn withdrawn(
    db: &Database,
    person: &PersonId,
    sample: SampleId,
) -> Result<Vec<Withdrawn>, DatabaseError> {
    let sql = concat!(
        "SELECT f.section, f.original_name, f.detail, f.quarantined_at, n.number, n.name, ",
        "CASE WHEN EXISTS (SELECT 1 FROM submission_files sf WHERE sf.file_id = f.id) THEN 1 ELSE 0 END AS submitted ",
        "FROM files f JOIN samples s ON s.id = f.sample_id LEFT JOIN candidates n ON n.id = f.candidate_id ",
        "WHERE f.sample_id = $2 AND f.state = 'quarantined' AND ",
        works!("$1"),
        " ORDER BY f.quarantined_at DESC, f.id LIMIT $3"
    );
    let rows = sqlx::query(sql)
        .bind(person.as_str())
        .bind(sample.to_string())
        .bind(FILES)
        .fetch_all(db.reader())
        .await?;
    let text = |row: &AnyRow, column: &'static str| row.try_get::<Option<String>, _>(column);
    rows.iter()
        .map(|row| {
            Ok(Withdrawn {
                number: text(row, "number")?.unwrap_or_default(),
                candidate: text(row, "name")?.unwrap_or_default(),
                section: row.try_get("section")?,
                original_name: row.try_get("original_name")?,
                detail: text(row, "detail")?.unwrap_or_default(),
                at: from_micros(row.try_get::<Option<i64>, _>("quarantined_at")?.unwrap_or_default()),
                submitted: row.try_get::<i64, _>("submitted")? != 0,
            })
        })
        .collect()
}

/// A sample of which later scans withdrew files.
#[derive(Debug)]
pub(crate) struct Bereft {
    pub sample: SampleId,
    pub title: String,
    pub centre: String,
    pub files: u32,
}

/// The samples of which files were withdrawn since then, latest first, at most `limit`: as their centre sees them (in
/// one organisation, where one is named), or as their moderator, of what was submitted.
pub(crate) async fn bereft(
    db: &Database,
    person: &PersonId,
    lens: Lens,
    organisation: Option<&OrganisationId>,
    since: Timestamp,
    limit: usize,
) -> Result<Vec<Bereft>, DatabaseError> {
    let scope = match lens {
        Lens::Any | Lens::Works => works!("$1"),
        Lens::Moderates => concat!(
            "(",
            allocated!("$1"),
            " AND EXISTS (SELECT 1 FROM submission_files sf WHERE sf.file_id = f.id))"
        ),
    };
    let sql = format!(
        "SELECT s.id, k.title, s.centre_number, COUNT(*) AS files, MAX(f.quarantined_at) AS latest FROM files f \
         JOIN samples s ON s.id = f.sample_id JOIN components k ON k.id = s.component_id \
         WHERE f.state = 'quarantined' AND f.quarantined_at >= $2 AND ($3 = '' OR s.organisation_id = $3) AND {scope} \
         GROUP BY s.id, k.title, s.centre_number ORDER BY latest DESC, s.id LIMIT $4"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(person.as_str())
        .bind(since.as_microsecond())
        .bind(organisation.map_or("", OrganisationId::as_str))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(db.reader())
        .await?;
    rows.iter()
        .map(|row| {
            let id: String = row.try_get("id")?;
            let broken = |_| DatabaseError::BrokenRow { table: "samples", id: id.clone(), column: "id" };
            Ok(Bereft {
                sample: id.parse().map_err(broken)?,
                title: row.try_get("title")?,
                centre: row.try_get("centre_number")?,
                files: u32::try_from(row.try_get::<i64, _>("files")?).unwrap_or(u32::MAX),
            })
        })
        .collect()
}

/// The files of a submission that do not leave now, why, and since when where that is known.
pub(crate) async fn withheld(
    db: &Database,
    person: &PersonId,
    sample: SampleId,
    revision: u32,
) -> Result<Vec<(FileId, Withheld, Option<Timestamp>)>, DatabaseError> {
    let sql = format!(
        "SELECT f.id, f.state, f.quarantined_at, f.withheld_at FROM submission_files sf \
         JOIN submissions b ON b.id = sf.submission_id JOIN files f ON f.id = sf.file_id \
         JOIN samples s ON s.id = b.sample_id WHERE b.sample_id = $2 AND b.revision = $3 \
         AND (f.state <> 'accepted' OR f.withheld IS NOT NULL OR f.evidence_key IS NULL) AND {}",
        visible!("$1")
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(person.as_str())
        .bind(sample.to_string())
        .bind(i64::from(revision))
        .fetch_all(db.reader())
        .await?;
    rows.iter()
        .map(|row| {
            let id: String = row.try_get("id")?;
            let broken = |column| DatabaseError::BrokenRow { table: "files", id: id.clone(), column };
            let at =
                |column: &'static str| row.try_get::<Option<i64>, _>(column).map(|at| at.map(from_micros));
            let state = row.try_get::<String, _>("state")?.parse().map_err(|_| broken("state"))?;
            let (why, since) = match (state, at("withheld_at")?) {
                (FileState::Quarantined, _) => (Withheld::Quarantined, at("quarantined_at")?),
                (FileState::Accepted, Some(since)) => (Withheld::Unreadable, Some(since)),
                (FileState::Accepted, None) => (Withheld::Purged, None),
                _ => (Withheld::NotAccepted, None),
            };
            Ok((id.parse().map_err(|_| broken("id"))?, why, since))
        })
        .collect()
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
        waits: waits(text("waits_for")?.as_deref(), time("waits_since")?),
        quarantined_at: time("quarantined_at")?,
        withheld_at: time("withheld_at")?,
        offset: bytes("offset_bytes")?.unwrap_or_default(),
        last_byte_at: time("last_byte_at")?,
        ends_missing: flag("ends_missing")?,
        shared_with: Vec::new(),
        shared_by: None,
    })
}
