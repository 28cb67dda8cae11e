//! What an import did.

use std::fmt;

/// What became of one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// What an import did, kind by kind, and what it left for a person to decide.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub counts: Vec<(&'static str, Counts)>,
    /// Changes that were not made, because work would have lost its place; each says what to do.
    pub flagged: Vec<String>,
}

impl Report {
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
