//! Sign-in for development: a list of made-up people, grouped by what they come for.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::page::{Frame, page};
use super::visitor::test_signatures;
use crate::actor::{Grant, PersonId, Role};
use crate::config::Environment;
use crate::database::people;
use crate::http::body::{Form, Query};
use crate::http::error::ApiError;
use crate::http::identity::{self, Caller};
use crate::http::layers::RequestId;
use crate::service::Service;

#[derive(Debug, Template)]
#[template(path = "screens/sign_in.html", config = "src/web/askama.toml")]
pub struct SignIn {
    pub frame: Frame,
    pub people: Vec<Group>,
    /// Where to go on afterwards.
    pub next: String,
    /// Nobody is signed in: the browser's other tabs are told.
    pub nobody: bool,
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

/// Where the person was going.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    next: String,
}

/// The address of the sign-in that leads on to `path`.
pub fn address(path: &str) -> String {
    match local(path) {
        "/" => "/sign-in".to_owned(),
        path => format!("/sign-in?next={}", utf8_percent_encode(path, NON_ALPHANUMERIC)),
    }
}

/// `path`, if it is one of ours and nobody else's; else the start.
fn local(path: &str) -> &str {
    let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if plain && path.starts_with('/') && !path.starts_with("//") { path } else { "/" }
}

/// `GET /sign-in`
pub async fn show(
    State(service): State<Arc<Service>>,
    caller: Option<Caller>,
    Query(asked): Query<Asked>,
) -> Result<Response, ApiError> {
    if service.config.environment != Environment::Development {
        return Err(ApiError::NotFound);
    }
    let mut groups = [("Centres", vec![]), ("Moderators", vec![]), ("Board", vec![])];
    for person in people::list(&service.db).await? {
        let at = match person.grants.first().map(|grant| grant.role) {
            Some(Role::Moderator | Role::LeadModerator) => 1,
            Some(Role::Board | Role::Auditor | Role::Incident) => 2,
            Some(Role::Teacher | Role::Officer) | None => 0,
        };
        let what = person.grants.iter().map(granted).collect::<Vec<_>>().join("; ");
        groups[at].1.push(Person { id: person.id.to_string(), name: person.name, what });
    }
    let people = groups.into_iter().filter(|(_, people)| !people.is_empty());
    let people = people.map(|(title, people)| Group { title: title.into(), people }).collect();
    let mut frame = Frame::titled("Sign in", &[]);
    frame.test_signatures = test_signatures(&service).await;
    let (next, nobody) = (local(&asked.next).to_owned(), caller.is_none());
    Ok(page(StatusCode::OK, &SignIn { frame, people, next, nobody }))
}

/// `Teacher, centre 98765`.
fn granted(grant: &Grant) -> String {
    let role = match grant.role {
        Role::Teacher => "Teacher",
        Role::Officer => "Exams officer",
        Role::Moderator => "Moderator",
        Role::LeadModerator => "Lead moderator",
        Role::Board => "Board staff",
        Role::Auditor => "Auditor",
        Role::Incident => "Incident responder",
    };
    grant.centre.as_ref().map_or_else(|| role.to_owned(), |centre| format!("{role}, centre {centre}"))
}

#[derive(Debug, Deserialize)]
pub struct Choice {
    person: PersonId,
    #[serde(default)]
    next: String,
}

/// `POST /sign-in`
pub async fn sign_in(
    State(service): State<Arc<Service>>,
    request: RequestId,
    headers: HeaderMap,
    Form(choice): Form<Choice>,
) -> Result<Response, ApiError> {
    let cookie = identity::sign_in(&service, &headers, &choice.person, &request).await?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(local(&choice.next))).into_response())
}

/// `POST /sign-out`
pub async fn sign_out(
    State(service): State<Arc<Service>>,
    request: RequestId,
    caller: Caller,
) -> Result<Response, ApiError> {
    let cookie = identity::sign_out(&service, &caller, &request).await?;
    let clear = ("clear-site-data", HeaderValue::from_static(identity::CLEAR_SITE_DATA));
    Ok(([(header::SET_COOKIE, cookie)], [clear], Redirect::to("/sign-in")).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_leads_on_to_our_own_pages_only() {
        assert_eq!(address("/samples/1?open=2"), "/sign-in?next=%2Fsamples%2F1%3Fopen%3D2");
        assert_eq!(address("/"), "/sign-in");
        for foreign in ["//evil.example", "https://evil.example", "/\\evil.example", "", "/a b", "/\r\nX: y"]
        {
            assert_eq!(local(foreign), "/", "{foreign:?}");
        }
    }
}
