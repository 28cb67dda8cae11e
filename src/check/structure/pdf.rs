//! PDF: nothing that runs, opens or hides.
//!
//! `lopdf` reads the objects (names may be written `/J#61vaScript`, so no search for words will do). It holds a
//! document in memory, so a PDF beyond [`Limits::pdf_bytes`](super::Limits) is not given to it: of such a file the
//! beginning, the end and the catalogue's neighbourhood are read, and the virus scanner sees the whole.

use std::io::{Read, SeekFrom};

use lopdf::{Dictionary, Document, LoadOptions, Object};

use super::Source;
use super::budget::Budget;
use super::refuse::Stop;
use super::view::read_tail;
use crate::evidence::Reason;

/// How far before the end `%%EOF` may stand, as readers have it.
const TAIL: u64 = 1024;

pub(super) fn check(source: &mut dyn Source, size: u64, budget: &Budget<'_>) -> Result<(), Stop> {
    check_end(source, size)?;
    if size > budget.limits.pdf_bytes {
        return Err(Stop::refuse(
            Reason::Unscannable,
            "The PDF is too large to be examined; reduce its pictures or split it.",
        ));
    }
    let document = load(source, size, budget)?;
    if document.is_encrypted() {
        return Err(Stop::encrypted());
    }
    for object in document.objects.values() {
        budget.in_time()?;
        check_object(object)?;
    }
    check_object(&Object::Dictionary(document.trailer.clone()))?;
    if document.page_iter().next().is_none() {
        return Err(Stop::corrupt("It has no pages."));
    }
    Ok(())
}

fn load(source: &mut dyn Source, size: u64, budget: &Budget<'_>) -> Result<Document, Stop> {
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    source.seek(SeekFrom::Start(0))?;
    source.take(size).read_to_end(&mut bytes)?;
    // Attack: an object stream that inflates to fill memory.
    let options = LoadOptions::with_max_decompressed_size(budget.limits.pdf_stream_bytes);
    Document::load_mem_with_options(&bytes, options).map_err(|error| match error {
        lopdf::Error::Decompress(_) => Stop::active("a stream that unpacks to far more than its size"),
        lopdf::Error::InvalidPassword
        | lopdf::Error::Decryption(_)
        | lopdf::Error::UnsupportedSecurityHandler(_) => Stop::encrypted(),
        _ => Stop::corrupt("Its objects cannot be read."),
    })
}

/// Attack: another format behind the document. Also tells a file that was cut short.
fn check_end(source: &mut dyn Source, size: u64) -> Result<(), Stop> {
    let (_, tail) = read_tail(source, size, TAIL)?;
    let end = tail
        .windows(5)
        .rposition(|window| window == b"%%EOF")
        .ok_or_else(|| Stop::corrupt("Its end is missing."))?;
    let rest = tail[end + 5..].trim_ascii_start();
    let foreign: [&[u8]; 6] = [b"PK", b"MZ", b"<", b"Rar!", b"7z\xbc\xaf", b"\x7fELF"];
    if foreign.iter().any(|start| rest.starts_with(start)) {
        return Err(Stop::refuse(
            Reason::TypeMismatch,
            "Something else is hidden behind the document; print it to PDF again.",
        ));
    }
    Ok(())
}

/// Looks through an object and all that is directly in it, without recursion.
fn check_object(object: &Object) -> Result<(), Stop> {
    let mut left = vec![object];
    while let Some(object) = left.pop() {
        let dictionary = match object {
            Object::Dictionary(dictionary) => dictionary,
            Object::Stream(stream) => &stream.dict,
            Object::Array(items) => {
                left.extend(items);
                continue;
            }
            _ => continue,
        };
        check_dictionary(dictionary)?;
        left.extend(dictionary.iter().map(|(_, value)| value));
    }
    Ok(())
}

fn check_dictionary(dictionary: &Dictionary) -> Result<(), Stop> {
    let name = |key: &[u8]| dictionary.get(key).and_then(Object::as_name).unwrap_or_default();
    // Attacks: what happens on opening or at a click. `S` is the kind of an action.
    match name(b"S") {
        b"JavaScript" => return Err(Stop::active("JavaScript")),
        b"Launch" => return Err(Stop::active("a command that starts a program")),
        b"SubmitForm" | b"ImportData" => return Err(Stop::active("a form that sends data")),
        b"GoToE" => return Err(Stop::active("a link into an embedded file")),
        _ => {}
    }
    if dictionary.has(b"JavaScript") {
        return Err(Stop::active("JavaScript"));
    }
    // Attacks: files and forms that other programs open.
    if dictionary.has(b"EmbeddedFiles") || name(b"Type") == b"EmbeddedFile" {
        return Err(Stop::active("embedded files"));
    }
    if name(b"Subtype") == b"RichMedia" {
        return Err(Stop::active("embedded media"));
    }
    if dictionary.has(b"XFA") {
        return Err(Stop::active("an XFA form"));
    }
    Ok(())
}
