//! A PDF's objects in memory, within bounds that `lopdf` itself does not have.
//!
//! It parses an object as often as the table of objects names it, and all of an object stream for each place in the
//! stream's index, and keeps every copy until the end. So the object streams are hidden from it and taken apart here,
//! one by one, after a look at their index ([`index`]); and while it loads, each object it made is weighed.

mod index;

use std::cell::Cell;
use std::io::{Read, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Instant;

use lopdf::xref::XrefEntry;
use lopdf::{Document, LoadOptions, Object, ObjectId, ObjectStream, Stream};

use super::super::Source;
use super::super::budget::Budget;
use super::super::refuse::Stop;
use super::names::read_objects;

/// What came of loading.
#[derive(Debug)]
pub(super) enum Loaded {
    Document(Box<Held>),
    /// Its objects would take more memory than they may.
    TooHeavy,
}

/// A document in memory, as far as it could be read.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) document: Document,
    /// Objects that the table names are not there: damaged, or never written.
    pub(super) lost: bool,
    /// Streams of compressed objects that were taken apart.
    pub(super) holders: u64,
    /// Something that runs, opens or hides, in words, by any name in them.
    pub(super) active: Option<&'static str>,
    /// The same, outside strings.
    pub(super) unquoted: Option<&'static str>,
}

/// Loads a document of `size` bytes and, by [`names::read`](super::names::read), so many `words`.
pub(super) fn load(
    source: &mut dyn Source,
    size: u64,
    words: u64,
    budget: &Budget<'_>,
) -> Result<Loaded, Stop> {
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    source.seek(SeekFrom::Start(0))?;
    source.take(size).read_to_end(&mut bytes)?;
    hide_object_streams(&mut bytes);
    let loaded = load_from(&bytes, words, budget, false)?;
    // Damaged tables of objects: those that the bytes show are looked for.
    if let Loaded::Document(held) = &loaded
        && !held.document.is_encrypted()
        && held.document.page_iter().next().is_none()
    {
        return load_from(&bytes, words, budget, true);
    }
    Ok(loaded)
}

fn load_from(bytes: &[u8], words: u64, budget: &Budget<'_>, rebuild: bool) -> Result<Loaded, Stop> {
    let options = LoadOptions {
        max_decompressed_size: Some(budget.limits.pdf_table_bytes),
        filter: Some(weigh),
        force_reconstruct: rebuild,
        ..LoadOptions::default()
    };
    let most = (bytes.len() as u64).saturating_mul(2);
    let room = Room { objects: budget.limits.pdf_words, bytes: most, deadline: budget.deadline().at() };
    ROOM.set(Some(room));
    let loaded = catch_unwind(AssertUnwindSafe(|| Document::load_mem_with_options(bytes, options)));
    ROOM.set(None);
    let document = match loaded {
        Ok(Ok(document)) => document,
        Ok(Err(lopdf::Error::Decompress(_))) => return Ok(Loaded::TooHeavy),
        Ok(Err(
            lopdf::Error::InvalidPassword
            | lopdf::Error::Decryption(_)
            | lopdf::Error::UnsupportedSecurityHandler(_),
        )) => return Err(Stop::encrypted()),
        Ok(Err(_)) => return Err(Stop::corrupt("Its objects cannot be read.")),
        Err(panic) if panic.is::<TooHeavy>() => {
            budget.in_time()?;
            return Ok(Loaded::TooHeavy);
        }
        Err(panic) => resume_unwind(panic),
    };
    let lost = has_lost(&document);
    let mut held = Held { document, lost, holders: 0, active: None, unquoted: None };
    let sound = take_apart(&mut held, words, budget)?;
    Ok(if sound { Loaded::Document(Box::new(held)) } else { Loaded::TooHeavy })
}

/// True when an object that the table names was not loaded: what `lopdf` cannot parse, it leaves out.
fn has_lost(document: &Document) -> bool {
    let lost = document.reference_table.entries.iter().filter(|&(&number, entry)| {
        matches!(entry, XrefEntry::Normal { .. })
            && document.objects.range((number, 0)..=(number, u16::MAX)).next().is_none()
    });
    // What tells how it is encrypted is left out, too.
    lost.count() > usize::from(document.encryption_state.is_some())
}

/// The key without which `lopdf` makes nothing of an object stream. Outlines have one of the same name, which nothing
/// here looks at.
const FIRST: &[u8] = b"First";
/// What it is overwritten with, as far as one byte goes.
const HIDDEN: u8 = b'~';

/// Renames the key, however it is written: `/F#69rst` too.
fn hide_object_streams(bytes: &mut [u8]) {
    for at in 0..bytes.len() {
        if bytes[at] == b'/' && spells_first(&bytes[at + 1..]) {
            bytes[at + 1] = HIDDEN;
        }
    }
}

fn spells_first(mut rest: &[u8]) -> bool {
    for &wanted in FIRST {
        let escaped = rest.strip_prefix(b"#").and_then(|digits| digits.get(..2));
        let escaped = escaped.and_then(|digits| std::str::from_utf8(digits).ok());
        match (escaped.map(|digits| u8::from_str_radix(digits, 16)), rest) {
            (Some(Ok(byte)), _) if byte == wanted => rest = &rest[3..],
            (_, [byte, ..]) if *byte == wanted => rest = &rest[1..],
            _ => return false,
        }
    }
    true
}

/// The value of the key that was renamed.
fn hidden_first(stream: &Stream) -> Option<Object> {
    let hidden = stream.dict.iter().find(|(key, _)| key.first() == Some(&HIDDEN) && key.ends_with(b"t"));
    hidden.map(|(_, value)| value.clone())
}

/// Adds the objects of the object streams, as the table has them. False when there are too many, or they share bytes.
fn take_apart(held: &mut Held, mut words: u64, budget: &Budget<'_>) -> Result<bool, Stop> {
    let document = &mut held.document;
    let holders: Vec<ObjectId> = document
        .objects
        .iter()
        .filter(|(_, object)| object.as_stream().is_ok_and(|stream| hidden_first(stream).is_some()))
        .map(|(id, _)| *id)
        .collect();
    let mut inflated = 0;
    for holder in holders {
        budget.in_time()?;
        let Some(Object::Stream(mut stream)) = document.objects.remove(&holder) else { continue };
        let Some(first) = hidden_first(&stream) else { continue };
        let unreadable = || Stop::corrupt("Some of its objects cannot be read.");
        // What does not say how it is packed would pass as not packed at all.
        if stream.dict.has(b"Filter") && stream.filters().is_err() {
            return Err(unreadable());
        }
        let content = match stream.get_plain_content_with_limit(budget.limits.pdf_stream_bytes) {
            Ok(content) => content,
            // Attack: an object stream that inflates to fill memory.
            Err(lopdf::Error::Decompress(_)) => {
                return Err(Stop::active("a stream that unpacks to far more than its size"));
            }
            Err(_) => return Err(unreadable()),
        };
        inflated += content.len() as u64;
        let seen = read_objects(&content, budget)?;
        held.holders += 1;
        held.active = held.active.or(seen.active);
        held.unquoted = held.unquoted.or(seen.unquoted);
        words += seen.words;
        let place = first.as_i64().ok().and_then(|first| usize::try_from(first).ok());
        let place = place.ok_or_else(unreadable)?;
        let Some(count) = index::count(&content, place) else { return Ok(false) };
        if words > budget.limits.pdf_words || inflated > budget.limits.pdf_inflated_bytes {
            return Ok(false);
        }
        stream.dict.remove(b"Filter");
        stream.dict.remove(b"DecodeParms");
        stream.dict.set(FIRST, first);
        stream.set_content(content);
        let objects = ObjectStream::new(&stream).map_err(|_| unreadable())?.objects;
        held.lost |= objects.len() < count;
        for (id, object) in objects {
            let current = match document.reference_table.get(id.0) {
                Some(XrefEntry::Compressed { container, .. }) => *container == holder.0,
                _ => true,
            };
            if current {
                document.objects.entry(id).or_insert(object);
            }
        }
    }
    Ok(true)
}

/// What the document that this thread loads may still take.
#[derive(Clone, Copy, Debug)]
struct Room {
    objects: u64,
    bytes: u64,
    deadline: Instant,
}

thread_local! {
    /// The filter that `lopdf` calls is a bare function.
    static ROOM: Cell<Option<Room>> = const { Cell::new(None) };
}

/// What unwinds through `lopdf`, which has no other way to be stopped.
#[derive(Debug)]
struct TooHeavy;

/// Takes every object from the room that is left, and bytes that nothing looks at from every stream.
///
/// Attack: a table of objects with one large object ten thousand times.
fn weigh(id: ObjectId, object: &mut Object) -> Option<(ObjectId, Object)> {
    let (mut objects, mut bytes) = (0, 0);
    let mut left = vec![&*object];
    while let Some(object) = left.pop() {
        objects += 1;
        match object {
            Object::Array(items) => left.extend(items),
            Object::Dictionary(dictionary) => left.extend(dictionary.iter().map(|(_, value)| value)),
            Object::Stream(stream) => {
                bytes += stream.content.len() as u64;
                left.extend(stream.dict.iter().map(|(_, value)| value));
            }
            Object::String(text, _) => bytes += text.len() as u64,
            Object::Name(name) => bytes += name.len() as u64,
            _ => {}
        }
    }
    ROOM.with(|room| {
        let now = room.get().and_then(|room| {
            let (objects, bytes) = (room.objects.checked_sub(objects)?, room.bytes.checked_sub(bytes)?);
            (Instant::now() < room.deadline).then_some(Room { objects, bytes, ..room })
        });
        if now.is_none() {
            resume_unwind(Box::new(TooHeavy));
        }
        room.set(now);
    });
    if let Object::Stream(stream) = object {
        if hidden_first(stream).is_some() {
            // What is called an object stream and cannot be read is thrown away.
            stream.dict.remove(b"Type");
        } else if !stream.content.is_empty() {
            // An empty one would be read again.
            stream.content = vec![0];
        }
    }
    // Only kept or not: the object itself stays where it is.
    Some((id, Object::Null))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_object_streams_is_hidden_however_it_is_written() {
        let mut bytes = b"/First /F#69rst /#46irst /#46#69#72#73#74 /FirstChar /Fir /F#zz/".to_vec();
        hide_object_streams(&mut bytes);
        assert_eq!(bytes, b"/~irst /~#69rst /~46irst /~46#69#72#73#74 /~irstChar /Fir /F#zz/");
    }
}
