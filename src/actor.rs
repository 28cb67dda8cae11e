//! Who may do what: one pure function, [`decide`], asked by every route.
//!
//! Two fences stand behind each other. Queries take the person's id and return only rows in scope (a foreign row is
//! an unknown row: 404). [`decide`] then says whether this actor may do this action to what was found; its *no* is
//! [`Denied::Unknown`] where even the existence is not theirs to know.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::centre::CentreNumber;
use crate::component::{Component, ComponentId, SubmitBy};
use crate::evidence::UnknownWord;
use crate::organisation::{OrganisationId, SeriesId};
use crate::sample::Sample;

/// A person's id: `[A-Za-z0-9._-]{1,64}` (`teacher.98765`). Ours, never an e-mail address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PersonId(String);

/// The text is no person's id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("person {0:?} must be 1 to 64 characters of A-Z a-z 0-9 . _ -")]
pub struct InvalidPersonId(String);

impl PersonId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PersonId {
    type Err = InvalidPersonId;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidPersonId(text.to_owned())) }
    }
}

impl TryFrom<String> for PersonId {
    type Error = InvalidPersonId;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PersonId> for String {
    fn from(value: PersonId) -> String {
        value.0
    }
}

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// What a person comes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Teacher,
    Officer,
    Moderator,
    LeadModerator,
    Board,
    Auditor,
    /// Answers incidents: reads infected originals, and nothing else.
    Incident,
}

impl Role {
    pub const ALL: [Self; 7] = [
        Self::Teacher,
        Self::Officer,
        Self::Moderator,
        Self::LeadModerator,
        Self::Board,
        Self::Auditor,
        Self::Incident,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Teacher => "teacher",
            Self::Officer => "officer",
            Self::Moderator => "moderator",
            Self::LeadModerator => "lead_moderator",
            Self::Board => "board",
            Self::Auditor => "auditor",
            Self::Incident => "incident",
        }
    }
}

impl FromStr for Role {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

/// A role, and what narrows it. `None` does not narrow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Grant {
    pub role: Role,
    pub organisation: Option<OrganisationId>,
    pub centre: Option<CentreNumber>,
    pub component: Option<ComponentId>,
}

impl Grant {
    /// Nothing that narrows it leaves the sample out.
    fn reaches(&self, sample: &Sample) -> bool {
        self.organisation.as_ref().is_none_or(|id| *id == sample.organisation)
            && self.centre.as_ref().is_none_or(|number| *number == sample.centre)
            && self.component.as_ref().is_none_or(|id| *id == sample.component)
    }
}

/// A centre's samples of a component in a series, given to a moderator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Allocation {
    pub component: ComponentId,
    pub series: SeriesId,
    pub centre: CentreNumber,
}

/// Who asks: read afresh for each request, so a role taken away stops the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    pub person: PersonId,
    pub name: String,
    pub grants: Vec<Grant>,
    pub allocations: Vec<Allocation>,
}

/// What can be done to a sample or what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// See the sample, its candidates and its files' states, as the centre sees them.
    ViewWork,
    /// Upload, replace, delete, restore.
    ChangeWork,
    /// Read the bytes of a file, or of a submitted revision: the centre's own, or a moderator's by allocation.
    Download,
    /// Set or clear Missing and *incomplete*; say that a candidate is absent.
    FlagMissing,
    /// Say that a section comes by other means.
    NoteOtherMeans,
    /// Tick declarations and submit.
    Submit,
    /// See a submitted revision: receipt and manifest.
    ReadSubmission,
    /// Reopen chosen candidates.
    Return,
    /// Give more time.
    Extend,
    /// Place and lift holds.
    Hold,
    /// Read the audit trail.
    ReadAudit,
    /// Read an infected original.
    ReadInfected,
}

impl Action {
    pub const ALL: [Self; 12] = [
        Self::ViewWork,
        Self::ChangeWork,
        Self::Download,
        Self::FlagMissing,
        Self::NoteOtherMeans,
        Self::Submit,
        Self::ReadSubmission,
        Self::Return,
        Self::Extend,
        Self::Hold,
        Self::ReadAudit,
        Self::ReadInfected,
    ];
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// To this actor it does not exist: answer as for an unknown id.
    Unknown,
    /// It is theirs to see, and this is not theirs to do: answer 403.
    Forbidden,
}

/// Whether `actor` may do `action` to a sample of `component`. Pure; the sample's state (locked, closed) is a
/// matter of its rules, not of who asks.
pub fn decide(actor: &Actor, action: Action, sample: &Sample, component: &Component) -> Result<(), Denied> {
    // Whoever may has no other business with the sample, and nobody else learns that there is something to read.
    if action == Action::ReadInfected {
        return if actor.answers_incidents(sample) { Ok(()) } else { Err(Denied::Unknown) };
    }
    let roles = actor.roles_for(sample);
    if roles.is_empty() {
        return Err(Denied::Unknown);
    }
    let any = |allowed: &[Role]| roles.iter().any(|role| allowed.contains(role));
    use Role::{Auditor, Board, LeadModerator, Moderator, Officer, Teacher};
    let allowed = match action {
        Action::ViewWork => any(&[Teacher, Officer, Board, Auditor]),
        Action::Download => any(&[Teacher, Officer, Moderator, LeadModerator]),
        Action::ChangeWork | Action::FlagMissing => any(&[Teacher, Officer]),
        Action::NoteOtherMeans => any(&[Officer]),
        Action::Submit => any(&[Officer]) || (component.submit_by == SubmitBy::Teacher && any(&[Teacher])),
        Action::ReadSubmission => any(&Role::ALL),
        Action::Return => any(&[Board, Moderator, LeadModerator]),
        Action::Extend | Action::Hold => any(&[Board]),
        Action::ReadAudit => any(&[Board, Auditor]),
        Action::ReadInfected => false,
    };
    if allowed { Ok(()) } else { Err(Denied::Forbidden) }
}

impl Actor {
    /// The roles this actor has towards a sample; none means that it does not exist to them. Moderators have theirs
    /// by allocation, and only once there is a submission.
    pub fn roles_for(&self, sample: &Sample) -> Vec<Role> {
        let allocated = || {
            sample.revision > 0
                && self.allocations.iter().any(|allocation| {
                    allocation.component == sample.component
                        && allocation.series == sample.series
                        && allocation.centre == sample.centre
                })
        };
        let fits = |grant: &&Grant| {
            grant.reaches(sample)
                && match grant.role {
                    // A centre's people without a centre reach nothing.
                    Role::Teacher | Role::Officer => grant.centre.is_some(),
                    Role::Moderator | Role::LeadModerator => allocated(),
                    Role::Board | Role::Auditor => true,
                    // Incidents have an answer of their own; the rest of the sample is not theirs to know of.
                    Role::Incident => false,
                }
        };
        self.grants.iter().filter(fits).map(|grant| grant.role).collect()
    }

    /// Whether this actor reads what was found infected in a sample.
    pub fn answers_incidents(&self, sample: &Sample) -> bool {
        self.grants.iter().any(|grant| grant.role == Role::Incident && grant.reaches(sample))
    }

    pub fn has(&self, role: Role) -> bool {
        self.grants.iter().any(|grant| grant.role == role)
    }
}
