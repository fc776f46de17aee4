//! `span_attributes`: an attribute of a span, with all that its span has beside it.
//!
//! What `unnest(map_entries(attributes))` gives over `spans`, without a map ever being put together: a file has a column for each
//! frequent key, and the values in it become rows as they stand there, the key beside them.
//!
//! ```text
//!  attributes.http.route   attributes.user.id   attributes#0        key          value
//!  /cart                   null                 {cart.size: 3}  ─▶  http.route   /cart        row 0
//!  null                    u-17                 {}                  user.id      u-17         row 1
//!                                                                   cart.size    3            row 0
//! ```
//!
//! Conditions on the span are evaluated before ([`condition`]), once for a span; those on `key` alone choose the columns to read. So a list
//! of the values of one key reads one column. Rows come in no order.

mod condition;
mod entries;
mod file;
mod hot;
mod part;
mod scan;

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use clew_storage::{Snapshot, schema as stored};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, project_schema};
use datafusion::logical_expr::{TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::Expr;

use super::pass::PassExec;
use crate::table::ScanCount;
use condition::Condition;
use scan::{Scan, Turns};

/// Place of `key`.
const KEY: usize = 0;
/// Place of `value`.
const VALUE: usize = 1;
/// Place of the first column of the span; the others follow as in `spans`.
const SPAN: usize = 2;

/// Columns of the table.
pub(super) fn schema() -> SchemaRef {
    let own = [
        Field::new("key", DataType::Utf8View, false),
        Field::new("value", DataType::Utf8View, true),
    ];
    let spans = stored::spans();
    let of_span = spans.fields().iter().map(|field| field.as_ref().clone());
    Arc::new(Schema::new(
        own.into_iter().chain(of_span).collect::<Vec<_>>(),
    ))
}

/// The table.
#[derive(Debug)]
pub(super) struct SpanAttributes {
    snapshot: Snapshot,
    count: Arc<ScanCount>,
    schema: SchemaRef,
}

impl SpanAttributes {
    pub(super) fn new(snapshot: Snapshot, count: Arc<ScanCount>) -> Self {
        Self {
            snapshot,
            count,
            schema: schema(),
        }
    }
}

#[async_trait]
impl TableProvider for SpanAttributes {
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
        let support = |filter: &&Expr| {
            if condition::is_of_span(filter) {
                TableProviderFilterPushDown::Exact
            } else {
                TableProviderFilterPushDown::Inexact
            }
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let condition = Condition::new(state, filters)?;
        let turns = Turns::of(&self.snapshot, &condition.prune)?;
        self.count.note(turns.segments());
        let scan = Scan {
            condition,
            projection: projection.cloned().unwrap_or(all),
            schema: project_schema(&self.schema, projection)?,
            partitions: state.config().target_partitions(),
            turns,
        };
        Ok(Arc::new(PassExec::new(scan)))
    }
}
