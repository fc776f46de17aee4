//! `/metrics/spans` as Prometheus' own parsers read it, in both formats. The reader is `tests/openmetrics/read.py`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use crate::support::random::Random;
use crate::support::send::HttpSender;
use crate::support::server::Server;
use crate::tail_sampling::{POLICIES, Trace, data_dir, open_metrics, request};

#[derive(Debug, Deserialize)]
struct Pages {
    openmetrics: Vec<Sample>,
    prometheus: Vec<Sample>,
}

#[derive(Debug, Deserialize)]
struct Sample {
    family: String,
    r#type: String,
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
    exemplar: Option<Exemplar>,
}

#[derive(Debug, Deserialize)]
struct Exemplar {
    labels: BTreeMap<String, String>,
    value: f64,
    timestamp: f64,
}

fn read(server: &Server) -> Pages {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = Path::new(env!("CARGO_BIN_EXE_clew")).ancestors().nth(2);
    let output = Command::new(root.join("tests/openmetrics/run.sh"))
        .env("CARGO_TARGET_DIR", target.expect("a target folder"))
        .arg(format!("http://{}/metrics/spans", server.addresses().http))
        .output()
        .expect("the reader runs");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Samples by name, labels and bound, whatever the bound is written like.
fn values(samples: &[Sample]) -> BTreeMap<(String, Vec<String>, u64), f64> {
    let value = |sample: &Sample| {
        let mut labels = sample.labels.clone();
        let bound = labels.remove("le");
        let bound = bound.map_or(0.0, |text| text.parse::<f64>().expect("a bound"));
        let labels = labels.into_iter().flat_map(|(key, value)| [key, value]);
        let key = (sample.name.clone(), labels.collect(), bound.to_bits());
        (key, sample.value)
    };
    samples.iter().map(value).collect()
}

#[test]
fn both_formats_are_what_the_parsers_of_prometheus_take() {
    let mut random = Random::seeded(3);
    let mut data = data_dir(POLICIES, &[]);
    data.set(&[("SAMPLING_TAIL_DECISION_WAIT", "1ms")]);
    let server = data.start();
    open_metrics(&server);
    let traces: Vec<_> = (0..100).map(|_| Trace::random(&mut random)).collect();
    let mut sender = HttpSender::new(server.addresses());
    let spans = traces
        .iter()
        .flat_map(|trace| [trace.root()].into_iter().chain(trace.children()));
    sender.deliver(&request(spans));
    server.wait_until_flushed();

    let pages = read(&server);
    let (open, plain) = (values(&pages.openmetrics), values(&pages.prometheus));
    assert_eq!(open, plain);
    // Every sample has a place of its own; three names, one of them with two states.
    assert_eq!(open.len(), pages.openmetrics.len());
    assert_eq!(open.len(), 4 * (1 + 17 + 2));
    let calls = pages
        .openmetrics
        .iter()
        .filter(|sample| sample.name == "traces_span_metrics_calls_total");
    assert!(calls.clone().all(|sample| sample.r#type == "counter"
        && sample.family == "traces_span_metrics_calls"
        && sample.labels.len() == 4));
    assert_eq!(calls.map(|sample| sample.value as u64).sum::<u64>(), 300);

    let exemplars: Vec<_> = pages
        .openmetrics
        .iter()
        .filter_map(|sample| Some((sample, sample.exemplar.as_ref()?)))
        .collect();
    assert_eq!(exemplars.len(), 4);
    for (sample, exemplar) in exemplars {
        assert_eq!(
            sample.name,
            "traces_span_metrics_duration_milliseconds_bucket"
        );
        let bound: f64 = sample.labels["le"].parse().expect("a bound");
        assert!(exemplar.value <= bound && exemplar.value > 0.0);
        // All spans end at the same nanosecond, of which milliseconds are told.
        assert!((exemplar.timestamp - 1_700_000_000.0).abs() < 1e-6);
        // It is a span that is kept, of this name and status.
        let kept = traces.iter().filter(|trace| trace.expected().is_some());
        let mut of_id = kept.filter(|trace| trace.hex() == exemplar.labels["trace_id"]);
        let trace = of_id.next().expect("a trace that is kept");
        let number = exemplar.labels["span_id"].as_bytes()[1] - b'0';
        assert_eq!(sample.labels["span_name"], format!("step {number}"));
        let failed = sample.labels["status_code"] == "STATUS_CODE_ERROR";
        assert_eq!(failed, trace.fails && number == 3);
    }
    assert!(
        pages
            .prometheus
            .iter()
            .all(|sample| sample.exemplar.is_none())
    );
}
