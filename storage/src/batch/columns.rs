//! Builders of the nested columns: attributes, events, links.
//!
//! What is inside of the lists starts without capacity: most batches are small, and many of them are alive at a time.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryBuilder, ListArray, MapArray, StringBuilder, StructArray,
    TimestampNanosecondBuilder, UInt32Builder,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::DataType;

use crate::attributes::AttributeRef;
use crate::schema;
use crate::span::{EventFields, LinkFields};

const VALID: &str =
    "the children are as long as the last offset says, and of the types of the schema";

/// Where each entry of a list or map column begins.
#[derive(Debug)]
struct Offsets(Vec<i32>);

impl Offsets {
    /// With room for `rows` entries.
    fn with_capacity(rows: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self(offsets)
    }

    fn push(&mut self, end: usize) {
        self.0
            .push(i32::try_from(end).expect("a batch is far below 2^31 bytes"));
    }

    fn finish(&mut self) -> OffsetBuffer<i32> {
        OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(&mut self.0, vec![0])))
    }
}

/// A column of attribute lists: keys and canonical texts.
#[derive(Debug)]
pub(super) struct AttributesBuilder {
    keys: StringBuilder,
    values: StringBuilder,
    offsets: Offsets,
}

impl AttributesBuilder {
    pub(super) fn new() -> Self {
        Self::with_capacity(0)
    }

    /// With room for `rows` lists.
    pub(super) fn with_capacity(rows: usize) -> Self {
        Self {
            keys: StringBuilder::with_capacity(0, 0),
            values: StringBuilder::with_capacity(0, 0),
            offsets: Offsets::with_capacity(rows),
        }
    }

    /// Appends one list; its letters go to `letters`, whose entry is the caller's to end.
    pub(super) fn push(&mut self, attributes: &[AttributeRef<'_>], letters: &mut impl Write) {
        for attribute in attributes {
            self.keys.append_value(attribute.key);
            let written = attribute.value.write_text(&mut self.values);
            written.expect("a string builder takes all text");
            self.values.append_value("");
            let letter = attribute.value.attribute_type().letter();
            letters.write_char(letter).expect("a string takes all text");
        }
        self.offsets
            .push(arrow::array::ArrayBuilder::len(&self.keys));
    }

    /// Roughly the bytes so far.
    pub(super) fn bytes(&self) -> usize {
        self.keys.values_slice().len()
            + self.values.values_slice().len()
            + 8 * self.keys.offsets_slice().len()
    }

    pub(super) fn finish(&mut self) -> MapArray {
        let DataType::Map(field, sorted) = schema::attribute_map() else {
            unreachable!("attributes are a map")
        };
        let DataType::Struct(fields) = field.data_type() else {
            unreachable!("entries are a struct")
        };
        let entries: Vec<ArrayRef> =
            vec![Arc::new(self.keys.finish()), Arc::new(self.values.finish())];
        let entries = StructArray::try_new(fields.clone(), entries, None).expect(VALID);
        MapArray::try_new(field, self.offsets.finish(), entries, None, sorted).expect(VALID)
    }
}

/// The column `events`.
#[derive(Debug)]
pub(super) struct EventsBuilder {
    times: TimestampNanosecondBuilder,
    names: StringBuilder,
    attributes: AttributesBuilder,
    types: StringBuilder,
    dropped: UInt32Builder,
    offsets: Offsets,
}

impl EventsBuilder {
    /// With room for `rows` lists.
    pub(super) fn with_capacity(rows: usize) -> Self {
        Self {
            times: TimestampNanosecondBuilder::with_capacity(0).with_data_type(schema::timestamp()),
            names: StringBuilder::with_capacity(0, 0),
            attributes: AttributesBuilder::new(),
            types: StringBuilder::with_capacity(0, 0),
            dropped: UInt32Builder::with_capacity(0),
            offsets: Offsets::with_capacity(rows),
        }
    }

    pub(super) fn push(&mut self, events: &[EventFields<'_>], arena: &[AttributeRef<'_>]) {
        for event in events {
            self.times.append_value(event.time_unix_nano as i64);
            self.names.append_value(event.name);
            self.attributes
                .push(&arena[event.attributes.clone()], &mut self.types);
            self.types.append_value("");
            self.dropped.append_value(event.dropped_attributes_count);
        }
        self.offsets
            .push(arrow::array::ArrayBuilder::len(&self.times));
    }

    pub(super) fn bytes(&self) -> usize {
        self.names.values_slice().len()
            + self.attributes.bytes()
            + 24 * self.times.values_slice().len()
    }

    pub(super) fn finish(&mut self) -> ListArray {
        let children: Vec<ArrayRef> = vec![
            Arc::new(self.times.finish()),
            Arc::new(self.names.finish()),
            Arc::new(self.attributes.finish()),
            Arc::new(self.types.finish()),
            Arc::new(self.dropped.finish()),
        ];
        list(&schema::events(), self.offsets.finish(), children)
    }
}

/// The column `links`.
#[derive(Debug)]
pub(super) struct LinksBuilder {
    trace_ids: BinaryBuilder,
    span_ids: BinaryBuilder,
    trace_states: StringBuilder,
    attributes: AttributesBuilder,
    types: StringBuilder,
    dropped: UInt32Builder,
    flags: UInt32Builder,
    offsets: Offsets,
}

impl LinksBuilder {
    /// With room for `rows` lists.
    pub(super) fn with_capacity(rows: usize) -> Self {
        Self {
            trace_ids: BinaryBuilder::with_capacity(0, 0),
            span_ids: BinaryBuilder::with_capacity(0, 0),
            trace_states: StringBuilder::with_capacity(0, 0),
            attributes: AttributesBuilder::new(),
            types: StringBuilder::with_capacity(0, 0),
            dropped: UInt32Builder::with_capacity(0),
            flags: UInt32Builder::with_capacity(0),
            offsets: Offsets::with_capacity(rows),
        }
    }

    pub(super) fn push(&mut self, links: &[LinkFields<'_>], arena: &[AttributeRef<'_>]) {
        for link in links {
            self.trace_ids.append_value(link.trace_id);
            self.span_ids.append_value(link.span_id);
            self.trace_states.append_value(link.trace_state);
            self.attributes
                .push(&arena[link.attributes.clone()], &mut self.types);
            self.types.append_value("");
            self.dropped.append_value(link.dropped_attributes_count);
            self.flags.append_value(link.flags);
        }
        self.offsets
            .push(arrow::array::ArrayBuilder::len(&self.flags));
    }

    pub(super) fn bytes(&self) -> usize {
        let ids = self.trace_ids.values_slice().len() + self.span_ids.values_slice().len();
        ids + self.trace_states.values_slice().len()
            + self.attributes.bytes()
            + 32 * self.flags.values_slice().len()
    }

    pub(super) fn finish(&mut self) -> ListArray {
        let children: Vec<ArrayRef> = vec![
            Arc::new(self.trace_ids.finish()),
            Arc::new(self.span_ids.finish()),
            Arc::new(self.trace_states.finish()),
            Arc::new(self.attributes.finish()),
            Arc::new(self.types.finish()),
            Arc::new(self.dropped.finish()),
            Arc::new(self.flags.finish()),
        ];
        list(&schema::links(), self.offsets.finish(), children)
    }
}

fn list(data_type: &DataType, offsets: OffsetBuffer<i32>, children: Vec<ArrayRef>) -> ListArray {
    let DataType::List(field) = data_type else {
        unreachable!("events and links are lists")
    };
    let DataType::Struct(fields) = field.data_type() else {
        unreachable!("items are structs")
    };
    let length = children[0].len();
    let items =
        StructArray::try_new_with_length(fields.clone(), children, None, length).expect(VALID);
    ListArray::try_new(Arc::clone(field), offsets, Arc::new(items), None).expect(VALID)
}
