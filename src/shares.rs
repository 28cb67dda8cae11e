//! So many of a thing at once, and so many of them for each who asks: connections, downloads, streams of events.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places in all, and how many each one holds.
#[derive(Debug)]
pub struct Shares<K: Eq + Hash> {
    all: Arc<Semaphore>,
    each: usize,
    taken: Taken<K>,
}

type Taken<K> = Arc<Mutex<HashMap<K, usize>>>;

/// One place, free again when dropped.
#[derive(Debug)]
pub struct Share<K: Eq + Hash> {
    _room: OwnedSemaphorePermit,
    of: Option<(K, Taken<K>)>,
}

/// There is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Crowded {
    #[error("one has as many of them as one may have")]
    Each,
    #[error("there are as many of them as there may be")]
    All,
}

impl<K: Clone + Eq + Hash> Shares<K> {
    pub fn new(all: usize, each: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), each, taken: Arc::default() }
    }

    /// Takes a place for `key`, or says that there is none; nobody waits in line.
    pub fn take(&self, key: &K) -> Result<Share<K>, Crowded> {
        let room = self.all.clone().try_acquire_owned().map_err(|_| Crowded::All)?;
        self.fill(room, key)
    }

    /// Waits for room, before it is known for whom.
    pub async fn room(&self) -> OwnedSemaphorePermit {
        match self.all.clone().acquire_owned().await {
            Ok(room) => room,
            // Never closed: it lives as long as `self`.
            Err(_) => std::future::pending().await,
        }
    }

    /// Takes the room for `key`.
    pub fn fill(&self, room: OwnedSemaphorePermit, key: &K) -> Result<Share<K>, Crowded> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(key.clone()).or_default();
        if *count >= self.each {
            return Err(Crowded::Each);
        }
        *count += 1;
        Ok(Share { _room: room, of: Some((key.clone(), self.taken.clone())) })
    }
}

impl<K: Eq + Hash> Share<K> {
    /// A place that counts for nobody.
    pub fn unnamed(room: OwnedSemaphorePermit) -> Self {
        Self { _room: room, of: None }
    }
}

impl<K: Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let Some((key, taken)) = &self.of else { return };
        let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                taken.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_share_and_gives_it_back() {
        let shares = Shares::new(3, 1);
        let first = shares.take(&"a").unwrap();
        assert_eq!(shares.take(&"a").unwrap_err(), Crowded::Each);
        let (_second, third) = (shares.take(&"b").unwrap(), shares.take(&"c").unwrap());
        assert_eq!(shares.take(&"d").unwrap_err(), Crowded::All);
        drop((first, third));
        assert!(shares.take(&"a").is_ok());
        assert_eq!(shares.taken.lock().unwrap().len(), 1);
    }
}
