//! HTTP/1.1 as a client, with as little between us and the socket as can be: what the generator burns, the servers on
//! the same machine lack. And it breaks connections in just the ways a test needs.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep_until, timeout};

use crate::content::Content;

/// Longest wait for an answer, or for a server to take more.
const PATIENCE: Duration = Duration::from_secs(300);
/// Bytes of a write.
const CHUNK: u64 = 256 << 10;
/// Bytes a socket that will be cut may hold back.
const SMALL: u32 = 64 << 10;
/// How often a slow client sends a little.
const TICK: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub struct Wire {
    port: u16,
    stream: TcpStream,
    /// Read and not yet used.
    read: Vec<u8>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
}

impl Answer {
    /// `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn offset(&self) -> Option<u64> {
        self.header("upload-offset")?.parse().ok()
    }
}

impl Wire {
    pub async fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self { port, stream, read: Vec::new() })
    }

    /// With a small buffer to send from: what is written is nearly what went over the line.
    pub async fn open_small(port: u16) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_send_buffer_size(SMALL)?;
        let stream = socket.connect((Ipv4Addr::LOCALHOST, port).into()).await?;
        stream.set_nodelay(true)?;
        Ok(Self { port, stream, read: Vec::new() })
    }

    /// Sends a head and nothing of a body, and reads the answer.
    pub async fn ask(&mut self, head: &str) -> io::Result<Answer> {
        self.send(head.as_bytes()).await?;
        self.answer(head.starts_with("HEAD")).await
    }

    /// Sends a head and `content` from `from` to `to`, as fast as it is taken, and reads the answer.
    pub async fn put(&mut self, head: &str, content: &Content, from: u64, to: u64) -> io::Result<Answer> {
        if to - from < CHUNK {
            // Small: one write, as a client would.
            let mut all = head.as_bytes().to_vec();
            let mut at = from;
            while at < to {
                let slice = content.slice(at, to - at);
                all.extend_from_slice(slice);
                at += slice.len() as u64;
            }
            self.send(&all).await?;
        } else {
            self.send(head.as_bytes()).await?;
            self.body(content, from, to).await?;
        }
        self.answer(false).await
    }

    /// Sends `content` from `from` to `to` as a part of a body.
    pub async fn body(&mut self, content: &Content, from: u64, to: u64) -> io::Result<()> {
        let mut at = from;
        while at < to {
            let slice = content.slice(at, CHUNK.min(to - at));
            self.send(slice).await?;
            at += slice.len() as u64;
        }
        Ok(())
    }

    /// Like [`Self::put`], at `rate` bytes a second in small writes.
    pub async fn drip(&mut self, head: &str, content: &Content, from: u64, rate: u64) -> io::Result<Answer> {
        self.send(head.as_bytes()).await?;
        let (began, mut at) = (Instant::now(), from);
        while at < content.size {
            let due = from + (rate as f64 * (began.elapsed() + TICK).as_secs_f64()) as u64;
            self.body(content, at, due.clamp(at, content.size)).await?;
            at = due.clamp(at, content.size);
            sleep_until(began + Duration::from_secs_f64((at - from) as f64 / rate as f64)).await;
        }
        self.answer(false).await
    }

    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        timeout(PATIENCE, self.stream.write_all(bytes)).await.map_err(|_| stuck("takes no more"))?
    }

    /// Reads an answer to its end; the connection is opened anew when the server closes it.
    pub async fn answer(&mut self, bare: bool) -> io::Result<Answer> {
        timeout(PATIENCE, self.read_answer(bare)).await.map_err(|_| stuck("does not answer"))?
    }

    async fn read_answer(&mut self, bare: bool) -> io::Result<Answer> {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.more().await?;
        };
        let head: Vec<u8> = self.read.drain(..end).collect();
        let head = String::from_utf8_lossy(&head);
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let status = first.split(' ').nth(1).and_then(|number| number.parse().ok());
        let status = status.ok_or_else(|| stuck("does not speak HTTP"))?;
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        let answer = Answer { status, headers: headers.collect() };
        if status == 100 {
            return Box::pin(self.read_answer(bare)).await;
        }
        if !bare && status != 204 {
            match answer.header("content-length").and_then(|length| length.parse().ok()) {
                Some(length) => self.skip(length).await?,
                None if answer.header("transfer-encoding").is_some() => self.skip_chunks().await?,
                None => {}
            }
        }
        if answer.header("connection").is_some_and(|said| said.eq_ignore_ascii_case("close")) {
            *self = Self::open(self.port).await?;
        }
        Ok(answer)
    }

    async fn skip(&mut self, length: usize) -> io::Result<()> {
        while self.read.len() < length {
            self.more().await?;
        }
        self.read.drain(..length);
        Ok(())
    }

    async fn skip_chunks(&mut self) -> io::Result<()> {
        loop {
            let end = loop {
                if let Some(at) = self.read.windows(2).position(|two| two == b"\r\n") {
                    break at;
                }
                self.more().await?;
            };
            let size = std::str::from_utf8(&self.read[..end]).ok();
            let size = size.and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
            let size = size.ok_or_else(|| stuck("sends no chunks"))?;
            self.skip(end + 2 + size + 2).await?;
            if size == 0 {
                return Ok(());
            }
        }
    }

    async fn more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.read).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

fn stuck(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("the server {what}"))
}
