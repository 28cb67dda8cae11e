//! The submission itself, and the ticks before it.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::Submissions;
use super::check::{Check, Finding, check};
use super::declaration::{Answer, Declaration, NotDeclared, settled};
use super::manifest::{Declared, Head, Incomplete, Manifest};
use super::receipt::{Receipt, number};
use super::standing::Standing;
use crate::actor::{Action, Actor, Denied, decide};
use crate::database::audit::{self, By, Entry};
use crate::database::submissions::{self, NewSubmission};
use crate::database::uploads::{self, End};
use crate::database::{DatabaseError, Tx};
use crate::evidence::PAUSED_AFTER;
use crate::evidence::Sha256Digest;
use crate::ids::{FileId, SampleId};
use crate::sample::SampleState;

/// How often another receipt number is tried when one is taken. At thirty to the eighth, once is rare.
const RECEIPT_TRIES: usize = 8;

/// Why nothing was submitted.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    #[error("not theirs to submit")]
    Denied(Denied),
    #[error("{} thing(s) block the submission", .0.blocking.len())]
    Blocked(Box<Check>),
    #[error(transparent)]
    NotDeclared(#[from] NotDeclared),
    #[error("the submission could not be written")]
    Database(#[from] DatabaseError),
    #[error("the manifest cannot be written")]
    Incomplete(#[from] Incomplete),
    #[error("the manifest cannot be written or read")]
    Manifest(#[from] serde_json::Error),
    #[error("no free receipt number was found")]
    NoReceipt,
}

impl From<Denied> for SubmitError {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

/// A submission, and whether this call made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    pub receipt: Receipt,
    pub new: bool,
}

impl Submissions {
    /// Ticks a declaration for the coming revision, or takes the tick back. Who ticked first is kept.
    pub async fn tick(
        &self,
        actor: &Actor,
        sample: SampleId,
        answer: &Answer,
        request: &str,
    ) -> Result<(), SubmitError> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let standing = locked(&mut tx, actor, sample).await?;
        if standing.sample.state == SampleState::Submitted {
            return Err(SubmitError::Blocked(Box::new(check(&standing, now))));
        }
        let unknown = || NotDeclared::Unknown(answer.id.clone());
        let declaration = self.declarations.iter().find(|d| d.id == answer.id).ok_or_else(unknown)?;
        if declaration.version != answer.version {
            let (id, version) = (answer.id.clone(), declaration.version);
            return Err(NotDeclared::Changed { id, version }.into());
        }
        let revision = standing.sample.revision + 1;
        let action = if answer.accepted {
            submissions::tick(&mut tx, sample, revision, &declared(declaration, actor, now)).await?;
            "declaration.ticked"
        } else {
            submissions::untick(&mut tx, sample, revision, &answer.id).await?;
            "declaration.unticked"
        };
        let detail = json!({"declaration": answer.id, "version": answer.version, "revision": revision});
        let entry = Entry::new(By::Person(&actor.person), action);
        audit::record(&mut tx, now, Entry { sample: Some(sample), detail, request, ..entry }).await?;
        Ok(tx.commit().await?)
    }

    /// Submits the sample. A sample that is submitted already answers with the receipt it has.
    pub async fn submit(
        &self,
        actor: &Actor,
        sample: SampleId,
        answers: &[Answer],
        request: &str,
    ) -> Result<Submitted, SubmitError> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let standing = locked(&mut tx, actor, sample).await?;
        if standing.sample.state == SampleState::Submitted {
            return existing(&mut tx, &standing).await;
        }
        let found = check(&standing, now);
        let Some(late) = standing.late(now).filter(|_| found.may_submit()) else {
            return Err(SubmitError::Blocked(Box::new(found)));
        };
        settled(&self.declarations, &standing.ticked, answers)?;
        let by = By::Person(&actor.person);
        cancel_paused(&mut tx, &standing, &by, now, request).await?;
        let revision = standing.sample.revision + 1;
        for declaration in self.declarations.iter() {
            submissions::tick(&mut tx, sample, revision, &declared(declaration, actor, now)).await?;
        }
        let head = Head {
            revision,
            receipt: free_number(&mut tx, &standing, now).await?,
            submitted_at: now,
            submitted_by: actor.person.clone(),
            late,
            declarations: self.in_order(submissions::ticks(tx.on(), sample, revision).await?),
        };
        let manifest = Manifest::of(&standing, head)?;
        let receipt = write(&mut tx, &manifest, &by, request).await?;
        tx.commit().await?;
        Ok(Submitted { receipt, new: true })
    }

    fn in_order(&self, mut ticks: Vec<Declared>) -> Vec<Declared> {
        ticks.sort_by_key(|tick| self.declarations.iter().position(|known| known.id == tick.id));
        ticks
    }
}

/// The sample, held against everyone, as it stands; if the actor may submit it.
async fn locked(tx: &mut Tx, actor: &Actor, sample: SampleId) -> Result<Standing, SubmitError> {
    let sample = submissions::lock(tx, &actor.person, sample).await?.ok_or(Denied::Unknown)?;
    let standing = submissions::standing(tx, sample).await?;
    decide(actor, Action::Submit, &standing.sample, &standing.component)?;
    Ok(standing)
}

async fn existing(tx: &mut Tx, standing: &Standing) -> Result<Submitted, SubmitError> {
    let (sample, revision) = (standing.sample.id, standing.sample.revision);
    let (text, digest) = submissions::manifest(tx.on(), sample, revision)
        .await?
        .ok_or(DatabaseError::BrokenRow { table: "samples", id: sample.to_string(), column: "revision" })?;
    Ok(Submitted { receipt: Receipt::of(&serde_json::from_str(&text)?, digest), new: false })
}

fn declared(declaration: &Declaration, actor: &Actor, now: Timestamp) -> Declared {
    Declared {
        id: declaration.id.clone(),
        version: declaration.version,
        text_sha256: declaration.text_sha256(),
        ticked_by: actor.person.clone(),
        ticked_at: now,
    }
}

/// Cancels what stands still. One that moved just now blocks instead.
async fn cancel_paused(
    tx: &mut Tx,
    standing: &Standing,
    by: &By<'_>,
    now: Timestamp,
    request: &str,
) -> Result<(), SubmitError> {
    let idle_since = now.saturating_sub(PAUSED_AFTER).unwrap_or(Timestamp::MIN);
    for file in standing.files().filter(|file| file.is_paused(now)) {
        if !uploads::end(tx, file.id, End::SilentSince(idle_since), now).await? {
            return Err(SubmitError::Blocked(Box::new(Check {
                blocking: vec![Finding {
                    code: "file_running",
                    candidate: standing.number_of(&file.candidate_id).cloned(),
                    section: Some(file.section.clone()),
                    file: Some(file.id),
                    sentence: format!("{} goes on uploading. Wait for it, or cancel it.", file.original_name),
                }],
                doubtful: Vec::new(),
            })));
        }
        let entry = Entry {
            sample: Some(standing.sample.id),
            candidate: &file.candidate_id,
            section: &file.section,
            file: Some(file.id),
            detail: json!({"why": "submitted"}),
            request,
            ..Entry::new(by.clone(), "file.cancelled")
        };
        audit::record(tx, now, entry).await?;
    }
    Ok(())
}

async fn free_number(tx: &mut Tx, standing: &Standing, now: Timestamp) -> Result<String, SubmitError> {
    let zone = TimeZone::get(&standing.time_zone).unwrap_or(TimeZone::UTC);
    let year = now.to_zoned(zone).year();
    for _ in 0..RECEIPT_TRIES {
        let receipt = number(year, rand::random());
        if !submissions::is_taken(tx, &receipt).await? {
            return Ok(receipt);
        }
    }
    Err(SubmitError::NoReceipt)
}

async fn write(tx: &mut Tx, manifest: &Manifest, by: &By<'_>, request: &str) -> Result<Receipt, SubmitError> {
    let text = manifest.text()?;
    let manifest_sha256 = Sha256Digest(Sha256::digest(text.as_bytes()).into());
    let files: Vec<FileId> = manifest.files.iter().map(|file| file.id).collect();
    let new = NewSubmission {
        sample: manifest.sample,
        revision: manifest.revision,
        receipt: &manifest.receipt,
        at: manifest.submitted_at,
        by: &manifest.submitted_by,
        late: manifest.late,
        manifest: &text,
        manifest_sha256,
        files: &files,
    };
    let id = submissions::insert(tx, &new).await?;
    let detail = json!({
        "submission": id,
        "revision": manifest.revision,
        "receipt": manifest.receipt,
        "manifest_sha256": manifest_sha256,
        "files": files.len(),
        "late": manifest.late,
    });
    let entry = Entry {
        sample: Some(manifest.sample),
        detail,
        request,
        ..Entry::new(by.clone(), "sample.submitted")
    };
    audit::record(tx, manifest.submitted_at, entry).await?;
    Ok(Receipt::of(manifest, manifest_sha256))
}
