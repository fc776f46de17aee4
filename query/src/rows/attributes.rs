//! Attributes of a span, resource, scope, event or link, read from a map column and its column of type letters.

use arrow::array::{Array, ArrayRef, AsArray, MapArray, StringArray, StringViewArray};
use clew_storage::attributes::{AttributeType, AttributeValue};

use crate::error::QueryError;

/// A map column and the letters that tell its values' types.
pub(crate) struct AttributeColumn {
    map: MapArray,
    keys: StringArray,
    values: StringArray,
    types: TypeColumn,
}

/// Type letters, one text a row.
pub(crate) enum TypeColumn {
    /// At the top of a row.
    View(StringViewArray),
    /// Inside of a list.
    Plain(StringArray),
}

impl From<StringViewArray> for TypeColumn {
    fn from(column: StringViewArray) -> Self {
        Self::View(column)
    }
}

impl From<StringArray> for TypeColumn {
    fn from(column: StringArray) -> Self {
        Self::Plain(column)
    }
}

impl TypeColumn {
    fn row(&self, row: usize) -> &[u8] {
        match self {
            Self::View(column) => column.value(row).as_bytes(),
            Self::Plain(column) => column.value(row).as_bytes(),
        }
    }
}

impl AttributeColumn {
    pub(crate) fn new(map: MapArray, types: TypeColumn) -> Result<Self, QueryError> {
        let text = |column: &ArrayRef| {
            column
                .as_string_opt::<i32>()
                .cloned()
                .ok_or_else(|| QueryError::internal("a map is not of text to text"))
        };
        let (keys, values) = (text(map.keys())?, text(map.values())?);
        Ok(Self {
            map,
            keys,
            values,
            types,
        })
    }

    /// Attributes in row `row`.
    pub(crate) fn row(&self, row: usize) -> Attributes<'_> {
        let offsets = self.map.value_offsets();
        let first = offsets[row] as usize;
        Attributes {
            column: self,
            first,
            next: first,
            end: offsets[row + 1] as usize,
            types: self.types.row(row),
        }
    }
}

/// The attributes of one owner, in the order sent.
#[derive(Clone)]
pub(crate) struct Attributes<'a> {
    column: &'a AttributeColumn,
    first: usize,
    next: usize,
    end: usize,
    types: &'a [u8],
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        if self.next == self.end {
            return None;
        }
        let entry = self.next;
        self.next += 1;
        let letter = self.types.get(entry - self.first).copied().unwrap_or(b's');
        Some(Attribute {
            key: self.column.keys.value(entry),
            text: if self.column.values.is_valid(entry) {
                self.column.values.value(entry)
            } else {
                ""
            },
            kind: AttributeType::from_letter(letter).unwrap_or(AttributeType::String),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.end - self.next, Some(self.end - self.next))
    }
}

impl ExactSizeIterator for Attributes<'_> {}

/// One attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Attribute<'a> {
    /// Key.
    pub(crate) key: &'a str,
    /// Type of the value.
    pub(crate) kind: AttributeType,
    /// Canonical text of the value.
    pub(crate) text: &'a str,
}

impl Attribute<'_> {
    /// The value; text that cannot be read back stays a string.
    pub(crate) fn value(&self) -> AttributeValue {
        AttributeValue::from_text(self.kind, self.text)
            .unwrap_or_else(|_| AttributeValue::String(self.text.to_owned()))
    }
}
