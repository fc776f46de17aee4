//! Damage: torn ends of the log at every byte, flipped bits anywhere.
//!
//! Never a wrong span, never a panic; what is lost is reported.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clew_storage::env::FileSystem;
use clew_storage::env::testing::SimEnv;
use clew_storage::store::Recovery;
use clew_storage::verify::verify_dir;

use crate::common::{DATA_DIR, open, payload, runtime, send};

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// The files of a store with two flushed payloads and three in the log, left by a process that was killed.
fn files() -> Files {
    let sim = SimEnv::new(1);
    runtime().block_on(async {
        let (store, _) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
        for number in 0..5 {
            send(&store, payload(2 * number, 2, 20)).await.unwrap();
            if number == 1 {
                store.flush().await.unwrap();
            }
        }
    });
    let files = sim.fs.files().into_iter();
    files
        .map(|path| (path.clone(), sim.fs.contents(&path).unwrap()))
        .collect()
}

/// A machine with these files, one of them with other contents.
fn machine(files: &Files, damaged: &Path, contents: &[u8]) -> SimEnv {
    let sim = SimEnv::new(2);
    for (path, whole) in files {
        sim.fs.create_dir_all(path.parent().unwrap()).unwrap();
        sim.fs
            .set_contents(path, if path == damaged { contents } else { whole });
    }
    sim
}

/// Opens a damaged directory; the hot spans, or `None` when it is refused.
fn reopen(sim: &SimEnv) -> Option<(Vec<u64>, Recovery)> {
    let (store, recovery) = open(&sim.env(), Path::new(DATA_DIR)).ok()?;
    let mut found = Vec::new();
    for batch in store.snapshot().hot() {
        let ids = batch.span_ids().iter().flatten();
        found.extend(ids.map(|id| u64::from_be_bytes(id.try_into().unwrap())));
    }
    Some((found, recovery))
}

fn log(files: &Files) -> (&PathBuf, &Vec<u8>) {
    files
        .iter()
        .find(|(path, _)| path.starts_with("/data/wal"))
        .unwrap()
}

#[test]
fn a_log_torn_at_every_byte_of_its_last_three_records_opens_with_exactly_the_intact_ones() {
    let files = files();
    let (path, whole) = log(&files);
    let payload_end = |number: u64| {
        let payload = payload(2 * number, 2, 20);
        let start = whole
            .windows(payload.len())
            .position(|window| window == payload);
        start.unwrap() + payload.len()
    };
    // Each record stands in a group of its own, at a page of its own.
    let pages = (2..5).map(payload_end).map(|end| (end / 4096 * 4096)..=end);
    for cut in pages.flatten() {
        let mut contents = whole.clone();
        contents[cut..].fill(0);
        let sim = machine(&files, path, &contents);
        let (found, recovery) = reopen(&sim).expect("a torn end does not keep it shut");
        let intact = (2..5).filter(|number| payload_end(*number) <= cut).count() as u64;
        assert_eq!(
            found,
            (4..4 + 2 * intact).collect::<Vec<_>>(),
            "cut at {cut}"
        );
        assert_eq!(recovery.damaged, Vec::<String>::new(), "cut at {cut}");
        assert_eq!(recovery.stored_spans, 4);
    }
}

/// Offsets to flip a bit at: so many of the bytes that are not zero, evenly spread, and a few that are.
fn places(contents: &[u8], most: usize) -> Vec<usize> {
    let (written, zeros): (Vec<_>, Vec<_>) = (0..contents.len()).partition(|at| contents[*at] != 0);
    let spread = |places: Vec<usize>, most: usize| {
        let step = places.len().div_ceil(most).max(1);
        places.into_iter().step_by(step)
    };
    spread(written, most)
        .chain(spread(zeros, most / 8))
        .collect()
}

#[test]
fn a_flipped_bit_in_any_file_is_found_by_verify_and_never_answered_wrongly() {
    let files = files();
    let mut flips = 0;
    for (path, whole) in &files {
        let kind = path.strip_prefix(DATA_DIR).unwrap().to_string_lossy();
        if kind == "lock" {
            continue;
        }
        let clean = machine(&files, path, whole);
        let report = verify_dir(&clean.env(), Path::new(DATA_DIR), &mut |_| {}).unwrap();
        assert_eq!((report.problems.len(), report.torn_tail_bytes), (0, 0));
        for (place, at) in places(whole, 300).into_iter().enumerate() {
            let mut contents = whole.clone();
            contents[at] ^= 1 << (place % 8);
            let sim = machine(&files, path, &contents);
            let context = format!("byte {at} of {kind}");
            let report = verify_dir(&sim.env(), Path::new(DATA_DIR), &mut |_| {}).unwrap();
            // Behind the last group, damage looks like a write that never ended.
            let behind = report.torn_tail_bytes > 0 && report.log_records == 3;
            assert!(!report.is_ok() || behind, "{context} is not found");
            if let Some((found, recovery)) = reopen(&sim) {
                let wrong = found.iter().find(|span| !(4..10).contains(*span));
                assert_eq!(wrong, None, "{context}");
                assert!(
                    found.len() == 6 || !recovery.damaged.is_empty(),
                    "{context}"
                );
                // A start looks at segments and counts only so far as it reads them.
                let later = kind.starts_with("segments") || kind.starts_with("derived");
                let reported = !recovery.damaged.is_empty() || later;
                assert!(reported || behind, "{context}");
            } else {
                panic!("{context}: one flipped bit does not keep the store shut");
            }
            flips += 1;
        }
    }
    assert!(flips > 1500, "{flips}");
}
