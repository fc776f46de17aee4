//! Arrow IPC stream and Parquet: types as they are.
//!
//! Both writers count what they have written themselves, so their buffers can be emptied while they go on.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::StreamWriter;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::{Encoder, Stats};
use crate::error::QueryError;

/// Rows of a row group: what is kept in memory before it is written.
const ROW_GROUP_ROWS: usize = 16_384;

/// An Arrow IPC stream.
pub(super) struct ArrowStream {
    writer: StreamWriter<Vec<u8>>,
}

impl ArrowStream {
    pub(super) fn new(schema: &SchemaRef) -> Result<Self, QueryError> {
        Ok(Self {
            writer: StreamWriter::try_new(Vec::new(), schema)?,
        })
    }
}

impl Encoder for ArrowStream {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), QueryError> {
        Ok(self.writer.write(rows)?)
    }

    fn waiting(&self) -> usize {
        self.writer.get_ref().len()
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.writer.get_mut())
    }

    fn finish(self: Box<Self>, _stats: &Stats) -> Result<Vec<u8>, QueryError> {
        Ok(self.writer.into_inner()?)
    }
}

/// A Parquet file.
pub(super) struct ParquetFile {
    writer: ArrowWriter<Vec<u8>>,
}

impl ParquetFile {
    pub(super) fn new(schema: &SchemaRef) -> Result<Self, QueryError> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .build();
        Ok(Self {
            writer: ArrowWriter::try_new(Vec::new(), SchemaRef::clone(schema), Some(properties))?,
        })
    }
}

impl Encoder for ParquetFile {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), QueryError> {
        Ok(self.writer.write(rows)?)
    }

    fn waiting(&self) -> usize {
        self.writer.inner().len() + self.writer.in_progress_size()
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.writer.inner_mut())
    }

    fn finish(self: Box<Self>, _stats: &Stats) -> Result<Vec<u8>, QueryError> {
        Ok(self.writer.into_inner()?)
    }
}
