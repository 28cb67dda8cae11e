//! tus 1.0.0, concatenation: partial uploads, and the file that is made of them.
//!
//! `Upload-Concat: partial` begins a piece of a file to come. It may say by its address where that file goes; its
//! `Upload-Metadata` is given back and means nothing. `Upload-Concat: final;URL URL …` makes the file: its name and
//! place come as for any other, its length is the sum of its pieces'. The addresses may be whole or not; whose they are
//! counts, and not by which name of ours they were asked for. All pieces must be finished (*concatenation-unfinished*
//! is not offered). The same piece may stand twice in one file, and is of no other file afterwards. A request that is
//! repeated word for word because its answer was lost is told of the file it has made.
//!
//! After cut-off a file may still be made of pieces that were all begun before it at the address of its place; one made
//! of pieces without an address may not.
//!
//! Every byte of such a file is durable when it is created, so its offset is its length from then on.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, StatusCode, header};

use super::metadata::{self, Address};
use super::shared::{self, LENGTH};
use super::tus::{DEFER, NAME};
use crate::http::error::ApiError;
use crate::http::identity::Caller;
use crate::http::layers::RequestId;
use crate::ids::FileId;
use crate::service::Service;
use crate::upload::{Concatenation, Created, Lease, MOST_PARTIALS, NewPartial};

pub(super) const CONCAT: HeaderName = HeaderName::from_static("upload-concat");

/// Longest `Upload-Concat`, bytes: room for long names of the service.
const LONGEST: usize = 16 * 1024;

/// What `Upload-Concat` says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Concat {
    Partial,
    Final(Concatenation),
}

/// What a request says; `None` when it says nothing.
pub(super) fn said(headers: &HeaderMap) -> Result<Option<Concat>, ApiError> {
    let bad = |detail: &str| ApiError::invalid(CONCAT.as_str(), detail);
    let mut values = headers.get_all(&CONCAT).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let value = value.to_str().map_err(|_| bad("not plain ASCII"))?;
    if values.next().is_some() {
        return Err(bad("stands twice"));
    }
    if value == "partial" {
        return Ok(Some(Concat::Partial));
    }
    let addresses =
        value.strip_prefix("final;").ok_or_else(|| bad("say partial, or final; and addresses"))?;
    if value.len() > LONGEST {
        return Err(bad("longer than 16 KiB"));
    }
    let addresses: Vec<_> = addresses.split_ascii_whitespace().collect();
    if addresses.is_empty() {
        return Err(bad("name a partial upload"));
    }
    if addresses.len() > MOST_PARTIALS {
        return Err(bad("more than 64 partial uploads"));
    }
    let partials = addresses.into_iter().map(|address| upload(address).ok_or(ApiError::NotFound));
    let partials = partials.collect::<Result<_, _>>()?;
    Ok(Some(Concat::Final(Concatenation { header: value.to_owned(), partials })))
}

/// The upload an address names, if it is one of an upload: the last piece of its path, under `files`.
fn upload(address: &str) -> Option<FileId> {
    // Two addresses with no blank between them are not one.
    if address.contains(',') {
        return None;
    }
    let path = match address.split_once("://") {
        Some((_, rest)) => &rest[rest.find('/')?..],
        None => address,
    };
    let (folder, id) = path.rsplit_once('/').unwrap_or(("files", path));
    (folder.rsplit('/').next() == Some("files")).then(|| id.parse().ok()).flatten()
}

/// Makes a partial upload, and takes its lease when its bytes come along (`held`).
pub(super) async fn create_partial(
    service: &Service,
    caller: &Caller,
    id: RequestId,
    address: Address,
    length: Option<u64>,
    headers: &HeaderMap,
    held: bool,
) -> Result<(Created, Option<Box<Lease>>), ApiError> {
    let metadata = metadata::raw(headers)?;
    metadata::pairs(metadata)?;
    let place = metadata::place(address)?;
    let new = NewPartial { place, length, metadata: metadata.to_owned(), dialect: NAME };
    let (uploads, actor, id) = (&service.uploads, &caller.actor, id.to_string());
    Ok(match held {
        true => {
            let (created, lease) = uploads.create_partial_held(actor, &new, &id).await?;
            (created, Some(lease))
        }
        false => (uploads.create_partial(actor, &new, &id).await?, None),
    })
}

/// Makes the file. `body`: the request brings bytes of its own.
pub(super) async fn create(
    service: &Service,
    caller: &Caller,
    id: RequestId,
    address: Address,
    concatenation: Concatenation,
    headers: &HeaderMap,
    body: bool,
) -> Result<Response, ApiError> {
    if headers.contains_key(LENGTH) || headers.contains_key(DEFER) {
        return Err(ApiError::invalid(LENGTH.as_str(), "a final upload is as long as its partial uploads"));
    }
    if body {
        return Err(ApiError::invalid(CONCAT.as_str(), "a final upload takes no bytes of its own"));
    }
    let addressed = address.sample.is_some();
    let mut creation = metadata::creation(headers, address, None, NAME)?;
    creation.concatenation = Some(concatenation);
    let (created, _) = shared::create(service, caller, id, &creation, addressed, false).await?;
    let mut response = StatusCode::CREATED.into_response();
    let location = shared::location(service, headers, created.file)?;
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(value: &str) -> Result<Option<Concat>, ApiError> {
        said(&HeaderMap::from_iter([(CONCAT, value.parse().unwrap())]))
    }

    #[test]
    fn addresses_may_be_whole_or_not() {
        let (a, b) = (FileId::new(), FileId::new());
        for header in [
            format!("final;https://files.example:8443/files/{a} /files/{b}"),
            format!("final; files/{a}  {b} "),
            format!("final;https://files.example/behind/files/{a} /behind/files/{b}"),
        ] {
            let Ok(Some(Concat::Final(read))) = read(&header) else { panic!("{header}") };
            assert_eq!(read, Concatenation { header, partials: vec![a, b] });
        }
        assert_eq!(read("partial").unwrap(), Some(Concat::Partial));
        assert_eq!(said(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn what_names_no_upload_is_refused() {
        let id = FileId::new();
        for unknown in [
            "final;nothing".to_owned(),
            format!("final;/elsewhere/{id}"),
            format!("final;https://files.example/{id}"),
            format!("final;https://files.example/files/{id}/"),
            format!("final;/files/{id},/files/{id}"),
        ] {
            assert!(matches!(read(&unknown), Err(ApiError::NotFound)), "{unknown}");
        }
        let many = format!("final;{}", format!("{id} ").repeat(MOST_PARTIALS + 1));
        for bad in ["", "Partial", "final", "final;", "final; ", &many] {
            assert!(matches!(read(bad), Err(ApiError::InvalidRequest { .. })), "{bad}");
        }
        assert!(read(&many[..many.len() - id.to_string().len() - 1]).is_ok());
    }

    proptest! {
        #[test]
        fn no_header_panics(text in "[ -~]{0,80}") {
            let _said = read(&text);
            let _upload = upload(&text);
        }
    }
}
