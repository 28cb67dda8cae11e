//! The moderator's screens: the samples allocated, and what a centre submitted.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::home;
use super::page::{Frame, Link, Problem, page};
use super::receipt::{absent, not_there, title_of};
use super::visitor::{Times, Visitor, organisation};
use super::words;
use super::workspace::line_of;
use crate::actor::Role;
use crate::candidate::CandidateNumber;
use crate::database::workspace::{self, Lens, Narrow, SampleLine};
use crate::http::body::{Query, Segments};
use crate::http::error::ApiError;
use crate::ids::{FileId, SampleId};
use crate::service::Service;
use crate::submission::{FileEntry, Manifest, Receipt};

/// Samples on one page of the list.
const CARDS: usize = 60;

#[derive(Debug, Template)]
#[template(path = "screens/moderation.html", config = "src/web/askama.toml")]
pub struct Moderation {
    pub frame: Frame,
    /// Samples of which later scans withdrew files.
    pub bereft: Vec<Link>,
    pub samples: Vec<SampleCard>,
    /// The address of the next samples.
    pub more: Option<String>,
}

#[derive(Debug)]
pub struct SampleCard {
    pub id: String,
    pub centre: String,
    pub component: String,
    pub title: String,
    pub series: String,
    pub received: String,
    /// `15 candidates, 42 files, 6.4 GB`.
    pub holds: String,
}

/// One submitted sample, whole or one candidate of it.
#[derive(Debug, Template)]
#[template(path = "screens/moderated.html", config = "src/web/askama.toml")]
pub struct Moderated {
    pub frame: Frame,
    pub href: String,
    pub title: String,
    pub component: String,
    pub revision: u32,
    pub received: String,
    pub holds: String,
    /// The address of the zip.
    pub archive: String,
    /// The candidate this page is narrowed to.
    pub only: Option<String>,
    pub problem: Option<Problem>,
    /// Missing, absent and what else the centre said.
    pub notes: Vec<String>,
    pub groups: Vec<Group>,
}

/// A candidate's files, or the sample's documents (no number).
#[derive(Debug)]
pub struct Group {
    pub number: Option<String>,
    pub title: String,
    pub files: Vec<SubmittedFile>,
}

#[derive(Debug)]
pub struct SubmittedFile {
    pub name: String,
    pub unique_name: String,
    pub section: String,
    pub size: String,
    pub sha256: String,
    /// `None`: it does not leave now.
    pub download: Option<String>,
    /// Why not; empty when it does.
    pub withheld: String,
}

fn moderates(visitor: &Visitor, line: &SampleLine) -> bool {
    let roles = visitor.actor.roles_for(&line.sample);
    line.sample.revision > 0 && roles.iter().any(|role| matches!(role, Role::Moderator | Role::LeadModerator))
}

fn holds(receipt: &Receipt) -> String {
    let short = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    format!(
        "{}, {}, {}",
        words::count(short(receipt.candidates), "candidate"),
        words::count(short(receipt.files), "file").to_lowercase(),
        words::bytes(receipt.bytes)
    )
}

/// `GET /moderation`
pub async fn list(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Query(asked): Query<home::Asked>,
) -> Result<Response, ApiError> {
    let narrow = Narrow { lens: Lens::Moderates, after: asked.after, ..Narrow::default() };
    let mut lines = workspace::lines(&service.db, &visitor.actor.person, narrow, CARDS + 1).await?;
    let more = home::turn(&mut lines, "/moderation", CARDS);
    let mut frame = visitor.frame("Your samples", &[]);
    let mut samples = Vec::new();
    for line in lines.iter().filter(|line| moderates(&visitor, line)) {
        let (id, revision) = (line.sample.id, line.sample.revision);
        let receipt = service.submissions.receipt(&visitor.actor, id, revision).await?;
        let times = Times::new(&line.time_zone, service.clock.now());
        frame.organisation = Some(organisation(line));
        samples.push(SampleCard {
            id: id.to_string(),
            centre: format!("{} {}", line.sample.centre, line.centre),
            component: line.component.id.to_string(),
            title: line.component.title.clone(),
            series: line.series.clone(),
            received: times.minute(receipt.submitted_at),
            holds: holds(&receipt),
        });
    }
    let bereft = home::bereft(&service, &visitor, Lens::Moderates, None).await?;
    Ok(page(StatusCode::OK, &Moderation { frame, bereft, samples, more }))
}

/// Which candidate a sample's page is narrowed to.
#[derive(Debug, Deserialize)]
pub struct Asked {
    candidate: Option<CandidateNumber>,
    /// A download was asked for with nobody chosen.
    none: Option<String>,
}

/// `GET /moderation/{sample}`
pub async fn show(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments(id): Segments<SampleId>,
    Query(asked): Query<Asked>,
) -> Result<Response, ApiError> {
    let line = line_of(&service, &visitor.actor.person, id).await?;
    if !moderates(&visitor, &line) {
        return Err(ApiError::NotFound);
    }
    let revision = line.sample.revision;
    let manifest = service.submissions.manifest(&visitor.actor, id, revision).await?;
    let receipt = service.submissions.receipt(&visitor.actor, id, revision).await?;
    let times = Times::new(&line.time_zone, service.clock.now());
    let title = format!("{} {}", manifest.centre, line.centre);
    let mut frame = visitor.frame(title.clone(), &[("Your samples", "/moderation")]);
    frame.organisation = Some(organisation(&line));
    let mut notes = not_there(&manifest, &line);
    notes.extend(absent(&manifest));
    let only = asked.candidate;
    let archive = match &only {
        Some(number) => format!("/api/v1/samples/{id}/archive?candidates={number}"),
        None => format!("/api/v1/samples/{id}/archive"),
    };
    let withheld = workspace::withheld(&service.db, &visitor.actor.person, id, revision).await?;
    let withheld = withheld.into_iter().map(|(file, why, since)| {
        let since = since.map(|at| format!(" Since {}.", times.minute(at))).unwrap_or_default();
        (file, format!("{}{since}", why.sentence()))
    });
    let groups = groups(&manifest, &line, only.as_ref(), &withheld.collect());
    if groups.is_empty() && only.is_some() {
        return Err(ApiError::NotFound);
    }
    let view = Moderated {
        frame,
        href: format!("/moderation/{id}"),
        title,
        component: format!("{} · {}", manifest.component, line.component.title),
        revision,
        received: times.minute(manifest.submitted_at),
        holds: holds(&receipt),
        archive,
        only: only.map(|number| number.to_string()),
        problem: asked.none.is_some().then(|| Problem {
            text: "Choose at least one candidate, or download all".into(),
            field: Some("download-all"),
        }),
        notes,
        groups,
    };
    Ok(page(StatusCode::OK, &view))
}

/// `withheld`: files that do not leave now, and why.
fn groups(
    manifest: &Manifest,
    line: &SampleLine,
    only: Option<&CandidateNumber>,
    withheld: &HashMap<FileId, String>,
) -> Vec<Group> {
    let files = |number: Option<&CandidateNumber>| {
        let these = manifest.files.iter().filter(|file| file.candidate.as_ref() == number);
        these.map(|file| submitted(file, line, withheld.get(&file.id))).collect::<Vec<_>>()
    };
    let documents = Group { number: None, title: "Sample documents".into(), files: files(None) };
    let mut groups = Vec::new();
    if only.is_none() && !documents.files.is_empty() {
        groups.push(documents);
    }
    let mut candidates: Vec<_> =
        manifest.candidates.iter().filter(|one| only.is_none_or(|number| one.number == *number)).collect();
    candidates.sort_by(|a, b| {
        crate::candidate::by_mark((a.mark, a.status, &a.number), (b.mark, b.status, &b.number))
    });
    groups.extend(candidates.into_iter().map(|one| Group {
        number: Some(one.number.to_string()),
        title: match one.mark {
            Some(mark) => format!("{} {} · mark {mark}", one.number, one.name),
            None => format!("{} {}", one.number, one.name),
        },
        files: files(Some(&one.number)),
    }));
    groups
}

fn submitted(file: &FileEntry, line: &SampleLine, withheld: Option<&String>) -> SubmittedFile {
    let verdict = if file.is_unscanned() { format!(" · {}", words::UNSCANNED) } else { String::new() };
    SubmittedFile {
        name: if file.path.is_empty() {
            file.original_name.clone()
        } else {
            format!("{}/{}", file.path, file.original_name)
        },
        unique_name: file.unique_name.clone(),
        section: format!("{}{verdict}", title_of(line, &file.section)),
        size: words::bytes(file.size),
        sha256: file.sha256.to_string(),
        download: withheld.is_none().then(|| format!("/api/v1/files/{}/content", file.id)),
        withheld: withheld.cloned().unwrap_or_default(),
    }
}

/// `GET /moderation/{sample}/download?candidate=1005&candidate=1007`: on to the zip of the candidates chosen; with none,
/// back with a word.
pub async fn download(
    _caller: crate::http::identity::Caller,
    Segments(id): Segments<SampleId>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let mut chosen = Vec::new();
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let number = pair.strip_prefix("candidate=").and_then(|text| text.parse::<CandidateNumber>().ok());
        let number = number.ok_or_else(|| ApiError::invalid("candidate", "Not a candidate number."))?;
        chosen.push(number.to_string());
    }
    let to = if chosen.is_empty() {
        format!("/moderation/{id}?none=1")
    } else {
        format!("/api/v1/samples/{id}/archive?candidates={}", chosen.join(","))
    };
    Ok(Redirect::to(&to).into_response())
}
