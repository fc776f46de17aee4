//! The questions of docs/sql.md over a recording: the same answers from the hot window, from segments and from both, those of
//! `testdata/questions/questions.slt`, and those of `DuckDB` reading the segments' files.
//!
//! Every second trace has a weight of 4, so that a count that forgets weights shows.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use sqllogictest::{Record, Runner, parse_file, strict_column_validator};

use crate::slt::Database;
use crate::support::spans::{TestSpan, batch_at};
use crate::support::{Server, corpus};

/// When everything was received.
const RECEIVED: u64 = 1_795_394_950_000_000_000;
/// Columns that are approximate, and how far off they may be: statement, column, factor.
const APPROXIMATE: [(&str, usize, f64); 2] = [("12", 3, HISTOGRAM), ("13", 5, HISTOGRAM)];
/// A bucket of scale 4, which these durations need, is 4.4 % wide.
const HISTOGRAM: f64 = 1.05;

fn root(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(path)
}

/// The statements of docs/sql.md by the number of their question; a second one of a question has a `b` behind it.
fn questions() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(root("docs/sql.md")).unwrap();
    let (_, text) = text.split_once("\n## Questions\n").unwrap();
    let mut questions = BTreeMap::new();
    for section in text.split("\n### ").skip(1) {
        let number = section.split('.').next().unwrap();
        let blocks = section.split("```sql\n").skip(1);
        for (block, letter) in blocks.zip(["", "b", "c"]) {
            let statement = block.split("```").next().unwrap().trim();
            let statement = statement.trim_end_matches(';').to_owned();
            questions.insert(format!("{number}{letter}"), statement);
        }
    }
    questions
}

fn recording() -> Vec<Vec<TestSpan>> {
    let mut batches = corpus::capture("py-proto");
    for span in batches.iter_mut().flatten() {
        span.weight = Some(if span.trace_id % 2 == 0 { 1.0 } else { 4.0 });
    }
    batches
}

async fn hot(batches: &[Vec<TestSpan>]) -> Server {
    let server = Server::new();
    for batch in batches {
        server.append(batch_at(batch, RECEIVED)).await;
    }
    server
}

async fn stored(batches: &[Vec<TestSpan>]) -> Server {
    let server = Server::new();
    for part in batches.chunks(batches.len().div_ceil(3)) {
        for batch in part {
            server.append(batch_at(batch, RECEIVED)).await;
        }
        server.flush().await;
    }
    server
}

/// Traces lie in several segments and the hot window.
async fn mixed(batches: &[Vec<TestSpan>]) -> Server {
    let server = Server::new();
    let (first, last) = batches.split_at(batches.len() * 2 / 3);
    for part in first.chunks(first.len().div_ceil(5)) {
        for batch in part {
            server.append(batch_at(batch, RECEIVED)).await;
        }
        server.flush().await;
    }
    for batch in last {
        server.append(batch_at(batch, RECEIVED)).await;
    }
    server
}

/// The rows of a statement, times as nanoseconds.
async fn rows(server: &Server, statement: &str) -> Vec<Vec<Value>> {
    let answer = server.sql(statement, "application/json").await;
    let body = answer.json();
    assert!(answer.status.is_success(), "{statement}: {body}");
    let columns = body["columns"].as_array().unwrap();
    let is_time: Vec<bool> = columns
        .iter()
        .map(|column| column["type"] == "timestamp(9)")
        .collect();
    let cell = |(cell, is_time): (&Value, &bool)| match cell {
        Value::String(text) if *is_time => {
            let time: jiff::Timestamp = text.parse().unwrap();
            Value::from(i64::try_from(time.as_nanosecond()).unwrap())
        }
        Value::String(text) if text.len() > 15 && text.parse::<i64>().is_ok() => {
            text.parse::<i64>().unwrap().into()
        }
        other => other.clone(),
    };
    let rows = body["rows"].as_array().unwrap().iter();
    rows.map(|row| {
        row.as_array()
            .unwrap()
            .iter()
            .zip(&is_time)
            .map(cell)
            .collect()
    })
    .collect()
}

#[track_caller]
fn assert_same(name: &str, found: &[Vec<Value>], expected: &[Vec<Value>], by: &str) {
    assert_eq!(
        found.len(),
        expected.len(),
        "{name}, {by}: {found:?} {expected:?}"
    );
    for (row, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found.len(), expected.len(), "{name}, {by}");
        for (column, (found, expected)) in found.iter().zip(expected).enumerate() {
            let factor = APPROXIMATE
                .iter()
                .find(|(of, at, _)| *of == name && *at == column)
                // Sums of floating-point numbers depend on their order in the last places.
                .map_or(1.0 + 1e-12, |(_, _, factor)| *factor);
            let close = match (found.as_f64(), expected.as_f64()) {
                (Some(found), Some(expected)) => {
                    (found - expected).abs() <= expected.abs() * (factor - 1.0)
                }
                _ => found == expected,
            };
            assert!(
                close,
                "{name}, row {row}, column {column}, {by}: {found} is not {expected}"
            );
        }
    }
}

/// The answers of `DuckDB` over the segments of `server`.
fn duckdb(server: &Server) -> BTreeMap<String, Vec<Vec<Value>>> {
    // The test lies in <target>/<profile>/deps; DuckDB is installed beside the profiles.
    let target = std::env::current_exe().unwrap();
    let target = target.ancestors().nth(3).unwrap().to_owned();
    let output = Command::new(root("query/tests/duckdb/run.sh"))
        .env("CARGO_TARGET_DIR", target)
        .arg(root("testdata/questions/duckdb.sql"))
        .arg(server.data_dir())
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_questions_have_one_answer_wherever_the_spans_lie() {
    let batches = recording();
    let (hot, stored, mixed) = (
        hot(&batches).await,
        stored(&batches).await,
        mixed(&batches).await,
    );
    assert_eq!(hot.store.snapshot().segments().len(), 0);
    assert_eq!(stored.store.snapshot().hot().len(), 0);
    let oracle = duckdb(&stored);
    let questions = questions();
    assert_eq!(questions.len(), 23);
    assert_eq!(
        questions.keys().collect::<Vec<_>>(),
        oracle.keys().collect::<Vec<_>>()
    );
    for (name, statement) in &questions {
        let expected = &oracle[name];
        assert!(!expected.is_empty(), "{name} finds nothing");
        for (server, place) in [(&stored, "stored"), (&hot, "hot"), (&mixed, "mixed")] {
            assert_same(name, &rows(server, statement).await, expected, place);
        }
    }
}

/// What the service graph and SQL say of the same calls is the same.
#[tokio::test(flavor = "multi_thread")]
async fn edges_are_those_of_the_service_graph() {
    let server = mixed(&recording()).await;
    let graph = "/api/dependencies?endTs=1795394960000&lookback=3600000";
    let graph = server.json(graph).await;
    let graph = graph["data"].as_array().unwrap().iter();
    let graph: BTreeMap<_, _> = graph
        .map(|edge| {
            let ends = (edge["parent"].to_string(), edge["child"].to_string());
            (ends, edge["callCount"].as_u64().unwrap())
        })
        .collect();
    let statement = "SELECT caller, callee, sum(call_count) FROM service_edges WHERE kind IN ('rpc', 'messaging') GROUP BY caller, callee";
    let edges = rows(&server, statement).await.into_iter();
    let edges: BTreeMap<_, _> = edges
        .map(|row| {
            let ends = (row[0].to_string(), row[1].to_string());
            (ends, row[2].as_u64().unwrap())
        })
        .collect();
    assert!(edges.len() >= 4, "{edges:?}");
    assert_eq!(edges, graph);
}

/// Cells that begin with `~` may be off as far as a histogram is.
fn nearly(_: sqllogictest::Normalizer, found: &[Vec<String>], expected: &[String]) -> bool {
    let close = |found: &str, expected: &str| match expected.strip_prefix('~') {
        Some(expected) => {
            let (found, expected): (f64, f64) = (found.parse().unwrap(), expected.parse().unwrap());
            found / expected <= HISTOGRAM && expected / found <= HISTOGRAM
        }
        None => found == expected,
    };
    found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| {
            let found: Vec<String> = found.iter().map(sqllogictest::default_normalizer).collect();
            let expected: Vec<&str> = expected.split('|').collect();
            found.len() == expected.len()
                && found
                    .iter()
                    .zip(expected)
                    .all(|(found, expected)| close(found, expected.trim()))
        })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_questions_have_the_answers_on_file() {
    let file = root("testdata/questions/questions.slt");
    let records = parse_file::<sqllogictest::DefaultColumnType>(&file).unwrap();
    let asked: Vec<String> = records
        .into_iter()
        .filter_map(|record| match record {
            Record::Query { sql, .. } => Some(sql),
            _ => None,
        })
        .collect();
    let documented = questions();
    let mut documented: Vec<&String> = documented.values().collect();
    let mut sorted: Vec<&String> = asked.iter().collect();
    documented.sort();
    sorted.sort();
    assert_eq!(sorted, documented);
    let batches = recording();
    for server in [
        stored(&batches).await,
        hot(&batches).await,
        mixed(&batches).await,
    ] {
        let mut runner = Runner::new(async || Ok(Database(&server)));
        runner.with_column_validator(strict_column_validator);
        runner.with_validator(nearly);
        let run = runner.run_file_async(&file).await;
        run.unwrap_or_else(|error| panic!("{}", error.display(false)));
    }
}
