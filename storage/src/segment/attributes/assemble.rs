//! The way back: from columns and residue to the map that was sent.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, MapArray, StringArray, StringBuilder, StringViewArray, StructArray,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Float64Type, Int64Type};

use super::OwnerLayout;
use super::place::Place;
use crate::attributes::ValueRef;
use crate::schema;

/// The map that `columns`, as `layout` names them, stand for: the layout column, the columns of keys, the residue maps. Those that
/// no row names may be left out.
///
/// # Errors
/// When they do not fit together, which a sound file never does.
pub fn of_columns(layout: &OwnerLayout, columns: &[Option<ArrayRef>]) -> Result<MapArray, String> {
    let wrong = || "its attributes do not fit together".to_owned();
    let (places, rest) = columns.split_first().ok_or_else(wrong)?;
    let places = places
        .as_ref()
        .and_then(|places| places.as_string_view_opt());
    let places = places.ok_or_else(wrong)?;
    if rest.len() != layout.columns.len() + layout.filled().len() {
        return Err(wrong());
    }
    let (columns, residues) = rest.split_at(layout.columns.len());
    let mut assembly = Assembly {
        layout,
        columns: all_of(columns, Column::of).ok_or_else(wrong)?,
        residues: all_of(residues, Residue::of).ok_or_else(wrong)?,
        keys: StringBuilder::new(),
        values: StringBuilder::new(),
    };
    let mut offsets = Vec::with_capacity(places.len() + 1);
    offsets.push(0);
    for row in 0..places.len() {
        assembly.row(row, places).ok_or_else(wrong)?;
        let entries = arrow::array::ArrayBuilder::len(&assembly.keys);
        offsets.push(i32::try_from(entries).map_err(|_| wrong())?);
    }
    assembly.finish(offsets).ok_or_else(wrong)
}

/// What `as_part` makes of each array that is there; `None` when it makes nothing of one.
fn all_of<'a, T>(
    arrays: &'a [Option<ArrayRef>],
    as_part: impl Fn(&'a ArrayRef) -> Option<T>,
) -> Option<Vec<Option<T>>> {
    let part = |array: &'a Option<ArrayRef>| match array {
        Some(array) => as_part(array).map(Some),
        None => Some(None),
    };
    arrays.iter().map(part).collect()
}

/// Canonical text of the doubles of a column.
///
/// # Panics
/// When `column` is not of doubles.
#[must_use]
pub fn double_text(column: &dyn Array) -> StringArray {
    let mut text = StringBuilder::with_capacity(column.len(), 0);
    for value in column.as_primitive::<Float64Type>() {
        match value {
            Some(value) => {
                let written = ValueRef::Double(value).write_text(&mut text);
                written.expect("a string builder takes all text");
                text.append_value("");
            }
            None => text.append_null(),
        }
    }
    text.finish()
}

enum Column<'a> {
    Text(&'a StringViewArray),
    Int(&'a arrow::array::Int64Array),
    Double(&'a arrow::array::Float64Array),
    Bool(&'a arrow::array::BooleanArray),
}

impl<'a> Column<'a> {
    fn of(column: &'a ArrayRef) -> Option<Self> {
        match column.data_type() {
            DataType::Utf8View => column.as_string_view_opt().map(Self::Text),
            DataType::Int64 => column.as_primitive_opt::<Int64Type>().map(Self::Int),
            DataType::Float64 => column.as_primitive_opt::<Float64Type>().map(Self::Double),
            DataType::Boolean => column.as_boolean_opt().map(Self::Bool),
            _ => None,
        }
    }

    /// Writes the text of a value that is there.
    fn write(&self, row: usize, out: &mut StringBuilder) -> Option<()> {
        let value = match self {
            Self::Text(column) => {
                ValueRef::String(column.is_valid(row).then(|| column.value(row))?)
            }
            Self::Int(column) => ValueRef::Int(column.is_valid(row).then(|| column.value(row))?),
            Self::Double(column) => {
                ValueRef::Double(column.is_valid(row).then(|| column.value(row))?)
            }
            Self::Bool(column) => ValueRef::Bool(column.is_valid(row).then(|| column.value(row))?),
        };
        if let ValueRef::String(text) = value {
            out.append_value(text);
            return Some(());
        }
        value.write_text(out).ok()?;
        out.append_value("");
        Some(())
    }
}

struct Residue<'a> {
    offsets: &'a [i32],
    keys: &'a StringArray,
    values: &'a StringArray,
    /// Entries taken from the row at hand.
    taken: usize,
}

impl<'a> Residue<'a> {
    fn of(map: &'a ArrayRef) -> Option<Self> {
        let map = map.as_map_opt()?;
        Some(Self {
            offsets: map.offsets(),
            keys: map.keys().as_string_opt()?,
            values: map.values().as_string_opt()?,
            taken: 0,
        })
    }

    /// Place of the next entry of row `row`.
    fn next(&mut self, row: usize) -> Option<usize> {
        let entry = self.offsets[row] as usize + self.taken;
        self.taken += 1;
        (entry < self.offsets[row + 1] as usize).then_some(entry)
    }
}

struct Assembly<'a> {
    layout: &'a OwnerLayout,
    columns: Vec<Option<Column<'a>>>,
    residues: Vec<Option<Residue<'a>>>,
    keys: StringBuilder,
    values: StringBuilder,
}

impl Assembly<'_> {
    fn row(&mut self, row: usize, places: &StringViewArray) -> Option<()> {
        for residue in self.residues.iter_mut().flatten() {
            residue.taken = 0;
        }
        for character in places.value(row).chars() {
            match Place::of(character)? {
                Place::Column(column) => self.column_value(usize::from(column), row)?,
                Place::Residue(bucket) => self.residue_entry(bucket, row)?,
            }
        }
        Some(())
    }

    fn column_value(&mut self, column: usize, row: usize) -> Option<()> {
        let values = self.columns.get(column)?.as_ref()?;
        values.write(row, &mut self.values)?;
        self.keys.append_value(&self.layout.columns[column].key);
        Some(())
    }

    fn residue_entry(&mut self, bucket: u8, row: usize) -> Option<()> {
        let residue = self.layout.filled().binary_search(&bucket).ok()?;
        let residue = self.residues[residue].as_mut()?;
        let entry = residue.next(row)?;
        self.keys.append_value(residue.keys.value(entry));
        if residue.values.is_null(entry) {
            self.values.append_null();
        } else {
            self.values.append_value(residue.values.value(entry));
        }
        Some(())
    }

    fn finish(mut self, offsets: Vec<i32>) -> Option<MapArray> {
        let DataType::Map(field, sorted) = schema::attribute_map() else {
            return None;
        };
        let DataType::Struct(fields) = field.data_type() else {
            return None;
        };
        let entries: Vec<ArrayRef> =
            vec![Arc::new(self.keys.finish()), Arc::new(self.values.finish())];
        let entries = StructArray::try_new(fields.clone(), entries, None).ok()?;
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        MapArray::try_new(field, offsets, entries, None, sorted).ok()
    }
}
