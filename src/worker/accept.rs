//! Promotion and acceptance: the only way into evidence.
//!
//! The bytes are copied (filesystem: linked) to their evidence key first, pinned to the judged version and compared; then one
//! transaction accepts the file under the place's lock, where the rules that depend on other files are decided:
//! duplicates, room, replacement, Missing. The quarantined object is discarded by the same transaction. A crash
//! before it leaves a copy that the next try finds equal.

use std::time::Instant;

use serde_json::json;

use super::Workers;
use super::check::{CheckError, evidence_key};
use crate::check::{Clean, Judgement, took};
use crate::database::audit::{self, By, Entry};
use crate::database::checks::{self, Accepted, CheckRow, Refused};
use crate::database::files::{self, PlaceRef};
use crate::database::flags::{self, FlagPlace};
use crate::database::{Tx, samples, uploads};
use crate::evidence::{FileState, Reason};
use crate::object_store::ObjectKey;

impl Workers {
    pub(super) async fn admit(
        &self,
        row: &CheckRow,
        judgement: &Judgement,
        clean: &Clean,
    ) -> Result<(), CheckError> {
        let key = evidence_key(row);
        fail::fail_point!("promote::before_copy");
        let began = Instant::now();
        let version = self.store.promote(&row.quarantine.0, clean.version(), clean.crc32(), &key).await?;
        fail::fail_point!("promote::copied");
        let mut obsolete = self.quarantined(row).await?;
        took("promote", began.elapsed());

        let began = Instant::now();
        let mut tx = self.db.begin().await?;
        checks::hold_sample(&mut tx, row.sample).await?;
        samples::lock_place(&mut tx, row.sample, &row.candidate, &row.section).await?;
        if let Some(refused) = self.no_room(&mut tx, row, judgement).await? {
            obsolete.push(key);
            self.write_refusal(&mut tx, row, judgement, &refused, &obsolete).await?;
        } else {
            let twin = checks::twin(&mut tx, row, judgement.examined.sha256).await?;
            let accepted = Accepted {
                judgement,
                key: &key,
                version: &version,
                scanned: clean.scanned(),
                duplicate_of: twin.map(|twin| twin.file),
                now: self.clock.now(),
            };
            self.write_acceptance(&mut tx, row, &accepted, &obsolete).await?;
        }
        tx.commit().await?;
        took("commit", began.elapsed());
        fail::fail_point!("promote::accepted");
        self.ended.notify_one();
        self.to_share.notify_one();
        Ok(())
    }

    /// The refusals that depend on what else lies in the place.
    async fn no_room(
        &self,
        tx: &mut Tx,
        row: &CheckRow,
        judgement: &Judgement,
    ) -> Result<Option<Refused>, CheckError> {
        let twin = checks::twin(tx, row, judgement.examined.sha256).await?;
        if twin.is_some_and(|twin| twin.same_place) {
            return Ok(Some(Refused {
                state: FileState::Rejected,
                reason: Reason::Duplicate,
                detail: "The same file is already here.".into(),
            }));
        }
        let place = PlaceRef {
            sample: row.sample,
            candidate: &row.candidate,
            kind: &row.kind,
            section: &row.section,
        };
        let holders = files::holders(tx, place).await?;
        let others =
            holders.iter().filter(|holder| holder.accepted && Some(holder.file) != row.replaces).count();
        if others >= row.rules.max as usize {
            let max = row.rules.max;
            return Ok(Some(Refused {
                state: FileState::Rejected,
                reason: Reason::TooManyFiles,
                detail: format!("The section takes at most {max}; other files were accepted first."),
            }));
        }
        Ok(None)
    }

    async fn write_acceptance(
        &self,
        tx: &mut Tx,
        row: &CheckRow,
        accepted: &Accepted<'_>,
        obsolete: &[ObjectKey],
    ) -> Result<(), CheckError> {
        let now = accepted.now;
        if !checks::accept(tx, row, accepted).await? {
            return Err(CheckError::Fenced);
        }
        uploads::discard(tx, obsolete, now).await?;
        let of = |action| Entry {
            sample: Some(row.sample),
            candidate: &row.candidate,
            section: &row.section,
            ..Entry::new(By::Service, action)
        };
        let judgement = accepted.judgement;
        let detail = json!({
            "sha256": judgement.examined.sha256,
            "scanned": accepted.scanned,
            "engine": judgement.scanner.as_ref().map(|scanner| &scanner.engine),
            "duplicate_of": accepted.duplicate_of,
        });
        audit::record(tx, now, Entry { file: Some(row.file), detail, ..of("file.accepted") }).await?;
        if let Some(replaced) = row.replaces
            && checks::supersede(tx, replaced).await?
        {
            let detail = json!({ "by": row.file });
            audit::record(tx, now, Entry { file: Some(replaced), detail, ..of("file.superseded") }).await?;
        }
        let place = FlagPlace { sample: row.sample, candidate: &row.candidate, section: &row.section };
        if row.kind == "evidence"
            && let Some(gone) = flags::overtaken(tx, place, row.rules.needed()).await?
        {
            audit::record(tx, now, Entry { file: Some(row.file), ..of(gone.cleared()) }).await?;
        }
        metrics::counter!("strongroom_files_accepted_total").increment(1);
        Ok(())
    }
}
