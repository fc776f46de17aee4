//! prost is the oracle: on the same bytes the decoder gives the same verdict and the same content.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

use super::testing::{Collect, flatten};
use super::*;

/// What the decoder makes of `payload`: the request, without invalid spans, and how many those were.
fn walked(payload: &[u8]) -> Result<(ExportTraceServiceRequest, Rejected), BodyError> {
    let mut collect = Collect::default();
    let rejected = walk(payload, &PayloadLimits::default(), &mut collect)?;
    Ok((collect.request, rejected))
}

/// NaN is not equal to itself, so requests are compared by their encoding.
fn assert_as_prost(payload: &[u8]) {
    let expected = ExportTraceServiceRequest::decode(payload);
    match (walked(payload), expected) {
        (Ok((found, rejected)), Ok(request)) => {
            let spans = |request: &ExportTraceServiceRequest| {
                let scopes = request.resource_spans.iter().flat_map(|r| &r.scope_spans);
                scopes.map(|scope| scope.spans.len() as u64).sum::<u64>()
            };
            assert_eq!(rejected.total(), spans(&request));
            assert_eq!(rejected.total(), spans(&found) + rejected.count());
            let expected = flatten(request);
            assert!(
                found.encode_to_vec() == expected.encode_to_vec(),
                "{found:#?}\n{expected:#?}"
            );
        }
        (Err(_), Err(_)) => {}
        (found, expected) => panic!("decoder: {found:?}\nprost: {expected:?}"),
    }
}

fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        Just(None),
        ".{0,8}".prop_map(|text| Some(Value::StringValue(text))),
        any::<bool>().prop_map(|value| Some(Value::BoolValue(value))),
        any::<i64>().prop_map(|value| Some(Value::IntValue(value))),
        any::<u64>().prop_map(|bits| Some(Value::DoubleValue(f64::from_bits(bits)))),
        vec(any::<u8>(), 0..8).prop_map(|bytes| Some(Value::BytesValue(bytes))),
        any::<i32>().prop_map(|index| Some(Value::StringValueStrindex(index))),
    ];
    let leaf = leaf.prop_map(|value| AnyValue { value });
    leaf.prop_recursive(4, 16, 4, |inner| {
        let array =
            vec(inner.clone(), 0..4).prop_map(|values| Value::ArrayValue(ArrayValue { values }));
        let entry = ("[a-c]{0,2}", proptest::option::of(inner), any::<i32>());
        let entry = entry.prop_map(|(key, value, key_strindex)| KeyValue {
            key,
            value,
            key_strindex,
        });
        let map = vec(entry, 0..4).prop_map(|values| Value::KvlistValue(KeyValueList { values }));
        prop_oneof![array, map].prop_map(|value| AnyValue { value: Some(value) })
    })
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let attribute = (
        ".{0,6}",
        proptest::option::weighted(0.9, any_value()),
        0..2i32,
    );
    let attribute = attribute.prop_map(|(key, value, key_strindex)| KeyValue {
        key,
        value,
        key_strindex,
    });
    vec(attribute, 0..4)
}

fn id(length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => vec(any::<u8>(), length),
        1 => vec(any::<u8>(), 0..20),
        1 => Just(vec![0; length]),
    ]
}

prop_compose! {
    fn event()(time_unix_nano in any::<u64>(), name in ".{0,8}", attributes in attributes(),
        dropped_attributes_count in any::<u32>()) -> Event {
        Event { time_unix_nano, name, attributes, dropped_attributes_count }
    }
}

prop_compose! {
    fn link()(trace_id in id(16), span_id in id(8), trace_state in "[a-z=,]{0,8}", attributes in attributes(),
        dropped_attributes_count in any::<u32>(), flags in any::<u32>()) -> Link {
        Link { trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags }
    }
}

prop_compose! {
    fn span()(
        ids in (id(16), id(8), prop_oneof![Just(Vec::new()), id(8)]),
        text in (".{0,8}", "[a-z=,]{0,8}"),
        numbers in (any::<u32>(), any::<i32>(), any::<u64>(), any::<u64>()),
        attributes in attributes(), events in vec(event(), 0..3), links in vec(link(), 0..3),
        dropped in any::<[u32; 3]>(),
        status in proptest::option::of((".{0,8}", any::<i32>())),
    ) -> Span {
        let (trace_id, span_id, parent_span_id) = ids;
        let (name, trace_state) = text;
        let (flags, kind, start_time_unix_nano, end_time_unix_nano) = numbers;
        let [dropped_attributes_count, dropped_events_count, dropped_links_count] = dropped;
        Span {
            trace_id, span_id, parent_span_id, name, trace_state, flags, kind,
            start_time_unix_nano, end_time_unix_nano, attributes, events, links,
            dropped_attributes_count, dropped_events_count, dropped_links_count,
            status: status.map(|(message, code)| Status { message, code }),
        }
    }
}

prop_compose! {
    fn scope_spans()(
        scope in proptest::option::of(("[a-z]{0,4}", "[0-9.]{0,4}", attributes(), any::<u32>())),
        spans in vec(span(), 0..4),
        schema_url in "[a-z]{0,4}",
    ) -> ScopeSpans {
        let scope = scope.map(|(name, version, attributes, dropped_attributes_count)| {
            InstrumentationScope { name, version, attributes, dropped_attributes_count }
        });
        ScopeSpans { scope, spans, schema_url }
    }
}

prop_compose! {
    fn resource_spans()(
        resource in proptest::option::of((attributes(), any::<u32>(), vec("[a-z]{0,4}", 0..3))),
        scope_spans in vec(scope_spans(), 0..3),
        schema_url in "[a-z]{0,4}",
    ) -> ResourceSpans {
        let resource = resource.map(|(attributes, dropped_attributes_count, id_keys)| {
            let entity = EntityRef { id_keys, ..EntityRef::default() };
            Resource { attributes, dropped_attributes_count, entity_refs: vec![entity] }
        });
        ResourceSpans { resource, scope_spans, schema_url }
    }
}

fn request() -> impl Strategy<Value = ExportTraceServiceRequest> {
    vec(resource_spans(), 0..3)
        .prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

/// A change to some bytes of a message.
#[derive(Debug, Clone)]
enum Mutation {
    Set(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    Insert(prop::sample::Index, u8),
    Truncate(prop::sample::Index),
    /// Copies a stretch to another place: fields that come twice, or out of order.
    Copy(prop::sample::Index, u8, prop::sample::Index),
}

impl Mutation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let length = bytes.len();
        match self {
            Self::Set(at, byte) => bytes[at.index(length)] = *byte,
            Self::Remove(at) => drop(bytes.remove(at.index(length))),
            Self::Insert(at, byte) => bytes.insert(at.index(length), *byte),
            Self::Truncate(at) => bytes.truncate(at.index(length)),
            Self::Copy(from, count, to) => {
                let from = from.index(length);
                let stretch = bytes[from..length.min(from + usize::from(*count))].to_vec();
                let to = to.index(length);
                bytes.splice(to..to, stretch);
            }
        }
    }
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let index = any::<prop::sample::Index>;
    // Small values are the interesting ones: keys, lengths, wire types.
    let byte = || prop_oneof![any::<u8>(), 0..0x90u8];
    prop_oneof![
        (index(), byte()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        index().prop_map(Mutation::Remove),
        (index(), byte()).prop_map(|(at, byte)| Mutation::Insert(at, byte)),
        index().prop_map(Mutation::Truncate),
        (index(), 1..40u8, index()).prop_map(|(from, count, to)| Mutation::Copy(from, count, to)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_request_reads_as_prost_reads_it(request in request()) {
        assert_as_prost(&request.encode_to_vec());
    }

    /// One request after the other is one request with the parts of both; so is a part after a part.
    #[test]
    fn concatenated_requests_merge_as_in_prost(first in request(), second in request()) {
        assert_as_prost(&[first.encode_to_vec(), second.encode_to_vec()].concat());
    }

    #[test]
    fn mutated_requests_get_prosts_verdict(request in request(), mutations in vec(mutation(), 1..4)) {
        let mut bytes = request.encode_to_vec();
        for mutation in mutations {
            mutation.apply(&mut bytes);
        }
        assert_as_prost(&bytes);
    }

    #[test]
    fn random_bytes_get_prosts_verdict(bytes in vec(prop_oneof![any::<u8>(), 0..0x30u8], 0..64)) {
        assert_as_prost(&bytes);
    }

    /// Fields of a span in any order, each any number of times, also those that are singular.
    #[test]
    fn spans_in_pieces_merge_as_in_prost(spans in vec(span(), 1..4), status in vec(any::<(bool, i32)>(), 0..3)) {
        let mut body: Vec<u8> = spans.iter().flat_map(Message::encode_to_vec).collect();
        for (with_message, code) in status {
            let message = if with_message { "m".to_owned() } else { String::new() };
            prost::encoding::message::encode(15, &Status { message, code }, &mut body);
        }
        assert_as_prost(&in_request(&body));
    }

    /// An attribute whose value comes in several pieces.
    #[test]
    fn values_in_pieces_merge_as_in_prost(values in vec(any_value(), 0..5), joined in any::<bool>()) {
        let mut attribute = Vec::new();
        let encoded = values.iter().map(Message::encode_to_vec);
        if joined {
            delimited(2, &encoded.flatten().collect::<Vec<_>>(), &mut attribute);
        } else {
            encoded.for_each(|value| delimited(2, &value, &mut attribute));
        }
        let mut span = Span { trace_id: vec![1; 16], span_id: vec![1; 8], ..Span::default() }.encode_to_vec();
        delimited(9, &attribute, &mut span);
        assert_as_prost(&in_request(&span));
    }
}

fn delimited(field: u32, message: &[u8], into: &mut Vec<u8>) {
    prost::encoding::bytes::encode(field, &message.to_vec(), into);
}

/// A request that holds the span with the encoded fields `span`.
fn in_request(span: &[u8]) -> Vec<u8> {
    let mut wrapped = span.to_vec();
    for field in [2, 2, 1] {
        let message = std::mem::take(&mut wrapped);
        delimited(field, &message, &mut wrapped);
    }
    wrapped
}

fn valid_span(name: &str) -> Span {
    Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: name.into(),
        ..Span::default()
    }
}

fn in_one_group(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans {
        spans,
        ..ScopeSpans::default()
    }];
    let resource_spans = vec![ResourceSpans {
        scope_spans,
        ..ResourceSpans::default()
    }];
    ExportTraceServiceRequest { resource_spans }
}

fn nested_value(depth: usize) -> AnyValue {
    (0..depth).fold(AnyValue::default(), |value, _| {
        let array = ArrayValue {
            values: vec![value],
        };
        AnyValue {
            value: Some(Value::ArrayValue(array)),
        }
    })
}

#[test]
fn values_nest_to_the_limit_and_not_beyond() {
    // Three messages lead to the span, two to its attribute's value, two more to each value in an array.
    for (depth, valid) in [(47, true), (48, false), (5_000, false)] {
        let mut value = nested_value(depth.min(100));
        if depth > 100 {
            // prost cannot even drop a value as deep as this, so it is written by hand.
            value = AnyValue::default();
        }
        let mut encoded = value.encode_to_vec();
        for _ in 0..depth.saturating_sub(100) {
            for field in [1, 5] {
                let message = std::mem::take(&mut encoded);
                delimited(field, &message, &mut encoded);
            }
        }
        let mut attribute = Vec::new();
        delimited(2, &encoded, &mut attribute);
        let mut span = valid_span("deep").encode_to_vec();
        delimited(9, &attribute, &mut span);
        let payload = in_request(&span);
        assert_as_prost(&payload);
        assert_eq!(walked(&payload).is_ok(), valid, "{depth}");
    }
}

#[test]
fn invalid_spans_are_named_and_the_others_kept() {
    let spans = vec![
        valid_span("good"),
        Span {
            trace_id: vec![0; 16],
            ..valid_span("zero")
        },
        Span {
            span_id: vec![1; 16],
            ..valid_span("long")
        },
        Span {
            parent_span_id: vec![1; 7],
            ..valid_span("parent")
        },
        Span {
            trace_id: Vec::new(),
            ..valid_span("empty")
        },
        Span {
            parent_span_id: vec![0; 8],
            ..valid_span("zero parent")
        },
    ];
    let (request, rejected) = walked(&in_one_group(spans).encode_to_vec()).unwrap();
    let names: Vec<_> = request.resource_spans[0].scope_spans[0]
        .spans
        .iter()
        .map(|s| &s.name)
        .collect();
    assert_eq!(names, ["good", "zero parent"]);
    assert_eq!(
        rejected.to_string(),
        "4 of 6 spans rejected; \
         span 2 (\"zero\"): trace_id is all zero; \
         span 3 (\"long\"): span_id has 16 bytes, expected 8; \
         span 4 (\"parent\"): parent_span_id has 7 bytes, expected 8; \
         span 5 (\"empty\"): trace_id has 0 bytes, expected 16"
    );
}

#[test]
fn errors_tell_the_offset() {
    let mut payload = in_one_group(vec![valid_span("abc")]).encode_to_vec();
    let length = payload.len();
    payload[length - 1] = 0xff;
    let error = walked(&payload).unwrap_err().to_string();
    let expected = format!(
        "malformed protobuf at byte {}: the string in field 5 is not UTF-8",
        length - 1
    );
    assert_eq!(error, expected);
}

#[test]
fn as_many_spans_and_elements_as_the_limits_allow_and_no_more() {
    let attributes = vec![
        KeyValue {
            value: Some(nested_value(1)),
            ..KeyValue::default()
        };
        2
    ];
    let event = Event {
        attributes: attributes.clone(),
        ..Event::default()
    };
    let span = Span {
        attributes,
        events: vec![event],
        ..valid_span("s")
    };
    // Two attributes of two values each, an event, and two such attributes of it: nine elements a span.
    let payload = in_one_group(vec![span; 3]).encode_to_vec();
    let verdict = |spans_max, elements_max| {
        let limits = PayloadLimits {
            spans_max,
            elements_max,
        };
        walk(&payload, &limits, &mut Collect::default()).map(drop)
    };
    assert_eq!(verdict(3, 27), Ok(()));
    assert_eq!(
        verdict(2, 27),
        Err(BodyError::TooMany {
            what: "spans",
            max: 2
        })
    );
    let what = "attributes, values, events and links";
    assert_eq!(verdict(3, 26), Err(BodyError::TooMany { what, max: 26 }));
}
