//! The functions that statements may call: DataFusion's own, less those whose result grows with a number, with a guard
//! around those whose result can be many times their input ([`guard`]), and ours:
//!
//! - [`attribute_is`](crate::filter) and its like, for pruning;
//! - `hex`, `trace_id`, `span_id`, `is_root`: ids in and out ([`ids`]);
//! - `time_bucket`: the start of the interval that a time is in, with ranges that reach the scan ([`time_bucket`]);
//! - `histogram`, `histogram_merge`, `histogram_quantile`: exponential histograms ([`histogram`]);
//! - `percentile_cont`, which DataFusion has, for groups of many values ([`percentile`]).
//!
//! None of ours makes more than its input but histograms, which have at most 160 buckets.

mod guard;
pub(super) mod histogram;
mod ids;
mod percentile;
pub(super) mod time_bucket;

use std::sync::Arc;

use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

use crate::filter;
pub(super) use guard::ConcatPlanner;

/// The scalar functions, guarded at `bytes_max`.
pub(super) fn scalar(bytes_max: usize) -> Vec<Arc<ScalarUDF>> {
    let own = ids::functions().into_iter().chain([
        Arc::new(ScalarUDF::new_from_impl(time_bucket::TimeBucket::new())),
        Arc::new(ScalarUDF::new_from_impl(histogram::Quantile::new())),
    ]);
    guard::kept(bytes_max)
        .chain(filter::functions())
        .chain(own)
        .collect()
}

/// The aggregate functions.
pub(super) fn aggregate() -> Vec<Arc<AggregateUDF>> {
    let mut functions = SessionStateDefaults::default_aggregate_functions();
    functions.retain(|function| function.name() != "percentile_cont");
    functions.extend([
        histogram::histogram(),
        histogram::merge(),
        percentile::percentile_cont(),
    ]);
    functions
}
