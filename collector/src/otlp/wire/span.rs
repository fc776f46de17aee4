//! Spans, their events, links and status.

use clew_storage::span::{EventFields, LinkFields, SpanFields};
use clew_storage::{SpanId, TraceId};

use super::{Head, Visitor, Walk, appended};
use crate::failure::BodyError;
use crate::otlp::fields::{event, link, span, status};
use crate::protobuf::{Reader, WireError};

/// The ids of a span as sent.
#[derive(Default)]
struct RawIds<'p> {
    trace: &'p [u8],
    span: &'p [u8],
    parent: &'p [u8],
}

/// Valid ids of a span.
struct Ids {
    trace: TraceId,
    span: SpanId,
    parent: Option<SpanId>,
}

impl<'p, V: Visitor> Walk<'p, '_, V> {
    /// Walks a span and hands it to the visitor, or rejects it.
    pub(super) fn span(&mut self, message: Reader<'p>, head: &Head<'p>) -> Result<(), BodyError> {
        self.spans += 1;
        self.limits.check_spans(self.spans)?;
        self.scratch.arena.clear();
        self.scratch.events.clear();
        self.scratch.links.clear();

        let mut fields = SpanFields::default();
        let (raw, has_lists) = self.span_fields(message, &mut fields)?;
        fields.attributes = appended(&self.scratch.arena, 0);
        if has_lists {
            self.events_and_links(message)?;
        }
        match raw.check() {
            Ok(ids) => {
                fields.trace_id = ids.trace;
                fields.span_id = ids.span;
                fields.parent_span_id = ids.parent;
                self.visit(head, fields);
            }
            Err(reason) => self.rejected.add(self.spans, fields.name, &reason),
        }
        Ok(())
    }

    fn visit(&mut self, head: &Head<'p>, fields: SpanFields<'p>) {
        let span = SpanFields {
            arena: &self.scratch.arena,
            events: &self.scratch.events,
            links: &self.scratch.links,
            ..fields
        };
        self.visitor.span(&self.scratch.group(head), &span);
    }

    /// Reads all of a span but its events and links; says whether it has any.
    fn span_fields(
        &mut self,
        mut reader: Reader<'p>,
        fields: &mut SpanFields<'p>,
    ) -> Result<(RawIds<'p>, bool), BodyError> {
        let mut ids = RawIds::default();
        let mut has_lists = false;
        while let Some(key) = reader.next_key()? {
            match key.field {
                span::TRACE_ID => ids.trace = reader.bytes(key)?,
                span::SPAN_ID => ids.span = reader.bytes(key)?,
                span::TRACE_STATE => fields.trace_state = reader.string(key)?,
                span::PARENT_SPAN_ID => ids.parent = reader.bytes(key)?,
                span::NAME => fields.name = reader.string(key)?,
                span::KIND => fields.kind = reader.integer(key)? as i32,
                span::START_TIME_UNIX_NANO => fields.start_time_unix_nano = reader.fixed64(key)?,
                span::END_TIME_UNIX_NANO => fields.end_time_unix_nano = reader.fixed64(key)?,
                span::ATTRIBUTES => {
                    let attribute = self.attribute(reader.message(key)?)?;
                    self.scratch.arena.push(attribute);
                }
                span::DROPPED_ATTRIBUTES_COUNT => {
                    fields.dropped_attributes_count = reader.integer(key)? as u32;
                }
                span::EVENTS | span::LINKS => {
                    reader.message(key)?;
                    has_lists = true;
                }
                span::DROPPED_EVENTS_COUNT => {
                    fields.dropped_events_count = reader.integer(key)? as u32;
                }
                span::DROPPED_LINKS_COUNT => {
                    fields.dropped_links_count = reader.integer(key)? as u32;
                }
                span::STATUS => merge_status(reader.message(key)?, fields)?,
                span::FLAGS => fields.flags = reader.fixed32(key)?,
                _ => reader.skip(key)?,
            }
        }
        Ok((ids, has_lists))
    }

    fn events_and_links(&mut self, mut reader: Reader<'p>) -> Result<(), BodyError> {
        while let Some(key) = reader.next_key()? {
            match key.field {
                span::EVENTS => self.event(reader.message(key)?)?,
                span::LINKS => self.link(reader.message(key)?)?,
                _ => reader.skip(key)?,
            }
        }
        Ok(())
    }

    fn event(&mut self, mut reader: Reader<'p>) -> Result<(), BodyError> {
        self.count_element()?;
        let start = self.scratch.arena.len();
        let mut fields = EventFields::default();
        while let Some(key) = reader.next_key()? {
            match key.field {
                event::TIME_UNIX_NANO => fields.time_unix_nano = reader.fixed64(key)?,
                event::NAME => fields.name = reader.string(key)?,
                event::ATTRIBUTES => {
                    let attribute = self.attribute(reader.message(key)?)?;
                    self.scratch.arena.push(attribute);
                }
                event::DROPPED_ATTRIBUTES_COUNT => {
                    fields.dropped_attributes_count = reader.integer(key)? as u32;
                }
                _ => reader.skip(key)?,
            }
        }
        fields.attributes = appended(&self.scratch.arena, start);
        self.scratch.events.push(fields);
        Ok(())
    }

    fn link(&mut self, mut reader: Reader<'p>) -> Result<(), BodyError> {
        self.count_element()?;
        let start = self.scratch.arena.len();
        let mut fields = LinkFields::default();
        while let Some(key) = reader.next_key()? {
            match key.field {
                link::TRACE_ID => fields.trace_id = reader.bytes(key)?,
                link::SPAN_ID => fields.span_id = reader.bytes(key)?,
                link::TRACE_STATE => fields.trace_state = reader.string(key)?,
                link::ATTRIBUTES => {
                    let attribute = self.attribute(reader.message(key)?)?;
                    self.scratch.arena.push(attribute);
                }
                link::DROPPED_ATTRIBUTES_COUNT => {
                    fields.dropped_attributes_count = reader.integer(key)? as u32;
                }
                link::FLAGS => fields.flags = reader.fixed32(key)?,
                _ => reader.skip(key)?,
            }
        }
        fields.attributes = appended(&self.scratch.arena, start);
        self.scratch.links.push(fields);
        Ok(())
    }
}

fn merge_status<'p>(mut reader: Reader<'p>, fields: &mut SpanFields<'p>) -> Result<(), WireError> {
    while let Some(key) = reader.next_key()? {
        match key.field {
            status::MESSAGE => fields.status_message = reader.string(key)?,
            status::CODE => fields.status_code = reader.integer(key)? as i32,
            _ => reader.skip(key)?,
        }
    }
    Ok(())
}

impl RawIds<'_> {
    /// The ids, or why the span cannot be stored.
    fn check(&self) -> Result<Ids, String> {
        let trace = TraceId::from_bytes(self.trace)
            .ok_or_else(|| invalid_id("trace_id", self.trace, 16))?;
        let span =
            SpanId::from_bytes(self.span).ok_or_else(|| invalid_id("span_id", self.span, 8))?;
        let parent = match self.parent.len() {
            0 => None,
            // All zero means no parent.
            8 => SpanId::from_bytes(self.parent),
            _ => return Err(invalid_id("parent_span_id", self.parent, 8)),
        };
        Ok(Ids {
            trace,
            span,
            parent,
        })
    }
}

#[cold]
fn invalid_id(what: &str, id: &[u8], expected: usize) -> String {
    if id.len() == expected {
        format!("{what} is all zero")
    } else {
        format!("{what} has {} bytes, expected {expected}", id.len())
    }
}
