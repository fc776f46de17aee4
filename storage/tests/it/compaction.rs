//! Merges through the store: what readers see, what files are left, and what happens when a disk fails.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clew_storage::env::testing::{Fault, Loss, SimEnv};
use clew_storage::store::RetentionRequest;
use clew_storage::{CompactionLimits, Limits, Snapshot, Store};

use crate::common::{
    DATA_DIR, limits, once, open, options, payload, runtime, send, spans, trace_id,
};

fn segment_files(sim: &SimEnv) -> Vec<PathBuf> {
    let mut files = sim.fs.files();
    files.retain(|path| path.starts_with("/data/segments"));
    files
}

/// A store with `count` segments of two spans each: a trace of four lies in two of them.
async fn filled(sim: &SimEnv, count: u64) -> Store {
    let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
    for number in 0..count {
        send(&store, payload(2 * number, 2, 0)).await.unwrap();
        store.flush().await.unwrap();
    }
    store
}

async fn wait_for_files(sim: &SimEnv, count: usize) {
    for _ in 0..2000 {
        if segment_files(sim).len() == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{:?} instead of {count} files", segment_files(sim));
}

/// Spans of the trace that span `number` belongs to, and segments that hold some.
fn trace(snapshot: &Snapshot, number: u64) -> (usize, usize) {
    let trace = snapshot.trace(trace_id(number)).unwrap().unwrap();
    (trace.rows.num_rows(), trace.segments_read)
}

#[test]
fn many_segments_become_one_and_old_readers_are_not_disturbed() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let store = filled(&sim, 8).await;
        let before = store.snapshot();
        assert_eq!(trace(&before, 0), (4, 2));
        let report = store.compact(true).unwrap();
        assert_eq!((report.input_segments, report.output_segments), (8, 1));
        assert_eq!((report.input_spans, report.output_spans), (16, 16));
        let after = store.snapshot();
        assert_eq!(after.segments().len(), 1);
        assert_eq!((spans(&after), spans(&before)), (once(16), once(16)));
        assert_eq!(trace(&after, 0), (4, 1));
        assert_eq!(segment_files(&sim).len(), 9 * 3);
        drop(before);
        wait_for_files(&sim, 3).await;
        assert_eq!(spans(&after), once(16));
        assert_eq!(store.compact(true).unwrap().merges, 0, "there is an end");
        sim.fs.power_cut(Loss::All);
        drop(store);
        let (store, recovery) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        assert_eq!(recovery.damaged, Vec::<String>::new());
        assert_eq!(spans(&store.snapshot()), once(16));
        assert_eq!(
            segment_files(&sim).len(),
            3,
            "names that the power cut brought back"
        );
    });
}

#[test]
fn payloads_that_are_sent_again_are_known_after_a_merge_and_a_restart() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let store = filled(&sim, 4).await;
        store.compact(true).unwrap();
        sim.fs.power_cut(Loss::All);
        drop(store);
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        for number in 0..4 {
            send(&store, payload(2 * number, 2, 0)).await.unwrap();
        }
        assert_eq!(spans(&store.snapshot()), once(8));
        // A retry that comes too late to be known is stored again, and its copies go with the next merge.
        sim.clock.advance(Duration::from_hours(1));
        send(&store, payload(0, 2, 0)).await.unwrap();
        store.flush().await.unwrap();
        assert_eq!(spans(&store.snapshot())[&0], 2);
        store.compact(true).unwrap();
        assert_eq!(spans(&store.snapshot()), once(8));
    });
}

#[test]
fn the_compactor_merges_by_itself() {
    let sim = SimEnv::new(1);
    let limits = Limits {
        compaction: CompactionLimits {
            fan_in: 3,
            ..CompactionLimits::default()
        },
        ..limits()
    };
    runtime().block_on(async {
        let (store, _) = Store::open(options(sim.env(), DATA_DIR, limits)).unwrap();
        for number in 0..3 {
            send(&store, payload(2 * number, 2, 0)).await.unwrap();
            store.flush().await.unwrap();
        }
        wait_for_files(&sim, 3).await;
        assert_eq!(spans(&store.snapshot()), once(6));
        store.close().await.unwrap();
    });
}

#[test]
fn a_merge_that_fails_at_any_operation_leaves_the_store_as_it_was() {
    for fault in [Fault::Eio, Fault::DiskFull, Fault::ShortWrite] {
        let mut nth = 1;
        loop {
            let sim = SimEnv::new(nth);
            let context = format!("{fault:?} at operation {nth}");
            let met = runtime().block_on(async {
                let store = filled(&sim, 3).await;
                sim.fs.fail_nth(nth, fault);
                let failed = store.compact(true).is_err();
                assert_eq!(spans(&store.snapshot()), once(6), "{context}");
                let met = sim.fs.faults_left() == 0;
                if failed {
                    store.compact(true).expect(&context);
                }
                assert_eq!(spans(&store.snapshot()), once(6), "{context}");
                assert_eq!(store.snapshot().segments().len(), 1, "{context}");
                sim.fs.power_cut(Loss::All);
                drop(store);
                let (store, recovery) = open(&sim.env(), Path::new(DATA_DIR)).expect(&context);
                assert_eq!(recovery.damaged, Vec::<String>::new(), "{context}");
                assert_eq!(spans(&store.snapshot()), once(6), "{context}");
                // Nothing is left behind: what a start does not remove belongs to the one segment.
                assert_eq!(segment_files(&sim).len(), 3, "{context}");
                met
            });
            if !met {
                break;
            }
            nth += 1;
        }
        assert!(nth > 10, "a merge makes more than {nth} operations");
    }
}

#[test]
fn a_damaged_segment_is_left_alone_and_the_others_are_merged() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let store = filled(&sim, 4).await;
        let victim = store.snapshot().segments()[1].meta().name.clone();
        let [path, ..] = clew_storage::Segment::paths(Path::new(DATA_DIR), &victim);
        let mut bytes = sim.fs.contents(&path).unwrap();
        bytes[10] ^= 1;
        sim.fs.set_contents(&path, &bytes);
        store.compact(true).unwrap();
        let snapshot = store.snapshot();
        let names: Vec<_> = snapshot
            .segments()
            .iter()
            .map(|segment| segment.meta().name.clone())
            .collect();
        assert_eq!(names.len(), 2);
        assert!(names.contains(&victim));
        let spans: u64 = snapshot
            .segments()
            .iter()
            .map(|segment| segment.meta().span_count)
            .sum();
        assert_eq!(spans, 8);
    });
}

#[test]
fn retention_and_merges_do_not_get_in_each_others_way() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let store = filled(&sim, 6).await;
        sim.clock.advance(Duration::from_hours(2));
        let old = RetentionRequest {
            older_than_ns: Some(Duration::from_hours(1).as_nanos() as u64),
            rules: Vec::new(),
            max_bytes: None,
            dry_run: false,
            trust_clock: true,
        };
        let (merging, dropping) = (store.clone(), store.clone());
        let merge = tokio::task::spawn_blocking(move || merging.compact(true));
        let also_old = old.clone();
        let retain = tokio::task::spawn_blocking(move || dropping.retain_with(&also_old));
        merge.await.unwrap().unwrap();
        retain.await.unwrap().unwrap();
        // Whoever came first, what is old is gone, and nothing of the merge is left.
        store.retain_with(&old).unwrap();
        assert!(spans(&store.snapshot()).is_empty());
        wait_for_files(&sim, 0).await;
    });
}
