//! What is known of every section of a sample, counted once for a whole page: the matrix, its filters and counters.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::place::made_up;
use crate::candidate::CandidateStatus;
use crate::completeness::{CandidateState, Counter, SectionFacts, count};
use crate::database::workspace::Refused;
use crate::evidence::FileState;
use crate::submission::{CandidateFacts, Notes, Standing};

/// What is known of one candidate's section.
#[derive(Clone, Debug, Default)]
pub struct SectionWork {
    pub facts: SectionFacts,
    /// Some of what is on its way has arrived and is being checked.
    pub checking: bool,
    /// Files that were refused or withdrawn, and nothing has made up for them.
    pub refused: u32,
    pub notes: Notes,
}

/// What is known of one candidate.
#[derive(Clone, Debug)]
pub struct Work {
    /// In the order of the component's sections.
    pub sections: Vec<SectionWork>,
    pub counter: Counter,
    /// Accepted evidence.
    pub files: u32,
    pub refused: bool,
    /// Entered, and asked for.
    pub counted: bool,
    /// Came after the work on the sample had begun, or left it with work in it.
    pub changed: Option<Change>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Added,
    Left,
}

impl Work {
    /// Something is still owed, or was refused.
    pub fn needs_work(&self) -> bool {
        let owes = matches!(self.counter.state, CandidateState::NotStarted | CandidateState::InProgress);
        self.counted && (owes || self.refused)
    }

    pub fn is_complete(&self) -> bool {
        let done =
            matches!(self.counter.state, CandidateState::Complete | CandidateState::CompleteWithMissing);
        self.counted && done
    }

    pub fn any_missing(&self) -> bool {
        self.sections.iter().any(|section| section.facts.missing)
    }
}

/// The work of every candidate, in the order of the standing's.
pub fn works(standing: &Standing, refused: &[Refused]) -> Vec<Work> {
    let sections = &standing.component.sections;
    let codes: HashMap<&str, usize> =
        sections.iter().enumerate().map(|(at, section)| (section.code.as_str(), at)).collect();
    let ids: HashMap<&str, usize> =
        standing.candidates.iter().enumerate().map(|(at, one)| (one.id.as_str(), at)).collect();
    let mut all = vec![vec![SectionWork::default(); sections.len()]; standing.candidates.len()];
    let cell = |candidate: &str, section: &str| Some((*ids.get(candidate)?, *codes.get(section)?));
    for file in standing.files.iter().filter(|file| file.kind == "evidence") {
        let Some((row, column)) = cell(&file.candidate_id, &file.section) else { continue };
        let work = &mut all[row][column];
        if file.is_accepted() {
            work.facts.accepted += 1;
        } else {
            work.facts.running += 1;
            work.checking |= matches!(file.state, FileState::Received | FileState::Checking);
        }
    }
    for ((candidate, section), notes) in &standing.notes {
        let Some((row, column)) = cell(candidate, section) else { continue };
        let work = &mut all[row][column];
        work.facts.missing = notes.missing.is_some();
        work.facts.other_means = notes.other_means.is_some();
        work.facts.incomplete_note = notes.incomplete.is_some();
        work.notes = notes.clone();
    }
    let mut problems = HashSet::new();
    for file in open_refusals(standing, refused) {
        problems.insert(file.candidate_id.as_str());
        if let Some((row, column)) = cell(&file.candidate_id, &file.section) {
            all[row][column].refused += 1;
        }
    }
    let began = standing.files.iter().map(|file| file.created_at).min();
    let rows = standing.candidates.iter().zip(all);
    rows.map(|(candidate, work)| {
        let files = work.iter().map(|section| section.facts.accepted).sum();
        let changed = change(candidate, files, began);
        Work {
            counter: count(sections.iter().zip(work.iter().map(|section| section.facts))),
            sections: work,
            files,
            refused: problems.contains(candidate.id.as_str()),
            counted: candidate.in_sample && candidate.status == CandidateStatus::Entered,
            changed,
        }
    })
    .collect()
}

/// `began`: when the first file came that is still there.
fn change(candidate: &CandidateFacts, files: u32, began: Option<Timestamp>) -> Option<Change> {
    let made = candidate.id.parse::<crate::ids::CandidateId>().ok().and_then(|id| id.made_at());
    match candidate.status {
        CandidateStatus::Withdrawn if files > 0 => Some(Change::Left),
        CandidateStatus::Withdrawn => None,
        _ => (made? > began?).then_some(Change::Added),
    }
}

/// The refused files that nothing has made up for.
fn open_refusals<'a>(standing: &'a Standing, refused: &'a [Refused]) -> impl Iterator<Item = &'a Refused> {
    let mut accepted: HashMap<_, Vec<(&str, Timestamp)>> = HashMap::new();
    if !refused.is_empty() {
        for file in standing.files.iter().filter(|file| file.is_accepted()) {
            let place = (file.candidate_id.as_str(), file.kind.as_str(), file.section.as_str());
            let named = file.accepted_at.map(|at| (file.original_name.as_str(), at));
            accepted.entry(place).or_default().extend(named);
        }
    }
    let component = &standing.component;
    let rules = |file: &Refused| match file.kind.as_str() {
        "supporting" => component.supporting.as_ref(),
        _ => component.sections.iter().find(|section| section.code.as_str() == file.section),
    };
    refused.iter().filter(move |file| {
        let here = accepted.get(&(file.candidate_id.as_str(), file.kind.as_str(), file.section.as_str()));
        let here = here.map(Vec::as_slice).unwrap_or_default().iter().copied();
        let made_up =
            rules(file).is_some_and(|section| made_up(section, (&file.original_name, file.created_at), here));
        file.state == FileState::Quarantined || !made_up
    })
}

/// The sample's forms and documents, those asked for and the others.
pub fn forms(standing: &Standing) -> Counter {
    let documents = standing.component.documents.iter();
    count(documents.map(|document| (document, standing.facts("", "document", document.code.as_str()))))
}

/// Candidates that owe nothing more, and candidates whose work is asked for.
pub fn tally(works: &[Work]) -> (u32, u32) {
    let number = |all: usize| u32::try_from(all).unwrap_or(u32::MAX);
    let complete = works.iter().filter(|work| work.is_complete()).count();
    (number(complete), number(works.iter().filter(|work| work.counted).count()))
}
