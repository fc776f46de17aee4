//! Made-up spans as instrumented services send them: 15 attributes of the semantic conventions a span, 13 a resource.
//!
//! Traces have 10 spans of four kinds that take turns: an HTTP server, an HTTP client, a database call and a message. Some values are
//! one of few (methods, routes, queries), some are random (addresses, offsets, sizes), and some differ in every span and every
//! pass (user, path, message id). One span in 50 failed, with an exception and its stack.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

use crate::stream::{TRACE_SPANS, int, random, text};

/// Attributes of a span.
const ATTRIBUTES: usize = 15;
const TABLES: [&str; 6] = ["orders", "carts", "products", "users", "payments", "stock"];
const METHODS: [&str; 3] = ["GET", "POST", "PUT"];
const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "okhttp/5.1.0",
    "python-requests/2.32.5",
];
const STACK: &str = "java.net.SocketTimeoutException: no answer in 30 s\n\tat shop.rpc.Call.await(Call.java:211)\n\tat \
                     shop.rpc.Client.send(Client.java:88)\n\tat shop.checkout.Order.place(Order.java:132)\n\tat \
                     shop.web.Handler.handle(Handler.java:57)";

/// `requests` requests of `batch` spans each.
#[must_use]
pub fn requests(requests: usize, batch: usize) -> Vec<Vec<u8>> {
    let mut state = 0x71c4;
    (0..requests)
        .map(|_| request(batch, &mut state).encode_to_vec())
        .collect()
}

fn request(batch: usize, state: &mut u64) -> ExportTraceServiceRequest {
    let service = random(state) % 20;
    let mut spans: Vec<Span> = Vec::with_capacity(batch);
    let mut trace = Vec::new();
    for index in 0..batch {
        let place = index % TRACE_SPANS;
        if place == 0 {
            trace = [random(state).to_be_bytes(), random(state).to_be_bytes()].concat();
        }
        let parent = match place {
            0 => Vec::new(),
            _ => spans[index - 1 - random(state) as usize % place]
                .span_id
                .clone(),
        };
        spans.push(span(index, trace.clone(), parent, state));
    }
    let scope = InstrumentationScope {
        name: "io.opentelemetry.shop".into(),
        version: "2.19.0".into(),
        ..Default::default()
    };
    let scope_spans = vec![ScopeSpans {
        scope: Some(scope),
        spans,
        schema_url: String::new(),
    }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource(service)),
            scope_spans,
            schema_url: String::new(),
        }],
    }
}

fn resource(service: u64) -> Resource {
    let attributes = vec![
        text("service.name", format!("shop-{service}")),
        text("service.namespace", "shop"),
        text("service.version", format!("4.{service}.1")),
        text("service.instance.id", format!("shop-{service}-7d4b9c-x2v")),
        text("deployment.environment.name", "production"),
        text("host.name", format!("ip-10-0-{}-17", service % 5)),
        text("k8s.namespace.name", "shop"),
        text("k8s.pod.name", format!("shop-{service}-7d4b9c-x2v")),
        text("k8s.deployment.name", format!("shop-{service}")),
        text("cloud.region", "eu-central-1"),
        text("telemetry.sdk.name", "opentelemetry"),
        text("telemetry.sdk.language", "java"),
        int("process.pid", 1),
    ];
    Resource {
        attributes,
        ..Resource::default()
    }
}

fn span(index: usize, trace_id: Vec<u8>, parent_span_id: Vec<u8>, state: &mut u64) -> Span {
    let start = 1_790_000_000_000_000_000 + index as u64 * 1_000_000;
    let end = start + 50_000 + random(state) % 80_000_000;
    let failed = random(state).is_multiple_of(50);
    let choice = random(state) % 40;
    let (kind, name, attributes) = match index % TRACE_SPANS % 4 {
        0 => server(choice, failed, state),
        1 => query(choice, state),
        2 => client(choice, failed, state),
        _ => message(choice, state),
    };
    debug_assert_eq!(attributes.len(), ATTRIBUTES);
    Span {
        trace_id,
        span_id: random(state).to_be_bytes().to_vec(),
        parent_span_id,
        kind: kind.into(),
        name,
        start_time_unix_nano: start,
        end_time_unix_nano: end,
        attributes,
        events: failed.then(|| exception(end)).into_iter().collect(),
        status: failed.then(|| Status {
            message: "no answer in 30 s".into(),
            code: 2,
        }),
        ..Span::default()
    }
}

type Parts = (SpanKind, String, Vec<KeyValue>);

fn server(route: u64, failed: bool, state: &mut u64) -> Parts {
    let method = METHODS[(route % 3) as usize];
    let attributes = vec![
        text("http.request.method", method),
        text("http.route", format!("/api/v2/route-{route}/{{id}}")),
        int("http.response.status_code", if failed { 504 } else { 200 }),
        text("url.scheme", "https"),
        text("url.path", format!("/api/v2/route-{route}/{}", hex(state))),
        text("url.query", format!("page={}", random(state) % 20)),
        text("server.address", "shop.example.com"),
        int("server.port", 443),
        text("client.address", address(state)),
        int("client.port", 32_768 + (random(state) % 28_000) as i64),
        text("user_agent.original", AGENTS[(random(state) % 4) as usize]),
        text("network.protocol.name", "http"),
        text("network.protocol.version", "2"),
        text("user.id", hex(state)),
        int("thread.id", (random(state) % 64) as i64),
    ];
    let name = format!("{method} /api/v2/route-{route}/{{id}}");
    (SpanKind::Server, name, attributes)
}

fn client(target: u64, failed: bool, state: &mut u64) -> Parts {
    let method = METHODS[(target % 3) as usize];
    let host = format!("shop-{}.shop.svc.cluster.local", target % 20);
    let url = format!("http://{host}:8080/internal/{}", hex(state));
    let attributes = vec![
        text("http.request.method", method),
        text("url.full", url),
        int("http.response.status_code", if failed { 504 } else { 200 }),
        text("server.address", host),
        int("server.port", 8_080),
        text("network.peer.address", address(state)),
        int("network.peer.port", 8_080),
        text("network.protocol.name", "http"),
        text("network.protocol.version", "1.1"),
        int("http.request.resend_count", i64::from(failed)),
        int("http.request.body.size", (random(state) % 4_096) as i64),
        int("http.response.body.size", (random(state) % 65_536) as i64),
        text("user.id", hex(state)),
        int("thread.id", (random(state) % 64) as i64),
        text("thread.name", format!("worker-{}", random(state) % 64)),
    ];
    (SpanKind::Client, method.into(), attributes)
}

fn query(statement: u64, state: &mut u64) -> Parts {
    let table = TABLES[(statement % 6) as usize];
    let sql = format!(
        "SELECT id, state, total_{statement} FROM {table} WHERE id = $1 AND tenant = $2 ORDER BY created_at DESC LIMIT $3"
    );
    let line = 40 + statement as i64;
    let attributes = vec![
        text("db.system.name", "postgresql"),
        text("db.namespace", "shop"),
        text("db.collection.name", table),
        text("db.operation.name", "SELECT"),
        text("db.query.summary", format!("SELECT {table}")),
        text("db.query.text", sql),
        int("db.response.returned_rows", (random(state) % 100) as i64),
        text("server.address", "pg-main.shop.svc.cluster.local"),
        int("server.port", 5_432),
        text("network.peer.address", format!("10.0.9.{}", statement % 4)),
        int("network.peer.port", 5_432),
        text("code.function.name", format!("shop.store.{table}.find")),
        text("code.file.path", format!("src/store/{table}.java")),
        int("code.line.number", line),
        int("thread.id", (random(state) % 64) as i64),
    ];
    (SpanKind::Client, format!("SELECT {table}"), attributes)
}

fn message(topic: u64, state: &mut u64) -> Parts {
    let topic = format!("shop.{}.events", TABLES[(topic % 6) as usize]);
    let partition = random(state) % 24;
    let attributes = vec![
        text("messaging.system", "kafka"),
        text("messaging.operation.name", "send"),
        text("messaging.operation.type", "send"),
        text("messaging.destination.name", topic.clone()),
        text("messaging.destination.partition.id", format!("{partition}")),
        int("messaging.kafka.offset", (random(state) >> 34) as i64),
        text("messaging.message.id", hex(state)),
        int(
            "messaging.message.body.size",
            (random(state) % 8_192) as i64,
        ),
        text("messaging.client.id", format!("producer-{}", partition % 8)),
        text("messaging.consumer.group.name", "shop-workers"),
        text("server.address", "kafka.shop.svc.cluster.local"),
        int("server.port", 9_092),
        text("network.peer.address", format!("10.0.8.{}", partition % 6)),
        int("network.peer.port", 9_092),
        int("thread.id", (random(state) % 64) as i64),
    ];
    (SpanKind::Producer, format!("send {topic}"), attributes)
}

fn exception(time: u64) -> Event {
    Event {
        time_unix_nano: time,
        name: "exception".into(),
        attributes: vec![
            text("exception.type", "java.net.SocketTimeoutException"),
            text("exception.message", "no answer in 30 s"),
            text("exception.stacktrace", STACK),
        ],
        ..Event::default()
    }
}

fn hex(state: &mut u64) -> String {
    format!("{:08x}", random(state) as u32)
}

fn address(state: &mut u64) -> String {
    format!("10.{}.{}.7", random(state) % 256, random(state) % 256)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_span_has_the_attributes_that_are_promised() {
        let bodies = requests(3, 1_000);
        let mut traces: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        for body in &bodies {
            let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
            let group = &request.resource_spans[0];
            assert_eq!(group.resource.as_ref().unwrap().attributes.len(), 13);
            for span in &group.scope_spans[0].spans {
                let mut keys: Vec<&str> = span.attributes.iter().map(|a| a.key.as_str()).collect();
                keys.sort_unstable();
                keys.dedup();
                assert_eq!(keys.len(), ATTRIBUTES, "{keys:?}");
                *traces.entry(span.trace_id.clone()).or_default() += 1;
            }
        }
        assert_eq!(traces.len(), 300);
        assert!(traces.values().all(|spans| *spans == TRACE_SPANS));
    }
}
