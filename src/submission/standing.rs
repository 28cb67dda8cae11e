//! How a sample stands: what a check looks at and a manifest tells.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::candidate::{CandidateNumber, CandidateStatus, by_mark};
use crate::completeness::SectionFacts;
use crate::component::Component;
use crate::evidence::{FileState, PAUSED_AFTER, Sha256Digest};
use crate::ids::FileId;
use crate::sample::{Dates, Sample};

use super::declaration::Answer;

/// A sample with all that is in it.
#[derive(Clone, Debug)]
pub struct Standing {
    pub sample: Sample,
    pub component: Component,
    /// The organisation's, as an IANA name.
    pub time_zone: String,
    /// By number.
    pub candidates: Vec<CandidateFacts>,
    /// By candidate's id and section.
    pub notes: HashMap<(String, String), Notes>,
    /// Accepted and running ones.
    pub files: Vec<FileFacts>,
    /// Copies that candidates who share a file do not have yet.
    pub sharing: Vec<Sharing>,
    /// Declarations ticked for the coming revision.
    pub ticked: Vec<Answer>,
}

#[derive(Clone, Debug)]
pub struct CandidateFacts {
    pub id: String,
    pub number: CandidateNumber,
    pub name: String,
    pub mark: Option<i64>,
    pub status: CandidateStatus,
    pub in_sample: bool,
    /// What was said of an absence.
    pub absent: Option<Absent>,
    /// An extension of the candidate's own.
    pub due_at: Option<Timestamp>,
    pub cut_off_at: Option<Timestamp>,
}

impl CandidateFacts {
    /// Sampled and entered, so that the work is asked for.
    pub fn counts(&self) -> bool {
        self.in_sample && self.status == CandidateStatus::Entered
    }
}

/// What people noted of a candidate's section.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notes {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<Missing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_means: Option<OtherMeans>,
    /// Fewer files than asked for: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<String>,
}

/// There is nothing to upload, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    pub reason: String,
    pub note: Option<String>,
    pub reference: Option<String>,
}

/// Posted, seen at a visit, or sent some other way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherMeans {
    pub means: String,
    pub reference: Option<String>,
}

/// What was said of a candidate's absence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Absent {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

impl Absent {
    /// From its columns; `None` when nothing was said.
    pub(crate) fn of(reason: Option<String>, reference: Option<String>) -> Option<Self> {
        (reason.is_some() || reference.is_some()).then_some(Self { reason, reference })
    }
}

#[derive(Clone, Debug)]
pub struct FileFacts {
    pub id: FileId,
    /// `""` for a sample document.
    pub candidate_id: String,
    /// `evidence`, `supporting` or `document`.
    pub kind: String,
    pub section: String,
    pub state: FileState,
    pub original_name: String,
    pub path: String,
    pub unique_name: Option<String>,
    pub size: Option<i64>,
    pub sha256: Option<Sha256Digest>,
    pub crc32: Option<i64>,
    pub media_type: Option<String>,
    pub modified: Option<String>,
    pub late: bool,
    /// Accepted without a virus check.
    pub unscanned: bool,
    /// Its bytes do not leave, because the store does not hold what was accepted.
    pub withheld: bool,
    /// The same bytes are elsewhere too.
    pub duplicate: bool,
    pub created_at: Timestamp,
    pub received_at: Option<Timestamp>,
    pub accepted_at: Option<Timestamp>,
    /// Of an upload: when its last byte came, and whether all have.
    pub last_byte_at: Option<Timestamp>,
    pub whole: bool,
}

/// A candidate who is to get a copy of a file that was sent for another.
#[derive(Clone, Debug)]
pub struct Sharing {
    /// The file that was sent.
    pub file: FileId,
    pub original_name: String,
    pub section: String,
    pub candidate_id: String,
    pub number: CandidateNumber,
}

impl FileFacts {
    /// An upload that stands still, and can be cancelled by submitting.
    pub fn is_paused(&self, now: Timestamp) -> bool {
        matches!(self.state, FileState::Created | FileState::Receiving)
            && !self.whole
            && now.duration_since(self.last_byte_at.unwrap_or(self.created_at)) >= PAUSED_AFTER
    }

    pub fn is_accepted(&self) -> bool {
        self.state == FileState::Accepted
    }
}

impl Standing {
    /// The candidates whose work counts.
    pub fn counted(&self) -> impl Iterator<Item = &CandidateFacts> {
        self.candidates.iter().filter(|candidate| candidate.counts())
    }

    /// All of them, in the order of the list.
    pub fn listed(&self) -> Vec<&CandidateFacts> {
        let mut all: Vec<&CandidateFacts> = self.candidates.iter().collect();
        all.sort_by(|a, b| by_mark((a.mark, a.status, &a.number), (b.mark, b.status, &b.number)));
        all
    }

    /// The files that belong to the submission: of counted candidates, and documents of the sample.
    pub fn files(&self) -> impl Iterator<Item = &FileFacts> {
        let counted: std::collections::HashSet<&str> = self.counted().map(|c| c.id.as_str()).collect();
        self.files
            .iter()
            .filter(move |file| file.candidate_id.is_empty() || counted.contains(&*file.candidate_id))
    }

    /// The copies that the submission waits for: of counted candidates. Of a file that is still on its way itself, that
    /// is told, and who is to have it is not told besides.
    pub fn sharing(&self) -> impl Iterator<Item = &Sharing> {
        let counted: std::collections::HashSet<&str> = self.counted().map(|c| c.id.as_str()).collect();
        let running: std::collections::HashSet<FileId> =
            self.files().filter(|file| file.state.is_running()).map(|file| file.id).collect();
        self.sharing.iter().filter(move |sharing| {
            counted.contains(&*sharing.candidate_id) && !running.contains(&sharing.file)
        })
    }

    pub fn number_of(&self, candidate_id: &str) -> Option<&CandidateNumber> {
        self.candidates
            .iter()
            .find(|candidate| candidate.id == candidate_id)
            .map(|candidate| &candidate.number)
    }

    pub fn notes_of(&self, candidate: &CandidateFacts, section: &str) -> Notes {
        self.notes.get(&(candidate.id.clone(), section.to_owned())).cloned().unwrap_or_default()
    }

    /// How many files a slot has, and what is noted of it. A document's `candidate_id` is `""`.
    pub fn facts(&self, candidate_id: &str, kind: &str, section: &str) -> SectionFacts {
        let here = || {
            self.files.iter().filter(|file| {
                file.candidate_id == candidate_id && file.kind == kind && file.section == section
            })
        };
        let count = |accepted| {
            u32::try_from(here().filter(|file| file.is_accepted() == accepted).count()).unwrap_or(u32::MAX)
        };
        let notes = self.notes.get(&(candidate_id.to_owned(), section.to_owned()));
        SectionFacts {
            accepted: count(true),
            running: count(false),
            missing: notes.is_some_and(|notes| notes.missing.is_some()),
            other_means: notes.is_some_and(|notes| notes.other_means.is_some()),
            incomplete_note: notes.is_some_and(|notes| notes.incomplete.is_some()),
        }
    }

    /// The sample's dates, moved by the longest extension of a candidate that counts.
    pub fn dates(&self) -> Dates {
        let of_sample = self.sample.dates;
        self.counted().fold(of_sample, |dates, candidate| Dates {
            due_at: candidate.due_at.map_or(dates.due_at, |at| at.max(dates.due_at)),
            cut_off_at: candidate.cut_off_at.map_or(dates.cut_off_at, |at| at.max(dates.cut_off_at)),
            grace: dates.grace,
        })
    }

    /// Whether submitting now is late; `None` when it is refused.
    pub fn late(&self, now: Timestamp) -> Option<bool> {
        let late_file = self.files().any(|file| file.is_accepted() && file.late);
        self.dates().on_submission(now, late_file)
    }
}
