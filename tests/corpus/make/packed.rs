//! Archives of other kinds than zip, small and not really packed: tar, gzip, 7z, xz, Zstandard.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

use super::crc_of;

pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(content).unwrap();
    packer.finish().unwrap()
}

pub fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Builder::new(Vec::new());
    for (name, content) in files {
        append(&mut archive, EntryType::Regular, name, "", content);
    }
    archive.into_inner().unwrap()
}

/// A tar of one entry of any kind, named as no honest program would name it; `link` is what it leads to.
pub fn tar_with(kind: EntryType, name: &str, link: &str, content: &[u8]) -> Vec<u8> {
    let mut archive = Builder::new(Vec::new());
    append(&mut archive, kind, name, link, content);
    archive.into_inner().unwrap()
}

fn append(archive: &mut Builder<Vec<u8>>, kind: EntryType, name: &str, link: &str, content: &[u8]) {
    let mut header = Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    header.set_cksum();
    archive.append(&header, content).unwrap();
}

/// A number as 7z has it, up to 32 bits: the first byte tells how many follow.
fn number(value: usize) -> Vec<u8> {
    let bytes = u32::try_from(value).unwrap().to_le_bytes();
    [&[0xf0][..], &bytes].concat()
}

/// What packs the content of a 7z: the numbers of a method, and its properties.
#[derive(Clone, Copy, Debug)]
pub struct Method<'a>(pub &'a [u8], pub &'a [u8]);

/// Not packed.
pub const COPY: Method<'static> = Method(&[0], &[]);
/// What the next programs pack with; here it holds what is not packed.
pub const LZMA2: Method<'static> = Method(&[0x21], &[24]);
/// AES-256 with a key of a password, 2¹⁹ rounds, an initial vector of 8 bytes.
pub const AES: Method<'static> = Method(&[0x06, 0xf1, 0x07, 0x01], &[0x53, 0x07, 1, 2, 3, 4, 5, 6, 7, 8]);
/// What clamd does not unpack, and says nothing of.
pub const DEFLATE: Method<'static> = Method(&[0x04, 0x01, 0x08], &[]);
pub const BZIP2: Method<'static> = Method(&[0x04, 0x02, 0x02], &[]);
pub const PPMD: Method<'static> = Method(&[0x03, 0x04, 0x01], &[6, 0, 0, 0, 1]);
pub const DELTA: Method<'static> = Method(&[0x03], &[3]);

/// Where packed bytes are and what they become.
fn streams(place: usize, packed: usize, method: Method<'_>, size: usize, crc: u32) -> Vec<u8> {
    let Method(id, properties) = method;
    let attributes = id.len() as u8 | if properties.is_empty() { 0 } else { 0x20 };
    let coder = if properties.is_empty() {
        [&[attributes], id].concat()
    } else {
        [&[attributes][..], id, &number(properties.len()), properties].concat()
    };
    [
        // Packed: one stream.
        &[6][..],
        &number(place),
        &[1, 9],
        &number(packed),
        &[0],
        // Unpacked: one folder with one coder, its size and checksum.
        &[7, 11, 1, 0, 1],
        &coder,
        &[12],
        &number(size),
        &[10, 1],
        &crc.to_le_bytes(),
        &[0],
    ]
    .concat()
}

/// A 7z with one file; `packed` is its content as the method has it. With `hidden`, the table of contents is packed,
/// too, or pretends to be.
pub fn seven_zip(
    name: &str,
    content: &[u8],
    packed: &[u8],
    method: Method<'_>,
    hidden: Option<Method<'_>>,
) -> Vec<u8> {
    let wide: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    let header = [
        &[1, 4][..],
        &streams(0, packed.len(), method, content.len(), crc_of(content)),
        // One file in it, and no more streams; one file with its name.
        &[8, 0, 0, 5, 1, 17],
        &number(wide.len() + 1),
        &[0],
        &wide,
        &[0, 0],
    ]
    .concat();
    let (body, header) = match hidden {
        None => (packed.to_vec(), header),
        Some(method) => {
            let table = streams(packed.len(), header.len(), method, header.len(), crc_of(&header));
            ([packed, &header].concat(), [&[23], &table[..], &[0]].concat())
        }
    };
    let start = [
        &(body.len() as u64).to_le_bytes()[..],
        &(header.len() as u64).to_le_bytes(),
        &crc_of(&header).to_le_bytes(),
    ]
    .concat();
    [&b"7z\xbc\xaf\x27\x1c\0\x04"[..], &crc_of(&start).to_le_bytes(), &start, &body, &header].concat()
}

/// LZMA2 of one block that is not packed.
pub fn lzma2(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() - 1).unwrap().to_be_bytes();
    [&[1], &length[..], content, &[0]].concat()
}

/// An xz of one block that is not packed.
pub fn xz(content: &[u8]) -> Vec<u8> {
    let padded = |mut bytes: Vec<u8>| {
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    };
    let with_sum = |bytes: Vec<u8>| [&bytes[..], &crc_of(&bytes).to_le_bytes()].concat();
    // CRC-32 as the check of the content.
    let flags = [0, 1];
    let block_header = with_sum(vec![2, 0, 0x21, 1, 22, 0, 0, 0]);
    let packed = lzma2(content);
    // Numbers of seven bits a byte, the lowest first.
    let short = |mut value: usize| {
        let mut bytes = Vec::new();
        while value > 0x7f {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    };
    let unpadded = block_header.len() + packed.len() + 4;
    let index = with_sum(padded([&[0, 1][..], &short(unpadded), &short(content.len())].concat()));
    let back = u32::try_from(index.len() / 4 - 1).unwrap().to_le_bytes();
    let footer = [&back[..], &flags].concat();
    [
        &b"\xfd7zXZ\0"[..],
        &with_sum(flags.to_vec()),
        &block_header,
        &padded(packed),
        &crc_of(content).to_le_bytes(),
        &index,
        &crc_of(&footer).to_le_bytes(),
        &footer,
        b"YZ",
    ]
    .concat()
}

/// A Zstandard frame of one block that is not packed.
pub fn zstandard(content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    let block = (u32::from(length) << 3 | 1).to_le_bytes();
    [b"\x28\xb5\x2f\xfd", &[0x20, length][..], &block[..3], content].concat()
}

/// A RAR of version 5 with one file that is not packed, as far as its headers go.
pub fn rar(content: &[u8]) -> Vec<u8> {
    let header = |fields: &[u8]| {
        let length = fields.len() as u8;
        let checked = [&[length], fields].concat();
        [&crc_of(&checked).to_le_bytes()[..], &checked].concat()
    };
    let size = u8::try_from(content.len()).unwrap();
    assert!(size < 0x80);
    [
        &b"Rar!\x1a\x07\x01\0"[..],
        &header(&[1, 0, 0]),
        &header(&[2, 2, size, 0, size, 0, 0, 0, 5, b'a', b'.', b't', b'x', b't']),
        content,
        &header(&[5, 0, 0]),
    ]
    .concat()
}
