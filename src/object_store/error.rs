//! What can go wrong with stored bytes.

/// A store call that failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Trouble that may pass: time-outs, resets, 5xx. Try again.
    #[error("the store did not answer {call} of {path}")]
    Unavailable {
        call: &'static str,
        path: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The object is not there.
    #[error("{path} is not there")]
    NotFound { path: String },
    /// The object is not the version that was asked for.
    #[error("{path} is not the version it was")]
    Changed { path: String },
    /// The multipart upload or staged bytes are gone: what was acknowledged cannot be kept.
    #[error("the staged bytes of {path} are gone")]
    Lost { path: String },
    /// The key holds other bytes already.
    #[error("{path} exists with other bytes")]
    Occupied { path: String },
    /// No room.
    #[error("the store has no room for {path}")]
    Full { path: String },
    /// The store refused the call; trying again will not help (credentials, a missing bucket, a bad request).
    #[error("the store refused {call} of {path}")]
    Refused {
        call: &'static str,
        path: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Full { .. })
    }
}
