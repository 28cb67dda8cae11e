//! What an import did, or would do.

use std::fmt;

use serde::Serialize;

/// What became of one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Added,
    Changed,
    Unchanged,
    Removed,
}

/// How many of one kind were added, changed, ...
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub added: u64,
    pub changed: u64,
    pub unchanged: u64,
    pub removed: u64,
}

/// One item that an import adds, changes or removes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Of the list, from 1; 0 for what it does not name.
    pub line: u64,
    pub change: Change,
    /// `Candidate 1005 Ada Lu`
    pub what: String,
    /// Where it belongs: `98765, 01_3357_R085_01, june-2026`.
    pub place: String,
    pub fields: Vec<FieldChange>,
}

/// A field, before and after; empty for none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    pub name: String,
    pub from: String,
    pub to: String,
}

impl FieldChange {
    pub fn new(name: impl Into<String>, from: impl Into<String>, to: impl Into<String>) -> Self {
        Self { name: name.into(), from: from.into(), to: to.into() }
    }
}

/// What an import did, kind by kind, and what it left for a person to decide.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub counts: Vec<(&'static str, Counts)>,
    /// Changes that were not made, because work would have lost its place; each says what to do.
    pub flagged: Vec<String>,
    /// Item by item, where somebody wants to look; `None` where only counts are asked for.
    pub told: Option<Vec<Difference>>,
    /// Candidates of the samples named that the list leaves out: they stay as they are.
    pub left_alone: u64,
}

impl Report {
    /// One that tells item by item.
    pub fn telling() -> Self {
        Self { told: Some(Vec::new()), ..Self::default() }
    }

    /// Tells of one item, if somebody wants to look.
    pub fn tell(&mut self, difference: impl FnOnce() -> Difference) {
        if let Some(told) = &mut self.told {
            told.push(difference());
        }
    }

    /// Adds one item of a kind.
    pub fn count(&mut self, kind: &'static str, change: Change) {
        let at = self.counts.iter().position(|(known, _)| *known == kind).unwrap_or_else(|| {
            self.counts.push((kind, Counts::default()));
            self.counts.len() - 1
        });
        let counts = &mut self.counts[at].1;
        *match change {
            Change::Added => &mut counts.added,
            Change::Changed => &mut counts.changed,
            Change::Unchanged => &mut counts.unchanged,
            Change::Removed => &mut counts.removed,
        } += 1;
    }

    /// The counts of a kind, as the report names it (`candidates`).
    pub fn of(&self, kind: &str) -> Counts {
        self.counts.iter().find(|(known, _)| *known == kind).map(|(_, counts)| *counts).unwrap_or_default()
    }

    /// Whether anything was written.
    pub fn is_unchanged(&self) -> bool {
        self.counts.iter().all(|(_, counts)| counts.added + counts.changed + counts.removed == 0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, counts) in &self.counts {
            let Counts { added, changed, unchanged, removed } = counts;
            write!(f, "{kind}: {added} added, {changed} changed, {unchanged} unchanged")?;
            if *removed > 0 {
                write!(f, ", {removed} removed")?;
            }
            writeln!(f)?;
        }
        for flag in &self.flagged {
            writeln!(f, "to decide: {flag}")?;
        }
        Ok(())
    }
}
