//! The catalogue of file kinds a section can accept: by extension, in groups, with each kind's own cap.
//!
//! A section's `accepts` names extensions (`pdf`) or whole groups (`documents`). What is not in the catalogue
//! cannot be accepted by any section.

/// 25 GB, the largest file: 25 × 2³⁰ bytes.
pub const LARGEST: u64 = 25 << 30;
/// The largest file that the virus scanner looks at whole, bytes: with `MaxFileSize 0` clamd's limit is 2³¹ − 3.
pub const LARGEST_SCAN: u64 = 2_147_483_645;
/// 15 MB, the largest image: 15 × 2²⁰ bytes.
const LARGEST_IMAGE: u64 = 15 << 20;

/// A group of kinds, as `accepts` in a component's definition may name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    Audio,
    Archives,
    Data,
    Documents,
    Images,
    Presentations,
    Video,
    Web,
    /// Taken only where a section names it by itself.
    Programs,
}

impl Group {
    /// The word in `accepts`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Archives => "archives",
            Self::Data => "data",
            Self::Documents => "documents",
            Self::Images => "images",
            Self::Presentations => "presentations",
            Self::Video => "video",
            Self::Web => "web",
            Self::Programs => "programs",
        }
    }
}

/// One kind of file: its extension (`tar.gz` is one), group and cap in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileKind {
    pub extension: &'static str,
    pub group: Group,
    pub max_bytes: u64,
}

/// Files that hold no work, only a link to it.
pub const LINK_EXTENSIONS: &[&str] = &["url", "gdoc", "gsheet", "gslides", "webloc", "xspf", "wlmp", "lnk"];

const AUDIO: &[&str] = &["3ga", "aac", "aiff", "amr", "m4a", "m4b", "mp3", "wav", "ogg"];
const ARCHIVES: &[&str] = &["zip", "7z", "tar", "tar.gz", "tgz", "gz"];
const DATA: &[&str] = &["xls", "xlsx", "mdb", "accdb"];
const DOCUMENTS: &[&str] = &["odt", "pdf", "rtf", "txt", "doc", "docx", "dotx", "pages"];
const IMAGES: &[&str] =
    &["png", "jpg", "jpeg", "jfif", "tif", "tiff", "gif", "heic", "psd", "bmp", "wmf", "pcx", "webp"];
const PRESENTATIONS: &[&str] = &["ppt", "pptx", "odp", "key"];
const VIDEO: &[&str] =
    &["3gp", "3g2", "avi", "flv", "m4v", "mkv", "mov", "mp4", "wmv", "mts", "mpg", "mpeg", "webm"];
const WEB: &[&str] = &["html", "htm"];
const PROGRAMS: &[&str] = &["exe"];

const GROUPS: &[(Group, &[&str], u64)] = &[
    (Group::Audio, AUDIO, LARGEST),
    (Group::Archives, ARCHIVES, LARGEST),
    (Group::Data, DATA, LARGEST),
    (Group::Documents, DOCUMENTS, LARGEST),
    (Group::Images, IMAGES, LARGEST_IMAGE),
    (Group::Presentations, PRESENTATIONS, LARGEST),
    (Group::Video, VIDEO, LARGEST),
    (Group::Web, WEB, LARGEST),
    (Group::Programs, PROGRAMS, LARGEST),
];

/// Every kind there is.
pub fn catalogue() -> impl Iterator<Item = FileKind> {
    GROUPS.iter().flat_map(|&(group, extensions, max_bytes)| {
        extensions.iter().map(move |&extension| FileKind { extension, group, max_bytes })
    })
}

impl FileKind {
    /// The kind of an extension, whatever its case. `None` when no section can take it.
    pub fn of(extension: &str) -> Option<Self> {
        catalogue().find(|kind| kind.extension.eq_ignore_ascii_case(extension))
    }
}

/// A name's extension in lower case; `tar.gz` is one extension. `None` for `README`, `.htaccess` and `name.`.
pub fn extension_of(name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    if lower.len() > ".tar.gz".len() && lower.ends_with(".tar.gz") {
        return Some("tar.gz".into());
    }
    let (stem, extension) = lower.rsplit_once('.')?;
    (!stem.is_empty() && !extension.is_empty()).then(|| extension.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tar_gz_is_one_extension_and_case_does_not_matter() {
        assert_eq!(extension_of("work.TAR.GZ").as_deref(), Some("tar.gz"));
        assert_eq!(extension_of("film.mp4.exe").as_deref(), Some("exe"));
        assert_eq!(extension_of(".htaccess"), None);
        assert_eq!(extension_of("a.pdf."), None);
        assert_eq!(FileKind::of("JPG").map(|kind| kind.max_bytes), Some(15 << 20));
        assert_eq!(FileKind::of("rar"), None);
    }
}
