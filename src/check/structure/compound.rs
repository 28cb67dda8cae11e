//! OLE2 compound files: Word, Excel and PowerPoint up to 2003, and the wrapper of encrypted later ones.

use std::io::{BufReader, Read, SeekFrom};

use cfb::CompoundFile;

use super::Source;
use super::budget::{Budget, Limits};
use super::refuse::Stop;
use crate::check::name::EXECUTABLE;
use crate::evidence::{Reason, extension_of};

pub(super) const MAGIC: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// Bytes of a workbook that are looked at: its sheets are listed behind its styles.
const RECORDS: u64 = 1 << 20;
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
    if macros || excel_has_macro_sheets(&mut compound) || powerpoint_has_macros(&mut compound, budget)? {
        return Err(Stop::macros());
    }
    for object in objects {
        budget.in_time()?;
        refuse_packed_program(&mut compound, &object)?;
    }
    Ok(())
}

/// A .doc is of Word, an .xls of Excel, a .ppt of PowerPoint.
///
/// Attack: another program's compound file, such as a package of the Windows installer.
pub(super) fn check_main(source: &mut dyn Source, extension: &str) -> Result<(), Stop> {
    let main: &[&str] = match extension {
        "doc" => &["WordDocument"],
        "xls" => &["Workbook", "Book"],
        // The second is of 1995.
        "ppt" => &["PowerPoint Document", "PP40"],
        _ => &[],
    };
    let compound = open(source)?;
    let is_main = |name: &str| main.iter().any(|main| main.eq_ignore_ascii_case(name));
    if compound.read_root_storage().any(|entry| entry.is_stream() && is_main(entry.name())) {
        return Ok(());
    }
    Err(Stop::refuse(
        Reason::TypeMismatch,
        format!("The content is no .{extension} document; open it in its program and save it again."),
    ))
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
    any_record(compound, |kind, _| kind == 0x002f)
}

/// Attack: macros of Excel 4, which need no project: a BOUNDSHEET record whose sheet is of kind 1.
fn excel_has_macro_sheets(compound: &mut Compound<'_>) -> bool {
    any_record(compound, |kind, content| kind == 0x0085 && content.get(5) == Some(&1))
}

/// Whether a record among the first of a workbook is like that, by its kind and content.
fn any_record(compound: &mut Compound<'_>, is: impl Fn(u16, &[u8]) -> bool) -> bool {
    let mut records = start_of(compound, "/Workbook".as_ref(), RECORDS);
    if records.is_empty() {
        records = start_of(compound, "/Book".as_ref(), RECORDS);
    }
    let mut rest = records.as_slice();
    while let Some((&[k0, k1, l0, l1], after)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes([l0, l1])).min(after.len());
        let (content, next) = after.split_at(length);
        if is(u16::from_le_bytes([k0, k1]), content) {
            return true;
        }
        rest = next;
    }
    false
}

/// Attack: macros that PowerPoint packs into its own stream. A record tells of them: in the document, in its list, in
/// the one of macros.
fn powerpoint_has_macros(compound: &mut Compound<'_>, budget: &Budget<'_>) -> Result<bool, Stop> {
    const DOCUMENT: u16 = 0x03e8;
    const LIST: u16 = 0x07d0;
    const MACROS: u16 = 0x03ff;
    const TOLD: u16 = 0x0400;
    let Ok(stream) = compound.open_stream("/PowerPoint Document") else { return Ok(false) };
    let mut stream = BufReader::new(stream);
    loop {
        budget.in_time()?;
        let (mut header, mut told) = ([0; 8], [0; 8]);
        // What is cut short, the scanner still sees.
        if stream.read_exact(&mut header).is_err() {
            return Ok(false);
        }
        let [_, _, k0, k1, length @ ..] = header;
        let mut length = i64::from(u32::from_le_bytes(length));
        match u16::from_le_bytes([k0, k1]) {
            // Their records follow.
            DOCUMENT | LIST | MACROS => continue,
            TOLD => {
                if stream.read_exact(&mut told).is_err() || told[4..] != [0; 4] {
                    return Ok(true);
                }
                length -= 8;
            }
            _ => {}
        }
        if stream.seek_relative(length).is_err() {
            return Ok(false);
        }
    }
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

    fn holding(streams: &[(&str, &[u8])]) -> Vec<u8> {
        let mut compound = CompoundFile::create(Cursor::new(Vec::new())).unwrap();
        for (name, bytes) in streams {
            compound.create_stream(name).unwrap().write_all(bytes).unwrap();
        }
        compound.flush().unwrap();
        compound.into_inner().into_inner()
    }

    fn judged(bytes: Vec<u8>, extension: &str) -> Result<(), Reason> {
        let (limits, size) = (Limits::default(), bytes.len() as u64);
        let mut source = Cursor::new(bytes);
        let outcome = check(&mut source, size, &Budget::new(&limits, size, false, spool()));
        match outcome.and_then(|()| check_main(&mut source, extension)) {
            Ok(()) => Ok(()),
            Err(Stop::Refused(refusal)) => Err(refusal.reason),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_document_is_of_its_program() {
        for (name, extension) in [
            ("/WordDocument", "doc"),
            ("/Workbook", "xls"),
            ("/WORKBOOK", "xls"),
            ("/Book", "xls"),
            ("/PowerPoint Document", "ppt"),
            ("/PP40", "ppt"),
        ] {
            assert_eq!(judged(holding(&[(name, b"")]), extension), Ok(()), "{name}");
            let other = if extension == "doc" { "xls" } else { "doc" };
            assert_eq!(judged(holding(&[(name, b"")]), other), Err(Reason::TypeMismatch), "{name}");
        }
        // A package of the Windows installer.
        let package = holding(&[("/\u{4840}\u{3f7f}\u{4164}\u{422f}\u{4836}", b"")]);
        assert_eq!(judged(package, "doc"), Err(Reason::TypeMismatch));
    }

    #[test]
    fn macros_need_no_project() {
        // A sheet of kind 0 is ordinary, one of kind 1 holds macros of Excel 4.
        let sheet = |kind: u8| {
            [&[0; 40_000][..], b"\x85\0\x0e\0\0\x10\0\0\0", &[kind], b"\x06\0Macro1", &[0; 4]].concat()
        };
        assert_eq!(judged(holding(&[("/Workbook", &sheet(0))]), "xls"), Ok(()));
        assert_eq!(judged(holding(&[("/Workbook", &sheet(1))]), "xls"), Err(Reason::Macro));
        assert_eq!(judged(holding(&[("/Book", &sheet(1))]), "xls"), Err(Reason::Macro));

        let record = |kind: u16, content: &[u8]| {
            let length = u32::try_from(content.len()).unwrap().to_le_bytes();
            [&[0x0f, 0], &kind.to_le_bytes()[..], &length, content].concat()
        };
        let told = |macros: u8| {
            let told = record(0x0400, &[1, 0, 0, 0, macros, 0, 0, 0, 2, 0, 0, 0]);
            let list = record(0x07d0, &[record(0x0fba, b"other"), record(0x03ff, &told)].concat());
            let slide = record(0x03ee, &record(0x0400, &[1; 12]));
            [slide, record(0x03e8, &[record(0x03e9, &[7; 40]), list].concat()), vec![0; 8]].concat()
        };
        assert_eq!(judged(holding(&[("/PowerPoint Document", &told(0))]), "ppt"), Ok(()));
        assert_eq!(judged(holding(&[("/PowerPoint Document", &told(1))]), "ppt"), Err(Reason::Macro));
        let twice = [told(0), told(1)].concat();
        assert_eq!(judged(holding(&[("/PowerPoint Document", &twice)]), "ppt"), Err(Reason::Macro));
    }

    #[test]
    fn a_container_too_large_to_be_opened_is_not() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&holding(&[("/EncryptedPackage", b"x")])).unwrap();
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
