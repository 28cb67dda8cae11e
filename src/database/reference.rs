//! Writes reference data: one transaction, idempotent.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use serde_json::json;
use sqlx::{AssertSqlSafe, Row as _};

use super::audit::{self, By, Entry};
use super::reference_samples;
use super::{Database, DatabaseError, Tx};
use crate::component::Component;
use crate::reference::{
    Assessment, Change, Counts, Definition, ImportError, Offer, Organisation, Problems, Reference, Report,
    STRUCTURE_FILE, When,
};

/// A value for a column.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Text(&'a str),
    Int(i64),
    MaybeInt(Option<i64>),
}

pub(super) type Columns<'a> = &'a [(&'static str, Value<'a>)];

/// Writes everything `read` holds, draws what can be drawn, and says what changed. Nothing is written when a part of
/// it is another organisation's, or would leave files without their section.
pub async fn apply(db: &Database, read: &Reference, now: Timestamp) -> Result<Report, ImportError> {
    let by_offer = reference_samples::by_offer(read);
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
        let mut columns = vec![("name", Value::Text(&row.item.name))];
        columns.extend(row.item.email.iter().map(|email| ("email", Value::Text(email))));
        let keys: Columns<'_> = &[("number", Value::Text(row.item.number.as_str()))];
        let change = put(&mut tx, "centres", keys, &columns).await?;
        report.count("centres", change);
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
async fn losses(tx: &mut Tx, definition: &Definition, problems: &mut Problems) -> Result<(), DatabaseError> {
    let Definition { file, component, .. } = definition;
    let id = component.id.as_str();
    // Holds off new files of these samples, in sections that may be gone in a moment.
    let sql =
        format!("SELECT id FROM samples WHERE component_id = $1 ORDER BY id{}", tx.engine().for_update());
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
        report.count("organisations", change);
    }
    for item in &read.structure.series {
        let columns: Columns<'_> = &[
            ("organisation_id", Value::Text(item.organisation.as_str())),
            ("name", Value::Text(&item.name)),
        ];
        report.count("series", put(tx, "series", &[("id", Value::Text(item.id.as_str()))], columns).await?);
    }
    for item in &read.structure.assessments {
        let columns: Columns<'_> = &[
            ("organisation_id", Value::Text(item.organisation.as_str())),
            ("series_id", Value::Text(item.series.as_str())),
            ("name", Value::Text(&item.name)),
        ];
        let change = put(tx, "assessments", &[("id", Value::Text(item.id.as_str()))], columns).await?;
        report.count("assessments", change);
    }
    for Definition { organisation, component, .. } in &read.components {
        let definition = serde_json::to_string(component)
            .map_err(|error| DatabaseError::Query(sqlx::Error::Encode(Box::new(error))))?;
        let columns: Columns<'_> = &[
            ("organisation_id", Value::Text(organisation.as_str())),
            ("title", Value::Text(&component.title)),
            ("definition", Value::Text(&definition)),
        ];
        let change = put(tx, "components", &[("id", Value::Text(component.id.as_str()))], columns).await?;
        report.count("components", change);
    }
    Ok(())
}

async fn people(tx: &mut Tx, read: &Reference, report: &mut Report) -> Result<(), DatabaseError> {
    for row in &read.people {
        let id = Value::Text(row.item.id.as_str());
        let columns: Columns<'_> =
            &[("name", Value::Text(&row.item.name)), ("disabled", Value::Int(i64::from(row.item.disabled)))];
        report.count("people", put(tx, "people", &[("id", id)], columns).await?);
    }
    let roles: Vec<[&str; 5]> = read
        .roles
        .iter()
        .map(|row| {
            let role = &row.item;
            [
                role.person.as_str(),
                role.role.as_str(),
                role.organisation.as_ref().map_or("", |id| id.as_str()),
                role.centre.as_ref().map_or("", |number| number.as_str()),
                role.component.as_ref().map_or("", |id| id.as_str()),
            ]
        })
        .collect();
    let columns = ["person_id", "role", "organisation_id", "centre_number", "component_id"];
    let organisations: HashSet<&str> =
        read.structure.organisations.iter().map(|item| item.id.as_str()).collect();
    let ours = |[_, _, organisation, _, _]: [&str; 5]| {
        organisation.is_empty() || organisations.contains(organisation)
    };
    exactly(tx, "roles", columns, &roles, read, ours, report).await?;
    let allocations: Vec<[&str; 4]> = read
        .allocations
        .iter()
        .map(|row| {
            let given = &row.item;
            [given.person.as_str(), given.component.as_str(), given.series.as_str(), given.centre.as_str()]
        })
        .collect();
    let columns = ["person_id", "component_id", "series_id", "centre_number"];
    let offers: HashSet<(&str, &str)> =
        read.structure.offers().map(|(series, component)| (series.as_str(), component.as_str())).collect();
    let centres: HashSet<&str> = read.centres.iter().map(|row| row.item.number.as_str()).collect();
    let ours = |[_, component, series, centre]: [&str; 4]| {
        offers.contains(&(series, component)) && centres.contains(centre)
    };
    exactly(tx, "allocations", columns, &allocations, read, ours, report).await
}

/// Makes the rows of the listed people (first column) exactly `wanted`, as far as they are `ours`: the folder's.
async fn exactly<const N: usize>(
    tx: &mut Tx,
    table: &'static str,
    columns: [&'static str; N],
    wanted: &[[&str; N]],
    read: &Reference,
    ours: impl Fn([&str; N]) -> bool,
    report: &mut Report,
) -> Result<(), DatabaseError> {
    for person in &read.people {
        let person = person.item.id.as_str();
        let sql = format!("SELECT {} FROM {table} WHERE {} = $1", columns.join(", "), columns[0]);
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(person).fetch_all(tx.on()).await?;
        for row in rows {
            let mut there = [const { String::new() }; N];
            for (column, text) in there.iter_mut().enumerate() {
                *text = row.try_get(column)?;
            }
            let held = there.each_ref().map(String::as_str);
            if wanted.contains(&held) || !ours(held) {
                continue;
            }
            let terms: Vec<_> =
                columns.iter().zip(1..).map(|(column, n)| format!("{column} = ${n}")).collect();
            let sql = format!("DELETE FROM {table} WHERE {}", terms.join(" AND "));
            let query =
                there.into_iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, text| query.bind(text));
            query.execute(tx.on()).await?;
            report.count(table, Change::Removed);
        }
    }
    for row in wanted {
        let keys: Vec<_> = columns.into_iter().zip(row.iter().map(|text| Value::Text(text))).collect();
        report.count(table, put(tx, table, &keys, &[]).await?);
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
    change: Change,
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
    let change = put(tx, "assessment_components", keys, columns).await?;
    Ok(OfferDates { due_at, cut_off_at, before, change })
}

/// Adds or changes the row with these keys. Table and column names are ours, never data.
pub(super) async fn put(
    tx: &mut Tx,
    table: &'static str,
    keys: Columns<'_>,
    columns: Columns<'_>,
) -> Result<Change, DatabaseError> {
    let terms = |list: Columns<'_>, from: usize, equals: &str, glue: &str| {
        let terms: Vec<_> =
            list.iter().zip(from..).map(|((name, _), n)| format!("{name} {equals} ${n}")).collect();
        terms.join(glue)
    };
    let found = terms(keys, columns.len() + 1, "=", " AND ");
    let same =
        if columns.is_empty() { "1 = 1".into() } else { terms(columns, 1, "IS NOT DISTINCT FROM", " AND ") };
    let sql = format!("SELECT CAST(CASE WHEN {same} THEN 1 ELSE 0 END AS BIGINT) FROM {table} WHERE {found}");
    let all = || columns.iter().chain(keys).map(|(_, value)| *value);
    let there: Option<i64> = bind(sqlx::query(AssertSqlSafe(sql)), all())
        .fetch_optional(tx.on())
        .await?
        .map(|row| row.try_get(0))
        .transpose()?;
    let (sql, change) = match there {
        Some(1) => return Ok(Change::Unchanged),
        Some(_) => {
            (format!("UPDATE {table} SET {} WHERE {found}", terms(columns, 1, "=", ", ")), Change::Changed)
        }
        None => {
            let names: Vec<_> = columns.iter().chain(keys).map(|(name, _)| *name).collect();
            let places: Vec<_> = (1..=names.len()).map(|n| format!("${n}")).collect();
            let sql = format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), places.join(", "));
            (sql, Change::Added)
        }
    };
    bind(sqlx::query(AssertSqlSafe(sql)), all()).execute(tx.on()).await?;
    Ok(change)
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
    let counts: BTreeMap<_, _> = report
        .counts
        .iter()
        .map(|(kind, counts)| {
            let Counts { added, changed, unchanged, removed } = *counts;
            (*kind, json!({"added": added, "changed": changed, "unchanged": unchanged, "removed": removed}))
        })
        .collect();
    let detail = json!({"counts": counts, "to_decide": report.flagged.len()});
    audit::record(tx, now, Entry { detail, ..Entry::new(By::Service, "reference.imported") }).await
}
