//! Plans of many files: names and sizes come, and for each file the answer says where it would go and why not. Nothing
//! moves before its person has seen that and started it; then uploads name the file of the plan they are for.
//!
//! A plan is read anew against what is there now whenever it is looked at: somebody else may have uploaded meanwhile.

mod views;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use axum::Json as Answered;
use axum::extract::{Request, State};
use http::{HeaderName, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

pub use views::{LeftOutView, PlanCounts, PlanSummary, PlanView, PlannedView, UploadView};

use super::views::Page;
use super::{may, page_size};
use crate::actor::{Action, PersonId, decide};
use crate::bulk::{
    self, Choice, Doubt, Filing, Ground, Held, Item, Naming, Obstacle, Pattern, Person, Planned, Preset,
    Roll, Standing, Target, Unfiled,
};
use crate::candidate::{CandidateNumber, CandidateStatus};
use crate::check;
use crate::component::Component;
use crate::database::audit::{self, By, Entry};
use crate::database::browse::SampleRow;
use crate::database::plans::{self, Chosen, NewPlanned, PlanRow, PlannedRow};
use crate::database::samples;
use crate::evidence::{FileKind, FileState, OriginalName, PAUSED_AFTER, Reason};
use crate::http::body::{Json, Query, Segments, read_json};
use crate::http::error::ApiError;
use crate::http::identity::Caller;
use crate::http::layers::RequestId;
use crate::ids::{PlanId, PlannedId, SampleId};
use crate::sample::{Sample, SampleState, Timeliness};
use crate::service::Service;

/// Files of a plan.
pub const MOST_FILES: usize = 5_000;
/// The largest body that brings a plan, bytes.
pub const PLAN_LIMIT: usize = 4 << 20;
/// Plans that a person may have at once.
const MOST_PLANS: u64 = 50;
/// Longest name and folder that are looked at, bytes; one that is too long to be kept is refused by itself.
const LONGEST: usize = 4_096;
/// How long a plan waits to be started; and one that is started, for what of it is not filed.
const WAITS: SignedDuration = SignedDuration::from_hours(24);
const WAITS_STARTED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Many files, before any of them is sent.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPlan {
    /// At most 5,000.
    pub files: Vec<NewFile>,
    /// A pattern of names: `{centre}_{candidate}_{component}_{section}[_{rest}].{ext}`.
    #[serde(default)]
    pub template: Option<String>,
    /// `component` (as its definition says), `folders`, `candidate_prefix`, `unique`, `aqa`, `pearson` or
    /// `cambridge`. Without, and without a template: as the definition says; by folder, where no name says anything so and
    /// folders do.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub preset: Option<bulk::Preset>,
    /// The section of all files, where their names do not say it: its code, or `Supporting`.
    #[serde(default)]
    pub section: Option<String>,
}

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFile {
    pub name: String,
    /// Its folder, parts joined by `/`.
    #[serde(default)]
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// When it was last changed, as the sender writes it.
    #[serde(default)]
    pub modified: Option<String>,
}

/// What a person chose, each for some files.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Choices {
    pub choices: Vec<OneChoice>,
}

/// With neither candidates nor section nor `leave_out`, what was chosen before is taken back.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OneChoice {
    /// Ids of planned files.
    #[schema(value_type = Vec<String>)]
    pub files: Vec<PlannedId>,
    /// Whose they are; empty: as the name says.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub candidates: Vec<CandidateNumber>,
    /// A section's code, or `Supporting`; without: as the name says.
    #[serde(default)]
    pub section: Option<String>,
    /// Not to be sent.
    #[serde(default)]
    pub leave_out: bool,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// `ready`, `replaces`, `unfiled`, `refused`, `already_here`, `left_out` or `begun`.
    state: Option<String>,
    cursor: Option<String>,
    limit: Option<u32>,
}

/// Plans files by their names, sizes and folders. Nothing of them is sent or stored.
#[utoipa::path(post, path = "/api/v1/samples/{sample}/bulk_plans", params(("sample" = String, Path)),
    request_body = NewPlan, responses((status = 201, body = PlanView), (status = 400), (status = 409), (status = 413)))]
pub async fn post(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Segments(sample): Segments<SampleId>,
    request: Request,
) -> Result<(StatusCode, [(HeaderName, String); 1], Answered<PlanView>), ApiError> {
    may(&service, &caller, Action::ChangeWork, sample).await?;
    let new: NewPlan = read_json(request, PLAN_LIMIT).await?;
    let plan = create(&service, &caller, sample, new).await?;
    let location = format!("/api/v1/bulk_plans/{plan}");
    let seen = look(&service, &caller, plan).await?;
    let view = seen.view(&Asked::default())?;
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Answered(view)))
}

/// The caller's plans for a sample, newest first.
#[utoipa::path(get, path = "/api/v1/samples/{sample}/bulk_plans", params(("sample" = String, Path)),
    responses((status = 200, body = Page<PlanSummary>)))]
pub async fn list(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Segments(sample): Segments<SampleId>,
) -> Result<Answered<Page<PlanSummary>>, ApiError> {
    may(&service, &caller, Action::ChangeWork, sample).await?;
    let rows = plans::list(&service.db, caller.person(), Some(sample), service.clock.now()).await?;
    Ok(Answered(Page::whole(rows.iter().map(PlanSummary::of).collect())))
}

/// A plan as it stands now, with one page of its files. Theirs alone who made it.
#[utoipa::path(get, path = "/api/v1/bulk_plans/{plan}", params(("plan" = String, Path), Asked),
    responses((status = 200, body = PlanView), (status = 404)))]
pub async fn get(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Segments(plan): Segments<PlanId>,
    Query(asked): Query<Asked>,
) -> Result<Answered<PlanView>, ApiError> {
    Ok(Answered(look(&service, &caller, plan).await?.view(&asked)?))
}

/// Says where files go whose names do not, or that they stay out.
#[utoipa::path(patch, path = "/api/v1/bulk_plans/{plan}", params(("plan" = String, Path)), request_body = Choices,
    responses((status = 200, body = PlanView), (status = 400), (status = 404), (status = 409)))]
pub async fn patch(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Segments(plan): Segments<PlanId>,
    Json(choices): Json<Choices>,
) -> Result<Answered<PlanView>, ApiError> {
    choose(&service, &caller, plan, choices.choices).await?;
    Ok(Answered(look(&service, &caller, plan).await?.view(&Asked::default())?))
}

/// Confirms what is ready. The answer's files are all that are to be sent now: create an upload of each at its first
/// candidate and section, with `plan` = the planned file's id in its metadata, and the other candidates, joined by `+`,
/// as `shared_with`. A plan may be started again for what was settled later.
#[utoipa::path(post, path = "/api/v1/bulk_plans/{plan}/start", params(("plan" = String, Path)),
    responses((status = 200, body = PlanView), (status = 404), (status = 409)))]
pub async fn start(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Segments(plan): Segments<PlanId>,
) -> Result<Answered<PlanView>, ApiError> {
    let seen = begin(&service, &caller, &request, plan).await?;
    Ok(Answered(seen.targets()))
}

/// Forgets a plan. Uploads that were begun go on.
#[utoipa::path(delete, path = "/api/v1/bulk_plans/{plan}", params(("plan" = String, Path)),
    responses((status = 204), (status = 404)))]
pub async fn delete(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Segments(plan): Segments<PlanId>,
) -> Result<StatusCode, ApiError> {
    discard(&service, &caller, plan).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A plan, and what becomes of each of its files now.
#[derive(Debug)]
pub struct Seen {
    pub row: PlanRow,
    pub sample: SampleRow,
    pub files: Vec<PlannedRow>,
    /// One a file.
    pub planned: Vec<Planned>,
    pub left_out: Vec<bulk::LeftOut>,
    /// Number and name of everyone entered.
    pub people: Vec<(CandidateNumber, String)>,
}

/// Makes a plan of these files.
pub async fn create(
    service: &Service,
    caller: &Caller,
    sample: SampleId,
    new: NewPlan,
) -> Result<PlanId, ApiError> {
    let found = may(service, caller, Action::ChangeWork, sample).await?;
    let unsaid = new.preset.is_none() && new.template.is_none() && new.section.is_none();
    let mut naming = naming(&found.component, new.preset, new.template.as_deref(), new.section.as_deref())?;
    let count = new.files.len();
    if count > MOST_FILES {
        return Err(ApiError::TooManyFiles { limit: MOST_FILES as u64 });
    }
    if count == 0 {
        return Err(ApiError::invalid("files", "name at least one file"));
    }
    let files = new.files.into_iter().enumerate();
    let files = files.map(|(at, file)| told(at, file)).collect::<Result<Vec<_>, _>>()?;
    if unsaid {
        let ground = ground(service, caller.person(), &found.sample, &found.component).await?;
        let by_name = naming.pattern(&found.component).map_err(ApiError::internal)?;
        let read = |pattern| {
            let ground = &ground;
            files.iter().map(move |file| ground.roll.file(pattern, &file.path, &file.name))
        };
        // A doubt is something that is said, too.
        let silent = read(&by_name).all(|filing| {
            matches!(filing, Filing::Unfiled(Unfiled { doubt: Doubt::Pattern, candidates, .. }) if candidates.is_empty())
        });
        if silent && read(&Pattern::Folders).any(|filing| matches!(filing, Filing::Filed { .. })) {
            naming.preset = Preset::Folders;
        }
    }
    let now = service.clock.now();
    let mut tx = service.db.begin().await?;
    let locked = samples::lock_shared(&mut tx, caller.person(), sample).await?;
    let (sample, ..) = locked.ok_or(ApiError::NotFound)?;
    if sample.state == SampleState::Submitted {
        return Err(ApiError::Submitted);
    }
    if plans::count(&mut tx, caller.person(), now).await? >= MOST_PLANS {
        return Err(ApiError::PlansFull { limit: MOST_PLANS });
    }
    let row = PlanRow {
        id: PlanId::new(),
        sample: sample.id,
        naming,
        created_at: now,
        expires_at: later(now, WAITS),
        started_at: None,
        files: u32::try_from(count).unwrap_or(u32::MAX),
    };
    plans::insert(&mut tx, caller.person(), &row, &files).await?;
    tx.commit().await?;
    Ok(row.id)
}

/// How names are read, of what was asked for.
pub fn naming(
    component: &Component,
    preset: Option<bulk::Preset>,
    template: Option<&str>,
    section: Option<&str>,
) -> Result<Naming, ApiError> {
    let template = template.filter(|text| !text.is_empty()).map(str::parse).transpose();
    let template: Option<bulk::Template> =
        template.map_err(|error: bulk::InvalidTemplate| ApiError::invalid("template", error.to_string()))?;
    let section = section.filter(|code| !code.is_empty()).map(str::to_owned);
    let naming = Naming { preset: preset.unwrap_or_default(), template, section };
    match naming.pattern(component) {
        Ok(_) => Ok(naming),
        Err(error) => Err(ApiError::invalid(error.field(), error.to_string())),
    }
}

fn told(at: usize, file: NewFile) -> Result<NewPlanned, ApiError> {
    let field = |name: &str| format!("files[{at}].{name}");
    let whole = |name: &str, text: &str| match text {
        text if text.len() > LONGEST => {
            Err(ApiError::invalid(field(name), format!("at most {LONGEST} bytes")))
        }
        text if text.contains('\0') => Err(ApiError::invalid(field(name), "a NUL is in no name")),
        _ => Ok(()),
    };
    whole("name", &file.name)?;
    whole("path", &file.path)?;
    if i64::try_from(file.size).is_err() {
        return Err(ApiError::invalid(field("size"), "no file is as large"));
    }
    let modified = file.modified.unwrap_or_default();
    if modified.len() > 64 || modified.chars().any(char::is_control) {
        return Err(ApiError::invalid(field("modified"), "a time, as 2026-05-15T12:00:00Z"));
    }
    Ok(NewPlanned { name: file.name, path: file.path, size: file.size, modified })
}

fn later(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

/// A plan, read anew. `NotFound` unless it is the caller's.
pub async fn look(service: &Service, caller: &Caller, plan: PlanId) -> Result<Seen, ApiError> {
    let row = find(service, caller.person(), plan).await?;
    let sample = may(service, caller, Action::ChangeWork, row.sample).await?;
    let files = plans::files(&service.db, plan).await?;
    let (planned, left_out, people) = {
        let ground = ground(service, caller.person(), &sample.sample, &sample.component).await?;
        let pattern = row.naming.pattern(&sample.component).map_err(ApiError::internal)?;
        let planned = read(&ground, &pattern, &files);
        let left_out = bulk::left_out(&ground, &planned);
        (planned, left_out, ground.people.into_iter().map(|one| (one.number, one.name)).collect())
    };
    Ok(Seen { row, sample, files, planned, left_out, people })
}

async fn find(service: &Service, person: &PersonId, plan: PlanId) -> Result<PlanRow, ApiError> {
    plans::find(&service.db, person, plan, service.clock.now()).await?.ok_or(ApiError::NotFound)
}

fn read(ground: &Ground<'_>, pattern: &Pattern, files: &[PlannedRow]) -> Vec<Planned> {
    let choices: Vec<Choice> = files.iter().map(|file| choice(ground.component, file)).collect();
    let begun: Vec<_> = files.iter().map(|file| begun(ground.component, file)).collect();
    let items: Vec<Item<'_>> = files
        .iter()
        .zip(&choices)
        .zip(&begun)
        .map(|((file, choice), begun)| Item {
            name: &file.name,
            path: &file.path,
            size: file.size,
            choice,
            begun: begun.as_ref().map(|(candidates, target)| (candidates.as_slice(), target)),
        })
        .collect();
    bulk::plan(ground, pattern, &items, check_name)
}

/// What a plan would make of these folders and names, whatever their size. Nothing is kept.
pub async fn tried(
    service: &Service,
    person: &PersonId,
    sample: &Sample,
    component: &Component,
    pattern: &Pattern,
    names: &[(String, String)],
) -> Result<Vec<Planned>, ApiError> {
    let ground = ground(service, person, sample, component).await?;
    let choice = Choice::default();
    let items: Vec<Item<'_>> =
        names.iter().map(|(path, name)| Item { name, path, size: 1, choice: &choice, begun: None }).collect();
    Ok(bulk::plan(&ground, pattern, &items, check_name))
}

fn check_name(name: &OriginalName, rules: &crate::component::Section) -> Result<FileKind, (Reason, String)> {
    check::check_name(name, rules).map_err(|refusal| (refusal.reason, refusal.detail))
}

fn choice(component: &Component, file: &PlannedRow) -> Choice {
    let target = (!file.section.is_empty()).then(|| Target::of(component, &file.section)).flatten();
    Choice { candidates: file.candidates.clone(), target, leave_out: file.leave_out }
}

/// Where its upload was begun, and for whom.
fn begun(component: &Component, file: &PlannedRow) -> Option<(Vec<CandidateNumber>, Target)> {
    let upload = file.upload.as_ref()?;
    let mut candidates = vec![upload.candidate.clone()];
    candidates.extend(upload.shared_with.iter().map(|share| share.number.clone()));
    Some((candidates, Target::of(component, &upload.section)?))
}

/// What files of a sample are set against now.
pub async fn ground<'a>(
    service: &Service,
    person: &PersonId,
    sample: &Sample,
    component: &'a Component,
) -> Result<Ground<'a>, ApiError> {
    let now = service.clock.now();
    let people = plans::people(&service.db, person, sample).await?;
    let silent = now.checked_sub(PAUSED_AFTER).unwrap_or(Timestamp::MIN);
    let mut held: HashMap<(CandidateNumber, Target), Vec<Held>> = HashMap::new();
    let mut files: HashMap<CandidateNumber, u32> = HashMap::new();
    for row in plans::held(&service.db, person, sample.id).await? {
        let Some(target) = Target::of(component, &row.section) else { continue };
        let how = match (row.state, row.last_byte_at) {
            (FileState::Accepted, _) => Standing::Accepted,
            (_, Some(last)) if last < silent => Standing::Silent,
            (_, Some(_)) => Standing::Open,
            (_, None) => Standing::Checking,
        };
        *files.entry(row.number.clone()).or_default() += 1;
        let one = Held { file: row.file, name: row.name, size: row.size, how };
        held.entry((row.number, target)).or_default().push(one);
    }
    let names = people.iter().map(|row| (&row.number, row.name.as_str()));
    let roll = Roll::new(&sample.centre, component, names);
    let people = people
        .into_iter()
        .map(|row| Person {
            obstacle: obstacle(sample, component, &row, now),
            counts: row.in_sample && row.status == CandidateStatus::Entered,
            files: files.get(&row.number).copied().unwrap_or_default(),
            number: row.number,
            name: row.name,
        })
        .collect();
    Ok(Ground { component, roll, people, held })
}

/// What an upload for the candidate would be refused for, whatever it is.
fn obstacle(
    sample: &Sample,
    component: &Component,
    row: &plans::PersonRow,
    now: Timestamp,
) -> Option<Obstacle> {
    if sample.state == SampleState::Returned && !row.returned {
        return Some(Obstacle::NotReturned);
    }
    if row.status != CandidateStatus::Entered {
        return Some(Obstacle::Absent);
    }
    if !row.in_sample && !component.early_upload {
        return Some(Obstacle::NotInSample);
    }
    (row.dates.on_creation(now) == Timeliness::Closed).then_some(Obstacle::Closed)
}

/// Writes what a person chose.
pub async fn choose(
    service: &Service,
    caller: &Caller,
    plan: PlanId,
    choices: Vec<OneChoice>,
) -> Result<(), ApiError> {
    let row = find(service, caller.person(), plan).await?;
    let found = may(service, caller, Action::ChangeWork, row.sample).await?;
    let people = plans::people(&service.db, caller.person(), &found.sample).await?;
    let known: HashSet<&CandidateNumber> = people.iter().map(|person| &person.number).collect();
    let mut tx = service.db.begin().await?;
    for (at, choice) in choices.into_iter().enumerate() {
        let field = |name: &str| format!("choices[{at}].{name}");
        if let Some(stranger) = choice.candidates.iter().find(|number| !known.contains(number)) {
            return Err(ApiError::invalid(field("candidates"), format!("{stranger} is not entered here")));
        }
        let section = choice.section.unwrap_or_default();
        if !section.is_empty() && Target::of(&found.component, &section).is_none() {
            return Err(ApiError::invalid(field("section"), format!("there is no section {section:?}")));
        }
        let positions: HashSet<u32> = choice.files.iter().map(|file| file.position).collect();
        let here = choice.files.iter().all(|file| file.plan == plan && file.position < row.files);
        if !here || positions.is_empty() {
            return Err(ApiError::invalid(field("files"), "name files of this plan"));
        }
        let positions: Vec<u32> = positions.into_iter().collect();
        let chosen = Chosen { candidates: choice.candidates, section, leave_out: choice.leave_out };
        if plans::choose(&mut tx, plan, &positions, &chosen).await? != positions.len() as u64 {
            return Err(ApiError::WrongState { state: "begun".into() });
        }
    }
    Ok(tx.commit().await?)
}

/// Confirms what is ready of a plan; the plan as it is now.
pub async fn begin(
    service: &Service,
    caller: &Caller,
    request: &RequestId,
    plan: PlanId,
) -> Result<Seen, ApiError> {
    let mut seen = look(service, caller, plan).await?;
    let now = service.clock.now();
    let mut tx = service.db.begin().await?;
    let locked = samples::lock_shared(&mut tx, caller.person(), seen.row.sample).await?;
    let (sample, component, _) = locked.ok_or(ApiError::NotFound)?;
    decide(&caller.actor, Action::ChangeWork, &sample, &component)?;
    if sample.state == SampleState::Submitted {
        return Err(ApiError::Submitted);
    }
    let ready = seen.planned.iter().filter(|planned| matches!(planned, Planned::Ready { .. })).count();
    let unfiled = seen.planned.iter().any(|planned| matches!(planned, Planned::Unfiled { .. }));
    let expires_at = later(now, if unfiled { WAITS_STARTED } else { WAITS });
    if !plans::start(&mut tx, plan, now, expires_at).await? {
        return Err(ApiError::NotFound);
    }
    let request = request.to_string();
    let entry = Entry {
        sample: Some(sample.id),
        detail: json!({ "plan": plan, "files": seen.files.len(), "ready": ready, "naming": seen.row.naming }),
        request: &request,
        ..Entry::new(By::Person(caller.person()), "bulk.started")
    };
    audit::record(&mut tx, now, entry).await?;
    tx.commit().await?;
    seen.row.started_at.get_or_insert(now);
    seen.row.expires_at = expires_at;
    Ok(seen)
}

/// Forgets a plan.
pub async fn discard(service: &Service, caller: &Caller, plan: PlanId) -> Result<SampleId, ApiError> {
    let row = find(service, caller.person(), plan).await?;
    may(service, caller, Action::ChangeWork, row.sample).await?;
    let mut tx = service.db.begin().await?;
    plans::delete(&mut tx, plan).await?;
    tx.commit().await?;
    Ok(row.sample)
}

impl Asked {
    fn size(&self) -> Result<usize, ApiError> {
        Ok(page_size(self.limit)? as usize)
    }
}
