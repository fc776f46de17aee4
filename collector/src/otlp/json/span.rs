//! What is special about spans: ids, enums, and that a span may be rejected alone.

use serde::de::MapAccess;

use super::{Context, scalar};
use crate::otlp::fields::span;
use crate::protobuf::writer::Mark;

/// Names of `SpanKind`, each in the place of its number.
const KINDS: &[&str] = &[
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];
/// Names of `StatusCode`, each in the place of its number.
const CODES: &[&str] = &["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];

/// Most bytes that an id of a link may have.
const LINK_ID_BYTES_MAX: usize = 32;
/// Characters of a faulty text that are shown, and of a span's name.
const SHOWN_CHARS_MAX: usize = 80;

/// What is remembered of a span until its end.
#[derive(Default)]
pub(super) struct SpanState {
    /// The name, cut to what is shown of it.
    name: String,
    has_trace_id: bool,
    has_span_id: bool,
    /// Why the span cannot be stored.
    fault: Option<String>,
}

/// The span that began at `start` is complete: keeps or rejects it.
pub(super) fn end(context: &mut Context, start: Mark) {
    context.spans += 1;
    let state = &mut context.span;
    let missing = if !state.has_trace_id {
        Some("traceId is missing")
    } else if !state.has_span_id {
        Some("spanId is missing")
    } else {
        None
    };
    if let Some(fault) = state.fault.take().or(missing.map(str::to_owned)) {
        context.rejected.add(context.spans, &state.name, &fault);
        context.out.rewind(start);
    }
    state.name.clear();
    state.has_trace_id = false;
    state.has_span_id = false;
}

pub(super) fn name<'de, A: MapAccess<'de>>(
    context: &mut Context,
    map: &mut A,
    field: u32,
) -> Result<(), A::Error> {
    scalar::with_text(map, "a string", |name| {
        context.span.name.clear();
        context.span.name.extend(name.chars().take(SHOWN_CHARS_MAX));
        context.out.string(field, name);
        Ok(())
    })
}

pub(super) fn trace_id<'de, A: MapAccess<'de>>(
    context: &mut Context,
    map: &mut A,
    field: u32,
) -> Result<(), A::Error> {
    id(context, map, field, |id| id.len() == 16 && !is_zero(id))
}

pub(super) fn span_id<'de, A: MapAccess<'de>>(
    context: &mut Context,
    map: &mut A,
    field: u32,
) -> Result<(), A::Error> {
    id(context, map, field, |id| id.len() == 8 && !is_zero(id))
}

pub(super) fn parent_span_id<'de, A: MapAccess<'de>>(
    context: &mut Context,
    map: &mut A,
    field: u32,
) -> Result<(), A::Error> {
    id(context, map, field, |id| matches!(id.len(), 0 | 8))
}

/// Ids of links are kept as sent.
pub(super) fn link_trace_id<'de, A: MapAccess<'de>>(
    context: &mut Context,
    map: &mut A,
    field: u32,
) -> Result<(), A::Error> {
    id(context, map, field, |_| true)
}

pub(super) use link_trace_id as link_span_id;

fn is_zero(id: &[u8]) -> bool {
    id.iter().all(|byte| *byte == 0)
}

/// Writes the hex id that is next in `map`. One that is not hex or not `valid` is the fault of the span.
fn id<'de, A: MapAccess<'de>>(
    context: &mut Context,
    map: &mut A,
    field: u32,
    valid: fn(&[u8]) -> bool,
) -> Result<(), A::Error> {
    scalar::with_text(map, "an id in hex", |text| {
        let mut buffer = [0; LINK_ID_BYTES_MAX];
        let id = buffer
            .get_mut(..text.len() / 2)
            .and_then(|id| hex::decode_to_slice(text, id).ok().map(|()| &*id));
        match id.filter(|id| valid(id)) {
            Some(id) => context.out.bytes(field, id),
            None => context.span.fault = Some(format!("{:?} is not a valid id", shown(text))),
        }
        // A fault of its own is clearer than that the id is missing.
        context.span.has_trace_id |= field == span::TRACE_ID;
        context.span.has_span_id |= field == span::SPAN_ID;
        Ok(())
    })
}

pub(super) fn kind<'de, A: MapAccess<'de>>(
    context: &mut Context,
    map: &mut A,
    field: u32,
) -> Result<(), A::Error> {
    enumeration(context, map, field, KINDS)
}

pub(super) fn status_code<'de, A: MapAccess<'de>>(
    context: &mut Context,
    map: &mut A,
    field: u32,
) -> Result<(), A::Error> {
    enumeration(context, map, field, CODES)
}

/// Writes the enum that is next in `map`; a name that is none of `names` is the fault of the span.
fn enumeration<'de, A: MapAccess<'de>>(
    context: &mut Context,
    map: &mut A,
    field: u32,
    names: &[&str],
) -> Result<(), A::Error> {
    match scalar::number_or_name(map, names)? {
        Ok(Some(number)) => context.out.integer(field, i64::from(number) as u64),
        Ok(None) => {}
        Err(name) => {
            let fault = format!("{:?} is none of {}", shown(&name), names.join(", "));
            context.span.fault = Some(fault);
        }
    }
    Ok(())
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).collect()
}
