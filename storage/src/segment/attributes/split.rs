//! Putting attributes into their columns while a segment is written.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, MapArray, StringBuilder,
    StringViewBuilder, StructArray,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::DataType;

use super::choose::Source;
use super::layout::{KeyList, OwnerLayout};
use super::place::{ColumnSet, Place};
use super::shape::{List, NO_SHAPE};
use crate::attributes::AttributeType;
use crate::schema;
use crate::segment::index::values::{ValueCollector, key_hash};

const VALID: &str =
    "the children are as long as the last offset says, and of the types of the schema";

/// Splits the lists of one owner.
pub(in crate::segment) struct Splitter {
    layout: OwnerLayout,
    /// Column and type of each key that has a column.
    column_of: HashMap<String, (u8, AttributeType)>,
    notes: Notes,
    /// For a list without a form.
    scratch: Form,
}

/// Lists of which it is known where the attributes of each form go.
pub(in crate::segment) struct Placed<'b> {
    source: Source<'b>,
    forms: Vec<Form>,
}

/// Where the attributes of a list go.
#[derive(Debug, Default)]
struct Form {
    /// As in the layout column.
    places: String,
    key_hashes: Vec<u64>,
}

/// What the footer has to say in the end.
#[derive(Debug, Default)]
struct Notes {
    residue_keys: KeyList,
    /// The columns whose keys have values in the residue.
    elsewhere: ColumnSet,
}

impl Splitter {
    /// Splits into the columns of `layout`.
    pub(in crate::segment) fn new(layout: OwnerLayout) -> Self {
        let columns = layout.columns.iter().zip(0..);
        let column_of = columns
            .map(|(column, place)| (column.key.clone(), (place, column.kind())))
            .collect();
        Self {
            layout,
            column_of,
            notes: Notes::default(),
            scratch: Form::default(),
        }
    }

    pub(in crate::segment) fn layout(&self) -> &OwnerLayout {
        &self.layout
    }

    /// What was learnt while splitting: to be asked when all is split.
    pub(in crate::segment) fn finish(mut self) -> OwnerLayout {
        for (column, place) in self.layout.columns.iter_mut().zip(0..) {
            column.elsewhere = self.notes.elsewhere.contains(place);
        }
        self.layout
            .set_residue_keys(self.notes.residue_keys.finish());
        self.layout
    }

    /// Notes what `layout`, which places alike, says of attributes that were split before.
    pub(in crate::segment) fn note(&mut self, layout: &OwnerLayout) {
        self.notes.residue_keys.add_all(layout.residue_keys());
        for (column, place) in layout.columns.iter().zip(0..) {
            if column.elsewhere {
                self.notes.elsewhere.insert(place);
            }
        }
    }

    /// Finds out where the attributes of each form of `source` go.
    pub(in crate::segment) fn place_all<'b>(&mut self, source: Source<'b>) -> Placed<'b> {
        let lists = source.shapes.forms.iter();
        let forms = lists
            .map(|(list, _)| {
                let mut form = Form::default();
                self.place(*list, &mut form);
                form
            })
            .collect();
        Placed { source, forms }
    }

    /// Finds out where the attributes of `list` go.
    fn place(&mut self, list: List<'_>, form: &mut Form) {
        form.places.clear();
        form.key_hashes.clear();
        let mut seen = ColumnSet::default();
        for (key, kind) in list.keys() {
            form.key_hashes.push(key_hash(key));
            if let Some((column, of)) = self.column_of.get(key) {
                if seen.insert(*column) && *of == kind {
                    form.places.push(Place::Column(*column).character());
                    continue;
                }
                self.notes.elsewhere.insert(*column);
            }
            self.notes.residue_keys.add(key);
            let bucket = self.layout.bucket_of(key);
            form.places.push(Place::Residue(bucket).character());
        }
    }

    /// Splits the lists `rows` (batch and row), and tells `collector` what they hold.
    pub(in crate::segment) fn split(
        &mut self,
        placed: &Placed<'_>,
        rows: impl ExactSizeIterator<Item = (usize, usize)>,
        collector: &mut ValueCollector,
    ) -> OwnerColumns {
        self.split_with(placed, rows, Some(collector))
    }

    /// Splits the lists of all groups.
    pub(in crate::segment) fn groups(&mut self, placed: &Placed<'_>) -> GroupColumns {
        (0..placed.source.lists.len())
            .map(|batch| {
                let rows = 0..placed.source.lists[batch].len();
                self.split_with(placed, rows.map(|row| (batch, row)), None)
            })
            .collect()
    }

    fn split_with(
        &mut self,
        placed: &Placed<'_>,
        rows: impl ExactSizeIterator<Item = (usize, usize)>,
        mut collector: Option<&mut ValueCollector>,
    ) -> OwnerColumns {
        let mut out = Builder::new(&self.layout, rows.len());
        for (batch, row) in rows {
            let list = placed.source.lists[batch].list(row);
            let shape = placed.source.shape_of[batch][row];
            let form = if shape == NO_SHAPE {
                let mut form = std::mem::take(&mut self.scratch);
                self.place(list, &mut form);
                self.scratch = form;
                &self.scratch
            } else {
                &placed.forms[shape as usize]
            };
            out.push(list, &form.places, &self.layout, &mut self.notes);
            if let Some(collector) = collector.as_deref_mut() {
                for (place, key_hash) in form.key_hashes.iter().enumerate() {
                    collector.add_attribute(list.key(place), *key_hash, list.value(place));
                }
            }
        }
        out.finish()
    }
}

/// The split resources of each batch, a row a group.
pub(in crate::segment) type GroupColumns = Vec<OwnerColumns>;

/// The columns that stand for a map.
#[derive(Debug)]
pub(in crate::segment) struct OwnerColumns {
    /// What stands in the map's place.
    pub(in crate::segment) layout: ArrayRef,
    /// Columns, then residue maps.
    pub(in crate::segment) rest: Vec<ArrayRef>,
}

struct Builder {
    rows: usize,
    layout: StringViewBuilder,
    columns: Vec<ColumnBuilder>,
    /// Place of each residue map among `residues`.
    bucket_places: Vec<usize>,
    residues: Vec<ResidueBuilder>,
    /// The layout of a list that does not go where its form says.
    diverted: String,
}

impl Builder {
    /// For `capacity` lists: a payload may have one group only, and an epoch thousands of payloads.
    fn new(layout: &OwnerLayout, capacity: usize) -> Self {
        let columns = layout.columns.iter();
        let filled = layout.filled();
        let buckets = filled.last().map_or(0, |last| usize::from(*last) + 1);
        let mut bucket_places = vec![0; buckets];
        for (place, bucket) in filled.iter().enumerate() {
            bucket_places[usize::from(*bucket)] = place;
        }
        Self {
            rows: 0,
            layout: texts(capacity),
            columns: columns
                .map(|column| ColumnBuilder::new(column.kind(), capacity))
                .collect(),
            bucket_places,
            residues: filled
                .iter()
                .map(|_| ResidueBuilder::new(capacity))
                .collect(),
            diverted: String::new(),
        }
    }

    fn push(&mut self, list: List<'_>, places: &str, layout: &OwnerLayout, notes: &mut Notes) {
        self.diverted.clear();
        for (entry, (at, character)) in places.char_indices().enumerate() {
            let (key, value) = (list.key(entry), list.value(entry));
            let place = Place::of(character).expect("a form names places");
            let stored = match place {
                Place::Column(column)
                    if self.columns[usize::from(column)].push(self.rows, value) =>
                {
                    place
                }
                Place::Column(column) => {
                    notes.elsewhere.insert(column);
                    notes.residue_keys.add(key);
                    Place::Residue(layout.bucket_of(key))
                }
                Place::Residue(_) => place,
            };
            if let Place::Residue(bucket) = stored {
                self.push_residue(bucket, key, value);
            }
            if stored != place && self.diverted.is_empty() {
                self.diverted.push_str(&places[..at]);
            }
            if stored != place || !self.diverted.is_empty() {
                self.diverted.push(stored.character());
            }
        }
        self.layout.append_value(if self.diverted.is_empty() {
            places
        } else {
            &self.diverted
        });
        self.rows += 1;
    }

    fn push_residue(&mut self, bucket: u8, key: &str, value: &str) {
        let place = self.bucket_places[usize::from(bucket)];
        self.residues[place].push(self.rows, key, value);
    }

    fn finish(mut self) -> OwnerColumns {
        let rows = self.rows;
        let columns = self.columns.into_iter().map(|column| column.finish(rows));
        let residues = self
            .residues
            .into_iter()
            .map(|residue| residue.finish(rows));
        OwnerColumns {
            layout: Arc::new(self.layout.finish()),
            rest: columns.chain(residues).collect(),
        }
    }
}

/// A builder of `capacity` texts. A few take no block of 8 KiB, as otherwise even one of more than 12 bytes does.
fn texts(capacity: usize) -> StringViewBuilder {
    /// Bytes of a block for each text.
    const BYTES: usize = 64;
    let builder = StringViewBuilder::with_capacity(capacity);
    match u32::try_from(capacity * BYTES) {
        Ok(bytes @ 1..8192) => builder.with_fixed_block_size(bytes),
        _ => builder,
    }
}

/// A column that is behind by the rows that have no value.
enum ColumnBuilder {
    Text(StringViewBuilder),
    Int(Int64Builder),
    Double(Float64Builder),
    Bool(BooleanBuilder),
}

impl ColumnBuilder {
    fn new(kind: AttributeType, capacity: usize) -> Self {
        match kind {
            AttributeType::Int => Self::Int(Int64Builder::with_capacity(capacity)),
            AttributeType::Double => Self::Double(Float64Builder::with_capacity(capacity)),
            AttributeType::Bool => Self::Bool(BooleanBuilder::with_capacity(capacity)),
            _ => Self::Text(texts(capacity)),
        }
    }

    /// Puts the canonical text `value` into row `row`; false when the column cannot hold it.
    fn push(&mut self, row: usize, value: &str) -> bool {
        match self {
            Self::Text(column) => {
                pad(column, row);
                column.append_value(value);
                true
            }
            Self::Int(column) => value.parse().is_ok_and(|value| {
                pad(column, row);
                column.append_value(value);
                true
            }),
            Self::Double(column) => value.parse().is_ok_and(|value: f64| {
                let plain = value.is_finite() && value.to_bits() != (-0.0f64).to_bits();
                if plain {
                    pad(column, row);
                    column.append_value(value);
                }
                plain
            }),
            Self::Bool(column) => value.parse().is_ok_and(|value| {
                pad(column, row);
                column.append_value(value);
                true
            }),
        }
    }

    fn finish(self, rows: usize) -> ArrayRef {
        match self {
            Self::Text(mut column) => {
                pad(&mut column, rows);
                Arc::new(column.finish())
            }
            Self::Int(mut column) => {
                pad(&mut column, rows);
                Arc::new(column.finish())
            }
            Self::Double(mut column) => {
                pad(&mut column, rows);
                Arc::new(column.finish())
            }
            Self::Bool(mut column) => {
                pad(&mut column, rows);
                Arc::new(column.finish())
            }
        }
    }
}

/// Builders that take nulls.
trait Nulls {
    fn rows(&self) -> usize;
    fn append_nulls(&mut self, count: usize);
}

macro_rules! nulls {
    ($($builder:ty)*) => {
        $(impl Nulls for $builder {
            fn rows(&self) -> usize {
                arrow::array::ArrayBuilder::len(self)
            }

            fn append_nulls(&mut self, count: usize) {
                Self::append_nulls(self, count);
            }
        })*
    };
}
nulls!(Int64Builder Float64Builder BooleanBuilder);

impl Nulls for StringViewBuilder {
    fn rows(&self) -> usize {
        arrow::array::ArrayBuilder::len(self)
    }

    fn append_nulls(&mut self, count: usize) {
        (0..count).for_each(|_| self.append_null());
    }
}

fn pad(column: &mut impl Nulls, rows: usize) {
    let missing = rows - column.rows();
    if missing > 0 {
        column.append_nulls(missing);
    }
}

/// A residue map whose offsets are behind by the rows that have no entry.
struct ResidueBuilder {
    keys: StringBuilder,
    values: StringBuilder,
    offsets: Vec<i32>,
}

impl ResidueBuilder {
    fn new(capacity: usize) -> Self {
        let mut offsets = Vec::with_capacity(capacity + 1);
        offsets.push(0);
        Self {
            keys: StringBuilder::with_capacity(capacity, 0),
            values: StringBuilder::with_capacity(capacity, 0),
            offsets,
        }
    }

    fn pad(&mut self, rows: usize) {
        let entries = arrow::array::ArrayBuilder::len(&self.keys) as i32;
        self.offsets.resize(rows + 1, entries);
    }

    fn push(&mut self, row: usize, key: &str, value: &str) {
        // The offset that ends the row comes when a later row begins.
        if self.offsets.len() <= row {
            self.pad(row);
        }
        self.keys.append_value(key);
        self.values.append_value(value);
    }

    fn finish(mut self, rows: usize) -> ArrayRef {
        self.pad(rows);
        let DataType::Map(field, sorted) = schema::attribute_map() else {
            unreachable!("attributes are a map")
        };
        let DataType::Struct(fields) = field.data_type() else {
            unreachable!("entries are a struct")
        };
        let entries: Vec<ArrayRef> =
            vec![Arc::new(self.keys.finish()), Arc::new(self.values.finish())];
        let entries = StructArray::try_new(fields.clone(), entries, None).expect(VALID);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        Arc::new(MapArray::try_new(field, offsets, entries, None, sorted).expect(VALID))
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Array;

    use super::*;
    use crate::attributes::AttributeValue;
    use crate::limits::AttributeColumns;
    use crate::segment::attributes::AttributeOwner;
    use crate::testing::{TestSpan, batch};

    #[test]
    fn the_one_resource_of_a_small_payload_takes_little_memory() {
        const KEYS: i64 = 20;
        let mut span = TestSpan::default();
        span.group.resource = (0..KEYS)
            .map(|key| {
                let text = AttributeValue::String("longer than a view".to_owned());
                let number = AttributeValue::Int(key);
                (
                    format!("key {key}"),
                    if key % 2 == 0 { text } else { number },
                )
            })
            .collect();
        let payloads: Vec<_> = (0..100)
            .map(|at| Arc::new(batch(std::slice::from_ref(&span), at)))
            .collect();
        let owner = AttributeOwner::Resource;
        let source = Source::of(&payloads, owner);
        let limits = AttributeColumns {
            spans_min: 1,
            ..AttributeColumns::default()
        };
        let layout = source.layout(&limits, owner);
        assert_eq!(layout.columns.len() as i64, KEYS);
        let mut splitter = Splitter::new(layout);
        let placed = splitter.place_all(source);
        let groups = splitter.groups(&placed);
        assert_eq!(groups.len(), payloads.len());
        for group in &groups {
            let columns = group.rest.iter().chain([&group.layout]);
            for column in columns {
                let bytes = column.get_buffer_memory_size();
                assert!(bytes <= 256, "{bytes} bytes of {}", column.data_type());
            }
        }
    }
}
