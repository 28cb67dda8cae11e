//! Sign-in for development: a list of made-up people, grouped by what they come for.

use askama::Template;

use super::page::Frame;

#[derive(Debug, Template)]
#[template(path = "screens/sign_in.html", config = "src/web/askama.toml")]
pub struct SignIn {
    pub frame: Frame,
    pub people: Vec<Group>,
}

#[derive(Debug)]
pub struct Group {
    pub title: String,
    pub people: Vec<Person>,
}

#[derive(Debug)]
pub struct Person {
    pub id: String,
    pub name: String,
    /// What they do and where: `Teacher, 98765`.
    pub what: String,
}
