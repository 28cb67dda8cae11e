//! The table of contents of a 7z: where packed bytes are, what they unpack to, and what the files are called.

use std::ops::Range;

use super::super::budget::Budget;
use super::super::refuse::Stop;

/// What a table says, or that it is packed itself.
#[derive(Debug)]
pub(super) enum Read {
    Table(Table),
    Packed(Block),
}

#[derive(Debug)]
pub(super) struct Table {
    pub(super) entries: Vec<Entry>,
    pub(super) blocks: Vec<Block>,
}

/// A file or folder.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    /// It is in a block; else it is a folder or has no bytes.
    pub(super) has_content: bool,
    pub(super) is_folder: bool,
    /// A link or device.
    pub(super) special: bool,
}

/// Files that are packed together.
#[derive(Debug)]
pub(super) struct Block {
    /// Where it is in the archive, and how long, bytes.
    pub(super) place: u64,
    pub(super) packed: u64,
    pub(super) packing: Packing,
    /// Bytes, unpacked.
    pub(super) size: u64,
    /// Size and CRC-32 of each file in it, one after another.
    pub(super) files: Vec<(u64, Option<u32>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packing {
    pub(super) method: Method,
    /// Jumps of programs are written so that they pack better.
    pub(super) programs: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    /// `window`: how far back it may refer, bytes.
    Lzma {
        properties: u8,
        window: u32,
    },
    Lzma2 {
        window: u32,
    },
}

/// What begins a part of the table.
mod id {
    pub(super) const END: u64 = 0x00;
    pub(super) const TABLE: u64 = 0x01;
    pub(super) const STREAMS: u64 = 0x04;
    pub(super) const FILES: u64 = 0x05;
    pub(super) const PACKED: u64 = 0x06;
    pub(super) const UNPACKED: u64 = 0x07;
    pub(super) const WITHIN: u64 = 0x08;
    pub(super) const SIZES: u64 = 0x09;
    pub(super) const SUMS: u64 = 0x0a;
    pub(super) const BLOCKS: u64 = 0x0b;
    pub(super) const UNPACKED_SIZES: u64 = 0x0c;
    pub(super) const COUNTS: u64 = 0x0d;
    pub(super) const EMPTY: u64 = 0x0e;
    pub(super) const EMPTY_FILES: u64 = 0x0f;
    pub(super) const DELETED: u64 = 0x10;
    pub(super) const NAMES: u64 = 0x11;
    pub(super) const ATTRIBUTES: u64 = 0x15;
    pub(super) const PACKED_TABLE: u64 = 0x17;
}

pub(super) fn broken() -> Stop {
    Stop::corrupt("The archive cannot be read.")
}

fn unusual() -> Stop {
    Stop::unsafe_archive("it is packed in an unusual way; use LZMA2, or zip instead")
}

/// Reads a table. `room`: where packed bytes may be.
pub(super) fn read(bytes: &[u8], room: Range<u64>, budget: &Budget<'_>) -> Result<Read, Stop> {
    let mut fields = Fields { bytes, most: budget.limits.all_entries };
    match fields.number()? {
        id::PACKED_TABLE => {
            let blocks = fields.streams(&room, false)?;
            let mut blocks = blocks.into_iter();
            match (blocks.next(), blocks.next()) {
                (Some(block), None) => Ok(Read::Packed(block)),
                _ => Err(broken()),
            }
        }
        id::TABLE => {
            let mut blocks = Vec::new();
            let mut next = fields.number()?;
            if next == id::STREAMS {
                blocks = fields.streams(&room, true)?;
                next = fields.number()?;
            }
            let mut entries = Vec::new();
            if next == id::FILES {
                entries = fields.files()?;
                next = fields.number()?;
            }
            // Attack: what another reader takes for more.
            if next != id::END || !fields.bytes.is_empty() {
                return Err(unusual());
            }
            Ok(Read::Table(Table { entries, blocks }))
        }
        _ => Err(broken()),
    }
}

/// What is left to read.
struct Fields<'a> {
    bytes: &'a [u8],
    /// Of anything there are no more than this.
    most: u64,
}

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Stop> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or_else(broken)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Stop> {
        Ok(self.take(1)?[0])
    }

    /// The set bits at the top of the first byte tell how many bytes follow; the rest of it is the highest part.
    fn number(&mut self) -> Result<u64, Stop> {
        let first = self.byte()?;
        let more = first.leading_ones() as usize;
        let low = self.take(more)?.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let high = u64::from(first) & (0x7f_u64 >> more);
        Ok(if more < 7 { low | high << (8 * more) } else { low })
    }

    /// A number of things, each of which would take memory.
    fn count(&mut self) -> Result<usize, Stop> {
        let count = self.number()?;
        if count > self.most {
            return Err(Stop::unsafe_archive("it holds too many files"));
        }
        usize::try_from(count).map_err(|_| broken())
    }

    fn word(&mut self) -> Result<u32, Stop> {
        self.take(4)?.try_into().map(u32::from_le_bytes).map_err(|_| broken())
    }

    /// A bit for each, the highest first.
    fn bits(&mut self, count: usize) -> Result<Vec<bool>, Stop> {
        let bytes = self.take(count.div_ceil(8))?;
        Ok((0..count).map(|at| bytes[at / 8] & 0x80 >> (at % 8) != 0).collect())
    }

    /// Which of so many are told of: all, or those with a bit.
    fn told(&mut self, count: usize) -> Result<Vec<bool>, Stop> {
        if self.byte()? == 0 { self.bits(count) } else { Ok(vec![true; count]) }
    }

    /// Checksums of so many.
    fn sums(&mut self, count: usize) -> Result<Vec<Option<u32>>, Stop> {
        let told = self.told(count)?;
        told.into_iter().map(|told| told.then(|| self.word()).transpose()).collect()
    }

    fn expect(&mut self, expected: u64) -> Result<(), Stop> {
        if self.number()? == expected { Ok(()) } else { Err(unusual()) }
    }

    /// Packed bytes and what they unpack to. `files`: the blocks are of files, which are told of one by one.
    fn streams(&mut self, room: &Range<u64>, files: bool) -> Result<Vec<Block>, Stop> {
        self.expect(id::PACKED)?;
        let start = self.number()?;
        let count = self.count()?;
        self.expect(id::SIZES)?;
        let sizes = (0..count).map(|_| self.number()).collect::<Result<Vec<_>, _>>()?;
        let mut next = self.number()?;
        if next == id::SUMS {
            self.sums(count)?;
            next = self.number()?;
        }
        if next != id::END {
            return Err(unusual());
        }
        self.expect(id::UNPACKED)?;
        self.expect(id::BLOCKS)?;
        // One stream of packed bytes each; none is elsewhere.
        if self.count()? != count || self.byte()? != 0 {
            return Err(unusual());
        }
        let packings = (0..count).map(|_| self.packing()).collect::<Result<Vec<_>, _>>()?;
        self.expect(id::UNPACKED_SIZES)?;
        let mut place = room.start.checked_add(start).ok_or_else(broken)?;
        let mut blocks = Vec::new();
        for (packing, packed) in packings.into_iter().zip(sizes) {
            let size = self.number()?;
            // The filter changes no size.
            if packing.programs && self.number()? != size {
                return Err(unusual());
            }
            blocks.push(Block { place, packed, packing, size, files: vec![(size, None)] });
            place = place.checked_add(packed).filter(|end| *end <= room.end).ok_or_else(broken)?;
        }
        let mut next = self.number()?;
        if next == id::SUMS {
            for (block, sum) in blocks.iter_mut().zip(self.sums(count)?) {
                block.files[0].1 = sum;
            }
            next = self.number()?;
        }
        if next != id::END {
            return Err(unusual());
        }
        if files {
            self.expect(id::WITHIN)?;
            self.within(&mut blocks)?;
        }
        self.expect(id::END)?;
        Ok(blocks)
    }

    /// How one block is packed.
    fn packing(&mut self) -> Result<Packing, Stop> {
        let count = self.number()?;
        if !matches!(count, 1..=4) {
            return Err(unusual());
        }
        let mut steps = Vec::new();
        for _ in 0..count {
            let flags = self.byte()?;
            let name = self.take(usize::from(flags & 0x0f))?;
            // More than one way in or out.
            if flags & 0xd0 != 0 {
                return Err(unusual());
            }
            let properties = if flags & 0x20 == 0 {
                &[]
            } else {
                let length = self.count()?;
                self.take(length)?
            };
            if name == [0x06, 0xf1, 0x07, 0x01] {
                return Err(Stop::encrypted());
            }
            steps.push((name, properties));
        }
        let bound =
            (1..count).map(|_| Ok((self.number()?, self.number()?))).collect::<Result<Vec<_>, Stop>>()?;
        let method = match steps[0] {
            ([0x00], []) => Method::Stored,
            ([0x03, 0x01, 0x01], [properties, w0, w1, w2, w3]) => {
                Method::Lzma { properties: *properties, window: u32::from_le_bytes([*w0, *w1, *w2, *w3]) }
            }
            ([0x21], [exponent @ 0..=40]) => Method::Lzma2 { window: window(*exponent) },
            _ => return Err(unusual()),
        };
        match (&steps[1..], bound.as_slice()) {
            ([], []) => Ok(Packing { method, programs: false }),
            // The first gives to the second.
            ([([0x03, 0x03, 0x01, 0x03], [])], [(1, 0)]) => Ok(Packing { method, programs: true }),
            _ => Err(unusual()),
        }
    }

    /// The files in each block.
    fn within(&mut self, blocks: &mut [Block]) -> Result<(), Stop> {
        let mut next = self.number()?;
        let mut counts = vec![1; blocks.len()];
        if next == id::COUNTS {
            for count in &mut counts {
                *count = self.count()?;
            }
            next = self.number()?;
        }
        if counts.iter().sum::<usize>() as u64 > self.most {
            return Err(Stop::unsafe_archive("it holds too many files"));
        }
        let told = next == id::SIZES;
        for (block, count) in blocks.iter_mut().zip(&counts) {
            let whole = std::mem::take(&mut block.files);
            if *count == 1 {
                block.files = whole;
                continue;
            }
            let mut left = block.size;
            for at in 0..*count {
                // What is left is of the last.
                let size = if at + 1 == *count {
                    left
                } else if told {
                    self.number()?
                } else {
                    return Err(unusual());
                };
                left = left.checked_sub(size).ok_or_else(broken)?;
                block.files.push((size, None));
            }
        }
        if told {
            next = self.number()?;
        }
        if next == id::SUMS {
            // Of those that are not told yet.
            let files = blocks.iter_mut().flat_map(|block| &mut block.files);
            let unknown: Vec<_> = files.filter(|(_, sum)| sum.is_none()).collect();
            let sums = self.sums(unknown.len())?;
            unknown.into_iter().zip(sums).for_each(|(file, sum)| file.1 = sum);
            next = self.number()?;
        }
        if next == id::END { Ok(()) } else { Err(unusual()) }
    }

    fn files(&mut self) -> Result<Vec<Entry>, Stop> {
        let count = self.count()?;
        let (mut names, mut attributes) = (Vec::new(), vec![0; count]);
        let (mut empty, mut empty_files) = (vec![false; count], None);
        loop {
            let kind = self.number()?;
            if kind == id::END {
                break;
            }
            let length = usize::try_from(self.number()?).map_err(|_| broken())?;
            let mut of_kind = Fields { bytes: self.take(length)?, most: self.most };
            match kind {
                id::EMPTY => empty = of_kind.bits(count)?,
                id::EMPTY_FILES => {
                    empty_files = Some(of_kind.bits(empty.iter().filter(|empty| **empty).count())?);
                }
                // Attack: files that take others away.
                id::DELETED => return Err(unusual()),
                id::NAMES => names = of_kind.names()?,
                id::ATTRIBUTES => {
                    let told = of_kind.told(count)?;
                    if of_kind.byte()? != 0 {
                        return Err(unusual());
                    }
                    for (at, _) in told.iter().enumerate().filter(|(_, told)| **told) {
                        attributes[at] = of_kind.word()?;
                    }
                }
                // Times, and what fills up.
                _ => {}
            }
        }
        if names.len() != count {
            return Err(unusual());
        }
        let mut empty_files = empty_files.unwrap_or_default().into_iter();
        let entry = |((name, empty), attributes): ((String, bool), u32)| Entry {
            name,
            has_content: !empty,
            is_folder: empty && !empty_files.next().unwrap_or_default(),
            special: is_special(attributes),
        };
        Ok(names.into_iter().zip(empty).zip(attributes).map(entry).collect())
    }

    /// Of two bytes a letter, each ended by a zero.
    fn names(&mut self) -> Result<Vec<String>, Stop> {
        // They are not elsewhere.
        if self.byte()? != 0 {
            return Err(unusual());
        }
        let letters: Vec<_> = self
            .bytes
            .chunks(2)
            .map(|pair| u16::from(pair[0]) | u16::from(*pair.get(1).unwrap_or(&0)) << 8)
            .collect();
        let Some((&0, letters)) = letters.split_last() else { return Err(broken()) };
        let name = |letters| {
            String::from_utf16(letters).map_err(|_| Stop::unsafe_archive("a name in it cannot be read"))
        };
        letters.split(|letter| *letter == 0).map(name).collect()
    }
}

/// How far back LZMA2 refers, by its one property: 4 KiB, 6 KiB, 8 KiB, 12 KiB, ...
fn window(exponent: u8) -> u32 {
    if exponent == 40 { u32::MAX } else { (2 | u32::from(exponent & 1)) << (exponent / 2 + 11) }
}

/// Links and devices, by the attributes of Windows and the mode of Unix that may be above them.
fn is_special(attributes: u32) -> bool {
    const REPARSE_POINT: u32 = 0x400;
    const UNIX: u32 = 0x8000;
    let kind = if attributes & UNIX == 0 { 0 } else { attributes >> 16 & 0o170_000 };
    attributes & REPARSE_POINT != 0 || !matches!(kind, 0 | 0o100_000 | 0o040_000)
}

/// The number that these bytes begin with.
#[cfg(test)]
pub(super) fn number(bytes: &[u8]) -> Option<u64> {
    Fields { bytes, most: 0 }.number().ok()
}
