//! The naming tester: names of files in, and out of it what a plan of them would say, by the code that makes plans.
//! Nothing of it is kept.

use axum::http::StatusCode;
use serde::Deserialize;

use super::many::{sections, title};
use super::page::{Frame, Problem};
use super::words::{self, Words};
use crate::actor::PersonId;
use crate::bulk::{InvalidNaming, Naming, Planned, Preset, Template};
use crate::component::Component;
use crate::http::api::plans;
use crate::http::error::ApiError;
use crate::sample::Sample;
use crate::service::Service;

/// Names that are read at once, and characters of each.
const MOST: usize = 500;
const LONGEST: usize = 500;

/// Names to be tried, and how they are to be read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Names {
    names: String,
    way: String,
    template: String,
    section: String,
    /// Where a page asks whose centre they are.
    pub centre: String,
}

/// The form as it was filled in, and what became of the names.
#[derive(Debug)]
pub struct Tester {
    /// Where names are sent to be tried.
    pub action: String,
    pub names: String,
    /// The centre, where the page asks for it.
    pub centre: Option<String>,
    /// Ways to read names: word, what people read, whether it is chosen.
    pub ways: Vec<(&'static str, &'static str, bool)>,
    pub template: String,
    /// Code, title, whether it is chosen.
    pub sections: Vec<(String, String, bool)>,
    pub most: usize,
    pub problem: Option<Problem>,
    pub summary: String,
    pub tried: Vec<Tried>,
}

/// A name, and how it is read.
#[derive(Clone, Debug)]
pub struct Tried {
    pub name: String,
    pub words: Words,
}

/// A pattern that is written into the form.
const OWN: &str = "template";

const WAYS: [(&str, &str); 8] = [
    ("component", "By name, as the component says"),
    ("folders", "By folder"),
    ("candidate_prefix", "Number first, one section for all"),
    ("unique", "As Strongroom names them"),
    ("aqa", "As AQA asks"),
    ("pearson", "As Pearson asks"),
    ("cambridge", "As Cambridge International asks, one section for all"),
    (OWN, "By a pattern of your own"),
];

impl Tester {
    /// The form, with nothing tried.
    pub fn new(component: &Component, names: &Names) -> Self {
        let way = if names.way.is_empty() { "component" } else { &names.way };
        let section = |(code, title): (String, String)| {
            let chosen = code == names.section;
            (code, title, chosen)
        };
        Self {
            action: String::new(),
            names: names.names.clone(),
            centre: None,
            ways: WAYS.iter().map(|&(code, label)| (code, label, code == way)).collect(),
            template: match names.template.as_str() {
                "" => component.naming.to_string(),
                template => template.to_owned(),
            },
            sections: sections(component).into_iter().map(section).collect(),
            most: MOST,
            problem: None,
            summary: String::new(),
            tried: Vec::new(),
        }
    }

    /// The form, and what a plan for this sample would make of the names.
    pub async fn tried(
        service: &Service,
        person: &PersonId,
        sample: &Sample,
        component: &Component,
        names: &Names,
    ) -> Result<Self, ApiError> {
        let mut tester = Self::new(component, names);
        let pattern = match naming(names).and_then(|naming| naming.pattern(component)) {
            Ok(pattern) => pattern,
            Err(error) => {
                let text = words::sentence(&error.to_string());
                tester.problem = Some(Problem { text, field: Some(error.field()) });
                return Ok(tester);
            }
        };
        let (read, more) = listed(&names.names);
        let planned = plans::tried(service, person, sample, component, &pattern, &read).await?;
        let of = |(path, name): &(String, String)| match path.as_str() {
            "" => name.clone(),
            path => format!("{path}/{name}"),
        };
        tester.summary = summary(&planned, more);
        let view = |(name, planned)| Tried { name: of(name), words: told(component, planned) };
        tester.tried = read.iter().zip(&planned).map(view).collect();
        Ok(tester)
    }

    /// For a template inside another view.
    pub fn view(&self) -> &Self {
        self
    }

    /// The status of a page with it; focus goes to what is wrong.
    pub fn status(&self, frame: &mut Frame) -> StatusCode {
        if self.problem.is_none() {
            return StatusCode::OK;
        }
        frame.goal = Some("problem".into());
        StatusCode::UNPROCESSABLE_ENTITY
    }
}

/// How names are to be read. A section counts only where the names do not say it.
fn naming(names: &Names) -> Result<Naming, InvalidNaming> {
    let preset = match names.way.as_str() {
        "folders" => Preset::Folders,
        "candidate_prefix" => Preset::CandidatePrefix,
        "unique" => Preset::Unique,
        "aqa" => Preset::Aqa,
        "pearson" => Preset::Pearson,
        "cambridge" => Preset::Cambridge,
        _ => Preset::Component,
    };
    let template = match names.way.as_str() {
        OWN => Some(names.template.trim().parse::<Template>()?),
        _ => None,
    };
    let asks = match &template {
        Some(template) => !template.says_section(),
        None => matches!(preset, Preset::CandidatePrefix | Preset::Cambridge),
    };
    let section = (asks && !names.section.is_empty()).then(|| names.section.clone());
    Ok(Naming { preset, template, section })
}

/// Folder and name of each line, and how many lines are too many. A folder's listing may have them in quotes, with
/// either slash.
fn listed(text: &str) -> (Vec<(String, String)>, usize) {
    let lines = text.lines().map(|line| line.trim().trim_matches('"')).filter(|line| !line.is_empty());
    let read = lines.clone().take(MOST).map(|line| {
        let line: String = line.chars().take(LONGEST).collect::<String>().replace('\\', "/");
        let line = line.trim_start_matches("./").trim_start_matches('/').to_owned();
        match line.rsplit_once('/') {
            Some((folder, name)) => (folder.to_owned(), name.to_owned()),
            None => (String::new(), line),
        }
    });
    (read.collect(), lines.count().saturating_sub(MOST))
}

fn summary(planned: &[Planned], more: usize) -> String {
    if planned.is_empty() {
        return String::new();
    }
    let ready = planned.iter().filter(|one| matches!(one, Planned::Ready { .. }));
    let mut whose: Vec<_> = ready.clone().flat_map(|one| one.candidates()).collect();
    whose.sort();
    whose.dedup();
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let candidates = words::count(number(whose.len()), "candidate").to_lowercase();
    let filed = ready.count();
    let all = words::count(number(planned.len()), "file");
    let left = if more > 0 { format!(" {more} more were not read.") } else { String::new() };
    format!("{filed} of {all} filed, for {candidates}.{left}")
}

/// What a plan makes of a file, in words.
fn told(component: &Component, planned: &Planned) -> Words {
    let why = planned.why().map_or("", |why| why.text.as_str());
    match planned {
        Planned::Ready { candidates, target, replaces, .. } => {
            let whose: Vec<String> = candidates.iter().map(ToString::to_string).collect();
            let filed = words::filed(&whose, &title(component, target));
            match replaces {
                None => filed,
                Some(_) => words::replacing(filed),
            }
        }
        Planned::Unfiled { .. } => words::unfiled(why),
        other => words::planned_file(other.state(), why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_read_as_folders_and_names() {
        let text = "a.pdf\r\n\n \"C:\\work\\1005 Lu\\URS\\b.pdf\" \n./1006/c.pdf\n/d.pdf\n";
        let (read, more) = listed(text);
        let read: Vec<_> = read.iter().map(|(path, name)| format!("{path}|{name}")).collect();
        assert_eq!(read, ["|a.pdf", "C:/work/1005 Lu/URS|b.pdf", "1006|c.pdf", "|d.pdf"]);
        assert_eq!(more, 0);
        let (read, more) = listed(&"a.pdf\n".repeat(MOST + 7));
        assert_eq!((read.len(), more), (MOST, 7));
    }

    #[test]
    fn a_section_is_chosen_only_where_names_do_not_say_it() {
        let of = |way: &str, template: &str| {
            let names = Names {
                way: way.into(),
                template: template.into(),
                section: "URS".into(),
                ..Names::default()
            };
            naming(&names).map(|naming| (naming.preset, naming.section.is_some()))
        };
        assert_eq!(of("", ""), Ok((Preset::Component, false)));
        assert_eq!(of("candidate_prefix", ""), Ok((Preset::CandidatePrefix, true)));
        assert_eq!(of(OWN, "{candidate}_{section}"), Ok((Preset::Component, false)));
        assert_eq!(of(OWN, "{candidate}[_{rest}]"), Ok((Preset::Component, true)));
        assert!(of(OWN, "{nobody}").is_err() && of(OWN, "").is_err());
    }
}
