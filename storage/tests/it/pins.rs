//! Pinned traces: what is acknowledged as pinned stays, whatever drops spans at the same moment.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use clew_storage::env::testing::{Loss, SimEnv};
use clew_storage::sampling::{TailSampler, Threshold, TraceView};
use clew_storage::{Store, StoreOptions, TraceId};

use crate::common::{DATA_DIR, counted, limits, options, payload, runtime, send, spans, trace_id};
use crate::spill::drop_all;
use crate::tail::{sampling, stored};

/// Drops every trace.
pub(crate) struct DropAll;

impl TailSampler for DropAll {
    fn decide(&self, traces: &[TraceView<'_>]) -> Vec<Option<Threshold>> {
        vec![None; traces.len()]
    }
}

/// Drops every trace, but pins some of them while it does so.
#[derive(Clone, Default)]
pub(crate) struct Pinning {
    pub(crate) store: Arc<OnceLock<Store>>,
    pub(crate) ids: Vec<TraceId>,
}

impl TailSampler for Pinning {
    fn decide(&self, traces: &[TraceView<'_>]) -> Vec<Option<Threshold>> {
        let store = self.store.get().expect("a store");
        for id in &self.ids {
            assert!(store.pin(*id).expect("a sound disk"), "{id}");
        }
        vec![None; traces.len()]
    }
}

fn with(sim: &SimEnv, sampler: impl TailSampler + 'static) -> StoreOptions {
    StoreOptions {
        tail_sampling: Some(sampling(sampler)),
        ..options(sim.env(), DATA_DIR, limits())
    }
}

/// What is in segments: spans of each trace, by the number of the trace, and all weights.
fn kept(store: &Store) -> (Vec<(u64, usize)>, Vec<f64>) {
    let (counts, weights) = stored(&store.snapshot());
    let number = |id: TraceId| (u128::from_be_bytes(id.0) - 1) as u64;
    let counts = counts.into_iter().map(|(id, count)| (number(id), count));
    (counts.collect(), weights)
}

#[test]
fn a_pinned_trace_is_kept_by_tail_sampling_and_so_are_its_late_spans() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let (store, _) = Store::open(with(&sim, DropAll)).unwrap();
        send(&store, payload(0, 31, 0)).await.unwrap();
        for trace in [2, 7] {
            assert!(store.pin(trace_id(4 * trace)).unwrap());
        }
        sim.fs.power_cut(Loss::All);
        drop(store);
        let (store, _) = Store::open(with(&sim, DropAll)).unwrap();
        store.flush().await.unwrap();
        assert_eq!(kept(&store), (vec![(2, 4), (7, 3)], vec![1.0; 7]));
        // A late span of a pinned trace, and of one that was dropped; then this one is pinned, as far as it is there.
        send(&store, payload(31, 1, 0)).await.unwrap();
        store.flush().await.unwrap();
        assert!(!store.pin(trace_id(4)).unwrap());
        send(&store, payload(4, 1, 1)).await.unwrap();
        assert!(store.pin(trace_id(4)).unwrap());
        store.flush().await.unwrap();
        assert_eq!(kept(&store), (vec![(1, 1), (2, 4), (7, 4)], vec![1.0; 9]));
        store.close().await.unwrap();
    });
}

#[test]
fn a_pin_between_the_decision_and_the_commit_holds() {
    let sim = SimEnv::new(1);
    let pinning = Pinning {
        ids: vec![trace_id(0), trace_id(20)],
        ..Pinning::default()
    };
    let in_hand = Arc::clone(&pinning.store);
    runtime().block_on(async {
        let (store, _) = Store::open(with(&sim, pinning)).unwrap();
        in_hand.set(store.clone()).unwrap();
        send(&store, payload(0, 32, 0)).await.unwrap();
        store.flush().await.unwrap();
        assert_eq!(kept(&store), (vec![(0, 4), (5, 4)], vec![1.0; 8]));
        assert_eq!(counted(&store.snapshot()), 32, "counted once");
        store.close().await.unwrap();
        // The files of the attempt that was given up are gone, or go at the next start.
        let (_, recovery) = Store::open(with(&sim, DropAll)).unwrap();
        assert_eq!((recovery.damaged.len(), recovery.stored_spans), (0, 8));
    });
}

#[test]
fn a_pin_at_any_moment_of_a_flush_holds_or_is_refused() {
    for round in 0..20 {
        let sim = SimEnv::new(round);
        runtime().block_on(async {
            let (store, _) = Store::open(with(&sim, DropAll)).unwrap();
            send(&store, payload(0, 200, 0)).await.unwrap();
            let pinning = store.clone();
            let pinned = tokio::task::spawn_blocking(move || {
                let ids = (0..50).map(|trace| trace_id(4 * trace));
                ids.filter(|id| pinning.pin(*id).unwrap())
                    .collect::<BTreeSet<_>>()
            });
            store.flush().await.unwrap();
            let pinned = pinned.await.unwrap();
            let (counts, _) = stored(&store.snapshot());
            assert!(counts.values().all(|count| *count == 4), "round {round}");
            assert_eq!(counts.into_keys().collect::<BTreeSet<_>>(), pinned);
            assert_eq!(counted(&store.snapshot()), 200, "round {round}");
        });
    }
}

#[test]
fn a_pin_at_any_moment_of_retention_holds_or_is_refused() {
    for round in 0..20 {
        let sim = SimEnv::new(round);
        runtime().block_on(async {
            let (store, _) = Store::open(options(sim.env(), DATA_DIR, limits())).unwrap();
            send(&store, payload(0, 200, 0)).await.unwrap();
            store.flush().await.unwrap();
            sim.clock.advance(Duration::from_hours(1));
            let (pinning, retaining) = (store.clone(), store.clone());
            let pinned = tokio::task::spawn_blocking(move || {
                let ids = (0..50).map(|trace| trace_id(4 * trace));
                ids.filter(|id| pinning.pin(*id).unwrap())
                    .collect::<BTreeSet<_>>()
            });
            let retained = tokio::task::spawn_blocking(move || drop_all(&retaining));
            assert!(!retained.await.unwrap().segments.is_empty());
            let pinned = pinned.await.unwrap();
            let (counts, _) = stored(&store.snapshot());
            assert!(counts.values().all(|count| *count == 4), "round {round}");
            assert_eq!(counts.into_keys().collect::<BTreeSet<_>>(), pinned);
            assert_eq!(spans(&store.snapshot()).len(), 4 * pinned.len());
        });
    }
}
