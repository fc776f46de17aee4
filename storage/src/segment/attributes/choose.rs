//! Which keys get a column.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::census::Census;
use super::layout::{OwnerLayout, PromotedColumn, bucket_of};
use super::place::{ColumnSet, OF_ONE_BYTE};
use super::shape::{List, Lists, NO_SHAPE, Shapes};
use super::{AttributeOwner, BUCKETS_MAX, COLUMNS_MAX};
use crate::attributes::AttributeType;
use crate::batch::SpanBatch;
use crate::limits::AttributeColumns;

/// Different keys that are counted; the ones that come later are not.
const KEYS_MAX: usize = 1 << 16;
/// Bytes of a key that may become the name of a column.
const KEY_BYTES_MAX: usize = 256;
const TYPES: [AttributeType; 8] = [
    AttributeType::String,
    AttributeType::Int,
    AttributeType::Double,
    AttributeType::Bool,
    AttributeType::Bytes,
    AttributeType::Array,
    AttributeType::Map,
    AttributeType::Empty,
];

/// How often a key has a value of each type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::segment) struct Counts([u64; TYPES.len()]);

impl Counts {
    pub(super) fn add(&mut self, kind: AttributeType, count: u64) {
        if let Some(place) = TYPES.iter().position(|known| *known == kind) {
            self.0[place] += count;
        }
    }

    pub(super) fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The types that occur, by their letters.
    pub(super) fn by_letter(&self) -> impl Iterator<Item = (char, u64)> {
        let counts = TYPES.iter().zip(self.0);
        counts
            .filter(|(_, count)| *count > 0)
            .map(|(kind, count)| (kind.letter(), count))
    }

    /// The most frequent type.
    fn most(&self) -> (u64, AttributeType) {
        let place = (0..TYPES.len()).max_by_key(|place| (self.0[*place], Reverse(*place)));
        let place = place.unwrap_or(0);
        (self.0[place], TYPES[place])
    }
}

/// The columns, and the number of residue maps. Those of the most frequent keys, whose characters are short, stand first; beyond that their order
/// is that of the keys, so that segments with much the same spans have the same columns.
fn choose<'k>(
    counts: impl Iterator<Item = (&'k str, Counts)>,
    spans: u64,
    entries: u64,
    limits: &AttributeColumns,
    owner: AttributeOwner,
) -> (Vec<PromotedColumn>, u8) {
    let columns_max = match owner {
        AttributeOwner::Span => limits.span_max,
        AttributeOwner::Resource => limits.resource_max,
    };
    let least = limits
        .spans_min
        .max(spans.div_ceil(limits.share_max.max(1)));
    let mut frequent: Vec<_> = counts
        .filter(|(key, _)| may_name_a_column(key))
        .filter_map(|(key, counts)| {
            let (count, kind) = counts.most();
            (count >= least).then_some((Reverse(count), key, kind))
        })
        .collect();
    frequent.sort_unstable_by_key(|(count, key, _)| (*count, *key));
    frequent.truncate(columns_max.min(COLUMNS_MAX));
    let promoted: u64 = frequent.iter().map(|(count, ..)| count.0).sum();
    for columns in frequent.chunks_mut(OF_ONE_BYTE.into()) {
        columns.sort_unstable_by_key(|(_, key, _)| *key);
    }
    let columns = frequent
        .iter()
        .map(|(_, key, kind)| PromotedColumn::new(key, *kind))
        .collect();
    // One map does while it has less than one entry a span.
    let buckets = if entries.saturating_sub(promoted) <= spans {
        1
    } else {
        BUCKETS_MAX
    };
    (columns, buckets)
}

/// The layout of what is merged from files that have the layouts `files`, and `census` attributes together.
pub(in crate::segment) fn merged_layout(
    files: &[&OwnerLayout],
    census: &Census,
    limits: &AttributeColumns,
    owner: AttributeOwner,
) -> OwnerLayout {
    let (spans, entries) = (census.spans, census.entries);
    let (columns, buckets) = choose(census.counts(), spans, entries, limits, owner);
    let kind_of: HashMap<&str, AttributeType> = columns
        .iter()
        .map(|column| (column.key.as_str(), column.kind()))
        .collect();
    let mut filled = BTreeSet::new();
    for file in files {
        // Rows may be taken over as they are where their files have the same columns.
        filled.extend(file.filled_of(buckets));
        let Some(residue_keys) = file.residue_keys() else {
            filled.extend(0..buckets);
            break;
        };
        // A value that a column of the same type held goes into the column again.
        let moved = file
            .columns
            .iter()
            .filter(|column| kind_of.get(column.key.as_str()) != Some(&column.kind()))
            .map(|column| column.key.as_str());
        let keys = residue_keys.iter().map(String::as_str).chain(moved);
        filled.extend(keys.map(|key| bucket_of(key, buckets)));
    }
    OwnerLayout::new(columns, buckets, filled)
}

/// All attribute lists of one owner that a segment may take, or those of a part of it.
pub(in crate::segment) struct Source<'b> {
    pub(super) lists: Vec<Lists<'b>>,
    /// Form of each list of each batch.
    pub(super) shape_of: Vec<Vec<u32>>,
    pub(super) shapes: Shapes<'b>,
    /// Spans whose list has no form.
    shapeless: u64,
    spans: u64,
    /// How often each key has a value of each type.
    counts: HashMap<&'b str, Counts>,
    entries: u64,
}

impl<'b> Source<'b> {
    pub(in crate::segment) fn of(batches: &'b [Arc<SpanBatch>], owner: AttributeOwner) -> Self {
        let mut source = Self {
            lists: Vec::with_capacity(batches.len()),
            shape_of: Vec::with_capacity(batches.len()),
            shapes: Shapes::default(),
            shapeless: 0,
            spans: 0,
            counts: HashMap::new(),
            entries: 0,
        };
        for batch in batches {
            let lists = Lists::of(batch, owner);
            let weights = match owner {
                AttributeOwner::Span => None,
                AttributeOwner::Resource => Some(spans_of_groups(batch)),
            };
            source.take(lists, weights.as_deref());
        }
        for place in 0..source.shapes.forms.len() {
            let (list, weight) = source.shapes.forms[place];
            source.count(list, weight);
        }
        source
    }

    fn take(&mut self, lists: Lists<'b>, weights: Option<&[u64]>) {
        let mut shape_of = Vec::with_capacity(lists.len());
        for row in 0..lists.len() {
            let weight = weights.map_or(1, |weights| weights[row]);
            let list = lists.list(row);
            let shape = self.shapes.note(list, weight);
            if shape == NO_SHAPE {
                self.shapeless += 1;
                self.count(list, weight);
            }
            shape_of.push(shape);
            self.spans += weight;
        }
        self.lists.push(lists);
        self.shape_of.push(shape_of);
    }

    fn count(&mut self, list: List<'b>, weight: u64) {
        self.entries += weight * list.len() as u64;
        for (key, kind) in list.keys() {
            if self.counts.len() == KEYS_MAX && !self.counts.contains_key(key) {
                continue;
            }
            self.counts.entry(key).or_default().add(kind, weight);
        }
    }

    /// What the lists hold, in numbers.
    pub(in crate::segment) fn census(&self) -> Census {
        Census::of(&self.counts, self.spans, self.entries)
    }

    /// The layout that suits the lists: a column for each key that enough spans have.
    pub(in crate::segment) fn layout(
        &self,
        limits: &AttributeColumns,
        owner: AttributeOwner,
    ) -> OwnerLayout {
        let counts = self.counts.iter().map(|(key, counts)| (*key, *counts));
        let (columns, buckets) = choose(counts, self.spans, self.entries, limits, owner);
        let filled = self.filled(&columns, buckets);
        OwnerLayout::new(columns, buckets, filled)
    }

    /// The residue maps that something may go into.
    fn filled(&self, columns: &[PromotedColumn], buckets: u8) -> BTreeSet<u8> {
        if self.shapeless > 0 {
            return (0..buckets).collect();
        }
        let column_of: HashMap<&str, (u8, AttributeType)> = columns
            .iter()
            .zip(0..)
            .map(|(column, place)| (column.key.as_str(), (place, column.kind())))
            .collect();
        let mut filled = BTreeSet::new();
        for (list, _) in &self.shapes.forms {
            let mut seen = ColumnSet::default();
            for (key, kind) in list.keys() {
                let column = column_of.get(key);
                let first = column.is_some_and(|(place, _)| seen.insert(*place));
                // A double may not suit its column.
                if !first
                    || kind == AttributeType::Double
                    || column.is_none_or(|(_, of)| *of != kind)
                {
                    filled.insert(bucket_of(key, buckets));
                }
            }
        }
        filled
    }
}

/// How many spans each group of `batch` has.
fn spans_of_groups(batch: &SpanBatch) -> Vec<u64> {
    let mut spans = vec![0; batch.groups().num_rows()];
    for group in batch.group_of().values() {
        spans[*group as usize] += 1;
    }
    spans
}

fn may_name_a_column(key: &str) -> bool {
    key.len() <= KEY_BYTES_MAX && !key.contains(char::is_control)
}
