//! Typed ids: opaque strings outside, never mixed up inside.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text was not an id of ours; to the outside that is the same as an unknown id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a {0} id")]
pub struct NotAnId(&'static str);

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $word:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh id: time-ordered, so that indexes grow at one end.
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// When it was made, to the millisecond; `None` of one that does not say.
            pub fn made_at(&self) -> Option<Timestamp> {
                let (seconds, nanoseconds) = self.0.get_timestamp()?.to_unix();
                Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanoseconds).ok()?).ok()
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", $word, self.0.simple())
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAnId;
            fn try_from(text: String) -> Result<Self, NotAnId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                if text.len() != 32 || text.bytes().any(|b| b.is_ascii_uppercase()) {
                    return Err(NotAnId($word));
                }
                Uuid::try_parse(text).map(Self).map_err(|_| NotAnId($word))
            }
        }
    };
}

id!(
    /// One uploaded file, through its whole life.
    FileId, "file"
);
id!(
    /// One centre's candidates whose work is asked for, for one component, series and occasion.
    SampleId, "sample"
);
id!(
    /// One candidate's entry in one sample.
    CandidateId, "candidate"
);
id!(
    /// An immutable revision of a sample, as the centre submitted it.
    SubmissionId, "submission"
);
id!(
    /// One plan of many files. Time-ordered.
    PlanId, "plan"
);
id!(
    /// One list that the board gave to be looked at. Time-ordered.
    ImportId, "import"
);
id!(
    /// One hold on a sample. Time-ordered.
    HoldId, "hold"
);
id!(
    /// One row of the audit trail. Time-ordered.
    AuditId, "audit"
);

/// One file of a plan: the plan's id, a dot, and the file's position in it (`0194….17`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PlannedId {
    pub plan: PlanId,
    /// From 0.
    pub position: u32,
}

impl fmt::Display for PlannedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.plan, self.position)
    }
}

impl TryFrom<String> for PlannedId {
    type Error = NotAnId;
    fn try_from(text: String) -> Result<Self, NotAnId> {
        text.parse()
    }
}

impl From<PlannedId> for String {
    fn from(id: PlannedId) -> String {
        id.to_string()
    }
}

impl FromStr for PlannedId {
    type Err = NotAnId;
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let wrong = || NotAnId("planned file");
        let (plan, position) = text.split_once('.').ok_or_else(wrong)?;
        let plan = plan.parse().map_err(|_| wrong())?;
        match position.parse::<u32>() {
            // One spelling: no sign, no zeros before.
            Ok(number) if number.to_string() == position => Ok(Self { plan, position: number }),
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_has_one_spelling() {
        let id = FileId::new();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().to_uppercase().parse::<FileId>().is_err());
        assert!("../etc/passwd".parse::<FileId>().is_err());
        let id = PlannedId { plan: PlanId::new(), position: 4999 };
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in
            [format!("{}.", id.plan), format!("{}.+1", id.plan), format!("{}.01", id.plan), ".1".into()]
        {
            assert!(wrong.parse::<PlannedId>().is_err(), "{wrong}");
        }
    }
}
