//! 7z archives, made here as 7-Zip makes them, and otherwise.

use std::io::{Cursor, Write};

use lzma_rust2::filter::bcj::BcjWriter;
use lzma_rust2::{Lzma2Options, Lzma2Writer, LzmaOptions, LzmaWriter};

use super::*;
use crate::check::structure::Limits;
use crate::check::testing::{docx, spool, zip_of};
use crate::evidence::Reason;

/// A method, as its numbers and properties, and how it packs.
#[derive(Clone, Copy)]
enum How {
    Stored,
    Lzma,
    Lzma2,
    Programs,
    Aes,
    Other(&'static [u8]),
}

/// A number as its shortest form has it.
fn number(value: usize) -> Vec<u8> {
    let value = value as u64;
    let more = (0..8).find(|more| value < 1 << (7 * (more + 1))).unwrap();
    let first = !(0xff_u32 >> more) as u8 | (value >> (8 * more)) as u8;
    [&[first], &value.to_le_bytes()[..more]].concat()
}

fn packed(how: How, content: &[u8]) -> Vec<u8> {
    match how {
        How::Lzma => {
            let options = LzmaOptions::with_preset(1);
            let mut writer = LzmaWriter::new_no_header(Vec::new(), &options, false).unwrap();
            writer.write_all(content).unwrap();
            writer.finish().unwrap()
        }
        How::Lzma2 => {
            let mut writer = Lzma2Writer::new(Vec::new(), Lzma2Options::with_preset(1));
            writer.write_all(content).unwrap();
            writer.finish().unwrap()
        }
        How::Programs => {
            let mut writer = BcjWriter::new_x86(Vec::new(), 0);
            writer.write_all(content).unwrap();
            packed(How::Lzma2, &writer.finish().unwrap())
        }
        How::Stored | How::Aes | How::Other(_) => content.to_vec(),
    }
}

/// The part of a table that tells of one block.
fn coders(how: How) -> Vec<u8> {
    match how {
        How::Stored => vec![1, 1, 0],
        How::Lzma => [&[1, 0x23, 3, 1, 1, 5, 93], &(1_u32 << 20).to_le_bytes()[..]].concat(),
        How::Lzma2 => vec![1, 0x21, 0x21, 1, 16],
        How::Programs => vec![2, 0x21, 0x21, 1, 16, 4, 3, 3, 1, 3, 1, 0],
        How::Aes => vec![1, 0x24, 6, 0xf1, 7, 1, 2, 0x13, 0],
        How::Other(id) => [&[1, id.len() as u8], id].concat(),
    }
}

fn streams(how: How, place: usize, packed: usize, size: usize, sum: Option<u32>) -> Vec<u8> {
    let sizes =
        if matches!(how, How::Programs) { [number(size), number(size)].concat() } else { number(size) };
    let sum = sum.map(|sum| [&[10, 1][..], &sum.to_le_bytes()].concat()).unwrap_or_default();
    [
        &[6][..],
        &number(place),
        &[1, 9],
        &number(packed),
        &[0, 7, 11, 1, 0],
        &coders(how),
        &[12],
        &sizes,
        &sum,
        &[0],
    ]
    .concat()
}

/// What an archive is made of, free to lie.
struct Made<'a> {
    how: How,
    /// The table of contents is packed, too.
    table: Option<How>,
    files: Vec<(&'a str, &'a [u8])>,
    attributes: u32,
    /// Added to every checksum.
    wrong: u32,
    /// Added to the size of the first file.
    more: usize,
}

impl<'a> Made<'a> {
    fn of(how: How, files: &[(&'a str, &'a [u8])]) -> Self {
        Self { how, table: None, files: files.to_vec(), attributes: 0x20, wrong: 0, more: 0 }
    }

    /// Files without bytes are folders where their name says so.
    fn bytes(&self) -> Vec<u8> {
        let full: Vec<_> = self.files.iter().filter(|(_, content)| !content.is_empty()).collect();
        let content: Vec<u8> = full.iter().flat_map(|(_, content)| content.iter().copied()).collect();
        let body = packed(self.how, &content);
        let sizes: Vec<u8> = full
            .iter()
            .enumerate()
            .take(full.len().max(1) - 1)
            .flat_map(|(at, (_, content))| number(content.len() + if at == 0 { self.more } else { 0 }))
            .collect();
        let sums: Vec<u8> = full
            .iter()
            .flat_map(|(_, content)| crc32fast::hash(content).wrapping_add(self.wrong).to_le_bytes())
            .collect();
        let within = [
            &[8, 13][..],
            &number(full.len()),
            if full.len() > 1 { &[9] } else { &[] },
            &sizes,
            &[10, 1],
            &sums,
            &[0],
        ]
        .concat();
        let bits = |bits: &[bool]| -> Vec<u8> {
            bits.chunks(8)
                .map(|bits| {
                    bits.iter().enumerate().fold(0, |sum, (at, &bit)| sum | u8::from(bit) << (7 - at))
                })
                .collect()
        };
        let property = |kind: u8, content: &[u8]| [&[kind][..], &number(content.len()), content].concat();
        let empty: Vec<_> = self.files.iter().map(|(_, content)| content.is_empty()).collect();
        let kept: Vec<_> = self
            .files
            .iter()
            .filter(|(_, content)| content.is_empty())
            .map(|(name, _)| !name.ends_with('/'))
            .collect();
        let names: Vec<u8> = self
            .files
            .iter()
            .flat_map(|(name, _)| name.trim_end_matches('/').encode_utf16().chain([0]))
            .flat_map(u16::to_le_bytes)
            .collect();
        let attributes: Vec<u8> = self.files.iter().flat_map(|_| self.attributes.to_le_bytes()).collect();
        let files = [
            &[5][..],
            &number(self.files.len()),
            &property(14, &bits(&empty)),
            &property(15, &bits(&kept)),
            &property(25, &[0; 3]),
            &property(17, &[&[0], &names[..]].concat()),
            &property(21, &[&[1, 0], &attributes[..]].concat()),
            &[0],
        ]
        .concat();
        let main = if full.is_empty() {
            Vec::new()
        } else {
            [&[4][..], &streams(self.how, 0, body.len(), content.len(), None), &within, &[0]].concat()
        };
        let table = [&[1][..], &main, &files, &[0]].concat();
        match self.table {
            None => archive(&body, &table),
            Some(how) => {
                let small = packed(how, &table);
                let sum = crc32fast::hash(&table).wrapping_add(self.wrong);
                let outer = [&[23][..], &streams(how, body.len(), small.len(), table.len(), Some(sum)), &[0]]
                    .concat();
                archive(&[body, small].concat(), &outer)
            }
        }
    }
}

fn archive(body: &[u8], table: &[u8]) -> Vec<u8> {
    let start = [
        &(body.len() as u64).to_le_bytes()[..],
        &(table.len() as u64).to_le_bytes(),
        &crc32fast::hash(table).to_le_bytes(),
    ]
    .concat();
    [MAGIC, &[0, 4], &crc32fast::hash(&start).to_le_bytes(), &start, body, table].concat()
}

fn judged(bytes: Vec<u8>) -> Result<Vec<(String, u64)>, Reason> {
    let (limits, size) = (Limits::default(), bytes.len() as u64);
    let mut budget = Budget::new(&limits, size, false, spool());
    match check_archive(&mut Cursor::new(bytes), size, &mut budget) {
        Ok(()) => Ok(budget.into_listing().unwrap().into_iter().map(|one| (one.path, one.size)).collect()),
        Err(Stop::Refused(refusal)) => Err(refusal.reason),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn what_seven_zip_writes_is_listed() {
    let essay = docx(&[]);
    let long = b"An essay of some length. ".repeat(100_000);
    let files: [(&str, &[u8]); 5] = [
        ("Week 1/", b""),
        ("Week 1/essay.docx", &essay),
        ("notes.txt", b""),
        ("long.txt", &long),
        ("a.txt", b"a"),
    ];
    let names = ["notes.txt", "Week 1/essay.docx", "long.txt", "a.txt"];
    for how in [How::Stored, How::Lzma, How::Lzma2, How::Programs] {
        for table in [None, Some(How::Lzma), Some(How::Stored)] {
            let listed = judged(Made { table, ..Made::of(how, &files) }.bytes()).unwrap();
            // What is in the essay is listed before it.
            let listed = listed.iter().map(|(name, _)| name.as_str());
            let listed: Vec<_> = listed.filter(|name| !name.contains(".docx/")).collect();
            assert_eq!(listed, names);
        }
    }
    let one = judged(Made::of(How::Lzma2, &[("a.txt", b"a")]).bytes()).unwrap();
    assert_eq!(one, [("a.txt".to_owned(), 1)]);
    // Nothing but what has no bytes.
    assert_eq!(judged(Made::of(How::Lzma2, &[("a.txt", b"")]).bytes()).unwrap().len(), 1);
}

#[test]
fn numbers_have_up_to_nine_bytes() {
    for value in [0, 1, 127, 128, 0x3fff, 0x4000, 0x1f_ffff, 1 << 28, 1 << 35, (1 << 49) + 5, 1 << 55] {
        let files = number(value);
        assert_eq!(table::number(&files), Some(value as u64), "{value} {files:x?}");
    }
    assert_eq!(table::number(&[&[0xff][..], &[7; 8]].concat()), Some(0x0707_0707_0707_0707));
    assert_eq!(table::number(&[0x80]), None);
}

#[test]
fn what_is_in_it_is_judged() {
    let program = [b"MZ\x90\0".to_vec(), vec![0; 500]].concat();
    let macros = docx(&[("word/vbaProject.bin", b"1")]);
    let bad_zip = zip_of(&[("../a", b"a")]);
    let deep = (0..3).fold(b"a".to_vec(), |inner, _| Made::of(How::Stored, &[("in.7z", &inner)]).bytes());
    let zeros = vec![0; 150 << 20];
    for (what, name, content, reason) in [
        ("program", "game.exe", &program, Reason::TypeNotAllowed),
        ("hidden program", "photo.png", &program, Reason::TypeMismatch),
        ("macros", "essay.docx", &macros, Reason::Macro),
        ("bad zip", "in.zip", &bad_zip, Reason::ArchiveUnsafe),
        ("four layers", "in.7z", &Made::of(How::Stored, &[("in.7z", &deep)]).bytes(), Reason::ArchiveUnsafe),
        ("leads out", "../a.txt", &program, Reason::ArchiveUnsafe),
        ("absolute", "/etc/passwd", &program, Reason::ArchiveUnsafe),
        ("bomb", "zeros.bin", &zeros, Reason::ArchiveUnsafe),
    ] {
        assert_eq!(judged(Made::of(How::Lzma2, &[(name, content)]).bytes()), Err(reason), "{what}");
    }
    let twice = Made::of(How::Lzma2, &[("a.txt", b"1"), ("A.txt", b"2")]).bytes();
    assert_eq!(judged(twice), Err(Reason::ArchiveUnsafe));
    let inside = zip_of(&[("in.7z", &Made::of(How::Lzma2, &[("game.exe", &program)]).bytes())]);
    let size = inside.len() as u64;
    let limits = Limits::default();
    let mut budget = Budget::new(&limits, size, false, spool());
    assert!(super::super::zip::check_archive(&mut Cursor::new(inside), size, &mut budget).is_err());
}

#[test]
fn what_the_scanner_would_pass_over_is_refused() {
    let files: [(&str, &[u8]); 2] = [("a.txt", b"some words"), ("b.txt", b"more words")];
    let made = |how| Made::of(how, &files);
    let whole = made(How::Lzma2).bytes();
    let unusual = [
        ("PPMd", How::Other(&[3, 4, 1])),
        ("Deflate", How::Other(&[4, 1, 8])),
        ("bzip2", How::Other(&[4, 2, 2])),
        ("Delta", How::Other(&[3])),
        ("what nobody knows", How::Other(&[0xf0, 0xf0])),
    ];
    for (what, how) in unusual {
        assert_eq!(judged(made(how).bytes()), Err(Reason::ArchiveUnsafe), "{what}");
    }
    for (what, bytes, reason) in [
        ("password", made(How::Aes).bytes(), Reason::Encrypted),
        ("hidden table", Made { table: Some(How::Aes), ..made(How::Lzma2) }.bytes(), Reason::Encrypted),
        ("checksum", Made { wrong: 1, ..made(How::Lzma2) }.bytes(), Reason::Corrupt),
        (
            "checksum of the table",
            Made { wrong: 1, table: Some(How::Lzma), ..made(How::Lzma2) }.bytes(),
            Reason::Corrupt,
        ),
        ("size", Made { more: 1, ..made(How::Lzma2) }.bytes(), Reason::Corrupt),
        ("size beyond", Made { more: 11, ..made(How::Lzma2) }.bytes(), Reason::Corrupt),
        ("link of Windows", Made { attributes: 0x420, ..made(How::Lzma2) }.bytes(), Reason::ArchiveUnsafe),
        ("link of Unix", Made { attributes: 0xa1ff_8020, ..made(How::Lzma2) }.bytes(), Reason::ArchiveUnsafe),
        ("more behind", [&whole[..], b"more"].concat(), Reason::ArchiveUnsafe),
        ("cut", whole[..whole.len() - 1].to_vec(), Reason::Corrupt),
        ("cut in its start", whole[..20].to_vec(), Reason::Corrupt),
        ("nothing", archive(b"", b""), Reason::Empty),
        ("no table", archive(b"", &[2]), Reason::Corrupt),
        ("more in the table", archive(b"", &[1, 0, 0]), Reason::ArchiveUnsafe),
        (
            "table in tables",
            {
                let table = [&[23][..], &streams(How::Stored, 0, 40, 40, Some(0)), &[0]].concat();
                archive(&[0; 40], &table)
            },
            Reason::Corrupt,
        ),
    ] {
        assert_eq!(judged(bytes), Err(reason), "{what}");
    }
    // All in one, of a gibibyte.
    let large = streams(How::Lzma2, 0, 0, 1 << 30, None);
    let table = [&[1, 4], &large[..], &[8, 0, 0, 5, 1, 17, 5, 0, b'a', 0, 0, 0, 0, 0]].concat();
    assert_eq!(judged(archive(b"", &table)), Err(Reason::ArchiveUnsafe));
    // Room for a window of 4 GiB, with as much to unpack.
    let mut wide = streams(How::Lzma2, 0, 0, 1 << 29, None);
    let exponent = wide.windows(4).position(|at| at == [0x21, 0x21, 1, 16]).unwrap() + 3;
    wide[exponent] = 40;
    let table = [&[1, 4], &wide[..], &[8, 0, 0, 5, 1, 17, 5, 0, b'a', 0, 0, 0, 0, 0]].concat();
    assert_eq!(judged(archive(b"", &table)), Err(Reason::ArchiveUnsafe));
}
