//! Images: a header that can be read, a size that can be shown, an end, and nothing foreign behind it.

mod tiff;

use std::io::{BufReader, Read, Seek, SeekFrom};

use ::image::{ImageFormat, ImageReader};

use super::Source;
use super::budget::Budget;
use super::refuse::Stop;
use super::view::read_some;
use crate::evidence::Reason;

pub(super) fn check(
    source: &mut dyn Source,
    size: u64,
    format: ImageFormat,
    budget: &Budget<'_>,
) -> Result<(), Stop> {
    if format == ImageFormat::Tiff {
        tiff::each_page(source, budget, |width, height| check_pixels(width, height, budget))?;
    } else {
        let (width, height) = dimensions(source, format)?;
        check_pixels(width.into(), height.into(), budget)?;
    }
    source.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::new(&mut *source);
    let end = match format {
        ImageFormat::Png => Some(end_of_png(&mut reader, budget)?),
        ImageFormat::Jpeg => Some(end_of_jpeg(&mut reader, budget)?),
        ImageFormat::Gif => Some(end_of_gif(&mut reader, budget)?),
        _ => None,
    };
    match end {
        Some(end) if end < size => refuse_foreign(&read_some(source, end, 512)?),
        _ => Ok(()),
    }
}

fn dimensions(source: &mut dyn Source, format: ImageFormat) -> Result<(u32, u32), Stop> {
    source.seek(SeekFrom::Start(0))?;
    let reader = ImageReader::with_format(BufReader::new(source), format);
    reader.into_dimensions().map_err(|_| unreadable())
}

fn unreadable() -> Stop {
    Stop::corrupt("The picture cannot be read.")
}

/// Attack: a small file that claims 50,000 by 50,000 pixels, for whoever decodes it.
fn check_pixels(width: u64, height: u64, budget: &Budget<'_>) -> Result<(), Stop> {
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

/// Attack: a page, script, archive or program behind a picture. What cameras put there (a film, a depth map) stays.
fn refuse_foreign(rest: &[u8]) -> Result<(), Stop> {
    let start =
        rest.iter().position(|byte| !matches!(byte, 0 | b' ' | b'\r' | b'\n' | b'\t')).unwrap_or(rest.len());
    let foreign: [&[u8]; 8] =
        [b"PK\x03\x04", b"%PDF", b"<", b"MZ", b"Rar!", b"7z\xbc\xaf", b"\x7fELF", b"#!"];
    if foreign.iter().any(|magic| rest[start..].starts_with(magic)) {
        return Err(Stop::refuse(
            Reason::TypeMismatch,
            "Something else is hidden behind the picture; save it again and upload it.",
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
        skip(reader, length)?;
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
    let mut coded = false;
    loop {
        budget.in_time()?;
        if coded {
            while byte(reader)? != 0xff {}
        } else if byte(reader)? != 0xff {
            return Err(Stop::corrupt("The picture cannot be read."));
        }
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
                let length = u16::from_be_bytes([byte(reader)?, byte(reader)?]);
                skip(reader, u64::from(length.saturating_sub(2)))?;
                coded = marker == 0xda;
            }
        }
    }
}

/// Blocks up to the trailer.
fn end_of_gif(reader: &mut (impl Read + Seek), budget: &Budget<'_>) -> Result<u64, Stop> {
    let color_table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 0x07) + 1) };
    skip(reader, 10)?;
    let flags = byte(reader)?;
    skip(reader, 2 + color_table(flags))?;
    loop {
        budget.in_time()?;
        match byte(reader)? {
            0x3b => return Ok(reader.stream_position()?),
            0x21 => skip(reader, 1)?,
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
            skip(reader, length.into())?;
        }
    }
}
