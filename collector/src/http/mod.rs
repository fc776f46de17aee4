//! The doors: HTTP in its three dialects, OTLP/gRPC, OTLP/HTTP and Zipkin.

mod body;
mod coding;
pub(crate) mod cors;
pub(crate) mod grpc;
pub(crate) mod otlp;
mod status;
pub(crate) mod zipkin;

pub(crate) use coding::{Coding, InflateError};
