//! Remote sampling over the real port: strategies from a file, its reload, shares that follow the traffic, and a real SDK that obeys.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value, json};

use crate::support::http::{self, Response};
use crate::support::query::sql_count;
use crate::support::send::HttpSender;
use crate::support::server::{DataDir, Server, wait_for};
use crate::tail_sampling::{metric, request};

const FILE: &str = r#"{
    "service_strategies": [
        { "service": "cart", "type": "probabilistic", "param": 0.5, "operation_strategies": [
            { "operation": "GET /health", "type": "probabilistic", "param": 0.01 } ] },
        { "service": "batch job", "type": "ratelimiting", "param": 7 } ],
    "default_strategy": { "type": "probabilistic", "param": 0.25 }
}"#;

fn with_file(text: &str, settings: &[(&str, &str)]) -> (DataDir, PathBuf) {
    let mut data = DataDir::new(settings);
    let file = data.path().with_file_name("strategies.json");
    std::fs::write(&file, text).expect("a file of strategies");
    let path = file.to_str().expect("a path of text").to_owned();
    data.set(&[
        ("SAMPLING_REMOTE_STRATEGY_FILE", &path),
        ("SAMPLING_REMOTE_RELOAD_INTERVAL", "1s"),
    ]);
    (data, file)
}

fn ask(server: &Server, path: &str) -> Response {
    http::get(server.addresses().sampling, path)
}

fn told(server: &Server, service: &str) -> Value {
    let answer = ask(server, &format!("/sampling?service={service}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    serde_json::from_slice(&answer.body).expect("JSON")
}

fn share(share: f64) -> Value {
    json!({ "strategyType": "PROBABILISTIC", "probabilisticSampling": { "samplingRate": share } })
}

#[test]
fn every_service_is_told_what_the_file_says_and_what_it_says_later() {
    let (data, file) = with_file(FILE, &[]);
    let server = data.start();
    let cart = json!({
        "strategyType": "PROBABILISTIC",
        "probabilisticSampling": { "samplingRate": 0.5 },
        "operationSampling": {
            "defaultSamplingProbability": 0.5,
            "defaultLowerBoundTracesPerSecond": 0.0,
            "perOperationStrategies": [
                { "operation": "GET /health", "probabilisticSampling": { "samplingRate": 0.01 } }
            ]
        }
    });
    for path in [
        "/sampling?service=cart",
        "/api/sampling?service=cart",
        "/?service=cart",
    ] {
        let answer: Value = serde_json::from_slice(&ask(&server, path).body).expect("JSON");
        assert_eq!(answer, cart, "{path}");
    }
    assert_eq!(
        told(&server, "batch%20job"),
        json!({ "strategyType": "RATE_LIMITING", "rateLimitingSampling": { "maxTracesPerSecond": 7 } })
    );
    assert_eq!(told(&server, "other"), share(0.25));
    for path in [
        "/sampling",
        "/sampling?service=a&service=b",
        "/api/sampling?name=a",
    ] {
        let refused = ask(&server, path);
        assert_eq!(refused.status, 400, "{path}");
        assert!(refused.text().contains("`service`"), "{}", refused.text());
    }
    assert_eq!(ask(&server, "/other?service=a").status, 404);

    // What makes no sense changes nothing, and is told; what does is taken.
    std::fs::write(&file, "{ nothing }").expect("a file");
    wait_for("the file to be looked at", || {
        let text = http::get(server.addresses().http, "/metrics").text();
        text.contains("clew_remote_sampling_reloads_total{outcome=\"refused\"}")
    });
    assert_eq!(told(&server, "other"), share(0.25));
    assert!(
        server
            .data()
            .log_lines("ERROR")
            .iter()
            .any(|line| line.contains("strategies.json"))
    );
    std::fs::write(
        &file,
        r#"{"default_strategy": {"type": "probabilistic", "param": 0.125}}"#,
    )
    .expect("a file");
    wait_for("the new strategies", || {
        told(&server, "cart") == share(0.125)
    });
    assert_eq!(
        metric(
            &server,
            "clew_remote_sampling_requests_total{outcome=\"invalid\"}"
        ),
        3
    );
}

#[test]
fn without_a_file_everything_is_to_be_sampled_and_a_wrong_one_stops_the_start() {
    let server = Server::start(&[]);
    assert_eq!(told(&server, "cart"), share(1.0));
    let (data, _) = with_file(
        r#"{"default_strategy": {"type": "adaptive", "param": 1}}"#,
        &[],
    );
    let output = data.run(&["config", "check"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    for part in [
        "sampling.remote.strategy_file",
        "strategies.json",
        "type `adaptive` is not known",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert!(data.try_start().is_err());
}

/// A root span that was sampled by a share.
fn root(number: u64, name: &str, share: f64) -> Span {
    let attribute = |key: &str, value: Any| KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    };
    Span {
        trace_id: (u128::from(number) + 1).to_be_bytes().to_vec(),
        span_id: vec![1; 8],
        name: name.to_owned(),
        attributes: vec![
            attribute("sampler.type", Any::StringValue("probabilistic".to_owned())),
            attribute("sampler.param", Any::DoubleValue(share)),
        ],
        ..Span::default()
    }
}

#[test]
fn shares_follow_the_traffic_where_the_file_says_nothing() {
    let settings = [
        ("SAMPLING_REMOTE_ADAPTIVE", "true"),
        ("SAMPLING_REMOTE_INTERVAL", "1s"),
        ("SAMPLING_REMOTE_INITIAL_SHARE", "0.5"),
        ("SAMPLING_REMOTE_PER_SECOND_MIN", "0.25"),
    ];
    let (data, _) = with_file(FILE, &settings);
    let server = data.start();
    // No resource names a service here.
    let before = told(&server, "unknown_service");
    assert_eq!(
        before["operationSampling"]["perOperationStrategies"],
        json!([])
    );
    assert_eq!(
        before["operationSampling"]["defaultSamplingProbability"],
        0.5
    );
    assert_eq!(
        before["operationSampling"]["defaultLowerBoundTracesPerSecond"],
        0.25
    );
    let mut sender = HttpSender::new(server.addresses());
    let frequent = (0..600).map(|number| root(number, "frequent", 0.01));
    let with_rare = frequent.chain([root(1_000, "rare", 1.0)]);
    sender.deliver(&request(with_rare));
    let mut operations = Vec::new();
    wait_for("shares of operations", || {
        let told = told(&server, "unknown_service");
        let found = told["operationSampling"]["perOperationStrategies"].as_array();
        operations = found.cloned().unwrap_or_default();
        !operations.is_empty()
    });
    let share_of = |name: &str| {
        let found = operations.iter().find(|of| of["operation"] == name);
        let found = found.and_then(|of| of["probabilisticSampling"]["samplingRate"].as_f64());
        found.unwrap_or_else(|| panic!("no {name} in {operations:?}"))
    };
    // Sixty thousand in some seconds, of which one a second is wanted; and one.
    assert!(share_of("frequent") < 0.05, "{operations:?}");
    assert!(share_of("rare") >= 0.5, "{operations:?}");
    assert_eq!(
        told(&server, "cart")["probabilisticSampling"]["samplingRate"],
        0.5
    );
    assert_eq!(metric(&server, "clew_remote_sampling_operations"), 2);
}

#[test]
fn a_node_sdk_samples_what_it_is_told() {
    let strategies = r#"{ "service_strategies": [
        { "service": "sdk-node", "type": "probabilistic", "param": 0.0, "operation_strategies": [
            { "operation": "always", "type": "probabilistic", "param": 1.0 },
            { "operation": "half", "type": "probabilistic", "param": 0.5 } ] } ] }"#;
    let (data, _) = with_file(strategies, &[]);
    let server = data.start();
    let to = server.addresses();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk/node/run.sh");
    let target = Path::new(env!("CARGO_BIN_EXE_clew"))
        .ancestors()
        .nth(2)
        .expect("a target folder");
    let output = Command::new(script)
        .args(["sample", "always", "half", "never"])
        .env("CARGO_TARGET_DIR", target)
        .env("CLEW_SAMPLING", format!("http://{}", to.sampling))
        .env("CLEW_OTLP_HTTP", format!("http://{}", to.otlp_http))
        .env("CLEW_ROOTS", "400")
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let count = |name: &str| {
        let statement = format!("SELECT count(*) FROM spans WHERE name = '{name}'");
        sql_count(to.http, &statement)
    };
    // One more of the first, by which the program sees that it has been told.
    assert_eq!((count("always"), count("never")), (401, 0));
    // Ten standard deviations.
    assert!((100..=300).contains(&count("half")), "{}", count("half"));
}
