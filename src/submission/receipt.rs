//! The receipt: what a centre keeps as proof, and what its number looks like.

use jiff::Timestamp;
use serde::Serialize;

use super::manifest::Manifest;
use crate::actor::PersonId;
use crate::candidate::{CandidateNumber, CandidateStatus};
use crate::evidence::{SectionCode, Sha256Digest};
use crate::ids::SampleId;

/// Told with every receipt.
pub const KEEP: &str = "The centre keeps its own copy of this work until results and reviews are over.";

/// Letters and digits that nobody mistakes for another.
const ALPHABET: &[u8; 30] = b"23456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A receipt number, `SR-2026-7F3K-9Q2M`. `random`: eight random bytes. Whether it is unique the database says.
pub fn number(year: i16, random: [u8; 8]) -> String {
    // A remainder of 64 random bits by 30⁸: no letter is noticeably likelier.
    let mut rest = u64::from_be_bytes(random);
    let letters: Vec<char> = (0..8)
        .map(|_| {
            let letter = ALPHABET[(rest % 30) as usize];
            rest /= 30;
            char::from(letter)
        })
        .collect();
    let (first, second) = letters.split_at(4);
    format!("SR-{year:04}-{}-{}", first.iter().collect::<String>(), second.iter().collect::<String>())
}

/// A submission as its confirmation page and the API show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Receipt {
    #[schema(value_type = String)]
    pub sample: SampleId,
    pub revision: u32,
    pub receipt: String,
    #[schema(value_type = String)]
    pub submitted_at: Timestamp,
    #[schema(value_type = String)]
    pub submitted_by: PersonId,
    #[schema(value_type = String)]
    pub manifest_sha256: Sha256Digest,
    pub late: bool,
    /// Files in it, and their bytes together.
    pub files: u64,
    pub bytes: u64,
    /// Files in it that were accepted without a virus check.
    pub unscanned: u64,
    /// Candidates whose work was asked for and who were there.
    pub candidates: u64,
    pub missing: Vec<NotThere>,
    pub other_means: Vec<NotThere>,
    pub incomplete: Vec<NotThere>,
    #[schema(value_type = Vec<String>)]
    pub absent: Vec<CandidateNumber>,
    #[schema(value_type = Vec<String>)]
    pub withdrawn: Vec<CandidateNumber>,
    /// What the centre still has to do.
    pub keep: &'static str,
}

/// A section that was not provided here, or not wholly, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct NotThere {
    #[schema(value_type = String)]
    pub candidate: CandidateNumber,
    #[schema(value_type = String)]
    pub section: SectionCode,
    pub reason: String,
}

impl Receipt {
    /// Of a stored manifest.
    pub fn of(manifest: &Manifest, manifest_sha256: Sha256Digest) -> Self {
        let with_status = |status: CandidateStatus| {
            let these = manifest.candidates.iter().filter(move |candidate| candidate.status == status);
            these.map(|candidate| candidate.number.clone()).collect::<Vec<_>>()
        };
        let mut receipt = Self {
            sample: manifest.sample,
            revision: manifest.revision,
            receipt: manifest.receipt.clone(),
            submitted_at: manifest.submitted_at,
            submitted_by: manifest.submitted_by.clone(),
            manifest_sha256,
            late: manifest.late,
            files: manifest.files.len() as u64,
            bytes: manifest.files.iter().map(|file| file.size).sum(),
            unscanned: manifest.files.iter().filter(|file| file.is_unscanned()).count() as u64,
            candidates: with_status(CandidateStatus::Entered).len() as u64,
            missing: Vec::new(),
            other_means: Vec::new(),
            incomplete: Vec::new(),
            absent: with_status(CandidateStatus::Absent),
            withdrawn: with_status(CandidateStatus::Withdrawn),
            keep: KEEP,
        };
        for candidate in &manifest.candidates {
            for section in &candidate.sections {
                let told = |reason: &str| NotThere {
                    candidate: candidate.number.clone(),
                    section: section.code.clone(),
                    reason: reason.to_owned(),
                };
                receipt.missing.extend(section.notes.missing.iter().map(|missing| told(&missing.reason)));
                receipt.other_means.extend(section.notes.other_means.iter().map(|other| told(&other.means)));
                receipt.incomplete.extend(section.notes.incomplete.iter().map(|reason| told(reason)));
            }
        }
        receipt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_number_can_be_read_out() {
        assert_eq!(number(2026, [0; 8]), "SR-2026-2222-2222");
        let other = number(2026, [0x9f, 3, 77, 250, 1, 8, 200, 41]);
        assert_eq!(other.len(), "SR-2026-7F3K-9Q2M".len());
        assert!(other[8..].chars().all(|c| c == '-' || ALPHABET.contains(&(c as u8))), "{other}");
    }
}
