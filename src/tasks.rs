//! Work beside requests, owned: nothing runs on after its reason has ended.

use std::any::Any;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long tasks have to end once they are told to.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Before work that broke is begun again.
const AGAIN: Duration = Duration::from_secs(1);

/// Tasks with one end.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
    kill: CancellationToken,
}

impl Tasks {
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancelled when tasks should end.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stop
    }

    /// Waits; false when it is time to end instead.
    pub async fn pause(&self, length: Duration) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(length) => true,
        }
    }

    /// Runs `work` once. It should watch [`Self::stopping`]; what does not end in time is dropped.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let kill = self.kill.clone();
        self.tracker.spawn(async move {
            tokio::select! { () = kill.cancelled() => {}, () = work => {} }
        });
    }

    /// Runs `work` until tasks should end, beginning again a second after it broke or returned.
    pub fn keep<F, W>(&self, name: &'static str, work: F)
    where
        F: Fn() -> W + Send + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        let tasks = self.clone();
        self.spawn(async move {
            while !tasks.stop.is_cancelled() {
                let mut one = tokio::task::JoinSet::new();
                one.spawn(work());
                if let Some(Err(broke)) = one.join_next().await {
                    let why = broke.try_into_panic().ok().and_then(words);
                    tracing::error!(name, why, "background work broke and begins again");
                }
                if !tasks.pause(AGAIN).await {
                    break;
                }
            }
        });
    }

    /// `work` as a part of who waits for it; should they go away, it goes on here to its end.
    pub fn shelter<W>(&self, work: W) -> Sheltered<W>
    where
        W: Future<Output: Send> + Send + 'static,
    {
        Sheltered { work: Some(Box::pin(work)), tasks: self.clone() }
    }

    /// Tells tasks to end, waits, and drops those that have not after `patience`.
    pub async fn finish(&self, patience: Duration) {
        self.stop.cancel();
        self.tracker.close();
        if tokio::time::timeout(patience, self.tracker.wait()).await.is_err() {
            tracing::error!(left = self.tracker.len(), "background work did not end in time");
            self.kill.cancel();
            self.tracker.wait().await;
        }
    }
}

/// See [`Tasks::shelter`].
#[derive(Debug)]
pub struct Sheltered<W>
where
    W: Future<Output: Send> + Send + 'static,
{
    /// `None` once it has ended.
    work: Option<Pin<Box<W>>>,
    tasks: Tasks,
}

impl<W> Future for Sheltered<W>
where
    W: Future<Output: Send> + Send + 'static,
{
    type Output = W::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<W::Output> {
        let Some(work) = &mut self.work else { return Poll::Pending };
        let done = ready!(work.as_mut().poll(cx));
        self.work = None;
        Poll::Ready(done)
    }
}

impl<W> Drop for Sheltered<W>
where
    W: Future<Output: Send> + Send + 'static,
{
    fn drop(&mut self) {
        // One that panicked has broken; and without a runtime nothing goes on.
        if let Some(work) = self.work.take()
            && !std::thread::panicking()
            && tokio::runtime::Handle::try_current().is_ok()
        {
            self.tasks.spawn(async move {
                work.await;
            });
        }
    }
}

fn words(panic: Box<dyn Any + Send>) -> Option<String> {
    match panic.downcast::<String>() {
        Ok(text) => Some(*text),
        Err(panic) => panic.downcast::<&str>().ok().map(|text| (*text).to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn sheltered_work_ends_whoever_waits_for_it() {
        let tasks = Tasks::new();
        let done = Arc::new(AtomicU32::new(0));
        let work = |counted: &Arc<AtomicU32>| {
            let counted = counted.clone();
            async move {
                tokio::task::yield_now().await;
                counted.fetch_add(1, Ordering::SeqCst)
            }
        };
        assert_eq!(tasks.shelter(work(&done)).await, 0);
        let left = tokio::time::timeout(Duration::ZERO, async {
            let sheltered = tasks.shelter(work(&done));
            std::future::pending::<()>().await;
            sheltered.await
        });
        assert!(left.await.is_err());
        tasks.finish(Duration::from_secs(10)).await;
        assert_eq!(done.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn broken_work_begins_again_and_all_ends() {
        let tasks = Tasks::new();
        let runs = Arc::new(AtomicU32::new(0));
        let (counted, stop) = (runs.clone(), tasks.stopping().clone());
        tasks.keep("breaks once", move || {
            let (counted, stop) = (counted.clone(), stop.clone());
            async move {
                assert!(counted.fetch_add(1, Ordering::SeqCst) > 0, "the first run breaks");
                stop.cancelled().await;
            }
        });
        tasks.spawn(std::future::pending());
        let twice = async {
            while runs.load(Ordering::SeqCst) < 2 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), twice).await.unwrap();
        tasks.finish(Duration::from_millis(50)).await;
    }
}
