//! The type of a file by its content, and which types each extension may have.

use std::io::SeekFrom;

use ::image::ImageFormat;
use file_format::FileFormat as F;

use super::image::Drawing;
use super::media::{ChunkKind, Media, Stream};
use super::office::MainPart;
use super::refuse::Stop;
use super::view::read_some;
use super::{Source, compound, seven_zip, tar, zip};
use crate::evidence::{FileKind, Reason};

/// What a content is checked as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Pdf,
    Office(MainPart),
    OpenDocument,
    /// OLE2: legacy Office.
    Compound,
    Zip,
    Tar,
    Gzip,
    /// Pages and Keynote.
    Iwork,
    Image(ImageFormat),
    /// Pictures that no decoder reads here.
    Drawing(Drawing),
    Media(Media),
    SevenZip,
    /// A database of Access.
    Access,
    Rtf,
    Text,
    /// Only where a section names programs: its first bytes are all there is to check.
    Program,
}

impl Content {
    /// A zip at its end is its own, or that of a member.
    pub(super) fn is_archive(self) -> bool {
        matches!(
            self,
            Self::Zip
                | Self::Tar
                | Self::Gzip
                | Self::SevenZip
                | Self::Office(_)
                | Self::OpenDocument
                | Self::Iwork
        )
    }

    pub(super) fn is_picture_or_recording(self) -> bool {
        matches!(self, Self::Image(_) | Self::Drawing(_) | Self::Media(_))
    }
}

/// Bytes at the start that decide dangerous types.
pub(super) const HEAD: usize = 8192;

pub(super) fn detect(source: &mut dyn Source, size: u64) -> Result<F, Stop> {
    let head = read_some(source, 0, HEAD)?;
    // A PDF would be searched to its end for whether Illustrator wrote it, which is nothing to us.
    if head.starts_with(b"%PDF-") {
        return Ok(F::PortableDocumentFormat);
    }
    // A zip would be gone through by an end that may be nonsense; the check of it says what is wrong.
    if head.starts_with(b"PK\x03\x04") && !zip::has_an_end(source, size) {
        return Ok(F::Zip);
    }
    source.seek(SeekFrom::Start(0))?;
    Ok(F::from_reader(source)?)
}

/// The check for a file of this extension whose content was seen to be `seen`.
pub(super) fn content_of(kind: FileKind, seen: &F, source: &mut dyn Source) -> Result<Content, Stop> {
    let extension = kind.extension;
    // Text has no signature: what a detector calls it means nothing.
    if matches!(extension, "txt" | "html" | "htm") {
        return Ok(Content::Text);
    }
    let head = read_some(source, 0, HEAD)?;
    if let Some(content) = allowed(extension, seen, &head) {
        // The second opinion may not name something that runs.
        if extension != "exe" && runs_by_second_opinion(&head) {
            return Err(mismatch(extension, "a program"));
        }
        return Ok(content);
    }
    if head.starts_with(compound::MAGIC) && is_office(extension) {
        compound::refuse_encrypted_package(source)?;
    }
    Err(mismatch(extension, seen.name()))
}

fn mismatch(extension: &str, seen: &str) -> Stop {
    Stop::refuse(
        Reason::TypeMismatch,
        format!(
            "The name says .{extension}, but the content is something else ({seen}); export it as .{extension}."
        ),
    )
}

fn is_office(extension: &str) -> bool {
    matches!(extension, "docx" | "dotx" | "xlsx" | "pptx" | "accdb")
}

/// The check of this content under this extension; `None` when the two do not belong together.
fn allowed(extension: &str, seen: &F, head: &[u8]) -> Option<Content> {
    let zipped = head.starts_with(b"PK\x03\x04");
    let when = |fits: bool, content: Content| fits.then_some(content);
    match extension {
        "pdf" => when(head.starts_with(b"%PDF-"), Content::Pdf),
        // What is in the zip decides, not the order of its entries.
        "docx" | "dotx" => when(zipped, Content::Office(MainPart::Document)),
        "xlsx" => when(zipped, Content::Office(MainPart::Workbook)),
        "pptx" => when(zipped, Content::Office(MainPart::Presentation)),
        "odt" | "odp" => when(zipped, Content::OpenDocument),
        "pages" | "key" => when(zipped, Content::Iwork),
        // Word itself writes RTF under .doc.
        "doc" if head.starts_with(b"{\\rtf") => Some(Content::Rtf),
        "doc" | "xls" | "ppt" => when(head.starts_with(compound::MAGIC), Content::Compound),
        "rtf" => when(head.starts_with(b"{\\rtf"), Content::Rtf),
        "zip" => when((zipped || head.starts_with(b"PK\x05\x06")) && !is_program(seen), Content::Zip),
        "tar" => when(tar::is_tar(head) || tar::is_blank(head), Content::Tar),
        "gz" | "tgz" | "tar.gz" => when(head.starts_with(b"\x1f\x8b\x08"), Content::Gzip),
        "jpg" | "jpeg" | "jfif" => when(head.starts_with(b"\xff\xd8\xff"), Content::Image(ImageFormat::Jpeg)),
        "png" => when(head.starts_with(b"\x89PNG\r\n\x1a\n"), Content::Image(ImageFormat::Png)),
        "gif" => when(*seen == F::GraphicsInterchangeFormat, Content::Image(ImageFormat::Gif)),
        // Those of OS/2 too.
        "bmp" => when(head.starts_with(b"BM"), Content::Image(ImageFormat::Bmp)),
        "tif" | "tiff" => when(is_tiff(head), Content::Image(ImageFormat::Tiff)),
        "webp" => when(*seen == F::Webp, Content::Image(ImageFormat::WebP)),
        "heic" => when(is_boxes(head) && is_heif(head), Content::Media(Media::PictureBoxes)),
        "psd" => when(head.starts_with(b"8BPS"), Content::Drawing(Drawing::Photoshop)),
        "pcx" => when(matches!(head, [0x0a, 0..=5, ..]), Content::Drawing(Drawing::Pcx)),
        "wmf" => when(is_metafile(head), Content::Drawing(Drawing::Metafile)),
        "7z" => when(head.starts_with(seven_zip::MAGIC), Content::SevenZip),
        "mdb" => when(head.get(4..19) == Some(b"Standard Jet DB"), Content::Access),
        "accdb" => when(head.get(4..19) == Some(b"Standard ACE DB"), Content::Access),
        "exe" => when(head.starts_with(b"MZ"), Content::Program),
        _ => recording(extension, seen, head).map(Content::Media),
    }
}

/// The container of this extension; `None` when these are not its first bytes.
fn recording(extension: &str, seen: &F, head: &[u8]) -> Option<Media> {
    let when = |fits: bool, media: Media| fits.then_some(media);
    let iff = |kind: &[u8]| head.starts_with(b"RIFF") && head.get(8..12) == Some(kind);
    // MPEG audio frames have eleven set bits and no signature.
    let audio = head.starts_with(b"ID3") || matches!(head, [0xff, second, ..] if second & 0xe0 == 0xe0);
    let speech = head.starts_with(b"#!AMR");
    let transport = head.first() == Some(&0x47);
    match extension {
        "mp4" | "m4v" | "mov" | "3gp" | "3g2" | "m4a" | "m4b" | "3ga" | "aac" if is_boxes(head) => {
            when(!is_heif(head), Media::Boxes)
        }
        "mp3" => {
            let seen = matches!(seen, F::Mpeg12AudioLayer3 | F::Mpeg12AudioLayer2);
            when(audio || seen, Media::Stream(Stream::Audio))
        }
        "aac" => {
            let seen = *seen == F::AdvancedAudioCoding;
            when(audio || seen || head.starts_with(b"ADIF"), Media::Stream(Stream::Audio))
        }
        "amr" | "3ga" => when(speech, Media::Stream(Stream::Speech)),
        "wav" => {
            let long = head.starts_with(b"RF64") || head.starts_with(b"BW64");
            when(iff(b"WAVE") || long, Media::Chunks(ChunkKind::Wave))
        }
        "aiff" => {
            let iff = head.starts_with(b"FORM") && matches!(head.get(8..12), Some(b"AIFF" | b"AIFC"));
            when(iff, Media::Chunks(ChunkKind::Aiff))
        }
        "ogg" => when(head.starts_with(b"OggS"), Media::Ogg),
        "avi" => when(iff(b"AVI "), Media::Chunks(ChunkKind::Avi)),
        "flv" => when(head.starts_with(b"FLV\x01"), Media::Flash),
        "mkv" | "webm" => when(head.starts_with(b"\x1a\x45\xdf\xa3"), Media::Matroska),
        "wmv" => when(head.starts_with(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"), Media::Asf),
        "mts" => when(transport || head.get(4) == Some(&0x47), Media::Stream(Stream::Transport)),
        "mpg" | "mpeg" => {
            let program = matches!(head, [0, 0, 1, 0xba | 0xb3, ..]);
            when(program || transport, Media::Stream(Stream::Program))
        }
        _ => None,
    }
}

/// Windows Metafile, with its place on the page or without.
fn is_metafile(head: &[u8]) -> bool {
    head.starts_with(b"\xd7\xcd\xc6\x9a") || head.starts_with(b"\x01\0\x09\0\0")
}

fn is_tiff(head: &[u8]) -> bool {
    head.starts_with(b"II*\0")
        || head.starts_with(b"MM\0*")
        || head.starts_with(b"II+\0")
        || head.starts_with(b"MM\0+")
}

/// ISO base media: a box type at offset 4 that begins such files.
fn is_boxes(head: &[u8]) -> bool {
    let kinds: [&[u8]; 7] = [b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"];
    head.get(4..8).is_some_and(|kind| kinds.contains(&kind))
}

fn is_heif(head: &[u8]) -> bool {
    let brands: [&[u8]; 9] =
        [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif"];
    head.get(4..12).is_some_and(|start| start.starts_with(b"ftyp") && brands.contains(&&start[4..]))
}

/// Programs, installers, disk images, shortcuts: what a double click runs or opens with rights of its own.
pub(super) fn is_program(seen: &F) -> bool {
    matches!(
        seen,
        F::PortableExecutable
            | F::DynamicLinkLibrary
            | F::MsDosExecutable
            | F::NewExecutable
            | F::LinearExecutable
            | F::ExecutableAndLinkableFormat
            | F::MachO
            | F::DalvikExecutable
            | F::AndroidPackage
            | F::AndroidAppBundle
            | F::JavaArchive
            | F::EnterpriseApplicationArchive
            | F::WebApplicationArchive
            | F::IosAppStorePackage
            | F::Iso9660
            | F::AppleDiskImage
            | F::Appimage
            | F::MicrosoftSoftwareInstaller
            | F::MicrosoftCompiledHtmlHelp
            | F::WindowsShortcut
            | F::WindowsAppPackage
            | F::WindowsAppBundle
            | F::MicrosoftVirtualHardDisk
            | F::MicrosoftVirtualHardDisk2
            | F::DebianPackage
            | F::RedHatPackageManager
            | F::GoogleChromeExtension
            | F::Xpinstall
            | F::Xap
            | F::Cabinet
    )
}

fn runs_by_second_opinion(head: &[u8]) -> bool {
    // Sound of telephones begins like a script.
    !head.starts_with(b"#!AMR")
        && infer::get(head).is_some_and(|kind| {
            matches!(
                kind.mime_type(),
                "application/x-executable"
                    | "application/vnd.microsoft.portable-executable"
                    | "application/x-mach-binary"
                    | "application/vnd.android.dex"
                    | "application/x-shockwave-flash"
                    | "application/vnd.debian.binary-package"
                    | "application/x-rpm"
                    | "application/x-google-chrome-extension"
                    | "text/x-shellscript"
                    | "text/html"
            )
        })
}
