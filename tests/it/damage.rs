//! Damaged files, as the user meets them: what `clew verify` says, what the server does at start, and what queries answer.
//!
//! A torn tail of the log is what a power cut leaves: it is cut off, and all records before it are there. A flipped bit
//! anywhere else is found by `clew verify` and reported at start; and whatever is damaged, an answer is right, or says that
//! it is incomplete, or is an error: never wrong.

use std::path::{Path, PathBuf};

use crate::support::corpus::Request;
use crate::support::http;
use crate::support::json::Json;
use crate::support::load::{BATCH, batch};
use crate::support::query;
use crate::support::random::Random;
use crate::support::send::HttpSender;
use crate::support::server::{DataDir, Server};
use crate::support::span::{self, Span};
use crate::support::{otlp, otlp_json};

/// Random flips per kind of file: `CLEW_TEST_FLIPS` for another number.
const FLIPS: usize = 25;

/// Of the bytes inside payloads and padding, one in so many is a place to cut: `CLEW_TEST_CUT_STEP=1` for every byte.
const CUT_STEP: usize = 97;

/// More zeros in a row than any header has.
const PADDING_MIN: usize = 24;

/// Traces in the data that is damaged, one request each.
const TRACES: usize = 12;

fn trace_id(number: usize) -> String {
    format!(
        "{:032x}",
        0xabcd_ef00_0000_0000_0000_0000_0000_0100_u128 + number as u128
    )
}

fn request(number: usize) -> Request {
    Request::protobuf(batch("damaged", &trace_id(number)))
}

/// Small log files, so that a copy is cheap.
fn settings(epoch_age: &str) -> [(&'static str, String); 2] {
    [
        ("STORAGE_WAL_FILE_SIZE", "1MiB".into()),
        ("STORAGE_EPOCH_AGE", epoch_age.into()),
    ]
}

fn new_data(epoch_age: &str) -> DataDir {
    let settings = settings(epoch_age);
    let settings: Vec<(&str, &str)> = settings.iter().map(|(k, v)| (*k, v.as_str())).collect();
    DataDir::new(&settings)
}

fn files_named(data: &DataDir, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let is_wanted = |path: &PathBuf| wanted(&path.to_string_lossy());
    data.files().into_iter().filter(is_wanted).collect()
}

fn is_log(path: &str) -> bool {
    path.starts_with("wal/")
}

fn is_segment(path: &str) -> bool {
    path.starts_with("segments/")
}

fn is_manifest(path: &str) -> bool {
    path.starts_with("manifest/")
}

/// A data directory whose log holds `TRACES` acknowledged requests in its only file, and where the payload of each ends.
fn log_of_requests() -> (DataDir, PathBuf, Vec<usize>) {
    let server = new_data("1h").start();
    let mut http = HttpSender::new(server.addresses());
    for number in 0..TRACES {
        http.deliver(&request(number));
    }
    let data = server.kill();
    let logs = files_named(&data, is_log);
    assert_eq!(logs.len(), 1, "one file of the log: {logs:?}");
    let bytes = std::fs::read(data.path().join(&logs[0])).expect("the log");
    let ends = (0..TRACES)
        .map(|number| end_of(&bytes, &request(number).body))
        .collect();
    (data, logs[0].clone(), ends)
}

/// One past the end of `payload` in `file`: the log keeps payloads as they were received.
fn end_of(file: &[u8], payload: &[u8]) -> usize {
    let start = file
        .windows(payload.len())
        .position(|bytes| bytes == payload);
    start.expect("the payload in the log") + payload.len()
}

/// Places in which to cut a log: around each end of a payload and each start of a write, and every byte of the records'
/// heads; inside payloads and padding, where one byte is like the next, one in `step`.
fn cuts(file: &[u8], ends: &[usize], step: usize) -> Vec<usize> {
    let mut cuts = Vec::new();
    for pair in ends.windows(2) {
        let (last, end) = (pair[0], pair[1]);
        let zeros = file[last..end]
            .iter()
            .take_while(|byte| **byte == 0)
            .count();
        let start = last + zeros;
        let payload = end - request(0).body.len();
        let near = |at: usize| {
            at.abs_diff(end) < 8 || at.abs_diff(last) < 8 || (start - 4..payload + 8).contains(&at)
        };
        cuts.extend((last..end).filter(|at| near(*at) || at.is_multiple_of(step)));
    }
    cuts.extend(ends.last());
    cuts
}

/// What may stand behind the place where a write was cut.
#[derive(Debug, Clone, Copy)]
enum Tail {
    /// The file ends there.
    Gone,
    /// Preallocated space.
    Zeros,
    /// Whatever the disk held before.
    Garbage,
}

fn cut(file: &Path, at: usize, tail: Tail, random: &mut Random) {
    let mut bytes = std::fs::read(file).expect("the log");
    match tail {
        Tail::Gone => bytes.truncate(at),
        Tail::Zeros => bytes[at..].fill(0),
        Tail::Garbage => bytes[at..]
            .iter_mut()
            .for_each(|byte| *byte = random.next() as u8),
    }
    std::fs::write(file, bytes).expect("the damage");
}

#[test]
fn a_log_cut_anywhere_in_its_last_records_keeps_every_record_before() {
    let (data, log, ends) = log_of_requests();
    let bytes = std::fs::read(data.path().join(&log)).expect("the log");
    let mut random = Random::seeded(3);
    // A start for each byte would take minutes; the log's own tests do that. `verify` is quicker.
    let step = number("CLEW_TEST_CUT_STEP", CUT_STEP);
    let cuts = cuts(&bytes, &ends[TRACES - 4..], step);
    for (index, at) in cuts.into_iter().enumerate() {
        let copy = data.copy();
        let tail = [Tail::Gone, Tail::Zeros, Tail::Garbage][index % 3];
        let what = format!("cut at {at}, {tail:?}");
        cut(&copy.path().join(&log), at, tail, &mut random);
        let verified = copy.run(&["verify"]);
        assert!(
            verified.status.success(),
            "{what}: {}",
            text(&verified.stdout)
        );
        if index % 16 == 0 || ends.contains(&at) {
            check_cut(copy, ends.iter().filter(|end| **end <= at).count(), &what);
        }
    }
}

fn check_cut(data: DataDir, whole: usize, what: &str) {
    let server = data.start();
    let address = server.addresses().http;
    assert_eq!(query::span_count(address), (whole * BATCH) as u64, "{what}");
    for number in 0..TRACES {
        let wanted = if number < whole {
            Answer::Right
        } else {
            Answer::Unknown
        };
        assert_eq!(ask(&server, number), wanted, "{what}, trace {number}");
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// How a trace was answered.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// With all spans as sent.
    Right,
    /// Not known.
    Unknown,
    /// With an error, or with a part that is marked as such and right in what it holds.
    Incomplete,
    /// With anything else.
    Wrong(String),
}

/// Asks for a trace, and judges the answer.
fn ask(server: &Server, number: usize) -> Answer {
    let id = trace_id(number);
    let address = server.addresses().http;
    let answer = http::get(address, &format!("/api/v3/traces/{id}"));
    match answer.status {
        404 => return Answer::Unknown,
        200 => {}
        _ => return Answer::Incomplete,
    }
    let spans = otlp_json::spans(answer.json(200).at("result")).expect("OTLP/JSON");
    let sent = otlp::decode(&request(number).body).expect("our own request");
    match span::difference(&sent, spans.clone()) {
        None => Answer::Right,
        Some(_) if is_marked(server, &id) && is_part(&spans, &sent) => Answer::Incomplete,
        Some(difference) => Answer::Wrong(difference),
    }
}

fn is_marked(server: &Server, id: &str) -> bool {
    let headers = [("accept", "application/json")];
    let path = format!("/api/clew/v1/traces/{id}");
    let answer = http::request(server.addresses().http, "GET", &path, &headers, b"");
    answer.status == 200
        && *answer.json(200).at("head").at("coverage").at("complete") == Json::Bool(false)
}

fn is_part(spans: &[Span], sent: &[Span]) -> bool {
    spans.iter().all(|span| sent.contains(span))
}

/// The number in an environment variable, or `otherwise`.
fn number(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Flips one random bit in one of `files`; the file, and words that say what was done.
fn flip(
    data: &DataDir,
    files: &[PathBuf],
    end: Option<usize>,
    random: &mut Random,
) -> (PathBuf, String) {
    let file = files[random.below(files.len())].clone();
    let path = data.path().join(&file);
    let mut bytes = std::fs::read(&path).expect("a file");
    let end = end.unwrap_or(bytes.len());
    let at = loop {
        let at = random.below(end);
        if !is_padding(&bytes, at) {
            break at;
        }
    };
    let bit = random.below(8);
    bytes[at] ^= 1 << bit;
    std::fs::write(&path, bytes).expect("the damage");
    let what = format!("bit {bit} of byte {at} of {}", file.display());
    (file, what)
}

/// Whether a byte is one of many zeros in a row: padding of the log, which holds nothing that could be lost or answered.
fn is_padding(bytes: &[u8], at: usize) -> bool {
    let from = at.saturating_sub(PADDING_MIN);
    let around = &bytes[from..bytes.len().min(at + PADDING_MIN)];
    around
        .split(|byte| *byte != 0)
        .any(|zeros| zeros.len() >= PADDING_MIN)
        && bytes[at] == 0
}

/// `clew verify` finds the damage, says in which file, and ends with an error.
fn check_verify(data: &DataDir, file: &Path, what: &str) {
    let verified = data.run(&["verify"]);
    let said = text(&verified.stdout) + &text(&verified.stderr);
    assert!(!verified.status.success(), "{what} was not found: {said}");
    let name = file
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    assert!(
        said.contains(&name),
        "{what}: the report does not name the file: {said}"
    );
}

/// The server reports the damage at start or when it reads it, and answers nothing wrong.
fn check_answers(data: DataDir, what: &str, must_report: bool) {
    let server = match data.try_start() {
        Ok(server) => server,
        Err((data, _)) => {
            assert!(
                data.log().len() > 20,
                "{what}: the server refused to start without a word"
            );
            return;
        }
    };
    let answers: Vec<Answer> = (0..TRACES).map(|number| ask(&server, number)).collect();
    let wrong = answers
        .iter()
        .find(|answer| matches!(answer, Answer::Wrong(_)));
    assert_eq!(wrong, None, "{what}");
    let count = count_or_error(&server);
    let all_right = answers.iter().all(|answer| *answer == Answer::Right);
    assert!(
        count.is_none_or(|count| count <= (TRACES * BATCH) as u64),
        "{what}: {count:?} spans"
    );
    let data = server.kill();
    if must_report || !all_right {
        let reported = !data.log_lines("ERROR").is_empty() || !data.log_lines("WARN").is_empty();
        assert!(reported, "{what}: nothing in the log:\n{}", data.log());
    }
}

/// Spans that SQL counts, or `None` when it says that it cannot.
fn count_or_error(server: &Server) -> Option<u64> {
    let headers = [("accept", "application/json")];
    let statement =
        b"SELECT count(*), min(start_time), max(duration_ns), count(DISTINCT name) FROM spans";
    let answer = http::request(
        server.addresses().http,
        "POST",
        "/api/sql",
        &headers,
        statement,
    );
    (answer.status == 200).then(|| answer.json(200).at("rows").items()[0].items()[0].count())
}

#[test]
fn a_flipped_bit_in_the_log_is_found_and_never_answered() {
    let (data, log, ends) = log_of_requests();
    let (mut random, seed) = Random::fresh();
    println!("CLEW_TEST_SEED={seed}");
    for _ in 0..number("CLEW_TEST_FLIPS", FLIPS) {
        let copy = data.copy();
        // Below the last three records, so that later records prove that the damaged place had been durable.
        let (file, what) = flip(
            &copy,
            std::slice::from_ref(&log),
            Some(ends[TRACES - 4]),
            &mut random,
        );
        check_verify(&copy, &file, &what);
        check_answers(copy, &what, true);
    }
}

/// Stored data: several segments, and a manifest with some history.
fn stored_requests() -> DataDir {
    let mut data = new_data("1h");
    for part in 0..3 {
        let server = data.start();
        let mut http = HttpSender::new(server.addresses());
        for number in (0..TRACES).filter(|number| number % 3 == part) {
            http.deliver(&request(number));
        }
        data = server.stop();
    }
    data
}

#[test]
fn a_flipped_bit_in_a_segment_is_found_and_never_answered() {
    flipped_bits_are_found(is_segment);
}

#[test]
fn a_flipped_bit_in_the_manifest_is_found_and_never_answered() {
    flipped_bits_are_found(is_manifest);
}

fn flipped_bits_are_found(kind: fn(&str) -> bool) {
    let data = stored_requests();
    let verified = data.run(&["verify"]);
    assert!(
        verified.status.success(),
        "sound data: {}",
        text(&verified.stdout)
    );
    let files = files_named(&data, kind);
    assert!(!files.is_empty(), "no such file among {:?}", data.files());
    let (mut random, seed) = Random::fresh();
    println!("CLEW_TEST_SEED={seed}");
    for _ in 0..number("CLEW_TEST_FLIPS", FLIPS) {
        let copy = data.copy();
        let (file, what) = flip(&copy, &files, None, &mut random);
        check_verify(&copy, &file, &what);
        check_answers(copy, &what, false);
    }
}
