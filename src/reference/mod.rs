//! Reference data: what the board knows before any work arrives, imported from a folder of files.
//!
//! `reference.toml` holds the organisations, series and assessments and says where the component definitions are;
//! `centres.csv`, `people.csv`, `roles.csv`, `allocations.csv` and `candidates.csv` hold the lists. Everything is
//! read and checked before anything is written; then all of it is written in one transaction. What a folder does
//! not name stays as it is, so a board can import centre by centre and series by series; to take a candidate out, say
//! `withdrawn`. A listed person's roles in the folder's organisations, and allocations to the folder's offers and
//! centres, become exactly those of the folder. What is another organisation's is refused, and so is a definition
//! that loses a section with files in it.
//!
//! An import makes a sample for every centre with candidates for a component, and draws it (see
//! [`crate::sampling`]). A sample is drawn again, with the same seed, whenever its candidates change, until it has
//! both candidates drawn and a file: then the draw stands. Where all are asked for, whoever is entered still joins
//! and who is no longer entered leaves; a list still grows; for the rest the report tells how a fresh draw would
//! differ. After submission only candidates that were sent back change: a wrong entry is put right by a return of that
//! candidate and one more import.

mod brackets;
mod component;
mod dates;
mod definitions;
#[cfg(test)]
mod fuzz;
mod list;
mod lists;
mod load;
mod problem;
mod report;
mod structure;
mod text;

use std::path::Path;

use crate::clock::Clock;
use crate::database::{Database, reference};

pub use component::parse as parse_component;
pub use dates::When;
pub use definitions::differences;
pub use list::{LARGEST_LIST, List, ListKind, MOST_LINES, read_list};
pub use lists::{AllocationOf, Centre, Entered, Person, RoleOf, Row};
pub use load::{Definition, Reference, load};
pub use problem::{ImportError, Problem, Problems};
pub use report::{Change, Counts, Difference, FieldChange, Report};
pub use structure::{Assessment, FILE as STRUCTURE_FILE, Offer, Organisation, Series, Structure};

/// Imports the folder `dir`. Importing it again changes nothing.
pub async fn import(db: &Database, dir: &Path, clock: &Clock) -> Result<Report, ImportError> {
    let read = load(dir)?;
    reference::apply(db, &read, clock.now()).await
}

#[cfg(test)]
mod tests;
