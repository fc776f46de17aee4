//! Keeping no more than a budget, with exact weights.
//!
//! Of the candidates, those with the highest random bits are kept as long as they fit together; the bits of the first that does not fit,
//! plus one, are the threshold of all. For a candidate that is kept the threshold would be the same whatever its own bits above it, so
//! given all others its probability is the one that the threshold says. This is priority sampling; with candidates of one size it is
//! bottom-k.
//!
//! A candidate that alone is larger than the budget would never be kept so, and counts would miss it. Such ones are kept with the
//! probability that spends the budget on average, budget / size of all, and the budget that they are expected to take is set aside.
//! The number kept then varies, their estimate is right.

use clew_storage::sampling::Threshold;

/// A trace that asks for a part of the budget.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    /// The trace's random bits.
    pub(super) random_bits: u64,
    /// What sampling before this has kept it with.
    pub(super) applied: Threshold,
    /// What it takes of the budget.
    pub(super) size: f64,
}

/// The threshold of each candidate. Together, what they keep takes about `budget`, or less when there is no more.
pub(super) fn thresholds(candidates: &[Candidate], budget: f64) -> Vec<Threshold> {
    let total: f64 = candidates.iter().map(|candidate| candidate.size).sum();
    if total <= budget {
        return vec![Threshold::KEEP_ALL; candidates.len()];
    }
    let share = budget.max(0.0) / total;
    let limit = largest_fitting(candidates, budget, share);
    let fits = |candidate: &&Candidate| candidate.size <= limit;
    let common = priority(candidates.iter().filter(fits), limit);
    let of = |candidate: &Candidate| {
        if fits(&candidate) {
            common
        } else {
            candidate.applied.tightened(share)
        }
    };
    candidates.iter().map(of).collect()
}

/// What is left of the budget when the share of those that are larger than what is left is set aside.
fn largest_fitting(candidates: &[Candidate], budget: f64, share: f64) -> f64 {
    let mut limit = budget;
    loop {
        let larger = candidates.iter().map(|candidate| candidate.size);
        let larger: f64 = larger.filter(|size| *size > limit).sum();
        let left = budget - share * larger;
        if left >= limit {
            return limit;
        }
        limit = left;
    }
}

/// The common threshold of candidates none of which is larger than the budget.
fn priority<'a>(candidates: impl Iterator<Item = &'a Candidate>, budget: f64) -> Threshold {
    let mut ordered: Vec<_> = candidates
        .map(|candidate| (candidate.random_bits, candidate.size))
        .collect();
    ordered.sort_unstable_by(|left, right| right.0.cmp(&left.0).then(left.1.total_cmp(&right.1)));
    let mut taken = 0.0;
    for (random_bits, size) in ordered {
        taken += size;
        if taken > budget {
            return Threshold::new(random_bits + 1);
        }
    }
    Threshold::KEEP_ALL
}

/// What may be kept as time goes on: a rate, and what was not used of it up to a bound.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    /// Per second.
    rate: f64,
    capacity: f64,
    left: f64,
    /// Up to when the rate has been granted, ns since the epoch.
    granted_unix_nano: i64,
}

/// A budget is at least what comes in this time, so that no trace has a probability of zero.
const BUDGET_MIN_S: f64 = 0.1;

impl Bucket {
    /// A full bucket.
    pub(super) fn new(rate: f64, capacity: f64, now_unix_nano: i64) -> Self {
        Self {
            rate,
            capacity,
            left: capacity,
            granted_unix_nano: now_unix_nano,
        }
    }

    /// What may be kept of that which came in this time, ns since the epoch. A quiet time before it fills the bucket.
    pub(super) fn refill(&mut self, came: (i64, i64)) -> f64 {
        let seconds = |from: i64, until: i64| until.saturating_sub(from).max(0) as f64 / 1e9;
        let quiet_s = seconds(self.granted_unix_nano, came.0);
        let busy_s = seconds(came.0.max(self.granted_unix_nano), came.1);
        self.left = (self.left + self.rate * quiet_s).min(self.capacity) + self.rate * busy_s;
        self.granted_unix_nano = self.granted_unix_nano.max(came.1);
        self.left.max(self.rate * BUDGET_MIN_S)
    }

    /// Takes what was kept; what is left beyond the capacity is lost, and a debt is forgiven.
    pub(super) fn take(&mut self, used: f64) {
        self.left = (self.left - used).clamp(0.0, self.capacity);
    }

    /// True when the bucket is as good as a new one at `now_unix_nano`.
    pub(super) fn is_full(&self, now_unix_nano: i64) -> bool {
        let quiet_ns = now_unix_nano.saturating_sub(self.granted_unix_nano).max(0);
        self.left + self.rate * quiet_ns as f64 / 1e9 >= self.capacity
    }
}

#[cfg(test)]
mod tests {
    use clew_storage::sampling::threshold::RANDOM_VALUES;
    use proptest::prelude::*;

    use super::*;

    fn candidates(sizes: &[(u64, f64)]) -> Vec<Candidate> {
        let candidate = |(random_bits, size): &(u64, f64)| Candidate {
            random_bits: *random_bits,
            applied: Threshold::KEEP_ALL,
            size: *size,
        };
        sizes.iter().map(candidate).collect()
    }

    fn kept(candidates: &[Candidate], budget: f64) -> Vec<u64> {
        let thresholds = thresholds(candidates, budget);
        let kept = candidates.iter().zip(thresholds);
        let kept = kept.filter(|(candidate, threshold)| threshold.keeps(candidate.random_bits));
        kept.map(|(candidate, _)| candidate.random_bits).collect()
    }

    #[test]
    fn equal_sizes_are_bottom_k() {
        let ten = candidates(&[5, 9, 1, 7, 3, 8, 2, 6, 4, 0].map(|bits| (bits, 1.0)));
        for (budget, expected) in [(3.0, &[9, 7, 8][..]), (3.9, &[9, 7, 8]), (1.0, &[9])] {
            assert_eq!(kept(&ten, budget), expected);
            let threshold = 9 - expected.len() as u64 + 1;
            assert_eq!(thresholds(&ten, budget)[0], Threshold::new(threshold));
        }
        assert_eq!(thresholds(&ten, 10.0)[0], Threshold::KEEP_ALL);
        assert_eq!(kept(&ten, 9.9).len(), 9);
    }

    #[test]
    fn below_one_it_is_a_share() {
        let four = candidates(&[1, 2, 3, 4].map(|bits| (bits, 1.0)));
        let share = Threshold::from_probability(0.125).unwrap();
        assert_eq!(thresholds(&four, 0.5), vec![share; 4]);
        assert_eq!(thresholds(&four, 0.0), vec![Threshold::KEEP_NONE; 4]);
    }

    #[test]
    fn what_is_too_large_is_kept_now_and_then_and_leaves_room() {
        let mut sizes: Vec<_> = (0..20).map(|bits| (bits, 1.0)).collect();
        sizes.push((1 << 55, 60.0));
        let found = thresholds(&candidates(&sizes), 20.0);
        // A quarter of the large one is set aside, 15 of 20; of the others five fit.
        assert_eq!(found[20], Threshold::from_probability(0.25).unwrap());
        assert_eq!(&found[..20], [Threshold::new(15); 20]);
    }

    #[test]
    fn a_bucket_keeps_what_is_not_used_up_to_its_capacity() {
        const SECOND: i64 = 1_000_000_000;
        let close = |found: f64, expected: f64| {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        };
        let mut bucket = Bucket::new(10.0, 5.0, 0);
        assert!(bucket.is_full(0));
        close(bucket.refill((0, SECOND)), 15.0);
        bucket.take(12.0);
        assert!(!bucket.is_full(SECOND) && bucket.is_full(2 * SECOND));
        close(bucket.refill((SECOND, 3 * SECOND / 2)), 8.0);
        // What is left beyond the capacity is lost.
        bucket.take(1.0);
        close(bucket.refill((3 * SECOND / 2, 2 * SECOND)), 10.0);
        bucket.take(30.0);
        // A quiet hour fills it once, and what came late has a budget all the same.
        close(bucket.refill((3_600 * SECOND, 3_601 * SECOND)), 15.0);
        bucket.take(30.0);
        close(bucket.refill((SECOND, 2 * SECOND)), 1.0);
    }

    proptest! {
        /// What makes the weights exact: a kept candidate's threshold does not depend on its own random bits.
        #[test]
        fn a_kept_one_would_have_the_same_threshold_with_any_bits_above_it(
            sizes in prop::collection::vec((0..RANDOM_VALUES, 1..20_u32), 1..30),
            budget in 0.0..80.0_f64,
            raise in 0.0..1.0_f64,
        ) {
            let sizes: Vec<_> = sizes.into_iter().map(|(bits, size)| (bits, f64::from(size))).collect();
            let all = candidates(&sizes);
            let before = thresholds(&all, budget);
            for place in 0..all.len() {
                let threshold = before[place];
                if !threshold.keeps(all[place].random_bits) {
                    continue;
                }
                let room = (RANDOM_VALUES - 1 - threshold.rejected()) as f64;
                let mut other = all.clone();
                other[place].random_bits = threshold.rejected() + (room * raise) as u64;
                prop_assert_eq!(thresholds(&other, budget)[place], threshold);
            }
        }

        #[test]
        fn what_fits_stays_within_the_budget(
            bits in prop::collection::vec(0..RANDOM_VALUES, 1..50),
            budget in 1.0..60.0_f64,
        ) {
            let all = candidates(&bits.iter().map(|bits| (*bits, 1.0)).collect::<Vec<_>>());
            prop_assert!(kept(&all, budget).len() as f64 <= budget);
        }
    }
}
