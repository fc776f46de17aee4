//! Clew's own API. `testdata/api` holds one answer of each kind, which the web UI's tests read as well.

use std::collections::BTreeSet;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Int32Type, Int64Type, UInt8Type};
use arrow::ipc::reader::StreamReader;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::golden;
use crate::support::otlp_json::read;
use crate::support::shop::{CHECKOUT, HOME, RECEIVED, SLOW, T, checkout, server};
use crate::support::spans::{batch_at, span};

const BASE: &str = "/api/clew/v1";
const ARROW: &str = "application/vnd.apache.arrow.stream";

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_the_kept_ones() {
    let server = server().await;
    for (name, path) in [
        ("search", "/search?limit=2"),
        ("search-empty", "/search?service=nobody"),
        ("heatmap", "/heatmap?columns=6&rows=21"),
        (
            "heatmap-spans",
            "/heatmap?unit=spans&q=kind%3Dserver&columns=4&start=1700000000000000000&end=1700000004000000000",
        ),
        (
            "facets",
            "/facets?q=service%3Dgateway&key=http.route&frequent=2&values=3",
        ),
        (
            "explain",
            "/explain?q=service%3Dgateway%20http.status_code%3D504&start=1700000001500000000&end=1700000002500000000",
        ),
        ("keys", "/keys?prefix=http"),
        ("values", "/values?key=http.status_code"),
        ("services", "/services"),
        ("operations", "/operations?service=gateway"),
        ("trace", &format!("/traces/{CHECKOUT:032x}")),
        ("span", &format!("/traces/{CHECKOUT:032x}/spans/2")),
    ] {
        golden::check(
            &format!("api/{name}"),
            server.whole(&format!("{BASE}{path}")).await,
        );
    }
    for (name, path, status) in [
        ("error-not-found", "/traces/1234", StatusCode::NOT_FOUND),
        ("error-invalid", "/search?limit=0", StatusCode::BAD_REQUEST),
    ] {
        let answer = server.get(&format!("{BASE}{path}")).await;
        assert_eq!(answer.status, status);
        golden::check(&format!("api/{name}"), answer.json());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_has_the_fields_of_the_kept_one() {
    let server = server().await;
    let mut status = server.json(&format!("{BASE}/status")).await;
    assert_eq!(
        (
            &status["segments"],
            &status["stored_spans"],
            &status["hot_spans"]
        ),
        (&json!(2), &json!(8), &json!(1))
    );
    // Bytes depend on how well things compress.
    for field in ["stored_bytes", "hot_bytes", "wal_bytes"] {
        assert!(status[field].as_u64().unwrap() > 0, "{field}");
        status[field] = json!(4_096);
    }
    golden::check("api/status", status);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_arrow_skeleton_says_the_same_as_the_json_one() {
    let server = server().await;
    let path = format!("{BASE}/traces/{CHECKOUT:032x}");
    let json = server.json(&path).await;
    let answer = server.get_as(&path, ARROW).await;
    assert_eq!(
        (
            answer.status,
            answer.headers["content-type"].to_str().unwrap()
        ),
        (StatusCode::OK, ARROW)
    );
    let reader = StreamReader::try_new(answer.body.as_ref(), None).unwrap();
    let mut head: Value = serde_json::from_str(&reader.schema().metadata()["clew"]).unwrap();
    head["coverage"]["elapsed_ms"] = json["head"]["coverage"]["elapsed_ms"].clone();
    assert_eq!(head, json["head"]);
    let schema = reader.schema();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    let rows = concat_batches(&schema, &batches).unwrap();
    let columns = schema
        .fields()
        .iter()
        .zip(rows.columns())
        .map(|(field, column)| {
            let values: Vec<Value> = match field.data_type() {
                DataType::Int32 => column
                    .as_primitive::<Int32Type>()
                    .values()
                    .iter()
                    .map(|v| json!(v))
                    .collect(),
                DataType::UInt8 => column
                    .as_primitive::<UInt8Type>()
                    .values()
                    .iter()
                    .map(|v| json!(v))
                    .collect(),
                DataType::Int64 => column
                    .as_primitive::<Int64Type>()
                    .values()
                    .iter()
                    .map(|v| json!(v.to_string()))
                    .collect(),
                DataType::FixedSizeBinary(8) => column
                    .as_fixed_size_binary()
                    .iter()
                    .map(|v| json!(hex::encode(v.unwrap())))
                    .collect(),
                other => panic!("{other}"),
            };
            (field.name().clone(), Value::from(values))
        });
    assert_eq!(Value::Object(columns.collect()), json["columns"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_download_has_every_field_of_every_span() {
    let server = server().await;
    let answer = server
        .get(&format!("{BASE}/traces/{CHECKOUT:032x}/otlp"))
        .await;
    assert_eq!(
        answer.headers["content-disposition"],
        format!("attachment; filename=\"{CHECKOUT:032x}.otlp.json\"")
    );
    // What OTLP JSON cannot carry or the small reader does not read is left out of the comparison.
    let plain = |mut spans: Vec<crate::support::spans::TestSpan>| {
        for span in &mut spans {
            (span.weight, span.dropped) = (None, [0; 5]);
            span.links.iter_mut().for_each(|link| link.flags = 0);
        }
        spans.sort_by_key(|span| (span.start, span.kind));
        spans
    };
    assert_eq!(plain(read(&answer.json())), plain(checkout()));
    let span = answer.json()["resourceSpans"][1]["scopeSpans"][0]["spans"][0].clone();
    for (field, value) in [
        ("droppedAttributesCount", 1),
        ("droppedEventsCount", 2),
        ("droppedLinksCount", 3),
    ] {
        assert_eq!(span[field], value, "{span}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_is_found_by_any_form_of_its_id() {
    let server = server().await;
    for id in [
        "1f",
        "1F",
        "001f",
        &format!("{HOME:032x}"),
        &format!("{HOME:032X}"),
    ] {
        let head = &server.json(&format!("{BASE}/traces/{id}")).await["head"];
        assert_eq!(head["trace_id"], format!("{HOME:032x}"));
        assert_eq!(head["span_count"], 2);
    }
    for (path, status) in [
        ("/traces/xyz", StatusCode::BAD_REQUEST),
        ("/traces/0", StatusCode::BAD_REQUEST),
        ("/traces/1f/spans/2", StatusCode::NOT_FOUND),
        ("/traces/1f/spans/-1", StatusCode::BAD_REQUEST),
        ("/traces/2f/otlp", StatusCode::NOT_FOUND),
        ("/operations", StatusCode::BAD_REQUEST),
        ("/nothing", StatusCode::NOT_FOUND),
    ] {
        let answer = server.get(&format!("{BASE}{path}")).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.json()["error"]["code"].is_string(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_in_two_places_is_one() {
    let server = server().await;
    let trace = server.json(&format!("{BASE}/traces/{SLOW:032x}")).await;
    assert_eq!(trace["columns"]["parent_row"], json!([-1, 0]));
    assert_eq!(
        trace["columns"]["start_offset_ns"],
        json!(["0", "500000000"])
    );
    let found = server.json(&format!("{BASE}/search?service=stock")).await;
    assert_eq!(found["total"], json!({"value": 1, "exact": true}));
    let found = &found["traces"][0];
    // The match is hot, the root and the earlier start are stored.
    assert_eq!(found["root_name"], "GET /slow");
    assert_eq!(
        (
            &found["span_count"],
            &found["matched_count"],
            &found["error_count"]
        ),
        (&json!(2), &json!(1), &json!(1))
    );
    assert_eq!(
        found["start_time_unix_nano"],
        (T + 3_000_000_000).to_string()
    );
    assert_eq!(found["duration_ns"], "2000000000");
    assert_eq!(found["complete"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_cover_everything_once_while_newer_traces_arrive() {
    let server = server().await;
    for n in 0..25_u64 {
        // Ties in start are broken by id.
        let spans = [span("tick", u128::from(100 + n), 1, "tick", T + n / 5, 10)];
        server.append(batch_at(&spans, RECEIVED)).await;
        if n % 10 == 9 {
            server.flush().await;
        }
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server
            .json(&format!(
                "{BASE}/search?service=tick&limit=4&cursor={cursor}"
            ))
            .await;
        for trace in page["traces"].as_array().unwrap() {
            let start: u64 = trace["start_time_unix_nano"]
                .as_str()
                .unwrap()
                .parse()
                .unwrap();
            seen.push((
                u64::MAX - start,
                trace["trace_id"].as_str().unwrap().to_owned(),
            ));
        }
        let late = [span(
            "tick",
            1_000 + seen.len() as u128,
            1,
            "tick",
            T + 1_000 + seen.len() as u64,
            10,
        )];
        server.append(batch_at(&late, RECEIVED)).await;
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert!(seen.is_sorted(), "{seen:?}");
    assert_eq!(seen.len(), 25);
    assert_eq!(
        seen.iter().map(|(_, id)| id).collect::<BTreeSet<_>>().len(),
        25
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_that_are_stored_twice_count_once() {
    let server = server().await;
    let twice = [
        span("twin", 0x77, 1, "same", T, 10),
        span("twin", 0x77, 2, "other", T, 10).parent(1),
    ];
    for _ in 0..2 {
        server.append(batch_at(&twice, RECEIVED)).await;
        server.append(batch_at(&twice, RECEIVED)).await;
        let found = server.json(&format!("{BASE}/search?service=twin")).await;
        assert_eq!(found["total"]["value"], 1);
        let found = &found["traces"][0];
        assert_eq!(
            (&found["span_count"], &found["matched_count"]),
            (&json!(2), &json!(2))
        );
        server.flush().await;
    }
}
