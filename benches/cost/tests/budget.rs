//! Instructions of each piece of work against `budget.json`.
//!
//! Counts are of the build of the tests, which optimises all that sees every byte of a span, but less than a release: they guard against work
//! that is done twice, not for the last per cent. They are alike on any x86-64 machine, loaded or not, but for some tenths of a per cent. A new
//! compiler may move them, and so may a library.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use clew_cost::Case;

/// More than the budget by this factor is too much.
const TOLERANCE: f64 = 1.04;
/// Spans of a case: valgrind takes some fifty times as long as the processor.
const SPANS_MAX: &str = "2000";
/// Asks for a new budget.
const WRITE: &str = "CLEW_WRITE_BUDGET";

#[test]
#[cfg_attr(
    not(all(target_os = "linux", target_arch = "x86_64")),
    ignore = "the budget is of x86-64, and valgrind is at home on Linux"
)]
fn no_work_takes_more_instructions_than_its_budget() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("budget.json");
    let counted = count_all();
    if std::env::var_os(WRITE).is_some() {
        let text = serde_json::to_string_pretty(&counted).expect("numbers") + "\n";
        std::fs::write(&path, text).expect("the budget can be written");
        return;
    }
    let budget = std::fs::read(&path).expect("benches/cost/budget.json can be read");
    let budget: BTreeMap<String, u64> = serde_json::from_slice(&budget).expect("names and numbers");
    let over = over(&counted, &budget);
    assert!(
        over.is_empty(),
        "instructions a unit of work, over the budget in benches/cost/budget.json by more than {:.0} %:\n  {}\n\
         benches/README.md tells how to see where they go. If they are worth it, renew the budget with \
         `{WRITE}=1 cargo test --workspace --test budget` and say why in the commit.",
        (TOLERANCE - 1.0) * 100.0,
        over.join("\n  ")
    );
}

/// What is over its budget, or has none; all else is told.
fn over(counted: &BTreeMap<String, u64>, budget: &BTreeMap<String, u64>) -> Vec<String> {
    let mut over = Vec::new();
    for (name, count) in counted {
        let Some(allowed) = budget.get(name) else {
            over.push(format!("{name}: {count}, and no budget"));
            continue;
        };
        let share = *count as f64 / *allowed as f64;
        let line = format!(
            "{name}: {count} instead of {allowed}, {:+.1} %",
            (share - 1.0) * 100.0
        );
        println!("{line}");
        if share > TOLERANCE {
            over.push(line);
        }
    }
    over
}

/// Instructions a unit of each case, by name.
fn count_all() -> BTreeMap<String, u64> {
    let names = Mutex::new(Case::NAMES.into_iter());
    let counted = Mutex::new(BTreeMap::new());
    let next = || names.lock().expect("no case has failed").next();
    let work = || {
        while let Some(name) = next() {
            let count = instructions_a_unit(name);
            let mut counted = counted.lock().expect("no case has failed");
            counted.insert(name.to_owned(), count);
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    counted.into_inner().expect("no case has failed")
}

fn instructions_a_unit(name: &str) -> u64 {
    let out = tempfile::tempdir().expect("a folder for what valgrind writes");
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no"])
        .arg("--toggle-collect=clew_cost::measured*")
        .arg(format!(
            "--callgrind-out-file={}",
            out.path().join("out").display()
        ))
        .args([env!("CARGO_BIN_EXE_clew-cost"), name, SPANS_MAX])
        .output()
        .expect("valgrind can be started; `scripts/need rust-test` installs it");
    let (answer, log) = (
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr),
    );
    assert!(run.status.success(), "{name}: {log}");
    let collected = log.lines().find_map(|line| line.split_once("Collected :"));
    let (_, instructions) = collected.unwrap_or_else(|| panic!("{name}: no count in {log}"));
    let instructions: u64 = instructions.trim().parse().expect("a number");
    assert!(instructions > 0, "{name}: nothing was counted");
    let units: u64 = answer.trim().parse().expect("a number of units");
    instructions / units
}

#[test]
fn what_is_over_its_budget_or_has_none_is_told() {
    let table = |rows: &[(&str, u64)]| {
        let rows = rows
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count));
        rows.collect::<BTreeMap<_, _>>()
    };
    let budget = table(&[("a", 1000), ("b", 1000), ("c", 1000)]);
    let counted = table(&[("a", 1040), ("b", 1041), ("c", 900), ("d", 1)]);
    assert_eq!(
        over(&counted, &budget),
        ["b: 1041 instead of 1000, +4.1 %", "d: 1, and no budget"]
    );
}
