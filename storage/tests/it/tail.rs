//! Tail sampling in the store: what is decided when, late spans, restarts, crashes, full windows.
//!
//! The sampler of these tests decides by the throw of a coin that is never the same again. So what holds together over restarts holds
//! because decisions are remembered, not because they would be made alike.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::Float64Type;
use clew_storage::env::testing::{Fault, Loss, SimEnv};
use clew_storage::sampling::{TailSampler, TailSampling, Threshold, TraceView};
use clew_storage::schema::column;
use clew_storage::segment::SegmentTable;
use clew_storage::{Limits, Snapshot, Store, StoreOptions, TraceId};

use crate::common::{
    DATA_DIR, limits, options, payload, runtime, send, send_until_taken, spans, trace_id,
};

pub(crate) const WAIT: Duration = Duration::from_secs(30);

/// Tail sampling by `sampler`, with the wait of these tests.
pub(crate) fn sampling(sampler: impl TailSampler + 'static) -> TailSampling {
    TailSampling {
        sampler: Arc::new(sampler),
        decision_wait: WAIT,
        decision_age: Duration::from_hours(1),
        decisions_max: 1_000,
    }
}

/// What a sampler was asked, and answered: trace, spans in view, kept.
type Log = Arc<Mutex<Vec<(TraceId, usize, bool)>>>;

/// Keeps one of two traces, with a threshold that says so.
#[derive(Clone)]
pub(crate) struct Coin {
    throws: Arc<AtomicU64>,
    log: Log,
}

impl Coin {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            throws: Arc::new(AtomicU64::new(seed)),
            log: Log::default(),
        }
    }

    pub(crate) fn asked(&self) -> Vec<(TraceId, usize)> {
        let log = self.log.lock().unwrap();
        let mut asked: Vec<_> = log.iter().map(|(id, spans, _)| (*id, *spans)).collect();
        asked.sort_unstable();
        asked
    }

    pub(crate) fn kept(&self) -> BTreeMap<TraceId, bool> {
        let log = self.log.lock().unwrap();
        log.iter().map(|(id, _, kept)| (*id, *kept)).collect()
    }
}

impl TailSampler for Coin {
    fn decide(&self, traces: &[TraceView<'_>]) -> Vec<Option<Threshold>> {
        let mut log = self.log.lock().unwrap();
        let mut decide = |trace: &TraceView<'_>| {
            let throw = self.throws.fetch_add(1, Ordering::Relaxed);
            let kept = throw.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63 == 1;
            log.push((trace.trace_id(), trace.span_count(), kept));
            kept.then_some(Threshold::new(1 << 55))
        };
        traces.iter().map(&mut decide).collect()
    }
}

pub(crate) fn with(sim: &SimEnv, coin: &Coin, limits: Limits) -> StoreOptions {
    StoreOptions {
        tail_sampling: Some(sampling(coin.clone())),
        ..options(sim.env(), DATA_DIR, limits)
    }
}

/// Every payload is an epoch of its own.
fn quick() -> Limits {
    Limits {
        epoch_bytes: 1,
        ..limits()
    }
}

/// Waits until `holds`, while the flusher works.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..3_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it does not come about that {what}");
}

/// Gives the flusher, which looks every half a second, time to do what it should not do.
pub(crate) async fn give_a_chance() {
    tokio::time::sleep(Duration::from_millis(1_100)).await;
}

pub(crate) fn hot_spans(store: &Store) -> u64 {
    store.status().hot_spans
}

/// Spans of each trace in segments, and all weights there.
pub(crate) fn stored(snapshot: &Snapshot) -> (BTreeMap<TraceId, usize>, Vec<f64>) {
    let (mut counts, mut weights) = (BTreeMap::new(), Vec::new());
    for segment in snapshot.segments() {
        let rows = 0..segment.meta().span_count as u32;
        let projection = [column::TRACE_ID, column::SAMPLE_WEIGHT];
        let table = segment
            .read_rows(SegmentTable::Spans, rows, Some(&projection))
            .unwrap();
        for id in table.column(0).as_fixed_size_binary().iter().flatten() {
            *counts.entry(TraceId(id.try_into().unwrap())).or_default() += 1;
        }
        let of_segment = table.column(1).as_primitive::<Float64Type>();
        weights.extend(of_segment.values().iter().copied());
    }
    (counts, weights)
}

#[test]
fn a_trace_over_two_epochs_is_decided_once_and_whole() {
    let (sim, coin) = (SimEnv::new(1), Coin::new(5));
    runtime().block_on(async {
        let (store, _) = Store::open(with(&sim, &coin, quick())).unwrap();
        send(&store, payload(0, 2, 0)).await.unwrap();
        sim.clock.advance(Duration::from_secs(2));
        send(&store, payload(2, 6, 0)).await.unwrap();
        sim.clock
            .advance(WAIT.saturating_sub(Duration::from_millis(2_001)));
        give_a_chance().await;
        assert_eq!(
            (hot_spans(&store), coin.asked()),
            (8, vec![]),
            "all wait, visible"
        );
        // The first epoch has waited long enough, the second has not.
        sim.clock.advance(Duration::from_millis(1));
        until("the first epoch is flushed", || hot_spans(&store) == 6).await;
        assert_eq!(coin.asked(), [(trace_id(0), 4)]);
        sim.clock.advance(Duration::from_secs(2));
        until("the second epoch is flushed", || hot_spans(&store) == 0).await;
        assert_eq!(coin.asked(), [(trace_id(0), 4), (trace_id(4), 4)]);
        let kept = coin.kept().into_iter().filter(|(_, kept)| *kept);
        let expected: BTreeMap<_, _> = kept.map(|(id, _)| (id, 4)).collect();
        let (counts, weights) = stored(&store.snapshot());
        assert_eq!(counts, expected);
        assert!(
            weights
                .iter()
                .all(|weight| weight.to_bits() == 2f64.to_bits())
        );
        store.close().await.unwrap();
    });
}

/// Both a kept and a dropped trace among these, so that tests see either case.
fn coin_with_both() -> Coin {
    let seed = (0..100).find(|seed| {
        let throw = |place: u64| (seed + place).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63;
        throw(0) != throw(1)
    });
    Coin::new(seed.unwrap())
}

#[test]
fn late_spans_follow_the_decision_also_after_a_restart() {
    let (sim, coin) = (SimEnv::new(1), coin_with_both());
    runtime().block_on(async {
        let (store, _) = Store::open(with(&sim, &coin, limits())).unwrap();
        // Two traces, of which one span each comes late.
        send(&store, payload(0, 3, 0)).await.unwrap();
        send(&store, payload(4, 2, 0)).await.unwrap();
        store.flush().await.unwrap();
        send(&store, payload(3, 1, 0)).await.unwrap();
        store.flush().await.unwrap();
        sim.fs.kill();
        drop(store);
        let (store, _) = Store::open(with(&sim, &coin, limits())).unwrap();
        send(&store, payload(6, 1, 0)).await.unwrap();
        store.flush().await.unwrap();
        sim.fs.kill();
        drop(store);
        // And once more, when no process has the decisions in memory.
        let (store, _) = Store::open(with(&sim, &coin, limits())).unwrap();
        send(&store, payload(7, 1, 0)).await.unwrap();
        store.flush().await.unwrap();
        assert_eq!(coin.asked(), [(trace_id(0), 3), (trace_id(4), 2)]);
        let kept = coin.kept();
        assert_ne!(kept[&trace_id(0)], kept[&trace_id(4)]);
        let expected = kept
            .into_iter()
            .filter(|(_, kept)| *kept)
            .map(|(id, _)| (id, 4));
        let (counts, weights) = stored(&store.snapshot());
        assert_eq!(counts, expected.collect());
        assert_eq!(weights, [2.0; 4]);
        assert_eq!(hot_spans(&store), 0);
    });
}

#[test]
fn undecided_spans_outlive_a_shutdown_and_a_crash() {
    let (sim, coin) = (SimEnv::new(1), Coin::new(9));
    runtime().block_on(async {
        let (store, _) = Store::open(with(&sim, &coin, quick())).unwrap();
        send(&store, payload(0, 4, 0)).await.unwrap();
        store.close().await.unwrap();
        drop(store);
        let (store, recovery) = Store::open(with(&sim, &coin, quick())).unwrap();
        assert_eq!((recovery.replayed_spans, hot_spans(&store)), (4, 4));
        send(&store, payload(4, 1, 0)).await.unwrap();
        sim.fs.power_cut(Loss::All);
        drop(store);
        let (store, _) = Store::open(with(&sim, &coin, quick())).unwrap();
        assert_eq!(spans(&store.snapshot()).len(), 5);
        assert_eq!(coin.asked(), []);
        sim.clock.advance(WAIT);
        until("all is decided", || hot_spans(&store) == 0).await;
        assert_eq!(coin.asked(), [(trace_id(0), 4), (trace_id(4), 1)]);
        store.close().await.unwrap();
    });
}

#[test]
fn a_crash_at_any_operation_of_a_flush_leaves_traces_whole() {
    let mut operations = None;
    for nth in 1..400 {
        if operations.is_some_and(|operations| nth > operations) {
            break;
        }
        let (sim, coin) = (SimEnv::new(nth), Coin::new(nth * 1_000));
        runtime().block_on(async {
            let (store, _) = Store::open(with(&sim, &coin, limits())).unwrap();
            // Eight traces, the first three spans of each, then the last ones.
            for trace in 0..8 {
                send(&store, payload(trace * 4, 3, 0)).await.unwrap();
            }
            let before = sim.fs.operations() as u64;
            sim.fs.fail_nth(nth, Fault::Stop);
            let flushed = store.flush().await.is_ok();
            if flushed {
                operations.get_or_insert(sim.fs.operations() as u64 - before);
            }
            sim.fs
                .power_cut(if nth % 2 == 0 { Loss::All } else { Loss::Some });
            drop(store);
            let (store, _) = Store::open(with(&sim, &coin, limits())).unwrap();
            for trace in 0..8 {
                send_until_taken(&store, &payload(trace * 4 + 3, 1, 0)).await;
            }
            store.flush().await.unwrap();
            let snapshot = store.snapshot();
            assert!(spans(&snapshot).values().all(|count| *count == 1), "{nth}");
            let (counts, _) = stored(&snapshot);
            assert!(
                counts.values().all(|count| *count == 4),
                "{nth}: {counts:?}"
            );
            // What was acted on last is what holds.
            let kept = coin.kept().into_iter().filter(|(_, kept)| *kept);
            let kept: Vec<_> = kept.map(|(id, _)| id).collect();
            assert_eq!(counts.into_keys().collect::<Vec<_>>(), kept, "{nth}");
        });
    }
    assert!(
        operations.is_some_and(|operations| operations > 10),
        "{operations:?}"
    );
}

#[test]
fn a_failed_flush_does_not_throw_the_coin_again() {
    let (sim, coin) = (SimEnv::new(1), Coin::new(3));
    runtime().block_on(async {
        let (store, _) = Store::open(with(&sim, &coin, limits())).unwrap();
        send(&store, payload(0, 32, 0)).await.unwrap();
        sim.fs.fail_nth(3, Fault::Eio);
        assert!(store.flush().await.is_err());
        store.flush().await.unwrap();
        assert_eq!(coin.asked().len(), 8);
        sim.fs.kill();
        drop(store);
        let (store, _) = Store::open(with(&sim, &coin, limits())).unwrap();
        for trace in 0..8 {
            send(&store, payload(trace * 4 + 1, 1, 0)).await.unwrap();
        }
        store.flush().await.unwrap();
        assert_eq!(
            coin.asked().len(),
            8,
            "the decisions of the failed attempt are durable"
        );
    });
}

#[test]
fn a_window_that_fills_up_and_may_not_spill_is_decided_early_and_nothing_is_refused_for_long() {
    let (sim, coin) = (SimEnv::new(1), Coin::new(3));
    let small = Limits {
        epoch_bytes: 32 << 10,
        hot_window_bytes: 128 << 10,
        tail_spill_bytes: 0,
        ..limits()
    };
    runtime().block_on(async {
        let (store, _) = Store::open(with(&sim, &coin, small)).unwrap();
        for number in 0..400 {
            send_until_taken(&store, &payload(number * 4, 4, 0)).await;
        }
        let decided = coin.asked().len();
        assert!((100..400).contains(&decided), "{decided}");
        let (counts, _) = stored(&store.snapshot());
        let kept = coin.kept();
        assert!(counts.iter().all(|(id, count)| kept[id] && *count == 4));
    });
}

#[test]
fn one_decision_more_than_the_bound_is_forgotten() {
    for (decisions_max, asked_again) in [(8, 0), (7, 1)] {
        let (sim, coin) = (SimEnv::new(1), Coin::new(3));
        let mut options = with(&sim, &coin, limits());
        options.tail_sampling.as_mut().unwrap().decisions_max = decisions_max;
        runtime().block_on(async {
            let (store, _) = Store::open(options).unwrap();
            send(&store, payload(0, 32, 0)).await.unwrap();
            store.flush().await.unwrap();
            for trace in 0..8 {
                send(&store, payload(trace * 4 + 1, 1, 0)).await.unwrap();
            }
            store.flush().await.unwrap();
            assert_eq!(coin.asked().len(), 8 + asked_again);
        });
    }
}

#[test]
fn files_of_decisions_go_when_the_decisions_are_forgotten() {
    let (sim, coin) = (SimEnv::new(1), Coin::new(3));
    let files = || {
        let mut files = sim.fs.files();
        files.retain(|path| path.starts_with(Path::new(DATA_DIR).join("recent")));
        files.len()
    };
    runtime().block_on(async {
        let (store, _) = Store::open(with(&sim, &coin, limits())).unwrap();
        send(&store, payload(0, 4, 0)).await.unwrap();
        store.flush().await.unwrap();
        // The payload is forgotten after ten minutes, the decision after an hour.
        sim.clock.advance(Duration::from_mins(30));
        send(&store, payload(4, 4, 0)).await.unwrap();
        store.flush().await.unwrap();
        assert_eq!(files(), 2);
        sim.clock.advance(Duration::from_mins(31));
        send(&store, payload(8, 4, 0)).await.unwrap();
        store.flush().await.unwrap();
        assert_eq!(files(), 2);
    });
}
