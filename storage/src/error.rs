//! What can go wrong in the store, by what the caller can do about it.

use std::io;
use std::path::{Path, PathBuf};

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
    /// Another process has taken over the data directory although this one held it. Nothing more is committed here.
    #[error("{}: process number {incarnation} has taken over this data directory; stop this one", path.display())]
    Replaced {
        /// Manifest file that the other process wrote.
        path: PathBuf,
        /// Number of the other process in the manifest.
        incarnation: u64,
    },
    /// A file is damaged or of an unknown version.
    #[error("{}: {message}", path.display())]
    Corrupt {
        /// File.
        path: PathBuf,
        /// What is wrong, and where.
        message: String,
    },
    /// There are as many of something as there may be.
    #[error("there are {max} {what}, and there can be no more")]
    TooMany {
        /// What.
        what: &'static str,
        /// How many there may be.
        max: usize,
    },
    /// A directory holds something that must not be touched.
    #[error("{} {message}", path.display())]
    Refused {
        /// Directory.
        path: PathBuf,
        /// Why, and what to do.
        message: String,
    },
    /// A file operation failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// File or directory.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// The store has been closed.
    #[error("the store is shutting down")]
    Closed,
}

impl StoreError {
    /// The same error for another who waits for the same thing.
    #[must_use]
    pub fn copy(&self) -> Self {
        match self {
            Self::Io { path, source } => Self::Io {
                path: path.clone(),
                source: io::Error::new(source.kind(), source.to_string()),
            },
            Self::Corrupt { path, message } => Self::Corrupt {
                path: path.clone(),
                message: message.clone(),
            },
            Self::Replaced { path, incarnation } => Self::Replaced {
                path: path.clone(),
                incarnation: *incarnation,
            },
            other => Self::Unavailable {
                message: other.to_string(),
            },
        }
    }
}

/// Names the file that an operation failed on.
pub(crate) trait IoContext<T> {
    /// Turns a system's error into [`StoreError::Io`] at `path`.
    fn context(self, path: &Path) -> Result<T, StoreError>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn context(self, path: &Path) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Io {
            path: path.to_path_buf(),
            source,
        })
    }
}
