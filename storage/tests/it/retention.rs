//! Retention through the store: what goes, what a snapshot still holds, when files disappear.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clew_storage::env::Clock;
use clew_storage::env::testing::{Fault, Loss, Operation, SimEnv};
use clew_storage::store::RetentionRequest;
use clew_storage::{Limits, Store};

use crate::common::{DATA_DIR, limits, once, open, options, payload, runtime, send, spans};

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
            older_than_ns: days(7),
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
