//! Sampling of what is stored, by a real server: once, when it is old, with counts that stay true through a restart.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::{Span, Status};

use crate::support::command::ended;
use crate::support::http;
use crate::support::json::Json;
use crate::support::query::{Reader, sql_count};
use crate::support::random::Random;
use crate::support::send::HttpSender;
use crate::support::server::{DataDir, Server, wait_for};
use crate::tail_sampling::{metric, request};

const POLICIES: &str = "
policies:
  - { name: errors, type: status_code, status_code: { status_codes: [ERROR] } }
  - { name: rest, type: probabilistic, probabilistic: { sampling_percentage: 20 } }
";

/// A trace of three spans.
struct Trace {
    id: u128,
    operation: &'static str,
    fails: bool,
    is_gold: bool,
}

impl Trace {
    fn hex(&self) -> String {
        format!("{:032x}", self.id)
    }

    fn spans(&self) -> [Span; 3] {
        [
            self.span(1, self.operation),
            self.span(2, "step"),
            self.span(3, "step"),
        ]
    }

    fn span(&self, number: u8, name: &str) -> Span {
        let tier = if self.is_gold { "gold" } else { "plain" };
        let tier = KeyValue {
            key: "tier".to_owned(),
            value: Some(AnyValue {
                value: Some(any_value::Value::StringValue(tier.to_owned())),
            }),
            ..KeyValue::default()
        };
        Span {
            trace_id: self.id.to_be_bytes().to_vec(),
            span_id: vec![number; 8],
            parent_span_id: if number == 1 { vec![] } else { vec![1; 8] },
            name: name.to_owned(),
            start_time_unix_nano: 1_700_000_000_000_000_000 + u64::from(number),
            end_time_unix_nano: 1_700_000_000_000_000_500,
            attributes: vec![tier],
            status: Some(Status {
                code: if self.fails && number == 3 { 2 } else { 1 },
                ..Status::default()
            }),
            ..Span::default()
        }
    }
}

fn traces(random: &mut Random) -> Vec<Trace> {
    let operations = [("checkout", 300), ("browse", 120), ("rare", 2)];
    let mut traces = Vec::new();
    for (operation, count) in operations {
        traces.extend((0..count).map(|_| Trace {
            id: u128::from(random.next()) << 64 | u128::from(random.next()) | 1,
            operation,
            fails: operation != "rare" && random.below(10) == 0,
            is_gold: random.below(2) == 0,
        }));
    }
    traces
}

fn data_dir() -> DataDir {
    let mut data = DataDir::new(&[("SAMPLING_STORED_AFTER", "1h")]);
    let file = data.path().with_file_name("old.yaml");
    std::fs::write(&file, POLICIES).expect("a file of policies");
    let file = file.to_str().expect("a path of text");
    data.set(&[("SAMPLING_STORED_POLICY_FILE", file)]);
    data
}

/// Sends the traces in parts, and flushes in between, so that every trace lies in two segments.
fn send(server: &Server, traces: &[Trace]) {
    let mut sender = HttpSender::new(server.addresses());
    for part in [0..2, 2..3] {
        let spans = |trace: &Trace| trace.spans()[part.clone()].to_vec();
        sender.deliver(&request(traces.iter().flat_map(spans)));
        ended(&server.data().run(&["flush"])).good();
    }
}

fn decimal(value: &Json) -> f64 {
    match value {
        Json::Number(text) => text.parse().expect("a number"),
        other => panic!("not a number: {other}"),
    }
}

/// Spans and weight of each trace; all spans of one have the same.
fn stored(server: &Server) -> BTreeMap<String, (u64, f64)> {
    let statement = "SELECT encode(trace_id, 'hex'), count(*), min(sample_weight), max(sample_weight) FROM spans GROUP BY 1";
    let rows = Reader::new(server.addresses().http).sql(statement);
    let trace = |row: &Vec<Json>| {
        let (least, most) = (decimal(&row[2]), decimal(&row[3]));
        assert_eq!(least.to_bits(), most.to_bits(), "{row:?}");
        (row[0].text().to_owned(), (row[1].count(), least))
    };
    rows.iter().map(trace).collect()
}

/// The sum of the weights of the root spans of an operation, of those `condition` fits.
fn weight(server: &Server, operation: &str, condition: &str) -> f64 {
    let statement = format!(
        "SELECT coalesce(sum(sample_weight), 0) FROM spans WHERE name = '{operation}' AND {condition}"
    );
    decimal(&Reader::new(server.addresses().http).sql(&statement)[0][0])
}

/// What has to hold once the traces were sampled, of which the one named `archived` was archived before.
#[track_caller]
fn check_sampled(server: &Server, traces: &[Trace], archived: &str) {
    let stored = stored(server);
    assert!(stored.values().all(|(spans, _)| *spans == 3), "{stored:?}");
    for operation in ["checkout", "browse", "rare"] {
        let of_operation = traces.iter().filter(|trace| trace.operation == operation);
        let (whole, drawn): (Vec<_>, Vec<_>) =
            of_operation.partition(|trace| trace.fails || trace.hex() == archived);
        for trace in &whole {
            assert_eq!(stored.get(&trace.hex()), Some(&(3, 1.0)), "{operation}");
        }
        let stay: Vec<f64> = drawn
            .iter()
            .filter_map(|trace| Some(stored.get(&trace.hex())?.1))
            .collect();
        let expected = (drawn.len() as f64 * 0.2).round().max(1.0);
        assert_eq!(stay.len(), expected as usize, "{operation}");
        let each = drawn.len() as f64 / expected;
        assert!(
            stay.iter().all(|weight| (weight - each).abs() < 1e-9),
            "{operation}: {stay:?}"
        );
        // How many there were is known exactly, and how many of them were gold as well as such a draw allows: here within five standard deviations.
        let count = (whole.len() + drawn.len()) as f64;
        assert!((weight(server, operation, "true") - count).abs() < 1e-6);
        let gold = |traces: &[&Trace]| traces.iter().filter(|trace| trace.is_gold).count() as f64;
        let share = gold(&drawn) / drawn.len() as f64;
        let variance = share * (1.0 - share) / expected * (1.0 - expected / drawn.len() as f64);
        let bound = 5.0 * drawn.len() as f64 * variance.sqrt() + 1e-6;
        let estimate = weight(server, operation, "attributes['tier'] = 'gold'");
        let truth = gold(&whole) + gold(&drawn);
        assert!(
            operation == "rare" || (estimate - truth).abs() < bound,
            "{operation}: {estimate}, not {truth} within {bound}"
        );
    }
    let counted = "SELECT sum(count) FROM span_metrics";
    let counted = sql_count(server.addresses().http, counted);
    assert_eq!(counted, 3 * traces.len() as u64);
}

#[test]
fn old_traces_are_sampled_once_and_counts_stay_true() {
    let (mut random, seed) = Random::fresh();
    println!("CLEW_TEST_SEED={seed}");
    let traces = traces(&mut random);
    let server = data_dir().start();
    send(&server, &traces);
    // What is not old enough is merged, and otherwise left alone.
    ended(&server.data().run(&["compact"])).good();
    assert_eq!(stored(&server).len(), traces.len());
    let archived = traces.iter().find(|trace| !trace.fails).expect("one");
    let archived = archived.hex();
    let archive = format!("/api/archive/{archived}");
    let answer = http::request(server.addresses().http, "POST", &archive, &[], b"");
    assert_eq!(answer.status, 200);

    // With another age it is sampled, in the background or by the command, whichever comes first.
    let mut data = server.stop();
    data.set(&[("SAMPLING_STORED_AFTER", "1s")]);
    let server = data.start();
    wait_for("old traces to be sampled", || {
        ended(&server.data().run(&["compact"])).good();
        stored(&server).len() < traces.len()
    });
    check_sampled(&server, &traces, &archived);
    let left = stored(&server);
    assert_eq!(
        metric(&server, "clew_compaction_sampled_out_traces_total"),
        (traces.len() - left.len()) as u64
    );

    // What was sampled is not sampled again, neither now nor by another process.
    let said = ended(&server.data().run(&["compact"])).good();
    assert!(said.contains("nothing to merge"), "{said}");
    let server = server.kill().start();
    ended(&server.data().run(&["compact"])).good();
    assert_eq!(stored(&server), left);
    check_sampled(&server, &traces, &archived);
    ended(&server.data().run(&["verify"])).good();
}

#[test]
fn policies_that_count_are_refused_for_stored_traces() {
    let data = data_dir();
    let file = data.path().with_file_name("old.yaml");
    let counting = "policies:\n  - { type: always_sample }\n  - { name: few, type: rate_limiting, rate_limiting: { spans_per_second: 5 } }\n";
    std::fs::write(file, counting).expect("a file of policies");
    let said = ended(&data.run(&["config", "check"])).err;
    for part in [
        "sampling.stored.policy_file",
        "old.yaml",
        "line 3",
        "policy 2 (`few`)",
        "conditions and shares alone",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
