//! Session ids and tokens: 256 random bits, shown once, kept as their SHA-256.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::evidence::Sha256Digest;

/// A fresh secret. Its text is for its holder alone; nothing prints it by accident.
pub struct Secret(String);

impl Secret {
    /// 256 bits of the thread's cryptographic generator.
    pub fn new() -> Self {
        Self(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
    }

    /// The text to hand over.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub fn digest(&self) -> Sha256Digest {
        digest_of(&self.0)
    }
}

impl Default for Secret {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What is kept of a secret that someone sent.
pub fn digest_of(text: &str) -> Sha256Digest {
    Sha256Digest(Sha256::digest(text.as_bytes()).into())
}

/// Whether two secrets are equal, in a time that does not tell where they differ.
pub fn equal(a: &str, b: &str) -> bool {
    digest_of(a).0.iter().zip(digest_of(b).0).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}
