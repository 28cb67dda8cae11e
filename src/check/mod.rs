//! How a file earns its verdict: name, size, type by content, structure, virus scan; then promotion.
//!
//! No byte leaves before a verdict of clean, and only this module makes one: [`Clean`] has no public constructor,
//! and promotion takes nothing else. [`judge`] reads a descriptor and gives a [`Judgement`]; who claims files, moves
//! them and records what came out is elsewhere.
//!
//! Accepted bytes are looked at again when signatures are newer ([`again`]).
//!
//! The evidence stays byte for byte what the candidate made: nothing here writes to it, re-encodes it or unpacks it
//! in place.

pub mod again;
mod examine;
#[cfg(test)]
mod fuzz;
mod judge;
mod members;
pub mod name;
pub mod scan;
pub mod structure;
#[cfg(test)]
pub(crate) mod testing;
mod verdict;

pub use examine::Piece;
pub use judge::{Judgement, Subject, judge, judge_within};
pub use members::{LargeArchive, MembersOutcome, scan_members};
pub use name::{Refusal, check_name};
pub use verdict::{Clean, Examined, Verdict};

/// Tells operators how long a step of a check took.
pub(crate) fn took(step: &'static str, time: std::time::Duration) {
    metrics::histogram!("strongroom_check_step_seconds", "step" => step).record(time.as_secs_f64());
}
