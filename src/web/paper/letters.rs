//! Letters on paper: which typeface has a character, where a line ends, in which order its letters are drawn.
//!
//! Names come in every script, and no typeface has them all: each character takes the first that has it. What none of
//! them has is drawn as `�`, because the archival form of PDF allows no letter without a shape.

use std::ops::Range;
use std::sync::LazyLock;

use krilla::text::{Font, GlyphId, KrillaGlyph};
use rustybuzz::{Direction, UnicodeBuffer};
use unicode_bidi::{BidiInfo, Level};
use unicode_normalization::char::is_combining_mark;

/// How thick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    Regular,
    Bold,
}

/// A piece of a line in one typeface and one direction, ready to be drawn.
#[derive(Debug)]
pub struct Run {
    pub font: Font,
    pub text: String,
    pub glyphs: Vec<KrillaGlyph>,
    /// In sizes of the letters.
    pub width: f32,
}

struct Face {
    font: Font,
    shaper: rustybuzz::Face<'static>,
}

const BOLD: &[u8] = include_bytes!("typefaces/DejaVuSans-Bold.ttf");
/// In the order they are asked.
const REGULAR: [&[u8]; 16] = [
    include_bytes!("typefaces/DejaVuSans.ttf"),
    include_bytes!("typefaces/NotoSansDevanagari-Regular.ttf"),
    include_bytes!("typefaces/NotoSansBengali-Regular.ttf"),
    include_bytes!("typefaces/NotoSansGurmukhi-Regular.ttf"),
    include_bytes!("typefaces/NotoSansGujarati-Regular.ttf"),
    include_bytes!("typefaces/NotoSansTamil-Regular.ttf"),
    include_bytes!("typefaces/NotoSansTelugu-Regular.ttf"),
    include_bytes!("typefaces/NotoSansKannada-Regular.ttf"),
    include_bytes!("typefaces/NotoSansMalayalam-Regular.ttf"),
    include_bytes!("typefaces/NotoSansSinhala-Regular.ttf"),
    include_bytes!("typefaces/NotoSansThai-Regular.ttf"),
    include_bytes!("typefaces/NotoSansMyanmar-Regular.ttf"),
    include_bytes!("typefaces/NotoSansKhmer-Regular.ttf"),
    include_bytes!("typefaces/NotoSansEthiopic-Regular.ttf"),
    include_bytes!("typefaces/DroidSansFallbackFull.ttf"),
    include_bytes!("typefaces/NanumSquareR.ttf"),
];

/// The bold one, then the others. One that cannot be read is left out (a test holds that all can).
static FACES: LazyLock<Vec<Face>> = LazyLock::new(|| {
    let all = std::iter::once(BOLD).chain(REGULAR);
    all.filter_map(|bytes| {
        Some(Face { font: Font::new(bytes.into(), 0)?, shaper: rustybuzz::Face::from_slice(bytes, 0)? })
    })
    .collect()
});

/// Stands for what no typeface has.
const UNKNOWN: char = '\u{fffd}';

/// Joins and separates the letters beside it; has no shape of its own.
fn joins(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// A mark on the letter before it, which it never leaves.
fn clings(c: char) -> bool {
    joins(c) || is_combining_mark(c)
}

fn has(face: usize, c: char) -> bool {
    FACES.get(face).is_some_and(|face| face.shaper.glyph_index(c).is_some())
}

/// The typeface for `c`, which follows a letter in `before`.
fn face_of(c: char, before: Option<usize>, weight: Weight) -> Option<usize> {
    let stays = before.filter(|&face| joins(c) || ((clings(c) || c == ' ') && has(face, c)));
    let first = usize::from(weight == Weight::Regular);
    stays.or_else(|| (first..FACES.len()).find(|&face| has(face, c)))
}

/// What can be drawn of a text: no control characters, no directions of its own, nothing that has no shape.
pub fn readable(text: &str) -> String {
    let private = |c| matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}');
    let mut read = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{feff}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c if c.is_whitespace() || c.is_control() => read.push(' '),
            c if joins(c) => read.push(c),
            c if private(c) || face_of(c, None, Weight::Regular).is_none() => read.push(UNKNOWN),
            c => read.push(c),
        }
    }
    read
}

/// `text` in lines of at most `width` (points, letters of `size` points). Broken after spaces where that can be, else
/// after what joins words in names, else between any two letters.
pub fn lines(text: &str, weight: Weight, size: f32, width: f32) -> Vec<String> {
    let text = readable(text);
    let (mut lines, mut rest) = (Vec::new(), text.trim());
    while !rest.is_empty() {
        let end = line_end(rest, weight, width / size);
        lines.push(rest[..end].to_owned());
        rest = rest[end..].trim_start();
    }
    lines
}

/// Where the first line of `text` ends, bytes; at least one letter is on it. `room` in sizes.
fn line_end(text: &str, weight: Weight, room: f32) -> usize {
    let (mut width, mut face) = (0.0, None);
    let (mut at_space, mut at_joint, mut anywhere) = (0, 0, 0);
    for (at, c) in text.char_indices() {
        face = face_of(c, face, weight);
        width += face.map_or(0.0, |face| advance(face, c));
        if !clings(c) {
            anywhere = if at > 0 { at } else { anywhere };
        }
        if width > room && c != ' ' && at > 0 {
            // A joint that leaves half the line empty is none.
            return [at_space, at_joint]
                .into_iter()
                .find(|&end| end * 2 > at)
                .unwrap_or(anywhere)
                .max(text.chars().next().map_or(1, char::len_utf8));
        }
        match c {
            ' ' => at_space = at + 1,
            '_' | '-' | '/' | '.' | ',' => at_joint = at + 1,
            _ => {}
        }
    }
    text.len()
}

/// In sizes; letters that are joined may come out a little narrower.
fn advance(face: usize, c: char) -> f32 {
    let Some(Face { shaper, .. }) = FACES.get(face) else { return 0.0 };
    let glyph = shaper.glyph_index(c).and_then(|glyph| shaper.glyph_hor_advance(glyph));
    f32::from(glyph.unwrap_or_default()) / shaper.units_per_em() as f32
}

/// A line of [`lines`], from left to right as it is seen. The line itself runs from left to right, whatever is in it.
pub fn runs(line: &str, weight: Weight) -> Vec<Run> {
    let bidi = BidiInfo::new(line, Some(Level::ltr()));
    let mut runs = Vec::new();
    for paragraph in &bidi.paragraphs {
        let (levels, seen) = bidi.visual_runs(paragraph, paragraph.range.clone());
        for range in seen {
            let level = levels.get(range.start).copied().unwrap_or(Level::ltr());
            let mut parts: Vec<Run> = faces(&line[range.clone()], weight)
                .into_iter()
                .filter_map(|(face, part)| {
                    shape(FACES.get(face)?, &line[range.start + part.start..range.start + part.end], level)
                })
                .collect();
            if level.is_rtl() {
                parts.reverse();
            }
            runs.append(&mut parts);
        }
    }
    runs
}

/// Pieces of a text that are of one typeface each.
fn faces(text: &str, weight: Weight) -> Vec<(usize, Range<usize>)> {
    let mut parts: Vec<(usize, Range<usize>)> = Vec::new();
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        let before = parts.last().map(|(face, _)| *face);
        // A joiner at the beginning joins nothing.
        let Some(face) = face_of(c, before, weight) else { continue };
        match parts.last_mut() {
            Some((last, range)) if *last == face && range.end == at => range.end = end,
            _ => parts.push((face, at..end)),
        }
    }
    parts
}

/// A piece of one typeface and one direction as shapes; `None` where nothing is to be seen.
fn shape(face: &Face, text: &str, level: Level) -> Option<Run> {
    let mut buffer = UnicodeBuffer::new();
    buffer.push_str(text);
    buffer.guess_segment_properties();
    buffer.set_direction(if level.is_rtl() { Direction::RightToLeft } else { Direction::LeftToRight });
    let shaped = rustybuzz::shape(&face.shaper, &[], buffer);
    let mut starts: Vec<usize> = shaped.glyph_infos().iter().map(|info| info.cluster as usize).collect();
    starts.sort_unstable();
    starts.dedup();
    let em = face.shaper.units_per_em() as f32;
    let (mut glyphs, mut width) = (Vec::with_capacity(shaped.len()), 0.0);
    for (info, place) in shaped.glyph_infos().iter().zip(shaped.glyph_positions()) {
        // Shaping may ask for a sign that the typeface lacks; it goes without.
        if info.glyph_id == 0 {
            continue;
        }
        let start = info.cluster as usize;
        let next = starts.partition_point(|&other| other <= start);
        let end = starts.get(next).copied().unwrap_or(text.len());
        width += place.x_advance as f32 / em;
        glyphs.push(KrillaGlyph::new(
            GlyphId::new(info.glyph_id),
            place.x_advance as f32 / em,
            place.x_offset as f32 / em,
            place.y_offset as f32 / em,
            place.y_advance as f32 / em,
            start..end,
            None,
        ));
    }
    (!glyphs.is_empty()).then(|| Run { font: face.font.clone(), text: text.to_owned(), glyphs, width })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_typeface_can_be_read() {
        assert_eq!(FACES.len(), REGULAR.len() + 1);
    }

    #[test]
    fn names_of_many_scripts_have_letters() {
        for name in [
            "Siân Ó Dónaill-Łukasz",
            "Анна Ковальчук",
            "Ελένη",
            "محمد العلي",
            "שרה",
            "Հայկ",
            "ნინო",
            "प्रिया शर्मा",
            "রহমান",
            "ਸਿੰਘ",
            "પટેલ",
            "தமிழ்",
            "తెలుగు",
            "ಕನ್ನಡ",
            "മലയാളം",
            "සිංහල",
            "สมชาย",
            "မြန်မာ",
            "ខ្មែរ",
            "አበበ",
            "王小明",
            "さくら",
            "김민준",
        ] {
            assert_eq!(readable(name), name);
            let drawn = runs(name, Weight::Bold);
            assert!(!drawn.is_empty() && drawn.iter().all(|run| run.width > 0.0), "{name}");
        }
        assert_eq!(readable("a\u{e001}\u{202e}b\tc\u{1f9ff}"), "a\u{fffd}b c\u{fffd}");
    }

    #[test]
    fn a_name_from_right_to_left_stands_in_its_place() {
        let texts: Vec<String> =
            runs("1005 محمد, x.pdf", Weight::Regular).into_iter().map(|run| run.text).collect();
        assert_eq!(texts.join("|"), "1005 |محمد|, x.pdf");
    }

    #[test]
    fn lines_break_where_words_do_and_lose_nothing() {
        let name = "01_3357_R085_01_98765_1005_Supporting_14_01_2021_12_14_11.pdf";
        let broken = lines(name, Weight::Regular, 8.0, 130.0);
        assert!(broken.len() > 1 && broken[0].ends_with('_'), "{broken:?}");
        assert_eq!(broken.concat(), name);
        let digest = "0".repeat(64);
        assert_eq!(lines(&digest, Weight::Regular, 7.0, 150.0).concat(), digest);
        assert_eq!(lines("one two three", Weight::Regular, 10.0, 32.0), ["one ", "two ", "three"]);
        // Narrower than a letter: one at a time, and an end.
        assert_eq!(lines("王小", Weight::Regular, 10.0, 1.0), ["王", "小"]);
        assert!(lines("  ", Weight::Regular, 10.0, 45.0).is_empty());
    }
}
