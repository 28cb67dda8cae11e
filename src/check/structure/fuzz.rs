//! Fuzz targets of the structure step, one for each family of files and one for each kind of archive that is built.

mod documents;
mod pdfs;
mod tars;
mod zips;

use std::io::{Cursor, Write};

use ::image::ImageFormat;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use super::*;
use crate::check::testing::{docx, encoded, jpeg, pdf, png, spool, zip_of};
use crate::evidence::{Reason, catalogue};
use crate::fuzz::{holding, run};

/// Smaller than the service's, so that small inputs reach them.
fn limits() -> Limits {
    Limits {
        layer_entries: 50,
        all_entries: 80,
        ratio_from: 1 << 20,
        member_bytes: 4 << 20,
        inflated_bytes: 8 << 20,
        directory_bytes: 64 << 10,
        spool_memory: 8 << 20,
        spool_bytes: 8 << 20,
        xml_bytes: 1 << 20,
        pdf_words: 200_000,
        pdf_stream_bytes: 1 << 20,
        pdf_inflated_bytes: 4 << 20,
        pdf_table_bytes: 256 << 10,
        pixels: 1_000_000,
        listing_bytes: 4 << 10,
        ..Limits::default()
    }
}

/// How a file was judged: what is in an archive, or why it is refused.
type Judged = Result<Option<Vec<Member>>, (Reason, String)>;

/// Judges an input under this extension. Whatever it is, the disk is not to blame, and what is told fits where it goes.
fn judged(input: &[u8], extension: &str) -> Judged {
    judged_within(input, extension, &limits())
}

fn judged_within(input: &[u8], extension: &str, limits: &Limits) -> Judged {
    let kind = FileKind::of(extension).unwrap();
    let size = input.len() as u64;
    let Inspection { media_type, outcome } = inspect(&holding(input), size, kind, false, limits, spool());
    if let Some(media_type) = &media_type {
        assert!(media_type.len() < 256 && media_type.bytes().all(|byte| byte.is_ascii_graphic()));
    }
    match outcome {
        Ok(Findings { listing, .. }) => {
            let members = listing.as_deref().unwrap_or_default();
            let names: usize = members.iter().map(|member| member.path.len()).sum();
            assert!(names <= limits.listing_bytes, "a listing of {names} bytes");
            assert!(members.iter().all(|member| !member.path.contains('\0')), "no database takes a NUL");
            Ok(listing)
        }
        Err(Stop::Refused(refusal)) => {
            assert!(refusal.detail.len() < 8 << 10, "{} bytes of detail", refusal.detail.len());
            assert!(!refusal.detail.chars().any(char::is_control), "{:?}", refusal.detail);
            assert_ne!(refusal.reason, Reason::Unscannable, "{}", refusal.detail);
            Err((refusal.reason, refusal.detail))
        }
        Err(stop) => panic!("{stop:?}"),
    }
}

/// What is alike in outcomes: the detail without what it quotes, as far as that can be told.
fn kind_of(extension: &str, judged: &Judged) -> (String, Option<Reason>, String) {
    let detail = judged.as_ref().err().map(|(_, detail)| detail.rsplit(": ").next().unwrap_or_default());
    let plain = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase());
    let words: Vec<&str> = detail.unwrap_or_default().split(' ').filter(plain).take(8).collect();
    (extension.to_owned(), judged.as_ref().err().map(|(reason, _)| *reason), words.join(" "))
}

/// The extension by the first byte of an input, and the rest.
fn extension_and_rest<'i>(input: &'i [u8], extensions: &[&'static str]) -> Option<(&'static str, &'i [u8])> {
    let (first, rest) = input.split_first()?;
    Some((extensions[usize::from(*first) % extensions.len()], rest))
}

/// Seeds with the first byte that says their extension.
fn under(extensions: &[&str], seeds: &[(&str, Vec<u8>)]) -> Vec<Vec<u8>> {
    let first =
        |extension: &str| u8::try_from(extensions.iter().position(|e| *e == extension).unwrap()).unwrap();
    seeds.iter().map(|(extension, seed)| [&[first(extension)], seed.as_slice()].concat()).collect()
}

fn any_of(target: &str, extensions: &[&'static str], seeds: &[(&str, Vec<u8>)], words: &[&[u8]]) {
    run(target, under(extensions, seeds), words, |input| {
        let (extension, rest) = extension_and_rest(input, extensions)?;
        Some(kind_of(extension, &judged(rest, extension)))
    });
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut deflated = ZlibEncoder::new(Vec::new(), Compression::fast());
    deflated.write_all(bytes).unwrap();
    deflated.finish().unwrap()
}

/// A legacy Office file with these streams.
fn compound_of(streams: &[(&str, &[u8])]) -> Vec<u8> {
    let mut compound = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    for (path, bytes) in streams {
        if let Some((folder, _)) = path.rsplit_once('/').filter(|(folder, _)| !folder.is_empty()) {
            compound.create_storage_all(folder).unwrap();
        }
        compound.create_stream(path).unwrap().write_all(bytes).unwrap();
    }
    compound.flush().unwrap();
    compound.into_inner().into_inner()
}

fn legacy() -> Vec<(&'static str, Vec<u8>)> {
    let mut word = vec![0_u8; 512];
    word[..2].copy_from_slice(&[0xec, 0xa5]);
    let mut encrypted = word.clone();
    encrypted[11] = 1;
    let package = b"\x40\0\0\0\x02\0a.exe\0C:\\a.exe\0\0\0\x03\0";
    vec![
        ("doc", compound_of(&[("/WordDocument", &word), ("/1Table", &[0; 100])])),
        ("doc", compound_of(&[("/WordDocument", &encrypted)])),
        ("doc", compound_of(&[("/WordDocument", &word), ("/Macros/VBA/dir", b"x")])),
        ("doc", compound_of(&[("/WordDocument", &word), ("/ObjectPool/_1/\x01Ole10Native", package)])),
        ("xls", compound_of(&[("/Workbook", b"\x09\x08\x04\0\0\x06\x05\0\x2f\0\x02\0\0\0")])),
        ("xls", compound_of(&[("/Workbook", &[9, 8, 0, 0]), ("/_VBA_PROJECT_CUR/VBA/dir", b"x")])),
        ("ppt", compound_of(&[("/PowerPoint Document", &[0; 5000]), ("/Current User", &[0; 20])])),
        ("docx", compound_of(&[("/EncryptedPackage", &[0; 64]), ("/EncryptionInfo", &[4, 0, 4, 0])])),
    ]
}

const LEGACY: &[&str] = &["doc", "xls", "ppt", "docx", "xlsx"];

#[test]
fn compounds() {
    any_of("compounds", LEGACY, &legacy(), &[b"\xfe\xff\xff\xff", b"\xff\xff\xff\xff", b"\xfd\xff\xff\xff"]);
}

const IMAGES: &[&str] = &["png", "jpg", "gif", "bmp", "tif", "webp"];

#[test]
fn images() {
    let seeds = [
        ("png", png()),
        ("jpg", jpeg()),
        ("gif", encoded(ImageFormat::Gif)),
        ("bmp", encoded(ImageFormat::Bmp)),
        ("tif", encoded(ImageFormat::Tiff)),
        ("webp", encoded(ImageFormat::WebP)),
        ("gif", [encoded(ImageFormat::Gif), zip_of(&[("a.txt", b"a")])].concat()),
        ("tif", b"MM\0+\0\x08\0\0\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0\x01\x01\0\0\x03".to_vec()),
    ];
    any_of(
        "images",
        IMAGES,
        &seeds,
        &[b"IEND", b"IHDR", b"\xff\xd9", b"\xff\xda", b"\x01\0\x03\0", b";", b"!\xfe"],
    );
}

const MEDIA: &[&str] = &["mp4", "mov", "m4a", "3gp", "heic", "aac"];

#[test]
fn media() {
    let film =
        b"\0\0\0\x18ftypisom\0\0\0\0isomiso2\0\0\0\x08moov\0\0\0\x01mdat\0\0\0\0\0\0\0\x14abcd".to_vec();
    let picture = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic\0\0\0\x08meta\0\0\0\0mdatabcd".to_vec();
    let seeds = [("mp4", film.clone()), ("mov", film[24..].to_vec()), ("m4a", film), ("heic", picture)];
    any_of("media", MEDIA, &seeds, &[b"moov", b"\0\0\0\x08", b"\0\0\0\0", b"\0\0\0\x01", b"mdat", b"free"]);
}

const TEXTS: &[&str] = &["txt", "html", "rtf", "doc"];

#[test]
fn texts() {
    let object = "{\\rtf1 Work {\\object\\objemb{\\*\\objclass Word.Document.8}{\\*\\objdata 01050000020000000800\r\n576f72640000}}}";
    let seeds = [
        ("txt", "Ein schöner Aufsatz 👩‍🎨\r\n\t".as_bytes().to_vec()),
        ("txt", b"caf\xe9 \x80 5,00".to_vec()),
        ("txt", "\u{feff}a😀".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("html", b"<html><body>x</body></html>".to_vec()),
        ("rtf", object.into()),
        ("rtf", b"{\\rtf1{\\object\\objdata 4d5a}}".to_vec()),
        ("doc", b"{\\rtf1 A letter.}".to_vec()),
    ];
    let words: &[&[u8]] = &[
        b"\\objdata ",
        b"\\objupdate",
        b"\\*\\template http",
        b"4d5a",
        b"\\",
        b"{",
        b"}",
        b"\xff\xfe",
        b"\0",
    ];
    any_of("texts", TEXTS, &seeds, words);
}

/// Every extension there is, over the start of every kind of file.
#[test]
fn every_extension() {
    let extensions: Vec<&'static str> = catalogue().map(|kind| kind.extension).collect();
    let starts: &[&[u8]] = &[
        b"%PDF-1.7\n",
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"\x1f\x8b\x08",
        b"{\\rtf",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        b"ID3\x03\0\0\0\0\0\0",
        b"\xff\xfb\x90\0",
        b"#!AMR\n",
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"FORM\0\0\0\x04AIFF",
        b"OggS\0\x02",
        b"RIFF\x24\0\0\0AVI LIST",
        b"FLV\x01",
        b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1f",
        b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
        b"\x47\x40\x00\x10",
        b"\0\0\x01\xba",
        b"7z\xbc\xaf\x27\x1c",
        b"8BPS\0\x01",
        b"\xd7\xcd\xc6\x9a",
        b"\x0a\x05\x01\x08",
        b"\0\x01\0\0Standard Jet DB\0",
        b"\0\x01\0\0Standard ACE DB\0",
        b"MZ\x90\0",
        b"\x7fELF\x02\x01\x01",
        b"<html>",
        b"#!/bin/sh\n",
        b"\xca\xfe\xba\xbe",
        b"BM",
        b"GIF89a",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0",
        b"II*\0",
    ];
    let seeds: Vec<_> =
        extensions.iter().zip(starts.iter().cycle()).map(|(e, start)| (*e, start.to_vec())).collect();
    any_of("every_extension", &extensions, &seeds, starts);
}
