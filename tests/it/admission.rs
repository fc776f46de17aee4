//! Requests are refused before their bodies are received, and what is received has room to its end.

use std::io::{Read, Write};
use std::net::TcpStream;

use bytes::{BufMut, Bytes, BytesMut};
use futures::channel::mpsc::{UnboundedSender, unbounded};
use futures::{StreamExt, TryFutureExt};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tonic::Code;
use tonic::body::Body;
use tonic::transport::Channel;
use tower::{Service, ServiceExt};

use crate::support::http::{self, Response};
use crate::support::server::{Server, wait_for};

const ROOM: usize = 1 << 20;
const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// A server whose bodies in flight have room for [`ROOM`] bytes.
fn small() -> Server {
    Server::start(&[
        ("COLLECTOR_IN_FLIGHT_SIZE_MAX", "1MiB"),
        ("COLLECTOR_BODY_SIZE_MAX", "1MiB"),
    ])
}

fn wait_for_in_flight(server: &Server, bytes: u64) {
    let line = format!("\nclew_ingest_in_flight_bytes {bytes}\n");
    wait_for("so many bytes to be in flight", || {
        let metrics = http::get(server.addresses().http, "/metrics").text();
        metrics.contains(&line)
    });
}

/// Sends a JSON body of so many bytes without a span.
fn post(server: &Server, bytes: usize) -> Response {
    let mut body = b"{}".to_vec();
    body.resize(bytes, b' ');
    let headers = [("content-type", "application/json")];
    http::request(
        server.addresses().otlp_http,
        "POST",
        "/v1/traces",
        &headers,
        &body,
    )
}

#[test]
fn a_body_over_http_has_its_room_before_it_is_sent() {
    let server = small();
    let mut slow = TcpStream::connect(server.addresses().otlp_http).expect("a connection");
    let head = "POST /v1/traces HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
        content-type: application/json\r\ncontent-length: 700000\r\n\r\n{";
    slow.write_all(head.as_bytes()).expect("written");
    wait_for_in_flight(&server, 700_000);
    // What would not fit beside the whole of it is refused, although a byte of it is here.
    let refused = post(&server, ROOM - 700_000 + 1);
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(post(&server, ROOM - 700_000).status, 200);
    let mut rest = vec![b' '; 699_999];
    rest[0] = b'}';
    slow.write_all(&rest).expect("written");
    let mut answer = String::new();
    slow.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    wait_for_in_flight(&server, 0);
    assert_eq!(post(&server, ROOM).status, 200);
    assert_eq!(post(&server, ROOM + 1).status, 413);
}

fn connect(runtime: &Runtime, server: &Server) -> Channel {
    let endpoint = format!("http://{}", server.addresses().otlp_grpc);
    let endpoint = Channel::from_shared(endpoint).expect("an address");
    runtime.block_on(endpoint.connect()).expect("connected")
}

/// A call to which the rest of its body may be sent.
struct Call {
    body: UnboundedSender<Bytes>,
    answer: JoinHandle<Code>,
}

/// Begins a message of `length` bytes with its prefix alone.
fn call(runtime: &Runtime, channel: &Channel, length: usize) -> Call {
    let (body, parts) = unbounded::<Bytes>();
    let mut prefix = BytesMut::new();
    prefix.put_u8(0);
    prefix.put_u32(length as u32);
    body.unbounded_send(prefix.freeze()).expect("received");
    let parts = parts.map(|part| Ok::<_, tonic::Status>(Frame::data(part)));
    let request = ::http::Request::post(EXPORT)
        .header("content-type", "application/grpc")
        .body(Body::new(StreamBody::new(parts)))
        .expect("a request");
    let mut channel = channel.clone();
    let answer = runtime.spawn(async move {
        let channel = channel.ready().await.expect("connected");
        let answer = channel.call(request).await.expect("an answer");
        let (head, body) = answer.into_parts();
        let trailers = body.collect().map_ok(|body| body.trailers().cloned());
        let trailers = trailers.await.expect("a whole answer").unwrap_or_default();
        let status = head.headers.get("grpc-status");
        let status = status.or(trailers.get("grpc-status"));
        Code::from_bytes(status.expect("a status").as_bytes())
    });
    Call { body, answer }
}

#[test]
fn a_message_over_grpc_has_its_room_before_it_is_sent() {
    let server = small();
    let runtime = Runtime::new().expect("a runtime");
    let channel = connect(&runtime, &server);
    let slow = call(&runtime, &channel, 700_000);
    wait_for_in_flight(&server, 700_005);
    let told = |call: Call| runtime.block_on(call.answer).expect("no panic");
    let waiting = call(&runtime, &channel, ROOM - 700_000);
    assert_eq!(told(waiting), Code::ResourceExhausted);
    let too_large = call(&runtime, &channel, ROOM + 1);
    assert_eq!(told(too_large), Code::ResourceExhausted);
    assert_eq!(post(&server, ROOM - 700_005 + 1).status, 429);
    // An unknown field that fills the message.
    let mut message = BytesMut::from(&[0x7a, 0xdc, 0xdc, 0x2a][..]);
    message.resize(700_000, 0);
    slow.body
        .unbounded_send(message.freeze())
        .expect("received");
    let Call { body, answer } = slow;
    drop(body);
    assert_eq!(runtime.block_on(answer).expect("no panic"), Code::Ok);
    wait_for_in_flight(&server, 0);
}

#[test]
fn a_store_that_takes_nothing_says_so_before_the_body_comes() {
    let server = Server::start(&[("STORAGE_DISK_FREE_MIN", "1000TiB")]);
    wait_for("spans to be refused", || post(&server, 100).status == 503);
    let runtime = Runtime::new().expect("a runtime");
    let channel = connect(&runtime, &server);
    let unsent = call(&runtime, &channel, 700_000);
    let answer = runtime.block_on(unsent.answer).expect("no panic");
    assert_eq!(answer, Code::Unavailable);
}
