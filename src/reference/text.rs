//! Reading files of reference data, and the line something stands on.

use std::path::Path;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

use super::brackets;
use super::problem::Problems;

/// Largest file of reference data, bytes.
const LARGEST: u64 = 64 << 20;

/// A text, to find lines in.
#[derive(Clone, Copy, Debug)]
pub struct Lines<'a>(pub &'a str);

impl Lines<'_> {
    /// The line, from 1, of the byte at `offset`.
    pub fn of(self, offset: usize) -> u64 {
        let before = self.0.as_bytes().get(..offset).unwrap_or_default();
        before.iter().filter(|byte| **byte == b'\n').count() as u64 + 1
    }
}

/// Reads a file, without a byte order mark. `file` is what problems call it.
pub fn read(path: &Path, file: &str, problems: &mut Problems) -> Option<String> {
    let size = problems.keep(file, 0, std::fs::metadata(path).map_err(|e| unreadable(&e)))?.len();
    if size > LARGEST {
        problems.add(file, 0, "the file is larger than 64 MB; import it in parts");
        return None;
    }
    let bytes = problems.keep(file, 0, std::fs::read(path).map_err(|e| unreadable(&e)))?;
    decoded(bytes, file, problems)
}

/// The text, without a byte order mark.
pub fn decoded(bytes: Vec<u8>, file: &str, problems: &mut Problems) -> Option<String> {
    match String::from_utf8(bytes) {
        Ok(text) => Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let line = 1 + error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count() as u64;
            problems.add(file, line, "the text is not UTF-8; save the file as UTF-8");
            None
        }
    }
}

fn unreadable(error: &std::io::Error) -> String {
    format!("the file cannot be read ({error}); is it there, and may it be read?")
}

/// A text that people are shown; no database takes a NUL.
pub fn one_line<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if text.chars().any(char::is_control) {
        return Err(D::Error::custom("a text holds a control character; take it out"));
    }
    Ok(text)
}

/// Reads TOML; what is wrong gets its line.
pub fn from_toml<T: DeserializeOwned>(file: &str, text: &str, problems: &mut Problems) -> Option<T> {
    if let Err(wrong) = brackets::fit(text) {
        problems.add(file, Lines(text).of(wrong.at), wrong.why);
        return None;
    }
    toml::from_str(text)
        .map_err(|error: toml::de::Error| {
            let line = error.span().map_or(0, |span| Lines(text).of(span.start));
            problems.add(file, line, error.message());
        })
        .ok()
}
