//! `span_tree`: every span with its place in its whole trace, and with its parent beside it.
//!
//! In a segment a trace's spans stand together in the order of their tree, so most traces pass through in one go. Those that lie in
//! several segments or in the hot window are put together first, by the store's own rule ([`clew_storage::tree`]); spans
//! that are the same in every column read here count once. So a trace has the same rows wherever its spans lie.
//!
//! Conditions on trace ids, start, service and name choose the segments to read; of those, and of the hot window, every trace comes
//! out whole. What is put together is charged to the statement's memory.

mod place;
mod scan;
mod spread;

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use clew_storage::schema::{self as stored, column};
use clew_storage::{Snapshot, TraceId};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, ScalarValue, project_schema};
use datafusion::logical_expr::{
    BinaryExpr, Operator, TableProviderFilterPushDown, TableType, expr::InList,
};
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::Expr;

use super::pass::{Pass, PassExec};
use crate::filter::Prune;
use crate::table::ScanCount;
use scan::{Scan, Shared};

/// Columns of `spans` that are read, in table order.
const INPUT: [usize; 13] = [
    column::TRACE_ID,
    column::SPAN_ID,
    column::PARENT_SPAN_ID,
    column::NAME,
    column::KIND,
    column::START_TIME,
    column::DURATION_NS,
    column::STATUS_CODE,
    column::SAMPLE_WEIGHT,
    column::SERVICE_NAME,
    column::DEPTH,
    column::PARENT_OFFSET,
    column::SUBTREE_SIZE,
];

/// Columns of the table.
pub(super) fn schema() -> SchemaRef {
    let spans = stored::spans();
    let own = |name: &str| spans.field_with_name(name).cloned();
    let of_parent = |name: &str| {
        own(name).map(|field| {
            field
                .with_name(format!("parent_{name}"))
                .with_nullable(true)
        })
    };
    let of_root = |name: &str| own(name).map(|field| field.with_name(format!("root_{name}")));
    let number = |name: &str| Ok(Field::new(name, DataType::Int32, false));
    let truth = |name: &str| Ok(Field::new(name, DataType::Boolean, false));
    let fields = [
        own("trace_id"),
        own("span_id"),
        own("parent_span_id"),
        own("service_name"),
        own("name"),
        own("kind"),
        own("start_time"),
        own("duration_ns"),
        own("status_code"),
        own("sample_weight"),
        number("depth"),
        truth("is_root"),
        truth("is_orphan"),
        number("child_count"),
        number("subtree_size"),
        Ok(Field::new("self_time_ns", DataType::Int64, false)),
        of_parent("service_name"),
        of_parent("name"),
        of_parent("kind"),
        of_parent("start_time"),
        of_parent("duration_ns"),
        of_parent("status_code"),
        of_root("service_name"),
        of_root("name"),
    ];
    // Every name above is one of the schema's: a test reads them all.
    let fields: Vec<Field> = fields.into_iter().flatten().collect();
    Arc::new(Schema::new(fields))
}

/// The table.
#[derive(Debug)]
pub(super) struct SpanTree {
    snapshot: Snapshot,
    count: Arc<ScanCount>,
    schema: SchemaRef,
}

impl SpanTree {
    pub(super) fn new(snapshot: Snapshot, count: Arc<ScanCount>) -> Self {
        Self {
            snapshot,
            count,
            schema: schema(),
        }
    }
}

#[async_trait]
impl TableProvider for SpanTree {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let ids = filters.iter().find_map(trace_ids);
        let prune = Prune::new(filters);
        let segments = self.snapshot.segments().iter();
        let segments: Vec<_> = segments
            .filter(|segment| prune.segment(segment))
            .cloned()
            .collect();
        self.count.note(segments.len());
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let scan = Scan {
            snapshot: self.snapshot.clone(),
            segments,
            partitions: if ids.is_some() {
                1
            } else {
                state.config().target_partitions()
            },
            ids,
            projection: projection.cloned().unwrap_or(all),
            schema: project_schema(&self.schema, projection)?,
            shared: Shared::default(),
        };
        Ok(Arc::new(PassExec::new(scan)))
    }
}

/// The traces that a condition names; `None` when it is another condition.
fn trace_ids(filter: &Expr) -> Option<Vec<TraceId>> {
    let is_id = |expr: &Expr| matches!(expr, Expr::Column(column) if column.name == "trace_id");
    let id = |expr: &Expr| match expr {
        Expr::Literal(ScalarValue::FixedSizeBinary(16, Some(bytes)), _) => {
            TraceId::from_bytes(bytes)
        }
        _ => None,
    };
    match filter {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::Eq,
            right,
        }) if is_id(left) => Some(vec![id(right)?]),
        Expr::InList(InList {
            expr,
            list,
            negated: false,
        }) if is_id(expr) => list.iter().map(id).collect(),
        _ => None,
    }
}

/// `plan`, if it is a scan of the table that gives trace ids, as one that says that it is in the order of these. It is not: the spans of a trace stand
/// together, in one partition. It shares nothing with `plan`, and one of them alone may run.
pub(in crate::sql) fn traces_together(
    plan: &Arc<dyn ExecutionPlan>,
) -> Option<Arc<dyn ExecutionPlan>> {
    let tree = plan.downcast_ref::<PassExec<Scan>>()?.pass();
    let column = Column::new_with_schema("trace_id", tree.schema()).ok()?;
    let by_trace = [PhysicalSortExpr::new_default(Arc::new(column))];
    let together = PassExec::with_orderings(tree.again(), [by_trace]);
    Some(Arc::new(together))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_has_all_its_columns() {
        assert_eq!(schema().fields().len(), 24);
    }
}
