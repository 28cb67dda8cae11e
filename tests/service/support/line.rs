//! A client that writes its requests byte for byte, and breaks off wherever a test wants it to.

use std::io;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// The longest a peer may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// The protocol a request is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Tus,
    /// As of draft -09 to -11.
    Rufh,
}

/// How a body's end is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Length,
    Chunked,
}

/// Where requests go, and as whom.
#[derive(Clone, Debug)]
pub struct Door {
    /// Host and port.
    pub address: String,
    pub token: String,
}

/// A request that appends `body` at `offset`.
#[derive(Clone, Copy, Debug)]
pub struct Append<'a> {
    pub file: &'a str,
    pub offset: usize,
    pub body: &'a [u8],
    pub dialect: Dialect,
    pub framing: Framing,
    /// It brings the SHA-256 of its body.
    pub proven: bool,
    /// Its body follows once the peer has asked for it, which is when the upload is its own.
    pub expects: bool,
}

/// An answer's status and headers.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    head: String,
}

/// One connection.
#[derive(Debug)]
pub struct Line {
    stream: TcpStream,
    /// How the body on it is framed.
    framing: Framing,
}

impl Door {
    fn head(&self, method: &str, path: &str, fields: &[(&str, String)]) -> String {
        let Self { address, token } = self;
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n");
        for (name, value) in fields {
            head += &format!("{name}: {value}\r\n");
        }
        head + "\r\n"
    }

    /// A connection on which a request has been begun, without its body.
    async fn begin(&self, head: &str, framing: Framing) -> io::Result<Line> {
        let connected = timeout(PATIENCE, TcpStream::connect(&self.address)).await?;
        let mut line = Line { stream: connected?, framing };
        line.stream.set_nodelay(true)?;
        line.write(head.as_bytes()).await?;
        Ok(line)
    }

    /// Begins a request that appends; its body is still to be sent.
    pub async fn append(&self, append: &Append<'_>) -> io::Result<Line> {
        let Append { file, offset, body, dialect, framing, proven, expects } = *append;
        let mut fields = vec![("upload-offset", offset.to_string())];
        let digest = || STANDARD.encode(Sha256::digest(body));
        match dialect {
            Dialect::Tus => {
                fields.push(("tus-resumable", "1.0.0".into()));
                fields.push(("content-type", "application/offset+octet-stream".into()));
                if proven {
                    fields.push(("upload-checksum", format!("sha256 {}", digest())));
                }
            }
            Dialect::Rufh => {
                fields.push(("upload-draft-interop-version", "8".into()));
                fields.push(("upload-complete", "?0".into()));
                fields.push(("content-type", "application/partial-upload".into()));
                if proven {
                    fields.push(("content-digest", format!("sha-256=:{}:", digest())));
                }
            }
        }
        match framing {
            Framing::Length => fields.push(("content-length", body.len().to_string())),
            Framing::Chunked => fields.push(("transfer-encoding", "chunked".into())),
        }
        if expects {
            fields.push(("expect", "100-continue".into()));
        }
        let mut line = self.begin(&self.head("PATCH", &format!("/files/{file}"), &fields), framing).await?;
        let asked = if expects { Some(line.reply().await) } else { None };
        match asked {
            None | Some(Ok(Reply { status: 100, .. })) => Ok(line),
            Some(Ok(refused)) => Err(io::Error::other(format!("{refused:?}"))),
            Some(Err(broken)) => Err(broken),
        }
    }

    /// Sends a request that appends, whole.
    pub async fn append_all(&self, append: &Append<'_>) -> io::Result<Reply> {
        let mut line = self.append(append).await?;
        line.send(append.body).await?;
        line.finish().await?;
        line.reply().await
    }

    /// Asks where an upload stands, and takes it over.
    pub async fn ask(&self, file: &str, dialect: Dialect) -> io::Result<Reply> {
        let field = match dialect {
            Dialect::Tus => ("tus-resumable", "1.0.0".into()),
            Dialect::Rufh => ("upload-draft-interop-version", "8".into()),
        };
        let head = self.head("HEAD", &format!("/files/{file}"), &[field]);
        self.begin(&head, Framing::Length).await?.reply().await
    }

    /// Begins an upload without a byte.
    pub async fn create(&self, place: &str, name: &str, length: usize) -> io::Result<Reply> {
        let fields = [
            ("tus-resumable", "1.0.0".into()),
            ("upload-length", length.to_string()),
            ("upload-metadata", format!("filename {}", super::encode(name))),
            ("content-length", "0".into()),
        ];
        let head = self.head("POST", &format!("/files/to/{place}"), &fields);
        self.begin(&head, Framing::Length).await?.reply().await
    }
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// Where the upload stands, if the answer tells.
    pub fn offset(&self) -> Option<usize> {
        self.header("upload-offset").and_then(|offset| offset.parse().ok())
    }

    /// The id of the upload that was begun.
    pub fn file(&self) -> Option<String> {
        self.header("location").and_then(|address| address.rsplit('/').next()).map(str::to_owned)
    }

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Line {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        timeout(PATIENCE, self.stream.write_all(bytes)).await?
    }

    /// Sends bytes of the body.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.framing {
            Framing::Length => self.write(bytes).await,
            Framing::Chunked => {
                for chunk in bytes.chunks(77_777) {
                    self.write(format!("{:x}\r\n", chunk.len()).as_bytes()).await?;
                    self.write(chunk).await?;
                    self.write(b"\r\n").await?;
                }
                Ok(())
            }
        }
    }

    /// Ends the body.
    pub async fn finish(&mut self) -> io::Result<()> {
        match self.framing {
            Framing::Length => Ok(()),
            Framing::Chunked => self.write(b"0\r\n\r\n").await,
        }
    }

    /// Waits until the peer has read everything; `false`: the connection is no more.
    pub async fn is_read(&self) -> bool {
        let read = async {
            loop {
                match self.unread() {
                    Some(0) => return true,
                    Some(_) => sleep(Duration::from_millis(5)).await,
                    None => return false,
                }
            }
        };
        timeout(PATIENCE, read).await.expect("the peer does not read")
    }

    /// Bytes under way: sent and not read. The peer is on this machine.
    fn unread(&self) -> Option<u64> {
        let (ours, theirs) = (self.stream.local_addr().ok()?.port(), self.stream.peer_addr().ok()?.port());
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let hex = |text: &str| u64::from_str_radix(text, 16).unwrap();
        let port = |address: &str| hex(address.rsplit(':').next().unwrap());
        let queues = |local: u16, remote: u16| {
            let mut lines = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
            let line = lines.find(|f| (port(f[1]), port(f[2])) == (local.into(), remote.into()))?;
            line[4].split_once(':').map(|(sent, received)| (hex(sent), hex(received)))
        };
        Some(queues(ours, theirs)?.0 + queues(theirs, ours)?.1)
    }

    /// Sends no more, and still listens.
    pub async fn half_close(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// Breaks off with a reset.
    pub fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }

    /// The head of the answer; its body is not read.
    pub async fn reply(&mut self) -> io::Result<Reply> {
        let read = async {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(self.stream.read_u8().await?);
            }
            Ok::<_, io::Error>(String::from_utf8_lossy(&head).into_owned())
        };
        let head = timeout(PATIENCE, read).await??;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Ok(Reply { status: status.ok_or(io::ErrorKind::InvalidData)?, head })
    }

    /// What is still answered until the peer closes: the status, if there is any.
    pub async fn last_words(mut self) -> Option<u16> {
        let status = self.reply().await.ok().map(|reply| reply.status);
        // After success there may be another request.
        if status.is_some_and(|status| (200..300).contains(&status)) {
            return status;
        }
        let mut rest = Vec::new();
        let closed = timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "the peer neither answers nor closes");
        status
    }
}
