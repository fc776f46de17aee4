//! Archived traces: Jaeger's call, and what retention leaves over.

use serde_json::json;

use crate::support::command::{clew, ended, file, sending};
use crate::support::http;
use crate::support::query::{span_count, sql_count};
use crate::support::random::Random;
use crate::support::send::HttpSender;
use crate::support::server::Server;
use crate::tail_sampling::{Trace, data_dir, request};

#[test]
fn an_archived_trace_outlives_retention() {
    let server = Server::start(&[]);
    let to = server.addresses();
    let mut arguments = sending("import", to);
    arguments.push(file("otlp/deathstarbench-all.cut.otlp.zst"));
    clew(&arguments, &[]).good();
    let largest = "SELECT hex(trace_id) AS id FROM spans GROUP BY trace_id ORDER BY count(*) DESC, id LIMIT 1";
    let id = ended(&server.data().run(&["sql", "--format", "csv", largest])).good();
    let id = id.lines().nth(1).expect("a trace").trim().to_owned();
    let of_trace = format!("SELECT count(*) FROM spans WHERE trace_id = '{id}'");
    let spans = sql_count(to.http, &of_trace);
    assert!(spans > 1);

    let archive =
        |id: &str| http::request(to.http, "POST", &format!("/api/archive/{id}"), &[], b"");
    let done = archive(&id);
    let said: serde_json::Value = serde_json::from_str(&done.text()).expect("JSON");
    let empty = json!({ "data": [], "total": 0, "limit": 0, "offset": 0, "errors": null });
    assert_eq!((done.status, said), (200, empty));
    assert_eq!(archive("abc").status, 404);
    assert_eq!(archive("not-hex").status, 400);

    for _ in 0..2 {
        ended(&server.data().run(&["flush"])).good();
        let drop_all = ["retention", "--older-than", "1ms", "--trust-clock"];
        ended(&server.data().run(&drop_all)).good();
        assert_eq!(span_count(to.http), spans);
    }
    let trace = http::get(to.http, &format!("/api/traces/{id}"));
    assert_eq!(trace.status, 200);
    ended(&server.data().run(&["verify"])).good();
    let server = server.stop().start();
    assert_eq!(span_count(server.addresses().http), spans);
}

/// Keeps nothing.
const NOTHING: &str = "
policies:
  - { name: none, type: latency, latency: { threshold_ms: 3600000 } }
";

#[test]
fn a_trace_archived_before_it_is_decided_about_outlives_tail_sampling() {
    let mut random = Random::seeded(3);
    let traces: Vec<Trace> = (0..40).map(|_| Trace::random(&mut random)).collect();
    let server = data_dir(NOTHING, &[]).start();
    let mut sender = HttpSender::new(server.addresses());
    sender.deliver(&request(traces.iter().map(Trace::root)));
    let archived = &traces[7];
    let archive = format!("/api/archive/{}", archived.hex());
    let answer = http::request(server.addresses().http, "POST", &archive, &[], b"");
    assert_eq!(answer.status, 200);
    // Kept through a kill; some of its spans come before the decision and some after it.
    let server = server.kill().start();
    let mut sender = HttpSender::new(server.addresses());
    let [before, after] = archived.children();
    sender.deliver(&request([before]));
    ended(&server.data().run(&["flush"])).good();
    assert_eq!(span_count(server.addresses().http), 2);
    sender.deliver(&request([after].into_iter().chain(traces[8].children())));
    ended(&server.data().run(&["flush"])).good();
    let of_trace = format!(
        "SELECT count(*) FROM spans WHERE encode(trace_id, 'hex') = '{}' AND sample_weight = 1",
        archived.hex()
    );
    let server = server.stop().start();
    assert_eq!(sql_count(server.addresses().http, &of_trace), 3);
    assert_eq!(span_count(server.addresses().http), 3);
    let counted = "SELECT sum(count) FROM span_metrics";
    assert_eq!(sql_count(server.addresses().http, counted), 40 + 4);
}
