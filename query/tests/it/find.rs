//! Find inside one trace: every place where a text can stand, queries, and what the answer says of how it was read.

use axum::http::StatusCode;
use clew_query::QueryLimits;
use serde_json::{Value, json};

use crate::support::golden;
use crate::support::shop::{CHECKOUT, HOME, RECEIVED, SLOW, T, server};
use crate::support::spans::{batch_at, span, text};
use crate::support::{Server, encode};

async fn find(server: &Server, id: u128, q: &str) -> Value {
    let path = format!("/api/clew/v1/traces/{id:032x}/find?q={}", encode(q));
    server.json(&path).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_is_the_kept_one() {
    let server = server().await;
    golden::check("api/find", find(&server, CHECKOUT, "p-1 refused").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_is_found_wherever_a_span_carries_it_in_any_case() {
    let server = server().await;
    // Rows: 0 GET /checkout, 1 charge of the client, 2 charge of the server, 3 INSERT orders.
    for (q, rows) in [
        ("Checkout", json!([0])),              // name, attribute value
        ("PAYMENT", json!([2, 3])),            // service
        ("http.ROUTE", json!([0, 2])),         // attribute key
        ("502", json!([0])),                   // number
        ("host.name p-1", json!([2])),         // resource
        ("billing", json!([2])),               // scope
        ("scope value", json!([2])),           // scope attribute
        ("\"scope value", json!([])),          // a quote that does not close is a sign like another
        ("card refused", json!([2])),          // status message
        ("CardRefused exception", json!([2])), // event
        ("link.key", json!([2])),              // link attribute
        ("00000000000000b9", json!([3])),      // span id
        ("0000001f", json!([2])),              // id of a linked trace
        ("charge", json!([1, 2])),
        ("nothing of the kind", json!([])),
    ] {
        let found = find(&server, CHECKOUT, q).await;
        assert_eq!(
            (&found["read_as"], &found["rows"]),
            (&json!("text"), &rows),
            "{q}"
        );
        assert!(found["syntax"]["message"].is_string(), "{q}");
        assert_eq!(found["coverage"]["complete"], true);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_is_read_as_one_and_means_what_it_means_in_a_search() {
    let server = server().await;
    for (q, rows) in [
        ("http.status_code>=500", json!([0])),
        ("service=payment", json!([2, 3])),
        ("service=payment -kind=server", json!([3])),
        ("root", json!([0])),
        ("resource.host.name=p-*", json!([2])),
        ("event.name=exception or name~\"^INSERT\"", json!([2, 3])),
        ("duration<0ns", json!([3])),
        ("kind=client trace.services=gateway", json!([1, 3])),
        ("kind=client trace.services=cart", json!([])),
    ] {
        let found = find(&server, CHECKOUT, q).await;
        assert_eq!(
            (&found["read_as"], &found["rows"], &found["syntax"]),
            (&json!("query"), &rows, &Value::Null),
            "{q}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_those_of_the_skeleton_where_a_trace_lies_in_two_places() {
    let server = server().await;
    let trace = server
        .json(&format!("/api/clew/v1/traces/{SLOW:032x}"))
        .await;
    assert_eq!(trace["columns"]["parent_row"], json!([-1, 0]));
    assert_eq!(
        find(&server, SLOW, "service=stock").await["rows"],
        json!([1])
    );
    assert_eq!(find(&server, SLOW, "lookup").await["rows"], json!([1]));
    assert_eq!(find(&server, HOME, "load").await["rows"], json!([1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_looked_for_is_refused_with_a_reason() {
    let server = server().await;
    let base = format!("/api/clew/v1/traces/{CHECKOUT:032x}/find");
    for (path, status) in [
        (base.clone(), StatusCode::BAD_REQUEST),
        (format!("{base}?q=%20"), StatusCode::BAD_REQUEST),
        (
            "/api/clew/v1/traces/xyz/find?q=a".to_owned(),
            StatusCode::BAD_REQUEST,
        ),
        (
            "/api/clew/v1/traces/2f/find?q=a".to_owned(),
            StatusCode::NOT_FOUND,
        ),
    ] {
        let answer = server.get(&path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.json()["error"]["message"].is_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_words_are_looked_for_and_no_more() {
    let server = Server::with_limits(QueryLimits {
        find_words_max: 2,
        ..QueryLimits::default()
    });
    let spans = [span("a", 1, 1, "one two three", T, 1).with(text("k", "v"))];
    server.append(batch_at(&spans, RECEIVED)).await;
    assert_eq!(find(&server, 1, "two one").await["rows"], json!([0]));
    let refused = server
        .get(&format!(
            "/api/clew/v1/traces/{:032x}/find?q=one+two+three",
            1
        ))
        .await;
    assert_eq!(refused.json()["error"]["code"], "limit");
}
