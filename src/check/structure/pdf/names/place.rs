//! Where a byte stands in the text of an object: in a string, a comment, between brackets.

/// A reader of objects, byte by byte, that forgives as much as the most lenient there is.
///
/// Wherever readers may differ it is outside of strings: what looks like a name is one then.
#[derive(Debug, Default)]
pub(super) struct Place {
    mode: Mode,
    /// How many brackets are open.
    depth: u32,
    /// What they are, the innermost lowest: 1 for a dictionary, 0 for an array.
    kinds: u64,
    /// Brackets do not pair.
    muddled: bool,
    /// Bytes since the outermost dictionary ended, but for blanks and comments.
    since: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Outside,
    /// A string with so many open brackets; whether the byte before was a backslash.
    Text(u32, bool),
    /// To the end of the line. A name in it counts.
    Comment,
    /// After `<`.
    Less,
    /// A string in hexadecimal digits. A name in it counts.
    Digits,
    /// After `>`.
    Greater,
}

impl Place {
    /// True in a string, where a name is none.
    pub(super) fn in_text(&self) -> bool {
        matches!(self.mode, Mode::Text(..))
    }

    /// True when a dictionary ended before the last `length` bytes, and is in no other.
    pub(super) fn ends_dictionary(&self, length: usize) -> bool {
        self.mode == Mode::Outside && !self.muddled && self.since == Some(length)
    }

    pub(super) fn take(&mut self, byte: u8) {
        self.mode = match (self.mode, byte) {
            (Mode::Text(depth, true), _) => Mode::Text(depth, false),
            (Mode::Text(depth, false), b'\\') => Mode::Text(depth, true),
            (Mode::Text(depth, false), b'(') => Mode::Text(depth.saturating_add(1), false),
            (Mode::Text(1, false), b')') => Mode::Outside,
            (Mode::Text(depth, false), b')') => Mode::Text(depth - 1, false),
            (Mode::Comment, b'\r' | b'\n') => Mode::Outside,
            (Mode::Less, b'<') => self.open(1),
            (Mode::Less | Mode::Digits, b'>') => Mode::Outside,
            (Mode::Less, _) => Mode::Digits,
            (Mode::Greater, b'>') => self.close(1),
            (Mode::Greater, _) => {
                self.muddled = true;
                self.outside(byte)
            }
            (Mode::Outside, _) => self.outside(byte),
            (mode, _) => mode,
        };
    }

    fn outside(&mut self, byte: u8) -> Mode {
        match byte {
            b'%' => return Mode::Comment,
            b' ' | b'\t' | b'\r' | b'\n' | b'\0' | 0x0c => return Mode::Outside,
            _ => self.since = self.since.map(|since| since.saturating_add(1)),
        }
        match byte {
            b'(' => Mode::Text(1, false),
            b'<' => Mode::Less,
            b'>' => Mode::Greater,
            b'[' => self.open(0),
            b']' => self.close(0),
            _ => Mode::Outside,
        }
    }

    fn open(&mut self, kind: u64) -> Mode {
        self.muddled |= self.depth == u64::BITS;
        self.depth = self.depth.saturating_add(1);
        self.kinds = self.kinds << 1 | kind;
        Mode::Outside
    }

    fn close(&mut self, kind: u64) -> Mode {
        self.muddled |= self.depth == 0 || self.kinds & 1 != kind;
        self.depth = self.depth.saturating_sub(1);
        self.since = (kind == 1 && self.depth == 0).then_some(0);
        self.kinds >>= 1;
        Mode::Outside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(text: &str) -> Place {
        let mut place = Place::default();
        text.bytes().for_each(|byte| place.take(byte));
        place
    }

    #[test]
    fn strings_end_where_every_reader_ends_them() {
        for text in ["(", "(()", "(\\)", "<<>>(", "%(\n(", "<28>("] {
            assert!(after(text).in_text(), "{text}");
        }
        for text in ["", "()", "(\\\\)", "(()())", "(\\()", "%(", "<(", "<28>"] {
            assert!(!after(text).in_text(), "{text}");
        }
    }

    #[test]
    fn a_dictionary_ends_where_every_reader_ends_it() {
        for text in ["<<>>", "<</A[<<>>]/B<2f>/C(>>)>>%>>\r\n", "<<%>>\n>>", "<</A<</B 1>>>> "] {
            assert!(after(text).ends_dictionary(0), "{text}");
            assert!(after(&format!("{text}stream")).ends_dictionary(6), "{text}");
        }
        let deep = format!("<<{}{}>>", "[".repeat(65), "]".repeat(65));
        for text in [
            "", "<<", "<</A[>>", "<<]>>", ">>", "<<>", "(", "<<%>>", "<<[>>]", "<<>> >\n", "[<<>>]", "<<>>1",
            &deep,
        ] {
            assert!(!after(text).ends_dictionary(0), "{text}");
        }
    }
}
