//! Zips: changed ones, whose members two simple readers must see as we do, and built ones, sound but for one thing.

use std::collections::BTreeMap;
use std::io::Read;

use ::zip::write::{FullFileOptions, SimpleFileOptions};
use ::zip::{CompressionMethod, ZipWriter};
use flate2::bufread::DeflateDecoder;

use super::*;
use crate::fuzz::Choices;

#[test]
fn zips() {
    let mut streamed = ZipWriter::new_stream(Vec::new());
    for name in ["a.txt", "b/c.txt"] {
        streamed.start_file(name, SimpleFileOptions::default()).unwrap();
        streamed.write_all(b"streamed streamed streamed").unwrap();
    }
    let mut large = ZipWriter::new(Cursor::new(Vec::new()));
    large.start_file("large.txt", SimpleFileOptions::default().large_file(true)).unwrap();
    large.write_all(b"large").unwrap();
    large.set_comment("a comment").unwrap();
    let seeds = [
        stored(&[("a.txt", b"aaaa"), ("b/", b""), ("b/c.txt", b"")]),
        zip_of(&[("a.txt", b"aaaa"), ("B.TXT", &[b' '; 5000]), ("Icon\r", b"")]),
        zip_of(&[("in.zip", &stored(&[("deep.zip", &stored(&[("a.txt", b"a")])), ("b.txt", b"b")]))]),
        stored(&[("essay.docx", &docx(&[])), ("essay.pdf", &pdf(b"")), ("a.gz", &gz(b"text"))]),
        stored(&[("old.doc", &legacy()[0].1), ("letter.rtf", b"{\\rtf1 x}"), ("__MACOSX/._a.url", b"x")]),
        streamed.finish().unwrap().into_inner(),
        large.finish().unwrap().into_inner(),
        renamed(b"evil.exe", "a.txt"),
        zip_of(&[]),
    ];
    let words: &[&[u8]] = &[
        b"PK\x03\x04",
        b"PK\x01\x02",
        b"PK\x05\x06",
        b"PK\x06\x06",
        b"PK\x06\x07",
        b"PK\x07\x08",
        b"../",
        b"a.txt",
        b"/",
        b"\\",
        b"\x01\0",
        b"\x75\x70",
        b"\x01\x99",
        b"\x08\0",
        b"\0\x08",
        b"\xff\xff\xff\xff",
        b"\xff\xff",
    ];
    run("zips", seeds, words, |input| {
        let judged = judged(input, "zip");
        if let Ok(Some(listing)) = &judged {
            seen_alike(input, listing);
        }
        kind_of("zip", &judged)
    });
}

/// An archive without compression, so that changes reach what is in it.
pub(super) fn stored(members: &[(&str, &[u8])]) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A member of one name, whose Unicode path field (Info-ZIP, 0x7075) gives it another.
fn renamed(other: &[u8], name: &str) -> Vec<u8> {
    let field = [&[1], &crc32fast::hash(name.as_bytes()).to_le_bytes()[..], other].concat();
    let mut options = FullFileOptions::default();
    options.add_extra_field(0x7075, field.into_boxed_slice(), false).unwrap();
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(name, options).unwrap();
    zip.write_all(b"a").unwrap();
    zip.finish().unwrap().into_inner()
}

/// What other readers make of an archive must be what was listed: one that goes by the directory, as most do, and one
/// that goes by the local headers from the first byte on, as those do that read from a line.
fn seen_alike(input: &[u8], listing: &[Member]) {
    let directory = by_directory(input).expect("the directory can be read");
    let local = by_local_headers(input, &directory);
    let mut expected = BTreeMap::new();
    for entry in &directory {
        assert_eq!(local.get(&entry.offset), Some(&entry.name), "the local headers name other files");
        let bytes = entry.content(input);
        assert_eq!(crc32fast::hash(&bytes), entry.crc, "a member has another checksum");
        if !entry.name.ends_with(b"/") {
            expected.insert(entry.name.clone(), bytes.len() as u64);
        }
    }
    assert_eq!(local.len(), directory.len(), "there are members without an entry");
    // A listing ends where it is too long.
    let names: usize = listing.iter().map(|member| member.path.len()).sum();
    if names + 1100 > limits().listing_bytes || expected.keys().any(|name| !name.is_ascii()) {
        return;
    }
    for (name, size) in &expected {
        let name = std::str::from_utf8(name).unwrap();
        let found = listing.iter().find(|member| member.path == name);
        assert_eq!(found.map(|member| member.size), Some(*size), "{name} in {listing:?}");
    }
    for member in listing {
        let known = expected.keys().any(|name| {
            let rest = member.path.as_bytes().strip_prefix(name.as_slice());
            let inner = name.strip_suffix(b".gz").is_some_and(|inner| member.path.as_bytes() == inner);
            inner || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        });
        assert!(known, "{} is in no entry", member.path);
    }
}

struct Entry {
    name: Vec<u8>,
    method: u64,
    crc: u32,
    packed: u64,
    size: u64,
    offset: u64,
    /// Its sizes stand behind it.
    streamed: bool,
}

impl Entry {
    /// The name and where its bytes begin, by the local header.
    fn local<'i>(&self, input: &'i [u8]) -> (&'i [u8], usize) {
        let header = &input[usize::try_from(self.offset).unwrap()..];
        assert!(header.starts_with(b"PK\x03\x04"), "no member where the directory says");
        let (name, extra) = (number(header, 26, 2) as usize, number(header, 28, 2) as usize);
        (&header[30..30 + name], self.offset as usize + 30 + name + extra)
    }

    fn content(&self, input: &[u8]) -> Vec<u8> {
        let start = self.local(input).1;
        let packed = &input[start..start + self.packed as usize];
        let mut bytes = Vec::new();
        match self.method {
            0 => bytes.extend_from_slice(packed),
            8 => drop(DeflateDecoder::new(packed).read_to_end(&mut bytes).unwrap()),
            other => panic!("method {other}"),
        }
        assert_eq!(bytes.len() as u64, self.size, "the directory tells another size");
        bytes
    }
}

fn number(bytes: &[u8], at: usize, width: usize) -> u64 {
    bytes[at..at + width].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// The entries of the directory to which the last end record leads.
fn by_directory(input: &[u8]) -> Option<Vec<Entry>> {
    let end = input.windows(4).rposition(|window| window == b"PK\x05\x06")?;
    let (mut count, mut at) = (number(input, end + 10, 2), number(input, end + 16, 4));
    if end >= 20 && input[end - 20..].starts_with(b"PK\x06\x07") {
        let record = number(input, end - 12, 8) as usize;
        (count, at) = (number(input, record + 32, 8), number(input, record + 48, 8));
    }
    let mut entries = Vec::new();
    for _ in 0..count {
        let entry = input.get(at as usize..).filter(|entry| entry.starts_with(b"PK\x01\x02"))?;
        let lengths = [28, 30, 32].map(|field| number(entry, field, 2) as usize);
        let extra = entry.get(46 + lengths[0]..46 + lengths[0] + lengths[1])?;
        let mut wide = wide_numbers(extra).into_iter();
        let mut sized = |value: u64| if value == 0xffff_ffff { wide.next().unwrap_or(value) } else { value };
        let size = sized(number(entry, 24, 4));
        let packed = sized(number(entry, 20, 4));
        let offset = sized(number(entry, 42, 4));
        entries.push(Entry {
            name: entry[46..46 + lengths[0]].to_vec(),
            method: number(entry, 10, 2),
            crc: number(entry, 16, 4) as u32,
            packed,
            size,
            offset,
            streamed: number(entry, 8, 2) & 8 != 0,
        });
        at += 46 + lengths.iter().sum::<usize>() as u64;
    }
    Some(entries)
}

/// The numbers of eight bytes in the Zip64 field of an entry.
fn wide_numbers(mut extra: &[u8]) -> Vec<u64> {
    while extra.len() >= 4 {
        let (kind, length) = (number(extra, 0, 2), number(extra, 2, 2) as usize);
        let Some(field) = extra.get(4..4 + length) else { break };
        if kind == 1 {
            return field.chunks_exact(8).map(|bytes| number(bytes, 0, 8)).collect();
        }
        extra = &extra[4 + length..];
    }
    Vec::new()
}

/// Names of members by place, one behind the other from the first byte to the directory. Sizes that stand behind a
/// member are taken from the directory.
fn by_local_headers(input: &[u8], directory: &[Entry]) -> BTreeMap<u64, Vec<u8>> {
    let (mut found, mut at) = (BTreeMap::new(), 0);
    while input[at..].starts_with(b"PK\x03\x04") {
        let entry = directory.iter().find(|entry| entry.offset == at as u64);
        let entry = entry.expect("a member that the directory does not have");
        let (name, start) = entry.local(input);
        let (streamed, packed) = (number(input, at + 6, 2) & 8 != 0, number(input, at + 18, 4));
        let there = start as u64 + entry.packed <= input.len() as u64;
        assert!(there, "the directory tells a size beyond the end");
        assert_eq!(streamed, entry.streamed, "the headers do not agree whether sizes stand behind");
        assert!(
            streamed || packed == entry.packed || packed == 0xffff_ffff,
            "the local header tells another size"
        );
        found.insert(at as u64, name.to_vec());
        at = start + entry.packed as usize;
        if streamed {
            // With or without a signature, sizes of four bytes or of eight.
            let ends = |length: &usize| {
                let next = input.get(at + length..).unwrap_or_default();
                next.starts_with(b"PK\x03\x04") || next.starts_with(b"PK\x01\x02")
            };
            at += [16, 24, 12, 20].into_iter().find(ends).expect("no header behind a member");
        }
    }
    assert!(
        directory.is_empty() || input[at..].starts_with(b"PK\x01\x02"),
        "something stands between the members and the directory"
    );
    found
}

/// One thing that is wrong with an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fault {
    Nothing,
    Name,
    Twice,
    Link,
    Program,
    Method,
    Deep,
    Many,
    Before,
    Behind,
}

const NAMES: &[&str] =
    &["../a", "/a", "a\\b", "C:/a", "a//b", "./a", "a\u{202e}b", "nul.txt", "a\nb", "a/..", "com1"];
const LETTERS: &[char] = &['a', 'B', '7', ' ', '-', '_', 'é', '李', '(', '.'];

#[test]
fn built_zips() {
    use Fault::*;
    let faults = [Nothing, Nothing, Name, Twice, Link, Program, Method, Deep, Many, Before, Behind];
    let seeds = (0..=255).map(|first| (0..60).map(|at: u8| first ^ at.wrapping_mul(37)).collect());
    run("built_zips", seeds, &[], |input| {
        let mut choices = Choices(input);
        let fault = choices.one_of(&faults);
        let (bytes, names) = built(&mut choices, fault);
        let judged = judged(&bytes, "zip");
        match (&judged, fault) {
            (Ok(Some(listing)), Nothing) => {
                let listed: Vec<_> =
                    listing.iter().map(|member| (member.path.clone(), member.size)).collect();
                assert_eq!(listed, names);
                seen_alike(&bytes, listing);
            }
            (Err((Reason::Empty, _)), Nothing) if names.is_empty() => {}
            (Err((reason, _)), fault) if fault != Nothing => {
                let program = matches!(reason, Reason::TypeNotAllowed | Reason::TypeMismatch);
                assert!(program == (fault == Program) || fault == Before, "{fault:?}: {reason:?}");
            }
            (judged, fault) => panic!("{fault:?}: {judged:?}"),
        }
        (fault, names.len())
    });
}

/// An archive of sound members, with one fault somewhere, and what is listed of one without.
fn built(choices: &mut Choices<'_>, fault: Fault) -> (Vec<u8>, Vec<(String, u64)>) {
    let plain = SimpleFileOptions::default();
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let (mut names, count, folder) = (Vec::new(), choices.below(6), choices.yes());
    let place = choices.below(count + 1);
    for index in 0..=count {
        if index == place {
            add_fault(&mut zip, choices, fault);
        }
        if index == count {
            break;
        }
        let methods = [CompressionMethod::Stored, CompressionMethod::Deflated];
        let options = plain.compression_method(choices.one_of(&methods)).large_file(choices.yes());
        let stem = choices.letters(LETTERS, 0, 12);
        let folder = if folder { "Wörk/" } else { "" };
        let name = format!("{folder}{index}{stem}{}", choices.one_of(&["x.txt", "x", "x.js", "x.bin"]));
        let text = [b"text ", choices.bytes(40)].concat().repeat(choices.below(20));
        zip.start_file(&name, options).unwrap();
        zip.write_all(&text).unwrap();
        names.push((name, text.len() as u64));
    }
    if choices.yes() {
        zip.add_directory("empty", plain).unwrap();
    }
    let bytes = zip.finish().unwrap().into_inner();
    let bytes = match fault {
        Fault::Before => [b"MZ\x90\0", choices.bytes(20), &bytes].concat(),
        Fault::Behind => [&bytes, b"x".as_slice(), choices.bytes(20)].concat(),
        Fault::Method => with_method(bytes, choices.one_of(&[1, 6, 9, 12, 14, 93, 95, 98, 99])),
        _ => bytes,
    };
    (bytes, names)
}

/// Calls the member `method` packed in another way, in both its headers.
fn with_method(mut bytes: Vec<u8>, method: u8) -> Vec<u8> {
    let names: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(b"method")).collect();
    for name in names {
        for (magic, header, field) in [(b"PK\x03\x04", 30, 8), (b"PK\x01\x02", 46, 10)] {
            if let Some(at) = name.checked_sub(header).filter(|&at| bytes[at..].starts_with(magic)) {
                bytes[at + field] = method;
            }
        }
    }
    bytes
}

fn add_fault(zip: &mut ZipWriter<Cursor<Vec<u8>>>, choices: &mut Choices<'_>, fault: Fault) {
    let plain = SimpleFileOptions::default();
    match fault {
        Fault::Nothing | Fault::Before | Fault::Behind => {}
        Fault::Name => {
            let name = format!("{}{}", choices.one_of(&["", "x/"]), choices.one_of(NAMES));
            // One that is reserved or leads out of a folder does so below another, too; a path of its own does not.
            zip.start_file(if name.contains("x/C:") { "/x" } else { &name }, plain).unwrap();
        }
        Fault::Twice => {
            let (one, other) =
                choices.one_of(&[("twin é", "TWIN E\u{301}"), ("twin/a", "Twin/A"), ("twin", "twin/")]);
            zip.start_file(one, plain).unwrap();
            zip.start_file(other, plain).unwrap();
        }
        Fault::Link => {
            zip.add_symlink("link", choices.one_of(&["/etc/passwd", "x", ".."]), plain).unwrap();
        }
        Fault::Program => {
            let name = choices.one_of(&["a.exe", "a.MSI", "a.txt.scr", "hidden.pdf", "b/c.png"]);
            zip.start_file(name, plain).unwrap();
            let mut program = b"MZ\x90\0".to_vec();
            program.resize(0x100, 0);
            program[0x3c] = 0x80;
            program[0x80..0x84].copy_from_slice(b"PE\0\0");
            zip.write_all(&program).unwrap();
        }
        Fault::Method => {
            zip.start_file("method", plain.compression_method(CompressionMethod::Stored)).unwrap();
            zip.write_all(b"not what it says").unwrap();
        }
        Fault::Deep => {
            let deep = (0..3 + choices.below(4))
                .fold(stored(&[("a", b"a")]), |inner, _| stored(&[("a.zip", &inner)]));
            zip.start_file("deep.zip", plain).unwrap();
            zip.write_all(&deep).unwrap();
        }
        Fault::Many => {
            for index in 0..=limits().layer_entries {
                zip.start_file(format!("many {index}"), plain).unwrap();
            }
        }
    }
}
