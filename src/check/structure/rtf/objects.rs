//! Objects of other programs in an RTF: their bytes, written in hexadecimal digits after `\objdata`.

use super::super::refuse::Stop;

/// Bytes that are looked at together.
const PIECE: usize = 64 << 10;
/// Of these, what stays for the next piece: how far the two ends of a program's header may be apart.
const OVERLAP: usize = 4 << 10;
/// The class that wraps a file of any kind, by its two numbers: 0003000C-… and F20DA720-….
const PACKAGES: [&[u8]; 2] = [
    b"\x0c\0\x03\0\0\0\0\0\xc0\0\0\0\0\0\0\x46",
    b"\x20\xa7\x0d\xf2\x2f\xc0\xce\x11\x92\x7b\x08\0\x09\x5a\xe3\x40",
];

/// A reader of RTF, byte by byte, for these alone.
#[derive(Debug, Default)]
pub(super) struct Objects {
    state: State,
    /// The command being read.
    word: Vec<u8>,
    /// The first of two digits.
    half: Option<u8>,
    /// What is left to be looked at.
    bytes: Vec<u8>,
    /// Bytes of the object that were looked at before.
    behind: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    Backslash,
    Command,
    Object,
}

impl Objects {
    pub(super) fn take(&mut self, byte: u8) -> Result<(), Stop> {
        self.state = match self.state {
            State::Backslash if byte.is_ascii_alphabetic() => {
                self.word.clear();
                self.word.push(byte);
                State::Command
            }
            State::Backslash => State::Text,
            State::Command if byte.is_ascii_alphabetic() => {
                if self.word.len() < PIECE {
                    self.word.push(byte);
                }
                State::Command
            }
            State::Command if self.word == b"objdata" => return self.take_digit(byte),
            State::Object => return self.take_digit(byte),
            State::Text | State::Command if byte == b'\\' => State::Backslash,
            State::Text | State::Command => State::Text,
        };
        Ok(())
    }

    /// At the end of the file.
    pub(super) fn end(&mut self) -> Result<(), Stop> {
        if self.state == State::Object { self.end_object() } else { Ok(()) }
    }

    fn take_digit(&mut self, byte: u8) -> Result<(), Stop> {
        let begins = std::mem::replace(&mut self.state, State::Object) != State::Object;
        let digit = char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match digit {
            Some(digit) if !begins => {
                match self.half.take() {
                    Some(half) => self.bytes.push(half << 4 | digit),
                    None => self.half = Some(digit),
                }
                if self.bytes.len() == PIECE {
                    self.look()?;
                    self.bytes.drain(..PIECE - OVERLAP);
                    self.behind += (PIECE - OVERLAP) as u64;
                }
                Ok(())
            }
            None if byte.is_ascii_whitespace() => Ok(()),
            None if byte == b'}' => {
                self.state = State::Text;
                self.end_object()
            }
            // Attack: groups, commands and raw bytes between the digits, which readers skip or not.
            _ => Err(Stop::active("an object in an unusual spelling")),
        }
    }

    fn end_object(&mut self) -> Result<(), Stop> {
        self.look()?;
        self.bytes.clear();
        self.half = None;
        self.behind = 0;
        Ok(())
    }

    /// Attacks: a file of any kind as an icon, which a double click opens; a program.
    fn look(&self) -> Result<(), Stop> {
        let first = self.behind == 0;
        let is_package = |bytes: &[u8]| PACKAGES.iter().any(|number| bytes.starts_with(number));
        if first && class_of(&self.bytes).eq_ignore_ascii_case(b"Package")
            || (0..self.bytes.len()).any(|at| is_package(&self.bytes[at..]))
        {
            return Err(Stop::active("a file embedded as an object"));
        }
        let program = first && self.bytes.starts_with(b"MZ");
        if program || (0..self.bytes.len()).any(|at| is_program(&self.bytes[at..])) {
            return Err(Stop::active("a program embedded as an object"));
        }
        Ok(())
    }
}

/// The name behind version (4 bytes), kind (4) and its own length (4).
fn class_of(object: &[u8]) -> &[u8] {
    let name = object.get(12..).unwrap_or_default();
    name.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// Whether a program of Windows or Linux begins here.
fn is_program(bytes: &[u8]) -> bool {
    if bytes.starts_with(b"\x7fELF") {
        return matches!(bytes.get(4..7), Some([1 | 2, 1 | 2, 1]));
    }
    if !bytes.starts_with(b"MZ") {
        return false;
    }
    let header = bytes.get(0x3c..0x40).and_then(|at| at.try_into().ok()).map(u32::from_le_bytes);
    let header = header.and_then(|at| bytes.get(usize::try_from(at).ok()?..));
    header.is_some_and(|header| header.starts_with(b"PE\0\0"))
}
