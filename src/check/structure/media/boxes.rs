//! MP4, QuickTime, 3GPP and HEIC: boxes, one after another.

use super::{Walk, big_endian, cut_short, nothing_recorded};
use crate::check::structure::refuse::Stop;
use crate::check::structure::{foreign, image};

/// A box: its kind, where its content begins, where the next box does.
#[derive(Clone, Copy, Debug)]
struct Part {
    kind: [u8; 4],
    content: u64,
    end: u64,
}

/// What is at a place where a box may begin.
enum Found {
    Box(Part),
    /// No box: padding, or what some cameras add behind the last.
    Other,
}

/// The end of the last box. The index must be there, and something it is an index of.
pub(super) fn film(walk: &mut Walk<'_, '_>) -> Result<u64, Stop> {
    let (mut index, mut content, mut at) = (None, false, 0);
    while at < walk.size {
        let Found::Box(part) = find(walk, at, walk.size)? else { break };
        match &part.kind {
            b"moov" => index = Some(part),
            b"mdat" => content |= part.end > part.content,
            _ => {}
        }
        at = part.end;
    }
    let index = index.ok_or_else(|| Stop::corrupt("The recording was not finished, so it has no index."))?;
    // QuickTime may compress the index.
    let tracks = child(walk, index, b"trak")?.is_some() || child(walk, index, b"cmov")?.is_some();
    if tracks && content { Ok(at) } else { Err(nothing_recorded()) }
}

/// The end of the last box of a picture, whose size in pixels is measured.
pub(super) fn picture(walk: &mut Walk<'_, '_>) -> Result<u64, Stop> {
    let (mut index, mut content, mut at) = (None, false, 0);
    while at < walk.size {
        let Found::Box(part) = find(walk, at, walk.size)? else { break };
        match &part.kind {
            // It has a version and flags before its boxes.
            b"meta" => index = Some(Part { content: part.content + 4, ..part }),
            b"mdat" => content |= part.end > part.content,
            _ => {}
        }
        at = part.end;
    }
    let index = index.ok_or_else(image::unreadable)?;
    let properties = child(walk, index, b"iprp")?.ok_or_else(image::unreadable)?;
    let properties = child(walk, properties, b"ipco")?.ok_or_else(image::unreadable)?;
    let mut place = properties.content;
    while let Some(size) = next(walk, properties, &mut place, b"ispe")? {
        let numbers = walk.look(size.content, 12)?;
        if numbers.len() < 12 {
            return Err(image::unreadable());
        }
        image::check_pixels(big_endian(&numbers[4..8]), big_endian(&numbers[8..12]), walk.budget)?;
    }
    // A small picture may lie in the index.
    if content || child(walk, index, b"idat")?.is_some() { Ok(at) } else { Err(nothing_recorded()) }
}

fn child(walk: &mut Walk<'_, '_>, parent: Part, kind: &[u8; 4]) -> Result<Option<Part>, Stop> {
    next(walk, parent, &mut parent.content.clone(), kind)
}

/// The next box of a kind in another, from `place` on, which moves behind it.
fn next(
    walk: &mut Walk<'_, '_>,
    parent: Part,
    place: &mut u64,
    kind: &[u8; 4],
) -> Result<Option<Part>, Stop> {
    while *place < parent.end {
        let Found::Box(part) = find(walk, *place, parent.end)? else { break };
        *place = part.end;
        if part.kind == *kind {
            return Ok(Some(part));
        }
    }
    Ok(None)
}

/// Attack: lengths that are too small to move on or reach beyond the file.
fn find(walk: &mut Walk<'_, '_>, at: u64, end: u64) -> Result<Found, Stop> {
    let header = walk.look(at, 16)?;
    let name = |byte: &u8| matches!(byte, b' '..=b'~' | 0xa9);
    let kind: [u8; 4] = match header.get(4..8).map(TryInto::try_into) {
        Some(Ok(kind)) if !foreign::stands_at(&header) => kind,
        _ => return Ok(Found::Other),
    };
    if !kind.iter().all(name) {
        return Ok(Found::Other);
    }
    let left = end.saturating_sub(at);
    let (length, header) = match big_endian(&header[..4]) {
        0 => (left, 8),
        1 if header.len() == 16 => (big_endian(&header[8..]), 16),
        length => (length, 8),
    };
    if length < header || length > left {
        return Err(cut_short());
    }
    Ok(Found::Box(Part { kind, content: at + header, end: at + length }))
}
