//! Help: for the whole service, and for one component with what it takes. And the calls for other programs.

use askama::Template;

use super::page::Frame;
use super::words::Words;

#[derive(Debug, Template)]
#[template(path = "screens/help.html", config = "src/web/askama.toml")]
pub struct Help {
    pub frame: Frame,
    pub heading: String,
    pub sections: Vec<SectionHelp>,
    pub refusals: Vec<Words>,
}

#[derive(Debug)]
pub struct SectionHelp {
    pub title: String,
    pub rules: String,
    pub advice: String,
}

#[derive(Debug, Template)]
#[template(path = "screens/api_docs.html", config = "src/web/askama.toml")]
pub struct ApiDocs {
    pub frame: Frame,
    /// Calls by group.
    pub groups: Vec<(String, Vec<Call>)>,
}

#[derive(Debug)]
pub struct Call {
    pub method: String,
    pub path: String,
    pub what: String,
}
