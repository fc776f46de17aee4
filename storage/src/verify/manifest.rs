//! The manifest's part of a check: every version and checkpoint, not only those that a start needs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::VerifyReport;
use crate::env::{Env, read_file};
use crate::error::{IoContext, StoreError};
use crate::manifest::{self, FileKind, State, Version, parse};

/// Checks the manifest; the newest state, or `None` when it cannot be known.
///
/// # Errors
/// When the directory cannot be read.
pub(super) fn verify(
    env: &Env,
    data_dir: &Path,
    report: &mut VerifyReport,
) -> Result<Option<State>, StoreError> {
    let dir = manifest::dir(data_dir);
    let mut versions: BTreeMap<u64, Version> = BTreeMap::new();
    let mut checkpoints: Vec<(PathBuf, State)> = Vec::new();
    for entry in env.fs.list(&dir).context(&dir)? {
        let path = dir.join(&entry.name);
        match FileKind::of(&entry.name.to_string_lossy()) {
            Some(FileKind::Version(number)) => {
                let version = read::<Version>(env, &path, report);
                versions.extend(version.map(|version| (number, version)));
            }
            Some(FileKind::Checkpoint(_)) => {
                let state = read::<State>(env, &path, report);
                checkpoints.extend(state.map(|state| (path, state)));
            }
            Some(FileKind::Temporary) | None => {}
        }
    }
    compare(&versions, &checkpoints, report);
    match manifest::load(env, &dir) {
        Ok(loaded) => {
            report.manifest_version = loaded.state.version;
            Ok(Some(loaded.state))
        }
        Err(StoreError::Corrupt { path, message }) => {
            report.problem(&path, message);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn read<T: serde::de::DeserializeOwned>(
    env: &Env,
    path: &Path,
    report: &mut VerifyReport,
) -> Option<T> {
    let bytes = match read_file(&*env.fs, path) {
        Ok(bytes) => bytes,
        Err(error) => {
            report.problem(path, format!("cannot be read: {error}"));
            return None;
        }
    };
    match parse::<T>(&bytes) {
        Ok((content, damage)) => {
            if let Some(damage) = damage {
                report.problem(
                    path,
                    format!("{damage}; the other copy is intact, nothing is lost"),
                );
            }
            Some(content)
        }
        Err(reason) => {
            report.problem(path, format!("both copies are damaged: {reason}"));
            None
        }
    }
}

/// Each checkpoint must say the same as the one before it with the versions in between.
fn compare(
    versions: &BTreeMap<u64, Version>,
    checkpoints: &[(PathBuf, State)],
    report: &mut VerifyReport,
) {
    for pair in checkpoints.windows(2) {
        let [(_, earlier), (path, later)] = pair else {
            continue;
        };
        let mut state = earlier.clone();
        let mut between = versions.range(earlier.version + 1..=later.version);
        let applied = between.try_for_each(|(_, version)| state.apply(version));
        if applied.is_ok() && state.version == later.version && state != *later {
            let message = "the checkpoint says otherwise than the versions before it";
            report.problem(path, message);
        }
    }
}
