//! Reads the spans that match: the hot window, then segments in waves, those with the latest spans first.

use std::sync::Arc;

use arrow::array::RecordBatch;
use clew_storage::Segment;

use super::matcher::{HIT_COLUMNS, Hit, Matcher, Sample, collect};
use super::parts::Parts;
use crate::coverage::Covering;
use crate::error::QueryError;
use crate::filter::Filter;
use crate::limits::QueryLimits;
use crate::service::Reading;

/// What becomes of the rows that match.
pub(super) trait Gather: Send {
    /// Places of the columns that it reads in the schema of `spans`, ascending.
    const COLUMNS: &'static [usize];

    /// Takes rows, with these columns.
    fn add(&mut self, rows: &RecordBatch) -> Result<(), QueryError>;

    /// Takes what another one has gathered.
    fn merge(&mut self, other: Self);
}

/// A scan under way.
pub(super) struct Scan<'a> {
    reading: &'a Reading,
    filter: &'a Filter,
    pub(super) matcher: Matcher,
    /// The matcher for segments that lie within the time range as a whole.
    timeless: Matcher,
    /// Segments yet to be read, the next ones last.
    left: Vec<Arc<Segment>>,
    /// What was read, and what could not be.
    pub(super) covering: Covering,
    /// Nothing that might match was left out.
    pub(super) complete: bool,
}

impl<'a> Scan<'a> {
    pub(super) fn new(reading: &'a Reading, filter: &'a Filter) -> Result<Self, QueryError> {
        let timeless = filter
            .conjuncts()
            .into_iter()
            .filter(|part| !matches!(part, Filter::Start { .. }));
        let timeless = Filter::All(timeless.cloned().collect());
        let matcher = Matcher::new(filter)?;
        let segments = reading.snapshot.segments();
        let may_match = segments.iter().filter(|segment| matcher.may_match(segment));
        let mut left: Vec<_> = may_match.cloned().collect();
        left.sort_by_key(|segment| latest_start(segment));
        Ok(Self {
            reading,
            filter,
            matcher,
            timeless: Matcher::new(&timeless)?,
            left,
            covering: Covering {
                segments_total: segments.len(),
                ..Covering::default()
            },
            complete: true,
        })
    }

    pub(super) fn reading(&self) -> &'a Reading {
        self.reading
    }

    pub(super) fn limits(&self) -> &'a QueryLimits {
        self.reading.limits()
    }

    /// The hits of the hot window.
    pub(super) fn hot(&mut self) -> Result<Vec<Hit>, QueryError> {
        let mut hits = Vec::new();
        for batch in self.reading.snapshot.hot() {
            if self.over() {
                break;
            }
            self.matcher.visit_batch(batch, &HIT_COLUMNS, |rows| {
                collect(rows, &mut hits);
                Ok(())
            })?;
        }
        Ok(hits)
    }

    /// Reads what is left to the end: each row that matches and that `sample` picks goes to a gatherer, one a thread, and all of
    /// them into one.
    pub(super) fn gather<G: Gather>(
        &mut self,
        sample: Sample,
        make: impl Fn() -> G + Sync,
    ) -> Result<G, QueryError> {
        let mut gathered = make();
        let mut first = 0;
        for batch in self.reading.snapshot.hot() {
            if self.over() {
                break;
            }
            let rows = first..first + batch.len();
            first = rows.end;
            if sample.picks(rows.start) {
                self.matcher
                    .visit_batch(batch, G::COLUMNS, |rows| gathered.add(rows))?;
            }
        }
        while !self.left.is_empty() {
            let parts = self.each_of_wave(|scan, segment| {
                let mut part = make();
                let (matcher, budget) = (scan.matcher_of(segment), &scan.reading.budget);
                let add = |rows: &RecordBatch| part.add(rows);
                let whole = matcher.visit_segment(segment, G::COLUMNS, sample, budget, add)?;
                Ok(whole.then_some(part))
            });
            for part in parts {
                gathered.merge(part);
            }
        }
        Ok(gathered)
    }

    /// The latest start that a trace with a span in the segments of the next wave, or in later ones, may have.
    pub(super) fn next_latest(&self) -> Option<u64> {
        self.left.last().map(|segment| latest_start(segment))
    }

    /// Reads the next segments; the hits of each.
    pub(super) fn wave(&mut self) -> Vec<Vec<Hit>> {
        self.each_of_wave(|scan, segment| {
            let matcher = scan.matcher_of(segment);
            if matcher.matches_all() {
                return Parts::all_of(segment).map(Some);
            }
            let mut hits = Vec::new();
            let add = |rows: &RecordBatch| {
                collect(rows, &mut hits);
                Ok(())
            };
            let budget = &scan.reading.budget;
            let whole = matcher.visit_segment(segment, &HIT_COLUMNS, Sample::ALL, budget, add)?;
            Ok(whole.then_some(hits))
        })
    }

    /// What `read` makes of each of the next segments, `None` being for one that it could not finish in time.
    fn each_of_wave<T: Send>(
        &mut self,
        read: impl Fn(&Self, &Arc<Segment>) -> Result<Option<T>, QueryError> + Sync,
    ) -> Vec<T> {
        if self.left.is_empty() || self.over() {
            self.left.clear();
            return Vec::new();
        }
        let threads = self.reading.limits().scan_threads.max(1);
        let wave = self.left.split_off(self.left.len().saturating_sub(threads));
        self.covering.segments_read += wave.len();
        let results = self.scan(&wave, read);
        let mut made = Vec::with_capacity(wave.len());
        for (segment, result) in wave.iter().zip(results) {
            match result {
                Ok(Some(part)) => made.push(part),
                Ok(None) => {
                    self.over();
                }
                Err(error) => self.unreadable(segment, &error),
            }
        }
        made
    }

    /// The matcher for `segment`: one that lies within the time range as a whole needs no look at times.
    fn matcher_of(&self, segment: &Segment) -> &Matcher {
        if self.filter.covers(segment.meta().start_time) {
            &self.timeless
        } else {
            &self.matcher
        }
    }

    /// Reads some segments, each on a thread of its own.
    fn scan<T: Send>(
        &self,
        segments: &[Arc<Segment>],
        read: impl Fn(&Self, &Arc<Segment>) -> Result<Option<T>, QueryError> + Sync,
    ) -> Vec<Result<Option<T>, QueryError>> {
        let (first, rest) = segments.split_first().expect("a wave has a segment");
        let read = &read;
        std::thread::scope(|scope| {
            let rest: Vec<_> = rest
                .iter()
                .map(|segment| scope.spawn(move || read(self, segment)))
                .collect();
            let mut results = vec![read(self, first)];
            let failed = |_| Err(QueryError::internal("a scan failed"));
            results.extend(
                rest.into_iter()
                    .map(|thread| thread.join().unwrap_or_else(failed)),
            );
            results
        })
    }

    /// True, and noted, when the time is over.
    pub(super) fn over(&mut self) -> bool {
        let over = self.reading.budget.over();
        if over {
            self.incomplete("the time for a query is over; older traces were not looked at");
        }
        over
    }

    /// Notes that something is left out.
    pub(super) fn incomplete(&mut self, reason: impl Into<String>) {
        self.complete = false;
        self.covering.incomplete(reason);
    }

    fn unreadable(&mut self, segment: &Segment, error: &QueryError) {
        let name = &segment.meta().name;
        self.incomplete(format!("segment {name} cannot be read: {error}"));
    }
}

/// The latest start that a trace with a span in the segment may have, as sent. A time beyond 2^63 is negative in the manifest, and a
/// span without a start time may belong to a trace of any.
fn latest_start(segment: &Segment) -> u64 {
    let (earliest, latest) = segment.meta().start_time;
    if earliest <= 0 {
        u64::MAX
    } else {
        latest as u64
    }
}
