//! Several clamds, some of which misbehave.

use std::io::Write;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::*;
use crate::check::scan::Finding;
use crate::check::scan::clamd::tests::{Fake, fake_as};

const OK: &[u8] = b"fd[7]: OK\0";
const AT_ONCE: Duration = Duration::ZERO;

/// One of each: what it answers, and after how long.
fn several(answers: &[(&'static [u8], Duration)]) -> (Clamds, Vec<Fake>) {
    let news = Arc::<News>::default();
    let fakes: Vec<_> = answers
        .iter()
        .enumerate()
        .map(|(at, (answer, after))| fake_as(at + 1, Arc::clone(&news), answer, *after))
        .collect();
    (Clamds::new(fakes.iter().map(|fake| Arc::clone(&fake.clamd)).collect(), news), fakes)
}

fn essay() -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"essay").unwrap();
    file
}

#[tokio::test]
async fn what_one_cannot_do_another_does_at_once() {
    for (failing, keeps_trust) in [
        (b"".as_slice(), false),
        (b"fd[7]: O", false),
        (b"garbage\0", false),
        (b"fd[7]: Can't write to file ERROR\0", false),
        (b"fd[7]: Can't read file ERROR\0", true),
    ] {
        let (clamds, fakes) = several(&[(failing, AT_ONCE), (OK, AT_ONCE)]);
        let begun = Instant::now();
        assert_eq!(clamds.scan(&essay(), 5).await.unwrap().finding, Finding::Clean, "{failing:?}");
        assert!(begun.elapsed() < Duration::from_millis(500));
        assert_eq!(fakes[0].clamd.is_trusted(), keeps_trust, "{failing:?}");
        assert!(clamds.readiness().await.detail.contains("clamd 2 (unix)"));
        assert_eq!(clamds.news().borrow().trusted, 1 + usize::from(keeps_trust));
    }
}

#[tokio::test]
async fn a_file_that_broke_two_is_not_given_to_a_third() {
    let (clamds, fakes) = several(&[(b"", AT_ONCE), (b"", AT_ONCE), (OK, AT_ONCE)]);
    let Err(error) = clamds.scan(&essay(), 5).await else { panic!("a verdict") };
    assert!(error.may_be_of_the_file(), "{error:?}");
    assert!(fakes[2].clamd.is_trusted());
    assert_eq!(clamds.scan(&essay(), 5).await.unwrap().finding, Finding::Clean);
    fakes[2].clamd.distrust("told so by the test");
    assert!(matches!(clamds.scan(&essay(), 5).await, Err(ScanError::NotReady { .. })));
    assert!(!clamds.readiness().await.ready);
}

#[tokio::test]
async fn one_that_stands_still_is_left_when_another_could_be_asked() {
    let late = Duration::from_millis(900);
    let (clamds, fakes) = several(&[(OK, late), (OK, AT_ONCE)]);
    fakes[1].clamd.distrust("told so by the test");
    let essay = essay();
    let scan = timeout(Duration::from_millis(300), clamds.scan(&essay, 5));
    let (scanned, ()) = tokio::join!(scan, async {
        sleep(Duration::from_millis(50)).await;
        fakes[0].clamd.distrust("it stands still");
    });
    assert!(scanned.is_err(), "there was no other: the answer is waited for");

    let (clamds, fakes) = several(&[(OK, late), (OK, AT_ONCE)]);
    let scan = timeout(Duration::from_millis(300), clamds.scan(&essay, 5));
    let (scanned, ()) = tokio::join!(scan, async {
        sleep(Duration::from_millis(50)).await;
        fakes[0].clamd.distrust("it stands still");
    });
    assert_eq!(scanned.unwrap().unwrap().finding, Finding::Clean);
}

#[tokio::test]
async fn scans_go_to_who_has_the_fewest() {
    let (clamds, _fakes) = several(&[(OK, Duration::from_millis(600)), (OK, Duration::from_millis(600))]);
    let begun = Instant::now();
    let (one, two) = (essay(), essay());
    let (one, two) = tokio::join!(clamds.scan(&one, 5), clamds.scan(&two, 5));
    assert_eq!((one.unwrap().finding, two.unwrap().finding), (Finding::Clean, Finding::Clean));
    assert!(begun.elapsed() < Duration::from_millis(1_100), "one after the other: {:?}", begun.elapsed());
}
