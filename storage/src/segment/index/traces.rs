//! Where each trace's rows stand: sorted by trace id in blocks of one size.
//!
//! ```text
//!   block, 4096 bytes:  [trace id 16 | first row u32 | row count u32] × up to 170 | zeros | entries u32 | crc32 u32
//! ```
//!
//! The checksum covers the 4092 bytes before it. All blocks but the last are full.
//!
//! Random ids are spread evenly, so an id tells nearly where it stands: a search looks there first, and then halves what is left.

use std::ops::Range;

use crate::ids::TraceId;

pub(super) const BLOCK: usize = 4096;
const ENTRY: usize = 24;
const ENTRIES_MAX: usize = (BLOCK - 8) / ENTRY;
/// Blocks that a search reads where the id should be, if ids are spread evenly, before it halves what is left.
const GUESSES: usize = 3;

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
            Err(0) => Err(Side::Before(start_of(entries.first()))),
            Err(place) if place == entries.len() => Err(Side::After(start_of(entries.last()))),
            Err(_) => Err(Side::Nowhere),
        }
    }
}

/// Where an id that is not in a block can still be.
enum Side {
    /// In the blocks before; the start of the block's first id.
    Before(u64),
    /// In the blocks behind; the start of its last id.
    After(u64),
    Nowhere,
}

/// The first eight bytes of an id, or of an entry, which begins with one.
fn start_of<const N: usize>(id: Option<&[u8; N]>) -> u64 {
    let start = id.and_then(|id| id.first_chunk::<8>());
    start.map_or(0, |start| u64::from_be_bytes(*start))
}

/// Blocks that may hold an id, and the starts of ids that those next to them hold.
struct Left {
    blocks: Range<u64>,
    starts: Range<u64>,
}

impl Left {
    /// The block where an id that starts with `start` stands if ids are spread evenly.
    fn guess(&self, start: u64) -> u64 {
        let part = u128::from(start.saturating_sub(self.starts.start));
        let whole = u128::from(self.starts.end - self.starts.start).max(1);
        let count = self.blocks.end - self.blocks.start;
        let place = part * u128::from(count) / whole;
        self.blocks.start + place.min(u128::from(count) - 1) as u64
    }

    fn middle(&self) -> u64 {
        self.blocks.start + (self.blocks.end - self.blocks.start) / 2
    }
}

/// Searches `blocks` blocks for `id`; `read` gives the bytes of a block, and `damaged` an error for a block that is not whole.
pub(super) fn find<E>(
    id: TraceId,
    blocks: u64,
    read: impl Fn(u64) -> Result<Vec<u8>, E>,
    damaged: impl Fn(u64) -> E,
) -> Result<Option<Range<u32>>, E> {
    let mut left = Left {
        blocks: 0..blocks,
        starts: 0..u64::MAX,
    };
    let start = start_of(Some(&id.0));
    for tries in 0.. {
        if left.blocks.is_empty() {
            break;
        }
        let number = if tries < GUESSES {
            left.guess(start)
        } else {
            left.middle()
        };
        let bytes = read(number)?;
        let block = Block::new(&bytes).ok_or_else(|| damaged(number))?;
        match block.find(id) {
            Ok(rows) => return Ok(Some(rows)),
            Err(Side::Nowhere) => return Ok(None),
            Err(Side::Before(first)) => {
                left.blocks.end = number;
                left.starts.end = first.max(left.starts.start);
            }
            Err(Side::After(last)) => {
                left.blocks.start = number + 1;
                left.starts.start = last.min(left.starts.end);
            }
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

    /// What is found of `id`, and in how many blocks it was looked for.
    fn counted(blocks: &[u8], id: TraceId) -> (Option<Range<u32>>, usize) {
        let reads = Cell::new(0);
        let read = |number: u64| {
            reads.set(reads.get() + 1);
            Ok::<_, ()>(blocks[number as usize * BLOCK..][..BLOCK].to_vec())
        };
        let rows = find(id, (blocks.len() / BLOCK) as u64, read, |_| ()).unwrap();
        (rows, reads.get())
    }

    #[test]
    fn a_search_for_ids_that_are_not_random_reads_few_blocks() {
        // They lie side by side, and 589 blocks are halved ten times.
        let traces: Vec<_> = (0..100_000).map(|n| (numbered(2 * n), n..n + 1)).collect();
        let blocks = build(&traces);
        for id in [0, 1, 77_777, 199_998, 500_000] {
            let (rows, reads) = counted(&blocks, numbered(id));
            let expected = (id % 2 == 0 && id < 200_000).then_some(id / 2..id / 2 + 1);
            assert_eq!(rows, expected);
            assert!(reads <= GUESSES + 10, "{reads} reads");
        }
    }

    #[test]
    fn a_search_for_random_ids_reads_two_blocks_on_average() {
        let random = |n: u32| TraceId(xxhash_rust::xxh3::xxh3_128(&n.to_le_bytes()).to_be_bytes());
        let traces: BTreeMap<_, _> = (0..100_000).map(|n| (random(n), n..n + 1)).collect();
        let blocks = build(&traces.into_iter().collect::<Vec<_>>());
        let mut reads = 0;
        for n in (0..100_000).step_by(100) {
            let (rows, read) = counted(&blocks, random(n));
            assert_eq!(rows, Some(n..n + 1));
            reads += read;
        }
        assert!(reads <= 2 * 1_000, "{reads} reads");
    }
}
