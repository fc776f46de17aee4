//! As much of the protobuf wire format as is needed to cut OTLP requests apart and to count their spans.

/// A field: its number, and its bytes if it is length-delimited.
pub(crate) struct Field<'a> {
    /// Field number.
    pub(crate) number: u64,
    /// Content of a length-delimited field.
    pub(crate) content: Option<&'a [u8]>,
    /// Bytes of the whole field, tag included.
    pub(crate) length: usize,
}

/// Reads a varint; `None` when the bytes end before it, or it is longer than ten bytes.
pub(crate) fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

/// The first field of a message; `None` when the bytes are cut off or are no field.
pub(crate) fn field(bytes: &[u8]) -> Option<Field<'_>> {
    let (tag, tag_length) = varint(bytes)?;
    let rest = &bytes[tag_length..];
    let (number, wire_type) = (tag >> 3, tag & 7);
    if number == 0 {
        return None;
    }
    let (content, length) = match wire_type {
        0 => (None, varint(rest)?.1),
        1 => (None, 8),
        2 => {
            let (length, length_length) = varint(rest)?;
            let end = length_length.checked_add(usize::try_from(length).ok()?)?;
            (Some(rest.get(length_length..end)?), end)
        }
        5 => (None, 4),
        _ => return None,
    };
    (length <= rest.len()).then_some(Field {
        number,
        content,
        length: tag_length + length,
    })
}

/// Spans of an `ExportTraceServiceRequest`: its resource spans' scope spans' spans. Stops at what it cannot read.
pub(crate) fn count_spans(request: &[u8]) -> u64 {
    count_at(request, &[1, 2, 2])
}

fn count_at(mut message: &[u8], path: &[u64]) -> u64 {
    let mut count = 0;
    while let Some(field) = field(message) {
        if let (Some(content), true) = (field.content, field.number == path[0]) {
            count += if path.len() == 1 {
                1
            } else {
                count_at(content, &path[1..])
            };
        }
        message = &message[field.length..];
    }
    count
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
    use proptest::prelude::*;
    use prost::Message;

    use super::*;

    #[test]
    fn spans_are_counted_over_all_resources_and_scopes() {
        let scope = |spans| ScopeSpans {
            spans: vec![
                Span {
                    name: "x".into(),
                    ..Span::default()
                };
                spans
            ],
            ..ScopeSpans::default()
        };
        let resource = |scopes| ResourceSpans {
            scope_spans: scopes,
            ..ResourceSpans::default()
        };
        let request = ExportTraceServiceRequest {
            resource_spans: vec![
                resource(vec![scope(2), scope(0)]),
                resource(vec![]),
                resource(vec![scope(300)]),
            ],
        };
        assert_eq!(count_spans(&request.encode_to_vec()), 302);
    }

    proptest! {
        #[test]
        fn any_bytes_are_walked_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            count_spans(&bytes);
        }

        #[test]
        fn varints_read_back(value in any::<u64>()) {
            let mut bytes = Vec::new();
            prost::encoding::encode_varint(value, &mut bytes);
            prop_assert_eq!(varint(&bytes), Some((value, bytes.len())));
            prop_assert_eq!(varint(&bytes[..bytes.len() - 1]), None);
        }
    }
}
