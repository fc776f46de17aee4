//! Trace ids as Jaeger's clients write them.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use clew_storage::TraceId;

use crate::error::QueryError;

/// Longest base64 form of 16 bytes.
const BASE64_LEN_MAX: usize = 24;

/// Reads hex digits of either case, padded on the left if short; else base64 of 16 bytes in either alphabet, padded or not.
///
/// # Errors
/// When the text is neither.
pub(crate) fn trace_id(text: &str) -> Result<TraceId, QueryError> {
    let error = match text.parse() {
        Ok(id) => return Ok(id),
        Err(error) => QueryError::invalid(format!("{error}")),
    };
    if text.len() > BASE64_LEN_MAX {
        return Err(error);
    }
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [alphabet::STANDARD, alphabet::URL_SAFE]
        .iter()
        .filter_map(|alphabet| GeneralPurpose::new(alphabet, config).decode(text).ok())
        .find_map(|bytes| TraceId::from_bytes(&bytes))
        .ok_or(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_of_any_length_and_base64_of_sixteen_bytes_are_ids() {
        let id = TraceId([
            0xfb, 0xff, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0xfe,
        ]);
        for text in [
            "fbff030405060708090a0b0c0d0e0ffe",
            "FBFF030405060708090A0B0C0D0E0FFE",
            "+/8DBAUGBwgJCgsMDQ4P/g==",
            "+/8DBAUGBwgJCgsMDQ4P/g",
            "-_8DBAUGBwgJCgsMDQ4P_g==",
            "-_8DBAUGBwgJCgsMDQ4P_g",
        ] {
            assert_eq!(trace_id(text).unwrap(), id, "{text}");
        }
        assert_eq!(
            trace_id("ABC").unwrap().to_string(),
            format!("{:0>32}", "abc")
        );
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "0",
            "xyz",
            "AAAAAAAAAAAAAAAAAAAAAA==",
            &"a".repeat(33),
            "+/8DBAUG",
        ] {
            assert!(trace_id(text).is_err(), "{text}");
        }
    }
}
