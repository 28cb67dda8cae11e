//! Which store there is, and opening it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::filesystem::FilesystemStore;
use super::{ObjectStore, StoreError};

/// The section `store` of the settings; `kind` says which.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum StoreConfig {
    Filesystem {
        /// Where the objects lie; `objects` in the data folder when absent. One file system, one process.
        #[serde(default)]
        root: Option<PathBuf>,
    },
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self::Filesystem { root: None }
    }
}

/// Opens the store of the settings.
pub async fn open(config: &StoreConfig, data_dir: &Path) -> Result<Arc<dyn ObjectStore>, StoreError> {
    match config {
        StoreConfig::Filesystem { root } => {
            let root = root.clone().unwrap_or_else(|| data_dir.join("objects"));
            Ok(Arc::new(FilesystemStore::open(&root).await?))
        }
    }
}
