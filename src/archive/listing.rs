//! What is in a zip that was accepted, by its table of contents alone.
//!
//! The check has read every byte of it and refused what two programs could read in two ways, so the table is what it
//! says. Only its end and the table are read, in pieces, and no more entries than a check lets through.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::time::timeout;

use super::StoredObject;
use crate::object_store::{ObjectStore, StoreError};

/// Entries listed at most.
const MOST: u64 = 2_000;
/// Longest that the whole takes.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

const END: &[u8] = b"PK\x05\x06";
const END_BYTES: usize = 22;
const LOCATOR: &[u8] = b"PK\x06\x07";
const LOCATOR_BYTES: usize = 20;
const END_64: &[u8] = b"PK\x06\x06";
const END_64_BYTES: u64 = 56;
const ENTRY: &[u8] = b"PK\x01\x02";
const ENTRY_BYTES: usize = 46;
/// An end with the longest comment, and the locator before it.
const TAIL: u64 = (65_535 + END_BYTES + LOCATOR_BYTES) as u64;
/// "The value is in the record of 64 bits."
const WIDE: u32 = u32::MAX;

/// What a zip holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    pub files: Vec<Listed>,
    /// Entries there are, folders among them; more than were listed where that is too many.
    pub entries: u64,
    /// Whether every entry was looked at.
    pub whole: bool,
}

/// A file in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// With `/` between folders.
    pub path: String,
    /// Bytes, unpacked.
    pub size: u64,
    /// Which entry of the table it is, from 0.
    pub index: u64,
}

/// Where a file's bytes are, as the table has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packed {
    /// Offset of its head.
    pub head: u64,
    pub bytes: u64,
    /// How they are packed.
    pub method: u16,
}

/// Why there is no listing.
#[derive(Debug, thiserror::Error)]
pub enum ListingError {
    #[error("the archive could not be read")]
    Store(#[from] StoreError),
    #[error("the table of contents is not where it should be")]
    Table,
    #[error("reading the table of contents took too long")]
    Slow,
}

/// Where the table of contents lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Table {
    start: u64,
    bytes: u64,
    entries: u64,
}

/// Lists a stored zip.
pub async fn listing(store: &dyn ObjectStore, object: &StoredObject) -> Result<Listing, ListingError> {
    let (listing, _) = timeout(PATIENCE, read(store, object)).await.map_err(|_| ListingError::Slow)??;
    Ok(listing)
}

/// The listing, and of each file in it where it is.
pub(super) async fn read(
    store: &dyn ObjectStore,
    object: &StoredObject,
) -> Result<(Listing, Vec<Packed>), ListingError> {
    let size = object.size();
    let from = size.saturating_sub(TAIL);
    let tail = some(store, object, from, size).await?;
    let table = match end(&tail).ok_or(ListingError::Table)? {
        End::Here(table) => table,
        End::At(at) => {
            let last =
                at.checked_add(END_64_BYTES).filter(|last| *last <= size).ok_or(ListingError::Table)?;
            end_64(&some(store, object, at, last).await?).ok_or(ListingError::Table)?
        }
    };
    let last =
        table.start.checked_add(table.bytes).filter(|last| *last <= size).ok_or(ListingError::Table)?;
    let mut entries = Entries::new(table.entries);
    if table.start < last {
        let mut pieces = store.read(object.key(), object.version(), table.start..last).await?;
        while let Some(piece) = pieces.next().await {
            if entries.take(&piece?)? {
                break;
            }
        }
    }
    entries.finish()
}

/// The bytes from `from` up to `to`; their number is bounded by who asks.
pub(super) async fn some(
    store: &dyn ObjectStore,
    object: &StoredObject,
    from: u64,
    to: u64,
) -> Result<Bytes, ListingError> {
    let mut pieces = store.read(object.key(), object.version(), from..to).await?;
    let mut bytes = BytesMut::new();
    while let Some(piece) = pieces.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes.freeze())
}

/// What the end record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Here(Table),
    /// In the record of 64 bits at that offset.
    At(u64),
}

/// From the last bytes of a zip.
fn end(tail: &[u8]) -> Option<End> {
    let last = tail.len().checked_sub(END_BYTES)?;
    let at = (0..=last).rev().find(|&at| tail[at..].starts_with(END))?;
    let locator = at.checked_sub(LOCATOR_BYTES).map(|locator| &tail[locator..at]);
    if let Some(mut locator) = locator.filter(|locator| locator.starts_with(LOCATOR)) {
        locator.advance(8);
        return Some(End::At(locator.get_u64_le()));
    }
    let mut record = tail.get(at + 10..at + 20)?;
    let (entries, bytes, start) = (record.get_u16_le(), record.get_u32_le(), record.get_u32_le());
    Some(End::Here(Table { start: start.into(), bytes: bytes.into(), entries: entries.into() }))
}

fn end_64(record: &[u8]) -> Option<Table> {
    let mut fields = record.strip_prefix(END_64)?.get(28..52)?;
    let (entries, bytes, start) = (fields.get_u64_le(), fields.get_u64_le(), fields.get_u64_le());
    Some(Table { start, bytes, entries })
}

/// The table, as it comes in.
#[derive(Debug)]
struct Entries {
    left: BytesMut,
    seen: u64,
    found: Listing,
    packed: Vec<Packed>,
}

impl Entries {
    fn new(entries: u64) -> Self {
        Self {
            left: BytesMut::new(),
            seen: 0,
            found: Listing { entries, ..Listing::default() },
            packed: Vec::new(),
        }
    }

    /// Reads on; true when nothing more is wanted. Holds less than an entry beyond what was given.
    fn take(&mut self, piece: &[u8]) -> Result<bool, ListingError> {
        self.left.extend_from_slice(piece);
        while self.seen < self.found.entries.min(MOST) {
            if self.left.len() < ENTRY_BYTES {
                return Ok(false);
            }
            if !self.left.starts_with(ENTRY) {
                return Err(ListingError::Table);
            }
            let mut lengths = &self.left[28..34];
            let [name, extra, comment] = [(); 3].map(|()| usize::from(lengths.get_u16_le()));
            let all = ENTRY_BYTES + name + extra + comment;
            if self.left.len() < all {
                return Ok(false);
            }
            let entry = self.left.split_to(all);
            let index = self.seen;
            self.seen += 1;
            let path = String::from_utf8_lossy(&entry[ENTRY_BYTES..ENTRY_BYTES + name]).into_owned();
            if !path.ends_with('/') {
                let (size, packed) = sizes(&entry, &entry[ENTRY_BYTES + name..ENTRY_BYTES + name + extra]);
                self.found.files.push(Listed { path, size, index });
                self.packed.push(packed);
            }
        }
        Ok(true)
    }

    fn finish(mut self) -> Result<(Listing, Vec<Packed>), ListingError> {
        self.found.whole = self.seen == self.found.entries;
        if self.found.whole || self.seen == MOST {
            Ok((self.found, self.packed))
        } else {
            Err(ListingError::Table)
        }
    }
}

/// The unpacked size of an entry, and where it is packed: in its head, or in the field for 64 bits, in this order.
fn sizes(mut head: &[u8], mut extra: &[u8]) -> (u64, Packed) {
    let mut wide: &[u8] = &[];
    while extra.len() >= 4 {
        let (id, bytes) = (extra.get_u16_le(), usize::from(extra.get_u16_le()));
        let Some(field) = extra.get(..bytes) else { break };
        if id == 1 {
            wide = field;
        }
        extra.advance(bytes);
    }
    let mut or_wide = |value: u32| match value {
        WIDE if wide.len() >= 8 => wide.get_u64_le(),
        value => value.into(),
    };
    head.advance(10);
    let method = head.get_u16_le();
    head.advance(8);
    let (bytes, size) = (head.get_u32_le(), head.get_u32_le());
    head.advance(14);
    let at = head.get_u32_le();
    let size = or_wide(size);
    let bytes = or_wide(bytes);
    (size, Packed { head: or_wide(at), bytes, method })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A zip of two files and a folder, as any program writes it.
    pub(super) fn zip(comment: &[u8]) -> Vec<u8> {
        use std::io::{Cursor, Write};
        let mut writer = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = ::zip::write::SimpleFileOptions::default();
        writer.add_directory("site/", options).unwrap();
        for (name, bytes) in [("site/index.html", &b"<h1>Sean</h1>"[..]), ("Übung.txt", b"words")] {
            writer.start_file(name, options).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.set_raw_comment(comment.to_vec().into()).unwrap();
        writer.finish().unwrap().into_inner()
    }

    /// As [`read`] does it, over bytes that are here.
    pub(super) fn list(zip: &[u8], piece: usize) -> Option<Listing> {
        let table = match end(&zip[zip.len().saturating_sub(TAIL as usize)..])? {
            End::Here(table) => table,
            End::At(at) => {
                let at = usize::try_from(at).ok()?;
                end_64(zip.get(at..at.checked_add(END_64_BYTES as usize)?)?)?
            }
        };
        let start = usize::try_from(table.start).ok()?;
        let last = start.checked_add(usize::try_from(table.bytes).ok()?)?;
        let mut entries = Entries::new(table.entries);
        for piece in zip.get(start..last)?.chunks(piece) {
            if entries.take(piece).ok()? {
                break;
            }
        }
        entries.finish().ok().map(|(listing, _)| listing)
    }

    #[test]
    fn a_zip_is_listed_however_it_comes_in() {
        for comment in [&b""[..], b"made for the exam", &[b'.'; 65_535]] {
            let zip = zip(comment);
            for piece in [1, 7, 64 << 10] {
                let found = list(&zip, piece).unwrap();
                assert_eq!((found.entries, found.whole), (3, true));
                let files: Vec<_> = found.files.iter().map(|file| (&*file.path, file.size)).collect();
                assert_eq!(files, [("site/index.html", 13), ("Übung.txt", 5)]);
            }
        }
    }

    #[test]
    fn what_has_64_bits_is_read_where_it_stands() {
        let mut head = [0; ENTRY_BYTES];
        head[10] = 8;
        head[24..28].copy_from_slice(&WIDE.to_le_bytes());
        head[20..24].copy_from_slice(&7_u32.to_le_bytes());
        head[42..46].copy_from_slice(&WIDE.to_le_bytes());
        let mut extra = vec![9, 0, 2, 0, 1, 1, 1, 0, 16, 0];
        extra.extend_from_slice(&(5_u64 << 32).to_le_bytes());
        extra.extend_from_slice(&(6_u64 << 32).to_le_bytes());
        assert_eq!(sizes(&head, &extra), (5 << 32, Packed { head: 6 << 32, bytes: 7, method: 8 }));
        let (size, packed) = sizes(&head, &extra[..12]);
        assert_eq!((size, packed.head), (WIDE.into(), WIDE.into()));
    }

    #[test]
    fn more_entries_than_are_listed_are_counted() {
        let mut entries = Entries::new(MOST + 5);
        let mut entry = [0; ENTRY_BYTES + 1];
        entry[..4].copy_from_slice(ENTRY);
        entry[28] = 1;
        entry[ENTRY_BYTES] = b'a';
        let table = entry.repeat(MOST as usize + 5);
        assert!(entries.take(&table).unwrap());
        let (found, _) = entries.finish().unwrap();
        assert_eq!((found.files.len() as u64, found.entries, found.whole), (MOST, MOST + 5, false));
    }
}

#[cfg(test)]
mod fuzz {
    use super::tests::{list, zip};
    use super::{END, END_64, ENTRY, LOCATOR};

    #[test]
    fn no_table_of_contents_stops_the_listing() {
        crate::fuzz::run(
            "listing",
            [zip(b""), zip(b"PK\x05\x06")],
            &[END, LOCATOR, END_64, ENTRY],
            |input| {
                let found = list(input, 1 + input.len() % 97);
                found.map(|found| (found.files.len(), found.whole))
            },
        );
    }
}
