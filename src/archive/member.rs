//! The beginning of one file in a zip that was accepted, unpacked: to be read, never to be run.

use bytes::Buf;
use flate2::{Decompress, FlushDecompress, Status};
use futures_util::StreamExt;
use tokio::time::timeout;

use super::StoredObject;
use super::listing::{Listed, ListingError, PATIENCE, Packed, read, some};
use crate::object_store::ObjectStore;

const HEAD: &[u8] = b"PK\x03\x04";
const HEAD_BYTES: u64 = 30;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// Unpacked at a time, bytes.
const PIECE: usize = 16 << 10;

/// A file of a zip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    pub listed: Listed,
    /// Its first bytes, as many as were asked for.
    pub beginning: Vec<u8>,
}

/// The entry of that index, if it is a file that is listed; at most `most` bytes of it.
pub async fn member(
    store: &dyn ObjectStore,
    object: &StoredObject,
    index: u64,
    most: usize,
) -> Result<Option<Unpacked>, ListingError> {
    let found = async {
        let (listing, packed) = read(store, object).await?;
        let mut found = listing.files.into_iter().zip(packed);
        match found.find(|(listed, _)| listed.index == index) {
            Some((listed, packed)) => unpack(store, object, listed, packed, most).await.map(Some),
            None => Ok(None),
        }
    };
    timeout(PATIENCE, found).await.map_err(|_| ListingError::Slow)?
}

async fn unpack(
    store: &dyn ObjectStore,
    object: &StoredObject,
    listed: Listed,
    packed: Packed,
    most: usize,
) -> Result<Unpacked, ListingError> {
    let within = |at: u64| Some(at).filter(|at| *at <= object.size()).ok_or(ListingError::Table);
    let start = within(packed.head.saturating_add(HEAD_BYTES))?;
    let head = some(store, object, packed.head, start).await?;
    // A folder of the file's own: name and extra field stand before its bytes, and need not be as the table has them.
    let mut lengths = head.strip_prefix(HEAD).and_then(|rest| rest.get(22..26)).ok_or(ListingError::Table)?;
    let before = u64::from(lengths.get_u16_le()) + u64::from(lengths.get_u16_le());
    let start = within(start + before)?;
    let end = within(start.saturating_add(packed.bytes))?;
    let most = most.min(usize::try_from(listed.size).unwrap_or(usize::MAX));
    let mut unpacking = Unpacking::new(packed.method, most)?;
    if start < end && most > 0 {
        let mut pieces = store.read(object.key(), object.version(), start..end).await?;
        while let Some(piece) = pieces.next().await {
            if unpacking.take(&piece?)? {
                break;
            }
        }
    }
    let beginning = unpacking.out;
    if beginning.len() == most { Ok(Unpacked { listed, beginning }) } else { Err(ListingError::Table) }
}

/// Unpacks until there is enough.
struct Unpacking {
    /// `None`: the bytes are as they were.
    inflate: Option<Decompress>,
    out: Vec<u8>,
    most: usize,
}

impl Unpacking {
    /// Errors: a method that no check lets through.
    fn new(method: u16, most: usize) -> Result<Self, ListingError> {
        let inflate = match method {
            STORED => None,
            DEFLATED => Some(Decompress::new(false)),
            _ => return Err(ListingError::Table),
        };
        Ok(Self { inflate, out: Vec::new(), most })
    }

    /// Takes the next packed bytes; true when nothing more is wanted.
    fn take(&mut self, mut piece: &[u8]) -> Result<bool, ListingError> {
        let Some(inflate) = &mut self.inflate else {
            let wanted = piece.len().min(self.most - self.out.len());
            self.out.extend_from_slice(&piece[..wanted]);
            return Ok(self.out.len() == self.most);
        };
        let mut unpacked = [0; PIECE];
        while self.out.len() < self.most {
            let (taken, given) = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress(piece, &mut unpacked, FlushDecompress::None);
            let status = status.map_err(|_| ListingError::Table)?;
            let taken = usize::try_from(inflate.total_in() - taken).unwrap_or(usize::MAX);
            let given = usize::try_from(inflate.total_out() - given).unwrap_or(usize::MAX);
            let wanted = given.min(self.most - self.out.len());
            self.out.extend_from_slice(&unpacked[..wanted]);
            piece = &piece[taken..];
            if status == Status::StreamEnd {
                return Ok(true);
            }
            if taken == 0 && given == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;

    use super::*;

    fn unpacked(method: u16, packed: &[u8], most: usize, piece: usize) -> Option<Vec<u8>> {
        let mut unpacking = Unpacking::new(method, most).ok()?;
        for piece in packed.chunks(piece) {
            if unpacking.take(piece).ok()? {
                break;
            }
        }
        Some(unpacking.out)
    }

    #[test]
    fn as_much_is_unpacked_as_is_asked_for() {
        let text: Vec<u8> = (0..200_000_u32).flat_map(|n| n.to_string().into_bytes()).collect();
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&text).unwrap();
        let packed = encoder.finish().unwrap();
        for most in [1, 100, PIECE, PIECE + 1, text.len()] {
            for piece in [7, 4096, usize::MAX] {
                assert_eq!(unpacked(DEFLATED, &packed, most, piece).as_deref(), Some(&text[..most]));
                assert_eq!(unpacked(STORED, &text, most, piece).as_deref(), Some(&text[..most]));
            }
        }
        assert_eq!(
            unpacked(DEFLATED, &packed[..50], text.len(), 9).map(|out| out.len() < text.len()),
            Some(true)
        );
        assert_eq!(unpacked(DEFLATED, b"\xff\xff\xff\xff", 9, 9), None);
        assert_eq!(unpacked(14, &packed, 9, 9), None);
    }
}
