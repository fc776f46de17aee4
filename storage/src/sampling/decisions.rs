//! What was decided about traces, so that late spans follow.
//!
//! A decision is remembered from the moment it is made, by a 64-bit hash of the trace id. It becomes durable with the flush that acts on it;
//! one that is lost before was never acted on. Decisions are forgotten, oldest first, beyond a number and an age; spans of a forgotten trace
//! are decided about as if they were a trace of their own. Of a million decisions, one look-up in some 10^13 meets that of another trace.

use std::collections::{HashMap, VecDeque};

use xxhash_rust::xxh3::xxh3_64;

use super::Threshold;
use crate::ids::TraceId;

/// A decision as it is stored: hash of the trace id, and how many of the random values are rejected; all of them for a dropped trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) hash: u64,
    pub(crate) rejected: u64,
}

impl Decision {
    pub(crate) fn new(id: TraceId, kept: Option<Threshold>) -> Self {
        let threshold = kept.unwrap_or(Threshold::KEEP_NONE);
        Self {
            hash: hash(id),
            rejected: threshold.rejected(),
        }
    }

    /// The threshold that the trace is kept with; `None` when it is dropped.
    pub(crate) fn kept(self) -> Option<Threshold> {
        let threshold = Threshold::new(self.rejected);
        (threshold < Threshold::KEEP_NONE).then_some(threshold)
    }
}

fn hash(id: TraceId) -> u64 {
    xxh3_64(&id.0)
}

/// Decisions that were made together.
#[derive(Debug)]
struct Generation {
    /// The file that holds them, once they are durable.
    file: Option<String>,
    made_at_unix_nano: u64,
    /// How many are not forgotten.
    left: usize,
}

/// The memory of decisions.
#[derive(Debug)]
pub(crate) struct Decisions {
    count_max: usize,
    age_ns: u64,
    by_hash: HashMap<u64, u64>,
    /// Oldest first.
    order: VecDeque<u64>,
    generations: VecDeque<Generation>,
}

impl Decisions {
    pub(crate) fn new(count_max: usize, age_ns: u64) -> Self {
        Self {
            count_max,
            age_ns,
            by_hash: HashMap::new(),
            order: VecDeque::new(),
            generations: VecDeque::new(),
        }
    }

    /// What was decided about trace `id`.
    pub(crate) fn get(&self, id: TraceId) -> Option<Decision> {
        let hash = hash(id);
        let rejected = *self.by_hash.get(&hash)?;
        Some(Decision { hash, rejected })
    }

    /// Number of decisions.
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// Remembers decisions made now, or at that time and held by `file`. Returns how many others are forgotten for it.
    pub(crate) fn remember(
        &mut self,
        decisions: &[Decision],
        made_at_unix_nano: u64,
        file: Option<String>,
    ) -> usize {
        let before = self.order.len();
        for decision in decisions {
            if self
                .by_hash
                .insert(decision.hash, decision.rejected)
                .is_none()
            {
                self.order.push_back(decision.hash);
            }
        }
        let left = self.order.len() - before;
        if left > 0 {
            self.generations.push_back(Generation {
                file,
                made_at_unix_nano,
                left,
            });
        }
        let too_many = self.order.len().saturating_sub(self.count_max);
        (0..too_many).for_each(|_| self.forget_oldest());
        too_many
    }

    /// Forgets what is too old.
    pub(crate) fn forget_old(&mut self, now_unix_nano: u64) {
        while let Some(oldest) = self.generations.front() {
            if now_unix_nano.saturating_sub(oldest.made_at_unix_nano) <= self.age_ns {
                return;
            }
            (0..oldest.left).for_each(|_| self.forget_oldest());
        }
    }

    /// Decisions that no file holds yet.
    pub(crate) fn not_durable(&self) -> Vec<Decision> {
        let generations = self.generations.iter().rev();
        let count: usize = generations
            .take_while(|generation| generation.file.is_none())
            .map(|generation| generation.left)
            .sum();
        let newest = self.order.iter().skip(self.order.len() - count);
        newest
            .filter_map(|hash| {
                let rejected = *self.by_hash.get(hash)?;
                Some(Decision {
                    hash: *hash,
                    rejected,
                })
            })
            .collect()
    }

    /// All decisions are durable; those that were not are in `file`.
    pub(crate) fn durable(&mut self, file: &str) {
        for generation in self.generations.iter_mut().rev() {
            if generation.file.is_some() {
                return;
            }
            generation.file = Some(file.to_owned());
        }
    }

    /// True while decisions that `file` holds are remembered.
    pub(crate) fn are_in(&self, file: &str) -> bool {
        let mut files = self
            .generations
            .iter()
            .filter_map(|made| made.file.as_ref());
        files.any(|name| name == file)
    }

    fn forget_oldest(&mut self) {
        if let Some(hash) = self.order.pop_front() {
            self.by_hash.remove(&hash);
        }
        if let Some(oldest) = self.generations.front_mut() {
            oldest.left -= 1;
            if oldest.left == 0 {
                self.generations.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> TraceId {
        TraceId([number; 16])
    }

    fn made(numbers: std::ops::Range<u8>) -> Vec<Decision> {
        let decision = |number| {
            let threshold = Threshold::new(u64::from(number));
            Decision::new(id(number), (number % 2 == 0).then_some(threshold))
        };
        numbers.map(decision).collect()
    }

    #[test]
    fn kept_and_dropped_traces_are_told_apart() {
        let mut decisions = Decisions::new(10, 100);
        decisions.remember(&made(1..3), 0, None);
        let kept = |number| decisions.get(id(number)).map(Decision::kept);
        assert_eq!(kept(1), Some(None));
        assert_eq!(kept(2), Some(Some(Threshold::new(2))));
        assert_eq!(kept(3), None);
    }

    #[test]
    fn the_oldest_is_forgotten_when_there_is_one_too_many() {
        let mut decisions = Decisions::new(3, 100);
        assert_eq!(decisions.remember(&made(1..4), 0, Some("a".into())), 0);
        assert_eq!((decisions.len(), decisions.get(id(1)).is_some()), (3, true));
        assert_eq!(decisions.remember(&made(4..5), 0, Some("b".into())), 1);
        assert_eq!((decisions.len(), decisions.get(id(1))), (3, None));
        assert!(decisions.are_in("a") && decisions.are_in("b"));
        decisions.remember(&made(5..7), 0, Some("c".into()));
        assert!(!decisions.are_in("a"));
    }

    #[test]
    fn what_is_older_than_its_age_is_forgotten() {
        let mut decisions = Decisions::new(10, 100);
        decisions.remember(&made(1..3), 1_000, Some("a".into()));
        decisions.remember(&made(3..4), 1_050, Some("b".into()));
        decisions.forget_old(1_100);
        assert_eq!(decisions.len(), 3);
        decisions.forget_old(1_101);
        assert_eq!((decisions.len(), decisions.get(id(2))), (1, None));
        assert!(!decisions.are_in("a") && decisions.are_in("b"));
    }

    #[test]
    fn decisions_of_failed_flushes_become_durable_with_the_next_one() {
        let mut decisions = Decisions::new(10, 100);
        decisions.remember(&made(1..3), 0, Some("a".into()));
        decisions.remember(&made(3..5), 0, None);
        decisions.remember(&made(4..6), 0, None);
        assert_eq!(decisions.not_durable(), made(3..6));
        decisions.durable("b");
        assert_eq!(decisions.not_durable(), []);
        assert!(decisions.are_in("b"));
    }
}
