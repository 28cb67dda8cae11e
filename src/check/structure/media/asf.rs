//! Windows Media: objects, each with a GUID and a length. The first describes the film, the second holds it.

use super::{Walk, cut_short, little_endian, nothing_recorded};
use crate::check::structure::foreign;
use crate::check::structure::refuse::Stop;

const HEADER: [u8; 16] = *b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c";
const DATA: [u8; 16] = *b"\x36\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c";
const STREAM: [u8; 16] = *b"\x91\x07\xdc\xb7\xb7\xa9\xcf\x11\x8e\xe6\x00\xc0\x0c\x20\x53\x65";
const FILE: [u8; 16] = *b"\xa1\xdc\xab\x8c\x47\xa9\xcf\x11\x8e\xe4\x00\xc0\x0c\x20\x53\x65";
/// Commands that a player obeys while it plays: open this page, fetch that codec.
const SCRIPT: [u8; 16] = *b"\x30\x1a\xfb\x1e\x62\x0b\xd0\x11\xa3\x9b\x00\xa0\xc9\x03\x48\xf6";
const ENCRYPTION: [[u8; 16]; 2] = [
    *b"\xfb\xb3\x11\x22\x23\xbd\xd2\x11\xb4\xb7\x00\xa0\xc9\x55\xfc\x6e",
    *b"\x14\xe6\x8a\x29\x22\x26\x17\x4c\xb9\x35\xda\xe0\x7e\xe9\x28\x9c",
];
const OBJECT_BYTES: u64 = 24;
/// Of the objects above, what stands before their content.
const HEADER_BYTES: u64 = 30;
const DATA_BYTES: u64 = 50;

/// The end of the last object.
pub(super) fn walk(walk: &mut Walk<'_, '_>) -> Result<u64, Stop> {
    let Some((HEADER, header_bytes)) = object(walk, 0)? else { return Err(cut_short()) };
    if header_bytes > walk.size {
        return Err(cut_short());
    }
    let (mut streams, mut live, mut at) = (false, false, HEADER_BYTES);
    while at < header_bytes {
        let Some((kind, length)) = object(walk, at)? else { break };
        match kind {
            STREAM => streams = true,
            // A broadcast: lengths were not known when they were written.
            FILE => live = walk.look(at + 88, 1)?.first().is_some_and(|flags| flags & 1 != 0),
            SCRIPT => return Err(Stop::active("commands that open pages while it plays")),
            kind if ENCRYPTION.contains(&kind) => return Err(Stop::encrypted()),
            _ => {}
        }
        at += length;
    }
    let (mut content, mut at) = (false, header_bytes);
    while at < walk.size {
        let Some((kind, length)) = object(walk, at)? else { break };
        let left = walk.left(at);
        let open = kind == DATA && (live || length == 0);
        if length > left && !open {
            return Err(cut_short());
        }
        let length = if open { left } else { length };
        content |= kind == DATA && length > DATA_BYTES;
        at += length;
    }
    if streams && content { Ok(at) } else { Err(nothing_recorded()) }
}

/// Kind and length of an object; `None` where none begins. Only the length of the film itself may be zero.
fn object(walk: &mut Walk<'_, '_>, at: u64) -> Result<Option<([u8; 16], u64)>, Stop> {
    let head = walk.look(at, 24)?;
    let (Some(kind), Some(length)) = (head.first_chunk::<16>(), head.get(16..24)) else { return Ok(None) };
    let length = little_endian(length);
    if foreign::stands_at(&head) {
        return Ok(None);
    }
    Ok((length >= OBJECT_BYTES || *kind == DATA && length == 0).then_some((*kind, length)))
}
