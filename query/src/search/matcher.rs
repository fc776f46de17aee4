//! A filter made ready to be evaluated: in the Parquet decoder for segments, on tables for the hot window and whole traces.
//!
//! Conditions on plain columns are one stage, conditions on attributes the next, so that the wide columns are decoded only
//! for rows that passed the first. In a segment the conditions are rewritten for its file ([`FileExprs`]): those on keys that
//! have columns read only these, and come before those that read maps, events and links.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute;
use arrow::datatypes::{Schema, TimestampNanosecondType};
use arrow::error::ArrowError;
use clew_storage::schema::{self, column};
use clew_storage::segment::SegmentTable;
use clew_storage::segment::attributes::TableColumns;
use clew_storage::span::earlier_start;
use clew_storage::{Segment, SpanBatch, TraceId};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::DataFusionError;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::simplifier::PhysicalExprSimplifier;
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_expr::{conjunction, split_conjunction};
use datafusion::physical_plan::PhysicalExpr;
use datafusion::prelude::{Expr, SessionContext};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicate, ArrowPredicateFn, ArrowReaderMetadata, ParquetRecordBatchReaderBuilder,
    RowFilter, RowSelection, RowSelector,
};

use crate::error::QueryError;
use crate::filter::{Filter, Prune, reads_attributes};
use crate::service::Budget;
use crate::table::attributes::FileExprs;
use crate::table::file::SegmentFile;

/// Rows decoded at a time.
const BATCH_ROWS: usize = 8_192;

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
struct Stage {
    /// Places in the schema of `spans`, or in that of a file, ascending.
    columns: Vec<usize>,
    expr: Arc<dyn PhysicalExpr>,
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

    /// Gives `visit` the columns `output` (ascending) of the rows that match and that `sample` picks, in the row groups `groups` of a segment;
    /// false when `budget` ended that.
    ///
    /// # Errors
    /// Those of `visit`, and when the segment cannot be read.
    pub(crate) fn visit_segment(
        &self,
        segment: &Arc<Segment>,
        groups: Range<usize>,
        output: &[usize],
        sample: Sample,
        budget: &Budget,
        mut visit: impl FnMut(&RecordBatch) -> Result<(), QueryError>,
    ) -> Result<bool, QueryError> {
        let metadata = segment.metadata(SegmentTable::Spans)?;
        let groups = self.row_groups(segment, &metadata, &groups);
        // Most segments hold nothing that a rare value matches, and their conditions need not be compiled for that.
        if groups.is_empty() {
            return Ok(!budget.over());
        }
        let layout = segment.attribute_layout()?;
        let exprs = FileExprs::new(Arc::clone(metadata.schema()), Arc::clone(&layout));
        let Some(stages) = self.stages_of_file(&metadata, &exprs)? else {
            return Ok(!budget.over());
        };
        let predicates = stages
            .iter()
            .map(|stage| stage.predicate(&metadata, budget));
        let predicates = RowFilter::new(predicates.collect());
        let columns = TableColumns::of_spans(&layout, output)?;
        let output = mask(&metadata, columns.in_file());
        let selection = sample.selection(groups.iter().map(|(_, rows)| rows.clone()));
        let file = SegmentFile::new(Arc::clone(segment), SegmentTable::Spans);
        let mut reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
            .with_batch_size(BATCH_ROWS)
            .with_row_groups(groups.into_iter().map(|(group, _)| group).collect())
            .with_projection(output)
            .with_row_filter(predicates);
        if let Some(selection) = selection {
            reader = reader.with_row_selection(selection);
        }
        for batch in reader.build()? {
            if budget.over() {
                return Ok(false);
            }
            visit(&columns.of(&batch?)?)?;
        }
        Ok(!budget.over())
    }

    /// Those of the row groups `among` of `segment` that may hold a match, and their rows.
    fn row_groups(
        &self,
        segment: &Segment,
        metadata: &ArrowReaderMetadata,
        among: &Range<usize>,
    ) -> Vec<(usize, Range<usize>)> {
        let mut end = 0;
        let groups = metadata.metadata().row_groups().iter().enumerate();
        let groups = groups.map(|(group, facts)| {
            let start = end;
            end += facts.num_rows() as usize;
            (group, start..end)
        });
        groups
            .filter(|(group, _)| among.contains(group) && self.may_match_group(segment, *group))
            .collect()
    }
}

/// Which rows are looked at: all, or one run of [`RUN_ROWS`] of every `every`, spread evenly over the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Of so many runs one is looked at; 1 is all.
    every: usize,
}

/// Rows that are looked at together: fewer cost as much to read, more are less alike all rows.
const RUN_ROWS: usize = 1_024;

impl Sample {
    /// All rows.
    pub(crate) const ALL: Self = Self { every: 1 };

    /// Few enough of `rows` rows that at most about `rows_max` are looked at.
    pub(crate) fn of(rows: u64, rows_max: u64) -> Self {
        let every = rows.div_ceil(rows_max.max(1)).max(1);
        Self {
            every: usize::try_from(every).unwrap_or(usize::MAX),
        }
    }

    /// How many rows each one that is looked at stands for.
    pub(crate) fn weight(self) -> u64 {
        self.every as u64
    }

    /// True when all rows are looked at.
    pub(crate) fn is_all(self) -> bool {
        self.every == 1
    }

    /// True for the run that row `row` of a segment or of the hot window is in.
    pub(crate) fn picks(self, row: usize) -> bool {
        (row / RUN_ROWS).is_multiple_of(self.every)
    }

    /// The rows of row groups that are looked at; `None` when that is all of them.
    fn selection(self, groups: impl Iterator<Item = Range<usize>>) -> Option<RowSelection> {
        let mut selectors = Vec::new();
        groups.for_each(|rows| self.select(rows, &mut selectors));
        (!self.is_all()).then(|| selectors.into())
    }

    fn select(self, rows: Range<usize>, selectors: &mut Vec<RowSelector>) {
        let mut row = rows.start;
        while row < rows.end {
            let end = ((row / RUN_ROWS + 1) * RUN_ROWS).min(rows.end);
            selectors.push(if self.picks(row) {
                RowSelector::select(end - row)
            } else {
                RowSelector::skip(end - row)
            });
            row = end;
        }
    }
}

/// Columns that hits are gathered from.
pub(crate) const HIT_COLUMNS: [usize; 2] = [column::TRACE_ID, column::START_TIME];

impl Matcher {
    /// The stages for a segment's file, cheapest first; `None` when no row of it can match.
    fn stages_of_file(
        &self,
        metadata: &ArrowReaderMetadata,
        exprs: &FileExprs,
    ) -> Result<Option<Vec<Stage>>, QueryError> {
        let file = metadata.schema();
        let simplifier = PhysicalExprSimplifier::new(file);
        // On plain columns, on columns of attributes, on anything that is nested.
        let mut sorts: [Vec<Arc<dyn PhysicalExpr>>; 3] = Default::default();
        for part in self
            .stages
            .iter()
            .flat_map(|stage| split_conjunction(&stage.expr))
        {
            let part = exprs
                .rewrite(Arc::clone(part))
                .and_then(|part| simplifier.simplify(part))
                .map_err(|error| not_compiled(&error))?;
            if let Some(constant) = part.downcast_ref::<Literal>() {
                if constant.value() == &ScalarValue::Boolean(Some(true)) {
                    continue;
                }
                return Ok(None);
            }
            let columns = collect_columns(&part);
            let nested = |column: &Column| file.field(column.index()).data_type().is_nested();
            let sort = if columns.iter().any(nested) {
                2
            } else {
                usize::from(columns.iter().any(|column| column.index() >= column::COUNT))
            };
            sorts[sort].push(part);
        }
        let stages = sorts
            .into_iter()
            .filter(|parts| !parts.is_empty())
            .map(|parts| Stage::of_file(conjunction(parts), file))
            .collect::<Result<_, _>>()?;
        Ok(Some(stages))
    }
}

fn not_compiled(error: &DataFusionError) -> QueryError {
    QueryError::internal(format!("a filter cannot be compiled: {error}"))
}

impl Stage {
    /// A stage over the columns of a file.
    fn of_file(expr: Arc<dyn PhysicalExpr>, file: &Schema) -> Result<Self, QueryError> {
        let columns: BTreeSet<usize> = collect_columns(&expr).iter().map(Column::index).collect();
        let columns: Vec<usize> = columns.into_iter().collect();
        let expr = reassign_expr_columns(expr, &file.project(&columns)?);
        Ok(Self {
            expr: expr.map_err(|error| not_compiled(&error))?,
            columns,
        })
    }

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

    fn evaluate(&self, table: &RecordBatch) -> Result<BooleanArray, ArrowError> {
        let value = self
            .expr
            .evaluate(table)
            .and_then(|value| value.into_array(table.num_rows()));
        let mask = value.map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
        let mask = mask.as_boolean();
        // Null is no match.
        Ok(if mask.null_count() > 0 {
            compute::prep_null_mask_filter(mask)
        } else {
            mask.clone()
        })
    }

    fn predicate(
        &self,
        metadata: &ArrowReaderMetadata,
        budget: &Budget,
    ) -> Box<dyn ArrowPredicate> {
        let (stage, budget) = (self.clone(), budget.clone());
        let evaluate = move |batch: RecordBatch| {
            if budget.over() {
                return Ok(BooleanArray::from(vec![false; batch.num_rows()]));
            }
            stage.evaluate(&batch)
        };
        Box::new(ArrowPredicateFn::new(
            mask(metadata, &self.columns),
            evaluate,
        ))
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

/// The columns `columns` of a segment's file. Those of the table, maps aside, stand where they stand in the table.
fn mask(metadata: &ArrowReaderMetadata, columns: &[usize]) -> ProjectionMask {
    ProjectionMask::roots(metadata.parquet_schema(), columns.iter().copied())
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
