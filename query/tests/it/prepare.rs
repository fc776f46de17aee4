//! What a server reads before it says that it is ready.

use crate::support::Server;
use crate::support::spans::{TestSpan, batch, span, text};

/// Traces of one span each, all of one service.
fn traces(service: &str, start: u64) -> Vec<TestSpan> {
    let trace = |n: u64| {
        let id = u128::from(start + n) << 64 | 7;
        span(service, id, n + 1, "work", start + n, 50).with(text("order.id", "17"))
    };
    (0..100).map(trace).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_of_the_newest_segment_is_read_and_answers_stay_as_they_are() {
    let server = Server::new();
    assert_eq!(server.service.prepare(), 0, "nothing is stored");
    server.append(batch(&traces("old", 1_000))).await;
    assert_eq!(server.service.prepare(), 0, "nothing is in a segment");
    server.flush().await;
    server.append(batch(&traces("new", 9_000))).await;
    server.flush().await;
    let count = "SELECT service_name, count(*) FROM spans GROUP BY service_name ORDER BY 1";
    let counted = server.rows(count).await;
    assert_eq!(server.service.prepare(), 1);
    assert_eq!(server.rows(count).await, counted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newest_segment_that_cannot_be_read_keeps_nobody_waiting() {
    let server = Server::new();
    server.append(batch(&traces("old", 1_000))).await;
    server.flush().await;
    server.append(batch(&traces("new", 9_000))).await;
    server.flush().await;
    let snapshot = server.store.snapshot();
    let newest = snapshot.segments().iter();
    let newest = newest.max_by_key(|segment| segment.meta().start_time.1);
    let name = &newest.unwrap().meta().name;
    let path = server.data_dir().join(format!("{name}.spans.parquet"));
    std::fs::write(&path, b"damaged").unwrap();
    assert_eq!(server.service.prepare(), 0);
    let old = server.rows("SELECT count(*) FROM spans WHERE service_name = 'old'");
    assert_eq!(old.await, serde_json::json!([[100]]));
}
