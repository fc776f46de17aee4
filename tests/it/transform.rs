//! Files that Jaeger's UI is given: OTLP JSON goes in, Jaeger's JSON comes out, nothing is stored.

use serde_json::Value;

use crate::support::command::file;
use crate::support::http;
use crate::support::server::Server;

#[test]
fn a_file_of_otlp_is_shown_and_not_stored() {
    let server = Server::start(&[]);
    let to = server.addresses().http;
    for (name, spans) in [("ui-otlp-multi-in.json", 4), ("otlp2jaeger-in.json", 2)] {
        let body = std::fs::read(file(&format!("jaeger/{name}"))).expect("a file");
        let headers = [("content-type", "text/plain;charset=UTF-8")];
        let answer = http::request(to, "POST", "/api/transform", &headers, &body);
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        let shown: Value = serde_json::from_slice(&answer.body).expect("JSON");
        let traces = shown["data"].as_array().expect("traces");
        let count = traces
            .iter()
            .map(|trace| trace["spans"].as_array().map_or(0, Vec::len));
        assert_eq!(count.sum::<usize>(), spans, "{name}");
    }
    let answer = http::request(to, "GET", "/api/services", &[], b"");
    let services: Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(services["data"], serde_json::json!([]));
    let answer = http::request(to, "POST", "/api/transform", &[], b"{");
    assert_eq!(answer.status, 400, "{}", answer.text());
}
