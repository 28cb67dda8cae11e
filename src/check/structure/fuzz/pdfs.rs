//! PDFs: changed ones, and built ones, laid out in many ways, with something active in one place or in none.

use super::*;
use crate::fuzz::Choices;

const WORDS: &[&[u8]] = &[
    b" 0 obj\n",
    b"\nendobj\n",
    b"stream\n",
    b"\nendstream",
    b"<<",
    b">>",
    b"[",
    b"]",
    b"(",
    b")",
    b"/JavaScript",
    b"/JS",
    b"/Launch",
    b"/S",
    b"/First ",
    b"/N ",
    b"/Type /ObjStm",
    b"/Type /XRef",
    b"/W [1 2 1]",
    b"/Prev ",
    b"/XRefStm ",
    b"/Size ",
    b"/Root 1 0 R",
    b"/Length ",
    b"/Filter /FlateDecode",
    b"/Encrypt ",
    b"xref\n",
    b"trailer\n",
    b"startxref\n",
    b"%%EOF",
    b" 0 R",
    b"/Kids [",
    b"/Count ",
    b"/Pages ",
    b"%",
    b"\\",
    b"#4a",
    b"/Predictor 12",
    b"/DecodeParms <<",
    b"/Index [0 ",
    b"/Extends ",
    b"/Parent ",
    b"0000000009 00000 n \n",
    b"null",
    b"/EmbeddedFile",
    b"/Rendition",
    b"/EF",
    b"/F",
    b"\r",
];

#[test]
fn pdfs() {
    let sound = (0..40_u8).map(|seed| {
        let choices: Vec<u8> = (0..80).map(|at: u8| seed.wrapping_mul(59) ^ at.wrapping_mul(29)).collect();
        built(&mut Choices(&choices), None, HARMLESS)
    });
    let active = [
        pdf(b"/OpenAction << /S /JavaScript /JS (1) >>"),
        pdf(b"/AA << /O << /S /La#75nch /F (cmd.exe) >> >> /Names << /EmbeddedFiles << /Names [] >> >>"),
        pdf(b"/AcroForm << /XFA [] >> /Outlines << /First 3 0 R /Title (JavaScript \\( in text) >>"),
        [pdf(b""), pdf(b"")].concat(),
    ];
    run("pdfs", sound.chain(active), WORDS, |input| kind_of("pdf", &judged(input, "pdf")));
}

/// Those beyond what is parsed: by their names alone.
#[test]
fn large_pdfs() {
    let limits = Limits { pdf_bytes: 0, ..limits() };
    let seeds = (0..40_u8).map(|seed| {
        let choices: Vec<u8> = (0..80).map(|at: u8| seed.wrapping_mul(59) ^ at.wrapping_mul(29)).collect();
        built(&mut Choices(&choices), None, HARMLESS)
    });
    run("large_pdfs", seeds, WORDS, |input| kind_of("pdf", &judged_within(input, "pdf", &limits)));
}

/// Dictionaries that do something, in parts: between any two may stand blanks, comments and nothing.
const ACTIVE: &[&[&str]] = &[
    &["/S", "/JavaScript", "/JS", "(app.alert\\(1\\))"],
    &["/S", "/JavaScript", "/JS", "3 0 R"],
    &["/S", "/Launch", "/F", "(cmd.exe)"],
    &["/S", "/SubmitForm", "/F", "(http://example.org)"],
    &["/S", "/ImportData", "/F", "(x)"],
    &["/S", "/GoToE", "/T", "<<", ">>"],
    &["/Type", "/Filespec", "/F", "(a.exe)", "/EF", "<<", "/F", "3 0 R", ">>"],
    &["/Type", "/EmbeddedFile"],
    &["/Subtype", "/FileAttachment"],
    &["/Subtype", "/RichMedia"],
    &["/XFA", "[", "]"],
    &["/S", "/Rendition", "/JS", "(x)"],
];

/// Dictionaries that do nothing; the last two quote what does, which a large document may not in compressed objects.
const HARMLESS: &[&[&str]] = &[
    &["/Title", "<2f4a617661536372697074>"],
    &["/S", "/GoTo", "/D", "[", "3 0 R", "/Fit", "]"],
    &["/Type", "/Font", "/Subtype", "/Type1", "/BaseFont", "/Helvetica"],
    &["/MediaBox", "[", "0", "0", "595", "842.0", "]"],
    &["/A", "null", "/B", "true", "/C", "-.5", "/D", "<</E[/F(\\)\\\\)]>>"],
    &["/Title", "(On /JavaScript and /Launch \\( in HTML)"],
    &["/S", "/URI", "/URI", "(https://example.org/Launch)"],
];

#[test]
fn built_pdfs() {
    let seeds = (0..=255).map(|first| (0..90).map(|at: u8| first ^ at.wrapping_mul(43)).collect());
    run("built_pdfs", seeds, &[], |input| {
        let mut choices = Choices(input);
        let active = choices.yes().then(|| choices.one_of(ACTIVE));
        let large = choices.byte() & 3 == 0;
        let harmless = if large { &HARMLESS[..HARMLESS.len() - 2] } else { HARMLESS };
        let bytes = built(&mut choices, active, harmless);
        let judged = match large {
            true => judged_within(&bytes, "pdf", &Limits { pdf_bytes: 0, ..limits() }),
            false => judged(&bytes, "pdf"),
        };
        // Embedded files that do not say so, and scripts by their key, are seen where objects are.
        let by_key = active.is_some_and(|parts| parts.contains(&"/Filespec"));
        match (&judged, active) {
            (Ok(_), None) => {}
            (Err((Reason::ActiveContent, _)), Some(_)) => {}
            (Ok(_), Some(_)) if large && by_key => {}
            _ => panic!("{active:?}: {judged:?} of {}", String::from_utf8_lossy(&bytes)),
        }
        (active, large)
    });
}

/// A document of one page in one of many layouts, with this dictionary in it.
fn built(choices: &mut Choices<'_>, active: Option<&[&str]>, harmless: &[&[&str]]) -> Vec<u8> {
    let compressed = choices.yes();
    let mut extra: Vec<String> = (0..choices.below(4))
        .map(|_| {
            let parts = choices.one_of(harmless);
            written(choices, parts)
        })
        .collect();
    if let Some(parts) = active {
        let dictionary = written(choices, parts);
        let place = choices.below(extra.len() + 1);
        extra.insert(place, dictionary);
    }
    let direct = (!extra.is_empty() && choices.yes()).then(|| extra.remove(0));
    let first = 5;
    let references: String = (0..extra.len()).map(|index| format!(" {} 0 R", first + index)).collect();
    let catalogue = format!(
        "<</Type/Catalog/Pages 2 0 R/Extra[{references} {}]>>",
        direct.as_deref().unwrap_or_default()
    );
    let mut objects = vec![
        catalogue,
        "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R>>".to_owned(),
    ];
    objects.extend(extra);
    let content = b"BT /F1 12 Tf (Hello) Tj ET";
    let packed = choices.yes();
    let content = if packed { deflated(content) } else { content.to_vec() };
    let filter = if packed { "/Filter/FlateDecode" } else { "" };
    let mut document = Document::default();
    document.stream(4, filter, &content);
    let number = |index: usize| if index < 3 { index + 1 } else { index + 2 };
    if compressed {
        // All but the page tree's root may stand in an object stream.
        document.object_stream(
            50,
            &objects.iter().enumerate().map(|(index, o)| (number(index), o.as_str())).collect::<Vec<_>>(),
            choices.yes(),
        );
        document.with_stream_of_places(51)
    } else {
        for (index, object) in objects.iter().enumerate() {
            document.object(number(index), object.as_bytes());
        }
        document.with_table()
    }
}

/// A dictionary, its parts written in one of many ways.
fn written(choices: &mut Choices<'_>, parts: &[&str]) -> String {
    let mut text = String::from("<<");
    for part in parts {
        text.push_str(choices.one_of(&[" ", "\n", "\r\n", "\t", " %c\n", "  "]));
        match part.strip_prefix('/') {
            Some(name) if choices.byte() & 3 == 0 => {
                text.push('/');
                for letter in name.bytes() {
                    match choices.byte() & 3 {
                        0 => text.push_str(&format!("#{letter:02x}")),
                        1 => text.push_str(&format!("#{letter:02X}")),
                        _ => text.push(letter.into()),
                    }
                }
            }
            _ => text.push_str(part),
        }
    }
    text + choices.one_of(&[">>", "\n>>", " >>"])
}

#[derive(Default)]
struct Document {
    bytes: Vec<u8>,
    /// Where objects stand, by number; and which are in the object stream, at which index.
    places: Vec<(usize, Place)>,
}

enum Place {
    At(usize),
    In(usize, usize),
}

impl Document {
    fn object(&mut self, number: usize, object: &[u8]) {
        if self.bytes.is_empty() {
            self.bytes.extend_from_slice(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n");
        }
        self.places.push((number, Place::At(self.bytes.len())));
        self.bytes.extend_from_slice(format!("{number} 0 obj\n").as_bytes());
        self.bytes.extend_from_slice(object);
        self.bytes.extend_from_slice(b"\nendobj\n");
    }

    fn stream(&mut self, number: usize, more: &str, content: &[u8]) {
        let head = format!("<</Length {}{more}>>\nstream\n", content.len());
        self.object(number, &[head.as_bytes(), content, b"\nendstream"].concat());
    }

    fn object_stream(&mut self, number: usize, objects: &[(usize, &str)], packed: bool) {
        let (mut index, mut content) = (String::new(), String::new());
        for (at, (object, text)) in objects.iter().enumerate() {
            index.push_str(&format!("{object} {} ", content.len()));
            content.push_str(text);
            content.push('\n');
            self.places.push((*object, Place::In(number, at)));
        }
        let whole = [index.as_bytes(), content.as_bytes()].concat();
        let whole = if packed { deflated(&whole) } else { whole };
        let filter = if packed { "/Filter/FlateDecode" } else { "" };
        let more = format!("/Type/ObjStm/N {}/First {}{filter}", objects.len(), index.len());
        self.stream(number, &more, &whole);
    }

    fn with_table(mut self) -> Vec<u8> {
        let start = self.bytes.len();
        let mut table = String::from("xref\n0 1\n0000000000 65535 f \n");
        for (number, place) in &self.places {
            let Place::At(at) = place else { continue };
            table.push_str(&format!("{number} 1\n{at:010} 00000 n \n"));
        }
        let size = self.places.iter().map(|(number, _)| number + 1).max().unwrap_or(1);
        table.push_str(&format!("trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n"));
        self.bytes.extend_from_slice(table.as_bytes());
        self.bytes
    }

    fn with_stream_of_places(mut self, number: usize) -> Vec<u8> {
        let start = self.bytes.len();
        self.places.push((number, Place::At(start)));
        self.places.sort_by_key(|(number, _)| *number);
        let (mut index, mut table) = (String::new(), Vec::new());
        for (number, place) in &self.places {
            index.push_str(&format!("{number} 1 "));
            let (kind, first, second) = match *place {
                Place::At(at) => (1, at, 0),
                Place::In(stream, at) => (2, stream, at),
            };
            table.push(kind);
            table.extend_from_slice(&u32::try_from(first).unwrap().to_be_bytes());
            table.push(u8::try_from(second).unwrap());
        }
        let more = format!("/Type/XRef/W[1 4 1]/Index[{index}]/Size {}/Root 1 0 R", number + 1);
        self.stream(number, &more, &table);
        self.bytes.extend_from_slice(format!("startxref\n{start}\n%%EOF\n").as_bytes());
        self.bytes
    }
}
