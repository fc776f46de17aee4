//! Seeded random numbers (`SplitMix64`), so that a failing run can be repeated.

/// A random source. Its seed is printed by whoever makes it from [`Random::fresh`].
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// The source with this seed.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// The seed in `CLEW_TEST_SEED`, or a new one.
    pub(crate) fn fresh() -> (Self, u64) {
        let seed = if let Ok(text) = std::env::var("CLEW_TEST_SEED") {
            text.parse().expect("CLEW_TEST_SEED is a number")
        } else {
            use std::hash::{BuildHasher, RandomState};
            RandomState::new().hash_one(0)
        };
        (Self(seed), seed)
    }

    /// 64 random bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// `count` elements of `all` in random order; all of them if there are fewer.
    pub(crate) fn sample<T: Clone>(&mut self, all: &[T], count: usize) -> Vec<T> {
        let mut pool = all.to_vec();
        for i in 0..pool.len().min(count) {
            let j = i + self.below(pool.len() - i);
            pool.swap(i, j);
        }
        pool.truncate(count);
        pool
    }
}
