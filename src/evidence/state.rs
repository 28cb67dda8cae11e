//! The life of a file.
//!
//! ```text
//! created → receiving ⇄ paused → received → checking → accepted | rejected | infected | unscannable
//! accepted → superseded | deleted | quarantined;  created receiving paused → expired | cancelled
//! ```
//! `paused` is a word for people: a `receiving` file whose bytes have not moved for a while. It is derived when
//! read and never stored, so no sweeper has to write it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An open upload is *paused* when no byte came for this long. Until then it holds its place in a section and blocks
/// submission; afterwards a new upload may displace it, and submitting cancels it.
pub const PAUSED_AFTER: jiff::SignedDuration = jiff::SignedDuration::from_mins(10);

/// Where a file stands. `as_str` is what the database, the API and the tests say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileState {
    Created,
    Receiving,
    Received,
    Checking,
    Accepted,
    Rejected,
    Infected,
    Unscannable,
    Superseded,
    Deleted,
    Quarantined,
    Expired,
    Cancelled,
}

/// A step the life of a file does not have.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a file that is {from} cannot become {to}")]
pub struct InvalidTransition {
    pub from: FileState,
    pub to: FileState,
}

impl FileState {
    pub const ALL: [Self; 13] = [
        Self::Created,
        Self::Receiving,
        Self::Received,
        Self::Checking,
        Self::Accepted,
        Self::Rejected,
        Self::Infected,
        Self::Unscannable,
        Self::Superseded,
        Self::Deleted,
        Self::Quarantined,
        Self::Expired,
        Self::Cancelled,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Receiving => "receiving",
            Self::Received => "received",
            Self::Checking => "checking",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Infected => "infected",
            Self::Unscannable => "unscannable",
            Self::Superseded => "superseded",
            Self::Deleted => "deleted",
            Self::Quarantined => "quarantined",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    /// Bytes may still arrive.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Created | Self::Receiving)
    }

    /// On the way: neither final nor accepted. Such a file blocks Missing and submission.
    pub fn is_running(self) -> bool {
        self.is_open() || matches!(self, Self::Received | Self::Checking)
    }

    /// Nothing came of the upload.
    pub fn is_refused(self) -> bool {
        matches!(self, Self::Rejected | Self::Infected | Self::Unscannable | Self::Expired)
    }

    /// The next state, if the life of a file has that step.
    pub fn become_(self, to: Self) -> Result<Self, InvalidTransition> {
        use FileState::{
            Accepted, Cancelled, Checking, Created, Deleted, Expired, Infected, Quarantined, Received,
            Receiving, Rejected, Superseded, Unscannable,
        };
        let allowed = match self {
            Created => matches!(to, Receiving | Received | Expired | Cancelled),
            Receiving => matches!(to, Received | Expired | Cancelled),
            Received => matches!(to, Checking | Cancelled),
            Checking => matches!(to, Accepted | Rejected | Infected | Unscannable | Cancelled),
            Accepted => matches!(to, Superseded | Deleted | Quarantined),
            Deleted => matches!(to, Accepted),
            Rejected | Infected | Unscannable | Superseded | Quarantined | Expired | Cancelled => false,
        };
        if allowed { Ok(to) } else { Err(InvalidTransition { from: self, to }) }
    }
}

impl fmt::Display for FileState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for FileState {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

/// A word of the database that this version does not know.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown word {0:?}")]
pub struct UnknownWord(pub String);

macro_rules! reasons {
    ($($variant:ident $word:literal),* $(,)?) => {
        /// Why a file was refused, in the stable words of the API. The sentence a person reads is in `web::words`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Reason { $($variant),* }

        impl Reason {
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }

        impl FromStr for Reason {
            type Err = UnknownWord;
            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(UnknownWord(text.to_owned())),
                }
            }
        }
    };
}

reasons! {
    Empty "empty",
    TooLarge "too_large",
    TypeNotAllowed "type_not_allowed",
    TypeMismatch "type_mismatch",
    DoubleExtension "double_extension",
    NameNotAllowed "name_not_allowed",
    LinkOnly "link_only",
    Encrypted "encrypted",
    Macro "macro",
    ActiveContent "active_content",
    Corrupt "corrupt",
    ArchiveUnsafe "archive_unsafe",
    ImageTooBig "image_too_big",
    TooManyFiles "too_many_files",
    Duplicate "duplicate",
    Infected "infected",
    Unscannable "unscannable",
    // The stored bytes are not those that were received, or not those the sender said.
    DigestMismatch "digest_mismatch",
}

/// What a file in *checking* waits for, when its check cannot be made now. The sentence is in `web::words`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// The virus scanner does not answer.
    Scanner,
    /// It has other files to look at first.
    ScannerBusy,
    /// It answers, and is not to be trusted: its canaries fail, or its signatures are too old.
    ScannerNotTrusted,
    /// The store, or room to check it in.
    Storage,
    /// Something else of ours.
    Service,
}

impl WaitsFor {
    pub const ALL: [Self; 5] =
        [Self::Scanner, Self::ScannerBusy, Self::ScannerNotTrusted, Self::Storage, Self::Service];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scanner => "scanner",
            Self::ScannerBusy => "scanner_busy",
            Self::ScannerNotTrusted => "scanner_not_trusted",
            Self::Storage => "storage",
            Self::Service => "service",
        }
    }
}

impl FromStr for WaitsFor {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|what| what.as_str() == text).ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for state in FileState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        for &reason in Reason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(reason));
        }
        for what in WaitsFor::ALL {
            assert_eq!(what.as_str().parse(), Ok(what));
        }
    }

    #[test]
    fn nothing_becomes_accepted_but_from_checking_or_an_undone_delete() {
        let into: Vec<_> =
            FileState::ALL.into_iter().filter(|from| from.become_(FileState::Accepted).is_ok()).collect();
        assert_eq!(into, [FileState::Checking, FileState::Deleted]);
    }
}
