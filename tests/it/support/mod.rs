//! What all tests share: the server as a process, clients that share no code with it, and readers of the test data.

pub(crate) mod command;
pub(crate) mod corpus;
pub(crate) mod http;
pub(crate) mod json;
pub(crate) mod load;
pub(crate) mod otlp;
pub(crate) mod otlp_json;
pub(crate) mod query;
pub(crate) mod random;
pub(crate) mod send;
pub(crate) mod server;
pub(crate) mod span;
pub(crate) mod tar;
pub(crate) mod terminal;
pub(crate) mod zipkin;
