//! An upload's bytes on their way into the quarantined file.
//!
//! Small frames are gathered, from a budget shared by all writers; a writer that gets no more of it writes what it
//! has, so nobody ever waits for memory. One write is under way while the next is gathered.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use super::{DEADLINE, blocking, fence::Pass, folder, trouble};
use crate::object_store::{Durable, StagedWriter, StoreError};

/// One permit of the gathering budget, bytes.
pub(super) const SEGMENT: usize = 64 << 10;
/// The most one writer gathers before it writes, bytes.
const GATHER: usize = 512 << 10;
/// A frame as large as this is written as it came, bytes.
const DIRECT: usize = 128 << 10;

/// Where and at what offset a writer begins.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) root: PathBuf,
    pub(super) path: String,
    pub(super) object_epoch: i64,
    pub(super) offset: u64,
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
    /// Bytes taken, from the file's start.
    taken: u64,
    /// Bytes handed to a write.
    handed: u64,
    durable: u64,
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
            taken: offset,
            handed: offset,
            durable: offset,
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
        self.handed += bytes.as_ref().len() as u64;
        self.writing = Some(tokio::task::spawn_blocking(move || {
            let written = pass.enter(|| file.write_all_at(bytes.as_ref(), at));
            drop(permits);
            match written {
                None => Err(StoreError::Changed { path }),
                Some(done) => done.map_err(|e| trouble("write", &path, e)),
            }
        }));
        Ok(())
    }

    /// Waits for the write under way.
    async fn settle(&mut self) -> Result<(), StoreError> {
        let Some(writing) = self.writing.take() else { return Ok(()) };
        let late = |source| StoreError::Unavailable { call: "write", path: self.begun.path.clone(), source };
        match tokio::time::timeout(DEADLINE, writing).await {
            Ok(Ok(written)) => written,
            Ok(Err(panicked)) => Err(late(Box::new(panicked))),
            Err(elapsed) => Err(late(Box::new(elapsed))),
        }
    }

    async fn take(&mut self, chunk: Bytes) -> Result<(), StoreError> {
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
        self.hand_over().await?;
        self.settle().await?;
        if self.durable == self.taken && self.named {
            return Ok(());
        }
        let (file, root, path) = (self.file.clone(), self.begun.root.clone(), self.begun.path.clone());
        let named = self.named;
        blocking("flush", &self.begun.path, move || {
            let failed = |e| trouble("flush", &path, e);
            file.sync_data().map_err(failed)?;
            if named { Ok(()) } else { folder::sync_parent(&root, Path::new(&path)).map_err(failed) }
        })
        .await?;
        (self.named, self.durable) = (true, self.taken);
        Ok(())
    }

    /// After an error nobody knows what of the later bytes was written: the writer is spent, its successor cuts the
    /// file back.
    fn guard(&self) -> Result<(), StoreError> {
        if self.failed { Err(StoreError::Changed { path: self.begun.path.clone() }) } else { Ok(()) }
    }
}

#[async_trait]
impl StagedWriter for FileWriter {
    fn until_border(&self) -> u64 {
        u64::MAX
    }

    async fn write(&mut self, chunk: Bytes) -> Result<(), StoreError> {
        self.guard()?;
        let taken = self.take(chunk).await;
        self.failed = taken.is_err();
        taken
    }

    fn progress(&mut self) -> Option<Durable> {
        None
    }

    fn pending(&self) -> u64 {
        self.taken - self.durable
    }

    async fn flush(&mut self) -> Result<Durable, StoreError> {
        self.guard()?;
        let synced = self.sync().await;
        self.failed = synced.is_err();
        synced?;
        Ok(Durable {
            offset: self.durable,
            object_epoch: self.begun.object_epoch,
            multipart: None,
            new_parts: Vec::new(),
            tail: Vec::new(),
            obsolete: Vec::new(),
        })
    }

    async fn finish(&mut self) -> Result<Durable, StoreError> {
        self.flush().await
    }
}
