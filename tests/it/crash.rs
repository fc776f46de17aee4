//! kill -9 under load, again and again on one data directory: nothing that was acknowledged is lost, nothing appears twice
//! or in part, and the server starts every time.
//!
//! 50 kills by default, `CLEW_TEST_KILLS` for another number:
//! `CLEW_TEST_KILLS=1000 cargo test --test it -- --nocapture nothing_acknowledged`. No failure in n kills bounds the rate of
//! failures at about 3/n with 95 % confidence.

use std::time::Duration;

use crate::support::load::{BATCH, Fate, Ledger, Load};
use crate::support::query;
use crate::support::random::Random;
use crate::support::server::{DataDir, wait_for};

/// Acknowledged batches that each kill has to wait for, and share of the kills that must meet requests under way; with less
/// the run proves nothing and is void.
const BATCHES_MIN: usize = 20;
const UNDER_WAY_MIN: f64 = 0.8;

/// Batches of each kill that are also read by trace id.
const SAMPLE: usize = 10;

/// Small files and short epochs, so that kills meet every step: a full log file, a flush, a manifest commit, clean-up.
const BUSY: [(&str, &str); 2] = [
    ("STORAGE_WAL_FILE_SIZE", "1MiB"),
    ("STORAGE_UNLINK_GRACE", "0s"),
];

/// Ages of epochs, one picked for each start: many flushes, some, none.
const AGES: [&str; 3] = ["50ms", "500ms", "1h"];

#[test]
fn nothing_acknowledged_is_lost_by_kills() {
    let kills = std::env::var("CLEW_TEST_KILLS").map_or(50, |text| text.parse().expect("a number"));
    let (mut random, seed) = Random::fresh();
    println!("CLEW_TEST_SEED={seed}");
    let outcome = run(DataDir::new(&BUSY), kills, &mut random);
    println!("{outcome:?}");
    let share = outcome.met_requests as f64 / kills as f64;
    assert!(
        share >= UNDER_WAY_MIN,
        "void: only {} of {kills} kills met requests",
        outcome.met_requests
    );
    assert!(
        outcome.faults.is_empty(),
        "seed {seed}: {:#?}",
        outcome.faults
    );
}

/// The control: with the log switched off the same run must lose batches, or it could not find losses at all.
#[test]
fn kills_without_the_log_are_found_out() {
    let mut random = Random::seeded(1);
    let mut data = DataDir::new(&BUSY);
    data.set(&[("UNSAFE_NO_WAL", "true")]);
    let outcome = run(data, 3, &mut random);
    let lost = outcome
        .faults
        .iter()
        .filter(|fault| fault.contains("missing in SQL"))
        .count();
    assert!(lost > 0, "no loss was found: {outcome:?}");
}

/// What a run of kills found.
#[derive(Debug, Default)]
struct Outcome {
    killed_while_starting: usize,
    met_requests: usize,
    batches_acknowledged: usize,
    batches_stored: usize,
    spans_acknowledged: usize,
    faults: Vec<String>,
}

fn run(mut data: DataDir, kills: usize, random: &mut Random) -> Outcome {
    let mut outcome = Outcome::default();
    let mut ledgers = Vec::new();
    for kill in 0..kills {
        data.set(&[("STORAGE_EPOCH_AGE", AGES[random.below(AGES.len())])]);
        if random.below(5) == 0 {
            outcome.killed_while_starting += 1;
            data = data.start_and_kill(Duration::from_millis(random.next() % 300));
        }
        let server = data.start();
        let ledger = Ledger::new(&format!("kill-{kill}"));
        let load = Load::start(server.addresses(), &ledger, random);
        wait_for("acknowledged batches", || {
            ledger.count(Fate::Acknowledged) >= BATCHES_MIN
        });
        std::thread::sleep(Duration::from_millis(random.next() % 1_000));
        outcome.met_requests += usize::from(load.under_way() > 0);
        data = server.kill();
        load.finish();

        let server = data.start();
        let address = server.addresses().http;
        match ledger.compare(address, SAMPLE, random) {
            Ok(found) => {
                outcome.batches_acknowledged += found.acknowledged;
                outcome.batches_stored += found.stored;
            }
            Err(faults) => outcome
                .faults
                .extend(faults.into_iter().map(|f| format!("kill {kill}: {f}"))),
        }
        ledgers.push(ledger);
        data = server.kill();
    }
    outcome.spans_acknowledged = outcome.batches_acknowledged * BATCH;
    check_all(data, &ledgers, &mut outcome, random);
    outcome
}

/// At the end every batch of every kill is still there, once.
fn check_all(data: DataDir, ledgers: &[Ledger], outcome: &mut Outcome, random: &mut Random) {
    let server = data.start();
    let address = server.addresses().http;
    for ledger in ledgers {
        if let Err(faults) = ledger.compare(address, 1, random) {
            outcome.faults.extend(
                faults
                    .into_iter()
                    .map(|fault| format!("at the end: {fault}")),
            );
        }
    }
    let spans = query::span_count(address);
    if outcome.faults.is_empty() && spans != (outcome.batches_stored * BATCH) as u64 {
        outcome.faults.push(format!(
            "{spans} spans at the end, {} batches",
            outcome.batches_stored
        ));
    }
}
