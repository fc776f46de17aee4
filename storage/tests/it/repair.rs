//! Repairing damage: what is made again, what is lost, and what is left to people.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clew_storage::Store;
use clew_storage::env::FileSystem;
use clew_storage::env::testing::{Fault, Loss, SimEnv};
use clew_storage::repair::{Remedy, RepairReport, plan_dir};
use clew_storage::verify::verify_dir;

use crate::common::{DATA_DIR, once, open, payload, runtime, send, spans, trace_id};

/// Spans of the second segment, more than a page holds.
const MANY: u64 = 20_000;

/// A store with a segment of ten spans and one of many, ended.
fn filled(sim: &SimEnv) {
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        send(&store, payload(0, 12, 0)).await.unwrap();
        store.flush().await.unwrap();
        send(&store, payload(12, MANY, 0)).await.unwrap();
        store.close().await.unwrap();
    });
}

/// The largest file whose name ends so.
fn find(sim: &SimEnv, ending: &str) -> PathBuf {
    let mut files = sim.fs.files();
    files.retain(|path| path.starts_with("/data") && path.to_string_lossy().ends_with(ending));
    let largest = files
        .into_iter()
        .max_by_key(|path| sim.fs.contents(path).unwrap().len());
    largest.unwrap()
}

fn flip(sim: &SimEnv, path: &Path, at: usize) {
    let mut contents = sim.fs.contents(path).unwrap();
    contents[at] ^= 0x10;
    sim.fs.set_contents(path, &contents);
}

fn plan(sim: &SimEnv) -> RepairReport {
    let before = sim.fs.operations();
    let report = plan_dir(&sim.env(), Path::new(DATA_DIR), &mut |_| {}).unwrap();
    assert_eq!(sim.fs.operations(), before, "a plan changes nothing");
    report
}

/// Repairs, cuts the power, and checks that all is well then; what is stored.
fn repair(sim: &SimEnv) -> (RepairReport, BTreeMap<u64, usize>) {
    let report = runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        let planned = store.repair(false, &mut |_| {}).unwrap();
        let report = store.repair(true, &mut |_| {}).unwrap();
        assert_eq!(planned.repairs, report.repairs);
        let again = store.repair(true, &mut |_| {}).unwrap();
        assert!(again.is_well() && again.repairs.is_empty(), "{again:?}");
        report
    });
    sim.fs.power_cut(Loss::All);
    runtime().block_on(async {
        let (store, recovery) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        assert_eq!(recovery.damaged, Vec::<String>::new());
        store.close().await.unwrap();
        let report = verify_dir(&sim.env(), Path::new(DATA_DIR), &mut |_| {}).unwrap();
        assert_eq!(report.problems, []);
    });
    let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
    check_traces(&store);
    let found = spans(&store.snapshot());
    (report, found)
}

/// A trace by id is what all spans say of it.
fn check_traces(store: &Store) {
    let snapshot = store.snapshot();
    let found = spans(&snapshot);
    for first in (0..MANY + 12).step_by(4 * 97) {
        let first = first / 4 * 4;
        let expected = (first..first + 4).filter(|span| found.contains_key(span));
        let trace = snapshot.trace(trace_id(first)).unwrap();
        assert_eq!(
            trace.map_or(0, |trace| trace.rows.num_rows()),
            expected.count()
        );
    }
}

fn quarantined(sim: &SimEnv) -> usize {
    let files = sim.fs.files();
    let is_here = |path: &&PathBuf| path.starts_with("/data/quarantine");
    files.iter().filter(is_here).count()
}

#[test]
fn damaged_counts_are_taken_out_of_the_store_and_no_span_with_them() {
    let sim = SimEnv::new(1);
    filled(&sim);
    let counts = find(&sim, ".span_metrics.parquet");
    flip(&sim, &counts, 40);
    let planned = plan(&sim);
    let found: Vec<_> = planned
        .repairs
        .iter()
        .map(|repair| (&repair.file, repair.remedy))
        .collect();
    assert_eq!(found, [(&counts, Remedy::SetAside)]);
    assert!(
        planned.repairs[0].problem.contains("`span_metrics`"),
        "{planned:?}"
    );
    let (report, found) = repair(&sim);
    assert_eq!(report.repairs, planned.repairs);
    assert_eq!(found, once(MANY + 12));
    let kept = Path::new("/data/quarantine").join(counts.file_name().unwrap());
    assert!(sim.fs.contents(&kept).is_some());
}

#[test]
fn a_sound_store_is_left_as_it_is() {
    let sim = SimEnv::new(1);
    filled(&sim);
    let files = sim.fs.files();
    let report = plan(&sim);
    assert!(report.is_well());
    assert_eq!((report.segments, report.spans), (2, MANY + 12));
    assert_eq!(sim.fs.files(), files);
}

#[test]
fn an_index_and_a_table_of_traces_are_made_again() {
    for (ending, missing) in [
        (".index", false),
        (".index", true),
        (".traces.parquet", false),
        (".traces.parquet", true),
    ] {
        let sim = SimEnv::new(1);
        filled(&sim);
        let damaged = find(&sim, ending);
        if missing {
            sim.fs.remove_file(&damaged).unwrap();
        } else {
            flip(&sim, &damaged, 100);
        }
        let planned = plan(&sim);
        let (report, found) = repair(&sim);
        assert_eq!(planned.repairs, report.repairs);
        let [repair] = &report.repairs[..] else {
            panic!("{report:?}");
        };
        assert_eq!(repair.file, damaged);
        assert_eq!(
            (repair.remedy, repair.spans_lost),
            (Remedy::Rebuilt, 0),
            "{ending}"
        );
        assert!(report.is_well() && !planned.is_well());
        assert_eq!(found, once(MANY + 12), "{ending}");
        assert_eq!(quarantined(&sim), 0);
    }
}

#[test]
fn of_damaged_spans_those_stay_that_can_be_read() {
    let sim = SimEnv::new(1);
    filled(&sim);
    let damaged = find(&sim, ".spans.parquet");
    let bytes = sim.fs.contents(&damaged).unwrap();
    // A page of ids lies here: they are most of the file.
    flip(&sim, &damaged, bytes.len() / 3);
    let planned = plan(&sim);
    let (report, found) = repair(&sim);
    assert_eq!(planned.repairs, report.repairs);
    let [repair] = &report.repairs[..] else {
        panic!("{report:?}");
    };
    assert_eq!(repair.remedy, Remedy::Reduced);
    assert!(!report.is_well());
    assert!(
        repair.spans_lost > 0 && repair.spans_lost < MANY / 2,
        "{repair:?}"
    );
    assert_eq!(repair.spans_kept + repair.spans_lost, MANY);
    assert_eq!(found.len() as u64, 12 + repair.spans_kept);
    assert!(found.values().all(|count| *count == 1));
    // Three files and their reasons.
    assert_eq!(quarantined(&sim), 6);
    let kept = Path::new("/data/quarantine").join(damaged.file_name().unwrap());
    assert!(sim.fs.contents(&kept).is_some());
}

#[test]
fn a_segment_of_which_nothing_can_be_read_leaves_the_store() {
    let sim = SimEnv::new(1);
    filled(&sim);
    let damaged = find(&sim, ".spans.parquet");
    let bytes = sim.fs.contents(&damaged).unwrap().len();
    // The length of the footer.
    flip(&sim, &damaged, bytes - 6);
    let (report, found) = repair(&sim);
    let [repair] = &report.repairs[..] else {
        panic!("{report:?}");
    };
    assert_eq!(
        (repair.remedy, repair.spans_kept, repair.spans_lost),
        (Remedy::SetAside, 0, MANY)
    );
    assert_eq!(found, once(12));
}

#[test]
fn a_missing_file_of_spans_is_told_and_the_rest_is_kept() {
    let sim = SimEnv::new(1);
    filled(&sim);
    sim.fs.remove_file(&find(&sim, ".spans.parquet")).unwrap();
    let (report, found) = repair(&sim);
    assert_eq!(report.repairs[0].problem, "is missing");
    assert_eq!(report.repairs[0].remedy, Remedy::SetAside);
    assert_eq!(found, once(12));
    assert_eq!(quarantined(&sim), 4, "two files and their reasons");
}

#[test]
fn copies_in_the_manifest_and_recent_hashes_are_repaired() {
    let sim = SimEnv::new(1);
    filled(&sim);
    let versions: Vec<PathBuf> = sim
        .fs
        .files()
        .into_iter()
        .filter(|path| path.starts_with("/data/manifest"))
        .collect();
    flip(&sim, &versions[0], 20);
    let last = versions.last().unwrap();
    let length = sim.fs.contents(last).unwrap().len();
    flip(&sim, last, length - 20);
    let recent = find(&sim, ".recent");
    flip(&sim, &recent, 40);
    let planned = plan(&sim);
    let (report, found) = repair(&sim);
    let files = |report: &RepairReport| -> Vec<PathBuf> {
        let files = report.repairs.iter().map(|repair| repair.file.clone());
        files.collect()
    };
    assert_eq!(
        files(&planned),
        [versions[0].clone(), last.clone(), recent.clone()]
    );
    assert!(files(&report).contains(&recent), "{report:?}");
    assert_eq!(found, once(MANY + 12));
}

#[test]
fn a_disk_that_fails_is_left_to_a_person() {
    let sim = SimEnv::new(1);
    filled(&sim);
    let failing = find(&sim, ".spans.parquet");
    sim.fs.set_unreadable(&failing);
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        let report = store.repair(true, &mut |_| {}).unwrap();
        let [problem] = &report.remaining[..] else {
            panic!("{report:?}");
        };
        assert_eq!(problem.file, failing);
        assert!(problem.message.contains("make a copy"), "{problem:?}");
        assert_eq!(report.repairs, []);
        assert_eq!(store.snapshot().segments().len(), 2);
    });
}

#[test]
fn a_repair_that_fails_at_any_operation_can_be_made_again() {
    let mut nth = 1;
    loop {
        let sim = SimEnv::new(nth);
        filled(&sim);
        let damaged = find(&sim, ".spans.parquet");
        flip(&sim, &damaged, sim.fs.contents(&damaged).unwrap().len() / 3);
        let met = runtime().block_on(async {
            let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
            sim.fs.fail_nth(nth, Fault::DiskFull);
            drop(store.repair(true, &mut |_| {}));
            sim.fs.faults_left() == 0
        });
        sim.fs.power_cut(Loss::All);
        let (_, found) = repair(&sim);
        assert!(found.len() as u64 > MANY / 2, "operation {nth}");
        assert!((0..12).all(|span| found.contains_key(&span)));
        if !met {
            break;
        }
        nth += 7;
    }
    assert!(nth > 10, "a repair makes more than {nth} operations");
}
