//! Infected originals on their way to a place of their own, and out of it when their time is over.
//!
//! The row comes first, with the refusal or the withdrawal; the bytes follow. Each step may be repeated: a copy that was
//! made is found equal, and where the bytes were goes by `discards`.

use jiff::{SignedDuration, Timestamp};

use super::Workers;
use crate::database::audit::{self, By, Entry};
use crate::database::incidents::{self, Kept};
use crate::database::{DatabaseError, Tx, checks, holds, uploads};
use crate::object_store::{ObjectKey, StoreError};
use crate::tasks::Tasks;

/// Rows a pass takes at most of each kind.
const BATCH: i64 = 50;
/// Until a move is tried again that failed. One that never succeeds ends with the time the original would be kept.
const AGAIN: SignedDuration = SignedDuration::from_mins(5);

/// Why one incident is left for the next pass.
#[derive(Debug, thiserror::Error)]
enum Left {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl Workers {
    pub(super) async fn incident_loop(self, tasks: Tasks) {
        loop {
            if let Err(error) = self.see_to_incidents().await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "infected originals stay where they are for now");
            }
            tokio::select! {
                () = tasks.stopping().cancelled() => return,
                () = self.to_move.notified() => {}
                () = tokio::time::sleep(self.limits.poll * 5) => {}
            }
        }
    }

    /// When an original that is found now is given up.
    pub(super) fn incident_ends(&self, now: Timestamp) -> Timestamp {
        now.checked_add(self.limits.keep_infected).unwrap_or(Timestamp::MAX)
    }

    async fn see_to_incidents(&self) -> Result<(), DatabaseError> {
        let now = self.clock.now();
        for kept in incidents::to_move(&self.db, now, BATCH).await? {
            if kept.expires_at <= now {
                let to = ObjectKey::Incident { sample: kept.sample, file: kept.file };
                self.end(&kept, "incident.lost", &[kept.object.0.clone(), to]).await?;
                continue;
            }
            if let Err(error) = self.put_away(&kept).await {
                tracing::warn!(
                    file = %kept.file,
                    error = &error as &dyn std::error::Error,
                    "an infected original stays where it is for now"
                );
                let mut tx = self.db.begin().await?;
                incidents::put_off(&mut tx, kept.file, now.checked_add(AGAIN).unwrap_or(Timestamp::MAX))
                    .await?;
                tx.commit().await?;
            }
        }
        for kept in incidents::due(&self.db, now, BATCH).await? {
            self.end(&kept, "incident.removed", std::slice::from_ref(&kept.object.0)).await?;
        }
        Ok(())
    }

    /// Moves the bytes to their own place.
    async fn put_away(&self, kept: &Kept) -> Result<(), Left> {
        let (from, version) = &kept.object;
        let to = ObjectKey::Incident { sample: kept.sample, file: kept.file };
        let copied = self.store.promote(from, version, kept.crc32, &to).await?;
        fail::fail_point!("incident::copied");
        let mut tx = self.db.begin().await?;
        if incidents::moved(&mut tx, kept.file, &to, &copied).await? {
            uploads::discard(&mut tx, std::slice::from_ref(from), self.clock.now()).await?;
            tx.commit().await?;
            fail::fail_point!("incident::moved");
            self.ended.notify_one();
        }
        Ok(())
    }

    /// Gives an original up whose time is over.
    async fn end(
        &self,
        kept: &Kept,
        action: &'static str,
        obsolete: &[ObjectKey],
    ) -> Result<(), DatabaseError> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        checks::hold_sample(&mut tx, kept.sample).await?;
        // A hold that was placed since.
        if holds::stands(&mut tx, kept.sample).await? {
            return Ok(());
        }
        if incidents::removed(&mut tx, kept.file, now).await? {
            uploads::discard(&mut tx, obsolete, now).await?;
            record(&mut tx, now, kept, action).await?;
            tx.commit().await?;
            self.ended.notify_one();
        }
        Ok(())
    }
}

async fn record(tx: &mut Tx, now: Timestamp, kept: &Kept, action: &'static str) -> Result<(), DatabaseError> {
    let entry = Entry {
        sample: Some(kept.sample),
        candidate: &kept.candidate,
        section: &kept.section,
        file: Some(kept.file),
        ..Entry::new(By::Service, action)
    };
    audit::record(tx, now, entry).await
}
