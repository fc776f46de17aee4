//! Grouping of spans by something that they share: a resource, a scope, a process.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use crate::rows::{Attribute, SpanRow, SpanRows};

/// Spans in groups; groups and the rows in them stand in row order.
pub(crate) struct Groups {
    /// Rows of each group.
    pub(crate) rows: Vec<Vec<u32>>,
}

impl Groups {
    /// Groups the rows `of` by `key`.
    pub(crate) fn by<'a, K: Hash + Eq>(
        spans: &'a SpanRows,
        of: impl Iterator<Item = u32>,
        key: impl Fn(SpanRow<'a>) -> K,
    ) -> Self {
        let mut known: HashMap<K, usize> = HashMap::new();
        let mut rows: Vec<Vec<u32>> = Vec::new();
        for row in of {
            let group = match known.entry(key(spans.span(row as usize))) {
                Entry::Occupied(entry) => *entry.get(),
                Entry::Vacant(entry) => {
                    rows.push(Vec::new());
                    *entry.insert(rows.len() - 1)
                }
            };
            rows[group].push(row);
        }
        Self { rows }
    }

    /// The group of each row, for groups over all of `len` rows.
    pub(crate) fn of_rows(&self, len: usize) -> Vec<u32> {
        let mut groups = vec![0; len];
        for (group, rows) in self.rows.iter().enumerate() {
            for row in rows {
                groups[*row as usize] = group as u32;
            }
        }
        groups
    }
}

/// What makes two spans' resources the same.
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct ResourceKey<'a> {
    attributes: Vec<Attribute<'a>>,
    dropped: u32,
    schema_url: &'a str,
}

impl<'a> ResourceKey<'a> {
    /// The resource of `span`.
    pub(crate) fn of(span: SpanRow<'a>) -> Self {
        Self {
            attributes: span.resource_attributes().collect(),
            dropped: span.resource_dropped_attributes_count(),
            schema_url: span.resource_schema_url(),
        }
    }
}

/// What makes two spans' scopes the same.
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct ScopeKey<'a> {
    name: &'a str,
    version: &'a str,
    attributes: Vec<Attribute<'a>>,
    dropped: u32,
    schema_url: &'a str,
}

impl<'a> ScopeKey<'a> {
    /// The scope of `span`.
    pub(crate) fn of(span: SpanRow<'a>) -> Self {
        Self {
            name: span.scope_name(),
            version: span.scope_version(),
            attributes: span.scope_attributes().collect(),
            dropped: span.scope_dropped_attributes_count(),
            schema_url: span.scope_schema_url(),
        }
    }
}
