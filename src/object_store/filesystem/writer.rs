//! An upload's bytes on their way into the quarantined file.
//!
//! Small frames are gathered, from a budget shared by all writers; a writer that gets no more of it writes what it
//! has, so nobody ever waits for memory. One write is under way while the next is gathered.
//!
//! At each end of a part a sync begins and goes on beside the writing, one at a time: the disk never waits for
//! the line, nor the line for the disk while that keeps up. (With the sync in the way, 1 GiB took half as long again.)
//! Large writes begin their way to the disk at once, for the sync at the end of a short request finds nobody to work
//! beside: "not needed" is the advice by which Linux begins to write what is dirty, and what it is writing it keeps.
//! The last sync brings the file's times along, so that its version is known and sealing costs nothing.

use std::fs::{File, OpenOptions};
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use rustix::fs::Advice;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use super::{DEADLINE, blocking, fence::Pass, folder, sealed, trouble};
use crate::object_store::{Durable, ObjectVersion, StagedWriter, StoreError};

/// One permit of the gathering budget, bytes.
pub(super) const SEGMENT: usize = 64 << 10;
/// The most one writer gathers before it writes, bytes.
const GATHER: usize = 256 << 10;
/// A frame as large as this is written as it came, bytes.
const DIRECT: usize = 128 << 10;

/// A write as large as this begins its way to the disk at once, bytes.
const EARLY: u64 = 128 << 10;

/// Where and at what offset a writer begins.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) root: PathBuf,
    pub(super) path: String,
    pub(super) object_epoch: i64,
    pub(super) offset: u64,
    pub(super) part_size: u64,
}

/// See the module.
#[derive(Debug)]
pub(super) struct FileWriter {
    begun: Begun,
    file: Arc<File>,
    pass: Pass,
    budget: Arc<Semaphore>,
    gathered: Vec<u8>,
    permits: Option<OwnedSemaphorePermit>,
    /// The write under way.
    writing: Option<JoinHandle<Result<(), StoreError>>>,
    /// The sync under way, and up to where it makes bytes durable.
    syncing: Option<(u64, JoinHandle<Result<(), StoreError>>)>,
    /// Bytes taken, from the file's start.
    taken: u64,
    /// Bytes handed to a write.
    handed: u64,
    durable: u64,
    reported: u64,
    /// The file's name is durable.
    named: bool,
    failed: bool,
}

/// Opens the file at its committed offset. A new one when nothing is committed: others of the same upload, which
/// then hold nothing that counts, go.
pub(super) fn open_at(root: &Path, path: &str, offset: u64) -> Result<File, StoreError> {
    let failed = |e| trouble("resume", path, e);
    let lost = || StoreError::Lost { path: path.to_owned() };
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o640);
    if offset == 0 {
        remove_others(root, Path::new(path)).map_err(failed)?;
        options.create(true).truncate(true);
        return folder::with_parent(root, Path::new(path), || options.open(root.join(path))).map_err(failed);
    }
    let file = options.open(root.join(path)).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => lost(),
        _ => failed(e),
    })?;
    let size = file.metadata().map_err(failed)?.size();
    if size < offset {
        return Err(lost());
    }
    if size > offset {
        file.set_len(offset).map_err(failed)?;
    }
    Ok(file)
}

fn remove_others(root: &Path, path: &Path) -> io::Result<()> {
    let folder = root.join(path.parent().unwrap_or(Path::new("")));
    let entries = match std::fs::read_dir(folder) {
        Err(gone) if gone.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if Some(entry.file_name().as_os_str()) != path.file_name() {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

impl FileWriter {
    pub(super) fn new(begun: Begun, file: File, pass: Pass, budget: Arc<Semaphore>) -> Self {
        let offset = begun.offset;
        Self {
            named: offset > 0,
            begun,
            file: Arc::new(file),
            pass,
            budget,
            gathered: Vec::new(),
            permits: None,
            writing: None,
            syncing: None,
            taken: offset,
            handed: offset,
            durable: offset,
            reported: offset,
            failed: false,
        }
    }

    /// Room for `more` bytes among the gathered, as far as the budget has it.
    fn make_room(&mut self, more: usize) -> bool {
        let wanted = (self.gathered.len() + more).div_ceil(SEGMENT) * SEGMENT;
        let have = self.gathered.capacity();
        if wanted > GATHER {
            return false;
        }
        if wanted <= have {
            return true;
        }
        let permits = u32::try_from((wanted - have).div_ceil(SEGMENT)).unwrap_or(u32::MAX);
        let Ok(new) = self.budget.clone().try_acquire_many_owned(permits) else { return false };
        match &mut self.permits {
            Some(held) => held.merge(new),
            none => *none = Some(new),
        }
        self.gathered.reserve_exact(wanted - self.gathered.len());
        true
    }

    /// Hands what is gathered to a write, after the one before it has ended.
    async fn hand_over(&mut self) -> Result<(), StoreError> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let (bytes, permits) = (std::mem::take(&mut self.gathered), self.permits.take());
        self.start(bytes, permits).await
    }

    async fn start(
        &mut self,
        bytes: impl AsRef<[u8]> + Send + 'static,
        permits: Option<OwnedSemaphorePermit>,
    ) -> Result<(), StoreError> {
        self.settle().await?;
        let (file, pass, path, at) =
            (self.file.clone(), self.pass.clone(), self.begun.path.clone(), self.handed);
        let length = bytes.as_ref().len() as u64;
        self.handed += length;
        self.writing = Some(tokio::task::spawn_blocking(move || {
            let written = pass.enter(|| file.write_all_at(bytes.as_ref(), at));
            drop(permits);
            if length >= EARLY {
                // A hint: what comes of it is seen by the sync.
                let _begun = rustix::fs::fadvise(&file, at, NonZeroU64::new(length), Advice::DontNeed);
            }
            match written {
                None => Err(StoreError::Changed { path }),
                Some(done) => done.map_err(|e| trouble("write", &path, e)),
            }
        }));
        Ok(())
    }

    /// Waits for the write under way.
    async fn settle(&mut self) -> Result<(), StoreError> {
        match self.writing.take() {
            Some(writing) => ended("write", &self.begun.path, writing).await,
            None => Ok(()),
        }
    }

    /// Begins to make durable what was taken, after the sync before it has ended. Writing may go on.
    async fn begin_sync(&mut self) -> Result<(), StoreError> {
        self.hand_over().await?;
        self.settle().await?;
        self.end_sync().await?;
        let (file, root, path) = (self.file.clone(), self.begun.root.clone(), self.begun.path.clone());
        let named = self.named;
        let task = tokio::task::spawn_blocking(move || {
            let failed = |e| trouble("flush", &path, e);
            file.sync_data().map_err(failed)?;
            if named { Ok(()) } else { folder::sync_parent(&root, Path::new(&path)).map_err(failed) }
        });
        self.syncing = Some((self.handed, task));
        Ok(())
    }

    /// Waits for the sync under way.
    async fn end_sync(&mut self) -> Result<(), StoreError> {
        let Some((to, task)) = self.syncing.take() else { return Ok(()) };
        ended("flush", &self.begun.path, task).await?;
        (self.named, self.durable) = (true, to);
        Ok(())
    }

    async fn take(&mut self, chunk: Bytes) -> Result<(), StoreError> {
        self.gather(chunk).await?;
        if self.taken.is_multiple_of(self.begun.part_size) { self.begin_sync().await } else { Ok(()) }
    }

    async fn gather(&mut self, chunk: Bytes) -> Result<(), StoreError> {
        self.taken += chunk.len() as u64;
        if chunk.len() < DIRECT && self.make_room(chunk.len()) {
            self.gathered.extend_from_slice(&chunk);
            return Ok(());
        }
        self.hand_over().await?;
        if chunk.len() < DIRECT && self.make_room(chunk.len()) {
            self.gathered.extend_from_slice(&chunk);
            return Ok(());
        }
        self.start(chunk, None).await
    }

    async fn sync(&mut self) -> Result<(), StoreError> {
        let under_way = self.syncing.as_ref().is_some_and(|(to, _)| *to == self.taken);
        if !under_way && (self.durable < self.taken || !self.named) {
            self.begin_sync().await?;
        }
        self.end_sync().await
    }

    /// Makes the file durable with its times, and holds it to its size.
    async fn whole(&mut self) -> Result<ObjectVersion, StoreError> {
        self.hand_over().await?;
        self.settle().await?;
        self.end_sync().await?;
        let (file, root, path) = (self.file.clone(), self.begun.root.clone(), self.begun.path.clone());
        let (named, size) = (self.named, self.taken);
        let version = blocking("finish", &self.begun.path, move || {
            if !named {
                folder::sync_parent(&root, Path::new(&path)).map_err(|e| trouble("finish", &path, e))?;
            }
            sealed(&file, &path, size)
        });
        let version = version.await?;
        (self.named, self.durable) = (true, self.taken);
        Ok(version)
    }

    fn report(&mut self) -> Durable {
        self.reported = self.durable;
        Durable { offset: self.durable, object_epoch: self.begun.object_epoch, ..Durable::default() }
    }

    /// After an error nobody knows what of the later bytes was written: the writer is spent, its successor cuts the
    /// file back.
    fn guard(&self) -> Result<(), StoreError> {
        if self.failed { Err(StoreError::Changed { path: self.begun.path.clone() }) } else { Ok(()) }
    }
}

/// What a task of the file system came to, under [`DEADLINE`].
async fn ended(
    call: &'static str,
    path: &str,
    task: JoinHandle<Result<(), StoreError>>,
) -> Result<(), StoreError> {
    let late = |source| StoreError::Unavailable { call, path: path.to_owned(), source };
    match tokio::time::timeout(DEADLINE, task).await {
        Ok(Ok(done)) => done,
        Ok(Err(panicked)) => Err(late(Box::new(panicked))),
        Err(elapsed) => Err(late(Box::new(elapsed))),
    }
}

#[async_trait]
impl StagedWriter for FileWriter {
    fn until_border(&self) -> u64 {
        self.begun.part_size - self.taken % self.begun.part_size
    }

    async fn write(&mut self, chunk: Bytes) -> Result<(), StoreError> {
        self.guard()?;
        let taken = self.take(chunk).await;
        self.failed = taken.is_err();
        taken
    }

    async fn progress(&mut self) -> Result<Option<Durable>, StoreError> {
        self.guard()?;
        if self.syncing.as_ref().is_some_and(|(_, task)| task.is_finished()) {
            let synced = self.end_sync().await;
            self.failed = synced.is_err();
            synced?;
        }
        Ok((self.durable > self.reported).then(|| self.report()))
    }

    fn pending(&self) -> u64 {
        self.taken - self.durable
    }

    async fn flush(&mut self) -> Result<Durable, StoreError> {
        self.guard()?;
        let synced = self.sync().await;
        self.failed = synced.is_err();
        synced.map(|()| self.report())
    }

    async fn finish(&mut self) -> Result<Durable, StoreError> {
        self.guard()?;
        let whole = self.whole().await;
        self.failed = whole.is_err();
        let object = Some(whole?);
        Ok(Durable { object, ..self.report() })
    }
}
