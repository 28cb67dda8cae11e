//! Files whose verdicts are known beforehand.

use std::fs::File;
use std::io::{self, Cursor, Write};

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::reply::Handover;
use super::{Finding, LARGEST_SCAN};

/// A known file and what clamd must say of it.
#[derive(Debug)]
pub(super) struct Canary {
    pub(super) file: File,
    pub(super) size: u64,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Virus,
    Harmless,
    BeyondLimits,
}

impl Canary {
    /// The three canaries for one way of handing files over.
    ///
    /// Beyond the limits is, for descriptors, a sparse file of one byte more than `MaxFileSize` can be (under 1 ms). A
    /// stream would have to send those 2 GiB, so there it is a zip forty layers deep: it exceeds any recursion limit,
    /// and both are reported only under `AlertExceedsMax`.
    pub(super) fn all(handover: Handover) -> io::Result<[Self; 3]> {
        let beyond = match handover {
            Handover::Descriptor => Self::sparse(LARGEST_SCAN + 1)?,
            Handover::Stream => Self::holding(&nested_zip(40)?, Kind::BeyondLimits)?,
        };
        Ok([
            Self::holding(&eicar(), Kind::Virus)?,
            Self::holding(b"nothing to see here\n", Kind::Harmless)?,
            beyond,
        ])
    }

    /// The sentence for the operator when clamd gives this canary another verdict.
    pub(super) fn complaint(&self, finding: &Finding) -> Option<&'static str> {
        match (self.kind, finding) {
            (Kind::Virus, Finding::Infected { .. })
            | (Kind::Harmless, Finding::Clean)
            | (Kind::BeyondLimits, Finding::BeyondLimits { .. }) => None,
            (Kind::Virus, _) => Some("clamd does not find the EICAR test virus; load its signatures"),
            (Kind::Harmless, _) => Some("clamd reports a harmless text; look at its signatures"),
            (Kind::BeyondLimits, _) => Some(
                "clamd passes files beyond its limits as OK; set `AlertExceedsMax yes` and `MaxFileSize 0`",
            ),
        }
    }

    fn holding(bytes: &[u8], kind: Kind) -> io::Result<Self> {
        let mut file = anonymous()?;
        file.write_all(bytes)?;
        Ok(Self { file, size: bytes.len() as u64, kind })
    }

    fn sparse(size: u64) -> io::Result<Self> {
        let file = anonymous()?;
        ftruncate(&file, size)?;
        Ok(Self { file, size, kind: Kind::BeyondLimits })
    }
}

/// A file without a name, in memory.
fn anonymous() -> io::Result<File> {
    Ok(File::from(memfd_create("strongroom-canary", MemfdFlags::CLOEXEC)?))
}

/// The EICAR test file, put together here so that no scanner mistakes this program for it.
pub(crate) fn eicar() -> Vec<u8> {
    let halves = [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$", "EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*"];
    halves.concat().into_bytes()
}

fn nested_zip(layers: usize) -> io::Result<Vec<u8>> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut inner = b"deep".to_vec();
    for layer in 0..layers {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file(format!("{layer}.zip"), options)?;
        zip.write_all(&inner)?;
        inner = zip.finish()?.into_inner();
    }
    Ok(inner)
}
