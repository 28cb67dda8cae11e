//! Dates as people write them in reference data.

use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// When something ends: on a date, or so many days after the first import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// `2026-05-15`: at the local midnight that ends it.
    Date(Date),
    /// `+14 days`: at the local midnight that ends that day, counted from the first import and kept from then on.
    DaysFromImport(i32),
}

/// The text is neither.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("date {0:?} must be like 2026-05-15, or \"+14 days\" from the first import")]
pub struct InvalidWhen(String);

impl FromStr for When {
    type Err = InvalidWhen;
    fn from_str(text: &str) -> Result<Self, InvalidWhen> {
        let wrong = || InvalidWhen(text.to_owned());
        if let Some(days) = text.strip_prefix('+') {
            let days = days.strip_suffix(" days").ok_or_else(wrong)?.parse().map_err(|_| wrong())?;
            return if (0..=3660).contains(&days) { Ok(Self::DaysFromImport(days)) } else { Err(wrong()) };
        }
        text.parse().map(Self::Date).map_err(|_| wrong())
    }
}

impl When {
    /// The moment, for an import made at `now`.
    pub fn at(self, now: Timestamp, zone: &TimeZone) -> Timestamp {
        let date = match self {
            Self::Date(date) => date,
            Self::DaysFromImport(days) => {
                now.to_zoned(zone.clone()).date().saturating_add(Span::new().days(days))
            }
        };
        let end = date.saturating_add(Span::new().days(1)).to_zoned(zone.clone());
        end.map_or(Timestamp::MAX, |midnight| midnight.timestamp())
    }

    pub fn is_relative(self) -> bool {
        matches!(self, Self::DaysFromImport(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_ends_at_local_midnight_even_when_the_clocks_change() {
        let london = TimeZone::get("Europe/London").unwrap();
        let now: Timestamp = "2026-10-20T23:30:00Z".parse().unwrap();
        let at = |text: &str| text.parse::<When>().unwrap().at(now, &london).to_string();
        assert_eq!(at("2026-05-15"), "2026-05-15T23:00:00Z");
        assert_eq!(at("2026-10-25"), "2026-10-26T00:00:00Z");
        // It is the 21st in London by now.
        assert_eq!(at("+3 days"), "2026-10-24T23:00:00Z");
        assert_eq!(at("+4 days"), "2026-10-26T00:00:00Z");
        for bad in ["", "+", "14 days", "+-1 days", "15/05/2026", "+9999999 days"] {
            assert!(bad.parse::<When>().is_err(), "{bad}");
        }
    }
}
