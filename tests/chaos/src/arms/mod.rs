//! The arms: each a way of breaking the server, and what must hold all the same.

mod compaction;
mod full;
mod memory;
mod overload;
mod read_only;
mod rounds;
mod slow;
mod suites;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use crate::home::Home;
use crate::record::Outcome;
use crate::server::Setup;

/// Spans a second that rounds offer, and below which one is void.
const RATE: f64 = 25_000.0;
const FLOOR: f64 = 20_000.0;
/// Spans of a request, where its size does not matter.
const BATCH_SPANS: u64 = 50;

/// What to do, with what, where.
#[derive(Debug)]
pub(crate) struct Task {
    /// Where everything goes that is made.
    pub(crate) home: Home,
    /// Trials.
    pub(crate) times: u64,
    /// Seed of all choices.
    pub(crate) seed: u64,
    /// Root of the repository.
    pub(crate) root: PathBuf,
    /// The server.
    pub(crate) binary: PathBuf,
    /// Program of the store's tests, if it is built already.
    pub(crate) suite: Option<PathBuf>,
}

impl Task {
    /// A server with its data in the home.
    fn setup(&self) -> Setup {
        Setup {
            binary: self.binary.clone(),
            wrapper: Vec::new(),
            data_dir: self.home.path().join("data"),
            log: self.home.path().join("server.log"),
            // What is compared is read whole.
            settings: vec![
                ("QUERY_SQL_ROWS_MAX", "10000000".to_owned()),
                ("QUERY_SQL_RESULT_SIZE_MAX", "2GiB".to_owned()),
                ("QUERY_SQL_MEMORY_SIZE", "2GiB".to_owned()),
                ("QUERY_SQL_TIMEOUT", "2m".to_owned()),
            ],
        }
    }
}

/// A way of breaking.
#[derive(Debug)]
pub(crate) struct Arm {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// What is done, in a few words.
    pub(crate) title: &'static str,
    /// What one trial is.
    pub(crate) trial: &'static str,
    /// Trials of a full run.
    pub(crate) times: u64,
    /// How it goes and what must hold.
    pub(crate) about: &'static str,
    /// When it proves nothing.
    pub(crate) void_if: &'static str,
    /// True when it runs tests of the repository, in a build of their own.
    pub(crate) is_suite: bool,
    /// Runs it.
    pub(crate) run: fn(&Task) -> Result<Outcome>,
}

/// All of them, in the order of the page.
pub(crate) const ARMS: &[Arm] = &[
    rounds::KILL,
    rounds::POWER,
    rounds::RESTART,
    suites::STEPS,
    suites::FAULTS,
    suites::FLIPS,
    suites::SIMULATION,
    full::ARM,
    read_only::ARM,
    slow::ARM,
    memory::ARM,
    overload::ARM,
    compaction::ARM,
];

/// Settings with which a small store is flushed, merged and thinned out all the time: seconds stand for hours and days.
///
/// Returns how long a span is kept at least.
fn hurry(setup: &mut Setup) -> Duration {
    const TERM: Duration = Duration::from_secs(20);
    setup.set("STORAGE_WAL_FILE_SIZE", "1MiB");
    setup.set("STORAGE_EPOCH_AGE", "500ms");
    setup.set("STORAGE_UNLINK_GRACE", "0s");
    setup.set("COMPACTION_WINDOW", "1m");
    setup.set("COMPACTION_SETTLE", "2s");
    setup.set("COMPACTION_FAN_IN", "3");
    setup.set("COMPACTION_CPU_PERCENT", "100");
    setup.set("RETENTION_MAX_AGE", format!("{}s", TERM.as_secs()));
    setup.set("RETENTION_INTERVAL", "1s");
    TERM
}
