//! The call that drops every span: there only where a test asks for it.

use crate::support::http;
use crate::support::load::batch;
use crate::support::server::{DataDir, Server};

const TRACE: &str = "0123456789abcdef0123456789abcdef";
const ADMIN: &str = "admin-admin-admin-admin";
const QUERY: &str = "query-query-query-query";

fn purge(server: &Server, token: &str) -> u16 {
    let headers = [("authorization", &*format!("Bearer {token}"))];
    http::request(
        server.addresses().http,
        "POST",
        "/test/purge",
        &headers,
        b"",
    )
    .status
}

fn spans(server: &Server) -> String {
    let headers = [
        ("authorization", &*format!("Bearer {ADMIN}")),
        ("accept", "text/csv"),
        ("content-type", "text/plain"),
    ];
    let statement = b"SELECT count(*) AS n FROM spans";
    http::request(
        server.addresses().http,
        "POST",
        "/api/sql",
        &headers,
        statement,
    )
    .text()
}

fn send(server: &Server) {
    let headers = [
        ("authorization", &*format!("Bearer {ADMIN}")),
        ("content-type", "application/x-protobuf"),
    ];
    let body = batch("purge", TRACE);
    let answer = http::request(
        server.addresses().otlp_http,
        "POST",
        "/v1/traces",
        &headers,
        &body,
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn an_admin_drops_every_span_where_the_flag_is_set() {
    let settings = [("AUTH_ADMIN_TOKENS", ADMIN), ("AUTH_QUERY_TOKENS", QUERY)];
    let mut data = DataDir::new(&settings);
    data.set(&[("UNSAFE_TEST_PURGE", "true")]);
    let server = data.start();
    send(&server);
    assert_ne!(spans(&server).trim(), "n\n0");
    assert_eq!(
        (
            purge(&server, "no-such-token-is-known"),
            purge(&server, QUERY)
        ),
        (401, 403)
    );
    assert_eq!(purge(&server, ADMIN), 200);
    assert_eq!(
        spans(&server).split_whitespace().collect::<Vec<_>>(),
        ["n", "0"]
    );
}

#[test]
fn without_the_flag_there_is_no_such_call() {
    let server = Server::start(&[("AUTH_ADMIN_TOKENS", ADMIN)]);
    send(&server);
    let before = spans(&server);
    assert_ne!(purge(&server, ADMIN), 200);
    assert_eq!(spans(&server), before);
}
