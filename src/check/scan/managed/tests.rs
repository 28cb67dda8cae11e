//! Against the real clamd, with the built-in test signatures.

use std::fs::File;
use std::io::Write;

use super::*;
use crate::check::scan::canary::eicar;
use crate::check::scan::{Finding, LARGEST_SCAN};

async fn start(data: &Path) -> ManagedClamd {
    let limits = ScanLimits { max_threads: 2, ..ScanLimits::default() };
    ManagedClamd::start(data, limits, SignaturePolicy::default(), Clock::system()).await.unwrap()
}

fn holding(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

async fn ready(clamd: &ManagedClamd) {
    let until = Instant::now() + Duration::from_secs(20);
    while !clamd.readiness().await.ready {
        assert!(Instant::now() < until, "{:?}", clamd.readiness().await);
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_managed_clamd_finds_a_virus_and_passes_a_text() {
    let data = tempfile::tempdir().unwrap();
    let clamd = start(&data.path().join("with a space")).await;
    let readiness = clamd.readiness().await;
    assert!(readiness.ready && readiness.test_signatures, "{readiness:?}");

    let outcome = clamd.scan(&holding(&eicar()), 68).await.unwrap();
    assert_eq!(outcome.finding, Finding::Infected { signature: "Test.Eicar.UNOFFICIAL".into() });
    assert_eq!(outcome.scanner.signatures, "test");
    let outcome = clamd.scan(&holding(b"EVIDENCE-OK-NAME"), 16).await.unwrap();
    assert_eq!(outcome.finding, Finding::Infected { signature: "Test.OK.Name.UNOFFICIAL".into() });
    assert_eq!(clamd.scan(&holding(b"an essay"), 8).await.unwrap().finding, Finding::Clean);
    clamd.shutdown().await;
    assert!(matches!(clamd.scan(&holding(b"an essay"), 8).await, Err(ScanError::NotReady { .. })));
}

#[tokio::test]
async fn beyond_the_largest_scan_nothing_is_clean() {
    let data = tempfile::tempdir().unwrap();
    let clamd = start(data.path()).await;
    let file = holding(b"");
    file.set_len(LARGEST_SCAN + 1).unwrap();
    let detail = clamd.readiness().await.detail;
    assert!(detail.contains("has yet to show"), "{detail}");
    // This waits until it is proven that so large a file is looked at to its end.
    let asked = clamd.clamd.scan(&file, LARGEST_SCAN).await.unwrap();
    assert!(
        matches!(&asked.finding, Finding::BeyondLimits { limit } if limit.contains("MaxFileSize")),
        "{asked:?}"
    );
    let detail = clamd.readiness().await.detail;
    assert!(!detail.contains("has yet to show"), "{detail}");
    let unasked = clamd.scan(&file, LARGEST_SCAN + 1).await.unwrap();
    assert!(matches!(unasked.finding, Finding::BeyondLimits { .. }));
    clamd.shutdown().await;
}

#[tokio::test]
async fn a_killed_clamd_costs_a_retry_and_comes_back() {
    let data = tempfile::tempdir().unwrap();
    let clamd = start(data.path()).await;
    let first = clamd.process_id().unwrap();
    // Long enough in clamd's hands to be killed there.
    let large = holding(b"");
    large.set_len(64 << 20).unwrap();
    clamd.scan(&holding(&[b' '; 5 << 20]), 5 << 20).await.unwrap();
    let (scanned, ()) = tokio::join!(clamd.scan(&large, 64 << 20), async {
        sleep(Duration::from_millis(150)).await;
        kill_process(Pid::from_raw(i32::try_from(first).unwrap()).unwrap(), Signal::KILL).unwrap();
    });
    assert!(matches!(scanned, Err(ScanError::Reply(_) | ScanError::Connection(_))), "{scanned:?}");
    assert!(!clamd.readiness().await.ready);

    ready(&clamd).await;
    assert_ne!(clamd.process_id(), Some(first));
    assert!(matches!(clamd.scan(&holding(&eicar()), 68).await.unwrap().finding, Finding::Infected { .. }));
    clamd.shutdown().await;
}

#[tokio::test]
async fn a_socket_that_an_ending_clamd_still_holds_is_no_obstacle() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("clamd");
    std::fs::create_dir(&folder).unwrap();
    let _held = std::os::unix::net::UnixListener::bind(folder.join("clamd.sock")).unwrap();
    let clamd = start(data.path()).await;
    assert_eq!(clamd.scan(&holding(b"an essay"), 8).await.unwrap().finding, Finding::Clean);
    clamd.shutdown().await;
}

#[tokio::test]
async fn a_deep_data_folder_still_gets_a_socket() {
    let data = tempfile::tempdir().unwrap();
    let clamd = start(&data.path().join("d".repeat(120))).await;
    assert!(clamd.readiness().await.ready);
    clamd.shutdown().await;
}

#[tokio::test]
async fn a_clamd_with_the_usual_limits_is_not_trusted() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("clamd");
    prepare(&folder, &folder.join("clamd.sock"), &ScanLimits::default()).unwrap();
    let config = folder.join("clamd.conf");
    let lax = std::fs::read_to_string(&config).unwrap().replace("AlertExceedsMax yes", "AlertExceedsMax no");
    std::fs::write(&config, lax).unwrap();
    let signatures = SignaturePolicy { accept_undated: true, ..SignaturePolicy::default() };
    let clamd = Clamd::unix(folder.join("clamd.sock"), ScanLimits::default(), signatures, Clock::system());
    let mut running = Running::start(&Recipe { folder, config }, &clamd).await.unwrap();
    let readiness = clamd.probe().await;
    assert!(!readiness.ready && readiness.detail.contains("AlertExceedsMax"), "{readiness:?}");
    stop_process(&mut running.child).await;
}
