//! Ordinary files of a school, made by the programs that schools have: every one must be accepted.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::case::Case;
use crate::{by_group, judge_all, table};

/// Folders of what is made; see `ordinary/make`.
const FAMILIES: [&str; 5] = ["archives", "documents", "pictures", "recordings", "text"];

/// Where they are, made at the first call.
pub fn made() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let make = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/ordinary/make");
        let made = Command::new(make).output().expect("the script can be started");
        assert!(made.status.success(), "{make}: {}", String::from_utf8_lossy(&made.stderr));
        eprint!("{}", String::from_utf8_lossy(&made.stderr));
        String::from_utf8(made.stdout).unwrap().trim().into()
    });
    &FOLDER
}

/// The files of one family, in order.
fn files(family: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(made().join(family)).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn case(family: &'static str, path: PathBuf) -> Case {
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    let copy = move |file: &mut File| io::copy(&mut File::open(&path)?, file).map(drop);
    Case::good(family, "made by a real program", name, copy)
}

#[tokio::test]
async fn what_real_programs_write_is_accepted() {
    let cases =
        FAMILIES.into_iter().flat_map(|family| files(family).into_iter().map(move |path| case(family, path)));
    let judged = judge_all(cases.collect()).await;
    let accepted = judged.iter().filter(|one| one.is_as_expected()).count();
    println!("corpus: {} ordinary files, {accepted} accepted", judged.len());
    println!("corpus: {}", by_group(&judged));
    let wrong = table(judged.iter());
    assert!(wrong.is_empty(), "family | | name | expected | found | detail\n{wrong}");
    // A maker that stops making is no success.
    assert!(judged.len() >= 250, "only {} files were made", judged.len());
}
