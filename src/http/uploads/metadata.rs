//! What a sender says of a file: `Upload-Metadata` (tus 1.0.0, creation), the address, `Content-Disposition`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;

use crate::candidate::CandidateNumber;
use crate::evidence::{DOCUMENTS, OriginalName, Place, RelativePath, SUPPORTING, Sha256Digest};
use crate::http::error::ApiError;
use crate::ids::SampleId;
use crate::upload::{Creation, Wanted};

/// Longest `Upload-Metadata`, bytes.
const LONGEST: usize = 8 * 1024;
/// Longest declared type or modification time, bytes.
pub(super) const LONGEST_NOTE: usize = 256;

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

/// The header as it came; `""` without.
pub(super) fn raw(headers: &HeaderMap) -> Result<&str, ApiError> {
    let raw = headers.get("upload-metadata").map(|value| value.to_str()).transpose();
    Ok(raw.map_err(|_| ApiError::invalid("Upload-Metadata", "not plain ASCII"))?.unwrap_or_default())
}

/// The place an address says; `None` when it says none.
pub(super) fn place(address: Address) -> Result<Option<(SampleId, Wanted)>, ApiError> {
    let (Some(sample), Some(section)) = (address.sample, address.section) else { return Ok(None) };
    let sample = sample.parse().map_err(|_| ApiError::NotFound)?;
    Ok(Some((sample, wanted(address.candidate, &section, address.document)?)))
}

/// Everything a creation says, from the header, the address and `Content-Disposition`.
pub(super) fn creation(
    headers: &HeaderMap,
    address: Address,
    length: Option<u64>,
    dialect: &'static str,
) -> Result<Creation, ApiError> {
    let raw = raw(headers)?;
    let mut pairs = pairs(raw)?;
    let mut take = |key: &str| pairs.remove(key).filter(|value| !value.is_empty());
    // What HTTP itself says of a file goes before what its metadata says, as the address does.
    let (filename, name) = (take("filename"), take("name"));
    let name = disposition_name(headers).or(filename).or(name);
    let sample = address.sample.or_else(|| take("sample"));
    let candidate = address.candidate.or_else(|| take("candidate"));
    let section = address.section.or_else(|| take("section"));
    let document = address.document.or_else(|| take("document"));
    // Uppy writes "null" for a file that came from no folder. A path of its ends with the name, so none is lost.
    let path = take("path").or_else(|| take("relativePath").filter(|path| path != "null"));
    digest("guard", take("guard"))?;
    let name = name.ok_or_else(|| {
        ApiError::invalid("filename", "say the file's name in Upload-Metadata or Content-Disposition")
    })?;
    Ok(Creation {
        // An id that cannot be one is an unknown sample.
        sample: required("sample", sample)?.parse().map_err(|_| ApiError::NotFound)?,
        wanted: wanted(candidate, &required("section", section)?, document)?,
        name: file_name(&name)?,
        path: folder(path, &name)?,
        declared_type: note("filetype", take("filetype").or_else(|| take("type")))?,
        modified: note("modified", take("modified"))?,
        sha256: digest("sha256", take("sha256"))?,
        replaces: take("replaces").map(|id| id.parse().map_err(|_| ApiError::NotFound)).transpose()?,
        shared_with: sharers(take("shared_with"))?,
        planned: take("plan").map(|id| id.parse().map_err(|_| ApiError::NotFound)).transpose()?,
        length,
        metadata: raw.to_owned(),
        concatenation: None,
        dialect,
    })
}

/// By what its sender knows a file again (`guard`): a digest of parts of it, which ones is theirs to say. `None` where
/// they gave none. Taken from metadata that was accepted.
pub(in crate::http) fn guard(metadata: &str) -> Option<Sha256Digest> {
    pairs(metadata).ok()?.remove("guard")?.parse().ok()
}

/// Further candidates who get a copy: `0002+0007`.
fn sharers(value: Option<String>) -> Result<Vec<CandidateNumber>, ApiError> {
    let numbers = value.as_deref().into_iter().flat_map(|joined| joined.split('+'));
    let read = |number: &str| {
        number.trim().parse().map_err(|_| ApiError::invalid("shared_with", "candidate numbers, joined by +"))
    };
    numbers.map(read).collect()
}

fn digest(field: &'static str, value: Option<String>) -> Result<Option<Sha256Digest>, ApiError> {
    let read = |text: String| text.parse().map_err(|_| ApiError::invalid(field, "not 64 hexadecimal digits"));
    value.map(read).transpose()
}

/// What is only kept and shown: one line, and none when it is overlong.
fn note(field: &'static str, value: Option<String>) -> Result<Option<String>, ApiError> {
    match value {
        Some(value) if value.chars().any(char::is_control) => {
            Err(ApiError::invalid(field, "holds a control character"))
        }
        value => Ok(value.filter(|value| value.len() <= LONGEST_NOTE)),
    }
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

/// The name in `Content-Disposition` (RFC 6266): `filename*` before `filename`, where it can be read.
fn disposition_name(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(http::header::CONTENT_DISPOSITION)?.to_str().ok()?;
    let parameters = parameters(value);
    let parameter = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value);
    parameter("filename*").and_then(|value| extended(value)).or_else(|| parameter("filename").cloned())
}

/// The parameters of a header (RFC 9110, 5.6.6): names in lower case, values without their quotes.
fn parameters(header: &str) -> Vec<(String, String)> {
    let (mut parameters, mut piece) = (Vec::new(), String::new());
    let (mut quoted, mut escaped) = (false, false);
    for letter in header.chars().chain([';']) {
        match letter {
            _ if escaped => {
                piece.push(letter);
                escaped = false;
            }
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => {
                if let Some((name, value)) = piece.split_once('=') {
                    parameters.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
                }
                piece.clear();
            }
            _ => piece.push(letter),
        }
    }
    parameters
}

/// A value with its character set and language (RFC 8187), in UTF-8.
fn extended(value: &str) -> Option<String> {
    let mut pieces = value.splitn(3, '\'');
    pieces.next().filter(|charset| charset.eq_ignore_ascii_case("utf-8"))?;
    let _language = pieces.next()?;
    percent_encoding::percent_decode_str(pieces.next()?).decode_utf8().ok().map(Into::into)
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
        let creation = creation(&headers, Address::default(), Some(3), "test").unwrap();
        assert_eq!(creation.name.as_str(), "Ünit plan.pdf");
        assert_eq!(creation.path.as_str(), "Week 1");
        let place = Place::Section { candidate: "1005".parse().unwrap(), section: "URS".parse().unwrap() };
        assert_eq!(creation.wanted, Wanted::Place(place));
    }

    #[test]
    fn a_file_that_came_from_no_folder_is_in_none() {
        let sample = crate::ids::SampleId::new().to_string();
        for (key, path, folder) in [
            ("relativePath", "null", ""),
            ("relativePath", "null/plan.pdf", "null"),
            ("relativePath", "plan.pdf", ""),
            ("path", "null", "null"),
        ] {
            let headers = header(&[
                ("sample", &sample),
                ("candidate", "1005"),
                ("section", "URS"),
                ("filename", "plan.pdf"),
                (key, path),
            ]);
            let creation = creation(&headers, Address::default(), Some(3), "test").unwrap();
            assert_eq!(creation.path.as_str(), folder, "{key} {path}");
        }
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
        let creation = creation(&headers, address, None, "test").unwrap();
        assert_eq!((creation.name.as_str(), creation.wanted), ("李.pdf", Wanted::OnlyDocument));
    }

    #[test]
    fn the_address_and_content_disposition_go_before_metadata() {
        let sample = crate::ids::SampleId::new().to_string();
        let mut headers = header(&[
            ("sample", "elsewhere"),
            ("section", "Elsewhere"),
            ("candidate", "1005"),
            ("filename", "other"),
            ("name", "another"),
        ]);
        headers.insert("content-disposition", "inline; filename=plan.pdf".parse().unwrap());
        let address = Address { sample: Some(sample), section: Some("URS".into()), ..Address::default() };
        let creation = creation(&headers, address, Some(3), "test").unwrap();
        assert_eq!(creation.name.as_str(), "plan.pdf");
        let place = Place::Section { candidate: "1005".parse().unwrap(), section: "URS".parse().unwrap() };
        assert_eq!(creation.wanted, Wanted::Place(place));
    }

    #[test]
    fn a_name_is_taken_as_it_is_written() {
        for (disposition, name) in [
            (r#"attachment; filename="report.pdf; final.docx""#, "report.pdf; final.docx"),
            (r#"attachment; filename="a\"b.pdf""#, "a\"b.pdf"),
            (r#"inline; FileName = "a=b.pdf" ; size=3"#, "a=b.pdf"),
            ("inline; filename=plain.pdf", "plain.pdf"),
            ("inline; filename=a.pdf; filename*=UTF-8'en'%E6%9D%8E.pdf", "李.pdf"),
            ("inline; filename*=ISO-8859-1''%e9.pdf; filename=e.pdf", "e.pdf"),
            ("inline; filename*=UTF-8''%ff.pdf; filename=f.pdf", "f.pdf"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("content-disposition", disposition.parse().unwrap());
            assert_eq!(disposition_name(&headers).as_deref(), Some(name), "{disposition}");
        }
    }

    #[test]
    fn a_guard_is_a_digest_and_comes_back() {
        let sample = crate::ids::SampleId::new().to_string();
        let told = |guard| {
            header(&[
                ("sample", &sample),
                ("candidate", "1005"),
                ("section", "URS"),
                ("filename", "plan.pdf"),
                ("guard", guard),
            ])
        };
        let hex = "0f".repeat(32);
        let good = creation(&told(&hex), Address::default(), Some(3), "test").unwrap();
        assert_eq!(guard(&good.metadata), hex.parse().ok());
        assert!(creation(&told("0f"), Address::default(), Some(3), "test").is_err());
        let none = creation(&told(""), Address::default(), Some(3), "test").unwrap();
        assert_eq!(guard(&none.metadata), None);
        assert_eq!(guard("is_confidential,guard YQ=="), None);
    }

    #[test]
    fn who_shares_a_file_is_said_by_their_numbers() {
        let sample = crate::ids::SampleId::new().to_string();
        let told = |sharers| {
            let headers = header(&[
                ("sample", &sample),
                ("candidate", "0001"),
                ("section", "Film"),
                ("filename", "film.mp4"),
                ("shared_with", sharers),
            ]);
            creation(&headers, Address::default(), Some(3), "test")
        };
        let numbers = told("0002+0007").unwrap().shared_with;
        assert_eq!(numbers.iter().map(CandidateNumber::as_str).collect::<Vec<_>>(), ["0002", "0007"]);
        assert_eq!(told("").unwrap().shared_with, []);
        for bad in ["2", "0002,0007", "0002+", "0002-0007", "0002++0007"] {
            assert!(told(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_only_shown_is_one_line_of_text() {
        assert!(note("filetype", Some("a\0b".into())).is_err());
        assert_eq!(
            note("filetype", Some("application/pdf".into())).unwrap().as_deref(),
            Some("application/pdf")
        );
        assert_eq!(note("filetype", Some("a".repeat(300))).unwrap(), None);
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
            let _parameters = parameters(&text);
        }
    }
}
