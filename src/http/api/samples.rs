//! Who I am, and what I can upload for or moderate.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::views::{
    AssessmentView, ComponentCard, Counts, Me, OrganisationView, Page, RoleView, SampleView, SectionRules,
};
use super::{candidates, lens, look, optional, page_size};
use crate::candidate::CandidateStatus;
use crate::completeness::CandidateState;
use crate::database::browse::{self, SampleFilter, SampleRow};
use crate::http::body::{Query, Segments};
use crate::http::error::ApiError;
use crate::http::identity::Caller;
use crate::ids::SampleId;
use crate::service::Service;
use crate::submission;

#[utoipa::path(get, path = "/api/v1/me", responses((status = 200, body = Me)))]
pub async fn me(caller: Caller) -> Json<Me> {
    let grants = &caller.actor.grants;
    let mut centres: BTreeSet<String> =
        grants.iter().filter_map(|grant| grant.centre.as_ref()).map(|centre| centre.to_string()).collect();
    centres.extend(caller.actor.allocations.iter().map(|allocation| allocation.centre.to_string()));
    let roles = grants.iter().map(|grant| RoleView {
        role: grant.role.as_str().into(),
        organisation: grant.organisation.as_ref().map(ToString::to_string),
        centre: grant.centre.as_ref().map(ToString::to_string),
        component: grant.component.as_ref().map(ToString::to_string),
    });
    Json(Me {
        id: caller.person().to_string(),
        name: caller.actor.name.clone(),
        roles: roles.collect(),
        centres: centres.into_iter().collect(),
        csrf: caller.session.as_ref().map(|session| session.csrf.clone()),
    })
}

#[utoipa::path(get, path = "/api/v1/organisations", responses((status = 200, body = Page<OrganisationView>)))]
pub async fn organisations(
    State(service): State<Arc<Service>>,
    caller: Caller,
) -> Result<Json<Page<OrganisationView>>, ApiError> {
    let rows = browse::organisations(&service.db, caller.person()).await?;
    let view = |row: browse::OrganisationRow| OrganisationView {
        id: row.id,
        name: row.name,
        time_zone: row.time_zone,
        accent: row.accent,
    };
    Ok(Json(Page::whole(rows.into_iter().map(view).collect())))
}

#[utoipa::path(get, path = "/api/v1/assessments", responses((status = 200, body = Page<AssessmentView>)))]
pub async fn assessments(
    State(service): State<Arc<Service>>,
    caller: Caller,
) -> Result<Json<Page<AssessmentView>>, ApiError> {
    let rows = browse::assessments(&service.db, caller.person()).await?;
    let view = |row: browse::AssessmentRow| AssessmentView {
        id: row.id,
        name: row.name,
        organisation: row.organisation,
        series: row.series,
        series_name: row.series_name,
    };
    Ok(Json(Page::whole(rows.into_iter().map(view).collect())))
}

/// What narrows a list of samples, and which page.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    component: Option<String>,
    centre: Option<String>,
    state: Option<String>,
    cursor: Option<String>,
    limit: Option<u32>,
}

impl Asked {
    fn filter(&self) -> Result<SampleFilter, ApiError> {
        Ok(SampleFilter {
            assessment: None,
            component: optional("component", self.component.as_deref())?,
            centre: optional("centre", self.centre.as_deref())?,
            state: optional("state", self.state.as_deref())?,
            after: optional("cursor", self.cursor.as_deref())?,
        })
    }
}

#[utoipa::path(get, path = "/api/v1/assessments/{assessment}/components",
    params(("assessment" = String, Path), Asked), responses((status = 200, body = Page<ComponentCard>)))]
pub async fn components(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Segments(assessment): Segments<String>,
    Query(asked): Query<Asked>,
) -> Result<Json<Page<ComponentCard>>, ApiError> {
    let assessment = assessment.parse().map_err(|_| ApiError::NotFound)?;
    let filter = SampleFilter { assessment: Some(assessment), ..asked.filter()? };
    let first = filter.after.is_none();
    let (rows, next_cursor) = page(&service, &caller, filter, asked.limit).await?;
    if rows.is_empty()
        && first
        && asked.component.is_none()
        && asked.centre.is_none()
        && asked.state.is_none()
    {
        return Err(ApiError::NotFound);
    }
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        let counts = counts(&service, &caller, &row).await?;
        items.push(card(row, counts));
    }
    Ok(Json(Page { items, next_cursor }))
}

fn card(row: SampleRow, counts: Counts) -> ComponentCard {
    let accepts: BTreeSet<&String> =
        row.component.sections.iter().flat_map(|section| &section.accepts).collect();
    ComponentCard {
        id: row.component.id.to_string(),
        title: row.component.title.clone(),
        sample: row.sample.id.to_string(),
        centre: row.sample.centre.to_string(),
        centre_name: row.centre_name,
        state: row.sample.state.as_str().into(),
        due_at: row.sample.dates.due_at,
        cut_off_at: row.sample.dates.cut_off_at,
        accepts: accepts.into_iter().cloned().collect(),
        counts,
    }
}

async fn page(
    service: &Service,
    caller: &Caller,
    filter: SampleFilter,
    limit: Option<u32>,
) -> Result<(Vec<SampleRow>, Option<String>), ApiError> {
    let limit = page_size(limit)?;
    let mut rows = browse::samples(&service.db, caller.person(), &filter, limit + 1).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(|row| row.sample.id.to_string());
    Ok((rows, next))
}

#[utoipa::path(get, path = "/api/v1/samples", params(Asked), responses((status = 200, body = Page<SampleView>)))]
pub async fn list(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Json<Page<SampleView>>, ApiError> {
    let (rows, next_cursor) = page(&service, &caller, asked.filter()?, asked.limit).await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        items.push(view(&service, &caller, row).await?);
    }
    Ok(Json(Page { items, next_cursor }))
}

#[utoipa::path(get, path = "/api/v1/samples/{sample}", params(("sample" = String, Path)),
    responses((status = 200, body = SampleView)))]
pub async fn one(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Segments(sample): Segments<SampleId>,
) -> Result<Json<SampleView>, ApiError> {
    let (row, _) = look(&service, &caller, sample).await?;
    Ok(Json(view(&service, &caller, row).await?))
}

async fn view(service: &Service, caller: &Caller, row: SampleRow) -> Result<SampleView, ApiError> {
    let counts = counts(service, caller, &row).await?;
    let SampleRow { sample, component, .. } = &row;
    Ok(SampleView {
        id: sample.id.to_string(),
        organisation: sample.organisation.to_string(),
        assessment: sample.assessment.to_string(),
        component: sample.component.to_string(),
        component_title: component.title.clone(),
        series: sample.series.to_string(),
        series_name: row.series_name.clone(),
        occasion: sample.occasion.clone(),
        centre: sample.centre.to_string(),
        centre_name: row.centre_name.clone(),
        state: sample.state.as_str().into(),
        revision: sample.revision,
        due_at: sample.dates.due_at,
        cut_off_at: sample.dates.cut_off_at,
        counts,
        sections: component.sections.iter().map(SectionRules::from).collect(),
        documents: component.documents.iter().map(SectionRules::from).collect(),
        supporting: component.supporting.as_ref().map(SectionRules::from),
        declarations: submission::built_in().map_err(ApiError::internal)?,
    })
}

/// The sample's counts, derived afresh: they always equal a recount.
pub async fn counts(service: &Service, caller: &Caller, row: &SampleRow) -> Result<Counts, ApiError> {
    let all = candidates::visible(service, caller, row.sample.id, lens(caller, row)?).await?;
    let mut counts = Counts::default();
    for candidate in &all {
        counts.files += candidate.files;
        counts.running += candidate.running;
        counts.problems += candidate.problems;
        if !candidate.in_sample || candidate.status != CandidateStatus::Entered {
            continue;
        }
        counts.candidates += 1;
        *match candidate.counter(&row.component).state {
            CandidateState::Complete => &mut counts.complete,
            CandidateState::CompleteWithMissing => &mut counts.complete_with_missing,
            CandidateState::InProgress => &mut counts.in_progress,
            CandidateState::NotStarted => &mut counts.not_started,
        } += 1;
    }
    Ok(counts)
}
