//! Sizes at every border.

use strongroom::check::scan::LARGEST_SCAN;
use strongroom::evidence::Reason::{DigestMismatch, Empty, Infected, TooLarge, Unscannable};

use crate::case::{Case, holding};
use crate::make::media::{png, png_with, write_film};
use crate::make::{eicar, text, zip};

const GROUP: &str = "Size";
/// The largest picture.
const PICTURE: usize = 15 << 20;

/// A picture of so many bytes.
fn picture(length: usize) -> Vec<u8> {
    let least = png_with(b"prVt", b"").len();
    png_with(b"prVt", &vec![7; length - least])
}

pub fn cases() -> Vec<Case> {
    let bad = |what, name, reason, bytes: Vec<u8>| Case::bad(GROUP, what, name, reason, holding(bytes));
    let good = |what, name, bytes: Vec<u8>| Case::good(GROUP, what, name, holding(bytes));
    let film = |what, size: u64, reason| {
        Case::bad(GROUP, what, "film.mp4", reason, move |file| write_film(file, size, &[]))
    };
    vec![
        bad("nothing, as a document", "essay.pdf", Empty, Vec::new()),
        bad("nothing, as a text", "notes.txt", Empty, Vec::new()),
        good("one byte", "notes.txt", b"a".to_vec()),
        good("as many bytes as the section takes", "notes.txt", text(1_000)).at_most(1_000),
        bad("one more than the section takes", "notes.txt", TooLarge, text(1_001)).at_most(1_000),
        bad("fewer bytes than announced", "notes.txt", DigestMismatch, text(999)).announced(1_000),
        bad("more bytes than announced", "notes.txt", DigestMismatch, text(1_001)).announced(1_000),
        bad("none of the bytes announced", "notes.txt", Empty, Vec::new()).announced(1_000),
        // Announced and never sent: who sends them is refused before the first.
        bad("more than a file may have was announced", "film.mp4", DigestMismatch, png())
            .announced((25 << 30) + 1),
        Case::good(GROUP, "the largest picture", "photo.png", |file| holding(picture(PICTURE))(file)),
        Case::bad(GROUP, "a picture of one byte more", "photo.png", TooLarge, |file| {
            holding(picture(PICTURE + 1))(file)
        }),
        Case::good(GROUP, "more than a picture, as a film", "film.mp4", |file| {
            write_film(file, PICTURE as u64 + 1, &[])
        }),
        film("one byte more than the scanner can look at", LARGEST_SCAN + 1, Unscannable),
        film("more than 4 GiB", (4 << 30) + 1, Unscannable),
        Case::bad(
            GROUP,
            "last in an archive of more than the scanner can look at",
            "work.zip",
            Infected,
            |file| {
                let (size, virus) = (LARGEST_SCAN - 100, eicar());
                zip::write_sparse(file, "film.mp4", size, &[(size - virus.len() as u64, virus)])
            },
        ),
    ]
}
