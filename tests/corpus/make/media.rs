//! Pictures and films.

use std::fs::File;
use std::io::{self, Cursor};

use image::{ImageFormat, Rgb, RgbImage};

use super::{crc_of, find, write_at};

/// A small picture.
pub fn picture(format: ImageFormat) -> Vec<u8> {
    let picture = RgbImage::from_fn(32, 32, |x, y| Rgb([x as u8 * 8, y as u8 * 8, 128]));
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

pub fn png() -> Vec<u8> {
    picture(ImageFormat::Png)
}

pub fn jpeg() -> Vec<u8> {
    picture(ImageFormat::Jpeg)
}

pub fn gif() -> Vec<u8> {
    picture(ImageFormat::Gif)
}

/// A chunk of a PNG: length, kind, content, checksum.
pub fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    let checked = [kind, content].concat();
    let checksum = crc_of(&checked).to_be_bytes();
    [&length[..], &checked, &checksum].concat()
}

/// A PNG with this chunk before its pixels.
pub fn png_with(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let png = png();
    let pixels = find(&png, b"IDAT") - 4;
    [&png[..pixels], &chunk(kind, content), &png[pixels..]].concat()
}

/// A JPEG with this segment after its first marker.
pub fn jpeg_with(marker: u8, content: &[u8]) -> Vec<u8> {
    let jpeg = jpeg();
    let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xff, marker], &length, content, &jpeg[2..]].concat()
}

/// A GIF with this comment before its pixels, in blocks of 255 bytes at most.
pub fn gif_with(comment: &[u8]) -> Vec<u8> {
    let gif = gif();
    let colors = if gif[10] & 0x80 == 0 { 0 } else { 3 << ((gif[10] & 7) + 1) };
    let mut extension = vec![0x21, 0xfe];
    for block in comment.chunks(255) {
        extension.push(block.len() as u8);
        extension.extend_from_slice(block);
    }
    extension.push(0);
    [&gif[..13 + colors], &extension, &gif[13 + colors..]].concat()
}

/// A box: length, kind, content.
pub fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 8).unwrap().to_be_bytes();
    [&length[..], kind, content].concat()
}

/// What an MP4 begins with: its type, and an index of one film track without a picture in it.
pub fn mp4_start() -> Vec<u8> {
    let kind = boxed(b"ftyp", b"isom\0\0\x02\0isomiso2mp41");
    [kind, boxed(b"moov", &[movie_header(), track()].concat())].concat()
}

/// A number of zeros between numbers: what most fields of the headers are.
fn fields(parts: &[(usize, &[u8])]) -> Vec<u8> {
    parts.iter().flat_map(|(zeros, bytes)| [vec![0; *zeros], bytes.to_vec()].concat()).collect()
}

/// The matrix that leaves a picture as it is.
fn unity() -> Vec<u8> {
    fields(&[(0, &[0, 1]), (14, &[0, 1]), (14, &[0x40, 0, 0, 0])])
}

fn movie_header() -> Vec<u8> {
    // A thousand units a second, one second, at its own pace and loudness; the next track is the second.
    boxed(
        b"mvhd",
        &fields(&[
            (14, &[3, 0xe8]),
            (2, &[3, 0xe8]),
            (0, &[0, 1, 0, 0]),
            (0, &[1, 0]),
            (10, &unity()),
            (24, &[0, 0, 0, 2]),
        ]),
    )
}

fn track() -> Vec<u8> {
    let header = boxed(
        b"tkhd",
        &fields(&[
            (3, &[7]),
            (8, &[0, 0, 0, 1]),
            (6, &[3, 0xe8]),
            (16, &unity()),
            (0, &[0, 32, 0, 0, 0, 32, 0, 0]),
        ]),
    );
    let media_header =
        boxed(b"mdhd", &fields(&[(14, &[3, 0xe8]), (2, &[3, 0xe8]), (0, &[0x55, 0xc4, 0, 0])]));
    let handler = boxed(b"hdlr", &fields(&[(8, b"vide"), (12, b"film\0")]));
    let video = boxed(b"vmhd", &fields(&[(3, &[1]), (8, &[])]));
    let place = boxed(b"dref", &[&[0, 0, 0, 0, 0, 0, 0, 1][..], &boxed(b"url ", &[0, 0, 0, 1])].concat());
    let empty = |kind| boxed(kind, &[0; 8]);
    let samples = [empty(b"stsd"), empty(b"stts"), empty(b"stsc"), boxed(b"stsz", &[0; 12]), empty(b"stco")];
    let inside = [video, boxed(b"dinf", &place), boxed(b"stbl", &samples.concat())].concat();
    let media = [media_header, handler, boxed(b"minf", &inside)].concat();
    boxed(b"trak", &[header, boxed(b"mdia", &media)].concat())
}

/// A small film.
pub fn mp4(content: &[u8]) -> Vec<u8> {
    [mp4_start(), boxed(b"mdat", content)].concat()
}

/// Where the pictures of a [`write_film`] begin.
pub fn film_start() -> u64 {
    mp4_start().len() as u64 + 16
}

/// Writes a film of so many bytes: zeros with these spots, by their place in the file. As holes, so it takes no room.
pub fn write_film(file: &mut File, size: u64, spots: &[(u64, Vec<u8>)]) -> io::Result<()> {
    let start = mp4_start();
    let pictures = size - start.len() as u64;
    let head = [&start[..], &[0, 0, 0, 1], b"mdat", &pictures.to_be_bytes()].concat();
    file.set_len(size)?;
    write_at(file, 0, &head)?;
    spots.iter().try_for_each(|(place, bytes)| write_at(file, *place, bytes))
}
