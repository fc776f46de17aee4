//! How often keys occur, as far as the choice of columns needs it: made when a segment is written, kept in its footer, and summed up
//! when segments are merged, so that a merge knows its columns before it has read a row.

use std::collections::{BTreeMap, HashMap};

use arrow::datatypes::Schema;
use serde::{Deserialize, Serialize};

use super::choose::Counts;
use crate::attributes::AttributeType;

/// Key of the counts in the footer.
pub(in crate::segment) const CENSUS_KEY: &str = "clew.attribute_counts";
/// Keys that are counted by name, the most frequent ones.
const KEYS_MAX: usize = 1000;
/// Bytes of these keys together.
const KEY_BYTES_MAX: usize = 64 << 10;

/// The counts of one owner's attributes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(in crate::segment) struct Census {
    /// Spans.
    pub(super) spans: u64,
    /// Attributes of all of them.
    pub(super) entries: u64,
    /// Spans that have a key, by the letter of its value's type.
    keys: BTreeMap<String, BTreeMap<char, u64>>,
}

/// The counts of spans and of resources, as the footer has them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(in crate::segment) struct CensusOfFile {
    /// Attributes of spans.
    pub(in crate::segment) span: Census,
    /// Attributes of resources, each counted once a span.
    pub(in crate::segment) resource: Census,
}

impl CensusOfFile {
    /// The counts in the footer of a file of schema `schema`; none where the file does not have them, which costs a merge nothing but a
    /// worse choice of columns.
    pub(in crate::segment) fn of_file(schema: &Schema) -> Self {
        let text = schema.metadata().get(CENSUS_KEY);
        text.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }

    /// The text that goes into the footer.
    pub(in crate::segment) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("keys are text and all else is numbers")
    }
}

impl Census {
    /// The counts `counts`, those of rare keys left out when there are too many.
    pub(super) fn of(counts: &HashMap<&str, Counts>, spans: u64, entries: u64) -> Self {
        let mut frequent: Vec<_> = counts
            .iter()
            .map(|(key, counts)| (std::cmp::Reverse(counts.total()), *key, counts))
            .collect();
        frequent.sort_unstable_by_key(|(total, key, _)| (*total, *key));
        let mut bytes = 0;
        let keys = frequent
            .into_iter()
            .take(KEYS_MAX)
            .take_while(|(_, key, _)| {
                bytes += key.len();
                bytes <= KEY_BYTES_MAX
            })
            .map(|(_, key, counts)| (key.to_owned(), counts.by_letter().collect()));
        Self {
            spans,
            entries,
            keys: keys.collect(),
        }
    }

    /// Takes the counts of another segment.
    pub(in crate::segment) fn add(&mut self, other: &Self) {
        self.spans += other.spans;
        self.entries += other.entries;
        for (key, letters) in &other.keys {
            let of_key = self.keys.entry(key.clone()).or_default();
            for (letter, count) in letters {
                *of_key.entry(*letter).or_default() += count;
            }
        }
    }

    /// Each key with its counts.
    pub(super) fn counts(&self) -> impl Iterator<Item = (&str, Counts)> {
        self.keys.iter().map(|(key, letters)| {
            let mut counts = Counts::default();
            for (letter, count) in letters {
                let kind = u8::try_from(*letter)
                    .ok()
                    .and_then(AttributeType::from_letter);
                if let Some(kind) = kind {
                    counts.add(kind, *count);
                }
            }
            (key.as_str(), counts)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn census(keys: &[(&str, AttributeType, u64)]) -> Census {
        let mut counts: HashMap<&str, Counts> = HashMap::new();
        for (key, kind, count) in keys {
            counts.entry(key).or_default().add(*kind, *count);
        }
        Census::of(&counts, 10, 20)
    }

    #[test]
    fn sums_are_those_of_the_parts_and_survive_the_footer() {
        let mut sum = census(&[
            ("a", AttributeType::String, 3),
            ("a", AttributeType::Int, 1),
        ]);
        sum.add(&census(&[
            ("a", AttributeType::Int, 4),
            ("b", AttributeType::Bool, 2),
        ]));
        assert_eq!((sum.spans, sum.entries), (20, 40));
        let file = CensusOfFile {
            span: sum.clone(),
            resource: Census::default(),
        };
        let metadata = HashMap::from([(CENSUS_KEY.to_owned(), file.to_text())]);
        let schema = Schema::empty().with_metadata(metadata);
        assert_eq!(CensusOfFile::of_file(&schema), file);
        let of_a = sum.counts().find(|(key, _)| *key == "a").unwrap().1;
        assert_eq!(of_a.by_letter().collect::<Vec<_>>(), [('s', 3), ('i', 5)]);
    }

    #[test]
    fn as_many_keys_as_allowed_are_named_and_then_the_most_frequent_ones() {
        let names: Vec<String> = (0..=KEYS_MAX).map(|n| format!("{n:05}")).collect();
        let keys = |count: usize| -> Vec<(&str, AttributeType, u64)> {
            let names = names[..count].iter().zip(1..);
            names
                .map(|(name, n)| (name.as_str(), AttributeType::Int, n))
                .collect()
        };
        assert_eq!(census(&keys(KEYS_MAX)).keys.len(), KEYS_MAX);
        let cut = census(&keys(KEYS_MAX + 1));
        assert_eq!(cut.keys.len(), KEYS_MAX);
        assert!(!cut.keys.contains_key("00000"), "the rarest one goes");
        let long = "k".repeat(KEY_BYTES_MAX);
        let kind = AttributeType::Int;
        assert_eq!(census(&[(&long, kind, 2)]).keys.len(), 1);
        assert_eq!(census(&[(&long, kind, 2), ("k", kind, 1)]).keys.len(), 1);
    }

    #[test]
    fn a_file_without_counts_has_none() {
        assert_eq!(
            CensusOfFile::of_file(&Schema::empty()),
            CensusOfFile::default()
        );
    }
}
