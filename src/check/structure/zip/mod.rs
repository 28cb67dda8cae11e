//! Zip archives, and the zip under Office documents.
//!
//! One parser judges what every other parser must read the same way: headers agree with the directory, entries lie
//! side by side from the first byte, the directory ends the file. Then every member is inflated and counted, and what
//! is inside it is judged by the same rules.

mod end;
mod fields;
mod member;
mod names;
mod unpacked;

use std::io::{BufReader, Read, SeekFrom};

use ::zip::result::ZipError;
use ::zip::{CompressionMethod, ZipArchive};

use super::budget::Budget;
use super::refuse::Stop;
use super::{Source, office, open_document};
use crate::evidence::Reason;
use unpacked::Unpacked;

pub(super) use end::{has_an_end, refuse_appended};
pub(super) use member::{Nesting, check_member, check_member_name};
pub(super) use names::Names;

/// A zip over whatever can be read anywhere.
pub(super) type Archive<'s> = ZipArchive<BufReader<&'s mut dyn Source>>;

/// A `.zip` that someone uploads.
pub(super) fn check_archive(source: &mut dyn Source, size: u64, budget: &mut Budget<'_>) -> Result<(), Stop> {
    budget.start_listing();
    let mut archive = open(source, size, budget)?;
    if office::main_part_of(&archive).is_some() {
        return Err(Stop::refuse(
            Reason::TypeMismatch,
            "The content is an Office document, not a zip; give the file its own ending back.",
        ));
    }
    walk(&mut archive, "", Nesting::archive(), budget)?;
    budget.any_file()
}

/// Pages and Keynote: a zip of which one entry tells.
pub(super) fn check_iwork(source: &mut dyn Source, size: u64, budget: &mut Budget<'_>) -> Result<(), Stop> {
    let mut archive = open(source, size, budget)?;
    let known =
        ["Index/Document.iwa", "Index.zip", "index.xml", "index.xml.gz", "index.apxl", "index.apxl.gz"];
    if !known.into_iter().any(|name| archive.index_for_name(name).is_some()) {
        return Err(Stop::refuse(
            Reason::TypeMismatch,
            "The content is no Pages or Keynote document; export the work as PDF and upload that.",
        ));
    }
    walk(&mut archive, "", Nesting::document(), budget)
}

/// A zip, whatever is in it: nested, or beneath a document.
pub(super) fn check_nested(
    source: &mut dyn Source,
    size: u64,
    path: &str,
    nesting: Nesting,
    budget: &mut Budget<'_>,
) -> Result<(), Stop> {
    let mut archive = open(source, size, budget)?;
    if office::main_part_of(&archive).is_some() {
        budget.take_file();
        let nesting = nesting.into_document(budget)?;
        office::check_parts(&mut archive, budget)?;
        return walk(&mut archive, path, nesting, budget);
    }
    if open_document::is_one(&archive) {
        budget.take_file();
        let nesting = nesting.into_document(budget)?;
        open_document::check_parts(&mut archive, budget)?;
        return walk(&mut archive, path, nesting, budget);
    }
    walk(&mut archive, path, nesting.into_archive(budget)?, budget)
}

/// Opens a zip that every parser reads the same way.
pub(super) fn open<'s>(
    source: &'s mut dyn Source,
    size: u64,
    budget: &mut Budget<'_>,
) -> Result<Archive<'s>, Stop> {
    let end = end::find(source, size)?;
    budget.take_entries(end.entries)?;
    // Attack: a directory of gigabytes, which every parser holds in memory.
    if end.directory_bytes > budget.limits.directory_bytes {
        return Err(Stop::unsafe_archive("its table of contents is too large"));
    }
    fields::check(source, &end)?;
    source.seek(SeekFrom::Start(0))?;
    let mut archive = ZipArchive::new(BufReader::with_capacity(16 << 10, source)).map_err(broken)?;
    // Attack: another end record, with another directory, for another parser.
    if archive.len() as u64 != end.entries {
        return Err(Stop::unsafe_archive("its table of contents names a file twice or contradicts itself"));
    }
    // Attack: a program in front of the archive, which a double click starts.
    if archive.offset() != 0 {
        return Err(Stop::unsafe_archive("something stands before its first file"));
    }
    // Attacks: local headers that name other files than the directory does, files the directory does not name,
    // entries that share bytes (a bomb without nesting).
    archive.validate_header_consistency().map_err(|error| match error {
        ZipError::Io(_) => Stop::corrupt("The archive is cut short."),
        error => Stop::unsafe_archive(format_args!("its headers contradict each other ({error})")),
    })?;
    Ok(archive)
}

fn broken(error: ZipError) -> Stop {
    match error {
        ZipError::UnsupportedArchive(what) => {
            Stop::unsafe_archive(format_args!("it uses what few programs can read ({what})"))
        }
        _ => Stop::corrupt("The archive cannot be read."),
    }
}

/// Inflates and judges every member.
pub(super) fn walk(
    archive: &mut Archive<'_>,
    path: &str,
    nesting: Nesting,
    budget: &mut Budget<'_>,
) -> Result<(), Stop> {
    let mut names = Names::default();
    for index in 0..archive.len() {
        budget.in_time()?;
        let name = check_entry(archive, index, &mut names)?;
        let packed = archive.by_index_raw(index).map_err(broken)?;
        let (is_folder, told) = (packed.is_dir(), packed.size());
        let mut member = Unpacked::new(packed);
        if is_folder {
            // Attack: a folder that has content. (Some programs deflate the nothing in it.)
            if told > 0 || member.read(&mut [0])? > 0 {
                return Err(Stop::unsafe_archive(format_args!("its folder {name} holds bytes")));
            }
            member.fills_its_place()?;
            continue;
        }
        let full = if path.is_empty() { name } else { format!("{path}/{name}") };
        let size = check_member(&mut member, &full, nesting, budget).map_err(|stop| stop.inside(&full))?;
        member.fills_its_place()?;
        budget.list(&full, size);
    }
    Ok(())
}

/// What the directory says of an entry, before a byte of it is read. Returns its name.
fn check_entry(archive: &Archive<'_>, index: usize, names: &mut Names) -> Result<String, Stop> {
    let entry = archive.by_index_data(index).map_err(broken)?;
    let name = entry.name().map_err(broken)?.into_owned();
    names.check(&name)?;
    // Attack: a member that is a link to a file of whoever unpacks. Devices and pipes are no work either.
    let kind = entry.unix_mode().unwrap_or(0) & 0o170_000;
    if entry.is_symlink() || !matches!(kind, 0 | 0o100_000 | 0o040_000) {
        return Err(Stop::unsafe_archive(format_args!("{name} is a link or device, not a file")));
    }
    if entry.encrypted() {
        return Err(Stop::refuse(
            Reason::Encrypted,
            format!("The archive needs a password for {name}; make it again without one."),
        ));
    }
    // Attack: a method that the scanner cannot unpack and passes over without a word.
    if !matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
        return Err(Stop::unsafe_archive(format_args!("{name} is compressed in an unusual way")));
    }
    Ok(name)
}

/// One part of a document.
pub(super) fn part<'a>(archive: &'a mut Archive<'_>, index: usize) -> Result<impl Read + 'a, Stop> {
    archive.by_index(index).map_err(broken)
}

/// One part of a document, whole: bounded by `xml_bytes`.
pub(super) fn read_part(
    archive: &mut Archive<'_>,
    index: usize,
    budget: &mut Budget<'_>,
) -> Result<Vec<u8>, Stop> {
    let most = budget.limits.xml_bytes;
    let mut bytes = Vec::new();
    part(archive, index)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(Stop::unsafe_archive("one part of the document is too large"));
    }
    budget.take_inflated(bytes.len() as u64)?;
    Ok(bytes)
}

#[cfg(test)]
pub(super) mod tests;
