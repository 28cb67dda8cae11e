//! Plain text in its encodings.

use strongroom::evidence::Reason::{TypeMismatch, TypeNotAllowed};

use crate::case::{Case, holding};

const GROUP: &str = "Text";

pub fn cases() -> Vec<Case> {
    let bad =
        |what: &str, name: &str, reason, bytes: &[u8]| Case::bad(GROUP, what, name, reason, holding(bytes));
    let good = |what: &str, bytes: &[u8]| Case::good(GROUP, what, "notes.txt", holding(bytes));
    let wide = |text: &str, unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<_>>();
    let words = "\u{feff}Ein schöner Aufsatz 👩‍🎨\r\n";
    let page = b"\n\n \n\n<!DOCTYPE html><html><script>alert(1)</script></html>";
    vec![
        good("UTF-8", words.as_bytes()),
        good("UTF-8 without a mark", b"An essay.\n"),
        good("UTF-16, lowest byte first", &wide(words, u16::to_le_bytes)),
        good("UTF-16, highest byte first", &wide(words, u16::to_be_bytes)),
        // Old editors write it still, and no byte of it is not text.
        good("Latin-1", b"Caf\xe9 cr\xe8me \x80 5,00\r\n"),
        good("a page after blank lines", page),
        // Text does nothing by itself; who opens it in a spreadsheet is asked first.
        good("a formula", b"=cmd|'/c calc'!A0\r\n"),
        good("colours of a terminal", b"\x1b[31mred\x1b[0m\n"),
        bad("NUL bytes", "notes.txt", TypeMismatch, b"text with \0 in it"),
        bad("NUL at the end", "notes.txt", TypeMismatch, b"text\n\0"),
        bad("UTF-16 without a mark", "notes.txt", TypeMismatch, &wide("An essay.", u16::to_le_bytes)),
        bad("half of a character of UTF-16", "notes.txt", TypeMismatch, b"\xff\xfea\0\x3d\xd8"),
        bad("an odd byte of UTF-16", "notes.txt", TypeMismatch, b"\xff\xfea\0b"),
        bad("UTF-32", "notes.txt", TypeMismatch, b"\xff\xfe\0\0a\0\0\0"),
        bad("control characters", "notes.txt", TypeMismatch, b"caf\xe9 \x01\x02\x03"),
        bad("NUL in a page", "page.html", TypeMismatch, b"<html>\0</html>"),
        bad("a page after blank lines, as a document", "essay.pdf", TypeMismatch, page),
        bad("a page after blank lines, as a picture", "photo.png", TypeMismatch, page),
        bad("a table with a formula", "data.csv", TypeNotAllowed, b"=cmd|'/c calc'!A0,2\r\n"),
    ]
}
