use arrow::array::AsArray;
use clew_storage::Decoder as _;
use clew_storage::schema::column;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

use super::*;

const RECEIVED_AT: u64 = 1_700_000_000_000_000_000;

fn spans_of(service: &str, ids: impl Iterator<Item = u8>) -> ResourceSpans {
    let value = Some(AnyValue {
        value: Some(Value::StringValue(service.into())),
    });
    let name = KeyValue {
        key: "service.name".into(),
        value,
        ..KeyValue::default()
    };
    let spans = ids.map(|id| Span {
        // The second half of the bytes is what head sampling looks at.
        trace_id: [[1; 8], [id; 8]].concat(),
        span_id: vec![id; 8],
        name: format!("span {id}"),
        ..Span::default()
    });
    ResourceSpans {
        resource: Some(Resource {
            attributes: vec![name],
            ..Resource::default()
        }),
        scope_spans: vec![ScopeSpans {
            spans: spans.collect(),
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    }
}

fn payload() -> Bytes {
    // Span 0 is invalid.
    let resource_spans = vec![spans_of("a", 0..=255), spans_of("b", 100..200)];
    ExportTraceServiceRequest { resource_spans }
        .encode_to_vec()
        .into()
}

fn half_of_a() -> Sampler {
    Sampler::new(&["a=0.5".parse().unwrap()]).unwrap()
}

fn arrive(sampler: &Sampler) -> Decoded {
    let limits = PayloadLimits::default();
    arrived(
        kind::OTLP_PROTOBUF,
        &payload(),
        RECEIVED_AT,
        &limits,
        sampler,
        None,
    )
    .unwrap()
}

#[test]
fn sampling_keeps_what_its_rule_says_and_every_span_is_accounted_for() {
    let decoded = arrive(&half_of_a());
    assert_eq!(
        decoded.admission.weights,
        [(127, 0.0), (128, 2.0), (100, 1.0)]
    );
    assert_eq!(decoded.batch.len(), 228);
    assert_eq!(decoded.sampled_out, 127);
    assert_eq!(
        (decoded.rejected.count(), decoded.rejected.total()),
        (1, 356)
    );
}

#[test]
fn replay_gives_the_same_batch() {
    let decoded = arrive(&half_of_a());
    let replayed = Decoder
        .decode(
            kind::OTLP_PROTOBUF,
            &payload(),
            RECEIVED_AT,
            &decoded.admission,
        )
        .unwrap();
    assert_eq!(replayed.to_table(None), decoded.batch.to_table(None));
    let columns = replayed.to_table(Some(&[column::TRACE_STATE, column::SAMPLE_WEIGHT]));
    assert_eq!(columns.num_rows(), 228);
    // What head sampling has applied stands in the tracestate.
    let states = columns.column(0).as_string_view();
    let sampled = states.iter().filter(|state| *state == Some("ot=th:8"));
    assert_eq!(sampled.count(), 128);
}

#[test]
fn an_admission_of_other_than_the_payloads_spans_is_an_error() {
    for (weights, expected) in [
        (vec![(355, 1.0)], None),
        (vec![(5, 1.0), (0, 3.0), (350, 0.0)], None),
        (
            vec![(354, 1.0)],
            Some("it has 1 spans more than were admitted"),
        ),
        (vec![], Some("it has 355 spans more than were admitted")),
        (
            vec![(355, 1.0), (2, 1.0)],
            Some("it has 2 spans fewer than were admitted"),
        ),
    ] {
        let admission = Admission { weights };
        let result = Decoder.decode(kind::OTLP_PROTOBUF, &payload(), RECEIVED_AT, &admission);
        assert_eq!(
            result.err().map(|error| error.message),
            expected.map(str::to_owned)
        );
    }
}

#[test]
fn unknown_kinds_and_malformed_payloads_are_errors() {
    let decode = |kind, payload: &'static [u8]| {
        let payload = Bytes::from_static(payload);
        Decoder
            .decode(kind, &payload, RECEIVED_AT, &Admission::default())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        decode(PayloadKind(999), b""),
        "payload of kind 999 cannot be decoded: payload kind 999 is not known to this version"
    );
    assert_eq!(
        decode(kind::OTLP_PROTOBUF, b"\x0a\x05"),
        "payload of kind 1 cannot be decoded: malformed protobuf at byte 2: a value of 5 bytes where 0 are left"
    );
}
