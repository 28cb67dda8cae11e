//! Bad zips, made here: each from a good one by the change an attacker would make.

use std::io::Cursor;

use ::zip::ZipWriter;
use ::zip::write::SimpleFileOptions;

use super::*;
use crate::check::structure::Limits;
use crate::check::testing::{docx, pdf, spool, zip_of};

fn judged_within(bytes: Vec<u8>, limits: &Limits) -> Result<(), Reason> {
    let size = bytes.len() as u64;
    let mut budget = Budget::new(limits, size, false, spool());
    match check_archive(&mut Cursor::new(bytes), size, &mut budget) {
        Ok(()) => Ok(()),
        Err(Stop::Refused(refusal)) => Err(refusal.reason),
        Err(other) => panic!("{other:?}"),
    }
}

fn judged(bytes: Vec<u8>) -> Result<(), Reason> {
    judged_within(bytes, &Limits::default())
}

/// Replaces the `nth` occurrence; the two have the same length.
fn patched(bytes: &[u8], nth: usize, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = bytes.windows(from.len()).enumerate().filter(|(_, w)| *w == from).nth(nth).unwrap().0;
    let mut bytes = bytes.to_vec();
    bytes[at..at + to.len()].copy_from_slice(to);
    bytes
}

const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";

fn find(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).position(|window| window == what).unwrap()
}

/// Sets bytes at an offset from the first directory entry, and at another from the first local header.
fn both_headers(central: usize, local: usize, value: &[u8]) -> Vec<u8> {
    let mut bytes = zip_of(&[("a.txt", b"aaaa")]);
    for (magic, offset) in [(CENTRAL, central), (LOCAL, local)] {
        let at = find(&bytes, magic) + offset;
        bytes[at..at + value.len()].copy_from_slice(value);
    }
    bytes
}

fn with_links() -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink("a.txt", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    zip.finish().unwrap().into_inner()
}

fn nested(layers: usize) -> Vec<u8> {
    (1..layers).fold(zip_of(&[("a.txt", b"a")]), |inner, _| zip_of(&[("in.zip", &inner)]))
}

fn empties(count: usize) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..count {
        zip.start_file(format!("{index}"), SimpleFileOptions::default()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn ordinary_zips_pass() {
    let essay = docx(&[]);
    for (what, bytes) in [
        ("an empty archive beside a file", zip_of(&[("a.zip", &empties(0)), ("a.txt", b"")])),
        ("documents only", zip_of(&[("essay.docx", &essay)])),
        ("files", zip_of(&[("a/b/c.txt", b"c"), ("a/essay.docx", &essay), ("a/essay.pdf", &pdf(b""))])),
        (
            "macOS",
            zip_of(&[
                ("a.txt", b"a"),
                ("__MACOSX/._a.txt", b"\0\x05\x16\x07"),
                (".DS_Store", b"\0\0\0\x01Bud1"),
            ]),
        ),
        ("web site", zip_of(&[("index.html", b"<html>"), ("js/app.js", b"1"), ("run.sh", b"#!/bin/sh\n")])),
        ("text that looks like a program", zip_of(&[("mz.txt", b"MZ is a word")])),
        ("three layers", nested(3)),
        ("as many as allowed", empties(2_000)),
        (
            "a document three layers down",
            zip_of(&[("z.zip", &zip_of(&[("y.zip", &zip_of(&[("e.docx", &essay)]))]))]),
        ),
    ] {
        assert_eq!(judged(bytes), Ok(()), "{what}");
    }
}

/// A deflated member, and sixteen bytes behind its end that its packed size counts in: what stands behind a member
/// that is streamed.
fn with_room_behind() -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let deflated = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    zip.start_file("a.txt", deflated).unwrap();
    std::io::Write::write_all(&mut zip, &[b'a'; 100]).unwrap();
    let mut bytes = zip.finish().unwrap().into_inner();
    let (local, directory, end) = (find(&bytes, LOCAL), find(&bytes, CENTRAL), find(&bytes, END));
    for (at, more) in [(local + 18, 16), (directory + 20, 16), (end + 16, 16)] {
        bytes[at] += more;
    }
    bytes.splice(directory..directory, [0; 16]);
    bytes
}

#[test]
fn every_trick_is_refused() {
    let two = zip_of(&[("a.txt", b"aaaa"), ("b.txt", b"bbbb")]);
    let end = find(&two, END);
    let lost = {
        // The directory loses its first entry: the local file stays, hidden from whoever reads the directory.
        let (first, second) = (find(&two, CENTRAL), find(&two, CENTRAL) + 46 + 5);
        let mut bytes = [&two[..first], &two[second..]].concat();
        let end = find(&bytes, END);
        bytes[end + 8..end + 12].copy_from_slice(&[1, 0, 1, 0]);
        let size = (end - first) as u32;
        bytes[end + 12..end + 16].copy_from_slice(&size.to_le_bytes());
        bytes
    };
    let overlap = {
        // Both directory entries point to the first local header.
        let second = find(&two, CENTRAL) + 46 + 5;
        let mut bytes = patched(&two, 1, b"b.txt", b"a.txt");
        bytes[second + 42..second + 46].copy_from_slice(&[0; 4]);
        bytes
    };
    // Zip64's sizes in a field that says it is longer than there is room for: some take them, some do not.
    let large = {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("a.txt", SimpleFileOptions::default().large_file(true)).unwrap();
        std::io::Write::write_all(&mut zip, b"aaaa").unwrap();
        zip.finish().unwrap().into_inner()
    };
    assert_eq!(judged(large.clone()), Ok(()));
    let [in_front, in_directory] = [0, 1].map(|nth| patched(&large, nth, b"\x01\0\x10\0", b"\x01\0\x10\x06"));
    let mut comment = two.clone();
    comment[end + 20..].copy_from_slice(&22_u16.to_le_bytes());
    comment.extend_from_slice(&two[end..]);
    let mut short = two.clone();
    short[end + 20..].copy_from_slice(&21_u16.to_le_bytes());
    short.extend_from_slice(&two[end..end + 21]);
    for (what, bytes, reason) in [
        ("room behind a member", with_room_behind(), Reason::ArchiveUnsafe),
        ("local name differs", patched(&two, 0, b"a.txt", b"x.txt"), Reason::ArchiveUnsafe),
        (
            "same name twice",
            patched(&patched(&two, 0, b"b.txt", b"a.txt"), 0, b"b.txt", b"a.txt"),
            Reason::ArchiveUnsafe,
        ),
        ("hidden file", lost, Reason::ArchiveUnsafe),
        ("a field too long in front", in_front, Reason::ArchiveUnsafe),
        ("a field too long in the directory", in_directory, Reason::ArchiveUnsafe),
        ("overlap", overlap, Reason::ArchiveUnsafe),
        ("two ends", [&two[..], &two[end..]].concat(), Reason::ArchiveUnsafe),
        ("end in comment", comment, Reason::ArchiveUnsafe),
        ("end in comment, cut short", short, Reason::ArchiveUnsafe),
        ("prefix", [b"MZ\0\0".as_slice(), &two].concat(), Reason::ArchiveUnsafe),
        ("suffix", [&two[..], b"more"].concat(), Reason::ArchiveUnsafe),
        ("cut", two[..end - 3].to_vec(), Reason::Corrupt),
        ("password", both_headers(8, 6, &[1, 0]), Reason::Encrypted),
        ("LZMA", both_headers(10, 8, &[14, 0]), Reason::ArchiveUnsafe),
        ("Zstandard", both_headers(10, 8, &[93, 0]), Reason::ArchiveUnsafe),
        ("says a smaller size", both_headers(24, 22, &[1, 0, 0, 0]), Reason::Corrupt),
        ("wrong checksum", both_headers(16, 14, &[1, 2, 3, 4]), Reason::Corrupt),
        (
            "split",
            {
                let mut b = two.clone();
                b[end + 4] = 1;
                b
            },
            Reason::ArchiveUnsafe,
        ),
        ("says a larger size", both_headers(24, 22, &[5, 0, 0, 0]), Reason::Corrupt),
        ("a file and a folder", zip_of(&[("a", b"1"), ("a/b.txt", b"2")]), Reason::ArchiveUnsafe),
        ("behind a dot", zip_of(&[("run.bat. .", b"del")]), Reason::TypeNotAllowed),
        ("RAR", zip_of(&[("a.rar", b"Rar!\x1a\x07\x01\0")]), Reason::ArchiveUnsafe),
        ("Zstandard file", zip_of(&[("a.png", b"\x28\xb5\x2f\xfd\x20\0")]), Reason::ArchiveUnsafe),
        ("LZ4 file", zip_of(&[("a.lz4", b"\x04\x22\x4d\x18\x40")]), Reason::ArchiveUnsafe),
        ("link", with_links(), Reason::ArchiveUnsafe),
        ("leads out", zip_of(&[("a/../../b", b"")]), Reason::ArchiveUnsafe),
        ("drive", zip_of(&[("C:/b", b"")]), Reason::ArchiveUnsafe),
        ("direction", zip_of(&[("a\u{202e}gpj.exe", b"")]), Reason::ArchiveUnsafe),
        ("case", zip_of(&[("a.txt", b"1"), ("A.TXT", b"2")]), Reason::ArchiveUnsafe),
        ("four layers", nested(4), Reason::ArchiveUnsafe),
        ("too many", empties(2_001), Reason::ArchiveUnsafe),
        ("forty thousand", empties(40_000), Reason::ArchiveUnsafe),
        ("macro inside", zip_of(&[("e.docx", &docx(&[("word/vbaProject.bin", b"1")]))]), Reason::Macro),
        (
            "program in an RTF inside",
            zip_of(&[("e.rtf", b"{\\rtf1{\\object\\objemb{\\*\\objdata 4d5a}}}")]),
            Reason::ActiveContent,
        ),
        (
            "script in a PDF inside",
            zip_of(&[("e.pdf", &pdf(b"/AA << /S /JavaScript /JS (1) >>"))]),
            Reason::ActiveContent,
        ),
    ] {
        assert_eq!(judged(bytes), Err(reason), "{what}");
    }
}

#[test]
fn an_archive_without_files_is_empty() {
    let mut folders = ZipWriter::new(Cursor::new(Vec::new()));
    folders.add_directory("Week 1", SimpleFileOptions::default()).unwrap();
    folders.add_directory("Week 1/Monday", SimpleFileOptions::default()).unwrap();
    for (what, bytes) in [
        ("nothing", empties(0)),
        ("folders", folders.finish().unwrap().into_inner()),
        ("an empty archive", zip_of(&[("a.zip", &empties(0))])),
        ("what macOS adds", zip_of(&[(".DS_Store", b"Bud1"), ("__MACOSX/._.DS_Store", b"\0\x05\x16\x07")])),
    ] {
        assert_eq!(judged(bytes), Err(Reason::Empty), "{what}");
    }
}

#[test]
fn bombs_are_counted_while_they_inflate() {
    let limits =
        Limits { ratio_from: 1 << 20, inflated_bytes: 8 << 20, member_bytes: 4 << 20, ..Limits::default() };
    let zeros = |megabytes: usize| vec![0; megabytes << 20];
    assert_eq!(judged_within(zip_of(&[("a", &zeros(1)[1..])]), &limits), Ok(()));
    assert_eq!(judged_within(zip_of(&[("a", &zeros(2))]), &limits), Err(Reason::ArchiveUnsafe), "ratio");
    let layers = zip_of(&[("in.zip", &zip_of(&[("a", &zeros(2))]))]);
    assert_eq!(judged_within(layers, &limits), Err(Reason::ArchiveUnsafe), "ratio, by layers");
    let loose = Limits { ratio: 1_000_000, ..limits };
    assert_eq!(judged_within(zip_of(&[("a", &zeros(3))]), &loose), Ok(()));
    assert_eq!(judged_within(zip_of(&[("a", &zeros(5))]), &loose), Err(Reason::ArchiveUnsafe), "one member");
    let many: Vec<_> = ["a", "b", "c"].map(|name| (name, zeros(3))).into();
    let many: Vec<_> = many.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
    assert_eq!(judged_within(zip_of(&many), &loose), Err(Reason::ArchiveUnsafe), "all together");
}

#[test]
fn a_walk_ends_at_its_deadline() {
    let limits = Limits { time: std::time::Duration::ZERO, ..Limits::default() };
    assert_eq!(judged_within(zip_of(&[("a", b"a")]), &limits), Err(Reason::Unscannable));
}

#[test]
fn a_zip_behind_something_else_is_seen() {
    let seen = |bytes: Vec<u8>, holds_zips| {
        let size = bytes.len() as u64;
        refuse_appended(&mut Cursor::new(bytes), size, holds_zips).is_err()
    };
    let archive = zip_of(&[("a", b"a")]);
    let polyglot = [b"GIF89a", &archive[..]].concat();
    assert!(seen(polyglot.clone(), false) && seen(polyglot.clone(), true));
    // With bytes behind it, and with another end in its comment.
    let followed = [&polyglot[..], b"and more"].concat();
    assert!(seen(followed.clone(), false) && !seen(followed, true));
    let end = find(&archive, END);
    let disguised = [&polyglot[..polyglot.len() - 2], &[22, 0], &archive[end..end + 8], &[0; 14]].concat();
    assert!(seen(disguised, false));
    // Its directory is where it says, and not before its end.
    let mut placed = [&archive[..end], b"between", &archive[end..]].concat();
    placed[..4].copy_from_slice(b"GIF8");
    assert!(seen(placed, false));
    let wide = [b"GIF89a", &b"PK\x06\x07"[..], &[0; 16], END, &[0; 4], &[0xff; 12], &[0; 2]].concat();
    assert!(seen(wide, false));
    assert!(!seen(b"PK\x05\x06 is a signature of some length".to_vec(), false));
    assert!(!seen(zip_of(&[]), false));
}
