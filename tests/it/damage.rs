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

/// Traces in the data that is damaged.
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

/// A data directory whose log holds `TRACES` acknowledged requests, and the places in its only file where the last three
/// of them begin and end, found by watching the file.
fn log_of_requests() -> (DataDir, PathBuf, Vec<usize>) {
    let server = new_data("1h").start();
    let mut http = HttpSender::new(server.addresses());
    let mut marks = Vec::new();
    let mut before = Vec::new();
    for number in 0..TRACES {
        http.deliver(&request(number));
        let path = server.data().path().join(the_log(server.data()));
        let after = std::fs::read(path).expect("the log");
        if number + 3 >= TRACES {
            marks.push(last_change(&before, &after));
        }
        before = after;
    }
    let data = server.kill();
    let path = the_log(&data);
    let mut places: Vec<usize> = marks.iter().map(|mark| mark.0).collect();
    places.push(marks[2].1);
    (data, path, places)
}

fn the_log(data: &DataDir) -> PathBuf {
    let logs = files_named(data, is_log);
    assert_eq!(logs.len(), 1, "one file of the log: {logs:?}");
    logs[0].clone()
}

/// First and one past the last byte in which two states of a file differ.
fn last_change(before: &[u8], after: &[u8]) -> (usize, usize) {
    let byte = |bytes: &[u8], at: usize| bytes.get(at).copied().unwrap_or(0);
    let differs = |at: &usize| byte(before, *at) != byte(after, *at);
    let places = 0..before.len().max(after.len());
    let first = places.clone().find(differs).expect("a change");
    let last = places.rev().find(differs).expect("a change");
    (first, last + 1)
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
fn a_log_cut_at_any_byte_keeps_every_record_before_it() {
    let (data, log, places) = log_of_requests();
    let mut random = Random::seeded(3);
    for at in places[0]..places[3] {
        let copy = data.copy();
        let tail = [Tail::Gone, Tail::Zeros, Tail::Garbage][at % 3];
        cut(&copy.path().join(&log), at, tail, &mut random);
        let verified = copy.run(&["verify"]);
        assert!(
            verified.status.success(),
            "cut at {at}, {tail:?}: {}",
            text(&verified.stdout)
        );
        // A start for each byte would take minutes; the log's own tests do that, so here each 61st, and each border.
        if (at - places[0]).is_multiple_of(61) || places.contains(&at) {
            let whole = TRACES - 3 + places[1..].iter().filter(|end| **end <= at).count();
            check_cut(copy, whole, &format!("cut at {at}, {tail:?}"));
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

fn flips() -> usize {
    std::env::var("CLEW_TEST_FLIPS").map_or(FLIPS, |text| text.parse().expect("a number"))
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
    let at = random.below(end.unwrap_or(bytes.len()));
    let bit = random.below(8);
    bytes[at] ^= 1 << bit;
    std::fs::write(&path, bytes).expect("the damage");
    let what = format!("bit {bit} of byte {at} of {}", file.display());
    (file, what)
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
    let (data, log, places) = log_of_requests();
    let (mut random, seed) = Random::fresh();
    println!("CLEW_TEST_SEED={seed}");
    for _ in 0..flips() {
        let copy = data.copy();
        // Below the last three records, so that later records prove that the damaged place had been durable.
        let (file, what) = flip(
            &copy,
            std::slice::from_ref(&log),
            Some(places[0]),
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
    for _ in 0..flips() {
        let copy = data.copy();
        let (file, what) = flip(&copy, &files, None, &mut random);
        check_verify(&copy, &file, &what);
        check_answers(copy, &what, false);
    }
}
