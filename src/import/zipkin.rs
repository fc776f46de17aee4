//! Zipkin JSON, cut into requests. Spans are sent as they stand in the file; the server translates them.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::body::{BODY_BYTES_AIM, Body, Door};
use super::readers::Sink;

/// What tells v1 from v2: only v1 has `binaryAnnotations`, or annotations with an endpoint.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Probe {
    #[serde(default)]
    binary_annotations: Option<IgnoredAny>,
    #[serde(default)]
    annotations: Option<Vec<AnnotationProbe>>,
}

#[derive(Deserialize)]
struct AnnotationProbe {
    #[serde(default)]
    endpoint: Option<IgnoredAny>,
}

/// Reads a document: an array of spans, an array of arrays as the query API answers, or one span.
pub(crate) fn read(text: &str, sink: &mut dyn Sink) -> anyhow::Result<()> {
    let mut parts = [Part::new(Door::ZipkinV2), Part::new(Door::ZipkinV1)];
    let items: Vec<&RawValue> = match text.trim_start().starts_with('{') {
        true => vec![serde_json::from_str(text)?],
        false => serde_json::from_str(text)?,
    };
    for item in items {
        if item.get().starts_with('[') {
            for span in serde_json::from_str::<Vec<&RawValue>>(item.get())? {
                add(span, &mut parts, sink)?;
            }
        } else {
            add(item, &mut parts, sink)?;
        }
    }
    parts.iter_mut().try_for_each(|part| part.send(sink))
}

fn add(span: &RawValue, parts: &mut [Part; 2], sink: &mut dyn Sink) -> anyhow::Result<()> {
    let part = &mut parts[usize::from(is_v1(span))];
    part.push(span.get());
    if part.text.len() >= BODY_BYTES_AIM {
        part.send(sink)
    } else {
        Ok(())
    }
}

/// A span that is no object counts as v2; the server says what is wrong with it.
fn is_v1(span: &RawValue) -> bool {
    serde_json::from_str::<Probe>(span.get()).is_ok_and(|probe| {
        let annotations = probe.annotations.unwrap_or_default();
        probe.binary_annotations.is_some() || annotations.iter().any(|note| note.endpoint.is_some())
    })
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
