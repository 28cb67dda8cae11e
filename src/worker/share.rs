//! Copies for candidates who share a file that was sent for one of them.
//!
//! Once that file is accepted, each of the others gets a file of their own: a row, a unique name and an object, by the
//! verdict that its bytes have. As with a move, the bytes are copied within the store between two transactions: the
//! first decides, names the copy and announces its object as one to discard, the second decides again and keeps it. A
//! crash in between leaves a row that is claimed anew and goes on with the very copy it named.
//!
//! Who does not get their copy is told why, at the file that was sent. What may pass (a store that is away) waits.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::Workers;
use crate::component::Section;
use crate::database::audit::{self, By, Entry};
use crate::database::files;
use crate::database::flags::{self, FlagPlace};
use crate::database::moves::{self, COPIED_WITHIN, Movable};
use crate::database::shares::{self, Claimed, Copied, Settled, ShareRow};
use crate::database::{DatabaseError, Tx, samples};
use crate::evidence::{FileState, Place, UniqueName};
use crate::ids::{FileId, SampleId};
use crate::object_store::{ObjectKey, ObjectVersion, StoreError};
use crate::sample::Sample;
use crate::tasks::Tasks;
use crate::upload::CreateError;
use crate::upload::room::{self, NoRoom, Parts};
use crate::upload::sharers::{self, Sharer};

/// Copies made at once.
const COPIES: usize = 4;
/// Until a copy is tried again that could not be made.
const AGAIN: Duration = Duration::from_secs(30);
/// How long before it is given up the object of an earlier try is not gone on with: whoever removes it may be at it.
const TOO_OLD: SignedDuration = SignedDuration::from_hours(1);

/// Why a copy is not made now.
#[derive(Debug, thiserror::Error)]
enum Left {
    #[error("another worker has it")]
    Fenced,
    #[error("the service is stopping")]
    Stopping,
    #[error("the store does not hold what was accepted")]
    Withheld,
    #[error("the file changed while it was copied")]
    Changed,
    #[error("the place cannot be asked for")]
    Place(#[from] CreateError),
    #[error("the sample {0} is gone")]
    NoSample(SampleId),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// What a look under the locks says.
enum Decided {
    Copy(Box<Ready>),
    /// They have a file with these bytes in the place.
    There(FileId),
    Refused(Refused),
}

/// A copy that may be made.
struct Ready {
    row: ShareRow,
    sample: Sample,
    time_zone: String,
    rules: Section,
    late: bool,
    /// What is copied, and where it lies.
    of: FileId,
    file: Movable,
    object: (ObjectKey, ObjectVersion),
    received_at: Timestamp,
}

/// Why a candidate does not get their copy: a stable word, and the end of a sentence.
struct Refused {
    code: &'static str,
    detail: String,
}

impl Workers {
    pub(super) async fn share_loop(self, tasks: Tasks) {
        let places = Arc::new(Semaphore::new(COPIES));
        let stop = tasks.stopping().clone();
        loop {
            let permit = tokio::select! {
                () = stop.cancelled() => return,
                permit = places.clone().acquire_owned() => permit,
            };
            let Ok(permit) = permit else { return };
            match self.next_share().await {
                Ok(Some(claimed)) => {
                    let (worker, stop) = (self.clone(), stop.clone());
                    tasks.spawn(async move {
                        if let Err(error) = worker.share(claimed, &stop).await {
                            let error = &error as &dyn std::error::Error;
                            tracing::warn!(error, "the claim of a copy is left to run out");
                        }
                        drop(permit);
                    });
                    continue;
                }
                Ok(None) => {}
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "no copy could be claimed to be made");
                }
            }
            drop(permit);
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.to_share.notified() => {}
                () = tokio::time::sleep(self.limits.poll) => {}
            }
        }
    }

    async fn next_share(&self) -> Result<Option<Claimed>, DatabaseError> {
        if !shares::is_any_due(&self.db).await? {
            return Ok(None);
        }
        let mut tx = self.db.begin().await?;
        let claimed = shares::claim(&mut tx, self.ttl_micros()).await?;
        tx.commit().await?;
        Ok(claimed)
    }

    /// Makes a copy, or says why not. What fails is logged, and tried again after a while.
    async fn share(&self, mut claimed: Claimed, stop: &CancellationToken) -> Result<(), DatabaseError> {
        let wait = match self.copy(&mut claimed, stop).await {
            Ok(()) | Err(Left::Fenced) => return Ok(()),
            Err(Left::Stopping) => Duration::ZERO,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(file = %claimed.file, error, "a shared file is not copied for now");
                AGAIN
            }
        };
        let mut tx = self.db.begin().await?;
        shares::put_off(&mut tx, &claimed, i64::try_from(wait.as_micros()).unwrap_or(i64::MAX)).await?;
        tx.commit().await
    }

    async fn copy(&self, claimed: &mut Claimed, stop: &CancellationToken) -> Result<(), Left> {
        let mut tx = self.db.begin().await?;
        let ready = match decide(&mut tx, claimed, self.clock.now()).await? {
            Decided::Copy(ready) => ready,
            other => return self.settle(tx, claimed, other).await,
        };
        let (copy, name) = self.named(&mut tx, claimed, &ready).await?;
        let key = evidence(&ready.row, copy, &name);
        tx.commit().await?;

        let (old, version) = &ready.object;
        let made = self.store.promote(old, version, ready.file.crc32, &key);
        let version = self.held(claimed, stop, made).await?;
        fail::fail_point!("share::copied");

        let mut tx = self.db.begin().await?;
        let now = self.clock.now();
        let again = match decide(&mut tx, claimed, now).await? {
            Decided::Copy(again) => again,
            other => {
                moves::give_up(&mut tx, &key, now).await?;
                return self.settle(tx, claimed, other).await;
            }
        };
        if again.object.0 != *old || !moves::keep(&mut tx, &key).await? {
            return Err(Left::Changed);
        }
        let sharer = again.sharer(claimed);
        let slot = sharer.slot(&again.sample, &again.row.place);
        match room::make(&mut tx, &slot, None, now).await {
            Ok(_) => {}
            Err(NoRoom::Database(error)) => return Err(error.into()),
            // Who had been silent goes on after all: asked again, it is full.
            Err(_) => return Err(Left::Changed),
        }
        let copied = Copied {
            of: again.of,
            file: copy,
            candidate: &claimed.candidate,
            place: &again.row.place,
            name: &name,
            key: &key,
            version: &version,
            late: again.late,
            begun_at: again.row.begun_at,
            now,
        };
        shares::write(&mut tx, &copied).await?;
        record(&mut tx, &again, &copied).await?;
        if !shares::settle(&mut tx, claimed, &Settled::Made(copy)).await? {
            return Err(Left::Fenced);
        }
        tx.commit().await?;
        // What silent uploads had is the sweeper's.
        self.ended.notify_one();
        Ok(())
    }

    /// The copy's id and unique name, its object announced: those of an earlier try, while what that copied stays.
    async fn named(
        &self,
        tx: &mut Tx,
        claimed: &Claimed,
        ready: &Ready,
    ) -> Result<(FileId, UniqueName), Left> {
        let now = self.clock.now();
        let later = |wait: SignedDuration| now.saturating_add(wait).unwrap_or(Timestamp::MAX);
        if let Some((copy, name)) = &ready.row.copy {
            let key = evidence(&ready.row, *copy, name);
            if moves::announce_again(tx, &key, later(TOO_OLD), later(COPIED_WITHIN)).await? {
                return Ok((*copy, name.clone()));
            }
        }
        let copy = FileId::new();
        let extension = ready.file.name.extension();
        let parts = Parts {
            component: &ready.sample.component,
            centre: &ready.sample.centre,
            place: &ready.row.place,
            extension: extension.as_deref(),
            time_zone: &ready.time_zone,
            received_at: ready.received_at,
        };
        let name = room::take_name(tx, copy, &parts).await?;
        moves::announce(tx, &evidence(&ready.row, copy, &name), later(COPIED_WITHIN)).await?;
        shares::begin(tx, claimed, copy, &name).await?;
        Ok((copy, name))
    }

    /// Waits for a step of the store while the claim is kept alive.
    async fn held<T>(
        &self,
        claimed: &mut Claimed,
        stop: &CancellationToken,
        step: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Left> {
        let mut step = std::pin::pin!(step);
        loop {
            tokio::select! {
                done = &mut step => return Ok(done?),
                () = stop.cancelled() => return Err(Left::Stopping),
                () = tokio::time::sleep(self.limits.lease / 3) => {
                    if !shares::renew(&self.db, claimed, self.ttl_micros()).await? {
                        return Err(Left::Fenced);
                    }
                }
            }
        }
    }

    /// Writes that there is nothing to copy, or no place for it.
    async fn settle(&self, mut tx: Tx, claimed: &Claimed, decided: Decided) -> Result<(), Left> {
        let now = self.clock.now();
        let (settled, action, detail) = match &decided {
            Decided::There(file) => {
                let detail = json!({ "candidate": claimed.candidate, "there": file });
                (Settled::There(*file), "file.shared", detail)
            }
            Decided::Refused(Refused { code, detail }) => {
                let told = json!({ "candidate": claimed.candidate, "code": code });
                (Settled::Refused { code, detail }, "file.not_shared", told)
            }
            Decided::Copy(_) => return Err(Left::Changed),
        };
        if !shares::settle(&mut tx, claimed, &settled).await? {
            return Err(Left::Fenced);
        }
        let at = files::whereabouts(&mut tx, claimed.file).await?.ok_or(Left::Changed)?;
        let entry = Entry {
            sample: Some(at.sample),
            candidate: &at.candidate,
            section: &at.section,
            file: Some(claimed.file),
            detail,
            ..Entry::new(By::Service, action)
        };
        audit::record(&mut tx, now, entry).await?;
        Ok(tx.commit().await?)
    }
}

impl Ready {
    fn sharer(&self, claimed: &Claimed) -> Sharer<'_> {
        Sharer { candidate: claimed.candidate.clone(), rules: &self.rules, late: self.late }
    }
}

fn evidence(row: &ShareRow, copy: FileId, name: &UniqueName) -> ObjectKey {
    ObjectKey::Evidence { sample: row.sample, file: copy, name: name.clone() }
}

/// Locks sample, the candidate's place and the file that was sent, in this order, and asks everything that can refuse
/// the copy.
async fn decide(tx: &mut Tx, claimed: &Claimed, now: Timestamp) -> Result<Decided, Left> {
    let row = shares::claimed(tx, claimed).await?.ok_or(Left::Fenced)?;
    let found = samples::lock_by_worker(tx, row.sample).await?;
    let (sample, component, time_zone) = found.ok_or(Left::NoSample(row.sample))?;
    samples::lock_place(tx, sample.id, &claimed.candidate, row.place.section_word()).await?;
    // The same that was there before stands for one that was sent once more.
    let of = shares::stands_for(tx, claimed.file).await?.unwrap_or(claimed.file);
    let file = moves::lock(tx, of).await?.ok_or(Left::Changed)?;
    let (object, received_at) = match (file.state, &file.object, file.received_at) {
        (FileState::Accepted, ..) if file.withheld => return Err(Left::Withheld),
        (FileState::Accepted, Some(object), Some(received_at)) => (object.clone(), received_at),
        (state, ..) => {
            return Ok(Decided::Refused(Refused { code: "not_accepted", detail: ended(state).into() }));
        }
    };
    let sharer = match sharers::ask(tx, &sample, &component, &row.place, row.begun_at).await {
        Ok(sharer) => sharer,
        Err(error) => return refused(error),
    };
    let slot = sharer.slot(&sample, &row.place);
    if let Some(twin) = moves::twin(tx, slot.place, &file.sha256).await? {
        return Ok(Decided::There(twin));
    }
    if let Err(error) = room::look(tx, &slot, now).await {
        return refused(error.into());
    }
    let (rules, late) = (sharer.rules.clone(), sharer.late);
    let ready = Ready { row, sample, time_zone, rules, late, of, file, object, received_at };
    Ok(Decided::Copy(Box::new(ready)))
}

fn refused(error: CreateError) -> Result<Decided, Left> {
    let (code, detail) = error.not_shared()?;
    Ok(Decided::Refused(Refused { code, detail }))
}

/// What became of a file that is not copied, as the end of a sentence.
fn ended(state: FileState) -> &'static str {
    match state {
        FileState::Superseded => "the file was replaced before it could be copied",
        FileState::Deleted => "the file was deleted before it could be copied",
        FileState::Cancelled => "the upload was cancelled",
        FileState::Expired => "the upload was never finished",
        FileState::Quarantined => "the file was withdrawn",
        _ => "the file was not accepted",
    }
}

/// Tells of it at both files, and clears what a new file of the place makes untrue.
async fn record(tx: &mut Tx, ready: &Ready, copied: &Copied<'_>) -> Result<(), DatabaseError> {
    let section = ready.row.place.section_word();
    let of = Entry {
        sample: Some(ready.sample.id),
        candidate: &ready.file.candidate,
        section: &ready.file.section,
        file: Some(ready.of),
        detail: json!({ "candidate": copied.candidate, "copy": copied.file }),
        ..Entry::new(By::Service, "file.shared")
    };
    audit::record(tx, copied.now, of).await?;
    let copy = Entry {
        sample: Some(ready.sample.id),
        candidate: copied.candidate,
        section,
        file: Some(copied.file),
        detail: json!({
            "of": ready.of,
            "unique_name": copied.name,
            "sha256": ready.file.sha256,
            "late": copied.late,
        }),
        ..Entry::new(By::Service, "file.shared")
    };
    audit::record(tx, copied.now, copy.clone()).await?;
    let place = FlagPlace { sample: ready.sample.id, candidate: copied.candidate, section };
    if matches!(ready.row.place, Place::Section { .. })
        && let Some(gone) = flags::overtaken(tx, place, ready.rules.needed()).await?
    {
        audit::record(tx, copied.now, Entry { action: gone.cleared(), detail: json!({}), ..copy }).await?;
    }
    Ok(())
}
