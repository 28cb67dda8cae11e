//! Tricks with archives: what one program unpacks otherwise than another, somewhere else, or without end.

use strongroom::evidence::Reason::{ArchiveUnsafe, Corrupt, Empty, LinkOnly, TypeMismatch, TypeNotAllowed};
use tar::EntryType;

use crate::case::{Case, holding};
use crate::make::packed::{LZMA2, gzip, lzma2, seven_zip, tar, tar_with};
use crate::make::zip::{self, CENTRAL, DESCRIBED_BEHIND, END, LOCAL, Member};
use crate::make::{self, Repeated, crc_of, deflated, find, noise, program, text, written_over};

const GROUP: &str = "Archive tricks";

pub fn cases() -> Vec<Case> {
    [headers(), names(), members(), bombs(), tars(), seven_zips(), good()].into_iter().flatten().collect()
}

fn two() -> [Member; 2] {
    [Member::stored("a.txt", b"aaaa"), Member::stored("b.txt", b"bbbb")]
}

/// Bodies and lines that do not agree.
fn lying(bodies: &[Vec<u8>], lines: impl Fn(&[usize]) -> Vec<Vec<u8>>) -> Vec<u8> {
    zip::assembled(bodies, lines)
}

/// A zip whose one member is told of otherwise in the directory.
fn told_otherwise(change: impl Fn(&mut Member)) -> Vec<u8> {
    let honest = Member::new("a.txt", &text(2_000));
    let mut other = honest.clone();
    change(&mut other);
    lying(&[honest.local()], |places| vec![other.central(places[0])])
}

/// A zip whose one member is told of wrongly in both headers.
fn told_wrongly(change: impl Fn(&mut Member)) -> Vec<u8> {
    let mut member = Member::new("a.txt", &text(2_000));
    change(&mut member);
    zip::of(&[member])
}

/// Directory, local headers and end, and which of them is believed.
fn headers() -> Vec<Case> {
    let bad = |what: &str, reason, bytes: Vec<u8>| Case::bad(GROUP, what, "work.zip", reason, holding(bytes));
    let [a, b] = two();
    let honest = zip::of(&two());
    let end = honest.len() - END;
    let directory = find(&honest, zip::DIRECTORY);

    let same_twice = zip::of(&[a.clone(), Member { content: b"bbbb".to_vec(), ..a.clone() }]);
    let hidden = lying(&[a.local(), b.local()], |places| vec![b.central(places[1])]);
    let hidden_between = lying(&[a.local(), Member::stored("c.txt", b"c").local(), b.local()], |places| {
        vec![a.central(places[0]), b.central(places[2])]
    });
    let before = lying(&[program(), a.local()], |places| vec![a.central(places[1])]);
    let full_overlap = lying(&[a.local()], |places| {
        vec![a.central(places[0]), Member { name: b"b.txt".to_vec(), ..a.clone() }.central(places[0])]
    });
    let comment = [&honest[..end + 20], &(END as u16).to_le_bytes(), &honest[end..]].concat();
    let mut long_comment = honest.clone();
    long_comment[end + 20..].copy_from_slice(&[4, 0]);

    let wide = |size: u64, stored: u64| {
        let field = [&[1, 0, 16, 0], &size.to_le_bytes()[..], &stored.to_le_bytes()].concat();
        Member { stored: u32::MAX, size: u32::MAX, extra: field, ..a.clone() }
    };
    let wide_lies = lying(&[wide(4, 4).local()], |places| vec![wide(3, 3).central(places[0])]);
    let wide_end = |entries: u64, place: u64| {
        let lines = [a.central(0), b.central(a.local().len())].concat();
        let bodies = [a.local(), b.local()].concat();
        let told = zip::end_64(entries, lines.len() as u64, bodies.len() as u64);
        let place = (bodies.len() + lines.len()) as u64 + place;
        let told = written_over(&told, 64, &place.to_le_bytes());
        [bodies, lines, told, zip::end_of_wide()].concat()
    };
    let two_ends = {
        let lines = [a.central(0), b.central(a.local().len())].concat();
        let bodies = [a.local(), b.local()].concat();
        let told = zip::end_64(2, lines.len() as u64, bodies.len() as u64);
        let short = zip::end(1, lines.len(), bodies.len(), b"");
        [bodies, lines, told, short].concat()
    };
    // The last byte of its directory is not there; readers that do not stop there take one of the end.
    let short_directory = {
        let lines = wide(4, 4).central(0);
        let lines = &lines[..lines.len() - 1];
        let body = wide(4, 4).local();
        [&body[..], lines, &zip::end(1, lines.len(), body.len(), b"")].concat()
    };
    // A name in another field than the one that was checked (Info-ZIP Unicode Path).
    let renamed = {
        let field = [&[1][..], &crc_of(b"a.txt").to_le_bytes(), b"a.exe"].concat();
        let extra = [&b"up"[..], &(field.len() as u16).to_le_bytes(), &field].concat();
        zip::of(&[Member { extra, flags: 0, ..a.clone() }])
    };

    vec![
        bad("the same name twice", ArchiveUnsafe, same_twice),
        bad(
            "the directory names another file",
            ArchiveUnsafe,
            told_otherwise(|member| member.name = b"b.txt".to_vec()),
        ),
        bad("the directory tells another size", ArchiveUnsafe, told_otherwise(|member| member.size += 1)),
        bad(
            "the directory tells another method",
            ArchiveUnsafe,
            told_otherwise(|member| member.method = zip::STORED),
        ),
        bad(
            "only the directory tells of a password",
            ArchiveUnsafe,
            told_otherwise(|member| member.flags |= zip::ENCRYPTED),
        ),
        bad("a file that the directory does not name", ArchiveUnsafe, hidden),
        bad("a file between two that it names", ArchiveUnsafe, hidden_between),
        bad("a program before the first file", TypeMismatch, before),
        bad("bytes after its end", ArchiveUnsafe, [&honest[..], b"and more"].concat()),
        bad("two ends", ArchiveUnsafe, [&honest[..], &honest[end..]].concat()),
        bad("two archives", ArchiveUnsafe, [honest.clone(), zip::files(&[("c.txt", b"c")])].concat()),
        bad("files before the first that is named", ArchiveUnsafe, [b.local(), honest.clone()].concat()),
        bad("an end in the comment", ArchiveUnsafe, comment),
        bad("a comment longer than the file", ArchiveUnsafe, long_comment),
        bad("two files in the same bytes", ArchiveUnsafe, full_overlap),
        bad("a file in the bytes of another, quoted", ArchiveUnsafe, quoted_overlap()),
        bad("fewer files than there are", ArchiveUnsafe, written_over(&honest, end + 8, &[1, 0, 1, 0])),
        bad("more files than there are", ArchiveUnsafe, written_over(&honest, end + 8, &[3, 0, 3, 0])),
        bad("two counts of its files", Corrupt, written_over(&honest, end + 8, &[1, 0, 2, 0])),
        bad("a directory elsewhere", ArchiveUnsafe, written_over(&honest, end + 16, &[0, 0, 0, 0])),
        bad("one part of several", ArchiveUnsafe, written_over(&honest, end + 4, &[1, 0])),
        bad("cut short", Corrupt, honest[..end - 3].to_vec()),
        bad("cut short in its first file", Corrupt, honest[..LOCAL + 6].to_vec()),
        bad("cut short in its directory", Corrupt, honest[..directory + CENTRAL].to_vec()),
        bad("only a beginning", Corrupt, b"PK\x03\x04 and no more".to_vec()),
        bad("a smaller size than it has", Corrupt, told_wrongly(|member| member.size = 100)),
        bad("a larger size than it has", Corrupt, told_wrongly(|member| member.size = 3_000)),
        bad("another checksum than it has", Corrupt, told_wrongly(|member| member.crc ^= 1)),
        bad("no deflate", Corrupt, told_wrongly(|member| member.content[0] = 7)),
        bad("two wide sizes", ArchiveUnsafe, wide_lies),
        bad("a wide end with another count", ArchiveUnsafe, wide_end(1, 0)),
        bad("a wide end elsewhere", ArchiveUnsafe, wide_end(2, 1)),
        bad("a wide end and a short one that differ", ArchiveUnsafe, two_ends),
        bad("a directory shorter than its lines", ArchiveUnsafe, short_directory),
        bad("a name under another name", ArchiveUnsafe, renamed),
    ]
}

/// A bomb without nesting: each file quotes the header of the next, and goes on into its bytes.
fn quoted_overlap() -> Vec<u8> {
    let mut content = vec![0; 1 << 20];
    let mut body = deflated(&content);
    let mut bodies = Vec::new();
    for number in (0..40).rev() {
        let member = Member {
            stored: u32::try_from(body.len()).unwrap(),
            size: u32::try_from(content.len()).unwrap(),
            crc: crc_of(&content),
            method: zip::DEFLATED,
            ..Member::stored(format!("{number}.txt"), b"")
        };
        let header = member.local_header();
        bodies.push((member, header.clone()));
        // A block that is not packed holds the header.
        let length = header.len() as u16;
        let quote = [&[0][..], &length.to_le_bytes(), &(!length).to_le_bytes(), &header].concat();
        body = [quote, body].concat();
        content = [header, content].concat();
    }
    bodies.reverse();
    let kernel = deflated(&vec![0; 1 << 20]);
    // What stands there: a header, and before each next one the start of the block that quotes it.
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    for (index, (_, header)) in bodies.iter().enumerate() {
        let next = bodies.get(index + 1).map(|(_, next)| next.len() as u16);
        let quote = next.map(|length| [&[0][..], &length.to_le_bytes(), &(!length).to_le_bytes()].concat());
        blocks.push([header.clone(), quote.unwrap_or_else(|| kernel.clone())].concat());
    }
    lying(&blocks, |places| bodies.iter().zip(places).map(|((one, _), &place)| one.central(place)).collect())
}

/// Names that leave the folder, hide, or fall together.
fn names() -> Vec<Case> {
    let long = "a".repeat(60_000);
    let long_part = format!("{}.txt", "a".repeat(252));
    let long_path = format!("{}a.txt", "folder/".repeat(150));
    let mut cases: Vec<Case> = [
        ("up", "../a.txt"),
        ("up from within", "a/../../b.txt"),
        ("up, with backslashes", "..\\a.txt"),
        ("absolute", "/etc/passwd"),
        ("absolute, of a server", "//server/a.txt"),
        ("absolute, of a drive", "C:/x.txt"),
        ("relative to a drive", "C:x.txt"),
        ("a backslash", "a\\b.txt"),
        ("NUL", "a.txt\0.exe"),
        ("written from right to left", "a\u{202e}fdp.exe"),
        ("a line end", "a\nb.txt"),
        ("a letter that is blank", "\u{3164}.txt"),
        ("a device", "CON"),
        ("a device with an ending", "aux.txt"),
        ("a device in a folder", "a/nul.h"),
        ("a folder that is a device", "com1/a.txt"),
        ("empty", ""),
        ("empty part", "a//b.txt"),
        ("here", "./a.txt"),
        ("60,000 letters", &long),
        ("256 bytes in one part", &long_part),
        ("a path of more than 1,024 bytes", &long_path),
    ]
    .into_iter()
    .map(|(what, name)| {
        let bytes = zip::of(&[Member::stored("b.txt", b"b"), Member::stored(name, b"a")]);
        Case::bad(GROUP, format!("name: {what}"), "work.zip", ArchiveUnsafe, holding(bytes))
    })
    .collect();
    for (what, one, other) in [
        ("differ in case", "Essay.txt", "essay.TXT"),
        ("differ in composition", "Caf\u{e9}.txt", "Cafe\u{301}.txt"),
        ("a file and a folder", "a", "a/b.txt"),
        ("differ in what Windows drops", "a.txt", "a.txt."),
    ] {
        let bytes = zip::of(&[Member::stored(one, b"1"), Member::stored(other, b"2")]);
        cases.push(Case::bad(GROUP, format!("names: {what}"), "work.zip", ArchiveUnsafe, holding(bytes)));
    }
    cases
}

/// What a member is.
fn members() -> Vec<Case> {
    let bad = |what: &str, reason, member: Member| {
        let bytes = zip::of(&[Member::stored("b.txt", b"b"), member]);
        Case::bad(GROUP, format!("member: {what}"), "work.zip", reason, holding(bytes))
    };
    let mode = |mode, content: &[u8]| Member { mode, ..Member::stored("a.txt", content) };
    vec![
        bad("a link", ArchiveUnsafe, mode(0o120_777, b"/etc/passwd")),
        bad("a pipe", ArchiveUnsafe, mode(0o010_644, b"")),
        bad("a device", ArchiveUnsafe, mode(0o020_644, b"")),
        bad("a folder that holds bytes", ArchiveUnsafe, Member::stored("folder/", &program())),
        bad("a program", TypeNotAllowed, Member::new("game.exe", &program())),
        bad("a program by its name alone", TypeNotAllowed, Member::new("run.bat", b"del *.*")),
        // Windows drops what ends such a name. Folders of other systems have dots at their ends, so names may.
        bad("a program by its name, behind a dot", TypeNotAllowed, Member::new("run.bat. .", b"del *.*")),
        bad("a program under another name", TypeMismatch, Member::new("photo.jpg", &program())),
        bad("a program without an ending", TypeNotAllowed, Member::new("photo", &program())),
        bad("a link to work elsewhere", LinkOnly, Member::new("work.gdoc", b"{}")),
        bad("a shortcut", LinkOnly, Member::new("work.lnk", b"L\0\0\0")),
    ]
}

/// Little that becomes much.
fn bombs() -> Vec<Case> {
    let bad = |what: &str, name: &str, reason, make: fn(&mut std::fs::File) -> std::io::Result<()>| {
        Case::bad(GROUP, what, name, reason, make)
    };
    vec![
        bad("1 GiB of zeros", "work.zip", ArchiveUnsafe, |file| {
            zip::write_repeated(file, &[("a.txt", &Repeated::new(&[(&vec![0; 1 << 20], 1 << 10)]))])
        }),
        bad("1 GiB of zeros in a gzip", "work.gz", ArchiveUnsafe, |file| {
            Repeated::new(&[(&vec![0; 1 << 20], 1 << 10)]).write_gzip(file)
        }),
        bad("1 GiB of zeros in a zip in a zip", "work.zip", ArchiveUnsafe, |file| {
            let mut inner = tempfile::tempfile()?;
            zip::write_repeated(&mut inner, &[("a.txt", &Repeated::new(&[(&vec![0; 1 << 20], 1 << 10)]))])?;
            let mut bytes = Vec::new();
            std::io::Seek::rewind(&mut inner)?;
            std::io::Read::read_to_end(&mut inner, &mut bytes)?;
            holding(zip::files(&[("in.zip", &bytes)]))(file)
        }),
        bad("1 GiB of zeros in many files", "work.zip", ArchiveUnsafe, |file| {
            let zeros = Repeated::new(&[(&vec![0; 1 << 20], 16)]);
            let names: Vec<_> = (0..64).map(|number| format!("{number}.txt")).collect();
            zip::write_repeated(file, &names.iter().map(|name| (name.as_str(), &zeros)).collect::<Vec<_>>())
        }),
        bad("65,000 files of nothing", "work.zip", ArchiveUnsafe, |file| holding(zip::empties(65_000))(file)),
        bad("no file", "work.zip", Empty, |file| holding(zip::of(&[]))(file)),
        bad("only folders", "work.zip", Empty, |file| {
            let folder = Member { mode: 0o040_755, ..Member::stored("a/", b"") };
            holding(zip::of(&[folder]))(file)
        }),
        bad("only an archive of nothing", "work.zip", Empty, |file| {
            holding(zip::files(&[("in.zip", &zip::of(&[]))]))(file)
        }),
    ]
}

/// The same in tar and gzip.
fn tars() -> Vec<Case> {
    let bad = |what: &str, name: &str, reason, bytes: Vec<u8>| {
        Case::bad(GROUP, format!("tar: {what}"), name, reason, holding(bytes))
    };
    let honest = tar(&[("a.txt", b"aaaa")]);
    let noise = noise(100);
    let pax = |record: &str| {
        let header = tar_with(EntryType::XHeader, "PaxHeaders/a", "", record.as_bytes());
        [&header[..header.len() - 1024], &honest].concat()
    };
    let mut cases = vec![
        bad("up", "work.tar", ArchiveUnsafe, tar(&[("../a.txt", b"a")])),
        bad("absolute", "work.tar", ArchiveUnsafe, tar(&[("/etc/passwd", b"a")])),
        bad("the same name twice", "work.tar", ArchiveUnsafe, tar(&[("a.txt", b"a"), ("A.TXT", b"b")])),
        bad("a program", "work.tar", TypeNotAllowed, tar(&[("game.exe", &program())])),
        bad("an extension renames it", "work.tar", ArchiveUnsafe, pax("13 path=../b\n")),
        bad("an extension tells another size", "work.tar", ArchiveUnsafe, pax("10 size=2\n")),
        bad("cut short", "work.tar", Corrupt, honest[..514].to_vec()),
        bad("another checksum than it has", "work.tar", TypeMismatch, written_over(&honest, 0, b"b")),
        bad("only zeros", "work.tar", Empty, vec![0; 10 << 10]),
        bad("bytes after its end", "work.tar", ArchiveUnsafe, [&honest[..], &noise].concat()),
        bad(
            "an archive after its end",
            "work.tar",
            ArchiveUnsafe,
            [&honest[..], &tar(&[("b.txt", b"b")])].concat(),
        ),
        bad(
            "a zip after its end",
            "work.tar",
            ArchiveUnsafe,
            [&honest[..], &zip::files(&[("b.txt", b"b")])].concat(),
        ),
        bad("bytes after its end, packed", "work.tgz", ArchiveUnsafe, gzip(&[&honest[..], &noise].concat())),
        bad("gzip: bytes after its end", "work.gz", Corrupt, [&gzip(b"text")[..], &noise].concat()),
        bad(
            "gzip: a zip after its end",
            "work.gz",
            Corrupt,
            [&gzip(b"text")[..], &zip::files(&[("b.txt", b"b")])].concat(),
        ),
        bad("gzip: cut short", "work.gz", Corrupt, gzip(&noise)[..60].to_vec()),
        bad("gzip: a program", "work.gz", TypeNotAllowed, gzip(&program())),
        bad("gzip: no tar in it", "work.tgz", TypeMismatch, gzip(&text(2_000))),
        bad("gzip: another checksum than it has", "work.gz", Corrupt, {
            let packed = gzip(&noise);
            written_over(&packed, packed.len() - 8, b"\0\0\0\0")
        }),
    ];
    for (what, kind) in [
        ("a link", EntryType::Symlink),
        ("a hard link", EntryType::Link),
        ("a device", EntryType::Char),
        ("a pipe", EntryType::Fifo),
        ("a sparse file", EntryType::GNUSparse),
    ] {
        let bytes = tar_with(kind, "a.txt", "/etc/passwd", b"");
        cases.push(bad(what, "work.tar", ArchiveUnsafe, bytes));
    }
    cases
}

/// The same in 7z, whose faults the scanner passes over without a word.
fn seven_zips() -> Vec<Case> {
    let bad = |what: &str, reason, bytes: Vec<u8>| {
        Case::bad(GROUP, format!("7z: {what}"), "work.7z", reason, holding(bytes))
    };
    let of = |name: &str, content: &[u8]| seven_zip(name, content, &lzma2(content), LZMA2, None);
    let whole = of("a.txt", b"some words");
    let sum = find(&whole, &crc_of(b"some words").to_le_bytes());
    // The table of contents has a checksum too, and so has what tells where it is.
    let resummed = |mut bytes: Vec<u8>| {
        let table = 32 + usize::from(bytes[12]);
        let of_table = crc_of(&bytes[table..]).to_le_bytes();
        bytes[28..32].copy_from_slice(&of_table);
        let of_start = crc_of(&bytes[12..32]).to_le_bytes();
        bytes[8..12].copy_from_slice(&of_start);
        bytes
    };
    let gibibyte = {
        // A block that says so, and is not.
        let size = find(&whole, &[12, 0xf0, 10, 0, 0, 0]) + 2;
        resummed(written_over(&whole, size, &(1_u32 << 30).to_le_bytes()))
    };
    vec![
        bad("up", ArchiveUnsafe, of("../a.txt", b"a")),
        bad("absolute", ArchiveUnsafe, of("/etc/passwd", b"a")),
        bad("a program", TypeNotAllowed, of("game.exe", &program())),
        bad("a program under another name", TypeMismatch, of("photo.jpg", &program())),
        bad("a shortcut", LinkOnly, of("work.lnk", b"L\0\0\0")),
        bad("another checksum than it has", Corrupt, resummed(written_over(&whole, sum, b"\0\0\0\0"))),
        bad("another checksum of its table", Corrupt, written_over(&whole, sum, b"\0\0\0\0")),
        bad("1 GiB packed together", ArchiveUnsafe, gibibyte),
        bad("bytes after its end", ArchiveUnsafe, [&whole[..], &noise(100)].concat()),
        bad("a zip after its end", ArchiveUnsafe, [&whole[..], &zip::files(&[("b.txt", b"b")])].concat()),
        bad("cut short", Corrupt, whole[..whole.len() - 3].to_vec()),
        bad("four layers", ArchiveUnsafe, (0..3).fold(whole, |inner, _| of("in.7z", &inner))),
    ]
}

/// What only looks like a trick.
fn good() -> Vec<Case> {
    let good = |what: &str, name: &str, bytes: Vec<u8>| Case::good(GROUP, what, name, holding(bytes));
    let [a, b] = two();
    // As programs write that do not know the size before.
    let streamed = |crc: u32| {
        let told = Member { flags: DESCRIBED_BEHIND, ..Member::new("a.txt", &text(3_000)) };
        let blank = Member { crc: 0, stored: 0, size: 0, ..told.clone() };
        let behind = [told.crc ^ crc, told.stored, told.size].map(u32::to_le_bytes).concat();
        lying(&[[blank.local(), b"PK\x07\x08".to_vec(), behind].concat()], |places| {
            vec![told.central(places[0])]
        })
    };
    let gap = lying(&[a.local(), b"what nobody reads".to_vec(), b.local()], |places| {
        vec![a.central(places[0]), b.central(places[2])]
    });
    let commented = {
        let honest = zip::of(&two());
        let end = honest.len() - END;
        [&honest[..end + 20], &4_u16.to_le_bytes(), b"work"].concat()
    };
    let wide = {
        let lines = [a.central(0), b.central(a.local().len())].concat();
        let bodies = [a.local(), b.local()].concat();
        let told = zip::end_64(2, lines.len() as u64, bodies.len() as u64);
        [bodies, lines, told, zip::end_of_wide()].concat()
    };
    // As Windows has written names for long: without a word of UTF-8, in the letters of DOS.
    let old_names = zip::of(&[Member { flags: 0, ..Member::stored(b"\x9aber uns \x81.txt", b"a") }]);
    let folder = Member { mode: 0o040_755, ..Member::stored("Week 1/", b"") };
    vec![
        good("sizes behind each file", "work.zip", streamed(0)),
        // Nobody goes by it but a program that unpacks while it reads, and that one stops.
        good("another checksum behind the file", "work.zip", streamed(1)),
        // No program looks there; a file that is hidden there is another case.
        good("bytes between two files", "work.zip", gap),
        good("a comment", "work.zip", commented),
        good("a wide end", "work.zip", wide),
        good("names of DOS", "work.zip", old_names),
        good("folders", "work.zip", zip::of(&[folder, Member::new("Week 1/a.txt", b"a")])),
        good(
            "names of other systems",
            "work.zip",
            zip::files(&[
                ("St. Mary's Sch./Essay 12:05.txt", b"a"),
                ("Img/a.txt", b"a"),
                ("img/b.txt", b"b"),
            ]),
        ),
        good("three layers", "work.zip", zip::nested(3, "a.txt", b"a")),
        good("2,000 files of nothing", "work.zip", zip::empties(2_000)),
        good("a word of two letters", "work.zip", zip::files(&[("a.txt", b"MZ is a word")])),
        good(
            "a web site",
            "work.zip",
            zip::files(&[("index.html", b"<html>"), ("js/app.js", b"1"), ("deploy.sh", b"#!/bin/sh\n")]),
        ),
        good("a tar as it comes", "work.tar", tar(&[("./a.txt", b"a"), ("./b/c.txt", b"c")])),
        good("a tar, padded", "work.tar", [tar(&[("a.txt", b"a")]), vec![0; 9 << 10]].concat()),
        good("a tar, packed", "work.tar.gz", gzip(&tar(&[("a.txt", b"a")]))),
        good("a gzip in two parts", "work.gz", [gzip(b"one "), gzip(b"two")].concat()),
        good("a text that packs well", "work.zip", zip::files(&[("a.txt", &make::text(8 << 20))])),
    ]
}
