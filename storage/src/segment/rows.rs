//! Planned rows as Arrow columns, some thousand at a time.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int32Array, RecordBatch};
use arrow::datatypes::{Float64Type, SchemaRef};
use arrow::error::ArrowError;

use super::attributes::{AttributeOwner, GroupColumns, OwnerColumns};
use super::ids;
use super::plan::PlannedRow;
use crate::batch::SpanBatch;
use crate::interleave::interleave;
use crate::schema::column;

/// Rows of one part at most.
const ROWS_MAX: usize = 4096;
/// Bytes of resources and scopes that are spread in one part, at most; but never less than one row.
const GROUP_BYTES_MAX: usize = 16 << 20;

/// Makes tables of planned rows.
pub(super) struct RowSource<'a> {
    pub(super) batches: &'a [Arc<SpanBatch>],
    rows: &'a [PlannedRow],
}

impl<'a> RowSource<'a> {
    pub(super) fn new(batches: &'a [Arc<SpanBatch>], rows: &'a [PlannedRow]) -> Self {
        Self { batches, rows }
    }

    /// The end of the part that begins at `start`, at most `end`.
    pub(super) fn part_end(&self, start: usize, end: usize) -> usize {
        let end = end.min(start + ROWS_MAX);
        let mut bytes = 0;
        for (place, row) in self.rows[start..end].iter().enumerate() {
            bytes += self.batch(row).group_key(row.span.row as usize).len();
            if bytes > GROUP_BYTES_MAX {
                return start + place.max(1);
            }
        }
        end
    }

    fn batch(&self, row: &PlannedRow) -> &'a SpanBatch {
        &self.batches[row.span.batch as usize]
    }

    /// Batch and row there of each of the rows `rows`.
    pub(super) fn places(
        &self,
        rows: Range<usize>,
    ) -> impl ExactSizeIterator<Item = (usize, usize)> {
        let planned = self.rows[rows].iter();
        planned.map(|row| (row.span.batch as usize, row.span.row as usize))
    }

    /// The columns `schema` of a file, for the rows `rows`, given their split attributes and those of all resources.
    pub(super) fn table(
        &self,
        rows: Range<usize>,
        schema: &SchemaRef,
        of_spans: OwnerColumns,
        of_groups: &GroupColumns,
    ) -> Result<RecordBatch, ArrowError> {
        let planned = &self.rows[rows.clone()];
        let own: Vec<_> = self.places(rows.clone()).collect();
        let group = |row: &PlannedRow| {
            let group = self.batch(row).group_of().value(row.span.row as usize);
            (row.span.batch as usize, group as usize)
        };
        let groups: Vec<_> = planned.iter().map(group).collect();
        let mut columns = Vec::with_capacity(schema.fields().len());
        for place in 0..column::SERVICE_NAME {
            columns.push(if place == AttributeOwner::Span.place() {
                Arc::clone(&of_spans.layout)
            } else {
                self.pick(&own, |batch| batch.own().column(place))?
            });
        }
        for place in column::SERVICE_NAME..column::DEPTH {
            columns.push(if place == AttributeOwner::Resource.place() {
                pick_groups(of_groups, &groups, |group| &group.layout)?
            } else {
                let place = place - column::SERVICE_NAME;
                self.pick(&groups, |batch| batch.groups().column(place))?
            });
        }
        let ids = (&columns[column::SPAN_ID], &columns[column::PARENT_SPAN_ID]);
        let [joined, has_parent] = ids::join(ids.0, ids.1).expect("batches have columns of ids");
        columns[column::SPAN_ID] = joined;
        columns[column::PARENT_SPAN_ID] = has_parent;
        columns[column::SAMPLE_WEIGHT] = weights(&columns[column::SAMPLE_WEIGHT], planned);
        columns.extend(structure(planned));
        columns.extend(of_spans.rest);
        let of_resource = of_groups.first().map_or(0, |group| group.rest.len());
        for place in 0..of_resource {
            columns.push(pick_groups(of_groups, &groups, |group| &group.rest[place])?);
        }
        RecordBatch::try_new(Arc::clone(schema), columns)
    }

    fn pick(
        &self,
        places: &[(usize, usize)],
        column: impl Fn(&'a SpanBatch) -> &'a ArrayRef,
    ) -> Result<ArrayRef, ArrowError> {
        // Whoever gathers rows by himself gives one batch with these very rows.
        if let [batch] = self.batches
            && column(batch).len() == places.len()
            && (0..places.len()).eq(places.iter().map(|place| place.1))
        {
            return Ok(Arc::clone(column(batch)));
        }
        let sources: Vec<&dyn Array> = self
            .batches
            .iter()
            .map(|batch| column(batch).as_ref())
            .collect();
        interleave(&sources, places)
    }
}

/// The weights of `rows`, raised by the thresholds of their traces.
fn weights(weights: &ArrayRef, rows: &[PlannedRow]) -> ArrayRef {
    let weights = weights.as_primitive::<Float64Type>().values().iter();
    let weights = weights
        .zip(rows)
        .map(|(weight, row)| row.weighing.apply(*weight));
    Arc::new(weights.collect::<Float64Array>())
}

fn pick_groups(
    of_groups: &GroupColumns,
    places: &[(usize, usize)],
    column: impl Fn(&OwnerColumns) -> &ArrayRef,
) -> Result<ArrayRef, ArrowError> {
    let sources: Vec<&dyn Array> = of_groups
        .iter()
        .map(|group| column(group).as_ref())
        .collect();
    interleave(&sources, places)
}

fn structure(rows: &[PlannedRow]) -> [ArrayRef; 3] {
    let depth: Int32Array = rows.iter().map(|row| Some(row.depth)).collect();
    let parent: Int32Array = rows
        .iter()
        .map(|row| (row.parent_offset > 0).then_some(row.parent_offset))
        .collect();
    let size: Int32Array = rows.iter().map(|row| Some(row.subtree_size)).collect();
    [Arc::new(depth), Arc::new(parent), Arc::new(size)]
}
