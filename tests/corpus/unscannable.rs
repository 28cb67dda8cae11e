//! What a scanner cannot look into: refused, since an `OK` of clamd would say nothing.

use strongroom::check::scan::LARGEST_SCAN;
use strongroom::evidence::Reason::{self, ArchiveUnsafe, Encrypted, TypeMismatch, TypeNotAllowed};

use crate::case::{Case, holding};
use crate::make::documents::{
    EXCEL, POWERPOINT, Seal, WORD, compound, open_document, sealed_pdf, word_block, workbook,
};
use crate::make::packed::{
    AES, BZIP2, COPY, DEFLATE, DELTA, LZMA2, Method, PPMD, gzip, lzma2, rar, seven_zip, zstandard,
};
use crate::make::zip::{self, ENCRYPTED, Member};
use crate::make::{MARKER, Repeated, noise, text};

const GROUP: &str = "Unscannable";

pub fn cases() -> Vec<Case> {
    [methods(), counts(), passwords(), good()].into_iter().flatten().collect()
}

fn bad(what: impl Into<String>, name: &str, reason: Reason, bytes: Vec<u8>) -> Case {
    Case::bad(GROUP, what, name, reason, holding(bytes))
}

/// Packed in ways that the scanner passes over without a word.
fn methods() -> Vec<Case> {
    let mut cases: Vec<Case> = [
        ("Shrunk", 1),
        ("Imploded", 6),
        ("Deflate64", 9),
        ("bzip2", 12),
        ("LZMA", 14),
        ("Zstandard", 93),
        ("xz", 95),
        ("PPMd", 98),
        ("what nobody knows", 77),
    ]
    .into_iter()
    .map(|(what, method)| {
        let member = Member { method, ..Member::new("a.txt", &text(200)) };
        bad(format!("a zip with {what}"), "work.zip", ArchiveUnsafe, zip::of(&[member]))
    })
    .collect();
    let (zst, rar) = (zstandard(MARKER), rar(MARKER));
    let in_zip = |name: &str, bytes: &[u8]| zip::files(&[("a.txt", b"a"), (name, bytes)]);
    // clamd unpacks neither; what it cannot look into is not passed on inside of what it can.
    for (what, method) in [
        ("Deflate", DEFLATE),
        ("bzip2", BZIP2),
        ("PPMd", PPMD),
        ("Delta", DELTA),
        ("what nobody knows", Method(&[0x0f, 0x0f, 0x0f], &[])),
    ] {
        let bytes = seven_zip("a.txt", MARKER, &noise(100), method, None);
        cases.push(bad(format!("a 7z with {what}"), "work.7z", ArchiveUnsafe, bytes));
    }
    cases.extend([
        bad("a Zstandard file", "work.zst", TypeNotAllowed, zst.clone()),
        bad("a Zstandard file, called gz", "work.gz", TypeMismatch, zst.clone()),
        bad("a Zstandard file in a zip", "work.zip", ArchiveUnsafe, in_zip("a.zst", &zst)),
        bad("a Zstandard file in a zip, as a picture", "work.zip", ArchiveUnsafe, in_zip("a.png", &zst)),
        bad("a Zstandard file in a gzip", "work.gz", ArchiveUnsafe, gzip(&zst)),
        bad("a RAR", "work.rar", TypeNotAllowed, rar.clone()),
        bad("a RAR, called zip", "work.zip", TypeMismatch, rar.clone()),
        bad("a RAR, called 7z", "work.7z", TypeMismatch, rar.clone()),
        bad("a RAR in a zip", "work.zip", ArchiveUnsafe, in_zip("a.rar", &rar)),
        bad("a RAR in a document", "essay.docx", ArchiveUnsafe, WORD.with(&[("word/media/a.png", &rar)])),
    ]);
    cases
}

/// More, deeper and larger than the scanner goes.
fn counts() -> Vec<Case> {
    let mut cases: Vec<Case> = [4, 16, 40]
        .into_iter()
        .map(|layers| {
            bad(format!("{layers} layers"), "work.zip", ArchiveUnsafe, zip::nested(layers, "a.txt", b"a"))
        })
        .collect();
    for files in [2_001, 12_000, 40_000] {
        cases.push(Case::bad(GROUP, format!("{files} files"), "work.zip", ArchiveUnsafe, move |file| {
            holding(zip::empties(files))(file)
        }));
    }
    cases.extend([
        Case::bad(GROUP, "5,001 files in three layers", "work.zip", ArchiveUnsafe, |file| {
            let (most, more) = (zip::empties(1_999), zip::empties(1_001));
            holding(zip::files(&[("a.zip", &most), ("b.zip", &most), ("c.zip", &more)]))(file)
        }),
        // As far as the scanner goes by size, and its one member further.
        Case::bad(GROUP, "a file of more than 2,147,483,645 bytes", "work.zip", ArchiveUnsafe, |file| {
            let piece = noise(1 << 20);
            let long = [&piece[..64 << 10], &vec![0; 15 << 16]].concat();
            let content = Repeated::new(&[(&long, LARGEST_SCAN / (1 << 20) + 1)]);
            zip::write_repeated(file, &[("film.mp4", &content)])
        }),
        Case::bad(GROUP, "more than 8 GiB together", "work.zip", ArchiveUnsafe, |file| {
            // Packs to a hundredth and a half, so that the ratio lets it pass.
            let mut piece = noise(12 << 10);
            piece.resize(1 << 20, 0);
            let film = Repeated::new(&[(&piece, 1_700)]);
            let names = ["1.bin", "2.bin", "3.bin", "4.bin", "5.bin"];
            zip::write_repeated(file, &names.map(|name| (name, &film)))
        }),
    ]);
    cases
}

/// What needs a password.
fn passwords() -> Vec<Case> {
    let sealed = noise(200);
    // Twelve bytes of a header before the content.
    let zip_crypto =
        Member { flags: ENCRYPTED, stored: 200, content: sealed.clone(), ..Member::new("a.txt", &text(300)) };
    let zip_aes =
        Member { method: 99, extra: b"\x01\x99\x07\0\x02\0AE\x03\x08\0".to_vec(), ..zip_crypto.clone() };
    let hidden = Member { flags: ENCRYPTED | 1 << 13 | 1 << 6, ..zip_crypto.clone() };
    let package: [(&str, &[u8]); 2] =
        [("/EncryptionInfo", b"\x04\0\x04\0\x40\0\0\0<encryption/>"), ("/EncryptedPackage", &sealed)];
    let office = compound(&package);
    let in_zip = zip::files(&[("a.txt", b"a"), ("essay.docx", &office)]);
    let locked = r#"<manifest:encryption-data manifest:checksum-type="SHA1/1K" manifest:checksum="AAAA"/>"#;
    let seven = |hidden| seven_zip("a.txt", MARKER, &sealed[..48], AES, hidden);
    let key = |kind: &'static [u8]| workbook(&[(0x002f, kind)]);
    // The key by XOR, and by RC4.
    let (xor, rc4) = (key(&[0, 0, 1, 2, 3, 4]), key(&[1, 0, 1, 0, 1, 0, 7, 7, 7, 7]));
    let encrypted = |what: &str, name: &str, bytes: Vec<u8>| bad(what, name, Encrypted, bytes);
    vec![
        encrypted("a zip by ZipCrypto", "work.zip", zip::of(&[zip_crypto])),
        encrypted("a zip by AES", "work.zip", zip::of(&[zip_aes])),
        encrypted("a zip with hidden headers", "work.zip", zip::of(&[hidden])),
        encrypted("a 7z", "work.7z", seven(None)),
        encrypted("a 7z with a hidden table of contents", "work.7z", seven(Some(AES))),
        encrypted("a 7z in a zip", "work.zip", zip::files(&[("a.7z", &seven(None))])),
        encrypted("a PDF by RC4", "essay.pdf", sealed_pdf(Seal::Rc4, "secret")),
        encrypted("a PDF by AES-128", "essay.pdf", sealed_pdf(Seal::Aes128, "secret")),
        encrypted("a PDF by AES-256", "essay.pdf", sealed_pdf(Seal::Aes256, "secret")),
        encrypted(
            "a PDF in a zip",
            "work.zip",
            zip::files(&[("a.pdf", &sealed_pdf(Seal::Aes128, "secret"))]),
        ),
        encrypted("a document of Word", "essay.docx", office.clone()),
        encrypted("a workbook of Excel", "data.xlsx", office.clone()),
        encrypted("a presentation of PowerPoint", "talk.pptx", office.clone()),
        encrypted("a document of Word in a zip", "work.zip", in_zip),
        encrypted("a document of Word, called by its old name", "essay.doc", office),
        encrypted("a document of LibreOffice", "essay.odt", open_document("text", &[], locked)),
        encrypted("an old document of Word", "essay.doc", compound(&[("/WordDocument", &word_block(1))])),
        encrypted("an old workbook, by XOR", "data.xls", compound(&[("/Workbook", &xor)])),
        encrypted("an old workbook, by RC4", "data.xls", compound(&[("/Workbook", &rc4)])),
        encrypted("an older workbook", "data.xls", compound(&[("/Book", &xor)])),
        encrypted("an old presentation", "talk.ppt", {
            compound(&[
                ("/PowerPoint Document", &sealed),
                ("/EncryptedSummary", &sealed),
                ("/Current User", b""),
            ])
        }),
    ]
}

/// Where nobody is kept out.
fn good() -> Vec<Case> {
    let good = |what: &str, name: &str, bytes: Vec<u8>| Case::good(GROUP, what, name, holding(bytes));
    let words = text(500);
    vec![
        good("a PDF that may not be changed, by RC4", "essay.pdf", sealed_pdf(Seal::Rc4, "")),
        good("a PDF that may not be changed, by AES-128", "essay.pdf", sealed_pdf(Seal::Aes128, "")),
        good("a PDF that may not be changed, by AES-256", "essay.pdf", sealed_pdf(Seal::Aes256, "")),
        good("a document", "essay.docx", WORD.with(&[])),
        good("a workbook", "data.xlsx", EXCEL.with(&[])),
        good("a presentation", "talk.pptx", POWERPOINT.with(&[])),
        good("a document of LibreOffice", "essay.odt", open_document("text", &[], "")),
        good("a presentation of LibreOffice", "talk.odp", open_document("presentation", &[], "")),
        good("an old document", "essay.doc", compound(&[("/WordDocument", &word_block(0))])),
        good("an old workbook", "data.xls", compound(&[("/Workbook", &workbook(&[]))])),
        good(
            "an old presentation",
            "talk.ppt",
            compound(&[("/PowerPoint Document", &[0; 4096]), ("/Current User", b"")]),
        ),
        good("a 7z", "work.7z", seven_zip("a.txt", &words, &words, COPY, None)),
        good("a 7z of LZMA2", "work.7z", seven_zip("a.txt", &words, &lzma2(&words), LZMA2, None)),
        good("a 7z with a packed table", "work.7z", seven_zip("a.txt", &words, &words, COPY, Some(COPY))),
    ]
}
