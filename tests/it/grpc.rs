//! The gRPC door as tools see it: health by name, reflection, tokens and TLS.

use std::collections::BTreeSet;

use clew_query::proto::api_v3::GetServicesRequest;
use clew_query::proto::api_v3::query_service_client::QueryServiceClient;
use prost::Message;
use prost_types::FileDescriptorProto;
use tokio::runtime::Runtime;
use tonic::metadata::MetadataValue;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::support::command::file;
use crate::support::http;
use crate::support::load::batch;
use crate::support::server::{DataDir, Server};

const TRACE: &str = "0123456789abcdef0123456789abcdef";
const QUERY: &str = "query-query-query-query";
const INGEST: &str = "ingest-ingest-ingest-ingest";
const ADMIN: &str = "admin-admin-admin-admin";

/// What the door serves to clients, with a method of each.
const SERVICES: [(&str, &str); 5] = [
    ("arrow.flight.protocol.FlightService", "DoGet"),
    ("jaeger.api_v3.QueryService", "FindTraceSummaries"),
    ("jaeger.storage.v2.Capabilities", "GetCapabilities"),
    ("jaeger.storage.v2.DependencyReader", "GetDependencies"),
    ("jaeger.storage.v2.TraceReader", "FindTraceSummaries"),
];

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

async fn connect(server: &Server) -> Channel {
    let endpoint = Endpoint::new(format!("http://{}", server.addresses().grpc));
    let channel = endpoint.expect("an address").connect().await;
    channel.expect("connected")
}

/// `message` with a token, if there is one.
fn request<T>(message: T, token: Option<&str>) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(token) = token {
        let value = MetadataValue::try_from(format!("Bearer {token}")).expect("ASCII");
        request.metadata_mut().insert("authorization", value);
    }
    request
}

async fn health(channel: &Channel, service: &str) -> Result<ServingStatus, Status> {
    let asked = HealthCheckRequest {
        service: service.to_owned(),
    };
    let answer = HealthClient::new(channel.clone()).check(asked).await?;
    Ok(answer.into_inner().status())
}

async fn services(channel: &Channel, token: Option<&str>) -> Result<Vec<String>, Status> {
    let asked = request(GetServicesRequest {}, token);
    let answer = QueryServiceClient::new(channel.clone())
        .get_services(asked)
        .await?;
    Ok(answer.into_inner().services)
}

/// Asks the reflection of one version the same question; the answers differ in nothing but their Rust type.
macro_rules! reflect {
    ($version:ident, $channel:expr, $token:expr, $asked:expr) => {{
        use tonic_reflection::pb::$version::ServerReflectionRequest;
        use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
        use tonic_reflection::pb::$version::server_reflection_request::MessageRequest;
        use tonic_reflection::pb::$version::server_reflection_response::MessageResponse;
        let asked = ServerReflectionRequest {
            host: String::new(),
            message_request: Some($asked.map_or_else(
                || MessageRequest::ListServices(String::new()),
                |symbol: &str| MessageRequest::FileContainingSymbol(symbol.to_owned()),
            )),
        };
        let asked = request(futures::stream::iter([asked]), $token);
        let mut client = ServerReflectionClient::new($channel.clone());
        async {
            let mut answers = client.server_reflection_info(asked).await?.into_inner();
            let answer = answers.message().await?.expect("an answer");
            Ok::<_, Status>(match answer.message_response.expect("a message") {
                MessageResponse::ListServicesResponse(list) => Reflected::Services(
                    list.service
                        .into_iter()
                        .map(|service| service.name)
                        .collect(),
                ),
                MessageResponse::FileDescriptorResponse(files) => {
                    Reflected::Files(files.file_descriptor_proto)
                }
                other => panic!("{other:?}"),
            })
        }
        .await
    }};
}

#[derive(Debug)]
enum Reflected {
    Services(BTreeSet<String>),
    Files(Vec<Vec<u8>>),
}

/// Checks that reflection lists every service and knows the methods of each.
macro_rules! check_reflection {
    ($version:ident, $channel:expr, $token:expr) => {{
        let listed = reflect!($version, $channel, $token, None::<&str>).expect("a list");
        let Reflected::Services(listed) = listed else {
            panic!("{listed:?}")
        };
        for (service, method) in SERVICES
            .into_iter()
            .chain([("grpc.health.v1.Health", "Check")])
        {
            assert!(listed.contains(service), "{service} is not in {listed:?}");
            let described = reflect!($version, $channel, $token, Some(service)).expect("a file");
            let Reflected::Files(files) = described else {
                panic!("{described:?}")
            };
            let known = files.iter().any(|bytes| has_method(bytes, service, method));
            assert!(known, "{service}.{method}");
        }
    }};
}

fn has_method(file: &[u8], service: &str, method: &str) -> bool {
    let file = FileDescriptorProto::decode(file).expect("a descriptor");
    file.service.iter().any(|described| {
        let name = format!("{}.{}", file.package(), described.name());
        name == service && described.method.iter().any(|known| known.name() == method)
    })
}

fn send(server: &Server, token: &str) {
    let authorization = format!("Bearer {token}");
    let headers = [
        ("content-type", "application/x-protobuf"),
        ("authorization", authorization.as_str()),
    ];
    let to = server.addresses().otlp_http;
    let answer = http::request(to, "POST", "/v1/traces", &headers, &batch("shop", TRACE));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn tools_find_every_service_by_reflection_and_its_health() {
    let server = Server::start(&[]);
    send(&server, "");
    runtime().block_on(async {
        let channel = connect(&server).await;
        check_reflection!(v1, channel, None);
        check_reflection!(v1alpha, channel, None);
        for name in SERVICES.map(|(name, _)| name).into_iter().chain([""]) {
            let status = health(&channel, name).await.expect("a status");
            assert_eq!(status, ServingStatus::Serving, "{name}");
        }
        let unknown = health(&channel, "jaeger.api_v2.QueryService").await;
        assert_eq!(unknown.unwrap_err().code(), Code::NotFound);
        assert_eq!(services(&channel, None).await.unwrap(), ["shop"]);
    });
}

#[test]
fn the_door_wants_a_token_for_all_but_health() {
    let server = Server::start(&[
        ("AUTH_INGEST_TOKENS", INGEST),
        ("AUTH_QUERY_TOKENS", QUERY),
        ("AUTH_ADMIN_TOKENS", ADMIN),
    ]);
    send(&server, INGEST);
    runtime().block_on(async {
        let channel = connect(&server).await;
        for (token, code) in [
            (None, Code::Unauthenticated),
            (Some("garbage-garbage-garbage"), Code::Unauthenticated),
            (Some(INGEST), Code::PermissionDenied),
        ] {
            let refused = services(&channel, token).await.unwrap_err();
            assert_eq!(refused.code(), code, "{token:?}");
            let refused = reflect!(v1, channel, token, None::<&str>).unwrap_err();
            assert_eq!(refused.code(), code, "{token:?}");
        }
        for token in [QUERY, ADMIN] {
            assert_eq!(services(&channel, Some(token)).await.unwrap(), ["shop"]);
            check_reflection!(v1, channel, Some(token));
        }
        let status = health(&channel, "").await.expect("health is open");
        assert_eq!(status, ServingStatus::Serving);
    });
}

#[test]
fn the_door_speaks_tls_to_those_who_trust_its_certificate() {
    let (cert, key) = (file("tls/server.pem"), file("tls/server.key"));
    let data = DataDir::new(&[
        ("TLS_CERT", &cert),
        ("TLS_KEY", &key),
        ("TLS_HTTP", "false"),
        ("TLS_OTLP_HTTP", "false"),
    ]);
    let server = data.start();
    send(&server, "");
    let address = format!("https://localhost:{}", server.addresses().grpc.port());
    let connect = async |authority: &str| {
        let pem = std::fs::read(file(authority)).expect("a certificate");
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem));
        let endpoint = Endpoint::new(address.clone()).expect("an address");
        let endpoint = endpoint.tls_config(tls).expect("a configuration");
        endpoint.connect().await
    };
    runtime().block_on(async {
        let channel = connect("tls/ca.pem").await.expect("trusted");
        assert_eq!(services(&channel, None).await.unwrap(), ["shop"]);
        check_reflection!(v1, channel, None);
        assert_eq!(health(&channel, "").await.unwrap(), ServingStatus::Serving);
        assert!(connect("tls/other-ca.pem").await.is_err());
        let plain = Endpoint::new(format!("http://{}", server.addresses().grpc));
        let plain = plain.expect("an address").connect_lazy();
        assert!(services(&plain, None).await.is_err());
    });
}
