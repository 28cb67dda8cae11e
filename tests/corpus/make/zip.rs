//! Zips, member by member, every field of both headers free to lie.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use super::{Repeated, crc_of, crc_of_sparse, deflated, write_at};

pub const STORED: u16 = 0;
pub const DEFLATED: u16 = 8;
/// Bits of the flags.
pub const ENCRYPTED: u16 = 1;
pub const DESCRIBED_BEHIND: u16 = 8;
pub const UTF_8: u16 = 0x0800;

/// What a directory begins with.
pub const DIRECTORY: &[u8] = b"PK\x01\x02";
/// Bytes of a local header before its name, of a line of the directory, and of the end.
pub const LOCAL: usize = 30;
pub const CENTRAL: usize = 46;
pub const END: usize = 22;

/// A member, or a lie about one.
#[derive(Clone, Debug)]
pub struct Member {
    pub name: Vec<u8>,
    pub flags: u16,
    pub method: u16,
    pub crc: u32,
    /// Bytes as stored, by the headers.
    pub stored: u32,
    /// Bytes as inflated, by the headers.
    pub size: u32,
    pub extra: Vec<u8>,
    /// Mode of Unix in the directory.
    pub mode: u32,
    /// What really stands behind the local header.
    pub content: Vec<u8>,
}

impl Member {
    /// An honest one.
    pub fn new(name: impl AsRef<[u8]>, content: &[u8]) -> Self {
        let stored = deflated(content);
        Self {
            method: DEFLATED,
            stored: u32::try_from(stored.len()).unwrap(),
            content: stored,
            ..Self::stored(name, content)
        }
    }

    /// An honest one that is not packed.
    pub fn stored(name: impl AsRef<[u8]>, content: &[u8]) -> Self {
        let size = u32::try_from(content.len()).unwrap();
        Self {
            name: name.as_ref().to_owned(),
            flags: UTF_8,
            method: STORED,
            crc: crc_of(content),
            stored: size,
            size,
            extra: Vec::new(),
            mode: 0o100_644,
            content: content.to_owned(),
        }
    }

    /// The header before the content.
    pub fn local_header(&self) -> Vec<u8> {
        let mut bytes = b"PK\x03\x04\x14\0".to_vec();
        self.common(&mut bytes);
        bytes.extend_from_slice(&self.name);
        bytes.extend_from_slice(&self.extra);
        bytes
    }

    /// Header and content.
    pub fn local(&self) -> Vec<u8> {
        [self.local_header(), self.content.clone()].concat()
    }

    /// Its line of the directory, which says that it begins at `place`.
    pub fn central(&self, place: usize) -> Vec<u8> {
        // Made by Unix, whose modes are told.
        let mut bytes = b"PK\x01\x02\x14\x03\x14\0".to_vec();
        self.common(&mut bytes);
        // No comment, first disk, no inner attributes.
        bytes.extend_from_slice(&[0; 6]);
        bytes.extend_from_slice(&(self.mode << 16).to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(place).unwrap().to_le_bytes());
        bytes.extend_from_slice(&self.name);
        bytes.extend_from_slice(&self.extra);
        bytes
    }

    /// From the flags to the length of the extra field, alike in both.
    fn common(&self, bytes: &mut Vec<u8>) {
        for half in [self.flags, self.method, 0, 0x5b56] {
            bytes.extend_from_slice(&half.to_le_bytes());
        }
        for word in [self.crc, self.stored, self.size] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        for length in [self.name.len(), self.extra.len()] {
            bytes.extend_from_slice(&u16::try_from(length).unwrap().to_le_bytes());
        }
    }
}

/// The end record of `entries` files, whose directory has `bytes` bytes from `place` on.
pub fn end(entries: usize, bytes: usize, place: usize, comment: &[u8]) -> Vec<u8> {
    let entries = u16::try_from(entries).unwrap().to_le_bytes();
    let place = u32::try_from(place).unwrap().to_le_bytes();
    let bytes = u32::try_from(bytes).unwrap().to_le_bytes();
    let length = u16::try_from(comment.len()).unwrap().to_le_bytes();
    [b"PK\x05\x06\0\0\0\0", &entries[..], &entries, &bytes, &place, &length, comment].concat()
}

/// A zip of bodies and of what the directory says of each: its line, made with the place of the body.
pub fn assembled(bodies: &[Vec<u8>], directory: impl Fn(&[usize]) -> Vec<Vec<u8>>) -> Vec<u8> {
    let (mut bytes, mut places) = (Vec::new(), Vec::new());
    for body in bodies {
        places.push(bytes.len());
        bytes.extend_from_slice(body);
    }
    let lines = directory(&places);
    let (place, count, lines) = (bytes.len(), lines.len(), lines.concat());
    bytes.extend_from_slice(&lines);
    bytes.extend_from_slice(&end(count, lines.len(), place, b""));
    bytes
}

/// An honest zip of these members.
pub fn of(members: &[Member]) -> Vec<u8> {
    let bodies: Vec<_> = members.iter().map(Member::local).collect();
    assembled(&bodies, |places| members.iter().zip(places).map(|(one, &place)| one.central(place)).collect())
}

/// An honest zip of files, deflated.
pub fn files(files: &[(&str, &[u8])]) -> Vec<u8> {
    of(&files.iter().map(|(name, content)| Member::new(name, content)).collect::<Vec<_>>())
}

/// A file in so many zips, one in another.
pub fn nested(layers: usize, name: &str, content: &[u8]) -> Vec<u8> {
    (1..layers).fold(files(&[(name, content)]), |inner, _| files(&[("in.zip", &inner)]))
}

/// Files of nothing.
pub fn empties(count: usize) -> Vec<u8> {
    of(&(0..count).map(|number| Member::stored(format!("{number}.txt"), b"")).collect::<Vec<_>>())
}

/// Sizes beyond 32 bits, in the field that holds them.
fn wide(size: u64, stored: u64) -> Vec<u8> {
    [&[1, 0, 16, 0], &size.to_le_bytes()[..], &stored.to_le_bytes()].concat()
}

/// A member of which only the headers are at hand: its content is written elsewhere.
fn absent(name: &str, method: u16, crc: u32, stored: u64, size: u64) -> Member {
    let honest = Member { method, crc, ..Member::stored(name, b"") };
    match (u32::try_from(stored), u32::try_from(size)) {
        (Ok(stored), Ok(size)) => Member { stored, size, ..honest },
        _ => Member { stored: u32::MAX, size: u32::MAX, extra: wide(size, stored), ..honest },
    }
}

/// Writes a zip with one member, not packed, of zeros with these spots: as holes, so it takes no room on the disk.
pub fn write_sparse(file: &mut File, name: &str, size: u64, spots: &[(u64, Vec<u8>)]) -> io::Result<()> {
    let member = absent(name, STORED, crc_of_sparse(size, spots), size, size);
    let header = member.local_header();
    write_at(file, 0, &header)?;
    for (place, bytes) in spots {
        write_at(file, header.len() as u64 + place, bytes)?;
    }
    let line = member.central(0);
    let place = header.len() as u64 + size;
    write_at(file, place, &[line.clone(), end_at(1, line.len() as u64, place)].concat())
}

/// Writes a zip of deflated members that are each made of pieces.
pub fn write_repeated(file: &mut File, members: &[(&str, &Repeated)]) -> io::Result<()> {
    let mut writer = BufWriter::new(file);
    let (mut place, mut lines) = (0_u64, Vec::new());
    for (name, content) in members {
        let member = absent(name, DEFLATED, content.crc(), content.stored(), content.size());
        let header = member.local_header();
        writer.write_all(&header)?;
        content.write(&mut writer)?;
        lines.extend_from_slice(&member.central(usize::try_from(place).unwrap()));
        place += header.len() as u64 + content.stored();
    }
    writer.write_all(&lines)?;
    writer.write_all(&end_at(members.len(), lines.len() as u64, place))?;
    writer.flush()
}

/// The end of a zip whose directory may begin beyond 4 GiB.
fn end_at(entries: usize, bytes: u64, place: u64) -> Vec<u8> {
    match u32::try_from(place) {
        Ok(place) => end(entries, usize::try_from(bytes).unwrap(), place as usize, b""),
        Err(_) => [end_64(entries as u64, bytes, place), end_of_wide()].concat(),
    }
}

/// The end record of 64 bits, and where it is.
pub fn end_64(entries: u64, bytes: u64, place: u64) -> Vec<u8> {
    let (entries, bytes_of) = (entries.to_le_bytes(), bytes.to_le_bytes());
    let start = place.to_le_bytes();
    let at = (place + bytes).to_le_bytes();
    [
        &b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x2d\0\x2d\0\0\0\0\0\0\0\0\0"[..],
        &entries,
        &entries,
        &bytes_of,
        &start,
        b"PK\x06\x07\0\0\0\0",
        &at,
        &1_u32.to_le_bytes(),
    ]
    .concat()
}

/// The end record that sends its reader to the one of 64 bits.
pub fn end_of_wide() -> Vec<u8> {
    [&b"PK\x05\x06\0\0\0\0"[..], &[0xff; 12], &[0, 0]].concat()
}
