//! Matroska and WebM: elements of EBML, each with an id and a length, some of which hold others.

use super::{Walk, big_endian, cut_short, nothing_recorded};
use crate::check::structure::foreign;
use crate::check::structure::refuse::Stop;

const EBML: u64 = 0x1a45_dfa3;
const SEGMENT: u64 = 0x1853_8067;
const TRACKS: u64 = 0x1654_ae6b;
const CLUSTER: u64 = 0x1f43_b675;
const ATTACHMENTS: u64 = 0x1941_a469;
const ATTACHED_FILE: u64 = 0x61a7;
const ATTACHED_DATA: u64 = 0x465c;

/// Other elements of the levels that are walked.
const OTHERS: &[u64] = &[
    // Void, checksum, contents, description, chapters, index, tags
    0xec,
    0xbf,
    0x114d_9b74,
    0x1549_a966,
    0x1043_a770,
    0x1c53_bb6b,
    0x1254_c367,
    // of a cluster: times, blocks, silent tracks
    0xe7,
    0xa7,
    0xab,
    0xa3,
    0xa0,
    0xaf,
    0x5854,
    // of an attachment: its description, name, type and number
    0x467e,
    0x466e,
    0x4660,
    0x46ae,
];

/// An element: its id, where its content begins, and its length unless that was left open.
struct Element {
    id: u64,
    content: u64,
    length: Option<u64>,
}

/// The end of the last element.
pub(super) fn walk(walk: &mut Walk<'_, '_>) -> Result<u64, Stop> {
    let (mut tracks, mut clusters, mut live, mut at) = (false, false, false, 0);
    while at < walk.size {
        let Some(element) = find(walk, at)? else { break };
        let left = walk.left(element.content);
        let cut = element.length.is_some_and(|length| length > left);
        let into = match element.id {
            SEGMENT => {
                live = element.length.is_none();
                if cut {
                    return Err(cut_short());
                }
                true
            }
            CLUSTER => {
                clusters |= left > 0 && element.length != Some(0);
                element.length.is_none()
            }
            ATTACHMENTS | ATTACHED_FILE => true,
            ATTACHED_DATA => {
                // Attack: a program carried by a film. Covers and fonts of subtitles stay.
                if foreign::begins_foreign(&walk.look(element.content, 16)?) {
                    return Err(Stop::active("an attached file that is no picture or font"));
                }
                false
            }
            TRACKS => {
                tracks = true;
                false
            }
            EBML => false,
            id if OTHERS.contains(&id) => false,
            _ => break,
        };
        at = match element.length {
            _ if into => element.content,
            Some(length) if length <= left => element.content + length,
            // What was being written when a live recording broke off.
            Some(_) if live => walk.size,
            _ => return Err(cut_short()),
        };
    }
    if tracks && clusters { Ok(at) } else { Err(nothing_recorded()) }
}

/// `None` where no element begins.
fn find(walk: &mut Walk<'_, '_>, at: u64) -> Result<Option<Element>, Stop> {
    let head = walk.look(at, 12)?;
    let width = |bytes: &[u8]| bytes.first().map_or(9, |byte| byte.leading_zeros() as usize + 1);
    let id_width = width(&head);
    if id_width > 4 || head.len() < id_width {
        return Ok(None);
    }
    let (id, rest) = head.split_at(id_width);
    let length_width = width(rest);
    if length_width > 8 {
        return Ok(None);
    }
    let Some(length) = rest.get(..length_width) else { return Ok(None) };
    // The first bit set tells the width; all others set, that the length was left open.
    let all = (1_u64 << (7 * length_width)) - 1;
    let length = big_endian(length) & all;
    Ok(Some(Element {
        id: big_endian(id),
        content: at + (id_width + length_width) as u64,
        length: (length != all).then_some(length),
    }))
}
