//! Signals: requests under way are answered, a second signal ends the server at once, and what was acknowledged is there at
//! the next start.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::http;
use crate::support::load::batch;
use crate::support::query::Reader;
use crate::support::server::{Server, wait_for};

const TRACE: &str = "0123456789abcdef0123456789abcdef";

/// Sends the head of a request and all of its body but the last byte.
fn begin(server: &Server, body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server.addresses().otlp_http).expect("a connection");
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("written");
    stream.write_all(&body[..body.len() - 1]).expect("written");
    stream
}

/// Waits until the server has taken the request up.
fn wait_until_begun(server: &Server) {
    wait_for("the request to be taken up", || {
        let metrics = http::get(server.addresses().http, "/metrics").text();
        metrics.lines().any(|line| {
            line.starts_with("clew_ingest_requests_received_total") && line.ends_with(" 1")
        })
    });
}

fn wait_until_not_accepting(server: &Server) {
    wait_for("the door to close", || {
        TcpStream::connect(server.addresses().otlp_http).is_err()
    });
}

#[test]
fn a_request_under_way_is_answered_and_stored() {
    let server = Server::start(&[]);
    let body = batch("signals", TRACE);
    let mut stream = begin(&server, &body);
    wait_until_begun(&server);
    server.terminate();
    wait_until_not_accepting(&server);
    stream.write_all(&body[body.len() - 1..]).expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (data, status) = server.wait();
    assert!(status.success(), "{status}");
    let server = data.start();
    assert!(!Reader::new(server.addresses().http).trace(TRACE).is_empty());
}

#[test]
fn a_request_that_never_ends_does_not_hold_up_the_end() {
    let server = Server::start(&[("SERVER_DRAIN_TIMEOUT", "100ms")]);
    let _stream = begin(&server, &batch("signals", TRACE));
    wait_until_begun(&server);
    server.stop();
}

#[test]
fn a_second_signal_ends_the_server_at_once_and_loses_nothing() {
    let server = Server::start(&[("SERVER_DRAIN_TIMEOUT", "1h"), ("STORAGE_EPOCH_AGE", "1h")]);
    let _stream = begin(
        &server,
        &batch("signals", "11111111111111111111111111111111"),
    );
    wait_until_begun(&server);
    let headers = [("content-type", "application/x-protobuf")];
    let otlp_http = server.addresses().otlp_http;
    let answer = http::request(
        otlp_http,
        "POST",
        "/v1/traces",
        &headers,
        &batch("signals", TRACE),
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
    server.terminate();
    wait_until_not_accepting(&server);
    server.terminate();
    let (data, status) = server.wait();
    assert_eq!(status.code(), Some(1));
    let server = data.start();
    assert!(!Reader::new(server.addresses().http).trace(TRACE).is_empty());
}
