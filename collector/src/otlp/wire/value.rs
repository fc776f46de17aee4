//! Attributes and their values.

use clew_storage::attributes::{AttributeRef, AttributeValue, ValueRef};

use super::{Visitor, Walk};
use crate::failure::BodyError;
use crate::otlp::fields::{any_value, key_value, list};
use crate::protobuf::Reader;

impl<'p, V: Visitor> Walk<'p, '_, V> {
    /// A `KeyValue`.
    pub(super) fn attribute(
        &mut self,
        mut reader: Reader<'p>,
    ) -> Result<AttributeRef<'p>, BodyError> {
        self.count_element()?;
        let mut attribute = AttributeRef {
            key: "",
            value: ValueRef::Empty,
        };
        while let Some(key) = reader.next_key()? {
            match key.field {
                key_value::KEY => attribute.key = reader.string(key)?,
                key_value::VALUE => self.merge_value(reader.message(key)?, &mut attribute.value)?,
                key_value::KEY_STRINDEX => drop(reader.integer(key)?),
                _ => reader.skip(key)?,
            }
        }
        Ok(attribute)
    }

    /// Merges an `AnyValue` into `value`.
    fn merge_value(
        &mut self,
        mut reader: Reader<'p>,
        value: &mut ValueRef<'p>,
    ) -> Result<(), BodyError> {
        while let Some(key) = reader.next_key()? {
            *value = match key.field {
                any_value::STRING => ValueRef::String(reader.string(key)?),
                any_value::BOOL => ValueRef::Bool(reader.integer(key)? != 0),
                any_value::INT => ValueRef::Int(reader.integer(key)? as i64),
                any_value::DOUBLE => ValueRef::Double(f64::from_bits(reader.fixed64(key)?)),
                any_value::BYTES => ValueRef::Bytes(reader.bytes(key)?),
                any_value::ARRAY => self.merge_array(reader.message(key)?, value)?,
                any_value::KVLIST => self.merge_map(reader.message(key)?, value)?,
                any_value::STRING_STRINDEX => {
                    reader.integer(key)?;
                    ValueRef::Empty
                }
                _ => {
                    reader.skip(key)?;
                    continue;
                }
            };
        }
        Ok(())
    }

    /// An `ArrayValue`, appended to `value` if that is an array already.
    fn merge_array(
        &mut self,
        mut reader: Reader<'p>,
        value: &mut ValueRef<'p>,
    ) -> Result<ValueRef<'p>, BodyError> {
        let mut items = match std::mem::replace(value, ValueRef::Empty) {
            ValueRef::Nested(AttributeValue::Array(items)) => items,
            _ => Vec::new(),
        };
        while let Some(key) = reader.next_key()? {
            match key.field {
                list::VALUES => {
                    self.count_element()?;
                    let mut item = ValueRef::Empty;
                    self.merge_value(reader.message(key)?, &mut item)?;
                    items.push(owned(item));
                }
                _ => reader.skip(key)?,
            }
        }
        Ok(ValueRef::Nested(AttributeValue::Array(items)))
    }

    /// A `KeyValueList`, appended to `value` if that is a map already.
    fn merge_map(
        &mut self,
        mut reader: Reader<'p>,
        value: &mut ValueRef<'p>,
    ) -> Result<ValueRef<'p>, BodyError> {
        let mut entries = match std::mem::replace(value, ValueRef::Empty) {
            ValueRef::Nested(AttributeValue::Map(entries)) => entries,
            _ => Vec::new(),
        };
        while let Some(key) = reader.next_key()? {
            match key.field {
                list::VALUES => {
                    let entry = self.attribute(reader.message(key)?)?;
                    entries.push((entry.key.to_owned(), owned(entry.value)));
                }
                _ => reader.skip(key)?,
            }
        }
        Ok(ValueRef::Nested(AttributeValue::Map(entries)))
    }
}

fn owned(value: ValueRef<'_>) -> AttributeValue {
    match value {
        ValueRef::Empty => AttributeValue::Empty,
        ValueRef::String(text) => AttributeValue::String(text.to_owned()),
        ValueRef::Bool(value) => AttributeValue::Bool(value),
        ValueRef::Int(value) => AttributeValue::Int(value),
        ValueRef::Double(value) => AttributeValue::Double(value),
        ValueRef::Bytes(bytes) => AttributeValue::Bytes(bytes.to_vec()),
        ValueRef::Nested(value) => value,
    }
}
