//! Checking a directory: on a stopped store, on a running one, and what a report says.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use clew_storage::env::testing::SimEnv;
use clew_storage::env::{Env, FileSystem};
use clew_storage::verify::{Progress, verify_dir};
use clew_storage::{Store, StoreError};

use crate::common::{DATA_DIR, open, payload, runtime, send};

async fn fill(store: &Store) {
    for number in 0..3 {
        send(store, payload(10 * number, 10, 0)).await.unwrap();
        store.flush().await.unwrap();
    }
    send(store, payload(30, 5, 0)).await.unwrap();
}

#[test]
fn a_sound_directory_has_no_problem_and_nothing_is_changed() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        fill(&store).await;
    });
    sim.fs.kill();
    let operations = sim.fs.operations();
    let mut steps: Vec<Progress> = Vec::new();
    let report = verify_dir(&sim.env(), Path::new(DATA_DIR), &mut |step| {
        steps.push(step);
    })
    .unwrap();
    assert_eq!(report.problems, []);
    assert_eq!(
        (report.segments, report.spans, report.log_records),
        (3, 30, 1)
    );
    assert_eq!(report.manifest_version, 4);
    assert_eq!(sim.fs.operations(), operations, "nothing is written");
    assert!(
        steps
            .windows(2)
            .all(|pair| pair[0].done_bytes <= pair[1].done_bytes)
    );
    let last = steps.last().unwrap();
    assert_eq!(
        (last.done_bytes, last.total_bytes),
        (report.bytes, report.bytes)
    );
}

#[test]
fn a_directory_in_use_is_left_to_its_process_which_can_check_itself() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        fill(&store).await;
        let refused = verify_dir(&sim.env(), Path::new(DATA_DIR), &mut |_| {});
        assert!(matches!(refused, Err(StoreError::Locked { .. })));
        let report = store.verify(&mut |_| {}).unwrap();
        assert_eq!(report.problems, []);
        assert_eq!(
            (report.segments, report.spans, report.log_records),
            (3, 30, 1)
        );
    });
}

#[test]
fn a_check_of_a_running_store_sees_no_damage_where_there_is_only_work() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(&Env::system(), dir.path()).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            runtime().block_on(async {
                for number in 0.. {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    send(&store, payload(number, 1, 10_000)).await.unwrap();
                    if number % 4 == 0 {
                        store.flush().await.unwrap();
                    }
                }
            });
        });
        for _ in 0..30 {
            let report = store.verify(&mut |_| {});
            stop.fetch_or(report.is_err(), Ordering::SeqCst);
            assert_eq!(report.unwrap().problems, []);
        }
        stop.store(true, Ordering::SeqCst);
    });
}

#[test]
fn each_problem_names_its_file_and_what_it_means() {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        fill(&store).await;
    });
    sim.fs.kill();
    let find = |part: &str| -> PathBuf {
        let files = sim.fs.files();
        let file = files
            .iter()
            .find(|path| path.to_string_lossy().contains(part));
        file.unwrap_or_else(|| panic!("no {part} in {files:?}"))
            .clone()
    };
    let flip = |path: &Path, at: usize| {
        let mut contents = sim.fs.contents(path).unwrap();
        contents[at] ^= 0x10;
        sim.fs.set_contents(path, &contents);
    };
    let (parquet, index) = (find("spans.parquet"), find(".index"));
    let (log, version, recent) = (find("/wal/"), find("4.json"), find(".recent"));
    flip(&parquet, 100);
    let contents = sim.fs.contents(&log).unwrap();
    let last = contents
        .windows(5)
        .position(|window| window == b"30+5 ")
        .unwrap();
    flip(&log, last);
    flip(&version, 20);
    sim.fs.remove_file(&recent).unwrap();
    let report = verify_dir(&sim.env(), Path::new(DATA_DIR), &mut |_| {}).unwrap();
    let expected = [
        (&version, "the other copy is intact, nothing is lost"),
        (&log, "records 4 to 4 are lost"),
        (&recent, "may be stored twice"),
        (&parquet, "queries leave out up to 10 spans and say so"),
    ];
    let found: Vec<_> = report
        .problems
        .iter()
        .map(|problem| &problem.file)
        .collect();
    let files: Vec<_> = expected.iter().map(|(file, _)| *file).collect();
    assert_eq!(found, files);
    for (problem, (_, meaning)) in report.problems.iter().zip(expected) {
        assert!(problem.message.contains(meaning), "{problem:?}");
    }
    // A file that is missing altogether.
    sim.fs.remove_file(&index).unwrap();
    let report = verify_dir(&sim.env(), Path::new(DATA_DIR), &mut |_| {}).unwrap();
    assert_eq!(
        report.problems.len(),
        4,
        "a segment is reported once, with what is met first"
    );
}
