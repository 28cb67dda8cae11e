//! The bytes of one member, unpacked and held to the directory.
//!
//! Only who inflates sees where a member's packed bytes really end, which the parser of archives does not tell; so it
//! is done here.

use std::io::{self, Read};

use ::zip::CompressionMethod;
use ::zip::read::ZipFile;
use flate2::read::DeflateDecoder;

use super::super::refuse::Stop;

/// Ends with an error unless its size and checksum are those of the directory.
pub(super) struct Unpacked<R> {
    bytes: Bytes<R>,
    sum: crc32fast::Hasher,
    size: u64,
    told_size: u64,
    told_sum: u32,
    told_packed: u64,
}

enum Bytes<R> {
    Stored(R),
    Deflated(DeflateDecoder<R>),
}

impl<'a, R: Read> Unpacked<ZipFile<'a, R>> {
    /// Of a member whose reader gives its packed bytes, stored or deflated.
    pub(super) fn new(packed: ZipFile<'a, R>) -> Self {
        Self {
            sum: crc32fast::Hasher::new(),
            size: 0,
            told_size: packed.size(),
            told_sum: packed.crc32(),
            told_packed: packed.compressed_size(),
            bytes: match packed.compression() {
                CompressionMethod::Deflated => Bytes::Deflated(DeflateDecoder::new(packed)),
                _ => Bytes::Stored(packed),
            },
        }
    }
}

impl<R: Read> Unpacked<R> {
    /// To be asked at the end.
    ///
    /// Attack: packed bytes that end before the directory says. Who reads from a line takes what follows for the next
    /// member, which who goes by the directory never sees.
    pub(super) fn fills_its_place(&self) -> Result<(), Stop> {
        let read = match &self.bytes {
            Bytes::Stored(_) => self.size,
            Bytes::Deflated(decoder) => decoder.total_in(),
        };
        if read != self.told_packed {
            return Err(Stop::unsafe_archive("bytes stand between two files in it"));
        }
        Ok(())
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.bytes {
            Bytes::Stored(bytes) => bytes.read(buffer)?,
            Bytes::Deflated(decoder) => decoder.read(buffer)?,
        };
        self.sum.update(&buffer[..read]);
        self.size += read as u64;
        let ended = read == 0 && !buffer.is_empty();
        let sound = self.size == self.told_size && self.sum.clone().finalize() == self.told_sum;
        if self.size > self.told_size || (ended && !sound) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(read)
    }
}
