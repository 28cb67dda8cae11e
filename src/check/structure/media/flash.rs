//! Flash video: tags, each followed by its own length.

use super::{Walk, big_endian, cut_short, nothing_recorded};
use crate::check::structure::foreign;
use crate::check::structure::refuse::Stop;

/// Between two tags: the length of the one before.
const BETWEEN: u64 = 4;
const TAG: usize = 11;

/// The end of the last tag; one that is cut ends the file.
pub(super) fn walk(walk: &mut Walk<'_, '_>) -> Result<u64, Stop> {
    let head = walk.look(0, 9)?;
    let mut at = head.get(5..9).map(big_endian).ok_or_else(cut_short)? + BETWEEN;
    let mut content = false;
    while walk.left(at) >= TAG as u64 {
        let head = walk.look(at, TAG)?;
        // Sound, pictures, what is told of them; the others are reserved.
        if !matches!(head[0] & 0x1f, 8 | 9 | 15 | 18) || foreign::stands_at(&head) {
            break;
        }
        let length = big_endian(&head[1..4]);
        content |= head[0] & 0x1f != 18 && length > 0;
        at = walk.size.min(at + TAG as u64 + length + BETWEEN);
    }
    if content { Ok(at.min(walk.size)) } else { Err(nothing_recorded()) }
}
