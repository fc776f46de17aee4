//! Retention: which segments are old enough to go, and when not to believe the clock.
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

#[cfg(test)]
mod tests;

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

/// What retention decides.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Decision {
    /// Places of the segments that go.
    pub(crate) expired: Vec<usize>,
    /// Why segments that are old enough stay nevertheless.
    pub(crate) suspended: Option<String>,
}

/// What retention is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    /// Segments whose newest span arrived longer ago than this go.
    pub(crate) older_than_ns: u64,
    /// Do not look for leaps.
    pub(crate) trust_clock: bool,
}

/// Decides over `segments`. `hot_newest` is the newest arrival in the hot window.
pub(crate) fn decide(
    segments: &[&SegmentMeta],
    hot_newest: Option<i64>,
    opened: ClockReading,
    now: ClockReading,
    request: Request,
    leap_max: Duration,
) -> Decision {
    let older_than = i128::from(request.older_than_ns);
    let now_ns = i128::from(now.wall_ns);
    let is_old = |segment: &SegmentMeta| now_ns - i128::from(segment.ingested_at.1) > older_than;
    let places = 0..segments.len();
    let mut expired: Vec<usize> = places.filter(|place| is_old(segments[*place])).collect();
    if request.trust_clock || expired.is_empty() {
        return Decision {
            expired,
            suspended: None,
        };
    }
    if let Some(reason) = leap(opened, now, leap_max) {
        return Decision {
            expired: Vec::new(),
            suspended: Some(reason),
        };
    }
    let mut suspended = None;
    if let Some((from, to)) = last_hole(segments, hot_newest, now_ns, older_than)
        && now_ns - to <= older_than
    {
        let before = expired.len();
        expired.retain(|place| i128::from(segments[*place].ingested_at.1) > from);
        let kept = before - expired.len();
        suspended = (kept > 0).then(|| hole_reason(kept, from, to));
    }
    Decision { expired, suspended }
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
