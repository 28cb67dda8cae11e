//! Office Open XML: Word, Excel and PowerPoint documents of today.
//!
//! What a document is, its content types say, not its name; whether it has macros, they and its parts say, and either
//! is enough: a document may declare macros without holding any, and hold them without declaring.

use std::io::{BufRead, BufReader, Read};

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::Source;
use super::budget::Budget;
use super::refuse::Stop;
use super::zip::{self, Archive, Nesting};
use crate::evidence::{Reason, extension_of};

/// The part that makes a document one of its family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MainPart {
    Document,
    Workbook,
    Presentation,
}

impl MainPart {
    fn folder(self) -> &'static str {
        match self {
            Self::Document => "word/",
            Self::Workbook => "xl/",
            Self::Presentation => "ppt/",
        }
    }

    /// In content types of main parts: `...wordprocessingml.document.main+xml`.
    fn markup(self) -> &'static str {
        match self {
            Self::Document => "wordprocessingml",
            Self::Workbook => "spreadsheetml",
            Self::Presentation => "presentationml",
        }
    }
}

const CONTENT_TYPES: &str = "[Content_Types].xml";
/// Markup that nests deeper than this is no document.
const DEEPEST: usize = 256;

/// A file named .docx, .xlsx or .pptx.
pub(super) fn check_document(
    source: &mut dyn Source,
    size: u64,
    expected: Option<MainPart>,
    budget: &mut Budget<'_>,
) -> Result<(), Stop> {
    let mut archive = zip::open(source, size, budget)?;
    let found = check_parts(&mut archive, budget)?;
    if found.is_none() || found != expected {
        return Err(not_office());
    }
    zip::walk(&mut archive, "", Nesting::document(), budget)
}

fn not_office() -> Stop {
    Stop::refuse(
        Reason::TypeMismatch,
        "The content is not the Office document its name says; open it in its program and save it again.",
    )
}

/// Whether a zip calls itself an Office document, by its table of contents.
pub(super) fn main_part_of(archive: &Archive<'_>) -> Option<MainPart> {
    archive.index_for_name(CONTENT_TYPES)?;
    [MainPart::Document, MainPart::Workbook, MainPart::Presentation]
        .into_iter()
        .find(|part| archive.file_names_raw().any(|name| name.starts_with(part.folder().as_bytes())))
}

/// Judges content types, part names, relations and fields. Returns the family the content types tell.
pub(super) fn check_parts(
    archive: &mut Archive<'_>,
    budget: &mut Budget<'_>,
) -> Result<Option<MainPart>, Stop> {
    let Some(types) = archive.index_for_name(CONTENT_TYPES) else { return Ok(None) };
    let types = zip::read_part(archive, types, budget)?;
    let start = start_of(archive, budget)?;
    let (mut named, mut by_ending, mut start_is_named) = (None, None, false);
    read_markup(&types, budget, |element| {
        let content_type = attribute(element, "ContentType")?;
        refuse_macro_type(&content_type)?;
        let part = main_part(&content_type);
        match element.local_name().as_ref() {
            "Override" => {
                let name = attribute(element, "PartName")?;
                let name = name.trim_start_matches('/').to_owned();
                start_is_named |= start.as_ref() == Some(&name);
                // The part it names must be there.
                if let Some(part) = part {
                    named.get_or_insert((part, name));
                }
            }
            // Some programs give the main part its type by its ending, and all others theirs by name.
            "Default" => {
                let ending = attribute(element, "Extension")?;
                if let (Some(part), Some(start)) = (part, &start)
                    && extension_of(start).is_some_and(|own| own.eq_ignore_ascii_case(&ending))
                {
                    by_ending.get_or_insert((part, start.clone()));
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    let main = named.or(by_ending.filter(|_| !start_is_named));
    for index in 0..archive.len() {
        budget.in_time()?;
        let Some(Ok(name)) = archive.name_for_index(index).map(|name| name.map(|n| n.to_lowercase())) else {
            return Err(Stop::corrupt("A part of it has no readable name."));
        };
        check_part(archive, index, &name, budget)?;
    }
    Ok(main.filter(|(_, name)| archive.index_for_name(name).is_some()).map(|(part, _)| part))
}

/// The part that a document begins with, by its outermost relations.
fn start_of(archive: &mut Archive<'_>, budget: &mut Budget<'_>) -> Result<Option<String>, Stop> {
    let Some(relations) = archive.index_for_name("_rels/.rels") else { return Ok(None) };
    let mut start = None;
    read_markup(&zip::read_part(archive, relations, budget)?, budget, |element| {
        if attribute(element, "Type")?.ends_with("/officeDocument") {
            let target = attribute(element, "Target")?;
            start.get_or_insert(target.trim_start_matches('/').to_owned());
        }
        Ok(())
    })?;
    Ok(start)
}

fn main_part(content_type: &str) -> Option<MainPart> {
    let main = content_type.ends_with(".main+xml");
    [MainPart::Document, MainPart::Workbook, MainPart::Presentation]
        .into_iter()
        .find(|part| main && content_type.contains(part.markup()))
}

/// Attack: a .docm renamed .docx; Word goes by the content type.
fn refuse_macro_type(content_type: &str) -> Result<(), Stop> {
    let lower = content_type.to_ascii_lowercase();
    let macros =
        ["macroenabled", "vbaproject", "macrosheet", "activex"].iter().any(|word| lower.contains(word));
    if macros { Err(Stop::macros()) } else { Ok(()) }
}

/// Judges a part by its (lower-case) name and, where it can do harm, its content.
fn check_part(
    archive: &mut Archive<'_>,
    index: usize,
    name: &str,
    budget: &mut Budget<'_>,
) -> Result<(), Stop> {
    // Attack: macros that the content types do not declare.
    let file = name.rsplit('/').next().unwrap_or(name);
    if matches!(file, "vbaproject.bin" | "vbadata.xml")
        || name.starts_with("xl/macrosheets/")
        || name.contains("/activex/")
        || name.starts_with("customui/")
    {
        return Err(Stop::macros());
    }
    if name.ends_with(".rels") {
        let part = zip::read_part(archive, index, budget)?;
        return read_markup(&part, budget, check_relation);
    }
    // Attack: DDE, a field or link that starts a program when the document opens.
    if name.starts_with("xl/externallinks/") && name.ends_with(".xml") {
        let part = zip::read_part(archive, index, budget)?;
        return read_markup(&part, budget, |element| {
            if element.local_name().as_ref() == "ddeLink" { Err(dde()) } else { Ok(()) }
        });
    }
    if name.starts_with("word/") && name.ends_with(".xml") {
        return refuse_dde_fields(&zip::read_part(archive, index, budget)?, budget);
    }
    if name.ends_with(".xml") {
        return each_doctype(archive, index, budget, |_| Err(refuse_doctype()));
    }
    Ok(())
}

/// Calls back for a document type of a part, without reading what comes behind: it stands before the first element.
pub(super) fn each_doctype(
    archive: &mut Archive<'_>,
    index: usize,
    budget: &mut Budget<'_>,
    mut each: impl FnMut(&str) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let mut part = BufReader::new(zip::part(archive, index)?.take(budget.limits.xml_bytes));
    // UTF-16, which no other part of a document is in. It is no longer read than a type needs.
    if part.fill_buf()?.starts_with(&[0xff, 0xfe]) || part.fill_buf()?.starts_with(&[0xfe, 0xff]) {
        let narrow: Vec<u8> = part.fill_buf()?.iter().copied().filter(|&byte| byte != 0).collect();
        let narrow = String::from_utf8_lossy(&narrow);
        return narrow.find("<!DOCTYPE").map_or(Ok(()), |at| each(&narrow[at..]));
    }
    let mut reader = Reader::from_reader(part);
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let event = reader.read_event_into(&mut buffer).map_err(|_| bad_markup())?;
        match event {
            Event::DocType(text) => each(&text)?,
            Event::Start(_) | Event::Empty(_) | Event::Eof => break,
            _ => {}
        }
        budget.in_time()?;
    }
    budget.take_inflated(reader.buffer_position())
}

fn dde() -> Stop {
    Stop::active("a DDE link, which starts another program")
}

/// Attacks: a template or object fetched from elsewhere when the document opens, which may bring macros, or sends
/// the reader's Windows password hash. Links a person has to click, and pictures, stay.
fn check_relation(element: &BytesStart<'_>) -> Result<(), Stop> {
    if element.local_name().as_ref() != "Relationship" || attribute(element, "TargetMode")? != "External" {
        return Ok(());
    }
    let kind = attribute(element, "Type")?;
    let kind = kind.rsplit('/').next().unwrap_or_default();
    let target = attribute(element, "Target")?.to_ascii_lowercase();
    if !matches!(kind, "attachedTemplate" | "oleObject" | "frame" | "subDocument") {
        return Ok(());
    }
    let remote = ["http:", "https:", "ftp:", "mhtml:", "mk:", "javascript:", "script:", "ms-"]
        .iter()
        .any(|scheme| target.starts_with(scheme));
    // A template on the school's server is ordinary; an object there is not.
    let server =
        target.starts_with("\\\\") || target.starts_with("file://") && !target.starts_with("file:///");
    let server_object = kind != "attachedTemplate" && (server || target.starts_with("file:///\\\\"));
    if remote || server_object {
        Err(Stop::active("a link that loads something from elsewhere"))
    } else {
        Ok(())
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Result<String, Stop> {
    let attribute = element.try_get_attribute(name).map_err(|_| bad_markup())?;
    let Some(attribute) = attribute else { return Ok(String::new()) };
    Ok(attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| bad_markup())?.into_owned())
}

fn bad_markup() -> Stop {
    Stop::corrupt("Its markup cannot be read.")
}

/// Attack: entities that expand without end or read files of ours. Documents have no DTD.
fn refuse_doctype() -> Stop {
    Stop::active("a document type definition")
}

/// Calls back for every element.
pub(super) fn read_markup(
    xml: &[u8],
    budget: &Budget<'_>,
    mut each: impl FnMut(&BytesStart<'_>) -> Result<(), Stop>,
) -> Result<(), Stop> {
    read_events(xml, budget, |event| match event {
        Event::Start(element) | Event::Empty(element) => each(element),
        _ => Ok(()),
    })
}

fn read_events(
    xml: &[u8],
    budget: &Budget<'_>,
    mut each: impl FnMut(&Event<'_>) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let mut reader = Reader::from_reader(xml);
    reader.config_mut().check_end_names = false;
    let (mut buffer, mut depth) = (Vec::new(), 0_usize);
    for count in 0_u64.. {
        if count % 4096 == 0 {
            budget.in_time()?;
        }
        buffer.clear();
        let event = reader.read_event_into(&mut buffer).map_err(|_| bad_markup())?;
        match &event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::DocType(_) => return Err(refuse_doctype()),
            Event::Eof => return Ok(()),
            _ => {}
        }
        if depth > DEEPEST {
            return Err(bad_markup());
        }
        each(&event)?;
    }
    Ok(())
}

/// Fields of Word: `<w:instrText> DDEAUTO c:\\...` in pieces, or `<w:fldSimple w:instr="DDE ...">`.
fn refuse_dde_fields(xml: &[u8], budget: &Budget<'_>) -> Result<(), Stop> {
    let mut instruction = String::new();
    let mut within = false;
    read_events(xml, budget, |event| {
        match event {
            Event::Start(element) | Event::Empty(element) => match element.local_name().as_ref() {
                "fldSimple" => refuse_dde(&attribute(element, "w:instr")?)?,
                "instrText" => within = matches!(event, Event::Start(_)),
                // A field begins or ends: the pieces so far belong to another.
                "fldChar" => {
                    refuse_dde(&instruction)?;
                    instruction.clear();
                }
                _ => {}
            },
            Event::End(element) if element.local_name().as_ref() == "instrText" => within = false,
            Event::Text(text) if within && instruction.len() < 4096 => instruction.push_str(text),
            _ => {}
        }
        Ok(())
    })?;
    refuse_dde(&instruction)
}

fn refuse_dde(instruction: &str) -> Result<(), Stop> {
    let first = instruction.split_whitespace().next().unwrap_or_default();
    if first.eq_ignore_ascii_case("DDE") || first.eq_ignore_ascii_case("DDEAUTO") {
        Err(dde())
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
