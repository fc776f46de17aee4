//! What the store asks of the crate that knows protocols: turn a logged payload back into spans.

use bytes::Bytes;

use crate::batch::SpanBatch;

/// What a logged payload is; the numbers belong to the [`Decoder`] and are part of the log's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PayloadKind(pub u16);

/// What admission decided about the spans of a payload, in payload order: runs of (spans, weight).
///
/// A weight of 0 is a span that head sampling dropped. Spans that the decoder rejects as invalid are not counted.
/// Replay applies the same runs, so that nothing is sampled anew.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Admission {
    /// Runs of equal weight: number of spans, weight of each (1 = unsampled).
    pub weights: Vec<(u32, f64)>,
}

/// A payload that cannot be decoded.
#[derive(Debug, Clone, thiserror::Error)]
#[error("payload of kind {} cannot be decoded: {message}", kind.0)]
pub struct DecodeError {
    /// Kind that the payload was logged under.
    pub kind: PayloadKind,
    /// What was wrong, where.
    pub message: String,
}

/// Decodes logged payloads when the log is replayed.
pub trait Decoder: Send + Sync {
    /// Version of what [`Decoder::decode`] makes of a payload; stands in the log with each one. It grows when an older program could
    /// not decode what this one accepts; a payload of a greater version is set aside at replay.
    fn version(&self) -> u16 {
        1
    }

    /// Spans of `payload` that `admission` keeps, with their weights.
    ///
    /// `received_at_unix_nano` becomes `ingested_at`. Must give the same batch as when the payload was accepted.
    ///
    /// # Errors
    /// When the payload is of an unknown kind or malformed: the record is then reported and set aside, not dropped.
    fn decode(
        &self,
        kind: PayloadKind,
        payload: &Bytes,
        received_at_unix_nano: u64,
        admission: &Admission,
    ) -> Result<SpanBatch, DecodeError>;
}
