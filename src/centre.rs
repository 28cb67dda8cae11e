//! Centres: the schools and colleges that send work.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A centre number: five characters, digits or capital letters (`98765`, `AB123`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CentreNumber(String);

/// The text is no centre number.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("centre number {0:?} must be 5 characters, digits or letters")]
pub struct InvalidCentreNumber(String);

impl CentreNumber {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CentreNumber {
    type Err = InvalidCentreNumber;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() == 5 && text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            Ok(Self(text.to_ascii_uppercase()))
        } else {
            Err(InvalidCentreNumber(text.to_owned()))
        }
    }
}

impl TryFrom<String> for CentreNumber {
    type Error = InvalidCentreNumber;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<CentreNumber> for String {
    fn from(value: CentreNumber) -> String {
        value.0
    }
}

impl fmt::Display for CentreNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CentreNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
