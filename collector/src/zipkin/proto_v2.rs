//! Zipkin v2 protobuf: `zipkin.proto3.ListOfSpans`.

use std::borrow::Cow;

use clew_storage::{SpanId, TraceId};

use super::model::{Annotation, Endpoint, Fault, Kind, NS_PER_US, Span, Tag, TagValue};
use super::translate::Translation;
use crate::decode::Translated;
use crate::failure::BodyError;
use crate::limits::{PayloadLimits, ZIPKIN_PARTS_MAX};
use crate::protobuf::{Reader, WireError};

/// Field of `ListOfSpans`.
const SPANS: u32 = 1;

/// Translates the `ListOfSpans` in `payload`.
///
/// # Errors
/// When it is malformed or has too many spans.
pub(crate) fn translate(payload: &[u8], limits: &PayloadLimits) -> Result<Translated, BodyError> {
    let mut translation = Translation::new(limits);
    let mut reader = Reader::new(payload);
    while let Some(key) = reader.next_key()? {
        match key.field {
            SPANS => {
                let raw = RawSpan::read(reader.message(key)?)?;
                let name = raw.name;
                let span = raw.into_span();
                translation.push(span.map_err(|reason| Fault {
                    name: name.to_owned(),
                    reason,
                }))?;
            }
            _ => reader.skip(key)?,
        }
    }
    Ok(translation.finish())
}

/// A `zipkin.proto3.Span` as sent.
#[derive(Default)]
struct RawSpan<'p> {
    trace_id: &'p [u8],
    parent_id: &'p [u8],
    id: &'p [u8],
    kind: i32,
    name: &'p str,
    timestamp_us: u64,
    duration_us: u64,
    local: Endpoint<'p>,
    remote: Endpoint<'p>,
    /// Times in µs and values.
    annotations: Vec<(u64, &'p str)>,
    tags: Vec<(&'p str, &'p str)>,
    debug: bool,
    shared: bool,
}

impl<'p> RawSpan<'p> {
    fn read(mut reader: Reader<'p>) -> Result<Self, BodyError> {
        let mut span = Self::default();
        while let Some(key) = reader.next_key()? {
            match key.field {
                1 => span.trace_id = reader.bytes(key)?,
                2 => span.parent_id = reader.bytes(key)?,
                3 => span.id = reader.bytes(key)?,
                4 => span.kind = reader.integer(key)? as i32,
                5 => span.name = reader.string(key)?,
                6 => span.timestamp_us = reader.fixed64(key)?,
                7 => span.duration_us = reader.integer(key)?,
                8 => merge_endpoint(reader.message(key)?, &mut span.local)?,
                9 => merge_endpoint(reader.message(key)?, &mut span.remote)?,
                10 => span
                    .annotations
                    .push(read_annotation(reader.message(key)?)?),
                11 => span.tags.push(read_tag(reader.message(key)?)?),
                12 => span.debug = reader.integer(key)? != 0,
                13 => span.shared = reader.integer(key)? != 0,
                _ => reader.skip(key)?,
            }
            if span.annotations.len().max(span.tags.len()) > ZIPKIN_PARTS_MAX {
                let what = "tags or annotations in one span";
                return Err(BodyError::TooMany {
                    what,
                    max: ZIPKIN_PARTS_MAX as u64,
                });
            }
        }
        Ok(span)
    }

    fn into_span(self) -> Result<Span<'p>, String> {
        let kind = match self.kind {
            0 => None,
            1 => Some(Kind::Client),
            2 => Some(Kind::Server),
            3 => Some(Kind::Producer),
            4 => Some(Kind::Consumer),
            other => return Err(format!("{other} is not a kind")),
        };
        let annotation = |(us, value): (u64, &'p str)| -> Result<Annotation<'p>, String> {
            let time_ns = time_ns(us, "annotation's timestamp")?.unwrap_or(0);
            Ok(Annotation {
                time_ns,
                value: Cow::Borrowed(value),
            })
        };
        let tag = |(key, value): (&'p str, &'p str)| Tag {
            key: Cow::Borrowed(key),
            value: TagValue::Text(Cow::Borrowed(value)),
        };
        Ok(Span {
            trace_id: padded::<16>(self.trace_id)
                .and_then(|id| TraceId::from_bytes(&id))
                .ok_or_else(|| invalid_id("trace_id", self.trace_id, 16))?,
            id: padded::<8>(self.id)
                .and_then(|id| SpanId::from_bytes(&id))
                .ok_or_else(|| invalid_id("id", self.id, 8))?,
            parent_id: padded::<8>(self.parent_id)
                .map(|id| SpanId::from_bytes(&id))
                .ok_or_else(|| invalid_id("parent_id", self.parent_id, 8))?,
            kind,
            name: Cow::Borrowed(self.name),
            timestamp_ns: time_ns(self.timestamp_us, "timestamp")?,
            duration_ns: time_ns(self.duration_us, "duration")?,
            local: self.local,
            remote: self.remote,
            annotations: self
                .annotations
                .into_iter()
                .map(annotation)
                .collect::<Result<_, _>>()?,
            tags: self.tags.into_iter().map(tag).collect(),
            debug: self.debug,
            shared: self.shared,
        })
    }
}

fn merge_endpoint<'p>(
    mut reader: Reader<'p>,
    endpoint: &mut Endpoint<'p>,
) -> Result<(), WireError> {
    while let Some(key) = reader.next_key()? {
        match key.field {
            1 => endpoint.service_name = Cow::Borrowed(reader.string(key)?),
            2 => endpoint.ipv4 = Endpoint::ipv4_text(reader.bytes(key)?),
            3 => endpoint.ipv6 = Endpoint::ipv6_text(reader.bytes(key)?),
            4 => endpoint.port = i64::from(reader.integer(key)? as i32),
            _ => reader.skip(key)?,
        }
    }
    Ok(())
}

fn read_annotation(mut reader: Reader<'_>) -> Result<(u64, &str), WireError> {
    let mut annotation = (0, "");
    while let Some(key) = reader.next_key()? {
        match key.field {
            1 => annotation.0 = reader.fixed64(key)?,
            2 => annotation.1 = reader.string(key)?,
            _ => reader.skip(key)?,
        }
    }
    Ok(annotation)
}

/// An entry of `map<string, string>`.
fn read_tag(mut reader: Reader<'_>) -> Result<(&str, &str), WireError> {
    let mut tag = ("", "");
    while let Some(key) = reader.next_key()? {
        match key.field {
            1 => tag.0 = reader.string(key)?,
            2 => tag.1 = reader.string(key)?,
            _ => reader.skip(key)?,
        }
    }
    Ok(tag)
}

/// `id` with zeros on the left, `None` if it is too long.
fn padded<const N: usize>(id: &[u8]) -> Option<[u8; N]> {
    let mut padded = [0; N];
    padded[N.checked_sub(id.len())?..].copy_from_slice(id);
    Some(padded)
}

fn invalid_id(what: &str, id: &[u8], bytes_max: usize) -> String {
    if id.len() > bytes_max {
        format!(
            "{what} has {} bytes, at most {bytes_max} expected",
            id.len()
        )
    } else {
        format!("{what} is empty or all zero")
    }
}

/// `us` as ns, `None` if 0.
fn time_ns(us: u64, what: &str) -> Result<Option<u64>, String> {
    let ns = us
        .checked_mul(NS_PER_US)
        .ok_or_else(|| format!("{what} {us} µs is out of range"))?;
    Ok((ns > 0).then_some(ns))
}
