//! `clew sampling try` against what a server with the same policies then keeps of the same traces.

use serde_json::Value;

use crate::support::command::{Ended, ended};
use crate::support::http;
use crate::support::random::Random;
use crate::support::send::HttpSender;
use crate::support::server::{DataDir, Server};
use crate::tail_sampling::{POLICIES, Trace, data_dir, metric, request};

/// Policies with budgets: of each kind the ten with the highest random bits, and fifty spans a second, of which sixty may be saved up.
const BUDGETS: &str = "
policies:
  - { name: some, type: keep_n_per, keep_n_per: { traces: 10, period_seconds: 3600 } }
  - { name: limit, type: rate_limiting, rate_limiting: { spans_per_second: 1, burst_capacity: 60 } }
";

/// Writes the policies beside the data directory and tries them.
fn attempt(data: &DataDir, policies: &str, more: &[&str]) -> Ended {
    let file = data.path().with_file_name("tried.yaml");
    std::fs::write(&file, policies).expect("a file of policies");
    let mut arguments = vec!["sampling", "try", file.to_str().expect("a path of text")];
    arguments.extend(more);
    ended(&data.run(&arguments))
}

fn report(data: &DataDir, policies: &str) -> Value {
    let text = attempt(data, policies, &["--json"]).good();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn number(report: &Value, path: &str) -> u64 {
    let found = report.pointer(path).and_then(Value::as_u64);
    found.unwrap_or_else(|| panic!("no number at {path} of {report}"))
}

fn close(report: &Value, path: &str, expected: f64) {
    let found = report.pointer(path).and_then(Value::as_f64);
    let found = found.unwrap_or_else(|| panic!("no number at {path} of {report}"));
    assert!(
        (found - expected).abs() < 1e-6 * expected.max(1.0),
        "{path}: {found}, not {expected}"
    );
}

fn traces(count: usize) -> Vec<Trace> {
    let mut random = Random::seeded(11);
    (0..count).map(|_| Trace::random(&mut random)).collect()
}

/// A server that keeps everything and has the traces in several segments and in memory, many of them in parts.
fn filled(traces: &[Trace]) -> Server {
    let server = Server::start(&[("COMPACTION_ENABLED", "false")]);
    let mut sender = HttpSender::new(server.addresses());
    let (first, second) = traces.split_at(traces.len() / 2);
    sender.deliver(&request(first.iter().flat_map(Trace::children)));
    sender.deliver(&request(second.iter().map(Trace::root)));
    ended(&server.data().run(&["flush"])).good();
    sender.deliver(&request(first.iter().map(Trace::root)));
    ended(&server.data().run(&["flush"])).good();
    sender.deliver(&request(second.iter().flat_map(Trace::children)));
    server
}

/// A server that has sampled the traces by `policies`.
fn sampled(policies: &str, traces: &[Trace]) -> Server {
    let server = data_dir(policies, &[]).start();
    let mut sender = HttpSender::new(server.addresses());
    let all = traces
        .iter()
        .flat_map(|trace| [trace.root()].into_iter().chain(trace.children()));
    sender.deliver(&request(all));
    ended(&server.data().run(&["flush"])).good();
    server
}

#[test]
fn it_says_what_a_server_with_these_policies_keeps() {
    let traces = traces(400);
    let server = filled(&traces);
    let before = server.status();
    let report = report(server.data(), POLICIES);

    let real = sampled(POLICIES, &traces);

    assert_eq!(number(&report, "/all/traces"), 400);
    assert_eq!(number(&report, "/all/spans"), 1_200);
    let kept = metric(&real, "clew_tail_traces_total{decision=\"kept\"}");
    assert_eq!(number(&report, "/kept/traces"), kept);
    assert_eq!(
        number(&report, "/kept/spans"),
        metric(&real, "clew_tail_spans_total{decision=\"kept\"}")
    );
    for (place, policy) in ["errors", "share"].into_iter().enumerate() {
        assert_eq!(report["policies"][place]["name"], policy);
        assert_eq!(
            number(&report, &format!("/policies/{place}/kept/traces")),
            metric(
                &real,
                &format!("clew_tail_policy_traces_total{{policy=\"{policy}\"}}")
            )
        );
    }
    // All spans are of one service; the estimate is the sum of the weights that this test knows.
    let weights: f64 = traces.iter().filter_map(Trace::expected).sum();
    let lucky = traces
        .iter()
        .filter_map(Trace::expected)
        .filter(|weight| *weight > 1.0)
        .count();
    close(&report, "/services/0/count", 1_200.0);
    close(&report, "/services/0/estimated_count", 3.0 * weights);
    // Each trace of weight 4 stands for 12 spans where 3 are seen.
    close(
        &report,
        "/services/0/standard_error",
        (lucky as f64 * 12.0 * (12.0 - 3.0)).sqrt(),
    );
    assert_eq!(number(&report, "/services/0/kept/traces"), kept);
    let bytes = number(&report, "/all/bytes");
    assert!(bytes > 1_200 * 64 && number(&report, "/kept/bytes") < bytes);

    // Nothing has changed, and without a server it is the same.
    let after = server.status();
    for figure in ["hot_spans", "stored_spans", "segments", "manifest_version"] {
        assert_eq!(
            before.at(figure).count(),
            after.at(figure).count(),
            "{figure}"
        );
    }
    let data = server.kill();
    let mut alone = self::report(&data, POLICIES);
    alone["since_unix_nano"] = report["since_unix_nano"].clone();
    assert_eq!(alone, report);
    let text = attempt(&data, POLICIES, &[]).good();
    assert!(
        text.contains("would be kept") && text.contains("errors"),
        "{text}"
    );
}

#[test]
fn budgets_are_spent_as_a_server_spends_them() {
    let traces = traces(300);
    let server = filled(&traces);
    let report = report(server.data(), BUDGETS);
    let real = sampled(BUDGETS, &traces);
    // What may be kept at least, and at most if the spans came in over five minutes.
    let (least, most) = (60 - 3, 60 + 300 + 10 * 3);
    for spans in [
        number(&report, "/kept/spans"),
        metric(&real, "clew_tail_spans_total{decision=\"kept\"}"),
    ] {
        assert!((least..=most).contains(&spans), "{spans}");
    }
}

#[test]
fn only_what_arrived_lately_counts_and_nothing_may_be_there() {
    let server = Server::start(&[]);
    let empty = report(server.data(), POLICIES);
    assert_eq!(number(&empty, "/all/traces"), 0);
    assert_eq!(empty["services"], serde_json::json!([]));
    let text = attempt(server.data(), POLICIES, &[]).good();
    assert_eq!(text.trim(), "no span has arrived in this time");
    let mut sender = HttpSender::new(server.addresses());
    sender.deliver(&request(traces(10).iter().map(Trace::root)));
    let path = "/api/clew/v1/sampling/try?last=0ms";
    let old = http::request(
        server.addresses().http,
        "POST",
        path,
        &[],
        POLICIES.as_bytes(),
    );
    assert_eq!(old.json(200).at("all").at("traces").count(), 0);
    let path = "/api/clew/v1/sampling/try";
    let all = http::request(
        server.addresses().http,
        "POST",
        path,
        &[],
        POLICIES.as_bytes(),
    );
    assert_eq!(all.json(200).at("all").at("traces").count(), 10);
}

#[test]
fn what_is_wrong_is_said_and_where() {
    let server = Server::start(&[]);
    let bad = [
        (
            "policies:\n  - { type: always_sample }\n  - { type: latency }\n",
            "line 3: policy 2 (`latency`)",
        ),
        ("policies:\n  - type: latenzy\n", "line 2"),
        ("policies: []\n", "there is no policy"),
    ];
    for (policies, said) in bad {
        let complaint = attempt(server.data(), policies, &[]).bad(2);
        assert!(
            complaint.contains("tried.yaml") && complaint.contains(said),
            "{complaint}"
        );
        let path = "/api/clew/v1/sampling/try";
        let refused = http::request(
            server.addresses().http,
            "POST",
            path,
            &[],
            policies.as_bytes(),
        );
        let error = refused.json(400);
        assert!(
            error.at("error").at("message").text().contains(said),
            "{}",
            refused.text()
        );
    }
    attempt(server.data(), POLICIES, &["--last", "soon"]).bad(2);
    let large = vec![b'#'; (1 << 20) + 1];
    for (path, body) in [
        ("/api/clew/v1/sampling/try?last=soon", POLICIES.as_bytes()),
        ("/api/clew/v1/sampling/try?first=1h", POLICIES.as_bytes()),
        ("/api/clew/v1/sampling/try", b"\xff"),
        ("/api/clew/v1/sampling/try", &large),
    ] {
        let refused = http::request(server.addresses().http, "POST", path, &[], body);
        assert_eq!(
            refused.json(400).at("error").at("code").text(),
            "invalid_argument"
        );
    }
    let as_large_as_allowed = [POLICIES.as_bytes(), &large[POLICIES.len() + 1..]].concat();
    assert_eq!(as_large_as_allowed.len(), 1 << 20);
    let path = "/api/clew/v1/sampling/try";
    let taken = http::request(
        server.addresses().http,
        "POST",
        path,
        &[],
        &as_large_as_allowed,
    );
    assert_eq!(taken.status, 200, "{}", taken.text());
}
