//! The power is cut, or the process killed, at every single operation of the file system that a script makes.
//!
//! Whatever the moment: the store opens again, reports no damage, has everything that was acknowledged and is not past its term, nothing twice,
//! nothing in part, and no file that belongs to nothing. Clients then send again what they had no answer for, as exporters do, and in the end all is
//! there exactly once, also after one more power cut.
//!
//! `CLEW_TEST_SEEDS=50 cargo test -p clew-storage --test it crash::` tries each operation with so many seeds: they draw what a power cut
//! leaves of what was not synced.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use clew_storage::derived::DerivedTable;
use clew_storage::env::testing::{Fault, Loss, SimEnv};
use clew_storage::store::RetentionRequest;
use clew_storage::{Store, StoreOptions};

use crate::common::{
    DATA_DIR, counted, figure, limits, open, options, payload, runtime, seeds, send, spans,
};

#[derive(Debug, Clone, Copy)]
enum Step {
    /// Sends one payload of three spans.
    Send,
    /// Sends a payload that needs most of a log file.
    SendLarge,
    /// Sends these many payloads at once.
    SendMany(u64),
    Flush,
    /// Merges all segments.
    Compact,
    CloseAndOpen,
    /// Lets two days pass.
    Wait,
    /// Drops what arrived more than a day ago.
    Retain,
}
use Step::{CloseAndOpen, Compact, Flush, Retain, Send, SendLarge, SendMany, Wait};

const DAY: Duration = Duration::from_hours(24);

/// A client that has no answer for so long has given up; the store may have forgotten the payload by then.
const PATIENCE: Duration = Duration::from_mins(5);

const SCRIPTS: &[&[Step]] = &[
    &[Send, Send, Flush, Send],
    &[SendLarge, SendLarge, Send, SendLarge, Flush],
    &[SendMany(5), Flush, SendMany(3), Flush, Send, Flush, Send],
    &[Send, CloseAndOpen, Send, Flush, CloseAndOpen, Send],
    &[
        Send, Flush, Send, Flush, Compact, Send, Flush, Compact, Send,
    ],
    &[
        Send, Flush, Send, Flush, Wait, Send, Flush, Retain, Send, Flush, Compact, Wait, Retain,
        Send,
    ],
];

#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Kill,
    PowerCut(Loss),
}

const ENDS: [End; 3] = [
    End::Kill,
    End::PowerCut(Loss::All),
    End::PowerCut(Loss::Some),
];

/// What clients have sent, and what they know.
#[derive(Debug, Default)]
struct Ledger {
    payloads: Vec<Bytes>,
    /// When each was sent, by the wall clock.
    sent_at_ns: Vec<u64>,
    acknowledged: BTreeSet<usize>,
    /// Whatever was sent before may have been dropped by retention.
    kept_since_ns: u64,
}

const SPANS_EACH: u64 = 3;

impl Ledger {
    fn next(&mut self, padding: usize, at_ns: u64) -> Bytes {
        let first = self.payloads.len() as u64 * SPANS_EACH;
        let payload = payload(first, SPANS_EACH, padding);
        self.payloads.push(payload.clone());
        self.sent_at_ns.push(at_ns);
        payload
    }

    fn is_due(&self, place: usize) -> bool {
        self.sent_at_ns[place] < self.kept_since_ns
    }

    async fn send(&mut self, store: &Store, padding: usize, count: u64) {
        let first = self.payloads.len();
        let now_ns = store.env().clock.now_unix_nano();
        let payloads: Vec<_> = (0..count).map(|_| self.next(padding, now_ns)).collect();
        let sends = payloads.into_iter().map(|payload| send(store, payload));
        for (place, answer) in futures::future::join_all(sends).await.iter().enumerate() {
            if answer.is_ok() {
                self.acknowledged.insert(first + place);
            }
        }
    }

    /// Everything acknowledged is there once; the rest whole and once, or not at all.
    fn check(&self, store: &Store, context: &str) {
        let found = spans(&store.snapshot());
        for (place, _) in self.payloads.iter().enumerate() {
            let first = place as u64 * SPANS_EACH;
            let counts = (first..first + SPANS_EACH).map(|span| found.get(&span).copied());
            let counts: Vec<_> = counts.map(Option::unwrap_or_default).collect();
            let whole = counts.iter().all(|count| *count == 1);
            let absent = counts.iter().all(|count| *count == 0);
            let acknowledged = self.acknowledged.contains(&place);
            assert!(
                whole || absent && (!acknowledged || self.is_due(place)),
                "{context}: payload {place}, acknowledged {acknowledged}, has its spans {counts:?} times"
            );
        }
        let sent = self.payloads.len() as u64 * SPANS_EACH;
        assert!(
            found.keys().all(|span| *span < sent),
            "{context}: foreign spans"
        );
    }

    fn retain(&mut self, store: &Store) {
        let day_ns = DAY.as_nanos() as u64;
        self.kept_since_ns = store.env().clock.now_unix_nano() - day_ns;
        drop(store.retain_with(&RetentionRequest {
            older_than_ns: Some(day_ns),
            trust_clock: true,
            ..RetentionRequest::default()
        }));
    }

    async fn send_again(&mut self, store: &Store, context: &str) {
        let now_ns = store.env().clock.now_unix_nano();
        for (place, payload) in self.payloads.iter().enumerate() {
            if now_ns - self.sent_at_ns[place] > PATIENCE.as_nanos() as u64 {
                continue;
            }
            let answer = send(store, payload.clone()).await;
            answer.unwrap_or_else(|error| panic!("{context}: payload {place} again: {error}"));
            self.acknowledged.insert(place);
        }
    }
}

/// Runs a script as far as it goes.
async fn run(sim: &SimEnv, script: &[Step], open_store: &dyn Fn() -> Option<Store>) -> Ledger {
    let mut ledger = Ledger::default();
    let Some(mut store) = open_store() else {
        return ledger;
    };
    for step in script {
        match step {
            Send => ledger.send(&store, 10, 1).await,
            SendLarge => ledger.send(&store, 40 << 10, 1).await,
            SendMany(count) => ledger.send(&store, 10, *count).await,
            // Errors are part of the game; the ledger knows what was acknowledged.
            Flush => drop(store.flush().await),
            Compact => drop(store.compact(true)),
            Retain => ledger.retain(&store),
            // A machine that stands still is started again in time for clients to try again.
            Wait if sim.fs.faults_left() == 0 => {}
            Wait => sim.clock.advance(2 * DAY),
            CloseAndOpen => {
                drop(store.close().await);
                drop(store);
                let Some(next) = open_store() else {
                    return ledger;
                };
                store = next;
            }
        }
    }
    // The process ends without a close, and its handles with it.
    if sim.fs.faults_left() > 0 {
        sim.fs.kill();
    }
    ledger
}

fn crash_and_check(script: &[Step], nth: u64, end: End, seed: u64) -> bool {
    let sim = SimEnv::new(seed);
    let context = format!("{script:?}, operation {nth}, {end:?}, seed {seed}");
    runtime().block_on(async {
        sim.fs.fail_nth(nth, Fault::Stop);
        let dir = Path::new(DATA_DIR);
        let open_store = || open(&sim.env(), dir).ok().map(|(store, _)| store);
        let mut ledger = run(&sim, script, &open_store).await;
        let reached = sim.fs.operations() as u64 >= nth;
        match end {
            End::Kill => sim.fs.kill(),
            End::PowerCut(loss) => sim.fs.power_cut(loss),
        }
        for round in 0..3 {
            let context = format!("{context}, round {round}");
            let (store, recovery) = open(&sim.env(), dir).expect(&context);
            assert_eq!(recovery.damaged, Vec::<String>::new(), "{context}");
            ledger.check(&store, &context);
            let snapshot = store.snapshot();
            if ledger.kept_since_ns == 0 {
                assert_eq!(counted(&snapshot), spans(&snapshot).len(), "{context}");
            } else {
                // Counts outlive the spans.
                assert!(counted(&snapshot) >= spans(&snapshot).len(), "{context}");
            }
            check_files(&sim, &store, &context);
            if round == 1 {
                ledger.send_again(&store, &context).await;
                ledger.check(&store, &context);
            }
            // What a start has shown must not be lost by a power cut right after it.
            let shown = spans(&store.snapshot());
            sim.fs.power_cut(Loss::All);
            drop(store);
            let (store, _) = open(&sim.env(), dir).expect(&context);
            assert_eq!(spans(&store.snapshot()), shown, "{context}");
            sim.fs.kill();
        }
        reached
    })
}

/// Right after a start every file of segments and counts is one that the manifest names, and none is unfinished.
fn check_files(sim: &SimEnv, store: &Store, context: &str) {
    let snapshot = store.snapshot();
    let tables = [DerivedTable::SpanMetrics, DerivedTable::ServiceEdges];
    let counts = tables.map(|table| snapshot.derived(table).count());
    let named = 3 * snapshot.segments().len() + counts.iter().sum::<usize>();
    let mut files = sim.fs.files();
    files.retain(|path| {
        path.starts_with("/data/segments")
            || path.starts_with("/data/derived")
            || path.extension().is_some_and(|extension| extension == "tmp")
    });
    assert_eq!(files.len(), named, "{context}: {files:?}");
}

fn crash_everywhere(script: &[Step]) {
    let mut crashes = 0;
    for seed in 0..seeds() {
        for (end, kind) in ENDS.into_iter().zip(1..) {
            let mut nth = 1;
            while crash_and_check(script, nth, end, (3 * seed + kind) * 1000 + nth) {
                nth += 1;
            }
            assert!(nth > 20, "a script makes more than {nth} operations");
            crashes += nth - 1;
        }
    }
    figure("aborts", crashes);
}

#[test]
fn between_appends_and_a_flush() {
    crash_everywhere(SCRIPTS[0]);
}

#[test]
fn when_log_files_change() {
    crash_everywhere(SCRIPTS[1]);
}

#[test]
fn across_many_flushes_and_a_checkpoint() {
    crash_everywhere(SCRIPTS[2]);
}

#[test]
fn across_closes_and_starts() {
    crash_everywhere(SCRIPTS[3]);
}

#[test]
fn across_merges() {
    crash_everywhere(SCRIPTS[4]);
}

#[test]
fn across_retention() {
    crash_everywhere(SCRIPTS[5]);
}

/// The same machine without log and syncs must lose something, or the tests above see nothing.
#[test]
fn without_log_and_syncs_acknowledged_spans_are_lost() {
    let lost = |without_log: bool, env: fn(&SimEnv) -> clew_storage::env::Env, end: End| {
        let sim = SimEnv::new(5);
        runtime().block_on(async {
            let open_store = || {
                let options: StoreOptions = options(env(&sim), DATA_DIR, limits());
                let opened = if without_log {
                    Store::open_unsafe_without_log(options)
                } else {
                    Store::open(options)
                };
                opened.ok().map(|(store, _)| store)
            };
            let ledger = run(&sim, &[Send, Flush, Send], &open_store).await;
            assert_eq!(ledger.acknowledged.len(), 2);
            match end {
                End::Kill => sim.fs.kill(),
                End::PowerCut(loss) => sim.fs.power_cut(loss),
            }
            let opened = open(&sim.env(), Path::new(DATA_DIR));
            opened.map_or(6, |(store, _)| 6 - spans(&store.snapshot()).len())
        })
    };
    assert_eq!(lost(false, SimEnv::env, End::PowerCut(Loss::All)), 0);
    assert_eq!(
        lost(true, SimEnv::env, End::Kill),
        3,
        "the flushed payload stays"
    );
    let unsynced = |sim: &SimEnv| sim.env().unsafe_without_sync();
    assert_eq!(lost(false, unsynced, End::Kill), 0);
    assert_eq!(lost(false, unsynced, End::PowerCut(Loss::All)), 6);
}
