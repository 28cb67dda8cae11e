//! MP4, QuickTime and their relatives: boxes, one after another, to the end of the file.

use super::Source;
use super::budget::Budget;
use super::refuse::Stop;
use super::view::read_some;

/// Boxes at the top; real files have a handful, fragmented ones some thousands.
const MOST_BOXES: u32 = 1_000_000;

/// Walks the boxes. The index (`moov`, for pictures `meta`) must be there: without it nothing plays.
pub(super) fn check_boxes(
    source: &mut dyn Source,
    size: u64,
    extension: &str,
    budget: &Budget<'_>,
) -> Result<(), Stop> {
    let index: &[u8] = if extension == "heic" { b"meta" } else { b"moov" };
    let (mut at, mut found) = (0, false);
    for _ in 0..MOST_BOXES {
        budget.in_time()?;
        if at == size {
            break;
        }
        let header = read_some(source, at, 16)?;
        // Some cameras fill the end with zeros.
        if header.iter().all(|&byte| byte == 0) {
            break;
        }
        let (kind, length) = read_box(&header, size - at)?;
        found |= kind == index;
        at += length;
    }
    if found { Ok(()) } else { Err(Stop::corrupt("The recording was not finished, so it has no index.")) }
}

/// Kind and length of a box; attack: lengths that are too small to move on or reach beyond the file.
fn read_box(header: &[u8], left: u64) -> Result<([u8; 4], u64), Stop> {
    let broken = || Stop::corrupt("The recording is cut short.");
    let (Some(length), Some(kind)) = (header.first_chunk::<4>(), header.get(4..8)) else {
        return Err(broken());
    };
    let kind: [u8; 4] = kind.try_into().map_err(|_| broken())?;
    let (length, least) = match u32::from_be_bytes(*length) {
        0 => (left, 8),
        1 => {
            let long = header.get(8..16).and_then(|bytes| bytes.try_into().ok()).ok_or_else(broken)?;
            (u64::from_be_bytes(long), 16)
        }
        length => (length.into(), 8),
    };
    if length < least || length > left { Err(broken()) } else { Ok((kind, length)) }
}
