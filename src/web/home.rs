//! From the door to a component: organisations, assessments, component cards.

use askama::Template;

use super::page::{Frame, OrganisationView};
use super::words::Words;

#[derive(Debug, Template)]
#[template(path = "screens/organisations.html", config = "src/web/askama.toml")]
pub struct Organisations {
    pub frame: Frame,
    pub organisations: Vec<OrganisationView>,
}

#[derive(Debug, Template)]
#[template(path = "screens/home.html", config = "src/web/askama.toml")]
pub struct Home {
    pub frame: Frame,
    /// What waits for this person as a moderator.
    pub moderation: Option<String>,
    pub assessments: Vec<AssessmentCard>,
}

#[derive(Debug)]
pub struct AssessmentCard {
    pub id: String,
    pub name: String,
    pub series: String,
}

#[derive(Debug, Template)]
#[template(path = "screens/components.html", config = "src/web/askama.toml")]
pub struct Components {
    pub frame: Frame,
    pub name: String,
    pub series: String,
    pub cards: Vec<ComponentCard>,
}

/// A component of an assessment at one centre: what is asked for, by when, and how far it is.
#[derive(Debug)]
pub struct ComponentCard {
    pub component: String,
    pub centre: String,
    pub title: String,
    pub href: Option<String>,
    pub words: Words,
    pub due: String,
    pub due_in: String,
    pub candidates: String,
    pub takes: String,
    pub complete: u32,
    pub total: u32,
}
