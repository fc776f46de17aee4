//! Spans that own their content, for tests: made at random, pushed into batches, read back from tables.

use arrow::array::{Array, AsArray, MapArray, RecordBatch, StructArray};
use arrow::datatypes::{Float64Type, Int64Type, TimestampNanosecondType, UInt32Type};
use proptest::prelude::*;

use crate::attributes::tests::{hostile_text, value};
use crate::attributes::{AttributeRef, AttributeValue, ValueRef, entries};
use crate::batch::{SpanBatch, SpanBatchBuilder};
use crate::ids::{SpanId, TraceId};
use crate::schema::column;
use crate::span::{EventFields, GroupFields, LinkFields, SpanFields, kind_number, status_number};

pub(crate) type Attributes = Vec<(String, AttributeValue)>;

/// A span with its group, everything owned.
#[derive(Debug, Clone, Default)]
pub(crate) struct TestSpan {
    pub group: TestGroup,
    pub trace_id: [u8; 16],
    pub span_id: [u8; 8],
    pub parent: Option<[u8; 8]>,
    pub trace_state: String,
    pub flags: u32,
    pub name: String,
    pub kind: i32,
    pub start: u64,
    pub end: u64,
    pub status: i32,
    pub status_message: String,
    pub attributes: Attributes,
    pub dropped: [u32; 3],
    pub events: Vec<(u64, String, Attributes, u32)>,
    pub links: Vec<TestLink>,
    pub weight: f64,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct TestLink {
    pub trace_id: Vec<u8>,
    pub span_id: Vec<u8>,
    pub trace_state: String,
    pub attributes: Attributes,
    pub dropped: u32,
    pub flags: u32,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct TestGroup {
    pub resource: Attributes,
    pub scope: Attributes,
    pub dropped: [u32; 2],
    pub resource_schema_url: String,
    pub scope_name: String,
    pub scope_version: String,
    pub scope_schema_url: String,
}

fn borrow(attributes: &Attributes) -> Vec<AttributeRef<'_>> {
    attributes
        .iter()
        .map(|(key, value)| AttributeRef {
            key,
            value: borrow_value(value),
        })
        .collect()
}

fn borrow_value(value: &AttributeValue) -> ValueRef<'_> {
    match value {
        AttributeValue::Empty => ValueRef::Empty,
        AttributeValue::String(text) => ValueRef::String(text),
        AttributeValue::Bool(value) => ValueRef::Bool(*value),
        AttributeValue::Int(value) => ValueRef::Int(*value),
        AttributeValue::Double(value) => ValueRef::Double(*value),
        AttributeValue::Bytes(bytes) => ValueRef::Bytes(bytes),
        AttributeValue::Array(_) | AttributeValue::Map(_) => ValueRef::Nested(value.clone()),
    }
}

impl TestSpan {
    /// Pushes the span with its group.
    pub(crate) fn push(&self, builder: &mut SpanBatchBuilder) {
        let (resource, scope) = (borrow(&self.group.resource), borrow(&self.group.scope));
        let group = builder.push_group(&GroupFields {
            resource_attributes: &resource,
            resource_dropped_attributes_count: self.group.dropped[0],
            resource_schema_url: &self.group.resource_schema_url,
            scope_name: &self.group.scope_name,
            scope_version: &self.group.scope_version,
            scope_attributes: &scope,
            scope_dropped_attributes_count: self.group.dropped[1],
            scope_schema_url: &self.group.scope_schema_url,
        });
        let mut arena = Vec::new();
        let mut place = |attributes| {
            let start = arena.len();
            arena.extend(borrow(attributes));
            start..arena.len()
        };
        let attributes = place(&self.attributes);
        let events: Vec<_> = self
            .events
            .iter()
            .map(|(time, name, attributes, dropped)| EventFields {
                time_unix_nano: *time,
                name,
                attributes: place(attributes),
                dropped_attributes_count: *dropped,
            })
            .collect();
        let links = self.links.iter().map(|link| LinkFields {
            trace_id: &link.trace_id,
            span_id: &link.span_id,
            trace_state: &link.trace_state,
            attributes: place(&link.attributes),
            dropped_attributes_count: link.dropped,
            flags: link.flags,
        });
        let links: Vec<_> = links.collect();
        let span = SpanFields {
            trace_id: TraceId(self.trace_id),
            span_id: SpanId(self.span_id),
            parent_span_id: self.parent.map(SpanId),
            trace_state: &self.trace_state,
            flags: self.flags,
            name: &self.name,
            kind: self.kind,
            start_time_unix_nano: self.start,
            end_time_unix_nano: self.end,
            status_code: self.status,
            status_message: &self.status_message,
            arena: &arena,
            attributes,
            dropped_attributes_count: self.dropped[0],
            events: &events,
            dropped_events_count: self.dropped[1],
            links: &links,
            dropped_links_count: self.dropped[2],
        };
        builder.push_span(group, &span, self.weight);
    }

    /// All that must come back of the span, as one text: doubles as bits, everything else as it is.
    pub(crate) fn content(&self) -> String {
        let mut span = self.clone();
        let lists = [
            &mut span.attributes,
            &mut span.group.resource,
            &mut span.group.scope,
        ]
        .into_iter();
        let lists = lists.chain(span.events.iter_mut().map(|event| &mut event.2));
        for list in lists.chain(span.links.iter_mut().map(|link| &mut link.attributes)) {
            for (_, value) in list {
                let text = format!("{:?} {}", value.attribute_type(), value.to_text());
                *value = AttributeValue::String(text);
            }
        }
        format!("{span:?}")
    }
}

/// A batch of `spans`.
pub(crate) fn batch(spans: &[TestSpan], ingested_at: u64) -> SpanBatch {
    let mut builder = SpanBatchBuilder::new(ingested_at);
    for span in spans {
        span.push(&mut builder);
    }
    builder.finish()
}

/// The rows of a table with all columns of `spans`.
pub(crate) fn read(table: &RecordBatch) -> Vec<TestSpan> {
    (0..table.num_rows())
        .map(|row| read_row(table, row))
        .collect()
}

fn read_row(table: &RecordBatch, row: usize) -> TestSpan {
    let text = |place: usize| table.column(place).as_string_view().value(row).to_owned();
    let count = |place: usize| table.column(place).as_primitive::<UInt32Type>().value(row);
    let id = |place: usize| table.column(place).as_fixed_size_binary().value(row);
    let attributes = |place: usize, letters: usize| {
        read_attributes(table.column(place).as_map(), row, &text(letters))
    };
    let start = table
        .column(column::START_TIME)
        .as_primitive::<TimestampNanosecondType>()
        .value(row) as u64;
    let duration = table
        .column(column::DURATION_NS)
        .as_primitive::<Int64Type>()
        .value(row) as u64;
    let has_parent = table.column(column::PARENT_SPAN_ID).is_valid(row);
    TestSpan {
        group: TestGroup {
            resource: attributes(
                column::RESOURCE_ATTRIBUTES,
                column::RESOURCE_ATTRIBUTE_TYPES,
            ),
            scope: attributes(column::SCOPE_ATTRIBUTES, column::SCOPE_ATTRIBUTE_TYPES),
            dropped: [
                count(column::RESOURCE_DROPPED_ATTRIBUTES_COUNT),
                count(column::SCOPE_DROPPED_ATTRIBUTES_COUNT),
            ],
            resource_schema_url: text(column::RESOURCE_SCHEMA_URL),
            scope_name: text(column::SCOPE_NAME),
            scope_version: text(column::SCOPE_VERSION),
            scope_schema_url: text(column::SCOPE_SCHEMA_URL),
        },
        trace_id: id(column::TRACE_ID).try_into().unwrap(),
        span_id: id(column::SPAN_ID).try_into().unwrap(),
        parent: has_parent.then(|| id(column::PARENT_SPAN_ID).try_into().unwrap()),
        trace_state: text(column::TRACE_STATE),
        flags: count(column::FLAGS),
        name: text(column::NAME),
        kind: kind_number(&text(column::KIND)).unwrap(),
        start,
        end: start.wrapping_add(duration),
        status: status_number(&text(column::STATUS_CODE)).unwrap(),
        status_message: text(column::STATUS_MESSAGE),
        attributes: attributes(column::ATTRIBUTES, column::ATTRIBUTE_TYPES),
        dropped: [
            count(column::DROPPED_ATTRIBUTES_COUNT),
            count(column::DROPPED_EVENTS_COUNT),
            count(column::DROPPED_LINKS_COUNT),
        ],
        events: read_events(
            table
                .column(column::EVENTS)
                .as_list::<i32>()
                .value(row)
                .as_struct(),
        ),
        links: read_links(
            table
                .column(column::LINKS)
                .as_list::<i32>()
                .value(row)
                .as_struct(),
        ),
        weight: table
            .column(column::SAMPLE_WEIGHT)
            .as_primitive::<Float64Type>()
            .value(row),
    }
}

fn read_attributes(map: &MapArray, row: usize, letters: &str) -> Attributes {
    let entries = entries(map, row, letters);
    assert_eq!(entries.len(), letters.len());
    entries
        .map(|(key, kind, text)| {
            (
                key.to_owned(),
                AttributeValue::from_text(kind, text).unwrap(),
            )
        })
        .collect()
}

fn read_events(events: &StructArray) -> Vec<(u64, String, Attributes, u32)> {
    let letters = events.column(3).as_string::<i32>();
    let read = |row| {
        let time = events
            .column(0)
            .as_primitive::<TimestampNanosecondType>()
            .value(row) as u64;
        let name = events.column(1).as_string::<i32>().value(row).to_owned();
        let attributes = read_attributes(events.column(2).as_map(), row, letters.value(row));
        (
            time,
            name,
            attributes,
            events.column(4).as_primitive::<UInt32Type>().value(row),
        )
    };
    (0..events.len()).map(read).collect()
}

fn read_links(links: &StructArray) -> Vec<TestLink> {
    let letters = links.column(4).as_string::<i32>();
    let read = |row| TestLink {
        trace_id: links.column(0).as_binary::<i32>().value(row).to_owned(),
        span_id: links.column(1).as_binary::<i32>().value(row).to_owned(),
        trace_state: links.column(2).as_string::<i32>().value(row).to_owned(),
        attributes: read_attributes(links.column(3).as_map(), row, letters.value(row)),
        dropped: links.column(5).as_primitive::<UInt32Type>().value(row),
        flags: links.column(6).as_primitive::<UInt32Type>().value(row),
    };
    (0..links.len()).map(read).collect()
}

/// Lists in which some keys come often, with values of all types.
fn attributes() -> impl Strategy<Value = Attributes> {
    let key = prop_oneof![2 => "[k-n]", 1 => hostile_text()];
    prop::collection::vec((key, value()), 0..5)
}

/// Few different groups, so that some are equal.
fn group() -> impl Strategy<Value = TestGroup> {
    let resource = prop_oneof![
        Just(vec![]),
        "[ab]?".prop_map(|name| vec![("service.name".to_owned(), AttributeValue::String(name))]),
        attributes(),
    ];
    let counts = prop_oneof![4 => Just([0, 0]), 1 => any::<[u32; 2]>()];
    let texts = prop_oneof![2 => Just([const { String::new() }; 4]), 1 => prop::array::uniform4(hostile_text())];
    (resource, attributes(), counts, texts).prop_map(|(resource, scope, dropped, texts)| {
        let [
            resource_schema_url,
            scope_name,
            scope_version,
            scope_schema_url,
        ] = texts;
        TestGroup {
            resource,
            scope,
            dropped,
            resource_schema_url,
            scope_name,
            scope_version,
            scope_schema_url,
        }
    })
}

/// Ids from a small set, so that spans find parents and share ids.
fn small_id() -> impl Strategy<Value = [u8; 8]> {
    (1u8..12).prop_map(|byte| [byte; 8])
}

fn time() -> impl Strategy<Value = u64> {
    prop_oneof![3 => 1_700_000_000_000_000_000..1_700_000_000_000_001_000u64, 1 => any::<u64>(), 1 => Just(u64::MAX)]
}

fn link() -> impl Strategy<Value = TestLink> {
    let ids = (
        prop::collection::vec(any::<u8>(), 0..20),
        prop::collection::vec(any::<u8>(), 0..10),
    );
    (ids, hostile_text(), attributes(), any::<[u32; 2]>()).prop_map(
        |((trace_id, span_id), trace_state, attributes, [dropped, flags])| TestLink {
            trace_id,
            span_id,
            trace_state,
            attributes,
            dropped,
            flags,
        },
    )
}

/// Any span of one of a few traces.
pub(crate) fn span() -> impl Strategy<Value = TestSpan> {
    let ids = (1u8..5, small_id(), prop::option::of(small_id()));
    let texts = prop::array::uniform3(hostile_text());
    let numbers = (
        any::<u32>(),
        -1i32..7,
        time(),
        time(),
        -1i32..4,
        any::<[u32; 3]>(),
    );
    let event = (any::<u64>(), hostile_text(), attributes(), any::<u32>());
    let lists = (
        attributes(),
        prop::collection::vec(event, 0..3),
        prop::collection::vec(link(), 0..3),
    );
    let weight = prop_oneof![Just(1.0), 1.0..1e6];
    (group(), ids, texts, numbers, lists, weight).prop_map(
        |(group, ids, texts, numbers, lists, weight)| {
            let [trace_state, name, status_message] = texts;
            TestSpan {
                group,
                trace_id: [ids.0; 16],
                span_id: ids.1,
                parent: ids.2,
                trace_state,
                flags: numbers.0,
                name,
                kind: numbers.1,
                start: numbers.2,
                end: numbers.3,
                status: numbers.4,
                status_message,
                attributes: lists.0,
                dropped: numbers.5,
                events: lists.1,
                links: lists.2,
                weight,
            }
        },
    )
}
