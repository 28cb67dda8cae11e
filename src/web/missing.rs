//! The form that marks a candidate's section as Missing.

use askama::Template;

use super::page::{Frame, Problem};

#[derive(Debug, Template)]
#[template(path = "screens/missing.html", config = "src/web/askama.toml")]
pub struct MissingForm {
    pub frame: Frame,
    pub candidate: String,
    pub section: String,
    pub reasons: &'static [(&'static str, &'static str)],
    /// What was chosen before, when the form comes back.
    pub reason: String,
    pub note: String,
    pub problem: Option<Problem>,
    pub back: String,
}
