//! The manifest's directory: loading the newest version, committing the next one, checkpoints and pruning.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file::{FileKind, encode, parse};
use super::state::{Changes, FORMAT, State, Version};
use crate::env::{Env, read_file};
use crate::error::{IoContext, StoreError};

/// The newest version, and what was damaged on the way to it.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) state: State,
    /// Damage that could be done without, as texts for people.
    pub(crate) damaged: Vec<String>,
    /// Files of commits that were never finished.
    pub(crate) unfinished: Vec<PathBuf>,
    /// Versions and checkpoints on disk.
    kinds: Vec<FileKind>,
}

/// Reads the newest version in `dir`.
///
/// # Errors
/// When a version that is needed is damaged or missing, or a file cannot be read.
pub(crate) fn load(env: &Env, dir: &Path) -> Result<Loaded, StoreError> {
    let mut loaded = Loaded {
        state: State::default(),
        damaged: Vec::new(),
        unfinished: Vec::new(),
        kinds: Vec::new(),
    };
    for entry in env.fs.list(dir).context(dir)? {
        match FileKind::of(&entry.name.to_string_lossy()) {
            Some(FileKind::Temporary) => loaded.unfinished.push(dir.join(entry.name)),
            Some(kind) => loaded.kinds.push(kind),
            None => {}
        }
    }
    let newest = loaded.kinds.iter().map(|kind| kind.version()).max();
    loaded.read_checkpoint(env, dir)?;
    for version in loaded.state.version + 1..=newest.unwrap_or(0) {
        loaded.read_version(env, dir, version)?;
    }
    Ok(loaded)
}

impl FileKind {
    fn version(self) -> u64 {
        match self {
            Self::Version(version) | Self::Checkpoint(version) => version,
            Self::Temporary => 0,
        }
    }
}

impl Loaded {
    /// Begins at the newest checkpoint that is intact.
    fn read_checkpoint(&mut self, env: &Env, dir: &Path) -> Result<(), StoreError> {
        let mut checkpoints: Vec<_> = self.kinds.clone();
        checkpoints.retain(|kind| matches!(kind, FileKind::Checkpoint(_)));
        checkpoints.sort_unstable_by(|left, right| right.cmp(left));
        for kind in checkpoints {
            let path = dir.join(kind.name());
            let bytes = read_file(&*env.fs, &path).context(&path)?;
            let parsed = parse::<State>(&bytes);
            let parsed = parsed.and_then(|(state, damage)| match state.version {
                version if version == kind.version() => Ok((state, damage)),
                version => Err(format!("it holds version {version}")),
            });
            match parsed {
                Ok((state, damage)) => {
                    self.note_damage(&path, damage);
                    self.state = state;
                    return Ok(());
                }
                Err(reason) => self.note_damage(&path, Some(reason)),
            }
        }
        Ok(())
    }

    fn read_version(&mut self, env: &Env, dir: &Path, number: u64) -> Result<(), StoreError> {
        let path = dir.join(FileKind::Version(number).name());
        let other_damage: String = self.damaged.iter().flat_map(|text| [text, "; "]).collect();
        let corrupt = |reason: String| StoreError::Corrupt {
            path: path.clone(),
            message: format!(
                "{reason}. {other_damage}Without version {number} of the manifest it is not known which segments belong to \
                 the store. Nothing was changed; restore this file from a backup of this data directory"
            ),
        };
        let bytes = match read_file(&*env.fs, &path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(corrupt("the file is missing".to_owned()));
            }
            read => read.context(&path)?,
        };
        let (version, damage) = parse::<Version>(&bytes).map_err(corrupt)?;
        self.state.apply(&version).map_err(corrupt)?;
        self.note_damage(&path, damage);
        Ok(())
    }

    fn note_damage(&mut self, path: &Path, damage: Option<String>) {
        self.damaged
            .extend(damage.map(|reason| format!("{}: {reason}", path.display())));
    }
}

/// Commits versions; there is one in a process.
#[derive(Debug)]
pub(crate) struct Manifest {
    env: Env,
    dir: PathBuf,
    /// Number of this process.
    incarnation: u64,
    checkpoint_versions: u64,
    state: Arc<State>,
    /// Versions and checkpoints on disk.
    kinds: Vec<FileKind>,
    /// File and id of a commit that failed half-way and may have taken its number.
    pending: Option<(PathBuf, String)>,
}

impl Manifest {
    /// The manifest of a process that comes after the one that committed last.
    pub(crate) fn new(env: Env, dir: PathBuf, loaded: Loaded, checkpoint_versions: u64) -> Self {
        Self {
            incarnation: loaded.state.incarnation + 1,
            env,
            dir,
            checkpoint_versions,
            state: Arc::new(loaded.state),
            kinds: loaded.kinds,
            pending: None,
        }
    }

    /// The newest committed state.
    pub(crate) fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// Number of this process.
    pub(crate) fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// Makes the next version durable.
    ///
    /// # Errors
    /// When it cannot be written, or another process has taken over. Whether the version is on disk is then open, so the files
    /// that it names must stay; the next commit takes its place.
    pub(crate) fn commit(&mut self, changes: Changes) -> Result<Arc<State>, StoreError> {
        self.withdraw_pending()?;
        let random = &self.env.random;
        let version = Version {
            format: FORMAT,
            version: self.state.version + 1,
            commit_id: format!("{:016x}{:016x}", random.next_u64(), random.next_u64()),
            incarnation: self.incarnation,
            committed_at_unix_nano: self.env.clock.now_unix_nano(),
            changes,
        };
        let mut state = State::clone(&self.state);
        let path = self.dir.join(FileKind::Version(version.version).name());
        state
            .apply(&version)
            .map_err(|message| StoreError::Corrupt {
                path: path.clone(),
                message,
            })?;
        self.publish(&version, &path)?;
        self.state = Arc::new(state);
        self.kinds.push(FileKind::Version(version.version));
        if version.version.is_multiple_of(self.checkpoint_versions) {
            self.checkpoint();
        }
        Ok(Arc::clone(&self.state))
    }

    /// Takes back the name of a commit that failed when or after it was linked, so that the number is free again.
    ///
    /// The name is made and synced anew rather than synced again: a second sync may succeed without it being durable.
    fn withdraw_pending(&mut self) -> Result<(), StoreError> {
        let Some((path, commit_id)) = &self.pending else {
            return Ok(());
        };
        let own = match read_file(&*self.env.fs, path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            read => parse::<Version>(&read.context(path)?)
                .is_ok_and(|(version, _)| version.commit_id == *commit_id),
        };
        if own {
            self.env.fs.remove_file(path).context(path)?;
        }
        self.pending = None;
        Ok(())
    }

    fn publish(&mut self, version: &Version, path: &Path) -> Result<(), StoreError> {
        let temporary = self.dir.join(format!("commit-{}.tmp", version.commit_id));
        let written = write_synced(&self.env, &temporary, &encode(version));
        let linked = written.and_then(|()| {
            self.pending = Some((path.to_path_buf(), version.commit_id.clone()));
            self.link(version, &temporary, path)
        });
        // Best effort: start-up removes what is left.
        let _ = self.env.fs.remove_file(&temporary);
        linked?;
        self.env.fs.sync_dir(&self.dir).context(&self.dir)?;
        self.pending = None;
        Ok(())
    }

    fn link(&self, version: &Version, temporary: &Path, path: &Path) -> Result<(), StoreError> {
        let fs = &*self.env.fs;
        match fs.hard_link(temporary, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let taken = read_file(fs, path).context(path)?;
                match parse::<Version>(&taken) {
                    Ok((taken, _)) if taken.commit_id == version.commit_id => Ok(()),
                    Ok((taken, _)) => Err(StoreError::Replaced {
                        path: path.to_path_buf(),
                        incarnation: taken.incarnation,
                    }),
                    Err(message) => Err(StoreError::Corrupt {
                        path: path.to_path_buf(),
                        message,
                    }),
                }
            }
            linked => linked.context(path),
        }
    }

    /// Writes the whole state beside the versions and drops what lies below the last but one checkpoint. A failure costs nothing
    /// but the time of a longer start, and the next checkpoint makes up for it.
    fn checkpoint(&mut self) {
        if let Err(error) = self.write_checkpoint().and_then(|()| self.prune()) {
            tracing::warn!(%error, "the manifest's checkpoint could not be written or old versions not removed");
        }
    }

    fn write_checkpoint(&mut self) -> Result<(), StoreError> {
        let kind = FileKind::Checkpoint(self.state.version);
        let path = self.dir.join(kind.name());
        let temporary = self
            .dir
            .join(format!("commit-checkpoint-{}.tmp", self.state.version));
        let written = write_synced(&self.env, &temporary, &encode(&*self.state));
        let renamed = written.and_then(|()| self.env.fs.rename(&temporary, &path).context(&path));
        if let Err(error) = renamed {
            let _ = self.env.fs.remove_file(&temporary);
            return Err(error);
        }
        self.env.fs.sync_dir(&self.dir).context(&self.dir)?;
        self.kinds.push(kind);
        Ok(())
    }

    fn prune(&mut self) -> Result<(), StoreError> {
        let mut checkpoints: Vec<_> = self.kinds.clone();
        checkpoints.retain(|kind| matches!(kind, FileKind::Checkpoint(_)));
        checkpoints.sort_unstable();
        let Some([FileKind::Checkpoint(keep_from), _]) = checkpoints.last_chunk() else {
            return Ok(());
        };
        let keep_from = *keep_from;
        let old = |kind: &FileKind| match kind {
            FileKind::Version(version) => *version <= keep_from,
            FileKind::Checkpoint(version) => *version < keep_from,
            FileKind::Temporary => false,
        };
        while let Some(place) = self.kinds.iter().position(old) {
            let path = self.dir.join(self.kinds[place].name());
            self.env.fs.remove_file(&path).context(&path)?;
            self.kinds.swap_remove(place);
        }
        Ok(())
    }
}

/// Makes `state` the newest state of the manifest in `dir`, which has no version above it; what is older goes.
///
/// # Errors
/// When it cannot be written; then the state is the old one.
pub(crate) fn write_state(env: &Env, dir: &Path, state: &State) -> Result<(), StoreError> {
    let loaded = load(env, dir)?;
    for unfinished in loaded.unfinished {
        env.fs.remove_file(&unfinished).context(&unfinished)?;
    }
    let path = dir.join(FileKind::Checkpoint(state.version).name());
    let temporary = dir.join(format!("commit-checkpoint-{}.tmp", state.version));
    write_synced(env, &temporary, &encode(state))?;
    env.fs.rename(&temporary, &path).context(&path)?;
    env.fs.sync_dir(dir).context(dir)?;
    let old = loaded.kinds.iter().filter(|kind| match kind {
        FileKind::Checkpoint(version) => *version < state.version,
        kind => kind.version() <= state.version,
    });
    for kind in old {
        let path = dir.join(kind.name());
        env.fs.remove_file(&path).context(&path)?;
    }
    env.fs.sync_dir(dir).context(dir)
}

pub(super) fn write_synced(env: &Env, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let file = env.fs.create_new(path).context(path)?;
    file.write_all_at(bytes, 0).context(path)?;
    file.sync_all().context(path)
}
