//! How the structure step ends early.

use std::io;

use crate::check::name::Refusal;
use crate::evidence::Reason;

/// No acceptable file, or no way to tell.
#[derive(Debug)]
pub enum Stop {
    /// The file's own fault.
    Refused(Refusal),
    /// The stored bytes cannot be read: not the file's fault, so it is tried again.
    Read(io::Error),
    /// What was inflated cannot be written to the spool folder: it is tried again too.
    Spool(io::Error),
    /// Who takes members wants no more of them.
    Enough,
}

impl Stop {
    pub(super) fn refuse(reason: Reason, detail: impl Into<String>) -> Self {
        Self::Refused(Refusal::new(reason, detail))
    }

    pub(crate) fn corrupt(what: &str) -> Self {
        Self::refuse(Reason::Corrupt, format!("The file is damaged. {what}"))
    }

    pub(super) fn unsafe_archive(what: impl std::fmt::Display) -> Self {
        Self::refuse(Reason::ArchiveUnsafe, format!("The archive cannot be accepted: {what}."))
    }

    pub(super) fn empty_archive() -> Self {
        Self::refuse(
            Reason::Empty,
            "The archive holds no files; put the work into it, make it again and upload it.",
        )
    }

    pub(super) fn active(what: &str) -> Self {
        Self::refuse(
            Reason::ActiveContent,
            format!("The file holds {what}; save or print it without and upload that."),
        )
    }

    pub(super) fn encrypted() -> Self {
        Self::refuse(Reason::Encrypted, "The file needs a password; save it without one and upload it again.")
    }

    pub(super) fn macros() -> Self {
        Self::refuse(Reason::Macro, "The file holds macros; save it without them and upload it again.")
    }

    pub(super) fn too_slow() -> Self {
        Self::Refused(too_slow())
    }

    /// The same refusal, naming the place inside an archive.
    pub(super) fn inside(self, path: &str) -> Self {
        match self {
            Self::Refused(Refusal { reason, detail }) if !detail.starts_with("In ") => {
                Self::refuse(reason, format!("In {path}: {detail}"))
            }
            other => other,
        }
    }
}

/// The examination took longer than its limit.
pub(in crate::check) fn too_slow() -> Refusal {
    Refusal::new(Reason::Unscannable, "The file takes too long to examine; upload its parts one by one.")
}

/// For parsers that report a broken file as an error of reading. A real error of reading is remembered by the
/// [`View`](super::view::View) and replaces this.
impl From<io::Error> for Stop {
    fn from(_: io::Error) -> Self {
        Self::corrupt("It ends too early or holds what does not belong there.")
    }
}
