//! From how a sample stands to the workspace's page.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::place::{Ground, made_up, place};
use super::{Asked, FILTERS, Panel, Query, Row, SORTS, SampleHead, Undo, Workspace};
use crate::actor::{Action, Actor, PersonId, decide};
use crate::candidate::{CandidateStatus, by_mark};
use crate::completeness::{CandidateState, Counter, SectionFacts, count};
use crate::database::workspace::{self, FileRow, Narrow, Refused, SampleLine, Withdrawn};
use crate::evidence::{FileState, SUPPORTING};
use crate::http::error::ApiError;
use crate::ids::SampleId;
use crate::sample::{SampleState, Timeliness};
use crate::service::Service;
use crate::submission::{CandidateFacts, Returned, Standing};
use crate::web::page::{Frame, Link};
use crate::web::receipt::title_of;
use crate::web::visitor::Times;
use crate::web::words;

/// Candidates on one page of the list.
const PAGE: usize = 100;

/// The sample with the names around it; what is not the person's is unknown.
pub async fn line_of(service: &Service, person: &PersonId, id: SampleId) -> Result<SampleLine, ApiError> {
    let narrow = Narrow { sample: Some(id), ..Narrow::default() };
    workspace::lines(&service.db, person, narrow, 1).await?.pop().ok_or(ApiError::NotFound)
}

/// Candidates that owe nothing more, and candidates whose work is asked for.
pub fn tally(standing: &Standing) -> (u32, u32) {
    let facts = Facts::of(standing);
    standing.counted().fold((0, 0), |(complete, all), candidate| {
        let state = facts.counter(standing, candidate).state;
        let done = matches!(state, CandidateState::Complete | CandidateState::CompleteWithMissing);
        (complete + u32::from(done), all + 1)
    })
}

/// What is known of every section, counted once.
struct Facts(HashMap<(String, String), SectionFacts>, HashMap<String, u32>);

impl Facts {
    fn of(standing: &Standing) -> Self {
        let mut facts: HashMap<_, SectionFacts> = HashMap::new();
        let mut files: HashMap<String, u32> = HashMap::new();
        for file in standing.files.iter().filter(|file| file.kind == "evidence") {
            let fact = facts.entry((file.candidate_id.clone(), file.section.clone())).or_default();
            if file.is_accepted() {
                fact.accepted += 1;
                *files.entry(file.candidate_id.clone()).or_default() += 1;
            } else {
                fact.running += 1;
            }
        }
        for (place, notes) in &standing.notes {
            let fact = facts.entry(place.clone()).or_default();
            fact.missing = notes.missing.is_some();
            fact.other_means = notes.other_means.is_some();
            fact.incomplete_note = notes.incomplete.is_some();
        }
        Self(facts, files)
    }

    fn of_section(&self, candidate: &str, section: &str) -> SectionFacts {
        self.0.get(&(candidate.to_owned(), section.to_owned())).copied().unwrap_or_default()
    }

    fn files(&self, candidate: &str) -> u32 {
        self.1.get(candidate).copied().unwrap_or_default()
    }

    fn counter(&self, standing: &Standing, candidate: &CandidateFacts) -> Counter {
        let of = |code: &str| self.of_section(&candidate.id, code);
        count(standing.component.sections.iter().map(|section| (section, of(section.code.as_str()))))
    }
}

/// Ids of the candidates with a file that was refused and not made up for, or withdrawn.
fn problems(standing: &Standing, refused: &[Refused]) -> HashSet<String> {
    let mut accepted: HashMap<_, Vec<(&str, Timestamp)>> = HashMap::new();
    for file in standing.files.iter().filter(|file| file.is_accepted()) {
        let place = (file.candidate_id.as_str(), file.kind.as_str(), file.section.as_str());
        accepted
            .entry(place)
            .or_default()
            .extend(file.accepted_at.map(|at| (file.original_name.as_str(), at)));
    }
    let component = &standing.component;
    let rules = |file: &Refused| match file.kind.as_str() {
        "supporting" => component.supporting.as_ref(),
        _ => component.sections.iter().find(|section| section.code.as_str() == file.section),
    };
    let open = refused.iter().filter(|file| {
        let here = accepted.get(&(file.candidate_id.as_str(), file.kind.as_str(), file.section.as_str()));
        let here = here.map(Vec::as_slice).unwrap_or_default().iter().copied();
        let made_up =
            rules(file).is_some_and(|section| made_up(section, (&file.original_name, file.created_at), here));
        file.state == FileState::Quarantined || !made_up
    });
    open.map(|file| file.candidate_id.clone()).collect()
}

/// A name as it is looked for: lower case, without accents.
fn folded(text: &str) -> String {
    let plain = text.nfd().filter(|&c| !is_combining_mark(c)).collect::<String>();
    // Letters of their own that nobody has a key for.
    plain.to_lowercase().replace('ł', "l").replace('ø', "o").replace('đ', "d").replace('ß', "ss")
}

/// All that the page is built from.
pub(super) struct Bench {
    pub(super) line: SampleLine,
    standing: Standing,
    facts: Facts,
    returned: Option<Returned>,
    times: Times,
    problems: HashSet<String>,
    asked: Asked,
    can_change: bool,
    can_submit: bool,
    /// Indexes of the candidates listed, in order.
    order: Vec<usize>,
}

impl Bench {
    pub(super) fn new(
        actor: &Actor,
        line: SampleLine,
        standing: Standing,
        returned: Option<Returned>,
        times: Times,
        refused: &[Refused],
        asked: Asked,
    ) -> Self {
        let may = |action| decide(actor, action, &line.sample, &line.component).is_ok();
        let (can_change, can_submit) = (may(Action::ChangeWork), may(Action::Submit));
        let facts = Facts::of(&standing);
        let problems = problems(&standing, refused);
        let order = Vec::new();
        let mut bench =
            Self { line, standing, facts, returned, times, problems, asked, can_change, can_submit, order };
        bench.order = bench.listed();
        bench
    }

    fn listed(&self) -> Vec<usize> {
        let search = folded(self.asked.search.trim());
        let all = &self.standing.candidates;
        let mut order: Vec<usize> = (0..all.len())
            .filter(|&at| {
                let candidate = &all[at];
                (folded(&candidate.name).contains(&search) || candidate.number.as_str().contains(&search))
                    && self.fits(candidate)
            })
            .collect();
        order.sort_by(|&a, &b| {
            let (a, b) = (&all[a], &all[b]);
            match self.asked.sort.as_str() {
                "number" => a.number.cmp(&b.number),
                "name" => {
                    a.name.to_lowercase().cmp(&b.name.to_lowercase()).then_with(|| a.number.cmp(&b.number))
                }
                _ => by_mark((a.mark, a.status, &a.number), (b.mark, b.status, &b.number)),
            }
        });
        order
    }

    fn fits(&self, candidate: &CandidateFacts) -> bool {
        let counted = candidate.in_sample && candidate.status == CandidateStatus::Entered;
        let state = self.facts.counter(&self.standing, candidate).state;
        match self.asked.filter.as_str() {
            "sample" => candidate.in_sample,
            "incomplete" => {
                counted && matches!(state, CandidateState::NotStarted | CandidateState::InProgress)
            }
            "with_files" => self.facts.files(&candidate.id) > 0,
            "missing" => self
                .standing
                .component
                .sections
                .iter()
                .any(|section| self.facts.of_section(&candidate.id, section.code.as_str()).missing),
            "problem" => self.problems.contains(&candidate.id),
            _ => true,
        }
    }

    /// The candidate that is open: the one asked for, else the first listed.
    pub(super) fn open(&self) -> Option<&CandidateFacts> {
        let all = &self.standing.candidates;
        let asked = self.asked.open.as_ref();
        asked
            .and_then(|number| all.iter().find(|candidate| candidate.number == *number))
            .or_else(|| self.order.first().map(|&at| &all[at]))
    }

    fn href(&self, number: &str, from: usize) -> String {
        let encode = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
        };
        let mut pairs = Vec::new();
        for (name, value) in
            [("search", &self.asked.search), ("filter", &self.asked.filter), ("sort", &self.asked.sort)]
        {
            if !value.is_empty() {
                pairs.push(format!("{name}={}", encode(value)));
            }
        }
        if from > 0 {
            pairs.push(format!("from={from}"));
        }
        if !number.is_empty() {
            pairs.push(format!("open={number}"));
        }
        let query = if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) };
        let goal = if number.is_empty() { "" } else { "#candidate" };
        format!("/samples/{}{query}{goal}", self.line.sample.id)
    }

    fn row(&self, candidate: &CandidateFacts, open: Option<&str>) -> Row {
        let counter = self.facts.counter(&self.standing, candidate);
        Row {
            number: candidate.number.to_string(),
            name: candidate.name.clone(),
            mark: candidate.mark,
            words: self.words(candidate, counter.state),
            counter: self.counter_words(candidate, counter),
            href: self.href(candidate.number.as_str(), self.asked.from),
            open: open == Some(candidate.number.as_str()),
        }
    }

    fn words(&self, candidate: &CandidateFacts, state: CandidateState) -> words::Words {
        let outside = candidate.status == CandidateStatus::Entered
            && !candidate.in_sample
            && self.standing.candidates.iter().any(|other| other.in_sample);
        if outside { words::not_in_sample() } else { words::candidate(candidate.status, state) }
    }

    fn counter_words(&self, candidate: &CandidateFacts, counter: Counter) -> String {
        if candidate.status != CandidateStatus::Entered {
            return String::new();
        }
        let files = words::count(self.facts.files(&candidate.id), "file").to_lowercase();
        let optional = match counter.optional {
            0 => String::new(),
            number => format!(", +{number} optional"),
        };
        format!("{} of {} sections, {files}{optional}", counter.provided, counter.required)
    }

    /// What may be done to a place of this candidate (or, with none, to the sample's documents) now.
    fn ground(&self, candidate: Option<&CandidateFacts>) -> Ground<'_> {
        let closed = if self.can_change {
            self.closed(candidate)
        } else {
            Some("You can look at this, not change it.")
        };
        Ground {
            sample: format!("/samples/{}", self.line.sample.id),
            candidate: candidate.map(|candidate| candidate.number.to_string()).unwrap_or_default(),
            closed,
            times: &self.times,
        }
    }

    fn closed(&self, candidate: Option<&CandidateFacts>) -> Option<&'static str> {
        let sample = &self.line.sample;
        let mut dates = sample.dates;
        if let Some(candidate) = candidate {
            dates.due_at = candidate.due_at.unwrap_or(dates.due_at);
            dates.cut_off_at = candidate.cut_off_at.unwrap_or(dates.cut_off_at);
            match candidate.status {
                CandidateStatus::Entered => {}
                CandidateStatus::Absent => return Some("Absent: nothing is asked for."),
                CandidateStatus::Withdrawn => return Some("Withdrawn: nothing is asked for."),
            }
            if !candidate.in_sample && !self.line.component.early_upload {
                return Some("Not in the sample: nothing is asked for.");
            }
        }
        match sample.state {
            SampleState::Submitted => return Some("Submitted: nothing can be changed."),
            SampleState::Returned => {
                let open = self.returned.as_ref().is_some_and(|back| match candidate {
                    Some(candidate) => back.candidates.contains(&candidate.number),
                    // Documents belong to the whole sample.
                    None => self.standing.counted().all(|one| back.candidates.contains(&one.number)),
                });
                if !open {
                    return Some("Part of what was submitted: locked.");
                }
            }
            SampleState::Open => {}
        }
        let closed = dates.on_creation(self.times.now()) == Timeliness::Closed;
        closed.then_some("Closed. Ask the awarding organisation for an extension.")
    }

    fn panel(&self, candidate: &CandidateFacts, files: &[FileRow]) -> Panel {
        let counter = self.facts.counter(&self.standing, candidate);
        let ground = self.ground(Some(candidate));
        let places = self.line.component.sections.iter().map(|section| {
            let code = section.code.as_str();
            let notes = self.standing.notes_of(candidate, code);
            let here = files.iter().filter(|file| file.kind == "evidence" && file.section == code);
            place(&ground, section, code, Some((self.facts.of_section(&candidate.id, code), notes)), here)
        });
        let supporting = self.line.component.supporting.as_ref().map(|rules| {
            let here = files.iter().filter(|file| file.kind == "supporting");
            place(&ground, rules, SUPPORTING, None, here)
        });
        let at = self.order.iter().position(|&at| self.standing.candidates[at].number == candidate.number);
        let link = |at: Option<usize>| {
            let other = &self.standing.candidates[*self.order.get(at?)?];
            let href = self.href(other.number.as_str(), self.asked.from);
            Some(Link::new(href, format!("{} {}", other.number, other.name)))
        };
        Panel {
            number: candidate.number.to_string(),
            name: candidate.name.clone(),
            mark: candidate.mark,
            words: self.words(candidate, counter.state),
            counter: self.counter_words(candidate, counter),
            places: places.collect(),
            supporting,
            previous: link(at.and_then(|at| at.checked_sub(1))),
            next: link(at.map(|at| at + 1)),
        }
    }

    pub(super) fn page(
        self,
        frame: Frame,
        documents: &[FileRow],
        files: &[FileRow],
        undo: Option<FileRow>,
        withdrawn: &[Withdrawn],
    ) -> Workspace {
        let open = self.open();
        let number = open.map(|candidate| candidate.number.as_str());
        let shown = self.order.iter().skip(self.asked.from).take(PAGE);
        let rows = shown.map(|&at| self.row(&self.standing.candidates[at], number)).collect();
        let next = self.asked.from.saturating_add(PAGE);
        let ground = self.ground(None);
        let documents = self.line.component.documents.iter().map(|document| {
            let code = document.code.as_str();
            place(&ground, document, code, None, documents.iter().filter(|file| file.section == code))
        });
        Workspace {
            frame,
            sample: self.head(),
            documents: documents.collect(),
            query: Query {
                search: self.asked.search.clone(),
                filter: self.asked.filter.clone(),
                sort: self.asked.sort.clone(),
            },
            filters: FILTERS,
            sorts: SORTS,
            rows,
            more: (next < self.order.len()).then(|| self.href("", next)),
            panel: open.map(|candidate| self.panel(candidate, files)),
            undo: undo.filter(|file| file.state == FileState::Deleted).map(|file| Undo {
                name: file.original_name,
                href: format!("/samples/{}/files/{}/restore", self.line.sample.id, file.id),
            }),
            problem: None,
            withdrawn: withdrawn.iter().map(|file| self.withdrawn(file)).collect(),
        }
    }

    /// `1005 O'NEILL, Sean · Film: film.mp4 was withdrawn on …`.
    fn withdrawn(&self, file: &Withdrawn) -> String {
        let title = title_of(&self.line, &file.section);
        let place = match file.number.as_str() {
            "" => title,
            number => format!("{number} {} · {title}", file.candidate),
        };
        let (name, at) = (&file.original_name, self.times.minute(file.at));
        let standing = match file.submitted {
            true => "Nobody can open it any more. The submission and its receipt stand as they are.",
            false => "Nobody can open it any more. Send a clean copy.",
        };
        format!("{place}: {name} was withdrawn on {at}. {} {standing}", file.detail)
    }

    fn head(&self) -> SampleHead {
        let sample = &self.line.sample;
        let (complete, candidates) = tally(&self.standing);
        let href = format!("/samples/{}", sample.id);
        let receipt = (sample.revision > 0).then(|| format!("{href}/submissions/{}", sample.revision));
        let locked_because = match (sample.state, &self.returned) {
            (SampleState::Submitted, _) if self.can_change => {
                "This sample is submitted. Nothing can be changed unless it is returned to you.".to_owned()
            }
            (SampleState::Submitted, _) => "This sample is submitted.".to_owned(),
            (SampleState::Returned, Some(back)) => format!(
                "Returned to {}: {} Only the returned candidates are open, until {}.",
                if self.can_change { "you" } else { "the centre" },
                back.reason,
                self.times.deadline(back.due_at)
            ),
            _ => String::new(),
        };
        SampleHead {
            title: self.line.component.title.clone(),
            component: self.line.component.id.to_string(),
            centre: format!("{} {}", sample.centre, self.line.centre),
            words: words::sample(sample.state, sample.revision),
            due: self.times.deadline(sample.dates.due_at),
            due_in: self.times.until(sample.dates.due_at),
            cut_off: self.times.deadline(sample.dates.cut_off_at),
            complete,
            candidates,
            check_word: if self.can_submit { "Check and submit" } else { "Check" },
            can_check: sample.state != SampleState::Submitted && (self.can_submit || self.can_change),
            receipt,
            locked_because,
            href,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_without_its_accents() {
        for (name, typed) in [("Zoë Smith-Jones", "zoe"), ("Łukasz Wójcik", "lukasz woj"), ("Siân", "SIÂN")]
        {
            assert!(folded(name).contains(&folded(typed)), "{name} {typed}");
        }
    }
}
