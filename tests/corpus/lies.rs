//! Files that are not what their name says.

use strongroom::evidence::Reason::{LinkOnly, Macro, TypeMismatch, TypeNotAllowed};

use crate::case::{Case, holding};
use crate::make::documents::{
    EXCEL, Office, POWERPOINT, WORD, compound, open_document, pdf, word_block, workbook,
};
use crate::make::media::{jpeg, mp4, png};
use crate::make::{program, text, zip};

const GROUP: &str = "Type lies";

pub fn cases() -> Vec<Case> {
    [disguised(), programs_as_text(), swapped(), macros(), good()].into_iter().flatten().collect()
}

/// What runs, opens or scripts, and how each begins.
fn dangerous() -> Vec<(&'static str, Vec<u8>)> {
    let elf = {
        let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0".to_vec();
        bytes.resize(4096, 0);
        bytes
    };
    let jar = zip::files(&[
        ("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\r\nMain-Class: A\r\n\r\n"),
        ("A.class", b"\xca\xfe\xba\xbe\0\0\0\x34"),
    ]);
    let apk = zip::files(&[("AndroidManifest.xml", b"\x03\0\x08\0"), ("classes.dex", b"dex\n035\0")]);
    let iso = {
        let mut bytes = vec![0; 64 << 10];
        bytes[0x8000..0x8006].copy_from_slice(b"\x01CD001");
        bytes
    };
    let shortcut = {
        let mut bytes = b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46\x9b\0\x08\0\x20\0\0\0".to_vec();
        bytes.resize(1024, 0);
        bytes
    };
    let note = {
        let mut bytes = b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3".to_vec();
        bytes.resize(4096, 0);
        bytes
    };
    let hta =
        b"<html><hta:application/><script language=vbscript>CreateObject(\"WScript.Shell\")</script></html>";
    let svg = br#"<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>"#;
    vec![
        ("exe", program()),
        ("elf", elf),
        ("jar", jar),
        ("apk", apk),
        ("iso", iso),
        ("lnk", shortcut),
        ("msi", installer()),
        ("one", note),
        ("hta", hta.to_vec()),
        ("html", b"<!DOCTYPE html>\n<html><body onload=\"alert(1)\"></body></html>\n".to_vec()),
        ("svg", svg.to_vec()),
        (
            "xml",
            br#"<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>"#
                .to_vec(),
        ),
        ("php", b"<?php system($_GET['c']); ?>\n".to_vec()),
        ("js", b"new ActiveXObject('WScript.Shell').Run('cmd');\n".to_vec()),
        ("vbs", b"CreateObject(\"WScript.Shell\").Run \"cmd\"\r\n".to_vec()),
        ("sh", b"#!/bin/sh\nrm -rf ~\n".to_vec()),
        ("bat", b"@echo off\r\ndel *.*\r\n".to_vec()),
        ("python", b"import os\nos.system('id')\n".to_vec()),
    ]
}

/// A package of the Windows installer: a compound file, like an old document.
fn installer() -> Vec<u8> {
    let mut file = cfb::CompoundFile::create(std::io::Cursor::new(Vec::new())).unwrap();
    file.set_storage_clsid("/", "000c1084-0000-0000-c000-000000000046".parse().unwrap()).unwrap();
    // Names of its tables, as it packs them.
    file.create_stream("/\u{4840}\u{3f7f}\u{4164}\u{422f}\u{4836}").unwrap();
    file.flush().unwrap();
    file.into_inner().into_inner()
}

/// Everything dangerous under every name of work.
fn disguised() -> Vec<Case> {
    let endings = [
        "pdf", "png", "jpg", "docx", "mp4", "xlsx", "pptx", "odt", "doc", "xls", "ppt", "rtf", "zip", "tgz",
        "gif", "mov", "wav", "pages", "key", "tiff", "bmp", "webp", "heic", "mkv", "avi", "wmv",
    ];
    let mut cases = Vec::new();
    for (kind, bytes) in dangerous() {
        for ending in endings {
            let name = format!("work.{ending}");
            cases.push(Case::bad(
                GROUP,
                format!("{kind} as {ending}"),
                name,
                TypeMismatch,
                holding(bytes.clone()),
            ));
        }
    }
    cases
}

/// Text has no signature, but programs are no text.
fn programs_as_text() -> Vec<Case> {
    let binary = ["exe", "elf", "jar", "apk", "iso", "lnk", "msi", "one"];
    let mut cases = Vec::new();
    for (kind, bytes) in dangerous().into_iter().filter(|(kind, _)| binary.contains(kind)) {
        for name in ["notes.txt", "page.html"] {
            cases.push(Case::bad(
                GROUP,
                format!("{kind} as text"),
                name,
                TypeMismatch,
                holding(bytes.clone()),
            ));
        }
    }
    for (kind, bytes) in dangerous() {
        // A shortcut has a reason of its own, and a page is work where the section takes it.
        let reason = if kind == "lnk" { LinkOnly } else { TypeNotAllowed };
        let what = format!("{kind} by its own name");
        let case = Case::bad(GROUP, what, format!("work.{kind}"), reason, holding(bytes));
        cases.push(case.accepting(&["pdf", "docx"]));
    }
    cases
}

/// Work under the name of other work.
fn swapped() -> Vec<Case> {
    let bad =
        |what: &str, name: &str, bytes: Vec<u8>| Case::bad(GROUP, what, name, TypeMismatch, holding(bytes));
    let plain = zip::files(&[("a.txt", b"a")]);
    // Everything a document has, but for the part it names.
    let hollow = {
        let parts = WORD.parts(&[]);
        let parts: Vec<_> = parts.iter().filter(|(name, _)| name != "word/document.xml").collect();
        zip::of(&parts.iter().map(|(name, bytes)| zip::Member::new(name, bytes)).collect::<Vec<_>>())
    };
    let old = compound(&[("/WordDocument", &word_block(0))]);
    vec![
        bad("a zip as a document", "essay.docx", plain.clone()),
        bad("a zip as a document of LibreOffice", "essay.odt", plain.clone()),
        bad("a zip as a document of Pages", "essay.pages", plain),
        bad("a document as a zip", "essay.zip", WORD.with(&[])),
        bad("a document without its main part", "essay.docx", hollow),
        bad("a workbook as a document", "essay.docx", EXCEL.with(&[])),
        bad("a document as a presentation", "talk.pptx", WORD.with(&[])),
        bad(
            "a presentation of LibreOffice as a document",
            "essay.odt",
            open_document("presentation", &[], ""),
        ),
        bad("a document of LibreOffice as one of Word", "essay.docx", open_document("text", &[], "")),
        bad("an old document as a new one", "essay.docx", old.clone()),
        bad("a new document as an old one", "essay.doc", WORD.with(&[])),
        bad("an old document as a workbook", "data.xls", old),
        bad("an old workbook as a document", "essay.doc", compound(&[("/Workbook", &workbook(&[]))])),
        bad("a compound file of nothing", "essay.doc", compound(&[])),
        bad("a picture as a document", "essay.pdf", png()),
        bad("a PNG as a JPEG", "photo.jpg", png()),
        bad("a JPEG as a PNG", "photo.png", jpeg()),
        bad("a film as a picture", "photo.jpg", mp4(b"")),
        bad("a document as a film", "film.mp4", pdf("", &[])),
        bad("text as a document", "essay.docx", text(500)),
        bad("text as a film", "film.mp4", text(500)),
        bad("text as a zip", "work.zip", text(500)),
    ]
}

const MACRO_TYPES: [(&str, &str, Office, &str); 8] = [
    ("docm", "docx", WORD, "application/vnd.ms-word.document.macroEnabled.main+xml"),
    ("dotm", "docx", WORD, "application/vnd.ms-word.template.macroEnabledTemplate.main+xml"),
    ("dotm", "dotx", WORD, "application/vnd.ms-word.template.macroEnabledTemplate.main+xml"),
    ("xlsm", "xlsx", EXCEL, "application/vnd.ms-excel.sheet.macroEnabled.main+xml"),
    ("xltm", "xlsx", EXCEL, "application/vnd.ms-excel.template.macroEnabled.main+xml"),
    ("pptm", "pptx", POWERPOINT, "application/vnd.ms-powerpoint.presentation.macroEnabled.main+xml"),
    ("potm", "pptx", POWERPOINT, "application/vnd.ms-powerpoint.template.macroEnabled.main+xml"),
    ("ppsm", "pptx", POWERPOINT, "application/vnd.ms-powerpoint.slideshow.macroEnabled.main+xml"),
];

/// Documents with macros: said and there, only said, only there.
fn macros() -> Vec<Case> {
    let bad =
        |what: String, name: String, bytes: Vec<u8>| Case::bad(GROUP, what, name, Macro, holding(bytes));
    let project = compound(&[("/VBA/", b""), ("/VBA/dir", b"\x01"), ("/PROJECT", b"ID=\"{0}\"")]);
    let mut cases = Vec::new();
    for (kind, ending, office, content_type) in MACRO_TYPES {
        let name = format!("work.{ending}");
        let said = office.typed(content_type);
        let part = format!("{}/vbaProject.bin", office.folder());
        cases.push(bad(format!("{kind} as {ending}, by its type alone"), name.clone(), said.with(&[])));
        cases.push(bad(
            format!("{kind} as {ending}, by its part alone"),
            name.clone(),
            office.with(&[(&part, &project)]),
        ));
        cases.push(bad(format!("{kind} as {ending}"), name, said.with(&[(&part, &project)])));
        let own = format!("work.{kind}");
        cases.push(Case::bad(
            GROUP,
            format!("{kind} by its own name"),
            own,
            TypeNotAllowed,
            holding(said.with(&[])),
        ));
    }
    let part = |what: &str, office: Office, name: &str, ending: &str| {
        bad(what.to_owned(), format!("work.{ending}"), office.with(&[(name, b"\x01")]))
    };
    let old = |what: &str, name: &str, entries: &[(&str, &[u8])]| {
        bad(what.to_owned(), name.to_owned(), compound(entries))
    };
    let book = workbook(&[]);
    // A sheet of kind 1: macros of Excel 4, which need no project.
    let sheets = workbook(&[(0x0085, b"\0\x10\0\0\0\x01\x06\0Macro1")]);
    cases.extend([
        part("macros under another name of letters", WORD, "word/VBAPROJECT.BIN", "docx"),
        part("macros in another folder", WORD, "other/vbaProject.bin", "docx"),
        part("data of macros", WORD, "word/vbaData.xml", "docx"),
        part("a sheet of macros", EXCEL, "xl/macrosheets/sheet1.xml", "xlsx"),
        part("ActiveX", POWERPOINT, "ppt/activeX/activeX1.bin", "pptx"),
        part("ribbons that call macros", WORD, "customUI/customUI14.xml", "docx"),
        old(
            "an old document with macros",
            "work.doc",
            &[
                ("/WordDocument", &word_block(0)),
                ("/Macros/", b""),
                ("/Macros/VBA/", b""),
                ("/Macros/VBA/dir", &project),
            ],
        ),
        old(
            "an old workbook with macros",
            "work.xls",
            &[
                ("/Workbook", &book),
                ("/_VBA_PROJECT_CUR/", b""),
                ("/_VBA_PROJECT_CUR/VBA/", b""),
                ("/_VBA_PROJECT_CUR/VBA/dir", &project),
            ],
        ),
        old("an old workbook with macros of Excel 4", "work.xls", &[("/Workbook", &sheets)]),
        old(
            "an old presentation with macros",
            "work.ppt",
            &[("/PowerPoint Document", &presentation_with_macros()), ("/Current User", b"")],
        ),
        bad("a document with macros in a zip".to_owned(), "work.zip".to_owned(), {
            zip::files(&[("a.docx", &WORD.with(&[("word/vbaProject.bin", &project)]))])
        }),
        bad("Basic of LibreOffice".to_owned(), "work.odt".to_owned(), {
            open_document("text", &[("Basic/Standard/Module1.xml", b"<script:module/>")], "")
        }),
        bad("Python of LibreOffice".to_owned(), "work.odp".to_owned(), {
            open_document("presentation", &[("Scripts/python/a.py", b"import os")], "")
        }),
    ]);
    cases
}

/// A document record, in it a list, in it the one that tells of macros.
fn presentation_with_macros() -> Vec<u8> {
    let record = |version: u16, kind: u16, content: &[u8]| {
        let length = (content.len() as u32).to_le_bytes();
        [&version.to_le_bytes()[..], &kind.to_le_bytes(), &length, content].concat()
    };
    let told = record(2, 0x0400, &[1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0]);
    let macros = record(0x1f, 0x03ff, &told);
    let list = record(0x0f, 0x07d0, &macros);
    let mut document = record(0x0f, 0x03e8, &[record(1, 0x03e9, &[0; 40]), list].concat());
    document.resize(4096, 0);
    document
}

/// Files that do not look like what they are.
fn good() -> Vec<Case> {
    let good = |what: &str, name: &str, bytes: Vec<u8>| Case::good(GROUP, what, name, holding(bytes));
    let padded = {
        let mut parts =
            (0..200).map(|n| (format!("customXml/item{n}.xml"), b"<a/>".to_vec())).collect::<Vec<_>>();
        parts.extend(WORD.parts(&[]));
        zip::of(&parts.iter().map(|(name, bytes)| zip::Member::new(name, bytes)).collect::<Vec<_>>())
    };
    let rtf = b"{\\rtf1\\ansi An essay.}".to_vec();
    let page = b"\n\n\n<html><script>alert(1)</script></html>".to_vec();
    let empty_list = open_document("text", &[("Basic/script-lc.xml", b"<library:libraries/>")], "");
    vec![
        good("a document behind 200 other parts", "essay.docx", padded),
        good("an RTF that Word calls doc", "essay.doc", rtf),
        // Stored, never rendered.
        good("a page with a script", "page.html", page),
        good("a program, as its source", "notes.txt", b"#!/bin/sh\nrm -rf ~\n".to_vec()),
        good("a page, as its source", "notes.txt", b"<?php system($_GET['c']); ?>\n".to_vec()),
        good("an empty list of macros", "essay.odt", empty_list),
        good("a program, where they are asked for", "game.exe", program()).accepting(&["exe"]),
    ]
}
