//! Files made to take time or memory: refused soon, in little of it, and without the scanner being asked.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use strongroom::check::scan::{Finding, ScanError, ScanOutcome, Scanner, ScannerIdentity, ScannerReadiness};
use strongroom::evidence::Reason::{ActiveContent, ArchiveUnsafe, Corrupt};

use crate::case::{Case, Judged, holding};
use crate::make::documents::{EXCEL, ONE_PAGE, WORD, pdf, stream, write_pdf, zlib_blanks};
use crate::make::zip::{self, Member};
use crate::make::{Repeated, noise};

const GROUP: &str = "Bounds";
/// For any of them, on a busy machine and without optimisation.
const PATIENCE: Duration = Duration::from_secs(20);
/// The most memory that a process may ever have that judges them one after another, bytes.
const MOST: u64 = 500 << 20;

/// A scanner that finds nothing, and counts how often it is asked.
#[derive(Debug, Default)]
struct Counting(AtomicU32);

#[async_trait]
impl Scanner for Counting {
    async fn scan(&self, _: &File, _: u64) -> Result<ScanOutcome, ScanError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let scanner = ScannerIdentity { engine: "counting".into(), signatures: "none".into() };
        Ok(ScanOutcome { finding: Finding::Clean, scanner })
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

/// Judges one; how long it took, and whether the scanner was asked.
async fn judged(case: Case) -> (Judged, Duration, u32) {
    let scanner = Counting::default();
    let folder = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let judged = case.judge(&scanner, folder.path()).await;
    (judged, began.elapsed(), scanner.0.into_inner())
}

#[tokio::test]
async fn forty_thousand_files_of_nothing_are_refused_at_once() {
    let bytes = zip::empties(40_000);
    assert!(bytes.len() > 3 << 20);
    let case = Case::bad(GROUP, "40,000 files of nothing", "work.zip", ArchiveUnsafe, holding(bytes));
    let (judged, time, asked) = judged(case).await;
    println!("corpus: 40,000 files of nothing are refused in {time:?}");
    assert_eq!((judged.found, asked), (Err(ArchiveUnsafe), 0));
    assert!(time < Duration::from_secs(2), "{time:?}");
}

/// Each takes much of something where nobody counts.
fn greedy() -> Vec<Case> {
    let bad =
        |what: &str, name: &str, reason, bytes: Vec<u8>| Case::bad(GROUP, what, name, reason, holding(bytes));
    let good = |what: &str, name: &str, bytes: Vec<u8>| Case::good(GROUP, what, name, holding(bytes));
    let made = |what: &str, name: &str, reason, make: fn(&mut File) -> io::Result<()>| {
        Case::bad(GROUP, what, name, reason, make)
    };
    let brackets = |open: &[u8], close: &[u8]| [open.repeat(200_000), close.repeat(200_000)].concat();
    let wide = [&b"<?xml version=\"1.0\"?><w:document "[..], &b"a=\"1\" ".repeat(1 << 20), b"/>"].concat();
    let sheets: Vec<_> = (0..40).map(|number| format!("xl/externalLinks/externalLink{number}.xml")).collect();
    let sheet = [&b"<externalLink>"[..], &vec![b' '; 1 << 20], b"</externalLink>"].concat();
    let links: Vec<_> = sheets.iter().map(|name| (name.as_str(), sheet.as_slice())).collect();
    vec![
        made("1 GiB of zeros in 1 MB", "work.zip", ArchiveUnsafe, |file| {
            let zeros = Repeated::new(&[(&vec![0; 1 << 20], 1 << 10)]);
            assert!(zeros.stored() < 2 << 20);
            zip::write_repeated(file, &[("a.txt", &zeros)])
        }),
        made("1 GiB of zeros in a gzip", "work.gz", ArchiveUnsafe, |file| {
            Repeated::new(&[(&vec![0; 1 << 20], 1 << 10)]).write_gzip(file)
        }),
        made("1 GiB of zeros in a part of a document", "essay.docx", ArchiveUnsafe, |file| {
            let parts = WORD.parts(&[]);
            let part = |content: &[u8]| Repeated::new(&[(content, 1)]);
            let mut members: Vec<_> =
                parts.iter().map(|(name, bytes)| (name.as_str(), part(bytes))).collect();
            members.push(("word/footer1.xml", Repeated::new(&[(&vec![b' '; 1 << 20], 1 << 10)])));
            zip::write_repeated(
                file,
                &members.iter().map(|(name, content)| (*name, content)).collect::<Vec<_>>(),
            )
        }),
        bad("names of 60,000 letters", "work.zip", ArchiveUnsafe, {
            let name = |number: usize| format!("{number}{}", "a".repeat(60_000));
            zip::of(&(0..100).map(|number| Member::stored(name(number), b"")).collect::<Vec<_>>())
        }),
        made("objects of a PDF that inflate to 256 MiB", "essay.pdf", ActiveContent, |file| {
            let objects = stream("/Type /ObjStm /N 1 /First 4 /Filter /FlateDecode", &zlib_blanks(256));
            holding(pdf("", &[&objects]))(file)
        }),
        Case::good(GROUP, "a PDF of 300,000 small objects", "plan.pdf", |file| {
            let objects = std::iter::repeat_n(&b"<< /A [1 2 3] >>"[..], 300_000);
            let mut writer = BufWriter::new(file);
            write_pdf(&mut writer, ONE_PAGE.into_iter().chain(objects))?;
            writer.flush()
        }),
        good("arrays in arrays of a PDF", "essay.pdf", pdf("", &[&brackets(b"[", b"]")])),
        good("dictionaries in dictionaries of a PDF", "essay.pdf", pdf("", &[&brackets(b"<</A ", b">>")])),
        good("brackets in a string of a PDF", "essay.pdf", pdf("", &[&brackets(b"(", b")")])),
        bad("elements in elements of a document", "essay.docx", Corrupt, {
            WORD.with(&[("word/document.xml", &brackets(b"<w:p>", b"</w:p>"))])
        }),
        good("a million attributes of an element", "essay.docx", WORD.with(&[("word/document.xml", &wide)])),
        good("forty long parts of a workbook", "data.xlsx", EXCEL.with(&links)),
        good("groups in groups of an RTF", "essay.rtf", {
            [&b"{\\rtf1 "[..], &brackets(b"{", b"}"), b"}"].concat()
        }),
        good("noise in a zip", "work.zip", zip::files(&[("a.bin", &noise(8 << 20))])),
    ]
}

/// The most the process has had in memory since it began to count, bytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
}

/// One after another; what each took is told on a line that [`greedy_files_take_little_memory`] reads.
#[tokio::test]
async fn greedy_files_are_judged_in_time() {
    for case in greedy() {
        // From now on, the most is counted anew.
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        let (judged, time, asked) = judged(case).await;
        println!("greedy: {} | {} | {}", peak_memory(), judged.what, time.as_millis());
        assert!(judged.is_as_expected(), "{}: {:?} {}", judged.what, judged.found, judged.detail);
        assert_eq!(asked > 0, judged.found.is_ok(), "{}", judged.what);
        assert!(time < PATIENCE, "{}: {time:?}", judged.what);
    }
}

/// In a process where nothing else runs.
#[test]
fn greedy_files_take_little_memory() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "bounds::greedy_files_are_judged_in_time", "--nocapture"]);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<_> = text.lines().filter_map(|line| line.split_once("greedy: ")).collect();
    assert_eq!(lines.len(), greedy().len(), "{text}");
    for (_, line) in lines {
        let mut parts = line.split(" | ");
        let taken: u64 = parts.next().unwrap().parse().unwrap();
        let (what, time) = (parts.next().unwrap(), parts.next().unwrap());
        println!("corpus: at most {} MiB in memory, {time} ms for {what}", taken >> 20);
        assert!(taken < MOST, "{line}");
    }
}
