//! A filter that stays in its file: it is asked by reading one page of it.
//!
//! ```text
//!   page: [block of a `filter`, 32 bytes] × up to 127 | crc32 u32 of them, little endian
//! ```
//!
//! All pages of a filter have equally many blocks, and as few pages as will do. So its length tells how many there are, and without a page
//! nothing is known.

use std::ops::Range;

use super::filter::{self, BLOCK_BYTES};

/// Blocks of one page at most: with its checksum a page has less than 4 KiB.
const PAGE_BLOCKS: usize = 127;
const CRC_BYTES: usize = 4;
const PAGE_BYTES_MAX: usize = PAGE_BLOCKS * BLOCK_BYTES + CRC_BYTES;

/// The bytes of a filter that holds `hashes` with about `bits_each` bits for each.
pub(super) fn build(hashes: &[u64], bits_each: usize) -> Vec<u8> {
    let blocks = filter::blocks(hashes.len(), bits_each);
    let pages = blocks.div_ceil(PAGE_BLOCKS);
    let page_blocks = blocks.div_ceil(pages);
    let filter = filter::of_blocks(hashes, pages * page_blocks);
    let mut bytes = Vec::with_capacity(filter.len() + pages * CRC_BYTES);
    for page in filter.chunks_exact(page_blocks * BLOCK_BYTES) {
        bytes.extend(page);
        bytes.extend(crc32fast::hash(page).to_le_bytes());
    }
    bytes
}

/// Where a filter is to be read to be asked for a hash.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The bytes of the page.
    pub(super) page: Range<u64>,
    /// Number of the block in it.
    block: usize,
}

impl Place {
    /// The place of `hash` in a filter of `bytes` bytes; `None` when these are no whole pages.
    pub(super) fn of(hash: u64, bytes: u64) -> Option<Self> {
        let pages = bytes.div_ceil(PAGE_BYTES_MAX as u64);
        let page_bytes = bytes.checked_div(pages)?;
        let of_blocks = (page_bytes as usize).checked_sub(CRC_BYTES)?;
        let page_blocks = of_blocks / BLOCK_BYTES;
        if pages * page_bytes != bytes || page_blocks * BLOCK_BYTES != of_blocks || of_blocks == 0 {
            return None;
        }
        let block = filter::block_start(hash, pages as usize * of_blocks) / BLOCK_BYTES;
        let start = (block / page_blocks) as u64 * page_bytes;
        Some(Self {
            page: start..start + page_bytes,
            block: block % page_blocks,
        })
    }

    /// False only when `hash` was not put in; `None` when `page`, which was read at this place, is damaged.
    pub(super) fn may_hold(&self, hash: u64, page: &[u8]) -> Option<bool> {
        let (blocks, crc) = page.split_last_chunk::<CRC_BYTES>()?;
        if crc32fast::hash(blocks) != u32::from_le_bytes(*crc) {
            return None;
        }
        let block = blocks.chunks_exact(BLOCK_BYTES).nth(self.block)?;
        Some(filter::is_in_block(hash, block))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use xxhash_rust::xxh3::xxh3_64;

    fn hashes(numbers: Range<u64>) -> Vec<u64> {
        numbers.map(|n| xxh3_64(&n.to_le_bytes())).collect()
    }

    fn ask(filter: &[u8], hash: u64) -> Option<bool> {
        let place = Place::of(hash, filter.len() as u64)?;
        let page = place.page.start as usize..place.page.end as usize;
        place.may_hold(hash, &filter[page])
    }

    proptest! {
        #[test]
        fn what_was_put_in_is_found(count in 0..5_000u64, bits in 1..20usize) {
            let hashes = hashes(0..count);
            let filter = build(&hashes, bits);
            prop_assert!(hashes.iter().all(|hash| ask(&filter, *hash) == Some(true)));
        }

        #[test]
        fn any_length_is_pages_or_none(bytes in 0..20_000u64, hash: u64) {
            if let Some(place) = Place::of(hash, bytes) {
                prop_assert!(place.page.end <= bytes);
                let page = vec![0; (place.page.end - place.page.start) as usize];
                prop_assert!(page.len() <= PAGE_BYTES_MAX);
                place.may_hold(hash, &page);
            }
        }
    }

    #[test]
    fn a_filter_has_no_more_pages_than_it_needs() {
        for (blocks, pages) in [
            (1, 1),
            (127, 1),
            (128, 2),
            (254, 2),
            (255, 3),
            (12_700, 100),
        ] {
            let filter = build(&hashes(0..blocks * 256 / 16), 16);
            let place = Place::of(0, filter.len() as u64).unwrap();
            assert_eq!(
                filter.len() as u64 / place.page.end,
                pages,
                "{blocks} blocks"
            );
        }
        assert!(!ask(&build(&[], 16), 7).unwrap());
        assert_eq!(Place::of(7, 0), None);
    }

    #[test]
    fn it_answers_as_the_filter_in_one_piece() {
        // Two pages of 64 blocks: as many blocks in one piece.
        let held = hashes(0..2_048);
        let (paged, whole) = (build(&held, 16), filter::build(&held, 16));
        let whole = filter::Filter::new(whole.into()).unwrap();
        assert_eq!(paged.len(), 2 * (64 * BLOCK_BYTES + CRC_BYTES));
        for hash in hashes(0..50_000) {
            assert_eq!(ask(&paged, hash), Some(whole.may_hold(hash)));
        }
    }

    #[test]
    fn damage_is_noticed_in_the_page_that_has_it() {
        let mut filter = build(&hashes(0..10_000), 16);
        let place = Place::of(0, filter.len() as u64).unwrap();
        filter[place.page.start as usize + 5] ^= 4;
        let damaged = |hash: &&u64| ask(&filter, **hash).is_none();
        let hashes = hashes(0..10_000);
        let damaged: Vec<_> = hashes.iter().filter(damaged).collect();
        let of_page =
            |hash: &u64| Place::of(*hash, filter.len() as u64).unwrap().page == place.page;
        assert!(damaged.iter().all(|hash| of_page(hash)));
        assert_eq!(
            damaged.len(),
            hashes.iter().filter(|hash| of_page(hash)).count()
        );
    }
}
