//! A request that is sent again is stored once: one after the other, at the same time, after a crash and after a restart.

use std::sync::Barrier;
use std::thread;

use crate::support::corpus::Request;
use crate::support::load::{BATCH, batch};
use crate::support::query::{self, Reader};
use crate::support::send::{GrpcSender, HttpSender};
use crate::support::server::Server;
use tonic::codec::CompressionEncoding;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn request() -> Request {
    Request::protobuf(batch("retrying", TRACE))
}

#[track_caller]
fn assert_stored_once(server: &Server, when: &str) {
    let address = server.addresses().http;
    assert_eq!(query::span_count(address), BATCH as u64, "{when}");
    assert_eq!(Reader::new(address).trace(TRACE).len(), BATCH, "{when}");
}

#[test]
fn a_repeated_request_is_stored_once() {
    let server = Server::start(&[("STORAGE_EPOCH_AGE", "1h")]);
    let mut http = HttpSender::new(server.addresses());
    http.deliver(&request());
    http.deliver(&request());
    // The same payload by another protocol, and compressed, is the same payload.
    for compression in [
        None,
        Some(CompressionEncoding::Gzip),
        Some(CompressionEncoding::Zstd),
    ] {
        let mut grpc = GrpcSender::new(server.addresses(), compression);
        assert_eq!(grpc.send(&request().body).expect("an acknowledgement"), 0);
    }
    assert_stored_once(&server, "sent one after the other");

    let server = server.kill().start();
    HttpSender::new(server.addresses()).deliver(&request());
    assert_stored_once(&server, "sent again after a crash");

    let server = server.stop().start();
    HttpSender::new(server.addresses()).deliver(&request());
    assert_stored_once(&server, "sent again after a restart, from segments");
}

#[test]
fn requests_that_race_are_stored_once() {
    let server = Server::start(&[("STORAGE_EPOCH_AGE", "1h")]);
    let to = server.addresses();
    let together = Barrier::new(8);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut http = HttpSender::new(to);
                together.wait();
                http.deliver(&request());
            });
        }
    });
    assert_stored_once(&server, "sent eight times at once");
}

#[test]
fn requests_that_differ_in_one_byte_are_both_stored() {
    let server = Server::start(&[("STORAGE_EPOCH_AGE", "1h")]);
    let mut http = HttpSender::new(server.addresses());
    http.deliver(&request());
    let mut other = request();
    let at = other
        .body
        .windows(6)
        .position(|name| name == b"step 7")
        .expect("a span name");
    other.body[at + 5] = b'x';
    http.deliver(&other);
    assert_eq!(query::span_count(server.addresses().http), 2 * BATCH as u64);
    // Only the renamed span differs; the others are the same span twice, and shown once.
    assert_eq!(
        Reader::new(server.addresses().http).trace(TRACE).len(),
        BATCH + 1
    );
}
