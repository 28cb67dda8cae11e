//! What a zip holds, as folders that open: in the order a page writes it.

use std::collections::HashMap;

use crate::archive::{Listed, Listing};
use crate::evidence::extension_of;
use crate::web::words;

/// Folders deeper than this are written as one name.
const DEEP: usize = 24;

/// The contents of a zip.
#[derive(Debug)]
pub struct Tree {
    /// `312 files, 980 MB unpacked`.
    pub holds: String,
    /// That not all is listed; empty when it is.
    pub more: String,
    pub steps: Vec<Step>,
}

/// What a page writes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// A folder begins. `first`: it lies in no other.
    Open { name: String, holds: String, first: bool },
    /// `href`: where it is read, if it is text.
    File { name: String, size: String, href: Option<String>, note: &'static str },
    /// The folder ends.
    Close,
}

impl Tree {
    /// `href`: the address at which an entry is read, of those that are text.
    pub fn of(listing: &Listing, href: impl Fn(&Listed) -> Option<String>) -> Self {
        let mut files: Vec<(Vec<&str>, &Listed)> =
            listing.files.iter().map(|file| (parts(&file.path), file)).collect();
        // Folders before files, each by name.
        files.sort_by_cached_key(|(parts, _)| {
            let last = parts.len().saturating_sub(1);
            parts.iter().enumerate().map(|(at, part)| (at == last, (*part).to_owned())).collect::<Vec<_>>()
        });
        let mut totals: HashMap<&[&str], (u32, u64)> = HashMap::new();
        for (parts, file) in &files {
            for depth in 0..parts.len() {
                let total = totals.entry(&parts[..depth]).or_default();
                *total = (total.0 + 1, total.1.saturating_add(file.size));
            }
        }
        let holds = |folder: &[&str]| {
            let (count, bytes) = totals.get(folder).copied().unwrap_or_default();
            format!("{}, {}", words::count(count, "file"), words::bytes(bytes))
        };
        let (mut steps, mut open): (Vec<Step>, &[&str]) = (Vec::new(), &[]);
        for (parts, file) in &files {
            let Some((name, folder)) = parts.split_last() else { continue };
            let common = open.iter().zip(folder).take_while(|(a, b)| a == b).count();
            steps.extend((common..open.len()).map(|_| Step::Close));
            steps.extend((common..folder.len()).map(|depth| Step::Open {
                name: folder[depth].to_owned(),
                holds: holds(&folder[..=depth]),
                first: depth == 0,
            }));
            open = folder;
            steps.push(Step::File {
                name: (*name).to_owned(),
                size: words::bytes(file.size),
                href: href(file),
                note: note(name),
            });
        }
        steps.extend(open.iter().map(|_| Step::Close));
        let more = if listing.whole {
            String::new()
        } else {
            format!("It holds {} entries; the first of them are listed.", listing.entries)
        };
        Self { holds: format!("{} unpacked", holds(&[])), more, steps }
    }
}

/// Folders and name.
fn parts(path: &str) -> Vec<&str> {
    path.splitn(DEEP, '/').collect()
}

fn note(name: &str) -> &'static str {
    match extension_of(name).as_deref() {
        Some("zip" | "7z" | "tar" | "tar.gz" | "tgz" | "gz") => {
            "An archive inside; its contents are not listed here."
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(paths: &[(&str, u64)]) -> Tree {
        let files = paths.iter().map(|(path, size)| Listed { path: (*path).into(), size: *size, index: 0 });
        Tree::of(&Listing { files: files.collect(), entries: paths.len() as u64, whole: true }, |_| None)
    }

    /// `+ name` begins a folder, `-` ends it.
    fn told(tree: &Tree) -> Vec<String> {
        let line = |step: &Step| match step {
            Step::Open { name, holds, .. } => format!("+ {name}: {holds}"),
            Step::File { name, .. } => name.clone(),
            Step::Close => "-".into(),
        };
        tree.steps.iter().map(line).collect()
    }

    #[test]
    fn folders_stand_before_files_and_say_what_is_in_them() {
        let tree =
            of(&[("index.html", 10), ("img/b.png", 2), ("a.txt", 1), ("img/old/a.png", 3), ("img/a.png", 4)]);
        assert_eq!(tree.holds, "5 files, 20 bytes unpacked");
        assert_eq!(
            told(&tree),
            [
                "+ img: 3 files, 9 bytes",
                "+ old: 1 file, 3 bytes",
                "a.png",
                "-",
                "a.png",
                "b.png",
                "-",
                "a.txt",
                "index.html"
            ]
        );
    }

    #[test]
    fn every_folder_that_begins_ends() {
        let deep = vec!["x"; 400].join("/");
        for paths in [&[("a/b/c/d", 1), ("a/x/d", 1), ("z", 1)][..], &[(&deep, 1), ("y/", 1), ("", 1)], &[]] {
            let tree = of(paths);
            let (mut depth, mut deepest) = (0_i32, 0);
            for step in &tree.steps {
                depth += match step {
                    Step::Open { .. } => 1,
                    Step::Close => -1,
                    Step::File { .. } => 0,
                };
                assert!(depth >= 0);
                deepest = deepest.max(depth);
            }
            assert_eq!(depth, 0);
            assert!(deepest < DEEP as i32);
        }
    }

    #[test]
    fn what_is_left_out_is_said() {
        let listing = Listing { files: Vec::new(), entries: 9_000, whole: false };
        assert!(Tree::of(&listing, |_| None).more.contains("9000"));
        assert!(
            matches!(&of(&[("old.zip", 1)]).steps[0], Step::File { note, .. } if note.contains("archive"))
        );
    }
}
