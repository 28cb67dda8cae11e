//! Creating an upload: everything that can refuse it does so before a byte is read.

use jiff::Timestamp;

use super::concatenate::{self, Concatenation};
use super::room::{self, Slot};
use super::{CreateError, Inner, Lease, RunningDigest, Uploads, sharers};
use crate::actor::{Action, Actor, Denied, decide};
use crate::candidate::{CandidateNumber, CandidateStatus};
use crate::check;
use crate::component::{Component, Section};
use crate::database::Tx;
use crate::database::audit::{self, By, Entry};
use crate::database::files::{self, NewFile, PlaceRef};
use crate::database::plans::{self, Begun};
use crate::database::shares::{self, NewShares};
use crate::database::uploads::{self, UploadRow};
use crate::database::{partials, samples};
use crate::evidence::{FileState, OriginalName, Place, RelativePath, SectionCode, Sha256Digest};
use crate::ids::{FileId, PlannedId, SampleId};
use crate::object_store::Staged;
use crate::sample::{Dates, Sample, SampleState, Timeliness};

/// Where the sender wants the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    Place(Place),
    /// A sample document whose code was not given: right when the component has one kind only.
    OnlyDocument,
}

/// A file about to be sent.
#[derive(Clone, Debug)]
pub struct Creation {
    pub sample: SampleId,
    pub wanted: Wanted,
    pub name: OriginalName,
    pub path: RelativePath,
    /// As declared; recorded, never trusted.
    pub declared_type: Option<String>,
    /// Last change of the file at the sender's, as they write it.
    pub modified: Option<String>,
    /// Bytes; `None` to say later.
    pub length: Option<u64>,
    /// What the sender says the whole is.
    pub sha256: Option<Sha256Digest>,
    /// An accepted file of the same place that this one takes the place of, once it is accepted itself.
    pub replaces: Option<FileId>,
    /// Further candidates, who get a copy of it in the same section once it is accepted.
    pub shared_with: Vec<CandidateNumber>,
    /// The file of a plan that this one is.
    pub planned: Option<PlannedId>,
    /// `Upload-Metadata`, to be given back byte for byte.
    pub metadata: String,
    /// Set when the file is put together from partial uploads; the length is theirs then.
    pub concatenation: Option<Concatenation>,
    /// The dialect that asks, by a name of its own: a request on the upload that names none is answered in this one.
    pub dialect: &'static str,
}

/// An upload that may begin.
#[derive(Clone, Debug)]
pub struct Created {
    pub file: FileId,
    /// The most bytes it may have.
    pub max_length: u64,
    pub expires_at: Timestamp,
}

/// The place of a new file, with its rules.
pub(super) struct Target<'a> {
    pub place: Place,
    pub rules: &'a Section,
    /// Candidate id, or `""`.
    pub candidate: String,
    pub dates: Dates,
}

impl Target<'_> {
    fn slot<'a>(&'a self, sample: &Sample) -> Slot<'a> {
        let place = PlaceRef {
            sample: sample.id,
            candidate: &self.candidate,
            kind: self.place.kind_word(),
            section: section_column(self),
        };
        Slot { place, word: self.place.section_word(), max: self.rules.max }
    }
}

impl Uploads {
    /// Makes an upload, or says why not.
    pub async fn create(
        &self,
        actor: &Actor,
        creation: &Creation,
        request: &str,
    ) -> Result<Created, CreateError> {
        if let Some(made) = self.made_before(actor, creation).await? {
            return Ok(made);
        }
        match self.insert(actor, creation, request, false).await {
            // By the same request, perhaps, which came at the same time.
            Err(CreateError::PartialTaken) => {
                self.made_before(actor, creation).await?.ok_or(CreateError::PartialTaken)
            }
            inserted => Ok(inserted?.0),
        }
    }

    /// Makes an upload whose first bytes come along, and takes its lease in the same transaction.
    pub async fn create_held(
        &self,
        actor: &Actor,
        creation: &Creation,
        request: &str,
    ) -> Result<(Created, Box<Lease>), CreateError> {
        let place = self.inner.place().ok_or(CreateError::Crowded)?;
        let (created, row) = self.insert(actor, creation, request, true).await?;
        let mut lease = self.hold(row, RunningDigest::default());
        lease.place = Some(place);
        Ok((created, lease))
    }

    async fn insert(
        &self,
        actor: &Actor,
        creation: &Creation,
        request: &str,
        held: bool,
    ) -> Result<(Created, UploadRow), CreateError> {
        let inner = &self.inner;
        let now = inner.clock.now();
        let mut tx = inner.db.begin().await?;
        let found = samples::lock_shared(&mut tx, &actor.person, creation.sample).await?;
        let (sample, component, _) = found.ok_or(CreateError::Unknown { what: "sample" })?;
        decide(actor, Action::ChangeWork, &sample, &component).map_err(|denied| match denied {
            Denied::Unknown => CreateError::Unknown { what: "sample" },
            Denied::Forbidden => CreateError::Forbidden,
        })?;
        let target = target(&mut tx, &sample, &component, &creation.wanted).await?;
        let taken = concatenate::take(&mut tx, actor, creation, &sample, &target).await?;
        let creation = &*taken.creation;
        let begun = taken.begun.filter(|_| now < target.dates.closed_at()).unwrap_or(now);
        let late = match target.dates.on_creation(begun) {
            Timeliness::Closed => return Err(CreateError::Closed { at: target.dates.cut_off_at }),
            Timeliness::Late => true,
            Timeliness::OnTime => false,
        };
        let limit = limit(creation, target.rules)?;
        let files = 1 + creation.shared_with.len() as u64;
        inner.admit(&mut tx, &sample.centre, files, creation.length.unwrap_or(0)).await?;
        let times = (begun, now);
        let sharers = sharers::named(&mut tx, &sample, &component, &target, creation, times).await?;
        let slot = target.slot(&sample);
        samples::lock_place(&mut tx, sample.id, slot.place.candidate, slot.place.section).await?;
        let displaced = room::make(&mut tx, &slot, creation.replaces, now).await?;

        let file = FileId::new();
        files::insert(&mut tx, &new_file(file, &sample, &target, creation, actor, now, late)).await?;
        let new = NewShares {
            file,
            sample: sample.id,
            place: &target.place,
            person: &actor.person,
            begun_at: begun,
            candidates: &sharers,
        };
        shares::insert(&mut tx, &new).await?;
        if let Some(planned) = creation.planned {
            if target.candidate.is_empty() {
                // A plan has no documents.
                return Err(CreateError::NotAsPlanned);
            }
            let told = (file, creation.name.as_str(), creation.length);
            match plans::begin(&mut tx, &actor.person, sample.id, planned, told, now).await? {
                Begun::Done => {}
                Begun::Unknown => return Err(CreateError::Unknown { what: "plan" }),
                Begun::Differs => return Err(CreateError::NotAsPlanned),
            }
        }
        let expires_at = inner.expiry(now, now, target.dates.closed_at());
        let row = UploadRow {
            file,
            state: FileState::Created,
            epoch: i64::from(held),
            length: creation.length,
            max_length: limit,
            staged: Staged {
                part_size: match creation.concatenation {
                    Some(_) => 0,
                    None => inner.store.part_size(creation.length.unwrap_or(limit)),
                },
                ..Staged::default()
            },
            digest: RunningDigest::default().state(),
            metadata: creation.metadata.clone(),
            dialect: creation.dialect.to_owned(),
            concat: creation.concatenation.as_ref().map(|concatenation| concatenation.header.clone()),
            client_sha256: creation.sha256,
            created_at: now,
            expires_at,
            holder: held.then(|| inner.node.clone()),
        };
        uploads::insert(&mut tx, &row, inner.lease_micros()).await?;
        concatenate::attach(&mut tx, file, creation).await?;
        let entry = Entry {
            sample: Some(sample.id),
            candidate: &target.candidate,
            section: target.place.section_word(),
            file: Some(file),
            detail: concatenate::told(creation, &sharers),
            request,
            ..Entry::new(By::Person(&actor.person), "file.created")
        };
        audit::record(&mut tx, now, entry).await?;
        tx.commit().await?;
        fail::fail_point!("upload::created");
        // A file of no bytes is whole: the sweep takes its last step.
        if displaced > 0 || creation.length == Some(0) {
            inner.ended.notify_one();
        }
        if creation.concatenation.is_some() {
            inner.unjoined.notify_one();
        }
        Ok((Created { file, max_length: limit, expires_at }, row))
    }
}

impl Inner {
    /// The end of the sample (or of the candidate's extension) a file belongs to, or a partial by its address; one
    /// without belongs to none.
    pub(super) async fn closes(&self, file: FileId) -> Result<Timestamp, crate::database::DatabaseError> {
        let closes = match files::closes_at(&self.db, file).await? {
            None => partials::closes_at(&self.db, file).await?,
            known => known,
        };
        Ok(closes.unwrap_or(Timestamp::MAX))
    }
}

pub(super) async fn target<'a>(
    tx: &mut Tx,
    sample: &Sample,
    component: &'a Component,
    wanted: &Wanted,
) -> Result<Target<'a>, CreateError> {
    let unknown = |what| CreateError::Unknown { what };
    if sample.state == SampleState::Submitted {
        return Err(CreateError::Submitted);
    }
    let place = match wanted {
        Wanted::Place(place) => place.clone(),
        Wanted::OnlyDocument => Place::Document { document: only_document(component)? },
    };
    let rules = match &place {
        Place::Section { section, .. } => component.section(section).ok_or(unknown("section"))?,
        Place::Supporting { .. } => component.supporting.as_ref().ok_or(unknown("section"))?,
        Place::Document { document } => component.document(document).ok_or(unknown("document"))?,
    };
    let Some(number) = place.candidate() else {
        if sample.state == SampleState::Returned && !samples::wholly_returned(tx, sample.id).await? {
            return Err(CreateError::NotReturned);
        }
        return Ok(Target { rules, candidate: String::new(), dates: sample.dates, place });
    };
    let entry = samples::candidate(tx, sample, number).await?.ok_or(unknown("candidate"))?;
    if sample.state == SampleState::Returned && !entry.returned {
        return Err(CreateError::NotReturned);
    }
    if entry.status != CandidateStatus::Entered {
        return Err(CreateError::Absent);
    }
    if !entry.in_sample && !component.early_upload {
        return Err(CreateError::NotInSample);
    }
    Ok(Target { rules, candidate: entry.id.to_string(), dates: entry.dates, place })
}

fn only_document(component: &Component) -> Result<SectionCode, CreateError> {
    match &component.documents[..] {
        [document] => Ok(document.code.clone()),
        _ => Err(CreateError::Unknown { what: "document" }),
    }
}

/// The most bytes this file may have: by its name's kind and by the section.
fn limit(creation: &Creation, rules: &Section) -> Result<u64, CreateError> {
    let kind = check::check_name(&creation.name, rules)
        .map_err(|refusal| CreateError::Refused { reason: refusal.reason, detail: refusal.detail })?;
    let limit = rules.limit_of(&kind);
    if creation.length.is_some_and(|length| length > limit) {
        return Err(CreateError::TooLarge { limit });
    }
    Ok(limit)
}

pub(super) fn section_column<'a>(target: &'a Target<'_>) -> &'a str {
    match &target.place {
        Place::Document { document } => document.as_str(),
        place => place.section_word(),
    }
}

fn new_file<'a>(
    file: FileId,
    sample: &Sample,
    target: &'a Target<'_>,
    creation: &'a Creation,
    actor: &'a Actor,
    now: Timestamp,
    late: bool,
) -> NewFile<'a> {
    NewFile {
        file,
        sample: sample.id,
        candidate: &target.candidate,
        kind: target.place.kind_word(),
        section: section_column(target),
        name: &creation.name,
        path: &creation.path,
        declared_type: creation.declared_type.as_deref(),
        modified: creation.modified.as_deref(),
        size: creation.length,
        client_sha256: creation.sha256,
        replaces: creation.replaces,
        created_by: &actor.person,
        now,
        late,
    }
}
