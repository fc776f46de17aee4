//! OTLP/JSON to OTLP protobuf, in one pass over the text.
//!
//! Each JSON member is written as a protobuf field when it is met; nothing is kept but the protobuf made so far.
//!
//! - Ids are hex of either case, enums numbers or names, 64-bit integers numbers or strings without loss of a digit, doubles
//!   numbers or strings (`NaN`, `Infinity`, `-Infinity`), bytes base64 of either alphabet, padded or not.
//! - `null` is the same as no member. Members that OTLP does not know are passed over, and so are `snake_case` names, which
//!   OTLP/JSON does not have.
//! - A span whose ids are missing or invalid is left out, counted and named. JSON that is malformed, or has a value of
//!   another type than its field, refuses the payload as a whole, with line and column.
//!
//! Limits: 127 objects and arrays inside each other (`serde_json`'s own limit), then those of the wire decoder.

mod message;
mod messages;
mod scalar;
mod span;

#[cfg(test)]
mod tests;

use std::fmt::Display;

use bytes::Bytes;
use serde::de::{DeserializeSeed, Error};

use self::message::Object;
use self::messages::Request;
use self::span::SpanState;
use crate::decode::Translated;
use crate::failure::BodyError;
use crate::protobuf::Writer;
use crate::rejected::Rejected;

/// Translates the OTLP/JSON in `payload`.
///
/// # Errors
/// When it is not UTF-8, not JSON, or not of OTLP's types.
pub(crate) fn translate(payload: &Bytes) -> Result<Translated, BodyError> {
    let malformed =
        |error: &dyn Display| BodyError::malformed(&format_args!("malformed OTLP/JSON: {error}"));
    let text = std::str::from_utf8(payload).map_err(|error| malformed(&error))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut context = Context {
        out: Writer::with_capacity(text.len() / 2),
        spans: 0,
        span: SpanState::default(),
        rejected: Rejected::default(),
    };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = Object::<Request>::new(&mut context).deserialize(&mut deserializer);
    let read = read.and_then(|present| {
        deserializer.end()?;
        if present {
            Ok(())
        } else {
            Err(serde_json::Error::custom("null in place of an object"))
        }
    });
    read.map_err(|error| malformed(&error))?;
    Ok(Translated {
        otlp: context.out.finish(),
        rejected: context.rejected,
    })
}

/// What a translation has made so far.
struct Context {
    out: Writer,
    /// Spans met.
    spans: u64,
    /// What is remembered of the present span.
    span: SpanState,
    rejected: Rejected,
}
