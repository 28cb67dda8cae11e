//! The verdict on one file, cheap checks first and the scanner last.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::examine::{Piece, Sums, sum_up};
use super::members::{LargeArchive, MembersOutcome, scan_members};
use super::name::{Refusal, check_name};
use super::scan::{Finding, ScanError, ScanOutcome, Scanner, ScannerIdentity};
use super::structure::{self, Findings, Limits, Member, Stop, too_slow};
use super::took;
use super::verdict::{Clean, Examined, Verdict};
use crate::component::Section;
use crate::evidence::{FileKind, Group, LARGEST, OriginalName, Reason, Sha256Digest};
use crate::object_store::ObjectVersion;

/// A file on its way through the check.
#[derive(Clone, Debug)]
pub struct Subject {
    pub name: OriginalName,
    pub section: Section,
    /// Declared length, bytes.
    pub size: u64,
    /// Digest of the bytes as they arrived.
    pub received_sha256: Option<Sha256Digest>,
    /// The pieces it was put together from, where it was: there is no digest of the whole then.
    pub pieces: Vec<Piece>,
    /// Digest the sender promised.
    pub client_sha256: Option<Sha256Digest>,
    /// There were so many tries that a scanner's error which may be of this file is its verdict: *unscannable*.
    pub last_try: bool,
}

/// What came out, with everything that is recorded beside the verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    pub examined: Examined,
    pub verdict: Verdict,
    /// Who scanned it; `None` when a cheaper check decided.
    pub scanner: Option<ScannerIdentity>,
    /// What lies in an archive, as far as it was walked.
    pub listing: Option<Vec<Member>>,
    /// It is an archive beyond the scanner's size, and was scanned by its members. So it is again.
    pub by_member: bool,
    /// The verdict is `unscannable` only because this is audio or video beyond the scanner's size: a section with
    /// `allow_unscannable` may take it, labelled.
    pub only_too_large_to_scan: bool,
}

impl Judgement {
    /// The key to promotion: exactly these bytes, in exactly this version, judged clean, or allowed unscanned by the
    /// section. `None` for every other verdict, or when the version's size is not that of the bytes.
    pub fn admit(&self, section: &Section, version: ObjectVersion) -> Option<Clean> {
        let scanned = self.verdict == Verdict::Clean;
        let labelled = self.only_too_large_to_scan && section.allow_unscannable;
        let same = version.size == self.examined.size;
        let Examined { sha256, crc32, .. } = self.examined;
        (same && (scanned || labelled)).then_some(Clean { sha256, crc32, version, scanned })
    }
}

/// Judges a file. The descriptor is read by position only; its offset does not matter. `spool`: a folder for what is
/// inflated on the way.
///
/// # Errors
///
/// [`ScanError`] is transient: there is no verdict, and the caller asks again later.
pub async fn judge(
    subject: &Subject,
    file: File,
    scanner: &dyn Scanner,
    spool: &Path,
) -> Result<Judgement, ScanError> {
    judge_within(subject, file, scanner, spool, Limits::default()).await
}

/// [`judge`] with other bounds.
pub async fn judge_within(
    subject: &Subject,
    file: File,
    scanner: &dyn Scanner,
    spool: &Path,
    limits: Limits,
) -> Result<Judgement, ScanError> {
    let file = Arc::new(file);
    let reading = Arc::clone(&file);
    let longest = LARGEST.max(subject.size);
    let pieces = subject.pieces.clone();
    let began = Instant::now();
    let sums = blocking(move || sum_up(&reading, longest, &pieces)).await?.map_err(ScanError::File)?;
    took("sums", began.elapsed());
    let examined = Examined { sha256: sums.sha256, crc32: sums.crc32, size: sums.size, media_type: None };
    let mut judgement = Judgement {
        examined,
        verdict: Verdict::Clean,
        scanner: None,
        listing: None,
        by_member: false,
        only_too_large_to_scan: false,
    };

    let kind = match check_sums(subject, &sums) {
        Ok(kind) => kind,
        Err(refusal) => return Ok(judgement.refused(refusal)),
    };
    let began = Instant::now();
    let inside = look_inside(subject, kind, &file, sums.size, (spool, limits)).await?;
    took("structure", began.elapsed());
    match inside {
        Ok(findings) => {
            judgement.examined.media_type = Some(findings.media_type);
            judgement.listing = findings.listing;
            judgement.by_member = findings.by_member;
        }
        Err((refusal, media_type)) => {
            judgement.examined.media_type = media_type;
            return Ok(judgement.refused(refusal));
        }
    }
    if sums.size > limits.scan_bytes && !judgement.by_member {
        judgement.verdict = Verdict::Unscannable {
            detail: "The file is too large to be checked for viruses; upload it in parts below 2 GB.".into(),
        };
        judgement.only_too_large_to_scan = matches!(kind.group, Group::Audio | Group::Video);
        return Ok(judgement);
    }
    let scanned = if judgement.by_member {
        let (programs, spool) = (takes_programs(&subject.section), spool.to_owned());
        scan_members(LargeArchive { file, size: sums.size, kind, programs, spool, limits }, scanner).await
    } else {
        scanner.scan(&file, sums.size).await.map(|outcome| MembersOutcome { outcome, member: None })
    };
    if subject.last_try && scanned.as_ref().is_err_and(ScanError::may_be_of_the_file) {
        judgement.verdict = Verdict::Unscannable {
            detail: "The virus scanner fails at this file; save the work in another way and upload it again."
                .into(),
        };
        return Ok(judgement);
    }
    let MembersOutcome { outcome: ScanOutcome { finding, scanner }, member } = scanned?;
    judgement.scanner = Some(scanner);
    judgement.verdict = match member {
        Some(member) => verdict_of(finding).of_a_member(&member),
        None => verdict_of(finding),
    };
    Ok(judgement)
}

impl Judgement {
    fn refused(mut self, refusal: Refusal) -> Self {
        self.verdict = Verdict::Rejected { reason: refusal.reason, detail: refusal.detail };
        self
    }
}

/// Name, size and digests.
fn check_sums(subject: &Subject, sums: &Sums) -> Result<FileKind, Refusal> {
    let kind = check_name(&subject.name, &subject.section)?;
    if sums.size == 0 {
        return Err(Refusal::new(Reason::Empty, "The file is empty; save the work again and upload it."));
    }
    if sums.size != subject.size {
        let (got, said) = (sums.size, subject.size);
        return Err(Refusal::new(
            Reason::DigestMismatch,
            format!("The file has {got} bytes, but {said} were announced; upload it again."),
        ));
    }
    for (digest, whose) in
        [(subject.received_sha256, "received"), (subject.client_sha256, "announced by the sender")]
    {
        if digest.is_some_and(|digest| digest != sums.sha256) {
            return Err(Refusal::new(
                Reason::DigestMismatch,
                format!("The file's SHA-256 is not the one {whose}; upload it again."),
            ));
        }
    }
    if !sums.agrees {
        return Err(Refusal::new(
            Reason::DigestMismatch,
            "The file is not what its pieces were when they came; upload it again.",
        ));
    }
    let cap = subject.section.max_bytes.min(kind.max_bytes);
    if sums.size > cap {
        let (size, extension) = (sums.size, kind.extension);
        return Err(Refusal::new(
            Reason::TooLarge,
            format!("The file has {size} bytes; a .{extension} file here may have {cap}."),
        ));
    }
    Ok(kind)
}

/// What the structure step found, or why it refuses, with the type as far as it was seen.
type Inside = Result<Findings, (Refusal, Option<String>)>;

/// Type and structure, on a thread of its own, with a deadline; a panic there is the file's fault.
async fn look_inside(
    subject: &Subject,
    kind: FileKind,
    file: &Arc<File>,
    size: u64,
    (spool, limits): (&Path, Limits),
) -> Result<Inside, ScanError> {
    let spool = spool.to_owned();
    let reading = Arc::clone(file);
    let programs = takes_programs(&subject.section);
    // The walk itself stops at its deadline; the rest is for a parser of others that does not come back.
    let patience = limits.time_for(size) + Duration::from_secs(15);
    let walk = blocking(move || {
        let walk = AssertUnwindSafe(|| structure::inspect(&reading, size, kind, programs, &limits, &spool));
        catch_unwind(walk).unwrap_or_else(|_| {
            tracing::error!(extension = kind.extension, size, "a parser panicked on a file");
            structure::Inspection { media_type: None, outcome: Err(Stop::corrupt("It cannot be read.")) }
        })
    });
    let Ok(inspected) = tokio::time::timeout(patience, walk).await else {
        tracing::error!(extension = kind.extension, size, "a parser did not come back from a file");
        return Ok(Err((too_slow(), None)));
    };
    let structure::Inspection { media_type, outcome } = inspected?;
    match outcome {
        Ok(findings) => Ok(Ok(findings)),
        Err(Stop::Refused(refusal)) => Ok(Err((refusal, media_type))),
        Err(Stop::Read(error)) => Err(ScanError::File(error)),
        Err(Stop::Spool(error)) => Err(ScanError::Spool(error)),
        Err(Stop::Enough) => Err(ScanError::Interrupted),
    }
}

fn takes_programs(section: &Section) -> bool {
    section.accepts.iter().any(|extension| extension == "exe")
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ScanError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| ScanError::Interrupted)
}

fn verdict_of(finding: Finding) -> Verdict {
    let rejected = |reason, detail: &str| Verdict::Rejected { reason, detail: detail.to_owned() };
    match finding {
        Finding::Clean => Verdict::Clean,
        Finding::Infected { signature } => Verdict::Infected { signature },
        Finding::Encrypted => rejected(
            Reason::Encrypted,
            "The file, or one inside it, needs a password; remove it and upload again.",
        ),
        Finding::Macros => {
            rejected(Reason::Macro, "The file holds macros; save it without them and upload again.")
        }
        Finding::OverlappingEntries => {
            rejected(Reason::ArchiveUnsafe, "Files inside the archive overlap; make the zip again.")
        }
        Finding::BeyondLimits { limit } => Verdict::Unscannable {
            detail: format!(
                "The virus scanner could not look at all of it ({limit}); upload the files one by one."
            ),
        },
    }
}

#[cfg(test)]
mod tests;
