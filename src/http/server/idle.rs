//! What a connection has under way, and whether it is taken. HTTP/1 that waits too long for a request is hyper's to end;
//! HTTP/2 it would keep for as long as the peer answers pings, and a stream for as long as its window stays shut.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::Instant;

tokio::task_local! {
    /// When this stream's answer gave a piece that nobody has asked beyond.
    static GIVEN: Cell<Option<Instant>>;
}

/// Runs a stream of HTTP/2 to its end, or until its peer has taken nothing of its answer for so long; it is dropped then,
/// which resets it.
pub(super) async fn while_taken(stream: impl Future, patience: Duration) {
    let watched = async {
        let (mut stream, mut look) = (pin!(stream), pin!(tokio::time::sleep(patience)));
        poll_fn(|cx| {
            if stream.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            loop {
                ready!(look.as_mut().poll(cx));
                let waited = GIVEN.with(Cell::get).map_or(Duration::ZERO, |given| given.elapsed());
                if waited >= patience {
                    tracing::debug!("a stream whose answer nobody takes was reset");
                    return Poll::Ready(());
                }
                look.as_mut().reset(Instant::now() + (patience - waited));
            }
        })
        .await;
    };
    GIVEN.scope(Cell::new(None), watched).await;
}

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
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let given = matches!(polled, Poll::Ready(Some(Ok(_)))).then(Instant::now);
        // HTTP/1 has no task for it: there the write itself waits.
        let _one_of_http2 = GIVEN.try_with(|at| at.set(given));
        polled
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
    use futures_util::{StreamExt, future, stream};
    use http_body_util::BodyExt;

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

    #[tokio::test]
    async fn a_stream_lasts_while_its_answer_is_taken() {
        let pieces = |first: usize| {
            let pieces = stream::iter(vec![Bytes::from_static(b"piece"); first]).chain(stream::pending());
            Answer::new(Body::from_stream(pieces.map(Ok::<_, axum::Error>)), Requests::default().begin())
        };
        // Asked for a piece, and for no more: the window is shut.
        let shut = async {
            let mut answer = pieces(2);
            answer.frame().await.unwrap().unwrap();
            future::pending::<()>().await;
        };
        let begun = Instant::now();
        tokio::time::timeout(LONG * 100, while_taken(shut, LONG)).await.unwrap();
        assert!(begun.elapsed() >= LONG);
        // Asked for more than there is yet: that is nobody's fault. The same where no answer has begun.
        let waiting = async {
            let mut answer = pieces(1);
            while answer.frame().await.is_some() {}
        };
        assert!(tokio::time::timeout(LONG * 5, while_taken(waiting, LONG)).await.is_err());
        let thinking = future::pending::<()>();
        assert!(tokio::time::timeout(LONG * 5, while_taken(thinking, LONG)).await.is_err());
        while_taken(future::ready(()), LONG).await;
    }
}
