//! Which segments are merged next: a pure function of the manifest's facts, the time, and the limits.
//!
//! The rules, the first one that gives work:
//! 1. *Flushed segments* are put into windows of `window` length: `fan_in` of them, or the old ones.
//! 2. *A window that fills*: `fan_in` segments of one size, so that a span is rewritten once a size.
//! 3. *A window that is over* and in which nothing arrived lately: its small segments become one, if that makes the largest of them a
//!    quarter larger at least.
//! 4. *Windows that are small* become one that is [`WIDER`] times as long, when all of it fits into one segment.
//!
//! A segment of half the target size is never merged again, which bounds how often a span is rewritten. What one merge made is not
//! merged again without others, so that there is an end.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::limits::CompactionLimits;
use crate::segment::{SegmentMeta, TimeWindow};

/// How many windows of one length become one of the next.
pub(super) const WIDER: [u64; 2] = [24, 32];
/// The largest segment of a window that is over may be so many times as large as the others together.
const LARGEST_MAX: u64 = 4;
/// Segments of one size: the largest is less than so many times the smallest.
const SIZE_STEP: u64 = 4;

/// A merge to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    /// Names of the segments.
    pub(crate) inputs: Vec<String>,
    /// The window that all of them lie in; `None` for flushed ones, whose traces are put into windows.
    pub(crate) window: Option<TimeWindow>,
    /// Whether their traces are sampled by the way, because they are old.
    pub(crate) samples: bool,
}

/// The next merge; `None` when there is nothing to do. Segments in `excluded` are left alone.
pub(crate) fn next_job(
    segments: &[&SegmentMeta],
    now_ns: u64,
    limits: &CompactionLimits,
    excluded: &HashSet<String>,
) -> Option<Job> {
    // What retention leaves over is merged among itself alone, and so is what was sampled when it was old.
    let mut tenants: BTreeMap<(&str, bool, bool), Tenant<'_>> = BTreeMap::new();
    for segment in segments {
        if !excluded.contains(&segment.name) {
            let key = (
                segment.tenant.as_str(),
                segment.is_pinned,
                segment.is_sampled(),
            );
            tenants.entry(key).or_default().add(segment);
        }
    }
    let planner = Planner {
        now_ns: i128::from(now_ns),
        limits,
    };
    tenants.values().find_map(|tenant| planner.next(tenant))
}

/// The next segments that are sampled: those of one window whose newest span arrived at least `after_ns` ago and which were not sampled before; `None` when
/// there are none. The oldest come first. Pinned ones stay whole.
pub(crate) fn next_sampling(
    segments: &[&SegmentMeta],
    now_ns: u64,
    after_ns: u64,
    limits: &CompactionLimits,
    excluded: &HashSet<String>,
) -> Option<Job> {
    let is_due = |segment: &&&SegmentMeta| {
        let age_ns = i128::from(now_ns) - i128::from(segment.ingested_at.1);
        !segment.is_pinned
            && !segment.is_sampled()
            && !excluded.contains(&segment.name)
            && age_ns >= i128::from(after_ns)
    };
    let mut windows: BTreeMap<_, Vec<&SegmentMeta>> = BTreeMap::new();
    for segment in segments.iter().filter(is_due) {
        let window = segment.merged.map(|merged| merged.window);
        let of = windows.entry((segment.tenant.as_str(), window));
        of.or_default().push(segment);
    }
    let ((_, window), mut due) = windows.into_iter().min_by_key(|((tenant, _), due)| {
        let oldest = due.iter().map(|segment| segment.ingested_at.1).min();
        (oldest, *tenant)
    })?;
    due.sort_by_key(|segment| segment.wal);
    let planner = Planner {
        now_ns: i128::from(now_ns),
        limits,
    };
    Some(Job {
        inputs: names(&planner.bounded(due)),
        window,
        samples: true,
    })
}

/// The segments of one tenant.
#[derive(Default)]
struct Tenant<'a> {
    flushed: Vec<&'a SegmentMeta>,
    windows: BTreeMap<TimeWindow, Vec<&'a SegmentMeta>>,
}

impl<'a> Tenant<'a> {
    fn add(&mut self, segment: &'a SegmentMeta) {
        match segment.merged {
            None => self.flushed.push(segment),
            Some(merged) => self.windows.entry(merged.window).or_default().push(segment),
        }
    }
}

struct Planner<'a> {
    now_ns: i128,
    limits: &'a CompactionLimits,
}

impl Planner<'_> {
    fn next(&self, tenant: &Tenant<'_>) -> Option<Job> {
        if let Some(job) = self.flushed(&tenant.flushed) {
            return Some(job);
        }
        // The newest windows first: they are asked for most, and have the most segments.
        let windows = tenant.windows.iter().rev();
        let in_one = windows.filter_map(|(window, segments)| self.in_window(*window, segments));
        in_one.chain(self.wider(tenant)).next()
    }

    fn flushed(&self, flushed: &[&SegmentMeta]) -> Option<Job> {
        let is_old = |segment: &&SegmentMeta| self.is_settled(segment.ingested_at.1);
        if flushed.len() < self.limits.fan_in && !flushed.iter().any(is_old) {
            return None;
        }
        let mut oldest_first = flushed.to_vec();
        oldest_first.sort_by_key(|segment| segment.wal);
        Some(Job {
            inputs: names(&self.bounded(oldest_first)),
            window: None,
            samples: false,
        })
    }

    fn in_window(&self, window: TimeWindow, segments: &[&SegmentMeta]) -> Option<Job> {
        let small = self.small(segments.iter().copied());
        let taken = if self.is_over(window, &small) {
            grown(&small)
        } else {
            self.alike(&small)
        };
        self.job(window, taken)
    }

    /// Merges a window's small segments when they go into a longer window whole.
    fn wider(&self, tenant: &Tenant<'_>) -> Option<Job> {
        let mut length_ns = self.limits.window.as_nanos() as u64;
        WIDER.into_iter().find_map(|factor| {
            let mut parents: BTreeMap<TimeWindow, Vec<&SegmentMeta>> = BTreeMap::new();
            let longer_ns = length_ns.saturating_mul(factor);
            for (window, segments) in &tenant.windows {
                let is_inside = window.length_ns < longer_ns
                    && longer_ns.is_multiple_of(window.length_ns.max(1));
                if is_inside || window.length_ns == longer_ns {
                    let parent = window.wider(longer_ns / window.length_ns.max(1));
                    parents.entry(parent).or_default().extend(segments);
                }
            }
            length_ns = longer_ns;
            parents.into_iter().rev().find_map(|(parent, segments)| {
                let bytes: u64 = segments.iter().map(|segment| bytes(segment)).sum();
                let windows: BTreeSet<_> = segments
                    .iter()
                    .filter_map(|segment| Some(segment.merged?.window))
                    .collect();
                if windows.len() < 2
                    || bytes > self.limits.segment_bytes
                    || !self.is_over(parent, &segments)
                {
                    return None;
                }
                let smallest_first = self.small(segments.into_iter());
                self.job(parent, smallest_first)
            })
        })
    }

    fn job(&self, window: TimeWindow, taken: Vec<&SegmentMeta>) -> Option<Job> {
        let taken = self.bounded(taken);
        let merges: BTreeSet<u64> = taken
            .iter()
            .filter_map(|segment| segment.merged.map(|merged| merged.merge_id))
            .collect();
        (taken.len() >= 2 && merges.len() >= 2).then(|| Job {
            inputs: names(&taken),
            window: Some(window),
            samples: false,
        })
    }

    /// True when time has gone on so far that nothing more is to be expected.
    fn is_settled(&self, time_ns: i64) -> bool {
        self.now_ns - i128::from(time_ns) >= self.limits.settle.as_nanos() as i128
    }

    fn is_over(&self, window: TimeWindow, segments: &[&SegmentMeta]) -> bool {
        let settle = self.limits.settle.as_nanos() as i128;
        self.now_ns - window.end_ns() >= settle
            && segments
                .iter()
                .all(|segment| self.is_settled(segment.ingested_at.1))
    }

    /// Those that may grow, smallest first.
    fn small<'s>(&self, segments: impl Iterator<Item = &'s SegmentMeta>) -> Vec<&'s SegmentMeta> {
        let mut small: Vec<_> = segments
            .filter(|segment| bytes(segment) < self.limits.segment_bytes / 2)
            .collect();
        small.sort_by_key(|segment| (bytes(segment), segment.wal));
        small
    }

    /// The smallest ones of about one size, if they are enough.
    fn alike<'s>(&self, smallest_first: &[&'s SegmentMeta]) -> Vec<&'s SegmentMeta> {
        for start in 0..smallest_first.len() {
            let limit = bytes(smallest_first[start])
                .saturating_mul(SIZE_STEP)
                .max(1);
            let rest = &smallest_first[start..];
            let alike = rest.partition_point(|segment| bytes(segment) < limit);
            if alike >= self.limits.fan_in {
                return rest[..alike].to_vec();
            }
        }
        Vec::new()
    }

    /// The first of `segments` that fit into one merge.
    fn bounded<'s>(&self, segments: Vec<&'s SegmentMeta>) -> Vec<&'s SegmentMeta> {
        let (mut spans, mut total) = (0, 0);
        let fits = |segment: &&SegmentMeta| {
            let is_first = spans == 0;
            spans += segment.span_count;
            total += bytes(segment);
            is_first || spans <= self.limits.spans_max && total <= 2 * self.limits.segment_bytes
        };
        let inputs = segments.into_iter().take(self.limits.inputs_max);
        inputs.take_while(fits).collect()
    }
}

/// As many as make the largest of them grow by a quarter.
fn grown<'s>(smallest_first: &[&'s SegmentMeta]) -> Vec<&'s SegmentMeta> {
    let mut smaller = 0;
    let mut take = 0;
    for (place, segment) in smallest_first.iter().enumerate() {
        if bytes(segment) <= smaller * LARGEST_MAX {
            take = place + 1;
        }
        smaller += bytes(segment);
    }
    smallest_first[..take].to_vec()
}

fn bytes(segment: &SegmentMeta) -> u64 {
    segment.file_bytes.iter().sum()
}

fn names(segments: &[&SegmentMeta]) -> Vec<String> {
    let names = segments.iter().map(|segment| segment.name.clone());
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::{FORMAT, Merged};

    const MIB: u64 = 1 << 20;
    const HOUR: u64 = 3_600_000_000_000;
    const NOW: u64 = 500_000 * HOUR + HOUR / 2;

    /// A segment of `bytes` whose newest span has just arrived.
    fn flushed(name: u64, bytes: u64) -> SegmentMeta {
        SegmentMeta {
            name: name.to_string(),
            tenant: "default".to_owned(),
            format: FORMAT,
            wal: (name, name),
            span_count: bytes / 30,
            trace_count: 1,
            file_bytes: [bytes, 0, 0],
            file_crc: [0; 3],
            start_time: (0, 0),
            ingested_at: (0, NOW as i64),
            services: Vec::new(),
            merged: None,
            is_pinned: false,
            is_undecided: false,
        }
    }

    /// One of the hour that began so many hours ago, by the merge `merge_id`; nothing arrived lately.
    fn merged(name: u64, bytes: u64, hours_ago: u64, merge_id: u64) -> SegmentMeta {
        let window = TimeWindow::of((NOW - hours_ago * HOUR) as i64, HOUR);
        SegmentMeta {
            merged: Some(Merged {
                window,
                merge_id,
                is_sampled: false,
            }),
            ingested_at: (0, (NOW - HOUR) as i64),
            ..flushed(name, bytes)
        }
    }

    fn next(segments: &[SegmentMeta]) -> Option<Vec<String>> {
        let segments: Vec<_> = segments.iter().collect();
        let limits = CompactionLimits::default();
        next_job(&segments, NOW, &limits, &HashSet::new()).map(|job| job.inputs)
    }

    fn all(count: u64, segment: impl Fn(u64) -> SegmentMeta) -> Vec<SegmentMeta> {
        (0..count).map(segment).collect()
    }

    #[test]
    fn as_many_new_segments_as_asked_for_are_merged_and_one_less_is_not() {
        let limits = CompactionLimits::default();
        let few = all(limits.fan_in as u64 - 1, |n| flushed(n, MIB));
        assert_eq!(next(&few), None);
        let enough = all(limits.fan_in as u64, |n| flushed(n, MIB));
        assert_eq!(next(&enough).unwrap().len(), limits.fan_in);
        let many = all(limits.inputs_max as u64 + 1, |n| flushed(n, MIB));
        assert_eq!(next(&many).unwrap().len(), limits.inputs_max);
    }

    #[test]
    fn few_new_segments_are_merged_when_they_are_old() {
        let aged = |age_ns: u64| SegmentMeta {
            ingested_at: (0, (NOW - age_ns) as i64),
            ..flushed(1, MIB)
        };
        let settle = CompactionLimits::default().settle.as_nanos() as u64;
        assert_eq!(next(&[aged(settle - 1), flushed(2, MIB)]), None);
        assert_eq!(next(&[aged(settle), flushed(2, MIB)]).unwrap(), ["1", "2"]);
    }

    #[test]
    fn a_window_that_fills_merges_what_is_of_one_size() {
        let mut segments = all(7, |n| merged(n, 10 * MIB + n, 0, n));
        segments.push(merged(100, 41 * MIB, 0, 100));
        segments.push(merged(101, 2 * MIB, 0, 101));
        assert_eq!(next(&segments), None);
        segments.push(merged(102, 11 * MIB, 0, 102));
        assert_eq!(next(&segments).unwrap().len(), 8);
    }

    #[test]
    fn a_window_that_is_over_merges_as_long_as_it_pays() {
        let pair = |large: u64, small: u64| [merged(1, large, 2, 1), merged(2, small, 2, 2)];
        assert_eq!(next(&pair(40 * MIB, 10 * MIB)).unwrap(), ["2", "1"]);
        assert_eq!(next(&pair(40 * MIB + 1, 10 * MIB)), None);
        assert_eq!(
            next(&pair(128 * MIB, 100 * MIB)),
            None,
            "large enough already"
        );
        let lately = [
            merged(1, 10 * MIB, 2, 1),
            SegmentMeta {
                ingested_at: (0, NOW as i64),
                ..merged(2, 10 * MIB, 2, 2)
            },
        ];
        assert_eq!(next(&lately), None, "more may come");
    }

    #[test]
    fn what_one_merge_made_is_not_merged_again_alone() {
        let parts = [merged(1, MIB, 2, 7), merged(2, MIB, 2, 7)];
        assert_eq!(next(&parts), None);
        let with_another = [parts[0].clone(), parts[1].clone(), merged(3, MIB, 2, 8)];
        assert_eq!(next(&with_another).unwrap().len(), 3);
    }

    #[test]
    fn small_hours_become_a_day_if_all_of_it_fits() {
        // All of the day before yesterday.
        let hours_ago = (NOW / HOUR) % 24 + 24;
        let day = |bytes: u64| all(24, |n| merged(n, bytes, hours_ago + n + 1, n));
        let fits = CompactionLimits::default().segment_bytes / 24;
        assert_eq!(next(&day(fits)).unwrap().len(), 24);
        assert_eq!(next(&day(fits + 1)), None);
    }

    #[test]
    fn what_is_old_is_sampled_once_a_window_at_a_time() {
        const DAY: u64 = 24 * HOUR;
        let limits = CompactionLimits::default();
        let aged = |name: u64, hours_ago: u64, age_ns: u64| SegmentMeta {
            ingested_at: (0, (NOW - age_ns) as i64),
            ..merged(name, MIB, hours_ago, name)
        };
        let next = |segments: &[SegmentMeta], excluded: &[&str]| {
            let segments: Vec<_> = segments.iter().collect();
            let excluded = excluded.iter().map(|name| (*name).to_owned()).collect();
            next_sampling(&segments, NOW, DAY, &limits, &excluded)
        };
        assert_eq!(next(&[aged(1, 30, DAY - 1)], &[]), None);
        let mut segments = vec![aged(1, 30, DAY), aged(2, 40, DAY + 2), aged(3, 40, DAY + 1)];
        let job = next(&segments, &[]).unwrap();
        assert_eq!(job.inputs, ["2", "3"]);
        assert_eq!(job.window, segments[1].merged.map(|merged| merged.window));
        assert!(job.samples);
        assert_eq!(next(&segments, &["2", "3"]).unwrap().inputs, ["1"]);
        for segment in &mut segments[1..] {
            segment.merged.as_mut().unwrap().is_sampled = true;
        }
        assert_eq!(next(&segments, &[]).unwrap().inputs, ["1"]);
        segments[0].is_pinned = true;
        assert_eq!(next(&segments, &[]), None);
        let new = SegmentMeta {
            ingested_at: (0, (NOW - DAY) as i64),
            ..flushed(9, MIB)
        };
        assert_eq!(next(&[new], &[]).unwrap().window, None);
    }

    #[test]
    fn what_was_sampled_is_merged_among_itself_alone() {
        let mut pair = [merged(1, MIB, 2, 1), merged(2, MIB, 2, 2)];
        assert_eq!(next(&pair).unwrap().len(), 2);
        pair[0].merged.as_mut().unwrap().is_sampled = true;
        assert_eq!(next(&pair), None);
        pair[1].merged.as_mut().unwrap().is_sampled = true;
        assert_eq!(next(&pair).unwrap().len(), 2);
    }

    #[test]
    fn a_merge_takes_no_more_spans_than_it_may() {
        let limits = CompactionLimits::default();
        let with = |spans: u64| {
            all(8, |n| SegmentMeta {
                span_count: spans,
                ..flushed(n, MIB)
            })
        };
        assert_eq!(next(&with(limits.spans_max / 8)).unwrap().len(), 8);
        assert_eq!(next(&with(limits.spans_max / 8 + 1)).unwrap().len(), 7);
        assert_eq!(next(&with(limits.spans_max + 1)).unwrap().len(), 1);
    }
}
