//! The lock on the data directory: one process at a time.
//!
//! The file `lock` holds the process id as text, for people and for the message to a second process. It stays when the process
//! ends; the lock itself is the system's and ends with the process, however that ends.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::env::{Env, File, read_file};
use crate::error::{IoContext, StoreError};

/// Longest text of a process id that is read back, bytes.
const PID_BYTES_MAX: usize = 16;

/// The lock, held until dropped.
#[derive(Debug)]
pub(crate) struct DirLock {
    _file: Arc<dyn File>,
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("lock")
}

impl DirLock {
    /// Takes the lock of `data_dir`.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it; otherwise what the system reports.
    pub(crate) fn take(env: &Env, data_dir: &Path) -> Result<Self, StoreError> {
        let path = path(data_dir);
        let Some(file) = env.fs.lock(&path).context(&path)? else {
            return Err(StoreError::Locked {
                path: data_dir.to_path_buf(),
                pid: holder(env, &path).unwrap_or(0),
            });
        };
        let pid = format!("{}\n", std::process::id());
        // Only a help for people: a full disk must not keep the store from serving reads.
        let written = file
            .set_len(0)
            .and_then(|()| file.write_all_at(pid.as_bytes(), 0));
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "the process id cannot be written");
        }
        Ok(Self { _file: file })
    }
}

impl DirLock {
    /// As [`DirLock::take`], but makes no file: `None` when no process ever used the directory, or when the file system is
    /// read-only and no process could.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it.
    pub(crate) fn take_if_used(env: &Env, data_dir: &Path) -> Result<Option<Self>, StoreError> {
        let path = path(data_dir);
        if env.fs.open(&path).is_err() {
            return Ok(None);
        }
        match env.fs.lock(&path) {
            Ok(Some(file)) => Ok(Some(Self { _file: file })),
            Ok(None) => Err(StoreError::Locked {
                path: data_dir.to_path_buf(),
                pid: holder(env, &path).unwrap_or(0),
            }),
            Err(_) => Ok(None),
        }
    }
}

/// The process that wrote its id into the lock file last.
fn holder(env: &Env, path: &Path) -> Option<u32> {
    let text = read_file(&*env.fs, path).ok()?;
    let text = std::str::from_utf8(text.get(..text.len().min(PID_BYTES_MAX))?).ok()?;
    text.trim().parse().ok()
}
