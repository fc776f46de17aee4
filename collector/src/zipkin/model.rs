//! Zipkin's v2 span, whatever format it came in.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use clew_storage::{SpanId, TraceId};

use crate::otlp::fields::span_kind;

/// ns in a µs.
pub(super) const NS_PER_US: u64 = 1000;

/// A span. Times are in ns; 0 is not a time but the lack of one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Span<'a> {
    pub(super) trace_id: TraceId,
    pub(super) id: SpanId,
    pub(super) parent_id: Option<SpanId>,
    pub(super) kind: Option<Kind>,
    pub(super) name: Cow<'a, str>,
    pub(super) timestamp_ns: Option<u64>,
    pub(super) duration_ns: Option<u64>,
    pub(super) local: Endpoint<'a>,
    pub(super) remote: Endpoint<'a>,
    pub(super) annotations: Vec<Annotation<'a>>,
    pub(super) tags: Vec<Tag<'a>>,
    pub(super) debug: bool,
    pub(super) shared: bool,
}

/// A span that cannot be translated: its name and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) name: String,
    pub(super) reason: String,
}

/// Role of a span's service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Client,
    Server,
    Producer,
    Consumer,
}

impl Kind {
    /// The kind of this name, in any case.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Self::Client, Self::Server, Self::Producer, Self::Consumer]
            .into_iter()
            .find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Client => "CLIENT",
            Self::Server => "SERVER",
            Self::Producer => "PRODUCER",
            Self::Consumer => "CONSUMER",
        }
    }

    /// Number of the OTLP kind.
    pub(super) fn otlp(self) -> u64 {
        match self {
            Self::Client => span_kind::CLIENT,
            Self::Server => span_kind::SERVER,
            Self::Producer => span_kind::PRODUCER,
            Self::Consumer => span_kind::CONSUMER,
        }
    }
}

/// A party to a span. Empty texts and port 0 are what is not known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Endpoint<'a> {
    pub(super) service_name: Cow<'a, str>,
    pub(super) ipv4: Cow<'a, str>,
    pub(super) ipv6: Cow<'a, str>,
    pub(super) port: i64,
}

impl Endpoint<'_> {
    /// The text of an IPv4 address of four bytes, empty for anything else and for 0.0.0.0.
    pub(super) fn ipv4_text(bytes: &[u8]) -> Cow<'static, str> {
        match <[u8; 4]>::try_from(bytes) {
            Ok(bytes) if bytes != [0; 4] => Ipv4Addr::from(bytes).to_string().into(),
            _ => Cow::Borrowed(""),
        }
    }

    /// The text of an IPv6 address of sixteen bytes, empty for anything else.
    pub(super) fn ipv6_text(bytes: &[u8]) -> Cow<'static, str> {
        match <[u8; 16]>::try_from(bytes) {
            Ok(bytes) => Ipv6Addr::from(bytes).to_string().into(),
            Err(_) => Cow::Borrowed(""),
        }
    }
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Annotation<'a> {
    pub(super) time_ns: u64,
    pub(super) value: Cow<'a, str>,
}

/// A tag. Zipkin v2 has text only, v1 other types too.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tag<'a> {
    pub(super) key: Cow<'a, str>,
    pub(super) value: TagValue<'a>,
}

/// The value of a [`Tag`].
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TagValue<'a> {
    Text(Cow<'a, str>),
    Int(i64),
    Double(f64),
    Bytes(&'a [u8]),
}

impl TagValue<'_> {
    /// The text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// `us` as ns, `None` if 0 or less.
pub(super) fn time_ns(us: i64, what: &str) -> Result<Option<u64>, String> {
    match u64::try_from(us) {
        Err(_) | Ok(0) => Ok(None),
        Ok(us) => us
            .checked_mul(NS_PER_US)
            .map(Some)
            .ok_or_else(|| format!("{what} {us} µs is out of range")),
    }
}

/// The id in `digits`, `None` if they are all zero or there are none.
pub(super) fn parent_id(digits: &str) -> Result<Option<SpanId>, String> {
    if digits.len() <= 16 && digits.bytes().all(|digit| digit == b'0') {
        return Ok(None);
    }
    digits
        .parse()
        .map(Some)
        .map_err(|error| format!("parentId: {error}"))
}
