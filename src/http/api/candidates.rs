//! A sample's candidates: the list, and one with its sections and files.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::views::{CandidateRow, CandidateView, FileView, Page, SectionRules, SectionView};
use super::{Lens, look, page_size};
use crate::candidate::{CandidateNumber, CandidateStatus, by_mark};
use crate::completeness::{CandidateState, section_state};
use crate::component::Component;
use crate::database::candidates::{self, Candidate};
use crate::database::files_read;
use crate::database::flags::{self, Flag};
use crate::http::body::{Query, Segments};
use crate::http::error::ApiError;
use crate::http::identity::Caller;
use crate::ids::SampleId;
use crate::service::Service;

/// How the list is ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// Highest first, ties by number, no mark last, absent at the end.
    #[default]
    Mark,
    Number,
    Name,
}

/// What the list is narrowed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    WithFiles,
    Incomplete,
    Missing,
    Problem,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    #[serde(default)]
    pub sort: Sort,
    /// Part of a name or number; case does not matter.
    #[serde(default)]
    pub search: String,
    pub filter: Option<Filter>,
    pub cursor: Option<String>,
    pub limit: Option<u32>,
}

/// The candidates through `lens`: moderators see those of the sample alone.
pub async fn visible(
    service: &Service,
    caller: &Caller,
    sample: SampleId,
    lens: Lens,
) -> Result<Vec<Candidate>, ApiError> {
    let mut all = candidates::of_sample(&service.db, caller.person(), sample).await?;
    if lens == Lens::Submitted {
        all.retain(|candidate| candidate.in_sample);
    }
    Ok(all)
}

/// Orders and narrows a list.
pub fn arrange(mut all: Vec<Candidate>, component: &Component, asked: &Asked) -> Vec<Candidate> {
    let search = asked.search.trim().to_lowercase();
    all.retain(|candidate| {
        let found = search.is_empty()
            || candidate.name.to_lowercase().contains(&search)
            || candidate.number.as_str().contains(&search);
        found && asked.filter.is_none_or(|filter| passes(candidate, component, filter))
    });
    match asked.sort {
        Sort::Mark => {
            all.sort_by(|a, b| by_mark((a.mark, a.status, &a.number), (b.mark, b.status, &b.number)))
        }
        Sort::Number => all.sort_by(|a, b| a.number.cmp(&b.number)),
        Sort::Name => all.sort_by(by_name),
    }
    all
}

fn by_name(a: &Candidate, b: &Candidate) -> Ordering {
    a.name.to_lowercase().cmp(&b.name.to_lowercase()).then_with(|| a.number.cmp(&b.number))
}

fn passes(candidate: &Candidate, component: &Component, filter: Filter) -> bool {
    match filter {
        Filter::WithFiles => candidate.files > 0,
        Filter::Incomplete => {
            let state = candidate.counter(component).state;
            candidate.status == CandidateStatus::Entered
                && matches!(state, CandidateState::NotStarted | CandidateState::InProgress)
        }
        Filter::Missing => candidate.any_missing(),
        Filter::Problem => candidate.problems > 0,
    }
}

/// A candidate as the list shows it.
pub fn row(candidate: &Candidate, component: &Component) -> CandidateRow {
    let counter = candidate.counter(component);
    CandidateRow {
        number: candidate.number.to_string(),
        name: candidate.name.clone(),
        mark: candidate.mark,
        status: candidate.status.as_str().into(),
        in_sample: candidate.in_sample,
        state: counter.state,
        provided: counter.provided,
        required: counter.required,
        optional: counter.optional,
        files: candidate.files,
        problems: candidate.problems,
        missing: candidate.any_missing(),
    }
}

#[utoipa::path(get, path = "/api/v1/samples/{sample}/candidates", params(("sample" = String, Path), Asked),
    responses((status = 200, body = Page<CandidateRow>)))]
pub async fn list(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Segments(sample): Segments<SampleId>,
    Query(asked): Query<Asked>,
) -> Result<Json<Page<CandidateRow>>, ApiError> {
    let limit = page_size(asked.limit)? as usize;
    let (sample, lens) = look(&service, &caller, sample).await?;
    let all = visible(&service, &caller, sample.sample.id, lens).await?;
    let all = arrange(all, &sample.component, &asked);
    let start = match asked.cursor.as_deref().filter(|cursor| !cursor.is_empty()) {
        None => 0,
        Some(cursor) => {
            let at = all.iter().position(|candidate| candidate.number.as_str() == cursor);
            at.ok_or_else(|| ApiError::invalid("cursor", "not a cursor of this list; begin again"))? + 1
        }
    };
    let rest = all.get(start..).unwrap_or_default();
    let shown = rest.get(..limit).unwrap_or(rest);
    let more = rest.len() > shown.len();
    Ok(Json(Page {
        items: shown.iter().map(|candidate| row(candidate, &sample.component)).collect(),
        next_cursor: shown.last().filter(|_| more).map(|candidate| candidate.number.to_string()),
    }))
}

#[utoipa::path(get, path = "/api/v1/samples/{sample}/candidates/{number}",
    params(("sample" = String, Path), ("number" = String, Path)),
    responses((status = 200, body = CandidateView)))]
pub async fn one(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Segments((sample, number)): Segments<(SampleId, CandidateNumber)>,
) -> Result<Json<CandidateView>, ApiError> {
    let (sample, lens) = look(&service, &caller, sample).await?;
    let all = visible(&service, &caller, sample.sample.id, lens).await?;
    let found = all.into_iter().find(|candidate| candidate.number == number).ok_or(ApiError::NotFound)?;
    Ok(Json(view(&service, &caller, &sample.component, sample.sample.id, &found).await?))
}

/// A candidate with sections, flags and files.
pub async fn view(
    service: &Service,
    caller: &Caller,
    component: &Component,
    sample: SampleId,
    candidate: &Candidate,
) -> Result<CandidateView, ApiError> {
    let now = service.clock.now();
    let id = candidate.id.to_string();
    let rows = files_read::of_candidate(&service.db, caller.person(), sample, &id).await?;
    let flags = flags::of_candidate(&service.db, caller.person(), sample, candidate.id).await?;
    let mut flags: HashMap<String, Flag> = flags.into_iter().collect();
    let (mut files, mut supporting): (HashMap<String, Vec<FileView>>, _) = (HashMap::new(), Vec::new());
    for file in rows {
        match file.kind.as_str() {
            "evidence" => files.entry(file.section.clone()).or_default().push(FileView::of(file, now)),
            _ => supporting.push(FileView::of(file, now)),
        }
    }
    let sections = component.sections.iter().map(|section| {
        let code = section.code.as_str();
        let mut view = SectionView {
            rules: SectionRules::from(section),
            state: section_state(section, candidate.facts(code)),
            missing: None,
            other_means: None,
            incomplete: None,
            files: files.remove(code).unwrap_or_default(),
        };
        match flags.remove(code) {
            Some(Flag::Missing(missing)) => view.missing = Some(missing),
            Some(Flag::OtherMeans(other)) => view.other_means = Some(other),
            Some(Flag::Incomplete(reason)) => view.incomplete = Some(reason),
            None => {}
        }
        view
    });
    let absent = candidate.absent.clone().filter(|_| candidate.status == CandidateStatus::Absent);
    Ok(CandidateView { row: row(candidate, component), absent, sections: sections.collect(), supporting })
}
