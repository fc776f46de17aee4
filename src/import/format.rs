//! Which format a file has, told from its first bytes.

use std::fmt;

use super::wire;

/// A format that can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// OTLP protobuf requests, each after its length as a varint.
    OtlpStream,
    /// One OTLP protobuf request.
    OtlpProtobuf,
    /// OTLP JSON: one document, or one a line.
    OtlpJson,
    /// Jaeger JSON as its query API and its UI write it: one document, or one a line.
    Jaeger,
    /// Zipkin JSON, v1 or v2: an array of spans, or of arrays of spans, or one span.
    Zipkin,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtlpStream => "OTLP protobuf stream",
            Self::OtlpProtobuf => "OTLP protobuf",
            Self::OtlpJson => "OTLP JSON",
            Self::Jaeger => "Jaeger JSON",
            Self::Zipkin => "Zipkin JSON",
        })
    }
}

/// The format of a file that begins with `head`; `whole` if there is no more of it.
pub(crate) fn detect(head: &[u8], whole: bool) -> Option<Format> {
    let text = head.trim_ascii_start();
    match text.first()? {
        b'{' | b'[' => detect_json(text),
        _ => detect_protobuf(head, whole),
    }
}

fn detect_json(text: &[u8]) -> Option<Format> {
    // A list holds traces or spans; around anything else, objects stand deeper.
    let deepest = if text.first() == Some(&b'[') { 1 } else { 3 };
    Keys::new(text)
        .filter(|(depth, _)| *depth <= deepest)
        .find_map(|(depth, key)| match (depth, key) {
            (1..=2, b"resourceSpans") => Some(Format::OtlpJson),
            (_, b"traceID" | b"processes" | b"operationName") => Some(Format::Jaeger),
            (1, b"traceId") => Some(Format::Zipkin),
            _ => None,
        })
}

/// A single request is a chain of fields number 1. A stream is a length and then such a chain of that length.
fn detect_protobuf(head: &[u8], whole: bool) -> Option<Format> {
    match (is_request(head, whole), is_stream(head)) {
        (_, true) => Some(Format::OtlpStream),
        (true, false) => Some(Format::OtlpProtobuf),
        (false, false) => None,
    }
}

fn is_request(mut bytes: &[u8], whole: bool) -> bool {
    let mut fields = 0;
    while bytes.first() == Some(&0x0a) {
        let Some(field) = wire::field(bytes) else {
            break;
        };
        bytes = &bytes[field.length..];
        fields += 1;
    }
    // What is left may be a field that is cut off by the end of the head.
    bytes.is_empty() && fields > 0 || !whole && bytes.first() == Some(&0x0a)
}

fn is_stream(head: &[u8]) -> bool {
    let Some((length, length_length)) = wire::varint(head) else {
        return false;
    };
    let rest = &head[length_length..];
    let Ok(length) = usize::try_from(length) else {
        return false;
    };
    match rest.get(..length) {
        Some(message) => length > 0 && is_request(message, true),
        None => head.len() == super::source::HEAD_BYTES && is_request(rest, false),
    }
}

/// Keys of JSON objects with their depth, as far as the text goes. An array around everything does not count as depth, nor do
/// arrays inside: the depth of a key is the number of objects around it.
struct Keys<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Keys<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
        }
    }

    /// The string that begins at the quote before `self.at`.
    fn string(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        loop {
            match self.text.get(self.at)? {
                b'\\' => self.at += 2,
                b'"' => break,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(&self.text[start..self.at - 1])
    }
}

impl<'a> Iterator for Keys<'a> {
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let byte = *self.text.get(self.at)?;
            self.at += 1;
            match byte {
                b'{' => self.depth += 1,
                b'}' => self.depth = self.depth.saturating_sub(1),
                b'"' => {
                    let string = self.string()?;
                    if self.text[self.at..].trim_ascii_start().first() == Some(&b':') {
                        return Some((self.depth, string));
                    }
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<Format>) {
        assert_eq!(detect(text.as_bytes(), true), expected, "{text}");
    }

    #[test]
    fn json_is_told_by_its_keys_and_not_by_its_values() {
        check(r#"{"resourceSpans":[]}"#, Some(Format::OtlpJson));
        check(
            " \n{\"result\":{\"resourceSpans\":[]}}",
            Some(Format::OtlpJson),
        );
        check(
            r#"{"data":[{"traceID":"1","spans":[]}]}"#,
            Some(Format::Jaeger),
        );
        check(
            r#"{"data":[{"spans":[{"operationName":"\"resourceSpans\":","traceID":"1"}]}]}"#,
            Some(Format::Jaeger),
        );
        check(r#"[{"traceID":"1","spans":[]}]"#, Some(Format::Jaeger));
        check(r#"[{"traceId":"1","id":"2"}]"#, Some(Format::Zipkin));
        check(r#"[[{"id":"2","traceId":"1"}]]"#, Some(Format::Zipkin));
        check(r#"{"traceId":"1","id":"2"}"#, Some(Format::Zipkin));
        check(
            r#"[{"tags":{"traceID":"x"},"traceId":"1"}]"#,
            Some(Format::Zipkin),
        );
        check(
            r#"[{"spans":[{"traceId":"x"}],"processes":{}}]"#,
            Some(Format::Jaeger),
        );
        check(r#"{"spans":[]}"#, None);
        check(r#"{"batches":[{"scopeSpans":[]}]}"#, None);
        check("[]", None);
        check("{\"a", None);
    }

    #[test]
    fn protobuf_is_told_by_its_chain_of_fields() {
        let resource_spans = [&[0x0a, 4][..], &[0x12, 2, 0x12, 0]].concat();
        let stream = [&[6][..], &resource_spans, &[6], &resource_spans].concat();
        assert_eq!(detect(&resource_spans, true), Some(Format::OtlpProtobuf));
        assert_eq!(detect(&stream, true), Some(Format::OtlpStream));
        let ten = [&[10, 0x0a, 8][..], &[0x12, 6, 0x12, 4, 0x0a, 2, 1, 1]].concat();
        assert_eq!(detect(&ten, true), Some(Format::OtlpStream));
        assert_eq!(detect(b"", true), None);
        assert_eq!(detect(b"hello world", true), None);
        assert_eq!(detect(&[0xff; 40], true), None);
    }
}
