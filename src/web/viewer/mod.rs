//! The viewer: a file as it can be looked at, or in words why it cannot.
//!
//! What a browser shows by itself comes from the origin of files (`http::viewing`). Text is read here and stands in the
//! page as text, whatever it is called: no page of somebody's is ever run. Of a zip there is its table of contents, and what in it is
//! text.

mod text;
mod tree;

use std::sync::Arc;

use axum::http::HeaderMap;
use bytes::BytesMut;
use futures_util::StreamExt;
use serde_json::json;

use crate::archive::{Listed, Listing, ListingError, Parcel, StoredObject, listing, member};
use crate::database::archive::{Readable, readable};
use crate::evidence::{FileKind, Group, extension_of};
use crate::http::attachment::{Right, closing, crowded, gate, refused};
use crate::http::error::{ApiError, chain};
use crate::http::identity::Caller;
use crate::http::layers::RequestId;
use crate::http::viewing::{self, Shown};
use crate::ids::FileId;
use crate::service::Service;

pub use text::Text;
pub use tree::{Step, Tree};

/// Bytes of a text that are shown.
const TEXT: u64 = 1 << 20;
/// Endings of what is shown as text: writing, tables, and what programs are written in.
const TEXTS: &[&str] = &[
    "txt", "csv", "tsv", "md", "html", "htm", "xhtml", "svg", "json", "xml", "css", "js", "mjs", "ts", "py",
    "java", "c", "h", "cpp", "hpp", "cs", "rs", "go", "php", "rb", "swift", "kt", "sql", "sh", "bat", "ps1",
    "vb", "pas", "lua", "r", "scala", "pl", "asm", "ini", "toml", "yaml", "yml", "log", "tex",
];

/// How a file is looked at.
#[derive(Debug)]
pub enum Look {
    Pdf(String),
    Image(String),
    Audio(String),
    Film(String),
    Text(Text),
    Zip(Tree),
    /// A text in a zip.
    Member(MemberText),
    /// Why it is not shown, and what to do.
    Words(String),
}

/// A text in a zip, and the way back to what else is there.
#[derive(Debug)]
pub struct MemberText {
    /// With its folders.
    pub path: String,
    pub text: Text,
    pub back: String,
}

/// Who looks, and how they came.
#[derive(Clone, Debug)]
pub struct Looker<'a> {
    /// The page that the file is looked at on; it may have a query already.
    pub page: &'a str,
    /// Which entry of a zip is looked at.
    pub member: Option<u64>,
    pub service: &'a Arc<Service>,
    pub caller: &'a Caller,
    pub request: RequestId,
    pub headers: &'a HeaderMap,
}

/// Has a file looked at, as it was in that revision of its sample; on the audit trail first. Whoever may not read it, or
/// not any more, gets words.
pub async fn look(looker: &Looker<'_>, file: FileId) -> Result<Look, ApiError> {
    let Looker { service, caller, request, headers, .. } = *looker;
    let Some(found) = readable(&service.db, caller.person(), file).await? else {
        return Ok(Look::Words("It cannot be opened now.".into()));
    };
    let name = found.name.to_string();
    let extension = extension_of(&name).unwrap_or_default();
    if let Some((kind, _)) = viewing::shown(&name) {
        let address = viewing::address(service, caller, request, headers, &found).await?;
        return Ok(address.map_or_else(|| Look::Words(NO_ORIGIN.into()), |address| shown(kind, address)));
    }
    if TEXTS.contains(&extension.as_str()) {
        return read_text(looker, found).await;
    }
    if extension == "zip" {
        return match looker.member {
            Some(index) => read_member(looker, &found, index).await,
            None => contents(looker, &found).await,
        };
    }
    Ok(Look::Words(not_shown(&extension)))
}

const NO_ORIGIN: &str =
    "Files are not shown in the browser here: this installation has no address for that. Download it.";

fn shown(kind: Shown, address: String) -> Look {
    match kind {
        Shown::Pdf => Look::Pdf(address),
        Shown::Image => Look::Image(address),
        Shown::Audio => Look::Audio(address),
        Shown::Film => Look::Film(address),
    }
}

/// Why a kind of file is not shown.
fn not_shown(extension: &str) -> String {
    let what = match extension {
        "doc" | "docx" | "dotx" => "Word files",
        "xls" | "xlsx" => "Excel files",
        "ppt" | "pptx" => "PowerPoint files",
        "odt" | "odp" => "OpenDocument files",
        "pages" => "Pages documents",
        "key" => "Keynote presentations",
        "rtf" => "RTF documents",
        "mdb" | "accdb" => "Access databases",
        "7z" | "tar" | "tar.gz" | "tgz" | "gz" => "Archives other than zip",
        "exe" => {
            return "This is a program. It is never shown; if you download it, run it only on a machine kept for that."
                .into();
        }
        other => match FileKind::of(other).map(|kind| kind.group) {
            Some(Group::Images) => "Pictures of this type (browsers do not show them)",
            Some(Group::Audio) => "Recordings of this type (browsers do not play them)",
            Some(Group::Video) => "Films of this type (browsers do not play them)",
            _ => "Files of this type",
        },
    };
    format!("{what} open after download.")
}

/// The beginning of a text, as text.
async fn read_text(looker: &Looker<'_>, found: Readable) -> Result<Look, ApiError> {
    let Looker { service, caller, request, .. } = *looker;
    let place = service.downloads.place(caller.person()).map_err(crowded)?;
    viewing::looked(service, caller, request, &found, json!("text")).await?;
    let size = found.object.size();
    let until = size.min(TEXT);
    let gate = gate(service.clone(), caller.clone(), Right::Evidence);
    let note = closing(None, service.clone(), caller.clone(), request);
    let mut pieces = service.downloads.start(place, Parcel::File(found.object), 0..until, gate, note);
    pieces.begin().await.map_err(refused)?;
    // At most what is shown.
    let mut bytes = BytesMut::new();
    while let Some(piece) = pieces.next().await {
        bytes.extend_from_slice(&piece.map_err(refused)?);
    }
    Ok(Look::Text(Text::read(&bytes, size)))
}

/// What a zip holds.
async fn contents(looker: &Looker<'_>, found: &Readable) -> Result<Look, ApiError> {
    let Looker { service, caller, request, .. } = *looker;
    let _place = service.downloads.place(caller.person()).map_err(crowded)?;
    viewing::looked(service, caller, request, found, json!("contents")).await?;
    match listed(service, &found.object).await {
        Ok(listing) => Ok(Look::Zip(Tree::of(&listing, |file| looker.member_of(file)))),
        Err(error) => {
            tracing::warn!(cause = chain(&error), "a zip could not be listed");
            Ok(Look::Words(
                "What is in this zip cannot be listed at the moment. Download it, or try again.".into(),
            ))
        }
    }
}

/// The beginning of a text in a zip, as text.
async fn read_member(looker: &Looker<'_>, found: &Readable, index: u64) -> Result<Look, ApiError> {
    let Looker { service, caller, request, page, .. } = *looker;
    let _place = service.downloads.place(caller.person()).map_err(crowded)?;
    viewing::looked(service, caller, request, found, json!({ "member": index })).await?;
    let most = usize::try_from(TEXT).unwrap_or(usize::MAX);
    let member = match member(&*service.store, &found.object, index, most).await {
        Ok(member) => member.filter(|member| is_text(&member.listed.path)).ok_or(ApiError::NotFound)?,
        Err(error) => {
            tracing::warn!(cause = chain(&error), "a file of a zip could not be read");
            let words = "This file of the zip cannot be read at the moment. Download the zip, or try again.";
            return Ok(Look::Words(words.into()));
        }
    };
    let text = Text::read(&member.beginning, member.listed.size);
    Ok(Look::Member(MemberText { path: member.listed.path, text, back: page.to_owned() }))
}

/// Whether a file of a zip is shown as text.
fn is_text(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    extension_of(name).is_some_and(|extension| TEXTS.contains(&extension.as_str()))
}

impl Looker<'_> {
    /// Where a file of the zip is read, if it is text.
    fn member_of(&self, file: &Listed) -> Option<String> {
        let joint = if self.page.contains('?') { '&' } else { '?' };
        is_text(&file.path).then(|| format!("{}{joint}member={}", self.page, file.index))
    }
}

async fn listed(service: &Service, object: &StoredObject) -> Result<Listing, ListingError> {
    listing(&*service.store, object).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_shown_says_what_to_do() {
        for kind in crate::evidence::catalogue() {
            let name = format!("work.{}", kind.extension);
            if viewing::shown(&name).is_none() && !TEXTS.contains(&kind.extension) && kind.extension != "zip"
            {
                assert!(not_shown(kind.extension).contains("download"), "{name}");
            }
        }
        assert_eq!(not_shown("docx"), "Word files open after download.");
    }

    #[test]
    fn no_page_or_drawing_is_shown_as_what_it_is() {
        for name in ["a.html", "a.htm", "a.svg", "a.xhtml", "a.xml", "a.js", "a.pdf.html"] {
            assert_eq!(viewing::shown(name), None, "{name}");
            assert!(TEXTS.contains(&extension_of(name).unwrap().as_str()), "{name}");
        }
    }
}
