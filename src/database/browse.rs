//! Organisations, assessments and samples, as far as a person may see them.

use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::scope::visible;
use super::{Database, DatabaseError, samples};
use crate::actor::PersonId;
use crate::component::{Component, ComponentId};
use crate::ids::SampleId;
use crate::organisation::AssessmentId;
use crate::sample::Sample;

/// An awarding organisation.
#[derive(Clone, Debug, Serialize)]
pub struct OrganisationRow {
    pub id: String,
    pub name: String,
    pub time_zone: String,
    pub accent: String,
}

/// An assessment with something of it that the person may see.
#[derive(Clone, Debug, Serialize)]
pub struct AssessmentRow {
    pub id: String,
    pub organisation: String,
    pub series: String,
    pub series_name: String,
    pub name: String,
}

/// A sample with the names of what it belongs to.
#[derive(Clone, Debug)]
pub struct SampleRow {
    pub sample: Sample,
    pub component: Component,
    pub centre_name: String,
    pub organisation_name: String,
    pub series_name: String,
    pub assessment_name: String,
    pub time_zone: String,
}

/// What narrows a list of samples. `after`: the last id of the page before.
#[derive(Clone, Debug, Default)]
pub struct SampleFilter {
    pub assessment: Option<AssessmentId>,
    pub component: Option<ComponentId>,
    pub centre: Option<crate::centre::CentreNumber>,
    pub state: Option<crate::sample::SampleState>,
    pub after: Option<SampleId>,
}

/// The organisations of which the person may see a sample, by name.
pub async fn organisations(db: &Database, person: &PersonId) -> Result<Vec<OrganisationRow>, DatabaseError> {
    let sql = concat!(
        "SELECT o.id, o.name, o.time_zone, o.accent FROM organisations o WHERE EXISTS (SELECT 1 FROM samples s ",
        "WHERE s.organisation_id = o.id AND ",
        visible!("$1"),
        ") ORDER BY o.name, o.id LIMIT 200"
    );
    let rows = sqlx::query(sql).bind(person.as_str()).fetch_all(db.reader()).await?;
    let read = |row: &AnyRow| -> Result<_, DatabaseError> {
        Ok(OrganisationRow {
            id: row.try_get(0)?,
            name: row.try_get(1)?,
            time_zone: row.try_get(2)?,
            accent: row.try_get(3)?,
        })
    };
    rows.iter().map(read).collect()
}

/// The assessments of which the person may see a sample, by name.
pub async fn assessments(db: &Database, person: &PersonId) -> Result<Vec<AssessmentRow>, DatabaseError> {
    let sql = concat!(
        "SELECT a.id, a.organisation_id, a.series_id, e.name, a.name FROM assessments a ",
        "JOIN series e ON e.id = a.series_id WHERE EXISTS (SELECT 1 FROM samples s ",
        "WHERE s.assessment_id = a.id AND ",
        visible!("$1"),
        ") ORDER BY a.name, a.id LIMIT 500"
    );
    let rows = sqlx::query(sql).bind(person.as_str()).fetch_all(db.reader()).await?;
    let read = |row: &AnyRow| -> Result<_, DatabaseError> {
        Ok(AssessmentRow {
            id: row.try_get(0)?,
            organisation: row.try_get(1)?,
            series: row.try_get(2)?,
            series_name: row.try_get(3)?,
            name: row.try_get(4)?,
        })
    };
    rows.iter().map(read).collect()
}

const NAMED: &str = "k.definition, n.name AS centre_name, o.name AS organisation_name, o.time_zone, \
     e.name AS series_name, a.name AS assessment_name FROM samples s \
     JOIN components k ON k.id = s.component_id JOIN centres n ON n.number = s.centre_number \
     JOIN organisations o ON o.id = s.organisation_id JOIN series e ON e.id = s.series_id \
     JOIN assessments a ON a.id = s.assessment_id";

fn read(row: &AnyRow) -> Result<SampleRow, DatabaseError> {
    let sample = samples::read(row)?;
    let component = samples::component(sample.component.as_str(), &row.try_get::<String, _>("definition")?)?;
    Ok(SampleRow {
        sample,
        component,
        centre_name: row.try_get("centre_name")?,
        organisation_name: row.try_get("organisation_name")?,
        series_name: row.try_get("series_name")?,
        assessment_name: row.try_get("assessment_name")?,
        time_zone: row.try_get("time_zone")?,
    })
}

/// The samples the person may see, in the order of their ids, at most `limit`.
pub async fn samples(
    db: &Database,
    person: &PersonId,
    filter: &SampleFilter,
    limit: u32,
) -> Result<Vec<SampleRow>, DatabaseError> {
    let sql = format!(
        "SELECT {}, {NAMED} WHERE ($2 = '' OR s.assessment_id = $2) AND ($3 = '' OR s.component_id = $3) \
         AND ($4 = '' OR s.centre_number = $4) AND ($5 = '' OR s.state = $5) AND s.id > $6 AND {} \
         ORDER BY s.id LIMIT $7",
        samples::COLUMNS,
        visible!("$1")
    );
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(person.as_str())
        .bind(text(filter.assessment.as_ref().map(AssessmentId::as_str)))
        .bind(text(filter.component.as_ref().map(ComponentId::as_str)))
        .bind(text(filter.centre.as_ref().map(crate::centre::CentreNumber::as_str)))
        .bind(text(filter.state.map(crate::sample::SampleState::as_str)))
        .bind(filter.after.map_or_else(String::new, |id| id.to_string()))
        .bind(i64::from(limit))
        .fetch_all(db.reader())
        .await?;
    rows.iter().map(read).collect()
}

/// One sample; `None` when unknown or not theirs to know of.
pub async fn sample(
    db: &Database,
    person: &PersonId,
    sample: SampleId,
) -> Result<Option<SampleRow>, DatabaseError> {
    let sql = format!("SELECT {}, {NAMED} WHERE s.id = $2 AND {}", samples::COLUMNS, visible!("$1"));
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(person.as_str())
        .bind(sample.to_string())
        .fetch_optional(db.reader())
        .await?;
    row.as_ref().map(read).transpose()
}
