//! Searches of a segment that is so large that it is read in pieces.

use serde_json::{Value, json};

use crate::support::Server;
use crate::support::spans::{batch_at, span, text};

/// Spans of each trace.
const SPANS: u64 = 5;
/// More than two row groups of 65,536 spans, and more than the 131,072 up to which a segment is read whole.
const TRACES: u64 = 28_000;
/// When the first trace starts; each next one starts a second later.
const FIRST: u64 = 1_700_000_000_000_000_000;
const SECOND: u64 = 1_000_000_000;

/// All traces in one segment, which arrived in another order than they started in.
async fn server() -> Server {
    let server = Server::new();
    for part in 0..4 {
        let traces = (0..TRACES).filter(|trace| trace % 4 == part).rev();
        let spans = traces.flat_map(|trace| {
            (0..SPANS).map(move |number| {
                let id = trace * SPANS + number + 1;
                let start = FIRST + trace * SECOND + number;
                let service = format!("service-{number}");
                let mut made = span(&service, u128::from(trace) + 1, id, "call", start, 7);
                made.parent = (number > 0).then(|| id - number);
                made.attributes = vec![text("trace", &trace.to_string())];
                made
            })
        });
        let spans: Vec<_> = spans.collect();
        server.append(batch_at(&spans, FIRST)).await;
    }
    server.flush().await;
    server
}

fn traces(answer: &Value) -> Vec<u64> {
    let traces = answer["traces"].as_array().unwrap().iter();
    let number = |trace: &Value| {
        let id = trace["trace_id"].as_str().unwrap();
        u64::from_str_radix(&id[16..], 16).unwrap() - 1
    };
    traces.map(number).collect()
}

#[tokio::test]
async fn pieces_of_a_segment_answer_as_the_whole_would() {
    let server = server().await;
    let status = server.json("/api/clew/v1/status").await;
    assert_eq!(status["segments"], 1, "{status}");
    let newest = |from: u64, count: u64| (0..count).map(move |place| from - place);

    let search = "/api/clew/v1/search?service=service-3&limit=30";
    let mut answer = server.json(search).await;
    assert_eq!(answer["total"], json!({"value": TRACES, "exact": true}));
    let mut found = traces(&answer);
    while found.len() < 90 {
        let cursor = answer["next_cursor"].as_str().unwrap();
        answer = server.json(&format!("{search}&cursor={cursor}")).await;
        found.extend(traces(&answer));
    }
    assert!(found.into_iter().eq(newest(TRACES - 1, 90)));
    let coverage = &answer["coverage"];
    assert_eq!(coverage["segments_read"], 1, "{coverage}");

    // The row groups of the oldest traces are not read when they cannot reach the page.
    let bound = server.json(&format!("{search}&total=bound")).await;
    assert!(traces(&bound).into_iter().eq(newest(TRACES - 1, 30)));
    assert_eq!(bound["total"]["exact"], false);
    let seen = bound["total"]["value"].as_u64().unwrap();
    assert!((30..TRACES).contains(&seen), "{seen}");

    let one = server.json("/api/clew/v1/search?q=trace%3D17").await;
    assert_eq!(traces(&one), [17]);
    assert_eq!(one["total"], json!({"value": 1, "exact": true}));

    let (start, end) = (FIRST + 14_000 * SECOND, FIRST + 14_010 * SECOND);
    let range = format!("{search}&start={start}&end={end}");
    let inside = server.json(&range).await;
    assert!(traces(&inside).into_iter().eq(newest(14_009, 10)));
    assert_eq!(inside["total"], json!({"value": 10, "exact": true}));

    let oldest = server.json(&format!("{search}&order=oldest")).await;
    assert!(traces(&oldest).into_iter().eq(0..30));
    let everything = server.json("/api/clew/v1/search?limit=3").await;
    assert_eq!(traces(&everything), [TRACES - 1, TRACES - 2, TRACES - 3]);
    assert_eq!(everything["traces"][0]["matched_count"], SPANS);
}
