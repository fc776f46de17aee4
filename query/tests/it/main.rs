//! Integration tests: a real store in a temporary directory, asked through the HTTP routes.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should fail where it stands"
)]

mod answers;
mod clew_api;
mod jaeger_api;
mod jaeger_fixtures;
mod language;
mod slt;
mod support;
