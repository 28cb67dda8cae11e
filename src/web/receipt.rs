//! The receipt of a submission, at an address that stays.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::page::{Frame, page};
use super::visitor::{Times, Visitor};
use super::words;
use super::workspace::line_of;
use crate::actor::{Action, decide};
use crate::candidate::CandidateStatus;
use crate::database::workspace::SampleLine;
use crate::http::body::Segments;
use crate::http::error::ApiError;
use crate::ids::SampleId;
use crate::service::Service;
use crate::submission::{FileEntry, Manifest};

#[derive(Debug, Template)]
#[template(path = "screens/receipt.html", config = "src/web/askama.toml")]
pub struct Receipt {
    pub frame: Frame,
    pub title: String,
    pub when: String,
    pub receipt: String,
    pub revision: u32,
    pub manifest_csv: String,
    pub manifest_json: String,
    pub manifest_sha256: String,
    pub declarations: Vec<String>,
    pub missing: Vec<String>,
    pub absent: Vec<String>,
    pub files_title: String,
    pub files: Vec<ReceiptFile>,
    pub back: String,
}

#[derive(Debug)]
pub struct ReceiptFile {
    pub candidate: String,
    pub section: String,
    pub name: String,
    pub unique_name: String,
    pub size: String,
    /// What there is to know of it; may be empty.
    pub note: &'static str,
    pub sha256: String,
}

/// `GET /samples/{sample}/submissions/{revision}`
pub async fn show(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments((id, revision)): Segments<(SampleId, u32)>,
) -> Result<Response, ApiError> {
    let line = line_of(&service, &visitor.actor.person, id).await?;
    let manifest = service.submissions.manifest(&visitor.actor, id, revision).await?;
    let receipt = service.submissions.receipt(&visitor.actor, id, revision).await?;
    let times = Times::new(&line.time_zone, service.clock.now());
    let works_here = decide(&visitor.actor, Action::ViewWork, &line.sample, &line.component).is_ok();
    let address = format!("/api/v1/samples/{id}/submissions/{revision}");
    let late = if manifest.late { ", late" } else { "" };
    let view = Receipt {
        frame: visitor.frame_of(format!("Receipt {}", manifest.receipt), &line, works_here),
        title: format!(
            "{}, {} ({}), {}",
            line.component.title,
            line.centre,
            manifest.centre,
            words::count(u32::try_from(receipt.candidates).unwrap_or(u32::MAX), "candidate")
        ),
        when: format!("{}{late}", times.second(manifest.submitted_at)),
        receipt: manifest.receipt.clone(),
        revision,
        manifest_csv: format!("{address}/manifest.csv"),
        manifest_json: format!("{address}/manifest.json"),
        manifest_sha256: receipt.manifest_sha256.to_string(),
        declarations: declarations(&service, &manifest, &times),
        missing: not_there(&manifest, &line),
        absent: absent(&manifest),
        files_title: format!(
            "{}, {}",
            words::count(u32::try_from(receipt.files).unwrap_or(u32::MAX), "file"),
            words::bytes(receipt.bytes)
        ),
        files: manifest.files.iter().map(|file| listed(file, &manifest, &line)).collect(),
        back: if works_here { format!("/samples/{id}") } else { format!("/moderation/{id}") },
    };
    Ok(page(StatusCode::OK, &view))
}

fn declarations(service: &Service, manifest: &Manifest, times: &Times) -> Vec<String> {
    let title = |id: &str| {
        let known = service.submissions.declarations().iter().find(|one| one.id == id);
        known.map_or_else(|| id.to_owned(), |one| one.title.clone())
    };
    let line = manifest.declarations.iter().map(|one| {
        let when = times.minute(one.ticked_at);
        format!("{}, version {}: declared by {}, {when}", title(&one.id), one.version, one.ticked_by)
    });
    line.collect()
}

/// `1005 O'NEILL, Sean: Film, Missing (lost)`.
pub fn not_there(manifest: &Manifest, line: &SampleLine) -> Vec<String> {
    let mut lines = Vec::new();
    for candidate in &manifest.candidates {
        for section in &candidate.sections {
            let place =
                format!("{} {}: {}", candidate.number, candidate.name, title_of(line, section.code.as_str()));
            if let Some(missing) = &section.notes.missing {
                let note = missing.note.as_ref().filter(|note| !note.is_empty());
                let note = note.map(|note| format!(": “{note}”")).unwrap_or_default();
                lines.push(format!("{place}, Missing ({}){note}", words::missing_reason(&missing.reason)));
            }
            if let Some(other) = &section.notes.other_means {
                lines.push(format!("{place}, sent another way ({})", other.means));
            }
            if let Some(reason) = &section.notes.incomplete {
                lines.push(format!("{place}, incomplete ({reason})"));
            }
        }
    }
    lines
}

/// `1030 BROWN, Tom: absent`.
pub fn absent(manifest: &Manifest) -> Vec<String> {
    let gone = manifest.candidates.iter().filter(|one| one.status != CandidateStatus::Entered);
    gone.map(|one| format!("{} {}: {}", one.number, one.name, one.status.as_str())).collect()
}

/// A section's or document's title; its code where the definition has moved on.
pub fn title_of(line: &SampleLine, code: &str) -> String {
    let component = &line.component;
    let all = component.sections.iter().chain(&component.documents).chain(&component.supporting);
    let known = all.into_iter().find(|section| section.code.as_str() == code);
    match known {
        Some(section) => section.title.clone(),
        None if code == crate::evidence::SUPPORTING => "Supporting material".into(),
        None => code.to_owned(),
    }
}

fn listed(file: &FileEntry, manifest: &Manifest, line: &SampleLine) -> ReceiptFile {
    let who = file.candidate.as_ref().map(|number| {
        let known = manifest.candidates.iter().find(|one| one.number == *number);
        known.map_or_else(|| number.to_string(), |one| format!("{number} {}", one.name))
    });
    ReceiptFile {
        candidate: who.unwrap_or_else(|| "The sample".into()),
        section: title_of(line, &file.section),
        name: file.original_name.clone(),
        unique_name: file.unique_name.clone(),
        size: words::bytes(file.size),
        note: if file.is_unscanned() { words::UNSCANNED } else { "" },
        sha256: file.sha256.to_string(),
    }
}
