//! Word that files were withdrawn, for downloads that are under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts withdrawals, wherever they are made. A download that sees the count move asks again, before its next piece,
/// whether it may go on. Cheap to clone; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Withdrawals(Arc<AtomicU64>);

impl Withdrawals {
    /// A file was withdrawn; said when that is committed. May be said too often.
    pub fn announce(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }

    /// How many so far.
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}
