//! Plain text and HTML: UTF-8, UTF-16 with a byte order mark, or Latin-1.
//!
//! HTML is stored, never rendered: what it would do in a browser is the download headers' business.

use std::io::SeekFrom;

use super::Source;
use super::budget::Budget;
use super::refuse::Stop;
use crate::evidence::Reason;

pub(super) fn check(source: &mut dyn Source, size: u64, budget: &Budget<'_>) -> Result<(), Stop> {
    source.seek(SeekFrom::Start(0))?;
    let mut text = Text::default();
    let mut buffer = vec![0; 64 << 10];
    let mut left = size;
    while left > 0 {
        budget.in_time()?;
        let read = source.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        text.feed(&buffer[..read]);
        left = left.saturating_sub(read as u64);
    }
    if text.is_text() { Ok(()) } else { Err(Stop::refuse(Reason::TypeMismatch, NOT_TEXT)) }
}

const NOT_TEXT: &str =
    "The content is no plain text; save the work as text, or upload it under its own type.";

/// Whether bytes are text, told as they come.
#[derive(Debug, Default)]
pub(super) struct Text {
    encoding: Option<Encoding>,
    /// Bytes at the end of the last piece that begin a character.
    pending: Vec<u8>,
    not_utf8: bool,
    nul: bool,
    control: bool,
    broken: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Utf16Little,
    Utf16Big,
    Bytes,
}

impl Text {
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let encoding = *self.encoding.get_or_insert(match bytes {
            [0xff, 0xfe, ..] => Encoding::Utf16Little,
            [0xfe, 0xff, ..] => Encoding::Utf16Big,
            _ => Encoding::Bytes,
        });
        match encoding {
            Encoding::Bytes => self.feed_bytes(bytes),
            Encoding::Utf16Little => self.feed_utf16(bytes, u16::from_le_bytes),
            Encoding::Utf16Big => self.feed_utf16(bytes, u16::from_be_bytes),
        }
    }

    fn feed_bytes(&mut self, bytes: &[u8]) {
        self.nul |= bytes.contains(&0);
        self.control |= bytes.iter().any(|b| matches!(b, 0x01..=0x07 | 0x0e..=0x19 | 0x1c..=0x1f));
        if self.not_utf8 {
            return;
        }
        self.pending.extend_from_slice(bytes);
        let good = match std::str::from_utf8(&self.pending) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => {
                self.not_utf8 = true;
                self.pending.len()
            }
        };
        self.pending.drain(..good);
    }

    fn feed_utf16(&mut self, bytes: &[u8], unit: fn([u8; 2]) -> u16) {
        self.pending.extend_from_slice(bytes);
        // A high surrogate at the end waits for its other half.
        let mut whole = self.pending.len() & !1;
        if whole >= 2 {
            let last = unit([self.pending[whole - 2], self.pending[whole - 1]]);
            if (0xd800..0xdc00).contains(&last) {
                whole -= 2;
            }
        }
        let units = self.pending[..whole].chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        for character in char::decode_utf16(units) {
            match character {
                Ok('\0') => self.nul = true,
                Ok(_) => {}
                Err(_) => self.broken = true,
            }
        }
        self.pending.drain(..whole);
    }

    /// After the last piece. Latin-1 has no invalid byte, so control characters tell it from binary data.
    pub(super) fn is_text(&self) -> bool {
        match self.encoding {
            None => true,
            Some(Encoding::Bytes) => {
                !self.nul && !((self.not_utf8 || !self.pending.is_empty()) && self.control)
            }
            Some(_) => !self.nul && !self.broken && self.pending.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_text(bytes: &[u8]) -> bool {
        // In single bytes, so that every character lies across a border once.
        let (mut whole, mut pieces) = (Text::default(), Text::default());
        whole.feed(bytes);
        let first = bytes.len().min(2);
        pieces.feed(&bytes[..first]);
        bytes[first..].iter().for_each(|byte| pieces.feed(&[*byte]));
        assert_eq!(whole.is_text(), pieces.is_text());
        whole.is_text()
    }

    #[test]
    fn the_usual_encodings_are_text_and_binary_is_not() {
        assert!(is_text("Ein schöner Aufsatz 👩‍🎨\r\n\t".as_bytes()));
        assert!(is_text(b"caf\xe9 \x80 5,00"));
        assert!(is_text(b"MZ begins this sentence"));
        for mark in ["\u{feff}a😀", "\u{feff}ü"] {
            assert!(is_text(&mark.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()));
            assert!(is_text(&mark.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>()));
        }
        assert!(!is_text(b"MZ\x90\0\x03\0"));
        assert!(!is_text(b"text with \0 in it"));
        assert!(!is_text(b"\xff\xfea\0\0\0"));
        assert!(!is_text(b"\xff\xfea\0\x00\xd8"));
        assert!(!is_text(b"\xe9\x01\x02"));
    }
}
