//! Root spans as they arrive, by service and operation: what adaptive sampling goes by.
//!
//! A sampled root stands for others. How many is told by the sampler's own attributes (`sampler.type` and `sampler.param`, also with `jaeger.` in front), else by the
//! threshold in the tracestate; where neither is there it is not known here.
//!
//! Limits: [`REMOTE_SERVICES_MAX`] services, [`REMOTE_OPERATIONS_MAX`] operations of each; roots beyond are not counted.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clew_storage::attributes::ValueRef;
use clew_storage::sampling::Threshold;
use clew_storage::span::SpanFields;

use crate::limits::{REMOTE_OPERATIONS_MAX, REMOTE_SERVICES_MAX};
use crate::sampling::tracestate::OtState;

/// Roots of one operation.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Roots {
    /// Those that a share has chosen, with a weight.
    pub(super) weighted: u64,
    /// The sum of their weights.
    pub(super) weight: f64,
    /// Those of which it is not known what they stand for.
    pub(super) unweighted: u64,
    /// Those that a limit has let through, beside the share.
    pub(super) by_limit: u64,
}

/// How a root came to be sampled.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Chosen {
    ByShare(f64),
    ByLimit,
    Unknown,
}

/// Roots of all services since they were taken last.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    services: Mutex<HashMap<String, Arc<ServiceRoots>>>,
}

/// Roots of one service.
#[derive(Debug, Default)]
pub(crate) struct ServiceRoots {
    operations: Mutex<HashMap<String, Roots>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Observed {
    /// Where roots of `service` are counted; `None` when there are too many services.
    pub(crate) fn service(&self, service: &str) -> Option<Arc<ServiceRoots>> {
        let mut services = lock(&self.services);
        if let Some(known) = services.get(service) {
            return Some(Arc::clone(known));
        }
        if services.len() >= REMOTE_SERVICES_MAX {
            return None;
        }
        let new = Arc::<ServiceRoots>::default();
        services.insert(service.to_owned(), Arc::clone(&new));
        Some(new)
    }

    /// What was counted since the last call. Services of which nothing came are forgotten.
    pub(super) fn take(&self) -> BTreeMap<String, HashMap<String, Roots>> {
        let mut services = lock(&self.services);
        let mut taken = BTreeMap::new();
        services.retain(|service, roots| {
            let operations = std::mem::take(&mut *lock(&roots.operations));
            let is_known = !operations.is_empty();
            if is_known {
                taken.insert(service.clone(), operations);
            }
            is_known || Arc::strong_count(roots) > 1
        });
        taken
    }
}

impl ServiceRoots {
    /// Counts `span`, if it is a root.
    pub(crate) fn count(&self, span: &SpanFields<'_>) {
        if span.parent_span_id.is_some() {
            return;
        }
        let mut operations = lock(&self.operations);
        if !operations.contains_key(span.name) {
            if operations.len() >= REMOTE_OPERATIONS_MAX {
                return;
            }
            operations.insert(span.name.to_owned(), Roots::default());
        }
        let Some(roots) = operations.get_mut(span.name) else {
            return;
        };
        match chosen(span) {
            Chosen::ByShare(share) => {
                roots.weighted += 1;
                roots.weight += 1.0 / share;
            }
            Chosen::ByLimit => roots.by_limit += 1,
            Chosen::Unknown => roots.unweighted += 1,
        }
    }
}

fn chosen(span: &SpanFields<'_>) -> Chosen {
    let attributes = &span.arena[span.attributes.clone()];
    let find = |wanted: &str| {
        let is_wanted = |key: &str| key.strip_prefix("jaeger.").unwrap_or(key) == wanted;
        let mut found = attributes.iter().filter(|entry| is_wanted(entry.key));
        found.next().map(|entry| &entry.value)
    };
    let share = match find("sampler.param") {
        Some(ValueRef::Double(share)) => Some(*share),
        Some(ValueRef::Int(share)) => Some(*share as f64),
        Some(ValueRef::String(text)) => text.parse().ok(),
        _ => None,
    };
    let share = share.filter(|share| *share > 0.0 && *share <= 1.0);
    match (find("sampler.type"), share) {
        (Some(ValueRef::String("probabilistic")), Some(share)) => Chosen::ByShare(share),
        (Some(ValueRef::String("lowerbound" | "ratelimiting")), _) => Chosen::ByLimit,
        (Some(ValueRef::String("const")), _) => Chosen::ByShare(1.0),
        _ => match OtState::parse(span.trace_state).threshold {
            Some(threshold) => Chosen::ByShare(Threshold::new(threshold).probability()),
            None => Chosen::Unknown,
        },
    }
}

#[cfg(test)]
mod tests {
    use clew_storage::SpanId;
    use clew_storage::attributes::AttributeRef;

    use super::*;

    fn attributes<'a>(kind: &'a str, share: ValueRef<'a>) -> [AttributeRef<'a>; 2] {
        let attribute = |key, value| AttributeRef { key, value };
        [
            attribute("sampler.type", ValueRef::String(kind)),
            attribute("jaeger.sampler.param", share),
        ]
    }

    #[test]
    fn a_root_says_what_it_stands_for() {
        let check = |arena: &[AttributeRef<'_>], trace_state: &str, expected: Chosen| {
            let span = SpanFields {
                arena,
                attributes: 0..arena.len(),
                trace_state,
                ..SpanFields::default()
            };
            assert_eq!(chosen(&span), expected, "{arena:?} {trace_state}");
        };
        let half = ValueRef::Double(0.5);
        check(
            &attributes("probabilistic", half.clone()),
            "",
            Chosen::ByShare(0.5),
        );
        check(
            &attributes("probabilistic", ValueRef::String("0.25")),
            "",
            Chosen::ByShare(0.25),
        );
        check(&attributes("lowerbound", half.clone()), "", Chosen::ByLimit);
        check(
            &attributes("const", ValueRef::Bool(true)),
            "",
            Chosen::ByShare(1.0),
        );
        check(
            &attributes("probabilistic", ValueRef::Double(0.0)),
            "",
            Chosen::Unknown,
        );
        check(
            &attributes("remote", half),
            "ot=th:c",
            Chosen::ByShare(0.25),
        );
        check(&[], "", Chosen::Unknown);
    }

    #[test]
    fn only_roots_count_and_no_more_kinds_than_allowed() {
        let observed = Observed::default();
        let cart = observed.service("cart").unwrap();
        let child = SpanFields {
            name: "child",
            parent_span_id: Some(SpanId([1; 8])),
            ..SpanFields::default()
        };
        cart.count(&child);
        for number in 0..=REMOTE_OPERATIONS_MAX {
            let name = number.to_string();
            let root = SpanFields {
                name: &name,
                ..SpanFields::default()
            };
            cart.count(&root);
            cart.count(&root);
        }
        for number in 1..REMOTE_SERVICES_MAX {
            assert!(observed.service(&number.to_string()).is_some());
        }
        assert!(observed.service("one more").is_none());
        drop(cart);
        let taken = observed.take();
        assert_eq!(taken["cart"].len(), REMOTE_OPERATIONS_MAX);
        assert_eq!(taken["cart"]["0"].unweighted, 2);
        assert_eq!(taken.len(), 1);
        // What nothing came of makes room.
        assert!(observed.service("one more").is_some());
        assert!(observed.take().is_empty());
    }
}
