//! Where every byte of a zip lies, before there is one.
//!
//! A stored zip with fixed times is a function of its members' paths, sizes and CRCs. So its length, its entity tag
//! and any range of it can be given without its bytes: [`Layout::segments`] makes the headers a range needs when it
//! gets there, and names the pieces of stored objects between them. In memory are the members and two offsets each.

use std::collections::HashSet;
use std::ops::Range;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::StoredObject;
use super::records::{Directory, Head};
use crate::evidence::Sha256Digest;

/// Where a member's bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Stored(StoredObject),
    /// Small and made by us: manifests, notes.
    Inline(Bytes),
}

/// One member of a zip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    path: String,
    crc32: u32,
    source: Source,
}

impl Member {
    /// A stored object under `path`. `crc32`: CRC-32 (IEEE) of its bytes, as its check found.
    pub fn stored(path: String, object: StoredObject, crc32: u32) -> Self {
        Self { path, crc32, source: Source::Stored(object) }
    }

    /// Bytes of ours under `path`.
    pub fn inline(path: String, bytes: Bytes) -> Self {
        Self { path, crc32: crc32fast::hash(&bytes), source: Source::Inline(bytes) }
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        match &self.source {
            Source::Stored(object) => object.size(),
            Source::Inline(bytes) => bytes.len() as u64,
        }
    }

    pub fn sha256(&self) -> Sha256Digest {
        match &self.source {
            Source::Stored(object) => object.sha256(),
            Source::Inline(bytes) => Sha256Digest(Sha256::digest(bytes).into()),
        }
    }

    fn head(&self, offset: u64) -> Head<'_> {
        Head { path: &self.path, size: self.size(), crc32: self.crc32, offset }
    }
}

/// Members that make no zip.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LayoutError {
    #[error("the path {path:?} could leave the folder it is unpacked in")]
    UnsafePath { path: String },
    #[error("a path of {bytes} bytes does not fit into a zip")]
    LongPath { bytes: usize },
    #[error("two members are called {path:?}")]
    Repeated { path: String },
    #[error("the members together are larger than a zip can be")]
    TooLarge,
}

/// A piece of a zip, in the order of sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment<'a> {
    /// Headers, and members of ours.
    Bytes(Bytes),
    /// `range` of a stored object.
    Stored { object: &'a StoredObject, range: Range<u64> },
}

/// See the module.
#[derive(Debug)]
pub struct Layout {
    members: Vec<Member>,
    /// Offset of each member's local header.
    locals: Vec<u64>,
    /// Offset of each member's entry in the central directory.
    centrals: Vec<u64>,
    directory: Directory,
    etag: Sha256Digest,
}

/// Names the rules of this module in the entity tag: other bytes for the same members need another name.
const RULES: &[u8] = b"strongroom zip 1\0";
/// Central directory entries go out in pieces of about this many bytes.
const DIRECTORY_PIECE: u64 = 32 << 10;

impl Layout {
    /// Lays the members out in their order.
    pub fn new(members: Vec<Member>) -> Result<Self, LayoutError> {
        check_paths(&members)?;
        let mut locals = Vec::with_capacity(members.len());
        let mut centrals = Vec::with_capacity(members.len());
        let mut at: u64 = 0;
        let add = |at: u64, more: u64| at.checked_add(more).ok_or(LayoutError::TooLarge);
        for member in &members {
            locals.push(at);
            at = add(add(at, member.head(at).local_len())?, member.size())?;
        }
        let start = at;
        for (member, &offset) in members.iter().zip(&locals) {
            centrals.push(at);
            at = add(at, member.head(offset).central_len())?;
        }
        let directory = Directory { entries: members.len() as u64, start, len: at - start };
        add(at, directory.end_len())?;
        let etag = tag(&members);
        Ok(Self { members, locals, centrals, directory, etag })
    }

    /// Bytes of the whole zip. Never 0.
    #[expect(clippy::len_without_is_empty, reason = "a zip has an end record, so it is never empty")]
    pub fn len(&self) -> u64 {
        self.directory_end() + self.directory.end_len()
    }

    /// Changes with every change of a byte: SHA-256 over what the layout was made from.
    pub fn etag(&self) -> Sha256Digest {
        self.etag
    }

    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The pieces of `range` (cut to the zip's length), in order, made when they are asked for.
    pub fn segments(&self, range: Range<u64>) -> Segments<'_> {
        Segments { layout: self, at: range.start, end: range.end.min(self.len()) }
    }

    fn directory_end(&self) -> u64 {
        self.directory.start + self.directory.len
    }

    /// The piece at `at`, not beyond `end`.
    fn piece(&self, at: u64, end: u64) -> Segment<'_> {
        if at < self.directory.start {
            self.member_piece(at, end)
        } else if at < self.directory_end() {
            self.directory_piece(at, end)
        } else {
            let mut out = Vec::with_capacity(98);
            self.directory.put_end(&mut out);
            Segment::Bytes(cut(out, self.directory_end(), at, end))
        }
    }

    fn member_piece(&self, at: u64, end: u64) -> Segment<'_> {
        let index = self.locals.partition_point(|&local| local <= at) - 1;
        let (member, local) = (&self.members[index], self.locals[index]);
        let head = member.head(local);
        let data = local + head.local_len();
        if at < data {
            let mut out = Vec::with_capacity(30 + member.path.len() + 20);
            head.put_local(&mut out);
            return Segment::Bytes(cut(out, local, at, end));
        }
        let range = at - data..member.size().min(end - data);
        match &member.source {
            Source::Stored(object) => Segment::Stored { object, range },
            // An inline member is in memory, so its length is a usize.
            Source::Inline(bytes) => Segment::Bytes(bytes.slice(range.start as usize..range.end as usize)),
        }
    }

    fn directory_piece(&self, at: u64, end: u64) -> Segment<'_> {
        let first = self.centrals.partition_point(|&central| central <= at) - 1;
        let start = self.centrals[first];
        // At most DIRECTORY_PIECE, so a usize.
        let wanted = (end - start).min(DIRECTORY_PIECE) as usize;
        let mut out = Vec::with_capacity(wanted + 512);
        for (member, &local) in self.members[first..].iter().zip(&self.locals[first..]) {
            member.head(local).put_central(&mut out);
            if out.len() >= wanted {
                break;
            }
        }
        Segment::Bytes(cut(out, start, at, end))
    }
}

/// The part of `piece`, which lies at `start`, from `at` on and before `end`.
fn cut(piece: Vec<u8>, start: u64, at: u64, end: u64) -> Bytes {
    let piece = Bytes::from(piece);
    let to = (piece.len() as u64).min(end - start);
    // Both are at most the piece's length.
    piece.slice((at - start) as usize..to as usize)
}

/// See [`Layout::segments`].
#[derive(Debug)]
pub struct Segments<'a> {
    layout: &'a Layout,
    at: u64,
    end: u64,
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        if self.at >= self.end {
            return None;
        }
        let piece = self.layout.piece(self.at, self.end);
        self.at += match &piece {
            Segment::Bytes(bytes) => bytes.len() as u64,
            Segment::Stored { range, .. } => range.end - range.start,
        };
        Some(piece)
    }
}

/// The last fence before a path reaches somebody's computer; names are made safe before they get here.
fn check_paths(members: &[Member]) -> Result<(), LayoutError> {
    let mut seen = HashSet::with_capacity(members.len());
    for member in members {
        let path = member.path.as_str();
        if path.len() > usize::from(u16::MAX) {
            return Err(LayoutError::LongPath { bytes: path.len() });
        }
        let safe = |part: &str| !matches!(part, "" | "." | "..");
        if path.contains(['\\', ':', '\0']) || !path.split('/').all(safe) {
            return Err(LayoutError::UnsafePath { path: path.to_owned() });
        }
        if !seen.insert(path) {
            return Err(LayoutError::Repeated { path: path.to_owned() });
        }
    }
    Ok(())
}

fn tag(members: &[Member]) -> Sha256Digest {
    let mut hash = Sha256::new_with_prefix(RULES);
    for member in members {
        hash.update((member.path.len() as u64).to_le_bytes());
        hash.update(&member.path);
        hash.update(member.size().to_le_bytes());
        hash.update(member.crc32.to_le_bytes());
        hash.update(member.sha256().0);
    }
    Sha256Digest(hash.finalize().into())
}
