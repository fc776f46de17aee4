//! Where requests come from: a corpus file or a made-up shop.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, InstrumentationScope, KeyValue, any_value::Value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

/// Encoded requests of a corpus file: zstd over protobufs, each preceded by its length as a varint.
///
/// # Errors
/// When the file cannot be read, or is something else.
pub fn corpus(path: &Path) -> Result<Vec<Vec<u8>>> {
    let file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
    let mut raw = Vec::new();
    zstd::Decoder::new(file)?.read_to_end(&mut raw)?;
    let mut rest = raw.as_slice();
    let mut requests = Vec::new();
    while !rest.is_empty() {
        let length = prost::decode_length_delimiter(&mut rest)?;
        ensure!(
            length <= rest.len(),
            "{}: cut inside a request",
            path.display()
        );
        let (request, after) = rest.split_at(length);
        requests.push(request.to_vec());
        rest = after;
    }
    Ok(requests)
}

/// Spans of one made-up trace.
pub(crate) const TRACE_SPANS: usize = 10;

/// `requests` requests of `batch` made-up spans each, about 310 bytes a span: traces of 10 spans over 20 services and 40
/// routes, 6 resource attributes, 8 span attributes, and one span in 50 failed with an exception event.
#[must_use]
pub fn synthetic(requests: usize, batch: usize) -> Vec<Vec<u8>> {
    let mut state = 0x5eed;
    (0..requests)
        .map(|_| request(batch, &mut state).encode_to_vec())
        .collect()
}

/// The next of a row of numbers that look random.
pub(crate) fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    state.wrapping_mul(0x2545_f491_4f6c_dd1d)
}

fn request(batch: usize, state: &mut u64) -> ExportTraceServiceRequest {
    // One service sends one request, as an SDK does; its traces lie in requests of one service each.
    let service = random(state) % 20;
    let mut spans = Vec::with_capacity(batch);
    let mut trace = Vec::new();
    let mut parents: Vec<Vec<u8>> = Vec::new();
    for index in 0..batch {
        if index % TRACE_SPANS == 0 {
            trace = [random(state).to_be_bytes(), random(state).to_be_bytes()].concat();
            parents.clear();
        }
        let span = span(index, &trace, &parents, state);
        parents.push(span.span_id.clone());
        spans.push(span);
    }
    let resource = Resource {
        attributes: vec![
            text("service.name", format!("service-{service}")),
            text("service.version", "1.4.2"),
            text("service.instance.id", format!("service-{service}-7d4b9c")),
            text("deployment.environment.name", "production"),
            text("host.name", format!("node-{}", service % 5)),
            text("telemetry.sdk.language", "rust"),
        ],
        ..Resource::default()
    };
    let scope = InstrumentationScope {
        name: "shop".into(),
        version: "1.0".into(),
        ..Default::default()
    };
    let scope_spans = vec![ScopeSpans {
        scope: Some(scope),
        spans,
        schema_url: String::new(),
    }];
    let resource_spans = vec![ResourceSpans {
        resource: Some(resource),
        scope_spans,
        schema_url: String::new(),
    }];
    ExportTraceServiceRequest { resource_spans }
}

fn span(index: usize, trace: &[u8], parents: &[Vec<u8>], state: &mut u64) -> Span {
    let route = random(state) % 40;
    let start = 1_790_000_000_000_000_000 + index as u64 * 1_000_000;
    let duration = 100_000 + random(state) % 50_000_000;
    let failed = random(state).is_multiple_of(50);
    let parent = match parents.len() {
        0 => Vec::new(),
        count => parents[random(state) as usize % count].clone(),
    };
    let attributes = vec![
        text(
            "http.request.method",
            ["GET", "POST", "PUT"][(route % 3) as usize],
        ),
        text("http.route", format!("/api/route-{route}")),
        int("http.response.status_code", if failed { 500 } else { 200 }),
        text("user.id", format!("u-{:08x}", random(state) as u32)),
        text(
            "client.address",
            format!("10.{}.{}.7", random(state) % 256, random(state) % 256),
        ),
        text(
            "url.path",
            format!("/r/{route}/{:08x}", random(state) as u32),
        ),
        int("http.request.body.size", (random(state) % 4096) as i64),
        int("thread.id", (random(state) % 32) as i64),
    ];
    let events = if failed {
        vec![exception(start + duration)]
    } else {
        Vec::new()
    };
    Span {
        trace_id: trace.to_vec(),
        span_id: random(state).to_be_bytes().to_vec(),
        kind: if parent.is_empty() {
            SpanKind::Server
        } else {
            SpanKind::Internal
        }
        .into(),
        parent_span_id: parent,
        name: format!("/api/route-{route}"),
        start_time_unix_nano: start,
        end_time_unix_nano: start + duration,
        attributes,
        events,
        status: failed.then(|| Status {
            message: "upstream timed out".into(),
            code: 2,
        }),
        ..Span::default()
    }
}

fn exception(time: u64) -> Event {
    Event {
        time_unix_nano: time,
        name: "exception".into(),
        attributes: vec![
            text("exception.type", "TimeoutError"),
            text("exception.message", "no answer in 30 s"),
        ],
        ..Event::default()
    }
}

/// An attribute of text.
pub(crate) fn text(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

/// An attribute of a whole number.
pub(crate) fn int(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_up_span_has_the_size_that_is_promised() {
        let requests = synthetic(10, 1_000);
        let bytes: usize = requests.iter().map(Vec::len).sum();
        assert!(
            (300..320).contains(&(bytes / 10_000)),
            "{} bytes a span",
            bytes / 10_000
        );
    }
}
