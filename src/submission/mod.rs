//! Submitting a sample: the check, the declarations, the receipt; and sending it back.
//!
//! Submitting is one transaction under the sample's exclusive lock. Everything is checked again inside it, so that
//! what was accepted, deleted or flagged Missing a moment before is either in the manifest or has stopped the
//! submission. The revision that comes of it never changes: its manifest is stored as text with its SHA-256.

mod check;
mod declaration;
mod extension;
mod manifest;
mod receipt;
mod returns;
mod standing;
mod submit;

use std::sync::Arc;

use crate::actor::{Action, Actor, Denied, decide};
use crate::clock::Clock;
use crate::database::audit::{self, By, Entry};
use crate::database::{Database, DatabaseError, submissions};
use crate::ids::SampleId;

pub use check::{Check, Finding, check};
pub use declaration::{Answer, Declaration, DeclarationError, NotDeclared, built_in};
pub use extension::{ExtendError, Extended, Extension};
pub use manifest::{
    CandidateEntry, Declared, FileEntry, Head, Incomplete, Manifest, SectionEntry, harmless, verdict_word,
};
pub use receipt::{KEEP, NotThere, Receipt, number};
pub use returns::{Return, ReturnError, Returned};
pub use standing::{Absent, CandidateFacts, FileFacts, Missing, Notes, OtherMeans, Sharing, Standing};
pub use submit::{SubmitError, Submitted};

/// Submissions: cheap to clone.
#[derive(Clone, Debug)]
pub struct Submissions {
    db: Database,
    clock: Clock,
    declarations: Arc<[Declaration]>,
}

/// Why a submission cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("not theirs to see")]
    Denied(Denied),
    #[error("the sample could not be read")]
    Database(#[from] DatabaseError),
    /// The stored manifest is not one of ours.
    #[error("the manifest of {0}, revision {1}, cannot be read")]
    Broken(SampleId, u32, #[source] serde_json::Error),
}

impl From<Denied> for ReadError {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl Submissions {
    /// With the declarations that are compiled in.
    pub fn new(db: Database, clock: Clock) -> Result<Self, DeclarationError> {
        Ok(Self { db, clock, declarations: built_in()?.into() })
    }

    /// What a centre declares, in the order it is asked.
    pub fn declarations(&self) -> &[Declaration] {
        &self.declarations
    }

    /// What blocks and what is doubtful now, and how the sample stands.
    pub async fn check(&self, actor: &Actor, sample: SampleId) -> Result<(Check, Standing), ReadError> {
        let standing = submissions::look(&self.db, &actor.person, sample).await?.ok_or(Denied::Unknown)?;
        decide(actor, Action::ViewWork, &standing.sample, &standing.component)?;
        Ok((check(&standing, self.clock.now()), standing))
    }

    /// The receipt of a revision.
    pub async fn receipt(
        &self,
        actor: &Actor,
        sample: SampleId,
        revision: u32,
    ) -> Result<Receipt, ReadError> {
        let (text, digest) = self.manifest_text(actor, sample, revision).await?;
        let manifest = serde_json::from_str(&text).map_err(|e| ReadError::Broken(sample, revision, e))?;
        Ok(Receipt::of(&manifest, digest))
    }

    /// The manifest of a revision, parsed.
    pub async fn manifest(
        &self,
        actor: &Actor,
        sample: SampleId,
        revision: u32,
    ) -> Result<Manifest, ReadError> {
        let (text, _) = self.manifest_text(actor, sample, revision).await?;
        serde_json::from_str(&text).map_err(|e| ReadError::Broken(sample, revision, e))
    }

    /// The manifest of a revision for taking away, in the form `form` (`json`, `csv`): on the audit trail first.
    pub async fn download(
        &self,
        actor: &Actor,
        sample: SampleId,
        revision: u32,
        form: &'static str,
        request: &str,
    ) -> Result<(String, crate::evidence::Sha256Digest), ReadError> {
        let read = self.manifest_text(actor, sample, revision).await?;
        let detail = serde_json::json!({"revision": revision, "form": form});
        let entry = Entry::new(By::Person(&actor.person), "manifest.downloaded");
        let mut tx = self.db.begin().await?;
        let entry = Entry { sample: Some(sample), detail, request, ..entry };
        audit::record(&mut tx, self.clock.now(), entry).await?;
        tx.commit().await?;
        Ok(read)
    }

    /// The manifest of a revision, to the byte, and its SHA-256.
    pub async fn manifest_text(
        &self,
        actor: &Actor,
        sample: SampleId,
        revision: u32,
    ) -> Result<(String, crate::evidence::Sha256Digest), ReadError> {
        let (found, component) =
            submissions::find(&self.db, &actor.person, sample).await?.ok_or(Denied::Unknown)?;
        decide(actor, Action::ReadSubmission, &found, &component)?;
        let mut on = self.db.reader().acquire().await.map_err(DatabaseError::from)?;
        let stored = submissions::manifest(&mut on, found.id, revision).await?;
        Ok(stored.ok_or(Denied::Unknown)?)
    }
}

#[cfg(test)]
mod tests;
