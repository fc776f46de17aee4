//! Attribute values: the OTLP types, their canonical text, and the way back.
//!
//! A list of attributes is stored as a map from key to canonical text plus one letter a value that tells the type, so
//! that any engine can search the text and nothing of the value is lost:
//!
//! | letter | type | text |
//! |---|---|---|
//! | `e` | no value set | empty |
//! | `s` | string | the string |
//! | `b` | bool | `true`, `false` |
//! | `i` | int64 | decimal |
//! | `d` | double | shortest text that reads back to the same bits, whole numbers without a point; `NaN`, `Infinity`, `-Infinity`; another NaN as `NaN:` and 16 hex digits |
//! | `y` | bytes | base64, padded |
//! | `a` | array | JSON |
//! | `m` | map | JSON |
//!
//! In the JSON of arrays and maps a double always has a point, an exponent or the wrapper `{"$double": text}`, so that it
//! cannot be taken for an integer; bytes are `{"$bytes": base64}`; no value is `null`; and a map's own key that starts
//! with `$` gets one more `$` in front.
//!
//! Arrays and maps nest at most [`NESTING_MAX`] deep; a decoder refuses deeper ones.

mod parse;
#[cfg(test)]
pub(crate) mod tests;
mod text;

use arrow::array::{Array, AsArray, MapArray};

pub use parse::InvalidAttribute;

/// How deep arrays and maps may stand in each other: an array of scalars is 1 deep.
pub const NESTING_MAX: usize = 64;

/// Type of an attribute value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum AttributeType {
    /// No value set.
    Empty = b'e',
    /// UTF-8 text.
    String = b's',
    /// Truth value.
    Bool = b'b',
    /// 64-bit signed integer.
    Int = b'i',
    /// IEEE 754 double.
    Double = b'd',
    /// Bytes.
    Bytes = b'y',
    /// List of values.
    Array = b'a',
    /// List of keys and values.
    Map = b'm',
}

impl AttributeType {
    /// The letter that stands for the type in `attribute_types`.
    #[must_use]
    pub fn letter(self) -> char {
        char::from(self as u8)
    }

    /// The type that `letter` stands for.
    #[must_use]
    pub fn from_letter(letter: u8) -> Option<Self> {
        Some(match letter {
            b'e' => Self::Empty,
            b's' => Self::String,
            b'b' => Self::Bool,
            b'i' => Self::Int,
            b'd' => Self::Double,
            b'y' => Self::Bytes,
            b'a' => Self::Array,
            b'm' => Self::Map,
            _ => return None,
        })
    }
}

/// Key, type and canonical text of the attributes in row `row` of a map column, given the row's type letters.
///
/// An entry without a known letter counts as a string.
///
/// # Panics
/// When `row` is out of range or `attributes` is not of the type [`schema::attribute_map`](crate::schema::attribute_map).
#[must_use]
pub fn entries<'a>(
    attributes: &'a MapArray,
    row: usize,
    letters: &'a str,
) -> impl ExactSizeIterator<Item = (&'a str, AttributeType, &'a str)> + 'a {
    let offsets = attributes.value_offsets();
    let (keys, values) = (
        attributes.keys().as_string::<i32>(),
        attributes.values().as_string::<i32>(),
    );
    let start = offsets[row] as usize;
    (start..offsets[row + 1] as usize).map(move |entry| {
        let letter = letters.as_bytes().get(entry - start).copied();
        let attribute_type = letter
            .and_then(AttributeType::from_letter)
            .unwrap_or(AttributeType::String);
        let value = if values.is_null(entry) {
            ""
        } else {
            values.value(entry)
        };
        (keys.value(entry), attribute_type, value)
    })
}

/// An attribute value that owns its content.
#[derive(Debug, Clone, PartialEq)]
pub enum AttributeValue {
    /// No value set.
    Empty,
    /// UTF-8 text.
    String(String),
    /// Truth value.
    Bool(bool),
    /// 64-bit signed integer.
    Int(i64),
    /// IEEE 754 double.
    Double(f64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// List of values.
    Array(Vec<AttributeValue>),
    /// Keys and values in the order sent, duplicates included.
    Map(Vec<(String, AttributeValue)>),
}

/// An attribute on its way into a batch.
#[derive(Debug, Clone)]
pub struct AttributeRef<'a> {
    /// Key, may be empty.
    pub key: &'a str,
    /// Value.
    pub value: ValueRef<'a>,
}

/// A borrowed attribute value. Nested values are rare and own their tree.
#[derive(Debug, Clone)]
pub enum ValueRef<'a> {
    /// No value set.
    Empty,
    /// UTF-8 text.
    String(&'a str),
    /// Truth value.
    Bool(bool),
    /// 64-bit signed integer.
    Int(i64),
    /// IEEE 754 double.
    Double(f64),
    /// Bytes.
    Bytes(&'a [u8]),
    /// An [`AttributeValue::Array`] or [`AttributeValue::Map`].
    Nested(AttributeValue),
}
