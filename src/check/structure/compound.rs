//! OLE2 compound files: Word, Excel and PowerPoint up to 2003, and the wrapper of encrypted later ones.

use std::io::{BufReader, Read, SeekFrom};

use cfb::CompoundFile;

use super::Source;
use super::budget::{Budget, Limits};
use super::refuse::Stop;
use crate::check::name::EXECUTABLE;
use crate::evidence::{Reason, extension_of};

pub(super) const MAGIC: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// Embedded objects that are looked into.
const MOST_OBJECTS: usize = 1_000;

type Compound<'s> = CompoundFile<BufReader<&'s mut dyn Source>>;

pub(super) fn check(source: &mut dyn Source, size: u64, budget: &Budget<'_>) -> Result<(), Stop> {
    if size > budget.limits.compound_bytes {
        return Err(Stop::refuse(
            Reason::TooLarge,
            "The old Office format cannot be this large; save the work anew.",
        ));
    }
    let mut compound = open(source)?;
    let (mut macros, mut encrypted, mut objects) = (false, false, Vec::new());
    for entry in compound.walk() {
        budget.in_time()?;
        let name = entry.name().to_ascii_lowercase();
        // Attack: macros, by the storages Word, Excel and every VBA project use.
        macros |= matches!(name.as_str(), "macros" | "_vba_project_cur" | "vba" | "_vba_project");
        encrypted |= matches!(name.as_str(), "encryptedpackage" | "encryptedsummary");
        if entry.is_stream() && name.ends_with("ole10native") && objects.len() < MOST_OBJECTS {
            objects.push(entry.path().to_owned());
        }
    }
    if encrypted || word_is_encrypted(&mut compound) || excel_is_encrypted(&mut compound) {
        return Err(Stop::encrypted());
    }
    if macros {
        return Err(Stop::macros());
    }
    for object in objects {
        budget.in_time()?;
        refuse_packed_program(&mut compound, &object)?;
    }
    Ok(())
}

/// An encrypted .docx is no zip any more but a compound file with one stream; clamd 1.4 passes it as clean.
/// One too large to be opened is let go; it is no document of its name either way.
pub(super) fn refuse_encrypted_package(source: &mut dyn Source) -> Result<(), Stop> {
    // Attack: a container that is all directory, which is held in memory.
    if source.seek(SeekFrom::End(0))? > Limits::default().compound_bytes {
        return Ok(());
    }
    let compound = open(source)?;
    if compound.exists("/EncryptedPackage") { Err(Stop::encrypted()) } else { Ok(()) }
}

fn open(source: &mut dyn Source) -> Result<Compound<'_>, Stop> {
    source.seek(SeekFrom::Start(0))?;
    Ok(CompoundFile::open(BufReader::new(source))?)
}

/// The first bytes of a stream; empty when there is none.
fn start_of(compound: &mut Compound<'_>, path: &std::path::Path, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    match compound.open_stream(path).map(|stream| stream.take(most).read_to_end(&mut bytes)) {
        Ok(Ok(_)) => bytes,
        // Damaged or absent: what could be read is judged; the scanner sees the rest.
        _ => bytes,
    }
}

/// Word: bit `fEncrypted` of the file information block.
fn word_is_encrypted(compound: &mut Compound<'_>) -> bool {
    let block = start_of(compound, "/WordDocument".as_ref(), 12);
    block.starts_with(&[0xec, 0xa5]) && block.get(11).is_some_and(|flags| flags & 0x01 != 0)
}

/// Excel: a FILEPASS record among the first of the workbook.
fn excel_is_encrypted(compound: &mut Compound<'_>) -> bool {
    const FILEPASS: u16 = 0x002f;
    let mut records = start_of(compound, "/Workbook".as_ref(), 16 << 10);
    if records.is_empty() {
        records = start_of(compound, "/Book".as_ref(), 16 << 10);
    }
    let mut at = 0;
    while let Some([k0, k1, l0, l1]) = records.get(at..at + 4).and_then(|b| <[u8; 4]>::try_from(b).ok()) {
        if u16::from_le_bytes([k0, k1]) == FILEPASS {
            return true;
        }
        at += 4 + usize::from(u16::from_le_bytes([l0, l1]));
    }
    false
}

/// Attack: a program dropped into a document as an icon ("Package" object).
fn refuse_packed_program(compound: &mut Compound<'_>, path: &std::path::Path) -> Result<(), Stop> {
    let start = start_of(compound, path, 2048);
    // Length (4), two bytes, then the label and the path of the original, each ended by NUL.
    let names = start.get(6..).unwrap_or_default().split(|&byte| byte == 0).take(2);
    for name in names {
        let extension = extension_of(&String::from_utf8_lossy(name)).unwrap_or_default();
        if EXECUTABLE.contains(&extension.as_str()) {
            return Err(Stop::active("a program embedded as an object"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Seek, Write};

    use super::*;
    use crate::check::testing::spool;

    #[test]
    fn a_container_too_large_to_be_opened_is_not() {
        let mut compound = CompoundFile::create(Cursor::new(Vec::new())).unwrap();
        compound.create_stream("/EncryptedPackage").unwrap().write_all(b"x").unwrap();
        compound.flush().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&compound.into_inner().into_inner()).unwrap();
        let refused = refuse_encrypted_package(&mut file);
        assert!(matches!(refused, Err(Stop::Refused(refusal)) if refusal.reason == Reason::Encrypted));
        let size = Limits::default().compound_bytes + 1;
        file.set_len(size).unwrap();
        file.rewind().unwrap();
        assert!(refuse_encrypted_package(&mut file).is_ok());
        let limits = Limits::default();
        let refused = check(&mut file, size, &Budget::new(&limits, size, false, spool()));
        assert!(matches!(refused, Err(Stop::Refused(refusal)) if refusal.reason == Reason::TooLarge));
    }
}
