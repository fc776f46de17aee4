//! A trace in Jaeger's own JSON: times in microseconds, status, kind and scope as tags, resources as processes.
//!
//! Unless the raw trace is asked for, the called half of a span whose id both sides share (Zipkin's way) gets an id of its
//! own, because Jaeger's UI takes ids as unique; attributes are sorted by key; packed addresses become dotted; links
//! without a trace are left out.

use std::collections::HashMap;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::tags::{self, Tag, Tags};
use crate::rows::{EventRow, LinkRow, SpanRow, SpanRows};
use crate::ser::{Hex, Seq};
use crate::trace::Trace;
use crate::trace::group::Groups;
use crate::trace::structure::SpanIds;

/// A trace as Jaeger writes it.
pub(crate) struct TraceJson<'a> {
    /// The trace.
    pub(crate) trace: &'a Trace,
    /// Without any adjustment.
    pub(crate) raw: bool,
}

impl Serialize for TraceJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows = &self.trace.rows;
        let context = Context {
            trace: self.trace,
            raw: self.raw,
            processes: Groups::by(rows, 0..rows.len() as u32, |span| {
                (
                    span.service_name(),
                    span.resource_attributes().collect::<Vec<_>>(),
                )
            }),
            new_ids: if self.raw {
                HashMap::new()
            } else {
                new_ids(rows)
            },
        };
        let process_of = context.processes.of_rows(rows.len());
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("traceID", &TraceIdText(&self.trace.id.0))?;
        let spans = || {
            rows.iter().map(|span| Span {
                context: &context,
                row: span,
                process: process_of[span.row],
            })
        };
        map.serialize_entry("spans", &Seq(spans))?;
        map.serialize_entry("processes", &Processes(&context))?;
        let reasons = &self.trace.covering.reasons;
        map.serialize_entry("warnings", &(!reasons.is_empty()).then_some(reasons))?;
        map.end()
    }
}

struct Context<'a> {
    trace: &'a Trace,
    raw: bool,
    processes: Groups,
    /// Row of a called half: its new id.
    new_ids: HashMap<usize, [u8; 8]>,
}

/// New ids for the called halves of shared spans: the lowest that the trace does not use.
fn new_ids(rows: &SpanRows) -> HashMap<usize, [u8; 8]> {
    let ids = SpanIds::of(rows);
    let mut next: u64 = 0;
    let mut fresh = || loop {
        next += 1;
        let id = next.to_be_bytes();
        if !ids.contains(&id) {
            return id;
        }
    };
    rows.iter()
        .filter(|span| ids.is_shared_called_half(*span))
        .map(|span| (span.row, fresh()))
        .collect()
}

/// 16 digits for ids of 64 bits, else 32, as Jaeger writes them.
struct TraceIdText<'a>(&'a [u8]);

impl Serialize for TraceIdText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (high, low) = self.0.split_at(self.0.len().saturating_sub(8));
        if high.iter().all(|byte| *byte == 0) {
            Hex(low).serialize(serializer)
        } else {
            Hex(self.0).serialize(serializer)
        }
    }
}

struct Span<'a> {
    context: &'a Context<'a>,
    row: SpanRow<'a>,
    process: u32,
}

impl Span<'_> {
    fn id(&self) -> &[u8] {
        self.context
            .new_ids
            .get(&self.row.row)
            .map_or(self.row.span_id(), |id| id.as_slice())
    }

    /// The parent's id: for a called half its calling half, for children of a called half its new id.
    fn parent(&self) -> Option<&[u8]> {
        if self.context.new_ids.contains_key(&self.row.row) {
            return Some(self.row.span_id());
        }
        let renamed = self
            .row
            .parent_row()
            .and_then(|row| self.context.new_ids.get(&row));
        renamed
            .map(<[u8; 8]>::as_slice)
            .or(self.row.parent_span_id())
    }
}

impl Serialize for Span<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let span = self.row;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("traceID", &TraceIdText(&self.context.trace.id.0))?;
        map.serialize_entry("spanID", &Hex(self.id()))?;
        if span.flags() != 0 {
            map.serialize_entry("flags", &span.flags())?;
        }
        map.serialize_entry("operationName", span.name())?;
        map.serialize_entry("references", &References(self))?;
        map.serialize_entry("startTime", &micros(span.start_time()))?;
        map.serialize_entry("duration", &(span.duration_ns().max(0) / 1_000))?;
        map.serialize_entry("tags", &tags::of_span(span, self.context.raw))?;
        map.serialize_entry(
            "logs",
            &Seq(|| {
                span.events().map(|event| Log {
                    event,
                    raw: self.context.raw,
                })
            }),
        )?;
        map.serialize_entry("processID", &format_args!("p{}", self.process + 1))?;
        let warnings: Option<[&str; 1]> =
            (span.duration_ns() < 0).then_some(["the span ends before it starts"]);
        map.serialize_entry("warnings", &warnings)?;
        map.end()
    }
}

/// Microseconds since the epoch of a time as sent.
fn micros(ns: i64) -> u64 {
    ns as u64 / 1_000
}

struct References<'a>(&'a Span<'a>);

impl Serialize for References<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        if let Some(parent) = self.0.parent() {
            let trace_id = &self.0.context.trace.id.0;
            seq.serialize_element(&Reference {
                kind: "CHILD_OF",
                trace_id,
                span_id: parent,
            })?;
        }
        for link in self.0.row.links() {
            if self.0.context.raw || link.trace_id().iter().any(|byte| *byte != 0) {
                seq.serialize_element(&Reference::of_link(link))?;
            }
        }
        seq.end()
    }
}

struct Reference<'a> {
    kind: &'static str,
    trace_id: &'a [u8],
    span_id: &'a [u8],
}

impl<'a> Reference<'a> {
    fn of_link(link: LinkRow<'a>) -> Self {
        let child = link.attributes().any(|attribute| {
            attribute.key == "opentracing.ref_type" && attribute.text == "child_of"
        });
        let kind = if child { "CHILD_OF" } else { "FOLLOWS_FROM" };
        Self {
            kind,
            trace_id: link.trace_id(),
            span_id: link.span_id(),
        }
    }
}

impl Serialize for Reference<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("refType", self.kind)?;
        map.serialize_entry("traceID", &TraceIdText(self.trace_id))?;
        map.serialize_entry("spanID", &Hex(self.span_id))?;
        map.end()
    }
}

struct Log<'a> {
    event: EventRow<'a>,
    raw: bool,
}

impl Serialize for Log<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("timestamp", &micros(self.event.time()))?;
        map.serialize_entry("fields", &tags::of_event(self.event, self.raw))?;
        map.end()
    }
}

struct Processes<'a>(&'a Context<'a>);

impl Serialize for Processes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let groups = &self.0.processes.rows;
        let mut map = serializer.serialize_map(Some(groups.len()))?;
        for (process, rows) in groups.iter().enumerate() {
            let span = self.0.trace.rows.span(rows[0] as usize);
            map.serialize_entry(
                &format!("p{}", process + 1),
                &Process {
                    span,
                    raw: self.0.raw,
                },
            )?;
        }
        map.end()
    }
}

struct Process<'a> {
    span: SpanRow<'a>,
    raw: bool,
}

impl Serialize for Process<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tags: Vec<Tag<'_>> = self
            .span
            .resource_attributes()
            .filter(|attribute| attribute.key != "service.name")
            .map(Tag::Attribute)
            .collect();
        if !self.raw {
            tags.sort_by(|a, b| a.key().cmp(b.key()));
        }
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("serviceName", self.span.service_name())?;
        map.serialize_entry(
            "tags",
            &Tags {
                tags,
                raw: self.raw,
            },
        )?;
        map.end()
    }
}
