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
    let words = |text: &str| names::count_words(text.as_bytes(), &budget).unwrap();
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
    // In the stream nothing is active, but by its names it could be.
    let named = with_object("<< /Length 9 >>", Some(&[&many, b"/Launch ".as_slice()].concat()));
    assert_eq!(judged(&named, few), Err(Reason::ActiveContent));
    assert_eq!(judged(&named, limits), Ok(()));
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
