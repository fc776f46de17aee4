//! Results that are sent while they are made: trailer fields, progress, failures on the way, and clients that take nothing.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use clew_query::{QueryLimits, SqlLimits};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use crate::support::Server;
use crate::support::spans::{batch, span};

/// Gives rows for long, and fails in the end.
const FAILS_LATE: &str = "SELECT value, 10 / (150000 - value) AS x, 'some text to fill the rows' AS t FROM generate_series(1, 150000)";

async fn server(sql: SqlLimits) -> Server {
    let server = Server::with_limits(QueryLimits {
        sql,
        ..QueryLimits::default()
    });
    let spans: Vec<_> = (1..=9_000)
        .map(|n| span("shop", u128::from(n), n, &format!("call {n}"), n, 1))
        .collect();
    server.append(batch(&spans)).await;
    server.flush().await;
    server
}

/// The whole answer: header fields, body, trailer fields; `None` for the last two when it was cut off.
async fn ask(
    server: &Server,
    statement: &str,
    accept: &str,
) -> (StatusCode, HeaderMap, Option<(String, HeaderMap)>) {
    let request = Request::post("/api/sql")
        .header(header::ACCEPT, accept)
        .header(header::TE, "trailers")
        .header(header::CONTENT_TYPE, "text/plain")
        .body(Body::from(statement.to_owned()))
        .unwrap();
    let response = server.router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let whole = body.collect().await.ok().map(|body| {
        let trailers = body.trailers().cloned().unwrap_or_default();
        let text = String::from_utf8(body.to_bytes().to_vec()).unwrap();
        (text, trailers)
    });
    (parts.status, parts.headers, whole)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_result_has_its_statistics_in_front_and_a_long_one_behind() {
    let server = server(SqlLimits::default()).await;
    let (_, headers, whole) = ask(&server, "SELECT name FROM spans LIMIT 3", "text/csv").await;
    let (_, trailers) = whole.unwrap();
    assert_eq!(headers["x-clew-rows"], "3");
    assert!(!headers.contains_key("x-clew-truncated") && trailers.is_empty());
    let stats: Value = serde_json::from_str(headers["x-clew-stats"].to_str().unwrap()).unwrap();
    assert_eq!(
        (&stats["rows"], &stats["segments_total"]),
        (&3.into(), &1.into())
    );

    let statement = "SELECT trace_id, span_id, name FROM spans";
    let (_, headers, whole) = ask(&server, statement, "application/x-ndjson").await;
    let (body, trailers) = whole.unwrap();
    assert!(!headers.contains_key("x-clew-rows"));
    assert_eq!(
        headers["trailer"],
        "x-clew-rows, x-clew-truncated, x-clew-stats"
    );
    assert_eq!(
        (body.lines().count(), &trailers["x-clew-rows"]),
        (9_000, &"9000".parse().unwrap())
    );
    let stats: Value = serde_json::from_str(trailers["x-clew-stats"].to_str().unwrap()).unwrap();
    assert_eq!(
        (&stats["rows_read"], &stats["truncated"]),
        (&9_000.into(), &false.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_result_that_is_cut_off_says_so_behind() {
    let server = server(SqlLimits {
        rows_max: 8_500,
        ..SqlLimits::default()
    })
    .await;
    let statement = "SELECT trace_id, span_id, name FROM spans";
    for accept in ["text/csv", "application/json"] {
        let (status, _, whole) = ask(&server, statement, accept).await;
        let (body, trailers) = whole.unwrap();
        assert_eq!(status, StatusCode::OK);
        assert_eq!(trailers["x-clew-truncated"], "rows");
        assert_eq!(trailers["x-clew-rows"], "8500");
        if accept == "application/json" {
            let body: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(body["rows"].as_array().unwrap().len(), 8_500);
            assert_eq!(body["stats"]["truncated_by"], "rows");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_trailers_is_told_in_front() {
    let server = server(SqlLimits {
        rows_max: 8_500,
        ..SqlLimits::default()
    })
    .await;
    let answer = server
        .sql("SELECT trace_id, span_id, name FROM spans", "text/csv")
        .await;
    assert_eq!(answer.headers["x-clew-truncated"], "rows");
    assert_eq!(answer.text().lines().count(), 8_501);
    assert!(answer.body.len() > 256 << 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_result_is_never_taken_for_a_whole_one() {
    let server = server(SqlLimits {
        rows_max: 1_000_000,
        ..SqlLimits::default()
    })
    .await;
    for accept in ["application/json", "text/csv", "application/x-ndjson"] {
        let (status, _, whole) = ask(&server, FAILS_LATE, accept).await;
        assert_eq!(
            (status, whole.is_none()),
            (StatusCode::OK, true),
            "{accept}"
        );
    }
    // Where the form has a place for it, the failure is said.
    let accept = "application/x-ndjson; progress=true";
    let (_, headers, whole) = ask(&server, FAILS_LATE, accept).await;
    let (body, _) = whole.unwrap();
    assert_eq!(headers["content-type"], accept);
    let last: Value = serde_json::from_str(body.lines().last().unwrap()).unwrap();
    assert_eq!(last["error"]["code"], "invalid_argument", "{last}");
    assert!(body.lines().count() > 10_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_told_while_a_statement_works() {
    let server = server(SqlLimits::default()).await;
    let accept = "application/x-ndjson; progress=true";
    let (_, _, whole) = ask(&server, "SELECT count(*) AS n FROM spans", accept).await;
    let (body, _) = whole.unwrap();
    let lines: Vec<Value> = body
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(lines[0]["progress"]["elapsed_ms"].is_number(), "{body}");
    assert!(
        lines.contains(&serde_json::json!({"row": {"n": 9_000}})),
        "{body}"
    );
    let stats = &lines[lines.len() - 1]["stats"];
    assert_eq!(
        (&stats["rows"], &stats["segments_read"]),
        (&1.into(), &1.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_loses_its_turn() {
    let server = server(SqlLimits {
        client_wait: Duration::from_millis(50),
        rows_max: 10_000_000,
        running_max: 1,
        waiting_max: 0,
        ..SqlLimits::default()
    })
    .await;
    let request = Request::post("/api/sql")
        .header(header::ACCEPT, "text/csv")
        .header(header::TE, "trailers")
        .body(Body::from(
            "SELECT value, 'some text to fill the rows' AS t FROM generate_series(1, 5000000)",
        ))
        .unwrap();
    let slow = server.router.clone().oneshot(request).await.unwrap();
    assert_eq!(slow.status(), StatusCode::OK);
    // The body is neither read nor dropped, and yet the next statement gets its turn.
    let next = async {
        while server.sql("SELECT 1", "text/csv").await.status != StatusCode::OK {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), next)
        .await
        .unwrap();
    assert!(slow.into_body().collect().await.is_err());
}
