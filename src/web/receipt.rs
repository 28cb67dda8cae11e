//! The receipt of a submission, at an address that stays; and the same on paper.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::page::{Frame, page};
use super::paper::{self, Column, Paper, Section, Table};
use super::visitor::{Times, Visitor};
use super::words;
use super::workspace::line_of;
use crate::actor::{Action, Actor, PersonId, decide};
use crate::candidate::{CandidateNumber, CandidateStatus};
use crate::database::people;
use crate::database::workspace::SampleLine;
use crate::http::body::Segments;
use crate::http::error::ApiError;
use crate::http::layers::RequestId;
use crate::ids::SampleId;
use crate::service::Service;
use crate::submission::{self, FileEntry, KEEP, Manifest};

#[derive(Debug, Template)]
#[template(path = "screens/receipt.html", config = "src/web/askama.toml")]
pub struct Receipt {
    pub frame: Frame,
    pub title: String,
    pub when: String,
    /// `Submitted by A Jones`.
    pub by: String,
    pub receipt: String,
    pub revision: u32,
    pub paper: String,
    pub manifest_csv: String,
    pub manifest_json: String,
    pub manifest_sha256: String,
    pub declarations: Vec<String>,
    pub missing_title: String,
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
    /// Exactly.
    pub bytes: u64,
    /// What there is to know of it; may be empty.
    pub note: &'static str,
    pub sha256: String,
}

/// A submission with what its words need.
struct Told {
    line: SampleLine,
    manifest: Manifest,
    receipt: submission::Receipt,
    times: Times,
    names: BTreeMap<PersonId, String>,
}

impl Told {
    async fn of(service: &Service, actor: &Actor, id: SampleId, revision: u32) -> Result<Self, ApiError> {
        let line = line_of(service, &actor.person, id).await?;
        let manifest = service.submissions.manifest(actor, id, revision).await?;
        let receipt = service.submissions.receipt(actor, id, revision).await?;
        let times = Times::new(&line.time_zone, service.clock.now());
        let mut who: Vec<&PersonId> = manifest.declarations.iter().map(|one| &one.ticked_by).collect();
        who.push(&manifest.submitted_by);
        let names = people::names(&service.db, &who).await?;
        Ok(Self { line, manifest, receipt, times, names })
    }

    /// A person's name; the id of one who is not on record any more.
    fn name<'a>(&'a self, person: &'a PersonId) -> &'a str {
        self.names.get(person).map_or(person.as_str(), String::as_str)
    }

    fn title(&self) -> String {
        let candidates = u32::try_from(self.receipt.candidates).unwrap_or(u32::MAX);
        let (line, centre) = (&self.line, &self.manifest.centre);
        let candidates = words::count(candidates, "candidate");
        format!("{}, {} ({centre}), {candidates}", line.component.title, line.centre)
    }

    fn when(&self) -> String {
        let late = if self.manifest.late { ", late" } else { "" };
        format!("{}{late}", self.times.second(self.manifest.submitted_at))
    }

    fn by(&self) -> String {
        format!("Submitted by {}", self.name(&self.manifest.submitted_by))
    }

    fn files_title(&self) -> String {
        let files = u32::try_from(self.receipt.files).unwrap_or(u32::MAX);
        format!("{}, {}", words::count(files, "file"), words::bytes(self.receipt.bytes))
    }

    fn declarations(&self, service: &Service) -> Vec<String> {
        let title = |id: &str| {
            let known = service.submissions.declarations().iter().find(|one| one.id == id);
            known.map_or_else(|| id.to_owned(), |one| one.title.clone())
        };
        let line = self.manifest.declarations.iter().map(|one| {
            let (who, when) = (self.name(&one.ticked_by), self.times.minute(one.ticked_at));
            format!("{}, version {}: declared by {who}, {when}", title(&one.id), one.version)
        });
        line.collect()
    }

    fn files(&self) -> impl Iterator<Item = ReceiptFile> {
        let names: BTreeMap<_, _> =
            self.manifest.candidates.iter().map(|one| (&one.number, &one.name)).collect();
        self.manifest.files.iter().map(move |file| listed(file, &names, &self.line))
    }

    fn paper(&self, service: &Service) -> Paper {
        let (manifest, line) = (&self.manifest, &self.line);
        let mut head = vec![
            self.title(),
            format!("{}, {}", line.assessment, line.series),
            format!("{}. {}.", self.when(), self.by()),
        ];
        if manifest.revision > 1 {
            head.push(format!("Revision {}", manifest.revision));
        }
        let section = |heading: &str, lines| Section { heading: heading.into(), lines };
        let sections = [
            section("Declarations", self.declarations(service)),
            section(&not_there_heading(manifest), not_there(manifest, line)),
            section("Absent or withdrawn", absent(manifest)),
        ];
        let column = |title, width| Column { title, width };
        let rows = self.files().map(|file| {
            let names = [file.name, file.unique_name, file.note.to_owned()];
            let names = names.into_iter().filter(|name| !name.is_empty()).collect();
            vec![vec![file.candidate], vec![file.section], names, vec![file.size], vec![file.sha256]]
        });
        Paper {
            title: format!("Receipt {}", manifest.receipt),
            foot: format!("Receipt {}, revision {}", manifest.receipt, manifest.revision),
            made_at: manifest.submitted_at,
            head,
            sections: sections.into_iter().filter(|section| !section.lines.is_empty()).collect(),
            table: Table {
                heading: self.files_title(),
                columns: vec![
                    column("Candidate", 88.0),
                    column("Section", 70.0),
                    column("File", 132.0),
                    column("Size", 38.0),
                    column("Fingerprint (SHA-256)", 153.0),
                ],
                rows: rows.collect(),
            },
            end: vec![
                format!("Fingerprint of the whole list: {}", self.receipt.manifest_sha256),
                KEEP.to_owned(),
            ],
        }
    }
}

/// `GET /samples/{sample}/submissions/{revision}`
pub async fn show(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    Segments((id, revision)): Segments<(SampleId, u32)>,
) -> Result<Response, ApiError> {
    let told = Told::of(&service, &visitor.actor, id, revision).await?;
    let (line, manifest) = (&told.line, &told.manifest);
    let works_here = decide(&visitor.actor, Action::ViewWork, &line.sample, &line.component).is_ok();
    let address = format!("/api/v1/samples/{id}/submissions/{revision}");
    let frame = visitor.frame_of(format!("Receipt {}", manifest.receipt), line, works_here);
    let view = Receipt {
        title: told.title(),
        when: told.when(),
        by: told.by(),
        receipt: manifest.receipt.clone(),
        revision,
        paper: format!("{address}/receipt.pdf"),
        manifest_csv: format!("{address}/manifest.csv"),
        manifest_json: format!("{address}/manifest.json"),
        manifest_sha256: told.receipt.manifest_sha256.to_string(),
        declarations: told.declarations(&service),
        missing_title: not_there_heading(manifest),
        missing: not_there(manifest, line),
        absent: absent(manifest),
        files_title: told.files_title(),
        files: told.files().collect(),
        back: if works_here { format!("/samples/{id}") } else { format!("/moderation/{id}") },
        frame,
    };
    Ok(page(StatusCode::OK, &view))
}

/// Receipts drawn at once: each is some seconds of a processor for the largest sample, and its PDF is in memory.
static DRAWING: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(2)));
const PATIENCE: Duration = Duration::from_secs(20);

/// A receipt on paper: its number, and the PDF. That it was taken is on the audit trail.
pub async fn paper(
    service: &Service,
    actor: &Actor,
    id: SampleId,
    revision: u32,
    request: &RequestId,
) -> Result<(String, Vec<u8>), ApiError> {
    let told = Told::of(service, actor, id, revision).await?;
    let drawing = timeout(PATIENCE, DRAWING.clone().acquire_owned());
    let place = drawing.await.map_err(|_| ApiError::Unavailable { retry_after: PATIENCE, source: None })?;
    service.submissions.download(actor, id, revision, "pdf", &request.to_string()).await?;
    let paper = told.paper(service);
    let drawn = tokio::task::spawn_blocking(move || {
        let _place = place;
        paper::pdf(&paper)
    });
    let pdf = drawn.await.map_err(ApiError::internal)?.map_err(ApiError::internal)?;
    Ok((told.manifest.receipt, pdf))
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

/// What [`not_there`] tells of, and only that: `Missing and sent another way`.
fn not_there_heading(manifest: &Manifest) -> String {
    let notes = || manifest.candidates.iter().flat_map(|one| &one.sections).map(|section| &section.notes);
    let kinds = [
        ("missing", notes().any(|of| of.missing.is_some())),
        ("sent another way", notes().any(|of| of.other_means.is_some())),
        ("incomplete", notes().any(|of| of.incomplete.is_some())),
    ];
    let there: Vec<&str> = kinds.into_iter().filter(|kind| kind.1).map(|kind| kind.0).collect();
    let told = match there.as_slice() {
        [most @ .., last] if !most.is_empty() => format!("{} and {last}", most.join(", ")),
        all => all.concat(),
    };
    told[..told.len().min(1)].to_uppercase() + told.get(1..).unwrap_or_default()
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

fn listed(file: &FileEntry, names: &BTreeMap<&CandidateNumber, &String>, line: &SampleLine) -> ReceiptFile {
    let who = file.candidate.as_ref().map(|number| match names.get(number) {
        Some(name) => format!("{number} {name}"),
        None => number.to_string(),
    });
    ReceiptFile {
        candidate: who.unwrap_or_else(|| "The sample".into()),
        section: title_of(line, &file.section),
        name: file.original_name.clone(),
        unique_name: file.unique_name.clone(),
        size: words::bytes(file.size),
        bytes: file.size,
        note: if file.is_unscanned() { words::UNSCANNED } else { "" },
        sha256: file.sha256.to_string(),
    }
}
