//! A range of numbers that is looked for in a column's bytes as the file splits them.
//!
//! The encoding `BYTE_STREAM_SPLIT` puts the lowest bytes of all numbers of a page one behind the other, then the next ones, up to the
//! highest:
//!
//! ```text
//!  numbers  0x0a01  0x0b02  0x0a03        page  01 02 03 | 0a 0b 0a
//!  0x0a02 to 0x0aff                             ▲  ──▶  0a:    ×     ×     then 01 03 against 02:  ×
//! ```
//!
//! Decoders put each number together again, and that takes longer than all else. Here the highest bytes are compared with those of the
//! range, the next ones where these were equal, and so on, many rows at a time; most pages are done after a byte or two.
//!
//! Source of the encoding: <https://parquet.apache.org/docs/file-format/data-pages/encodings/>, "Byte Stream Split".

use std::ops::RangeInclusive;
use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::physical_expr::split_conjunction;
use datafusion::physical_plan::PhysicalExpr;
use parquet::arrow::arrow_reader::RowSelector;
use parquet::basic::{Encoding, Type};
use parquet::column::page::{Page, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::reader::ChunkReader;
use parquet::file::serialized_reader::SerializedPageReader;

use super::matcher::Stage;

/// Bytes of a number.
const WIDTH: usize = size_of::<u64>();
/// Turned in the highest byte of signed numbers, it gives their bytes the order of the numbers.
const SIGN: u8 = 1 << 7;

/// A range of numbers in one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ByByte {
    /// The column's leaf in the file.
    leaf: usize,
    range: RangeInclusive<i64>,
}

impl ByByte {
    /// For a condition that is a range of numbers, on a column that has a number in every row and all its pages split by byte.
    pub(super) fn of(stage: &Stage, metadata: &ParquetMetaData) -> Option<Self> {
        let [place] = stage.columns[..] else {
            return None;
        };
        let schema = metadata.file_metadata().schema_descr();
        let mut leaves = 0..schema.num_columns();
        let leaf = leaves.find(|leaf| schema.get_column_root_idx(*leaf) == place)?;
        let column = schema.column(leaf);
        let is_split = |chunk: &ColumnChunkMetaData| {
            let encodings = chunk.page_encoding_stats_mask();
            encodings.is_some_and(|mask| mask.is_only(Encoding::BYTE_STREAM_SPLIT))
        };
        let mut chunks = metadata.row_groups().iter().map(|group| group.column(leaf));
        let suits = column.physical_type() == Type::INT64
            && (column.max_def_level(), column.max_rep_level()) == (0, 0)
            && chunks.all(is_split);
        let range = range_of(&stage.expr).filter(|_| suits)?;
        Some(Self { leaf, range })
    }

    /// Keeps those of `rows`, a mask for each row of row group `group`, that are in the range. Pages of which none is left are not read.
    fn keep<R: ChunkReader + 'static>(
        &self,
        file: &Arc<R>,
        metadata: &ParquetMetaData,
        group: usize,
        rows: &mut [Mask],
        over: &impl Fn() -> bool,
    ) -> Result<()> {
        let index = metadata.offset_index().and_then(|index| index.get(group));
        let index = index.and_then(|columns| columns.get(self.leaf));
        let locations = index.map(|index| index.page_locations().clone());
        let chunk = metadata.row_group(group).column(self.leaf);
        let mut pages = SerializedPageReader::new(Arc::clone(file), chunk, rows.len(), locations)?;
        let (mut bounds, mut start) = (Bounds::default(), 0);
        while let Some(next) = pages.peek_next_page()?
            && !over()
        {
            let end = next.num_rows.map(|count| start + count);
            if let Some(end) = end
                && !any(rows.get(start..end).ok_or_else(unlike)?)
            {
                pages.skip_next_page()?;
                start = end;
                continue;
            }
            let Some(page) = pages.get_next_page()? else {
                break;
            };
            let bytes = split_bytes(&page)?;
            let end = start + bytes.len() / WIDTH;
            let rows = rows.get_mut(start..end).ok_or_else(unlike)?;
            bounds.keep(bytes, &self.range, rows);
            start = end;
        }
        let whole = start == rows.len() || over();
        whole.then_some(()).ok_or_else(unlike)
    }
}

/// The rows of row group `group` that are in all of `ranges`, as a selection among all its rows; `None` when there are none, or when
/// `over` ended that.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn rows<R: ChunkReader + 'static>(
    ranges: &[&ByByte],
    file: &Arc<R>,
    metadata: &ParquetMetaData,
    group: usize,
    over: impl Fn() -> bool,
) -> Result<Option<Vec<RowSelector>>> {
    let mut rows = vec![Mask::MAX; metadata.row_group(group).num_rows() as usize];
    for range in ranges {
        range.keep(file, metadata, group, &mut rows, &over)?;
        if over() || !any(&rows) {
            return Ok(None);
        }
    }
    Ok(Some(selectors(&rows)))
}

fn unlike() -> ParquetError {
    ParquetError::General("a column has not as many numbers as its row group has rows".to_owned())
}

/// The numbers that meet `condition`; `None` when it is not a range of one column's numbers. Empty when the first is above the last.
fn range_of(condition: &Arc<dyn PhysicalExpr>) -> Option<RangeInclusive<i64>> {
    let (mut low, mut high) = (i64::MIN, i64::MAX);
    for bound in split_conjunction(condition) {
        let bound = bound.downcast_ref::<BinaryExpr>()?;
        bound.left().downcast_ref::<Column>()?;
        let (ScalarValue::Int64(Some(number)) | ScalarValue::TimestampNanosecond(Some(number), _)) =
            *bound.right().downcast_ref::<Literal>()?.value()
        else {
            return None;
        };
        let (least, most) = match bound.op() {
            Operator::Eq => (Some(number), Some(number)),
            Operator::GtEq => (Some(number), Some(i64::MAX)),
            Operator::Gt => (number.checked_add(1), Some(i64::MAX)),
            Operator::LtEq => (Some(i64::MIN), Some(number)),
            Operator::Lt => (Some(i64::MIN), number.checked_sub(1)),
            _ => return None,
        };
        (low, high) = match least.zip(most) {
            Some((least, most)) => (low.max(least), high.min(most)),
            // Nothing is above the highest number, or below the lowest.
            None => (i64::MAX, i64::MIN),
        };
    }
    Some(low..=high)
}

/// The bytes of a page's numbers.
fn split_bytes(page: &Page) -> Result<&[u8]> {
    let (Page::DataPage { buf, encoding, .. } | Page::DataPageV2 { buf, encoding, .. }) = page
    else {
        return Err(ParquetError::General(
            "a column split by byte has a dictionary".to_owned(),
        ));
    };
    let whole = buf.len() == page.num_values() as usize * WIDTH;
    if *encoding != Encoding::BYTE_STREAM_SPLIT || !whole {
        let message = "a page split by byte is not as long as its numbers";
        return Err(ParquetError::General(message.to_owned()));
    }
    Ok(buf)
}

/// Whether something holds for a row: all bits set, or none. As wide as a byte, so that many rows are compared at once.
type Mask = u8;

fn mask(holds: bool) -> Mask {
    Mask::from(holds).wrapping_neg()
}

/// Compares the numbers of a page with the bounds of a range.
#[derive(Debug, Default)]
struct Bounds {
    /// Beyond the bound at hand, by the bytes compared so far.
    beyond: Vec<Mask>,
    /// Like the bound in all these bytes.
    like: Vec<Mask>,
}

impl Bounds {
    /// Keeps those of `rows` whose numbers, of which `page` has the bytes, are in `range`.
    fn keep(&mut self, page: &[u8], range: &RangeInclusive<i64>, rows: &mut [Mask]) {
        if range.is_empty() {
            rows.fill(Mask::MIN);
        }
        if *range.start() > i64::MIN {
            self.keep_from(page, *range.start(), |byte, low| byte > low, rows);
        }
        if *range.end() < i64::MAX {
            self.keep_from(page, *range.end(), |byte, high| byte < high, rows);
        }
    }

    /// Keeps the numbers that are `bound`, or beyond it, as the highest of their bytes that differs is.
    fn keep_from(
        &mut self,
        page: &[u8],
        bound: i64,
        beyond: impl Fn(u8, u8) -> bool,
        rows: &mut [Mask],
    ) {
        for (masks, mask) in [(&mut self.beyond, Mask::MIN), (&mut self.like, Mask::MAX)] {
            masks.clear();
            masks.resize(rows.len(), mask);
        }
        for (place, bound) in bound.to_le_bytes().into_iter().enumerate().rev() {
            let sign = if place == WIDTH - 1 { SIGN } else { 0 };
            let bound = bound ^ sign;
            let bytes = &page[place * rows.len()..][..rows.len()];
            for ((passed, like), byte) in self.beyond.iter_mut().zip(&mut self.like).zip(bytes) {
                let byte = byte ^ sign;
                *passed |= *like & mask(beyond(byte, bound));
                *like &= mask(byte == bound);
            }
            if !any(&self.like) {
                break;
            }
        }
        for ((row, passed), like) in rows.iter_mut().zip(&self.beyond).zip(&self.like) {
            *row &= *passed | *like;
        }
    }
}

fn any(masks: &[Mask]) -> bool {
    masks.iter().fold(Mask::MIN, |any, mask| any | mask) != Mask::MIN
}

/// Rows that are skipped together when none of them is meant.
const SKIPPED_ROWS: usize = 1_024;

/// Neighbours may be alike: a selection joins them.
fn selectors(rows: &[Mask]) -> Vec<RowSelector> {
    let mut selectors = Vec::new();
    for rows in rows.chunks(SKIPPED_ROWS) {
        if !any(rows) {
            selectors.push(RowSelector::skip(rows.len()));
            continue;
        }
        let runs = rows.chunk_by(|row, next| row == next);
        selectors.extend(runs.map(|run| RowSelector {
            row_count: run.len(),
            skip: run[0] == Mask::MIN,
        }));
    }
    selectors
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array, RecordBatch, TimestampNanosecondArray};
    use arrow::datatypes::{Field, Schema};
    use bytes::Bytes;
    use datafusion::physical_expr::conjunction;
    use datafusion::physical_expr::expressions::{binary, lit};
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
    use parquet::basic::{Compression, ZstdLevel};
    use parquet::file::properties::{WriterProperties, WriterVersion};
    use proptest::collection::vec;
    use proptest::prelude::{Strategy, any as any_number, prop_oneof, proptest};
    use proptest::sample::{Index, select as one_of};

    use super::*;

    /// A file whose first column is filler and whose second is `column`.
    struct File {
        bytes: Arc<Bytes>,
        metadata: ArrowReaderMetadata,
        schema: Schema,
    }

    fn properties(encoding: Encoding, version: WriterVersion) -> WriterProperties {
        WriterProperties::builder()
            .set_dictionary_enabled(false)
            .set_encoding(encoding)
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_writer_version(version)
            .set_data_page_row_count_limit(100)
            .set_write_batch_size(100)
            .set_max_row_group_row_count(Some(250))
            .build()
    }

    fn file(column: ArrayRef, is_nullable: bool, properties: WriterProperties) -> File {
        let filler: ArrayRef = Arc::new(Int64Array::from_iter_values(0..column.len() as i64));
        let field = |name, column: &ArrayRef, null| {
            Arc::new(Field::new(name, column.data_type().clone(), null))
        };
        let schema = Schema::new(vec![
            field("filler", &filler, false),
            field("number", &column, is_nullable),
        ]);
        let table = RecordBatch::try_new(Arc::new(schema.clone()), vec![filler, column]).unwrap();
        let mut bytes = Vec::new();
        let mut writer =
            ArrowWriter::try_new(&mut bytes, table.schema(), Some(properties)).unwrap();
        writer.write(&table).unwrap();
        writer.close().unwrap();
        let bytes = Bytes::from(bytes);
        let metadata = ArrowReaderMetadata::load(&bytes, ArrowReaderOptions::default()).unwrap();
        File {
            bytes: Arc::new(bytes),
            metadata,
            schema: schema.project(&[1]).unwrap(),
        }
    }

    impl File {
        fn stage(&self, bounds: &[(Operator, ScalarValue)]) -> Stage {
            let bounds = bounds.iter().map(|(op, number)| {
                let column = Arc::new(Column::new("number", 0));
                binary(column, *op, lit(number.clone()), &self.schema).unwrap()
            });
            Stage {
                columns: vec![1],
                expr: conjunction(bounds),
            }
        }

        fn by_byte(&self, stage: &Stage) -> Option<ByByte> {
            ByByte::of(stage, self.metadata.metadata())
        }

        /// What is found in the first row group.
        fn group_0(&self, ranges: &[&ByByte], over: bool) -> Option<Vec<RowSelector>> {
            rows(ranges, &self.bytes, self.metadata.metadata(), 0, || over).unwrap()
        }

        /// The rows that are found, of all row groups.
        fn found(&self, stage: &Stage) -> Vec<bool> {
            let by_byte = self.by_byte(stage).expect("a range over a split column");
            let metadata = self.metadata.metadata();
            let of_group = |group: usize| {
                let rows = metadata.row_group(group).num_rows() as usize;
                let found =
                    super::rows(&[&by_byte], &self.bytes, metadata, group, || false).unwrap();
                found.unwrap_or_else(|| vec![RowSelector::skip(rows)])
            };
            let selectors = (0..metadata.num_row_groups()).flat_map(of_group);
            selectors
                .flat_map(|selector| vec![!selector.skip; selector.row_count])
                .collect()
        }
    }

    /// Numbers of every length, near each other and far apart.
    fn number() -> impl Strategy<Value = i64> {
        let edges = [
            0,
            1,
            255,
            256,
            65_535,
            65_536,
            i64::MAX,
            -1,
            -256,
            -257,
            i64::MIN,
        ];
        prop_oneof![
            one_of(edges.to_vec()),
            (any_number::<i64>(), 0..64u32).prop_map(|(number, by)| number >> by),
            1_700_000_000_000_000_000..1_700_000_000_000_001_000i64,
        ]
    }

    /// Bounds of a range: a comparison with one of some numbers or what stands beside it.
    fn bounds() -> impl Strategy<Value = Vec<(Operator, Index, i64)>> {
        use Operator::{Eq, Gt, GtEq, Lt, LtEq};
        let operator = one_of(vec![Eq, Lt, LtEq, Gt, GtEq]);
        vec((operator, any_number::<Index>(), -1..=1i64), 1..=2)
    }

    fn meets(number: i64, bounds: &[(Operator, i64)]) -> bool {
        bounds.iter().all(|(operator, bound)| match operator {
            Operator::Eq => number == *bound,
            Operator::Lt => number < *bound,
            Operator::LtEq => number <= *bound,
            Operator::Gt => number > *bound,
            _ => number >= *bound,
        })
    }

    proptest! {
        #[test]
        fn numbers_and_times_in_a_range_are_found(numbers in vec(number(), 1..600), bounds in bounds()) {
            let bounds = bounds.iter().map(|(operator, index, by)| (*operator, index.get(&numbers).saturating_add(*by)));
            let bounds: Vec<_> = bounds.collect();
            let expected: Vec<bool> = numbers.iter().map(|number| meets(*number, &bounds)).collect();
            let scalars = |scalar: fn(i64) -> ScalarValue| {
                let scalars = bounds.iter().map(|(operator, bound)| (*operator, scalar(*bound)));
                scalars.collect::<Vec<_>>()
            };
            let split = |version| properties(Encoding::BYTE_STREAM_SPLIT, version);

            let column = Arc::new(Int64Array::from(numbers.clone()));
            let written = file(column, false, split(WriterVersion::PARQUET_1_0));
            assert_eq!(written.found(&written.stage(&scalars(ScalarValue::from))), expected);

            let column = Arc::new(TimestampNanosecondArray::from(numbers));
            let written = file(column, false, split(WriterVersion::PARQUET_2_0));
            let time = |time| ScalarValue::TimestampNanosecond(Some(time), None);
            assert_eq!(written.found(&written.stage(&scalars(time))), expected);
        }
    }

    #[test]
    fn ranges_that_hold_nothing_find_nothing() {
        let column = Arc::new(Int64Array::from(vec![i64::MIN, 7, i64::MAX]));
        let split = properties(Encoding::BYTE_STREAM_SPLIT, WriterVersion::PARQUET_1_0);
        let file = file(column, false, split);
        let number = |number: i64| ScalarValue::from(number);
        let empty = [
            vec![(Operator::Lt, number(i64::MIN))],
            vec![(Operator::Gt, number(i64::MAX))],
            vec![(Operator::Gt, number(7)), (Operator::Lt, number(7))],
            vec![
                (Operator::Lt, number(i64::MIN)),
                (Operator::GtEq, number(0)),
            ],
        ];
        for bounds in empty {
            let stage = file.stage(&bounds);
            let by_byte = file.by_byte(&stage).unwrap();
            assert_eq!(file.group_0(&[&by_byte], false), None, "{bounds:?}");
        }
        let all = file.stage(&[(Operator::GtEq, number(i64::MIN))]);
        let by_byte = file.by_byte(&all).unwrap();
        let found = |over| file.group_0(&[&by_byte], over);
        assert_eq!(found(false), Some(vec![RowSelector::select(3)]));
        assert_eq!(found(true), None);
    }

    #[test]
    fn a_row_is_in_all_ranges() {
        let split = properties(Encoding::BYTE_STREAM_SPLIT, WriterVersion::PARQUET_1_0);
        let column = Arc::new(Int64Array::from_iter_values(0..250));
        let file = file(column, false, split);
        let range = |least: i64, most: i64| {
            let bounds = [
                (Operator::GtEq, least.into()),
                (Operator::LtEq, most.into()),
            ];
            file.by_byte(&file.stage(&bounds)).unwrap()
        };
        let (early, late, last) = (range(50, 149), range(149, 180), range(201, 300));
        let expected = [
            RowSelector::skip(149),
            RowSelector::select(1),
            RowSelector::skip(100),
        ];
        assert_eq!(file.group_0(&[&early, &late], false).unwrap(), expected);
        assert_eq!(file.group_0(&[&early, &last], false), None);
        let all = vec![RowSelector::select(250)];
        assert_eq!(file.group_0(&[], false), Some(all));
    }

    #[test]
    fn what_is_no_range_over_a_split_column_is_left_to_the_decoder() {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
        let made = |is_nullable, encoding| {
            let properties = properties(encoding, WriterVersion::PARQUET_1_0);
            file(Arc::clone(&column), is_nullable, properties)
        };
        let number = || ScalarValue::from(2i64);
        let asked = |file: &File| {
            file.by_byte(&file.stage(&[(Operator::Eq, number())]))
                .is_some()
        };
        assert!(asked(&made(false, Encoding::BYTE_STREAM_SPLIT)));
        assert!(!asked(&made(true, Encoding::BYTE_STREAM_SPLIT)));
        assert!(!asked(&made(false, Encoding::PLAIN)));
        assert!(!asked(&made(false, Encoding::DELTA_BINARY_PACKED)));

        let file = made(false, Encoding::BYTE_STREAM_SPLIT);
        let others = [
            (Operator::NotEq, number()),
            (Operator::Eq, ScalarValue::Int64(None)),
        ];
        for other in others {
            let stage = file.stage(std::slice::from_ref(&other));
            assert_eq!(file.by_byte(&stage), None, "{other:?}");
        }
        let two_columns = Stage {
            columns: vec![0, 1],
            ..file.stage(&[(Operator::Eq, number())])
        };
        assert_eq!(file.by_byte(&two_columns), None);
    }
}
