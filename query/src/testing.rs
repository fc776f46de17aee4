//! What the unit tests of this crate share.

use bytes::Bytes;
use clew_storage::{Admission, DecodeError, Decoder, PayloadKind, SpanBatch};

/// Decodes nothing: for stores whose log is not replayed.
pub(crate) struct NoDecoder;

impl Decoder for NoDecoder {
    fn decode(
        &self,
        kind: PayloadKind,
        _payload: &Bytes,
        _received_at_unix_nano: u64,
        _admission: &Admission,
    ) -> Result<SpanBatch, DecodeError> {
        Err(DecodeError {
            kind,
            message: "not in this test".to_owned(),
        })
    }
}
