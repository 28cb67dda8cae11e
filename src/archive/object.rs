//! A stored object, as it may leave.

use crate::evidence::Sha256Digest;
use crate::ids::FileId;
use crate::object_store::{ObjectKey, ObjectVersion};

/// One version of an evidence object, with the digest it was judged under; or, for whoever answers incidents, of one in
/// which something was found. Nothing in quarantine can become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    file: FileId,
    key: ObjectKey,
    version: ObjectVersion,
    sha256: Sha256Digest,
}

/// The object is not what it is taken for: evidence, which earned a verdict of clean, or an infected original; or it is
/// another file's.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{key} is not that of file {file}")]
pub struct NotEvidence {
    file: FileId,
    key: ObjectKey,
}

impl StoredObject {
    /// `sha256`: what the check found. Errors: the key is not this file's evidence key.
    pub fn new(
        file: FileId,
        key: ObjectKey,
        version: ObjectVersion,
        sha256: Sha256Digest,
    ) -> Result<Self, NotEvidence> {
        match &key {
            ObjectKey::Evidence { file: of, .. } if *of == file => Ok(Self { file, key, version, sha256 }),
            _ => Err(NotEvidence { file, key }),
        }
    }

    /// An infected original. Errors: the key is not the place of this file's.
    pub fn infected(
        file: FileId,
        key: ObjectKey,
        version: ObjectVersion,
        sha256: Sha256Digest,
    ) -> Result<Self, NotEvidence> {
        match &key {
            ObjectKey::Incident { file: of, .. } if *of == file => Ok(Self { file, key, version, sha256 }),
            _ => Err(NotEvidence { file, key }),
        }
    }

    pub fn file(&self) -> FileId {
        self.file
    }

    pub fn key(&self) -> &ObjectKey {
        &self.key
    }

    pub fn version(&self) -> &ObjectVersion {
        &self.version
    }

    pub fn sha256(&self) -> Sha256Digest {
        self.sha256
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.version.size
    }
}
