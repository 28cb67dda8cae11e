//! Reads how a sample stands: candidates, files, notes.

use std::collections::HashMap;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::uploads::bytes_here;
use super::{DatabaseError, samples, shares, submissions};
use crate::clock::from_micros;
use crate::component::Component;
use crate::sample::Sample;
use crate::submission::{Absent, Answer, CandidateFacts, FileFacts, Missing, Notes, OtherMeans, Standing};

/// The sample with what is in it. Files are read before notes: what an accepted file clears is then cleared.
pub(super) async fn read(on: &mut AnyConnection, sample: Sample) -> Result<Standing, DatabaseError> {
    let (component, time_zone) = component(on, &sample).await?;
    let id = sample.id.to_string();
    let files = sqlx::query(concat!(
        "SELECT f.id, f.candidate_id, f.kind, f.section, f.state, f.original_name, f.path, f.unique_name, f.size, \
         f.sha256, f.crc32, f.media_type, f.modified, f.late, f.unscanned, f.withheld, f.duplicate_of, f.created_at, \
         f.received_at, f.accepted_at, u.last_byte_at, u.length, ",
        bytes_here!(),
        " FROM files f LEFT JOIN uploads u ON u.file_id = f.id WHERE f.sample_id = $1 \
         AND f.state IN ('created', 'receiving', 'received', 'checking', 'accepted') ORDER BY f.created_at, f.id"
    ))
    .bind(&id)
    .fetch_all(&mut *on)
    .await?;
    let candidates = sqlx::query(
        "SELECT id, number, name, mark, status, in_sample, due_at, cut_off_at, \
         absent_reason, absent_reference FROM candidates \
         WHERE sample_id = $1 ORDER BY number",
    )
    .bind(&id)
    .fetch_all(&mut *on)
    .await?;
    let notes = sqlx::query(
        "SELECT candidate_id, section, missing_reason, missing_note, missing_reference, other_means, \
         other_reference, incomplete_reason FROM places WHERE sample_id = $1",
    )
    .bind(&id)
    .fetch_all(&mut *on)
    .await?;
    let sharing = shares::waiting(on, sample.id).await?;
    let ticks = submissions::ticks(on, sample.id, sample.revision + 1).await?;
    Ok(Standing {
        sample,
        component,
        time_zone,
        candidates: candidates.iter().map(candidate).collect::<Result<_, _>>()?,
        notes: notes.iter().map(note).collect::<Result<HashMap<_, _>, DatabaseError>>()?,
        files: files.iter().map(file).collect::<Result<_, _>>()?,
        sharing,
        ticked: ticks
            .into_iter()
            .map(|tick| Answer { id: tick.id, version: tick.version, accepted: true })
            .collect(),
    })
}

/// The sample's component, and its organisation's time zone.
pub(super) async fn component(
    on: &mut AnyConnection,
    sample: &Sample,
) -> Result<(Component, String), DatabaseError> {
    let row = sqlx::query(
        "SELECT c.definition, o.time_zone FROM components c JOIN organisations o ON o.id = c.organisation_id \
         WHERE c.id = $1",
    )
    .bind(sample.component.as_str())
    .fetch_one(on)
    .await?;
    let component = samples::component(sample.component.as_str(), &row.try_get::<String, _>("definition")?)?;
    Ok((component, row.try_get("time_zone")?))
}

fn candidate(row: &AnyRow) -> Result<CandidateFacts, DatabaseError> {
    let id: String = row.try_get("id")?;
    let broken = |column| DatabaseError::BrokenRow { table: "candidates", id: id.clone(), column };
    let own = |column: &'static str| row.try_get::<Option<i64>, _>(column).map(|at| at.map(from_micros));
    Ok(CandidateFacts {
        number: row.try_get::<String, _>("number")?.parse().map_err(|_| broken("number"))?,
        name: row.try_get("name")?,
        mark: row.try_get("mark")?,
        status: row.try_get::<String, _>("status")?.parse().map_err(|_| broken("status"))?,
        in_sample: row.try_get::<i64, _>("in_sample")? != 0,
        absent: Absent::of(row.try_get("absent_reason")?, row.try_get("absent_reference")?),
        due_at: own("due_at")?,
        cut_off_at: own("cut_off_at")?,
        id: id.clone(),
    })
}

fn note(row: &AnyRow) -> Result<((String, String), Notes), DatabaseError> {
    let text = |column: &'static str| row.try_get::<Option<String>, _>(column);
    let (note, reference) = (text("missing_note")?, text("missing_reference")?);
    let other = text("other_reference")?;
    let notes = Notes {
        missing: text("missing_reason")?.map(|reason| Missing { reason, note, reference }),
        other_means: text("other_means")?.map(|means| OtherMeans { means, reference: other }),
        incomplete: text("incomplete_reason")?,
    };
    Ok(((row.try_get("candidate_id")?, row.try_get("section")?), notes))
}

fn file(row: &AnyRow) -> Result<FileFacts, DatabaseError> {
    let id: String = row.try_get("id")?;
    let broken = |column| DatabaseError::BrokenRow { table: "files", id: id.clone(), column };
    let text = |column: &'static str| row.try_get::<Option<String>, _>(column);
    let number = |column: &'static str| row.try_get::<Option<i64>, _>(column);
    let flag = |column: &'static str| row.try_get::<i64, _>(column).map(|flag| flag != 0);
    let (offset, length) = (number("offset_bytes")?, number("length")?);
    Ok(FileFacts {
        id: id.parse().map_err(|_| broken("id"))?,
        candidate_id: row.try_get("candidate_id")?,
        kind: row.try_get("kind")?,
        section: row.try_get("section")?,
        state: row.try_get::<String, _>("state")?.parse().map_err(|_| broken("state"))?,
        original_name: row.try_get("original_name")?,
        path: row.try_get("path")?,
        unique_name: text("unique_name")?,
        size: number("size")?,
        sha256: text("sha256")?.map(|text| text.parse().map_err(|_| broken("sha256"))).transpose()?,
        crc32: number("crc32")?,
        media_type: text("media_type")?,
        modified: text("modified")?,
        late: flag("late")?,
        unscanned: flag("unscanned")?,
        withheld: text("withheld")?.is_some(),
        duplicate: text("duplicate_of")?.is_some(),
        created_at: from_micros(row.try_get("created_at")?),
        received_at: number("received_at")?.map(from_micros),
        accepted_at: number("accepted_at")?.map(from_micros),
        last_byte_at: number("last_byte_at")?.map(from_micros),
        whole: offset.is_some() && offset == length,
    })
}
