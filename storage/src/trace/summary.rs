//! What `traces` says of a trace.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanBuilder, FixedSizeBinaryBuilder, Float64Builder, Int32Builder,
    Int64Builder, ListArray, RecordBatch, StringBuilder, StringViewBuilder, StructArray,
    TimestampNanosecondBuilder, UInt32Builder,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{
    DataType, Float64Type, Int32Type, Int64Type, TimestampNanosecondType, UInt32Type,
};

use super::content::Spans;
use crate::ids::TraceId;
use crate::policy::{TraceFacts, Weighing};
use crate::schema;
use crate::span::start_order;
use crate::tree::TreeRow;

/// A row of `traces`, but for `first_row`; and what a segment's footer says of its traces.
#[derive(Debug, Clone)]
pub(crate) struct Summary<'a> {
    pub(crate) trace_id: TraceId,
    pub(crate) root_service: &'a str,
    pub(crate) root_name: &'a str,
    /// Earliest start, as sent; 0 only if no span has a start time.
    pub(crate) start_unix_nano: u64,
    /// From the earliest start to the latest end, never negative.
    pub(crate) duration_ns: i64,
    pub(crate) span_count: u32,
    pub(crate) error_count: u32,
    pub(crate) orphan_count: u32,
    /// Spans and errors of each service.
    pub(crate) services: BTreeMap<&'a str, (u32, u32)>,
    /// Levels: 1 when no span has a child.
    pub(crate) depth: u32,
    /// Weight of the root.
    pub(crate) weight: f64,
    pub(crate) complete: bool,
    /// Several of its spans may have one id.
    pub(crate) repeats_ids: bool,
}

impl<'a> Summary<'a> {
    /// The summary of the trace whose tree is `tree`, not empty; node `n` of the tree is row `rows[n]` of `spans`, and nodes stand by their id,
    /// as [`arrange`](super::content::arrange) puts them.
    pub(crate) fn of(spans: &'a impl Spans, rows: &[u32], tree: &[TreeRow]) -> Self {
        let span = |row: &TreeRow| spans.columns(rows[row.node as usize] as usize);
        let start = |row: &TreeRow| {
            let (columns, at) = span(row);
            columns.start(at) as u64
        };
        let id = |row: u32| {
            let (columns, at) = spans.columns(row as usize);
            columns.span_id(at)
        };
        let is_root = |row: &&TreeRow| {
            let (columns, at) = span(row);
            row.parent.is_none() && columns.parent(at).is_none()
        };
        let earliest = tree
            .iter()
            .min_by_key(|row| start_order(start(row)))
            .expect("a trace has a span");
        let true_root = tree
            .iter()
            .filter(is_root)
            .min_by_key(|row| start_order(start(row)));
        let (root, at) = span(true_root.unwrap_or(earliest));
        let mut summary = Self {
            trace_id: root.trace_id(at),
            root_service: root.service(at),
            root_name: root.name(at),
            start_unix_nano: start(earliest),
            duration_ns: 0,
            span_count: tree.len() as u32,
            error_count: 0,
            orphan_count: tree.iter().filter(|row| row.orphan).count() as u32,
            services: BTreeMap::new(),
            depth: tree.iter().map(|row| row.depth + 1).max().unwrap_or(0),
            weight: root.weight(at),
            complete: false,
            repeats_ids: rows.windows(2).any(|pair| id(pair[0]) == id(pair[1])),
        };
        summary.complete = true_root.is_some() && summary.orphan_count == 0;
        for row in tree {
            let (columns, at) = span(row);
            let service = summary.services.entry(columns.service(at)).or_default();
            service.0 += 1;
            if columns.is_error(at) {
                service.1 += 1;
                summary.error_count += 1;
            }
            summary.cover(columns.start(at) as u64, columns.duration(at));
        }
        summary
    }

    /// What row `row` of a table with all columns of `traces` says; `repeats_ids` says what the table does not.
    ///
    /// # Panics
    /// When there is no such row, or the columns are others.
    pub(crate) fn of_row(traces: &'a RecordBatch, row: usize, repeats_ids: bool) -> Self {
        let text = |place: usize| traces.column(place).as_string_view().value(row);
        let count = |place: usize| traces.column(place).as_primitive::<UInt32Type>().value(row);
        let id = traces.column(0).as_fixed_size_binary().value(row);
        let start = traces
            .column(3)
            .as_primitive::<TimestampNanosecondType>()
            .value(row);
        let list = traces.column(8).as_list::<i32>();
        let services = list.values().as_struct();
        let of_service = |place: usize| services.column(place).as_primitive::<UInt32Type>();
        let offsets = list.value_offsets();
        let entries = offsets[row] as usize..offsets[row + 1] as usize;
        let services = entries.map(|entry| {
            let name = services.column(0).as_string::<i32>().value(entry);
            let counts = (of_service(1).value(entry), of_service(2).value(entry));
            (name, counts)
        });
        Self {
            trace_id: TraceId(id.try_into().expect("a trace id has 16 bytes")),
            root_service: text(1),
            root_name: text(2),
            start_unix_nano: start as u64,
            duration_ns: traces.column(4).as_primitive::<Int64Type>().value(row),
            span_count: count(5),
            error_count: count(6),
            orphan_count: count(7),
            services: services.collect(),
            depth: traces.column(9).as_primitive::<Int32Type>().value(row) as u32,
            weight: traces.column(10).as_primitive::<Float64Type>().value(row),
            complete: traces.column(11).as_boolean().value(row),
            repeats_ids,
        }
    }

    /// Stretches the duration to the end of a span; one that ends before it starts counts as long as its start, and one
    /// without a start time says nothing.
    fn cover(&mut self, start_unix_nano: u64, duration_ns: i64) {
        if start_unix_nano < self.start_unix_nano {
            return;
        }
        let end = start_unix_nano.saturating_add(u64::try_from(duration_ns).unwrap_or(0));
        let duration = i64::try_from(end - self.start_unix_nano).unwrap_or(i64::MAX);
        self.duration_ns = self.duration_ns.max(duration);
    }

    pub(crate) fn facts(&self) -> TraceFacts<'a> {
        TraceFacts {
            trace_id: self.trace_id,
            root_service: self.root_service,
            root_name: self.root_name,
            duration_ns: self.duration_ns,
            span_count: self.span_count,
            error_count: self.error_count,
        }
    }
}

/// Builds rows of [`schema::traces`].
#[derive(Debug)]
pub(crate) struct TracesBuilder {
    trace_id: FixedSizeBinaryBuilder,
    root_service_name: StringViewBuilder,
    root_name: StringViewBuilder,
    start_time: TimestampNanosecondBuilder,
    duration_ns: Int64Builder,
    span_count: UInt32Builder,
    error_count: UInt32Builder,
    orphan_count: UInt32Builder,
    service_name: StringBuilder,
    service_spans: UInt32Builder,
    service_errors: UInt32Builder,
    service_counts: Vec<usize>,
    depth: Int32Builder,
    sample_weight: Float64Builder,
    complete: BooleanBuilder,
    first_row: UInt32Builder,
}

impl TracesBuilder {
    pub(crate) fn new() -> Self {
        Self {
            trace_id: FixedSizeBinaryBuilder::with_capacity(0, 16),
            root_service_name: StringViewBuilder::with_capacity(0),
            root_name: StringViewBuilder::with_capacity(0),
            start_time: TimestampNanosecondBuilder::with_capacity(0)
                .with_data_type(schema::timestamp()),
            duration_ns: Int64Builder::with_capacity(0),
            span_count: UInt32Builder::with_capacity(0),
            error_count: UInt32Builder::with_capacity(0),
            orphan_count: UInt32Builder::with_capacity(0),
            service_name: StringBuilder::with_capacity(0, 0),
            service_spans: UInt32Builder::with_capacity(0),
            service_errors: UInt32Builder::with_capacity(0),
            service_counts: Vec::new(),
            depth: Int32Builder::with_capacity(0),
            sample_weight: Float64Builder::with_capacity(0),
            complete: BooleanBuilder::with_capacity(0),
            first_row: UInt32Builder::with_capacity(0),
        }
    }

    /// Appends a trace that was kept with `weighing`.
    pub(crate) fn push(&mut self, summary: &Summary<'_>, weighing: Weighing, first_row: u32) {
        self.trace_id
            .append_value(summary.trace_id.0)
            .expect("a trace id has 16 bytes");
        self.root_service_name.append_value(summary.root_service);
        self.root_name.append_value(summary.root_name);
        self.start_time.append_value(summary.start_unix_nano as i64);
        self.duration_ns.append_value(summary.duration_ns);
        self.span_count.append_value(summary.span_count);
        self.error_count.append_value(summary.error_count);
        self.orphan_count.append_value(summary.orphan_count);
        for (service, (spans, errors)) in &summary.services {
            self.service_name.append_value(service);
            self.service_spans.append_value(*spans);
            self.service_errors.append_value(*errors);
        }
        self.service_counts.push(summary.services.len());
        self.depth.append_value(summary.depth as i32);
        self.sample_weight
            .append_value(weighing.apply(summary.weight));
        self.complete.append_value(summary.complete);
        self.first_row.append_value(first_row);
    }

    pub(crate) fn finish(mut self) -> RecordBatch {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.trace_id.finish()),
            Arc::new(self.root_service_name.finish()),
            Arc::new(self.root_name.finish()),
            Arc::new(self.start_time.finish()),
            Arc::new(self.duration_ns.finish()),
            Arc::new(self.span_count.finish()),
            Arc::new(self.error_count.finish()),
            Arc::new(self.orphan_count.finish()),
            Arc::new(self.services()),
            Arc::new(self.depth.finish()),
            Arc::new(self.sample_weight.finish()),
            Arc::new(self.complete.finish()),
            Arc::new(self.first_row.finish()),
        ];
        RecordBatch::try_new(schema::traces(), columns)
            .expect("a value of every column for every trace")
    }

    fn services(&mut self) -> ListArray {
        let schema = schema::traces();
        let field = schema
            .field_with_name("services")
            .expect("`traces` has services");
        let DataType::List(item) = field.data_type() else {
            unreachable!("services are a list")
        };
        let DataType::Struct(fields) = item.data_type() else {
            unreachable!("a service is a struct")
        };
        let children: Vec<ArrayRef> = vec![
            Arc::new(self.service_name.finish()),
            Arc::new(self.service_spans.finish()),
            Arc::new(self.service_errors.finish()),
        ];
        let services = StructArray::new(fields.clone(), children, None);
        let offsets = OffsetBuffer::from_lengths(self.service_counts.drain(..));
        ListArray::new(Arc::clone(item), offsets, Arc::new(services), None)
    }
}
