//! Thirty days of a store's segments, without the spans: how many there are, and how often a byte is written.
//!
//! The figures stand in `docs/storage.md`; `CLEW_PRINT=1 cargo test -p clew-storage thirty_days -- --nocapture` prints them.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::plan::next_job;
use crate::env::testing::SeededRandom;
use crate::limits::CompactionLimits;
use crate::segment::{FORMAT, Merged, SegmentMeta, TimeWindow};

const SECOND: u64 = 1_000_000_000;
const HOUR: u64 = 3600 * SECOND;
const DAY: u64 = 24 * HOUR;
const START: u64 = 1_767_225_600 * SECOND;
/// Bytes of a span in a segment.
const SPAN_BYTES: u64 = 30;
/// Bytes that even the smallest segment has.
const SEGMENT_BYTES_MIN: u64 = 8 << 10;
/// Spans of a full epoch.
const EPOCH_SPANS: u64 = 200_000;

/// Bytes of each window in a segment.
type Content = BTreeMap<TimeWindow, u64>;

struct World {
    limits: CompactionLimits,
    random: SeededRandom,
    segments: Vec<SegmentMeta>,
    /// What flushed segments hold.
    contents: HashMap<String, Content>,
    next: u64,
    flushed_bytes: u64,
    merged_bytes: u64,
    merges: u64,
    most_segments: usize,
    /// New segments at the moment, and at most.
    flushed: usize,
    most_flushed: usize,
    retention_ns: u64,
}

/// What came of a run.
#[derive(Debug)]
struct Figures {
    write_amplification: f64,
    segments: usize,
    most_segments: usize,
    most_flushed: usize,
    merges: u64,
    /// Segments that overlap a random hour of the past.
    per_hour: f64,
}

impl World {
    fn new(seed: u64, retention_ns: u64) -> Self {
        Self {
            limits: CompactionLimits::default(),
            random: SeededRandom::new(seed),
            segments: Vec::new(),
            contents: HashMap::new(),
            next: 0,
            flushed_bytes: 0,
            merged_bytes: 0,
            merges: 0,
            most_segments: 0,
            flushed: 0,
            most_flushed: 0,
            retention_ns,
        }
    }

    fn add(&mut self, bytes: u64, arrived: (i64, i64), merged: Option<Merged>) -> String {
        self.next += 1;
        let name = format!("{:08}", self.next);
        self.segments.push(SegmentMeta {
            name: name.clone(),
            tenant: "default".to_owned(),
            format: FORMAT,
            wal: (self.next, self.next),
            span_count: bytes / SPAN_BYTES,
            trace_count: 1,
            file_bytes: [bytes + SEGMENT_BYTES_MIN, 0, 0],
            file_crc: [0; 3],
            start_time: (0, 0),
            ingested_at: arrived,
            services: Vec::new(),
            merged,
            is_pinned: false,
            is_undecided: false,
        });
        name
    }

    /// A flush: most spans of now, some of the last hours, few of the last days.
    fn flush(&mut self, now: u64, spans: u64, late: bool) {
        let length_ns = self.limits.window.as_nanos() as u64;
        let mut content = Content::new();
        let mut take = |at: u64, spans: u64| {
            let window = TimeWindow::of(at as i64, length_ns);
            *content.entry(window).or_default() += spans * SPAN_BYTES;
        };
        if late {
            let hours = self.random.below(24) * HOUR;
            take(now - hours, spans / 100);
            if self.random.below(10) == 0 {
                take(now - self.random.below(7) * DAY, spans / 1000);
            }
        }
        take(now, spans);
        content.retain(|_, bytes| *bytes > 0);
        let bytes: u64 = content.values().sum();
        self.flushed_bytes += bytes + SEGMENT_BYTES_MIN;
        let name = self.add(bytes, (now as i64, now as i64), None);
        self.contents.insert(name, content);
        self.most_segments = self.most_segments.max(self.segments.len());
        self.flushed += 1;
        self.most_flushed = self.most_flushed.max(self.flushed);
    }

    /// Makes all merges that are due.
    fn compact(&mut self, now: u64) {
        let before = self.merges;
        loop {
            let metas: Vec<&SegmentMeta> = self.segments.iter().collect();
            let Some(job) = next_job(&metas, now, &self.limits, &HashSet::new()) else {
                return;
            };
            assert!(self.merges - before < 1000, "merges have no end: {job:?}");
            self.merges += 1;
            let inputs: Vec<SegmentMeta> = self
                .segments
                .extract_if(.., |segment| job.inputs.contains(&segment.name))
                .collect();
            assert_eq!(inputs.len(), job.inputs.len());
            self.flushed -= inputs.iter().filter(|input| input.merged.is_none()).count();
            let mut content = Content::new();
            for input in &inputs {
                let own = self.contents.remove(&input.name).unwrap_or_default();
                match job.window {
                    Some(window) => {
                        *content.entry(window).or_default() += input.span_count * SPAN_BYTES;
                    }
                    None => own
                        .into_iter()
                        .for_each(|(window, bytes)| *content.entry(window).or_default() += bytes),
                }
            }
            let arrived = inputs
                .iter()
                .map(|input| input.ingested_at)
                .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
                .unwrap();
            for (window, mut bytes) in content {
                while bytes > 0 {
                    let taken = bytes.min(self.limits.segment_bytes);
                    bytes -= taken;
                    self.merged_bytes += taken + SEGMENT_BYTES_MIN;
                    let merge_id = self.merges;
                    self.add(
                        taken,
                        arrived,
                        Some(Merged {
                            window,
                            merge_id,
                            is_sampled: false,
                        }),
                    );
                }
            }
        }
    }

    fn retain(&mut self, now: u64) {
        let oldest = now.saturating_sub(self.retention_ns) as i64;
        self.segments
            .retain(|segment| segment.ingested_at.1 >= oldest);
    }

    fn figures(&self, now: u64) -> Figures {
        let hours = 200;
        let mut overlaps = 0;
        for _ in 0..hours {
            let at = now - self.random.below(self.retention_ns);
            let hour = TimeWindow::of(at as i64, HOUR);
            let is_in = |segment: &&SegmentMeta| {
                segment.merged.is_some_and(|merged| {
                    merged.window.start_ns() < hour.end_ns()
                        && hour.start_ns() < merged.window.end_ns()
                })
            };
            overlaps += self.segments.iter().filter(is_in).count();
        }
        Figures {
            write_amplification: self.merged_bytes as f64 / self.flushed_bytes as f64,
            segments: self.segments.len(),
            most_segments: self.most_segments,
            most_flushed: self.most_flushed,
            merges: self.merges,
            per_hour: overlaps as f64 / f64::from(hours),
        }
    }
}

/// `days` of `rate` spans a second, a flush every 30 s or 200,000 spans.
fn run(days: u64, rate: u64, late: bool) -> Figures {
    let every = (30 * SECOND).min(EPOCH_SPANS * SECOND / rate);
    let mut world = World::new(rate, days * DAY);
    let (mut now, end) = (START, START + days * DAY);
    let mut flushes = 0;
    let mut looked = now;
    while now < end {
        now += every;
        world.flush(now, rate * every / SECOND, late);
        flushes += 1;
        // It is looked after each flush; in between nothing can be due that a later look would not find.
        if flushes % world.limits.fan_in as u64 == 0 || now - looked > 600 * SECOND {
            looked = now;
            world.compact(now);
        }
    }
    world.retain(now);
    world.figures(now)
}

fn check(name: &str, figures: &Figures, amplification: f64, segments: usize) {
    let Figures {
        write_amplification,
        segments: left,
        most_segments,
        most_flushed,
        merges,
        per_hour,
    } = figures;
    let told = format!(
        "{name}: each byte written {:.1} times, {left} segments in the end, {most_segments} at most, {most_flushed} new ones at most, \
         {merges} merges, {per_hour:.1} segments an hour",
        write_amplification + 1.0
    );
    if std::env::var_os("CLEW_PRINT").is_some() {
        println!("{told}");
    }
    assert!(
        *write_amplification <= amplification && *left <= segments,
        "{told}"
    );
    assert!(
        *most_flushed <= 2 * CompactionLimits::default().fan_in + 20,
        "{told}"
    );
}

#[test]
fn thirty_days_of_little_traffic() {
    check("10 spans/s", &run(30, 10, false), 5.0, 80);
    check("10 spans/s, late", &run(30, 10, true), 6.0, 200);
}

#[test]
fn thirty_days_of_some_traffic() {
    check("1,000 spans/s", &run(30, 1000, false), 3.5, 1000);
    check("1,000 spans/s, late", &run(30, 1000, true), 3.5, 2800);
}

#[test]
fn days_of_much_traffic() {
    check("50,000 spans/s, 2 days", &run(2, 50_000, true), 3.5, 1800);
}
