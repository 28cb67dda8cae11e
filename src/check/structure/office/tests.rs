//! Documents that hide macros, links and commands.

use std::io::Cursor;

use super::*;
use crate::check::structure::Limits;
use crate::check::testing::{docx, spool};

fn judged(bytes: Vec<u8>) -> Result<(), Reason> {
    let limits = Limits::default();
    let size = bytes.len() as u64;
    let mut budget = Budget::new(&limits, size, false, spool());
    match check_document(&mut Cursor::new(bytes), size, Some(MainPart::Document), &mut budget) {
        Ok(()) => Ok(()),
        Err(Stop::Refused(refusal)) => Err(refusal.reason),
        Err(other) => panic!("{other:?}"),
    }
}

fn relation(kind: &str, target: &str) -> Vec<u8> {
    let base = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    format!(
        r#"<Relationships><Relationship Id="r" Type="{base}/{kind}" Target="{target}" TargetMode="External"/></Relationships>"#
    )
    .into_bytes()
}

fn types(main: &str) -> Vec<u8> {
    format!(r#"<Types><Override PartName="/word/document.xml" ContentType="application/{main}"/></Types>"#)
        .into_bytes()
}

/// Types as System.IO.Packaging writes them; `named` has the type by its name too.
fn typed_by_ending(ending: &str, named: &str) -> Vec<u8> {
    let main = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml";
    let by_name = match named {
        "" => String::new(),
        name => format!(r#"<Override PartName="{name}" ContentType="{main}"/>"#),
    };
    format!(r#"<Types><Default Extension="{ending}" ContentType="{main}"/>{by_name}</Types>"#).into_bytes()
}

#[test]
fn what_a_school_writes_passes() {
    for (what, parts) in [
        ("plain", vec![]),
        ("link", vec![("word/_rels/document.xml.rels", relation("hyperlink", "https://example.org/"))]),
        (
            "picture from the web",
            vec![("word/_rels/document.xml.rels", relation("image", "https://example.org/a.png"))],
        ),
        (
            "local template",
            vec![(
                "word/_rels/settings.xml.rels",
                relation("attachedTemplate", "file:///C:\\A\\Normal.dotm"),
            )],
        ),
        (
            "server template",
            vec![(
                "word/_rels/settings.xml.rels",
                relation("attachedTemplate", "file:///\\\\school\\t.dotx"),
            )],
        ),
        (
            "page numbers",
            vec![("word/footer1.xml", b"<w:ftr><w:instrText> PAGE </w:instrText></w:ftr>".to_vec())],
        ),
        ("workbook inside", vec![("word/embeddings/a.docx", docx(&[]))]),
        ("type by ending", vec![("[Content_Types].xml", typed_by_ending("xml", ""))]),
        (
            "type by ending and by name",
            vec![("[Content_Types].xml", typed_by_ending("xml", "/word/document.xml"))],
        ),
        (
            "wide letters",
            vec![(
                "customXml/item1.xml",
                "\u{feff}<?xml version='1.0'?><a/>".encode_utf16().flat_map(u16::to_le_bytes).collect(),
            )],
        ),
        ("a drawing", vec![("word/media/a.svg", b"<!DOCTYPE svg PUBLIC 'a' 'b'><svg/>".to_vec())]),
        (
            "words about types",
            vec![("docProps/core.xml", b"<a>&lt;!DOCTYPE html><!-- <!DOCTYPE --></a>".to_vec())],
        ),
        ("printer settings", vec![("word/printerSettings1.bin", b"\0\x01".to_vec())]),
    ] {
        let parts: Vec<_> = parts.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
        assert_eq!(judged(docx(&parts)), Ok(()), "{what}");
    }
}

#[test]
fn every_trick_has_its_reason() {
    let declared = types("vnd.ms-word.document.macroEnabled.main+xml");
    let workbook = types("vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml");
    let fields = b"<w:p><w:instrText>DDE</w:instrText><w:instrText>AUTO c:\\cmd</w:instrText></w:p>".to_vec();
    let simple = br#"<w:p><w:fldSimple w:instr=" DDE x y"/></w:p>"#.to_vec();
    let wide = "\u{feff}<!DOCTYPE a SYSTEM 'b'><a/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let late = [b"<?xml version='1.0'?><!--", &[b' '; 100_000][..], b"--><!DOCTYPE a><a/>"].concat();
    let entities = b"<!DOCTYPE a [<!ENTITY b 'c'>]><Relationships/>".to_vec();
    let elsewhere =
        br#"<Relationships><Relationship Type="x/officeDocument" Target="/word/none.xml"/></Relationships>"#;
    let named_otherwise = [
        &typed_by_ending("xml", "")[..b"<Types>".len()],
        br#"<Override PartName="/word/document.xml" ContentType="text/xml"/>"#,
        &typed_by_ending("xml", "")[b"<Types>".len()..],
    ]
    .concat();
    let deep = [b"<a>".repeat(10_000), b"</a>".repeat(10_000)].concat();
    for (what, part, bytes, reason) in [
        ("declared macros", "[Content_Types].xml", declared, Reason::Macro),
        ("undeclared macros", "word/vbaProject.bin", b"1".to_vec(), Reason::Macro),
        ("ActiveX", "word/activeX/activeX1.bin", b"1".to_vec(), Reason::Macro),
        (
            "remote template",
            "word/_rels/settings.xml.rels",
            relation("attachedTemplate", "http://x/a.dotm"),
            Reason::ActiveContent,
        ),
        (
            "remote object",
            "word/_rels/document.xml.rels",
            relation("oleObject", "\\\\x\\a"),
            Reason::ActiveContent,
        ),
        ("DDE in pieces", "word/header1.xml", fields, Reason::ActiveContent),
        ("simple DDE", "word/header1.xml", simple, Reason::ActiveContent),
        ("entities in a part", "docProps/core.xml", entities.clone(), Reason::ActiveContent),
        ("entities in wide letters", "customXml/item1.xml", wide, Reason::ActiveContent),
        ("entities behind a comment", "docProps/app.xml", late, Reason::ActiveContent),
        ("entities", "word/_rels/document.xml.rels", entities, Reason::ActiveContent),
        ("deep markup", "word/header1.xml", deep, Reason::Corrupt),
        ("another family", "[Content_Types].xml", workbook, Reason::TypeMismatch),
        ("another ending", "[Content_Types].xml", typed_by_ending("txt", ""), Reason::TypeMismatch),
        ("named otherwise", "[Content_Types].xml", named_otherwise, Reason::TypeMismatch),
        (
            "no such part",
            "[Content_Types].xml",
            typed_by_ending("txt", "/word/none.xml"),
            Reason::TypeMismatch,
        ),
        ("no types", "[Content_Types].xml", b"<Types/>".to_vec(), Reason::TypeMismatch),
    ] {
        assert_eq!(judged(docx(&[(part, &bytes)])), Err(reason), "{what}");
    }
    let types = typed_by_ending("xml", "");
    let absent = docx(&[("[Content_Types].xml", &types), ("_rels/.rels", elsewhere)]);
    assert_eq!(judged(absent), Err(Reason::TypeMismatch));
}
