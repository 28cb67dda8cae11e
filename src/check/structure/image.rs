//! Images: a header that can be read, a size that can be shown, an end, and nothing foreign behind it.

mod drawing;
mod text;
mod tiff;

use std::io::{BufReader, Read, Seek, SeekFrom};

use ::image::{ImageFormat, ImageReader};

use super::Source;
use super::budget::Budget;
use super::foreign;
use super::media::{self, ChunkKind, Media};
use super::refuse::Stop;
use crate::evidence::Reason;

pub(super) use drawing::Drawing;

pub(super) fn check(
    source: &mut dyn Source,
    size: u64,
    format: ImageFormat,
    budget: &Budget<'_>,
) -> Result<(), Stop> {
    let measure = |width, height| check_pixels(width, height, budget);
    if format == ImageFormat::Tiff {
        let end = tiff::each_page(source, size, budget, measure)?;
        return foreign::refuse_behind(source, end, size);
    }
    let (width, height) = dimensions(source, format)?;
    measure(width.into(), height.into())?;
    if format == ImageFormat::WebP {
        return media::check(source, size, Media::Chunks(ChunkKind::WebP), budget);
    }
    source.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::new(&mut *source);
    let end = match format {
        ImageFormat::Png => end_of_png(&mut reader, budget)?,
        ImageFormat::Jpeg => end_of_jpeg(&mut reader, budget)?,
        ImageFormat::Gif => end_of_gif(&mut reader, budget)?,
        ImageFormat::Bmp => end_of_bmp(&mut reader, size)?,
        _ => size,
    };
    foreign::refuse_behind(source, end, size)
}

/// Those that no decoder reads here.
pub(super) fn check_drawing(
    source: &mut dyn Source,
    size: u64,
    drawing: Drawing,
    budget: &Budget<'_>,
) -> Result<(), Stop> {
    let end = drawing::end(source, size, drawing, budget)?;
    foreign::refuse_behind(source, end, size)
}

fn dimensions(source: &mut dyn Source, format: ImageFormat) -> Result<(u32, u32), Stop> {
    source.seek(SeekFrom::Start(0))?;
    let reader = ImageReader::with_format(BufReader::new(source), format);
    reader.into_dimensions().map_err(|_| unreadable())
}

pub(super) fn unreadable() -> Stop {
    Stop::corrupt("The picture cannot be read.")
}

/// Attack: a small file that claims 50,000 by 50,000 pixels, for whoever decodes it.
pub(super) fn check_pixels(width: u64, height: u64, budget: &Budget<'_>) -> Result<(), Stop> {
    let most = budget.limits.pixels;
    if width.saturating_mul(height) > most {
        return Err(Stop::refuse(
            Reason::ImageTooBig,
            format!(
                "The picture has {width} × {height} pixels; make it smaller than {} million.",
                most / 1_000_000
            ),
        ));
    }
    Ok(())
}

fn cut_short() -> Stop {
    Stop::corrupt("The picture is cut short.")
}

fn skip(reader: &mut (impl Read + Seek), bytes: u64) -> Result<(), Stop> {
    let bytes = i64::try_from(bytes).map_err(|_| cut_short())?;
    Ok(reader.seek_relative(bytes)?)
}

fn byte(reader: &mut (impl Read + Seek)) -> Result<u8, Stop> {
    let mut one = [0];
    reader.read_exact(&mut one).map_err(|_| cut_short())?;
    Ok(one[0])
}

/// Chunks up to IEND.
fn end_of_png(reader: &mut (impl Read + Seek), budget: &Budget<'_>) -> Result<u64, Stop> {
    skip(reader, 8)?;
    loop {
        budget.in_time()?;
        let mut header = [0; 8];
        reader.read_exact(&mut header).map_err(|_| cut_short())?;
        let [l0, l1, l2, l3, kind @ ..] = header;
        let length = u64::from(u32::from_be_bytes([l0, l1, l2, l3]));
        let next = reader.stream_position()? + length;
        text::of_png(kind, &mut (&mut *reader).take(length))?;
        let read = reader.stream_position()?;
        skip(reader, next.saturating_sub(read))?;
        let mut checksum = [0; 4];
        reader.read_exact(&mut checksum).map_err(|_| cut_short())?;
        if &kind == b"IEND" {
            return Ok(reader.stream_position()?);
        }
    }
}

/// Segments up to the end of the image; entropy-coded data has no length and is read through.
fn end_of_jpeg(reader: &mut (impl Read + Seek), budget: &Budget<'_>) -> Result<u64, Stop> {
    skip(reader, 2)?;
    loop {
        budget.in_time()?;
        // What no decoder reads may stand between two segments too.
        while byte(reader)? != 0xff {}
        let marker = loop {
            match byte(reader)? {
                0xff => {}
                other => break other,
            }
        };
        match marker {
            0xd9 => return Ok(reader.stream_position()?),
            // An escaped 0xff, restart markers, and markers without a length.
            0x00 | 0x01 | 0xd0..=0xd8 => {}
            _ => {
                let length = u16::from_be_bytes([byte(reader)?, byte(reader)?]).saturating_sub(2);
                // What a camera or a person says of it.
                if matches!(marker, 0xe0..=0xef | 0xfe) {
                    let mut told = vec![0; length.into()];
                    reader.read_exact(&mut told).map_err(|_| cut_short())?;
                    foreign::refuse_script(&told)?;
                } else {
                    skip(reader, length.into())?;
                }
            }
        }
    }
}

/// Blocks up to the trailer.
fn end_of_gif(reader: &mut (impl Read + Seek), budget: &Budget<'_>) -> Result<u64, Stop> {
    let color_table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 0x07) + 1) };
    let mut head = [0; 11];
    reader.read_exact(&mut head).map_err(|_| cut_short())?;
    let [.., w0, w1, h0, h1, flags] = head;
    // Attack: a width and height that read as the beginning of a script.
    if [w0, w1] == *b"/*" || [w0, w1, h0, h1].iter().all(u8::is_ascii_graphic) {
        return Err(foreign::hidden());
    }
    skip(reader, 2 + color_table(flags))?;
    loop {
        budget.in_time()?;
        let (mut is_comment, mut comment) = (false, Vec::new());
        match byte(reader)? {
            0x3b => return Ok(reader.stream_position()?),
            0x21 => is_comment = byte(reader)? == 0xfe,
            0x2c => {
                skip(reader, 8)?;
                let flags = byte(reader)?;
                skip(reader, color_table(flags) + 1)?;
            }
            // Some encoders pad between blocks.
            0x00 => continue,
            _ => return Err(Stop::corrupt("The picture cannot be read.")),
        }
        loop {
            let length = byte(reader)?;
            if length == 0 {
                break;
            }
            if is_comment && comment.len() < LONGEST_COMMENT {
                let from = comment.len();
                comment.resize(from + usize::from(length), 0);
                reader.read_exact(&mut comment[from..]).map_err(|_| cut_short())?;
            } else {
                skip(reader, length.into())?;
            }
        }
        foreign::refuse_script(&comment)?;
    }
}

/// Bytes of a comment that are read.
const LONGEST_COMMENT: usize = 64 << 10;

/// Lines of pixels, of a length that follows from the header; packed ones tell theirs.
fn end_of_bmp(reader: &mut impl Read, size: u64) -> Result<u64, Stop> {
    let mut head = [0; 38];
    reader.read_exact(&mut head).map_err(|_| cut_short())?;
    let number = |at: usize, width: usize| {
        head[at..at + width].iter().rev().fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte))
    };
    let (width, height, depth, packing, told) = if number(14, 4) == 12 {
        (number(18, 2), number(20, 2), number(24, 2), 0, 0)
    } else {
        // A height below zero: the first line is at the top.
        let height = i64::from(number(22, 4) as u32 as i32).unsigned_abs();
        (number(18, 4), height, number(28, 2), number(30, 4), number(34, 4))
    };
    let lines = (width * depth).div_ceil(32) * 4 * height;
    let pixels = if matches!(packing, 0 | 3 | 6) { lines } else { told };
    let end = number(10, 4) + pixels;
    if end > size { Err(cut_short()) } else { Ok(end.max(number(2, 4).min(size))) }
}

#[cfg(test)]
mod tests;
