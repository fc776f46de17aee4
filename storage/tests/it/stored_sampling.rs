//! Sampling of what is stored when it is old: once, all or nothing at any crash, and with counts that stay exact.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::Float64Type;
use clew_storage::env::testing::{Fault, Loss, SimEnv};
use clew_storage::sampling::{StoredSampler, StoredSampling, Threshold, TraceView};
use clew_storage::schema::column;
use clew_storage::segment::SegmentTable;
use clew_storage::{Limits, Snapshot, Store, StoreOptions, TraceId};

use crate::common::{
    DATA_DIR, HEALTH, counted, limits, options, payload, runtime, send, spans, trace_id,
};

const DAY: Duration = Duration::from_hours(24);

/// Keeps one of ten health checks and everything else.
#[derive(Debug)]
pub(crate) struct FewHealthChecks;

impl StoredSampler for FewHealthChecks {
    fn thresholds(&self, traces: &[TraceView<'_>]) -> Vec<Threshold> {
        let tenth = Threshold::from_probability(0.1).unwrap();
        let threshold = |trace: &TraceView<'_>| {
            if trace.root().name() == HEALTH {
                tenth
            } else {
                Threshold::KEEP_ALL
            }
        };
        traces.iter().map(threshold).collect()
    }
}

fn with(sim: &SimEnv, limits: Limits) -> StoreOptions {
    StoreOptions {
        stored_sampling: Some(StoredSampling {
            sampler: Arc::new(FewHealthChecks),
            after: DAY,
        }),
        ..options(sim.env(), DATA_DIR, limits)
    }
}

/// Sends `traces` traces of four spans, of which every fifth is a health check, into two segments; each trace lies in both.
async fn fill(store: &Store, traces: u64) {
    for part in 0..2 {
        for trace in 0..traces {
            send(store, payload(4 * trace + 2 * part, 2, 0))
                .await
                .unwrap();
        }
        store.flush().await.unwrap();
    }
}

/// Spans and their weight by trace.
fn stored(snapshot: &Snapshot) -> BTreeMap<TraceId, (usize, f64)> {
    let mut found: BTreeMap<TraceId, (usize, f64)> = BTreeMap::new();
    for segment in snapshot.segments() {
        let rows = 0..segment.meta().span_count as u32;
        let projection = [column::TRACE_ID, column::SAMPLE_WEIGHT];
        let table = segment
            .read_rows(SegmentTable::Spans, rows, Some(&projection))
            .unwrap();
        let weights = table.column(1).as_primitive::<Float64Type>().values();
        for (id, weight) in table
            .column(0)
            .as_fixed_size_binary()
            .iter()
            .flatten()
            .zip(weights)
        {
            let trace = found.entry(TraceId(id.try_into().unwrap())).or_default();
            trace.0 += 1;
            trace.1 += weight;
        }
    }
    found
}

/// What has to hold of `traces` traces once they were sampled, `pinned` of them being pinned.
#[track_caller]
fn check_sampled(snapshot: &Snapshot, traces: u64, pinned: &[u64], context: &str) {
    let stored = stored(snapshot);
    let health: Vec<u64> = (0..traces)
        .filter(|trace| trace.is_multiple_of(5))
        .collect();
    let all_weight: f64 = stored.values().map(|(_, weight)| weight).sum();
    assert!(
        (all_weight - 4.0 * traces as f64).abs() < 1e-6,
        "{context}: {all_weight}"
    );
    assert!(
        stored.values().all(|(spans, _)| *spans == 4),
        "{context}: {stored:?}"
    );
    let is_there = |trace: &u64| stored.contains_key(&trace_id(4 * trace));
    for trace in (0..traces)
        .filter(|trace| !trace.is_multiple_of(5))
        .chain(pinned.iter().copied())
    {
        let (_, weight) = stored[&trace_id(4 * trace)];
        assert_eq!(weight.to_bits(), 4.0_f64.to_bits(), "{context}: {trace}");
    }
    let drawn = health.len() - pinned.len();
    let stay = health
        .iter()
        .filter(|trace| is_there(trace) && !pinned.contains(trace))
        .count();
    let expected = ((drawn as f64 / 10.0).round() as usize).max(1);
    assert_eq!(stay, expected, "{context}");
    assert!(
        snapshot
            .segments()
            .iter()
            .all(|segment| segment.meta().is_sampled()),
        "{context}"
    );
}

#[test]
fn old_traces_are_sampled_once_and_pinned_ones_and_counts_stay() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let (store, _) = Store::open(with(&sim, limits())).unwrap();
        fill(&store, 100).await;
        for trace in [0, 5] {
            assert!(store.pin(trace_id(4 * trace)).unwrap());
        }
        let counts = counted(&store.snapshot());
        sim.clock.advance(Duration::from_secs(24 * 3_600 - 1));
        let early = store.compact(true).unwrap();
        assert_eq!((early.sampled_out_traces, early.output_spans), (0, 400));
        sim.clock.advance(Duration::from_secs(1));
        let report = store.compact(true).unwrap();
        // Of twenty health checks two are pinned, and two of the others stay.
        assert_eq!(report.sampled_out_traces, 16);
        assert_eq!(report.input_spans - report.output_spans, 16 * 4);
        check_sampled(&store.snapshot(), 100, &[0, 5], "sampled");
        let left = spans(&store.snapshot());
        let weights = stored(&store.snapshot());
        sim.clock.advance(DAY);
        let again = store.compact(true).unwrap();
        assert_eq!((again.merges, again.sampled_out_traces), (0, 0));
        // What arrives late is sampled in its own time, and merged with nothing that was sampled before that.
        send(&store, payload(4_000, 4, 0)).await.unwrap();
        store.flush().await.unwrap();
        store.compact(true).unwrap();
        assert_eq!(stored(&store.snapshot()).len(), weights.len() + 1);
        drop(store);
        let (store, recovery) = Store::open(with(&sim, limits())).unwrap();
        assert_eq!(recovery.damaged, Vec::<String>::new());
        let mut with_late = left.clone();
        with_late.extend((4_000..4_004).map(|number| (number, 1)));
        assert_eq!(spans(&store.snapshot()), with_late);
        assert_eq!(counted(&store.snapshot()), counts + 4);
        store.close().await.unwrap();
    });
}

#[test]
fn what_fails_at_any_operation_leaves_traces_unsampled_or_sampled_once() {
    for fault in [Fault::Eio, Fault::DiskFull, Fault::ShortWrite] {
        let mut nth = 1;
        loop {
            let sim = SimEnv::new(nth);
            let context = format!("{fault:?} at operation {nth}");
            let met = runtime().block_on(async {
                let (store, _) = Store::open(with(&sim, limits())).unwrap();
                fill(&store, 40).await;
                store.compact(true).unwrap();
                store.pin(trace_id(0)).unwrap();
                sim.clock.advance(DAY);
                sim.fs.fail_nth(nth, fault);
                let failed = store.compact(true).is_err();
                let met = sim.fs.faults_left() == 0;
                if failed {
                    let whole = stored(&store.snapshot()).len() == 40;
                    assert!(whole || met, "{context}");
                }
                sim.fs.power_cut(Loss::All);
                drop(store);
                let (store, recovery) = Store::open(with(&sim, limits())).expect(&context);
                assert_eq!(recovery.damaged, Vec::<String>::new(), "{context}");
                store.compact(true).expect(&context);
                check_sampled(&store.snapshot(), 40, &[0], &context);
                met
            });
            if !met {
                break;
            }
            nth += 1;
        }
        assert!(nth > 10, "a rewrite makes more than {nth} operations");
    }
}

#[test]
fn a_trace_that_is_pinned_at_any_moment_stays() {
    let sim = SimEnv::new(7);
    runtime().block_on(async {
        let (store, _) = Store::open(with(&sim, limits())).unwrap();
        fill(&store, 200).await;
        sim.clock.advance(DAY);
        let (sampling, pinning) = (store.clone(), store.clone());
        let sampled = tokio::task::spawn_blocking(move || sampling.compact(true));
        let pinned = tokio::task::spawn_blocking(move || {
            let ids = (0..200).step_by(5).map(|trace| trace_id(4 * trace));
            let pinned = ids.filter(|id| pinning.pin(*id).unwrap());
            pinned.collect::<Vec<_>>()
        });
        sampled.await.unwrap().unwrap();
        let pinned = pinned.await.unwrap();
        store.compact(true).unwrap();
        let stored = stored(&store.snapshot());
        for id in pinned {
            assert_eq!(stored.get(&id).map(|(spans, _)| *spans), Some(4), "{id}");
        }
        drop(store);
        assert!(Store::open(with(&sim, limits())).is_ok());
        assert!(
            sim.fs
                .files()
                .iter()
                .any(|path| path.starts_with(Path::new(DATA_DIR)))
        );
    });
}
