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
}

/// Reads the file from its first byte to its end, whatever its offset. Blocking.
///
/// Stops one byte after `longest`, so that a file that grows cannot keep it reading.
pub(super) fn sum_up(file: &File, longest: u64) -> io::Result<Sums> {
    let (mut sha256, mut crc32) = (Sha256::new(), crc32fast::Hasher::new());
    let mut buffer = vec![0; BUFFER];
    let mut size = 0;
    while size <= longest {
        let read = match file.read_at(&mut buffer, size) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        sha256.update(&buffer[..read]);
        crc32.update(&buffer[..read]);
        size += read as u64;
    }
    Ok(Sums { sha256: Sha256Digest(sha256.finalize().into()), crc32: crc32.finalize(), size })
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
        let sums = sum_up(&file, 9).unwrap();
        assert_eq!((sums.size, sums.crc32), (9, 0xcbf4_3926));
        let expected = "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225";
        assert_eq!(sums.sha256.to_string(), expected);
    }
}
