//! A disk that fills up under load, to the last byte or to the reserve, and has room again.

use std::time::Duration;

use anyhow::Result;

use super::{Arm, BATCH_SPANS, RATE, Task, hurry};
use crate::check::{Findings, Question};
use crate::disk::Volume;
use crate::ledger::Ledger;
use crate::load::{Load, Plan};
use crate::random::Random;
use crate::record::Outcome;
use crate::server::{Server, Setup};
use crate::statistics::{count, spread_ms};
use crate::{clock, stop};

pub(super) const ARM: Arm = Arm {
    name: "full",
    title: "the disk is full",
    trial: "time that it fills up",
    times: 50,
    about: "An ext4 file system of 256 MiB is filled under load: every other time to the last byte with `storage.disk_free_min` at 0, else \
        below a reserve of 24 MiB. While it is full, senders must be refused, and SQL and traces by id must be answered and right. \
        Every third time the process is killed with the disk full; it must start and answer on the full disk too. When there is room \
        again, spans must be taken within 10 s, without a restart.",
    void_if: "nobody was refused within 15 s",
    is_suite: false,
    run,
};

const DISK_BYTES: u64 = 256 << 20;

/// Longest wait for refusals.
const REFUSAL_MAX: Duration = Duration::from_secs(15);

/// Longest time until spans are taken again.
const RESUME_MAX: Duration = Duration::from_secs(10);

fn run(task: &Task) -> Result<Outcome> {
    let mut random = Random::seeded(task.seed);
    let volume = Volume::new(&task.home, DISK_BYTES)?;
    let mut setup = task.setup();
    let term = hurry(&mut setup);
    setup.data_dir = volume.path().join("data");
    let ledger = Ledger::new(random.next(), BATCH_SPANS);
    let mut trial = Trial {
        setup,
        term,
        volume,
        ledger,
        random,
        findings: Findings::default(),
        outcome: Outcome::default(),
        refused: 0,
        resumed: Vec::new(),
    };
    for round in 0..task.times as u32 {
        stop::check()?;
        trial.one(round)?;
    }
    let mut outcome = trial.outcome;
    outcome.figure(
        "spans acknowledged",
        count(trial.ledger.acknowledged_spans()),
    );
    outcome.compared("spans lost / wrong / double", trial.findings);
    outcome.figure("requests refused", count(trial.refused));
    outcome.figure(
        "room until spans are taken again, ms, p50 / p99 / max",
        spread_ms(&trial.resumed),
    );
    Ok(outcome)
}

struct Trial {
    setup: Setup,
    term: Duration,
    volume: Volume,
    ledger: Ledger,
    random: Random,
    findings: Findings,
    outcome: Outcome,
    refused: u64,
    resumed: Vec<Duration>,
}

impl Trial {
    fn one(&mut self, round: u32) -> Result<()> {
        let to_the_last_byte = round.is_multiple_of(2);
        let (reserve, left) = if to_the_last_byte {
            ("0B", 0)
        } else {
            ("24MiB", 8 << 20)
        };
        self.setup.set("STORAGE_DISK_FREE_MIN", reserve);
        let mut server = self.setup.start()?;
        let mut load = self.load(&server, round);
        stop::sleep(Duration::from_millis(500))?;
        let met = self.fill(&load, left)?;
        self.outcome.trials += u64::from(met);
        self.outcome.void += u64::from(!met);
        self.compare(&server, round, "full")?;
        if round.is_multiple_of(3) {
            self.refused += load.refused();
            drop(load.finish());
            server.kill();
            server = self.setup.start()?;
            self.compare(&server, round, "full, after a kill")?;
            load = self.load(&server, round);
        }
        self.resume(&load, round)?;
        self.refused += load.refused();
        drop(load.finish());
        if !server.is_alive() {
            self.outcome
                .fail(format!("round {round}: the server ended"));
        }
        self.compare(&server, round, "room again")?;
        server.kill();
        for line in self.setup.log().panics() {
            self.outcome.fail(format!("round {round}: {line}"));
        }
        Ok(())
    }

    fn load(&self, server: &Server, round: u32) -> Load {
        let plan = Plan {
            round,
            rate: RATE,
            connections: 8,
            reconnect: true,
        };
        Load::start(server.addresses(), &self.ledger, plan)
    }

    /// Takes all room; true when senders were refused then.
    fn fill(&self, load: &Load, left: u64) -> Result<bool> {
        let (started, before) = (clock::now(), load.refused());
        while load.refused() < before + 20 {
            if started.elapsed() > REFUSAL_MAX {
                return Ok(false);
            }
            // What retention frees is taken too.
            self.volume.fill(left)?;
            stop::sleep(Duration::from_millis(50))?;
        }
        Ok(true)
    }

    fn compare(&mut self, server: &Server, round: u32, when: &str) -> Result<()> {
        let question = Question {
            ledger: &self.ledger,
            rounds: Some(round.saturating_sub(3)..round + 1),
            term: self.term,
        };
        let findings = question.ask(server.addresses().http, &mut self.random)?;
        self.findings
            .add(findings, &format!("round {round}, {when}"));
        Ok(())
    }

    fn resume(&mut self, load: &Load, round: u32) -> Result<()> {
        self.volume.empty_ballast()?;
        let (started, before) = (clock::now(), load.acknowledged_spans());
        while load.acknowledged_spans() < before + 10 * BATCH_SPANS {
            if started.elapsed() > RESUME_MAX {
                self.outcome.fail(format!(
                    "round {round}: no span was taken for {RESUME_MAX:?}"
                ));
                break;
            }
            stop::sleep(Duration::from_millis(5))?;
        }
        self.resumed.push(started.elapsed());
        Ok(())
    }
}
