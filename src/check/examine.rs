//! One read of the stored bytes: their length, SHA-256 and CRC-32.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use sha2::{Digest, Sha256};

use crate::evidence::Sha256Digest;

const BUFFER: usize = 1 << 20;

/// What the bytes add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) sha256: Sha256Digest,
    pub(super) crc32: u32,
    pub(super) size: u64,
    /// Its pieces are what they were when they came; so is a file that has none.
    pub(super) agrees: bool,
}

/// One of the pieces a file was put together from, as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Bytes.
    pub size: u64,
    pub sha256: Sha256Digest,
}

/// Reads the file from its first byte to its end, whatever its offset. Blocking. `pieces`: what must lie in it, one
/// after the other; none when it came as one.
///
/// Stops one byte after `longest`, so that a file that grows cannot keep it reading.
pub(super) fn sum_up(file: &File, longest: u64, pieces: &[Piece]) -> io::Result<Sums> {
    let (mut sha256, mut crc32) = (Sha256::new(), crc32fast::Hasher::new());
    let mut buffer = vec![0; BUFFER];
    let mut size = 0;
    let mut piecewise = Piecewise::of(pieces);
    while size <= longest {
        let read = match file.read_at(&mut buffer, size) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        sha256.update(&buffer[..read]);
        crc32.update(&buffer[..read]);
        piecewise.update(&buffer[..read]);
        size += read as u64;
    }
    let sha256 = Sha256Digest(sha256.finalize().into());
    Ok(Sums { sha256, crc32: crc32.finalize(), size, agrees: piecewise.agrees() })
}

/// Compares a file's bytes with the pieces it was put together from.
struct Piecewise<'a> {
    /// Those not yet seen whole.
    left: &'a [Piece],
    running: Sha256,
    /// Bytes of the first one that were seen.
    seen: u64,
    differs: bool,
}

impl<'a> Piecewise<'a> {
    fn of(pieces: &'a [Piece]) -> Self {
        Self { left: pieces, running: Sha256::new(), seen: 0, differs: false }
    }

    fn update(&mut self, mut bytes: &[u8]) {
        while let Some((piece, rest)) = self.left.split_first() {
            let wanted = usize::try_from(piece.size - self.seen).unwrap_or(usize::MAX);
            let (of_it, of_next) = bytes.split_at(wanted.min(bytes.len()));
            self.running.update(of_it);
            self.seen += of_it.len() as u64;
            if self.seen < piece.size {
                return;
            }
            let digest = std::mem::take(&mut self.running).finalize();
            self.differs |= piece.sha256.0 != <[u8; 32]>::from(digest);
            (self.left, self.seen, bytes) = (rest, 0, of_next);
        }
    }

    /// Every piece was there, each what it was when it came.
    fn agrees(mut self) -> bool {
        // Empty ones at the end have had no byte to be seen by.
        self.update(&[]);
        self.left.is_empty() && !self.differs
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom, Write};

    use super::*;

    #[test]
    fn sums_are_of_the_whole_file_whatever_its_offset() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"123456789").unwrap();
        file.seek(SeekFrom::Start(4)).unwrap();
        let sums = sum_up(&file, 9, &[]).unwrap();
        assert_eq!((sums.size, sums.crc32), (9, 0xcbf4_3926));
        let expected = "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225";
        assert_eq!(sums.sha256.to_string(), expected);
    }

    #[test]
    fn every_piece_must_be_what_it_was() {
        let bytes: Vec<u8> = (0..3 * BUFFER).map(|i| (i * 7 + i / 251) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let pieces = |sizes: &[usize]| -> Vec<Piece> {
            let mut rest = &bytes[..];
            let piece = |size: &usize| {
                let (piece, after) = rest.split_at(*size);
                rest = after;
                Piece { size: *size as u64, sha256: Sha256Digest(Sha256::digest(piece).into()) }
            };
            sizes.iter().map(piece).collect()
        };
        let agrees = |pieces: &[Piece]| sum_up(&file, 1 << 30, pieces).unwrap().agrees;
        for sizes in
            [&[][..], &[3 * BUFFER], &[0, 1, BUFFER - 1, 0, 2 * BUFFER, 0], &[BUFFER + 1, BUFFER, BUFFER - 1]]
        {
            let mut pieces = pieces(sizes);
            assert!(agrees(&pieces), "{sizes:?}");
            if pieces.len() > 1 {
                pieces.swap(1, 2);
                assert!(!agrees(&pieces), "{sizes:?}");
            }
        }
        // One that is not there.
        let mut more = pieces(&[3 * BUFFER]);
        more.push(Piece { size: 1, ..more[0] });
        assert!(!agrees(&more));
    }
}
