//! Folders: made durable with what stands in them, and removed when nothing does.
//!
//! A folder that a deletion has just emptied may vanish between being made and being used; whoever makes a name tries
//! again, a few times.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path};

/// Tries at making a name in a folder that others may be removing.
const TRIES: usize = 8;

/// Makes the root and what is above it, readable for its owner and group alone.
pub(super) fn make_root(root: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o750).create(root)?;
    File::open(root)?.sync_all()
}

/// Makes every missing folder of `below` under `root`, each durable before the next.
pub(super) fn make(root: &Path, below: &Path) -> io::Result<()> {
    let mut at = root.to_path_buf();
    for part in below.components().filter(|part| matches!(part, Component::Normal(_))) {
        let above = at.clone();
        at.push(part);
        match DirBuilder::new().mode(0o750).create(&at) {
            Ok(()) => File::open(above)?.sync_all()?,
            Err(there) if there.kind() == io::ErrorKind::AlreadyExists => {}
            Err(other) => return Err(other),
        }
    }
    Ok(())
}

/// Makes `path`'s folders and then its name, by `name`.
pub(super) fn with_parent<T>(
    root: &Path,
    path: &Path,
    mut name: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for _ in 0..TRIES {
        match make(root, path.parent().unwrap_or(Path::new(""))).and_then(|()| name()) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => last = e,
            settled => return settled,
        }
    }
    Err(last)
}

/// Makes the names in `path`'s folder durable.
pub(super) fn sync_parent(root: &Path, path: &Path) -> io::Result<()> {
    File::open(root.join(path.parent().unwrap_or(Path::new(""))))?.sync_all()
}

/// Removes a file, and the folders below the class (`quarantine`, `evidence`, `incident`) that it leaves empty. A power cut may
/// undo a removal that is not `durable`; then it shows in the next sweep.
pub(super) fn remove(root: &Path, path: &Path, durable: bool) -> io::Result<()> {
    match std::fs::remove_file(root.join(path)) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        Ok(()) if durable => match sync_parent(root, path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        },
        _ => {}
    }
    let mut folder = path.parent();
    while let Some(at) = folder.filter(|at| at.components().count() > 1) {
        match std::fs::remove_dir(root.join(at)) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => break,
            Err(e) => return Err(e),
        }
        folder = at.parent();
    }
    Ok(())
}

/// Removes a folder of files, and the folder.
pub(super) fn remove_flat(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}
