//! Every key there is, in one place.

use std::{fmt, str::FromStr};

use crate::evidence::UniqueName;
use crate::ids::{FileId, SampleId};

/// Where an object lies. [`ObjectKey::path`] is its only spelling; no text of a client's is in it but the unique
/// name, whose alphabet is ours.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ObjectKey {
    /// A received file before its verdict. A key belongs to one lease epoch, so a stale writer cannot touch it.
    Quarantine { file: FileId, epoch: i64 },
    /// A piece of an unfinished part: bytes `[start, start+len)`.
    Tail { file: FileId, epoch: i64, start: u64, len: u64 },
    /// An accepted file, for good.
    Evidence { sample: SampleId, file: FileId, name: UniqueName },
    /// A file in which a scan found something, for a time.
    Incident { sample: SampleId, file: FileId },
}

impl ObjectKey {
    pub fn path(&self) -> String {
        match self {
            Self::Quarantine { file, epoch } => format!("quarantine/{file}/{epoch}"),
            Self::Tail { file, epoch, start, len } => format!("tail/{file}/{epoch}/{start}-{len}"),
            Self::Evidence { sample, file, name } => format!("evidence/{sample}/{file}/{name}"),
            Self::Incident { sample, file } => format!("incident/{sample}/{file}"),
        }
    }
}

impl ObjectKey {
    /// It lies where it is for good, or for a time: made once by a copy within the store, and never written again.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self, Self::Evidence { .. } | Self::Incident { .. })
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

/// The path is none of ours.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is no key of ours")]
pub struct InvalidKey(String);

impl FromStr for ObjectKey {
    type Err = InvalidKey;
    fn from_str(path: &str) -> Result<Self, InvalidKey> {
        let invalid = || InvalidKey(path.to_owned());
        let parts: Vec<&str> = path.split('/').collect();
        let key = match parts[..] {
            ["quarantine", file, epoch] => Self::Quarantine {
                file: file.parse().map_err(|_| invalid())?,
                epoch: epoch.parse().map_err(|_| invalid())?,
            },
            ["tail", file, epoch, range] => {
                let (start, len) = range.split_once('-').ok_or_else(invalid)?;
                Self::Tail {
                    file: file.parse().map_err(|_| invalid())?,
                    epoch: epoch.parse().map_err(|_| invalid())?,
                    start: start.parse().map_err(|_| invalid())?,
                    len: len.parse().map_err(|_| invalid())?,
                }
            }
            ["evidence", sample, file, name] => Self::Evidence {
                sample: sample.parse().map_err(|_| invalid())?,
                file: file.parse().map_err(|_| invalid())?,
                name: name.parse().map_err(|_| invalid())?,
            },
            ["incident", sample, file] => Self::Incident {
                sample: sample.parse().map_err(|_| invalid())?,
                file: file.parse().map_err(|_| invalid())?,
            },
            _ => return Err(invalid()),
        };
        if key.path() == path { Ok(key) } else { Err(invalid()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_reads_back_and_has_one_spelling() {
        let file = FileId::new();
        let name = "01_3357_R085_01_98765_1005_Supporting_14_01_2021_12_14_11.pdf".parse().unwrap();
        for key in [
            ObjectKey::Quarantine { file, epoch: 3 },
            ObjectKey::Tail { file, epoch: 3, start: 8 << 20, len: 17 },
            ObjectKey::Evidence { sample: SampleId::new(), file, name },
            ObjectKey::Incident { sample: SampleId::new(), file },
        ] {
            assert_eq!(key.path().parse(), Ok(key));
        }
        assert!(format!("quarantine/{file}/03").parse::<ObjectKey>().is_err());
        assert!("quarantine/../x/1".parse::<ObjectKey>().is_err());
    }
}
