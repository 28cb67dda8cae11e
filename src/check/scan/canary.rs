//! Files whose verdicts are known beforehand.

use std::fs::File;
use std::io::{self, Cursor, Write};
use std::os::unix::fs::FileExt;

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
    /// In an archive, which takes clamd's temporary folder.
    PackedVirus,
    Harmless,
    BeyondLimits,
}

impl Canary {
    /// The canaries of every round, for one way of handing files over.
    ///
    /// Beyond the limits is, for descriptors, a sparse file of one byte more than `MaxFileSize` can be (under 1 ms). A
    /// stream would have to send those 2 GiB, so there it is a zip forty layers deep: it exceeds any recursion limit,
    /// and both are reported only under `AlertExceedsMax`.
    pub(super) fn all(handover: Handover) -> io::Result<[Self; 4]> {
        let beyond = match handover {
            Handover::Descriptor => {
                Self { file: zeros(LARGEST_SCAN + 1)?, size: LARGEST_SCAN + 1, kind: Kind::BeyondLimits }
            }
            Handover::Stream => Self::holding(&nested_zip(40)?, Kind::BeyondLimits)?,
        };
        Ok([
            Self::holding(&eicar(), Kind::Virus)?,
            Self::packed_virus()?,
            Self::holding(b"nothing to see here\n", Kind::Harmless)?,
            beyond,
        ])
    }

    /// The test virus in an archive: found, it shows that clamd reads, unpacks and writes now.
    pub(super) fn packed_virus() -> io::Result<Self> {
        Self::holding(&zip(CompressionMethod::Deflated, "eicar.com", &eicar())?, Kind::PackedVirus)
    }

    /// The sentence for the operator when clamd gives this canary another verdict.
    pub(super) fn complaint(&self, finding: &Finding) -> Option<&'static str> {
        match (self.kind, finding) {
            (Kind::Virus | Kind::PackedVirus, Finding::Infected { .. })
            | (Kind::Harmless, Finding::Clean)
            | (Kind::BeyondLimits, Finding::BeyondLimits { .. }) => None,
            (Kind::Virus, _) => Some(
                "clamd does not find the EICAR test virus; load its signatures, and see that its temporary folder has \
                 room and may be written to",
            ),
            (Kind::PackedVirus, _) => Some(
                "clamd does not find the EICAR test virus in a zip; set `ScanArchive yes`, and see that its temporary \
                 folder has room and may be written to",
            ),
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
}

/// `size` bytes of which only the last are not zero: the test virus.
pub(super) fn ending_in_a_virus(size: u64) -> io::Result<File> {
    let (file, virus) = (zeros(size)?, eicar());
    file.write_all_at(&virus, size.saturating_sub(virus.len() as u64))?;
    Ok(file)
}

/// A sparse file.
fn zeros(size: u64) -> io::Result<File> {
    let file = anonymous()?;
    ftruncate(&file, size)?;
    Ok(file)
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
    (0..layers).try_fold(b"deep".to_vec(), |inner, layer| {
        zip(CompressionMethod::Stored, &format!("{layer}.zip"), &inner)
    })
}

/// A zip of one file.
fn zip(method: CompressionMethod, name: &str, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(name, SimpleFileOptions::default().compression_method(method))?;
    zip.write_all(bytes)?;
    Ok(zip.finish()?.into_inner())
}
