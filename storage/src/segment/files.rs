//! The files of a segment that is being written. They have temporary names until all are whole, so that nobody who looks for `*.parquet` meets half a
//! file.

use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};

use super::file::{FileWriter, io_error};
use super::writer::NewSegment;
use super::{Merged, Segment};
use crate::env::Env;
use crate::error::StoreError;

/// Ending of the files of a segment that is not whole yet.
const TEMPORARY: &str = "tmp";

/// The three files, and their removal when nothing comes of them.
pub(super) struct Files<'e> {
    env: &'e Env,
    pub(super) name: String,
    pub(super) tenant: String,
    pub(super) wal: (u64, u64),
    pub(super) merged: Option<Merged>,
    pub(super) is_pinned: bool,
    /// Spans, traces, index.
    paths: [PathBuf; 3],
    /// How many of them have been made and are ours to remove.
    created: Cell<usize>,
}

impl<'e> Files<'e> {
    pub(super) fn new(env: &'e Env, new: &NewSegment<'_>) -> Result<Self, StoreError> {
        let files = Self {
            env,
            name: new.name.to_owned(),
            tenant: new.tenant.to_owned(),
            wal: new.wal,
            merged: new.merged,
            is_pinned: new.is_pinned,
            paths: Segment::paths(new.data_dir, new.name),
            created: Cell::new(0),
        };
        let dir = files.dir();
        env.fs
            .create_dir_all(dir)
            .map_err(|source| io_error(dir, source))?;
        files.check_free()?;
        Ok(files)
    }

    /// A segment is never written over.
    fn check_free(&self) -> Result<(), StoreError> {
        let path = &self.paths[0];
        match self.env.fs.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(io_error(path, source)),
            Ok(_) => Err(io_error(path, io::ErrorKind::AlreadyExists.into())),
        }
    }

    fn dir(&self) -> &Path {
        self.paths[0].parent().unwrap_or(Path::new("."))
    }

    /// What the file `place` is called until the segment is whole.
    pub(super) fn temporary(&self, place: usize) -> PathBuf {
        self.paths[place].with_added_extension(TEMPORARY)
    }

    /// Makes the file `place`, and remembers that it is ours.
    pub(super) fn create(&self, place: usize) -> Result<FileWriter, StoreError> {
        let file = FileWriter::create(self.env, &self.temporary(place))?;
        self.created.set(place + 1);
        Ok(file)
    }

    /// Gives the files their names, and makes those durable.
    pub(super) fn give_names(&self) -> Result<(), StoreError> {
        for (place, path) in self.paths.iter().enumerate() {
            let renamed = self.env.fs.rename(&self.temporary(place), path);
            renamed.map_err(|source| io_error(path, source))?;
        }
        let dir = self.dir();
        self.env
            .fs
            .sync_dir(dir)
            .map_err(|source| io_error(dir, source))
    }

    /// The segment is whole.
    pub(super) fn keep(&self) {
        self.created.set(0);
    }
}

impl Drop for Files<'_> {
    /// What cannot be removed is an orphan, and start-up removes it.
    fn drop(&mut self) {
        for (place, path) in self.paths[..self.created.get()].iter().enumerate() {
            let removed = match self.env.fs.remove_file(&self.temporary(place)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.env.fs.remove_file(path)
                }
                removed => removed,
            };
            if let Err(error) = removed {
                tracing::warn!(path = %path.display(), %error, "part of a failed segment stays behind");
            }
        }
    }
}
