//! Putting many small batches into one.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewBuilder, UInt32Array};
use arrow::compute::{concat, take};
use arrow::datatypes::DataType;

use super::{SpanBatch, SpanBatchBuilder};

const SAME_SCHEMA: &str = "batches have one schema and fit into memory together";

impl SpanBatch {
    /// All spans of `batches`, in order; equal groups become one. Copies everything.
    ///
    /// # Panics
    /// When one column of all together has 2^31 bytes or more.
    #[must_use]
    pub fn concat(batches: &[&Self]) -> Self {
        let Some(first) = batches.first() else {
            return SpanBatchBuilder::new(0).finish();
        };
        if batches.len() == 1 {
            return (*first).clone();
        }
        let merged = MergedGroups::of(batches);
        let own: Vec<_> = batches.iter().map(|batch| &batch.own).collect();
        let groups: Vec<_> = batches.iter().map(|batch| &batch.groups).collect();
        let groups = concat_columns(&groups).into_iter();
        let groups = groups.map(|column| take(&column, &merged.rows, None).expect(SAME_SCHEMA));
        Self::lean(
            concat_columns(&own),
            merged.group_of,
            groups.map(own_text).collect(),
            merged.keys.into(),
        )
    }
}

/// Which groups of several batches are kept, and what becomes of the spans' references.
struct MergedGroups {
    /// Rows of all groups, put one after the other, that are the first of their content and have spans.
    rows: UInt32Array,
    keys: Vec<Arc<[u8]>>,
    group_of: Vec<u32>,
}

impl MergedGroups {
    fn of(batches: &[&SpanBatch]) -> Self {
        let mut seen: HashMap<&[u8], u32> = HashMap::new();
        let (mut rows, mut keys, mut group_of) = (Vec::new(), Vec::new(), Vec::new());
        let mut before = 0;
        for batch in batches {
            let mut numbers = vec![None; batch.group_keys.len()];
            for group in batch.group_of.values() {
                let key = &batch.group_keys[*group as usize];
                let number = numbers[*group as usize].get_or_insert_with(|| {
                    *seen.entry(key).or_insert_with(|| {
                        rows.push(before + *group);
                        keys.push(Arc::clone(key));
                        keys.len() as u32 - 1
                    })
                });
                group_of.push(*number);
            }
            before += batch.group_keys.len() as u32;
        }
        Self {
            rows: rows.into(),
            keys,
            group_of,
        }
    }
}

fn concat_columns(batches: &[&RecordBatch]) -> Vec<ArrayRef> {
    let columns = 0..batches[0].num_columns();
    let column = |index| {
        let parts: Vec<&dyn Array> = batches
            .iter()
            .map(|batch| batch.column(index).as_ref())
            .collect();
        own_text(concat(&parts).expect(SAME_SCHEMA))
    };
    columns.map(column).collect()
}

/// `column`, with text views that no longer hold on to the buffers of the batches they came from. Equal texts are kept once.
pub(super) fn own_text(column: ArrayRef) -> ArrayRef {
    if column.data_type() != &DataType::Utf8View {
        return column;
    }
    let mut own = StringViewBuilder::with_capacity(column.len()).with_deduplicate_strings();
    own.extend(column.as_string_view());
    Arc::new(own.finish())
}
