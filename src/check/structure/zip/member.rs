//! One member of an archive: inflated to its end and counted, then judged by what it is.

use std::io::{Cursor, Read, Seek, SeekFrom, Write};

use file_format::FileFormat;
use tempfile::SpooledTempFile;

use super::super::budget::Budget;
use super::super::refuse::Stop;
use super::super::{Source, compound, kind, pdf, rtf, seven_zip, tar};
use crate::check::name::EXECUTABLE;
use crate::evidence::{LINK_EXTENSIONS, Reason, extension_of};

/// How deep a member lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Nesting {
    archives: u32,
    documents: u32,
}

impl Nesting {
    /// Around the outermost archive: gzip before tar.
    pub(in super::super) fn outermost() -> Self {
        Self { archives: 0, documents: 0 }
    }

    /// Inside one archive.
    pub(in super::super) fn archive() -> Self {
        Self { archives: 1, documents: 0 }
    }

    /// Inside one document.
    pub(in super::super) fn document() -> Self {
        Self { archives: 0, documents: 1 }
    }

    /// Attack: archives in archives until the scanner gives up looking.
    pub(in super::super) fn into_archive(self, budget: &Budget<'_>) -> Result<Self, Stop> {
        let archives = self.archives + 1;
        if archives > budget.limits.depth {
            return Err(Stop::unsafe_archive("archives are packed in archives too often"));
        }
        Ok(Self { archives, ..self })
    }

    pub(in super::super) fn into_document(self, budget: &Budget<'_>) -> Result<Self, Stop> {
        let documents = self.documents + 1;
        if documents > budget.limits.document_depth {
            return Err(Stop::unsafe_archive("documents are embedded in documents too often"));
        }
        Ok(Self { documents, ..self })
    }
}

/// What kind of judgement the first bytes ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inner {
    Zip,
    Tar,
    Gzip,
    SevenZip,
    Compound,
    Pdf,
    Rtf,
    /// Nothing more than not being a program.
    Plain,
}

/// Attack: archives that the scanner cannot unpack and passes over without a word: RAR, Zstandard, LZ4.
const OPAQUE: [&[u8]; 3] = [b"Rar!\x1a\x07", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"];

/// Reads a member to its end, which also checks its CRC. Returns its true size.
pub(in super::super) fn check_member(
    member: &mut dyn Read,
    path: &str,
    nesting: Nesting,
    budget: &mut Budget<'_>,
) -> Result<u64, Stop> {
    let name = path.rsplit('/').next().unwrap_or(path);
    check_member_name(name, budget.programs)?;
    if budget.hands_over() {
        return hand_over(member, path, budget);
    }

    let mut head = Vec::new();
    (&mut *member).take(kind::HEAD as u64).read_to_end(&mut head)?;
    budget.take_inflated(head.len() as u64)?;
    let inner = check_head(name, &head, budget.programs)?;

    let mut spool =
        (inner != Inner::Plain).then(|| SpooledTempFile::new_in(budget.limits.spool_memory, budget.spool));
    let size = drain(member, &head, spool.as_mut().map(|spool| spool as _), budget)?;
    if matches!(inner, Inner::Compound | Inner::Pdf | Inner::Rtf | Inner::Plain) && !is_litter(path) {
        budget.take_file();
    }
    let Some(mut spool) = spool else { return Ok(size) };
    spool.seek(SeekFrom::Start(0)).map_err(Stop::Spool)?;
    let source: &mut dyn Source = &mut spool;
    match inner {
        Inner::Zip => super::check_nested(source, size, path, nesting, budget)?,
        Inner::Tar => tar::walk(source, path, nesting.into_archive(budget)?, budget)?,
        Inner::Gzip => tar::gunzip(source, path, nesting.into_archive(budget)?, budget)?,
        Inner::SevenZip => seven_zip::walk(source, size, path, nesting.into_archive(budget)?, budget)?,
        Inner::Compound => compound::check(source, size, budget)?,
        Inner::Pdf => pdf::check(source, size, budget)?,
        Inner::Rtf => rtf::check(source, size, budget)?,
        Inner::Plain => {}
    }
    Ok(size)
}

/// It was examined before, and is the same.
fn hand_over(member: &mut dyn Read, path: &str, budget: &mut Budget<'_>) -> Result<u64, Stop> {
    let mut file = tempfile::tempfile_in(budget.spool).map_err(Stop::Spool)?;
    let size = drain(member, &[], Some(&mut file), budget)?;
    budget.take_file();
    // In no bytes there is nothing to be found.
    if size > 0 {
        budget.hand_over(path, file, size)?;
    }
    Ok(size)
}

/// What macOS adds to a folder by itself.
fn is_litter(path: &str) -> bool {
    path.split('/').any(|part| part == "__MACOSX" || part == ".DS_Store")
}

pub(in super::super) fn check_member_name(name: &str, programs: bool) -> Result<(), Stop> {
    // Windows drops dots and blanks at the end of a name.
    let extension = extension_of(name.trim_end_matches(['.', ' '])).unwrap_or_default();
    // AppleDouble (`._Essay.url`) holds a folder's view of a file, never a file.
    if LINK_EXTENSIONS.contains(&extension.as_str()) && !name.starts_with("._") {
        return Err(Stop::refuse(
            Reason::LinkOnly,
            "It holds only a link to the work; put the work itself there.",
        ));
    }
    // Scripts are work in an archive (a web site has them); what Windows runs at a double click is not.
    let script = matches!(extension.as_str(), "js" | "sh" | "desktop" | "reg" | "sys");
    if !programs && !script && EXECUTABLE.contains(&extension.as_str()) {
        return Err(program());
    }
    Ok(())
}

fn program() -> Stop {
    Stop::refuse(Reason::TypeNotAllowed, "It is a program, which cannot be taken; leave it out.")
}

/// Judges by the first bytes.
fn check_head(name: &str, head: &[u8], programs: bool) -> Result<Inner, Stop> {
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Ok(Inner::Zip);
    }
    if head.starts_with(compound::MAGIC) {
        return Ok(Inner::Compound);
    }
    if head.starts_with(b"%PDF-") {
        return Ok(Inner::Pdf);
    }
    if head.starts_with(b"{\\rtf") {
        return Ok(Inner::Rtf);
    }
    if head.starts_with(b"\x1f\x8b\x08") {
        return Ok(Inner::Gzip);
    }
    if tar::is_tar(head) {
        return Ok(Inner::Tar);
    }
    if head.starts_with(seven_zip::MAGIC) {
        return Ok(Inner::SevenZip);
    }
    if OPAQUE.iter().any(|start| head.starts_with(start)) {
        return Err(Stop::unsafe_archive(
            "it is packed in a way that cannot be looked into; put in the files themselves",
        ));
    }
    // Text that begins with `MZ` is text.
    let seen = FileFormat::from_reader(Cursor::new(head)).unwrap_or_default();
    if !programs && kind::is_program(&seen) && head.contains(&0) {
        let called = extension_of(name).unwrap_or_default();
        if crate::evidence::FileKind::of(&called).is_some_and(|kind| kind.extension != "exe") {
            return Err(Stop::refuse(
                Reason::TypeMismatch,
                format!("It is called .{called} but is a program."),
            ));
        }
        return Err(program());
    }
    Ok(Inner::Plain)
}

/// Reads to the end, into the spool where there is one, counting every byte.
fn drain(
    member: &mut dyn Read,
    head: &[u8],
    mut spool: Option<&mut dyn Write>,
    budget: &mut Budget<'_>,
) -> Result<u64, Stop> {
    let most = if spool.is_some() {
        budget.limits.spool_bytes.min(budget.limits.member_bytes)
    } else {
        budget.limits.member_bytes
    };
    let mut size = head.len() as u64;
    if let Some(spool) = spool.as_deref_mut() {
        spool.write_all(head).map_err(Stop::Spool)?;
    }
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = member.read(&mut buffer)?;
        if read == 0 {
            return Ok(size);
        }
        size += read as u64;
        budget.take_inflated(read as u64)?;
        if size > most {
            return Err(Stop::unsafe_archive("one file in it is too large"));
        }
        if let Some(spool) = spool.as_deref_mut() {
            spool.write_all(&buffer[..read]).map_err(Stop::Spool)?;
        }
    }
}
