//! The moderator's screens: the samples allocated, and what a centre submitted.

use askama::Template;

use super::page::Frame;

#[derive(Debug, Template)]
#[template(path = "screens/moderation.html", config = "src/web/askama.toml")]
pub struct Moderation {
    pub frame: Frame,
    pub samples: Vec<SampleCard>,
}

#[derive(Debug)]
pub struct SampleCard {
    pub id: String,
    pub centre: String,
    pub component: String,
    pub title: String,
    pub series: String,
    pub received: String,
    /// `15 candidates, 42 files, 6.4 GB`.
    pub holds: String,
}

/// One submitted sample, whole or one candidate of it.
#[derive(Debug, Template)]
#[template(path = "screens/moderated.html", config = "src/web/askama.toml")]
pub struct Moderated {
    pub frame: Frame,
    pub href: String,
    pub title: String,
    pub component: String,
    pub revision: u32,
    pub received: String,
    pub holds: String,
    /// The address of the zip.
    pub archive: String,
    /// The candidate this page is narrowed to.
    pub only: Option<String>,
    /// Missing, absent and what else the centre said.
    pub notes: Vec<String>,
    pub groups: Vec<Group>,
}

/// A candidate's files, or the sample's documents (no number).
#[derive(Debug)]
pub struct Group {
    pub number: Option<String>,
    pub title: String,
    pub files: Vec<SubmittedFile>,
}

#[derive(Debug)]
pub struct SubmittedFile {
    pub name: String,
    pub unique_name: String,
    pub section: String,
    pub size: String,
    pub sha256: String,
    pub download: String,
}
