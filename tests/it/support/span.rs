//! A span with all that OTLP says about it, in a form in which what was sent and what comes back can be compared.
//!
//! Each span carries its resource and scope, so that it does not matter how an answer groups them. What is the same on the
//! wire is the same here: an absent message and an empty one, a value that is not set and a value message without content,
//! a parent id of zeros and none. Everything else counts: order and repetition of attributes, every bit of a number.

use std::collections::BTreeMap;

/// An attribute value; a double by its bits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value {
    Empty,
    String(String),
    Bool(bool),
    Int(i64),
    Double(u64),
    Bytes(Vec<u8>),
    Array(Vec<Value>),
    Map(Vec<(String, Value)>),
}

impl Value {
    /// A double. JSON has one NaN only, so all NaNs are one here.
    pub(crate) fn double(number: f64) -> Self {
        Value::Double(if number.is_nan() {
            f64::NAN.to_bits()
        } else {
            number.to_bits()
        })
    }

    /// A string.
    pub(crate) fn string(text: impl Into<String>) -> Self {
        Value::String(text.into())
    }
}

/// Keys and values in the order sent.
pub(crate) type Attributes = Vec<(String, Value)>;

/// A resource and its schema.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Resource {
    pub(crate) attributes: Attributes,
    pub(crate) dropped_attributes: u32,
    pub(crate) schema_url: String,
}

/// An instrumentation scope and its schema.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Scope {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) attributes: Attributes,
    pub(crate) dropped_attributes: u32,
    pub(crate) schema_url: String,
}

/// An event of a span.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Event {
    pub(crate) time: u64,
    pub(crate) name: String,
    pub(crate) attributes: Attributes,
    pub(crate) dropped_attributes: u32,
}

/// A link of a span.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Link {
    pub(crate) trace_id: Vec<u8>,
    pub(crate) span_id: Vec<u8>,
    pub(crate) trace_state: String,
    pub(crate) attributes: Attributes,
    pub(crate) dropped_attributes: u32,
    pub(crate) flags: u32,
}

/// A span. Times are ns since the epoch.
#[expect(
    clippy::struct_field_names,
    reason = "`span_id` is what everybody calls it"
)]
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) trace_id: Vec<u8>,
    pub(crate) span_id: Vec<u8>,
    pub(crate) parent_span_id: Vec<u8>,
    pub(crate) trace_state: String,
    pub(crate) flags: u32,
    pub(crate) name: String,
    pub(crate) kind: i32,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) attributes: Attributes,
    pub(crate) dropped_attributes: u32,
    pub(crate) events: Vec<Event>,
    pub(crate) dropped_events: u32,
    pub(crate) links: Vec<Link>,
    pub(crate) dropped_links: u32,
    pub(crate) status_code: i32,
    pub(crate) status_message: String,
    pub(crate) resource: Resource,
    pub(crate) scope: Scope,
}

impl Span {
    /// True when OTLP lets the span be stored: a trace id of 16 and a span id of 8 bytes, neither all zero, and a parent id
    /// of 8 bytes or none.
    pub(crate) fn is_valid(&self) -> bool {
        let id =
            |bytes: &[u8], length| bytes.len() == length && bytes.iter().any(|byte| *byte != 0);
        id(&self.trace_id, 16) && id(&self.span_id, 8) && matches!(self.parent_span_id.len(), 0 | 8)
    }

    /// The trace id in hex.
    pub(crate) fn trace_hex(&self) -> String {
        hex::encode(&self.trace_id)
    }
}

/// The spans of each trace, by trace id in hex: sorted, each distinct span once.
pub(crate) fn by_trace(spans: impl IntoIterator<Item = Span>) -> BTreeMap<String, Vec<Span>> {
    let mut traces: BTreeMap<String, Vec<Span>> = BTreeMap::new();
    for span in spans {
        traces.entry(span.trace_hex()).or_default().push(span);
    }
    for spans in traces.values_mut() {
        spans.sort();
        spans.dedup();
    }
    traces
}

/// What differs between the spans sent and the spans that came back; `None` when nothing does.
///
/// Spans that are identical in every field count once on the side that was sent; an answer must not repeat them.
pub(crate) fn difference(sent: &[Span], mut got: Vec<Span>) -> Option<String> {
    let mut sent = sent.to_vec();
    sent.sort();
    sent.dedup();
    got.sort();
    if sent == got {
        return None;
    }
    let missing: Vec<&Span> = sent
        .iter()
        .filter(|span| got.binary_search(span).is_err())
        .collect();
    let foreign: Vec<&Span> = got
        .iter()
        .filter(|span| sent.binary_search(span).is_err())
        .collect();
    let first = match (missing.first(), foreign.first()) {
        (Some(want), _) => match foreign.iter().find(|span| span.span_id == want.span_id) {
            Some(near) => format!("first difference:\n{}", field_difference(want, near)),
            None => format!("first missing: {want:#?}"),
        },
        (None, Some(span)) => format!("first never sent: {span:#?}"),
        (None, None) => "some came back twice".to_owned(),
    };
    Some(format!(
        "{} spans sent, {} came back; {} missing, {} never sent; {first}",
        sent.len(),
        got.len(),
        missing.len(),
        foreign.len()
    ))
}

/// Lines of two pretty-printed spans that are not the same.
fn field_difference(want: &Span, got: &Span) -> String {
    let (want, got) = (format!("{want:#?}"), format!("{got:#?}"));
    let (want, got): (Vec<&str>, Vec<&str>) = (want.lines().collect(), got.lines().collect());
    let head = want.iter().zip(&got).take_while(|(a, b)| a == b).count();
    let tail = want[head..]
        .iter()
        .rev()
        .zip(got[head..].iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let part = |lines: &[&str]| {
        let from = head.saturating_sub(4);
        lines[from..lines.len() - tail]
            .iter()
            .take(40)
            .flat_map(|line| [*line, "\n"])
            .collect::<String>()
    };
    format!("sent:\n{}came back:\n{}", part(&want), part(&got))
}

#[test]
fn a_difference_in_any_place_is_seen() {
    let span = Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        ..Span::default()
    };
    let twice = [span.clone(), span.clone()];
    assert_eq!(
        difference(&twice, vec![span.clone()]),
        None,
        "identical spans count once"
    );
    assert!(
        difference(&twice, twice.to_vec()).is_some(),
        "an answer must not repeat a span"
    );
    assert!(difference(&twice, vec![]).is_some());
    let attribute = |value| vec![("key".to_owned(), value)];
    let changes: [fn(&mut Span); 5] = [
        |span| span.flags = 1 << 31,
        |span| span.end = u64::MAX,
        |span| span.scope.schema_url = "s".into(),
        |span| span.links.push(Link::default()),
        |span| span.resource.dropped_attributes = 1,
    ];
    for change in changes {
        let mut other = span.clone();
        change(&mut other);
        assert!(difference(std::slice::from_ref(&span), vec![other]).is_some());
    }
    let mut one = span.clone();
    one.attributes = attribute(Value::Int(1));
    let mut other = span;
    other.attributes = attribute(Value::string("1"));
    assert!(
        difference(&[one], vec![other])
            .unwrap()
            .contains("first difference")
    );
}
