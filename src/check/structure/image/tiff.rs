//! TIFF and BigTIFF: the size of every page, by its two tags, and where its strips of pixels end.
//!
//! A decoder is not asked: those at hand know few of the colours that scanners and fax programs write.

use super::super::Source;
use super::super::budget::Budget;
use super::super::refuse::Stop;
use super::super::view::read_some;
use super::{cut_short, unreadable};

/// Pages that are looked at; a scan of a long work has hundreds.
const MOST_PAGES: usize = 10_000;
/// Tags of one page.
const MOST_TAGS: u64 = 4_096;
const WIDTH: u64 = 256;
const HEIGHT: u64 = 257;
const COMPRESSION: u64 = 259;
/// Places and lengths of strips, and of tiles.
const PIECES: [(u64, u64); 2] = [(273, 279), (324, 325)];
/// Strips or tiles of one page.
const MOST_PIECES: u64 = 1 << 18;
/// Pictures of cameras in the old way, whose strips tell nothing.
const OLD_JPEG: u64 = 6;

/// How numbers and tables are written.
#[derive(Clone, Copy, Debug)]
struct Layout {
    big_endian: bool,
    /// BigTIFF: places of eight bytes instead of four.
    wide: bool,
}

impl Layout {
    /// At most eight bytes as a number.
    fn number(self, bytes: &[u8]) -> u64 {
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        if self.big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) }
    }

    /// The value of a tag that is one whole number.
    fn value(self, tag: &[u8]) -> Result<u64, Stop> {
        let (kind, rest) = (self.number(&tag[2..4]), &tag[4..]);
        let (count, value) = rest.split_at(self.place());
        let width = match kind {
            1 => 1,
            3 => 2,
            4 => 4,
            16 if self.wide => 8,
            _ => return Err(unreadable()),
        };
        if self.number(count) == 1 { Ok(self.number(&value[..width])) } else { Err(unreadable()) }
    }

    /// Bytes of one of this kind of value.
    fn width(self, kind: u64) -> u64 {
        match kind {
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16 | 17 | 18 => 8,
            _ => 1,
        }
    }

    /// Where the values of a tag lie when they do not fit into it, and how many bytes they have.
    fn elsewhere(self, tag: &[u8]) -> Option<(u64, u64)> {
        let (count, place) = tag[4..].split_at(self.place());
        let bytes = self.number(count).saturating_mul(self.width(self.number(&tag[2..4])));
        (bytes > self.place() as u64).then(|| (self.number(place), bytes))
    }

    /// All values of a tag.
    fn values(self, source: &mut dyn Source, tag: &[u8]) -> Result<Vec<u64>, Stop> {
        let (count, place) = tag[4..].split_at(self.place());
        let (count, width) = (self.number(count), self.width(self.number(&tag[2..4])));
        if count > MOST_PIECES {
            return Err(unreadable());
        }
        let bytes = (count * width) as usize;
        let values = match self.elsewhere(tag) {
            Some((at, _)) => read_some(source, at, bytes)?,
            None => place[..bytes].to_vec(),
        };
        Ok(values.chunks_exact(width as usize).map(|value| self.number(value)).collect())
    }

    /// Where the pixels of a page end.
    fn end_of_pixels(self, source: &mut dyn Source, tags: &[&[u8]]) -> Result<u64, Stop> {
        let tag = |wanted: u64| tags.iter().find(|tag| self.number(&tag[..2]) == wanted);
        let mut end = 0;
        for (places, lengths) in PIECES {
            let (Some(places), Some(lengths)) = (tag(places), tag(lengths)) else { continue };
            let (places, lengths) = (self.values(source, places)?, self.values(source, lengths)?);
            for (place, length) in places.into_iter().zip(lengths) {
                end = end.max(place.saturating_add(length));
            }
        }
        Ok(end)
    }

    /// Bytes of a place in the file, of a count and of a value.
    fn place(self) -> usize {
        if self.wide { 8 } else { 4 }
    }
}

/// Calls back with width and height of each page, pixels. Returns where the last of what is known ends.
pub(super) fn each_page(
    source: &mut dyn Source,
    size: u64,
    budget: &Budget<'_>,
    mut each: impl FnMut(u64, u64) -> Result<(), Stop>,
) -> Result<u64, Stop> {
    let head = read_some(source, 0, 16)?;
    let (layout, first) = match head.as_slice() {
        [b'I', b'I', 42, 0, rest @ ..] => (Layout { big_endian: false, wide: false }, rest.get(..4)),
        [b'M', b'M', 0, 42, rest @ ..] => (Layout { big_endian: true, wide: false }, rest.get(..4)),
        [b'I', b'I', 43, 0, 8, 0, 0, 0, rest @ ..] => {
            (Layout { big_endian: false, wide: true }, rest.get(..8))
        }
        [b'M', b'M', 0, 43, 0, 8, 0, 0, rest @ ..] => {
            (Layout { big_endian: true, wide: true }, rest.get(..8))
        }
        _ => return Err(unreadable()),
    };
    let mut place = layout.number(first.ok_or_else(unreadable)?);
    let (count_bytes, tag_bytes) = if layout.wide { (8, 20) } else { (2, 12) };
    let mut end = 0;
    for _ in 0..MOST_PAGES {
        budget.in_time()?;
        let count = read_some(source, place, count_bytes)?;
        let tags = layout.number(&count);
        if count.len() < count_bytes || tags > MOST_TAGS {
            return Err(unreadable());
        }
        let length = usize::try_from(tags).map_err(|_| unreadable())? * tag_bytes;
        let table = read_some(source, place.saturating_add(count_bytes as u64), length + layout.place())?;
        let (tags, next) = table.split_at_checked(length).ok_or_else(unreadable)?;
        end = end.max(place + (count_bytes + table.len()) as u64);
        let tags: Vec<_> = tags.chunks_exact(tag_bytes).collect();
        let (mut width, mut height, mut compression) = (0, 0, 0);
        for tag in &tags {
            match layout.number(&tag[..2]) {
                WIDTH => width = layout.value(tag)?,
                HEIGHT => height = layout.value(tag)?,
                COMPRESSION => compression = layout.value(tag).unwrap_or_default(),
                _ => {}
            }
            let values = layout.elsewhere(tag).map_or(0, |(at, bytes)| at.saturating_add(bytes));
            end = end.max(values.min(size));
        }
        if width == 0 || height == 0 {
            return Err(unreadable());
        }
        each(width, height)?;
        let pixels = layout.end_of_pixels(source, &tags)?;
        if pixels > size && compression != OLD_JPEG {
            return Err(cut_short());
        }
        end = end.max(pixels.min(size));
        place = layout.number(next);
        if place == 0 {
            return Ok(end);
        }
    }
    // Attack: a page that is followed by itself.
    Err(unreadable())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use ::image::ImageFormat;

    use super::*;
    use crate::check::structure::Limits;
    use crate::check::testing::{encoded, spool};
    use crate::evidence::Reason;

    /// Pages of these sizes in palette colours, which few decoders know.
    fn pages(layout: Layout, sizes: &[(u64, u64)]) -> Vec<u8> {
        let number = |value: u64, width: usize| {
            let bytes = value.to_be_bytes()[8 - width..].to_vec();
            if layout.big_endian { bytes } else { bytes.into_iter().rev().collect() }
        };
        let place = layout.place();
        let mut bytes = if layout.big_endian { b"MM".to_vec() } else { b"II".to_vec() };
        bytes.extend(number(if layout.wide { 43 } else { 42 }, 2));
        if layout.wide {
            bytes.extend([number(8, 2), number(0, 2)].concat());
        }
        for (width, height) in sizes {
            bytes.extend(number((bytes.len() + place) as u64, place));
            bytes.extend(number(3, if layout.wide { 8 } else { 2 }));
            for (tag, kind, value) in [(WIDTH, 3, *width), (HEIGHT, 4, *height), (262, 3, 3)] {
                let mut written = number(value, if kind == 3 { 2 } else { 4 });
                written.resize(place, 0);
                bytes.extend([number(tag, 2), number(kind, 2), number(1, place), written].concat());
            }
        }
        bytes.extend(number(0, place));
        bytes
    }

    fn judged(bytes: Vec<u8>) -> Result<(), Reason> {
        let limits = Limits::default();
        let size = bytes.len() as u64;
        let budget = Budget::new(&limits, size, false, spool());
        match super::super::check(&mut Cursor::new(bytes), size, ImageFormat::Tiff, &budget) {
            Ok(()) => Ok(()),
            Err(Stop::Refused(refusal)) => Err(refusal.reason),
            Err(other) => panic!("{other:?}"),
        }
    }

    const LAYOUTS: [Layout; 4] = [
        Layout { big_endian: false, wide: false },
        Layout { big_endian: false, wide: true },
        Layout { big_endian: true, wide: false },
        Layout { big_endian: true, wide: true },
    ];

    #[test]
    fn pictures_in_any_colours_pass() {
        assert_eq!(judged(encoded(ImageFormat::Tiff)), Ok(()));
        for layout in LAYOUTS {
            assert_eq!(judged(pages(layout, &[(1_728, 2_200), (1_728, 1_000)])), Ok(()), "{layout:?}");
        }
    }

    #[test]
    fn every_page_is_measured_and_the_chain_ends() {
        for layout in LAYOUTS {
            let large = pages(layout, &[(100, 100), (50_000, 50_000)]);
            assert_eq!(judged(large), Err(Reason::ImageTooBig), "{layout:?}");
            let whole = pages(layout, &[(100, 100)]);
            assert_eq!(judged(pages(layout, &[(100, 0)])), Err(Reason::Corrupt), "{layout:?}");
            assert_eq!(judged(whole[..whole.len() - 20].to_vec()), Err(Reason::Corrupt), "{layout:?}");
            // The page is followed by itself.
            let mut endless = whole.clone();
            let (head, place) = (if layout.wide { 8 } else { 4 }, layout.place());
            let end = whole.len() - place;
            endless[end..].copy_from_slice(&whole[head..head + place]);
            assert_eq!(judged(endless), Err(Reason::Corrupt), "{layout:?}");
        }
        assert_eq!(judged(b"II*\0".to_vec()), Err(Reason::Corrupt));
    }
}
