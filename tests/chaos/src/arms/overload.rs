//! Five times as much as the server can take.

use std::time::Duration;

use anyhow::Result;

use super::{Arm, Task};
use crate::cgroup::{Bounds, Group};
use crate::check::Question;
use crate::ledger::Ledger;
use crate::load::{Load, Plan, Tally};
use crate::random::Random;
use crate::record::Outcome;
use crate::server::Server;
use crate::statistics::{count, quantile, spread_ms};
use crate::{clock, stop};

pub(super) const ARM: Arm = Arm {
    name: "overload",
    title: "five times the load",
    trial: "20 s of five times the load",
    times: 6,
    about: "The server gets a quarter of one core, so that the generator on the same machine can outrun it. The settings are those for a small \
        machine: `collector.in_flight_size_max` 16 MiB, beyond which senders are refused, `collector.body_size_max` 4 MiB, \
        `storage.epoch_size` 8 MiB and `storage.hot_window_size` 48 MiB, so that what memory takes at first does not count for much. What it \
        takes at most in the long run is found first: a load rises by a half every 15 s until not all of it is acknowledged, and is held there for 30 s, \
        when all buffers are full, and 30 s more, which count. Then 256 \
        connections offer five times that, in requests of 500 spans; who is refused does not try again. At \
        least 90 % of the most must be acknowledged, refusals must be HTTP 429 or 503 or gRPC `RESOURCE_EXHAUSTED` or `UNAVAILABLE`, memory in the last third must not be \
        more than a tenth above that in the second, and after it half of the most must go through without a refusal.",
    void_if: "less than four times the most was offered",
    is_suite: false,
    run,
};

const CPU_PERCENT: u64 = 25;
const CONNECTIONS: usize = 256;
const TRIAL: Duration = Duration::from_secs(20);
/// Time in which a load that rose fills what it can fill.
const WARM_UP: Duration = Duration::from_secs(5);
const STEP: Duration = Duration::from_secs(10);
/// Time after a step in which buffers of every kind fill.
const FILLING: Duration = Duration::from_secs(15);
const LONG_RUN: Duration = Duration::from_secs(30);

fn run(task: &Task) -> Result<Outcome> {
    let mut random = Random::seeded(task.seed);
    let mut setup = task.setup();
    setup.set("COLLECTOR_IN_FLIGHT_SIZE_MAX", "16MiB");
    setup.set("COLLECTOR_BODY_SIZE_MAX", "4MiB");
    setup.set("STORAGE_EPOCH_SIZE", "8MiB");
    setup.set("STORAGE_HOT_WINDOW_SIZE", "48MiB");
    let group = Group::new(&Bounds {
        cpu_percent: Some(CPU_PERCENT),
        ..Bounds::default()
    })?;
    setup.wrapper = group.entry();
    let ledger = Ledger::new(random.next(), 500);
    let server = setup.start()?;
    let most = most(&server, &ledger)?;
    let mut outcome = Outcome::default();
    let mut sums = Sums::default();
    for round in 0..task.times {
        let trial = flood(&server, &ledger, most)?;
        let offered = trial.offered / most;
        eprintln!(
            "round {round}: {:.0} of {most:.0} spans/s, {offered:.1} times offered, {} MiB",
            trial.goodput,
            trial.memory >> 20
        );
        if offered < 4.0 {
            outcome.void += 1;
        } else {
            outcome.trials += 1;
        }
        sums.add(trial);
    }
    let after = calm(&server, &ledger, most / 2.0)?;
    sums.judge(&mut outcome, most, &after);
    server.kill();
    let server = task.setup().start()?;
    let question = Question {
        ledger: &ledger,
        rounds: None,
        term: Duration::from_hours(24),
    };
    let findings = question.ask(server.addresses().http, &mut random)?;
    outcome.compared("acknowledged spans lost / wrong / double", findings);
    Ok(outcome)
}

fn plan(rate: f64, connections: usize) -> Plan {
    Plan {
        round: 0,
        rate,
        connections,
        reconnect: true,
    }
}

/// Spans a second that are acknowledged at most in the long run.
fn most(server: &Server, ledger: &Ledger) -> Result<f64> {
    let mut rate = 4_000.0;
    loop {
        let load = Load::start(server.addresses(), ledger, plan(rate, 64));
        let acknowledged = settled_rate(&load, WARM_UP, STEP)?;
        eprintln!("{rate:.0} offered, {acknowledged:.0} acknowledged");
        if acknowledged < rate * 0.95 {
            let most = settled_rate(&load, FILLING, LONG_RUN)?;
            eprintln!("{rate:.0} offered, {most:.0} acknowledged in the long run");
            return Ok(most);
        }
        rate *= 1.5;
    }
}

/// Spans a second that are acknowledged in `span`, after a time to warm up.
fn settled_rate(load: &Load, warm_up: Duration, span: Duration) -> Result<f64> {
    stop::sleep(warm_up)?;
    let (before, started) = (load.acknowledged_spans(), clock::now());
    stop::sleep(span)?;
    let acknowledged = load.acknowledged_spans() - before;
    Ok(acknowledged as f64 / started.elapsed().as_secs_f64())
}

/// One trial.
struct Flood {
    /// Spans a second.
    offered: f64,
    goodput: f64,
    /// Bytes.
    memory: u64,
    tally: Tally,
}

fn flood(server: &Server, ledger: &Ledger, most: f64) -> Result<Flood> {
    let load = Load::start(server.addresses(), ledger, plan(5.0 * most, CONNECTIONS));
    let started = clock::now();
    let goodput = settled_rate(&load, WARM_UP, TRIAL)?;
    let memory = server.memory_bytes()?;
    let seconds = started.elapsed().as_secs_f64();
    let tally = load.finish();
    Ok(Flood {
        offered: (tally.offered * ledger.batch_spans()) as f64 / seconds,
        goodput,
        memory,
        tally,
    })
}

/// A load that the server can take, right after.
fn calm(server: &Server, ledger: &Ledger, rate: f64) -> Result<Tally> {
    // What was taken is still being written out.
    stop::sleep(TRIAL)?;
    let load = Load::start(server.addresses(), ledger, plan(rate, 64));
    stop::sleep(TRIAL)?;
    Ok(load.finish())
}

#[derive(Default)]
struct Sums {
    offered: Vec<f64>,
    goodput: Vec<f64>,
    memory: Vec<u64>,
    refused: Vec<Duration>,
    acknowledged: Vec<Duration>,
    others: Vec<String>,
}

impl Sums {
    fn add(&mut self, flood: Flood) {
        self.offered.push(flood.offered);
        self.goodput.push(flood.goodput);
        self.memory.push(flood.memory);
        self.refused.extend(flood.tally.refused);
        self.acknowledged.extend(flood.tally.acknowledged);
        self.others.extend(flood.tally.others.into_keys());
    }

    fn judge(self, outcome: &mut Outcome, most: f64, after: &Tally) {
        let mean = |all: &[f64]| all.iter().sum::<f64>() / all.len().max(1) as f64;
        let goodput = mean(&self.goodput);
        if outcome.trials == 0 {
            outcome.void_because = Some("the generator could not offer enough".to_owned());
        } else if goodput < 0.9 * most {
            outcome.fail(format!(
                "{goodput:.0} spans/s instead of 90 % of {most:.0} were acknowledged"
            ));
        }
        for other in self.others {
            outcome.fail(format!("a sender was told: {other}"));
        }
        let third = self.memory.len() / 3;
        let highest = |part: &[u64]| part.iter().copied().max().unwrap_or(0);
        let second = highest(&self.memory[third..2 * third]);
        let last = highest(&self.memory[2 * third..]);
        if third > 0 && last as f64 > 1.1 * second as f64 {
            outcome.fail(format!(
                "memory grew from {} to {} MiB",
                second >> 20,
                last >> 20
            ));
        }
        if !after.refused.is_empty() || !after.others.is_empty() {
            let refused = after.refused.len();
            outcome.fail(format!("{refused} requests were refused afterwards"));
        }
        outcome.figure("most spans/s acknowledged before", count(most as u64));
        outcome.figure(
            "offered in the flood, times that",
            format!("{:.1}", mean(&self.offered) / most),
        );
        outcome.figure(
            "acknowledged in the flood, of that",
            format!("{:.0} %", 100.0 * goodput / most),
        );
        outcome.figure("requests refused", count(self.refused.len() as u64));
        outcome.figure("refusals, ms, p50 / p99 / max", spread_ms(&self.refused));
        outcome.figure(
            "acknowledgements, ms, p50 / p99 / max",
            spread_ms(&self.acknowledged),
        );
        outcome.figure(
            "memory at its highest, MiB",
            count(highest(&self.memory) >> 20),
        );
        outcome.figure(
            "acknowledgements at half the load afterwards, p99, ms",
            count(quantile(&after.acknowledged, 0.99).as_millis() as u64),
        );
    }
}
