//! `reference.toml`: organisations, series, assessments and where the components are.

use jiff::tz::TimeZone;
use serde::Deserialize;
use toml::Spanned;

use super::dates::When;
use super::problem::Problems;
use super::text::{Lines, from_toml, one_line};
use crate::component::ComponentId;
use crate::organisation::{AssessmentId, OrganisationId, SeriesId};

/// The file's name in an imported folder.
pub const FILE: &str = "reference.toml";

/// An awarding organisation.
#[derive(Clone, Debug)]
pub struct Organisation {
    pub id: OrganisationId,
    pub name: String,
    pub zone_name: String,
    pub zone: TimeZone,
    /// Colour of its pages, `#rrggbb`.
    pub accent: String,
}

/// An exam session.
#[derive(Clone, Debug)]
pub struct Series {
    pub line: u64,
    pub id: SeriesId,
    pub organisation: OrganisationId,
    pub name: String,
}

/// A component offered in an assessment, and when its work is due.
#[derive(Clone, Debug)]
pub struct Offer {
    pub line: u64,
    pub component: ComponentId,
    pub due: When,
    pub cut_off: When,
}

/// A qualification in a series.
#[derive(Clone, Debug)]
pub struct Assessment {
    pub line: u64,
    pub id: AssessmentId,
    pub organisation: OrganisationId,
    pub series: SeriesId,
    pub name: String,
    pub offers: Vec<Offer>,
}

/// What the file says.
#[derive(Clone, Debug, Default)]
pub struct Structure {
    /// Folder of component definitions, relative to the imported one.
    pub components: String,
    pub organisations: Vec<Organisation>,
    pub series: Vec<Series>,
    pub assessments: Vec<Assessment>,
}

impl Structure {
    /// What is offered, and in which series.
    pub fn offers(&self) -> impl Iterator<Item = (&SeriesId, &ComponentId)> {
        self.assessments
            .iter()
            .flat_map(|item| item.offers.iter().map(|offer| (&item.series, &offer.component)))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    components: String,
    #[serde(default, rename = "organisation")]
    organisations: Vec<RawOrganisation>,
    #[serde(default)]
    series: Vec<RawSeries>,
    #[serde(default, rename = "assessment")]
    assessments: Vec<RawAssessment>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOrganisation {
    id: Spanned<String>,
    #[serde(deserialize_with = "one_line")]
    name: String,
    #[serde(default = "london")]
    time_zone: Spanned<String>,
    #[serde(default = "ink")]
    accent: Spanned<String>,
}

fn london() -> Spanned<String> {
    Spanned::new(0..0, "Europe/London".into())
}

fn ink() -> Spanned<String> {
    Spanned::new(0..0, "#1d4f7c".into())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSeries {
    id: Spanned<String>,
    organisation: Spanned<String>,
    #[serde(deserialize_with = "one_line")]
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAssessment {
    id: Spanned<String>,
    organisation: Spanned<String>,
    series: Spanned<String>,
    #[serde(deserialize_with = "one_line")]
    name: String,
    #[serde(default, rename = "component")]
    components: Vec<RawOffer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOffer {
    id: Spanned<String>,
    due: Spanned<toml::Value>,
    cut_off: Spanned<toml::Value>,
}

/// Reads the file. What is unusable is left out, and `problems` says why.
pub fn parse(text: &str, problems: &mut Problems) -> Option<Structure> {
    let raw: RawFile = from_toml(FILE, text, problems)?;
    let mut reader = Reader { lines: Lines(text), problems };
    let mut read = Structure { components: raw.components, ..Structure::default() };
    read.organisations.extend(raw.organisations.iter().filter_map(|raw| reader.organisation(raw)));
    for raw in &raw.series {
        let id = reader.code(&raw.id);
        let organisation =
            reader.one_of(&raw.organisation, "organisation", &read.organisations, |o| o.id.as_str());
        if let (Some(id), Some(organisation)) = (id, organisation.map(|found| found.id.clone())) {
            let line = reader.lines.of(raw.id.span().start);
            read.series.push(Series { line, id, organisation, name: raw.name.clone() });
        }
    }
    for raw in &raw.assessments {
        let assessment = reader.assessment(raw, &read);
        read.assessments.extend(assessment);
    }
    reader.no_twice("organisation", raw.organisations.iter().map(|raw| &raw.id));
    reader.no_twice("series", raw.series.iter().map(|raw| &raw.id));
    reader.no_twice("assessment", raw.assessments.iter().map(|raw| &raw.id));
    Some(read)
}

struct Reader<'a> {
    lines: Lines<'a>,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn problem<T>(&mut self, at: &Spanned<T>, text: impl std::fmt::Display) {
        self.problems.add(FILE, self.lines.of(at.span().start), text);
    }

    fn code<T: std::str::FromStr<Err: std::fmt::Display>>(&mut self, text: &Spanned<String>) -> Option<T> {
        let line = self.lines.of(text.span().start);
        self.problems.keep(FILE, line, text.get_ref().parse())
    }

    /// A date, with or without quotes.
    fn when(&mut self, value: &Spanned<toml::Value>) -> Option<When> {
        let text = match value.get_ref() {
            toml::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        self.code(&Spanned::new(value.span(), text))
    }

    fn one_of<'l, T>(
        &mut self,
        text: &Spanned<String>,
        what: &str,
        list: &'l [T],
        id: impl Fn(&T) -> &str,
    ) -> Option<&'l T> {
        let found = list.iter().find(|item| id(item) == text.get_ref());
        if found.is_none() {
            self.problem(
                text,
                format!("{what} {:?} is not in this file; add it or correct the id", text.get_ref()),
            );
        }
        found
    }

    fn no_twice<'s>(&mut self, what: &str, ids: impl Iterator<Item = &'s Spanned<String>>) {
        let mut seen = std::collections::HashSet::new();
        for id in ids {
            if !seen.insert(id.get_ref()) {
                self.problem(id, format!("{what} {:?} is there twice; keep one", id.get_ref()));
            }
        }
    }

    fn organisation(&mut self, raw: &RawOrganisation) -> Option<Organisation> {
        let zone_name = raw.time_zone.get_ref();
        let zone = TimeZone::get(zone_name).ok();
        if zone.is_none() {
            self.problem(
                &raw.time_zone,
                format!("time zone {zone_name:?} is unknown; write one like Europe/London"),
            );
        }
        let accent = raw.accent.get_ref();
        let is_colour = accent.len() == 7
            && accent.strip_prefix('#').is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        if !is_colour {
            self.problem(&raw.accent, format!("accent {accent:?} must be a colour like #1d4f7c"));
        }
        Some(Organisation {
            id: self.code(&raw.id)?,
            name: raw.name.clone(),
            zone_name: zone_name.clone(),
            zone: zone?,
            accent: accent.clone(),
        })
    }

    fn assessment(&mut self, raw: &RawAssessment, read: &Structure) -> Option<Assessment> {
        let organisation =
            self.one_of(&raw.organisation, "organisation", &read.organisations, |o| o.id.as_str());
        let series = self.one_of(&raw.series, "series", &read.series, |s| s.id.as_str());
        let offers = raw.components.iter().filter_map(|raw| self.offer(raw)).collect();
        let (organisation, series) = (organisation?, series?);
        if series.organisation != organisation.id {
            self.problem(&raw.series, "the series is another organisation's; name one of this organisation");
        }
        Some(Assessment {
            line: self.lines.of(raw.id.span().start),
            id: self.code(&raw.id)?,
            organisation: organisation.id.clone(),
            series: series.id.clone(),
            name: raw.name.clone(),
            offers,
        })
    }

    fn offer(&mut self, raw: &RawOffer) -> Option<Offer> {
        let (component, due, cut_off) = (self.code(&raw.id), self.when(&raw.due), self.when(&raw.cut_off));
        let line = self.lines.of(raw.id.span().start);
        let (due, cut_off) = (due?, cut_off?);
        let in_order = match (due, cut_off) {
            (When::Date(due), When::Date(cut_off)) => due <= cut_off,
            (When::DaysFromImport(due), When::DaysFromImport(cut_off)) => due <= cut_off,
            _ => false,
        };
        if !in_order {
            let text = "cut_off must not be before due, and both must be dates or both \"+n days\"";
            self.problem(&raw.cut_off, text);
        }
        Some(Offer { line, component: component?, due, cut_off })
    }
}
