//! What Jaeger demands of every storage: 25 queries over 32 traces, each of which must find its traces and no other, with
//! all their spans. Asked through every front end, of the hot window, of segments, and of both.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use clew_query::proto::{api_v3, storage::v2};
use serde_json::Value;

use crate::jaeger_grpc;
use crate::support::otlp_json::read;
use crate::support::spans::{TestSpan, batch};
use crate::support::{Server, encode};

/// The fixtures, by name.
fn fixtures() -> BTreeMap<String, Vec<TestSpan>> {
    let dir =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/jaeger/storage-fixtures/traces");
    let entries = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let fixture = |path: std::path::PathBuf| {
        let value: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        (
            path.file_stem().unwrap().to_str().unwrap().to_owned(),
            read(&value),
        )
    };
    entries.map(fixture).collect()
}

fn queries() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../testdata/jaeger/storage-fixtures/queries.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Trace ids and how many spans each has.
type Found = BTreeMap<String, usize>;

fn expected(query: &Value, fixtures: &BTreeMap<String, Vec<TestSpan>>) -> Found {
    let names = query["ExpectedFixtures"].as_array().unwrap();
    let mut found = Found::new();
    for span in names
        .iter()
        .flat_map(|name| &fixtures[name.as_str().unwrap()])
    {
        *found.entry(format!("{:032x}", span.trace_id)).or_default() += 1;
    }
    found
}

fn text<'a>(query: &'a Value, name: &str) -> &'a str {
    query["Query"][name].as_str().unwrap()
}

fn nanos(time: &str) -> i128 {
    time.parse::<jiff::Timestamp>().unwrap().as_nanosecond()
}

/// `name=value` for what the query has.
fn parameters(pairs: &[(&str, String)]) -> String {
    let set = pairs.iter().filter(|(_, value)| !value.is_empty());
    set.map(|(name, value)| format!("{name}={}", encode(value)))
        .collect::<Vec<_>>()
        .join("&")
}

/// The query's tags as a JSON object of text, if it has any.
fn tags(query: &Value) -> String {
    let Some(tags) = query["Query"]["Tags"].as_object() else {
        return String::new();
    };
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let tags: BTreeMap<_, _> = tags.iter().map(|(key, value)| (key, text(value))).collect();
    serde_json::to_string(&tags).unwrap()
}

fn duration(query: &Value, name: &str) -> Option<u64> {
    query["Query"][name].as_u64().filter(|ns| *ns > 0)
}

fn legacy_path(query: &Value) -> String {
    let go = |name| duration(query, name).map_or_else(String::new, |ns| format!("{ns}ns"));
    let micros = |name| (nanos(text(query, name)) / 1_000).to_string();
    let parameters = parameters(&[
        ("service", text(query, "ServiceName").to_owned()),
        ("operation", text(query, "OperationName").to_owned()),
        ("start", micros("StartTimeMin")),
        ("end", micros("StartTimeMax")),
        ("minDuration", go("DurationMin")),
        ("maxDuration", go("DurationMax")),
        ("tags", tags(query)),
        ("limit", query["Query"]["NumTraces"].to_string()),
    ]);
    format!("/api/traces?{parameters}")
}

fn v3_path(query: &Value, call: &str) -> String {
    let go = |name| duration(query, name).map_or_else(String::new, |ns| format!("{ns}ns"));
    let parameters = parameters(&[
        ("query.serviceName", text(query, "ServiceName").to_owned()),
        (
            "query.operationName",
            text(query, "OperationName").to_owned(),
        ),
        ("query.startTimeMin", text(query, "StartTimeMin").to_owned()),
        ("query.startTimeMax", text(query, "StartTimeMax").to_owned()),
        ("query.durationMin", go("DurationMin")),
        ("query.durationMax", go("DurationMax")),
        ("query.attributes", tags(query)),
        ("query.searchDepth", query["Query"]["NumTraces"].to_string()),
    ]);
    format!("/api/v3/{call}?{parameters}")
}

fn clew_path(query: &Value) -> String {
    let ns = |name| duration(query, name).map_or_else(String::new, |ns| ns.to_string());
    let parameters = parameters(&[
        ("service", text(query, "ServiceName").to_owned()),
        ("operation", text(query, "OperationName").to_owned()),
        ("start", nanos(text(query, "StartTimeMin")).to_string()),
        ("end", nanos(text(query, "StartTimeMax")).to_string()),
        ("min_duration_ns", ns("DurationMin")),
        ("max_duration_ns", ns("DurationMax")),
        ("tags", tags(query)),
        ("limit", query["Query"]["NumTraces"].to_string()),
    ]);
    format!("/api/clew/v1/search?{parameters}")
}

fn count<'a>(ids: impl Iterator<Item = &'a Value>) -> Found {
    let mut found = Found::new();
    for id in ids {
        *found
            .entry(format!("{:0>32}", id.as_str().unwrap()))
            .or_default() += 1;
    }
    found
}

fn sized<'a>(traces: &'a Value, id: &str, spans: &str) -> Found {
    let pair = |trace: &'a Value| {
        (
            trace[id].as_str().unwrap().to_owned(),
            trace[spans].as_u64().unwrap() as usize,
        )
    };
    traces.as_array().unwrap().iter().map(pair).collect()
}

async fn ask_everywhere(server: &Server, query: &Value, expected: &Found) {
    let legacy = server.json(&legacy_path(query)).await;
    let spans = legacy["data"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|trace| trace["spans"].as_array().unwrap());
    assert_eq!(
        count(spans.map(|span| &span["traceID"])),
        *expected,
        "legacy: {query}"
    );

    let v3 = server.json(&v3_path(query, "traces")).await;
    let resources = v3["result"]["resourceSpans"].as_array().unwrap().iter();
    let scopes = resources.flat_map(|resource| resource["scopeSpans"].as_array().unwrap());
    let spans = scopes.flat_map(|scope| scope["spans"].as_array().unwrap());
    assert_eq!(
        count(spans.map(|span| &span["traceId"])),
        *expected,
        "v3: {query}"
    );

    let summaries = server.json(&v3_path(query, "trace-summaries")).await;
    assert_eq!(
        sized(&summaries["summaries"], "traceId", "spanCount"),
        *expected,
        "summaries: {query}"
    );

    let clew = server.json(&clew_path(query)).await;
    assert_eq!(
        sized(&clew["traces"], "trace_id", "span_count"),
        *expected,
        "clew: {query}"
    );
    assert_eq!(
        clew["total"],
        serde_json::json!({"value": expected.len(), "exact": true})
    );
}

/// The query as both of Jaeger's packages have it; typed values go as they are to the storage.
fn messages(query: &Value) -> (api_v3::TraceQueryParameters, v2::TraceQueryParameters) {
    let time = |name| {
        let ns = nanos(text(query, name));
        Some(prost_types::Timestamp {
            seconds: (ns / 1_000_000_000) as i64,
            nanos: (ns % 1_000_000_000) as i32,
        })
    };
    let length = |name| {
        duration(query, name).map(|ns| prost_types::Duration {
            seconds: 0,
            nanos: i32::try_from(ns).unwrap(),
        })
    };
    let tags = query["Query"]["Tags"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let depth = query["Query"]["NumTraces"].as_i64().unwrap() as i32;
    let as_text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let v3 = api_v3::TraceQueryParameters {
        service_name: text(query, "ServiceName").to_owned(),
        operation_name: text(query, "OperationName").to_owned(),
        attributes: tags
            .iter()
            .map(|(key, value)| (key.clone(), as_text(value)))
            .collect(),
        start_time_min: time("StartTimeMin"),
        start_time_max: time("StartTimeMax"),
        duration_min: length("DurationMin"),
        duration_max: length("DurationMax"),
        search_depth: depth,
        ..Default::default()
    };
    let v2 = v2::TraceQueryParameters {
        service_name: v3.service_name.clone(),
        operation_name: v3.operation_name.clone(),
        attributes: tags.iter().map(|(key, value)| typed(key, value)).collect(),
        start_time_min: v3.start_time_min,
        start_time_max: v3.start_time_max,
        duration_min: v3.duration_min,
        duration_max: v3.duration_max,
        search_depth: depth,
        filter: None,
    };
    (v3, v2)
}

/// Both of Jaeger's packages over gRPC.
async fn ask_grpc(server: &Server, query: &Value, expected: &Found) {
    let (v3, v2) = messages(query);
    let mut api = jaeger_grpc::api(server);
    let mut storage = jaeger_grpc::storage(server);
    let count = |traces: Vec<Vec<TestSpan>>| {
        let mut found = Found::new();
        for span in traces.iter().flatten() {
            *found.entry(format!("{:032x}", span.trace_id)).or_default() += 1;
        }
        found
    };
    let request = api_v3::FindTracesRequest {
        query: Some(v3.clone()),
    };
    let traces = api.find_traces(request).await.unwrap().into_inner();
    assert_eq!(
        count(jaeger_grpc::traces(traces).await),
        *expected,
        "api_v3: {query}"
    );
    let request = v2::FindTracesRequest {
        query: Some(v2.clone()),
    };
    let traces = storage.find_traces(request).await.unwrap().into_inner();
    assert_eq!(
        count(jaeger_grpc::traces(traces).await),
        *expected,
        "storage.v2: {query}"
    );

    let request = api_v3::FindTraceSummariesRequest { query: Some(v3) };
    let mut messages = api
        .find_trace_summaries(request)
        .await
        .unwrap()
        .into_inner();
    let mut found = Found::new();
    while let Some(message) = messages.message().await.unwrap() {
        let pair = |s: api_v3::TraceSummary| (s.trace_id, s.span_count as usize);
        found.extend(message.summaries.into_iter().map(pair));
    }
    assert_eq!(found, *expected, "api_v3 summaries: {query}");
    let request = v2::FindTraceSummariesRequest {
        query: Some(v2.clone()),
    };
    let mut messages = storage
        .find_trace_summaries(request)
        .await
        .unwrap()
        .into_inner();
    let mut found = Found::new();
    while let Some(message) = messages.message().await.unwrap() {
        let pair = |s: v2::TraceSummary| (hex::encode(s.trace_id), s.span_count as usize);
        found.extend(message.summaries.into_iter().map(pair));
    }
    assert_eq!(found, *expected, "storage.v2 summaries: {query}");
    let request = v2::FindTraceIDsRequest { query: Some(v2) };
    let ids = storage
        .find_trace_i_ds(request)
        .await
        .unwrap()
        .into_inner()
        .trace_ids;
    let ids: BTreeSet<String> = ids.into_iter().map(|id| hex::encode(id.trace_id)).collect();
    assert_eq!(
        ids,
        expected.keys().cloned().collect(),
        "storage.v2 ids: {query}"
    );
}

/// A tag with the type that it has in the query.
fn typed(key: &str, value: &Value) -> v2::KeyValue {
    use v2::{AnyValue, KeyValue, any_value};
    let value = match value {
        Value::String(text) => any_value::Value::StringValue(text.clone()),
        Value::Bool(value) => any_value::Value::BoolValue(*value),
        Value::Number(number) => match number.as_i64() {
            Some(number) => any_value::Value::IntValue(number),
            None => any_value::Value::DoubleValue(number.as_f64().unwrap()),
        },
        other => panic!("{other}"),
    };
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
    }
}

async fn check(server: &Server, fixtures: &BTreeMap<String, Vec<TestSpan>>) {
    let queries = queries();
    assert_eq!((queries.len(), fixtures.len()), (25, 32));
    for query in &queries {
        ask_everywhere(server, query, &expected(query, fixtures)).await;
        ask_grpc(server, query, &expected(query, fixtures)).await;
    }
    let services = server.json("/api/v3/services").await;
    let wanted: BTreeSet<&str> = fixtures.values().flatten().map(TestSpan::service).collect();
    assert_eq!(services["services"], serde_json::json!(wanted));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_finds_its_traces_in_the_hot_window() {
    let (server, fixtures) = (Server::new(), fixtures());
    for spans in fixtures.values() {
        server.append(batch(spans)).await;
    }
    check(&server, &fixtures).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_finds_its_traces_in_one_segment() {
    let (server, fixtures) = (Server::new(), fixtures());
    for spans in fixtures.values() {
        server.append(batch(spans)).await;
    }
    server.flush().await;
    check(&server, &fixtures).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_finds_traces_whose_spans_lie_in_several_places() {
    let (server, fixtures) = (Server::new(), fixtures());
    for part in 0..3 {
        for spans in fixtures.values() {
            let spans: Vec<_> = spans
                .iter()
                .enumerate()
                .filter(|(place, _)| place % 3 == part)
                .collect();
            let spans: Vec<TestSpan> = spans.into_iter().map(|(_, span)| span.clone()).collect();
            if !spans.is_empty() {
                server.append(batch(&spans)).await;
            }
        }
        if part < 2 {
            server.flush().await;
        }
    }
    check(&server, &fixtures).await;
}
