//! Forms that carry a file (`multipart/form-data`): read as they come, within bounds.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream::{StreamExt, once};
use http::{HeaderMap, Request, header};
use http_body_util::BodyExt;
use multer::{Constraints, Multipart, SizeLimit};
use tokio::time::{Instant, timeout_at};

use super::error::ApiError;

/// How long a form with a file may take to arrive.
const DEADLINE: Duration = Duration::from_secs(120);
/// What is read of a form whose file is too large, so that the answer is heard, bytes.
const HEARD_OUT: u64 = 64 << 20;
/// Fields beside the file, and bytes of each.
const MOST_FIELDS: usize = 8;
const LONGEST_FIELD: usize = 1 << 10;
/// Characters of a file's name that are kept.
const LONGEST_NAME: usize = 120;
/// Longest boundary (RFC 2046, 5.1.1).
const BOUNDARY: usize = 70;
/// Where the first field of a form ends at the latest, bytes.
const HEAD: usize = 4 << 10;

/// A form that came with a file.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    pub fields: Vec<(String, String)>,
    /// `None`: none was chosen.
    pub file: Option<SentFile>,
}

#[derive(Clone, Debug)]
pub struct SentFile {
    /// Without folders; for people alone.
    pub name: String,
    /// `None`: more than was asked for.
    pub bytes: Option<Vec<u8>>,
}

impl Sent {
    /// A field's value, `""` when it is not there.
    pub fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
    }
}

/// What stands between the parts, if the request is such a form.
pub fn boundary(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    multer::parse_boundary(value).ok().filter(|boundary| boundary.len() <= BOUNDARY)
}

/// Reads a form and keeps at most `limit` bytes of its file, the field `file`.
pub async fn read(request: Request<Body>, limit: usize) -> Result<Sent, ApiError> {
    let boundary = boundary(request.headers()).ok_or(ApiError::UnsupportedMediaType)?;
    let sizes = SizeLimit::new().whole_stream(HEARD_OUT);
    let constraints = Constraints::new().size_limit(sizes);
    let stream = request.into_body().into_data_stream();
    let mut form = Multipart::with_constraints(stream, boundary, constraints);
    let deadline = Instant::now() + DEADLINE;
    let mut sent = Sent::default();
    while let Some(mut field) = in_time(deadline, form.next_field()).await? {
        let name = field.name().unwrap_or_default().to_owned();
        let file = field.file_name().map(own_name);
        let most = if file.is_some() { limit } else { LONGEST_FIELD };
        let mut bytes = Some(Vec::new());
        while let Some(chunk) = in_time(deadline, field.chunk()).await? {
            let room = bytes.as_ref().is_some_and(|bytes| bytes.len() + chunk.len() <= most);
            match &mut bytes {
                Some(bytes) if room => bytes.extend_from_slice(&chunk),
                _ => bytes = None,
            }
        }
        match file {
            // Without a choice a browser sends a file of no name.
            Some(name) if name.is_empty() => {}
            Some(name) if sent.file.is_none() => sent.file = Some(SentFile { name, bytes }),
            Some(_) => return Err(unreadable("More than one file came.")),
            None => {
                let value = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
                let value = value.filter(|_| sent.fields.len() < MOST_FIELDS);
                sent.fields.push((name, value.ok_or_else(|| unreadable("A field cannot be read."))?));
            }
        }
    }
    Ok(sent)
}

async fn in_time<T>(deadline: Instant, step: impl Future<Output = multer::Result<T>>) -> Result<T, ApiError> {
    let came = timeout_at(deadline, step).await.map_err(|_| ApiError::BodyTimeout)?;
    came.map_err(|error| match error {
        multer::Error::StreamSizeExceeded { limit } => ApiError::TooLarge { limit },
        other => unreadable(&format!("The form cannot be read ({other}).")),
    })
}

fn unreadable(detail: &str) -> ApiError {
    ApiError::InvalidRequest { field: None, detail: detail.to_owned() }
}

/// The last part of a name, as far as it can be shown.
fn own_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    last.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect()
}

/// The value of the first field, if it is called `name`, and the request as it was. Of the body no more is read than
/// that takes.
pub async fn first_field(
    request: Request<Body>,
    name: &str,
) -> Result<(Option<String>, Request<Body>), ApiError> {
    let Some(boundary) = boundary(request.headers()) else { return Ok((None, request)) };
    let (parts, mut body) = request.into_parts();
    let deadline = Instant::now() + DEADLINE;
    let mut head: Vec<u8> = Vec::new();
    let mut found = None;
    while found.is_none() && head.len() < HEAD {
        let frame = timeout_at(deadline, body.frame()).await.map_err(|_| ApiError::BodyTimeout)?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|_| unreadable("The body broke off."))?;
        if let Ok(data) = frame.into_data() {
            head.extend_from_slice(&data);
        }
        found = value_of(&head, &boundary, name);
    }
    let head = once(async { Ok::<_, axum::Error>(Bytes::from(head)) });
    let body = Body::from_stream(head.chain(body.into_data_stream()));
    Ok((found, Request::from_parts(parts, body)))
}

/// The whole value of the first field, when it is called `name` and all of it is there.
fn value_of(head: &[u8], boundary: &str, name: &str) -> Option<String> {
    let head = &head[..head.len().min(HEAD)];
    // Beyond the first field there may be anything.
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&head[..error.valid_up_to()]).ok()?,
    };
    let end = format!("\r\n--{boundary}");
    let part = text.strip_prefix(&end[2..])?.strip_prefix("\r\n")?;
    let (lines, rest) = part.split_once("\r\n\r\n")?;
    // One who reads the form may take a line apart where we do not: only what has one meaning is gone by.
    let lines: Vec<_> = lines.split("\r\n").map(|line| line.split_once(':')).collect::<Option<_>>()?;
    let plain = |text: &str| !text.contains(char::is_control);
    let mut called = lines.iter().filter(|(field, _)| field.eq_ignore_ascii_case("content-disposition"));
    let (Some((_, called)), None) = (called.next(), called.next()) else { return None };
    let is_plain = lines.iter().all(|(field, value)| plain(field) && plain(value));
    let (value, _) = rest.split_once(&end)?;
    (is_plain && called.trim() == format!("form-data; name=\"{name}\"")).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "--b\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\ntoken\r\n--b\r\n\
        Content-Disposition: form-data; name=\"kind\"\r\n\r\ncentres\r\n--b\r\n\
        Content-Disposition: form-data; name=\"list\"; filename=\"C:\\lists\\c.csv\"\r\nContent-Type: text/csv\r\n\r\n\
        number,name\r\n\r\n--b--\r\n";

    /// In pieces of `size` bytes.
    fn request(form: &[u8], size: usize) -> Request<Body> {
        let pieces: Vec<_> =
            form.chunks(size).map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece))).collect();
        let body = Body::from_stream(futures_util::stream::iter(pieces));
        Request::builder().header("content-type", "multipart/form-data; boundary=b").body(body).unwrap()
    }

    #[tokio::test]
    async fn a_form_is_read_whatever_its_pieces_after_a_look_at_its_first_field() {
        for size in [1, 7, 64, 4096] {
            let (token, request) = first_field(request(FORM.as_bytes(), size), "csrf").await.unwrap();
            assert_eq!(token.as_deref(), Some("token"), "{size}");
            let sent = read(request, 100).await.unwrap();
            assert_eq!((sent.field("kind"), sent.field("none")), ("centres", ""));
            let file = sent.file.unwrap();
            assert_eq!((&*file.name, file.bytes.unwrap()), ("c.csv", b"number,name\r\n".to_vec()));
        }
    }

    #[tokio::test]
    async fn no_more_of_a_file_is_kept_than_was_asked_for() {
        let sent = read(request(FORM.as_bytes(), 5), 12).await.unwrap();
        assert_eq!(sent.file.unwrap().bytes, None);
        let long = FORM.replace("centres", &"c".repeat(2000));
        assert!(read(request(long.as_bytes(), 500), 100).await.is_err());
        assert!(read(request(&FORM.as_bytes()[..150], 50), 100).await.is_err(), "it broke off");
        let none = FORM.replace("C:\\lists\\c.csv", "");
        assert!(read(request(none.as_bytes(), 50), 100).await.unwrap().file.is_none());
    }

    #[tokio::test]
    async fn a_first_field_is_none_but_itself() {
        let swapped = FORM.replace("name=\"csrf\"", "name=\"kind2\"");
        let cut = FORM.replace("token\r\n", &"t".repeat(2 * HEAD));
        let hidden = FORM.replace(
            "--b\r\nContent-Disposition: form-data; name=\"csrf\"",
            "--b\r\nX: form-data; name=\"csrf\"",
        );
        for form in [&*swapped, &*cut, &*hidden, "", "--b"] {
            assert_eq!(first_field(request(form.as_bytes(), 64), "csrf").await.unwrap().0, None, "{form}");
        }
    }
}
