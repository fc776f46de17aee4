//! Results as they are kept: `docs/reliability.json`, the last record of each arm, of which the page is made.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::check::Findings;

/// A figure of a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    /// What it is a figure of, with its unit.
    pub(crate) what: String,
    /// Its value, as it is to be shown.
    pub(crate) value: String,
}

/// The same with the safeguard taken away: it must fail, or the arm could not see a failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Control {
    /// What was taken away.
    pub(crate) without: String,
    /// Trials.
    pub(crate) trials: u64,
    /// Trials in which something was lost.
    pub(crate) failed: u64,
    /// Acknowledged spans that were lost.
    pub(crate) lost_spans: u64,
}

/// What an arm found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Trials whose conditions held.
    pub(crate) trials: u64,
    /// Trials whose conditions did not hold; whatever they showed, they prove nothing. Their failures count all the same.
    pub(crate) void: u64,
    /// Failures.
    pub(crate) failures: u64,
    /// Words about the first failures.
    pub(crate) faults: Vec<String>,
    /// Other figures.
    pub(crate) figures: Vec<Figure>,
    /// The control.
    pub(crate) control: Option<Control>,
    /// Why the whole arm proves nothing, if so.
    pub(crate) void_because: Option<String>,
}

impl Outcome {
    /// Adds a figure.
    pub(crate) fn figure(&mut self, what: &str, value: impl Into<String>) {
        self.figures.push(Figure {
            what: what.to_owned(),
            value: value.into(),
        });
    }

    /// Notes a failure.
    pub(crate) fn fail(&mut self, fault: impl Into<String>) {
        self.failures += 1;
        self.faults.push(fault.into());
    }

    /// Adds what a comparison found: its failures, and as the figure `what` how many spans each is.
    pub(crate) fn compared(&mut self, what: &str, findings: Findings) {
        self.failures += findings.failures();
        self.figure(what, findings.amounts());
        self.faults.extend(findings.faults);
    }

    /// What it says in the end.
    pub(crate) fn verdict(&self) -> Verdict {
        let blind = self.control.as_ref().is_some_and(|c| c.failed == 0);
        if self.failures > 0 {
            Verdict::Fails
        } else if blind || self.trials == 0 || self.void_because.is_some() {
            Verdict::Void
        } else {
            Verdict::Holds
        }
    }
}

/// What a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// No failure.
    Holds,
    /// There were failures.
    Fails,
    /// It proves nothing.
    Void,
}

/// An arm's last run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The day.
    pub(crate) date: String,
    /// Commit and build profile of the server.
    pub(crate) build: String,
    /// The machine.
    pub(crate) machine: String,
    /// How to run it again.
    pub(crate) command: String,
    /// Seed of its choices.
    pub(crate) seed: u64,
    /// How long it took.
    pub(crate) minutes: f64,
    /// What it found.
    pub(crate) outcome: Outcome,
}

/// The last record of each arm, by its name.
pub(crate) type Records = BTreeMap<String, Record>;

/// Reads records; none if there is no file.
pub(crate) fn load(path: &Path) -> Result<Records> {
    match fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text).with_context(|| path.display().to_string()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Records::new()),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// Writes records.
pub(crate) fn save(path: &Path, records: &Records) -> Result<()> {
    let text = serde_json::to_string_pretty(records)? + "\n";
    fs::write(path, text).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(trials: u64, failures: u64, control: Option<u64>) -> Outcome {
        Outcome {
            trials,
            failures,
            control: control.map(|failed| Control {
                without: "the log".into(),
                trials: 5,
                failed,
                lost_spans: failed,
            }),
            ..Outcome::default()
        }
    }

    #[test]
    fn no_failure_proves_something_only_where_one_could_have_been_seen() {
        assert_eq!(outcome(10, 0, Some(5)).verdict(), Verdict::Holds);
        assert_eq!(outcome(10, 0, None).verdict(), Verdict::Holds);
        assert_eq!(outcome(10, 0, Some(0)).verdict(), Verdict::Void);
        assert_eq!(outcome(0, 0, Some(5)).verdict(), Verdict::Void);
        assert_eq!(outcome(10, 1, Some(0)).verdict(), Verdict::Fails);
        assert_eq!(outcome(0, 1, None).verdict(), Verdict::Fails);
    }
}
