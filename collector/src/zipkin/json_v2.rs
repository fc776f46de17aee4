//! Zipkin v2 JSON: an array of spans.

use serde::Deserialize;

use super::json::{self, JsonEndpoint, JsonSpan, Micros, Text};
use super::model::{self, Annotation, Fault, Kind, Span, Tag, TagValue};
use super::translate::Translation;
use crate::decode::Translated;
use crate::failure::BodyError;
use crate::limits::PayloadLimits;

/// Translates the JSON array of spans in `payload`.
///
/// # Errors
/// When it is not UTF-8, not JSON, not of Zipkin's types, or has too many spans.
pub(crate) fn translate(payload: &[u8], limits: &PayloadLimits) -> Result<Translated, BodyError> {
    json::translate::<V2Span<'_>>(payload, limits)
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct V2Span<'a> {
    #[serde(borrow)]
    trace_id: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    parent_id: Text<'a>,
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    timestamp: Micros,
    duration: Micros,
    #[serde(borrow)]
    local_endpoint: Option<JsonEndpoint<'a>>,
    #[serde(borrow)]
    remote_endpoint: Option<JsonEndpoint<'a>>,
    #[serde(borrow, deserialize_with = "json::bounded_list")]
    annotations: Vec<V2Annotation<'a>>,
    #[serde(borrow, deserialize_with = "json::bounded_entries")]
    tags: Vec<(Text<'a>, Text<'a>)>,
    #[serde(deserialize_with = "json::bool_or_null")]
    debug: bool,
    #[serde(deserialize_with = "json::bool_or_null")]
    shared: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct V2Annotation<'a> {
    timestamp: Micros,
    #[serde(borrow)]
    value: Text<'a>,
}

impl<'a> JsonSpan<'a> for V2Span<'a> {
    fn push(self, translation: &mut Translation<'_>) -> Result<(), BodyError> {
        let name = self.name.0.clone();
        let span = self.into_span();
        translation.push(span.map_err(|reason| Fault {
            name: name.into_owned(),
            reason,
        }))
    }
}

impl<'a> V2Span<'a> {
    fn into_span(self) -> Result<Span<'a>, String> {
        let kind = match &*self.kind.0 {
            "" => None,
            name => {
                let kind = Kind::from_name(name);
                let unknown = || format!("{name:?} is none of CLIENT, SERVER, PRODUCER, CONSUMER");
                Some(kind.ok_or_else(unknown)?)
            }
        };
        let annotation = |annotation: V2Annotation<'a>| -> Result<Annotation<'a>, String> {
            let time_ns = annotation
                .timestamp
                .ns("annotation's timestamp")?
                .unwrap_or(0);
            Ok(Annotation {
                time_ns,
                value: annotation.value.0,
            })
        };
        let tag = |(key, value): (Text<'a>, Text<'a>)| Tag {
            key: key.0,
            value: TagValue::Text(value.0),
        };
        Ok(Span {
            trace_id: self
                .trace_id
                .0
                .parse()
                .map_err(|error| format!("traceId: {error}"))?,
            id: self.id.0.parse().map_err(|error| format!("id: {error}"))?,
            parent_id: model::parent_id(&self.parent_id.0)?,
            kind,
            name: self.name.0,
            timestamp_ns: self.timestamp.ns("timestamp")?,
            duration_ns: self.duration.ns("duration")?,
            local: self.local_endpoint.unwrap_or_default().into(),
            remote: self.remote_endpoint.unwrap_or_default().into(),
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
