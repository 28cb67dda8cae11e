//! Ogg: pages that each begin with a mark, so that a player finds the next behind a gap.

use super::{Walk, little_endian, nothing_recorded};
use crate::check::structure::foreign;
use crate::check::structure::refuse::Stop;

const HEADER: usize = 27;
/// How far behind a gap the next page is looked for.
const FARTHEST: usize = 128 << 10;

/// The end of the last page. A recording that broke off has no last page of its own, so none is asked for.
pub(super) fn walk(walk: &mut Walk<'_, '_>) -> Result<u64, Stop> {
    let (mut sound, mut at) = (false, 0);
    while at < walk.size {
        let head = walk.look(at, HEADER + 255)?;
        if head.starts_with(b"OggS\0") && head.len() >= HEADER {
            let Some(lengths) = head.get(HEADER..HEADER + usize::from(head[26])) else { break };
            let content: u64 = lengths.iter().map(|&length| u64::from(length)).sum();
            // How much was played when it ends: nothing, for headers.
            let played = little_endian(&head[6..14]);
            sound |= content > 0 && played != 0 && played != u64::MAX;
            at = walk.size.min(at + (HEADER + lengths.len()) as u64 + content);
            continue;
        }
        if foreign::stands_at(&head) {
            break;
        }
        let ahead = walk.look(at, FARTHEST)?;
        match ahead.windows(5).position(|bytes| bytes == b"OggS\0") {
            Some(gap) if gap > 0 => at += gap as u64,
            _ => break,
        }
    }
    if sound { Ok(at) } else { Err(nothing_recorded()) }
}
