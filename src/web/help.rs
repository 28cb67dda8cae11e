//! Help: for the whole service, and for one component with every type it takes. And the calls for other programs.

use std::collections::HashSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::many::{Ways, ways_here};
use super::naming::{Names, Tester};
use super::page::{Frame, page};
use super::sizes::{Size, sizes};
use super::visitor::{Visitor, test_signatures};
use super::words::{self, Words};
use super::workspace::{line_of, needs, rules};
use crate::actor::{Action, decide};
use crate::database::workspace::SampleLine;
use crate::evidence::Reason;
use crate::http::body::{Form, Segments};
use crate::http::error::ApiError;
use crate::http::routes;
use crate::ids::SampleId;
use crate::service::Service;

#[derive(Debug, Template)]
#[template(path = "screens/help.html", config = "src/web/askama.toml")]
pub struct Help {
    pub frame: Frame,
    pub heading: String,
    pub sections: Vec<SectionHelp>,
    pub naming: Option<NamingHelp>,
    pub refusals: Vec<Words>,
}

/// How the names of many files are read, and a place to try some.
#[derive(Debug)]
pub struct NamingHelp {
    pub ways: Ways,
    pub tester: Tester,
}

#[derive(Debug)]
pub struct SectionHelp {
    /// The element's id.
    pub dom: String,
    pub title: String,
    pub needs: String,
    pub sizes: Vec<Size>,
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

fn refusals() -> Vec<Words> {
    let mut seen = HashSet::new();
    let all = Reason::ALL.iter().map(|&reason| words::refused(reason, ""));
    all.filter(|words| seen.insert(words.label.clone())).collect()
}

/// `GET /help`
pub async fn general(State(service): State<Arc<Service>>, visitor: Option<Visitor>) -> Response {
    let frame = framed(&service, visitor, "Help").await;
    let heading = "Help".into();
    page(StatusCode::OK, &Help { frame, heading, sections: Vec::new(), naming: None, refusals: refusals() })
}

async fn framed(service: &Service, visitor: Option<Visitor>, title: &str) -> Frame {
    match visitor {
        Some(visitor) => visitor.frame(title, &[]),
        None => {
            let test_signatures = test_signatures(service).await;
            Frame { test_signatures, ..Frame::titled(title, &[]) }
        }
    }
}

/// `GET /samples/{sample}/help`
pub async fn component(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments(id): Segments<SampleId>,
) -> Result<Response, ApiError> {
    let line = line_of(&service, &visitor.actor.person, id).await?;
    let tester = Tester::new(&line.component, &Names::default());
    of_component(&service, &visitor, &line, tester).await
}

/// `POST /samples/{sample}/help`: how names would be read. Nothing is kept of them.
pub async fn try_names(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments(id): Segments<SampleId>,
    Form(names): Form<Names>,
) -> Result<Response, ApiError> {
    let line = line_of(&service, &visitor.actor.person, id).await?;
    decide(&visitor.actor, Action::ChangeWork, &line.sample, &line.component)?;
    let person = &visitor.actor.person;
    let tester = Tester::tried(&service, person, &line.sample, &line.component, &names).await?;
    of_component(&service, &visitor, &line, tester).await
}

async fn of_component(
    service: &Service,
    visitor: &Visitor,
    line: &SampleLine,
    mut tester: Tester,
) -> Result<Response, ApiError> {
    let component = &line.component;
    let all = component.sections.iter().chain(&component.supporting).chain(&component.documents);
    let sections = all
        .map(|section| {
            let (_, advice) = rules(section);
            let dom = format!("takes-{}", section.code);
            SectionHelp {
                dom,
                title: section.title.clone(),
                needs: needs(section),
                sizes: sizes(section),
                advice,
            }
        })
        .collect();
    let heading = format!("What {} takes", component.title);
    let mut frame = visitor.frame_of("Help", line, true);
    let status = tester.status(&mut frame);
    let may = decide(&visitor.actor, Action::ChangeWork, &line.sample, component).is_ok();
    tester.action = format!("/samples/{}/help#naming", line.sample.id);
    let naming = if may {
        let ways = ways_here(service, &visitor.actor.person, component, &line.sample).await?;
        Some(NamingHelp { ways, tester })
    } else {
        None
    };
    Ok(page(status, &Help { frame, heading, sections, naming, refusals: refusals() }))
}

/// `GET /api/docs`: every call there is, from the table of routes.
pub async fn api(State(service): State<Arc<Service>>, visitor: Option<Visitor>) -> Response {
    let frame = framed(&service, visitor, "For other programs").await;
    let mut groups: Vec<(String, Vec<Call>)> = Vec::new();
    for route in routes::ROUTES.iter().filter(|route| is_api(route.path)) {
        let group = group_of(route.path);
        let what = match route.access {
            routes::Access::Public => "Anyone.".to_owned(),
            routes::Access::See => "Whose sample it is.".to_owned(),
            routes::Access::SignedIn => "Anyone signed in; what is theirs.".to_owned(),
            routes::Access::May(action) => format!("Who may {}.", action_words(action)),
        };
        let call = Call { method: route.method.into(), path: route.path.into(), what };
        match groups.iter_mut().find(|(name, _)| name == group) {
            Some((_, calls)) => calls.push(call),
            None => groups.push((group.to_owned(), vec![call])),
        }
    }
    page(StatusCode::OK, &ApiDocs { frame, groups })
}

fn is_api(path: &str) -> bool {
    ["/api/v1", "/files", "/health", "/metrics", "/api/openapi"].iter().any(|start| path.starts_with(start))
}

fn group_of(path: &str) -> &'static str {
    match path {
        path if path.starts_with("/files") || path.starts_with("/api/v1/uploads") => "Uploads",
        path if path.starts_with("/api/v1/files") => "Files",
        path if path.starts_with("/api/v1/samples") => "Samples",
        path if path.starts_with("/api/v1/incidents") => "Incidents",
        path if path.starts_with("/api/") => "People and lists",
        _ => "Health",
    }
}

fn action_words(action: crate::actor::Action) -> &'static str {
    use crate::actor::Action;
    match action {
        Action::ViewWork => "see the sample",
        Action::ChangeWork => "change its work",
        Action::Download => "read its bytes",
        Action::FlagMissing => "flag what is not there",
        Action::NoteOtherMeans => "note other means",
        Action::Submit => "submit it",
        Action::ReadSubmission => "read what was submitted",
        Action::Return => "send it back",
        Action::Extend => "give more time",
        Action::Hold => "hold it",
        Action::ReadAudit => "read the audit trail",
        Action::ReadInfected => "answer incidents",
    }
}
