//! From how a sample stands to the workspace's page.

use std::collections::HashSet;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::facts::{Change, SectionWork, Work, forms, tally, works};
use super::place::{Ground, facts_of, place};
use super::{
    Asked, Cell, Column, Documents, Filter, MovedHere, Panel, PlaceView, Query, Row, SORTS, SampleHead,
    Workspace,
};
use crate::actor::{Action, Actor, PersonId, decide};
use crate::candidate::{CandidateStatus, by_mark};
use crate::completeness::{CandidateState, Counter, SectionState, section_state};
use crate::component::Section;
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

/// Most candidates on one page; beyond it, the list comes in pages of [`PAGE`].
const WHOLE: usize = 500;
const PAGE: usize = 250;
/// Most rows a page asks for beside those it has.
const PART: usize = 100;

/// The sample with the names around it; what is not the person's is unknown.
pub async fn line_of(service: &Service, person: &PersonId, id: SampleId) -> Result<SampleLine, ApiError> {
    let narrow = Narrow { sample: Some(id), ..Narrow::default() };
    workspace::lines(&service.db, person, narrow, 1).await?.pop().ok_or(ApiError::NotFound)
}

/// A name as it is looked for: lower case, without accents.
pub(super) fn folded(text: &str) -> String {
    let plain = text.nfd().filter(|&c| !is_combining_mark(c)).collect::<String>();
    // Letters of their own that nobody has a key for.
    plain.to_lowercase().replace('ł', "l").replace('ø', "o").replace('đ', "d").replace('ß', "ss")
}

/// What the service knows of the sample, for this person.
pub(super) struct Given {
    pub line: SampleLine,
    pub standing: Standing,
    pub returned: Option<Returned>,
    pub times: Times,
    pub refused: Vec<Refused>,
    pub deleted: Option<FileRow>,
    pub moved: Option<(FileRow, (String, String))>,
    pub kept: Option<FileRow>,
}

/// What the list can be narrowed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Narrowing {
    Everyone,
    Sample,
    Work,
    WithFiles,
    Missing,
    Problem,
    Changed,
}

impl Narrowing {
    const ALL: [(Self, &'static str, &'static str); 7] = [
        (Self::Everyone, "", "Everyone"),
        (Self::Sample, "sample", "In the sample"),
        (Self::Work, "incomplete", "Needs work"),
        (Self::Problem, "problem", "With a problem"),
        (Self::Missing, "missing", "With Missing"),
        (Self::WithFiles, "with_files", "With files"),
        (Self::Changed, "changed", "Changed"),
    ];

    fn of(word: &str) -> Self {
        Self::ALL.iter().find(|(_, code, _)| *code == word).map_or(Self::Everyone, |found| found.0)
    }

    fn fits(self, work: &Work) -> bool {
        match self {
            Self::Everyone => true,
            // As the counts beside it: who is absent or withdrawn is asked for nothing.
            Self::Sample => work.counted,
            Self::Work => work.needs_work(),
            Self::WithFiles => work.files > 0,
            Self::Missing => work.any_missing(),
            Self::Problem => work.refused,
            Self::Changed => work.changed.is_some(),
        }
    }
}

/// All that the page is built from.
pub(super) struct Bench {
    pub(super) line: SampleLine,
    standing: Standing,
    /// In the order of the standing's candidates.
    works: Vec<Work>,
    returned: Option<Returned>,
    times: Times,
    deleted: Option<FileRow>,
    moved: Option<(FileRow, (String, String))>,
    kept: Option<FileRow>,
    asked: Asked,
    can_change: bool,
    can_submit: bool,
    /// May mark a candidate as absent.
    can_flag: bool,
    /// May say that a section comes another way.
    can_note: bool,
    /// There is a draw, so whoever is not in it is told so.
    drawn: bool,
    /// How many candidates the filter leaves.
    narrowed: usize,
    /// Indexes of the candidates that the filter leaves, in order, and whether the search finds them. In pages, only
    /// those found.
    order: Vec<(usize, bool)>,
}

impl Bench {
    pub(super) fn new(actor: &Actor, given: Given, asked: Asked) -> Self {
        let Given { line, standing, returned, times, refused, deleted, moved, kept } = given;
        let may = |action| decide(actor, action, &line.sample, &line.component).is_ok();
        let (can_change, can_submit) = (may(Action::ChangeWork), may(Action::Submit));
        let can_flag = may(Action::FlagMissing);
        let can_note = line.component.other_means && may(Action::NoteOtherMeans);
        let works = works(&standing, &refused);
        let drawn = standing.candidates.iter().any(|candidate| candidate.in_sample);
        let deleted = deleted.filter(|file| file.state == FileState::Deleted);
        let moved = moved.filter(|(file, _)| file.state == FileState::Accepted);
        let mut bench = Self {
            line,
            standing,
            works,
            returned,
            times,
            deleted,
            moved,
            kept,
            asked,
            can_change,
            can_submit,
            can_flag,
            can_note,
            drawn,
            narrowed: 0,
            order: Vec::new(),
        };
        bench.list();
        bench
    }

    fn list(&mut self) {
        let search = folded(self.asked.search.trim());
        let narrowing = Narrowing::of(&self.asked.filter);
        let all = &self.standing.candidates;
        let mut order: Vec<usize> = (0..all.len()).filter(|&at| narrowing.fits(&self.works[at])).collect();
        match self.asked.sort.as_str() {
            "number" => order.sort_by(|&a, &b| all[a].number.cmp(&all[b].number)),
            "name" => order.sort_by_cached_key(|&at| (folded(&all[at].name), all[at].number.clone())),
            _ => order.sort_by(|&a, &b| {
                let (a, b) = (&all[a], &all[b]);
                by_mark((a.mark, a.status, &a.number), (b.mark, b.status, &b.number))
            }),
        }
        let found = |at: usize| {
            search.is_empty() || folded(&format!("{} {}", all[at].number, all[at].name)).contains(&search)
        };
        let narrowed = order.len();
        let order = order.into_iter().map(|at| (at, found(at)));
        self.order = order.filter(|&(_, found)| narrowed <= WHOLE || found).collect();
        self.narrowed = narrowed;
    }

    /// Whether some rows are asked for, and not the list.
    pub(super) fn is_part(&self) -> bool {
        self.asked.rows.is_some()
    }

    fn whole(&self) -> bool {
        self.narrowed <= WHOLE
    }

    /// The candidate that is open: the one asked for, else the first found.
    pub(super) fn open(&self) -> Option<&CandidateFacts> {
        self.open_at().map(|at| &self.standing.candidates[at])
    }

    fn open_at(&self) -> Option<usize> {
        if self.asked.closed {
            return None;
        }
        let asked = self.asked.open.as_ref();
        asked
            .and_then(|number| self.standing.candidates.iter().position(|one| one.number == *number))
            .or_else(|| self.order.iter().find(|one| one.1).map(|one| one.0))
    }

    /// The start of an address of this list: `?filter=problem&`.
    fn base(&self, filter: &str, from: usize) -> String {
        let encode = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
        };
        let mut query = String::from("?");
        for (name, value) in
            [("search", self.asked.search.as_str()), ("filter", filter), ("sort", self.asked.sort.as_str())]
        {
            if !value.is_empty() {
                query.push_str(&format!("{name}={}&", encode(value)));
            }
        }
        if from > 0 {
            query.push_str(&format!("from={from}&"));
        }
        query
    }

    /// The address of the list itself.
    fn href(&self, filter: &str, from: usize) -> String {
        let base = self.base(filter, from);
        format!("/samples/{}{}", self.line.sample.id, base.trim_end_matches(['?', '&']))
    }

    fn row(&self, at: usize, found: bool, open: Option<usize>) -> Row {
        let (candidate, work) = (&self.standing.candidates[at], &self.works[at]);
        let sections = self.line.component.sections.iter().zip(&work.sections);
        Row {
            number: candidate.number.to_string(),
            name: candidate.name.clone(),
            mark: candidate.mark,
            words: self.words(candidate, work.counter.state),
            counter: if work.counted || (candidate.status == CandidateStatus::Entered && work.files > 0) {
                format!("{} of {}", work.counter.provided, work.counter.required)
            } else {
                String::new()
            },
            flag: match work.changed {
                Some(Change::Added) => "Added",
                Some(Change::Left) => "Left",
                None => "",
            },
            cells: sections.map(|(section, of)| cell(section, of, work.counted)).collect(),
            open: open == Some(at),
            hidden: !found,
        }
    }

    fn words(&self, candidate: &CandidateFacts, state: CandidateState) -> words::Words {
        let outside = candidate.status == CandidateStatus::Entered && !candidate.in_sample && self.drawn;
        if outside { words::not_in_sample() } else { words::candidate(candidate.status, state) }
    }

    fn counter_words(&self, candidate: &CandidateFacts, work: &Work) -> String {
        if candidate.status != CandidateStatus::Entered {
            return String::new();
        }
        let Counter { provided, required, optional, .. } = work.counter;
        let files = words::count(work.files, "file").to_lowercase();
        let optional = match optional {
            0 => String::new(),
            number => format!(", +{number} optional"),
        };
        format!("{provided} of {required} sections, {files}{optional}")
    }

    /// What may be done to a place of this candidate (or, with none, to the sample's documents) now.
    fn ground(&self, candidate: Option<&CandidateFacts>) -> Ground<'_> {
        let closed = if self.can_change {
            self.closed(candidate)
        } else {
            Some("You can look at this, not change it.")
        };
        let number = candidate.map(|candidate| candidate.number.to_string()).unwrap_or_default();
        Ground {
            sample: format!("/samples/{}", self.line.sample.id),
            other_means: self.can_note,
            deleted: self.deleted.as_ref().filter(|file| file.number == number && closed.is_none()),
            moved: self.moved_here(&number).filter(|_| closed.is_none()),
            kept: self.kept.as_ref().filter(|file| file.number == number),
            candidate: number,
            closed,
            times: &self.times,
        }
    }

    /// The file that came to this candidate a moment ago: its section, and the way back.
    fn moved_here(&self, number: &str) -> Option<(&str, MovedHere)> {
        let (file, (candidate, section)) = self.moved.as_ref()?;
        let from = self.standing.candidates.iter().find(|one| one.id == *candidate)?;
        let title = title_of(&self.line, section);
        let here = MovedHere {
            name: file.original_name.clone(),
            from: match from.number.as_str() == number {
                true => title,
                false => format!("{} {} · {title}", from.number, from.name),
            },
            href: format!("/samples/{}/files/{}/move", self.line.sample.id, file.id),
            candidate: from.number.to_string(),
            section: section.clone(),
        };
        (file.number == number && file.sample == self.line.sample.id).then_some((&*file.section, here))
    }

    fn closed(&self, candidate: Option<&CandidateFacts>) -> Option<&'static str> {
        if let Some(candidate) = candidate {
            match candidate.status {
                CandidateStatus::Entered => {}
                CandidateStatus::Absent => return Some("Absent: nothing is asked for."),
                CandidateStatus::Withdrawn => return Some("Withdrawn: nothing is asked for."),
            }
            if !candidate.in_sample && !self.line.component.early_upload {
                return Some("Not in the sample: nothing is asked for.");
            }
        }
        self.shut(candidate)
    }

    /// Why the sample takes no change of this candidate, or of its documents, whatever the candidate is.
    fn shut(&self, candidate: Option<&CandidateFacts>) -> Option<&'static str> {
        let sample = &self.line.sample;
        let mut dates = sample.dates;
        if let Some(candidate) = candidate {
            dates.due_at = candidate.due_at.unwrap_or(dates.due_at);
            dates.cut_off_at = candidate.cut_off_at.unwrap_or(dates.cut_off_at);
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

    fn panel(&self, at: usize, files: &[FileRow]) -> Panel {
        let (candidate, work) = (&self.standing.candidates[at], &self.works[at]);
        let ground = self.ground(Some(candidate));
        let places = self.line.component.sections.iter().zip(&work.sections).map(|(section, of)| {
            let code = section.code.as_str();
            let here = files.iter().filter(|file| file.kind == "evidence" && file.section == code);
            place(&ground, section, code, Some(of), here)
        });
        let supporting = self.line.component.supporting.as_ref().map(|rules| {
            let here = files.iter().filter(|file| file.kind == "supporting");
            place(&ground, rules, SUPPORTING, None, here)
        });
        let found: Vec<usize> = self.order.iter().filter(|one| one.1).map(|one| one.0).collect();
        let here = found.iter().position(|&other| other == at);
        let base = self.base(&self.asked.filter, self.asked.from);
        let link = |at: Option<usize>| {
            let other = &self.standing.candidates[*found.get(at?)?];
            let href = format!("{base}open={}#candidate", other.number);
            Some(Link::new(href, format!("{} {}", other.number, other.name)))
        };
        let absent = format!("{}/candidates/{}/absent", ground.sample, candidate.number);
        let open = self.can_flag && self.shut(Some(candidate)).is_none();
        let entered = candidate.status == CandidateStatus::Entered;
        let nothing = !self.standing.files.iter().any(|file| file.candidate_id == candidate.id);
        Panel {
            absent: (open && entered && nothing).then(|| absent.clone()),
            not_absent: (open && candidate.status == CandidateStatus::Absent)
                .then(|| format!("{absent}/clear")),
            number: candidate.number.to_string(),
            name: candidate.name.clone(),
            mark: candidate.mark,
            words: self.words(candidate, work.counter.state),
            counter: self.counter_words(candidate, work),
            places: places.collect(),
            supporting,
            previous: link(here.and_then(|here| here.checked_sub(1))),
            next: link(here.map(|here| here + 1)),
            closed: ground.closed.unwrap_or_default(),
        }
    }

    /// What is asked for, has nothing, and can be changed now, in the order of the list.
    pub(super) fn empty(&self) -> Vec<(&CandidateFacts, &Section)> {
        let mut empty = Vec::new();
        for &(at, _) in &self.order {
            let (candidate, work) = (&self.standing.candidates[at], &self.works[at]);
            if !work.counted || self.closed(Some(candidate)).is_some() {
                continue;
            }
            let sections = self.line.component.sections.iter().zip(&work.sections);
            let nothing = |section: &Section, of: &SectionWork| {
                section.required && section_state(section, of.facts) == SectionState::Empty
            };
            empty.extend(
                sections
                    .filter(|(section, of)| nothing(section, of))
                    .map(|(section, _)| (candidate, section)),
            );
        }
        empty
    }

    /// Number, name and id of every candidate, by number.
    pub(super) fn people(&self) -> Vec<(&str, &str, &str)> {
        let all = self.standing.candidates.iter();
        all.map(|one| (one.number.as_str(), one.name.as_str(), one.id.as_str())).collect()
    }

    /// A candidate's sections and supporting material. `at`: as in [`Bench::people`].
    pub(super) fn places(&self, at: usize, files: &[FileRow]) -> Vec<PlaceView> {
        let Panel { places, supporting, .. } = self.panel(at, files);
        places.into_iter().chain(supporting).collect()
    }

    /// The candidates whose rows are shown.
    fn rows(&self, open: Option<usize>) -> Vec<Row> {
        let Some(wanted) = &self.asked.rows else {
            let (from, most) = if self.whole() { (0, WHOLE) } else { (self.asked.from, PAGE) };
            let shown = self.order.iter().skip(from).take(most);
            return shown.map(|&(at, found)| self.row(at, found, open)).collect();
        };
        let wanted: HashSet<&str> = wanted.split(',').take(PART).collect();
        let hidden: HashSet<usize> = self.order.iter().filter(|one| !one.1).map(|one| one.0).collect();
        let all = self.standing.candidates.iter().enumerate();
        all.filter(|(_, candidate)| wanted.contains(candidate.number.as_str()))
            .map(|(at, _)| self.row(at, !hidden.contains(&at), open))
            .collect()
    }

    fn filters(&self) -> Vec<Filter> {
        let mut number = [0_usize; Narrowing::ALL.len()];
        for work in &self.works {
            for (number, (narrowing, ..)) in number.iter_mut().zip(Narrowing::ALL) {
                *number += usize::from(narrowing.fits(work));
            }
        }
        let current = Narrowing::of(&self.asked.filter);
        let everyone = number[0];
        let all = Narrowing::ALL.into_iter().zip(number).map(|((narrowing, code, label), number)| {
            let href = self.href(code, 0);
            (narrowing, Filter { code, label, number, href, current: narrowing == current })
        });
        // What would leave nobody, or everybody, is not offered, but for what is asked most.
        all.filter(|(narrowing, filter)| {
            let usual = matches!(narrowing, Narrowing::Everyone | Narrowing::Work);
            let narrows = filter.number > 0 && filter.number < everyone;
            usual || filter.current || narrows
        })
        .map(|(_, filter)| filter)
        .collect()
    }

    pub(super) fn page(self, frame: Frame, files: &[FileRow], withdrawn: &[Withdrawn]) -> Workspace {
        let open = self.open_at();
        let rows = self.rows(open);
        let whole = self.whole();
        let (from, next) = (self.asked.from, self.asked.from.saturating_add(PAGE));
        let turned = |from| self.href(&self.asked.filter, from);
        let shown = open.filter(|&at| {
            let number = self.standing.candidates[at].number.as_str();
            rows.iter().any(|row| row.number == number)
        });
        Workspace {
            frame,
            sample: self.head(),
            documents: self.documents_link(),
            query: Query {
                search: self.asked.search.clone(),
                filter: self.asked.filter.clone(),
                sort: self.asked.sort.clone(),
            },
            filters: self.filters(),
            sorts: SORTS,
            columns: self.line.component.sections.iter().map(column).collect(),
            base: self.base(&self.asked.filter, if whole { 0 } else { from }),
            listed: self.narrowed,
            found: self.order.iter().filter(|one| one.1).count(),
            part: self.is_part(),
            before: (!whole && from > 0).then(|| turned(from.saturating_sub(PAGE))),
            more: (!whole && next < self.order.len()).then(|| turned(next)),
            panel: shown.map(|at| self.panel(at, files)),
            changed: self.changed(),
            withdrawn: withdrawn.iter().map(|file| self.withdrawn(file)).collect(),
            whole,
            rows,
        }
    }

    pub(super) fn documents(self, frame: Frame, files: &[FileRow]) -> Documents {
        let ground = self.ground(None);
        let places = self.line.component.documents.iter().map(|document| {
            let code = document.code.as_str();
            place(&ground, document, code, None, files.iter().filter(|file| file.section == code))
        });
        Documents { frame, sample: self.head(), places: places.collect() }
    }

    fn documents_link(&self) -> Option<Link> {
        let text = format!("Forms and documents: {}", words::forms(&forms(&self.standing)));
        (!self.line.component.documents.is_empty())
            .then(|| Link::new(format!("/samples/{}/documents", self.line.sample.id), text))
    }

    /// Who came, and who left with work here, since the work began.
    fn changed(&self) -> Option<String> {
        let number = |change| self.works.iter().filter(|work| work.changed == Some(change)).count();
        let people = |number: usize, what: &str| match number {
            1 => format!("1 candidate was {what}"),
            _ => format!("{number} candidates were {what}"),
        };
        match (number(Change::Added), number(Change::Left)) {
            (0, 0) => None,
            (added, 0) => Some(format!("{} since the work here began.", people(added, "added"))),
            (0, left) => Some(format!("{} since the work here began.", people(left, "withdrawn"))),
            (added, left) => {
                Some(format!("{} and {left} withdrawn since the work here began.", people(added, "added")))
            }
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
        let (complete, candidates) = tally(&self.works);
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

fn column(section: &Section) -> Column {
    Column { code: section.code.to_string(), title: section.title.clone(), required: section.required }
}

/// `counted`: the candidate's work is asked for.
fn cell(section: &Section, work: &SectionWork, counted: bool) -> Cell {
    let facts = facts_of(section, work);
    let words = words::section(facts);
    let nothing = facts.state == SectionState::Empty && !facts.running && facts.refused == 0;
    Cell { tone: words.tone.as_str(), label: words.label, bare: nothing && !(section.required && counted) }
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
