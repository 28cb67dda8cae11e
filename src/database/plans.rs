//! Plans of many files: what was told of each, what its person chose, and the upload it became.
//!
//! A plan is its person's alone, and only while they work where its sample is. What the files of a plan are set against
//! ([`people`], [`held`]) is read whole: a plan has a bound, and so have a sample's candidates. The board reads that too,
//! to try how names are read.

use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::error::word;
use super::scope::{centre_staff, overseer};
use super::shares::{self, Share, Shares};
use super::uploads::bytes_here;
use super::{Database, DatabaseError, Tx};
use crate::actor::PersonId;
use crate::bulk::Naming;
use crate::candidate::{CandidateNumber, CandidateStatus};
use crate::clock::from_micros;
use crate::evidence::{FileState, Reason};
use crate::ids::{FileId, PlanId, PlannedId, SampleId};
use crate::sample::{Dates, Sample};

/// Rows that one statement writes.
const ROWS: usize = 200;
/// A centre has no more candidates for a component than this.
const MOST_PEOPLE: i64 = 10_000;

/// A plan as its row says.
#[derive(Clone, Debug)]
pub struct PlanRow {
    pub id: PlanId,
    pub sample: SampleId,
    pub naming: Naming,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub started_at: Option<Timestamp>,
    /// How many files it has.
    pub files: u32,
}

/// A file as its sender tells of it.
#[derive(Clone, Debug)]
pub struct NewPlanned {
    pub name: String,
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// As its sender writes it, `""` for nothing.
    pub modified: String,
}

/// A file of a plan.
#[derive(Clone, Debug)]
pub struct PlannedRow {
    pub position: u32,
    pub name: String,
    pub path: String,
    /// Bytes.
    pub size: u64,
    pub modified: String,
    /// What a person chose: candidates, a section's code or `Supporting` (`""` for nothing), not to be sent.
    pub candidates: Vec<CandidateNumber>,
    pub section: String,
    pub leave_out: bool,
    pub upload: Option<UploadOfPlan>,
}

/// What a planned file became.
#[derive(Clone, Debug)]
pub struct UploadOfPlan {
    pub file: FileId,
    pub state: FileState,
    pub reason: Option<Reason>,
    pub detail: String,
    pub candidate: CandidateNumber,
    pub section: String,
    /// Bytes that are safe.
    pub offset: u64,
    /// Who else gets a copy.
    pub shared_with: Vec<Share>,
}

/// The person's plans, of one sample where one is named; newest first, those that have not run out.
pub async fn list(
    db: &Database,
    person: &PersonId,
    sample: Option<SampleId>,
    now: Timestamp,
) -> Result<Vec<PlanRow>, DatabaseError> {
    let sql = concat!(
        "SELECT p.id, p.sample_id, p.naming, p.created_at, p.expires_at, p.started_at, ",
        "(SELECT COUNT(*) FROM bulk_files b WHERE b.plan_id = p.id) AS files ",
        "FROM bulk_plans p JOIN samples s ON s.id = p.sample_id WHERE p.person_id = $1 AND p.expires_at > $2 ",
        "AND ($3 = '' OR p.sample_id = $3) AND ",
        centre_staff!("$1"),
        " ORDER BY p.id DESC LIMIT 200"
    );
    let rows = sqlx::query(sql)
        .bind(person.as_str())
        .bind(now.as_microsecond())
        .bind(sample.map_or_else(String::new, |id| id.to_string()))
        .fetch_all(db.reader())
        .await?;
    rows.iter().map(read).collect()
}

/// One plan of the person's.
pub async fn find(
    db: &Database,
    person: &PersonId,
    plan: PlanId,
    now: Timestamp,
) -> Result<Option<PlanRow>, DatabaseError> {
    let sql = concat!(
        "SELECT p.id, p.sample_id, p.naming, p.created_at, p.expires_at, p.started_at, ",
        "(SELECT COUNT(*) FROM bulk_files b WHERE b.plan_id = p.id) AS files ",
        "FROM bulk_plans p JOIN samples s ON s.id = p.sample_id WHERE p.id = $3 AND p.person_id = $1 ",
        "AND p.expires_at > $2 AND ",
        centre_staff!("$1")
    );
    let row = sqlx::query(sql)
        .bind(person.as_str())
        .bind(now.as_microsecond())
        .bind(plan.to_string())
        .fetch_optional(db.reader())
        .await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &AnyRow) -> Result<PlanRow, DatabaseError> {
    let id: String = row.try_get("id")?;
    let sample: String = row.try_get("sample_id")?;
    let naming: String = row.try_get("naming")?;
    let broken = |column| DatabaseError::BrokenRow { table: "bulk_plans", id: id.clone(), column };
    Ok(PlanRow {
        id: word(&id, "bulk_plans", &id, "id")?,
        sample: word(&sample, "bulk_plans", &id, "sample_id")?,
        naming: serde_json::from_str(&naming).map_err(|_| broken("naming"))?,
        created_at: from_micros(row.try_get("created_at")?),
        expires_at: from_micros(row.try_get("expires_at")?),
        started_at: row.try_get::<Option<i64>, _>("started_at")?.map(from_micros),
        files: u32::try_from(row.try_get::<i64, _>("files")?).unwrap_or(u32::MAX),
    })
}

/// How many plans the person has that have not run out.
pub(crate) async fn count(tx: &mut Tx, person: &PersonId, now: Timestamp) -> Result<u64, DatabaseError> {
    let count: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM bulk_plans WHERE person_id = $1 AND expires_at > $2")
            .bind(person.as_str())
            .bind(now.as_microsecond())
            .fetch_one(tx.on())
            .await?;
    Ok(count.unsigned_abs())
}

/// Writes a new plan with its files.
pub(crate) async fn insert(
    tx: &mut Tx,
    person: &PersonId,
    plan: &PlanRow,
    files: &[NewPlanned],
) -> Result<(), DatabaseError> {
    let id = plan.id.to_string();
    let naming = serde_json::to_string(&plan.naming).map_err(|_| DatabaseError::BrokenRow {
        table: "bulk_plans",
        id: id.clone(),
        column: "naming",
    })?;
    sqlx::query(
        "INSERT INTO bulk_plans (id, sample_id, person_id, naming, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&id)
    .bind(plan.sample.to_string())
    .bind(person.as_str())
    .bind(naming)
    .bind(plan.created_at.as_microsecond())
    .bind(plan.expires_at.as_microsecond())
    .execute(tx.on())
    .await?;
    for (at, some) in files.chunks(ROWS).enumerate() {
        let values: Vec<String> = (0..some.len())
            .map(|row| {
                let first = 2 + row * 5;
                let rest: Vec<String> = (first..first + 5).map(|number| format!("${number}")).collect();
                format!("($1, {})", rest.join(", "))
            })
            .collect();
        let sql = format!(
            "INSERT INTO bulk_files (plan_id, position, name, path, size, modified) VALUES {}",
            values.join(", ")
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(&id);
        for (row, file) in some.iter().enumerate() {
            query = query
                .bind((at * ROWS + row) as i64)
                .bind(&file.name)
                .bind(&file.path)
                .bind(file.size as i64)
                .bind(&file.modified);
        }
        query.execute(tx.on()).await?;
    }
    Ok(())
}

/// The files of a plan with their uploads, in their order.
pub async fn files(db: &Database, plan: PlanId) -> Result<Vec<PlannedRow>, DatabaseError> {
    let sql = concat!(
        "SELECT b.position, b.name, b.path, b.size, b.modified, b.candidates, b.section, b.leave_out, ",
        "f.id AS file_id, f.state, f.reason, f.detail, f.section AS file_section, n.number, ",
        bytes_here!(),
        " FROM bulk_files b LEFT JOIN files f ON f.id = b.file_id LEFT JOIN candidates n ON n.id = f.candidate_id ",
        "LEFT JOIN uploads u ON u.file_id = f.id WHERE b.plan_id = $1 ORDER BY b.position"
    );
    let rows = sqlx::query(sql).bind(plan.to_string()).fetch_all(db.reader()).await?;
    let mut shares = shares::of_plan(db, plan).await?;
    rows.iter().map(|row| read_file(plan, row, &mut shares)).collect()
}

fn read_file(plan: PlanId, row: &AnyRow, shares: &mut Shares) -> Result<PlannedRow, DatabaseError> {
    let position = u32::try_from(row.try_get::<i64, _>("position")?).unwrap_or(u32::MAX);
    let id = PlannedId { plan, position }.to_string();
    let text = |column: &'static str| row.try_get::<Option<String>, _>(column);
    let bytes =
        |column: &'static str| row.try_get::<Option<i64>, _>(column).map(|n| n.map(i64::unsigned_abs));
    let numbers = |column: &'static str| -> Result<Vec<CandidateNumber>, DatabaseError> {
        let joined: String = row.try_get(column)?;
        let some = joined.split('+').filter(|number| !number.is_empty());
        some.map(|number| word(number, "bulk_files", &id, column)).collect()
    };
    let upload = match (text("file_id")?, text("number")?) {
        (Some(file), Some(number)) => Some(UploadOfPlan {
            shared_with: shares.remove(&word(&file, "bulk_files", &id, "file_id")?).unwrap_or_default(),
            file: word(&file, "bulk_files", &id, "file_id")?,
            state: word(&text("state")?.unwrap_or_default(), "files", &file, "state")?,
            reason: text("reason")?.map(|reason| word(&reason, "files", &file, "reason")).transpose()?,
            detail: text("detail")?.unwrap_or_default(),
            candidate: word(&number, "candidates", &file, "number")?,
            section: text("file_section")?.unwrap_or_default(),
            offset: bytes("offset_bytes")?.unwrap_or_default(),
        }),
        _ => None,
    };
    Ok(PlannedRow {
        position,
        name: row.try_get("name")?,
        path: row.try_get("path")?,
        size: bytes("size")?.unwrap_or_default(),
        modified: row.try_get("modified")?,
        candidates: numbers("candidates")?,
        section: row.try_get("section")?,
        leave_out: row.try_get::<i64, _>("leave_out")? != 0,
        upload,
    })
}

/// Someone entered, as far as a plan asks.
#[derive(Clone, Debug)]
pub(crate) struct PersonRow {
    pub number: CandidateNumber,
    pub name: String,
    pub status: CandidateStatus,
    pub in_sample: bool,
    /// Open again in a returned sample.
    pub returned: bool,
    /// The sample's dates, or the candidate's own.
    pub dates: Dates,
}

/// Everyone of a sample, by number, if the person works at its centre.
pub(crate) async fn people(
    db: &Database,
    person: &PersonId,
    sample: &Sample,
) -> Result<Vec<PersonRow>, DatabaseError> {
    let sql = concat!(
        "SELECT c.id, c.number, c.name, c.status, c.in_sample, c.returned, c.due_at, c.cut_off_at FROM candidates c ",
        "JOIN samples s ON s.id = c.sample_id WHERE s.id = $2 AND (",
        centre_staff!("$1"),
        " OR ",
        overseer!("$1"),
        ") ORDER BY c.number LIMIT $3"
    );
    let rows = sqlx::query(sql)
        .bind(person.as_str())
        .bind(sample.id.to_string())
        .bind(MOST_PEOPLE)
        .fetch_all(db.reader())
        .await?;
    rows.iter()
        .map(|row| {
            let id: String = row.try_get("id")?;
            let text = |column: &'static str| row.try_get::<String, _>(column);
            let own = |column: &'static str| {
                row.try_get::<Option<i64>, _>(column).map(|micros| micros.map(from_micros))
            };
            Ok(PersonRow {
                number: word(&text("number")?, "candidates", &id, "number")?,
                name: row.try_get("name")?,
                status: word(&text("status")?, "candidates", &id, "status")?,
                in_sample: row.try_get::<i64, _>("in_sample")? != 0,
                returned: row.try_get::<i64, _>("returned")? != 0,
                dates: Dates {
                    due_at: own("due_at")?.unwrap_or(sample.dates.due_at),
                    cut_off_at: own("cut_off_at")?.unwrap_or(sample.dates.cut_off_at),
                    grace: sample.dates.grace,
                },
            })
        })
        .collect()
}

/// The first whose work counts, if the person works at the sample's centre: number and name, for an example.
pub(crate) async fn first(
    db: &Database,
    person: &PersonId,
    sample: SampleId,
) -> Result<Option<(CandidateNumber, String)>, DatabaseError> {
    let sql = concat!(
        "SELECT c.id, c.number, c.name FROM candidates c JOIN samples s ON s.id = c.sample_id ",
        "WHERE s.id = $2 AND c.status = 'entered' AND c.in_sample = 1 AND (",
        centre_staff!("$1"),
        " OR ",
        overseer!("$1"),
        ") ORDER BY c.number LIMIT 1"
    );
    let row =
        sqlx::query(sql).bind(person.as_str()).bind(sample.to_string()).fetch_optional(db.reader()).await?;
    row.map(|row| {
        let id: String = row.try_get("id")?;
        let number: String = row.try_get("number")?;
        Ok((word(&number, "candidates", &id, "number")?, row.try_get("name")?))
    })
    .transpose()
}

/// A candidate's file that takes a place.
#[derive(Clone, Debug)]
pub(crate) struct HeldRow {
    pub number: CandidateNumber,
    /// A section's code, or `Supporting`.
    pub section: String,
    pub file: FileId,
    pub name: String,
    /// Bytes; `None` while not known.
    pub size: Option<u64>,
    pub state: FileState,
    /// Of an unfinished upload.
    pub last_byte_at: Option<Timestamp>,
}

/// What takes places in a sample, if the person works at its centre; who waits for a copy of a shared file among them.
pub(crate) async fn held(
    db: &Database,
    person: &PersonId,
    sample: SampleId,
) -> Result<Vec<HeldRow>, DatabaseError> {
    let sql = concat!(
        "SELECT n.number, f.section, f.id, f.original_name, f.size, f.state, ",
        "CASE WHEN u.concat IS NULL THEN u.last_byte_at END AS last_byte_at FROM files f ",
        "JOIN samples s ON s.id = f.sample_id JOIN candidates n ON n.id = f.candidate_id ",
        "LEFT JOIN uploads u ON u.file_id = f.id WHERE f.sample_id = $2 ",
        "AND f.state IN ('created', 'receiving', 'received', 'checking', 'accepted') AND (",
        centre_staff!("$1"),
        " OR ",
        overseer!("$1"),
        ") UNION ALL SELECT h.number, h.section, f.id, f.original_name, f.size, ",
        "CASE f.state WHEN 'accepted' THEN 'checking' ELSE f.state END, ",
        "CASE WHEN u.concat IS NULL THEN u.last_byte_at END FROM shares h JOIN files f ON f.id = h.file_id ",
        "JOIN samples s ON s.id = h.sample_id LEFT JOIN uploads u ON u.file_id = f.id ",
        "WHERE h.sample_id = $2 AND h.state = 'waiting' ",
        "AND f.state IN ('created', 'receiving', 'received', 'checking', 'accepted') AND (",
        centre_staff!("$1"),
        " OR ",
        overseer!("$1"),
        ") ORDER BY 3"
    );
    let rows = sqlx::query(sql).bind(person.as_str()).bind(sample.to_string()).fetch_all(db.reader()).await?;
    rows.iter()
        .map(|row| {
            let id: String = row.try_get("id")?;
            let number: String = row.try_get("number")?;
            let state: FileState = word(&row.try_get::<String, _>("state")?, "files", &id, "state")?;
            let last: Option<i64> = row.try_get("last_byte_at")?;
            Ok(HeldRow {
                number: word(&number, "candidates", &id, "number")?,
                section: row.try_get("section")?,
                name: row.try_get("original_name")?,
                size: row.try_get::<Option<i64>, _>("size")?.map(i64::unsigned_abs),
                state,
                last_byte_at: last.filter(|_| state.is_open()).map(from_micros),
                file: word(&id, "files", &id, "id")?,
            })
        })
        .collect()
}

/// What a person chose for some files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chosen {
    pub candidates: Vec<CandidateNumber>,
    /// A section's code or `Supporting`, `""` for nothing.
    pub section: String,
    pub leave_out: bool,
}

/// Writes what was chosen for these files. How many were there and not yet begun.
pub(crate) async fn choose(
    tx: &mut Tx,
    plan: PlanId,
    positions: &[u32],
    chosen: &Chosen,
) -> Result<u64, DatabaseError> {
    let mut changed = 0;
    for some in positions.chunks(ROWS) {
        let wanted: Vec<String> = (5..5 + some.len()).map(|number| format!("${number}")).collect();
        let sql = format!(
            "UPDATE bulk_files SET candidates = $2, section = $3, leave_out = $4 \
             WHERE plan_id = $1 AND file_id IS NULL AND position IN ({})",
            wanted.join(", ")
        );
        let mut query = sqlx::query(AssertSqlSafe(sql))
            .bind(plan.to_string())
            .bind(joined(&chosen.candidates))
            .bind(&chosen.section)
            .bind(i64::from(chosen.leave_out));
        for position in some {
            query = query.bind(i64::from(*position));
        }
        changed += query.execute(tx.on()).await?.rows_affected();
    }
    Ok(changed)
}

fn joined(numbers: &[CandidateNumber]) -> String {
    numbers.iter().map(CandidateNumber::as_str).collect::<Vec<_>>().join("+")
}

/// Confirms a plan, or what of it is ready by now. `false`: it is gone.
pub(crate) async fn start(
    tx: &mut Tx,
    plan: PlanId,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<bool, DatabaseError> {
    let done = sqlx::query(
        "UPDATE bulk_plans SET started_at = COALESCE(started_at, $2), expires_at = $3 WHERE id = $1",
    )
    .bind(plan.to_string())
    .bind(now.as_microsecond())
    .bind(expires_at.as_microsecond())
    .execute(tx.on())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How an upload for a planned file began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    Done,
    /// No such file in a plan of this person's for this sample.
    Unknown,
    /// The plan is not started, or the file has another name or size.
    Differs,
}

/// Notes the upload of a planned file. Whoever else locks its row waits for nothing more meanwhile.
pub(crate) async fn begin(
    tx: &mut Tx,
    person: &PersonId,
    sample: SampleId,
    planned: PlannedId,
    file: (FileId, &str, Option<u64>),
    now: Timestamp,
) -> Result<Begun, DatabaseError> {
    let (id, name, size) = file;
    let row = sqlx::query(
        "SELECT b.name, b.size, p.started_at FROM bulk_files b JOIN bulk_plans p ON p.id = b.plan_id \
         WHERE p.id = $1 AND b.position = $2 AND p.person_id = $3 AND p.sample_id = $4 AND p.expires_at > $5",
    )
    .bind(planned.plan.to_string())
    .bind(i64::from(planned.position))
    .bind(person.as_str())
    .bind(sample.to_string())
    .bind(now.as_microsecond())
    .fetch_optional(tx.on())
    .await?;
    let Some(row) = row else { return Ok(Begun::Unknown) };
    let same = row.try_get::<String, _>("name")? == name
        && size
            .is_none_or(|size| row.try_get::<i64, _>("size").is_ok_and(|told| told.unsigned_abs() == size));
    if !same || row.try_get::<Option<i64>, _>("started_at")?.is_none() {
        return Ok(Begun::Differs);
    }
    sqlx::query("UPDATE bulk_files SET file_id = $3 WHERE plan_id = $1 AND position = $2")
        .bind(planned.plan.to_string())
        .bind(i64::from(planned.position))
        .bind(id.to_string())
        .execute(tx.on())
        .await?;
    Ok(Begun::Done)
}

/// Forgets a plan. Its uploads go on.
pub(crate) async fn delete(tx: &mut Tx, plan: PlanId) -> Result<(), DatabaseError> {
    for sql in ["DELETE FROM bulk_files WHERE plan_id = $1", "DELETE FROM bulk_plans WHERE id = $1"] {
        sqlx::query(sql).bind(plan.to_string()).execute(tx.on()).await?;
    }
    Ok(())
}

/// The plans that have run out, at most `limit`.
pub(crate) async fn expired(db: &Database, now: Timestamp, limit: i64) -> Result<Vec<PlanId>, DatabaseError> {
    let sql = "SELECT id FROM bulk_plans WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2";
    let ids: Vec<String> =
        sqlx::query_scalar(sql).bind(now.as_microsecond()).bind(limit).fetch_all(db.reader()).await?;
    ids.iter().map(|id| word(id, "bulk_plans", id, "id")).collect()
}
