//! What nobody else does: expiring, clearing away, and finishing steps that were cut short. Every pass is bounded and
//! may be repeated; two nodes may sweep at once.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{UploadError, Uploads, concatenate};
use crate::database::audit::{self, By, Entry};
use crate::database::uploads::{self, End};
use crate::database::{files, imports, partials, plans};
use crate::ids::FileId;
use crate::object_store::{ObjectKey, Staged};

/// Rows a pass takes at most of each kind.
const BATCH: i64 = 100;
/// Plans and lists that have run out, with up to thousands of rows each.
const PLANS: i64 = 10;
/// Where staged bytes lie, in order.
const OBJECTS: &str = "quarantine/";
const TAILS: &str = "tail/";
/// Staged objects looked at in one go.
const PAGE: usize = 1000;
/// How old an upload must be that no row knows, for its bytes to go. Its row is there before its bytes and is forgotten
/// long after them, so there is no hurry; and what belongs to rows that somebody is about to bring back stays.
const UNKNOWN: SignedDuration = SignedDuration::from_hours(60 * 24);
/// Minutes until an object is tried again that could not be removed.
const AGAIN: i64 = 5;

impl Uploads {
    /// One pass. Returns how many rows it moved; errors of single rows are logged and left for the next pass.
    pub async fn sweep(&self) -> Result<usize, UploadError> {
        let inner = &self.inner;
        let mut moved = 0;
        for file in uploads::whole(&inner.db, BATCH).await? {
            moved += usize::from(logged(file, "finishing", self.finish_whole(file).await));
        }
        for file in uploads::expired(&inner.db, inner.clock.now(), BATCH).await? {
            moved += usize::from(logged(file, "expiring", self.expire(file).await));
        }
        for file in uploads::ended(&inner.db, BATCH).await? {
            moved += usize::from(logged(file, "clearing", self.clear(file).await));
        }
        let forgotten = inner.clock.now().checked_sub(concatenate::REMEMBERED);
        let forgotten = partials::forgettable(&inner.db, forgotten.unwrap_or(Timestamp::MIN), BATCH).await?;
        if !forgotten.is_empty() {
            let mut tx = inner.db.begin().await?;
            partials::forget(&mut tx, &forgotten).await?;
            tx.commit().await?;
        }
        for plan in plans::expired(&inner.db, inner.clock.now(), PLANS).await? {
            let mut tx = inner.db.begin().await?;
            plans::delete(&mut tx, plan).await?;
            tx.commit().await?;
            moved += 1;
        }
        moved += imports::forget(&inner.db, inner.clock.now(), PLANS).await?;
        for key in files::due_discards(&inner.db, inner.clock.now(), BATCH).await? {
            let gone = inner.store.delete(&key).await;
            fail::fail_point!("sweep::removed");
            if let Err(error) = &gone {
                tracing::warn!(%key, error = error as &dyn std::error::Error, "an object cannot be removed yet");
            }
            let again = inner.clock.now() + SignedDuration::from_mins(AGAIN);
            let mut tx = inner.db.begin().await?;
            files::settle_discard(&mut tx, &key, gone.is_err().then_some(again)).await?;
            tx.commit().await?;
            moved += usize::from(gone.is_ok());
        }
        Ok(moved)
    }

    /// Looks at one page of what is staged, from `after` on, for bytes of files that need none any more: a writer that
    /// was overridden may hang on a call, and put them when its upload has long ended. Where the next page begins.
    pub async fn clear_left_behind(&self, after: Option<String>) -> Result<Option<String>, UploadError> {
        let inner = &self.inner;
        let prefix = if after.as_deref().is_some_and(|path| path >= TAILS) { TAILS } else { OBJECTS };
        let mut paths = inner.store.list(prefix, after.as_deref(), PAGE).await?;
        let next = match paths.last() {
            Some(last) if paths.len() == PAGE => Some(last.clone()),
            _ => (prefix == OBJECTS).then(|| TAILS.to_owned()),
        };
        if after.is_none() {
            paths.extend(inner.store.unfinished(PAGE).await?);
        }
        let mut files: Vec<FileId> = paths.iter().filter_map(|path| staged_of(path)).collect();
        files.dedup();
        let ancient = inner.clock.now().saturating_sub(UNKNOWN).unwrap_or(Timestamp::MIN);
        for file in files {
            let over = uploads::is_over(&inner.db, file).await?;
            if over.unwrap_or_else(|| file.made_at().is_some_and(|made| made < ancient)) {
                let gone = inner.store.discard(file, i64::MAX, &Staged::default()).await;
                logged(file, "clearing what was left behind by", gone.map_err(UploadError::from));
            }
        }
        Ok(next)
    }

    /// A node died between the last byte and *received*.
    async fn finish_whole(&self, file: FileId) -> Result<(), UploadError> {
        let lease = self.take(file).await?;
        if lease.row.length != Some(lease.offset()) || !lease.row.state.is_open() {
            return Ok(());
        }
        self.finish(*lease).await.map(|_| ())
    }

    async fn expire(&self, file: FileId) -> Result<(), UploadError> {
        let inner = &self.inner;
        let now = inner.clock.now();
        let mut tx = inner.db.begin().await?;
        let Some(at) = files::whereabouts(&mut tx, file).await? else {
            drop(tx);
            return self.expire_partial(file).await.map(|_| ());
        };
        if uploads::end(&mut tx, file, End::Expired(now), now).await? {
            let entry = Entry {
                sample: Some(at.sample),
                candidate: &at.candidate,
                section: &at.section,
                file: Some(file),
                detail: json!({ "why": "no bytes for too long" }),
                ..Entry::new(By::Service, "file.expired")
            };
            audit::record(&mut tx, now, entry).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Removes the bytes of an upload that ended unfinished, or of a piece that has served, then its rows. Its file row
    /// stays, and a partial's for a while.
    async fn clear(&self, file: FileId) -> Result<(), UploadError> {
        let inner = &self.inner;
        self.evict(file).await;
        // The claim fences a writer that is still busy, and brings the ledger with its parts.
        let lease = self.take(file).await?;
        if lease.row.state.is_open() {
            return Ok(());
        }
        inner.store.discard(file, lease.row.epoch, &lease.row.staged).await?;
        fail::fail_point!("sweep::cleared");
        let mut tx = inner.db.begin().await?;
        match lease.row.is_partial() {
            true => partials::cleared(&mut tx, file).await?,
            false => uploads::forget(&mut tx, file).await?,
        }
        Ok(tx.commit().await?)
    }
}

/// Whose bytes these are, if they are staged ones.
fn staged_of(path: &str) -> Option<FileId> {
    match path.parse() {
        Ok(ObjectKey::Quarantine { file, .. } | ObjectKey::Tail { file, .. }) => Some(file),
        _ => None,
    }
}

fn logged(file: FileId, doing: &str, result: Result<(), UploadError>) -> bool {
    if let Err(error) = &result {
        tracing::warn!(%file, doing, error = error as &dyn std::error::Error, "a sweep left an upload for later");
    }
    result.is_ok()
}
