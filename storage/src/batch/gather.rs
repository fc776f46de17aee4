//! Batches made of rows of others.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow::error::ArrowError;

use super::concat::own_text;
use super::{GROUPS, IN_RANGE, OWN, SpanBatch, distinct_rows};
use crate::interleave::interleave;
use crate::schema::column;
use crate::trace::content::write_value;
use crate::trace::parts::bytes_of;

impl SpanBatch {
    /// A batch of the columns `own`, a row a span, and `groups`; `group_of` names the group of each span.
    ///
    /// # Errors
    /// When the columns are not those of a batch.
    pub(crate) fn of_parts(
        own: &RecordBatch,
        group_of: Vec<u32>,
        groups: &RecordBatch,
    ) -> Result<Self, ArrowError> {
        let key = |group: usize| {
            let mut key = Vec::new();
            for column in groups.columns() {
                write_value(column, group, &mut key);
            }
            Arc::from(key)
        };
        Ok(Self {
            group_keys: (0..groups.num_rows()).map(key).collect(),
            own: RecordBatch::try_new(Arc::clone(&OWN), own.columns().to_vec())?,
            group_of: UInt32Array::from(group_of),
            groups: RecordBatch::try_new(Arc::clone(&GROUPS), groups.columns().to_vec())?,
        })
    }

    /// A batch of the rows of a table with all columns of `spans`. Where the spans stand in their traces is left out.
    ///
    /// # Errors
    /// When the table has other columns.
    pub(crate) fn of_table(table: &RecordBatch) -> Result<Self, ArrowError> {
        let own: Vec<usize> = (0..column::SERVICE_NAME).collect();
        let of_groups: Vec<usize> = (column::SERVICE_NAME..column::DEPTH).collect();
        let groups = table.project(&of_groups)?;
        let (group_of, firsts) = distinct_rows(groups.columns(), table.num_rows());
        let groups = arrow::compute::take_record_batch(&groups, &UInt32Array::from(firsts))?;
        Self::of_parts(&table.project(&own)?, group_of, &groups)
    }

    /// The rows `places` (batch and row there) of `batches`, in this order; equal groups become one.
    ///
    /// Groups are told apart by how [`SpanBatch::of_parts`] or the decoder described them: do not mix both.
    ///
    /// # Panics
    /// When a place is out of range, or a column has 2^31 bytes or more.
    pub(crate) fn gather(batches: &[&Self], places: &[(usize, usize)]) -> Self {
        let group_counts = batches.iter().map(|batch| batch.group_keys.len());
        let mut numbers: Vec<Vec<Option<u32>>> = group_counts.map(|n| vec![None; n]).collect();
        let mut by_key: HashMap<&[u8], u32> = HashMap::new();
        let (mut group_places, mut group_keys) = (Vec::new(), Vec::new());
        let mut group_of = Vec::with_capacity(places.len());
        for (batch, row) in places {
            let of = batches[*batch];
            let group = of.group_of.value(*row);
            let number = &mut numbers[*batch][group as usize];
            group_of.push(*number.get_or_insert_with(|| {
                let key = &of.group_keys[group as usize];
                *by_key.entry(key).or_insert_with(|| {
                    group_places.push((*batch, group as usize));
                    group_keys.push(Arc::clone(key));
                    group_keys.len() as u32 - 1
                })
            }));
        }
        let own: Vec<_> = batches.iter().map(|batch| &batch.own).collect();
        let groups: Vec<_> = batches.iter().map(|batch| &batch.groups).collect();
        let own = RecordBatch::try_new(Arc::clone(&OWN), pick(&own, places));
        let groups = RecordBatch::try_new(Arc::clone(&GROUPS), pick(&groups, &group_places));
        Self {
            own: own.expect(IN_RANGE),
            group_of: UInt32Array::from(group_of),
            groups: groups.expect(IN_RANGE),
            group_keys: group_keys.into(),
        }
    }

    /// The same, but holding no memory of the batches that it was gathered from.
    pub(crate) fn detached(&self) -> Self {
        let detach = |table: &RecordBatch| {
            let columns = table.columns().iter().map(Arc::clone).map(own_text);
            columns.collect()
        };
        Self::lean(
            detach(&self.own),
            self.group_of.values().to_vec(),
            detach(&self.groups),
            Arc::clone(&self.group_keys),
        )
    }

    /// Bytes of the values that the rows show, about: what a copy of them takes.
    pub(crate) fn value_bytes(&self) -> usize {
        let columns = self.own.columns().iter();
        columns.map(|column| bytes_of(column)).sum()
    }
}

fn pick(tables: &[&RecordBatch], places: &[(usize, usize)]) -> Vec<ArrayRef> {
    let columns = tables.first().map_or(0, |table| table.num_columns());
    let column = |place: usize| {
        let sources: Vec<&dyn Array> = tables
            .iter()
            .map(|table| table.column(place).as_ref())
            .collect();
        interleave(&sources, places).expect(IN_RANGE)
    };
    (0..columns).map(column).collect()
}
