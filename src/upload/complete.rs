//! The last step: an upload that has all its bytes becomes a *received* file with its unique name.

use serde_json::json;

use super::concatenate::held;
use super::room::{self, Parts};
use super::{Appended, Inner, Lease, UploadError, Uploads};
use crate::database::audit::{self, By, Entry};
use crate::database::files::{self, Received};
use crate::database::partials;
use crate::database::uploads::{self, Progress};
use crate::object_store::{Durable, ObjectKey};

impl Uploads {
    /// Takes the last step of an upload whose bytes are all durable. One of no bytes has had no writer yet, and one
    /// whose length was told after its last byte may still lie in tails: those are made an object here.
    pub(super) async fn finish(&self, lease: Lease) -> Result<Appended, UploadError> {
        let row = &lease.row;
        if lease.offset() > 0 && row.staged.tail.is_empty() {
            return self.complete(lease, Durable::default()).await;
        }
        let mut writer = self.inner.store.resume(row.file, row.epoch, &row.staged).await?;
        let durable = writer.finish().await?;
        self.settle(lease, durable).await
    }

    /// Goes from the last durable byte to *received*.
    pub(super) async fn settle(&self, mut lease: Lease, durable: Durable) -> Result<Appended, UploadError> {
        if durable.multipart.is_some() {
            let expires_at = lease.expires_at();
            let digest = lease.digest.state();
            lease.commit(&durable, &digest, expires_at, false).await?;
            return self.complete(lease, Durable::default()).await;
        }
        // Put whole: it counts with the step to *received*.
        lease.row.staged.advance(&durable);
        self.complete(lease, durable).await
    }

    /// Makes the quarantined object whole, and the file *received*, in one transaction under the lease's epoch. May
    /// be repeated after a crash at any point. `last`: the step that made it whole, where it is not committed.
    pub(super) async fn complete(&self, lease: Lease, last: Durable) -> Result<Appended, UploadError> {
        let inner = &self.inner;
        let row = &lease.row;
        let size = row.staged.offset;
        fail::fail_point!("upload::before_seal");
        let (key, version) = match last.object {
            Some(version) => {
                (ObjectKey::Quarantine { file: row.file, epoch: row.staged.object_epoch }, version)
            }
            None => {
                let seal = inner.store.seal(row.file, row.epoch, &row.staged, size);
                // The store may read and hash all that was put together before it answers.
                if row.is_final() { held(&lease, seal).await? } else { seal.await? }
            }
        };
        fail::fail_point!("upload::after_seal");
        if row.is_partial() {
            return self.partial_whole(lease, last.obsolete, &key, &version).await;
        }

        let now = inner.clock.now();
        let whole = lease.whole();
        let sha256 = whole.map(|whole| whole.sha256);
        let mut tx = inner.db.begin().await?;
        let naming = files::naming(&mut tx, row.file).await?;
        let parts = Parts {
            component: &naming.component,
            centre: &naming.centre,
            place: &naming.place,
            extension: naming.extension.as_deref(),
            time_zone: &naming.time_zone,
            received_at: now,
        };
        let name = room::take_name(&mut tx, row.file, &parts).await?;
        let durable = Durable {
            offset: size,
            object_epoch: row.staged.object_epoch,
            multipart: row.staged.multipart.clone(),
            obsolete: last.obsolete,
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
        let received =
            Received { file: row.file, size, sha256, name: &name, key: &key, version: &version, now };
        if !uploads::advance(&mut tx, &progress).await? || !files::receive(&mut tx, &received).await? {
            return Err(UploadError::Evicted);
        }
        if durable.multipart.is_some() {
            uploads::forget_parts(&mut tx, row.file).await?;
        }
        if row.is_final() {
            partials::joined(&mut tx, row.file, now).await?;
        }
        let entry = Entry {
            sample: Some(naming.at.sample),
            candidate: &naming.at.candidate,
            section: &naming.at.section,
            file: Some(row.file),
            detail: json!({ "size": size, "sha256": sha256, "unique_name": name }),
            ..Entry::new(By::Service, "file.received")
        };
        audit::record(&mut tx, now, entry).await?;
        tx.commit().await?;
        fail::fail_point!("upload::received");
        inner.received.notify_one();
        if row.is_final() {
            inner.ended.notify_one();
        }
        Inner::count_received(size);
        Ok(Appended { offset: size, whole, expires_at: row.expires_at })
    }
}

impl Inner {
    fn count_received(size: u64) {
        metrics::counter!("strongroom_files_received_total").increment(1);
        metrics::counter!("strongroom_bytes_received_total").increment(size);
    }
}
