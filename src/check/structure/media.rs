//! Audio and video: containers, walked from part to part to the end of the file.
//!
//! Nothing is decoded. What players play passes: parts nobody knows, lengths that a live recording left open, a last
//! packet that is cut, padding. What no player can play is corrupt: no table of contents where one is needed, a part
//! that ends behind the file, nothing but a header. What stands behind the end may not be something else.

mod asf;
mod boxes;
mod chunks;
mod flash;
mod frames;
mod matroska;
mod ogg;

use super::Source;
use super::budget::Budget;
use super::foreign;
use super::refuse::Stop;
use super::view::read_some;

/// The families of containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    /// MP4, QuickTime and their relatives.
    Boxes,
    /// Pictures in the boxes of MP4: HEIC.
    PictureBoxes,
    /// WAV, AVI, AIFF, WebP: chunks.
    Chunks(chunks::Kind),
    /// Matroska and WebM.
    Matroska,
    Ogg,
    /// Windows Media.
    Asf,
    Flash,
    /// A stream of frames or packets, without a container.
    Stream(frames::Stream),
}

pub(super) use chunks::Kind as ChunkKind;
pub(super) use frames::Stream;

/// Walks `size` bytes of this family.
pub(super) fn check(
    source: &mut dyn Source,
    size: u64,
    media: Media,
    budget: &Budget<'_>,
) -> Result<(), Stop> {
    let mut walk = Walk { source, size, budget, looks: 0 };
    let walked = match media {
        Media::Boxes => boxes::film(&mut walk)?,
        Media::PictureBoxes => boxes::picture(&mut walk)?,
        Media::Chunks(kind) => chunks::walk(&mut walk, kind)?,
        Media::Matroska => matroska::walk(&mut walk)?,
        Media::Ogg => ogg::walk(&mut walk)?,
        Media::Asf => asf::walk(&mut walk)?,
        Media::Flash => flash::walk(&mut walk)?,
        Media::Stream(stream) => frames::walk(&mut walk, stream)?,
    };
    let end = walked.min(size);
    foreign::refuse_behind(source, end, size)?;
    // Cameras take more room than they need, in zeros.
    if size - end > end && read_some(source, end, 512)?.iter().any(|&byte| byte != 0) {
        return Err(Stop::corrupt("Most of it cannot be played."));
    }
    Ok(())
}

/// Parts one walk looks at: a film of ten hours has some millions.
const MOST_LOOKS: u32 = 10_000_000;

/// A file that is looked at here and there, a bounded number of times.
struct Walk<'a, 'b> {
    source: &'a mut dyn Source,
    size: u64,
    budget: &'a Budget<'b>,
    looks: u32,
}

impl Walk<'_, '_> {
    /// As many bytes as there are at `at`, `most` at most.
    fn look(&mut self, at: u64, most: usize) -> Result<Vec<u8>, Stop> {
        self.budget.in_time()?;
        self.looks += 1;
        // Attack: a large file of parts without content.
        if self.looks > MOST_LOOKS {
            return Err(Stop::corrupt("It is in too many pieces."));
        }
        Ok(read_some(self.source, at, most)?)
    }

    /// Bytes from `at` to the end of the file.
    fn left(&self, at: u64) -> u64 {
        self.size.saturating_sub(at)
    }
}

fn cut_short() -> Stop {
    Stop::corrupt("The recording is cut short.")
}

fn nothing_recorded() -> Stop {
    Stop::corrupt("There is nothing recorded in it.")
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests;
