//! Little memory, more load than the server can take, and queries all the while.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::{Arm, Task};
use crate::cgroup::{Bounds, Group};
use crate::check::Question;
use crate::ledger::Ledger;
use crate::load::{Load, Plan};
use crate::random::Random;
use crate::record::Outcome;
use crate::statistics::{count, spread_ms};
use crate::{ask, clock, stop};

pub(super) const ARM: Arm = Arm {
    name: "memory",
    title: "512 MiB of memory, overload, and queries",
    trial: "10 s of load",
    times: 12,
    about: "A control group of 512 MiB, beyond which the kernel ends the process. 128 connections offer 300,000 spans/s in requests of 500 spans, more than \
        the machine takes, while two clients ask without a pause: aggregates by SQL, searches, traces. The settings are those for a small machine: \
        `collector.in_flight_size_max` 48 MiB, `collector.body_size_max` 16 MiB, `storage.wal_queue_size` 24 MiB, `storage.hot_window_size` 96 MiB, \
        `storage.epoch_size` 24 MiB, `storage.cache_size` 32 MiB, `compaction.memory_size` 32 MiB, `query.sql.memory_size` 48 MiB, `query.sql.running_max` 2. \
        The process must live, take no more than 90 % of the memory (copies of files aside, which the kernel takes back), and lose nothing.",
    void_if: "half of what was offered could be acknowledged, or a client got no answer to any question",
    is_suite: false,
    run,
};

const MEMORY_BYTES: u64 = 512 << 20;
const TRIAL: Duration = Duration::from_secs(10);

const SETTINGS: [(&str, &str); 9] = [
    ("COLLECTOR_IN_FLIGHT_SIZE_MAX", "48MiB"),
    ("COLLECTOR_BODY_SIZE_MAX", "16MiB"),
    ("STORAGE_WAL_QUEUE_SIZE", "24MiB"),
    ("STORAGE_HOT_WINDOW_SIZE", "96MiB"),
    ("STORAGE_EPOCH_SIZE", "24MiB"),
    ("STORAGE_CACHE_SIZE", "32MiB"),
    ("COMPACTION_MEMORY_SIZE", "32MiB"),
    ("QUERY_SQL_MEMORY_SIZE", "48MiB"),
    ("QUERY_SQL_RUNNING_MAX", "2"),
];

/// Questions: path and, for SQL, the statement.
const QUESTIONS: [(&str, &str); 5] = [
    (
        "/api/sql",
        "SELECT name, count(*), avg(duration_ns), max(duration_ns) FROM spans GROUP BY name",
    ),
    (
        "/api/sql",
        "SELECT trace_id, sum(duration_ns) AS busy FROM spans GROUP BY trace_id ORDER BY busy DESC LIMIT 10",
    ),
    ("/api/clew/v1/search?limit=20", ""),
    ("/api/traces?service=round-0&limit=20", ""),
    ("/api/clew/v1/services", ""),
];

fn run(task: &Task) -> Result<Outcome> {
    let mut random = Random::seeded(task.seed);
    let mut setup = task.setup();
    for (name, value) in SETTINGS {
        setup.set(name, value);
    }
    let group = Group::new(&Bounds {
        memory_bytes: Some(MEMORY_BYTES),
        ..Bounds::default()
    })?;
    setup.wrapper = group.entry();
    let ledger = Ledger::new(random.next(), 500);
    let mut server = setup.start()?;
    let to = server.addresses();
    let plan = Plan {
        round: 0,
        rate: 300_000.0,
        connections: 128,
        reconnect: true,
    };
    let mut outcome = Outcome::default();
    let mut peak = 0;
    let load = Load::start(to, &ledger, plan);
    let asking = Asking::default();
    let tally = thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| asking.go_on(to.http));
        }
        let watched = (0..task.times).try_for_each(|_| {
            let (before, answered) = (load.acknowledged_spans(), asking.answered());
            let started = clock::now();
            while started.elapsed() < TRIAL {
                stop::sleep(Duration::from_millis(50))?;
                peak = peak.max(group.anonymous_bytes()?);
            }
            let rate =
                (load.acknowledged_spans() - before) as f64 / started.elapsed().as_secs_f64();
            let is_void = rate > plan.rate / 2.0 || asking.answered() == answered;
            outcome.trials += u64::from(!is_void);
            outcome.void += u64::from(is_void);
            eprintln!("{rate:.0} spans/s, {} MiB", peak >> 20);
            anyhow::Ok(())
        });
        asking.stop.store(true, Ordering::SeqCst);
        watched.map(|()| load.finish())
    })?;
    if group.killed()? > 0 || !server.is_alive() {
        outcome.fail(format!(
            "the process ended; the kernel ended {} for memory",
            group.killed()?
        ));
        return Ok(outcome);
    }
    if peak > MEMORY_BYTES / 10 * 9 {
        outcome.fail(format!("memory reached {} MiB", peak >> 20));
    }
    server.kill();
    let mut unbounded = task.setup();
    unbounded.log = task.home.path().join("after.log");
    let server = unbounded.start()?;
    let question = Question {
        ledger: &ledger,
        rounds: None,
        term: Duration::from_hours(24),
    };
    let findings = question.ask(server.addresses().http, &mut random)?;
    outcome.figure("peak memory, MiB of 512", count(peak >> 20));
    outcome.figure("spans acknowledged", count(ledger.acknowledged_spans()));
    outcome.compared("of these lost / wrong / double", findings);
    outcome.figure("requests refused", count(tally.refused.len() as u64));
    outcome.figure("refusals, ms, p50 / p99 / max", spread_ms(&tally.refused));
    outcome.figure(
        "acknowledgements, ms, p50 / p99 / max",
        spread_ms(&tally.acknowledged),
    );
    outcome.figure(
        "questions answered, refused for a limit or for want of a turn",
        format!(
            "{}, {}",
            count(asking.answered()),
            count(asking.refused.load(Ordering::SeqCst))
        ),
    );
    for (what, times) in &tally.others {
        outcome.fail(format!("{times} senders were told: {what}"));
    }
    let unexpected = asking.unexpected.load(Ordering::SeqCst);
    if unexpected > 0 {
        outcome.fail(format!("{unexpected} questions had an answer that is none"));
    }
    Ok(outcome)
}

/// Clients that ask without a pause.
#[derive(Debug, Default)]
struct Asking {
    stop: AtomicBool,
    answered: AtomicU64,
    refused: AtomicU64,
    unexpected: AtomicU64,
}

impl Asking {
    fn answered(&self) -> u64 {
        self.answered.load(Ordering::SeqCst)
    }

    fn go_on(&self, to: SocketAddr) {
        for (path, statement) in QUESTIONS.iter().cycle() {
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            let method = if statement.is_empty() { "GET" } else { "POST" };
            let counter = match ask::request(to, method, path, statement).map(|a| a.status) {
                Ok(200) => &self.answered,
                // A statement met its limit of memory or time, or too many ran.
                Ok(422 | 503) => &self.refused,
                _ => &self.unexpected,
            };
            counter.fetch_add(1, Ordering::SeqCst);
        }
    }
}
