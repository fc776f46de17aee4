//! Entries of a chunk of spans as rows: which span each is of, its key and its value.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, MapArray, RecordBatch, RecordBatchOptions, StringViewArray,
    UInt32Array,
};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::{cast, take};
use arrow::datatypes::DataType;
use clew_storage::segment::attributes::double_text;
use datafusion::common::Result;

use super::scan::Scan;
use super::{KEY, VALUE};
use crate::table::footer::DictionaryKey;

/// A chunk of spans.
pub(super) struct Chunk<'a> {
    pub(super) scan: &'a Scan,
    /// The columns of them that are asked for, in the order of the table.
    pub(super) spans: &'a [ArrayRef],
    /// Those that meet the condition; all without one.
    pub(super) wanted: Option<BooleanBuffer>,
}

impl Chunk<'_> {
    /// The values of `key`, which `column` has in the rows of the spans.
    ///
    /// # Errors
    /// When the column is of a type that no column of attributes has.
    pub(super) fn of_column(&self, key: &str, column: &ArrayRef) -> Result<RecordBatch> {
        let set = column.nulls().map(NullBuffer::inner);
        let rows = match (set, &self.wanted) {
            (Some(set), Some(wanted)) => places(&(set & wanted)),
            (Some(set), None) => places(set),
            (None, Some(wanted)) => places(wanted),
            (None, None) => UInt32Array::from_iter_values(0..column.len() as u32),
        };
        let keys = || {
            let key = StringViewArray::from_iter_values([key]);
            Ok(take(&key, &UInt32Array::from(vec![0; rows.len()]), None)?)
        };
        self.rows(&rows, keys, || texts(column, &rows))
    }

    /// The entries of `map`, which has one map for each span.
    ///
    /// # Errors
    /// When the map is not of text.
    pub(super) fn of_map(&self, map: &MapArray) -> Result<RecordBatch> {
        let offsets = map.value_offsets();
        let entries = (offsets[map.len()] - offsets[0]) as usize;
        let (mut rows, mut places) = (Vec::with_capacity(entries), Vec::with_capacity(entries));
        for (row, range) in offsets.windows(2).enumerate() {
            if self.wanted.as_ref().is_none_or(|wanted| wanted.value(row)) {
                for place in range[0]..range[1] {
                    rows.push(row as u32);
                    places.push(place as u32);
                }
            }
        }
        let places = UInt32Array::from(places);
        let of = |texts: &ArrayRef| Ok(take(&cast(texts, &DataType::Utf8View)?, &places, None)?);
        self.rows(
            &UInt32Array::from(rows),
            || of(map.keys()),
            || of(map.values()),
        )
    }

    /// The columns to give of entries that are of the spans `rows`.
    fn rows(
        &self,
        rows: &UInt32Array,
        keys: impl Fn() -> Result<ArrayRef>,
        values: impl Fn() -> Result<ArrayRef>,
    ) -> Result<RecordBatch> {
        let mut spans = self.spans.iter();
        let mut columns = Vec::with_capacity(self.scan.projection.len());
        for place in &self.scan.projection {
            columns.push(match *place {
                KEY => keys()?,
                VALUE => values()?,
                _ => match spans.next() {
                    Some(column) => take(column, rows, None)?,
                    None => continue,
                },
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let schema = Arc::clone(&self.scan.schema);
        Ok(RecordBatch::try_new_with_options(
            schema, columns, &options,
        )?)
    }
}

fn places(set: &BooleanBuffer) -> UInt32Array {
    set.set_indices_u32().collect::<Vec<_>>().into()
}

/// Canonical texts of the values that a column of attributes has in `rows`.
fn texts(column: &ArrayRef, rows: &UInt32Array) -> Result<ArrayRef> {
    Ok(match column.data_type() {
        DataType::Dictionary(..) => {
            let coded = column.as_dictionary::<DictionaryKey>();
            let values = cast(coded.values(), &DataType::Utf8View)?;
            take(&values, &take(coded.keys(), rows, None)?, None)?
        }
        DataType::Float64 => {
            let values = take(column, rows, None)?;
            cast(&double_text(&values), &DataType::Utf8View)?
        }
        _ => cast(&take(column, rows, None)?, &DataType::Utf8View)?,
    })
}
