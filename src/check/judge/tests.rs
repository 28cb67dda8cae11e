//! Whole verdicts: ordinary files pass, every bad one has its own reason.

use std::io::Write;

use async_trait::async_trait;

use super::*;
use crate::check::again::{Accepted, Again, Scan, look_again};
use crate::check::scan::canary::eicar;
use crate::check::scan::{ManagedClamd, ReplyError, ScanLimits, ScannerReadiness, SignaturePolicy};
use crate::check::testing::{docx, jpeg, pdf, png, section, spool, zip_of};
use crate::clock::Clock;

/// A scanner that always gives one finding, and counts.
#[derive(Debug)]
struct Fixed(Finding);

#[async_trait]
impl Scanner for Fixed {
    async fn scan(&self, _: &File, _: u64) -> Result<ScanOutcome, ScanError> {
        let scanner = ScannerIdentity { engine: "Fixed".into(), signatures: "1".into() };
        Ok(ScanOutcome { finding: self.0.clone(), scanner })
    }

    async fn readiness(&self) -> ScannerReadiness {
        ScannerReadiness {
            ready: true,
            detail: String::new(),
            engine: None,
            signatures_at: None,
            test_signatures: true,
        }
    }
}

const EVERYTHING: &[&str] =
    &["pdf", "docx", "xlsx", "txt", "zip", "png", "jpg", "mp4", "doc", "gif", "html", "rtf", "odt", "tar"];

fn subject(name: &str, bytes: &[u8]) -> Subject {
    Subject {
        name: name.parse().unwrap(),
        section: section(EVERYTHING),
        size: bytes.len() as u64,
        received_sha256: None,
        pieces: Vec::new(),
        client_sha256: None,
        last_try: false,
    }
}

async fn judge(subject: &Subject, file: File, scanner: &dyn Scanner) -> Result<Judgement, ScanError> {
    super::judge(subject, file, scanner, spool()).await
}

fn holding(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

async fn judged(name: &str, bytes: &[u8]) -> Judgement {
    judge(&subject(name, bytes), holding(bytes), &Fixed(Finding::Clean)).await.unwrap()
}

async fn verdict(name: &str, bytes: &[u8]) -> Verdict {
    judged(name, bytes).await.verdict
}

async fn reason(name: &str, bytes: &[u8]) -> Reason {
    match verdict(name, bytes).await {
        Verdict::Rejected { reason, .. } => reason,
        other => panic!("{name}: {other:?}"),
    }
}

#[tokio::test]
async fn ordinary_files_are_clean() {
    for (name, bytes) in [
        ("essay.pdf", pdf(b"")),
        ("essay.docx", docx(&[])),
        ("notes.txt", b"Notes\r\n".to_vec()),
        ("photo.png", png()),
        ("photo.jpg", jpeg()),
        ("page.html", b"\n\n<html><script>1</script></html>".to_vec()),
        (
            "work.zip",
            zip_of(&[("essay.docx", &docx(&[])), ("site/app.js", b"let a = 1;"), ("a/essay.pdf", &pdf(b""))]),
        ),
    ] {
        assert_eq!(verdict(name, &bytes).await, Verdict::Clean, "{name}");
    }
}

#[tokio::test]
async fn every_bad_file_has_its_own_reason() {
    let mut program = b"MZ\x90\0\x03\0\0\0".to_vec();
    program.resize(4096, 0);
    let bomb = zip_of(&[("zeros.txt", &vec![0; 200 << 20])]);
    for (name, bytes, expected) in [
        ("essay.pdf", Vec::new(), Reason::Empty),
        ("work.zip", zip_of(&[]), Reason::Empty),
        ("work.tar", vec![0; 10 << 10], Reason::Empty),
        ("essay.pdf", program.clone(), Reason::TypeMismatch),
        ("essay.docx", program.clone(), Reason::TypeMismatch),
        ("essay.docx", zip_of(&[("a.txt", b"a")]), Reason::TypeMismatch),
        ("work.zip", docx(&[]), Reason::TypeMismatch),
        ("notes.txt", program.clone(), Reason::TypeMismatch),
        ("film.mp4.exe", program.clone(), Reason::DoubleExtension),
        ("work.zip", zip_of(&[("../a.txt", b"a")]), Reason::ArchiveUnsafe),
        ("work.zip", bomb, Reason::ArchiveUnsafe),
        ("work.zip", zip_of(&[("game.exe", &program)]), Reason::TypeNotAllowed),
        ("work.zip", zip_of(&[("photo.jpg", &program)]), Reason::TypeMismatch),
        ("work.zip", zip_of(&[("work.gdoc", b"{}")]), Reason::LinkOnly),
        ("work.zip", b"PK\x03\x04 and no more".to_vec(), Reason::Corrupt),
        ("essay.docx", docx(&[("word/vbaProject.bin", b"x")]), Reason::Macro),
        ("essay.pdf", pdf(b"/OpenAction << /S /J#61vaScript /JS (1) >>"), Reason::ActiveContent),
        ("essay.pdf", pdf(b"/OpenAction << /S /Launch /F (cmd) >>"), Reason::ActiveContent),
        ("essay.pdf", b"%PDF-1.7\n%%EOF\n".to_vec(), Reason::Corrupt),
        ("photo.png", png()[..60].to_vec(), Reason::Corrupt),
        ("photo.png", [png(), b"<script>".to_vec()].concat(), Reason::TypeMismatch),
        ("photo.jpg", [jpeg(), zip_of(&[("a.txt", b"a")])].concat(), Reason::TypeMismatch),
        ("film.mp4", b"\0\0\0\x18ftypisom\0\0\0\0isomiso2\0\0\0\x08mdat".to_vec(), Reason::Corrupt),
    ] {
        assert_eq!(reason(name, &bytes).await, expected, "{name}");
    }
}

#[tokio::test]
async fn a_digest_that_differs_is_refused() {
    let bytes = pdf(b"");
    let good = judged("a.pdf", &bytes).await.examined;
    assert_eq!((good.size, good.media_type.as_deref()), (bytes.len() as u64, Some("application/pdf")));
    let told = |received: Option<Sha256Digest>, client: Option<Sha256Digest>, size: u64| {
        let plain = subject("a.pdf", &bytes);
        Subject { received_sha256: received, client_sha256: client, size, ..plain }
    };
    let other = Sha256Digest([7; 32]);
    let size = bytes.len() as u64;
    for wrong in [
        told(Some(other), None, size),
        told(Some(good.sha256), Some(other), size),
        told(None, None, size + 1),
    ] {
        let judged = judge(&wrong, holding(&bytes), &Fixed(Finding::Clean)).await.unwrap();
        assert!(
            matches!(judged.verdict, Verdict::Rejected { reason: Reason::DigestMismatch, .. }),
            "{judged:?}"
        );
        assert_eq!(judged.scanner, None);
    }
    let right = told(Some(good.sha256), Some(good.sha256), size);
    assert_eq!(judge(&right, holding(&bytes), &Fixed(Finding::Clean)).await.unwrap().verdict, Verdict::Clean);
}

#[tokio::test]
async fn only_a_clean_verdict_of_these_bytes_admits() {
    let bytes = pdf(b"");
    let version = |size: u64| ObjectVersion { etag: "e".into(), version_id: None, size };
    let section = section(&["pdf"]);
    let clean = judged("a.pdf", &bytes).await;
    assert!(clean.admit(&section, version(clean.examined.size)).is_some_and(|clean| clean.scanned()));
    assert!(clean.admit(&section, version(1)).is_none());
    let found = Fixed(Finding::Infected { signature: "X".into() });
    let infected = judge(&subject("a.pdf", &bytes), holding(&bytes), &found).await.unwrap();
    assert_eq!(infected.verdict, Verdict::Infected { signature: "X".into() });
    assert!(infected.admit(&section, version(infected.examined.size)).is_none());
}

/// A scanner that always fails at the file, or is never there.
#[derive(Debug)]
struct Failing {
    at_the_file: bool,
}

#[async_trait]
impl Scanner for Failing {
    async fn scan(&self, _: &File, _: u64) -> Result<ScanOutcome, ScanError> {
        Err(if self.at_the_file {
            ReplyError::Reported("Can't read file".into()).into()
        } else {
            ScanError::NotReady { detail: "it is not there".into() }
        })
    }

    async fn readiness(&self) -> ScannerReadiness {
        Fixed(Finding::Clean).readiness().await
    }
}

#[tokio::test]
async fn a_file_the_scanner_always_fails_at_is_unscannable_in_the_end() {
    let bytes = pdf(b"");
    let plain = subject("a.pdf", &bytes);
    let last = Subject { last_try: true, ..plain.clone() };
    for (subject, at_the_file) in [(&plain, true), (&plain, false), (&last, false)] {
        assert!(judge(subject, holding(&bytes), &Failing { at_the_file }).await.is_err());
    }
    let judged = judge(&last, holding(&bytes), &Failing { at_the_file: true }).await.unwrap();
    assert!(matches!(judged.verdict, Verdict::Unscannable { .. }), "{judged:?}");
    let version = ObjectVersion { etag: "e".into(), version_id: None, size: judged.examined.size };
    let lenient = Section { allow_unscannable: true, ..section(&["pdf"]) };
    assert!(judged.admit(&lenient, version).is_none());
}

#[tokio::test]
async fn what_cannot_be_inflated_for_want_of_room_is_tried_again() {
    let bytes = zip_of(&[("in.zip", &zip_of(&[("a.txt", b"a")]))]);
    let (subject, scanner) = (subject("a.zip", &bytes), Fixed(Finding::Clean));
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { spool_memory: 16, ..Limits::default() };
    let judged = judge_within(&subject, holding(&bytes), &scanner, folder.path(), limits).await;
    assert_eq!(judged.unwrap().verdict, Verdict::Clean);
    let absent = folder.path().join("absent");
    let judged = judge_within(&subject, holding(&bytes), &scanner, &absent, limits).await;
    assert!(matches!(judged, Err(ScanError::Spool(_))), "{judged:?}");
    // What fits into memory needs no folder.
    let judged = judge_within(&subject, holding(&bytes), &scanner, &absent, Limits::default()).await;
    assert_eq!(judged.unwrap().verdict, Verdict::Clean);
}

#[tokio::test]
async fn an_archive_is_listed() {
    let inner = zip_of(&[("b.txt", b"bb")]);
    let listing = judged("work.zip", &zip_of(&[("a.txt", b"a"), ("in.zip", &inner)])).await.listing.unwrap();
    let listed: Vec<_> = listing.iter().map(|member| (member.path.as_str(), member.size)).collect();
    assert_eq!(listed, [("a.txt", 1), ("in.zip/b.txt", 2), ("in.zip", inner.len() as u64)]);
}

#[tokio::test]
async fn the_real_scanner_has_the_last_word() {
    let data = tempfile::tempdir().unwrap();
    let limits = ScanLimits { max_threads: 2, ..ScanLimits::default() };
    let clamd =
        ManagedClamd::start(data.path(), limits, SignaturePolicy::default(), Clock::system()).await.unwrap();
    let deep = zip_of(&[("in.zip", &zip_of(&[("in.zip", &zip_of(&[("e.txt", &eicar())]))]))]);
    for (name, bytes) in
        [("e.txt", eicar()), ("e.zip", deep), ("e.docx", docx(&[("word/media/e.txt", &eicar())]))]
    {
        let judged = judge(&subject(name, &bytes), holding(&bytes), &clamd).await.unwrap();
        assert_eq!(judged.verdict, Verdict::Infected { signature: "Test.Eicar.UNOFFICIAL".into() }, "{name}");
        assert_eq!(judged.scanner.unwrap().signatures, "test");
    }
    for (name, bytes) in
        [("a.pdf", pdf(b"")), ("a.zip", zip_of(&[("a.pdf", &pdf(b""))])), ("a.docx", docx(&[]))]
    {
        let judged = judge(&subject(name, &bytes), holding(&bytes), &clamd).await.unwrap();
        assert_eq!(judged.verdict, Verdict::Clean, "{name}");
    }
    clamd.shutdown().await;
}

/// Knows the test virus, and remembers the sizes of what it was given.
#[derive(Debug, Default)]
struct Looks {
    sizes: std::sync::Mutex<Vec<u64>>,
    /// It fails at this many-th file.
    fails_at: Option<usize>,
}

#[async_trait]
impl Scanner for Looks {
    async fn scan(&self, mut file: &File, size: u64) -> Result<ScanOutcome, ScanError> {
        use std::io::{Read, Seek, SeekFrom};
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0)).unwrap();
        file.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len() as u64, size);
        let mut sizes = self.sizes.lock().unwrap();
        sizes.push(size);
        if self.fails_at == Some(sizes.len()) {
            return Err(ReplyError::Empty.into());
        }
        let finding = match bytes.windows(68).any(|window| window == eicar()) {
            true => Finding::Infected { signature: "Test".into() },
            false => Finding::Clean,
        };
        let scanner = ScannerIdentity { engine: "Looks".into(), signatures: sizes.len().to_string() };
        Ok(ScanOutcome { finding, scanner })
    }

    async fn readiness(&self) -> ScannerReadiness {
        Fixed(Finding::Clean).readiness().await
    }
}

/// A scanner that looks at a megabyte.
const SMALL: u64 = 1 << 20;

async fn judged_small(name: &str, bytes: &[u8], scanner: &Looks) -> Result<Judgement, ScanError> {
    let limits = Limits { scan_bytes: SMALL, ..Limits::default() };
    let subject = Subject {
        section: section(&["zip", "tar", "tgz", "gz", "docx", "mp4", "pdf"]),
        ..subject(name, bytes)
    };
    judge_within(&subject, holding(bytes), scanner, spool(), limits).await
}

/// Bytes that do not get smaller.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 7_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn tar_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = ::tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = ::tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, *bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

#[tokio::test]
async fn an_archive_beyond_the_scanner_is_judged_by_every_member() {
    let (noise, virus) = (noise(600 << 10), [b" ".repeat(100), eicar()].concat());
    let inner = zip_of(&[("deep.txt", b"deep"), ("deeper.zip", &zip_of(&[("deepest.txt", &virus)]))]);
    let members = |last: &'static str| -> Vec<(&'static str, Vec<u8>)> {
        let last = if last == "virus.txt" { (last, virus.clone()) } else { (last, b"an essay".to_vec()) };
        vec![
            ("a/film.bin", noise.clone()),
            ("b.zip", inner.clone()),
            ("empty.txt", Vec::new()),
            ("c.bin", noise.clone()),
            last,
        ]
    };
    for last in ["virus.txt", "essay.txt"] {
        let members = members(last);
        let members: Vec<(&str, &[u8])> =
            members.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
        let tar = tar_of(&members);
        // Zeros make a gzip that is itself within the scanner's size.
        let zeros = vec![0; 900 << 10];
        let mut thin = members.clone();
        thin[0].1 = &zeros;
        thin[3].1 = &zeros;
        for (name, bytes, path) in [
            ("work.zip", zip_of(&members), last.to_owned()),
            ("work.tar", tar.clone(), last.to_owned()),
            ("work.tgz", gz(&tar), format!("content/{last}")),
            ("work.tgz", gz(&tar_of(&thin)), format!("content/{last}")),
        ] {
            let scanner = Looks::default();
            let judged = judged_small(name, &bytes, &scanner).await.unwrap();
            let verdict = match last {
                "virus.txt" => Verdict::Infected { signature: format!("Test in {path}") },
                _ => Verdict::Clean,
            };
            // In the archive that is a member itself there is a virus too, which is this scanner's to find or not: it
            // does not inflate.
            assert_eq!(judged.verdict, verdict, "{name}");
            let sizes = scanner.sizes.lock().unwrap().clone();
            let given: Vec<u64> = match thin[0].1.len() {
                _ if bytes.len() as u64 <= SMALL => {
                    [&thin[0], &thin[1], &thin[3], &thin[4]].map(|(_, b)| b.len() as u64).into()
                }
                _ => [0, 1, 3, 4].map(|at: usize| members[at].1.len() as u64).into(),
            };
            assert_eq!(sizes, given, "{name}");
            assert_eq!(judged.scanner.unwrap().signatures, "1", "{name}: the first is the oldest");
            assert!(judged.examined.size == bytes.len() as u64 && judged.listing.is_some());
        }
    }
    let essay = docx(&[
        ("word/media/image1.bin", &noise),
        ("word/media/image2.bin", &[&noise[..], &eicar()].concat()),
    ]);
    assert!(essay.len() as u64 > SMALL);
    let judged = judged_small("essay.docx", &essay, &Looks::default()).await.unwrap();
    assert_eq!(judged.verdict, Verdict::Infected { signature: "Test in word/media/image2.bin".into() });
}

#[tokio::test]
async fn a_scanner_that_fails_at_a_member_gives_no_verdict() {
    let noise = noise(600 << 10);
    let bytes = zip_of(&[("a.bin", &noise), ("b.bin", &noise), ("c.txt", b"c")]);
    let scanner = Looks { fails_at: Some(2), ..Looks::default() };
    assert!(judged_small("work.zip", &bytes, &scanner).await.is_err());
    assert_eq!(scanner.sizes.lock().unwrap().len(), 2);
    // Its structure is judged before anything of it is scanned.
    let scanner = Looks::default();
    let bad = zip_of(&[("a.bin", &noise), ("b.bin", &noise), ("run.exe", b"MZ")]);
    let judged = judged_small("work.zip", &bad, &scanner).await.unwrap();
    assert!(matches!(judged.verdict, Verdict::Rejected { .. }), "{judged:?}");
    assert!(scanner.sizes.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_film_beyond_the_scanner_passes_only_where_the_section_says_so_and_labelled() {
    let mut film =
        b"\0\0\0\x18ftypisom\0\0\0\0isomiso2\0\0\0\x10moov\0\0\0\x08trak\x00\x10\x00\x00mdat".to_vec();
    film.resize(film.len() - 8 + (1 << 20), 0);
    let scanner = Looks::default();
    let judged = judged_small("film.mp4", &film, &scanner).await.unwrap();
    assert!(matches!(judged.verdict, Verdict::Unscannable { .. }), "{judged:?}");
    assert!(scanner.sizes.lock().unwrap().is_empty() && judged.scanner.is_none());
    let version = || ObjectVersion { etag: "e".into(), version_id: None, size: judged.examined.size };
    assert!(judged.admit(&section(&["mp4"]), version()).is_none());
    let lenient = Section { allow_unscannable: true, ..section(&["mp4"]) };
    assert!(judged.admit(&lenient, version()).is_some_and(|clean| !clean.scanned()));
}

/// A zip of stored members, each of so many zeros and then these bytes, that takes no room on the disk.
fn sparse_zip(members: &[(String, u64, &[u8])]) -> (File, u64) {
    use std::os::unix::fs::FileExt;
    let file = tempfile::tempfile().unwrap();
    let (mut at, mut directory, mut known) = (0_u64, Vec::new(), std::collections::HashMap::new());
    let zeros = vec![0; 1 << 20];
    for (name, before, tail) in members {
        let crc = *known.entry((*before, *tail)).or_insert_with(|| {
            let mut crc = crc32fast::Hasher::new();
            (0..before >> 20).for_each(|_| crc.update(&zeros));
            crc.update(&zeros[..(before & 0xf_ffff) as usize]);
            crc.update(tail);
            crc.finalize()
        });
        let size = u32::try_from(before + tail.len() as u64).unwrap();
        // Version, flags, method, time, 1 January 1980; the digest and sizes; the lengths of name and extra fields.
        let mut common: Vec<u8> =
            [20_u16, 0, 0, 0, 0x21].iter().flat_map(|word| word.to_le_bytes()).collect();
        common.extend([crc, size, size].iter().flat_map(|word| word.to_le_bytes()));
        common.extend([name.len() as u16, 0].iter().flat_map(|word| word.to_le_bytes()));
        directory.extend([b"PK\x01\x02\x14\0".as_slice(), &common, &[0; 10]].concat());
        directory.extend(u32::try_from(at).unwrap().to_le_bytes());
        directory.extend(name.as_bytes());
        let head = [b"PK\x03\x04".as_slice(), &common, name.as_bytes()].concat();
        file.write_all_at(&head, at).unwrap();
        at += head.len() as u64 + before;
        file.write_all_at(tail, at).unwrap();
        at += tail.len() as u64;
    }
    let count = (members.len() as u16).to_le_bytes();
    let mut end = [b"PK\x05\x06\0\0\0\0".as_slice(), &count, &count].concat();
    end.extend((directory.len() as u32).to_le_bytes());
    end.extend(u32::try_from(at).unwrap().to_le_bytes());
    end.extend([0, 0]);
    file.write_all_at(&[directory.clone(), end.clone()].concat(), at).unwrap();
    (file, at + (directory.len() + end.len()) as u64)
}

#[tokio::test]
async fn more_than_two_gigabytes_are_scanned_for_real() {
    let data = tempfile::tempdir().unwrap();
    let limits = ScanLimits { max_threads: 3, ..ScanLimits::default() };
    let clamd =
        ManagedClamd::start(data.path(), limits, SignaturePolicy::default(), Clock::system()).await.unwrap();
    let virus = eicar();
    let members = |last: &'static [u8]| -> Vec<(String, u64, &[u8])> {
        let all = (0..41_u64).map(|number| (format!("part {number}.bin"), 50 << 20, b"".as_slice()));
        let mut all: Vec<_> = all.collect();
        all.push(("last.bin".into(), 50 << 20, if last == b"virus" { &virus } else { last }));
        all
    };
    let judged = async |last: &'static [u8]| {
        let begun = std::time::Instant::now();
        let (file, size) = sparse_zip(&members(last));
        assert!(size > crate::check::scan::LARGEST_SCAN);
        let subject = Subject { size, ..subject("work.zip", b"") };
        let judged = super::judge(&subject, file.try_clone().unwrap(), &clamd, data.path()).await.unwrap();
        println!("{size} bytes were judged in {:?}", begun.elapsed());
        (file, judged)
    };
    let ((file, clean), (_, infected)) = tokio::join!(judged(LATER), judged(b"virus"));
    assert_eq!((&clean.verdict, clean.by_member), (&Verdict::Clean, true));
    let signature = "Test.Eicar.UNOFFICIAL in last.bin".into();
    assert_eq!(infected.verdict, Verdict::Infected { signature });

    // What was clean is looked at again, by the same signatures and by such as know more.
    let Examined { sha256, size, .. } = clean.examined;
    let accepted = Accepted { sha256, size, scan: Scan::Members(FileKind::of("zip").unwrap()) };
    let again = async || {
        let begun = std::time::Instant::now();
        let again = look_again(&accepted, file.try_clone().unwrap(), &clamd, data.path()).await.unwrap();
        println!("{size} bytes were looked at again in {:?}", begun.elapsed());
        again
    };
    assert_eq!(again().await, Again::Clean { scanner: clean.scanner.clone() });
    learn(data.path(), &clamd).await;
    let Again::Infected { signature, .. } = again().await else { panic!("nothing was found") };
    assert_eq!(signature, "Test.Later.UNOFFICIAL in last.bin");
    clamd.shutdown().await;
}

/// What the first signatures do not know.
const LATER: &[u8] = b"KNOWN-ONLY-LATER";

/// Gives a managed clamd signatures that know [`LATER`], and waits until it has them.
async fn learn(data: &Path, clamd: &ManagedClamd) {
    use std::io::Read;
    let hex: String = LATER.iter().map(|byte| format!("{byte:02x}")).collect();
    std::fs::write(data.join("clamd/signatures/later.ndb"), format!("Test.Later:0:*:{hex}\n")).unwrap();
    let mut line = std::os::unix::net::UnixStream::connect(data.join("clamd/clamd.sock")).unwrap();
    line.write_all(b"zRELOAD\0").unwrap();
    line.read_to_string(&mut String::new()).unwrap();
    let begun = std::time::Instant::now();
    while clamd.scan(&holding(LATER), LATER.len() as u64).await.unwrap().finding == Finding::Clean {
        assert!(begun.elapsed() < Duration::from_secs(30), "it does not learn");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_archive_beyond_the_scanner_that_holds_no_byte_does_not_wait_for_ever() {
    let names: Vec<_> = (0..1_900).map(|number| format!("{number:0250}.txt")).collect();
    let members: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    let scanner = Looks::default();
    let judged = judged_small("work.zip", &zip_of(&members), &scanner).await.unwrap();
    assert!(matches!(judged.verdict, Verdict::Rejected { reason: Reason::Empty, .. }), "{judged:?}");
    assert!(scanner.sizes.lock().unwrap().is_empty());
}
