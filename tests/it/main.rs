//! End-to-end tests: the real `clew` binary, fed and asked over its real ports.
//!
//! Nothing here calls the server's code. What comes back is compared with what an independent reader finds in what was
//! sent ([`support::otlp`], [`support::otlp_json`], [`support::zipkin`]). Tests that take long are `#[ignore]`d; each says
//! how to run it.

mod admission;
mod archive;
mod auth;
mod cli;
mod config;
mod connections;
mod counts;
mod crash;
mod damage;
mod edge;
mod exhaustion;
mod flight;
mod frozen;
mod grpc;
mod measure;
mod open_data;
mod openapi;
mod openmetrics;
mod prompt;
mod purge;
mod remote_sampling;
mod replay;
mod retries;
mod sampling_trial;
mod sdk;
mod shutdown;
mod signals;
mod stored_sampling;
mod support;
mod tail_sampling;
mod tls;
mod transform;
mod zipkin;
