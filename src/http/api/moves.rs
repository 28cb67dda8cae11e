//! Moving an accepted file to another section or candidate of its sample, without sending it again.
//!
//! The new place's rules are those of creation, and the file gets the unique name of its new place; the stamp stays,
//! for it says when the last byte came. The name is in the object's key, so the bytes are copied within the store
//! between two transactions: the first decides and announces the copy as something to discard, the second decides
//! again and keeps it. A crash in between leaves a copy that the sweeper removes.

use std::sync::Arc;

use axum::Json as Answered;
use axum::extract::State;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::files::{find, source_open};
use super::flags::open;
use super::may;
use super::views::FileView;
use crate::actor::Action;
use crate::candidate::{CandidateNumber, CandidateStatus};
use crate::check;
use crate::component::{Component, Section};
use crate::database::audit::{self, By, Entry};
use crate::database::files::PlaceRef;
use crate::database::files_read::FileRow;
use crate::database::flags::{self, FlagPlace};
use crate::database::moves::{self, COPIED_WITHIN, Movable, Moved};
use crate::database::{DatabaseError, Tx, samples};
use crate::evidence::{FileState, Place, Reason, SUPPORTING, UniqueName};
use crate::http::body::{Json, Segments};
use crate::http::error::ApiError;
use crate::http::identity::Caller;
use crate::http::layers::RequestId;
use crate::ids::FileId;
use crate::object_store::{ObjectKey, ObjectVersion};
use crate::sample::{Sample, Timeliness};
use crate::service::Service;
use crate::upload::room::{self, NoRoom, Parts, Slot};

/// How long the object under the old name stays: for a download that has begun.
const LEFT_FOR: SignedDuration = SignedDuration::from_hours(1);

/// Where to.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Where {
    #[schema(value_type = String)]
    pub candidate: CandidateNumber,
    /// A section's code, or `Supporting`.
    pub section: String,
}

impl Where {
    fn place(&self) -> Result<Place, ApiError> {
        let candidate = self.candidate.clone();
        if self.section == SUPPORTING {
            return Ok(Place::Supporting { candidate });
        }
        let section = self.section.parse().map_err(|_| ApiError::NotFound)?;
        Ok(Place::Section { candidate, section })
    }
}

/// Gives an accepted file another place; the answer is the file there, under its new unique name.
#[utoipa::path(post, path = "/api/v1/files/{file}/move", params(("file" = String, Path)), request_body = Where,
    responses((status = 200, body = FileView), (status = 409), (status = 413), (status = 422)))]
pub async fn post(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: RequestId,
    Segments(file): Segments<FileId>,
    Json(to): Json<Where>,
) -> Result<Answered<FileView>, ApiError> {
    relocated(&service, &caller, &request, file, &to).await?;
    let moved = find(&service, &caller, file).await?;
    Ok(Answered(FileView::of(moved, service.clock.now())))
}

/// Gives an accepted file another place. It may be there already.
pub async fn relocated(
    service: &Service,
    caller: &Caller,
    request: &RequestId,
    file: FileId,
    to: &Where,
) -> Result<(), ApiError> {
    let row = find(service, caller, file).await?;
    may(service, caller, Action::ChangeWork, row.sample).await?;
    let place = to.place()?;
    let there = place.candidate().map(CandidateNumber::as_str) == row.candidate.as_deref()
        && place.section_word() == row.section;
    if there { Ok(()) } else { relocate(service, caller, request, &row, place).await }
}

async fn relocate(
    service: &Service,
    caller: &Caller,
    request: &RequestId,
    row: &FileRow,
    place: Place,
) -> Result<(), ApiError> {
    let mut tx = service.db.begin().await?;
    let ready = decided(&mut tx, service, caller, row, &place).await?;
    let extension = ready.file.name.extension();
    let parts = Parts {
        component: &ready.sample.component,
        centre: &ready.sample.centre,
        place: &ready.place,
        extension: extension.as_deref(),
        time_zone: &ready.time_zone,
        received_at: ready.received_at,
    };
    let name = room::take_name(&mut tx, row.id, &parts).await?;
    let key = ObjectKey::Evidence { sample: row.sample, file: row.id, name: name.clone() };
    let now = service.clock.now();
    moves::announce(&mut tx, &key, now.saturating_add(COPIED_WITHIN).unwrap_or(Timestamp::MAX)).await?;
    tx.commit().await?;

    let (old, version) = &ready.object;
    let version = service.store.promote(old, version, ready.file.crc32, &key).await?;

    let mut tx = service.db.begin().await?;
    let ready = decided(&mut tx, service, caller, row, &place).await?;
    if ready.object.0 != *old || !moves::keep(&mut tx, &key).await? {
        return Err(ApiError::PreconditionFailed);
    }
    let moved = Moved {
        file: row.id,
        place: ready.place(),
        name: &name,
        key: &key,
        version: &version,
        late: ready.late,
    };
    room::make(&mut tx, &ready.slot(), None, service.clock.now()).await?;
    moves::write(&mut tx, &moved).await?;
    let now = service.clock.now();
    moves::announce(&mut tx, old, now.saturating_add(LEFT_FOR).unwrap_or(Timestamp::MAX)).await?;
    record(&mut tx, now, caller, request, row, &ready, &name).await?;
    Ok(tx.commit().await?)
}

/// A move that may be made, as the locks hold it.
struct Ready {
    sample: Sample,
    time_zone: String,
    place: Place,
    /// Candidate id.
    candidate: String,
    rules: Section,
    file: Movable,
    object: (ObjectKey, ObjectVersion),
    received_at: Timestamp,
    late: bool,
}

impl Ready {
    fn place(&self) -> PlaceRef<'_> {
        PlaceRef {
            sample: self.sample.id,
            candidate: &self.candidate,
            kind: self.place.kind_word(),
            section: self.place.section_word(),
        }
    }

    fn slot(&self) -> Slot<'_> {
        Slot { place: self.place(), word: self.place.section_word(), max: self.rules.max }
    }
}

impl From<NoRoom> for ApiError {
    fn from(error: NoRoom) -> Self {
        match error {
            NoRoom::Full { max, files } => Self::SectionFull { limit: max, files },
            NoRoom::NothingToReplace => Self::NotFound,
            NoRoom::Database(error) => error.into(),
        }
    }
}

/// Locks sample, both places and file, in this order, and asks everything that can refuse the move.
async fn decided(
    tx: &mut Tx,
    service: &Service,
    caller: &Caller,
    row: &FileRow,
    place: &Place,
) -> Result<Ready, ApiError> {
    let now = service.clock.now();
    let locked = samples::lock_shared(tx, caller.person(), row.sample).await?;
    let (sample, component, time_zone) = locked.ok_or(ApiError::NotFound)?;
    source_open(tx, &sample, &component, row, now).await?;
    let number = place.candidate().ok_or(ApiError::NotFound)?;
    let rules = rules(&component, place).ok_or(ApiError::NotFound)?.clone();
    let entry = samples::candidate(tx, &sample, number).await?.ok_or(ApiError::NotFound)?;
    open(&sample, &component, &entry, now)?;
    if entry.status != CandidateStatus::Entered {
        return Err(ApiError::Absent);
    }
    if entry.dates.on_creation(now) == Timeliness::Closed {
        return Err(ApiError::Closed);
    }
    let candidate = entry.id.to_string();
    lock_places(tx, row, (&candidate, place.section_word())).await?;
    let file = moves::lock(tx, row.id).await?.ok_or(ApiError::NotFound)?;
    if (&file.candidate, &file.section) != (&row.candidate_id, &row.section) {
        return Err(ApiError::PreconditionFailed);
    }
    let (object, received_at) = match (file.state, &file.object, file.received_at) {
        (FileState::Accepted, Some(object), Some(received_at)) => (object.clone(), received_at),
        (state, ..) => return Err(ApiError::WrongState { state: state.to_string() }),
    };
    if moves::is_submitted(tx, row.id).await? {
        return Err(ApiError::FileSubmitted);
    }
    let files = moves::replacements(tx, row.id).await?;
    if !files.is_empty() {
        return Err(ApiError::RunningFiles { files });
    }
    let late = entry.dates.on_creation(file.created_at) == Timeliness::Late;
    let place = place.clone();
    let ready = Ready { sample, time_zone, place, candidate, rules, file, object, received_at, late };
    fits(&ready)?;
    if moves::twin(tx, ready.place(), &ready.file.sha256).await?.is_some() {
        let detail = "The same file is already there.".into();
        return Err(ApiError::Refused { reason: Reason::Duplicate, detail });
    }
    room::look(tx, &ready.slot(), now).await?;
    Ok(ready)
}

fn rules<'a>(component: &'a Component, place: &Place) -> Option<&'a Section> {
    match place {
        Place::Section { section, .. } => component.section(section),
        Place::Supporting { .. } => component.supporting.as_ref(),
        Place::Document { .. } => None,
    }
}

/// Locks where the file is and where it goes, in one order for everyone.
async fn lock_places(tx: &mut Tx, row: &FileRow, to: (&str, &str)) -> Result<(), DatabaseError> {
    let mut places = [(row.candidate_id.as_str(), row.section.as_str()), to];
    places.sort_unstable();
    for (candidate, section) in places {
        samples::lock_place(tx, row.sample, candidate, section).await?;
    }
    Ok(())
}

/// Name, type and size, by the new place's rules.
fn fits(ready: &Ready) -> Result<(), ApiError> {
    let Ready { file, rules, .. } = ready;
    let kind = check::check_name(&file.name, rules)
        .map_err(|refusal| ApiError::Refused { reason: refusal.reason, detail: refusal.detail })?;
    let limit = rules.max_bytes.min(kind.max_bytes);
    if file.size > limit {
        return Err(ApiError::TooLarge { limit });
    }
    if file.unscanned && !rules.allow_unscannable {
        let detail = "It was not virus checked, and this section takes only what was.".into();
        return Err(ApiError::Refused { reason: Reason::Unscannable, detail });
    }
    Ok(())
}

async fn record(
    tx: &mut Tx,
    now: Timestamp,
    caller: &Caller,
    request: &RequestId,
    row: &FileRow,
    ready: &Ready,
    name: &UniqueName,
) -> Result<(), ApiError> {
    let (request, section) = (request.to_string(), ready.place.section_word());
    let from = json!({
        "candidate": ready.file.candidate,
        "section": ready.file.section,
        "unique_name": ready.file.unique_name,
    });
    let moved = Entry {
        sample: Some(row.sample),
        candidate: &ready.candidate,
        section,
        file: Some(row.id),
        detail: json!({ "from": from, "unique_name": name, "late": ready.late }),
        request: &request,
        ..Entry::new(By::Person(caller.person()), "file.moved")
    };
    audit::record(tx, now, moved.clone()).await?;
    let place = FlagPlace { sample: row.sample, candidate: &ready.candidate, section };
    if ready.place.kind_word() == "evidence"
        && let Some(gone) = flags::overtaken(tx, place, ready.rules.needed()).await?
    {
        audit::record(tx, now, Entry { action: gone.cleared(), detail: json!({}), ..moved }).await?;
    }
    Ok(())
}
