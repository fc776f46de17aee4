//! What is gathered about a segment while its rows are written: where each trace stands, operations, and facts for the manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::index::{OPERATIONS_MAX, Operation};
use super::plan::OperationRef;
use crate::ids::TraceId;

/// Service names that a segment's facts list.
const SERVICES_MAX: usize = 1000;

/// The operations so far, each once, as long as they are not too many.
#[derive(Debug, Default)]
pub(super) struct Operations {
    known: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    count: usize,
    /// Kept apart: services may be few where operations are not.
    services: BTreeSet<String>,
    /// Some are not known, because they were too many.
    lacks_services: bool,
}

impl Operations {
    pub(super) fn add(&mut self, (service, name, kind): OperationRef<'_>) {
        if self.services.len() <= SERVICES_MAX && !self.services.contains(service) {
            self.services.insert(service.to_owned());
        }
        if self.count > OPERATIONS_MAX {
            return;
        }
        let names = entry(&mut self.known, service);
        let kinds = entry(names, name);
        if !kinds.contains(kind) {
            kinds.insert(kind.to_owned());
            self.count += 1;
        }
    }

    /// Takes those of another segment: all there are, or `None` when they are too many to be listed, and its services, none when they are.
    pub(super) fn add_all(&mut self, operations: Option<&[Operation]>, services: &[String]) {
        for operation in operations.into_iter().flatten() {
            let Operation {
                service_name,
                name,
                kind,
            } = operation;
            self.add((service_name, name, kind));
        }
        if operations.is_none() {
            self.count = OPERATIONS_MAX + 1;
            self.services.extend(services.iter().cloned());
            self.lacks_services |= services.is_empty();
        }
    }

    /// Sorted; `None` when they are too many.
    pub(super) fn list(&self) -> Option<Vec<OperationRef<'_>>> {
        if self.count > OPERATIONS_MAX {
            return None;
        }
        let names = self.known.iter().flat_map(|(service, names)| {
            names
                .iter()
                .map(move |(name, kinds)| (service, name, kinds))
        });
        let all = names.flat_map(|(service, name, kinds)| {
            kinds
                .iter()
                .map(move |kind| (service.as_str(), name.as_str(), kind.as_str()))
        });
        Some(all.collect())
    }

    /// Service names, sorted; none when they are too many.
    pub(super) fn services(&self) -> Vec<String> {
        if self.lacks_services || self.services.len() > SERVICES_MAX {
            return Vec::new();
        }
        self.services.iter().cloned().collect()
    }
}

fn entry<'m, V: Default>(map: &'m mut BTreeMap<String, V>, key: &str) -> &'m mut V {
    if !map.contains_key(key) {
        map.insert(key.to_owned(), V::default());
    }
    map.get_mut(key).expect("it was put in just now")
}

/// Earliest and latest of something.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent(pub(super) (i64, i64));

impl Default for Extent {
    fn default() -> Self {
        Self((i64::MAX, i64::MIN))
    }
}

impl Extent {
    pub(super) fn add(&mut self, value: i64) {
        self.add_all((value, value));
    }

    /// Takes all from one value to another.
    pub(super) fn add_all(&mut self, (least, most): (i64, i64)) {
        self.0 = (self.0.0.min(least), self.0.1.max(most));
    }
}

/// Where each trace stands.
#[derive(Debug, Default)]
pub(super) struct TraceRows {
    rows: Vec<(TraceId, Range<u32>)>,
    end: u32,
}

impl TraceRows {
    /// Takes the next trace; its first row.
    pub(super) fn add(&mut self, id: TraceId, spans: u32) -> u32 {
        let first = self.end;
        self.end += spans;
        self.rows.push((id, first..self.end));
        first
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// By id.
    pub(super) fn sorted(&mut self) -> &[(TraceId, Range<u32>)] {
        self.rows.sort_unstable_by_key(|(id, _)| *id);
        &self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_operations_and_services_as_allowed_are_listed_and_one_more_is_not() {
        let mut operations = Operations::default();
        for number in 0..OPERATIONS_MAX {
            operations.add(("service", &number.to_string(), "server"));
            operations.add(("service", &number.to_string(), "server"));
        }
        assert_eq!(
            operations.list().map(|list| list.len()),
            Some(OPERATIONS_MAX)
        );
        operations.add(("service", "one more", "server"));
        assert_eq!(operations.list(), None);
        assert_eq!(operations.services(), ["service"]);
        for number in 1..SERVICES_MAX {
            operations.add((&number.to_string(), "", ""));
        }
        assert_eq!(operations.services().len(), SERVICES_MAX);
        operations.add(("one more", "", ""));
        assert!(operations.services().is_empty());
    }

    #[test]
    fn what_another_segment_lists_is_added_and_what_it_does_not_list_is_lost() {
        let listed = Operation {
            service_name: "cart".to_owned(),
            name: "add".to_owned(),
            kind: "server".to_owned(),
        };
        let mut operations = Operations::default();
        operations.add(("mail", "send", "client"));
        operations.add_all(Some(&[listed]), &["cart".to_owned()]);
        let both = [("cart", "add", "server"), ("mail", "send", "client")];
        assert_eq!(operations.list().as_deref(), Some(&both[..]));
        assert_eq!(operations.services(), ["cart", "mail"]);
        operations.add_all(None, &["shop".to_owned()]);
        assert_eq!(operations.list(), None);
        assert_eq!(operations.services(), ["cart", "mail", "shop"]);
        operations.add_all(None, &[]);
        assert!(operations.services().is_empty());
    }
}
