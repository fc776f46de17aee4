//! Queries over the span store: trace assembly, search, SQL, and the HTTP APIs of Jaeger and of Clew.
//!
//! A request's way through this crate:
//!
//! ```text
//!  Jaeger legacy, Jaeger v3, Clew ──▶ Filter ──▶ search over segments and hot window ──▶ JSON, OTLP JSON, Arrow
//!  trace by id ─────────────────────────────────▶ Snapshot::trace ─────────────────────▶        "
//!  POST /api/sql ──▶ cage ──▶ DataFusion plan over the tables of one snapshot ─────────▶ JSON, NDJSON, CSV, Arrow
//! ```
//!
//! Invariants:
//! - a query reads one immutable [`Snapshot`](clew_storage::Snapshot) and nothing else; this crate never writes;
//! - segments are pruned by facts that may err on the side of reading, so pruning never changes an answer;
//! - conditions on whole traces, order and limits are applied after the parts of a trace are merged;
//! - SQL can neither change nor open anything: see [`sql`];
//! - every answer is bounded by [`QueryLimits`], and says when it is not whole;
//! - ports, tokens and TLS are not known here: [`router`] gives an [`axum::Router`].

mod catalogue;
mod clew;
mod counts;
mod coverage;
mod error;
mod filter;
mod flight;
mod grpc;
mod http;
mod jaeger;
mod language;
mod limits;
mod openapi;
mod prepare;
mod rows;
mod runs;
mod search;
mod ser;
mod service;
pub mod sql;
mod table;
#[cfg(test)]
mod testing;
mod trace;
mod turns;
mod vocabulary;
mod zipkin;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::any;
use serde_json::json;

pub use coverage::Coverage;
pub use error::QueryError;
pub use grpc::{GrpcDoor, proto};
pub use limits::{QueryLimits, SqlLimits};
pub use service::{QueryOptions, QueryService};
pub use zipkin::{ZipkinOptions, zipkin_router};

/// All routes of this crate: `/api/*`. A path below `/api/` that is none of them answers 404 in JSON.
pub fn router(service: QueryService) -> Router {
    Router::new()
        .merge(jaeger::legacy::router())
        .merge(jaeger::v3::router())
        .merge(clew::router())
        .merge(sql::router())
        .merge(openapi::router())
        .route("/api/{*rest}", any(unknown))
        .with_state(service)
}

async fn unknown() -> Response {
    let error = json!({"error": {
        "code": "not_found",
        "message": "there is no such call",
        "hint": null,
        "position": null,
    }});
    http::json::answer(StatusCode::NOT_FOUND, &error, false)
}
