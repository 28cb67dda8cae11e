//! Zips and files on their way out.
//!
//! A moderator downloads exactly what was submitted. The zip is never made: [`Contents`] decides what it holds and
//! under which names, [`Layout`] computes where every one of its bytes would lie, and [`Downloads`] produces any range
//! of it while it is being sent. So its length is known at once, any part of it can be asked for again, and memory
//! does not grow with it.
//!
//! A download that must not go on (a role was taken away, a member was quarantined, the store's bytes are not those
//! that were judged) breaks the connection. It never becomes a shorter zip that looks whole.
//!
//! What is in a zip that somebody submitted, [`listing`] tells; [`member`] reads a file of it.
//!
//! What is deliberately absent: nothing here asks who may read; the caller does, for every member, when it is opened.

mod contents;
mod downloads;
mod layout;
mod listing;
mod member;
mod names;
mod object;
mod records;
mod send;
#[cfg(test)]
mod send_tests;
#[cfg(test)]
mod tests;
mod withdrawals;

pub use contents::{Contents, ContentsError, Entry, Selection, Standing, Withheld};
pub use downloads::{DownloadPlace, Downloads, Finished, Limits, OnFinished};
pub use layout::{Layout, LayoutError, Member, Segment, Source};
pub use listing::{Listed, Listing, ListingError, listing};
pub use member::{Unpacked, member};
pub use object::{NotEvidence, StoredObject};
pub use send::{Cause, Download, Gate, Parcel, Patience, SendError};
pub use withdrawals::Withdrawals;
