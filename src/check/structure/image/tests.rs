//! Pictures as programs and cameras write them, and what is hidden in them.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::*;
use crate::check::structure::Limits;
use crate::check::testing::{encoded, jpeg, png, spool, zip_of};

fn judged(bytes: &[u8], format: ImageFormat) -> Result<(), Reason> {
    let (limits, size) = (Limits::default(), bytes.len() as u64);
    let budget = Budget::new(&limits, size, false, spool());
    match check(&mut Cursor::new(bytes), size, format, &budget) {
        Ok(()) => Ok(()),
        Err(Stop::Refused(refusal)) => Err(refusal.reason),
        Err(other) => panic!("{other:?}"),
    }
}

const FORMATS: [ImageFormat; 6] = [
    ImageFormat::Png,
    ImageFormat::Jpeg,
    ImageFormat::Gif,
    ImageFormat::Bmp,
    ImageFormat::Tiff,
    ImageFormat::WebP,
];

#[test]
fn pictures_are_whole_and_nothing_stands_behind_them() {
    for format in FORMATS {
        let bytes = encoded(format);
        assert_eq!(judged(&bytes, format), Ok(()), "{format:?}");
        for end in [bytes.len() - 40, bytes.len() / 2, 20] {
            assert_eq!(judged(&bytes[..end], format), Err(Reason::Corrupt), "{format:?} of {end} bytes");
        }
        for hidden in [
            b"\r\n<script>".as_slice(),
            b"*/=1;alert(1);//",
            b"\x01 <?PHP echo 1;",
            b"%PDF-1.7",
            b"MZ\x90\0",
            &zip_of(&[("a.txt", b"a")]),
        ] {
            let hidden = [&bytes, hidden].concat();
            assert_eq!(judged(&hidden, format), Err(Reason::TypeMismatch), "{format:?}");
        }
        assert_eq!(judged(&[&bytes[..], &[0; 300]].concat(), format), Ok(()), "{format:?}");
    }
}

#[test]
fn what_cameras_put_behind_a_picture_stays() {
    let film = b"\0\0\0\x18ftypisom\0\0\0\0isomiso2\0\0\0\x08mdat";
    for behind in [&jpeg()[..], film, b"\0\0\0\0SEFHk\0\0\0SEFT"] {
        assert_eq!(judged(&[&jpeg(), behind].concat(), ImageFormat::Jpeg), Ok(()));
    }
}

/// A PNG with this chunk behind its header.
fn png_with(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let (head, rest) = (&png()[..33].to_vec(), &png()[33..].to_vec());
    let checksum = crc32fast::hash(&[&kind[..], content].concat()).to_be_bytes();
    [head, &(content.len() as u32).to_be_bytes()[..], kind, content, &checksum, rest].concat()
}

fn packed(text: &[u8]) -> Vec<u8> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}

#[test]
fn texts_in_a_picture_are_bounded_and_hold_no_script() {
    let texts = |text: &[u8]| {
        [
            png_with(b"tEXt", &[b"Comment\0", text].concat()),
            png_with(b"zTXt", &[b"Comment\0\0", &packed(text)[..]].concat()),
            png_with(b"iTXt", &[b"Comment\0\0\0en\0Titel\0", text].concat()),
            png_with(b"iTXt", &[b"Comment\0\x01\0en\0Titel\0", &packed(text)[..]].concat()),
        ]
    };
    for bytes in texts(b"The harbour, <b>in the rain</b>") {
        assert_eq!(judged(&bytes, ImageFormat::Png), Ok(()));
    }
    for text in [b"<?php system($_GET[0]);".as_slice(), b"a <SCRIPT src=x>", b"<!DOCTYPE html><body>"] {
        for bytes in texts(text) {
            assert_eq!(judged(&bytes, ImageFormat::Png), Err(Reason::ActiveContent));
        }
        let length = (text.len() as u16 + 2).to_be_bytes();
        let picture = [b"\xff\xd8\xff\xfe".as_slice(), &length, text, &jpeg()[2..]].concat();
        assert_eq!(judged(&picture, ImageFormat::Jpeg), Err(Reason::ActiveContent));
        let mut picture = encoded(ImageFormat::Gif);
        let trailer = picture.pop().unwrap();
        picture.extend([&[0x21, 0xfe, text.len() as u8], text, &[0, trailer]].concat());
        assert_eq!(judged(&picture, ImageFormat::Gif), Err(Reason::ActiveContent));
    }
    let bomb = packed(&vec![b' '; 64 << 20]);
    for (kind, before) in [(b"zTXt", b"a\0\0".as_slice()), (b"iCCP", b"a\0\0"), (b"iTXt", b"a\0\x01\0\0\0")] {
        let bomb = png_with(kind, &[before, &bomb].concat());
        assert_eq!(judged(&bomb, ImageFormat::Png), Err(Reason::Corrupt), "{kind:?}");
    }
}

#[test]
fn sizes_that_read_as_a_script_are_refused() {
    for size in [b"/*\x10\0", b"=1;/"] {
        let mut bytes = encoded(ImageFormat::Gif);
        bytes[6..10].copy_from_slice(size);
        assert_eq!(judged(&bytes, ImageFormat::Gif), Err(Reason::TypeMismatch));
    }
}

#[test]
fn bytes_between_two_segments_of_a_jpeg_are_passed_over() {
    let bytes = jpeg();
    let length = usize::from(u16::from_be_bytes([bytes[4], bytes[5]]));
    let (head, rest) = bytes.split_at(4 + length);
    assert_eq!(judged(&[head, &[0, 0], rest].concat(), ImageFormat::Jpeg), Ok(()));
}
