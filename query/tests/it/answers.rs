//! Answers over three known spans: the same from the hot window and from a segment.

use axum::http::{StatusCode, header};
use serde_json::json;

use crate::support::Server;
use crate::support::spans::{TestSpan, batch, int, span, text};

const CART: &str = "00000000000000000000000000000abc";

fn spans() -> Vec<TestSpan> {
    vec![
        span("shop", 0xabc, 1, "GET /cart", 1_000, 500).kind(2),
        span("shop", 0xabc, 2, "query", 1_100, 200)
            .parent(1)
            .kind(3)
            .with(text("db.system", "pg"))
            .with(int("rows", 7))
            .event(1_150, "cache miss", vec![text("key", "k1")]),
        span("pay", 0xdef, 3, "charge", 2_000, 50)
            .error()
            .weight(4.0),
    ]
}

#[tokio::test]
async fn hot_and_stored_spans_are_answered_alike() {
    let server = Server::new();
    server.append(batch(&spans())).await;
    check(&server).await;
    server.flush().await;
    check(&server).await;
}

async fn check(server: &Server) {
    let counted = "select count(*), sum(sample_weight) from spans";
    assert_eq!(server.rows(counted).await, json!([[3, 6.0]]));
    let by_attribute = "select attributes['rows'] from spans where attributes['db.system'] = 'pg'";
    assert_eq!(server.rows(by_attribute).await, json!([["7"]]));
    let by_id = format!(
        "select span_id, parent_span_id from spans where trace_id = '{CART}' order by start_time"
    );
    let ids = json!([
        ["0000000000000001", null],
        ["0000000000000002", "0000000000000001"]
    ]);
    assert_eq!(server.rows(&by_id).await, ids);

    let csv = server
        .sql(
            "select name from spans where status_code = 'error'",
            "text/csv",
        )
        .await;
    assert_eq!(csv.status, StatusCode::OK, "{}", csv.text());
    let kind = csv.headers[header::CONTENT_TYPE].to_str().unwrap();
    assert!(kind.starts_with("text/csv"), "{kind}");
    assert_eq!(csv.text().lines().collect::<Vec<_>>(), ["name", "charge"]);

    let skeleton = server
        .get_as("/api/clew/v1/traces/ABC", "application/json")
        .await
        .json();
    assert_eq!(skeleton["head"]["trace_id"], CART);
    assert_eq!(skeleton["columns"]["parent_row"], json!([-1, 0]));
    assert_eq!(
        skeleton["columns"]["start_offset_ns"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );

    // An event's attribute is found without saying where it stands.
    let found = server
        .json("/api/clew/v1/search?tags=%7B%22key%22%3A%22k1%22%7D")
        .await;
    assert_eq!(found["total"], json!({"value": 1, "exact": true}));
    assert_eq!(found["traces"][0]["trace_id"], CART);
    assert_eq!(found["traces"][0]["matched_count"], 1);
}

#[tokio::test]
async fn a_statement_that_is_no_query_is_refused() {
    let server = Server::new();
    for statement in [
        "drop table spans",
        "create table t as select 1",
        "insert into spans select * from spans",
        "copy spans to '/tmp/x.parquet'",
        "create external table t stored as csv location '/etc/passwd'",
        "set datafusion.execution.batch_size = 1",
        "select 1; select 2",
        "select * from '/etc/passwd'",
    ] {
        let answer = server.sql(statement, "application/json").await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{statement}: {}",
            answer.text()
        );
        assert!(answer.json()["error"]["message"].is_string(), "{statement}");
    }
}
