//! A disk that takes a small part of what is offered.

use std::time::Duration;

use anyhow::{Context, Result};

use super::{Arm, Task};
use crate::cgroup::{Bounds, Group};
use crate::check::Question;
use crate::disk::Volume;
use crate::ledger::Ledger;
use crate::load::{Load, Plan};
use crate::random::Random;
use crate::record::Outcome;
use crate::statistics::{count, quantile, spread_ms};
use crate::{ask, clock, stop};

pub(super) const ARM: Arm = Arm {
    name: "slow",
    title: "a slow disk",
    trial: "10 s of load",
    times: 12,
    about: "An ext4 file system on a loop device that may be written at 1 MiB/s (the kernel's throttle for block devices of a control group; device \
        mapper is not needed), while senders offer 50,000 spans/s over 256 connections, in requests of 500 spans, with `storage.wal_queue_size` at 8 MiB and \
        `collector.in_flight_size_max` at 16 MiB. What does not fit must be refused within 1 s (p99), SQL must be \
        answered, memory must stay below 512 MiB, and all that was acknowledged must be there after a kill and a start without the throttle.",
    void_if: "nobody was refused",
    is_suite: false,
    run,
};

const DISK_BYTES: u64 = 1 << 30;
const BYTES_PER_SECOND: u64 = 1 << 20;
const MEMORY_MAX: u64 = 512 << 20;
const REFUSAL_MAX: Duration = Duration::from_secs(1);
const TRIAL: Duration = Duration::from_secs(10);

fn run(task: &Task) -> Result<Outcome> {
    let mut random = Random::seeded(task.seed);
    let volume = Volume::new(&task.home, DISK_BYTES)?;
    let mut setup = task.setup();
    setup.data_dir = volume.path().join("data");
    setup.set("STORAGE_WAL_QUEUE_SIZE", "8MiB");
    setup.set("COLLECTOR_IN_FLIGHT_SIZE_MAX", "16MiB");
    setup.set("COLLECTOR_BODY_SIZE_MAX", "4MiB");
    let group = Group::new(&Bounds {
        write: Some((volume.device_numbers()?, BYTES_PER_SECOND)),
        ..Bounds::default()
    })?;
    setup.wrapper = group.entry();
    let ledger = Ledger::new(random.next(), 500);
    let server = setup.start()?;
    let to = server.addresses().http;
    let plan = Plan {
        round: 0,
        rate: 50_000.0,
        connections: 256,
        reconnect: true,
    };
    let mut outcome = Outcome::default();
    let (mut peak, mut asked) = (0, Vec::new());
    let load = Load::start(server.addresses(), &ledger, plan);
    for trial in 0..task.times {
        let (started, refused) = (clock::now(), load.refused());
        while started.elapsed() < TRIAL {
            stop::sleep(Duration::from_millis(200))?;
            peak = peak.max(server.memory_bytes()?);
            let begun = clock::now();
            ask::sql_number(to, "SELECT count(*) FROM spans").context("with a slow disk")?;
            asked.push(begun.elapsed());
        }
        if load.refused() > refused {
            outcome.trials += 1;
        } else {
            outcome.void += 1;
        }
        eprintln!(
            "trial {trial}: {} refused, {} MiB",
            load.refused(),
            peak >> 20
        );
    }
    let rate = load.rate();
    let tally = load.finish();
    server.kill();
    let slowest = quantile(&tally.refused, 0.99);
    if slowest > REFUSAL_MAX {
        outcome.fail(format!("1 % of the refusals took more than {slowest:?}"));
    }
    if peak > MEMORY_MAX {
        outcome.fail(format!("memory reached {} MiB", peak >> 20));
    }
    for (what, times) in &tally.others {
        outcome.fail(format!("{times} senders were told: {what}"));
    }
    let server = setup.start()?;
    let question = Question {
        ledger: &ledger,
        rounds: None,
        term: Duration::from_hours(24),
    };
    let findings = question.ask(server.addresses().http, &mut random)?;
    outcome.figure("spans offered", count(tally.offered * ledger.batch_spans()));
    outcome.figure("spans acknowledged", count(ledger.acknowledged_spans()));
    outcome.compared("of these lost / wrong / double", findings);
    outcome.figure("acknowledged spans/s", count(rate as u64));
    outcome.figure("requests refused", count(tally.refused.len() as u64));
    outcome.figure("refusals, ms, p50 / p99 / max", spread_ms(&tally.refused));
    outcome.figure(
        "acknowledgements, ms, p50 / p99 / max",
        spread_ms(&tally.acknowledged),
    );
    outcome.figure(
        "SQL `count(*)` meanwhile, ms, p50 / p99 / max",
        spread_ms(&asked),
    );
    outcome.figure("connections that broke", count(tally.broken));
    outcome.figure("peak memory, MiB", count(peak >> 20));
    Ok(outcome)
}
