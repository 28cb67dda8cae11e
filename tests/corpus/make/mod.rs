//! How the files of the corpus are made.

pub mod documents;
pub mod media;
pub mod packed;
pub mod zip;

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use crc32fast::Hasher;
use flate2::{Compress, Compression, FlushCompress};

/// The EICAR test file, put together here so that no scanner mistakes this program for it.
pub fn eicar() -> Vec<u8> {
    [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$", "EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*"].concat().into_bytes()
}

/// What the built-in test signatures know beside it.
pub const MARKER: &[u8] = b"EVIDENCE-TEST-MALWARE-MARKER";
/// Its signature is called `Test.OK.Name`.
pub const OK_MARKER: &[u8] = b"EVIDENCE-OK-NAME";

/// A program of Windows, as far as headers go.
pub fn program() -> Vec<u8> {
    let mut bytes = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff".to_vec();
    bytes.resize(0x3c, 0);
    bytes.extend_from_slice(&0x80_u32.to_le_bytes());
    bytes.extend_from_slice(b"\x0e\x1f\xba\x0e\0\xb4\x09\xcd\x21\xb8\x01\x4c\xcd\x21");
    bytes.extend_from_slice(b"This program cannot be run in DOS mode.\r\r\n$");
    bytes.resize(0x80, 0);
    bytes.extend_from_slice(b"PE\0\0\x64\x86\x01\0");
    bytes.resize(4096, 0);
    bytes
}

/// Bytes that do not pack well, the same at every run.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(&mut next).take(length).collect()
}

/// Lines of text, of so many bytes together.
pub fn text(length: usize) -> Vec<u8> {
    b"The quick brown fox jumps over the lazy dog.\r\n".iter().copied().cycle().take(length).collect()
}

/// Where `what` is first found.
pub fn find(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).position(|window| window == what).expect("it is in there")
}

/// Everywhere the same, but for `to` in place of the first `from`, which is as long.
pub fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    written_over(bytes, find(bytes, from), to)
}

/// Everywhere the same, but for `with` at `place`.
pub fn written_over(bytes: &[u8], place: usize, with: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[place..place + with.len()].copy_from_slice(with);
    bytes
}

pub fn write_at(file: &File, place: u64, bytes: &[u8]) -> io::Result<()> {
    file.write_all_at(bytes, place)
}

pub fn crc_of(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// CRC-32 of so many zeros, in a few steps.
fn zeros(mut length: u64) -> Hasher {
    let mut one = Hasher::new();
    one.update(&[0]);
    let mut sum = Hasher::new();
    while length > 0 {
        if length & 1 == 1 {
            sum.combine(&one);
        }
        one.combine(&one.clone());
        length >>= 1;
    }
    sum
}

/// CRC-32 of zeros with these spots, which are in order.
pub fn crc_of_sparse(size: u64, spots: &[(u64, Vec<u8>)]) -> u32 {
    let (mut sum, mut at) = (Hasher::new(), 0);
    for (place, bytes) in spots {
        sum.combine(&zeros(place - at));
        sum.update(bytes);
        at = place + bytes.len() as u64;
    }
    sum.combine(&zeros(size - at));
    sum.finalize()
}

/// Deflated, without a header.
pub fn deflated(bytes: &[u8]) -> Vec<u8> {
    [deflated_part(bytes), END_OF_DEFLATE.to_vec()].concat()
}

/// Deflated so that anything may follow, which knows nothing of it.
fn deflated_part(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(bytes.len() + bytes.len() / 64 + (1 << 10));
    let mut packer = Compress::new(Compression::default(), false);
    packer.compress_vec(bytes, &mut packed, FlushCompress::Full).unwrap();
    assert_eq!(packer.total_in(), bytes.len() as u64);
    packed
}

/// An empty block that is the last.
const END_OF_DEFLATE: &[u8] = &[3, 0];

/// A long content of pieces, each packed once however often it comes.
pub struct Repeated {
    pieces: Vec<(Piece, u64)>,
}

struct Piece {
    sum: Hasher,
    size: u64,
    packed: Vec<u8>,
}

impl Repeated {
    /// Each piece, and how often it comes.
    pub fn new(pieces: &[(&[u8], u64)]) -> Self {
        let piece = |bytes: &[u8]| {
            let mut sum = Hasher::new();
            sum.update(bytes);
            Piece { sum, size: bytes.len() as u64, packed: deflated_part(bytes) }
        };
        Self { pieces: pieces.iter().map(|&(bytes, times)| (piece(bytes), times)).collect() }
    }

    /// So many MiB that pack to a hundredth, with `spot` before a part of them and after it.
    pub fn around(before: u64, spot: &[u8], after: u64) -> Self {
        let mut piece = noise(10 << 10);
        piece.resize(1 << 20, 0);
        Self::new(&[(&piece, before), (spot, 1), (&piece, after)])
    }

    pub fn size(&self) -> u64 {
        self.pieces.iter().map(|(piece, times)| piece.size * times).sum()
    }

    pub fn stored(&self) -> u64 {
        let packed: u64 = self.pieces.iter().map(|(piece, times)| piece.packed.len() as u64 * times).sum();
        packed + END_OF_DEFLATE.len() as u64
    }

    pub fn crc(&self) -> u32 {
        let mut sum = Hasher::new();
        for (piece, times) in &self.pieces {
            (0..*times).for_each(|_| sum.combine(&piece.sum));
        }
        sum.finalize()
    }

    /// Deflated.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        for (piece, times) in &self.pieces {
            (0..*times).try_for_each(|_| to.write_all(&piece.packed))?;
        }
        to.write_all(END_OF_DEFLATE)
    }

    /// In a gzip of one member.
    pub fn write_gzip(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(b"\x1f\x8b\x08\0\0\0\0\0\0\xff")?;
        self.write(to)?;
        to.write_all(&self.crc().to_le_bytes())?;
        // As the format has it: the size without what is beyond 32 bits.
        to.write_all(&((self.size() & u64::from(u32::MAX)) as u32).to_le_bytes())
    }
}
