//! Names inside an archive: safe to unpack on every system, and no two of them the same file.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;

use super::super::refuse::Stop;
use crate::evidence::hides;

const PART_BYTES: usize = 255;
const PATH_BYTES: usize = 1024;
/// Devices of Windows, whatever their ending.
const RESERVED: &[&str] = &[
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9",
    "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// The names of one archive so far, as a file system that ignores case and composition sees them, and dots and blanks
/// at the end of a name.
#[derive(Debug, Default)]
pub(in super::super) struct Names(HashMap<String, Place>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    File,
    Folder,
}

impl Names {
    pub(in super::super) fn check(&mut self, name: &str) -> Result<(), Stop> {
        if let Some(what) = fault(name) {
            return Err(Stop::unsafe_archive(format_args!("it holds a file whose name {what}")));
        }
        // Attack: two members that unpack to one file, so that another is seen than was checked.
        if self.take(name) {
            Ok(())
        } else {
            Err(Stop::unsafe_archive(format_args!("two files in it would unpack to one ({name})")))
        }
    }

    /// False when its place, or that of a folder around it, is taken. Folders fall together without harm.
    fn take(&mut self, name: &str) -> bool {
        let mut path = String::with_capacity(name.len());
        let mut parts = name.split('/').peekable();
        while let Some(part) = parts.next() {
            // `folder/` ends with an empty part.
            if part.is_empty() {
                return true;
            }
            let place = if parts.peek().is_some() { Place::Folder } else { Place::File };
            path.extend(part.trim_end_matches(['.', ' ']).nfc().flat_map(char::to_lowercase));
            if let Some(taken) = self.0.insert(path.clone(), place)
                && (taken == Place::File || place == Place::File)
            {
                return false;
            }
            path.push('/');
        }
        true
    }
}

/// Attacks: a name that leaves the folder it is unpacked to, names a device, or reads as another.
fn fault(name: &str) -> Option<&'static str> {
    if name.is_empty() || name.len() > PATH_BYTES {
        return Some("is empty or too long");
    }
    // `Icon\r` is how macOS keeps a folder's icon.
    if name.split('\r').any(hides) || name.contains('\u{feff}') {
        return Some("holds hidden characters");
    }
    if name.starts_with('/') || name.contains('\\') || name.get(1..2) == Some(":") {
        return Some("is a path of its own (/, \\ or a drive)");
    }
    for part in name.trim_end_matches('/').split('/') {
        if part.is_empty() || part == "." || part == ".." {
            return Some("leads out of its folder");
        }
        if part.len() > PART_BYTES {
            return Some("is too long");
        }
        let stem = part.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
        if RESERVED.contains(&stem.as_str()) {
            return Some("is reserved by Windows");
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_leave_hide_or_collide_are_refused() {
        for good in [
            "Essay.docx",
            "Week 1/",
            "Week 1/Übung (2).pdf",
            "__MACOSX/._Essay.docx",
            "a/Icon\r",
            "console.txt",
        ] {
            assert!(Names::default().check(good).is_ok(), "{good:?}");
        }
        let long = "a".repeat(256);
        for bad in [
            "../a",
            "a/../b",
            "..",
            "a//b",
            "./a",
            "/etc/passwd",
            "C:/x.txt",
            "..\\a",
            "a\\b",
            "a\0b",
            "a\u{202e}fdp.exe",
            "\u{3164}.pdf",
            "",
            "CON",
            "a/nul.txt",
            "Aux .txt",
            "a\nb",
            &long,
        ] {
            assert!(Names::default().check(bad).is_err(), "{bad:?}");
        }
        let mut names = Names::default();
        for (good, bad) in [
            ("Caf\u{e9}.txt", "CAFE\u{301}.TXT"),
            ("a", "a/b"),
            ("b/c/d", "B/C"),
            ("e./f.", "E/F . "),
            ("Img/1.png", "img/1.PNG"),
        ] {
            assert!(names.check(good).is_ok(), "{good}");
            assert!(names.check(bad).is_err(), "{bad}");
        }
        for folder in ["Img/", "img/2.png", "IMG/", "img/Week 1/"] {
            assert!(names.check(folder).is_ok(), "{folder}");
        }
    }
}
