//! Whole verdicts: ordinary files pass, every bad one has its own reason.

use std::io::Write;

use async_trait::async_trait;

use super::*;
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
