//! An environment for tests: a clock set by hand, seeded randomness, and a file system in memory that fails on demand.
//!
//! [`SimFs`] keeps for every file and every directory what is durable apart from what is merely written, so that a test can
//! cut the power at any operation and see what a machine might find afterwards:
//!
//! - contents are durable after `sync_data` or `sync_all` of the file, names after `sync_dir` of the directory;
//! - a [`power cut`](SimFs::power_cut) loses what is not, wholly or in part: single sectors of an unsynced write may survive without those
//!   before them, the last one torn, and of the unsynced names of a directory any first part;
//! - a failed sync loses for good what it should have written, although reads still show it and the next sync succeeds;
//! - a [`process`](SimFs::process) from before a power cut or a [`kill`](SimFs::kill) gets nothing done any more, nor do its handles.
//!
//! ```
//! use std::path::Path;
//! use clew_storage::env::testing::{Loss, SimFs};
//! use clew_storage::env::FileSystem;
//!
//! let fs = SimFs::new(7);
//! let file = fs.create_new(Path::new("/log")).unwrap();
//! file.write_all_at(b"kept", 0).unwrap();
//! file.sync_all().unwrap();
//! fs.sync_dir(Path::new("/")).unwrap();
//! file.write_all_at(b" lost", 4).unwrap();
//! fs.power_cut(Loss::All);
//! assert_eq!(fs.contents(Path::new("/log")).unwrap(), b"kept");
//! ```

mod disk;
mod sim;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Clock, Env, Random};
pub use disk::Loss;
pub use sim::{Fault, Operation, SimFs};

/// A clock that moves only when told to.
#[derive(Debug)]
pub struct ManualClock {
    wall_ns: AtomicU64,
    monotonic_ns: AtomicU64,
}

impl ManualClock {
    /// A clock that shows `now_unix_nano`.
    #[must_use]
    pub fn new(now_unix_nano: u64) -> Self {
        Self {
            wall_ns: AtomicU64::new(now_unix_nano),
            monotonic_ns: AtomicU64::new(0),
        }
    }

    /// Lets time pass on both clocks.
    pub fn advance(&self, by: Duration) {
        let by = by.as_nanos() as u64;
        self.wall_ns.fetch_add(by, Ordering::SeqCst);
        self.monotonic_ns.fetch_add(by, Ordering::SeqCst);
    }

    /// Sets the wall clock alone: a leap.
    pub fn set_wall(&self, now_unix_nano: u64) {
        self.wall_ns.store(now_unix_nano, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_unix_nano(&self) -> u64 {
        self.wall_ns.load(Ordering::SeqCst)
    }

    fn monotonic_ns(&self) -> u64 {
        self.monotonic_ns.load(Ordering::SeqCst)
    }
}

/// Random numbers that follow from a seed (`SplitMix64`).
#[derive(Debug)]
pub struct SeededRandom(AtomicU64);

impl SeededRandom {
    /// A source whose numbers follow from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&self, bound: u64) -> u64 {
        self.next_u64() % bound
    }
}

impl Random for SeededRandom {
    fn next_u64(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut mixed = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// A whole environment in memory, with the parts that a test holds on to.
#[derive(Debug, Clone)]
pub struct SimEnv {
    /// The clock; starts at 2026-01-01 00:00 UTC.
    pub clock: Arc<ManualClock>,
    /// The file system, empty.
    pub fs: Arc<SimFs>,
    /// Seeded randomness.
    pub random: Arc<SeededRandom>,
}

impl SimEnv {
    /// An environment whose every choice follows from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            clock: Arc::new(ManualClock::new(1_767_225_600_000_000_000)),
            fs: Arc::new(SimFs::new(seed)),
            random: Arc::new(SeededRandom::new(!seed)),
        }
    }

    /// The environment of a process that starts now: code under test that outlives a power cut or a kill needs a new one.
    #[must_use]
    pub fn env(&self) -> Env {
        Env {
            clock: Arc::<ManualClock>::clone(&self.clock),
            random: Arc::<SeededRandom>::clone(&self.random),
            fs: Arc::new(self.fs.process()),
        }
    }
}
