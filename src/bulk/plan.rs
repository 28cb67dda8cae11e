//! What becomes of each file of a plan: read by its name, set against what is there, corrected by a person's choices.
//!
//! Where more files are for a place than it has room for, those that a person chose come first, and of the others none
//! is preferred: all of them wait. A file that several candidates share needs room with each of them, and replaces none.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::names::{Doubt, Filing, MOST_SHARING, Roll, Unfiled};
use super::naming::Pattern;
use super::target::Target;
use crate::candidate::CandidateNumber;
use crate::component::{Component, Section};
use crate::evidence::{FileKind, LARGEST, OriginalName, Reason, RelativePath, bytes_in_words};
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
    /// Where its upload was begun, and for whom.
    pub begun: Option<(&'a [CandidateNumber], &'a Target)>,
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
    /// It goes there: to the first of the candidates, and who shares it gets a copy. `replaces`: an accepted file that it
    /// takes the place of, once it is accepted itself; never of a shared one.
    Ready { candidates: Vec<CandidateNumber>, target: Target, folder: String, replaces: Option<FileId> },
    /// A person has to choose; what is beyond doubt is told.
    Unfiled { candidates: Vec<CandidateNumber>, target: Option<Target>, why: Why },
    /// An upload would be refused.
    Refused { candidates: Vec<CandidateNumber>, target: Option<Target>, why: Why },
    /// A file of that name and size is there. A guess: the bytes are not compared.
    AlreadyHere { candidates: Vec<CandidateNumber>, target: Target, why: Why },
    /// A person left it out.
    LeftOut,
    /// Its upload was begun.
    Begun { candidates: Vec<CandidateNumber>, target: Target },
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
            Self::Ready { candidates, .. }
            | Self::AlreadyHere { candidates, .. }
            | Self::Begun { candidates, .. }
            | Self::Unfiled { candidates, .. }
            | Self::Refused { candidates, .. } => candidates,
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
        if let Some((candidates, target)) = item.begun {
            return Planned::Begun { candidates: candidates.to_vec(), target: target.clone() };
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
        if candidates.len() > MOST_SHARING {
            let doubt = Doubt::TooManySharing;
            return unfiled(candidates, Some(target), Why::new(doubt.code(), doubt.to_string()));
        }
        if *item.choice == Choice::default() {
            let here = |number: &CandidateNumber| self.already_here(item, number, &target);
            let has: Vec<(&CandidateNumber, Why)> =
                candidates.iter().filter_map(|number| Some((number, here(number)?))).collect();
            match has.first() {
                Some((_, why)) if has.len() == candidates.len() => {
                    let why = why.clone();
                    return Planned::AlreadyHere { candidates, target, why };
                }
                // It is a guess, so nobody is left out for it unless a person says so.
                Some((number, _)) => {
                    let text = format!(
                        "Candidate {number} has a file of this name and size already: choose for whom it is."
                    );
                    return unfiled(candidates, Some(target), Why::new("already_here", text));
                }
                None => {}
            }
        }
        Planned::Ready { candidates, target, folder, replaces: None }
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
        let mut seen = HashSet::new();
        candidates.retain(|number| seen.insert(number.clone()));
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
                Ok(kind) => rules.limit_of(&kind),
                Err((reason, text)) => return Err(wrong(reason, text)),
            },
            None => self.somewhere(&name)?,
        };
        if item.size > limit {
            return Err(wrong(Reason::TooLarge, format!("At most {} is taken.", bytes_in_words(limit))));
        }
        Ok(())
    }

    /// The largest file of this name that some section takes.
    fn somewhere(&self, name: &OriginalName) -> Result<u64, Why> {
        let component = self.ground.component;
        let (mut largest, mut refusal) = (None, None);
        for rules in component.sections.iter().chain(&component.supporting) {
            match (self.check)(name, rules) {
                Ok(kind) => largest = largest.max(Some(rules.limit_of(&kind))),
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
        // A shared file for which somebody has no room at all takes none from the others.
        let hopeless: Vec<(usize, Why)> = demands(items, planned)
            .iter()
            .filter_map(|(place, demand)| Some((place, demand, self.room(items, place, demand)?)))
            .filter(|(.., room)| room.firm.len() >= room.max as usize)
            .flat_map(|(place, demand, room)| {
                let shared = demand.all().filter(|&at| planned[at].candidates().len() > 1);
                shared.map(|at| (at, room.why(&place.0, true, demand))).collect::<Vec<_>>()
            })
            .collect();
        leave_out_of(planned, hopeless);
        let mut waiting = Vec::new();
        for (place, demand) in demands(items, planned) {
            let Some(room) = self.room(items, &place, &demand) else { continue };
            let replaced = match room.firm.as_slice() {
                [one] if room.max == 1 && one.how == Standing::Accepted => Some(one.file),
                _ => None,
            };
            let free =
                if replaced.is_some() { 1 } else { (room.max as usize).saturating_sub(room.firm.len()) };
            let chosen = demand.chosen.len().min(free);
            // Those that were read go together or not at all.
            let fits = if chosen + demand.read.len() <= free { chosen + demand.read.len() } else { chosen };
            let (chosen, over) = demand.chosen.split_at(chosen);
            let ordered: Vec<usize> = chosen.iter().chain(&demand.read).chain(over).copied().collect();
            let (fit, waits) = ordered.split_at(fits);
            for &at in fit {
                if let Planned::Ready { replaces, .. } = &mut planned[at] {
                    *replaces = replaced;
                }
            }
            for &at in waits {
                let shared = planned[at].candidates().len() > 1;
                waiting.push((at, room.why(&place.0, shared, &demand)));
            }
        }
        leave_out_of(planned, waiting);
    }

    /// What room a place has for those that want it; `None`: there is no such place.
    fn room<'r>(
        &'r self,
        items: &[Item<'_>],
        (candidate, target): &(CandidateNumber, Target),
        demand: &Demand,
    ) -> Option<Room<'r>> {
        let rules = target.rules(self.ground.component)?;
        // An open upload of the same file is gone on with, and needs no room of its own.
        let going_on = |held: &Held| {
            let same = |at: usize| held.name == items[at].name && held.size == Some(items[at].size);
            held.how == Standing::Open && demand.all().any(same)
        };
        let held = self.held(candidate, target).iter();
        let firm = held.filter(|held| held.how != Standing::Silent && !going_on(held)).collect();
        Some(Room { max: rules.max, firm })
    }
}

/// The files for each place.
fn demands(items: &[Item<'_>], planned: &[Planned]) -> BTreeMap<(CandidateNumber, Target), Demand> {
    let mut demands: BTreeMap<_, Demand> = BTreeMap::new();
    for (at, file) in planned.iter().enumerate() {
        let Planned::Ready { candidates, target, .. } = file else { continue };
        for candidate in candidates {
            let demand = demands.entry((candidate.clone(), target.clone())).or_default();
            match *items[at].choice == Choice::default() {
                true => demand.read.push(at),
                false => demand.chosen.push(at),
            }
        }
    }
    demands
}

/// Files that a place has no room for wait, for the first reason that is told of each.
fn leave_out_of(planned: &mut [Planned], waiting: Vec<(usize, Why)>) {
    for (at, why) in waiting {
        if let Planned::Ready { candidates, target, .. } = &planned[at] {
            let (candidates, target) = (candidates.clone(), Some(target.clone()));
            planned[at] = Planned::Unfiled { candidates, target, why };
        }
    }
}

impl Demand {
    fn all(&self) -> impl Iterator<Item = usize> {
        self.chosen.iter().chain(&self.read).copied()
    }
}

/// How many files a place takes, and those that take it now.
struct Room<'a> {
    max: u32,
    firm: Vec<&'a Held>,
}

impl Room<'_> {
    /// Why not all go in. `shared`: by the file that does not, so that it is said with whom.
    fn why(&self, candidate: &CandidateNumber, shared: bool, demand: &Demand) -> Why {
        let why = no_room(self.max, self.firm.len(), demand.all().count());
        match shared {
            true => Why { text: format!("For candidate {candidate}: {}", lowered(&why.text)), ..why },
            false => why,
        }
    }
}

/// Without its capital.
fn lowered(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}", first.to_lowercase(), letters.as_str()))
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
