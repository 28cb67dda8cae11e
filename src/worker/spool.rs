//! A file to check, as a local descriptor: the stored file itself where the store is local, else a copy in an unlinked
//! spool file within a budget of bytes. When the budget is spent the check is put off, so that smaller files pass it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::object_store::{ObjectKey, ObjectStore, ObjectVersion, StoreError};

/// Bytes a permit stands for.
const UNIT: u64 = 1 << 20;

/// The budget and its folder.
#[derive(Clone, Debug)]
pub(super) struct Spool {
    folder: PathBuf,
    units: u32,
    budget: Arc<Semaphore>,
}

/// An open file, and its share of the budget.
#[derive(Debug)]
pub(super) struct Spooled {
    pub file: std::fs::File,
    _share: Option<OwnedSemaphorePermit>,
}

/// Why a file could not be opened for its check.
#[derive(Debug, thiserror::Error)]
pub(super) enum SpoolError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the spool's budget is spent for now")]
    Spent,
    #[error("the spool folder cannot be used")]
    Folder(#[source] io::Error),
}

impl Spool {
    pub(super) fn new(folder: PathBuf, bytes: u64) -> Self {
        let units = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX).max(1);
        Self { folder, units, budget: Arc::new(Semaphore::new(units as usize)) }
    }

    /// Opens exactly that version of an object, with room for `beside` bytes of what is in it.
    pub(super) async fn open(
        &self,
        store: &dyn ObjectStore,
        key: &ObjectKey,
        version: &ObjectVersion,
        beside: u64,
    ) -> Result<Spooled, SpoolError> {
        let local = store.local(key, version).await?;
        let copied = if local.is_some() { 0 } else { version.size };
        let share = self.share(copied.saturating_add(beside))?;
        if let Some(file) = local {
            return Ok(Spooled { file, _share: share });
        }
        let file = self.unlinked().await?;
        let mut writing = tokio::fs::File::from_std(file.try_clone().map_err(SpoolError::Folder)?);
        let mut bytes = store.read(key, version, 0..version.size).await?;
        while let Some(piece) = bytes.next().await {
            writing.write_all(&piece?).await.map_err(SpoolError::Folder)?;
        }
        writing.flush().await.map_err(SpoolError::Folder)?;
        Ok(Spooled { file, _share: share })
    }

    /// A share of the budget. What is larger than the whole budget needs all of it, and goes alone.
    fn share(&self, bytes: u64) -> Result<Option<OwnedSemaphorePermit>, SpoolError> {
        if bytes == 0 {
            return Ok(None);
        }
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).clamp(1, self.units);
        let share = self.budget.clone().try_acquire_many_owned(units).map_err(|_| SpoolError::Spent)?;
        Ok(Some(share))
    }

    /// The folder itself, for what is inflated during a check. It is there.
    pub(super) async fn folder(&self) -> Result<&Path, SpoolError> {
        tokio::fs::create_dir_all(&self.folder).await.map_err(SpoolError::Folder)?;
        Ok(&self.folder)
    }

    /// A file without a name: it is gone with its last descriptor, however we end.
    async fn unlinked(&self) -> Result<std::fs::File, SpoolError> {
        let path = self.folder().await?.join(format!("{:032x}", rand::random::<u128>()));
        let mut options = tokio::fs::OpenOptions::new();
        options.read(true).write(true).create_new(true);
        let file = options.open(&path).await.map_err(SpoolError::Folder)?;
        tokio::fs::remove_file(&path).await.map_err(SpoolError::Folder)?;
        Ok(file.into_std().await)
    }
}
