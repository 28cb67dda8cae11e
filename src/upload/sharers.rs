//! Candidates who share a file with the one it is sent for: each is asked as the first is, when the upload is begun and
//! once more when it is accepted and they get their copy (`worker/share`).

use std::collections::HashSet;

use jiff::Timestamp;

use super::create::{Target, target};
use super::room::{self, Slot};
use super::{CreateError, Creation, Wanted};
use crate::bulk::MOST_SHARING;
use crate::candidate::CandidateNumber;
use crate::component::{Component, Section};
use crate::database::files::PlaceRef;
use crate::database::{Tx, samples};
use crate::evidence::Place;
use crate::sample::{Sample, Timeliness};

/// A candidate who may have a file in this place.
#[derive(Debug)]
pub(crate) struct Sharer<'a> {
    /// Candidate id.
    pub candidate: String,
    pub rules: &'a Section,
    pub late: bool,
}

impl Sharer<'_> {
    /// Their place.
    pub fn slot<'s>(&'s self, sample: &Sample, place: &'s Place) -> Slot<'s> {
        let (kind, section) = (place.kind_word(), place.section_word());
        let here = PlaceRef { sample: sample.id, candidate: &self.candidate, kind, section };
        Slot { place: here, word: section, max: self.rules.max }
    }
}

/// The place of another candidate in the same section.
fn same_for(place: &Place, candidate: &CandidateNumber) -> Place {
    let candidate = candidate.clone();
    match place {
        Place::Section { section, .. } => Place::Section { candidate, section: section.clone() },
        Place::Supporting { .. } => Place::Supporting { candidate },
        Place::Document { document } => Place::Document { document: document.clone() },
    }
}

/// Whether the place of a candidate takes work now; its dates are judged as of `begun`.
pub(crate) async fn ask<'a>(
    tx: &mut Tx,
    sample: &Sample,
    component: &'a Component,
    place: &Place,
    begun: Timestamp,
) -> Result<Sharer<'a>, CreateError> {
    let found = target(tx, sample, component, &Wanted::Place(place.clone())).await?;
    let late = match found.dates.on_creation(begun) {
        Timeliness::Closed => return Err(CreateError::Closed { at: found.dates.cut_off_at }),
        Timeliness::Late => true,
        Timeliness::OnTime => false,
    };
    Ok(Sharer { candidate: found.candidate, rules: found.rules, late })
}

/// Id and number of those whom a creation names besides its first candidate, each asked for dates and room, and the
/// places of all locked in one order.
pub(super) async fn named(
    tx: &mut Tx,
    sample: &Sample,
    component: &Component,
    first: &Target<'_>,
    creation: &Creation,
    (begun, now): (Timestamp, Timestamp),
) -> Result<Vec<(String, CandidateNumber)>, CreateError> {
    if creation.shared_with.is_empty() {
        return Ok(Vec::new());
    }
    let not_so = |why: String| CreateError::NotShared { why };
    let Some(number) = first.place.candidate().filter(|_| creation.replaces.is_none()) else {
        let why = "only a candidate's file that replaces no other is shared";
        return Err(not_so(why.into()));
    };
    if creation.shared_with.len() >= MOST_SHARING {
        return Err(not_so(format!("at most {MOST_SHARING} candidates share a file")));
    }
    let mut seen = HashSet::from([number]);
    if let Some(twice) = creation.shared_with.iter().find(|number| !seen.insert(number)) {
        return Err(not_so(format!("{twice} is named twice")));
    }
    let mut asked = Vec::new();
    for number in &creation.shared_with {
        let place = same_for(&first.place, number);
        let sharer = ask(tx, sample, component, &place, begun).await;
        asked.push((number, place, sharer.map_err(|error| error.of(number))?));
    }
    let section = first.place.section_word();
    let mut ids: Vec<&str> = asked.iter().map(|(.., sharer)| sharer.candidate.as_str()).collect();
    ids.push(&first.candidate);
    ids.sort_unstable();
    for id in ids {
        samples::lock_place(tx, sample.id, id, section).await?;
    }
    for (number, place, sharer) in &asked {
        let looked = room::look(tx, &sharer.slot(sample, place), now).await;
        looked.map_err(|error| CreateError::from(error).of(number))?;
    }
    Ok(asked.into_iter().map(|(number, _, sharer)| (sharer.candidate, number.clone())).collect())
}

impl CreateError {
    /// The same of a candidate who shares the file.
    fn of(self, candidate: &CandidateNumber) -> Self {
        match self {
            Self::Unknown { .. } => Self::NotShared { why: format!("{candidate} is not entered here") },
            passing @ (Self::Store(_) | Self::Database(_)) => passing,
            error => Self::Sharer { candidate: candidate.clone(), error: Box::new(error) },
        }
    }

    /// Why a candidate does not get their copy: a stable word, and the end of a sentence. `Err`: it is no reason of
    /// theirs, and may pass.
    pub(crate) fn not_shared(self) -> Result<(&'static str, String), Self> {
        Ok(match self {
            Self::Unknown { what: "candidate" } => {
                ("unknown_candidate", "they are not entered here any more".into())
            }
            Self::Unknown { .. } => ("no_section", "the component has no such section any more".into()),
            Self::Submitted => ("submitted", "the sample was submitted before".into()),
            Self::NotReturned => ("locked", "their work was not returned to you".into()),
            Self::Closed { .. } => ("closed", "their cut-off had passed when the upload was begun".into()),
            Self::Absent => ("absent", "they are absent or withdrawn".into()),
            Self::NotInSample => ("not_in_sample", "they are not in the sample".into()),
            Self::SectionFull { max: 1, .. } => {
                ("section_full", "their section takes 1 file and has it already".into())
            }
            Self::SectionFull { max, .. } => {
                ("section_full", format!("their section takes {max} files and has them already"))
            }
            other => return Err(other),
        })
    }
}
