//! A filter in the Parquet decoder of one segment's file.
//!
//! The conditions are rewritten for the file ([`FileExprs`]): those on keys that have columns read only these. They are taken one
//! after another, those on the same columns together, and each decodes its columns only where the ones before let rows pass:
//!
//! ```text
//!  service_name ──▶ name ──▶ attribute's column ──▶ duration_ns ──▶ residue map ──▶ trace_id, start_time of what matches
//!  fewest bytes first                                               nested last
//! ```
//!
//! What is told by one column of text is asked once for each value in its dictionary ([`ByValue`]), not for each row. Ranges of numbers that
//! would be decoded first are looked for in the bytes of the file ([`ByByte`]), and the decoder begins with the rows that they leave.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::datatypes::SchemaRef;
use clew_storage::Segment;
use clew_storage::segment::SegmentTable;
use clew_storage::segment::attributes::TableColumns;
use datafusion::common::ScalarValue;
use datafusion::physical_expr::conjunction;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::simplifier::PhysicalExprSimplifier;
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_plan::PhysicalExpr;
use parquet::arrow::arrow_reader::{
    ArrowPredicate, ArrowPredicateFn, ArrowReaderMetadata, ParquetRecordBatchReaderBuilder,
    RowFilter, RowSelector,
};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

use super::by_byte::{self, ByByte};
use super::by_value::ByValue;
use super::matcher::{Matcher, Stage, not_compiled};
use super::read_ahead::ReadAhead;
use super::sample::Sample;
use crate::error::QueryError;
use crate::service::Budget;
use crate::table::attributes::FileExprs;
use crate::table::file::SegmentFile;
use crate::table::footer::{chunks, has_values, leaves, mask, with_dictionaries};

/// Rows decoded at a time.
const BATCH_ROWS: usize = 8_192;
/// Rows in more places than this of each row group are in most of its pages.
const SCATTERED: usize = 32;

/// A filter, made ready for one segment.
pub(super) struct FileFilter {
    segment: Arc<Segment>,
    metadata: ArrowReaderMetadata,
    /// In the order in which they are evaluated.
    stages: Vec<FileStage>,
    /// What is read of the rows that match.
    columns: TableColumns,
}

/// Rows that are left of some row groups.
#[derive(Default)]
struct Left {
    /// Row groups of which some are.
    groups: Vec<usize>,
    /// The rows, counted from the first of the file.
    rows: Vec<Range<u32>>,
    /// The same as a selection among all rows of these row groups.
    selectors: Vec<RowSelector>,
}

impl Left {
    /// Adds what `selectors` select of row group `group`, whose first row is `first`.
    fn add(&mut self, group: usize, first: usize, selectors: Vec<RowSelector>) {
        let mut start = first;
        for selector in &selectors {
            let end = start + selector.row_count;
            if !selector.skip {
                self.rows.push(start as u32..end as u32);
            }
            start = end;
        }
        self.groups.push(group);
        self.selectors.extend(selectors);
    }
}

/// A stage, and how it is evaluated.
struct FileStage {
    stage: Stage,
    way: Way,
}

enum Way {
    /// For each row.
    Rows,
    /// Once for each value of a dictionary.
    Values,
    /// In the bytes of the file, if nothing comes before; else for each row.
    Bytes(ByByte),
}

impl FileFilter {
    /// For the rows of `segment` that match, and of them the columns `output` (ascending) of `spans`; `None` when no row of it can match.
    ///
    /// # Errors
    /// When the segment's footer cannot be read.
    pub(super) fn new(
        matcher: &Matcher,
        segment: &Arc<Segment>,
        output: &[usize],
    ) -> Result<Option<Self>, QueryError> {
        let metadata = segment.metadata(SegmentTable::Spans)?;
        let layout = segment.attribute_layout()?;
        let exprs = FileExprs::new(Arc::clone(metadata.schema()), Arc::clone(&layout));
        let Some(stages) = stages(matcher, metadata.schema(), &exprs)? else {
            return Ok(None);
        };
        let columns = TableColumns::of_spans(&layout, output)?;
        let way = |stage: &Stage| match stage.columns[..] {
            [place] if !columns.in_file().contains(&place) && has_values(&metadata, place) => {
                Way::Values
            }
            _ => ByByte::of(stage, metadata.metadata()).map_or(Way::Rows, Way::Bytes),
        };
        let with_way = |stage: Stage| FileStage {
            way: way(&stage),
            stage,
        };
        let mut stages: Vec<FileStage> = stages.into_iter().map(with_way).collect();
        let file = metadata.schema();
        stages.sort_by_cached_key(|FileStage { stage, .. }| {
            let nested = |place: &usize| file.field(*place).data_type().is_nested();
            let nested = stage.columns.iter().any(nested);
            (nested, bytes(metadata.metadata(), &stage.columns))
        });
        let by_value = stages
            .iter()
            .filter(|stage| matches!(stage.way, Way::Values));
        let by_value: Vec<usize> = by_value.map(|stage| stage.stage.columns[0]).collect();
        Ok(Some(Self {
            segment: Arc::clone(segment),
            metadata: with_dictionaries(&metadata, &by_value)?,
            stages,
            columns,
        }))
    }

    /// Gives `visit` the rows that match and that `sample` picks of the row groups `groups`, each with its rows; false when `budget` ended that.
    ///
    /// # Errors
    /// Those of `visit`, and when the segment cannot be read.
    pub(super) fn visit(
        &self,
        groups: Vec<(usize, Range<usize>)>,
        sample: Sample,
        budget: &Budget,
        mut visit: impl FnMut(&RecordBatch) -> Result<(), QueryError>,
    ) -> Result<bool, QueryError> {
        let ranges = self.ranges(sample);
        let (file, groups, selection) = if ranges.is_empty() {
            let selection = sample.selection(groups.iter().map(|(_, rows)| rows.clone()));
            let groups: Vec<usize> = groups.into_iter().map(|(group, _)| group).collect();
            let whole = if sample.is_all() {
                self.read_after(0)
            } else {
                &[]
            };
            (self.file(whole, &groups), groups, selection)
        } else {
            let left = self.in_ranges(&ranges, &groups, budget)?;
            let file = self.file_of_rows(self.read_after(ranges.len()), &left);
            (file, left.groups, Some(left.selectors.into()))
        };
        let stages = self.stages[ranges.len()..].iter();
        let predicates = stages.map(|stage| stage.predicate(&self.metadata, budget));
        let predicates = predicates.collect::<Result<_, _>>()?;
        let mut reader =
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
                .with_batch_size(BATCH_ROWS)
                .with_row_groups(groups)
                .with_projection(mask(&self.metadata, self.columns.in_file()))
                .with_row_filter(RowFilter::new(predicates));
        if let Some(selection) = selection {
            reader = reader.with_row_selection(selection);
        }
        for batch in reader.build()? {
            if budget.over() {
                return Ok(false);
            }
            visit(&self.columns.of(&batch?)?)?;
        }
        Ok(!budget.over())
    }

    /// The ranges that come before all other stages. A sample leaves them to the decoder, which skips what is not in it.
    fn ranges(&self, sample: Sample) -> Vec<&ByByte> {
        let ranges = self.stages.iter().map_while(|stage| match &stage.way {
            Way::Bytes(range) => Some(range),
            _ => None,
        });
        ranges.filter(|_| sample.is_all()).collect()
    }

    /// Columns that are read of the rows that the first `stages` let pass.
    fn read_after(&self, stages: usize) -> &[usize] {
        let next = self.stages.get(stages);
        next.map_or(self.columns.in_file(), |next| &next.stage.columns)
    }

    /// The file, with the columns `whole` of the row groups `groups` read from end to end.
    fn file(&self, whole: &[usize], groups: &[usize]) -> ReadAhead<SegmentFile> {
        let file = SegmentFile::new(Arc::clone(&self.segment), SegmentTable::Spans);
        let metadata = self.metadata.metadata();
        let chunks = |leaf| {
            let groups = groups.iter().map(|group| metadata.row_group(*group));
            groups.map(move |group| group.column(leaf))
        };
        ReadAhead::new(file, leaves(metadata, whole).map(chunks))
    }

    /// The file, of which the columns `columns` are read next in some rows.
    fn file_of_rows(&self, columns: &[usize], left: &Left) -> ReadAhead<SegmentFile> {
        if left.rows.len() > SCATTERED * left.groups.len() {
            return self.file(columns, &left.groups);
        }
        // Reading will tell what is wrong.
        let _ = self.segment.will_read_rows(&left.rows, columns);
        self.file(&[], &[])
    }

    /// What `ranges` leave of `groups`.
    fn in_ranges(
        &self,
        ranges: &[&ByByte],
        groups: &[(usize, Range<usize>)],
        budget: &Budget,
    ) -> Result<Left, QueryError> {
        let metadata = self.metadata.metadata();
        let all: Vec<usize> = groups.iter().map(|(group, _)| *group).collect();
        let file = Arc::new(self.file(self.read_after(0), &all));
        let mut left = Left::default();
        for (group, rows) in groups {
            if let Some(found) = by_byte::rows(ranges, &file, metadata, *group, || budget.over())? {
                left.add(*group, rows.start, found);
            }
        }
        Ok(left)
    }
}

/// The conditions of `matcher` over the columns of a file, those on the same columns as one stage; `None` when no row can match.
fn stages(
    matcher: &Matcher,
    file: &SchemaRef,
    exprs: &FileExprs,
) -> Result<Option<Vec<Stage>>, QueryError> {
    let simplifier = PhysicalExprSimplifier::new(file);
    let mut stages: BTreeMap<Vec<usize>, Vec<Arc<dyn PhysicalExpr>>> = BTreeMap::new();
    for condition in matcher.conditions() {
        let condition = exprs
            .rewrite(Arc::clone(condition))
            .and_then(|condition| simplifier.simplify(condition))
            .map_err(|error| not_compiled(&error))?;
        if let Some(constant) = condition.downcast_ref::<Literal>() {
            if constant.value() == &ScalarValue::Boolean(Some(true)) {
                continue;
            }
            return Ok(None);
        }
        let columns = collect_columns(&condition);
        let mut columns: Vec<usize> = columns.iter().map(Column::index).collect();
        columns.sort_unstable();
        columns.dedup();
        stages.entry(columns).or_default().push(condition);
    }
    let stages = stages.into_iter().map(|(columns, conditions)| {
        let expr = reassign_expr_columns(conjunction(conditions), &file.project(&columns)?);
        Ok(Stage {
            expr: expr.map_err(|error| not_compiled(&error))?,
            columns,
        })
    });
    stages.collect::<Result<_, _>>().map(Some)
}

impl FileStage {
    fn predicate(
        &self,
        metadata: &ArrowReaderMetadata,
        budget: &Budget,
    ) -> Result<Box<dyn ArrowPredicate>, QueryError> {
        let (stage, budget) = (self.stage.clone(), budget.clone());
        let mask = mask(metadata, &stage.columns);
        let mut rows: Box<dyn FnMut(&RecordBatch) -> _ + Send> = if matches!(self.way, Way::Values)
        {
            let mut stage = ByValue::new(stage)?;
            Box::new(move |table| stage.evaluate(table))
        } else {
            Box::new(move |table| stage.evaluate(table))
        };
        let rows = move |table: RecordBatch| {
            if budget.over() {
                return Ok(BooleanArray::from(vec![false; table.num_rows()]));
            }
            rows(&table)
        };
        Ok(Box::new(ArrowPredicateFn::new(mask, rows)))
    }
}

/// Bytes of the columns `places` in the file.
fn bytes(metadata: &ParquetMetaData, places: &[usize]) -> i64 {
    let chunks = chunks(metadata, places);
    chunks.map(ColumnChunkMetaData::compressed_size).sum()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clew_storage::env::Env;
    use clew_storage::span::{GroupFields, SpanFields};
    use clew_storage::{Limits, SpanBatch, SpanBatchBuilder, SpanId, TraceId};

    use super::super::matcher::HIT_COLUMNS;
    use super::*;
    use crate::filter::{Filter, TextField};
    use crate::testing;

    /// Spans of which each takes as many ns as its number says and starts as late.
    fn spans() -> SpanBatch {
        let mut builder = SpanBatchBuilder::new(1);
        let group = builder.push_group(&GroupFields::default());
        for n in 1..=500u64 {
            let span = SpanFields {
                trace_id: TraceId(u128::from(n).to_be_bytes()),
                span_id: SpanId(n.to_be_bytes()),
                name: if n.is_multiple_of(5) { "GET" } else { "POST" },
                start_time_unix_nano: n,
                end_time_unix_nano: 2 * n,
                ..SpanFields::default()
            };
            builder.push_span(group, &span, 1.0);
        }
        builder.finish()
    }

    fn took(min_ns: i64, max_ns: i64) -> Filter {
        let (min_ns, max_ns) = (Some(min_ns), Some(max_ns));
        Filter::Duration { min_ns, max_ns }
    }

    #[tokio::test]
    async fn ranges_of_numbers_are_looked_for_in_bytes_unless_texts_come_first() {
        let dir = tempfile::tempdir().unwrap();
        let store = testing::store(&dir, Limits::default(), [(spans(), true)]).await;
        let snapshot = store.snapshot();
        let segment = &snapshot.segments()[0];
        let budget = Budget::new(Env::system().clock, Duration::from_secs(1_000_000));
        // In bytes, by value and by row, and how many spans are found.
        let asked = |filter: Filter, sample: Sample| {
            let matcher = Matcher::new(&filter).unwrap();
            let filter = FileFilter::new(&matcher, segment, &HIT_COLUMNS).unwrap();
            let filter = filter.expect("some match");
            let ranges = filter.ranges(sample).len();
            let mut found = 0;
            let visit = |rows: &RecordBatch| {
                found += rows.num_rows();
                Ok(())
            };
            let groups = vec![(0, 0..500)];
            assert!(filter.visit(groups, sample, &budget, visit).unwrap());
            (ranges, filter.stages.len() - ranges, found)
        };
        let start = Filter::Start {
            min: Some(150),
            max: Some(301),
        };
        let name = Filter::Text(TextField::Name, "GET".to_owned());
        assert_eq!(asked(took(101, 200), Sample::ALL), (1, 0, 100));
        assert_eq!(asked(took(600, 700), Sample::ALL), (1, 0, 0));
        let both = Filter::All(vec![took(101, 200), start]);
        assert_eq!(asked(both.clone(), Sample::ALL), (2, 0, 51));
        let all = Filter::All(vec![both, name]);
        assert_eq!(asked(all, Sample::ALL), (0, 3, 11));
        assert_eq!(asked(took(101, 200), Sample::of(500, 499)), (0, 1, 100));
    }
}
