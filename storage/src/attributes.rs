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
//! | `d` | double | shortest text that reads back to the same bits; `NaN`, `Infinity`, `-Infinity`; another NaN as `NaN:` and 16 hex digits |
//! | `y` | bytes | base64, padded |
//! | `a` | array | JSON |
//! | `m` | map | JSON |
//!
//! In the JSON of arrays and maps a double always has a point, an exponent or the wrapper `{"$double": text}`, so that it
//! cannot be taken for an integer; bytes are `{"$bytes": base64}`; no value is `null`; and a map's own key that starts
//! with `$` gets one more `$` in front.

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
