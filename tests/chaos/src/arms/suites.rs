//! Arms that are tests of the repository, run with larger numbers: the store on a simulated disk.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{Arm, Task};
use crate::record::Outcome;
use crate::statistics::count;
use crate::stop;

pub(super) const STEPS: Arm = Arm {
    name: "steps",
    title: "an abort at every step",
    trial: "abort",
    times: 50,
    about: "The store runs scripts of appends, flushes, commits, merges, retention, pins, truncation of the log and restarts on a simulated disk (`storage/src/env/testing`), \
        which stops at the first operation, then, anew, at the second, and so on until a script ends unharmed; the write under way is torn. Each \
        stop is tried as a kill, as a power cut that loses all that was not synced, and as one that loses a random part of it, with so many seeds as \
        `--times` says. After each, the store must open without damage, with all that was acknowledged once, the rest whole or not at all, \
        and no file left that belongs to nothing; then senders repeat what had no answer, and the power goes once more. A disk without syncs, \
        or a store without its log, must lose something.",
    void_if: "the control test fails, or a script has too few steps",
    is_suite: true,
    run: steps,
};

pub(super) const FAULTS: Arm = Arm {
    name: "faults",
    title: "a failing disk",
    trial: "failure",
    times: 50,
    about: "As above, but the k-th operation answers EIO or ENOSPC, or takes half of a write, or is an fsync that fails and loses its pages although the next one \
        succeeds, for each k until a script meets none; in appends, flushes, starts, merges and retention. Files that cannot be read, one after \
        the other, must cost nothing but what they hold, and nothing for good.",
    void_if: "a script has too few operations",
    is_suite: true,
    run: faults,
};

pub(super) const FLIPS: Arm = Arm {
    name: "flips",
    title: "flipped bits",
    trial: "bit",
    times: 10_000,
    about: "One random bit flipped in a random file of a small store: log, both Parquet files and the index of a segment (filters, look-up, operations), manifest and its copy, hashes of recent payloads, \
        counts. `verify` must find it and name the file; the store must open; every span that it answers must be as sent; \
        and what is missing must be reported, at the start or when it is read. Harmless is a bit in the unwritten rest of a log file.",
    void_if: "a kind of file was not hit",
    is_suite: true,
    run: flips,
};

pub(super) const SIMULATION: Arm = Arm {
    name: "simulation",
    title: "whole lives of a store",
    trial: "seed",
    times: 10_000,
    about: "A seed draws a life of 24 steps: payloads, flushes, merges, retention by age and by rule, pins, backups, readers that keep their snapshot, failing \
        disks, kills, power cuts, days that pass. After every step all that can be said of the store is checked (`storage/tests/it/simulation.rs`). \
        1,000 seeds are part of `make test`. `CLEW_SEED=7 cargo test -p clew-storage --test it simulation` replays one and tells its steps.",
    void_if: "never",
    is_suite: true,
    run: simulation,
};

fn steps(task: &Task) -> Result<Outcome> {
    let filters = ["crash::", "retention::a_crash", "tail::"];
    let mut outcome = run(task, "CLEW_TEST_SEEDS", &filters, "aborts")?;
    outcome.figure("seeds", count(task.times));
    Ok(outcome)
}

fn faults(task: &Task) -> Result<Outcome> {
    let filters = [
        "faults::",
        "compaction::a_merge_that_fails",
        "damage::a_file_that_cannot_be_read",
    ];
    let mut outcome = run(task, "CLEW_TEST_SEEDS", &filters, "failures")?;
    outcome.figure("seeds", count(task.times));
    Ok(outcome)
}

fn flips(task: &Task) -> Result<Outcome> {
    run(task, "CLEW_TEST_FLIPS", &["damage::"], "flips")
}

fn simulation(task: &Task) -> Result<Outcome> {
    let mut outcome = run(task, "CLEW_SEEDS", &["simulation::"], "")?;
    outcome.trials = task.times;
    Ok(outcome)
}

/// Runs tests of the store with `variable` set to the number of trials. `trials` names the figure that counts the trials.
fn run(task: &Task, variable: &str, filters: &[&str], trials: &str) -> Result<Outcome> {
    let program = match &task.suite {
        Some(program) => program.canonicalize()?,
        None => build(task)?,
    };
    stop::check()?;
    let output = Command::new(&program)
        .args(filters)
        .arg("--nocapture")
        .current_dir(task.root.join("storage"))
        .env(variable, task.times.to_string())
        .env("CLEW_TEST_SEED", task.seed.to_string())
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let told = String::from_utf8_lossy(&output.stderr);
    let mut outcome = Outcome::default();
    for (what, number) in figures(&said) {
        if what == trials {
            outcome.trials = number;
        } else {
            outcome.figure(&what, count(number));
        }
    }
    let (passed, failed) = result(&said).with_context(|| format!("no result: {said}{told}"))?;
    outcome.figure("tests", count(passed + failed));
    if failed > 0 || !output.status.success() {
        let panics = told.lines().filter(|line| line.contains("panicked at"));
        outcome.failures = failed.max(1);
        outcome.faults = panics.map(str::to_owned).take(20).collect();
        eprintln!("{told}");
    }
    Ok(outcome)
}

/// Builds the store's tests as `make test` does; the program.
fn build(task: &Task) -> Result<PathBuf> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["test", "--workspace", "--test", "it", "--no-run"])
        .args(["--message-format", "json"])
        .current_dir(&task.root)
        .output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo test: {told}");
    let said = String::from_utf8_lossy(&output.stdout);
    for line in said.lines() {
        let Ok(message) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let source = message["target"]["src_path"].as_str().unwrap_or_default();
        if let (true, Some(program)) = (
            source.ends_with("storage/tests/it/main.rs"),
            message["executable"].as_str(),
        ) {
            return Ok(program.into());
        }
    }
    bail!("cargo names no program of the store's tests")
}

/// Lines `FIGURE what: number` that tests print; those of one name are added up, in order of their first.
fn figures(said: &str) -> Vec<(String, u64)> {
    let mut figures: Vec<(String, u64)> = Vec::new();
    let lines = said.lines().filter_map(|line| line.split_once("FIGURE "));
    for (_, line) in lines {
        let Some((what, number)) = line.rsplit_once(": ") else {
            continue;
        };
        let Ok(number) = number.trim().parse::<u64>() else {
            continue;
        };
        match figures.iter_mut().find(|(known, _)| known == what) {
            Some((_, sum)) => *sum += number,
            None => figures.push((what.to_owned(), number)),
        }
    }
    figures
}

/// Tests that passed and that failed.
fn result(said: &str) -> Option<(u64, u64)> {
    let line = said.lines().find(|line| line.starts_with("test result:"))?;
    let number = |word: &str| {
        let (before, _) = line.split_once(word)?;
        before.split_whitespace().last()?.parse().ok()
    };
    Some((number(" passed")?, number(" failed")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_and_results_are_read_from_what_tests_print() {
        let said = "test a ... FIGURE aborts: 12\nFIGURE aborts: 3\nok\nFIGURE files left: 0\n\
             test result: ok. 5 passed; 1 failed; 0 ignored; 0 measured; 90 filtered out; finished in 1.00s\n";
        let expected = [("aborts".to_owned(), 15), ("files left".to_owned(), 0)];
        assert_eq!(figures(said), expected);
        assert_eq!(result(said), Some((5, 1)));
        assert_eq!(result("nothing"), None);
    }
}
