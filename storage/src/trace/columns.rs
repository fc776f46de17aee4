//! Span by span access to the columns that make up a trace's structure and summary.

use arrow::array::{
    Array, AsArray, FixedSizeBinaryArray, Float64Array, Int64Array, RecordBatch, StringViewArray,
    TimestampNanosecondArray, UInt32Array,
};
use arrow::datatypes::{Float64Type, Int64Type, TimestampNanosecondType};

use crate::batch::SpanBatch;
use crate::ids::{SpanId, TraceId};
use crate::schema::column;
use crate::span::STATUS_ERROR;
use crate::tree::{Node, Role};

/// Columns of a batch, or of a table with all columns of `spans`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpanColumns<'a> {
    trace_ids: &'a FixedSizeBinaryArray,
    span_ids: &'a FixedSizeBinaryArray,
    parents: &'a FixedSizeBinaryArray,
    names: &'a StringViewArray,
    kinds: &'a StringViewArray,
    starts: &'a TimestampNanosecondArray,
    durations: &'a Int64Array,
    statuses: &'a StringViewArray,
    weights: &'a Float64Array,
    ingested_at: &'a TimestampNanosecondArray,
    services: &'a StringViewArray,
    /// Row of `services` for each span; the span's own row without it.
    group_of: Option<&'a UInt32Array>,
}

impl<'a> SpanColumns<'a> {
    pub(crate) fn of_batch(batch: &'a SpanBatch) -> Self {
        Self::new(
            batch.own(),
            batch.group_service_names(),
            Some(batch.group_of()),
        )
    }

    pub(crate) fn of_table(table: &'a RecordBatch) -> Self {
        Self::new(
            table,
            table.column(column::SERVICE_NAME).as_string_view(),
            None,
        )
    }

    fn new(
        own: &'a RecordBatch,
        services: &'a StringViewArray,
        group_of: Option<&'a UInt32Array>,
    ) -> Self {
        let text = |place: usize| own.column(place).as_string_view();
        let id = |place: usize| own.column(place).as_fixed_size_binary();
        let time = |place: usize| own.column(place).as_primitive::<TimestampNanosecondType>();
        Self {
            trace_ids: id(column::TRACE_ID),
            span_ids: id(column::SPAN_ID),
            parents: id(column::PARENT_SPAN_ID),
            names: text(column::NAME),
            kinds: text(column::KIND),
            starts: time(column::START_TIME),
            durations: own.column(column::DURATION_NS).as_primitive::<Int64Type>(),
            statuses: text(column::STATUS_CODE),
            weights: own
                .column(column::SAMPLE_WEIGHT)
                .as_primitive::<Float64Type>(),
            ingested_at: time(column::INGESTED_AT),
            services,
            group_of,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.trace_ids.len()
    }

    pub(crate) fn trace_id(&self, row: usize) -> TraceId {
        TraceId(
            self.trace_ids
                .value(row)
                .try_into()
                .expect("a trace id has 16 bytes"),
        )
    }

    pub(crate) fn span_id(&self, row: usize) -> SpanId {
        id_at(self.span_ids, row)
    }

    /// The id of the parent that the span names.
    pub(crate) fn parent(&self, row: usize) -> Option<SpanId> {
        self.parents.is_valid(row).then(|| id_at(self.parents, row))
    }

    pub(crate) fn node(&self, row: usize) -> Node {
        Node {
            id: self.span_id(row),
            parent: self.parent(row),
            start_unix_nano: self.starts.value(row) as u64,
            role: Role::of_kind(self.kind(row)),
        }
    }

    /// Start, signed ns.
    pub(crate) fn start(&self, row: usize) -> i64 {
        self.starts.value(row)
    }

    pub(crate) fn duration(&self, row: usize) -> i64 {
        self.durations.value(row)
    }

    pub(crate) fn name(&self, row: usize) -> &'a str {
        self.names.value(row)
    }

    pub(crate) fn kind(&self, row: usize) -> &'a str {
        self.kinds.value(row)
    }

    pub(crate) fn status(&self, row: usize) -> &'a str {
        self.statuses.value(row)
    }

    pub(crate) fn is_error(&self, row: usize) -> bool {
        self.status(row) == STATUS_ERROR
    }

    pub(crate) fn weight(&self, row: usize) -> f64 {
        self.weights.value(row)
    }

    pub(crate) fn ingested_at(&self, row: usize) -> i64 {
        self.ingested_at.value(row)
    }

    pub(crate) fn service(&self, row: usize) -> &'a str {
        self.services.value(
            self.group_of
                .map_or(row, |group_of| group_of.value(row) as usize),
        )
    }
}

fn id_at(ids: &FixedSizeBinaryArray, row: usize) -> SpanId {
    SpanId(ids.value(row).try_into().expect("a span id has 8 bytes"))
}
