//! Trace and span ids: fixed-size bytes, shown as lower-case hex.

use std::fmt;
use std::str::FromStr;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}: expected 1 to {max_digits} hex digits, not all zero")]
pub struct InvalidId {
    text: String,
    what: &'static str,
    max_digits: usize,
}

macro_rules! id {
    ($name:ident, $bytes:literal, $what:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; $bytes]);

        impl $name {
            /// The id in `bytes`, unless the length is wrong or all bytes are zero.
            #[must_use]
            pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
                let id: [u8; $bytes] = bytes.try_into().ok()?;
                (id != [0; $bytes]).then_some(Self(id))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            /// Parses hex digits of either case; a short id is padded with zeros on the left.
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let invalid = || InvalidId {
                    text: text.chars().take(80).collect(),
                    what: $what,
                    max_digits: 2 * $bytes,
                };
                if text.is_empty() || text.len() > 2 * $bytes {
                    return Err(invalid());
                }
                let mut id = [0u8; $bytes];
                for (place, digit) in text.bytes().rev().enumerate() {
                    let value = (digit as char).to_digit(16).ok_or_else(invalid)?;
                    id[$bytes - 1 - place / 2] |= (value as u8) << (4 * (place % 2));
                }
                Self::from_bytes(&id).ok_or_else(invalid)
            }
        }
    };
}

id!(
    TraceId,
    16,
    "a trace id",
    "A trace id: 16 bytes, not all zero."
);
id!(SpanId, 8, "a span id", "A span id: 8 bytes, not all zero.");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_ids_are_padded_on_the_left() {
        let id: TraceId = "ABC".parse().unwrap();
        assert_eq!(id.to_string(), format!("{:0>32}", "abc"));
    }

    #[test]
    fn zero_long_and_foreign_texts_are_refused() {
        for text in [
            "",
            "0",
            &"0".repeat(32),
            &"1".repeat(33),
            "xyz",
            "12 4",
            "é1",
        ] {
            assert!(text.parse::<TraceId>().is_err(), "{text}");
        }
    }
}
