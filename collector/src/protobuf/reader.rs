//! Reads one protobuf message field by field from a byte slice.
//!
//! Nothing is copied: strings and bytes are slices of the payload. Every error carries the offset in the payload.

use std::fmt;

/// How deep messages and groups may nest below the outermost message.
pub(crate) const NESTING_MAX: u8 = 100;

/// How a field's value is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WireType {
    /// A base-128 integer.
    Varint,
    /// Eight bytes, little endian.
    Fixed64,
    /// A length and that many bytes.
    Length,
    /// Fields up to the matching [`WireType::GroupEnd`].
    GroupStart,
    /// End of a group.
    GroupEnd,
    /// Four bytes, little endian.
    Fixed32,
}

/// What is wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A value runs past the end of its message.
    Truncated {
        /// Bytes that the value needs.
        need: u64,
        /// Bytes that are left.
        left: usize,
    },
    /// A varint longer than 64 bits.
    VarintTooLong,
    /// A key that is no field: number 0 or above 2^29 - 1, or wire type 6 or 7.
    Key(u64),
    /// A field whose wire type is not the one that its type has.
    Type {
        /// Field number.
        field: u32,
        /// Wire type in the payload.
        found: WireType,
        /// Wire type of the field's type.
        expected: WireType,
    },
    /// An end of a group that was not open.
    GroupEnd,
    /// Messages nested too deep.
    Nesting,
    /// A string that is not UTF-8.
    Utf8 {
        /// Field number.
        field: u32,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { need, left } => {
                write!(f, "a value of {need} bytes where {left} are left")
            }
            Self::VarintTooLong => f.write_str("a varint of more than 64 bits"),
            Self::Key(key) => write!(f, "{key:#x} is not the key of a field"),
            Self::Type {
                field,
                found,
                expected,
            } => {
                write!(
                    f,
                    "field {field} has wire type {found:?}, expected {expected:?}"
                )
            }
            Self::GroupEnd => f.write_str("end of a group that was not begun"),
            Self::Nesting => write!(f, "messages nested more than {NESTING_MAX} deep"),
            Self::Utf8 { field } => write!(f, "the string in field {field} is not UTF-8"),
        }
    }
}

/// Malformed protobuf, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed protobuf at byte {offset}: {fault}")]
pub(crate) struct WireError {
    /// Offset in the payload.
    pub(crate) offset: usize,
    /// What is wrong there.
    pub(crate) fault: Fault,
}

/// A field's number and how its value is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    /// Field number, 1 to 2^29 - 1.
    pub(crate) field: u32,
    /// Wire type of the value that follows.
    pub(crate) wire: WireType,
}

/// A position in one message of a payload. Copy it to read the message once more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'p> {
    message: &'p [u8],
    position: usize,
    /// Where the message begins in the payload.
    base: usize,
    nesting_left: u8,
}

impl<'p> Reader<'p> {
    /// A reader at the start of `payload`, an outermost message.
    pub(crate) fn new(payload: &'p [u8]) -> Self {
        Self {
            message: payload,
            position: 0,
            base: 0,
            nesting_left: NESTING_MAX,
        }
    }

    /// Offset in the payload of the next byte to read.
    pub(crate) fn offset(&self) -> usize {
        self.base + self.position
    }

    #[cold]
    fn error(&self, position: usize, fault: Fault) -> WireError {
        WireError {
            offset: self.base + position,
            fault,
        }
    }

    /// The key of the next field, `None` at the end of the message.
    #[inline]
    pub(crate) fn next_key(&mut self) -> Result<Option<Key>, WireError> {
        if self.position == self.message.len() {
            return Ok(None);
        }
        let start = self.position;
        let key = self.varint()?;
        let wire = match key & 7 {
            0 => WireType::Varint,
            1 => WireType::Fixed64,
            2 => WireType::Length,
            3 => WireType::GroupStart,
            4 => WireType::GroupEnd,
            5 => WireType::Fixed32,
            _ => return Err(self.error(start, Fault::Key(key))),
        };
        match u32::try_from(key) {
            Ok(key) if key >= 8 => Ok(Some(Key {
                field: key >> 3,
                wire,
            })),
            _ => Err(self.error(start, Fault::Key(key))),
        }
    }

    /// The string of field `key`.
    #[inline]
    pub(crate) fn string(&mut self, key: Key) -> Result<&'p str, WireError> {
        let bytes = self.bytes(key)?;
        std::str::from_utf8(bytes).map_err(|error| {
            let position = self.position - bytes.len() + error.valid_up_to();
            self.error(position, Fault::Utf8 { field: key.field })
        })
    }

    /// The bytes of field `key`.
    #[inline]
    pub(crate) fn bytes(&mut self, key: Key) -> Result<&'p [u8], WireError> {
        self.expect(key, WireType::Length)?;
        self.length_delimited()
    }

    /// The message of field `key`, not yet read.
    #[inline]
    pub(crate) fn message(&mut self, key: Key) -> Result<Reader<'p>, WireError> {
        self.expect(key, WireType::Length)?;
        let nesting_left = self.nest()?;
        let message = self.length_delimited()?;
        let base = self.offset() - message.len();
        Ok(Reader {
            message,
            position: 0,
            base,
            nesting_left,
        })
    }

    /// The integer of field `key`: int32, int64, uint32, uint64, bool or enum, widened to 64 bits.
    #[inline]
    pub(crate) fn integer(&mut self, key: Key) -> Result<u64, WireError> {
        self.expect(key, WireType::Varint)?;
        self.varint()
    }

    /// The fixed64 or the bits of the double of field `key`.
    #[inline]
    pub(crate) fn fixed64(&mut self, key: Key) -> Result<u64, WireError> {
        self.expect(key, WireType::Fixed64)?;
        self.fixed().map(u64::from_le_bytes)
    }

    /// The fixed32 of field `key`.
    #[inline]
    pub(crate) fn fixed32(&mut self, key: Key) -> Result<u32, WireError> {
        self.expect(key, WireType::Fixed32)?;
        self.fixed().map(u32::from_le_bytes)
    }

    /// Passes over the value of an unknown field.
    pub(crate) fn skip(&mut self, key: Key) -> Result<(), WireError> {
        let nesting_left = self.nest()?;
        match key.wire {
            WireType::Varint => self.varint().map(drop),
            WireType::Fixed64 => self.fixed::<8>().map(drop),
            WireType::Fixed32 => self.fixed::<4>().map(drop),
            WireType::Length => self.length_delimited().map(drop),
            WireType::GroupEnd => Err(self.error(self.position, Fault::GroupEnd)),
            WireType::GroupStart => self.skip_group(key.field, nesting_left),
        }
    }

    fn skip_group(&mut self, field: u32, nesting_left: u8) -> Result<(), WireError> {
        let outside = std::mem::replace(&mut self.nesting_left, nesting_left);
        loop {
            match self.next_key()? {
                Some(Key {
                    field: end,
                    wire: WireType::GroupEnd,
                }) if end == field => break,
                Some(inner) => self.skip(inner)?,
                None => return Err(self.truncated(1)),
            }
        }
        self.nesting_left = outside;
        Ok(())
    }

    #[inline]
    fn expect(&self, key: Key, expected: WireType) -> Result<(), WireError> {
        if key.wire == expected {
            return Ok(());
        }
        let fault = Fault::Type {
            field: key.field,
            found: key.wire,
            expected,
        };
        Err(self.error(self.position, fault))
    }

    #[inline]
    fn nest(&self) -> Result<u8, WireError> {
        self.nesting_left
            .checked_sub(1)
            .ok_or_else(|| self.error(self.position, Fault::Nesting))
    }

    #[cold]
    fn truncated(&self, need: u64) -> WireError {
        let left = self.message.len() - self.position;
        self.error(self.position, Fault::Truncated { need, left })
    }

    #[inline]
    fn length_delimited(&mut self) -> Result<&'p [u8], WireError> {
        let length = self.varint()?;
        let bytes = usize::try_from(length)
            .ok()
            .and_then(|length| self.message[self.position..].get(..length))
            .ok_or_else(|| self.truncated(length))?;
        self.position += bytes.len();
        Ok(bytes)
    }

    #[inline]
    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let bytes = self.message[self.position..]
            .first_chunk::<N>()
            .ok_or_else(|| self.truncated(N as u64))?;
        self.position += N;
        Ok(*bytes)
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, WireError> {
        match self.message.get(self.position) {
            Some(&byte) if byte < 0x80 => {
                self.position += 1;
                Ok(u64::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        let rest = &self.message[self.position..];
        let mut value = 0;
        for (index, &byte) in rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                if index == 9 && byte > 1 {
                    break;
                }
                self.position += index + 1;
                return Ok(value);
            }
        }
        if rest.len() < 10 {
            return Err(self.truncated(rest.len() as u64 + 1));
        }
        Err(self.error(self.position, Fault::VarintTooLong))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_field(payload: &[u8]) -> Result<(), Fault> {
        let mut reader = Reader::new(payload);
        let key = reader.next_key().map_err(|error| error.fault)?.unwrap();
        reader.skip(key).map_err(|error| error.fault)
    }

    #[test]
    fn varints_of_one_to_ten_bytes_are_read_and_longer_ones_refused() {
        for value in [
            0,
            1,
            127,
            128,
            16_383,
            16_384,
            u64::from(u32::MAX),
            u64::MAX,
        ] {
            let mut payload = vec![8];
            prost::encoding::encode_varint(value, &mut payload);
            let mut reader = Reader::new(&payload);
            let key = reader.next_key().unwrap().unwrap();
            assert_eq!(reader.integer(key), Ok(value));
            assert_eq!(reader.next_key(), Ok(None));
        }
        let too_long = [&[8][..], &[0xff; 9], &[2]].concat();
        assert_eq!(first_field(&too_long), Err(Fault::VarintTooLong));
        let cut = [8, 0xff, 0xff];
        assert_eq!(
            first_field(&cut),
            Err(Fault::Truncated { need: 3, left: 2 })
        );
    }

    #[test]
    fn keys_that_are_no_fields_are_refused() {
        for key in [0u8, 2, 0x0e, 0x0f] {
            assert_eq!(first_field(&[key, 0]), Err(Fault::Key(u64::from(key))));
        }
        let mut payload = Vec::new();
        prost::encoding::encode_varint(1 << 32, &mut payload);
        assert_eq!(first_field(&payload), Err(Fault::Key(1 << 32)));
    }

    #[test]
    fn a_length_beyond_the_end_is_refused_with_its_offset() {
        let mut reader = Reader::new(&[0x0a, 0x05, b'a']);
        let key = reader.next_key().unwrap().unwrap();
        let error = reader.bytes(key).unwrap_err();
        assert_eq!(
            error,
            WireError {
                offset: 2,
                fault: Fault::Truncated { need: 5, left: 1 }
            }
        );
    }

    #[test]
    fn a_length_of_64_bits_is_refused() {
        let payload = [&[0x0a][..], &[0xff; 9], &[1]].concat();
        assert_eq!(
            first_field(&payload),
            Err(Fault::Truncated {
                need: u64::MAX,
                left: 0
            })
        );
    }

    #[test]
    fn groups_are_skipped_to_their_own_end() {
        assert_eq!(first_field(&[0x0b, 0x13, 0x14, 0x0c]), Ok(()));
        assert_eq!(first_field(&[0x0b, 0x14]), Err(Fault::GroupEnd));
        assert_eq!(
            first_field(&[0x0b, 0x10, 0x01]),
            Err(Fault::Truncated { need: 1, left: 0 })
        );
    }

    #[test]
    fn groups_nest_to_the_limit_and_not_beyond() {
        let nested = |depth: usize| [vec![0x0b; depth], vec![0x0c; depth]].concat();
        assert_eq!(first_field(&nested(usize::from(NESTING_MAX))), Ok(()));
        assert_eq!(
            first_field(&nested(usize::from(NESTING_MAX) + 1)),
            Err(Fault::Nesting)
        );
    }

    #[test]
    fn the_offset_of_bad_utf8_points_at_the_byte() {
        let mut reader = Reader::new(&[0x0a, 0x03, b'a', b'b', 0xff]);
        let key = reader.next_key().unwrap().unwrap();
        let error = reader.string(key).unwrap_err();
        assert_eq!(
            error,
            WireError {
                offset: 4,
                fault: Fault::Utf8 { field: 1 }
            }
        );
    }
}
