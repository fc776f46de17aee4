//! What is known of the terms of the traces in segments: each segment is read once for it, when the first of its traces may be past its term.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use super::{RetentionRequest, Shared, lock};
use crate::retention::Class;
use crate::retention::rules::Rule;
use crate::retention::terms::walk;
use crate::segment::Segment;

/// The traces of a segment that one rule fits.
#[derive(Debug, Clone, Copy)]
struct Share {
    /// The rule; as many as there are rules for the traces that none fits.
    number: usize,
    spans: u64,
    newest: i64,
}

/// The traces of a segment by the rules that fit them. Pinned traces are left out.
#[derive(Debug)]
pub(super) struct Terms {
    shares: Vec<Share>,
    /// It could not be read: nothing of it goes before all of it could.
    unknown: bool,
}

impl Terms {
    /// A segment that was not looked at.
    fn whole(segment: &Segment, rules: &[Rule], unknown: bool) -> Self {
        let meta = segment.meta();
        Self {
            shares: vec![Share {
                number: rules.len(),
                spans: meta.span_count,
                newest: meta.ingested_at.1,
            }],
            unknown,
        }
    }

    fn read(shared: &Shared, segment: &Segment, rules: &[Rule]) -> Option<Self> {
        let pinned = lock(&shared.manifest).state().pinned.clone();
        let mut found: BTreeMap<usize, Share> = BTreeMap::new();
        let read = walk(segment, rules, |trace| {
            if pinned.contains(&trace.id) {
                return;
            }
            let share = found.entry(trace.class).or_insert(Share {
                number: trace.class,
                spans: 0,
                newest: i64::MIN,
            });
            share.spans += trace.spans;
            share.newest = share.newest.max(trace.newest);
        });
        if let Err(error) = read {
            tracing::warn!(%error, "it is not known which traces of a damaged segment are past their terms");
            return None;
        }
        if found.is_empty() {
            return Some(Self::whole(segment, rules, false));
        }
        Some(Self {
            shares: found.into_values().collect(),
            unknown: false,
        })
    }

    /// The classes, with the terms that `request` gives them.
    pub(super) fn classes(&self, request: &RetentionRequest) -> Vec<Class> {
        let keep_ns = |number: usize| match request.rules.get(number) {
            _ if self.unknown => longest(request),
            Some(rule) => Some(rule.keep_ns),
            None => request.older_than_ns,
        };
        let class = |share: &Share| Class {
            number: share.number,
            keep_ns: keep_ns(share.number),
            newest: share.newest,
        };
        self.shares.iter().map(class).collect()
    }

    /// Spans in the classes `numbers`.
    pub(super) fn spans(&self, numbers: &[usize]) -> u64 {
        let shares = self.shares.iter();
        let shares = shares.filter(|share| numbers.contains(&share.number));
        shares.map(|share| share.spans).sum()
    }
}

/// The longest term; `None` when something is kept for ever.
fn longest(request: &RetentionRequest) -> Option<u64> {
    let terms = request.rules.iter().map(|rule| rule.keep_ns);
    request
        .older_than_ns
        .map(|keep_ns| terms.fold(keep_ns, u64::max))
}

/// What is known of each segment.
#[derive(Debug, Default)]
pub(super) struct KnownTerms(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// The rules by which it was found out.
    rules: Vec<Rule>,
    by_segment: HashMap<String, Arc<Terms>>,
}

impl KnownTerms {
    /// The terms of each of `segments`. Blocks.
    pub(super) fn of(
        &self,
        shared: &Shared,
        segments: &[&Arc<Segment>],
        request: &RetentionRequest,
    ) -> Vec<Arc<Terms>> {
        let rules = &request.rules;
        self.keep_those_of(segments, rules);
        let now_ns = i128::from(shared.clock_reading().wall_ns);
        let terms = rules.iter().map(|rule| rule.keep_ns);
        let shortest = terms.chain(request.older_than_ns).min().unwrap_or(u64::MAX);
        let of = |segment: &&Arc<Segment>| {
            let oldest = i128::from(segment.meta().ingested_at.0);
            if rules.is_empty() || now_ns - oldest <= i128::from(shortest) {
                return Arc::new(Terms::whole(segment, rules, false));
            }
            self.look_up(shared, segment, rules)
        };
        segments.iter().map(of).collect()
    }

    /// Forgets what is known of a segment.
    pub(super) fn forget(&self, name: &str) {
        lock(&self.0).by_segment.remove(name);
    }

    fn look_up(&self, shared: &Shared, segment: &Segment, rules: &[Rule]) -> Arc<Terms> {
        let name = &segment.meta().name;
        if let Some(terms) = lock(&self.0).by_segment.get(name) {
            return Arc::clone(terms);
        }
        let Some(terms) = Terms::read(shared, segment, rules).map(Arc::new) else {
            return Arc::new(Terms::whole(segment, rules, true));
        };
        let mut known = lock(&self.0);
        if known.rules == rules {
            known.by_segment.insert(name.clone(), Arc::clone(&terms));
        }
        terms
    }

    /// Forgets segments that are gone, and everything when the rules are others.
    fn keep_those_of(&self, segments: &[&Arc<Segment>], rules: &[Rule]) {
        if rules.is_empty() {
            // Retention for the size alone, say.
            return;
        }
        let mut known = lock(&self.0);
        if known.rules != rules {
            known.rules = rules.to_vec();
            known.by_segment.clear();
        }
        let names: HashSet<&str> = segments
            .iter()
            .map(|segment| segment.meta().name.as_str())
            .collect();
        known
            .by_segment
            .retain(|name, _| names.contains(name.as_str()));
    }
}
