//! Good and bad tar archives, made here.

use std::io::{Cursor, Write};

use ::tar::{Builder, Header};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::check::structure::Limits;
use crate::check::testing::{spool, zip_of};

fn entry(builder: &mut Builder<Vec<u8>>, name: &str, kind: EntryType, bytes: &[u8]) {
    let mut header = Header::new_gnu();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_size(bytes.len() as u64);
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_cksum();
    builder.append(&header, bytes).unwrap();
}

fn tar_of(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, kind, bytes) in entries {
        entry(&mut builder, name, *kind, bytes);
    }
    builder.into_inner().unwrap()
}

/// PAX records, each with its length before it.
fn pax(records: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, value) in records {
        let rest = [b" ", key.as_bytes(), b"=", value, b"\n"].concat();
        let length = (rest.len()..).find(|length| length.to_string().len() + rest.len() == *length).unwrap();
        bytes.extend_from_slice(length.to_string().as_bytes());
        bytes.extend(rest);
    }
    bytes
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::best());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

fn judged(bytes: Vec<u8>, extension: &str) -> Result<Vec<String>, Reason> {
    let limits = Limits::default();
    let mut budget = Budget::new(&limits, bytes.len() as u64, false, spool());
    let mut source = Cursor::new(bytes);
    let outcome = match extension {
        "tar" => check_tar(&mut source, &mut budget),
        _ => check_gzip(&mut source, extension, &mut budget),
    };
    match outcome {
        Ok(()) => Ok(budget.into_listing().unwrap().into_iter().map(|member| member.path).collect()),
        Err(Stop::Refused(refusal)) => Err(refusal.reason),
        Err(other) => panic!("{other:?}"),
    }
}

const FILE: EntryType = EntryType::Regular;

#[test]
fn ordinary_tars_are_walked() {
    let folder =
        tar_of(&[("./", EntryType::Directory, b""), ("./a.txt", FILE, b"a"), ("b/c.txt", FILE, b"c")]);
    assert_eq!(judged(folder.clone(), "tar").unwrap(), ["a.txt", "b/c.txt"]);
    assert!(judged(gz(&folder), "tgz").is_ok());
    assert!(judged(gz(b"one file"), "gz").is_ok());
    let attribute =
        pax(&[("SCHILY.xattr.com.apple.x", b"bplist\n99 \0\n=\n".as_slice()), ("path", b"b.txt")]);
    let attributes = tar_of(&[("x", EntryType::XHeader, &attribute), ("a.txt", FILE, b"a")]);
    assert_eq!(judged(attributes, "tar").unwrap(), ["b.txt"]);
    let mut builder = Builder::new(Vec::new());
    let mut header = Header::new_gnu();
    header.set_size(1);
    let long = format!("{}/x.txt", "d".repeat(150));
    builder.append_data(&mut header, &long, b"x".as_slice()).unwrap();
    assert_eq!(judged(builder.into_inner().unwrap(), "tar").unwrap(), [long]);
}

#[test]
fn bad_tars_are_refused() {
    let mut program = b"MZ\x90\0".to_vec();
    program.resize(2048, 0);
    let huge_name = vec![b'n'; 100_000];
    let one = tar_of(&[("a", FILE, b"a")]);
    let hidden = pax(&[("SCHILY.xattr.x", b"\n"), ("linkpath", b"/etc/passwd")]);
    for (what, bytes, extension, reason) in [
        ("leads out", tar_of(&[("../a.txt", FILE, b"a")]), "tar", Reason::ArchiveUnsafe),
        ("absolute", tar_of(&[("/etc/passwd", FILE, b"a")]), "tar", Reason::ArchiveUnsafe),
        ("link", tar_of(&[("a", EntryType::Symlink, b"")]), "tar", Reason::ArchiveUnsafe),
        ("hard link", tar_of(&[("a", EntryType::Link, b"")]), "tar", Reason::ArchiveUnsafe),
        ("device", tar_of(&[("a", EntryType::Block, b"")]), "tar", Reason::ArchiveUnsafe),
        ("twice", tar_of(&[("a", FILE, b"1"), ("A", FILE, b"2")]), "tar", Reason::ArchiveUnsafe),
        ("long name", tar_of(&[("x", EntryType::GNULongName, &huge_name)]), "tar", Reason::ArchiveUnsafe),
        (
            "size",
            tar_of(&[("x", EntryType::XHeader, b"9 size=1\n"), ("a", FILE, b"abc")]),
            "tar",
            Reason::ArchiveUnsafe,
        ),
        (
            "link target behind an attribute",
            tar_of(&[("x", EntryType::XHeader, &hidden), ("a", FILE, b"abc")]),
            "tar",
            Reason::ArchiveUnsafe,
        ),
        (
            "length that lies",
            tar_of(&[("x", EntryType::XHeader, b"99 path=a\n"), ("a", FILE, b"abc")]),
            "tar",
            Reason::Corrupt,
        ),
        ("program", gz(&tar_of(&[("a.exe", FILE, b"a")])), "tgz", Reason::TypeNotAllowed),
        ("hidden program", tar_of(&[("a.png", FILE, &program)]), "tar", Reason::TypeMismatch),
        (
            "bad zip",
            gz(&tar_of(&[("a.zip", FILE, &zip_of(&[("../a", b"a")]))])),
            "tgz",
            Reason::ArchiveUnsafe,
        ),
        ("more behind", [&one[..], b"more"].concat(), "tar", Reason::ArchiveUnsafe),
        ("another behind", gz(&[&one[..], &one].concat()), "tgz", Reason::ArchiveUnsafe),
        ("zip behind", [&one[..], &zip_of(&[("b", b"b")])].concat(), "tar", Reason::ArchiveUnsafe),
        ("no tar", gz(b"text"), "tgz", Reason::TypeMismatch),
        ("bomb", gz(&vec![0; 150 << 20]), "gz", Reason::ArchiveUnsafe),
        ("deep", gz(&gz(&gz(&gz(&gz(b"text"))))), "gz", Reason::ArchiveUnsafe),
        ("cut", gz(&tar_of(&[("a", FILE, b"a")]))[..60].to_vec(), "tgz", Reason::Corrupt),
    ] {
        assert_eq!(judged(bytes, extension), Err(reason), "{what}");
    }
}

#[test]
fn a_size_has_one_meaning() {
    let sized = |size: &[u8; 12]| {
        let mut bytes = tar_of(&[("a", FILE, b"a")]);
        bytes[124..136].copy_from_slice(size);
        bytes[148..156].fill(b' ');
        let sum: u32 = bytes[..512].iter().map(|&byte| u32::from(byte)).sum();
        bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        judged(bytes, "tar")
    };
    for one in [b"00000000001\0", b"          1 ", b"1\0rubbish\0\0\0", b"\x80\0\0\0\0\0\0\0\0\0\0\x01"] {
        assert!(sized(one).is_ok(), "{one:?}");
    }
    for other in [b"\x9b\0\0\0\0\0\0\0\0\0\0\x01", b"\x80\x01\0\0\0\0\0\0\0\0\0\x01", b"+0000000001\0"] {
        assert_eq!(sized(other), Err(Reason::Corrupt), "{other:?}");
    }
}

#[test]
fn a_name_has_one_meaning() {
    for (magic, fine) in
        [(b"ustar\x0000", true), (b"ustar  \0", false), (b"ustar\x0001", false), (&[0; 8], false)]
    {
        let mut bytes = tar_of(&[("a", FILE, b"a")]);
        bytes[257..265].copy_from_slice(magic);
        bytes[345..348].copy_from_slice(b"b/c");
        bytes[148..156].fill(b' ');
        let sum: u32 = bytes[..512].iter().map(|&byte| u32::from(byte)).sum();
        bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let expected = if fine { Ok(vec!["b/c/a".to_owned()]) } else { Err(Reason::ArchiveUnsafe) };
        assert_eq!(judged(bytes, "tar"), expected, "{magic:?}");
    }
}

#[test]
fn an_archive_without_files_is_empty() {
    let folder = tar_of(&[("./", EntryType::Directory, b""), ("./a/", EntryType::Directory, b"")]);
    for (bytes, extension) in [
        (tar_of(&[]), "tar"),
        (folder.clone(), "tar"),
        (gz(&tar_of(&[])), "tgz"),
        (gz(&folder), "tar.gz"),
        (gz(&folder), "gz"),
        (gz(b""), "gz"),
        (tar_of(&[("a.zip", FILE, &zip_of(&[]))]), "tar"),
    ] {
        assert_eq!(judged(bytes, extension), Err(Reason::Empty), "{extension}");
    }
}

#[test]
fn nothing_hides_in_a_folder_or_behind_the_end() {
    let good = tar_of(&[("a/", EntryType::Directory, b""), ("a/b.txt", EntryType::Regular, b"b")]);
    assert!(judged(good.clone(), "tar").is_ok());
    let folder = tar_of(&[("a/", EntryType::Directory, b"hidden"), ("b.txt", EntryType::Regular, b"b")]);
    let behind = [good.clone(), good.clone()].concat();
    // One block of zeros, after which some programs go on.
    let lone = [&good[..good.len() - 512], &good[..]].concat();
    for (what, bytes) in
        [("bytes in a folder", folder), ("behind its end", behind), ("behind a lone block", lone)]
    {
        assert_eq!(judged(bytes.clone(), "tar"), Err(Reason::ArchiveUnsafe), "{what}");
        assert_eq!(judged(gz(&bytes), "tgz"), Err(Reason::ArchiveUnsafe), "{what}, in a gzip");
    }
    assert!(judged([good.clone(), vec![0; 64 << 10]].concat(), "tar").is_ok(), "a long last record");
}
