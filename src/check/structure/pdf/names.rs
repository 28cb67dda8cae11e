//! A PDF read once from beginning to end for the names in it, in little memory, whatever its size.
//!
//! Those in strings and in the data of ordinary streams ([`place`]) are told apart: a heading may be `HTML/JavaScript`.
//! The others count even where a parser reads the document, since no two parsers agree on what is too damaged to be
//! read. Streams of compressed objects are inflated for their names. A table of objects may point into a string or a
//! stream, so what could begin an object there ends it. The same walk counts what a parser would hold, so that no
//! document is given to one that would fill memory.

mod place;

use std::io::{BufRead, BufReader, Read, SeekFrom};

use flate2::bufread::ZlibDecoder;

use self::place::Place;

use super::super::Source;
use super::super::budget::Budget;
use super::super::refuse::Stop;

/// No name that matters is longer.
const LONGEST: usize = 64;

/// What was seen on the way.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Something that runs, opens or hides, in words, wherever its name stands.
    pub(super) active: Option<&'static str>,
    /// The same, outside strings and the data of ordinary streams.
    pub(super) unquoted: Option<&'static str>,
    /// The same, and in strings too, where something could lead into them.
    pub(super) reachable: Option<&'static str>,
    /// A string has a word with which an object begins, or the table of objects ends.
    entrance: bool,
    /// Something active stands in a string.
    in_text: Option<&'static str>,
    /// An action of this kind has a script under the key that comes next, and needs no name of a script.
    rendition: bool,
    script: bool,
    pub(super) encrypted: bool,
    /// Streams of compressed objects.
    pub(super) holders: u64,
    /// Bytes that they inflate to.
    pub(super) inflated: u64,
    /// One of them inflates to more than a stream may.
    pub(super) bursting: bool,
    /// One of them could not be inflated, or is packed in an unusual way.
    pub(super) opaque: bool,
    /// What could become an object: numbers, names, strings, arrays and the like, in ordinary streams too.
    pub(super) words: u64,
    /// Links from one table of objects to another.
    pub(super) tables: u64,
    /// Bytes from each `obj` to the next `endobj`, added up: no more than the document has, but where they overlap.
    pub(super) spanned: u64,
}

/// Reads the whole document. `Err` only for time and the disk.
pub(super) fn read(source: &mut dyn Source, budget: &Budget<'_>) -> Result<Seen, Stop> {
    let mut seen = Seen::default();
    let mut streams = Vec::new();
    source.seek(SeekFrom::Start(0))?;
    let mut document = BufReader::with_capacity(64 << 10, &mut *source);
    scan(&mut document, budget, &mut seen, Some(&mut streams))?;
    let words = seen.words;
    for at in streams {
        source.seek(SeekFrom::Start(at))?;
        let most = budget.limits.pdf_stream_bytes as u64;
        let objects = ZlibDecoder::new(BufReader::new(&mut *source)).take(most);
        let mut objects = BufReader::new(Counted { inner: objects, count: 0, failed: false });
        scan(&mut objects, budget, &mut seen, None)?;
        let Counted { count, failed, .. } = objects.into_inner();
        seen.inflated += count;
        seen.opaque |= failed;
        // Attack: an object stream that inflates to fill memory.
        seen.bursting |= count == most;
        if seen.inflated > budget.limits.pdf_inflated_bytes {
            break;
        }
    }
    // Those of the document itself.
    seen.words = words;
    seen.reachable = seen.unquoted.or(seen.reachable).or(seen.in_text.filter(|_| seen.entrance));
    Ok(seen)
}

/// Reads compressed objects, inflated.
pub(super) fn read_objects(mut bytes: &[u8], budget: &Budget<'_>) -> Result<Seen, Stop> {
    let mut seen = Seen::default();
    scan(&mut bytes, budget, &mut seen, None)?;
    Ok(seen)
}

/// What a name means that runs, opens or hides something, in words. Few documents have such a name for anything else.
pub(super) fn meaning_of(name: &[u8]) -> Option<&'static str> {
    Some(match name {
        b"JavaScript" => "JavaScript",
        b"Launch" => "a command that starts a program",
        b"SubmitForm" | b"ImportData" => "a form that sends data",
        b"GoToE" => "a link into an embedded file",
        b"EmbeddedFiles" | b"EmbeddedFile" | b"FileAttachment" => "embedded files",
        b"RichMedia" => "embedded media",
        b"XFA" => "an XFA form",
        _ => return None,
    })
}

/// Counts what is read and ends, instead of failing, where a stream is broken.
struct Counted<R> {
    inner: R,
    count: u64,
    failed: bool,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.inner.read(buffer) {
            Ok(read) => {
                self.count += read as u64;
                Ok(read)
            }
            Err(_) => {
                self.failed = true;
                Ok(0)
            }
        }
    }
}

/// The object being read.
#[derive(Debug, Default)]
struct Current {
    holds_objects: bool,
    /// Its stream is packed, in some way.
    packed: bool,
    deflated: bool,
    unusual: bool,
    in_stream: bool,
    /// These are compressed objects, or some that are not packed came before: an index leads into strings.
    indexed: bool,
    place: Place,
    /// Whole numbers just before, one after another.
    numbers: u64,
    link: Link,
}

/// How far a link to another table has been read: `/Prev 4711`, unlike `/Prev 5 0 R` of an outline.
#[derive(Clone, Copy, Debug, Default)]
enum Link {
    #[default]
    None,
    Named,
    Number,
    TwoNumbers,
}

/// Ends a word.
const DELIMITER: u8 = 1;
/// Stands in numbers and keywords.
const PIECE: u8 = 2;
/// What every byte is: each byte of a document is looked at.
static CLASSES: [u8; 256] = {
    const fn mark(mut classes: [u8; 256], bytes: &[u8], class: u8) -> [u8; 256] {
        let mut at = 0;
        while at < bytes.len() {
            classes[bytes[at] as usize] |= class;
            at += 1;
        }
        classes
    }
    mark(mark([0; 256], b" \t\n\x0c\r\0()<>[]{}/%", DELIMITER), b"0123456789+-.truefalsnR", PIECE)
};

/// Counts what a lenient parser can make of a word: `1+1.5.5` are four numbers, `nullnull` is two words.
#[derive(Debug, Default)]
struct Pieces {
    length: u64,
    /// The word is a name, or has a byte that no number and no keyword has.
    over: bool,
}

impl Pieces {
    /// How many pieces begin with this byte, at most.
    fn begun_by(&mut self, byte: u8) -> u64 {
        self.over |= CLASSES[usize::from(byte)] & PIECE == 0;
        if self.over {
            return 0;
        }
        self.length += 1;
        // No keyword is shorter than `null`, but for the `R` that ends a reference.
        u64::from(b"+-.R".contains(&byte) || self.length % 4 == 1)
    }
}

/// Adds up how far objects reach, by the bare letters: parsers want no blanks around them.
#[derive(Debug, Default)]
struct Spans {
    last: u64,
    open: u64,
    /// Where the open ones began, added up.
    begun: u128,
}

impl Spans {
    /// Takes a byte and its place; gives what the objects that end here reach over.
    fn take(&mut self, byte: u8, at: u64) -> u64 {
        const OBJ: u64 = 0x006f_626a;
        const ENDOBJ: u64 = 0x656e_646f_626a;
        self.last = self.last << 8 | u64::from(byte);
        if byte != b'j' || self.last & 0x00ff_ffff != OBJ {
            return 0;
        }
        if self.last & 0xffff_ffff_ffff != ENDOBJ {
            self.open += 1;
            self.begun += u128::from(at);
            return 0;
        }
        let reached = u128::from(self.open) * u128::from(at) - self.begun;
        *self = Self { last: self.last, ..Self::default() };
        u64::try_from(reached).unwrap_or(u64::MAX)
    }
}

/// Goes through bytes word by word. `streams` takes where the streams of compressed objects begin.
fn scan(
    bytes: &mut impl BufRead,
    budget: &Budget<'_>,
    seen: &mut Seen,
    mut streams: Option<&mut Vec<u64>>,
) -> Result<(), Stop> {
    let (mut word, mut at) = (Vec::with_capacity(LONGEST), 0_u64);
    let mut current = Current { indexed: streams.is_none(), ..Current::default() };
    let (mut pieces, mut spans) = (Pieces::default(), Spans::default());
    loop {
        budget.in_time()?;
        let piece = bytes.fill_buf()?;
        if piece.is_empty() {
            end_of_word(&word, &mut current, seen);
            return Ok(());
        }
        let length = piece.len();
        let mut offset = 0;
        while offset < length {
            let rest = &piece[offset..];
            let ends = |byte: &u8| CLASSES[usize::from(*byte)] & DELIMITER != 0;
            let (part, behind) = rest.split_at(rest.iter().position(ends).unwrap_or(rest.len()));
            for (index, &byte) in (offset..).zip(part) {
                seen.spanned = seen.spanned.saturating_add(spans.take(byte, at + index as u64));
            }
            for &byte in part {
                if pieces.over {
                    break;
                }
                seen.words += pieces.begun_by(byte);
            }
            word.extend_from_slice(&part[..part.len().min(LONGEST - word.len())]);
            if !current.in_stream {
                part.iter().for_each(|&byte| current.place.take(byte));
            }
            offset += part.len();
            let Some(&byte) = behind.first() else { break };
            seen.spanned = seen.spanned.saturating_add(spans.take(byte, at + offset as u64));
            let begins_stream = end_of_word(&word, &mut current, seen);
            // Attack: the word among compressed objects, for what follows to pass as a stream's data.
            if begins_stream
                && let Some(streams) = streams.as_deref_mut()
                && begin_stream(&mut current, seen)
            {
                // After `stream` comes one line end; a lone CR is not allowed.
                let after = at + offset as u64 + if byte == b'\r' { 2 } else { 1 };
                if streams.len() < 100_000 { streams.push(after) } else { seen.opaque = true }
            }
            word.clear();
            if !current.in_stream {
                current.place.take(byte);
            }
            current.link = current.link.after(byte, seen);
            // Each of these begins an object, however empty.
            seen.words += u64::from(b"(<[/".contains(&byte));
            pieces = Pieces { over: byte == b'/', ..Pieces::default() };
            if byte == b'/' {
                word.push(byte);
            }
            offset += 1;
        }
        at += length as u64;
        bytes.consume(length);
    }
}

impl Link {
    /// After a delimiter. Anything but blanks ends what might be a reference.
    fn after(self, delimiter: u8, seen: &mut Seen) -> Self {
        match self {
            Self::Number | Self::TwoNumbers if !b" \t\r\n\0\x0c".contains(&delimiter) => {
                seen.tables += 1;
                Self::None
            }
            other => other,
        }
    }

    /// After a word that is no name.
    fn after_word(self, word: &[u8], seen: &mut Seen) -> Self {
        match self {
            Self::None => Self::None,
            Self::Named => Self::Number,
            Self::Number if word.iter().all(u8::is_ascii_digit) => Self::TwoNumbers,
            Self::TwoNumbers if word == b"R" => Self::None,
            Self::Number | Self::TwoNumbers => {
                seen.tables += 1;
                Self::None
            }
        }
    }
}

/// Takes a word in. True when it begins a stream.
fn end_of_word(word: &[u8], current: &mut Current, seen: &mut Seen) -> bool {
    if word.is_empty() {
        return false;
    }
    let Some(name) = word.strip_prefix(b"/") else {
        current.link = current.link.after_word(word, seen);
        let numbers = std::mem::take(&mut current.numbers);
        let in_text = current.place.in_text();
        match word {
            b"stream" => return !in_text,
            // These end any string that was left open.
            b"endstream" | b"endobj" => current.reset(),
            b"trailer" if in_text => seen.entrance = true,
            b"trailer" => current.reset(),
            // Attack: an object in a string, to which a damaged table of objects leads.
            word if begins_object(word) => {
                seen.entrance |= in_text;
                if !in_text || numbers + u64::from(word[0].is_ascii_digit()) > 1 {
                    current.reset();
                }
            }
            word if word.iter().all(u8::is_ascii_digit) => current.numbers = numbers + 1,
            _ => {}
        }
        return false;
    };
    current.numbers = 0;
    let name = unescaped(name);
    let quoted = current.in_stream || current.place.in_text();
    if let Some(what) = meaning_of(&name) {
        // Short enough to occur by chance in a picture's bytes.
        if name != b"XFA" || !current.in_stream {
            seen.active = Some(what);
        }
        if !quoted {
            seen.unquoted = Some(what);
        } else if !current.in_stream {
            seen.in_text = Some(what);
            if current.indexed {
                seen.reachable = Some(what);
            }
        }
    }
    match name.as_slice() {
        b"Rendition" if !quoted => seen.rendition = true,
        b"JS" if !quoted => seen.script = true,
        b"Encrypt" if !quoted => seen.encrypted = true,
        b"Prev" | b"XRefStm" => current.link = Link::Named,
        // Without the type, a table of objects still finds it.
        b"ObjStm" | b"First" => current.holds_objects = true,
        b"Filter" => current.packed = true,
        b"FlateDecode" | b"Fl" => {
            current.unusual |= current.deflated;
            current.deflated = true;
        }
        b"LZW" | b"A85" | b"AHx" | b"RL" | b"Crypt" | b"Predictor" | b"DecodeParms" | b"DP" => {
            current.unusual = true;
        }
        name => current.unusual |= name.ends_with(b"Decode"),
    }
    if seen.rendition && seen.script {
        seen.active = Some("JavaScript");
        seen.unquoted = seen.active;
    }
    false
}

/// After the word `stream`. True when what follows are compressed objects that can be inflated.
fn begin_stream(current: &mut Current, seen: &mut Seen) -> bool {
    let Current { holds_objects, packed, deflated, unusual, in_stream, indexed, ref place, .. } = *current;
    // Attack: the word where no stream begins, for what follows to pass as its data.
    let ends_dictionary = in_stream || place.ends_dictionary(b"stream".len());
    seen.holders += u64::from(holds_objects);
    seen.opaque |= holds_objects && (unusual || packed != deflated);
    let in_stream = ends_dictionary && (packed || !holds_objects);
    let indexed = indexed || (holds_objects && !packed);
    *current = Current { in_stream, indexed, ..Current::default() };
    holds_objects && deflated
}

impl Current {
    /// What follows is another object.
    fn reset(&mut self) {
        *self = Self { indexed: self.indexed, ..Self::default() };
    }
}

/// `obj`, and `0obj` and `obj1` as lenient readers have it. So many digits may go on to be one.
fn begins_object(word: &[u8]) -> bool {
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = word[digits..].strip_prefix(b"obj");
    digits == LONGEST || rest.is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_digit))
}

/// `J#61vaScript` is `JavaScript`.
fn unescaped(name: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(name.len());
    let mut rest = name;
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match digits.filter(|_| *first == b'#').and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) => {
                plain.push(byte);
                rest = &tail[2..];
            }
            None => {
                plain.push(*first);
                rest = tail;
            }
        }
    }
    plain
}
