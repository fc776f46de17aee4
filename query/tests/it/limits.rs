//! Every bound of `QueryLimits` that shows at the routes, at the limit and one beyond. Those on parameters, text and turns have
//! their tests beside the code.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use clew_query::{QueryLimits, SqlLimits};
use serde_json::{Value, json};

use crate::support::spans::{TestSpan, batch, span, text};
use crate::support::{Server, encode};

async fn server(limits: QueryLimits, spans: &[TestSpan]) -> Server {
    let server = Server::with_limits(limits);
    server.append(batch(spans)).await;
    server
}

async fn sql_server(sql: SqlLimits, spans: &[TestSpan]) -> Server {
    let limits = QueryLimits {
        sql,
        ..QueryLimits::default()
    };
    server(limits, spans).await
}

/// Traces of one span each, with a service and an operation each.
fn traces(count: u64) -> Vec<TestSpan> {
    (1..=count)
        .map(|n| {
            span(
                &format!("s{n}"),
                u128::from(n),
                n,
                &format!("op{n}"),
                1_000 + n,
                5,
            )
        })
        .collect()
}

#[tokio::test]
async fn a_search_without_a_limit_gets_the_default() {
    let limits = QueryLimits {
        search_traces_default: 3,
        ..QueryLimits::default()
    };
    for (count, more) in [(3, false), (4, true)] {
        let server = server(limits.clone(), &traces(count)).await;
        let found = server.json("/api/clew/v1/search").await;
        assert_eq!(found["traces"].as_array().unwrap().len(), 3);
        assert_eq!(found["next_cursor"].is_string(), more);
    }
}

#[tokio::test]
async fn a_search_gives_as_many_traces_as_its_limit_says() {
    let limits = QueryLimits {
        search_traces_max: 5,
        ..QueryLimits::default()
    };
    let server = server(limits, &traces(9)).await;
    let found = server.json("/api/clew/v1/search?limit=5").await;
    assert_eq!(found["traces"].as_array().unwrap().len(), 5);
    let refused = server.get("/api/clew/v1/search?limit=6").await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let window = "query.startTimeMin=1970-01-01T00:00:00Z&query.startTimeMax=1970-01-02T00:00:00Z";
    for (depth, status) in [(5, StatusCode::OK), (6, StatusCode::BAD_REQUEST)] {
        let path = format!("/api/v3/trace-summaries?{window}&query.searchDepth={depth}");
        assert_eq!(server.get(&path).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn traces_are_counted_up_to_a_bound() {
    let limits = QueryLimits {
        search_total_max: 4,
        ..QueryLimits::default()
    };
    for (count, exact) in [(4, true), (5, false)] {
        let server = server(limits.clone(), &traces(count)).await;
        let total = &server.json("/api/clew/v1/search?limit=2").await["total"];
        assert_eq!(*total, json!({"value": 4, "exact": exact}));
    }
}

#[tokio::test]
async fn nothing_more_is_read_once_as_many_traces_match_as_are_ranked() {
    let limits = QueryLimits {
        search_total_max: 4,
        ..QueryLimits::default()
    };
    // A span without a start time may belong to a trace of any, so no other bound passes over its segment.
    let mut older = traces(9).split_off(8);
    older[0].start = 0;
    for (hot, read) in [(4, 1), (5, 0)] {
        let server = server(limits.clone(), &older).await;
        server.flush().await;
        server.append(batch(&traces(hot))).await;
        let found = server.json("/api/clew/v1/search?order=longest").await;
        assert_eq!(found["coverage"]["segments_read"], read, "{found}");
        assert_eq!(found["traces"].as_array().unwrap().len(), 4);
        let reason = found["coverage"]["reasons"][0].as_str().unwrap();
        assert!(reason.starts_with("more than 4 traces"), "{reason}");
    }
}

#[tokio::test]
async fn a_filter_has_at_most_so_many_terms() {
    let limits = QueryLimits {
        filter_terms_max: 3,
        ..QueryLimits::default()
    };
    let server = server(limits, &traces(1)).await;
    for (tags, status) in [
        (r#"{"a":"1","b":"2"}"#, StatusCode::OK),
        (
            r#"{"a":"1","b":"2","c":"3"}"#,
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
    ] {
        let path = format!("/api/clew/v1/search?service=s1&tags={}", encode(tags));
        assert_eq!(server.get(&path).await.status, status, "{tags}");
    }
}

#[tokio::test]
async fn a_search_over_its_time_says_that_it_is_not_complete() {
    let limits = QueryLimits {
        search_time: Duration::ZERO,
        ..QueryLimits::default()
    };
    let server = server(limits, &traces(3)).await;
    let found = server.json("/api/clew/v1/search").await;
    assert_eq!(found["coverage"]["complete"], false);
    assert_eq!(found["total"]["exact"], false);
    assert!(
        found["coverage"]["reasons"][0]
            .as_str()
            .unwrap()
            .contains("time")
    );
    // Jaeger's answers say so in their own terms.
    let legacy = server.json("/api/traces?service=s1&start=0&end=9").await;
    assert!(
        legacy["errors"][0]["msg"]
            .as_str()
            .unwrap()
            .contains("time"),
        "{legacy}"
    );
}

#[tokio::test]
async fn ids_are_asked_for_up_to_a_bound() {
    let limits = QueryLimits {
        trace_ids_max: 2,
        ..QueryLimits::default()
    };
    let server = server(limits, &traces(3)).await;
    let found = server.json("/api/traces?traceID=1&traceID=2").await;
    assert_eq!(found["data"].as_array().unwrap().len(), 2);
    let refused = server
        .get("/api/traces?traceID=1&traceID=2&traceID=3")
        .await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_list_of_names_is_cut_and_says_so() {
    let limits = QueryLimits {
        names_max: 3,
        ..QueryLimits::default()
    };
    for (count, complete) in [(3, true), (4, false)] {
        let server = server(limits.clone(), &traces(count)).await;
        let mut one_service = traces(count);
        for span in &mut one_service {
            span.resource = vec![text("service.name", "s1")];
        }
        let operations = Server::with_limits(limits.clone());
        operations.append(batch(&one_service)).await;
        let services = server.json("/api/clew/v1/services").await;
        let operations = operations.json("/api/clew/v1/operations?service=s1").await;
        for (answer, list) in [(&services, "services"), (&operations, "operations")] {
            assert_eq!(answer[list].as_array().unwrap().len(), 3);
            assert_eq!(answer["coverage"]["complete"], complete, "{answer}");
        }
    }
}

#[tokio::test]
async fn a_body_to_transform_has_a_bound() {
    let body = br#"{"resourceSpans":[]}"#;
    for (transform_bytes_max, status) in [
        (body.len(), StatusCode::OK),
        (body.len() - 1, StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let limits = QueryLimits {
            transform_bytes_max,
            ..QueryLimits::default()
        };
        let server = Server::with_limits(limits);
        let request = Request::post("/api/transform")
            .body(Body::from(&body[..]))
            .unwrap();
        assert_eq!(server.send(request).await.status, status);
    }
}

#[tokio::test]
async fn a_result_has_at_most_so_many_rows() {
    let limits = SqlLimits {
        rows_max: 3,
        ..SqlLimits::default()
    };
    for (count, truncated) in [(3, Value::Null), (4, json!("rows"))] {
        let server = sql_server(limits.clone(), &traces(count)).await;
        let answer = server
            .sql("SELECT name FROM spans", "application/json")
            .await;
        let header = answer
            .headers
            .get("x-clew-truncated")
            .map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(json!(header), truncated);
        let body = answer.json();
        assert_eq!(
            (
                body["rows"].as_array().unwrap().len(),
                &body["stats"]["truncated_by"]
            ),
            (3, &truncated)
        );
        assert_eq!(body["stats"]["truncated"], !truncated.is_null());
    }
}

#[tokio::test]
async fn a_result_has_at_most_so_many_bytes_and_a_chunk() {
    // One chunk of 256 rows is written before the size is looked at.
    let ask = async |rows: u64, result_bytes_max: usize| {
        let limits = SqlLimits {
            result_bytes_max,
            ..SqlLimits::default()
        };
        let server = sql_server(limits, &[]).await;
        let statement = format!("SELECT 'x' AS x FROM generate_series(1, {rows})");
        let answer = server.sql(&statement, "application/x-ndjson").await;
        let truncated = answer
            .headers
            .get("x-clew-truncated")
            .map(|value| value.to_str().unwrap().to_owned());
        (answer.text().lines().count(), truncated)
    };
    let line = "{\"x\":\"x\"}\n".len();
    assert_eq!(ask(512, 256 * line + 1).await, (512, None));
    assert_eq!(ask(512, 256 * line).await, (256, Some("bytes".to_owned())));
}

#[tokio::test]
async fn a_statement_over_its_memory_is_refused() {
    let statement = "SELECT count(*) FROM (SELECT DISTINCT value FROM generate_series(1, 100000))";
    for (memory_bytes, status) in [
        (64 << 20, StatusCode::OK),
        (256 << 10, StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let limits = SqlLimits {
            memory_bytes,
            ..SqlLimits::default()
        };
        let server = sql_server(limits, &[]).await;
        let answer = server.sql(statement, "application/json").await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
}

#[tokio::test]
async fn a_function_makes_at_most_so_many_bytes() {
    // The bound that is checked is twice what goes in: 2 x 100 bytes.
    let half = "x".repeat(50);
    let statement = format!("SELECT concat('{half}', name) FROM spans");
    let spans = [span("a", 1, 1, &"y".repeat(50), 1_000, 5)];
    let status = async |function_bytes_max: usize| {
        let limits = SqlLimits {
            function_bytes_max,
            ..SqlLimits::default()
        };
        sql_server(limits, &spans)
            .await
            .sql(&statement, "application/json")
            .await
            .status
    };
    let (mut refused, mut least) = (1, 4_096);
    while least - refused > 1 {
        let middle = usize::midpoint(refused, least);
        if status(middle).await == StatusCode::OK {
            least = middle;
        } else {
            refused = middle;
        }
    }
    // Not less than the result, and one byte less is refused.
    assert!((100..4_096).contains(&least), "{least}");
    assert_eq!(status(least).await, StatusCode::OK);
    assert_eq!(status(refused).await, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn tables_are_counted_with_their_ctes() {
    let limits = SqlLimits {
        relations_max: 4,
        ..SqlLimits::default()
    };
    let server = sql_server(limits, &traces(2)).await;
    let statement = |from: &str| {
        format!("WITH a AS (SELECT count(*) AS n FROM spans, spans s) SELECT * FROM {from}")
    };
    assert_eq!(server.rows(&statement("a, a b")).await, json!([[4, 4]]));
    let refused = server
        .sql(&statement("a, a b, spans c"), "application/json")
        .await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused.json()["error"]["code"], "limit");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_over_its_time_is_refused() {
    let limits = SqlLimits {
        time: Duration::from_millis(200),
        ..SqlLimits::default()
    };
    let server = sql_server(limits, &traces(500)).await;
    let statement = "SELECT count(*) FROM spans a, spans b, spans c, spans d WHERE a.name < d.name";
    let answer = server.sql(statement, "application/json").await;
    assert_eq!(
        answer.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{}",
        answer.text()
    );
    assert_eq!(answer.json()["error"]["code"], "limit");
    assert_eq!(
        server.rows("SELECT count(*) FROM spans").await,
        json!([[500]])
    );
}
