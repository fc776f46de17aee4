//! What drivers of a server share with the load generator: a connection that takes encoded requests.

pub mod client;
