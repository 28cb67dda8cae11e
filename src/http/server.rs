//! The accept loop: hyper with its timers set, a bound on connections, and an end.
//!
//! `axum::serve` sets no timer, so its header timeout does nothing; hence our own. These deadlines hold a connection:
//! its first bytes, each request's headers and, in HTTP/2 too, the next request within 10 s, and 60 s for a peer that
//! takes nothing of an answer, be it all of a line or one stream of it. How long a body may stand still is the matter of
//! who reads it.

mod guarded;
mod idle;

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::config::ServerConfig;
use crate::shares::{Share, Shares};
use guarded::Guarded;
use idle::{Answer, Requests, while_taken};

/// How long a connection may bring no whole head of a request while it has none under way.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a peer may take nothing of what is written to it.
const STALLED: Duration = Duration::from_secs(60);
/// Bytes that a peer takes in that time at least, of what is left for it on a connection without a request; pings alone
/// are fewer.
const SLOWEST: u64 = 4 << 10;
const MAX_HEADERS: usize = 64;
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;
const STREAMS: u32 = 32;
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Buffered per HTTP/1 connection, headers included.
const READ_BUFFER: usize = 64 << 10;
const HEADER_LIST: u32 = 16 << 10;
/// After a failed accept (no descriptors left) before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Who is at the other end of the connection (maybe a proxy).
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Spawns what a connection needs (HTTP/2 streams) where its end can be waited for.
#[derive(Clone, Debug)]
struct Owned(TaskTracker);

impl<F> hyper::rt::Executor<F> for Owned
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(while_taken(future, STALLED));
    }
}

fn builder(tasks: &TaskTracker) -> Builder<Owned> {
    let mut builder = Builder::new(Owned(tasks.clone()));
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_buf_size(READ_BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADER_LIST)
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE);
    builder
}

/// Accepts until `stop`; then lets requests in progress end within the configured time and drops the rest.
pub async fn run(listener: TcpListener, router: Router, config: &ServerConfig, stop: CancellationToken) {
    let tasks = TaskTracker::new();
    let (ending, kill) = (CancellationToken::new(), CancellationToken::new());
    let builder = Arc::new(builder(&tasks));
    let places = Shares::new(config.connections, config.connections_per_address);
    loop {
        let (stream, peer, place) = tokio::select! {
            () = stop.cancelled() => break,
            next = next(&listener, &places, &config.trusted_proxies) => match next {
                Ok(Some(next)) => next,
                Ok(None) => continue,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let work = serve(builder.clone(), router.clone(), stream, peer, ending.clone());
        let kill = kill.clone();
        tasks.spawn(async move {
            let _place = place;
            tokio::select! { () = kill.cancelled() => {}, () = work => {} }
        });
    }
    drop(listener);
    ending.cancel();
    tasks.close();
    if tokio::time::timeout(config.drain.0, tasks.wait()).await.is_err() {
        tracing::warn!("requests still in progress were cut off");
    }
    kill.cancel();
    // What is left was cancelled above and ends at its next step.
    if tokio::time::timeout(HEADER_TIMEOUT, tasks.wait()).await.is_err() {
        tracing::error!(left = tasks.len(), "connections did not end");
    }
}

async fn next(
    listener: &TcpListener,
    places: &Shares<IpAddr>,
    proxies: &[IpAddr],
) -> io::Result<Option<(TcpStream, SocketAddr, Share<IpAddr>)>> {
    // Until there is room a connection waits in the kernel's queue.
    let room = places.room().await;
    let (stream, peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    // A proxy's connections are many people's.
    let place = match proxies.contains(&peer.ip()) {
        true => Ok(Share::unnamed(room)),
        false => places.fill(room, &peer.ip()),
    };
    Ok(place.ok().map(|place| (stream, peer, place)))
}

/// Serves one connection, until it ends, has been without a request for too long, or `ending` comes: what is under way
/// then ends first, as long as it is taken.
async fn serve(
    builder: Arc<Builder<Owned>>,
    router: Router,
    stream: TcpStream,
    peer: SocketAddr,
    ending: CancellationToken,
) {
    let requests = Requests::default();
    let counted = requests.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        let open = counted.begin();
        request.extensions_mut().insert(Peer(peer));
        let router = router.clone();
        async move {
            let Ok(response) = router.oneshot(request.map(Body::new)).await;
            Ok::<_, Infallible>(response.map(|body| Answer::new(body, open)))
        }
    });
    let stream = Guarded::new(stream, HEADER_TIMEOUT, STALLED);
    let taken = stream.taken();
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service).into_owned());
    // What had been taken when it was last looked at, once the connection takes no more requests.
    let mut last: Option<u64> = None;
    loop {
        tokio::select! {
            outcome = connection.as_mut() => {
                if let Err(error) = outcome {
                    // Peers break off all the time; what matters was logged by the request.
                    tracing::debug!(%peer, %error, "a connection ended badly");
                }
                return;
            }
            () = ending.cancelled(), if last.is_none() => {}
            () = requests.none_for(last.map_or(HEADER_TIMEOUT, |_| STALLED)) => {}
        }
        let now = taken.load(Ordering::Relaxed);
        match last {
            None => connection.as_mut().graceful_shutdown(),
            // An answer whose last piece was handed over may still be on its way.
            Some(before) if now - before < SLOWEST => {
                tracing::debug!(%peer, "a connection without a request was dropped");
                return;
            }
            Some(_) => {}
        }
        last = Some(now);
    }
}
