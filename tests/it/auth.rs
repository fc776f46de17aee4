//! Tokens, Host and Origin at every door.

use std::net::SocketAddr;

use crate::support::command::{clew, file, sending};
use crate::support::http::{self, Response};
use crate::support::load::batch;
use crate::support::server::{Addresses, Server};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;

const INGEST: &str = "ingest-ingest-ingest-ingest";
const QUERY: &str = "query-query-query-query";
const ADMIN: &str = "admin-admin-admin-admin";
const TRACE: &str = "0123456789abcdef0123456789abcdef";

fn guarded() -> Server {
    Server::start(&[
        ("AUTH_INGEST_TOKENS", INGEST),
        ("AUTH_QUERY_TOKENS", QUERY),
        ("AUTH_ADMIN_TOKENS", ADMIN),
        ("CORS_ORIGINS", "https://shop.example"),
    ])
}

/// A request that is good but for its token, and the class of its door.
struct Call {
    address: SocketAddr,
    method: &'static str,
    path: &'static str,
    content_type: &'static str,
    body: Vec<u8>,
}

impl Call {
    fn send(&self, headers: &[(&str, &str)]) -> Response {
        let mut all = vec![("content-type", self.content_type)];
        all.extend(headers);
        http::request(self.address, self.method, self.path, &all, &self.body)
    }
}

fn ingest_calls(to: Addresses) -> Vec<Call> {
    let post = |address, path, content_type, body: &[u8]| Call {
        address,
        method: "POST",
        path,
        content_type,
        body: body.to_vec(),
    };
    let span = br#"[{"traceId":"1","id":"1","name":"a"}]"#;
    vec![
        post(
            to.otlp_http,
            "/v1/traces",
            "application/x-protobuf",
            &batch("auth", TRACE),
        ),
        post(
            to.otlp_http,
            "/v1/traces",
            "application/json",
            br#"{"resourceSpans":[]}"#,
        ),
        post(to.otlp_http, "/v1/logs", "application/json", b"{}"),
        post(to.zipkin, "/api/v2/spans", "application/json", span),
        Call {
            method: "GET",
            ..post(to.sampling, "/sampling?service=a", "text/plain", b"")
        },
    ]
}

fn query_calls(to: Addresses) -> Vec<Call> {
    let get = |path| Call {
        address: to.http,
        method: "GET",
        path,
        content_type: "text/plain",
        body: Vec::new(),
    };
    let mut calls: Vec<Call> = [
        "/api/services",
        "/api/operations?service=a",
        "/api/services/a/operations",
        "/api/traces?service=a",
        "/api/traces/1",
        "/api/dependencies?endTs=1&lookback=1",
        "/api/v3/services",
        "/api/v3/operations?service=a",
        "/api/v3/traces/1",
        "/api/clew/v1/search",
        "/api/clew/v1/services",
        "/api/clew/v1/traces/1",
        "/api/clew/v1/status",
        "/api/no-such-call",
        "/metrics",
    ]
    .map(get)
    .into();
    calls.push(Call {
        method: "POST",
        path: "/api/sql",
        body: b"SELECT 1".to_vec(),
        ..get("")
    });
    calls.push(Call {
        method: "POST",
        path: "/api/clew/v1/sampling/try",
        body: b"policies: [{ type: always_sample }]".to_vec(),
        ..get("")
    });
    // Names of spans are read where spans are sent.
    for path in ["/api/v2/spans?serviceName=a", "/api/v2/services"] {
        calls.push(Call {
            address: to.zipkin,
            ..get(path)
        });
    }
    calls
}

/// Sends every call with every kind of token; only `own` and the admin token may get through.
fn check(calls: &[Call], own: &str, other: &str) {
    for call in calls {
        let status = |token: Option<&str>| {
            let value = token.map(|token| format!("Bearer {token}"));
            let headers: Vec<_> = value
                .iter()
                .map(|value| ("authorization", value.as_str()))
                .collect();
            call.send(&headers).status
        };
        let name = format!("{} {}", call.method, call.path);
        for token in [
            None,
            Some(""),
            Some("garbage-garbage-garbage"),
            Some(&own[1..]),
        ] {
            assert_eq!(status(token), 401, "{name} with {token:?}");
        }
        assert_eq!(status(Some(other)), 403, "{name}");
        for token in [own, ADMIN] {
            let status = status(Some(token));
            assert!(status != 401 && status != 403, "{name}: {status}");
        }
    }
}

#[test]
fn every_door_wants_its_token() {
    let server = guarded();
    check(&ingest_calls(server.addresses()), INGEST, QUERY);
    check(&query_calls(server.addresses()), QUERY, INGEST);
}

#[test]
fn grpc_is_refused_in_its_own_words_and_health_is_open() {
    let server = guarded();
    let address = format!("http://{}", server.addresses().otlp_grpc);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let request =
        ExportTraceServiceRequest::decode(&batch("auth", TRACE)[..]).expect("our own batch");
    let send = |token: Option<&str>| {
        runtime.block_on(async {
            let channel = tonic::transport::Endpoint::new(address.clone())
                .expect("an address")
                .connect()
                .await
                .expect("connected");
            let mut request = tonic::Request::new(request.clone());
            if let Some(token) = token {
                request.metadata_mut().insert(
                    "authorization",
                    format!("Bearer {token}").parse().expect("ASCII"),
                );
            }
            TraceServiceClient::new(channel)
                .export(request)
                .await
                .map(|_| ())
                .map_err(|status| status.code())
        })
    };
    assert_eq!(send(None), Err(tonic::Code::Unauthenticated));
    assert_eq!(
        send(Some("garbage-garbage-garbage")),
        Err(tonic::Code::Unauthenticated)
    );
    assert_eq!(send(Some(QUERY)), Err(tonic::Code::PermissionDenied));
    assert_eq!(send(Some(INGEST)), Ok(()));
    assert_eq!(send(Some(ADMIN)), Ok(()));
}

#[test]
fn what_holds_no_span_is_open() {
    let server = guarded();
    for path in ["/health/live", "/health/ready", "/"] {
        let answer = http::request(
            server.addresses().http,
            "GET",
            path,
            &[("accept", "text/html")],
            b"",
        );
        // Where the pages were not built, the answer says so.
        assert!(![401, 403].contains(&answer.status), "{path}");
    }
}

#[test]
fn the_commands_send_their_token() {
    let server = guarded();
    let mut arguments = sending("import", server.addresses());
    arguments.push(file("zipkin/v2-single.json"));
    clew(&arguments, &[("CLEW_TOKEN", INGEST)]).good();
    let refused = clew(&arguments, &[]);
    assert_eq!(refused.code, 1);
    assert!(refused.out.contains("401"), "{}", refused.out);
    let url = format!("http://{}", server.addresses().http);
    clew(
        &["sql", "--url", &url, "SELECT 1"],
        &[("CLEW_TOKEN", QUERY)],
    )
    .good();
    clew(
        &["sql", "--url", &url, "SELECT 1"],
        &[("CLEW_TOKEN", INGEST)],
    )
    .bad(1);
}

#[test]
fn no_token_is_in_the_log() {
    let mut settings = vec![("LOG_LEVEL", "trace")];
    settings.extend([("AUTH_ADMIN_TOKENS", ADMIN)]);
    let server = Server::start(&settings);
    for call in ingest_calls(server.addresses())
        .iter()
        .chain(&query_calls(server.addresses()))
    {
        call.send(&[("authorization", &format!("Bearer {ADMIN}"))]);
        call.send(&[("authorization", "Bearer canary-canary-canary")]);
    }
    let data = server.stop();
    assert!(!data.log().contains(ADMIN) && !data.log().contains("canary"));
}

#[test]
fn a_foreign_host_or_origin_is_refused() {
    let server = guarded();
    let to = server.addresses();
    let token = format!("Bearer {ADMIN}");
    for call in ingest_calls(to).iter().chain(&query_calls(to)) {
        let name = format!("{} {}", call.method, call.path);
        let status = |headers: &[(&str, &str)]| {
            let mut all = vec![("authorization", token.as_str())];
            all.extend(headers);
            call.send(&all).status
        };
        for origin in [
            "https://evil.example",
            "null",
            "http://localhost:3000",
            "https://shop.example.evil",
        ] {
            assert_eq!(status(&[("origin", origin)]), 403, "{name} from {origin}");
        }
        assert_ne!(status(&[("origin", "https://shop.example")]), 403, "{name}");
        assert_ne!(
            status(&[("origin", &format!("http://{}", call.address))]),
            403,
            "{name}"
        );
    }
    let raw = |address: SocketAddr, host: &str| {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(address).expect("a connection");
        let head =
            format!("GET /health/live HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer[9..12].to_owned()
    };
    for address in [to.otlp_http, to.zipkin, to.http, to.otlp_grpc] {
        for host in [
            "evil.example",
            "localhost.evil.example:80",
            "127.0.0.1.evil.example",
        ] {
            assert_eq!(raw(address, host), "403", "{host}");
        }
        assert_ne!(raw(address, "localhost:1"), "403");
    }
}

#[test]
fn a_browser_may_ask_first_from_a_configured_origin() {
    let server = guarded();
    let preflight = |origin: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            (
                "access-control-request-headers",
                "authorization,content-type",
            ),
        ];
        http::request(
            server.addresses().otlp_http,
            "OPTIONS",
            "/v1/traces",
            &headers,
            b"",
        )
    };
    let answer = preflight("https://shop.example");
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("https://shop.example")
    );
    assert!(
        answer
            .header("access-control-allow-headers")
            .is_some_and(|headers| headers.contains("authorization"))
    );
    assert_eq!(preflight("https://evil.example").status, 403);
}
