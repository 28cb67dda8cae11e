//! How a file earns its verdict: name, size, type by content, structure, virus scan; then promotion.
//!
//! No byte leaves before a verdict of clean, and only this module makes one: [`Clean`] has no public constructor,
//! and promotion takes nothing else.

pub mod scan;
pub mod structure;
mod verdict;

pub use verdict::{Clean, Examined, Verdict};
