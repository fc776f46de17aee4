//! Which bytes of a Parquet file will be read for some rows.

use std::ops::Range;

use parquet::arrow::ProjectionMask;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::page_index::offset_index::OffsetIndexMetaData;

/// The pages, those of dictionaries among them, that hold values of `rows` in the columns of `mask`; none for a file without an index of its
/// pages. The ranges of rows are ascending.
pub(super) fn pages(
    metadata: &ParquetMetaData,
    rows: &[Range<u32>],
    mask: &ProjectionMask,
) -> Vec<Range<u64>> {
    let Some(indexes) = metadata.offset_index() else {
        return Vec::new();
    };
    let (mut pages, mut start) = (Vec::new(), 0);
    for (group, indexes) in metadata.row_groups().iter().zip(indexes) {
        let end = start + group.num_rows();
        let inside = |row: u32| i64::from(row).clamp(start, end) - start;
        let in_group: Vec<Range<i64>> = rows
            .iter()
            .map(|rows| inside(rows.start)..inside(rows.end))
            .filter(|rows| !rows.is_empty())
            .collect();
        start = end;
        if in_group.is_empty() {
            continue;
        }
        let columns = group.columns().iter().zip(indexes).enumerate();
        for (_, (column, index)) in columns.filter(|(leaf, _)| mask.leaf_included(*leaf)) {
            pages.extend(dictionary(column));
            let of_column = pages.len();
            for range in in_group.iter().filter_map(|rows| values(index, rows)) {
                // Ranges of rows that stand in one page are told together.
                match pages[of_column..].last_mut() {
                    Some(last) if range.start < last.end => last.end = last.end.max(range.end),
                    _ => pages.push(range),
                }
            }
        }
    }
    pages
}

/// The page of a column's dictionary.
fn dictionary(column: &ColumnChunkMetaData) -> Option<Range<u64>> {
    let start = u64::try_from(column.dictionary_page_offset()?).ok()?;
    let end = u64::try_from(column.data_page_offset()).ok()?;
    (start < end).then_some(start..end)
}

/// Where the pages of a column that hold `rows` lie, side by side.
fn values(index: &OffsetIndexMetaData, rows: &Range<i64>) -> Option<Range<u64>> {
    let pages = index.page_locations().get(places(index, rows))?;
    let (first, last) = (pages.first()?, pages.last()?);
    let start = u64::try_from(first.offset).ok()?;
    let end = last
        .offset
        .checked_add(i64::from(last.compressed_page_size))?;
    Some(start..u64::try_from(end).ok()?)
}

/// Places of the pages of a column that hold `rows`, which count from the first of the row group.
pub(super) fn places(index: &OffsetIndexMetaData, rows: &Range<i64>) -> Range<usize> {
    let pages = index.page_locations();
    let from = pages.partition_point(|page| page.first_row_index <= rows.start);
    let to = pages.partition_point(|page| page.first_row_index < rows.end);
    from.saturating_sub(1)..to
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use bytes::Bytes;
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::{
        ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
    };
    use parquet::file::metadata::PageIndexPolicy;
    use parquet::file::properties::WriterProperties;

    use super::*;

    const ROWS: usize = 300;

    fn table() -> RecordBatch {
        let number = Int64Array::from_iter_values((0..ROWS as i64).map(|n| n * n));
        let text = StringArray::from_iter_values((0..ROWS).map(|n| format!("value {}", n % 7)));
        let columns: [(&str, ArrayRef); 2] =
            [("number", Arc::new(number)), ("text", Arc::new(text))];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    /// In row groups of 100 rows, with pages of ten.
    fn file(table: &RecordBatch) -> Bytes {
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(100))
            .set_data_page_row_count_limit(10)
            .set_write_batch_size(10)
            .set_column_dictionary_enabled("number".into(), false)
            .build();
        let mut file = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut file, table.schema(), Some(properties)).unwrap();
        writer.write(table).unwrap();
        writer.close().unwrap();
        file.into()
    }

    #[test]
    fn rows_can_be_read_from_their_pages_alone() {
        let table = table();
        let file = file(&table);
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
        let metadata = ArrowReaderMetadata::load(&file, options).unwrap();
        for rows in [0..1, 9..11, 55..56, 95..120, 99..201, 0..300] {
            let told = pages(
                metadata.metadata(),
                std::slice::from_ref(&rows),
                &ProjectionMask::all(),
            );
            let mut rest_lost = vec![0; file.len()];
            for range in &told {
                let range = range.start as usize..range.end as usize;
                rest_lost[range.clone()].copy_from_slice(&file[range]);
            }
            let wanted = rows.start as usize..rows.end as usize;
            let selection =
                RowSelection::from_consecutive_ranges([wanted.clone()].into_iter(), ROWS);
            let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(
                Bytes::from(rest_lost),
                metadata.clone(),
            );
            let reader = reader.with_row_selection(selection).with_batch_size(ROWS);
            let read: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
            let read = arrow::compute::concat_batches(&table.schema(), &read).unwrap();
            assert_eq!(read, table.slice(wanted.start, wanted.len()), "{rows:?}");
            // Of the numbers the pages of ten rows that hold some of them, of the texts those and dictionaries.
            let groups = rows.start / 100..rows.end.div_ceil(100);
            assert_eq!(told.len(), 3 * groups.len(), "{rows:?}");
        }
        let number = ProjectionMask::leaves(metadata.parquet_schema(), [0]);
        let of_one: Vec<_> = pages(metadata.metadata(), &[0..1, 15..16], &number);
        let index = &metadata.metadata().offset_index().unwrap()[0][0];
        let starts: Vec<_> = index.page_locations()[..2]
            .iter()
            .map(|page| page.offset as u64)
            .collect();
        assert_eq!(
            of_one.iter().map(|range| range.start).collect::<Vec<_>>(),
            starts
        );
        let in_one_page = pages(metadata.metadata(), &[0..1, 3..4, 9..10], &number);
        assert_eq!(in_one_page, of_one[..1]);
        assert!(pages(metadata.metadata(), &[], &number).is_empty());
    }
}
