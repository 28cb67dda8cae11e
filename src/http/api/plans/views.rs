//! What is told of a plan.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Asked, Seen};
use crate::bulk::{LeftOut, Naming, Planned};
use crate::database::plans::{PlanRow, PlannedRow};
use crate::evidence::FileState;
use crate::http::api::views::ShareView;
use crate::http::error::ApiError;
use crate::ids::{FileId, PlannedId};

const STATES: [&str; 7] = ["ready", "replaces", "unfiled", "refused", "already_here", "left_out", "begun"];

/// A plan without its files.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PlanSummary {
    pub id: String,
    pub sample: String,
    /// `open`, or `started` once its person confirmed it.
    pub state: &'static str,
    /// How names are read: `preset`, `template`, `section`.
    #[schema(value_type = Object)]
    pub naming: Naming,
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// When it is forgotten.
    #[schema(value_type = String)]
    pub expires_at: Timestamp,
    #[schema(value_type = Option<String>)]
    pub started_at: Option<Timestamp>,
    /// How many files it has.
    pub total: u32,
}

impl PlanSummary {
    pub fn of(row: &PlanRow) -> Self {
        Self {
            id: row.id.to_string(),
            sample: row.sample.to_string(),
            state: if row.started_at.is_some() { "started" } else { "open" },
            naming: row.naming.clone(),
            created_at: row.created_at,
            expires_at: row.expires_at,
            started_at: row.started_at,
            total: row.files,
        }
    }
}

/// A plan as it stands now.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PlanView {
    #[serde(flatten)]
    pub plan: PlanSummary,
    pub counts: PlanCounts,
    /// Whose work counts and who has no file in the plan.
    pub left_out: Vec<LeftOutView>,
    /// A page of its files, in the order they were named; after a start, all that are to be sent.
    pub files: Vec<PlannedView>,
    /// Send it as `cursor` for the next page; `null` on the last.
    pub next_cursor: Option<String>,
}

/// Files by their state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct PlanCounts {
    pub files: u32,
    /// Of all files together.
    pub bytes: u64,
    /// Candidates with a file that is ready, here or begun.
    pub candidates: u32,
    pub ready: u32,
    pub replaces: u32,
    pub unfiled: u32,
    pub refused: u32,
    pub already_here: u32,
    pub left_out: u32,
    pub begun: u32,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LeftOutView {
    pub number: String,
    pub name: String,
    /// Files that are here already, or on their way.
    pub files: u32,
}

impl From<&LeftOut> for LeftOutView {
    fn from(left: &LeftOut) -> Self {
        Self { number: left.number.to_string(), name: left.name.clone(), files: left.files }
    }
}

/// A file of a plan.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PlannedView {
    /// What an upload of it names as `plan`.
    pub id: String,
    pub name: String,
    pub path: String,
    /// Bytes.
    pub size: u64,
    pub modified: Option<String>,
    /// `ready`, `replaces`, `unfiled`, `refused`, `already_here`, `left_out` or `begun`.
    pub state: &'static str,
    /// Whose it is, as far as that is known. Of more than one: upload it for the first, and name the others, joined by
    /// `+`, as `shared_with` in its metadata.
    pub candidates: Vec<String>,
    pub section: Option<String>,
    /// The folder its upload tells (`path`): what of its own folder is the candidate's.
    pub folder: String,
    /// A stable word; `null` unless something is in the way.
    pub reason: Option<&'static str>,
    pub message: Option<String>,
    /// The accepted file that it takes the place of: its upload names it as `replaces`.
    pub replaces: Option<String>,
    /// A person chose something for it.
    pub chosen: bool,
    pub upload: Option<UploadView>,
}

/// The upload of a planned file.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UploadView {
    /// The file's id.
    pub file: String,
    pub state: String,
    pub reason: Option<String>,
    pub message: String,
    /// Bytes that are safe.
    pub offset: u64,
    /// Who else gets a copy, and what became of it.
    pub shared_with: Vec<ShareView>,
}

impl PlannedView {
    fn of(seen: &Seen, file: &PlannedRow, planned: &Planned) -> Self {
        let (folder, replaces) = match planned {
            Planned::Ready { folder, replaces, .. } => {
                (folder.clone(), replaces.as_ref().map(FileId::to_string))
            }
            _ => (file.path.clone(), None),
        };
        let why = planned.why();
        Self {
            id: PlannedId { plan: seen.row.id, position: file.position }.to_string(),
            name: file.name.clone(),
            path: file.path.clone(),
            size: file.size,
            modified: (!file.modified.is_empty()).then(|| file.modified.clone()),
            state: planned.state(),
            candidates: planned.candidates().iter().map(ToString::to_string).collect(),
            section: planned.target().map(|target| target.as_str().to_owned()),
            folder,
            reason: why.map(|why| why.code),
            message: why.map(|why| why.text.clone()),
            replaces,
            chosen: file.leave_out || !file.candidates.is_empty() || !file.section.is_empty(),
            upload: file.upload.as_ref().map(|upload| UploadView {
                file: upload.file.to_string(),
                state: upload.state.to_string(),
                reason: upload.reason.map(|reason| reason.to_string()),
                message: upload.detail.clone(),
                offset: upload.offset,
                shared_with: upload.shared_with.iter().map(ShareView::of).collect(),
            }),
        }
    }
}

impl Seen {
    /// Files by their state.
    pub fn counts(&self) -> PlanCounts {
        let mut counts = PlanCounts::default();
        let mut with = std::collections::HashSet::new();
        for (file, planned) in self.files.iter().zip(&self.planned) {
            counts.files += 1;
            counts.bytes += file.size;
            let count = match planned {
                Planned::Ready { replaces: None, .. } => &mut counts.ready,
                Planned::Ready { replaces: Some(_), .. } => &mut counts.replaces,
                Planned::Unfiled { .. } => &mut counts.unfiled,
                Planned::Refused { .. } => &mut counts.refused,
                Planned::AlreadyHere { .. } => &mut counts.already_here,
                Planned::LeftOut => &mut counts.left_out,
                Planned::Begun { .. } => &mut counts.begun,
            };
            *count += 1;
            if !matches!(planned, Planned::Unfiled { .. } | Planned::Refused { .. }) {
                with.extend(planned.candidates());
            }
        }
        counts.candidates = u32::try_from(with.len()).unwrap_or(u32::MAX);
        counts
    }

    /// Uploads that came to an end, and were not accepted.
    pub fn failed(&self) -> usize {
        let failed = |state: FileState| !state.is_running() && state != FileState::Accepted;
        self.files
            .iter()
            .filter_map(|file| file.upload.as_ref())
            .filter(|upload| failed(upload.state))
            .count()
    }

    /// Uploads whose bytes are not all here.
    pub fn open(&self) -> usize {
        self.files
            .iter()
            .filter_map(|file| file.upload.as_ref())
            .filter(|upload| upload.state.is_open())
            .count()
    }

    /// What is told of it, with the page that was asked for.
    pub fn view(&self, asked: &Asked) -> Result<PlanView, ApiError> {
        let limit = asked.size()?;
        let state = asked.state.as_deref().filter(|state| !state.is_empty());
        if state.is_some_and(|state| !STATES.contains(&state)) {
            return Err(ApiError::invalid("state", format!("one of {}", STATES.join(", "))));
        }
        let after: Option<u32> = super::super::optional("cursor", asked.cursor.as_deref())?;
        let mut files: Vec<PlannedView> = self
            .pairs()
            .filter(|(file, planned)| {
                after.is_none_or(|after| file.position > after)
                    && state.is_none_or(|state| planned.state() == state)
            })
            .take(limit + 1)
            .map(|(file, planned)| PlannedView::of(self, file, planned))
            .collect();
        let more = files.len() > limit;
        files.truncate(limit);
        let last = files.last().filter(|_| more).and_then(|file| file.id.rsplit('.').next());
        let next_cursor = last.map(str::to_owned);
        Ok(self.with(files, next_cursor))
    }

    /// The same with all files that are to be sent.
    pub fn targets(&self) -> PlanView {
        let ready = self.pairs().filter(|(_, planned)| matches!(planned, Planned::Ready { .. }));
        let files = ready.map(|(file, planned)| PlannedView::of(self, file, planned)).collect();
        self.with(files, None)
    }

    /// Each file with what becomes of it.
    pub fn pairs(&self) -> impl Iterator<Item = (&PlannedRow, &Planned)> {
        self.files.iter().zip(&self.planned)
    }

    fn with(&self, files: Vec<PlannedView>, next_cursor: Option<String>) -> PlanView {
        PlanView {
            plan: PlanSummary::of(&self.row),
            counts: self.counts(),
            left_out: self.left_out.iter().map(LeftOutView::from).collect(),
            files,
            next_cursor,
        }
    }
}
