//! What a zip of a submission holds, and under which names.
//!
//! `{centre}/{candidate}/{section}/{folder}/{original name}`; supporting material in `Supporting`, sample documents
//! in `{centre}/Documents/`. At the top `manifest.csv` (this zip, for a spreadsheet), `manifest.json` (the
//! submission's manifest, byte for byte) and `SHA256SUMS` (for `sha256sum --check`). A file that may no longer leave
//! is not left out in silence: a note stands in its place.
//!
//! Names are given out over the whole submission before a part of it is chosen, so a file has the same name in every
//! zip it is in.

use std::collections::BTreeSet;

use bytes::Bytes;
use jiff::Timestamp;

use super::names::{Names, safe_part};
use super::{Layout, LayoutError, Member, StoredObject};
use crate::candidate::CandidateNumber;
use crate::centre::CentreNumber;
use crate::evidence::{DOCUMENTS, OriginalName, Place, RelativePath, Sha256Digest, UniqueName};
use crate::ids::FileId;
use crate::submission::verdict_word;

/// A file of a submission.
#[derive(Clone, Debug)]
pub struct Entry {
    pub file: FileId,
    pub place: Place,
    pub folder: RelativePath,
    pub original_name: OriginalName,
    pub unique_name: UniqueName,
    /// Bytes.
    pub size: u64,
    pub sha256: Sha256Digest,
    pub received_at: Option<Timestamp>,
    /// Accepted without a virus check.
    pub unscanned: bool,
    pub standing: Standing,
}

/// Whether a submitted file may leave today.
#[derive(Clone, Debug)]
pub enum Standing {
    /// `crc32`: CRC-32 (IEEE) of the object's bytes.
    Included {
        object: StoredObject,
        crc32: u32,
    },
    Withheld(Withheld),
}

/// Why a submitted file does not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withheld {
    /// A later scan found something.
    Quarantined,
    /// What the store holds is not what was accepted.
    Unreadable,
    /// Replaced or deleted since, after the sample was returned.
    NotAccepted,
    /// Its bytes were removed at the end of their time.
    Purged,
}

impl Withheld {
    /// For the person who unpacks the zip.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Quarantined => {
                "This file was submitted and is withheld because a later virus scan found something in it."
            }
            Self::Unreadable => {
                "This file was submitted and is withheld for now because what the store holds is not what was \
                 accepted; the people who run the service have been alerted."
            }
            Self::NotAccepted => {
                "This file was submitted and is withheld because the centre has since replaced or deleted it."
            }
            Self::Purged => {
                "This file was submitted and is no longer kept; its size and SHA-256 stand in the manifest."
            }
        }
    }
}

/// Which files of a submission are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// These candidates, without sample documents; `None` for all of the sample.
    pub candidates: Option<BTreeSet<CandidateNumber>>,
    /// These files alone.
    pub files: Option<BTreeSet<FileId>>,
}

impl Selection {
    /// Whether `entry` is asked for. Both conditions hold together.
    pub fn takes(&self, entry: &Entry) -> bool {
        let candidate = self
            .candidates
            .as_ref()
            .is_none_or(|chosen| entry.place.candidate().is_some_and(|number| chosen.contains(number)));
        candidate && self.files.as_ref().is_none_or(|chosen| chosen.contains(&entry.file))
    }
}

/// A submission that cannot be put into a zip.
#[derive(Debug, thiserror::Error)]
pub enum ContentsError {
    #[error("the members cannot be laid out")]
    Layout(#[from] LayoutError),
    #[error("the manifest cannot be written")]
    Manifest(#[from] csv::Error),
}

/// A submission to be put into a zip.
#[derive(Clone, Debug)]
pub struct Contents {
    pub centre: CentreNumber,
    /// In the order they are to stand in; the same order each time.
    pub entries: Vec<Entry>,
    /// The submission's manifest as it is stored.
    pub manifest: Bytes,
}

impl Contents {
    /// Lays out the chosen part. The same contents and selection always give the same zip.
    pub fn layout(&self, selection: &Selection) -> Result<Layout, ContentsError> {
        let paths = self.paths();
        let chosen = || self.entries.iter().zip(&paths).filter(|(entry, _)| selection.takes(entry));
        let mut members: Vec<Member> = chosen().map(|(entry, path)| member(entry, path)).collect();
        members.push(Member::inline("manifest.csv".into(), manifest_csv(chosen())?));
        members.push(Member::inline("manifest.json".into(), self.manifest.clone()));
        members.push(Member::inline("SHA256SUMS".into(), sums(&members)));
        Ok(Layout::new(members)?)
    }

    /// The path of each entry: its own, or its note's.
    fn paths(&self) -> Vec<String> {
        let mut names = Names::default();
        let folders: Vec<String> = self.entries.iter().map(|entry| self.folder(entry)).collect();
        folders.iter().for_each(|folder| names.folder(folder));
        let place = |(entry, folder): (&Entry, &String)| {
            let path = names.file(folder, &safe_part(entry.original_name.as_str()));
            match &entry.standing {
                Standing::Included { .. } => path,
                // The name stays taken, so a withheld file renames no other.
                Standing::Withheld(_) => {
                    let name = path.rsplit('/').next().unwrap_or(&path);
                    names.file(folder, &safe_part(&format!("{name} - withheld.txt")))
                }
            }
        };
        self.entries.iter().zip(&folders).map(place).collect()
    }

    fn folder(&self, entry: &Entry) -> String {
        let mut folder = match entry.place.candidate() {
            Some(candidate) => format!("{}/{candidate}/{}", self.centre, entry.place.section_word()),
            None => format!("{}/{DOCUMENTS}", self.centre),
        };
        for part in entry.folder.as_str().split('/').filter(|part| !part.is_empty()) {
            folder.push('/');
            folder.push_str(&safe_part(part));
        }
        folder
    }
}

fn member(entry: &Entry, path: &str) -> Member {
    match &entry.standing {
        Standing::Included { object, crc32 } => Member::stored(path.to_owned(), object.clone(), *crc32),
        Standing::Withheld(why) => {
            Member::inline(path.to_owned(), Bytes::from(format!("{}\r\n", why.sentence())))
        }
    }
}

/// A row a file. Cells a spreadsheet would take for a formula begin with an apostrophe; `manifest.json` has them as
/// they are.
fn manifest_csv<'a>(chosen: impl Iterator<Item = (&'a Entry, &'a String)>) -> Result<Bytes, csv::Error> {
    let mut out = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    out.write_record([
        "path",
        "candidate",
        "section",
        "folder",
        "original_name",
        "unique_name",
        "size",
        "sha256",
        "received_at",
        "verdict",
        "withheld",
    ])?;
    for (entry, path) in chosen {
        let withheld = match &entry.standing {
            Standing::Included { .. } => "",
            Standing::Withheld(why) => why.sentence(),
        };
        let cells = [
            path.clone(),
            entry.place.candidate().map(ToString::to_string).unwrap_or_default(),
            entry.place.section_word().to_owned(),
            entry.folder.as_str().to_owned(),
            entry.original_name.to_string(),
            entry.unique_name.to_string(),
            entry.size.to_string(),
            entry.sha256.to_string(),
            entry.received_at.map(|at| at.to_string()).unwrap_or_default(),
            verdict_word(entry.unscanned).to_owned(),
            withheld.to_owned(),
        ];
        out.write_record(cells.map(harmless))?;
    }
    let written = out.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(Bytes::from(written))
}

/// A cell that no spreadsheet evaluates.
fn harmless(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
        format!("'{cell}")
    } else {
        cell
    }
}

/// Digests in the form of `sha256sum`, whose paths need no escape: safe names hold no line break or backslash.
fn sums(members: &[Member]) -> Bytes {
    let lines: String = members.iter().map(|m| format!("{}  {}\n", m.sha256(), m.path())).collect();
    Bytes::from(lines)
}
