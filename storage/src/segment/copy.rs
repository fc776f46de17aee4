//! Row groups of one segment taken over by another as they are: no value is decoded, none encoded.
//!
//! ```text
//!   spans.parquet   the bytes of each column of the row group, with the places of its pages moved
//!   index           its filter, with its salt
//!   footer          keys and flags of the whole segment it comes from: they may name what is in other row groups of that
//! ```

use bytes::Bytes;
use bytes::buf::{Buf, Reader};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::statistics::Statistics;

use super::table::TableFile;
use crate::error::StoreError;
use crate::schema::column;

/// What a footer says of the spans of a row group.
pub(super) struct RowGroupFacts {
    pub(super) rows: u64,
    /// Earliest and latest start, as the column has them.
    pub(super) start_time: (i64, i64),
    /// Earliest and latest arrival.
    pub(super) ingested_at: (i64, i64),
}

impl RowGroupFacts {
    /// Those of row group `number`; `None` where the footer does not tell, or has no such row group or no index of pages.
    pub(super) fn of(metadata: &ParquetMetaData, number: usize) -> Option<Self> {
        metadata.offset_index()?;
        Some(Self {
            rows: metadata.row_groups().get(number)?.num_rows() as u64,
            start_time: extent(metadata, number, column::START_TIME)?,
            ingested_at: extent(metadata, number, column::INGESTED_AT)?,
        })
    }
}

/// Least and greatest value of a column of 64-bit numbers in row group `number`; `None` where the footer does not tell, or has no such row
/// group.
pub(super) fn extent(
    metadata: &ParquetMetaData,
    number: usize,
    column: usize,
) -> Option<(i64, i64)> {
    let row_group = metadata.row_groups().get(number)?;
    // What lies within lists and maps is counted too.
    let schema = row_group.schema_descr();
    let mut leaves = 0..schema.num_columns();
    let leaf = leaves.find(|leaf| schema.get_column_root_idx(*leaf) == column)?;
    let Some(Statistics::Int64(values)) = row_group.column(leaf).statistics() else {
        return None;
    };
    values.min_opt().copied().zip(values.max_opt().copied())
}

/// A row group of a file.
pub(super) struct RowGroup<'a> {
    pub(super) file: &'a TableFile,
    pub(super) metadata: &'a ParquetMetaData,
    pub(super) number: usize,
}

impl RowGroup<'_> {
    /// How many columns it has, those within lists and maps included.
    pub(super) fn columns(&self) -> usize {
        self.metadata.row_group(self.number).num_columns()
    }

    /// The bytes of a column, and what its writer would have said of them.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn column(&self, place: usize) -> Result<(Chunk, ColumnCloseResult), StoreError> {
        let metadata = self.metadata;
        let group = metadata.row_group(self.number);
        let column = group.column(place);
        let (start, length) = column.byte_range();
        let chunk = Chunk {
            start,
            bytes: self.file.read(start..start + length)?,
        };
        let column_index = metadata.column_index();
        let column_index = column_index.and_then(|index| index.get(self.number)?.get(place));
        let offset_index = metadata.offset_index();
        let offset_index = offset_index.and_then(|index| index.get(self.number)?.get(place));
        let close = ColumnCloseResult {
            bytes_written: length,
            rows_written: group.num_rows() as u64,
            metadata: column.clone(),
            bloom_filter: None,
            column_index: column_index
                .filter(|index| !matches!(index, ColumnIndexMetaData::NONE))
                .cloned(),
            offset_index: offset_index.cloned(),
        };
        Ok((chunk, close))
    }
}

/// Some bytes of a file.
pub(super) struct Chunk {
    /// Where they stand in it.
    start: u64,
    bytes: Bytes,
}

impl Length for Chunk {
    fn len(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl ChunkReader for Chunk {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let bytes = self.get_bytes(start, self.len().saturating_sub(start) as usize)?;
        Ok(bytes.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let place = start.checked_sub(self.start).map(|place| place as usize);
        let end = place.and_then(|place| place.checked_add(length));
        match place.zip(end) {
            Some((place, end)) if end <= self.bytes.len() => Ok(self.bytes.slice(place..end)),
            _ => Err(ParquetError::EOF(format!(
                "{length} bytes at {start} are asked for, which are not of the column"
            ))),
        }
    }
}
