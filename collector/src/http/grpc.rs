//! OTLP/gRPC: `TraceService/Export`, health and reflection.
//!
//! The one unary method is read by hand rather than through tonic's codec: the memory of a message can so be leased while
//! it arrives and while it is decompressed, the payload goes to the wire decoder as it is, and each fault has the status
//! that OTLP asks for (tonic answers `OUT_OF_RANGE` to an oversized message, which exporters retry for ever).
//!
//! ```text
//!  body = flag (0 plain, 1 compressed as grpc-encoding says) length (4 bytes, big endian) message
//! ```

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use bytes::{Buf, Bytes};
use futures::FutureExt;
use http::{HeaderMap, HeaderValue, Request};
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::body::{self, GRPC_PREFIX_BYTES, Length};
use super::coding::Coding;
use super::status::{self, media_type};
use crate::decode::kind;
use crate::ingest::{self, Accepted, Ingest};
use crate::refusal::Refusal;

/// The service, as health and reflection name it.
pub(crate) const SERVICE: &str = "opentelemetry.proto.collector.trace.v1.TraceService";
const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const PROTOCOL: &str = "otlp_grpc";
const VALID: &str = "the descriptors are compiled in";
/// Files of the descriptor set that the service is made of.
const FILES: &str = "opentelemetry/proto/";

/// The routes, and what tells health checks whether the service takes spans.
pub(crate) fn router(ingest: Arc<Ingest>) -> (Router, HealthReporter) {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter
        .set_service_status(SERVICE, ServingStatus::Serving)
        .now_or_never()
        .expect("nobody else has the reporter yet");
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_file_descriptor_set(descriptors())
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let routes = Routes::new(health)
        .add_service(reflection().build_v1().expect(VALID))
        .add_service(reflection().build_v1alpha().expect(VALID));
    let export = Router::new().route(EXPORT, post(export)).with_state(ingest);
    (routes.into_axum_router().merge(export), reporter)
}

/// Descriptors of the trace service and what it needs, without the services that are not served here.
fn descriptors() -> FileDescriptorSet {
    let mut set = FileDescriptorSet::decode(opentelemetry_proto::DESCRIPTORS).expect(VALID);
    set.file.retain(|file| {
        let name = file.name();
        let needed = ["collector/trace/", "trace/", "common/", "resource/"];
        name.strip_prefix(FILES)
            .is_some_and(|name| needed.iter().any(|dir| name.starts_with(dir)))
    });
    set
}

async fn export(State(ingest): State<Arc<Ingest>>, request: Request<Body>) -> Response {
    let (head, mut body) = request.into_parts();
    let begun = ingest.begin(PROTOCOL);
    let result = accept(&ingest, &head.headers, &mut body).await;
    ingest.finish(&begun, &result);
    match result {
        Ok(accepted) => status::grpc_success(&accepted.rejected),
        Err(refusal) => {
            let mut response = status::grpc_failure(&refusal);
            if matches!(refusal, Refusal::Unsupported(_)) {
                let accepted = HeaderValue::from_static("identity,gzip,zstd,deflate");
                response
                    .headers_mut()
                    .insert("grpc-accept-encoding", accepted);
            }
            response
        }
    }
}

async fn accept(
    ingest: &Arc<Ingest>,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Accepted, Refusal> {
    if !media_type(headers).is_some_and(|media_type| media_type.starts_with("application/grpc")) {
        return Err(Refusal::Unsupported(
            "content-type has to be application/grpc".to_owned(),
        ));
    }
    let coding = Coding::from_header(headers.get("grpc-encoding")).ok_or_else(|| {
        Refusal::Unsupported("grpc-encoding has to be gzip, zstd, deflate or identity".to_owned())
    })?;
    let (body, lease) = body::read(ingest, headers, body, Length::GrpcPrefix).await?;
    let (message, compressed) = unframe(body, ingest.limits.body_bytes_max)?;
    let coding = match (compressed, coding) {
        (false, _) => Coding::Identity,
        (true, Coding::Identity) => {
            let message = "a gRPC message is compressed, but grpc-encoding does not say how";
            return Err(Refusal::Invalid(message.to_owned()));
        }
        (true, coding) => coding,
    };
    let kind = kind::OTLP_PROTOBUF;
    ingest
        .accept(ingest::Request {
            protocol: PROTOCOL,
            kind,
            coding,
            body: message,
            lease,
        })
        .await
}

/// The one message in `body`, and whether it is compressed.
fn unframe(mut body: Bytes, max: usize) -> Result<(Bytes, bool), Refusal> {
    if body.len() < GRPC_PREFIX_BYTES {
        return Err(Refusal::Invalid(
            "the request ends inside of a gRPC message's prefix".to_owned(),
        ));
    }
    let flag = body.get_u8();
    let length = body.get_u32() as usize;
    if length > max {
        return Err(Refusal::body_too_large(max));
    }
    if length != body.len() {
        let left = body.len();
        let message = format!("a gRPC message of {length} bytes is announced where {left} follow");
        return Err(Refusal::Invalid(message));
    }
    match flag {
        0 | 1 => Ok((body, flag == 1)),
        _ => Err(Refusal::Invalid(format!(
            "{flag} is not the flag of a gRPC message"
        ))),
    }
}
