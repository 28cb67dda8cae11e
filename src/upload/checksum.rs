//! Checksums of a request: what its sender says its bytes are, and what they turn out to be.
//!
//! A request that must prove something ([`Proof`]) counts for nothing until it has. Its checksum may come before the
//! bytes or after them; of one that is still to come the algorithm is not known either, so all of them run.

use crc_fast::CrcAlgorithm;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::UploadError;

/// The algorithms a request may be checked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Sha1,
    Sha256,
    Md5,
    Crc32c,
}

impl Algorithm {
    pub const ALL: [Self; 4] = [Self::Sha1, Self::Sha256, Self::Md5, Self::Crc32c];

    /// The name, as tus writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Md5 => "md5",
            Self::Crc32c => "crc32c",
        }
    }

    /// The algorithm of that name, exactly.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

/// What a sender says a request's bytes are. A value of another length than the algorithm's matches nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksum {
    pub algorithm: Algorithm,
    /// CRC-32C: big endian.
    pub value: Vec<u8>,
}

/// What must hold of a request's bytes before any of them counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Told before the bytes.
    pub told: Vec<Checksum>,
    /// Another is told after them.
    pub awaited: bool,
}

/// A running sum.
#[derive(Clone, Debug)]
enum Sum {
    Sha1(Sha1),
    Sha256(Sha256),
    Md5(Md5),
    Crc32c(Box<crc_fast::Digest>),
}

impl Sum {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha1 => Self::Sha1(Sha1::new()),
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Md5 => Self::Md5(Md5::new()),
            Algorithm::Crc32c => Self::Crc32c(Box::new(crc_fast::Digest::new(CrcAlgorithm::Crc32Iscsi))),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(sum) => sum.update(bytes),
            Self::Sha256(sum) => sum.update(bytes),
            Self::Md5(sum) => sum.update(bytes),
            Self::Crc32c(sum) => sum.update(bytes),
        }
    }

    fn finish(self) -> Checksum {
        let (algorithm, value) = match self {
            Self::Sha1(sum) => (Algorithm::Sha1, sum.finalize().to_vec()),
            Self::Sha256(sum) => (Algorithm::Sha256, sum.finalize().to_vec()),
            Self::Md5(sum) => (Algorithm::Md5, sum.finalize().to_vec()),
            // The upper half of what is returned is nothing.
            Self::Crc32c(sum) => (Algorithm::Crc32c, sum.finalize().to_be_bytes()[4..].to_vec()),
        };
        Checksum { algorithm, value }
    }
}

/// A request on its way to prove itself.
#[derive(Debug)]
pub(super) struct Proving {
    told: Vec<Checksum>,
    awaited: bool,
    sums: Vec<Sum>,
}

impl Proving {
    /// `None` when nothing is to be proved.
    pub(super) fn new(proof: Proof) -> Option<Self> {
        let Proof { told, awaited } = proof;
        if told.is_empty() && !awaited {
            return None;
        }
        let needed = |algorithm: &Algorithm| awaited || told.iter().any(|sum| sum.algorithm == *algorithm);
        let sums = Algorithm::ALL.into_iter().filter(needed).map(Sum::new).collect();
        Some(Self { told, awaited, sums })
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        for sum in &mut self.sums {
            sum.update(bytes);
        }
    }

    /// Takes what was told after the bytes. Nobody announced one: it proves nothing, and its sum may not run.
    pub(super) fn tell(&mut self, checksum: Checksum) {
        if std::mem::take(&mut self.awaited) {
            self.told.push(checksum);
        }
    }

    /// Whether the bytes are what was said of them.
    pub(super) fn verify(self) -> Result<(), UploadError> {
        if self.awaited {
            return Err(UploadError::Unproven);
        }
        let found: Vec<Checksum> = self.sums.into_iter().map(Sum::finish).collect();
        if self.told.iter().all(|told| found.contains(told)) { Ok(()) } else { Err(UploadError::Mismatch) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checksum(algorithm: Algorithm, hex: &str) -> Checksum {
        let pairs = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        let value = pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
        Checksum { algorithm, value }
    }

    /// The check value of every catalogue.
    fn of_nine_digits() -> [Checksum; 4] {
        [
            checksum(Algorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
            checksum(Algorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
            checksum(Algorithm::Md5, "25f9e794323b453885f5181f1b624d0b"),
            checksum(Algorithm::Crc32c, "e3069283"),
        ]
    }

    fn prove(proof: Proof, after: Option<Checksum>) -> Result<(), UploadError> {
        let mut proving = Proving::new(proof).unwrap();
        proving.update(b"1234");
        proving.update(b"56789");
        if let Some(after) = after {
            proving.tell(after);
        }
        proving.verify()
    }

    #[test]
    fn every_algorithm_proves_before_and_after() {
        for right in of_nine_digits() {
            assert!(prove(Proof { told: vec![right.clone()], awaited: false }, None).is_ok(), "{right:?}");
            let awaited = Proof { told: vec![], awaited: true };
            assert!(prove(awaited.clone(), Some(right.clone())).is_ok(), "{right:?}");
            let mut wrong = right;
            wrong.value[0] ^= 1;
            assert!(matches!(prove(awaited, Some(wrong.clone())), Err(UploadError::Mismatch)));
            wrong.value.clear();
            let told = Proof { told: vec![wrong], awaited: false };
            assert!(matches!(prove(told, None), Err(UploadError::Mismatch)));
        }
    }

    #[test]
    fn what_was_announced_must_come_and_all_that_came_must_hold() {
        let [sha1, sha256, ..] = of_nine_digits();
        let awaited = Proof { told: vec![sha1.clone()], awaited: true };
        assert!(matches!(prove(awaited.clone(), None), Err(UploadError::Unproven)));
        assert!(prove(awaited.clone(), Some(sha256)).is_ok());
        let wrong = checksum(Algorithm::Md5, "00");
        assert!(matches!(prove(awaited, Some(wrong.clone())), Err(UploadError::Mismatch)));
        assert!(prove(Proof { told: vec![sha1], awaited: false }, Some(wrong)).is_ok());
        assert!(Proving::new(Proof::default()).is_none());
    }

    #[test]
    fn names_are_lower_case() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::named(algorithm.name()), Some(algorithm));
            assert_eq!(Algorithm::named(&algorithm.name().to_uppercase()), None);
        }
    }
}
