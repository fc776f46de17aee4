//! Counts of all spans while a hundredth of the traces and those with errors are kept: the same as counting all spans by hand.
//!
//! By hand means in SQL over `spans` and `span_tree` of a server that keeps everything.

use std::collections::BTreeMap;

use crate::support::corpus::{self, Request};
use crate::support::http;
use crate::support::json::Json;
use crate::support::query::Reader;
use crate::support::send::HttpSender;
use crate::support::server::Server;
use crate::tail_sampling::data_dir;

const POLICIES: &str = "
policies:
  - { name: errors, type: status_code, status_code: { status_codes: [ERROR] } }
  - { name: share, type: probabilistic, probabilistic: { sampling_percentage: 1 } }
";
const KEEP_ALL: &str = "policies: [{ name: all, type: always_sample }]";

/// What a query answers, as text.
fn answer(server: &Server, statement: &str) -> Vec<Vec<String>> {
    let rows = Reader::new(server.addresses().http).sql(statement);
    rows.iter()
        .map(|row| row.iter().map(Json::to_string).collect())
        .collect()
}

fn stream(name: &str) -> Vec<Request> {
    corpus::stream(&corpus::testdata().join(format!("otlp/{name}.otlp.zst")))
}

/// A server that has been sent `requests`, with everything in several epochs in memory.
fn serve(policies: &str, requests: &[Request]) -> Server {
    let settings = [
        ("STORAGE_HOT_WINDOW_SIZE", "2GiB"),
        ("STORAGE_EPOCH_SIZE", "1MiB"),
    ];
    let server = data_dir(policies, &settings).start();
    let mut sender = HttpSender::new(server.addresses());
    for request in requests {
        sender.deliver(request);
    }
    server
}

fn flush(server: &Server) {
    let output = server.data().run(&["flush"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(server.status().at("hot_spans").count(), 0);
}

#[track_caller]
fn counts_are_those_of_all_spans(requests: &[Request]) {
    let all = serve(KEEP_ALL, requests);
    let sampled = serve(POLICIES, requests);
    let by_hand = "SELECT CAST(time_bucket(INTERVAL '1 minute', start_time) AS BIGINT) AS minute, service_name, name, kind, status_code, \
                   count(*), count(*) FILTER (WHERE status_code = 'error'), CAST(sum(greatest(duration_ns, 0)) AS BIGINT), \
                   min(greatest(duration_ns, 0)), max(greatest(duration_ns, 0)) \
                   FROM spans GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5";
    let counted = "SELECT CAST(minute AS BIGINT) AS begun, service_name, name, kind, status_code, count, error_count, \
                   CAST(duration_sum_ns AS BIGINT), duration_min_ns, duration_max_ns \
                   FROM span_metrics ORDER BY 1, 2, 3, 4, 5";
    let calls_by_hand = "SELECT parent_service_name, service_name, count(*), count(*) FILTER (WHERE status_code = 'error') \
                         FROM span_tree WHERE parent_service_name <> service_name GROUP BY 1, 2 ORDER BY 1, 2";
    let calls = "SELECT caller, callee, sum(call_count), sum(error_count) FROM service_edges \
                 WHERE kind IN ('rpc', 'messaging') GROUP BY 1, 2 ORDER BY 1, 2";
    let (expected, expected_calls) = (answer(&all, by_hand), answer(&all, calls_by_hand));
    assert!(expected.len() > 10);
    let check = |server: &Server, what: &str| {
        assert_eq!(answer(server, counted), expected, "{what}");
        assert_eq!(answer(server, calls), expected_calls, "{what}");
    };
    check(&sampled, "in memory");
    flush(&sampled);
    let stored = answer(&sampled, "SELECT count(*) FROM spans");
    let every = answer(&all, "SELECT count(*) FROM spans");
    assert_ne!(stored, every);
    check(&sampled, "when most has been dropped");
    assert_eq!(dependencies(&sampled), of_calls(&expected_calls));
    let sampled = sampled.kill().start();
    check(&sampled, "after a crash");
}

fn of_calls(rows: &[Vec<String>]) -> BTreeMap<(String, String), String> {
    let rows = rows.iter();
    rows.map(|row| ((row[0].clone(), row[1].clone()), row[2].clone()))
        .collect()
}

fn dependencies(server: &Server) -> BTreeMap<(String, String), String> {
    let path = "/api/dependencies?endTs=9000000000000&lookback=9000000000000";
    let answer = http::get(server.addresses().http, path).json(200);
    let text = |edge: &Json, key: &str| edge.at(key).to_string();
    let edges = answer.at("data").items().iter();
    edges
        .map(|edge| {
            let ends = (text(edge, "parent"), text(edge, "child"));
            (ends, text(edge, "callCount"))
        })
        .collect()
}

#[test]
fn of_a_shop_they_are_exact() {
    counts_are_those_of_all_spans(&stream("nezha-onlineboutique-20220822.cut"));
}

#[test]
fn of_a_railway_they_are_exact() {
    counts_are_those_of_all_spans(&stream("nezha-trainticket-20230129.cut"));
}
