//! Zipkin v1 Thrift: a list of `zipkinCore.Span` in Thrift's binary protocol.
//!
//! ```text
//!  list    = element type (1 byte) count (4) { element }
//!  struct  = { field type (1, 0 ends the struct) field id (2) value }
//!  string  = length (4) bytes           integers big endian, bool one byte, double eight bytes
//! ```
//!
//! Counts are never trusted: nothing is set aside for elements that have not been read.

use std::borrow::Cow;

use clew_storage::{SpanId, TraceId};

use super::model::{Endpoint, Fault, TagValue, time_ns};
use super::translate::Translation;
use super::v1::{BinaryAnnotation, BinaryValue, V1Annotation, V1Span};
use crate::decode::Translated;
use crate::failure::BodyError;
use crate::limits::{PayloadLimits, ZIPKIN_PARTS_MAX};

/// How deep unknown values may nest.
const NESTING_MAX: usize = 32;

const STOP: u8 = 0;
const BOOL: u8 = 2;
const BYTE: u8 = 3;
const DOUBLE: u8 = 4;
const I16: u8 = 6;
const I32: u8 = 8;
const I64: u8 = 10;
const STRING: u8 = 11;
const STRUCT: u8 = 12;
const MAP: u8 = 13;
const SET: u8 = 14;
const LIST: u8 = 15;

/// Translates the list of spans in `payload`.
///
/// # Errors
/// When it is malformed or has too many spans.
pub(crate) fn translate(payload: &[u8], limits: &PayloadLimits) -> Result<Translated, BodyError> {
    let mut translation = Translation::new(limits);
    let mut reader = Reader {
        payload,
        position: 0,
    };
    for _ in 0..reader.list_of(STRUCT)? {
        let raw = reader.span()?;
        let name = String::from_utf8_lossy(raw.name);
        match raw.into_v1() {
            Ok(span) => {
                span.split()
                    .into_iter()
                    .try_for_each(|part| translation.push(Ok(part)))?;
            }
            Err(reason) => {
                translation.push(Err(Fault {
                    name: name.into_owned(),
                    reason,
                }))?;
            }
        }
    }
    match payload.len() - reader.position {
        0 => Ok(translation.finish()),
        left => Err(reader.malformed(&format!("{left} bytes follow the list of spans"))),
    }
}

/// A span as sent. Texts are not known to be UTF-8 yet.
#[derive(Default)]
struct RawSpan<'p> {
    trace_id_high: i64,
    trace_id: i64,
    id: i64,
    parent_id: i64,
    name: &'p [u8],
    timestamp_us: i64,
    duration_us: i64,
    annotations: Vec<RawAnnotation<'p>>,
    binary_annotations: Vec<RawBinaryAnnotation<'p>>,
    debug: bool,
}

#[derive(Default)]
struct RawAnnotation<'p> {
    timestamp_us: i64,
    value: &'p [u8],
    host: Option<RawEndpoint<'p>>,
}

#[derive(Default)]
struct RawBinaryAnnotation<'p> {
    key: &'p [u8],
    value: &'p [u8],
    /// `AnnotationType`.
    annotation_type: i32,
    host: Option<RawEndpoint<'p>>,
}

#[derive(Default)]
struct RawEndpoint<'p> {
    ipv4: i32,
    port: i16,
    service_name: &'p [u8],
    ipv6: &'p [u8],
}

impl<'p> RawSpan<'p> {
    fn into_v1(self) -> Result<V1Span<'p>, String> {
        let trace_id =
            u128::from(self.trace_id_high as u64) << 64 | u128::from(self.trace_id as u64);
        let annotations = self.annotations.into_iter().map(RawAnnotation::into_v1);
        let binary = self
            .binary_annotations
            .into_iter()
            .map(RawBinaryAnnotation::into_v1);
        Ok(V1Span {
            trace_id: TraceId::from_bytes(&trace_id.to_be_bytes()).ok_or("trace_id is zero")?,
            id: SpanId::from_bytes(&self.id.to_be_bytes()).ok_or("id is zero")?,
            parent_id: SpanId::from_bytes(&self.parent_id.to_be_bytes()),
            name: text(self.name, "name")?,
            timestamp_ns: time_ns(self.timestamp_us, "timestamp")?,
            duration_ns: time_ns(self.duration_us, "duration")?,
            annotations: annotations.collect::<Result<_, _>>()?,
            binary_annotations: binary.collect::<Result<_, _>>()?,
            debug: self.debug,
        })
    }
}

impl<'p> RawAnnotation<'p> {
    fn into_v1(self) -> Result<V1Annotation<'p>, String> {
        Ok(V1Annotation {
            time_ns: time_ns(self.timestamp_us, "annotation's timestamp")?.unwrap_or(0),
            value: text(self.value, "annotation's value")?,
            endpoint: self.host.map(RawEndpoint::into_endpoint).transpose()?,
        })
    }
}

impl<'p> RawBinaryAnnotation<'p> {
    fn into_v1(self) -> Result<BinaryAnnotation<'p>, String> {
        Ok(BinaryAnnotation {
            key: text(self.key, "binary annotation's key")?,
            value: binary_value(self.annotation_type, self.value)?,
            endpoint: self.host.map(RawEndpoint::into_endpoint).transpose()?,
        })
    }
}

impl<'p> RawEndpoint<'p> {
    fn into_endpoint(self) -> Result<Endpoint<'p>, String> {
        Ok(Endpoint {
            service_name: text(self.service_name, "service_name")?,
            ipv4: Endpoint::ipv4_text(&self.ipv4.to_be_bytes()),
            ipv6: Endpoint::ipv6_text(self.ipv6),
            port: i64::from(self.port as u16),
        })
    }
}

/// A value by its `AnnotationType`; one whose bytes do not fit its type is kept as bytes.
fn binary_value(annotation_type: i32, value: &[u8]) -> Result<BinaryValue<'_>, String> {
    let tag = match (annotation_type, value) {
        (0, &[byte]) => return Ok(BinaryValue::Bool(byte != 0)),
        (2, &[a, b]) => TagValue::Int(i16::from_be_bytes([a, b]).into()),
        (3, &[a, b, c, d]) => TagValue::Int(i32::from_be_bytes([a, b, c, d]).into()),
        (4 | 5, _) => match (annotation_type, <[u8; 8]>::try_from(value)) {
            (4, Ok(bytes)) => TagValue::Int(i64::from_be_bytes(bytes)),
            (_, Ok(bytes)) => TagValue::Double(f64::from_be_bytes(bytes)),
            (_, Err(_)) => TagValue::Bytes(value),
        },
        (6, text_bytes) => TagValue::Text(text(text_bytes, "binary annotation's value")?),
        _ => TagValue::Bytes(value),
    };
    Ok(BinaryValue::Tag(tag))
}

fn text<'p>(bytes: &'p [u8], what: &str) -> Result<Cow<'p, str>, String> {
    std::str::from_utf8(bytes)
        .map(Cow::Borrowed)
        .map_err(|error| format!("{what}: {error}"))
}

/// A position in a payload.
struct Reader<'p> {
    payload: &'p [u8],
    position: usize,
}

/// Field of a struct: its type and number.
type Field = (u8, i16);

impl<'p> Reader<'p> {
    #[cold]
    fn malformed(&self, what: &str) -> BodyError {
        let position = self.position;
        BodyError::malformed(&format_args!("malformed Thrift at byte {position}: {what}"))
    }

    fn take(&mut self, length: usize) -> Result<&'p [u8], BodyError> {
        let bytes = self.payload[self.position..].get(..length).ok_or_else(|| {
            self.malformed(&format!("a value of {length} bytes runs past the end"))
        })?;
        self.position += length;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BodyError> {
        let bytes = self.take(N)?;
        Ok(bytes.try_into().expect("take gives as many bytes as asked"))
    }

    fn byte(&mut self) -> Result<u8, BodyError> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn length(&mut self) -> Result<usize, BodyError> {
        let length = self.array().map(i32::from_be_bytes)?;
        usize::try_from(length).map_err(|_| self.malformed("a negative length"))
    }

    fn i64(&mut self) -> Result<i64, BodyError> {
        self.array().map(i64::from_be_bytes)
    }

    fn string(&mut self) -> Result<&'p [u8], BodyError> {
        let length = self.length()?;
        self.take(length)
    }

    /// The number of elements of the list that is next, which has to be of `element`s.
    fn list_of(&mut self, element: u8) -> Result<usize, BodyError> {
        let found = self.byte()?;
        let count = self.length()?;
        if found == element || count == 0 {
            return Ok(count);
        }
        Err(self.malformed(&format!("a list of type {found}, expected {element}")))
    }

    /// The next field of a struct, `None` at its end.
    fn field(&mut self) -> Result<Option<Field>, BodyError> {
        match self.byte()? {
            STOP => Ok(None),
            field_type => Ok(Some((field_type, self.array().map(i16::from_be_bytes)?))),
        }
    }

    fn span(&mut self) -> Result<RawSpan<'p>, BodyError> {
        let mut span = RawSpan::default();
        while let Some(field) = self.field()? {
            match field {
                (I64, 1) => span.trace_id = self.i64()?,
                (STRING, 3) => span.name = self.string()?,
                (I64, 4) => span.id = self.i64()?,
                (I64, 5) => span.parent_id = self.i64()?,
                (LIST, 6) => self.list(&mut span.annotations, Self::annotation)?,
                (LIST, 8) => self.list(&mut span.binary_annotations, Self::binary_annotation)?,
                (BOOL, 9) => span.debug = self.byte()? != 0,
                (I64, 10) => span.timestamp_us = self.i64()?,
                (I64, 11) => span.duration_us = self.i64()?,
                (I64, 12) => span.trace_id_high = self.i64()?,
                (unknown, _) => self.skip(unknown, NESTING_MAX)?,
            }
        }
        Ok(span)
    }

    /// Appends the structs of the list that is next to `list`.
    fn list<T>(
        &mut self,
        list: &mut Vec<T>,
        read: fn(&mut Self) -> Result<T, BodyError>,
    ) -> Result<(), BodyError> {
        for _ in 0..self.list_of(STRUCT)? {
            if list.len() == ZIPKIN_PARTS_MAX {
                let what = "tags or annotations in one span";
                return Err(BodyError::TooMany {
                    what,
                    max: ZIPKIN_PARTS_MAX as u64,
                });
            }
            list.push(read(self)?);
        }
        Ok(())
    }

    fn annotation(&mut self) -> Result<RawAnnotation<'p>, BodyError> {
        let mut annotation = RawAnnotation::default();
        while let Some(field) = self.field()? {
            match field {
                (I64, 1) => annotation.timestamp_us = self.i64()?,
                (STRING, 2) => annotation.value = self.string()?,
                (STRUCT, 3) => annotation.host = Some(self.endpoint()?),
                (unknown, _) => self.skip(unknown, NESTING_MAX)?,
            }
        }
        Ok(annotation)
    }

    fn binary_annotation(&mut self) -> Result<RawBinaryAnnotation<'p>, BodyError> {
        let mut annotation = RawBinaryAnnotation::default();
        while let Some(field) = self.field()? {
            match field {
                (STRING, 1) => annotation.key = self.string()?,
                (STRING, 2) => annotation.value = self.string()?,
                (I32, 3) => annotation.annotation_type = self.array().map(i32::from_be_bytes)?,
                (STRUCT, 4) => annotation.host = Some(self.endpoint()?),
                (unknown, _) => self.skip(unknown, NESTING_MAX)?,
            }
        }
        Ok(annotation)
    }

    fn endpoint(&mut self) -> Result<RawEndpoint<'p>, BodyError> {
        let mut endpoint = RawEndpoint::default();
        while let Some(field) = self.field()? {
            match field {
                (I32, 1) => endpoint.ipv4 = self.array().map(i32::from_be_bytes)?,
                (I16, 2) => endpoint.port = self.array().map(i16::from_be_bytes)?,
                (STRING, 3) => endpoint.service_name = self.string()?,
                (STRING, 4) => endpoint.ipv6 = self.string()?,
                (unknown, _) => self.skip(unknown, NESTING_MAX)?,
            }
        }
        Ok(endpoint)
    }

    /// Passes over a value of type `value_type`, which may nest `nesting_left` deep.
    fn skip(&mut self, value_type: u8, nesting_left: usize) -> Result<(), BodyError> {
        let nested = || nesting_left.checked_sub(1);
        let too_deep = || BodyError::Malformed("Thrift values nested too deep".to_owned());
        match value_type {
            BOOL | BYTE => self.take(1).map(drop),
            I16 => self.take(2).map(drop),
            I32 => self.take(4).map(drop),
            I64 | DOUBLE => self.take(8).map(drop),
            STRING => self.string().map(drop),
            STRUCT => {
                let nesting_left = nested().ok_or_else(too_deep)?;
                while let Some((field_type, _)) = self.field()? {
                    self.skip(field_type, nesting_left)?;
                }
                Ok(())
            }
            LIST | SET => {
                let nesting_left = nested().ok_or_else(too_deep)?;
                let element = self.byte()?;
                (0..self.length()?).try_for_each(|_| self.skip(element, nesting_left))
            }
            MAP => {
                let nesting_left = nested().ok_or_else(too_deep)?;
                let (key, value) = (self.byte()?, self.byte()?);
                (0..self.length()?).try_for_each(|_| {
                    self.skip(key, nesting_left)?;
                    self.skip(value, nesting_left)
                })
            }
            unknown => Err(self.malformed(&format!("{unknown} is not a type"))),
        }
    }
}
