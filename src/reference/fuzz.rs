//! Fuzz targets of imports: lists, component definitions, the structure.

use super::problem::Problems;
use super::{component, lists, structure};
use crate::fuzz::run;

/// A reader of one of the lists; gives how many rows there are.
type Reader = fn(&str, &str, &mut Problems) -> usize;

/// What is wrong is told, and no more of it than can be read.
fn told(problems: &Problems) -> usize {
    assert!(problems.list.len() <= 100);
    assert!(problems.list.iter().all(|problem| !problem.text.is_empty()));
    problems.list.len().min(3)
}

#[test]
fn import_lists() {
    let readers: [Reader; 5] = [
        |file, text, problems| lists::centres(file, text, problems).len(),
        |file, text, problems| lists::people(file, text, problems).len(),
        |file, text, problems| lists::roles(file, text, problems).len(),
        |file, text, problems| lists::allocations(file, text, problems).len(),
        |file, text, problems| lists::candidates(file, text, problems).len(),
    ];
    let texts: [&str; 5] = [
        "number,name\n98765,\"St Mary's, Upper\"\n",
        "id,name,disabled\nteacher.1,A Teacher,\nofficer.2,\"Quote \"\"d\"\"\",yes\n",
        "person,role,organisation,centre,component\nteacher.1,teacher,ocr,98765,\nx,moderator,,,01_3357_R085_01\n",
        "person,component,series,centre\nmod,01_3357_R085_01,june-2026,98765\n",
        "series,component,centre,number,name,mark,status,listed\njune-2026,R085,98765,0042,\"O'Neill, Siân\",45,entered,yes\n",
    ];
    let seeds = texts.iter().enumerate().map(|(at, text)| [&[at as u8], text.as_bytes()].concat());
    let words: &[&[u8]] = &[
        b"\n",
        b"\r\n",
        b"\"",
        b",",
        b"\"\"",
        b"entered",
        b"withdrawn",
        b"yes",
        b"\xef\xbb\xbf",
        b"-1",
        b"100001",
        b"\0",
        b"teacher",
    ];
    run("import_lists", seeds, words, |input| {
        let (first, rest) = input.split_first()?;
        let mut problems = Problems::default();
        let rows =
            readers[usize::from(*first) % 5]("list.csv", &String::from_utf8_lossy(rest), &mut problems);
        assert!(rows <= rest.iter().filter(|byte| b"\r\n".contains(byte)).count() + 1, "{rows} rows");
        Some((rows.min(3), told(&problems)))
    });
}

#[test]
fn component_definitions() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/components");
    let seeds: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|e| std::fs::read(e.unwrap().path()).unwrap()).collect();
    let words: &[&[u8]] = &[
        b"\n[[section]]\n",
        b"code = \"",
        b"max = ",
        b"max_size = \"18446744073709551615 GB\"\n",
        b"accepts = [\"pdf\"]\n",
        b"zip = \"required\"\n",
        b"required = true\n",
        b"\"",
        b"'''",
        b"[",
        b"]",
        b"{",
        b"}",
        b"=",
        b"\"documents\"",
        b"\\u0000",
        b"\n",
        b"_",
        b"min = 4294967295\n",
    ];
    run("component_definitions", seeds, words, |input| {
        let mut problems = Problems::default();
        let read = component::parse("c.toml", &String::from_utf8_lossy(input), &mut problems);
        assert!(read.is_some() || !problems.is_empty(), "unusable, and nobody is told why");
        if let Some(component) = read.as_ref().filter(|_| problems.is_empty()) {
            let slots = component.sections.iter().chain(&component.documents).chain(&component.supporting);
            for slot in slots {
                assert!(
                    slot.max >= 1 && slot.min <= slot.max && slot.max_bytes > 0 && !slot.accepts.is_empty()
                );
                assert!(slot.max_bytes <= crate::evidence::LARGEST);
            }
            assert!(component.sections.iter().any(|section| section.required));
            // What is kept of it reads back.
            let kept = serde_json::to_string(component).unwrap();
            assert_eq!(serde_json::from_str::<crate::component::Component>(&kept).unwrap(), *component);
            // Behind an even number of backslashes: the words of a NUL are no NUL.
            assert!(!kept.replace("\\\\", "").contains("\\u0000"), "no database takes a NUL");
        }
        (read.is_some(), told(&problems))
    });
}

#[test]
fn structures() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/demo/reference.toml");
    let words: &[&[u8]] = &[
        b"[[organisation]]\n",
        b"[[series]]\n",
        b"[[assessment]]\n",
        b"time_zone = \"",
        b"Europe/London",
        b"2026-03-29T01:30",
        b"9999-12-31T23:59:59",
        b"-9999-01-01",
        b"\"",
        b"[",
        b"]",
        b"=",
        b"\n",
        b"#ffffff",
        b"http://",
        b"id = \"",
    ];
    run("structures", [std::fs::read(path).unwrap()], words, |input| {
        let mut problems = Problems::default();
        let read = structure::parse(&String::from_utf8_lossy(input), &mut problems);
        assert!(read.is_some() || !problems.is_empty(), "unusable, and nobody is told why");
        (read.is_some(), told(&problems))
    });
}
