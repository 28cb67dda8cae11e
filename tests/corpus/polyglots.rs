//! Files that are two things at once.

use strongroom::evidence::Reason::{self, ArchiveUnsafe, Corrupt, TypeMismatch};

use crate::case::{Case, holding};
use crate::make::documents::{pdf, stream};
use crate::make::media::{boxed, gif, jpeg, mp4, png, png_with};
use crate::make::packed::{COPY, rar, seven_zip};
use crate::make::zip::{self, END, Member};
use crate::make::{noise, program};

const GROUP: &str = "Polyglots";

pub fn cases() -> Vec<Case> {
    [behind(), before(), good()].into_iter().flatten().collect()
}

fn bad(what: impl Into<String>, name: &str, reason: Reason, bytes: Vec<u8>) -> Case {
    Case::bad(GROUP, what, name, reason, holding(bytes))
}

fn archive() -> Vec<u8> {
    zip::files(&[("a.txt", b"a")])
}

/// A zip with a comment that looks like another end, for who looks for the last one only.
fn disguised_archive() -> Vec<u8> {
    let honest = archive();
    let comment = zip::end(0, 0, 0, b"");
    [&honest[..honest.len() - 2], &(END as u16).to_le_bytes(), &comment].concat()
}

/// Something behind the end.
fn behind() -> Vec<Case> {
    let page = b"<html><script>alert(1)</script></html>".to_vec();
    let seven = seven_zip("a.txt", b"a", b"a", COPY, None);
    let tails = [
        ("a zip", archive()),
        ("a zip in disguise", disguised_archive()),
        ("a RAR", rar(b"a")),
        ("a 7z", seven),
        ("a program", program()),
        ("a page", page),
        ("a page after blanks", b"\0\0\r\n \t<html></html>".to_vec()),
        ("a PDF", pdf("", &[])),
        ("PHP", b"<?php system($_GET['c']); ?>".to_vec()),
    ];
    let mut cases = Vec::new();
    for (kind, name, whole) in [
        ("PDF", "essay.pdf", pdf("", &[])),
        ("PNG", "photo.png", png()),
        ("JPEG", "photo.jpg", jpeg()),
        ("GIF", "photo.gif", gif()),
    ] {
        for (what, tail) in &tails {
            let reason = match (kind, *what) {
                // A PDF with another one behind it is one with its changes.
                ("PDF", "a PDF") => continue,
                // So far before the end, readers do not look for that of a PDF.
                ("PDF", "a program") => Corrupt,
                _ => TypeMismatch,
            };
            let bytes = [&whole[..], tail].concat();
            cases.push(bad(format!("{kind} and {what}"), name, reason, bytes));
        }
    }
    let film = mp4(&noise(500));
    cases.extend([
        bad("MP4 and a zip", "film.mp4", TypeMismatch, [&film[..], &archive()].concat()),
        bad(
            "MP4 and a zip in a box",
            "film.mp4",
            TypeMismatch,
            [&film[..], &boxed(b"free", &archive())].concat(),
        ),
        bad("MP4 and a zip in disguise", "film.mp4", TypeMismatch, {
            [&film[..], &boxed(b"free", &disguised_archive())].concat()
        }),
        bad("MP4 and a page", "film.mp4", TypeMismatch, [&film[..], b"<html></html>"].concat()),
        bad("RTF and a zip", "essay.rtf", TypeMismatch, [b"{\\rtf1 a}", &archive()[..]].concat()),
        bad("text and a zip", "notes.txt", TypeMismatch, [b"words\n", &archive()[..]].concat()),
    ]);
    cases
}

/// Something before the start.
fn before() -> Vec<Case> {
    let document = pdf("", &[]);
    // A zip whose first member, as it stands, is a PDF.
    let both = zip::of(&[Member::stored("a.pdf", &document)]);
    let mut shifted = noise(1_000);
    shifted.extend_from_slice(&document);
    let mut blanks = vec![b'\n'; 1_000];
    blanks.extend_from_slice(&document);
    vec![
        bad("a PDF from byte 1,000 on", "essay.pdf", TypeMismatch, shifted),
        bad("a PDF behind 1,000 line ends", "essay.pdf", TypeMismatch, blanks),
        bad("a zip that holds a PDF, as a PDF", "essay.pdf", TypeMismatch, both),
        bad("a zip behind a program", "work.zip", TypeMismatch, [program(), archive()].concat()),
        bad("a zip behind a picture, as a zip", "work.zip", TypeMismatch, [png(), archive()].concat()),
        bad("a zip behind a PDF, as a zip", "work.zip", TypeMismatch, [pdf("", &[]), archive()].concat()),
        bad("a zip behind another", "work.zip", ArchiveUnsafe, [archive(), archive()].concat()),
        bad(
            "a program and a zip, as a document",
            "essay.docx",
            TypeMismatch,
            [program(), archive()].concat(),
        ),
    ]
}

/// What belongs where it is.
fn good() -> Vec<Case> {
    let good = |what: &str, name: &str, bytes: Vec<u8>| Case::good(GROUP, what, name, holding(bytes));
    let changed = {
        let mut bytes = pdf("", &[]);
        let place = bytes.len();
        bytes.extend_from_slice(b"4 0 obj\n<< /Note (changed) >>\nendobj\n");
        let table = bytes.len();
        let start = place - 5 - 20;
        bytes.extend_from_slice(
            format!(
                "xref\n4 1\n{place:010} 00000 n \ntrailer\n<< /Size 5 /Root 1 0 R /Prev {} >>\nstartxref\n{table}\n%%EOF\n",
                start_of_table(&bytes[..start])
            )
            .as_bytes(),
        );
        bytes
    };
    // A phone's photo with the film of its moment behind it.
    let moment = [jpeg(), mp4(&noise(500))].concat();
    vec![
        good("a PDF with its changes behind it", "essay.pdf", changed),
        good("a PDF with blanks behind it", "essay.pdf", [&pdf("", &[])[..], b"\r\n\0\0 "].concat()),
        good("a PDF that holds a picture", "essay.pdf", pdf("", &[&stream("/Filter /DCTDecode", &jpeg())])),
        good("a photo and its film", "photo.jpg", moment),
        good("a picture with zeros behind it", "photo.png", [png(), vec![0; 100]].concat()),
        good(
            "a picture with words in it",
            "photo.png",
            png_with(b"tEXt", b"Comment\0A sunset, seen from the roof."),
        ),
    ]
}

fn start_of_table(bytes: &[u8]) -> usize {
    bytes.windows(5).rposition(|window| window == b"xref\n").unwrap()
}
