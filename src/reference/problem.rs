//! What is wrong with reference data, line by line, so that all of it can be put right in one go.

use std::fmt;

use crate::database::DatabaseError;

/// Most problems told at once.
const MOST: usize = 100;

/// One thing wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, relative to the imported folder.
    pub file: String,
    /// From 1; 0 when it is about the file as a whole.
    pub line: u64,
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.text),
            line => write!(f, "{}:{line}: {}", self.file, self.text),
        }
    }
}

/// Everything wrong that was found: the first hundred, and how many more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    pub list: Vec<Problem>,
    pub more: usize,
}

impl Problems {
    pub fn add(&mut self, file: &str, line: u64, text: impl fmt::Display) {
        if self.list.len() < MOST {
            self.list.push(Problem { file: file.to_owned(), line, text: text.to_string() });
        } else {
            self.more += 1;
        }
    }

    /// Keeps what was read, or notes what was wrong with it.
    pub fn keep<T, E: fmt::Display>(&mut self, file: &str, line: u64, read: Result<T, E>) -> Option<T> {
        read.map_err(|error| self.add(file, line, error)).ok()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.list.iter().enumerate() {
            if n > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        if self.more > 0 { write!(f, "\n... and {} more", self.more) } else { Ok(()) }
    }
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("nothing was imported; put these right and import again:\n{0}")]
    Invalid(Problems),
    #[error("nothing was imported: the database failed")]
    Database(#[from] DatabaseError),
}
