//! OpenDocument: text and presentations of LibreOffice and its relatives.

use super::Source;
use super::budget::Budget;
use super::office::{each_doctype, read_markup};
use super::refuse::Stop;
use super::zip::{self, Archive, Nesting};
use crate::evidence::Reason;

const MEDIA_TYPE: &str = "application/vnd.oasis.opendocument.";
const MANIFEST: &str = "META-INF/manifest.xml";

/// A file named .odt or .odp.
pub(super) fn check_document(
    source: &mut dyn Source,
    size: u64,
    extension: &str,
    budget: &mut Budget<'_>,
) -> Result<(), Stop> {
    let mut archive = zip::open(source, size, budget)?;
    let expected = if extension == "odp" { "presentation" } else { "text" };
    if !media_type(&mut archive, budget)?.is_some_and(|found| found.starts_with(expected)) {
        return Err(Stop::refuse(
            Reason::TypeMismatch,
            format!(
                "The content is not the document .{extension} says; open it in its program and save it again."
            ),
        ));
    }
    check_parts(&mut archive, budget)?;
    zip::walk(&mut archive, "", Nesting::document(), budget)
}

/// Whether a zip calls itself OpenDocument.
pub(super) fn is_one(archive: &Archive<'_>) -> bool {
    archive.index_for_name("mimetype").is_some() && archive.index_for_name(MANIFEST).is_some()
}

/// `text`, `presentation`, ...: what follows the common start of OpenDocument's media types.
fn media_type(archive: &mut Archive<'_>, budget: &mut Budget<'_>) -> Result<Option<String>, Stop> {
    let Some(index) = archive.index_for_name("mimetype") else { return Ok(None) };
    let bytes = zip::read_part(archive, index, budget)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.trim().strip_prefix(MEDIA_TYPE).map(str::to_owned))
}

/// Macros and passwords.
pub(super) fn check_parts(archive: &mut Archive<'_>, budget: &mut Budget<'_>) -> Result<(), Stop> {
    if let Some(index) = archive.index_for_name(MANIFEST) {
        let manifest = zip::read_part(archive, index, budget)?;
        // LibreOffice before 4 declares a DTD here; it is not read, and nothing can be defined in it.
        read_markup(&without_doctype(&manifest), budget, |element| {
            if element.local_name().as_ref() == "encryption-data" { Err(Stop::encrypted()) } else { Ok(()) }
        })?;
    }
    for index in 0..archive.len() {
        let markup =
            archive.name_for_index(index).is_some_and(|name| name.is_ok_and(|n| n.ends_with(".xml")));
        if markup {
            // Attack: entities that expand without end or read files of ours. OpenOffice names a type, and defines
            // nothing.
            each_doctype(archive, index, budget, |text| {
                if text.contains('[') { Err(Stop::active("a document type definition")) } else { Ok(()) }
            })?;
        }
    }
    for name in archive.file_names_raw() {
        // Attack: Basic or Python macros. A folder or an empty library list alone is no macro.
        let script = name.starts_with(b"Basic/") || name.starts_with(b"Scripts/");
        let list =
            name.ends_with(b"/") || name.ends_with(b"script-lc.xml") || name.ends_with(b"script-lb.xml");
        if script && !list {
            return Err(Stop::macros());
        }
    }
    Ok(())
}

/// `<!DOCTYPE name PUBLIC "..." "...">` removed when it is that simple; kept, and so refused, when it defines
/// anything.
fn without_doctype(xml: &[u8]) -> Vec<u8> {
    let find = |what: &[u8], from: usize| {
        xml[from..].windows(what.len()).position(|w| w == what).map(|at| at + from)
    };
    let cut = find(b"<!DOCTYPE", 0).and_then(|start| Some((start, find(b">", start)?)));
    match cut {
        Some((start, end)) if !xml[start..end].contains(&b'[') => [&xml[..start], &xml[end + 1..]].concat(),
        _ => xml.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::check::structure::Limits;
    use crate::check::testing::{spool, zip_of};

    #[test]
    fn a_type_that_defines_something_is_refused_in_every_part() {
        for (name, part, expected) in [
            ("content.xml", "<?xml version='1.0'?><office:document-content/>", Ok(())),
            (
                "Configurations2/menubar/menubar.xml",
                "<!DOCTYPE menu:menubar PUBLIC 'a' 'menubar.dtd'><a/>",
                Ok(()),
            ),
            ("content.xml", "<!DOCTYPE a [<!ENTITY b SYSTEM 'c'>]><a>&b;</a>", Err(Reason::ActiveContent)),
            ("Object 1/styles.xml", "<!DOCTYPE a[<!ENTITY b 'c'>]><a/>", Err(Reason::ActiveContent)),
        ] {
            let media_type = format!("{MEDIA_TYPE}text");
            let bytes = zip_of(&[("mimetype", media_type.as_bytes()), (name, part.as_bytes())]);
            let (limits, size) = (Limits::default(), bytes.len() as u64);
            let mut budget = Budget::new(&limits, size, false, spool());
            let found = match check_document(&mut Cursor::new(bytes), size, "odt", &mut budget) {
                Ok(()) => Ok(()),
                Err(Stop::Refused(refusal)) => Err(refusal.reason),
                Err(other) => panic!("{other:?}"),
            };
            assert_eq!(found, expected, "{name}: {part}");
        }
    }
}
