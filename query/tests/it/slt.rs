//! The `.slt` files of `testdata/slt`, run over the shop: all hot, all stored, and in several places. The expected values
//! were worked out by hand, and are the same wherever the spans lie.

use std::fmt;
use std::path::PathBuf;

use axum::http::StatusCode;
use serde_json::Value;
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Runner, strict_column_validator};

use crate::support::Server;
use crate::support::shop::{self, RECEIVED};
use crate::support::spans::{TestSpan, batch_at};

/// `POST /api/sql` as a database.
pub(crate) struct Database<'a>(pub(crate) &'a Server);

#[derive(Debug)]
pub(crate) struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

#[async_trait::async_trait]
impl AsyncDB for Database<'_> {
    type Error = Refused;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Refused> {
        let answer = self.0.sql(sql, "application/json").await;
        let body = answer.json();
        if answer.status != StatusCode::OK {
            return Err(Refused(
                body["error"]["message"].as_str().unwrap().to_owned(),
            ));
        }
        let columns = body["columns"].as_array().unwrap().iter();
        let types = columns
            .map(|column| column_type(column["type"].as_str().unwrap()))
            .collect();
        let rows = body["rows"].as_array().unwrap().iter();
        let rows = rows
            .map(|row| row.as_array().unwrap().iter().map(cell).collect())
            .collect();
        Ok(DBOutput::Rows { types, rows })
    }

    async fn shutdown(&mut self) {}
}

fn column_type(name: &str) -> DefaultColumnType {
    match name {
        "int64" | "int32" | "uint64" | "uint32" => DefaultColumnType::Integer,
        "float64" => DefaultColumnType::FloatingPoint,
        _ => DefaultColumnType::Text,
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::String(text) if text.is_empty() => "(empty)".to_owned(),
        Value::String(text) => text.replace('\0', "\\0"),
        other => other.to_string(),
    }
}

async fn run_all(server: &Server) {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../testdata/slt");
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert_eq!(files.len(), 8);
    for file in files {
        let mut runner = Runner::new(async || Ok(Database(server)));
        runner.with_column_validator(strict_column_validator);
        runner
            .run_file_async(file)
            .await
            .unwrap_or_else(|error| panic!("{}", error.display(false)));
    }
}

fn spans() -> Vec<Vec<TestSpan>> {
    vec![shop::checkout(), shop::home(), shop::orphan(), shop::slow()]
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_answer_alike_over_the_hot_window() {
    let server = Server::new();
    for spans in spans() {
        server.append(batch_at(&spans, RECEIVED)).await;
    }
    run_all(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_answer_alike_over_segments() {
    let server = Server::new();
    for spans in spans() {
        server.append(batch_at(&spans, RECEIVED)).await;
        server.flush().await;
    }
    run_all(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_answer_alike_over_both() {
    let server = Server::new();
    for (place, spans) in spans().into_iter().enumerate() {
        server.append(batch_at(&spans, RECEIVED)).await;
        if place == 1 {
            server.flush().await;
        }
    }
    run_all(&server).await;
}
