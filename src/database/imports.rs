//! Lists that board staff give on a page: what one of them would do, in a transaction that only looks, and the same
//! done, once, if it is still what was looked at.
//!
//! A list is its person's alone. What it names is looked up under the roles the person has at that moment: what is
//! beyond them is told as unknown.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::audit::{self, By, Entry};
use super::error::word;
use super::reference::{self, OfferDates};
use super::{Database, DatabaseError, Tx, reference_samples, samples};
use crate::actor::{Actor, Grant, PersonId, Role};
use crate::centre::CentreNumber;
use crate::clock::from_micros;
use crate::component::{Component, ComponentId};
use crate::evidence::Sha256Digest;
use crate::ids::ImportId;
use crate::organisation::{AssessmentId, OrganisationId, SeriesId};
use crate::reference::{
    AllocationOf, Assessment, Change, Definition, Difference, Entered, ImportError, List, ListKind, Problems,
    Report, Row, differences,
};

/// Sentences of an outcome that are kept.
const KEPT: usize = 100;

/// A list that somebody gave.
#[derive(Clone, Debug)]
pub struct ImportRow {
    pub id: ImportId,
    /// Of its file.
    pub name: String,
    pub kind: ListKind,
    pub lines: u32,
    pub made_at: Timestamp,
    pub expires_at: Timestamp,
    /// When it was applied, and what that did.
    pub applied: Option<(Timestamp, Outcome)>,
}

/// What applying a list did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub added: u32,
    pub changed: u32,
    pub removed: u32,
    /// Changes that were not made; the first hundred.
    pub to_decide: Vec<String>,
}

const COLUMNS: &str = "id, name, kind, lines, made_at, expires_at, applied_at, outcome";

fn read(row: &AnyRow) -> Result<ImportRow, DatabaseError> {
    let id: String = row.try_get("id")?;
    let broken = |column| DatabaseError::BrokenRow { table: "imports", id: id.clone(), column };
    let outcome: Option<String> = row.try_get("outcome")?;
    let applied = match (row.try_get::<Option<i64>, _>("applied_at")?, outcome) {
        (Some(at), Some(outcome)) => {
            Some((from_micros(at), serde_json::from_str(&outcome).map_err(|_| broken("outcome"))?))
        }
        _ => None,
    };
    Ok(ImportRow {
        id: word(&id, "imports", &id, "id")?,
        name: row.try_get("name")?,
        kind: word(&row.try_get::<String, _>("kind")?, "imports", &id, "kind")?,
        lines: u32::try_from(row.try_get::<i64, _>("lines")?).map_err(|_| broken("lines"))?,
        made_at: from_micros(row.try_get("made_at")?),
        expires_at: from_micros(row.try_get("expires_at")?),
        applied,
    })
}

/// The person's lists that have not run out, newest first.
pub async fn list(db: &Database, person: &PersonId, now: Timestamp) -> Result<Vec<ImportRow>, DatabaseError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM imports WHERE person_id = $1 AND expires_at > $2 ORDER BY id DESC LIMIT 200"
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(person.as_str()).bind(now.as_microsecond());
    query.fetch_all(db.reader()).await?.iter().map(read).collect()
}

/// One list of the person's, with its text (`""` once it is applied).
pub async fn find(
    db: &Database,
    person: &PersonId,
    import: ImportId,
    now: Timestamp,
) -> Result<Option<(ImportRow, String)>, DatabaseError> {
    let sql =
        format!("SELECT {COLUMNS}, text FROM imports WHERE id = $1 AND person_id = $2 AND expires_at > $3");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(import.to_string())
        .bind(person.as_str())
        .bind(now.as_microsecond())
        .fetch_optional(db.reader())
        .await?;
    row.map(|row| Ok((read(&row)?, row.try_get("text")?))).transpose()
}

/// Keeps a list that was read, to be looked at. `false`: the person has `most` that wait already.
pub async fn keep(
    db: &Database,
    person: &PersonId,
    row: &ImportRow,
    text: &str,
    most: u64,
    request: &str,
) -> Result<bool, DatabaseError> {
    let mut tx = db.begin().await?;
    let waiting: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM imports WHERE person_id = $1 AND expires_at > $2 AND applied_at IS NULL",
    )
    .bind(person.as_str())
    .bind(row.made_at.as_microsecond())
    .fetch_one(tx.on())
    .await?;
    if u64::try_from(waiting).unwrap_or(0) >= most {
        return Ok(false);
    }
    sqlx::query(
        "INSERT INTO imports (id, person_id, name, kind, lines, text, made_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(row.id.to_string())
    .bind(person.as_str())
    .bind(&row.name)
    .bind(row.kind.as_str())
    .bind(i64::from(row.lines))
    .bind(text)
    .bind(row.made_at.as_microsecond())
    .bind(row.expires_at.as_microsecond())
    .execute(tx.on())
    .await?;
    let detail = json!({
        "import": row.id, "kind": row.kind.as_str(), "lines": row.lines, "sha256": digest(text.as_bytes()),
    });
    let entry = Entry { detail, request, ..Entry::new(By::Person(person), "import.given") };
    audit::record(&mut tx, row.made_at, entry).await?;
    tx.commit().await?;
    Ok(true)
}

/// Forgets a list of the person's that was not applied.
pub async fn discard(
    db: &Database,
    person: &PersonId,
    import: ImportId,
    now: Timestamp,
    request: &str,
) -> Result<bool, DatabaseError> {
    let mut tx = db.begin().await?;
    let gone = sqlx::query("DELETE FROM imports WHERE id = $1 AND person_id = $2 AND applied_at IS NULL")
        .bind(import.to_string())
        .bind(person.as_str())
        .execute(tx.on())
        .await?;
    if gone.rows_affected() == 0 {
        return Ok(false);
    }
    let detail = json!({ "import": import });
    audit::record(
        &mut tx,
        now,
        Entry { detail, request, ..Entry::new(By::Person(person), "import.discarded") },
    )
    .await?;
    tx.commit().await?;
    Ok(true)
}

/// Forgets lists that have run out, at most `limit`; how many.
pub(crate) async fn forget(db: &Database, now: Timestamp, limit: i64) -> Result<usize, DatabaseError> {
    let sql = "SELECT id FROM imports WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2";
    let ids: Vec<String> =
        sqlx::query_scalar(sql).bind(now.as_microsecond()).bind(limit).fetch_all(db.reader()).await?;
    if ids.is_empty() {
        return Ok(0);
    }
    let mut tx = db.begin().await?;
    for id in &ids {
        sqlx::query("DELETE FROM imports WHERE id = $1").bind(id).execute(tx.on()).await?;
    }
    tx.commit().await?;
    Ok(ids.len())
}

/// What a list would do now.
#[derive(Debug)]
pub struct Looked {
    pub report: Report,
    /// Of everything it would write: what is applied is what has this digest.
    pub seen: String,
}

impl Looked {
    fn of(report: Report) -> Result<Self, DatabaseError> {
        let told = serde_json::to_vec(&report.told)
            .map_err(|error| DatabaseError::Query(sqlx::Error::Encode(Box::new(error))))?;
        Ok(Self { report, seen: digest(&told) })
    }
}

fn digest(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    Sha256Digest(sha2::Sha256::digest(bytes).into()).to_string()
}

/// What the list would do as things are now. Nobody waits for it, and nothing is written.
pub async fn look(db: &Database, actor: &Actor, file: &str, list: &List) -> Result<Looked, ImportError> {
    let mut tx = db.begin_looking().await?;
    let report = bring(&mut tx, actor, file, list).await?;
    Ok(Looked::of(report)?)
}

/// What became of applying a list.
#[derive(Debug)]
pub enum Applied {
    /// It is done, and kept with the list.
    Done,
    /// It was applied before, or is gone.
    Before,
    /// It would do something else than what was looked at; nothing was done.
    Otherwise,
}

/// Does what the list says, if that is `seen`, and once.
pub async fn apply(
    db: &Database,
    actor: &Actor,
    row: &ImportRow,
    list: &List,
    seen: &str,
    now: Timestamp,
    request: &str,
) -> Result<Applied, ImportError> {
    let mut tx = db.begin().await?;
    let marked = sqlx::query(
        "UPDATE imports SET applied_at = $3, text = '', outcome = '{}' \
         WHERE id = $1 AND person_id = $2 AND applied_at IS NULL AND expires_at > $3",
    )
    .bind(row.id.to_string())
    .bind(actor.person.as_str())
    .bind(now.as_microsecond())
    .execute(tx.on())
    .await
    .map_err(DatabaseError::from)?;
    if marked.rows_affected() == 0 {
        return Ok(Applied::Before);
    }
    let looked = Looked::of(bring(&mut tx, actor, &row.name, list).await?)?;
    if looked.seen != seen {
        return Ok(Applied::Otherwise);
    }
    let of = |change: Change| {
        let told = looked.report.told.iter().flatten();
        u32::try_from(told.filter(|one| one.change == change).count()).unwrap_or(u32::MAX)
    };
    let outcome = Outcome {
        added: of(Change::Added),
        changed: of(Change::Changed),
        removed: of(Change::Removed),
        to_decide: looked.report.flagged.iter().take(KEPT).cloned().collect(),
    };
    let kept = serde_json::to_string(&outcome)
        .map_err(|error| DatabaseError::Query(sqlx::Error::Encode(Box::new(error))))?;
    sqlx::query("UPDATE imports SET outcome = $2 WHERE id = $1")
        .bind(row.id.to_string())
        .bind(kept)
        .execute(tx.on())
        .await
        .map_err(DatabaseError::from)?;
    let detail = json!({
        "import": row.id, "kind": row.kind.as_str(), "differences": looked.seen,
        "counts": reference::counts(&looked.report), "to_decide": looked.report.flagged.len(),
    });
    let entry = Entry { detail, request, ..Entry::new(By::Person(&actor.person), "reference.imported") };
    audit::record(&mut tx, now, entry).await?;
    tx.commit().await?;
    Ok(Applied::Done)
}

/// What a list does, under the person's roles: told, and done where the transaction writes.
async fn bring(tx: &mut Tx, actor: &Actor, file: &str, list: &List) -> Result<Report, ImportError> {
    let mut bench =
        Bench { file, reach: Reach::of(actor), report: Report::telling(), problems: Problems::default() };
    match list {
        List::Centres(rows) => bench.centres(tx, rows).await?,
        List::Candidates(rows) => bench.candidates(tx, rows).await?,
        List::Allocations(rows) => bench.allocations(tx, actor, rows).await?,
        List::Component(component) => bench.component(tx, component).await?,
    }
    if bench.problems.is_empty() { Ok(bench.report) } else { Err(ImportError::Invalid(bench.problems)) }
}

/// What the person's roles for the board reach.
struct Reach<'a> {
    grants: Vec<&'a Grant>,
}

impl<'a> Reach<'a> {
    fn of(actor: &'a Actor) -> Self {
        Self { grants: actor.grants.iter().filter(|grant| grant.role == Role::Board).collect() }
    }

    /// A centre's work of a component.
    fn work(&self, organisation: &str, centre: &CentreNumber, component: &ComponentId) -> bool {
        self.grants.iter().any(|grant| {
            of(grant, organisation)
                && grant.centre.as_ref().is_none_or(|number| number == centre)
                && grant.component.as_ref().is_none_or(|id| id == component)
        })
    }

    /// A component, for all its centres.
    fn component(&self, organisation: &str, component: &ComponentId) -> bool {
        self.grants.iter().any(|grant| {
            of(grant, organisation)
                && grant.centre.is_none()
                && grant.component.as_ref().is_none_or(|id| id == component)
        })
    }

    /// A centre itself, which has work of these organisations.
    fn centre(&self, centre: &CentreNumber, organisations: &[String]) -> bool {
        self.grants.iter().any(|grant| {
            grant.component.is_none()
                && grant.centre.as_ref().is_none_or(|number| number == centre)
                && organisations.iter().all(|organisation| of(grant, organisation))
        })
    }

    fn everything(&self) -> bool {
        let wide = |grant: &&Grant| {
            grant.organisation.is_none() && grant.centre.is_none() && grant.component.is_none()
        };
        self.grants.iter().any(wide)
    }
}

fn of(grant: &Grant, organisation: &str) -> bool {
    grant.organisation.as_ref().is_none_or(|id| id.as_str() == organisation)
}

/// A component that an assessment offers in a series.
struct Offered {
    organisation: String,
    assessment: String,
    component: Component,
    due_at: i64,
    cut_off_at: i64,
}

struct Bench<'a> {
    file: &'a str,
    reach: Reach<'a>,
    report: Report,
    problems: Problems,
}

impl Bench<'_> {
    fn problem(&mut self, line: u64, text: impl std::fmt::Display) {
        self.problems.add(self.file, line, text);
    }

    async fn centres(
        &mut self,
        tx: &mut Tx,
        rows: &[Row<crate::reference::Centre>],
    ) -> Result<(), DatabaseError> {
        let everything = self.reach.everything();
        for row in rows {
            let number = &row.item.number;
            if !everything {
                let owners: Vec<String> = sqlx::query_scalar(
                    "SELECT DISTINCT organisation_id FROM samples WHERE centre_number = $1",
                )
                .bind(number.as_str())
                .fetch_all(tx.on())
                .await?;
                if !self.reach.centre(number, &owners) {
                    self.problem(
                        row.line,
                        format!("centre {number} is not yours alone to change; take the line out"),
                    );
                    continue;
                }
            }
            reference::centre(tx, row, &mut self.report).await?;
        }
        Ok(())
    }

    async fn candidates(&mut self, tx: &mut Tx, rows: &[Row<Entered>]) -> Result<(), ImportError> {
        let offers = offers(tx, rows.iter().map(|row| (&row.item.series, &row.item.component))).await?;
        let centres = known_centres(tx, rows.iter().map(|row| &row.item.centre)).await?;
        for Row { line, item } in rows {
            self.fits(*line, &offers, &centres, &item.series, &item.component, &item.centre);
        }
        if !self.problems.is_empty() {
            return Ok(());
        }
        let sorted = reference_samples::by_offer(rows);
        // In one order always: every sample is locked.
        for ((series, component), offered) in &offers {
            let Some(centres) = sorted.get(&(*series, *component)) else { continue };
            let broken = |column| DatabaseError::BrokenRow {
                table: "assessments",
                id: offered.assessment.clone(),
                column,
            };
            let assessment = Assessment {
                line: 0,
                id: offered.assessment.parse::<AssessmentId>().map_err(|_| broken("id"))?,
                organisation: offered
                    .organisation
                    .parse::<OrganisationId>()
                    .map_err(|_| broken("organisation_id"))?,
                series: (*series).clone(),
                name: String::new(),
                offers: Vec::new(),
            };
            let (due_at, cut_off_at) = (offered.due_at, offered.cut_off_at);
            let before = Some((due_at, cut_off_at));
            let dates = OfferDates { due_at, cut_off_at, before, change: Change::Unchanged };
            reference_samples::apply(tx, &assessment, &offered.component, centres, dates, &mut self.report)
                .await?;
        }
        // As the list has them; draws after their candidates.
        if let Some(told) = &mut self.report.told {
            told.sort_by_key(|one| if one.line == 0 { u64::MAX } else { one.line });
        }
        Ok(())
    }

    async fn allocations(
        &mut self,
        tx: &mut Tx,
        actor: &Actor,
        rows: &[Row<AllocationOf>],
    ) -> Result<(), ImportError> {
        let offers = offers(tx, rows.iter().map(|row| (&row.item.series, &row.item.component))).await?;
        let centres = known_centres(tx, rows.iter().map(|row| &row.item.centre)).await?;
        let ids: BTreeSet<&str> = rows.iter().map(|row| row.item.person.as_str()).collect();
        let mut people: HashMap<&str, String> = HashMap::new();
        for &id in &ids {
            let name: Option<String> = sqlx::query_scalar("SELECT name FROM people WHERE id = $1")
                .bind(id)
                .fetch_optional(tx.on())
                .await
                .map_err(DatabaseError::from)?;
            people.extend(name.map(|name| (id, name)));
        }
        for Row { line, item } in rows {
            self.fits(*line, &offers, &centres, &item.series, &item.component, &item.centre);
            if item.person == actor.person {
                self.problem(*line, "nobody gives work to themselves; have a colleague do it");
            } else if !people.contains_key(item.person.as_str()) {
                self.problem(*line, format!("person {:?} is not known here; correct the id", item.person));
            }
        }
        if !self.problems.is_empty() {
            return Ok(());
        }
        let reach = &self.reach;
        let ours = |[_, component, series, centre]: [&str; 4]| {
            let offer = offers
                .iter()
                .find(|((in_series, id), _)| in_series.as_str() == series && id.as_str() == component);
            let number = centres.iter().find(|number| number.as_str() == centre);
            offer.zip(number).is_some_and(|(((_, component), offered), centre)| {
                reach.work(&offered.organisation, centre, component)
            })
        };
        let wanted: Vec<_> = rows.iter().map(reference::allocation).collect();
        let ids: Vec<&str> = ids.into_iter().collect();
        reference::exactly(tx, "allocations", reference::ALLOCATION, &wanted, &ids, ours, &mut self.report)
            .await?;
        for one in self.report.told.iter_mut().flatten() {
            if let Some(name) = people.get(one.what.as_str()) {
                one.what = format!("{name} ({})", one.what);
            }
        }
        Ok(())
    }

    async fn component(&mut self, tx: &mut Tx, component: &Component) -> Result<(), ImportError> {
        let id = component.id.as_str();
        let held: Option<(String, String)> =
            sqlx::query_as("SELECT organisation_id, definition FROM components WHERE id = $1")
                .bind(id)
                .fetch_optional(tx.on())
                .await
                .map_err(DatabaseError::from)?;
        let held = held.filter(|(organisation, _)| self.reach.component(organisation, &component.id));
        let Some((organisation, before)) = held else {
            self.problem(
                0,
                format!(
                    "component {id} is not one of yours; a new one comes with its assessment, by a folder"
                ),
            );
            return Ok(());
        };
        let broken =
            || DatabaseError::BrokenRow { table: "components", id: id.to_owned(), column: "organisation_id" };
        let definition = Definition {
            organisation: organisation.parse().map_err(|_| broken())?,
            offered_at: 0,
            file: self.file.to_owned(),
            component: component.clone(),
        };
        reference::losses(tx, &definition, &mut self.problems).await?;
        if !self.problems.is_empty() {
            return Ok(());
        }
        let before = samples::component(id, &before)?;
        let change = reference::component(tx, &definition).await?;
        self.report.count("components", change);
        let fields = differences(&before, component);
        if !fields.is_empty() {
            let what = format!("Component {}", component.title);
            self.report.tell(|| Difference {
                line: 0,
                change: Change::Changed,
                what,
                place: id.to_owned(),
                fields,
            });
        }
        Ok(())
    }

    /// Whether a line's offer and centre are there, and the person's.
    fn fits(
        &mut self,
        line: u64,
        offers: &Offers<'_>,
        centres: &BTreeSet<&CentreNumber>,
        series: &SeriesId,
        component: &ComponentId,
        centre: &CentreNumber,
    ) {
        if !centres.contains(centre) {
            self.problem(
                line,
                format!("centre {centre} is not known here; bring a list of centres first, or correct it"),
            );
        }
        let reached = offers
            .get(&(series, component))
            .is_some_and(|offered| self.reach.work(&offered.organisation, centre, component));
        if !reached {
            self.problem(
                line,
                format!(
                    "component {component} in series {series} is not offered by you for centre {centre}; correct it"
                ),
            );
        }
    }
}

type Offers<'r> = BTreeMap<(&'r SeriesId, &'r ComponentId), Offered>;

/// What is offered of what the lines name.
async fn offers<'r>(
    tx: &mut Tx,
    named: impl Iterator<Item = (&'r SeriesId, &'r ComponentId)>,
) -> Result<Offers<'r>, DatabaseError> {
    let mut found = BTreeMap::new();
    for (series, component) in named.collect::<BTreeSet<_>>() {
        let row = sqlx::query(
            "SELECT a.organisation_id, a.id, k.definition, d.due_at, d.cut_off_at FROM assessment_components d \
             JOIN assessments a ON a.id = d.assessment_id JOIN components k ON k.id = d.component_id \
             WHERE a.series_id = $1 AND d.component_id = $2 ORDER BY a.id LIMIT 1",
        )
        .bind(series.as_str())
        .bind(component.as_str())
        .fetch_optional(tx.on())
        .await?;
        let Some(row) = row else { continue };
        let offered = Offered {
            organisation: row.try_get(0)?,
            assessment: row.try_get(1)?,
            component: samples::component(component.as_str(), &row.try_get::<String, _>(2)?)?,
            due_at: row.try_get(3)?,
            cut_off_at: row.try_get(4)?,
        };
        found.insert((series, component), offered);
    }
    Ok(found)
}

async fn known_centres<'r>(
    tx: &mut Tx,
    named: impl Iterator<Item = &'r CentreNumber>,
) -> Result<BTreeSet<&'r CentreNumber>, DatabaseError> {
    let mut found = BTreeSet::new();
    for number in named.collect::<BTreeSet<_>>() {
        let there: Option<String> = sqlx::query_scalar("SELECT number FROM centres WHERE number = $1")
            .bind(number.as_str())
            .fetch_optional(tx.on())
            .await?;
        found.extend(there.map(|_| number));
    }
    Ok(found)
}
