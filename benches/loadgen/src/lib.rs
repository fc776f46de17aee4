//! What others share with the load generator: a connection that takes encoded requests, and the spans to send.

pub mod client;
pub mod jaeger;
pub mod rich;
pub mod stream;
