//! What the settings say of a bucket.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::{Deserialize, Serialize, Serializer};

/// A bucket, and how to reach it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Config {
    /// Absent: AWS, by the region.
    #[serde(default)]
    pub endpoint: Option<String>,
    pub region: String,
    pub bucket: String,
    /// Our corner of a bucket that others use too.
    #[serde(default)]
    pub prefix: Option<String>,
    pub access_key: String,
    /// This or `secret_key_file`.
    #[serde(default, serialize_with = "hidden")]
    pub secret_key: Option<SecretString>,
    /// A file that holds the secret key and nothing else but blanks around it.
    #[serde(default)]
    pub secret_key_file: Option<PathBuf>,
    /// The bucket in the path instead of in the host name: what most stores other than AWS want.
    #[serde(default)]
    pub path_style: bool,
    #[serde(default)]
    pub encryption: Encryption,
    /// Memory for bytes that are not durable yet, of all uploads together, MiB.
    #[serde(default = "default_memory")]
    pub memory_mib: u32,
}

/// Encryption at rest that every write asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Encryption {
    /// What the bucket does by itself.
    #[default]
    None,
    /// With the store's keys.
    S3,
    /// With a key of the key service.
    Kms { key: String },
}

fn default_memory() -> u32 {
    96
}

fn hidden<S: Serializer>(secret: &Option<SecretString>, to: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(|_| "(hidden)").serialize(to)
}
