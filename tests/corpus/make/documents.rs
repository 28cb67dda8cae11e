//! Documents: of Office, of LibreOffice, PDF and RTF.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Write};
use std::sync::Arc;

use cfb::CompoundFile;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use lopdf::encryption::crypt_filters::{Aes128CryptFilter, Aes256CryptFilter, CryptFilter};
use lopdf::{Document, EncryptionState, EncryptionVersion, Object, Permissions};

use super::Repeated;
use super::zip::{self, Member};

/// An Office document of today: what it is and where its main part lies.
#[derive(Clone, Copy, Debug)]
pub struct Office {
    main_part: &'static str,
    content_type: &'static str,
    markup: &'static str,
}

pub const WORD: Office = Office {
    main_part: "word/document.xml",
    content_type: "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
    markup: r#"<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>An essay.</w:t></w:r></w:p></w:body></w:document>"#,
};
pub const EXCEL: Office = Office {
    main_part: "xl/workbook.xml",
    content_type: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
    markup: r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheets/></workbook>"#,
};
pub const POWERPOINT: Office = Office {
    main_part: "ppt/presentation.xml",
    content_type: "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml",
    markup: r#"<p:presentation xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"/>"#,
};

const PROLOG: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#;
const RELATIONS: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
const KINDS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

impl Office {
    /// The same document under another content type.
    pub fn typed(self, content_type: &'static str) -> Self {
        Self { content_type, ..self }
    }

    /// Where its parts lie.
    pub fn folder(self) -> &'static str {
        self.main_part.split('/').next().unwrap()
    }

    /// Its parts; `more` are added, or stand in for those of the same name.
    pub fn parts(self, more: &[(&str, &[u8])]) -> Vec<(String, Vec<u8>)> {
        let types = format!(
            r#"{PROLOG}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/{}" ContentType="{}"/></Types>"#,
            self.main_part, self.content_type
        );
        let relations = format!(
            r#"{PROLOG}<Relationships xmlns="{RELATIONS}"><Relationship Id="rId1" Type="{KINDS}/officeDocument" Target="{}"/></Relationships>"#,
            self.main_part
        );
        let main = format!("{PROLOG}{}", self.markup);
        let mut parts = vec![
            ("[Content_Types].xml".to_owned(), types.into_bytes()),
            ("_rels/.rels".to_owned(), relations.into_bytes()),
            (self.main_part.to_owned(), main.into_bytes()),
        ];
        for (name, bytes) in more {
            parts.retain(|(other, _)| other != name);
            parts.push(((*name).to_owned(), bytes.to_vec()));
        }
        parts
    }

    /// The document.
    pub fn with(self, more: &[(&str, &[u8])]) -> Vec<u8> {
        zip::of(&self.parts(more).iter().map(|(name, bytes)| Member::new(name, bytes)).collect::<Vec<_>>())
    }
}

/// A part that says where another is, outside the document.
pub fn relation(kind: &str, target: &str) -> Vec<u8> {
    format!(
        r#"{PROLOG}<Relationships xmlns="{RELATIONS}"><Relationship Id="rId1" Type="{KINDS}/{kind}" Target="{target}" TargetMode="External"/></Relationships>"#
    )
    .into_bytes()
}

/// A document of LibreOffice: `text` or `presentation`, with more parts and lines of its manifest.
pub fn open_document(kind: &str, more: &[(&str, &[u8])], manifest: &str) -> Vec<u8> {
    let media_type = format!("application/vnd.oasis.opendocument.{kind}");
    let space = "urn:oasis:names:tc:opendocument:xmlns";
    let listed = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><manifest:manifest xmlns:manifest="{space}:manifest:1.0" manifest:version="1.3"><manifest:file-entry manifest:full-path="/" manifest:media-type="{media_type}"/><manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml">{manifest}</manifest:file-entry></manifest:manifest>"#
    );
    let content = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><office:document-content xmlns:office="{space}:office:1.0" office:version="1.3"><office:body/></office:document-content>"#
    );
    let mut members = vec![Member::stored("mimetype", media_type.as_bytes())];
    let own: [(&str, &[u8]); 2] =
        [("content.xml", content.as_bytes()), ("META-INF/manifest.xml", listed.as_bytes())];
    let kept = own.iter().filter(|(name, _)| more.iter().all(|(other, _)| other != name));
    members.extend(kept.chain(more).map(|(name, bytes)| Member::new(name, bytes)));
    zip::of(&members)
}

/// A PDF of one page: `catalogue` is added to its catalogue, `more` are objects from number 4 on.
pub fn pdf(catalogue: &str, more: &[&[u8]]) -> Vec<u8> {
    let catalogue = format!("<< /Type /Catalog /Pages 2 0 R {catalogue} >>");
    let own = [catalogue.as_bytes(), ONE_PAGE[1], ONE_PAGE[2]];
    pdf_of(own.into_iter().chain(more.iter().copied()))
}

/// A PDF of these objects, the first of them its catalogue.
pub fn pdf_of<'a>(objects: impl Iterator<Item = &'a [u8]> + Clone) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_pdf(&mut bytes, objects).unwrap();
    bytes
}

/// Writes a PDF of these objects, which are gone through twice.
pub fn write_pdf<'a>(to: &mut impl Write, objects: impl Iterator<Item = &'a [u8]> + Clone) -> io::Result<()> {
    const START: &[u8] = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n";
    const END: &[u8] = b"\nendobj\n";
    let head = |number: usize| format!("{number} 0 obj\n");
    let mut place = START.len();
    let mut count = 1;
    to.write_all(START)?;
    for object in objects.clone() {
        let head = head(count);
        [head.as_bytes(), object, END].into_iter().try_for_each(|part| to.write_all(part))?;
        place += head.len() + object.len() + END.len();
        count += 1;
    }
    write!(to, "xref\n0 {count}\n0000000000 65535 f \n")?;
    let mut at = START.len();
    for (number, object) in (1..).zip(objects) {
        writeln!(to, "{at:010} 00000 n ")?;
        at += head(number).len() + object.len() + END.len();
    }
    writeln!(to, "trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{place}\n%%EOF")
}

/// The objects of a PDF of one page with nothing on it.
pub const ONE_PAGE: [&[u8]; 3] = [
    b"<< /Type /Catalog /Pages 2 0 R >>",
    b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>",
];

/// An object of a PDF with a stream; `dictionary` says what it is, but for its length.
pub fn stream(dictionary: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("<< {dictionary} /Length {} >>\nstream\n", content.len());
    [head.as_bytes(), content, b"\nendstream"].concat()
}

/// With the header that PDF and PNG want.
pub fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::default());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// So many MiB of blanks, as [`zlib`] packs them.
pub fn zlib_blanks(mebibytes: u64) -> Vec<u8> {
    let mut bytes = zlib(b"");
    bytes.truncate(2);
    let blanks = Repeated::new(&[(&vec![b' '; 1 << 20], mebibytes)]);
    blanks.write(&mut bytes).unwrap();
    // Adler-32: the sum of all, and the sum of all sums.
    let (count, each) = (u128::from(mebibytes) << 20, u128::from(b' '));
    let sum = (1 + count * each) % 65_521;
    let sums = (count + each * count * (count + 1) / 2) % 65_521;
    bytes.extend_from_slice(&((sums << 16 | sum) as u32).to_be_bytes());
    bytes
}

/// How a PDF is sealed.
#[derive(Clone, Copy, Debug)]
pub enum Seal {
    Rc4,
    Aes128,
    Aes256,
}

/// A PDF that nobody may change, and nobody may open without the password of its user, where there is one.
pub fn sealed_pdf(seal: Seal, user_password: &str) -> Vec<u8> {
    let mut document = Document::load_mem(&pdf("", &[])).unwrap();
    let id = || Object::string_literal("0123456789abcdef");
    document.trailer.set("ID", vec![id(), id()]);
    let filters = |filter: Arc<dyn CryptFilter>| BTreeMap::from([(b"StdCF".to_vec(), filter)]);
    let (owner_password, permissions) = ("owner", Permissions::PRINTABLE);
    let (stream_filter, string_filter) = (b"StdCF".to_vec(), b"StdCF".to_vec());
    let version = match seal {
        Seal::Rc4 => EncryptionVersion::V2 {
            document: &document,
            owner_password,
            user_password,
            key_length: 128,
            permissions,
        },
        Seal::Aes128 => EncryptionVersion::V4 {
            document: &document,
            encrypt_metadata: true,
            crypt_filters: filters(Arc::new(Aes128CryptFilter)),
            stream_filter,
            string_filter,
            owner_password,
            user_password,
            permissions,
        },
        Seal::Aes256 => EncryptionVersion::V5 {
            encrypt_metadata: true,
            crypt_filters: filters(Arc::new(Aes256CryptFilter)),
            file_encryption_key: &[7; 32],
            stream_filter,
            string_filter,
            owner_password,
            user_password,
            permissions,
        },
    };
    let state = EncryptionState::try_from(version).unwrap();
    document.encrypt(&state).unwrap();
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

/// A compound file: the folders and files of older Office. Names end in `/` for folders.
pub fn compound(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    for (name, content) in entries {
        match name.strip_suffix('/') {
            Some(folder) => file.create_storage_all(folder).unwrap(),
            None => file.create_stream(name).unwrap().write_all(content).unwrap(),
        }
    }
    file.flush().unwrap();
    file.into_inner().into_inner()
}

/// What a document of Word up to 2003 begins with; bit 0 of `flags` says that it is encrypted.
pub fn word_block(flags: u8) -> Vec<u8> {
    let mut block = b"\xec\xa5\xc1\0\0\0\x09\x04\0\0\0".to_vec();
    block.push(flags);
    block.resize(1472, 0);
    block
}

/// The workbook of Excel up to 2003 with these records between its first and its last.
pub fn workbook(records: &[(u16, &[u8])]) -> Vec<u8> {
    let begin: (u16, &[u8]) = (0x0809, &[0, 6, 5, 0, 0xbb, 0x0d, 0xcc, 7, 0, 0, 0, 0, 6, 0, 0, 0]);
    let mut bytes = Vec::new();
    for (kind, content) in [begin].iter().chain(records).chain(&[(0x000a, &[][..])]) {
        bytes.extend_from_slice(&kind.to_le_bytes());
        bytes.extend_from_slice(&(content.len() as u16).to_le_bytes());
        bytes.extend_from_slice(content);
    }
    bytes.resize(bytes.len().max(4096), 0);
    bytes
}
