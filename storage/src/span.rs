//! One span, borrowed from the payload it came in, on its way into a [`SpanBatchBuilder`](crate::SpanBatchBuilder).
//!
//! A decoder fills one [`SpanFields`] after the other from the same scratch vectors, so that no span costs an allocation.
//! All attributes of a span, its events and its links lie in one arena; each owner names its range.

use std::borrow::Cow;
use std::ops::Range;

use crate::attributes::{AttributeRef, ValueRef};
use crate::ids::{SpanId, TraceId};

/// A range of the attribute arena of a [`SpanFields`].
pub type AttributeRange = Range<usize>;

/// What all spans of one resource and instrumentation scope share.
#[derive(Debug, Clone, Copy, Default)]
pub struct GroupFields<'a> {
    /// Attributes of the resource, in the order sent, duplicates included.
    pub resource_attributes: &'a [AttributeRef<'a>],
    /// Attributes that the sender dropped from the resource.
    pub resource_dropped_attributes_count: u32,
    /// Schema URL of the resource.
    pub resource_schema_url: &'a str,
    /// Name of the instrumentation scope.
    pub scope_name: &'a str,
    /// Version of the instrumentation scope.
    pub scope_version: &'a str,
    /// Attributes of the scope, in the order sent.
    pub scope_attributes: &'a [AttributeRef<'a>],
    /// Attributes that the sender dropped from the scope.
    pub scope_dropped_attributes_count: u32,
    /// Schema URL of the scope.
    pub scope_schema_url: &'a str,
}

/// Service of spans whose resource has no `service.name`.
const UNKNOWN_SERVICE: &str = "unknown_service";

impl<'a> GroupFields<'a> {
    /// The service that the resource names: its first `service.name` that is a string and not empty.
    #[must_use]
    pub fn service_name(&self) -> &'a str {
        let named = self
            .resource_attributes
            .iter()
            .find_map(|attribute| match attribute.value {
                ValueRef::String(name) if attribute.key == "service.name" && !name.is_empty() => {
                    Some(name)
                }
                _ => None,
            });
        named.unwrap_or(UNKNOWN_SERVICE)
    }
}

/// One span. Times are nanoseconds since the Unix epoch as sent, bit for bit.
#[derive(Debug, Clone, Default)]
pub struct SpanFields<'a> {
    /// Trace that the span belongs to.
    pub trace_id: TraceId,
    /// Id of the span.
    pub span_id: SpanId,
    /// Id of the parent; `None` for a root.
    pub parent_span_id: Option<SpanId>,
    /// W3C tracestate.
    pub trace_state: &'a str,
    /// W3C flags and OpenTelemetry's bits, all 32.
    pub flags: u32,
    /// Span name.
    pub name: &'a str,
    /// OTLP `SpanKind` number, unknown ones included.
    pub kind: i32,
    /// Start, ns since the epoch.
    pub start_time_unix_nano: u64,
    /// End, ns since the epoch; may lie before the start.
    pub end_time_unix_nano: u64,
    /// OTLP `StatusCode` number, unknown ones included.
    pub status_code: i32,
    /// Status message.
    pub status_message: &'a str,
    /// Arena of all attributes below.
    pub arena: &'a [AttributeRef<'a>],
    /// The span's own attributes.
    pub attributes: AttributeRange,
    /// Attributes that the sender dropped.
    pub dropped_attributes_count: u32,
    /// Events in the order sent.
    pub events: &'a [EventFields<'a>],
    /// Events that the sender dropped.
    pub dropped_events_count: u32,
    /// Links in the order sent.
    pub links: &'a [LinkFields<'a>],
    /// Links that the sender dropped.
    pub dropped_links_count: u32,
}

/// One event of a span.
#[derive(Debug, Clone, Default)]
pub struct EventFields<'a> {
    /// Time, ns since the epoch, bit for bit.
    pub time_unix_nano: u64,
    /// Event name.
    pub name: &'a str,
    /// Range of the span's arena.
    pub attributes: AttributeRange,
    /// Attributes that the sender dropped.
    pub dropped_attributes_count: u32,
}

/// One link of a span. Ids are kept as sent, of whatever length.
#[derive(Debug, Clone, Default)]
pub struct LinkFields<'a> {
    /// Linked trace.
    pub trace_id: &'a [u8],
    /// Linked span.
    pub span_id: &'a [u8],
    /// W3C tracestate of the link.
    pub trace_state: &'a str,
    /// Range of the span's arena.
    pub attributes: AttributeRange,
    /// Attributes that the sender dropped.
    pub dropped_attributes_count: u32,
    /// Flags as sent.
    pub flags: u32,
}

const KINDS: [&str; 6] = [
    "unspecified",
    "internal",
    "server",
    "client",
    "producer",
    "consumer",
];
const STATUSES: [&str; 3] = ["unset", "ok", "error"];

/// Text of an OTLP `SpanKind` in the column `kind`: its name, or the decimal number of an unknown one.
#[must_use]
pub fn kind_text(kind: i32) -> Cow<'static, str> {
    enum_text(&KINDS, kind)
}

/// The OTLP `SpanKind` whose text is `text`.
#[must_use]
pub fn kind_number(text: &str) -> Option<i32> {
    enum_number(&KINDS, text)
}

/// Text of an OTLP `StatusCode` in the column `status_code`: its name, or the decimal number of an unknown one.
#[must_use]
pub fn status_text(status: i32) -> Cow<'static, str> {
    enum_text(&STATUSES, status)
}

/// The OTLP `StatusCode` whose text is `text`.
#[must_use]
pub fn status_number(text: &str) -> Option<i32> {
    enum_number(&STATUSES, text)
}

/// Status text of a failed span.
pub const STATUS_ERROR: &str = STATUSES[2];

fn enum_text(names: &[&'static str], number: i32) -> Cow<'static, str> {
    let name = usize::try_from(number)
        .ok()
        .and_then(|place| names.get(place));
    name.map_or_else(
        || Cow::Owned(number.to_string()),
        |name| Cow::Borrowed(*name),
    )
}

fn enum_number(names: &[&str], text: &str) -> Option<i32> {
    let place = names.iter().position(|name| *name == text);
    place.map_or_else(|| text.parse().ok(), |place| Some(place as i32))
}

/// Sorts starts so that a start of 0, which is what a span without a start time has, comes after all others.
#[must_use]
pub fn start_order(start_unix_nano: u64) -> u64 {
    start_unix_nano.wrapping_sub(1)
}

/// The earlier of two starts, ns since the epoch; 0 is no start time and gives way to any other.
#[must_use]
pub fn earlier_start(a: u64, b: u64) -> u64 {
    std::cmp::min_by_key(a, b, |start| start_order(*start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_comes_back_from_its_text() {
        for number in [i32::MIN, -1, 0, 1, 2, 3, 4, 5, 6, i32::MAX] {
            assert_eq!(kind_number(&kind_text(number)), Some(number));
            assert_eq!(status_number(&status_text(number)), Some(number));
        }
        assert_eq!(
            (
                kind_text(3).as_ref(),
                status_text(2).as_ref(),
                status_text(3).as_ref()
            ),
            ("client", "error", "3")
        );
    }

    #[test]
    fn a_missing_start_gives_way_to_any_other() {
        assert_eq!(earlier_start(0, 7), 7);
        assert_eq!(earlier_start(u64::MAX, 0), u64::MAX);
        assert_eq!(earlier_start(3, 7), 3);
        assert_eq!(earlier_start(0, 0), 0);
    }
}
