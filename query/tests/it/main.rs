//! Integration tests: a real store in a temporary directory, asked through the HTTP routes.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should fail where it stands"
)]

mod answers;
mod cancel;
mod clew_api;
mod differential;
mod explain;
mod explore;
mod find;
mod formats;
mod hostile_sql;
mod jaeger_api;
mod jaeger_fixtures;
mod jaeger_grpc;
mod language;
mod large;
mod limits;
mod prepare;
mod questions;
mod sending;
mod slt;
mod span_attributes;
mod support;
