//! Rounds of load on one data directory, each ended by a blow: SIGKILL, a power cut, or SIGTERM.
//!
//! A round: start, compare what the last three rounds were told with what is there (every tenth time: all that retention
//! must have kept), send again what had no answer, load, blow. So every start is one after a blow, and what is sent twice
//! must still be there once.

use std::time::Duration;

use anyhow::{Context, Result};
use clew_loadgen::client::{Outcome as Sent, Protocol};

use super::{Arm, BATCH_SPANS, FLOOR, RATE, Task, hurry};
use crate::check::{Findings, Question};
use crate::disk::Volume;
use crate::ledger::{Fate, Ledger};
use crate::load::{Load, Plan, connect};
use crate::random::Random;
use crate::record::{Control, Outcome};
use crate::server::{Server, Setup};
use crate::statistics::{count, spread_ms};
use crate::stop;

pub(super) const KILL: Arm = Arm {
    name: "kill",
    title: "`kill -9` under load",
    trial: "kill",
    times: 1_000,
    about: "One data directory through all rounds, with flushes, merges and retention going on: a log file has 1 MiB, epochs last 50 ms to 1 s, \
        a window of merges is filled in 10 s, and spans are kept for 20 s. Senders offer 25,000 spans/s over four HTTP and four gRPC connections. After 0.2 to \
        1.2 s, or one time in six after 2 to 4 s, the process gets SIGKILL; every fifth start is killed too, at any moment of its first 300 ms. After each start the last three \
        rounds are compared batch by batch, every tenth time all that must still be there, and five traces by id span by span. What had no \
        answer is sent again first, byte for byte, as exporters do. In the end `clew verify` must find nothing.",
    void_if: "fewer than 20,000 spans/s were acknowledged in the round; the whole arm, when no merge or no retention happened, or when the \
        control without the log loses nothing",
    is_suite: false,
    run: kill,
};

pub(super) const POWER: Arm = Arm {
    name: "power",
    title: "power cuts under load",
    trial: "power cut",
    times: 1_000,
    about: "As above, with the data directory on an ext4 file system of its own. `EXT4_IOC_SHUTDOWN` without a flush of the journal takes away \
        everything that was not synced; from that moment on answers do not count, for a machine without power sends none. Then the process is killed, the file system unmounted and mounted again, and the server started. It is \
        the file system's cut, not the disk's: a disk that lies about its cache, or writes half a sector, is not in it. Torn writes are in \
        the arms `steps` and `flips`.",
    void_if: "fewer than 20,000 spans/s were acknowledged in the round; the whole arm, when no merge or no retention happened, or when the \
        control, whose fsync and fdatasync calls return at once without doing anything, loses nothing",
    is_suite: false,
    run: power,
};

pub(super) const RESTART: Arm = Arm {
    name: "restart",
    title: "restarts under load",
    trial: "restart",
    times: 1_000,
    about: "As above, but the process gets SIGTERM in the midst of the load and must end by itself, with exit code 0, within 10 s.",
    void_if: "fewer than 20,000 spans/s were acknowledged in the round; the whole arm, when no merge or no retention happened",
    is_suite: false,
    run: restart,
};

fn kill(task: &Task) -> Result<Outcome> {
    let control = |rounds: &mut Rounds| rounds.setup.set("UNSAFE_NO_WAL", "true");
    run(task, Blow::Kill, Some(("the log", control)))
}

fn power(task: &Task) -> Result<Outcome> {
    let control = |rounds: &mut Rounds| {
        // The tracer lets the calls return 0 without making them, and is not the server's parent.
        let tracer = "strace -D -f --seccomp-bpf -qq -o /dev/null -e trace=fsync,fdatasync \
             -e inject=fsync,fdatasync:retval=0";
        rounds.setup.wrapper = tracer.split_whitespace().map(str::to_owned).collect();
    };
    run(task, Blow::PowerCut, Some(("fsync", control)))
}

fn restart(task: &Task) -> Result<Outcome> {
    run(task, Blow::Terminate, None)
}

/// What ends a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blow {
    Kill,
    PowerCut,
    Terminate,
}

/// Rounds that are compared after each blow, and after how many blows all of them are.
const LAST_ROUNDS: u32 = 3;
const ALL_EVERY: u64 = 10;

const CONNECTIONS: usize = 8;

/// Size of the file system of power cuts.
const DISK_BYTES: u64 = 1 << 30;

/// Longest time that a server may take to end after SIGTERM.
const END_MAX: Duration = Duration::from_secs(10);

type Weaken = fn(&mut Rounds);

fn run(task: &Task, blow: Blow, control: Option<(&str, Weaken)>) -> Result<Outcome> {
    // The control comes first, so that a campaign that is stopped has one.
    let control = match control {
        None => None,
        Some((without, weaken)) => {
            let mut rounds = Rounds::new(task, blow, task.seed ^ 1)?;
            rounds.forgiving = true;
            weaken(&mut rounds);
            rounds.go((task.times / 50).clamp(5, 20))?;
            Some(Control {
                without: without.to_owned(),
                trials: rounds.blows,
                failed: rounds.with_loss,
                lost_spans: rounds.findings.lost,
            })
        }
    };
    stop::check()?;
    let mut rounds = Rounds::new(task, blow, task.seed)?;
    rounds.go(task.times)?;
    Ok(Outcome {
        control,
        ..rounds.outcome()
    })
}

/// A campaign.
struct Rounds {
    blow: Blow,
    random: Random,
    setup: Setup,
    term: Duration,
    ledger: Ledger,
    volume: Option<Volume>,
    /// A store that does not open counts as one that lost everything, and is made anew: the control.
    forgiving: bool,
    findings: Findings,
    with_loss: u64,
    blows: u64,
    void: u64,
    blows_at_start: u64,
    met_requests: u64,
    sent_again: u64,
    merges: u64,
    merged_spans: u64,
    dropped_spans: u64,
    rates: Vec<f64>,
    start_times: Vec<Duration>,
    end_times: Vec<Duration>,
    /// Faults that are not about spans.
    others: Vec<String>,
}

impl Rounds {
    fn new(task: &Task, blow: Blow, seed: u64) -> Result<Self> {
        let mut random = Random::seeded(seed);
        let mut setup = task.setup();
        let term = hurry(&mut setup);
        let volume = match blow {
            Blow::PowerCut => Some(Volume::new(&task.home, DISK_BYTES)?),
            Blow::Kill | Blow::Terminate => None,
        };
        if let Some(volume) = &volume {
            setup.data_dir = volume.path().join("data");
            setup.set("STORAGE_DISK_FREE_MIN", "64MiB");
        }
        Ok(Self {
            blow,
            ledger: Ledger::new(random.next(), BATCH_SPANS),
            random,
            setup,
            term,
            volume,
            forgiving: false,
            findings: Findings::default(),
            with_loss: 0,
            blows: 0,
            void: 0,
            blows_at_start: 0,
            met_requests: 0,
            sent_again: 0,
            merges: 0,
            merged_spans: 0,
            dropped_spans: 0,
            rates: Vec::new(),
            start_times: Vec::new(),
            end_times: Vec::new(),
            others: Vec::new(),
        })
    }

    /// Goes on until `times` trials are valid, or twice as many were made.
    fn go(&mut self, times: u64) -> Result<()> {
        let mut done = 0;
        for round in 0..2 * times as u32 {
            if self.blows - self.void >= times {
                break;
            }
            match self.one(round) {
                // What was done so far counts.
                Err(_) if stop::check().is_err() => break,
                other => other?,
            }
            done = round + 1;
            if (u64::from(round) + 1).is_multiple_of(50) {
                eprintln!(
                    "{} blows, {} void, {} spans lost, {} wrong, {} double",
                    self.blows,
                    self.void,
                    self.findings.lost,
                    self.findings.wrong,
                    self.findings.double
                );
            }
        }
        let Some(server) = self.start(done)? else {
            return Ok(());
        };
        self.compare(&server, done, true)?;
        server.terminate()?;
        if !self.forgiving
            && let Err(error) = self.setup.verify()
        {
            self.others.push(format!("in the end: {error:#}"));
        }
        Ok(())
    }

    fn one(&mut self, round: u32) -> Result<()> {
        let age = self.random.pick(&["50ms", "300ms", "1s"]);
        self.setup.set("STORAGE_EPOCH_AGE", age);
        if round > 0 && self.blow != Blow::Terminate && self.random.below(5) == 0 {
            self.blow_at_start()?;
        }
        let Some(server) = self.start(round)? else {
            return Ok(());
        };
        self.compare(&server, round, u64::from(round).is_multiple_of(ALL_EVERY))?;
        self.send_again(&server, round)?;
        let plan = Plan {
            round,
            rate: RATE,
            connections: CONNECTIONS,
            reconnect: false,
        };
        let load = Load::start(server.addresses(), &self.ledger, plan);
        // Most rounds are too short for a merge to end; some are not.
        let time = match self.random.below(6) {
            0 => self.random.millis(2_000, 4_000),
            _ => self.random.millis(200, 1_200),
        };
        stop::sleep(time)?;
        self.note_load(&load);
        self.strike(server)?;
        let tally = load.finish();
        if let Some((what, _)) = tally.others.first_key_value() {
            self.others
                .push(format!("round {round}: a sender was told: {what}"));
        }
        self.read_log(round);
        self.recover()
    }

    fn note_load(&mut self, load: &Load) {
        let rate = load.rate();
        self.rates.push(rate);
        self.met_requests += u64::from(load.under_way() > 0);
        self.blows += 1;
        self.void += u64::from(rate < FLOOR);
    }

    fn strike(&mut self, server: Server) -> Result<()> {
        match self.blow {
            Blow::Kill => server.kill(),
            Blow::PowerCut => {
                self.cut()?;
                server.kill();
            }
            Blow::Terminate => match server.terminate() {
                Ok(time) => {
                    if time > END_MAX {
                        self.others.push(format!("it took {time:?} to end"));
                    }
                    self.end_times.push(time);
                }
                Err(error) => self.others.push(format!("{error:#}")),
            },
        }
        Ok(())
    }

    /// Cuts the power, if that is the blow. The machine would be dead from that moment on: what it still answers does not count.
    fn cut(&self) -> Result<()> {
        let Some(volume) = &self.volume else {
            return Ok(());
        };
        let switch = volume.switch()?;
        self.ledger.close();
        switch.cut()
    }

    /// After a power cut: mount again.
    fn recover(&self) -> Result<()> {
        if let (Blow::PowerCut, Some(volume)) = (self.blow, &self.volume) {
            volume.unmount()?;
            volume.mount()?;
        }
        self.ledger.reopen();
        Ok(())
    }

    fn blow_at_start(&mut self) -> Result<()> {
        self.blows_at_start += 1;
        let after = self.random.millis(0, 300);
        let process = self.setup.start_in_background()?;
        std::thread::sleep(after);
        self.cut()?;
        drop(process);
        self.recover()
    }

    /// Starts; `None` when a weakened server does not open its store any more.
    fn start(&mut self, round: u32) -> Result<Option<Server>> {
        match self.setup.start() {
            Ok(server) => {
                self.start_times.push(server.start_time());
                Ok(Some(server))
            }
            Err(error) if self.forgiving => {
                eprintln!("without its safeguard the store does not open: {error:#}");
                self.findings.lost += self.ledger.acknowledged_spans();
                self.with_loss += 1;
                std::fs::remove_dir_all(&self.setup.data_dir)?;
                self.ledger = Ledger::new(self.random.next(), BATCH_SPANS);
                Ok(None)
            }
            Err(error) => Err(error).with_context(|| format!("round {round}")),
        }
    }

    fn compare(&mut self, server: &Server, round: u32, all: bool) -> Result<()> {
        let rounds = round.saturating_sub(LAST_ROUNDS)..round;
        if rounds.is_empty() {
            return Ok(());
        }
        let question = Question {
            ledger: &self.ledger,
            rounds: (!all).then_some(rounds),
            term: self.term,
        };
        let findings = question.ask(server.addresses().http, &mut self.random)?;
        if findings.failures() > 0 {
            self.with_loss += 1;
            eprintln!("round {round}: {:#?}", findings.faults);
        }
        self.findings.add(findings, &format!("after round {round}"));
        Ok(())
    }

    /// Sends again what the last round had no answer for.
    fn send_again(&mut self, server: &Server, round: u32) -> Result<()> {
        let Some(last) = round.checked_sub(1) else {
            return Ok(());
        };
        let open = self.ledger.open(last);
        if open.is_empty() {
            return Ok(());
        }
        let mut client = connect(server.addresses(), Protocol::Http)?;
        for recipe in open {
            if let Sent::Accepted { rejected_spans: 0 } = client.send(&recipe.body())? {
                self.ledger.set(recipe.number, Fate::Acknowledged);
                self.sent_again += 1;
            }
        }
        Ok(())
    }

    fn read_log(&mut self, round: u32) {
        let log = self.setup.log();
        self.merges += log.count("merged segments");
        self.merged_spans += log.sum("merged segments", "input_spans");
        self.dropped_spans += log.sum("dropped old spans", "spans");
        let mut bad = log.panics();
        // After a power cut the server is right to complain; otherwise nothing went wrong with its disk.
        if self.blow != Blow::PowerCut && !self.forgiving {
            bad.extend(log.lines("\"level\":\"ERROR\""));
        }
        for line in bad {
            self.others.push(format!("round {round}: {line}"));
        }
    }

    fn outcome(&self) -> Outcome {
        let mut outcome = Outcome {
            trials: self.blows - self.void,
            void: self.void,
            failures: self.findings.failures() + self.others.len() as u64,
            faults: self.findings.faults.clone(),
            ..Outcome::default()
        };
        outcome.faults.extend(self.others.iter().take(20).cloned());
        outcome.figure(
            "spans acknowledged",
            count(self.ledger.acknowledged_spans()),
        );
        outcome.figure("of these lost / wrong / double", self.findings.amounts());
        outcome.figure(
            "spans looked for, each time that they were",
            count(self.findings.looked_for),
        );
        let mean = self.rates.iter().sum::<f64>() / self.rates.len().max(1) as f64;
        outcome.figure(
            "acknowledged spans/s while loaded, mean",
            count(mean as u64),
        );
        if self.blow != Blow::Terminate {
            outcome.figure("blows during a start, besides", count(self.blows_at_start));
        }
        outcome.figure(
            "blows that met requests under way",
            count(self.met_requests),
        );
        outcome.figure(
            "batches without an answer, sent again",
            count(self.sent_again),
        );
        outcome.figure(
            "merges, and spans rewritten by them",
            format!("{}, {}", count(self.merges), count(self.merged_spans)),
        );
        outcome.figure("spans dropped by retention", count(self.dropped_spans));
        outcome.figure(
            "start until it answers, ms, p50 / p99 / max",
            spread_ms(&self.start_times),
        );
        if self.blow == Blow::PowerCut {
            outcome.figure(
                "answers of the dead machine, not counted",
                count(self.ledger.late()),
            );
        }
        if self.blow == Blow::Terminate {
            outcome.figure(
                "SIGTERM until it has ended, ms, p50 / p99 / max",
                spread_ms(&self.end_times),
            );
        }
        if self.merges == 0 || self.dropped_spans == 0 {
            outcome.void_because = Some("no merge or no retention happened".to_owned());
        }
        outcome
    }
}

impl Drop for Rounds {
    fn drop(&mut self) {
        // The next campaign in the same home begins with an empty disk.
        if self.volume.is_none() {
            let _ = std::fs::remove_dir_all(&self.setup.data_dir);
        }
    }
}
