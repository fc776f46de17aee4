//! A small shop's traces: every kind of thing that an answer can show, few enough to be worked out by hand.
//!
//! Times count from [`T`]. Trace ids are [`CHECKOUT`], [`HOME`], [`ORPHAN`] and [`SLOW`].
//!
//! ```text
//!  checkout  gateway GET /checkout ─ gateway charge (client) ═ payment charge (server, same id) ─ payment INSERT orders
//!  home      gateway GET / ─ cart load                          64-bit id
//!  orphan    unknown_service load                               its parent is nowhere
//!  slow      gateway GET /slow ─ stock lookup                   in two places once stored
//! ```

use clew_storage::attributes::AttributeValue;

use super::Server;
use super::spans::{TestEvent, TestLink, TestSpan, batch_at, int, span, text};

/// 2023-11-14T22:13:20Z, ns since the epoch.
pub(crate) const T: u64 = 1_700_000_000_000_000_000;
/// A millisecond.
pub(crate) const MS: u64 = 1_000_000;
/// When everything was received.
pub(crate) const RECEIVED: u64 = T + 60_000 * MS;

pub(crate) const CHECKOUT: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;
pub(crate) const HOME: u128 = 0x1f;
pub(crate) const ORPHAN: u128 = 0xabc0_0000_0000_0000_0000_0000_0000_0001;
pub(crate) const SLOW: u128 = 0xd000_0000_0000_0000_0000_0000_0000_0001;

/// The spans of [`CHECKOUT`].
pub(crate) fn checkout() -> Vec<TestSpan> {
    let root = TestSpan {
        trace_state: "vendor=1".to_owned(),
        flags: 0x101,
        ..span("gateway", CHECKOUT, 0xb7, "GET /checkout", T + 123, 52 * MS)
    };
    let root = root
        .kind(2)
        .with(text("http.route", "/checkout"))
        .with(int("http.status_code", 502));
    let client = span("gateway", CHECKOUT, 0xb8, "charge", T + MS, 30 * MS)
        .kind(3)
        .parent(0xb7);
    let insert = TestSpan {
        end: T + 5 * MS - 5,
        ..span("payment", CHECKOUT, 0xb9, "INSERT orders", T + 5 * MS, 0)
            .kind(3)
            .parent(0xb8)
    };
    vec![root, client, payment(), insert]
}

/// The server's half of the call, with everything that a span can carry.
fn payment() -> TestSpan {
    TestSpan {
        resource: vec![text("service.name", "payment"), text("host.name", "p-1")],
        resource_schema_url: "https://opentelemetry.io/schemas/1.24.0".to_owned(),
        scope_name: "billing".to_owned(),
        scope_version: "1.0".to_owned(),
        scope: vec![text("scope.key", "scope value")],
        scope_schema_url: "https://example.com/scope".to_owned(),
        status_message: "card refused".to_owned(),
        attributes: all_types(),
        events: vec![TestEvent {
            time: 11_651_379_494_838_206_464,
            name: "exception".to_owned(),
            attributes: vec![text("exception.type", "CardRefused")],
        }],
        links: vec![TestLink {
            trace_id: HOME.to_be_bytes().to_vec(),
            span_id: 2_u64.to_be_bytes().to_vec(),
            trace_state: "a=b".to_owned(),
            attributes: vec![text("link.key", "link value")],
            flags: 1,
        }],
        dropped: [1, 2, 3, 4, 5],
        weight: Some(4.0),
        ..span("payment", CHECKOUT, 0xb8, "charge", T + 2 * MS, 25 * MS)
    }
    .kind(2)
    .parent(0xb7)
    .error()
}

fn all_types() -> Vec<(String, AttributeValue)> {
    let value = |key: &str, value| (key.to_owned(), value);
    let nested = AttributeValue::Map(vec![
        value("a", AttributeValue::Int(1)),
        value(
            "$b",
            AttributeValue::Array(vec![AttributeValue::Double(2.0), AttributeValue::Empty]),
        ),
    ]);
    vec![
        text("http.route", "/charge"),
        int("big", i64::MAX),
        value("ratio", AttributeValue::Double(0.1)),
        value("retry", AttributeValue::Bool(false)),
        value("body", AttributeValue::Bytes(vec![0, 1, 2])),
        value(
            "list",
            AttributeValue::Array(vec![
                AttributeValue::String("x".to_owned()),
                AttributeValue::Int(1),
            ]),
        ),
        value("nested", nested),
        value("nothing", AttributeValue::Empty),
    ]
}

/// The spans of [`HOME`].
pub(crate) fn home() -> Vec<TestSpan> {
    let start = T + 1_000 * MS;
    let root = span("gateway", HOME, 1, "GET /", start, 5 * MS).kind(2);
    let load = span("cart", HOME, 2, "load", start + MS, 2 * MS)
        .kind(1)
        .parent(1);
    vec![
        root.with(text("http.route", "/"))
            .with(int("http.status_code", 200)),
        load.with(text("user.id", "u-1")),
    ]
}

/// The span of [`ORPHAN`].
pub(crate) fn orphan() -> Vec<TestSpan> {
    let span = span("", ORPHAN, 7, "load", T + 2_000 * MS, MS)
        .kind(5)
        .parent(0x99);
    vec![TestSpan {
        resource: vec![text("host.name", "c-1")],
        ..span
    }]
}

/// The spans of [`SLOW`].
pub(crate) fn slow() -> Vec<TestSpan> {
    let start = T + 3_000 * MS;
    let root = span("gateway", SLOW, 0x11, "GET /slow", start, 2_000 * MS).kind(2);
    let lookup = span("stock", SLOW, 0x12, "lookup", start + 500 * MS, 1_000 * MS)
        .kind(2)
        .parent(0x11);
    vec![
        root.with(text("http.route", "/slow"))
            .with(int("http.status_code", 504)),
        lookup.error(),
    ]
}

/// A server with the shop in two segments and the hot window: the child of [`SLOW`] is hot.
pub(crate) async fn server() -> Server {
    let server = Server::new();
    for spans in [checkout(), home()] {
        server.append(batch_at(&spans, RECEIVED)).await;
    }
    server.flush().await;
    for spans in [orphan(), slow()[..1].to_vec()] {
        server.append(batch_at(&spans, RECEIVED)).await;
    }
    server.flush().await;
    server.append(batch_at(&slow()[1..], RECEIVED)).await;
    server
}
