//! The corpus: every bad file we know of, each refused for its own reason, and files that look odd and must pass.
//!
//! All are made here when the tests run, and judged as the service judges what it received, with a real clamd. There
//! is no live malware: the EICAR test file is put together at run time, and the other signatures are of our own.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod case;
mod make;

mod archives;
mod bounds;
mod documents;
mod lies;
mod malware;
mod media;
mod names;
mod ordinary;
mod polyglots;
mod scanner;
mod sizes;
mod text;
mod unscannable;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;

use futures_util::{StreamExt, stream};
use strongroom::check::scan::{ManagedClamd, ScanLimits, SignaturePolicy};
use strongroom::clock::Clock;
use strongroom::evidence::Reason;

use self::case::{Case, Judged};

/// Every bad file, and every good one.
fn all() -> Vec<Case> {
    let groups = [
        sizes::cases(),
        malware::cases(),
        unscannable::cases(),
        archives::cases(),
        lies::cases(),
        polyglots::cases(),
        documents::cases(),
        media::cases(),
        text::cases(),
        names::cases(),
    ];
    groups.into_iter().flatten().collect()
}

/// A clamd of this test's own, under `data`.
async fn clamd(data: &Path) -> ManagedClamd {
    let limits = ScanLimits { max_threads: 4, ..ScanLimits::default() };
    ManagedClamd::start(data, limits, SignaturePolicy::default(), Clock::system()).await.unwrap()
}

/// Judges cases, a few at once.
async fn judge_all(cases: Vec<Case>) -> Vec<Judged> {
    let folder = tempfile::tempdir().unwrap();
    let scanner = clamd(folder.path()).await;
    let judging = cases.into_iter().map(|case| case.judge(&scanner, folder.path()));
    let judged = stream::iter(judging).buffer_unordered(4).collect().await;
    scanner.shutdown().await;
    judged
}

/// Those that came out otherwise, a line each.
fn table<'a>(judged: impl Iterator<Item = &'a Judged>) -> String {
    let word = |outcome: Result<(), Reason>| outcome.map_or_else(Reason::as_str, |()| "clean");
    let line = |one: &Judged| {
        let (expected, found) = (word(one.expected), word(one.found));
        format!("{} | {} | {:?} | {expected} | {found} | {}\n", one.group, one.what, one.name, one.detail)
    };
    judged.filter(|one| !one.is_as_expected()).map(line).collect()
}

/// How many there are of each group, and which took longest.
fn by_group(judged: &[Judged]) -> String {
    let mut groups = BTreeMap::<_, u32>::new();
    judged.iter().for_each(|one| *groups.entry(one.group).or_default() += 1);
    let counts: Vec<_> = groups.iter().map(|(group, count)| format!("{group} {count}")).collect();
    let mut longest: Vec<_> = judged.iter().collect();
    longest.sort_by_key(|one| Reverse(one.time));
    let longest = longest.iter().take(12).map(|one| format!("{} s {}", one.time.as_secs(), one.what));
    format!("{}; longest: {}", counts.join(", "), longest.collect::<Vec<_>>().join(", "))
}

#[tokio::test]
async fn every_bad_file_is_refused_for_its_own_reason() {
    let judged = judge_all(all().into_iter().filter(|case| case.expected.is_err()).collect()).await;
    let right = judged.iter().filter(|one| one.is_as_expected()).count();
    println!("corpus: {} bad cases, {right} refused with their own reason", judged.len());
    println!("corpus: {}", by_group(&judged));
    let wrong = table(judged.iter());
    assert!(wrong.is_empty(), "group | what | name | expected | found | detail\n{wrong}");
}

#[tokio::test]
async fn what_only_looks_bad_is_accepted() {
    let judged = judge_all(all().into_iter().filter(|case| case.expected.is_ok()).collect()).await;
    let clean = judged.iter().filter(|one| one.is_as_expected()).count();
    println!("corpus: {} good cases, {clean} clean", judged.len());
    println!("corpus: {}", by_group(&judged));
    let wrong = table(judged.iter());
    assert!(wrong.is_empty(), "group | what | name | expected | found | detail\n{wrong}");
}
