//! A PDF read once from beginning to end for the names in it, in little memory, whatever its size.
//!
//! Names count wherever they stand, in streams too: a table of objects may point into one. Streams of compressed
//! objects are inflated for theirs.

use std::io::{BufRead, BufReader, Read, SeekFrom};

use flate2::bufread::ZlibDecoder;

use super::super::Source;
use super::super::budget::Budget;
use super::super::refuse::Stop;

/// No name that matters is longer.
const LONGEST: usize = 64;

/// What was seen on the way.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Something that runs, opens or hides, in words.
    pub(super) active: Option<&'static str>,
    pub(super) encrypted: bool,
    /// Bytes that the streams of compressed objects inflate to.
    pub(super) inflated: u64,
    /// One of them could not be inflated, or is packed in an unusual way.
    pub(super) opaque: bool,
}

/// Reads the whole document. `Err` only for time and the disk.
pub(super) fn read(source: &mut dyn Source, budget: &Budget<'_>) -> Result<Seen, Stop> {
    let mut seen = Seen::default();
    let mut streams = Vec::new();
    source.seek(SeekFrom::Start(0))?;
    scan(&mut BufReader::with_capacity(64 << 10, &mut *source), budget, &mut seen, Some(&mut streams))?;
    for at in streams {
        source.seek(SeekFrom::Start(at))?;
        let most = budget.limits.pdf_stream_bytes as u64;
        let objects = ZlibDecoder::new(BufReader::new(&mut *source)).take(most);
        let mut objects = BufReader::new(Counted { inner: objects, count: 0, failed: false });
        scan(&mut objects, budget, &mut seen, None)?;
        let Counted { count, failed, .. } = objects.into_inner();
        seen.inflated += count;
        // Attack: an object stream that inflates to fill memory.
        seen.opaque |= failed || count == most;
        if seen.inflated > budget.limits.pdf_inflated_bytes {
            return Ok(seen);
        }
    }
    Ok(seen)
}

/// Counts what is read and ends, instead of failing, where a stream is broken.
struct Counted<R> {
    inner: R,
    count: u64,
    failed: bool,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.inner.read(buffer) {
            Ok(read) => {
                self.count += read as u64;
                Ok(read)
            }
            Err(_) => {
                self.failed = true;
                Ok(0)
            }
        }
    }
}

/// The object being read.
#[derive(Debug, Default)]
struct Current {
    holds_objects: bool,
    deflated: bool,
    unusual: bool,
    in_stream: bool,
}

/// Goes through bytes word by word. `streams` takes where the streams of compressed objects begin.
fn scan(
    bytes: &mut impl BufRead,
    budget: &Budget<'_>,
    seen: &mut Seen,
    mut streams: Option<&mut Vec<u64>>,
) -> Result<(), Stop> {
    let (mut word, mut current, mut at) = (Vec::with_capacity(LONGEST), Current::default(), 0_u64);
    loop {
        budget.in_time()?;
        let piece = bytes.fill_buf()?;
        if piece.is_empty() {
            end_of_word(&word, &mut current, seen);
            return Ok(());
        }
        let length = piece.len();
        for (offset, &byte) in piece.iter().enumerate() {
            let delimiter = byte.is_ascii_whitespace() || b"\0()<>[]{}/%".contains(&byte);
            if !delimiter {
                if word.len() < LONGEST {
                    word.push(byte);
                }
                continue;
            }
            let begins_stream = end_of_word(&word, &mut current, seen) && streams.is_some();
            if begins_stream && let Some(streams) = streams.as_deref_mut() {
                // After `stream` comes one line end; a lone CR is not allowed.
                let after = at + offset as u64 + if byte == b'\r' { 2 } else { 1 };
                if streams.len() < 100_000 { streams.push(after) } else { seen.opaque = true }
            }
            word.clear();
            if byte == b'/' {
                word.push(byte);
            }
        }
        at += length as u64;
        bytes.consume(length);
    }
}

/// Takes a word in. True when it begins a stream of compressed objects.
fn end_of_word(word: &[u8], current: &mut Current, seen: &mut Seen) -> bool {
    let Some(name) = word.strip_prefix(b"/") else {
        return match word {
            b"obj" => {
                *current = Current::default();
                false
            }
            b"endstream" => {
                *current = Current::default();
                false
            }
            b"stream" => {
                let begins = current.holds_objects;
                seen.opaque |= begins && current.unusual;
                let begins = begins && current.deflated;
                *current = Current { in_stream: true, ..Current::default() };
                begins
            }
            _ => false,
        };
    };
    match unescaped(name).as_slice() {
        b"JavaScript" => seen.active = Some("JavaScript"),
        b"Launch" => seen.active = Some("a command that starts a program"),
        b"SubmitForm" | b"ImportData" => seen.active = Some("a form that sends data"),
        b"EmbeddedFiles" | b"EmbeddedFile" => seen.active = Some("embedded files"),
        b"RichMedia" => seen.active = Some("embedded media"),
        // Short enough to occur by chance in a picture's bytes.
        b"XFA" if !current.in_stream => seen.active = Some("an XFA form"),
        b"Encrypt" if !current.in_stream => seen.encrypted = true,
        b"ObjStm" => current.holds_objects = true,
        b"FlateDecode" | b"Fl" => current.deflated = true,
        b"LZWDecode" | b"ASCII85Decode" | b"ASCIIHexDecode" | b"RunLengthDecode" | b"Crypt"
        | b"Predictor" => {
            current.unusual = true;
        }
        _ => {}
    }
    false
}

/// `J#61vaScript` is `JavaScript`.
fn unescaped(name: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(name.len());
    let mut rest = name;
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match digits.filter(|_| *first == b'#').and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) => {
                plain.push(byte);
                rest = &tail[2..];
            }
            None => {
                plain.push(*first);
                rest = tail;
            }
        }
    }
    plain
}
