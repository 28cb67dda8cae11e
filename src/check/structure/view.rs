//! A file to read from, by position: nobody else's offset moves.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::budget::Deadline;
use super::refuse::Stop;

/// Reads `size` bytes of a file, remembers when the disk fails, and stops at the deadline, so that a parser that
/// reads for ever does not.
#[derive(Debug)]
pub(super) struct View {
    file: Arc<File>,
    size: u64,
    position: u64,
    deadline: Deadline,
    failure: Option<io::ErrorKind>,
    late: bool,
}

impl View {
    pub(super) fn new(file: Arc<File>, size: u64, deadline: Deadline) -> Self {
        Self { file, size, position: 0, deadline, failure: None, late: false }
    }

    /// What really went wrong, when a parser blames the file.
    pub(super) fn trouble(&self) -> Option<Stop> {
        if let Some(kind) = self.failure {
            return Some(Stop::Read(kind.into()));
        }
        self.late.then(Stop::too_slow)
    }
}

impl Read for View {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.deadline.has_passed() {
            self.late = true;
            return Err(io::ErrorKind::TimedOut.into());
        }
        let left = usize::try_from(self.size.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        // Attack: a place beyond all places, which no disk can be asked for.
        if wanted == 0 {
            return Ok(0);
        }
        match self.file.read_at(&mut buffer[..wanted], self.position) {
            Ok(read) => {
                self.position += read as u64;
                Ok(read)
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::Interrupted {
                    self.failure = Some(error.kind());
                }
                Err(error)
            }
        }
    }
}

impl Seek for View {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.size.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// As many bytes as there are from `offset`, at most `most`.
pub(super) fn read_some(source: &mut dyn super::Source, offset: u64, most: usize) -> io::Result<Vec<u8>> {
    source.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    source.take(most as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The last bytes, at most `most`, and where they begin.
pub(super) fn read_tail(source: &mut dyn super::Source, size: u64, most: u64) -> io::Result<(u64, Vec<u8>)> {
    let from = size.saturating_sub(most);
    Ok((from, read_some(source, from, usize::try_from(most).unwrap_or(usize::MAX))?))
}
