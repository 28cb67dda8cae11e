//! More time, for a whole sample or for chosen candidates.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Submissions;
use super::standing::Standing;
use crate::actor::{Action, Actor, Denied, PersonId, decide};
use crate::candidate::CandidateNumber;
use crate::database::audit::{self, By, Entry};
use crate::database::{DatabaseError, dates, submissions};
use crate::ids::SampleId;
use crate::sample::SampleState;

/// Longest reason, characters.
const LONGEST_REASON: usize = 2000;

/// More time: for whom, why, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    /// The candidates who get it; `None` is the whole sample.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    pub candidates: Option<Vec<CandidateNumber>>,
    pub reason: String,
    #[schema(value_type = String)]
    pub due_at: Timestamp,
    /// As far after the new due date as the sample's cut-off is after its own, when left out.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub cut_off_at: Option<Timestamp>,
}

/// An extension that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Extended {
    #[schema(value_type = Option<Vec<String>>)]
    pub candidates: Option<Vec<CandidateNumber>>,
    pub reason: String,
    #[schema(value_type = String)]
    pub due_at: Timestamp,
    #[schema(value_type = String)]
    pub cut_off_at: Timestamp,
    #[schema(value_type = String)]
    pub extended_at: Timestamp,
    #[schema(value_type = String)]
    pub extended_by: PersonId,
}

/// Why nothing was extended.
#[derive(Debug, thiserror::Error)]
pub enum ExtendError {
    #[error("not theirs to extend")]
    Denied(Denied),
    #[error("the sample is submitted")]
    Submitted,
    #[error("candidate {0} is not in this sample")]
    Unknown(CandidateNumber),
    #[error("no candidate is named")]
    Nobody,
    #[error("an extension needs a reason of 1 to {LONGEST_REASON} characters")]
    Reason,
    #[error("the new cut-off is not ahead, or before the new due date")]
    CutOff,
    /// Time is given, never taken. The candidate whose it is; `None`: the sample.
    #[error("there is as much time already")]
    NotLater(Option<CandidateNumber>),
    #[error("the extension could not be written")]
    Database(#[from] DatabaseError),
}

impl From<Denied> for ExtendError {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl Submissions {
    /// Moves due date and cut-off further away. A submitted sample has to be returned instead.
    pub async fn extend(
        &self,
        actor: &Actor,
        sample: SampleId,
        wanted: &Extension,
        request: &str,
    ) -> Result<Extended, ExtendError> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let found = submissions::lock(&mut tx, &actor.person, sample).await?.ok_or(Denied::Unknown)?;
        let standing = submissions::standing(&mut tx, found).await?;
        decide(actor, Action::Extend, &standing.sample, &standing.component)?;
        if standing.sample.state == SampleState::Submitted {
            return Err(ExtendError::Submitted);
        }
        let reason = wanted.reason.trim();
        if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
            return Err(ExtendError::Reason);
        }
        let of_sample = standing.sample.dates;
        let gap = of_sample.cut_off_at.duration_since(of_sample.due_at);
        let cut_off_at =
            wanted.cut_off_at.unwrap_or_else(|| wanted.due_at.checked_add(gap).unwrap_or(Timestamp::MAX));
        if cut_off_at <= now || cut_off_at < wanted.due_at {
            return Err(ExtendError::CutOff);
        }
        let extended = Extended {
            candidates: named(wanted)?,
            reason: reason.to_owned(),
            due_at: wanted.due_at,
            cut_off_at,
            extended_at: now,
            extended_by: actor.person.clone(),
        };
        later(&standing, &extended)?;
        dates::extend(&mut tx, sample, &extended).await?;
        let detail = json!({
            "candidates": extended.candidates,
            "due_at": extended.due_at,
            "cut_off_at": extended.cut_off_at,
            "before": { "due_at": of_sample.due_at, "cut_off_at": of_sample.cut_off_at },
        });
        let entry = Entry::new(By::Person(&actor.person), "sample.extended");
        audit::record(&mut tx, now, Entry { sample: Some(sample), detail, request, ..entry }).await?;
        tx.commit().await?;
        Ok(extended)
    }
}

/// The candidates, each once and in order.
fn named(wanted: &Extension) -> Result<Option<Vec<CandidateNumber>>, ExtendError> {
    let mut numbers = wanted.candidates.clone();
    if let Some(numbers) = &mut numbers {
        numbers.sort();
        numbers.dedup();
        if numbers.is_empty() {
            return Err(ExtendError::Nobody);
        }
    }
    Ok(numbers)
}

/// Nobody loses time by an extension, and whoever gets one gains.
fn later(standing: &Standing, extended: &Extended) -> Result<(), ExtendError> {
    let sample = standing.sample.dates;
    let gains = |due_at: Timestamp, cut_off_at: Timestamp| {
        let (due, cut_off) = (extended.due_at, extended.cut_off_at);
        due >= due_at && cut_off >= cut_off_at && (due > due_at || cut_off > cut_off_at)
    };
    let Some(numbers) = &extended.candidates else {
        let gained = gains(sample.due_at, sample.cut_off_at);
        return if gained { Ok(()) } else { Err(ExtendError::NotLater(None)) };
    };
    for number in numbers {
        let found = standing.candidates.iter().find(|candidate| candidate.number == *number);
        let found = found.ok_or_else(|| ExtendError::Unknown(number.clone()))?;
        let due_at = found.due_at.unwrap_or(sample.due_at);
        if !gains(due_at, found.cut_off_at.unwrap_or(sample.cut_off_at)) {
            return Err(ExtendError::NotLater(Some(number.clone())));
        }
    }
    Ok(())
}
