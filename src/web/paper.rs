//! Pages of paper: a heading, sections of lines, a table, as a PDF that is good for the archive.
//!
//! It is PDF/A-2a and PDF/UA-1: all letters are inside, and what is a heading, a list, a cell is marked, so that it can
//! be read aloud. The same [`Paper`] gives the same bytes.

mod letters;

use std::num::NonZeroU16;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use krilla::color::rgb;
use krilla::configure::{Accessibility, Archival, ConfigurationBuilder};
use krilla::geom::{PathBuilder, Point};
use krilla::metadata::{DateTime, Metadata};
use krilla::num::NormalizedF32;
use krilla::outline::Outline;
use krilla::page::PageSettings;
use krilla::paint::{Fill, Paint, Stroke};
use krilla::surface::Surface;
use krilla::tagging::{
    Artifact, ArtifactType, ContentTag, Identifier, ListNumbering, SpanTag, TableHeaderScope, Tag, TagGroup,
    TagTree,
};
use krilla::{Document, SerializeSettings};

use self::letters::Weight;

/// What is to be on the pages.
#[derive(Clone, Debug)]
pub struct Paper {
    pub title: String,
    /// On the foot of every page, before its number.
    pub foot: String,
    /// When it was made, as it says of itself.
    pub made_at: Timestamp,
    /// Below the title.
    pub head: Vec<String>,
    pub sections: Vec<Section>,
    pub table: Table,
    /// Below the table.
    pub end: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Section {
    pub heading: String,
    pub lines: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Table {
    pub heading: String,
    pub columns: Vec<Column>,
    /// Each with a cell for every column; a cell is a few lines, each broken further where it is too wide.
    pub rows: Vec<Vec<Vec<String>>>,
}

#[derive(Clone, Debug)]
pub struct Column {
    pub title: &'static str,
    /// Points.
    pub width: f32,
}

#[derive(Debug, thiserror::Error)]
pub enum PaperError {
    #[error("the PDF could not be made: {0:?}")]
    Made(krilla::error::KrillaError),
    #[error("the form of PDF is none: {0}")]
    Form(&'static str),
}

/// A4, points.
const PAGE: (f32, f32) = (595.28, 841.89);
const MARGIN: f32 = 45.0;
/// What lines and columns share.
const WIDTH: f32 = PAGE.0 - 2.0 * MARGIN;
/// Nothing but the foot is below.
const BOTTOM: f32 = PAGE.1 - MARGIN - 18.0;
/// From line to line, of the letters' size.
const LEADING: f32 = 1.35;
/// Between columns, and around rows.
const GAP: f32 = 6.0;
/// Red, green, blue.
const INK: [u8; 3] = [0x1d, 0x22, 0x2b];
const QUIET: [u8; 3] = [0x4a, 0x52, 0x5e];
const RULE: [u8; 3] = [0xb6, 0xbd, 0xc7];

/// Sizes of letters, points.
const TITLE: f32 = 20.0;
const HEADING: f32 = 12.5;
const TEXT: f32 = 9.5;
const CELL: f32 = 7.5;

/// One thing on a page.
enum Piece {
    Text { x: f32, y: f32, size: f32, weight: Weight, text: String, leaf: Option<usize> },
    Rule { y: f32 },
}

/// What a leaf is part of, in reading order.
enum Block {
    Heading(NonZeroU16, String, usize),
    Paragraph(usize),
    List(Vec<usize>),
    Table { head: Vec<usize>, rows: Vec<Vec<usize>> },
}

/// The pages while they are filled.
struct Sheets {
    pages: Vec<Vec<Piece>>,
    y: f32,
    leaves: usize,
    blocks: Vec<Block>,
}

impl Sheets {
    fn leaf(&mut self) -> usize {
        self.leaves += 1;
        self.leaves - 1
    }

    fn put(&mut self, piece: Piece) {
        if let Some(page) = self.pages.last_mut() {
            page.push(piece);
        }
    }

    fn turn(&mut self) {
        self.pages.push(Vec::new());
        self.y = MARGIN;
    }

    /// The next line of `size`; on another page where there is no room for it and `more` points.
    fn line(&mut self, size: f32, more: f32) -> f32 {
        if self.y + size * LEADING + more > BOTTOM {
            self.turn();
        }
        self.y += size * LEADING;
        self.y
    }

    /// A text over the whole width, as a leaf of its own.
    fn text(&mut self, text: &str, weight: Weight, size: f32, more: f32) -> usize {
        let leaf = self.leaf();
        for text in letters::lines(text, weight, size, WIDTH) {
            let y = self.line(size, more);
            self.put(Piece::Text { x: MARGIN, y, size, weight, text, leaf: Some(leaf) });
        }
        leaf
    }

    fn heading(&mut self, level: NonZeroU16, text: &str, size: f32) {
        // Not as the last line of a page.
        let leaf = self.text(text, Weight::Bold, size, 3.0 * TEXT * LEADING);
        self.blocks.push(Block::Heading(level, letters::readable(text), leaf));
        self.y += 3.0;
    }

    /// The titles of the columns; `leaves` where they are read, else they are a repetition.
    fn titles(&mut self, columns: &[Column], leaves: Option<&[usize]>) {
        self.line(CELL, 4.0 * CELL);
        let (mut x, y) = (MARGIN, self.y);
        for (at, column) in columns.iter().enumerate() {
            let leaf = leaves.and_then(|leaves| leaves.get(at).copied());
            let text = column.title.to_owned();
            self.put(Piece::Text { x, y, size: CELL, weight: Weight::Bold, text, leaf });
            x += column.width + GAP;
        }
        self.y += 4.0;
        self.put(Piece::Rule { y: self.y });
    }

    fn table(&mut self, table: &Table) {
        let head: Vec<usize> = table.columns.iter().map(|_| self.leaf()).collect();
        self.titles(&table.columns, Some(&head));
        let mut rows = Vec::with_capacity(table.rows.len());
        for row in &table.rows {
            let cells: Vec<Vec<String>> = row
                .iter()
                .zip(&table.columns)
                .map(|(cell, column)| {
                    let lines = cell
                        .iter()
                        .flat_map(|part| letters::lines(part, Weight::Regular, CELL, column.width));
                    lines.collect()
                })
                .collect();
            let leaves: Vec<usize> = cells.iter().map(|_| self.leaf()).collect();
            let most = cells.iter().map(Vec::len).max().unwrap_or_default();
            // A row is kept on one page, unless it is longer than a page.
            let height = most as f32 * CELL * LEADING + GAP;
            if self.y + height > BOTTOM && height < BOTTOM - 2.0 * MARGIN {
                self.turn();
                self.titles(&table.columns, None);
            }
            self.y += 2.0;
            for at in 0..most {
                if self.y + CELL * LEADING > BOTTOM {
                    self.turn();
                    self.titles(&table.columns, None);
                }
                self.y += CELL * LEADING;
                let (mut x, y) = (MARGIN, self.y);
                for ((cell, column), &leaf) in cells.iter().zip(&table.columns).zip(&leaves) {
                    if let Some(text) = cell.get(at) {
                        let text = text.clone();
                        let weight = Weight::Regular;
                        self.put(Piece::Text { x, y, size: CELL, weight, text, leaf: Some(leaf) });
                    }
                    x += column.width + GAP;
                }
            }
            self.y += GAP - 2.0;
            self.put(Piece::Rule { y: self.y });
            rows.push(leaves);
        }
        self.blocks.push(Block::Table { head, rows });
        self.y += GAP;
    }
}

/// The PDF, whole: some 1.5 KB a row of the table.
pub fn pdf(paper: &Paper) -> Result<Vec<u8>, PaperError> {
    let sheets = filled(paper);
    let configuration = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A2_A)
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .map_err(|_| PaperError::Form("PDF/A-2a and PDF/UA-1 do not go together"))?;
    let mut document =
        Document::new_with(SerializeSettings { configuration, ..SerializeSettings::default() });
    let mut leaves: Vec<Vec<Identifier>> = (0..sheets.leaves).map(|_| Vec::new()).collect();
    let count = sheets.pages.len();
    for (at, pieces) in sheets.pages.iter().enumerate() {
        let settings = PageSettings::from_wh(PAGE.0, PAGE.1).ok_or(PaperError::Form("no such page"))?;
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        for piece in pieces {
            match piece {
                Piece::Text { x, y, size, weight, text, leaf } => {
                    let tag = match leaf {
                        Some(_) => ContentTag::Span(SpanTag::empty()),
                        None => ContentTag::Artifact(Artifact::with_kind(ArtifactType::PaginationOther)),
                    };
                    let id = surface.start_tagged(tag);
                    write(&mut surface, (*x, *y), text, *weight, *size, INK);
                    surface.end_tagged();
                    if let Some(ids) = leaf.and_then(|leaf| leaves.get_mut(leaf)) {
                        ids.push(id);
                    }
                }
                Piece::Rule { y } => rule(&mut surface, *y),
            }
        }
        surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::Footer)));
        let foot = letters::readable(&format!("{} · page {} of {count}", paper.foot, at + 1));
        write(&mut surface, (MARGIN, PAGE.1 - MARGIN), &foot, Weight::Regular, CELL, QUIET);
        surface.end_tagged();
        surface.finish();
        page.finish();
    }
    document.set_metadata(about(paper));
    document.set_outline(Outline::new());
    document.set_tag_tree(tree(sheets.blocks, &mut leaves));
    document.finish().map_err(PaperError::Made)
}

fn filled(paper: &Paper) -> Sheets {
    let mut sheets = Sheets { pages: vec![Vec::new()], y: MARGIN, leaves: 0, blocks: Vec::new() };
    let second = NonZeroU16::MIN.saturating_add(1);
    sheets.heading(NonZeroU16::MIN, &paper.title, TITLE);
    for line in &paper.head {
        let leaf = sheets.text(line, Weight::Regular, TEXT, 0.0);
        sheets.blocks.push(Block::Paragraph(leaf));
    }
    for section in &paper.sections {
        sheets.y += TEXT;
        sheets.heading(second, &section.heading, HEADING);
        let lines = section.lines.iter().map(|line| sheets.text(line, Weight::Regular, TEXT, 0.0)).collect();
        sheets.blocks.push(Block::List(lines));
    }
    sheets.y += TEXT;
    sheets.heading(second, &paper.table.heading, HEADING);
    sheets.table(&paper.table);
    for line in &paper.end {
        let leaf = sheets.text(line, Weight::Regular, TEXT, 0.0);
        sheets.blocks.push(Block::Paragraph(leaf));
    }
    sheets
}

fn write(surface: &mut Surface<'_>, at: (f32, f32), text: &str, weight: Weight, size: f32, color: [u8; 3]) {
    surface.set_fill(Some(Fill { paint: paint(color), opacity: NormalizedF32::ONE, ..Fill::default() }));
    let mut x = at.0;
    for run in letters::runs(text, weight) {
        surface.draw_glyphs(Point::from_xy(x, at.1), &run.glyphs, run.font, &run.text, size, false);
        x += run.width * size;
    }
}

fn paint([red, green, blue]: [u8; 3]) -> Paint {
    rgb::Color::new(red, green, blue).into()
}

fn rule(surface: &mut Surface<'_>, y: f32) {
    let mut path = PathBuilder::new();
    path.move_to(MARGIN, y);
    path.line_to(MARGIN + WIDTH, y);
    let Some(path) = path.finish() else { return };
    surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::Layout)));
    surface.set_fill(None);
    surface.set_stroke(Some(Stroke { paint: paint(RULE), width: 0.5, ..Stroke::default() }));
    surface.draw_path(&path);
    surface.set_stroke(None);
    surface.end_tagged();
}

fn about(paper: &Paper) -> Metadata {
    let at = paper.made_at.to_zoned(TimeZone::UTC);
    let part = |number: i8| u8::try_from(number).unwrap_or_default();
    let made = DateTime::new(u16::try_from(at.year()).unwrap_or_default())
        .month(part(at.month()))
        .day(part(at.day()))
        .hour(part(at.hour()))
        .minute(part(at.minute()))
        .second(part(at.second()))
        .utc_offset_hour(0)
        .utc_offset_minute(0);
    Metadata::new()
        .title(letters::readable(&paper.title))
        .language("en-GB".into())
        .creator("Strongroom".into())
        .creation_date(made)
        .document_id(paper.foot.clone())
}

/// What is a heading, a list, a cell.
fn tree(blocks: Vec<Block>, leaves: &mut [Vec<Identifier>]) -> TagTree {
    let mut take = |leaf: usize| leaves.get_mut(leaf).map(std::mem::take).unwrap_or_default();
    let mut tree = TagTree::new().with_lang(Some("en-GB".into()));
    for block in blocks {
        match block {
            Block::Heading(level, title, leaf) => {
                tree.push(filled_with(TagGroup::new(Tag::Hn(level, Some(title))), take(leaf)));
            }
            Block::Paragraph(leaf) => tree.push(filled_with(TagGroup::new(Tag::P), take(leaf))),
            Block::List(lines) => {
                let mut list = TagGroup::new(Tag::L(ListNumbering::None));
                for leaf in lines {
                    let mut item = TagGroup::new(Tag::LI);
                    item.push(filled_with(TagGroup::new(Tag::LBody), take(leaf)));
                    list.push(item);
                }
                tree.push(list);
            }
            Block::Table { head, rows } => {
                let mut table = TagGroup::new(Tag::Table);
                let mut titles = TagGroup::new(Tag::TR);
                for leaf in head {
                    titles.push(filled_with(TagGroup::new(Tag::TH(TableHeaderScope::Column)), take(leaf)));
                }
                let mut part = TagGroup::new(Tag::THead);
                part.push(titles);
                table.push(part);
                let mut part = TagGroup::new(Tag::TBody);
                for row in rows {
                    let mut cells = TagGroup::new(Tag::TR);
                    for leaf in row {
                        cells.push(filled_with(TagGroup::new(Tag::TD), take(leaf)));
                    }
                    part.push(cells);
                }
                table.push(part);
                tree.push(table);
            }
        }
    }
    tree
}

fn filled_with(mut group: TagGroup, ids: Vec<Identifier>) -> TagGroup {
    for id in ids {
        group.push(id);
    }
    group
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paper(rows: usize) -> Paper {
        let row = |at: usize| {
            vec![
                vec![format!("{:04} محمد O’NEILL 王", at)],
                vec!["Recording sheet".to_owned()],
                vec![
                    "प्रिया résumé.pdf".to_owned(),
                    format!("01_3357_R085_01_98765_{at:04}_URS_14_01_2021_12_14_11.pdf"),
                ],
                vec!["2.1 GB".to_owned()],
                vec!["0123456789abcdef".repeat(4)],
            ]
        };
        let column = |title, width| Column { title, width };
        Paper {
            title: "Receipt SR-2026-7F3K-9Q2M".into(),
            foot: "SR-2026-7F3K-9Q2M".into(),
            made_at: "2026-05-15T13:10:22Z".parse().unwrap(),
            head: vec!["Ashbourne School (98765)".into(), "\u{e000}\0".into()],
            sections: vec![
                Section { heading: "Declarations".into(), lines: vec!["One".into(), "two ".repeat(2000)] },
                Section { heading: "Missing".into(), lines: vec![] },
            ],
            table: Table {
                heading: "2 files".into(),
                columns: vec![
                    column("Candidate", 90.0),
                    column("Section", 75.0),
                    column("File", 130.0),
                    column("Size", 40.0),
                    column("Fingerprint", 146.0),
                ],
                rows: (0..rows).map(row).collect(),
            },
            end: vec!["Keep your copy.".into()],
        }
    }

    /// The validators of PDF/A-2a and PDF/UA-1 look at each one that is made.
    #[test]
    fn the_same_paper_is_the_same_bytes() {
        let made = pdf(&paper(120)).unwrap();
        assert!(made.starts_with(b"%PDF-1.7"));
        assert_eq!(made, pdf(&paper(120)).unwrap());
        let read = lopdf::Document::load_mem(&made).unwrap();
        assert!(read.get_pages().len() > 4);
        let text = read.extract_text(&[1]).unwrap();
        assert!(text.contains("SR-2026-7F3K-9Q2M"), "{text}");
    }

    #[test]
    fn without_a_row_and_with_a_row_longer_than_a_page() {
        assert!(pdf(&paper(0)).is_ok());
        let mut long = paper(1);
        long.table.rows[0][0] = vec!["word ".repeat(3000)];
        let made = pdf(&long).unwrap();
        assert!(lopdf::Document::load_mem(&made).unwrap().get_pages().len() > 10);
    }
}
