//! What clamd says of itself: `ClamAV 1.4.6` or `ClamAV 1.4.6/27000/Thu Oct 22 17:22:46 2026`.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::ScannerIdentity;

/// The parts of a VERSION answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ClamdVersion {
    pub(super) engine: String,
    /// Number and time of the daily database; absent when none is loaded.
    pub(super) daily: Option<(String, Timestamp)>,
}

impl ClamdVersion {
    /// Reads an answer; the date is in clamd's local time. `None` when it is no VERSION answer.
    pub(super) fn parse(answer: &[u8], zone: &TimeZone) -> Option<Self> {
        let text = std::str::from_utf8(answer.strip_suffix(&[0])?).ok()?;
        let mut parts = text.splitn(3, '/');
        let engine =
            parts.next().filter(|engine| engine.starts_with("ClamAV ") && engine.len() <= 100)?.to_owned();
        let Some(number) = parts.next() else { return Some(Self { engine, daily: None }) };
        let at = DateTime::strptime("%a %b %d %H:%M:%S %Y", parts.next()?.trim()).ok()?;
        let at = at.to_zoned(zone.clone()).ok()?.timestamp();
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Some(Self { engine, daily: Some((number.to_owned(), at)) })
    }

    pub(super) fn identity(&self) -> ScannerIdentity {
        let signatures = match &self.daily {
            Some((number, at)) => format!("{number}/{at}"),
            None => "test".to_owned(),
        };
        ScannerIdentity { engine: self.engine.clone(), signatures }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_tells_engine_and_signatures() {
        let parse = |text: &str| ClamdVersion::parse(text.as_bytes(), &TimeZone::UTC);
        let full = parse("ClamAV 1.4.6/27000/Thu Oct 22 17:22:46 2026\0").unwrap();
        assert_eq!(full.identity().signatures, "27000/2026-10-22T17:22:46Z");
        assert_eq!(full.identity().engine, "ClamAV 1.4.6");
        assert_eq!(full.identity().signatures_at(), full.daily.map(|(_, at)| at));
        assert!(parse("ClamAV 1.4.6/27000/Mon Nov  2 07:02:06 2026\0").unwrap().daily.is_some());
        let undated = parse("ClamAV 1.4.6\0").unwrap().identity();
        assert_eq!((undated.signatures_at(), &*undated.signatures), (None, "test"));
        for bad in [
            "",
            "ClamAV 1.4.6",
            "PONG\0",
            "ClamAV 1.4.6/x/Thu Oct 22 17:22:46 2026\0",
            "ClamAV 1.4.6/27000\0",
        ] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}
