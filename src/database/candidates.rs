//! A sample's candidates with what is known of their sections: what every counter is derived from.

use std::collections::HashMap;

use sqlx::{AssertSqlSafe, Row};

use super::error::word;
use super::scope::{file_visible, standing_visible, visible};
use super::{Database, DatabaseError};
use crate::actor::PersonId;
use crate::candidate::{CandidateNumber, CandidateStatus};
use crate::completeness::{Counter, SectionFacts, count};
use crate::component::Component;
use crate::evidence::FileState;
use crate::ids::{CandidateId, SampleId};
use crate::submission::Absent;

/// A centre has no more candidates for a component than this.
const MOST: i64 = 10_000;

/// A candidate, and the facts of each section that has any.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub id: CandidateId,
    pub number: CandidateNumber,
    pub name: String,
    pub mark: Option<i64>,
    pub status: CandidateStatus,
    pub in_sample: bool,
    /// Open again in a returned sample.
    pub returned: bool,
    /// What was said of an absence.
    pub absent: Option<Absent>,
    pub sections: HashMap<String, SectionFacts>,
    /// Files accepted or on their way, supporting material among them.
    pub files: u32,
    pub running: u32,
    /// Files refused, infected or quarantined; a duplicate is none of these.
    pub problems: u32,
}

impl Candidate {
    /// What is known of a section.
    pub fn facts(&self, section: &str) -> SectionFacts {
        self.sections.get(section).copied().unwrap_or_default()
    }

    /// The counter of this candidate.
    pub fn counter(&self, component: &Component) -> Counter {
        count(component.sections.iter().map(|section| (section, self.facts(section.code.as_str()))))
    }

    /// Whether any section is flagged Missing.
    pub fn any_missing(&self) -> bool {
        self.sections.values().any(|facts| facts.missing)
    }
}

/// All candidates of a sample, by number, with the files the person may see; none when the sample is not theirs to
/// know of. A centre has hundreds, so this is read at once.
pub async fn of_sample(
    db: &Database,
    person: &PersonId,
    sample: SampleId,
) -> Result<Vec<Candidate>, DatabaseError> {
    let sql = format!(
        "SELECT c.id, c.number, c.name, c.mark, c.status, c.in_sample, c.returned, c.absent_reason, \
         c.absent_reference FROM candidates c \
         JOIN samples s ON s.id = c.sample_id WHERE s.id = $2 AND {} ORDER BY c.number LIMIT $3",
        visible!("$1")
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(person.as_str())
        .bind(sample.to_string())
        .bind(MOST)
        .fetch_all(db.reader())
        .await?;
    let mut candidates = Vec::with_capacity(rows.len());
    let mut index = HashMap::with_capacity(rows.len());
    for row in &rows {
        let id: String = row.try_get(0)?;
        let number: String = row.try_get(1)?;
        let status: String = row.try_get(4)?;
        candidates.push(Candidate {
            id: word(&id, "candidates", &id, "id")?,
            number: word(&number, "candidates", &id, "number")?,
            name: row.try_get(2)?,
            mark: row.try_get(3)?,
            status: word(&status, "candidates", &id, "status")?,
            in_sample: row.try_get::<i64, _>(5)? != 0,
            returned: row.try_get::<i64, _>(6)? != 0,
            absent: Absent::of(row.try_get(7)?, row.try_get(8)?),
            sections: HashMap::new(),
            files: 0,
            running: 0,
            problems: 0,
        });
        index.insert(id, candidates.len() - 1);
    }
    add_files(db, person, sample, &mut candidates, &index).await?;
    add_flags(db, person, sample, &mut candidates, &index).await?;
    Ok(candidates)
}

async fn add_files(
    db: &Database,
    person: &PersonId,
    sample: SampleId,
    candidates: &mut [Candidate],
    index: &HashMap<String, usize>,
) -> Result<(), DatabaseError> {
    let sql = format!(
        "SELECT f.candidate_id, f.kind, f.section, f.state, COUNT(*) FROM files f \
         JOIN samples s ON s.id = f.sample_id WHERE s.id = $2 AND f.candidate_id <> '' \
         AND f.state NOT IN ('superseded', 'deleted', 'expired', 'cancelled') \
         AND (f.reason IS NULL OR f.reason <> 'duplicate') AND {} \
         GROUP BY f.candidate_id, f.kind, f.section, f.state",
        file_visible!("$1")
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(person.as_str())
        .bind(sample.to_string())
        .fetch_all(db.reader())
        .await?;
    for row in &rows {
        let id: String = row.try_get(0)?;
        let Some(candidate) = index.get(&id).and_then(|at| candidates.get_mut(*at)) else { continue };
        let kind: String = row.try_get(1)?;
        let section: String = row.try_get(2)?;
        let state: String = row.try_get(3)?;
        let state: FileState = word(&state, "files", &id, "state")?;
        let number = u32::try_from(row.try_get::<i64, _>(4)?).unwrap_or(u32::MAX);
        let mut none = SectionFacts::default();
        let facts = match kind.as_str() {
            "evidence" => candidate.sections.entry(section).or_default(),
            _ => &mut none,
        };
        if state == FileState::Accepted {
            facts.accepted += number;
            candidate.files += number;
        } else if state.is_running() {
            facts.running += number;
            candidate.running += number;
            candidate.files += number;
        } else {
            candidate.problems += number;
        }
    }
    Ok(())
}

async fn add_flags(
    db: &Database,
    person: &PersonId,
    sample: SampleId,
    candidates: &mut [Candidate],
    index: &HashMap<String, usize>,
) -> Result<(), DatabaseError> {
    let sql = format!(
        "SELECT l.candidate_id, l.section, l.missing_reason, l.other_means, l.incomplete_reason FROM places l \
         JOIN samples s ON s.id = l.sample_id WHERE s.id = $2 AND l.candidate_id <> '' \
         AND (l.missing_reason IS NOT NULL OR l.other_means IS NOT NULL OR l.incomplete_reason IS NOT NULL) AND {}",
        standing_visible!("$1")
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(person.as_str())
        .bind(sample.to_string())
        .fetch_all(db.reader())
        .await?;
    for row in &rows {
        let id: String = row.try_get(0)?;
        let Some(candidate) = index.get(&id).and_then(|at| candidates.get_mut(*at)) else { continue };
        let facts = candidate.sections.entry(row.try_get(1)?).or_default();
        facts.missing = row.try_get::<Option<String>, _>(2)?.is_some();
        facts.other_means = row.try_get::<Option<String>, _>(3)?.is_some();
        facts.incomplete_note = row.try_get::<Option<String>, _>(4)?.is_some();
    }
    Ok(())
}
