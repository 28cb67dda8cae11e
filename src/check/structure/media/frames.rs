//! Streams without a container: frames or packets, each of which tells its own length. MP3 and AAC with their tags,
//! AMR, MPEG transport and program streams.
//!
//! Players find the next frame behind a gap, so gaps are let pass, as long as there is more stream than gap.

use super::{Walk, big_endian, cut_short, little_endian, nothing_recorded};
use crate::check::structure::foreign;
use crate::check::structure::refuse::Stop;
use crate::check::structure::view::read_some;

/// Kinds of streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Stream {
    /// MP3 and its elders, and AAC: they look alike.
    Audio,
    /// AMR, of telephones.
    Speech,
    /// MPEG transport stream, of cameras and broadcasts.
    Transport,
    /// MPEG program stream, or video alone.
    Program,
}

/// Length of the frame that begins with these bytes; `None` where none does.
type Length = fn(&[u8]) -> Option<u64>;

/// The longest frame there is, bytes, and what is read of it.
const LONGEST: usize = 65_541;
const HEAD: usize = 16;
/// How far behind a gap the next frame is looked for.
const FARTHEST: usize = 1 << 20;

/// The end of the last frame, tags behind it included.
pub(super) fn walk(walk: &mut Walk<'_, '_>, stream: Stream) -> Result<u64, Stop> {
    let size = walk.size;
    let head = read_some(walk.source, 0, HEAD)?;
    let (from, to, length): (u64, u64, Length) = match stream {
        Stream::Audio if head.starts_with(b"ADIF") => return Ok(size),
        Stream::Audio => (behind_tags(walk)?, before_tags(walk)?, audio),
        Stream::Speech if head.starts_with(b"#!AMR-WB\n") => (9, size, wide_speech),
        Stream::Speech => (6, size, speech),
        Stream::Transport => (0, size, transport(walk)?),
        Stream::Program if head.first() == Some(&0x47) => (0, size, transport(walk)?),
        Stream::Program if head.starts_with(b"\0\0\x01\xba") => (0, size, program),
        Stream::Program => return video(walk),
    };
    if from >= to {
        return Err(nothing_recorded());
    }
    let mut window = Window { walk, from: 0, bytes: Vec::new() };
    let (mut at, mut end, mut frames, mut lost) = (from, from, 0_u64, 0);
    while at < to {
        let bytes = window.at(at)?;
        if let Some(length) = length(bytes) {
            // Of a program stream, what only tells of the others.
            let header = matches!(bytes, [0, 0, 1, 0xb9..=0xbb, ..]);
            frames += u64::from(!header);
            // The last one may be cut.
            at = to.min(at + length);
            end = at;
            continue;
        }
        if foreign::stands_at(&bytes[..bytes.len().min(HEAD)]) {
            break;
        }
        let Some(next) = behind_gap(&mut window, at, to, length)? else { break };
        lost += next - at;
        at = next;
    }
    if frames < 2 {
        return Err(nothing_recorded());
    }
    if lost > end - from - lost {
        return Err(Stop::corrupt("Most of it cannot be played."));
    }
    Ok(if end == to { size } else { end })
}

/// The next place where a frame begins that another follows.
fn behind_gap(
    window: &mut Window<'_, '_, '_>,
    gap: u64,
    to: u64,
    length: Length,
) -> Result<Option<u64>, Stop> {
    for place in gap + 1..to.min(gap + FARTHEST as u64) {
        let bytes = window.at(place)?;
        let Some(frame) = length(bytes) else { continue };
        let followed = usize::try_from(frame).ok().and_then(|frame| bytes.get(frame..)).and_then(length);
        if followed.is_some() || place + frame == to {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

/// A piece of the file that moves with the walk.
struct Window<'w, 'a, 'b> {
    walk: &'w mut Walk<'a, 'b>,
    from: u64,
    bytes: Vec<u8>,
}

impl Window<'_, '_, '_> {
    const BYTES: usize = 256 << 10;

    /// Bytes from `at` on, enough for the longest frame and the head of the next; fewer at the end of the file.
    fn at(&mut self, at: u64) -> Result<&[u8], Stop> {
        let within = |from: u64| at.checked_sub(from).and_then(|skip| usize::try_from(skip).ok());
        let enough = |skip: usize| skip + LONGEST + HEAD <= self.bytes.len();
        let last = self.from + self.bytes.len() as u64 >= self.walk.size && !self.bytes.is_empty();
        if !within(self.from).is_some_and(|skip| enough(skip) || last) {
            self.walk.budget.in_time()?;
            self.bytes = read_some(self.walk.source, at, Self::BYTES)?;
            self.from = at;
        }
        Ok(within(self.from).and_then(|skip| self.bytes.get(skip..)).unwrap_or_default())
    }
}

/// Behind ID3 tags, which hold a title and a cover.
fn behind_tags(walk: &mut Walk<'_, '_>) -> Result<u64, Stop> {
    let mut at = 0;
    loop {
        let head = walk.look(at, 10)?;
        if !head.starts_with(b"ID3") || head.len() < 10 {
            return Ok(at);
        }
        // Seven bits of each byte; a flag tells of a footer.
        let length = head[6..10].iter().fold(0, |sum, &byte| sum << 7 | u64::from(byte & 0x7f));
        at += 10 + length + if head[5] & 0x10 == 0 { 0 } else { 10 };
        if at > walk.size {
            return Err(cut_short());
        }
    }
}

/// Before the tags that may stand at the end: ID3 of the first version, APE, lyrics; each once.
fn before_tags(walk: &mut Walk<'_, '_>) -> Result<u64, Stop> {
    let mut end = walk.size;
    for _ in 0..3 {
        let from = end.saturating_sub(128);
        let tail = walk.look(from, 128)?;
        let (tail, _) = tail.split_at(usize::try_from(end - from).unwrap_or(0).min(tail.len()));
        let back = |from_end: usize| tail.len().checked_sub(from_end).map(|at| &tail[at..]);
        let tag = if tail.len() == 128 && tail.starts_with(b"TAG") {
            128
        } else if let Some(foot) = back(32).filter(|foot| foot.starts_with(b"APETAGEX")) {
            let header = if foot[23] & 0x80 == 0 { 0 } else { 32 };
            little_endian(&foot[12..16]) + header
        } else if let Some(foot) = back(15).filter(|foot| foot.ends_with(b"LYRICS200")) {
            let digits = std::str::from_utf8(&foot[..6]).ok();
            digits.and_then(|digits| digits.parse::<u64>().ok()).unwrap_or(0) + 15
        } else {
            return Ok(end);
        };
        end = end.checked_sub(tag).ok_or_else(cut_short)?;
    }
    Ok(end)
}

/// Kilobits a second, by version and layer, then by number.
const RATES: [[u16; 14]; 5] = [
    [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

fn audio(head: &[u8]) -> Option<u64> {
    let &[0xff, second, third, fourth, fifth, sixth, ..] = head else { return None };
    if second & 0xe0 != 0xe0 {
        return None;
    }
    let (version, layer) = (second >> 3 & 3, second >> 1 & 3);
    if layer == 0 {
        // AAC: a longer mark, thirteen bits of length.
        let length = u64::from(fourth & 3) << 11 | u64::from(fifth) << 3 | u64::from(sixth) >> 5;
        let fits = second & 0xf0 == 0xf0 && third >> 2 & 0x0f < 13 && length > 7;
        return fits.then_some(length);
    }
    let rates = match (version, layer) {
        (3, 3) => RATES[0],
        (3, 2) => RATES[1],
        (3, 1) => RATES[2],
        (0 | 2, 3) => RATES[3],
        (0 | 2, _) => RATES[4],
        _ => return None,
    };
    let rate = u64::from(*rates.get(usize::from(third >> 4).checked_sub(1)?)?) * 1000;
    let samples = u64::from(*[44_100_u32, 48_000, 32_000].get(usize::from(third >> 2 & 3))?);
    let samples = samples >> [2, 0, 1, 0][usize::from(version)];
    let padding = u64::from(third >> 1 & 1);
    Some(match (version, layer) {
        (_, 3) => (12 * rate / samples + padding) * 4,
        (0 | 2, 1) => 72 * rate / samples + padding,
        _ => 144 * rate / samples + padding,
    })
}

/// Bytes of a frame of AMR, by its kind.
const SPEECH: [u64; 9] = [13, 14, 16, 18, 20, 21, 27, 32, 6];
const WIDE_SPEECH: [u64; 10] = [18, 24, 33, 37, 41, 47, 51, 59, 61, 6];

fn speech(head: &[u8]) -> Option<u64> {
    speech_of(head, &SPEECH)
}

fn wide_speech(head: &[u8]) -> Option<u64> {
    speech_of(head, &WIDE_SPEECH)
}

fn speech_of(head: &[u8], lengths: &[u64]) -> Option<u64> {
    let first = *head.first()?;
    let kind = usize::from(first >> 3 & 0x0f);
    // The last two kinds are frames that were lost on the way.
    let length = if kind >= 14 { Some(1) } else { lengths.get(kind).copied() };
    length.filter(|_| first & 0x83 == 0 && first != 0)
}

/// Packets of 188 bytes; cameras put a time before each, broadcasts a checksum behind.
fn transport(walk: &mut Walk<'_, '_>) -> Result<Length, Stop> {
    let plain: Length = |head| (head.first() == Some(&0x47)).then_some(188);
    let timed: Length = |head| (head.get(4) == Some(&0x47)).then_some(192);
    let checked: Length = |head| (head.first() == Some(&0x47)).then_some(204);
    let start = walk.look(0, 1024)?;
    for (length, bytes) in [(plain, 188), (timed, 192), (checked, 204)] {
        if start.chunks(bytes).filter(|packet| packet.len() > 4).all(|packet| length(packet).is_some()) {
            return Ok(length);
        }
    }
    Err(Stop::corrupt("It cannot be played."))
}

/// Packets of an MPEG program stream, by their start codes.
fn program(head: &[u8]) -> Option<u64> {
    match head {
        [0, 0, 1, 0xba, first, rest @ ..] if first >> 6 == 1 => Some(14 + u64::from(rest.get(8)? & 7)),
        [0, 0, 1, 0xba, first, ..] if first >> 4 == 2 => Some(12),
        [0, 0, 1, 0xb9, ..] => Some(4),
        [0, 0, 1, 0xbb..=0xff, high, low, ..] => Some(6 + big_endian(&[*high, *low])),
        _ => None,
    }
}

/// Video alone has start codes but no lengths: pictures must begin near its first and its last byte.
fn video(walk: &mut Walk<'_, '_>) -> Result<u64, Stop> {
    let (mut pictures, mut end) = (true, walk.size);
    for from in [0, walk.size.saturating_sub(FARTHEST as u64)] {
        let bytes = walk.look(from, FARTHEST)?;
        let codes = || bytes.windows(4).enumerate().filter(|(_, at)| at.starts_with(&[0, 0, 1]));
        pictures &= codes().any(|(_, at)| at[3] < 0xb0);
        // The code that ends it, if it has one.
        end = codes().rfind(|(_, at)| at[3] == 0xb7).map_or(end, |(at, _)| from + at as u64 + 4);
    }
    if pictures { Ok(end) } else { Err(nothing_recorded()) }
}
