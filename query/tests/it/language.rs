//! The query language over the shop: each query with the traces that it has to find, wherever they lie.

use axum::http::StatusCode;
use serde_json::Value;

use crate::support::shop::{
    CHECKOUT, HOME, ORPHAN, RECEIVED, SLOW, checkout, home, orphan, server, slow,
};
use crate::support::spans::batch_at;
use crate::support::{Server, encode};

/// Queries, and the traces that they find, newest first: Slow, Orphan, Home, Checkout.
const QUERIES: &[(&str, &str)] = &[
    ("", "SOHC"),
    // Fields of the span.
    ("service=gateway", "SHC"),
    ("service in (payment, stock)", "SC"),
    ("service=payment|stock", "SC"),
    ("service=c*", "H"),
    ("service!=gateway", "SOHC"),
    ("operation=load", "OH"),
    ("name=GET*", "SHC"),
    ("name=\"GET*\"", ""),
    ("name=*ow", "S"),
    ("name~\"^GET /(slow|checkout)$\"", "SC"),
    ("name!~\"[a-z]\"", "H"),
    ("kind=SERVER", "SHC"),
    ("span.kind=consumer", "O"),
    ("status=Error", "SC"),
    ("status~^err", "SC"),
    ("status.message~refused", "C"),
    ("has:status.message", "C"),
    ("scope.name=billing scope.version=1.0", "C"),
    ("has:scope.name", "C"),
    ("not has:scope.name", "SOHC"),
    ("event.name=exception", "C"),
    ("has:event.name", "C"),
    ("event.name~^exc", "C"),
    ("duration>=2s", "S"),
    ("duration>2s", ""),
    ("duration=1ms", "O"),
    ("duration>1ms duration<=5ms", "H"),
    ("duration<0ns", "C"),
    ("root", "SHC"),
    ("root kind=consumer", ""),
    ("not root", "SOHC"),
    ("trace_id=1f", "H"),
    ("trace_id!=1f", "SOC"),
    ("trace_id=4bf92f3577b34da6a3ce929d0e0e4736", "C"),
    ("trace_id in (1f, D0000000000000000000000000000001)", "SH"),
    ("span_id=7", "O"),
    ("parent_span_id=b8", "C"),
    ("parent_span_id!=b8 service=payment", "C"),
    ("not has:parent_span_id", "SHC"),
    ("\"LOAD\"", "OH"),
    ("\"art\"", "H"),
    // One span has to meet everything.
    ("error", "SC"),
    ("error service=payment", "C"),
    ("error service=gateway", ""),
    ("error=false service=payment", "C"),
    ("error or kind=consumer", "SOC"),
    ("(error or kind=consumer) -service=stock", "OC"),
    ("not (error or service=gateway)", "OHC"),
    // Attributes.
    ("http.status_code>=500", "SC"),
    ("http.status_code>500 http.status_code<504", "C"),
    ("http.status_code=200", "H"),
    ("http.status_code=20*", "H"),
    ("http.status_code!=200", "SC"),
    ("http.status_code!=200|504", "C"),
    ("-http.status_code=200", "SOHC"),
    ("http.status_code in (200, 504)", "SH"),
    ("http.status_code>0.5kB", "SC"),
    ("http.route>5", ""),
    ("http.route~^/c", "C"),
    ("http.route!~^/c", "SH"),
    ("big=9223372036854775807", "C"),
    ("big>9223372036854775806", "C"),
    ("big>9223372036854775807", ""),
    ("big<9223372036854775808", "C"),
    ("ratio<0.2", "C"),
    ("ratio>=1e-1", "C"),
    ("ratio=0.1", "C"),
    ("retry=false", "C"),
    ("list=\"[\\\"x\\\",1]\"", "C"),
    ("has:nothing", "C"),
    ("nothing~x", ""),
    ("has:nowhere", ""),
    ("nowhere!=1", ""),
    ("user.id exists", "H"),
    ("span.user.id=u-1", "H"),
    ("resource.user.id=u-1", ""),
    ("host.name=p-1", "C"),
    ("resource.host.name=p-*", "C"),
    ("span.host.name=p-1", ""),
    ("has:host.name", "OC"),
    ("has:resource.host.name", "OC"),
    ("has:event.host.name", ""),
    ("scope.key=\"scope value\"", ""),
    ("scope.scope.key=\"scope value\"", "C"),
    ("\"scope.key\"=\"scope value\"", "C"),
    ("event.exception.type=CardRefused", "C"),
    ("exception.type=Card*", "C"),
    ("span.exception.type=CardRefused", ""),
    ("link.link.key~value", "C"),
    // The trace as a whole.
    ("trace.duration>1s", "S"),
    ("trace.duration=5ms", "H"),
    ("trace.spans>=2", "SHC"),
    ("trace.spans=4", "C"),
    ("trace.errors>0 -trace.services=stock", "C"),
    ("trace.services=payment service=gateway", "C"),
    ("trace.services~^pay", "C"),
    ("trace.root.service=gateway", "SHC"),
    ("trace.root.name~slow", "S"),
    ("trace.orphans>0", "O"),
    ("trace.complete", "SHC"),
    ("not trace.complete", "O"),
    ("error trace.duration>1s", "S"),
    ("error trace.duration<1s trace.spans in (1, 4)", "C"),
    ("trace.spans=1 or trace.duration>1s", "SO"),
];

/// The shop with everything in memory.
async fn hot() -> Server {
    let server = Server::new();
    for spans in [checkout(), home(), orphan(), slow()] {
        server.append(batch_at(&spans, RECEIVED)).await;
    }
    server
}

/// The shop in one segment.
async fn stored() -> Server {
    let server = hot().await;
    server.flush().await;
    server
}

fn letter(trace: &Value) -> char {
    let id = u128::from_str_radix(trace["trace_id"].as_str().unwrap(), 16).unwrap();
    match id {
        SLOW => 'S',
        ORPHAN => 'O',
        HOME => 'H',
        CHECKOUT => 'C',
        other => panic!("{other:032x}"),
    }
}

fn letters(answer: &Value) -> String {
    let traces = answer["traces"].as_array().unwrap();
    traces.iter().map(letter).collect()
}

async fn search(server: &Server, parameters: &str) -> Value {
    server
        .json(&format!("/api/clew/v1/search?{parameters}"))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_find_their_traces_wherever_they_lie() {
    for (place, server) in [
        ("hot", hot().await),
        ("stored", stored().await),
        ("in parts", server().await),
    ] {
        for (query, expected) in QUERIES {
            let answer = search(&server, &format!("q={}", encode(query))).await;
            assert_eq!(letters(&answer), *expected, "{place}: {query}");
            assert_eq!(answer["coverage"]["complete"], true, "{place}: {query}");
            let total = &answer["total"];
            assert_eq!(
                (total["value"].as_u64(), total["exact"].as_bool()),
                (Some(expected.len() as u64), Some(true)),
                "{place}: {query}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_pages_through_the_same_traces() {
    for (place, server) in [
        ("hot", hot().await),
        ("stored", stored().await),
        ("in parts", server().await),
    ] {
        for (parameters, expected) in [
            ("order=newest", "SOHC"),
            ("order=longest", "SCHO"),
            ("order=errors", "SCOH"),
            ("order=spans", "CSHO"),
            ("order=oldest", "CHOS"),
            ("order=shortest", "OHCS"),
            ("order=spans&q=kind%3Dserver", "CSH"),
            ("order=newest&q=trace.spans%3E1", "SHC"),
        ] {
            let whole = search(&server, parameters).await;
            assert_eq!(letters(&whole), expected, "{place}: {parameters}");
            let (mut found, mut cursor) = (String::new(), String::new());
            loop {
                let page = search(&server, &format!("{parameters}&limit=1{cursor}")).await;
                found += &letters(&page);
                assert_eq!(
                    page["total"]["value"],
                    expected.len(),
                    "{place}: {parameters}"
                );
                match page["next_cursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            assert_eq!(found, expected, "{place}: {parameters}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_query_stands_beside_the_other_parameters() {
    let server = stored().await;
    let found = async |parameters: &str| letters(&search(&server, parameters).await);
    assert_eq!(found("service=gateway&q=duration%3E%3D52ms").await, "SC");
    assert_eq!(found("q=error&end=1700000001000000000").await, "C");
    assert_eq!(found("q=error&start=1700000001000000000").await, "S");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_query_is_told_where_and_what_instead() {
    let server = hot().await;
    for (query, position) in [("error checkout", 6), ("duration>5", 9), ("(error", 6)] {
        let path = format!("/api/clew/v1/search?q={}", encode(query));
        let answer = server.get(&path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        let error = &answer.json()["error"];
        assert_eq!(error["code"], "invalid_argument", "{query}");
        assert_eq!(error["position"], position, "{query}");
        assert!(error["hint"].as_str().is_some_and(|hint| !hint.is_empty()));
    }
    let path = "/api/clew/v1/search?order=loudest";
    assert_eq!(server.get(path).await.status, StatusCode::BAD_REQUEST);
}
