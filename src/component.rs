//! Components: the units work is uploaded for, and their sections. Data from `config/components/*.toml`.

use serde::{Deserialize, Serialize};

use crate::bulk::Template;
use crate::evidence::{FileKind, Group, LARGEST_SCAN, SectionCode};
use crate::organisation::code_type;

code_type!(
    /// A component's id. It may hold underscores: `01_3357_R085_01`.
    ComponentId, "component", 64
);

/// What a section says of zip archives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZipAdvice {
    /// Nothing: a zip is a file like any other (or not accepted).
    #[default]
    None,
    /// Zips keep the folder structure, and people are reminded.
    Allowed,
    /// Folders must be zipped.
    Required,
}

/// A named slot of a component: an evidence section, or a document of the whole sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    pub code: SectionCode,
    pub title: String,
    pub required: bool,
    /// Least files that make it provided; at least 1 counts (`max(1, min)`).
    pub min: u32,
    /// Most files.
    pub max: u32,
    /// Most bytes a file; the kind's own cap holds as well.
    pub max_bytes: u64,
    /// Accepted extensions, lower case, of the catalogue.
    pub accepts: Vec<String>,
    #[serde(default)]
    pub zip: ZipAdvice,
    /// What a candidate's file is called is part of what is assessed.
    #[serde(default)]
    pub naming_assessed: bool,
    /// Media beyond the scanner's limit is accepted, labelled "not virus checked".
    #[serde(default)]
    pub allow_unscannable: bool,
    /// What names and folders may call it besides its code and title.
    #[serde(default)]
    pub aliases: Vec<String>,
}

impl Section {
    /// Files that make the section provided.
    pub fn needed(&self) -> u32 {
        self.min.max(1)
    }

    /// The largest file of this extension, bytes; `None` when the section does not take it.
    pub fn limit_for(&self, extension: &str) -> Option<u64> {
        let kind = FileKind::of(extension)?;
        self.accepts.iter().any(|accepted| accepted == kind.extension).then(|| self.limit_of(&kind))
    }

    /// The largest file of this kind, bytes. What the virus scanner would refuse to look at is not begun: but archives,
    /// which it is given file by file, and recordings where the section takes them as they are.
    pub fn limit_of(&self, kind: &FileKind) -> u64 {
        let limit = self.max_bytes.min(kind.max_bytes);
        let seen_whole = match kind.group {
            Group::Archives => false,
            Group::Audio | Group::Video => !self.allow_unscannable,
            _ => true,
        };
        if seen_whole { limit.min(LARGEST_SCAN) } else { limit }
    }
}

/// How a sample is drawn from the entered candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SampleMode {
    All,
    SixRule,
    SizeTable,
    /// A list from the board or moderator.
    List,
}

/// Who may submit besides the exams officer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubmitBy {
    #[default]
    Officer,
    Teacher,
}

/// A component as its definition says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    pub id: ComponentId,
    pub title: String,
    pub sample_mode: SampleMode,
    #[serde(default)]
    pub submit_by: SubmitBy,
    /// Work may be uploaded for candidates outside the sample; it stays private until sampled.
    #[serde(default)]
    pub early_upload: bool,
    /// Work may come by other means (by post, seen at a visit): the officer says so of a section.
    #[serde(default)]
    pub other_means: bool,
    pub sections: Vec<Section>,
    /// Forms and documents for the whole sample.
    #[serde(default)]
    pub documents: Vec<Section>,
    /// Rules for supporting material; `None` when the component takes none.
    #[serde(default)]
    pub supporting: Option<Section>,
    /// What names may call it besides its id (`R085/01`).
    #[serde(default)]
    pub aliases: Vec<String>,
    /// How the names of many files at once are read.
    #[serde(default)]
    pub naming: Template,
}

impl Component {
    pub fn section(&self, code: &SectionCode) -> Option<&Section> {
        self.sections.iter().find(|section| section.code == *code)
    }

    pub fn document(&self, code: &SectionCode) -> Option<&Section> {
        self.documents.iter().find(|document| document.code == *code)
    }

    pub fn required(&self) -> impl Iterator<Item = &Section> {
        self.sections.iter().filter(|section| section.required)
    }
}
