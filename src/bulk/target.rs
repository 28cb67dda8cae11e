//! Where a file of a candidate can go.

use crate::candidate::CandidateNumber;
use crate::component::{Component, Section};
use crate::evidence::{Place, SUPPORTING, SectionCode};

/// A slot that a file can go to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    Section(SectionCode),
    Supporting,
}

impl Target {
    /// By the word in lists and answers; `None` when the component has no such slot.
    pub fn of(component: &Component, code: &str) -> Option<Self> {
        if code == SUPPORTING {
            return component.supporting.is_some().then_some(Self::Supporting);
        }
        let code: SectionCode = code.parse().ok()?;
        component.section(&code).map(|section| Self::Section(section.code.clone()))
    }

    /// The word in lists and answers.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Section(code) => code.as_str(),
            Self::Supporting => SUPPORTING,
        }
    }

    /// Its rules.
    pub fn rules<'a>(&self, component: &'a Component) -> Option<&'a Section> {
        match self {
            Self::Section(code) => component.section(code),
            Self::Supporting => component.supporting.as_ref(),
        }
    }

    /// The place of a candidate's file.
    pub fn place(&self, candidate: &CandidateNumber) -> Place {
        let candidate = candidate.clone();
        match self {
            Self::Section(section) => Place::Section { candidate, section: section.clone() },
            Self::Supporting => Place::Supporting { candidate },
        }
    }
}
