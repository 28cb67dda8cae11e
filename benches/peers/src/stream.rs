//! One file over one HTTP/2 stream: the server's windows are what is measured.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::Empty;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Frame};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::content::Content;
use crate::record::Record;
use crate::target::Target;
use crate::watch::Watch;

/// What the client may hold of what it sends; not the limit.
const SEND_BUFFER: usize = 16 << 20;
const FRAME: u64 = 64 << 10;

#[derive(Debug)]
struct Sending {
    content: Content,
    at: u64,
}

impl Body for Sending {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.at == self.content.size {
            return Poll::Ready(None);
        }
        let slice = Bytes::copy_from_slice(self.content.slice(self.at, FRAME));
        self.at += slice.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(slice))))
    }

    fn is_end_stream(&self) -> bool {
        self.at == self.content.size
    }
}

pub async fn run(target: &Target, size: u64, mut watch: Watch, record: &Record) {
    let content = Content::new(size);
    assert!(!content.slice(64, 1).is_empty());
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, target.port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.max_send_buf_size(SEND_BUFFER);
    let (mut to, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let mut heads = target.creation(&content, 0);
    let created = to.send_request(request(target, &heads, BoxBody::new(Empty::new()))).await.unwrap();
    assert_eq!(created.status(), 201);
    let path = location(created.headers());
    watch.now();
    heads = target.patch(&path, 0, size);
    let body = BoxBody::new(Sending { content, at: 0 });
    let answer = to.send_request(request(target, &heads, body)).await.unwrap();
    assert_eq!(answer.status(), 204);
    let seen = watch.end();
    record.put_seen(&seen, size, 1);
    record.put("MiB/s", (size >> 20) as f64 / seen.seconds);
}

fn location(headers: &HeaderMap) -> String {
    let location = headers["location"].to_str().unwrap();
    match location.split_once("://") {
        Some((_, rest)) => rest[rest.find('/').unwrap()..].to_owned(),
        None => location.to_owned(),
    }
}

/// A head as HTTP/1.1 writes it, as HTTP/2 says it.
fn request(
    target: &Target,
    head: &str,
    body: BoxBody<Bytes, Infallible>,
) -> Request<BoxBody<Bytes, Infallible>> {
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap().split(' ');
    let (method, path) = (first.next().unwrap(), first.next().unwrap());
    let mut request =
        Request::builder().method(method).uri(format!("http://127.0.0.1:{}{path}", target.port));
    for (name, value) in lines.filter_map(|line| line.split_once(": ")).filter(|(name, _)| *name != "Host") {
        request = request.header(name, value);
    }
    request.body(body).unwrap()
}
