//! Who looks at a page, and the frame that follows from it; times as people read them.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::page::{Frame, OrganisationView, PersonView};
use crate::actor::Actor;
use crate::database::workspace::SampleLine;
use crate::http::error::ApiError;
use crate::http::identity::Caller;
use crate::service::Service;

/// Longest that a page waits to hear of the scanner.
const PATIENCE: Duration = Duration::from_millis(500);

/// A signed-in person at a page. Without one, a page sends to sign-in (`web::errors`).
#[derive(Clone, Debug)]
pub struct Visitor {
    pub actor: Actor,
    csrf: String,
    test_signatures: bool,
}

impl FromRequestParts<Arc<Service>> for Visitor {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, ApiError> {
        let caller = <Caller as FromRequestParts<Arc<Service>>>::from_request_parts(parts, service).await?;
        // Pages are for browsers: a program's token has no session and so no token for forms.
        let session = caller.session.ok_or(ApiError::SignedOut)?;
        let test_signatures = test_signatures(service).await;
        Ok(Self { actor: caller.actor, csrf: session.csrf, test_signatures })
    }
}

impl OptionalFromRequestParts<Arc<Service>> for Visitor {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Option<Self>, ApiError> {
        match <Self as FromRequestParts<Arc<Service>>>::from_request_parts(parts, service).await {
            Ok(visitor) => Ok(Some(visitor)),
            Err(ApiError::SignedOut) => Ok(None),
            Err(other) => Err(other),
        }
    }
}

impl Visitor {
    /// A page of this person's.
    pub fn frame(&self, title: impl Into<String>, trail: &[(&str, &str)]) -> Frame {
        let mut frame = Frame::titled(title, trail);
        let centre = self.actor.grants.iter().find_map(|grant| grant.centre.as_ref());
        let place = centre.map(|centre| format!("Centre {centre}")).unwrap_or_default();
        let (id, name) = (self.actor.person.to_string(), self.actor.name.clone());
        frame.person = Some(PersonView { id, name, place });
        frame.csrf.clone_from(&self.csrf);
        frame.test_signatures = self.test_signatures;
        frame.uploads = true;
        frame
    }

    /// A page about a sample: its organisation's accent, its component's help, the way back through its assessment.
    pub fn frame_of(&self, title: impl Into<String>, line: &SampleLine, inside: bool) -> Frame {
        let assessment = format!("/assessments/{}", line.sample.assessment);
        let sample = format!("/samples/{}", line.sample.id);
        let mut trail = vec![(line.assessment.as_str(), assessment.as_str())];
        if inside {
            trail.push((line.component.title.as_str(), sample.as_str()));
        }
        let mut frame = self.frame(title, &trail);
        frame.organisation = Some(organisation(line));
        frame.component = Some(line.component.title.clone());
        frame.help = format!("{sample}/help");
        frame
    }
}

/// Whether files are checked with test signatures alone. A scanner that does not say within the patience of a page is
/// readiness's concern, not the page's.
pub async fn test_signatures(service: &Service) -> bool {
    let asked = tokio::time::timeout(PATIENCE, service.scanner.readiness()).await;
    asked.is_ok_and(|readiness| readiness.test_signatures)
}

/// The organisation of a sample, for the frame.
pub fn organisation(line: &SampleLine) -> OrganisationView {
    OrganisationView { id: line.sample.organisation.to_string(), name: line.organisation.clone() }
}

/// Times in the organisation's own zone.
#[derive(Clone, Debug)]
pub struct Times {
    zone: TimeZone,
    now: Timestamp,
}

impl Times {
    /// `zone`: an IANA name; one that this system does not know reads as UTC.
    pub fn new(zone: &str, now: Timestamp) -> Self {
        Self { zone: TimeZone::get(zone).unwrap_or(TimeZone::UTC), now }
    }

    /// `Fri 15 May 2026, 23:59`.
    pub fn minute(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%a %-d %b %Y, %H:%M").to_string()
    }

    /// Like [`Times::minute`], for a deadline: one at midnight is the end of the day before.
    pub fn deadline(&self, at: Timestamp) -> String {
        let local = at.to_zoned(self.zone.clone());
        let midnight = local.hour() == 0 && local.minute() == 0;
        let shown = if midnight { at.saturating_sub(SignedDuration::from_mins(1)).unwrap_or(at) } else { at };
        self.minute(shown)
    }

    /// `Friday 15 May 2026, 14:10:22`.
    pub fn second(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%A %-d %B %Y, %H:%M:%S").to_string()
    }

    /// The end of that day, as a browser's field of date and time has it: `2026-05-15T23:59`.
    pub fn end_of_day(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%dT23:59").to_string()
    }

    /// The moment of such a field; of a time that the clock skips or has twice, the one that a clock shows then.
    pub fn instant(&self, field: &str) -> Option<Timestamp> {
        let local: jiff::civil::DateTime = field.trim().parse().ok()?;
        Some(local.to_zoned(self.zone.clone()).ok()?.timestamp())
    }

    /// `in 3 days`, `in 5 hours`, `today`; empty when it has passed.
    pub fn until(&self, at: Timestamp) -> String {
        let hours = at.duration_since(self.now).as_hours();
        match hours {
            ..0 => String::new(),
            0..=1 => "within the hour".into(),
            2..=47 => format!("in {hours} hours"),
            _ => format!("in {} days", hours / 24),
        }
    }

    pub fn now(&self) -> Timestamp {
        self.now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_date_and_time_is_in_the_organisations_zone() {
        let times = Times::new("Europe/London", Timestamp::UNIX_EPOCH);
        let at = times.instant("2026-06-12T23:59").unwrap();
        assert_eq!(at.to_string(), "2026-06-12T22:59:00Z");
        assert_eq!(times.end_of_day(times.instant("2026-06-12T00:30").unwrap()), "2026-06-12T23:59");
        for text in ["", "tomorrow", "2026-13-01T00:00"] {
            assert_eq!(times.instant(text), None, "{text}");
        }
    }
}
