//! A batch of decoded spans in columns: what one payload becomes, and what the hot window is made of.
//!
//! The columns of [`schema::spans`] that all spans of a resource and scope share are kept once per
//! group, with a `UInt32` per span that names its group; [`SpanBatch::to_table`] spreads them out for the columns that a
//! query asks for.
//!
//! ```text
//!   own columns, a row a span            group   group columns, a row a resource and scope
//!   trace_id span_id name attributes …     0 ──▶ service_name resource_attributes scope_name …
//!   trace_id span_id name attributes …     0 ─┘
//!   trace_id span_id name attributes …     1 ──▶ service_name resource_attributes scope_name …
//! ```
//!
//! Spreading multiplies the bytes of a group by its spans. So that one column always fits into Arrow's 32-bit offsets, a
//! decoder refuses a payload whose [`SpanBatchBuilder::table_bytes`] goes over [`TABLE_BYTES_MAX`](crate::limits::TABLE_BYTES_MAX).

mod builder;
mod columns;
mod concat;
mod distinct;
mod gather;
mod lean;
#[cfg(test)]
pub(crate) mod tests;

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, AsArray, FixedSizeBinaryArray, Int64Array, RecordBatch, RecordBatchOptions,
    StringViewArray, TimestampNanosecondArray, UInt32Array, new_null_array,
};
use arrow::compute::take;
use arrow::datatypes::{Int64Type, Schema, SchemaRef, TimestampNanosecondType};

pub use builder::{Group, SpanBatchBuilder};
pub(crate) use distinct::distinct_rows;

use crate::ids::TraceId;
use crate::schema::{self, column};

const IN_RANGE: &str = "row and group numbers are in range and columns are of the schema's types";

/// Number of columns that a span carries itself.
static OWN: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Schema::new(schema::own_fields())));
static GROUPS: LazyLock<SchemaRef> =
    LazyLock::new(|| Arc::new(Schema::new(schema::group_fields())));

/// Content of each group, to tell equal ones.
type GroupKeys = Arc<[Arc<[u8]>]>;

/// Decoded spans, immutable. Cheap to clone and to slice.
#[derive(Debug, Clone)]
pub struct SpanBatch {
    /// The first columns of `spans`, a row a span.
    own: RecordBatch,
    /// The group of each span: a row of `groups`.
    group_of: UInt32Array,
    /// The columns that follow, a row a group.
    groups: RecordBatch,
    group_keys: GroupKeys,
}

impl SpanBatch {
    /// A batch of these columns that holds no more memory than it needs.
    fn lean(
        own: Vec<ArrayRef>,
        group_of: Vec<u32>,
        groups: Vec<ArrayRef>,
        group_keys: GroupKeys,
    ) -> Self {
        let table = |schema: &SchemaRef, columns: Vec<ArrayRef>| {
            let columns = columns.into_iter().map(lean::lean).collect();
            RecordBatch::try_new(Arc::clone(schema), columns).expect(IN_RANGE)
        };
        let group_of: ArrayRef = Arc::new(UInt32Array::from(group_of));
        Self {
            own: table(&OWN, own),
            group_of: lean::lean(group_of).as_primitive().clone(),
            groups: table(&GROUPS, groups),
            group_keys,
        }
    }

    /// Number of spans.
    #[must_use]
    pub fn len(&self) -> usize {
        self.own.num_rows()
    }

    /// True when there is no span.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory that the columns hold, without what all batches share; a slice counts the whole it was cut from.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let keys: usize = self.group_keys.iter().map(|key| key.len()).sum();
        let group_of: ArrayRef = Arc::new(self.group_of.clone());
        let columns = self.own.columns().iter().chain(self.groups.columns());
        let columns: usize = columns.chain([&group_of]).map(lean::held_bytes).sum();
        columns + keys
    }

    /// The spans `rows` of this batch, without copying.
    ///
    /// # Panics
    /// When `rows` reaches beyond the batch.
    #[must_use]
    pub fn slice(&self, rows: Range<usize>) -> Self {
        Self {
            own: self.own.slice(rows.start, rows.len()),
            group_of: self.group_of.slice(rows.start, rows.len()),
            groups: self.groups.clone(),
            group_keys: Arc::clone(&self.group_keys),
        }
    }

    /// The columns `projection` (indices into [`schema::spans`], in that order; all if `None`).
    ///
    /// Large batches with large resources are better read by [`SpanBatch::tables`].
    ///
    /// # Panics
    /// When an index is out of range.
    #[must_use]
    pub fn to_table(&self, projection: Option<&[usize]>) -> RecordBatch {
        self.table(projection, |own| Arc::clone(own), &self.group_of)
    }

    /// The rows `rows` of [`SpanBatch::to_table`], in the order asked for.
    ///
    /// # Panics
    /// When a row or an index is out of range.
    #[must_use]
    pub fn rows_to_table(&self, rows: &UInt32Array, projection: Option<&[usize]>) -> RecordBatch {
        let group_of = take(&self.group_of, rows, None).expect(IN_RANGE);
        self.table(
            projection,
            |own| take(own, rows, None).expect(IN_RANGE),
            group_of.as_primitive(),
        )
    }

    /// [`SpanBatch::to_table`] in parts of at most `rows_max` rows.
    pub fn tables<'a>(
        &'a self,
        projection: Option<&'a [usize]>,
        rows_max: usize,
    ) -> impl Iterator<Item = RecordBatch> + 'a {
        let starts = (0..self.len()).step_by(rows_max.max(1));
        starts.map(move |start| {
            let end = start.saturating_add(rows_max.max(1)).min(self.len());
            self.slice(start..end).to_table(projection)
        })
    }

    fn table(
        &self,
        projection: Option<&[usize]>,
        own: impl Fn(&ArrayRef) -> ArrayRef,
        group_of: &UInt32Array,
    ) -> RecordBatch {
        let schema = schema::spans();
        let column = |index: usize| {
            if index < column::SERVICE_NAME {
                own(self.own.column(index))
            } else if index < column::DEPTH {
                let groups = self.groups.column(index - column::SERVICE_NAME);
                take(groups, group_of, None).expect(IN_RANGE)
            } else {
                new_null_array(schema.field(index).data_type(), group_of.len())
            }
        };
        let options = RecordBatchOptions::new().with_row_count(Some(group_of.len()));
        let (columns, schema) = match projection {
            None => (
                (0..column::COUNT).map(column).collect(),
                Arc::clone(&schema),
            ),
            Some(projection) => {
                let projected = schema.project(projection).expect(IN_RANGE);
                (
                    projection.iter().copied().map(column).collect(),
                    Arc::new(projected),
                )
            }
        };
        RecordBatch::try_new_with_options(schema, columns, &options).expect(IN_RANGE)
    }

    /// The columns that spans carry themselves: the first ones of [`schema::spans`], a row a span.
    #[must_use]
    pub fn own(&self) -> &RecordBatch {
        &self.own
    }

    /// The columns that spans of one resource and scope share: those after [`SpanBatch::own`], a row a group.
    ///
    /// A slice keeps all groups of the batch it was cut from.
    #[must_use]
    pub fn groups(&self) -> &RecordBatch {
        &self.groups
    }

    /// The row of [`SpanBatch::groups`] that each span belongs to.
    #[must_use]
    pub fn group_of(&self) -> &UInt32Array {
        &self.group_of
    }

    /// Trace id of each span, 16 bytes.
    #[must_use]
    pub fn trace_ids(&self) -> &FixedSizeBinaryArray {
        self.own.column(column::TRACE_ID).as_fixed_size_binary()
    }

    /// Trace id of the span in row `row`.
    ///
    /// # Panics
    /// When `row` is out of range.
    #[must_use]
    pub fn trace_id(&self, row: usize) -> TraceId {
        TraceId(
            self.trace_ids()
                .value(row)
                .try_into()
                .expect("a trace id has 16 bytes"),
        )
    }

    /// Rows of the spans of trace `id`, ascending.
    #[must_use]
    pub fn rows_of_trace(&self, id: TraceId) -> Vec<u32> {
        let (ids, _) = self.trace_ids().value_data().as_chunks::<16>();
        let wanted = u128::from_ne_bytes(id.0);
        let is_of_trace = |other: &[u8; 16]| u128::from_ne_bytes(*other) == wanted;
        let rows = ids.iter().enumerate();
        rows.filter(|(_, other)| is_of_trace(other))
            .map(|(row, _)| row as u32)
            .collect()
    }

    /// Span id of each span, 8 bytes.
    #[must_use]
    pub fn span_ids(&self) -> &FixedSizeBinaryArray {
        self.own.column(column::SPAN_ID).as_fixed_size_binary()
    }

    /// Parent of each span, 8 bytes or null.
    #[must_use]
    pub fn parent_span_ids(&self) -> &FixedSizeBinaryArray {
        self.own
            .column(column::PARENT_SPAN_ID)
            .as_fixed_size_binary()
    }

    /// Name of each span.
    #[must_use]
    pub fn names(&self) -> &StringViewArray {
        self.own.column(column::NAME).as_string_view()
    }

    /// Kind of each span.
    #[must_use]
    pub fn kinds(&self) -> &StringViewArray {
        self.own.column(column::KIND).as_string_view()
    }

    /// Start of each span, ns since the epoch.
    #[must_use]
    pub fn start_times(&self) -> &TimestampNanosecondArray {
        self.own
            .column(column::START_TIME)
            .as_primitive::<TimestampNanosecondType>()
    }

    /// Duration of each span, ns.
    #[must_use]
    pub fn durations(&self) -> &Int64Array {
        self.own
            .column(column::DURATION_NS)
            .as_primitive::<Int64Type>()
    }

    /// Status of each span.
    #[must_use]
    pub fn status_codes(&self) -> &StringViewArray {
        self.own.column(column::STATUS_CODE).as_string_view()
    }

    /// When each span was received, ns since the epoch.
    #[must_use]
    pub fn ingested_at(&self) -> &TimestampNanosecondArray {
        self.own
            .column(column::INGESTED_AT)
            .as_primitive::<TimestampNanosecondType>()
    }

    /// Service name of each group.
    #[must_use]
    pub fn group_service_names(&self) -> &StringViewArray {
        self.groups.column(0).as_string_view()
    }

    /// Service name of the span in row `row`.
    ///
    /// # Panics
    /// When `row` is out of range.
    #[must_use]
    pub fn service_name(&self, row: usize) -> &str {
        self.group_service_names()
            .value(self.group_of.value(row) as usize)
    }

    /// What makes the group of the span in row `row` different from others.
    pub(crate) fn group_key(&self, row: usize) -> &[u8] {
        &self.group_keys[self.group_of.value(row) as usize]
    }
}
