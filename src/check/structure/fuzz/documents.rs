//! Office documents and OpenDocument: changed as they are, and changed in their parts and then put together.

use super::zips::stored;
use super::*;

const KINDS: &[&str] = &["docx", "dotx", "xlsx", "pptx", "odt", "odp", "pages", "key"];

fn odt(more: &[(&str, &[u8])]) -> Vec<(String, Vec<u8>)> {
    let manifest = br#"<manifest:manifest><manifest:file-entry manifest:full-path="/"/></manifest:manifest>"#;
    let parts: [(&str, &[u8]); 3] = [
        ("mimetype", b"application/vnd.oasis.opendocument.text"),
        ("META-INF/manifest.xml", manifest),
        ("content.xml", b"<office:document-content/>"),
    ];
    parts.iter().chain(more).map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect()
}

fn zipped(parts: &[(String, Vec<u8>)]) -> Vec<u8> {
    let parts: Vec<_> = parts.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    stored(&parts)
}

#[test]
fn documents() {
    let seeds = [
        ("docx", docx(&[])),
        ("docx", docx(&[("word/vbaProject.bin", b"x"), ("word/embeddings/a.xlsx", &docx(&[]))])),
        ("odt", zipped(&odt(&[]))),
        ("odt", zipped(&odt(&[("Basic/script-lc.xml", b"<x/>"), ("Object 1/content.xml", b"<y/>")]))),
        ("pages", stored(&[("Index/Document.iwa", b"x"), ("preview.jpg", &jpeg())])),
        ("key", stored(&[("Index.zip", &stored(&[("a", b"a")]))])),
    ];
    let words: &[&[u8]] =
        &[b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"word/", b"xl/", b"ppt/", b".rels", b"Basic/"];
    any_of("documents", KINDS, &seeds, words);
}

/// Names and contents of parts, each ended by a zero.
fn parts_of(input: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut pieces = input.split(|&byte| byte == 0);
    let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
    while let (Some(name), Some(bytes)) = (pieces.next(), pieces.next()) {
        let name = String::from_utf8_lossy(name).into_owned();
        if !parts.iter().any(|(other, _)| *other == name) && parts.len() < 40 && name.len() < 200 {
            parts.push((name, bytes.to_vec()));
        }
    }
    parts
}

fn seed_of(archive: &[u8], more: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ::zip::ZipArchive::new(Cursor::new(archive)).unwrap();
    let mut seed = Vec::new();
    for index in 0..zip.len() {
        let mut part = zip.by_index(index).unwrap();
        seed.extend_from_slice(part.name().unwrap().as_bytes());
        seed.push(0);
        std::io::copy(&mut part, &mut seed).unwrap();
        seed.push(0);
    }
    for (name, text) in more {
        seed.extend_from_slice(format!("{name}\0{text}\0").as_bytes());
    }
    seed
}

#[test]
fn office_parts() {
    let relation = |kind: &str, target: &str| {
        format!(
            "<Relationships><Relationship Id='r' Type='http://x/{kind}' Target='{target}' TargetMode='External'/></Relationships>"
        )
    };
    let plain = docx(&[]);
    let seeds = [
        seed_of(&plain, &[]),
        seed_of(&plain, &[("word/_rels/document.xml.rels", &relation("hyperlink", "https://example.org"))]),
        seed_of(
            &plain,
            &[("word/_rels/settings.xml.rels", &relation("attachedTemplate", "file:///C:\\a.dotm"))],
        ),
        seed_of(&plain, &[("word/_rels/x.xml.rels", &relation("oleObject", "http://example.org/a"))]),
        seed_of(&plain, &[("word/header1.xml", "<w:p><w:instrText>PAGE</w:instrText><w:fldChar/></w:p>")]),
        seed_of(&plain, &[("word/footer1.xml", "<w:fldSimple w:instr='DDE a b'/>")]),
        seed_of(&plain, &[("xl/externalLinks/a.xml", "<ddeLink/>"), ("xl/macrosheets/a.xml", "<x/>")]),
        seed_of(&plain, &[("word/vbaProject.bin", "x")]),
    ];
    let words: &[&[u8]] = &[
        b"<!DOCTYPE a [<!ENTITY b 'c'>]>",
        b"&b;",
        b"&#69;",
        b"<!--",
        b"-->",
        b"<![CDATA[",
        b"]]>",
        b"<?xml version='1.1'?>",
        b"<w:instrText>",
        b"DDEAUTO c:\\cmd.exe",
        b"</w:instrText>",
        b"<w:fldChar/>",
        b"macroEnabled",
        b"<a>",
        b"</a>",
        b"Override",
        b"PartName=\"/word/document.xml\"",
        b"ContentType=\"",
        b"TargetMode=\"External\"",
        b"xmlns:w=\"x\"",
        b"\xff\xfe<\0",
        b"\xef\xbb\xbf",
        b"'",
        b"\"",
        b"/>",
        b"=",
    ];
    run("office_parts", seeds, words, |input| {
        let parts = parts_of(input);
        let judged = judged(&zipped(&parts), "docx");
        if judged.is_ok() {
            assert!(
                !parts.iter().any(|(name, bytes)| is_bad(name, bytes)),
                "{}",
                String::from_utf8_lossy(input)
            );
        }
        kind_of("docx", &judged)
    });
}

/// Bad beyond doubt: written as plainly as can be, with nothing in the part that could make it mean something else.
fn is_bad(name: &str, bytes: &[u8]) -> bool {
    let (name, text) = (name.to_lowercase(), String::from_utf8_lossy(bytes));
    if name.ends_with("/vbaproject.bin")
        || name.starts_with("xl/macrosheets/")
        || name.starts_with("customui/")
    {
        return true;
    }
    let twisted =
        ["<!--", "<![", "<?", "&"].iter().any(|word| text.contains(word)) || text.matches('\'').count() > 0;
    if twisted || text.chars().any(|c| c.is_control() || c == '\u{fffd}') {
        return false;
    }
    match name.as_str() {
        "[content_types].xml" => text.contains("<Override ContentType=\"macroEnabled\"/>"),
        name if name.starts_with("word/") && name.ends_with(".xml") => {
            text.contains("<w:fldChar/><w:instrText>DDEAUTO c:\\cmd.exe</w:instrText><w:fldChar/>")
        }
        _ => text.contains("<!DOCTYPE") && (name.ends_with(".rels")),
    }
}

#[test]
fn open_document_parts() {
    let plain = zipped(&odt(&[]));
    let encrypted = "<m:manifest><m:file-entry><m:encryption-data/></m:file-entry></m:manifest>";
    let seeds = [
        seed_of(&plain, &[]),
        seed_of(&plain, &[("Basic/script-lc.xml", "<x/>"), ("Basic/Standard/Module1.xml", "<x/>")]),
        format!("mimetype\0application/vnd.oasis.opendocument.text\0META-INF/manifest.xml\0{encrypted}\0").into_bytes(),
        b"mimetype\0application/vnd.oasis.opendocument.text\0META-INF/manifest.xml\0<!DOCTYPE m PUBLIC 'a' 'b'><m/>\0".to_vec(),
    ];
    let words: &[&[u8]] = &[
        b"<!DOCTYPE a [<!ENTITY b 'c'>]>",
        b"<!DOCTYPE a>",
        b"&b;",
        b"<!--",
        b"-->",
        b"encryption-data",
        b"<m:",
        b"/>",
        b"Scripts/",
        b"Basic/",
        b"[",
        b">",
        b"<",
    ];
    run("open_document_parts", seeds, words, |input| {
        let parts = parts_of(input);
        let judged = judged(&zipped(&parts), "odt");
        let script = |name: &str| {
            (name.starts_with("Basic/") || name.starts_with("Scripts/")) && name.ends_with("Module1.xml")
        };
        assert!(judged.is_err() || !parts.iter().any(|(name, _)| script(name)), "macros pass");
        kind_of("odt", &judged)
    });
}
