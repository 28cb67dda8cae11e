//! Paths inside a zip: what the candidate called things, made safe to unpack on Windows, macOS and Linux.
//!
//! The candidate's own spelling stays in `manifest.json`. Here characters and names that some system cannot write
//! are replaced, and paths that some system cannot tell apart (by case or by Unicode form) get ` (2)`, ` (3)`, ....

use std::collections::HashSet;

use unicode_normalization::UnicodeNormalization;

/// Longest part of a path, bytes of UTF-8: what ext4 takes, and less than NTFS and APFS do.
const PART_LIMIT: usize = 255;

/// Names that are devices on Windows, whatever their case and extension.
const DEVICES: &[&str] = &["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];
/// The same with one more digit.
const NUMBERED_DEVICES: &[&str] = &["COM", "LPT"];

/// One part of a path, safe everywhere. Never empty, never `.` or `..`.
pub(super) fn safe_part(text: &str) -> String {
    let replaced: String = text.nfc().map(|c| if writable(c) { c } else { '_' }).collect();
    // A byte is kept for the mark that a device's name gets.
    let fitted = fit(&replaced, "", PART_LIMIT - 1);
    let mut part = fitted.trim_end_matches(['.', ' ']).to_owned();
    if part.len() < fitted.len() {
        part.push('_');
    }
    if part.is_empty() || is_device(&part) {
        part.insert(0, '_');
    }
    part
}

fn writable(c: char) -> bool {
    let directs =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks_lines = matches!(c, '\u{2028}' | '\u{2029}');
    !c.is_control()
        && !directs
        && !breaks_lines
        && !matches!(c, '<' | '>' | ':' | '"' | '/' | '\\' | '|' | '?' | '*')
}

fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part).trim_end().to_ascii_uppercase();
    let numbered = |device: &str| {
        stem.strip_prefix(device).is_some_and(|rest| {
            let mut digits = rest.chars();
            matches!((digits.next(), digits.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
        })
    };
    DEVICES.contains(&stem.as_str()) || NUMBERED_DEVICES.iter().any(|device| numbered(device))
}

/// `name` with `addition` before its extension, its stem cut so that all of it is at most `limit` bytes.
fn fit(name: &str, addition: &str, limit: usize) -> String {
    let (stem, extension) = name.split_at(extension_start(name));
    let room = limit.saturating_sub(addition.len() + extension.len());
    let end = (0..=room.min(stem.len())).rev().find(|at| stem.is_char_boundary(*at)).unwrap_or(0);
    format!("{}{addition}{extension}", &stem[..end])
}

/// Where the extension of `name` begins, at its dot; `tar.gz` is one. The end where there is none, or one too long
/// to be worth keeping.
fn extension_start(name: &str) -> usize {
    let tar = name.len().checked_sub(".tar.gz".len()).filter(|at| *at > 0);
    let tar = tar.filter(|at| name.get(*at..).is_some_and(|end| end.eq_ignore_ascii_case(".tar.gz")));
    let dot = || name.rfind('.').filter(|at| *at > 0 && name.len() - at < 64);
    tar.or_else(dot).unwrap_or(name.len())
}

/// What two paths have in common that some system takes for the same.
fn folded(path: &str) -> String {
    path.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfc().collect()
}

/// The paths given out so far.
#[derive(Debug, Default)]
pub(super) struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// Keeps a folder and those above it from becoming a file's name. To be told of every folder first.
    pub(super) fn folder(&mut self, folder: &str) {
        let ends = folder.match_indices('/').map(|(at, _)| at).chain([folder.len()]);
        for end in ends {
            self.taken.insert(folded(&folder[..end]));
        }
    }

    /// A path for the file `name` in `folder` (both safe already) that no other file or folder has.
    pub(super) fn file(&mut self, folder: &str, name: &str) -> String {
        let mut path = format!("{folder}/{name}");
        let mut count: u64 = 1;
        while !self.taken.insert(folded(&path)) {
            count += 1;
            path = format!("{folder}/{}", fit(name, &format!(" ({count})"), PART_LIMIT));
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_some_system_cannot_write_is_replaced() {
        for (name, safe) in [
            ("essay.pdf", "essay.pdf"),
            ("..", "_"),
            (".", "_"),
            ("a:b*c?.pdf", "a_b_c_.pdf"),
            ("..\\..\\evil.exe", ".._.._evil.exe"),
            ("trailing. .", "trailing_"),
            ("con", "_con"),
            ("NUL.tar.gz", "_NUL.tar.gz"),
            ("com¹.txt", "_com¹.txt"),
            ("Lpt9 .doc", "_Lpt9 .doc"),
            ("contents.pdf", "contents.pdf"),
            ("com10.pdf", "com10.pdf"),
            ("u\u{308}nit", "\u{fc}nit"),
            ("line\nbreak\u{202e}fdp", "line_break_fdp"),
        ] {
            assert_eq!(safe_part(name), safe, "{name:?}");
        }
    }

    #[test]
    fn names_that_differ_by_case_or_form_alone_are_told_apart() {
        let mut names = Names::default();
        names.folder("98765/1005/URS");
        names.folder("98765/1005/URS/notes");
        assert_eq!(names.file("98765/1005/URS", "Essay.pdf"), "98765/1005/URS/Essay.pdf");
        assert_eq!(names.file("98765/1005/URS", "ESSAY.pdf"), "98765/1005/URS/ESSAY (2).pdf");
        assert_eq!(names.file("98765/1005/URS", "essay.pdf"), "98765/1005/URS/essay (3).pdf");
        assert_eq!(names.file("98765/1005/URS", "a.tar.gz"), "98765/1005/URS/a.tar.gz");
        assert_eq!(names.file("98765/1005/URS", "A.TAR.GZ"), "98765/1005/URS/A (2).TAR.GZ");
        assert_eq!(names.file("98765/1005/URS", "Notes"), "98765/1005/URS/Notes (2)");
    }

    proptest! {
        #[test]
        fn any_name_becomes_one_that_can_be_written(name in any::<String>(), times in 1usize..4) {
            let safe = safe_part(&name);
            prop_assert!(!safe.is_empty() && safe.len() <= PART_LIMIT && safe != "." && safe != "..");
            prop_assert!(safe.chars().all(writable) && !safe.ends_with(['.', ' ']) && !is_device(&safe));
            let mut names = Names::default();
            let mut seen = HashSet::new();
            for _ in 0..times {
                let path = names.file("98765", &safe);
                prop_assert!(path.len() <= PART_LIMIT + 6);
                prop_assert!(seen.insert(path.to_lowercase()));
            }
        }

        #[test]
        fn long_names_keep_their_extension(letter in "[aé漢😀]", count in 60usize..300) {
            let name = safe_part(&format!("{}.pdf", letter.repeat(count)));
            prop_assert!(name.ends_with(".pdf") && name.len() <= PART_LIMIT);
        }
    }
}
