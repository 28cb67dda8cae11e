//! Fuzz targets of names: what a file may be called, and what we call it.

use super::testing::section;
use super::*;
use crate::evidence::{FileKind, OriginalName, RelativePath, UniqueName, catalogue};
use crate::fuzz::run;
use crate::ids::{FileId, SampleId};
use crate::object_store::ObjectKey;

#[test]
fn names() {
    let extensions: Vec<&str> = catalogue().map(|kind| kind.extension).filter(|e| *e != "exe").collect();
    let section = section(&extensions);
    let seeds = [
        "Essay final (2).PDF",
        "work.tar.gz",
        "v1.2 of my essay.docx",
        "👩‍🎨 portfolio.pdf",
        "film.mp4.exe",
        "a.EXE .pdf",
        "Caf\u{e9}.txt",
        "CAFE\u{301}.TXT",
        "a\u{200b}.pdf",
        "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f} trip.pdf",
        "..",
        "Week 1/Ünit/",
        "C:/x",
        "a.url",
    ];
    let words = [
        ".",
        "/",
        "\\",
        "..",
        ".exe",
        ".pdf",
        ".tar.gz",
        "\u{202e}",
        "\u{e0020}",
        "\u{1f3f4}",
        "\u{0}",
        " ",
        "\u{feff}",
        "İ",
        "ß",
        "K",
        "\u{3164}",
        "\r\n",
        "\"",
        "%00",
    ];
    let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    run("names", seeds.map(|seed| seed.as_bytes().to_vec()), &words, |input| {
        let text = String::from_utf8_lossy(input);
        let path = text.parse::<RelativePath>();
        if let Ok(path) = &path {
            let parts = |part: &str| !part.is_empty() && part != "." && part != ".." && part.len() <= 255;
            assert!(path.is_empty() || path.as_str().split('/').all(parts), "{path:?}");
            assert_eq!(path.as_str().parse().as_ref(), Ok(path));
        }
        let Ok(name) = text.parse::<OriginalName>() else { return (path.is_ok(), None) };
        assert_eq!(name.as_str(), text);
        assert!(
            !text.contains(['/', '\\', '\0', '\r', '\n', '\u{202e}']) && text.len() <= 255 && text != ".."
        );
        let checked = check_name(&name, &section);
        if let Ok(kind) = &checked {
            // What Windows and macOS take for the ending is what we take for it.
            let lower = text.to_lowercase();
            let ending = format!(".{}", kind.extension);
            assert!(lower.ends_with(&ending), "{text:?} is no {ending}");
            assert!(lower.len() > ending.len(), "{text:?} is an ending alone");
            assert_ne!(FileKind::of(kind.extension).map(|kind| kind.extension), Some("exe"));
            let stem = &lower[..lower.len() - ending.len()];
            // `Node.js.pdf` is about JavaScript, and hides nothing that a double click runs.
            let runs = |part: &str| name::EXECUTABLE.contains(&part.trim()) && part.trim() != "js";
            assert!(!stem.split('.').skip(1).any(runs), "{text:?} has a hidden ending");
        }
        (path.is_ok(), Some(checked.map(|kind| kind.extension).map_err(|refusal| refusal.reason)))
    });
}

#[test]
fn keys_and_ids() {
    let (file, sample) = (FileId::new(), SampleId::new());
    let name = "01_3357_R085_01_98765_1005_Supporting_14_01_2021_12_14_11_2.tar.gz";
    let seeds = [
        file.to_string(),
        name.to_owned(),
        "R085_98765_Documents_14_01_2021_12_14_11".to_owned(),
        format!("quarantine/{file}/3"),
        format!("tail/{file}/3/8388608-17"),
        format!("evidence/{sample}/{file}/{name}"),
    ];
    let words: &[&[u8]] = &[
        b"_",
        b"-",
        b"/",
        b".",
        b"..",
        b"Documents",
        b"Supporting",
        b"_29_02_2021_",
        b"_24_00_00",
        b"evidence/",
        b"+",
    ];
    run("keys_and_ids", seeds.map(String::into_bytes), words, |input| {
        let text = String::from_utf8_lossy(input);
        let id = text.parse::<FileId>();
        if let Ok(id) = &id {
            assert_eq!(id.to_string(), text, "an id has one spelling");
        }
        let key = text.parse::<ObjectKey>();
        if let Ok(key) = &key {
            assert_eq!(key.path(), text, "a key has one spelling");
            assert!(!text.contains("..") || matches!(key, ObjectKey::Evidence { .. }), "{text}");
            assert!(!text.split('/').any(|part| matches!(part, "" | "." | "..")), "{text}");
        }
        let unique = text.parse::<UniqueName>();
        if let Ok(unique) = &unique {
            let parts = unique.parts().expect("a name that was read is read again");
            assert!(!text.contains(['/', '\\', '\0', '\n']), "{text:?} in a key");
            assert!(parts.ordinal >= 1 && unique.as_str() == text);
        }
        (id.is_ok(), key.is_ok(), unique.is_ok())
    });
}
