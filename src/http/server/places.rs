//! How many connections there may be, in all and of one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::ServerConfig;

/// Connections of each address.
type Taken = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// Places for connections.
#[derive(Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    each: usize,
    proxies: Vec<IpAddr>,
    taken: Taken,
}

/// One connection's place, free again when dropped.
#[derive(Debug)]
pub(super) struct Place {
    _room: OwnedSemaphorePermit,
    of: Option<(IpAddr, Taken)>,
}

impl Places {
    pub(super) fn new(config: &ServerConfig) -> Self {
        Self {
            all: Arc::new(Semaphore::new(config.connections)),
            each: config.connections_per_address,
            proxies: config.trusted_proxies.clone(),
            taken: Arc::default(),
        }
    }

    /// Waits until one more connection may be accepted; until then it waits in the kernel's queue.
    pub(super) async fn room(&self) -> OwnedSemaphorePermit {
        match self.all.clone().acquire_owned().await {
            Ok(room) => room,
            // Never closed: it lives as long as `self`.
            Err(_) => std::future::pending().await,
        }
    }

    /// A place for `address`, unless it holds as many as it may.
    pub(super) fn take(&self, address: IpAddr, room: OwnedSemaphorePermit) -> Option<Place> {
        if self.proxies.contains(&address) {
            return Some(Place { _room: room, of: None });
        }
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(address).or_default();
        if *count >= self.each {
            return None;
        }
        *count += 1;
        Some(Place { _room: room, of: Some((address, self.taken.clone())) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((address, taken)) = &self.of else { return };
        let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_address_has_its_share_and_gives_it_back() {
        let mut config = crate::config::Config::load(None, Default::default()).unwrap().server;
        (config.connections, config.connections_per_address) = (3, 1);
        let places = Places::new(&config);
        let (a, b) = ("127.0.0.1".parse().unwrap(), "127.0.0.2".parse().unwrap());
        let first = places.take(a, places.room().await);
        assert!(first.is_some());
        assert!(places.take(a, places.room().await).is_none());
        assert!(places.take(b, places.room().await).is_some());
        drop(first);
        assert!(places.take(a, places.room().await).is_some());
        assert!(places.taken.lock().unwrap().is_empty());
    }
}
