//! Whole files put together as one: copied within the kernel, a bounded stretch a step.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{folder, same, trouble, version_of, writer};
use crate::ids::FileId;
use crate::object_store::{Durable, ObjectKey, ObjectVersion, Staged, StoreError};

/// Bytes copied and synced in one step: a slow disk does that well within the deadline of a call.
pub(super) const STEP: u64 = 128 << 20;

/// A stretch of one piece.
#[derive(Debug)]
struct Stretch {
    path: String,
    version: ObjectVersion,
    from: u64,
    len: u64,
}

/// What one step does.
#[derive(Debug)]
pub(super) struct Step {
    root: PathBuf,
    object_epoch: i64,
    path: String,
    offset: u64,
    stretches: Vec<Stretch>,
}

impl Step {
    /// The step after what is staged, of at most `most` bytes.
    pub(super) fn next(
        root: &Path,
        most: u64,
        (file, epoch): (FileId, i64),
        staged: &Staged,
        pieces: &[(ObjectKey, ObjectVersion)],
    ) -> Result<Self, StoreError> {
        let object_epoch = if staged.offset == 0 { epoch } else { staged.object_epoch };
        let path = ObjectKey::Quarantine { file, epoch: object_epoch }.path();
        let (mut begin, mut left, mut stretches) = (0, most, Vec::new());
        for (key, version) in pieces {
            let end = begin + version.size;
            let from = staged.offset.clamp(begin, end) - begin;
            let len = (version.size - from).min(left);
            if len > 0 {
                stretches.push(Stretch { path: key.path(), version: version.clone(), from, len });
                left -= len;
            }
            begin = end;
        }
        if staged.offset > begin {
            return Err(StoreError::Lost { path });
        }
        Ok(Self { root: root.to_owned(), object_epoch, path, offset: staged.offset, stretches })
    }

    pub(super) fn path(&self) -> String {
        self.path.clone()
    }

    /// Takes it. Blocks; alone on the file.
    pub(super) fn take(self) -> Result<Durable, StoreError> {
        let mut target = writer::open_at(&self.root, &self.path, self.offset)?;
        let failed = |e| trouble("concatenate", &self.path, e);
        let mut offset = self.offset;
        target.seek(SeekFrom::Start(offset)).map_err(failed)?;
        for stretch in &self.stretches {
            let copied = stretch.copy(&self.root, &mut target)?;
            if copied != stretch.len {
                return Err(StoreError::Changed { path: stretch.path.clone() });
            }
            offset += copied;
        }
        target.sync_data().map_err(failed)?;
        if self.offset == 0 {
            folder::sync_parent(&self.root, Path::new(&self.path)).map_err(failed)?;
        }
        Ok(Durable { offset, object_epoch: self.object_epoch, ..Durable::default() })
    }
}

impl Stretch {
    fn copy(&self, root: &Path, target: &mut File) -> Result<u64, StoreError> {
        let failed = |e| trouble("concatenate", &self.path, e);
        let mut source = File::open(root.join(&self.path)).map_err(failed)?;
        let now = source.metadata().map_err(failed)?;
        if now.size() != self.version.size || !same(&version_of(&now), &self.version, false) {
            return Err(StoreError::Changed { path: self.path.clone() });
        }
        source.seek(SeekFrom::Start(self.from)).map_err(failed)?;
        // Between two files this is `copy_file_range`: no byte comes here.
        io::copy(&mut source.take(self.len), target).map_err(failed)
    }
}
