//! The receivers: every door by which spans come in, and the one path behind them.
//!
//! ```text
//!  OTLP gRPC ─┐
//!  OTLP HTTP ─┼▶ budget ▶ read, inflate ▶ claim ▶ decode ▶ head-sample ▶ Store::append ▶ reply
//!  Zipkin    ─┘
//! ```
//!
//! Invariants:
//! - this crate knows no ports, no tokens and no TLS: it hands out [`axum::Router`]s;
//! - it never reads what is stored, but for the traces that the store asks tail sampling about;
//! - nothing is acknowledged before the store says that it is durable;
//! - every bound is in [`limits`].

mod budget;
mod decode;
mod failure;
mod http;
mod ingest;
pub mod limits;
mod metrics;
mod otlp;
mod protobuf;
mod receivers;
mod refusal;
mod rejected;
mod sampling;
#[cfg(test)]
mod testing;
mod weigh;
mod zipkin;

pub use decode::{Decoder, Viewer, kind};
pub use failure::BodyError;
pub use http::cors::{cors, origin_is_allowed};
pub use limits::{Limits, PayloadLimits};
pub use metrics::describe as describe_metrics;
pub use receivers::Receivers;
pub use rejected::Rejected;
pub use sampling::{InvalidRule, Keep, Sampler, SamplingRule, remote, tail};
