//! A file system that becomes read-only under load, as the kernel makes it when it finds it damaged.

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
use crate::statistics::count;
use crate::{ask, clock, stop};

pub(super) const ARM: Arm = Arm {
    name: "read-only",
    title: "the file system becomes read-only",
    trial: "time that it does",
    times: 50,
    about: "ext4's own trigger for a damaged file system (`trigger_fs_error`, mounted with `errors=remount-ro`) makes it read-only under load. The \
        process must live, refuse every span, say at `/health/ready` that it takes none, and answer SQL and traces by id. Then it is \
        killed, the file system checked by e2fsck and mounted again; all that was acknowledged must be there.",
    void_if: "nobody was refused within 10 s",
    is_suite: false,
    run,
};

const DISK_BYTES: u64 = 512 << 20;

/// Longest wait for refusals.
const REFUSAL_MAX: Duration = Duration::from_secs(10);

fn run(task: &Task) -> Result<Outcome> {
    let mut random = Random::seeded(task.seed);
    let volume = Volume::new(&task.home, DISK_BYTES)?;
    let mut setup = task.setup();
    let term = hurry(&mut setup);
    setup.data_dir = volume.path().join("data");
    setup.set("STORAGE_DISK_FREE_MIN", "32MiB");
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
}

impl Trial {
    fn one(&mut self, round: u32) -> Result<()> {
        let mut server = self.setup.start()?;
        self.compare(&server, round, "started")?;
        let plan = Plan {
            round,
            rate: RATE,
            connections: 8,
            reconnect: true,
        };
        let load = Load::start(server.addresses(), &self.ledger, plan);
        let time = self.random.millis(300, 1_000);
        stop::sleep(time)?;
        self.volume.turn_read_only()?;
        let met = refused(&load)?;
        self.outcome.trials += u64::from(met);
        self.outcome.void += u64::from(!met);
        self.check_refusing(&server, &load, round)?;
        self.compare(&server, round + 1, "read-only")?;
        self.refused += load.refused();
        drop(load.finish());
        if !server.is_alive() {
            self.outcome
                .fail(format!("round {round}: the server ended"));
        }
        server.kill();
        for line in self.setup.log().panics() {
            self.outcome.fail(format!("round {round}: {line}"));
        }
        self.volume.unmount()?;
        self.volume.repair()?;
        self.volume.mount()
    }

    /// Nothing is acknowledged any more, and whoever asks is told so.
    fn check_refusing(&mut self, server: &Server, load: &Load, round: u32) -> Result<()> {
        // An answer that was on its way may still arrive.
        stop::sleep(Duration::from_millis(300))?;
        let before = load.acknowledged_spans();
        stop::sleep(Duration::from_millis(700))?;
        let after = load.acknowledged_spans();
        if after != before {
            let spans = after - before;
            self.outcome
                .fail(format!("round {round}: {spans} spans acknowledged"));
        }
        if ask::is_ready(server.addresses().http) {
            self.outcome
                .fail(format!("round {round}: it says that it takes spans"));
        }
        Ok(())
    }

    fn compare(&mut self, server: &Server, round: u32, when: &str) -> Result<()> {
        let question = Question {
            ledger: &self.ledger,
            rounds: Some(round.saturating_sub(3)..round.max(1)),
            term: self.term,
        };
        let findings = question.ask(server.addresses().http, &mut self.random)?;
        self.findings
            .add(findings, &format!("round {round}, {when}"));
        Ok(())
    }
}

/// Waits for refusals; false when there are none.
fn refused(load: &Load) -> Result<bool> {
    let started = clock::now();
    while load.refused() < 20 {
        if started.elapsed() > REFUSAL_MAX {
            return Ok(false);
        }
        stop::sleep(Duration::from_millis(20))?;
    }
    Ok(true)
}
