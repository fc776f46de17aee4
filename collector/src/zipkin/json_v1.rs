//! Zipkin v1 JSON: an array of spans with annotations and binary annotations.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::json::{self, JsonEndpoint, JsonSpan, Micros, Text};
use super::model::{self, Endpoint, Fault, TagValue};
use super::translate::Translation;
use super::v1::{BinaryAnnotation, BinaryValue, V1Annotation, V1Span};
use crate::decode::Translated;
use crate::failure::BodyError;
use crate::limits::PayloadLimits;

/// Translates the JSON array of spans in `payload`.
///
/// # Errors
/// When it is not UTF-8, not JSON, not of Zipkin's types, or has too many spans.
pub(crate) fn translate(payload: &[u8], limits: &PayloadLimits) -> Result<Translated, BodyError> {
    json::translate::<JsonV1Span<'_>>(payload, limits)
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct JsonV1Span<'a> {
    #[serde(borrow)]
    trace_id: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    parent_id: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    timestamp: Micros,
    duration: Micros,
    #[serde(borrow, deserialize_with = "json::bounded_list")]
    annotations: Vec<JsonAnnotation<'a>>,
    #[serde(borrow, deserialize_with = "json::bounded_list")]
    binary_annotations: Vec<JsonBinaryAnnotation<'a>>,
    #[serde(deserialize_with = "json::bool_or_null")]
    debug: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct JsonAnnotation<'a> {
    timestamp: Micros,
    #[serde(borrow)]
    value: Text<'a>,
    #[serde(borrow)]
    endpoint: Option<JsonEndpoint<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct JsonBinaryAnnotation<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(borrow)]
    value: JsonBinaryValue<'a>,
    #[serde(borrow)]
    endpoint: Option<JsonEndpoint<'a>>,
}

/// `true` of an address, or text.
enum JsonBinaryValue<'a> {
    Bool(bool),
    Text(Text<'a>),
}

impl Default for JsonBinaryValue<'_> {
    fn default() -> Self {
        Self::Text(Text::default())
    }
}

impl<'a> JsonSpan<'a> for JsonV1Span<'a> {
    fn push(self, translation: &mut Translation<'_>) -> Result<(), BodyError> {
        let name = self.name.0.clone();
        match self.into_v1() {
            Ok(span) => span
                .split()
                .into_iter()
                .try_for_each(|part| translation.push(Ok(part))),
            Err(reason) => translation.push(Err(Fault {
                name: name.into_owned(),
                reason,
            })),
        }
    }
}

impl<'a> JsonV1Span<'a> {
    fn into_v1(self) -> Result<V1Span<'a>, String> {
        let annotation = |annotation: JsonAnnotation<'a>| -> Result<V1Annotation<'a>, String> {
            let time_ns = annotation
                .timestamp
                .ns("annotation's timestamp")?
                .unwrap_or(0);
            let endpoint = annotation.endpoint.map(Endpoint::from);
            Ok(V1Annotation {
                time_ns,
                value: annotation.value.0,
                endpoint,
            })
        };
        let binary = |binary: JsonBinaryAnnotation<'a>| BinaryAnnotation {
            key: binary.key.0,
            value: match binary.value {
                JsonBinaryValue::Bool(value) => BinaryValue::Bool(value),
                JsonBinaryValue::Text(text) => BinaryValue::Tag(TagValue::Text(text.0)),
            },
            endpoint: binary.endpoint.map(Endpoint::from),
        };
        Ok(V1Span {
            trace_id: self
                .trace_id
                .0
                .parse()
                .map_err(|error| format!("traceId: {error}"))?,
            id: self.id.0.parse().map_err(|error| format!("id: {error}"))?,
            parent_id: model::parent_id(&self.parent_id.0)?,
            name: self.name.0,
            timestamp_ns: self.timestamp.ns("timestamp")?,
            duration_ns: self.duration.ns("duration")?,
            annotations: self
                .annotations
                .into_iter()
                .map(annotation)
                .collect::<Result<_, _>>()?,
            binary_annotations: self.binary_annotations.into_iter().map(binary).collect(),
            debug: self.debug,
        })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for JsonBinaryValue<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BoolOrText;

        impl<'de> Visitor<'de> for BoolOrText {
            type Value = JsonBinaryValue<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a number or a bool")
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
                Ok(JsonBinaryValue::Bool(value))
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(JsonBinaryValue::Text(Text(text.into())))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(JsonBinaryValue::Text(Text(text.to_owned().into())))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
                Ok(JsonBinaryValue::Text(Text(value.to_string().into())))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
                Ok(JsonBinaryValue::Text(Text(value.to_string().into())))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
                Ok(JsonBinaryValue::Text(Text(value.to_string().into())))
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(JsonBinaryValue::default())
            }
        }

        deserializer.deserialize_any(BoolOrText)
    }
}
