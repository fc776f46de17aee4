//! TLS at the doors, and clients that check it.

use crate::support::command::{clew, file};
use crate::support::http::Connection;
use crate::support::load::batch;
use crate::support::server::DataDir;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

const TRACE: &str = "0123456789abcdef0123456789abcdef";

fn encrypted() -> DataDir {
    let (cert, key) = (file("tls/server.pem"), file("tls/server.key"));
    // The web door stays plain, so that the harness can ask whether the server is ready.
    DataDir::new(&[
        ("TLS_CERT", &cert),
        ("TLS_KEY", &key),
        ("TLS_HTTP", "false"),
    ])
}

#[test]
fn clients_that_trust_the_authority_are_served_and_others_turn_away() {
    let server = encrypted().start();
    let to = server.addresses();
    let otlp = format!("https://localhost:{}", to.otlp_http.port());
    let zipkin = format!("https://127.0.0.1:{}", to.zipkin.port());
    let import = |ca: &str| {
        let arguments = [
            "import",
            "--retry-for",
            "0",
            "--otlp-url",
            &otlp,
            "--zipkin-url",
            &zipkin,
            "--ca-file",
            &file(ca),
        ];
        let files = [
            file("zipkin/v2-single.json"),
            file("jaeger/ui-otlp-multi-out.json"),
        ];
        clew(
            &[&arguments.map(str::to_owned)[..], &files[..]].concat(),
            &[],
        )
    };
    let said = import("tls/ca.pem").good();
    assert!(said.starts_with("5 spans accepted"), "{said}");
    let complaint = import("tls/other-ca.pem").bad(1);
    assert!(complaint.contains("certificate"), "{complaint}");
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let server = encrypted().start();
    let otlp = format!("https://127.0.0.2:{}", server.addresses().otlp_http.port());
    let arguments = [
        "import",
        "--otlp-url",
        &otlp,
        "--ca-file",
        &file("tls/ca.pem"),
        &file("jaeger/ui-otlp-multi-out.json"),
    ];
    clew(&arguments, &[]).bad(1);
}

#[test]
fn grpc_speaks_http2_over_tls() {
    let server = encrypted().start();
    let address = format!("https://localhost:{}", server.addresses().otlp_grpc.port());
    let ca = Certificate::from_pem(std::fs::read(file("tls/ca.pem")).expect("a certificate"));
    let request =
        ExportTraceServiceRequest::decode(&batch("tls", TRACE)[..]).expect("our own batch");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let tls = ClientTlsConfig::new().ca_certificate(ca);
        let endpoint = Endpoint::new(address)
            .expect("an address")
            .tls_config(tls)
            .expect("a configuration");
        let channel = endpoint.connect().await.expect("connected");
        TraceServiceClient::new(channel)
            .export(request)
            .await
            .expect("taken");
    });
}

#[test]
fn plain_http_is_not_served_where_tls_is_on() {
    let server = encrypted().start();
    let answer = Connection::open(server.addresses().otlp_http)
        .and_then(|mut connection| connection.send("POST", "/v1/traces", &[], b"{}"));
    assert!(answer.is_err(), "{answer:?}");
}

#[test]
fn a_certificate_that_cannot_be_used_stops_the_start() {
    let check = |cert: &str, key: &str, expected: &str| {
        let arguments =
            ["serve", "--tls-cert", &file(cert), "--tls-key", &file(key)].map(str::to_owned);
        let complaint = clew(&arguments, &[]).bad(1);
        assert!(complaint.contains(expected), "{complaint}");
    };
    check("tls/none.pem", "tls/server.key", "cannot read");
    check("tls/server.key", "tls/server.key", "holds no certificate");
    check("tls/server.pem", "tls/ca.pem", "cannot read a private key");
}
