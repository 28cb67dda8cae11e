//! A connection that stays open for as long as clamd lives.
//!
//! What is proven of a clamd is proven of one life of it: its settings are read when it starts. A session
//! (`IDSESSION`) that breaks tells at once that this life has ended, whether or not a scan was running, and whatever
//! answers at the same address next has everything to show anew. clamd gives a session no thread while nothing is
//! asked in it.

use std::fmt::Debug;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{sleep, timeout};

/// Between two PINGs: a clamd that stands still is noticed by them, and one that closes idle sessions does not.
const EVERY: Duration = Duration::from_secs(3);
/// Longest answer to a PING, bytes.
const LONGEST: usize = 64;

/// Either kind of stream.
pub(super) trait Peer: AsyncRead + AsyncWrite + Debug + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Debug + Send + Unpin> Peer for T {}

/// An open session.
#[derive(Debug)]
pub(super) struct Line {
    peer: Box<dyn Peer>,
    /// Commands so far; clamd numbers its answers by them.
    asked: u32,
    /// Of an answer that is not whole yet.
    read: Vec<u8>,
}

/// How a wait on the line ended.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The connection is no more, and with it that life of clamd.
    Broken(io::Error),
    /// A PING was not answered in time: it lives, and stands still or has too much to do.
    Silent(Duration),
}

impl Line {
    pub(super) async fn open(mut peer: Box<dyn Peer>) -> io::Result<Self> {
        peer.write_all(b"zIDSESSION\0").await?;
        Ok(Self { peer, asked: 0, read: Vec::new() })
    }

    /// Whether it answers within `limit`. Dropped half-way, its answer is one that comes late.
    pub(super) async fn ping(&mut self, limit: Duration) -> Result<(), Trouble> {
        self.asked += 1;
        let number = self.asked;
        let answer = async {
            self.peer.write_all(b"zPING\0").await?;
            // Those to earlier PINGs may come late.
            while self.answer().await? < number {}
            Ok(())
        };
        timeout(limit, answer).await.map_err(|_| Trouble::Silent(limit))?.map_err(Trouble::Broken)
    }

    /// Waits until something is wrong; asks now and then when `asking`.
    pub(super) async fn trouble(&mut self, asking: bool, limit: Duration) -> Trouble {
        loop {
            let pause = if asking { EVERY } else { Duration::MAX };
            let heard = tokio::select! {
                heard = self.answer() => heard,
                () = sleep(pause) => match self.ping(limit).await {
                    Ok(()) => continue,
                    Err(trouble) => return trouble,
                },
            };
            if let Err(error) = heard {
                return Trouble::Broken(error);
            }
        }
    }

    /// The number of the next answer. Safe to drop half-way.
    async fn answer(&mut self) -> io::Result<u32> {
        loop {
            if let Some(end) = self.read.iter().position(|&byte| byte == 0) {
                let answer: Vec<u8> = self.read.drain(..=end).collect();
                return number_of(&answer).filter(|number| *number <= self.asked).ok_or_else(strange);
            }
            let mut bytes = [0; LONGEST];
            let read = self.peer.read(&mut bytes).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.read.extend_from_slice(&bytes[..read]);
            if self.read.len() > LONGEST {
                return Err(strange());
            }
        }
    }
}

/// The number in `7: PONG`.
fn number_of(answer: &[u8]) -> Option<u32> {
    std::str::from_utf8(answer).ok()?.strip_suffix(": PONG\0")?.parse().ok()
}

fn strange() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it answers a PING with something else")
}

#[cfg(test)]
mod tests {
    use tokio::io::DuplexStream;

    use super::*;

    const SOON: Duration = Duration::from_millis(200);

    async fn line() -> (Line, DuplexStream) {
        let (ours, mut theirs) = tokio::io::duplex(1 << 10);
        let line = Line::open(Box::new(ours)).await.unwrap();
        let mut command = [0; 11];
        theirs.read_exact(&mut command).await.unwrap();
        assert_eq!(&command, b"zIDSESSION\0");
        (line, theirs)
    }

    #[tokio::test]
    async fn a_late_answer_is_not_the_one_to_the_next_question() {
        let (mut line, mut theirs) = line().await;
        assert!(matches!(line.ping(SOON).await, Err(Trouble::Silent(_))));
        theirs.write_all(b"1: PO").await.unwrap();
        assert!(matches!(line.ping(SOON).await, Err(Trouble::Silent(_))));
        theirs.write_all(b"NG\x002: PONG\x003: PONG\0").await.unwrap();
        line.ping(SOON).await.unwrap();
    }

    #[tokio::test]
    async fn a_line_that_ends_or_says_something_else_is_broken() {
        let (mut line, theirs) = line().await;
        drop(theirs);
        assert!(matches!(line.trouble(true, SOON).await, Trouble::Broken(_)));
        for said in [b"PONG\0".as_slice(), b"1: OK\0", b"9: PONG\0", b"x: PONG\0", &[b'x'; 100]] {
            let (mut line, mut theirs) = self::line().await;
            theirs.write_all(said).await.unwrap();
            assert!(matches!(line.ping(SOON).await, Err(Trouble::Broken(_))), "{said:?}");
        }
    }
}
