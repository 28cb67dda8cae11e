//! What a sender says of a file: `Upload-Metadata` (tus 1.0.0, creation), the address, `Content-Disposition`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;

use crate::evidence::{DOCUMENTS, OriginalName, Place, RelativePath, SUPPORTING};
use crate::http::error::ApiError;
use crate::upload::{Creation, Wanted};

/// Longest `Upload-Metadata`, bytes.
const LONGEST: usize = 8 * 1024;
/// Longest declared type or modification time, bytes.
const LONGEST_NOTE: usize = 256;

/// Where the address says a file goes: `POST /files/to/...`.
#[derive(Clone, Debug, Default)]
pub(super) struct Address {
    pub sample: Option<String>,
    pub candidate: Option<String>,
    pub section: Option<String>,
    pub document: Option<String>,
}

/// Reads pairs of `key base64`, joined by commas. Keys are unique; a value may be empty and its space missing.
pub(super) fn pairs(header: &str) -> Result<BTreeMap<String, String>, ApiError> {
    let bad = |detail: &str| ApiError::invalid("Upload-Metadata", detail);
    if header.len() > LONGEST {
        return Err(bad("longer than 8 KiB"));
    }
    let mut pairs = BTreeMap::new();
    for pair in header.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(bad("a key is not plain ASCII"));
        }
        let value = STANDARD.decode(value.trim()).map_err(|_| bad("a value is not base64"))?;
        let value = String::from_utf8(value).map_err(|_| bad("a value is not UTF-8"))?;
        if pairs.insert(key.to_owned(), value).is_some() {
            return Err(bad("a key stands twice"));
        }
    }
    Ok(pairs)
}

/// Everything a creation says, from the header, the address and `Content-Disposition`.
pub(super) fn creation(
    headers: &HeaderMap,
    address: Address,
    length: Option<u64>,
) -> Result<Creation, ApiError> {
    let raw = headers.get("upload-metadata").map(|value| value.to_str()).transpose();
    let raw = raw.map_err(|_| ApiError::invalid("Upload-Metadata", "not plain ASCII"))?.unwrap_or_default();
    let mut pairs = pairs(raw)?;
    let mut take = |key: &str| pairs.remove(key).filter(|value| !value.is_empty());
    let name = take("filename").or_else(|| take("name")).or_else(|| disposition_name(headers));
    let sample = address.sample.or_else(|| take("sample"));
    let candidate = address.candidate.or_else(|| take("candidate"));
    let section = address.section.or_else(|| take("section"));
    let document = address.document.or_else(|| take("document"));
    let name = name.ok_or_else(|| ApiError::invalid("filename", "say the file's name in Upload-Metadata"))?;
    let note = |value: Option<String>| value.filter(|value| value.len() <= LONGEST_NOTE);
    Ok(Creation {
        // An id that cannot be one is an unknown sample.
        sample: required("sample", sample)?.parse().map_err(|_| ApiError::NotFound)?,
        wanted: wanted(candidate, &required("section", section)?, document)?,
        name: file_name(&name)?,
        path: folder(take("path").or_else(|| take("relativePath")), &name)?,
        declared_type: note(take("filetype").or_else(|| take("type"))),
        modified: note(take("modified")),
        sha256: take("sha256")
            .map(|text| text.parse().map_err(|_| ApiError::invalid("sha256", "not 64 hexadecimal digits")))
            .transpose()?,
        replaces: take("replaces").map(|id| id.parse().map_err(|_| ApiError::NotFound)).transpose()?,
        length,
        metadata: raw.to_owned(),
    })
}

fn required(field: &'static str, value: Option<String>) -> Result<String, ApiError> {
    value.ok_or_else(|| {
        ApiError::invalid(field, format!("say the {field} in Upload-Metadata or in the address"))
    })
}

fn file_name(name: &str) -> Result<OriginalName, ApiError> {
    name.parse().map_err(|invalid: crate::evidence::InvalidName| ApiError::Refused {
        reason: crate::evidence::Reason::NameNotAllowed,
        detail: invalid.to_string(),
    })
}

/// The folder; browsers send it with the name at its end.
fn folder(path: Option<String>, name: &str) -> Result<RelativePath, ApiError> {
    let path = path.unwrap_or_default();
    let path = match path.strip_suffix(name) {
        Some(folder) if folder.is_empty() || folder.ends_with('/') => folder,
        _ => &path,
    };
    path.parse()
        .map_err(|invalid: crate::evidence::InvalidName| ApiError::invalid("path", invalid.to_string()))
}

fn wanted(candidate: Option<String>, section: &str, document: Option<String>) -> Result<Wanted, ApiError> {
    if section == DOCUMENTS {
        return match document {
            None => Ok(Wanted::OnlyDocument),
            Some(code) => {
                Ok(Wanted::Place(Place::Document { document: code.parse().map_err(|_| ApiError::NotFound)? }))
            }
        };
    }
    let candidate = required("candidate", candidate)?.parse().map_err(|_| ApiError::NotFound)?;
    Ok(Wanted::Place(if section == SUPPORTING {
        Place::Supporting { candidate }
    } else {
        Place::Section { candidate, section: section.parse().map_err(|_| ApiError::NotFound)? }
    }))
}

/// The name in `Content-Disposition` (RFC 6266): `filename*` in UTF-8 before `filename`.
fn disposition_name(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(http::header::CONTENT_DISPOSITION)?.to_str().ok()?;
    let parameter = |name: &str| {
        value.split(';').skip(1).find_map(|parameter| {
            let (key, value) = parameter.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    if let Some(extended) = parameter("filename*") {
        let encoded =
            extended.get(..7).filter(|p| p.eq_ignore_ascii_case("utf-8''")).and(extended.get(7..))?;
        return percent_encoding::percent_decode_str(encoded).decode_utf8().ok().map(Into::into);
    }
    parameter("filename").map(|plain| plain.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(pairs: &[(&str, &str)]) -> HeaderMap {
        let text: Vec<_> =
            pairs.iter().map(|(key, value)| format!("{key} {}", STANDARD.encode(value))).collect();
        let mut headers = HeaderMap::new();
        headers.insert("upload-metadata", text.join(",").parse().unwrap());
        headers
    }

    #[test]
    fn a_file_says_where_it_goes() {
        let sample = crate::ids::SampleId::new().to_string();
        let headers = header(&[
            ("sample", &sample),
            ("candidate", "1005"),
            ("section", "URS"),
            ("filename", "Ünit plan.pdf"),
            ("path", "Week 1/Ünit plan.pdf"),
        ]);
        let creation = creation(&headers, Address::default(), Some(3)).unwrap();
        assert_eq!(creation.name.as_str(), "Ünit plan.pdf");
        assert_eq!(creation.path.as_str(), "Week 1");
        let place = Place::Section { candidate: "1005".parse().unwrap(), section: "URS".parse().unwrap() };
        assert_eq!(creation.wanted, Wanted::Place(place));
    }

    #[test]
    fn the_address_and_content_disposition_do_as_well() {
        let mut headers = HeaderMap::new();
        headers.insert("content-disposition", "attachment; filename*=UTF-8''%E6%9D%8E.pdf".parse().unwrap());
        let address = Address {
            sample: Some(crate::ids::SampleId::new().to_string()),
            section: Some("Documents".into()),
            ..Address::default()
        };
        let creation = creation(&headers, address, None).unwrap();
        assert_eq!((creation.name.as_str(), creation.wanted), ("李.pdf", Wanted::OnlyDocument));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for bad in ["filename !!!", "filename YQ==,filename YQ==", "filename /w=="] {
            assert!(pairs(bad).is_err(), "{bad}");
        }
        assert_eq!(pairs("").unwrap().len(), 0);
        assert_eq!(pairs("is_confidential").unwrap()["is_confidential"], "");
    }

    proptest! {
        #[test]
        fn no_header_panics(text in "\\PC{0,200}") {
            let _result = pairs(&text);
        }
    }
}
