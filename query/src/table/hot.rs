//! The hot window's side of a table: batches are spread out into columns one by one, while the scan reads them.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use clew_storage::Snapshot;
use clew_storage::segment::SegmentTable;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::prelude::Expr;
use futures::stream;

/// A table over the hot window of a snapshot.
#[derive(Debug)]
pub(super) struct HotTable {
    snapshot: Snapshot,
    table: SegmentTable,
    schema: SchemaRef,
}

impl HotTable {
    /// The rows of `table` that are in the hot window of `snapshot`.
    pub(super) fn new(snapshot: Snapshot, table: SegmentTable) -> Self {
        let schema = table.schema();
        Self {
            snapshot,
            table,
            schema,
        }
    }
}

#[async_trait]
impl TableProvider for HotTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
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
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(projection) => Arc::new(self.schema.project(projection)?),
            None => Arc::clone(&self.schema),
        };
        let partitions = match self.table {
            SegmentTable::Spans => state
                .config()
                .target_partitions()
                .clamp(1, self.snapshot.hot().len().max(1)),
            SegmentTable::Traces => 1,
        };
        let partition = |index| -> Arc<dyn PartitionStream> {
            Arc::new(HotPartition {
                snapshot: self.snapshot.clone(),
                table: self.table,
                projection: projection.cloned(),
                schema: Arc::clone(&schema),
                index,
                partitions,
            })
        };
        let partitions = (0..partitions).map(partition).collect();
        Ok(Arc::new(StreamingTableExec::try_new(
            Arc::clone(&schema),
            partitions,
            None,
            [],
            false,
            limit,
        )?))
    }
}

/// Every `partitions`-th batch, from the `index`-th on.
#[derive(Debug)]
struct HotPartition {
    snapshot: Snapshot,
    table: SegmentTable,
    projection: Option<Vec<usize>>,
    schema: SchemaRef,
    index: usize,
    partitions: usize,
}

impl HotPartition {
    fn batch(&self, place: usize) -> Result<RecordBatch> {
        let table = match self.table {
            SegmentTable::Spans => self.snapshot.hot()[place].to_table(self.projection.as_deref()),
            SegmentTable::Traces => match &self.projection {
                Some(projection) => self.snapshot.hot_traces().project(projection)?,
                None => self.snapshot.hot_traces(),
            },
        };
        Ok(table)
    }
}

impl PartitionStream for HotPartition {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let partition = Self {
            snapshot: self.snapshot.clone(),
            projection: self.projection.clone(),
            schema: Arc::clone(&self.schema),
            ..*self
        };
        let batches = match self.table {
            SegmentTable::Spans => self.snapshot.hot().len(),
            SegmentTable::Traces => 1,
        };
        let places = (self.index..batches).step_by(self.partitions);
        let batches = stream::iter(places.map(move |place| partition.batch(place)));
        Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.schema),
            batches,
        ))
    }
}
