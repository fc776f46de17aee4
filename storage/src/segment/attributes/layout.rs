//! What the footer of a `spans` file says about attributes, and the columns that follow from it.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::place::Place;
use super::{AttributeOwner, BUCKETS_MAX, COLUMNS_MAX};
use crate::attributes::AttributeType;
use crate::schema::{self, column};
use crate::segment::ids;

/// Key of the description in the footer.
pub(in crate::segment) const LAYOUT_KEY: &str = "clew.attributes";
/// Keys that one list of the description names; more, and it names none.
const KEYS_MAX: usize = 1000;
/// Bytes of the keys that one list of the description names.
const KEY_BYTES_MAX: usize = 64 << 10;

/// Where a file keeps attributes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AttributeLayout {
    span: OwnerLayout,
    resource: OwnerLayout,
    /// The ids of a span and its parent lie in one column, see [`ids`](crate::segment::ids). The file's schema tells.
    #[serde(skip)]
    joined_ids: bool,
    /// Keys that scopes have; `None` when they are too many to be named.
    pub scope_keys: Option<BTreeSet<String>>,
    /// Keys that events have.
    pub event_keys: Option<BTreeSet<String>>,
    /// Keys that links have.
    pub link_keys: Option<BTreeSet<String>>,
}

/// Where a file keeps the attributes of one owner.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct OwnerLayout {
    /// The columns, in the order of their characters and places.
    pub columns: Vec<PromotedColumn>,
    /// Over how many residue maps keys are spread.
    buckets: u8,
    /// Which of them the file has, ascending.
    filled: Vec<u8>,
    /// Keys in the residue; `None` when they are too many to be named.
    residue_keys: Option<BTreeSet<String>>,
}

/// A key with a column of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PromotedColumn {
    /// Key.
    pub key: String,
    /// Letter of the type of all its values.
    #[serde(rename = "type")]
    letter: char,
    /// The residue holds more values of the key.
    pub elsewhere: bool,
}

impl PromotedColumn {
    pub(super) fn new(key: &str, kind: AttributeType) -> Self {
        Self {
            key: key.to_owned(),
            letter: kind.letter(),
            elsewhere: false,
        }
    }

    /// Type of the values.
    #[must_use]
    pub fn kind(&self) -> AttributeType {
        let letter = u8::try_from(self.letter).ok();
        letter
            .and_then(AttributeType::from_letter)
            .unwrap_or(AttributeType::String)
    }

    fn data_type(&self) -> DataType {
        match self.kind() {
            AttributeType::Int => DataType::Int64,
            AttributeType::Double => DataType::Float64,
            AttributeType::Bool => DataType::Boolean,
            _ => DataType::Utf8View,
        }
    }
}

impl OwnerLayout {
    pub(super) fn new(columns: Vec<PromotedColumn>, buckets: u8, filled: BTreeSet<u8>) -> Self {
        Self {
            columns,
            buckets,
            filled: filled.into_iter().collect(),
            residue_keys: None,
        }
    }

    pub(super) fn set_residue_keys(&mut self, keys: Option<BTreeSet<String>>) {
        self.residue_keys = keys;
    }

    /// Keys in the residue; `None` when they are too many to be named.
    pub(super) fn residue_keys(&self) -> Option<&BTreeSet<String>> {
        self.residue_keys.as_ref()
    }

    /// Number of the residue map that a key belongs to.
    pub(super) fn bucket_of(&self, key: &str) -> u8 {
        bucket_of(key, self.buckets)
    }

    /// The residue maps that the file has, ascending.
    #[must_use]
    pub fn filled(&self) -> &[u8] {
        &self.filled
    }

    /// [`OwnerLayout::filled`], if keys are spread over `buckets` residue maps.
    pub(super) fn filled_of(&self, buckets: u8) -> impl Iterator<Item = u8> {
        let filled = self.filled.iter().copied();
        filled.filter(move |_| self.buckets == buckets)
    }

    /// Which of [`OwnerLayout::filled`] may hold `key`; `None` when the residue does not.
    #[must_use]
    pub fn residue_of(&self, key: &str) -> Option<usize> {
        if let Some(keys) = &self.residue_keys
            && !keys.contains(key)
        {
            return None;
        }
        self.filled.binary_search(&self.bucket_of(key)).ok()
    }

    /// Whether a file of this layout keeps every attribute where one of the layout `other` does.
    pub(in crate::segment) fn places_alike(&self, other: &Self) -> bool {
        let columns = |layout: &Self| {
            let columns = layout.columns.iter();
            columns
                .map(|column| (column.key.clone(), column.letter))
                .collect::<Vec<_>>()
        };
        (self.buckets, &self.filled) == (other.buckets, &other.filled)
            && columns(self) == columns(other)
    }

    /// Number of the column of `key`, if it has one.
    #[must_use]
    pub fn column_of(&self, key: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.key == key)
    }

    /// Which of the columns, then of [`OwnerLayout::filled`], the rows with the layouts `layouts` name.
    pub(super) fn named<'a>(&self, layouts: impl Iterator<Item = &'a str>) -> Vec<bool> {
        let mut columns = [false; COLUMNS_MAX];
        let mut residues = [false; BUCKETS_MAX as usize];
        for place in layouts.flat_map(str::chars).filter_map(Place::of) {
            match place {
                Place::Column(column) => columns[usize::from(column)] = true,
                Place::Residue(bucket) => residues[usize::from(bucket)] = true,
            }
        }
        let columns = columns.into_iter().take(self.columns.len());
        let filled = self.filled.iter().map(|bucket| usize::from(*bucket));
        columns
            .chain(filled.map(|bucket| residues[bucket]))
            .collect()
    }

    fn check(&self) -> Result<(), String> {
        let keys: HashSet<&str> = self
            .columns
            .iter()
            .map(|column| column.key.as_str())
            .collect();
        let known = |column: &PromotedColumn| {
            u8::try_from(column.letter).is_ok_and(|l| AttributeType::from_letter(l).is_some())
        };
        let sound = keys.len() == self.columns.len()
            && self.columns.len() <= COLUMNS_MAX
            && self.columns.iter().all(known)
            && (1..=BUCKETS_MAX).contains(&self.buckets)
            && self.filled.is_sorted_by(|a, b| a < b)
            && self.filled.iter().all(|bucket| *bucket < self.buckets);
        sound
            .then_some(())
            .ok_or_else(|| format!("`{LAYOUT_KEY}` in its footer makes no sense"))
    }

    fn fields(&self, owner: AttributeOwner) -> impl Iterator<Item = Field> {
        let map = owner.map();
        let columns = self.columns.iter().map(move |column| {
            Field::new(format!("{map}.{}", column.key), column.data_type(), true)
        });
        let buckets = self.filled.iter().map(move |bucket| {
            Field::new(format!("{map}#{bucket}"), schema::attribute_map(), false)
        });
        columns.chain(buckets)
    }

    fn len(&self) -> usize {
        self.columns.len() + self.filled.len()
    }
}

pub(super) fn bucket_of(key: &str, buckets: u8) -> u8 {
    (xxh3_64(key.as_bytes()) % u64::from(buckets.max(1))) as u8
}

impl AttributeLayout {
    pub(in crate::segment) fn new(span: OwnerLayout, resource: OwnerLayout) -> Self {
        Self {
            span,
            resource,
            joined_ids: true,
            ..Self::default()
        }
    }

    /// The description that belongs to a file of the schema `schema`.
    ///
    /// # Errors
    /// When there is none or it makes no sense.
    pub fn of_file(schema: &Schema) -> Result<Self, String> {
        let text = schema.metadata().get(LAYOUT_KEY);
        let text = text.ok_or_else(|| format!("its footer has no `{LAYOUT_KEY}`"))?;
        let mut layout: Self = serde_json::from_str(text)
            .map_err(|error| format!("`{LAYOUT_KEY}` in its footer: {error}"))?;
        layout.joined_ids = ids::are_joined(schema);
        AttributeOwner::ALL
            .into_iter()
            .try_for_each(|owner| layout.owner(owner).check())?;
        Ok(layout)
    }

    /// The text that goes into the footer.
    pub(in crate::segment) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("keys are text and all else is numbers")
    }

    /// True when the ids of a span and its parent lie in one column, in the place of `span_id`.
    #[must_use]
    pub fn joined_ids(&self) -> bool {
        self.joined_ids
    }

    /// Where the attributes of `owner` lie.
    #[must_use]
    pub fn owner(&self, owner: AttributeOwner) -> &OwnerLayout {
        match owner {
            AttributeOwner::Span => &self.span,
            AttributeOwner::Resource => &self.resource,
        }
    }

    /// Places in the file of the columns and then the residue maps of `owner`.
    #[must_use]
    pub fn places(&self, owner: AttributeOwner) -> std::ops::Range<usize> {
        let first = column::COUNT;
        match owner {
            AttributeOwner::Span => first..first + self.span.len(),
            AttributeOwner::Resource => {
                let first = first + self.span.len();
                first..first + self.resource.len()
            }
        }
    }

    /// The columns of the file.
    #[must_use]
    pub fn file_schema(&self) -> SchemaRef {
        let table = schema::spans();
        let mut fields: Vec<_> = table.fields().iter().cloned().collect();
        if self.joined_ids {
            let [joined, has_parent] = ids::fields();
            fields[column::SPAN_ID] = Arc::new(joined);
            fields[column::PARENT_SPAN_ID] = Arc::new(has_parent);
        }
        for owner in AttributeOwner::ALL {
            let layout = Field::new(owner.layout(), DataType::Utf8View, false);
            fields[owner.place()] = Arc::new(layout);
        }
        for owner in AttributeOwner::ALL {
            fields.extend(self.owner(owner).fields(owner).map(Arc::new));
        }
        Arc::new(Schema::new(fields))
    }
}

/// Gathers keys until they are too many to be named.
#[derive(Debug, Default)]
pub(in crate::segment) struct KeyList {
    keys: BTreeSet<String>,
    bytes: usize,
    overflow: bool,
}

impl KeyList {
    pub(in crate::segment) fn add(&mut self, key: &str) {
        if self.overflow || self.keys.contains(key) {
            return;
        }
        self.bytes += key.len();
        if self.keys.len() == KEYS_MAX || self.bytes > KEY_BYTES_MAX {
            self.give_up();
            return;
        }
        self.keys.insert(key.to_owned());
    }

    /// Takes the keys of another list; `None` when it does not name them.
    pub(in crate::segment) fn add_all(&mut self, keys: Option<&BTreeSet<String>>) {
        match keys {
            Some(keys) => keys.iter().for_each(|key| self.add(key)),
            None => self.give_up(),
        }
    }

    fn give_up(&mut self) {
        self.overflow = true;
        self.keys = BTreeSet::new();
    }

    pub(in crate::segment) fn finish(self) -> Option<BTreeSet<String>> {
        (!self.overflow).then_some(self.keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_as_many_keys_as_allowed_and_none_beyond() {
        let list = |count: usize| {
            let mut list = KeyList::default();
            (0..count).for_each(|n| list.add(&n.to_string()));
            (0..count).for_each(|n| list.add(&n.to_string()));
            list.finish().map(|keys| keys.len())
        };
        assert_eq!(list(0), Some(0));
        assert_eq!(list(KEYS_MAX), Some(KEYS_MAX));
        assert_eq!(list(KEYS_MAX + 1), None);
        let mut long = KeyList::default();
        long.add(&"k".repeat(KEY_BYTES_MAX));
        assert!(!long.overflow);
        long.add("k");
        assert_eq!(long.finish(), None);
    }

    #[test]
    fn a_list_takes_another_and_names_nothing_when_that_does_not() {
        let mut list = KeyList::default();
        list.add("a");
        let other = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
        list.add_all(Some(&other));
        list.add_all(None);
        list.add_all(Some(&other));
        assert_eq!(list.finish(), None);
        let mut list = KeyList::default();
        list.add_all(Some(&other));
        assert_eq!(list.finish(), Some(other));
    }
}
