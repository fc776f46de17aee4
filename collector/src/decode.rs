//! From a payload of any kind to a batch of spans.
//!
//! ```text
//!  payload ──translate, unless it is OTLP protobuf──▶ OTLP protobuf ──wire decoder──▶ weigh ──▶ SpanBatchBuilder
//! ```
//!
//! The same code serves spans that arrive and payloads that are replayed from the log, so that both give the same batch.

use bytes::Bytes;
use clew_storage::batch::Group;
use clew_storage::limits::TABLE_BYTES_MAX;
use clew_storage::span::{GroupFields, SpanFields};
use clew_storage::{Admission, DecodeError, PayloadKind, SpanBatch, SpanBatchBuilder};

use crate::failure::BodyError;
use crate::limits::PayloadLimits;
use crate::otlp::{json, wire};
use crate::rejected::Rejected;
use crate::sampling::Sampler;
use crate::sampling::remote::Observed;
use crate::sampling::tracestate::with_weight;
use crate::weigh::{self, Replay, Sampling, Weigh};
use crate::zipkin;

/// Payload kinds. The numbers are part of the log's format: one is never given another meaning, and a translation that
/// changes what it makes of a payload gets a new number.
pub mod kind {
    use clew_storage::PayloadKind;

    /// OTLP `ExportTraceServiceRequest` in protobuf.
    pub const OTLP_PROTOBUF: PayloadKind = PayloadKind(1);
    /// OTLP/JSON.
    pub const OTLP_JSON: PayloadKind = PayloadKind(2);
    /// Zipkin v2 list of spans in JSON.
    pub const ZIPKIN_V2_JSON: PayloadKind = PayloadKind(3);
    /// Zipkin v2 `ListOfSpans` in protobuf.
    pub const ZIPKIN_V2_PROTOBUF: PayloadKind = PayloadKind(4);
    /// Zipkin v1 list of spans in JSON.
    pub const ZIPKIN_V1_JSON: PayloadKind = PayloadKind(5);
    /// Zipkin v1 list of spans in Thrift's binary protocol.
    pub const ZIPKIN_V1_THRIFT: PayloadKind = PayloadKind(6);
}

/// A payload as OTLP protobuf.
pub(crate) struct Translated {
    /// `ExportTraceServiceRequest`.
    pub(crate) otlp: Bytes,
    /// Spans that have no form in OTLP.
    pub(crate) rejected: Rejected,
}

/// A payload that was decoded on arrival.
pub(crate) struct Decoded {
    /// Spans that were kept.
    pub(crate) batch: SpanBatch,
    /// What was decided for each valid span.
    pub(crate) admission: Admission,
    /// Spans that were invalid.
    pub(crate) rejected: Rejected,
    /// Spans that head sampling dropped.
    pub(crate) sampled_out: u64,
}

/// Decodes a payload that has just arrived.
///
/// # Errors
/// When it is malformed or over a limit.
pub(crate) fn arrived(
    kind: PayloadKind,
    payload: &Bytes,
    received_at_unix_nano: u64,
    limits: &PayloadLimits,
    sampler: &Sampler,
    observed: Option<&Observed>,
) -> Result<Decoded, BodyError> {
    let translated = translate(kind, payload, limits)?;
    let sampling = Sampling::new(sampler, observed, received_at_unix_nano);
    let mut build = Build::new(&translated, received_at_unix_nano, sampling);
    let rejected = wire::walk(&translated.otlp, limits, &mut build)?;
    if build.builder.table_bytes() > TABLE_BYTES_MAX {
        let what = "bytes when each span is given a copy of its resource and scope";
        return Err(BodyError::TooMany {
            what,
            max: TABLE_BYTES_MAX as u64,
        });
    }
    Ok(Decoded {
        batch: build.builder.finish(),
        admission: build.admission,
        rejected: translated.rejected.merge_decoded(&rejected),
        sampled_out: build.dropped,
    })
}

/// Decodes payloads that the collector has accepted, when the store replays its log.
#[derive(Debug, Clone, Copy, Default)]
pub struct Decoder;

impl clew_storage::Decoder for Decoder {
    fn decode(
        &self,
        kind: PayloadKind,
        payload: &Bytes,
        received_at_unix_nano: u64,
        admission: &Admission,
    ) -> Result<SpanBatch, DecodeError> {
        let error = |message: String| DecodeError { kind, message };
        let limits = PayloadLimits::NONE;
        let translated =
            translate(kind, payload, &limits).map_err(|failure| error(failure.to_string()))?;
        let mut build = Build::new(&translated, received_at_unix_nano, Replay::new(admission));
        wire::walk(&translated.otlp, &limits, &mut build)
            .map_err(|failure| error(failure.to_string()))?;
        match build.weigh.mismatch() {
            None => Ok(build.builder.finish()),
            Some(mismatch) => Err(error(mismatch)),
        }
    }
}

/// Decodes payloads that are shown and not stored: all their valid spans, within the limits of payloads that arrive. There is no
/// admission to apply.
#[derive(Debug)]
pub struct Viewer {
    limits: PayloadLimits,
    keep_all: Sampler,
}

impl Viewer {
    /// A viewer of payloads within `limits`.
    #[must_use]
    pub fn new(limits: PayloadLimits) -> Self {
        Self {
            limits,
            keep_all: Sampler::default(),
        }
    }
}

impl clew_storage::Decoder for Viewer {
    fn decode(
        &self,
        kind: PayloadKind,
        payload: &Bytes,
        received_at_unix_nano: u64,
        _admission: &Admission,
    ) -> Result<SpanBatch, DecodeError> {
        arrived(
            kind,
            payload,
            received_at_unix_nano,
            &self.limits,
            &self.keep_all,
            None,
        )
        .map(|decoded| decoded.batch)
        .map_err(|failure| DecodeError {
            kind,
            message: failure.to_string(),
        })
    }
}

fn translate(
    kind: PayloadKind,
    payload: &Bytes,
    limits: &PayloadLimits,
) -> Result<Translated, BodyError> {
    match kind {
        kind::OTLP_PROTOBUF => Ok(Translated {
            otlp: payload.clone(),
            rejected: Rejected::default(),
        }),
        kind::OTLP_JSON => json::translate(payload),
        kind::ZIPKIN_V2_JSON => zipkin::json_v2::translate(payload, limits),
        kind::ZIPKIN_V2_PROTOBUF => zipkin::proto_v2::translate(payload, limits),
        kind::ZIPKIN_V1_JSON => zipkin::json_v1::translate(payload, limits),
        kind::ZIPKIN_V1_THRIFT => zipkin::thrift_v1::translate(payload, limits),
        PayloadKind(number) => Err(BodyError::Malformed(format!(
            "payload kind {number} is not known to this version"
        ))),
    }
}

/// Puts the spans that are kept into a batch.
struct Build<W> {
    builder: SpanBatchBuilder,
    weigh: W,
    /// The group of the spans that come, once one of them was kept.
    group: Option<Group>,
    admission: Admission,
    dropped: u64,
}

impl<W: Weigh> Build<W> {
    fn new(payload: &Translated, received_at_unix_nano: u64, weigh: W) -> Self {
        let spans = wire::guess_spans(&payload.otlp);
        Self {
            builder: SpanBatchBuilder::with_capacity(received_at_unix_nano, spans),
            weigh,
            group: None,
            admission: Admission::default(),
            dropped: 0,
        }
    }
}

impl<W: Weigh> wire::Visitor for Build<W> {
    fn begin_group(&mut self) {
        self.group = None;
        self.weigh.begin_group();
    }

    fn span(&mut self, group: &GroupFields<'_>, span: &SpanFields<'_>) {
        let weight = self.weigh.weigh(group, span);
        weigh::record(&mut self.admission, weight);
        if weight == 0.0 {
            self.dropped += 1;
            return;
        }
        let group = *self
            .group
            .get_or_insert_with(|| self.builder.push_group(group));
        match with_weight(span.trace_state, weight) {
            None => self.builder.push_span(group, span, weight),
            Some(trace_state) => {
                let span = SpanFields {
                    trace_state: &trace_state,
                    ..span.clone()
                };
                self.builder.push_span(group, &span, weight);
            }
        }
    }
}

#[cfg(test)]
mod tests;
