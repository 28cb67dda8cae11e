//! Writes the samples and candidates of an import, and draws.

use std::collections::{HashMap, HashSet};

use sqlx::Row as _;

use super::reference::{OfferDates, Value, put};
use super::{DatabaseError, Tx};
use crate::candidate::CandidateStatus;
use crate::centre::CentreNumber;
use crate::component::{Component, SampleMode};
use crate::ids::{CandidateId, SampleId};
use crate::reference::{Assessment, Change, Entered, Offer, Reference, Report};
use crate::sampling::{self, Seed};

/// The occasion of a sample that has no other.
const MAIN: &str = "main";

/// A sample as it stands before its candidates are written.
struct Stored {
    id: String,
    /// Nothing was submitted.
    open: bool,
    /// A file was created in it, whatever became of it: the draw stands.
    settled: bool,
    seed: Seed,
}

/// A candidate as stored.
struct Known {
    id: String,
    mark: Option<i64>,
    status: CandidateStatus,
    in_sample: bool,
    /// Files that are accepted or on their way.
    files: i64,
}

/// Writes one component's samples: one for each centre with candidates in `read`.
pub(super) async fn apply(
    tx: &mut Tx,
    read: &Reference,
    assessment: &Assessment,
    offer: &Offer,
    dates: OfferDates,
    report: &mut Report,
) -> Result<(), DatabaseError> {
    let Some((_, component)) = read.components.iter().find(|(_, component)| component.id == offer.component)
    else {
        return Ok(());
    };
    let of_offer =
        |entered: &&Entered| entered.series == assessment.series && entered.component == component.id;
    for centre in &read.centres {
        let centre = &centre.item.number;
        let entered: Vec<&Entered> = read
            .candidates
            .iter()
            .map(|row| &row.item)
            .filter(of_offer)
            .filter(|e| e.centre == *centre)
            .collect();
        if entered.is_empty() {
            continue;
        }
        let (sample, change) = sample(tx, assessment, component, centre, dates).await?;
        report.count("samples", change);
        candidates(tx, &sample, &entered, component, report).await?;
        if sample.open && !sample.settled {
            draw(tx, &sample, &entered, component, centre, report).await?;
        }
    }
    Ok(())
}

async fn sample(
    tx: &mut Tx,
    assessment: &Assessment,
    component: &Component,
    centre: &CentreNumber,
    dates: OfferDates,
) -> Result<(Stored, Change), DatabaseError> {
    let sql = format!(
        "SELECT id, state, revision, due_at, cut_off_at, seed FROM samples \
         WHERE centre_number = $1 AND component_id = $2 AND series_id = $3 AND occasion = $4{}",
        tx.engine().for_update()
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(centre.as_str())
        .bind(component.id.as_str())
        .bind(assessment.series.as_str())
        .bind(MAIN)
        .fetch_optional(tx.on())
        .await?;
    let Some(row) = row else { return added(tx, assessment, component, centre, dates).await };
    let id: String = row.try_get("id")?;
    let (state, revision): (String, i64) = (row.try_get("state")?, row.try_get("revision")?);
    let open = state == "open" && revision == 0;
    let held: (i64, i64) = (row.try_get("due_at")?, row.try_get("cut_off_at")?);
    let broken = || DatabaseError::BrokenRow { table: "samples", id: id.clone(), column: "seed" };
    let seed: Option<String> = row.try_get("seed")?;
    let seed = match seed {
        Some(text) => text.parse::<crate::evidence::Sha256Digest>().map_err(|_| broken())?.0,
        None => new_seed(tx, &id).await?,
    };
    // An extension of the centre's own stays; dates that were the assessment's follow it.
    let follows = open && dates.before == Some(held) && held != (dates.due_at, dates.cut_off_at);
    if follows {
        sqlx::query("UPDATE samples SET due_at = $1, cut_off_at = $2 WHERE id = $3")
            .bind(dates.due_at)
            .bind(dates.cut_off_at)
            .bind(&id)
            .execute(tx.on())
            .await?;
    }
    let files: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM files WHERE sample_id = $1")
        .bind(&id)
        .fetch_one(tx.on())
        .await?;
    let change = if follows { Change::Changed } else { Change::Unchanged };
    Ok((Stored { id, open, settled: files > 0, seed }, change))
}

async fn added(
    tx: &mut Tx,
    assessment: &Assessment,
    component: &Component,
    centre: &CentreNumber,
    dates: OfferDates,
) -> Result<(Stored, Change), DatabaseError> {
    let id = SampleId::new().to_string();
    sqlx::query(
        "INSERT INTO samples (id, organisation_id, assessment_id, component_id, series_id, occasion, centre_number, \
         state, due_at, cut_off_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 'open', $8, $9)",
    )
    .bind(&id)
    .bind(assessment.organisation.as_str())
    .bind(assessment.id.as_str())
    .bind(component.id.as_str())
    .bind(assessment.series.as_str())
    .bind(MAIN)
    .bind(centre.as_str())
    .bind(dates.due_at)
    .bind(dates.cut_off_at)
    .execute(tx.on())
    .await?;
    let seed = new_seed(tx, &id).await?;
    Ok((Stored { id, open: true, settled: false, seed }, Change::Added))
}

/// Makes a sample's seed and stores it, as 64 hexadecimal digits.
async fn new_seed(tx: &mut Tx, sample: &str) -> Result<Seed, DatabaseError> {
    let seed: Seed = rand::random();
    sqlx::query("UPDATE samples SET seed = $1 WHERE id = $2")
        .bind(crate::evidence::Sha256Digest(seed).to_string())
        .bind(sample)
        .execute(tx.on())
        .await?;
    Ok(seed)
}

async fn known(tx: &mut Tx, sample: &str) -> Result<HashMap<String, Known>, DatabaseError> {
    let rows = sqlx::query(
        "SELECT c.id, c.number, c.mark, c.status, c.in_sample, (SELECT COUNT(*) FROM files f \
         WHERE f.sample_id = c.sample_id AND f.candidate_id = c.id AND f.state IN \
         ('created', 'receiving', 'received', 'checking', 'accepted')) AS files \
         FROM candidates c WHERE c.sample_id = $1",
    )
    .bind(sample)
    .fetch_all(tx.on())
    .await?;
    let mut known = HashMap::with_capacity(rows.len());
    for row in rows {
        let id: String = row.try_get("id")?;
        let status: String = row.try_get("status")?;
        let broken = |_| DatabaseError::BrokenRow { table: "candidates", id: id.clone(), column: "status" };
        let status = status.parse().map_err(broken)?;
        let (mark, files) = (row.try_get("mark")?, row.try_get("files")?);
        let in_sample = row.try_get::<i64, _>("in_sample")? != 0;
        known.insert(row.try_get("number")?, Known { id, mark, status, in_sample, files });
    }
    Ok(known)
}

async fn candidates(
    tx: &mut Tx,
    sample: &Stored,
    entered: &[&Entered],
    component: &Component,
    report: &mut Report,
) -> Result<(), DatabaseError> {
    let known = known(tx, &sample.id).await?;
    for candidate in entered {
        let before = known.get(candidate.number.as_str());
        let id = before.map_or_else(|| CandidateId::new().to_string(), |known| known.id.clone());
        let status = standing(sample, candidate, before, report);
        let search = candidate.name.to_lowercase();
        let mut columns = vec![
            ("sample_id", Value::Text(&sample.id)),
            ("number", Value::Text(candidate.number.as_str())),
            ("name", Value::Text(&candidate.name)),
            ("search", Value::Text(&search)),
            ("mark", Value::MaybeInt(candidate.mark)),
            ("status", Value::Text(status.as_str())),
        ];
        if before.is_none() {
            columns.push(("in_sample", Value::Int(i64::from(joins(sample, candidate, component, report)))));
        }
        report.count("candidates", put(tx, "candidates", &[("id", Value::Text(&id))], &columns).await?);
    }
    Ok(())
}

/// The status to write: the imported one, unless work would drop out of the account by it.
fn standing(
    sample: &Stored,
    candidate: &Entered,
    before: Option<&Known>,
    report: &mut Report,
) -> CandidateStatus {
    let Some(before) = before.filter(|before| before.status != candidate.status) else {
        return candidate.status;
    };
    let (number, centre, component) = (&candidate.number, &candidate.centre, &candidate.component);
    let wanted = candidate.status.as_str();
    if !sample.open {
        report.flagged.push(format!(
            "candidate {number} of {centre}, {component}, is now {wanted}, and the sample was submitted before; \
             return the candidate if the change matters"
        ));
        before.status
    } else if candidate.status != CandidateStatus::Entered && before.files > 0 {
        report.flagged.push(format!(
            "candidate {number} of {centre}, {component}, is now {wanted} and has {} file(s); ask the centre to \
             delete them, then import again",
            before.files
        ));
        before.status
    } else {
        candidate.status
    }
}

/// Whether a candidate who comes after the draw is in the sample. Before it, the draw decides.
fn joins(sample: &Stored, candidate: &Entered, component: &Component, report: &mut Report) -> bool {
    if sample.open && !sample.settled {
        return false;
    }
    let asked_for = match component.sample_mode {
        SampleMode::All => candidate.status == CandidateStatus::Entered,
        SampleMode::List => candidate.listed,
        SampleMode::SixRule | SampleMode::SizeTable => false,
    };
    if !(asked_for && sample.open) {
        let Entered { number, centre, component, .. } = candidate;
        report.flagged.push(format!(
            "candidate {number} of {centre}, {component}, came after the draw and is not in the sample"
        ));
    }
    asked_for && sample.open
}

async fn draw(
    tx: &mut Tx,
    sample: &Stored,
    entered: &[&Entered],
    component: &Component,
    centre: &CentreNumber,
    report: &mut Report,
) -> Result<(), DatabaseError> {
    let listed: HashSet<&str> = entered
        .iter()
        .filter(|candidate| candidate.listed)
        .map(|candidate| candidate.number.as_str())
        .collect();
    let known = known(tx, &sample.id).await?;
    let mut entries = Vec::with_capacity(known.len());
    for (number, known) in &known {
        let broken = |column| DatabaseError::BrokenRow { table: "candidates", id: known.id.clone(), column };
        entries.push(sampling::Entry {
            id: known.id.parse().map_err(|_| broken("id"))?,
            centre: centre.clone(),
            number: number.parse().map_err(|_| broken("number"))?,
            mark: known.mark,
            status: known.status,
            listed: listed.contains(number.as_str()),
        });
    }
    let drawn: HashSet<String> = sampling::draw(component.sample_mode, &entries, &sample.seed)
        .iter()
        .map(ToString::to_string)
        .collect();
    let mut changed = false;
    for known in known.values() {
        let now_in = drawn.contains(&known.id);
        if now_in != known.in_sample {
            changed = true;
            sqlx::query("UPDATE candidates SET in_sample = $1 WHERE id = $2")
                .bind(i64::from(now_in))
                .bind(&known.id)
                .execute(tx.on())
                .await?;
        }
    }
    report.count("draws", if changed { Change::Changed } else { Change::Unchanged });
    Ok(())
}
