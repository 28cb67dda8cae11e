//! A folder of this machine: the embedded default.
//!
//! An upload's bytes are written into their quarantined file where they will stay, and count once `fdatasync` has
//! returned (see [`writer`] for how it goes on beside the writing); on resume the file is cut back to the committed
//! offset. Promotion is a second name (hard link) for the
//! same inode, so accepting a file copies nothing. New names are made durable by syncing the folder they stand in.
//!
//! One process writes. Within it a fence keeps a writer whose upload was taken over from touching the file again;
//! several nodes need the [S3 store](super::s3).
//!
//! A version is inode, modification time and size. A hard link changes none of the three. Evidence is never written
//! again, so that it is known by time (in seconds) and size alone: a data folder that was restored or moved by a tool
//! that keeps times stays readable.

mod concatenate;
mod fence;
mod folder;
mod list;
#[cfg(test)]
mod tests;
mod writer;

use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use tokio::sync::Semaphore;

use super::{ByteStream, Durable, ObjectKey, ObjectStore, ObjectVersion, Staged, StagedWriter, StoreError};
use crate::ids::FileId;
use fence::Fences;
use writer::{Begun, FileWriter};

/// Longest wait for one call of the file system. A write-back of 16 MiB on a slow disk takes a second or two.
const DEADLINE: Duration = Duration::from_secs(60);
/// Bytes a read hands out at a time.
const READ_CHUNK: u64 = 256 << 10;
/// Bytes from one sync to the next: what a sync costs is then well spent, and what a crash loses small.
const PART_SIZE: u64 = 16 << 20;
/// Memory in which all writers together gather small frames, in permits of [`writer::SEGMENT`].
const GATHER_PERMITS: usize = 512;

/// See the module.
#[derive(Debug)]
pub struct FilesystemStore {
    root: PathBuf,
    fences: Fences,
    gather: Arc<Semaphore>,
    /// Bytes copied in one step when files are put together.
    step: u64,
}

impl FilesystemStore {
    /// Opens the store in `root`, which is made (for its owner alone) when it is not there.
    pub async fn open(root: &Path) -> Result<Self, StoreError> {
        let root = root.to_path_buf();
        let made = root.clone();
        blocking("open", "", move || {
            folder::make_root(&made).map_err(|e| trouble("open", "", e))?;
            for class in ["quarantine", "evidence", "incident"] {
                folder::make(&made, Path::new(class)).map_err(|e| trouble("open", class, e))?;
            }
            Ok(())
        })
        .await?;
        let gather = Arc::new(Semaphore::new(GATHER_PERMITS));
        Ok(Self { root, fences: Fences::default(), gather, step: concatenate::STEP })
    }

    fn place(&self, key: &ObjectKey) -> PathBuf {
        self.root.join(key.path())
    }

    /// Opens the object read-only and holds it to `version`.
    async fn open_version(&self, key: &ObjectKey, version: &ObjectVersion) -> Result<File, StoreError> {
        let (place, path, version) = (self.place(key), key.path(), version.clone());
        let settled = key.is_settled();
        blocking("read", &key.path(), move || {
            let file = File::open(place).map_err(|e| trouble("read", &path, e))?;
            let now = file.metadata().map_err(|e| trouble("read", &path, e))?;
            if same(&version_of(&now), &version, settled) {
                Ok(file)
            } else {
                Err(StoreError::Changed { path })
            }
        })
        .await
    }
}

#[async_trait]
impl ObjectStore for FilesystemStore {
    fn part_size(&self, _size: u64) -> u64 {
        PART_SIZE
    }

    async fn resume(
        &self,
        file: FileId,
        epoch: i64,
        staged: &Staged,
    ) -> Result<Box<dyn StagedWriter>, StoreError> {
        // Nothing durable: a file of this epoch's own, so that no stale writer knows its name.
        let object_epoch = if staged.offset == 0 { epoch } else { staged.object_epoch };
        let key = ObjectKey::Quarantine { file, epoch: object_epoch };
        let pass = self.fences.take_over(file, epoch);
        let (root, path, offset, within) = (self.root.clone(), key.path(), staged.offset, pass.clone());
        let opened = blocking("resume", &key.path(), move || {
            within
                .enter(|| writer::open_at(&root, &path, offset))
                .ok_or_else(|| StoreError::Changed { path: path.clone() })?
        })
        .await?;
        let begun = Begun {
            root: self.root.clone(),
            path: key.path(),
            object_epoch,
            offset: staged.offset,
            part_size: staged.part_size.max(1),
        };
        Ok(Box::new(FileWriter::new(begun, opened, pass, self.gather.clone())))
    }

    async fn seal(
        &self,
        file: FileId,
        epoch: i64,
        staged: &Staged,
        size: u64,
    ) -> Result<(ObjectKey, ObjectVersion), StoreError> {
        let key = ObjectKey::Quarantine { file, epoch: staged.object_epoch };
        let (pass, place, path) = (self.fences.take_over(file, epoch), self.place(&key), key.path());
        let version = blocking("seal", &key.path(), move || {
            let sealed = pass.enter(|| seal_at(&place, &path, size));
            sealed.unwrap_or(Err(StoreError::Changed { path }))
        })
        .await?;
        Ok((key, version))
    }

    async fn concatenate(
        &self,
        file: FileId,
        epoch: i64,
        staged: &Staged,
        pieces: &[(ObjectKey, ObjectVersion)],
    ) -> Result<Durable, StoreError> {
        let step = concatenate::Step::next(&self.root, self.step, (file, epoch), staged, pieces)?;
        let pass = self.fences.take_over(file, epoch);
        let path = step.path();
        blocking("concatenate", &path.clone(), move || {
            pass.enter(|| step.take()).unwrap_or(Err(StoreError::Changed { path }))
        })
        .await
    }

    async fn discard(&self, file: FileId, epoch: i64, _staged: &Staged) -> Result<(), StoreError> {
        let pass = self.fences.take_over(file, epoch);
        let (root, path) = (self.root.clone(), format!("quarantine/{file}"));
        blocking("discard", &path.clone(), move || {
            match pass.enter(|| folder::remove_flat(&root.join(&path))) {
                Some(removed) => removed.map_err(|e| trouble("discard", &path, e)),
                None => Err(StoreError::Changed { path }),
            }
        })
        .await
    }

    async fn read(
        &self,
        key: &ObjectKey,
        version: &ObjectVersion,
        range: Range<u64>,
    ) -> Result<ByteStream, StoreError> {
        let file = Arc::new(self.open_version(key, version).await?);
        let end = range.end.min(version.size);
        let path = key.path();
        let pieces = stream::try_unfold(range.start, move |at| {
            let (file, path) = (file.clone(), path.clone());
            async move {
                if at >= end {
                    return Ok(None);
                }
                let piece = read_piece(file, path, at, READ_CHUNK.min(end - at)).await?;
                let next = at + piece.len() as u64;
                Ok(Some((piece, next)))
            }
        });
        Ok(pieces.boxed())
    }

    async fn local(&self, key: &ObjectKey, version: &ObjectVersion) -> Result<Option<File>, StoreError> {
        self.open_version(key, version).await.map(Some)
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectVersion>, StoreError> {
        let (place, path) = (self.place(key), key.path());
        blocking("head", &key.path(), move || match std::fs::metadata(place) {
            Ok(found) => Ok(Some(version_of(&found))),
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(other) => Err(trouble("head", &path, other)),
        })
        .await
    }

    async fn promote(
        &self,
        from: &ObjectKey,
        version: &ObjectVersion,
        // The same inode: there is nothing to compare.
        _crc32: u32,
        to: &ObjectKey,
    ) -> Result<ObjectVersion, StoreError> {
        let (root, source, target) = (self.root.clone(), from.path(), to.path());
        let version = version.clone();
        let settled = from.is_settled();
        blocking("promote", &to.path(), move || link(&root, &source, &version, &target, settled)).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), StoreError> {
        let (root, path) = (self.root.clone(), key.path());
        let durable = key.is_settled();
        blocking("delete", &key.path(), move || {
            folder::remove(&root, Path::new(&path), durable).map_err(|e| trouble("delete", &path, e))
        })
        .await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, StoreError> {
        let (root, prefix, after) = (self.root.clone(), prefix.to_owned(), after.unwrap_or("").to_owned());
        blocking("list", &prefix.clone(), move || {
            list::page(&root, &prefix, &after, limit).map_err(|e| trouble("list", &prefix, e))
        })
        .await
    }

    async fn unfinished(&self, _limit: usize) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    async fn free(&self) -> Result<Option<u64>, StoreError> {
        let root = self.root.clone();
        blocking("free", "", move || {
            let volume =
                rustix::fs::statvfs(root.join("quarantine")).map_err(|e| trouble("free", "", e.into()))?;
            Ok(Some(volume.f_bavail.saturating_mul(volume.f_frsize)))
        })
        .await
    }

    async fn probe(&self) -> Result<Option<u64>, StoreError> {
        self.free().await
    }
}

/// Runs file system work off the runtime, under [`DEADLINE`].
async fn blocking<T: Send + 'static>(
    call: &'static str,
    path: &str,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let late = |source| StoreError::Unavailable { call, path: path.to_owned(), source };
    match tokio::time::timeout(DEADLINE, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(done)) => done,
        Ok(Err(panicked)) => Err(late(Box::new(panicked))),
        Err(elapsed) => Err(late(Box::new(elapsed))),
    }
}

/// What the operating system said, as ours.
fn trouble(call: &'static str, path: &str, source: io::Error) -> StoreError {
    use io::ErrorKind as Kind;
    let path = path.to_owned();
    match source.kind() {
        Kind::NotFound => StoreError::NotFound { path },
        Kind::StorageFull | Kind::QuotaExceeded => StoreError::Full { path },
        Kind::PermissionDenied | Kind::ReadOnlyFilesystem | Kind::CrossesDevices | Kind::NotADirectory => {
            StoreError::Refused { call, path, source: Box::new(source) }
        }
        _ => StoreError::Unavailable { call, path, source: Box::new(source) },
    }
}

fn version_of(found: &Metadata) -> ObjectVersion {
    let modified = i128::from(found.mtime()) * 1_000_000_000 + i128::from(found.mtime_nsec());
    ObjectVersion {
        etag: format!("{}-{modified}-{}", found.ino(), found.size()),
        version_id: None,
        size: found.size(),
    }
}

/// Whether an object is the version it should be.
fn same(now: &ObjectVersion, version: &ObjectVersion, settled: bool) -> bool {
    fn seconds(etag: &str) -> Option<&str> {
        let (_inode, rest) = etag.split_once('-')?;
        let (nanoseconds, _size) = rest.split_once('-')?;
        Some(nanoseconds.get(..nanoseconds.len().checked_sub(9)?).unwrap_or_default())
    }
    now.etag == version.etag
        || settled && now.size == version.size && seconds(&now.etag) == seconds(&version.etag)
}

/// Holds the file to its size and syncs it whole: `fdatasync` may leave the modification time behind, and the time
/// is part of the version.
fn seal_at(place: &Path, path: &str, size: u64) -> Result<ObjectVersion, StoreError> {
    let lost = || StoreError::Lost { path: path.to_owned() };
    let file = File::open(place).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => lost(),
        _ => trouble("seal", path, e),
    })?;
    sealed(&file, path, size)
}

fn sealed(file: &File, path: &str, size: u64) -> Result<ObjectVersion, StoreError> {
    file.sync_all().map_err(|e| trouble("seal", path, e))?;
    let now = file.metadata().map_err(|e| trouble("seal", path, e))?;
    let lost = || StoreError::Lost { path: path.to_owned() };
    if now.size() == size { Ok(version_of(&now)) } else { Err(lost()) }
}

/// The second name. An equal target (the same inode) is success, whether or not the source is still there.
fn link(
    root: &Path,
    from: &str,
    version: &ObjectVersion,
    to: &str,
    settled: bool,
) -> Result<ObjectVersion, StoreError> {
    let (source, target) = (root.join(from), root.join(to));
    let failed = |e| trouble("promote", to, e);
    match std::fs::metadata(&source) {
        Ok(now) if !same(&version_of(&now), version, settled) => {
            return Err(StoreError::Changed { path: from.to_owned() });
        }
        Ok(_) => {
            folder::with_parent(root, Path::new(to), || match std::fs::hard_link(&source, &target) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                linked => linked,
            })
            .map_err(failed)?;
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(trouble("promote", from, e)),
    }
    let found = match std::fs::metadata(&target) {
        Ok(found) => version_of(&found),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Err(StoreError::NotFound { path: from.to_owned() });
        }
        Err(e) => return Err(failed(e)),
    };
    if !same(&found, version, settled) {
        return Err(StoreError::Occupied { path: to.to_owned() });
    }
    folder::sync_parent(root, Path::new(to)).map_err(failed)?;
    Ok(found)
}

async fn read_piece(file: Arc<File>, path: String, at: u64, len: u64) -> Result<Bytes, StoreError> {
    blocking("read", &path.clone(), move || {
        let mut piece = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        match file.read_exact_at(&mut piece, at) {
            Ok(()) => Ok(Bytes::from(piece)),
            Err(short) if short.kind() == io::ErrorKind::UnexpectedEof => Err(StoreError::Changed { path }),
            Err(other) => Err(trouble("read", &path, other)),
        }
    })
    .await
}
