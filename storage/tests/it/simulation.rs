//! A store's life, drawn by lot: payloads, flushes with and without tail sampling, spilled epochs, merges, sampling of what is old, retention, pins, backups,
//! readers, failing disks, kills and power cuts, in an order that follows from a seed.
//!
//! After every step: what was acknowledged, is not past its term and not of a trace that is sampled out is there once; what was not acknowledged is
//! there whole or not at all; every span is counted once, sampled out or not; pinned traces are there whatever their age and the samplers say; a
//! snapshot taken earlier still shows what it showed; start-up reports no damage.
//!
//! `CLEW_SEED=7 cargo test -p clew-storage --test it simulation` replays one seed and tells its steps, `CLEW_SEEDS=100000` runs more of them. All choices
//! follow from the seed; how the store's own threads take turns does not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clew_storage::env::testing::{Fault, Loss, SeededRandom, SimEnv};
use clew_storage::env::{Clock, Random};
use clew_storage::sampling::{StoredSampling, TailSampler, Threshold, TraceView};
use clew_storage::store::{CompactionReport, RetentionRequest};
use clew_storage::verify::verify_dir;
use clew_storage::{
    CompactionLimits, Limits, Rule, Snapshot, Store, StoreError, StoreOptions, TraceId,
};

use crate::common::{
    DATA_DIR, HEALTH, counted, given, limits, name, options, payload, runtime, send, spans,
    trace_id,
};
use crate::stored_sampling::FewHealthChecks;
use crate::tail;

/// Seeds that every run of the tests goes through.
const SEEDS: u64 = 1000;
const STEPS: u64 = 24;
const BACKUP: &str = "/backup";
const TERM: Duration = Duration::from_hours(48);
/// Age at which one seed of three samples every fifth trace.
const SAMPLING_AGE: Duration = Duration::from_hours(24);
/// Term of every fifth trace.
const HEALTH_TERM: Duration = Duration::from_hours(12);

#[derive(Debug)]
struct Sent {
    bytes: Bytes,
    first: u64,
    count: u64,
    acknowledged: bool,
    /// Wall clock when it was sent first.
    at_ns: u64,
}

/// Drops every third trace.
struct TwoOfThree;

impl TailSampler for TwoOfThree {
    fn decide(&self, traces: &[TraceView<'_>]) -> Vec<Option<Threshold>> {
        let number = |id: TraceId| (u128::from_be_bytes(id.0) - 1) as u64;
        let verdict = |trace: &TraceView<'_>| {
            (!is_dropped(4 * number(trace.trace_id()))).then_some(Threshold::KEEP_ALL)
        };
        traces.iter().map(verdict).collect()
    }
}

/// Whether [`TwoOfThree`] drops the trace of this span.
fn is_dropped(span: u64) -> bool {
    (span / 4) % 3 == 2
}

/// A snapshot, and what it showed.
struct Reader {
    snapshot: Snapshot,
    spans: BTreeMap<u64, usize>,
}

struct Life {
    seed: u64,
    told: bool,
    sim: SimEnv,
    random: SeededRandom,
    store: Option<Store>,
    sent: Vec<Sent>,
    next_span: u64,
    /// Spans of traces that are pinned, as far as they were there by then or were sent later.
    pinned: BTreeSet<u64>,
    /// Numbers of these traces.
    pinned_traces: BTreeSet<u64>,
    readers: Vec<Reader>,
    /// When retention ran last: what was older than the term then may be gone.
    retained_at_ns: u64,
    /// The same for the term of every fifth trace.
    retained_by_rule_at_ns: u64,
    /// When segments were merged last, and what was old then sampled.
    merged_at_ns: u64,
    /// What the last backup holds.
    last_backup: Option<BTreeMap<u64, usize>>,
}

impl Life {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            told: std::env::var_os("CLEW_SEED").is_some(),
            sim: SimEnv::new(seed),
            random: SeededRandom::new(seed ^ 0x5eed),
            store: None,
            sent: Vec::new(),
            next_span: 0,
            pinned: BTreeSet::new(),
            pinned_traces: BTreeSet::new(),
            readers: Vec::new(),
            retained_at_ns: 0,
            retained_by_rule_at_ns: 0,
            merged_at_ns: 0,
            last_backup: None,
        }
    }

    fn below(&self, bound: u64) -> u64 {
        self.random.next_u64() % bound
    }

    fn tell(&self, what: &str) {
        if self.told {
            println!("seed {}: {what}", self.seed);
        }
    }

    fn now_ns(&self) -> u64 {
        self.sim.clock.now_unix_nano()
    }

    fn limits(&self) -> Limits {
        let unbounded = Limits::default();
        let (epoch_bytes, hot_window_bytes) = if self.spills() {
            (4 << 10, 16 << 10)
        } else {
            (unbounded.epoch_bytes, unbounded.hot_window_bytes)
        };
        Limits {
            epoch_bytes,
            hot_window_bytes,
            tail_spill_bytes: [1 << 30, 60 << 10, 0][(self.seed / 5 % 3) as usize],
            compaction: CompactionLimits {
                enabled: false,
                // Ten spans begin in each.
                window: Duration::from_millis(10),
                segment_bytes: 64 << 10,
                fan_in: 3,
                held_bytes: [0, 1 << 20][(self.seed % 2) as usize],
                cpu_percent: 100,
                ..CompactionLimits::default()
            },
            recent_payload_age: Duration::from_hours(1000),
            ..limits()
        }
    }

    fn samples(&self) -> bool {
        self.seed % 3 == 1
    }

    /// Two seeds of five sample traces when they leave the hot window.
    fn tail_samples(&self) -> bool {
        self.seed % 5 >= 3
    }

    /// One of these has memory for some ten spans, and room on the disk for many, some or none of those that wait.
    fn spills(&self) -> bool {
        self.seed % 5 == 4
    }

    fn merge(&mut self, all: bool) -> Result<CompactionReport, StoreError> {
        self.merged_at_ns = self.now_ns();
        self.store().compact(all)
    }

    /// Opens the store on a sound disk.
    fn open(&mut self) {
        let sampling = StoredSampling {
            sampler: Arc::new(FewHealthChecks),
            after: SAMPLING_AGE,
        };
        let options = StoreOptions {
            stored_sampling: self.samples().then_some(sampling),
            tail_sampling: self.tail_samples().then(|| tail::sampling(TwoOfThree)),
            ..options(self.sim.env(), DATA_DIR, self.limits())
        };
        let (store, recovery) =
            Store::open(options).unwrap_or_else(|error| panic!("seed {}: {error}", self.seed));
        assert!(
            recovery.damaged.is_empty(),
            "seed {}: {recovery:?}",
            self.seed
        );
        self.store = Some(store);
    }

    fn store(&self) -> &Store {
        self.store
            .as_ref()
            .expect("the store is open between steps")
    }

    async fn send(&mut self, payloads: u64) {
        let mut places = Vec::new();
        for _ in 0..payloads {
            let count = 1 + self.below(6);
            places.push(self.sent.len());
            self.sent.push(Sent {
                bytes: payload(self.next_span, count, self.below(40) as usize),
                first: self.next_span,
                count,
                acknowledged: false,
                at_ns: self.now_ns(),
            });
            self.next_span += count;
        }
        self.deliver(&places).await;
        let taken = places.iter().map(|place| &self.sent[*place]);
        let spans = taken
            .filter(|sent| sent.acknowledged)
            .flat_map(|sent| sent.first..sent.first + sent.count);
        let of_pinned = spans.filter(|span| self.pinned_traces.contains(&(span / 4)));
        let of_pinned: Vec<u64> = of_pinned.collect();
        self.pinned.extend(of_pinned);
    }

    async fn deliver(&mut self, places: &[usize]) {
        let sends = places
            .iter()
            .map(|place| send(self.store(), self.sent[*place].bytes.clone()));
        let answers = futures::future::join_all(sends).await;
        for (place, answer) in places.iter().zip(answers) {
            self.sent[*place].acknowledged |= answer.is_ok();
        }
    }

    /// Sends again what has no answer, as an exporter does.
    async fn send_again(&mut self) {
        let unanswered: Vec<usize> = (0..self.sent.len())
            .filter(|place| !self.sent[*place].acknowledged)
            .collect();
        self.deliver(&unanswered).await;
    }

    /// True when the span may be gone.
    fn may_be_gone(&self, sent: &Sent, span: u64) -> bool {
        let of_health = name(span) == HEALTH;
        let past = |retained_at_ns: u64, term: Duration| {
            retained_at_ns.saturating_sub(sent.at_ns) > term.as_nanos() as u64
        };
        past(self.retained_at_ns, TERM)
            || of_health && past(self.retained_by_rule_at_ns, HEALTH_TERM)
            || of_health && self.samples() && past(self.merged_at_ns + 1, SAMPLING_AGE)
            || self.tail_samples() && is_dropped(span)
    }

    /// All that can be said of what the store shows.
    fn check(&self, what: &str) {
        let snapshot = self.store().snapshot();
        let found = spans(&snapshot);
        let context = || format!("seed {}, after {what}", self.seed);
        for sent in &self.sent {
            let count = |span: u64| found.get(&span).copied().unwrap_or(0);
            let spans = sent.first..sent.first + sent.count;
            assert!(
                spans.clone().all(|span| count(span) <= 1),
                "{}: twice",
                context()
            );
            let due = spans.filter(|span| !self.may_be_gone(sent, *span));
            let counts: Vec<usize> = due.map(count).collect();
            let whole = counts.iter().all(|count| *count == 1);
            let absent = counts.iter().all(|count| *count == 0) && !sent.acknowledged;
            assert!(
                whole || absent,
                "{}: {sent:?} is there {counts:?} times",
                context()
            );
        }
        for span in &self.pinned {
            assert_eq!(found.get(span), Some(&1), "{}: pinned {span}", context());
        }
        assert!(
            found.keys().all(|span| *span < self.next_span),
            "{}",
            context()
        );
        self.check_counts(&snapshot, what);
        self.check_trace(&snapshot, &found);
        for reader in &self.readers {
            assert_eq!(
                spans(&reader.snapshot),
                reader.spans,
                "{}: a reader",
                context()
            );
        }
    }

    /// What was acknowledged is counted, and nothing twice.
    fn check_counts(&self, snapshot: &Snapshot, what: &str) {
        let spans = |sent: &Sent| sent.count as usize;
        let acknowledged = self.sent.iter().filter(|sent| sent.acknowledged);
        let (least, most) = (
            acknowledged.map(spans).sum::<usize>(),
            self.sent.iter().map(spans).sum(),
        );
        let counted = counted(snapshot);
        assert!(
            (least..=most).contains(&counted),
            "seed {}, after {what}: {counted} counted of {least} to {most}",
            self.seed
        );
    }

    /// What tail sampling drops is gone after a flush, unless it is pinned.
    fn check_dropped(&self) {
        let mut found = spans(&self.store().snapshot()).into_keys();
        let left =
            found.find(|span| is_dropped(*span) && !self.pinned_traces.contains(&(span / 4)));
        assert!(
            left.is_none() || !self.tail_samples(),
            "seed {}: {left:?} is left",
            self.seed
        );
    }

    /// A trace by id is what all spans together say of it.
    fn check_trace(&self, snapshot: &Snapshot, found: &BTreeMap<u64, usize>) {
        if self.next_span == 0 {
            return;
        }
        let span = self.below(self.next_span);
        let first = span / 4 * 4;
        let expected = (first..first + 4).filter(|span| found.contains_key(span));
        let trace = snapshot.trace(trace_id(span)).unwrap();
        let rows = trace.map_or(0, |trace| trace.rows.num_rows());
        assert_eq!(
            rows,
            expected.count(),
            "seed {}: trace of {span}",
            self.seed
        );
    }

    async fn step(&mut self) {
        let what = self.draw().await;
        self.tell(&what);
        self.check(&what);
    }

    /// One step on a sound disk.
    async fn draw(&mut self) -> String {
        match self.below(21) {
            0..5 => {
                let payloads = 1 + self.below(4);
                self.send(payloads).await;
                format!("sending {payloads}")
            }
            5..9 => {
                self.store().flush().await.unwrap();
                self.check_dropped();
                "a flush".to_owned()
            }
            9..12 => {
                let all = self.below(2) == 0;
                let report = self.merge(all).unwrap();
                format!("a merge: {report:?}")
            }
            12 | 19 => self.retain(),
            13 => {
                let by = Duration::from_secs(self.below(24 * 3600));
                self.sim.clock.advance(by);
                format!("{by:?}")
            }
            14 => self.pin(),
            15 => {
                let snapshot = self.store().snapshot();
                let spans = spans(&snapshot);
                self.readers.push(Reader { snapshot, spans });
                "taking a snapshot".to_owned()
            }
            16 => {
                self.readers.clear();
                "dropping all snapshots".to_owned()
            }
            17 => self.back_up().await,
            18 => {
                self.readers.clear();
                self.store().close().await.unwrap();
                self.store = None;
                self.open();
                "a restart".to_owned()
            }
            _ => self.misfortune().await,
        }
    }

    fn retain(&mut self) -> String {
        // The clock is set by hand and never leaps, but stands still for days on end.
        let mut request = RetentionRequest {
            older_than_ns: Some(TERM.as_nanos() as u64),
            trust_clock: true,
            ..RetentionRequest::default()
        };
        self.retained_at_ns = self.now_ns();
        if self.below(2) == 0 {
            request.rules = vec![health_rule()];
            self.retained_by_rule_at_ns = self.now_ns();
        }
        let report = self.store().retain_with(&request).unwrap();
        format!(
            "retention of {} spans and {} by rule",
            report.spans, report.reduced_spans
        )
    }

    fn pin(&mut self) -> String {
        if self.next_span == 0 {
            return "nothing to pin".to_owned();
        }
        let span = self.below(self.next_span);
        let of_trace = |life: &Self| -> Vec<u64> {
            let found = spans(&life.store().snapshot());
            let first = span / 4 * 4;
            let there = (first..first + 4).filter(|span| found.contains_key(span));
            there.collect()
        };
        let before = of_trace(self);
        let pinned = self.store().pin(trace_id(span)).unwrap();
        // It may be decided about at this moment: what is there after the pin stays.
        let may_go = self.tail_samples() && is_dropped(span);
        assert!(pinned != before.is_empty() || may_go, "seed {}", self.seed);
        if pinned {
            self.pinned.extend(of_trace(self));
            self.pinned_traces.insert(span / 4);
        }
        format!("pinning the trace of {span}")
    }

    async fn back_up(&mut self) -> String {
        self.store().flush().await.unwrap();
        let shown = spans(&self.store().snapshot());
        let linked = self.below(2) == 0;
        let backup = self.store().backup(Path::new(BACKUP), linked, &mut |_| {});
        let report = backup.unwrap();
        assert_eq!(report.spans as usize, shown.len(), "seed {}", self.seed);
        self.last_backup = Some(shown);
        self.check_backup();
        format!("a backup: {report:?}")
    }

    fn check_backup(&self) {
        if let Some(expected) = &self.last_backup {
            let report = verify_dir(&self.sim.env(), Path::new(BACKUP), &mut |_| {}).unwrap();
            assert_eq!(report.problems, [], "seed {}", self.seed);
            assert_eq!(report.spans as usize, expected.len(), "seed {}", self.seed);
        }
    }

    /// The disk fails or the machine stops somewhere in the next steps, whatever they are.
    async fn misfortune(&mut self) -> String {
        let fault = [
            Fault::Eio,
            Fault::DiskFull,
            Fault::ShortWrite,
            Fault::Stop,
            Fault::Stop,
        ][self.below(5) as usize];
        let nth = 1 + self.below(40);
        self.readers.clear();
        self.sim.fs.fail_nth(nth, fault);
        let mut what = format!("{fault:?} at operation {nth} of");
        for _ in 0..=self.below(4) {
            what += match self.below(5) {
                0 | 1 => {
                    self.send(1).await;
                    " sending"
                }
                2 => {
                    drop(self.store().flush().await);
                    " flushing"
                }
                3 => {
                    drop(self.merge(true));
                    " merging"
                }
                _ => {
                    self.retained_at_ns = self.now_ns();
                    self.retained_by_rule_at_ns = self.now_ns();
                    drop(self.store().retain_with(&RetentionRequest {
                        older_than_ns: Some(TERM.as_nanos() as u64),
                        rules: vec![health_rule()],
                        trust_clock: true,
                        ..RetentionRequest::default()
                    }));
                    " retaining"
                }
            };
        }
        let end = self.below(3);
        match end {
            0 => self.sim.fs.kill(),
            1 => self.sim.fs.power_cut(Loss::All),
            _ => self.sim.fs.power_cut(Loss::Some),
        }
        self.store = None;
        what += [", killed", ", power cut", ", power cut in part"][end as usize];
        self.open();
        self.check(&what);
        self.check_backup();
        self.send_again().await;
        what
    }
}

fn health_rule() -> Rule {
    Rule::parse("name=GET /health*", HEALTH_TERM.as_nanos() as u64).unwrap()
}

fn live(seed: u64) {
    runtime().block_on(async {
        let mut life = Life::new(seed);
        life.open();
        for _ in 0..STEPS {
            life.step().await;
        }
        life.readers.clear();
        life.store().flush().await.unwrap();
        life.merge(true).unwrap();
        life.check("the end");
        life.store().close().await.unwrap();
        life.store = None;
        let report = verify_dir(&life.sim.env(), Path::new(DATA_DIR), &mut |_| {}).unwrap();
        assert_eq!(report.problems, [], "seed {seed}");
    });
}

/// A quarter of all seeds, so that four threads can share them.
fn quarter(number: u64) {
    if let Some(seed) = given("CLEW_SEED") {
        if seed % 4 == number {
            live(seed);
        }
        return;
    }
    let seeds = given("CLEW_SEEDS").unwrap_or(SEEDS);
    (0..seeds).filter(|seed| seed % 4 == number).for_each(live);
}

#[test]
fn seeds_of_the_first_quarter() {
    quarter(0);
}

#[test]
fn seeds_of_the_second_quarter() {
    quarter(1);
}

#[test]
fn seeds_of_the_third_quarter() {
    quarter(2);
}

#[test]
fn seeds_of_the_fourth_quarter() {
    quarter(3);
}
