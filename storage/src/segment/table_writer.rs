//! One of a segment's Parquet files while it is written.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::SegmentTable;
use super::attributes::{AttributeLayout, CENSUS_KEY, CensusOfFile, LAYOUT_KEY};
use super::file::{FileWriter, Written, io_error};
use super::properties::{REPEATED_IDS_KEY, properties};
use crate::error::StoreError;
use crate::limits::SegmentShape;

/// A Parquet file on its way.
pub(super) struct TableWriter {
    path: PathBuf,
    pub(super) schema: SchemaRef,
    writer: ArrowWriter<FileWriter>,
}

impl TableWriter {
    pub(super) fn spans(
        file: FileWriter,
        path: &Path,
        shape: &SegmentShape,
        layout: &AttributeLayout,
    ) -> Result<Self, StoreError> {
        let properties = properties(SegmentTable::Spans, shape, layout);
        Self::new(file, path, layout.file_schema(), properties)
    }

    pub(super) fn traces(
        file: FileWriter,
        path: &Path,
        shape: &SegmentShape,
    ) -> Result<Self, StoreError> {
        let table = SegmentTable::Traces;
        let properties = properties(table, shape, &AttributeLayout::default());
        Self::new(file, path, table.schema(), properties)
    }

    fn new(
        file: FileWriter,
        path: &Path,
        schema: SchemaRef,
        properties: WriterProperties,
    ) -> Result<Self, StoreError> {
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties));
        let writer = writer.map_err(|error| failed(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            schema,
            writer,
        })
    }

    /// Notes where the file keeps attributes, how often keys occur, and whether several spans of a trace have one id.
    pub(super) fn describe(
        &mut self,
        layout: &AttributeLayout,
        census: &CensusOfFile,
        repeats_ids: bool,
    ) {
        for (key, text) in [
            (LAYOUT_KEY, layout.to_text()),
            (CENSUS_KEY, census.to_text()),
            (REPEATED_IDS_KEY, repeats_ids.to_string()),
        ] {
            self.writer
                .append_key_value_metadata(KeyValue::new(key.to_owned(), text));
        }
    }

    /// Bytes of the file so far, those of the row group under way included, about.
    pub(super) fn bytes(&self) -> usize {
        self.writer.bytes_written() + self.writer.in_progress_size()
    }

    pub(super) fn write(&mut self, part: &RecordBatch) -> Result<(), StoreError> {
        self.writer
            .write(part)
            .map_err(|error| failed(&self.path, error))
    }

    pub(super) fn row_group_bytes(&self) -> usize {
        self.writer.memory_size()
    }

    pub(super) fn end_row_group(&mut self) -> Result<(), StoreError> {
        self.writer
            .flush()
            .map_err(|error| failed(&self.path, error))
    }

    pub(super) fn finish(self) -> Result<Written, StoreError> {
        let Self { path, writer, .. } = self;
        writer
            .into_inner()
            .map_err(|error| failed(&path, error))?
            .finish()
    }

    pub(super) fn failed(&self, error: ParquetError) -> StoreError {
        failed(&self.path, error)
    }
}

/// What stopped a file from being written: the system's own error where there is one.
fn failed(path: &Path, error: ParquetError) -> StoreError {
    let source = match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(source) => *source,
            Err(source) => std::io::Error::other(source),
        },
        other => std::io::Error::other(other),
    };
    io_error(path, source)
}
