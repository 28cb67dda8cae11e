//! Writes the samples and candidates of an import, and draws.

use std::collections::{BTreeMap, HashMap, HashSet};

use sqlx::Row as _;

use super::error::word;
use super::reference::{OfferDates, Value, put};
use super::{DatabaseError, Tx};
use crate::candidate::{CandidateNumber, CandidateStatus};
use crate::centre::CentreNumber;
use crate::component::{Component, ComponentId, SampleMode};
use crate::ids::{CandidateId, SampleId};
use crate::organisation::SeriesId;
use crate::reference::{Assessment, Change, Difference, Entered, FieldChange, Report, Row};
use crate::sample::SampleState;
use crate::sampling::{self, Seed};

/// The occasion of a sample that has no other.
const MAIN: &str = "main";

/// A folder's candidates, by offer and centre.
pub(super) type ByOffer<'r> =
    HashMap<(&'r SeriesId, &'r ComponentId), BTreeMap<&'r CentreNumber, Vec<&'r Row<Entered>>>>;

/// Sorts candidates into their samples.
pub(super) fn by_offer(candidates: &[Row<Entered>]) -> ByOffer<'_> {
    let mut sorted = ByOffer::new();
    for row in candidates {
        let centres = sorted.entry((&row.item.series, &row.item.component)).or_default();
        centres.entry(&row.item.centre).or_default().push(row);
    }
    sorted
}

/// A sample as it stands before its candidates are written.
struct Stored {
    id: String,
    state: SampleState,
    /// It was drawn, and a file was created in it, whatever became of it: the draw stands.
    settled: bool,
    seed: Seed,
    /// This import makes it.
    is_new: bool,
    /// This import makes its seed.
    is_seeded: bool,
}

/// A candidate as stored, and then as the import makes one.
struct Member {
    id: CandidateId,
    mark: Option<i64>,
    status: CandidateStatus,
    /// Absent by the centre's own word, which an entry does not overrule.
    absent_by_centre: bool,
    in_sample: bool,
    /// Sent back, so open in a returned sample.
    returned: bool,
    /// Files that are accepted or on their way.
    files: i64,
    /// On the list: as the folder says, and when it does not name the candidate, as it was.
    listed: bool,
}

impl Stored {
    /// Whether the candidate's part of the sample can still change.
    fn is_open_for(&self, returned: bool) -> bool {
        match self.state {
            SampleState::Open => true,
            SampleState::Submitted => false,
            SampleState::Returned => returned,
        }
    }

    /// Whether an import may take the candidate into the sample, or out of it, while it is open for them. Once the draw
    /// stands, only whom the board asks for by name comes in, and only where all are asked for does anyone go.
    fn moves(&self, member: &Member, mode: SampleMode) -> bool {
        match mode {
            SampleMode::All => true,
            SampleMode::List => !self.settled || !member.in_sample,
            SampleMode::SixRule | SampleMode::SizeTable => !self.settled,
        }
    }
}

/// Writes one component's samples: one for each centre with candidates in the folder.
pub(super) async fn apply(
    tx: &mut Tx,
    assessment: &Assessment,
    component: &Component,
    centres: &BTreeMap<&CentreNumber, Vec<&Row<Entered>>>,
    dates: OfferDates,
    report: &mut Report,
) -> Result<(), DatabaseError> {
    for (centre, entered) in centres {
        let (sample, change) = sample(tx, assessment, component, centre, dates).await?;
        report.count("samples", change);
        let place = format!("{centre}, {}, {}", component.id, assessment.series);
        if change == Change::Added {
            let line = entered.iter().map(|row| row.line).min().unwrap_or(0);
            let what = "Sample, to be drawn when this is applied".to_owned();
            report.tell(|| Difference { line, change, what, place: place.clone(), fields: Vec::new() });
        }
        let mut members = members(tx, &sample.id).await?;
        let listed: HashSet<&CandidateNumber> = entered.iter().map(|row| &row.item.number).collect();
        let alone = |(number, member): &(&CandidateNumber, &Member)| {
            member.status == CandidateStatus::Entered && !listed.contains(number)
        };
        report.left_alone += members.iter().filter(alone).count() as u64;
        let before = members.len();
        for candidate in entered {
            write(tx, &sample, candidate, &place, &mut members, report).await?;
        }
        let new = members.len() > before;
        draw(tx, &sample, &members, component, centre, (&place, new), report).await?;
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
        "SELECT id, state, due_at, cut_off_at, seed FROM samples \
         WHERE centre_number = $1 AND component_id = $2 AND series_id = $3 AND occasion = $4{}",
        tx.for_update()
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
    let state: String = row.try_get("state")?;
    let state: SampleState = word(&state, "samples", &id, "state")?;
    let held: (i64, i64) = (row.try_get("due_at")?, row.try_get("cut_off_at")?);
    let broken = || DatabaseError::BrokenRow { table: "samples", id: id.clone(), column: "seed" };
    let seed: Option<String> = row.try_get("seed")?;
    let is_seeded = seed.is_none();
    let seed = match seed {
        Some(text) => text.parse::<crate::evidence::Sha256Digest>().map_err(|_| broken())?.0,
        None => new_seed(tx, &id).await?,
    };
    // An extension of the centre's own stays; dates that were the assessment's follow it.
    let follows =
        state == SampleState::Open && dates.before == Some(held) && held != (dates.due_at, dates.cut_off_at);
    if follows && tx.writes() {
        sqlx::query("UPDATE samples SET due_at = $1, cut_off_at = $2 WHERE id = $3")
            .bind(dates.due_at)
            .bind(dates.cut_off_at)
            .bind(&id)
            .execute(tx.on())
            .await?;
    }
    let settled: i64 = sqlx::query_scalar(
        "SELECT CAST(CASE WHEN EXISTS (SELECT 1 FROM files WHERE sample_id = $1) AND EXISTS \
         (SELECT 1 FROM candidates WHERE sample_id = $1 AND in_sample = 1) THEN 1 ELSE 0 END AS BIGINT)",
    )
    .bind(&id)
    .fetch_one(tx.on())
    .await?;
    let change = if follows { Change::Changed } else { Change::Unchanged };
    let settled = settled != 0 || state != SampleState::Open;
    Ok((Stored { id, state, settled, seed, is_new: false, is_seeded }, change))
}

async fn added(
    tx: &mut Tx,
    assessment: &Assessment,
    component: &Component,
    centre: &CentreNumber,
    dates: OfferDates,
) -> Result<(Stored, Change), DatabaseError> {
    let id = SampleId::new().to_string();
    if !tx.writes() {
        let stored = Stored {
            id,
            state: SampleState::Open,
            settled: false,
            seed: rand::random(),
            is_new: true,
            is_seeded: true,
        };
        return Ok((stored, Change::Added));
    }
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
    Ok((
        Stored { id, state: SampleState::Open, settled: false, seed, is_new: true, is_seeded: true },
        Change::Added,
    ))
}

/// Makes a sample's seed and stores it, as 64 hexadecimal digits.
async fn new_seed(tx: &mut Tx, sample: &str) -> Result<Seed, DatabaseError> {
    let seed: Seed = rand::random();
    if !tx.writes() {
        return Ok(seed);
    }
    sqlx::query("UPDATE samples SET seed = $1 WHERE id = $2")
        .bind(crate::evidence::Sha256Digest(seed).to_string())
        .bind(sample)
        .execute(tx.on())
        .await?;
    Ok(seed)
}

async fn members(tx: &mut Tx, sample: &str) -> Result<BTreeMap<CandidateNumber, Member>, DatabaseError> {
    let rows = sqlx::query(
        "SELECT c.id, c.number, c.mark, c.status, c.absent_by, c.in_sample, c.returned, \
         (SELECT COUNT(*) FROM files f \
         WHERE f.sample_id = c.sample_id AND f.candidate_id = c.id AND f.state IN \
         ('created', 'receiving', 'received', 'checking', 'accepted')) AS files \
         FROM candidates c WHERE c.sample_id = $1",
    )
    .bind(sample)
    .fetch_all(tx.on())
    .await?;
    let mut members = BTreeMap::new();
    for row in rows {
        let id: String = row.try_get("id")?;
        let (number, status): (String, String) = (row.try_get("number")?, row.try_get("status")?);
        let in_sample = row.try_get::<i64, _>("in_sample")? != 0;
        let member = Member {
            id: word(&id, "candidates", &id, "id")?,
            mark: row.try_get("mark")?,
            absent_by_centre: status == CandidateStatus::Absent.as_str()
                && row.try_get::<Option<String>, _>("absent_by")?.is_some(),
            status: word(&status, "candidates", &id, "status")?,
            in_sample,
            returned: row.try_get::<i64, _>("returned")? != 0,
            files: row.try_get("files")?,
            listed: in_sample,
        };
        members.insert(word(&number, "candidates", &id, "number")?, member);
    }
    Ok(members)
}

/// What people call a candidate's columns.
const NAMES: &[(&str, &str)] = &[("name", "name"), ("mark", "mark"), ("status", "status")];

/// Writes a candidate of the list. Who is new is outside the sample until the draw.
async fn write(
    tx: &mut Tx,
    sample: &Stored,
    row: &Row<Entered>,
    place: &str,
    members: &mut BTreeMap<CandidateNumber, Member>,
    report: &mut Report,
) -> Result<(), DatabaseError> {
    let candidate = &row.item;
    let before = members.remove(&candidate.number);
    let is_new = before.is_none();
    let mut member = before.unwrap_or_else(|| Member {
        id: CandidateId::new(),
        mark: None,
        status: candidate.status,
        absent_by_centre: false,
        in_sample: false,
        returned: false,
        files: 0,
        listed: false,
    });
    member.status = standing(sample, candidate, &member, report);
    member.mark = candidate.mark;
    member.listed = candidate.listed;
    let (id, search) = (member.id.to_string(), candidate.name.to_lowercase());
    let mut columns = vec![
        ("sample_id", Value::Text(&sample.id)),
        ("number", Value::Text(candidate.number.as_str())),
        ("name", Value::Text(&candidate.name)),
        ("search", Value::Text(&search)),
        ("mark", Value::MaybeInt(member.mark)),
        ("status", Value::Text(member.status.as_str())),
    ];
    if is_new {
        columns.push(("in_sample", Value::Int(0)));
    }
    let put = put(tx, "candidates", &[("id", Value::Text(&id))], &columns).await?;
    report.count("candidates", put.change);
    if put.change != Change::Unchanged {
        let what = format!("Candidate {} {}", candidate.number, candidate.name);
        let names: &[_] = if is_new { &NAMES[1..] } else { NAMES };
        report.tell(|| put.told(row.line, what, place.to_owned(), names));
    }
    members.insert(candidate.number.clone(), member);
    Ok(())
}

/// The status to write: the imported one, unless the account of the sample would change behind someone's back.
fn standing(sample: &Stored, candidate: &Entered, before: &Member, report: &mut Report) -> CandidateStatus {
    let wanted = candidate.status;
    if before.status == wanted || (before.absent_by_centre && wanted == CandidateStatus::Entered) {
        return before.status;
    }
    let locked = before.in_sample && !sample.is_open_for(before.returned);
    let files = if wanted == CandidateStatus::Entered { 0 } else { before.files };
    let so = match (locked, files) {
        (false, 0) => return wanted,
        (true, 0) => "after the sample was submitted; return the candidate by number".to_owned(),
        (false, files) => format!("and has {files} file(s); ask the centre to delete them"),
        (true, files) => format!(
            "after the sample was submitted, and has {files} file(s); return the candidate by number, ask the centre \
             to delete them"
        ),
    };
    let Entered { number, centre, component, .. } = candidate;
    report.flagged.push(format!(
        "candidate {number} of {centre}, {component}, is now {} {so}, then import again",
        wanted.as_str(),
    ));
    before.status
}

/// Draws, moves whom the import may move, and tells the rest of the difference.
async fn draw(
    tx: &mut Tx,
    sample: &Stored,
    members: &BTreeMap<CandidateNumber, Member>,
    component: &Component,
    centre: &CentreNumber,
    (place, new): (&str, bool),
    report: &mut Report,
) -> Result<(), DatabaseError> {
    let mode = component.sample_mode;
    let by_name = matches!(mode, SampleMode::All | SampleMode::List);
    let entry = |(number, member): (&CandidateNumber, &Member)| sampling::Entry {
        id: member.id,
        centre: centre.clone(),
        number: number.clone(),
        mark: member.mark,
        // Where all are asked for, who is absent keeps the place that taking the word back gives again.
        status: if member.absent_by_centre && by_name { CandidateStatus::Entered } else { member.status },
        listed: member.listed,
    };
    let entries: Vec<_> = members.iter().map(entry).collect();
    let drawn: HashSet<CandidateId> = sampling::draw(mode, &entries, &sample.seed).into_iter().collect();
    let mut change = Change::Unchanged;
    let (mut into, mut out, mut locked) = (Vec::new(), Vec::new(), Vec::new());
    let mut moved = (Vec::new(), Vec::new());
    for (number, member) in members {
        let wanted = drawn.contains(&member.id);
        if wanted == member.in_sample {
            continue;
        }
        let moves = sample.moves(member, mode);
        if moves && sample.is_open_for(member.returned) {
            change = Change::Changed;
            let list = if wanted { &mut moved.0 } else { &mut moved.1 };
            list.push(number.as_str());
            if tx.writes() {
                sqlx::query("UPDATE candidates SET in_sample = $1 WHERE id = $2")
                    .bind(i64::from(wanted))
                    .bind(member.id.to_string())
                    .execute(tx.on())
                    .await?;
            }
            continue;
        }
        let list = if wanted { &mut into } else { &mut out };
        list.push(number.as_str());
        if moves {
            locked.push(number.as_str());
        }
    }
    report.count("draws", change);
    if !sample.is_new
        && let Some(told) = redrawn(sample, by_name, new, place, (&moved.0, &moved.1))
    {
        report.tell(|| told);
    }
    let told: Vec<String> = [("take in", into), ("leave out", out)]
        .into_iter()
        .filter(|(_, numbers)| !numbers.is_empty())
        .map(|(what, numbers)| format!("{what} {}", numbers.join(", ")))
        .collect();
    if !told.is_empty() {
        let why = if sample.state == SampleState::Open { "work has come in" } else { "it was submitted" };
        let ask = match locked.join(", ") {
            numbers if numbers.is_empty() => "settle with the moderator whether it does".to_owned(),
            numbers => format!("return {numbers} by number, then import again"),
        };
        report.flagged.push(format!(
            "the draw of {centre}, {}, stands, because {why}; now it would {}; {ask}",
            component.id,
            told.join(" and ")
        ));
    }
    Ok(())
}

/// What is told of a draw anew: who comes in and who goes, or that it will be. Lots go by a candidate's id, which one
/// who is new does not have before it is written.
fn redrawn(
    sample: &Stored,
    by_name: bool,
    new: bool,
    place: &str,
    (into, out): (&[&str], &[&str]),
) -> Option<Difference> {
    let difference = |what: &str, fields| Difference {
        line: 0,
        change: Change::Changed,
        what: what.to_owned(),
        place: place.to_owned(),
        fields,
    };
    if (new || sample.is_seeded) && !by_name && !sample.settled {
        return Some(difference("Sample, to be drawn anew when this is applied", Vec::new()));
    }
    let list = |name: &str, numbers: &[&str]| FieldChange::new(name, "", numbers.join(", "));
    let fields = [list("takes in", into), list("leaves out", out)];
    let fields: Vec<_> = fields.into_iter().filter(|field| !field.to.is_empty()).collect();
    (!fields.is_empty()).then(|| difference("Sample", fields))
}
