//! Undecided spans that memory has no room for: they wait in segments, are decided about in their time, and are counted once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clew_storage::env::testing::{Fault, Loss, SimEnv};
use clew_storage::segment::Segment;
use clew_storage::store::{RetentionReport, RetentionRequest};
use clew_storage::{Admission, Decoder, Limits, Snapshot, Store, StoreOptions};

use crate::common::{
    DATA_DIR, KIND, ToyDecoder, counted, limits, once, options, payload, runtime, send,
    send_until_taken, spans, trace_id,
};
use crate::pins::{DropAll, Pinning};
use crate::tail::{Coin, WAIT, give_a_chance, hot_spans, sampling, stored, until, with};

/// Memory for some hundred spans.
fn small() -> Limits {
    Limits {
        epoch_bytes: 32 << 10,
        hot_window_bytes: 128 << 10,
        ..limits()
    }
}

/// Memory for so many payloads, each of which is an epoch.
fn tiny(payloads: usize) -> Limits {
    let admission = Admission::default();
    let batch = ToyDecoder
        .decode(KIND, &payload(0, 2, 0), 0, &admission)
        .unwrap();
    Limits {
        epoch_bytes: 1,
        hot_window_bytes: (payloads * batch.memory_bytes()).max(1),
        ..limits()
    }
}

fn undecided(snapshot: &Snapshot) -> Vec<Arc<Segment>> {
    let segments = snapshot.segments().iter();
    let undecided = segments.filter(|segment| segment.meta().is_undecided);
    undecided.cloned().collect()
}

/// Retention of everything that may go.
pub(crate) fn drop_all(store: &Store) -> RetentionReport {
    let request = RetentionRequest {
        older_than_ns: Some(1),
        // It stands still, and then leaps.
        trust_clock: true,
        ..RetentionRequest::default()
    };
    store.retain_with(&request).unwrap()
}

fn undecided_bytes(store: &Store) -> u64 {
    let segments = undecided(&store.snapshot());
    let bytes = segments
        .iter()
        .flat_map(|segment| segment.meta().file_bytes);
    bytes.sum()
}

/// Sends traces of four spans, the first half of all of them before the second.
async fn fill(store: &Store, traces: u64) {
    for part in 0..2 {
        for trace in 0..traces {
            send_until_taken(store, &payload(4 * trace + 2 * part, 2, 0)).await;
        }
    }
}

/// What has to hold when all is decided: each trace was asked about once and seen whole, and what is kept is kept whole.
#[track_caller]
fn check_decided(store: &Store, coin: &Coin, traces: u64, context: &str) {
    let snapshot = store.snapshot();
    assert_eq!(hot_spans(store), 0, "{context}");
    assert!(undecided(&snapshot).is_empty(), "{context}");
    let expected: Vec<_> = (0..traces).map(|trace| (trace_id(4 * trace), 4)).collect();
    assert_eq!(coin.asked(), expected, "{context}");
    let kept = coin.kept().into_iter().filter(|(_, kept)| *kept);
    let kept: BTreeMap<_, _> = kept.map(|(id, _)| (id, 4)).collect();
    assert!(
        !kept.is_empty() && kept.len() < traces as usize,
        "{context}"
    );
    let (counts, weights) = stored(&snapshot);
    assert_eq!(counts, kept, "{context}");
    assert!(
        weights
            .iter()
            .all(|weight| weight.to_bits() == 2f64.to_bits())
    );
    assert!(
        spans(&snapshot).values().all(|count| *count == 1),
        "{context}"
    );
    assert_eq!(counted(&snapshot), 4 * traces as usize, "{context}");
}

#[test]
fn spans_without_room_in_memory_are_visible_and_wait_for_their_decision() {
    let (sim, coin) = (SimEnv::new(1), Coin::new(3));
    runtime().block_on(async {
        let (store, _) = Store::open(with(&sim, &coin, small())).unwrap();
        fill(&store, 400).await;
        assert_eq!(coin.asked(), []);
        let snapshot = store.snapshot();
        assert!(undecided(&snapshot).len() > 2);
        assert_eq!(spans(&snapshot), once(1_600));
        assert_eq!(counted(&snapshot), 1_600);
        let whole = snapshot.trace(trace_id(0)).unwrap().unwrap();
        assert_eq!(whole.rows.num_rows(), 4);
        // They are left alone until then.
        let report = store.compact(true).unwrap();
        assert_eq!((report.merges, report.input_spans), (0, 0));
        sim.clock
            .advance(WAIT.saturating_sub(Duration::from_millis(1)));
        assert_eq!(drop_all(&store).spans, 0);
        give_a_chance().await;
        assert_eq!(coin.asked(), []);
        sim.clock.advance(Duration::from_millis(1));
        until("spilled traces are decided about", || {
            undecided_bytes(&store) == 0
        })
        .await;
        // The open epoch is no older than the others, and is not closed yet.
        store.flush().await.unwrap();
        check_decided(&store, &coin, 400, "decided");
        let kept = spans(&store.snapshot()).len();
        assert!(store.compact(true).unwrap().merges > 0);
        assert_eq!(spans(&store.snapshot()).len(), kept);
        sim.clock.advance(Duration::from_secs(1));
        let report = drop_all(&store);
        assert_eq!(report.spans as usize, kept, "{report:?}");
        store.close().await.unwrap();
    });
}

#[test]
fn who_asks_for_a_flush_gets_everything_decided_also_with_nothing_in_memory() {
    let (sim, coin) = (SimEnv::new(1), Coin::new(3));
    runtime().block_on(async {
        // No payload has room, so that each is taken alone and spilled.
        let (store, _) = Store::open(with(&sim, &coin, tiny(0))).unwrap();
        fill(&store, 8).await;
        until("all is spilled", || hot_spans(&store) == 0).await;
        assert_eq!(undecided(&store.snapshot()).len(), 16);
        assert_eq!((coin.asked(), spans(&store.snapshot())), (vec![], once(32)));
        store.flush().await.unwrap();
        check_decided(&store, &coin, 8, "flushed");
        store.flush().await.unwrap();
        store.close().await.unwrap();
    });
}

#[test]
fn undecided_segments_outlive_restarts_and_crashes_and_wait_anew() {
    let (sim, coin) = (SimEnv::new(1), Coin::new(9));
    runtime().block_on(async {
        let (store, _) = Store::open(with(&sim, &coin, small())).unwrap();
        fill(&store, 300).await;
        store.close().await.unwrap();
        drop(store);
        for loss in [Loss::All, Loss::Some] {
            sim.clock.advance(WAIT / 2);
            let (store, recovery) = Store::open(with(&sim, &coin, small())).unwrap();
            assert_eq!(recovery.damaged, Vec::<String>::new());
            sim.clock
                .advance(WAIT.saturating_sub(Duration::from_millis(1)));
            give_a_chance().await;
            assert_eq!(coin.asked(), []);
            assert!(!undecided(&store.snapshot()).is_empty());
            assert_eq!(spans(&store.snapshot()), once(1_200));
            assert_eq!(counted(&store.snapshot()), 1_200);
            sim.fs.power_cut(loss);
            drop(store);
        }
        let (store, _) = Store::open(with(&sim, &coin, small())).unwrap();
        sim.clock.advance(WAIT);
        until("spilled traces are decided about", || {
            undecided_bytes(&store) == 0
        })
        .await;
        store.flush().await.unwrap();
        check_decided(&store, &coin, 300, "decided");
        store.close().await.unwrap();
    });
}

#[test]
fn segments_of_one_byte_more_than_the_bound_are_decided_about_early() {
    let (sim, coin) = (SimEnv::new(1), Coin::new(3));
    runtime().block_on(async {
        let (store, _) = Store::open(with(&sim, &coin, small())).unwrap();
        fill(&store, 400).await;
        store.close().await.unwrap();
        let bytes = undecided_bytes(&store);
        let count = undecided(&store.snapshot()).len();
        drop(store);
        for (tail_spill_bytes, early) in [(bytes, 0), (bytes - 1, 1)] {
            let limits = Limits {
                tail_spill_bytes,
                // What is in the log has room.
                hot_window_bytes: 1 << 30,
                ..small()
            };
            let (store, _) = Store::open(with(&sim, &coin, limits)).unwrap();
            give_a_chance().await;
            assert_eq!(undecided(&store.snapshot()).len(), count - early);
            assert_eq!(coin.asked().is_empty(), early == 0);
            store.close().await.unwrap();
        }
        let (store, _) = Store::open(with(&sim, &coin, small())).unwrap();
        store.flush().await.unwrap();
        check_decided(&store, &coin, 400, "decided early, with the rest in view");
    });
}

/// Traces of the next test.
const TRACES: u64 = 3;

#[test]
fn what_fails_or_stops_at_any_operation_leaves_spans_undecided_or_decided_once() {
    let mut nth = 1;
    loop {
        let fault = [Fault::Stop, Fault::Eio][(nth % 2) as usize];
        let loss = [Loss::All, Loss::Some][(nth / 2 % 2) as usize];
        let (sim, coin) = (SimEnv::new(nth), Coin::new(nth * 1_000));
        let context = format!("{fault:?} at operation {nth}, {loss:?}");
        let met = runtime().block_on(async {
            let (store, _) = Store::open(with(&sim, &coin, tiny(3))).unwrap();
            fill(&store, TRACES).await;
            until("something is spilled", || undecided_bytes(&store) > 0).await;
            sim.fs.fail_nth(nth, fault);
            drop(store.flush().await);
            let met = sim.fs.faults_left() == 0;
            sim.fs.power_cut(loss);
            drop(store);
            let (store, recovery) = Store::open(with(&sim, &coin, tiny(3))).unwrap();
            assert_eq!(recovery.damaged, Vec::<String>::new(), "{context}");
            assert_eq!(counted_and_once(&store), 4 * TRACES as usize, "{context}");
            store.flush().await.unwrap();
            let (counts, _) = stored(&store.snapshot());
            // What was acted on last is what holds.
            let kept = coin.kept().into_iter().filter(|(_, kept)| *kept);
            let kept: BTreeMap<_, _> = kept.map(|(id, _)| (id, 4)).collect();
            assert_eq!(counts, kept, "{context}");
            assert_eq!(counted_and_once(&store), 4 * TRACES as usize, "{context}");
            met
        });
        if !met {
            break;
        }
        nth += 1;
    }
    assert!(nth > 20, "a flush makes more than {nth} operations");
}

/// How many spans are counted; none is there twice.
fn counted_and_once(store: &Store) -> usize {
    let snapshot = store.snapshot();
    assert!(spans(&snapshot).values().all(|count| *count == 1));
    counted(&snapshot)
}

#[test]
fn a_crash_while_an_epoch_spills_loses_nothing_and_counts_nothing_twice() {
    for nth in 1..=60 {
        let (sim, coin) = (SimEnv::new(nth), Coin::new(nth));
        runtime().block_on(async {
            let (store, _) = Store::open(with(&sim, &coin, small())).unwrap();
            sim.fs.fail_nth(nth * 5, Fault::Stop);
            let mut acknowledged = Vec::new();
            for trace in 0..150 {
                if send(&store, payload(4 * trace, 4, 0)).await.is_ok() {
                    acknowledged.extend(4 * trace..4 * trace + 4);
                }
            }
            sim.fs
                .power_cut(if nth % 2 == 0 { Loss::All } else { Loss::Some });
            drop(store);
            let (store, recovery) = Store::open(with(&sim, &coin, small())).unwrap();
            assert_eq!(recovery.damaged, Vec::<String>::new(), "{nth}");
            let found = spans(&store.snapshot());
            assert!(
                acknowledged.iter().all(|span| found.get(span) == Some(&1)),
                "{nth}"
            );
            assert_eq!(counted_and_once(&store), found.len(), "{nth}");
            assert_eq!(coin.asked(), [], "{nth}");
        });
    }
}

#[test]
fn a_pinned_trace_stays_when_its_segment_is_decided_about() {
    let sim = SimEnv::new(1);
    let pinning = Pinning {
        ids: vec![trace_id(20)],
        ..Pinning::default()
    };
    let in_hand = Arc::clone(&pinning.store);
    runtime().block_on(async {
        let options = StoreOptions {
            tail_sampling: Some(sampling(pinning)),
            ..options(sim.env(), DATA_DIR, small())
        };
        let (store, _) = Store::open(options).unwrap();
        in_hand.set(store.clone()).unwrap();
        fill(&store, 100).await;
        until("something is spilled", || undecided_bytes(&store) > 0).await;
        assert!(store.pin(trace_id(0)).unwrap());
        store.flush().await.unwrap();
        let (counts, weights) = stored(&store.snapshot());
        let expected = [(trace_id(0), 4), (trace_id(20), 4)];
        assert_eq!(counts, BTreeMap::from(expected));
        assert_eq!(weights, [1.0; 8]);
        assert_eq!(counted(&store.snapshot()), 400);
        store.close().await.unwrap();
    });
}

#[test]
fn without_tail_sampling_what_waited_is_kept() {
    let (sim, coin) = (SimEnv::new(1), Coin::new(3));
    runtime().block_on(async {
        let (store, _) = Store::open(with(&sim, &coin, small())).unwrap();
        fill(&store, 200).await;
        store.close().await.unwrap();
        drop(store);
        let (store, _) = Store::open(options(sim.env(), DATA_DIR, limits())).unwrap();
        store.flush().await.unwrap();
        assert!(store.compact(true).unwrap().merges > 0);
        assert_eq!(spans(&store.snapshot()), once(800));
        assert!(undecided(&store.snapshot()).is_empty());
        assert_eq!((coin.asked(), counted(&store.snapshot())), (vec![], 800));
        store.close().await.unwrap();
    });
}

#[test]
fn a_damaged_segment_is_left_alone_and_the_others_are_decided_about() {
    let (sim, coin) = (SimEnv::new(1), Coin::new(3));
    runtime().block_on(async {
        let (store, _) = Store::open(with(&sim, &coin, small())).unwrap();
        fill(&store, 300).await;
        store.close().await.unwrap();
        let segments = undecided(&store.snapshot());
        drop(store);
        let damaged = segments[1].meta();
        let path = Path::new(DATA_DIR).join(format!("{}.spans.parquet", damaged.name));
        let mut bytes = sim.fs.contents(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 16].fill(0xa5);
        sim.fs.set_contents(&path, &bytes);
        let (store, _) = Store::open(with(&sim, &coin, small())).unwrap();
        store.flush().await.unwrap();
        let left = undecided(&store.snapshot());
        let names: Vec<_> = left.iter().map(|segment| &segment.meta().name).collect();
        assert_eq!(names, [&damaged.name]);
        assert_eq!(hot_spans(&store), 0);
        // Retention drops it as any other.
        sim.clock.advance(Duration::from_hours(1));
        let report = drop_all(&store);
        assert!(report.segments.contains(&damaged.name), "{report:?}");
        store.close().await.unwrap();
    });
}

#[test]
fn what_is_dropped_in_memory_and_in_segments_is_dropped_alike() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let options = StoreOptions {
            tail_sampling: Some(sampling(DropAll)),
            ..options(sim.env(), DATA_DIR, small())
        };
        let (store, _) = Store::open(options).unwrap();
        fill(&store, 200).await;
        until("something is spilled", || undecided_bytes(&store) > 0).await;
        store.flush().await.unwrap();
        assert_eq!(store.snapshot().segments().len(), 0);
        assert_eq!(counted(&store.snapshot()), 800);
        store.close().await.unwrap();
    });
}
