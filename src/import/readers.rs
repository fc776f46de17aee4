//! Files to request bodies, one reader per format. All of them stream: memory holds one document or message at a time.

use std::io::{BufRead, Read};
use std::mem;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::body::{BODY_BYTES_AIM, BODY_BYTES_MAX, Body, Door};
use super::format::Format;
use super::{jaeger, wire, zipkin};

/// Bytes of a file without inner boundaries that are held in memory.
const WHOLE_FILE_BYTES_MAX: u64 = 1 << 30;

/// Takes bodies and the reasons why spans could not be converted.
pub(crate) trait Sink {
    /// Sends a body; an error ends the reading.
    fn body(&mut self, body: Body) -> anyhow::Result<()>;
    /// Counts a span that could not be converted.
    fn rejected(&mut self, why: String);
}

type Reader<'a> = &'a mut dyn BufRead;

/// Reads all of `reader` as `format`.
pub(crate) fn read(format: Format, reader: Reader<'_>, sink: &mut dyn Sink) -> anyhow::Result<()> {
    match format {
        Format::OtlpStream => otlp_stream(reader, sink),
        Format::OtlpProtobuf => otlp_protobuf(reader, sink),
        Format::OtlpJson => documents(reader, |text| otlp_json(text, sink)),
        Format::Jaeger => jaeger_json(reader, sink),
        Format::Zipkin => documents(reader, |text| zipkin::read(text, sink)),
    }
}

fn otlp_stream(reader: Reader<'_>, sink: &mut dyn Sink) -> anyhow::Result<()> {
    let mut number = 0_u64;
    while let Some(length) =
        read_length(reader).with_context(|| format!("message {}", number + 1))?
    {
        number += 1;
        let context = || format!("message {number} of {length} bytes");
        ensure!(
            length <= WHOLE_FILE_BYTES_MAX,
            "{}: too long; is this an OTLP protobuf stream?",
            context()
        );
        let mut bytes = Vec::new();
        reader
            .take(length)
            .read_to_end(&mut bytes)
            .with_context(context)?;
        ensure!(
            bytes.len() as u64 == length,
            "{}: the file ends inside of it",
            context()
        );
        protobuf_bodies(&bytes.into(), sink)?;
    }
    Ok(())
}

/// The length before a message; `None` at the end of the file.
fn read_length(reader: Reader<'_>) -> anyhow::Result<Option<u64>> {
    let mut bytes = Vec::new();
    for byte in reader.bytes() {
        bytes.push(byte?);
        if let Some((length, _)) = wire::varint(&bytes) {
            return Ok(Some(length));
        }
        ensure!(
            bytes.len() < 10,
            "its length is no varint; is this an OTLP protobuf stream?"
        );
    }
    ensure!(bytes.is_empty(), "the file ends inside its length");
    Ok(None)
}

fn otlp_protobuf(reader: Reader<'_>, sink: &mut dyn Sink) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    reader
        .take(WHOLE_FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > WHOLE_FILE_BYTES_MAX {
        bail!("the request is larger than {WHOLE_FILE_BYTES_MAX} bytes");
    }
    protobuf_bodies(&bytes.into(), sink)
}

/// Sends a request as it is; one that is too large in parts, cut between its resource spans.
fn protobuf_bodies(request: &Bytes, sink: &mut dyn Sink) -> anyhow::Result<()> {
    let mut start = 0;
    let mut end = 0;
    while request.len() - start > BODY_BYTES_MAX {
        let Some(field) = wire::field(&request[end..]) else {
            break;
        };
        if end > start && end + field.length - start > BODY_BYTES_AIM {
            sink.body(protobuf_body(request.slice(start..end)))?;
            start = end;
        }
        end += field.length;
    }
    sink.body(protobuf_body(request.slice(start..)))
}

fn protobuf_body(bytes: Bytes) -> Body {
    Body {
        door: Door::OtlpProtobuf,
        spans: wire::count_spans(&bytes),
        bytes,
    }
}

/// Calls `each` with every JSON document of the file: one, or one a line.
fn documents(
    reader: Reader<'_>,
    mut each: impl FnMut(&str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let documents = serde_json::Deserializer::from_reader(reader).into_iter::<Box<RawValue>>();
    for (index, document) in documents.enumerate() {
        let context = || format!("JSON document {}", index + 1);
        each(document.with_context(context)?.get()).with_context(context)?;
    }
    Ok(())
}

/// The parts of an OTLP JSON document that matter here; an answer of Jaeger's API wraps it in `result`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OtlpDocument<'a> {
    #[serde(borrow, default)]
    resource_spans: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    result: Option<Box<OtlpDocument<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OtlpResource {
    #[serde(default)]
    scope_spans: Option<Vec<OtlpScope>>,
}

#[derive(Deserialize)]
struct OtlpScope {
    #[serde(default)]
    spans: Option<Vec<IgnoredAny>>,
}

fn otlp_json(text: &str, sink: &mut dyn Sink) -> anyhow::Result<()> {
    let document: OtlpDocument<'_> = serde_json::from_str(text)?;
    let wrapped = document.result.is_some();
    let resources = document
        .result
        .map_or(document.resource_spans, |result| result.resource_spans);
    let resources = resources.context("there is no `resourceSpans` in it")?;
    let counts = resources
        .iter()
        .map(|resource| count_json_spans(resource))
        .collect::<Result<Vec<_>, _>>()?;
    if !wrapped && text.len() <= BODY_BYTES_MAX {
        return sink.body(json_body(text, counts.iter().sum()));
    }
    let mut part = (Vec::new(), 0, 0);
    for (resource, spans) in resources.iter().zip(counts) {
        let text = resource.get();
        if part.1 > 0 && part.1 + text.len() > BODY_BYTES_AIM {
            let (texts, _, spans) = mem::take(&mut part);
            sink.body(json_body(&otlp_document(&texts), spans))?;
        }
        part.0.push(text);
        part.1 += text.len();
        part.2 += spans;
    }
    sink.body(json_body(&otlp_document(&part.0), part.2))
}

fn count_json_spans(resource: &RawValue) -> serde_json::Result<u64> {
    let resource: OtlpResource = serde_json::from_str(resource.get())?;
    let scopes = resource.scope_spans.unwrap_or_default();
    Ok(scopes
        .into_iter()
        .map(|scope| scope.spans.unwrap_or_default().len() as u64)
        .sum())
}

fn otlp_document(resources: &[&str]) -> String {
    format!("{{\"resourceSpans\":[{}]}}", resources.join(","))
}

fn json_body(text: &str, spans: u64) -> Body {
    Body {
        door: Door::OtlpJson,
        bytes: Bytes::copy_from_slice(text.as_bytes()),
        spans,
    }
}

/// Puts the traces of several documents into one request, since a document often is one small trace.
fn jaeger_json(reader: Reader<'_>, sink: &mut dyn Sink) -> anyhow::Result<()> {
    let mut request = ExportTraceServiceRequest::default();
    let mut spans = 0;
    let mut bytes = 0;
    documents(reader, |text| {
        for trace in jaeger::read(text)? {
            let converted = jaeger::convert(vec![trace]);
            converted
                .rejected
                .into_iter()
                .for_each(|why| sink.rejected(why));
            bytes += converted
                .resource_spans
                .iter()
                .map(Message::encoded_len)
                .sum::<usize>();
            request.resource_spans.extend(converted.resource_spans);
            spans += converted.spans;
            if bytes >= BODY_BYTES_AIM {
                bytes = 0;
                sink.body(encoded(&mut request, &mut spans))?;
            }
        }
        Ok(())
    })?;
    if spans > 0 {
        sink.body(encoded(&mut request, &mut spans))
    } else {
        Ok(())
    }
}

fn encoded(request: &mut ExportTraceServiceRequest, spans: &mut u64) -> Body {
    let bytes = mem::take(request).encode_to_vec().into();
    Body {
        door: Door::OtlpProtobuf,
        bytes,
        spans: mem::take(spans),
    }
}

#[cfg(test)]
mod tests;
