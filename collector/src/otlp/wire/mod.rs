//! The wire decoder: OTLP protobuf bytes to spans, in one pass and without message structs.
//!
//! ```text
//!  payload ──▶ ResourceSpans ──▶ ScopeSpans ──▶ Span ──▶ Visitor::span(&GroupFields, &SpanFields)
//!                 │ resource, once   │ scope, once   │ attributes, events, links in scratch vectors
//! ```
//!
//! A message's parts may come in any order, so a `ResourceSpans` and a `ScopeSpans` are walked twice: first for what
//! stands beside the spans (spans are stepped over by their length), then for the spans. A span is walked once, and once
//! more if it has events or links, so that the attributes of each owner lie together in the arena.
//!
//! Invariants:
//! - all text and bytes that a visitor sees are slices of the payload; no span costs an allocation, but a nested attribute
//!   value does;
//! - fields that come twice are merged as `prost` merges them: of scalars the last wins, embedded messages (resource,
//!   scope, status, attribute value) are merged field by field;
//! - malformed protobuf, a string that is not UTF-8 or too deep nesting refuse the payload as a whole; a span without valid
//!   ids is rejected alone, counted and named.

mod span;
mod value;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::ops::Range;

use clew_storage::attributes::AttributeRef;
use clew_storage::span::{EventFields, GroupFields, LinkFields, SpanFields};

use super::fields::{entity_ref, request, resource, resource_spans, scope, scope_spans};
use crate::failure::BodyError;
use crate::limits::PayloadLimits;
use crate::protobuf::{Reader, WireError};
use crate::rejected::Rejected;

/// Takes the spans of a payload, in payload order.
pub(crate) trait Visitor {
    /// The spans that follow belong to another resource or scope than those before.
    fn begin_group(&mut self);
    /// A span with valid ids.
    fn span(&mut self, group: &GroupFields<'_>, span: &SpanFields<'_>);
}

/// Walks the `ExportTraceServiceRequest` in `payload` and hands its valid spans to `visitor`.
///
/// Returns what was rejected.
///
/// # Errors
/// When the payload is malformed or over a limit. The visitor may have seen spans before the error was met.
pub(crate) fn walk<V: Visitor>(
    payload: &[u8],
    limits: &PayloadLimits,
    visitor: &mut V,
) -> Result<Rejected, BodyError> {
    let mut walk = Walk {
        visitor,
        limits,
        spans: 0,
        elements: 0,
        rejected: Rejected::default(),
        scratch: Scratch::default(),
    };
    let mut reader = Reader::new(payload);
    while let Some(key) = reader.next_key()? {
        match key.field {
            request::RESOURCE_SPANS => walk.resource_spans(reader.message(key)?)?,
            _ => reader.skip(key)?,
        }
    }
    walk.rejected.set_total(walk.spans);
    Ok(walk.rejected)
}

/// About how many spans `payload` holds, stepping over each by its length: never more than it has room for. What is malformed is not said here.
pub(crate) fn guess_spans(payload: &[u8]) -> usize {
    /// Bytes of a span that has nothing but its ids.
    const SPAN_BYTES_MIN: usize = 28;
    let mut spans = 0;
    for_each_message(Reader::new(payload), request::RESOURCE_SPANS, |resource| {
        for_each_message(resource, resource_spans::SCOPE_SPANS, |scope| {
            for_each_message(scope, scope_spans::SPANS, |_| spans += 1);
        });
    });
    spans.min(payload.len() / SPAN_BYTES_MIN)
}

/// Shows the messages of field `field` to `visit`, as far as they can be read.
fn for_each_message<'p>(mut reader: Reader<'p>, field: u32, mut visit: impl FnMut(Reader<'p>)) {
    while let Ok(Some(key)) = reader.next_key() {
        let read = if key.field == field {
            reader.message(key).map(&mut visit)
        } else {
            reader.skip(key)
        };
        if read.is_err() {
            return;
        }
    }
}

/// Vectors that every span fills anew.
#[derive(Default)]
struct Scratch<'p> {
    resource_attributes: Vec<AttributeRef<'p>>,
    scope_attributes: Vec<AttributeRef<'p>>,
    arena: Vec<AttributeRef<'p>>,
    events: Vec<EventFields<'p>>,
    links: Vec<LinkFields<'p>>,
}

/// A walk through one payload.
struct Walk<'p, 'v, V> {
    visitor: &'v mut V,
    limits: &'v PayloadLimits,
    /// Spans met.
    spans: u64,
    /// Attributes, nested values, events and links met.
    elements: u64,
    rejected: Rejected,
    scratch: Scratch<'p>,
}

/// What stands beside the spans of a resource and scope. Attributes are in the scratch vectors.
#[derive(Clone, Copy, Default)]
struct Head<'p> {
    resource_dropped_attributes_count: u32,
    resource_schema_url: &'p str,
    scope_name: &'p str,
    scope_version: &'p str,
    scope_dropped_attributes_count: u32,
    scope_schema_url: &'p str,
}

impl<'p, V: Visitor> Walk<'p, '_, V> {
    fn resource_spans(&mut self, message: Reader<'p>) -> Result<(), BodyError> {
        self.scratch.resource_attributes.clear();
        let mut head = Head::default();
        let mut reader = message;
        while let Some(key) = reader.next_key()? {
            match key.field {
                resource_spans::RESOURCE => self.resource(reader.message(key)?, &mut head)?,
                resource_spans::SCOPE_SPANS => drop(reader.message(key)?),
                resource_spans::SCHEMA_URL => head.resource_schema_url = reader.string(key)?,
                _ => reader.skip(key)?,
            }
        }
        let mut reader = message;
        while let Some(key) = reader.next_key()? {
            match key.field {
                resource_spans::SCOPE_SPANS => self.scope_spans(reader.message(key)?, head)?,
                _ => reader.skip(key)?,
            }
        }
        Ok(())
    }

    fn resource(&mut self, mut reader: Reader<'p>, head: &mut Head<'p>) -> Result<(), BodyError> {
        while let Some(key) = reader.next_key()? {
            match key.field {
                resource::ATTRIBUTES => {
                    let attribute = self.attribute(reader.message(key)?)?;
                    self.scratch.resource_attributes.push(attribute);
                }
                resource::DROPPED_ATTRIBUTES_COUNT => {
                    head.resource_dropped_attributes_count = reader.integer(key)? as u32;
                }
                resource::ENTITY_REFS => check_entity_ref(reader.message(key)?)?,
                _ => reader.skip(key)?,
            }
        }
        Ok(())
    }

    fn scope_spans(&mut self, message: Reader<'p>, mut head: Head<'p>) -> Result<(), BodyError> {
        self.scratch.scope_attributes.clear();
        let mut reader = message;
        while let Some(key) = reader.next_key()? {
            match key.field {
                scope_spans::SCOPE => self.scope(reader.message(key)?, &mut head)?,
                scope_spans::SPANS => drop(reader.message(key)?),
                scope_spans::SCHEMA_URL => head.scope_schema_url = reader.string(key)?,
                _ => reader.skip(key)?,
            }
        }
        self.visitor.begin_group();
        let mut reader = message;
        while let Some(key) = reader.next_key()? {
            match key.field {
                scope_spans::SPANS => self.span(reader.message(key)?, &head)?,
                _ => reader.skip(key)?,
            }
        }
        Ok(())
    }

    fn scope(&mut self, mut reader: Reader<'p>, head: &mut Head<'p>) -> Result<(), BodyError> {
        while let Some(key) = reader.next_key()? {
            match key.field {
                scope::NAME => head.scope_name = reader.string(key)?,
                scope::VERSION => head.scope_version = reader.string(key)?,
                scope::ATTRIBUTES => {
                    let attribute = self.attribute(reader.message(key)?)?;
                    self.scratch.scope_attributes.push(attribute);
                }
                scope::DROPPED_ATTRIBUTES_COUNT => {
                    head.scope_dropped_attributes_count = reader.integer(key)? as u32;
                }
                _ => reader.skip(key)?,
            }
        }
        Ok(())
    }

    /// Counts an attribute, nested value, event or link.
    #[inline]
    fn count_element(&mut self) -> Result<(), BodyError> {
        self.elements += 1;
        self.limits.check_elements(self.elements)
    }
}

impl<'p> Scratch<'p> {
    fn group<'s>(&'s self, head: &Head<'p>) -> GroupFields<'s>
    where
        'p: 's,
    {
        GroupFields {
            resource_attributes: &self.resource_attributes,
            resource_dropped_attributes_count: head.resource_dropped_attributes_count,
            resource_schema_url: head.resource_schema_url,
            scope_name: head.scope_name,
            scope_version: head.scope_version,
            scope_attributes: &self.scope_attributes,
            scope_dropped_attributes_count: head.scope_dropped_attributes_count,
            scope_schema_url: head.scope_schema_url,
        }
    }
}

/// Entity references repeat what the attributes say, by key; they are checked but not stored.
fn check_entity_ref(mut reader: Reader<'_>) -> Result<(), WireError> {
    while let Some(key) = reader.next_key()? {
        match key.field {
            entity_ref::SCHEMA_URL
            | entity_ref::TYPE
            | entity_ref::ID_KEYS
            | entity_ref::DESCRIPTION_KEYS => drop(reader.string(key)?),
            _ => reader.skip(key)?,
        }
    }
    Ok(())
}

/// The attributes that were appended to `arena` since it had `start`.
fn appended(arena: &[AttributeRef<'_>], start: usize) -> Range<usize> {
    start..arena.len()
}
