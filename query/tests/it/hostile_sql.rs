//! Statements meant to break out, to exhaust or to confuse: every one is answered, and the server goes on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::StatusCode;
use clew_query::{QueryLimits, SqlLimits};
use futures::StreamExt;
use rustix::fs::inotify;

use crate::support::spans::{batch, int, span, text};
use crate::support::{Answer, Server};

/// The statements of a file under `testdata/sql`.
fn statements(name: &str) -> Vec<String> {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../testdata/sql/{name}.sql"));
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("-- "));
    lines.map(str::to_owned).collect()
}

async fn filled(sql: SqlLimits) -> Server {
    let server = Server::with_limits(QueryLimits {
        sql,
        ..QueryLimits::default()
    });
    for part in 0..2_u64 {
        let spans: Vec<_> = (0..500_u64)
            .map(|n| {
                let id = part * 500 + n + 1;
                span(
                    "shop",
                    u128::from(id / 4 + 1),
                    id,
                    &format!("call {n}"),
                    1_000 * id,
                    10 + id,
                )
                .with(text("http.route", "/cart"))
                .with(int("rows", id as i64))
            })
            .collect();
        server.append(batch(&spans)).await;
        if part == 0 {
            server.flush().await;
        }
    }
    server
}

/// Asks all statements, a few at a time; `judge` says which answers are as they should be.
async fn ask_all(server: &Server, statements: Vec<String>, judge: impl Fn(&Answer) -> bool) {
    let ask = |statement: String| async move {
        let answer = server.sql(&statement, "application/json").await;
        (statement, answer)
    };
    let mut answers = futures::stream::iter(statements)
        .map(ask)
        .buffer_unordered(4);
    let mut wrong = Vec::new();
    while let Some((statement, answer)) = answers.next().await {
        if !judge(&answer) {
            let start = |text: &str| text.chars().take(300).collect::<String>();
            wrong.push(format!(
                "{}: {} {}",
                start(&statement),
                answer.status,
                start(answer.text())
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(
        server.rows("SELECT count(*) FROM spans").await,
        serde_json::json!([[1_000]])
    );
}

fn is_refused(answer: &Answer) -> bool {
    let refused = [StatusCode::BAD_REQUEST, StatusCode::UNPROCESSABLE_ENTITY];
    refused.contains(&answer.status) && answer.json()["error"]["message"].is_string()
}

/// Says which files of a directory were opened, or made, since.
struct Watch {
    inotify: std::os::fd::OwnedFd,
}

impl Watch {
    fn on(dir: &Path) -> Self {
        let inotify = inotify::init(inotify::CreateFlags::NONBLOCK).unwrap();
        let flags = inotify::WatchFlags::OPEN | inotify::WatchFlags::CREATE;
        inotify::add_watch(&inotify, dir, flags).unwrap();
        Self { inotify }
    }

    fn touched(&self) -> BTreeSet<String> {
        let mut buffer = vec![std::mem::MaybeUninit::uninit(); 64 << 10];
        let mut reader = inotify::Reader::new(&self.inotify, &mut buffer);
        let mut names = BTreeSet::new();
        while let Ok(event) = reader.next() {
            let name = event
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            names.insert(name.unwrap_or_else(|| ".".to_owned()));
        }
        names
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_gets_out_and_no_file_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    for ending in [
        "csv", "parquet", "json", "json.gz", "arrow", "avro", "so", "db",
    ] {
        std::fs::write(
            dir.path().join(format!("canary.{ending}")),
            "canary\nsecret\n",
        )
        .unwrap();
    }
    let path = dir.path().to_str().unwrap();
    let name = dir.path().file_name().unwrap().to_str().unwrap();
    let statements: Vec<_> = statements("escapes")
        .iter()
        .map(|statement| statement.replace("{dir}", path).replace("{name}", name))
        .collect();
    assert!(statements.len() >= 200);
    let server = filled(SqlLimits::default()).await;
    let watch = Watch::on(dir.path());
    ask_all(&server, statements, |answer| {
        is_refused(answer) && !answer.text().contains("secret")
    })
    .await;
    assert_eq!(watch.touched(), BTreeSet::new());
    // The watch does see what it is there to see.
    std::fs::read(dir.path().join("canary.csv")).unwrap();
    assert_eq!(watch.touched(), BTreeSet::from(["canary.csv".to_owned()]));
}

/// Statements that need much text.
fn long_statements() -> Vec<String> {
    let nested = |open: &str, inner: &str, close: &str, times: usize| {
        format!(
            "SELECT {}{inner}{}",
            open.repeat(times),
            close.repeat(times)
        )
    };
    let chain =
        |first: &str, more: &str, times: usize| format!("SELECT {first}{}", more.repeat(times));
    let doubling = |levels: usize, join: &str| {
        let level = |n: usize| format!("c{} AS (SELECT 1 AS x FROM c{n} a {join} c{n} b)", n + 1);
        let levels: Vec<_> = (0..levels).map(level).collect();
        format!(
            "WITH c0 AS (SELECT * FROM spans), {} SELECT count(*) FROM c{}",
            levels.join(", "),
            levels.len()
        )
    };
    let union = |levels: usize| {
        let level = |n: usize| {
            format!(
                "c{} AS (SELECT * FROM c{n} UNION ALL SELECT * FROM c{n})",
                n + 1
            )
        };
        let levels: Vec<_> = (0..levels).map(level).collect();
        format!(
            "WITH c0 AS (SELECT * FROM spans), {} SELECT count(*) FROM c{}",
            levels.join(", "),
            levels.len()
        )
    };
    let wide = |levels: usize| {
        let level = |n: usize| format!("c{} AS (SELECT * FROM c{n} a, c{n} b)", n + 1);
        let levels: Vec<_> = (0..levels).map(level).collect();
        format!(
            "WITH c0 AS (SELECT * FROM spans), {} SELECT count(*) FROM c{}",
            levels.join(", "),
            levels.len()
        )
    };
    let subqueries = |times: usize| {
        format!(
            "SELECT * FROM {}spans{}",
            "(SELECT * FROM ".repeat(times),
            ") x".repeat(times)
        )
    };
    vec![
        chain("1", " + 1", 2_000),
        chain("1", " + 1", 20_000),
        chain("name = 'a'", " OR name = 'a'", 9_000),
        chain("'a'", " || 'a'", 4_000),
        chain("NOT ", "NOT ", 3_000) + "true",
        nested("(", "1", ")", 2_000),
        nested("abs(", "1", ")", 2_000),
        nested("CASE WHEN true THEN ", "1", " END", 1_000),
        nested("[", "1", "]", 2_000),
        nested("-", "1", "", 5_000),
        subqueries(1_000),
        doubling(12, "JOIN"),
        doubling(60, ","),
        union(10),
        union(60),
        wide(10),
        wide(60),
        format!("SELECT 1 IN ({})", vec!["1"; 20_000].join(",")),
        format!("VALUES {}", vec!["(1)"; 5_000].join(",")),
        format!("SELECT {}", vec!["1"; 20_000].join(",")),
        format!("SELECT '{}'", "x".repeat(70_000)),
        format!("SELECT 1 {}", " ".repeat(70_000)),
        format!("SELECT 1 FROM {}", vec!["spans"; 200].join(", ")),
        vec!["SELECT 1 FROM spans"; 200].join(" UNION "),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_takes_more_than_it_may() {
    let server = filled(SqlLimits {
        time: Duration::from_millis(500),
        memory_bytes: 16 << 20,
        function_bytes_max: 64 << 10,
        ..SqlLimits::default()
    })
    .await;
    let statements = [statements("exhaustion"), long_statements()].concat();
    assert!(statements.len() >= 60);
    ask_all(&server, statements, is_refused).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_at_the_edges_is_a_fault_of_ours() {
    let server = filled(SqlLimits::default()).await;
    ask_all(&server, statements("odd"), |answer| {
        answer.status == StatusCode::OK || is_refused(answer)
    })
    .await;
}
