//! Evidence: sections, the files in them, their kinds, states and names.

mod digest;
mod kind;
mod name;
mod size;
mod state;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

pub use digest::{InvalidDigest, Sha256Digest};
pub use kind::{FileKind, Group, LARGEST, LARGEST_SCAN, LINK_EXTENSIONS, catalogue, extension_of};
pub(crate) use name::hides;
pub use name::{InvalidName, InvalidUniqueName, OriginalName, RelativePath, UniqueName, UniqueNameParts};
pub use size::bytes_in_words;
pub use state::{FileState, InvalidTransition, PAUSED_AFTER, Reason, UnknownWord, WaitsFor};

use crate::candidate::CandidateNumber;

/// A section's code: `[A-Za-z0-9]{1,24}`, never `Supporting` or `Documents`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SectionCode(String);

/// The text is no section code.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("section code {0:?} must be 1 to 24 letters or digits, and not Supporting or Documents")]
pub struct InvalidSectionCode(String);

/// What stands in a unique name where supporting material has no section.
pub const SUPPORTING: &str = "Supporting";
/// What stands in a unique name in place of candidate and section for a sample document.
pub const DOCUMENTS: &str = "Documents";

impl SectionCode {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SectionCode {
    type Err = InvalidSectionCode;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let reserved = text.eq_ignore_ascii_case(SUPPORTING) || text.eq_ignore_ascii_case(DOCUMENTS);
        let fits = (1..=24).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
        if fits && !reserved { Ok(Self(text.to_owned())) } else { Err(InvalidSectionCode(text.to_owned())) }
    }
}

impl TryFrom<String> for SectionCode {
    type Error = InvalidSectionCode;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<SectionCode> for String {
    fn from(value: SectionCode) -> String {
        value.0
    }
}

impl fmt::Display for SectionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SectionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// Where in a sample a file belongs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// A candidate's evidence section; it counts.
    Section { candidate: CandidateNumber, section: SectionCode },
    /// Extra files for a candidate; they never count.
    Supporting { candidate: CandidateNumber },
    /// A form or document for the whole sample, by its code.
    Document { document: SectionCode },
}

impl Place {
    pub fn candidate(&self) -> Option<&CandidateNumber> {
        match self {
            Self::Section { candidate, .. } | Self::Supporting { candidate } => Some(candidate),
            Self::Document { .. } => None,
        }
    }

    /// The section's word in lists, names and manifests: its code, `Supporting` or `Documents`.
    pub fn section_word(&self) -> &str {
        match self {
            Self::Section { section, .. } => section.as_str(),
            Self::Supporting { .. } => SUPPORTING,
            Self::Document { .. } => DOCUMENTS,
        }
    }

    /// `evidence`, `supporting` or `document`: how the database tells them apart.
    pub fn kind_word(&self) -> &'static str {
        match self {
            Self::Section { .. } => "evidence",
            Self::Supporting { .. } => "supporting",
            Self::Document { .. } => "document",
        }
    }
}
