//! `events` and `links`: the lists of `spans`, a row for each of their entries.
//!
//! Conditions on the span's own columns reach the scan of `spans`, and only the list that the view is of is read.

use arrow::datatypes::DataType;
use datafusion::common::{Column, Result};
use datafusion::functions::core::expr_fn::get_field;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, try_cast};
use datafusion::prelude::{Expr, col};

/// What every row tells of its span.
fn of_span() -> Vec<Expr> {
    vec![
        col("trace_id"),
        col("span_id"),
        col("service_name"),
        col("name").alias("span_name"),
        col("kind").alias("span_kind"),
        col("start_time").alias("span_start_time"),
        col("sample_weight"),
    ]
}

fn own_columns() -> Vec<Expr> {
    let names = [
        "trace_id",
        "span_id",
        "service_name",
        "span_name",
        "span_kind",
        "span_start_time",
        "sample_weight",
    ];
    names.into_iter().map(col).collect()
}

/// Rows of the entries of the list `list`, whose fields become columns under the names given.
fn entries(spans: LogicalPlanBuilder, list: &str, columns: Vec<Expr>) -> Result<LogicalPlan> {
    let mut kept = of_span();
    kept.push(col(list).alias("entry"));
    let mut shown = own_columns();
    shown.extend(columns);
    spans
        .project(kept)?
        .unnest_column(Column::from_name("entry"))?
        .project(shown)?
        .build()
}

fn field(name: &str) -> Expr {
    get_field(col("entry"), name)
}

/// `events`.
pub(super) fn events(spans: LogicalPlanBuilder) -> Result<LogicalPlan> {
    let same = [
        "time",
        "name",
        "attributes",
        "attribute_types",
        "dropped_attributes_count",
    ];
    let columns = same.into_iter().map(|name| field(name).alias(name));
    entries(spans, "events", columns.collect())
}

/// `links`. An id that was sent with another length than it should have is null.
pub(super) fn links(spans: LogicalPlanBuilder) -> Result<LogicalPlan> {
    let id = |name, bytes| try_cast(field(name), DataType::FixedSizeBinary(bytes));
    let mut columns = vec![
        id("trace_id", 16).alias("linked_trace_id"),
        id("span_id", 8).alias("linked_span_id"),
        field("trace_state").alias("linked_trace_state"),
    ];
    let same = [
        "attributes",
        "attribute_types",
        "dropped_attributes_count",
        "flags",
    ];
    columns.extend(same.into_iter().map(|name| field(name).alias(name)));
    entries(spans, "links", columns)
}
