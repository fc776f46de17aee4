//! Retention: which segments, and which traces in them, go by age and by size, and when not to believe the clock.
//!
//! Rules (`rules`) give some traces another term. The traces of a segment that have one term are a class; when all classes of a segment are past
//! their terms it goes, and when some are, it is written anew without them.
//!
//! By size the segments go whose newest span arrived first, until the rest is small enough. That needs no clock.
//!
//! Age is counted from arrival (`ingested_at`), never from event time, so that old data imported today stays its full term.
//!
//! A wrong clock must not delete anything. Two things make deletion wait:
//! - *a leap in this process*: the wall clock has moved against the monotonic one by more than `Limits::clock_leap` since the store
//!   was opened;
//! - *a hole in the arrivals* that is longer than the retention itself. Either nothing arrived for so long, or the clock leapt, perhaps while
//!   the store was closed; the two look alike. Segments from before the hole then stay until the clock has run for one
//!   whole retention since the first arrival after the hole.
//!
//! Both are reported, and an operator who trusts the clock can say so.

pub(crate) mod rules;
pub(crate) mod terms;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::segment::SegmentMeta;

/// How a clock that was read at start and is read now has moved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClockReading {
    /// Wall clock, ns since the epoch.
    pub(crate) wall_ns: u64,
    /// Monotonic clock, ns.
    pub(crate) monotonic_ns: u64,
}

/// What of a segment has one term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Class {
    /// Which one: the number of the rule, or that behind the last.
    pub(crate) number: usize,
    /// How long it is kept; `None` for ever.
    pub(crate) keep_ns: Option<u64>,
    /// When its newest span arrived, signed ns.
    pub(crate) newest: i64,
}

/// What retention decides.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Decision {
    /// Places of the segments that go, ascending.
    pub(crate) expired: Vec<usize>,
    /// Places of segments of which some classes go, and the numbers of those.
    pub(crate) reduced: Vec<(usize, Vec<usize>)>,
    /// How many of the segments that go are not too old, but too many bytes.
    pub(crate) for_size: usize,
    /// Why segments that are old enough stay nevertheless.
    pub(crate) suspended: Option<String>,
}

/// What is known when retention decides.
pub(crate) struct Facts<'a> {
    pub(crate) segments: &'a [&'a SegmentMeta],
    /// The classes of each segment, at least one.
    pub(crate) classes: &'a [Vec<Class>],
    /// The newest arrival in the hot window.
    pub(crate) hot_newest: Option<i64>,
    pub(crate) opened: ClockReading,
    pub(crate) now: ClockReading,
    /// How far the clocks may drift apart.
    pub(crate) leap_max: Duration,
    /// Do not look for leaps.
    pub(crate) trust_clock: bool,
}

/// A class of a segment: its place, the number of the class, when its newest span arrived.
type Item = (usize, usize, i64);

/// Decides: by the terms of the classes, then by size. The oldest segments go until the rest has `max_bytes` at most; `None` keeps all.
pub(crate) fn decide(facts: &Facts<'_>, max_bytes: Option<u64>) -> Decision {
    let mut decision = facts.by_terms();
    if let Some(max_bytes) = max_bytes {
        let for_size = by_size(facts.segments, &decision.expired, max_bytes);
        decision.for_size = for_size.len();
        decision
            .reduced
            .retain(|(place, _)| !for_size.contains(place));
        decision.expired.extend(for_size);
        decision.expired.sort_unstable();
    }
    decision
}

/// The oldest segments beside `expired` that have to go so that the rest has `max_bytes` at most.
fn by_size(segments: &[&SegmentMeta], expired: &[usize], max_bytes: u64) -> Vec<usize> {
    let bytes = |place: &usize| segments[*place].file_bytes.iter().sum::<u64>();
    let mut oldest_first: Vec<usize> = (0..segments.len())
        .filter(|place| !expired.contains(place))
        .collect();
    oldest_first.sort_by_key(|place| segments[*place].ingested_at.1);
    let mut total: u64 = oldest_first.iter().map(bytes).sum();
    let goes = |place: &usize| {
        let is_over = total > max_bytes;
        total = total.saturating_sub(bytes(place));
        is_over
    };
    oldest_first.into_iter().take_while(goes).collect()
}

impl Facts<'_> {
    fn by_terms(&self) -> Decision {
        let mut by_term: BTreeMap<u64, Vec<Item>> = BTreeMap::new();
        for (place, classes) in self.classes.iter().enumerate() {
            for class in classes {
                if let Some(keep_ns) = class.keep_ns {
                    let item = (place, class.number, class.newest);
                    by_term.entry(keep_ns).or_default().push(item);
                }
            }
        }
        let mut decision = Decision::default();
        let mut gone: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (keep_ns, items) in by_term {
            let (old, suspended) = self.by_age(items, i128::from(keep_ns));
            decision.suspended = decision.suspended.or(suspended);
            for (place, number, _) in old {
                gone.entry(place).or_default().push(number);
            }
        }
        for (place, mut numbers) in gone {
            if numbers.len() == self.classes[place].len() {
                decision.expired.push(place);
            } else {
                numbers.sort_unstable();
                decision.reduced.push((place, numbers));
            }
        }
        decision
    }

    /// Those of `items` that are older than asked and may go, and why others stay.
    fn by_age(&self, mut items: Vec<Item>, older_than: i128) -> (Vec<Item>, Option<String>) {
        let now_ns = i128::from(self.now.wall_ns);
        items.retain(|(_, _, newest)| now_ns - i128::from(*newest) > older_than);
        if self.trust_clock || items.is_empty() {
            return (items, None);
        }
        if let Some(reason) = leap(self.opened, self.now, self.leap_max) {
            return (Vec::new(), Some(reason));
        }
        let mut suspended = None;
        if let Some((from, to)) = last_hole(self.segments, self.hot_newest, now_ns, older_than)
            && now_ns - to <= older_than
        {
            let before = items.len();
            items.retain(|(_, _, newest)| i128::from(*newest) > from);
            let kept = before - items.len();
            suspended = (kept > 0).then(|| hole_reason(kept, from, to));
        }
        (items, suspended)
    }
}

/// Why the wall clock is not to be believed, if so.
pub(crate) fn leap(opened: ClockReading, now: ClockReading, leap_max: Duration) -> Option<String> {
    let wall = i128::from(now.wall_ns) - i128::from(opened.wall_ns);
    let monotonic = i128::from(now.monotonic_ns) - i128::from(opened.monotonic_ns);
    let drift = wall - monotonic;
    (drift.unsigned_abs() > leap_max.as_nanos()).then(|| {
        format!(
            "the wall clock has leapt by {} s since the store was opened; if it is right now, restart, or run retention with the clock \
             trusted",
            drift / 1_000_000_000
        )
    })
}

/// The last stretch longer than `longest` in which nothing arrived: the arrival before it and the one after it, or now.
fn last_hole(
    segments: &[&SegmentMeta],
    hot_newest: Option<i64>,
    now_ns: i128,
    longest: i128,
) -> Option<(i128, i128)> {
    let mut spans: Vec<(i128, i128)> = segments
        .iter()
        .map(|segment| segment.ingested_at)
        .chain(hot_newest.map(|newest| (newest, newest)))
        .map(|(first, last)| (i128::from(first), i128::from(last)))
        .chain([(now_ns, now_ns)])
        .collect();
    spans.sort_unstable();
    let mut hole = None;
    let mut newest = spans.first()?.1;
    for (first, last) in spans {
        if first - newest > longest {
            hole = Some((newest, first));
        }
        newest = newest.max(last);
    }
    hole
}

fn hole_reason(kept: usize, from: i128, to: i128) -> String {
    let seconds = |ns: i128| ns / 1_000_000_000;
    format!(
        "{kept} segments stay although they are old enough: nothing arrived between {} and {} (seconds since 1970), which is longer \
         than the retention. Either the store was idle or the clock leapt. They go once the clock has run for a whole retention \
         since, or when retention is run with the clock trusted",
        seconds(from),
        seconds(to)
    )
}
