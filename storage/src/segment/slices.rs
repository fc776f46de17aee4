//! Slices of time, in which the traces of a segment are put in order.

use std::ops::Range;

/// A trace, as far as its slice depends on it.
pub(crate) trait Timed {
    /// When it begins, ns since the epoch.
    fn start_unix_nano(&self) -> u64;

    /// Its spans.
    fn spans(&self) -> u64;
}

/// Cuts `traces`, sorted by start if there is more than one slice of them, into slices of time with at most `spans_max` spans each, as far as
/// traces do not start together. Time is halved, and what is too much is halved again, so that whoever cuts does it at the same places.
pub(crate) fn slices<T: Timed>(traces: &[T], spans_max: u64) -> Vec<Range<usize>> {
    let mut slices = Vec::new();
    cut(traces, 0, spans_max, &mut slices);
    slices
}

/// Cuts `traces`, of which the first one stands at `place`.
fn cut<T: Timed>(traces: &[T], place: usize, spans_max: u64, slices: &mut Vec<Range<usize>>) {
    let (Some(first), Some(last)) = (traces.first(), traces.last()) else {
        return;
    };
    let spans: u64 = traces.iter().map(Timed::spans).sum();
    // The highest bit in which the times differ halves the shortest stretch around all of them.
    let differ = first.start_unix_nano() ^ last.start_unix_nano();
    let Some(bit) = differ.checked_ilog2().filter(|_| spans > spans_max) else {
        slices.push(place..place + traces.len());
        return;
    };
    let later = traces.partition_point(|trace| trace.start_unix_nano() >> bit & 1 == 0);
    let (earlier, after) = traces.split_at(later);
    cut(earlier, place, spans_max, slices);
    cut(after, place + later, spans_max, slices);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A trace: its start and its spans.
    type Trace = (u64, u64);

    impl Timed for Trace {
        fn start_unix_nano(&self) -> u64 {
            self.0
        }

        fn spans(&self) -> u64 {
            self.1
        }
    }

    fn starts(traces: &[Trace], spans_max: u64) -> Vec<Vec<u64>> {
        let slices = slices(traces, spans_max).into_iter();
        let starts = |slice: Range<usize>| traces[slice].iter().map(|trace| trace.0).collect();
        slices.map(starts).collect()
    }

    #[test]
    fn a_slice_has_as_many_spans_as_it_may_and_one_more_halves_it() {
        let traces = [(8, 2), (9, 1), (11, 1), (12, 1)];
        assert_eq!(starts(&traces, 5), [[8, 9, 11, 12]]);
        assert_eq!(starts(&traces, 4), [vec![8, 9, 11], vec![12]]);
        assert_eq!(starts(&traces, 3), [vec![8, 9], vec![11], vec![12]]);
        // What starts together stays together.
        assert_eq!(starts(&[(7, 9), (7, 9)], 1), [[7, 7]]);
        let far = [(0, 1), (u64::MAX, 1)];
        assert_eq!(starts(&far, 1), [vec![0], vec![u64::MAX]]);
        assert!(starts(&[], 1).is_empty());
    }

    #[test]
    fn slices_of_a_part_lie_within_those_of_the_whole() {
        let traces: Vec<_> = (0..1000u64).map(|n| (n * n, 1)).collect();
        let whole = starts(&traces, 10);
        let part = starts(&traces[300..500], 10);
        let inside = |slice: &Vec<u64>| {
            whole
                .iter()
                .any(|of| slice.iter().all(|start| of.contains(start)))
        };
        assert!(part.iter().skip(1).all(inside));
        assert!(whole.iter().all(|slice| slice.len() <= 10));
        assert!(whole.concat().is_sorted());
    }
}
