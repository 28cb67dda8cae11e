//! Patterns of names, as a component's definition has them: `{centre}_{candidate}_{component}_{section}[_{rest}]`.
//! Any of `_`, `-`, `.`, `/` and a blank stands for any other.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A pattern of names. Square brackets hold what may be absent; `.{ext}` at its end says nothing and may stand there.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template {
    text: String,
    pieces: Vec<(Part, bool)>,
}

/// A piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Literal(String),
    Field(Field),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Centre,
    Candidate,
    Component,
    Section,
    /// Anything, but not nothing.
    Rest,
}

/// The text is no pattern.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidTemplate {
    #[error(
        "{{{0}}} is no field; there are {{centre}}, {{candidate}}, {{component}}, {{section}} and {{rest}}"
    )]
    UnknownField(String),
    #[error("{{{0}}} stands there twice")]
    Twice(String),
    #[error("a bracket has no partner")]
    Bracket,
    #[error("{{candidate}} must stand in it, and neither it nor {{section}} in square brackets")]
    NotEnough,
    #[error("between two fields something must stand, as _")]
    Adjacent,
    #[error("the pattern is longer than {LONGEST} characters")]
    TooLong,
    #[error("the pattern holds a control character; take it out")]
    Control,
}

/// Characters of a pattern.
const LONGEST: usize = 200;
/// The pattern of a component that has none of its own.
const DEFAULT: &str = "{centre}_{candidate}_{component}_{section}[_{rest}].{ext}";

impl Template {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether names tell their section.
    pub fn says_section(&self) -> bool {
        self.pieces.iter().any(|(part, _)| *part == Part::Field(Field::Section))
    }

    /// The pattern with what may be absent, and without.
    pub(super) fn forms(&self) -> Vec<Vec<Part>> {
        let whole = self.pieces.iter().map(|(part, _)| part.clone()).collect();
        let short: Vec<Part> =
            self.pieces.iter().filter(|(_, optional)| !optional).map(|(part, _)| part.clone()).collect();
        if short.len() == self.pieces.len() { vec![whole] } else { vec![whole, short] }
    }
}

impl Default for Template {
    fn default() -> Self {
        let literal = || Part::Literal("_".into());
        let mut pieces = Vec::new();
        for field in [Field::Centre, Field::Candidate, Field::Component, Field::Section] {
            if !pieces.is_empty() {
                pieces.push((literal(), false));
            }
            pieces.push((Part::Field(field), false));
        }
        pieces.extend([(literal(), true), (Part::Field(Field::Rest), true)]);
        Self { text: DEFAULT.to_owned(), pieces }
    }
}

impl FromStr for Template {
    type Err = InvalidTemplate;

    fn from_str(text: &str) -> Result<Self, InvalidTemplate> {
        if text.chars().count() > LONGEST {
            return Err(InvalidTemplate::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidTemplate::Control);
        }
        let mut pieces: Vec<(Part, bool)> = Vec::new();
        let (mut optional, mut literal) = (false, String::new());
        let mut left = text.strip_suffix(".{ext}").unwrap_or(text);
        let end = |literal: &mut String, optional: bool, pieces: &mut Vec<(Part, bool)>| {
            if !literal.is_empty() {
                pieces.push((Part::Literal(super::text::fold(&std::mem::take(literal))), optional));
            }
        };
        while let Some(c) = left.chars().next() {
            left = &left[c.len_utf8()..];
            match c {
                '{' => {
                    end(&mut literal, optional, &mut pieces);
                    let (name, after) = left.split_once('}').ok_or(InvalidTemplate::Bracket)?;
                    let field = field(name).ok_or_else(|| InvalidTemplate::UnknownField(name.to_owned()))?;
                    if pieces.iter().any(|(part, _)| *part == Part::Field(field)) {
                        return Err(InvalidTemplate::Twice(name.to_owned()));
                    }
                    if matches!(pieces.last(), Some((Part::Field(_), _))) && field != Field::Rest {
                        return Err(InvalidTemplate::Adjacent);
                    }
                    pieces.push((Part::Field(field), optional));
                    left = after;
                }
                '[' | ']' => {
                    end(&mut literal, optional, &mut pieces);
                    if optional == (c == '[') {
                        return Err(InvalidTemplate::Bracket);
                    }
                    optional = c == '[';
                }
                '}' => return Err(InvalidTemplate::Bracket),
                c => literal.push(c),
            }
        }
        end(&mut literal, optional, &mut pieces);
        if optional {
            return Err(InvalidTemplate::Bracket);
        }
        let (candidate, section) = (Part::Field(Field::Candidate), Part::Field(Field::Section));
        if !pieces.contains(&(candidate, false)) || pieces.contains(&(section, true)) {
            return Err(InvalidTemplate::NotEnough);
        }
        Ok(Self { text: text.to_owned(), pieces })
    }
}

fn field(name: &str) -> Option<Field> {
    Some(match name {
        "centre" => Field::Centre,
        "candidate" => Field::Candidate,
        "component" => Field::Component,
        "section" => Field::Section,
        "rest" => Field::Rest,
        _ => return None,
    })
}

impl TryFrom<String> for Template {
    type Error = InvalidTemplate;
    fn try_from(text: String) -> Result<Self, InvalidTemplate> {
        text.parse()
    }
}

impl From<Template> for String {
    fn from(value: Template) -> String {
        value.text
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}
