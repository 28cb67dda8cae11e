//! Writes reference data: one transaction, idempotent.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::audit::{self, By, Entry};
use super::reference_samples;
use super::{Database, DatabaseError, Tx};
use crate::component::Component;
use crate::reference::{
    AllocationOf, Assessment, Centre, Change, Counts, Definition, Difference, FieldChange, ImportError,
    Offer, Organisation, Problems, Reference, Report, Row, STRUCTURE_FILE, When,
};

/// A value for a column.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Text(&'a str),
    Int(i64),
    MaybeInt(Option<i64>),
}

impl Value<'_> {
    /// As people read it; `None` for nothing.
    fn shown(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.to_owned()),
            Self::Int(int) => Some(int.to_string()),
            Self::MaybeInt(int) => int.map(|int| int.to_string()),
        }
    }

    /// What stands in the column that this is for.
    fn before(self, row: &AnyRow, at: usize) -> Result<Option<String>, DatabaseError> {
        Ok(match self {
            Self::Text(_) => row.try_get(at)?,
            Self::Int(_) | Self::MaybeInt(_) => row.try_get::<Option<i64>, _>(at)?.map(|int| int.to_string()),
        })
    }
}

pub(super) type Columns<'a> = &'a [(&'static str, Value<'a>)];

/// Writes everything `read` holds, draws what can be drawn, and says what changed. Nothing is written when a part of
/// it is another organisation's, or would leave files without their section.
pub async fn apply(db: &Database, read: &Reference, now: Timestamp) -> Result<Report, ImportError> {
    let by_offer = reference_samples::by_offer(&read.candidates);
    let mut tx = db.begin().await?;
    let mut report = Report::default();
    let mut problems = Problems::default();
    owners(&mut tx, read, &mut problems).await?;
    for definition in &read.components {
        losses(&mut tx, definition, &mut problems).await?;
    }
    if !problems.is_empty() {
        return Err(ImportError::Invalid(problems));
    }
    structure(&mut tx, read, &mut report).await?;
    for row in &read.centres {
        centre(&mut tx, row, &mut report).await?;
    }
    people(&mut tx, read, &mut report).await?;
    for assessment in &read.structure.assessments {
        for offer in &assessment.offers {
            let dates = dates(&mut tx, read, assessment, offer, now).await?;
            report.count("dates", dates.change);
            let component = read.components.iter().find(|item| item.component.id == offer.component);
            let centres = by_offer.get(&(&assessment.series, &offer.component));
            if let (Some(Definition { component, .. }), Some(centres)) = (component, centres) {
                reference_samples::apply(&mut tx, assessment, component, centres, dates, &mut report).await?;
            }
        }
    }
    record(&mut tx, &report, now).await?;
    tx.commit().await?;
    Ok(report)
}

/// Writes a centre of a list. Who is not named to write to stays.
pub(super) async fn centre(tx: &mut Tx, row: &Row<Centre>, report: &mut Report) -> Result<(), DatabaseError> {
    let Row { line, item } = row;
    let mut columns = vec![("name", Value::Text(&item.name))];
    columns.extend(item.email.iter().map(|email| ("email", Value::Text(email))));
    let put = put(tx, "centres", &[("number", Value::Text(item.number.as_str()))], &columns).await?;
    report.count("centres", put.change);
    if put.change != Change::Unchanged {
        let what = format!("Centre {} {}", item.number, item.name);
        report.tell(|| put.told(*line, what, String::new(), &[("name", "name"), ("email", "email")]));
    }
    Ok(())
}

/// Whether what the folder names is free, or its organisation's already.
async fn owners(tx: &mut Tx, read: &Reference, problems: &mut Problems) -> Result<(), DatabaseError> {
    let Reference { structure, components, .. } = read;
    let series = structure.series.iter();
    let series = series.map(|item| ("series", "series", item.line, item.id.as_str(), &item.organisation));
    let assessments = structure.assessments.iter();
    let assessments = assessments
        .map(|item| ("assessments", "assessment", item.line, item.id.as_str(), &item.organisation));
    let components = components.iter();
    let components = components.map(|item| {
        ("components", "component", item.offered_at, item.component.id.as_str(), &item.organisation)
    });
    for (table, what, line, id, ours) in series.chain(assessments).chain(components) {
        let sql = format!("SELECT organisation_id FROM {table} WHERE id = $1");
        let owner: Option<String> =
            sqlx::query_scalar(AssertSqlSafe(sql)).bind(id).fetch_optional(tx.on()).await?;
        if let Some(owner) = owner.filter(|owner| owner != ours.as_str()) {
            problems.add(
                STRUCTURE_FILE,
                line,
                format!("{what} {id} is the organisation {owner}'s; give this one an id of its own"),
            );
        }
    }
    Ok(())
}

/// Whether a definition keeps every section, document and supporting material that holds files.
pub(super) async fn losses(
    tx: &mut Tx,
    definition: &Definition,
    problems: &mut Problems,
) -> Result<(), DatabaseError> {
    let Definition { file, component, .. } = definition;
    let id = component.id.as_str();
    // Holds off new files of these samples, in sections that may be gone in a moment.
    let sql = format!("SELECT id FROM samples WHERE component_id = $1 ORDER BY id{}", tx.for_update());
    let before: Option<String> = sqlx::query_scalar("SELECT definition FROM components WHERE id = $1")
        .bind(id)
        .fetch_optional(tx.on())
        .await?;
    let before = before.map(|text| super::samples::component(id, &text)).transpose()?;
    if before.is_none_or(|before| places(component).is_superset(&places(&before))) {
        return Ok(());
    }
    sqlx::query(AssertSqlSafe(sql)).bind(id).fetch_all(tx.on()).await?;
    let rows: Vec<(String, String, i64)> = sqlx::query_as(
        "SELECT f.kind, f.section, COUNT(*) FROM files f JOIN samples s ON s.id = f.sample_id \
         WHERE s.component_id = $1 AND f.state IN ('created', 'receiving', 'received', 'checking', 'accepted') \
         GROUP BY f.kind, f.section ORDER BY f.kind, f.section",
    )
    .bind(id)
    .fetch_all(tx.on())
    .await?;
    let kept = places(component);
    for (kind, section, files) in rows {
        let place = if kind == SUPPORTING { String::new() } else { section };
        if kept.contains(&(kind.as_str(), place.as_str())) {
            continue;
        }
        let what = match kind.as_str() {
            "evidence" => format!("section {place}"),
            DOCUMENT => format!("document {place}"),
            _ => "supporting material".into(),
        };
        problems.add(
            file,
            0,
            format!(
                "{what} holds {files} file(s) and is not here; keep it, or ask the centres to delete them"
            ),
        );
    }
    Ok(())
}

const DOCUMENT: &str = "document";
const SUPPORTING: &str = "supporting";

/// Where a component takes files: kind and code; supporting material has no code.
fn places(component: &Component) -> HashSet<(&str, &str)> {
    let sections = component.sections.iter().map(|section| ("evidence", section.code.as_str()));
    let documents = component.documents.iter().map(|document| (DOCUMENT, document.code.as_str()));
    let supporting = component.supporting.iter().map(|_| (SUPPORTING, ""));
    sections.chain(documents).chain(supporting).collect()
}

async fn structure(tx: &mut Tx, read: &Reference, report: &mut Report) -> Result<(), DatabaseError> {
    for item in &read.structure.organisations {
        let columns: Columns<'_> = &[
            ("name", Value::Text(&item.name)),
            ("time_zone", Value::Text(&item.zone_name)),
            ("accent", Value::Text(&item.accent)),
        ];
        let change = put(tx, "organisations", &[("id", Value::Text(item.id.as_str()))], columns).await?;
        report.count("organisations", change.change);
    }
    for item in &read.structure.series {
        let columns: Columns<'_> = &[
            ("organisation_id", Value::Text(item.organisation.as_str())),
            ("name", Value::Text(&item.name)),
        ];
        let put = put(tx, "series", &[("id", Value::Text(item.id.as_str()))], columns).await?;
        report.count("series", put.change);
    }
    for item in &read.structure.assessments {
        let columns: Columns<'_> = &[
            ("organisation_id", Value::Text(item.organisation.as_str())),
            ("series_id", Value::Text(item.series.as_str())),
            ("name", Value::Text(&item.name)),
        ];
        let change = put(tx, "assessments", &[("id", Value::Text(item.id.as_str()))], columns).await?;
        report.count("assessments", change.change);
    }
    for definition in &read.components {
        let change = component(tx, definition).await?;
        report.count("components", change);
    }
    Ok(())
}

/// Writes a component's definition.
pub(super) async fn component(tx: &mut Tx, definition: &Definition) -> Result<Change, DatabaseError> {
    let Definition { organisation, component, .. } = definition;
    let definition = serde_json::to_string(component)
        .map_err(|error| DatabaseError::Query(sqlx::Error::Encode(Box::new(error))))?;
    let columns: Columns<'_> = &[
        ("organisation_id", Value::Text(organisation.as_str())),
        ("title", Value::Text(&component.title)),
        ("definition", Value::Text(&definition)),
    ];
    let put = put(tx, "components", &[("id", Value::Text(component.id.as_str()))], columns).await?;
    Ok(put.change)
}

async fn people(tx: &mut Tx, read: &Reference, report: &mut Report) -> Result<(), DatabaseError> {
    for row in &read.people {
        let id = Value::Text(row.item.id.as_str());
        let columns: Columns<'_> =
            &[("name", Value::Text(&row.item.name)), ("disabled", Value::Int(i64::from(row.item.disabled)))];
        report.count("people", put(tx, "people", &[("id", id)], columns).await?.change);
    }
    let roles: Vec<(u64, [&str; 5])> = read
        .roles
        .iter()
        .map(|row| {
            let role = &row.item;
            let of = [
                role.person.as_str(),
                role.role.as_str(),
                role.organisation.as_ref().map_or("", |id| id.as_str()),
                role.centre.as_ref().map_or("", |number| number.as_str()),
                role.component.as_ref().map_or("", |id| id.as_str()),
            ];
            (row.line, of)
        })
        .collect();
    let columns = ["person_id", "role", "organisation_id", "centre_number", "component_id"];
    let organisations: HashSet<&str> =
        read.structure.organisations.iter().map(|item| item.id.as_str()).collect();
    let ours = |[_, _, organisation, _, _]: [&str; 5]| {
        organisation.is_empty() || organisations.contains(organisation)
    };
    let people: Vec<&str> = read.people.iter().map(|row| row.item.id.as_str()).collect();
    exactly(tx, "roles", columns, &roles, &people, ours, report).await?;
    let allocations: Vec<_> = read.allocations.iter().map(allocation).collect();
    let offers: HashSet<(&str, &str)> =
        read.structure.offers().map(|(series, component)| (series.as_str(), component.as_str())).collect();
    let centres: HashSet<&str> = read.centres.iter().map(|row| row.item.number.as_str()).collect();
    let ours = |[_, component, series, centre]: [&str; 4]| {
        offers.contains(&(series, component)) && centres.contains(centre)
    };
    exactly(tx, "allocations", ALLOCATION, &allocations, &people, ours, report).await
}

/// The columns of an allocation.
pub(super) const ALLOCATION: [&str; 4] = ["person_id", "component_id", "series_id", "centre_number"];

/// An allocation's line and values.
pub(super) fn allocation(row: &Row<AllocationOf>) -> (u64, [&str; 4]) {
    let given = &row.item;
    let of = [given.person.as_str(), given.component.as_str(), given.series.as_str(), given.centre.as_str()];
    (row.line, of)
}

/// Makes the rows of the listed people (first column) exactly `wanted`, as far as they are `ours`: the folder's.
pub(super) async fn exactly<const N: usize>(
    tx: &mut Tx,
    table: &'static str,
    columns: [&'static str; N],
    wanted: &[(u64, [&str; N])],
    people: &[&str],
    ours: impl Fn([&str; N]) -> bool,
    report: &mut Report,
) -> Result<(), DatabaseError> {
    let listed: HashSet<[&str; N]> = wanted.iter().map(|(_, of)| *of).collect();
    let told = |line: u64, change: Change, of: [&str; N]| Difference {
        line,
        change,
        what: of[0].to_owned(),
        place: of[1..].join(", "),
        fields: Vec::new(),
    };
    let terms: Vec<_> = columns.iter().zip(1..).map(|(column, n)| format!("{column} = ${n}")).collect();
    for &person in people {
        let sql = format!(
            "SELECT {} FROM {table} WHERE {} = $1 ORDER BY {}",
            columns.join(", "),
            columns[0],
            columns.join(", ")
        );
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(person).fetch_all(tx.on()).await?;
        for row in rows {
            let mut there = [const { String::new() }; N];
            for (column, text) in there.iter_mut().enumerate() {
                *text = row.try_get(column)?;
            }
            let held = there.each_ref().map(String::as_str);
            if listed.contains(&held) || !ours(held) {
                continue;
            }
            report.tell(|| told(0, Change::Removed, held));
            report.count(table, Change::Removed);
            if tx.writes() {
                let sql = format!("DELETE FROM {table} WHERE {}", terms.join(" AND "));
                let query =
                    there.into_iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, text| query.bind(text));
                query.execute(tx.on()).await?;
            }
        }
    }
    for (line, row) in wanted {
        let keys: Vec<_> = columns.into_iter().zip(row.iter().map(|text| Value::Text(text))).collect();
        let put = put(tx, table, &keys, &[]).await?;
        report.count(table, put.change);
        if put.change != Change::Unchanged {
            report.tell(|| told(*line, put.change, *row));
        }
    }
    Ok(())
}

/// What is due when, before and after this import.
#[derive(Clone, Copy, Debug)]
pub(super) struct OfferDates {
    pub due_at: i64,
    pub cut_off_at: i64,
    /// As they were, when they were known.
    pub before: Option<(i64, i64)>,
    pub change: Change,
}

/// Dates counted from the import are kept once they stand.
async fn dates(
    tx: &mut Tx,
    read: &Reference,
    assessment: &Assessment,
    offer: &Offer,
    now: Timestamp,
) -> Result<OfferDates, DatabaseError> {
    let zone =
        read.structure.organisations.iter().find(|item: &&Organisation| item.id == assessment.organisation);
    let zone = zone.map_or(jiff::tz::TimeZone::UTC, |item| item.zone.clone());
    let before: Option<(i64, i64)> = sqlx::query_as(
        "SELECT due_at, cut_off_at FROM assessment_components WHERE assessment_id = $1 AND component_id = $2",
    )
    .bind(assessment.id.as_str())
    .bind(offer.component.as_str())
    .fetch_optional(tx.on())
    .await?;
    let resolve = |when: When, stands: Option<i64>| match stands {
        Some(micros) if when.is_relative() => micros,
        _ => when.at(now, &zone).as_microsecond(),
    };
    let due_at = resolve(offer.due, before.map(|dates| dates.0));
    let cut_off_at = resolve(offer.cut_off, before.map(|dates| dates.1));
    let keys: Columns<'_> = &[
        ("assessment_id", Value::Text(assessment.id.as_str())),
        ("component_id", Value::Text(offer.component.as_str())),
    ];
    let columns: Columns<'_> = &[("due_at", Value::Int(due_at)), ("cut_off_at", Value::Int(cut_off_at))];
    let put = put(tx, "assessment_components", keys, columns).await?;
    Ok(OfferDates { due_at, cut_off_at, before, change: put.change })
}

/// What became of a row, and its columns that are otherwise now.
#[derive(Debug)]
pub(super) struct Written {
    pub change: Change,
    pub fields: Vec<FieldChange>,
}

impl Written {
    /// What is told of it; `names` are columns, and what people call them.
    pub(super) fn told(&self, line: u64, what: String, place: String, names: &[(&str, &str)]) -> Difference {
        let called = |field: &FieldChange| {
            let (_, name) = names.iter().find(|(column, _)| *column == field.name)?;
            Some(FieldChange { name: (*name).to_owned(), ..field.clone() })
        };
        Difference {
            line,
            change: self.change,
            what,
            place,
            fields: self.fields.iter().filter_map(called).collect(),
        }
    }
}

/// Adds or changes the row with these keys; in a transaction that only looks, says what it would. Table and column
/// names are ours, never data.
pub(super) async fn put(
    tx: &mut Tx,
    table: &'static str,
    keys: Columns<'_>,
    columns: Columns<'_>,
) -> Result<Written, DatabaseError> {
    let terms = |list: Columns<'_>, from: usize, glue: &str| {
        let terms: Vec<_> = list.iter().zip(from..).map(|((name, _), n)| format!("{name} = ${n}")).collect();
        terms.join(glue)
    };
    let names: Vec<_> = columns.iter().map(|(name, _)| *name).chain(["1"]).collect();
    let sql = format!("SELECT {} FROM {table} WHERE {}", names.join(", "), terms(keys, 1, " AND "));
    let values = keys.iter().map(|(_, value)| *value);
    let row = bind(sqlx::query(AssertSqlSafe(sql)), values).fetch_optional(tx.on()).await?;
    let mut fields = Vec::new();
    for (at, (name, value)) in columns.iter().enumerate() {
        let (from, to) =
            (row.as_ref().map(|row| value.before(row, at)).transpose()?.flatten(), value.shown());
        // A text that is empty is as one that is not there.
        let (from, to) = (from.unwrap_or_default(), to.unwrap_or_default());
        if from != to || row.is_none() {
            fields.push(FieldChange::new(*name, from, to));
        }
    }
    let found = terms(keys, columns.len() + 1, " AND ");
    let (sql, change) = match row {
        Some(_) if fields.is_empty() => return Ok(Written { change: Change::Unchanged, fields }),
        Some(_) => (format!("UPDATE {table} SET {} WHERE {found}", terms(columns, 1, ", ")), Change::Changed),
        None => {
            let names: Vec<_> = columns.iter().chain(keys).map(|(name, _)| *name).collect();
            let places: Vec<_> = (1..=names.len()).map(|n| format!("${n}")).collect();
            let sql = format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), places.join(", "));
            (sql, Change::Added)
        }
    };
    if tx.writes() {
        let all = columns.iter().chain(keys).map(|(_, value)| *value);
        bind(sqlx::query(AssertSqlSafe(sql)), all).execute(tx.on()).await?;
    }
    Ok(Written { change, fields })
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Any, sqlx::any::AnyArguments>;

fn bind<'q>(query: Query<'q>, values: impl Iterator<Item = Value<'q>>) -> Query<'q> {
    values.fold(query, |query, value| match value {
        Value::Text(text) => query.bind(text.to_owned()),
        Value::Int(int) => query.bind(int),
        Value::MaybeInt(int) => query.bind(int),
    })
}

async fn record(tx: &mut Tx, report: &Report, now: Timestamp) -> Result<(), DatabaseError> {
    let detail = json!({"counts": counts(report), "to_decide": report.flagged.len()});
    audit::record(tx, now, Entry { detail, ..Entry::new(By::Service, "reference.imported") }).await
}

/// How many of each kind, for the audit trail.
pub(super) fn counts(report: &Report) -> BTreeMap<&'static str, serde_json::Value> {
    let of = |counts: &Counts| {
        let Counts { added, changed, unchanged, removed } = *counts;
        json!({"added": added, "changed": changed, "unchanged": unchanged, "removed": removed})
    };
    report.counts.iter().map(|(kind, counts)| (*kind, of(counts))).collect()
}
