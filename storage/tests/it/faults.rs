//! Failing disks: every operation fails once, syncs lose their pages, the disk fills up, the file system goes read-only.
//!
//! Nothing acknowledged is lost, reads go on, and the store takes payloads again by itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clew_storage::env::FileSystem;
use clew_storage::env::testing::{Fault, Loss, Operation, SimEnv};
use clew_storage::sampling::{TailSampler, Threshold, TraceView};
use clew_storage::{Store, StoreError};

use crate::common::{
    DATA_DIR, figure, limits, once, open, options, payload, runtime, seeds, send, send_until_taken,
    spans,
};

/// Sends, flushes and sends again, in spite of one failure.
async fn survive(store: &Store) {
    for number in 0..3 {
        send_until_taken(store, &payload(number, 1, 30_000)).await;
    }
    // An answer of a flush may be the failure; the next attempt succeeds.
    if store.flush().await.is_err() {
        store
            .flush()
            .await
            .expect("the second attempt meets no fault");
    }
    send_until_taken(store, &payload(3, 1, 0)).await;
}

fn fail_once(operation: Option<Operation>, nth: u64, fault: Fault, seed: u64) -> bool {
    let sim = SimEnv::new(seed * 1000 + nth);
    let context = format!("{operation:?} {nth} meets {fault:?}, seed {seed}");
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        match operation {
            None => sim.fs.fail_nth(nth, fault),
            Some(operation) => sim.fs.fail_nth_of(operation, nth, fault),
        }
        survive(&store).await;
        assert_eq!(spans(&store.snapshot()), once(4), "{context}");
        let met = sim.fs.faults_left() == 0;
        sim.fs.power_cut(Loss::All);
        drop(store);
        let (store, recovery) = open(&sim.env(), Path::new(DATA_DIR)).expect(&context);
        assert_eq!(spans(&store.snapshot()), once(4), "{context}");
        assert_eq!(recovery.damaged, Vec::<String>::new(), "{context}");
        met
    })
}

fn fail_everywhere(operation: Option<Operation>, fault: Fault, least: u64) {
    let mut failures = 0;
    for seed in 0..seeds() {
        let mut nth = 1;
        while fail_once(operation, nth, fault, seed) {
            nth += 1;
        }
        assert!(nth > least, "only {nth} operations could fail");
        failures += nth - 1;
    }
    figure("failures", failures);
}

#[test]
fn every_operation_fails_once_with_an_input_output_error() {
    fail_everywhere(None, Fault::Eio, 20);
}

#[test]
fn every_operation_fails_once_with_a_full_disk() {
    fail_everywhere(None, Fault::DiskFull, 20);
}

#[test]
fn every_write_fails_once_half_way() {
    fail_everywhere(Some(Operation::Write), Fault::ShortWrite, 5);
}

#[test]
fn every_sync_fails_once_and_loses_its_pages() {
    fail_everywhere(Some(Operation::SyncData), Fault::Eio, 1);
    fail_everywhere(Some(Operation::SyncAll), Fault::Eio, 5);
    fail_everywhere(Some(Operation::SyncDir), Fault::Eio, 3);
}

#[test]
fn a_start_that_meets_a_failure_either_fails_or_serves_and_recovers() {
    let mut nth = 1;
    loop {
        let sim = SimEnv::new(nth);
        let met = runtime().block_on(async {
            let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
            send(&store, payload(0, 2, 0)).await.unwrap();
            sim.fs.kill();
            drop(store);
            sim.fs.fail_nth(nth, Fault::Eio);
            if let Ok((store, _)) = open(&sim.env(), Path::new(DATA_DIR)) {
                assert_eq!(spans(&store.snapshot()), once(2));
                send_until_taken(&store, &payload(2, 1, 0)).await;
            }
            let met = sim.fs.faults_left() == 0;
            sim.fs.power_cut(Loss::All);
            let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
            send_until_taken(&store, &payload(2, 1, 0)).await;
            assert_eq!(spans(&store.snapshot()), once(3), "operation {nth}");
            met
        });
        if !met {
            break;
        }
        nth += 1;
    }
    assert!(nth > 5, "a start makes more than {nth} operations");
}

#[test]
fn a_full_disk_refuses_payloads_serves_reads_and_resumes() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        let mut taken = 0;
        send(&store, payload(taken, 1, 40_000)).await.unwrap();
        taken += 1;
        for _ in 0..3 {
            sim.fs.set_capacity(Some(sim.fs.used_bytes()));
            let refused = loop {
                match send(&store, payload(taken, 1, 40_000)).await {
                    Ok(()) => taken += 1,
                    Err(error) => break error,
                }
            };
            assert!(
                matches!(refused, StoreError::Unavailable { .. }),
                "{refused}"
            );
            assert!(store.status().unavailable.is_some());
            assert_eq!(spans(&store.snapshot()), once(taken));
            sim.fs.set_capacity(None);
            send_until_taken(&store, &payload(taken, 1, 40_000)).await;
            taken += 1;
            assert_eq!(store.status().unavailable, None);
        }
        sim.fs.power_cut(Loss::All);
        drop(store);
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        assert_eq!(spans(&store.snapshot()), once(taken));
    });
}

#[test]
fn a_flush_onto_a_full_disk_keeps_everything_and_is_tried_again_by_itself() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        send(&store, payload(0, 8, 0)).await.unwrap();
        sim.fs.set_capacity(Some(sim.fs.used_bytes()));
        assert!(store.flush().await.is_err());
        assert!(store.status().flush_error.is_some());
        assert_eq!(spans(&store.snapshot()), once(8));
        sim.fs.set_capacity(None);
        for _ in 0..2000 {
            if store.status().segments == 1 && store.status().flush_error.is_none() {
                break;
            }
            sim.clock.advance(Duration::from_millis(1));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let status = store.status();
        assert_eq!(
            (status.segments, status.hot_spans, status.flush_error),
            (1, 0, None)
        );
        assert_eq!(spans(&store.snapshot()), once(8));
    });
}

#[test]
fn a_store_on_a_full_or_read_only_disk_opens_for_reading() {
    for full in [true, false] {
        let sim = SimEnv::new(1);
        runtime().block_on(async {
            let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
            send(&store, payload(0, 2, 0)).await.unwrap();
            // The power cut takes the mark that would tell that the payload is durable.
            sim.fs.power_cut(Loss::All);
            drop(store);
            if full {
                sim.fs.set_capacity(Some(sim.fs.used_bytes()));
            } else {
                sim.fs.set_read_only(true);
            }
            let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
            assert_eq!(spans(&store.snapshot()), once(2));
            assert!(send(&store, payload(2, 1, 0)).await.is_err());
            // What is not known to be on disk under this process is not answered as stored.
            assert!(send(&store, payload(0, 2, 0)).await.is_err());
            sim.fs.set_capacity(None);
            sim.fs.set_read_only(false);
            send_until_taken(&store, &payload(2, 1, 0)).await;
            send(&store, payload(0, 2, 0)).await.unwrap();
            assert_eq!(spans(&store.snapshot()), once(3));
        });
    }
}

#[test]
fn a_failed_log_file_is_not_written_again() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        send(&store, payload(0, 1, 0)).await.unwrap();
        let log_files = || -> Vec<PathBuf> {
            let mut files = sim.fs.files();
            files.retain(|path| path.starts_with("/data/wal"));
            files
        };
        let failed = log_files();
        sim.fs.fail_nth_of(Operation::SyncData, 1, Fault::Eio);
        send(&store, payload(1, 1, 0)).await.unwrap();
        let before = sim.fs.contents(&failed[0]).unwrap();
        send(&store, payload(2, 1, 0)).await.unwrap();
        assert_eq!(log_files().len(), 2);
        assert_eq!(sim.fs.contents(&failed[0]).unwrap(), before);
    });
}

#[test]
fn a_panicking_policy_does_not_end_the_store() {
    struct Panics;
    impl TailSampler for Panics {
        fn decide(&self, _: &[TraceView<'_>]) -> Vec<Option<Threshold>> {
            panic!("a fault in the policy");
        }
    }
    let sim = SimEnv::new(1);
    let mut options = options(sim.env(), DATA_DIR, limits());
    options.tail_sampling = Some(crate::tail::sampling(Panics));
    runtime().block_on(async {
        let (store, _) = Store::open(options).unwrap();
        send(&store, payload(0, 1, 0)).await.unwrap();
        assert!(store.flush().await.is_err());
        send(&store, payload(1, 1, 0)).await.unwrap();
        assert_eq!(spans(&store.snapshot()), once(2));
        store.close().await.unwrap();
    });
    let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
    assert_eq!(spans(&store.snapshot()), once(2));
    assert!(sim.fs.list(Path::new("/data/wal")).is_ok());
}
