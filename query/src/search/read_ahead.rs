//! Reads columns that are wanted from end to end in larger pieces than the pages that a reader asks for.
//!
//! A page is some 16 KiB. One read for each costs a turn of the disk when nothing of the file is in memory, and checks the blocks between two pages
//! twice when all of it is.
//!
//! ```text
//!  asked for   page 1 │ page 2 │ page 3 │ …         others
//!  read        ├───────── window ─────────┤├─ …     as they are asked for
//! ```

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use parquet::errors::Result;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::{ChunkReader, Length};

/// Bytes that are read at a time, of each column.
const WINDOW_BYTES: u64 = 512 << 10;

/// A file some of whose column chunks are read from end to end.
#[derive(Debug)]
pub(super) struct ReadAhead<R> {
    file: R,
    /// The chunks of each such column, ascending, and what was read last of it.
    columns: Vec<(Vec<Range<u64>>, Mutex<Window>)>,
}

/// Bytes of a file and where they begin.
#[derive(Debug, Default)]
struct Window {
    start: u64,
    bytes: Bytes,
}

impl<R: ChunkReader> ReadAhead<R> {
    /// `file`, of which the chunks of each of `columns` will be read from end to end.
    pub(super) fn new<'a, C>(file: R, columns: impl Iterator<Item = C>) -> Self
    where
        C: Iterator<Item = &'a ColumnChunkMetaData>,
    {
        let columns = columns.map(|chunks| (chunks.map(bytes_of).collect(), Mutex::default()));
        Self {
            file,
            columns: columns.collect(),
        }
    }

    /// The window of the column that `range` is in, and the end of its chunk.
    fn window(&self, range: &Range<u64>) -> Option<(&Mutex<Window>, u64)> {
        self.columns.iter().find_map(|(chunks, window)| {
            let next = chunks.partition_point(|chunk| chunk.end <= range.start);
            let chunk = chunks.get(next)?;
            (chunk.start <= range.start && range.end <= chunk.end).then_some((window, chunk.end))
        })
    }
}

/// Where a chunk lies; nowhere if its footer is damaged, which a reader will tell.
fn bytes_of(chunk: &ColumnChunkMetaData) -> Range<u64> {
    let first_page = chunk.dictionary_page_offset();
    let start = first_page.unwrap_or(chunk.data_page_offset());
    let start = u64::try_from(start).unwrap_or(0);
    let length = u64::try_from(chunk.compressed_size()).unwrap_or(0);
    start..start.saturating_add(length)
}

impl Window {
    fn get(&self, range: &Range<u64>) -> Option<Bytes> {
        let from = usize::try_from(range.start.checked_sub(self.start)?).ok()?;
        let to = usize::try_from(range.end.checked_sub(self.start)?).ok()?;
        (to <= self.bytes.len()).then(|| self.bytes.slice(from..to))
    }
}

impl<R: ChunkReader> Length for ReadAhead<R> {
    fn len(&self) -> u64 {
        self.file.len()
    }
}

impl<R: ChunkReader> ChunkReader for ReadAhead<R> {
    type T = R::T;

    fn get_read(&self, start: u64) -> Result<R::T> {
        self.file.get_read(start)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let range = start..start.saturating_add(length as u64);
        let Some((window, chunk_end)) = self.window(&range) else {
            return self.file.get_bytes(start, length);
        };
        let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = window.get(&range) {
            return Ok(bytes);
        }
        let end = chunk_end
            .min(start.saturating_add(WINDOW_BYTES))
            .max(range.end);
        let bytes = self.file.get_bytes(start, (end - start) as usize)?;
        *window = Window { start, bytes };
        Ok(window.bytes.slice(..length))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch};
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::{
        ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
    };
    use parquet::file::metadata::PageIndexPolicy;
    use parquet::file::properties::WriterProperties;

    use super::*;

    /// Notes what is read.
    struct Noting {
        file: Bytes,
        read: Arc<Mutex<Vec<Range<u64>>>>,
    }

    impl Length for Noting {
        fn len(&self) -> u64 {
            self.file.len() as u64
        }
    }

    impl ChunkReader for Noting {
        type T = <Bytes as ChunkReader>::T;

        fn get_read(&self, start: u64) -> Result<Self::T> {
            self.file.get_read(start)
        }

        fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
            let range = start..start + length as u64;
            self.read.lock().unwrap().push(range);
            ChunkReader::get_bytes(&self.file, start, length)
        }
    }

    /// Two columns of numbers, plain, with `page_rows` in a page and `group_rows` in a row group.
    fn file(rows: i64, page_rows: usize, group_rows: usize) -> (RecordBatch, Bytes) {
        let column = |by| Arc::new(Int64Array::from_iter_values((0..rows).map(|n| n * by)));
        let columns: [(&str, ArrayRef); 2] = [("first", column(1)), ("second", column(3))];
        let table = RecordBatch::try_from_iter(columns).unwrap();
        let properties = WriterProperties::builder()
            .set_dictionary_enabled(false)
            .set_data_page_row_count_limit(page_rows)
            .set_write_batch_size(page_rows)
            .set_max_row_group_row_count(Some(group_rows))
            .build();
        let mut bytes = Vec::new();
        let mut writer =
            ArrowWriter::try_new(&mut bytes, table.schema(), Some(properties)).unwrap();
        writer.write(&table).unwrap();
        writer.close().unwrap();
        (table, bytes.into())
    }

    /// What is read of each column of a file when all of it is wanted and the first column is read ahead, and the rows.
    fn read((table, file): (RecordBatch, Bytes)) -> [Vec<Range<u64>>; 2] {
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
        let metadata = ArrowReaderMetadata::load(&file, options).unwrap();
        let chunks = |leaf| {
            let groups = metadata.metadata().row_groups().iter();
            groups.map(move |group| group.column(leaf))
        };
        let read = Arc::default();
        let noting = Noting {
            file,
            read: Arc::clone(&read),
        };
        let ahead = ReadAhead::new(noting, [chunks(0)].into_iter());
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(ahead, metadata.clone());
        let rows: Vec<_> = reader.build().unwrap().map(|rows| rows.unwrap()).collect();
        let rows = arrow::compute::concat_batches(&table.schema(), &rows).unwrap();
        assert_eq!(rows, table);

        let read = read.lock().unwrap();
        let in_column = |leaf| {
            let in_column = |range: &&Range<u64>| {
                chunks(leaf)
                    .map(bytes_of)
                    .any(|chunk| chunk.contains(&range.start))
            };
            read.iter().filter(in_column).cloned().collect()
        };
        [in_column(0), in_column(1)]
    }

    #[test]
    fn a_chunk_that_is_wanted_whole_is_read_at_once_and_others_by_page() {
        let [first, second] = read(file(300, 10, 100));
        assert_eq!((first.len(), second.len()), (3, 30));
    }

    #[test]
    fn no_more_is_read_at_a_time_than_a_window_has() {
        // 800 KB and the headers of 100 pages.
        let [first, second] = read(file(100_000, 1_000, 100_000));
        assert_eq!((first.len(), second.len()), (2, 100));
        assert_eq!(first[0].end - first[0].start, WINDOW_BYTES);
        // A page of 800 KB comes whole.
        let [first, _] = read(file(100_000, 100_000, 100_000));
        assert_eq!(first.len(), 1);
        assert!(first[0].end - first[0].start > WINDOW_BYTES);
    }
}
