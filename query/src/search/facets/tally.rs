//! Counting values: of the fields, and of attributes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, StringViewArray};
use clew_storage::TraceId;
use clew_storage::schema::column;

use super::super::Total;
use super::super::sample::Sample;
use super::super::scan::Gather;
use super::{FIELDS, Facet};
use crate::error::QueryError;

/// Longest value that is counted apart, bytes; a longer one is among the others.
const VALUE_BYTES_MAX: usize = 512;

/// Keys that are counted at most.
const KEYS_MAX: usize = 10_000;

/// Which spans count, and how much is kept.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    wanted: Option<Arc<HashSet<TraceId>>>,
    distinct_max: usize,
}

impl Tally {
    /// Counts spans of the traces `wanted`, all when `None`, and up to `distinct_max` values of a key.
    pub(super) fn new(wanted: Option<Arc<HashSet<TraceId>>>, distinct_max: usize) -> Self {
        Self {
            wanted,
            distinct_max,
        }
    }

    fn counts(&self, id: &[u8]) -> bool {
        let Some(wanted) = &self.wanted else {
            return true;
        };
        TraceId::from_bytes(id).is_some_and(|id| wanted.contains(&id))
    }
}

/// Values of one key.
#[derive(Debug, Default)]
struct Values {
    counts: HashMap<String, u64>,
    /// Spans that have the key.
    spans: u64,
    /// Spans with a value that is not counted apart.
    others: u64,
}

impl Values {
    fn add(&mut self, value: &str, count: u64, distinct_max: usize) {
        if let Some(known) = self.counts.get_mut(value) {
            *known += count;
        } else if self.counts.len() < distinct_max && value.len() <= VALUE_BYTES_MAX {
            self.counts.insert(value.to_owned(), count);
        } else {
            self.others += count;
        }
    }

    fn merge(&mut self, other: Self, distinct_max: usize) {
        self.spans += other.spans;
        self.others += other.others;
        for (value, count) in other.counts {
            self.add(&value, count, distinct_max);
        }
    }

    /// The counts as they are shown, each standing for `weight` spans.
    fn facet(&self, key: &str, values_max: usize, spans: u64, sample: Sample) -> Facet {
        let weight = sample.weight();
        let mut counts: Vec<(&String, u64)> = self
            .counts
            .iter()
            .map(|(value, count)| (value, *count))
            .collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        let distinct = counts.len();
        let rest: u64 = counts.iter().skip(values_max).map(|(_, count)| count).sum();
        Facet {
            key: key.to_owned(),
            is_attribute: false,
            span_count: self.spans * weight,
            missing_count: spans.saturating_sub(self.spans) * weight,
            value_count: Total {
                value: distinct,
                exact: self.others == 0 && sample.is_all(),
            },
            values: counts
                .into_iter()
                .take(values_max)
                .map(|(value, count)| (value.clone(), count * weight))
                .collect(),
            other_count: (self.others + rest) * weight,
            without_own: false,
            sampled: !sample.is_all(),
        }
    }
}

/// Counts the values of the fields.
pub(super) struct FieldTally {
    tally: Tally,
    spans: u64,
    fields: [Values; FIELDS.len()],
}

impl FieldTally {
    pub(super) fn new(tally: Tally) -> Self {
        Self {
            tally,
            spans: 0,
            fields: Default::default(),
        }
    }

    /// Spans that were counted.
    pub(super) fn spans(&self) -> u64 {
        self.spans
    }

    /// The counts of those of `keys` that are fields.
    pub(super) fn facets(&self, keys: &[&str], values_max: usize) -> Vec<Facet> {
        keys.iter()
            .filter_map(|key| {
                let place = FIELDS.iter().position(|field| field == key)?;
                Some(self.fields[place].facet(key, values_max, self.spans, Sample::ALL))
            })
            .collect()
    }
}

impl Gather for FieldTally {
    const COLUMNS: &'static [usize] = &[
        column::TRACE_ID,
        column::NAME,
        column::KIND,
        column::STATUS_CODE,
        column::SERVICE_NAME,
    ];

    fn add(&mut self, rows: &RecordBatch) -> Result<(), QueryError> {
        let ids = rows.column(0).as_fixed_size_binary();
        let text = |place: usize| rows.column(place).as_string_view();
        // In the order of `FIELDS`.
        let columns: [&StringViewArray; 4] = [text(4), text(3), text(2), text(1)];
        let counted: Vec<usize> = (0..rows.num_rows())
            .filter(|row| self.tally.counts(ids.value(*row)))
            .collect();
        self.spans += counted.len() as u64;
        for (values, column) in self.fields.iter_mut().zip(columns) {
            values.spans += counted.len() as u64;
            // Alike values often stand together.
            for run in counted.chunk_by(|a, b| column.value(*a) == column.value(*b)) {
                let value = column.value(run[0]);
                values.add(value, run.len() as u64, self.tally.distinct_max);
            }
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) {
        self.spans += other.spans;
        for (values, more) in self.fields.iter_mut().zip(other.fields) {
            values.merge(more, self.tally.distinct_max);
        }
    }
}

/// Counts the values of the attributes of spans and their resources.
pub(super) struct AttributeTally {
    tally: Tally,
    spans: u64,
    keys: HashMap<String, Values>,
}

impl AttributeTally {
    pub(super) fn new(tally: Tally) -> Self {
        Self {
            tally,
            spans: 0,
            keys: HashMap::new(),
        }
    }

    /// The counts of `keys`; a key that no span has is one without values.
    pub(super) fn facets(&self, keys: &[String], values_max: usize, sample: Sample) -> Vec<Facet> {
        let none = Values::default();
        keys.iter()
            .map(|key| {
                let values = self.keys.get(key).unwrap_or(&none);
                Facet {
                    is_attribute: true,
                    ..values.facet(key, values_max, self.spans, sample)
                }
            })
            .collect()
    }

    /// The `count` most frequent keys of those that `wanted` picks, without those that tell nearly every span apart.
    pub(super) fn frequent(&self, count: usize, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let mut keys: Vec<(&String, &Values)> = self
            .keys
            .iter()
            .filter(|(key, values)| {
                let apart = values.counts.len() as u64 + values.others;
                let is_id = apart > 20 && apart * 2 > values.spans;
                wanted(key.as_str()) && !is_id
            })
            .collect();
        keys.sort_by(|a, b| b.1.spans.cmp(&a.1.spans).then_with(|| a.0.cmp(b.0)));
        keys.into_iter()
            .take(count)
            .map(|(key, _)| key.clone())
            .collect()
    }
}

impl Gather for AttributeTally {
    const COLUMNS: &'static [usize] = &[
        column::TRACE_ID,
        column::ATTRIBUTES,
        column::RESOURCE_ATTRIBUTES,
    ];

    fn add(&mut self, rows: &RecordBatch) -> Result<(), QueryError> {
        let ids = rows.column(0).as_fixed_size_binary();
        let maps = [rows.column(1).as_map(), rows.column(2).as_map()];
        let entries = maps.map(|map| {
            let (keys, values) = (
                map.keys().as_string::<i32>(),
                map.values().as_string::<i32>(),
            );
            (map.value_offsets(), keys, values)
        });
        let mut seen: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for row in 0..rows.num_rows() {
            if !self.tally.counts(ids.value(row)) {
                continue;
            }
            self.spans += 1;
            seen.clear();
            for (offsets, keys, values) in entries {
                for entry in offsets[row] as usize..offsets[row + 1] as usize {
                    let value = if values.is_valid(entry) {
                        values.value(entry)
                    } else {
                        ""
                    };
                    let of_key = seen.entry(keys.value(entry)).or_default();
                    if !of_key.contains(&value) {
                        of_key.push(value);
                    }
                }
            }
            for (key, found) in &seen {
                self.count(key, found);
            }
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) {
        self.spans += other.spans;
        for (key, values) in other.keys {
            if self.keys.len() < KEYS_MAX || self.keys.contains_key(&key) {
                let known = self.keys.entry(key).or_default();
                known.merge(values, self.tally.distinct_max);
            }
        }
    }
}

impl AttributeTally {
    fn count(&mut self, key: &str, found: &[&str]) {
        if !self.keys.contains_key(key) {
            if self.keys.len() >= KEYS_MAX {
                return;
            }
            self.keys.insert(key.to_owned(), Values::default());
        }
        if let Some(values) = self.keys.get_mut(key) {
            values.spans += 1;
            for value in found {
                values.add(value, 1, self.tally.distinct_max);
            }
        }
    }
}
