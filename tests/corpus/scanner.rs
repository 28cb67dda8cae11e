//! What the scanner finds by itself.

use std::fs::File;
use std::path::Path;

use strongroom::check::scan::{Finding, Scanner};

use crate::clamd;

/// Where Debian's `clamav-testfiles` are: one harmless program in everything that clamd unpacks.
const TEST_FILES: &str = "/usr/share/clamav-testfiles";

#[tokio::test]
async fn every_test_file_of_clamav_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let scanner = clamd(folder.path()).await;
    let files = std::fs::read_dir(Path::new(TEST_FILES)).expect("install the package clamav-testfiles");
    let (mut count, mut limits, mut unseen) = (0, 0, Vec::new());
    for entry in files {
        let path = entry.unwrap().path();
        let file = File::open(&path).unwrap();
        let size = file.metadata().unwrap().len();
        count += 1;
        match scanner.scan(&file, size).await.unwrap().finding {
            Finding::Infected { .. } => {}
            // One nests deeper than the scanner looks, and is told of for that.
            Finding::BeyondLimits { .. } if path.ends_with("clam_cache_emax.tgz") => limits += 1,
            _ => unseen.push(path),
        }
    }
    scanner.shutdown().await;
    let found = count - unseen.len();
    println!("corpus: {count} test files of ClamAV, {found} found, {limits} of them as beyond limits");
    assert_eq!((count, unseen), (44, Vec::new()));
}
