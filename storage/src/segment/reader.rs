//! Reading a segment. Every byte that is used has been checked against a checksum.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::datatypes::{TimestampNanosecondType, UInt32Type};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;

use super::attributes::AttributeLayout;
use super::cache::{Key, Part, SegmentCache};
use super::copy::extent;
use super::file::{FileReader, io_error};
use super::index::values::{Held, SaltedFilter};
use super::index::{Index, Operation};
use super::table::{Footer, TableFile, page_bytes};
use super::{SegmentMeta, SegmentTable, unknown_format};
use crate::env::Env;
use crate::error::StoreError;
use crate::ids::TraceId;
use crate::schema::column;

/// Place of the index among the three files.
const INDEX: usize = 2;

/// An open segment. Reads block; call from a blocking thread or accept page-cache reads.
#[derive(Debug)]
pub struct Segment {
    number: u64,
    meta: SegmentMeta,
    paths: [PathBuf; 3],
    env: Env,
    cache: Arc<SegmentCache>,
    index: OnceLock<Index>,
    /// The blocks' checksums are taken from the files, which are compared with the manifest's whole, instead of from the index.
    is_index_lost: bool,
}

/// Where a trace stands in a segment's `traces`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TracePlace {
    /// Row.
    pub row: u32,
    /// Earliest start, ns since the epoch, as sent.
    pub start_unix_nano: u64,
}

/// First row in `spans` and earliest start of each trace, in the order of `traces`, which is that of `spans`.
#[derive(Debug)]
struct Places {
    first_rows: Vec<u32>,
    starts: Vec<i64>,
}

impl Drop for Segment {
    fn drop(&mut self) {
        self.cache.forget(self.number);
    }
}

impl Segment {
    /// The segment that `meta` tells of. Opens and reads nothing yet, so damage shows when it is first used.
    #[must_use]
    pub fn open(env: &Env, data_dir: &Path, meta: SegmentMeta, cache: &Arc<SegmentCache>) -> Self {
        let paths = Self::paths(data_dir, &meta.name);
        Self::open_paths(env, paths, meta, cache)
    }

    fn open_paths(
        env: &Env,
        paths: [PathBuf; 3],
        meta: SegmentMeta,
        cache: &Arc<SegmentCache>,
    ) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        Self {
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            paths,
            meta,
            env: env.clone(),
            cache: Arc::clone(cache),
            index: OnceLock::new(),
            is_index_lost: false,
        }
    }

    /// The same segment, for what can be read without its index: the Parquet files.
    pub(crate) fn without_index(&self) -> Self {
        let (paths, meta) = (self.paths.clone(), self.meta.clone());
        let mut segment = Self::open_paths(&self.env, paths, meta, &self.cache);
        segment.is_index_lost = true;
        segment
    }

    /// Paths of the three files: spans, traces, index.
    #[must_use]
    pub fn paths(data_dir: &Path, name: &str) -> [PathBuf; 3] {
        ["spans.parquet", "traces.parquet", "index"]
            .map(|ending| data_dir.join(format!("{name}.{ending}")))
    }

    /// Its files: spans, traces, index.
    pub(crate) fn files(&self) -> &[PathBuf; 3] {
        &self.paths
    }

    /// Facts from the manifest.
    #[must_use]
    pub fn meta(&self) -> &SegmentMeta {
        &self.meta
    }

    /// A quick look for damage: the format is known, files are there and as long as they should be, the index can be read.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<(), StoreError> {
        if let Some(message) = unknown_format(&self.meta.format.to_string()) {
            return Err(self.file(0)?.corrupt(message));
        }
        for place in 0..self.paths.len() {
            self.file(place)?.check_length()?;
        }
        self.index().map(|_| ())
    }

    /// Reads every byte and compares the checksums with the manifest's.
    ///
    /// # Errors
    /// What is wrong, first file first.
    pub fn verify(&self) -> Result<(), StoreError> {
        for (place, crc) in self.meta.file_crc.into_iter().enumerate() {
            self.file(place)?.verify(crc)?;
        }
        Ok(())
    }

    /// Reads every byte of one table and compares the checksum with the manifest's.
    pub(crate) fn verify_file(&self, table: SegmentTable) -> Result<(), StoreError> {
        let place = table.place();
        self.file(place)?.verify(self.meta.file_crc[place])
    }

    /// Bytes `range` of a file, for the Parquet reader.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&self, table: SegmentTable, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.table(table)?.read(range)
    }

    /// Begins to read the bytes `ranges`, which [`Segment::read`] will be asked for one after another.
    ///
    /// # Errors
    /// When the file cannot be opened. Whether it can be read, the reads will tell.
    pub fn will_read(&self, table: SegmentTable, ranges: &[Range<u64>]) -> Result<(), StoreError> {
        let file = self.table(table)?;
        for range in ranges {
            file.will_read(range.clone());
        }
        Ok(())
    }

    /// Begins to read what the file of `spans` has in the rows `rows`, which are in order and apart, and in its columns `columns`.
    ///
    /// # Errors
    /// As [`Segment::will_read`].
    pub fn will_read_rows(&self, rows: &[Range<u32>], columns: &[usize]) -> Result<(), StoreError> {
        let metadata = self.metadata(SegmentTable::Spans)?;
        let columns = columns.iter().copied();
        let mask = ProjectionMask::roots(metadata.parquet_schema(), columns);
        self.table(SegmentTable::Spans)?
            .will_read_rows(&metadata, rows, &mask);
        Ok(())
    }

    /// Footer with page index, cached.
    ///
    /// # Errors
    /// When the footer cannot be read.
    pub fn metadata(&self, table: SegmentTable) -> Result<ArrowReaderMetadata, StoreError> {
        Ok(self.footer(table)?.metadata.clone())
    }

    /// Where the file of `spans` keeps attributes, cached.
    ///
    /// # Errors
    /// When the footer cannot be read.
    pub fn attribute_layout(&self) -> Result<Arc<AttributeLayout>, StoreError> {
        Ok(Arc::clone(&self.footer(SegmentTable::Spans)?.layout))
    }

    /// Whether several spans of one of its traces may have the same id; so it is said of a file that does not tell.
    ///
    /// # Errors
    /// When the footer cannot be read.
    pub fn repeats_span_ids(&self) -> Result<bool, StoreError> {
        Ok(self.footer(SegmentTable::Spans)?.repeats_span_ids)
    }

    fn footer(&self, table: SegmentTable) -> Result<Arc<Footer>, StoreError> {
        self.cache
            .object(self.key(Part::Footer(table.place())), || {
                let footer = self.table(table)?.footer(table)?;
                let bytes = footer.metadata.metadata().memory_size();
                Ok((footer, bytes))
            })
    }

    /// Rows of `spans` that hold the trace, if it is here: a filter in memory first, then the index on disk.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn trace_rows(&self, id: TraceId) -> Result<Option<Range<u32>>, StoreError> {
        let index = self.index()?;
        if !index.may_hold_trace(id) {
            return Ok(None);
        }
        let file = self.file(INDEX)?;
        let rows = index.trace_rows(&file, id)?;
        match rows {
            Some(rows) if rows.is_empty() || u64::from(rows.end) > self.meta.span_count => {
                Err(file.corrupt(format!("trace {id} is in rows that are not there")))
            }
            rows => Ok(rows),
        }
    }

    /// Reads the rows `rows` of a table with the columns `projection` (indices into the table's schema, all if `None`), as the
    /// schema says.
    ///
    /// # Errors
    /// When the file cannot be read, or there are no such rows or columns.
    pub fn read_rows(
        &self,
        table: SegmentTable,
        rows: Range<u32>,
        projection: Option<&[usize]>,
    ) -> Result<RecordBatch, StoreError> {
        self.read_ranges(table, &[rows], projection)
    }

    /// Whether each of the rows `rows` of `spans` names a parent: far cheaper than the parents' ids.
    ///
    /// # Errors
    /// As for [`Segment::read_rows`].
    pub fn has_parents(&self, rows: Range<u32>) -> Result<BooleanArray, StoreError> {
        let table = SegmentTable::Spans;
        self.table(table)?.has_parents(&*self.footer(table)?, rows)
    }

    /// As [`Segment::read_rows`], for rows that may lie apart: `rows` in order, none twice.
    ///
    /// # Errors
    /// As for [`Segment::read_rows`].
    pub fn pick_rows(
        &self,
        table: SegmentTable,
        rows: &[u32],
        projection: Option<&[usize]>,
    ) -> Result<RecordBatch, StoreError> {
        let runs = rows.chunk_by(|row, next| row.checked_add(1) == Some(*next));
        let ranges: Vec<_> = runs.map(|run| run[0]..run[0] + run.len() as u32).collect();
        self.read_ranges(table, &ranges, projection)
    }

    fn read_ranges(
        &self,
        table: SegmentTable,
        rows: &[Range<u32>],
        projection: Option<&[usize]>,
    ) -> Result<RecordBatch, StoreError> {
        self.table(table)?
            .read_rows(&*self.footer(table)?, table, rows, projection)
    }

    /// Where the trace stands in `traces`, if it is here. What finds it is kept in memory: 12 bytes for each trace of the segment.
    ///
    /// # Errors
    /// When the index or `traces` cannot be read.
    pub fn trace_place(&self, id: TraceId) -> Result<Option<TracePlace>, StoreError> {
        let Some(rows) = self.trace_rows(id)? else {
            return Ok(None);
        };
        let places = self.places()?;
        let Ok(row) = places.first_rows.binary_search(&rows.start) else {
            let file = self.file(SegmentTable::Traces.place())?;
            return Err(file.corrupt(format!("trace {id} is missing")));
        };
        Ok(Some(TracePlace {
            row: row as u32,
            start_unix_nano: places.starts[row] as u64,
        }))
    }

    fn places(&self) -> Result<Arc<Places>, StoreError> {
        self.cache.object(self.key(Part::Places), || {
            let traces = SegmentTable::Traces.schema();
            let names = ["first_row", "start_time"].iter();
            let projection: Vec<_> = names
                .filter_map(|name| traces.index_of(name).ok())
                .collect();
            let rows = 0..self.meta.trace_count as u32;
            let rows = self.read_rows(SegmentTable::Traces, rows, Some(&projection))?;
            let first_rows = rows.column(0).as_primitive::<UInt32Type>().values();
            let starts = rows.column(1).as_primitive::<TimestampNanosecondType>();
            let places = Places {
                first_rows: first_rows.to_vec(),
                starts: starts.values().to_vec(),
            };
            Ok((places, 12 * rows.num_rows()))
        })
    }

    /// Bytes of text and other values of varying length in the pages that hold the rows `rows`; `None` when the file does not say.
    ///
    /// # Errors
    /// When the footer cannot be read.
    pub fn page_bytes(
        &self,
        table: SegmentTable,
        rows: Range<u32>,
    ) -> Result<Option<usize>, StoreError> {
        Ok(page_bytes(self.metadata(table)?.metadata(), &rows))
    }

    /// False when row group `row_group` of `spans` does not hold `held`. May be true in error, never false.
    ///
    /// # Errors
    /// When the filter cannot be read.
    pub fn row_group_may_hold(&self, row_group: usize, held: Held<'_>) -> Result<bool, StoreError> {
        let (index, file, name) = (self.index()?, self.file(INDEX)?, &self.meta.name);
        index.may_hold(&file, name, row_group as u32, held.hash())
    }

    /// Begins to read what [`Segment::row_group_may_hold`] reads when it is asked for `held` of each of `row_groups`, so that it waits for the disk
    /// once instead of each time.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn will_ask(&self, row_groups: Range<usize>, held: Held<'_>) -> Result<(), StoreError> {
        let (index, file, name) = (self.index()?, self.file(INDEX)?, &self.meta.name);
        let hash = held.hash();
        for row_group in row_groups {
            if let Some(page) = index.page(&file, name, row_group as u32, hash)? {
                file.file.will_read(page);
            }
        }
        Ok(())
    }

    /// Earliest and latest start in row group `row_group` of `spans`, as the file has them: a time beyond 2^63 is negative. `None` where the file
    /// does not say, or has no such row group.
    ///
    /// # Errors
    /// When the footer cannot be read.
    pub fn row_group_start_time(&self, row_group: usize) -> Result<Option<(i64, i64)>, StoreError> {
        let metadata = self.metadata(SegmentTable::Spans)?;
        Ok(extent(metadata.metadata(), row_group, column::START_TIME))
    }

    /// The row groups of `spans` that hold the rows `rows` and nothing else, if there are such.
    ///
    /// # Errors
    /// When the footer cannot be read.
    pub(crate) fn row_groups_of(
        &self,
        rows: Range<usize>,
    ) -> Result<Option<Range<usize>>, StoreError> {
        let metadata = self.metadata(SegmentTable::Spans)?;
        let mut starts = vec![0];
        for row_group in metadata.metadata().row_groups() {
            starts.push(starts[starts.len() - 1] + row_group.num_rows() as usize);
        }
        let first = starts.binary_search(&rows.start);
        let end = starts.binary_search(&rows.end);
        Ok(first.ok().zip(end.ok()).map(|(first, end)| first..end))
    }

    /// The filter of row group `row_group` of `spans`; `None` when another segment could not take it over.
    pub(super) fn row_group_filter(
        &self,
        row_group: usize,
    ) -> Result<Option<SaltedFilter>, StoreError> {
        let file = self.file(INDEX)?;
        self.index()?
            .filter(&file, &self.meta.name, row_group as u32)
    }

    /// Every service, span name and kind, sorted; `None` when there are too many to be listed.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn operations(&self) -> Result<Arc<Option<Vec<Operation>>>, StoreError> {
        self.cache.object(self.key(Part::Operations), || {
            let operations = self.index()?.operations(&self.file(INDEX)?)?;
            let text =
                |operation: &Operation| operation.service_name.len() + operation.name.len() + 96;
            let bytes = operations.iter().flatten().map(text).sum();
            Ok((operations, bytes))
        })
    }

    /// An error that says so of the file of spans.
    pub(crate) fn corrupt(&self, message: String) -> StoreError {
        StoreError::Corrupt {
            path: self.paths[0].clone(),
            message,
        }
    }

    fn key(&self, part: Part) -> Key {
        Key {
            segment: self.number,
            part,
        }
    }

    fn index(&self) -> Result<&Index, StoreError> {
        if let Some(index) = self.index.get() {
            return Ok(index);
        }
        let index = Index::open(&self.file(INDEX)?, &self.meta.name)?;
        Ok(self.index.get_or_init(|| index))
    }

    fn file(&self, place: usize) -> Result<FileReader, StoreError> {
        let path = &self.paths[place];
        let file = self.cache.file(self.key(Part::File(place)), || {
            self.env
                .fs
                .open(path)
                .map_err(|source| io_error(path, source))
        })?;
        Ok(FileReader {
            path: path.clone(),
            bytes: self.meta.file_bytes[place],
            file,
            cache: Arc::clone(&self.cache),
        })
    }

    pub(super) fn table(&self, table: SegmentTable) -> Result<TableFile, StoreError> {
        let place = table.place();
        let blocks = self.cache.object(self.key(Part::Blocks(place)), || {
            let blocks = if self.is_index_lost {
                self.file(place)?.hash_blocks(self.meta.file_crc[place])?
            } else {
                self.index()?.blocks(&self.file(INDEX)?, place as u32)?
            };
            let bytes = 4 * blocks.len();
            Ok((blocks, bytes))
        })?;
        Ok(TableFile::new(self.file(place)?, blocks))
    }
}
