//! PDF: nothing that runs, opens or hides.
//!
//! Every document is first read once for the names in it ([`names`]), in little memory. `lopdf`, which knows what each
//! name means, holds a document in memory with all its objects ([`objects`]); a document beyond
//! [`Limits::pdf_bytes`](super::Limits), or of more words than [`Limits::pdf_words`](super::Limits), is not given to it,
//! and there the names alone decide: a name that could mean something active is taken to, and a password, even one that
//! only forbids printing, is refused.
//!
//! What `lopdf` cannot parse it leaves out, and other readers may well take it. So a name of that kind outside strings
//! and the data of ordinary streams is refused in every document; and where an object was left out, names count
//! wherever they stand.

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
    if seen.bursting || seen.inflated > budget.limits.pdf_inflated_bytes {
        return Err(Stop::active("streams that unpack to far more than its size"));
    }
    // Attack: a script in an object that is damaged just enough for us.
    if let Some(what) = seen.unquoted {
        return Err(Stop::active(what));
    }
    // Attack: objects that fill memory, though their bytes are few.
    let heavy = seen.words > budget.limits.pdf_words || seen.spanned > size.saturating_mul(2);
    if size > budget.limits.pdf_bytes || heavy || seen.tables > budget.limits.pdf_tables {
        return check_names(&seen);
    }
    let Loaded::Document(held) = objects::load(source, size, seen.words, budget)? else {
        return check_names(&seen);
    };
    let document = &held.document;
    if document.is_encrypted() {
        return Err(Stop::encrypted());
    }
    if let Some(what) = held.unquoted {
        return Err(Stop::active(what));
    }
    // A table that names what is not there is common, and harmless as long as there is nothing to hide.
    if held.lost
        && let Some(what) = held.active.or(seen.active)
    {
        return Err(Stop::active(what));
    }
    if seen.opaque && held.holders < seen.holders {
        return Err(Stop::corrupt("Some of its objects cannot be read."));
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
    if let Some(what) = seen.reachable {
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
    let blank = |byte: &u8| *byte == 0 || byte.is_ascii_whitespace();
    let rest = &tail[end + 5..];
    let rest = &rest[rest.iter().take_while(|byte| blank(byte)).count()..];
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
            // The kind of an action may be an object of its own.
            Object::Name(name) => {
                check_name(name)?;
                continue;
            }
            _ => continue,
        };
        check_dictionary(dictionary)?;
        left.extend(dictionary.iter().map(|(_, value)| value));
    }
    Ok(())
}

/// Attacks: what happens on opening or at a click; files and forms that other programs open.
fn check_name(name: &[u8]) -> Result<(), Stop> {
    names::meaning_of(name).map_or(Ok(()), |what| Err(Stop::active(what)))
}

fn check_dictionary(dictionary: &Dictionary) -> Result<(), Stop> {
    dictionary.iter().try_for_each(|(key, _)| check_name(key))?;
    let kind = dictionary.get(b"S").and_then(Object::as_name).unwrap_or_default();
    // Attack: a script that runs with a film, without the name of one.
    if kind == b"Rendition" && dictionary.has(b"JS") {
        return Err(Stop::active("JavaScript"));
    }
    // Attack: an embedded file that does not say so. Rights to use a document have the key, too, but no file.
    if dictionary.has(b"EF") && (dictionary.has(b"F") || dictionary.has(b"UF")) {
        return Err(Stop::active("embedded files"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
