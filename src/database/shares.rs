//! Files that several candidates share: who gets a copy, and what became of it.
//!
//! A row is made with the upload, for each candidate but the first. It is claimed by moving `due_at` on, by the
//! database's own time; what comes out is written only while that is still as the claim left it, so two workers on one
//! row cannot both write.

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use super::error::word;
use super::files::{file_id, version_text};
use super::{Database, DatabaseError, Tx};
use crate::actor::PersonId;
use crate::candidate::CandidateNumber;
use crate::clock::from_micros;
use crate::evidence::{Place, UniqueName, UnknownWord};
use crate::ids::{FileId, PlanId, SampleId};
use crate::object_store::{ObjectKey, ObjectVersion};
use crate::submission::Sharing;

/// In place of a copy there is a file that they had before.
const THERE: &str = "there";
/// Claims that another worker was faster at, before the next look.
const OVERTAKEN: usize = 10;

/// How far a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShareState {
    /// For the file to be accepted, or to be copied.
    Waiting,
    Made,
    Refused,
}

impl ShareState {
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Made, Self::Refused];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Made => "made",
            Self::Refused => "refused",
        }
    }
}

impl std::str::FromStr for ShareState {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

/// A candidate who shares a file that was sent for another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    pub number: CandidateNumber,
    pub state: ShareState,
    /// Their own file, once it is made; it may have been there before.
    pub copy: Option<FileId>,
    /// Why they do not get it: a stable word and the end of a sentence.
    pub code: String,
    pub detail: String,
}

impl Share {
    /// They did not get it, and have not got it since.
    pub fn is_refused(&self) -> bool {
        self.state == ShareState::Refused
    }
}

/// Those who share each file.
pub(crate) type Shares = HashMap<FileId, Vec<Share>>;

/// What new rows say.
#[derive(Debug)]
pub(crate) struct NewShares<'a> {
    pub file: FileId,
    pub sample: SampleId,
    /// The place of the first candidate's file.
    pub place: &'a Place,
    pub person: &'a PersonId,
    /// The moment by which dates are judged.
    pub begun_at: Timestamp,
    /// Candidate id and number of each.
    pub candidates: &'a [(String, CandidateNumber)],
}

/// Writes who shares a new file.
pub(crate) async fn insert(tx: &mut Tx, new: &NewShares<'_>) -> Result<(), DatabaseError> {
    for (candidate, number) in new.candidates {
        sqlx::query(
            "INSERT INTO shares (file_id, candidate_id, number, sample_id, kind, section, person_id, begun_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(new.file.to_string())
        .bind(candidate)
        .bind(number.as_str())
        .bind(new.sample.to_string())
        .bind(new.place.kind_word())
        .bind(new.place.section_word())
        .bind(new.person.as_str())
        .bind(new.begun_at.as_microsecond())
        .execute(tx.on())
        .await?;
    }
    Ok(())
}

/// `since`: of one that was refused, the same file that the candidate has got in another way since.
const COLUMNS: &str = "h.file_id, h.number, h.state, h.copy_id, h.code, h.detail, CASE WHEN h.state = 'refused' THEN \
     (SELECT MIN(t.id) FROM files t JOIN files o ON o.sha256 = t.sha256 WHERE o.id = h.file_id \
     AND t.sample_id = h.sample_id AND t.candidate_id = h.candidate_id AND t.kind = h.kind AND t.section = h.section \
     AND t.state = 'accepted') END AS since";
/// The first named first.
const ORDER: &str = "ORDER BY h.file_id, h.number";

fn read(row: &AnyRow) -> Result<(FileId, Share), DatabaseError> {
    let id: String = row.try_get("file_id")?;
    let text = |column: &'static str| row.try_get::<String, _>(column);
    let state = word(&text("state")?, "shares", &id, "state")?;
    let optional = |column: &'static str| row.try_get::<Option<String>, _>(column);
    let (state, copy) = match (optional("since")?, optional("copy_id")?) {
        (Some(since), _) => (ShareState::Made, Some(since)),
        (None, copy) => (state, copy.filter(|_| state == ShareState::Made)),
    };
    let share = Share {
        number: word(&text("number")?, "shares", &id, "number")?,
        state,
        copy: copy.map(|copy| word(&copy, "shares", &id, "copy_id")).transpose()?,
        code: text("code")?,
        detail: text("detail")?,
    };
    Ok((file_id(id)?, share))
}

fn gather(rows: &[AnyRow]) -> Result<Shares, DatabaseError> {
    let mut shares = Shares::new();
    for row in rows {
        let (file, share) = read(row)?;
        shares.entry(file).or_default().push(share);
    }
    Ok(shares)
}

/// Those who share a file that is its reader's to see.
pub(crate) async fn of_file(db: &Database, file: FileId) -> Result<Vec<Share>, DatabaseError> {
    let sql = format!("SELECT {COLUMNS} FROM shares h WHERE h.file_id = $1 {ORDER}");
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(file.to_string()).fetch_all(db.reader()).await?;
    Ok(gather(&rows)?.remove(&file).unwrap_or_default())
}

/// Those who share the files of a candidate (by id) that are their reader's to see.
pub(crate) async fn of_candidate(
    db: &Database,
    sample: SampleId,
    candidate: &str,
) -> Result<Shares, DatabaseError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM shares h JOIN files f ON f.id = h.file_id WHERE h.sample_id = $1 \
         AND f.candidate_id = $2 {ORDER}"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(sample.to_string())
        .bind(candidate.to_owned())
        .fetch_all(db.reader())
        .await?;
    gather(&rows)
}

/// Those who share the open uploads of a person.
pub(crate) async fn of_uploads(db: &Database, person: &PersonId) -> Result<Shares, DatabaseError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM shares h JOIN files f ON f.id = h.file_id WHERE h.state = 'waiting' \
         AND f.created_by = $1 AND f.state IN ('created', 'receiving') {ORDER}"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(person.as_str()).fetch_all(db.reader()).await?;
    gather(&rows)
}

/// Those who share the files of a plan.
pub(crate) async fn of_plan(db: &Database, plan: PlanId) -> Result<Shares, DatabaseError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM shares h JOIN bulk_files b ON b.file_id = h.file_id WHERE b.plan_id = $1 {ORDER}"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(plan.to_string()).fetch_all(db.reader()).await?;
    gather(&rows)
}

/// The candidate (by number) whose upload a file was copied from.
pub(crate) async fn origin(db: &Database, file: FileId) -> Result<Option<String>, DatabaseError> {
    Ok(sqlx::query_scalar(
        "SELECT n.number FROM shares h JOIN files f ON f.id = h.file_id JOIN candidates n ON n.id = f.candidate_id \
         WHERE h.copy_id = $1 AND h.state = 'made' AND h.code <> $2 ORDER BY h.file_id LIMIT 1",
    )
    .bind(file.to_string())
    .bind(THERE)
    .fetch_optional(db.reader())
    .await?)
}

/// The candidates (by number) whose uploads the files of a candidate (by id) were copied from.
pub(crate) async fn origins(
    db: &Database,
    sample: SampleId,
    candidate: &str,
) -> Result<HashMap<FileId, String>, DatabaseError> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT c.id, n.number FROM shares h JOIN files c ON c.id = h.copy_id JOIN files f ON f.id = h.file_id \
         JOIN candidates n ON n.id = f.candidate_id \
         WHERE h.sample_id = $1 AND h.candidate_id = $2 AND h.state = 'made' AND h.code <> $3",
    )
    .bind(sample.to_string())
    .bind(candidate)
    .bind(THERE)
    .fetch_all(db.reader())
    .await?;
    rows.into_iter().map(|(file, number)| Ok((file_id(file)?, number))).collect()
}

/// The copies of a sample that are not made yet.
pub(super) async fn waiting(on: &mut AnyConnection, sample: SampleId) -> Result<Vec<Sharing>, DatabaseError> {
    let rows = sqlx::query(
        "SELECT h.file_id, h.candidate_id, h.number, h.section, f.original_name FROM shares h \
         JOIN files f ON f.id = h.file_id WHERE h.sample_id = $1 AND h.state = 'waiting' \
         ORDER BY h.file_id, h.number",
    )
    .bind(sample.to_string())
    .fetch_all(on)
    .await?;
    rows.iter()
        .map(|row| {
            let id: String = row.try_get("file_id")?;
            Ok(Sharing {
                candidate_id: row.try_get("candidate_id")?,
                number: word(&row.try_get::<String, _>("number")?, "shares", &id, "number")?,
                section: row.try_get("section")?,
                original_name: row.try_get("original_name")?,
                file: file_id(id)?,
            })
        })
        .collect()
}

/// A row that a worker has claimed.
#[derive(Clone, Debug)]
pub(crate) struct Claimed {
    pub file: FileId,
    /// Candidate id.
    pub candidate: String,
    /// As the claim left it: whoever else claims the row changes it.
    due_at: i64,
}

/// The rows whose file has come to an end, whichever, and that nobody has claimed.
fn due(now: &str) -> String {
    format!(
        "FROM shares h JOIN files f ON f.id = h.file_id WHERE h.state = 'waiting' AND h.due_at <= {now} \
         AND f.state NOT IN ('created', 'receiving', 'received', 'checking')"
    )
}

/// Whether there is something to claim.
pub(crate) async fn is_any_due(db: &Database) -> Result<bool, DatabaseError> {
    let sql = format!("SELECT h.file_id {} LIMIT 1", due(db.engine().now()));
    let found: Option<String> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_optional(db.reader()).await?;
    Ok(found.is_some())
}

/// Claims the row that has waited longest.
pub(crate) async fn claim(tx: &mut Tx, ttl_micros: i64) -> Result<Option<Claimed>, DatabaseError> {
    let now = tx.engine().now();
    let next = format!(
        "SELECT h.file_id, h.candidate_id {} ORDER BY h.due_at, h.file_id, h.candidate_id LIMIT 1",
        due(now)
    );
    let take = format!(
        "UPDATE shares SET due_at = {now} + $3 WHERE file_id = $1 AND candidate_id = $2 AND state = 'waiting' \
         AND due_at <= {now} RETURNING due_at"
    );
    for _ in 0..OVERTAKEN {
        let found: Option<(String, String)> =
            sqlx::query_as(AssertSqlSafe(next.clone())).fetch_optional(tx.on()).await?;
        let Some((file, candidate)) = found else { return Ok(None) };
        let due_at: Option<i64> = sqlx::query_scalar(AssertSqlSafe(take.clone()))
            .bind(&file)
            .bind(&candidate)
            .bind(ttl_micros)
            .fetch_optional(tx.on())
            .await?;
        if let Some(due_at) = due_at {
            return Ok(Some(Claimed { file: file_id(file)?, candidate, due_at }));
        }
    }
    Ok(None)
}

/// Keeps a claim alive. `false`: it is lost.
pub(crate) async fn renew(
    db: &Database,
    claimed: &mut Claimed,
    ttl_micros: i64,
) -> Result<bool, DatabaseError> {
    let mut tx = db.begin().await?;
    let moved = move_on(&mut tx, claimed, ttl_micros).await?;
    tx.commit_quietly().await?;
    if let Some(due_at) = moved {
        claimed.due_at = due_at;
    }
    Ok(moved.is_some())
}

/// Lets a claim go; the row is looked at again after a while.
pub(crate) async fn put_off(tx: &mut Tx, claimed: &Claimed, wait_micros: i64) -> Result<(), DatabaseError> {
    move_on(tx, claimed, wait_micros).await?;
    Ok(())
}

async fn move_on(tx: &mut Tx, claimed: &Claimed, micros: i64) -> Result<Option<i64>, DatabaseError> {
    let sql = format!(
        "UPDATE shares SET due_at = {} + $4 WHERE file_id = $1 AND candidate_id = $2 AND state = 'waiting' \
         AND due_at = $3 RETURNING due_at",
        tx.engine().now()
    );
    let moved = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(claimed.file.to_string())
        .bind(&claimed.candidate)
        .bind(claimed.due_at)
        .bind(micros)
        .fetch_optional(tx.on())
        .await?;
    Ok(moved)
}

/// A claimed row.
#[derive(Clone, Debug)]
pub(crate) struct ShareRow {
    pub sample: SampleId,
    pub place: Place,
    pub begun_at: Timestamp,
    /// The copy that was begun, and its name.
    pub copy: Option<(FileId, UniqueName)>,
}

/// What is to be copied for whom; `None`: the claim is lost.
pub(crate) async fn claimed(tx: &mut Tx, claimed: &Claimed) -> Result<Option<ShareRow>, DatabaseError> {
    let row = sqlx::query(
        "SELECT sample_id, number, kind, section, begun_at, copy_id, copy_name FROM shares \
         WHERE file_id = $1 AND candidate_id = $2 AND state = 'waiting' AND due_at = $3",
    )
    .bind(claimed.file.to_string())
    .bind(&claimed.candidate)
    .bind(claimed.due_at)
    .fetch_optional(tx.on())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let id = claimed.file.to_string();
    let text = |column: &'static str| row.try_get::<String, _>(column);
    let optional = |column: &'static str| row.try_get::<Option<String>, _>(column);
    let candidate = word(&text("number")?, "shares", &id, "number")?;
    let place = match text("kind")?.as_str() {
        "supporting" => Place::Supporting { candidate },
        _ => {
            let broken = |_| DatabaseError::BrokenRow { table: "shares", id: id.clone(), column: "section" };
            Place::Section { candidate, section: text("section")?.parse().map_err(broken)? }
        }
    };
    let copy = match (optional("copy_id")?, optional("copy_name")?) {
        (Some(copy), Some(name)) => {
            Some((word(&copy, "shares", &id, "copy_id")?, word(&name, "shares", &id, "copy_name")?))
        }
        _ => None,
    };
    Ok(Some(ShareRow {
        sample: word(&text("sample_id")?, "shares", &id, "sample_id")?,
        place,
        begun_at: from_micros(row.try_get("begun_at")?),
        copy,
    }))
}

/// The accepted file in whose favour this one was refused, because the same was there already.
pub(crate) async fn stands_for(tx: &mut Tx, file: FileId) -> Result<Option<FileId>, DatabaseError> {
    let found: Option<String> = sqlx::query_scalar(
        "SELECT t.id FROM files f JOIN files t ON t.sample_id = f.sample_id AND t.candidate_id = f.candidate_id \
         AND t.kind = f.kind AND t.section = f.section AND t.sha256 = f.sha256 AND t.state = 'accepted' \
         WHERE f.id = $1 AND f.state = 'rejected' AND f.reason = 'duplicate' ORDER BY t.id LIMIT 1",
    )
    .bind(file.to_string())
    .fetch_optional(tx.on())
    .await?;
    found.map(file_id).transpose()
}

/// Notes the copy that is about to be made.
pub(crate) async fn begin(
    tx: &mut Tx,
    claimed: &Claimed,
    copy: FileId,
    name: &UniqueName,
) -> Result<(), DatabaseError> {
    sqlx::query(
        "UPDATE shares SET copy_id = $4, copy_name = $5 \
         WHERE file_id = $1 AND candidate_id = $2 AND state = 'waiting' AND due_at = $3",
    )
    .bind(claimed.file.to_string())
    .bind(&claimed.candidate)
    .bind(claimed.due_at)
    .bind(copy.to_string())
    .bind(name.as_str())
    .execute(tx.on())
    .await?;
    Ok(())
}

/// What became of a claimed row.
#[derive(Clone, Debug)]
pub(crate) enum Settled<'a> {
    Made(FileId),
    /// They had the same before: this file.
    There(FileId),
    Refused {
        code: &'a str,
        detail: &'a str,
    },
}

/// Writes it. `false`: the claim is lost, and nothing was written.
pub(crate) async fn settle(
    tx: &mut Tx,
    claimed: &Claimed,
    settled: &Settled<'_>,
) -> Result<bool, DatabaseError> {
    let (state, copy, code, detail) = match settled {
        Settled::Made(copy) => (ShareState::Made, Some(copy.to_string()), "", ""),
        Settled::There(file) => (ShareState::Made, Some(file.to_string()), THERE, ""),
        Settled::Refused { code, detail } => (ShareState::Refused, None, *code, *detail),
    };
    let done = sqlx::query(
        "UPDATE shares SET state = $4, copy_id = $5, code = $6, detail = $7 \
         WHERE file_id = $1 AND candidate_id = $2 AND state = 'waiting' AND due_at = $3",
    )
    .bind(claimed.file.to_string())
    .bind(&claimed.candidate)
    .bind(claimed.due_at)
    .bind(state.as_str())
    .bind(copy)
    .bind(code)
    .bind(detail)
    .execute(tx.on())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A copy about to be a file of its own.
#[derive(Debug)]
pub(crate) struct Copied<'a> {
    /// The locked file it is a copy of.
    pub of: FileId,
    pub file: FileId,
    /// Candidate id.
    pub candidate: &'a str,
    pub place: &'a Place,
    pub name: &'a UniqueName,
    pub key: &'a ObjectKey,
    pub version: &'a ObjectVersion,
    pub late: bool,
    /// When its upload was begun.
    pub begun_at: Timestamp,
    pub now: Timestamp,
}

/// Writes it: accepted, by the verdict that its bytes have.
pub(crate) async fn write(tx: &mut Tx, copied: &Copied<'_>) -> Result<(), DatabaseError> {
    sqlx::query(
        "INSERT INTO files (id, sample_id, candidate_id, kind, section, state, original_name, path, declared_type, \
         media_type, modified, size, sha256, client_sha256, crc32, unique_name, duplicate_of, late, unscanned, \
         created_by, created_at, received_at, checked_at, accepted_at, evidence_key, evidence_version, verdict, engine, \
         signatures, scanned_at, signatures_at, rescan_rank, by_member) \
         SELECT $2, sample_id, $3, $4, $5, 'accepted', original_name, path, declared_type, media_type, modified, size, \
         sha256, client_sha256, crc32, $6, duplicate_of, $7, unscanned, created_by, $8, received_at, checked_at, $9, \
         $10, $11, verdict, engine, signatures, scanned_at, signatures_at, rescan_rank, by_member \
         FROM files WHERE id = $1",
    )
    .bind(copied.of.to_string())
    .bind(copied.file.to_string())
    .bind(copied.candidate)
    .bind(copied.place.kind_word())
    .bind(copied.place.section_word())
    .bind(copied.name.as_str())
    .bind(i64::from(copied.late))
    .bind(copied.begun_at.as_microsecond())
    .bind(copied.now.as_microsecond())
    .bind(copied.key.path())
    .bind(version_text(copied.version)?)
    .execute(tx.on())
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::archive::tests::{ESSAY, World};
    use crate::database::tests::on_postgres;

    const SECOND: i64 = 1_000_000;

    /// A world whose essay, accepted, two more candidates share.
    async fn worlds() -> [World; 2] {
        let folder = || tempfile::tempdir().unwrap();
        let embedded = folder();
        let file = format!("sqlite://{}/t.db?mode=rwc", embedded.path().display());
        [shared(&file, embedded).await, shared(&on_postgres("shares").await, folder()).await]
    }

    async fn shared(url: &str, folder: tempfile::TempDir) -> World {
        let db = Database::connect(url, 4).await.unwrap();
        db.migrate().await.unwrap();
        let world = World::of(db, folder).await;
        for number in ["0007", "0002"] {
            world
                .run(&format!(
                    "INSERT INTO shares (file_id, candidate_id, number, sample_id, kind, section, person_id, begun_at) \
                     SELECT id, 'c{number}', '{number}', sample_id, 'evidence', 'URS', created_by, 5 FROM files \
                     WHERE id = '{ESSAY}'"
                ))
                .await;
        }
        world
    }

    async fn claimed_of(world: &World, ttl: i64) -> Option<Claimed> {
        let mut tx = world.db.begin().await.unwrap();
        let claimed = claim(&mut tx, ttl).await.unwrap();
        tx.commit().await.unwrap();
        claimed
    }

    async fn settled(world: &World, claimed: &Claimed, what: &Settled<'_>) -> bool {
        let mut tx = world.db.begin().await.unwrap();
        let done = settle(&mut tx, claimed, what).await.unwrap();
        tx.commit().await.unwrap();
        done
    }

    #[tokio::test]
    async fn one_row_is_one_workers_and_only_they_write_what_came_of_it() {
        for world in worlds().await {
            let first = claimed_of(&world, 60 * SECOND).await.unwrap();
            assert_eq!(first.candidate, "c0002");
            let mut second = claimed_of(&world, 0).await.unwrap();
            assert_eq!(second.candidate, "c0007", "what another has is passed over");
            // Its time is over at once, and another has it.
            let third = claimed_of(&world, 60 * SECOND).await.unwrap();
            assert_eq!(third.candidate, "c0007");
            assert!(claimed_of(&world, SECOND).await.is_none());
            let file = FileId::new();
            assert!(!settled(&world, &second, &Settled::Made(file)).await, "it was too late");
            assert!(!renew(&world.db, &mut second, SECOND).await.unwrap());
            let mut tx = world.db.begin().await.unwrap();
            assert!(claimed(&mut tx, &second).await.unwrap().is_none());
            let row = claimed(&mut tx, &third).await.unwrap().unwrap();
            assert_eq!((row.begun_at.as_microsecond(), row.place.section_word()), (5, "URS"));
            drop(tx);
            let mut kept = third.clone();
            assert!(renew(&world.db, &mut kept, 60 * SECOND).await.unwrap());
            let refused = Settled::Refused { code: "absent", detail: "they are absent" };
            assert!(!settled(&world, &third, &refused).await, "it goes by the renewed claim");
            assert!(settled(&world, &kept, &refused).await);
            assert!(settled(&world, &first, &Settled::There(file)).await);
            let told = of_file(&world.db, first.file).await.unwrap();
            let told: Vec<_> = told.iter().map(|one| (one.number.as_str(), one.state, one.copy)).collect();
            assert_eq!(told, [("0002", ShareState::Made, Some(file)), ("0007", ShareState::Refused, None)]);
            assert!(!is_any_due(&world.db).await.unwrap());
        }
    }

    #[tokio::test]
    async fn nothing_is_due_before_its_file_has_come_to_an_end() {
        for world in worlds().await {
            for state in ["created", "receiving", "received", "checking"] {
                world.run(&format!("UPDATE files SET state = '{state}' WHERE id = '{ESSAY}'")).await;
                assert!(!is_any_due(&world.db).await.unwrap(), "{state}");
                assert!(claimed_of(&world, SECOND).await.is_none(), "{state}");
            }
            world.run(&format!("UPDATE files SET state = 'cancelled' WHERE id = '{ESSAY}'")).await;
            assert!(is_any_due(&world.db).await.unwrap());
            let first = claimed_of(&world, 60 * SECOND).await.unwrap();
            let mut tx = world.db.begin().await.unwrap();
            put_off(&mut tx, &first, 0).await.unwrap();
            tx.commit().await.unwrap();
            assert!(claimed_of(&world, 0).await.is_some());
        }
    }

    #[test]
    fn every_word_reads_back() {
        for state in ShareState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
    }
}
