//! The shapes of answers. Other programs count on the names.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::completeness::{CandidateState, SectionState};
use crate::component::Section;
use crate::database::files_read::FileRow;
use crate::database::flags::{Missing, OtherMeans};
use crate::database::shares::Share;
use crate::http::uploads::guard;
use crate::submission::{Absent, Declaration};
use crate::web::words;

/// One page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Send it as `cursor` for the next page; `null` on the last.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A list that is never longer than one page.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Me {
    pub id: String,
    pub name: String,
    pub roles: Vec<RoleView>,
    pub centres: Vec<String>,
    /// What a browser sends as `X-CSRF-Token` with every change; `null` for tokens.
    pub csrf: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RoleView {
    pub role: String,
    pub organisation: Option<String>,
    pub centre: Option<String>,
    pub component: Option<String>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AssessmentView {
    pub id: String,
    pub name: String,
    pub organisation: String,
    pub series: String,
    pub series_name: String,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OrganisationView {
    pub id: String,
    pub name: String,
    pub time_zone: String,
    pub accent: String,
}

/// A component at one centre: one sample.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ComponentCard {
    pub id: String,
    pub title: String,
    pub sample: String,
    pub centre: String,
    pub centre_name: String,
    pub state: String,
    #[schema(value_type = String)]
    pub due_at: Timestamp,
    #[schema(value_type = String)]
    pub cut_off_at: Timestamp,
    /// Every extension some section takes.
    pub accepts: Vec<String>,
    pub counts: Counts,
}

/// Candidates in the sample and entered, by their state, and their files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Counts {
    pub candidates: u32,
    pub complete: u32,
    pub complete_with_missing: u32,
    pub in_progress: u32,
    pub not_started: u32,
    pub files: u32,
    pub running: u32,
    pub problems: u32,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SampleView {
    pub id: String,
    pub organisation: String,
    pub assessment: String,
    pub component: String,
    pub component_title: String,
    pub series: String,
    pub series_name: String,
    pub occasion: String,
    pub centre: String,
    pub centre_name: String,
    pub state: String,
    pub revision: u32,
    #[schema(value_type = String)]
    pub due_at: Timestamp,
    #[schema(value_type = String)]
    pub cut_off_at: Timestamp,
    pub counts: Counts,
    pub sections: Vec<SectionRules>,
    pub documents: Vec<SectionRules>,
    pub supporting: Option<SectionRules>,
    #[schema(value_type = Vec<Object>)]
    pub declarations: Vec<Declaration>,
}

/// What a section takes.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SectionRules {
    pub code: String,
    pub title: String,
    pub required: bool,
    pub min: u32,
    pub max: u32,
    pub accepts: Vec<String>,
    pub max_bytes: u64,
    /// `none`, `allowed` or `required`.
    #[schema(value_type = String)]
    pub zip: crate::component::ZipAdvice,
    pub naming_assessed: bool,
}

impl From<&Section> for SectionRules {
    fn from(section: &Section) -> Self {
        Self {
            code: section.code.to_string(),
            title: section.title.clone(),
            required: section.required,
            min: section.min,
            max: section.max,
            accepts: section.accepts.clone(),
            max_bytes: section.max_bytes,
            zip: section.zip,
            naming_assessed: section.naming_assessed,
        }
    }
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CandidateRow {
    pub number: String,
    pub name: String,
    pub mark: Option<i64>,
    pub status: String,
    pub in_sample: bool,
    /// `not_started`, `in_progress`, `complete_with_missing` or `complete`.
    #[schema(value_type = String)]
    pub state: CandidateState,
    /// Required sections provided.
    pub provided: u32,
    /// Required sections.
    pub required: u32,
    /// Optional sections provided.
    pub optional: u32,
    /// Files accepted or on their way.
    pub files: u32,
    pub problems: u32,
    /// Whether a section is flagged Missing.
    pub missing: bool,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CandidateView {
    #[serde(flatten)]
    pub row: CandidateRow,
    /// What was said of an absence; `null` unless the candidate is absent.
    pub absent: Option<Absent>,
    pub sections: Vec<SectionView>,
    pub supporting: Vec<FileView>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SectionView {
    #[serde(flatten)]
    pub rules: SectionRules,
    /// `empty`, `in_progress`, `provided`, `missing`, `other_means` or `incomplete`.
    #[schema(value_type = String)]
    pub state: SectionState,
    #[schema(value_type = Option<Object>)]
    pub missing: Option<Missing>,
    #[schema(value_type = Option<Object>)]
    pub other_means: Option<OtherMeans>,
    /// Fewer files than asked for: why.
    pub incomplete: Option<String>,
    pub files: Vec<FileView>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FileView {
    pub id: String,
    pub sample: String,
    pub candidate: Option<String>,
    pub section: String,
    /// `created receiving paused received checking accepted rejected infected unscannable superseded deleted
    /// quarantined expired cancelled`.
    pub state: String,
    pub reason: Option<String>,
    /// What a person should know of this state, in a sentence; may be empty.
    pub message: String,
    pub unique_name: Option<String>,
    pub original_name: String,
    pub path: String,
    /// Bytes; `null` while the length is not known.
    pub size: Option<u64>,
    /// Bytes kept so far.
    pub offset: Option<u64>,
    pub sha256: Option<String>,
    pub media_type: Option<String>,
    pub modified: Option<String>,
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    #[schema(value_type = Option<String>)]
    pub received_at: Option<Timestamp>,
    #[schema(value_type = Option<String>)]
    pub accepted_at: Option<Timestamp>,
    #[schema(value_type = Option<String>)]
    pub deleted_at: Option<Timestamp>,
    #[schema(value_type = Option<String>)]
    pub expires_at: Option<Timestamp>,
    /// What its check waits for: `scanner scanner_busy scanner_not_trusted storage service`; `null` unless it does.
    pub waits_for: Option<String>,
    #[schema(value_type = Option<String>)]
    pub waits_since: Option<Timestamp>,
    /// When a later virus check found something in it.
    #[schema(value_type = Option<String>)]
    pub quarantined_at: Option<Timestamp>,
    /// Since when nobody can read it, because the store does not hold what was accepted.
    #[schema(value_type = Option<String>)]
    pub withheld_at: Option<Timestamp>,
    pub late: bool,
    /// Accepted without a virus check.
    pub unscanned: bool,
    pub duplicate_of: Option<String>,
    pub replaces: Option<String>,
    /// Candidates who share it: each gets a copy, a file of their own, once it is accepted.
    pub shared_with: Vec<ShareView>,
    /// By what an open upload's sender knows the file again: the `guard` of its metadata, if they gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<String>,
    /// An open upload's `Upload-Metadata` as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
}

/// A candidate who shares a file.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ShareView {
    pub candidate: String,
    /// `waiting`, `made` or `refused`.
    pub state: &'static str,
    /// Their own file, once it is made.
    pub file: Option<String>,
    /// Why they do not get it, a stable word: `not_accepted unknown_candidate absent not_in_sample closed locked
    /// submitted section_full no_section`; `null` unless it is refused.
    pub code: Option<String>,
    /// The same in a sentence; may be empty.
    pub message: String,
}

impl ShareView {
    pub fn of(share: &Share) -> Self {
        let refused = share.is_refused();
        Self {
            candidate: share.number.to_string(),
            state: share.state.as_str(),
            file: share.copy.map(|file| file.to_string()),
            code: refused.then(|| share.code.clone()),
            message: words::not_shared(std::slice::from_ref(share)),
        }
    }
}

impl FileView {
    /// A file as it stands at `now`.
    pub fn of(row: FileRow, now: Timestamp) -> Self {
        let paused = row.paused(now);
        let offset = row.upload.as_ref().map(|upload| upload.offset);
        let facts = words::FileFacts {
            reason: row.reason,
            detail: &row.detail,
            received: offset.or(row.size).unwrap_or_default(),
            size: row.size,
            paused,
            unscanned: row.unscanned,
            same_elsewhere: row.duplicate_of.is_some(),
            waits_for: row.waits.map(|(what, _)| what),
            long: row.received_at.is_some_and(|at| now.duration_since(at) >= words::LONG_CHECK),
            withheld: row.withheld_at.is_some(),
            not_shared: &words::not_shared(&row.shared_with),
        };
        let message = words::file(row.state, facts).sentence;
        let open = row.upload.filter(|_| row.state.is_open());
        Self {
            id: row.id.to_string(),
            sample: row.sample.to_string(),
            candidate: row.candidate,
            section: row.section,
            state: if paused { "paused".into() } else { row.state.to_string() },
            reason: row.reason.map(|reason| reason.to_string()),
            message,
            unique_name: row.unique_name,
            original_name: row.original_name,
            path: row.path,
            size: row.size,
            offset,
            sha256: row.sha256,
            media_type: row.media_type,
            modified: row.modified,
            created_at: row.created_at,
            received_at: row.received_at,
            accepted_at: row.accepted_at,
            deleted_at: row.deleted_at,
            expires_at: open.as_ref().map(|upload| upload.expires_at),
            waits_for: row.waits.map(|(what, _)| what.as_str().to_owned()),
            waits_since: row.waits.and_then(|(_, since)| since),
            quarantined_at: row.quarantined_at,
            withheld_at: row.withheld_at,
            late: row.late,
            unscanned: row.unscanned,
            duplicate_of: row.duplicate_of,
            replaces: row.replaces,
            shared_with: row.shared_with.iter().map(ShareView::of).collect(),
            guard: open.as_ref().and_then(|upload| guard(&upload.metadata)).map(String::from),
            metadata: open.map(|upload| upload.metadata),
        }
    }
}
