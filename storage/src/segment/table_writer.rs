//! One of a segment's Parquet files while it is written.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;

use super::SegmentTable;
use super::attributes::{AttributeLayout, CENSUS_KEY, CensusOfFile, LAYOUT_KEY};
use super::copy::RowGroup;
use super::file::{FileWriter, Written, io_error};
use super::properties::{REPEATED_IDS_KEY, properties};
use crate::error::StoreError;
use crate::limits::SegmentShape;

/// A Parquet file on its way.
pub(super) struct TableWriter {
    path: PathBuf,
    pub(super) schema: SchemaRef,
    writer: SerializedFileWriter<FileWriter>,
    columns: ArrowRowGroupWriterFactory,
    /// The columns of the row group under way, those within lists and maps included; none between row groups.
    row_group: Vec<ArrowColumnWriter>,
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
        // It notes the schema of Arrow in the footer.
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties));
        let (writer, columns) = writer
            .and_then(ArrowWriter::into_serialized_writer)
            .map_err(|error| failed(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            schema,
            writer,
            columns,
            row_group: Vec::new(),
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
        let columns = self.row_group.iter();
        let in_progress = columns.map(ArrowColumnWriter::get_estimated_total_bytes);
        self.writer.bytes_written() + in_progress.sum::<usize>()
    }

    /// Appends rows to the row group under way, or to a new one.
    pub(super) fn write(&mut self, part: &RecordBatch) -> Result<(), StoreError> {
        self.try_write(part)
            .map_err(|error| failed(&self.path, error))
    }

    fn try_write(&mut self, part: &RecordBatch) -> Result<(), ParquetError> {
        if self.row_group.is_empty() {
            let number = self.writer.flushed_row_groups().len();
            self.row_group = self.columns.create_column_writers(number)?;
        }
        let mut columns = self.row_group.iter_mut();
        for (field, values) in self.schema.fields().iter().zip(part.columns()) {
            for (leaf, column) in compute_leaves(field, values)?.iter().zip(&mut columns) {
                column.write(leaf)?;
            }
        }
        Ok(())
    }

    /// Memory of the row group under way.
    pub(super) fn row_group_bytes(&self) -> usize {
        let columns = self.row_group.iter();
        columns.map(ArrowColumnWriter::memory_size).sum()
    }

    pub(super) fn end_row_group(&mut self) -> Result<(), StoreError> {
        self.try_end_row_group()
            .map_err(|error| failed(&self.path, error))
    }

    fn try_end_row_group(&mut self) -> Result<(), ParquetError> {
        if self.row_group.is_empty() {
            return Ok(());
        }
        let mut row_group = self.writer.next_row_group()?;
        for column in self.row_group.drain(..) {
            column.close()?.append_to_row_group(&mut row_group)?;
        }
        row_group.close()?;
        Ok(())
    }

    /// Appends a row group of another file as it is; none is under way.
    ///
    /// # Errors
    /// When the source cannot be read, or the file not be written.
    pub(super) fn copy_row_group(&mut self, source: &RowGroup<'_>) -> Result<(), StoreError> {
        let path = &self.path;
        let failed = |error| failed(path, error);
        let mut row_group = self.writer.next_row_group().map_err(failed)?;
        for column in 0..source.columns() {
            let (chunk, close) = source.column(column)?;
            row_group.append_column(&chunk, close).map_err(failed)?;
        }
        row_group.close().map(drop).map_err(failed)
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
