//! A sample: one centre's candidates whose work is asked for, for one component, series and occasion. It is what gets
//! submitted.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::centre::CentreNumber;
use crate::component::ComponentId;
use crate::evidence::UnknownWord;
use crate::ids::SampleId;
use crate::organisation::{AssessmentId, OrganisationId, SeriesId};

/// Where a sample stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SampleState {
    /// The centre works on it.
    Open,
    /// Locked: a submission holds what was sent.
    Submitted,
    /// Sent back, open again for the returned candidates alone.
    Returned,
}

impl SampleState {
    pub const ALL: [Self; 3] = [Self::Open, Self::Submitted, Self::Returned];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Submitted => "submitted",
            Self::Returned => "returned",
        }
    }
}

impl std::str::FromStr for SampleState {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

/// A sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    pub id: SampleId,
    pub organisation: OrganisationId,
    pub assessment: AssessmentId,
    pub component: ComponentId,
    pub series: SeriesId,
    /// A window, visit or claim batch.
    pub occasion: String,
    pub centre: CentreNumber,
    pub state: SampleState,
    /// Submissions made so far.
    pub revision: u32,
    pub dates: Dates,
}

/// When a sample (or, with an extension, one candidate of it) is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dates {
    /// Work created after this is late.
    pub due_at: Timestamp,
    /// Nothing is created from this on.
    pub cut_off_at: Timestamp,
    /// How long after cut-off an upload that was created before may still finish.
    pub grace: SignedDuration,
}

/// What the dates say of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeliness {
    OnTime,
    Late,
    /// Creation is refused.
    Closed,
}

impl Dates {
    /// Whether a file may be created now, and whether it counts as late. What was created before cut-off may
    /// finish within the grace and keeps its standing.
    pub fn on_creation(&self, now: Timestamp) -> Timeliness {
        if now >= self.cut_off_at {
            Timeliness::Closed
        } else if now > self.due_at {
            Timeliness::Late
        } else {
            Timeliness::OnTime
        }
    }

    /// The end of everything: uploads in progress, and submission.
    pub fn closed_at(&self) -> Timestamp {
        self.cut_off_at.checked_add(self.grace).unwrap_or(Timestamp::MAX)
    }

    /// Whether a submission made now is late; `None` when it is refused. `late_file`: it holds a late file.
    pub fn on_submission(&self, now: Timestamp, late_file: bool) -> Option<bool> {
        if now >= self.closed_at() {
            return None;
        }
        let last = self.due_at.checked_add(self.grace).unwrap_or(Timestamp::MAX);
        Some(late_file || now > last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn created_before_cut_off_is_on_time_and_after_it_refused() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let cut_off = at("2026-05-15T23:00:00Z");
        let dates = Dates { due_at: cut_off, cut_off_at: cut_off, grace: SignedDuration::from_hours(24) };
        assert_eq!(dates.on_creation(at("2026-05-15T22:58:00Z")), Timeliness::OnTime);
        assert_eq!(dates.on_creation(at("2026-05-15T23:01:00Z")), Timeliness::Closed);
        assert!(at("2026-05-16T01:00:00Z") < dates.closed_at());
        let extended =
            Dates { due_at: at("2026-05-20T23:00:00Z"), cut_off_at: at("2026-05-20T23:00:00Z"), ..dates };
        assert_eq!(extended.on_creation(at("2026-05-15T23:01:00Z")), Timeliness::OnTime);
        assert_eq!(dates.on_submission(at("2026-05-16T10:00:00Z"), false), Some(false));
        assert_eq!(dates.on_submission(at("2026-05-16T10:00:00Z"), true), Some(true));
        assert_eq!(dates.on_submission(at("2026-05-17T10:00:00Z"), false), None);
    }
}
