//! The zip against readers that are not ours.

use std::collections::BTreeSet;
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::process::Command;

use bytes::Bytes;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;
use crate::evidence::{Place, Sha256Digest};
use crate::ids::{FileId, SampleId};
use crate::object_store::{ObjectKey, ObjectVersion};

/// A stored object of `size` bytes without bytes.
fn object(size: u64) -> StoredObject {
    let file = FileId::new();
    let name = "01_3357_R085_01_98765_1005_URS_14_01_2021_12_14_11.mp4".parse().unwrap();
    let version = ObjectVersion { etag: "e".into(), version_id: None, size };
    let key = ObjectKey::Evidence { sample: SampleId::new(), file, name };
    StoredObject::new(file, key, version, Sha256Digest([7; 32])).unwrap()
}

/// What a byte of a stored object is in these tests.
fn byte_at(offset: u64) -> u8 {
    (offset % 251) as u8
}

/// A reader over a layout whose stored objects hold [`byte_at`].
struct Virtual<'a> {
    layout: &'a Layout,
    at: u64,
}

impl Read for Virtual<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let range = self.at..self.at.saturating_add(out.len() as u64);
        let Some(piece) = self.layout.segments(range).next() else { return Ok(0) };
        let len = match piece {
            Segment::Bytes(bytes) => {
                out[..bytes.len()].copy_from_slice(&bytes);
                bytes.len()
            }
            Segment::Stored { range, .. } => {
                let len = (range.end - range.start) as usize;
                out[..len].iter_mut().zip(range).for_each(|(byte, offset)| *byte = byte_at(offset));
                len
            }
        };
        self.at += len as u64;
        Ok(len)
    }
}

impl Seek for Virtual<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.layout.len().checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

fn bytes_of(layout: &Layout, from: u64, to: u64) -> Vec<u8> {
    let mut out = Vec::new();
    Virtual { layout, at: from }.take(to - from).read_to_end(&mut out).unwrap();
    out
}

fn crc_of(size: u64) -> u32 {
    crc32fast::hash(&(0..size).map(byte_at).collect::<Vec<_>>())
}

fn members(sizes: &[(u64, bool)]) -> Vec<Member> {
    let member = |(index, &(size, inline)): (usize, &(u64, bool))| {
        let path = format!("98765/1005/Ünit {index}/{}.bin", "n".repeat(index % 40 + 1));
        if inline {
            Member::inline(path, (0..size).map(byte_at).collect::<Vec<_>>().into())
        } else {
            Member::stored(path, object(size), if size < 1 << 20 { crc_of(size) } else { 0 })
        }
    };
    sizes.iter().enumerate().map(member).collect()
}

/// Every header of the zip as another reader sees it.
fn assert_headers(layout: &Layout) {
    let mut zip = zip::ZipArchive::new(Virtual { layout, at: 0 }).unwrap();
    assert_eq!(zip.len(), layout.members().len());
    for (index, member) in layout.members().iter().enumerate() {
        let found = zip.by_index_raw(index).unwrap();
        assert_eq!(found.name().unwrap(), member.path());
        assert_eq!((found.size(), found.compressed_size()), (member.size(), member.size()));
        assert_eq!(found.compression(), zip::CompressionMethod::Stored);
        assert_eq!(found.last_modified().unwrap(), zip::DateTime::default());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn another_reader_finds_every_member_whole(
        sizes in prop::collection::vec((0u64..5_000, any::<bool>()), 0..40),
    ) {
        let layout = Layout::new(members(&sizes)).unwrap();
        assert_headers(&layout);
        let mut zip = zip::ZipArchive::new(Virtual { layout: &layout, at: 0 }).unwrap();
        for (index, (size, _)) in sizes.iter().enumerate() {
            let mut found = Vec::new();
            // Reading to the end compares the CRC.
            zip.by_index(index).unwrap().read_to_end(&mut found).unwrap();
            prop_assert_eq!(found, (0..*size).map(byte_at).collect::<Vec<_>>());
        }
    }

    #[test]
    fn any_range_is_the_slice_of_the_whole(
        sizes in prop::collection::vec((0u64..900, any::<bool>()), 0..12),
        a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>(),
    ) {
        let layout = Layout::new(members(&sizes)).unwrap();
        let len = layout.len();
        let whole = bytes_of(&layout, 0, len);
        prop_assert_eq!(whole.len() as u64, len);
        let (a, b) = (a.index(len as usize + 1), b.index(len as usize + 1));
        let (from, to) = (a.min(b), a.max(b));
        prop_assert_eq!(&bytes_of(&layout, from as u64, to as u64), &whole[from..to]);
    }

    #[test]
    fn members_around_4_gib_are_read_back_by_their_zip64_records(
        sizes in prop::collection::vec(
            prop_oneof![
                (0u64..100).prop_map(|n| n),
                (0xffff_ff00u64..0x1_0000_0100).prop_map(|n| n),
                Just(0xffff_fffe), Just(0xffff_ffff), Just(0x1_0000_0000), Just(25 << 30),
            ].prop_map(|size| (size, false)),
            1..8,
        ),
    ) {
        assert_headers(&Layout::new(members(&sizes)).unwrap());
    }
}

#[test]
fn an_offset_at_the_border_of_32_bits_is_read_back() {
    // The header of the second member begins exactly there, one before, and one after.
    let head = 30 + members(&[(0, false)])[0].path().len() as u64;
    for offset in [0xffff_fffe, 0xffff_ffffu64, 0x1_0000_0000] {
        let layout = Layout::new(members(&[(offset - head, false), (1, true)])).unwrap();
        assert_headers(&layout);
        let mut zip = zip::ZipArchive::new(Virtual { layout: &layout, at: 0 }).unwrap();
        assert_eq!(zip.by_index(1).unwrap().header_start(), offset);
    }
}

#[test]
fn more_members_than_16_bits_can_count_are_read_back() {
    for count in [0xfffe, 0xffff, 0x1_0000] {
        let layout = Layout::new(members(&vec![(0, true); count])).unwrap();
        let zip = zip::ZipArchive::new(BufReader::new(Virtual { layout: &layout, at: 0 })).unwrap();
        assert_eq!(zip.len(), count);
    }
}

#[test]
fn paths_that_leave_their_folder_are_refused() {
    for path in ["../x", "/x", "a/../x", "a//x", "a/./x", "a\\x", "C:/x", "", "a/"] {
        let refused = Layout::new(vec![Member::inline(path.into(), Bytes::new())]).unwrap_err();
        assert_eq!(refused, LayoutError::UnsafePath { path: path.into() });
    }
    let twice = vec![Member::inline("a".into(), Bytes::new()), Member::inline("a".into(), Bytes::new())];
    assert_eq!(Layout::new(twice).unwrap_err(), LayoutError::Repeated { path: "a".into() });
}

#[test]
fn the_entity_tag_is_the_same_for_the_same_members_and_no_other() {
    let shared = object(10);
    let tag = |path: &str, object: &StoredObject, crc32| {
        Layout::new(vec![Member::stored(path.into(), object.clone(), crc32)]).unwrap().etag()
    };
    assert_eq!(tag("a", &shared, 1), tag("a", &shared, 1));
    let mut tags = BTreeSet::from([tag("a", &shared, 1).to_string(), tag("b", &shared, 1).to_string()]);
    tags.insert(tag("a", &shared, 2).to_string());
    tags.insert(tag("a", &object(11), 1).to_string());
    assert_eq!(tags.len(), 4);
}

#[test]
fn python_and_unzip_find_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sample.zip");
    let layout = contents(vec![
        entry("1005", "URS", "Week 1/drafts", "essay.pdf", true),
        entry("1005", "URS", "", "Ünit – 漢字.pdf", true),
        entry("1007", "URS", "", "film.mp4", false),
    ])
    .layout(&Selection::default())
    .unwrap();
    std::fs::File::create(&path).unwrap().write_all(&bytes_of(&layout, 0, layout.len())).unwrap();
    for (program, arguments) in [("python3", &["-m", "zipfile", "-t"][..]), ("unzip", &["-t"])] {
        let done = Command::new(program).args(arguments).arg(&path).output().unwrap();
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success() && !said.contains("warning"), "{program}: {said}");
    }
}

// Not with a member of exactly 2³² - 1 bytes: unzip 6.0 takes that size for the mark in the next member's header.
#[test]
fn python_and_unzip_list_a_zip_larger_than_4_gib() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.zip");
    let layout = Layout::new(members(&[(5 << 30, false), (3, true), (1 << 32, false), (4, true)])).unwrap();
    let mut file = std::fs::File::create(&path).unwrap();
    for piece in layout.segments(0..layout.len()) {
        match piece {
            Segment::Bytes(bytes) => file.write_all(&bytes).unwrap(),
            // A hole: what is looked at are the headers.
            Segment::Stored { range, .. } => {
                file.seek(SeekFrom::Current((range.end - range.start) as i64)).map(drop).unwrap();
            }
        }
    }
    for (program, arguments) in [("python3", &["-m", "zipfile", "-l"][..]), ("unzip", &["-l"])] {
        let done = Command::new(program).args(arguments).arg(&path).output().unwrap();
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
        assert!(said.contains(&(5u64 << 30).to_string()) && said.contains("4294967296"), "{program}: {said}");
    }
}

fn entry(candidate: &str, section: &str, folder: &str, name: &str, included: bool) -> Entry {
    let candidate = candidate.parse().unwrap();
    let place = match section {
        "Supporting" => Place::Supporting { candidate },
        "Documents" => Place::Document { document: "register".parse().unwrap() },
        section => Place::Section { candidate, section: section.parse().unwrap() },
    };
    let object = object(name.len() as u64 * 100);
    let standing = if included {
        Standing::Included { crc32: crc_of(object.size()), object: object.clone() }
    } else {
        Standing::Withheld(Withheld::Quarantined)
    };
    Entry {
        file: object.file(),
        place,
        folder: folder.parse().unwrap(),
        original_name: name.parse().unwrap(),
        unique_name: "01_3357_R085_01_98765_1005_URS_14_01_2021_12_14_11.mp4".parse().unwrap(),
        size: object.size(),
        sha256: object.sha256(),
        received_at: Some("2026-05-14T12:14:11Z".parse().unwrap()),
        unscanned: name == "film.mp4",
        standing,
    }
}

const MANIFEST: &[u8] = br#"{"files":[]}"#;

fn contents(entries: Vec<Entry>) -> Contents {
    Contents { centre: "98765".parse().unwrap(), entries, manifest: Bytes::from_static(MANIFEST) }
}

fn paths(layout: &Layout) -> Vec<&str> {
    layout.members().iter().map(Member::path).collect()
}

fn inline<'a>(zip: &mut zip::ZipArchive<Virtual<'a>>, path: &str) -> String {
    let mut text = String::new();
    zip.by_name(path).unwrap().read_to_string(&mut text).unwrap();
    text
}

#[test]
fn the_tree_is_the_candidates_own_with_a_note_for_what_is_withheld() {
    let contents = contents(vec![
        entry("1005", "Documents", "", "register.pdf", true),
        entry("1005", "URS", "Week 1", "essay.pdf", false),
        entry("1005", "URS", "Week 1", "Essay.pdf", true),
        entry("1005", "Supporting", "", "=cmd.txt", true),
        entry("1007", "URS", "", "con.pdf", true),
        entry("1007", "Film", "", "film.mp4", true),
    ]);
    let layout = contents.layout(&Selection::default()).unwrap();
    assert_eq!(
        paths(&layout),
        [
            "98765/Documents/register.pdf",
            "98765/1005/URS/Week 1/essay.pdf - withheld.txt",
            "98765/1005/URS/Week 1/Essay (2).pdf",
            "98765/1005/Supporting/=cmd.txt",
            "98765/1007/URS/_con.pdf",
            "98765/1007/Film/film.mp4",
            "manifest.csv",
            "manifest.json",
            "SHA256SUMS",
        ]
    );
    let mut zip = zip::ZipArchive::new(Virtual { layout: &layout, at: 0 }).unwrap();
    assert_eq!(inline(&mut zip, "manifest.json").as_bytes(), MANIFEST);
    let note = inline(&mut zip, "98765/1005/URS/Week 1/essay.pdf - withheld.txt");
    assert_eq!(note, format!("{}\r\n", Withheld::Quarantined.sentence()));
    let csv = inline(&mut zip, "manifest.csv");
    assert!(csv.contains(",'=cmd.txt,") && csv.contains(",con.pdf,"), "{csv}");
    let verdict_of = |name: &str| csv.lines().find(|line| line.contains(name)).unwrap().split(',').nth(9);
    assert_eq!(verdict_of("film.mp4"), Some("not virus checked"));
    assert_eq!(verdict_of("con.pdf"), Some("clean"));
    let sums = inline(&mut zip, "SHA256SUMS");
    assert_eq!(sums.lines().count(), 8);
    let of_note = Sha256Digest(Sha256::digest(&note).into());
    assert!(sums.contains(&format!("{of_note}  98765/1005/URS/Week 1/essay.pdf - withheld.txt\n")), "{sums}");
}

#[test]
fn a_file_has_the_same_name_in_every_zip_it_is_in() {
    let contents = contents(vec![
        entry("1005", "Documents", "", "register.pdf", true),
        entry("1005", "URS", "", "a.pdf", true),
        entry("1005", "URS", "", "A.pdf", true),
        entry("1007", "URS", "", "a.pdf", true),
    ]);
    let second = Selection { files: Some(BTreeSet::from([contents.entries[2].file])), candidates: None };
    assert_eq!(paths(&contents.layout(&second).unwrap())[0], "98765/1005/URS/A (2).pdf");
    let one = Selection { candidates: Some(BTreeSet::from(["1007".parse().unwrap()])), files: None };
    let layout = contents.layout(&one).unwrap();
    assert_eq!(paths(&layout)[..2], ["98765/1007/URS/a.pdf", "manifest.csv"]);
    assert_ne!(layout.etag(), contents.layout(&Selection::default()).unwrap().etag());
}
