//! Every limit of the collector, in one place.

use std::time::Duration;

use crate::failure::BodyError;

/// Annotations of one Zipkin span, and tags of it: they are in memory before they are translated.
pub const ZIPKIN_PARTS_MAX: usize = 250_000;

/// Services whose rates a head-sampling rule keeps apart; those beyond it share one.
pub const HEAD_SERVICES_MAX: usize = 1_000;

/// Kinds of traces that a tail policy tells apart; those beyond it count as one kind, or as a frequent one.
pub const TAIL_KEYS_MAX: usize = 20_000;

/// Operations whose durations a tail policy knows; those beyond it are never slow.
pub const TAIL_OPERATIONS_MAX: usize = 4_000;

/// Tail policies, those inside of others included.
pub const TAIL_POLICIES_MAX: usize = 256;

/// How deep tail policies may stand in each other.
pub const TAIL_NESTING_MAX: usize = 8;

/// Memory of the regular expressions of one tail policy, bytes.
pub const TAIL_REGEX_BYTES_MAX: usize = 1 << 20;

/// Bounds on requests. Sizes in bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// One request body, after decompression (and before).
    pub body_bytes_max: usize,
    /// Bodies of all requests in flight together, compressed and decompressed bytes alike. Beyond it requests are turned
    /// away with the advice to retry.
    pub in_flight_bytes_max: usize,
    /// How long a sender may pause inside a body.
    pub body_idle_timeout: Duration,
    /// How long a body may take as a whole.
    pub body_timeout: Duration,
    /// Bodies up to this size are decoded where they are received, larger ones on a blocking thread.
    pub inline_decode_bytes_max: usize,
    /// When a sender that was turned away should try again.
    pub retry_after: Duration,
    /// Spans and their parts in one request.
    pub payload: PayloadLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 64 << 20,
            in_flight_bytes_max: 256 << 20,
            body_idle_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_mins(1),
            inline_decode_bytes_max: 64 << 10,
            retry_after: Duration::from_secs(1),
            payload: PayloadLimits::default(),
        }
    }
}

/// Services that remote sampling tells apart.
pub const REMOTE_SERVICES_MAX: usize = 1_000;
/// Operations of a service that have a share of their own; as many as OpenTelemetry's samplers take.
pub const REMOTE_OPERATIONS_MAX: usize = 256;

/// Bounds on what one payload holds, so that a body of tiny parts cannot grow to a multiple of its size in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct PayloadLimits {
    /// Spans.
    pub spans_max: u64,
    /// Attributes, values inside of arrays and maps, events and links, of all spans and resources together.
    pub elements_max: u64,
}

impl Default for PayloadLimits {
    fn default() -> Self {
        Self {
            spans_max: 500_000,
            elements_max: 4_000_000,
        }
    }
}

impl PayloadLimits {
    /// No bounds: for payloads that were accepted before.
    pub(crate) const NONE: Self = Self {
        spans_max: u64::MAX,
        elements_max: u64::MAX,
    };

    #[inline]
    pub(crate) fn check_spans(&self, spans: u64) -> Result<(), BodyError> {
        check("spans", spans, self.spans_max)
    }

    #[inline]
    pub(crate) fn check_elements(&self, elements: u64) -> Result<(), BodyError> {
        check(
            "attributes, values, events and links",
            elements,
            self.elements_max,
        )
    }
}

#[inline]
fn check(what: &'static str, count: u64, max: u64) -> Result<(), BodyError> {
    if count <= max {
        Ok(())
    } else {
        Err(BodyError::TooMany { what, max })
    }
}
