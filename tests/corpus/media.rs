//! Pictures and recordings that are cut, hollow, too large, or something else besides: made from those of real
//! programs (see [`ordinary`](crate::ordinary)).

use std::fs;

use strongroom::evidence::Reason::{self, ActiveContent, Corrupt, ImageTooBig, TypeMismatch};

use crate::case::{Case, holding};
use crate::make::media::{boxed, chunk, gif_with, jpeg, jpeg_with, png, png_with};
use crate::make::{deflated, find, program, replaced, written_over, zip};
use crate::ordinary::made;

const GROUP: &str = "Pictures and recordings";

pub fn cases() -> Vec<Case> {
    [spoiled(), large(), bombs(), films(), hidden(), scripts(), lies()].into_iter().flatten().collect()
}

fn bad(what: impl Into<String>, name: &str, reason: Reason, bytes: Vec<u8>) -> Case {
    Case::bad(GROUP, what, name, reason, holding(bytes))
}

/// A picture, or else a recording, that a real program made.
fn real(name: &str) -> Vec<u8> {
    ["pictures", "recordings", "documents"]
        .iter()
        .find_map(|family| fs::read(made().join(family).join(name)).ok())
        .expect(name)
}

/// One of each family, and whether it tells how long it is.
const FAMILIES: [(&str, bool); 37] = [
    ("photo.jpg", true),
    ("photo.jpeg", true),
    ("picture.png", true),
    ("picture-animated.gif", true),
    ("picture.bmp", true),
    ("scan-raw.tif", true),
    ("scan-pages.tif", true),
    ("picture.webp", true),
    ("picture-animated.webp", true),
    ("photo.heic", true),
    ("magick.psd", true),
    ("magick.pcx", true),
    ("slide.wmf", true),
    ("film.mp4", true),
    ("film-index-first.mp4", true),
    ("film.mov", true),
    ("film.3gp", true),
    ("sound.m4a", true),
    ("film.avi", true),
    ("sound.wav", true),
    ("sound-long.wav", true),
    ("sound.aiff", true),
    ("film.mkv", true),
    ("film.webm", true),
    ("film.wmv", true),
    ("film-live.webm", false),
    ("film.flv", false),
    ("film.mpg", false),
    ("film.mpeg", false),
    ("film-video-alone.mpg", false),
    ("film.mts", false),
    ("film-plain.mts", false),
    ("sound.mp3", false),
    ("sound.aac", false),
    ("sound.ogg", false),
    ("speech.amr", false),
    ("speech-wide.amr", false),
];

/// Every family cut, hollow, and with something behind.
fn spoiled() -> Vec<Case> {
    let archive = zip::files(&[("a.txt", b"a")]);
    let mut cases = Vec::new();
    for (name, tells) in FAMILIES {
        let whole = real(name);
        let half = whole[..whole.len() / 2].to_vec();
        let what = format!("half of {name}");
        cases.push(if tells {
            bad(what, name, Corrupt, half)
        } else {
            // A recorder that lost its power; players play what there is.
            Case::good(GROUP, what, name, holding(half))
        });
        cases.push(bad(format!("the first bytes of {name}"), name, Corrupt, whole[..12].to_vec()));
        for (what, tail) in [
            ("a zip", archive.clone()),
            ("a program", program()),
            ("a page", b"\r\n<!DOCTYPE html><script>alert(1)</script>".to_vec()),
            ("a shell script", b"#!/bin/sh\nid\n".to_vec()),
            ("a PDF", b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n".to_vec()),
        ] {
            // Video alone has no lengths: only an archive is found behind it, which has its own end.
            if name != "film-video-alone.mpg" || what == "a zip" {
                let bytes = [&whole[..], &tail].concat();
                cases.push(bad(format!("{what} behind {name}"), name, TypeMismatch, bytes));
            }
        }
    }
    cases
}

/// Headers that claim more pixels than anyone has.
fn large() -> Vec<Case> {
    let side = |bytes: &[u8], place: usize, with: &[u8]| written_over(bytes, place, with);
    let big = 50_000_u32;
    let png = {
        let size = [big.to_be_bytes(), big.to_be_bytes()].concat();
        let header = chunk(b"IHDR", &[&size[..], &[8, 2, 0, 0, 0]].concat());
        written_over(&png(), 8, &header)
    };
    let gif = side(&real("picture.gif"), 6, &[0x50, 0xc3, 0x50, 0xc3]);
    let bmp = side(&real("picture.bmp"), 18, &[big.to_le_bytes(), big.to_le_bytes()].concat());
    let psd = side(&real("magick.psd"), 14, &[big.to_be_bytes(), big.to_be_bytes()].concat());
    let pcx = side(&real("magick.pcx"), 8, &[0xff; 4]);
    let heic = {
        let heic = real("photo.heic");
        let place = find(&heic, b"ispe") + 8;
        side(&heic, place, &[big.to_be_bytes(), big.to_be_bytes()].concat())
    };
    let files = [("png", png), ("gif", gif), ("bmp", bmp), ("psd", psd), ("pcx", pcx), ("heic", heic)];
    let case =
        |(kind, bytes)| bad(format!("{kind} of 50,000 × 50,000"), &format!("a.{kind}"), ImageTooBig, bytes);
    files.map(case).into()
}

/// Texts of a PNG that inflate to 64 MiB.
fn bombs() -> Vec<Case> {
    let packed = [b"\x78\x9c".as_slice(), &deflated(&vec![b' '; 64 << 20]), &[0; 4]].concat();
    let png = png();
    let with = |kind: &[u8; 4], before: &[u8]| {
        let text = chunk(kind, &[before, &packed].concat());
        [&png[..33], &text, &png[33..]].concat()
    };
    [(b"zTXt", b"a\0\0".as_slice()), (b"iTXt", b"a\0\x01\0\0\0"), (b"iCCP", b"a\0\0")]
        .map(|(kind, before)| {
            let what = format!("{} that inflates to 64 MiB", String::from_utf8_lossy(kind));
            bad(what, "a.png", Corrupt, with(kind, before))
        })
        .into()
}

/// Boxes that lie, and are not there.
fn films() -> Vec<Case> {
    let film = real("film-index-first.mp4");
    let content = find(&film, b"mdat") - 4;
    let sized = |length: u32| written_over(&film, content, &length.to_be_bytes());
    let long = |length: u64| written_over(&sized(1), content + 8, &length.to_be_bytes());
    let good = |what: &str, bytes| Case::good(GROUP, what, "film.mp4", holding(bytes));
    let bad = |what: &str, bytes| bad(what, "film.mp4", Corrupt, bytes);
    vec![
        good("the last box reaches to the end", sized(0)),
        good("an unknown box behind", [&film[..], &boxed(b"x042", b"made by a camera")].concat()),
        bad("a box shorter than its header", sized(7)),
        bad("a box longer than the file", sized(0x7fff_ffff)),
        bad("a long box shorter than its header", long(15)),
        bad("a long box longer than all files", long(u64::MAX)),
        bad("no index", replaced(&film, b"moov", b"free")),
        bad("no content", replaced(&film, b"mdat", b"free")),
        bad("an index of nothing", replaced(&replaced(&film, b"trak", b"free"), b"trak", b"free")),
        bad("a type and no more", boxed(b"ftyp", b"isom\0\0\x02\0isomiso2mp41")),
    ]
}

/// What a player would run, open or carry.
fn hidden() -> Vec<Case> {
    let carried = {
        let film = real("merged-cover.mkv");
        written_over(&film, find(&film, b"\xff\xd8\xff\xe0"), b"MZ\x90\0")
    };
    let commands = {
        // In place of an object that only says how it was packed.
        let film = real("film.wmv");
        let codecs = b"\x40\x52\xd1\x86\x1d\x31\xd0\x11\xa3\xa4\x00\xa0\xc9\x03\x48\xf6";
        replaced(&film, codecs, b"\x30\x1a\xfb\x1e\x62\x0b\xd0\x11\xa3\x9b\x00\xa0\xc9\x03\x48\xf6")
    };
    let aborts = {
        let drawing = real("slide.wmf");
        let record = b"\x05\0\0\0\x26\x06\x09\0\x16\0";
        let first = if drawing.starts_with(b"\xd7\xcd\xc6\x9a") { 40 } else { 18 };
        [&drawing[..first], record, &drawing[first..]].concat()
    };
    let second = |kind: &str, place: usize, what: &[u8]| written_over(&real(kind), place, what);
    vec![
        bad("a program attached to a film", "film.mkv", ActiveContent, carried),
        bad("commands in a film", "film.wmv", ActiveContent, commands),
        bad("a program in a drawing", "drawing.wmf", ActiveContent, aborts),
        bad("a PDF in a sound", "sound.wav", TypeMismatch, second("sound.wav", 200, b"%PDF-1.7")),
        bad(
            "a RAR in a picture",
            "picture.bmp",
            TypeMismatch,
            second("picture.bmp", 4_000, b"Rar!\x1a\x07\0"),
        ),
    ]
}

/// Pictures that are a page or a script too, for a browser or server that looks no further.
fn scripts() -> Vec<Case> {
    let php = b"<?php system($_GET['c']); ?>";
    let page = b"Comment\0<html><script>alert(1)</script></html>";
    let script = b"*/=1;alert(1);//";
    // Width and height make the start of a comment of JavaScript.
    let comment = written_over(&gif_with(b"*/=1;alert(1);/*"), 6, b"/*\x01\0");
    let behind = |whole: &[u8]| [whole, script].concat();
    vec![
        bad("PHP in the comment of a JPEG", "photo.jpg", ActiveContent, jpeg_with(0xfe, php)),
        bad("PHP in the comment of a GIF", "photo.gif", ActiveContent, gif_with(php)),
        bad("a page in a note of a PNG", "photo.png", ActiveContent, png_with(b"tEXt", page)),
        bad("GIF and JavaScript", "photo.gif", TypeMismatch, comment),
        bad("JavaScript behind a PNG", "photo.png", TypeMismatch, behind(&png())),
        bad("JavaScript behind a JPEG", "photo.jpg", TypeMismatch, behind(&jpeg())),
        bad("a note behind the end of a PNG", "photo.png", TypeMismatch, {
            [&png()[..], &chunk(b"tEXt", page)].concat()
        }),
    ]
}

/// Contents under another's name.
fn lies() -> Vec<Case> {
    [
        ("photo.heic", "photo.jpg"),
        ("photo.jpg", "photo.heic"),
        ("picture.webp", "picture.png"),
        ("film.mp4", "photo.heic"),
        ("photo.heic", "film.mp4"),
        ("sound.wav", "film.avi"),
        ("film.mkv", "film.mp4"),
        ("film.mts", "film.mkv"),
        ("speech.amr", "sound.mp3"),
        ("magick.psd", "picture.pcx"),
    ]
    .map(|(content, name)| bad(format!("{content} as {name}"), name, TypeMismatch, real(content)))
    .into()
}
