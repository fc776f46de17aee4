//! What is sent: numbered batches, each one trace, each made again from its number alone.
//!
//! A trace id is the run's tag and the batch's number, so that a trace in an answer tells which batch it must be, and a trace
//! that was never sent is known as such. Everything else in it follows from the number, the round and the time it was
//! made: sums over it say whether it came back unchanged.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

use crate::random::Random;

/// What makes a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recipe {
    /// Tag of the run.
    pub(crate) tag: u64,
    /// Number in the run.
    pub(crate) number: u64,
    /// Round in which it was made first; names its service.
    pub(crate) round: u32,
    /// When its first span begins, ns since 1970.
    pub(crate) start_ns: u64,
    /// How many spans it has.
    pub(crate) spans: u64,
}

/// Sums over the spans of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Digest {
    /// Of the durations, ns.
    pub(crate) duration_ns: u64,
    /// Of the attribute `order.cents`.
    pub(crate) cents: u64,
}

/// The service of a round.
pub(crate) fn service(round: u32) -> String {
    format!("round-{round}")
}

/// The trace id of a batch, in hex.
pub(crate) fn trace_id(tag: u64, number: u64) -> String {
    format!("{tag:016x}{number:016x}")
}

/// The batch's number, if the trace (in hex) is of the run with this tag.
pub(crate) fn number(tag: u64, trace_id: &str) -> Option<u64> {
    let (own, number) = trace_id.split_at_checked(16)?;
    (own == format!("{tag:016x}"))
        .then(|| u64::from_str_radix(number, 16).ok())
        .flatten()
}

impl Recipe {
    fn random(&self) -> Random {
        Random::seeded(self.tag ^ self.number.wrapping_mul(0xd6e8_feb8_6659_fd93))
    }

    /// Its spans: the same every time.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let mut random = self.random();
        let trace_id = [self.tag.to_be_bytes(), self.number.to_be_bytes()].concat();
        let root = random.next();
        (0..self.spans)
            .map(|index| {
                let start = self.start_ns + index * 1_000 + random.below(1_000);
                let own = random.next();
                Span {
                    trace_id: trace_id.clone(),
                    span_id: if index == 0 { root } else { own }.to_be_bytes().to_vec(),
                    parent_span_id: if index == 0 {
                        Vec::new()
                    } else {
                        root.to_be_bytes().to_vec()
                    },
                    name: format!("step {}", random.below(40)),
                    kind: 1 + (index % 5) as i32,
                    start_time_unix_nano: start,
                    end_time_unix_nano: start + random.below(1 << 30),
                    attributes: vec![
                        text("order.id", format!("{:016x}", random.next())),
                        number_attribute("order.cents", random.below(100_000)),
                    ],
                    ..Span::default()
                }
            })
            .collect()
    }

    /// Sums over its spans.
    pub(crate) fn digest(&self) -> Digest {
        let mut digest = Digest::default();
        for span in self.spans() {
            digest.duration_ns += span.end_time_unix_nano - span.start_time_unix_nano;
            digest.cents += cents(&span).unwrap_or(0);
        }
        digest
    }

    /// The encoded request.
    pub(crate) fn body(&self) -> Vec<u8> {
        let resource = Resource {
            attributes: vec![text("service.name", service(self.round))],
            ..Resource::default()
        };
        let scope_spans = vec![ScopeSpans {
            spans: self.spans(),
            ..ScopeSpans::default()
        }];
        let resource_spans = vec![ResourceSpans {
            resource: Some(resource),
            scope_spans,
            ..ResourceSpans::default()
        }];
        ExportTraceServiceRequest { resource_spans }.encode_to_vec()
    }
}

/// The attributes of a span, as text.
pub(crate) fn attributes(span: &Span) -> String {
    let value = |attribute: &KeyValue| match attribute.value.as_ref().and_then(|v| v.value.as_ref())
    {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    let pairs = span
        .attributes
        .iter()
        .map(|attribute| format!("{}={}", attribute.key, value(attribute)));
    pairs.collect::<Vec<_>>().join(",")
}

fn cents(span: &Span) -> Option<u64> {
    let attribute = span.attributes.iter().find(|a| a.key == "order.cents")?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::IntValue(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}

fn text(key: &str, value: String) -> KeyValue {
    attribute(key, Value::StringValue(value))
}

fn number_attribute(key: &str, value: u64) -> KeyValue {
    attribute(key, Value::IntValue(value as i64))
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
    fn a_batch_is_made_again_byte_for_byte_and_found_by_its_trace_id() {
        let recipe = Recipe {
            tag: 7,
            number: 300,
            round: 2,
            start_ns: 1_790_000_000_000_000_000,
            spans: 50,
        };
        assert_eq!(recipe.body(), recipe.body());
        assert_eq!(recipe.spans().len(), 50);
        let id = trace_id(7, 300);
        assert_eq!(number(7, &id), Some(300));
        assert_eq!(number(8, &id), None);
        assert_eq!(number(7, "short"), None);
        let other = Recipe {
            number: 301,
            ..recipe
        };
        assert_ne!(other.digest(), recipe.digest());
    }
}
