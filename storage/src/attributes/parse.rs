//! Reading canonical text back.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{AttributeType, AttributeValue};

/// A text that is not the canonical text of any value of its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not the canonical text of an attribute of type `{letter}`: {reason}")]
pub struct InvalidAttribute {
    text: String,
    letter: char,
    reason: String,
}

impl AttributeValue {
    /// The value whose canonical text is `text`.
    ///
    /// # Errors
    /// When `text` was not written by [`AttributeValue::write_text`] for a value of this type.
    pub fn from_text(attribute_type: AttributeType, text: &str) -> Result<Self, InvalidAttribute> {
        let value = match attribute_type {
            AttributeType::Empty if text.is_empty() => Ok(Self::Empty),
            AttributeType::Empty => Err("expected no text".to_owned()),
            AttributeType::String => Ok(Self::String(text.to_owned())),
            AttributeType::Bool => text
                .parse()
                .map(Self::Bool)
                .map_err(|error| error.to_string()),
            AttributeType::Int => text
                .parse()
                .map(Self::Int)
                .map_err(|error| error.to_string()),
            AttributeType::Double => parse_double(text).map(Self::Double),
            AttributeType::Bytes => parse_bytes(text).map(Self::Bytes),
            AttributeType::Array | AttributeType::Map => parse_json(attribute_type, text),
        };
        value.map_err(|reason| InvalidAttribute {
            text: text.chars().take(80).collect(),
            letter: attribute_type.letter(),
            reason,
        })
    }
}

fn parse_double(text: &str) -> Result<f64, String> {
    if let Some(bits) = text.strip_prefix("NaN:") {
        let bits = u64::from_str_radix(bits, 16).map_err(|error| error.to_string())?;
        let value = f64::from_bits(bits);
        return if value.is_nan() {
            Ok(value)
        } else {
            Err("expected the bits of a NaN".to_owned())
        };
    }
    if text == "NaN" {
        return Ok(f64::NAN);
    }
    text.parse()
        .map_err(|error: std::num::ParseFloatError| error.to_string())
}

fn parse_bytes(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|error| error.to_string())
}

fn parse_json(attribute_type: AttributeType, text: &str) -> Result<AttributeValue, String> {
    let Json(value) = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if value.attribute_type() == attribute_type {
        Ok(value)
    } else {
        Err(format!(
            "found a value of type `{}`",
            value.attribute_type().letter()
        ))
    }
}

/// A value inside the JSON of an array or map.
struct Json(AttributeValue);

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor).map(Json)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = AttributeValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an attribute value")
    }

    fn visit_unit<E: Error>(self) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Empty)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<AttributeValue, E> {
        i64::try_from(value)
            .map(AttributeValue::Int)
            .map_err(E::custom)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Double(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<AttributeValue, E> {
        Ok(AttributeValue::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<AttributeValue, A::Error> {
        let mut array = Vec::new();
        while let Some(Json(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(AttributeValue::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<AttributeValue, A::Error> {
        let mut map = Vec::new();
        while let Some(mut key) = entries.next_key::<String>()? {
            if !key.starts_with('$') {
                map.push((key, entries.next_value::<Json>()?.0));
            } else if key.starts_with("$$") {
                key.remove(0);
                map.push((key, entries.next_value::<Json>()?.0));
            } else if map.is_empty() {
                return visit_wrapped(&key, entries);
            } else {
                return Err(A::Error::custom(format_args!("unexpected key `{key}`")));
            }
        }
        Ok(AttributeValue::Map(map))
    }
}

/// The rest of `{"$double": text}` or `{"$bytes": base64}`.
fn visit_wrapped<'de, A: MapAccess<'de>>(
    key: &str,
    mut entries: A,
) -> Result<AttributeValue, A::Error> {
    let text = entries.next_value::<String>()?;
    let value = match key {
        "$double" => parse_double(&text).map(AttributeValue::Double),
        "$bytes" => parse_bytes(&text).map(AttributeValue::Bytes),
        _ => Err(format!("unexpected key `{key}`")),
    };
    if entries.next_key::<String>()?.is_some() {
        return Err(A::Error::custom(format_args!(
            "unexpected key after `{key}`"
        )));
    }
    value.map_err(A::Error::custom)
}
