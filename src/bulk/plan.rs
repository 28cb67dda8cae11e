//! What becomes of each file of a plan: read by its name, set against what is there, corrected by a person's choices.
//!
//! Where more files are for a place than it has room for, those that a person chose come first, and of the others none
//! is preferred: all of them wait.

use std::collections::{HashMap, HashSet};

use super::names::{Doubt, Filing, Roll, Target, Unfiled};
use super::naming::Pattern;
use crate::candidate::CandidateNumber;
use crate::component::{Component, Section};
use crate::evidence::{FileKind, LARGEST, OriginalName, Reason, RelativePath};
use crate::ids::FileId;

/// What a name alone says of a file in a section: its kind, or why it would be refused, with a sentence.
pub type NameCheck = fn(&OriginalName, &Section) -> Result<FileKind, (Reason, String)>;

/// What a person chose for a file. Empty: nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    pub candidates: Vec<CandidateNumber>,
    pub target: Option<Target>,
    /// Not to be sent.
    pub leave_out: bool,
}

/// One file of a plan.
#[derive(Clone, Debug)]
pub struct Item<'a> {
    pub name: &'a str,
    /// Its folder, `""` for none.
    pub path: &'a str,
    /// Bytes.
    pub size: u64,
    pub choice: &'a Choice,
    /// Where its upload was begun.
    pub begun: Option<(&'a CandidateNumber, &'a Target)>,
}

/// Why nothing can be uploaded for a candidate now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    #[error("is absent or withdrawn")]
    Absent,
    #[error("is not in the sample")]
    NotInSample,
    #[error("was not returned to you")]
    NotReturned,
    #[error("is past the cut-off")]
    Closed,
}

impl Obstacle {
    /// A stable word for programs: the code of the answer that an upload would get.
    pub fn code(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::NotInSample => "not_in_sample",
            Self::NotReturned => "locked",
            Self::Closed => "closed",
        }
    }
}

/// Someone entered, as far as a plan asks.
#[derive(Clone, Debug)]
pub struct Person {
    pub number: CandidateNumber,
    pub name: String,
    pub obstacle: Option<Obstacle>,
    /// Their work counts: who has no file in the plan is told.
    pub counts: bool,
    /// Files accepted or on their way.
    pub files: u32,
}

/// A file that takes one of a section's places.
#[derive(Clone, Debug)]
pub struct Held {
    pub file: FileId,
    pub name: String,
    /// Bytes; `None` while not known.
    pub size: Option<u64>,
    pub how: Standing,
}

/// How far a file has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Bytes may still arrive: the same file chosen again goes on with it.
    Open,
    /// The same, but silent for so long that it gives up its place.
    Silent,
    /// It is whole, and being checked.
    Checking,
    Accepted,
}

/// What a plan is set against.
#[derive(Clone, Debug)]
pub struct Ground<'a> {
    pub component: &'a Component,
    pub roll: Roll,
    pub people: Vec<Person>,
    /// What lies in each place.
    pub held: HashMap<(CandidateNumber, Target), Vec<Held>>,
}

/// What becomes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Planned {
    /// It goes there. `replaces`: an accepted file that it takes the place of, once it is accepted itself.
    Ready { candidate: CandidateNumber, target: Target, folder: String, replaces: Option<FileId> },
    /// A person has to choose; what is beyond doubt is told.
    Unfiled { candidates: Vec<CandidateNumber>, target: Option<Target>, why: Why },
    /// An upload would be refused.
    Refused { candidates: Vec<CandidateNumber>, target: Option<Target>, why: Why },
    /// A file of that name and size is there. A guess: the bytes are not compared.
    AlreadyHere { candidate: CandidateNumber, target: Target, why: Why },
    /// A person left it out.
    LeftOut,
    /// Its upload was begun.
    Begun { candidate: CandidateNumber, target: Target },
}

/// A reason: a stable word, and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    pub code: &'static str,
    pub text: String,
}

impl Why {
    fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

impl Planned {
    /// The candidates, as far as they are known.
    pub fn candidates(&self) -> &[CandidateNumber] {
        match self {
            Self::Ready { candidate, .. }
            | Self::AlreadyHere { candidate, .. }
            | Self::Begun { candidate, .. } => std::slice::from_ref(candidate),
            Self::Unfiled { candidates, .. } | Self::Refused { candidates, .. } => candidates,
            Self::LeftOut => &[],
        }
    }

    /// The section, as far as it is known.
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Ready { target, .. } | Self::AlreadyHere { target, .. } | Self::Begun { target, .. } => {
                Some(target)
            }
            Self::Unfiled { target, .. } | Self::Refused { target, .. } => target.as_ref(),
            Self::LeftOut => None,
        }
    }

    /// Why it is not ready.
    pub fn why(&self) -> Option<&Why> {
        match self {
            Self::Unfiled { why, .. } | Self::Refused { why, .. } | Self::AlreadyHere { why, .. } => {
                Some(why)
            }
            Self::Ready { .. } | Self::LeftOut | Self::Begun { .. } => None,
        }
    }

    /// The word for programs.
    pub fn state(&self) -> &'static str {
        match self {
            Self::Ready { replaces: None, .. } => "ready",
            Self::Ready { replaces: Some(_), .. } => "replaces",
            Self::Unfiled { .. } => "unfiled",
            Self::Refused { .. } => "refused",
            Self::AlreadyHere { .. } => "already_here",
            Self::LeftOut => "left_out",
            Self::Begun { .. } => "begun",
        }
    }
}

/// Somebody whose work counts and who has no file in a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    pub number: CandidateNumber,
    pub name: String,
    /// Files that are here already, or on their way.
    pub files: u32,
}

/// Who has no file in the plan.
pub fn left_out(ground: &Ground<'_>, planned: &[Planned]) -> Vec<LeftOut> {
    let with: HashSet<&CandidateNumber> = planned
        .iter()
        .filter(|file| {
            matches!(file, Planned::Ready { .. } | Planned::AlreadyHere { .. } | Planned::Begun { .. })
        })
        .flat_map(|file| file.candidates())
        .collect();
    let without = ground.people.iter().filter(|person| person.counts && !with.contains(&person.number));
    without
        .map(|person| LeftOut {
            number: person.number.clone(),
            name: person.name.clone(),
            files: person.files,
        })
        .collect()
}

/// What becomes of each file, in the order given.
pub fn plan(ground: &Ground<'_>, pattern: &Pattern, items: &[Item<'_>], check: NameCheck) -> Vec<Planned> {
    let people: HashMap<&CandidateNumber, &Person> =
        ground.people.iter().map(|person| (&person.number, person)).collect();
    let planner = Planner { ground, people, pattern, check };
    let mut planned: Vec<Planned> = items.iter().map(|item| planner.place(item)).collect();
    planner.share_room(items, &mut planned);
    planned
}

struct Planner<'a> {
    ground: &'a Ground<'a>,
    people: HashMap<&'a CandidateNumber, &'a Person>,
    pattern: &'a Pattern,
    check: NameCheck,
}

/// A place with the files of the plan that are for it.
#[derive(Default)]
struct Demand {
    /// Positions in the plan, those that a person chose and the others.
    chosen: Vec<usize>,
    read: Vec<usize>,
}

impl Planner<'_> {
    /// A file by itself, without a look at the others.
    fn place(&self, item: &Item<'_>) -> Planned {
        if let Some((candidate, target)) = item.begun {
            return Planned::Begun { candidate: candidate.clone(), target: target.clone() };
        }
        if item.choice.leave_out {
            return Planned::LeftOut;
        }
        let (candidates, target, doubt, folder) = self.filed(item);
        if let Err(why) = self.acceptable(item, target.as_ref()) {
            return Planned::Refused { candidates, target, why };
        }
        let unfiled = |candidates, target, why| Planned::Unfiled { candidates, target, why };
        let target = match (target, doubt) {
            (Some(target), None) => target,
            (target, Some(doubt)) => {
                return unfiled(candidates, target, Why::new(doubt.code(), doubt.to_string()));
            }
            (None, None) => {
                return unfiled(candidates, None, Why::new("no_section", Doubt::NoSection.to_string()));
            }
        };
        for number in &candidates {
            let why = match self.people.get(number).map(|person| person.obstacle) {
                Some(None) => continue,
                Some(Some(obstacle)) => Why::new(obstacle.code(), format!("Candidate {number} {obstacle}.")),
                None => {
                    Why::new("unknown_candidate", Doubt::UnknownCandidate(number.to_string()).to_string())
                }
            };
            return unfiled(candidates, Some(target), why);
        }
        let [candidate] = candidates.as_slice() else {
            let why = Why::new(
                "shared",
                "Named for several candidates: each of them needs an upload of their own.",
            );
            return unfiled(candidates, Some(target), why);
        };
        let candidate = candidate.clone();
        if *item.choice == Choice::default()
            && let Some(why) = self.already_here(item, &candidate, &target)
        {
            return Planned::AlreadyHere { candidate, target, why };
        }
        Planned::Ready { candidate, target, folder, replaces: None }
    }

    /// Whose a file is and where it goes: as its name says, then as a person chose; and the doubt that is left.
    fn filed(&self, item: &Item<'_>) -> (Vec<CandidateNumber>, Option<Target>, Option<Doubt>, String) {
        let choice = item.choice;
        let (mut candidates, mut target, mut doubt, folder) =
            match self.ground.roll.file(self.pattern, item.path, item.name) {
                Filing::Filed { candidates, target, folder } => (candidates, Some(target), None, folder),
                Filing::Unfiled(Unfiled { doubt, candidates, target }) => {
                    (candidates, target, Some(doubt), item.path.to_owned())
                }
            };
        if !choice.candidates.is_empty() {
            candidates.clone_from(&choice.candidates);
        }
        if choice.target.is_some() {
            target.clone_from(&choice.target);
        }
        let chosen = match &doubt {
            Some(doubt) if doubt.is_about_section() => choice.target.is_some(),
            _ => !choice.candidates.is_empty(),
        };
        if chosen && !candidates.is_empty() {
            doubt = target.is_none().then_some(Doubt::NoSection);
        }
        (candidates, target, doubt, folder)
    }

    /// Why an upload would be refused for what the file is called and how large it is.
    fn acceptable(&self, item: &Item<'_>, target: Option<&Target>) -> Result<(), Why> {
        let wrong = |reason: Reason, text: String| Why::new(reason.as_str(), text);
        let name: OriginalName = item.name.parse().map_err(|invalid: crate::evidence::InvalidName| {
            wrong(Reason::NameNotAllowed, sentence(&invalid.to_string()))
        })?;
        item.path.parse::<RelativePath>().map_err(|invalid| {
            wrong(Reason::NameNotAllowed, format!("Its folder cannot be kept: {invalid}."))
        })?;
        if item.size == 0 {
            let text = "The file is empty; save the work again and upload it.";
            return Err(wrong(Reason::Empty, text.into()));
        }
        let component = self.ground.component;
        let limit = match target.and_then(|target| target.rules(component)) {
            Some(rules) => match (self.check)(&name, rules) {
                Ok(kind) => rules.max_bytes.min(kind.max_bytes),
                Err((reason, text)) => return Err(wrong(reason, text)),
            },
            None => self.somewhere(&name)?,
        };
        if item.size > limit {
            return Err(wrong(Reason::TooLarge, format!("At most {limit} bytes are taken.")));
        }
        Ok(())
    }

    /// The largest file of this name that some section takes.
    fn somewhere(&self, name: &OriginalName) -> Result<u64, Why> {
        let component = self.ground.component;
        let (mut largest, mut refusal) = (None, None);
        for rules in component.sections.iter().chain(&component.supporting) {
            match (self.check)(name, rules) {
                Ok(kind) => largest = largest.max(Some(rules.max_bytes.min(kind.max_bytes))),
                Err(refused) => refusal = Some(refused),
            }
        }
        match (largest, refusal) {
            (Some(largest), _) => Ok(largest),
            (None, Some((Reason::TypeNotAllowed, _))) => {
                let text = "No section of this component takes a file of this type.";
                Err(Why::new(Reason::TypeNotAllowed.as_str(), text))
            }
            (None, Some((reason, text))) => Err(Why::new(reason.as_str(), text)),
            (None, None) => Ok(LARGEST),
        }
    }

    /// A file of the same name and size lies in its place, whole.
    fn already_here(&self, item: &Item<'_>, candidate: &CandidateNumber, target: &Target) -> Option<Why> {
        let mut held = self.held(candidate, target).iter();
        let twin = held.find(|held| {
            matches!(held.how, Standing::Checking | Standing::Accepted)
                && held.name == item.name
                && held.size == Some(item.size)
        })?;
        Some(match twin.how {
            Standing::Accepted => Why::new(
                "already_here",
                "A file of this name and size is here already. Send it again if it has changed.",
            ),
            _ => Why::new("being_checked", "A file of this name and size is here and being checked."),
        })
    }

    fn held(&self, number: &CandidateNumber, target: &Target) -> &[Held] {
        self.ground.held.get(&(number.clone(), target.clone())).map_or(&[], Vec::as_slice)
    }

    /// Sees to it that no place gets more files than it takes.
    fn share_room(&self, items: &[Item<'_>], planned: &mut [Planned]) {
        let mut demands: HashMap<(CandidateNumber, Target), Demand> = HashMap::new();
        for (at, file) in planned.iter().enumerate() {
            let Planned::Ready { candidate, target, .. } = file else { continue };
            let demand = demands.entry((candidate.clone(), target.clone())).or_default();
            match *items[at].choice == Choice::default() {
                true => demand.read.push(at),
                false => demand.chosen.push(at),
            }
        }
        for ((candidate, target), demand) in demands {
            let Some(rules) = target.rules(self.ground.component) else { continue };
            let wanting = || demand.chosen.iter().chain(&demand.read);
            // An open upload of the same file is gone on with, and needs no room of its own.
            let going_on = |held: &Held| {
                let same = |&at: &usize| held.name == items[at].name && held.size == Some(items[at].size);
                held.how == Standing::Open && wanting().any(same)
            };
            let held = self.held(&candidate, &target).iter();
            let firm: Vec<&Held> =
                held.filter(|held| held.how != Standing::Silent && !going_on(held)).collect();
            let max = rules.max as usize;
            let replaced = match firm.as_slice() {
                [one] if max == 1 && one.how == Standing::Accepted => Some(one.file),
                _ => None,
            };
            let room = if replaced.is_some() { 1 } else { max.saturating_sub(firm.len()) };
            let wanted = demand.chosen.len() + demand.read.len();
            let chosen = demand.chosen.len().min(room);
            // Those that were read go together or not at all.
            let fits = if chosen + demand.read.len() <= room { chosen + demand.read.len() } else { chosen };
            let (chosen, over) = demand.chosen.split_at(chosen);
            let ordered: Vec<usize> = chosen.iter().chain(&demand.read).chain(over).copied().collect();
            let (fit, waits) = ordered.split_at(fits);
            for &at in fit {
                if let Planned::Ready { replaces, .. } = &mut planned[at] {
                    *replaces = replaced;
                }
            }
            for &at in waits {
                let why = no_room(rules.max, firm.len(), wanted);
                let (candidates, target) = (vec![candidate.clone()], Some(target.clone()));
                planned[at] = Planned::Unfiled { candidates, target, why };
            }
        }
    }
}

fn no_room(max: u32, taken: usize, wanted: usize) -> Why {
    let files = |count: usize| if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
    let takes = files(max as usize);
    let text = match (taken, wanted) {
        (0, wanted) => {
            format!("The section takes {takes}, and {wanted} of this plan are for it: choose which.")
        }
        (taken, 1) => format!("The section takes {takes} and has {taken}."),
        (taken, wanted) => {
            format!("The section takes {takes} and has {taken}, and {wanted} more of this plan are for it.")
        }
    };
    Why::new("section_full", text)
}

/// A capital, and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}
