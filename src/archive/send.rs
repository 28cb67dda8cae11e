//! Bytes on their way out, in constant memory.
//!
//! [`send`] reads each stored object by version and hands its pieces to the [`Download`] on the other side of a short
//! channel, which is the body of an answer. Three rules hold here. Who asks is asked again whenever an object is
//! opened. An object sent from its first byte to its last is hashed on the way, and its last piece leaves only if the
//! digest is the one it was judged under. And a download that stops early ends in an error, so the connection breaks
//! and nobody takes what they have for the whole.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{Stream, StreamExt};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::{Layout, Segment, StoredObject, Withdrawals};
use crate::evidence::Sha256Digest;
use crate::ids::FileId;
use crate::object_store::{ObjectStore, StoreError};

/// Why something could not be found out.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Asked for every object when it is opened, when anything was withdrawn, and now and then while it is sent: whether it
/// may still leave, to this person, now.
pub type Gate = Arc<dyn Fn(FileId) -> BoxFuture<'static, Result<bool, Cause>> + Send + Sync>;

/// While one object is on its way, it is asked again this often.
const GATE_AGAIN: Duration = Duration::from_mins(1);

/// What a download asks on its way.
pub(super) struct Asked {
    pub(super) gate: Gate,
    pub(super) withdrawals: Withdrawals,
}

/// What is sent.
#[derive(Clone, Debug)]
pub enum Parcel {
    Zip(Arc<Layout>),
    File(StoredObject),
}

impl Parcel {
    /// Bytes of the whole.
    #[expect(clippy::len_without_is_empty, reason = "no zip and no accepted file is empty")]
    pub fn len(&self) -> u64 {
        match self {
            Self::Zip(layout) => layout.len(),
            Self::File(object) => object.size(),
        }
    }

    /// A strong entity tag's opaque part: the digest of a file, of a zip what it is made from.
    pub fn etag(&self) -> Sha256Digest {
        match self {
            Self::Zip(layout) => layout.etag(),
            Self::File(object) => object.sha256(),
        }
    }

    fn segments(&self, range: Range<u64>) -> Box<dyn Iterator<Item = Segment<'_>> + Send + '_> {
        match self {
            Self::Zip(layout) => Box::new(layout.segments(range)),
            Self::File(object) => {
                let segment = Segment::Stored { object, range: range.start..range.end.min(object.size()) };
                Box::new(std::iter::once(segment))
            }
        }
    }
}

/// Why a download stopped before its end.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error("file {file} may not leave any more")]
    Withdrawn { file: FileId },
    #[error("whether file {file} may leave could not be found out")]
    Gate {
        file: FileId,
        #[source]
        source: Cause,
    },
    #[error("file {file} could not be read")]
    Store {
        file: FileId,
        #[source]
        source: StoreError,
    },
    #[error("the store stopped in the middle of file {file}")]
    StoreStalled { file: FileId },
    #[error("the stored bytes of file {file} are not those that were judged")]
    Mismatch { file: FileId },
    #[error("the receiver took nothing for too long")]
    ReceiverStalled,
    #[error("the receiver went away")]
    ReceiverGone,
    #[error("the service is stopping")]
    Stopping,
    #[error("the download broke off")]
    BrokenOff,
}

impl SendError {
    /// The word of the audit trail.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Withdrawn { .. } => "withdrawn",
            Self::Gate { .. } => "not_authorised",
            Self::Store { .. } | Self::StoreStalled { .. } => "store_failed",
            Self::Mismatch { .. } => "digest_mismatch",
            Self::ReceiverStalled => "receiver_stalled",
            Self::ReceiverGone => "receiver_gone",
            Self::Stopping => "service_stopping",
            Self::BrokenOff => "broken_off",
        }
    }

    /// The file whose stored bytes are not those that were judged, or not there.
    pub(super) fn doubted(&self) -> Option<FileId> {
        match self {
            Self::Mismatch { file }
            | Self::Store { file, source: StoreError::NotFound { .. } | StoreError::Changed { .. } } => {
                Some(*file)
            }
            _ => None,
        }
    }
}

/// How long each side may do nothing.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    pub store: Duration,
    pub receiver: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { store: Duration::from_secs(90), receiver: Duration::from_secs(60) }
    }
}

/// Pieces in the channel. The filesystem store's are 256 KiB, so a download holds about a mebibyte.
const PIECES: usize = 4;

/// Where [`send`] puts what it reads.
#[derive(Debug)]
pub(super) struct Outgoing {
    pieces: mpsc::Sender<Result<Bytes, SendError>>,
    patience: Patience,
    /// Bytes handed over so far.
    pub(super) sent: u64,
}

/// The receiving end: the body of an answer. Ends well only after all of its bytes.
#[derive(Debug)]
pub struct Download {
    pieces: mpsc::Receiver<Result<Bytes, SendError>>,
    first: Option<Bytes>,
    left: u64,
    over: bool,
}

/// Both ends of a download of `len` bytes.
pub(super) fn channel(len: u64, patience: Patience) -> (Outgoing, Download) {
    let (sender, pieces) = mpsc::channel(PIECES);
    let outgoing = Outgoing { pieces: sender, patience, sent: 0 };
    (outgoing, Download { pieces, first: None, left: len, over: false })
}

impl Outgoing {
    async fn push(&mut self, piece: Bytes) -> Result<(), SendError> {
        let len = piece.len() as u64;
        match timeout(self.patience.receiver, self.pieces.send(Ok(piece))).await {
            Ok(Ok(())) => {
                self.sent += len;
                Ok(())
            }
            Ok(Err(_)) => Err(SendError::ReceiverGone),
            Err(_) => Err(SendError::ReceiverStalled),
        }
    }

    /// Tells the receiver why, if there is room; without it the missing bytes say enough.
    pub(super) fn fail(&self, why: SendError) {
        if let Err(unsent) = self.pieces.try_send(Err(why)) {
            tracing::debug!(%unsent, "the receiver learns of the end by missing bytes");
        }
    }
}

impl Download {
    /// Waits for the first piece, so that a download that cannot begin is a refusal and not a broken answer. The
    /// sender's deadlines bound the wait.
    pub async fn begin(&mut self) -> Result<(), SendError> {
        if self.left > 0 && self.first.is_none() {
            self.first = Some(self.pieces.recv().await.unwrap_or(Err(SendError::BrokenOff))?);
        }
        Ok(())
    }

    fn count(&mut self, piece: Bytes) -> Result<Bytes, SendError> {
        self.left = self.left.checked_sub(piece.len() as u64).ok_or(SendError::BrokenOff)?;
        Ok(piece)
    }
}

impl Stream for Download {
    type Item = Result<Bytes, SendError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.over || this.left == 0 {
            return Poll::Ready(None);
        }
        let next = match this.first.take() {
            Some(piece) => Ok(piece),
            None => match this.pieces.poll_recv(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(next) => next.unwrap_or(Err(SendError::BrokenOff)),
            },
        };
        let next = next.and_then(|piece| this.count(piece));
        this.over = next.is_err();
        Poll::Ready(Some(next))
    }
}

/// Sends `range` of a parcel. Returns when everything is handed over, or at the first thing that stops it.
pub(super) async fn send(
    parcel: &Parcel,
    range: Range<u64>,
    store: &dyn ObjectStore,
    asked: &Asked,
    out: &mut Outgoing,
) -> Result<(), SendError> {
    for segment in parcel.segments(range) {
        match segment {
            Segment::Bytes(bytes) => out.push(bytes).await?,
            Segment::Stored { object, range } => send_object(object, range, store, asked, out).await?,
        }
    }
    Ok(())
}

/// Asks whether `file` may leave.
async fn pass(gate: &Gate, file: FileId, patience: Duration) -> Result<(), SendError> {
    match timeout(patience, gate(file)).await {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err(SendError::Withdrawn { file }),
        Ok(Err(source)) => Err(SendError::Gate { file, source }),
        Err(elapsed) => Err(SendError::Gate { file, source: elapsed.into() }),
    }
}

async fn send_object(
    object: &StoredObject,
    range: Range<u64>,
    store: &dyn ObjectStore,
    Asked { gate, withdrawals }: &Asked,
    out: &mut Outgoing,
) -> Result<(), SendError> {
    let file = object.file();
    let failed = |source| SendError::Store { file, source };
    let stalled = |_| SendError::StoreStalled { file };
    let patience = out.patience.store;
    let mut withdrawn = withdrawals.count();
    pass(gate, file, patience).await?;
    let mut passed = Instant::now();
    let mut hash = (range == (0..object.size())).then(Sha256::new);
    let mut left = range.end.saturating_sub(range.start);
    let opened = timeout(patience, store.read(object.key(), object.version(), range)).await;
    let mut pieces = opened.map_err(stalled)?.map_err(failed)?;
    while left > 0 {
        let next = timeout(patience, pieces.next()).await.map_err(stalled)?;
        let piece = next.ok_or(SendError::Mismatch { file })?.map_err(failed)?;
        let count = withdrawals.count();
        if count != withdrawn || passed.elapsed() >= GATE_AGAIN {
            pass(gate, file, patience).await?;
            (withdrawn, passed) = (count, Instant::now());
        }
        left = left.checked_sub(piece.len() as u64).ok_or(SendError::Mismatch { file })?;
        if let Some(hash) = &mut hash {
            hash.update(&piece);
        }
        if left == 0 && hash.take().is_some_and(|hash| <[u8; 32]>::from(hash.finalize()) != object.sha256().0)
        {
            return Err(SendError::Mismatch { file });
        }
        out.push(piece).await?;
    }
    Ok(())
}
