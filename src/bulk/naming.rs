//! How a centre names its files: one of the ways there are, or a pattern of its own.

use serde::{Deserialize, Serialize};

use super::target::Target;
use super::template::{InvalidTemplate, Template};
use crate::component::Component;

/// A way to name files that has a name itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// As the component's definition says.
    #[default]
    Component,
    /// `1005 O'Neill/Evidence/…`
    Folders,
    /// `1005_coversheet.pdf`; the section is chosen once for all.
    CandidatePrefix,
    /// Our own unique names, as a download or a manifest has them.
    Unique,
    /// `20461_7517-C_000123_NEA_Videos.MP4`
    Aqa,
    /// `20461_0123_1MU0_01_solo_2.mp3`
    Pearson,
    /// `AB123_0042_0457_03.pdf`; the section is chosen once for all.
    Cambridge,
}

/// How files are named, as it was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Naming {
    #[serde(default)]
    pub preset: Preset,
    /// In place of the preset's.
    #[serde(default)]
    pub template: Option<Template>,
    /// For names that do not say it: a section's code, or `Supporting`.
    #[serde(default)]
    pub section: Option<String>,
}

/// How names are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// By the name alone; `section` where the template has none.
    Template { template: Template, section: Option<Target> },
    /// A folder that begins with the candidate's number, directly in it one called as the section.
    Folders,
    /// Our own unique names.
    Unique,
}

/// Names cannot be read in the way that was asked for.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidNaming {
    #[error(transparent)]
    Template(#[from] InvalidTemplate),
    #[error("the names do not say the section; choose one for all files")]
    SectionNeeded,
    #[error("the names or folders say the section; choose none for all files")]
    SectionSaid,
    #[error("the component has no section {0:?}")]
    NoSuchSection(String),
    #[error("give a template or a preset, not both")]
    Both,
}

impl InvalidNaming {
    /// What was asked for that cannot be.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Template(_) | Self::Both => "template",
            Self::SectionNeeded | Self::SectionSaid | Self::NoSuchSection(_) => "section",
        }
    }
}

impl Preset {
    /// Its template; `None` where names are read in another way.
    fn template(self, component: &Component) -> Option<Result<Template, InvalidTemplate>> {
        let text = match self {
            Self::Component => return Some(Ok(component.naming.clone())),
            Self::Folders | Self::Unique => return None,
            Self::CandidatePrefix => "{candidate}[{rest}]",
            Self::Aqa => "{centre}_{component}_{candidate}_{section}[_{rest}]",
            Self::Pearson => "{centre}_{candidate}_{component}_{section}[_{rest}]",
            Self::Cambridge => "{centre}_{candidate}_{component}[_{rest}]",
        };
        Some(text.parse())
    }
}

impl Naming {
    /// How names are read for this component.
    pub fn pattern(&self, component: &Component) -> Result<Pattern, InvalidNaming> {
        let template = match (&self.template, self.preset) {
            (Some(template), Preset::Component) => Some(template.clone()),
            (Some(_), _) => return Err(InvalidNaming::Both),
            (None, preset) => preset.template(component).transpose()?,
        };
        let section = self.section.as_deref().filter(|code| !code.is_empty());
        let Some(template) = template else {
            return match (section, self.preset) {
                (Some(_), _) => Err(InvalidNaming::SectionSaid),
                (None, Preset::Unique) => Ok(Pattern::Unique),
                (None, _) => Ok(Pattern::Folders),
            };
        };
        let section = match (section, template.says_section()) {
            (Some(_), true) => return Err(InvalidNaming::SectionSaid),
            (None, false) => return Err(InvalidNaming::SectionNeeded),
            (None, true) => None,
            (Some(code), false) => Some(
                Target::of(component, code).ok_or_else(|| InvalidNaming::NoSuchSection(code.to_owned()))?,
            ),
        };
        Ok(Pattern::Template { template, section })
    }
}
