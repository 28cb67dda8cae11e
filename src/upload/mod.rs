//! How bytes arrive.

mod digest;

pub use digest::{DamagedState, DigestState, RunningDigest};
