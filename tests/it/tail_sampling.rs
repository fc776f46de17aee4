//! Tail sampling of a real server: what is kept, with which weight, through kills in the middle of it.
//!
//! The policies keep every trace with an error, and a quarter of the others. Which quarter follows from the trace id, so that the test
//! knows without asking.

use std::collections::BTreeMap;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

use crate::support::command::ended;
use crate::support::corpus::Request;
use crate::support::http;
use crate::support::json::Json;
use crate::support::query::{self, Reader};
use crate::support::random::Random;
use crate::support::send::HttpSender;
use crate::support::server::{DataDir, Server, wait_for};

pub(crate) const POLICIES: &str = "
policies:
  - { name: errors, type: status_code, status_code: { status_codes: [ERROR] } }
  - { name: share, type: probabilistic, probabilistic: { sampling_percentage: 25 } }
";

/// A trace of three spans: the root comes first, the others later, and one of these may be an error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trace {
    id: u128,
    pub(crate) fails: bool,
}

impl Trace {
    pub(crate) fn random(random: &mut Random) -> Self {
        let id = u128::from(random.next()) << 64 | u128::from(random.next()) | 1;
        Self {
            id,
            fails: random.below(10) == 0,
        }
    }

    /// Whether it has to be kept, and the weight then.
    pub(crate) fn expected(&self) -> Option<f64> {
        let random_bits = self.id as u64 & ((1 << 56) - 1);
        if self.fails {
            Some(1.0)
        } else {
            (random_bits >= 3 << 54).then_some(4.0)
        }
    }

    pub(crate) fn hex(&self) -> String {
        format!("{:032x}", self.id)
    }

    pub(crate) fn root(&self) -> Span {
        self.span(1, 0)
    }

    pub(crate) fn children(&self) -> [Span; 2] {
        [
            self.span(2, 0),
            self.span(3, if self.fails { 2 } else { 1 }),
        ]
    }

    fn span(&self, number: u8, status: i32) -> Span {
        Span {
            trace_id: self.id.to_be_bytes().to_vec(),
            span_id: vec![number; 8],
            parent_span_id: if number == 1 { vec![] } else { vec![1; 8] },
            name: format!("step {number}"),
            start_time_unix_nano: 1_700_000_000_000_000_000 + u64::from(number),
            end_time_unix_nano: 1_700_000_000_000_000_500,
            status: Some(Status {
                code: status,
                ..Status::default()
            }),
            ..Span::default()
        }
    }
}

pub(crate) fn request(spans: impl IntoIterator<Item = Span>) -> Request {
    let scope_spans = ScopeSpans {
        spans: spans.into_iter().collect(),
        ..ScopeSpans::default()
    };
    let resource_spans = ResourceSpans {
        scope_spans: vec![scope_spans],
        ..ResourceSpans::default()
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![resource_spans],
    };
    Request::protobuf(request.encode_to_vec())
}

pub(crate) fn data_dir(policies: &str, settings: &[(&str, &str)]) -> DataDir {
    let mut data = DataDir::new(settings);
    let file = data.path().with_file_name("policy.yaml");
    std::fs::write(&file, policies).expect("a file of policies");
    data.set(&[
        (
            "SAMPLING_TAIL_POLICY_FILE",
            file.to_str().expect("a path of text"),
        ),
        ("STORAGE_EPOCH_AGE", "100ms"),
        ("SAMPLING_TAIL_DECISION_WAIT", "1h"),
    ]);
    data
}

/// Number of spans and weight of each stored trace.
fn stored(server: &Server) -> BTreeMap<String, (u64, f64)> {
    let statement = "SELECT encode(trace_id, 'hex'), count(*), min(sample_weight), max(sample_weight) FROM spans GROUP BY 1";
    let rows = Reader::new(server.addresses().http).sql(statement);
    let trace = |row: &Vec<Json>| {
        let number = |place: usize| match &row[place] {
            Json::Number(text) => text.parse::<f64>().expect("a number"),
            other => panic!("not a number: {other}"),
        };
        assert_eq!(number(2).to_bits(), number(3).to_bits(), "{row:?}");
        (row[0].text().to_owned(), (row[1].count(), number(2)))
    };
    rows.iter().map(trace).collect()
}

#[track_caller]
fn check(server: &Server, traces: &[Trace]) {
    let expected: BTreeMap<String, (u64, f64)> = traces
        .iter()
        .filter_map(|trace| Some((trace.hex(), (3, trace.expected()?))))
        .collect();
    assert!(expected.len() > traces.len() / 10);
    let found = stored(server);
    assert_eq!(found, expected);
    // What was dropped is counted too, and nothing twice.
    let statement =
        "SELECT name, sum(count), sum(error_count) FROM span_metrics GROUP BY name ORDER BY name";
    let counted = Reader::new(server.addresses().http).sql(statement);
    let counted: Vec<_> = counted
        .iter()
        .map(|row| (row[0].text().to_owned(), row[1].count(), row[2].count()))
        .collect();
    let failed = traces.iter().filter(|trace| trace.fails).count() as u64;
    let all = traces.len() as u64;
    let expected = [("step 1", 0), ("step 2", 0), ("step 3", failed)];
    assert_eq!(
        counted,
        expected.map(|(name, failed)| (name.to_owned(), all, failed))
    );
}

pub(crate) fn metric(server: &Server, line: &str) -> u64 {
    let text = http::get(server.addresses().http, "/metrics").text();
    let value = text
        .lines()
        .find_map(|found| found.strip_prefix(line)?.strip_prefix(' '));
    let value = value.unwrap_or_else(|| panic!("{line} is not in\n{text}"));
    value.parse().expect("a count")
}

#[test]
fn kills_in_the_middle_of_a_tail_window_leave_every_trace_whole() {
    let (mut random, seed) = Random::fresh();
    println!("CLEW_TEST_SEED={seed}");
    let traces: Vec<_> = (0..600).map(|_| Trace::random(&mut random)).collect();
    let server = data_dir(POLICIES, &[("STORAGE_WAL_FILE_SIZE", "1MiB")]).start();
    let mut sender = HttpSender::new(server.addresses());
    for group in traces.chunks(20) {
        sender.deliver(&request(group.iter().map(Trace::root)));
    }
    // Nothing is decided, and everything is there.
    assert_eq!(query::span_count(server.addresses().http), 600);
    let mut data = server.kill();
    let server = data.start();
    let mut sender = HttpSender::new(server.addresses());
    for group in traces.chunks(20) {
        sender.deliver(&request(group.iter().flat_map(Trace::children)));
    }
    assert_eq!(server.status().at("hot_spans").count(), 1_800);
    data = server.kill();
    // Now the decisions are made, while the server is killed again and again.
    data.set(&[
        ("SAMPLING_TAIL_DECISION_WAIT", "1ms"),
        ("STORAGE_EPOCH_SIZE", "64KiB"),
    ]);
    for _ in 0..6 {
        data = data.start_and_kill(Duration::from_millis(random.next() % 1_200));
    }
    let server = data.start();
    server.wait_until_flushed();
    check(&server, &traces);
    let server = server.stop().start();
    check(&server, &traces);
}

/// Sends requests of twenty traces each, and again when memory is full for the moment.
fn send_in_groups(server: &Server, traces: &[Trace], spans: impl Fn(&Trace) -> Vec<Span>) {
    let mut sender = HttpSender::new(server.addresses());
    for group in traces.chunks(20) {
        let request = request(group.iter().flat_map(&spans));
        wait_for("a request to be taken", || {
            let answer = sender.send(&request);
            assert!(
                matches!(answer.status, 200 | 429 | 503),
                "{}: {}",
                answer.status,
                answer.text()
            );
            answer.status == 200
        });
    }
}

#[test]
fn kills_while_undecided_spans_are_spilled_leave_every_trace_whole() {
    let (mut random, seed) = Random::fresh();
    println!("CLEW_TEST_SEED={seed}");
    let traces: Vec<_> = (0..1_200).map(|_| Trace::random(&mut random)).collect();
    // Memory for a part of the spans.
    let memory = [
        ("STORAGE_WAL_FILE_SIZE", "1MiB"),
        ("STORAGE_HOT_WINDOW_SIZE", "256KiB"),
        ("STORAGE_EPOCH_SIZE", "64KiB"),
    ];
    let server = data_dir(POLICIES, &memory).start();
    send_in_groups(&server, &traces, |trace| vec![trace.root()]);
    let spilled = |server: &Server| metric(server, "clew_tail_spilled_segments");
    wait_for("spans to be spilled", || spilled(&server) > 0);
    let mut data = server.kill();
    // Killed while it spills what is in the log.
    for _ in 0..3 {
        data = data.start_and_kill(Duration::from_millis(random.next() % 600));
    }
    let server = data.start();
    assert_eq!(query::span_count(server.addresses().http), 1_200);
    send_in_groups(&server, &traces, |trace| trace.children().to_vec());
    // Nothing is decided, everything is there, and counted.
    assert_eq!(query::span_count(server.addresses().http), 3_600);
    let counted = "SELECT sum(count) FROM span_metrics";
    assert_eq!(query::sql_count(server.addresses().http, counted), 3_600);
    let metrics = http::get(server.addresses().http, "/metrics").text();
    assert!(!metrics.contains("clew_tail_early_epochs_total"));
    let server = server.stop().start();
    assert!(spilled(&server) > 1);
    let mut data = server.kill();
    data.set(&[("SAMPLING_TAIL_DECISION_WAIT", "1ms")]);
    for _ in 0..6 {
        data = data.start_and_kill(Duration::from_millis(random.next() % 1_200));
    }
    let server = data.start();
    server.wait_until_flushed();
    wait_for("spilled traces to be decided about", || {
        spilled(&server) == 0
    });
    check(&server, &traces);
    let server = server.stop().start();
    check(&server, &traces);
    ended(&server.data().run(&["verify"])).good();
}

#[test]
fn what_is_kept_is_counted_and_late_spans_follow() {
    let mut random = Random::seeded(7);
    let traces: Vec<_> = (0..200).map(|_| Trace::random(&mut random)).collect();
    let mut data = data_dir(POLICIES, &[]);
    data.set(&[("SAMPLING_TAIL_DECISION_WAIT", "1ms")]);
    let server = data.start();
    let mut sender = HttpSender::new(server.addresses());
    sender.deliver(&request(traces.iter().flat_map(Trace::children)));
    server.wait_until_flushed();
    let kept = traces.iter().filter(|trace| trace.expected().is_some());
    let kept = kept.count() as u64;
    assert_eq!(
        metric(&server, "clew_tail_traces_total{decision=\"kept\"}"),
        kept
    );
    assert_eq!(
        metric(&server, "clew_tail_traces_total{decision=\"dropped\"}"),
        200 - kept
    );
    let failed = traces.iter().filter(|trace| trace.fails).count() as u64;
    assert_eq!(
        metric(&server, "clew_tail_policy_traces_total{policy=\"errors\"}"),
        failed
    );
    assert_eq!(metric(&server, "clew_tail_decisions"), 200);
    let of_spans = http::get(server.addresses().http, "/metrics/spans").text();
    let calls = of_spans
        .lines()
        .filter(|line| line.starts_with("traces_span_metrics_calls_total{"));
    let calls: f64 = calls
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
        .sum();
    assert_eq!(calls as u64, 400, "{of_spans}");
    // The roots come when all is decided, and after a restart.
    let server = server.kill().start();
    let mut sender = HttpSender::new(server.addresses());
    sender.deliver(&request(traces.iter().map(Trace::root)));
    server.wait_until_flushed();
    check(&server, &traces);
    assert_eq!(
        metric(&server, "clew_tail_late_spans_total{decision=\"kept\"}"),
        kept
    );
    assert_eq!(
        metric(&server, "clew_tail_spans_total{decision=\"dropped\"}"),
        200 - kept
    );
}

/// Span totals as a scraper gets them that takes `OpenMetrics`.
pub(crate) fn open_metrics(server: &Server) -> String {
    let accept = [(
        "accept",
        "application/openmetrics-text; version=1.0.0, */*;q=0.1",
    )];
    let to = server.addresses().http;
    let answer = http::request(to, "GET", "/metrics/spans", &accept, b"");
    let kind = answer.header("content-type").expect("a content type");
    assert!(
        kind.starts_with("application/openmetrics-text; version=1.0.0"),
        "{kind}"
    );
    assert!(answer.text().ends_with("# EOF\n"));
    answer.text()
}

#[test]
fn exemplars_are_of_kept_traces_once_somebody_asks_for_them() {
    let mut random = Random::seeded(3);
    let mut data = data_dir(POLICIES, &[]);
    data.set(&[("SAMPLING_TAIL_DECISION_WAIT", "1ms")]);
    let server = data.start();
    let mut sender = HttpSender::new(server.addresses());
    let traces: Vec<_> = (0..100).map(|_| Trace::random(&mut random)).collect();
    sender.deliver(&request(traces.iter().map(Trace::root)));
    server.wait_until_flushed();
    assert!(!open_metrics(&server).contains("trace_id"));
    let traces: Vec<_> = (0..100).map(|_| Trace::random(&mut random)).collect();
    sender.deliver(&request(traces.iter().map(Trace::root)));
    server.wait_until_flushed();
    let text = open_metrics(&server);
    let exemplars = text.lines();
    let exemplars = exemplars.filter_map(|line| line.split_once(" # {trace_id=\""));
    let ids: Vec<&str> = exemplars.map(|(_, rest)| &rest[..32]).collect();
    // All spans are alike.
    assert_eq!(ids.len(), 1, "{text}");
    assert!(stored(&server).contains_key(ids[0]), "{text}");
    let plain = http::get(server.addresses().http, "/metrics/spans").text();
    assert!(
        !plain.contains("trace_id") && !plain.contains("# EOF"),
        "{plain}"
    );
}

#[test]
fn a_policy_file_that_makes_no_sense_stops_the_start_with_a_reason() {
    let data = data_dir("policies: [{ type: latency }]", &[]);
    let output = data.run(&["config", "check"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    for part in [
        "sampling.tail.policy_file",
        "policy.yaml",
        "write them under `latency:`",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert!(data.try_start().is_err());
}
