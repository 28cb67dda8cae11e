//! Reads a folder and checks that its parts fit together.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;
use std::path::Path;

use super::lists::{self, AllocationOf, Centre, Entered, Person, RoleOf, Row};
use super::problem::{ImportError, Problems};
use super::structure::{self, Structure};
use super::{component, text};
use crate::component::{Component, ComponentId};
use crate::organisation::{OrganisationId, SeriesId};

const CENTRES: &str = "centres.csv";
const PEOPLE: &str = "people.csv";
const ROLES: &str = "roles.csv";
const ALLOCATIONS: &str = "allocations.csv";
const CANDIDATES: &str = "candidates.csv";

/// A component that is offered, and where the folder says so.
#[derive(Clone, Debug)]
pub struct Definition {
    /// Whose assessment offers it.
    pub organisation: OrganisationId,
    /// The line of the first offer in `reference.toml`.
    pub offered_at: u64,
    /// The file of the definition, relative to the folder.
    pub file: String,
    pub component: Component,
}

/// A folder's contents, checked.
#[derive(Clone, Debug, Default)]
pub struct Reference {
    pub structure: Structure,
    /// The components some assessment offers.
    pub components: Vec<Definition>,
    pub centres: Vec<Row<Centre>>,
    pub people: Vec<Row<Person>>,
    pub roles: Vec<Row<RoleOf>>,
    pub allocations: Vec<Row<AllocationOf>>,
    pub candidates: Vec<Row<Entered>>,
}

/// Reads and checks the folder; tells everything that is wrong.
pub fn load(dir: &Path) -> Result<Reference, ImportError> {
    let mut problems = Problems::default();
    let problems = &mut problems;
    let structure = text::read(&dir.join(structure::FILE), structure::FILE, problems)
        .and_then(|text| structure::parse(&text, problems));
    // Without it every line of the lists would be wrong for the same reason.
    let Some(structure) = structure else { return Err(ImportError::Invalid(std::mem::take(problems))) };
    let defined = definitions(dir, &structure.components, problems);
    let mut list = |file: &str| text::read(&dir.join(file), file, problems).unwrap_or_default();
    let texts = [CENTRES, PEOPLE, ROLES, ALLOCATIONS, CANDIDATES].map(&mut list);
    let [centres, people, roles, allocations, candidates] = &texts;
    let mut read = Reference {
        structure,
        components: Vec::new(),
        centres: lists::centres(CENTRES, centres, problems),
        people: lists::people(PEOPLE, people, problems),
        roles: lists::roles(ROLES, roles, problems),
        allocations: lists::allocations(ALLOCATIONS, allocations, problems),
        candidates: lists::candidates(CANDIDATES, candidates, problems),
    };
    read.components = offered(&read.structure, defined, problems);
    fit(&read, problems);
    if problems.is_empty() { Ok(read) } else { Err(ImportError::Invalid(std::mem::take(problems))) }
}

/// Every definition in the folder of components with its file, in the order of their files' names.
fn definitions(dir: &Path, folder: &str, problems: &mut Problems) -> Vec<(String, Component)> {
    let path = dir.join(folder);
    let entries = match std::fs::read_dir(&path) {
        Ok(entries) => entries,
        Err(error) => {
            problems.add(
                structure::FILE,
                0,
                format!("components = {folder:?} cannot be listed ({error}); correct it"),
            );
            return Vec::new();
        }
    };
    let mut files: Vec<_> = entries
        .filter_map(|entry| problems.keep(structure::FILE, 0, entry))
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    let mut found = Vec::new();
    // Names of files and the matching of bulk names do not tell `-` from `_`, nor case.
    let mut seen: HashMap<String, String> = HashMap::new();
    for path in files {
        let file = format!("{folder}/{}", path.file_name().unwrap_or_default().to_string_lossy());
        let Some(text) = text::read(&path, &file, problems) else { continue };
        let Some(component) = component::parse(&file, &text, problems) else { continue };
        let folded = component.id.as_str().replace('-', "_").to_lowercase();
        match seen.get(&folded) {
            Some(other) => {
                problems.add(
                    &file,
                    0,
                    format!("{} clashes with the component of {other}; rename one", component.id),
                );
            }
            None => {
                seen.insert(folded, file.clone());
                found.push((file, component));
            }
        }
    }
    found
}

fn offered(read: &Structure, defined: Vec<(String, Component)>, problems: &mut Problems) -> Vec<Definition> {
    let mut owners: BTreeMap<&ComponentId, (&OrganisationId, u64)> = BTreeMap::new();
    let mut in_series = HashSet::new();
    for assessment in &read.assessments {
        for offer in &assessment.offers {
            let id = &offer.component;
            let mut problem = |text: String| problems.add(structure::FILE, offer.line, text);
            if !defined.iter().any(|(_, component)| component.id == *id) {
                problem(format!("component {id} has no definition; add {}/{id}.toml", read.components));
            }
            if !in_series.insert((&assessment.series, id)) {
                problem(format!(
                    "component {id} is offered twice in the series {}; keep one",
                    assessment.series
                ));
            }
            let (owner, _) = *owners.entry(id).or_insert((&assessment.organisation, offer.line));
            if *owner != assessment.organisation {
                problem(format!("component {id} is offered by two organisations; give one of them its own"));
            }
        }
    }
    defined
        .into_iter()
        .filter_map(|(file, component)| {
            let (owner, offered_at) = *owners.get(&component.id)?;
            Some(Definition { organisation: owner.clone(), offered_at, file, component })
        })
        .collect()
}

/// Whether what the lists name is there, and nothing is there twice.
fn fit(read: &Reference, problems: &mut Problems) {
    let centres: HashSet<_> = read.centres.iter().map(|row| &row.item.number).collect();
    let people: HashSet<_> = read.people.iter().map(|row| &row.item.id).collect();
    let components: HashSet<_> = read.components.iter().map(|item| &item.component.id).collect();
    let organisations: HashSet<_> = read.structure.organisations.iter().map(|item| &item.id).collect();
    let offers: HashSet<(&SeriesId, &ComponentId)> = read.structure.offers().collect();
    once(CENTRES, &read.centres, |item| &item.number, problems);
    once(PEOPLE, &read.people, |item| &item.id, problems);
    once(ROLES, &read.roles, role_key, problems);
    once(ALLOCATIONS, &read.allocations, |a| (&a.person, &a.component, &a.series, &a.centre), problems);
    once(CANDIDATES, &read.candidates, |c| (&c.series, &c.component, &c.centre, &c.number), problems);
    let mut known = |file: &str, line: u64, there: bool, what: &str, id: &dyn std::fmt::Debug, home: &str| {
        if !there {
            problems.add(
                file,
                line,
                format!("{what} {id:?} is not in {home}; add it there or correct it here"),
            );
        }
    };
    for Row { line, item } in &read.roles {
        known(ROLES, *line, people.contains(&item.person), "person", &item.person, PEOPLE);
        if let Some(id) = &item.organisation {
            known(ROLES, *line, organisations.contains(id), "organisation", id, structure::FILE);
        }
        if let Some(number) = &item.centre {
            known(ROLES, *line, centres.contains(number), "centre", number, CENTRES);
        }
        if let Some(id) = &item.component {
            known(ROLES, *line, components.contains(id), "component", id, structure::FILE);
        }
    }
    for Row { line, item } in &read.allocations {
        let offer = (&item.series, &item.component);
        known(ALLOCATIONS, *line, people.contains(&item.person), "person", &item.person, PEOPLE);
        known(ALLOCATIONS, *line, centres.contains(&item.centre), "centre", &item.centre, CENTRES);
        known(ALLOCATIONS, *line, offers.contains(&offer), "series and component", &offer, structure::FILE);
    }
    for Row { line, item } in &read.candidates {
        let offer = (&item.series, &item.component);
        known(CANDIDATES, *line, centres.contains(&item.centre), "centre", &item.centre, CENTRES);
        known(CANDIDATES, *line, offers.contains(&offer), "series and component", &offer, structure::FILE);
    }
}

type RoleKey<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str);

fn role_key(role: &RoleOf) -> RoleKey<'_> {
    (
        role.person.as_str(),
        role.role.as_str(),
        role.organisation.as_ref().map_or("", |id| id.as_str()),
        role.centre.as_ref().map_or("", |number| number.as_str()),
        role.component.as_ref().map_or("", |id| id.as_str()),
    )
}

pub(super) fn once<'r, T, K: Hash + Eq>(
    file: &str,
    rows: &'r [Row<T>],
    key: impl Fn(&'r T) -> K,
    problems: &mut Problems,
) {
    let mut first: HashMap<K, u64> = HashMap::new();
    for row in rows {
        if let Some(line) = first.get(&key(&row.item)) {
            problems.add(file, row.line, format!("the same as line {line}; keep one of them"));
        } else {
            first.insert(key(&row.item), row.line);
        }
    }
}
