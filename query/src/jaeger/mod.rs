//! Jaeger's HTTP query API in both generations: [`legacy`] under `/api`, [`v3`] under `/api/v3`.
//!
//! Shapes, parameter names, units and error envelopes are Jaeger's. Where Jaeger is silent or approximate, searches are
//! exact: limits, newest first, all conditions on one span.

mod duration;
mod ids;
pub(crate) mod legacy;
pub(crate) mod v3;

pub(crate) use ids::trace_id;
pub(crate) use legacy::params::check_limit;
