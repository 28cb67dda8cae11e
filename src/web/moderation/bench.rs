//! What a centre submitted, in the order it is looked through: the sample's documents, then candidates by mark, each with
//! files by section.

use std::collections::{HashMap, HashSet};

use crate::candidate::{CandidateNumber, CandidateStatus, by_mark};
use crate::component::Component;
use crate::database::workspace::SampleLine;
use crate::evidence::Sha256Digest;
use crate::ids::FileId;
use crate::submission::{CandidateEntry, FileEntry, Manifest};
use crate::web::receipt::title_of;
use crate::web::words;

/// A submission as it is looked through.
#[derive(Debug)]
pub struct Bench<'a> {
    pub line: &'a SampleLine,
    pub groups: Vec<Group<'a>>,
    same: HashMap<Sha256Digest, Vec<&'a FileEntry>>,
    /// The files of the revision before, where there is one.
    before: Option<HashSet<FileId>>,
    revision: u32,
}

/// A candidate with files, or the sample's documents.
#[derive(Debug)]
pub struct Group<'a> {
    /// `None`: the sample's documents.
    pub candidate: Option<&'a CandidateEntry>,
    pub files: Vec<&'a FileEntry>,
}

/// Where one stands: in a group, and maybe at one of its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    pub group: usize,
    pub file: Option<usize>,
}

impl<'a> Bench<'a> {
    /// `before`: the manifest of the revision before this one.
    pub fn of(line: &'a SampleLine, manifest: &'a Manifest, before: Option<&Manifest>) -> Self {
        let files = |number: Option<&CandidateNumber>| {
            let theirs = manifest.files.iter().filter(|file| file.candidate.as_ref() == number);
            let mut files: Vec<_> = theirs.collect();
            files.sort_by_key(|file| (rank(&line.component, file), &file.path, &file.original_name));
            files
        };
        let mut candidates: Vec<_> = manifest.candidates.iter().collect();
        candidates.sort_by(|a, b| by_mark((a.mark, a.status, &a.number), (b.mark, b.status, &b.number)));
        let documents = Group { candidate: None, files: files(None) };
        let mut groups: Vec<_> =
            Some(documents).into_iter().filter(|group| !group.files.is_empty()).collect();
        groups.extend(
            candidates.into_iter().map(|one| Group { candidate: Some(one), files: files(Some(&one.number)) }),
        );
        let mut same: HashMap<_, Vec<&FileEntry>> = HashMap::new();
        for file in &manifest.files {
            same.entry(file.sha256).or_default().push(file);
        }
        let before = before.map(|before| before.files.iter().map(|file| file.id).collect());
        Self { line, groups, same, before, revision: manifest.revision }
    }

    /// Where a file is.
    pub fn spot_of(&self, wanted: FileId) -> Option<Spot> {
        self.groups.iter().enumerate().find_map(|(group, one)| {
            let file = one.files.iter().position(|file| file.id == wanted)?;
            Some(Spot { group, file: Some(file) })
        })
    }

    /// Where a candidate is (`None`: where the documents are).
    pub fn spot_at(&self, wanted: Option<&CandidateNumber>) -> Option<Spot> {
        let at = self.groups.iter().position(|group| group.candidate.map(|one| &one.number) == wanted);
        at.map(|group| Spot { group, file: None })
    }

    pub fn file(&self, spot: Spot) -> Option<&'a FileEntry> {
        spot.file.and_then(|file| self.groups.get(spot.group)?.files.get(file).copied())
    }

    /// The file before or after this spot, across candidates.
    pub fn step(&self, spot: Spot, on: bool) -> Option<&'a FileEntry> {
        let before: usize = self.groups.iter().take(spot.group).map(|group| group.files.len()).sum();
        let here = before + spot.file.unwrap_or(0);
        let at = match (on, spot.file) {
            (true, None) => here,
            (true, Some(_)) => here + 1,
            (false, _) => here.checked_sub(1)?,
        };
        self.groups.iter().flat_map(|group| group.files.iter().copied()).nth(at)
    }

    /// The candidate before or after.
    pub fn turn(&self, spot: Spot, on: bool) -> Option<&Group<'a>> {
        let at = if on { spot.group + 1 } else { spot.group.checked_sub(1)? };
        self.groups.get(at)
    }

    /// What there is to know of a file, in words.
    pub fn flags(&self, file: &FileEntry) -> Vec<String> {
        let mut flags = Vec::new();
        if file.is_unscanned() {
            flags.push(words::UNSCANNED.to_owned());
        }
        if file.late {
            flags.push("Late".to_owned());
        }
        if self.before.as_ref().is_some_and(|before| !before.contains(&file.id)) {
            flags.push(format!("New in revision {}", self.revision));
        }
        let others = self.same.get(&file.sha256).into_iter().flatten().filter(|other| other.id != file.id);
        let mut places: Vec<String> = others
            .map(|other| match &other.candidate {
                Some(number) if file.candidate.as_ref() != Some(number) => number.to_string(),
                Some(_) => format!("another in {}", title_of(self.line, &other.section)),
                None => "a document of the sample".to_owned(),
            })
            .collect();
        places.sort();
        places.dedup();
        if !places.is_empty() {
            flags.push(format!("Same as {}", places.join(", ")));
        }
        flags
    }
}

impl Group<'_> {
    /// `1005 O'NEILL, Sean`.
    pub fn title(&self) -> String {
        match self.candidate {
            Some(one) => format!("{} {}", one.number, one.name),
            None => "Sample documents".into(),
        }
    }

    /// `1005`, or what the documents are called in a link.
    pub fn short(&self) -> String {
        self.candidate.map_or_else(|| "sample documents".into(), |one| one.number.to_string())
    }

    /// The query of the page of this group.
    pub fn query(&self) -> String {
        match self.candidate {
            Some(one) => format!("?candidate={}", one.number),
            None => "?documents=1".into(),
        }
    }

    /// The query of the page of its first file, or of the group where it has none.
    pub fn first(&self) -> String {
        self.files.first().map_or_else(|| self.query(), |file| format!("?file={}", file.id))
    }

    /// `mark 57`, or why there is none.
    pub fn mark(&self) -> String {
        match self.candidate {
            None => String::new(),
            Some(one) if one.status != CandidateStatus::Entered => one.status.as_str().to_owned(),
            Some(one) => one.mark.map_or_else(|| "no mark".to_owned(), |mark| mark.to_string()),
        }
    }
}

/// Where a file's section stands in its component.
fn rank(component: &Component, file: &FileEntry) -> usize {
    let all = component.documents.iter().chain(&component.sections).chain(&component.supporting);
    let mut codes = all.map(|section| section.code.as_str());
    codes.position(|code| code == file.section).unwrap_or(usize::MAX)
}
