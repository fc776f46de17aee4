//! Thresholds on the 56 random bits of a trace, and the weights that follow from them.
//!
//! A trace has 56 random bits R, the same at every stage. A stage with threshold T keeps the trace when R >= T, which has the probability
//! 1 - T / 2^56. What passed several stages was kept with the highest of their thresholds, so weights combine by their maximum.

use crate::ids::TraceId;

/// Number of values that the random bits of a trace can take.
pub const RANDOM_VALUES: u64 = 1 << 56;

/// Random bits below this reject a trace; from 0 (keep all) to 2^56 (keep none).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Threshold(u64);

impl Threshold {
    /// Keeps every trace.
    pub const KEEP_ALL: Self = Self(0);
    /// Keeps no trace.
    pub const KEEP_NONE: Self = Self(RANDOM_VALUES);

    /// The threshold `rejected`; [`Threshold::KEEP_NONE`] if that is larger.
    #[must_use]
    pub fn new(rejected: u64) -> Self {
        Self(rejected.min(RANDOM_VALUES))
    }

    /// The threshold that keeps a trace with this probability, `None` if it is not between 0 and 1.
    #[must_use]
    pub fn from_probability(probability: f64) -> Option<Self> {
        let kept = (probability * RANDOM_VALUES as f64).round();
        (0.0..=1.0)
            .contains(&probability)
            .then(|| Self(RANDOM_VALUES - kept as u64))
    }

    /// The threshold that a weight stands for: the inverse of [`Threshold::weight`], up to rounding.
    #[must_use]
    pub fn from_weight(weight: f64) -> Self {
        if weight > 1.0 {
            Self::from_probability(1.0 / weight).unwrap_or(Self::KEEP_ALL)
        } else {
            Self::KEEP_ALL
        }
    }

    /// How many of the random values are rejected.
    #[must_use]
    pub fn rejected(self) -> u64 {
        self.0
    }

    /// True when a trace with these random bits is kept.
    #[must_use]
    pub fn keeps(self, random_bits: u64) -> bool {
        random_bits >= self.0
    }

    /// The probability with which a trace is kept.
    #[must_use]
    pub fn probability(self) -> f64 {
        (RANDOM_VALUES - self.0) as f64 / RANDOM_VALUES as f64
    }

    /// How many traces each kept one stands for; infinite when none is kept.
    #[must_use]
    pub fn weight(self) -> f64 {
        RANDOM_VALUES as f64 / (RANDOM_VALUES - self.0) as f64
    }

    /// What a span weighs that had `weight` before and was kept with this threshold too.
    #[must_use]
    pub fn raise(self, weight: f64) -> f64 {
        if self == Self::KEEP_ALL {
            weight
        } else {
            weight.max(self.weight())
        }
    }

    /// The threshold that keeps the complementary share: all where this one keeps none.
    #[must_use]
    pub fn complement(self) -> Self {
        Self(RANDOM_VALUES - self.0)
    }

    /// Of what this threshold keeps, the share `probability`, which is clamped to 0 to 1.
    #[must_use]
    pub fn tightened(self, probability: f64) -> Self {
        let kept = (RANDOM_VALUES - self.0) as f64 * probability.clamp(0.0, 1.0);
        Self(RANDOM_VALUES - kept.round() as u64)
    }
}

/// The random bits of a trace id that has no explicit ones beside it: its low 56 bits.
#[must_use]
pub fn random_bits(id: TraceId) -> u64 {
    u128::from_be_bytes(id.0) as u64 & (RANDOM_VALUES - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_weights_and_complements_agree() {
        for (probability, rejected) in [(1.0, 0), (0.5, 1 << 55), (0.25, 3 << 54), (0.0, 1 << 56)] {
            let threshold = Threshold::from_probability(probability).unwrap();
            assert_eq!(threshold.rejected(), rejected);
            assert_eq!(threshold.probability().to_bits(), probability.to_bits());
            assert_eq!(
                threshold.complement(),
                Threshold::from_probability(1.0 - probability).unwrap()
            );
            if probability > 0.0 {
                assert_eq!(threshold.weight().to_bits(), (1.0 / probability).to_bits());
                assert_eq!(Threshold::from_weight(threshold.weight()), threshold);
            }
        }
        assert_eq!(Threshold::from_weight(0.3), Threshold::KEEP_ALL);
        assert_eq!(Threshold::new(u64::MAX), Threshold::KEEP_NONE);
        for probability in [-0.1, 1.1, f64::NAN] {
            assert_eq!(Threshold::from_probability(probability), None);
        }
    }

    #[test]
    fn bits_at_the_threshold_are_kept_and_below_it_rejected() {
        let half = Threshold::new(1 << 55);
        assert!(half.keeps(1 << 55) && !half.keeps((1 << 55) - 1));
        assert!(Threshold::KEEP_ALL.keeps(0));
        assert!(!Threshold::KEEP_NONE.keeps(RANDOM_VALUES - 1));
    }

    #[test]
    fn the_higher_weight_counts() {
        let half = Threshold::new(1 << 55);
        let raised = [1.0, 2.0, 8.0].map(|weight| half.raise(weight).to_bits());
        assert_eq!(raised, [2.0_f64, 2.0, 8.0].map(f64::to_bits));
        assert_eq!(
            Threshold::KEEP_ALL.raise(0.25).to_bits(),
            0.25_f64.to_bits()
        );
    }

    #[test]
    fn a_share_of_a_share_is_their_product() {
        let quarter = Threshold::new(1 << 55).tightened(0.5);
        assert_eq!(quarter, Threshold::from_probability(0.25).unwrap());
        assert_eq!(quarter.tightened(7.0), quarter);
        assert_eq!(quarter.tightened(0.0), Threshold::KEEP_NONE);
    }

    #[test]
    fn only_the_low_bits_of_an_id_are_random() {
        let id = TraceId((u128::MAX << 56 | 7).to_be_bytes());
        assert_eq!(random_bits(id), 7);
    }
}
