//! What a refused request was about: for the audit trail alone, which tells of it, and never for an answer.

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::{Database, DatabaseError, samples};
use crate::actor::PersonId;
use crate::component::Component;
use crate::ids::{FileId, SampleId};
use crate::sample::Sample;

/// A sample that was asked for, or that holds a file that was.
#[derive(Debug)]
pub(crate) struct Subject {
    pub sample: Sample,
    pub component: Component,
    /// Candidate id of the file; `""` without.
    pub candidate: String,
    /// Section code of the file; `""` without.
    pub section: String,
    /// A file that the person cannot see, whatever they may do to its sample.
    pub hidden: bool,
}

/// The sample of this id, whoever asks.
pub(crate) async fn sample(db: &Database, sample: SampleId) -> Result<Option<Subject>, DatabaseError> {
    let columns = samples::COLUMNS;
    let sql = format!(
        "SELECT {columns}, c.definition FROM samples s JOIN components c ON c.id = s.component_id WHERE s.id = $1"
    );
    let row = sqlx::query(AssertSqlSafe(sql)).bind(sample.to_string()).fetch_optional(db.reader()).await?;
    row.map(|row| subject(&row, String::new(), String::new(), false)).transpose()
}

/// The file of this id, whoever asks; and whether `person` can see it.
pub(crate) async fn file(
    db: &Database,
    person: &PersonId,
    file: FileId,
) -> Result<Option<Subject>, DatabaseError> {
    let columns = samples::COLUMNS;
    let visible = super::scope::file_visible!("$2");
    let sql = format!(
        "SELECT {columns}, c.definition, f.candidate_id, f.section, \
         CAST(CASE WHEN {visible} THEN 0 ELSE 1 END AS BIGINT) AS hidden \
         FROM files f JOIN samples s ON s.id = f.sample_id JOIN components c ON c.id = s.component_id \
         WHERE f.id = $1"
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(file.to_string())
        .bind(person.as_str())
        .fetch_optional(db.reader())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let hidden = row.try_get::<i64, _>("hidden")? != 0;
    subject(&row, row.try_get("candidate_id")?, row.try_get("section")?, hidden).map(Some)
}

fn subject(row: &AnyRow, candidate: String, section: String, hidden: bool) -> Result<Subject, DatabaseError> {
    let sample = samples::read(row)?;
    let definition: String = row.try_get("definition")?;
    let component = samples::component(sample.component.as_str(), &definition)?;
    Ok(Subject { sample, component, candidate, section, hidden })
}
