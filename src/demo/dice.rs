//! Chance, for the demo.

use std::sync::Arc;

use clew_storage::env::{Env, Random};

/// Draws from the randomness of the environment.
pub(super) struct Dice(Arc<dyn Random>);

impl Dice {
    /// Dice that draw from `env`.
    pub(super) fn new(env: &Env) -> Self {
        Self(Arc::clone(&env.random))
    }

    /// 64 random bits.
    pub(super) fn bits(&self) -> u64 {
        self.0.next_u64()
    }

    /// A number from 0 up to but not including 1.
    fn unit(&self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with `probability`.
    pub(super) fn chance(&self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A number from `low` up to but not including `high`.
    pub(super) fn between(&self, low: u64, high: u64) -> u64 {
        low + self.bits() % (high - low).max(1)
    }

    /// One of `items`.
    pub(super) fn pick<'a, T>(&self, items: &'a [T]) -> &'a T {
        &items[self.between(0, items.len() as u64) as usize]
    }

    /// A latency around `typical_us`, with the long tail that latencies have; ns.
    pub(super) fn latency_ns(&self, typical_us: u64) -> u64 {
        let stretch = (-(1.0 - self.unit()).ln()).powi(2) / 2.0;
        (typical_us as f64 * 1_000.0 * (0.6 + stretch.min(12.0))) as u64
    }
}
