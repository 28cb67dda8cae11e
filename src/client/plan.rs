//! What the service plans for the files of a folder, what is left to do of it, and what becomes of each.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::folder::Local;
use super::transfer::Target;

/// Files by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Summary {
    pub accepted: usize,
    pub already_here: usize,
    pub checking: usize,
    pub refused: usize,
    pub unsent: usize,
    /// Those that the plan has no place for.
    pub left: usize,
    /// Copies of shared files that a candidate did not get, or has not got yet.
    pub not_shared: usize,
}

/// A plan of the service's.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Plan {
    pub id: String,
    #[serde(default)]
    pub files: Vec<Planned>,
    #[serde(default)]
    pub left_out: Vec<LeftOut>,
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// What it says of a file.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Planned {
    pub id: String,
    #[serde(default)]
    pub path: String,
    pub name: String,
    pub size: u64,
    pub state: String,
    /// The folder that its upload tells.
    #[serde(default)]
    pub folder: String,
    #[serde(default)]
    pub candidates: Vec<String>,
    #[serde(default)]
    pub section: Option<String>,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub message: Option<String>,
    #[serde(default)]
    pub replaces: Option<String>,
}

/// Somebody who has no file in it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct LeftOut {
    pub number: String,
    pub name: String,
    #[serde(default)]
    pub files: u32,
}

impl Planned {
    /// Folder and name.
    pub(super) fn whole_name(&self) -> String {
        match self.path.as_str() {
            "" => self.name.clone(),
            path => format!("{path}/{}", self.name),
        }
    }

    pub(super) fn is_to_be_sent(&self) -> bool {
        ["ready", "replaces"].contains(&self.state.as_str())
    }
}

impl Plan {
    /// How many files of each state.
    pub(super) fn counts(&self) -> HashMap<&str, usize> {
        let mut counts = HashMap::new();
        for file in &self.files {
            *counts.entry(file.state.as_str()).or_default() += 1;
        }
        counts
    }
}

/// A file that a plan found a place for.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub local: Local,
    pub target: Target,
    /// The folder that its upload tells.
    pub folder: String,
    /// The plan's file.
    pub planned: String,
    pub replaces: Option<String>,
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Accepted {
        file: String,
        sha256: String,
        unique_name: String,
        /// Who has got a copy of it.
        shared_with: Vec<String>,
        /// Who has not, and why: a sentence each.
        not_shared: Vec<String>,
    },
    /// The service has it and does not take it: refused, infected, expired.
    Refused { file: Option<String>, code: String, why: String },
    /// All of it is there; the check takes longer than anybody waits.
    Checking { file: String },
    /// Not sent, or not whole; the next run goes on with it.
    Unsent { why: String },
}
