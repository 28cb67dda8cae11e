//! Sending a submission back: the whole of it, or chosen candidates.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{ReadError, Submissions};
use crate::actor::{Action, Actor, Denied, PersonId, decide};
use crate::candidate::CandidateNumber;
use crate::component::SampleMode;
use crate::database::audit::{self, By, Entry};
use crate::database::{DatabaseError, submissions};
use crate::ids::SampleId;
use crate::sample::SampleState;

/// Longest reason, characters.
const LONGEST_REASON: usize = 2000;

/// What is sent back, why, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Return {
    /// The candidates to open; `None` opens all whose work counts. Once all of these are open, the documents of the
    /// sample are too.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    pub candidates: Option<Vec<CandidateNumber>>,
    pub reason: String,
    /// New due date and cut-off of what is opened.
    #[schema(value_type = String)]
    pub due_at: Timestamp,
}

/// A return that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Returned {
    #[schema(value_type = Vec<String>)]
    pub candidates: Vec<CandidateNumber>,
    pub reason: String,
    #[schema(value_type = String)]
    pub due_at: Timestamp,
    #[schema(value_type = String)]
    pub returned_at: Timestamp,
    #[schema(value_type = String)]
    pub returned_by: PersonId,
}

/// Why nothing was sent back.
#[derive(Debug, thiserror::Error)]
pub enum ReturnError {
    #[error("not theirs to return")]
    Denied(Denied),
    #[error("the sample is not submitted")]
    NotSubmitted,
    #[error("candidate {0} is not in the sample")]
    NotInSample(CandidateNumber),
    #[error("no candidate is named")]
    Nobody,
    #[error("a return needs a reason of 1 to {LONGEST_REASON} characters")]
    Reason,
    #[error("the new date is not ahead")]
    DateNotAhead,
    #[error("the return could not be written")]
    Database(#[from] DatabaseError),
}

impl From<Denied> for ReturnError {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl Submissions {
    /// Opens the named candidates again; nothing else. A returned sample can be opened further; what was ticked since
    /// the last submission must then be ticked again.
    pub async fn give_back(
        &self,
        actor: &Actor,
        sample: SampleId,
        wanted: &Return,
        request: &str,
    ) -> Result<Returned, ReturnError> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let found = submissions::lock(&mut tx, &actor.person, sample).await?.ok_or(Denied::Unknown)?;
        let standing = submissions::standing(&mut tx, found).await?;
        decide(actor, Action::Return, &standing.sample, &standing.component)?;
        if standing.sample.state == SampleState::Open {
            return Err(ReturnError::NotSubmitted);
        }
        let reason = wanted.reason.trim();
        if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
            return Err(ReturnError::Reason);
        }
        if wanted.due_at <= now {
            return Err(ReturnError::DateNotAhead);
        }
        // Who was absent or withdrawn is opened by name, so that the board can put a wrong entry right.
        let by_name = matches!(standing.component.sample_mode, SampleMode::All | SampleMode::List);
        let may_open = |number: &CandidateNumber| {
            let found = standing.candidates.iter().find(|candidate| candidate.number == *number);
            found.is_some_and(|candidate| candidate.in_sample || by_name)
        };
        let mut candidates: Vec<CandidateNumber> = match &wanted.candidates {
            Some(numbers) => numbers.clone(),
            None => standing.counted().map(|candidate| candidate.number.clone()).collect(),
        };
        candidates.sort();
        candidates.dedup();
        if let Some(stray) = candidates.iter().find(|number| !may_open(number)) {
            return Err(ReturnError::NotInSample(stray.clone()));
        }
        if candidates.is_empty() {
            return Err(ReturnError::Nobody);
        }
        let returned = Returned {
            candidates,
            reason: reason.to_owned(),
            due_at: wanted.due_at,
            returned_at: now,
            returned_by: actor.person.clone(),
        };
        submissions::give_back(&mut tx, &standing.sample, &returned).await?;
        let detail = json!({
            "revision": standing.sample.revision,
            "candidates": returned.candidates,
            "due_at": returned.due_at,
        });
        let entry = Entry::new(By::Person(&actor.person), "sample.returned");
        audit::record(&mut tx, now, Entry { sample: Some(sample), detail, request, ..entry }).await?;
        tx.commit().await?;
        Ok(returned)
    }

    /// The last time the sample was sent back, for whoever may see what was submitted.
    pub async fn last_return(&self, actor: &Actor, sample: SampleId) -> Result<Option<Returned>, ReadError> {
        let (found, component) =
            submissions::find(&self.db, &actor.person, sample).await?.ok_or(Denied::Unknown)?;
        decide(actor, Action::ReadSubmission, &found, &component)?;
        Ok(submissions::last_return(&self.db, found.id).await?)
    }
}
