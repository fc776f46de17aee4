//! A split-block Bloom filter over 64-bit hashes, as Parquet describes it.
//!
//! ```text
//!   hash:  upper 32 bits ──▶ block        lower 32 bits × 8 salts ──▶ one bit in each word
//!   block: [word 0][word 1][word 2][word 3][word 4][word 5][word 6][word 7]      8 × 32 bits, little endian
//! ```
//!
//! Without an entry it says no to everything; without a block (nothing is known) it says yes to everything.

use bytes::Bytes;

pub(super) const BLOCK_BYTES: usize = 32;

const SALTS: [u32; 8] = [
    0x47b6_137b,
    0x4497_4d91,
    0x8824_ad5b,
    0xa2b7_289d,
    0x7054_95c7,
    0x2df1_424b,
    0x9efc_4947,
    0x5c6b_fb31,
];

/// The bit of each word that `hash` sets.
fn bits(hash: u64) -> [u32; 8] {
    SALTS.map(|salt| 1 << ((hash as u32).wrapping_mul(salt) >> 27))
}

/// Where the block of `hash` begins in a filter of `bytes` bytes.
pub(super) fn block_start(hash: u64, bytes: usize) -> usize {
    let blocks = (bytes / BLOCK_BYTES) as u64;
    (((hash >> 32) * blocks) >> 32) as usize * BLOCK_BYTES
}

/// The bytes of a filter that holds `hashes` with about `bits_each` bits for each.
pub(super) fn build(hashes: &[u64], bits_each: usize) -> Vec<u8> {
    of_blocks(hashes, blocks(hashes.len(), bits_each))
}

/// The blocks for so many hashes, one at least.
pub(super) fn blocks(hashes: usize, bits_each: usize) -> usize {
    (hashes * bits_each / 8).div_ceil(BLOCK_BYTES).max(1)
}

/// The bytes of a filter of `blocks` blocks that holds `hashes`.
pub(super) fn of_blocks(hashes: &[u64], blocks: usize) -> Vec<u8> {
    let mut filter = vec![0u8; blocks * BLOCK_BYTES];
    for hash in hashes {
        let start = block_start(*hash, filter.len());
        for (word, bit) in filter[start..start + BLOCK_BYTES]
            .chunks_exact_mut(4)
            .zip(bits(*hash))
        {
            word.iter_mut()
                .zip(bit.to_le_bytes())
                .for_each(|(byte, bit)| *byte |= bit);
        }
    }
    filter
}

/// True when all bits of `hash` are set in its block.
pub(super) fn is_in_block(hash: u64, block: &[u8]) -> bool {
    let mut words = block.chunks_exact(4).zip(bits(hash));
    words.all(|(word, bit)| {
        word.iter()
            .zip(bit.to_le_bytes())
            .all(|(byte, bit)| byte & bit == bit)
    })
}

/// A filter to ask.
#[derive(Debug, Clone)]
pub(super) struct Filter(Bytes);

impl Filter {
    /// The filter of these bytes; `None` when they cannot be one.
    pub(super) fn new(bytes: Bytes) -> Option<Self> {
        bytes
            .len()
            .is_multiple_of(BLOCK_BYTES)
            .then_some(Self(bytes))
    }

    /// False only when `hash` was not put in.
    pub(super) fn may_hold(&self, hash: u64) -> bool {
        let start = block_start(hash, self.0.len());
        let Some(block) = self.0.get(start..start + BLOCK_BYTES) else {
            return true;
        };
        is_in_block(hash, block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use xxhash_rust::xxh3::xxh3_64;

    proptest! {
        #[test]
        fn what_was_put_in_is_found(hashes in prop::collection::vec(any::<u64>(), 0..500), bits in 1..20usize) {
            let filter = Filter::new(build(&hashes, bits).into()).unwrap();
            prop_assert!(hashes.iter().all(|hash| filter.may_hold(*hash)));
        }
    }

    fn false_positives(count: u64, bits_each: usize) -> usize {
        let hashes: Vec<_> = (0..count).map(|n| xxh3_64(&n.to_le_bytes())).collect();
        let filter = Filter::new(build(&hashes, bits_each).into()).unwrap();
        (count..count + 100_000)
            .filter(|n| filter.may_hold(xxh3_64(&n.to_le_bytes())))
            .count()
    }

    #[test]
    fn strangers_are_seldom_let_through() {
        assert!(false_positives(10_000, 12) < 1_000);
        assert!(false_positives(10_000, 16) < 300);
    }

    #[test]
    fn an_empty_filter_holds_nothing_and_a_missing_one_anything() {
        assert_eq!(false_positives(0, 12), 0);
        assert!(Filter::new(Bytes::new()).unwrap().may_hold(7));
        assert!(Filter::new(Bytes::from_static(&[0; 33])).is_none());
    }
}
