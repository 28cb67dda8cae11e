//! Upload many, the first step: how the files are named, and which they are. Their names make a plan; nothing is sent.
//! The naming tester (`web::naming`) reads names alike, and stores nothing.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::page::{Frame, page};
use super::visitor::{Times, Visitor};
use super::words;
use super::workspace::{line_of, surname};
use crate::actor::{Action, PersonId, decide};
use crate::bulk::Target;
use crate::centre::CentreNumber;
use crate::component::Component;
use crate::database::plans::{self, PlanRow};
use crate::evidence::SUPPORTING;
use crate::http::api::plans::{MOST_FILES, PLAN_LIMIT};
use crate::http::body::Segments;
use crate::http::error::ApiError;
use crate::ids::SampleId;
use crate::sample::{Sample, SampleState};
use crate::service::Service;

#[derive(Debug, Template)]
#[template(path = "screens/upload_many.html", config = "src/web/askama.toml")]
pub struct UploadMany {
    pub frame: Frame,
    pub component: String,
    pub sample: String,
    /// Why nothing can be uploaded; empty while the sample is open.
    pub closed: &'static str,
    pub ways: Ways,
    pub most_files: usize,
    pub most_bytes: usize,
    pub plans: Vec<PlanLine>,
    pub back: String,
}

/// How files may be named, with examples of this component and centre.
#[derive(Clone, Debug)]
pub struct Ways {
    pub pattern: String,
    pub by_name: String,
    pub by_folder: String,
    pub number_first: String,
    /// Code and title.
    pub sections: Vec<(String, String)>,
    /// Titles of sections that take only zips by their names.
    pub assessed: String,
}

/// A plan of this person's.
#[derive(Debug)]
pub struct PlanLine {
    pub href: String,
    pub title: String,
    pub facts: String,
}

/// `GET /samples/{sample}/upload-many`
pub async fn show(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments(id): Segments<SampleId>,
) -> Result<Response, ApiError> {
    let line = line_of(&service, &visitor.actor.person, id).await?;
    decide(&visitor.actor, Action::ChangeWork, &line.sample, &line.component)?;
    let now = service.clock.now();
    let plans = plans::list(&service.db, &visitor.actor.person, Some(id), now).await?;
    let times = Times::new(&line.time_zone, now);
    let closed = match line.sample.state {
        SampleState::Submitted => {
            "The sample is submitted: nothing can be uploaded unless it is returned to you."
        }
        SampleState::Open | SampleState::Returned => "",
    };
    let view = UploadMany {
        frame: visitor.frame_of("Upload many files", &line, true),
        component: line.component.title.clone(),
        sample: id.to_string(),
        closed,
        ways: ways_here(&service, &visitor.actor.person, &line.component, &line.sample).await?,
        most_files: MOST_FILES,
        most_bytes: PLAN_LIMIT,
        plans: plans.iter().map(|row| plan_line(row, &times)).collect(),
        back: format!("/samples/{id}"),
    };
    Ok(page(StatusCode::OK, &view))
}

fn plan_line(row: &PlanRow, times: &Times) -> PlanLine {
    let state = match row.started_at {
        Some(at) => format!("Started {}", times.minute(at)),
        None => format!("Not started; kept until {}", times.minute(row.expires_at)),
    };
    PlanLine {
        href: format!("/samples/{}/plans/{}", row.sample, row.id),
        title: format!("{}, {}", words::count(row.files, "file"), times.minute(row.created_at)),
        facts: state,
    }
}

/// The ways to name files, told with a candidate of the sample where there is one.
pub async fn ways_here(
    service: &Service,
    person: &PersonId,
    component: &Component,
    sample: &Sample,
) -> Result<Ways, ApiError> {
    let first = plans::first(&service.db, person, sample.id).await?;
    Ok(ways(component, &sample.centre, first.as_ref().map(|(number, name)| (number.as_str(), name.as_str()))))
}

/// The ways to name files, told with this centre's number and a candidate's.
fn ways(component: &Component, centre: &CentreNumber, someone: Option<(&str, &str)>) -> Ways {
    let (number, name) = someone.unwrap_or(("1005", ""));
    let folder = format!("{number} {}", surname(name));
    let alias = component.aliases.first().map_or(component.id.as_str(), String::as_str);
    let required = component.required().find(|section| !section.naming_assessed);
    let first = required.or(component.sections.first());
    let (code, ending) = first.map_or(("", "pdf"), |section| {
        (section.code.as_str(), section.accepts.first().map_or("pdf", String::as_str))
    });
    let fields = [
        ("{centre}", centre.as_str()),
        ("{candidate}", number),
        ("{component}", alias),
        ("{section}", code),
        ("[_{rest}]", ""),
        ("[{rest}]", ""),
        (".{ext}", ""),
    ];
    let pattern = component.naming.to_string();
    let named = fields.iter().fold(pattern.clone(), |text, (field, value)| text.replace(field, value));
    let assessed = component.sections.iter().filter(|section| section.naming_assessed);
    Ways {
        pattern,
        by_name: format!("{named}.{ending}"),
        by_folder: format!("{} / {code} / any files", folder.trim_end()),
        number_first: format!("{number}_anything.{ending}"),
        sections: sections(component),
        assessed: assessed.map(|section| section.title.as_str()).collect::<Vec<_>>().join(", "),
    }
}

/// Code and title of every slot that files can go to.
pub fn sections(component: &Component) -> Vec<(String, String)> {
    let sections = component.sections.iter();
    let sections = sections.map(|section| (section.code.to_string(), section.title.clone()));
    let supporting = component.supporting.iter().map(|rules| (SUPPORTING.to_owned(), rules.title.clone()));
    sections.chain(supporting).collect()
}

/// The title of a slot.
pub fn title(component: &Component, target: &Target) -> String {
    target.rules(component).map_or_else(|| target.as_str().to_owned(), |rules| rules.title.clone())
}
