//! What stands around a page of results, over the shop: heatmap, facets, completion, explanations, totals and bounds.

use axum::http::StatusCode;
use clew_query::QueryLimits;
use serde_json::{Value, json};

use crate::support::shop::{HOME, SLOW, T, server};
use crate::support::spans::{TestSpan, batch, span, text};
use crate::support::{Server, encode};

const BASE: &str = "/api/clew/v1";
const MS: u64 = 1_000_000;

fn facet<'a>(facets: &'a Value, key: &str) -> &'a Value {
    let all = facets["facets"].as_array().unwrap();
    all.iter()
        .find(|facet| facet["key"] == key)
        .unwrap_or_else(|| panic!("no {key} in {facets}"))
}

fn ids(page: &Value) -> Vec<&str> {
    let traces = page["traces"].as_array().unwrap();
    traces
        .iter()
        .map(|trace| trace["trace_id"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_facet_leaves_out_the_conditions_on_its_own_key() {
    let server = server().await;
    let query = encode("service=gateway -http.route=/ kind=server");
    let facets = server
        .json(&format!("{BASE}/facets?q={query}&key=http.route"))
        .await;
    // The spans of other services that are servers, and the route that the query excludes, are still told.
    let service = facet(&facets, "service");
    assert_eq!(service["without_own"], true);
    let names: Vec<_> = service["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|value| value["value"].as_str().unwrap())
        .collect();
    assert!(
        names.contains(&"gateway") && names.contains(&"payment"),
        "{names:?}"
    );
    let route = facet(&facets, "http.route");
    assert!(
        route["values"]
            .as_array()
            .unwrap()
            .contains(&json!({"value": "/", "span_count": 1})),
        "{route}"
    );
    // What the query says nothing about is counted with all of it.
    let status = facet(&facets, "status");
    assert_eq!(status["without_own"], false);
    assert_eq!(
        status["span_count"], facets["span_total"]["value"],
        "{status}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn facets_and_heatmap_of_spans_know_conditions_on_the_trace() {
    let server = server().await;
    let query = encode("trace.spans=4");
    let facets = server.json(&format!("{BASE}/facets?q={query}")).await;
    assert_eq!(facets["span_total"], json!({"value": 4, "exact": true}));
    let map = server
        .json(&format!("{BASE}/heatmap?unit=spans&q={query}"))
        .await;
    assert_eq!(map["total"], json!({"value": 4, "exact": true}));
    assert_eq!(map["trace_total"], json!({"value": 1, "exact": true}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_of_the_heatmap_holds_the_traces_that_it_counts() {
    let server = server().await;
    let map = server.json(&format!("{BASE}/heatmap?columns=8")).await;
    let number = |value: &Value| value.as_str().unwrap().parse::<u64>().unwrap();
    let (start, width) = (
        number(&map["start_time_unix_nano"]),
        number(&map["column_ns"]),
    );
    let cells = &map["cells"];
    let count = cells["count"].as_array().unwrap().len();
    assert!(count > 1, "{map}");
    for place in 0..count {
        let at = |name: &str| cells[name][place].as_u64().unwrap();
        let from = start + at("column") * width;
        let edge = |row: u64| number(&map["row_edges_ns"][row as usize]);
        let query = format!(
            "trace.duration>={}ns trace.duration<{}ns",
            edge(at("row")),
            edge(at("row") + 1)
        );
        let page = server
            .json(&format!(
                "{BASE}/search?q={}&trace_start={from}&trace_end={}",
                encode(&query),
                from + width
            ))
            .await;
        assert_eq!(page["total"]["value"], at("count"), "{query}");
        assert!(ids(&page).contains(&cells["trace_id"][place].as_str().unwrap()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_explained_by_each_condition_and_by_time() {
    let server = server().await;
    let id = |trace: u128| format!("{trace:032x}");
    // Home is at second 1, Slow at 3; the range between them has the orphan only.
    let range = format!("start={}&end={}", T + 1_500 * MS, T + 2_500 * MS);
    let query = encode("service=gateway has:http.status_code trace.spans<4");
    let answer = server
        .json(&format!("{BASE}/explain?q={query}&{range}"))
        .await;
    assert_eq!(answer["coverage"]["complete"], true);
    let clauses: Vec<_> = answer["clauses"].as_array().unwrap().iter().collect();
    let texts: Vec<_> = clauses
        .iter()
        .map(|c| c["clause"].as_str().unwrap())
        .collect();
    assert_eq!(
        texts,
        ["service=gateway", "has:http.status_code", "trace.spans<4"]
    );
    for clause in &clauses {
        assert_eq!(clause["total_without"], json!({"value": 0, "exact": true}));
    }
    let before = &answer["nearest_before"];
    let after = &answer["nearest_after"];
    assert_eq!(
        (&before["trace_id"], &after["trace_id"]),
        (&json!(id(HOME)), &json!(id(SLOW)))
    );
    assert_eq!(answer["total_at_any_time"]["exact"], true);
    // Without a range there is nothing nearest, and a condition that removed everything shows.
    let query = encode("name=load kind=server");
    let answer = server.json(&format!("{BASE}/explain?q={query}")).await;
    assert_eq!(answer["nearest_before"], Value::Null);
    assert_eq!(answer["total_at_any_time"], Value::Null);
    assert_eq!(
        answer["clauses"],
        json!([
            {"clause": "name=load", "total_without": {"value": 3, "exact": true}},
            {"clause": "kind=server", "total_without": {"value": 2, "exact": true}},
        ])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn completion_knows_keys_levels_types_and_values_hot_and_stored() {
    let server = server().await;
    let keys = server.whole(&format!("{BASE}/keys?limit=100")).await;
    let known = |key: &str, level: &str| -> Value {
        let all = keys["keys"].as_array().unwrap();
        let found = all
            .iter()
            .find(|known| known["key"] == key && known["level"] == level);
        found
            .unwrap_or_else(|| panic!("no {key} at {level}: {keys}"))
            .clone()
    };
    assert_eq!(known("http.status_code", "span")["type"], "int");
    assert_eq!(known("ratio", "span")["type"], "double");
    assert_eq!(known("retry", "span")["type"], "bool");
    known("exception.type", "event");
    known("link.key", "link");
    known("scope.key", "scope");
    known("host.name", "resource");
    let counts: Vec<_> = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|known| known["span_count"].as_u64().unwrap())
        .collect();
    assert!(counts.is_sorted_by(|a, b| a >= b), "{counts:?}");
    let values = |path: &str| {
        let path = format!("{BASE}/values?{path}");
        let server = &server;
        async move {
            let answer = server.whole(&path).await;
            let values = answer["values"].as_array().unwrap();
            let texts = values
                .iter()
                .map(|value| value["value"].as_str().unwrap().to_owned());
            texts.collect::<Vec<_>>().join(" ")
        }
    };
    assert_eq!(values("key=service&prefix=pay").await, "payment");
    assert_eq!(values("key=kind&prefix=SER").await, "server");
    assert_eq!(values("key=http.status_code&prefix=50").await, "502 504");
    assert_eq!(values("key=host.name&level=resource&prefix=p").await, "p-1");
    assert_eq!(values("key=host.name&level=span").await, "");
    assert_eq!(values("key=user.id&start=1&end=2").await.len(), 0);
    // Outside of the range of a segment its keys are not offered; the hot window is always.
    let refused = server.get(&format!("{BASE}/values")).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let refused = server
        .get(&format!("{BASE}/values?key=a&level=trace"))
        .await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_total_may_be_a_bound_and_is_labelled() {
    let server = Server::new();
    // Three segments, one after the other in time.
    for n in 1..=3_u64 {
        let spans: Vec<TestSpan> = (0..5)
            .map(|k| {
                span(
                    "s",
                    u128::from(n * 10 + k),
                    1,
                    "op",
                    T + n * 1_000 * MS + k,
                    5,
                )
            })
            .collect();
        server.append(batch(&spans)).await;
        server.flush().await;
    }
    let bound = server
        .json(&format!("{BASE}/search?limit=2&total=bound"))
        .await;
    let exact = server
        .json(&format!("{BASE}/search?limit=2&total=exact"))
        .await;
    assert_eq!(ids(&bound), ids(&exact));
    assert_eq!(exact["total"], json!({"value": 15, "exact": true}));
    assert_eq!(bound["total"]["exact"], false);
    let value = bound["total"]["value"].as_u64().unwrap();
    assert!((2..15).contains(&value), "{bound}");
    assert!(
        bound["coverage"]["segments_read"].as_u64() < exact["coverage"]["segments_read"].as_u64()
    );
    // When all was seen, the bound is the total.
    let all = server
        .json(&format!("{BASE}/search?limit=50&total=bound"))
        .await;
    assert_eq!(all["total"], json!({"value": 15, "exact": true}));
}

fn tagged(count: u64) -> Vec<TestSpan> {
    (1..=count)
        .map(|n| {
            span("s", u128::from(n), n, "op", T + n * MS, 5)
                .with(text("shard", &format!("{n}")))
                .with(text("zone", "a"))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn facets_keep_to_their_bounds_and_say_so() {
    let limits = QueryLimits {
        facet_spans_max: 2_048,
        facet_distinct_max: 3,
        ..QueryLimits::default()
    };
    let server = Server::with_limits(limits);
    server.append(batch(&tagged(2_048))).await;
    server.flush().await;
    let facets = server.json(&format!("{BASE}/facets?key=shard")).await;
    assert_eq!(facets["sample_weight"], 1);
    let shard = facet(&facets, "shard");
    assert_eq!(
        (&shard["span_count"], &shard["sampled"]),
        (&json!(2_048), &json!(false))
    );
    assert_eq!(shard["value_count"], json!({"value": 3, "exact": false}));
    assert_eq!(shard["other_count"], 2_045);
    // Of one span more, every second run of 1,024 is looked at.
    let more = batch(&[span("s", 1 << 40, 1, "op", T, 5).with(text("zone", "b"))]);
    server.append(more).await;
    server.flush().await;
    let facets = server.json(&format!("{BASE}/facets")).await;
    assert_eq!(facets["sample_weight"], 2);
    assert_eq!(facets["span_total"], json!({"value": 2_049, "exact": true}));
    let zone = facet(&facets, "zone");
    assert_eq!(zone["sampled"], true);
    let estimate = zone["values"][0]["span_count"].as_u64().unwrap();
    assert_eq!(
        (&zone["values"][0]["value"], estimate),
        (&json!("a"), 2_048)
    );
    // Fields are counted over all spans.
    assert_eq!(
        facet(&facets, "service")["values"],
        json!([{"value": "s", "span_count": 2_049}])
    );
    assert_eq!(facet(&facets, "service")["sampled"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_hold_at_their_bounds_and_not_beyond() {
    let server = Server::new();
    for (path, status) in [
        ("heatmap?columns=480&rows=128", StatusCode::OK),
        ("heatmap?columns=1&rows=21", StatusCode::OK),
        ("heatmap?columns=481", StatusCode::BAD_REQUEST),
        ("heatmap?columns=0", StatusCode::BAD_REQUEST),
        ("heatmap?rows=129", StatusCode::BAD_REQUEST),
        ("heatmap?rows=20", StatusCode::BAD_REQUEST),
        ("heatmap?unit=events", StatusCode::BAD_REQUEST),
        ("heatmap?q=checkout", StatusCode::BAD_REQUEST),
        ("facets?values=100&frequent=40", StatusCode::OK),
        ("facets?values=101", StatusCode::BAD_REQUEST),
        ("facets?frequent=41", StatusCode::BAD_REQUEST),
        ("keys?limit=100", StatusCode::OK),
        ("keys?limit=101", StatusCode::BAD_REQUEST),
        ("search?total=about", StatusCode::BAD_REQUEST),
        ("search?order=loudest", StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(
            server.get(&format!("{BASE}/{path}")).await.status,
            status,
            "{path}"
        );
    }
    let keys = |count: usize| {
        let keys: Vec<_> = (0..count).map(|n| format!("key=k{n}")).collect();
        format!("{BASE}/facets?{}", keys.join("&"))
    };
    assert_eq!(server.get(&keys(40)).await.status, StatusCode::OK);
    assert_eq!(server.get(&keys(41)).await.json()["error"]["code"], "limit");
    let query = |count: usize| {
        let terms: Vec<_> = (0..count).map(|n| format!("k{n}%3D1")).collect();
        format!("{BASE}/explain?q={}", terms.join("%20"))
    };
    assert_eq!(server.get(&query(16)).await.status, StatusCode::OK);
    assert_eq!(
        server.get(&query(17)).await.json()["error"]["code"],
        "limit"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn completion_keeps_to_its_bounds_and_says_so() {
    let spans = tagged(40);
    let limits = QueryLimits {
        vocabulary_values_max: 4,
        ..QueryLimits::default()
    };
    let server = Server::with_limits(limits);
    server.append(batch(&spans)).await;
    let values = server
        .json(&format!("{BASE}/values?key=shard&limit=100"))
        .await;
    assert_eq!(values["values"].as_array().unwrap().len(), 4);
    assert_eq!(values["truncated"], true);
    // Values that are kept are complete.
    let values = server.json(&format!("{BASE}/values?key=zone")).await;
    assert_eq!(values["values"], json!([{"value": "a", "count": 40}]));
    assert_eq!(
        (&values["truncated"], &values["more"]),
        (&json!(false), &json!(false))
    );
    let limits = QueryLimits {
        vocabulary_keys_max: 1,
        ..QueryLimits::default()
    };
    let server = Server::with_limits(limits);
    server.append(batch(&spans)).await;
    let keys = server.json(&format!("{BASE}/keys")).await;
    assert_eq!(keys["coverage"]["complete"], false, "{keys}");
    // With no room for values the keys are still told.
    let limits = QueryLimits {
        vocabulary_bytes_max: 0,
        ..QueryLimits::default()
    };
    let server = Server::with_limits(limits);
    server.append(batch(&spans)).await;
    server.flush().await;
    let keys = server.whole(&format!("{BASE}/keys?prefix=ZO")).await;
    assert_eq!(keys["keys"][0]["key"], "zone");
    assert_eq!(
        keys["keys"][0]["value_count"],
        json!({"value": 0, "exact": false})
    );
}
