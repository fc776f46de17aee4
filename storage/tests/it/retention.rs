//! Retention through the store: what goes, what a snapshot still holds, when files disappear.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clew_storage::env::Clock;
use clew_storage::env::testing::{Fault, Loss, Operation, SimEnv};
use clew_storage::store::RetentionRequest;
use clew_storage::{Limits, Rule, Store};

use crate::common::{
    DATA_DIR, limits, once, open, options, payload, runtime, send, spans, trace_id,
};

const DAY: Duration = Duration::from_hours(24);

fn segment_files(sim: &SimEnv) -> Vec<PathBuf> {
    let mut files = sim.fs.files();
    files.retain(|path| path.starts_with("/data/segments"));
    files
}

/// A store with one segment of two spans for each of five days, the last one of today.
async fn five_days(sim: &SimEnv, store: &Store) {
    for day in 0..5 {
        if day > 0 {
            sim.clock.advance(DAY);
        }
        send(store, payload(2 * day, 2, 0)).await.unwrap();
        store.flush().await.unwrap();
    }
}

/// Waits until so many files of segments are left.
async fn wait_for_files(sim: &SimEnv, count: usize) {
    for _ in 0..2000 {
        if segment_files(sim).len() == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{:?} instead of {count} files", segment_files(sim));
}

fn days(count: u32) -> u64 {
    (DAY * count).as_nanos() as u64
}

#[test]
fn old_segments_go_and_a_dry_run_changes_nothing() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        five_days(&sim, &store).await;
        let version = store.status().manifest_version;
        let dry = store.retain(days(2), true).unwrap();
        assert_eq!((dry.segments.len(), dry.spans, dry.dry_run), (2, 4, true));
        assert!(dry.bytes > 0);
        assert_eq!(store.status().manifest_version, version);
        let real = store.retain(days(2), false).unwrap();
        assert_eq!((real.segments, real.bytes), (dry.segments, dry.bytes));
        let left: Vec<u64> = spans(&store.snapshot()).into_keys().collect();
        assert_eq!(left, (4..10).collect::<Vec<_>>());
        wait_for_files(&sim, 9).await;
        let none = store.retain(days(2), false).unwrap();
        assert_eq!((none.segments.len(), none.suspended), (0, None));
        sim.fs.power_cut(Loss::All);
        drop(store);
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        assert_eq!(spans(&store.snapshot()).len(), 6);
    });
}

#[test]
fn a_snapshot_keeps_its_files_and_the_grace_period_too() {
    let sim = SimEnv::new(1);
    let grace = Duration::from_mins(1);
    let limits = Limits {
        unlink_grace: grace,
        ..limits()
    };
    runtime().block_on(async {
        let (store, _) = Store::open(options(sim.env(), DATA_DIR, limits)).unwrap();
        five_days(&sim, &store).await;
        let snapshot = store.snapshot();
        store.retain(days(2), false).unwrap();
        sim.clock.advance(grace);
        tokio::time::sleep(Duration::from_millis(1200)).await;
        assert_eq!(spans(&snapshot), once(10), "the snapshot can still be read");
        assert_eq!(segment_files(&sim).len(), 15);
        drop(snapshot);
        wait_for_files(&sim, 9).await;
        store.retain(days(1), false).unwrap();
        tokio::time::sleep(Duration::from_millis(1200)).await;
        assert_eq!(segment_files(&sim).len(), 9, "the grace period is not over");
        sim.clock.advance(grace);
        wait_for_files(&sim, 3).await;
    });
}

#[test]
fn files_that_were_not_unlinked_before_a_crash_go_at_the_next_start() {
    let sim = SimEnv::new(1);
    let limits = Limits {
        unlink_grace: DAY,
        ..limits()
    };
    runtime().block_on(async {
        let (store, _) = Store::open(options(sim.env(), DATA_DIR, limits)).unwrap();
        five_days(&sim, &store).await;
        store.retain(days(2), false).unwrap();
        sim.fs.kill();
        drop(store);
        let (store, recovery) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        assert_eq!(recovery.orphans_removed, 6);
        assert_eq!(segment_files(&sim).len(), 9);
        assert_eq!(spans(&store.snapshot()).len(), 6);
    });
}

#[test]
fn a_leap_of_the_clock_deletes_nothing_until_someone_vouches_for_it() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        five_days(&sim, &store).await;
        let leapt = sim.clock.now_unix_nano() + days(3650);
        sim.clock.set_wall(leapt);
        let report = store.retain(days(7), false).unwrap();
        assert_eq!(
            (report.segments.len(), spans(&store.snapshot()).len()),
            (0, 10)
        );
        assert!(report.suspended.unwrap().contains("has leapt"));
        // The same after a restart, and after new arrivals under the wrong clock.
        store.close().await.unwrap();
        drop(store);
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        send(&store, payload(10, 1, 0)).await.unwrap();
        let report = store.retain(days(7), false).unwrap();
        assert_eq!(report.segments.len(), 0);
        assert!(report.suspended.unwrap().contains("nothing arrived"));
        let trusted = store.retain_with(&RetentionRequest {
            older_than_ns: Some(days(7)),
            rules: Vec::new(),
            max_bytes: None,
            dry_run: false,
            trust_clock: true,
        });
        assert_eq!(trusted.unwrap().segments.len(), 5);
        assert_eq!(
            spans(&store.snapshot()).into_keys().collect::<Vec<_>>(),
            [10]
        );
    });
}

#[test]
fn a_crash_or_failure_at_any_operation_of_retention_leaves_all_or_drops_what_is_old() {
    for nth in 1..15 {
        for fault in [Fault::Stop, Fault::Eio] {
            let sim = SimEnv::new(nth);
            runtime().block_on(async {
                let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
                five_days(&sim, &store).await;
                sim.fs.fail_nth(nth, fault);
                let done = store.retain(days(2), false).is_ok();
                sim.fs.power_cut(Loss::All);
                drop(store);
                let (store, recovery) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
                let found: Vec<u64> = spans(&store.snapshot()).into_keys().collect();
                let dropped = found == (4..10).collect::<Vec<_>>();
                let kept = found == (0..10).collect::<Vec<_>>();
                assert!(
                    dropped || kept && !done,
                    "{found:?} at {nth}, {fault:?}, {done}"
                );
                assert_eq!(recovery.damaged, Vec::<String>::new());
                store.retain(days(2), false).unwrap();
                assert_eq!(spans(&store.snapshot()).len(), 6);
            });
        }
    }
}

#[test]
fn a_file_that_cannot_be_unlinked_stays_until_the_next_start() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        five_days(&sim, &store).await;
        sim.fs.fail_nth_of(Operation::RemoveFile, 2, Fault::Eio);
        store.retain(days(2), false).unwrap();
        wait_for_files(&sim, 10).await;
        store.close().await.unwrap();
        drop(store);
        let (_store, recovery) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        assert_eq!(recovery.orphans_removed, 1);
        assert_eq!(segment_files(&sim).len(), 9);
    });
}

#[test]
fn the_oldest_segments_go_until_the_rest_is_small_enough() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        five_days(&sim, &store).await;
        let stored = store.status().stored_bytes;
        let request = |max_bytes| RetentionRequest {
            older_than_ns: None,
            rules: Vec::new(),
            max_bytes: Some(max_bytes),
            dry_run: false,
            trust_clock: false,
        };
        let none = store.retain_with(&request(stored)).unwrap();
        assert_eq!((none.segments.len(), none.segments_for_size), (0, 0));
        let two = store.retain_with(&request(stored * 3 / 5 + 100)).unwrap();
        assert_eq!((two.segments.len(), two.segments_for_size), (2, 2));
        let left: Vec<u64> = spans(&store.snapshot()).into_keys().collect();
        assert_eq!(left, (4..10).collect::<Vec<_>>());
    });
}

/// A store that keeps `min` bytes free for what it has taken, and drops segments for the sake of `kept`.
fn guarded(sim: &SimEnv, min: u64, kept: u64) -> Store {
    let limits = Limits {
        disk_free_bytes_min: min,
        disk_free_bytes_kept: kept,
        ..limits()
    };
    Store::open(options(sim.env(), DATA_DIR, limits)).unwrap().0
}

#[test]
fn payloads_are_refused_before_the_disk_is_full_and_taken_again_by_themselves() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let store = guarded(&sim, 1 << 20, 0);
        send(&store, payload(0, 2, 0)).await.unwrap();
        let fill = |free: u64| sim.fs.set_capacity(Some(sim.fs.used_bytes() + free));
        fill(1 << 20);
        wait_until(|| store.status().disk_free_bytes == Some(1 << 20)).await;
        send(&store, payload(2, 2, 0)).await.unwrap();
        fill((1 << 20) - 1);
        wait_until(|| store.status().unavailable.is_some()).await;
        let refused = send(&store, payload(4, 2, 0)).await.unwrap_err();
        assert!(refused.to_string().contains("in reserve"), "{refused}");
        assert_eq!(spans(&store.snapshot()), once(4));
        store.flush().await.unwrap();
        assert_eq!(store.status().segments, 1, "what was taken is written out");
        // A little more room is not enough, so that it does not go on and off.
        fill((1 << 20) + (1 << 17));
        tokio::time::sleep(Duration::from_millis(1200)).await;
        assert!(store.status().unavailable.is_some());
        fill((1 << 20) + (1 << 18));
        wait_until(|| store.status().unavailable.is_none()).await;
        send(&store, payload(4, 2, 0)).await.unwrap();
        assert_eq!(spans(&store.snapshot()), once(6));
    });
}

#[test]
fn the_oldest_segments_make_room_on_a_disk_that_fills() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let store = guarded(&sim, 0, 1 << 20);
        five_days(&sim, &store).await;
        let first = store.snapshot().segments()[0].meta().file_bytes;
        let first: u64 = first.iter().sum();
        sim.fs
            .set_capacity(Some(sim.fs.used_bytes() + (1 << 20) - first / 2));
        wait_until(|| store.status().segments == 4).await;
        wait_for_files(&sim, 12).await;
        tokio::time::sleep(Duration::from_millis(1200)).await;
        let left: Vec<u64> = spans(&store.snapshot()).into_keys().collect();
        assert_eq!(left, (2..10).collect::<Vec<_>>(), "no more go than must");
    });
}

#[test]
fn a_pinned_trace_outlives_its_segment_and_is_stored_once() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        five_days(&sim, &store).await;
        // Spans 4 to 7 are one trace, in the segments of two days.
        assert!(store.pin(trace_id(5)).unwrap());
        assert!(store.pin(trace_id(5)).unwrap(), "once more is no fault");
        assert!(!store.pin(trace_id(1000)).unwrap(), "there is none");
        store.close().await.unwrap();
        drop(store);
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        sim.clock.advance(DAY * 100);
        let trusting = RetentionRequest {
            older_than_ns: Some(days(50)),
            rules: Vec::new(),
            max_bytes: None,
            dry_run: false,
            trust_clock: true,
        };
        let dropped = store.retain_with(&trusting).unwrap();
        assert_eq!(dropped.segments.len(), 5);
        let expected: BTreeMap<u64, usize> = (4..8).map(|span| (span, 1)).collect();
        assert_eq!(spans(&store.snapshot()), expected);
        let trace = store.snapshot().trace(trace_id(5)).unwrap().unwrap();
        assert_eq!((trace.rows.num_rows(), trace.segments_read), (4, 1));
        // Nothing takes it away: neither age nor size nor a merge, and a retry is not stored beside it for long.
        let for_size = RetentionRequest {
            max_bytes: Some(0),
            ..trusting
        };
        store.retain_with(&for_size).unwrap();
        send(&store, payload(20, 4, 0)).await.unwrap();
        store.flush().await.unwrap();
        store.compact(true).unwrap();
        assert_eq!(
            store.status().segments,
            2,
            "pinned traces stay among themselves"
        );
        store.retain_with(&for_size).unwrap();
        assert_eq!(spans(&store.snapshot()), expected);
        sim.fs.power_cut(Loss::All);
        drop(store);
        let (store, recovery) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        assert_eq!(recovery.damaged, Vec::<String>::new());
        assert_eq!(spans(&store.snapshot()), expected);
    });
}

#[test]
fn a_crash_or_failure_at_any_operation_of_retention_keeps_what_is_pinned() {
    for fault in [Fault::Stop, Fault::DiskFull] {
        let mut nth = 1;
        loop {
            let sim = SimEnv::new(nth);
            let met = runtime().block_on(async {
                let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
                five_days(&sim, &store).await;
                store.pin(trace_id(0)).unwrap();
                sim.fs.fail_nth(nth, fault);
                let done = store.retain(days(2), false).is_ok();
                let met = sim.fs.faults_left() == 0;
                sim.fs.power_cut(Loss::All);
                drop(store);
                let (store, recovery) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
                let found: Vec<u64> = spans(&store.snapshot()).into_keys().collect();
                // The trace of spans 0 to 3 fills the two segments that are old enough.
                assert_eq!(
                    found,
                    (0..10).collect::<Vec<_>>(),
                    "{fault:?} at {nth}, {done}"
                );
                assert_eq!(recovery.damaged, Vec::<String>::new());
                store.retain(days(2), false).unwrap();
                assert_eq!(spans(&store.snapshot()), once(10));
                met
            });
            if !met {
                break;
            }
            nth += 1;
        }
        assert!(nth > 10, "it makes more than {nth} operations");
    }
}

/// Health checks, every fifth trace, for a day, everything else for a fortnight.
fn by_rule(dry_run: bool) -> RetentionRequest {
    RetentionRequest {
        older_than_ns: Some(days(14)),
        rules: vec![Rule::parse("name=GET /health", days(1)).unwrap()],
        dry_run,
        trust_clock: true,
        ..RetentionRequest::default()
    }
}

#[test]
fn a_rule_takes_its_traces_out_of_segments_at_its_own_term() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        send(&store, payload(0, 40, 0)).await.unwrap();
        store.flush().await.unwrap();
        sim.clock.advance(DAY);
        let report = store.retain_with(&by_rule(false)).unwrap();
        assert_eq!(report.reduced_spans, 0, "a day is not more than a day");
        sim.clock.advance(Duration::from_nanos(1));
        let planned = store.retain_with(&by_rule(true)).unwrap();
        assert_eq!(spans(&store.snapshot()), once(40));
        let report = store.retain_with(&by_rule(false)).unwrap();
        assert_eq!((report.spans, report.reduced_spans), (0, 8));
        assert_eq!(planned.reduced_segments, report.reduced_segments);
        assert_eq!(planned.reduced_spans, report.reduced_spans);
        let left: Vec<u64> = spans(&store.snapshot()).into_keys().collect();
        let others: Vec<u64> = (4..20).chain(24..40).collect();
        assert_eq!(left, others);
        assert!(store.snapshot().trace(trace_id(0)).unwrap().is_none());
        let again = store.retain_with(&by_rule(false)).unwrap();
        assert_eq!((again.reduced_segments.len(), again.spans), (0, 0));
        sim.fs.power_cut(Loss::All);
        drop(store);
        let (store, recovery) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        assert_eq!(recovery.damaged, Vec::<String>::new());
        assert_eq!(spans(&store.snapshot()).len(), 32);
        sim.clock.advance(DAY * 13);
        let report = store.retain_with(&by_rule(false)).unwrap();
        assert_eq!((report.segments.len(), report.spans), (1, 32));
        assert!(spans(&store.snapshot()).is_empty());
    });
}

#[test]
fn a_rule_keeps_its_traces_longer_than_their_segments() {
    let sim = SimEnv::new(1);
    let request = RetentionRequest {
        older_than_ns: Some(days(14)),
        rules: vec![
            Rule::parse("service=toy & name=GET /*", days(30)).unwrap(),
            Rule::parse("service=other", days(1)).unwrap(),
        ],
        trust_clock: true,
        ..RetentionRequest::default()
    };
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        send(&store, payload(0, 40, 0)).await.unwrap();
        store.flush().await.unwrap();
        for (after, left) in [(1, 40), (13, 40), (1, 8), (1, 8), (14, 8), (1, 0)] {
            sim.clock.advance(DAY * after);
            store.retain_with(&request).unwrap();
            assert_eq!(spans(&store.snapshot()).len(), left);
        }
    });
}

#[test]
fn a_rule_leaves_pinned_traces_and_segments_for_the_rules_of_others() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        send(&store, payload(0, 40, 0)).await.unwrap();
        store.flush().await.unwrap();
        store.pin(trace_id(0)).unwrap();
        sim.clock.advance(DAY * 2);
        let report = store.retain_with(&by_rule(false)).unwrap();
        assert_eq!(report.reduced_spans, 4);
        assert_eq!(spans(&store.snapshot()).len(), 36);
        let again = store.retain_with(&by_rule(false)).unwrap();
        assert_eq!(again.reduced_segments.len(), 0, "there is an end");
        sim.clock.advance(DAY * 13);
        store.retain_with(&by_rule(false)).unwrap();
        let left: Vec<u64> = spans(&store.snapshot()).into_keys().collect();
        assert_eq!(left, [0, 1, 2, 3]);
    });
}

#[test]
fn what_cannot_be_read_is_kept_for_the_longest_term() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        send(&store, payload(0, 40, 0)).await.unwrap();
        store.flush().await.unwrap();
        let is_spans = |path: &PathBuf| path.to_string_lossy().ends_with("spans.parquet");
        let path = segment_files(&sim).into_iter().find(is_spans).unwrap();
        sim.fs.set_unreadable(&path);
        sim.clock.advance(DAY * 14);
        let report = store.retain_with(&by_rule(false)).unwrap();
        assert_eq!((report.segments.len(), report.reduced_spans), (0, 0));
        sim.clock.advance(DAY);
        let report = store.retain_with(&by_rule(false)).unwrap();
        assert_eq!(report.segments.len(), 1);
    });
}

#[test]
fn a_crash_or_failure_at_any_operation_of_a_rule_leaves_all_or_drops_what_is_due() {
    for fault in [Fault::Stop, Fault::DiskFull, Fault::Eio] {
        let mut nth = 1;
        loop {
            let sim = SimEnv::new(nth);
            let met = runtime().block_on(async {
                let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
                send(&store, payload(0, 40, 0)).await.unwrap();
                store.flush().await.unwrap();
                sim.clock.advance(DAY * 2);
                sim.fs.fail_nth(nth, fault);
                let done = store.retain_with(&by_rule(false)).is_ok();
                let met = sim.fs.faults_left() == 0;
                sim.fs.power_cut(Loss::All);
                drop(store);
                let (store, recovery) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
                let found = spans(&store.snapshot()).len();
                assert!(
                    found == 32 || found == 40 && !done,
                    "{found} at {nth}, {fault:?}"
                );
                assert_eq!(recovery.damaged, Vec::<String>::new());
                store.retain_with(&by_rule(false)).unwrap();
                assert_eq!(spans(&store.snapshot()).len(), 32);
                met
            });
            if !met {
                break;
            }
            nth += 1;
        }
        assert!(nth > 10, "it makes more than {nth} operations");
    }
}

async fn wait_until(holds: impl Fn() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it does not come about");
}
