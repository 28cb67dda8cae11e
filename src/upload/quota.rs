//! How much may be taken: of one centre, and of the disk.
//!
//! Both are guards, against programs that run away and disks that fill, and not accounts. What stands in the database
//! is read every [`FRESH`]; what this node takes in between is added to it, and what ends in between is not taken off.
//! So a creation costs no sum over a centre's files, and several nodes may go beyond a limit by what they take in that
//! time; and nothing is refused but by what was read just then.
//!
//! The disk is full for new files when what is free, less what unfinished uploads may still bring, would fall under
//! the floor. A file of deferred length counts when its length is known. Uploads that have begun are never ended for
//! it: they go on into what is left.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{CreateError, Inner};
use crate::centre::CentreNumber;
use crate::database::Tx;
use crate::database::uploads;

/// How old a sum may be.
const FRESH: Duration = Duration::from_secs(10);
/// Centres remembered at once.
const CENTRES: usize = 10_000;

/// The most that is taken.
#[derive(Clone, Copy, Debug)]
pub struct Quotas {
    /// Unfinished uploads of one centre.
    pub open: u64,
    /// Files of one centre that are stored or on their way.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes that stay free on the disk, where the store is one.
    pub floor: u64,
}

impl Default for Quotas {
    fn default() -> Self {
        Self { open: 2_000, files: 200_000, bytes: 4 << 40, floor: 1 << 30 }
    }
}

impl Quotas {
    /// What a centre that has so much may not exceed by one more upload of `files` of `bytes` each, and its limit.
    fn refuse(&self, usage: Usage, files: u64, bytes: u64) -> Option<(&'static str, u64)> {
        let wanted = [
            ("unfinished uploads", usage.open, 1, self.open),
            ("files", usage.files, files, self.files),
            ("bytes", usage.bytes, files.saturating_mul(bytes), self.bytes),
        ];
        let over = wanted.into_iter().find(|(_, has, more, limit)| has.saturating_add(*more) > *limit);
        over.map(|(what, _, _, limit)| (what, limit))
    }
}

/// What a centre has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub open: u64,
    pub files: u64,
    pub bytes: u64,
}

/// What was read, and taken since.
#[derive(Debug, Default)]
pub(super) struct Read {
    centres: Mutex<HashMap<CentreNumber, (Instant, Usage)>>,
    /// Bytes that unfinished uploads may still bring.
    promised: Mutex<Option<(Instant, u64)>>,
}

impl Inner {
    /// Says whether one more upload of `bytes` may be taken that makes so many `files`, and counts it. On a disk a copy
    /// of a file takes no room of its own.
    pub(super) async fn admit(
        &self,
        tx: &mut Tx,
        centre: &CentreNumber,
        files: u64,
        bytes: u64,
    ) -> Result<(), CreateError> {
        let quotas = self.limits.quotas;
        let known = lock(&self.read.centres).get(centre).filter(|(at, _)| at.elapsed() < FRESH).copied();
        if known.is_none_or(|(_, usage)| quotas.refuse(usage, files, bytes).is_some()) {
            let usage = self.usage(tx, centre).await?;
            if let Some((what, limit)) = quotas.refuse(usage, files, bytes) {
                return Err(CreateError::Quota { what, limit });
            }
        }
        if let Some(free) = self.store.free().await? {
            let full = |promised: u64| free.saturating_sub(promised).saturating_sub(bytes) < quotas.floor;
            let known = lock(&self.read.promised).filter(|(at, _)| at.elapsed() < FRESH);
            if known.is_none_or(|(_, promised)| full(promised)) {
                let promised = self.promised(tx).await?;
                if full(promised) {
                    tracing::error!(free, promised, bytes, floor = quotas.floor, "no room for a new file");
                    return Err(CreateError::NoRoom);
                }
            }
        }
        self.count(centre, files, bytes);
        Ok(())
    }

    async fn usage(&self, tx: &mut Tx, centre: &CentreNumber) -> Result<Usage, CreateError> {
        let usage = uploads::usage(tx, centre).await?;
        let mut centres = lock(&self.read.centres);
        if centres.len() >= CENTRES {
            centres.retain(|_, (at, _)| at.elapsed() < FRESH);
        }
        centres.insert(centre.clone(), (Instant::now(), usage));
        Ok(usage)
    }

    async fn promised(&self, tx: &mut Tx) -> Result<u64, CreateError> {
        let bytes = uploads::promised(tx).await?;
        *lock(&self.read.promised) = Some((Instant::now(), bytes));
        Ok(bytes)
    }

    fn count(&self, centre: &CentreNumber, files: u64, bytes: u64) {
        if let Some((_, usage)) = lock(&self.read.centres).get_mut(centre) {
            usage.open += 1;
            usage.files += files;
            usage.bytes = usage.bytes.saturating_add(files.saturating_mul(bytes));
        }
        if let Some((_, promised)) = lock(&self.read.promised).as_mut() {
            *promised = promised.saturating_add(bytes);
        }
    }
}

/// What the locks guard is whole after every statement.
fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
