//! Traces and spans as a sampler sees them: read from the columns of the hot window, nothing copied.

use std::sync::Arc;

use arrow::array::{Array, AsArray, MapArray};
use arrow::datatypes::UInt32Type;

use crate::attributes::{self, AttributeType};
use crate::batch::SpanBatch;
use crate::ids::{SpanId, TraceId};
use crate::sampling::Threshold;
use crate::schema::column;
use crate::span::{STATUS_ERROR, start_order};
use crate::trace::columns::SpanColumns;
use crate::trace::content::{Spans, distinct_rows};
use crate::trace::gather::Gathered;

/// The spans of some batches by trace.
pub struct SpanSet<'a> {
    gathered: Gathered<'a>,
}

impl<'a> SpanSet<'a> {
    /// All spans of `batches`.
    #[must_use]
    pub fn of(batches: &'a [Arc<SpanBatch>]) -> Self {
        Self {
            gathered: Gathered::of(batches),
        }
    }

    /// The spans of `batches` that belong to traces which `wanted` says yes to.
    #[must_use]
    pub fn of_traces(batches: &'a [Arc<SpanBatch>], wanted: impl Fn(TraceId) -> bool) -> Self {
        Self {
            gathered: Gathered::of_traces(batches, wanted),
        }
    }

    /// The traces, by id. Spans that are alike in every field count once.
    pub fn traces(&self) -> impl Iterator<Item = TraceView<'_>> {
        self.gathered.traces().map(|rows| TraceView {
            set: &self.gathered,
            rows: distinct_rows(&self.gathered, rows),
        })
    }
}

/// The spans of one trace, at least one.
pub struct TraceView<'a> {
    set: &'a Gathered<'a>,
    rows: Vec<u32>,
}

impl<'a> TraceView<'a> {
    /// Id of the trace.
    #[must_use]
    pub fn trace_id(&self) -> TraceId {
        self.span(0).trace_id()
    }

    /// Number of spans.
    #[must_use]
    pub fn span_count(&self) -> usize {
        self.rows.len()
    }

    /// What sampling before this has kept the trace with: the highest threshold of its spans.
    #[must_use]
    pub fn applied(&self) -> Threshold {
        let weights = self.spans().map(|span| span.sample_weight());
        Threshold::from_weight(weights.fold(1.0, f64::max))
    }

    /// The spans, by id.
    #[must_use]
    pub fn spans(&self) -> impl ExactSizeIterator<Item = SpanView<'a>> + '_ {
        (0..self.rows.len()).map(|place| self.span(place))
    }

    /// The earliest span without a parent; where there is none, the earliest span.
    #[must_use]
    pub fn root(&self) -> SpanView<'a> {
        let order = |span: &SpanView<'_>| {
            let is_child = span.parent_span_id().is_some();
            (is_child, start_order(span.start_time_unix_nano()))
        };
        self.spans()
            .min_by_key(order)
            .unwrap_or_else(|| self.span(0))
    }

    fn span(&self, place: usize) -> SpanView<'a> {
        let set = self.set;
        let (columns, row) = set.columns(self.rows[place] as usize);
        let batch = &set.batches[set.span(self.rows[place]).batch as usize];
        SpanView {
            batch,
            columns,
            row,
        }
    }
}

/// One span.
#[derive(Clone, Copy)]
pub struct SpanView<'a> {
    batch: &'a SpanBatch,
    columns: &'a SpanColumns<'a>,
    row: usize,
}

impl<'a> SpanView<'a> {
    /// Trace that the span belongs to.
    #[must_use]
    pub fn trace_id(&self) -> TraceId {
        self.columns.trace_id(self.row)
    }

    /// Id of the span.
    #[must_use]
    pub fn span_id(&self) -> SpanId {
        self.columns.span_id(self.row)
    }

    /// Id of the parent; `None` for a root.
    #[must_use]
    pub fn parent_span_id(&self) -> Option<SpanId> {
        self.columns.parent(self.row)
    }

    /// Service.
    #[must_use]
    pub fn service_name(&self) -> &'a str {
        self.columns.service(self.row)
    }

    /// Name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.columns.name(self.row)
    }

    /// Kind, as the column `kind` has it.
    #[must_use]
    pub fn kind(&self) -> &'a str {
        self.columns.kind(self.row)
    }

    /// Status, as the column `status_code` has it.
    #[must_use]
    pub fn status_code(&self) -> &'a str {
        self.text(column::STATUS_CODE)
    }

    /// True when the status is an error.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.status_code() == STATUS_ERROR
    }

    /// Start, ns since the epoch, as sent.
    #[must_use]
    pub fn start_time_unix_nano(&self) -> u64 {
        self.columns.start(self.row) as u64
    }

    /// Duration, ns; negative when the span ends before it starts.
    #[must_use]
    pub fn duration_ns(&self) -> i64 {
        self.columns.duration(self.row)
    }

    /// W3C tracestate.
    #[must_use]
    pub fn trace_state(&self) -> &'a str {
        self.text(column::TRACE_STATE)
    }

    /// W3C flags.
    #[must_use]
    pub fn flags(&self) -> u32 {
        let flags = self.batch.own().column(column::FLAGS);
        flags.as_primitive::<UInt32Type>().value(self.row)
    }

    /// Weight that sampling before this gave the span.
    #[must_use]
    pub fn sample_weight(&self) -> f64 {
        self.columns.weight(self.row)
    }

    /// When the span arrived, ns since the epoch.
    #[must_use]
    pub fn ingested_at_unix_nano(&self) -> i64 {
        self.columns.ingested_at(self.row)
    }

    /// Key, type and canonical text of the span's own attributes.
    pub fn attributes(&self) -> impl Iterator<Item = (&'a str, AttributeType, &'a str)> + use<'a> {
        let own = self.batch.own();
        let letters = own.column(column::ATTRIBUTE_TYPES).as_string_view();
        let map = own.column(column::ATTRIBUTES).as_map();
        attributes::entries(map, self.row, letters.value(self.row))
    }

    /// Key, type and canonical text of the attributes of the span's resource.
    pub fn resource_attributes(
        &self,
    ) -> impl Iterator<Item = (&'a str, AttributeType, &'a str)> + use<'a> {
        let groups = self.batch.groups();
        let place = |place: usize| groups.column(place - column::SERVICE_NAME);
        let letters = place(column::RESOURCE_ATTRIBUTE_TYPES).as_string_view();
        let map = place(column::RESOURCE_ATTRIBUTES).as_map();
        let group = self.group();
        attributes::entries(map, group, letters.value(group))
    }

    /// What tells the span's resource and scope from others inside one set of spans.
    #[must_use]
    pub fn group_key(&self) -> &'a [u8] {
        self.batch.group_key(self.row)
    }

    /// Bytes of the span's own texts, attributes, events and links, about as many as it takes in a payload.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        // Ids, times, kind, flags, status, and the tags around them.
        const FIXED_BYTES: usize = 64;
        let own = self.batch.own();
        let texts = [column::NAME, column::TRACE_STATE, column::STATUS_MESSAGE];
        let texts: usize = texts.iter().map(|place| self.text(*place).len()).sum();
        let attributes = map_bytes(own.column(column::ATTRIBUTES).as_map(), self.row);
        let items: usize = [(column::EVENTS, 2), (column::LINKS, 3)]
            .iter()
            .map(|(place, map)| self.items_bytes(*place, *map))
            .sum();
        FIXED_BYTES + texts + attributes + items
    }

    /// Bytes of the attributes of the span's resource.
    #[must_use]
    pub fn resource_bytes(&self) -> usize {
        let place = column::RESOURCE_ATTRIBUTES - column::SERVICE_NAME;
        let map = self.batch.groups().column(place).as_map();
        map_bytes(map, self.group())
    }

    /// Bytes of the events or links, whose attributes are the field `map`.
    fn items_bytes(&self, place: usize, map: usize) -> usize {
        const ITEM_BYTES: usize = 32;
        let list = self.batch.own().column(place).as_list::<i32>();
        let offsets = list.value_offsets();
        let items = offsets[self.row] as usize..offsets[self.row + 1] as usize;
        let map = list.values().as_struct().column(map).as_map();
        items.map(|item| ITEM_BYTES + map_bytes(map, item)).sum()
    }

    fn group(&self) -> usize {
        self.batch.group_of().value(self.row) as usize
    }

    fn text(&self, place: usize) -> &'a str {
        let column = self.batch.own().column(place);
        column.as_string_view().value(self.row)
    }
}

/// Bytes of the keys and values in row `row`, and of what stands around them.
fn map_bytes(map: &MapArray, row: usize) -> usize {
    const ENTRY_BYTES: usize = 6;
    let entries = map.value_offsets();
    let (start, end) = (entries[row] as usize, entries[row + 1] as usize);
    let text = |array: &dyn Array| {
        let offsets = array.as_string::<i32>().value_offsets();
        (offsets[end] - offsets[start]) as usize
    };
    text(map.keys()) + text(map.values()) + (end - start) * ENTRY_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attributes::AttributeValue;
    use crate::testing::{TestSpan, batch};

    fn span(trace: u8, id: u8, parent: Option<u8>, start: u64) -> TestSpan {
        TestSpan {
            trace_id: [trace; 16],
            span_id: [id; 8],
            parent: parent.map(|id| [id; 8]),
            start,
            end: start + 10,
            name: format!("span {id}"),
            weight: 2.0,
            ..TestSpan::default()
        }
    }

    #[test]
    fn a_trace_is_seen_whole_over_batches_and_copies_once() {
        let batches = [
            Arc::new(batch(
                &[span(1, 1, None, 50), span(2, 9, Some(8), 7)],
                1_000,
            )),
            Arc::new(batch(
                &[span(1, 2, Some(1), 20), span(1, 1, None, 50)],
                2_000,
            )),
        ];
        let set = SpanSet::of(&batches);
        let traces: Vec<_> = set.traces().collect();
        assert_eq!(traces.len(), 2);
        assert_eq!(traces[0].span_count(), 2);
        assert_eq!(traces[0].root().name(), "span 1");
        assert_eq!(traces[1].root().name(), "span 9");
        assert_eq!(
            traces[1].root().sample_weight().to_bits(),
            2.0_f64.to_bits()
        );
        let one = SpanSet::of_traces(&batches, |id| id == TraceId([2; 16]));
        let ids: Vec<_> = one.traces().map(|trace| trace.trace_id()).collect();
        assert_eq!(ids, [TraceId([2; 16])]);
    }

    #[test]
    fn attributes_of_span_and_resource_come_with_their_types() {
        let mut with = span(1, 1, None, 5);
        with.attributes = vec![("n".to_owned(), AttributeValue::Int(7))];
        with.group.resource = vec![("r".to_owned(), AttributeValue::String("x".to_owned()))];
        with.trace_state = "ot=th:8".to_owned();
        let bare = span(1, 2, None, 5);
        let batches = [Arc::new(batch(&[with, bare], 1))];
        let set = SpanSet::of(&batches);
        let trace = set.traces().next().unwrap();
        let spans: Vec<_> = trace.spans().collect();
        let own: Vec<_> = spans[0].attributes().collect();
        assert_eq!(own, [("n", AttributeType::Int, "7")]);
        let resource: Vec<_> = spans[0].resource_attributes().collect();
        assert_eq!(resource, [("r", AttributeType::String, "x")]);
        assert_eq!(spans[0].trace_state(), "ot=th:8");
        assert!(spans[0].payload_bytes() > spans[1].payload_bytes());
        assert_eq!(spans[1].resource_bytes(), 0);
    }
}
