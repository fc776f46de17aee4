//! Writing canonical text, straight into whatever takes text.

use std::fmt::{Result, Write};

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;

use super::{AttributeType, AttributeValue, ValueRef};

impl ValueRef<'_> {
    /// The value's type.
    #[must_use]
    pub fn attribute_type(&self) -> AttributeType {
        match self {
            Self::Empty => AttributeType::Empty,
            Self::String(_) => AttributeType::String,
            Self::Bool(_) => AttributeType::Bool,
            Self::Int(_) => AttributeType::Int,
            Self::Double(_) => AttributeType::Double,
            Self::Bytes(_) => AttributeType::Bytes,
            Self::Nested(value) => value.attribute_type(),
        }
    }

    /// Writes the canonical text.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn write_text(&self, out: &mut impl Write) -> Result {
        match self {
            Self::Empty => Ok(()),
            Self::String(text) => out.write_str(text),
            Self::Bool(value) => out.write_str(if *value { "true" } else { "false" }),
            Self::Int(value) => write!(out, "{value}"),
            Self::Double(value) => write_double(out, *value),
            Self::Bytes(bytes) => write!(out, "{}", Base64Display::new(bytes, &STANDARD)),
            Self::Nested(value) => value.write_text(out),
        }
    }
}

impl AttributeValue {
    /// The value's type.
    #[must_use]
    pub fn attribute_type(&self) -> AttributeType {
        match self {
            Self::Empty => AttributeType::Empty,
            Self::String(_) => AttributeType::String,
            Self::Bool(_) => AttributeType::Bool,
            Self::Int(_) => AttributeType::Int,
            Self::Double(_) => AttributeType::Double,
            Self::Bytes(_) => AttributeType::Bytes,
            Self::Array(_) => AttributeType::Array,
            Self::Map(_) => AttributeType::Map,
        }
    }

    /// Writes the canonical text.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn write_text(&self, out: &mut impl Write) -> Result {
        match self {
            Self::Empty => Ok(()),
            Self::String(text) => out.write_str(text),
            Self::Bool(value) => ValueRef::Bool(*value).write_text(out),
            Self::Int(value) => ValueRef::Int(*value).write_text(out),
            Self::Double(value) => write_double(out, *value),
            Self::Bytes(bytes) => ValueRef::Bytes(bytes).write_text(out),
            Self::Array(_) | Self::Map(_) => write_json(out, self),
        }
    }

    /// The canonical text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        // A `String` takes all text.
        let _ = self.write_text(&mut text);
        text
    }
}

/// Writes a double as an attribute of its own: `1`, `-0`, `0.1`, `1e300`, `NaN`.
fn write_double(out: &mut impl Write, value: f64) -> Result {
    // From 1e16 on the shortest text has an exponent.
    let whole = value as i64;
    if whole.unsigned_abs() < 10_000_000_000_000_000 && (whole as f64).to_bits() == value.to_bits()
    {
        return write!(out, "{whole}");
    }
    if value.to_bits() == (-0.0f64).to_bits() {
        return out.write_str("-0");
    }
    write_rough_double(out, value)
}

/// As `write_double`, but a whole number keeps its `.0`. `{:?}` is the shortest text that reads back to the same bits.
fn write_rough_double(out: &mut impl Write, value: f64) -> Result {
    if value.is_finite() {
        write!(out, "{value:?}")
    } else if value.is_infinite() {
        out.write_str(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else if value.to_bits() == f64::NAN.to_bits() {
        out.write_str("NaN")
    } else {
        write!(out, "NaN:{:016x}", value.to_bits())
    }
}

fn write_json(out: &mut impl Write, value: &AttributeValue) -> Result {
    match value {
        AttributeValue::Empty => out.write_str("null"),
        AttributeValue::String(text) => write_json_string(out, "", text),
        AttributeValue::Bool(_) | AttributeValue::Int(_) => value.write_text(out),
        AttributeValue::Double(double) if double.is_finite() => write_rough_double(out, *double),
        AttributeValue::Double(double) => {
            out.write_str(r#"{"$double":""#)?;
            write_rough_double(out, *double)?;
            out.write_str(r#""}"#)
        }
        AttributeValue::Bytes(_) => {
            out.write_str(r#"{"$bytes":""#)?;
            value.write_text(out)?;
            out.write_str(r#""}"#)
        }
        AttributeValue::Array(items) => {
            out.write_char('[')?;
            for (place, item) in items.iter().enumerate() {
                out.write_str(if place == 0 { "" } else { "," })?;
                write_json(out, item)?;
            }
            out.write_char(']')
        }
        AttributeValue::Map(entries) => {
            out.write_char('{')?;
            for (place, (key, item)) in entries.iter().enumerate() {
                out.write_str(if place == 0 { "" } else { "," })?;
                write_json_string(out, if key.starts_with('$') { "$" } else { "" }, key)?;
                out.write_char(':')?;
                write_json(out, item)?;
            }
            out.write_char('}')
        }
    }
}

/// Writes `prefix` and `text` as one JSON string; `prefix` needs no escaping.
fn write_json_string(out: &mut impl Write, prefix: &str, text: &str) -> Result {
    out.write_char('"')?;
    out.write_str(prefix)?;
    let mut written = 0;
    for (place, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.write_str(&text[written..place])?;
        match byte {
            b'"' => out.write_str("\\\"")?,
            b'\\' => out.write_str("\\\\")?,
            b'\n' => out.write_str("\\n")?,
            b'\r' => out.write_str("\\r")?,
            b'\t' => out.write_str("\\t")?,
            _ => write!(out, "\\u{byte:04x}")?,
        }
        written = place + 1;
    }
    out.write_str(&text[written..])?;
    out.write_char('"')
}
