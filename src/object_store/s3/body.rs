//! What a request carries: pieces in memory and pieces read back from the bucket, sent as one body that can be sent
//! again.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use aws_sdk_s3::primitives::{ByteStream as SdkStream, SdkBody};
use bytes::Bytes;
use crc32fast::Hasher;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use http_body::{Frame, SizeHint};

use super::bucket::{Bucket, write_crc32};
use super::memory::Gathered;
use crate::object_store::{ByteStream, StoreError};

#[derive(Clone, Debug)]
enum Piece {
    Memory(Bytes),
    /// An object, whole.
    Stored(String),
}

/// A body to send, of known length and CRC-32.
#[derive(Clone, Debug)]
pub(super) struct Body {
    pieces: Arc<[Piece]>,
    len: u64,
    crc: Hasher,
}

impl Body {
    /// The stored pieces (path, length, CRC-32), then what is gathered.
    pub(super) fn new(stored: impl IntoIterator<Item = (String, u64, u32)>, gathered: &mut Gathered) -> Self {
        let (mut pieces, mut crc, mut len) = (Vec::new(), Hasher::new(), 0);
        for (path, piece_len, piece_crc) in stored {
            crc.combine(&Hasher::new_with_initial_len(piece_crc, piece_len));
            len += piece_len;
            pieces.push(Piece::Stored(path));
        }
        let (memory, memory_crc) = gathered.pieces();
        crc.combine(&memory_crc);
        len += gathered.len();
        pieces.extend(memory.into_iter().map(Piece::Memory));
        Self { pieces: pieces.into(), len, crc }
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn crc32(&self) -> u32 {
        self.crc.clone().finalize()
    }

    /// The checksum as S3 writes it.
    pub(super) fn checksum(&self) -> String {
        write_crc32(self.crc32())
    }

    /// The stored pieces' paths.
    pub(super) fn stored(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Stored(path) => Some(path.as_str()),
            Piece::Memory(_) => None,
        })
    }

    /// As the SDK sends it, and sends it again.
    pub(super) fn to_sdk(&self, bucket: &Arc<Bucket>) -> SdkStream {
        let (body, bucket) = (self.clone(), bucket.clone());
        streamed(self.len, move || {
            let bucket = bucket.clone();
            stream::iter(body.pieces.to_vec()).flat_map(move |piece| pieces_of(bucket.clone(), piece)).boxed()
        })
    }
}

fn pieces_of(bucket: Arc<Bucket>, piece: Piece) -> ByteStream {
    match piece {
        Piece::Memory(bytes) => stream::once(async { Ok(bytes) }).boxed(),
        Piece::Stored(path) => {
            stream::once(async move { bucket.read_whole(&path).await }).try_flatten().boxed()
        }
    }
}

/// A stream whose exact length is known, as the SDK sends it; `again` makes it anew for every attempt.
pub(super) fn streamed(len: u64, again: impl Fn() -> ByteStream + Send + Sync + 'static) -> SdkStream {
    SdkStream::new(SdkBody::retryable(move || {
        SdkBody::from_body_1_x(Sending { pieces: Mutex::new(again()), left: len })
    }))
}

/// A body whose exact length is known beforehand. The mutex is never locked; it makes the stream `Sync`.
struct Sending {
    pieces: Mutex<ByteStream>,
    left: u64,
}

impl http_body::Body for Sending {
    type Data = Bytes;
    type Error = StoreError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StoreError>>> {
        let pieces = self.pieces.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        let next = ready!(pieces.poll_next_unpin(cx));
        Poll::Ready(next.map(|piece| {
            piece.map(|bytes| {
                self.left = self.left.saturating_sub(bytes.len() as u64);
                Frame::data(bytes)
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
