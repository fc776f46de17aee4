//! Lists of attributes in batches, told apart by their keys and types: most spans of a system have one of a few hundred forms.

use std::collections::HashMap;

use arrow::array::{AsArray, MapArray, StringArray, StringViewArray};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::AttributeOwner;
use crate::attributes::AttributeType;
use crate::batch::SpanBatch;
use crate::schema::column;

/// Different forms that are remembered.
pub(super) const SHAPES_MAX: usize = 1 << 14;
/// Attributes of all remembered forms together.
pub(super) const SHAPE_ENTRIES_MAX: usize = 1 << 18;
/// Stands for a form that is not remembered.
pub(super) const NO_SHAPE: u32 = u32::MAX;

/// The attribute lists of one owner in one batch, a list a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lists<'b> {
    offsets: &'b [i32],
    keys: &'b StringArray,
    values: &'b StringArray,
    letters: &'b StringViewArray,
}

impl<'b> Lists<'b> {
    /// Those of the spans, or those of the groups.
    pub(super) fn of(batch: &'b SpanBatch, owner: AttributeOwner) -> Self {
        let (columns, map, letters) = match owner {
            AttributeOwner::Span => (batch.own(), column::ATTRIBUTES, column::ATTRIBUTE_TYPES),
            AttributeOwner::Resource => (
                batch.groups(),
                column::RESOURCE_ATTRIBUTES - column::SERVICE_NAME,
                column::RESOURCE_ATTRIBUTE_TYPES - column::SERVICE_NAME,
            ),
        };
        let map: &MapArray = columns.column(map).as_map();
        Self {
            offsets: map.offsets(),
            keys: map.keys().as_string(),
            values: map.values().as_string(),
            letters: columns.column(letters).as_string_view(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    pub(super) fn list(self, row: usize) -> List<'b> {
        List {
            lists: self,
            start: self.offsets[row] as usize,
            end: self.offsets[row + 1] as usize,
            letters: self.letters.value(row).as_bytes(),
        }
    }
}

/// The attributes of one span or resource, in the order sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct List<'b> {
    lists: Lists<'b>,
    start: usize,
    end: usize,
    letters: &'b [u8],
}

impl<'b> List<'b> {
    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }

    /// Key and type of each attribute.
    pub(super) fn keys(self) -> impl Iterator<Item = (&'b str, AttributeType)> {
        (self.start..self.end).map(move |entry| {
            let letter = self.letters.get(entry - self.start).copied();
            let kind = letter.and_then(AttributeType::from_letter);
            (
                self.lists.keys.value(entry),
                kind.unwrap_or(AttributeType::String),
            )
        })
    }

    pub(super) fn key(&self, place: usize) -> &'b str {
        self.lists.keys.value(self.start + place)
    }

    pub(super) fn value(&self, place: usize) -> &'b str {
        self.lists.values.value(self.start + place)
    }

    fn key_offsets(&self) -> &'b [i32] {
        &self.lists.keys.value_offsets()[self.start..=self.end]
    }

    fn key_bytes(&self) -> &'b [u8] {
        let offsets = self.key_offsets();
        let (first, last) = (offsets[0] as usize, offsets[offsets.len() - 1] as usize);
        &self.lists.keys.value_data()[first..last]
    }

    fn hash(&self) -> u64 {
        xxh3_64_with_seed(self.letters, xxh3_64(self.key_bytes()))
    }

    fn is_like(&self, other: &Self) -> bool {
        let ends = |list: &Self| {
            let offsets = list.key_offsets();
            offsets.iter().map(move |offset| offset - offsets[0])
        };
        self.letters == other.letters
            && self.key_bytes() == other.key_bytes()
            && ends(self).eq(ends(other))
    }
}

/// The different forms of lists.
#[derive(Debug, Default)]
pub(super) struct Shapes<'b> {
    by_hash: HashMap<u64, u32>,
    /// The first list of each form, and the weight of all of them.
    pub(super) forms: Vec<(List<'b>, u64)>,
    entries: usize,
}

impl<'b> Shapes<'b> {
    /// The number of the list's form, which then weighs `weight` more; [`NO_SHAPE`] when it is not remembered.
    pub(super) fn note(&mut self, list: List<'b>, weight: u64) -> u32 {
        let hash = list.hash();
        if let Some(number) = self.by_hash.get(&hash) {
            let (first, total) = &mut self.forms[*number as usize];
            // Two forms of one hash: the later one is not remembered.
            if !first.is_like(&list) {
                return NO_SHAPE;
            }
            *total += weight;
            return *number;
        }
        let entries = self.entries + list.len();
        if self.forms.len() == SHAPES_MAX || entries > SHAPE_ENTRIES_MAX {
            return NO_SHAPE;
        }
        let number = self.forms.len() as u32;
        self.by_hash.insert(hash, number);
        self.forms.push((list, weight));
        self.entries = entries;
        number
    }
}
