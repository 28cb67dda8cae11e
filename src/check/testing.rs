//! Small things the tests of this module share.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use image::{ImageFormat, Rgb, RgbImage};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::component::{Section, ZipAdvice};

/// A section that takes these extensions up to 25 GB.
pub(crate) fn section(accepts: &[&str]) -> Section {
    Section {
        code: "Evidence".parse().unwrap(),
        title: "Evidence".into(),
        required: true,
        min: 1,
        max: 64,
        max_bytes: 25 << 30,
        accepts: accepts.iter().map(|&extension| extension.to_owned()).collect(),
        zip: ZipAdvice::None,
        naming_assessed: false,
        allow_unscannable: false,
        aliases: Vec::new(),
    }
}

/// A folder for what is inflated.
pub(crate) fn spool() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(std::env::temp_dir);
    &FOLDER
}

/// A deflated zip of these members, names as they are.
pub(crate) fn zip_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A Word document of one sentence, and these parts.
pub(crate) fn docx(more: &[(&str, &[u8])]) -> Vec<u8> {
    const TYPES: &[u8] = br#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>"#;
    const RELATIONS: &[u8] = br#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>"#;
    const DOCUMENT: &[u8] = br#"<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>An essay.</w:t></w:r></w:p></w:body></w:document>"#;
    let mut parts: Vec<(&str, &[u8])> =
        vec![("[Content_Types].xml", TYPES), ("_rels/.rels", RELATIONS), ("word/document.xml", DOCUMENT)];
    for (name, bytes) in more {
        parts.retain(|(other, _)| other != name);
        parts.push((name, bytes));
    }
    zip_of(&parts)
}

/// A PDF of one empty page, with this in its catalogue.
pub(crate) fn pdf(catalogue: &[u8]) -> Vec<u8> {
    let objects: [Vec<u8>; 3] = [
        [b"<< /Type /Catalog /Pages 2 0 R ".as_slice(), catalogue, b" >>"].concat(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>".to_vec(),
    ];
    let mut bytes = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut table = String::from("xref\n0 4\n0000000000 65535 f \n");
    for (index, object) in objects.iter().enumerate() {
        table += &format!("{:010} 00000 n \n", bytes.len());
        bytes.extend_from_slice(format!("{} 0 obj\n", index + 1).as_bytes());
        bytes.extend_from_slice(object);
        bytes.extend_from_slice(b"\nendobj\n");
    }
    let start = bytes.len();
    bytes.extend_from_slice(table.as_bytes());
    bytes.extend_from_slice(
        format!("trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n").as_bytes(),
    );
    bytes
}

/// A small picture.
pub(crate) fn png() -> Vec<u8> {
    encoded(ImageFormat::Png)
}

/// A small picture.
pub(crate) fn jpeg() -> Vec<u8> {
    encoded(ImageFormat::Jpeg)
}

pub(crate) fn encoded(format: ImageFormat) -> Vec<u8> {
    let picture = RgbImage::from_fn(32, 32, |x, y| Rgb([x as u8 * 8, y as u8 * 8, 128]));
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}
