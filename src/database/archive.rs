//! What may be downloaded, by whom: submissions for their moderators and centre, files for their centre and, once
//! submitted, their moderators. Only accepted files have bytes here.

use bytes::Bytes;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::scope::{allocated, centre_staff};
use super::{Database, DatabaseError, samples};
use crate::actor::PersonId;
use crate::archive::{Contents, Entry, Standing, StoredObject, Withheld};
use crate::clock::from_micros;
use crate::evidence::{FileState, OriginalName, Place};
use crate::ids::{FileId, SampleId, SubmissionId};
use crate::sample::Sample;

/// A submitted revision that the person may read.
#[derive(Clone, Debug)]
pub(crate) struct Submission {
    pub id: SubmissionId,
    /// From 1.
    pub revision: u32,
    pub sample: Sample,
    manifest: String,
}

/// A file whose bytes the person may read now.
#[derive(Clone, Debug)]
pub(crate) struct Readable {
    pub sample: SampleId,
    /// The sample's latest; 0 before the first.
    pub revision: u32,
    /// Candidate id, or `""` for a sample document.
    pub candidate: String,
    /// As the files table has it.
    pub section: String,
    pub name: OriginalName,
    pub object: StoredObject,
}

/// `revision`: the latest when `None`. `None`: there is none, or it is not this person's to know of.
pub(crate) async fn submission(
    db: &Database,
    person: &PersonId,
    sample: SampleId,
    revision: Option<u32>,
) -> Result<Option<Submission>, DatabaseError> {
    let sql = format!(
        "SELECT {}, b.id AS submission_id, b.revision AS submitted_revision, b.manifest FROM submissions b \
         JOIN samples s ON s.id = b.sample_id WHERE s.id = $2 AND ($3 = 0 OR b.revision = $3) AND ({} OR {}) \
         ORDER BY b.revision DESC LIMIT 1",
        samples::COLUMNS,
        centre_staff!("$1"),
        allocated!("$1")
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(person.as_str())
        .bind(sample.to_string())
        .bind(revision.map_or(0, i64::from))
        .fetch_optional(db.reader())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let id: String = row.try_get("submission_id")?;
    let broken = |column| DatabaseError::BrokenRow { table: "submissions", id: id.clone(), column };
    let number: i64 = row.try_get("submitted_revision")?;
    Ok(Some(Submission {
        id: id.parse().map_err(|_| broken("id"))?,
        revision: u32::try_from(number).map_err(|_| broken("revision"))?,
        sample: samples::read(&row)?,
        manifest: row.try_get("manifest")?,
    }))
}

/// What a submission's zip can hold, as things stand now; in the order of candidates, sections, folders and names.
/// A sample has hundreds of candidates with a handful of files each, so this is read at once.
pub(crate) async fn contents(db: &Database, submission: Submission) -> Result<Contents, DatabaseError> {
    let rows = sqlx::query(
        "SELECT f.id, f.kind, f.section, f.state, f.original_name, f.path, f.unique_name, f.size, f.sha256, \
         f.crc32, f.received_at, f.unscanned, f.evidence_key, f.evidence_version, f.withheld, c.number \
         FROM submission_files sf \
         JOIN files f ON f.id = sf.file_id LEFT JOIN candidates c ON c.id = f.candidate_id \
         WHERE sf.submission_id = $1",
    )
    .bind(submission.id.to_string())
    .fetch_all(db.reader())
    .await?;
    let mut entries = rows.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    // Here and not in SQL: no collation of a database changes the zip.
    entries.sort_by(|a, b| order(a).cmp(&order(b)));
    let Submission { sample, manifest, .. } = submission;
    Ok(Contents { centre: sample.centre, entries, manifest: Bytes::from(manifest) })
}

fn order(entry: &Entry) -> impl Ord + '_ {
    let candidate = entry.place.candidate();
    (candidate, entry.place.section_word(), &entry.folder, &entry.original_name, &entry.unique_name)
}

fn entry(row: &AnyRow) -> Result<Entry, DatabaseError> {
    let id: String = row.try_get("id")?;
    let broken = |column| DatabaseError::BrokenRow { table: "files", id: id.clone(), column };
    let text = |column: &'static str| row.try_get::<String, _>(column);
    let size: i64 = row.try_get("size")?;
    let file: FileId = id.parse().map_err(|_| broken("id"))?;
    Ok(Entry {
        file,
        place: place(row, &text("kind")?, &text("section")?)?.ok_or_else(|| broken("section"))?,
        folder: text("path")?.parse().map_err(|_| broken("path"))?,
        original_name: text("original_name")?.parse().map_err(|_| broken("original_name"))?,
        unique_name: text("unique_name")?.parse().map_err(|_| broken("unique_name"))?,
        size: u64::try_from(size).map_err(|_| broken("size"))?,
        sha256: text("sha256")?.parse().map_err(|_| broken("sha256"))?,
        received_at: row.try_get::<Option<i64>, _>("received_at")?.map(from_micros),
        unscanned: row.try_get::<i64, _>("unscanned")? != 0,
        standing: standing(row, file)?,
    })
}

/// `None`: the words make no place.
fn place(row: &AnyRow, kind: &str, section: &str) -> Result<Option<Place>, DatabaseError> {
    let number: Option<String> = row.try_get("number")?;
    let candidate = number.and_then(|number| number.parse().ok());
    Ok(match kind {
        "document" => section.parse().ok().map(|document| Place::Document { document }),
        "supporting" => candidate.map(|candidate| Place::Supporting { candidate }),
        "evidence" => candidate
            .zip(section.parse().ok())
            .map(|(candidate, section)| Place::Section { candidate, section }),
        _ => None,
    })
}

fn standing(row: &AnyRow, file: FileId) -> Result<Standing, DatabaseError> {
    let broken = |column| DatabaseError::BrokenRow { table: "files", id: file.to_string(), column };
    let state = row.try_get::<String, _>("state")?.parse().map_err(|_| broken("state"))?;
    let withheld: Option<String> = row.try_get("withheld")?;
    Ok(match state {
        FileState::Accepted if withheld.is_some() => Standing::Withheld(Withheld::Unreadable),
        FileState::Accepted => match object(row, file)? {
            Some(object) => {
                let crc32: Option<i64> = row.try_get("crc32")?;
                let crc32 = crc32.and_then(|crc| u32::try_from(crc).ok()).ok_or_else(|| broken("crc32"))?;
                Standing::Included { object, crc32 }
            }
            None => Standing::Withheld(Withheld::Purged),
        },
        FileState::Quarantined => Standing::Withheld(Withheld::Quarantined),
        _ => Standing::Withheld(Withheld::NotAccepted),
    })
}

/// The evidence object of a file; `None` when its bytes are no longer kept.
fn object(row: &AnyRow, file: FileId) -> Result<Option<StoredObject>, DatabaseError> {
    let broken = |column| DatabaseError::BrokenRow { table: "files", id: file.to_string(), column };
    let Some(key) = row.try_get::<Option<String>, _>("evidence_key")? else { return Ok(None) };
    let key = key.parse().map_err(|_| broken("evidence_key"))?;
    let version: Option<String> = row.try_get("evidence_version")?;
    let version = version.and_then(|text| serde_json::from_str(&text).ok());
    let version = version.ok_or_else(|| broken("evidence_version"))?;
    let sha256 = row.try_get::<String, _>("sha256")?.parse().map_err(|_| broken("sha256"))?;
    StoredObject::new(file, key, version, sha256).map(Some).map_err(|_| broken("evidence_key"))
}

/// A file whose bytes may leave to this person now: accepted, not withheld, and of their centre or in a submission allocated to
/// them. The alias of files is `f`.
macro_rules! readable {
    ($person:literal, $file:literal) => {
        concat!(
            "FROM files f JOIN samples s ON s.id = f.sample_id WHERE f.id = ",
            $file,
            " AND f.state = 'accepted' AND f.withheld IS NULL AND f.evidence_key IS NOT NULL AND (",
            centre_staff!($person),
            " OR (",
            allocated!($person),
            " AND EXISTS (SELECT 1 FROM submission_files sf JOIN submissions b ON b.id = sf.submission_id",
            " WHERE sf.file_id = f.id AND b.sample_id = s.id)))"
        )
    };
}

/// The file, if its bytes may leave to this person now.
pub(crate) async fn readable(
    db: &Database,
    person: &PersonId,
    file: FileId,
) -> Result<Option<Readable>, DatabaseError> {
    let sql = concat!(
        "SELECT f.id, f.sample_id, s.revision, f.candidate_id, f.section, f.original_name, f.sha256, f.evidence_key, ",
        "f.evidence_version ",
        readable!("$1", "$2")
    );
    let row =
        sqlx::query(sql).bind(person.as_str()).bind(file.to_string()).fetch_optional(db.reader()).await?;
    let Some(row) = row else { return Ok(None) };
    let broken = |column| DatabaseError::BrokenRow { table: "files", id: file.to_string(), column };
    Ok(Some(Readable {
        sample: row.try_get::<String, _>("sample_id")?.parse().map_err(|_| broken("sample_id"))?,
        revision: u32::try_from(row.try_get::<i64, _>("revision")?).map_err(|_| broken("revision"))?,
        candidate: row.try_get("candidate_id")?,
        section: row.try_get("section")?,
        name: row.try_get::<String, _>("original_name")?.parse().map_err(|_| broken("original_name"))?,
        object: object(&row, file)?.ok_or_else(|| broken("evidence_key"))?,
    }))
}

/// Whether [`readable`] would find it: asked again for every member of a zip.
pub(crate) async fn may_leave(db: &Database, person: &PersonId, file: FileId) -> Result<bool, DatabaseError> {
    let sql = concat!("SELECT f.id ", readable!("$1", "$2"));
    let row =
        sqlx::query(sql).bind(person.as_str()).bind(file.to_string()).fetch_optional(db.reader()).await?;
    Ok(row.is_some())
}

#[cfg(test)]
pub(crate) mod tests;
