//! What a file is, by its content, and whether what is in it may be kept.
//!
//! [`inspect`] decides the type, then hands the file to the module of its family. Everything here reads by position
//! from one descriptor, in bounded pieces, under one [`Budget`] for the whole file and all that is inside it: time,
//! entries, inflated bytes. What goes beyond is refused, never skipped.

mod budget;
mod compound;
mod foreign;
#[cfg(test)]
mod fuzz;
mod image;
mod kind;
mod media;
mod office;
mod opaque;
mod open_document;
mod pdf;
mod refuse;
mod rtf;
mod seven_zip;
mod tar;
mod text;
mod view;
mod zip;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::budget::Budget;
use self::kind::Content;
use self::view::{View, read_some};
use crate::evidence::FileKind;

pub use budget::{Hand, Limits};
pub use refuse::Stop;
pub(super) use refuse::too_slow;

/// One file in an archive; `path` has the archives on the way to it, joined by `/`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub path: String,
    /// Bytes, as inflated.
    pub size: u64,
}

/// What an acceptable file turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    pub media_type: String,
    /// For archives only, and not longer than [`Limits::listing_bytes`].
    pub listing: Option<Vec<Member>>,
    /// The file, or the tar in its gzip, is beyond [`Limits::scan_bytes`], and [`hand_over`] gives what is in it.
    pub by_member: bool,
}

/// The result of [`inspect`]; the type is told even for a refused file.
#[derive(Debug)]
pub struct Inspection {
    pub media_type: Option<String>,
    pub outcome: Result<Findings, Stop>,
}

/// Something that can be read anywhere.
pub(super) trait Source: std::io::Read + std::io::Seek {}
impl<T: std::io::Read + std::io::Seek + ?Sized> Source for T {}

/// Judges type and structure of `size` bytes that are called a `kind`. Blocking, and as long as
/// [`Limits::time_for`] at most, but for parsers that are not ours.
///
/// `programs`: the section takes programs, so archives may hold them. `spool`: a folder for what is inflated on the way
/// to what is in it.
pub fn inspect(
    file: &Arc<File>,
    size: u64,
    kind: FileKind,
    programs: bool,
    limits: &Limits,
    spool: &Path,
) -> Inspection {
    let mut budget = Budget::new(limits, size, programs, spool);
    let mut view = View::new(Arc::clone(file), size, budget.deadline());
    let mut media_type = None;
    let outcome = judge_content(&mut view, size, kind, &mut budget, &mut media_type);
    // A parser may have taken a failing disk or our deadline for a broken file.
    let outcome = match view.trouble() {
        Some(stop) if outcome.is_err() => Err(stop),
        _ => outcome,
    };
    let outcome = outcome.map(|()| Findings {
        media_type: media_type.clone().unwrap_or_else(|| "application/octet-stream".to_owned()),
        by_member: budget.by_member(),
        listing: budget.into_listing(),
    });
    Inspection { media_type, outcome }
}

/// Hands over every file in an archive that [`inspect`] found acceptable, inflated into the spool folder, one after the
/// other; those of archives in it not by themselves, for they are within what the scanner unpacks. Blocking.
pub fn hand_over<'a>(
    file: &Arc<File>,
    size: u64,
    kind: FileKind,
    programs: bool,
    (limits, spool): (&'a Limits, &'a Path),
    hand: &'a mut Hand<'a>,
) -> Result<(), Stop> {
    let mut budget = Budget::new(limits, size, programs, spool).handing(hand);
    let mut view = View::new(Arc::clone(file), size, budget.deadline());
    let outcome = judge_content(&mut view, size, kind, &mut budget, &mut None);
    match view.trouble() {
        Some(stop) if outcome.is_err() => Err(stop),
        _ => outcome,
    }
}

fn judge_content(
    view: &mut View,
    size: u64,
    kind: FileKind,
    budget: &mut Budget<'_>,
    media_type: &mut Option<String>,
) -> Result<(), Stop> {
    let seen = kind::detect(view, size)?;
    *media_type = Some(seen.media_type().to_owned());
    let content = kind::content_of(kind, &seen, view)?;
    if content.is_archive() {
        budget.around_members(size);
    } else {
        zip::refuse_appended(view, size, content == Content::Compound)?;
    }
    if content.is_picture_or_recording() {
        foreign::refuse_second_start(&read_some(view, 0, kind::HEAD)?)?;
    }
    match content {
        Content::Pdf => pdf::check(view, size, budget),
        Content::Office(part) => office::check_document(view, size, Some(part), budget),
        Content::OpenDocument => open_document::check_document(view, size, kind.extension, budget),
        Content::Compound => {
            compound::check(view, size, budget)?;
            compound::check_main(view, kind.extension)
        }
        Content::Zip => zip::check_archive(view, size, budget),
        Content::Tar => tar::check_tar(view, budget),
        Content::Gzip => tar::check_gzip(view, kind.extension, budget),
        Content::SevenZip => seven_zip::check_archive(view, size, budget),
        Content::Iwork => zip::check_iwork(view, size, budget),
        Content::Image(format) => image::check(view, size, format, budget),
        Content::Drawing(drawing) => image::check_drawing(view, size, drawing, budget),
        Content::Media(media) => media::check(view, size, media, budget),
        Content::Access => opaque::check_access(view, size),
        Content::Rtf => rtf::check(view, size, budget),
        Content::Text => text::check(view, size, budget),
        Content::Program => Ok(()),
    }
}
