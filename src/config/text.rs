//! Sizes and durations as people write them.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

/// A number of bytes, written `"96 MiB"` (B, KiB, MiB, GiB).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size(pub u64);

/// A length of time, written `"30s"` (ms, s, m, h, d).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(pub Duration);

/// The text is no size or duration.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{text:?} must be a whole number and one of {units}")]
pub struct InvalidAmount {
    text: String,
    units: &'static str,
}

const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
const SPANS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

fn parse(text: &str, table: &[(&str, u64)]) -> Option<u64> {
    let digits = text.trim().find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.trim().split_at(digits);
    let (_, factor) = table.iter().find(|(word, _)| *word == unit.trim())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn print(value: u64, table: &[(&str, u64)], gap: &str) -> String {
    let whole = table.iter().find(|(_, factor)| value >= *factor && value.is_multiple_of(*factor));
    let (unit, factor) = whole.or(table.last()).copied().unwrap_or(("", 1));
    format!("{}{gap}{unit}", value / factor)
}

impl FromStr for Size {
    type Err = InvalidAmount;
    fn from_str(text: &str) -> Result<Self, InvalidAmount> {
        let units = "B, KiB, MiB, GiB";
        parse(text, &SIZES).map(Self).ok_or_else(|| InvalidAmount { text: text.to_owned(), units })
    }
}

impl FromStr for Span {
    type Err = InvalidAmount;
    fn from_str(text: &str) -> Result<Self, InvalidAmount> {
        let units = "ms, s, m, h, d";
        parse(text, &SPANS)
            .map(|millis| Self(Duration::from_millis(millis)))
            .ok_or_else(|| InvalidAmount { text: text.to_owned(), units })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print(self.0, &SIZES, " "))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        f.write_str(&print(millis, &SPANS, ""))
    }
}

macro_rules! as_text {
    ($($name:ident)*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl TryFrom<String> for $name {
            type Error = InvalidAmount;
            fn try_from(text: String) -> Result<Self, InvalidAmount> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.to_string()
            }
        }
    )*};
}
as_text!(Size Span);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_back_and_nonsense_is_refused() {
        assert_eq!("96 MiB".parse(), Ok(Size(96 << 20)));
        assert_eq!("7d".parse(), Ok(Span(Duration::from_secs(7 * 86_400))));
        for text in ["96 MiB", "1 GiB", "5 B", "0 B"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
        for text in ["15s", "90s", "10m", "250ms", "7d"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        for bad in ["", "30", "s", "-1s", "1.5h", "30 parsecs", "99999999999999999999d"] {
            assert!(bad.parse::<Span>().is_err(), "{bad:?}");
        }
    }
}
