//! PDF: nothing that runs, opens or hides.
//!
//! Every document is first read once for the names in it ([`names`]), in little memory. `lopdf`, which knows what each
//! name means, holds a document in memory with all its objects ([`objects`]); a document beyond
//! [`Limits::pdf_bytes`](super::Limits), or of more words than [`Limits::pdf_words`](super::Limits), is not given to it,
//! and there the names alone decide: a name that could mean something active is taken to, and a password, even one that
//! only forbids printing, is refused.

mod names;
mod objects;

use lopdf::{Dictionary, Object};

use self::objects::Loaded;

use super::Source;
use super::budget::Budget;
use super::refuse::Stop;
use super::view::read_tail;
use crate::evidence::Reason;

/// How far before the end `%%EOF` may stand, as readers have it.
const TAIL: u64 = 1024;

pub(super) fn check(source: &mut dyn Source, size: u64, budget: &Budget<'_>) -> Result<(), Stop> {
    check_end(source, size)?;
    let seen = names::read(source, budget)?;
    // Attack: object streams that together inflate to fill memory.
    if seen.inflated > budget.limits.pdf_inflated_bytes {
        return Err(Stop::active("streams that unpack to far more than its size"));
    }
    // Attack: objects that fill memory, though their bytes are few.
    let heavy = seen.words > budget.limits.pdf_words || seen.spanned > size.saturating_mul(2);
    if size > budget.limits.pdf_bytes || heavy || seen.tables > budget.limits.pdf_tables {
        return check_names(&seen);
    }
    let Loaded::Document(document) = objects::load(source, size, seen.words, budget)? else {
        return check_names(&seen);
    };
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

/// The judgement of a large document.
fn check_names(seen: &names::Seen) -> Result<(), Stop> {
    if seen.encrypted {
        return Err(Stop::encrypted());
    }
    if let Some(what) = seen.active {
        return Err(Stop::active(what));
    }
    if seen.opaque {
        return Err(Stop::corrupt("Some of its objects cannot be read."));
    }
    Ok(())
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

#[cfg(test)]
mod tests;
