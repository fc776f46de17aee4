//! A filter made ready to be evaluated, on tables for the hot window and whole traces; [`super::file`] evaluates it in segments.
//!
//! Conditions on plain columns are one stage, conditions on attributes the next, so that the wide columns are made only where
//! something passed the first.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute;
use arrow::datatypes::TimestampNanosecondType;
use arrow::error::ArrowError;
use clew_storage::schema::{self, column};
use clew_storage::span::earlier_start;
use clew_storage::{Segment, SpanBatch, TraceId};
use datafusion::common::DFSchema;
use datafusion::error::DataFusionError;
use datafusion::physical_expr::split_conjunction;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::prelude::{Expr, SessionContext};

use crate::error::QueryError;
use crate::filter::{Filter, Prune, is_true, reads_attributes};

/// Compiles expressions. It has no tables, and making one takes longer than many a search.
static COMPILER: LazyLock<SessionContext> = LazyLock::new(SessionContext::new);

/// The spans of one trace that match, in one segment or batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Hit {
    /// Their trace.
    pub(crate) trace_id: TraceId,
    /// Earliest start among them, ns since the epoch, as sent.
    pub(crate) start_time: u64,
    /// How many they are.
    pub(crate) count: u32,
}

/// A filter, compiled.
pub(crate) struct Matcher {
    stages: Vec<Stage>,
    prune: Prune,
}

/// One expression and the columns that it reads.
#[derive(Clone)]
pub(super) struct Stage {
    /// Places in the schema of `spans`, or in that of a file, ascending.
    pub(super) columns: Vec<usize>,
    /// Speaks of these columns by their places among them.
    pub(super) expr: Arc<dyn PhysicalExpr>,
}

impl Matcher {
    /// Compiles `filter`.
    ///
    /// # Errors
    /// Never for a filter that its front end accepted.
    pub(crate) fn new(filter: &Filter) -> Result<Self, QueryError> {
        let conjuncts: Vec<Expr> = filter.conjuncts().into_iter().map(Filter::expr).collect();
        let prune = Prune::new(&conjuncts);
        let (wide, plain): (Vec<_>, Vec<_>) = conjuncts.into_iter().partition(is_wide);
        let stages = [plain, wide]
            .into_iter()
            .filter_map(datafusion::logical_expr::utils::conjunction)
            .map(Stage::new)
            .collect::<Result<_, _>>()?;
        Ok(Self { stages, prune })
    }

    /// False when no span of `segment` can match.
    pub(crate) fn may_match(&self, segment: &Segment) -> bool {
        self.prune.segment(segment)
    }

    /// False when no span in a row group of `segment` can match.
    pub(crate) fn may_match_group(&self, segment: &Segment, group: usize) -> bool {
        self.prune.row_group(segment, group)
    }

    /// Begins to read what [`Matcher::may_match_group`] reads of `groups`.
    pub(super) fn will_ask(&self, segment: &Segment, groups: &Range<usize>) {
        self.prune.will_ask(segment, groups);
    }

    /// Its conditions, all of which have to hold, over the columns of `spans`.
    pub(super) fn conditions(&self) -> impl Iterator<Item = &Arc<dyn PhysicalExpr>> {
        let stages = self.stages.iter();
        stages.flat_map(|stage| split_conjunction(&stage.expr))
    }

    /// True when every span matches.
    pub(crate) fn matches_all(&self) -> bool {
        self.stages.is_empty()
    }

    /// Which rows of `table`, with all columns of `spans`, match.
    pub(crate) fn matches(&self, table: &RecordBatch) -> Result<BooleanArray, QueryError> {
        let mut mask = BooleanArray::from(vec![true; table.num_rows()]);
        for stage in &self.stages {
            mask = compute::and(&mask, &stage.evaluate(&table.project(&stage.columns)?)?)?;
        }
        Ok(mask)
    }

    /// Gives `visit` the columns `output` of the rows of a batch of the hot window that match.
    ///
    /// # Errors
    /// Those of `visit`.
    pub(crate) fn visit_batch(
        &self,
        batch: &SpanBatch,
        output: &[usize],
        mut visit: impl FnMut(&RecordBatch) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let mut mask = BooleanArray::from(vec![true; batch.len()]);
        for stage in &self.stages {
            mask = compute::and(
                &mask,
                &stage.evaluate(&batch.to_table(Some(&stage.columns)))?,
            )?;
            if mask.true_count() == 0 {
                return Ok(());
            }
        }
        let output = batch.to_table(Some(output));
        visit(&compute::filter_record_batch(&output, &mask)?)
    }
}

/// Columns that hits are gathered from.
pub(crate) const HIT_COLUMNS: [usize; 2] = [column::TRACE_ID, column::START_TIME];

pub(super) fn not_compiled(error: &DataFusionError) -> QueryError {
    QueryError::internal(format!("a filter cannot be compiled: {error}"))
}

impl Stage {
    fn new(expr: Expr) -> Result<Self, QueryError> {
        let spans = schema::spans();
        let mut columns: Vec<usize> = expr
            .column_refs()
            .iter()
            .map(|column| spans.index_of(&column.name))
            .collect::<Result<_, _>>()?;
        columns.sort_unstable();
        let schema = spans.project(&columns)?;
        let compiled = DFSchema::try_from(schema)
            .and_then(|schema| COMPILER.create_physical_expr(expr, &schema))
            .map_err(|error| not_compiled(&error))?;
        Ok(Self {
            columns,
            expr: compiled,
        })
    }

    /// Which rows of a table with its columns meet it.
    pub(super) fn evaluate(&self, table: &RecordBatch) -> Result<BooleanArray, ArrowError> {
        let value = self
            .expr
            .evaluate(table)
            .and_then(|value| value.into_array(table.num_rows()));
        let mask = value.map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
        Ok(BooleanArray::new(is_true(mask.as_boolean()), None))
    }
}

/// True when the expression looks into attributes, events or links.
fn is_wide(expr: &Expr) -> bool {
    use datafusion::common::tree_node::TreeNode;
    expr.exists(|expr| {
        Ok(matches!(expr, Expr::ScalarFunction(call) if reads_attributes(call.name())))
    })
    .unwrap_or(true)
}

/// Adds up runs of rows of one trace, given [`HIT_COLUMNS`]. A trace's rows stand together in a segment, and mostly in a batch.
pub(crate) fn collect(rows: &RecordBatch, hits: &mut Vec<Hit>) {
    let ids = rows.column(0).as_fixed_size_binary();
    let starts = rows
        .column(1)
        .as_primitive::<TimestampNanosecondType>()
        .values();
    for (id, start) in ids.iter().zip(starts.iter()) {
        let (Some(trace_id), start) = (id.and_then(TraceId::from_bytes), *start as u64) else {
            continue;
        };
        match hits.last_mut() {
            Some(last) if last.trace_id == trace_id => {
                last.count += 1;
                last.start_time = earlier_start(last.start_time, start);
            }
            _ => hits.push(Hit {
                trace_id,
                start_time: start,
                count: 1,
            }),
        }
    }
}
