//! Documents that do something, small (parsed) and large (read for names).

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::*;
use crate::check::structure::Limits;
use crate::check::testing::pdf;

fn judged(bytes: &[u8], limits: Limits) -> Result<(), Reason> {
    let size = bytes.len() as u64;
    match check(&mut Cursor::new(bytes.to_vec()), size, &Budget::new(&limits, size, false)) {
        Ok(()) => Ok(()),
        Err(Stop::Refused(refusal)) => Err(refusal.reason),
        Err(Stop::Read(error)) => panic!("{error}"),
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
