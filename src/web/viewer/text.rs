//! A text as a page can hold it: decoded, without what does not print.

use crate::web::words;

/// The beginning of a text file.
#[derive(Debug, PartialEq, Eq)]
pub struct Text {
    pub text: String,
    /// `UTF-8`, `UTF-16` or `Latin-1`.
    pub encoding: &'static str,
    /// That there is more of it, and how much is shown; empty when all is.
    pub more: String,
}

impl Text {
    /// `bytes`: those at the start of a file of `size`.
    pub fn read(bytes: &[u8], size: u64) -> Self {
        let cut = (bytes.len() as u64) < size;
        let (text, encoding) = decode(bytes, cut);
        let more = if cut {
            format!("The first {} of {} are shown.", words::bytes(bytes.len() as u64), words::bytes(size))
        } else {
            String::new()
        };
        Self { text: text.chars().map(printed).collect(), encoding, more }
    }
}

/// UTF-8 where it is that, UTF-16 where its mark says so, and else Latin-1, which every byte is. `cut`: the last
/// character may be half there.
fn decode(bytes: &[u8], cut: bool) -> (String, &'static str) {
    if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        return (utf16(rest, u16::from_le_bytes), "UTF-16");
    }
    if let Some(rest) = bytes.strip_prefix(b"\xfe\xff") {
        return (utf16(rest, u16::from_be_bytes), "UTF-16");
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let sound = match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if cut && error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    };
    match sound {
        Some(text) => (text.to_owned(), "UTF-8"),
        None => (bytes.iter().map(|&byte| char::from(byte)).collect(), "Latin-1"),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
    String::from_utf16_lossy(&units)
}

/// What a page cannot hold, or what makes other characters look like others, as a mark.
fn printed(c: char) -> char {
    let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if turns || (c.is_control() && !matches!(c, '\n' | '\r' | '\t')) { '\u{fffd}' } else { c }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(bytes: &[u8]) -> (String, &'static str) {
        let text = Text::read(bytes, bytes.len() as u64);
        assert_eq!(text.more, "");
        (text.text, text.encoding)
    }

    #[test]
    fn a_text_is_read_in_the_way_it_was_written() {
        assert_eq!(of("Übung\n".as_bytes()), ("Übung\n".into(), "UTF-8"));
        assert_eq!(of(b"\xef\xbb\xbfa"), ("a".into(), "UTF-8"));
        assert_eq!(of(b"\xff\xfea\0\xdc\0"), ("a\u{dc}".into(), "UTF-16"));
        assert_eq!(of(b"\xfe\xff\0a"), ("a".into(), "UTF-16"));
        assert_eq!(of(b"caf\xe9"), ("café".into(), "Latin-1"));
        assert_eq!(of(b"a\0b\x1b[31m\x85"), ("a\u{fffd}b\u{fffd}[31m\u{fffd}".into(), "Latin-1"));
        assert_eq!(of("if (admin\u{202e})".as_bytes()).0, "if (admin\u{fffd})");
    }

    #[test]
    fn a_character_that_is_half_there_is_left_out() {
        let text = Text::read("Üb".as_bytes().get(..1).unwrap(), 3);
        assert_eq!((&*text.text, text.encoding), ("", "UTF-8"));
        assert_eq!(text.more, "The first 1 bytes of 3 bytes are shown.");
    }

    proptest! {
        #[test]
        fn whatever_it_is_it_prints(bytes in proptest::collection::vec(any::<u8>(), 0..64), more in 0_u64..3) {
            let text = Text::read(&bytes, bytes.len() as u64 + more);
            prop_assert!(text.text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t')));
        }
    }
}
