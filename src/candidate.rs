//! Candidates: who the work is from, and the order they are listed in.

use std::{cmp::Ordering, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A candidate number: four digits, leading zeros kept (`0042`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CandidateNumber(String);

/// The text is no candidate number.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("candidate number {0:?} must be 4 digits")]
pub struct InvalidCandidateNumber(String);

impl CandidateNumber {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CandidateNumber {
    type Err = InvalidCandidateNumber;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidCandidateNumber(text.to_owned()))
        }
    }
}

impl TryFrom<String> for CandidateNumber {
    type Error = InvalidCandidateNumber;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<CandidateNumber> for String {
    fn from(value: CandidateNumber) -> String {
        value.0
    }
}

impl fmt::Display for CandidateNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CandidateNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// A candidate's standing in the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CandidateStatus {
    Entered,
    /// No work at all; outside completeness.
    Absent,
    /// No longer entered; outside completeness.
    Withdrawn,
}

impl CandidateStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Entered => "entered",
            Self::Absent => "absent",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl FromStr for CandidateStatus {
    type Err = UnknownStatus;
    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        match text {
            "entered" => Ok(Self::Entered),
            "absent" => Ok(Self::Absent),
            "withdrawn" => Ok(Self::Withdrawn),
            _ => Err(UnknownStatus(text.to_owned())),
        }
    }
}

/// The text is no candidate status.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("status {0:?} must be entered, absent or withdrawn")]
pub struct UnknownStatus(String);

/// The order of the candidate list: mark descending, ties by number, no mark after the marked, absent and
/// withdrawn at the end (product rules, *Order*).
pub fn by_mark(
    a: (Option<i64>, CandidateStatus, &CandidateNumber),
    b: (Option<i64>, CandidateStatus, &CandidateNumber),
) -> Ordering {
    let group = |mark: Option<i64>, status| match (status, mark) {
        (CandidateStatus::Entered, Some(_)) => 0,
        (CandidateStatus::Entered, None) => 1,
        (CandidateStatus::Absent | CandidateStatus::Withdrawn, _) => 2,
    };
    group(a.0, a.1)
        .cmp(&group(b.0, b.1))
        .then_with(|| if group(a.0, a.1) == 0 { b.0.cmp(&a.0) } else { Ordering::Equal })
        .then_with(|| a.2.cmp(b.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_by_number_none_after_the_marked_and_absent_last() {
        let n = |text: &str| text.parse::<CandidateNumber>().unwrap();
        let mut list = [
            (n("1001"), Some(30), CandidateStatus::Entered),
            (n("1002"), Some(99), CandidateStatus::Absent),
            (n("1003"), None, CandidateStatus::Entered),
            (n("1005"), Some(45), CandidateStatus::Entered),
            (n("1004"), Some(45), CandidateStatus::Entered),
        ];
        list.sort_by(|a, b| by_mark((a.1, a.2, &a.0), (b.1, b.2, &b.0)));
        let order: Vec<_> = list.iter().map(|c| c.0.as_str()).collect();
        assert_eq!(order, ["1004", "1005", "1001", "1003", "1002"]);
    }
}
