//! The end of a zip, found by rules that leave no choice: the last end record there is, and it ends the file.

use super::super::Source;
use super::super::refuse::Stop;
use super::super::view::{read_some, read_tail};

const END: &[u8] = b"PK\x05\x06";
const END_BYTES: usize = 22;
const LOCATOR: &[u8] = b"PK\x06\x07";
const LOCATOR_BYTES: u64 = 20;
const END_64: &[u8] = b"PK\x06\x06";
/// The first line of a directory.
const DIRECTORY: &[u8] = b"PK\x01\x02";
/// The longest comment has 65,535 bytes.
const TAIL: u64 = 65_535 + END_BYTES as u64;

/// What the end record says of the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) entries: u64,
    pub(super) directory_start: u64,
    pub(super) directory_bytes: u64,
}

/// Reads it before any parser allocates by it.
pub(super) fn find(source: &mut dyn Source, size: u64) -> Result<End, Stop> {
    let (from, tail) = read_tail(source, size, TAIL)?;
    let at = last_end(&tail).ok_or_else(|| Stop::corrupt("The archive is cut short."))?;
    let record = &tail[at..];
    // Attack: bytes after the archive, or a second end inside the comment, even one cut short, for a parser that looks
    // elsewhere.
    let another = record[END.len()..].windows(END.len()).any(|window| window == END);
    if another || record.len() != END_BYTES + usize::from(u16_at(record, 20)) {
        return Err(Stop::unsafe_archive("something stands after its end"));
    }
    let (disk, directory_disk) = (u16_at(record, 4), u16_at(record, 6));
    let mut end = End {
        entries: u16_at(record, 10).into(),
        directory_start: u32_at(record, 16).into(),
        directory_bytes: u32_at(record, 12).into(),
    };
    let start = from + at as u64;
    let mut record_start = start;
    if let Some(locator_at) = start.checked_sub(LOCATOR_BYTES) {
        let locator = read_some(source, locator_at, 20)?;
        if locator.starts_with(LOCATOR) && locator.len() == 20 {
            record_start = u64_at(&locator, 8);
            let wide = find_64(source, record_start, locator_at)?;
            // Attack: a short end that tells of another directory. Some readers take the wide one only where the
            // short one sends them to it.
            let told = [
                (end.entries, wide.entries, u64::from(u16::MAX)),
                (end.directory_start, wide.directory_start, u32::MAX.into()),
                (end.directory_bytes, wide.directory_bytes, u32::MAX.into()),
            ];
            if told.iter().any(|&(short, wide, sent)| short != wide && short != sent) {
                return Err(Stop::unsafe_archive("its end contradicts itself"));
            }
            end = wide;
        }
    }
    let split = !matches!(disk, 0 | 0xffff) || !matches!(directory_disk, 0 | 0xffff);
    if split {
        return Err(Stop::unsafe_archive("it is one part of several"));
    }
    // Attack: another end, or another directory, between the directory and its end.
    if end.directory_start.checked_add(end.directory_bytes) != Some(record_start) {
        return Err(Stop::unsafe_archive(
            "its table of contents is not where it says, or something stands before it",
        ));
    }
    Ok(end)
}

/// Whether there is an end to go by.
pub(in super::super) fn has_an_end(source: &mut dyn Source, size: u64) -> bool {
    find(source, size).is_ok()
}

/// The 64-bit end record at `at`, which its locator at `locator_at` must follow.
fn find_64(source: &mut dyn Source, at: u64, locator_at: u64) -> Result<End, Stop> {
    let record = read_some(source, at, 56)?;
    let record_bytes = u64_at(&record, 4).saturating_add(12);
    let adjoins = at.checked_add(record_bytes) == Some(locator_at);
    if record.len() != 56 || !record.starts_with(END_64) || !adjoins {
        return Err(Stop::unsafe_archive("its end contradicts itself"));
    }
    Ok(End {
        entries: u64_at(&record, 32),
        directory_start: u64_at(&record, 48),
        directory_bytes: u64_at(&record, 40),
    })
}

/// Attack: a zip behind a picture or document, which opens as either. Programs find it by any end record that their
/// search comes to, whatever stands behind.
///
/// `holds_zips`: the content may have zips in it, one near its end, so only one that ends with the file is refused.
pub(in super::super) fn refuse_appended(
    source: &mut dyn Source,
    size: u64,
    holds_zips: bool,
) -> Result<(), Stop> {
    let (from, tail) = read_tail(source, size, TAIL)?;
    for at in ends(&tail) {
        let record = &tail[at..];
        let reaches_end = record.len() == END_BYTES + usize::from(u16_at(record, 20));
        if u16_at(record, 10) == 0 || (holds_zips && !reaches_end) {
            continue;
        }
        // Where it says, counted from the file's start, or right before it.
        let told = u64::from(u32_at(record, 16));
        let adjoining = (from + at as u64).saturating_sub(u32_at(record, 12).into());
        let locator = at.checked_sub(LOCATOR_BYTES as usize);
        let mut names_files = locator.is_some_and(|at| tail[at..].starts_with(LOCATOR));
        for directory in [told, adjoining] {
            names_files |= read_some(source, directory, DIRECTORY.len())? == DIRECTORY;
        }
        if names_files {
            return Err(Stop::refuse(
                crate::evidence::Reason::TypeMismatch,
                "An archive is hidden behind the content; save the work again and upload it.",
            ));
        }
    }
    Ok(())
}

fn last_end(tail: &[u8]) -> Option<usize> {
    ends(tail).next()
}

/// Where end records may begin, the last first.
fn ends(tail: &[u8]) -> impl Iterator<Item = usize> {
    let places = tail.len().saturating_sub(END_BYTES - 1);
    (0..places).rev().filter(|&at| tail[at..].starts_with(END))
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|b| b.try_into().ok()).map_or(0, u16::from_le_bytes)
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}
