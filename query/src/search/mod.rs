//! Trace search: the newest traces in which one span meets every condition, with exact limits and stable pages.
//!
//! A trace may lie in parts: in several segments and in the hot window. Its place in the order is the earliest start over
//! all parts, so a part alone only bounds it: a trace can stand no earlier in the order than its matching spans say.
//!
//! ```text
//!  hot window, then segments by latest start ──▶ hits (trace, earliest matching start) ──▶ page, ordered by merged start
//!        scanned in waves, pruned                   bound < page's last? else dropped          limit + 1 places
//! ```
//!
//! Only hits that may still enter the page are looked up in the other parts. Memory is the page, the hits of one wave, and 16
//! bytes for each matching trace if they are to be counted. Without a count the search ends as soon as no older segment can
//! reach the page.

pub(crate) mod cursor;
mod matcher;
mod parts;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use clew_storage::span::earlier_start;
use clew_storage::{Segment, TraceId};
use serde::Serialize;

use crate::coverage::{Coverage, Covering};
use crate::error::QueryError;
use crate::filter::Filter;
use crate::service::Reading;
use crate::trace::summary::Summary;
use cursor::Place;
use matcher::{Hit, Matcher};
use parts::Parts;

/// What to look for.
#[derive(Debug, Clone)]
pub(crate) struct SearchRequest {
    /// Condition on one span.
    pub(crate) filter: Filter,
    /// Traces of a page.
    pub(crate) limit: usize,
    /// Where the page before ended.
    pub(crate) after: Option<Place>,
    /// Whether all matching traces are to be counted.
    pub(crate) count: bool,
}

/// A page of matching traces, newest first.
#[derive(Debug)]
pub(crate) struct SearchAnswer {
    /// The traces.
    pub(crate) traces: Vec<Found>,
    /// How many match in all; the part that was seen when no count was asked for.
    pub(crate) total: Total,
    /// Where the next page begins, if there is one.
    pub(crate) next: Option<Place>,
    /// What was read.
    pub(crate) coverage: Coverage,
}

/// A matching trace.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    /// Its id.
    pub(crate) trace_id: TraceId,
    /// Its figures, over all parts.
    pub(crate) summary: Summary,
    /// Spans that match.
    pub(crate) matched_count: u32,
}

/// A count, and whether it is the whole one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Total {
    /// Traces.
    pub(crate) value: usize,
    /// False when there may be more.
    pub(crate) exact: bool,
}

/// Searches, and sums up the traces of the page. Blocks.
///
/// # Errors
/// When the filter has too many terms.
pub(crate) fn search(
    reading: &Reading,
    request: &SearchRequest,
) -> Result<SearchAnswer, QueryError> {
    let mut search = Search::run(reading, request)?;
    let (page, next) = search.page();
    let mut traces = Vec::with_capacity(page.len());
    for (place, count) in page {
        traces.extend(search.found(place.trace_id, count));
    }
    let total = search.total(traces.len(), next.is_some());
    let coverage = search.covering.finish(reading.budget.elapsed_ns());
    Ok(SearchAnswer {
        traces,
        total,
        next,
        coverage,
    })
}

/// Searches, and names the traces of the page and why there may be more. Blocks.
///
/// # Errors
/// When the filter has too many terms.
pub(crate) fn search_ids(
    reading: &Reading,
    request: &SearchRequest,
) -> Result<(Vec<TraceId>, Vec<String>), QueryError> {
    let mut search = Search::run(reading, request)?;
    let (page, _) = search.page();
    let ids = page.into_iter().map(|(place, _)| place.trace_id);
    Ok((ids.collect(), search.covering.reasons))
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

struct Search<'a> {
    reading: &'a Reading,
    request: &'a SearchRequest,
    matcher: Matcher,
    /// The matcher for segments that lie within the time range as a whole.
    timeless: Matcher,
    parts: Parts<'a>,
    /// The best traces so far and their matching spans; one more than the limit, to know whether a next page is there.
    page: BTreeMap<Place, u32>,
    seen: HashSet<TraceId>,
    exact: bool,
    covering: Covering,
}

impl<'a> Search<'a> {
    fn run(reading: &'a Reading, request: &'a SearchRequest) -> Result<Self, QueryError> {
        let (terms, terms_max) = (request.filter.terms(), reading.limits().filter_terms_max);
        if terms > terms_max {
            return Err(QueryError::limit(
                format!("the filter has {terms} terms; the limit is {terms_max}"),
                "ask for fewer tags",
            ));
        }
        let conjuncts = request.filter.conjuncts().into_iter();
        let timeless = conjuncts.filter(|part| !matches!(part, Filter::Start { .. }));
        let timeless = Filter::All(timeless.cloned().collect());
        let mut search = Self {
            reading,
            request,
            matcher: Matcher::new(&request.filter)?,
            timeless: Matcher::new(&timeless)?,
            parts: Parts::new(&reading.snapshot),
            page: BTreeMap::new(),
            seen: HashSet::new(),
            exact: true,
            covering: Covering {
                segments_total: reading.snapshot.segments().len(),
                ..Covering::default()
            },
        };
        search.hot()?;
        search.segments();
        Ok(search)
    }

    /// Scans the hot window.
    fn hot(&mut self) -> Result<(), QueryError> {
        let mut hits = Vec::new();
        for batch in self.reading.snapshot.hot() {
            if self.reading.budget.over() {
                self.stop();
                break;
            }
            self.matcher.scan_batch(batch, &mut hits)?;
        }
        self.offer(hits);
        Ok(())
    }

    /// Scans the segments, those with the latest spans first.
    fn segments(&mut self) {
        let mut segments: Vec<_> = self.reading.snapshot.segments().iter().collect();
        segments.retain(|segment| self.matcher.may_match(segment));
        segments.sort_by_key(|segment| std::cmp::Reverse(latest_start(segment)));
        let wave = self.reading.limits().scan_threads.max(1);
        for segments in segments.chunks(wave) {
            if !self.request.count && self.page_ends_after(latest_start(segments[0])) {
                self.exact = false;
                return;
            }
            if self.reading.budget.over() {
                return self.stop();
            }
            self.covering.segments_read += segments.len();
            for (segment, hits) in segments.iter().zip(self.scan(segments)) {
                match hits {
                    Ok(Some(hits)) => self.offer(hits),
                    Ok(None) => return self.stop(),
                    Err(error) => self.unreadable(segment, &error),
                }
            }
        }
    }

    /// Scans some segments, each on a thread of its own.
    fn scan(&self, segments: &[&Arc<Segment>]) -> Vec<Result<Option<Vec<Hit>>, QueryError>> {
        let scan = |segment: &Arc<Segment>| {
            let matcher = if self.request.filter.covers(segment.meta().start_time) {
                &self.timeless
            } else {
                &self.matcher
            };
            if matcher.matches_all() {
                return Parts::all_of(segment).map(Some);
            }
            matcher.scan_segment(segment, &self.reading.budget)
        };
        let (first, rest) = segments.split_first().expect("a wave has a segment");
        std::thread::scope(|scope| {
            let rest: Vec<_> = rest
                .iter()
                .map(|segment| scope.spawn(|| scan(segment)))
                .collect();
            let mut results = vec![scan(first)];
            let failed = |_| Err(QueryError::internal("a scan failed"));
            results.extend(
                rest.into_iter()
                    .map(|thread| thread.join().unwrap_or_else(failed)),
            );
            results
        })
    }

    /// True when the page is full and a trace that starts at `start` or before cannot enter it.
    fn page_ends_after(&self, start: u64) -> bool {
        self.page.len() > self.request.limit
            && self
                .page
                .last_key_value()
                .is_some_and(|(last, _)| last.start_time > start)
    }

    /// Takes the hits of a segment or of the hot window.
    fn offer(&mut self, hits: Vec<Hit>) {
        let mut traces: HashMap<TraceId, Hit> = HashMap::with_capacity(hits.len());
        for hit in hits {
            let known = traces
                .entry(hit.trace_id)
                .or_insert(Hit { count: 0, ..hit });
            known.count += hit.count;
            known.start_time = earlier_start(known.start_time, hit.start_time);
        }
        let mut hits: Vec<Hit> = traces.into_values().collect();
        hits.sort_by_key(|hit| Place {
            start_time: hit.start_time,
            trace_id: hit.trace_id,
        });
        for hit in hits {
            self.count(hit.trace_id);
            self.place(hit);
        }
    }

    fn count(&mut self, id: TraceId) {
        if !self.request.count {
            return;
        }
        if self.seen.len() < self.reading.limits().search_total_max {
            self.seen.insert(id);
        } else if !self.seen.contains(&id) {
            self.exact = false;
        }
    }

    /// Puts a trace on the page if it belongs there.
    fn place(&mut self, hit: Hit) {
        let bound = Place {
            start_time: hit.start_time,
            trace_id: hit.trace_id,
        };
        // A hit without a start time may belong to a trace that starts at any time.
        let full = self.page.len() > self.request.limit && hit.start_time != 0;
        if full
            && self
                .page
                .last_key_value()
                .is_some_and(|(last, _)| bound > *last)
        {
            return;
        }
        let start_time = match self.parts.start(hit.trace_id, hit.start_time) {
            Ok(start_time) => start_time,
            Err(error) => {
                self.covering.incomplete(format!(
                    "a part of trace {} cannot be read: {error}",
                    hit.trace_id
                ));
                hit.start_time
            }
        };
        let place = Place {
            start_time,
            trace_id: hit.trace_id,
        };
        if self.request.after.is_some_and(|after| place <= after) {
            return;
        }
        *self.page.entry(place).or_default() += hit.count;
        if self.page.len() > self.request.limit + 1 {
            self.page.pop_last();
        }
    }

    fn stop(&mut self) {
        self.exact = false;
        self.covering
            .incomplete("the time for a query is over; older traces were not looked at");
    }

    fn unreadable(&mut self, segment: &Segment, error: &QueryError) {
        self.exact = false;
        self.covering.incomplete(format!(
            "segment {} cannot be read: {error}",
            segment.meta().name
        ));
    }

    /// The places of the page and their matching spans, and the last of them if another page follows.
    fn page(&mut self) -> (Vec<(Place, u32)>, Option<Place>) {
        let more = self.page.len() > self.request.limit;
        let page = std::mem::take(&mut self.page).into_iter();
        let page: Vec<(Place, u32)> = page.take(self.request.limit).collect();
        let next = page.last().filter(|_| more).map(|(place, _)| *place);
        (page, next)
    }

    /// Sums a trace up; `None`, and noted, when it cannot be read any more.
    fn found(&mut self, id: TraceId, count: u32) -> Option<Found> {
        match self.parts.found(self.reading, &self.matcher, id, count) {
            Ok(found) => found,
            Err(error) => {
                self.covering
                    .incomplete(format!("trace {id} cannot be read: {error}"));
                None
            }
        }
    }

    /// How many traces match, given how many are on this page and whether another follows.
    fn total(&self, on_page: usize, more: bool) -> Total {
        if self.request.count {
            Total {
                value: self.seen.len(),
                exact: self.exact,
            }
        } else {
            Total {
                value: on_page,
                exact: self.exact && !more && self.request.after.is_none(),
            }
        }
    }
}
