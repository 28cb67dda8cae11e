//! Which store there is, and opening it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::filesystem::FilesystemStore;
use super::s3::S3Store;
use super::{ObjectStore, StoreError};

pub use super::s3::{Encryption, S3Config};

/// The section `store` of the settings; `kind` says which.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum StoreConfig {
    Filesystem {
        /// Where the objects lie; `objects` in the data folder when absent. One file system, one process.
        #[serde(default)]
        root: Option<PathBuf>,
    },
    S3(S3Config),
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self::Filesystem { root: None }
    }
}

/// A store that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the object store cannot be opened")]
    Store(#[from] StoreError),
    #[error("the S3 store wants either secret_key or secret_key_file")]
    SecretKey,
    #[error("{path} with the S3 secret key cannot be read")]
    SecretFile {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// Opens the store of the settings. Asks nothing of a bucket: see [`ObjectStore::probe`].
pub async fn open(config: &StoreConfig, data_dir: &Path) -> Result<Arc<dyn ObjectStore>, OpenError> {
    match config {
        StoreConfig::Filesystem { root } => {
            let root = root.clone().unwrap_or_else(|| data_dir.join("objects"));
            Ok(Arc::new(FilesystemStore::open(&root).await?))
        }
        StoreConfig::S3(s3) => Ok(Arc::new(S3Store::new(s3, &secret_key(s3).await?))),
    }
}

async fn secret_key(config: &S3Config) -> Result<SecretString, OpenError> {
    match (&config.secret_key, &config.secret_key_file) {
        (Some(secret), None) => Ok(secret.clone()),
        (None, Some(path)) => {
            let held = tokio::fs::read_to_string(path).await;
            let held = held.map_err(|source| OpenError::SecretFile { path: path.clone(), source })?;
            Ok(held.trim().into())
        }
        _ => Err(OpenError::SecretKey),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S3: &str = r#"
        kind = "s3"
        endpoint = "http://127.0.0.1:3900"
        region = "garage"
        bucket = "evidence"
        access_key = "GK1"
        secret_key = "quite secret"
        path_style = true
        encryption = { kms = { key = "k1" } }
    "#;

    #[test]
    fn each_kind_is_read_and_nothing_unknown_is() {
        let StoreConfig::S3(s3) = toml::from_str(S3).unwrap() else { panic!("not S3") };
        assert_eq!((s3.encryption, s3.memory_mib), (Encryption::Kms { key: "k1".to_owned() }, 96));
        assert!(matches!(
            toml::from_str(r#"kind = "filesystem""#),
            Ok(StoreConfig::Filesystem { root: None })
        ));
        assert!(toml::from_str::<StoreConfig>(&format!("{S3}\nbukket = 'x'")).is_err());
        assert!(toml::from_str::<StoreConfig>("kind = 'filesystem'\nrot = 'x'").is_err());
    }

    #[test]
    fn the_secret_is_not_shown() {
        let config: StoreConfig = toml::from_str(S3).unwrap();
        let shown = format!("{config:?} {}", serde_json::to_string(&config).unwrap());
        assert!(!shown.contains("quite secret"), "{shown}");
        let StoreConfig::S3(read_back) = toml::from_str(&toml::to_string(&config).unwrap()).unwrap() else {
            panic!("not S3")
        };
        assert_eq!(read_back.bucket, "evidence");
    }

    #[tokio::test]
    async fn the_secret_is_given_once() {
        let StoreConfig::S3(mut s3) = toml::from_str(S3).unwrap() else { panic!("not S3") };
        s3.secret_key_file = Some("x".into());
        let both = open(&StoreConfig::S3(s3.clone()), Path::new("")).await;
        assert!(matches!(both, Err(OpenError::SecretKey)));
        s3.secret_key = None;
        s3.secret_key_file = Some("no/such/file".into());
        assert!(matches!(secret_key(&s3).await, Err(OpenError::SecretFile { .. })));
    }
}
