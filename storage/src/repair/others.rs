//! What is damaged beside the segments and can be repaired: files of the manifest, of counts and of recent payload hashes.

use std::path::{Path, PathBuf};

use super::{Remedy, Repair};
use crate::derived::DerivedMeta;
use crate::env::Env;
use crate::error::StoreError;
use crate::manifest::{self, RecentFile, State};
use crate::verify;

/// Damage beside the segments.
#[derive(Debug, Default)]
pub(crate) struct Others {
    /// Files of the manifest of which one copy is damaged, and how.
    pub(crate) copies: Vec<(PathBuf, String)>,
    /// Files of recent hashes, and how they are damaged.
    pub(crate) recent: Vec<(RecentFile, PathBuf, String)>,
    /// Files of counts, and how they are damaged.
    pub(crate) derived: Vec<(DerivedMeta, PathBuf, String)>,
}

impl Others {
    /// Looks for it. Nothing may be committed meanwhile.
    pub(crate) fn of(env: &Env, data_dir: &Path, state: &State) -> Result<Self, StoreError> {
        let mut recent = Vec::new();
        for file in &state.recent {
            let path = data_dir.join(&file.name);
            if let Some(problem) = verify::recent_problem(env, &path, file) {
                recent.push((file.clone(), path, problem));
            }
        }
        let mut derived = Vec::new();
        for meta in &state.derived {
            if let Some(problem) = verify::derived_problem(env, data_dir, meta) {
                derived.push((meta.clone(), data_dir.join(&meta.name), problem));
            }
        }
        Ok(Self {
            copies: manifest::damaged_copies(env, &manifest::dir(data_dir))?,
            recent,
            derived,
        })
    }

    pub(crate) fn repairs(&self) -> Vec<Repair> {
        let repair = |file: &PathBuf, problem: &String, remedy| Repair {
            file: file.clone(),
            problem: problem.clone(),
            remedy,
            spans_kept: 0,
            spans_lost: 0,
        };
        let copies = self.copies.iter();
        let copies = copies.map(|(file, problem)| repair(file, problem, Remedy::Rebuilt));
        let recent = self.recent.iter();
        let recent = recent.map(|(_, file, problem)| repair(file, problem, Remedy::SetAside));
        let derived = self.derived.iter();
        let derived = derived.map(|(_, file, problem)| repair(file, problem, Remedy::SetAside));
        copies.chain(recent).chain(derived).collect()
    }
}
