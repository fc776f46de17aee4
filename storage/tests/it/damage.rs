//! Damage: torn ends of the log at every byte, flipped bits anywhere.
//!
//! Never a wrong span, never a panic; what is lost is reported.
//!
//! `CLEW_TEST_FLIPS=10000 cargo test -p clew-storage --test it damage` flips so many bits drawn by lot, `CLEW_TEST_SEED` draws others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use arrow::array::{AsArray, RecordBatch};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use clew_storage::Store;
use clew_storage::derived::DerivedTable;
use clew_storage::env::FileSystem;
use clew_storage::env::testing::{SeededRandom, SimEnv};
use clew_storage::segment::SegmentTable;
use clew_storage::store::Recovery;
use clew_storage::verify::verify_dir;

use crate::common::{DATA_DIR, figure, given, open, payload, runtime, send, trace_id};

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
    Some((hot_spans(&store), recovery))
}

fn hot_spans(store: &Store) -> Vec<u64> {
    let mut found = Vec::new();
    for batch in store.snapshot().hot() {
        let ids = batch.span_ids().iter().flatten();
        found.extend(ids.map(|id| u64::from_be_bytes(id.try_into().unwrap())));
    }
    found
}

/// Spans that were sent.
const SPANS: u64 = 10;

/// All that a store answers, as text, and what it says that it cannot answer.
#[derive(Debug, Default)]
struct Answers {
    /// Rows of the traces by id, by span.
    spans: BTreeMap<u64, String>,
    /// Rows of the tables as they lie in segments, and of counts.
    tables: BTreeSet<String>,
    reported: Vec<String>,
}

fn rows(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default();
    let columns = batch.columns().iter();
    let columns: Vec<_> = columns
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap())
        .collect();
    let row = |number| {
        let cells = columns
            .iter()
            .map(|column| column.value(number).to_string());
        cells.collect::<Vec<_>>().join("|")
    };
    (0..batch.num_rows()).map(row).collect()
}

impl Answers {
    fn of(store: &Store, recovery: &Recovery) -> Self {
        let mut answers = Self {
            reported: recovery.damaged.clone(),
            ..Self::default()
        };
        let snapshot = store.snapshot();
        for first in (0..SPANS).step_by(4) {
            match snapshot.trace(trace_id(first)) {
                Err(error) => answers.reported.push(error.to_string()),
                Ok(None) => {}
                Ok(Some(trace)) => {
                    answers.reported.extend(trace.unreadable);
                    let ids = trace.rows.column(1).as_fixed_size_binary();
                    let ids = ids.iter().flatten().map(|id| id.try_into().unwrap());
                    let numbers = ids.map(u64::from_be_bytes);
                    answers.spans.extend(numbers.zip(rows(&trace.rows)));
                }
            }
        }
        for segment in snapshot.segments() {
            for table in [SegmentTable::Spans, SegmentTable::Traces] {
                // What was flushed is one trace.
                let count = match table {
                    SegmentTable::Spans => segment.meta().span_count,
                    SegmentTable::Traces => 1,
                };
                answers.table(segment.read_rows(table, 0..count as u32, None));
            }
        }
        for table in [DerivedTable::SpanMetrics, DerivedTable::ServiceEdges] {
            for file in snapshot.derived(table) {
                answers.table(file.read());
            }
        }
        answers
    }

    fn table<E: ToString>(&mut self, table: Result<RecordBatch, E>) {
        match table {
            Ok(table) => self.tables.extend(rows(&table)),
            Err(error) => self.reported.push(error.to_string()),
        }
    }

    /// Nothing is answered that is not in `sound`, and what is missing is reported.
    fn check(&self, sound: &Self, context: &str) {
        for (span, row) in &self.spans {
            assert_eq!(Some(row), sound.spans.get(span), "{context}: span {span}");
        }
        let mut foreign = self.tables.difference(&sound.tables);
        assert_eq!(foreign.next(), None, "{context}");
        let whole =
            self.spans.len() == sound.spans.len() && self.tables.len() == sound.tables.len();
        assert!(
            whole || !self.reported.is_empty(),
            "{context}: only {:?} answered",
            self.spans.keys()
        );
    }
}

/// What a store answers when nothing is damaged.
fn sound_answers(files: &Files) -> Answers {
    let (path, whole) = log(files);
    let sim = machine(files, path, whole);
    let (store, recovery) = open(&sim.env(), Path::new(DATA_DIR)).unwrap();
    let answers = Answers::of(&store, &recovery);
    assert_eq!(answers.spans.len() as u64, SPANS);
    assert_eq!(answers.reported, Vec::<String>::new());
    answers
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

/// The folder of a file in the data directory; segments are told apart by what they hold.
fn kind(path: &Path) -> String {
    let inside = path.strip_prefix(DATA_DIR).unwrap().to_string_lossy();
    match inside.split_once('/') {
        Some(("segments", name)) => format!("segments, {}", name.split_once('.').unwrap().1),
        Some((folder, _)) => folder.to_owned(),
        None => inside.into_owned(),
    }
}

/// Flips a bit, verifies, opens, asks.
fn flip(files: &Files, sound: &Answers, path: &Path, at: usize, bit: usize) {
    let mut contents = files[path].clone();
    contents[at] ^= 1 << bit;
    let sim = machine(files, path, &contents);
    let context = format!("bit {bit} of byte {at} of {}", path.display());
    let report = verify_dir(&sim.env(), Path::new(DATA_DIR), &mut |_| {}).unwrap();
    // Behind the last group, damage looks like a write that never ended.
    let behind = report.torn_tail_bytes > 0 && report.log_records == 3;
    assert!(!report.is_ok() || behind, "{context} is not found");
    let opened = open(&sim.env(), Path::new(DATA_DIR));
    let (store, recovery) = opened.unwrap_or_else(|error| {
        panic!("{context}: one flipped bit does not keep the store shut: {error}")
    });
    let found = hot_spans(&store);
    let wrong = found.iter().find(|span| !(4..10).contains(*span));
    assert_eq!(wrong, None, "{context}");
    assert!(
        found.len() == 6 || !recovery.damaged.is_empty(),
        "{context}"
    );
    // A start looks at segments and counts only so far as it reads them.
    let kind = kind(path);
    let later = kind.starts_with("segments") || kind.starts_with("derived");
    let reported = !recovery.damaged.is_empty() || later;
    assert!(reported || behind, "{context}");
    Answers::of(&store, &recovery).check(sound, &context);
}

#[test]
fn a_flipped_bit_in_any_file_is_found_by_verify_and_never_answered_wrongly() {
    let files = files();
    let sound = sound_answers(&files);
    let mut flips = 0;
    for (path, whole) in &files {
        if kind(path) == "lock" {
            continue;
        }
        let clean = machine(&files, path, whole);
        let report = verify_dir(&clean.env(), Path::new(DATA_DIR), &mut |_| {}).unwrap();
        assert_eq!((report.problems.len(), report.torn_tail_bytes), (0, 0));
        for (place, at) in places(whole, 200).into_iter().enumerate() {
            flip(&files, &sound, path, at, place % 8);
            flips += 1;
        }
    }
    assert!(flips > 1000, "{flips}");
    figure("flips at places evenly spread", flips);
}

#[test]
fn bits_flipped_by_lot_are_found_and_never_answered_wrongly() {
    let files = files();
    let sound = sound_answers(&files);
    let mut by_kind: BTreeMap<String, Vec<&PathBuf>> = BTreeMap::new();
    for path in files.keys().filter(|path| kind(path) != "lock") {
        by_kind.entry(kind(path)).or_default().push(path);
    }
    let random = SeededRandom::new(given("CLEW_TEST_SEED").unwrap_or(1));
    let draw = |bound: usize| random.below(bound as u64) as usize;
    let flips = given("CLEW_TEST_FLIPS").unwrap_or(500);
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for number in 0..flips as usize {
        let (kind, paths) = by_kind.iter().nth(number % by_kind.len()).unwrap();
        let path = paths[draw(paths.len())];
        let whole = &files[path];
        // The unwritten rest of a file of the log is most of it, and tells nothing.
        let at = (0..8).map(|_| draw(whole.len()));
        let at = at.reduce(|one, other| if whole[one] == 0 { other } else { one });
        flip(&files, &sound, path, at.unwrap(), draw(8));
        *counts.entry(kind).or_default() += 1;
    }
    assert!(counts.len() >= 7, "{counts:?}");
    figure("flips", flips);
    for (kind, count) in counts {
        figure(&format!("of these in {kind}"), count);
    }
}

#[test]
fn a_file_that_cannot_be_read_costs_what_it_holds_and_nothing_for_good() {
    let files = files();
    let sound = sound_answers(&files);
    let mut tried = 0;
    for path in files.keys().filter(|path| kind(path) != "lock") {
        let context = format!("{} cannot be read", path.display());
        let sim = machine(&files, path, &files[path]);
        sim.fs.set_unreadable(path);
        // A store that does not open has said so.
        if let Ok((store, recovery)) = open(&sim.env(), Path::new(DATA_DIR)) {
            Answers::of(&store, &recovery).check(&sound, &context);
        }
        // The disk is well again.
        let healed = SimEnv::new(3);
        for path in sim.fs.files() {
            healed.fs.create_dir_all(path.parent().unwrap()).unwrap();
            healed
                .fs
                .set_contents(&path, &sim.fs.contents(&path).unwrap());
        }
        let (store, _) = open(&healed.env(), Path::new(DATA_DIR)).expect(&context);
        let answers = Answers::of(&store, &Recovery::default());
        assert_eq!(answers.spans, sound.spans, "{context}, for a while");
        tried += 1;
    }
    assert!(tried >= 7, "{tried}");
    figure("files that could not be read, one after the other", tried);
}
