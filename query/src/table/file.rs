//! A segment's Parquet file as the Parquet readers want it: all bytes come through [`Segment::read`], the footer through
//! [`Segment::metadata`]; nothing is opened by name.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use clew_storage::Segment;
use clew_storage::segment::SegmentTable;
use futures::FutureExt;
use futures::future::BoxFuture;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{ChunkReader, Length};

/// Bytes read at a time where the length of what follows is not known.
const READ_AHEAD_BYTES: u64 = 64 << 10;

/// One of a segment's Parquet files.
#[derive(Debug, Clone)]
pub(crate) struct SegmentFile {
    segment: Arc<Segment>,
    table: SegmentTable,
}

impl SegmentFile {
    /// The file of `table` in `segment`.
    pub(crate) fn new(segment: Arc<Segment>, table: SegmentTable) -> Self {
        Self { segment, table }
    }

    /// Size of the file in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        let [spans, traces, _] = self.segment.meta().file_bytes;
        match self.table {
            SegmentTable::Spans => spans,
            SegmentTable::Traces => traces,
        }
    }

    fn read(&self, range: Range<u64>) -> Result<Bytes> {
        self.segment
            .read(self.table, range)
            .map_err(|error| ParquetError::External(Box::new(error)))
    }
}

impl Length for SegmentFile {
    fn len(&self) -> u64 {
        self.bytes()
    }
}

impl ChunkReader for SegmentFile {
    type T = Sequential;

    fn get_read(&self, start: u64) -> Result<Sequential> {
        Ok(Sequential {
            file: self.clone(),
            next: start,
            buffer: Bytes::new(),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.read(start..start + length as u64)
    }
}

/// Reads a file from some place on.
pub(crate) struct Sequential {
    file: SegmentFile,
    next: u64,
    buffer: Bytes,
}

impl Read for Sequential {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.buffer.is_empty() {
            let end = (self.next + READ_AHEAD_BYTES).min(self.file.bytes());
            if end <= self.next {
                return Ok(0);
            }
            self.buffer = self.file.read(self.next..end).map_err(io::Error::other)?;
            self.next = end;
        }
        let bytes = out.len().min(self.buffer.len());
        self.buffer.copy_to_slice(&mut out[..bytes]);
        Ok(bytes)
    }
}

impl AsyncFileReader for SegmentFile {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        let bytes = self.read(range);
        async move { bytes }.boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        // The disk takes them up together. What fails here fails below.
        let _ = self.segment.will_read(self.table, &ranges);
        let bytes: Result<Vec<Bytes>> = ranges.into_iter().map(|range| self.read(range)).collect();
        async move { bytes }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        let metadata = self.segment.metadata(self.table);
        async move {
            let metadata = metadata.map_err(|error| ParquetError::External(Box::new(error)))?;
            Ok(Arc::clone(metadata.metadata()))
        }
        .boxed()
    }
}
