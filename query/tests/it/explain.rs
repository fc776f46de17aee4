//! What a plan leaves out: files, row groups, rows and columns.

use clew_query::QueryLimits;

use crate::support::Server;
use crate::support::spans::{TestSpan, batch, int, span, text};

/// Spans of one of two services in a slice of time, about.
const ROW_GROUP_ROWS: usize = 35_000;

/// Traces of ten spans of one service, one operation and one time, their first id being `first`.
fn traces(service: &str, first: u64, count: u64, start: u64) -> Vec<TestSpan> {
    let trace = |n: u64| {
        let id = u128::from(first + n) << 64 | 7;
        let root = (first + n) * 10 + 1;
        (0..10).map(move |place| {
            let span = span(
                service,
                id,
                root + place,
                &format!("{service} {place}"),
                start + n * 100 + place,
                50,
            );
            let span = if place == 0 { span } else { span.parent(root) };
            span.with(text("http.route", "/cart"))
                .with(text("order.id", &format!("{service}-{n}-{place}")))
        })
    };
    (0..count).flat_map(trace).collect()
}

/// Services of 70,000 spans and of 100, with row groups that are small enough for the former to fill several.
async fn server(limits: QueryLimits) -> Server {
    let server = Server::with(limits, |shape| shape.row_group_rows = ROW_GROUP_ROWS);
    server
        .append(batch(&traces("alpha", 1, 7_000, 1_000_000_000)))
        .await;
    server
        .append(batch(&traces("beta", 10_000, 7_000, 1_000_000_000)))
        .await;
    server.flush().await;
    server
        .append(batch(&traces("gamma", 20_000, 10, 5_000_000_000)))
        .await;
    server.flush().await;
    server
        .append(batch(&traces("delta", 30_000, 10, 9_000_000_000)))
        .await;
    server.flush().await;
    server
}

/// What a plan says of the stored side of `spans`.
struct Plan {
    /// Segments that it opens, as places among all.
    segments: Vec<usize>,
    /// Row groups that it is left with, those that may match by their statistics, and rows that come out of the files.
    row_groups: usize,
    matched: usize,
    rows: String,
    /// Columns that come out of the files.
    projection: String,
    text: String,
}

impl Plan {
    async fn of(server: &Server, statement: &str) -> Self {
        let analyzed = server.rows(&format!("EXPLAIN ANALYZE {statement}")).await;
        let text = analyzed[0][1].as_str().unwrap().to_owned();
        let snapshot = server.store.snapshot();
        let all = snapshot.segments().iter().enumerate();
        let opened = all.filter(|(_, segment)| text.contains(&segment.meta().name));
        let segments = opened.map(|(place, _)| place).collect();
        let scan = text.lines().find(|line| line.contains("DataSourceExec"));
        let scan = scan.unwrap_or_default();
        let after = |word: &str, end: char| {
            let rest = scan.split_once(word).map_or("", |(_, rest)| rest);
            rest.split(end).next().unwrap_or("").to_owned()
        };
        Self {
            segments,
            row_groups: after("row_groups_pruned_statistics=", ' ')
                .parse()
                .unwrap_or(0),
            matched: after("row_groups_pruned_statistics=", 'm')
                .split_whitespace()
                .nth(3)
                .and_then(|count| count.parse().ok())
                .unwrap_or(0),
            rows: after("output_rows=", ','),
            projection: after("projection=[", ']'),
            text: text.clone(),
        }
    }

    fn assert(&self, segments: &[usize], row_groups: usize, rows: &str, projection: &str) {
        let found = (
            self.segments.as_slice(),
            self.row_groups,
            self.rows.as_str(),
            self.projection.as_str(),
        );
        assert_eq!(
            found,
            (segments, row_groups, rows, projection),
            "{}",
            self.text
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_opens_only_what_can_match_and_reads_only_what_is_asked_for() {
    let server = server(QueryLimits::default()).await;
    let plan = async |statement: &str| Plan::of(&server, statement).await;
    // Everything: the first segment has four row groups.
    let all = plan("SELECT name FROM spans").await;
    all.assert(&[0, 1, 2], 6, "140.2 K", "name");
    // By service: files by the manifest, row groups by their filters. Rows are left out above the scan, which costs less.
    let gamma = plan("SELECT name FROM spans WHERE service_name = 'gamma'").await;
    gamma.assert(&[1], 1, "100", "name, service_name");
    let beta =
        plan("SELECT duration_ns FROM spans WHERE service_name = 'beta' AND name = 'beta 3'").await;
    assert_eq!(
        (
            beta.segments.as_slice(),
            beta.rows.as_str(),
            beta.projection.as_str()
        ),
        (&[0][..], "7.00 K", "duration_ns"),
        "{}",
        beta.text
    );
    let none = plan("SELECT name FROM spans WHERE service_name = 'nobody'").await;
    none.assert(&[], 0, "0", "name, service_name");
    // By time.
    let late = plan("SELECT name FROM spans WHERE start_time >= '1970-01-01T00:00:09Z'").await;
    late.assert(&[2], 1, "100", "name, start_time");
    let between = "SELECT name FROM spans WHERE start_time BETWEEN '1970-01-01T00:00:04Z' AND '1970-01-01T00:00:06Z'";
    plan(between)
        .await
        .assert(&[1], 1, "100", "name, start_time");
    // By trace id: one row group, and of it the trace's rows.
    let trace =
        plan("SELECT name, duration_ns FROM spans WHERE trace_id = '50000000000000007'").await;
    trace.assert(&[0], 1, "10", "name, duration_ns");
    let stranger = plan("SELECT name FROM spans WHERE trace_id = '7'").await;
    stranger.assert(&[], 0, "0", "name");
    // By attribute: the key filters leave one row group of all.
    let attribute = plan("SELECT name FROM spans WHERE attributes['order.id'] = 'beta-77-3'").await;
    assert_eq!(
        (attribute.segments.as_slice(), attribute.row_groups),
        (&[0][..], 1),
        "{}",
        attribute.text
    );
    assert!(
        !attribute.projection.contains("events"),
        "{}",
        attribute.projection
    );
    let absent = plan("SELECT name FROM spans WHERE attributes['order.id'] = 'omega-1-1'").await;
    assert_eq!(
        (absent.segments.len(), absent.row_groups),
        (0, 0),
        "{}",
        absent.text
    );
    let no_key = plan("SELECT name FROM spans WHERE attributes['no.such.key'] IS NOT NULL").await;
    assert_eq!(
        (no_key.segments.len(), no_key.row_groups),
        (0, 0),
        "{}",
        no_key.text
    );
    // A predicate on a column that the filters say nothing about opens all, and prunes nothing wrongly.
    let slow = plan("SELECT name FROM spans WHERE duration_ns > 49").await;
    assert_eq!(
        (
            slow.segments.as_slice(),
            slow.row_groups,
            slow.rows.as_str()
        ),
        (&[0, 1, 2][..], 6, "140.2 K"),
        "{}",
        slow.text
    );
}

/// Attributes that have columns reach the decoder like any other column.
#[tokio::test(flavor = "multi_thread")]
async fn a_condition_on_an_attribute_prunes_row_groups_and_drops_rows_in_the_decoder() {
    let server = Server::with(QueryLimits::default(), |shape| {
        shape.row_group_rows = ROW_GROUP_ROWS;
    });
    for (service, first, shard) in [("alpha", 1, 1), ("beta", 10_000, 2)] {
        let spans = traces(service, first, 7_000, 1_000_000_000);
        let sharded = spans.into_iter().zip(0..).map(|(span, place)| {
            let span = span.with(int("shard", shard));
            // A column with many nulls, and a key that few spans have.
            let span = if place % 10 == 3 {
                span.with(text("third", service))
            } else {
                span
            };
            if place == 33 {
                span.with(text("lone", service))
            } else {
                span
            }
        });
        server.append(batch(&sharded.collect::<Vec<_>>())).await;
    }
    server.flush().await;
    let plan = async |condition: &str| {
        let statement = format!("SELECT name FROM spans WHERE {condition}");
        let plan = Plan::of(&server, &statement).await;
        (plan.row_groups, plan.matched, plan.rows.clone())
    };
    // Alpha fills the first row group of each of two slices of time, beta the second.
    let rows = |groups, matched, rows: &str| (groups, matched, rows.to_owned());
    assert_eq!(plan("true").await, rows(4, 4, "140.0 K"));
    assert_eq!(plan("attributes['shard'] > 1").await, rows(4, 2, "70.00 K"));
    assert_eq!(
        plan("attributes['shard'] <= 1").await,
        rows(4, 2, "70.00 K")
    );
    assert_eq!(plan("attributes['shard'] > 2").await, rows(4, 0, "0"));
    assert_eq!(plan("attributes['shard'] = 2").await, rows(2, 2, "70.00 K"));
    assert_eq!(
        plan("attributes['third'] = 'alpha'").await,
        rows(2, 2, "7.00 K")
    );
    assert_eq!(
        plan("attributes['third'] > 'alphb'").await,
        rows(4, 2, "7.00 K")
    );
    assert_eq!(
        plan("attributes['third'] IS NOT NULL").await,
        rows(4, 4, "14.00 K")
    );
    assert_eq!(plan("attributes['shard'] IS NULL").await, rows(4, 0, "0"));
    assert_eq!(plan("attributes['shard'] = 3").await, rows(0, 0, "0"));
    assert_eq!(
        plan("resource_attributes['service.name'] = 'beta'").await,
        rows(2, 2, "70.00 K")
    );
    // The residue is looked at above the scan, in the row groups that the key filters leave.
    assert_eq!(plan("attributes['lone'] = 'alpha'").await.0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_says_how_many_segments_it_read() {
    let server = server(QueryLimits::default()).await;
    for (condition, read) in [
        ("true", 3),
        ("service_name = 'gamma'", 1),
        ("attributes['order.id'] = 'delta-3-3'", 1),
        ("trace_id = '7'", 0),
    ] {
        let statement = format!("SELECT count(*) FROM spans WHERE {condition}");
        let stats = &server.sql(&statement, "application/json").await.json()["stats"];
        assert_eq!(
            (&stats["segments_total"], &stats["segments_read"]),
            (&3.into(), &read.into()),
            "{condition}"
        );
    }
}

/// A sort with a limit reads first what it wants first, and leaves the rest where it lies: whatever is filtered, and in both directions.
#[tokio::test(flavor = "multi_thread")]
async fn the_newest_are_read_first_when_only_they_are_asked_for() {
    let mut limits = QueryLimits::default();
    // Where two threads read, one may be through with old rows before the other has found new ones.
    limits.sql.threads = 1;
    let server = server(limits).await;
    for (order, condition, rows, newest) in [
        ("start_time DESC", "true", "100", "delta 9"),
        ("start_time DESC", "kind <> 'client'", "100", "delta 9"),
        (
            "start_time DESC",
            "attributes['http.route'] = '/cart'",
            "100",
            "delta 9",
        ),
        (
            "start_time DESC",
            "start_time < '1970-01-01T00:00:09Z'",
            "100",
            "gamma 9",
        ),
        (
            "start_time DESC, name",
            "service_name <> 'delta'",
            "100",
            "gamma 9",
        ),
        // Alpha's traces in the first slice of time, which ends at 1,908 times 2^19 ns.
        ("start_time", "service_name = 'alpha'", "34.16 K", "alpha 0"),
    ] {
        let statement =
            format!("SELECT name FROM spans WHERE {condition} ORDER BY {order} LIMIT 3");
        let plan = Plan::of(&server, &statement).await;
        assert_eq!(plan.rows, rows, "{order}, {condition}: {}", plan.text);
        assert_eq!(server.rows(&statement).await[0][0], newest, "{statement}");
    }
    // Without a limit nothing can be left out, and of a computed time nothing is known.
    for statement in [
        "SELECT name FROM spans ORDER BY start_time DESC",
        "SELECT name FROM spans ORDER BY start_time + INTERVAL '1 s' DESC LIMIT 3",
    ] {
        let plan = Plan::of(&server, statement).await;
        assert_eq!(plan.rows, "140.2 K", "{}", plan.text);
    }
}

/// A trace's spans come together, so that a grouping by trace is one step and holds one trace at a time; unless what follows relies on where
/// groups are.
#[tokio::test(flavor = "multi_thread")]
async fn the_spans_of_a_trace_are_grouped_while_they_come() {
    let server = server(QueryLimits::default()).await;
    // Another part of each of three traces, in the hot window.
    let later = traces("epsilon", 1, 3, 10_000_000_000);
    server.append(batch(&later)).await;
    let groupings = async |statement: &str| {
        let plan = server.rows(&format!("EXPLAIN ANALYZE {statement}")).await;
        let text = plan[0][1].as_str().unwrap().to_owned();
        let (one, two) = (text.matches("mode=Single"), text.matches("mode=Final"));
        (one.count(), two.count())
    };
    let traces = "SELECT trace_id, count(*) AS spans FROM span_tree GROUP BY trace_id";
    assert_eq!(groupings(traces).await, (1, 0));
    let repeated = "SELECT trace_id, name, count(*) FROM span_tree WHERE depth > 0
         GROUP BY trace_id, name HAVING count(*) > 1 ORDER BY name LIMIT 3";
    assert_eq!(groupings(repeated).await, (1, 0));
    let by_service = "SELECT service_name, count(*) FROM span_tree GROUP BY service_name";
    assert_eq!(groupings(by_service).await, (0, 1));

    let sums = format!("SELECT count(*), sum(spans), max(spans) FROM ({traces})");
    assert_eq!(
        server.rows(&sums).await,
        serde_json::json!([[14_020, 140_230, 20]])
    );
    let joined = format!(
        "SELECT count(*), count(*) FILTER (WHERE a.spans = b.spans) FROM ({traces}) a
         JOIN (SELECT trace_id, count(*) AS spans FROM spans GROUP BY trace_id) b ON a.trace_id = b.trace_id"
    );
    assert_eq!(groupings(&joined).await, (0, 3));
    assert_eq!(
        server.rows(&joined).await,
        serde_json::json!([[14_020, 14_020]])
    );
}
