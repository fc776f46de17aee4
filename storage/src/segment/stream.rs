//! Reading a segment from its first row to its last, some thousand rows at a time, in little memory.
//!
//! What all spans of a resource and scope share is read once a part, not once a span.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int32Array, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::Int32Type;
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::basic::Type;

use super::attributes::{AttributeLayout, AttributeOwner, TableColumns};
use super::table::TableFile;
use super::{Segment, SegmentTable};
use crate::batch::{SpanBatch, distinct_rows};
use crate::error::StoreError;
use crate::schema::column;

/// Rows of a part at most.
const ROWS_MAX: usize = 2048;
/// Bytes of text that a part should have at most; a part of one row may have more.
const TEXT_BYTES: f64 = (1 << 20) as f64;

/// Some rows that follow each other.
#[derive(Debug)]
pub(crate) struct SpanPart {
    pub(crate) batch: Arc<SpanBatch>,
    pub(crate) depth: Int32Array,
    /// Null for a root.
    pub(crate) parent_offset: Int32Array,
    pub(crate) subtree_size: Int32Array,
    /// Bytes of a row, on average.
    pub(crate) row_bytes: usize,
}

/// Reads the table `spans` in the order of its rows.
pub(crate) struct SpanStream {
    table: TableFile,
    metadata: ArrowReaderMetadata,
    columns: Columns,
    /// The rows that are wanted, ascending.
    wanted: Vec<Range<usize>>,
    /// The row group to begin next, and its first row.
    group: usize,
    group_start: usize,
    reader: Option<ParquetRecordBatchReader>,
}

impl SpanStream {
    /// The rows `wanted` of `segment`: ascending, none twice.
    ///
    /// # Errors
    /// When the footer cannot be read.
    pub(crate) fn new(segment: &Segment, wanted: Vec<Range<usize>>) -> Result<Self, StoreError> {
        let metadata = segment.metadata(SegmentTable::Spans)?;
        let columns = Columns::new(&metadata).map_err(|e| segment.corrupt(e.to_string()))?;
        Ok(Self {
            table: segment.table(SegmentTable::Spans)?,
            metadata,
            columns,
            wanted,
            group: 0,
            group_start: 0,
            reader: None,
        })
    }

    /// The next rows; `None` behind the last one.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn next(&mut self) -> Result<Option<SpanPart>, StoreError> {
        loop {
            let read = match &mut self.reader {
                Some(reader) => reader.next().transpose(),
                None => Ok(None),
            };
            match read.map_err(|error| self.table.error(&error))? {
                Some(read) => {
                    let part = self.columns.part(&read);
                    return part.map(Some).map_err(|error| self.table.error(&error));
                }
                None if !self.begin_group()? => return Ok(None),
                None => {}
            }
        }
    }

    /// Begins the next row group that has wanted rows; false when there is none.
    fn begin_group(&mut self) -> Result<bool, StoreError> {
        self.reader = None;
        let groups = self.metadata.metadata().row_groups();
        while let Some(group) = groups.get(self.group) {
            let (number, rows) = (self.group, group.num_rows() as usize);
            let start = self.group_start;
            self.group += 1;
            self.group_start += rows;
            let selected = within(&self.wanted, start..start + rows);
            if selected.is_empty() {
                continue;
            }
            let selection = RowSelection::from_consecutive_ranges(selected.into_iter(), rows);
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(
                self.table.clone(),
                self.metadata.clone(),
            );
            let reader = builder
                .with_row_groups(vec![number])
                .with_row_selection(selection)
                .with_batch_size(rows_at_a_time(&self.metadata, number))
                .build();
            self.reader = Some(reader.map_err(|error| self.table.error(&error))?);
            return Ok(true);
        }
        Ok(false)
    }
}

/// What of `ranges` lies in `group`, counted from its first row.
fn within(ranges: &[Range<usize>], group: Range<usize>) -> Vec<Range<usize>> {
    let first = ranges.partition_point(|range| range.end <= group.start);
    ranges[first..]
        .iter()
        .take_while(|range| range.start < group.end)
        .map(|range| {
            range.start.max(group.start) - group.start..range.end.min(group.end) - group.start
        })
        .collect()
}

/// Rows of row group `group` that can be decoded together wherever they stand: the pages with the longest text decide.
fn rows_at_a_time(metadata: &ArrowReaderMetadata, group: usize) -> usize {
    /// Where the file does not tell.
    const UNKNOWN: usize = 64;
    let metadata = metadata.metadata();
    let Some(indexes) = metadata.offset_index().and_then(|index| index.get(group)) else {
        return UNKNOWN;
    };
    let row_group = metadata.row_group(group);
    let mut bytes_each = 1.0;
    for (column, index) in row_group.columns().iter().zip(indexes) {
        if column.column_type() != Type::BYTE_ARRAY {
            continue;
        }
        let Some(bytes) = index.unencoded_byte_array_data_bytes() else {
            return UNKNOWN;
        };
        let starts = index
            .page_locations()
            .iter()
            .map(|page| page.first_row_index);
        let ends = starts.clone().skip(1).chain([row_group.num_rows()]);
        let rows = starts.zip(ends).map(|(start, end)| (end - start).max(1));
        let densest = bytes
            .iter()
            .zip(rows)
            .map(|(bytes, rows)| *bytes as f64 / rows as f64);
        bytes_each += densest.fold(0.0, f64::max);
    }
    ((TEXT_BYTES / bytes_each) as usize).clamp(1, ROWS_MAX)
}

/// What a file's columns become.
struct Columns {
    own: TableColumns,
    groups: TableColumns,
    /// Places in the file of what tells groups apart.
    group_places: Vec<usize>,
}

impl Columns {
    fn new(metadata: &ArrowReaderMetadata) -> Result<Self, ArrowError> {
        let layout = AttributeLayout::of_file(metadata.schema());
        let layout = Arc::new(layout.map_err(ArrowError::ParquetError)?);
        let columns = |places: Range<usize>| {
            let places: Vec<usize> = places.collect();
            TableColumns::of_spans(&layout, &places)
        };
        Ok(Self {
            own: columns(0..column::SERVICE_NAME)?,
            groups: columns(column::SERVICE_NAME..column::DEPTH)?,
            group_places: (column::SERVICE_NAME..column::DEPTH)
                .chain(layout.places(AttributeOwner::Resource))
                .collect(),
        })
    }

    fn part(&self, read: &RecordBatch) -> Result<SpanPart, ArrowError> {
        let own = self.own.of(&read.project(self.own.in_file())?)?;
        let of_groups: Vec<ArrayRef> = self
            .group_places
            .iter()
            .map(|place| Arc::clone(read.column(*place)))
            .collect();
        let (group_of, first_rows) = distinct_rows(&of_groups, read.num_rows());
        let groups = read.project(self.groups.in_file())?;
        let groups = take_record_batch(&groups, &UInt32Array::from(first_rows))?;
        let groups = self.groups.of(&groups)?;
        let structure = |place: usize| read.column(place).as_primitive::<Int32Type>().clone();
        let batch = SpanBatch::of_parts(&own, group_of, &groups)?;
        Ok(SpanPart {
            row_bytes: batch.value_bytes() / batch.len().max(1),
            batch: Arc::new(batch),
            depth: structure(column::DEPTH),
            parent_offset: structure(column::PARENT_OFFSET),
            subtree_size: structure(column::SUBTREE_SIZE),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_a_row_group() {
        let ranges = [0..5, 8..12, 15..40, 50..60, 62..64];
        assert_eq!(within(&ranges, 0..10), [0..5, 8..10]);
        assert_eq!(within(&ranges, 10..20), [0..2, 5..10]);
        assert_eq!(within(&ranges, 20..55), [0..20, 30..35]);
        assert!(within(&ranges, 40..50).is_empty());
        assert_eq!(within(&ranges, 59..70), [0..1, 3..5]);
    }
}
