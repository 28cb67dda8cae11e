//! Photoshop, PCX and Windows Metafile: what no decoder at hand reads, measured and followed to its end.

use std::io::{BufReader, Read};

use super::super::Source;
use super::super::budget::Budget;
use super::super::refuse::Stop;
use super::super::view::read_some;
use super::{byte, check_pixels, cut_short, skip, unreadable};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Drawing {
    Photoshop,
    Pcx,
    Metafile,
}

/// Where it ends.
pub(super) fn end(
    source: &mut dyn Source,
    size: u64,
    drawing: Drawing,
    budget: &Budget<'_>,
) -> Result<u64, Stop> {
    let end = match drawing {
        Drawing::Photoshop => photoshop(source, size, budget)?,
        Drawing::Pcx => pcx(source, budget)?,
        Drawing::Metafile => metafile(source, budget)?,
    };
    if end > size { Err(cut_short()) } else { Ok(end) }
}

fn number(bytes: &[u8], at: usize, width: usize) -> Result<u64, Stop> {
    let bytes = bytes.get(at..at + width).ok_or_else(cut_short)?;
    Ok(bytes.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte)))
}

fn number_le(bytes: &[u8], at: usize, width: usize) -> Result<u64, Stop> {
    let bytes = bytes.get(at..at + width).ok_or_else(cut_short)?;
    Ok(bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte)))
}

/// Three sections with their lengths, then the picture as a whole.
fn photoshop(source: &mut dyn Source, size: u64, budget: &Budget<'_>) -> Result<u64, Stop> {
    let head = read_some(source, 0, 26)?;
    let large = number(&head, 4, 2)? == 2;
    let (channels, height, width) = (number(&head, 12, 2)?, number(&head, 14, 4)?, number(&head, 18, 4)?);
    check_pixels(width, height, budget)?;
    let mut at = 26;
    for place in [4, 4, if large { 8 } else { 4 }] {
        let length = number(&read_some(source, at, place)?, 0, place)?;
        at = at.saturating_add(place as u64).saturating_add(length);
    }
    let lines = channels.saturating_mul(height);
    match number(&read_some(source, at, 2)?, 0, 2)? {
        0 => Ok(at + 2 + lines.saturating_mul((width * number(&head, 22, 2)?).div_ceil(8))),
        // Packed, with the length of every line before.
        1 => {
            let place = if large { 4 } else { 2 };
            let table = lines.saturating_mul(place);
            if table > size {
                return Err(cut_short());
            }
            let mut lengths = BufReader::new(skipped(source, at + 2)?).take(table);
            let (mut total, mut entry) = (0, [0; 4]);
            for _ in 0..lines {
                lengths.read_exact(&mut entry[..place as usize]).map_err(|_| cut_short())?;
                total += number(&entry, 0, place as usize)?;
            }
            Ok(at + 2 + table + total)
        }
        _ => Ok(size),
    }
}

fn skipped(source: &mut dyn Source, at: u64) -> Result<&mut dyn Source, Stop> {
    source.seek(std::io::SeekFrom::Start(at))?;
    Ok(source)
}

/// Runs of bytes for as many as the picture has, then perhaps a palette.
fn pcx(source: &mut dyn Source, budget: &Budget<'_>) -> Result<u64, Stop> {
    const HEADER: u64 = 128;
    const PALETTE: u64 = 769;
    let head = read_some(source, 0, 128)?;
    let side = |first: usize| {
        let (from, to) = (number_le(&head, first, 2)?, number_le(&head, first + 4, 2)?);
        to.checked_sub(from).map(|side| side + 1).ok_or_else(unreadable)
    };
    let (width, height) = (side(4)?, side(6)?);
    check_pixels(width, height, budget)?;
    let wanted = height * number(&head, 65, 1)? * number_le(&head, 66, 2)?;
    let mut end = HEADER + wanted;
    if head[2] == 1 {
        let mut reader = BufReader::new(skipped(source, HEADER)?);
        let (mut got, mut read) = (0_u64, 0_u64);
        while got < wanted {
            let first = byte(&mut reader)?;
            let run = first & 0xc0 == 0xc0;
            if run {
                byte(&mut reader)?;
            }
            read += if run { 2 } else { 1 };
            got += if run { u64::from(first & 0x3f) } else { 1 };
            if read.is_multiple_of(4096) {
                budget.in_time()?;
            }
        }
        end = HEADER + read;
    }
    let palette = read_some(source, end, PALETTE as usize)?;
    Ok(if palette.len() as u64 == PALETTE && palette[0] == 0x0c { end + PALETTE } else { end })
}

/// Records, each with its length, up to the one that says so.
fn metafile(source: &mut dyn Source, budget: &Budget<'_>) -> Result<u64, Stop> {
    const ESCAPE: u64 = 0x26;
    const SET_ABORT: u64 = 9;
    let placed = read_some(source, 0, 4)? == b"\xd7\xcd\xc6\x9a";
    let mut at = if placed { 22 + 18 } else { 18 };
    let mut reader = BufReader::new(skipped(source, at)?);
    loop {
        budget.in_time()?;
        let mut record = [0; 6];
        reader.read_exact(&mut record).map_err(|_| cut_short())?;
        let (length, function) = (number_le(&record, 0, 4)? * 2, number_le(&record, 4, 2)?);
        if length < 6 {
            return Err(unreadable());
        }
        at += length;
        let mut more = 6;
        if function & 0xff == ESCAPE {
            let mut escape = [0; 2];
            reader.read_exact(&mut escape).map_err(|_| cut_short())?;
            more += 2;
            // Attack: a function that is called when printing breaks off, in the picture itself.
            if number_le(&escape, 0, 2)? == SET_ABORT {
                return Err(Stop::active("a program in a drawing"));
            }
        }
        if function == 0 {
            return Ok(at);
        }
        skip(&mut reader, length.saturating_sub(more))?;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::check::structure::Limits;
    use crate::check::testing::spool;
    use crate::evidence::Reason;

    fn judged(bytes: &[u8], drawing: Drawing) -> Result<(), Reason> {
        let (limits, size) = (Limits::default(), bytes.len() as u64);
        let budget = Budget::new(&limits, size, false, spool());
        match super::super::check_drawing(&mut Cursor::new(bytes), size, drawing, &budget) {
            Ok(()) => Ok(()),
            Err(Stop::Refused(refusal)) => Err(refusal.reason),
            Err(other) => panic!("{other:?}"),
        }
    }

    /// Two lines of four pixels in one channel, packed or not.
    fn photoshop(packed: bool, width: u32) -> Vec<u8> {
        let mut bytes = b"8BPS\0\x01\0\0\0\0\0\0\0\x01\0\0\0\x02".to_vec();
        bytes.extend_from_slice(&width.to_be_bytes());
        bytes.extend_from_slice(b"\0\x08\0\x01\0\0\0\0\0\0\0\x02ab\0\0\0\0");
        bytes.extend_from_slice(if packed { b"\0\x01\0\x02\0\x02\xfd\x07\xfd\x09" } else { b"\0\0abcdefgh" });
        bytes
    }

    fn pcx(body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![10, 5, 1, 8, 0, 0, 0, 0, 3, 0, 1, 0];
        bytes.resize(128, 0);
        bytes[65..68].copy_from_slice(&[1, 4, 0]);
        [&bytes, body].concat()
    }

    fn metafile(records: &[u8]) -> Vec<u8> {
        [b"\x01\0\x09\0\0\x03\x0c\0\0\0\0\0\x03\0\0\0\0\0".as_slice(), records].concat()
    }

    #[test]
    fn drawings_are_followed_to_their_end() {
        let palette = [&[0xc4, 7, 1, 2, 3, 4, 0x0c][..], &[0; 768]].concat();
        let end = b"\x03\0\0\0\0\0";
        for (drawing, bytes) in [
            (Drawing::Photoshop, photoshop(true, 4)),
            (Drawing::Photoshop, photoshop(false, 4)),
            (Drawing::Pcx, pcx(&[0xc4, 7, 1, 2, 3, 4])),
            (Drawing::Metafile, metafile(end)),
            (Drawing::Metafile, [&[0xd7, 0xcd, 0xc6, 0x9a], &[0; 18][..], &metafile(end)].concat()),
            (Drawing::Metafile, metafile(&[b"\x05\0\0\0\x26\x06\x0f\0\x02\0", &end[..]].concat())),
        ] {
            assert_eq!(judged(&bytes, drawing), Ok(()), "{drawing:?}");
            assert_eq!(judged(&bytes[..bytes.len() - 1], drawing), Err(Reason::Corrupt), "{drawing:?}");
            let hidden = [&bytes[..], b"\r\n<script>alert(1)"].concat();
            assert_eq!(judged(&hidden, drawing), Err(Reason::TypeMismatch), "{drawing:?}");
        }
        assert_eq!(judged(&pcx(&palette), Drawing::Pcx), Ok(()));
        let large = photoshop(true, 200_000_000);
        assert_eq!(judged(&large, Drawing::Photoshop), Err(Reason::ImageTooBig));
        let program = metafile(&[b"\x05\0\0\0\x26\x06\x09\0\x16\0", &end[..]].concat());
        assert_eq!(judged(&program, Drawing::Metafile), Err(Reason::ActiveContent));
    }
}
