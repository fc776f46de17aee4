//! Zipkin JSON, cut into requests. Spans are sent as they stand in the file; the server translates them.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::body::{BODY_BYTES_AIM, Body, Door};
use super::readers::Sink;

/// What tells v1 from v2: only v1 has `binaryAnnotations`, or annotations with an endpoint; only v2 the other fields.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Probe {
    #[serde(default)]
    binary_annotations: Option<IgnoredAny>,
    #[serde(default)]
    annotations: Option<Vec<AnnotationProbe>>,
    #[serde(default)]
    tags: Option<IgnoredAny>,
    #[serde(default)]
    kind: Option<IgnoredAny>,
    #[serde(default)]
    local_endpoint: Option<IgnoredAny>,
    #[serde(default)]
    remote_endpoint: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct AnnotationProbe {
    #[serde(default)]
    endpoint: Option<IgnoredAny>,
}

/// Reads a document: an array of spans, an array of arrays as the query API answers, or one span.
pub(crate) fn read(text: &str, sink: &mut dyn Sink) -> anyhow::Result<()> {
    let items: Vec<&RawValue> = if text.trim_start().starts_with('{') {
        vec![serde_json::from_str(text)?]
    } else {
        serde_json::from_str(text)?
    };
    let mut spans = Vec::new();
    for item in items {
        if item.get().starts_with('[') {
            spans.extend(serde_json::from_str::<Vec<&RawValue>>(item.get())?);
        } else {
            spans.push(item);
        }
    }
    let doors: Vec<_> = spans.iter().map(|span| door(span)).collect();
    // Halves of one v1 span belong into one request, so a span that could be either follows the others.
    let usual = if doors.contains(&Some(Door::ZipkinV1)) {
        Door::ZipkinV1
    } else {
        Door::ZipkinV2
    };
    let mut parts = [Part::new(Door::ZipkinV2), Part::new(Door::ZipkinV1)];
    for (span, door) in spans.into_iter().zip(doors) {
        let part = &mut parts[usize::from(door.unwrap_or(usual) == Door::ZipkinV1)];
        part.push(span.get());
        if part.text.len() >= BODY_BYTES_AIM {
            part.send(sink)?;
        }
    }
    parts.iter_mut().try_for_each(|part| part.send(sink))
}

/// The door that only this span's version passes; `None` if it could be either. The server says what is wrong with a span
/// that is none.
fn door(span: &RawValue) -> Option<Door> {
    let probe: Probe = serde_json::from_str(span.get()).ok()?;
    let annotations = probe.annotations.unwrap_or_default();
    if probe.binary_annotations.is_some() || annotations.iter().any(|note| note.endpoint.is_some())
    {
        return Some(Door::ZipkinV1);
    }
    let v2 = [
        probe.tags,
        probe.kind,
        probe.local_endpoint,
        probe.remote_endpoint,
    ];
    v2.iter().any(Option::is_some).then_some(Door::ZipkinV2)
}

/// A request that is being filled.
struct Part {
    door: Door,
    text: String,
    spans: u64,
}

impl Part {
    fn new(door: Door) -> Self {
        Self {
            door,
            text: String::new(),
            spans: 0,
        }
    }

    fn push(&mut self, span: &str) {
        self.text.push(if self.text.is_empty() { '[' } else { ',' });
        self.text.push_str(span);
        self.spans += 1;
    }

    fn send(&mut self, sink: &mut dyn Sink) -> anyhow::Result<()> {
        if self.spans == 0 {
            return Ok(());
        }
        let mut text = std::mem::take(&mut self.text);
        text.push(']');
        let spans = std::mem::take(&mut self.spans);
        sink.body(Body {
            door: self.door,
            bytes: Bytes::from(text),
            spans,
        })
    }
}
