//! The data set of Jaeger's published benchmark of its `ClickHouse` storage, made up anew: traces of 10 spans over 10 services, 11
//! attributes a span, whose keys are 97 and whose values are 1,000.
//!
//! A stream of [`REQUESTS`] requests of 1,000 spans is replayed with fresh ids, so 50 passes are 10 million spans in 1 million
//! traces. Everything but ids and times is the same in every run.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

use crate::stream::{random, text};

/// Requests of the stream.
const REQUESTS: usize = 200;
/// Traces of a request.
const TRACES: usize = 100;
/// Services, and spans of a trace: each service has one.
const SERVICES: usize = 10;
/// Operations of a service.
const OPERATIONS: u64 = 10;
/// Attributes of a span.
const ATTRIBUTES: usize = 11;
/// Keys of attributes.
const KEYS: u64 = 97;
/// Values of each key.
const VALUES: u64 = 1_000;
/// Start of the first trace, ns; traces start a millisecond apart.
const START: u64 = 1_790_000_000_000_000_000;

/// The encoded requests.
#[must_use]
pub fn requests() -> Vec<Vec<u8>> {
    let mut state = 0x1a_e6e5;
    (0..REQUESTS)
        .map(|number| request(number, &mut state).encode_to_vec())
        .collect()
}

fn request(number: usize, state: &mut u64) -> ExportTraceServiceRequest {
    let mut services: Vec<Vec<Span>> = vec![Vec::new(); SERVICES];
    for trace in 0..TRACES {
        let id = [random(state).to_be_bytes(), random(state).to_be_bytes()].concat();
        let start = START + (number * TRACES + trace) as u64 * 1_000_000;
        let mut parents: Vec<Vec<u8>> = Vec::with_capacity(SERVICES);
        for (service, spans) in services.iter_mut().enumerate() {
            let parent = match parents.len() as u64 {
                0 => Vec::new(),
                count => parents[(random(state) % count) as usize].clone(),
            };
            let span = span(service, &id, parent, start, state);
            parents.push(span.span_id.clone());
            spans.push(span);
        }
    }
    let resource_spans = services.into_iter().enumerate().map(|(service, spans)| {
        let resource = Resource {
            attributes: vec![text("service.name", format!("service-{service}"))],
            ..Resource::default()
        };
        ResourceSpans {
            resource: Some(resource),
            scope_spans: vec![ScopeSpans {
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }
    });
    ExportTraceServiceRequest {
        resource_spans: resource_spans.collect(),
    }
}

fn span(service: usize, trace: &[u8], parent: Vec<u8>, start: u64, state: &mut u64) -> Span {
    let start = start + service as u64 * 10_000;
    let duration = 1_000 + random(state) % 1_000_000_000;
    // Eleven keys that differ: a step that 97, a prime, has no part in.
    let (first, step) = (random(state) % KEYS, 1 + random(state) % (KEYS - 1));
    let attributes = (0..ATTRIBUTES as u64).map(|place| {
        let key = (first + place * step) % KEYS;
        text(
            &format!("attribute.{key}"),
            format!("value-{}", random(state) % VALUES),
        )
    });
    let attributes = attributes.collect();
    let failed = random(state).is_multiple_of(20);
    Span {
        trace_id: trace.to_vec(),
        span_id: random(state).to_be_bytes().to_vec(),
        kind: if parent.is_empty() {
            SpanKind::Server
        } else {
            SpanKind::Client
        }
        .into(),
        parent_span_id: parent,
        name: format!("operation-{}", random(state) % OPERATIONS),
        start_time_unix_nano: start,
        end_time_unix_nano: start + duration,
        attributes,
        status: failed.then(|| Status {
            message: String::new(),
            code: 2,
        }),
        ..Span::default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use opentelemetry_proto::tonic::common::v1::any_value::Value;

    use super::*;

    #[test]
    fn the_stream_has_the_shape_that_is_promised() {
        let (mut spans, mut traces) = (0, BTreeSet::new());
        let (mut keys, mut values) = (BTreeSet::new(), BTreeSet::new());
        for body in requests().iter().take(50) {
            let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
            assert_eq!(request.resource_spans.len(), SERVICES);
            for span in request
                .resource_spans
                .into_iter()
                .flat_map(|resource| resource.scope_spans)
                .flat_map(|scope| scope.spans)
            {
                spans += 1;
                traces.insert(span.trace_id);
                let own: BTreeSet<&str> = span
                    .attributes
                    .iter()
                    .map(|pair| pair.key.as_str())
                    .collect();
                assert_eq!(own.len(), ATTRIBUTES);
                for pair in span.attributes {
                    let Some(Value::StringValue(text)) = pair.value.and_then(|any| any.value)
                    else {
                        panic!("a text")
                    };
                    keys.insert(pair.key);
                    values.insert(text);
                }
            }
        }
        assert_eq!((spans, traces.len()), (50_000, 5_000));
        assert_eq!((keys.len(), values.len()), (97, 1_000));
    }
}
