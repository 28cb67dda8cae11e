//! What hides in or behind a picture or a recording: a file that is two things at once, for a reader that looks for
//! the other one.

use super::Source;
use super::refuse::Stop;
use super::tar;
use super::view::read_some;
use crate::evidence::Reason;

/// Bytes behind the end that are looked at.
const BEHIND: usize = 512;
/// As many that are text are no chance.
const WORDS: usize = 8;
/// Readers of PDF look for its start in so many bytes.
const PDF_WITHIN: usize = 1024;

/// Whether these are the first bytes of an archive, a document, a page, a script or a program.
pub(super) fn begins_foreign(bytes: &[u8]) -> bool {
    let magics: [&[u8]; 10] = [
        b"PK\x03\x04",
        b"%PDF",
        b"{\\rtf",
        b"MZ",
        b"\x7fELF",
        b"#!",
        b"Rar!",
        b"7z\xbc\xaf",
        b"\xd0\xcf\x11\xe0",
        b"\x1f\x8b\x08",
    ];
    let markup = matches!(bytes, [b'<', next, ..] if next.is_ascii_alphabetic() || b"!?/".contains(next))
        && bytes.iter().take(8).all(is_text);
    markup || magics.iter().any(|magic| bytes.starts_with(magic))
}

/// Attack: a page, script, archive or program behind the end. What cameras put there (a film, a depth map, zeros)
/// stays.
pub(super) fn refuse_behind(source: &mut dyn Source, end: u64, size: u64) -> Result<(), Stop> {
    if end >= size {
        return Ok(());
    }
    let rest = read_some(source, end, BEHIND)?;
    // No program pads with words.
    let words = rest.len() >= WORDS && rest.iter().all(is_text) && !rest.iter().all(is_blank);
    if words || stands_at(&rest) || holds_script(&rest) { Err(hidden()) } else { Ok(()) }
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, 0 | b' ' | b'\r' | b'\n' | b'\t')
}

fn is_text(byte: &u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t')
}

/// Whether something else begins here, or behind what is blank here.
pub(super) fn stands_at(bytes: &[u8]) -> bool {
    let start = bytes.iter().position(|byte| !is_blank(byte)).unwrap_or(bytes.len());
    begins_foreign(&bytes[start..])
}

/// Attack: a picture or recording that is a PDF, a tar or a RAR too, which all may begin later than at the first byte.
pub(super) fn refuse_second_start(head: &[u8]) -> Result<(), Stop> {
    let holds = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).any(|at| at == what);
    let begins = &head[..head.len().min(PDF_WITHIN)];
    if holds(begins, b"%PDF-") || holds(head, b"Rar!\x1a\x07") || tar::is_tar(head) {
        return Err(hidden());
    }
    Ok(())
}

/// Attack: a page or script in what a picture says of itself, for a server or browser that runs it.
pub(super) fn refuse_script(text: &[u8]) -> Result<(), Stop> {
    if holds_script(text) { Err(Stop::active("a script in its description")) } else { Ok(()) }
}

fn holds_script(text: &[u8]) -> bool {
    let words: [&[u8]; 4] = [b"<?php", b"<script", b"<html", b"<!doctype html"];
    let told = |word: &[u8]| text.windows(word.len()).any(|at| at.eq_ignore_ascii_case(word));
    words.into_iter().any(told)
}

pub(super) fn hidden() -> Stop {
    Stop::refuse(
        Reason::TypeMismatch,
        "Something else is hidden in or behind the content; save the work again and upload it.",
    )
}
