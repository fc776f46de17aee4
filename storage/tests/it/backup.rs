//! Backups: consistent while the store goes on, incremental, never half there, and as good as the original.

use std::path::{Path, PathBuf};

use clew_storage::backup::{BackupReport, backup_dir};
use clew_storage::env::testing::{Fault, Loss, SimEnv};
use clew_storage::verify::verify_dir;
use clew_storage::{Store, StoreError};

use crate::common::{DATA_DIR, once, open, payload, runtime, send, spans};

const BACKUP: &str = "/backup";

async fn fill(store: &Store, from: u64, to: u64) {
    for number in from..to {
        send(store, payload(2 * number, 2, 0)).await.unwrap();
        store.flush().await.unwrap();
    }
}

fn back_up(store: &Store, link: bool) -> Result<BackupReport, StoreError> {
    store.backup(Path::new(BACKUP), link, &mut |_| {})
}

/// Spans in the backup, which must be sound.
fn spans_of_backup(sim: &SimEnv) -> u64 {
    let report = verify_dir(&sim.env(), Path::new(BACKUP), &mut |_| {}).unwrap();
    assert_eq!(report.problems, []);
    report.spans
}

fn files_of_backup(sim: &SimEnv) -> Vec<PathBuf> {
    let mut files = sim.fs.files();
    files.retain(|path| path.starts_with("/backup/segments"));
    files
}

#[test]
fn a_backup_of_a_running_store_is_incremental_and_restores() {
    for link in [false, true] {
        let sim = SimEnv::new(1);
        runtime().block_on(async {
            let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
            fill(&store, 0, 3).await;
            let first = back_up(&store, link).unwrap();
            assert_eq!((first.segments, first.new_segments, first.spans), (3, 3, 6));
            assert_eq!(first.copied_bytes, if link { 0 } else { first.bytes });
            fill(&store, 3, 5).await;
            let second = back_up(&store, link).unwrap();
            assert_eq!(
                (second.segments, second.new_segments, second.spans),
                (5, 2, 10)
            );
            assert_eq!(spans_of_backup(&sim), 10);
            store.compact(true).unwrap();
            let third = back_up(&store, link).unwrap();
            assert_eq!((third.segments, third.new_segments), (1, 1));
            assert_eq!(third.removed_segments, 5);
            assert_eq!(files_of_backup(&sim).len(), 3);
            let again = back_up(&store, link).unwrap();
            assert_eq!((again.new_segments, again.copied_bytes), (0, 0));
            store.close().await.unwrap();
            drop(store);
            sim.fs.power_cut(Loss::All);
            let restored = Path::new("/restored");
            let from = Path::new(BACKUP);
            backup_dir(&sim.env(), from, restored, link, &mut |_| {}).unwrap();
            let (store, recovery) = open(&sim.env(), restored).unwrap();
            assert_eq!(recovery.damaged, Vec::<String>::new());
            assert_eq!(spans(&store.snapshot()), once(10));
            send(&store, payload(10, 2, 0)).await.unwrap();
            store.flush().await.unwrap();
            assert_eq!(spans(&store.snapshot()), once(12));
            // The backup is a data directory of its own.
            assert_eq!(spans_of_backup(&sim), 10);
        });
    }
}

#[test]
fn a_failure_or_a_power_cut_at_any_operation_leaves_the_old_backup_or_the_new_one() {
    for fault in [Fault::Eio, Fault::DiskFull, Fault::Stop] {
        let mut nth = 1;
        loop {
            let sim = SimEnv::new(nth);
            let context = format!("{fault:?} at operation {nth}");
            let met = runtime().block_on(async {
                let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
                fill(&store, 0, 2).await;
                back_up(&store, false).expect(&context);
                fill(&store, 2, 3).await;
                store.compact(true).unwrap();
                sim.fs.fail_nth(nth, fault);
                let done = back_up(&store, false).is_ok();
                let met = sim.fs.faults_left() == 0;
                sim.fs.power_cut(Loss::All);
                drop(store);
                let found = spans_of_backup(&sim);
                assert!(
                    found == 6 || found == 4 && !done,
                    "{found} spans, {context}"
                );
                let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).expect(&context);
                back_up(&store, false).expect(&context);
                assert_eq!(spans_of_backup(&sim), 6, "{context}");
                met
            });
            if !met {
                break;
            }
            nth += 1;
        }
        assert!(nth > 10, "a backup makes more than {nth} operations");
    }
}

#[test]
fn what_is_damaged_is_named_and_not_copied() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        fill(&store, 0, 2).await;
        back_up(&store, false).unwrap();
        fill(&store, 2, 3).await;
        let newest = store.snapshot().segments()[2].meta().name.clone();
        let [path, ..] = clew_storage::Segment::paths(Path::new(DATA_DIR), &newest);
        let mut bytes = sim.fs.contents(&path).unwrap();
        bytes[100] ^= 1;
        sim.fs.set_contents(&path, &bytes);
        let refused = back_up(&store, false).unwrap_err();
        assert!(matches!(refused, StoreError::Corrupt { path: named, .. } if named == path));
        assert_eq!(
            spans_of_backup(&sim),
            4,
            "the earlier backup is still there"
        );
    });
}

#[test]
fn other_directories_are_refused() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        fill(&store, 0, 4).await;
        back_up(&store, false).unwrap();
        let (other, _) = open(&sim.env(), Path::new("/other")).unwrap();
        fill(&other, 0, 1).await;
        // A younger store must not replace the backup of an older one.
        let refused = back_up(&other, false).unwrap_err();
        assert!(refused.to_string().contains("another store"), "{refused}");
        let in_use = store.backup(Path::new("/other"), false, &mut |_| {});
        assert!(matches!(in_use, Err(StoreError::Locked { .. })));
        send(&other, payload(50, 1, 0)).await.unwrap();
        sim.fs.kill();
        drop((store, other));
        let from = Path::new("/other");
        let with_log = backup_dir(&sim.env(), from, Path::new("/new"), false, &mut |_| {});
        assert!(with_log.unwrap_err().to_string().contains("clew flush"));
        let to = backup_dir(&sim.env(), Path::new(BACKUP), from, false, &mut |_| {});
        assert!(to.unwrap_err().to_string().contains("not a backup"));
    });
}
