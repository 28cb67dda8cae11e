//! What a centre submitted, looked through: candidates, the files of one, and the viewer. Each step is a link; a browser
//! with script swaps only what changed.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;

use super::bench::{Bench, Group, Spot};
use super::{frame_of, moderated};
use crate::actor::{Action, decide};
use crate::candidate::CandidateNumber;
use crate::database::workspace;
use crate::http::body::{Query, Segments};
use crate::http::error::ApiError;
use crate::http::identity::Caller;
use crate::http::layers::RequestId;
use crate::ids::{FileId, SampleId};
use crate::sample::SampleState;
use crate::service::Service;
use crate::submission::{FileEntry, Manifest};
use crate::web::page::{Frame, Link, page};
use crate::web::receipt::{absent, not_there, title_of};
use crate::web::viewer::{Look, Looker, Step, look};
use crate::web::visitor::{Times, Visitor};
use crate::web::words;

/// A submitted sample, one candidate of it, or one file.
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
    pub can_return: bool,
    /// That it was sent back; empty while it was not.
    pub returned: String,
    /// Files that cannot be opened now: where they are, and why.
    pub withheld: Vec<(Link, String)>,
    /// Missing, absent and what else the centre said; what was not virus checked.
    pub notes: Vec<String>,
    /// What a page swaps parts of: the same for all pages of one revision.
    pub revision_id: String,
    /// How far in one is: `list`, `files` or `file`.
    pub level: &'static str,
    pub people: Vec<PersonLine>,
    pub group: Option<GroupView>,
    pub file: Option<FileDetails>,
    pub turns: Turns,
}

/// A candidate in the list, or the sample's documents.
#[derive(Debug)]
pub struct PersonLine {
    pub dom: String,
    pub href: String,
    pub title: String,
    pub mark: String,
    pub files: String,
    pub current: bool,
}

/// The files of a candidate.
#[derive(Debug)]
pub struct GroupView {
    pub title: String,
    pub mark: String,
    /// What was said of an absence; may be empty.
    pub absent: String,
    pub places: Vec<PlaceFiles>,
    /// The zip of this candidate alone.
    pub archive: Option<String>,
}

#[derive(Debug)]
pub struct PlaceFiles {
    pub title: String,
    /// Missing and the like; may be empty.
    pub note: String,
    pub files: Vec<FileLine>,
}

#[derive(Debug)]
pub struct FileLine {
    pub id: String,
    pub href: String,
    pub name: String,
    pub size: String,
    pub flags: Vec<String>,
    /// Why it cannot be opened; empty when it can.
    pub withheld: String,
    pub current: bool,
}

/// The file that is looked at.
#[derive(Debug)]
pub struct FileDetails {
    pub name: String,
    pub place: String,
    pub line: FileLine,
    pub look: Look,
    pub details: Vec<(&'static str, String)>,
    /// `None`: it does not leave now.
    pub download: Option<String>,
    /// This page.
    pub again: String,
}

/// Where to go from here.
#[derive(Debug, Default)]
pub struct Turns {
    pub previous_file: Option<Link>,
    pub next_file: Option<Link>,
    pub previous: Option<Link>,
    pub next: Option<Link>,
    /// The page around this one.
    pub up: String,
}

/// What of a sample is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    candidate: Option<CandidateNumber>,
    documents: Option<String>,
    file: Option<FileId>,
    /// Which entry of a zip.
    member: Option<u64>,
}

impl Asked {
    /// `None`: the sample. An error: nothing of the submission.
    fn spot(&self, bench: &Bench<'_>) -> Result<Option<Spot>, ApiError> {
        let spot = match (self.file, &self.candidate, &self.documents) {
            (Some(file), ..) => bench.spot_of(file),
            (None, Some(number), _) => bench.spot_at(Some(number)),
            (None, None, Some(_)) => bench.spot_at(None),
            (None, None, None) => return Ok(None),
        };
        spot.map(Some).ok_or(ApiError::NotFound)
    }
}

/// Files that do not leave now, and why.
type Withheld = HashMap<FileId, String>;

/// `GET /moderation/{sample}`
pub async fn show(
    State(service): State<Arc<Service>>,
    visitor: Visitor,
    caller: Caller,
    request: RequestId,
    headers: HeaderMap,
    Segments(id): Segments<SampleId>,
    Query(asked): Query<Asked>,
) -> Result<Response, ApiError> {
    let line = moderated(&service, &visitor, id).await?;
    let revision = line.sample.revision;
    let manifest = service.submissions.manifest(&visitor.actor, id, revision).await?;
    let before = match revision {
        ..=1 => None,
        _ => Some(service.submissions.manifest(&visitor.actor, id, revision - 1).await?),
    };
    let times = Times::new(&line.time_zone, service.clock.now());
    let bench = Bench::of(&line, &manifest, before.as_ref());
    let spot = asked.spot(&bench)?;
    let withheld = workspace::withheld(&service.db, &visitor.actor.person, id, revision).await?;
    let withheld: Withheld = withheld
        .into_iter()
        .map(|(file, why, since)| {
            let since = since.map(|at| format!(" Since {}.", times.minute(at))).unwrap_or_default();
            (file, format!("{}{since}", why.sentence()))
        })
        .collect();
    let screen =
        Screen { bench: &bench, spot, href: format!("/moderation/{id}"), withheld: &withheld, times: &times };
    let file = match spot.and_then(|spot| bench.file(spot)) {
        Some(entry) => {
            let page = format!("{}?file={}", screen.href, entry.id);
            let looker = Looker {
                page: &page,
                member: asked.member,
                service: &service,
                caller: &caller,
                request,
                headers: &headers,
            };
            let look = match withheld.get(&entry.id) {
                Some(why) => Look::Words(why.clone()),
                None => look(&looker, entry.id).await?,
            };
            Some(screen.details(entry, look))
        }
        None => None,
    };
    let mut frame = frame_of(&visitor, &screen.heading(), &line, false);
    if let Some(spot) = spot {
        frame.title = screen.title(spot);
        frame.goal = Some(if spot.file.is_some() { "viewer-title" } else { "files-title" }.to_owned());
    }
    let can_return = decide(&visitor.actor, Action::Return, &line.sample, &line.component).is_ok();
    let returned = match line.sample.state {
        SampleState::Returned => service.submissions.last_return(&visitor.actor, id).await?,
        SampleState::Open | SampleState::Submitted => None,
    };
    let returned = returned.map(|one| {
        let (at, due) = (times.minute(one.returned_at), times.deadline(one.due_at));
        format!(
            "Returned to the centre on {at}, due back {due}. What stands here is what was submitted before."
        )
    });
    Ok(page(StatusCode::OK, &screen.page(frame, &manifest, file, can_return, returned.unwrap_or_default())))
}

/// What the parts of the page are made from.
struct Screen<'a> {
    bench: &'a Bench<'a>,
    spot: Option<Spot>,
    href: String,
    withheld: &'a Withheld,
    times: &'a Times,
}

impl Screen<'_> {
    fn heading(&self) -> String {
        format!("{} {}", self.bench.line.sample.centre, self.bench.line.centre)
    }

    /// What is looked at, then where.
    fn title(&self, spot: Spot) -> String {
        let group = self.bench.groups.get(spot.group).map(Group::title).unwrap_or_default();
        match self.bench.file(spot) {
            Some(file) => format!("{}, {group}, {}", file.original_name, self.heading()),
            None => format!("{group}, {}", self.heading()),
        }
    }

    fn page(
        &self,
        frame: Frame,
        manifest: &Manifest,
        file: Option<FileDetails>,
        can_return: bool,
        returned: String,
    ) -> Moderated {
        let line = self.bench.line;
        let bytes = manifest.files.iter().map(|file| file.size).sum();
        let count = |number: usize, what| words::count(u32::try_from(number).unwrap_or(u32::MAX), what);
        let asked = manifest.candidates.iter().filter(|one| !one.sections.is_empty()).count();
        let mut notes = not_there(manifest, line);
        notes.extend(absent(manifest));
        let unscanned = manifest.files.iter().filter(|file| file.is_unscanned());
        notes.extend(unscanned.map(|file| format!("{}: {}", named(file), words::UNSCANNED)));
        let withheld = manifest.files.iter().filter_map(|file| {
            let link = Link::new(format!("{}?file={}", self.href, file.id), named(file));
            self.withheld.get(&file.id).map(|why| (link, why.clone()))
        });
        Moderated {
            frame,
            withheld: withheld.collect(),
            title: self.heading(),
            component: format!("{} · {}", manifest.component, line.component.title),
            revision: manifest.revision,
            received: format!(
                "{}{}",
                self.times.minute(manifest.submitted_at),
                if manifest.late { ", late" } else { "" }
            ),
            holds: format!(
                "{}, {}, {}",
                count(asked, "candidate"),
                count(manifest.files.len(), "file").to_lowercase(),
                words::bytes(bytes)
            ),
            can_return,
            returned,
            notes,
            revision_id: format!("{}-{}", manifest.sample, manifest.revision),
            level: match self.spot {
                None => "list",
                Some(Spot { file: None, .. }) => "files",
                Some(_) => "file",
            },
            people: self.people(),
            group: self
                .spot
                .and_then(|spot| self.bench.groups.get(spot.group))
                .map(|group| self.group(group)),
            file,
            turns: self.spot.map(|spot| self.turns(spot)).unwrap_or_default(),
            href: self.href.clone(),
        }
    }

    fn people(&self) -> Vec<PersonLine> {
        let current = self.spot.map(|spot| spot.group);
        let line = |(at, group): (usize, &Group<'_>)| PersonLine {
            dom: group
                .candidate
                .map_or_else(|| "documents".into(), |one| format!("candidate-{}", one.number)),
            href: format!("{}{}", self.href, group.query()),
            title: group.title(),
            mark: group.mark(),
            files: words::count(u32::try_from(group.files.len()).unwrap_or(u32::MAX), "file"),
            current: current == Some(at),
        };
        self.bench.groups.iter().enumerate().map(line).collect()
    }

    fn group(&self, group: &Group<'_>) -> GroupView {
        let mut places: Vec<PlaceFiles> = Vec::new();
        let mut last = "";
        for file in &group.files {
            if places.is_empty() || last != file.section {
                let title = title_of(self.bench.line, &file.section);
                let title = if file.kind == "supporting" { format!("{title} (not evidence)") } else { title };
                places.push(PlaceFiles { title, note: String::new(), files: Vec::new() });
                last = &file.section;
            }
            if let Some(place) = places.last_mut() {
                place.files.push(self.line(file));
            }
        }
        for section in group.candidate.iter().flat_map(|one| &one.sections) {
            let mut said = Vec::new();
            if let Some(missing) = &section.notes.missing {
                let note = missing.note.as_ref().filter(|note| !note.is_empty());
                let note = note.map(|note| format!(": “{note}”")).unwrap_or_default();
                said.push(format!("Missing, {}{note}", words::missing_reason(&missing.reason)));
            }
            if let Some(other) = &section.notes.other_means {
                said.push(format!("Sent another way: {}", other.means));
            }
            if let Some(reason) = &section.notes.incomplete {
                said.push(format!("Incomplete: {reason}"));
            }
            let title = title_of(self.bench.line, section.code.as_str());
            let note = said.join(". ");
            match places.iter_mut().find(|place| place.title == title) {
                Some(place) => place.note = note,
                None if note.is_empty() => {}
                None => places.push(PlaceFiles { title, note, files: Vec::new() }),
            }
        }
        let number = group.candidate.map(|one| &one.number).filter(|_| !group.files.is_empty());
        GroupView {
            title: group.title(),
            mark: group.mark(),
            absent: group.candidate.and_then(|one| one.absent.as_ref()?.reason.clone()).unwrap_or_default(),
            places,
            archive: number.map(|number| {
                format!("/api/v1/samples/{}/archive?candidates={number}", self.bench.line.sample.id)
            }),
        }
    }

    fn line(&self, file: &FileEntry) -> FileLine {
        FileLine {
            id: file.id.to_string(),
            href: format!("{}?file={}", self.href, file.id),
            name: named(file),
            size: words::bytes(file.size),
            flags: self.bench.flags(file),
            withheld: self.withheld.get(&file.id).cloned().unwrap_or_default(),
            current: self.spot.and_then(|spot| self.bench.file(spot)).is_some_and(|open| open.id == file.id),
        }
    }

    fn details(&self, file: &FileEntry, look: Look) -> FileDetails {
        let line = self.line(file);
        let who = self.spot.and_then(|spot| self.bench.groups.get(spot.group)).map(Group::title);
        let moment = |at: Option<jiff::Timestamp>| at.map(|at| self.times.second(at));
        let all = [
            ("The candidate’s name for it", Some(file.original_name.clone())),
            ("Folder", Some(file.path.clone()).filter(|path| !path.is_empty())),
            ("Stored as", Some(file.unique_name.clone())),
            ("Size", Some(words::exact(file.size))),
            ("Type by content", file.media_type.clone()),
            ("Every byte received", moment(file.received_at)),
            ("Accepted", moment(file.accepted_at)),
            ("Virus check", Some(if file.is_unscanned() { words::UNSCANNED } else { "Clean" }.to_owned())),
            ("Fingerprint (SHA-256)", Some(file.sha256.to_string())),
        ];
        FileDetails {
            name: named(file),
            place: format!("{} · {}", who.unwrap_or_default(), title_of(self.bench.line, &file.section)),
            look,
            details: all.into_iter().filter_map(|(term, value)| value.map(|value| (term, value))).collect(),
            download: line.withheld.is_empty().then(|| format!("/api/v1/files/{}/content", file.id)),
            again: line.href.clone(),
            line,
        }
    }

    fn turns(&self, spot: Spot) -> Turns {
        let file = |on| {
            let file = self.bench.step(spot, on)?;
            Some(Link::new(format!("{}?file={}", self.href, file.id), named(file)))
        };
        let group = |on| {
            let group = self.bench.turn(spot, on)?;
            Some(Link::new(format!("{}{}", self.href, group.first()), group.short()))
        };
        let around = self.bench.groups.get(spot.group).filter(|_| spot.file.is_some());
        Turns {
            previous_file: file(false),
            next_file: file(true),
            previous: group(false),
            next: group(true),
            up: around.map_or_else(|| self.href.clone(), |group| format!("{}{}", self.href, group.query())),
        }
    }
}

/// Folder and name, as the candidate had them.
fn named(file: &FileEntry) -> String {
    match &*file.path {
        "" => file.original_name.clone(),
        folder => format!("{folder}/{}", file.original_name),
    }
}
