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
use super::visitor::{Visitor, test_signatures};
use super::words::{self, Words};
use super::workspace::{line_of, needs, rules};
use crate::actor::{Action, decide};
use crate::check::scan::LARGEST_SCAN;
use crate::check::structure::Limits;
use crate::component::Section;
use crate::database::workspace::SampleLine;
use crate::evidence::{FileKind, Group, Reason};
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
    pub title: String,
    pub needs: String,
    pub sizes: Vec<Size>,
    pub advice: String,
}

/// Types of which a section takes files of one size.
#[derive(Debug, PartialEq, Eq)]
pub struct Size {
    pub limit: String,
    /// What holds for the large ones among them; empty: nothing.
    pub note: &'static str,
    pub types: Vec<String>,
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
            SectionHelp { title: section.title.clone(), needs: needs(section), sizes: sizes(section), advice }
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

/// Every type that a section takes, by how large a file of it may be. What the scanner cannot look at is refused, but
/// for archives, which are looked at file by file, and for recordings where the section takes them so.
fn sizes(section: &Section) -> Vec<Size> {
    const TWO: u64 = 2 << 30;
    let mut sizes: Vec<Size> = Vec::new();
    for kind in section.accepts.iter().filter_map(|extension| FileKind::of(extension)) {
        let Some(most) = section.limit_for(kind.extension) else { continue };
        let unchecked = section.allow_unscannable && matches!(kind.group, Group::Audio | Group::Video);
        let (limit, note) = match kind.group {
            Group::Archives if most > LARGEST_SCAN => (
                format!("Up to {}", words::bytes(most.min(Limits::default().inflated_bytes))),
                "Counted as unpacked, and each file in it below 2 GB.",
            ),
            _ if most <= LARGEST_SCAN || unchecked && most <= TWO => {
                (format!("Up to {}", words::bytes(most)), "")
            }
            _ if unchecked => (
                format!("Up to {}", words::bytes(most)),
                "What is 2 GB or larger cannot be virus checked; it is taken here, and marked so.",
            ),
            _ => ("Below 2 GB".into(), "What is larger cannot be virus checked: send it in parts."),
        };
        let limit = if section.max == 1 { limit } else { format!("{limit} each") };
        let name = kind.extension.to_uppercase();
        match sizes.iter_mut().find(|size| size.limit == limit && size.note == note) {
            Some(size) if size.types.contains(&name) => {}
            Some(size) => size.types.push(name),
            None => sizes.push(Size { limit, note, types: vec![name] }),
        }
    }
    sizes
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::ZipAdvice;

    fn section(accepts: &[&str], max_bytes: u64, allow_unscannable: bool) -> Section {
        Section {
            code: "Work".parse().unwrap(),
            title: "Work".into(),
            required: true,
            min: 1,
            max: 2,
            max_bytes,
            accepts: accepts.iter().map(|&extension| extension.to_owned()).collect(),
            zip: ZipAdvice::None,
            naming_assessed: false,
            allow_unscannable,
            aliases: Vec::new(),
        }
    }

    #[test]
    fn no_file_is_promised_a_size_that_the_scanner_refuses() {
        let told = |section: &Section| -> Vec<(String, bool, String)> {
            let sizes = sizes(section).into_iter();
            sizes.map(|size| (size.limit, size.note.is_empty(), size.types.join(" "))).collect()
        };
        let line = |limit: &str, plain: bool, types: &str| (limit.to_owned(), plain, types.to_owned());
        let all = ["pdf", "docx", "png", "zip", "mp4", "wav", "tar.gz"];
        assert_eq!(
            told(&section(&all, 25 << 30, false)),
            [
                line("Below 2 GB each", false, "PDF DOCX MP4 WAV"),
                line("Up to 15 MB each", true, "PNG"),
                line("Up to 8 GB each", false, "ZIP TAR.GZ"),
            ]
        );
        assert_eq!(
            told(&section(&["pdf", "mp4"], 25 << 30, true)),
            [line("Below 2 GB each", false, "PDF"), line("Up to 25 GB each", false, "MP4")]
        );
        assert_eq!(told(&section(&["mp4"], 2 << 30, true)), [line("Up to 2 GB each", true, "MP4")]);
        assert_eq!(told(&section(&["mp4"], 2 << 30, false)), [line("Below 2 GB each", false, "MP4")]);
        assert_eq!(
            told(&section(&all, 600 << 20, false)),
            [
                line("Up to 600 MB each", true, "PDF DOCX ZIP MP4 WAV TAR.GZ"),
                line("Up to 15 MB each", true, "PNG")
            ]
        );
    }
}
