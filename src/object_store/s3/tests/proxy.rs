//! A proxy before the store that spoils chosen calls.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// No answer at all; the connection stays open.
    Hang,
    /// 500, the call not made.
    Broken,
    /// 403, the call not made.
    Forbidden,
    /// The connection breaks, the call not made.
    Reset,
    /// The call is made, the connection breaks before its answer.
    LostAnswer,
    /// The call is made, and of checksums its answer tells this CRC-32, or none.
    Checksum(Option<&'static str>),
}

/// What is to go wrong: this call, this way, so many times yet; and how often it has.
#[derive(Debug, Default)]
pub(super) struct Plan {
    armed: Option<(&'static str, Fault, usize)>,
    hits: usize,
    /// Every call that came.
    seen: BTreeSet<String>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) endpoint: String,
    plan: Arc<Mutex<Plan>>,
    _serving: JoinSet<()>,
}

impl Proxy {
    pub(super) async fn before(endpoint: &str) -> Self {
        let upstream = endpoint.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let plan = Arc::<Mutex<Plan>>::default();
        let within = plan.clone();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let (plan, upstream) = (within.clone(), upstream.clone());
                connections.spawn(async move { serve(client, &upstream, &plan).await });
            }
        });
        Self { endpoint, plan, _serving: serving }
    }

    pub(super) fn arm(&self, call: &'static str, fault: Fault, times: usize) {
        self.plan.lock().unwrap().armed = Some((call, fault, times));
    }

    /// The calls that came so far.
    pub(super) fn seen(&self) -> BTreeSet<String> {
        self.plan.lock().unwrap().seen.clone()
    }

    /// Lets everything through again; tells how often the fault struck.
    pub(super) fn disarm(&self) -> usize {
        let mut plan = self.plan.lock().unwrap();
        plan.armed = None;
        plan.hits
    }
}

impl Plan {
    fn strike(&mut self, call: &str) -> Option<Fault> {
        self.seen.insert(call.to_owned());
        let (armed, fault, left) =
            self.armed.as_mut().filter(|(armed, _, left)| *armed == call && *left > 0)?;
        debug_assert_eq!(*armed, call);
        *left -= 1;
        self.hits += 1;
        Some(*fault)
    }
}

/// One request on one connection, then the end: what the proxy is asked for is not speed.
async fn serve(mut client: TcpStream, upstream: &str, plan: &Mutex<Plan>) -> io::Result<()> {
    let (head, begun) = read_head(&mut client).await?;
    let struck = plan.lock().unwrap().strike(&call(&head));
    match struck {
        None | Some(Fault::LostAnswer | Fault::Checksum(_)) => {
            let answer = forward(&head, begun, &mut client, upstream).await?;
            match struck {
                Some(Fault::Checksum(crc32)) => client.write_all(&with_checksum(&answer, crc32)).await,
                Some(_) => Ok(()),
                None => client.write_all(&answer).await,
            }
        }
        Some(Fault::Hang) => {
            tokio::time::sleep(Duration::from_secs(120)).await;
            Ok(())
        }
        Some(Fault::Reset) => Ok(()),
        Some(Fault::Broken) => refuse(&mut client, "500 Internal Server Error", "InternalError").await,
        Some(Fault::Forbidden) => refuse(&mut client, "403 Forbidden", "AccessDenied").await,
    }
}

async fn refuse(client: &mut TcpStream, status: &str, code: &str) -> io::Result<()> {
    let body = format!("<Error><Code>{code}</Code><Message>by the test</Message></Error>");
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    client.write_all((head + &body).as_bytes()).await?;
    client.shutdown().await?;
    // Closing with unread bytes would reset the connection under the answer.
    tokio::io::copy(client, &mut tokio::io::sink()).await.map(drop)
}

/// The answer with no other checksum in its head than this.
fn with_checksum(answer: &[u8], crc32: Option<&str>) -> Vec<u8> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(answer.len());
    let head = String::from_utf8_lossy(&answer[..end]);
    let honest = head.split("\r\n").filter(|line| !line.to_lowercase().starts_with("x-amz-checksum-"));
    let mut lines: Vec<_> = honest.map(str::to_owned).collect();
    lines.extend(crc32.map(|crc32| format!("x-amz-checksum-crc32: {crc32}")));
    [lines.join("\r\n").as_bytes(), &answer[end..]].concat()
}

async fn read_head(client: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Ok((String::from_utf8_lossy(&bytes).into_owned(), rest));
        }
        if client.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

async fn forward(head: &str, begun: Vec<u8>, client: &mut TcpStream, upstream: &str) -> io::Result<Vec<u8>> {
    let mut store = TcpStream::connect(upstream).await?;
    let closing = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    store.write_all(closing.as_bytes()).await?;
    if header(head, "expect").is_some() {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let len: u64 = header(head, "content-length").map_or(0, |len| len.parse().unwrap());
    store.write_all(&begun).await?;
    let rest = len - begun.len() as u64;
    if tokio::io::copy(&mut client.take(rest), &mut store).await? < rest {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut answer = Vec::new();
    store.read_to_end(&mut answer).await?;
    // The store's own answer to the expectation was given above.
    if let Some(rest) = answer.strip_prefix(b"HTTP/1.1 100 Continue\r\n\r\n") {
        answer = rest.to_vec();
    }
    Ok(answer)
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// The S3 call that a request is; one that is not known here is told as it came.
fn call(head: &str) -> String {
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let has = |name: &str| query.split('&').any(|part| part.split('=').next() == Some(name));
    // By path: the bucket, then the key.
    let of_bucket = !path.trim_matches('/').contains('/');
    let copy = header(head, "x-amz-copy-source").is_some();
    match method {
        "PUT" if copy && has("partNumber") => "UploadPartCopy",
        "PUT" if copy => "CopyObject",
        "PUT" if has("partNumber") => "UploadPart",
        "PUT" if !of_bucket => "PutObject",
        "POST" if has("uploads") => "CreateMultipartUpload",
        "POST" if has("uploadId") => "CompleteMultipartUpload",
        "DELETE" if has("uploadId") => "AbortMultipartUpload",
        "DELETE" if !of_bucket => "DeleteObject",
        "HEAD" if of_bucket => "HeadBucket",
        "HEAD" => "HeadObject",
        "GET" if has("uploads") => "ListMultipartUploads",
        "GET" if has("uploadId") => "ListParts",
        "GET" if has("list-type") => "ListObjectsV2",
        "GET" if !of_bucket => "GetObject",
        _ => return format!("{method} {target}"),
    }
    .to_owned()
}
