//! Verdicts.

use serde::{Deserialize, Serialize};

use crate::evidence::{Reason, Sha256Digest};
use crate::object_store::ObjectVersion;

/// What became of a check. Never a boolean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    Clean,
    /// The scanner found this signature. ` in {path}` follows where a member of a large archive has it.
    Infected {
        signature: String,
    },
    /// Refused by a rule. `detail` says what and where, for the person (no secret of ours in it).
    Rejected {
        reason: Reason,
        detail: String,
    },
    /// Cannot be judged: beyond a limit of the scanner.
    Unscannable {
        detail: String,
    },
}

impl Verdict {
    /// The same of a file in an archive, which it names.
    pub(super) fn of_a_member(self, path: &str) -> Self {
        match self {
            Self::Clean => Self::Clean,
            Self::Infected { signature } => Self::Infected { signature: in_member(signature, Some(path)) },
            Self::Rejected { reason, detail } => {
                Self::Rejected { reason, detail: format!("In {path}: {detail}") }
            }
            Self::Unscannable { detail } => Self::Unscannable { detail: format!("In {path}: {detail}") },
        }
    }
}

/// What was found, with the member of an archive in which it was.
pub(super) fn in_member(found: String, member: Option<&str>) -> String {
    match member {
        Some(path) => format!("{found} in {path}"),
        None => found,
    }
}

/// What one read of the stored bytes found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    pub sha256: Sha256Digest,
    /// CRC-32 (IEEE) of the bytes, for zips going out.
    pub crc32: u32,
    pub size: u64,
    /// Media type by content.
    pub media_type: Option<String>,
}

/// The proof that exactly these bytes were judged clean. The only key to promotion; [`Judgement::admit`] makes it.
///
/// [`Judgement::admit`]: super::Judgement::admit
#[derive(Clone, Debug)]
pub struct Clean {
    pub(super) sha256: Sha256Digest,
    pub(super) crc32: u32,
    pub(super) version: ObjectVersion,
    pub(super) scanned: bool,
}

impl Clean {
    pub fn sha256(&self) -> Sha256Digest {
        self.sha256
    }

    /// CRC-32 (IEEE) of the bytes, which their copy must have.
    pub fn crc32(&self) -> u32 {
        self.crc32
    }

    /// False for media beyond the scanner's size that the section allows: it is shown as "not virus checked".
    pub fn scanned(&self) -> bool {
        self.scanned
    }

    pub fn version(&self) -> &ObjectVersion {
        &self.version
    }
}
