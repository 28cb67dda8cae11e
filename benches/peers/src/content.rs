//! What is sent: films, as far as a check of type looks, each another, every byte known from its place alone.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Odd, so that bytes that went to a wrong offset show.
const NOISE: usize = (1 << 20) + 61;
const HEAD: usize = 72;

/// One file's bytes.
#[derive(Clone, Debug)]
pub struct Content {
    head: [u8; HEAD],
    pub size: u64,
}

impl Content {
    /// Another than any before it. `size`: at least 72 bytes.
    pub fn new(size: u64) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        static RUN: OnceLock<u64> = OnceLock::new();
        #[expect(clippy::disallowed_methods, reason = "tells runs apart, no more")]
        let run =
            *RUN.get_or_init(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64);
        let mut head = [0; HEAD];
        // Type, an index of one track, and a box of everything else with a long length.
        head[..48]
            .copy_from_slice(b"\0\0\0\x18ftypisom\0\0\0\0isomiso2\0\0\0\x10moov\0\0\0\x08trak\0\0\0\x01mdat");
        head[48..56].copy_from_slice(&(size - 40).to_be_bytes());
        head[56..64].copy_from_slice(&run.to_be_bytes());
        head[64..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        Self { head, size }
    }

    /// A name nothing else has.
    pub fn name(&self) -> String {
        let number = |at: usize| u64::from_be_bytes(self.head[at..at + 8].try_into().unwrap());
        format!("film-{:x}-{}.mp4", number(56), number(64))
    }

    /// Bytes from `at` on, at least one and at most `most`, as far as they lie in one piece.
    pub fn slice(&self, at: u64, most: u64) -> &[u8] {
        let most = most.min(self.size - at) as usize;
        if at < HEAD as u64 {
            let head = &self.head[at as usize..];
            return &head[..most.min(head.len())];
        }
        let noise = &noise()[at as usize % NOISE..];
        &noise[..most.min(noise.len())]
    }

    /// Whether the file at `path` is this, byte for byte.
    pub fn is(&self, path: &Path) -> bool {
        let mut file = File::open(path).unwrap();
        if file.metadata().unwrap().len() != self.size {
            return false;
        }
        let (mut block, mut at) = (vec![0; 1 << 20], 0);
        loop {
            let read = file.read(&mut block).unwrap();
            if read == 0 {
                return at == self.size;
            }
            let mut rest = &block[..read];
            while !rest.is_empty() {
                let wanted = self.slice(at, rest.len() as u64);
                if wanted != &rest[..wanted.len()] {
                    return false;
                }
                rest = &rest[wanted.len()..];
                at += wanted.len() as u64;
            }
        }
    }

    /// Whether what lies under `folder` for the upload of this id is this: the one file whose path names the id and
    /// that has the size, or else none.
    pub fn lies_in(&self, folder: &Path, id: &str) -> bool {
        let mut found = Vec::new();
        find(folder, id, &mut found);
        found.iter().any(|path| self.is(path))
    }
}

fn find(folder: &Path, id: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, id, found);
        } else if path.to_str().is_some_and(|path| path.contains(id)) {
            found.push(path);
        }
    }
}

fn noise() -> &'static [u8] {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(|| {
        let mut state = 1_u32;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        std::iter::repeat_with(next).take(NOISE).collect()
    })
}
