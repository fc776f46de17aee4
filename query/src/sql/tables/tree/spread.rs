//! Which traces lie in several places.
//!
//! A Bloom filter over the traces that are to be read takes two bytes a trace. Those that it takes for seen are looked up, if they are
//! few; else one that it takes for seen in error is put together though it need not be, which costs a little work and changes no answer.

use std::collections::HashSet;
use std::sync::Arc;

use clew_storage::segment::SegmentTable;
use clew_storage::{Segment, TraceId, schema};
use datafusion::common::Result;
use datafusion::execution::memory_pool::MemoryReservation;

use super::super::pass::failed;
use crate::rows::Columns;

/// Bits of the filter a trace.
const BITS: u64 = 16;
/// Bits that a trace sets.
const PROBES: u64 = 4;
/// A segment's filter is asked for each trace, instead of reading the segment's ids, when it holds so many times more.
const ASK_FACTOR: u64 = 16;
/// Most traces whose ids are kept to ask with.
const ASK_MAX: u64 = 100_000;
/// Traces that were taken for seen are looked up when they are at most one in so many.
const LOOK_UP_SHARE: u64 = 64;

/// The traces of `read` that also lie in another of them or in `others`.
///
/// # Errors
/// When a segment cannot be read.
pub(super) fn joint(
    read: &[Arc<Segment>],
    others: &[Arc<Segment>],
    memory: &MemoryReservation,
) -> Result<HashSet<TraceId>> {
    let traces: u64 = read.iter().map(|segment| segment.meta().trace_count).sum();
    let mut seen = Seen::new(traces);
    memory.try_grow(seen.bits.len() * 8)?;
    let mut joint = HashSet::new();
    let mut asking = Vec::new();
    for segment in read {
        for id in ids(segment)? {
            if seen.insert(id) {
                joint.insert(id);
            }
            if traces <= ASK_MAX {
                asking.push(id);
            }
        }
    }
    for segment in others {
        if traces <= ASK_MAX && traces * ASK_FACTOR < segment.meta().trace_count {
            for id in &asking {
                if segment.trace_rows(*id).map_err(failed)?.is_some() {
                    joint.insert(*id);
                }
            }
        } else {
            joint.extend(ids(segment)?.into_iter().filter(|id| seen.contains(*id)));
        }
    }
    if joint.len() as u64 * LOOK_UP_SHARE <= traces {
        joint = looked_up(joint, read, others)?;
    }
    Ok(joint)
}

/// Those of `ids` that lie in several segments.
fn looked_up(
    ids: HashSet<TraceId>,
    read: &[Arc<Segment>],
    others: &[Arc<Segment>],
) -> Result<HashSet<TraceId>> {
    let mut joint = HashSet::new();
    for id in ids {
        let mut places = 0;
        for segment in read.iter().chain(others) {
            places += usize::from(segment.trace_rows(id).map_err(failed)?.is_some());
        }
        if places > 1 {
            joint.insert(id);
        }
    }
    Ok(joint)
}

/// Ids of the traces of a segment.
fn ids(segment: &Segment) -> Result<Vec<TraceId>> {
    let column = schema::traces().index_of("trace_id")?;
    let traces = 0..segment.meta().trace_count as u32;
    let rows = segment
        .read_rows(SegmentTable::Traces, traces, Some(&[column]))
        .map_err(failed)?;
    let ids = Columns(&rows).fixed("trace_id").map_err(failed)?;
    Ok(ids
        .iter()
        .flatten()
        .filter_map(TraceId::from_bytes)
        .collect())
}

/// A Bloom filter.
struct Seen {
    bits: Vec<u64>,
}

impl Seen {
    fn new(traces: u64) -> Self {
        let bits = traces.saturating_mul(BITS).next_power_of_two().max(1 << 10);
        Self {
            bits: vec![0; (bits / 64) as usize],
        }
    }

    /// The bits of an id, as word and mask.
    fn places(&self, id: TraceId) -> impl Iterator<Item = (usize, u64)> + use<> {
        let words = self.bits.len() as u64;
        let [high, low] = [0, 8].map(|at| {
            let half = id.0[at..at + 8].try_into().unwrap_or_default();
            u64::from_be_bytes(half)
        });
        let first = mix(high ^ mix(low));
        let step = mix(first) | 1;
        (0..PROBES).map(move |probe| {
            let hash = first.wrapping_add(step.wrapping_mul(probe));
            (((hash >> 6) % words) as usize, 1 << (hash & 63))
        })
    }

    fn contains(&self, id: TraceId) -> bool {
        self.places(id)
            .all(|(word, mask)| self.bits[word] & mask != 0)
    }

    /// True when the id was there already.
    fn insert(&mut self, id: TraceId) -> bool {
        let known = self.contains(id);
        for (word, mask) in self.places(id) {
            self.bits[word] |= mask;
        }
        known
    }
}

/// Spreads a number over all bits.
fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_is_missed_and_few_are_taken_for_another() {
        let id = |number: u128| TraceId(number.to_be_bytes());
        for spread in [1, 1 << 64, 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834] {
            let ids = |from: u128| (from..from + 10_000).map(move |n| id(n.wrapping_mul(spread)));
            let mut seen = Seen::new(10_000);
            let repeated = ids(1).filter(|id| seen.insert(*id)).count();
            assert!(ids(1).all(|id| seen.contains(id)));
            let wrong = ids(20_001).filter(|id| seen.contains(*id)).count();
            assert!(wrong < 100 && repeated < 100, "{wrong} {repeated}");
        }
    }
}
