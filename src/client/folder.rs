//! What there is to send: the files of a folder as they lie, with the folders they lie in.
//!
//! A folder's own name begins the path of its files, as browsers have it (`webkitRelativePath`): what a teacher began
//! in a browser, a program goes on with. What systems leave in folders (`.DS_Store`, `Thumbs.db`) and links are left
//! out, and said.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::evidence::Sha256Digest;

/// Files of one run: as many as a plan takes.
pub(super) const MOST: usize = 5_000;
/// Folders in folders.
const DEEPEST: usize = 32;
/// Bytes read at once.
const PIECE: usize = 1 << 20;
/// What no person put there.
const LITTER: &[&str] = &["thumbs.db", "desktop.ini", "__macosx"];

/// A file here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Local {
    /// Where it is.
    pub source: PathBuf,
    /// Its folders with `/` between; empty for none.
    pub path: String,
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// When it was changed last; to the millisecond, as browsers have it.
    pub modified: Timestamp,
}

/// What a look at the disk found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub files: Vec<Local>,
    /// What was left out, and why.
    pub skipped: Vec<(PathBuf, &'static str)>,
}

/// Why a folder cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("{} cannot be read", .path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{} is no name that can be sent: it is not UTF-8; rename it", .0.display())]
    NotText(PathBuf),
    #[error("more than {MOST} files; take the folders in parts")]
    TooMany,
    #[error("{} lies more than {DEEPEST} folders deep", .0.display())]
    TooDeep(PathBuf),
    #[error("there is no file in what was given")]
    Nothing,
}

impl Local {
    fn of(source: &Path, path: &str) -> Result<Self, FolderError> {
        let unreadable =
            |source_error| FolderError::Unreadable { path: source.to_owned(), source: source_error };
        let (size, modified) = stamp(source).map_err(unreadable)?;
        Ok(Self { source: source.to_owned(), path: path.to_owned(), name: name_of(source)?, size, modified })
    }

    /// Whether it is still what it was when it was looked at.
    pub(super) fn unchanged(&self) -> bool {
        stamp(&self.source).is_ok_and(|now| now == (self.size, self.modified))
    }

    /// The digest of its bytes. Reads all of it: to be called where waiting is no harm.
    pub(super) fn digest(&self) -> std::io::Result<Sha256Digest> {
        let (mut file, mut sha256) = (fs::File::open(&self.source)?, Sha256::new());
        let mut piece = vec![0; PIECE];
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(Sha256Digest(sha256.finalize().into())),
                read => sha256.update(&piece[..read]),
            }
        }
    }
}

/// Size and time of the last change.
fn stamp(path: &Path) -> std::io::Result<(u64, Timestamp)> {
    let facts = fs::metadata(path)?;
    let modified = Timestamp::try_from(facts.modified()?).map_err(std::io::Error::other)?;
    let millisecond =
        Timestamp::from_millisecond(modified.as_millisecond()).map_err(std::io::Error::other)?;
    Ok((facts.len(), millisecond))
}

fn name_of(path: &Path) -> Result<String, FolderError> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| FolderError::NotText(path.to_owned()))
}

/// Looks at files and folders, in the order of their names.
pub(super) fn look(given: &[PathBuf]) -> Result<Found, FolderError> {
    let mut found = Found::default();
    for path in given {
        // `.` has a name, too.
        let whole = fs::canonicalize(path)
            .map_err(|source| FolderError::Unreadable { path: path.clone(), source })?;
        match whole.is_dir() {
            true => walk(&whole, &name_of(&whole)?, 1, &mut found)?,
            false => found.add(&whole, "")?,
        }
    }
    if found.files.is_empty() { Err(FolderError::Nothing) } else { Ok(found) }
}

impl Found {
    fn add(&mut self, source: &Path, path: &str) -> Result<(), FolderError> {
        if self.files.len() == MOST {
            return Err(FolderError::TooMany);
        }
        self.files.push(Local::of(source, path)?);
        Ok(())
    }
}

fn walk(folder: &Path, path: &str, depth: usize, found: &mut Found) -> Result<(), FolderError> {
    if depth > DEEPEST {
        return Err(FolderError::TooDeep(folder.to_owned()));
    }
    let unreadable = |source| FolderError::Unreadable { path: folder.to_owned(), source };
    let entries = fs::read_dir(folder).map_err(unreadable)?;
    let mut entries: Vec<_> = entries.collect::<Result<_, _>>().map_err(unreadable)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (source, kind) = (entry.path(), entry.file_type().map_err(unreadable)?);
        let name = name_of(&source)?;
        if name.starts_with('.') || LITTER.contains(&name.to_lowercase().as_str()) {
            found.skipped.push((source, "hidden, or made by the system"));
        } else if kind.is_dir() {
            walk(&source, &format!("{path}/{name}"), depth + 1, found)?;
        } else if kind.is_file() {
            found.add(&source, path)?;
        } else {
            found.skipped.push((source, "a link or a device, not a file"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_in_order_without_what_no_person_put_there() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("June");
        fs::create_dir_all(root.join("1005 O'Neill/Evidence")).unwrap();
        for name in ["b.pdf", ".DS_Store", "Thumbs.db", "1005 O'Neill/a.pdf", "1005 O'Neill/Evidence/é.zip"]
        {
            fs::write(root.join(name), name).unwrap();
        }
        std::os::unix::fs::symlink(root.join("b.pdf"), root.join("z.pdf")).unwrap();
        let found = look(std::slice::from_ref(&root)).unwrap();
        let files: Vec<_> = found.files.iter().map(|file| (file.path.as_str(), file.name.as_str())).collect();
        assert_eq!(
            files,
            [("June/1005 O'Neill/Evidence", "é.zip"), ("June/1005 O'Neill", "a.pdf"), ("June", "b.pdf")]
        );
        assert_eq!(found.skipped.len(), 3, "{:?}", found.skipped);
        let alone = look(&[root.join("b.pdf")]).unwrap();
        assert_eq!((alone.files[0].path.as_str(), alone.files[0].size), ("", 5));
        assert_eq!(alone.files[0].digest().unwrap(), Sha256Digest(Sha256::digest(b"b.pdf").into()));
        assert!(alone.files[0].unchanged());
        fs::write(root.join("b.pdf"), "longer").unwrap();
        assert!(!alone.files[0].unchanged());
    }

    #[test]
    fn what_cannot_be_sent_is_said() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(look(&[folder.path().to_owned()]), Err(FolderError::Nothing)));
        let unknown = folder.path().join("unknown");
        assert!(matches!(look(&[unknown]), Err(FolderError::Unreadable { .. })));
    }
}
