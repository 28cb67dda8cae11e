//! The manifest of a submission: every file, every Missing and absent, every declaration.
//!
//! It is written once, as compact JSON with the fields in the order below and the lists in order of candidate,
//! section and unique name; that text is stored, served and hashed as it is.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::standing::{Absent, FileFacts, Notes, Standing};
use crate::actor::PersonId;
use crate::candidate::{CandidateNumber, CandidateStatus};
use crate::centre::CentreNumber;
use crate::completeness::{SectionState, section_state};
use crate::component::ComponentId;
use crate::evidence::{SectionCode, Sha256Digest};
use crate::ids::{FileId, SampleId};
use crate::organisation::{AssessmentId, OrganisationId, SeriesId};

/// The form of the document; raised when its meaning changes.
const FORMAT: &str = "strongroom-manifest-1";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: String,
    pub sample: SampleId,
    pub organisation: OrganisationId,
    pub assessment: AssessmentId,
    pub series: SeriesId,
    pub component: ComponentId,
    pub occasion: String,
    pub centre: CentreNumber,
    pub revision: u32,
    pub receipt: String,
    pub submitted_at: Timestamp,
    pub submitted_by: PersonId,
    pub late: bool,
    pub declarations: Vec<Declared>,
    /// Those in the sample, and those absent or withdrawn.
    pub candidates: Vec<CandidateEntry>,
    pub files: Vec<FileEntry>,
}

/// A declaration as it was ticked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    pub id: String,
    pub version: u32,
    pub text_sha256: Sha256Digest,
    pub ticked_by: PersonId,
    pub ticked_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidateEntry {
    pub number: CandidateNumber,
    pub name: String,
    pub mark: Option<i64>,
    pub status: CandidateStatus,
    pub in_sample: bool,
    /// What was said of an absence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent: Option<Absent>,
    pub sections: Vec<SectionEntry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SectionEntry {
    pub code: SectionCode,
    pub required: bool,
    pub state: SectionState,
    #[serde(flatten)]
    pub notes: Notes,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    pub id: FileId,
    /// None for a document of the sample.
    pub candidate: Option<CandidateNumber>,
    /// `evidence`, `supporting` or `document`.
    pub kind: String,
    pub section: String,
    pub unique_name: String,
    pub original_name: String,
    pub path: String,
    pub size: u64,
    pub sha256: Sha256Digest,
    /// CRC-32 (IEEE), 8 hexadecimal digits.
    pub crc32: Option<String>,
    pub media_type: Option<String>,
    /// As the sender's computer said.
    pub modified: Option<String>,
    pub created_at: Timestamp,
    pub received_at: Option<Timestamp>,
    pub accepted_at: Option<Timestamp>,
    /// `clean` or `not virus checked`.
    pub verdict: String,
    pub late: bool,
    pub duplicate: bool,
}

impl FileEntry {
    /// It was accepted without a virus check.
    pub fn is_unscanned(&self) -> bool {
        self.verdict == UNSCANNED
    }
}

/// What a manifest says besides how the sample stands.
#[derive(Clone, Debug)]
pub struct Head {
    pub revision: u32,
    pub receipt: String,
    pub submitted_at: Timestamp,
    pub submitted_by: PersonId,
    pub late: bool,
    pub declarations: Vec<Declared>,
}

/// An accepted file whose row lacks what acceptance writes: its unique name, size or hash.
#[derive(Debug, thiserror::Error)]
#[error("the accepted file {0} has no {1}")]
pub struct Incomplete(pub FileId, pub &'static str);

impl Manifest {
    /// Of the sample as it stands.
    pub fn of(standing: &Standing, head: Head) -> Result<Self, Incomplete> {
        let sample = &standing.sample;
        let files = standing.files().filter(|file| file.is_accepted());
        let mut files: Vec<_> = files.map(|file| entry(standing, file)).collect::<Result<_, _>>()?;
        files.sort_by(|a, b| {
            (&a.candidate, &a.section, &a.unique_name).cmp(&(&b.candidate, &b.section, &b.unique_name))
        });
        Ok(Self {
            format: FORMAT.into(),
            sample: sample.id,
            organisation: sample.organisation.clone(),
            assessment: sample.assessment.clone(),
            series: sample.series.clone(),
            component: sample.component.clone(),
            occasion: sample.occasion.clone(),
            centre: sample.centre.clone(),
            revision: head.revision,
            receipt: head.receipt,
            submitted_at: head.submitted_at,
            submitted_by: head.submitted_by,
            late: head.late,
            declarations: head.declarations,
            candidates: candidates(standing),
            files,
        })
    }

    /// The stored text, to the byte.
    pub fn text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// As a table for spreadsheets (RFC 4180, UTF-8 with its mark, without which they read it as something else): a row
    /// for each file, and one for each section that has a note. No cell can be taken for a formula. It comes in pieces.
    pub fn table(self) -> impl Iterator<Item = Result<Vec<u8>, csv::Error>> + Send + 'static {
        let (mut began, mut files, mut candidates) = (false, 0_usize, 0_usize);
        std::iter::from_fn(move || {
            let next = files.saturating_add(ROWS_A_PIECE).min(self.files.len());
            let some = self.files.get(files..next).unwrap_or_default();
            let more = candidates + usize::from(some.is_empty()) * ROWS_A_PIECE;
            let told = self.candidates.get(candidates..more.min(self.candidates.len())).unwrap_or_default();
            if began && some.is_empty() && told.is_empty() {
                return None;
            }
            let first = !std::mem::replace(&mut began, true);
            (files, candidates) = (next, more);
            Some(self.piece(first, some, told))
        })
    }

    fn piece(
        &self,
        first: bool,
        files: &[FileEntry],
        candidates: &[CandidateEntry],
    ) -> Result<Vec<u8>, csv::Error> {
        let start = if first { BYTE_ORDER_MARK.to_vec() } else { Vec::new() };
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(start);
        if first {
            writer.write_record(HEADINGS)?;
        }
        for file in files {
            writer.write_record(self.file_row(file).map(|cell| harmless(&cell)))?;
        }
        for candidate in candidates {
            for row in self.note_rows(candidate) {
                writer.write_record(row.map(|cell| harmless(&cell)))?;
            }
        }
        writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
    }

    /// What the candidate is called in it; empty for a document of the sample.
    pub fn name_of(&self, number: Option<&CandidateNumber>) -> &str {
        let known = self.candidates.iter().find(|one| Some(&one.number) == number);
        known.map_or("", |one| &one.name)
    }

    fn file_row(&self, file: &FileEntry) -> [String; HEADINGS.len()] {
        let time = |at: Option<Timestamp>| at.map_or_else(String::new, |at| at.to_string());
        let yes = |flag: bool| if flag { "yes" } else { "no" }.to_owned();
        [
            self.centre.to_string(),
            file.candidate.as_ref().map_or_else(String::new, ToString::to_string),
            self.name_of(file.candidate.as_ref()).to_owned(),
            file.section.clone(),
            file.kind.clone(),
            file.unique_name.clone(),
            file.original_name.clone(),
            file.path.clone(),
            file.size.to_string(),
            file.sha256.to_string(),
            file.crc32.clone().unwrap_or_default(),
            file.media_type.clone().unwrap_or_default(),
            time(file.received_at),
            file.verdict.clone(),
            yes(file.late),
            yes(file.duplicate),
            String::new(),
        ]
    }

    /// What is not there, and why.
    fn note_rows(&self, candidate: &CandidateEntry) -> Vec<[String; HEADINGS.len()]> {
        let row = |section: &str, note: String| {
            let mut row = std::array::from_fn(|_| String::new());
            row[0] = self.centre.to_string();
            row[1] = candidate.number.to_string();
            row[2] = candidate.name.clone();
            row[3] = section.to_owned();
            row[HEADINGS.len() - 1] = note;
            row
        };
        if candidate.status != CandidateStatus::Entered {
            let said = candidate.absent.as_ref().and_then(|absent| absent.reason.as_deref());
            let status = candidate.status.as_str();
            return vec![row("", said.map_or_else(|| status.to_owned(), |why| format!("{status}: {why}")))];
        }
        let mut rows = Vec::new();
        for section in &candidate.sections {
            let code = section.code.as_str();
            if let Some(missing) = &section.notes.missing {
                rows.push(row(code, format!("Missing: {}", missing.reason)));
            }
            if let Some(other) = &section.notes.other_means {
                rows.push(row(code, format!("By other means: {}", other.means)));
            }
            if let Some(reason) = &section.notes.incomplete {
                rows.push(row(code, format!("Incomplete: {reason}")));
            }
        }
        rows
    }
}

/// Of files, or of candidates.
const ROWS_A_PIECE: usize = 200;
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

const HEADINGS: [&str; 17] = [
    "centre",
    "candidate",
    "name",
    "section",
    "kind",
    "unique_name",
    "original_name",
    "path",
    "size",
    "sha256",
    "crc32",
    "media_type",
    "received_at",
    "verdict",
    "late",
    "duplicate",
    "note",
];

/// An accepted file's verdict, in the words of every list.
pub fn verdict_word(unscanned: bool) -> &'static str {
    if unscanned { UNSCANNED } else { "clean" }
}

const UNSCANNED: &str = "not virus checked";

/// Text that no spreadsheet takes for a formula: an apostrophe before what would begin one.
pub fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_owned() }
}

fn candidates(standing: &Standing) -> Vec<CandidateEntry> {
    let told = standing.candidates.iter().filter(|c| c.in_sample || c.status != CandidateStatus::Entered);
    told.map(|candidate| {
        let counts = candidate.in_sample && candidate.status == CandidateStatus::Entered;
        let sections = standing.component.sections.iter().filter(|_| counts).map(|section| {
            let code = section.code.as_str();
            let facts = standing.facts(&candidate.id, "evidence", code);
            let state = section_state(section, crate::completeness::SectionFacts { running: 0, ..facts });
            let mut notes = standing.notes_of(candidate, code);
            // It is about a shortfall; where there is none, it has nothing to say.
            notes.incomplete = notes.incomplete.filter(|_| state == SectionState::Incomplete);
            SectionEntry { code: section.code.clone(), required: section.required, state, notes }
        });
        CandidateEntry {
            number: candidate.number.clone(),
            name: candidate.name.clone(),
            mark: candidate.mark,
            status: candidate.status,
            in_sample: candidate.in_sample,
            absent: candidate.absent.clone().filter(|_| candidate.status == CandidateStatus::Absent),
            sections: sections.collect(),
        }
    })
    .collect()
}

fn entry(standing: &Standing, file: &FileFacts) -> Result<FileEntry, Incomplete> {
    let lacks = |what| Incomplete(file.id, what);
    Ok(FileEntry {
        id: file.id,
        candidate: standing.number_of(&file.candidate_id).cloned(),
        kind: file.kind.clone(),
        section: file.section.clone(),
        unique_name: file.unique_name.clone().ok_or_else(|| lacks("unique name"))?,
        original_name: file.original_name.clone(),
        path: file.path.clone(),
        size: file.size.and_then(|size| u64::try_from(size).ok()).ok_or_else(|| lacks("size"))?,
        sha256: file.sha256.ok_or_else(|| lacks("hash"))?,
        crc32: file.crc32.map(|crc| format!("{crc:08x}")),
        media_type: file.media_type.clone(),
        modified: file.modified.clone(),
        created_at: file.created_at,
        received_at: file.received_at,
        accepted_at: file.accepted_at,
        verdict: verdict_word(file.unscanned).into(),
        late: file.late,
        duplicate: file.duplicate,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_begins_a_formula() {
        for (cell, safe) in [
            ("=1+1", "'=1+1"),
            ("-x", "'-x"),
            ("@a", "'@a"),
            ("+44", "'+44"),
            ("\tx", "'\tx"),
            ("a=b", "a=b"),
        ] {
            assert_eq!(harmless(cell), safe);
        }
    }
}
