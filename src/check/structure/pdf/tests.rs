//! Documents that do something, small (parsed) and large (read for names).

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::*;
use crate::check::structure::Limits;
use crate::check::testing::{pdf, spool};

fn judged(bytes: &[u8], limits: Limits) -> Result<(), Reason> {
    let size = bytes.len() as u64;
    match check(&mut Cursor::new(bytes.to_vec()), size, &Budget::new(&limits, size, false, spool())) {
        Ok(()) => Ok(()),
        Err(Stop::Refused(refusal)) => Err(refusal.reason),
        Err(other) => panic!("{other:?}"),
    }
}

fn both(bytes: &[u8]) -> [Result<(), Reason>; 2] {
    [judged(bytes, Limits::default()), judged(bytes, Limits { pdf_bytes: 0, ..Limits::default() })]
}

/// An object that no table names, before the rest; with its stream when there is one.
fn with_object(dictionary: &str, stream: Option<&[u8]>) -> Vec<u8> {
    let plain = pdf(b"");
    let mut bytes = plain[..9].to_vec();
    bytes.extend_from_slice(format!("9 0 obj\n{dictionary}\n").as_bytes());
    if let Some(stream) = stream {
        bytes.extend_from_slice(b"stream\n");
        bytes.extend_from_slice(stream);
        bytes.extend_from_slice(b"\nendstream\n");
    }
    bytes.extend_from_slice(b"endobj\n");
    bytes.extend_from_slice(&plain[9..]);
    bytes
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut deflated = ZlibEncoder::new(Vec::new(), Compression::fast());
    deflated.write_all(bytes).unwrap();
    deflated.finish().unwrap()
}

#[test]
fn a_plain_document_passes_either_way() {
    assert_eq!(both(&pdf(b"")), [Ok(()), Ok(())]);
    assert_eq!(both(&pdf(b"/OpenAction [3 0 R /Fit] /AcroForm << /Fields [] >>")), [Ok(()), Ok(())]);
}

#[test]
fn what_is_active_is_refused_either_way() {
    for catalogue in [
        "/OpenAction << /S /JavaScript /JS (1) >>",
        "/OpenAction << /S /J#61vaScrip#74 /JS (1) >>",
        "/AA << /O << /S /Launch /F (cmd.exe) >> >>",
        "/Names << /EmbeddedFiles << /Names [] >> >>",
        "/Names << /JavaScript << /Names [] >> >>",
        "/AcroForm << /XFA [] >>",
        "/OpenAction << /S /SubmitForm /F (x) >>",
    ] {
        let expected = Err(Reason::ActiveContent);
        assert_eq!(both(&pdf(catalogue.as_bytes())), [expected, expected], "{catalogue}");
    }
}

#[test]
fn a_large_document_hides_nothing_in_compressed_objects() {
    let large = |bytes: &[u8]| judged(bytes, Limits { pdf_bytes: 0, ..Limits::default() });
    let dictionary = "<< /Type /ObjStm /N 1 /First 4 /Filter /FlateDecode /Length 9 >>";
    let objects = |content: &[u8]| with_object(dictionary, Some(&deflated(content)));
    assert_eq!(large(&objects(b"5 0 << /S /JavaScript >>")), Err(Reason::ActiveContent));
    assert_eq!(large(&objects(b"5 0 << /Type /Page >>")), Ok(()));
    assert_eq!(large(&with_object(dictionary, Some(b"no deflate"))), Err(Reason::Corrupt));
    let unusual = "<< /Type /ObjStm /N 1 /First 4 /Filter /LZWDecode /Length 9 >>";
    assert_eq!(large(&with_object(unusual, Some(b"x"))), Err(Reason::Corrupt));
    assert_eq!(
        large(&with_object("<< /Length 9 >>", Some(b"9 0 obj << /S /Launch >>"))),
        Err(Reason::ActiveContent)
    );
}

#[test]
fn object_streams_are_counted_before_they_are_held() {
    let dictionary = "<< /Type /ObjStm /N 1 /First 4 /Filter /FlateDecode /Length 9 >>";
    let bomb = with_object(dictionary, Some(&deflated(&vec![b' '; 4 << 20])));
    let limits = Limits { pdf_inflated_bytes: 1 << 20, ..Limits::default() };
    assert_eq!(judged(&bomb, limits), Err(Reason::ActiveContent));
}

#[test]
fn broken_ends_and_hidden_tails_are_refused() {
    let whole = pdf(b"");
    assert_eq!(judged(&whole[..whole.len() - 10], Limits::default()), Err(Reason::Corrupt));
    assert_eq!(judged(&[&whole[..], b"<script>"].concat(), Limits::default()), Err(Reason::TypeMismatch));
    assert_eq!(judged(&[&whole[..], b"\0 \0PK"].concat(), Limits::default()), Err(Reason::TypeMismatch));
    assert_eq!(judged(&[&whole[..], b"\r\n\0\0"].concat(), Limits::default()), Ok(()));
}

/// A document with this object stream, uncompressed, in a table that names every object `copies` times.
fn with_copies(index: &str, objects: &str, copies: usize) -> Vec<u8> {
    let (n, first, length) = (index.split_whitespace().count() / 2, index.len(), index.len() + objects.len());
    let holder = format!(
        "<< /Type /ObjStm /N {n} /First {first} /Length {length} >>\nstream\n{index}{objects}\nendstream"
    );
    let mut bytes = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut places = Vec::new();
    for (id, object) in [
        (1, "<< /Type /Catalog /Pages 2 0 R >>"),
        (2, "<< /Type /Pages /Kids [3 0 R] /Count 1 >>"),
        (3, "<< /Type /Page /Parent 2 0 R >>"),
        (4, &holder),
    ] {
        places.push(bytes.len());
        bytes.extend_from_slice(format!("{id} 0 obj\n{object}\nendobj\n").as_bytes());
    }
    let (start, count) = (bytes.len(), 1 + places.len() * copies);
    bytes.extend_from_slice(format!("xref\n0 {count}\n0000000000 65535 f \n").as_bytes());
    for _ in 0..copies {
        for place in &places {
            bytes.extend_from_slice(format!("{place:010} 00000 n \n").as_bytes());
        }
    }
    let end = format!("trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n");
    bytes.extend_from_slice(end.as_bytes());
    bytes
}

/// Whether `lopdf` holds all of it.
fn is_held(bytes: &[u8], limits: Limits) -> bool {
    let size = bytes.len() as u64;
    let budget = Budget::new(&limits, size, false, spool());
    let mut source = Cursor::new(bytes);
    let seen = names::read(&mut source, &budget).unwrap();
    matches!(objects::load(&mut source, size, seen.words, &budget).unwrap(), Loaded::Document(_))
}

#[test]
fn no_object_is_held_more_often_than_it_is_written() {
    let limits = Limits { pdf_words: 1_000, ..Limits::default() };
    let plain = with_copies("10 0 11 6 ", "[0 0] [0 0]", 1);
    assert!(is_held(&plain, limits));
    assert_eq!(both(&plain), [Ok(()), Ok(())]);
    let many = "0 ".repeat(400);
    assert!(is_held(&with_copies("10 0 ", &format!("[{many}]"), 1), limits));
    // Many places in one array, by the index of an object stream; and brackets in brackets.
    assert!(!is_held(&with_copies("10 0 11 0 12 0 ", &format!("[{many}]"), 1), limits));
    assert!(!is_held(&with_copies("10 0 11 1 12 2 ", &format!("[[[{many}]]]"), 1), limits));
    // Many lines of the table that lead to one object.
    assert!(!is_held(&with_copies("10 0 ", &"x".repeat(5_000), 20), Limits::default()));
    // What was too much is judged by its names.
    let active = with_copies("10 0 11 0 ", "<< /S /JavaScript >>", 1);
    assert_eq!(judged(&active, Limits::default()), Err(Reason::ActiveContent));
}

#[test]
fn compressed_objects_are_looked_at() {
    for object in ["<< /S /JavaScript >>", "[<< /S /L#61unch >>]"] {
        assert_eq!(judged(&with_copies("10 0 ", object, 1), Limits::default()), Err(Reason::ActiveContent));
    }
    // The table of objects is lost; the bytes show where they are.
    let place = with_copies("10 0 ", "7", 1).windows(9).position(|window| window == b"startxref").unwrap();
    let mut lost = with_copies("10 0 ", "<< /S /Launch >>", 1);
    lost[place + 10..place + 12].copy_from_slice(b"99");
    assert_eq!(judged(&lost, Limits::default()), Err(Reason::ActiveContent));
    let mut lost = with_copies("10 0 ", "7", 1);
    lost[place + 10..place + 12].copy_from_slice(b"99");
    assert_eq!(judged(&lost, Limits::default()), Ok(()));
}

/// A document that anybody may open and nobody print, with this in an object stream.
fn sealed(object: &str) -> Vec<u8> {
    let mut document = lopdf::Document::load_mem(&pdf(b"")).unwrap();
    let id = || Object::string_literal("0123456789abcdef");
    document.trailer.set("ID", vec![id(), id()]);
    let mut holder = Dictionary::new();
    // Its type is left out: with one, it would not be written.
    holder.set("N", 1);
    holder.set("First", 5);
    document.add_object(lopdf::Stream::new(holder, format!("90 0 {object}").into_bytes()));
    let sealing = lopdf::EncryptionVersion::V2 {
        document: &document,
        owner_password: "owner",
        user_password: "",
        key_length: 128,
        permissions: lopdf::Permissions::COPYABLE,
    };
    let sealing = lopdf::EncryptionState::try_from(sealing).unwrap();
    document.encrypt(&sealing).unwrap();
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_document_that_forbids_printing_is_read() {
    assert_eq!(judged(&sealed("<< /A 1 >>"), Limits::default()), Ok(()));
    assert_eq!(judged(&sealed("<< /S /JavaScript >>"), Limits::default()), Err(Reason::ActiveContent));
}
#[test]
fn what_could_become_an_object_is_counted() {
    let limits = Limits::default();
    let budget = Budget::new(&limits, 0, false, spool());
    let words = |text: &str| names::read_objects(text.as_bytes(), &budget).unwrap().words;
    for (text, objects) in [
        ("0 0 0", 3),
        ("1+1-1.5.5", 4),
        ("nullnulltrue", 3),
        ("[[][]<<>>()<>]", 7),
        ("/A/B//", 4),
        ("1 0 R1 0 R", 2),
    ] {
        assert!(words(text) >= objects, "{text}");
    }
    assert_eq!(words("BT Tj q\u{1}"), 0);
    let many = [b"[".as_slice(), "0 ".repeat(5_000).as_bytes(), b"]"].concat();
    let document = with_object("<< >>", Some(&many));
    let few = Limits { pdf_words: 4_000, ..limits };
    assert!(names::read(&mut Cursor::new(&document), &budget).unwrap().words > 5_000);
    // In the stream nothing is active, unless an object could begin there.
    for (text, reason) in [("/Launch ", Ok(())), ("0 obj /Launch ", Err(Reason::ActiveContent))] {
        let named = with_object("<< /Length 9 >>", Some(&[&many, text.as_bytes()].concat()));
        assert_eq!([judged(&named, few), judged(&named, limits)], [reason, reason], "{text}");
    }
}

#[test]
fn tables_and_overlapping_objects_are_counted() {
    let limits = Limits::default();
    let budget = Budget::new(&limits, 0, false, spool());
    let seen = |text: &str| names::read(&mut Cursor::new(text), &budget).unwrap();
    for (text, tables) in [
        ("<< /Prev 5 0 R /Next 6 0 R >>", 0),
        ("<< /Prev 4711 /Size 9 >>", 1),
        ("<< /P#72ev 4711>> << /XRefStm 9 /Size 3 >>", 2),
        ("<< /Prev 4711 % 0 R\n>>", 1),
    ] {
        assert_eq!(seen(text).tables, tables, "{text}");
    }
    assert_eq!(seen("1 0 obj endobj 2 0 obj endobj").spanned, 14);
    assert_eq!(seen("1 0obj2 0obj3 0obj endobj").spanned, 39);
}

/// A document with these objects after its catalogue, pages and page, which the table of objects names, or not.
fn with_objects(objects: &[&[u8]], named: bool) -> Vec<u8> {
    let first: [&[u8]; 3] = [
        b"<< /Type /Catalog /Pages 2 0 R /OpenAction 4 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R >>",
    ];
    let mut bytes = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut table = String::new();
    for (index, object) in first.iter().chain(objects).enumerate() {
        let (id, start) = (index + 1, bytes.len());
        bytes.extend_from_slice(format!("{id} 0 obj\n").as_bytes());
        bytes.extend_from_slice(object);
        bytes.extend_from_slice(b"\nendobj\n");
        if named || index < first.len() {
            table += &format!("{start:010} 00000 n \n");
        }
    }
    let (start, count) = (bytes.len(), 1 + table.len() / 20);
    let table = format!("xref\n0 {count}\n0000000000 65535 f \n{table}");
    let end = format!("trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n");
    bytes.extend_from_slice(table.as_bytes());
    bytes.extend_from_slice(end.as_bytes());
    bytes
}

#[test]
fn an_object_that_cannot_be_read_hides_nothing() {
    let far = format!("<< /X ({:064}obj << /S /JavaScript >>) /Y stream /S /Launch >>", 0);
    let nested = format!("<< /S /JavaScript /JS (1) /X {}{} >>", "[".repeat(100), "]".repeat(100));
    let damaged: &[&str] = &[
        "<< /S /JavaScript /JS (1) /X 1.2.3 >>",
        "<< /S /JavaScript /JS (1) /X foo >>",
        "<< /S /JavaScript /JS (1) /X /A#ZZ >>",
        "<< /S /JavaScript /JS (1) /X >>",
        "<< /S /JavaScript /JS (1)",
        "<< /S /JavaScript /JS (a\\(1)) >>",
        "<< /S /URI /S /J#61vaScript /JS (1) >>",
        "<< /X <61(> /S /JavaScript /JS (1) >>",
        "<< /X [ >> ] stream /S /JavaScript /JS (1) >>",
        "<< /S /Rendition /JS (1) /X 1.2.3 >>",
        "<< /Type /Page /AA << /O << /S /JavaScript /JS (1) >> >> /X foo >>",
        "(endobj ( 5 0 obj << /S /JavaScript /JS (1) >>",
        "<< /Length 9 >> stream\n) ( 6 0 obj << /S /JavaScript /JS (1) >>\nendstream",
        "<< /X 1 >> /Y stream << /S /JavaScript /JS (1) >>",
        "5 stream << /S /JavaScript /JS (1) >>",
        &far,
        &nested,
    ];
    for object in damaged {
        for named in [true, false] {
            let bytes = with_objects(&[object.as_bytes()], named);
            let expected = Err(Reason::ActiveContent);
            assert_eq!(both(&bytes), [expected, expected], "{named} {object}");
        }
    }
    // The kind of an action as an object of its own.
    let apart = with_objects(&[b"<< /S 5 0 R /JS (1) >>", b"/JavaScript"], true);
    assert_eq!(judged(&apart, Limits::default()), Err(Reason::ActiveContent));
    let sealed = sealed("[<< /S 91 0 R /JS (1) >> /JavaScript]");
    assert_eq!(judged(&sealed, Limits::default()), Err(Reason::ActiveContent));
    let film = with_objects(&[b"<< /S /Rendition /JS (1) >>"], true);
    assert_eq!(judged(&film, Limits::default()), Err(Reason::ActiveContent));
    let file = with_objects(&[b"<< /Type /Filespec /F (a.exe) /EF << /F 5 0 R >> >>"], true);
    assert_eq!(judged(&file, Limits::default()), Err(Reason::ActiveContent));
}

#[test]
fn a_string_that_an_object_hides_in_counts_when_objects_are_lost() {
    let bytes = with_objects(&[b"(4 %x\n 0 obj << /S /JavaScript /JS (1) /X foo >>)"], true);
    assert_eq!(both(&bytes), [Ok(()), Err(Reason::ActiveContent)]);
    // The table leads into the string.
    let (outer, inner) = (find(&bytes, b"4 0 obj"), find(&bytes, b"4 %x\n"));
    let place = find(&bytes, format!("{outer:010}").as_bytes());
    let mut bytes = bytes;
    bytes[place..place + 10].copy_from_slice(format!("{inner:010}").as_bytes());
    assert_eq!(judged(&bytes, Limits::default()), Err(Reason::ActiveContent));
    // So does the index of an object stream, to what stands before its first object.
    let member = |index: &str, objects: &str| judged(&with_copies(index, objects, 1), Limits::default());
    assert_eq!(member("10 0 ", "(<< /S /JavaScript /X foo >>)"), Ok(()));
    assert_eq!(member("10 1 ", "(<< /S /JavaScript /X foo >>)"), Err(Reason::ActiveContent));
    // Where there is only the look at names, every string in one counts.
    let large = |bytes: &[u8]| judged(bytes, Limits { pdf_bytes: 0, ..Limits::default() });
    let text = "(<< /S /JavaScript /X foo >>)";
    assert_eq!(large(&with_copies("10 1 ", text, 1)), Err(Reason::ActiveContent));
    let dictionary = "<< /Type /ObjStm /N 1 /First 4 /Filter /FlateDecode /Length 9 >>";
    let packed = deflated(format!("9 1 {text}").as_bytes());
    assert_eq!(large(&with_object(dictionary, Some(&packed))), Err(Reason::ActiveContent));
}

fn find(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).position(|window| window == what).unwrap()
}

#[test]
fn compressed_objects_hide_nothing_either() {
    let script = b"9 0 << /S /JavaScript /JS (1) /X foo >>".as_slice();
    let holder = |dictionary: &str, content: &[u8]| {
        let head = format!("<< {dictionary} /N 1 /First 4 /Length {} >>\nstream\n", content.len());
        let holder = [head.as_bytes(), content, b"\nendstream"].concat();
        // What the holder needs, as objects of their own.
        [with_objects(&[b"null", &holder, b"/FlateDecode"], true), with_objects(&[b"null", &holder], false)]
    };
    let expected = Err(Reason::ActiveContent);
    for (dictionary, content, reason) in [
        ("/Type /ObjStm", script.to_vec(), expected),
        ("/Type /ObjStm /Filter /FlateDecode", deflated(script), expected),
        ("/Filter [/FlateDecode]", deflated(script), expected),
        ("/Type /ObjStm /X foo /Filter /FlateDecode", deflated(script), expected),
        ("/X foo /Filter /FlateDecode", deflated(script), expected),
        ("/Type /ObjStm /Filter 6 0 R", deflated(script), Err(Reason::Corrupt)),
        ("/Type /ObjStm /X foo /Filter 6 0 R", deflated(script), Err(Reason::Corrupt)),
        (
            "/Type /ObjStm /X foo /Filter [/FlateDecode /FlateDecode]",
            deflated(&deflated(script)),
            Err(Reason::Corrupt),
        ),
    ] {
        for bytes in holder(dictionary, &content) {
            assert_eq!(judged(&bytes, Limits::default()), reason, "{dictionary}");
        }
    }
    let far = [b"9 0 ".as_slice(), &vec![b' '; 1 << 20], script].concat();
    for bytes in holder("/Type /ObjStm /Filter /FlateDecode", &deflated(&far)) {
        for pdf_bytes in [0, 32 << 20] {
            let limits = Limits { pdf_bytes, pdf_stream_bytes: 1 << 20, ..Limits::default() };
            assert_eq!(judged(&bytes, limits), expected, "{pdf_bytes}");
        }
    }
}

#[test]
fn what_only_reads_like_it_passes() {
    let stream = b"<< /Length 60 >>\nstream\nBT (HTML/JavaScript) Tj /Launch gs (/EmbeddedFiles trailer) ET\nendstream";
    let sealed = sealed("(/JavaScript )");
    for object in [
        b"<< /Title (HTML/CSS/JavaScript \\( and /Launch \\)) /Author (J. /JavaScript) >>".as_slice(),
        b"<< /Title (3 D object files/JavaScript) >>",
        b"<< /Title (A stream/JavaScript) /First 5 0 R /Last 5 0 R /Count 1 >>",
        b"<< /UR3 << /EF [/Create /Delete] /Form [/SubmitStandalone] >> /JavaScriptActions 0 >>",
        b"<< /S /Rendition /R 5 0 R >>",
        stream,
    ] {
        for named in [true, false] {
            let text = String::from_utf8_lossy(object);
            assert_eq!(both(&with_objects(&[object], named)), [Ok(()), Ok(())], "{named} {text}");
        }
    }
    assert_eq!(judged(&sealed, Limits::default()), Ok(()));
    let spoken = with_objects(&[b"<< /Title (3 D obj files/JavaScript) >>"], true);
    assert_eq!(judged(&spoken, Limits::default()), Ok(()));
    // Objects that are not there.
    let whole = with_objects(&[b"<< /S /URI >>", b"null", b"null"], true);
    for (what, by) in
        [("4 0 obj", "4 1 obj"), ("5 0 obj", "9 0 obj"), ("6 0 obj", "xxxxxxx"), ("/URI", "1.2.")]
    {
        let at = find(&whole, what.as_bytes());
        let mut bytes = whole.clone();
        bytes[at..at + by.len()].copy_from_slice(by.as_bytes());
        assert_eq!(judged(&bytes, Limits::default()), Ok(()), "{what}");
    }
}
