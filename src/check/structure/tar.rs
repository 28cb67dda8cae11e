//! Tar archives, and gzip around them or around one file.
//!
//! Entries are read raw: extensions that change a name or a size are interpreted here, by rules that leave no choice,
//! and their length is bounded.

use std::io::{self, BufRead, BufReader, Cursor, Read, SeekFrom};

use ::tar::{Archive, EntryType, Header};
use flate2::bufread::MultiGzDecoder;

use super::Source;
use super::budget::Budget;
use super::refuse::Stop;
use super::zip::{Names, Nesting, check_member, check_member_name};
use crate::evidence::Reason;

/// Longest extension entry (long name, PAX records), bytes.
const EXTENSION_BYTES: u64 = 64 << 10;
const BLOCK: usize = 512;

/// A `.gz`, `.tgz` or `.tar.gz` that someone uploads.
pub(super) fn check_gzip(
    source: &mut dyn Source,
    extension: &str,
    budget: &mut Budget<'_>,
) -> Result<(), Stop> {
    budget.start_listing();
    let start = start_of_gzip(source)?;
    if start.is_empty() || (extension != "gz" && is_blank(&start)) {
        return Err(Stop::empty_archive());
    }
    if extension != "gz" && !is_tar(&start) {
        return Err(Stop::refuse(
            Reason::TypeMismatch,
            format!("There is no tar archive in this .{extension}; make it again."),
        ));
    }
    gunzip(source, "content", Nesting::outermost(), budget)?;
    budget.any_file()
}

/// A `.tar` that someone uploads.
pub(super) fn check_tar(source: &mut dyn Source, budget: &mut Budget<'_>) -> Result<(), Stop> {
    budget.start_listing();
    walk(source, "", Nesting::archive(), budget)?;
    budget.any_file()
}

/// Whether these bytes begin a tar archive: the checksum of the first header, which even the oldest have.
pub(super) fn is_tar(head: &[u8]) -> bool {
    let Some(header) = head.get(..BLOCK) else { return false };
    let told = std::str::from_utf8(&header[148..156]).ok();
    let told = told.and_then(|text| u32::from_str_radix(text.trim_matches(['\0', ' ']), 8).ok());
    let sum: u32 = header
        .iter()
        .enumerate()
        .map(|(at, &byte)| if (148..156).contains(&at) { u32::from(b' ') } else { u32::from(byte) })
        .sum();
    told == Some(sum)
}

/// Whether these bytes begin a tar archive of nothing, which is two blocks of zeros at least.
pub(super) fn is_blank(head: &[u8]) -> bool {
    head.get(..BLOCK).is_some_and(|block| block.iter().all(|&byte| byte == 0))
}

fn start_of_gzip(source: &mut dyn Source) -> Result<Vec<u8>, Stop> {
    source.seek(SeekFrom::Start(0))?;
    let mut start = Vec::new();
    MultiGzDecoder::new(BufReader::new(source)).take(BLOCK as u64).read_to_end(&mut start)?;
    Ok(start)
}

/// The one file in a gzip, judged like a member of an archive.
pub(super) fn gunzip(
    source: &mut dyn Source,
    path: &str,
    nesting: Nesting,
    budget: &mut Budget<'_>,
) -> Result<(), Stop> {
    source.seek(SeekFrom::Start(0))?;
    let mut content = MultiGzDecoder::new(BufReader::new(source));
    let inner = path.strip_suffix(".gz").unwrap_or(path);
    let mut head = Vec::new();
    (&mut content).take(BLOCK as u64).read_to_end(&mut head)?;
    let is_tar = is_tar(&head);
    let mut content = Counting { stream: Cursor::new(head).chain(content), read: 0 };
    let size = if is_tar {
        check_member_name(inner.rsplit('/').next().unwrap_or(inner), budget.programs)?;
        walk_stream(&mut content, inner, nesting.into_archive(budget)?, budget)?;
        content.read
    } else {
        check_member(&mut content, inner, nesting, budget)?
    };
    if is_tar && nesting == Nesting::outermost() {
        budget.around_members(size);
    }
    budget.list(inner, size);
    Ok(())
}

/// Knows how many bytes went through.
struct Counting<R> {
    stream: R,
    read: u64,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        self.read += read as u64;
        Ok(read)
    }
}

/// Every entry of a tar.
pub(super) fn walk(
    source: &mut dyn Source,
    path: &str,
    nesting: Nesting,
    budget: &mut Budget<'_>,
) -> Result<(), Stop> {
    source.seek(SeekFrom::Start(0))?;
    walk_stream(source, path, nesting, budget)
}

fn walk_stream(
    stream: &mut (impl Read + ?Sized),
    path: &str,
    nesting: Nesting,
    budget: &mut Budget<'_>,
) -> Result<(), Stop> {
    let mut archive = Archive::new(BufReader::new(stream));
    let (mut names, mut long_name, mut count) = (Names::default(), None::<String>, 0);
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        check_size(&entry.header().as_old().size)?;
        check_prefix(entry.header())?;
        count += 1;
        budget.take_entries(1)?;
        if count > budget.limits.layer_entries {
            return Err(Stop::unsafe_archive("it holds too many files"));
        }
        match entry.header().entry_type() {
            EntryType::GNULongName => {
                let name = read_extension(&mut entry)?;
                long_name = Some(text(name.strip_suffix(&[0]).unwrap_or(&name))?);
            }
            EntryType::XHeader => long_name = pax_name(&read_extension(&mut entry)?)?.or(long_name),
            EntryType::XGlobalHeader => {
                if pax_name(&read_extension(&mut entry)?)?.is_some() {
                    return Err(Stop::unsafe_archive("it renames all its files"));
                }
            }
            EntryType::Directory => {
                let name = name_of(&entry, long_name.take())?;
                // Attack: what no program unpacks and nothing looks at.
                if entry.size() > 0 {
                    return Err(Stop::unsafe_archive(format_args!("its folder {name} holds bytes")));
                }
                if !name.is_empty() {
                    names.check(&name)?;
                }
            }
            EntryType::Regular | EntryType::Continuous => {
                let name = name_of(&entry, long_name.take())?;
                names.check(&name)?;
                let full = if path.is_empty() { name } else { format!("{path}/{name}") };
                let size =
                    check_member(&mut entry, &full, nesting, budget).map_err(|stop| stop.inside(&full))?;
                budget.list(&full, size);
            }
            // Attack: links and devices that lead out of the folder it is unpacked to; sparse files that inflate.
            _ => return Err(Stop::unsafe_archive("it holds a link, a device or a sparse file")),
        }
    }
    refuse_appended(archive.into_inner(), budget)
}

/// Attack: bytes after the end that others read on into: another tar, a zip, which is found by its own end.
fn refuse_appended(mut rest: impl BufRead, budget: &mut Budget<'_>) -> Result<(), Stop> {
    loop {
        let piece = rest.fill_buf()?;
        if piece.is_empty() {
            return Ok(());
        }
        if piece.iter().any(|&byte| byte != 0) {
            return Err(Stop::unsafe_archive("something stands after its end"));
        }
        let length = piece.len();
        rest.consume(length);
        budget.take_inflated(length as u64)?;
    }
}

/// Octal digits, or a large number after 0x80.
///
/// Attack: a size that programs read in different ways, so that the next header is elsewhere for each.
fn check_size(field: &[u8; 12]) -> Result<(), Stop> {
    let digits = field.split(|&byte| byte == 0).next().unwrap_or_default().trim_ascii();
    let plain = digits.iter().all(|byte| matches!(byte, b'0'..=b'7'));
    if plain || field.starts_with(&[0x80, 0, 0, 0]) {
        Ok(())
    } else {
        Err(Stop::corrupt("A header in the archive cannot be read."))
    }
}

/// Attack: a folder before the name (`../..`), which the standard has in one kind of header, and some programs read in
/// all.
fn check_prefix(header: &Header) -> Result<(), Stop> {
    if header.as_ustar().is_some() || header.as_bytes()[345..500].iter().all(|&byte| byte == 0) {
        return Ok(());
    }
    Err(Stop::unsafe_archive("programs would not agree on its names"))
}

fn read_extension(entry: &mut impl Read) -> Result<Vec<u8>, Stop> {
    let mut bytes = Vec::new();
    entry.take(EXTENSION_BYTES + 1).read_to_end(&mut bytes)?;
    // Attack: a name of gigabytes.
    if bytes.len() as u64 > EXTENSION_BYTES {
        return Err(Stop::unsafe_archive("a name in it is too long"));
    }
    Ok(bytes)
}

fn text(bytes: &[u8]) -> Result<String, Stop> {
    let text = std::str::from_utf8(bytes).map_err(|_| Stop::unsafe_archive("a name in it is not UTF-8"))?;
    Ok(text.to_owned())
}

/// The entry's name without the `./` that `tar` puts before everything.
fn name_of<R: Read>(entry: &::tar::Entry<'_, R>, long: Option<String>) -> Result<String, Stop> {
    let name = match long {
        Some(name) => name,
        None => text(&entry.header().path_bytes())?,
    };
    let name = name.strip_prefix("./").unwrap_or(&name);
    Ok(if name == "." { String::new() } else { name.to_owned() })
}

/// The path in PAX records.
fn pax_name(mut records: &[u8]) -> Result<Option<String>, Stop> {
    let mut name = None;
    while !records.is_empty() {
        let Some((key, value, rest)) = pax_record(records) else {
            return Err(Stop::corrupt("A header in the archive cannot be read."));
        };
        records = rest;
        match key {
            b"path" => name = Some(text(value)?),
            // Attack: a size or link target that only some programs go by.
            key if key == b"size" || key == b"linkpath" || key.starts_with(b"GNU.sparse") => {
                return Err(Stop::unsafe_archive("its headers contradict each other"));
            }
            _ => {}
        }
    }
    Ok(name)
}

/// The key and value of the first record (`length key=value\n`), and what follows it. Only the length tells where it
/// ends: extended attributes of macOS are bytes of any kind, line ends too.
fn pax_record(records: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = records.iter().position(|&byte| byte == b' ')?;
    let digits = std::str::from_utf8(&records[..space]).ok()?;
    let length: usize = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
    let (record, rest) = records.split_at_checked(length)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|&byte| byte == b'=')?;
    Some((&record[..equals], &record[equals + 1..], rest))
}

#[cfg(test)]
mod tests;
