//! What a place has room for, and what its files are called: one answer for uploads, moves and copies.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use super::CreateError;
use crate::centre::CentreNumber;
use crate::component::ComponentId;
use crate::database::audit::{self, By, Entry};
use crate::database::files::{self, PlaceRef};
use crate::database::uploads::{self, End};
use crate::database::{DatabaseError, Tx};
use crate::evidence::{PAUSED_AFTER, Place, UniqueName};
use crate::ids::FileId;

/// A place, its row locked, and how many files it takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot<'a> {
    pub place: PlaceRef<'a>,
    /// The section's word on the audit trail.
    pub word: &'a str,
    pub max: u32,
}

/// Why one more file does not fit.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoRoom {
    #[error("the place takes at most {max} files")]
    Full { max: u32, files: Vec<FileId> },
    /// What the file is to take the place of is no accepted file there.
    #[error("there is no such file to replace")]
    NothingToReplace,
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<NoRoom> for CreateError {
    fn from(error: NoRoom) -> Self {
        match error {
            NoRoom::Full { max, files } => Self::SectionFull { max, files },
            NoRoom::NothingToReplace => Self::NothingToReplace,
            NoRoom::Database(error) => Self::Database(error),
        }
    }
}

/// Who takes places.
struct Holders {
    /// Unfinished uploads that have been silent for long: they give up their place.
    stale: Vec<FileId>,
    firm: Vec<FileId>,
}

fn silent_since(now: Timestamp) -> Timestamp {
    now.checked_sub(PAUSED_AFTER).unwrap_or(Timestamp::MIN)
}

/// The files that take places. Full when the firm ones, but for the one that is replaced, leave no room.
async fn holders(
    tx: &mut Tx,
    slot: &Slot<'_>,
    replaces: Option<FileId>,
    silent: Timestamp,
) -> Result<Holders, NoRoom> {
    let holders = files::holders(tx, slot.place).await?;
    if let Some(replaced) = replaces {
        let accepted = holders.iter().any(|holder| holder.file == replaced && holder.accepted);
        if !accepted {
            return Err(NoRoom::NothingToReplace);
        }
    }
    let (stale, firm): (Vec<_>, Vec<_>) =
        holders.into_iter().partition(|holder| holder.last_byte_at.is_some_and(|at| at < silent));
    let of = |some: Vec<files::Holder>| some.into_iter().map(|holder| holder.file).collect::<Vec<_>>();
    let (stale, firm) = (of(stale), of(firm));
    let taken = firm.iter().filter(|file| Some(**file) != replaces).count();
    if taken >= slot.max as usize {
        return Err(NoRoom::Full { max: slot.max, files: firm });
    }
    Ok(Holders { stale, firm })
}

/// Whether one more file would fit, once who is silent has made room.
pub(crate) async fn look(tx: &mut Tx, slot: &Slot<'_>, now: Timestamp) -> Result<(), NoRoom> {
    holders(tx, slot, None, silent_since(now)).await.map(|_| ())
}

/// Sees to it that one more file fits. Unfinished uploads that have been silent for long give up their place: how many.
pub(crate) async fn make(
    tx: &mut Tx,
    slot: &Slot<'_>,
    replaces: Option<FileId>,
    now: Timestamp,
) -> Result<usize, NoRoom> {
    if replaces.is_none() && files::count_holders(tx, slot.place).await? < u64::from(slot.max) {
        return Ok(0);
    }
    let silent = silent_since(now);
    let Holders { stale, firm } = holders(tx, slot, replaces, silent).await?;
    let taken = firm.iter().filter(|file| Some(**file) != replaces).count();
    let surplus = (taken + stale.len() + 1).saturating_sub(slot.max as usize);
    let mut ended = 0;
    for &file in &stale {
        if ended == surplus {
            break;
        }
        if !uploads::end(tx, file, End::SilentSince(silent), now).await? {
            continue;
        }
        ended += 1;
        let entry = Entry {
            sample: Some(slot.place.sample),
            candidate: slot.place.candidate,
            section: slot.word,
            file: Some(file),
            detail: json!({ "why": "displaced" }),
            ..Entry::new(By::Service, "file.cancelled")
        };
        audit::record(tx, now, entry).await?;
    }
    if ended < surplus {
        // One that had been silent goes on after all, or has just become whole.
        let files = firm.into_iter().chain(stale).collect();
        return Err(NoRoom::Full { max: slot.max, files });
    }
    Ok(ended)
}

/// What the unique name of a file is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'a> {
    pub component: &'a ComponentId,
    pub centre: &'a CentreNumber,
    pub place: &'a Place,
    pub extension: Option<&'a str>,
    /// The organisation's, as an IANA name.
    pub time_zone: &'a str,
    /// When the last byte came.
    pub received_at: Timestamp,
}

/// Takes the first free name of this place and second for a file.
pub(crate) async fn take_name(
    tx: &mut Tx,
    file: FileId,
    parts: &Parts<'_>,
) -> Result<UniqueName, DatabaseError> {
    let Parts { component, centre, place, extension, time_zone, received_at } = parts;
    let zone = TimeZone::get(time_zone).map_err(|_| DatabaseError::BrokenRow {
        table: "organisations",
        id: (*time_zone).to_owned(),
        column: "time_zone",
    })?;
    let stamp = received_at.to_zoned(zone).datetime();
    // A section holds few files, so a second holds few names; the bound is only there to end the loop.
    for ordinal in 1..10_000 {
        let name = UniqueName::compose(component, centre, place, stamp, ordinal, *extension);
        if files::take_name(tx, &name, file).await? {
            return Ok(name);
        }
    }
    Err(DatabaseError::BrokenRow { table: "unique_names", id: file.to_string(), column: "name" })
}
