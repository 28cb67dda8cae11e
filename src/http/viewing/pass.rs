//! The pass in an address of a file that is shown: for one session, file and revision, for a while, and signed.
//!
//! It opens nothing by itself: whoever comes with one is asked all that a download is asked.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::evidence::Sha256Digest;
use crate::ids::FileId;

/// The form of the pass, and a word that makes its signature good for nothing else.
const FORM: &[u8] = b"strongroom-view-1";
const SESSION: usize = 32;
const FILE: usize = 32;
const REVISION: usize = 4;
const END: usize = 8;
const SIGNATURE: usize = 32;
const BYTES: usize = SESSION + FILE + REVISION + END + SIGNATURE;

/// What a pass says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pass {
    /// SHA-256 of the session's cookie.
    pub session: Sha256Digest,
    pub file: FileId,
    /// The sample's latest revision when it was given out.
    pub revision: u32,
    pub ends_at: Timestamp,
}

fn signer(key: &SecretString, said: &[u8]) -> Option<Hmac<Sha256>> {
    let mut signer = Hmac::<Sha256>::new_from_slice(key.expose_secret().as_bytes()).ok()?;
    signer.update(FORM);
    signer.update(said);
    Some(signer)
}

impl Pass {
    /// As text for an address. `None`: the key is no key.
    pub(super) fn sign(&self, key: &SecretString) -> Option<String> {
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.extend_from_slice(&self.session.0);
        bytes.extend_from_slice(self.file.to_string().as_bytes());
        bytes.extend_from_slice(&self.revision.to_be_bytes());
        bytes.extend_from_slice(&self.ends_at.as_microsecond().to_be_bytes());
        let signature = signer(key, &bytes)?.finalize().into_bytes();
        bytes.extend_from_slice(&signature);
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What a pass says that this key signed, whether it has ended or not. `None`: it is no pass of ours.
    pub(super) fn read(text: &str, key: &SecretString) -> Option<Self> {
        if text.len() > BYTES * 2 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == BYTES)?;
        let (said, signature) = bytes.split_at(BYTES - SIGNATURE);
        signer(key, said)?.verify_slice(signature).ok()?;
        let (session, rest) = said.split_at(SESSION);
        let (file, rest) = rest.split_at(FILE);
        let (revision, end) = rest.split_at(REVISION);
        Some(Self {
            session: Sha256Digest(session.try_into().ok()?),
            file: std::str::from_utf8(file).ok()?.parse().ok()?,
            revision: u32::from_be_bytes(revision.try_into().ok()?),
            ends_at: Timestamp::from_microsecond(i64::from_be_bytes(end.try_into().ok()?)).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass() -> Pass {
        let ends_at = Timestamp::from_microsecond(1_700_000_000_000_000).unwrap();
        Pass { session: Sha256Digest([7; 32]), file: FileId::new(), revision: 3, ends_at }
    }

    #[test]
    fn a_pass_reads_back_under_its_key_alone() {
        let (key, other) = (SecretString::from("one"), SecretString::from("two"));
        let text = pass().sign(&key).unwrap();
        assert!(Pass::read(&text, &other).is_none());
        let pass = pass();
        assert_eq!(Pass::read(&pass.sign(&key).unwrap(), &key), Some(pass));
    }

    #[test]
    fn no_byte_of_a_pass_can_be_another() {
        let key = SecretString::from("one");
        let text = pass().sign(&key).unwrap();
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert!(Pass::read(std::str::from_utf8(&changed).unwrap(), &key).is_none(), "{at}");
        }
        for text in ["", "A", &text[1..], &format!("{text}A"), &"A".repeat(10_000)] {
            assert!(Pass::read(text, &key).is_none());
        }
    }
}
