//! How a server is spoken to: where uploads begin, and what each request carries besides.

use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Args;

use crate::content::Content;
use crate::wire::Answer;

#[derive(Debug, Args)]
pub struct Target {
    /// 127.0.0.1 and this port
    #[arg(long)]
    pub port: u16,
    /// Where uploads begin; "{}" in it is one of --places after the other
    #[arg(long, default_value = "/files")]
    pub create: String,
    #[arg(long, value_delimiter = ',')]
    pub places: Vec<String>,
    /// A bearer token that every request carries
    #[arg(long)]
    pub token: Option<String>,
    #[clap(skip)]
    next: AtomicUsize,
}

impl Target {
    /// The head of a POST that begins an upload of `content`, its first `body` bytes coming along.
    pub fn creation(&self, content: &Content, body: u64) -> String {
        let place = match self.places.len() {
            0 => "",
            many => &self.places[self.next.fetch_add(1, Ordering::Relaxed) % many],
        };
        let mut head = self.head("POST", &self.create.replace("{}", place));
        let (name, size) = (content.name(), content.size);
        let encoded = base64(name.as_bytes());
        head += &format!("Upload-Length: {size}\r\nUpload-Metadata: filename {encoded}\r\n");
        head += &format!("Content-Disposition: attachment; filename=\"{name}\"\r\n");
        if body > 0 {
            head += "Content-Type: application/offset+octet-stream\r\n";
        }
        head + &format!("Content-Length: {body}\r\n\r\n")
    }

    /// The head of a PATCH of `body` bytes at `offset`.
    pub fn patch(&self, path: &str, offset: u64, body: u64) -> String {
        let head = self.head("PATCH", path);
        format!(
            "{head}Content-Type: application/offset+octet-stream\r\nUpload-Offset: {offset}\r\n\
             Content-Length: {body}\r\n\r\n"
        )
    }

    /// A HEAD, whole.
    pub fn ask(&self, path: &str) -> String {
        self.head("HEAD", path) + "\r\n"
    }

    fn head(&self, method: &str, path: &str) -> String {
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nTus-Resumable: 1.0.0\r\n", self.port);
        if let Some(token) = &self.token {
            head += &format!("Authorization: Bearer {token}\r\n");
        }
        head
    }
}

/// The path a creation was told: its `Location` without host.
pub fn path_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "a creation was answered with {answer:?}");
    let location = answer.header("location").expect("a Location");
    match location.split_once("://") {
        Some((_, rest)) => rest[rest.find('/').unwrap()..].to_owned(),
        None => location.to_owned(),
    }
}

/// An upload's id: the last part of its path.
pub fn id_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

fn base64(bytes: &[u8]) -> String {
    const WORD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let at = |i: usize| u32::from(three.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for i in 0..4 {
            let letter = WORD[(bits >> (18 - 6 * i) & 63) as usize] as char;
            text.push(if i <= three.len() { letter } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_everywhere() {
        let words = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (plain, encoded) in words {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }
}
