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
//! What is told by one column of text is asked once for each value in its dictionary ([`ByValue`]), not for each row.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use clew_storage::Segment;
use clew_storage::segment::SegmentTable;
use clew_storage::segment::attributes::TableColumns;
use datafusion::common::ScalarValue;
use datafusion::physical_expr::conjunction;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::simplifier::PhysicalExprSimplifier;
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_plan::PhysicalExpr;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicate, ArrowPredicateFn, ArrowReaderMetadata, ArrowReaderOptions,
    ParquetRecordBatchReaderBuilder, RowFilter,
};
use parquet::basic::Encoding;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

use super::by_value::{self, ByValue};
use super::matcher::{Matcher, Stage, not_compiled};
use super::sample::Sample;
use crate::error::QueryError;
use crate::service::Budget;
use crate::table::attributes::FileExprs;
use crate::table::file::SegmentFile;

/// Rows decoded at a time.
const BATCH_ROWS: usize = 8_192;

/// A filter, made ready for one segment.
pub(super) struct FileFilter {
    segment: Arc<Segment>,
    metadata: ArrowReaderMetadata,
    /// In the order in which they are evaluated.
    stages: Vec<FileStage>,
    /// What is read of the rows that match.
    columns: TableColumns,
}

/// A stage, and how it is evaluated.
struct FileStage {
    stage: Stage,
    /// Once for each value of a dictionary.
    by_value: bool,
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
        let by_value = |stage: &Stage| match stage.columns[..] {
            [place] => !columns.in_file().contains(&place) && has_values(&metadata, place),
            _ => false,
        };
        let with_kind = |stage: Stage| FileStage {
            by_value: by_value(&stage),
            stage,
        };
        let mut stages: Vec<FileStage> = stages.into_iter().map(with_kind).collect();
        let file = metadata.schema();
        stages.sort_by_cached_key(|FileStage { stage, .. }| {
            let nested = |place: &usize| file.field(*place).data_type().is_nested();
            let nested = stage.columns.iter().any(nested);
            (nested, bytes(metadata.metadata(), &stage.columns))
        });
        let by_value = stages.iter().filter(|stage| stage.by_value);
        let by_value: Vec<usize> = by_value.map(|stage| stage.stage.columns[0]).collect();
        Ok(Some(Self {
            segment: Arc::clone(segment),
            metadata: with_dictionaries(metadata, &by_value)?,
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
        let stages = self.stages.iter();
        let predicates = stages.map(|stage| stage.predicate(&self.metadata, budget));
        let predicates = predicates.collect::<Result<_, _>>()?;
        let selection = sample.selection(groups.iter().map(|(_, rows)| rows.clone()));
        let file = SegmentFile::new(Arc::clone(&self.segment), SegmentTable::Spans);
        let mut reader =
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
                .with_batch_size(BATCH_ROWS)
                .with_row_groups(groups.into_iter().map(|(group, _)| group).collect())
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
        let mut rows: Box<dyn FnMut(&RecordBatch) -> _ + Send> = if self.by_value {
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

/// True when the column `place` is of text, and every page of it refers to a dictionary.
fn has_values(metadata: &ArrowReaderMetadata, place: usize) -> bool {
    let is_text = metadata.schema().field(place).data_type() == &DataType::Utf8View;
    let only_keys = |chunk: &ColumnChunkMetaData| {
        let encodings = chunk.page_encoding_stats_mask();
        chunk.dictionary_page_offset().is_some()
            && encodings.is_some_and(|mask| mask.is_only(Encoding::RLE_DICTIONARY))
    };
    is_text && chunks(metadata.metadata(), &[place]).all(only_keys)
}

/// Bytes of the columns `places` in the file.
fn bytes(metadata: &ParquetMetaData, places: &[usize]) -> i64 {
    let chunks = chunks(metadata, places);
    chunks.map(ColumnChunkMetaData::compressed_size).sum()
}

/// What the file has of the columns `places`.
fn chunks<'a>(
    metadata: &'a ParquetMetaData,
    places: &'a [usize],
) -> impl Iterator<Item = &'a ColumnChunkMetaData> {
    let schema = metadata.file_metadata().schema_descr();
    let leaves = (0..schema.num_columns())
        .filter(|leaf| places.contains(&schema.get_column_root_idx(*leaf)));
    leaves.flat_map(|leaf| {
        let groups = metadata.row_groups().iter();
        groups.map(move |group| group.column(leaf))
    })
}

/// The same file, with the columns `places` read as keys and dictionaries.
fn with_dictionaries(
    metadata: ArrowReaderMetadata,
    places: &[usize],
) -> Result<ArrowReaderMetadata, QueryError> {
    if places.is_empty() {
        return Ok(metadata);
    }
    let schema = metadata.schema();
    let fields = schema.fields().iter().enumerate().map(|(place, field)| {
        if !places.contains(&place) {
            return Arc::clone(field);
        }
        Arc::new(
            field
                .as_ref()
                .clone()
                .with_data_type(by_value::column_type()),
        )
    });
    let schema = Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone());
    let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
    Ok(ArrowReaderMetadata::try_new(
        Arc::clone(metadata.metadata()),
        options,
    )?)
}

/// The columns `columns` of a segment's file. Those of the table, maps aside, stand where they stand in the table.
fn mask(metadata: &ArrowReaderMetadata, columns: &[usize]) -> ProjectionMask {
    ProjectionMask::roots(metadata.parquet_schema(), columns.iter().copied())
}
