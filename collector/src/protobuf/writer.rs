//! Writes protobuf messages whose lengths are not known beforehand.
//!
//! A nested message gets a length of fixed width, a varint padded to five bytes, which is filled in when the message
//! ends. Readers take such a varint as any other. So a message is written once, front to back, and never moved.

use bytes::Bytes;

/// Width of the length of a nested message, bytes; enough for 32 GiB.
const LENGTH_WIDTH: usize = 5;

/// A protobuf message in the making.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

/// A nested message that [`Writer::end`] has to close.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub(crate) struct Open {
    length_at: usize,
}

/// A place to go back to with [`Writer::rewind`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark(usize);

impl Writer {
    /// An empty message with room for `capacity` bytes.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(capacity),
        }
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The message.
    pub(crate) fn finish(self) -> Bytes {
        self.bytes.into()
    }

    /// The bytes so far.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Begins the message of field `field`.
    pub(crate) fn begin(&mut self, field: u32) -> Open {
        self.key(field, 2);
        let length_at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; LENGTH_WIDTH]);
        Open { length_at }
    }

    /// Ends the message that `open` began.
    pub(crate) fn end(&mut self, open: Open) {
        let mut length = self.bytes.len() - open.length_at - LENGTH_WIDTH;
        for (index, place) in self.bytes[open.length_at..][..LENGTH_WIDTH]
            .iter_mut()
            .enumerate()
        {
            let more = if index + 1 < LENGTH_WIDTH { 0x80 } else { 0 };
            *place = (length & 0x7f) as u8 | more;
            length >>= 7;
        }
    }

    /// The present place.
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.bytes.len())
    }

    /// Takes back all that was written since `mark`.
    pub(crate) fn rewind(&mut self, mark: Mark) {
        self.bytes.truncate(mark.0);
    }

    /// A string field.
    pub(crate) fn string(&mut self, field: u32, value: &str) {
        self.bytes(field, value.as_bytes());
    }

    /// A bytes field, or a message that is already encoded.
    pub(crate) fn bytes(&mut self, field: u32, value: &[u8]) {
        self.key(field, 2);
        self.varint(value.len() as u64);
        self.bytes.extend_from_slice(value);
    }

    /// Fields that are encoded already, with their keys.
    pub(crate) fn fields(&mut self, encoded: &[u8]) {
        self.bytes.extend_from_slice(encoded);
    }

    /// An integer field: int32, int64, uint32, uint64, bool or enum; signed ones sign-extended.
    pub(crate) fn integer(&mut self, field: u32, value: u64) {
        self.key(field, 0);
        self.varint(value);
    }

    /// A fixed64 field, or a double by its bits.
    pub(crate) fn fixed64(&mut self, field: u32, value: u64) {
        self.key(field, 1);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// A fixed32 field.
    pub(crate) fn fixed32(&mut self, field: u32, value: u32) {
        self.key(field, 5);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn key(&mut self, field: u32, wire: u32) {
        self.varint(u64::from(field << 3 | wire));
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
    use prost::Message;

    #[test]
    fn prost_reads_what_was_written() {
        for length in [0, 1, 127, 128, 20_000] {
            let text = "x".repeat(length);
            let mut writer = Writer::default();
            writer.string(1, "key");
            let value = writer.begin(2);
            writer.string(1, &text);
            writer.end(value);
            let read = KeyValue::decode(writer.as_bytes()).unwrap();
            let value = Some(AnyValue {
                value: Some(Value::StringValue(text)),
            });
            assert_eq!(
                read,
                KeyValue {
                    key: "key".into(),
                    value,
                    ..KeyValue::default()
                }
            );
        }
    }

    #[test]
    fn rewinding_leaves_no_trace() {
        let mut writer = Writer::default();
        writer.integer(1, 300);
        let mark = writer.mark();
        let open = writer.begin(2);
        writer.fixed32(1, 7);
        writer.end(open);
        writer.rewind(mark);
        assert_eq!(writer.as_bytes(), [8, 0xac, 2]);
    }
}
