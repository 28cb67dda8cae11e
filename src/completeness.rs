//! What is complete, what is missing: derived from files and flags, never stored, so it always equals a recount.

use serde::{Deserialize, Serialize};

use crate::component::Section;

/// What is known of one candidate's section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SectionFacts {
    /// Accepted files. Checking, rejected and infected files do not count.
    pub accepted: u32,
    /// Files on the way: open, received or checking.
    pub running: u32,
    /// Flagged Missing.
    pub missing: bool,
    /// Posted, seen at a visit, or sent some other way.
    pub other_means: bool,
    /// Fewer files than `min`, noted *incomplete* with a reason.
    pub incomplete_note: bool,
}

/// A section's standing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SectionState {
    /// Nothing there.
    Empty,
    /// Something there or on its way, not enough.
    InProgress,
    Provided,
    Missing,
    OtherMeans,
    /// Some files, fewer than asked for, with a reason.
    Incomplete,
}

impl SectionState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::InProgress => "in_progress",
            Self::Provided => "provided",
            Self::Missing => "missing",
            Self::OtherMeans => "other_means",
            Self::Incomplete => "incomplete",
        }
    }

    /// Whether nothing more is owed for it.
    pub fn is_resolved(self) -> bool {
        matches!(self, Self::Provided | Self::Missing | Self::OtherMeans | Self::Incomplete)
    }
}

/// The standing of one section.
pub fn section_state(section: &Section, facts: SectionFacts) -> SectionState {
    if facts.accepted >= section.needed() {
        SectionState::Provided
    } else if facts.missing {
        SectionState::Missing
    } else if facts.other_means {
        SectionState::OtherMeans
    } else if facts.accepted > 0 && facts.incomplete_note {
        SectionState::Incomplete
    } else if facts.accepted > 0 || facts.running > 0 {
        SectionState::InProgress
    } else {
        SectionState::Empty
    }
}

/// A candidate's standing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CandidateState {
    NotStarted,
    InProgress,
    /// Everything required is owed no more, and something was not provided.
    CompleteWithMissing,
    Complete,
}

impl CandidateState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotStarted => "not_started",
            Self::InProgress => "in_progress",
            Self::CompleteWithMissing => "complete_with_missing",
            Self::Complete => "complete",
        }
    }
}

/// A candidate's counter: `provided` of `required` sections, and what that makes of the candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Required sections provided.
    pub provided: u32,
    /// Required sections.
    pub required: u32,
    /// Optional sections provided, shown apart.
    pub optional: u32,
    pub state: CandidateState,
}

/// Counts one candidate's sections.
pub fn count<'a>(sections: impl IntoIterator<Item = (&'a Section, SectionFacts)>) -> Counter {
    let mut counter = Counter { provided: 0, required: 0, optional: 0, state: CandidateState::NotStarted };
    let mut resolved = 0;
    let mut touched = false;
    for (section, facts) in sections {
        let state = section_state(section, facts);
        touched |= state != SectionState::Empty;
        if section.required {
            counter.required += 1;
            counter.provided += u32::from(state == SectionState::Provided);
            resolved += u32::from(state.is_resolved());
        } else {
            counter.optional += u32::from(state == SectionState::Provided);
        }
    }
    counter.state = if counter.provided == counter.required {
        CandidateState::Complete
    } else if resolved == counter.required {
        CandidateState::CompleteWithMissing
    } else if touched {
        CandidateState::InProgress
    } else {
        CandidateState::NotStarted
    };
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(required: bool, min: u32) -> Section {
        Section {
            code: "URS".parse().unwrap(),
            title: "URS".into(),
            required,
            min,
            max: 10,
            max_bytes: 1,
            accepts: vec!["pdf".into()],
            zip: Default::default(),
            naming_assessed: false,
            allow_unscannable: false,
            aliases: Vec::new(),
        }
    }

    fn accepted(accepted: u32) -> SectionFacts {
        SectionFacts { accepted, ..Default::default() }
    }

    #[test]
    fn two_required_sections_with_a_file_each_are_complete_and_one_less_is_not() {
        let (a, b, film) = (section(true, 1), section(true, 0), section(false, 0));
        let both = count([(&a, accepted(1)), (&b, accepted(1)), (&film, accepted(0))]);
        assert_eq!((both.provided, both.required, both.state), (2, 2, CandidateState::Complete));
        let one = count([(&a, accepted(1)), (&b, accepted(0)), (&film, accepted(3))]);
        assert_eq!((one.provided, one.optional, one.state), (1, 1, CandidateState::InProgress));
        assert_eq!(count([(&a, accepted(0)), (&b, accepted(0))]).state, CandidateState::NotStarted);
    }

    #[test]
    fn missing_resolves_without_being_provided_and_running_files_do_not_count() {
        let (a, b) = (section(true, 1), section(true, 2));
        let missing = SectionFacts { missing: true, ..Default::default() };
        let with = count([(&a, accepted(1)), (&b, missing)]);
        assert_eq!((with.provided, with.state), (1, CandidateState::CompleteWithMissing));
        let running = SectionFacts { running: 1, ..Default::default() };
        assert_eq!(count([(&a, running), (&b, missing)]).state, CandidateState::InProgress);
        assert_eq!(section_state(&b, accepted(1)), SectionState::InProgress);
        let noted = SectionFacts { accepted: 1, incomplete_note: true, ..Default::default() };
        assert_eq!(section_state(&b, noted), SectionState::Incomplete);
    }
}
