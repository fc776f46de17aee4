//! The two copies in each file of the manifest: which are damaged, and making them whole again.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::file::{FileKind, parse};
use crate::env::{Env, read_file};
use crate::error::{IoContext, StoreError};

/// Files in `dir` of which one copy is damaged, and how.
///
/// # Errors
/// When the directory cannot be read.
pub(crate) fn damaged_copies(env: &Env, dir: &Path) -> Result<Vec<(PathBuf, String)>, StoreError> {
    let mut damaged = Vec::new();
    for entry in env.fs.list(dir).context(dir)? {
        let path = dir.join(&entry.name);
        let kind = FileKind::of(&entry.name.to_string_lossy());
        if !matches!(kind, Some(FileKind::Version(_) | FileKind::Checkpoint(_))) {
            continue;
        }
        // A file that cannot be read is for the check to tell of.
        let bytes = read_file(&*env.fs, &path).unwrap_or_default();
        if let Ok((_, Some(damage))) = parse::<Value>(&bytes) {
            damaged.push((path, damage));
        }
    }
    Ok(damaged)
}

/// Writes the intact copy in the place of both, in one step.
///
/// # Errors
/// When there is none, or the file cannot be written; then it is as it was.
pub(crate) fn restore_copies(env: &Env, path: &Path) -> Result<(), StoreError> {
    let bytes = read_file(&*env.fs, path).context(path)?;
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let intact = [first, second]
        .into_iter()
        .find(|copy| matches!(parse::<Value>(&copy.repeat(2)), Ok((_, None))));
    let Some(intact) = intact else {
        return Err(StoreError::Corrupt {
            path: path.to_path_buf(),
            message: "both copies are damaged".to_owned(),
        });
    };
    let dir = path.parent().unwrap_or(path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = dir.join(format!("commit-copies-{name}.tmp"));
    super::log::write_synced(env, &temporary, &intact.repeat(2))?;
    if let Err(error) = env.fs.rename(&temporary, path).context(path) {
        // Best effort: start-up removes what is left.
        let _ = env.fs.remove_file(&temporary);
        return Err(error);
    }
    env.fs.sync_dir(dir).context(dir)
}
