//! One list by itself, as board staff give it on a page: read by the rules of a folder's files, line by line.
//!
//! What stands in a folder beside it (offers, centres, people) is looked up in the database instead
//! (`database::imports`). Structure and roles come by folders alone.

use std::{fmt, str::FromStr};

use super::lists::{self, AllocationOf, Centre, Entered, Row};
use super::load::once;
use super::problem::Problems;
use super::{component, text};
use crate::component::Component;
use crate::evidence::UnknownWord;

/// The largest list, bytes.
pub const LARGEST_LIST: usize = 4 << 20;
/// The most lines that one list may bring.
pub const MOST_LINES: usize = 10_000;

/// What a list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListKind {
    /// Entries and marks, by centre, component and series.
    Candidates,
    Centres,
    /// Which centres' work a moderator reads.
    Allocations,
    /// The definition of one component.
    Component,
}

impl ListKind {
    pub const ALL: [Self; 4] = [Self::Candidates, Self::Centres, Self::Allocations, Self::Component];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Candidates => "candidates",
            Self::Centres => "centres",
            Self::Allocations => "allocations",
            Self::Component => "component",
        }
    }
}

impl fmt::Display for ListKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ListKind {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

/// A list, read; what it names is not looked up yet.
#[derive(Clone, Debug)]
pub enum List {
    Candidates(Vec<Row<Entered>>),
    Centres(Vec<Row<Centre>>),
    Allocations(Vec<Row<AllocationOf>>),
    Component(Box<Component>),
}

impl List {
    pub fn kind(&self) -> ListKind {
        match self {
            Self::Candidates(_) => ListKind::Candidates,
            Self::Centres(_) => ListKind::Centres,
            Self::Allocations(_) => ListKind::Allocations,
            Self::Component(_) => ListKind::Component,
        }
    }

    /// Lines that say something; a definition is one thing.
    pub fn len(&self) -> usize {
        match self {
            Self::Candidates(rows) => rows.len(),
            Self::Centres(rows) => rows.len(),
            Self::Allocations(rows) => rows.len(),
            Self::Component(_) => 1,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Reads a list: its text and what it says, or everything that is wrong with it. `file` is what problems call it.
pub fn read_list(kind: ListKind, file: &str, bytes: Vec<u8>) -> Result<(String, List), Problems> {
    let mut problems = Problems::default();
    let read = text::decoded(bytes, file, &mut problems).and_then(|text| {
        let nul = text.find('\0');
        if let Some(at) = nul {
            problems.add(file, text::Lines(&text).of(at), "this is no text; save the list as CSV in UTF-8");
            return None;
        }
        let list = rows(kind, file, &text, &mut problems)?;
        if list.len() > MOST_LINES {
            let text =
                format!("the list has more than {MOST_LINES} lines; bring it in parts, centre by centre");
            problems.add(file, 0, text);
        } else if list.is_empty() && problems.is_empty() {
            problems.add(file, 1, "there is nothing under the heading line");
        }
        Some((text, list))
    });
    match read {
        Some(read) if problems.is_empty() => Ok(read),
        _ => Err(problems),
    }
}

fn rows(kind: ListKind, file: &str, text: &str, problems: &mut Problems) -> Option<List> {
    Some(match kind {
        ListKind::Candidates => {
            let rows = lists::candidates(file, text, problems);
            once(file, &rows, |c| (&c.series, &c.component, &c.centre, &c.number), problems);
            List::Candidates(rows)
        }
        ListKind::Centres => {
            let rows = lists::centres(file, text, problems);
            once(file, &rows, |item| &item.number, problems);
            List::Centres(rows)
        }
        ListKind::Allocations => {
            let rows = lists::allocations(file, text, problems);
            once(file, &rows, |a| (&a.person, &a.component, &a.series, &a.centre), problems);
            List::Allocations(rows)
        }
        ListKind::Component => List::Component(Box::new(component::parse(file, text, problems)?)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: ListKind, bytes: &[u8]) -> String {
        read_list(kind, "list.csv", bytes.to_vec())
            .map_or_else(|problems| problems.to_string(), |_| String::new())
    }

    #[test]
    fn a_list_is_read_by_the_rules_of_a_folder() {
        let (text, list) =
            read_list(ListKind::Centres, "list.csv", b"\xef\xbb\xbfnumber,name\n98765,Hill\n".to_vec())
                .unwrap();
        assert!(text.starts_with("number") && list.len() == 1 && list.kind() == ListKind::Centres);
        for (bytes, expected) in [
            (&b"number,name\n98765,Hill\n98765,Hill\n"[..], "list.csv:3: the same as line 2"),
            (b"number,name\n9,Hill\n", "list.csv:2: centre number"),
            (b"number,title\n98765,Hill\n", "list.csv:1: the heading line does not fit"),
            (b"number,name\n", "list.csv:1: there is nothing"),
            (b"", "list.csv:1: there is nothing"),
            (b"number,name\n98765,Hi\xe9\n", "list.csv:2: the text is not UTF-8"),
            (b"PK\x03\x04\n\0", "list.csv:2: this is no text"),
        ] {
            let told = told(ListKind::Centres, bytes);
            assert!(told.starts_with(expected), "{expected}: {told}");
        }
        assert!(told(ListKind::Component, b"id = 1\n").contains("list.csv:1: "));
    }

    #[test]
    fn a_list_of_too_many_lines_is_to_be_brought_in_parts() {
        let line = |n: usize| format!("{n:05},Hill\n");
        let text = format!("number,name\n{}", (0..=MOST_LINES).map(line).collect::<String>());
        let told = told(ListKind::Centres, text.as_bytes());
        assert!(told.starts_with("list.csv: the list has more than 10000 lines"), "{told}");
    }

    #[test]
    fn words_of_kinds_read_back() {
        for kind in ListKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert!("roles".parse::<ListKind>().is_err());
    }
}
