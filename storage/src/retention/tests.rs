use std::time::Duration;

use super::{ClockReading, Decision, Request, decide};
use crate::segment::SegmentMeta;

const HOUR: i64 = 3_600_000_000_000;
const DAY: i64 = 24 * HOUR;
const NOW: i64 = 20_000 * DAY;
const WEEK: u64 = 7 * DAY as u64;

fn segment(first: i64, last: i64) -> SegmentMeta {
    SegmentMeta {
        name: String::new(),
        tenant: String::new(),
        format: 1,
        wal: (0, 0),
        span_count: 1,
        trace_count: 1,
        file_bytes: [0; 3],
        file_crc: [0; 3],
        start_time: (0, 0),
        ingested_at: (first, last),
        services: Vec::new(),
    }
}

/// Segments of one hour each that ended so many days before `now`.
fn days_before(now: i64, days: &[i64]) -> Vec<SegmentMeta> {
    let ends = days.iter().map(|day| now - day * DAY);
    ends.map(|end| segment(end - HOUR, end)).collect()
}

fn reading(wall: i64, monotonic: i64) -> ClockReading {
    ClockReading {
        wall_ns: wall as u64,
        monotonic_ns: monotonic as u64,
    }
}

/// Decides at `now` in a process that was opened `running` ago and whose clock did not leap.
fn at(segments: &[SegmentMeta], now: i64, running: i64) -> Decision {
    let segments: Vec<_> = segments.iter().collect();
    let request = Request {
        older_than_ns: WEEK,
        trust_clock: false,
    };
    decide(
        &segments,
        None,
        reading(now - running, 5),
        reading(now, 5 + running),
        request,
        Duration::from_hours(1),
    )
}

#[test]
fn a_segment_goes_when_its_newest_span_is_older_than_asked() {
    let week = WEEK as i64;
    for (age, gone) in [(week - 1, false), (week, false), (week + 1, true)] {
        let segments = [
            segment(NOW - age - 9 * DAY, NOW - age),
            segment(NOW - 5, NOW),
        ];
        let decision = at(&segments, NOW, DAY);
        assert_eq!(
            decision.expired,
            if gone { vec![0] } else { vec![] },
            "{age}"
        );
        assert_eq!(decision.suspended, None);
    }
}

#[test]
fn steady_arrivals_expire_one_after_the_other() {
    let segments = days_before(NOW, &[20, 15, 10, 8, 6, 3, 0]);
    assert_eq!(at(&segments, NOW, DAY).expired, [0, 1, 2, 3]);
    assert_eq!(at(&segments, NOW, DAY).suspended, None);
}

#[test]
fn a_leap_in_this_process_suspends_all() {
    let segments = days_before(NOW, &[20, 15, 10, 5, 0]);
    let segments: Vec<_> = segments.iter().collect();
    let request = |trust_clock| Request {
        older_than_ns: WEEK,
        trust_clock,
    };
    for (drift, suspended) in [
        (HOUR, false),
        (HOUR + 1, true),
        (-HOUR - 1, true),
        (-HOUR, false),
    ] {
        let opened = reading(NOW - DAY - drift, 0);
        let now = reading(NOW, DAY);
        let decide = |trust| {
            decide(
                &segments,
                None,
                opened,
                now,
                request(trust),
                Duration::from_hours(1),
            )
        };
        let decision = decide(false);
        assert_eq!(decision.suspended.is_some(), suspended, "{drift}");
        assert_eq!(decision.expired.is_empty(), suspended);
        assert_eq!(decide(true).expired, [0, 1, 2]);
        assert_eq!(decide(true).suspended, None);
    }
}

#[test]
fn a_leap_while_closed_deletes_nothing_until_the_clock_has_run_for_a_retention() {
    // Three days of data, then a restart with the clock ten years ahead.
    let before = days_before(NOW, &[3, 2, 1, 0]);
    let leapt = NOW + 3650 * DAY;
    let first = at(&before, leapt, HOUR);
    assert_eq!(first.expired, [] as [usize; 0]);
    assert!(first.suspended.unwrap().starts_with("4 segments stay"));
    // New spans arrive under the new clock: the old ones still stay, for a week.
    let mut segments = before;
    segments.push(segment(leapt, leapt + HOUR));
    let soon = at(&segments, leapt + 6 * DAY, DAY);
    assert_eq!(soon.expired, [] as [usize; 0]);
    assert!(soon.suspended.is_some());
    segments.push(segment(leapt + 5 * DAY, leapt + 5 * DAY));
    let later = at(&segments, leapt + 8 * DAY, DAY);
    assert_eq!(later.expired, [0, 1, 2, 3, 4]);
}

#[test]
fn an_idle_time_shorter_than_the_retention_is_no_leap() {
    let segments = days_before(NOW, &[13, 12, 6]);
    let decision = at(&segments, NOW, HOUR);
    assert_eq!(decision.expired, [0, 1]);
    assert_eq!(decision.suspended, None);
}

#[test]
fn a_clock_that_went_back_deletes_nothing() {
    let segments = days_before(NOW, &[20, 10, 0]);
    let decision = at(&segments, NOW - 3650 * DAY, HOUR);
    assert_eq!(decision, Decision::default());
}

#[test]
fn arrivals_in_the_hot_window_count() {
    let segments = days_before(NOW, &[9, 8]);
    let segments: Vec<_> = segments.iter().collect();
    let request = Request {
        older_than_ns: WEEK,
        trust_clock: false,
    };
    let (opened, now) = (reading(NOW, 0), reading(NOW, 0));
    let decide = |hot| {
        decide(
            &segments,
            hot,
            opened,
            now,
            request,
            Duration::from_hours(1),
        )
    };
    assert!(decide(None).suspended.is_some());
    assert_eq!(decide(Some(NOW - 2 * DAY)).expired, [0, 1]);
}

#[test]
fn extreme_times_do_not_overflow() {
    let segments = [segment(i64::MIN, i64::MIN), segment(i64::MAX, i64::MAX)];
    let decision = at(&segments, NOW, HOUR);
    assert_eq!(decision.expired, [] as [usize; 0]);
}
