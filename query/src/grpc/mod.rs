//! The gRPC door: Jaeger's query service and its interface for foreign storage, Flight SQL, health and reflection.
//!
//! | service | for |
//! |---|---|
//! | `jaeger.api_v3.QueryService` | programs that ask Jaeger |
//! | `jaeger.storage.v2.TraceReader`, `DependencyReader`, `Capabilities` | Jaeger itself, with Clew as its storage |
//! | `arrow.flight.protocol.FlightService` | SQL, see [`flight`](crate::flight) |
//! | `grpc.health.v1.Health`, `grpc.reflection.v1` and `v1alpha` | operators and tools |
//!
//! Both of Jaeger's services are thin: their [`params`] become the same [`SearchRequest`](crate::search::SearchRequest)
//! as over HTTP, and answers are read by the same code. Traces are sent in chunks that no client's limit of 4 MiB refuses
//! ([`chunks`]); a client that leaves ends the work ([`stream`]). What a message has no field for, why an answer is not
//! whole, stands in the header `x-clew-incomplete`.

mod api_v3;
mod capabilities;
mod chunks;
mod params;
pub mod proto;
pub(crate) mod status;
mod storage_v2;
mod stream;
mod traces;

use arrow_flight::flight_service_server::FlightServiceServer;
use axum::Router;
use axum::response::Response;
use futures::FutureExt;
use http::HeaderValue;
#[cfg(feature = "grpc-compression")]
use tonic::codec::CompressionEncoding::{Gzip, Zstd};
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::flight::FlightSql;
use crate::service::QueryService;
use proto::api_v3::query_service_server::QueryServiceServer;
use proto::storage::v2::capabilities_server::CapabilitiesServer;
use proto::storage::v2::dependency_reader_server::DependencyReaderServer;
use proto::storage::v2::trace_reader_server::TraceReaderServer;

const VALID: &str = "the descriptors are compiled in";

/// The services whose health can be asked for by name.
const SERVICES: [&str; 5] = [
    "arrow.flight.protocol.FlightService",
    "jaeger.api_v3.QueryService",
    "jaeger.storage.v2.TraceReader",
    "jaeger.storage.v2.DependencyReader",
    "jaeger.storage.v2.Capabilities",
];

/// The routes of the gRPC door. Cheap to clone.
#[derive(Clone)]
pub struct GrpcDoor {
    routes: Router,
    health: HealthReporter,
}

impl GrpcDoor {
    /// The door to `service`. Needs HTTP/2.
    ///
    /// # Panics
    /// Never: the descriptors of the services are compiled in.
    #[must_use]
    pub fn new(service: &QueryService) -> Self {
        let (health, health_service) = tonic_health::server::health_reporter();
        for name in SERVICES {
            health
                .set_service_status(name, ServingStatus::Serving)
                .now_or_never()
                .expect("nobody else has the reporter yet");
        }
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
                .register_encoded_file_descriptor_set(proto::FLIGHT_DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let max = service.limits().grpc_request_bytes_max;
        macro_rules! bounded {
            ($server:ident, $service:expr) => {{
                let server = $server::new($service).max_decoding_message_size(max);
                #[cfg(feature = "grpc-compression")]
                let server = server
                    .accept_compressed(Gzip)
                    .accept_compressed(Zstd)
                    .send_compressed(Gzip)
                    .send_compressed(Zstd);
                server
            }};
        }
        let query = api_v3::Api(service.clone());
        let storage = storage_v2::Storage(service.clone());
        let routes = Routes::new(health_service)
            .add_service(reflection().build_v1().expect(VALID))
            .add_service(reflection().build_v1alpha().expect(VALID))
            .add_service(bounded!(QueryServiceServer, query))
            .add_service(bounded!(TraceReaderServer, storage.clone()))
            .add_service(bounded!(DependencyReaderServer, storage))
            .add_service(bounded!(CapabilitiesServer, capabilities::Declared))
            .add_service(bounded!(
                FlightServiceServer,
                FlightSql::new(service.clone())
            ));
        Self {
            routes: routes
                .into_axum_router()
                .layer(axum::middleware::map_response(|response| {
                    std::future::ready(name_oversize(response))
                })),
            health,
        }
    }

    /// The routes. They have a fallback: other methods are `UNIMPLEMENTED`.
    pub fn router(&self) -> Router {
        self.routes.clone()
    }

    /// Tells health checks whether queries are answered. They are from the start; say no when a shutdown begins.
    pub async fn set_serving(&self, serving: bool) {
        let status = if serving {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        for name in SERVICES.into_iter().chain([""]) {
            self.health.set_service_status(name, status).await;
        }
    }
}

/// An oversized message is `OUT_OF_RANGE` to tonic, which clients may repeat for ever; gRPC's word is `RESOURCE_EXHAUSTED`.
fn name_oversize(mut response: Response) -> Response {
    const STATUS: &str = "grpc-status";
    let headers = response.headers_mut();
    if headers.get(STATUS).is_some_and(|status| status == "11") {
        headers.insert(STATUS, HeaderValue::from_static("8"));
    }
    response
}
