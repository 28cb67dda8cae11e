//! What a name or a folder says, read against what there is.
//!
//! `scan0001.pdf` is not candidate 0001 and `2024_results.pdf` not candidate 2024: a number by itself files nothing,
//! and a name that holds another candidate's surname or number asks first.
//!
//! How words are compared: case and accents do not matter; `/`, `-`, `_`, `.` and a blank are the same; candidate
//! numbers are compared as numbers of four to six digits (`001005` is `1005`); where several words of the roll begin at
//! one place, the longest counts.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::naming::Pattern;
use super::target::Target;
use super::template::{Field, Part, Template};
use super::text::{fold, is_separator};
use crate::candidate::CandidateNumber;
use crate::centre::CentreNumber;
use crate::component::{Component, ComponentId, Section};
use crate::evidence::{SUPPORTING, UniqueName};

/// Candidates that one file may be shared by.
pub const MOST_SHARING: usize = 30;
/// Letters that a surname has at least, to be looked for in names.
const LEAST_SURNAME: usize = 3;
/// Numbers that are rather years than the end of a range.
const YEARS: std::ops::Range<u32> = 1990..2100;

/// A slot, and what it is called.
#[derive(Clone, Debug)]
struct Slot {
    target: Target,
    /// Code, title and aliases, folded.
    words: Vec<String>,
    naming_assessed: bool,
}

/// Someone entered.
#[derive(Clone, Debug)]
struct Person {
    number: CandidateNumber,
    /// The words of the name, folded.
    words: Vec<String>,
}

/// What names are read against.
#[derive(Clone, Debug)]
pub struct Roll {
    centre: CentreNumber,
    component: ComponentId,
    /// Id and aliases, folded.
    component_words: Vec<String>,
    slots: Vec<Slot>,
    people: BTreeMap<u32, Person>,
    /// Who has a surname, folded, that is no word of a section.
    surnames: HashMap<String, Vec<CandidateNumber>>,
}

/// What a name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filing {
    Filed {
        /// One, or those who share the file, in the order named.
        candidates: Vec<CandidateNumber>,
        target: Target,
        /// The file's folder, as far as it is the candidate's own.
        folder: String,
    },
    Unfiled(Unfiled),
}

/// A file that waits for a person, and what is beyond doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfiled {
    pub doubt: Doubt,
    pub candidates: Vec<CandidateNumber>,
    pub target: Option<Target>,
}

/// Why a name does not say where its file belongs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    #[error("The name does not follow the pattern.")]
    Pattern,
    #[error("Could be candidate {0}, but the name does not follow the pattern.")]
    MaybeCandidate(CandidateNumber),
    #[error("Centre {0} is not yours.")]
    OtherCentre(String),
    #[error("The component is not named.")]
    NoComponent,
    #[error("Candidate {0} is not entered here.")]
    UnknownCandidate(String),
    #[error("The section is not named.")]
    NoSection,
    #[error("The name can be read in two ways.")]
    Ambiguous,
    #[error("The number is {number}, but the name mentions {other}.")]
    Mentions { number: CandidateNumber, other: CandidateNumber },
    #[error("File names are part of what is assessed there: only a zip is filed by its name.")]
    NamingAssessed,
    #[error("It would be shared by more than {MOST_SHARING} candidates.")]
    TooManySharing,
}

impl Doubt {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Pattern => "no_pattern",
            Self::MaybeCandidate(_) => "maybe_candidate",
            Self::OtherCentre(_) => "other_centre",
            Self::NoComponent => "no_component",
            Self::UnknownCandidate(_) => "unknown_candidate",
            Self::NoSection => "no_section",
            Self::Ambiguous => "ambiguous",
            Self::Mentions { .. } => "mentions_another",
            Self::NamingAssessed => "naming_assessed",
            Self::TooManySharing => "too_many_sharing",
        }
    }

    /// To choose the section is enough: the candidate is not in doubt.
    pub fn is_about_section(&self) -> bool {
        matches!(self, Self::NoSection | Self::NamingAssessed)
    }
}

/// Fields as far as they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Reading {
    candidates: Vec<CandidateNumber>,
    target: Option<Target>,
    /// What the free part of the name says, folded.
    rest: String,
    folder: String,
}

impl Reading {
    fn but(self, doubt: Doubt) -> Unfiled {
        Unfiled { doubt, candidates: self.candidates, target: self.target }
    }
}

/// The reading that came furthest before it failed.
#[derive(Debug, Default)]
struct Furthest {
    fields: usize,
    stopped: Option<(Doubt, Reading)>,
}

impl Furthest {
    fn stop(&mut self, fields: usize, doubt: Doubt, reading: &Reading) {
        if self.stopped.is_none() || fields > self.fields {
            (self.fields, self.stopped) = (fields, Some((doubt, reading.clone())));
        }
    }
}

impl Roll {
    /// `candidates`: number and name of everyone entered.
    pub fn new<'a>(
        centre: &CentreNumber,
        component: &Component,
        candidates: impl IntoIterator<Item = (&'a CandidateNumber, &'a str)>,
    ) -> Self {
        let slot = |section: &Section, target: Target, code: &str| Slot {
            words: [code, section.title.as_str()]
                .into_iter()
                .chain(section.aliases.iter().map(String::as_str))
                .map(fold)
                .filter(|word| !word.is_empty())
                .collect(),
            target,
            naming_assessed: section.naming_assessed,
        };
        let sections = component.sections.iter();
        let slots: Vec<Slot> = sections
            .map(|section| slot(section, Target::Section(section.code.clone()), section.code.as_str()))
            .chain(component.supporting.iter().map(|rules| slot(rules, Target::Supporting, SUPPORTING)))
            .collect();
        // What is called like a section is that, and no person.
        let taken: HashSet<String> =
            slots.iter().flat_map(|slot| &slot.words).flat_map(|phrase| words(phrase)).collect();
        let (mut people, mut surnames) = (BTreeMap::new(), HashMap::<_, Vec<_>>::new());
        for (number, name) in candidates {
            let surname = surname(name);
            if surname.chars().count() >= LEAST_SURNAME && !taken.contains(&surname) {
                surnames.entry(surname).or_default().push(number.clone());
            }
            if let Ok(value) = number.as_str().parse() {
                people.insert(value, Person { number: number.clone(), words: words(name) });
            }
        }
        let ids = std::iter::once(component.id.as_str()).chain(component.aliases.iter().map(String::as_str));
        Self {
            centre: centre.clone(),
            component: component.id.clone(),
            component_words: ids.map(fold).collect(),
            slots,
            people,
            surnames,
        }
    }

    /// Reads a file's folder (`Class 9/1005 O'Neill/Evidence`, empty for none) and name.
    pub fn file(&self, pattern: &Pattern, folder: &str, name: &str) -> Filing {
        let read = match pattern {
            Pattern::Template { template, section } => self.by_template(template, section, folder, name),
            Pattern::Folders => self.by_folders(folder, name),
            Pattern::Unique => self.by_unique_name(folder, name),
        };
        match read.and_then(|reading| self.agree(reading, name)) {
            Ok((candidates, target, folder)) => Filing::Filed { candidates, target, folder },
            Err(unfiled) => Filing::Unfiled(unfiled),
        }
    }

    /// What holds whatever the pattern: nobody is shared by too many, and the section takes files by name.
    fn agree(&self, reading: Reading, name: &str) -> Result<(Vec<CandidateNumber>, Target, String), Unfiled> {
        let Some(target) = reading.target.clone() else {
            return Err(reading.but(Doubt::NoSection));
        };
        let assessed = self.slots.iter().any(|slot| slot.naming_assessed && slot.target == target);
        if assessed && !name.to_ascii_lowercase().ends_with(".zip") {
            return Err(reading.but(Doubt::NamingAssessed));
        }
        Ok((reading.candidates, target, reading.folder))
    }

    /// Says no when `free`, what nothing else explains of the name, speaks of somebody else: a surname anywhere (unless
    /// the candidate's own name is there too), or a number (`numbers`: of its own anywhere, else only where it begins).
    fn mentions(&self, reading: Reading, free: &str, anywhere: bool) -> Result<Reading, Unfiled> {
        let [number] = reading.candidates.as_slice() else { return Ok(reading) };
        let number = number.clone();
        let said = words(free);
        let own = value(&number).and_then(|value| self.people.get(&value));
        let is_own = |word: &String| word.chars().count() >= LEAST_SURNAME && said.contains(word);
        let named = own.is_some_and(|person| person.words.iter().any(is_own));
        let other =
            said.iter().filter(|_| !named).filter_map(|word| self.surnames.get(word)).flatten().next();
        let other = other.cloned().or_else(|| {
            let free = fold(free);
            let mut tokens = free.split(|c: char| !c.is_alphanumeric()).filter(|token| !token.is_empty());
            let entered = |token| self.entered(number_alone(token)?).ok().filter(|other| *other != number);
            if anywhere { tokens.find_map(entered) } else { tokens.next().and_then(entered) }
        });
        match other {
            Some(other) => Err(reading.but(Doubt::Mentions { number, other })),
            None => Ok(reading),
        }
    }

    fn by_template(
        &self,
        template: &Template,
        section: &Option<Target>,
        folder: &str,
        name: &str,
    ) -> Result<Reading, Unfiled> {
        let text = fold(stem(name));
        let (mut found, mut furthest) = (Vec::new(), Furthest::default());
        let start = Reading { target: section.clone(), folder: folder.to_owned(), ..Reading::default() };
        for parts in template.forms() {
            self.read(&parts, &text, 0, start.clone(), &mut found, &mut furthest);
        }
        // Two ways to the same thing are one.
        let mut readings: Vec<Reading> = Vec::new();
        for reading in found {
            let same =
                |other: &Reading| other.candidates == reading.candidates && other.target == reading.target;
            if !readings.iter().any(same) {
                readings.push(reading);
            }
        }
        match readings.len() {
            0 => Err(self.unread(&text, start, furthest)),
            1 => {
                let reading = readings.remove(0);
                let rest = reading.rest.clone();
                // The folder it lies in may be a candidate's own.
                let last = folder.rsplit('/').next().unwrap_or_default();
                let reading = self.mentions(reading, &rest, true)?;
                self.mentions(reading, last, false)
            }
            _ => Err(start.but(Doubt::Ambiguous)),
        }
    }

    /// Why nothing was read.
    fn unread(&self, text: &str, start: Reading, furthest: Furthest) -> Unfiled {
        match furthest.stopped {
            Some((doubt, reading)) if furthest.fields > 0 || doubt != Doubt::Pattern => reading.but(doubt),
            _ => start.but(self.maybe(text).map_or(Doubt::Pattern, Doubt::MaybeCandidate)),
        }
    }

    /// Reads the rest of a pattern from the rest of a text, in every way there is.
    fn read(
        &self,
        parts: &[Part],
        text: &str,
        fields: usize,
        reading: Reading,
        found: &mut Vec<Reading>,
        furthest: &mut Furthest,
    ) {
        let Some((part, after)) = parts.split_first() else {
            match text {
                "" => found.push(reading),
                _ => furthest.stop(fields, Doubt::Pattern, &reading),
            }
            return;
        };
        let mut next = |text: &str, reading: Reading| {
            self.read(after, text, fields + 1, reading, found, furthest);
        };
        match part {
            Part::Literal(literal) => match strip_literal(text, literal) {
                Some(text) => self.read(after, text, fields, reading, found, furthest),
                None => furthest.stop(fields, missing(after), &reading),
            },
            Part::Field(Field::Rest) if text.is_empty() => furthest.stop(fields, Doubt::Pattern, &reading),
            Part::Field(Field::Rest) if after.is_empty() => {
                next("", Reading { rest: text.to_owned(), ..reading });
            }
            Part::Field(Field::Rest) => {
                for (at, _) in text.char_indices().skip(1) {
                    next(&text[at..], Reading { rest: text[..at].to_owned(), ..reading.clone() });
                }
            }
            Part::Field(Field::Centre) => match token(text) {
                (own, text) if own == fold(self.centre.as_str()) => next(text, reading),
                (other, _) if is_centre(other) => {
                    furthest.stop(fields, Doubt::OtherCentre(other.to_uppercase()), &reading);
                }
                _ => furthest.stop(fields, Doubt::Pattern, &reading),
            },
            Part::Field(Field::Component) => {
                let words = self.component_words.iter();
                match words.filter_map(|word| strip_word(text, word)).min_by_key(|after| after.len()) {
                    Some(text) => next(text, reading),
                    None => furthest.stop(fields, Doubt::NoComponent, &reading),
                }
            }
            Part::Field(Field::Section) => match self.section_at(text) {
                Ok((target, text)) => next(text, Reading { target: Some(target), ..reading }),
                Err(doubt) => furthest.stop(fields, doubt, &reading),
            },
            Part::Field(Field::Candidate) => match self.candidates_at(text) {
                Ok((candidates, text)) => next(text, Reading { candidates, ..reading }),
                Err(doubt) => furthest.stop(fields, doubt, &reading),
            },
        }
    }

    /// The section whose word begins the text, the longest first.
    fn section_at<'t>(&self, text: &'t str) -> Result<(Target, &'t str), Doubt> {
        let mut best: Option<(&Target, &str)> = None;
        let mut tied = false;
        for slot in &self.slots {
            for after in slot.words.iter().filter_map(|word| strip_word(text, word)) {
                match best {
                    Some((_, shortest)) if after.len() > shortest.len() => {}
                    Some((target, shortest)) if after.len() == shortest.len() => {
                        tied |= *target != slot.target
                    }
                    _ => (best, tied) = (Some((&slot.target, after)), false),
                }
            }
        }
        match best {
            Some(_) if tied => Err(Doubt::Ambiguous),
            Some((target, after)) => Ok((target.clone(), after)),
            None => Err(Doubt::NoSection),
        }
    }

    /// `1005`, `001005`, `0001-0004` (each of them entered), `0001+0007` at the start of a text.
    fn candidates_at<'t>(&self, text: &'t str) -> Result<(Vec<CandidateNumber>, &'t str), Doubt> {
        let (digits, mut text) = number(text).ok_or(Doubt::Pattern)?;
        let first = self.entered(digits)?;
        let mut candidates = vec![first.clone()];
        // A hyphen also stands between fields, and before a year: only a number that is entered makes a range.
        if let Some((digits, after)) = text.strip_prefix('-').and_then(number)
            && let Ok(last) = self.entered(digits)
            && let (Some(from), Some(to)) = (value(&first), value(&last))
            && from < to
            && (YEARS.contains(&from) || !YEARS.contains(&to))
        {
            let more = self.people.range(from + 1..=to).map(|(_, person)| person.number.clone());
            candidates.extend(more.take(MOST_SHARING));
            text = after;
        }
        while let Some((digits, after)) = text.strip_prefix('+').and_then(number) {
            let other = self.entered(digits)?;
            if !candidates.contains(&other) {
                candidates.push(other);
            }
            if candidates.len() > MOST_SHARING {
                break;
            }
            text = after;
        }
        if candidates.len() > MOST_SHARING { Err(Doubt::TooManySharing) } else { Ok((candidates, text)) }
    }

    fn entered(&self, digits: &str) -> Result<CandidateNumber, Doubt> {
        let found = digits.parse().ok().and_then(|value: u32| self.people.get(&value));
        found.map(|person| person.number.clone()).ok_or_else(|| Doubt::UnknownCandidate(digits.to_owned()))
    }

    /// A candidate whose number stands somewhere in the text: a hint, never a filing.
    fn maybe(&self, text: &str) -> Option<CandidateNumber> {
        let mut runs = text.split(|c: char| !c.is_ascii_digit()).filter(|run| (4..=6).contains(&run.len()));
        runs.find_map(|run| self.entered(run).ok())
    }

    /// `1005 O'Neill/Evidence/any/thing.pdf`, wherever that begins.
    fn by_folders(&self, folder: &str, name: &str) -> Result<Reading, Unfiled> {
        let parts: Vec<&str> = folder.split('/').collect();
        let folded: Vec<String> = parts.iter().copied().map(fold).collect();
        let (mut found, mut doubt) = (None, None);
        for (at, part) in folded.iter().enumerate().filter(|(_, part)| number(part).is_some()) {
            match self.candidates_at(part) {
                Ok(_) if found.is_some() => return Err(Reading::default().but(Doubt::Ambiguous)),
                Ok((candidates, rest)) => found = Some((at, candidates, rest)),
                Err(unknown) => doubt = Some(unknown),
            }
        }
        let Some((at, candidates, rest)) = found else {
            // One that looks like a candidate's and is nobody's says more than none.
            return Err(Reading::default().but(doubt.unwrap_or(Doubt::Pattern)));
        };
        let reading = Reading { candidates, ..Reading::default() };
        let Some(section) = folded.get(at + 1) else { return Err(reading.but(Doubt::NoSection)) };
        let target = match self.section_at(section) {
            Ok((target, "")) => target,
            Err(Doubt::Ambiguous) => return Err(reading.but(Doubt::Ambiguous)),
            _ => return Err(reading.but(Doubt::NoSection)),
        };
        let folder = parts[at + 2..].join("/");
        let reading = Reading { target: Some(target), folder, ..reading };
        let mut reading = self.mentions(reading, rest, true)?;
        if counts_on(rest) || self.may_be_years(&reading.candidates, &folded[at], rest) {
            return Err(reading.but(Doubt::Ambiguous));
        }
        for (_, part) in parts.iter().enumerate().filter(|(other, _)| ![at, at + 1].contains(other)) {
            reading = self.mentions(reading, part, true)?;
        }
        self.mentions(reading, stem(name), false)
    }

    /// `2005 results`, `2004-2005`: numbers that are years as well, with no name beside them.
    fn may_be_years(&self, candidates: &[CandidateNumber], part: &str, rest: &str) -> bool {
        let said = words(rest);
        let people = candidates.iter().map(|number| value(number).and_then(|value| self.people.get(&value)));
        let named = people.flatten().any(|person| person.words.iter().any(|word| said.contains(word)));
        let years = candidates.iter().all(|number| value(number).is_some_and(|value| YEARS.contains(&value)));
        years && !named && (part.contains('-') || rest.contains(char::is_alphanumeric))
    }

    fn by_unique_name(&self, folder: &str, name: &str) -> Result<Reading, Unfiled> {
        let parts = name.parse::<UniqueName>().and_then(|name| name.parts());
        let Ok(parts) = parts else {
            let maybe = self.maybe(&fold(stem(name)));
            return Err(Reading::default().but(maybe.map_or(Doubt::Pattern, Doubt::MaybeCandidate)));
        };
        if parts.centre != self.centre {
            return Err(Reading::default().but(Doubt::OtherCentre(parts.centre.to_string())));
        }
        if parts.component != self.component {
            return Err(Reading::default().but(Doubt::NoComponent));
        }
        // A form of the whole sample is no candidate's, and its name does not say which it is.
        let Some((candidate, section)) = parts.candidate else {
            return Err(Reading::default().but(Doubt::NoSection));
        };
        let candidate = self.entered(candidate.as_str()).map_err(|doubt| Reading::default().but(doubt))?;
        let reading =
            Reading { candidates: vec![candidate], folder: folder.to_owned(), ..Reading::default() };
        let mut slots = self.slots.iter().map(|slot| &slot.target);
        match slots.find(|target| target.as_str().eq_ignore_ascii_case(&section)) {
            Some(target) => Ok(Reading { target: Some(target.clone()), ..reading }),
            None => Err(reading.but(Doubt::NoSection)),
        }
    }
}

fn value(number: &CandidateNumber) -> Option<u32> {
    number.as_str().parse().ok()
}

/// What is in the way when the text ends before this part of the pattern.
fn missing(parts: &[Part]) -> Doubt {
    match parts.first() {
        Some(Part::Field(Field::Component)) => Doubt::NoComponent,
        Some(Part::Field(Field::Section)) => Doubt::NoSection,
        _ => Doubt::Pattern,
    }
}

/// The name without its extension; `tar.gz` is one.
fn stem(name: &str) -> &str {
    let double = name.len().checked_sub(".tar.gz".len()).filter(|at| name.is_char_boundary(*at));
    if let Some(at) = double
        && at > 0
        && name[at..].eq_ignore_ascii_case(".tar.gz")
    {
        return &name[..at];
    }
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && !extension.is_empty() => stem,
        _ => name,
    }
}

/// As a centre's number is written, folded: five digits, or two letters and three digits.
fn is_centre(token: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    token.len() == 5
        && token.is_ascii()
        && (digits(token)
            || (token[..2].bytes().all(|byte| byte.is_ascii_alphabetic()) && digits(&token[2..])))
}

/// Letters and digits at the start, and what follows.
fn token(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len()))
}

/// Whether what stands behind a number goes on with numbers: a date, or a list or range written in another way.
fn counts_on(rest: &str) -> bool {
    let mut tokens = rest.split(|c: char| !c.is_alphanumeric()).filter(|token| !token.is_empty());
    tokens
        .find(|token| !["and", "to", "or"].contains(token))
        .is_some_and(|token| token.starts_with(|c: char| c.is_ascii_digit()))
}

/// Four to six digits at the start that no letter or digit follows, and what does.
fn number(text: &str) -> Option<(&str, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, after) = text.split_at(digits);
    let ends = !after.starts_with(char::is_alphanumeric);
    ((4..=6).contains(&digits) && ends).then_some((number, after))
}

/// The same, when there is nothing else.
fn number_alone(token: &str) -> Option<&str> {
    number(token).filter(|(_, after)| after.is_empty()).map(|(digits, _)| digits)
}

/// The text after a literal of the pattern, any separator standing for any other.
fn strip_literal<'t>(text: &'t str, literal: &str) -> Option<&'t str> {
    let mut left = text.chars();
    for wanted in literal.chars() {
        let got = left.next()?;
        if got != wanted && !(is_separator(got) && is_separator(wanted)) {
            return None;
        }
    }
    Some(left.as_str())
}

/// The text after a folded word of the roll, where the word ends there.
fn strip_word<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let after = strip_literal(text, word)?;
    (!after.starts_with(char::is_alphanumeric)).then_some(after)
}

/// Folded words, letters alone.
fn words(text: &str) -> Vec<String> {
    let folded = fold(text);
    folded.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The last word before a comma (`O'Neill, Siân`), or of the whole (`Siân O'Neill`).
fn surname(name: &str) -> String {
    let family = name.split_once(',').map_or(name, |(family, _)| family);
    words(family).pop().unwrap_or_default()
}
