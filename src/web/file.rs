//! One file: its state, names, times and fingerprint; delete and undo.

use askama::Template;

use super::page::Frame;
use super::workspace::FileView;

#[derive(Debug, Template)]
#[template(path = "screens/file.html", config = "src/web/askama.toml")]
pub struct FilePage {
    pub frame: Frame,
    /// Candidate and section.
    pub place: String,
    pub file: FileView,
    pub details: Vec<(&'static str, String)>,
    pub back: String,
}
