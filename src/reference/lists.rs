//! The lists, as CSV with a heading line: centres, people, roles, allocations, candidates.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::problem::Problems;
use crate::actor::{PersonId, Role};
use crate::candidate::{CandidateNumber, CandidateStatus};
use crate::centre::CentreNumber;
use crate::component::ComponentId;
use crate::organisation::{OrganisationId, SeriesId};

/// Longest name, characters.
const LONGEST_NAME: usize = 200;
/// Longest e-mail address (RFC 5321, section 4.5.3.1.3), bytes.
const LONGEST_EMAIL: usize = 254;
/// Highest mark.
const HIGHEST_MARK: i64 = 100_000;

/// A row, and the line it stands on.
#[derive(Clone, Debug)]
pub struct Row<T> {
    pub line: u64,
    pub item: T,
}

#[derive(Clone, Debug)]
pub struct Centre {
    pub number: CentreNumber,
    pub name: String,
    /// Whom to write to; `""`: nobody. `None`: the list does not say.
    pub email: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Person {
    pub id: PersonId,
    pub name: String,
    /// May not sign in any more.
    pub disabled: bool,
}

#[derive(Clone, Debug)]
pub struct RoleOf {
    pub person: PersonId,
    pub role: Role,
    pub organisation: Option<OrganisationId>,
    pub centre: Option<CentreNumber>,
    pub component: Option<ComponentId>,
}

#[derive(Clone, Debug)]
pub struct AllocationOf {
    pub person: PersonId,
    pub component: ComponentId,
    pub series: SeriesId,
    pub centre: CentreNumber,
}

#[derive(Clone, Debug)]
pub struct Entered {
    pub series: SeriesId,
    pub component: ComponentId,
    pub centre: CentreNumber,
    pub number: CandidateNumber,
    pub name: String,
    pub mark: Option<i64>,
    pub status: CandidateStatus,
    /// On the list of a component whose sample is a list.
    pub listed: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CentreRow {
    number: String,
    name: String,
    #[serde(default, deserialize_with = "said")]
    email: Option<String>,
}

/// A field of a column that a list may leave out: `Some`, also when it is empty.
fn said<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    String::deserialize(from).map(Some)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonRow {
    id: String,
    name: String,
    #[serde(default)]
    disabled: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleRow {
    person: String,
    role: String,
    organisation: String,
    centre: String,
    component: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllocationRow {
    person: String,
    component: String,
    series: String,
    centre: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CandidateRow {
    series: String,
    component: String,
    centre: String,
    number: String,
    name: String,
    mark: String,
    status: String,
    #[serde(default)]
    listed: String,
}

pub fn centres(file: &str, text: &str, problems: &mut Problems) -> Vec<Row<Centre>> {
    rows(file, text, problems, |row: CentreRow, check| {
        let (number, name, email) = (check.parse(&row.number), check.name(row.name), check.email(row.email));
        Some(Centre { number: number?, name: name?, email: email? })
    })
}

pub fn people(file: &str, text: &str, problems: &mut Problems) -> Vec<Row<Person>> {
    rows(file, text, problems, |row: PersonRow, check| {
        let (id, name, disabled) =
            (check.parse(&row.id), check.name(row.name), check.yes("disabled", &row.disabled));
        Some(Person { id: id?, name: name?, disabled: disabled? })
    })
}

pub fn roles(file: &str, text: &str, problems: &mut Problems) -> Vec<Row<RoleOf>> {
    rows(file, text, problems, |row: RoleRow, check| {
        let (person, role) = (check.parse(&row.person), check.role(&row.role));
        let organisation = check.optional(&row.organisation);
        let centre = check.optional(&row.centre);
        let component = check.optional(&row.component);
        let read = RoleOf {
            person: person?,
            role: role?,
            organisation: organisation?,
            centre: centre?,
            component: component?,
        };
        if matches!(read.role, Role::Teacher | Role::Officer) && read.centre.is_none() {
            check.problem("a teacher or officer needs a centre; without one the role reaches nothing");
        }
        Some(read)
    })
}

pub fn allocations(file: &str, text: &str, problems: &mut Problems) -> Vec<Row<AllocationOf>> {
    rows(file, text, problems, |row: AllocationRow, check| {
        let (person, component) = (check.parse(&row.person), check.parse(&row.component));
        let (series, centre) = (check.parse(&row.series), check.parse(&row.centre));
        Some(AllocationOf { person: person?, component: component?, series: series?, centre: centre? })
    })
}

pub fn candidates(file: &str, text: &str, problems: &mut Problems) -> Vec<Row<Entered>> {
    rows(file, text, problems, |row: CandidateRow, check| {
        let (series, component) = (check.parse(&row.series), check.parse(&row.component));
        let (centre, number) = (check.parse(&row.centre), check.parse(&row.number));
        let (name, mark) = (check.name(row.name), check.mark(&row.mark));
        let (status, listed) = (check.parse(&row.status), check.yes("listed", &row.listed));
        Some(Entered {
            series: series?,
            component: component?,
            centre: centre?,
            number: number?,
            name: name?,
            mark: mark?,
            status: status?,
            listed: listed?,
        })
    })
}

/// What a row's fields are read with: each *no* is a problem on the row's line.
struct Check<'a> {
    file: &'a str,
    line: u64,
    problems: &'a mut Problems,
}

impl Check<'_> {
    fn problem(&mut self, text: impl std::fmt::Display) {
        self.problems.add(self.file, self.line, text);
    }

    fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(&mut self, text: &str) -> Option<T> {
        self.problems.keep(self.file, self.line, text.parse())
    }

    /// `Some(None)` for an empty field.
    fn optional<T: std::str::FromStr<Err: std::fmt::Display>>(&mut self, text: &str) -> Option<Option<T>> {
        if text.is_empty() { Some(None) } else { self.parse(text).map(Some) }
    }

    fn name(&mut self, text: String) -> Option<String> {
        let fits = !text.is_empty()
            && text.chars().count() <= LONGEST_NAME
            && !text
                .chars()
                .any(|c| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'));
        if !fits {
            self.problem(format!(
                "name {text:?} must be 1 to {LONGEST_NAME} characters, none of them hidden"
            ));
        }
        fits.then_some(text)
    }

    fn email(&mut self, text: Option<String>) -> Option<Option<String>> {
        let address = match text {
            Some(address) if !address.is_empty() => address,
            none => return Some(none),
        };
        let plain = address.chars().all(|c| !c.is_whitespace() && !c.is_control() && !",;<>\"".contains(c));
        let parts = address.split_once('@').filter(|(name, host)| !name.is_empty() && host.contains('.'));
        let fits =
            plain && address.len() <= LONGEST_EMAIL && parts.is_some_and(|(_, host)| !host.contains('@'));
        if !fits {
            self.problem(format!(
                "email {address:?} must be one address, like exams@school.example, or empty"
            ));
        }
        fits.then_some(Some(address))
    }

    fn role(&mut self, text: &str) -> Option<Role> {
        let role = text.parse().ok();
        if role.is_none() {
            let known = Role::ALL.map(Role::as_str).join(", ");
            self.problem(format!("role {text:?} must be one of: {known}"));
        }
        role
    }

    fn mark(&mut self, text: &str) -> Option<Option<i64>> {
        if text.is_empty() {
            return Some(None);
        }
        let mark = text.parse().ok().filter(|mark| (0..=HIGHEST_MARK).contains(mark));
        if mark.is_none() {
            self.problem(format!(
                "mark {text:?} must be a whole number, 0 or more, or empty when there is none"
            ));
        }
        mark.map(Some)
    }

    fn yes(&mut self, what: &str, text: &str) -> Option<bool> {
        match text {
            "yes" => Some(true),
            "" | "no" => Some(false),
            _ => {
                self.problem(format!("{what} {text:?} must be yes, no or empty"));
                None
            }
        }
    }
}

fn rows<R: DeserializeOwned, T>(
    file: &str,
    text: &str,
    problems: &mut Problems,
    read: impl Fn(R, &mut Check<'_>) -> Option<T>,
) -> Vec<Row<T>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let headings = match reader.headers() {
        Ok(headings) => headings.clone(),
        Err(error) => {
            problems.add(file, 1, say(&error));
            return Vec::new();
        }
    };
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                problems.add(file, error.position().map_or(0, csv::Position::line), say(&error));
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        match record.deserialize(Some(&headings)) {
            Ok(row) => {
                let mut check = Check { file, line, problems };
                rows.extend(read(row, &mut check).map(|item| Row { line, item }));
            }
            // The headings are wrong: every further row would say the same.
            Err(error) => {
                problems.add(file, 1, say(&error));
                break;
            }
        }
    }
    rows
}

fn say(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!(
                "the row has {len} fields and the heading line {expected_len}; quote names that hold a comma"
            )
        }
        csv::ErrorKind::Deserialize { err, .. } => format!("the heading line does not fit: {}", err.kind()),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "series,component,centre,number,name,mark,status\n";

    fn told(rows: &str) -> String {
        let mut problems = Problems::default();
        candidates("candidates.csv", &format!("{HEAD}{rows}"), &mut problems);
        problems.to_string()
    }

    #[test]
    fn names_of_every_kind_are_kept_as_they_are() {
        let mut problems = Problems::default();
        let text = format!(
            "{HEAD}june,R085,98765,0042,\"O'Neill, Siân\",,entered\njune,R085,98765,1005,李 明,45,absent\n"
        );
        let rows = candidates("c.csv", &text, &mut problems);
        assert!(problems.is_empty(), "{problems}");
        assert_eq!(rows[0].item.name, "O'Neill, Siân");
        assert_eq!((rows[0].item.mark, rows[0].line), (None, 2));
        assert_eq!((rows[1].item.name.as_str(), rows[1].item.mark), ("李 明", Some(45)));
    }

    #[test]
    fn every_wrong_field_is_told_with_its_line() {
        let all = told(
            "june,R085,9876,42,,-1,here\njune,R085,98765,0042,A,1,entered,more\njune,R/5,98765,0042,A,x,entered\n",
        );
        for part in [
            "candidates.csv:2: centre number \"9876\"",
            "candidates.csv:2: candidate number \"42\"",
            "candidates.csv:2: name \"\"",
            "candidates.csv:2: mark \"-1\"",
            "candidates.csv:2: status \"here\"",
            "candidates.csv:3: the row has 8 fields and the heading line 7",
            "candidates.csv:4: component \"R/5\"",
            "candidates.csv:4: mark \"x\"",
        ] {
            assert!(all.contains(part), "{part} in:\n{all}");
        }
    }

    #[test]
    fn a_centre_may_say_whom_to_write_to_and_one_address_at_that() {
        let read = |text: &str| {
            let mut problems = Problems::default();
            let rows = centres("centres.csv", text, &mut problems);
            (rows.into_iter().map(|row| row.item.email).collect::<Vec<_>>(), problems.to_string())
        };
        assert_eq!(read("number,name\n98765,A\n").0, [None]);
        let (emails, problems) = read("number,name,email\n98765,A,exams@a.example\n20461,B,\n");
        assert_eq!(emails, [Some("exams@a.example".to_owned()), Some(String::new())], "{problems}");
        for wrong in
            ["exams", "@a.example", "a@b", "a@b.example;c@d.example", "a b@c.example", "a@b@c.example"]
        {
            let (rows, problems) = read(&format!("number,name,email\n98765,A,{wrong}\n"));
            assert!(rows.is_empty() && problems.starts_with("centres.csv:2: email"), "{wrong}: {problems}");
        }
    }

    #[test]
    fn a_wrong_heading_is_told_once_and_problems_are_bounded() {
        let mut problems = Problems::default();
        centres("centres.csv", "number,title\n1,2\n3,4\n", &mut problems);
        assert_eq!(problems.list.len(), 1);
        assert!(
            problems.to_string().starts_with("centres.csv:1: the heading line does not fit"),
            "{problems}"
        );
        let many = told(&"june,R085,98765,0,A,1,entered\n".repeat(150));
        assert_eq!(many.lines().count(), 101);
        assert!(many.ends_with("... and 50 more"), "{many}");
    }
}
