//! Reading a segment's file column by column.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanBufferBuilder, RecordBatch, RecordBatchOptions, RecordBatchReader,
};
use arrow::buffer::BooleanBuffer;
use arrow::compute::concat_batches;
use arrow::datatypes::Schema;
use clew_storage::Segment;
use clew_storage::schema as stored;
use clew_storage::segment::SegmentTable;
use clew_storage::segment::attributes::{AttributeLayout, AttributeOwner};
use datafusion::common::{Result, exec_err};
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::physical_expr_adapter::PhysicalExprAdapterFactory;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::file::metadata::RowGroupMetaData;

use super::super::pass::{Out, failed};
use super::condition::{Condition, met};
use super::entries::Chunk;
use super::part::Part;
use super::scan::{Scan, column_of_spans};
use crate::table::SpanFiles;
use crate::table::file::SegmentFile;
use crate::table::footer::{has_values, leaves, mask, with_dictionaries};

/// Rows in which a condition is evaluated at a time.
const BATCH_ROWS: usize = 8_192;
/// Bytes of what is read of a chunk of spans at most, about, as the file has them before compression.
const CHUNK_BYTES: usize = 8 << 20;
/// Where fewer than one span in so many meets the condition, the decoder skips the others; it costs more than it saves where more do.
const FEW: usize = 128;

/// A segment's `spans`, ready to be read.
pub(super) struct File<'a> {
    scan: &'a Scan,
    segment: Arc<Segment>,
    metadata: ArrowReaderMetadata,
    /// The same file, with columns of keys read as dictionaries where they are.
    coded: ArrowReaderMetadata,
    condition: Option<Part>,
    spans: Part,
    /// Columns of the keys that are asked for, and then the maps that may have more of them, without a key.
    columns: Vec<(Option<String>, usize)>,
}

/// The spans of a row group that are asked for.
struct Rows {
    /// Which of all are read; all if `None`.
    selection: Option<RowSelection>,
    /// How many those are.
    count: usize,
    /// Which of those meet the condition; all if `None`.
    met: Option<BooleanBuffer>,
}

impl<'a> File<'a> {
    /// What `scan` reads of `segment`.
    ///
    /// # Errors
    /// When the segment's footer cannot be read.
    pub(super) fn new(scan: &'a Scan, segment: &Arc<Segment>) -> Result<Self> {
        let metadata = segment.metadata(SegmentTable::Spans).map_err(failed)?;
        let schema = metadata.schema();
        let adapter = SpanFiles.create(stored::spans(), Arc::clone(schema))?;
        let condition = scan.condition.of_span.as_ref().map(|condition| {
            let condition = adapter.rewrite(Arc::clone(condition))?;
            Part::of(vec![condition], schema)
        });
        let spans = scan.of_spans().map(column_of_spans);
        let spans = spans.map(|column| adapter.rewrite(column));
        let layout = segment.attribute_layout().map_err(failed)?;
        let columns = columns(&layout, &scan.condition)?;
        let coded = columns.iter().map(|(_, place)| *place);
        let coded: Vec<usize> = coded
            .filter(|place| has_values(&metadata, *place))
            .collect();
        Ok(Self {
            condition: condition.transpose()?,
            spans: Part::of(spans.collect::<Result<_>>()?, schema)?,
            coded: with_dictionaries(&metadata, &coded)?,
            columns,
            scan,
            segment: Arc::clone(segment),
            metadata,
        })
    }

    /// True when it is of `segment`.
    pub(super) fn is_of(&self, segment: &Arc<Segment>) -> bool {
        Arc::ptr_eq(&self.segment, segment)
    }

    /// Gives what the rows `selection` of row group `group` have, or all rows, to `send`; false when nobody wants more.
    ///
    /// # Errors
    /// When it cannot be read, or memory does not suffice.
    pub(super) fn group(
        &self,
        group: usize,
        selection: Option<RowSelection>,
        memory: &MemoryReservation,
        send: Out<'_>,
    ) -> Result<bool> {
        let Some(rows) = self.rows(group, selection)? else {
            return Ok(send(RecordBatch::new_empty(Arc::clone(&self.scan.schema))));
        };
        let step = self.chunk_rows(group);
        for start in (0..rows.count).step_by(step) {
            let range = start..rows.count.min(start + step);
            if !self.chunk(group, &rows, range, memory, send)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Gives what those of `rows` have that are in `range`.
    fn chunk(
        &self,
        group: usize,
        rows: &Rows,
        range: Range<usize>,
        memory: &MemoryReservation,
        send: Out<'_>,
    ) -> Result<bool> {
        let read = |metadata: &ArrowReaderMetadata, columns: &[usize]| {
            self.read(metadata, group, columns, rows, &range)
        };
        let of_spans = read(&self.metadata, &self.spans.columns)?;
        let spans_bytes = of_spans.get_array_memory_size();
        let met = rows.met.as_ref();
        let chunk = Chunk {
            scan: self.scan,
            spans: &self.spans.of_rows(&of_spans)?,
            wanted: met.map(|met| met.slice(range.start, range.len())),
        };
        for (key, place) in &self.columns {
            let read = read(&self.coded, &[*place])?;
            memory.try_resize(spans_bytes + read.get_array_memory_size())?;
            let column: &ArrayRef = read.column(0);
            let entries = match (key, column.as_map_opt()) {
                (Some(key), _) => chunk.of_column(key, column)?,
                (None, Some(map)) => chunk.of_map(map)?,
                (None, None) => {
                    return exec_err!("a segment is damaged: its attributes are no map");
                }
            };
            if !send(entries) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Rows of a chunk of row group `group`: so many that the spans and the largest column take no more than [`CHUNK_BYTES`], about.
    fn chunk_rows(&self, group: usize) -> usize {
        let metadata = self.metadata.metadata();
        let group = metadata.row_group(group);
        let bytes = |places: &[usize]| -> usize {
            let leaves = leaves(metadata, places);
            let bytes = leaves.map(|leaf| group.column(leaf).uncompressed_size());
            bytes.filter_map(|bytes| usize::try_from(bytes).ok()).sum()
        };
        let largest = self.columns.iter().map(|(_, place)| bytes(&[*place])).max();
        let bytes = bytes(&self.spans.columns) + largest.unwrap_or(0);
        let chunks = bytes.div_ceil(CHUNK_BYTES);
        let rows = rows_of(group).div_ceil(chunks.max(1));
        rows.clamp(1, self.scan.chunk_rows_max())
    }

    /// Those of the rows `selection` of row group `group`, or of all, that are asked for; `None` when none is.
    fn rows(&self, group: usize, selection: Option<RowSelection>) -> Result<Option<Rows>> {
        let selected = selection.as_ref().map(RowSelection::row_count);
        let all = rows_of(self.metadata.metadata().row_group(group));
        let mut rows = Rows {
            selection,
            count: selected.unwrap_or(all),
            met: None,
        };
        let Some(condition) = &self.condition else {
            return Ok((rows.count > 0).then_some(rows));
        };
        let met = self.met(condition, group, &rows)?;
        let count = met.count_set_bits();
        if count * FEW > rows.count {
            rows.met = Some(met);
            return Ok(Some(rows));
        }
        let of_read = RowSelection::from_boolean_buffer(met);
        let selection = match &rows.selection {
            Some(read) => read.and_then(&of_read),
            None => of_read,
        };
        rows.selection = Some(selection);
        rows.count = count;
        Ok((count > 0).then_some(rows))
    }

    /// Which of `rows` meet `condition`.
    fn met(&self, condition: &Part, group: usize, rows: &Rows) -> Result<BooleanBuffer> {
        let answers = |rows: &RecordBatch| met(&condition.of_rows(rows)?[0]);
        if condition.columns.is_empty() {
            return answers(&without_columns(rows.count)?);
        }
        let mut all = BooleanBufferBuilder::new(rows.count);
        let reader = self.reader(&self.metadata, group, &condition.columns, rows, BATCH_ROWS);
        for batch in reader.build()? {
            all.append_buffer(&answers(&batch?)?);
        }
        Ok(all.finish())
    }

    /// The columns `columns` of those of `rows` that are in `range`.
    fn read(
        &self,
        metadata: &ArrowReaderMetadata,
        group: usize,
        columns: &[usize],
        rows: &Rows,
        range: &Range<usize>,
    ) -> Result<RecordBatch> {
        if columns.is_empty() {
            return without_columns(range.len());
        }
        let reader = self.reader(metadata, group, columns, rows, range.len());
        let reader = reader.with_offset(range.start).with_limit(range.len());
        let reader = reader.build()?;
        let schema = RecordBatchReader::schema(&reader);
        let batches = reader.collect::<Result<Vec<_>, _>>()?;
        match batches.as_slice() {
            [batch] => Ok(batch.clone()),
            batches => Ok(concat_batches(&schema, batches)?),
        }
    }

    fn reader(
        &self,
        metadata: &ArrowReaderMetadata,
        group: usize,
        columns: &[usize],
        rows: &Rows,
        batch_rows: usize,
    ) -> ParquetRecordBatchReaderBuilder<SegmentFile> {
        let file = SegmentFile::new(Arc::clone(&self.segment), SegmentTable::Spans);
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone())
            .with_row_groups(vec![group])
            .with_projection(mask(metadata, columns))
            .with_batch_size(batch_rows);
        match &rows.selection {
            Some(selection) => reader.with_row_selection(selection.clone()),
            None => reader,
        }
    }
}

/// The columns of keys that `condition` asks for, and the maps, without a key; each with its place in the file.
fn columns(
    layout: &AttributeLayout,
    condition: &Condition,
) -> Result<Vec<(Option<String>, usize)>> {
    let places = layout.places(AttributeOwner::Span);
    let keys = &layout.owner(AttributeOwner::Span).columns;
    let admitted = condition.admits(keys.iter().map(|column| column.key.as_str()))?;
    let columns = keys.iter().map(|column| Some(column.key.clone()));
    let columns = columns.zip(places.clone()).zip(&admitted);
    let columns = columns.filter_map(|(column, admitted)| admitted.then_some(column));
    let maps = places.skip(keys.len()).map(|place| (None, place));
    Ok(columns.chain(maps).collect())
}

fn without_columns(rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let schema = Arc::new(Schema::empty());
    Ok(RecordBatch::try_new_with_options(
        schema,
        Vec::new(),
        &options,
    )?)
}

/// Rows of a row group; none if its footer is damaged, which a reader will tell.
fn rows_of(group: &RowGroupMetaData) -> usize {
    usize::try_from(group.num_rows()).unwrap_or(0)
}
