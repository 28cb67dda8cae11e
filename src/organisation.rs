//! Awarding organisations, their series and their assessments.

use serde::{Deserialize, Serialize};

/// A code was not `[A-Za-z0-9_-]{1,64}`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{what} {text:?} must be 1 to {max} characters of A-Z a-z 0-9 _ -")]
pub struct InvalidCode {
    pub what: &'static str,
    pub text: String,
    pub max: usize,
}

pub(crate) fn code(what: &'static str, text: &str, max: usize) -> Result<String, InvalidCode> {
    let fits = !text.is_empty()
        && text.len() <= max
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if fits { Ok(text.to_owned()) } else { Err(InvalidCode { what, text: text.to_owned(), max }) }
}

macro_rules! code_type {
    ($(#[$doc:meta])* $name:ident, $word:literal, $max:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl std::str::FromStr for $name {
            type Err = $crate::organisation::InvalidCode;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::organisation::code($word, text, $max).map(Self)
            }
        }
        impl TryFrom<String> for $name {
            type Error = $crate::organisation::InvalidCode;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
    };
}
pub(crate) use code_type;

code_type!(
    /// An awarding organisation (`ocr`). One deployment serves several.
    OrganisationId, "organisation", 64
);
code_type!(
    /// An exam session (`june-2026`), or `on-demand`.
    SeriesId, "series", 64
);
code_type!(
    /// A qualification in a series, as the home page lists it.
    AssessmentId, "assessment", 64
);
