//! From the check to the receipt: what blocks, three declarations, submit.

use askama::Template;

use super::page::{Frame, Problem};

/// Everything that stops the submission, and everything doubtful.
#[derive(Debug, Template)]
#[template(path = "screens/check.html", config = "src/web/askama.toml")]
pub struct CheckPage {
    pub frame: Frame,
    pub sample: String,
    pub problem: Option<Problem>,
    pub blocking_title: String,
    pub blocking: Vec<Line>,
    pub doubtful: Vec<Line>,
    pub summary: String,
    pub next: Option<String>,
    pub why_not: String,
    pub back: String,
}

/// One line of the check, a link to where it is put right.
#[derive(Debug)]
pub struct Line {
    pub who: String,
    pub what: String,
    pub href: Option<String>,
}

#[derive(Debug, Template)]
#[template(path = "screens/declaration.html", config = "src/web/askama.toml")]
pub struct DeclarationPage {
    pub frame: Frame,
    pub sample: String,
    pub step: usize,
    pub steps: usize,
    pub title: String,
    /// Paragraphs.
    pub text: Vec<String>,
    pub version: u32,
    /// Who declares.
    pub name: String,
    pub ticked: bool,
    pub problem: Option<Problem>,
    pub back: String,
}

#[derive(Debug, Template)]
#[template(path = "screens/submit.html", config = "src/web/askama.toml")]
pub struct SubmitPage {
    pub frame: Frame,
    pub sample: String,
    pub summary: Vec<(&'static str, String)>,
    pub problem: Option<Problem>,
    pub back: String,
}
