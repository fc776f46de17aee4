//! `span_attributes` has the entries of `spans.attributes` as rows, wherever their spans lie and whatever is asked of them.

use clew_query::QueryLimits;
use serde_json::{Value, json};

use crate::support::spans::{TestSpan, batch, int, span, text};
use crate::support::{Server, corpus, shop};

/// Rows of a row group in [`made`]: several to a file, and in each more bytes of one key than are read at once.
const ROW_GROUP_ROWS: usize = 30_000;

/// Conditions that both tables understand. `key` and `value` are the entry's.
const CONDITIONS: [&str; 22] = [
    "true",
    "key = 'http.status_code'",
    "key IN ('http.route', 'order.id', 'ratio')",
    "key LIKE 'http.%'",
    "key > 'm'",
    "key = 'no.such.key'",
    "key = 'http.status_code' AND value > '5'",
    "value IS NULL",
    "value = 'x' OR value = '0.1'",
    "kind = 'server'",
    "kind = 'server' AND key <> 'http.method'",
    "kind = 'client' OR key = 'http.route'",
    "service_name = 'gateway'",
    "status_code = 'error'",
    "parent_span_id IS NULL",
    "duration_ns > 40000000",
    "attributes['http.status_code'] >= 500",
    "resource_attributes['service.name'] <> 'gateway' AND cardinality(events) > 0",
    "trace_id = '4bf92f3577b34da6a3ce929d0e0e4736'",
    "trace_id IN ('4bf92f3577b34da6a3ce929d0e0e4736', '000000000000000000000000000a0007') AND key = 'http.route'",
    "name = (SELECT max(name) FROM spans)",
    "1 = 0",
];

/// What a row tells, in an order of its own.
fn ordered(rows: &Value) -> Vec<String> {
    let mut rows: Vec<String> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    rows.sort_unstable();
    rows
}

/// A column that is frequent and of one type, one of mixed types, a key that is sent twice, a rare one, large values.
fn made() -> Vec<TestSpan> {
    (0..45_000_u64)
        .map(|n| {
            let service = ["gateway", "stock"][usize::from(n.is_multiple_of(3))];
            let made = span(
                service,
                u128::from(n / 9) << 16 | 7,
                n + 1,
                "made",
                1_000 + n,
                n,
            )
            .kind(2)
            .with(text("http.method", "GET"));
            let made = match n % 4 {
                0 => made.with(int("mixed", n as i64)),
                1 => made.with(text("mixed", &n.to_string())),
                2 => made.with(text("order.id", &format!("{n}"))),
                _ => made,
            };
            match n % 997 {
                0 => made.with(text("twice", "a")).with(text("twice", "b")),
                1 => made.with(text(&format!("rare.{n}"), "r")).error(),
                2 => made.with(text("http.body", &format!("{n}{}", "b".repeat(400_000)))),
                _ => made,
            }
        })
        .collect()
}

async fn same_entries(server: &Server, spans: &[TestSpan]) {
    let entries: usize = spans.iter().map(|span| span.attributes.len()).sum();
    let count = server.rows("SELECT count(*) FROM span_attributes").await;
    assert_eq!(count, json!([[entries]]));
    let columns = "trace_id, span_id, parent_span_id, name, status_code, service_name, key, octet_length(value), left(value, 40)";
    for condition in CONDITIONS {
        let found = format!("SELECT {columns} FROM span_attributes WHERE {condition}");
        let unfolded = format!(
            "SELECT {columns} FROM (SELECT *, pair['key'] AS key, pair['value'] AS value
             FROM (SELECT *, unnest(map_entries(attributes)) AS pair FROM spans)) WHERE {condition}"
        );
        let (found, unfolded) = (server.rows(&found).await, server.rows(&unfolded).await);
        assert_eq!(ordered(&found), ordered(&unfolded), "{condition}");
    }
}

fn everything() -> Vec<TestSpan> {
    let mut spans = shop::checkout();
    spans.extend(shop::home());
    spans.extend(shop::orphan());
    spans.extend(corpus::capture("py-proto").into_iter().take(20).flatten());
    spans
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_is_a_row_hot_stored_and_in_both() {
    let spans = everything();
    let (first, last) = spans.split_at(spans.len() / 2);
    let server = Server::new();
    server.append(batch(first)).await;
    same_entries(&server, first).await;
    server.flush().await;
    same_entries(&server, first).await;
    server.append(batch(last)).await;
    same_entries(&server, &spans).await;
    server.flush().await;
    same_entries(&server, &spans).await;
}

/// Many spans, of which conditions leave all, half, few and none.
#[tokio::test(flavor = "multi_thread")]
async fn entries_of_many_spans_are_read_in_parts() {
    let server = Server::with(QueryLimits::default(), |shape| {
        shape.row_group_rows = ROW_GROUP_ROWS;
    });
    for part in made().chunks(15_000) {
        server.append(batch(part)).await;
    }
    server.flush().await;
    let told = "key, count(*), count(DISTINCT span_id), sum(octet_length(value)), min(left(value, 9)), max(left(value, 9)), min(name), sum(duration_ns)";
    for condition in [
        "true",
        "service_name = 'stock'",
        "status_code = 'error'",
        "duration_ns BETWEEN 29990 AND 30010",
        "duration_ns = 44999",
        "duration_ns > 45000",
        "attributes['order.id'] = '4002'",
        "kind = 'server' AND key = 'mixed'",
        "key = 'http.body' AND service_name = 'gateway'",
    ] {
        let found = format!("SELECT {told} FROM span_attributes WHERE {condition} GROUP BY key");
        let unfolded = format!(
            "SELECT {told} FROM (SELECT *, pair['key'] AS key, pair['value'] AS value
             FROM (SELECT *, unnest(map_entries(attributes)) AS pair FROM spans)) WHERE {condition} GROUP BY key"
        );
        let (found, unfolded) = (server.rows(&found).await, server.rows(&unfolded).await);
        assert_eq!(ordered(&found), ordered(&unfolded), "{condition}");
    }
    // Maps and lists of the span, for entries of each sort of column.
    let nested = "SELECT key, sum(cardinality(attributes)), sum(cardinality(resource_attributes)), sum(cardinality(events))";
    let found = format!("{nested} FROM span_attributes GROUP BY key");
    let unfolded = format!(
        "{nested} FROM (SELECT *, pair['key'] AS key
         FROM (SELECT *, unnest(map_entries(attributes)) AS pair FROM spans)) GROUP BY key"
    );
    let (found, unfolded) = (server.rows(&found).await, server.rows(&unfolded).await);
    assert_eq!(ordered(&found), ordered(&unfolded));
    // A reader that wants no more ends the scan.
    let first = "SELECT key, value FROM span_attributes LIMIT 3";
    assert_eq!(server.rows(first).await.as_array().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_tells_which_spans_and_keys_are_read() {
    let server = Server::with(QueryLimits::default(), |shape| {
        shape.row_group_rows = ROW_GROUP_ROWS;
    });
    server.append(batch(&made())).await;
    server.flush().await;
    let later = span("later", 0xfff, 1, "later", 900_000_000_000, 1).with(text("only.here", "x"));
    server.append(batch(&[later])).await;
    server.flush().await;
    for (condition, told) in [
        ("true", "segments=2, row_groups=3"),
        (
            "start_time > '1970-01-01T00:10:00Z'",
            "segments=1, row_groups=1, spans: start_time@7 > ",
        ),
        (
            "service_name = 'later'",
            "segments=1, row_groups=1, spans: service_name@20 = later",
        ),
        (
            "key = 'only.here'",
            "segments=1, row_groups=1, keys: key@0 = only.here",
        ),
        (
            "key = 'order.id' AND kind = 'server'",
            "segments=1, row_groups=2, spans: kind@6 = server, keys: key@0 = order.id",
        ),
        ("key = 'no.such.key'", "segments=0, row_groups=0, keys: "),
    ] {
        let statement = format!("EXPLAIN SELECT key, value FROM span_attributes WHERE {condition}");
        let plan = server.rows(&statement).await.to_string();
        let told = format!("SpanAttributesExec: {told}");
        assert!(plan.contains(&told), "{condition}: {told} in {plan}");
    }
}
