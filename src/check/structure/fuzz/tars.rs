//! Tars: changed ones, whose members a simple reader must see as we do, and built ones, sound but for one thing.

use ::tar::{Builder, EntryType, Header};

use super::*;
use crate::fuzz::Choices;

const KINDS: &[&str] = &["tgz", "gz", "tar.gz"];

#[test]
fn gzips() {
    let tar = tar_of(&[("a.txt", b'0', b"a"), ("b.zip", b'0', &zip_of(&[("a", b"a")]))]);
    let mut named = b"\x1f\x8b\x08\x1e\0\0\0\0\0\x03\x04\0abcdname\0comment\0\0\0".to_vec();
    named.extend_from_slice(&gz(b"text")[10..]);
    let seeds = [
        ("tgz", gz(&tar)),
        ("gz", gz(b"one file")),
        ("gz", [gz(b"two "), gz(b"parts")].concat()),
        ("gz", gz(&gz(&gz(b"deep")))),
        ("gz", named),
        ("tgz", gz(&[0; 1024])),
    ];
    any_of(
        "gzips",
        KINDS,
        &seeds,
        &[b"\x1f\x8b\x08\0\0\0\0\0\0\x03", b"\x1f\x8b\x08", b"\0\0\xff\xff", b"\x03\0"],
    );
}

#[test]
fn tars() {
    let long = "d".repeat(150);
    let seeds = [
        tar_of(&[("./", b'5', b""), ("./a.txt", b'0', b"a"), ("b/c.txt", b'0', &[b'c'; 600])]),
        tar_of(&[("x", b'x', b"14 path=b.txt\n"), ("a.txt", b'0', b"a")]),
        tar_of(&[("x", b'g', b"12 comment=\n"), ("a.txt", b'\0', b"a"), ("c", b'7', b"c")]),
        tar_of(&[("././@LongLink", b'L', [long.as_bytes(), b"\0"].concat().as_slice()), ("d", b'0', b"a")]),
        tar_of(&[("link", b'2', b""), ("a.zip", b'0', &zip_of(&[("a", b"a")]))]),
        tar_of(&[("x", b'x', b"30 SCHILY.xattr.a=b\n\0 9 \n=\n\n"), ("a.txt", b'0', b"a")]),
        tar_of(&[]),
    ];
    let words: &[&[u8]] = &[
        b"ustar\x0000",
        b"ustar  \0",
        b"14 path=b.txt\n",
        b"9 size=1\n",
        b"../",
        b"0000644\0",
        b"00000000001\0",
        b"\x80\0\0\0\0\0\0\0\0\0\0\x01",
        &[0; 512],
        b"12 path=../\n",
        b"/",
        b"\0",
    ];
    run("tars", seeds, words, |input| {
        // Most changes break the checksum of a header, and nothing else would be tried.
        let input = checksummed(input);
        let judged = judged(&input, "tar");
        if let Ok(Some(listing)) = &judged {
            seen_alike(&input, listing);
        }
        kind_of("tar", &judged)
    });
}

pub(super) fn tar_of(entries: &[(&str, u8, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, kind, bytes) in entries {
        let mut header = Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_entry_type(EntryType::new(*kind));
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

/// Every header gets the checksum that it should have.
fn checksummed(input: &[u8]) -> Vec<u8> {
    let mut input = input.to_vec();
    let mut at = 0;
    while let Some(header) = input.get_mut(at..at + 512) {
        if header.iter().any(|&byte| byte != 0) {
            header[148..156].fill(b' ');
            let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
            header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
        at += 512 + octal(&input[at..at + 512]).unwrap_or(0).div_ceil(512).min(1 << 30) * 512;
    }
    input
}

fn octal(header: &[u8]) -> Option<usize> {
    let digits = until_nul(&header[124..136]);
    let digits = digits.trim_ascii();
    let plain = digits.iter().all(|byte| (b'0'..=b'7').contains(byte));
    usize::from_str_radix(std::str::from_utf8(digits).ok().filter(|_| plain)?, 8).ok()
}

/// What a reader makes of an archive that goes from header to header, as POSIX has them, must be what was listed.
fn seen_alike(input: &[u8], listing: &[Member]) {
    let (mut at, mut long, mut expected) = (0, None, Vec::new());
    while let Some(header) = input.get(at..at + 512) {
        if header.iter().all(|&byte| byte == 0) {
            break;
        }
        // A size that is not in octal digits has 0x80 in front.
        let size = match octal(header) {
            Some(size) => size,
            None if header[124] == 0x80 => {
                header[125..136].iter().fold(0, |sum, b| sum << 8 | usize::from(*b))
            }
            None => panic!("a size that cannot be read: {:?}", &header[124..136]),
        };
        let bytes = &input[at + 512..at + 512 + size];
        at += 512 + size.div_ceil(512) * 512;
        match header[156] {
            b'L' => long = Some(until_nul(bytes)),
            b'x' => long = pax_path(bytes).or(long),
            b'g' => assert_eq!(pax_path(bytes), None, "all files are renamed"),
            kind => {
                let prefix = until_nul(&header[345..500]);
                let ustar = header[257..263] == *b"ustar\0";
                let plain = match until_nul(&header[..100]) {
                    name if ustar && !prefix.is_empty() => [prefix.as_slice(), b"/", &name].concat(),
                    name => name,
                };
                let name = long.take().unwrap_or(plain);
                let name = name.strip_prefix(b"./").map_or(name.clone(), <[u8]>::to_vec);
                assert!(matches!(kind, b'5' | b'0' | b'\0' | b'7'), "a member of kind {kind}");
                if kind != b'5' {
                    expected.push((String::from_utf8(name).unwrap(), size as u64));
                }
            }
        }
    }
    let names: usize = listing.iter().map(|member| member.path.len()).sum();
    if names + 1100 > limits().listing_bytes {
        return;
    }
    for (name, size) in &expected {
        let found = listing.iter().find(|member| member.path == *name);
        assert_eq!(found.map(|member| member.size), Some(*size), "{name} in {listing:?}");
    }
    for member in listing {
        let known = expected.iter().any(|(name, _)| {
            let inner = name.strip_suffix(".gz").is_some_and(|inner| member.path == inner);
            inner
                || member.path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        assert!(known, "{} is no member", member.path);
    }
}

fn until_nul(bytes: &[u8]) -> Vec<u8> {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default().to_vec()
}

/// The last path in PAX records, whose lengths were found good.
fn pax_path(mut records: &[u8]) -> Option<Vec<u8>> {
    let mut path = None;
    while !records.is_empty() {
        let digits: String =
            records.iter().map(|&byte| char::from(byte)).take_while(char::is_ascii_digit).collect();
        let (record, rest) = records.split_at(digits.parse().unwrap());
        let record = &record[digits.len() + 1..record.len() - 1];
        if let Some(value) = record.strip_prefix(b"path=") {
            path = Some(value.to_vec());
        }
        records = rest;
    }
    path
}

/// Name, kind, content.
type Entry = (String, u8, Vec<u8>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fault {
    Nothing,
    Name,
    Twice,
    Kind,
    Contradiction,
    Program,
    Many,
}

#[test]
fn built_tars() {
    use Fault::*;
    let faults = [Nothing, Nothing, Name, Twice, Kind, Contradiction, Program, Many];
    let seeds = (0..=255).map(|first| (0..60).map(|at: u8| first ^ at.wrapping_mul(41)).collect());
    run("built_tars", seeds, &[], |input| {
        let mut choices = Choices(input);
        let fault = choices.one_of(&faults);
        let (bytes, expected) = built(&mut choices, fault);
        let (bytes, extension) = match choices.below(3) {
            0 => (gz(&bytes), "tgz"),
            _ => (bytes, "tar"),
        };
        match (judged(&bytes, extension), fault) {
            (Ok(Some(listing)), Nothing) => {
                let listed = listing.iter().filter(|member| member.path != "content");
                let plain = |path: &str| path.strip_prefix("content/").unwrap_or(path).to_owned();
                let listed: Vec<_> = listed.map(|member| (plain(&member.path), member.size)).collect();
                assert_eq!(listed, expected);
            }
            (Err((Reason::Empty, _)), Nothing) if expected.is_empty() => {}
            (Err((reason, _)), fault) if fault != Nothing => {
                assert_eq!(reason == Reason::TypeNotAllowed, fault == Program, "{fault:?}: {reason:?}");
            }
            (judged, fault) => panic!("{fault:?}: {judged:?}"),
        }
        (fault, expected.len())
    });
}

fn built(choices: &mut Choices<'_>, fault: Fault) -> (Vec<u8>, Vec<(String, u64)>) {
    let (mut entries, mut expected) = (Vec::<Entry>::new(), Vec::new());
    let count = choices.below(5);
    let place = choices.below(count + 1);
    for index in 0..=count {
        if index == place {
            add_fault(&mut entries, choices, fault);
        }
        if index == count {
            break;
        }
        let long = choices.below(4) == 0;
        let name = format!("{}{index}.txt", if long { "name ".repeat(30) } else { String::new() });
        let bytes = b"text ".repeat(choices.byte().into());
        expected.push((name.clone(), bytes.len() as u64));
        let mut short = name.clone();
        if long {
            short.truncate(20);
            match choices.yes() {
                true => entries.push(("x".into(), b'x', record("path", &name))),
                false => entries.push(("././@LongLink".into(), b'L', [name.as_bytes(), b"\0"].concat())),
            }
        }
        let dot = if choices.yes() && !long { "./" } else { "" };
        entries.push((format!("{dot}{short}"), choices.one_of(b"00\x007"), bytes));
    }
    let entries: Vec<_> =
        entries.iter().map(|(name, kind, bytes)| (name.as_str(), *kind, bytes.as_slice())).collect();
    (tar_of(&entries), expected)
}

/// One PAX record.
fn record(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let length = (rest.len()..).find(|length| length.to_string().len() + rest.len() == *length).unwrap();
    format!("{length}{rest}").into_bytes()
}

fn add_fault(entries: &mut Vec<Entry>, choices: &mut Choices<'_>, fault: Fault) {
    let mut add = |name: &str, kind: u8, bytes: &[u8]| entries.push((name.to_owned(), kind, bytes.to_vec()));
    match fault {
        Fault::Nothing => {}
        Fault::Name => {
            let name =
                choices.one_of(&["../a", "/a", "a\\b", "C:/a", "a//b", "a/../b", "nul.txt", "a\u{202e}b"]);
            match choices.below(3) {
                0 => add("x", b'x', &record("path", name)),
                1 => add("././@LongLink", b'L', &[name.as_bytes(), b"\0"].concat()),
                _ => return add(name, b'0', b"x"),
            }
            add("harmless", b'0', b"x");
        }
        Fault::Twice => {
            add("twin é", b'0', b"x");
            add(choices.one_of(&["twin é", "TWIN E\u{301}", "./twin é"]), b'0', b"x");
        }
        Fault::Kind => add("kind", choices.one_of(b"12346SMVDN@z"), b""),
        Fault::Contradiction => {
            let (key, value) =
                choices.one_of(&[("size", "1"), ("linkpath", "/etc"), ("GNU.sparse.major", "1")]);
            let records = [record("comment", "x\n"), record(key, value)].concat();
            add("x", choices.one_of(b"xg"), &records);
            add("contradicted", b'0', b"x");
        }
        Fault::Program => add(choices.one_of(&["a.exe", "b/a.MSI", "x.scr"]), b'0', b"x"),
        Fault::Many => {
            (0..=limits().layer_entries).for_each(|index| add(&format!("many {index}"), b'0', b""))
        }
    }
}
