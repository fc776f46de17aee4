//! `span_metrics` and `service_edges`, counted from spans when they are asked for.
//!
//! A span counts as often as its weight says. Counts are rounded once, at the end. A span that ends before it starts took no time.
//! The columns are those of [`schema::span_metrics`] and [`schema::service_edges`]; the test below holds them to it.

use std::sync::Arc;

use clew_storage::schema;
use datafusion::common::{Result, ScalarValue};
use datafusion::functions::core::expr_fn::get_field;
use datafusion::functions::math::expr_fn::round;
use datafusion::functions_aggregate::expr_fn::{max, min, sum};
use datafusion::logical_expr::{
    ExprSchemable, LogicalPlan, LogicalPlanBuilder, ScalarUDF, cast, lit, when,
};
use datafusion::prelude::{Expr, col};

use crate::sql::functions::{histogram, time_bucket};

/// `span_metrics`: minute × service × name × kind × status.
pub(super) fn span_metrics(spans: LogicalPlanBuilder) -> Result<LogicalPlan> {
    let groups = vec![
        minute(),
        col("service_name"),
        col("name"),
        col("kind"),
        col("status_code"),
    ];
    counted(spans, groups, "count", &schema::span_metrics())
}

/// `service_edges`: minute × caller × callee × kind of connection. A call is a span whose parent belongs to another service.
pub(super) fn service_edges(tree: LogicalPlanBuilder) -> Result<LogicalPlan> {
    let messaging = col("kind")
        .eq(lit("consumer"))
        .or(col("parent_kind").eq(lit("producer")));
    let kind = when(messaging, lit("messaging")).otherwise(lit("rpc"))?;
    let groups = vec![
        minute(),
        col("parent_service_name").alias("caller"),
        col("service_name").alias("callee"),
        kind.alias("kind"),
    ];
    let calls = tree.filter(col("parent_service_name").not_eq(col("service_name")))?;
    counted(calls, groups, "call_count", &schema::service_edges())
}

fn minute() -> Expr {
    let width = ScalarValue::new_interval_mdn(0, 0, 60_000_000_000);
    let bucket = Arc::new(ScalarUDF::new_from_impl(time_bucket::TimeBucket::new()));
    bucket
        .call(vec![lit(width), col("start_time")])
        .alias("minute")
}

/// Counts, durations and histogram of each group, with the columns of `wanted`.
fn counted(
    spans: LogicalPlanBuilder,
    groups: Vec<Expr>,
    count: &str,
    wanted: &arrow::datatypes::Schema,
) -> Result<LogicalPlan> {
    let weight = || col("sample_weight");
    let took = when(col("duration_ns").lt(lit(0_i64)), lit(0_i64)).otherwise(col("duration_ns"))?;
    let erred = when(col("status_code").eq(lit("error")), weight()).otherwise(lit(0.0))?;
    let weighted = cast(took.clone(), arrow::datatypes::DataType::Float64) * weight();
    let names: Vec<Expr> = groups
        .iter()
        .map(|group| col(group.schema_name().to_string()))
        .collect();
    let aggregates = vec![
        sum(weight()).alias(count),
        sum(erred).alias("error_count"),
        sum(weighted).alias("duration_sum_ns"),
        min(took.clone()).alias("duration_min_ns"),
        max(took.clone()).alias("duration_max_ns"),
        histogram::histogram()
            .call(vec![took, weight()])
            .alias("histogram"),
    ];
    let counted = spans.aggregate(groups, aggregates)?;
    let part = |name: &str| get_field(col("histogram"), name).alias(format!("histogram_{name}"));
    let mut shown = names;
    shown.extend([round(vec![col(count)]).alias(count)]);
    shown.extend([round(vec![col("error_count")]).alias("error_count")]);
    shown.extend(["duration_sum_ns", "duration_min_ns", "duration_max_ns"].map(col));
    shown.extend(["scale", "zero_count", "offset", "counts"].map(part));
    let shown = counted.project(shown)?;
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

    use super::*;
    use crate::sql::tables::tree;

    fn scan(schema: arrow::datatypes::SchemaRef) -> LogicalPlanBuilder {
        let table = Arc::new(EmptyTable::new(schema));
        LogicalPlanBuilder::scan("t", provider_as_source(table), None).unwrap()
    }

    fn types(schema: &arrow::datatypes::Schema) -> Vec<(String, arrow::datatypes::DataType)> {
        let fields = schema.fields().iter();
        fields
            .map(|field| (field.name().clone(), field.data_type().clone()))
            .collect()
    }

    #[test]
    fn the_views_have_the_columns_of_the_schema() {
        let metrics = span_metrics(scan(schema::spans())).unwrap();
        assert_eq!(
            types(metrics.schema().as_arrow()),
            types(&schema::span_metrics())
        );
        let edges = service_edges(scan(tree::schema())).unwrap();
        assert_eq!(
            types(edges.schema().as_arrow()),
            types(&schema::service_edges())
        );
    }
}
