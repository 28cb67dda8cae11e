//! Names: the one the candidate gave, kept verbatim, and the unique one that storage and every list show.
//!
//! `{component}_{centre}_{candidate}_{section}_{DD_MM_YYYY_HH_MM_SS}[_n][.ext]`, the stamp in the organisation's
//! time zone. Component ids hold underscores, so a name is read from the right: the stamp, the section, the
//! candidate, the centre; the rest is the component. A sample document has `Documents` in place of candidate and
//! section.

use std::{fmt, str::FromStr};

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use super::{DOCUMENTS, Place, SUPPORTING, SectionCode, extension_of};
use crate::candidate::CandidateNumber;
use crate::centre::CentreNumber;
use crate::component::ComponentId;

/// The name a file came with: one path part, as sent. Kept verbatim; never part of a path or key of ours.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OriginalName(String);

/// A folder a file came in (`Evidence/Week 1`): parts joined by `/`, no empty part, no `.` or `..`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RelativePath(String);

/// A name or folder that cannot be taken.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidName {
    #[error("the file has no name; give it one")]
    Empty,
    #[error("the name is longer than {limit} bytes; shorten it")]
    TooLong { limit: usize },
    #[error("the name holds a control, direction or blank character; rename the file with plain letters")]
    HiddenCharacter,
    #[error("the name holds a path; send the folder apart from the name")]
    Path,
}

/// Longest name, bytes of UTF-8 (what common file systems take).
const NAME_LIMIT: usize = 255;
/// Longest folder, bytes of UTF-8.
const PATH_LIMIT: usize = 1024;

/// Attack: a name that shows as another, as its ending alone, or on two lines.
pub(crate) fn hides(name: &str) -> bool {
    // Tags spell the flags of England, Scotland and Wales after a black one; elsewhere they show as nothing.
    let mut flag = false;
    name.chars().any(|c| {
        let tag = ('\u{e0000}'..='\u{e007f}').contains(&c);
        flag = c == '\u{1f3f4}' || (flag && tag);
        hidden(c) || (tag && !flag)
    })
}

/// Controls, directions, separators of lines and paragraphs, and letters that are blank.
fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{061c}'
            | '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}')
}

impl OriginalName {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The extension in lower case; see [`extension_of`].
    pub fn extension(&self) -> Option<String> {
        extension_of(&self.0)
    }
}

fn part(text: &str) -> Result<(), InvalidName> {
    if text.is_empty() || text == "." || text == ".." {
        return Err(InvalidName::Empty);
    }
    if text.len() > NAME_LIMIT {
        return Err(InvalidName::TooLong { limit: NAME_LIMIT });
    }
    if hides(text) { Err(InvalidName::HiddenCharacter) } else { Ok(()) }
}

impl FromStr for OriginalName {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if text.contains(['/', '\\']) {
            return Err(InvalidName::Path);
        }
        part(text)?;
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for OriginalName {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<OriginalName> for String {
    fn from(value: OriginalName) -> String {
        value.0
    }
}

impl fmt::Display for OriginalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for OriginalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl RelativePath {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for RelativePath {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        if text.len() > PATH_LIMIT {
            return Err(InvalidName::TooLong { limit: PATH_LIMIT });
        }
        if text.contains('\\') || text.as_bytes().get(1) == Some(&b':') {
            return Err(InvalidName::Path);
        }
        let text = text.trim_end_matches('/');
        text.split('/').try_for_each(part)?;
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for RelativePath {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<RelativePath> for String {
    fn from(value: RelativePath) -> String {
        value.0
    }
}

/// A file's unique name. Unique by a database constraint; parses back into [`UniqueNameParts`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UniqueName(String);

/// What a unique name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UniqueNameParts {
    pub component: ComponentId,
    pub centre: CentreNumber,
    /// `None` for a sample document, or a section name as written (`Supporting` among them).
    pub candidate: Option<(CandidateNumber, String)>,
    /// When the last byte was received, local time of the organisation.
    pub stamp: DateTime,
    /// 1 unless the second, third, ... of its name.
    pub ordinal: u32,
    pub extension: Option<String>,
}

/// The text is no unique name of ours.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a unique name: it must end in _DD_MM_YYYY_HH_MM_SS before its extension")]
pub struct InvalidUniqueName(String);

impl UniqueName {
    /// The name of the `ordinal`-th file (from 1) of this place and second.
    pub fn compose(
        component: &ComponentId,
        centre: &CentreNumber,
        place: &Place,
        stamp: DateTime,
        ordinal: u32,
        extension: Option<&str>,
    ) -> Self {
        let middle = match place {
            Place::Section { candidate, section } => format!("{candidate}_{section}"),
            Place::Supporting { candidate } => format!("{candidate}_{SUPPORTING}"),
            Place::Document { .. } => DOCUMENTS.to_owned(),
        };
        let mut name = format!("{component}_{centre}_{middle}_{}", stamp.strftime("%d_%m_%Y_%H_%M_%S"));
        if ordinal > 1 {
            name.push_str(&format!("_{ordinal}"));
        }
        if let Some(extension) = extension {
            name.push('.');
            name.push_str(extension);
        }
        Self(name)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads the name back, from the right.
    pub fn parts(&self) -> Result<UniqueNameParts, InvalidUniqueName> {
        parse(&self.0).ok_or_else(|| InvalidUniqueName(self.0.clone()))
    }
}

fn parse(name: &str) -> Option<UniqueNameParts> {
    // The stem has no dot (ids are [A-Za-z0-9_-]), so the first dot begins the extension.
    let (stem, extension) = match name.split_once('.') {
        Some((stem, extension)) if is_extension(extension) => (stem, Some(extension.to_owned())),
        Some(_) => return None,
        None => (name, None),
    };
    let mut fields: Vec<&str> = stem.split('_').collect();
    let (ordinal, stamp) = match stamp_of(&fields) {
        Some(stamp) => (1, stamp),
        None => {
            let ordinal: u32 = fields.pop()?.parse().ok().filter(|n| *n > 1)?;
            (ordinal, stamp_of(&fields)?)
        }
    };
    fields.truncate(fields.len() - 6);
    let section = fields.pop()?;
    let candidate = if section == DOCUMENTS {
        None
    } else {
        if section != SUPPORTING {
            section.parse::<SectionCode>().ok()?;
        }
        Some((fields.pop()?.parse().ok()?, section.to_owned()))
    };
    let centre = fields.pop()?.parse().ok()?;
    let component = fields.join("_").parse().ok()?;
    Some(UniqueNameParts { component, centre, candidate, stamp, ordinal, extension })
}

/// One of the catalogue is: letters, digits, a dot between them.
fn is_extension(text: &str) -> bool {
    text.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn stamp_of(fields: &[&str]) -> Option<DateTime> {
    let tail = fields.get(fields.len().checked_sub(6)?..)?;
    let digits = tail.iter().all(|field| field.bytes().all(|byte| byte.is_ascii_digit()));
    if !digits || tail.iter().map(|field| field.len()).ne([2, 2, 4, 2, 2, 2]) {
        return None;
    }
    DateTime::strptime("%d_%m_%Y_%H_%M_%S", tail.join("_")).ok()
}

impl FromStr for UniqueName {
    type Err = InvalidUniqueName;
    fn from_str(text: &str) -> Result<Self, InvalidUniqueName> {
        parse(text).map(|_| Self(text.to_owned())).ok_or_else(|| InvalidUniqueName(text.to_owned()))
    }
}

impl TryFrom<String> for UniqueName {
    type Error = InvalidUniqueName;
    fn try_from(text: String) -> Result<Self, InvalidUniqueName> {
        text.parse()
    }
}

impl From<UniqueName> for String {
    fn from(value: UniqueName) -> String {
        value.0
    }
}

impl fmt::Display for UniqueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UniqueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_known_example_parses_back() {
        let name: UniqueName = "01_3357_R085_01_98765_1005_Supporting_14_01_2021_12_14_11".parse().unwrap();
        let parts = name.parts().unwrap();
        assert_eq!(parts.component.as_str(), "01_3357_R085_01");
        assert_eq!(parts.centre.as_str(), "98765");
        assert_eq!(parts.candidate, Some(("1005".parse().unwrap(), "Supporting".into())));
        assert_eq!(parts.stamp, jiff::civil::date(2021, 1, 14).at(12, 14, 11, 0));
        assert_eq!((parts.ordinal, parts.extension), (1, None));
    }

    #[test]
    fn an_extension_is_one() {
        let name = "R085_98765_1005_URS_14_01_2021_12_14_11";
        for extension in ["pdf", "tar.gz", "7z"] {
            assert!(format!("{name}.{extension}").parse::<UniqueName>().is_ok(), "{extension}");
        }
        for other in ["", "pdf.", ".pdf", "p/df", "p\0df", "../x", "p df"] {
            assert!(format!("{name}.{other}").parse::<UniqueName>().is_err(), "{other:?}");
        }
        assert!(name.replace("_01_", "_\n1_").parse::<UniqueName>().is_err());
    }

    #[test]
    fn names_with_paths_or_hidden_characters_are_refused() {
        for bad in ["", "..", "a/b", "a\\b", "a\u{202e}fdp.exe", "a\0.pdf", "a\r\n.pdf"] {
            assert!(bad.parse::<OriginalName>().is_err(), "{bad:?}");
        }
        for hidden in
            "\u{2028}\u{2029}\u{3164}\u{115f}\u{1160}\u{ffa0}\u{2800}\u{e0001}\u{e0020}\u{e007f}".chars()
        {
            for bad in [format!("{hidden}.pdf"), format!("a{hidden}.pdf")] {
                assert_eq!(bad.parse::<OriginalName>(), Err(InvalidName::HiddenCharacter), "{bad:?}");
                assert!(bad.parse::<RelativePath>().is_err(), "{bad:?}");
            }
        }
        for good in
            ["🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f} trip.pdf", "한글.pdf", "👩‍🎨.pdf"]
        {
            assert!(good.parse::<OriginalName>().is_ok(), "{good}");
        }
        assert!("../x".parse::<RelativePath>().is_err());
        assert!("C:/x".parse::<RelativePath>().is_err());
        assert!("/x".parse::<RelativePath>().is_err());
        assert_eq!("Week 1/Ünit/".parse::<RelativePath>().unwrap().as_str(), "Week 1/Ünit");
    }

    proptest! {
        #[test]
        fn every_composed_name_parses_back(
            component in "[A-Za-z0-9]{1,6}(_[A-Za-z0-9-]{1,6}){0,4}",
            centre in "[A-Z0-9]{5}", number in "[0-9]{4}", section in "[A-Za-z0-9]{1,24}",
            seconds in 0i64..4_000_000_000, ordinal in 1u32..50, extension in prop::option::of("pdf|tar\\.gz|7z"),
        ) {
            prop_assume!(section.parse::<SectionCode>().is_ok());
            let component: ComponentId = component.parse().unwrap();
            let stamp = jiff::Timestamp::from_second(seconds).unwrap().to_zoned(jiff::tz::TimeZone::UTC).datetime();
            let place = Place::Section { candidate: number.parse().unwrap(), section: section.parse().unwrap() };
            let name = UniqueName::compose(
                &component, &centre.parse().unwrap(), &place, stamp, ordinal, extension.as_deref());
            let parts = name.parts().unwrap();
            prop_assert_eq!(parts.component, component);
            prop_assert_eq!(parts.candidate, Some((number.parse().unwrap(), section)));
            prop_assert_eq!(parts.stamp, stamp);
            prop_assert_eq!(parts.ordinal, ordinal);
            prop_assert_eq!(parts.extension, extension);
        }
    }
}
