use std::time::Duration;

use super::{Class, ClockReading, Decision, Facts};
use crate::segment::SegmentMeta;

const HOUR: i64 = 3_600_000_000_000;
const DAY: i64 = 24 * HOUR;
const NOW: i64 = 20_000 * DAY;
const WEEK: u64 = 7 * DAY as u64;

#[derive(Clone, Copy)]
struct Request {
    older_than_ns: Option<u64>,
    max_bytes: Option<u64>,
    trust_clock: bool,
}

/// Decides without rules.
fn decide(
    segments: &[&SegmentMeta],
    hot_newest: Option<i64>,
    opened: ClockReading,
    now: ClockReading,
    request: Request,
    leap_max: Duration,
) -> Decision {
    let class = |segment: &&SegmentMeta| Class {
        number: 0,
        keep_ns: request.older_than_ns,
        newest: segment.ingested_at.1,
    };
    let classes: Vec<Vec<Class>> = segments
        .iter()
        .map(|segment| vec![class(segment)])
        .collect();
    let facts = Facts {
        segments,
        classes: &classes,
        hot_newest,
        opened,
        now,
        leap_max,
        trust_clock: request.trust_clock,
    };
    super::decide(&facts, request.max_bytes)
}

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
        merged: None,
        is_pinned: false,
        is_undecided: false,
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
        older_than_ns: Some(WEEK),
        max_bytes: None,
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
        older_than_ns: Some(WEEK),
        max_bytes: None,
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
        older_than_ns: Some(WEEK),
        max_bytes: None,
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

/// Segments of 100 bytes, in an order other than that of their arrival.
fn hundreds() -> Vec<SegmentMeta> {
    let mut segments = days_before(NOW, &[2, 5, 1, 9]);
    for segment in &mut segments {
        segment.file_bytes = [70, 20, 10];
    }
    segments
}

fn by_size_and_age(max_bytes: u64, older_than_ns: Option<u64>) -> (Vec<usize>, usize) {
    let segments = hundreds();
    let segments: Vec<_> = segments.iter().collect();
    let request = Request {
        older_than_ns,
        max_bytes: Some(max_bytes),
        trust_clock: true,
    };
    let (opened, now) = (reading(NOW - 5, 0), reading(NOW, 5));
    let decision = decide(
        &segments,
        None,
        opened,
        now,
        request,
        Duration::from_hours(1),
    );
    (decision.expired, decision.for_size)
}

#[test]
fn the_oldest_go_until_the_rest_is_small_enough() {
    assert_eq!(by_size_and_age(400, None), (vec![], 0));
    assert_eq!(by_size_and_age(399, None), (vec![3], 1));
    assert_eq!(by_size_and_age(300, None), (vec![3], 1));
    assert_eq!(by_size_and_age(299, None), (vec![1, 3], 2));
    assert_eq!(by_size_and_age(0, None), (vec![0, 1, 2, 3], 4));
}

#[test]
fn what_is_too_old_counts_no_more_for_the_size() {
    assert_eq!(by_size_and_age(300, Some(WEEK)), (vec![3], 0));
    assert_eq!(by_size_and_age(299, Some(WEEK)), (vec![1, 3], 1));
}

#[test]
fn a_leap_of_the_clock_does_not_keep_what_has_no_room() {
    let segments = hundreds();
    let segments: Vec<_> = segments.iter().collect();
    let request = Request {
        older_than_ns: Some(1),
        max_bytes: Some(300),
        trust_clock: false,
    };
    let (opened, now) = (reading(NOW - 30 * DAY, 0), reading(NOW, 5));
    let decision = decide(
        &segments,
        None,
        opened,
        now,
        request,
        Duration::from_hours(1),
    );
    assert!(decision.suspended.is_some());
    assert_eq!(decision.expired, [3]);
}

#[test]
fn classes_go_each_at_its_own_term() {
    let segments = [
        segment(NOW - 20 * DAY, NOW - 3 * DAY),
        segment(NOW - 3 * DAY, NOW),
    ];
    let metas: Vec<_> = segments.iter().collect();
    let class = |number, days: Option<i64>, age: i64| Class {
        number,
        keep_ns: days.map(|days| (days * DAY) as u64),
        newest: NOW - age * DAY,
    };
    let decide = |classes: Vec<Class>, max_bytes| {
        let classes = [classes, vec![class(9, None, 0)]];
        let facts = Facts {
            segments: &metas,
            classes: &classes,
            hot_newest: None,
            opened: reading(NOW - DAY, 0),
            now: reading(NOW, DAY),
            leap_max: Duration::from_hours(1),
            trust_clock: true,
        };
        super::decide(&facts, max_bytes)
    };
    let one = class(0, Some(2), 3);
    let some = decide(vec![one, class(2, Some(14), 3), class(1, Some(1), 5)], None);
    assert_eq!(some.expired, [0; 0]);
    assert_eq!(some.reduced, [(0, vec![0, 1])]);
    let all = decide(vec![one, class(1, Some(1), 5)], None);
    assert_eq!((all.expired, all.reduced), (vec![0], vec![]));
    let kept = decide(vec![class(0, Some(3), 3), class(1, None, 100)], None);
    assert_eq!((kept.expired, kept.reduced), (vec![], vec![]));
    let for_ever = decide(vec![one, class(1, None, 100)], None);
    assert_eq!(for_ever.reduced, [(0, vec![0])]);
}
