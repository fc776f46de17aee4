//! Where each trace's rows stand: sorted by trace id in blocks of one size, searched by halving.
//!
//! ```text
//!   block, 4096 bytes:  [trace id 16 | first row u32 | row count u32] × up to 170 | zeros | entries u32 | crc32 u32
//! ```
//!
//! The checksum covers the 4092 bytes before it. All blocks but the last are full.

use std::ops::Range;

use crate::ids::TraceId;

pub(super) const BLOCK: usize = 4096;
const ENTRY: usize = 24;
const ENTRIES_MAX: usize = (BLOCK - 8) / ENTRY;

/// The blocks of `traces`, which are sorted by id.
pub(super) fn build(traces: &[(TraceId, Range<u32>)]) -> Vec<u8> {
    let mut blocks = Vec::with_capacity(traces.len().div_ceil(ENTRIES_MAX) * BLOCK);
    for entries in traces.chunks(ENTRIES_MAX) {
        let start = blocks.len();
        for (id, rows) in entries {
            blocks.extend_from_slice(&id.0);
            blocks.extend_from_slice(&rows.start.to_le_bytes());
            blocks.extend_from_slice(&(rows.end - rows.start).to_le_bytes());
        }
        blocks.resize(start + BLOCK - 8, 0);
        blocks.extend_from_slice(&(entries.len() as u32).to_le_bytes());
        blocks.extend_from_slice(&crc32fast::hash(&blocks[start..]).to_le_bytes());
    }
    blocks
}

/// A checked block.
struct Block<'a> {
    entries: &'a [u8],
}

impl<'a> Block<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let (content, crc) = bytes.split_last_chunk::<4>()?;
        let (entries, count) = content.split_last_chunk::<4>()?;
        let entries = entries.get(..ENTRY * u32::from_le_bytes(*count) as usize)?;
        let whole = bytes.len() == BLOCK
            && !entries.is_empty()
            && crc32fast::hash(content) == u32::from_le_bytes(*crc);
        whole.then_some(Self { entries })
    }

    fn find(&self, id: TraceId) -> Result<Range<u32>, Side> {
        let (entries, _) = self.entries.as_chunks::<ENTRY>();
        match entries.binary_search_by_key(&id.0.as_slice(), |entry| &entry[..16]) {
            Ok(place) => {
                let number = |at: usize| {
                    u32::from_le_bytes([
                        entries[place][at],
                        entries[place][at + 1],
                        entries[place][at + 2],
                        entries[place][at + 3],
                    ])
                };
                Ok(number(16)..number(16).saturating_add(number(20)))
            }
            Err(0) => Err(Side::Before),
            Err(place) if place == entries.len() => Err(Side::After),
            Err(_) => Err(Side::Nowhere),
        }
    }
}

/// Where an id that is not in a block can still be.
enum Side {
    Before,
    After,
    Nowhere,
}

/// Searches `blocks` blocks for `id`; `read` gives the bytes of a block, and `damaged` an error for a block that is not whole.
pub(super) fn find<E>(
    id: TraceId,
    blocks: u64,
    read: impl Fn(u64) -> Result<Vec<u8>, E>,
    damaged: impl Fn(u64) -> E,
) -> Result<Option<Range<u32>>, E> {
    let (mut low, mut high) = (0, blocks);
    while low < high {
        let middle = low + (high - low) / 2;
        let bytes = read(middle)?;
        let block = Block::new(&bytes).ok_or_else(|| damaged(middle))?;
        match block.find(id) {
            Ok(rows) => return Ok(Some(rows)),
            Err(Side::Nowhere) => return Ok(None),
            Err(Side::Before) => high = middle,
            Err(Side::After) => low = middle + 1,
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cell::Cell;
    use std::collections::BTreeMap;

    fn find_in(blocks: &[u8], id: TraceId) -> Result<Option<Range<u32>>, u64> {
        let read = |number: u64| Ok(blocks[number as usize * BLOCK..][..BLOCK].to_vec());
        find(id, (blocks.len() / BLOCK) as u64, read, |number| number)
    }

    fn numbered(number: u32) -> TraceId {
        let mut id = [0; 16];
        id[4..8].copy_from_slice(&number.to_be_bytes());
        TraceId(id)
    }

    proptest! {
        #[test]
        fn every_trace_is_found_and_no_other(
            traces in prop::collection::btree_map(any::<[u8; 16]>(), (any::<u16>(), any::<u16>()), 0..600),
            strangers in prop::collection::vec(any::<[u8; 16]>(), 20),
        ) {
            let traces: BTreeMap<_, _> = traces.into_iter().map(|(id, (first, count))| {
                (TraceId(id), u32::from(first)..u32::from(first) + u32::from(count))
            }).collect();
            let blocks = build(&traces.clone().into_iter().collect::<Vec<_>>());
            for (id, rows) in &traces {
                prop_assert_eq!(find_in(&blocks, *id), Ok(Some(rows.clone())));
            }
            for id in strangers.into_iter().map(TraceId) {
                prop_assert_eq!(find_in(&blocks, id), Ok(traces.get(&id).cloned()));
            }
        }

        #[test]
        fn a_flipped_bit_is_noticed(count in 1u32..300, at in any::<prop::sample::Index>(), bit in 0..8u8) {
            let traces: Vec<_> = (0..count).map(|n| (numbered(n), n..n + 1)).collect();
            let mut blocks = build(&traces);
            let at = at.index(blocks.len());
            blocks[at] ^= 1 << bit;
            let id = numbered(((at / BLOCK) * ENTRIES_MAX) as u32);
            prop_assert_eq!(find_in(&blocks, id), Err((at / BLOCK) as u64));
        }
    }

    #[test]
    fn a_search_reads_few_blocks() {
        let traces: Vec<_> = (0..100_000).map(|n| (numbered(2 * n), n..n + 1)).collect();
        let blocks = build(&traces);
        for id in [0, 1, 77_777, 199_998, 500_000] {
            let reads = Cell::new(0);
            let read = |number: u64| {
                reads.set(reads.get() + 1);
                Ok::<_, ()>(blocks[number as usize * BLOCK..][..BLOCK].to_vec())
            };
            let rows = find(numbered(id), (blocks.len() / BLOCK) as u64, read, |_| ()).unwrap();
            assert_eq!(
                rows,
                (id % 2 == 0 && id < 200_000).then_some(id / 2..id / 2 + 1)
            );
            assert!(reads.get() <= 10, "{} reads", reads.get());
        }
    }
}
