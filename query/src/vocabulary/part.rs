//! Keys and values of one segment, or of one batch of the hot window, and how often each occurs.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use arrow::array::RecordBatch;
use clew_storage::attributes::AttributeType;

use crate::error::QueryError;
use crate::rows::{Attribute, Attributes, SpanRow, SpanRows};

/// Longest key and longest value that is kept, bytes.
const TEXT_BYTES_MAX: usize = 256;

/// Different values of a key that are told apart while counting, times those that are kept.
const COUNTED: usize = 8;

/// What an entry of the maps costs beside its text, bytes.
const ENTRY_BYTES: usize = 64;

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Place {
    /// A field of every span, named as in the query language.
    Field,
    Span,
    Resource,
    Scope,
    Event,
    Link,
}

impl Place {
    /// How answers name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Field => "field",
            Self::Span => "span",
            Self::Resource => "resource",
            Self::Scope => "scope",
            Self::Event => "event",
            Self::Link => "link",
        }
    }
}

/// How much of a part is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) keys_max: usize,
    pub(super) values_max: usize,
}

/// What is known of a key at a place.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    /// Spans that have it.
    pub(super) spans: u64,
    /// The span that was counted last, so that none is counted twice.
    last_span: u64,
    /// How often each type occurs.
    pub(super) types: HashMap<AttributeType, u64>,
    /// How often each value occurs.
    pub(super) values: HashMap<String, u64>,
    /// There are values that are not kept.
    pub(super) truncated: bool,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Part {
    /// By place and key.
    pub(super) keys: HashMap<Place, HashMap<String, Facts>>,
    /// Spans that were counted.
    spans: u64,
    key_count: usize,
    /// There are keys that are not kept.
    pub(super) truncated: bool,
}

impl Part {
    /// Counts rows of `spans`, with all columns.
    pub(super) fn add(&mut self, rows: &RecordBatch, bounds: Bounds) -> Result<(), QueryError> {
        let rows = SpanRows::new(rows)?;
        for span in rows.iter() {
            self.add_span(span, bounds);
        }
        Ok(())
    }

    fn add_span(&mut self, span: SpanRow<'_>, bounds: Bounds) {
        self.spans += 1;
        for (key, value) in [
            ("service", span.service_name()),
            ("name", span.name()),
            ("kind", span.kind()),
            ("status", span.status_code()),
            ("status.message", span.status_message()),
            ("scope.name", span.scope_name()),
            ("scope.version", span.scope_version()),
        ] {
            if !value.is_empty()
                || !matches!(key, "status.message" | "scope.name" | "scope.version")
            {
                self.note(Place::Field, key, AttributeType::String, value, bounds);
            }
        }
        self.add_attributes(Place::Span, span.attributes(), bounds);
        self.add_attributes(Place::Resource, span.resource_attributes(), bounds);
        self.add_attributes(Place::Scope, span.scope_attributes(), bounds);
        for event in span.events() {
            self.note(
                Place::Field,
                "event.name",
                AttributeType::String,
                event.name(),
                bounds,
            );
            self.add_attributes(Place::Event, event.attributes(), bounds);
        }
        for link in span.links() {
            self.add_attributes(Place::Link, link.attributes(), bounds);
        }
    }

    fn add_attributes(&mut self, place: Place, attributes: Attributes<'_>, bounds: Bounds) {
        for Attribute { key, kind, text } in attributes {
            self.note(place, key, kind, text, bounds);
        }
    }

    fn note(&mut self, place: Place, key: &str, kind: AttributeType, value: &str, bounds: Bounds) {
        let keys = self.keys.entry(place).or_default();
        if !keys.contains_key(key) {
            if self.key_count >= bounds.keys_max || key.len() > TEXT_BYTES_MAX {
                self.truncated = true;
                return;
            }
            self.key_count += 1;
            keys.insert(key.to_owned(), Facts::default());
        }
        let Some(facts) = keys.get_mut(key) else {
            return;
        };
        if facts.last_span != self.spans {
            facts.last_span = self.spans;
            facts.spans += 1;
        }
        *facts.types.entry(kind).or_default() += 1;
        if let Some(count) = facts.values.get_mut(value) {
            *count += 1;
        } else if facts.values.len() < bounds.values_max * COUNTED && value.len() <= TEXT_BYTES_MAX
        {
            facts.values.insert(value.to_owned(), 1);
        } else {
            facts.truncated = true;
        }
    }

    /// Keeps the most frequent values of each key.
    pub(super) fn trim(&mut self, bounds: Bounds) {
        for facts in self.keys.values_mut().flat_map(HashMap::values_mut) {
            if facts.values.len() > bounds.values_max {
                facts.keep(bounds.values_max);
            }
        }
    }

    /// Forgets all values.
    pub(super) fn strip(&mut self) {
        for facts in self.keys.values_mut().flat_map(HashMap::values_mut) {
            if !facts.values.is_empty() {
                facts.keep(0);
            }
        }
    }

    /// Memory that it takes, about.
    pub(super) fn bytes(&self) -> usize {
        let of_key = |(key, facts): (&String, &Facts)| {
            let values = facts.values.keys().map(|value| value.len() + ENTRY_BYTES);
            key.len() + 4 * ENTRY_BYTES + values.sum::<usize>()
        };
        self.keys.values().flatten().map(of_key).sum()
    }
}

impl Facts {
    fn keep(&mut self, values_max: usize) {
        let mut values: Vec<_> = std::mem::take(&mut self.values).into_iter().collect();
        values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        values.truncate(values_max);
        self.values = values.into_iter().collect();
        self.truncated = true;
    }

    /// Adds what another part knows.
    pub(super) fn merge(&mut self, other: &Self) {
        self.spans += other.spans;
        self.truncated |= other.truncated;
        for (kind, count) in &other.types {
            *self.types.entry(*kind).or_default() += count;
        }
        for (value, count) in &other.values {
            match self.values.entry(value.clone()) {
                Entry::Occupied(mut known) => *known.get_mut() += count,
                Entry::Vacant(place) => {
                    place.insert(*count);
                }
            }
        }
    }
}
