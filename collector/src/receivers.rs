//! The doors as the root package sees them.

use std::sync::Arc;

use axum::Router;
use clew_storage::Store;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::http::{grpc, otlp, zipkin};
use crate::ingest::Ingest;
use crate::limits::Limits;
use crate::sampling::Sampler;
use crate::sampling::remote::RemoteSampling;

/// All receivers of one store. Cheap to clone; clones share the budget of bytes in flight.
#[derive(Clone)]
pub struct Receivers {
    ingest: Arc<Ingest>,
    grpc: Router,
    health: HealthReporter,
}

impl Receivers {
    /// Receivers that put spans into `store`, within `limits`, as far as `sampler` keeps them. Their root spans are shown to `remote`.
    #[must_use]
    pub fn new(store: Store, limits: Limits, sampler: Sampler, remote: &RemoteSampling) -> Self {
        let ingest = Arc::new(Ingest::new(store, limits, sampler, remote.observer()));
        let (grpc, health) = grpc::router(Arc::clone(&ingest));
        Self {
            ingest,
            grpc,
            health,
        }
    }

    /// OTLP/gRPC: `TraceService/Export` (plain, gzip, zstd, deflate), `grpc.health.v1`, reflection. Needs HTTP/2. Has a
    /// fallback: other methods are `UNIMPLEMENTED`.
    pub fn otlp_grpc(&self) -> Router {
        self.grpc.clone()
    }

    /// OTLP/HTTP: `/v1/traces` in protobuf and JSON (plain, gzip, zstd, deflate); says that other signals are not taken.
    pub fn otlp_http(&self) -> Router {
        otlp::router(Arc::clone(&self.ingest))
    }

    /// Zipkin: `/api/v2/spans` in JSON and protobuf, `/api/v1/spans` in JSON and Thrift.
    pub fn zipkin(&self) -> Router {
        zipkin::router(Arc::clone(&self.ingest))
    }

    /// Tells gRPC health checks whether spans are taken. They are from the start; say no when a shutdown begins.
    pub async fn set_serving(&self, serving: bool) {
        let status = if serving {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        self.health.set_service_status(grpc::SERVICE, status).await;
        self.health.set_service_status("", status).await;
    }
}
