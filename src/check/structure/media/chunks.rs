//! RIFF and its elder AIFF: chunks, each with a name and a length. WAV (and RF64, for long ones), AVI, WebP.

use super::{Walk, big_endian, cut_short, little_endian, nothing_recorded};
use crate::check::structure::foreign;
use crate::check::structure::refuse::Stop;

/// What is written in chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Kind {
    Wave,
    Aiff,
    Avi,
    WebP,
}

impl Kind {
    /// What it cannot be played without, by any name: what describes the content, and the content.
    fn needed(self) -> [&'static [&'static [u8]]; 2] {
        match self {
            Self::Wave => [&[b"fmt "], &[b"data"]],
            Self::Aiff => [&[b"COMM"], &[b"SSND"]],
            Self::Avi => [&[b"hdrl"], &[b"movi"]],
            Self::WebP => [&[b"VP8 ", b"VP8L", b"VP8X"], &[b"VP8 ", b"VP8L", b"ANMF"]],
        }
    }
}

/// A length from here on was left open: no program writes it of a finished file that is shorter.
const OPEN: u64 = 0x7fff_0000;

/// The end of the last chunk.
pub(super) fn walk(walk: &mut Walk<'_, '_>, kind: Kind) -> Result<u64, Stop> {
    let number = if kind == Kind::Aiff { big_endian } else { little_endian };
    let [described, content] = kind.needed();
    let (mut is_described, mut has_content, mut long) = (false, false, None);
    let (mut whole, mut at) = (0, 0);
    while walk.left(at) >= 8 {
        let head = walk.look(at, 16)?;
        let (name, length) = (&head[..4], number(&head[4..8]));
        if foreign::stands_at(&head) || !name.iter().all(|byte| (b' '..=b'~').contains(byte)) {
            break;
        }
        // The whole, and what of a long film follows it.
        if matches!(name, b"RIFF" | b"RF64" | b"BW64" | b"FORM") {
            whole = at + 8 + length;
            at += 12;
            continue;
        }
        let name = if name == b"LIST" { head.get(8..12).unwrap_or_default() } else { name };
        let is_content = content.contains(&name);
        // RF64 tells the lengths that do not fit elsewhere.
        if name == b"ds64" {
            long = walk.look(at + 16, 8)?.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes));
        }
        let length = match (name, length, long) {
            (b"data", 0xffff_ffff, Some(long)) => long,
            _ => length,
        };
        let left = walk.left(at + 8);
        let open = is_content && (length == 0 || length >= OPEN && length > left);
        if length > left && !open {
            // Behind the whole, what looks like a chunk need not be one.
            if at >= whole {
                break;
            }
            return Err(cut_short());
        }
        let length = if open { left } else { length };
        is_described |= described.contains(&name);
        has_content |= is_content && length > 0;
        at += 8 + length;
        // The byte that makes a length even is zero, and forgotten by some.
        if length % 2 == 1 && walk.look(at, 1)? == [0] {
            at += 1;
        }
    }
    if is_described && has_content { Ok(at) } else { Err(nothing_recorded()) }
}
