//! Bounds on connections: how many, how long one may stay silent, and how large a head may be.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::support::http::Connection;
use crate::support::server::{PATIENCE, Server, wait_for};

/// True when the server closes a connection on which nothing is sent.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    matches!(stream.read(&mut [0; 64]), Ok(0) | Err(_))
}

fn live(address: SocketAddr) -> Option<Connection> {
    let mut connection = Connection::open(address).ok()?;
    let answer = connection.send(
        "POST",
        "/v1/traces",
        &[("content-type", "application/json")],
        b"{}",
    );
    answer
        .is_ok_and(|answer| answer.status == 200)
        .then_some(connection)
}

#[test]
fn one_connection_too_many_is_closed_and_its_place_given_on() {
    let server = Server::start(&[("SERVER_CONNECTIONS_MAX", "3")]);
    let address = server.addresses().otlp_http;
    let mut held: Vec<Connection> = (0..3).map(|_| live(address).expect("a place")).collect();
    assert!(live(address).is_none(), "a fourth connection was served");
    held.pop();
    wait_for("the place to be free", || live(address).is_some());
}

#[test]
fn a_silent_connection_is_closed() {
    let server = Server::start(&[("SERVER_HEADER_TIMEOUT", "200ms")]);
    for address in [server.addresses().otlp_http, server.addresses().otlp_grpc] {
        let mut silent = TcpStream::connect(address).expect("a connection");
        assert!(is_closed(&mut silent));
        let mut slow = TcpStream::connect(address).expect("a connection");
        slow.write_all(b"POST /v1/traces HTTP/1.1\r\nhost: localhost\r\n")
            .expect("written");
        assert!(is_closed(&mut slow));
    }
}

#[test]
fn an_idle_connection_is_closed_after_its_time() {
    let server = Server::start(&[("SERVER_IDLE_TIMEOUT", "300ms")]);
    let mut stream = TcpStream::connect(server.addresses().http).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
        .write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .expect("written");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("an answer and an end");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let server = Server::start(&[]);
    let address = server.addresses().http;
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream
        .set_read_timeout(Some(Duration::from_mins(1)))
        .expect("a timeout");
    let head = format!(
        "GET /health/live HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n",
        "y".repeat(1 << 20)
    );
    // The server may stop reading before the end.
    let _ = stream.write_all(head.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
    assert!(
        Connection::open(address)
            .and_then(|mut c| c.send("GET", "/health/live", &[], b""))
            .is_ok()
    );
}
