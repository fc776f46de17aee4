//! What is damaged is set aside, not thrown away: `quarantine/` keeps the bytes and, beside them, the reason.
//!
//! Nothing reads these files again; they are for people, who may remove them.

use std::io;
use std::path::{Path, PathBuf};

use crate::env::Env;
use crate::error::{IoContext, StoreError};

/// The directory of what is set aside, inside the data directory.
pub(crate) fn dir(data_dir: &Path) -> PathBuf {
    data_dir.join("quarantine")
}

/// Writes `bytes` and `reason` as files `name` and `name.reason`. A name that is there already is left as it is: the same damage
/// is met at each start until the log is flushed.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn set_aside(
    env: &Env,
    data_dir: &Path,
    name: &str,
    bytes: &[u8],
    reason: &str,
) -> Result<(), StoreError> {
    let dir = dir(data_dir);
    env.fs.create_dir_all(&dir).context(&dir)?;
    write_new(env, &dir.join(name), bytes)?;
    write_reason(env, &dir, name, reason)?;
    env.fs.sync_dir(&dir).context(&dir)
}

/// Moves the file `path` here, with the reason beside it.
///
/// # Errors
/// When it cannot be moved.
pub(crate) fn move_here(
    env: &Env,
    data_dir: &Path,
    path: &Path,
    reason: &str,
) -> Result<(), StoreError> {
    let (dir, name) = place_for(env, data_dir, path)?;
    write_reason(env, &dir, &name, reason)?;
    env.fs.rename(path, &dir.join(&name)).context(path)?;
    env.fs.sync_dir(&dir).context(&dir)?;
    let from = path.parent().unwrap_or(data_dir);
    env.fs.sync_dir(from).context(from)
}

/// Gives the file `path` a second name here, with the reason beside it. A file that is missing stays so.
///
/// # Errors
/// When that cannot be done.
pub(crate) fn link_here(
    env: &Env,
    data_dir: &Path,
    path: &Path,
    reason: &str,
) -> Result<(), StoreError> {
    let (dir, name) = place_for(env, data_dir, path)?;
    match env.fs.hard_link(path, &dir.join(&name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        linked => linked.context(path)?,
    }
    write_reason(env, &dir, &name, reason)?;
    env.fs.sync_dir(&dir).context(&dir)
}

/// The directory, which is there now, and the name that the file `path` gets in it.
fn place_for(env: &Env, data_dir: &Path, path: &Path) -> Result<(PathBuf, String), StoreError> {
    let dir = dir(data_dir);
    env.fs.create_dir_all(&dir).context(&dir)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok((dir, name.into_owned()))
}

fn write_reason(env: &Env, dir: &Path, name: &str, reason: &str) -> Result<(), StoreError> {
    let path = dir.join(format!("{name}.reason"));
    write_new(env, &path, format!("{reason}\n").as_bytes())
}

fn write_new(env: &Env, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let file = match env.fs.create_new(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        file => file.context(path)?,
    };
    file.write_all_at(bytes, 0).context(path)?;
    file.sync_all().context(path)
}
