//! Small recordings of every family: whole, cut, live, with something behind them.

use std::io::Cursor;

use super::*;
use crate::check::structure::Limits;
use crate::check::testing::{spool, zip_of};
use crate::evidence::Reason;

fn judged(bytes: &[u8], media: Media) -> Result<(), Reason> {
    let (limits, size) = (Limits::default(), bytes.len() as u64);
    let budget = Budget::new(&limits, size, false, spool());
    match check(&mut Cursor::new(bytes), size, media, &budget) {
        Ok(()) => Ok(()),
        Err(Stop::Refused(refusal)) => Err(refusal.reason),
        Err(other) => panic!("{other:?}"),
    }
}

/// A box with its length before it.
fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 8).to_be_bytes(), &kind[..], content].concat()
}

fn film() -> Vec<u8> {
    let index = boxed(b"moov", &[boxed(b"mvhd", &[0; 100]), boxed(b"trak", &[0; 80])].concat());
    [boxed(b"ftyp", b"isom\0\0\x02\0isomiso2"), index, boxed(b"mdat", &[7; 400])].concat()
}

fn picture(width: u32) -> Vec<u8> {
    let size = [[0; 4], width.to_be_bytes(), 3024_u32.to_be_bytes()].concat();
    let properties =
        boxed(b"iprp", &boxed(b"ipco", &[boxed(b"hvcC", &[0; 9]), boxed(b"ispe", &size)].concat()));
    let index = boxed(b"meta", &[vec![0; 4], boxed(b"hdlr", &[0; 20]), properties].concat());
    [boxed(b"ftyp", b"heic\0\0\0\0mif1heic"), index, boxed(b"mdat", &[7; 400])].concat()
}

/// A chunk of RIFF with its length, which may be another.
fn chunk(name: &[u8; 4], length: u32, content: &[u8]) -> Vec<u8> {
    [&name[..], &length.to_le_bytes(), content].concat()
}

fn wave(whole: u32, data: u32, more: &[u8]) -> Vec<u8> {
    let format = chunk(b"fmt ", 16, &[1; 16]);
    [chunk(b"RIFF", whole, b"WAVE"), format, chunk(b"data", data, &[9; 401]), more.to_vec()].concat()
}

fn avi(movie: u32) -> Vec<u8> {
    let header = chunk(b"LIST", 12, b"hdrlavih\0\0\0\0");
    let movie = chunk(b"LIST", movie, &[b"movi00dc".as_slice(), &[7; 400]].concat());
    [chunk(b"RIFF", 800, b"AVI "), header, movie, chunk(b"idx1", 16, &[0; 16])].concat()
}

fn aiff() -> Vec<u8> {
    let chunk =
        |name: &[u8; 4], content: &[u8]| [&name[..], &(content.len() as u32).to_be_bytes(), content].concat();
    let inside = [b"AIFF".to_vec(), chunk(b"COMM", &[0; 18]), chunk(b"SSND", &[7; 392])].concat();
    chunk(b"FORM", &inside)
}

/// An element of EBML; a length of `None` was left open.
fn element(id: &[u8], length: Option<usize>, content: &[u8]) -> Vec<u8> {
    let length = length.map_or(0x01ff_ffff_ffff_ffff, |length| 0x0100_0000_0000_0000 | length as u64);
    [id, &length.to_be_bytes(), content].concat()
}

fn matroska(live: bool, attached: &[u8]) -> Vec<u8> {
    let whole = |id: &[u8], content: &[u8]| element(id, Some(content.len()), content);
    let open = |id: &[u8], content: &[u8]| element(id, (!live).then_some(content.len()), content);
    let blocks = [whole(b"\xe7", b"\0"), whole(b"\xa3", &[7; 400])].concat();
    let file = whole(b"\x61\xa7", &[whole(b"\x46\x6e", b"a"), whole(b"\x46\x5c", attached)].concat());
    let inside = [
        whole(b"\x16\x54\xae\x6b", &[1; 30]),
        whole(b"\x19\x41\xa4\x69", &file),
        open(b"\x1f\x43\xb6\x75", &blocks),
        open(b"\x1f\x43\xb6\x75", &blocks),
    ];
    [whole(b"\x1a\x45\xdf\xa3", b"\x42\x82\x84webm"), open(b"\x18\x53\x80\x67", &inside.concat())].concat()
}

fn ogg_page(played: u64, content: u8) -> Vec<u8> {
    let head = [b"OggS\0\0".as_slice(), &played.to_le_bytes(), &[0; 12], &[1, content]].concat();
    [head, vec![7; content.into()]].concat()
}

fn ogg() -> Vec<u8> {
    [ogg_page(0, 30), ogg_page(0, 60), ogg_page(960, 200), ogg_page(1920, 200)].concat()
}

fn guid(hex: u128) -> [u8; 16] {
    hex.to_be_bytes()
}

fn asf(more: &[u8; 16], data: u64) -> Vec<u8> {
    let object =
        |kind: &[u8; 16], length: u64, content: &[u8]| [&kind[..], &length.to_le_bytes(), content].concat();
    let stream = object(&guid(0x9107dcb7b7a9cf118ee600c00c205365), 64, &[0; 40]);
    let more = object(more, 34, &[0; 10]);
    let header = [&[0; 6], &stream[..], &more].concat();
    [
        object(&guid(0x3026b2758e66cf11a6d900aa0062ce6c), 24 + header.len() as u64, &header),
        object(&guid(0x3626b2758e66cf11a6d900aa0062ce6c), data, &[7; 400]),
    ]
    .concat()
}

fn flash() -> Vec<u8> {
    let tag = |kind: u8, content: &[u8]| {
        let length = (content.len() as u32).to_be_bytes();
        [&[kind], &length[1..], &[0; 7], content, &[0, 0, 0, 211]].concat()
    };
    [b"FLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec(), tag(18, &[7; 40]), tag(9, &[7; 200]), tag(8, &[7; 200])]
        .concat()
}

/// MPEG-1, layer 3, 128 kbit/s, 44.1 kHz: 417 bytes.
fn mp3_frame() -> Vec<u8> {
    [b"\xff\xfb\x90\x64".as_slice(), &[7; 413]].concat()
}

fn mp3() -> Vec<u8> {
    let tag = [b"ID3\x04\0\0\0\0\x01\x02".as_slice(), &[0; 130]].concat();
    [tag, mp3_frame().repeat(4)].concat()
}

fn adts() -> Vec<u8> {
    [b"\xff\xf1\x50\x80\x0c\x9f\xfc".as_slice(), &[7; 93]].concat().repeat(5)
}

fn speech() -> Vec<u8> {
    [b"#!AMR\n".to_vec(), [b"\x3c".as_slice(), &[7; 31]].concat().repeat(20)].concat()
}

fn transport(before: usize) -> Vec<u8> {
    [vec![0; before], vec![0x47, 0, 0x11, 0x10], vec![7; 184]].concat().repeat(12)
}

fn program() -> Vec<u8> {
    let pack = [b"\0\0\x01\xba\x44\0\x04\0\x04\x01\0\x01\x89\xc3\xf8".as_slice()].concat();
    let pack = [&pack[..13], &[0xf8], b"\0\0\x01\xe0\0\xc8", &[7; 200]].concat();
    [pack.repeat(3), b"\0\0\x01\xb9".to_vec()].concat()
}

fn video() -> Vec<u8> {
    let picture = [b"\0\0\x01\0".as_slice(), &[7; 60], b"\0\0\x01\x01", &[7; 200]].concat();
    [b"\0\0\x01\xb3".to_vec(), vec![7; 8], picture.repeat(3), b"\0\0\x01\xb7".to_vec()].concat()
}

const AUDIO: Media = Media::Stream(Stream::Audio);
const SPEECH: Media = Media::Stream(Stream::Speech);
const TRANSPORT: Media = Media::Stream(Stream::Transport);
const PROGRAM: Media = Media::Stream(Stream::Program);
const WAVE: Media = Media::Chunks(ChunkKind::Wave);
const AVI: Media = Media::Chunks(ChunkKind::Avi);
const AIFF: Media = Media::Chunks(ChunkKind::Aiff);

/// Some of an object that nobody knows.
const OTHER: [u8; 16] = [5; 16];

/// A whole recording of each family, and of how many bytes no player can make anything.
fn whole() -> [(Media, Vec<u8>, usize); 16] {
    [
        (Media::Boxes, film(), 300),
        (Media::PictureBoxes, picture(4032), 300),
        (WAVE, wave(447, 401, b""), 44),
        (AVI, avi(408), 300),
        (AIFF, aiff(), 300),
        (Media::Matroska, matroska(false, b"\xff\xd8\xff"), 500),
        (Media::Ogg, ogg(), 145),
        (Media::Asf, asf(&OTHER, 424), 300),
        (Media::Flash, flash(), 68),
        (AUDIO, mp3(), 140),
        (AUDIO, adts(), 100),
        (SPEECH, speech(), 6),
        (TRANSPORT, transport(0), 188),
        (TRANSPORT, transport(4), 192),
        (PROGRAM, program(), 14),
        (PROGRAM, video(), 12),
    ]
}

#[test]
fn recordings_pass_and_headers_alone_do_not() {
    for (media, bytes, header) in whole() {
        assert_eq!(judged(&bytes, media), Ok(()), "{media:?}");
        for end in [0, header / 2, header] {
            assert_eq!(judged(&bytes[..end], media), Err(Reason::Corrupt), "{media:?} of {end} bytes");
        }
    }
}

#[test]
fn a_table_of_contents_tells_what_was_cut() {
    for (media, bytes, _) in whole() {
        let told = matches!(
            media,
            Media::Boxes | Media::PictureBoxes | Media::Chunks(_) | Media::Matroska | Media::Asf
        );
        let expected = if told { Err(Reason::Corrupt) } else { Ok(()) };
        assert_eq!(judged(&bytes[..bytes.len() - 50], media), expected, "{media:?}");
    }
}

#[test]
fn what_stands_behind_the_end_may_be_nothing_else() {
    let zip = zip_of(&[("a.txt", b"a")]);
    for (media, bytes, _) in whole() {
        for hidden in
            [b"\r\n<!DOCTYPE html>".as_slice(), b"#!/bin/sh\n", b"\0\0\0\0MZ\x90\0", b"%PDF-1.7\n", &zip]
        {
            let hidden = [&bytes, hidden].concat();
            assert_eq!(judged(&hidden, media), Err(Reason::TypeMismatch), "{media:?}");
        }
        for padding in
            [vec![0; 60], vec![0; 5_000], b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c".to_vec()]
        {
            assert_eq!(judged(&[&bytes[..], &padding].concat(), media), Ok(()), "{media:?}");
        }
        let most = [&bytes[..], &[1; 5_000]].concat();
        assert_eq!(judged(&most, media), Err(Reason::Corrupt), "{media:?}");
    }
}

#[test]
fn lengths_of_live_recordings_are_open() {
    for bytes in [wave(0, 0, b""), wave(u32::MAX, u32::MAX, b""), wave(36, 0x7fff_ffff, b"")] {
        assert_eq!(judged(&bytes, WAVE), Ok(()));
    }
    assert_eq!(judged(&avi(0), AVI), Ok(()));
    assert_eq!(judged(&asf(&OTHER, 0), Media::Asf), Ok(()));
    let live = matroska(true, b"");
    assert_eq!(judged(&live, Media::Matroska), Ok(()));
    assert_eq!(judged(&live[..live.len() - 50], Media::Matroska), Ok(()));
    let mut open = film();
    let last = open.len() - 408;
    open[last..last + 4].copy_from_slice(&[0; 4]);
    assert_eq!(judged(&open, Media::Boxes), Ok(()));
}

#[test]
fn lengths_that_lie_are_refused() {
    let at = film().len() - 408;
    for (length, long) in [(7_u32, 0_u64), (409, 0), (u32::MAX, 0), (1, 15), (1, 409), (1, u64::MAX)] {
        let mut bytes = film();
        bytes[at..at + 4].copy_from_slice(&length.to_be_bytes());
        bytes[at + 8..at + 16].copy_from_slice(&long.to_be_bytes());
        assert_eq!(judged(&bytes, Media::Boxes), Err(Reason::Corrupt), "{length} {long}");
    }
    let mut without = film();
    let at = without.windows(4).position(|kind| kind == b"moov").unwrap();
    without[at..at + 4].copy_from_slice(b"free");
    assert_eq!(judged(&without, Media::Boxes), Err(Reason::Corrupt));
}

#[test]
fn odd_chunks_are_found_with_and_without_their_padding() {
    for more in [chunk(b"LIST", 4, b"INFO"), [&[0][..], &chunk(b"LIST", 4, b"INFO")].concat()] {
        assert_eq!(judged(&wave(460, 401, &more), WAVE), Ok(()));
    }
    // A long one: its lengths are in a chunk of their own.
    let sizes = [&500_u64.to_le_bytes()[..], &401_u64.to_le_bytes(), &[0; 12]].concat();
    let long = |length: u64| {
        let mut sizes = sizes.clone();
        sizes[8..16].copy_from_slice(&length.to_le_bytes());
        let rest = wave(u32::MAX, u32::MAX, b"\0")[12..].to_vec();
        [chunk(b"RF64", u32::MAX, b"WAVE"), chunk(b"ds64", 28, &sizes), rest].concat()
    };
    assert_eq!(judged(&long(401), WAVE), Ok(()));
    assert_eq!(judged(&long(500), WAVE), Err(Reason::Corrupt));
}

#[test]
fn gaps_in_a_stream_are_let_pass() {
    let frame = mp3_frame();
    let gap = [&frame.repeat(3)[..], &[1; 300], &frame.repeat(3)].concat();
    assert_eq!(judged(&gap, AUDIO), Ok(()));
    let page = [&frame.repeat(3)[..], b"<html><body>", &[1; 300], &frame.repeat(3)].concat();
    assert_eq!(judged(&page, AUDIO), Err(Reason::TypeMismatch));
    let headers = [&program()[..14], &program()[..14], b"\0\0\x01\xb9"].concat();
    assert_eq!(judged(&headers, PROGRAM), Err(Reason::Corrupt));
    let noise = [&frame[..], &[1; 3_000], &frame.repeat(2)].concat();
    assert_eq!(judged(&noise, AUDIO), Err(Reason::Corrupt));
    let text: Vec<u8> =
        "\u{feff}Kein Ton, sondern Text.".repeat(200).encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(judged(&text, AUDIO), Err(Reason::Corrupt));
    let page = ogg_page(960, 200);
    assert_eq!(judged(&[&page[..], &[1; 300], &page, &page].concat(), Media::Ogg), Ok(()));
}

#[test]
fn tags_behind_the_sound_are_its_own() {
    let old = [b"TAG".as_slice(), &[b' '; 125]].concat();
    let cover = vec![b'<'; 9_000];
    let foot = |flags: u8| {
        let length = (cover.len() as u32 + 32).to_le_bytes();
        [b"APETAGEX\xd0\x07\0\0".as_slice(), &length, &[1, 0, 0, 0, 0, 0, 0, flags], &[0; 8]].concat()
    };
    let ape = [&foot(0xa0)[..], &cover, &foot(0x80)].concat();
    let lyrics = b"LYRICSBEGININD0000200000021LYRICS200".to_vec();
    for tags in [old.clone(), ape.clone(), [&ape[..], &old].concat(), [lyrics, old].concat()] {
        assert_eq!(judged(&[mp3(), tags].concat(), AUDIO), Ok(()));
    }
    assert_eq!(judged(&foot(0x80).repeat(2), AUDIO), Err(Reason::Corrupt));
}

#[test]
fn commands_attachments_and_keys_are_refused() {
    let commands = guid(0x301afb1e620bd011a39b00a0c90348f6);
    assert_eq!(judged(&asf(&commands, 424), Media::Asf), Err(Reason::ActiveContent));
    let keys = guid(0xfbb3112223bdd211b4b700a0c955fc6e);
    assert_eq!(judged(&asf(&keys, 424), Media::Asf), Err(Reason::Encrypted));
    for program in [b"MZ\x90\0".as_slice(), b"PK\x03\x04", b"#!/bin/sh"] {
        assert_eq!(judged(&matroska(false, program), Media::Matroska), Err(Reason::ActiveContent));
    }
}

#[test]
fn pictures_in_boxes_are_measured() {
    assert_eq!(judged(&picture(80_000), Media::PictureBoxes), Err(Reason::ImageTooBig));
}

#[test]
fn walks_are_bounded() {
    let limits = Limits { time: std::time::Duration::ZERO, ..Limits::default() };
    for (media, bytes, _) in whole() {
        let budget = Budget::new(&limits, bytes.len() as u64, false, spool());
        let size = bytes.len() as u64;
        let outcome = check(&mut Cursor::new(bytes), size, media, &budget);
        assert!(
            matches!(outcome, Err(Stop::Refused(refusal)) if refusal.reason == Reason::Unscannable),
            "{media:?}"
        );
    }
}
