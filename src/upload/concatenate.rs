//! Files in pieces: partial uploads, and the files that are put together from them.
//!
//! ```text
//! partial:  open ─► whole ─► taken (by a file) ─► joined (the file has its bytes; its own go)
//!             └────────┴───► ended (cancelled, expired)
//! file:     created ─► step, commit, step, commit … ─► seal ─► received ─► checked like any other
//!             └────────┴───► cancelled (its sender asks; its pieces go with it)
//! ```
//!
//! A partial has a lease, a ledger and a digest like every upload, and is no file: it is its person's alone, nothing
//! that lists, counts or checks files knows of it. A file that is made of partials owns them from the transaction that
//! creates it. Every byte of it is durable then, so that is what its creator is told; a worker puts them together
//! afterwards, step by step ([`ObjectStore::concatenate`]), each step committed to the file's ledger, so that one that
//! is cut short goes on where it was. The pieces' own objects go when the file is *received*, and not before.
//!
//! Whether a file comes in time is judged by its first piece, where all were begun at the address of its place: a file
//! sent in one would have been begun then. Of pieces without an address nobody can tell what they are for, so a file
//! made of such is judged by its own creation.
//!
//! Nobody sees the bytes pass, so there is no digest of the whole until the check reads it.
//!
//! [`ObjectStore::concatenate`]: crate::object_store::ObjectStore::concatenate

use std::borrow::Cow;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::create::{Target, section_column, target};
use super::{
    Appended, CreateError, Created, Creation, Inner, Lease, RunningDigest, UploadError, Uploads, Wanted,
};
use crate::actor::{Action, Actor, Denied, decide};
use crate::candidate::CandidateNumber;
use crate::centre::CentreNumber;
use crate::component::{Component, Section};
use crate::database::audit::{self, By, Entry};
use crate::database::partials::{self, PartialPlace, PartialState};
use crate::database::uploads::{self, End, Progress, UploadRow};
use crate::database::{Database, Tx, samples};
use crate::evidence::FileState;
use crate::ids::{FileId, SampleId};
use crate::object_store::{Durable, ObjectKey, ObjectVersion, Staged, StoreError};
use crate::sample::{Sample, Timeliness};

/// The most pieces a file is put together from.
pub const MOST_PARTIALS: usize = 64;
/// The most partials of one person that no file has taken.
const MOST_OPEN: u64 = 512;
/// How long it is known that there was a partial when it has ended or was joined.
pub(super) const REMEMBERED: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The wait after a failure: at first, and at most. It doubles in between.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// What a file is to be put together from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concatenation {
    /// The request's own words, to be given back byte for byte.
    pub header: String,
    /// In order; the same one may stand twice. At most [`MOST_PARTIALS`].
    pub partials: Vec<FileId>,
}

/// A piece of a file to come.
#[derive(Clone, Debug)]
pub struct NewPartial {
    /// Where the file goes, if that is said already: it can go nowhere else then.
    pub place: Option<(SampleId, Wanted)>,
    /// Bytes; `None` to say later.
    pub length: Option<u64>,
    /// `Upload-Metadata`, to be given back byte for byte. It is not the file's.
    pub metadata: String,
    pub dialect: &'static str,
}

impl Uploads {
    /// Makes a partial upload, or says why not. One of no bytes is whole at once.
    pub async fn create_partial(
        &self,
        actor: &Actor,
        new: &NewPartial,
        request: &str,
    ) -> Result<Created, CreateError> {
        let empty = new.length == Some(0);
        let (created, row) = self.insert_partial(actor, new, request, empty).await?;
        if empty && let Err(error) = self.finish(*self.hold(row, RunningDigest::default())).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(file = %created.file, error, "the last step of an empty piece is left to the sweep");
        }
        Ok(created)
    }

    /// Makes a partial upload whose first bytes come along, and takes its lease in the same transaction.
    pub async fn create_partial_held(
        &self,
        actor: &Actor,
        new: &NewPartial,
        request: &str,
    ) -> Result<(Created, Box<Lease>), CreateError> {
        let place = self.inner.place().ok_or(CreateError::Crowded)?;
        let (created, row) = self.insert_partial(actor, new, request, true).await?;
        let mut lease = self.hold(row, RunningDigest::default());
        lease.place = Some(place);
        Ok((created, lease))
    }

    async fn insert_partial(
        &self,
        actor: &Actor,
        new: &NewPartial,
        request: &str,
        held: bool,
    ) -> Result<(Created, UploadRow), CreateError> {
        let inner = &self.inner;
        let now = inner.clock.now();
        let (mut tx, room) = match &new.place {
            Some((sample, wanted)) => {
                let mut tx = inner.db.begin().await?;
                let room = room_at(&mut tx, actor, *sample, wanted, now).await?;
                (tx, room)
            }
            // Much to read, and every writer would wait for it.
            None => {
                let room = room_anywhere(&inner.db, actor).await?;
                (inner.db.begin().await?, room)
            }
        };
        let limit = room.limit;
        if new.length.is_some_and(|length| length > limit) {
            return Err(CreateError::TooLarge { limit });
        }
        if partials::open_of(&mut tx, &actor.person).await? >= MOST_OPEN {
            return Err(CreateError::Quota { what: "partial uploads", limit: MOST_OPEN });
        }
        inner.admit(&mut tx, &room.centre, 1, new.length.unwrap_or(0)).await?;
        let id = FileId::new();
        let place = room.place.as_ref();
        let partial = partials::NewPartial { id, person: &actor.person, centre: &room.centre, place, now };
        partials::insert(&mut tx, &partial).await?;
        let expires_at = inner.expiry(now, now, Timestamp::MIN);
        let part_size = inner.store.part_size(new.length.unwrap_or(limit));
        let row = UploadRow {
            file: id,
            state: FileState::Receiving,
            epoch: i64::from(held),
            length: new.length,
            max_length: limit,
            staged: Staged { part_size, ..Staged::default() },
            digest: RunningDigest::default().state(),
            metadata: new.metadata.clone(),
            dialect: new.dialect.to_owned(),
            concat: Some(uploads::PARTIAL.to_owned()),
            client_sha256: None,
            created_at: now,
            expires_at,
            holder: held.then(|| inner.node.clone()),
        };
        uploads::insert(&mut tx, &row, inner.lease_micros()).await?;
        let entry = Entry {
            sample: place.map(|place| place.sample),
            candidate: place.map_or("", |place| &place.candidate),
            section: place.map_or("", |place| &place.section),
            detail: json!({ "partial": id, "size": new.length }),
            request,
            ..Entry::new(By::Person(&actor.person), "partial.created")
        };
        audit::record(&mut tx, now, entry).await?;
        tx.commit().await?;
        Ok((Created { file: id, max_length: limit, expires_at }, row))
    }

    /// The file a creation has made before, if this is it again because its answer was lost.
    pub(super) async fn made_before(
        &self,
        actor: &Actor,
        creation: &Creation,
    ) -> Result<Option<Created>, CreateError> {
        let Some(concatenation) = &creation.concatenation else { return Ok(None) };
        let mut tx = self.inner.db.begin().await?;
        let found = partials::lock(&mut tx, &actor.person, &concatenation.partials).await?;
        let first = concatenation.partials.first().and_then(|id| found.get(id));
        let Some(PartialState::Taken { by: Some(file) }) = first.map(|partial| partial.state) else {
            return Ok(None);
        };
        let (header, metadata) = (&concatenation.header, &creation.metadata);
        let made = partials::made_by(&mut tx, &actor.person, file, header, metadata).await?;
        Ok(made.map(|made| Created { file, max_length: made.max_length, expires_at: made.expires_at }))
    }

    /// Takes the last step of a partial: its object is sealed, and stands ready for a file.
    pub(super) async fn partial_whole(
        &self,
        lease: Lease,
        obsolete: Vec<ObjectKey>,
        key: &ObjectKey,
        version: &ObjectVersion,
    ) -> Result<Appended, UploadError> {
        let (inner, row) = (&self.inner, &lease.row);
        let whole = lease.whole().ok_or(UploadError::Gone)?;
        let now = inner.clock.now();
        let durable = Durable {
            offset: row.staged.offset,
            object_epoch: row.staged.object_epoch,
            multipart: row.staged.multipart.clone(),
            obsolete,
            ..Durable::default()
        };
        let progress = Progress {
            file: row.file,
            epoch: row.epoch,
            durable: &durable,
            digest: &lease.digest.state(),
            now,
            expires_at: row.expires_at,
            ttl_micros: None,
            first: false,
        };
        let mut tx = inner.db.begin().await?;
        if !uploads::advance(&mut tx, &progress).await?
            || !partials::whole(&mut tx, row.file, whole.sha256, key, version).await?
        {
            return Err(UploadError::Evicted);
        }
        if durable.multipart.is_some() {
            uploads::forget_parts(&mut tx, row.file).await?;
        }
        tx.commit().await?;
        fail::fail_point!("concatenate::partial_whole");
        Ok(Appended { offset: durable.offset, whole: Some(whole), expires_at: row.expires_at })
    }

    /// Cancels a partial, finished or not, unless a file has taken it.
    pub(super) async fn end_partial(
        &self,
        actor: &Actor,
        id: FileId,
        request: &str,
    ) -> Result<(), UploadError> {
        let by = Entry { request, ..Entry::new(By::Person(&actor.person), "partial.cancelled") };
        if !self.inner.ended_partial(id, End::Asked, by).await? {
            return Err(UploadError::Finished);
        }
        self.inner.ended.notify_one();
        Ok(())
    }

    /// Expires a partial that no file has taken. `false`: it is none, or not that old.
    pub(super) async fn expire_partial(&self, id: FileId) -> Result<bool, UploadError> {
        let why = End::Expired(self.inner.clock.now());
        self.inner.ended_partial(id, why, Entry::new(By::Service, "partial.expired")).await
    }

    /// Claims the next file that waits to be put together; `None` when there is none.
    pub(crate) async fn next_unjoined(&self) -> Result<Option<Box<Lease>>, UploadError> {
        let inner = &self.inner;
        if !partials::is_any_unjoined(&inner.db).await? {
            return Ok(None);
        }
        let mut tx = inner.db.begin().await?;
        let claimed = partials::claim_unjoined(&mut tx, &inner.node, inner.lease_micros()).await?;
        // On PostgreSQL it may have been received or cancelled since the claim looked: then it is left as it is.
        let Some(row) = claimed.filter(|row| row.state.is_open()) else { return Ok(None) };
        tx.commit().await?;
        fail::fail_point!("concatenate::claimed");
        Ok(Some(self.hold(row, RunningDigest::default())))
    }

    /// Puts together a file that was claimed for it. What fails is logged, and tried again after a while.
    pub(crate) async fn put_together(&self, lease: Box<Lease>) -> Result<(), UploadError> {
        let (file, epoch) = (lease.file(), lease.row.epoch);
        let Err(error) = self.join(*lease).await else { return Ok(()) };
        match self.unless_overtaken(file, epoch, error).await {
            // Another has it, it was cancelled, or the next process begins where this one was.
            UploadError::Evicted => {}
            UploadError::Stopping => self.put_off(file, epoch, Duration::ZERO).await?,
            error => {
                log_failure(file, epoch, &error);
                let doublings = u32::try_from(epoch.saturating_sub(1).clamp(0, 16)).unwrap_or(0);
                self.put_off(file, epoch, (AGAIN.0 * 2_u32.pow(doublings)).min(AGAIN.1)).await?;
            }
        }
        Ok(())
    }

    async fn put_off(&self, file: FileId, epoch: i64, wait: Duration) -> Result<(), UploadError> {
        let mut tx = self.inner.db.begin().await?;
        let wait = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
        partials::put_off(&mut tx, file, epoch, wait).await?;
        Ok(tx.commit().await?)
    }

    /// Puts a file together from where its ledger stands, and takes its last step.
    async fn join(&self, mut lease: Lease) -> Result<(), UploadError> {
        let inner = &self.inner;
        let file = lease.file();
        let size = lease.length().ok_or(UploadError::Gone)?;
        let pieces = partials::pieces(&inner.db, file).await?;
        let pieces: Vec<_> = pieces.into_iter().map(|piece| (piece.key, piece.version)).collect();
        // Nothing is put for a file of no bytes until it was asked for once.
        while lease.row.staged.object_epoch == 0 || lease.offset() < size {
            let (epoch, staged) = (lease.row.epoch, lease.row.staged.clone());
            let step = inner.store.concatenate(file, epoch, &staged, &pieces);
            let durable = match held(&lease, step).await {
                Err(UploadError::Store(lost @ StoreError::Lost { .. })) => {
                    return self.begin_again(&lease.row, lost).await;
                }
                done => done?,
            };
            fail::fail_point!("concatenate::step");
            let expires_at = lease.expires_at();
            let digest = lease.digest.state();
            lease.commit(&durable, &digest, expires_at, false).await?;
            fail::fail_point!("concatenate::committed");
        }
        let row = lease.row.clone();
        match self.complete(lease, Durable::default()).await {
            Err(UploadError::Store(lost @ StoreError::Lost { .. })) => self.begin_again(&row, lost).await,
            done => done.map(|_| ()),
        }
    }

    /// What was put together is no more, but its pieces are: what is left of it goes, and the next try begins from
    /// them.
    async fn begin_again(&self, row: &UploadRow, lost: StoreError) -> Result<(), UploadError> {
        let (inner, file, epoch) = (&self.inner, row.file, row.epoch);
        // Whoever has taken it over works on what would be removed here.
        let mut tx = inner.db.begin().await?;
        if !uploads::renew(&mut tx, file, epoch, inner.clock.now(), inner.lease_micros()).await? {
            return Err(UploadError::Evicted);
        }
        tx.commit_quietly().await?;
        inner.store.discard(file, epoch, &row.staged).await?;
        let mut tx = inner.db.begin().await?;
        if !partials::begin_again(&mut tx, file, epoch).await? {
            return Err(UploadError::Evicted);
        }
        tx.commit().await?;
        Err(lost.into())
    }
}

fn log_failure(file: FileId, epoch: i64, error: &UploadError) {
    let error = error as &dyn std::error::Error;
    tracing::error!(%file, epoch, error, "a file could not be put together yet");
    metrics::counter!("strongroom_concatenation_failures_total").increment(1);
}

/// Waits for a step of the store while the lease is kept alive; gives up when the lease is lost or the service stops.
pub(super) async fn held<T>(
    lease: &Lease,
    step: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, UploadError> {
    let inner = &lease.uploads.inner;
    let mut step = std::pin::pin!(step);
    loop {
        tokio::select! {
            done = &mut step => return Ok(done?),
            () = lease.stop.cancelled() => {
                let stopping = inner.shutdown.is_cancelled();
                return Err(if stopping { UploadError::Stopping } else { UploadError::Evicted });
            }
            () = tokio::time::sleep(inner.limits.lease / 3) => lease.renew().await?,
        }
    }
}

impl Inner {
    /// When an upload that has just brought bytes is given up. `closes`: its sample's end, which no partial is kept
    /// for.
    pub(super) fn expiry_of(&self, row: &UploadRow, closes: Timestamp) -> Timestamp {
        let closes = if row.is_partial() { Timestamp::MIN } else { closes };
        row.expires_at.max(self.expiry(row.created_at, self.clock.now(), closes))
    }

    async fn ended_partial(&self, id: FileId, why: End, entry: Entry<'_>) -> Result<bool, UploadError> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        if !partials::end(&mut tx, id, why, now).await? {
            return Ok(false);
        }
        audit::record(&mut tx, now, Entry { detail: json!({ "partial": id }), ..entry }).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// What a partial may be: where, of whose, and how large.
struct Room {
    centre: CentreNumber,
    place: Option<PartialPlace>,
    limit: u64,
}

async fn room_at(
    tx: &mut Tx,
    actor: &Actor,
    sample: SampleId,
    wanted: &Wanted,
    now: Timestamp,
) -> Result<Room, CreateError> {
    let found = samples::lock_shared(tx, &actor.person, sample).await?;
    let (sample, component, _) = found.ok_or(CreateError::Unknown { what: "sample" })?;
    decide(actor, Action::ChangeWork, &sample, &component).map_err(|denied| match denied {
        Denied::Unknown => CreateError::Unknown { what: "sample" },
        Denied::Forbidden => CreateError::Forbidden,
    })?;
    let target = target(tx, &sample, &component, wanted).await?;
    if target.dates.on_creation(now) == Timeliness::Closed {
        return Err(CreateError::Closed { at: target.dates.cut_off_at });
    }
    Ok(Room { limit: largest(target.rules), place: Some(place(&sample, &target)), centre: sample.centre })
}

async fn room_anywhere(db: &Database, actor: &Actor) -> Result<Room, CreateError> {
    let (centre, components) = partials::reach(db, &actor.person).await?.ok_or(CreateError::Forbidden)?;
    let limit = components.iter().flat_map(sections).map(largest).max().unwrap_or(0);
    Ok(Room { centre, place: None, limit })
}

fn sections(component: &Component) -> impl Iterator<Item = &Section> {
    component.sections.iter().chain(&component.documents).chain(&component.supporting)
}

/// The largest file of any kind a section takes.
fn largest(section: &Section) -> u64 {
    section.accepts.iter().filter_map(|extension| section.limit_for(extension)).max().unwrap_or(0)
}

fn place(sample: &Sample, target: &Target<'_>) -> PartialPlace {
    PartialPlace {
        sample: sample.id,
        candidate: target.candidate.clone(),
        kind: target.place.kind_word().to_owned(),
        section: section_column(target).to_owned(),
    }
}

/// A creation that has its partials.
pub(super) struct Taken<'a> {
    /// With their length.
    pub creation: Cow<'a, Creation>,
    /// When the first of them was begun, where all were begun for this place: the file's time is that.
    pub begun: Option<Timestamp>,
}

/// Takes the partials of a creation. One without any is left as it is.
pub(super) async fn take<'a>(
    tx: &mut Tx,
    actor: &Actor,
    creation: &'a Creation,
    sample: &Sample,
    target: &Target<'_>,
) -> Result<Taken<'a>, CreateError> {
    let Some(Concatenation { partials: ids, .. }) = &creation.concatenation else {
        return Ok(Taken { creation: Cow::Borrowed(creation), begun: None });
    };
    let found = partials::lock(tx, &actor.person, ids).await?;
    let (here, mut length) = (place(sample, target), 0_u64);
    for id in ids {
        let partial = found.get(id).ok_or(CreateError::Unknown { what: "partial upload" })?;
        if partial.place.as_ref().is_some_and(|place| *place != here) {
            return Err(CreateError::PartialElsewhere);
        }
        let size = match partial.state {
            PartialState::Whole { size, .. } => size,
            PartialState::Open => return Err(CreateError::PartialUnfinished),
            PartialState::Taken { .. } => return Err(CreateError::PartialTaken),
            PartialState::Ended => return Err(CreateError::PartialGone),
        };
        length = length.saturating_add(size);
    }
    partials::take(tx, ids).await?;
    let addressed = found.values().all(|partial| partial.place.is_some());
    let begun = found.values().map(|partial| partial.created_at).min().filter(|_| addressed);
    let creation = Cow::Owned(Creation { length: Some(length), ..creation.clone() });
    Ok(Taken { creation, begun })
}

/// Writes whose the taken partials are.
pub(super) async fn attach(tx: &mut Tx, file: FileId, creation: &Creation) -> Result<(), CreateError> {
    match &creation.concatenation {
        Some(concatenation) => Ok(partials::attach(tx, file, &concatenation.partials).await?),
        None => Ok(()),
    }
}

/// What the audit trail tells of a creation. `sharers`: candidate ids with their numbers.
pub(super) fn told(creation: &Creation, sharers: &[(String, CandidateNumber)]) -> serde_json::Value {
    let mut detail = json!({ "size": creation.length, "replaces": creation.replaces });
    if !sharers.is_empty() {
        detail["shared_with"] = json!(sharers.iter().map(|(id, _)| id).collect::<Vec<_>>());
    }
    if let Some(concatenation) = &creation.concatenation {
        detail["partials"] = json!(concatenation.partials);
    }
    detail
}
