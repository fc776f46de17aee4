//! Jaeger's API: shapes kept under `testdata/jaeger-api`, and Jaeger's own pairs of OTLP and Jaeger JSON.

use std::path::PathBuf;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::support::shop::{CHECKOUT, HOME, MS, RECEIVED, SLOW, T, server};
use crate::support::spans::{TestLink, batch_at, span, text};
use crate::support::{Answer, Server, encode, golden};

const SINCE: &str = "start=1699999990000000&end=1700000090000000";

#[tokio::test(flavor = "multi_thread")]
async fn legacy_answers_are_the_kept_ones() {
    let server = server().await;
    for (name, path) in [
        ("services", "/api/services".to_owned()),
        (
            "operations",
            "/api/operations?service=gateway&spanKind=server".to_owned(),
        ),
        (
            "operations-of-service",
            "/api/services/payment/operations".to_owned(),
        ),
        ("trace", format!("/api/traces/{CHECKOUT:x}")),
        ("trace-raw", format!("/api/traces/{CHECKOUT:x}?raw=true")),
        (
            "traces",
            format!("/api/traces?service=cart&{SINCE}&lookback=1h"),
        ),
        (
            "traces-by-id",
            "/api/traces?traceID=1f&traceID=2f".to_owned(),
        ),
        (
            "dependencies",
            "/api/dependencies?endTs=1700000090000&lookback=3600000".to_owned(),
        ),
    ] {
        golden::check(&format!("jaeger-api/{name}"), server.json(&path).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn v3_answers_are_the_kept_ones() {
    let server = server().await;
    let window =
        "query.startTimeMin=2023-11-14T22:13:00.000Z&query.startTimeMax=2023-11-14T22:14:00.000Z";
    for (name, path) in [
        ("v3-services", "/api/v3/services".to_owned()),
        (
            "v3-operations",
            "/api/v3/operations?service=unknown_service".to_owned(),
        ),
        ("v3-trace", format!("/api/v3/traces/{CHECKOUT:x}")),
        (
            "v3-traces",
            format!("/api/v3/traces?query.serviceName=cart&{window}"),
        ),
        (
            "v3-trace-summaries",
            format!("/api/v3/trace-summaries?{window}"),
        ),
        (
            "v3-trace-summaries-none",
            format!("/api/v3/trace-summaries?query.serviceName=x&{window}"),
        ),
    ] {
        golden::check(&format!("jaeger-api/{name}"), server.json(&path).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_have_the_envelope_of_their_generation() {
    let server = server().await;
    for (path, status, body) in [
        (
            "/api/traces/2f",
            404,
            json!({"data": null, "total": 0, "limit": 0, "offset": 0, "errors": [{"code": 404, "msg": "trace not found"}]}),
        ),
        (
            "/api/operations",
            400,
            json!({"data": null, "total": 0, "limit": 0, "offset": 0, "errors": [{"code": 400, "msg": "parameter 'service' is required"}]}),
        ),
        (
            "/api/v3/traces/2f",
            404,
            json!({"error": {"httpCode": 404, "message": "trace not found"}}),
        ),
        (
            "/api/v3/traces?query.serviceName=x&query.startTimeMin=2023-11-14T22:13:00Z&query.startTimeMax=2023-11-14T22:14:00Z",
            404,
            json!({"error": {"httpCode": 404, "message": "No traces found"}}),
        ),
        (
            "/api/v3/trace-summaries",
            400,
            json!({"error": {"httpCode": 400, "message": "query.startTimeMin and query.startTimeMax are required"}}),
        ),
        (
            "/api/v3/traces/1f?startTime=yesterday",
            400,
            json!({"error": {"httpCode": 400, "message": "malformed parameter startTime: `yesterday` is not a time like 2026-11-23T10:00:00.000Z"}}),
        ),
    ] {
        let answer = server.get(path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()),
            (status, body),
            "{path}"
        );
    }
    for path in ["/api/nothing", "/api/traces/1f/more", "/api/v3/nothing"] {
        let answer = server.get(path).await;
        assert_eq!(
            (
                answer.status,
                answer.headers["content-type"].to_str().unwrap()
            ),
            (StatusCode::NOT_FOUND, "application/json")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_may_be_base64_and_answers_pretty() {
    let server = server().await;
    let plain = server.get("/api/traces/1f").await;
    for id in ["AAAAAAAAAAAAAAAAAAAAHw==", "AAAAAAAAAAAAAAAAAAAAHw"] {
        assert_eq!(
            server.json(&format!("/api/traces/{}", encode(id))).await,
            plain.json()
        );
        assert_eq!(
            server.json(&format!("/api/v3/traces/{}", encode(id))).await,
            server.json(&format!("/api/v3/traces/{HOME:x}")).await
        );
    }
    let pretty = server.get("/api/traces/1f?prettyPrint=true").await;
    assert_eq!(pretty.json(), plain.json());
    assert!(pretty.text().starts_with("{\n"), "{}", pretty.text());
    assert!(
        !server
            .get("/api/traces/1f?prettyPrint=false")
            .await
            .text()
            .contains('\n')
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_are_newest_first_and_limits_exact() {
    let server = server().await;
    let ids = |answer: &Value| -> Vec<String> {
        answer["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|trace| trace["traceID"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = [
        format!("{SLOW:032x}"),
        format!("{HOME:016x}"),
        format!("{CHECKOUT:032x}"),
    ];
    for limit in 1..=4 {
        let answer = server
            .json(&format!(
                "/api/traces?service=gateway&limit={limit}&{SINCE}"
            ))
            .await;
        assert_eq!(ids(&answer), all[..limit.min(3)]);
    }
    // The start is inclusive, the end exclusive, both of the span.
    let slow = (T + 3_000 * MS) / 1_000;
    for (times, found) in [
        (format!("start={slow}&end={}", slow + 1), 1),
        (format!("start={}&end={}", slow + 1, slow + 2), 0),
        (format!("start={}&end={slow}", slow - 1), 0),
    ] {
        assert_eq!(
            ids(&server
                .json(&format!("/api/traces?service=gateway&{times}"))
                .await)
            .len(),
            found,
            "{times}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_weighted_and_counted_where_their_spans_lie() {
    let server = Server::new();
    let trace = |id: u128| {
        let start = T + (id as u64) * MS;
        [
            span("a", id, 1, "root", start, 10).kind(3).weight(3.0),
            span("b", id, 2, "child", start + 1, 5)
                .kind(2)
                .parent(1)
                .weight(3.0),
            span("b", id, 3, "own", start + 2, 2).parent(2).weight(3.0),
            span("c", id, 4, "lost", start + 3, 2)
                .parent(99)
                .weight(3.0),
        ]
    };
    let ask = async |end: u64| {
        let path = format!("/api/dependencies?endTs={end}&lookback=1000");
        let answer = server.json(&path).await;
        assert_eq!(answer["errors"], Value::Null);
        answer["data"].clone()
    };
    let edge = |count: u64| json!([{"parent": "a", "child": "b", "callCount": count}]);
    let end = T / MS + 100;
    // The same spans twice in memory.
    server.append(batch_at(&trace(1), RECEIVED)).await;
    server.append(batch_at(&trace(1), RECEIVED)).await;
    assert_eq!(ask(end).await, edge(3));
    server.flush().await;
    assert_eq!(ask(end).await, edge(3));
    // A caller in one segment, what it calls in another.
    server.append(batch_at(&trace(50)[..1], RECEIVED)).await;
    server.flush().await;
    server.append(batch_at(&trace(50)[1..], RECEIVED)).await;
    server.flush().await;
    assert_eq!(ask(end).await, edge(6));
    // Counts are kept by the minute.
    assert_eq!(ask(end - 60_000).await, json!([]));
    let about = server
        .json(&format!(
            "/api/dependencies?endTs={}&lookback=1000&service=c",
            T / MS + 100
        ))
        .await;
    assert_eq!(about["data"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn rates_errors_and_durations_are_gauges_over_time() {
    const MINUTE: u64 = 60_000 * MS;
    let server = Server::new();
    let minute = T / MINUTE * MINUTE;
    let request =
        |id: u64, name: &str, at: u64| span("shop", u128::from(id), id, name, at, 20 * MS).kind(2);
    let spans: Vec<_> = (1..=12)
        .map(|id| {
            let name = if id <= 9 { "get" } else { "put" };
            let request = request(id, name, minute + id * 1_000 * MS);
            if id % 4 == 0 {
                request.error()
            } else {
                request
            }
        })
        .chain([request(13, "get", minute + MINUTE).kind(3)])
        .collect();
    let end = (minute + 2 * MINUTE) / MS;
    let ask = async |path: &str| {
        let query = format!("endTs={end}&lookback=60000&step=60000&ratePer=60000");
        server
            .json(&format!("/api/metrics/{path}&service=shop&{query}"))
            .await
    };
    server.append(batch_at(&spans[..6], RECEIVED)).await;
    server.flush().await;
    server.append(batch_at(&spans[6..], RECEIVED)).await;
    let at = jiff::Timestamp::from_millisecond((end - 60_000) as i64).unwrap();
    let last = jiff::Timestamp::from_millisecond(end as i64).unwrap();
    let point = |value: f64, at: jiff::Timestamp| json!({"gaugeValue": {"doubleValue": value}, "timestamp": at.to_string()});
    let calls = ask("calls?x=1").await;
    let expected = json!({
        "name": "service_call_rate",
        "type": "GAUGE",
        "help": "calls/sec, grouped by service",
        "metrics": [{
            "labels": [{"name": "service_name", "value": "shop"}],
            "metricPoints": [point(0.2, at), point(0.0, last)],
        }],
    });
    assert_eq!(calls, expected);
    let errors = ask("errors?groupByOperation=true").await;
    assert_eq!(errors["name"], "service_operation_error_rate");
    let of = |operation: &str| {
        let metrics = errors["metrics"].as_array().unwrap();
        let label = json!({"name": "operation", "value": operation});
        let found = metrics.iter().find(|metric| metric["labels"][0] == label);
        found.unwrap()["metricPoints"].clone()
    };
    assert_eq!(of("get"), json!([point(2.0 / 9.0, at)]));
    assert_eq!(of("put"), json!([point(1.0 / 3.0, at)]));
    let latencies = ask("latencies?quantile=0.95").await;
    let latency = &latencies["metrics"][0]["metricPoints"][0]["gaugeValue"]["doubleValue"];
    assert!(
        (latency.as_f64().unwrap() - 20.0).abs() < 0.01,
        "{latencies}"
    );
    let clients = ask("calls?spanKind=client").await;
    assert_eq!(
        clients["metrics"][0]["metricPoints"],
        json!([point(0.0, at), point(1.0 / 60.0, last)])
    );
    let min_step = server.json("/api/metrics/minstep").await;
    assert_eq!(min_step["data"], 60_000);
    let refused = server.get("/api/metrics/latencies?service=shop").await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_before_the_window_still_calls() {
    let server = Server::new();
    server
        .append(batch_at(
            &[span("a", 1, 1, "root", T, 10_000 * MS).kind(3)],
            RECEIVED,
        ))
        .await;
    server.flush().await;
    server
        .append(batch_at(
            &[span("b", 1, 2, "late", T + 9_000 * MS, MS)
                .kind(2)
                .parent(1)],
            RECEIVED,
        ))
        .await;
    server.flush().await;
    let answer = server
        .json(&format!(
            "/api/dependencies?endTs={}&lookback=2000",
            T / MS + 10_000
        ))
        .await;
    assert_eq!(
        answer["data"],
        json!([{"parent": "a", "child": "b", "callCount": 1}])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_spans_get_ids_of_their_own_unless_raw() {
    let server = Server::new();
    let zipkin = [
        span("a", 9, 1, "call", T, 10).kind(3),
        span("b", 9, 1, "call", T + 1, 8).kind(2),
        span("b", 9, 2, "inner", T + 2, 4).parent(1),
        span("b", 9, 3, "lone", T + 3, 4).kind(2).parent(2),
    ];
    server.append(batch_at(&zipkin, RECEIVED)).await;
    let of = |answer: &Value| -> Vec<(String, Value)> {
        let spans = answer["data"][0]["spans"].as_array().unwrap();
        let pair = |span: &Value| {
            (
                span["spanID"].as_str().unwrap().to_owned(),
                span["references"].clone(),
            )
        };
        spans.iter().map(pair).collect()
    };
    let under =
        |id: &str| json!([{"refType": "CHILD_OF", "traceID": "0000000000000009", "spanID": id}]);
    let [one, two, three, four] = [1, 2, 3, 4].map(|id: u64| format!("{id:016x}"));
    let adjusted = of(&server.json("/api/traces/9").await);
    // The server's half takes the lowest free id, hangs under the client's half, and keeps its children.
    let expected = [
        (&one, json!([])),
        (&four, under(&one)),
        (&two, under(&four)),
        (&three, under(&two)),
    ]
    .map(|(id, refs)| (id.clone(), refs));
    assert_eq!(adjusted, expected);
    let raw = of(&server.json("/api/traces/9?raw=true").await);
    let expected = [
        (&one, json!([])),
        (&one, json!([])),
        (&two, under(&one)),
        (&three, under(&two)),
    ]
    .map(|(id, refs)| (id.clone(), refs));
    assert_eq!(raw, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn packed_addresses_and_empty_links_are_adjusted_unless_raw() {
    let server = Server::new();
    let mut odd = span("a", 9, 1, "odd", T, 10)
        .with(text("z", "last"))
        .with(crate::support::spans::int("ip", 0x0808_0404));
    odd.links = vec![TestLink::default()];
    server.append(batch_at(&[odd], RECEIVED)).await;
    let span = async |path: &str| server.json(path).await["data"][0]["spans"][0].clone();
    let adjusted = span("/api/traces/9").await;
    assert_eq!(adjusted["references"], json!([]));
    let tag =
        |key: &str, kind: &str, value: Value| json!({"key": key, "type": kind, "value": value});
    assert_eq!(
        adjusted["tags"],
        json!([
            tag("ip", "string", json!("8.8.4.4")),
            tag("z", "string", json!("last"))
        ])
    );
    let raw = span("/api/traces/9?raw=1").await;
    assert_eq!(raw["references"][0]["refType"], "FOLLOWS_FROM");
    assert_eq!(
        raw["tags"],
        json!([
            tag("z", "string", json!("last")),
            tag("ip", "int64", json!(0x0808_0404))
        ])
    );
}

fn testdata(name: &str) -> Vec<u8> {
    std::fs::read(
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../testdata/jaeger")
            .join(name),
    )
    .unwrap()
}

async fn transform(server: &Server, body: Vec<u8>) -> Answer {
    server
        .send(
            Request::post("/api/transform")
                .body(Body::from(body))
                .unwrap(),
        )
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn jaegers_own_pair_of_otlp_and_jaeger_json_comes_out_alike() {
    let server = Server::new();
    let answer = transform(&server, testdata("otlp2jaeger-in.json")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let expected: Value = serde_json::from_slice(&testdata("otlp2jaeger-out.json")).unwrap();
    assert_eq!(answer.json(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_uis_pair_comes_out_alike_but_for_what_the_ui_adds() {
    let server = Server::new();
    let answer = transform(&server, testdata("ui-otlp-multi-in.json"))
        .await
        .json();
    let expected: Value = serde_json::from_slice(&testdata("ui-otlp-multi-out.json")).unwrap();
    let spans = |trace: &Value| -> Vec<Value> {
        let mut spans = trace["spans"].as_array().unwrap().clone();
        for span in &mut spans {
            let fields = span.as_object_mut().unwrap();
            // Made by the UI from the rest.
            for added in [
                "process",
                "relativeStartTime",
                "depth",
                "hasChildren",
                "childSpanIds",
                "warnings",
                "subsidiarilyReferencedBy",
            ] {
                fields.remove(added);
            }
            for reference in fields["references"].as_array_mut().unwrap() {
                reference.as_object_mut().unwrap().remove("span");
            }
            // The name of these keys before OpenTelemetry changed it.
            let tags = fields["tags"]
                .to_string()
                .replace("otel.library.", "otel.scope.");
            fields["tags"] = serde_json::from_str(&tags).unwrap();
        }
        spans.sort_by_key(|span| span["spanID"].to_string());
        spans
    };
    let (found, expected) = (&answer["data"][0], &expected["data"][0]);
    assert_eq!(found["traceID"], expected["traceID"]);
    assert_eq!(found["processes"], expected["processes"]);
    assert_eq!(spans(found), spans(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_otlp_json_is_refused() {
    let server = Server::new();
    let answer = transform(&server, b"{".to_vec()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.json()["errors"][0]["code"], 400);
}
