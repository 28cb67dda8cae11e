//! Names: what hides what a file is, and what is only unusual.

use strongroom::evidence::Reason::{DoubleExtension, LinkOnly, NameNotAllowed, TypeNotAllowed};

use crate::case::{Case, holding};
use crate::make::documents::pdf;

const GROUP: &str = "Names";

pub fn cases() -> Vec<Case> {
    let of_bytes = |length: usize| format!("{}.pdf", "a".repeat(length - 4));
    let (most, more) = (of_bytes(255), of_bytes(256));
    let wide = format!("{}.pdf", "é".repeat(125));
    let bad = [
        (NameNotAllowed, ""),
        (NameNotAllowed, "."),
        (NameNotAllowed, ".."),
        (NameNotAllowed, "../essay.pdf"),
        (NameNotAllowed, "..\\essay.pdf"),
        (NameNotAllowed, "/etc/essay.pdf"),
        (NameNotAllowed, "C:\\essay.pdf"),
        (NameNotAllowed, "essay.pdf."),
        (NameNotAllowed, "essay.pdf "),
        (NameNotAllowed, "essay.pdf\0.exe"),
        (NameNotAllowed, "essay.pdf\r\nX-Header: 1.pdf"),
        (NameNotAllowed, "essay\u{202e}fdp.exe"),
        (NameNotAllowed, "essay\u{202e}xcod.pdf"),
        (NameNotAllowed, "essay\u{200b}.pdf"),
        (NameNotAllowed, "\u{3164}.pdf"),
        (NameNotAllowed, "\u{7f}.pdf"),
        (NameNotAllowed, "essay\u{85}.pdf"),
        (NameNotAllowed, "~\\`';][{}!@£$%^&()}{_-.pdf"),
        (NameNotAllowed, &more),
        (DoubleExtension, "film.mp4.exe"),
        (DoubleExtension, "film.mp4 .exe"),
        (DoubleExtension, "essay.exe.pdf"),
        (DoubleExtension, "essay.EXE.pdf"),
        (DoubleExtension, "essay.scr .pdf"),
        (DoubleExtension, "essay.bat.docx"),
        (DoubleExtension, "essay.hta.tar.gz"),
        (DoubleExtension, "essay.pdf.lnk.pdf"),
        (LinkOnly, "essay.gdoc"),
        (LinkOnly, "essay.pdf.url"),
        (LinkOnly, "essay.pdf.lnk"),
        (TypeNotAllowed, "essay"),
        (TypeNotAllowed, ".pdf"),
        (TypeNotAllowed, ".htaccess"),
        (TypeNotAllowed, "essay.pdf%00.exe"),
        (TypeNotAllowed, "essay.pdf;1"),
        (TypeNotAllowed, "essay.pdf::$DATA"),
        (TypeNotAllowed, "essay.pdf\u{ff0e}exe"),
        (TypeNotAllowed, "essay.p\u{ff44}f"),
        (TypeNotAllowed, "game.exe"),
        (TypeNotAllowed, "film.iso"),
    ];
    let good = [
        "Essay final (2).PDF",
        "v1.2 of my essay.pdf",
        "👩‍🎨 portfolio.pdf",
        // Twins: the same to the eye, two names to a computer; both are kept as they came.
        "Caf\u{e9}.pdf",
        "Cafe\u{301}.pdf",
        "\"quoted\" 'twice'.pdf",
        "Robert'); DROP TABLE files;--.pdf",
        "';--.pdf",
        "~`';][{}!@£$%^&()}{_-.pdf",
        "<script>alert(1)<.pdf",
        "{{7*7}} ${HOME} %n%s.pdf",
        "con.pdf",
        "-rf.pdf",
        "=cmd.pdf",
        "作品集.pdf",
        "مقال.pdf",
        // Words of computing before the last ending.
        "Learning Node.js.pdf",
        "js.pdf",
        "www.example.com.pdf",
        "St. Mary's Sch. essay.pdf",
        &most,
        &wide,
    ];
    let document = pdf("", &[]);
    let bad = bad
        .into_iter()
        .map(|(reason, name)| Case::bad(GROUP, "bad", name, reason, holding(document.clone())));
    let good = good.into_iter().map(|name| Case::good(GROUP, "good", name, holding(document.clone())));
    bad.chain(good).collect()
}
