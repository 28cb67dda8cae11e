//! What a connection has under way. HTTP/1 that waits too long for a request is hyper's to end; HTTP/2 it would keep
//! for as long as the peer answers pings.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::watch;

/// The number of requests whose answers have not left whole.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests(watch::Sender<usize>);

impl Requests {
    /// One more, until what is returned is dropped.
    pub(super) fn begin(&self) -> Open {
        self.0.send_modify(|open| *open += 1);
        Open(self.clone())
    }

    /// Returns once there has been none for so long.
    pub(super) async fn none_for(&self, time: Duration) {
        let mut open = self.0.subscribe();
        // One that came and went between two looks has been, too.
        while open.wait_for(|open| *open == 0).await.is_ok()
            && tokio::time::timeout(time, open.changed()).await.is_ok()
        {}
    }
}

/// One request on its way.
#[derive(Debug)]
pub(super) struct Open(Requests);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.0.send_modify(|open| *open -= 1);
    }
}

/// A body that ends its request when it is sent, or dropped.
#[derive(Debug)]
pub(super) struct Answer {
    body: Body,
    _open: Open,
}

impl Answer {
    pub(super) fn new(body: Body, open: Open) -> Self {
        Self { body, _open: open }
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    const LONG: Duration = Duration::from_millis(100);

    #[tokio::test]
    async fn only_a_time_without_any_request_counts() {
        let requests = Requests::default();
        let ended = async {
            requests.none_for(LONG).await;
            Instant::now()
        };
        let busy = async {
            let (first, second) = (requests.begin(), requests.begin());
            drop(first);
            tokio::time::sleep(LONG * 2).await;
            drop(second);
            tokio::time::sleep(LONG / 2).await;
            drop(requests.begin());
            Instant::now()
        };
        let both = async { tokio::join!(ended, busy) };
        let (ended, last) = tokio::time::timeout(LONG * 100, both).await.unwrap();
        assert!(ended >= last + LONG);
    }
}
