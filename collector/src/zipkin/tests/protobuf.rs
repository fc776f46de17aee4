//! Protocol buffers of version 2, with prost as the oracle.

use proptest::prelude::*;

use super::*;

/// Zipkin's messages as its .proto has them.
mod proto {
    use std::collections::BTreeMap;

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct ListOfSpans {
        #[prost(message, repeated, tag = "1")]
        pub(super) spans: Vec<Span>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Span {
        #[prost(bytes = "vec", tag = "1")]
        pub(super) trace_id: Vec<u8>,
        #[prost(bytes = "vec", tag = "2")]
        pub(super) parent_id: Vec<u8>,
        #[prost(bytes = "vec", tag = "3")]
        pub(super) id: Vec<u8>,
        #[prost(int32, tag = "4")]
        pub(super) kind: i32,
        #[prost(string, tag = "5")]
        pub(super) name: String,
        #[prost(fixed64, tag = "6")]
        pub(super) timestamp: u64,
        #[prost(uint64, tag = "7")]
        pub(super) duration: u64,
        #[prost(message, optional, tag = "8")]
        pub(super) local_endpoint: Option<Endpoint>,
        #[prost(message, optional, tag = "9")]
        pub(super) remote_endpoint: Option<Endpoint>,
        #[prost(message, repeated, tag = "10")]
        pub(super) annotations: Vec<Annotation>,
        #[prost(btree_map = "string, string", tag = "11")]
        pub(super) tags: BTreeMap<String, String>,
        #[prost(bool, tag = "12")]
        pub(super) debug: bool,
        #[prost(bool, tag = "13")]
        pub(super) shared: bool,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Endpoint {
        #[prost(string, tag = "1")]
        pub(super) service_name: String,
        #[prost(bytes = "vec", tag = "2")]
        pub(super) ipv4: Vec<u8>,
        #[prost(bytes = "vec", tag = "3")]
        pub(super) ipv6: Vec<u8>,
        #[prost(int32, tag = "4")]
        pub(super) port: i32,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Annotation {
        #[prost(fixed64, tag = "1")]
        pub(super) timestamp: u64,
        #[prost(string, tag = "2")]
        pub(super) value: String,
    }
}

fn proto_span() -> impl Strategy<Value = proto::Span> {
    let endpoint = || {
        let ipv4 = prop_oneof![Just(vec![]), proptest::collection::vec(1..=255u8, 4)];
        let ipv6 = prop_oneof![Just(vec![]), proptest::collection::vec(any::<u8>(), 16)];
        let endpoint = ("[a-z]{0,3}", ipv4, ipv6, 0..70_000i32).prop_map(
            |(service_name, ipv4, ipv6, port)| proto::Endpoint {
                service_name,
                ipv4,
                ipv6,
                port,
            },
        );
        proptest::option::of(endpoint)
    };
    let annotation = (1..1u64 << 50, ".{0,5}")
        .prop_map(|(timestamp, value)| proto::Annotation { timestamp, value });
    let id = |length: usize| proptest::collection::vec(1..=255u8, length);
    let ids = (
        prop_oneof![id(8), id(16)],
        id(8),
        prop_oneof![Just(vec![]), id(8)],
    );
    let numbers = (
        0..5i32,
        0..1u64 << 50,
        0..1u64 << 50,
        any::<bool>(),
        any::<bool>(),
    );
    let lists = (
        proptest::collection::vec(annotation, 0..3),
        proptest::collection::btree_map("[a-z.]{1,6}", ".{0,4}", 0..4),
    );
    (ids, numbers, ".{0,5}", endpoint(), endpoint(), lists).prop_map(
        |(ids, numbers, name, local_endpoint, remote_endpoint, (annotations, tags))| {
            let (trace_id, id, parent_id) = ids;
            let (kind, timestamp, duration, debug, shared) = numbers;
            proto::Span {
                trace_id,
                parent_id,
                id,
                kind,
                name,
                timestamp,
                duration,
                local_endpoint,
                remote_endpoint,
                annotations,
                tags,
                debug,
                shared,
            }
        },
    )
}

/// The same span in Zipkin's JSON.
fn to_json(span: &proto::Span) -> serde_json::Value {
    let endpoint = |endpoint: &Option<proto::Endpoint>| {
        endpoint.as_ref().map(|endpoint| {
            let ipv4 = <[u8; 4]>::try_from(&endpoint.ipv4[..]).map(std::net::Ipv4Addr::from);
            let ipv6 = <[u8; 16]>::try_from(&endpoint.ipv6[..]).map(std::net::Ipv6Addr::from);
            serde_json::json!({
                "serviceName": endpoint.service_name, "port": endpoint.port,
                "ipv4": ipv4.ok().map(|ip| ip.to_string()), "ipv6": ipv6.ok().map(|ip| ip.to_string()),
            })
        })
    };
    let kind = ["", "CLIENT", "SERVER", "PRODUCER", "CONSUMER"][span.kind as usize];
    let annotations = span.annotations.iter().map(|annotation| {
        serde_json::json!({ "timestamp": annotation.timestamp, "value": annotation.value })
    });
    serde_json::json!({
        "traceId": hex::encode(&span.trace_id), "id": hex::encode(&span.id),
        "parentId": hex::encode(&span.parent_id),
        "kind": kind,
        "name": span.name, "timestamp": span.timestamp, "duration": span.duration,
        "localEndpoint": endpoint(&span.local_endpoint), "remoteEndpoint": endpoint(&span.remote_endpoint),
        "annotations": annotations.collect::<Vec<_>>(), "tags": span.tags,
        "debug": span.debug, "shared": span.shared,
    })
}

proptest! {
    /// One span is the same in both formats.
    #[test]
    fn json_of_the_same_spans_agrees(spans in proptest::collection::vec(proto_span(), 0..4)) {
        let json = serde_json::Value::from(spans.iter().map(to_json).collect::<Vec<_>>()).to_string();
        let list = proto::ListOfSpans { spans }.encode_to_vec();
        let of_proto = proto_v2::translate(&list, &PayloadLimits::default()).unwrap();
        let of_json = json_v2::translate(json.as_bytes(), &PayloadLimits::default()).unwrap();
        prop_assert_eq!(render(&read(of_proto).0), render(&read(of_json).0));
    }

    #[test]
    fn prost_gives_the_same_verdict(
        spans in proptest::collection::vec(proto_span(), 1..3),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut list = proto::ListOfSpans { spans }.encode_to_vec();
        let at = at.index(list.len());
        list[at] = byte;
        let expected = proto::ListOfSpans::decode(&list[..]);
        let found = proto_v2::translate(&list, &PayloadLimits::default());
        prop_assert_eq!(found.is_ok(), expected.is_ok());
        if let (Ok(found), Ok(expected)) = (found, expected) {
            let (request, rejected) = read(found);
            prop_assert_eq!(spans_and(&request, &rejected), expected.spans.len() as u64);
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), 0..16u8], 0..100)) {
        drop(proto_v2::translate(&bytes, &PayloadLimits::default()));
    }
}

fn spans_and(request: &ExportTraceServiceRequest, rejected: &Rejected) -> u64 {
    spans(request).len() as u64 + rejected.count()
}
