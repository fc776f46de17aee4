//! Reading rows from one of a segment's Parquet files.

use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{AsArray, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{concat_batches, is_not_null};
use arrow::error::ArrowError;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
    RowSelector,
};
use parquet::basic::Type;
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use parquet::file::reader::{ChunkReader, Length};

use super::ahead;
use super::attributes::{AttributeLayout, TableColumns};
use super::file::FileReader;
use super::properties::{FORMAT_KEY, REPEATED_IDS_KEY, TABLE_KEY};
use super::{SegmentTable, unknown_format};
use crate::error::StoreError;
use crate::schema::column;

/// Rows decoded at a time.
const BATCH_ROWS: usize = 8192;
/// Bytes that the disk is told of before they are read; of more, the first could be gone again.
const AHEAD_BYTES_MAX: u64 = 16 << 20;

/// A Parquet file whose reads are checked. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct TableFile {
    file: Arc<FileReader>,
    blocks: Arc<Vec<u32>>,
    /// The first read that failed: Parquet's and Arrow's errors would keep only its text.
    failed: Arc<Mutex<Option<StoreError>>>,
}

impl TableFile {
    pub(super) fn new(file: FileReader, blocks: Arc<Vec<u32>>) -> Self {
        Self {
            file: Arc::new(file),
            blocks,
            failed: Arc::default(),
        }
    }

    pub(super) fn read(&self, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.file.read_checked(range, &self.blocks)
    }

    pub(super) fn will_read(&self, range: Range<u64>) {
        self.file.file.will_read(range);
    }

    /// Begins to read what `rows` have in the columns of `mask`.
    pub(super) fn will_read_rows(
        &self,
        metadata: &ArrowReaderMetadata,
        rows: &[Range<u32>],
        mask: &ProjectionMask,
    ) {
        let pages = ahead::pages(metadata.metadata(), rows, mask);
        if pages.iter().map(|page| page.end - page.start).sum::<u64>() <= AHEAD_BYTES_MAX {
            for page in pages {
                self.will_read(page);
            }
        }
    }

    /// The footer, if it is one of `table`.
    pub(super) fn footer(&self, table: SegmentTable) -> Result<Footer, StoreError> {
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
        let metadata =
            ArrowReaderMetadata::load(self, options).map_err(|error| self.error(&error))?;
        match layout_of(&metadata, table) {
            Ok(layout) => Ok(Footer {
                layout: Arc::new(layout),
                repeats_span_ids: entry(&metadata, REPEATED_IDS_KEY) != "false",
                metadata,
            }),
            Err(message) => Err(self.file.corrupt(message)),
        }
    }

    /// The rows `rows` with the columns `projection`, all if `None`. The ranges are in order and apart.
    pub(super) fn read_rows(
        &self,
        footer: &Footer,
        table: SegmentTable,
        rows: &[Range<u32>],
        projection: Option<&[usize]>,
    ) -> Result<RecordBatch, StoreError> {
        self.check_rows(footer, rows)?;
        let read = self.decode(footer, rows, table, projection);
        read.map_err(|error| self.error(&error))
    }

    /// Whether each of the rows `rows` of `spans` names a parent.
    pub(super) fn has_parents(
        &self,
        footer: &Footer,
        rows: Range<u32>,
    ) -> Result<BooleanArray, StoreError> {
        self.check_rows(footer, std::slice::from_ref(&rows))?;
        let place = [column::PARENT_SPAN_ID];
        let read = self.decode_columns(&footer.metadata, &[rows], &place);
        let read = read.map_err(|error| self.error(&error))?;
        let has_parents = if footer.layout.joined_ids() {
            read.column(0).as_boolean_opt().cloned()
        } else {
            is_not_null(read.column(0)).ok()
        };
        has_parents.ok_or_else(|| self.file.corrupt("has no column of parents".to_owned()))
    }

    fn check_rows(&self, footer: &Footer, rows: &[Range<u32>]) -> Result<(), StoreError> {
        let stored = footer.metadata.metadata().file_metadata().num_rows();
        let mut end = 0;
        for range in rows {
            if range.start < end || range.start > range.end || i64::from(range.end) > stored {
                let (start, end) = (range.start, range.end);
                let message = format!("rows {start} to {end} are asked for, but it has {stored}");
                return Err(self.file.corrupt(message));
            }
            end = range.end;
        }
        Ok(())
    }

    fn decode(
        &self,
        footer: &Footer,
        rows: &[Range<u32>],
        table: SegmentTable,
        projection: Option<&[usize]>,
    ) -> Result<RecordBatch, ArrowError> {
        let schema = table.schema();
        let all: Vec<usize> = (0..schema.fields().len()).collect();
        let projection = projection.unwrap_or(&all);
        let schema = Arc::new(schema.project(projection)?);
        let row_count = rows.iter().map(ExactSizeIterator::len).sum::<usize>();
        let options = RecordBatchOptions::new().with_row_count(Some(row_count));
        if projection.is_empty() {
            return RecordBatch::try_new_with_options(schema, Vec::new(), &options);
        }
        let mut columns = match table {
            SegmentTable::Spans => TableColumns::of_spans(&footer.layout, projection)?,
            SegmentTable::Traces => TableColumns::plain(&table.schema(), projection)?,
        };
        let layouts = columns.layouts();
        // Few rows have few of the keys that a file has columns for, and to begin a column costs more than to read so few rows of it.
        if row_count <= BATCH_ROWS && !layouts.is_empty() {
            columns.keep_named(&self.decode_columns(&footer.metadata, rows, &layouts)?);
        }
        columns.of(&self.decode_columns(&footer.metadata, rows, columns.in_file())?)
    }

    /// The columns `columns` of the file, ascending.
    fn decode_columns(
        &self,
        metadata: &ArrowReaderMetadata,
        rows: &[Range<u32>],
        columns: &[usize],
    ) -> Result<RecordBatch, ArrowError> {
        let row_count = rows.iter().map(ExactSizeIterator::len).sum::<usize>();
        let (groups, selection) = select(metadata, rows);
        let mask = ProjectionMask::roots(metadata.parquet_schema(), columns.iter().copied());
        self.will_read_rows(metadata, rows, &mask);
        let (file, metadata) = (self.clone(), metadata.clone());
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
            .with_row_groups(groups)
            .with_row_selection(selection)
            .with_projection(mask)
            .with_batch_size(row_count.clamp(1, BATCH_ROWS))
            .build()?;
        let schema = arrow::array::RecordBatchReader::schema(&reader);
        let batches = reader.collect::<Result<Vec<_>, _>>()?;
        concat_batches(&schema, &batches)
    }

    /// What stopped Parquet: the read that failed, or what it says of the content.
    pub(super) fn error(&self, error: &dyn std::error::Error) -> StoreError {
        let failed = self
            .failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        failed.unwrap_or_else(|| self.file.corrupt(error.to_string()))
    }

    fn read_or_note(&self, range: Range<u64>) -> Result<Bytes, String> {
        self.read(range).map_err(|error| {
            let text = error.to_string();
            self.failed
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert(error);
            text
        })
    }
}

/// What is kept of a Parquet file once its footer was read.
#[derive(Debug, Clone)]
pub(super) struct Footer {
    /// Footer and page index.
    pub(super) metadata: ArrowReaderMetadata,
    /// Where attributes lie; empty for `traces`.
    pub(super) layout: Arc<AttributeLayout>,
    /// Several spans of a trace may have one id.
    pub(super) repeats_span_ids: bool,
}

/// The row groups that hold some of `rows`, and the selection of `rows` among theirs.
fn select(metadata: &ArrowReaderMetadata, rows: &[Range<u32>]) -> (Vec<usize>, RowSelection) {
    let (mut groups, mut selection, mut start) = (Vec::new(), Vec::new(), 0);
    for (number, group) in metadata.metadata().row_groups().iter().enumerate() {
        let end = start + group.num_rows() as usize;
        let inside = |row: u32| (row as usize).clamp(start, end);
        let mut at = start;
        for range in rows {
            let (from, to) = (inside(range.start), inside(range.end));
            if from < to {
                selection.push(RowSelector::skip(from - at));
                selection.push(RowSelector::select(to - from));
                at = to;
            }
        }
        if at > start {
            groups.push(number);
            selection.push(RowSelector::skip(end - at));
        }
        start = end;
    }
    (groups, selection.into())
}

/// Bytes of the values of varying length in the pages that hold `rows`, before encoding and compression; `None` without an index
/// that says so.
pub(super) fn page_bytes(metadata: &ParquetMetaData, rows: &Range<u32>) -> Option<usize> {
    let (first, end) = (i64::from(rows.start), i64::from(rows.end));
    let indexes = metadata.offset_index()?;
    let (mut bytes, mut start) = (0, 0);
    for (group, columns) in metadata.row_groups().iter().zip(indexes) {
        let group_end = start + group.num_rows();
        if start < end && first < group_end {
            for (column, index) in group.columns().iter().zip(columns) {
                if column.column_type() == Type::BYTE_ARRAY {
                    let sizes = index.unencoded_byte_array_data_bytes()?;
                    let places = ahead::places(index, &(first - start..end - start));
                    bytes += sizes.get(places)?.iter().sum::<i64>();
                }
            }
        }
        start = group_end;
    }
    usize::try_from(bytes).ok()
}

/// What a footer says under `key`; nothing when it does not say.
fn entry<'m>(metadata: &'m ArrowReaderMetadata, key: &str) -> &'m str {
    let entries = metadata.metadata().file_metadata().key_value_metadata();
    let entry = entries.into_iter().flatten().find(|entry| entry.key == key);
    entry.and_then(|entry| entry.value.as_deref()).unwrap_or("")
}

/// The layout that a footer of `table` tells.
fn layout_of(
    metadata: &ArrowReaderMetadata,
    table: SegmentTable,
) -> Result<AttributeLayout, String> {
    if let Some(message) = unknown_format(entry(metadata, FORMAT_KEY)) {
        return Err(message);
    }
    let (layout, expected) = match table {
        SegmentTable::Spans => {
            let layout = AttributeLayout::of_file(metadata.schema())?;
            let schema = layout.file_schema();
            (layout, schema)
        }
        SegmentTable::Traces => (AttributeLayout::default(), table.schema()),
    };
    if entry(metadata, TABLE_KEY) != table.name() || metadata.schema().fields() != expected.fields()
    {
        return Err(format!("does not hold the columns of `{}`", table.name()));
    }
    Ok(layout)
}

impl Length for TableFile {
    fn len(&self) -> u64 {
        self.file.bytes
    }
}

impl ChunkReader for TableFile {
    type T = BufReader<Sequential>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(BufReader::new(Sequential {
            file: self.clone(),
            at: start,
        }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let range = start..start.saturating_add(length as u64);
        self.read_or_note(range).map_err(ParquetError::General)
    }
}

/// Reads a file from some place on.
#[derive(Debug)]
pub(super) struct Sequential {
    file: TableFile,
    at: u64,
}

impl Read for Sequential {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let end = (self.at + buffer.len() as u64).min(self.file.file.bytes);
        let bytes = self
            .file
            .read_or_note(self.at.min(end)..end)
            .map_err(io::Error::other)?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        self.at = end.max(self.at);
        Ok(bytes.len())
    }
}
