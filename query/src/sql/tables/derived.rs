//! `span_metrics` and `service_edges`: the rows of [`super::counts`], those of one key together.
//!
//! Counts are sums of weights, rounded once, here. The columns are those of [`schema::span_metrics`] and [`schema::service_edges`]; the test
//! below holds them to it.

use std::sync::Arc;

use arrow::datatypes::Schema;
use clew_storage::schema;
use datafusion::common::Result;
use datafusion::functions::core::expr_fn::get_field;
use datafusion::functions::math::expr_fn::round;
use datafusion::functions_aggregate::expr_fn::{max, min, sum};
use datafusion::logical_expr::{ExprSchemable, LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::{Expr, col};

use crate::sql::functions::histogram;

/// `span_metrics`: minute × service × name × kind × status.
pub(super) fn span_metrics(counts: LogicalPlanBuilder) -> Result<LogicalPlan> {
    let keys = ["minute", "service_name", "name", "kind", "status_code"];
    merged(counts, &keys, "count", &schema::span_metrics())
}

/// `service_edges`: minute × caller × callee × kind of call.
pub(super) fn service_edges(counts: LogicalPlanBuilder) -> Result<LogicalPlan> {
    let keys = ["minute", "caller", "callee", "kind"];
    merged(counts, &keys, "call_count", &schema::service_edges())
}

/// Counts, durations and histogram of each key, with the columns of `wanted`.
fn merged(
    counts: LogicalPlanBuilder,
    keys: &[&str],
    count: &str,
    wanted: &Schema,
) -> Result<LogicalPlan> {
    let parts = ["scale", "zero_count", "offset", "counts"];
    let of_parts = parts.map(|part| col(format!("histogram_{part}")));
    let aggregates = vec![
        sum(col(count)).alias(count),
        sum(col("error_count")).alias("error_count"),
        sum(col("duration_sum_ns")).alias("duration_sum_ns"),
        min(col("duration_min_ns")).alias("duration_min_ns"),
        max(col("duration_max_ns")).alias("duration_max_ns"),
        histogram::merge_unrounded()
            .call(of_parts.to_vec())
            .alias("histogram"),
    ];
    let keys: Vec<Expr> = keys.iter().map(|key| col(*key)).collect();
    let merged = counts.aggregate(keys.clone(), aggregates)?;
    let part = |name: &str| get_field(col("histogram"), name).alias(format!("histogram_{name}"));
    let mut shown = keys;
    shown.extend([count, "error_count"].map(|name| round(vec![col(name)]).alias(name)));
    shown.extend(["duration_sum_ns", "duration_min_ns", "duration_max_ns"].map(col));
    shown.extend(parts.map(part));
    let shown = merged.project(shown)?;
    let input = Arc::clone(shown.schema());
    let cast = wanted.fields().iter().map(|field| {
        let column = col(field.name());
        Ok(column
            .cast_to(field.data_type(), &input)?
            .alias(field.name()))
    });
    let cast = cast.collect::<Result<Vec<_>>>()?;
    shown.project(cast)?.build()
}

#[cfg(test)]
mod tests {
    use datafusion::datasource::empty::EmptyTable;
    use datafusion::datasource::provider_as_source;

    use clew_storage::derived::DerivedTable;

    use super::*;

    fn scan(schema: arrow::datatypes::SchemaRef) -> LogicalPlanBuilder {
        let table = Arc::new(EmptyTable::new(schema));
        LogicalPlanBuilder::scan("t", provider_as_source(table), None).unwrap()
    }

    fn types(schema: &Schema) -> Vec<(String, arrow::datatypes::DataType)> {
        let fields = schema.fields().iter();
        fields
            .map(|field| (field.name().clone(), field.data_type().clone()))
            .collect()
    }

    #[test]
    fn the_views_have_the_columns_of_the_schema() {
        let metrics = span_metrics(scan(DerivedTable::SpanMetrics.schema())).unwrap();
        assert_eq!(
            types(metrics.schema().as_arrow()),
            types(&schema::span_metrics())
        );
        let edges = service_edges(scan(DerivedTable::ServiceEdges.schema())).unwrap();
        assert_eq!(
            types(edges.schema().as_arrow()),
            types(&schema::service_edges())
        );
    }
}
