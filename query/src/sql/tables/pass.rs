//! A leaf of a plan whose rows are made by threads that may block on file reads.

use std::fmt::{self, Debug, Display};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::{
    Boundedness, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties,
};

/// Batches that may wait for the operator above.
const BATCHES_WAITING: usize = 2;

/// Takes rows, any number of them; false when nobody wants more.
pub(super) type Out<'a> = &'a mut dyn FnMut(RecordBatch) -> bool;

/// An error of the store or of this crate as one of a plan.
pub(super) fn failed(error: impl std::error::Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// What makes the rows. Its text says in a plan what is read.
pub(super) trait Pass: Debug + Display + Send + Sync + 'static {
    /// Name of the operator in a plan.
    const NAME: &'static str;

    /// Columns of what is given.
    fn schema(&self) -> &SchemaRef;

    /// In how many partitions it is given.
    fn partitions(&self) -> usize;

    /// The same pass, at its beginning.
    fn again(&self) -> Self;

    /// Gives the rows of a partition to `send`, until it says that nobody wants more. Runs once for each partition.
    ///
    /// # Errors
    /// When a file cannot be read, or `memory` does not suffice.
    fn run(&self, partition: usize, memory: MemoryReservation, send: Out<'_>) -> Result<()>;
}

/// The operator.
#[derive(Debug)]
pub(super) struct PassExec<P> {
    pass: Arc<P>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl<P: Pass> PassExec<P> {
    pub(super) fn new(pass: P) -> Self {
        Self::with_orderings(pass, [])
    }

    /// One that says that its rows are in these orders.
    pub(super) fn with_orderings(
        pass: P,
        orderings: impl IntoIterator<Item = [PhysicalSortExpr; 1]>,
    ) -> Self {
        let schema = Arc::clone(pass.schema());
        let properties = PlanProperties::new(
            EquivalenceProperties::new_with_orderings(schema, orderings),
            Partitioning::UnknownPartitioning(pass.partitions()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            pass: Arc::new(pass),
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    pub(super) fn pass(&self) -> &P {
        &self.pass
    }
}

impl<P: Pass> DisplayAs for PassExec<P> {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", P::NAME, self.pass)
    }
}

impl<P: Pass> ExecutionPlan for PassExec<P> {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self {
            pass: Arc::new(self.pass.again()),
            properties: Arc::clone(&self.properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let schema = Arc::clone(self.pass.schema());
        let mut builder = RecordBatchReceiverStream::builder(schema, BATCHES_WAITING);
        let sender = builder.tx();
        let pass = Arc::clone(&self.pass);
        let memory = MemoryConsumer::new(P::NAME).register(context.memory_pool());
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let batch_rows = context.session_config().batch_size();
        builder.spawn_blocking(move || {
            let mut send = |batch: RecordBatch| {
                for first in (0..batch.num_rows()).step_by(batch_rows) {
                    let rows = batch_rows.min(batch.num_rows() - first);
                    metrics.record_output(rows);
                    if sender.blocking_send(Ok(batch.slice(first, rows))).is_err() {
                        return false;
                    }
                }
                !sender.is_closed()
            };
            pass.run(partition, memory, &mut send)
        });
        Ok(builder.build())
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
