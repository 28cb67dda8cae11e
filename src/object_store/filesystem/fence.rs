//! Who may write a staged file: the latest lease, and under it the last to take it over.
//!
//! The lease in the database decides whose bytes count; the fence sees to it that a writer which lost its lease, and
//! may still have a write under way, cannot change a file that its successor has cut back, sealed or removed. It is
//! remembered for a while after the last of them: a lease may be late before its first step, too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::ids::FileId;

/// Fences are forgotten this long after they were asked for last and once nobody holds them. No step of a lease takes
/// as long: each waits for its deadline at most.
const REMEMBERED: Duration = Duration::from_secs(600);
/// The map is swept when it has doubled.
const SWEEP_FROM: usize = 64;

#[derive(Debug)]
pub(super) struct Fences {
    held: Mutex<Held>,
    remembered: Duration,
}

#[derive(Debug, Default)]
struct Held {
    by_file: HashMap<FileId, Fence>,
    sweep_at: usize,
    turns: u64,
}

#[derive(Debug)]
struct Fence {
    latest: Arc<Mutex<Latest>>,
    asked_at: Instant,
}

impl Default for Fences {
    fn default() -> Self {
        Self { held: Mutex::default(), remembered: REMEMBERED }
    }
}

/// The pass that was entered last.
#[derive(Debug)]
struct Latest {
    epoch: i64,
    turn: u64,
}

impl Default for Latest {
    fn default() -> Self {
        Self { epoch: i64::MIN, turn: 0 }
    }
}

/// The right to touch one staged file until somebody else takes it over.
#[derive(Clone, Debug)]
pub(super) struct Pass {
    fence: Arc<Mutex<Latest>>,
    /// The lease's.
    epoch: i64,
    turn: u64,
}

impl Fences {
    /// Ends, once it is entered, every earlier pass of the file but those of a later lease. Does not wait: work under
    /// an earlier pass is waited for in [`Pass::enter`].
    pub(super) fn take_over(&self, file: FileId, epoch: i64) -> Pass {
        let mut held = lock(&self.held);
        if held.by_file.len() >= held.sweep_at.max(SWEEP_FROM) {
            held.by_file.retain(|_, fence| {
                Arc::strong_count(&fence.latest) > 1 || fence.asked_at.elapsed() < self.remembered
            });
            held.sweep_at = 2 * held.by_file.len();
        }
        held.turns += 1;
        let turn = held.turns;
        let asked_at = Instant::now();
        let fence = held.by_file.entry(file).or_insert_with(|| Fence { latest: Arc::default(), asked_at });
        fence.asked_at = asked_at;
        Pass { fence: fence.latest.clone(), epoch, turn }
    }
}

impl Pass {
    /// Does `work` alone; `None` when a later pass has been entered before. Blocks: for blocking threads only.
    pub(super) fn enter<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        let mut latest = lock(&self.fence);
        if (latest.epoch, latest.turn) > (self.epoch, self.turn) {
            return None;
        }
        *latest = Latest { epoch: self.epoch, turn: self.turn };
        Some(work())
    }
}

/// What the locks guard is whole after every statement, so a panic elsewhere does not spoil it.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_to_take_over_shuts_out_the_others() {
        let (fences, file) = (Fences::default(), FileId::new());
        let first = fences.take_over(file, 7);
        assert_eq!(first.enter(|| 1), Some(1));
        let second = fences.take_over(file, 7);
        assert_eq!(second.enter(|| 2), Some(2));
        assert_eq!(first.enter(|| 3), None);
        assert_eq!(fences.take_over(FileId::new(), 1).enter(|| 4), Some(4));
        assert_eq!(second.enter(|| 5), Some(5));
    }

    #[test]
    fn an_earlier_lease_that_comes_late_is_shut_out() {
        let (fences, file) = (Fences::default(), FileId::new());
        let later = fences.take_over(file, 8);
        assert_eq!(later.enter(|| 1), Some(1));
        assert_eq!(fences.take_over(file, 7).enter(|| 2), None);
        assert_eq!(later.enter(|| 3), Some(3));
        assert_eq!(fences.take_over(file, 8).enter(|| 4), Some(4));
        assert_eq!(later.enter(|| 5), None, "the upload has ended");
    }

    #[test]
    fn a_lease_that_is_late_for_its_first_step_is_shut_out() {
        let (fences, file) = (Fences::default(), FileId::new());
        assert_eq!(fences.take_over(file, 8).enter(|| 1), Some(1));
        assert_eq!(fences.take_over(file, 8).enter(|| 2), Some(2));
        // Nobody holds a pass any more.
        assert_eq!(fences.take_over(file, 7).enter(|| 3), None);
    }

    #[test]
    fn fences_nobody_holds_are_forgotten_in_time() {
        let fences = Fences { remembered: Duration::ZERO, ..Fences::default() };
        for _ in 0..10_000 {
            fences.take_over(FileId::new(), 1);
        }
        assert!(lock(&fences.held).by_file.len() <= SWEEP_FROM);
    }
}
