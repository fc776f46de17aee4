//! What can go wrong in the store, by what the caller can do about it.

use std::path::PathBuf;

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A queue or the hot window is full. Nothing was stored; try again after `retry_after_ms`.
    #[error("the store is overloaded ({what}); retry after {retry_after_ms} ms")]
    Overloaded {
        /// Which bound was met.
        what: &'static str,
        /// When to try again, ms.
        retry_after_ms: u64,
    },
    /// The log cannot be written (disk full, read-only or failing). Nothing was stored; a retry may succeed later.
    #[error("the log cannot be written: {message}")]
    Unavailable {
        /// Cause.
        message: String,
    },
    /// The payload is larger than the log takes; a retry cannot succeed.
    #[error("payload of {bytes} bytes is over the limit of {max}")]
    TooLarge {
        /// Size of the payload.
        bytes: usize,
        /// Limit.
        max: usize,
    },
    /// Another process holds the data directory.
    #[error("{} is in use by process {pid}; stop it, or choose another --data-dir", path.display())]
    Locked {
        /// Data directory.
        path: PathBuf,
        /// Process that holds it, 0 if unknown.
        pid: u32,
    },
    /// A file is damaged or of an unknown version.
    #[error("{}: {message}", path.display())]
    Corrupt {
        /// File.
        path: PathBuf,
        /// What is wrong, and where.
        message: String,
    },
    /// A file operation failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// File or directory.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The store has been closed.
    #[error("the store is shutting down")]
    Closed,
}
