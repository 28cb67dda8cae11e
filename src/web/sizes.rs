//! How large a file may be in a section: by its type, and in short.

use super::words;
use crate::check::structure::Limits;
use crate::component::Section;
use crate::evidence::{FileKind, Group, LARGEST_SCAN};

/// Types of which a section takes files of one size.
#[derive(Debug, PartialEq, Eq)]
pub struct Size {
    pub limit: String,
    /// Bytes.
    most: u64,
    /// What holds for the large ones among them; empty: nothing.
    pub note: &'static str,
    pub types: Vec<String>,
}

/// Every type that a section takes, by how large a file of it may be. What the scanner cannot look at is refused, but
/// for archives, which are looked at file by file, and for recordings where the section takes them so.
pub fn sizes(section: &Section) -> Vec<Size> {
    const TWO: u64 = 2 << 30;
    let mut sizes: Vec<Size> = Vec::new();
    for kind in section.accepts.iter().filter_map(|extension| FileKind::of(extension)) {
        let Some(most) = section.limit_for(kind.extension) else { continue };
        let (most, note) = match kind.group {
            Group::Archives if most > LARGEST_SCAN => {
                let note = "Counted as unpacked, and each file in it below 2 GB.";
                (most.min(Limits::default().inflated_bytes), note)
            }
            _ if most > TWO => {
                (most, "What is 2 GB or larger cannot be virus checked; it is taken here, and marked so.")
            }
            _ if most == LARGEST_SCAN => (most, "What is larger cannot be virus checked: send it in parts."),
            _ => (most, ""),
        };
        let limit = match most {
            LARGEST_SCAN => "Below 2 GB".into(),
            _ => format!("Up to {}", words::bytes(most)),
        };
        let limit = if section.max == 1 { limit } else { format!("{limit} each") };
        let name = kind.extension.to_uppercase();
        match sizes.iter_mut().find(|size| size.limit == limit && size.note == note) {
            Some(size) if size.types.contains(&name) => {}
            Some(size) => size.types.push(name),
            None => sizes.push(Size { limit, note, most, types: vec![name] }),
        }
    }
    sizes
}

/// The most that a file of any type may be: `up to 8 GB each`.
pub fn largest(section: &Section) -> String {
    let sizes = sizes(section);
    let limit = sizes.iter().max_by_key(|size| size.most).map_or("", |size| &size.limit);
    let mut letters = limit.chars();
    letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::ZipAdvice;

    fn section(accepts: &[&str], max_bytes: u64, allow_unscannable: bool) -> Section {
        Section {
            code: "Work".parse().unwrap(),
            title: "Work".into(),
            required: true,
            min: 1,
            max: 2,
            max_bytes,
            accepts: accepts.iter().map(|&extension| extension.to_owned()).collect(),
            zip: ZipAdvice::None,
            naming_assessed: false,
            allow_unscannable,
            aliases: Vec::new(),
        }
    }

    #[test]
    fn in_short_it_is_the_largest_that_any_type_may_be() {
        assert_eq!(largest(&section(&["png", "pdf"], 25 << 30, false)), "below 2 GB each");
        assert_eq!(largest(&section(&["pdf", "zip"], 25 << 30, false)), "up to 8 GB each");
        assert_eq!(largest(&section(&["png"], 5 << 20, false)), "up to 5 MB each");
    }

    #[test]
    fn no_file_is_promised_a_size_that_the_scanner_refuses() {
        let told = |section: &Section| -> Vec<(String, bool, String)> {
            let sizes = sizes(section).into_iter();
            sizes.map(|size| (size.limit, size.note.is_empty(), size.types.join(" "))).collect()
        };
        let line = |limit: &str, plain: bool, types: &str| (limit.to_owned(), plain, types.to_owned());
        let all = ["pdf", "docx", "png", "zip", "mp4", "wav", "tar.gz"];
        assert_eq!(
            told(&section(&all, 25 << 30, false)),
            [
                line("Below 2 GB each", false, "PDF DOCX MP4 WAV"),
                line("Up to 15 MB each", true, "PNG"),
                line("Up to 8 GB each", false, "ZIP TAR.GZ"),
            ]
        );
        assert_eq!(
            told(&section(&["pdf", "mp4"], 25 << 30, true)),
            [line("Below 2 GB each", false, "PDF"), line("Up to 25 GB each", false, "MP4")]
        );
        assert_eq!(told(&section(&["mp4"], 2 << 30, true)), [line("Up to 2 GB each", true, "MP4")]);
        assert_eq!(told(&section(&["mp4"], 2 << 30, false)), [line("Below 2 GB each", false, "MP4")]);
        assert_eq!(
            told(&section(&all, 600 << 20, false)),
            [
                line("Up to 600 MB each", true, "PDF DOCX ZIP MP4 WAV TAR.GZ"),
                line("Up to 15 MB each", true, "PNG")
            ]
        );
    }
}
